//! `allclear status`: one screen.

use clap::Args;

use super::{Console, Globals};
use crate::{
    clock::Clock,
    error::{Error, Exit},
    model::text::printable,
    pipeline::{hosts, judged},
    report,
};

/// One screen: how bad, how much is unknown, who is late, what next
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// The whole of it as one JSON object
    #[arg(long)]
    json: bool,
}

impl StatusArgs {
    pub(super) fn run(&self, globals: &Globals, console: &mut Console) -> Result<Exit, Error> {
        let judged = judged::load(&globals.incident, &globals.choice()?, Clock::System.now())?;
        let screen = console.screen(globals);
        let out = &mut console.out;
        judged
            .view(&judged.changes(None), |view| {
                if self.json {
                    report::status::json(view, out)
                } else {
                    report::status::text(view, &screen, out)
                }
            })
            .map_err(Error::stdout)?;
        if !self.json {
            let hosts = hosts::beside(&judged).hosts;
            if !hosts.is_empty() {
                let line =
                    format!("Host evidence: {}; see allclear host show", report::hosts::summary(&hosts));
                writeln!(console.out, "{}", printable(&line)).map_err(Error::stdout)?;
            }
        }
        Ok(Exit::Done)
    }
}
