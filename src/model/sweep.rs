//! One run over the inventory, and the incident it belongs to.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    check::Checked,
    claim::{Claim, Subject},
    edit::Tracked,
    host::Document,
    ids::{Sha256, SweepId},
    observation::Observation,
    revocation::Revocation,
    secret::Secret,
    service::Service,
    time::Timestamp,
    vocabulary,
};

vocabulary! {
    /// Where a sweep stands.
    SweepState, "sweep state" {
        /// Begun and not ended: running, or cut off.
        Running = "running",
        /// Every endpoint has its row.
        Finished = "finished",
        /// Stopped by the user; can be resumed.
        Interrupted = "interrupted",
        /// Stopped by a fault of ours, such as a failed calibration.
        Failed = "failed",
    }
}

/// One sweep as the incident file knows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sweep {
    /// Its number.
    pub id: SweepId,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Where it stands.
    pub state: SweepState,
    /// From where it looked.
    pub vantage: Arc<str>,
    /// The version of the tool.
    pub tool: String,
    /// The command line, for the auditor.
    pub command_line: String,
    /// The settings in force, as JSON, so that `--resume` uses the same.
    pub settings: serde_json::Value,
    /// SHA-256 over the expanded inventory: the same inventory has the same digest.
    pub inventory: Sha256,
    /// Services in this sweep.
    pub services: u64,
    /// Bad inventory rows, counted beside them.
    pub bad_rows: u64,
    /// Whether the calibration passed; absent while it has not run.
    pub calibrated: Option<bool>,
    /// For a sweep of another incident file that was merged: that file, by the hash of its first row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Sha256>,
}

/// The incident file's own facts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// The incident's name: the file's stem unless told otherwise.
    pub name: String,
    /// When the file was made.
    pub created_at: Timestamp,
    /// The disclosures it is about, by id; the first is the one it began with.
    pub disclosures: Vec<String>,
    /// The head of the evidence chain.
    pub chain_head: Sha256,
    /// Rows of evidence.
    pub evidence_rows: u64,
}

/// Everything that judgement is a function of.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// The incident.
    pub incident: Incident,
    /// Every service ever declared, in inventory order; none is ever dropped.
    pub services: Vec<Service>,
    /// Every secret, implied ones included.
    pub secrets: Vec<Secret>,
    /// Every sweep, by number.
    pub sweeps: Vec<Sweep>,
    /// Every observation, in the order it was recorded.
    pub observations: Vec<Observation>,
    /// Every claim, in the order it was recorded.
    pub claims: Vec<Claim>,
    /// Every document that hosts gave, in the order it was recorded. Packages that no disclosure is about may be
    /// left out.
    pub hosts: Vec<HostDocument>,
    /// Every check for revocation, in the order recorded.
    pub revocations: Vec<Revocation>,
    /// Every check of what the network shows of secrets, in the order recorded.
    pub checks: Vec<Checked>,
    /// What people keep in the tracker, by service or secret. Owners and tags that they changed there are in `services`
    /// and `secrets`.
    pub tracked: BTreeMap<Subject, Tracked>,
}

/// One document of one host.
#[derive(Clone, Debug, PartialEq)]
pub struct HostDocument {
    /// The host's name, as it was asked or named.
    pub host: String,
    /// When it was so: by the host's clock, but not later than we had it.
    pub at: Timestamp,
    /// What it says.
    pub document: Arc<Document>,
}
