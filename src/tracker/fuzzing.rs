//! The fuzz target of this stage: bytes as a file, and as the people's cells of a file that is ours.

use std::collections::BTreeMap;

use super::{Column, How, Known, KnownRow, Plan, Whose, merge, read};
use crate::model::{claim::Subject, edit_version, ids::RowId, time::Timestamp};

const NOW: i64 = 1_764_000_000;
const NAMES: &[(&str, Whose)] = &[
    ("incident", Whose::Tool),
    ("row_id", Whose::Tool),
    ("row_version", Whose::Volatile),
    ("owner", Whose::Human),
    ("due", Whose::Human),
    ("exposure", Whose::Human),
    ("tags", Whose::Human),
    ("state", Whose::Tool),
    ("claim", Whose::Human),
    ("claim_by", Whose::Human),
    ("claim_at", Whose::Human),
    ("waiver_reason", Whose::Human),
    ("waiver_by", Whose::Human),
    ("waiver_until", Whose::Human),
    ("na_justification", Whose::Human),
    ("edit_version", Whose::Volatile),
];

/// Three rows with awkward cells.
pub(super) fn known() -> Known {
    let row = |id: &str, owner: &str, due: &str| {
        let value = |name: &str| match name {
            "incident" => "i/CVE-2014-0160",
            "row_id" => id,
            "row_version" => "4f56b96c",
            "owner" => owner,
            "due" => due,
            "exposure" => "public",
            "tags" => "dmz;rack=7",
            "state" => "exposed",
            _ => "",
        };
        let mut cells: Vec<String> = NAMES.iter().map(|(name, _)| value(name).to_owned()).collect();
        let human = NAMES.iter().zip(&cells).filter(|((_, whose), _)| *whose == Whose::Human);
        let stamp = edit_version::stamp(human.map(|((name, _), cell)| (*name, cell.as_str())));
        if let Some(last) = cells.last_mut() {
            *last = stamp;
        }
        KnownRow {
            subject: Subject::Service(RowId::declared(id)),
            label: format!("{id}:443"),
            incident: Some("i/CVE-2014-0160".to_owned()),
            version: Some("4f56b96c".to_owned()),
            cells,
            standing: Vec::new(),
            disclosed_at: Timestamp::from_seconds(1_396_828_800),
            origin: BTreeMap::new(),
        }
    };
    Known {
        key: "row_id",
        columns: NAMES.iter().map(|(name, whose)| Column { name, whose: *whose }).collect(),
        rows: vec![
            row("web", "=1+1", "2026-11-22T14:00:31Z"),
            row("00012", "00012", ""),
            row("mail", "grün / web", "2026-03-04T00:00:00Z"),
        ],
        incident: "i".to_owned(),
    }
}

/// A file of these rows, unchanged.
pub(super) fn file(known: &Known) -> Vec<Vec<String>> {
    let header = known.columns.iter().map(|c| c.name.to_owned()).collect();
    std::iter::once(header).chain(known.rows.iter().map(|r| r.cells.clone())).collect()
}

fn check(plan: &Plan, known: &Known) {
    for row in &plan.rows {
        assert!(known.rows.iter().any(|r| r.subject == row.subject), "only rows of ours are changed");
        for change in &row.changes {
            let column = known.columns.iter().find(|c| c.name == change.column);
            assert!(column.is_some_and(|c| c.whose == Whose::Human), "only people's columns: {change:?}");
        }
        assert_eq!(row.changes.len(), row.set.len(), "what is shown is what is recorded");
        assert!(!row.changes.is_empty() || !row.said.is_empty(), "a row of a plan does something");
    }
}

/// Bytes as a whole file, and as the cells of people in a file of ours.
///
/// # Panics
///
/// When an invariant does not hold: that is what a fuzzer looks for.
pub fn fuzz(data: &[u8]) {
    let known = known();
    for force in [false, true] {
        let how = How { force, now: Timestamp::from_seconds(NOW) };
        if let Ok(table) = read::table(data)
            && let Ok(plan) = merge(&table, &known, how)
        {
            check(&plan, &known);
        }
        let text = String::from_utf8_lossy(data);
        let mut words = text.split('|');
        let mut rows = file(&known);
        for row in rows.iter_mut().skip(1) {
            for (cell, (_, whose)) in row.iter_mut().zip(NAMES) {
                if *whose != Whose::Volatile
                    && let Some(word) = words.next().filter(|w| !w.is_empty())
                {
                    word.clone_into(cell);
                }
            }
        }
        let lines = rows.into_iter().zip(1..).map(|(cells, line)| read::Row { line, cells }).collect();
        let table = read::Table { rows: lines, ragged: false, ..read::Table::default() };
        if let Ok(plan) = merge(&table, &known, how) {
            check(&plan, &known);
        }
    }
}
