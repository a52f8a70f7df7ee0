//! `verify`: the gate, and what changed since the sweep before, as text and as JSON.
//!
//! Whether the gate holds is the caller's knowledge; it arrives as one of DESIGN's four words.

use std::io::{self, Write};

use serde::Serialize;

use crate::model::{
    assessment::Change,
    disclosure::DisclosureId,
    facet::{Regression, State},
    ids::{RowId, SweepId},
    sweep::Sweep,
};

use super::{
    Row, View, explain, json,
    lists::{self, Lists, Remarks},
    sections,
    status::Body,
    style::{Ink, Screen},
    table::wrap,
    tally::Tally,
};

const CHANGES_PER_WAY: usize = 15;
const OPEN_LINES: usize = 30;

/// The gate that was asked for and what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gate<'a> {
    /// `closed`, `rekeyed` or `verified`.
    pub name: &'a str,
    /// `holds`, `open`, `incomplete` or `regressed`.
    pub result: &'a str,
}

/// Writes the gate, the counts, the changes by kind and what is open.
pub fn text(view: &View<'_>, gate: Gate<'_>, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
    let tally = Tally::of(view.rows());
    let ink = match gate.result {
        "holds" => Ink::Good,
        "incomplete" => Ink::Warn,
        _ => Ink::Bad,
    };
    let result = gate.result.to_uppercase();
    let verdict = format!("{result}, by the gate `{}`: {}.", gate.name, explain::gate(gate.result));
    let mut lines = sections::paint_all(&wrap(&verdict, screen.width), ink, screen);
    lines.extend(sections::headline(view, &tally, screen));
    lines.extend(sections::warning(view, &tally, screen, 4));
    lines.extend(sections::conflicts(&tally, screen, 2));
    lines.extend(sections::faults(view, screen));
    lines.push(String::new());
    lines.extend(changes(view, &tally, screen));
    let open: Vec<Row<'_>> = tally.rows.iter().filter(|r| !r.entry.state.is_finished()).copied().collect();
    if !open.is_empty() {
        lines.push(String::new());
        lines.push(screen.style.paint(Ink::Bold, "STILL OPEN").to_string());
        let groups = lists::by_state(&open, Remarks::All, |_| usize::MAX);
        lines.extend(Lists::new(view, &tally, screen).groups(&groups, OPEN_LINES));
    }
    lines.push(String::new());
    lines.extend(sections::context(view, &tally, screen));
    lines.extend(sections::policy(view, screen));
    lines.extend(sections::next(view, &tally, screen));
    lines.iter().try_for_each(|line| writeln!(out, "{line}"))
}

/// The direction of a change, in the order in which they are shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Backwards,
    Worse,
    New,
    Better,
}

impl Way {
    const ALL: [(Self, &'static str, Ink); 4] = [
        (Self::Backwards, "WENT BACKWARDS", Ink::Bad),
        (Self::Worse, "FOUND OPEN, OR MORE OPEN THAN KNOWN", Ink::Warn),
        (Self::New, "NEW", Ink::Plain),
        (Self::Better, "MOVED ON", Ink::Good),
    ];

    fn of(change: &Change) -> Self {
        match change.from {
            // Some addresses are fixed and some are not: progress, where all of it was bad before.
            Some(from)
                if change.code == Some(Regression::R4) && change.to >= from && from <= State::Exposed =>
            {
                Self::Better
            }
            _ if change.code.is_some() || change.to == State::Regressed => Self::Backwards,
            None => Self::New,
            Some(from) if change.to < from => Self::Worse,
            Some(_) => Self::Better,
        }
    }
}

fn changes(view: &View<'_>, tally: &Tally<'_>, screen: &Screen) -> Vec<String> {
    let changes = view.changes();
    let Some(run) = Run::of(view, &changes) else {
        return vec!["This is the first sweep: nothing to compare with yet.".to_owned()];
    };
    let missed = tally.rows.iter().filter(|r| run.missed(r)).count();
    let same = tally.rows.len().saturating_sub(changes.len());
    let mut summary = format!("Changed: {}; as before: {same}", changes.len());
    if missed > 0 {
        summary = format!("{summary}; not looked at this time: {missed}");
    }
    let mut lines = vec![summary];
    if let Some(last) = run.second {
        let text = format!("Where a second clean look was lacking, sweep {last} was that look.");
        lines.extend(wrap(&text, screen.width));
    }
    let writer = Lists::new(view, tally, screen);
    for (way, title, ink) in Way::ALL {
        let of_way: Vec<_> = changes.iter().filter(|(_, c)| Way::of(c) == way).collect();
        if of_way.is_empty() {
            continue;
        }
        lines.push(screen.style.paint(ink, &format!("{title}: {}", of_way.len())).to_string());
        let shown = of_way.iter().take(CHANGES_PER_WAY);
        let items: Vec<_> = shown.map(|(row, change)| (*row, said(change))).collect();
        lines.extend(writer.items(2, &items, ink));
        if of_way.len() > CHANGES_PER_WAY {
            let rest = of_way.len() - CHANGES_PER_WAY;
            lines.push(format!("  and {rest} more: {}", screen.command("export delta")));
        }
    }
    lines
}

/// The sweeps that are compared with what stood before them: one, or a second that looked again at some.
struct Run {
    first: SweepId,
    second: Option<SweepId>,
}

impl Run {
    /// `None` where there was no sweep before.
    fn of(view: &View<'_>, changes: &[(Row<'_>, &Change)]) -> Option<Self> {
        let sweeps = &view.evidence.sweeps;
        let (last, before) = sweeps.split_last()?;
        // Without a change nothing says where the run began; sweeps of one command belong together.
        let same = |sweep: &&Sweep| sweep.command_line == last.command_line;
        let began = || before.iter().rev().take_while(same).last().unwrap_or(last).id;
        let Some((_, change)) = changes.first() else {
            return (!before.is_empty()).then(|| Self { first: began(), second: None });
        };
        let before_it = change.sweep_a?;
        let first = sweeps.iter().map(|s| s.id).find(|id| *id > before_it)?;
        Some(Self { first, second: (first < last.id).then_some(last.id) })
    }

    fn missed(&self, row: &Row<'_>) -> bool {
        row.entry.endpoints.iter().all(|e| e.sweep < self.first)
    }
}

/// The code first, since it is what a reader has to act on.
fn said(change: &Change) -> String {
    let code = change.code.map(|c| format!("{c} {}: ", explain::regression(c)));
    let code = code.unwrap_or_default();
    match change.from {
        Some(from) if from == change.to => format!("{code}still {from}"),
        from => format!("{code}{} -> {}", from.map_or("new", State::as_str), change.to),
    }
}

#[derive(Serialize)]
struct Verify<'a> {
    #[serde(flatten)]
    status: Body<'a>,
    changes: Vec<ChangeBody<'a>>,
    gate: &'a str,
}

#[derive(Serialize)]
struct ChangeBody<'a> {
    row_id: &'a RowId,
    #[serde(skip_serializing_if = "Option::is_none")]
    disclosure: Option<&'a DisclosureId>,
    from: Option<State>,
    to: State,
    code: Option<Regression>,
}

/// Writes one object on one line: the status, `changes` and `gate`. `from` is null for a service that is
/// new, `code` unless something went backwards; with several disclosures a change names its own.
pub fn json(view: &View<'_>, gate: Gate<'_>, out: &mut dyn Write) -> io::Result<()> {
    let several = view.judged.len() > 1;
    let body = Verify {
        status: Body::of(view),
        changes: view
            .changes()
            .into_iter()
            .map(|(row, change)| ChangeBody {
                row_id: &change.row_id,
                disclosure: several.then_some(&row.entry.disclosure),
                from: change.from,
                to: change.to,
                code: change.code,
            })
            .collect(),
        gate: gate.result,
    };
    json::write(&body, out)?;
    writeln!(out)
}
