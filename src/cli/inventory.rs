//! `allclear inventory`: what was loaded and from where, and what is wrong with it. Contacts nothing but the live
//! sources that are named, and name servers with `check --dns`.

mod diff;

use std::{
    io::Read as _,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use clap::{Args, Subcommand};

use super::{Console, Globals, access};
use crate::{
    error::{Error, Exit},
    model::{loading::Loaded, wrap::Wrap},
    pipeline::{
        judged, names,
        source::{self, Input, Options, live::Access},
    },
    report,
};

/// Between two drawings of a progress line.
const REDRAW: Duration = Duration::from_millis(100);

/// Show what an inventory says, or what is wrong with it
#[derive(Debug, Args)]
pub(crate) struct InventoryArgs {
    #[command(subcommand)]
    command: Sub,
}

#[derive(Debug, Subcommand)]
enum Sub {
    /// List the services after expansion of networks and port lists, and merging; without a file, those of
    /// the incident
    List {
        #[command(flatten)]
        files: Files,
        /// One JSON object a service
        #[arg(long)]
        jsonl: bool,
    },
    /// Report bad rows, disagreements, unknown owners; exits 5 on any fault
    Check {
        #[command(flatten)]
        files: Files,
        /// Also print every fault as an annotation that GitHub shows beside the line
        #[arg(long)]
        annotate: bool,
        #[command(flatten)]
        dns: DnsArgs,
    },
    /// What everyone forgot: open ports that no one declared, services that are gone, retired ones that are open
    Diff(diff::DiffArgs),
    /// Write what no one declared as inventory rows to review
    Adopt(diff::AdoptArgs),
}

/// Whether DNS is asked about the names, and where.
#[derive(Debug, Args)]
struct DnsArgs {
    /// Look the names up as well: names that do not exist, resolvers that disagree, zones of one provider. Asks name
    /// servers and contacts nothing else
    #[arg(long)]
    dns: bool,
    /// A resolver to ask with --dns, to be compared with the others; repeatable [default: the system's]
    #[arg(long, value_name = "ADDRESS[:PORT]", requires = "dns", value_parser = super::sweep::parse_resolver)]
    resolver: Vec<SocketAddr>,
}

/// Inventories and how they are read; shared with `sweep`.
#[derive(Debug, Args)]
pub(crate) struct Files {
    /// Inventories: files of any format that --format names; `-` reads standard input; etcd://HOST:PORT/PREFIX,
    /// consul://HOST:PORT, dns:NAME ask what runs there (etcds, consuls: over TLS)
    #[arg(value_name = "INVENTORY")]
    pub(crate) inventories: Vec<PathBuf>,
    /// A CSV of secrets (names and places, never values); also found by its header among the inventories
    #[arg(long, value_name = "FILE")]
    pub(crate) secrets: Vec<PathBuf>,
    /// Format of the inventories, where it should not be told by content.
    #[arg(long, value_name = "NAME", help = format_help())]
    pub(crate) format: Option<String>,
    /// Ports for hosts and networks that name none
    #[arg(long, value_delimiter = ',', value_name = "PORT,...", default_value = "443")]
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

/// The help of `--wrap`, with every word that it takes.
pub(crate) fn wrap_help() -> &'static str {
    static HELP: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
        let all: Vec<&str> = Wrap::ALL.iter().map(|w| w.as_str()).collect();
        format!(
            "How TLS is reached where a row does not say. Without it the port decides, and a greeting of another \
             protocol corrects it; auto: ports that show nothing are also tried with protocols in which the client \
             speaks first, at up to five connections each; or one of {}",
            all.join(", ")
        )
    });
    &HELP
}

/// A wrap, or none: to be found out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WrapChoice(pub(crate) Option<Wrap>);

pub(crate) fn parse_wrap(text: &str) -> Result<WrapChoice, String> {
    if text == "auto" {
        return Ok(WrapChoice(None));
    }
    Wrap::named(text).map(|wrap| WrapChoice(Some(wrap))).map_err(|e| e.to_string())
}

impl Files {
    /// Loads everything, `scoped` when a scope file bounds what huge networks may expand to. Live sources are asked,
    /// their names and `dns:` of these resolvers or the system's.
    pub(crate) fn load(&self, scoped: bool, resolvers: &[SocketAddr]) -> Result<Loaded, Error> {
        self.load_as(scoped, false, resolvers)
    }

    /// Loads everything; the files need not declare a service.
    pub(crate) fn load_partial(&self, resolvers: &[SocketAddr]) -> Result<Loaded, Error> {
        self.load_as(false, true, resolvers)
    }

    fn load_as(&self, scoped: bool, partial: bool, resolvers: &[SocketAddr]) -> Result<Loaded, Error> {
        let options = Options {
            format: self.format.clone(),
            strict: self.strict,
            default_ports: self.port_numbers(),
            allow_huge: scoped,
            wrap: self.fixed_wrap(),
            partial,
            ..Options::default()
        };
        if let Some(path) = self.secrets.iter().find(|path| is_live(path)) {
            let name = path.display();
            return Err(Error::Usage(format!("--secrets {name}: a live source holds services; name a file")));
        }
        source::load(&gathered(&self.inventories, resolvers)?, &inputs(&self.secrets)?, &options)
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

    /// The default ports.
    pub(crate) fn port_numbers(&self) -> Vec<u16> {
        self.ports.iter().map(|p| p.get()).collect()
    }
}

/// Whether an argument names something to ask and not a file. `./dns:x` is a file.
pub(super) fn is_live(path: &Path) -> bool {
    path.to_str().is_some_and(|text| source::live::parse(text).is_some())
}

/// The inputs that are named, with what live sources gave in their place.
pub(super) fn gathered(paths: &[PathBuf], resolvers: &[SocketAddr]) -> Result<Vec<Input>, Error> {
    let mut all = Vec::with_capacity(paths.len());
    for input in inputs(paths)? {
        let access = match &input {
            Input::Live(live) => access::of(live.kind, resolvers)?,
            _ => Access::default(),
        };
        all.extend(source::gather(vec![input], &access)?);
    }
    Ok(all)
}

/// The files as they are named; `-` is read here, live sources are not asked yet.
pub(super) fn inputs(paths: &[PathBuf]) -> Result<Vec<Input>, Error> {
    paths
        .iter()
        .map(|path| {
            if let Some(live) = path.to_str().and_then(source::live::parse) {
                // The argument is not repeated: it may hold a password.
                let wrong = |why| Error::Usage(format!("an inventory's address cannot be used: {why}"));
                return live.map(Input::Live).map_err(wrong);
            }
            if path != Path::new("-") {
                return Ok(Input::Path(path.clone()));
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

impl InventoryArgs {
    pub(super) fn run(&self, globals: &Globals, console: &mut Console) -> Result<Exit, Error> {
        match &self.command {
            Sub::List { files, jsonl } => list(files, *jsonl, globals, console),
            Sub::Check { files, annotate, dns } => check(files, *annotate, dns, console),
            Sub::Diff(args) => args.run(globals, console),
            Sub::Adopt(args) => args.run(globals, console),
        }
    }
}

fn need_some(files: &Files) -> Result<(), Error> {
    if files.inventories.is_empty() {
        return Err(Error::Usage("name an inventory, or `-` for standard input".to_owned()));
    }
    Ok(())
}

fn list(files: &Files, jsonl: bool, globals: &Globals, console: &mut Console) -> Result<Exit, Error> {
    let (services, secrets) = if files.inventories.is_empty() {
        let evidence = judged::evidence(&globals.incident, &globals.choice()?)?.evidence;
        (evidence.services, evidence.secrets)
    } else {
        let loaded = files.load(false, &[])?;
        report_faults(&loaded, console);
        (loaded.services, loaded.secrets)
    };
    if jsonl {
        let secrets = report::inventory::secrets_by_service(&secrets);
        for service in &services {
            let line = report::inventory::list_jsonl(service, &secrets);
            writeln!(console.out, "{line}").map_err(Error::stdout)?;
        }
    } else {
        report::inventory::list_table(&services, &mut console.out).map_err(Error::stdout)?;
    }
    console.out.flush().map_err(Error::stdout)?;
    Ok(Exit::Done)
}

fn check(files: &Files, annotate: bool, dns: &DnsArgs, console: &mut Console) -> Result<Exit, Error> {
    need_some(files)?;
    let mut loaded = match files.load_partial(&dns.resolver) {
        Ok(loaded) => loaded,
        Err(error) => {
            if annotate {
                annotate_error(&error, console).map_err(Error::stdout)?;
            }
            return Err(error);
        }
    };
    if dns.dns {
        ask_dns(&mut loaded, &dns.resolver, console)?;
    }
    if annotate {
        report::inventory::annotations(&loaded, &mut console.out).map_err(Error::stdout)?;
    }
    report::inventory::check_text(&loaded, &mut console.out).map_err(Error::stdout)?;
    let fault = loaded.faults() > 0;
    Ok(if fault { Exit::BadInput } else { Exit::Done })
}

/// A file that is refused, or in which every row is bad, is shown beside its lines too.
fn annotate_error(error: &Error, console: &mut Console) -> std::io::Result<()> {
    let out = &mut console.out;
    match error {
        Error::Inventory(error) if !error.bad_rows().is_empty() => {
            report::inventory::bad_row_annotations(error.bad_rows(), out)?;
        }
        Error::Inventory(error) => {
            let (file, at, message) = error.place();
            report::inventory::annotation(true, file.map(|file| (file, at)), &message, out)?;
        }
        other => report::inventory::annotation(true, None, &other.to_string(), out)?,
    }
    out.flush()
}

/// Asks DNS, with a line on a terminal that says how far it has come.
fn ask_dns(loaded: &mut Loaded, resolvers: &[SocketAddr], console: &mut Console) -> Result<(), Error> {
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
pub(super) fn report_faults(loaded: &Loaded, console: &mut Console) {
    for bad in &loaded.bad {
        console.warn(&bad.to_string());
    }
    if !loaded.bad.is_empty() {
        let (bad, good) = (loaded.bad.len(), loaded.services.len());
        let were = if bad == 1 { "bad row was" } else { "bad rows were" };
        console.warn(&format!("{bad} {were} left out; the other rows gave {good} services"));
    }
    for disagreement in &loaded.disagreements {
        console.note(&disagreement.to_string());
    }
    for notice in &loaded.notices {
        console.note(&notice.to_string());
    }
}
