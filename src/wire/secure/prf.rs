//! The pseudorandom function and what is derived with it: master secret, key material, Finished (RFC 2246, 5; RFC 5246,
//! 5, 6.3, 7.4.9).

use ::hmac::{Hmac, KeyInit as _, Mac as _};
use md5::{Digest as _, Md5};
use ring::{digest, hmac};

/// Bytes of the master secret.
pub const MASTER_LEN: usize = 48;
/// Bytes of a Finished message's body.
pub const FINISHED_LEN: usize = 12;

/// Which function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prf {
    /// MD5 and SHA-1 together, up to TLS 1.1 and DTLS 1.0.
    Legacy,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
}

/// Who finishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The client.
    Client,
    /// The server.
    Server,
}

impl Prf {
    /// `length` bytes from a secret, a label and a seed.
    pub fn derive(self, secret: &[u8], label: &[u8], seed: &[u8], length: usize) -> Vec<u8> {
        let seed = [label, seed].concat();
        match self {
            Self::Sha256 => expand(&ring_mac(hmac::HMAC_SHA256, secret), &seed, length),
            Self::Sha384 => expand(&ring_mac(hmac::HMAC_SHA384, secret), &seed, length),
            Self::Legacy => {
                // Two halves, which share the byte in the middle where the length is odd.
                let half = secret.len().div_ceil(2);
                let first = secret.get(..half).unwrap_or_default();
                let second = secret.get(secret.len() - half..).unwrap_or_default();
                let md5 = expand(&|parts: &[&[u8]]| md5_mac(first, parts), &seed, length);
                let sha = expand(&ring_mac(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, second), &seed, length);
                md5.iter().zip(&sha).map(|(a, b)| a ^ b).collect()
            }
        }
    }

    /// The master secret of a handshake with these randoms.
    pub fn master(self, premaster: &[u8], client: &[u8; 32], server: &[u8; 32]) -> Vec<u8> {
        self.derive(premaster, b"master secret", &[&client[..], server].concat(), MASTER_LEN)
    }

    /// Key material.
    pub fn key_block(self, master: &[u8], client: &[u8; 32], server: &[u8; 32], length: usize) -> Vec<u8> {
        self.derive(master, b"key expansion", &[&server[..], client].concat(), length)
    }

    /// The body of a Finished message over all handshake messages before it.
    pub fn finished(self, master: &[u8], side: Side, transcript: &[u8]) -> Vec<u8> {
        let label: &[u8] = match side {
            Side::Client => b"client finished",
            Side::Server => b"server finished",
        };
        let sum = |algorithm| digest::digest(algorithm, transcript).as_ref().to_vec();
        let hash = match self {
            Self::Legacy => {
                [Md5::digest(transcript).to_vec(), sum(&digest::SHA1_FOR_LEGACY_USE_ONLY)].concat()
            }
            Self::Sha256 => sum(&digest::SHA256),
            Self::Sha384 => sum(&digest::SHA384),
        };
        self.derive(master, label, &hash, FINISHED_LEN)
    }
}

/// P_hash (RFC 5246, 5).
fn expand(mac: &impl Fn(&[&[u8]]) -> Vec<u8>, seed: &[u8], length: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(length);
    let mut a = mac(&[seed]);
    while out.len() < length {
        out.extend_from_slice(&mac(&[&a, seed]));
        a = mac(&[&a]);
    }
    out.truncate(length);
    out
}

fn ring_mac(algorithm: hmac::Algorithm, key: &[u8]) -> impl Fn(&[&[u8]]) -> Vec<u8> {
    let key = hmac::Key::new(algorithm, key);
    move |parts| {
        let mut context = hmac::Context::with_key(&key);
        for part in parts {
            context.update(part);
        }
        context.sign().as_ref().to_vec()
    }
}

fn md5_mac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    // An HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Md5>::new_from_slice(key) else { return Vec::new() };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}
