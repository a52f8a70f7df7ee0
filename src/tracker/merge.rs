//! A file's rows against ours: which cells their editor changed, which somebody else changed too, which say nothing.
//!
//! A cell is an edit only if it differs from what was exported, which the marks of `edit_version` tell. Where our value
//! is not the exported one either, two people changed it, and neither overwrites the other. The tool's columns are
//! compared and never taken. A row that is not in the file means nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{
    Change, Conflict, Known, KnownRow, Plan, Problem, Refused, RowPlan, Whose,
    damage::{self, Against},
    dates,
    read::{Row, Table},
    words,
};
use crate::model::{
    claim::Subject,
    edit::Field,
    edit_version::{self, Shape, canonical, mark, shape},
    service::Exposure,
    time::Timestamp,
};

/// What a spreadsheet's cell can hold at most, in characters.
const MAX_TEXT: usize = 32_767;
/// Rows above the header: a title, a date.
const ABOVE: usize = 20;

/// How a file is taken.
#[derive(Clone, Copy, Debug)]
pub struct How {
    /// The file wins where two people changed a cell.
    pub force: bool,
    /// The time now.
    pub now: Timestamp,
}

/// The cells of one row that count.
#[derive(Debug, Default)]
pub(super) struct Cells {
    /// What the file's editor changed, by column.
    pub(super) edits: BTreeMap<&'static str, String>,
    /// Columns that were changed and cannot be taken.
    pub(super) blocked: BTreeSet<&'static str>,
    /// The column of the file that each column of ours stands in, from 1.
    pub(super) places: BTreeMap<&'static str, usize>,
}

/// Which kind of file it is: the name of its key column.
pub fn key(table: &Table) -> Result<&'static str, Refused> {
    let is = |row: &Row, name: &str| row.cells.iter().any(|cell| named(cell) == name);
    for row in table.rows.iter().take(ABOVE) {
        if let Some(key) = ["row_id", "secret_id"].into_iter().find(|key| is(row, key)) {
            return Ok(key);
        }
    }
    Err(Refused::NoHeader)
}

fn named(cell: &str) -> String {
    cell.trim().trim_start_matches('\u{feff}').to_ascii_lowercase()
}

/// Compares a file with the rows as they stand now.
pub fn merge(table: &Table, known: &Known, how: How) -> Result<Plan, Refused> {
    let key = key(table)?;
    let is = |row: &&Row| row.cells.iter().any(|cell| named(cell) == key);
    let header = table.rows.iter().take(ABOVE).position(|row| is(&row)).ok_or(Refused::NoHeader)?;
    let mut merger = Merger::new(&table.rows[header], table.ragged, known, how)?;
    merger.plan.notices.extend(table.notices.iter().cloned());
    for row in table.rows.iter().skip(header + 1) {
        merger.row(row);
    }
    Ok(merger.plan)
}

struct Merger<'a> {
    known: &'a Known,
    how: How,
    /// The column of the file for each column of ours.
    at: Vec<Option<usize>>,
    key: usize,
    width: usize,
    ragged: bool,
    by_id: HashMap<&'a str, Vec<&'a KnownRow>>,
    /// The line of each row of ours that the file had already.
    seen: HashMap<(&'a str, Option<&'a str>), u64>,
    /// What an earlier row of the file says of the same subject, under another disclosure.
    taken: BTreeMap<(&'a Subject, Field), (String, u64)>,
    /// Searches through all rows that are left: a file of foreign ids must not take hours.
    searches: u32,
    plan: Plan,
}

impl<'a> Merger<'a> {
    fn new(header: &Row, ragged: bool, known: &'a Known, how: How) -> Result<Self, Refused> {
        let mut at = Vec::new();
        for column in &known.columns {
            let mut places = header.cells.iter().enumerate().filter(|(_, cell)| named(cell) == column.name);
            let place = places.next().map(|(place, _)| place);
            if let (Some(first), Some((second, _))) = (place, places.next()) {
                return Err(Refused::TwoColumns(column.name.to_owned(), first + 1, second + 1));
            }
            at.push(place);
        }
        let place = |name: &str| known.columns.iter().position(|c| c.name == name).and_then(|n| at[n]);
        let key = place(known.key).ok_or(Refused::NoColumn(known.key, "it names the rows"))?;
        let mut plan = Plan::default();
        let human = known.columns.iter().zip(&at).filter(|(column, _)| column.whose == Whose::Human);
        let lacking: Vec<&str> =
            human.filter(|(_, at)| at.is_none()).map(|(column, _)| column.name).collect();
        if !lacking.is_empty() {
            plan.notices.push(format!("has no column {}: left as it is", lacking.join(", ")));
        }
        if place("edit_version").is_none() {
            plan.notices.push(
                "has no column edit_version: what somebody else changed since the export cannot be told from what this \
                 file changes, so only rows that have not moved are taken"
                    .to_owned(),
            );
        }
        let mut by_id: HashMap<&str, Vec<&KnownRow>> = HashMap::new();
        for row in &known.rows {
            by_id.entry(row.id()).or_default().push(row);
        }
        let width = header.cells.len();
        Ok(Self {
            known,
            how,
            at,
            key,
            width,
            ragged,
            by_id,
            seen: HashMap::new(),
            taken: BTreeMap::new(),
            searches: 1000,
            plan,
        })
    }

    /// The cell of a column of ours; absent where the file has no such column.
    fn cell<'r>(&self, row: &'r Row, name: &str) -> Option<&'r str> {
        let number = self.known.columns.iter().position(|c| c.name == name)?;
        Some(row.cells.get(self.at[number]?).map_or("", String::as_str))
    }

    fn problem(&mut self, line: u64, place: usize, message: String) {
        self.plan.problems.push(Problem { line, place: place + 1, message });
    }

    fn row(&mut self, row: &Row) {
        let extra = row.cells.iter().skip(self.width).any(|cell| !cell.trim().is_empty());
        if extra || (!self.ragged && row.cells.len() < self.width) {
            let (has, wanted) = (row.cells.len(), self.width);
            let message = format!("{has} fields where the header has {wanted}: nothing of this row is taken");
            return self.problem(row.line, has.min(wanted).saturating_sub(1), message);
        }
        let Some(ours) = self.find(row) else { return };
        if let Some(first) = self.seen.insert((ours.id(), ours.incident.as_deref()), row.line) {
            let message = format!("`{}` was in line {first} already: the first one counts", ours.id());
            return self.problem(row.line, self.key, message);
        }
        self.plan.counts.rows += 1;
        let stale = match (self.cell(row, "row_version"), ours.version.as_deref()) {
            (Some(theirs), Some(version)) => damage::against(Shape::Text, theirs, version) == Against::Other,
            _ => true,
        };
        if stale
            && ours.version.is_some()
            && self.cell(row, "row_version").is_some_and(|v| !v.trim().is_empty())
        {
            self.plan.counts.older += 1;
        }
        if !stale || ours.version.is_none() {
            self.tool_columns(row, ours);
        }
        let cells = self.human_columns(row, ours, !stale);
        self.settle(row.line, ours, cells);
    }

    /// The row of ours that a row of the file is about.
    fn find(&mut self, row: &Row) -> Option<&'a KnownRow> {
        let cell = row.cells.get(self.key).map_or("", String::as_str);
        if cell.trim().is_empty() {
            self.problem(
                row.line,
                self.key,
                format!("no {}: nobody knows which row this is", self.known.key),
            );
            return None;
        }
        let exact = damage::texts(cell).find_map(|text| self.by_id.get(text.trim()).cloned());
        let found = exact.or_else(|| {
            // An id of digits that lost its zeros still names one row, if it fits only one.
            let digits = cell.trim_start().starts_with(|c: char| c.is_ascii_digit());
            self.searches = self.searches.checked_sub(1).filter(|_| digits)?;
            let fits = |row: &&KnownRow| damage::against(Shape::Text, cell, row.id()) != Against::Other;
            let ids: BTreeSet<&str> = self.known.rows.iter().filter(fits).map(KnownRow::id).collect();
            ids.first().filter(|_| ids.len() == 1).and_then(|id| self.by_id.get(id).cloned())
        });
        let Some(found) = found else {
            let message = format!("no row of this incident has the {} `{}`", self.known.key, short(cell));
            self.problem(row.line, self.key, message);
            return None;
        };
        let Some(theirs) = self.cell(row, "incident").map(str::trim).filter(|i| !i.is_empty()) else {
            if found.len() == 1 {
                return found.first().copied();
            }
            let message = "the column `incident` does not say which disclosure is meant".to_owned();
            self.problem(row.line, self.key, message);
            return None;
        };
        let same = |row: &&&KnownRow| {
            row.incident
                .as_deref()
                .is_none_or(|ours| damage::against(Shape::Text, theirs, ours) != Against::Other)
        };
        let right = found.iter().find(same).copied();
        if right.is_none() {
            let ours = found.first().and_then(|r| r.incident.clone()).unwrap_or_default();
            let place = self.known.columns.iter().position(|c| c.name == "incident").and_then(|n| self.at[n]);
            let message = format!("belongs to `{}`, and this is `{ours}`", short(theirs));
            self.problem(row.line, place.unwrap_or(self.key), message);
        }
        right
    }

    fn tool_columns(&mut self, row: &Row, ours: &KnownRow) {
        let columns = self.known.columns.iter().zip(&self.at).zip(&ours.cells);
        let mut tools = columns.filter(|((column, _), _)| column.whose == Whose::Tool);
        let differs = tools.any(|((_, at), held)| {
            at.is_some_and(|at| {
                let cell = row.cells.get(at).map_or("", String::as_str);
                let as_time = || damage::against(Shape::Time, cell, held) == Against::Other;
                damage::against(Shape::Text, cell, held) == Against::Other && as_time()
            })
        });
        self.plan.counts.tool_rows += u64::from(differs);
    }

    fn human_columns(&mut self, row: &Row, ours: &'a KnownRow, same_version: bool) -> Cells {
        let human = self.known.columns.iter().filter(|c| c.whose == Whose::Human).count();
        let stamp = self.cell(row, "edit_version").unwrap_or_default().to_owned();
        let marks = edit_version::marks(&stamp, human);
        let mut cells = Cells::default();
        let mut number = 0;
        for (at, (column, held)) in self.known.columns.iter().zip(&ours.cells).enumerate() {
            if column.whose != Whose::Human {
                continue;
            }
            let exported = marks.as_ref().and_then(|m| m.get(number).copied());
            number += 1;
            let Some(place) = self.at[at] else { continue };
            cells.places.insert(column.name, place + 1);
            let text = row.cells.get(place).map_or("", String::as_str);
            let found = compare(column.name, text, held, exported, same_version);
            self.take(row.line, place, ours, (column.name, text, held), found, &mut cells);
        }
        cells
    }

    fn take(
        &mut self,
        line: u64,
        place: usize,
        ours: &KnownRow,
        (column, text, held): (&'static str, &str, &str),
        found: Found,
        cells: &mut Cells,
    ) {
        match found {
            Found::Unchanged => self.plan.counts.unchanged += 1,
            Found::Damaged => {
                self.plan.counts.damaged += 1;
                let message = format!(
                    "{column}: `{}` is what a spreadsheet makes of `{}`; that is kept",
                    short(text),
                    short(held)
                );
                self.plan.notices.push(format!("{line}:{}: {message}", place + 1));
            }
            Found::Bad(message) => {
                cells.blocked.insert(column);
                self.problem(line, place, format!("{column}: {message}"));
            }
            Found::Edit { value, clash } if !clash || self.how.force => {
                cells.edits.insert(column, value);
            }
            Found::Edit { value, .. } => {
                cells.blocked.insert(column);
                self.plan.conflicts.push(Conflict {
                    line,
                    place: place + 1,
                    label: ours.label.clone(),
                    column,
                    file: value,
                    now: held.to_owned(),
                    origin: ours.origin.get(column).cloned(),
                });
            }
        }
    }

    /// Makes fields and claims of the cells that changed.
    fn settle(&mut self, line: u64, ours: &'a KnownRow, mut cells: Cells) {
        let mut plan = RowPlan {
            line,
            subject: ours.subject.clone(),
            label: ours.label.clone(),
            changes: Vec::new(),
            set: BTreeMap::new(),
            said: Vec::new(),
        };
        for (column, held) in self.known.columns.iter().zip(&ours.cells) {
            let Ok(field) = column.name.parse::<Field>() else { continue };
            let Some(value) = cells.edits.get(column.name).cloned() else { continue };
            let place = cells.places.get(column.name).map_or(0, |p| p - 1);
            if field == Field::Exposure && !value.is_empty() && value.parse::<Exposure>().is_err() {
                let known: Vec<&str> = Exposure::ALL.iter().map(|e| e.as_str()).collect();
                let message = format!("exposure: `{}` is none of {}", short(&value), known.join(", "));
                cells.edits.remove(column.name);
                self.problem(line, place, message);
                continue;
            }
            if let Some((first, before)) = self.taken.get(&(&ours.subject, field))
                && *first != value
            {
                let message = format!(
                    "{}: line {before} of this file says `{}` for the same service, under another disclosure",
                    column.name,
                    short(first)
                );
                cells.edits.remove(column.name);
                self.problem(line, place, message);
                continue;
            }
            self.taken.insert((&ours.subject, field), (value.clone(), line));
            plan.changes.push(Change { column: column.name, from: held.clone(), to: value.clone() });
            plan.set.insert(field, value);
        }
        let columns: BTreeMap<&str, &str> =
            self.known.columns.iter().map(|c| c.name).zip(ours.cells.iter().map(String::as_str)).collect();
        let spoken = words::words(ours, &columns, &cells, self.how.now);
        plan.said = spoken.said;
        for (column, message) in spoken.problems {
            let place = cells.places.get(column).map_or(0, |p| p - 1);
            self.problem(line, place, format!("{column}: {message}"));
        }
        if !plan.changes.is_empty() || !plan.said.is_empty() {
            self.plan.rows.push(plan);
        }
    }
}

enum Found {
    /// The editor did not touch it.
    Unchanged,
    /// A spreadsheet did.
    Damaged,
    /// It cannot be what this column holds.
    Bad(String),
    /// The editor changed it; with a clash, somebody else did too, or nobody can tell.
    Edit { value: String, clash: bool },
}

/// One cell of people's: `exported` is the mark of what stood there at the export.
fn compare(column: &str, text: &str, held: &str, exported: Option<&str>, same_version: bool) -> Found {
    let shape = shape(column);
    let against = damage::against(shape, text, held);
    if against == Against::Same {
        return Found::Unchanged;
    }
    let is_exported = |value: &str| exported.is_some_and(|mark_then| mark(column, value) == mark_then);
    if damage::texts(text).any(|text| is_exported(&text)) {
        return Found::Unchanged;
    }
    if against == Against::Damaged {
        return Found::Damaged;
    }
    if text.chars().count() > MAX_TEXT {
        return Found::Bad(format!("longer than {MAX_TEXT} characters"));
    }
    let value = match shape {
        Shape::Time | Shape::End if !text.trim().is_empty() => {
            let readings = dates::readings(text);
            let seconds = |r: &dates::Reading| (0..60).any(|s| is_exported(&r.at.plus_seconds(s).seconds()));
            if readings.iter().any(|r| is_exported(&r.text()) || seconds(r)) {
                return Found::Unchanged;
            }
            match &readings[..] {
                [] => {
                    return Found::Bad(format!(
                        "`{}` is no time; write 2026-11-22 or 2026-11-22T14:00:00Z",
                        short(text)
                    ));
                }
                [only] => only.text(),
                [first, second, ..] => {
                    let (first, second) = (first.text(), second.text());
                    return Found::Bad(format!(
                        "`{}` can be {first} or {second}; write the one you mean",
                        short(text)
                    ));
                }
            }
        }
        Shape::Text => {
            let bare = damage::texts(text).next().unwrap_or_default();
            bare.replace("\r\n", "\n").replace('\r', "\n").trim().to_owned()
        }
        _ => canonical(shape, text),
    };
    let clash = if exported.is_some() { !is_exported(held) } else { !same_version };
    Found::Edit { value, clash }
}

/// A cell in a message.
pub(super) fn short(text: &str) -> String {
    let cut: String = text.chars().take(60).collect();
    if cut.len() < text.len() { format!("{cut}…") } else { cut }
}
