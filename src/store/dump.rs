//! The whole incident file as records, one after the other, and an incident file made of them again: what a bundle
//! carries. Texts that are hashed travel as they stand. What the records mean, and who signed them, is not known here.

use std::{
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use data_encoding::HEXLOWER;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    Reader,
    chain::{Kind, columns_of},
    check::{column, kind, secret},
    commit::{Salts, facts, link},
    error::Error,
    open,
    services::{Fault, from_fault},
};
use crate::model::{ids::Sha256, time::Timestamp};

/// Services of one record of a sweep's list.
const LISTED: usize = 1000;

/// One record.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Record {
    /// The file's own facts; the first record.
    Incident {
        /// The incident's name.
        name: String,
        /// When the file was made.
        created_at: Timestamp,
        /// The secret of its commitments, hex.
        secret: String,
    },
    /// Attributes or sources that services share.
    Declaration {
        /// Its number.
        id: i64,
        /// As it is stored.
        body: Box<RawValue>,
    },
    /// A version of a service.
    Service {
        /// Its number.
        id: i64,
        /// The service.
        row_id: String,
        /// As it is stored.
        body: Box<RawValue>,
        /// The number of its attributes.
        declared: i64,
        /// The number of its sources.
        sources: i64,
    },
    /// What a sweep had to look at, in order: numbers of services. Several follow one another.
    Listed {
        /// The sweep's number.
        sweep: u32,
        /// The position of the first, from 1.
        first: i64,
        /// The numbers.
        services: Vec<i64>,
    },
    /// A version of a secret.
    Secret {
        /// Its number.
        id: i64,
        /// The secret's id.
        secret: String,
        /// The sweep it came with.
        sweep: u32,
        /// As it is stored.
        body: Box<RawValue>,
    },
    /// A row of evidence.
    Evidence {
        /// Its number.
        id: i64,
        /// Its kind.
        kind: Kind,
        /// Its hash.
        hash: Sha256,
        /// As it was hashed.
        body: Box<RawValue>,
    },
    /// A row of evidence without its body: what the chain can be checked with.
    Covered {
        /// Its number.
        id: i64,
        /// Its kind.
        kind: Kind,
        /// Its hash.
        hash: Sha256,
        /// What it shows without naming anybody; absent for a row of before schema 6, whose hash covers its body.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        facts: Option<Box<RawValue>>,
        /// The commitment to its body.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        commitment: Option<Sha256>,
    },
}

impl Reader {
    /// Calls `visit` with every record, as of one moment. Memory does not grow with their number. With `covered` only
    /// the evidence, without bodies.
    pub fn for_each_record(
        &self,
        covered: bool,
        mut visit: impl FnMut(Record) -> io::Result<()>,
    ) -> Result<io::Result<()>, Error> {
        let mut stopped = Ok(());
        self.snapshot(|connection| {
            let mut pass = |record| match visit(record) {
                Ok(()) => true,
                Err(error) => {
                    stopped = Err(error);
                    false
                }
            };
            if covered || declared(connection, &mut pass)? {
                evidence(connection, covered, &mut pass)?;
            }
            Ok(())
        })?;
        Ok(stopped)
    }

    /// What names of the incident are hidden with in what leaves it: a key of its own, made of the file's secret.
    pub fn pseudonym_key(&self) -> Result<[u8; 32], Error> {
        let secret = self.snapshot(secret)?;
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &secret);
        let mut out = [0; 32];
        out.copy_from_slice(ring::hmac::sign(&key, b"allclear/pseudonyms/1").as_ref());
        Ok(out)
    }

    /// The hash of the first row of the chain, by which one incident file is told from another; absent where there is
    /// no row.
    pub fn origin(&self) -> Result<Option<Sha256>, Error> {
        self.hash_of(1)
    }

    /// The hash of a row of the chain.
    pub fn hash_of(&self, row: u64) -> Result<Option<Sha256>, Error> {
        self.snapshot(|connection| {
            let mut statement = connection.prepare_cached("SELECT hash FROM evidence WHERE id = ?1")?;
            let mut rows = statement.query([i64::try_from(row).unwrap_or(i64::MAX)])?;
            Ok(match rows.next()? {
                Some(row) => Some(hash(row.get::<_, Vec<u8>>(0)?, 1)?),
                None => None,
            })
        })
    }

    /// The row of the chain that carries a hash, from 1; absent where none does.
    pub fn row_of(&self, wanted: &Sha256) -> Result<Option<u64>, Error> {
        self.snapshot(|connection| {
            let mut statement = connection.prepare_cached("SELECT id FROM evidence WHERE hash = ?1")?;
            let mut rows = statement.query([wanted.bytes().as_slice()])?;
            Ok(match rows.next()? {
                Some(row) => Some(row.get::<_, i64>(0)?.unsigned_abs()),
                None => None,
            })
        })
    }
}

fn hash(bytes: Vec<u8>, row: i64) -> Result<Sha256, Fault> {
    let bytes: Result<[u8; 32], _> = bytes.try_into();
    let short = |_| Fault::Row { table: "evidence", row, reason: "its hash is not 32 bytes".to_owned() };
    bytes.map(Sha256::from_bytes).map_err(short)
}

/// A stored text as a value of one line. What is hashed is written on one line always.
fn raw(text: String) -> Result<Box<RawValue>, Fault> {
    if text.contains(['\n', '\r']) {
        let value: serde_json::Value = serde_json::from_str(&text)?;
        return Ok(RawValue::from_string(value.to_string())?);
    }
    Ok(RawValue::from_string(text)?)
}

/// Everything but evidence; false where `pass` wanted no more.
fn declared(connection: &Connection, pass: &mut dyn FnMut(Record) -> bool) -> Result<bool, Fault> {
    let (name, created_at): (String, String) =
        connection.query_row("SELECT name, created_at FROM incident", [], |r| Ok((r.get(0)?, r.get(1)?)))?;
    let created_at = created_at.parse().map_err(|e: crate::model::time::BadTime| Fault::Row {
        table: "incident",
        row: 1,
        reason: e.to_string(),
    })?;
    if !pass(Record::Incident { name, created_at, secret: HEXLOWER.encode(&secret(connection)?) }) {
        return Ok(false);
    }
    let mut each = |sql: &str, make: &mut dyn FnMut(&rusqlite::Row<'_>) -> Result<Record, Fault>| {
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            if !pass(make(row)?) {
                return Ok::<bool, Fault>(false);
            }
        }
        Ok(true)
    };
    Ok(each("SELECT id, body FROM declarations ORDER BY id", &mut |row| {
        Ok(Record::Declaration { id: row.get(0)?, body: raw(row.get(1)?)? })
    })? && each("SELECT id, row_id, body, declared, sources FROM services ORDER BY id", &mut |row| {
        Ok(Record::Service {
            id: row.get(0)?,
            row_id: row.get(1)?,
            body: raw(row.get(2)?)?,
            declared: row.get(3)?,
            sources: row.get(4)?,
        })
    })? && each("SELECT id, secret, sweep, body FROM secrets ORDER BY id", &mut |row| {
        Ok(Record::Secret {
            id: row.get(0)?,
            secret: row.get(1)?,
            sweep: row.get(2)?,
            body: raw(row.get(3)?)?,
        })
    })? && lists(connection, pass)?)
}

fn lists(connection: &Connection, pass: &mut dyn FnMut(Record) -> bool) -> Result<bool, Fault> {
    let mut statement = connection
        .prepare_cached("SELECT sweep, position, service FROM sweep_services ORDER BY sweep, position")?;
    let mut rows = statement.query([])?;
    let mut held: Option<(u32, i64, Vec<i64>)> = None;
    let record = |(sweep, first, services)| Record::Listed { sweep, first, services };
    while let Some(row) = rows.next()? {
        let (sweep, position, service): (u32, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        match &mut held {
            Some((s, first, services))
                if *s == sweep
                    && services.len() < LISTED
                    && i64::try_from(services.len()).ok().and_then(|n| first.checked_add(n))
                        == Some(position) =>
            {
                services.push(service);
            }
            _ => {
                if let Some(full) = held.replace((sweep, position, vec![service]))
                    && !pass(record(full))
                {
                    return Ok(false);
                }
            }
        }
    }
    Ok(held.is_none_or(|last| pass(record(last))))
}

fn evidence(
    connection: &Connection,
    covered: bool,
    pass: &mut dyn FnMut(Record) -> bool,
) -> Result<(), Fault> {
    let salts = Salts::new(&secret(connection)?);
    let mut before = super::genesis();
    let mut statement = connection.prepare_cached("SELECT id, kind, body, hash FROM evidence ORDER BY id")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        let (kind, text) = (kind(row, id, 1)?, column(row, id, 2)?);
        let hash = hash(row.get(3)?, id)?;
        let record = if covered {
            let bad = |reason| Fault::Row { table: "evidence", row: id, reason };
            let facts =
                columns_of(kind, text).and_then(|columns| facts(kind, &columns, text)).map_err(bad)?;
            let commitment = salts.commit(id, text.as_bytes());
            let is_new = link(&before, kind.as_str(), &facts, &commitment) == hash;
            let facts = if is_new { Some(RawValue::from_string(facts)?) } else { None };
            Record::Covered { id, kind, hash, facts, commitment: is_new.then_some(commitment) }
        } else {
            Record::Evidence { id, kind, hash, body: raw(text.to_owned())? }
        };
        before = hash;
        if !pass(record) {
            return Ok(());
        }
    }
    Ok(())
}

/// Checks rows without bodies, one after the other.
#[derive(Debug)]
pub struct CoveredChain {
    rows: i64,
    head: Sha256,
    opaque: u64,
}

impl Default for CoveredChain {
    fn default() -> Self {
        Self { rows: 0, head: super::genesis(), opaque: 0 }
    }
}

impl CoveredChain {
    /// Takes the next row.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in our words.
    pub fn take(&mut self, record: &Record) -> Result<(), String> {
        let Record::Covered { id, kind, hash, facts, commitment } = record else {
            return Err("a record that is no covered row".to_owned());
        };
        if *id != self.rows + 1 {
            return Err(format!("row {} is missing", self.rows + 1));
        }
        match (facts, commitment) {
            (Some(facts), Some(commitment)) => {
                if link(&self.head, kind.as_str(), facts.get(), commitment) != *hash {
                    return Err(format!("row {id}: the hash is not that of the row and of those before it"));
                }
            }
            // Rows of before schema 6 come first; one further on would be a way to hide an edit.
            (None, None) if self.opaque == self.rows() => self.opaque += 1,
            _ => return Err(format!("row {id}: its facts and its commitment are missing")),
        }
        (self.rows, self.head) = (*id, *hash);
        Ok(())
    }

    /// The head so far.
    pub const fn head(&self) -> Sha256 {
        self.head
    }

    /// Rows so far.
    pub const fn rows(&self) -> u64 {
        self.rows.unsigned_abs()
    }

    /// Rows of before schema 6 among them, whose hashes nobody can check without their bodies.
    pub const fn opaque(&self) -> u64 {
        self.opaque
    }
}

/// Makes an incident file of records; it appears whole or not at all, and stands beside no other file of this name.
/// That the chain holds is for [`Reader::check_chain`] to say.
pub fn restore<E: From<Error>>(
    path: &Path,
    records: impl Iterator<Item = Result<Record, E>>,
) -> Result<(), E> {
    let fault = |f: Fault| from_fault("write", path, f);
    let sql = |e: rusqlite::Error| E::from(fault(e.into()));
    let mut records = records;
    let Some(Record::Incident { name, created_at, secret }) = records.next().transpose()? else {
        return Err(bad(path, "the first record does not say which incident it is").into());
    };
    let secret: Option<[u8; 32]> = HEXLOWER.decode(secret.as_bytes()).ok().and_then(|s| s.try_into().ok());
    let Some(secret) = secret else { return Err(bad(path, "its secret is not 32 bytes in hex").into()) };
    let io = |source| Error::Io { action: "create", path: PathBuf::from(path), source };
    std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(io)?;
    open::initialise(path, &name, created_at, &secret)?;
    let mut connection = open::open_writable(path)?;
    let transaction = connection.transaction().map_err(sql)?;
    for record in records {
        put(&transaction, &record?).map_err(fault)?;
    }
    transaction.commit().map_err(sql)
}

fn bad(path: &Path, reason: &str) -> Error {
    Error::Row { path: path.to_path_buf(), table: "incident", row: 1, reason: reason.to_owned() }
}

fn put(connection: &Connection, record: &Record) -> Result<(), Fault> {
    match record {
        Record::Declaration { id, body } => {
            let digest = Sha256::of(body.get().as_bytes());
            connection
                .prepare_cached("INSERT INTO declarations (id, digest, body) VALUES (?1, ?2, ?3)")?
                .execute((id, digest.bytes(), body.get()))?;
        }
        Record::Service { id, row_id, body, declared, sources } => {
            connection
                .prepare_cached(
                    "INSERT INTO services (id, row_id, body, declared, sources) VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute((id, row_id, body.get(), declared, sources))?;
        }
        Record::Listed { sweep, first, services } => {
            let mut list = connection.prepare_cached(
                "INSERT INTO sweep_services (sweep, position, service) VALUES (?1, ?2, ?3)",
            )?;
            for (service, after) in services.iter().zip(0_i64..) {
                let position = first.checked_add(after).ok_or_else(|| Fault::Row {
                    table: "sweep_services",
                    row: *first,
                    reason: "its position is none".to_owned(),
                })?;
                list.execute((sweep, position, service))?;
            }
        }
        Record::Secret { id, secret, sweep, body } => {
            connection
                .prepare_cached("INSERT INTO secrets (id, secret, sweep, body) VALUES (?1, ?2, ?3, ?4)")?
                .execute((id, secret, sweep, body.get()))?;
        }
        Record::Evidence { id, kind, hash, body } => {
            let fault = |reason| Fault::Row { table: "evidence", row: *id, reason };
            let columns = columns_of(*kind, body.get()).map_err(fault)?;
            connection
                .prepare_cached(
                    "INSERT INTO evidence (id, kind, sweep, row_id, at, body, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                )?
                .execute((
                    id,
                    kind.as_str(),
                    columns.sweep.map(|s| s.0),
                    columns.row_id.as_ref().map(crate::model::ids::RowId::as_str),
                    columns.at.to_string(),
                    body.get(),
                    hash.bytes(),
                ))?;
        }
        Record::Incident { .. } | Record::Covered { .. } => {
            let reason = "a record that does not belong here".to_owned();
            return Err(Fault::Row { table: "evidence", row: 0, reason });
        }
    }
    Ok(())
}

/// The entry for fuzzing: a line of a bundle. One that is a record is one again once it was written, and a row without
/// a body is either refused or moves the head to its own hash.
///
/// # Panics
/// When that does not hold.
pub(super) fn fuzz(text: &str) {
    let Ok(record) = serde_json::from_str::<Record>(text) else { return };
    let written = serde_json::to_string(&record).unwrap_or_default();
    assert!(serde_json::from_str::<Record>(&written).is_ok(), "{written} reads back");
    let mut chain = CoveredChain::default();
    if chain.take(&record).is_ok() {
        assert!(
            matches!(record, Record::Covered { hash, .. } if hash == chain.head()),
            "the head is the row's"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(lines: &[&str]) -> Vec<Result<Record, Error>> {
        lines.iter().map(|line| Ok(serde_json::from_str(line).unwrap())).collect()
    }

    const INCIDENT: &str = r#"{"incident":{"name":"x","created_at":"2026-11-22T00:00:00Z","secret":"0000000000000000000000000000000000000000000000000000000000000000"}}"#;

    #[test]
    fn what_does_not_fit_together_is_refused_and_leaves_no_file_to_be_believed() {
        let long = format!(r#"{{"declaration":{{"id":1,"body":"{}"}}}}"#, "x".repeat(1000));
        let table: [&[&str]; 10] = [
            &[],
            &[r#"{"declaration":{"id":1,"body":{}}}"#],
            &[r#"{"incident":{"name":"x","created_at":"2026-11-22T00:00:00Z","secret":"00"}}"#],
            &[INCIDENT, INCIDENT],
            &[INCIDENT, &long, &long],
            &[
                INCIDENT,
                r#"{"evidence":{"id":2,"kind":"claim","hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","body":{}}}"#,
            ],
            &[
                INCIDENT,
                r#"{"evidence":{"id":1,"kind":"observation","hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","body":null}}"#,
            ],
            &[INCIDENT, r#"{"listed":{"sweep":1,"first":9223372036854775807,"services":[1,2]}}"#],
            &[
                INCIDENT,
                r#"{"listed":{"sweep":1,"first":1,"services":[7]}}"#,
                r#"{"listed":{"sweep":1,"first":1,"services":[7]}}"#,
            ],
            &[
                INCIDENT,
                r#"{"covered":{"id":1,"kind":"claim","hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000"}}"#,
            ],
        ];
        for lines in table {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("incident.db");
            let restored: Result<(), Error> = restore(&path, records(lines).into_iter());
            assert!(restored.is_err(), "{lines:?}");
        }
    }

    #[test]
    fn a_row_without_a_body_may_only_stand_before_all_with_commitments() {
        let opaque = |id: i64| Record::Covered {
            id,
            kind: Kind::Claim,
            hash: Sha256::of(&id.to_be_bytes()),
            facts: None,
            commitment: None,
        };
        let mut chain = CoveredChain::default();
        chain.take(&opaque(1)).unwrap();
        let (facts, commitment) = (r#"{"at":"2026-11-22T00:00:00.000000Z"}"#, Sha256::of(b"body"));
        let hash = link(&chain.head(), "claim", facts, &commitment);
        let row = Record::Covered {
            id: 2,
            kind: Kind::Claim,
            hash,
            facts: Some(RawValue::from_string(facts.to_owned()).unwrap()),
            commitment: Some(commitment),
        };
        chain.take(&row).unwrap();
        assert_eq!((chain.rows(), chain.opaque(), chain.head()), (2, 1, hash));
        assert!(chain.take(&opaque(3)).is_err(), "an edit could hide behind it");
        assert!(CoveredChain::default().take(&row).unwrap_err().contains("missing"));
    }
}
