//! What is not known, what people said, and what they have to rotate, as data.

use serde::{Deserialize, Serialize};

use crate::model::{
    ids::RowId,
    secret::{SecretState, Tier},
    time::Timestamp,
    verdict::{Grade, Reason},
    vocabulary,
};

vocabulary! {
    /// How a service could not be judged.
    How, "way of not knowing" {
        /// Nothing was reached.
        Unreachable = "unreachable",
        /// Something answered, and decided nothing.
        Inconclusive = "inconclusive",
        /// Policy kept the probe away.
        Skipped = "skipped",
        /// No sweep has looked at it.
        NeverLookedAt = "never looked at",
    }
}

vocabulary! {
    /// What became of somebody's word.
    Standing, "standing of a word" {
        /// What is seen since contradicts it.
        Contradicted = "contradicted",
        /// Its time is over.
        RunOut = "run out",
        /// Nothing has borne it out.
        NeverConfirmed = "never confirmed",
        /// It holds until something else is seen.
        Stands = "stands",
        /// A sweep, a host or a try bore it out.
        Confirmed = "confirmed",
    }
}

/// One service that could not be judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Unknown {
    /// The service.
    pub row_id: RowId,
    /// How.
    pub how: How,
    /// The reason of its worst endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// When it was last looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<Timestamp>,
}

/// Somebody's word that carries something.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Word {
    /// The service; absent for a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row_id: Option<RowId>,
    /// The secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// What was said, such as `waived` or `patched`.
    pub what: String,
    /// By whom.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Reference or note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The end of a waiver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// What became of it.
    pub standing: Standing,
}

/// One secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SecretRow {
    /// Its id.
    pub id: String,
    /// Its tier.
    pub tier: Tier,
    /// Its type's code.
    pub kind: String,
    /// What that is.
    pub title: String,
    /// Who rotates it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// How far it is.
    pub state: SecretState,
    /// Whether nothing more is owed.
    pub closed: bool,
    /// Whether it was in reach.
    pub in_reach: bool,
    /// How good the evidence is that closes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grade: Option<Grade>,
    /// The services whose memory held it.
    pub services: Vec<RowId>,
    /// Services that still leak: it must wait for these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocked_by: Vec<RowId>,
    /// Whether nobody listed it: a service of this type always holds one.
    pub implied: bool,
}
