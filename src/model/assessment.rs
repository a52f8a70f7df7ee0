//! What assessment concludes: one entry per service and disclosure, one per key, and the totals.
//! Reports are views of these values; they compute nothing of their own.

use std::{net::IpAddr, sync::Arc};

use super::{
    claim::Justification,
    disclosure::{Disclosure, DisclosureId},
    facet::{FacetKind, FacetValue, Facets, Regression, State},
    finding::Finding,
    ids::{RowId, Sha256, Spki, SweepId},
    joined::{Conflict, Graded, HostView},
    observation::Certificate,
    policy::{MinimumGrades, Policy},
    revocation::Revocation,
    served::Software,
    service::TlsStack,
    time::Timestamp,
    verdict::{Grade, Reason, Verdict},
    vocabulary,
};

/// Where one endpoint (service, address, vantage) stood at its last look.
#[derive(Clone, Debug, PartialEq)]
pub struct EndpointAssessment {
    /// The address; absent when the name had none.
    pub address: Option<IpAddr>,
    /// From where.
    pub vantage: Arc<str>,
    /// The sweep of the last look.
    pub sweep: SweepId,
    /// The time of the last look.
    pub at: Timestamp,
    /// Its verdict.
    pub verdict: Verdict,
    /// Why.
    pub reason: Reason,
    /// Attempts that came out vulnerable at the last look, and attempts made.
    pub vulnerable: u32,
    /// Attempts made at the last look.
    pub tried: u32,
    /// Keys served at the last look that saw any.
    pub keys: Vec<Spki>,
    /// Whether the last look belongs to the latest sweep that covered the service.
    pub current: bool,
}

/// A claim's short form for the tracker: what was said last and still stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandingClaim {
    /// What was said, such as `patched` or `decommissioned`.
    pub what: String,
    /// By whom.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Reference or note.
    pub reference: Option<String>,
    /// For a waiver, its end.
    pub until: Option<Timestamp>,
}

/// One service against one disclosure.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceAssessment {
    /// The service.
    pub row_id: RowId,
    /// The disclosure.
    pub disclosure: DisclosureId,
    /// The headline state.
    pub state: State,
    /// Since when it is in that state: the time of the evidence that brought it there.
    pub state_since: Option<Timestamp>,
    /// The worst verdict of its endpoints; absent when it was never looked at.
    pub verdict: Option<Verdict>,
    /// Its reason.
    pub reason: Option<Reason>,
    /// The six facets.
    pub facets: Facets,
    /// Every endpoint at its last look.
    pub endpoints: Vec<EndpointAssessment>,
    /// Keys that this service served while it, or whatever shared them, was bad or presumed so.
    pub spki_before: Vec<Spki>,
    /// Keys that it serves now.
    pub spki_now: Vec<Spki>,
    /// Other services that serve, or served when last seen, one of its exposed keys.
    pub key_shared_with: Vec<RowId>,
    /// The leaf certificate of the last look that saw one.
    pub certificate: Option<Certificate>,
    /// Certificates seen on exposed or presumed keys of this service, by digest, with what is known of them.
    pub old_certificates: Vec<OldCertificate>,
    /// What to do next, one sentence for a person.
    pub next_action: String,
    /// What must come first, each one sentence or an id.
    pub blocked_by: Vec<String>,
    /// What went backwards.
    pub regressions: Vec<Regression>,
    /// Things a reader must know, such as `reissued on the same key`; one sentence each.
    pub notes: Vec<String>,
    /// Clean on its first look and presumed to have leaked before.
    pub presumed: bool,
    /// The last bad observation of any endpoint.
    pub last_bad: Option<Timestamp>,
    /// The first clean look of all endpoints after it.
    pub first_good: Option<Timestamp>,
    /// The first observation.
    pub first_seen: Option<Timestamp>,
    /// The last observation.
    pub last_seen: Option<Timestamp>,
    /// Endpoints whose last look ended in a verdict: vulnerable, not vulnerable, or not applicable.
    pub probes_ok: u32,
    /// Endpoints in all.
    pub probes_total: u32,
    /// Linked secrets.
    pub secrets_total: u32,
    /// Linked secrets that are closed.
    pub secrets_done: u32,
    /// When it is due by policy.
    pub due: Option<Timestamp>,
    /// The last claim that stands.
    pub claim: Option<StandingClaim>,
    /// The waiver that stands, or has run out (R9).
    pub waiver: Option<StandingClaim>,
    /// A justification of not being affected.
    pub justification: Option<Justification>,
    /// What hosts say of it, each at its last word, by host and address.
    pub hosts: Vec<HostView>,
    /// Where network and host say opposite things.
    pub conflicts: Vec<Conflict>,
    /// How it comes by its TLS code, by the best evidence there is.
    pub linkage: Option<Graded<TlsStack>>,
    /// The version that decided, and what it was compared with, by the best evidence there is.
    pub version: Option<Graded<String>>,
    /// What is wrong with what it serves, apart from the disclosure, as its last looks showed it.
    pub findings: Vec<Finding>,
    /// Software that it named in banners at its last looks.
    pub software: Vec<Software>,
}

impl ServiceAssessment {
    /// The grade that is enough for a facet. A person's word with a reference (E1) is for revocation where no
    /// certificate names anybody who could be asked.
    pub fn minimum(&self, kind: FacetKind, policy: &MinimumGrades) -> Grade {
        let minimum = policy.of(kind);
        let nobody = !self.old_certificates.iter().any(|old| old.certificate.is_checkable());
        if kind == FacetKind::Revoked && nobody { minimum.min(Grade::E1) } else { minimum }
    }

    /// Whether nothing is owed on a facet. Once a service was verified its facets are, whatever their grades: the
    /// states before that do not look at grades.
    pub fn is_satisfied(&self, kind: FacetKind, policy: &MinimumGrades) -> bool {
        let facet = self.facets.get(kind);
        let accepted = match self.state {
            State::Verified => true,
            State::Stale => kind != FacetKind::Verified,
            _ => false,
        };
        (accepted && facet.value == FacetValue::Done) || facet.satisfied(self.minimum(kind, policy))
    }

    /// Whether the last sweep that looked for it contacted something, at any of its endpoints.
    pub fn was_probed(&self) -> bool {
        self.endpoints.iter().any(|e| e.current && e.verdict.is_probed(e.reason))
    }
}

/// A certificate on an exposed key.
#[derive(Clone, Debug, PartialEq)]
pub struct OldCertificate {
    /// The certificate.
    pub certificate: Certificate,
    /// Whether its time has run out.
    pub expired: bool,
    /// Whether its authority says that it is revoked, or somebody attested so after the last bad look and the authority
    /// has not vouched for it since.
    pub revoked: bool,
    /// The last check that could tell; where none could, the last one.
    pub check: Option<Revocation>,
}

vocabulary! {
    /// What became of a key.
    KeyExposure, "key exposure" {
        /// It was in the memory of an endpoint that was seen vulnerable.
        Exposed = "exposed",
        /// It was served by a service that is presumed to have leaked.
        Presumed = "presumed",
        /// Neither.
        Clean = "clean",
    }
}

/// One place that serves or served a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyEndpoint {
    /// The service.
    pub row_id: RowId,
    /// The address.
    pub address: Option<IpAddr>,
    /// The port.
    pub port: u16,
    /// Whether the last look that saw keys there saw this one.
    pub serves_now: bool,
}

/// One key, over everything that ever served it.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyAssessment {
    /// The key.
    pub spki: Spki,
    /// What became of it.
    pub exposure: KeyExposure,
    /// The last time it was in reach of the leak.
    pub exposed_at: Option<Timestamp>,
    /// First seen.
    pub first_seen: Timestamp,
    /// Last seen.
    pub last_seen: Timestamp,
    /// Every place that ever served it.
    pub endpoints: Vec<KeyEndpoint>,
    /// Every certificate that carried it.
    pub certificates: Vec<Certificate>,
    /// Certificates that were first seen on it after it was exposed: reissued on the same key.
    pub reissued: Vec<Sha256>,
}

/// Where one secret stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretAssessment {
    /// Its id.
    pub id: String,
    /// How far it has come; `too-early` when it was made before its last bad observation.
    pub state: super::secret::SecretState,
    /// Whether nothing more is owed.
    pub closed: bool,
    /// Whether any service on its path was ever exposed or presumed so: else nothing is owed.
    pub in_reach: bool,
    /// The last bad observation on its path.
    pub last_bad: Option<Timestamp>,
    /// The claim it rests on.
    pub claim: Option<StandingClaim>,
    /// Services on its path, or through which it is handed out, that still leak: it must wait for these.
    pub blocked_by: Vec<RowId>,
    /// What else was found of it.
    pub found: SecretFound,
}

/// What was found of one secret, beside where it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretFound {
    /// Why it stands there, for a reader; absent where the state says it all.
    pub why: Option<String>,
    /// How good the evidence is that closes it.
    pub grade: Option<Grade>,
    /// Services that leaked after the new one was made or handed out.
    pub too_early_by: Vec<RowId>,
    /// Services on its path that leaked or are presumed to have.
    pub exposure_path: Vec<RowId>,
    /// How many of a bulk store are still active, where somebody counted.
    pub active: Option<u64>,
    /// When the new one was made, as somebody attested, or as the inventory says where that is after the last bad look.
    pub new_issued: Option<Timestamp>,
    /// Since when the old one is refused: by a try, by what the network shows, or as somebody attested.
    pub old_refused: Option<Timestamp>,
    /// The old one works, after it had been gone or said to be (R5).
    pub came_back: bool,
    /// When the network last showed something of it.
    pub seen: Option<Timestamp>,
}

/// How much was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Services known.
    pub known: u64,
    /// Services where the last sweep that looked for them contacted something.
    pub probed: u64,
    /// Services whose state is `unknown`.
    pub unknown: u64,
}

/// Everything that is concluded about one disclosure.
#[derive(Clone, Debug)]
pub struct Assessment {
    /// The disclosure.
    pub disclosure: Disclosure,
    /// The rules in force.
    pub policy: Policy,
    /// The time at which it was judged: waivers and certificates end by it.
    pub now: Timestamp,
    /// The last sweep that the evidence holds.
    pub sweep: Option<SweepId>,
    /// One entry per service, in the order of the evidence.
    pub services: Vec<ServiceAssessment>,
    /// One entry per key, by SPKI.
    pub keys: Vec<KeyAssessment>,
    /// One entry per secret, in the order of the evidence.
    pub secrets: Vec<SecretAssessment>,
    /// How much was looked at.
    pub coverage: Coverage,
    /// Foreign bytes over all observations.
    pub foreign_bytes: u64,
}

/// A service that changed its state between two assessments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The service.
    pub row_id: RowId,
    /// The state before; absent for a service that is new.
    pub from: Option<State>,
    /// The state now.
    pub to: State,
    /// What went backwards, if anything.
    pub code: Option<Regression>,
    /// The earlier sweep.
    pub sweep_a: Option<SweepId>,
    /// The later sweep.
    pub sweep_b: SweepId,
}
