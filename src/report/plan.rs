//! The plan of the whole fleet: text for a terminal, Markdown, one self-contained HTML page with a picture of each
//! key's blast radius, and JSON (`allclear.plan/1`, see [`json`]). It lays out what `remediate` planned and computes
//! nothing beyond counts and groups of names.

mod html;
mod json;
mod keys;
mod markdown;
mod text;
mod words;

#[cfg(test)]
mod tests;

use crate::model::{ids::SweepId, policy::Presume, time::Timestamp};

pub use html::html;
pub use json::{SCHEMA, json};
pub use markdown::markdown;
pub use text::text;

/// What must not be done in the wrong order, with the reason; shown by every form of the plan.
pub const ORDER: [&str; 3] = [
    "No restart before the fix is installed: it brings the key into fresh memory, where it leaks sooner.",
    "No new key before the restart: a key made while an endpoint that gets it still leaks is exposed as well.",
    "No revocation before every endpoint has left the key: clients would be turned away where it is still served.",
];

/// What of the plan was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Only {
    /// Where this owner acts.
    Owner(String),
    /// What concerns the services that are called so.
    Service(String),
    /// The blast radius of this key alone.
    Key(String),
}

/// What stands around the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// The incident's name.
    pub incident: String,
    /// The disclosure's id.
    pub disclosure: String,
    /// Its title.
    pub title: String,
    /// The last sweep; absent before the first.
    pub sweep: Option<SweepId>,
    /// When this was written.
    pub generated_at: Timestamp,
    /// The head of the evidence chain.
    pub chain_head: String,
    /// Who owes new keys although clean on the first look.
    pub presume: Presume,
    /// The version of the tool.
    pub tool: String,
    /// What was asked for; absent: everything.
    pub only: Option<Only>,
}
