//! What a row of evidence hashes since schema 6: its facts in the clear, and a salted commitment to the whole of it.
//!
//! A chain that hashed bodies could only be checked by whoever may read them all. Here a row's hash covers
//!
//! - its **facts**: what tells of kind, time and outcome, and names nobody ([`facts`]), and
//! - a **commitment**: SHA-256 over a salt of the row and its body. Whoever has the salt can check the body; whoever
//!   has not learns nothing of it, and cannot even try a guess, since salts come from a secret of the incident file.
//!
//! So a bundle can leave bodies out, and the chain still checks. The shape of the facts is frozen: a change of it would
//! break every chain that exists.

use ring::{digest, hmac};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::chain::{Columns, Kind};
use crate::model::{ids::Sha256, text::printable};

const SALT: &[u8] = b"allclear/salt/1";
const COMMITMENT: &[u8] = b"allclear/commitment/1\0";
const ROW: &[u8] = b"allclear/row/2\0";

/// The incident's secret, from which the salt of each row comes.
#[derive(Clone)]
pub(super) struct Salts(hmac::Key);

impl Salts {
    /// Of a secret of 32 random bytes.
    pub(super) fn new(secret: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// The salt of a row: HMAC-SHA256 over the text `allclear/salt/1` and the row's number in 8 bytes.
    fn salt(&self, row: i64) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(SALT);
        context.update(&row.to_be_bytes());
        context.sign()
    }

    /// SHA-256 over the text `allclear/commitment/1`, a zero byte, the row's salt and its body.
    pub(super) fn commit(&self, row: i64, body: &[u8]) -> Sha256 {
        sha256(&[COMMITMENT, self.salt(row).as_ref(), body])
    }
}

impl std::fmt::Debug for Salts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Salts")
    }
}

/// The hash of a row: SHA-256 over the text `allclear/row/2`, a zero byte, the previous hash, the kind, a zero byte, the
/// facts, a zero byte and the commitment. JSON holds no zero byte, so no two rows are written alike.
pub(super) fn link(previous: &Sha256, kind: &str, facts: &str, commitment: &Sha256) -> Sha256 {
    sha256(&[ROW, previous.bytes(), kind.as_bytes(), &[0], facts.as_bytes(), &[0], commitment.bytes()])
}

fn sha256(parts: &[&[u8]]) -> Sha256 {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(part);
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    Sha256::from_bytes(hash)
}

/// What an observation shows without naming anybody. Texts are taken from the body as they stand there.
#[derive(Deserialize, Serialize)]
struct Seen<'b> {
    #[serde(borrow)]
    port: &'b RawValue,
    #[serde(borrow)]
    transport: &'b RawValue,
    #[serde(borrow)]
    wrap: &'b RawValue,
    #[serde(borrow)]
    contact: &'b RawValue,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    skip: Option<&'b RawValue>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    tls: Option<&'b RawValue>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    attempts: Option<&'b RawValue>,
}

#[derive(Serialize)]
struct Facts<'b> {
    #[serde(skip_serializing_if = "Option::is_none")]
    sweep: Option<String>,
    at: String,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    seen: Option<Seen<'b>>,
}

/// The facts of a row as JSON: its sweep and time; of an observation also port, transport, wrap, how the contact ended,
/// the handshake and the attempts.
///
/// # Errors
///
/// A body that is no observation although its kind says so, in words that are safe to show.
pub(super) fn facts(kind: Kind, columns: &Columns, body: &str) -> Result<String, String> {
    let seen = match kind {
        Kind::Observation => {
            Some(serde_json::from_str::<Seen<'_>>(body).map_err(|e| printable(&e.to_string()).into_owned())?)
        }
        _ => None,
    };
    let facts = Facts { sweep: columns.sweep.map(|s| s.to_string()), at: columns.at.to_string(), seen };
    serde_json::to_string(&facts).map_err(|e| e.to_string())
}
