//! What was declared: services with their shared attributes and sources, secrets, the list of each sweep.
//!
//! Only rows in and rows out. Loading and merging inventories is the `inventory` stage.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    net::IpAddr,
    path::Path,
    sync::Arc,
};

use rusqlite::{CachedStatement, Connection, OptionalExtension as _, Row};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{chain::decode, error::Error};
use crate::model::{
    ids::{RowId, Sha256, SweepId},
    secret::Secret,
    service::{Declared, Service, Source},
    wrap::{Transport, Wrap},
};

/// How to reach a service: the part of it that no other service shares.
#[derive(Serialize, Deserialize)]
struct Reach {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "<[IpAddr]>::is_empty")]
    addresses: Box<[IpAddr]>,
    port: u16,
    transport: Transport,
    wrap: Wrap,
    wrap_declared: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sni: Option<Arc<str>>,
    id_declared: bool,
}

impl Reach {
    fn of(service: &Service) -> Self {
        Self {
            name: service.name.clone(),
            addresses: service.addresses.clone(),
            port: service.port,
            transport: service.transport,
            wrap: service.wrap,
            wrap_declared: service.wrap_declared,
            sni: service.sni.clone(),
            id_declared: service.id_declared,
        }
    }
}

/// What can go wrong with one row.
pub(super) enum Fault {
    /// SQLite refused.
    Sqlite(rusqlite::Error),
    /// A stored row cannot be understood.
    Row {
        /// The table.
        table: &'static str,
        /// The row's number.
        row: i64,
        /// What is wrong with it.
        reason: String,
    },
    /// A value has no JSON form. Cannot happen with the types stored here.
    Json(serde_json::Error),
}

/// Puts a fault of one row into the words of [`Error`].
pub(super) fn from_fault(action: &'static str, path: &Path, fault: Fault) -> Error {
    match fault {
        Fault::Sqlite(error) => Error::sqlite(action, path, &error),
        Fault::Row { table, row, reason } => Error::Row { path: path.to_path_buf(), table, row, reason },
        Fault::Json(error) => Error::Unstorable { what: "a row".to_owned(), reason: error.to_string() },
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(error)
    }
}

fn bad(table: &'static str, row: i64) -> impl FnOnce(String) -> Fault {
    move |reason| Fault::Row { table, row, reason }
}

/// Reads a text column strictly: another type in it is a fault of that row.
fn text<'a>(row: &'a Row<'_>, column: usize, table: &'static str, id: i64) -> Result<&'a str, Fault> {
    row.get_ref(column)?.as_str().map_err(|e| bad(table, id)(format!("column {column}: {e}")))
}

/// Writes the list of one sweep. Statements are prepared once; whatever a run of services shares is
/// looked up once.
pub(super) struct Lister<'c> {
    sweep: i64,
    position: i64,
    find: CachedStatement<'c>,
    add: CachedStatement<'c>,
    list: CachedStatement<'c>,
    declarations: Declarations<'c>,
    declared: Option<(Arc<Declared>, i64)>,
    sources: Option<(Arc<[Source]>, i64)>,
}

impl<'c> Lister<'c> {
    /// Begins the list of `sweep`.
    pub(super) fn new(connection: &'c Connection, sweep: SweepId) -> rusqlite::Result<Self> {
        Ok(Self {
            sweep: i64::from(sweep.0),
            position: 0,
            find: connection.prepare_cached(
                "SELECT id, body, declared, sources FROM services WHERE row_id = ?1 ORDER BY id DESC LIMIT 1",
            )?,
            add: connection.prepare_cached(
                "INSERT INTO services (row_id, body, declared, sources) VALUES (?1, ?2, ?3, ?4) RETURNING id",
            )?,
            list: connection.prepare_cached(
                "INSERT INTO sweep_services (sweep, position, service) VALUES (?1, ?2, ?3)",
            )?,
            declarations: Declarations::new(connection)?,
            declared: None,
            sources: None,
        })
    }

    /// Adds the next service, as a new version where it differs from its present one.
    pub(super) fn add(&mut self, service: &Service) -> Result<(), Fault> {
        let declared = match &self.declared {
            Some((last, id)) if Arc::ptr_eq(last, &service.declared) => *id,
            _ => self.declarations.put(&service.declared)?,
        };
        self.declared = Some((service.declared.clone(), declared));
        let sources = match &self.sources {
            Some((last, id)) if Arc::ptr_eq(last, &service.sources) => *id,
            _ => self.declarations.put(&service.sources)?,
        };
        self.sources = Some((service.sources.clone(), sources));
        let body = serde_json::to_string(&Reach::of(service))?;
        let present: Option<(i64, String, i64, i64)> = self
            .find
            .query_row([service.row_id.as_str()], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })
            .optional()?;
        let version = match present {
            Some((id, b, d, s)) if b == body && d == declared && s == sources => id,
            _ => self.add.query_row((service.row_id.as_str(), &body, declared, sources), |row| row.get(0))?,
        };
        self.position += 1;
        self.list.execute((self.sweep, self.position, version))?;
        Ok(())
    }

    /// Services added so far.
    pub(super) fn count(&self) -> u64 {
        self.position.unsigned_abs()
    }
}

struct Declarations<'c> {
    find: CachedStatement<'c>,
    add: CachedStatement<'c>,
}

impl<'c> Declarations<'c> {
    fn new(connection: &'c Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            find: connection.prepare_cached("SELECT id FROM declarations WHERE digest = ?1")?,
            add: connection
                .prepare_cached("INSERT INTO declarations (digest, body) VALUES (?1, ?2) RETURNING id")?,
        })
    }

    fn put<T: Serialize>(&mut self, value: &T) -> Result<i64, Fault> {
        let body = serde_json::to_string(value)?;
        let digest = Sha256::of(body.as_bytes());
        if let Some(id) = self.find.query_row([digest.bytes()], |row| row.get(0)).optional()? {
            return Ok(id);
        }
        Ok(self.add.query_row((digest.bytes(), &body), |row| row.get(0))?)
    }
}

/// Shared declarations that were read lately, so that services share them in memory as well. Bounded,
/// since a list of a million lines has a million source lists.
struct Shared<T: ?Sized> {
    kept: BTreeMap<i64, Arc<T>>,
}

impl<T: ?Sized> Shared<T> {
    const MOST: usize = 4096;

    fn get(
        &mut self,
        id: i64,
        statement: &mut CachedStatement<'_>,
        parse: impl FnOnce(&str) -> Result<Arc<T>, String>,
    ) -> Result<Arc<T>, Fault> {
        if self.kept.len() >= Self::MOST && !self.kept.contains_key(&id) {
            self.kept.clear();
        }
        match self.kept.entry(id) {
            Entry::Occupied(entry) => Ok(entry.get().clone()),
            Entry::Vacant(entry) => {
                const TABLE: &str = "declarations";
                let mut rows = statement.query([id])?;
                let row = rows.next()?.ok_or_else(|| bad(TABLE, id)("there is no such row".to_owned()))?;
                let value = parse(text(row, 0, TABLE, id)?).map_err(bad(TABLE, id))?;
                Ok(entry.insert(value).clone())
            }
        }
    }
}

/// Reads services and restores what they share.
pub(super) struct Loader<'c> {
    statement: CachedStatement<'c>,
    declared: Shared<Declared>,
    sources: Shared<[Source]>,
}

impl<'c> Loader<'c> {
    pub(super) fn new(connection: &'c Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            statement: connection.prepare_cached("SELECT body FROM declarations WHERE id = ?1")?,
            declared: Shared { kept: BTreeMap::new() },
            sources: Shared { kept: BTreeMap::new() },
        })
    }

    /// A service from the columns `id, row_id, body, declared, sources`, in this order from the first.
    fn service(&mut self, row: &Row<'_>) -> Result<Service, Fault> {
        const TABLE: &str = "services";
        let id: i64 = row.get(0)?;
        let row_id = RowId::declared(text(row, 1, TABLE, id)?);
        let reach: Reach = decode(text(row, 2, TABLE, id)?).map_err(bad(TABLE, id))?;
        let reference = |column| row.get::<_, i64>(column).map_err(|e| bad(TABLE, id)(e.to_string()));
        let (declared, sources) = (reference(3)?, reference(4)?);
        Ok(Service {
            row_id,
            name: reach.name,
            addresses: reach.addresses,
            port: reach.port,
            transport: reach.transport,
            wrap: reach.wrap,
            wrap_declared: reach.wrap_declared,
            sni: reach.sni,
            id_declared: reach.id_declared,
            declared: self.declared.get(declared, &mut self.statement, |body| decode(body).map(Arc::new))?,
            sources: self.sources.get(sources, &mut self.statement, decode::<Arc<[Source]>>)?,
        })
    }

    /// At most `limit` services of a sweep's list after `position`, each with its position.
    pub(super) fn page(
        &mut self,
        connection: &Connection,
        sweep: SweepId,
        position: i64,
        limit: u32,
    ) -> Result<Vec<(i64, Service)>, Fault> {
        let mut statement = connection.prepare_cached(
            "SELECT s.id, s.row_id, s.body, s.declared, s.sources, l.position
             FROM sweep_services l JOIN services s ON s.id = l.service
             WHERE l.sweep = ?1 AND l.position > ?2 ORDER BY l.position LIMIT ?3",
        )?;
        let mut rows = statement.query((sweep.0, position, limit))?;
        let mut page = Vec::new();
        while let Some(row) = rows.next()? {
            page.push((row.get(5)?, self.service(row)?));
        }
        Ok(page)
    }

    /// The present version of every service ever declared, in the order in which they first came.
    pub(super) fn all(&mut self, connection: &Connection) -> Result<Vec<Service>, Fault> {
        let mut statement = connection.prepare_cached(
            "SELECT s.id, s.row_id, s.body, s.declared, s.sources
             FROM services s
             JOIN (SELECT min(id) AS first, max(id) AS last FROM services GROUP BY row_id) v ON s.id = v.last
             ORDER BY v.first",
        )?;
        let mut rows = statement.query([])?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            all.push(self.service(row)?);
        }
        Ok(all)
    }
}

/// Services in a sweep's list.
pub(super) fn listed(connection: &Connection, sweep: SweepId) -> rusqlite::Result<u64> {
    connection
        .prepare_cached("SELECT count(*) FROM sweep_services WHERE sweep = ?1")?
        .query_row([sweep.0], |row| row.get::<_, i64>(0))
        .map(i64::unsigned_abs)
}

/// Stores a secret as a new version, unless its present one is the same.
pub(super) fn put_secret(connection: &Connection, sweep: SweepId, secret: &Secret) -> Result<(), Fault> {
    let body = serde_json::to_string(secret)?;
    let present: Option<String> = connection
        .prepare_cached("SELECT body FROM secrets WHERE secret = ?1 ORDER BY id DESC LIMIT 1")?
        .query_row([&secret.id], |row| row.get(0))
        .optional()?;
    if present.as_deref() != Some(body.as_str()) {
        connection
            .prepare_cached("INSERT INTO secrets (secret, sweep, body) VALUES (?1, ?2, ?3)")?
            .execute((&secret.id, sweep.0, &body))?;
    }
    Ok(())
}

/// The present version of every secret ever declared or implied, in the order in which they first came.
pub(super) fn secrets(connection: &Connection) -> Result<Vec<Secret>, Fault> {
    all_bodies(
        connection,
        "secrets",
        "SELECT s.id, s.body
         FROM secrets s
         JOIN (SELECT min(id) AS first, max(id) AS last FROM secrets GROUP BY secret) v ON s.id = v.last
         ORDER BY v.first",
    )
}

fn all_bodies<T: DeserializeOwned>(
    connection: &Connection,
    table: &'static str,
    sql: &str,
) -> Result<Vec<T>, Fault> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let id = row.get(0)?;
        all.push(decode(text(row, 1, table, id)?).map_err(bad(table, id))?);
    }
    Ok(all)
}
