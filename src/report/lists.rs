//! Lists of services for a terminal, by state or by reason.
//!
//! Every group names at least two of its services, or all of them; a list that does not fit is cut with
//! a line that says how many are left out and where they are. Owners are in `owners`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::model::{
    assessment::ServiceAssessment,
    facet::{FacetValue, State},
    ids::{RowId, Spki},
    text::printable,
    verdict::{Reason, Verdict},
};

use super::{
    Row, View, explain, joined,
    style::{Ink, Screen},
    table::{fit, width, wrap},
    tally::{Standing, Tally},
};

/// Services that a group names however short the screen is.
const NAMED: usize = 2;
/// Lines that one remark may take.
const REMARK_LINES: usize = 3;
/// Rows of a group that are measured for their columns.
const MEASURED: usize = 100;
/// The widest remark that stands beside every service of a group, though it is the same for all.
const SHORT_REMARK: usize = 24;
const INDENT: usize = 8;

/// What is said beside a service of a group.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Remarks {
    /// Everything a reader must know.
    All,
    /// The same without the reason of the verdict, since the heading says it.
    NoReason,
    /// What went backwards, and what shares its key.
    Key,
}

/// A group of rows under one heading.
pub(super) struct Group<'a> {
    /// What the rows have in common, as one word of a closed list.
    pub(super) name: &'static str,
    /// The same for people; the name is part of it.
    pub(super) heading: String,
    /// Its colour.
    pub(super) ink: Ink,
    /// The rows; their number is printed before the heading.
    pub(super) rows: Vec<Row<'a>>,
    /// The most rows worth listing; 0: the count is enough.
    pub(super) most: usize,
    /// What is said beside each.
    pub(super) remarks: Remarks,
}

/// Groups rows by the reason of their verdict: first where something answered, then what was not reached;
/// the most frequent first.
pub(super) fn by_reason<'a>(rows: &[Row<'a>], ink: Ink) -> Vec<Group<'a>> {
    let mut groups: BTreeMap<Option<Reason>, Vec<Row<'a>>> = BTreeMap::new();
    for row in rows {
        groups.entry(row.entry.reason).or_default().push(*row);
    }
    let mut groups: Vec<Group<'a>> = groups
        .into_iter()
        .map(|(reason, rows)| Group {
            name: reason.map_or("never-looked-at", Reason::as_str),
            heading: reason
                .map_or_else(|| "never looked at".to_owned(), |r| format!("{} ({r})", explain::reason(r))),
            ink,
            rows,
            most: usize::MAX,
            remarks: Remarks::NoReason,
        })
        .collect();
    let verdict = |g: &Group<'_>| g.rows.first().and_then(|r| r.entry.verdict);
    let silent = |g: &Group<'_>| matches!(verdict(g), None | Some(Verdict::Unreachable | Verdict::Skipped));
    groups.sort_by_key(|g| (silent(g), std::cmp::Reverse(g.rows.len())));
    groups
}

/// Groups rows by state, worst first; `most` says how many of a state are worth listing.
pub(super) fn by_state<'a>(
    rows: &[Row<'a>],
    remarks: Remarks,
    most: impl Fn(State) -> usize,
) -> Vec<Group<'a>> {
    let mut groups: BTreeMap<State, Vec<Row<'a>>> = BTreeMap::new();
    for row in rows {
        groups.entry(row.entry.state).or_default().push(*row);
    }
    groups
        .into_iter()
        .map(|(state, rows)| Group {
            name: state.as_str(),
            heading: format!("{:<25}{}", state.as_str(), explain::state(state)),
            ink: state_ink(state),
            rows,
            most: most(state),
            remarks,
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

/// The widths of the columns before the remark; without an owner column where nobody owns anything.
#[derive(Clone, Copy)]
struct Columns {
    label: usize,
    owner: Option<usize>,
}

/// What lists are written with.
pub(super) struct Lists<'v, 'a> {
    view: &'v View<'a>,
    screen: &'v Screen,
    owned: bool,
    /// Every service under the first disclosure: which keys a service serves is the same under each.
    entries: HashMap<&'a RowId, &'a ServiceAssessment>,
}

impl<'v, 'a> Lists<'v, 'a> {
    /// Lists for a terminal. Where no service has an owner, only the table of owners says so.
    pub(super) fn new(view: &'v View<'a>, tally: &Tally<'a>, screen: &'v Screen) -> Self {
        let owned = tally.rows.iter().any(|r| r.owner().is_some());
        let services = view.judged.first().map(|j| j.assessment.services.as_slice()).unwrap_or_default();
        let entries = services.iter().map(|s| (&s.row_id, s)).collect();
        Self { view, screen, owned, entries }
    }

    /// Headings with their counts, and under them what fits into `budget` lines. More lines than that
    /// only where the headings and two names for each take more.
    pub(super) fn groups(&self, groups: &[Group<'a>], budget: usize) -> Vec<String> {
        let least: usize = groups.iter().map(|g| self.brief(g).len()).sum();
        self.allot(groups, budget.max(least)).unwrap_or_default().concat()
    }

    /// The lines of each group, together at most `budget`; `None` where not even the headings with two
    /// names each fit. Small groups are written out first, so that one large group hides no other.
    pub(super) fn allot(&self, groups: &[Group<'a>], budget: usize) -> Option<Vec<Vec<String>>> {
        let mut blocks: Vec<Vec<String>> = groups.iter().map(|g| self.brief(g)).collect();
        let mut left = budget.checked_sub(blocks.iter().map(Vec::len).sum())?;
        let columns = self.columns(groups);
        let mut order: Vec<usize> = (0..groups.len()).collect();
        order.sort_by_key(|i| groups.get(*i).map(|g| g.rows.len()));
        let mut grow = |i: usize, room: usize| {
            let (Some(group), Some(block)) = (groups.get(i), blocks.get_mut(i)) else {
                return 0;
            };
            let full = (group.most > 0).then(|| self.full(group, columns, block.len() + room)).flatten();
            let taken = full.as_ref().map_or(0, |full| full.len().saturating_sub(block.len()));
            if let Some(full) = full {
                *block = full;
            }
            taken
        };
        for (done, i) in order.iter().enumerate() {
            left -= grow(*i, left / (order.len() - done)).min(left);
        }
        for i in 0..groups.len() {
            left -= grow(i, left).min(left); // what the small ones did not need, the worst group first
        }
        Some(blocks)
    }

    /// One line for each group, the first word of its heading and two names, for a screen that has room
    /// for nothing else; at most `budget` lines.
    pub(super) fn tight(&self, groups: &[Group<'a>], budget: usize) -> Vec<String> {
        let cut = groups.len() >= budget;
        let shown = if cut { budget.saturating_sub(1) } else { groups.len() };
        let mut lines: Vec<String> = groups.iter().take(shown).map(|g| self.tight_line(g)).collect();
        if cut {
            let rest: usize = groups.iter().skip(shown).map(|g| g.rows.len()).sum();
            lines.push(self.more(rest));
        } else if groups.iter().any(|g| g.most > 0) {
            lines.push(format!("{:INDENT$}all of them: {}", "", self.screen.command("export tracker")));
        }
        lines
    }

    fn tight_line(&self, group: &Group<'a>) -> String {
        if group.most == 0 {
            return self.heading(group);
        }
        let start = format!("{:>6}  {:<25}", group.rows.len(), group.name);
        let rest = group.rows.len().saturating_sub(NAMED);
        let end = if rest > 0 { format!(" and {rest} more") } else { String::new() };
        let room = self.screen.width.saturating_sub(width(&start) + width(&end));
        let text = format!("{start}{}{end}", names(group, room));
        self.screen.style.paint(group.ink, &fit(&text, self.screen.width)).to_string()
    }

    fn heading(&self, group: &Group<'a>) -> String {
        let text = format!("{:>6}  {}", group.rows.len(), group.heading);
        self.screen.style.paint(group.ink, &fit(&text, self.screen.width)).to_string()
    }

    /// The heading, and in one line (two on a narrow terminal) the first names and where the others are.
    fn brief(&self, group: &Group<'a>) -> Vec<String> {
        let mut lines = vec![self.heading(group)];
        if group.most == 0 {
            return lines;
        }
        let rest = group.rows.len().saturating_sub(NAMED);
        let room = self.screen.width.saturating_sub(INDENT);
        let more = if rest > 0 { self.more(rest) } else { String::new() };
        let whole = names(group, usize::MAX);
        let beside = format!("{:INDENT$}{whole} {}", "", more.trim_start());
        if width(beside.trim_end()) <= self.screen.width {
            lines.push(beside.trim_end().to_owned());
            return lines;
        }
        lines.push(format!("{:INDENT$}{}", "", names(group, room)));
        lines.extend((rest > 0).then_some(more));
        lines
    }

    /// The heading and a line or more for each service, cut to `room` lines; `None` where that names
    /// fewer than the short form does.
    fn full(&self, group: &Group<'a>, columns: Columns, room: usize) -> Option<Vec<String>> {
        let mut lines = vec![self.heading(group)];
        let common = self.common_remark(group);
        if let Some(remark) = &common {
            lines.extend(self.remark_lines(INDENT, remark, Ink::Dim));
        }
        let mut before = (0, lines.len()); // rows and lines that still leave one line for the rest
        for (i, row) in group.rows.iter().enumerate() {
            let kept = lines.len();
            let last = i + 1 == group.rows.len();
            if i < group.most {
                let remark = if common.is_some() { String::new() } else { self.remark(row, group.remarks) };
                lines.extend(self.columned(INDENT, columns, row, (&remark, Ink::Plain)));
            }
            if i >= group.most || lines.len() > room || (lines.len() == room && !last) {
                lines.truncate(if i >= group.most { kept } else { before.1 });
                lines.push(self.more(group.rows.len() - before.0));
                return (before.0 >= NAMED.min(group.rows.len()) && lines.len() <= room).then_some(lines);
            }
            before = (i + 1, lines.len());
        }
        (lines.len() <= room).then_some(lines)
    }

    /// A sentence that is said of every service of a group alike is said once.
    fn common_remark(&self, group: &Group<'a>) -> Option<String> {
        let (first, rest) = group.rows.split_first()?;
        let remark = self.remark(first, group.remarks);
        let common = group.remarks != Remarks::Key
            && width(&remark) > SHORT_REMARK
            && !rest.is_empty()
            && rest.iter().all(|row| self.remark(row, group.remarks) == remark);
        common.then_some(remark)
    }

    fn more(&self, count: usize) -> String {
        format!("{:INDENT$}and {count} more: {}", "", self.screen.command("export tracker"))
    }

    fn columns(&self, groups: &[Group<'a>]) -> Columns {
        let rows = groups.iter().flat_map(|g| g.rows.iter().take(MEASURED.min(g.most)));
        self.columns_of(rows)
    }

    fn columns_of<'r>(&self, rows: impl Iterator<Item = &'r Row<'a>> + Clone) -> Columns
    where
        'a: 'r,
    {
        let widest = |widths: &mut dyn Iterator<Item = usize>, least: usize, most: usize| {
            widths.filter(|w| *w <= most).max().unwrap_or(0).max(least)
        };
        let mut labels = rows.clone().map(|r| width(&printable(&r.label())));
        let mut owners = rows.map(|r| width(&printable(r.owner().unwrap_or("no owner"))));
        Columns {
            label: widest(&mut labels, 20, self.screen.width * 2 / 5),
            owner: self.owned.then(|| widest(&mut owners, 8, 14)),
        }
    }

    /// Services with their owners and remarks, in columns of their own.
    pub(super) fn items(&self, indent: usize, items: &[(Row<'a>, String)], ink: Ink) -> Vec<String> {
        let columns = self.columns_of(items.iter().map(|(row, _)| row));
        items.iter().flat_map(|(row, remark)| self.columned(indent, columns, row, (remark, ink))).collect()
    }

    /// One service: on one line where all of it fits its columns, else with the remark below it.
    fn columned(
        &self,
        indent: usize,
        columns: Columns,
        row: &Row<'a>,
        (remark, ink): (&str, Ink),
    ) -> Vec<String> {
        let (style, full) = (self.screen.style, self.screen.width);
        let (label, remark) = (row.label(), printable(remark));
        let label = printable(&label);
        let mut first = format!("{:indent$}", "");
        let mut used = indent; // columns taken; the line itself may hold colours
        let owner_room = columns.owner.map_or(0, |o| o + 2);
        let shown = fit(&label, full.saturating_sub(indent + owner_room).max(8));
        first.push_str(&shown);
        used += width(&shown);
        let mut blanks = (columns.label + 2).saturating_sub(width(&shown)).max(2);
        let mut aligned = width(&shown) <= columns.label;
        if let Some(room) = columns.owner {
            let (owner, owner_ink) = match row.owner() {
                Some(owner) => (printable(owner), Ink::Plain),
                None => ("no owner".into(), Ink::Warn),
            };
            aligned &= width(&owner) <= room;
            let left = full.saturating_sub(used + blanks);
            let owner = fit(&owner, if aligned { room } else { left });
            first.push_str(&" ".repeat(blanks));
            first.push_str(&style.paint(owner_ink, &owner).to_string());
            used += blanks + width(&owner);
            blanks = (room + 2).saturating_sub(width(&owner)).max(2);
        }
        if remark.is_empty() {
            return vec![first];
        }
        if aligned && used + blanks + width(&remark) <= full {
            first.push_str(&" ".repeat(blanks));
            first.push_str(&style.paint(ink, &remark).to_string());
            return vec![first];
        }
        let mut lines = vec![first];
        lines.extend(self.remark_lines(indent + 2, &remark, ink));
        lines
    }

    fn remark_lines(&self, indent: usize, remark: &str, ink: Ink) -> Vec<String> {
        let mut lines = wrap(&printable(remark), self.screen.width.saturating_sub(indent));
        if lines.len() > REMARK_LINES {
            lines.truncate(REMARK_LINES);
            if let Some(last) = lines.last_mut() {
                *last = fit(&format!("{last} …"), self.screen.width.saturating_sub(indent));
            }
        }
        lines.iter().map(|l| format!("{:indent$}{}", "", self.screen.style.paint(ink, l))).collect()
    }

    /// What a reader must know about a row besides its state, the most telling first, since a long remark
    /// loses its end: what went backwards, why it could not be judged, what the tool noted, how much of it
    /// is bad, what shares its key; else what to do next.
    fn remark(&self, row: &Row<'_>, remarks: Remarks) -> String {
        let entry = row.entry;
        let mut parts = if entry.state == State::Waived { waived(entry) } else { Vec::new() };
        parts.extend(entry.regressions.iter().map(|&r| format!("{r} {}", explain::regression(r))));
        parts.extend(joined::unrestarted(entry));
        if remarks != Remarks::Key {
            if let (State::Unknown, Some(reason), Remarks::All) = (entry.state, entry.reason, remarks) {
                parts.push(explain::reason(reason).to_owned());
            }
            parts.extend(entry.notes.iter().map(|n| n.trim_end_matches('.').to_owned()));
            parts.extend(partly(entry));
        }
        parts.extend(self.shared_key(entry));
        if parts.is_empty()
            && remarks != Remarks::Key
            && !entry.state.is_finished()
            && Standing::of(row) == Standing::Clean
        {
            parts.push(entry.next_action.clone());
        }
        parts.join("; ")
    }

    /// Who else serves one of its keys at risk: of those it serves now, or else of those it has left.
    fn shared_key(&self, entry: &ServiceAssessment) -> Option<String> {
        let now: Vec<&Spki> = entry.spki_now.iter().filter(|k| entry.spki_before.contains(k)).collect();
        let serves_it = |other: &&RowId| {
            let other = self.entries.get(*other);
            other.is_none_or(|other| other.spki_now.iter().any(|k| now.contains(&k)))
        };
        let (same, left): (Vec<&RowId>, Vec<&RowId>) = entry.key_shared_with.iter().partition(serves_it);
        let (words, rows) =
            if same.is_empty() { ("its old key is also at", left) } else { ("shares its key with", same) };
        let (first, rest) = rows.split_first()?;
        let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
        Some(format!("{words} {}{more}", self.view.label(first)))
    }
}

/// The first names of a group, each cut so that together they take at most `room` columns.
fn names(group: &Group<'_>, room: usize) -> String {
    let count = group.rows.len().clamp(1, NAMED);
    let each = (room.saturating_sub(2 * (count - 1)) / count).max(8);
    let rows = group.rows.iter().take(NAMED);
    rows.map(|r| fit(&printable(&r.label()), each)).collect::<Vec<_>>().join(", ")
}

/// Which addresses of a service with several are bad, and how often it came out so where not always.
fn partly(entry: &ServiceAssessment) -> Vec<String> {
    const SHOWN: usize = 3;
    let mut parts = Vec::new();
    let bad = || entry.endpoints.iter().filter(|e| e.verdict == Verdict::Vulnerable);
    let places: BTreeSet<_> = bad().filter_map(|e| e.address).collect();
    let all = entry.endpoints.iter().map(|e| e.address).collect::<BTreeSet<_>>().len();
    if !places.is_empty() && all > 1 {
        let shown: Vec<String> = places.iter().take(SHOWN).map(ToString::to_string).collect();
        let more = if places.len() > SHOWN { ", …" } else { "" };
        parts.push(format!("{} of {all} addresses ({}{more})", places.len(), shown.join(", ")));
    }
    if let Some(flaky) = bad().find(|e| e.vulnerable < e.tried) {
        parts.push(format!("{} of {} tries", flaky.vulnerable, flaky.tried));
    }
    parts
}

/// What a waiver covers and how long: it hides neither a hole nor a key.
fn waived(entry: &ServiceAssessment) -> Vec<String> {
    let mut parts = Vec::new();
    if let Some(waiver) = &entry.waiver {
        let until = waiver.until.map(|t| format!("until {} UTC, ", t.short()));
        parts.push(format!("{}by {}", until.unwrap_or_default(), waiver.by));
    }
    if entry.verdict == Some(Verdict::Vulnerable) {
        parts.push("STILL VULNERABLE".to_owned());
    }
    let owes = [FacetValue::Open, FacetValue::Contradicted, FacetValue::Regressed, FacetValue::TooEarly];
    if owes.contains(&entry.facets.rekeyed.value) && entry.verdict.is_some_and(Verdict::is_clean) {
        parts.push("still serves a key at risk".to_owned());
    }
    parts
}
