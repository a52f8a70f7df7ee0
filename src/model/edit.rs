//! What people changed in a tracker and gave back: one row of evidence for each row of the file that changed
//! something. Append-only like everything else: an undo is one more row, and the row that it undoes stays.
//!
//! Claims and waivers that came with a tracker are claims (`model::claim`), marked with the import. What an edit means
//! for services and secrets is applied when evidence is read (`pipeline::edits`).

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{claim::Subject, ids::BadId, time::Timestamp, vocabulary};

/// The number of an import within an incident, from 1; written `i0001`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ImportId(pub u32);

impl fmt::Display for ImportId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "i{:04}", self.0)
    }
}

impl FromStr for ImportId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let number = text.strip_prefix('i').and_then(|n| n.parse().ok());
        number.map(Self).ok_or_else(|| BadId::new("import id", text))
    }
}

impl Serialize for ImportId {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ImportId {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

vocabulary! {
    /// What people may change about a service or a secret besides what they claim: columns of `tracker.csv` and
    /// `secrets.csv` that are theirs.
    Field, "field" {
        /// Who answers for it.
        Owner = "owner",
        /// The owner's team.
        Team = "team",
        /// The ticket under which it is worked.
        Ticket = "ticket",
        /// When it is due, instead of what policy says: RFC 3339 or a date (that day included).
        Due = "due",
        /// How urgent, in the user's own words.
        Priority = "priority",
        /// `prod`, `staging`, ...
        Environment = "environment",
        /// Who can reach it: public, partner, internal, unknown.
        Exposure = "exposure",
        /// Where it stands.
        Site = "site",
        /// Tags, separated by semicolons.
        Tags = "tags",
        /// Anything else that people want to keep with it.
        Note = "note",
    }
}

/// One row of an import, or the undoing of a whole one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Edit {
    /// A row that changed something.
    Row(RowEdit),
    /// Everything that an import brought, its claims included, holds no longer.
    Undo {
        /// When.
        at: Timestamp,
        /// By whom.
        by: String,
        /// Which import.
        undoes: ImportId,
    },
}

/// What a row of an import changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowEdit {
    /// Which import.
    pub import: ImportId,
    /// When it was taken in.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// The file's name, without its folder.
    pub file: String,
    /// The service or secret.
    pub subject: Subject,
    /// The new value of each field that changed; empty: none.
    pub set: BTreeMap<Field, String>,
}

impl Edit {
    /// When it was recorded.
    pub const fn at(&self) -> Timestamp {
        match self {
            Self::Row(row) => row.at,
            Self::Undo { at, .. } => *at,
        }
    }
}

/// What people keep beside a service or a secret, that no inventory has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tracked {
    /// The ticket.
    pub ticket: Option<String>,
    /// How urgent.
    pub priority: Option<String>,
    /// A due date instead of policy's.
    pub due: Option<Timestamp>,
    /// A note.
    pub note: Option<String>,
}
