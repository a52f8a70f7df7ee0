//! `allclear assess`: the stored evidence judged again, against any disclosure. Contacts nothing.

use clap::Args;

use super::{Console, Globals};
use crate::{
    clock::Clock,
    error::{Error, Exit},
    pipeline::assessing::{self, Asked},
    report::assess::{TableRow, json, table, text},
};

/// Judge the stored evidence again, against any disclosure: where do we run it? No traffic
///
/// Examples:
///   allclear assess --disclosure CVE-2026-84782      hosts and services, with what was compared
///   allclear assess --all                            one line for each disclosure of the catalogue
///   allclear disclosure import USN-8847-1.json       a record of today ...
///   allclear assess --disclosure CVE-2026-84782      ... against the evidence of yesterday
///
/// All that is used is what `allclear host collect` and `host import` brought, and what sweeps saw. Several
/// disclosures may be named. With -v clean hosts are listed as well.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct AssessArgs {
    /// Every disclosure of the catalogue, one line each
    #[arg(long)]
    all: bool,
    /// One JSON object for each disclosure, one a line
    #[arg(long)]
    json: bool,
}

impl AssessArgs {
    pub(super) fn run(&self, globals: &Globals, console: &mut Console) -> Result<Exit, Error> {
        let asked = match (self.all, globals.disclosure.as_slice()) {
            (true, []) => Asked::All,
            (true, _) => return Err(Error::Usage("--all and --disclosure exclude each other".to_owned())),
            (false, []) => Asked::TheIncidents,
            (false, names) => Asked::These(names),
        };
        let now = Clock::System.now();
        let choice = globals.choice()?;
        let case = assessing::open(&globals.incident, asked, &choice)?;
        let screen = console.screen(globals);
        let out = &mut console.out;
        let mut rows = Vec::new();
        for (number, disclosure) in case.disclosures.iter().enumerate() {
            let shown = case.judge(disclosure, &choice, now, |view| match (self.json, self.all) {
                (true, _) => json(view, out),
                (false, true) => {
                    rows.push(TableRow::of(view));
                    Ok(())
                }
                (false, false) => {
                    if number > 0 {
                        writeln!(out)?;
                    }
                    text(view, globals.verbose, &screen, out)
                }
            })?;
            shown.map_err(Error::stdout)?;
        }
        if self.all && !self.json {
            table(&rows, &screen, out).map_err(Error::stdout)?;
        }
        Ok(Exit::Done)
    }
}
