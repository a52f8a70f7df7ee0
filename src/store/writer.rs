//! Writing the incident file: sweeps, services, secrets, evidence. Every call is one transaction, and
//! what a call has returned from is safe from kill -9.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use rusqlite::{CachedStatement, Connection, TransactionBehavior};

use super::{
    chain::{Body, Calibration, SweepBegun, SweepEnded},
    check::{bad, last_row, salts},
    commit::{Salts, facts, link},
    error::Error,
    lock::Lock,
    open,
    reader::Reader,
    services::{self, Fault, from_fault},
};
use crate::model::{
    check::Checked,
    claim::Claim,
    disclosure::TakenIn,
    edit::Edit,
    host::HostEvidence,
    ids::{Sha256, SweepId},
    merge::Merge,
    observation::Observation,
    revocation::{Issuer, Revocation},
    secret::Secret,
    service::Service,
    sweep::SweepState,
    time::Timestamp,
};

/// What is known when a sweep begins.
#[derive(Clone, Debug, PartialEq)]
pub struct NewSweep {
    /// When it begins.
    pub started_at: Timestamp,
    /// From where it looks.
    pub vantage: Arc<str>,
    /// The version of the tool.
    pub tool: String,
    /// The command line, for the auditor.
    pub command_line: String,
    /// The settings in force, as JSON, so that `--resume` uses the same.
    pub settings: serde_json::Value,
    /// SHA-256 over the expanded inventory.
    pub inventory: Sha256,
    /// Services that [`Store::put_services`] is going to store; it refuses another number.
    pub services: u64,
    /// Bad inventory rows, counted beside them.
    pub bad_rows: u64,
    /// The disclosures that it asks about, by id.
    pub disclosures: Vec<String>,
    /// For a sweep of another incident file: that file, by the hash of its first row.
    pub origin: Option<Sha256>,
}

/// The incident file, open for writing. Only one process has it at a time.
#[derive(Debug)]
pub struct Store {
    // Before the lock, so that SQLite is done with the file when the next writer comes in.
    connection: Connection,
    _lock: Lock,
    path: PathBuf,
    notices: Vec<String>,
    rows: i64,
    head: Sha256,
    sweeps: u32,
    salts: Salts,
    buffer: Vec<u8>,
}

impl Store {
    /// Opens the incident file, or makes it with mode 0600 where there is none. `now` becomes a new
    /// incident's date, `name` its name; without one it is the file's stem.
    pub fn create_or_open(path: &Path, now: Timestamp, name: Option<&str>) -> Result<Self, Error> {
        let before = open::find(path)?;
        if before.has_content() {
            return Self::open_named(path, name);
        }
        let lock = Lock::take(&before.path)?;
        // Again, since another writer may have made it while we waited for the lock.
        let found = open::find(path)?;
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let name_given = name.unwrap_or(&stem);
        match found.len {
            None => open::create(&found.path, name_given, now)?,
            Some(0) => open::initialise(&found.path, name_given, now, &open::secret()?)?,
            Some(_) => {
                open::check_header(&found.path)?;
            }
        }
        Self::with_lock(found.path, lock, found.notices)
    }

    /// Opens an incident file that has to exist.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::open_named(path, None)
    }

    fn open_named(path: &Path, name: Option<&str>) -> Result<Self, Error> {
        let found = open::find(path)?;
        match found.len {
            None => {
                return Err(Error::Missing { path: path.to_path_buf() });
            }
            Some(0) => return Err(Error::Foreign { path: found.path }),
            Some(_) => {}
        }
        open::check_header(&found.path)?;
        let lock = Lock::take(&found.path)?;
        let mut store = Self::with_lock(found.path, lock, found.notices)?;
        if let Some(name) = name {
            store.compare_name(name)?;
        }
        Ok(store)
    }

    fn with_lock(path: PathBuf, lock: Lock, notices: Vec<String>) -> Result<Self, Error> {
        let connection = open::open_writable(&path)?;
        let (rows, head) = last_row(&connection).map_err(|f| from_fault("read", &path, f))?;
        let salts = salts(&connection).map_err(|f| from_fault("read", &path, f))?;
        let sweeps = connection
            .query_row(
                "SELECT coalesce(max(sweep), 0) FROM evidence WHERE kind <> 'observation' AND kind = 'sweep-begun'",
                [],
                |row| row.get(0),
            )
            .map_err(|e| Error::sqlite("read", &path, &e))?;
        Ok(Self {
            connection,
            _lock: lock,
            path,
            notices,
            rows,
            head,
            sweeps,
            salts,
            buffer: Vec::with_capacity(4096),
        })
    }

    fn compare_name(&mut self, wanted: &str) -> Result<(), Error> {
        let name: String = self
            .connection
            .query_row("SELECT name FROM incident", [], |row| row.get(0))
            .map_err(|e| Error::sqlite("read", &self.path, &e))?;
        if name != wanted {
            self.notices.push(format!(
                "the incident is called `{}` since it was begun; `{}` is not used",
                crate::model::text::printable(&name),
                crate::model::text::printable(wanted)
            ));
        }
        Ok(())
    }

    /// What the user should know about the file: a link, permissions that let others in.
    pub fn notices(&self) -> &[String] {
        &self.notices
    }

    /// The file, with links resolved.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The head of the evidence chain: the hash of the last row.
    pub fn head(&self) -> Sha256 {
        self.head
    }

    /// A reader of the same file.
    pub fn reader(&self) -> Result<Reader, Error> {
        Reader::beside_writer(&self.path)
    }

    /// Records that a sweep begins, and gives it its number. [`Self::put_services`] comes next.
    pub fn begin_sweep(&mut self, new: &NewSweep) -> Result<SweepId, Error> {
        let sweep = SweepId(self.sweeps.saturating_add(1));
        self.append(&[SweepBegun {
            sweep,
            at: new.started_at,
            vantage: new.vantage.clone(),
            tool: new.tool.clone(),
            command_line: new.command_line.clone(),
            settings: new.settings.clone(),
            inventory: new.inventory,
            services: new.services,
            bad_rows: new.bad_rows,
            disclosures: new.disclosures.clone(),
            origin: new.origin,
        }])?;
        self.sweeps = sweep.0;
        Ok(sweep)
    }

    /// Stores the services of a sweep, all or none, in inventory order; `services` has to yield as many
    /// as [`NewSweep::services`] announced. Before the first probe, so that `--resume` needs no inventory.
    pub fn put_services(
        &mut self,
        sweep: SweepId,
        services: &mut dyn Iterator<Item = &Service>,
    ) -> Result<(), Error> {
        let announced = self.reader()?.sweep(sweep)?.services;
        let stored = self.transact("store the inventory in", |connection| {
            let mut lister = services::Lister::new(connection, sweep)?;
            for service in services {
                lister.add(service)?;
            }
            Ok((lister.count() == announced, lister.count()))
        })?;
        if stored != announced {
            return Err(Error::InventoryIncomplete { sweep, stored, announced });
        }
        Ok(())
    }

    /// Stores secrets, implied ones included. One that is known already gets a new version where it differs.
    pub fn put_secrets(&mut self, sweep: SweepId, secrets: &[Secret]) -> Result<(), Error> {
        self.transact("store the secrets in", |connection| {
            for secret in secrets {
                services::put_secret(connection, sweep, secret)?;
            }
            Ok((true, ()))
        })
    }

    /// Appends observations in one transaction: all of them are safe once this returns, or none is there.
    pub fn append_observations(&mut self, observations: &[Observation]) -> Result<(), Error> {
        // JSON has no such number: it would be stored as null and never be read again.
        if let Some(odd) = observations.iter().find(|o| !o.ms.is_finite()) {
            return Err(Error::Unstorable {
                what: format!("the observation of {}", odd.row_id),
                reason: format!("its duration is {}", odd.ms),
            });
        }
        self.append(observations)
    }

    /// Appends claims in one transaction.
    pub fn append_claims(&mut self, claims: &[Claim]) -> Result<(), Error> {
        self.append(claims)?;
        self.settle();
        Ok(())
    }

    /// Appends what hosts said of themselves, in one transaction.
    pub fn append_hosts(&mut self, hosts: &[HostEvidence]) -> Result<(), Error> {
        self.append(hosts)?;
        self.settle();
        Ok(())
    }

    /// Appends disclosures that were taken in, in one transaction.
    pub fn append_disclosures(&mut self, disclosures: &[TakenIn]) -> Result<(), Error> {
        self.append(disclosures)?;
        self.settle();
        Ok(())
    }

    /// Appends certificates that were seen behind leaves, in one transaction.
    pub fn append_issuers(&mut self, issuers: &[Issuer]) -> Result<(), Error> {
        self.append(issuers)
    }

    /// Appends what checks for revocation came to, in one transaction.
    pub fn append_revocations(&mut self, revocations: &[Revocation]) -> Result<(), Error> {
        self.append(revocations)?;
        self.settle();
        Ok(())
    }

    /// Appends what people changed in a tracker, and the claims that came with it: all or nothing.
    pub fn append_import(&mut self, edits: &[Edit], claims: &[Claim]) -> Result<(), Error> {
        self.append_both(edits, claims)?;
        self.settle();
        Ok(())
    }

    /// Records that another incident file was merged.
    pub fn append_merge(&mut self, merge: Merge) -> Result<(), Error> {
        self.append(&[merge])?;
        self.settle();
        Ok(())
    }

    /// Appends what the network showed of secrets, in one transaction.
    pub fn append_checks(&mut self, checks: &[Checked]) -> Result<(), Error> {
        self.append(checks)?;
        self.settle();
        Ok(())
    }

    /// Records how the calibration of a sweep came out.
    pub fn record_calibration(&mut self, sweep: SweepId, passed: bool, at: Timestamp) -> Result<(), Error> {
        self.append(&[Calibration { sweep, at, passed }])
    }

    /// Records that a sweep ended, or was stopped. One that was stopped can end again after `--resume`;
    /// the last word counts.
    pub fn finish_sweep(&mut self, sweep: SweepId, state: SweepState, at: Timestamp) -> Result<(), Error> {
        self.append(&[SweepEnded { sweep, at, state }])?;
        self.settle();
        Ok(())
    }

    fn append<B: Body>(&mut self, bodies: &[B]) -> Result<(), Error> {
        self.append_both::<B, B>(bodies, &[])
    }

    /// Bodies of one kind and then of another, in one transaction.
    fn append_both<A: Body, B: Body>(&mut self, first: &[A], then: &[B]) -> Result<(), Error> {
        if first.is_empty() && then.is_empty() {
            return Ok(());
        }
        let (rows, head) = (self.rows, self.head);
        let mut buffer = std::mem::take(&mut self.buffer);
        let salts = self.salts.clone();
        let written = self.transact("write", |connection| {
            let mut appender = Appender::new(connection, &salts, rows, head, &mut buffer)?;
            for body in first {
                appender.push(body)?;
            }
            for body in then {
                appender.push(body)?;
            }
            Ok((true, (appender.rows, appender.head)))
        });
        self.buffer = buffer;
        // Only now: after a failure the chain goes on from where the file is.
        (self.rows, self.head) = written?;
        Ok(())
    }

    /// Runs `work` in one transaction; it is kept when `work` says so (first value), else undone.
    fn transact<T>(
        &mut self,
        action: &'static str,
        work: impl FnOnce(&Connection) -> Result<(bool, T), Fault>,
    ) -> Result<T, Error> {
        let path = &self.path;
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(|e| Error::sqlite(action, path, &e))?;
        // A failure drops the transaction, which undoes it.
        let (keep, value) = work(&transaction).map_err(|f| from_fault(action, path, f))?;
        if keep {
            transaction.commit().map_err(|e| Error::sqlite(action, path, &e))?;
        }
        Ok(value)
    }

    /// Moves the log into the file and has the disk take it, where no reader is in the way. Without it
    /// nothing is lost but the protection against a power cut.
    fn settle(&self) {
        let _ = self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
    }
}

/// Writes rows of evidence, each hashed over the one before.
struct Appender<'c, 'b> {
    insert: CachedStatement<'c>,
    salts: &'b Salts,
    buffer: &'b mut Vec<u8>,
    rows: i64,
    head: Sha256,
}

impl<'c, 'b> Appender<'c, 'b> {
    fn new(
        connection: &'c Connection,
        salts: &'b Salts,
        rows: i64,
        head: Sha256,
        buffer: &'b mut Vec<u8>,
    ) -> rusqlite::Result<Self> {
        Ok(Self {
            insert: connection.prepare_cached(
                "INSERT INTO evidence (id, kind, sweep, row_id, at, body, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?,
            salts,
            buffer,
            rows,
            head,
        })
    }

    fn push<B: Body>(&mut self, body: &B) -> Result<(), Fault> {
        self.buffer.clear();
        serde_json::to_writer(&mut *self.buffer, body)?;
        let text = std::str::from_utf8(self.buffer).map_err(|e| rusqlite::Error::Utf8Error(0, e))?;
        let kind = B::KIND.as_str();
        let columns = body.columns();
        let facts = facts(B::KIND, &columns, text).map_err(|reason| bad(self.rows + 1, reason))?;
        let id = self.rows + 1;
        let hash = link(&self.head, kind, &facts, &self.salts.commit(id, text.as_bytes()));
        self.insert.execute((
            id,
            kind,
            columns.sweep.map(|s| s.0),
            columns.row_id.as_ref().map(crate::model::ids::RowId::as_str),
            columns.at.to_string(),
            text,
            hash.bytes(),
        ))?;
        (self.rows, self.head) = (id, hash);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::claim::{Statement, Subject};

    fn claim(note: String) -> Claim {
        Claim {
            through: Vec::new(),
            import: None,
            repeats: None,
            at: Timestamp::from_seconds(0),
            done_at: None,
            after_sweep: None,
            by: "kim".to_owned(),
            subject: Subject::Secret("session-key".to_owned()),
            statement: Statement::Withdraw { facet: None },
            reference: None,
            note: Some(note),
        }
    }

    #[test]
    fn a_full_disk_is_told_and_the_chain_goes_on_once_there_is_room() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("incident.db");
        let mut store = Store::create_or_open(&path, Timestamp::from_seconds(0), None).unwrap();
        store.append_claims(&[claim("first".to_owned())]).unwrap();
        let head = store.head();
        // SQLite reports a disk without space in the same way as a file at its limit.
        let limit = |store: &Store, pages: u32| {
            store.connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).unwrap();
        };
        limit(&store, 1);
        let error =
            store.append_claims(&[claim("second".to_owned()), claim("x".repeat(100_000))]).unwrap_err();
        assert!(matches!(error, Error::DiskFull { .. }), "{error}");
        assert_eq!(store.head(), head);

        limit(&store, 1 << 20);
        store.append_claims(&[claim("third".to_owned())]).unwrap();
        let reader = store.reader().unwrap();
        let report = reader.check_chain().unwrap();
        assert_eq!((report.rows, report.broken_at, report.head), (2, None, store.head()));
        assert_eq!(reader.evidence().unwrap().claims[1].note.as_deref(), Some("third"));
    }
}
