//! The sentences that the terminal reports are put together from, each a few finished lines. Lists of
//! services and owners are in `lists`.

use crate::model::{
    assessment::Assessment, facet::State, sweep::SweepState, text::printable, time::Timestamp,
    verdict::Reason,
};

use super::{
    Row, View,
    style::{Ink, Screen, shell_word},
    table::{fit, wrap},
    tally::{Standing, Tally, coverage_of},
};

/// The incident file where the user named none (DESIGN: the incident file).
const DEFAULT_INCIDENT: &str = "incident.db";

/// Said at the top while anything is exposed, where the disclosure has no words of its own.
pub(super) const WARNING: &str =
    "Do not restart before the fix is installed; do not make new keys before the restart.";

/// One line per disclosure (two on a narrow terminal): coverage first, then counts that add up.
pub(super) fn headline(view: &View<'_>, tally: &Tally<'_>, screen: &Screen) -> Vec<String> {
    let several = view.judged.len() > 1;
    let line = |assessment: &Assessment| {
        let tally = Tally::of_disclosure(&tally.rows, assessment);
        let coverage = coverage_of(view, assessment);
        let counts = [
            (tally.vulnerable.len(), "VULNERABLE", true),
            (tally.unknown.len(), "unknown", true),
            (tally.clean, "clean", true),
            (tally.waived, "waived", false),
            (tally.decommissioned, "decommissioned", false),
        ];
        let shown = counts.iter().filter(|(n, _, always)| *always || *n > 0);
        let counts: Vec<String> = shown.map(|(n, word, _)| format!("{n} {word}")).collect();
        let text =
            format!("{} of {} services probed; {}", coverage.probed, coverage.known, counts.join(", "));
        let text = if several { format!("{}: {text}", printable(&assessment.disclosure.id)) } else { text };
        let ink = if !tally.vulnerable.is_empty() {
            Ink::Bad
        } else if !tally.unknown.is_empty() || coverage.probed < coverage.known {
            Ink::Warn
        } else {
            Ink::Bold
        };
        paint_all(&wrap(&text, screen.width), ink, screen)
    };
    view.judged.iter().flat_map(|j| line(j.assessment)).collect()
}

/// What not to do while anything is exposed; at most `max` lines.
pub(super) fn warning(view: &View<'_>, tally: &Tally<'_>, screen: &Screen, max: usize) -> Vec<String> {
    let mut sentences: Vec<&str> = Vec::new();
    for disclosure in view.judged.iter().map(|j| &j.assessment.disclosure) {
        let exposed = |r: &Row<'_>| r.entry.disclosure == disclosure.id;
        if !tally.vulnerable.iter().any(exposed) {
            continue;
        }
        let own = disclosure.first_words.iter().map(String::as_str);
        let general = disclosure.first_words.is_empty().then_some(WARNING);
        for words in own.chain(general) {
            if !sentences.contains(&words) {
                sentences.push(words);
            }
        }
    }
    let mut lines: Vec<String> = sentences.iter().flat_map(|s| wrap(&printable(s), screen.width)).collect();
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
        .map(|j| {
            let title = &j.assessment.disclosure.title; // `Heartbleed: what it does`; its name is enough here
            let name = title.split_once(':').map_or(title.as_str(), |(name, _)| name);
            format!("{} {name}", j.assessment.disclosure.id)
        })
        .collect();
    let file = screen.incident.as_deref().unwrap_or(DEFAULT_INCIDENT);
    let name = &view.evidence.incident.name;
    let stem = std::path::Path::new(file).file_stem().and_then(|s| s.to_str());
    let called = if stem == Some(name) { String::new() } else { format!(" ({name})") };
    let mut text = format!("Incident file {file}{called}: {}", disclosures.join(", "));
    if let Some(sweep) = view.evidence.sweeps.last() {
        let ended = sweep.finished_at.unwrap_or(sweep.started_at);
        let took = sweep.finished_at.map(|end| end.seconds_since(sweep.started_at));
        let took = took.map(|seconds| format!(", took {}", duration(seconds)));
        text = format!(
            "{text}. Sweep {} at {} UTC from {}{}",
            sweep.id,
            ended.short(),
            sweep.vantage,
            took.unwrap_or_default()
        );
    }
    if let Some(judged) = view.judged.first() {
        text = format!("{text}. Presumption: {}", judged.assessment.policy.presume);
    }
    let mut lines = paint_all(&cut(wrap(&printable(&format!("{text}.")), screen.width), 2), Ink::Dim, screen);
    lines.push(progress(tally, screen));
    lines
}

/// Where network and host say opposite things: how many services, and the first `named` of them with both words.
pub(super) fn conflicts(tally: &Tally<'_>, screen: &Screen, named: usize) -> Vec<String> {
    const LINES: usize = 3;
    let rows: Vec<&Row<'_>> = tally.rows.iter().filter(|r| !r.entry.conflicts.is_empty()).collect();
    if rows.is_empty() {
        return Vec::new();
    }
    let count = match rows.len() {
        1 => "1 service".to_owned(),
        n => format!("{n} services"),
    };
    let more = if rows.len() > named { format!("; the first {named}:") } else { ":".to_owned() };
    let title = format!("CONFLICT: network and host say opposite things of {count}{more}");
    let mut lines = paint_all(&wrap(&title, screen.width), Ink::Bad, screen);
    for row in rows.into_iter().take(named) {
        let words = row.entry.conflicts.iter().map(|c| c.words.as_str()).collect::<Vec<_>>().join(" ");
        let text = printable(&format!("{}: {words}", fit(&printable(&row.label()), 40))).into_owned();
        let indented: Vec<String> = cut(wrap(&text, screen.width.saturating_sub(4)), LINES)
            .into_iter()
            .map(|line| format!("  {line}"))
            .collect();
        lines.extend(paint_all(&indented, Ink::Warn, screen));
    }
    lines
}

/// The rules by which it was judged; each disclosure is judged by the same.
pub(super) fn policy(view: &View<'_>, screen: &Screen) -> Vec<String> {
    let policy = view.judged.first().map(|j| &j.assessment.policy);
    let text = policy.map(|p| format!("Policy in force: {}.", p.summary()));
    text.map_or_else(Vec::new, |text| paint_all(&wrap(&text, screen.width), Ink::Dim, screen))
}

/// `All clear` is said only where nothing is owed and nothing is merely accepted as it is.
fn progress(tally: &Tally<'_>, screen: &Screen) -> String {
    let (done, all) = (tally.finished, tally.rows.len());
    let word = |r: &&Row<'_>| r.entry.state == State::Waived || !Standing::of(r).is_seen();
    let accepted = tally.rows.iter().filter(word).count();
    let (ink, text) = match (all - done, accepted) {
        (0, _) if all == 0 => (Ink::Warn, "No service is known here.".to_owned()),
        (0, 0) => (Ink::Good, format!("All clear: {all} of {all} services owe nothing more.")),
        (0, n) => (
            Ink::Warn,
            format!("{all} of {all} services owe nothing more; {n} of them only by somebody's word."),
        ),
        (open, _) => (Ink::Bold, format!("{done} of {all} services owe nothing more; open: {open}.")),
    };
    screen.style.paint(ink, &text).to_string()
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
        text = format!("{text}; {soon} more by the end of {day}");
    }
    let ink = if tally.overdue.is_empty() { Ink::Plain } else { Ink::Bad };
    paint_all(&wrap(&text, screen.width), ink, screen)
}

/// The end (exclusive, UTC) and the name of the next day that is neither Saturday nor Sunday.
fn next_business_day(now: Timestamp) -> (Timestamp, &'static str) {
    const DAY: i64 = 86_400;
    const NAMES: [&str; 7] = ["Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"];
    let mut day = now.micros().div_euclid(1_000_000 * DAY) + 1; // 1970-01-01 was a Thursday
    while matches!(day.rem_euclid(7), 2 | 3) {
        day += 1;
    }
    let name = usize::try_from(day.rem_euclid(7)).ok().and_then(|i| NAMES.get(i));
    (Timestamp::from_seconds((day + 1) * DAY), name.copied().unwrap_or_default())
}

/// What the servers sent that was not ours to have: nothing, unless something is badly wrong.
pub(super) fn foreign_bytes(view: &View<'_>, screen: &Screen) -> Vec<String> {
    let foreign = view.judged.iter().map(|j| j.assessment.foreign_bytes).max().unwrap_or(0);
    let (ink, text) = if foreign == 0 {
        (Ink::Plain, "Foreign bytes received: 0 (none were asked for)".to_owned())
    } else {
        (Ink::Bad, format!("FOREIGN BYTES RECEIVED: {foreign}, none of them kept. Please report this."))
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
        SweepState::Running | SweepState::Interrupted => {
            lines.push(format!("Sweep {} did not finish: {}", sweep.id, screen.command("sweep --resume")));
        }
    }
    if sweep.bad_rows > 0 {
        lines.push(format!("Inventory rows that could not be read and were NOT probed: {}", sweep.bad_rows));
    }
    paint_all(&lines, Ink::Warn, screen)
}

/// The next three commands, most pressing first.
pub(super) fn next(view: &View<'_>, tally: &Tally<'_>, screen: &Screen) -> Vec<String> {
    let mut steps: Vec<(String, &str)> = Vec::new();
    let unfinished = [SweepState::Running, SweepState::Interrupted];
    if view.evidence.sweeps.last().is_some_and(|s| unfinished.contains(&s.state)) {
        steps.push(("sweep --resume".to_owned(), "finish the sweep"));
    }
    if tally.finished < tally.rows.len() {
        steps.push(("checklist".to_owned(), "what to do, in order, by owner"));
        let again = tally.unknown.iter().find(|r| may_change(r));
        if let (true, Some(row)) = (tally.vulnerable.is_empty(), again) {
            let label = row.label();
            let typed = if printable(&label) == label { label } else { row.entry.row_id.to_string() };
            let service = shell_word(&typed);
            steps.push((format!("verify --service {service}"), "look again at the first of the unknown"));
        }
        steps.push(("verify".to_owned(), "after a repair: what has changed"));
        steps.push(("export tracker -o tracker.csv".to_owned(), "one row per service, for a spreadsheet"));
    } else if tally.rows.is_empty() {
        steps.push(("sweep INVENTORY".to_owned(), "probe a list of services"));
    } else {
        steps.push(("verify --gate verified".to_owned(), "is it still true?"));
        steps.push(("export tracker -o tracker.csv".to_owned(), "the record, one row per service"));
        steps.push(("export findings -o findings.csv".to_owned(), "every observation behind it"));
    }
    let steps: Vec<(String, &str)> =
        steps.into_iter().take(3).map(|(arguments, why)| (screen.command(&arguments), why)).collect();
    let mut lines = vec!["Next:".to_owned()];
    lines.extend(commands(&steps, screen));
    lines
}

/// Whether another look may bring more than the last: not where policy or this release kept the probe away.
const fn may_change(row: &Row<'_>) -> bool {
    !matches!(
        row.entry.reason,
        Some(Reason::Fragile | Reason::Excluded | Reason::OutOfScope | Reason::WrapUnsupported)
    )
}

/// Commands to copy with what they are for: beside them, or below them where the screen is too narrow. A
/// command is never cut, since half a command is worse than none.
fn commands(steps: &[(String, &str)], screen: &Screen) -> Vec<String> {
    let longest = steps.iter().map(|(command, _)| command.chars().count()).max().unwrap_or(0);
    let widest = steps.iter().map(|(_, why)| why.chars().count()).max().unwrap_or(0);
    let beside = longest + widest + 4 <= screen.width;
    let mut lines = Vec::new();
    for (command, why) in steps {
        let padded = if beside { format!("{command:<longest$}") } else { command.clone() };
        let shown = screen.style.paint(Ink::Bold, &padded).to_string();
        if beside {
            lines.push(format!("  {shown}  {why}"));
        } else {
            lines.push(format!("  {shown}"));
            lines.push(format!("      {why}"));
        }
    }
    lines
}

/// Lines in one colour.
pub(super) fn paint_all(lines: &[String], ink: Ink, screen: &Screen) -> Vec<String> {
    lines.iter().map(|l| screen.style.paint(ink, l).to_string()).collect()
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
