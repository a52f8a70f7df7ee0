//! Takes in what another vantage saw: the evidence of a bundle becomes evidence here, under sweeps of its own.
//!
//! Nothing is judged over there: observations come as they were seen, and are judged here with all others. What is here
//! already is not taken twice, whether the same bundle comes again, a later one of the same file, or the merge was cut
//! off in between. Owners, tickets and notes of a service that is known here stay as they are here.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::Serialize;

use super::{bundle, edits, judged};
use crate::{
    clock::Clock,
    error::Error,
    model::{
        claim::Claim,
        ids::{RowId, Sha256, SweepId},
        merge::Merge,
        observation::Observation,
        secret::Secret,
        service::Service,
        sweep::{Evidence, Sweep, SweepState},
    },
    store::{NewSweep, Reader, Store},
};

/// Observations of one transaction.
const BATCH: usize = 4096;

/// What a merge came to. Counts are of what is new here.
#[derive(Debug, Default)]
pub struct Merged {
    /// The other incident's name.
    pub incident: String,
    /// Its sweeps, under their numbers there and here.
    pub sweeps: Vec<(SweepId, SweepId)>,
    /// Services that were not known here.
    pub services: u64,
    /// Services that were, and whose declarations here stay.
    pub known: u64,
    /// Looks at endpoints.
    pub observations: u64,
    /// People's words.
    pub claims: u64,
    /// Documents of hosts.
    pub hosts: u64,
    /// Answers of authorities, checks of secrets, certificates of authorities, disclosures.
    pub others: u64,
    /// What a reader must know.
    pub notes: Vec<String>,
}

impl Merged {
    /// Whether everything was here already.
    pub const fn is_empty(&self) -> bool {
        self.services + self.observations + self.claims + self.hosts + self.others == 0
            && self.sweeps.is_empty()
    }
}

/// Merges a bundle into an incident file, which is made where there is none.
pub fn merge(incident: &Path, path: &Path, ask: &bundle::Ask<'_>, clock: &Clock) -> Result<Merged, Error> {
    let folder = bundle::scratch()?;
    let file = folder.path().join("incident.db");
    let signer = bundle::restore(path, ask, &file)?;
    let theirs = Reader::open(&file)?;
    judged::sound_chain(&theirs, path)?;
    let Some(origin) = theirs.origin()? else {
        return Err(Error::Input(format!("{} holds no evidence", path.display())));
    };
    let mut evidence = theirs.evidence()?;
    edits::apply(&mut evidence, &theirs.edits()?); // claims that an undone import had brought do not count
    let store = Store::create_or_open(incident, clock.now(), None)?;
    let ours = store.reader()?;
    judged::sound_chain(&ours, incident)?;
    if ours.origin()? == Some(origin) {
        return Err(Error::Input(format!(
            "{} is a bundle of this very incident file, or of a copy of it: there is nothing to merge",
            path.display()
        )));
    }
    let mut work = Work {
        earlier: None,
        counted: BTreeSet::new(),
        has: Has::of(&ours, origin)?,
        merged: Merged { incident: evidence.incident.name.clone(), ..Merged::default() },
        store,
        ours,
        origin,
    };
    work.same_history(&theirs, path)?;
    if signer.is_none() {
        work.merged
            .notes
            .push("the bundle is not signed: anybody may have made it, and its claims count here".to_owned());
    }
    if !work.has.sweeps.iter().any(|sweep| sweep.origin.is_none()) {
        work.merged.notes.push(
            "its policy and its disclosure are not taken over: this file is judged by allclear.toml or the built-in rules, and --disclosure"
                .to_owned(),
        );
    }
    let names = work.vantages(&evidence);
    let (numbers, after) = work.sweeps(&theirs, &evidence, &names)?;
    work.observations(&evidence, &numbers, &names)?;
    work.ends(&evidence, &numbers)?;
    work.words(&evidence, &after)?;
    work.rest(&theirs, &evidence, &after)?;
    if !work.merged.is_empty() || work.has.merges.is_empty() {
        work.store.append_merge(Merge {
            at: clock.now(),
            origin,
            incident: evidence.incident.name.clone(),
            rows: evidence.incident.evidence_rows,
            head: evidence.incident.chain_head,
            signed_by: signer.map(|key| key.to_string()),
            sweeps: numbers.into_iter().collect(),
        })?;
    }
    Ok(work.merged)
}

/// What is here before.
struct Has {
    merges: Vec<Merge>,
    sweeps: Vec<Sweep>,
    services: BTreeMap<RowId, Service>,
    secrets: BTreeSet<String>,
    /// Looks of the sweeps that came from there, as text.
    looks: HashSet<String>,
    /// Everything else that is compared as text.
    texts: HashSet<String>,
}

fn text(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// A claim as it is compared: a word that went out and comes back is the same word, whatever brought it.
fn said(claim: &Claim) -> String {
    text(&Claim { import: None, repeats: None, after_sweep: None, ..claim.clone() })
}

impl Has {
    fn of(ours: &Reader, origin: Sha256) -> Result<Self, Error> {
        let evidence = ours.evidence()?;
        let merges = ours.merges()?.into_iter().filter(|m| m.origin == origin).collect();
        let from_there: BTreeSet<SweepId> =
            evidence.sweeps.iter().filter(|s| s.origin == Some(origin)).map(|s| s.id).collect();
        let looks =
            evidence.observations.iter().filter(|o| from_there.contains(&o.sweep)).map(text).collect();
        let mut texts: HashSet<String> = HashSet::new();
        texts.extend(ours.hosts()?.iter().map(text));
        texts.extend(ours.issuers()?.iter().map(|i| i.certificate.to_string()));
        texts.extend(ours.disclosures()?.iter().map(|d| text(&d.disclosure)));
        texts.extend(evidence.revocations.iter().map(text));
        texts.extend(evidence.checks.iter().map(text));
        texts.extend(evidence.claims.iter().map(said));
        Ok(Self {
            merges,
            sweeps: evidence.sweeps,
            services: evidence.services.into_iter().map(|s| (s.row_id.clone(), s)).collect(),
            secrets: evidence.secrets.into_iter().map(|s| s.id).collect(),
            looks,
            texts,
        })
    }
}

struct Work {
    /// Their services that were counted.
    counted: BTreeSet<RowId>,
    /// Set for a bundle that must hold nothing new.
    earlier: Option<PathBuf>,
    store: Store,
    ours: Reader,
    origin: Sha256,
    has: Has,
    merged: Merged,
}

/// The numbers of sweeps there and here.
type Numbers = BTreeMap<SweepId, SweepId>;

impl Work {
    /// Whether the other file is the one that was merged before, and has only grown.
    fn same_history(&mut self, theirs: &Reader, path: &Path) -> Result<(), Error> {
        let rows = theirs.incident()?.evidence_rows;
        self.earlier = self.has.merges.last().filter(|last| rows < last.rows).map(|_| path.to_path_buf());
        for merge in self.has.merges.iter().filter(|merge| merge.rows <= rows) {
            if theirs.hash_of(merge.rows)? != Some(merge.head) {
                let what = format!(
                    "row {} is another than when this incident was merged on {}",
                    merge.rows,
                    merge.at.short()
                );
                return Err(Error::Tampered { path: path.to_path_buf(), what });
            }
        }
        Ok(())
    }

    /// A bundle with fewer rows than one that was merged is an earlier one, and has nothing that is not here; else it is
    /// of a history that went another way.
    fn may_be_new(&self) -> Result<(), Error> {
        match &self.earlier {
            None => Ok(()),
            Some(path) => Err(Error::Tampered {
                path: path.clone(),
                what: "it is shorter than what was merged of this incident, and holds other evidence"
                    .to_owned(),
            }),
        }
    }

    /// What their vantages are called here: never as one of our own, whatever either side calls its own next, and at
    /// every merge the same.
    fn vantages(&self, evidence: &Evidence) -> BTreeMap<Arc<str>, Arc<str>> {
        let incident = &evidence.incident.name;
        let named = evidence.sweeps.iter().map(|s| &s.vantage);
        let all = named.chain(evidence.observations.iter().map(|o| &o.vantage));
        let here =
            |there: &Arc<str>| -> Arc<str> { format!("{there}@{incident}#{}", self.origin.short()).into() };
        all.map(|there| (there.clone(), here(there))).collect()
    }

    /// Their sweeps begun here: the numbers of those whose looks come in, and for each of theirs the one after which
    /// what was said after it is said here.
    fn sweeps(
        &mut self,
        theirs: &Reader,
        evidence: &Evidence,
        names: &BTreeMap<Arc<str>, Arc<str>>,
    ) -> Result<(Numbers, Numbers), Error> {
        let (mut numbers, mut after, mut last) = (Numbers::new(), Numbers::new(), None);
        for sweep in &evidence.sweeps {
            if let Some(third) = sweep.origin {
                // Its looks come with its own bundle; what was said after it is still said after something.
                let own = self.ours.origin()? == Some(third);
                let is_here = |s: &&Sweep| {
                    s.started_at == sweep.started_at
                        && if own { s.origin.is_none() } else { s.origin == Some(third) }
                };
                match (self.has.sweeps.iter().find(is_here).map(|s| s.id), last) {
                    (Some(here), _) | (None, Some(here)) => _ = after.insert(sweep.id, here),
                    (None, None) => {}
                }
                if !own && !self.has.sweeps.iter().any(|s| s.origin == Some(third)) {
                    self.merged.notes.push(format!(
                        "sweep {} there was merged from a third file: take that file's own bundle as well",
                        sweep.id
                    ));
                }
                continue;
            }
            let same = |s: &&Sweep| s.origin == Some(self.origin) && s.started_at == sweep.started_at;
            // Sweeps that began at one moment are told apart by their order, which is that of the file.
            let nth = evidence
                .sweeps
                .iter()
                .filter(|s| s.started_at == sweep.started_at && s.id < sweep.id)
                .count();
            let here = if let Some(known) = self.has.sweeps.iter().filter(same).nth(nth) {
                known.id
            } else {
                self.may_be_new()?;
                let number = self.store.begin_sweep(&begun(sweep, self.origin, names))?;
                self.merged.sweeps.push((sweep.id, number));
                number
            };
            numbers.insert(sweep.id, here);
            after.insert(sweep.id, here);
            last = Some(here);
            // A merge that was cut off may have begun the sweep and not listed its services.
            if self.ours.listed(here)? < sweep.services {
                let services = self.services(theirs, sweep.id)?;
                self.store.put_services(here, &mut services.iter())?;
            }
            if let Some(first) = numbers.values().next().filter(|_| numbers.len() == 1) {
                let new: Vec<Secret> =
                    evidence.secrets.iter().filter(|s| !self.has.secrets.contains(&s.id)).cloned().collect();
                self.store.put_secrets(*first, &new)?;
            }
        }
        Ok((numbers, after))
    }

    /// The services of one of their sweeps, as they are declared here where they are known.
    fn services(&mut self, theirs: &Reader, sweep: SweepId) -> Result<Vec<Service>, Error> {
        let mut all = Vec::new();
        theirs.for_each_service(sweep, |service| {
            let known = self.has.services.get(&service.row_id);
            if self.counted.insert(service.row_id.clone()) {
                self.merged.known += u64::from(known.is_some());
                self.merged.services += u64::from(known.is_none());
                let other = |here: &&Service| here.name != service.name && here.name.is_some();
                if let Some(here) = known.filter(other) {
                    self.merged.notes.push(format!(
                        "row {} is {} here and {} there: they count as one service; where they are two, give one another id",
                        service.row_id,
                        here.display_port(),
                        service.display_port()
                    ));
                }
            }
            let service = known.cloned().unwrap_or(service);
            self.has.services.insert(service.row_id.clone(), service.clone());
            all.push(service);
            ControlFlow::Continue(())
        })?;
        Ok(all)
    }

    fn observations(
        &mut self,
        evidence: &Evidence,
        numbers: &Numbers,
        names: &BTreeMap<Arc<str>, Arc<str>>,
    ) -> Result<(), Error> {
        let mut batch: Vec<Observation> = Vec::with_capacity(BATCH);
        for seen in &evidence.observations {
            let Some(sweep) = numbers.get(&seen.sweep) else { continue };
            let vantage = names.get(&seen.vantage).cloned().unwrap_or_else(|| seen.vantage.clone());
            let seen = Observation { sweep: *sweep, vantage, ..seen.clone() };
            if self.has.looks.insert(text(&seen)) {
                batch.push(seen);
            }
            if batch.len() == BATCH {
                self.put(&mut batch)?;
            }
        }
        self.put(&mut batch)
    }

    fn put(&mut self, batch: &mut Vec<Observation>) -> Result<(), Error> {
        if !batch.is_empty() {
            self.may_be_new()?;
        }
        self.store.append_observations(batch)?;
        self.merged.observations += batch.len() as u64;
        batch.clear();
        Ok(())
    }

    /// How their sweeps came out, where that is not known here yet.
    fn ends(&mut self, evidence: &Evidence, numbers: &Numbers) -> Result<(), Error> {
        let here: BTreeMap<SweepId, Sweep> = self.ours.sweeps()?.into_iter().map(|s| (s.id, s)).collect();
        for sweep in &evidence.sweeps {
            let Some(known) = numbers.get(&sweep.id).and_then(|id| here.get(id)) else { continue };
            let at = sweep.finished_at.unwrap_or(sweep.started_at);
            if let Some(passed) = sweep.calibrated.filter(|_| known.calibrated.is_none()) {
                self.store.record_calibration(known.id, passed, at)?;
            }
            // One that still runs there is one that was cut off, as far as can be told from here.
            let state =
                if sweep.state == SweepState::Running { SweepState::Interrupted } else { sweep.state };
            if known.state != state {
                self.store.finish_sweep(known.id, state, at)?;
            }
        }
        Ok(())
    }

    fn words(&mut self, evidence: &Evidence, numbers: &Numbers) -> Result<(), Error> {
        let here = |claim: &Claim| Claim {
            after_sweep: claim.after_sweep.and_then(|s| numbers.get(&s).copied()),
            // Imports are counted in each file, and are undone where they were made.
            import: None,
            repeats: None,
            ..claim.clone()
        };
        let new = self.new_ones(evidence.claims.iter().map(here).collect(), said);
        self.merged.claims += new.len() as u64;
        self.store.append_claims(&new)?;
        Ok(())
    }

    fn rest(&mut self, theirs: &Reader, evidence: &Evidence, numbers: &Numbers) -> Result<(), Error> {
        let hosts = self.new_ones(theirs.hosts()?, text);
        self.merged.hosts += hosts.len() as u64;
        self.store.append_hosts(&hosts)?;
        let issuers = self.new_ones(theirs.issuers()?, |i| i.certificate.to_string());
        let disclosures = self.new_ones(theirs.disclosures()?, |d| text(&d.disclosure));
        let revocations = self.new_ones(evidence.revocations.clone(), text);
        let mut checks = evidence.checks.clone();
        for check in &mut checks {
            check.after_sweep = check.after_sweep.and_then(|s| numbers.get(&s).copied());
        }
        let checks = self.new_ones(checks, text);
        self.merged.others += (issuers.len() + disclosures.len() + revocations.len() + checks.len()) as u64;
        self.store.append_issuers(&issuers)?;
        self.store.append_disclosures(&disclosures)?;
        self.store.append_revocations(&revocations)?;
        self.store.append_checks(&checks)?;
        Ok(())
    }

    fn new_ones<T>(&mut self, all: Vec<T>, name: impl Fn(&T) -> String) -> Vec<T> {
        all.into_iter().filter(|one| self.has.texts.insert(name(one))).collect()
    }
}

fn begun(sweep: &Sweep, origin: Sha256, names: &BTreeMap<Arc<str>, Arc<str>>) -> NewSweep {
    NewSweep {
        origin: Some(origin),
        started_at: sweep.started_at,
        vantage: names.get(&sweep.vantage).cloned().unwrap_or_else(|| sweep.vantage.clone()),
        tool: sweep.tool.clone(),
        command_line: sweep.command_line.clone(),
        settings: sweep.settings.clone(),
        inventory: sweep.inventory,
        services: sweep.services,
        bad_rows: sweep.bad_rows,
        disclosures: Vec::new(), // which disclosures the incident is about, its own sweeps say
    }
}
