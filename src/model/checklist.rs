//! A rotation checklist as data: what `remediate` plans and `report` lays out.

use serde::Serialize;

use super::{ids::RowId, secret::Tier, time::Timestamp, verdict::Grade, vocabulary};

vocabulary! {
    /// Where a line stands.
    LineState, "line state" {
        /// To be done.
        Open = "open",
        /// Has to wait for other lines.
        Blocked = "blocked",
        /// Said to be done, and not yet confirmed.
        Claimed = "claimed",
        /// Done.
        Done = "done",
        /// Said to be done, and seen not to be.
        Contradicted = "contradicted",
        /// Done while the service still leaked: to be done again.
        TooEarly = "too-early",
        /// Accepted as it is, with an end.
        Waived = "waived",
        /// Not owed.
        NotApplicable = "not-applicable",
    }
}

/// One thing to do. In `title`, `why`, `steps`, `blocked_by_text`, `tool_checks`, `evidence_wanted` and
/// `evidence_seen`, text between backticks is a name or a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Stable id: the row id or secret id, a slash, and the code, such as `svc-2wyf2llav7a7/B1`.
    pub id: String,
    /// Its tier.
    pub tier: Tier,
    /// Its code in the table of REMEDIATION 2, such as `B1`; `A1` patch, `A2` restart, `F1` re-sweep.
    pub code: String,
    /// What to do, in a few words.
    pub title: String,
    /// Row ids of the services it concerns.
    pub services: Vec<RowId>,
    /// Their names with port, for people, in the same order.
    pub service_names: Vec<String>,
    /// Who answers for each of them, in the same order.
    pub service_owners: Vec<Option<String>>,
    /// The secret's id; absent for lines about a service itself.
    pub secret: Option<String>,
    /// Where it is kept. Never a value.
    pub location: Option<String>,
    /// Who does it; absent when the owners of several services have to act, or when nobody is known.
    pub owner: Option<String>,
    /// Why it is on the list: the evidence, in one sentence.
    pub why: String,
    /// What to do, step by step.
    pub steps: Vec<String>,
    /// What breaks while it is done.
    pub impact: Option<String>,
    /// Whether old and new can be valid together.
    pub overlap: bool,
    /// Ids of lines that come first.
    pub blocked_by: Vec<String>,
    /// Those of them that are not done yet, said for people.
    pub blocked_by_text: Vec<String>,
    /// What allclear checks by itself; absent when it cannot.
    pub tool_checks: Option<String>,
    /// What a person must attest, as commands to copy, one a line; lines with `#` say what the next
    /// command is for. Absent when the tool sees it alone.
    pub attest: Option<String>,
    /// What counts as evidence.
    pub evidence_wanted: String,
    /// What is there.
    pub evidence_seen: Option<String>,
    /// Its grade.
    pub grade: Option<Grade>,
    /// Where it stands.
    pub state: LineState,
    /// Who did it.
    pub done_by: Option<String>,
    /// When.
    pub done_at: Option<Timestamp>,
    /// The owner's own instructions.
    pub runbook: Option<String>,
}

/// The lines of one owner (or of everyone), in the order in which they are worked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Checklist {
    /// Whose list it is; absent: lines without an owner.
    pub owner: Option<String>,
    /// Tier by tier, and within a tier by service.
    pub lines: Vec<Line>,
}

/// A service that gives no line, and why nothing is owed on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NothingOwed {
    /// The service.
    pub row_id: RowId,
    /// Its name with port, for people.
    pub name: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Why, in one sentence.
    pub why: String,
}
