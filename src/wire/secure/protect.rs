//! Records under keys: AES-CBC with a MAC inside (RFC 5246, 6.2.3.2) and AES-GCM (RFC 5288), for TLS 1.0 to 1.2 and
//! DTLS. Sequence numbers are the caller's, since DTLS writes them out and TLS counts them.
//!
//! What does not check out is `None`. Padding and MAC are not checked in constant time: this side has nothing to hide.

use aes::{Aes128, Aes256};
use cbc::cipher::{BlockModeDecrypt as _, BlockModeEncrypt as _, KeyIvInit as _, block_padding::NoPadding};
use ring::{aead, hmac};

use super::suite::{Bulk, Mac, Suite};
use crate::wire::cursor::Cursor;

const BLOCK: usize = 16;
const TAG: usize = 16;
const EXPLICIT_NONCE: usize = 8;

/// One direction of a connection.
pub struct Half {
    inner: Inner,
}

enum Inner {
    Cbc {
        key: Vec<u8>,
        mac: Box<hmac::Key>,
        mac_len: usize,
        /// The last block of the record before, in TLS 1.0. `None`: each record brings its own.
        chained: Option<[u8; BLOCK]>,
    },
    Gcm {
        key: Box<aead::LessSafeKey>,
        salt: [u8; 4],
    },
}

/// The client's direction and the server's, out of the key material (RFC 5246, 6.3). `explicit`: each record has an
/// initialisation vector of its own, from TLS 1.1 and in DTLS.
pub fn halves(suite: &Suite, block: &[u8], explicit: bool) -> Option<(Half, Half)> {
    let mut at = Cursor(block);
    match suite.bulk {
        Bulk::Cbc(mac) => {
            let macs = [at.take(mac.len())?, at.take(mac.len())?];
            let keys = [at.take(suite.key)?, at.take(suite.key)?];
            let vectors: [&[u8; BLOCK]; 2] = [at.array()?, at.array()?];
            let half = |n: usize| {
                Some(Half {
                    inner: Inner::Cbc {
                        key: keys.get(n)?.to_vec(),
                        mac: Box::new(hmac::Key::new(algorithm(mac), macs.get(n)?)),
                        mac_len: mac.len(),
                        chained: if explicit { None } else { Some(**vectors.get(n)?) },
                    },
                })
            };
            Some((half(0)?, half(1)?))
        }
        Bulk::Gcm => {
            let keys = [at.take(suite.key)?, at.take(suite.key)?];
            let salts: [&[u8; 4]; 2] = [at.array()?, at.array()?];
            let algorithm = if suite.key == 32 { &aead::AES_256_GCM } else { &aead::AES_128_GCM };
            let half = |n: usize| {
                let key = aead::UnboundKey::new(algorithm, keys.get(n)?).ok()?;
                Some(Half {
                    inner: Inner::Gcm { key: Box::new(aead::LessSafeKey::new(key)), salt: **salts.get(n)? },
                })
            };
            Some((half(0)?, half(1)?))
        }
    }
}

const fn algorithm(mac: Mac) -> hmac::Algorithm {
    match mac {
        Mac::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        Mac::Sha256 => hmac::HMAC_SHA256,
        Mac::Sha384 => hmac::HMAC_SHA384,
    }
}

/// Sequence number, type, version and length of the plain text: what MAC and GCM bind.
fn header(sequence: u64, content_type: u8, version: u16, length: usize) -> [u8; 13] {
    let mut out = [0; 13];
    let length = u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
    let parts = [&sequence.to_be_bytes()[..], &[content_type], &version.to_be_bytes(), &length].concat();
    out.copy_from_slice(&parts);
    out
}

impl Half {
    /// The fragment of a record that holds `plain`.
    pub fn seal(&mut self, sequence: u64, content_type: u8, version: u16, plain: &[u8]) -> Vec<u8> {
        let bound = header(sequence, content_type, version, plain.len());
        match &mut self.inner {
            Inner::Cbc { key, mac, chained, .. } => {
                let mut text = plain.to_vec();
                text.extend_from_slice(tag(mac, &bound, plain).as_ref());
                let padding = BLOCK - 1 - text.len() % BLOCK;
                let byte = u8::try_from(padding).unwrap_or(0);
                text.resize(text.len() + padding + 1, byte);
                let vector = chained.unwrap_or_else(rand::random);
                let sealed = encrypt(key, &vector, text).unwrap_or_default();
                if let Some(chained) = chained {
                    *chained = sealed.last_chunk().copied().unwrap_or_default();
                    return sealed;
                }
                [&vector[..], &sealed].concat()
            }
            Inner::Gcm { key, salt } => {
                let explicit = sequence.to_be_bytes();
                let mut text = plain.to_vec();
                let nonce = nonce(*salt, explicit);
                match key.seal_in_place_append_tag(nonce, aead::Aad::from(bound), &mut text) {
                    Ok(()) => [&explicit[..], &text].concat(),
                    Err(_) => Vec::new(), // longer than GCM can be: nothing here is
                }
            }
        }
    }

    /// What a record holds; `None` where it was not sealed by the other side with these keys and this number.
    pub fn open(
        &mut self,
        sequence: u64,
        content_type: u8,
        version: u16,
        fragment: &[u8],
    ) -> Option<Vec<u8>> {
        match &mut self.inner {
            Inner::Cbc { key, mac, mac_len, chained } => {
                let (vector, sealed) = match chained {
                    Some(vector) => (*vector, fragment),
                    None => fragment.split_first_chunk().map(|(v, rest)| (*v, rest))?,
                };
                if let Some(chained) = chained {
                    *chained = *sealed.last_chunk()?;
                }
                let mut text = decrypt(key, &vector, sealed.to_vec())?;
                let padding = usize::from(*text.last()?);
                let length = text.len().checked_sub(padding + 1)?;
                let padded = text.get(length..)?.iter().all(|b| usize::from(*b) == padding);
                text.truncate(length);
                let length = text.len().checked_sub(*mac_len)?;
                let (plain, sum) = text.split_at_checked(length)?;
                let bound = header(sequence, content_type, version, plain.len());
                (padded && tag(mac, &bound, plain).as_ref() == sum).then(|| plain.to_vec())
            }
            Inner::Gcm { key, salt } => {
                let (explicit, sealed) = fragment.split_first_chunk::<EXPLICIT_NONCE>()?;
                let length = sealed.len().checked_sub(TAG)?;
                let bound = header(sequence, content_type, version, length);
                let mut text = sealed.to_vec();
                let plain = key.open_in_place(nonce(*salt, *explicit), aead::Aad::from(bound), &mut text);
                plain.ok().map(|p| p.to_vec())
            }
        }
    }
}

fn nonce(salt: [u8; 4], explicit: [u8; EXPLICIT_NONCE]) -> aead::Nonce {
    let mut bytes = [0; 12];
    for (slot, byte) in bytes.iter_mut().zip(salt.iter().chain(&explicit)) {
        *slot = *byte;
    }
    aead::Nonce::assume_unique_for_key(bytes)
}

fn tag(mac: &hmac::Key, bound: &[u8], plain: &[u8]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(mac);
    context.update(bound);
    context.update(plain);
    context.sign()
}

/// AES-CBC over whole blocks.
fn encrypt(key: &[u8], vector: &[u8; BLOCK], mut text: Vec<u8>) -> Option<Vec<u8>> {
    let length = text.len();
    if key.len() == 32 {
        let mode = cbc::Encryptor::<Aes256>::new_from_slices(key, vector).ok()?;
        mode.encrypt_padded::<NoPadding>(&mut text, length).ok()?;
    } else {
        let mode = cbc::Encryptor::<Aes128>::new_from_slices(key, vector).ok()?;
        mode.encrypt_padded::<NoPadding>(&mut text, length).ok()?;
    }
    Some(text)
}

fn decrypt(key: &[u8], vector: &[u8; BLOCK], mut text: Vec<u8>) -> Option<Vec<u8>> {
    if key.len() == 32 {
        let mode = cbc::Decryptor::<Aes256>::new_from_slices(key, vector).ok()?;
        mode.decrypt_padded::<NoPadding>(&mut text).ok()?;
    } else {
        let mode = cbc::Decryptor::<Aes128>::new_from_slices(key, vector).ok()?;
        mode.decrypt_padded::<NoPadding>(&mut text).ok()?;
    }
    Some(text)
}
