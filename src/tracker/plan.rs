//! What an import would do, in values: for the screen, for JSON, and to be recorded.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Origin;
use crate::model::{
    claim::{Statement, Subject},
    edit::{Field, ImportId},
    ids::RowId,
    time::Timestamp,
};

/// Why a file cannot be taken at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No row of the header's names is ours.
    #[error(
        "no header with a column `row_id` or `secret_id` in its first 20 rows: this is no tracker of allclear"
    )]
    NoHeader,
    /// The header does not fit.
    #[error("the header has no column `{0}`: {1}")]
    NoColumn(&'static str, &'static str),
    /// A column of ours stands there twice.
    #[error("the header has the column `{0}` twice (columns {1} and {2}): which one counts?")]
    TwoColumns(String, usize, usize),
}

/// What an import would do.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Plan {
    /// Rows that change something, in the order of the file.
    pub rows: Vec<RowPlan>,
    /// Cells that somebody else changed meanwhile; not taken.
    pub conflicts: Vec<Conflict>,
    /// What could not be taken, with its place.
    pub problems: Vec<Problem>,
    /// Totals.
    pub counts: Counts,
    /// One sentence each that the person at the screen must know.
    pub notices: Vec<String>,
}

/// What one row changes.
#[derive(Clone, Debug, Serialize)]
pub struct RowPlan {
    /// The row of the file, from 1.
    pub line: u64,
    /// The service or secret.
    pub subject: Subject,
    /// What to call it.
    pub label: String,
    /// The fields that change, for people.
    pub changes: Vec<Change>,
    /// The same, to be recorded.
    #[serde(skip)]
    pub set: BTreeMap<Field, String>,
    /// What is said.
    pub said: Vec<Said>,
}

/// One cell that changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The column.
    pub column: &'static str,
    /// What stood there.
    pub from: String,
    /// What will stand there.
    pub to: String,
}

/// One claim to be recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Said {
    /// What is said.
    pub statement: Statement,
    /// By whom; absent: by who imports.
    pub by: Option<String>,
    /// When it was done.
    pub done_at: Option<Timestamp>,
    /// What bears it out.
    pub reference: Option<String>,
    /// Why.
    pub note: Option<String>,
    /// The services through which a new secret was handed out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub through: Vec<RowId>,
    /// Whether it stood before, and is only said again since something beside it is withdrawn.
    pub again: bool,
    /// The import that had said it, where it is said again.
    #[serde(skip)]
    pub of: Option<ImportId>,
}

/// A cell that the file changed, and somebody else too.
#[derive(Clone, Debug, Serialize)]
pub struct Conflict {
    /// The row of the file, from 1.
    pub line: u64,
    /// The column of the file, from 1.
    pub place: usize,
    /// What to call the row.
    pub label: String,
    /// The column.
    pub column: &'static str,
    /// What the file says.
    pub file: String,
    /// What stands there now.
    pub now: String,
    /// Who put it there, where that is known.
    #[serde(skip)]
    pub origin: Option<Origin>,
}

/// Something that could not be taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The row of the file, from 1.
    pub line: u64,
    /// The column of the file, from 1.
    pub place: usize,
    /// What is wrong.
    pub message: String,
}

/// Totals of one file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Rows of the file that are rows of ours.
    pub rows: u64,
    /// Rows exported before the tool's columns changed.
    pub older: u64,
    /// Rows whose tool columns were edited.
    pub tool_rows: u64,
    /// Cells that a spreadsheet damaged, where what we hold was kept.
    pub damaged: u64,
    /// Cells of people's that did not change.
    pub unchanged: u64,
}

impl Plan {
    /// Whether nothing is to be recorded.
    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Fields that change.
    pub fn fields(&self) -> usize {
        self.rows.iter().map(|r| r.changes.len()).sum()
    }

    /// Claims that are new.
    pub fn claims(&self) -> usize {
        self.rows.iter().flat_map(|r| &r.said).filter(|s| !s.again).count()
    }
}
