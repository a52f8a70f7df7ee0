//! Walking the outer structure of a certificate (X.690 DER, RFC 5280 section 4.1) to the serial, the names, the
//! SubjectPublicKeyInfo and the signature. Not a DER library: it knows definite lengths and low tag numbers.

use crate::wire::{cursor::Cursor, tls::suites::Auth};

pub(in crate::probe) const INTEGER: u8 = 0x02;
pub(in crate::probe) const BIT_STRING: u8 = 0x03;
pub(in crate::probe) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(in crate::probe) const SEQUENCE: u8 = 0x30;
const EXPLICIT_VERSION: u8 = 0xa0;

/// What the walk finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::probe) struct Walked<'a> {
    /// The content of the serial's INTEGER.
    pub(in crate::probe) serial: &'a [u8],
    /// The issuer's name, header included.
    pub(in crate::probe) issuer: &'a [u8],
    /// The subject's name, header included.
    pub(in crate::probe) subject: &'a [u8],
    /// The SubjectPublicKeyInfo, header included.
    pub(in crate::probe) spki: &'a [u8],
    /// What is signed, header included.
    pub(in crate::probe) tbs: &'a [u8],
    /// What follows it: the signature's algorithm and the signature.
    pub(in crate::probe) signature: &'a [u8],
}

/// Walks a certificate.
pub(in crate::probe) fn walk(der: &[u8]) -> Option<Walked<'_>> {
    let mut certificate = Cursor(content(der, SEQUENCE)?);
    let signed = element(&mut certificate)?;
    let mut tbs = Cursor(content(signed, SEQUENCE)?);
    if tbs.0.first() == Some(&EXPLICIT_VERSION) {
        element(&mut tbs)?;
    }
    let serial = content(element(&mut tbs)?, INTEGER)?;
    let _signature = sequence(&mut tbs)?;
    let issuer = sequence(&mut tbs)?;
    let _validity = sequence(&mut tbs)?;
    let subject = sequence(&mut tbs)?;
    let spki = sequence(&mut tbs)?;
    Some(Walked { serial, issuer, subject, spki, tbs: signed, signature: certificate.0 })
}

/// The next element, header included, which must be a sequence.
fn sequence<'a>(cursor: &mut Cursor<'a>) -> Option<&'a [u8]> {
    let whole = element(cursor)?;
    content(whole, SEQUENCE).map(|_| whole)
}

/// The kind of key by the algorithm's object identifier.
pub(super) fn key_kind(spki: &[u8]) -> Option<Auth> {
    let mut info = Cursor(content(spki, SEQUENCE)?);
    let mut algorithm = Cursor(content(element(&mut info)?, SEQUENCE)?);
    match content(element(&mut algorithm)?, OBJECT_IDENTIFIER)? {
        // 1.2.840.113549.1.1.1 rsaEncryption, .7 RSAES-OAEP, .10 RSASSA-PSS
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 1 | 7 | 10] => Some(Auth::Rsa),
        // 1.2.840.10045.2.1 ecPublicKey; 1.3.101.112 and 113 are Ed25519 and Ed448 (RFC 8410), which the same
        // suites serve
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01] | [0x2b, 0x65, 0x70 | 0x71] => Some(Auth::Ecdsa),
        // 1.2.840.10040.4.1 dsa
        [0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x01] => Some(Auth::Dsa),
        // 1.2.643, the arc of GOST
        [0x2a, 0x85, 0x03, ..] => Some(Auth::Gost),
        _ => None,
    }
}

/// The next element, header included.
pub(in crate::probe) fn element<'a>(cursor: &mut Cursor<'a>) -> Option<&'a [u8]> {
    let (header, length) = header(cursor.0)?;
    cursor.take(header.checked_add(length)?)
}

/// The content of an element with this tag, which must be whole.
pub(in crate::probe) fn content(der: &[u8], tag: u8) -> Option<&[u8]> {
    let (header, length) = header(der)?;
    if der.first() != Some(&tag) {
        return None;
    }
    der.get(header..header.checked_add(length)?)
}

/// Lengths of the header and of the content.
fn header(der: &[u8]) -> Option<(usize, usize)> {
    let mut cursor = Cursor(der);
    let _tag = cursor.u8()?;
    match cursor.u8()? {
        short @ 0..=0x7f => Some((2, usize::from(short))),
        long @ 0x81..=0x84 => {
            let n = usize::from(long & 0x7f);
            let length = cursor.take(n)?.iter().fold(0usize, |sum, b| (sum << 8) | usize::from(*b));
            Some((2 + n, length))
        }
        _ => None, // indefinite, or absurd
    }
}
