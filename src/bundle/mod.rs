//! A bundle: one file that carries an incident, or what may be shown of it, and shows any edit of itself.
//!
//! ```text
//! allclear-bundle/1                       the first line
//! {"schema":"allclear.bundle/1",...}      the manifest: who made it, and the digest of the payload
//! ed25519:BASE64 | sha256:HEX             over both lines above, each with its line end
//! gzip of JSON lines                      the payload, to the end of the file
//! ```
//!
//! Every byte is covered: the third line covers the first two, the manifest the payload and its length. Without a key the
//! third line is a digest, which shows accidents and no forgery. It can be checked with common tools; docs/bundle.md
//! shows how.
//!
//! What the lines of the payload mean is not known here; nothing is judged, and no clock is read.

mod error;
mod key;
mod read;
mod write;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::model::{ids::Sha256, time::Timestamp};

pub use error::Error;
pub use key::{PublicKey, SigningKey, generate};
pub use read::{Bundle, fuzz};
pub use write::Writer;

/// The first line, without its end.
const MAGIC: &str = "allclear-bundle/1";
/// The manifest's schema.
pub const SCHEMA: &str = "allclear.bundle/1";

/// What a bundle says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`SCHEMA`].
    pub schema: String,
    /// The program and version that made it.
    pub tool: String,
    /// When.
    pub made_at: Timestamp,
    /// How, as it was typed; absent where names are hidden.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command_line: Option<String>,
    /// The incident's name; absent where names are hidden.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<String>,
    /// Whether names are hidden and bodies left out.
    pub redacted: bool,
    /// The disclosure that the report in it is about.
    pub disclosure: String,
    /// SHA-256 over the rules by which it was judged.
    pub rules: Sha256,
    /// The head of the evidence chain.
    pub chain_head: Sha256,
    /// Rows of the chain.
    pub evidence_rows: u64,
    /// What follows.
    pub payload: Payload,
    /// The public key of whoever signed it, 32 bytes in base64; absent where nobody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
}

/// The payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payload {
    /// SHA-256 of its bytes as they stand in the file.
    pub sha256: Sha256,
    /// How many these are.
    pub bytes: u64,
    /// Bytes once it is unpacked.
    pub expanded: u64,
    /// Lines.
    pub lines: u64,
}
