//! What `sweep` prints at its end, for someone who is tired: how much was looked at, what not to do,
//! what is open, what nobody could tell, who has to act, and three commands.

use std::io::{self, Write};

use super::{
    View, lists, sections,
    style::{Ink, Screen},
    tally::Tally,
};

const VULNERABLE_LINES: usize = 24;
const UNKNOWN_LINES: usize = 14;
const OWNER_LINES: usize = 9;

/// Writes the summary. Lists are cut, and say so.
pub fn write(view: &View<'_>, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
    let tally = Tally::of(view.rows());
    let mut lines = sections::headline(view, &tally, screen);
    lines.extend(sections::warning(view, &tally, screen, 8));
    lines.extend(sections::faults(view, screen));
    let lists = [
        ("VULNERABLE", &tally.vulnerable, Ink::Bad, VULNERABLE_LINES),
        ("UNKNOWN, which is not clean", &tally.unknown, Ink::Warn, UNKNOWN_LINES),
    ];
    for (title, rows, ink, budget) in lists {
        if !rows.is_empty() {
            lines.push(String::new());
            lines.push(screen.style.paint(Ink::Bold, title).to_string());
            let groups = lists::by_reason(rows, ink, true);
            lines.extend(lists::groups(&groups, screen, budget));
        }
    }
    lines.push(String::new());
    lines.push(screen.style.paint(Ink::Bold, "BY STATE").to_string());
    let states = lists::by_state(&tally.rows, false);
    lines.extend(lists::groups(&states, screen, usize::MAX));
    lines.push(String::new());
    lines.extend(lists::owners(&tally, screen, OWNER_LINES));
    lines.extend(sections::overdue(&tally, screen));
    lines.extend(sections::foreign_bytes(view, screen));
    lines.push(String::new());
    lines.extend(sections::context(view, &tally, screen));
    lines.extend(sections::next(view, &tally, screen));
    lines.iter().try_for_each(|line| writeln!(out, "{line}"))
}
