//! Following a sweep while another process writes it: what came since the last look, a page at a time.

use rayon::prelude::*;
use rusqlite::{Connection, OptionalExtension as _};

use super::{
    chain::decode,
    check::{bad, column, last_row, stored_hash},
    error::Error,
    reader::{Reader, sweeps},
    services::Fault,
};
use crate::model::{
    ids::{Sha256, SweepId},
    observation::Observation,
    sweep::Sweep,
};

/// Observations of one step.
const PAGE: usize = 8192;

/// Up to where evidence has been looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The sweep whose observations were taken; absent where there was none yet.
    pub sweep: Option<SweepId>,
    /// The last row of evidence that was looked at, from 1; 0 before the first.
    pub row: u64,
    /// The hash in that row. No meaning where `row` is 0.
    pub hash: Sha256,
}

/// What came since a place.
#[derive(Debug)]
pub struct Step {
    /// The last sweep; absent where there is none yet.
    pub sweep: Option<Sweep>,
    /// The disclosure that the incident began with, as it was named.
    pub disclosure: Option<String>,
    /// Observations of the last sweep in the order recorded: those after the place where that was in the same sweep, else
    /// from its beginning. At most 8192.
    pub observations: Vec<Observation>,
    /// Where the next step begins.
    pub place: Place,
    /// Whether there is more; `place` and `head` are of one moment where there is not.
    pub more: bool,
    /// The head of the chain.
    pub head: Sha256,
}

impl Reader {
    /// What came after `place`, as of one moment. None where the row there is gone or another one: then this is not the
    /// evidence that was looked at before.
    pub fn follow(&self, place: Option<&Place>) -> Result<Option<Step>, Error> {
        self.snapshot(|connection| {
            if let Some(place) = place.filter(|place| place.row > 0)
                && hash_of(connection, place.row)? != Some(place.hash)
            {
                return Ok(None);
            }
            step(connection, place).map(Some)
        })
    }
}

fn step(connection: &Connection, place: Option<&Place>) -> Result<Step, Fault> {
    let mut known = sweeps(connection)?;
    let disclosure = known.iter().flat_map(|sweep| &sweep.disclosures).next().cloned();
    let (rows, head) = last_row(connection)?;
    let (mut last, mut hash) = (rows.unsigned_abs(), head);
    let Some(sweep) = known.pop() else {
        let place = Place { sweep: None, row: last, hash };
        return Ok(Step { sweep: None, disclosure, observations: Vec::new(), place, more: false, head });
    };
    let id = sweep.sweep.id;
    let same = place.filter(|place| place.sweep == Some(id));
    let after = same.map_or(sweep.row, |place| i64::try_from(place.row).unwrap_or(i64::MAX));
    let page = page(connection, id, after)?;
    let more = page.len() == PAGE;
    if let Some((row, _)) = page.last().filter(|_| more) {
        last = row.unsigned_abs();
        hash = hash_of(connection, last)?.ok_or_else(|| bad(*row, "its hash is not 32 bytes".to_owned()))?;
    }
    let observations = page
        .par_iter()
        .map(|(row, body)| decode(body).map_err(|reason| bad(*row, reason)))
        .collect::<Result<Vec<Observation>, Fault>>()?;
    let place = Place { sweep: Some(id), row: last, hash };
    Ok(Step { sweep: Some(sweep.sweep), disclosure, observations, place, more, head })
}

/// The next observations of a sweep, with their rows.
fn page(connection: &Connection, sweep: SweepId, after: i64) -> Result<Vec<(i64, String)>, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT id, body FROM evidence WHERE id > ?1 AND sweep = ?2 AND kind = 'observation' ORDER BY id LIMIT ?3",
    )?;
    let mut rows = statement.query((after, sweep.0, i64::try_from(PAGE).unwrap_or(i64::MAX)))?;
    let mut page = Vec::new();
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        page.push((id, column(row, id, 1)?.to_owned()));
    }
    Ok(page)
}

fn hash_of(connection: &Connection, row: u64) -> Result<Option<Sha256>, Fault> {
    let row = i64::try_from(row).unwrap_or(i64::MAX);
    let hash = connection
        .query_row("SELECT hash FROM evidence WHERE id = ?1", [row], |row| Ok(stored_hash(row, 0)))
        .optional()?;
    Ok(hash.flatten())
}
