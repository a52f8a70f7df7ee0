//! `allclear drill`: a whole incident, rehearsed against a fleet on loopback.

use std::path::PathBuf;

use clap::Args;

use super::{Console, Globals};
use crate::{
    error::{Error, Exit},
    pipeline::rehearsal,
};

/// Rehearse a whole incident against an embedded fleet on loopback
///
/// Leaves the incident file, tracker and checklist in ./drill, so that every other command can be
/// tried on them: allclear --incident drill/incident.db status
#[derive(Debug, Args)]
pub(crate) struct DrillArgs {
    /// Where the files go; an earlier drill there is replaced
    #[arg(long, default_value = "drill", value_name = "FOLDER")]
    folder: PathBuf,
}

impl DrillArgs {
    pub(super) fn run(&self, _globals: &Globals, console: &mut Console) -> Result<Exit, Error> {
        let stop = super::stop::stop_signal()?;
        rehearsal::run(&self.folder, &mut console.out, console.width, console.color_out, stop)
    }
}
