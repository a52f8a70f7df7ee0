//! What `sweep` prints at its end, for someone who is tired: how much was looked at, what not to do,
//! what is open, what nobody could tell, who has to act, and three commands.

use std::io::{self, Write};

use crate::model::facet::State;

use super::{
    View,
    lists::{self, Lists, Remarks},
    owners, sections, shown,
    style::{Ink, Screen},
    tally::Tally,
};

const VULNERABLE_LINES: usize = 30;
const UNKNOWN_LINES: usize = 60;
const STATE_LINES: usize = 40;
const OWNER_LINES: usize = 12;
const FINDING_LINES: usize = 10;
/// Services named for each state whose services are not in the lists above, or not for what they owe.
const NAMED_BY_STATE: usize = 8;

const fn named(state: State) -> usize {
    match state {
        State::Regressed
        | State::Contradicted
        | State::RekeyedTooEarly
        | State::ClosedKeyAtRisk
        | State::PresumedAffected => NAMED_BY_STATE,
        _ => 0,
    }
}

/// Writes the summary. Lists are cut, and say so.
pub fn write(view: &View<'_>, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
    let tally = Tally::of(view.rows());
    let mut lines = sections::headline(view, &tally, screen);
    lines.extend(sections::warning(view, &tally, screen, 8));
    lines.extend(sections::conflicts(&tally, screen, 2));
    lines.extend(sections::faults(view, screen));
    let writer = Lists::new(view, &tally, screen);
    let lists = [
        ("VULNERABLE", &tally.vulnerable, Ink::Bad, VULNERABLE_LINES),
        ("UNKNOWN, which is not clean", &tally.unknown, Ink::Warn, UNKNOWN_LINES),
    ];
    for (title, rows, ink, budget) in lists {
        if !rows.is_empty() {
            lines.push(String::new());
            lines.push(screen.style.paint(Ink::Bold, title).to_string());
            lines.extend(writer.groups(&lists::by_reason(rows, ink), budget));
        }
    }
    let shown = shown::section(&tally, screen, FINDING_LINES);
    if !shown.is_empty() {
        lines.push(String::new());
        lines.extend(shown);
    }
    lines.push(String::new());
    lines.push(screen.style.paint(Ink::Bold, "BY STATE").to_string());
    let states = lists::by_state(&tally.rows, Remarks::Key, named);
    lines.extend(writer.groups(&states, STATE_LINES));
    lines.push(String::new());
    lines.extend(owners::table(&tally, screen, OWNER_LINES));
    lines.extend(sections::overdue(&tally, screen));
    lines.extend(sections::foreign_bytes(view, screen));
    lines.push(String::new());
    lines.extend(sections::context(view, &tally, screen));
    lines.extend(sections::next(view, &tally, screen));
    lines.iter().try_for_each(|line| writeln!(out, "{line}"))
}
