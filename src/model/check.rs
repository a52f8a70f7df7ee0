//! What the network shows of a secret: which check was declared, and what it saw. Names and public identifiers only.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{ids::SweepId, time::Timestamp, vocabulary};

vocabulary! {
    /// What kind of thing is looked at.
    CheckKind, "check" {
        /// The key name of a TLS 1.2 session ticket: its first 16 bytes (RFC 5077, 4). Target `HOST:PORT`.
        TicketKey = "ticket-key",
        /// The `kid`s of a JSON Web Key Set (RFC 7517). Target `https://...`.
        Jwks = "jwks",
        /// The key in a DKIM record (RFC 6376, 3.6.1); an empty `p=` is revoked. Target `SELECTOR._domainkey.DOMAIN`.
        Dkim = "dkim",
        /// The associations of a TLSA record (RFC 6698). Target `_PORT._tcp.HOST`.
        Tlsa = "tlsa",
        /// The fingerprints of SSH host keys (`SHA256:...`). Target `HOST:PORT`.
        SshHostKey = "ssh-host-key",
    }
}

/// A check that somebody declared for a secret, or that its type brings. Written `KIND TARGET [OLD]`, such as
/// `jwks https://id.example.test/jwks kid-2014`, `dkim mail2014._domainkey.example.test`, `ssh-host-key web01:22 SHA256:...`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SecretCheck {
    /// What kind of thing is looked at.
    pub kind: CheckKind,
    /// Where.
    pub target: String,
    /// The old one's public identifier; absent: whatever was seen not after the leak was open.
    pub old: Option<String>,
}

/// Why a text is no check.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no check; expected KIND TARGET [OLD], with KIND one of: ticket-key, jwks, dkim, tlsa, ssh-host-key"
)]
pub struct BadCheck {
    text: String,
}

impl FromStr for SecretCheck {
    type Err = BadCheck;

    fn from_str(text: &str) -> Result<Self, BadCheck> {
        let bad = || BadCheck { text: text.chars().take(80).collect() };
        let mut words = text.split_whitespace();
        let kind = words.next().and_then(|w| w.parse().ok()).ok_or_else(bad)?;
        let target = words.next().ok_or_else(bad)?.to_owned();
        let old = words.next().map(str::to_owned);
        if words.next().is_some() {
            return Err(bad());
        }
        Ok(Self { kind, target, old })
    }
}

impl fmt::Display for SecretCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.target)?;
        self.old.as_ref().map_or(Ok(()), |old| write!(f, " {old}"))
    }
}

impl Serialize for SecretCheck {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SecretCheck {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What one check saw. A fact: whether the old one is gone is judged from all of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// When.
    pub at: Timestamp,
    /// The last sweep begun before it.
    pub after_sweep: Option<SweepId>,
    /// The secret's id.
    pub secret: String,
    /// What kind of thing was looked at.
    pub kind: CheckKind,
    /// Where.
    pub target: String,
    /// The public identifiers that were seen, sorted; empty: it answered, and there is none (an emptied selector).
    /// Absent: it could not be seen, which says nothing.
    pub seen: Option<Vec<String>>,
    /// Why it could not be seen, or what else a reader should know.
    pub detail: Option<String>,
}
