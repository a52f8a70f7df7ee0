//! Lists of services and owners for a terminal.
//!
//! A list that does not fit is cut with a line that says how many are left out and where they are.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{
    facet::State,
    text::printable,
    verdict::{Reason, Verdict},
};

use super::{
    Row, explain,
    style::{Ink, Screen},
    table::{Column, Table, fit, width},
    tally::{Standing, Tally},
};

/// A group of rows under one heading.
pub(super) struct Group<'a> {
    /// What the rows have in common.
    pub(super) heading: String,
    /// Its colour.
    pub(super) ink: Ink,
    /// The rows; their number is printed before the heading.
    pub(super) rows: Vec<Row<'a>>,
    /// Whether the rows themselves are worth listing.
    pub(super) listed: bool,
    /// Whether the heading says the reason, so that the rows need not.
    pub(super) says_reason: bool,
}

/// Groups rows by the reason of their verdict, the most frequent first.
pub(super) fn by_reason<'a>(rows: &[Row<'a>], ink: Ink, listed: bool) -> Vec<Group<'a>> {
    let mut groups: BTreeMap<Option<Reason>, Vec<Row<'a>>> = BTreeMap::new();
    for row in rows {
        groups.entry(row.entry.reason).or_default().push(*row);
    }
    let mut groups: Vec<Group<'a>> = groups
        .into_iter()
        .map(|(reason, rows)| Group {
            heading: reason
                .map_or_else(|| "never looked at".to_owned(), |r| format!("{} ({r})", explain::reason(r))),
            ink,
            rows,
            listed,
            says_reason: true,
        })
        .collect();
    groups.sort_by_key(|g| std::cmp::Reverse(g.rows.len()));
    groups
}

/// Groups rows by state, worst first. Rows that owe nothing are counted and not listed.
pub(super) fn by_state<'a>(rows: &[Row<'a>], listed: bool) -> Vec<Group<'a>> {
    let mut groups: BTreeMap<State, Vec<Row<'a>>> = BTreeMap::new();
    for row in rows {
        groups.entry(row.entry.state).or_default().push(*row);
    }
    groups
        .into_iter()
        .map(|(state, rows)| Group {
            heading: format!("{:<25}{}", state.as_str(), explain::state(state)),
            ink: state_ink(state),
            rows,
            listed: listed && !state.is_finished(),
            says_reason: false,
        })
        .collect()
}

/// The colour of a state.
pub const fn state_ink(state: State) -> Ink {
    match state {
        State::Regressed | State::Contradicted | State::Exposed => Ink::Bad,
        State::Verified | State::NotAffected => Ink::Good,
        State::Waived | State::Decommissioned => Ink::Plain,
        _ => Ink::Warn,
    }
}

/// Headings with their counts, and under them as many rows as fit into `budget` lines, worst group first.
pub(super) fn groups(groups: &[Group<'_>], screen: &Screen, budget: usize) -> Vec<String> {
    let headings = if groups.len() > budget { budget.saturating_sub(1) } else { groups.len() };
    let mut room = budget.saturating_sub(groups.len());
    let mut lines = Vec::new();
    for group in groups.iter().take(headings) {
        let text = format!("{:>6}  {}", group.rows.len(), group.heading);
        lines.push(screen.style.paint(group.ink, &fit(&text, screen.width)).to_string());
        if group.listed {
            let listed = members(group, screen, room);
            room = room.saturating_sub(listed.len());
            lines.extend(listed);
        }
    }
    if headings < groups.len() {
        let rest: usize = groups.iter().skip(headings).map(|g| g.rows.len()).sum();
        lines.push(more(rest, screen));
    }
    lines
}

/// The rows of a group in at most `room` lines, the last of which says how many are left out and where
/// they are. Without any room there are none: the heading has the count.
fn members(group: &Group<'_>, screen: &Screen, room: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut before = (0, 0); // rows and lines that still leave one line for the rest
    for (i, row) in group.rows.iter().enumerate() {
        let remark = remark(row, group.says_reason);
        lines.extend(item(8, (row.label(), row.owner()), (&remark, Ink::Plain), screen));
        if lines.len() < room {
            before = (i + 1, lines.len());
        } else if lines.len() > room || i + 1 < group.rows.len() {
            lines.truncate(before.1);
            match before.0 {
                0 if room == 0 => {}
                0 => lines.push(format!("        all of them: {}", screen.command("export tracker"))),
                listed => lines.push(more(group.rows.len() - listed, screen)),
            }
            return lines;
        }
    }
    lines
}

fn more(count: usize, screen: &Screen) -> String {
    format!("        and {count} more: {}", screen.command("export tracker"))
}

/// One service with its owner and a remark: on one line where all three fit their columns, else with the
/// remark on a line of its own.
pub(super) fn item(
    indent: usize,
    (label, owner): (String, Option<&str>),
    (remark, ink): (&str, Ink),
    screen: &Screen,
) -> Vec<String> {
    const LABEL: usize = 28;
    const OWNER: usize = 12;
    let (label, remark) = (printable(&label), printable(remark));
    let (owner, owner_ink) = match owner {
        Some(owner) => (printable(owner), Ink::Plain),
        None => ("no owner".into(), Ink::Warn),
    };
    let left = screen.width.saturating_sub(indent + LABEL + 2 + OWNER + 2);
    let fits = width(&label) <= LABEL && width(&owner) <= OWNER && width(&remark) <= left;
    let mut first = format!("{:indent$}", "");
    let label = fit(&label, screen.width.saturating_sub(indent + 2 + OWNER));
    first.push_str(&label);
    first.push_str(&" ".repeat(LABEL.saturating_sub(width(&label)) + 2));
    let room = screen.width.saturating_sub(width(&first));
    let owner = fit(&owner, if fits { OWNER } else { room });
    first.push_str(&screen.style.paint(owner_ink, &owner).to_string());
    if remark.is_empty() {
        return vec![first];
    }
    if fits {
        first.push_str(&" ".repeat(OWNER.saturating_sub(width(&owner)) + 2));
        first.push_str(&screen.style.paint(ink, &remark).to_string());
        return vec![first];
    }
    let second = fit(&remark, screen.width.saturating_sub(indent + 2));
    let second = screen.style.paint(ink, &second).to_string();
    vec![first, format!("{:1$}{second}", "", indent + 2)]
}

/// What a reader must know about a row besides its state, the most telling first, since a narrow terminal
/// cuts the end: what went backwards, why it could not be judged, what the tool noted, how much of it is
/// bad, what shares its key; else what to do next.
fn remark(row: &Row<'_>, reason_is_said: bool) -> String {
    let entry = row.entry;
    let mut parts: Vec<String> =
        entry.regressions.iter().map(|&r| format!("{r} {}", explain::regression(r))).collect();
    if let (State::Unknown, Some(reason), false) = (entry.state, entry.reason, reason_is_said) {
        parts.push(explain::reason(reason).to_owned());
    }
    parts.extend(entry.notes.iter().cloned());
    let bad = || entry.endpoints.iter().filter(|e| e.verdict == Verdict::Vulnerable);
    let count = bad().map(|e| e.address).collect::<BTreeSet<_>>().len();
    let all = entry.endpoints.iter().map(|e| e.address).collect::<BTreeSet<_>>().len();
    if count > 0 && count < all {
        parts.push(format!("{count} of {all} addresses"));
    }
    if let Some(flaky) = bad().find(|e| e.vulnerable < e.tried) {
        parts.push(format!("{} of {} tries", flaky.vulnerable, flaky.tried));
    }
    match entry.key_shared_with.len() {
        0 => {}
        1 => parts.push("shares its key with 1 other".to_owned()),
        n => parts.push(format!("shares its key with {n} others")),
    }
    if parts.is_empty() && !entry.state.is_finished() && Standing::of(row) == Standing::Clean {
        parts.push(entry.next_action.clone());
    }
    parts.join("; ")
}

#[derive(Default)]
struct Load {
    services: usize,
    vulnerable: usize,
    unknown: usize,
    open: usize,
    overdue: usize,
    oldest: i64,
}

/// Who has how much open, the worst first; at most `max` lines with the heading.
pub(super) fn owners(tally: &Tally<'_>, screen: &Screen, max: usize) -> Vec<String> {
    let mut loads: BTreeMap<Option<&str>, Load> = BTreeMap::new();
    for row in &tally.rows {
        let load = loads.entry(row.owner()).or_default();
        load.services += 1;
        if !row.entry.state.is_finished() {
            load.open += 1;
            load.overdue += usize::from(row.is_overdue());
            load.oldest = load.oldest.max(row.age_hours().unwrap_or(0));
        }
    }
    for row in &tally.vulnerable {
        loads.entry(row.owner()).or_default().vulnerable += 1;
    }
    for row in &tally.unknown {
        loads.entry(row.owner()).or_default().unknown += 1;
    }
    let mut loads: Vec<_> = loads.into_iter().filter(|(_, l)| l.open > 0).collect();
    loads.sort_by_key(|(_, l)| std::cmp::Reverse((l.vulnerable, l.unknown, l.overdue, l.open)));
    if loads.is_empty() {
        return Vec::new();
    }
    let titles = ["SERVICES", "VULNERABLE", "UNKNOWN", "OPEN", "OVERDUE", "OLDEST h"];
    let mut columns = vec![Column::text("OWNER", 20)];
    columns.extend(titles.map(Column::number));
    let mut table = Table::new(0, &columns);
    let fits = loads.len() < max;
    let listed = if fits { loads.len() } else { max.saturating_sub(2) };
    for (owner, l) in loads.iter().take(listed) {
        let number = |n: usize, ink| (n.to_string(), if n > 0 { ink } else { Ink::Plain });
        table.row(vec![
            owner.map_or(("no owner".to_owned(), Ink::Warn), |o| (o.to_owned(), Ink::Plain)),
            number(l.services, Ink::Plain),
            number(l.vulnerable, Ink::Bad),
            number(l.unknown, Ink::Warn),
            number(l.open, Ink::Plain),
            number(l.overdue, Ink::Bad),
            (l.oldest.to_string(), Ink::Plain),
        ]);
    }
    let mut lines = table.lines(screen.width, screen.style);
    if !fits {
        let rest = loads.len() - listed;
        lines.push(format!("and {rest} more owners: {}", screen.command("export tracker --by owner")));
    }
    lines
}
