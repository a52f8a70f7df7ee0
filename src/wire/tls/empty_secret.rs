//! The keys that a server makes which takes a ChangeCipherSpec before any key was exchanged (CVE-2014-0224): from a
//! master secret of no bytes, so that whoever saw both randoms has them. One suite family alone, AES-128-GCM with SHA-256
//! in TLS 1.2 (RFC 5246, sections 5 and 6.3; RFC 5288), which every such server of OpenSSL 1.0.1 has.
//!
//! A server that reads a record under these keys, and stumbles over one that is not, has proved the flaw without a word
//! of its own. Nothing secret is in here, and it decrypts nothing of anybody's.

use ring::{
    aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    hmac,
};

use super::record;

const VERSION: u16 = 0x0303;
const KEY: usize = 16;
const SALT: usize = 4;
const EXPLICIT: usize = 8;

/// Suites whose keys are made this way, whatever their key exchange: it has not happened yet.
pub const SUITES: &[u16] = &[0x009c, 0xc02f, 0xc02b, 0x009e];

/// One direction, from the client to the server.
#[derive(Debug)]
pub struct ClientKeys {
    key: LessSafeKey,
    salt: [u8; SALT],
    sequence: u64,
}

impl ClientKeys {
    /// The keys that follow from both randoms alone.
    pub fn derive(client_random: &[u8; 32], server_random: &[u8; 32]) -> Option<Self> {
        let seed = [b"key expansion", &server_random[..], &client_random[..]].concat();
        let block = prf(&seed, 2 * (KEY + SALT));
        let key = UnboundKey::new(&AES_128_GCM, block.get(..KEY)?).ok()?;
        let salt = block.get(2 * KEY..)?.first_chunk::<SALT>().copied()?;
        Some(Self { key: LessSafeKey::new(key), salt, sequence: 0 })
    }

    /// Appends a record with this content, sealed.
    pub fn seal(&mut self, out: &mut Vec<u8>, content_type: u8, plain: &[u8]) -> Option<()> {
        let explicit = self.sequence.to_be_bytes();
        let mut sealed = plain.to_vec();
        let aad = self.aad(content_type, plain.len())?;
        self.key.seal_in_place_append_tag(self.nonce(explicit), aad, &mut sealed).ok()?;
        record::encode(out, content_type, VERSION, &[&explicit[..], &sealed].concat());
        self.sequence += 1;
        Some(())
    }

    /// The content of a record's fragment that was sealed in turn, for a scripted server; `None`: it was not.
    pub fn open(&mut self, content_type: u8, fragment: &[u8]) -> Option<Vec<u8>> {
        let (explicit, sealed) = fragment.split_first_chunk::<EXPLICIT>()?;
        let mut sealed = sealed.to_vec();
        let plain = sealed.len().checked_sub(AES_128_GCM.tag_len())?;
        let aad = self.aad(content_type, plain)?;
        self.key.open_in_place(self.nonce(*explicit), aad, &mut sealed).ok()?;
        sealed.truncate(plain);
        self.sequence += 1;
        Some(sealed)
    }

    fn nonce(&self, explicit: [u8; EXPLICIT]) -> Nonce {
        let mut nonce = [0; SALT + EXPLICIT];
        for (slot, byte) in nonce.iter_mut().zip(self.salt.iter().chain(&explicit)) {
            *slot = *byte;
        }
        Nonce::assume_unique_for_key(nonce)
    }

    fn aad(&self, content_type: u8, length: usize) -> Option<Aad<Vec<u8>>> {
        let mut aad = self.sequence.to_be_bytes().to_vec();
        aad.push(content_type);
        aad.extend_from_slice(&VERSION.to_be_bytes());
        aad.extend_from_slice(&u16::try_from(length).ok()?.to_be_bytes());
        Some(Aad::from(aad))
    }
}

/// P_SHA256 under a secret of no bytes (RFC 5246, section 5).
fn prf(seed: &[u8], length: usize) -> Vec<u8> {
    let secret = hmac::Key::new(hmac::HMAC_SHA256, &[]);
    let mut out = Vec::with_capacity(length + 32);
    let mut a = hmac::sign(&secret, seed);
    while out.len() < length {
        let piece = [a.as_ref(), seed].concat();
        out.extend_from_slice(hmac::sign(&secret, &piece).as_ref());
        a = hmac::sign(&secret, a.as_ref());
    }
    out.truncate(length);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_is_opened_in_turn_and_nothing_else_is() {
        let (client, server) = ([1; 32], [2; 32]);
        let mut ours = ClientKeys::derive(&client, &server).unwrap();
        let mut theirs = ClientKeys::derive(&client, &server).unwrap();
        let mut out = Vec::new();
        for plain in [&[1, 90][..], b"", b"more"] {
            out.clear();
            ours.seal(&mut out, record::ALERT, plain).unwrap();
            let fragment = &out[record::HEADER_LEN..];
            assert_eq!(theirs.open(record::HANDSHAKE, fragment), None, "another type");
            assert_eq!(theirs.open(record::ALERT, fragment).as_deref(), Some(plain));
            assert_eq!(theirs.open(record::ALERT, fragment), None, "a second time");
        }
        let mut others = ClientKeys::derive(&client, &[3; 32]).unwrap();
        assert_eq!(others.open(record::ALERT, &out[record::HEADER_LEN..]), None);
        for cut in 0..24 {
            assert_eq!(theirs.open(record::ALERT, &vec![0; cut]), None, "{cut} bytes");
        }
    }
}
