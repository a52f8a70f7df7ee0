//! What a STUN or TURN server said (RFC 8489, RFC 8656): over which transports it answers, and whether it relays for
//! anybody. Raw, without any judgement.

use serde::{Deserialize, Serialize};

use super::vocabulary;

vocabulary! {
    /// Whether an allocation needs credentials.
    Allocation, "allocation" {
        /// Refused without credentials (401).
        NeedsCredentials = "needs-credentials",
        /// Granted to a stranger: an open relay.
        Open = "open",
        /// The server has no TURN, or refuses it for another reason.
        Refused = "refused",
        /// No answer.
        Silent = "silent",
    }
}

/// What one look learned of a relay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relay {
    /// Whether a binding request was answered.
    pub binding: bool,
    /// Whether an allocation needs credentials. Absent: not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allocation: Option<Allocation>,
    /// Whether an allocation that was granted was given back, by the server's own word. Absent: none was granted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_back: Option<bool>,
    /// The error code that refused the allocation (RFC 8489, 14.8).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<u16>,
}
