//! What was taken in of another incident file: another vantage's evidence, merged.

use serde::{Deserialize, Serialize};

use super::{
    ids::{Sha256, SweepId},
    time::Timestamp,
};

/// One bundle that was merged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Merge {
    /// When.
    pub at: Timestamp,
    /// Whose: the hash of the first row of its chain, which no other file has.
    pub origin: Sha256,
    /// Its incident's name.
    pub incident: String,
    /// Rows of its chain that have been looked at, from the first; a later bundle of it is taken from there on.
    pub rows: u64,
    /// The hash of the last of them.
    pub head: Sha256,
    /// The public key that signed the bundle, base64; absent where nobody signed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<String>,
    /// Its sweeps under their numbers there and here.
    pub sweeps: Vec<(SweepId, SweepId)>,
}
