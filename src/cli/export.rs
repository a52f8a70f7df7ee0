//! `allclear export`: the tracker and its sibling files as CSV, and the forms that other systems read.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{Console, Globals};
use crate::{
    clock::Clock,
    error::{Error, Exit},
    pipeline::{judged, papers},
    report::{EXPORTS, csv::Dialect},
};

/// Export for tracking, and for other systems: tracker, findings, DefectDojo, Jira, SARIF, OpenVEX, ...
#[derive(Debug, Args)]
#[command(after_help = kinds_help())]
#[expect(clippy::struct_excessive_bools, reason = "independent switches of the command line")]
pub(crate) struct ExportArgs {
    /// What to export; every kind is listed below
    #[arg(value_name = "KIND", value_parser = parse_kind)]
    kind: &'static str,
    /// Write to this file (and FILE.meta.json beside it) instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// One file an owner, named after the output file
    #[arg(long, value_name = "WHAT", requires = "output")]
    by: Option<By>,
    /// The JSON form of a kind that is CSV otherwise: defectdojo
    #[arg(long)]
    json: bool,
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

/// Every kind with one line.
fn kinds_help() -> String {
    let width = EXPORTS.iter().map(|e| e.name.len()).max().unwrap_or(0);
    let lines: Vec<String> = EXPORTS.iter().map(|e| format!("  {:width$}  {}", e.name, e.about)).collect();
    format!("Kinds:\n{}", lines.join("\n"))
}

fn parse_kind(text: &str) -> Result<&'static str, String> {
    papers::kinds().find(|kind| *kind == text).ok_or_else(|| {
        format!("`{text}` is not an export; known: {}", papers::kinds().collect::<Vec<_>>().join(", "))
    })
}

impl ExportArgs {
    pub(super) fn run(&self, globals: &Globals, console: &mut Console) -> Result<Exit, Error> {
        let dialect =
            Dialect { tsv: self.tsv, excel: self.excel, raw: self.csv_raw, multiline: self.multiline };
        let kind = papers::Kind::new(self.kind, self.json, dialect)?;
        let judged = judged::load(&globals.incident, &globals.choice()?, Clock::System.now())?;
        if self.csv_raw {
            console.warn(
                "warning: --csv-raw leaves text of servers unguarded: a spreadsheet may run it as a formula",
            );
        }
        match (&self.output, self.by) {
            (None, _) => {
                papers::export(&judged, kind, &mut console.out)?;
            }
            (Some(path), None) => {
                papers::export_file(&judged, kind, path)?;
                console.note(&format!("wrote {}", path.display()));
            }
            (Some(path), Some(By::Owner)) => {
                for written in papers::export_by_owner(&judged, kind, path)? {
                    console.note(&format!("wrote {}", written.display()));
                }
            }
        }
        Ok(Exit::Done)
    }
}
