//! `allclear export`: the tracker and its sibling files as CSV.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{Console, Globals};
use crate::{
    clock::Clock,
    error::{Error, Exit},
    pipeline::{judged, papers},
    report::csv::Dialect,
};

/// Export for tracking: tracker, findings, keys, secrets, delta
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches of the command line")]
pub(crate) struct ExportArgs {
    /// tracker: one row a service; findings: every look; keys: one row a key; secrets; delta: what changed
    #[arg(value_name = "KIND", value_parser = parse_kind)]
    kind: &'static str,
    /// Write to this file (and FILE.meta.json beside it) instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// One file an owner, named after the output file
    #[arg(long, value_name = "WHAT", requires = "output")]
    by: Option<By>,
    /// For Excel: semicolons and a byte order mark
    #[arg(long, conflicts_with = "tsv")]
    excel: bool,
    /// Tabs instead of commas
    #[arg(long)]
    tsv: bool,
    /// Without the guard against cells that a spreadsheet would run as formulas
    #[arg(long)]
    csv_raw: bool,
    /// Keep line breaks inside cells
    #[arg(long)]
    multiline: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum By {
    Owner,
}

fn parse_kind(text: &str) -> Result<&'static str, String> {
    papers::kinds().find(|kind| *kind == text).ok_or_else(|| {
        format!("`{text}` is not an export; known: {}", papers::kinds().collect::<Vec<_>>().join(", "))
    })
}

impl ExportArgs {
    pub(super) fn run(&self, globals: &Globals, console: &mut Console) -> Result<Exit, Error> {
        let judged = judged::load(&globals.incident, &globals.choice()?, Clock::System.now())?;
        let dialect =
            Dialect { tsv: self.tsv, excel: self.excel, raw: self.csv_raw, multiline: self.multiline };
        if self.csv_raw {
            console.warn(
                "warning: --csv-raw leaves text of servers unguarded: a spreadsheet may run it as a formula",
            );
        }
        match (&self.output, self.by) {
            (None, _) => {
                papers::export(&judged, self.kind, dialect, &mut console.out)?;
            }
            (Some(path), None) => {
                papers::export_file(&judged, self.kind, dialect, path)?;
                console.note(&format!("wrote {}", path.display()));
            }
            (Some(path), Some(By::Owner)) => {
                for written in papers::export_by_owner(&judged, self.kind, dialect, path)? {
                    console.note(&format!("wrote {}", written.display()));
                }
            }
        }
        Ok(Exit::Done)
    }
}
