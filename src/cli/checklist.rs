//! `allclear checklist`: what has to be done, in order, for one owner, service, key or secret, or everyone.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{Console, Globals};
use crate::{
    clock::Clock,
    error::{Error, Exit},
    pipeline::{
        judged::{self, Judged},
        papers::{self, Layout, Template, Which},
    },
    report::csv::Dialect,
};

/// The rotation checklist: what, in which order, why, and how it is proved
///
/// Examples:
///   allclear checklist --owner team-web --format html -o web.html
///   allclear checklist --key f35f57e4c6a6       everything that shares that key
///   allclear checklist --secret turn-shared     its line, and what comes before it
///   allclear checklist --format csv --excel -o checklist.csv
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches of the command line")]
pub(crate) struct ChecklistArgs {
    /// Only this owner's lines
    #[arg(long, value_name = "OWNER")]
    owner: Option<String>,
    /// Only lines about this service: row id, name, address or name:port
    #[arg(long, value_name = "SERVICE", conflicts_with = "owner")]
    service: Option<String>,
    /// Only lines about what shares this key: its SPKI SHA-256, or the first 6 or more hex digits of it
    #[arg(long, value_name = "SPKI", conflicts_with_all = ["owner", "service"])]
    key: Option<String>,
    /// Only this secret's line, by its id, and those that come before it
    #[arg(long, value_name = "ID", conflicts_with_all = ["owner", "service", "key"])]
    secret: Option<String>,
    /// How it is laid out
    #[arg(long, default_value = "md", value_name = "FORMAT")]
    format: Format,
    /// A handlebars template of your own instead of the built-in one (docs/checklist-template.md)
    #[arg(long, value_name = "FILE")]
    template: Option<PathBuf>,
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// With csv, for Excel: semicolons and a byte order mark
    #[arg(long, conflicts_with = "tsv")]
    excel: bool,
    /// With csv: tabs instead of commas
    #[arg(long)]
    tsv: bool,
    /// With csv: without the guard against cells that a spreadsheet would run as formulas
    #[arg(long)]
    csv_raw: bool,
    /// With csv: keep line breaks inside cells
    #[arg(long)]
    multiline: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Md,
    Html,
    Csv,
}

impl ChecklistArgs {
    pub(super) fn run(&self, globals: &Globals, console: &mut Console) -> Result<Exit, Error> {
        self.fits_format()?;
        let judged = judged::load(&globals.incident, &globals.choice()?, Clock::System.now())?;
        let bytes = match self.format {
            Format::Md => self.page(&judged, Layout::Markdown)?,
            Format::Html => self.page(&judged, Layout::Html)?,
            Format::Csv => self.sheet(&judged, console)?,
        };
        match &self.output {
            None => console.out.write_all(&bytes).map_err(Error::stdout)?,
            Some(path) => {
                papers::write_file(path, &bytes)?;
                console.note(&format!("wrote {}", path.display()));
            }
        }
        Ok(Exit::Done)
    }

    /// Whether each option means something in this format.
    fn fits_format(&self) -> Result<(), Error> {
        if self.format == Format::Csv {
            return match self.template {
                None => Ok(()),
                Some(_) => Err(Error::Usage(
                    "--template lays out md and html; csv has its columns and no template".to_owned(),
                )),
            };
        }
        let switches = [
            ("--excel", self.excel),
            ("--tsv", self.tsv),
            ("--csv-raw", self.csv_raw),
            ("--multiline", self.multiline),
        ];
        match switches.into_iter().find(|(_, given)| *given) {
            Some((name, _)) => Err(Error::Usage(format!("{name} goes with --format csv"))),
            None => Ok(()),
        }
    }

    fn which(&self) -> Which<'_> {
        Which {
            owner: self.owner.as_deref(),
            service: self.service.as_deref(),
            key: self.key.as_deref(),
            secret: self.secret.as_deref(),
        }
    }

    fn page(&self, judged: &Judged, layout: Layout) -> Result<Vec<u8>, Error> {
        let Some(path) = &self.template else {
            return Ok(papers::checklist(judged, self.which(), layout, None)?.into_bytes());
        };
        let name = path.display().to_string();
        let unreadable =
            |why: &dyn std::fmt::Display| Error::Input(format!("cannot read the template {name}: {why}"));
        // A pipe may never end, and a device has no end.
        if !std::fs::metadata(path).map_err(|e| unreadable(&e))?.is_file() {
            return Err(unreadable(&"it is no regular file"));
        }
        let text = std::fs::read_to_string(path).map_err(|e| unreadable(&e))?;
        let template = Template { name: &name, text: &text };
        Ok(papers::checklist(judged, self.which(), layout, Some(template))?.into_bytes())
    }

    fn sheet(&self, judged: &Judged, console: &mut Console) -> Result<Vec<u8>, Error> {
        if self.csv_raw {
            console.warn(
                "warning: --csv-raw leaves text of servers unguarded: a spreadsheet may run it as a formula",
            );
        }
        let dialect =
            Dialect { tsv: self.tsv, excel: self.excel, raw: self.csv_raw, multiline: self.multiline };
        let mut bytes = Vec::new();
        papers::checklist_csv(judged, self.which(), dialect, &mut bytes)?;
        Ok(bytes)
    }
}
