//! `allclear watch`: sweeps again, at intervals, what is still open, and prints what changed.

use std::{io::Write as _, time::Duration};

use clap::Args;

use super::{Console, Globals, progress::Shown, sweep::LimitArgs, verify::WhichArgs};
use crate::{
    clock::Clock,
    error::{Error, Exit},
    model::{facet::Gate, text::printable_lines},
    pipeline::{
        settings::{Resolve, Settings},
        sweep::Sinks,
        watch::{self, Ended, Listener, Memory, Question, Round},
    },
    report,
};

/// Sweep again, at intervals, what is still open, and print what changed
///
/// One line on standard output for each service that changed its state or went backwards: time, service, from -> to,
/// code, what comes next. Nothing else is ever printed there, and nothing at all where nothing changed. What is open is
/// every service that is not verified, not-affected, waived or decommissioned; --all takes those as well.
///
/// Examples:
///   allclear watch                                    every 15 minutes, until Ctrl-C
///   allclear watch --every 1m --until closed          after the patch, until nothing leaks
///   allclear watch --once --owner team-web            from cron: quiet unless something changed
///   allclear watch --once --until rekeyed             the same, and exit 1 while keys are owed
///
/// Exit codes of --once: 0 nothing got worse, 4 something went backwards in this round, 1 something was found open that
/// was not before (exposed, or said to be done and is not), 3 something is not known any more; with --until also what
/// the gate says, as `verify` does. Without --once: 0 when the gate of --until holds, 130 after Ctrl-C.
///
/// Times between rounds vary by up to 5 %. A round that fails is told and tried again, each time after twice as long, up
/// to an hour. While another command writes the incident file, a round waits (with --once a minute at most, then exit 6);
/// between rounds nothing is locked.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct WatchArgs {
    #[command(flatten)]
    which: WhichArgs,
    /// From the beginning of one round to the next, such as 90s, 15m, 6h or 1d
    #[arg(long, default_value = "15m", value_name = "TIME", value_parser = parse_interval)]
    every: Duration,
    /// One round, then exit: for cron
    #[arg(long, conflicts_with = "every")]
    once: bool,
    /// End when this gate holds: closed, rekeyed or verified
    #[arg(long, value_name = "GATE", value_parser = words!(Gate))]
    until: Option<Gate>,
    /// Sweep also the services on which nothing is owed
    #[arg(long)]
    all: bool,
    /// One JSON object for each change instead of a line
    #[arg(long)]
    jsonl: bool,
    /// Resolve names now, or use the addresses of the last sweep
    #[arg(long, default_value = "live", value_name = "HOW")]
    resolve: Resolve,
    #[command(flatten)]
    limits: LimitArgs,
}

/// `90s`, `15m`, `6h`, `1d`: from a second to 31 days.
fn parse_interval(text: &str) -> Result<Duration, String> {
    let units = [('s', 1_u64), ('m', 60), ('h', 3600), ('d', 86_400)];
    let wrong = || format!("`{text}` is not an interval; write 90s, 15m, 6h or 1d");
    let (number, seconds) = units
        .into_iter()
        .find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, seconds)))
        .ok_or_else(wrong)?;
    let number: u64 = number.parse().map_err(|_| wrong())?;
    match number.checked_mul(seconds) {
        Some(all) if (1..=31 * 86_400).contains(&all) => Ok(Duration::from_secs(all)),
        _ => Err(format!("`{text}` is out of range; from 1s to 31d")),
    }
}

/// Says on standard error what is no change.
struct Told<'c> {
    console: &'c std::cell::RefCell<&'c mut Console>,
}

impl Listener for Told<'_> {
    fn warn(&mut self, text: &str) {
        self.console.borrow_mut().warn(&printable_lines(text));
    }
}

impl WatchArgs {
    pub(super) fn run(&self, globals: &Globals, console: &mut Console) -> Result<Exit, Error> {
        let found = globals.config(&[])?;
        let choice = globals.choice()?;
        let settings = Settings { resolve: self.resolve, ..Settings::default() };
        let settings = self.limits.again(settings, &found.config)?;
        let selection = self.which.selection();
        let line = super::command_line();
        let question = Question {
            selection: &selection,
            all: self.all,
            choice: &choice,
            settings,
            may_deepen: self.limits.depth.is_none(),
            command_line: &line,
            until: self.until,
        };
        // Off a terminal nothing is said while nothing changes.
        let progress = Shown::new(console.quiet || !console.animate, console.animate);
        let stop = super::stop::stop_signal()?;
        let mut sinks = || Sinks { jsonl: None, progress: &progress, stop: stop.clone() };
        let console = &std::cell::RefCell::new(console);
        let mut told = Told { console };
        let mut each = |round: &Round| {
            progress.finish();
            self.tell(round, &mut console.borrow_mut())
        };
        let clock = Clock::System;
        if self.once {
            let (memory, patience) = (&mut Memory::default(), Some(watch::WAIT_FOR_WRITER));
            let incident = &globals.incident;
            let round = watch::round(incident, &question, memory, &clock, patience, &mut sinks, &mut told)?;
            each(&round)?;
            return Ok(round.exit());
        }
        let every = self.every;
        let ended =
            watch::run(&globals.incident, &question, every, &clock, &mut sinks, &mut told, &mut each)?;
        Ok(match ended {
            Ended::Gate => Exit::Done,
            Ended::Stopped => Exit::Interrupted,
        })
    }

    /// The changes of a round on standard output; how it stands on a terminal's standard error.
    fn tell(&self, round: &Round, console: &mut Console) -> Result<(), Error> {
        let style = report::style::Style { color: console.color_out };
        let at = round.judged.assessment.now;
        for change in &round.changes {
            let Some((service, assessed)) = round.about(change) else { continue };
            let text = if self.jsonl {
                report::watch::row(at, change, service, assessed)
            } else {
                report::watch::line(at, change, service, assessed, style)
            };
            writeln!(console.out, "{text}").map_err(Error::stdout)?;
        }
        console.out.flush().map_err(Error::stdout)?;
        if let Some(words) = round.revoked.failed.as_ref().and_then(|_| round.revoked.words()) {
            console.warn(&words);
        }
        if let Some(words) = round.checked.failed.as_ref().and_then(|_| round.checked.words()) {
            console.warn(&words);
        }
        let stands = format!(
            "{}  swept {} of {} services; {} still open",
            at.seconds(),
            round.swept,
            round.watched,
            round.open
        );
        if console.animate && !self.once {
            console.note(&format!("{stands}; the next round in about {}", watch::in_words(self.every)));
        } else {
            console.detail(&stands);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_read_with_their_units() {
        let table = [
            ("90s", Some(90)),
            ("15m", Some(900)),
            ("6h", Some(21_600)),
            ("1d", Some(86_400)),
            ("31d", Some(2_678_400)),
            ("32d", None),
            ("0s", None),
            ("15", None),
            ("m", None),
            ("-1m", None),
            ("1.5h", None),
            ("99999999999999999999d", None),
            ("", None),
        ];
        for (input, expected) in table {
            assert_eq!(parse_interval(input).ok().map(|d| d.as_secs()), expected, "input: {input:?}");
        }
    }
}
