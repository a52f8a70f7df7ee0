//! `allclear inventory diff` and `allclear inventory adopt`: what everyone forgot. Contacts nothing
//! but live sources that are named, and name servers with `--dns`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::{
    super::{Console, Globals},
    files::{Files, How, Resolvers, ask_dns, policy, report_faults},
};
use crate::{
    clock::Clock,
    error::{Error, Exit},
    model::difference::{Difference, Kind},
    pipeline::{
        difference::{self, Beside},
        papers,
    },
    report::difference::{self as view, Words},
};

/// What is compared.
#[derive(Debug, Args)]
pub(super) struct Sides {
    #[command(flatten)]
    files: Files,
    /// The incident file of another sweep, such as one over a network: what it saw is what was found
    #[arg(long, value_name = "INCIDENT_FILE")]
    swept: Vec<PathBuf>,
    /// Also look the declared names up, so that a service without an address is found where its name leads. Asks name
    /// servers and contacts nothing else
    #[arg(long)]
    dns: bool,
    #[command(flatten)]
    resolvers: Resolvers,
}

#[derive(Debug, Args)]
pub(super) struct DiffArgs {
    #[command(flatten)]
    sides: Sides,
    /// One JSON document (allclear.diff/1)
    #[arg(long)]
    json: bool,
    /// Exit with 1 when there is any of these
    #[arg(long, value_name = "KIND,...", value_delimiter = ',', value_parser = words!(Kind))]
    fail_on: Vec<Kind>,
}

#[derive(Debug, Args)]
pub(super) struct AdoptArgs {
    #[command(flatten)]
    sides: Sides,
    /// Write to this file instead of standard output; one that exists is left alone
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write over a file that exists
    #[arg(long, requires = "output")]
    force: bool,
    /// Only where TLS was seen, not where it is likely
    #[arg(long)]
    sure: bool,
}

impl Sides {
    fn compare(&self, globals: &Globals, console: &mut Console) -> Result<Difference, Error> {
        let policy = policy(&self.files, globals)?;
        let resolvers = &self.resolvers.resolver;
        let mut loaded = self.files.load(&How { partial: true, resolvers, ..How::under(&policy) })?;
        let resolved = if self.dns {
            ask_dns(&mut loaded, resolvers, console)?
        } else {
            std::collections::BTreeMap::new()
        };
        report_faults(&loaded, console);
        let beside = Beside {
            incident: &globals.incident,
            choice: globals.choice()?,
            swept: &self.swept,
            resolved,
            now: Clock::System.now(),
        };
        difference::compare(&loaded, &beside)
    }

    /// The command that writes what is undeclared, with the same inputs.
    fn adopt(&self, globals: &Globals) -> String {
        let mut words = vec!["allclear inventory adopt".to_owned()];
        let shown = |path: &Path| {
            let text = path.display().to_string();
            let plain = |c: char| c.is_ascii_alphanumeric() || "._-/:".contains(c);
            if !text.is_empty() && text.chars().all(plain) {
                text
            } else {
                format!("'{}'", text.replace('\'', r"'\''"))
            }
        };
        words.extend(self.files.inventories.iter().map(|path| shown(path)));
        words.extend(self.swept.iter().map(|path| format!("--swept {}", shown(path))));
        words.extend(self.files.format.iter().map(|format| format!("--format {format}")));
        if self.dns {
            words.push("--dns".to_owned());
        }
        words.extend(self.resolvers.resolver.iter().map(|resolver| format!("--resolver {resolver}")));
        let ports = self.files.port_numbers();
        if ports != [443] {
            let ports: Vec<String> = ports.iter().map(ToString::to_string).collect();
            words.push(format!("--ports {}", ports.join(",")));
        }
        if globals.incident.as_os_str() != "incident.db" {
            words.push(format!("--incident {}", shown(&globals.incident)));
        }
        words.push("-o undeclared.csv".to_owned());
        words.join(" ")
    }
}

impl DiffArgs {
    pub(super) fn run(&self, globals: &Globals, console: &mut Console) -> Result<Exit, Error> {
        let difference = self.sides.compare(globals, console)?;
        if self.json {
            view::json(&difference, &mut console.out).map_err(Error::stdout)?;
        } else {
            let words = Words { adopt: Some(self.sides.adopt(globals)) };
            let screen = console.screen(globals);
            view::text(&difference, &words, &screen, &mut console.out).map_err(Error::stdout)?;
        }
        console.out.flush().map_err(Error::stdout)?;
        let open = self.fail_on.iter().any(|kind| difference.count(*kind) > 0);
        Ok(if open { Exit::Open } else { Exit::Done })
    }
}

impl AdoptArgs {
    pub(super) fn run(&self, globals: &Globals, console: &mut Console) -> Result<Exit, Error> {
        if let Some(path) = self.output.as_ref().filter(|path| !self.force && path.exists()) {
            return Err(Error::Usage(format!(
                "{} exists and may hold what somebody reviewed; give another file, or --force",
                path.display()
            )));
        }
        let difference = self.sides.compare(globals, console)?;
        let mut bytes = Vec::new();
        let rows = view::adopt(&difference, self.sure, &mut bytes).map_err(Error::stdout)?;
        match &self.output {
            None => {
                console.out.write_all(&bytes).map_err(Error::stdout)?;
                console.out.flush().map_err(Error::stdout)?;
            }
            Some(_) if rows == 0 => console.note("nothing is undeclared; no file was written"),
            Some(path) => {
                papers::write_file(path, &bytes)?;
                let what = if rows == 1 { "row" } else { "rows" };
                console.note(&format!(
                    "wrote {} with {rows} {what}: review it, and give each an owner",
                    path.display()
                ));
            }
        }
        Ok(Exit::Done)
    }
}
