//! The parts that the terminal reports are put together from, each a few finished lines.
//!
//! A list that does not fit is cut with a line that says how many are left out and where they are.

use std::collections::BTreeMap;

use crate::model::{
    facet::State,
    sweep::SweepState,
    text::printable,
    time::Timestamp,
    verdict::{Reason, Verdict},
};

use super::{
    Row, View, explain,
    style::{Ink, Screen, shell_word},
    table::{Column, Table, fit, wrap},
    tally::{Tally, coverage_of},
};

/// Said at the top while anything is exposed, where the disclosure has no words of its own.
pub(super) const WARNING: &str =
    "Do not restart before the fix is installed; do not make new keys before the restart.";

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
}

/// One line per disclosure: coverage first, then counts that add up.
pub(super) fn headline(view: &View<'_>, tally: &Tally<'_>, screen: &Screen) -> Vec<String> {
    let several = view.judged.len() > 1;
    let line = |assessment| {
        let tally = Tally::of_disclosure(&tally.rows, assessment);
        let coverage = coverage_of(view, assessment);
        let mut parts = vec![
            format!("{} VULNERABLE", tally.vulnerable.len()),
            format!("{} unknown", tally.unknown.len()),
            format!("{} clean", tally.clean),
        ];
        for (count, word) in [(tally.waived, "waived"), (tally.decommissioned, "decommissioned")] {
            if count > 0 {
                parts.push(format!("{count} {word}"));
            }
        }
        let text = format!(
            "{}{} of {} services probed; {}",
            if several {
                format!("{}: ", printable(&assessment.disclosure.id))
            } else {
                String::new()
            },
            coverage.probed,
            coverage.known,
            parts.join(", ")
        );
        let ink = if !tally.vulnerable.is_empty() {
            Ink::Bad
        } else if !tally.unknown.is_empty() || coverage.probed < coverage.known {
            Ink::Warn
        } else {
            Ink::Bold
        };
        screen.style.paint(ink, &text).to_string()
    };
    view.judged.iter().map(|j| line(j.assessment)).collect()
}

/// What not to do while anything is exposed; at most `max` lines.
pub(super) fn warning(view: &View<'_>, tally: &Tally<'_>, screen: &Screen, max: usize) -> Vec<String> {
    let mut sentences: Vec<&str> = Vec::new();
    for judged in view.judged {
        let disclosure = &judged.assessment.disclosure;
        if tally
            .vulnerable
            .iter()
            .any(|r| r.entry.disclosure == disclosure.id)
        {
            let words = disclosure.first_words.iter().map(String::as_str);
            let words: Vec<&str> = if disclosure.first_words.is_empty() {
                vec![WARNING]
            } else {
                words.collect()
            };
            sentences.extend(
                words
                    .into_iter()
                    .filter(|w| !sentences.contains(w))
                    .collect::<Vec<_>>(),
            );
        }
    }
    let mut lines: Vec<String> = sentences
        .iter()
        .flat_map(|s| wrap(&printable(s), screen.width))
        .collect();
    if lines.len() > max {
        lines.truncate(max.saturating_sub(1));
        lines.push(format!("There is more to know: {}", screen.command("checklist")));
    }
    paint_all(&lines, Ink::Bad, screen)
}

/// Which incident, disclosure and sweep this is about, and how much of it is finished.
pub(super) fn context(view: &View<'_>, tally: &Tally<'_>, screen: &Screen) -> Vec<String> {
    let disclosures: Vec<String> = view
        .judged
        .iter()
        .map(|j| format!("{} {}", j.assessment.disclosure.id, j.assessment.disclosure.title))
        .collect();
    let mut text = format!(
        "Incident {}: {}",
        view.evidence.incident.name,
        disclosures.join(", ")
    );
    if let Some(sweep) = view.evidence.sweeps.last() {
        let ended = sweep.finished_at.unwrap_or(sweep.started_at);
        text.push_str(&format!(
            ". Sweep {} at {} UTC from {}",
            sweep.id,
            ended.short(),
            sweep.vantage
        ));
        if let Some(finished) = sweep.finished_at {
            text.push_str(&format!(
                ", took {}",
                duration(finished.seconds_since(sweep.started_at))
            ));
        }
    }
    let mut lines = paint_all(
        &cut(wrap(&printable(&format!("{text}.")), screen.width), 2),
        Ink::Dim,
        screen,
    );
    lines.push(progress(tally, screen));
    lines
}

fn progress(tally: &Tally<'_>, screen: &Screen) -> String {
    let (done, all) = (tally.finished, tally.rows.len());
    let (ink, text) = match all - done {
        0 if all == 0 => (Ink::Warn, "No service is known here.".to_owned()),
        0 => (
            Ink::Good,
            format!("All clear: {all} of {all} services owe nothing more."),
        ),
        open => (
            Ink::Bold,
            format!("{done} of {all} services owe nothing more; {open} are open."),
        ),
    };
    screen.style.paint(ink, &text).to_string()
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
            heading: reason.map_or_else(
                || "never looked at".to_owned(),
                |r| format!("{} ({r})", explain::reason(r)),
            ),
            ink,
            rows,
            listed,
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
            heading: format!("{:<24}{}", state.as_str(), explain::state(state)),
            ink: state_ink(state),
            rows,
            listed: listed && !state.is_finished(),
        })
        .collect()
}

const fn state_ink(state: State) -> Ink {
    match state {
        State::Regressed | State::Contradicted | State::Exposed => Ink::Bad,
        State::Verified | State::NotAffected => Ink::Good,
        State::Waived | State::Decommissioned => Ink::Plain,
        _ => Ink::Warn,
    }
}

/// Headings with their counts, and under them as many rows as fit into `budget` lines, worst group first.
pub(super) fn groups(groups: &[Group<'_>], screen: &Screen, budget: usize) -> Vec<String> {
    let mut room = budget.saturating_sub(groups.len().min(budget));
    let mut shown: Vec<(usize, bool)> = Vec::new(); // rows listed, and whether a line says that there are more
    for group in groups {
        let all = if group.listed { group.rows.len() } else { 0 };
        let plan = match room {
            _ if all <= room => (all, false),
            0 | 1 => (0, false),
            _ => (room - 1, true),
        };
        room -= plan.0 + usize::from(plan.1);
        shown.push(plan);
    }
    let items: Vec<&Row<'_>> = groups
        .iter()
        .zip(&shown)
        .flat_map(|(g, plan)| g.rows.iter().take(plan.0))
        .collect();
    let mut items = rows(&items, screen).into_iter();
    let mut lines = Vec::new();
    let headings = if groups.len() > budget {
        budget.saturating_sub(1)
    } else {
        groups.len()
    };
    for (group, plan) in groups.iter().zip(&shown).take(headings) {
        let text = fit(
            &format!("{:>6}  {}", group.rows.len(), group.heading),
            screen.width,
        );
        lines.push(screen.style.paint(group.ink, &text).to_string());
        lines.extend(items.by_ref().take(plan.0));
        if plan.1 {
            lines.push(more(group.rows.len() - plan.0, screen));
        }
    }
    if headings < groups.len() {
        let rest: usize = groups.iter().skip(headings).map(|g| g.rows.len()).sum();
        lines.push(more(rest, screen));
    }
    lines
}

fn more(count: usize, screen: &Screen) -> String {
    format!("          and {count} more: {}", screen.command("export tracker"))
}

/// Rows as aligned lines: name and port, owner, what a reader must know.
fn rows(rows: &[&Row<'_>], screen: &Screen) -> Vec<String> {
    let columns = [Column::text("", 38), Column::text("", 16), Column::text("", 200)];
    let mut table = Table::new(10, &columns);
    for row in rows {
        let owner = match row.owner() {
            Some(owner) => (owner.to_owned(), Ink::Plain),
            None => ("no owner".to_owned(), Ink::Warn),
        };
        table.row(vec![(row.label(), Ink::Plain), owner, (remark(row), Ink::Plain)]);
    }
    table.lines(screen.width, screen.style)
}

/// What a reader must know about a row besides its state: how much of it, what shares its key, what went
/// backwards, what the tool noted; for a row that could not be judged, why.
pub(super) fn remark(row: &Row<'_>) -> String {
    let entry = row.entry;
    let mut parts: Vec<String> = entry
        .regressions
        .iter()
        .map(|&r| format!("{r} {}", explain::regression(r)))
        .collect();
    if let (State::Unknown, Some(reason)) = (entry.state, entry.reason) {
        parts.push(explain::reason(reason).to_owned());
    }
    let bad = entry
        .endpoints
        .iter()
        .filter(|e| e.verdict == Verdict::Vulnerable);
    let (count, all) = (bad.clone().count(), entry.endpoints.len());
    if count > 0 && count < all {
        parts.push(format!("{count} of {all} addresses"));
    }
    if let Some(flaky) = bad.clone().find(|e| e.vulnerable < e.tried) {
        parts.push(format!("{} of {} tries", flaky.vulnerable, flaky.tried));
    }
    match entry.key_shared_with.len() {
        0 => {}
        1 => parts.push("shares its key with 1 other".to_owned()),
        n => parts.push(format!("shares its key with {n} others")),
    }
    parts.extend(entry.notes.iter().cloned());
    if parts.is_empty() && !entry.state.is_finished() && entry.state != State::Exposed {
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
        lines.push(format!(
            "and {rest} more owners: {}",
            screen.command("export tracker --by owner")
        ));
    }
    lines
}

/// How many are late, and how many will be by the end of the next business day: attackers work weekends.
pub(super) fn overdue(tally: &Tally<'_>, screen: &Screen) -> Vec<String> {
    let Some(now) = tally.rows.first().map(|r| r.assessment.now) else {
        return Vec::new();
    };
    let late_by = |r: &Row<'_>| r.entry.due.map_or(0, |d| now.seconds_since(d));
    let mut text = match tally.overdue.iter().max_by_key(|r| late_by(r)) {
        None => "Overdue: 0".to_owned(),
        Some(worst) => format!(
            "Overdue: {}, worst {} by {} h",
            tally.overdue.len(),
            fit(&printable(&worst.label()), 30),
            late_by(worst) / 3600
        ),
    };
    let (end, day) = next_business_day(now);
    let soon =
        |r: &&Row<'_>| !r.entry.state.is_finished() && r.entry.due.is_some_and(|d| d >= now && d < end);
    let soon = tally.rows.iter().filter(soon).count();
    if soon > 0 {
        text.push_str(&format!("; {soon} more by the end of {day}"));
    }
    let ink = if tally.overdue.is_empty() {
        Ink::Plain
    } else {
        Ink::Bad
    };
    vec![screen.style.paint(ink, &fit(&text, screen.width)).to_string()]
}

/// The end (exclusive, UTC) and the name of the next day that is neither Saturday nor Sunday.
fn next_business_day(now: Timestamp) -> (Timestamp, &'static str) {
    const DAY: i64 = 86_400;
    const NAMES: [&str; 7] = [
        "Thursday",
        "Friday",
        "Saturday",
        "Sunday",
        "Monday",
        "Tuesday",
        "Wednesday",
    ];
    let mut day = now.micros().div_euclid(1_000_000 * DAY) + 1; // 1970-01-01 was a Thursday
    while matches!(day.rem_euclid(7), 2 | 3) {
        day += 1;
    }
    let name = usize::try_from(day.rem_euclid(7)).ok().and_then(|i| NAMES.get(i));
    (
        Timestamp::from_seconds((day + 1) * DAY),
        name.copied().unwrap_or_default(),
    )
}

/// What the servers sent that was not ours to have: nothing, unless something is badly wrong.
pub(super) fn foreign_bytes(view: &View<'_>, screen: &Screen) -> Vec<String> {
    let foreign = view
        .judged
        .iter()
        .map(|j| j.assessment.foreign_bytes)
        .max()
        .unwrap_or(0);
    let (ink, text) = if foreign == 0 {
        (
            Ink::Plain,
            "Foreign bytes received: 0 (none were asked for)".to_owned(),
        )
    } else {
        (
            Ink::Bad,
            format!("FOREIGN BYTES RECEIVED: {foreign}, none of them kept. Please report this."),
        )
    };
    vec![screen.style.paint(ink, &text).to_string()]
}

/// What was wrong with the last sweep itself.
pub(super) fn faults(view: &View<'_>, screen: &Screen) -> Vec<String> {
    let Some(sweep) = view.evidence.sweeps.last() else {
        return Vec::new();
    };
    let mut lines = Vec::new();
    match sweep.state {
        SweepState::Finished => {}
        SweepState::Failed => lines.push(format!("Sweep {} failed: no verdict of it counts.", sweep.id)),
        SweepState::Running | SweepState::Interrupted => lines.push(format!(
            "Sweep {} did not finish: {}",
            sweep.id,
            screen.command("sweep --resume")
        )),
    }
    if sweep.bad_rows > 0 {
        lines.push(format!(
            "Inventory rows that could not be read and were NOT probed: {}",
            sweep.bad_rows
        ));
    }
    paint_all(&lines, Ink::Warn, screen)
}

/// The next three commands, most pressing first.
pub(super) fn next(view: &View<'_>, tally: &Tally<'_>, screen: &Screen) -> Vec<String> {
    let mut steps: Vec<(String, &str)> = Vec::new();
    let unfinished = [SweepState::Running, SweepState::Interrupted];
    if view
        .evidence
        .sweeps
        .last()
        .is_some_and(|s| unfinished.contains(&s.state))
    {
        steps.push(("sweep --resume".to_owned(), "finish the sweep"));
    }
    if tally.finished < tally.rows.len() {
        steps.push(("checklist".to_owned(), "what to do, in order, by owner"));
        if let (true, Some(row)) = (tally.vulnerable.is_empty(), tally.unknown.first()) {
            let service = shell_word(row.entry.row_id.as_str());
            steps.push((
                format!("verify --service {service}"),
                "look again at the first unknown",
            ));
        }
        steps.push((
            "verify".to_owned(),
            "after a repair: look again, say what changed",
        ));
        steps.push((
            "export tracker -o tracker.csv".to_owned(),
            "one row per service, for a spreadsheet",
        ));
    } else if tally.rows.is_empty() {
        steps.push(("sweep INVENTORY".to_owned(), "probe a list of services"));
    } else {
        steps.push(("verify --gate verified".to_owned(), "is it still true?"));
        steps.push((
            "export tracker -o tracker.csv".to_owned(),
            "the record, one row per service",
        ));
        steps.push((
            "export findings -o findings.csv".to_owned(),
            "every observation behind it",
        ));
    }
    let mut table = Table::new(2, &[Column::text("", 60), Column::text("", 60)]);
    for (arguments, why) in steps.into_iter().take(3) {
        table.row(vec![
            (screen.command(&arguments), Ink::Bold),
            (why.to_owned(), Ink::Plain),
        ]);
    }
    let mut lines = vec!["Next:".to_owned()];
    lines.extend(table.lines(screen.width, screen.style));
    lines
}

/// Lines in one colour.
pub(super) fn paint_all(lines: &[String], ink: Ink, screen: &Screen) -> Vec<String> {
    lines
        .iter()
        .map(|l| screen.style.paint(ink, l).to_string())
        .collect()
}

fn cut(mut lines: Vec<String>, max: usize) -> Vec<String> {
    if lines.len() > max {
        lines.truncate(max);
        if let Some(last) = lines.last_mut() {
            last.push_str(" …");
        }
    }
    lines
}

fn duration(seconds: i64) -> String {
    match seconds {
        ..=0 => "under 1 s".to_owned(),
        1..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_business_day_skips_the_weekend() {
        let table = [
            ("2026-11-19T10:00:00Z", "Friday", "2026-11-21"),
            ("2026-11-20T23:59:59Z", "Monday", "2026-11-24"),
            ("2026-11-21T00:00:00Z", "Monday", "2026-11-24"),
            ("2026-11-22T12:00:00Z", "Monday", "2026-11-24"),
        ];
        for (now, name, end) in table {
            let (got, day) = next_business_day(now.parse().unwrap());
            assert_eq!((day, got.date().as_str()), (name, end), "now: {now}");
        }
    }
}
