//! Reading the incident file, also while a sweep writes it. Every call sees one moment of the file.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    net::IpAddr,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::Arc,
};

use rayon::prelude::*;
use rusqlite::Connection;
use serde::Deserialize;

use super::{
    chain::{Calibration, ChainReport, Kind, SweepBegun, SweepEnded, decode},
    check::{bad, body, check, column, kind, last_row},
    error::Error,
    open, schema,
    services::from_fault,
    services::{self, Fault},
    writer::Store,
};
use crate::model::{
    claim::Claim,
    disclosure::TakenIn,
    edit::Edit,
    host::HostEvidence,
    ids::{RowId, SweepId},
    merge::Merge,
    observation::{Contact, Observation},
    revocation::Issuer,
    secret::Secret,
    service::Service,
    sweep::{Evidence, Incident, Sweep, SweepState},
    text::printable,
    time::Timestamp,
};

/// Services read at a time. No read stays open between two pages, or the writer's log could not shrink
/// for as long as a sweep takes its targets from here.
const PAGE: u32 = 1000;

/// Bodies parsed together, on all cores.
const CHUNK: usize = 8192;

/// The incident file, open for reading.
#[derive(Debug)]
pub struct Reader {
    connection: Connection,
    path: PathBuf,
    notices: Vec<String>,
}

impl Reader {
    /// Opens an incident file that has to exist. One of an older schema is brought to the present one
    /// first, which needs the right to write it.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let found = open::find(path)?;
        match found.len {
            None => {
                return Err(Error::Missing { path: path.to_path_buf() });
            }
            Some(0) => return Err(Error::Foreign { path: found.path }),
            Some(_) => {}
        }
        open::check_header(&found.path)?;
        let mut connection = open::open_readable(&found.path)?;
        let version = schema::version(&connection).map_err(|e| Error::sqlite("read", &found.path, &e))?;
        if version < schema::SCHEMA {
            drop(connection);
            drop(Store::open(&found.path)?);
            connection = open::open_readable(&found.path)?;
        }
        Ok(Self { connection, path: found.path, notices: found.notices })
    }

    /// Opens a file that this process is writing; `path` has its links resolved.
    pub(super) fn beside_writer(path: &Path) -> Result<Self, Error> {
        Ok(Self { connection: open::open_readable(path)?, path: path.to_path_buf(), notices: Vec::new() })
    }

    /// What the user should know about the file: a link, permissions that let others in.
    pub fn notices(&self) -> &[String] {
        &self.notices
    }

    /// The file, with links resolved.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The incident's own facts and the head of its chain.
    pub fn incident(&self) -> Result<Incident, Error> {
        self.snapshot(|connection| incident(connection, &sweeps(connection)?))
    }

    /// Every sweep, by number.
    pub fn sweeps(&self) -> Result<Vec<Sweep>, Error> {
        self.snapshot(|connection| Ok(sweeps(connection)?.into_iter().map(|s| s.sweep).collect()))
    }

    /// One sweep.
    pub fn sweep(&self, id: SweepId) -> Result<Sweep, Error> {
        self.known(id).map(|known| known.sweep)
    }

    /// Every service ever declared, each as it was declared last, in the order in which they first came.
    pub fn services(&self) -> Result<Vec<Service>, Error> {
        self.snapshot(|connection| services::Loader::new(connection)?.all(connection))
    }

    /// Every secret ever declared or implied, each as it was stored last, in the order in which they
    /// first came.
    pub fn secrets(&self) -> Result<Vec<Secret>, Error> {
        self.snapshot(services::secrets)
    }

    /// Calls `visit` with each service of a sweep, in inventory order, until it breaks. Memory does not
    /// grow with their number. A list that was cut off while it was stored is an error.
    pub fn for_each_service(
        &self,
        sweep: SweepId,
        mut visit: impl FnMut(Service) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        self.complete(&self.sweep(sweep)?)?;
        let fault = |f| from_fault("read", &self.path, f);
        let mut loader = services::Loader::new(&self.connection).map_err(|e| fault(e.into()))?;
        let mut position = 0;
        loop {
            let page = loader.page(&self.connection, sweep, position, PAGE).map_err(fault)?;
            if page.is_empty() {
                return Ok(());
            }
            for (at, service) in page {
                position = at;
                if visit(service).is_break() {
                    return Ok(());
                }
            }
        }
    }

    /// The endpoints that a sweep is done with: what `--resume` need not look at again. One whose look
    /// was interrupted, or failed for our own limits, is not among them.
    pub fn observed(&self, sweep: SweepId) -> Result<BTreeSet<(RowId, Option<IpAddr>)>, Error> {
        let begun = self.known(sweep)?.row;
        self.snapshot(|connection| {
            let mut observed = BTreeSet::new();
            let sql = "SELECT id, body FROM evidence WHERE id > ?1 AND sweep = ?2 AND kind = 'observation'";
            let mut statement = connection.prepare_cached(sql)?;
            let mut rows = statement.query((begun, sweep.0))?;
            while let Some(row) = rows.next()? {
                let place: Place = body(row, 0, 1)?;
                if !matches!(place.contact, Contact::Interrupted | Contact::LocalError) {
                    observed.insert((place.row_id, place.address));
                }
            }
            Ok(observed)
        })
    }

    /// The last sweep of this file's own, if it is still running or was stopped: the one that `--resume` continues. An
    /// earlier one cannot be continued, since what is seen now would then count as seen before the last.
    pub fn unfinished_sweep(&self) -> Result<Option<Sweep>, Error> {
        let Some(last) = self.sweeps()?.into_iter().rfind(|sweep| sweep.origin.is_none()) else {
            return Ok(None);
        };
        if !matches!(last.state, SweepState::Running | SweepState::Interrupted) {
            return Ok(None);
        }
        self.complete(&last)?;
        Ok(Some(last))
    }

    /// The addresses at which each service was contacted in the last sweep that looked at it, or in the last one before
    /// `before`: for `--resolve last`, and for names that cannot be looked up.
    pub fn last_addresses(&self, before: Option<SweepId>) -> Result<BTreeMap<RowId, Vec<IpAddr>>, Error> {
        self.snapshot(|connection| {
            // Where another vantage found a name says nothing of where it leads from here.
            let known = sweeps(connection)?.into_iter();
            let others: BTreeSet<SweepId> =
                known.filter(|k| k.sweep.origin.is_some()).map(|k| k.sweep.id).collect();
            let mut last: BTreeMap<RowId, (SweepId, BTreeSet<IpAddr>)> = BTreeMap::new();
            let mut statement = connection
                .prepare_cached("SELECT id, body FROM evidence WHERE kind = 'observation' ORDER BY id")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let place: Place = body(row, 0, 1)?;
                let Some(address) = place.address else { continue };
                if before.is_some_and(|before| place.sweep >= before) || others.contains(&place.sweep) {
                    continue;
                }
                let entry = last.entry(place.row_id).or_insert((place.sweep, BTreeSet::new()));
                if place.sweep > entry.0 {
                    *entry = (place.sweep, BTreeSet::new());
                }
                if place.sweep == entry.0 {
                    entry.1.insert(address);
                }
            }
            Ok(last
                .into_iter()
                .map(|(row_id, (_, addresses))| (row_id, addresses.into_iter().collect()))
                .collect())
        })
    }

    /// Calls `visit` with every text that a host gave, in the order recorded. Memory does not grow with
    /// their number.
    pub fn for_each_host(&self, mut visit: impl FnMut(HostEvidence)) -> Result<(), Error> {
        self.snapshot(|connection| {
            // The first condition is the one that the index of rare rows is made with.
            let mut statement = connection.prepare_cached(
                "SELECT id, body FROM evidence WHERE kind <> 'observation' AND kind = 'host' ORDER BY id",
            )?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                visit(body(row, 0, 1)?);
            }
            Ok(())
        })
    }

    /// Everything that judgement is a function of, as of one moment, in memory; but for the hosts' documents, which
    /// are read one by one ([`Self::for_each_host`]).
    pub fn evidence(&self) -> Result<Evidence, Error> {
        self.snapshot(|connection| {
            let known = sweeps(connection)?;
            let incident = incident(connection, &known)?;
            let (observations, claims) = observations_and_claims(connection)?;
            Ok(Evidence {
                incident,
                services: services::Loader::new(connection)?.all(connection)?,
                secrets: services::secrets(connection)?,
                sweeps: known.into_iter().map(|s| s.sweep).collect(),
                observations,
                claims,
                hosts: Vec::new(),
                revocations: rare(connection, Kind::Revocation)?,
                checks: rare(connection, Kind::Check)?,
                tracked: BTreeMap::new(),
            })
        })
    }

    /// What was merged of other incident files, in the order recorded.
    pub fn merges(&self) -> Result<Vec<Merge>, Error> {
        self.snapshot(|connection| rare(connection, Kind::Merge))
    }

    /// The services of a sweep that are stored; fewer than it announced where it was cut off in between.
    pub fn listed(&self, sweep: SweepId) -> Result<u64, Error> {
        self.snapshot(|connection| Ok(services::listed(connection, sweep)?))
    }

    /// Every document of hosts, as it was recorded.
    pub fn hosts(&self) -> Result<Vec<HostEvidence>, Error> {
        self.snapshot(|connection| rare(connection, Kind::Host))
    }

    /// Every disclosure that was taken in, in the order recorded.
    pub fn disclosures(&self) -> Result<Vec<TakenIn>, Error> {
        self.snapshot(|connection| rare(connection, Kind::Disclosure))
    }

    /// Every edit of a tracker, in the order recorded.
    pub fn edits(&self) -> Result<Vec<Edit>, Error> {
        self.snapshot(|connection| rare(connection, Kind::Edit))
    }

    /// Every certificate that was seen behind a leaf, in the order recorded.
    pub fn issuers(&self) -> Result<Vec<Issuer>, Error> {
        self.snapshot(|connection| rare(connection, Kind::Certificate))
    }

    /// Computes the whole chain again, and compares the columns of each row with its body.
    pub fn check_chain(&self) -> Result<ChainReport, Error> {
        self.snapshot(check)
    }

    fn known(&self, id: SweepId) -> Result<Known, Error> {
        self.snapshot(sweeps)?
            .into_iter()
            .find(|known| known.sweep.id == id)
            .ok_or_else(|| Error::NoSuchSweep { path: self.path.clone(), sweep: id })
    }

    /// Whether all announced services of a sweep are stored.
    fn complete(&self, sweep: &Sweep) -> Result<(), Error> {
        let stored = self.snapshot(|connection| Ok(services::listed(connection, sweep.id)?))?;
        if stored == sweep.services {
            Ok(())
        } else {
            Err(Error::InventoryIncomplete { sweep: sweep.id, stored, announced: sweep.services })
        }
    }

    /// Runs `read` in one read transaction, so that a writer's commits do not fall into the middle of it.
    pub(super) fn snapshot<T>(&self, read: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, Error> {
        self.connection
            .unchecked_transaction()
            .map_err(Fault::from)
            .and_then(|transaction| read(&transaction))
            .map_err(|fault| from_fault("read", &self.path, fault))
    }
}

/// Every body of one kind that is rare, in the order recorded.
fn rare<T: serde::de::DeserializeOwned>(connection: &Connection, kind: Kind) -> Result<Vec<T>, Fault> {
    // The first condition is the one that the index of rare rows is made with.
    let mut statement = connection.prepare_cached(
        "SELECT id, body FROM evidence WHERE kind <> 'observation' AND kind = ?1 ORDER BY id",
    )?;
    let mut rows = statement.query([kind.as_str()])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push(body(row, 0, 1)?);
    }
    Ok(all)
}

/// The part of an observation's body that says where it looked.
#[derive(Deserialize)]
struct Place {
    sweep: SweepId,
    row_id: RowId,
    #[serde(default)]
    address: Option<IpAddr>,
    contact: Contact,
}

/// A sweep and the row of evidence with which it began.
pub(super) struct Known {
    pub(super) sweep: Sweep,
    pub(super) row: i64,
    pub(super) disclosures: Vec<String>,
}

/// Every sweep, put together from the evidence about it.
pub(super) fn sweeps(connection: &Connection) -> Result<Vec<Known>, Fault> {
    // The first condition is the one that the index of rare rows is made with. A plain `id` in the order would have SQLite
    // walk through all rows instead, to save the sorting.
    let mut statement = connection.prepare_cached(
        "SELECT id, kind, body FROM evidence WHERE kind <> 'observation' AND kind <> 'claim' AND kind <> 'host'
         AND kind <> 'certificate' AND kind <> 'revocation' AND kind <> 'edit' AND kind <> 'check' ORDER BY +id",
    )?;
    let mut rows = statement.query([])?;
    let mut known: BTreeMap<SweepId, Known> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        let event = match kind(row, id, 1)? {
            Kind::SweepBegun => {
                let begun = begun(id, body(row, 0, 2)?);
                known.insert(begun.sweep.id, begun);
                continue;
            }
            Kind::SweepEnded => {
                let ended: SweepEnded = body(row, 0, 2)?;
                (ended.sweep, Some(ended), None)
            }
            Kind::Calibration => {
                let calibration: Calibration = body(row, 0, 2)?;
                (calibration.sweep, None, Some(calibration.passed))
            }
            Kind::Observation
            | Kind::Claim
            | Kind::Host
            | Kind::Disclosure
            | Kind::Certificate
            | Kind::Revocation
            | Kind::Edit
            | Kind::Check
            | Kind::Merge => continue,
        };
        let (number, ended, passed) = event;
        let sweep = known.get_mut(&number).ok_or_else(|| bad(id, format!("sweep {number} never began")))?;
        if let Some(ended) = ended {
            sweep.sweep.state = ended.state;
            sweep.sweep.finished_at = Some(ended.at);
        }
        sweep.sweep.calibrated = passed.or(sweep.sweep.calibrated);
    }
    Ok(in_order(known.into_values().collect()))
}

/// Sweeps in the order in which they happened: our own by number, whatever the clock said, and those of another
/// incident file before the first of ours that began later.
fn in_order(sweeps: Vec<Known>) -> Vec<Known> {
    let (merged, mut all): (Vec<Known>, Vec<Known>) =
        sweeps.into_iter().partition(|known| known.sweep.origin.is_some());
    for other in merged {
        let began = other.sweep.started_at;
        let at = all.iter().position(|known| known.sweep.started_at > began).unwrap_or(all.len());
        all.insert(at, other);
    }
    all
}

fn begun(row: i64, begun: SweepBegun) -> Known {
    Known {
        row,
        disclosures: begun.disclosures,
        sweep: Sweep {
            id: begun.sweep,
            started_at: begun.at,
            finished_at: None,
            state: SweepState::Running,
            vantage: begun.vantage,
            tool: begun.tool,
            command_line: begun.command_line,
            settings: begun.settings,
            inventory: begun.inventory,
            services: begun.services,
            bad_rows: begun.bad_rows,
            calibrated: None,
            origin: begun.origin,
        },
    }
}

fn incident(connection: &Connection, sweeps: &[Known]) -> Result<Incident, Fault> {
    let (name, created_at): (String, String) =
        connection
            .query_row("SELECT name, created_at FROM incident", [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let created_at = created_at.parse::<Timestamp>().map_err(|e| Fault::Row {
        table: "incident",
        row: 1,
        reason: printable(&e.to_string()).into_owned(),
    })?;
    let mut disclosures: Vec<String> = Vec::new();
    for disclosure in sweeps.iter().flat_map(|sweep| &sweep.disclosures) {
        if !disclosures.contains(disclosure) {
            disclosures.push(disclosure.clone());
        }
    }
    let (rows, chain_head) = last_row(connection)?;
    Ok(Incident { name, created_at, disclosures, chain_head, evidence_rows: rows.unsigned_abs() })
}

/// Every observation and every claim, in the order recorded.
fn observations_and_claims(connection: &Connection) -> Result<(Vec<Observation>, Vec<Claim>), Fault> {
    let mut statement = connection.prepare_cached("SELECT id, kind, body FROM evidence ORDER BY id")?;
    let mut rows = statement.query([])?;
    let (mut observations, mut claims) = (Vec::new(), Vec::new());
    let mut chunk: Vec<(i64, String)> = Vec::with_capacity(CHUNK);
    let mut texts = Texts::default();
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        match kind(row, id, 1)? {
            Kind::Observation => chunk.push((id, column(row, id, 2)?.to_owned())),
            Kind::Claim => claims.push(body(row, 0, 2)?),
            // Read with the sweeps, by `for_each_host` and by `disclosures`.
            Kind::Host
            | Kind::Disclosure
            | Kind::Certificate
            | Kind::Revocation
            | Kind::Edit
            | Kind::Check
            | Kind::Merge
            | Kind::SweepBegun
            | Kind::SweepEnded
            | Kind::Calibration => {}
        }
        if chunk.len() == CHUNK {
            parse_chunk(&mut chunk, &mut texts, &mut observations)?;
        }
    }
    parse_chunk(&mut chunk, &mut texts, &mut observations)?;
    Ok((observations, claims))
}

fn parse_chunk(
    chunk: &mut Vec<(i64, String)>,
    texts: &mut Texts,
    into: &mut Vec<Observation>,
) -> Result<(), Fault> {
    let parsed: Vec<Result<Observation, Fault>> =
        chunk.par_iter().map(|(id, text)| decode(text).map_err(|reason| bad(*id, reason))).collect();
    chunk.clear();
    for observation in parsed {
        let mut observation = observation?;
        texts.share(&mut observation);
        into.push(observation);
    }
    Ok(())
}

/// Texts that many observations have in common, kept once.
#[derive(Default)]
struct Texts {
    rows: HashSet<RowId>,
    texts: HashSet<Arc<str>>,
}

impl Texts {
    fn share(&mut self, observation: &mut Observation) {
        match self.rows.get(&observation.row_id) {
            Some(known) => observation.row_id = known.clone(),
            None => {
                self.rows.insert(observation.row_id.clone());
            }
        }
        self.text(&mut observation.vantage);
        for text in [&mut observation.name, &mut observation.sni].into_iter().flatten() {
            self.text(text);
        }
        if let Some(tls) = &mut observation.tls {
            self.text(&mut tls.cipher);
        }
    }

    fn text(&mut self, text: &mut Arc<str>) {
        match self.texts.get(text) {
            Some(known) => *text = known.clone(),
            None => {
                self.texts.insert(text.clone());
            }
        }
    }
}
