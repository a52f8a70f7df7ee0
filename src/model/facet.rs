//! Where a service stands: six facets, a headline state, and the codes of what went backwards.

use serde::{Deserialize, Serialize};

use super::{time::Timestamp, verdict::Grade, vocabulary};

vocabulary! {
    /// The six things that must be true before a service is done (REMEDIATION 1.2), in their order.
    FacetKind, "facet" {
        /// The fixed version is installed.
        Patched = "patched",
        /// Nothing runs the old one any more.
        Restarted = "restarted",
        /// A new key is served.
        Rekeyed = "rekeyed",
        /// Certificates on exposed keys are revoked or expired.
        Revoked = "revoked",
        /// Linked secrets are rotated.
        Secrets = "secrets",
        /// A later sweep confirmed all of it.
        Verified = "verified",
    }
}

vocabulary! {
    /// A facet's value.
    FacetValue, "facet value" {
        /// Nothing is known.
        Unknown = "unknown",
        /// Owed.
        Open = "open",
        /// Said to be done, without a reference.
        Claimed = "claimed",
        /// Done at the grade shown.
        Done = "done",
        /// Said to be done, and seen not to be.
        Contradicted = "contradicted",
        /// Was done and is not any more.
        Regressed = "regressed",
        /// Not owed.
        NotApplicable = "not-applicable",
        /// Accepted as it is, with an end.
        Waived = "waived",
        /// Done before the leak was closed: to be done again.
        TooEarly = "too-early",
    }
}

/// One facet of one service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facet {
    /// Where it stands.
    pub value: FacetValue,
    /// How good the evidence is.
    pub grade: Option<Grade>,
    /// When it came to stand there.
    pub at: Option<Timestamp>,
    /// Until when, for a waiver.
    pub until: Option<Timestamp>,
    /// Why, in words of ours or of the person who attested.
    pub justification: Option<String>,
}

impl Facet {
    /// A facet with a value and nothing else.
    pub const fn new(value: FacetValue) -> Self {
        Self { value, grade: None, at: None, until: None, justification: None }
    }

    /// Whether nothing is owed on it: done at its minimum grade, not applicable, or waived.
    pub fn satisfied(&self, minimum: Grade) -> bool {
        match self.value {
            FacetValue::Done => self.grade.is_some_and(|g| g >= minimum),
            FacetValue::NotApplicable | FacetValue::Waived => true,
            _ => false,
        }
    }
}

/// The six facets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facets {
    /// The fixed version is installed.
    pub patched: Facet,
    /// Nothing runs the old one any more.
    pub restarted: Facet,
    /// A new key is served.
    pub rekeyed: Facet,
    /// Old certificates are revoked or expired.
    pub revoked: Facet,
    /// Linked secrets are rotated.
    pub secrets: Facet,
    /// Confirmed by a later sweep.
    pub verified: Facet,
}

impl Facets {
    /// One facet by its kind.
    pub const fn get(&self, kind: FacetKind) -> &Facet {
        match kind {
            FacetKind::Patched => &self.patched,
            FacetKind::Restarted => &self.restarted,
            FacetKind::Rekeyed => &self.rekeyed,
            FacetKind::Revoked => &self.revoked,
            FacetKind::Secrets => &self.secrets,
            FacetKind::Verified => &self.verified,
        }
    }
}

vocabulary! {
    /// A service's headline state, in the order in which they are tested: the first that applies.
    State, "state" {
        /// Was closed or further, and is bad again.
        Regressed = "regressed",
        /// Somebody said done, and the last look says not.
        Contradicted = "contradicted",
        /// The last look at some endpoint found the hole.
        Exposed = "exposed",
        /// Some endpoint could not be judged.
        Unknown = "unknown",
        /// Fixed on disk, old code in memory.
        PatchedNotRestarted = "patched-not-restarted",
        /// A new key, made while the service still leaked.
        RekeyedTooEarly = "rekeyed-too-early",
        /// Clean now, and an exposed key is still served.
        ClosedKeyAtRisk = "closed-key-at-risk",
        /// Clean on its first look, and presumed to have leaked before it.
        PresumedAffected = "presumed-affected",
        /// New key; an old certificate is neither revoked nor expired.
        RekeyedOldNotRevoked = "rekeyed-old-not-revoked",
        /// Linked secrets are open.
        SecretsPending = "secrets-pending",
        /// All done once; the confirming sweep is missing.
        AwaitingVerification = "awaiting-verification",
        /// Verified, and not seen for too long.
        Stale = "stale",
        /// Every facet done and confirmed.
        Verified = "verified",
        /// The question does not arise, and never did.
        NotAffected = "not-affected",
        /// Accepted by a person, with an end.
        Waived = "waived",
        /// Gone.
        Decommissioned = "decommissioned",
    }
}

impl State {
    /// Whether nothing is owed.
    pub const fn is_finished(self) -> bool {
        matches!(self, Self::Verified | Self::NotAffected | Self::Waived | Self::Decommissioned)
    }
}

vocabulary! {
    /// What went backwards (REMEDIATION 1.5).
    Regression, "regression" {
        /// Vulnerable again.
        R1 = "R1",
        /// An exposed key is served again, or by an endpoint new since.
        R2 = "R2",
        /// A new certificate on an exposed key.
        R3 = "R3",
        /// Mixed fleet: some addresses are old.
        R4 = "R4",
        /// An old secret is accepted.
        R5 = "R5",
        /// A revoked certificate is still served.
        R6 = "R6",
        /// A new endpoint of a verified service.
        R7 = "R7",
        /// Verified, and not observed for too long.
        R8 = "R8",
        /// A waiver has run out.
        R9 = "R9",
        /// A clean probe against host evidence.
        R10 = "R10",
    }
}

vocabulary! {
    /// How far a fleet must have come for `verify` to be content (DESIGN: exit codes).
    Gate, "gate" {
        /// Nothing leaks, as far as the last look saw, and nothing is unknown.
        Closed = "closed",
        /// And no exposed or presumed key is served.
        Rekeyed = "rekeyed",
        /// And everything is verified, not affected, waived or gone.
        Verified = "verified",
    }
}

vocabulary! {
    /// What a gate says, from best to worst.
    GateResult, "gate result" {
        /// Every service asked for is past it.
        Holds = "holds",
        /// Nothing is known to be open, and not everything is known.
        Incomplete = "incomplete",
        /// Something is known to be open.
        Open = "open",
        /// Something went backwards.
        Regressed = "regressed",
    }
}
