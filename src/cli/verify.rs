//! `allclear verify`: sweeps again what is asked for, compares, exits by the gate.

use clap::Args;

use super::{Console, Globals, progress::Shown, sweep::LimitArgs};
use crate::{
    clock::Clock,
    error::{Error, Exit},
    model::{
        facet::{Gate, GateResult},
        text::printable,
    },
    pipeline::{
        select::{Key, Selection, parse_filter},
        settings::Settings,
        sweep::Sinks,
        verify::{self, Question},
    },
    report,
};

/// Sweep again what is asked for, compare, and exit by the gate
///
/// Examples:
///   allclear verify                                   everything the incident file knows
///   allclear verify --service web01:443               after a repair, in a deploy pipeline
///   allclear verify --owner team-web --gate rekeyed
///   allclear verify --no-sweep                        judge what is stored, contact nothing
///
/// Exit codes: 0 the gate holds, 1 something is open, 3 something is unknown and nothing known open,
/// 4 something regressed, 130 interrupted.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    which: WhichArgs,
    /// What must hold: closed (nothing leaks), rekeyed (and no exposed key is served), verified (all done)
    #[arg(long, default_value = "closed", value_name = "GATE", value_parser = words!(Gate))]
    gate: Gate,
    /// Judge the stored evidence and contact nothing
    #[arg(long)]
    no_sweep: bool,
    /// The whole of it as one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    limits: LimitArgs,
}

/// Which services a command is about.
#[derive(Debug, Args)]
pub(crate) struct WhichArgs {
    /// A service by row id, name, address or name:port; repeatable
    #[arg(long, value_name = "SERVICE")]
    pub(crate) service: Vec<String>,
    /// Every service of this owner; repeatable
    #[arg(long, value_name = "OWNER")]
    pub(crate) owner: Vec<String>,
    /// Every service that fits: owner=, state=, env=, exposure=, type=, tag=, comma separated
    #[arg(long, value_name = "KEY=VALUE,...", value_parser = FilterParser)]
    pub(crate) filter: Vec<Filter>,
}

/// One `--filter`.
#[derive(Clone, Debug)]
pub(crate) struct Filter(Vec<(Key, String)>);

#[derive(Clone, Debug)]
struct FilterParser;

impl clap::builder::TypedValueParser for FilterParser {
    type Value = Filter;

    fn parse_ref(
        &self,
        cmd: &clap::Command,
        _arg: Option<&clap::Arg>,
        value: &std::ffi::OsStr,
    ) -> Result<Filter, clap::Error> {
        parse_filter(&value.to_string_lossy()).map(Filter).map_err(|message| {
            clap::Error::raw(clap::error::ErrorKind::ValueValidation, format!("{message}\n")).with_cmd(cmd)
        })
    }
}

impl WhichArgs {
    /// What it means.
    pub(crate) fn selection(&self) -> Selection {
        Selection {
            services: self.service.clone(),
            owners: self.owner.clone(),
            filters: self.filter.iter().flat_map(|f| f.0.clone()).collect(),
        }
    }
}

impl VerifyArgs {
    pub(super) fn run(&self, globals: &Globals, console: &mut Console) -> Result<Exit, Error> {
        let found = globals.config(&[])?;
        let choice = globals.choice()?;
        let settings = self.limits.again(Settings::default(), &found.config)?;
        let selection = self.which.selection();
        let line = super::command_line();
        let question = Question {
            selection: &selection,
            gate: self.gate,
            choice: &choice,
            settings: (!self.no_sweep).then_some(settings),
            may_deepen: self.limits.depth.is_none(),
            command_line: &line,
        };
        let progress = Shown::new(console.quiet || self.json, console.animate);
        let stop = super::stop::stop_signal()?;
        let verified = verify::verify(&globals.incident, &question, &Clock::System, &mut || Sinks {
            jsonl: None,
            progress: &progress,
            stop: stop.clone(),
        });
        progress.finish();
        let verified = verified?;
        if let [first, second] = *verified.sweeps {
            console.note(&format!(
                "Looked twice, {} s apart ({first} and {second}): a second clean look was all that a grade still lacked.",
                verify::REPEAT_AFTER.as_secs()
            ));
        }
        for words in [verified.revoked.words(), verified.checked.words()].into_iter().flatten() {
            console.note(&printable(&words));
        }
        let screen = console.screen(globals);
        let out = &mut console.out;
        let gate = report::verify::Gate { name: self.gate.as_str(), result: verified.gate.as_str() };
        verified
            .judged
            .view(&verified.changes, |view| {
                let view = view.filtered(report::Filter {
                    rows: Some(verified.rows.iter().cloned().collect()),
                    ..report::Filter::default()
                });
                if self.json {
                    report::verify::json(&view, gate, out)
                } else {
                    report::verify::text(&view, gate, &screen, out)
                }
            })
            .map_err(Error::stdout)?;
        if verified.interrupted {
            console.warn("Interrupted: what was seen is kept. Run the same command again.");
            return Ok(Exit::Interrupted);
        }
        Ok(match verified.gate {
            GateResult::Holds => Exit::Done,
            GateResult::Open => Exit::Open,
            GateResult::Incomplete => Exit::Incomplete,
            GateResult::Regressed => Exit::Regression,
        })
    }
}
