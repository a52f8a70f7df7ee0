//! What the network shows of secrets: public names of keys, never a key. Whether an old one is gone is not said here.
//!
//! | check | what is asked | what is named |
//! |---|---|---|
//! | `ticket-key` | two whole TLS 1.2 handshakes, of any certificate | the first 16 octets of a session ticket |
//! | `jwks` | one GET, verified | the `kid`s, or RFC 7638 thumbprints |
//! | `dkim`, `tlsa` | one question to a resolver | the digest of the key; the association |
//! | `ssh-host-key` | a key exchange for each kind of host key, not finished | fingerprints as `ssh-keygen -l` prints them |
//!
//! Every address of a host is asked, and what they show is put together. One that does not answer leaves all of it
//! unseen: an old key that is missing from half an answer is not gone.

pub mod dns;

mod jwks;
mod ssh;
mod ticket;

#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, net::SocketAddr, time::Duration};

use super::{context::Context, kind::Target, limits::Timeouts, trace::Aside};
use crate::model::wrap::{Transport, Wrap};

/// The longest identifier that is kept as it is; a longer one is kept as its digest.
const MAX_IDENTIFIER: usize = 256;
/// The most identifiers of one check.
const MAX_IDENTIFIERS: usize = 1000;
/// The most addresses of a host that are asked.
pub const MAX_ADDRESSES: usize = 8;
/// The longest explanation that is kept, in characters.
const MAX_DETAIL: usize = 300;

/// What one check saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Public identifiers, sorted; empty: it answered, and there is none. Absent: it could not be seen.
    pub seen: Option<Vec<String>>,
    /// Why not, or what else a reader should know.
    pub detail: Option<String>,
}

impl Seen {
    /// It could not be seen.
    pub fn nothing(why: impl Into<String>) -> Self {
        let why: String = why.into();
        Self { seen: None, detail: Some(why.chars().take(MAX_DETAIL).collect()) }
    }

    /// These, each once and sorted.
    fn these(identifiers: impl IntoIterator<Item = String>, detail: Option<String>) -> Self {
        let all: BTreeSet<String> = identifiers.into_iter().map(kept).collect();
        if all.len() > MAX_IDENTIFIERS {
            return Self::nothing(format!("more than {MAX_IDENTIFIERS} identifiers"));
        }
        Self {
            seen: Some(all.into_iter().collect()),
            detail: detail.map(|d| d.chars().take(MAX_DETAIL).collect()),
        }
    }
}

/// An identifier of bounded length.
fn kept(identifier: String) -> String {
    if identifier.len() <= MAX_IDENTIFIER {
        return identifier;
    }
    crate::model::ids::Sha256::of(identifier.as_bytes()).to_string()
}

/// Where a host is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Every address of it, with the port.
    pub addresses: Vec<SocketAddr>,
    /// The name that it goes by, for SNI and the Host field; absent for a bare address.
    pub name: Option<String>,
    /// How TLS is reached.
    pub wrap: Wrap,
}

/// One question to a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// The name of the session ticket key.
    TicketKey,
    /// The keys at a path.
    Jwks {
        /// Over TLS.
        tls: bool,
        /// Path and query.
        path: String,
    },
    /// The host keys.
    SshHostKey,
}

/// Reads the target of a `jwks` check: host, port and question.
///
/// # Errors
///
/// In words, where it is no URL that is asked.
pub fn read_url(text: &str) -> Result<(String, u16, Question), &'static str> {
    jwks::read_url(text)
}

/// The longest that a check of this kind may take at one address.
fn longest(question: &Question, limits: Timeouts) -> Duration {
    let connection = limits.connect.saturating_add(limits.step.saturating_mul(4));
    match question {
        Question::TicketKey => connection.saturating_mul(3),
        Question::Jwks { .. } => connection,
        Question::SshHostKey => connection.saturating_mul(4),
    }
}

/// Asks every address of a host, one after the other. Always comes back, within a few times the limit of a step for
/// each address.
pub async fn ask(question: &Question, place: &Place, context: &Context) -> Seen {
    if place.addresses.is_empty() {
        return Seen::nothing("the host has no address");
    }
    if place.addresses.len() > MAX_ADDRESSES {
        return Seen::nothing(format!("the host has more than {MAX_ADDRESSES} addresses"));
    }
    let mut parts = Vec::with_capacity(place.addresses.len());
    for address in &place.addresses {
        let limit = longest(question, context.settings.timeouts);
        let asking = one(question, *address, place, context);
        let seen = tokio::time::timeout(limit, asking)
            .await
            .unwrap_or_else(|_| Seen::nothing(format!("no end within {} s", limit.as_secs_f64())));
        parts.push((*address, seen));
    }
    joined(parts)
}

async fn one(question: &Question, address: SocketAddr, place: &Place, context: &Context) -> Seen {
    let aside = Aside::default();
    let target = Target {
        aside: &aside,
        address,
        wrap: place.wrap,
        sni: place.name.as_deref(),
        fragile: false,
        trial: false,
        sturdy: false,
        relays: false,
        transport: Transport::Tcp,
    };
    match question {
        Question::TicketKey => Box::pin(ticket::ask(target, context)).await,
        Question::Jwks { tls, path } => Box::pin(jwks::ask(*tls, path, target, context)).await,
        Question::SshHostKey => Box::pin(ssh::ask(address, context)).await,
    }
}

/// What several addresses showed, as one: all of it, or nothing where one of them could not be seen.
fn joined(mut parts: Vec<(SocketAddr, Seen)>) -> Seen {
    if parts.len() == 1 {
        return parts.remove(0).1;
    }
    let mut details: Vec<String> = Vec::new();
    for (address, seen) in &parts {
        let told = seen.detail.as_ref().map(|detail| format!("{}: {detail}", address.ip()));
        details.extend(told);
    }
    let detail = (!details.is_empty()).then(|| details.join("; "));
    let failed = parts.iter().find(|(_, seen)| seen.seen.is_none());
    if let Some((_, failed)) = failed {
        let why = detail.or_else(|| failed.detail.clone()).unwrap_or_default();
        return Seen::nothing(why);
    }
    Seen::these(parts.into_iter().filter_map(|(_, seen)| seen.seen).flatten(), detail)
}

/// The fuzz target: any bytes as what is published of secrets.
///
/// # Panics
///
/// When an invariant does not hold; that is its purpose.
pub fn fuzz(data: &[u8]) {
    dns::fuzz(data);
    jwks::fuzz(data);
}
