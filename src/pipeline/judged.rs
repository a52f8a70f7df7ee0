//! The incident as it is judged now: evidence read once, assessed against one disclosure.
//! Everything that is shown or exported after a sweep starts here.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    path::Path,
    sync::Arc,
};

use crate::{
    assess::{self, BuildIds},
    classify,
    config::Found,
    disclosure::Catalogue,
    error::Error,
    model::{
        assessment::{Assessment, Change, ServiceAssessment},
        checklist::Line,
        disclosure::Disclosure,
        host::HostState,
        ids::{RowId, SweepId},
        observation::Observation,
        policy::Policy,
        service::Declared,
        sweep::Evidence,
        time::Timestamp,
    },
    pipeline::{catalogue, edits, hosts, source::settings_of},
    remediate::{self, Types},
    report::{self, View},
    store::Reader,
};

/// Evidence and what follows from it.
#[derive(Debug)]
pub struct Judged {
    /// Everything the incident file holds, with the secrets that services of a type always hold.
    pub evidence: Evidence,
    /// What people declared about each service, before rules filled what they left open.
    pub declared: Vec<Arc<Declared>>,
    /// What follows from it.
    pub assessment: Assessment,
    /// The hosts as they stand, by name.
    pub hosts: Vec<HostState>,
    /// The kinds of services and secrets, with the user's own.
    pub types: Cow<'static, Types>,
}

/// What decides how evidence is judged.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// A disclosure by id or alias; absent: the one that the incident began with.
    pub disclosure: Option<String>,
    /// Rules from a configuration file; absent: those of the last sweep.
    pub policy: Option<Policy>,
    /// Disclosures that take the place of the catalogue's of the same id: those of a bundle.
    pub disclosures: Vec<Disclosure>,
}

/// Reads the incident file. The policy in force says which kinds of services and secrets there are.
pub fn evidence(incident: &Path, choice: &Choice) -> Result<Read, Error> {
    let reader = Reader::open(incident)?;
    let mut evidence = reader.evidence()?;
    sound(&reader, &evidence, incident)?;
    let policy = policy(&evidence, choice)?;
    let types = types(&policy)?;
    let edits = reader.edits()?;
    let edits = edits::apply(&mut evidence, &edits);
    let declared = evidence.services.iter().map(|service| Arc::clone(&service.declared)).collect();
    classify::fill(&mut evidence.services, &policy);
    let implied = remediate::implied_secrets(&evidence.services, &evidence.secrets, &types);
    evidence.secrets.extend(implied);
    edits.own(&mut evidence.secrets);
    let mut catalogue = catalogue::of_reader(&reader)?;
    for disclosure in &choice.disclosures {
        catalogue.replace(disclosure.clone());
    }
    let about = catalogue::Packages::of(&catalogue);
    let gathered = hosts::gather(&reader, incident, |package| about.holds(package))?;
    evidence.hosts = gathered.documents;
    Ok(Read { evidence, declared, hosts: gathered.states, catalogue, types })
}

/// An incident file, read.
#[derive(Debug)]
pub struct Read {
    /// Everything that it holds.
    pub evidence: Evidence,
    /// What people declared about each service, before rules filled what they left open.
    pub declared: Vec<Arc<Declared>>,
    /// The hosts as they stand, by name.
    pub hosts: Vec<HostState>,
    /// The built-in disclosures, and those that were taken in.
    pub catalogue: Catalogue,
    /// The kinds of services and secrets, with the user's own.
    pub types: Cow<'static, Types>,
}

/// The kinds of services and secrets under a policy. That the rows of a configuration file can be used was seen when
/// it was read ([`check_types`]); those of a stored sweep come from another release where they cannot.
fn types(policy: &Policy) -> Result<Cow<'static, Types>, Error> {
    Types::with(policy).map_err(|e| Error::Input(format!("the policy of the last sweep: {e}")))
}

/// Whether the kinds of services and secrets that a configuration adds can be used.
pub fn check_types(found: &Found) -> Result<(), Error> {
    let place = || found.path.as_ref().map_or_else(String::new, |p| format!("{}: ", p.display()));
    Types::with(&found.config.policy).map(drop).map_err(|e| Error::Input(format!("{}{e}", place())))
}

/// Whether the evidence is what was recorded. Nothing is concluded from a file that somebody edited: a row
/// turned green by hand would be believed.
fn sound(reader: &Reader, evidence: &Evidence, incident: &Path) -> Result<(), Error> {
    sound_chain(reader, incident)?;
    let known: HashSet<&RowId> = evidence.services.iter().map(|s| &s.row_id).collect();
    match evidence.observations.iter().find(|o| !known.contains(&o.row_id)) {
        None => Ok(()),
        Some(orphan) => Err(Error::Tampered {
            path: incident.to_path_buf(),
            what: format!("service {} has evidence and is not listed any more", orphan.row_id),
        }),
    }
}

/// Whether the chain over the evidence holds.
pub(super) fn sound_chain(reader: &Reader, incident: &Path) -> Result<(), Error> {
    let chain = reader.check_chain()?;
    let Some(row) = chain.broken_at else { return Ok(()) };
    let why = chain.fault.unwrap_or("it does not fit its hash");
    Err(Error::Tampered { path: incident.to_path_buf(), what: format!("evidence row {row}: {why}") })
}

/// Reads the incident file and judges it.
pub fn load(incident: &Path, choice: &Choice, now: Timestamp) -> Result<Judged, Error> {
    let read = evidence(incident, choice)?;
    let first = read.evidence.incident.disclosures.first().map(String::as_str);
    let disclosure = catalogue::chosen(&read.catalogue, choice.disclosure.as_deref(), first)?;
    let policy = policy(&read.evidence, choice)?;
    let assessment = assess::assess(&read.evidence, &disclosure, &policy, now);
    let Read { evidence, declared, hosts, types, .. } = read;
    Ok(Judged { evidence, declared, assessment, hosts, types })
}

/// Judges what was read against one more disclosure.
pub fn against(
    read: &Read,
    builds: &BuildIds,
    disclosure: &Disclosure,
    choice: &Choice,
    now: Timestamp,
) -> Result<Assessment, Error> {
    Ok(assess::assess_beside(&read.evidence, builds, disclosure, &policy(&read.evidence, choice)?, now))
}

fn policy(evidence: &Evidence, choice: &Choice) -> Result<Policy, Error> {
    if let Some(policy) = &choice.policy {
        return Ok(policy.clone());
    }
    // The rules of a file that was merged are its own.
    let own = evidence.sweeps.iter().rfind(|sweep| sweep.origin.is_none());
    own.map_or_else(|| Ok(Policy::default()), |sweep| Ok(settings_of(sweep)?.policy))
}

impl Judged {
    /// What changed between the sweep before `since` and now; without `since`, between the last two.
    pub fn changes(&self, since: Option<SweepId>) -> Vec<Change> {
        let sweeps = &self.evidence.sweeps;
        let last_before = match since {
            Some(since) => sweeps.iter().take_while(|s| s.id != since).last().map(|s| s.id),
            None => sweeps.iter().rev().nth(1).map(|s| s.id),
        };
        let a = &self.assessment;
        let before =
            last_before.map(|id| assess::assess_as_of(&self.evidence, &a.disclosure, &a.policy, a.now, id));
        assess::changes(before.as_ref(), a)
    }

    /// The checklist's lines for the whole fleet.
    pub fn lines(&self) -> Vec<Line> {
        remediate::checklist(&self.evidence, &self.assessment, &self.types)
    }

    /// Lends what reports are views of.
    pub fn view<T>(&self, changes: &[Change], f: impl FnOnce(&View<'_>) -> T) -> T {
        let judge = |observation: &Observation| assess::judge(observation, &self.assessment.disclosure);
        let judged = [report::Judged { assessment: &self.assessment, judge: &judge, changes }];
        f(&View::new(&self.evidence, &judged))
    }

    /// Every service's conclusion by its row id.
    pub fn by_row(&self) -> HashMap<&RowId, &ServiceAssessment> {
        self.assessment.services.iter().map(|s| (&s.row_id, s)).collect()
    }
}
