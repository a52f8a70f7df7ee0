//! Which suites a handshake can be finished with here: RSA, ephemeral curves and ephemeral groups, AES in CBC and GCM.
//! That is what servers of the last twenty years have in common; RC4, 3DES and the rest are not spoken.

/// How the secret comes about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exchange {
    /// Encrypted to the server's RSA key (RFC 5246, 7.4.7.1).
    Rsa,
    /// Ephemeral keys on a curve (RFC 8422).
    Ecdhe,
    /// Ephemeral keys in a group (RFC 5246, 7.4.3).
    Dhe,
}

/// The digest of a record's MAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mac {
    /// HMAC-SHA1.
    Sha1,
    /// HMAC-SHA256.
    Sha256,
    /// HMAC-SHA384.
    Sha384,
}

impl Mac {
    /// Bytes of it.
    pub const fn len(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
        }
    }

    /// Never: there is always a MAC.
    pub const fn is_empty(self) -> bool {
        false
    }
}

/// How records are protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bulk {
    /// AES-CBC, MAC first.
    Cbc(Mac),
    /// AES-GCM.
    Gcm,
}

/// A suite with which a handshake can be finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suite {
    /// Its IANA number.
    pub number: u16,
    /// How the secret comes about.
    pub exchange: Exchange,
    /// Bytes of the AES key.
    pub key: usize,
    /// How records are protected.
    pub bulk: Bulk,
    /// Whether the derivation of TLS 1.2 uses SHA-384 instead of SHA-256.
    pub sha384: bool,
}

impl Suite {
    /// Bytes of key material for both directions (RFC 5246, 6.3). With `implicit` initialisation vectors in it, as TLS
    /// 1.0 has them; enough for either way.
    pub const fn key_block_len(&self) -> usize {
        let (mac, iv) = match self.bulk {
            Bulk::Cbc(mac) => (mac.len(), 16),
            Bulk::Gcm => (0, 4),
        };
        2 * (mac + self.key + iv)
    }
}

const fn cbc(number: u16, exchange: Exchange, key: usize, mac: Mac) -> Suite {
    Suite { number, exchange, key, bulk: Bulk::Cbc(mac), sha384: matches!(mac, Mac::Sha384) }
}

const fn gcm(number: u16, exchange: Exchange, key: usize) -> Suite {
    Suite { number, exchange, key, bulk: Bulk::Gcm, sha384: key == 32 }
}

use Exchange::{Dhe, Ecdhe, Rsa};
use Mac::{Sha1, Sha256, Sha384};

/// Every one, in the order of offer: first what costs the server no signature.
pub const SUITES: &[Suite] = &[
    gcm(0x009c, Rsa, 16),
    gcm(0x009d, Rsa, 32),
    cbc(0x002f, Rsa, 16, Sha1),
    cbc(0x0035, Rsa, 32, Sha1),
    cbc(0x003c, Rsa, 16, Sha256),
    cbc(0x003d, Rsa, 32, Sha256),
    gcm(0xc02f, Ecdhe, 16),
    gcm(0xc030, Ecdhe, 32),
    cbc(0xc013, Ecdhe, 16, Sha1),
    cbc(0xc014, Ecdhe, 32, Sha1),
    cbc(0xc027, Ecdhe, 16, Sha256),
    cbc(0xc028, Ecdhe, 32, Sha384),
    gcm(0xc02b, Ecdhe, 16),
    gcm(0xc02c, Ecdhe, 32),
    cbc(0xc009, Ecdhe, 16, Sha1),
    cbc(0xc00a, Ecdhe, 32, Sha1),
    cbc(0xc023, Ecdhe, 16, Sha256),
    cbc(0xc024, Ecdhe, 32, Sha384),
    gcm(0x009e, Dhe, 16),
    gcm(0x009f, Dhe, 32),
    cbc(0x0033, Dhe, 16, Sha1),
    cbc(0x0039, Dhe, 32, Sha1),
    cbc(0x0067, Dhe, 16, Sha256),
    cbc(0x006b, Dhe, 32, Sha256),
];

/// The suite with this number.
pub fn find(number: u16) -> Option<&'static Suite> {
    SUITES.iter().find(|s| s.number == number)
}
