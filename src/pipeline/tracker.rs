//! Trackers that come back: joins the file, the rows as they stand now, and the incident file.
//!
//! What a cell means is `tracker`'s business, what the rows hold is `report`'s; this reads, records and takes back.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

use serde::Serialize;

use super::{
    catalogue, edits,
    judged::{self, Choice, Read},
};
use crate::{
    assess,
    clock::Clock,
    disclosure,
    error::Error,
    model::{
        assessment::Assessment,
        claim::{Claim, Statement, Subject},
        disclosure::Disclosure,
        edit::{Edit, Field, ImportId, RowEdit},
        observation::Observation,
        service::Service,
        sweep::Evidence,
        text::printable,
        time::Timestamp,
    },
    report::{self, View},
    store::{Reader, Store},
    tracker::{self, Column, How, Known, KnownRow, Origin, Whose, read::Table},
};

pub use crate::tracker::{Change, Conflict, Plan, Problem, RowPlan, Said};

/// What is to be taken in.
#[derive(Clone, Debug)]
pub struct Import<'a> {
    /// The file.
    pub file: &'a Path,
    /// Who takes it in; needed to record.
    pub by: Option<&'a str>,
    /// The file wins where two people changed a cell.
    pub force: bool,
    /// Record it; otherwise only say what would be recorded.
    pub apply: bool,
}

/// What came of it.
#[derive(Debug)]
pub struct Imported {
    /// What the file changes.
    pub plan: Plan,
    /// How the file was read, such as `CSV, commas, UTF-8`.
    pub form: String,
    /// The import's number, if something was recorded.
    pub id: Option<ImportId>,
    /// The claims that were recorded, without those that were only said again.
    pub claims: Vec<Claim>,
}

/// One import as the incident file knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// Its number.
    pub id: ImportId,
    /// When it was recorded.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// The file's name.
    pub file: String,
    /// Rows that it changed.
    pub rows: u64,
    /// Fields that it set.
    pub fields: u64,
    /// Claims that it brought.
    pub claims: u64,
    /// When and by whom it was undone.
    pub undone: Option<(Timestamp, String)>,
}

/// The largest file that is read; the stage holds to the same.
const MAX_FILE: u64 = 256 << 20;

/// Compares a file with the incident, and records what it changes where that is asked for.
pub fn import(
    incident: &Path,
    import: &Import<'_>,
    choice: &Choice,
    clock: &Clock,
) -> Result<Imported, Error> {
    let by = import.by.map(str::trim).filter(|b| !b.is_empty());
    if import.apply && by.is_none() {
        return Err(Error::Usage(
            "--by must name who takes it in: a nameless word proves nothing".to_owned(),
        ));
    }
    let shown = import.file.display().to_string();
    let table = table(import.file)?;
    let now = clock.now();
    // Lock first: what is compared here must be what the edits are added to.
    let mut store = if import.apply { Some(Store::open(incident)?) } else { None };
    let read = judged::evidence(incident, choice)?;
    let recorded = Reader::open(incident)?.edits()?;
    let refused = |e: tracker::Refused| Error::Input(format!("{shown}: {e}"));
    let known = known(&read, &recorded, tracker::key(&table).map_err(refused)?, &table, choice, now)?;
    let plan = tracker::merge(&table, &known, How { force: import.force, now }).map_err(refused)?;
    nothing_taken(&plan, &known, &shown)?;
    let mut plan = plan;
    let doubts = doubts(&plan, &read.evidence, now);
    plan.notices.extend(doubts);
    let mut imported = Imported { plan, form: table.form, id: None, claims: Vec::new() };
    let (Some(store), Some(by)) = (store.as_mut(), by) else { return Ok(imported) };
    if imported.plan.is_empty() {
        return Ok(imported);
    }
    let id = ImportId(last(&recorded).map_or(1, |id| id.0.saturating_add(1)));
    let file = import.file.file_name().map_or_else(|| shown.clone(), |n| n.to_string_lossy().into_owned());
    let file = printable(&file).into_owned();
    let after_sweep = read.evidence.sweeps.last().map(|s| s.id);
    let (mut rows, mut claims) = (Vec::new(), Vec::new());
    for row in &imported.plan.rows {
        let (subject, set) = (row.subject.clone(), row.set.clone());
        rows.push(Edit::Row(RowEdit {
            import: id,
            at: now,
            by: by.to_owned(),
            file: file.clone(),
            subject,
            set,
        }));
        for said in &row.said {
            let claim = Claim {
                at: now,
                done_at: said.done_at,
                after_sweep,
                by: said.by.clone().unwrap_or_else(|| by.to_owned()),
                subject: row.subject.clone(),
                statement: said.statement.clone(),
                reference: said.reference.clone(),
                note: said.note.clone(),
                through: said.through.clone(),
                import: Some(id),
                repeats: said.of,
            };
            if !said.again {
                imported.claims.push(claim.clone());
            }
            claims.push(claim);
        }
    }
    store.append_import(&rows, &claims)?;
    imported.id = Some(id);
    Ok(imported)
}

/// What may be a slip: an owner that answers for nothing yet, a date that is over.
fn doubts(plan: &Plan, evidence: &Evidence, now: Timestamp) -> BTreeSet<String> {
    let owners: BTreeSet<&str> = evidence
        .services
        .iter()
        .filter_map(Service::owner)
        .chain(evidence.secrets.iter().filter_map(|s| s.owner.as_deref()))
        .collect();
    let mut doubts = BTreeSet::new();
    for row in &plan.rows {
        let owner = row.set.get(&Field::Owner).map_or("", |o| o.trim());
        // Nobody else sees a slip in a name, and who was meant sees the row no more.
        if !owner.is_empty() && !owners.contains(owner) {
            let near = disclosure::near(owner, owners.iter().copied(), 2);
            let near = if near.is_empty() { String::new() } else { format!(" (near: {})", near.join(", ")) };
            doubts.insert(format!("`{owner}` is a new owner{near}"));
        }
        let due = row.set.get(&Field::Due).and_then(|text| Timestamp::end_of(text).ok());
        if let Some(due) = due.filter(|due| *due < now) {
            doubts.insert(format!("{}: due {} is over already", row.label, due.date()));
        }
    }
    doubts
}

fn table(file: &Path) -> Result<Table, Error> {
    let input = |e: &dyn std::fmt::Display| Error::Input(format!("{}: {e}", file.display()));
    let size = std::fs::metadata(file).map_err(|e| input(&e))?;
    if !size.is_file() {
        return Err(input(&"is no regular file"));
    }
    if size.len() > MAX_FILE {
        return Err(input(&"is larger than a tracker can be (256 MB)"));
    }
    let bytes = std::fs::read(file).map_err(|e| input(&e))?;
    tracker::read::table(&bytes).map_err(|e| input(&e))
}

/// A file that holds no row of ours, or of which nothing could be taken, is bad input.
fn nothing_taken(plan: &Plan, known: &Known, shown: &str) -> Result<(), Error> {
    const NAMED: usize = 20;
    if plan.counts.rows > 0 && (plan.problems.is_empty() || !plan.is_empty() || !plan.conflicts.is_empty()) {
        return Ok(());
    }
    let mut lines: Vec<String> = plan
        .problems
        .iter()
        .take(NAMED)
        .map(|p| format!("{shown}:{}:{}: {}", p.line, p.place, printable(&p.message)))
        .collect();
    if plan.problems.len() > NAMED {
        lines.push(format!("and {} more", plan.problems.len() - NAMED));
    }
    lines.push(if plan.counts.rows == 0 {
        format!(
            "{shown}: no row of it is one of the incident `{}`; nothing was taken",
            printable(&known.incident)
        )
    } else {
        format!("{shown}: nothing could be taken")
    });
    Err(Error::Input(lines.join("\n")))
}

fn last(edits: &[Edit]) -> Option<ImportId> {
    let id = |edit: &Edit| match edit {
        Edit::Row(row) => row.import,
        Edit::Undo { undoes, .. } => *undoes,
    };
    edits.iter().map(id).max()
}

/// The rows as they stand now, for every disclosure that the file names.
fn known(
    read: &Read,
    recorded: &[Edit],
    key: &'static str,
    table: &Table,
    choice: &Choice,
    now: Timestamp,
) -> Result<Known, Error> {
    let first = read.evidence.incident.disclosures.first().map(String::as_str);
    let chosen = catalogue::chosen(&read.catalogue, choice.disclosure.as_deref(), first)?;
    let mut disclosures: Vec<Arc<Disclosure>> = vec![chosen.clone()];
    if key == "row_id" {
        let prefix = format!("{}/", read.evidence.incident.name);
        let cells = table.rows.iter().flat_map(|row| &row.cells);
        for named in cells.filter_map(|cell| cell.trim().strip_prefix(prefix.as_str())) {
            let found = read.catalogue.iter().find(|d| *d.id == *named);
            if let Some(found) = found.filter(|f| !disclosures.iter().any(|d| d.id == f.id)) {
                disclosures.push(found.clone());
            }
        }
    }
    let builds = assess::builds(&read.evidence.hosts);
    let mut assessments: Vec<Assessment> = Vec::new();
    for disclosure in &disclosures {
        assessments.push(judged::against(read, &builds, disclosure, choice, now)?);
    }
    let judge = |observation: &Observation| assess::judge(observation, &chosen);
    let judged: Vec<report::Judged<'_>> = assessments
        .iter()
        .map(|assessment| report::Judged { assessment, judge: &judge, changes: &[] })
        .collect();
    let view = View::new(&read.evidence, &judged);
    let origins = Origins::new(recorded, &read.evidence.claims);
    let disclosed = |id: &str| disclosures.iter().find(|d| *d.id == *id).unwrap_or(&chosen).disclosed_at;
    let rows = if key == "row_id" {
        let row = |row: report::tracker::TableRow| {
            let subject = Subject::Service(row.row_id);
            KnownRow {
                label: row.label,
                incident: Some(format!("{}/{}", view.evidence.incident.name, row.disclosure)),
                version: Some(row.version),
                cells: row.cells,
                disclosed_at: disclosed(&row.disclosure),
                standing: origins.standing(&subject),
                origin: origins.of(&subject),
                subject,
            }
        };
        report::tracker::table(&view).into_iter().map(row).collect()
    } else {
        let row = |row: report::secrets::TableRow| {
            let subject = Subject::Secret(row.id.clone());
            KnownRow {
                label: row.id,
                incident: None,
                version: None,
                cells: row.cells,
                disclosed_at: chosen.disclosed_at,
                standing: origins.standing(&subject),
                origin: origins.of(&subject),
                subject,
            }
        };
        report::secrets::table(&view).into_iter().map(row).collect()
    };
    Ok(Known { key, columns: columns(key), rows, incident: read.evidence.incident.name.clone() })
}

fn columns(key: &str) -> Vec<Column> {
    if key == "row_id" {
        let whose = |owner| match owner {
            report::tracker::Owner::Human => Whose::Human,
            report::tracker::Owner::Tool => Whose::Tool,
            report::tracker::Owner::Volatile => Whose::Volatile,
        };
        let columns = report::tracker::COLUMNS.iter();
        return columns.map(|c| Column { name: c.name, whose: whose(c.owner) }).collect();
    }
    let whose = |name: &str| match name {
        "edit_version" => Whose::Volatile,
        _ if report::secrets::HUMAN.contains(&name) => Whose::Human,
        _ => Whose::Tool,
    };
    let header = (report::secrets::EXPORT.header)();
    header.into_iter().map(|name| Column { name, whose: whose(name) }).collect()
}

/// Who changed what last, and which claims stand.
struct Origins<'a> {
    fields: BTreeMap<(&'a Subject, Field), &'a RowEdit>,
    claims: BTreeMap<&'a Subject, Vec<&'a Claim>>,
}

impl<'a> Origins<'a> {
    fn new(recorded: &'a [Edit], said: &'a [Claim]) -> Self {
        let undone = edits::undone(recorded);
        let mut fields = BTreeMap::new();
        for edit in recorded {
            if let Edit::Row(row) = edit
                && !undone.contains(&row.import)
            {
                fields.extend(row.set.keys().map(|field| ((&row.subject, *field), row)));
            }
        }
        let mut claims: BTreeMap<&Subject, Vec<&Claim>> = BTreeMap::new();
        for claim in said {
            let standing = claims.entry(&claim.subject).or_default();
            match claim.statement {
                Statement::Withdraw { facet: None } => standing.clear(),
                Statement::Withdraw { facet: Some(facet) } => standing.retain(|old| match old.statement {
                    Statement::FacetDone { facet: f } => f != facet,
                    Statement::Waive { facet: f, .. } => f != Some(facet),
                    _ => true,
                }),
                _ => standing.push(claim),
            }
        }
        Self { fields, claims }
    }

    fn standing(&self, subject: &Subject) -> Vec<Claim> {
        self.claims.get(subject).into_iter().flatten().map(|c| (*c).clone()).collect()
    }

    fn of(&self, subject: &Subject) -> BTreeMap<&'static str, Origin> {
        let mut origin = BTreeMap::new();
        for field in Field::ALL {
            if let Some(row) = self.fields.get(&(subject, *field)) {
                let from = Origin { by: row.by.clone(), at: row.at, import: Some(row.import) };
                origin.insert(field.as_str(), from);
            }
        }
        for claim in self.claims.get(subject).into_iter().flatten() {
            let columns: &[&'static str] = match claim.statement {
                Statement::Waive { .. } => &["waiver_reason", "waiver_by", "waiver_until"],
                Statement::NotAffected { .. } => &["na_justification", "claim", "claim_by", "claim_at"],
                _ => &["claim", "claim_by", "claim_at"],
            };
            let from = Origin { by: claim.by.clone(), at: claim.at, import: claim.import };
            origin.extend(columns.iter().map(|column| (*column, from.clone())));
        }
        origin
    }
}

/// Every import, in the order of their numbers.
pub fn imports(incident: &Path) -> Result<Vec<Listed>, Error> {
    let reader = Reader::open(incident)?;
    judged::sound_chain(&reader, incident)?;
    let recorded = reader.edits()?;
    let mut listed: BTreeMap<ImportId, Listed> = BTreeMap::new();
    for edit in &recorded {
        match edit {
            Edit::Row(row) => {
                let entry = listed.entry(row.import).or_insert_with(|| Listed {
                    id: row.import,
                    at: row.at,
                    by: row.by.clone(),
                    file: row.file.clone(),
                    rows: 0,
                    fields: 0,
                    claims: 0,
                    undone: None,
                });
                entry.rows += 1;
                entry.fields += row.set.len() as u64;
            }
            Edit::Undo { at, by, undoes } => {
                if let Some(entry) = listed.get_mut(undoes) {
                    entry.undone.get_or_insert((*at, by.clone()));
                }
            }
        }
    }
    for claim in reader.evidence()?.claims {
        if let Some(entry) = claim.import.and_then(|id| listed.get_mut(&id)) {
            entry.claims += 1;
        }
    }
    Ok(listed.into_values().collect())
}

/// Takes back an import: the one named, else the last that stands.
pub fn undo(incident: &Path, asked: Option<ImportId>, by: &str, clock: &Clock) -> Result<Listed, Error> {
    if by.trim().is_empty() {
        return Err(Error::Usage("--by must name who takes it back".to_owned()));
    }
    let mut store = Store::open(incident)?;
    let all = imports(incident)?;
    let entry = match asked {
        Some(id) => {
            let known = all.into_iter().find(|l| l.id == id);
            let entry = known.ok_or_else(|| {
                Error::Usage(format!("no import is called {id}; `allclear tracker imports` lists them"))
            })?;
            if let Some((at, who)) = &entry.undone {
                let message = format!("{id} was undone already, on {} by {}", at.short(), printable(who));
                return Err(Error::Usage(message));
            }
            entry
        }
        None => all.into_iter().rfind(|l| l.undone.is_none()).ok_or_else(|| {
            Error::Usage(
                "no import stands that could be undone; `allclear tracker imports` lists them".to_owned(),
            )
        })?,
    };
    let (at, by) = (clock.now(), by.trim().to_owned());
    store.append_import(&[Edit::Undo { at, by: by.clone(), undoes: entry.id }], &[])?;
    Ok(Listed { undone: Some((at, by)), ..entry })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        model::{edit_version, ids::RowId},
        report::csv::{Cell, Dialect, Sheet},
    };

    const NAMES: [&str; 5] = ["row_id", "owner", "tags", "note", "edit_version"];

    fn known(rows: &[[String; 3]]) -> Known {
        let row = |(number, texts): (usize, &[String; 3])| {
            let human = NAMES[1..4].iter().copied().zip(texts.iter().map(String::as_str));
            let stamp = edit_version::stamp(human);
            let id = format!("svc-{number}");
            KnownRow {
                subject: Subject::Service(RowId::declared(&id)),
                label: id.clone(),
                incident: None,
                version: None,
                cells: [id].into_iter().chain(texts.iter().cloned()).chain([stamp]).collect(),
                standing: Vec::new(),
                disclosed_at: Timestamp::from_seconds(0),
                origin: BTreeMap::new(),
            }
        };
        let whose = |name| match name {
            "row_id" => Whose::Tool,
            "edit_version" => Whose::Volatile,
            _ => Whose::Human,
        };
        Known {
            key: "row_id",
            columns: NAMES.iter().map(|name| Column { name, whose: whose(name) }).collect(),
            rows: rows.iter().enumerate().map(row).collect(),
            incident: "i".to_owned(),
        }
    }

    proptest! {
        /// What was exported and not touched changes nothing, in any dialect, whatever stands in it: not even where
        /// somebody else changed everything meanwhile.
        #[test]
        fn a_file_that_nobody_touched_changes_nothing(
            rows in proptest::collection::vec(proptest::array::uniform3("\\PC{0,12}|[-'=+@0-9./: \t\r\na\u{a0}\u{1b};,\"]{0,10}"), 1..4),
            bits in 0..16_u8,
        ) {
            let dialect = Dialect { tsv: bits & 1 != 0, excel: bits & 2 != 0, raw: bits & 4 != 0, multiline: bits & 8 != 0 };
            let known = known(&rows);
            let mut file = Vec::new();
            let mut sheet = Sheet::new(&mut file, dialect, &NAMES).unwrap();
            for row in &known.rows {
                sheet.row(row.cells.iter().map(|cell| Cell::text(cell.as_str()))).unwrap();
            }
            sheet.finish().unwrap();
            let table = tracker::read::table(&file).unwrap();
            let how = How { force: false, now: Timestamp::from_seconds(1_764_000_000) };
            let plan = tracker::merge(&table, &known, how).unwrap();
            prop_assert!(plan.is_empty() && plan.problems.is_empty() && plan.conflicts.is_empty(), "{plan:?}");
            prop_assert_eq!(plan.counts.damaged, 0);
            let mut moved = known.clone();
            for row in &mut moved.rows {
                for cell in &mut row.cells[1..4] {
                    cell.push_str(" and more");
                }
            }
            let plan = tracker::merge(&table, &moved, how).unwrap();
            prop_assert!(plan.is_empty() && plan.conflicts.is_empty(), "{plan:?}");
        }
    }
}
