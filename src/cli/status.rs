//! `allclear status`: one screen.

use clap::Args;

use super::{Console, Globals};
use crate::{
    clock::Clock,
    error::{Error, Exit},
    pipeline::judged,
    report,
};

/// One screen: how bad, how much is unknown, who is late, what next
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// The whole of it as one JSON object
    #[arg(long)]
    json: bool,
}

impl StatusArgs {
    pub(super) fn run(&self, globals: &Globals, console: &mut Console) -> Result<Exit, Error> {
        let judged = judged::load(&globals.incident, &globals.choice()?, Clock::System.now())?;
        let text = if self.json {
            report::status::json(&judged.evidence, &judged.assessment)
        } else {
            report::status::text(
                &judged.evidence,
                &judged.assessment,
                console.width,
                console.color_out,
            )
        };
        writeln!(console.out, "{}", text.trim_end()).map_err(Error::stdout)?;
        Ok(Exit::Done)
    }
}
