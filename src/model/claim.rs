//! What a person said: attestations, waivers, decommissionings. Evidence of the lowest grades, kept
//! in the same append-only chain as observations, and never stronger than what a later look saw.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{
    edit::ImportId,
    facet::FacetKind,
    ids::{RowId, SweepId},
    secret::SecretState,
    time::Timestamp,
    verdict::Grade,
    vocabulary,
};

vocabulary! {
    /// Why a service cannot have the hole (the codes of VEX).
    Justification, "justification" {
        /// The component is not there.
        ComponentNotPresent = "component_not_present",
        /// The vulnerable code is not there.
        VulnerableCodeNotPresent = "vulnerable_code_not_present",
        /// The vulnerable code is never run.
        VulnerableCodeNotInExecutePath = "vulnerable_code_not_in_execute_path",
        /// Nobody hostile can reach it.
        VulnerableCodeCannotBeControlledByAdversary = "vulnerable_code_cannot_be_controlled_by_adversary",
        /// Something else stops it.
        InlineMitigationsAlreadyExist = "inline_mitigations_already_exist",
    }
}

vocabulary! {
    /// How a try with the old value of a secret came out.
    TestOutcome, "outcome of a negative test" {
        /// The old value was refused: the best evidence of all.
        Refused = "refused",
        /// The old value still works.
        Accepted = "accepted",
        /// The try itself went wrong, or could not be told from that.
        Inconclusive = "inconclusive",
    }
}

/// What the claim is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// A service.
    Service(RowId),
    /// A secret, by its id.
    Secret(String),
}

/// What is said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Statement {
    /// A facet of a service is done.
    FacetDone {
        /// Which one.
        facet: FacetKind,
    },
    /// A secret has come so far.
    SecretIs {
        /// How far.
        state: SecretState,
    },
    /// The owner's own command tried the old value of a secret. Its exit code and times, never its output, nor the
    /// command.
    NegativeTest {
        /// How it came out.
        outcome: TestOutcome,
        /// The exit code; absent where a signal or a time limit ended it.
        exit: Option<i32>,
        /// Whether the same try with the new value succeeded just before; absent where none was asked for.
        control: Option<bool>,
        /// Whether the exit code is one that is known to mean "refused": said so beforehand, or by a program that tells.
        #[serde(default)]
        named: bool,
        /// How long it took, milliseconds.
        ms: u64,
    },
    /// How many of a bulk store (sessions, tokens, passwords) issued before a time are still active.
    StillActive {
        /// How many.
        count: u64,
        /// Issued before this time.
        issued_before: Timestamp,
    },
    /// The service cannot have the hole.
    NotAffected {
        /// Why.
        justification: Justification,
    },
    /// Accepted as it is until then. Without a facet: the whole service.
    Waive {
        /// One facet, or all.
        facet: Option<FacetKind>,
        /// When the waiver ends by itself.
        until: Timestamp,
    },
    /// The service is gone, or one address of it.
    Decommissioned {
        /// One address, or all.
        address: Option<IpAddr>,
    },
    /// Everything that was said before about this subject and facet no longer holds. Without a
    /// facet: about this subject altogether.
    Withdraw {
        /// One facet, or all.
        facet: Option<FacetKind>,
    },
}

/// One person's word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// When it was recorded.
    pub at: Timestamp,
    /// When the work was done, where that was given; never later than `at`.
    pub done_at: Option<Timestamp>,
    /// The last sweep begun before it was recorded; none before the first sweep.
    pub after_sweep: Option<SweepId>,
    /// Who said it.
    pub by: String,
    /// What it is about.
    pub subject: Subject,
    /// What is said.
    pub statement: Statement,
    /// A ticket, change or document that bears it out.
    pub reference: Option<String>,
    /// Why, in the person's words.
    pub note: Option<String>,
    /// The services through which the new secret was handed out, where the person says so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub through: Vec<RowId>,
    /// The tracker import that brought it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub import: Option<ImportId>,
    /// The import whose claim this one says again: it goes when that one is undone, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeats: Option<ImportId>,
}

impl Claim {
    /// E1 with a reference, E0 without. A negative test is E1 where any exit code counted as a refusal, since a network
    /// that is down looks the same; E2 where the code is known to mean it; E3 where the same try with the new value
    /// succeeded just before.
    pub fn grade(&self) -> Grade {
        if let Statement::NegativeTest { control, named, .. } = self.statement {
            return match (control, named) {
                (Some(true), _) => Grade::E3,
                (_, true) => Grade::E2,
                _ => Grade::E1,
            };
        }
        if self.reference.as_deref().is_some_and(|r| !r.trim().is_empty()) { Grade::E1 } else { Grade::E0 }
    }

    /// When the work was done as far as the claim says.
    pub fn effective(&self) -> Timestamp {
        self.done_at.unwrap_or(self.at)
    }
}
