//! The table of owners for a terminal: who has how much open.

use std::collections::BTreeMap;

use super::{
    style::{Ink, Screen},
    table::{Column, Table},
    tally::Tally,
};

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
pub(super) fn table(tally: &Tally<'_>, screen: &Screen, max: usize) -> Vec<String> {
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
        lines.push(format!(
            "and {rest} more owners: {}",
            screen.command("export tracker --by owner -o tracker.csv")
        ));
    }
    lines
}
