//! `allclear inventory`: what was loaded and from where, and what is wrong with it. Contacts nothing.

mod diff;

use std::{
    io::Read as _,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};

use super::{Console, Globals};
use crate::{
    error::{Error, Exit},
    model::{loading::Loaded, wrap::Wrap},
    pipeline::{
        judged,
        source::{self, Input, Options},
    },
    report,
};

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
    },
    /// What everyone forgot: open ports that no one declared, services that are gone, retired ones that are open
    Diff(diff::DiffArgs),
    /// Write what no one declared as inventory rows to review
    Adopt(diff::AdoptArgs),
}

/// Inventories and how they are read; shared with `sweep`.
#[derive(Debug, Args)]
pub(crate) struct Files {
    /// Inventories: a services CSV, a secrets CSV, a list of hosts; `-` reads standard input
    #[arg(value_name = "INVENTORY")]
    pub(crate) inventories: Vec<PathBuf>,
    /// A CSV of secrets (names and places, never values); also found by its header among the inventories
    #[arg(long, value_name = "FILE")]
    pub(crate) secrets: Vec<PathBuf>,
    /// Format of the inventories, where it should not be told by content: csv, list
    #[arg(long, value_name = "NAME")]
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
    /// Loads everything, `scoped` when a scope file bounds what huge networks may expand to.
    pub(crate) fn load(&self, scoped: bool) -> Result<Loaded, Error> {
        self.load_as(scoped, false)
    }

    /// Loads everything; the files need not declare a service.
    pub(crate) fn load_partial(&self) -> Result<Loaded, Error> {
        self.load_as(false, true)
    }

    fn load_as(&self, scoped: bool, partial: bool) -> Result<Loaded, Error> {
        let options = Options {
            partial,
            format: self.format.clone(),
            strict: self.strict,
            default_ports: self.port_numbers(),
            allow_huge: scoped,
            wrap: self.fixed_wrap(),
            ..Options::default()
        };
        source::load(&inputs(&self.inventories)?, &inputs(&self.secrets)?, &options)
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

/// The files as they are named; `-` is read here.
pub(super) fn inputs(paths: &[PathBuf]) -> Result<Vec<Input>, Error> {
    paths
        .iter()
        .map(|path| {
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
            Sub::Check { files } => check(files, console),
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
        let loaded = files.load(false)?;
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

fn check(files: &Files, console: &mut Console) -> Result<Exit, Error> {
    need_some(files)?;
    let loaded = files.load(false)?;
    report::inventory::check_text(&loaded, &mut console.out).map_err(Error::stdout)?;
    let fault = loaded.faults() > 0;
    Ok(if fault { Exit::BadInput } else { Exit::Done })
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
