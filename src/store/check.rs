//! Reading evidence rows strictly, and the check of the chain over them.

use rusqlite::{Connection, OptionalExtension as _, Row};
use serde::Deserialize;

use super::{
    chain::{ChainReport, Kind, columns_of, decode, genesis, old_link},
    commit::{Salts, facts, link},
    services::Fault,
};
use crate::model::{
    ids::{RowId, Sha256},
    text::printable,
};

const EVIDENCE: &str = "evidence";
const HASH: &str = "the hash is not that of the row and of those before it";

pub(super) fn bad(row: i64, reason: String) -> Fault {
    Fault::Row { table: EVIDENCE, row, reason }
}

/// A text column, strictly.
pub(super) fn column<'a>(row: &'a Row<'_>, id: i64, index: usize) -> Result<&'a str, Fault> {
    row.get_ref(index)?.as_str().map_err(|e| bad(id, format!("column {index}: {e}")))
}

/// The parsed body of a row whose number and body stand in these columns.
pub(super) fn body<T: for<'de> Deserialize<'de>>(row: &Row<'_>, id: usize, index: usize) -> Result<T, Fault> {
    let id: i64 = row.get(id)?;
    decode(column(row, id, index)?).map_err(|reason| bad(id, reason))
}

pub(super) fn kind(row: &Row<'_>, id: i64, index: usize) -> Result<Kind, Fault> {
    let text = column(row, id, index)?;
    text.parse().map_err(|e: crate::model::UnknownWord| bad(id, printable(&e.to_string()).into_owned()))
}

/// Computes the whole chain again, and compares the columns of each row with its body.
pub(super) fn check(connection: &Connection) -> Result<ChainReport, Fault> {
    let rows: i64 = connection.query_row("SELECT count(*) FROM evidence", [], |row| row.get(0))?;
    let broken = first_break(connection)?;
    Ok(ChainReport {
        rows: rows.unsigned_abs(),
        head: last_hash(connection)?.unwrap_or_else(genesis),
        broken_at: broken.map(|(row, _)| row),
        fault: broken.map(|(_, why)| why),
    })
}

/// The number and hash of the last row of evidence; 0 and [`genesis`] where there is none.
pub(super) fn last_row(connection: &Connection) -> Result<(i64, Sha256), Fault> {
    let id: Option<i64> = connection.query_row("SELECT max(id) FROM evidence", [], |row| row.get(0))?;
    match (id, last_hash(connection)?) {
        (None, _) => Ok((0, genesis())),
        (Some(id), Some(hash)) => Ok((id, hash)),
        (Some(id), None) => Err(bad(id, "its hash is not 32 bytes".to_owned())),
    }
}

/// The hash in the last row; absent where there is no row, or no hash in it.
fn last_hash(connection: &Connection) -> Result<Option<Sha256>, Fault> {
    let hash = connection
        .query_row("SELECT hash FROM evidence ORDER BY id DESC LIMIT 1", [], |row| Ok(stored_hash(row, 0)))
        .optional()?;
    Ok(hash.flatten())
}

pub(super) fn stored_hash(row: &Row<'_>, index: usize) -> Option<Sha256> {
    let bytes = row.get_ref(index).ok()?.as_blob().ok()?;
    Some(Sha256::from_bytes(bytes.try_into().ok()?))
}

/// The first row that does not fit, and what is wrong with it.
fn first_break(connection: &Connection) -> Result<Option<(u64, &'static str)>, Fault> {
    let mut statement = connection
        .prepare_cached("SELECT id, kind, sweep, row_id, at, body, hash FROM evidence ORDER BY id")?;
    let mut rows = statement.query([])?;
    let salts = salts(connection)?;
    let mut head = genesis();
    let mut expected: i64 = 0;
    while let Some(row) = rows.next()? {
        expected += 1;
        if let Some(why) = fault_of(row, expected, &salts, &mut head)? {
            return Ok(Some((expected.unsigned_abs(), why)));
        }
    }
    Ok(None)
}

/// The salts of the file's commitments.
pub(super) fn salts(connection: &Connection) -> Result<Salts, Fault> {
    Ok(Salts::new(&secret(connection)?))
}

/// The secret that they come from.
pub(super) fn secret(connection: &Connection) -> Result<[u8; 32], Fault> {
    let bytes: Vec<u8> = connection.query_row("SELECT secret FROM commitments", [], |row| row.get(0))?;
    let short = |_| Fault::Row { table: "commitments", row: 1, reason: "it is not 32 bytes".to_owned() };
    bytes.try_into().map_err(short)
}

/// What is wrong with one row, if anything; else `head` becomes its hash.
fn fault_of(
    row: &Row<'_>,
    expected: i64,
    salts: &Salts,
    head: &mut Sha256,
) -> Result<Option<&'static str>, Fault> {
    if row.get::<_, i64>(0)? != expected {
        return Ok(Some("a row is missing"));
    }
    let (Ok(kind), Ok(body)) = (column(row, expected, 1), column(row, expected, 5)) else {
        return Ok(Some("a column is not text"));
    };
    let stored = stored_hash(row, 6);
    let Some(known) = kind.parse::<Kind>().ok() else {
        return Ok(Some("its kind is not known"));
    };
    let Ok(columns) = columns_of(known, body) else {
        // An edit of the body shows in the hash first.
        let why = "the body cannot be read";
        return Ok(Some(if stored == Some(old_link(head, kind, body.as_bytes())) { why } else { HASH }));
    };
    let Ok(facts) = facts(known, &columns, body) else {
        return Ok(Some("the body cannot be read"));
    };
    let hash = link(head, kind, &facts, &salts.commit(expected, body.as_bytes()));
    let hash = if stored == Some(hash) { hash } else { old_link(head, kind, body.as_bytes()) };
    if stored != Some(hash) {
        return Ok(Some(HASH));
    }
    let same = row.get::<_, Option<u32>>(2).ok() == Some(columns.sweep.map(|s| s.0))
        && row.get::<_, Option<String>>(3).ok().as_ref().map(Option::as_deref)
            == Some(columns.row_id.as_ref().map(RowId::as_str))
        && row.get::<_, String>(4).ok() == Some(columns.at.to_string());
    if !same {
        return Ok(Some("the columns say something else than the body"));
    }
    *head = hash;
    Ok(None)
}
