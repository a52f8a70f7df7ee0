//! Evidence rows: their kinds, their bodies, the chain of hashes over them.
//!
//! A body is the JSON of a `model` type, or of one of the small sweep events here. Decoding is strict:
//! a body that does not parse is an error with its row, since a skipped row could hide a finding.

use std::sync::{Arc, LazyLock};

use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::model::{
    check::Checked,
    claim::{Claim, Subject},
    disclosure::TakenIn,
    edit::Edit,
    host::HostEvidence,
    ids::{RowId, Sha256, SweepId},
    merge::Merge,
    observation::Observation,
    revocation::{Issuer, Revocation},
    sweep::SweepState,
    text::printable,
    time::Timestamp,
    vocabulary,
};

vocabulary! {
    /// What a row of evidence is.
    Kind, "kind of evidence" {
        /// One look at one endpoint.
        Observation = "observation",
        /// A person's word.
        Claim = "claim",
        /// A sweep began.
        SweepBegun = "sweep-begun",
        /// A sweep ended, or was stopped.
        SweepEnded = "sweep-ended",
        /// A sweep's calibration was judged.
        Calibration = "calibration",
        /// What a host said of itself.
        Host = "host",
        /// A disclosure that was taken in from a file.
        Disclosure = "disclosure",
        /// A certificate that was seen behind a leaf.
        Certificate = "certificate",
        /// A check of a certificate for revocation.
        Revocation = "revocation",
        /// What people changed in a tracker.
        Edit = "edit",
        /// What the network shows of a secret.
        Check = "check",
        /// What was taken in of another incident file.
        Merge = "merge",
    }
}

/// The hash before the first row: SHA-256 of the text `allclear/evidence/1`.
pub fn genesis() -> Sha256 {
    static GENESIS: LazyLock<Sha256> = LazyLock::new(|| Sha256::of(b"allclear/evidence/1"));
    *GENESIS
}

/// The hash of a row before schema 6: SHA-256 over the previous hash, the kind, a zero byte and the body.
pub(super) fn old_link(previous: &Sha256, kind: &str, body: &[u8]) -> Sha256 {
    let mut context = Context::new(&SHA256);
    context.update(previous.bytes());
    context.update(kind.as_bytes());
    context.update(&[0]);
    context.update(body);
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    Sha256::from_bytes(hash)
}

/// What a check of the whole chain found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainReport {
    /// Rows of evidence in the file.
    pub rows: u64,
    /// The hash that the last row carries; [`genesis`] when there is none. Compare it with the one
    /// printed in a report: rows cut off at the end leave no other trace.
    pub head: Sha256,
    /// The first row at which the chain does not hold, from 1.
    pub broken_at: Option<u64>,
    /// What is wrong there.
    pub fault: Option<&'static str>,
}

/// The body of `sweep-begun`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct SweepBegun {
    pub(super) sweep: SweepId,
    pub(super) at: Timestamp,
    pub(super) vantage: Arc<str>,
    pub(super) tool: String,
    pub(super) command_line: String,
    pub(super) settings: serde_json::Value,
    pub(super) inventory: Sha256,
    pub(super) services: u64,
    pub(super) bad_rows: u64,
    pub(super) disclosures: Vec<String>,
    /// For a sweep of another incident file: that file, by the hash of its first row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) origin: Option<Sha256>,
}

/// The body of `sweep-ended`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct SweepEnded {
    pub(super) sweep: SweepId,
    pub(super) at: Timestamp,
    pub(super) state: SweepState,
}

/// The body of `calibration`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Calibration {
    pub(super) sweep: SweepId,
    pub(super) at: Timestamp,
    pub(super) passed: bool,
}

/// The columns that repeat what a body says, so that a query need not open it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Columns {
    pub(super) sweep: Option<SweepId>,
    pub(super) row_id: Option<RowId>,
    pub(super) at: Timestamp,
}

/// A body that can be evidence.
pub(super) trait Body: Serialize {
    const KIND: Kind;
    fn columns(&self) -> Columns;
}

impl Body for Observation {
    const KIND: Kind = Kind::Observation;
    fn columns(&self) -> Columns {
        Columns { sweep: Some(self.sweep), row_id: Some(self.row_id.clone()), at: self.at }
    }
}

impl Body for Claim {
    const KIND: Kind = Kind::Claim;
    fn columns(&self) -> Columns {
        let row_id = match &self.subject {
            Subject::Service(row_id) => Some(row_id.clone()),
            Subject::Secret(_) => None,
        };
        Columns { sweep: None, row_id, at: self.at }
    }
}

impl Body for TakenIn {
    const KIND: Kind = Kind::Disclosure;
    fn columns(&self) -> Columns {
        Columns { sweep: None, row_id: None, at: self.at }
    }
}

impl Body for Edit {
    const KIND: Kind = Kind::Edit;
    fn columns(&self) -> Columns {
        let row_id = match self {
            Self::Row(row) => match &row.subject {
                Subject::Service(row_id) => Some(row_id.clone()),
                Subject::Secret(_) => None,
            },
            Self::Undo { .. } => None,
        };
        Columns { sweep: None, row_id, at: self.at() }
    }
}

impl Body for Checked {
    const KIND: Kind = Kind::Check;
    fn columns(&self) -> Columns {
        Columns { sweep: None, row_id: None, at: self.at }
    }
}

impl Body for Merge {
    const KIND: Kind = Kind::Merge;
    fn columns(&self) -> Columns {
        Columns { sweep: None, row_id: None, at: self.at }
    }
}

impl Body for Issuer {
    const KIND: Kind = Kind::Certificate;
    fn columns(&self) -> Columns {
        Columns { sweep: None, row_id: None, at: self.at }
    }
}

impl Body for Revocation {
    const KIND: Kind = Kind::Revocation;
    fn columns(&self) -> Columns {
        Columns { sweep: None, row_id: None, at: self.at }
    }
}

impl Body for HostEvidence {
    const KIND: Kind = Kind::Host;
    fn columns(&self) -> Columns {
        Columns { sweep: None, row_id: None, at: self.at }
    }
}

macro_rules! sweep_event {
    ($($body:ty => $kind:ident),+) => { $(
        impl Body for $body {
            const KIND: Kind = Kind::$kind;
            fn columns(&self) -> Columns {
                Columns { sweep: Some(self.sweep), row_id: None, at: self.at }
            }
        }
    )+ };
}
sweep_event!(SweepBegun => SweepBegun, SweepEnded => SweepEnded, Calibration => Calibration);

/// Reads a body, or says why it cannot be read in words that are safe to show.
pub(super) fn decode<T: DeserializeOwned>(body: &str) -> Result<T, String> {
    serde_json::from_str(body).map_err(|e| printable(&e.to_string()).into_owned())
}

/// What the columns of a row with this body have to be.
pub(super) fn columns_of(kind: Kind, body: &str) -> Result<Columns, String> {
    Ok(match kind {
        Kind::Observation => decode::<Observation>(body)?.columns(),
        Kind::Claim => decode::<Claim>(body)?.columns(),
        Kind::SweepBegun => decode::<SweepBegun>(body)?.columns(),
        Kind::SweepEnded => decode::<SweepEnded>(body)?.columns(),
        Kind::Calibration => decode::<Calibration>(body)?.columns(),
        Kind::Host => decode::<HostEvidence>(body)?.columns(),
        Kind::Disclosure => decode::<TakenIn>(body)?.columns(),
        Kind::Certificate => decode::<Issuer>(body)?.columns(),
        Kind::Revocation => decode::<Revocation>(body)?.columns(),
        Kind::Edit => decode::<Edit>(body)?.columns(),
        Kind::Check => decode::<Checked>(body)?.columns(),
        Kind::Merge => decode::<Merge>(body)?.columns(),
    })
}

/// The entry for fuzzing: the first byte picks the kind of body, the rest is the body. Whatever can
/// be read has to be readable again once it was written; otherwise one row would lock up the file.
///
/// # Panics
/// When that does not hold; that is what the fuzzer looks for.
pub fn fuzz(data: &[u8]) {
    fn survives<T: DeserializeOwned + Serialize>(body: &str) -> bool {
        let Ok(value) = serde_json::from_str::<T>(body) else {
            return true;
        };
        serde_json::to_string(&value).is_ok_and(|text| serde_json::from_str::<T>(&text).is_ok())
    }
    let Some((first, rest)) = data.split_first() else {
        return;
    };
    let Ok(body) = std::str::from_utf8(rest) else {
        return;
    };
    super::dump::fuzz(body);
    let kind = Kind::ALL[usize::from(*first) % Kind::ALL.len()];
    let holds = match kind {
        Kind::Observation => survives::<Observation>(body),
        Kind::Claim => survives::<Claim>(body),
        Kind::SweepBegun => survives::<SweepBegun>(body),
        Kind::SweepEnded => survives::<SweepEnded>(body),
        Kind::Calibration => survives::<Calibration>(body),
        Kind::Host => survives::<HostEvidence>(body),
        Kind::Disclosure => survives::<TakenIn>(body),
        Kind::Certificate => survives::<Issuer>(body),
        Kind::Revocation => survives::<Revocation>(body),
        Kind::Edit => survives::<Edit>(body),
        Kind::Check => survives::<Checked>(body),
        Kind::Merge => survives::<Merge>(body),
    };
    assert!(holds, "a {kind} cannot be read back once it was written");
    if let Err(reason) = columns_of(kind, body) {
        let hostile = reason.chars().any(crate::model::text::acts_on_a_terminal);
        assert!(!hostile, "the reason would act on a terminal");
    }
}
