//! A secret that has to be rotated: its name, place and dates. Never its value, which has no field here.

use serde::{Deserialize, Serialize};

use super::{check::SecretCheck, ids::RowId, service::Source, time::Timestamp, vocabulary};

vocabulary! {
    /// The checklist's tiers, in the order in which they are worked (REMEDIATION 2).
    Tier, "tier" {
        /// Stop the leak.
        A = "A",
        /// Identity keys.
        B = "B",
        /// Machine secrets.
        C = "C",
        /// Signing and session secrets.
        D = "D",
        /// People.
        E = "E",
        /// Prove.
        F = "F",
    }
}

vocabulary! {
    /// How far a secret's rotation has come (REMEDIATION 1.4).
    SecretState, "secret state" {
        /// Known to exist.
        Identified = "identified",
        /// Somebody answers for it.
        Owned = "owned",
        /// A new one was made.
        NewIssued = "new-issued",
        /// The new one is in use, the old one still works.
        Deployed = "deployed",
        /// The old one was switched off.
        OldDisabled = "old-disabled",
        /// A try with the old one failed.
        OldRefused = "old-refused",
        /// Confirmed.
        Verified = "verified",
        /// It was never in reach, with a justification.
        NotExposed = "not-exposed",
        /// Made, or delivered through a service, while that still leaked.
        TooEarly = "too-early",
        /// Accepted as it is, with an end.
        Waived = "waived",
        /// It no longer exists.
        Destroyed = "destroyed",
    }
}

impl SecretState {
    /// Whether nothing more is owed once this state is attested.
    pub const fn closes(self) -> bool {
        matches!(self, Self::OldRefused | Self::Verified | Self::NotExposed | Self::Destroyed)
    }
}

/// One secret of the inventory, or one that a service of its type always holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret {
    /// The inventory's `secret_id`, or `ROW_ID/CODE` for an implied one, such as `svc-2wyf2llav7a7/C7`.
    pub id: String,
    /// Its type: a code of the secret table such as `C7`, or the user's own word.
    pub kind: String,
    /// The services whose memory held it: its exposure path.
    pub services: Vec<RowId>,
    /// The services through which a new one is handed out, besides those that hold it: a new password that is pushed
    /// through a proxy that leaks is burnt.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub delivered_through: Vec<RowId>,
    /// What the network shows of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<SecretCheck>,
    /// What the inventory named in `services` that is no known service, or in `delivered_through`, kept so that nothing is lost.
    pub unresolved: Vec<String>,
    /// Who rotates it.
    pub owner: Option<String>,
    /// Where it is kept: a path, a vault name. Never a value.
    pub location: Option<String>,
    /// When the present one was issued.
    pub issued_at: Option<Timestamp>,
    /// How to rotate it, in the owner's own words or a link.
    pub runbook: Option<String>,
    /// True for a secret that nobody listed and that a service of this type holds all the same.
    pub implied: bool,
    /// Where it was read; absent for an implied one.
    pub source: Option<Source>,
}
