//! From bytes to a table of texts: CSV in any encoding and with any delimiter, XLSX, ODS.
//!
//! Sizes are bounded before anything is held. What a cell means is not decided here.

mod book;
mod csv;
mod ods;

pub(super) use csv::windows_1252;

/// No tracker is larger: 100,000 rows take 120 MB.
pub(super) const MAX_FILE: usize = 256 << 20;
/// Cells of one table.
pub(super) const MAX_CELLS: usize = 20_000_000;
/// Columns of one row.
pub(super) const MAX_COLUMNS: usize = 1024;

/// A file that cannot be read as a table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Nothing in it.
    #[error("is empty")]
    Empty,
    /// Too large to be a tracker.
    #[error("is larger than a tracker can be ({0})")]
    TooLarge(&'static str),
    /// Neither text nor a workbook that we read.
    #[error("{0}")]
    Kind(&'static str),
    /// Broken, with its line where there is one.
    #[error("cannot be read: {0}")]
    Broken(String),
}

/// One row with something in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The line in a text, where the row begins, or the row in a sheet; from 1.
    pub line: u64,
    /// Its cells, as far as they go.
    pub cells: Vec<String>,
}

/// A file as a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Rows that are not blank, the header among them.
    pub rows: Vec<Row>,
    /// Whether cells at the end of a row may be missing because they are empty, as in a sheet.
    pub ragged: bool,
    /// How it was read, for people: `CSV, semicolons, UTF-16`.
    pub form: String,
    /// What the reader had to guess.
    pub notices: Vec<String>,
}

/// Reads a file by what is in it, whatever it is called.
pub fn table(bytes: &[u8]) -> Result<Table, Error> {
    if bytes.len() > MAX_FILE {
        return Err(Error::TooLarge("256 MB"));
    }
    let mut table = if bytes.starts_with(b"PK\x03\x04") {
        book::table(bytes)?
    } else if bytes.starts_with(&[0xd0, 0xcf, 0x11, 0xe0]) {
        return Err(Error::Kind(
            "is a workbook of Excel 97, or one with a password: save it as XLSX or CSV, without a password",
        ));
    } else {
        csv::table(bytes)?
    };
    table.rows.retain(|row| row.cells.iter().any(|cell| !cell.trim().is_empty()));
    if table.rows.is_empty() { Err(Error::Empty) } else { Ok(table) }
}
