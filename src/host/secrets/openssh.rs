//! OpenSSH's own form of private keys. Its public half stands there in the clear, also where the private
//! one is under a pass phrase; only that half is read.

use super::{
    der::{OID, write, write_spki},
    private::{self, Found, P256, P384, P521, RSA_IDENTIFIER},
};
use crate::model::host::{KeyAlgorithm, KeyForm};

const MAGIC: &[u8] = b"openssh-key-v1\0";

/// A walk over strings with a length of four bytes before them.
struct Strings<'a>(&'a [u8]);

impl<'a> Strings<'a> {
    fn number(&mut self) -> Option<u32> {
        let (bytes, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*bytes))
    }

    fn next(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(text)
    }
}

/// The first key of such a file.
pub(super) fn key(bytes: &[u8]) -> Option<Found> {
    let mut strings = Strings(bytes.strip_prefix(MAGIC)?);
    let cipher = strings.next()?;
    let (_kdf, _options) = (strings.next()?, strings.next()?);
    if strings.number()? == 0 {
        return None;
    }
    let mut found = public(strings.next()?)?;
    if cipher != b"none" && found.note.is_none() {
        found.note = Some("under a pass phrase");
    }
    Some(found)
}

fn public(blob: &[u8]) -> Option<Found> {
    let mut strings = Strings(blob);
    match strings.next()? {
        b"ssh-rsa" => {
            let exponent = strings.next()?;
            Some(private::rsa(KeyForm::Openssh, RSA_IDENTIFIER, strings.next()?, exponent))
        }
        b"ssh-ed25519" => {
            let found = Found { bits: Some(256), ..Found::new(KeyForm::Openssh, KeyAlgorithm::Ed25519) };
            Some(found.with_spki(&write_spki(&private::ed25519_identifier(), strings.next()?)))
        }
        b"ecdsa-sha2-nistp256" => ec(&mut strings, P256, 256),
        b"ecdsa-sha2-nistp384" => ec(&mut strings, P384, 384),
        b"ecdsa-sha2-nistp521" => ec(&mut strings, P521, 521),
        b"ssh-dss" => {
            let numbers = [strings.next()?, strings.next()?, strings.next()?, strings.next()?];
            Some(private::dsa_by_numbers(KeyForm::Openssh, numbers))
        }
        name if name.starts_with(b"sk-") => Some(Found {
            note: Some("a handle: the key is in a device"),
            ..Found::new(KeyForm::Openssh, KeyAlgorithm::Unknown)
        }),
        _ => Some(Found {
            note: Some("an algorithm that is not known"),
            ..Found::new(KeyForm::Openssh, KeyAlgorithm::Unknown)
        }),
    }
}

fn ec(strings: &mut Strings<'_>, curve: &[u8], bits: u32) -> Option<Found> {
    let _name = strings.next()?;
    let found = Found { bits: Some(bits), ..Found::new(KeyForm::Openssh, KeyAlgorithm::Ec) };
    Some(private::ec(found, &write(OID, &[curve]), strings.next()?))
}
