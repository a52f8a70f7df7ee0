//! Why the incident file could not be used. Texts name the file, what is wrong and what to do.

use std::{
    io,
    path::{Path, PathBuf},
};

use rusqlite::ErrorCode;

use crate::model::{ids::SweepId, text::printable};

/// A path for a message, without anything that acts on a terminal.
pub(super) fn shown(path: &Path) -> String {
    printable(&path.display().to_string()).into_owned()
}

/// A reason why the incident file could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no such file.
    #[error(
        "no incident file at {}: run `allclear sweep INVENTORY` or `allclear host collect` and `host import` first, or name it with --incident",
        shown(path)
    )]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The path leads to a folder, a device or nowhere.
    #[error("{} cannot be an incident file: it is {what}", shown(path))]
    NotAFile {
        /// The path.
        path: PathBuf,
        /// What it is instead.
        what: &'static str,
    },
    /// A file of something else. It was not touched.
    #[error("{} is not an incident file of allclear; it was left as it is", shown(path))]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A later release wrote it.
    #[error(
        "{} has schema {found}, and this build of allclear knows schemas up to {supported}: use the newer release that wrote it",
        shown(path)
    )]
    TooNew {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The newest schema of this build.
        supported: i64,
    },
    /// Another process is writing it.
    #[error(
        "{} is being written by {holder}: wait for it to end, or name another file with --incident",
        shown(path)
    )]
    Locked {
        /// The file.
        path: PathBuf,
        /// Who holds it, as far as the lock file says.
        holder: String,
    },
    /// The disk or the quota is used up. What was committed before is safe.
    #[error(
        "no space left to write {}: nothing that was recorded before is lost; make room, then run it again (a sweep with --resume)",
        shown(path)
    )]
    DiskFull {
        /// The file.
        path: PathBuf,
    },
    /// The file system or the permissions forbid it.
    #[error("cannot {action} {}", shown(path))]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The database's own structure is broken.
    #[error("{} is damaged ({reason}): keep a copy, and use the last good one", shown(path))]
    Damaged {
        /// The file.
        path: PathBuf,
        /// SQLite's reason.
        reason: String,
    },
    /// Anything else that SQLite reports.
    #[error("cannot {action} {}: {reason}", shown(path))]
    Sqlite {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// SQLite's reason.
        reason: String,
    },
    /// A stored row cannot be understood. It is never skipped: a gap could hide a finding.
    #[error("{}: row {row} of table {table} cannot be read: {reason}", shown(path))]
    Row {
        /// The file.
        path: PathBuf,
        /// The table.
        table: &'static str,
        /// The row's number.
        row: i64,
        /// What is wrong with it.
        reason: String,
    },
    /// Something that could not be read back if it were stored. A fault of ours.
    #[error("cannot record {what}: {reason}")]
    Unstorable {
        /// What was to be stored.
        what: String,
        /// Why it cannot be.
        reason: String,
    },
    /// The number of services that a sweep announced and those that were stored differ.
    #[error(
        "the inventory of sweep {sweep} is incomplete ({stored} of {announced} services are stored), so it cannot be used: begin a new one with `allclear sweep INVENTORY`"
    )]
    InventoryIncomplete {
        /// The sweep.
        sweep: SweepId,
        /// Services stored.
        stored: u64,
        /// Services announced when it began.
        announced: u64,
    },
    /// No such sweep.
    #[error("{}: there is no sweep {sweep}", shown(path))]
    NoSuchSweep {
        /// The file.
        path: PathBuf,
        /// The number asked for.
        sweep: SweepId,
    },
}

impl Error {
    /// Puts an error of SQLite into the words of this list.
    pub(super) fn sqlite(action: &'static str, path: &Path, error: &rusqlite::Error) -> Self {
        let path = path.to_path_buf();
        let reason = printable(&error.to_string()).into_owned();
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::DiskFull { path },
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged { path, reason },
            _ => Self::Sqlite { action, path, reason },
        }
    }
}
