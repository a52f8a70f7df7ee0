//! Rules: from evidence and a disclosure to verdicts, facets and states. Pure.
//!
//! No I/O, no clock, no order of hash tables: the same evidence, policy and time give the same answer
//! anywhere. What the answer looks like to a reader is `report`'s; what to do about secrets, line by
//! line, is `remediate`'s.
//!
//! Decisions that the rest rests on:
//!
//! - **After** means a later sweep, or a later time in the same one; a tie is not after. A claim stands
//!   after the last sweep that had begun when it was recorded.
//! - An **endpoint** is a service at an address from a vantage, and its last look decides it. A name
//!   without an address speaks of every endpoint behind it: the service is unknown, and the old
//!   addresses are not clean. An address that a later finished sweep from the same vantage no longer
//!   finds keeps a bad last look until a look or a claim that it is decommissioned removes it; a clean
//!   one holds nothing up; an unknown one does only where it was ever bad.
//! - A **key** is exposed when it was seen on an address and port not after a vulnerable look there,
//!   whatever row or SNI showed it. Exposure has a date, so any earlier day can be asked about.
//! - A **claim** counts for what it says only where no bad look came after it. Until the next look,
//!   `claimed` is the most that a claim makes of a facet that the last look saw red.
//! - `verified` needs a look at every endpoint in a later sweep than the moment each other facet came to
//!   be done; for what a person attests that is when it was recorded, so that no claim alone, however
//!   dated, verifies anything.
//! - A **host's document** is a look beside those of the network, at the address that leads to the host. Where the
//!   network has a verdict that stands, that one counts; a host that says later that the hole is there makes the
//!   address unknown until the next look of the network, and what contradicts stands in the entry (`beside.rs`).
//!   Where the network cannot tell, the host decides. "Later" for hosts is a later document.
//! - `regressed` needs an earlier sweep at whose end every endpoint was clean, or every key at risk left.
//!
//! The order of states, and the three words on it, stand in `state.rs`.

mod beside;
mod claims;
mod facets;
mod findings;
mod gate;
mod heartbleed;
mod history;
mod hosts;
mod index;
mod invariants;
mod join;
mod keys;
mod keys_seen;
mod leads;
mod next;
mod picture;
mod probed;
mod regressions;
mod revocations;
mod secrets;
mod service;
mod shown;
mod state;
mod verdict;

use rayon::prelude::*;

use crate::model::{
    assessment::{Assessment, Coverage, ServiceAssessment},
    disclosure::Disclosure,
    facet::State,
    ids::SweepId,
    policy::Policy,
    sweep::{Evidence, HostDocument},
    time::Timestamp,
};

pub use gate::{changes, gate};
pub use hosts::{BuildIds, Judge, judge_copies};
pub use invariants::fuzz;
pub use shown::findings_of;
pub use verdict::{judge, needs_full_depth};

use index::{Index, Moment, NONE};

/// Judges all evidence against one disclosure. Waivers and certificates end by `now`.
///
/// One entry per service, in the order of the evidence; none is dropped, whatever is known of it.
pub fn assess(evidence: &Evidence, disclosure: &Disclosure, policy: &Policy, now: Timestamp) -> Assessment {
    run(evidence, &builds(&evidence.hosts), disclosure, policy, now, None)
}

/// The same for one disclosure of many: what the documents tell of builds was learned once.
pub fn assess_beside(
    evidence: &Evidence,
    builds: &BuildIds,
    disclosure: &Disclosure,
    policy: &Policy,
    now: Timestamp,
) -> Assessment {
    run(evidence, builds, disclosure, policy, now, None)
}

/// What all documents tell of builds.
pub fn builds(hosts: &[HostDocument]) -> BuildIds {
    let mut builds = BuildIds::default();
    for host in hosts {
        builds.learn(&host.document);
    }
    builds
}

/// The same as it stood when a sweep had ended and the next had brought nothing yet: observations of
/// sweeps up to `last`, and claims recorded before the first observation of a later sweep. Claims made
/// between two sweeps therefore belong to the earlier one. Services that were declared later are there
/// too, never looked at.
pub fn assess_as_of(
    evidence: &Evidence,
    disclosure: &Disclosure,
    policy: &Policy,
    now: Timestamp,
    last: SweepId,
) -> Assessment {
    run(evidence, &builds(&evidence.hosts), disclosure, policy, now, Some(last))
}

fn run(
    evidence: &Evidence,
    builds: &BuildIds,
    disclosure: &Disclosure,
    policy: &Policy,
    now: Timestamp,
    last: Option<SweepId>,
) -> Assessment {
    let hosts = join::join(evidence, builds, disclosure, last);
    let index = Index::new(evidence, disclosure, policy, &hosts, last);
    let keys = keys::Keys::new(&index);
    let services = evidence.services.len();
    let (lines, served): (Vec<secrets::Line>, Vec<Vec<keys::KeyPlace>>) =
        (0..services).into_par_iter().map(|service| secrets::Line::new(&index, &keys, service)).unzip();
    let mut served: Vec<keys::KeyPlace> = served.into_iter().flatten().collect();
    served.par_sort_unstable();
    let end = Moment::end_of(NONE);
    let statuses: Vec<secrets::Status<'_>> = (0..evidence.secrets.len())
        .into_par_iter()
        .map(|secret| secrets::status(&index, &keys, &lines, secret, end, now))
        .collect();
    let fleet = service::Fleet {
        index: &index,
        keys: &keys,
        lines: &lines,
        secrets: &statuses,
        served: &served,
        now,
    };
    let services: Vec<ServiceAssessment> =
        (0..services).into_par_iter().map(|service| fleet.assess(service)).collect();
    Assessment {
        disclosure: disclosure.clone(),
        policy: policy.clone(),
        now,
        sweep: index.last_sweep,
        coverage: coverage(&services),
        services,
        keys: keys.assessed(&index, &served),
        secrets: statuses
            .iter()
            .enumerate()
            .map(|(number, status)| secrets::assessed(&index, number, status))
            .collect(),
        foreign_bytes: index.looks.iter().map(|l| l.seen.foreign_bytes()).sum(),
    }
}

fn coverage(services: &[ServiceAssessment]) -> Coverage {
    Coverage {
        known: services.len() as u64,
        probed: services.iter().filter(|s| s.was_probed()).count() as u64,
        unknown: services.iter().filter(|s| s.state == State::Unknown).count() as u64,
    }
}

#[cfg(test)]
mod tests;
