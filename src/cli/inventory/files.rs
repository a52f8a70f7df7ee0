//! Which inventories are meant and how they are read, for every command that takes some; what is wrong with them is told.

use std::{
    collections::BTreeMap,
    io::Read as _,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use clap::Args;

use super::super::{
    Console, Globals, access,
    values::{WrapChoice, parse_resolver, parse_wrap, wrap_help},
};
use crate::{
    error::Error,
    model::{
        address::is_address_or_network,
        loading::{Loaded, Notice, NoticeKind},
        policy::Policy,
        wrap::Wrap,
    },
    pipeline::{
        classify, names,
        source::{self, Input, Options},
    },
    report,
};

/// Between two drawings of a progress line.
const REDRAW: Duration = Duration::from_millis(100);

/// Inventories and how they are read; shared with `sweep`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Files {
    /// Inventories: files of any format that --format names; `-` reads standard input; etcd://HOST:PORT/PREFIX,
    /// consul://HOST:PORT, dns:NAME ask what runs there (etcds, consuls: over TLS)
    #[arg(value_name = "INVENTORY")]
    pub(crate) inventories: Vec<PathBuf>,
    /// Secrets (names and places, never values): a CSV, or a report of gitleaks or trufflehog; also found by content among
    /// the inventories
    #[arg(long, value_name = "FILE")]
    pub(crate) secrets: Vec<PathBuf>,
    /// Format of the inventories, where it should not be told by content.
    #[arg(long, value_name = "NAME", help = format_help())]
    pub(crate) format: Option<String>,
    /// Ports for hosts and networks that name none [default: the usual one of their service_type, else 443]
    #[arg(long, value_delimiter = ',', value_name = "PORT,...")]
    pub(crate) ports: Vec<std::num::NonZeroU16>,
    /// How TLS is reached where a row does not say.
    #[arg(long, value_name = "WRAP", value_parser = parse_wrap, help = wrap_help())]
    pub(crate) wrap: Option<WrapChoice>,
    /// Stop at any bad row (exit 5) instead of reporting it and going on
    #[arg(long)]
    pub(crate) strict: bool,
}

/// The help of `--format`, with every name that it takes.
pub(crate) fn format_help() -> &'static str {
    static HELP: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
        let all = source::formats().join(", ");
        format!("Format of the inventories, where it should not be told by content: {all}")
    });
    &HELP
}

/// How inventories are loaded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct How<'h> {
    /// A scope file bounds what huge networks may expand to.
    pub(crate) scoped: bool,
    /// The files need not declare a service.
    pub(crate) partial: bool,
    /// Who is asked about names of live sources; empty: the system's resolvers.
    pub(crate) resolvers: &'h [SocketAddr],
    /// The rules in force: kinds of services have their ports.
    pub(crate) policy: &'h Policy,
    /// The incident file whose services stand in for a live source that does not answer.
    pub(crate) known: Option<&'h Path>,
}

impl<'h> How<'h> {
    /// Whole, by the system's resolvers.
    pub(crate) const fn under(policy: &'h Policy) -> Self {
        Self { scoped: false, partial: false, resolvers: &[], policy, known: None }
    }
}

impl Files {
    /// Loads everything. Live sources are asked.
    pub(crate) fn load(&self, how: &How<'_>) -> Result<Loaded, Error> {
        let options = Options {
            format: self.format.clone(),
            strict: self.strict,
            default_ports: self.ports.iter().map(|p| p.get()).collect(),
            allow_huge: how.scoped,
            wrap: self.fixed_wrap(),
            type_ports: classify::type_ports(how.policy)?,
            partial: how.partial,
        };
        if let Some(path) = self.secrets.iter().find(|path| is_live(path)) {
            // The argument is not repeated: it may hold a password.
            let _ = path;
            return Err(Error::Usage("--secrets: a live source holds services; name a file".to_owned()));
        }
        let (inputs_given, notices) = gathered(&self.inventories, how.resolvers, how.known)?;
        let mut loaded = source::load(&inputs_given, &inputs(&self.secrets)?, &options)?;
        loaded.notices.extend(notices);
        Ok(loaded)
    }

    /// Whether anything but files is named.
    pub(crate) fn any_live(&self) -> bool {
        self.inventories.iter().any(|path| is_live(path))
    }

    /// The folder of the first inventory, where that is a file: configuration may lie there.
    pub(crate) fn folder(&self) -> Option<&Path> {
        self.inventories.first().filter(|path| !is_live(path))?.parent()
    }

    /// The wrap for rows that name none, where one was typed.
    pub(crate) fn fixed_wrap(&self) -> Option<Wrap> {
        self.wrap.and_then(|choice| choice.0)
    }

    /// The default ports, 443 where none were typed.
    pub(crate) fn port_numbers(&self) -> Vec<u16> {
        if self.ports.is_empty() {
            return vec![443];
        }
        self.ports.iter().map(|p| p.get()).collect()
    }
}

/// Whether an argument names something to ask and not a file. `./dns:x` is a file.
pub(crate) fn is_live(path: &Path) -> bool {
    path.to_str().is_some_and(|text| source::live::parse(text).is_some())
}

/// The inputs that are named, with what live sources gave in their place. Where one does not answer, what the incident
/// file knows of it stands in, with a notice.
pub(crate) fn gathered(
    paths: &[PathBuf],
    resolvers: &[SocketAddr],
    known: Option<&Path>,
) -> Result<(Vec<Input>, Vec<Notice>), Error> {
    let (mut all, mut notices) = (Vec::with_capacity(paths.len()), Vec::new());
    for input in inputs(paths)? {
        let Input::Live(live) = &input else {
            all.push(input);
            continue;
        };
        let (name, access) = (live.to_string(), access::of(live.kind, resolvers)?);
        let error = match source::gather(vec![input], &access) {
            Ok(given) => {
                all.extend(given);
                continue;
            }
            Err(error) => error,
        };
        let services =
            known.map_or_else(|| Ok(Vec::new()), |incident| source::known_from(incident, &name))?;
        if services.is_empty() {
            return Err(error);
        }
        let none = BTreeMap::new();
        let lines = services.iter().map(|service| report::inventory::list_jsonl(service, None, &none) + "\n");
        notices.push(Notice {
            kind: NoticeKind::LeftOut,
            message: format!("{error}; its {} services of earlier sweeps are taken instead", services.len()),
            source: None,
        });
        all.push(Input::Text { name, text: lines.collect::<String>().into_bytes(), format: Some("jsonl") });
    }
    Ok((all, notices))
}

/// Whether somebody typed what is to be looked at, and no file.
fn is_target(text: &str) -> bool {
    let host_and_port = text.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    host_and_port || is_address_or_network(text)
}

/// The files as they are named; `-` is read here, live sources are not asked yet.
pub(crate) fn inputs(paths: &[PathBuf]) -> Result<Vec<Input>, Error> {
    paths
        .iter()
        .map(|path| {
            if let Some(live) = path.to_str().and_then(source::live::parse) {
                // The argument is not repeated: it may hold a password.
                let wrong = |why| Error::Usage(format!("an inventory's address cannot be used: {why}"));
                return live.map(Input::Live).map_err(wrong);
            }
            if path != Path::new("-") {
                return match path.to_str().filter(|text| is_target(text) && !path.exists()) {
                    Some(target) => Err(Error::Usage(format!(
                        "{target} is no file; hosts and networks are given one a line: echo {target} | allclear ... -"
                    ))),
                    None => Ok(Input::Path(path.clone())),
                };
            }
            let mut text = Vec::new();
            std::io::stdin()
                .lock()
                .read_to_end(&mut text)
                .map_err(|e| Error::Input(format!("standard input cannot be read: {e}")))?;
            Ok(Input::text("-", text))
        })
        .collect()
}

/// Who is asked about names.
#[derive(Debug, Args)]
pub(crate) struct Resolvers {
    /// A resolver to ask for dns: sources, and with `check --dns`, where several are compared; repeatable [default: the
    /// system's]
    #[arg(long, value_name = "ADDRESS[:PORT]", value_parser = parse_resolver)]
    pub(crate) resolver: Vec<SocketAddr>,
}

/// The rules beside the inventory, or the built-in ones.
pub(crate) fn policy(files: &Files, globals: &Globals) -> Result<Policy, Error> {
    let folders: Vec<_> = files.folder().into_iter().collect();
    Ok(globals.config(&folders)?.config.policy)
}

/// Asks DNS, with a line on a terminal that says how far it has come.
pub(crate) fn ask_dns(
    loaded: &mut Loaded,
    resolvers: &[SocketAddr],
    console: &mut Console,
) -> Result<BTreeMap<String, Vec<IpAddr>>, Error> {
    let animate = console.animate && !console.quiet;
    let mut shown = Instant::now();
    let mut progress = |done: usize, all: usize| {
        if animate && shown.elapsed() >= REDRAW {
            shown = Instant::now();
            let _ = write!(console.err, "\rDNS: {done} of {all} names"); // only for the eye
            let _ = console.err.flush();
        }
    };
    let asked = names::check(loaded, resolvers, &mut progress);
    if animate {
        let _ = write!(console.err, "\r\x1b[K");
    }
    asked
}

/// Bad rows go to standard error, one line each, and are counted; the rest goes on.
pub(crate) fn report_faults(loaded: &Loaded, console: &mut Console) {
    for bad in &loaded.bad {
        console.warn(&bad.to_string());
    }
    if !loaded.bad.is_empty() {
        let (bad, good) = (loaded.bad.len(), loaded.services.len());
        let services = if good == 1 { "service" } else { "services" };
        let were = if bad == 1 { "bad row was" } else { "bad rows were" };
        console.warn(&format!("{bad} {were} left out; the other rows gave {good} {services}"));
    }
    for disagreement in &loaded.disagreements {
        console.note(&disagreement.to_string());
    }
    for notice in &loaded.notices {
        console.note(&notice.to_string());
    }
}
