//! The rows as they stand now, which a file is compared with.

use std::collections::BTreeMap;

use crate::model::{
    claim::{Claim, Subject},
    edit::ImportId,
    time::Timestamp,
};

/// Whose a column is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// People's: taken from the file.
    Human,
    /// The tool's: never taken.
    Tool,
    /// The tool's, and different whenever it is exported.
    Volatile,
}

/// One column of the export.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its name in the header.
    pub name: &'static str,
    /// Whose it is.
    pub whose: Whose,
}

/// Everything that a file can be about.
#[derive(Clone, Debug)]
pub struct Known {
    /// The column that names a row: `row_id` or `secret_id`.
    pub key: &'static str,
    /// The columns, in the order of the export.
    pub columns: Vec<Column>,
    /// The rows.
    pub rows: Vec<KnownRow>,
    /// The incident's name, for messages.
    pub incident: String,
}

/// One row.
#[derive(Clone, Debug)]
pub struct KnownRow {
    /// The service or secret.
    pub subject: Subject,
    /// What to call it for people.
    pub label: String,
    /// What the column `incident` holds; absent for a secret, which belongs to all disclosures.
    pub incident: Option<String>,
    /// The version of the tool's columns; absent where there is none.
    pub version: Option<String>,
    /// Every cell, in the order of the columns, without a guard.
    pub cells: Vec<String>,
    /// The claims that stand about it, in the order recorded.
    pub standing: Vec<Claim>,
    /// Before this nothing can have been done about it.
    pub disclosed_at: Timestamp,
    /// Who changed a column last, by its name; absent where no import did.
    pub origin: BTreeMap<&'static str, Origin>,
}

/// Where a cell's present value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Who.
    pub by: String,
    /// When it was recorded.
    pub at: Timestamp,
    /// By which import, if by one.
    pub import: Option<ImportId>,
}

impl KnownRow {
    /// The id in the key column.
    pub fn id(&self) -> &str {
        match &self.subject {
            Subject::Service(row) => row.as_str(),
            Subject::Secret(id) => id,
        }
    }
}
