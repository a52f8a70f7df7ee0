//! `allclear report`: the dashboard.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{Console, Globals};
use crate::{
    clock::Clock,
    error::{Error, Exit},
    model::{text::printable, time::Timestamp},
    pipeline::{
        bundle::{self, Ask, PublicKey},
        dashboard,
        judged::{self},
        papers,
    },
    report::dashboard::{Dashboard, How, html, json, markdown},
};

/// The dashboard: how bad, how much is unknown, who is late, which key is the worst, what changed
///
/// Examples:
///   allclear report -o report.html                one self-contained page; opens in any browser, offline
///   allclear report --by owner -o report.html     and one page an owner with their checklist, linked
///   allclear report --from incident.allclear      the report of a bundle, on any machine
///   allclear report --format md                   for a ticket or a wiki
///   allclear report --format json                 all of it as data (allclear.report/1)
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct ReportArgs {
    /// How it is laid out
    #[arg(long, default_value = "html", value_name = "FORMAT")]
    format: Format,
    /// Show the report of a bundle (`allclear evidence export`), judged from the evidence in it as of the time it was made
    #[arg(long, value_name = "BUNDLE", conflicts_with_all = ["by"])]
    from: Option<PathBuf>,
    /// With --from: the public key that must have signed it
    #[arg(long, value_name = "FILE", requires = "from")]
    key: Option<PathBuf>,
    /// Only this owner's services
    #[arg(long, value_name = "OWNER")]
    owner: Option<String>,
    /// Judge as of this time instead of now: RFC 3339 or a date. Waivers, due dates and ages are counted to it; evidence
    /// that came later still counts
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    /// Beside the page, write each owner's checklist and link to it
    #[arg(long, value_name = "WHAT", requires = "output", conflicts_with_all = ["owner"])]
    by: Option<By>,
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Html,
    Md,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum By {
    Owner,
}

impl ReportArgs {
    pub(super) fn run(&self, globals: &Globals, console: &mut Console) -> Result<Exit, Error> {
        if self.by.is_some() && self.format != Format::Html {
            return Err(Error::Usage("--by owner goes with --format html".to_owned()));
        }
        if let Some(path) = &self.from {
            return self.of_bundle(path, console);
        }
        let now = self.at.unwrap_or_else(|| Clock::System.now());
        let judged = judged::load(&globals.incident, &globals.choice()?, now)?;
        if let (Some(By::Owner), Some(path)) = (self.by, &self.output) {
            let written = dashboard::write_by_owner(&judged, path)?;
            let more = written.len() - 1;
            console.note(&format!("wrote {} and {more} checklists beside it", path.display()));
            return Ok(Exit::Done);
        }
        self.put(&dashboard::of(&judged, self.owner.as_deref())?, console)
    }

    fn of_bundle(&self, path: &std::path::Path, console: &mut Console) -> Result<Exit, Error> {
        if let Some(output) = &self.output {
            papers::may_write(output, &[path])?;
        }
        let key = self.key.as_deref().map(PublicKey::read).transpose()?;
        let ask = Ask { key: key.as_ref(), at: self.at, owner: self.owner.as_deref(), ..Ask::default() };
        let opened = bundle::open(path, &ask)?;
        match (&opened.signer, &key) {
            (None, _) => console.note("The bundle is not signed: anybody may have made it."),
            (Some(signer), None) => {
                console.note(&format!("The bundle is signed by {signer}; --key FILE checks whose that is."));
            }
            (Some(_), Some(_)) => {}
        }
        let exit = self.put(&opened.report, console)?;
        match &opened.differs {
            None => Ok(exit),
            Some(differs) => {
                console.warn(&printable(&differs.words));
                Ok(if differs.same_version { Exit::Internal } else { exit })
            }
        }
    }

    fn put(&self, dashboard: &Dashboard, console: &mut Console) -> Result<Exit, Error> {
        let mut bytes = Vec::new();
        match self.format {
            Format::Html => bytes.extend(html(dashboard, How::default()).html.into_bytes()),
            Format::Md => bytes.extend(markdown(dashboard).into_bytes()),
            Format::Json => json(dashboard, &mut bytes).map_err(Error::stdout)?,
        }
        match &self.output {
            None => console.out.write_all(&bytes).map_err(Error::stdout)?,
            Some(path) => {
                papers::write_file(path, &bytes)?;
                console.note(&format!("wrote {}", path.display()));
            }
        }
        Ok(Exit::Done)
    }
}
