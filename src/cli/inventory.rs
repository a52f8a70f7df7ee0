//! `allclear inventory`: what was loaded and from where, and what is wrong with it. Contacts nothing but the live
//! sources that are named, and name servers with `check --dns`.

mod diff;
mod files;
mod show;

use clap::{Args, Subcommand};

pub(super) use files::{Files, How, gathered, report_faults};

use super::{Console, Globals};
use crate::error::{Error, Exit};

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
    List(show::ListArgs),
    /// Report bad rows, disagreements, unknown owners, and what is unknown of the services; exits 5 on any fault
    Check(show::CheckArgs),
    /// What everyone forgot: open ports that no one declared, services that are gone, retired ones that are open
    Diff(diff::DiffArgs),
    /// Write what no one declared as inventory rows to review
    Adopt(diff::AdoptArgs),
}

impl InventoryArgs {
    pub(super) fn run(&self, globals: &Globals, console: &mut Console) -> Result<Exit, Error> {
        match &self.command {
            Sub::List(args) => args.run(globals, console),
            Sub::Check(args) => args.run(globals, console),
            Sub::Diff(args) => args.run(globals, console),
            Sub::Adopt(args) => args.run(globals, console),
        }
    }
}
