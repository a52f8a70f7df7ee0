//! The dashboard as data (`allclear.report/1`): what every form of it shows, and what a bundle carries. Plain values;
//! [`super::build`] fills them, nothing here decides or lays out.
//!
//! Rows name services by `row_id`; what a service is called stands once, in [`Dashboard::services`].

mod keys;
mod people;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{
    facet::{FacetKind, FacetValue, Regression, State},
    ids::{RowId, Sha256, SweepId},
    service::Exposure,
    sweep::SweepState,
    time::Timestamp,
    verdict::{Grade, Reason, Verdict},
    vocabulary,
};

pub use keys::{Key, KeyCertificate, KeyPlace, Window};
pub use people::{How, SecretRow, Standing, Unknown, Word};

/// The schema's name and version.
pub const SCHEMA: &str = "allclear.report/1";

/// Everything that a report shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dashboard {
    /// [`SCHEMA`].
    pub schema: String,
    /// The program and its version.
    pub tool: String,
    /// The incident's name.
    pub incident: String,
    /// When the incident file was begun.
    pub begun_at: Timestamp,
    /// What it is about.
    pub disclosure: About,
    /// Other disclosures of the incident, by id; each has a report of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_disclosures: Vec<String>,
    /// The moment at which evidence was judged.
    pub judged_at: Timestamp,
    /// The owner whose services alone are in here; absent: everybody's. Empty: those of nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only_owner: Option<String>,
    /// Whether names are hidden.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub redacted: bool,
    /// The last sweep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sweep: Option<SweepId>,
    /// How much was looked at.
    pub coverage: Covered,
    /// The counts of the headline.
    pub totals: Totals,
    /// What changed since the sweep before the last.
    pub changes: Changes,
    /// How far each facet is, over all and by exposure.
    pub funnel: Vec<Stage>,
    /// How it went from sweep to sweep.
    pub burn_down: Vec<Point>,
    /// Sweeps between these points that are not shown.
    pub sweeps_left_out: u64,
    /// Who has how much open, the worst first.
    pub owners: Vec<Owner>,
    /// Keys that were in reach, the worst first.
    pub keys: Vec<Key>,
    /// Keys that were seen and never in reach.
    pub clean_keys: u64,
    /// What happened when.
    pub events: Vec<Event>,
    /// Services that could not be judged.
    pub unknowns: Vec<Unknown>,
    /// Services that only a scan, a zone or a network brought: nobody declared them.
    pub undeclared: Vec<RowId>,
    /// Waivers, and what rests on somebody's word alone.
    pub words: Vec<Word>,
    /// Secrets by tier.
    pub secrets: Vec<SecretRow>,
    /// What went backwards.
    pub regressions: Vec<Backwards>,
    /// Every service, the worst first.
    pub services: Vec<ServiceRow>,
    /// Every host of which there is evidence, the worst first; not in one owner's part.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<HostRow>,
    /// How it was found out.
    pub method: Method,
}

/// The disclosure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// When it became public.
    pub disclosed_at: Timestamp,
    /// What it leaks, in one sentence.
    pub leaks: String,
    /// What must be known before anything is done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub first_words: Vec<String>,
    /// How the network can see it.
    pub probe: String,
}

/// How much was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Covered {
    /// Services known.
    pub known: u64,
    /// Services that the last sweep for them contacted.
    pub probed: u64,
    /// Services whose state is `unknown`.
    pub unknown: u64,
}

/// The headline's counts of services. The first five add up to all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// The last look found the hole.
    pub vulnerable: u64,
    /// Not judged.
    pub unknown: u64,
    /// Clean at the last look; may still owe keys and secrets.
    pub clean: u64,
    /// Accepted by a person.
    pub waived: u64,
    /// Gone.
    pub decommissioned: u64,
    /// Owing something.
    pub open: u64,
    /// Owing nothing.
    pub finished: u64,
    /// Open and past their date.
    pub overdue: u64,
    /// Went backwards and stands so now: in the state `regressed`, or with a code other than R4 (half done).
    pub regressed: u64,
    /// In the state `contradicted`.
    pub contradicted: u64,
    /// Keys in reach of the leak, or presumed so, that are still served.
    pub keys_at_risk: u64,
    /// Secrets in reach that are not closed.
    pub secrets_open: u64,
    /// Hosts with a vulnerable copy or package.
    pub hosts_affected: u64,
    /// Bytes taken from anyone's memory.
    pub foreign_bytes: u64,
}

/// What changed since the sweep before the last.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Changes {
    /// The earlier sweep; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<SweepId>,
    /// Services nearer to the end than then.
    pub better: u64,
    /// Services further from it.
    pub worse: u64,
    /// Services that were not known then.
    pub appeared: u64,
    /// Each of them.
    pub rows: Vec<Changed>,
}

/// One service that changed its state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Changed {
    /// The service.
    pub row_id: RowId,
    /// Its state then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<State>,
    /// Its state now.
    pub to: State,
    /// What went backwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Regression>,
    /// Whether it is further from the end than then, or nobody can tell any more.
    pub worse: bool,
}

/// How far the facets of some services are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// Whose: absent for all services.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exposure: Option<Exposure>,
    /// How many services.
    pub services: u64,
    /// Counts by facet; each adds up to `services`.
    pub facets: BTreeMap<FacetKind, FacetCount>,
}

/// One facet over some services.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FacetCount {
    /// Done at the grade that policy asks for.
    pub done: u64,
    /// Never owed.
    pub not_owed: u64,
    /// Accepted as it is.
    pub waived: u64,
    /// Said or seen to be done, and not yet at that grade.
    pub weak: u64,
    /// Owed.
    pub open: u64,
    /// Nobody knows.
    pub unknown: u64,
}

/// One sweep of the burn-down. Services are counted as they stood at its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// The sweep.
    pub sweep: SweepId,
    /// When it ended, or began where it did not end.
    pub at: Timestamp,
    /// Services known by then.
    pub known: u64,
    /// Of these: owing something.
    pub open: u64,
    /// Of the open ones: first seen in this sweep, and not in the first point.
    pub newly_found: u64,
    /// Of the open ones: the hole was seen open.
    pub exposed: u64,
    /// Of the open ones: not judged.
    pub unknown: u64,
    /// Open before and not any more.
    pub closed: u64,
    /// Finished before, and open again.
    pub reopened: u64,
    /// In the state `regressed`, and not at the point before.
    pub regressed: u64,
    /// Known, and not looked at in this sweep.
    pub not_rechecked: u64,
}

/// One owner's load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Owner {
    /// Who; absent for services of nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Services.
    pub services: u64,
    /// The hole open at the last look.
    pub vulnerable: u64,
    /// Not judged.
    pub unknown: u64,
    /// Owing something.
    pub open: u64,
    /// Past their date.
    pub overdue: u64,
    /// Hours that the oldest open one has been in its state.
    pub oldest_hours: i64,
    /// Secrets in reach that are not closed.
    pub secrets: u64,
}

vocabulary! {
    /// What happened, on the timeline.
    Happening, "event" {
        /// A sweep ended.
        Sweep = "sweep",
        /// A service that leaked was first seen clean everywhere.
        Closed = "closed",
        /// It was seen to serve a new key.
        Rekeyed = "rekeyed",
        /// Its old certificates came to be revoked or run out.
        Revoked = "revoked",
        /// A new key was made while it still leaked.
        TooEarly = "too-early",
        /// It went backwards.
        Regressed = "regressed",
    }
}

/// Things of one kind at one time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: Happening,
    /// The services; empty for a sweep.
    pub rows: Vec<RowId>,
}

/// One thing that went backwards.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Backwards {
    /// The service.
    pub row_id: RowId,
    /// Its code.
    pub code: Regression,
    /// The service's state.
    pub state: State,
    /// Since when it is in that state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}

/// One service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServiceRow {
    /// Its identity.
    pub row_id: RowId,
    /// What it is called: `name:port`.
    pub label: String,
    /// Who answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Who can reach it.
    pub exposure: Exposure,
    /// Where it stands.
    pub state: State,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// The worst verdict of its endpoints.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The six facets.
    pub facets: BTreeMap<FacetKind, FacetCell>,
    /// When it is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Timestamp>,
    /// Open and past that.
    pub overdue: bool,
    /// Hours in its state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_hours: Option<i64>,
    /// The first look at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_seen: Option<Timestamp>,
    /// The last look that found the hole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_bad: Option<Timestamp>,
    /// The first clean look after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_good: Option<Timestamp>,
    /// The last look at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<Timestamp>,
    /// What to do next.
    pub next_action: String,
}

/// One facet of one service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FacetCell {
    /// Where it stands.
    pub value: FacetValue,
    /// How good the evidence is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grade: Option<Grade>,
    /// When it came to stand there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// Whether nothing is owed on it.
    pub satisfied: bool,
}

vocabulary! {
    /// Where a host stands, by its own word, worst first.
    HostStanding, "standing of a host" {
        /// Something on it is vulnerable.
        Affected = "affected",
        /// Something could not be decided.
        NotDecided = "not-decided",
        /// It gave nothing.
        GaveNothing = "gave-nothing",
        /// Seen in part, and nothing is open in that.
        SeenInPart = "seen-in-part",
        /// Seen whole, and clean.
        Clean = "clean",
    }
}

/// One host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HostRow {
    /// Its name.
    pub host: String,
    /// Where it stands.
    pub standing: HostStanding,
    /// The reason of its worst finding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// When it was last asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
}

/// How it was found out, for whoever checks it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Method {
    /// The head of the evidence chain.
    pub chain_head: Sha256,
    /// Rows of evidence.
    pub evidence_rows: u64,
    /// SHA-256 over what judged: program version, disclosure with its rows, policy.
    pub rules: Sha256,
    /// The policy in one line.
    pub policy: String,
    /// Where records that were taken in came from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub records: Vec<String>,
    /// Rows of the disclosure: packages of releases.
    pub catalogue_rows: u64,
    /// Hosts of which there is evidence.
    pub hosts: u64,
    /// Every sweep.
    pub sweeps: Vec<SweepRow>,
    /// What was not asked, and what nobody can conclude from this.
    pub not_tested: Vec<String>,
}

/// One sweep, for the record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SweepRow {
    /// Its number.
    pub sweep: SweepId,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// How it stands.
    pub state: SweepState,
    /// From where.
    pub vantage: String,
    /// By which version.
    pub tool: String,
    /// As it was typed.
    pub command_line: String,
    /// Services in it.
    pub services: u64,
    /// Bad rows of the inventory.
    pub bad_rows: u64,
    /// Whether the calibration passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibrated: Option<bool>,
}
