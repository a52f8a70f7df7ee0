//! The blast radius of a key: everything that serves or served it, its certificates, whose they are, what its
//! revocation waits for, and what changes if it is not one key any more.
//!
//! The rule behind all of it: a new key on an endpoint that still leaks is burnt. A new key that is shared waits for
//! the restart of everything that gets it, as the line `B1` of a shared key does; one of its own waits only for its
//! own. The old certificates are revoked once, when every endpoint has left the old key, however the new ones are cut.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    exposed::{rekey_id, revoke_id},
    fleet::{Fleet, leaked, vulnerable},
    keys::{Names, exposed},
};
use crate::model::{
    assessment::{KeyAssessment, KeyEndpoint, KeyExposure, OldCertificate},
    facet::{FacetKind, State},
    ids::{RowId, Sha256, Spki},
    plan::{Blast, BlastCertificate, BlastEndpoint, Part, Revoke, Split, Step},
};

/// What all keys are looked up in.
struct Index<'a> {
    fleet: &'a Fleet<'a>,
    steps: &'a [Step],
    names: Names,
    places: BTreeMap<&'a str, usize>,
    /// The steps about each service.
    about: BTreeMap<&'a RowId, Vec<usize>>,
}

/// Every key that was in reach and is still served or has a certificate that is neither revoked nor expired; those
/// that are served first, the widest of them first. `first`: what each step waits for.
pub(super) fn blasts(fleet: &Fleet<'_>, steps: &[Step], first: &[BTreeSet<usize>]) -> Vec<Blast> {
    let index = Index::new(fleet, steps);
    let keys = exposed(fleet).into_iter().filter(|key| owed(fleet, key));
    let mut blasts: Vec<Blast> = keys
        .map(|key| {
            let mut blast = index.blast(key);
            let waits = blast.rekey.and_then(|at| first.get(at));
            blast.split = waits.and_then(|waits| index.split(&blast, waits));
            blast
        })
        .filter(|blast| {
            let stands = |c: &BlastCertificate| !c.revoked && !c.expired;
            !blast.revoke.blocked_by.is_empty() || blast.certificates.iter().any(stands)
        })
        .collect();
    blasts.sort_by_cached_key(|blast| {
        let served = blast.revoke.blocked_by.len();
        (served == 0, usize::MAX - served, usize::MAX - blast.endpoints.len(), blast.spki)
    });
    blasts
}

/// One key, whatever became of it, without what a split would change.
pub(super) fn of(fleet: &Fleet<'_>, steps: &[Step], spki: Spki) -> Option<Blast> {
    let key = fleet.assessment.keys.iter().find(|key| key.spki == spki)?;
    Some(Index::new(fleet, steps).blast(key))
}

/// Whether the disclosure reaches keys, on any service of this one.
fn owed(fleet: &Fleet<'_>, key: &KeyAssessment) -> bool {
    let rows: Vec<RowId> = key.endpoints.iter().map(|e| e.row_id.clone()).collect();
    fleet.owed_by_any(&rows, FacetKind::Rekeyed)
}

/// Whose part it is, in the order of the parts: those without an owner last.
type Who = (bool, Option<String>, Option<RowId>);

impl<'a> Index<'a> {
    fn new(fleet: &'a Fleet<'a>, steps: &'a [Step]) -> Self {
        let mut about: BTreeMap<&RowId, Vec<usize>> = BTreeMap::new();
        for (at, step) in steps.iter().enumerate() {
            for row in &step.line.services {
                about.entry(row).or_default().push(at);
            }
        }
        Self {
            fleet,
            steps,
            names: Names::new(&exposed(fleet)),
            places: steps.iter().map(|step| step.line.id.as_str()).zip(0..).collect(),
            about,
        }
    }

    fn blast(&self, key: &KeyAssessment) -> Blast {
        let mut endpoints: Vec<BlastEndpoint> = key.endpoints.iter().map(|e| self.endpoint(e)).collect();
        endpoints.sort_by(|a, b| {
            (&a.name, a.port, a.address, &a.row_id).cmp(&(&b.name, b.port, b.address, &b.row_id))
        });
        let owners: BTreeSet<(bool, Option<String>)> =
            endpoints.iter().map(|e| (e.owner.is_none(), e.owner.clone())).collect();
        let services: BTreeSet<&RowId> = endpoints.iter().map(|e| &e.row_id).collect();
        let services = services.len();
        let name = self.names.of(key.spki);
        let step = |id: String| {
            let at = self.places.get(id.as_str()).copied();
            at.filter(|_| key.exposure != KeyExposure::Clean)
        };
        let revoke = step(revoke_id(&name));
        let waits = revoke.and_then(|at| self.steps.get(at)).map_or_else(Vec::new, |s| s.waits.clone());
        // What is gone serves nothing any more, whatever its last look saw.
        let serves = |e: &BlastEndpoint| e.serves_now && e.state != Some(State::Decommissioned);
        let blocked_by = endpoints.iter().enumerate().filter(|(_, e)| serves(e)).map(|(i, _)| i).collect();
        Blast {
            spki: key.spki,
            exposure: key.exposure,
            exposed_at: key.exposed_at,
            certificates: self.certificates(key),
            owners: owners.into_iter().map(|(_, owner)| owner).collect(),
            services,
            rekey: step(rekey_id(&name)),
            revoke: Revoke { step: revoke, blocked_by, waits },
            split: None,
            endpoints,
        }
    }

    fn endpoint(&self, endpoint: &KeyEndpoint) -> BlastEndpoint {
        let row = &endpoint.row_id;
        let judged = self.fleet.assessment_of(row);
        BlastEndpoint {
            row_id: row.clone(),
            name: self.fleet.name(row),
            address: endpoint.address,
            port: endpoint.port,
            owner: self.fleet.owner(row).map(str::to_owned),
            state: judged.map(|s| s.state),
            serves_now: endpoint.serves_now,
            leaked: judged.is_some_and(leaked),
            leaks_now: judged.is_some_and(vulnerable),
        }
    }

    fn certificates(&self, key: &KeyAssessment) -> Vec<BlastCertificate> {
        let judged = key.endpoints.iter().filter_map(|e| self.fleet.assessment_of(&e.row_id));
        let old: BTreeMap<Sha256, &OldCertificate> =
            judged.flat_map(|s| &s.old_certificates).map(|o| (o.certificate.sha256, o)).collect();
        let now = self.fleet.assessment.now;
        let mut out: Vec<BlastCertificate> = key
            .certificates
            .iter()
            .map(|c| {
                let known = old.get(&c.sha256);
                BlastCertificate {
                    sha256: c.sha256,
                    subject: c.subject.clone(),
                    serial: c.serial.clone(),
                    issuer: c.issuer.clone(),
                    not_after: c.not_after,
                    revoked: known.is_some_and(|o| o.revoked),
                    expired: known.is_some_and(|o| o.expired) || c.not_after.is_some_and(|t| t < now),
                    reissued: key.reissued.contains(&c.sha256),
                }
            })
            .collect();
        out.sort_by(|a, b| (&a.serial, a.sha256).cmp(&(&b.serial, b.sha256)));
        out
    }

    /// What a new key waits for, cut in three ways. `first`: what the line of the shared key waits for.
    fn split(&self, blast: &Blast, first: &BTreeSet<usize>) -> Option<Split> {
        let serving: Vec<&BlastEndpoint> = blast.blockers().collect();
        if serving.is_empty() {
            return None;
        }
        let cut = |who: &dyn Fn(&BlastEndpoint) -> Who| {
            let mut parts: BTreeMap<_, Vec<&BlastEndpoint>> = BTreeMap::new();
            for endpoint in &serving {
                parts.entry(who(endpoint)).or_default().push(*endpoint);
            }
            let part = |((_, who, _), on): (_, Vec<&BlastEndpoint>)| self.part(who, &on, first);
            parts.into_iter().map(part).collect::<Vec<Part>>()
        };
        let owners = cut(&|e| (e.owner.is_none(), e.owner.clone(), None));
        let services = cut(&|e| (false, Some(e.name.clone()), Some(e.row_id.clone())));
        let mut shared = self.part(None, &serving, first);
        shared.waits = first.iter().copied().collect();
        shared.wave = self.after(&shared.waits);
        if let [only] = owners.as_slice() {
            shared.who.clone_from(&only.who);
        }
        Some(Split { shared, owners, services })
    }

    fn part(&self, who: Option<String>, on: &[&BlastEndpoint], first: &BTreeSet<usize>) -> Part {
        let rows: BTreeSet<&RowId> = on.iter().map(|e| &e.row_id).collect();
        let waits: BTreeSet<usize> = rows
            .iter()
            .filter_map(|row| self.about.get(row))
            .flatten()
            .copied()
            .filter(|at| first.contains(at))
            .collect();
        let waits: Vec<usize> = waits.into_iter().collect();
        Part { who, services: rows.len(), endpoints: on.len(), wave: self.after(&waits), waits }
    }

    /// The wave after the last of some steps.
    fn after(&self, waits: &[usize]) -> usize {
        waits.iter().filter_map(|at| self.steps.get(*at)?.wave).max().map_or(1, |wave| wave + 1)
    }
}
