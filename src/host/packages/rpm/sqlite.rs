//! rpm's SQLite database, read from a private copy.
//!
//! Opening the live file, even to read, touches its `-wal` and `-shm`, and has broken databases of running
//! hosts. So the file and its log are copied, SQLite rebuilds the index of the log beside the copy, and the
//! copy is unlinked as soon as it is open: nothing is left behind even if this process is killed.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use rusqlite::{Connection, OpenFlags, Rows};

use super::{MAX_DATABASE, MAX_RECORD, Trouble};
use crate::{
    host::{cover::Cover, packages::scratch::Scratch, root::Root},
    model::host::Part,
};

/// The longest definition of a table that is believed; rpm's has some 80 characters.
const MAX_SCHEMA: usize = 300;

/// Hands each record to `take`, in the order of their numbers.
pub(super) fn records(
    root: &Root,
    place: &str,
    cover: &Cover,
    take: &mut dyn FnMut(&[u8]) -> Result<(), Trouble>,
) -> Result<(), Trouble> {
    // Changes in an older kind of log are undone by whoever opens the database next: not by us.
    if root.metadata(format!("{place}-journal")).is_ok_and(|meta| meta.len() > 0) {
        cover.gap(Part::Packages, "hot-journal", place);
    }
    let copy = Copy::of(root, place, cover)?;
    read(copy, place, cover, take)
}

fn read(
    copy: Copy,
    place: &str,
    cover: &Cover,
    take: &mut dyn FnMut(&[u8]) -> Result<(), Trouble>,
) -> Result<(), Trouble> {
    let bad = |_: rusqlite::Error| "bad-database";
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(copy.database(), flags).map_err(bad)?;
    connection
        .execute_batch("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA query_only = ON;")
        .map_err(bad)?;
    // A view or a computed column under this name could run for ever.
    let schema: String = connection
        .query_row("SELECT sql FROM sqlite_schema WHERE name = 'Packages' AND type = 'table'", [], |row| {
            row.get(0)
        })
        .map_err(bad)?;
    let plain = schema.to_ascii_lowercase();
    if plain.len() > MAX_SCHEMA
        || plain.contains("virtual")
        || plain.contains(" as ")
        || plain.contains("as(")
    {
        return Err("bad-database");
    }
    // One transaction holds the log and its index open, so that the files may go.
    connection.execute_batch("BEGIN").map_err(bad)?;
    let sql = format!(
        "SELECT hnum, CASE WHEN length(blob) <= {MAX_RECORD} THEN blob END FROM Packages ORDER BY hnum"
    );
    let mut statement = connection.prepare(&sql).map_err(bad)?;
    let mut rows = statement.query([]).map_err(bad)?;
    let mut left = copy.size;
    let mut first = rows.next().map_err(bad)?.map(record).transpose().map_err(bad)?;
    drop(copy);
    while let Some((number, record)) = first {
        match record {
            Some(record) => {
                // Records do not overlap, so together they are no larger than the file.
                left = left.checked_sub(record.len() as u64).ok_or("bad-database")?;
                take(&record)?;
            }
            None => {
                cover.gap(
                    Part::Packages,
                    "bad-header",
                    format_args!("{place}: record {number} is no record"),
                );
            }
        }
        first = next(&mut rows)?;
    }
    Ok(())
}

/// A record with its number; absent where it is too large or no blob.
type Numbered = (i64, Option<Vec<u8>>);

fn next(rows: &mut Rows<'_>) -> Result<Option<Numbered>, Trouble> {
    rows.next().and_then(|row| row.map(record).transpose()).map_err(|_| "bad-database")
}

fn record(row: &rusqlite::Row<'_>) -> rusqlite::Result<Numbered> {
    let blob = row.get_ref(1)?.as_blob().ok().map(<[u8]>::to_vec);
    Ok((row.get(0)?, blob))
}

/// A private copy of a database; dropping it removes it.
struct Copy {
    folder: Scratch,
    size: u64,
}

impl Copy {
    fn of(root: &Root, place: &str, cover: &Cover) -> Result<Self, Trouble> {
        let mut trouble = "no-temporary-folder";
        for folder in Scratch::candidates() {
            let mut copy = Self { folder, size: 0 };
            match copy.fill(root, place, cover) {
                Ok(()) => return Ok(copy),
                Err(Problem::Writing) => trouble = "no-room-for-copy",
                Err(Problem::Reading(word)) => return Err(word),
            }
        }
        Err(trouble)
    }

    fn database(&self) -> PathBuf {
        self.folder.path().join("db")
    }

    fn fill(&mut self, root: &Root, place: &str, cover: &Cover) -> Result<(), Problem> {
        let file = root.open(place).map_err(|_| Problem::Reading("unreadable"))?;
        self.size = copy(&file, &self.database(), cover)?;
        match root.open(format!("{place}-wal")) {
            Ok(log) => {
                // Without its log the database is an older one, but better than none: said, and read.
                match copy(&log, &self.folder.path().join("db-wal"), cover) {
                    Ok(size) => self.size = self.size.saturating_add(size),
                    Err(Problem::Writing) => return Err(Problem::Writing),
                    Err(Problem::Reading(_)) => {
                        let _ = fs::remove_file(self.folder.path().join("db-wal"));
                        cover.gap(Part::Packages, "wal-unreadable", place);
                    }
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(_) => cover.gap(Part::Packages, "wal-unreadable", place),
        }
        Ok(())
    }
}

enum Problem {
    Reading(Trouble),
    Writing,
}

fn copy(mut from: &File, to: &Path, cover: &Cover) -> Result<u64, Problem> {
    let mut to =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(to).map_err(|_| Problem::Writing)?;
    let mut buffer = vec![0; 1 << 20];
    let mut size = 0_u64;
    loop {
        if cover.out_of_time() {
            return Err(Problem::Reading("time-limit"));
        }
        let n = match from.read(&mut buffer) {
            Ok(0) => return Ok(size),
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return Err(Problem::Reading("unreadable")),
        };
        size = size.saturating_add(n as u64);
        if size > MAX_DATABASE {
            return Err(Problem::Reading("too-large"));
        }
        to.write_all(buffer.get(..n).unwrap_or_default()).map_err(|_| Problem::Writing)?;
    }
}
