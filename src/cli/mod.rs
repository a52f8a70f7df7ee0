//! The command line: one file per subcommand, its arguments and its run together.
//!
//! A subcommand turns what was typed into what it means, hands it to `pipeline`, and writes what
//! comes back through a view of `report`. No rule of the product is decided here.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{CommandFactory, Parser, Subcommand};

use crate::{
    config::{self, Found},
    error::{Error, Exit},
    pipeline::judged::{self, Choice},
};

/// Reads one word of a closed vocabulary; help and completions list them all.
macro_rules! words {
    ($kind:ty) => {
        clap::builder::TypedValueParser::try_map(
            clap::builder::PossibleValuesParser::new(<$kind>::ALL.iter().map(|v| v.as_str())),
            |word: String| word.parse::<$kind>(),
        )
    };
}

mod access;
mod assess;
mod attest;
mod checklist;
mod completions;
mod console;
mod disclosure;
mod drill;
mod evidence;
mod export;
mod host;
mod inventory;
mod plan;
mod probe;
mod progress;
mod report;
mod serve;
mod status;
mod stop;
mod sweep;
mod tracker;
mod values;
mod verify;
mod waive;
mod watch;

pub(crate) use console::Console;

const AFTER_HELP: &str = "\
Examples:
  allclear drill                            rehearse a whole incident on this machine
  allclear sweep hosts.txt                  who is vulnerable? keeps the evidence in incident.db
  allclear status                           one screen: how bad, how much unknown, what next
  allclear plan                             the order for everyone, in waves; what each key reaches
  allclear checklist --owner team-web       what one owner has to do, in order
  allclear report -o report.html            the dashboard: one page for everybody
  allclear verify --service web01:443       sweep again, exit 0 when the gate holds
  allclear host collect                     which OpenSSL this host has, on disk and running
  allclear assess --disclosure CVE-2026-84782   where do we run it? from stored evidence, no traffic
  allclear export tracker -o tracker.csv    one row a service for the spreadsheet
  allclear tracker import tracker.csv       what people changed in it; --apply records it
  allclear evidence export -o incident.allclear   the proof as one file, for an auditor or another machine

Exit codes: 0 done, 1 open findings, 2 usage, 3 coverage incomplete, 4 regression, 5 bad input,
6 storage, calibration or internal, 130 interrupted (run again with --resume).";

/// From disclosure to all clear: sweep, keep the evidence, rotate, verify.
#[derive(Debug, Parser)]
#[command(name = "allclear", version, max_term_width = 100, after_help = AFTER_HELP)]
pub struct Cli {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: Command,
}

/// Options of every command.
#[derive(Debug, clap::Args)]
pub(crate) struct Globals {
    /// The incident file: one SQLite file with all evidence
    #[arg(
        long,
        global = true,
        help_heading = "Options of every command",
        env = "ALLCLEAR_INCIDENT",
        default_value = "incident.db",
        value_name = "FILE"
    )]
    incident: PathBuf,
    /// Policy and limits; without it, allclear.toml beside the inventory or the incident file is read
    #[arg(long, global = true, help_heading = "Options of every command", value_name = "FILE")]
    config: Option<PathBuf>,
    /// The disclosure, by id or alias [default: the one the incident began with, else heartbleed]
    #[arg(long, global = true, help_heading = "Options of every command", value_name = "NAME")]
    disclosure: Vec<String>,
    /// Say more
    #[arg(short, long, global = true, help_heading = "Options of every command")]
    verbose: bool,
    /// Say only what matters
    #[arg(short, long, global = true, help_heading = "Options of every command", conflicts_with = "verbose")]
    quiet: bool,
    /// Colour: auto, always, never. `NO_COLOR` is respected
    #[arg(
        long,
        global = true,
        help_heading = "Options of every command",
        default_value = "auto",
        value_name = "WHEN"
    )]
    color: clap::ColorChoice,
}

#[derive(Debug, Subcommand)]
enum Command {
    Drill(drill::DrillArgs),
    Sweep(Box<sweep::SweepArgs>),
    Probe(Box<probe::ProbeArgs>),
    Assess(assess::AssessArgs),
    Status(status::StatusArgs),
    Verify(Box<verify::VerifyArgs>),
    Plan(plan::PlanArgs),
    Checklist(checklist::ChecklistArgs),
    Report(report::ReportArgs),
    Export(export::ExportArgs),
    Tracker(tracker::TrackerArgs),
    Attest(attest::AttestArgs),
    Waive(waive::WaiveArgs),
    Watch(Box<watch::WatchArgs>),
    Evidence(evidence::EvidenceArgs),
    Serve(serve::ServeArgs),
    Host(host::HostArgs),
    Inventory(inventory::InventoryArgs),
    Disclosure(disclosure::DisclosureArgs),
    Completions(completions::CompletionsArgs),
    Man(completions::ManArgs),
}

/// Parses the command line of this process, runs it and says how it ended.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print(); // nothing is left to say it with
            return ExitCode::from(if error.use_stderr() { Exit::Usage.code() } else { Exit::Done.code() });
        }
    };
    let mut console = Console::of_process(cli.globals.color, cli.globals.quiet, cli.globals.verbose);
    match cli.run(&mut console) {
        Ok(exit) => ExitCode::from(exit.code()),
        Err(error) if error.is_broken_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(
                console.err,
                "allclear: {}",
                crate::model::text::printable_lines(&error.to_string())
            );
            ExitCode::from(error.exit().code())
        }
    }
}

impl Cli {
    fn run(&self, console: &mut Console) -> Result<Exit, Error> {
        let g = &self.globals;
        match &self.command {
            Command::Drill(args) => args.run(g, console),
            Command::Sweep(args) => args.run(g, console),
            Command::Probe(args) => args.run(g, console),
            Command::Assess(args) => args.run(g, console),
            Command::Status(args) => args.run(g, console),
            Command::Verify(args) => args.run(g, console),
            Command::Plan(args) => args.run(g, console),
            Command::Checklist(args) => args.run(g, console),
            Command::Report(args) => args.run(g, console),
            Command::Export(args) => args.run(g, console),
            Command::Tracker(args) => args.run(g, console),
            Command::Attest(args) => args.run(g, console),
            Command::Waive(args) => args.run(g, console),
            Command::Watch(args) => args.run(g, console),
            Command::Evidence(args) => args.run(g, console),
            Command::Serve(args) => args.run(g, console),
            Command::Host(args) => args.run(g, console),
            Command::Inventory(args) => args.run(g, console),
            Command::Disclosure(args) => args.run(g, console),
            Command::Completions(args) => args.run(console),
            Command::Man(args) => args.run(console),
        }
    }
}

/// The whole command, for completions and the man page.
pub(crate) fn command() -> clap::Command {
    Cli::command()
}

/// The command line as it was typed, for the record. Secrets never travel by flag.
pub(crate) fn command_line() -> String {
    std::env::args_os().map(|a| a.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

impl Globals {
    /// The configuration: the named file, else the first beside the given folders, the incident file
    /// or in the working folder.
    fn config(&self, folders: &[&Path]) -> Result<Found, Error> {
        let mut all = folders.to_vec();
        all.extend(self.incident.parent());
        all.push(Path::new(""));
        let found = config::find(self.config.as_deref(), &all)?;
        judged::check_types(&found)?;
        Ok(found)
    }

    /// How stored evidence is judged.
    fn choice(&self) -> Result<Choice, Error> {
        let found = self.config(&[])?;
        Ok(Choice {
            disclosure: self.disclosure.first().cloned(),
            policy: found.path.is_some().then_some(found.config.policy),
            ..Choice::default()
        })
    }
}
