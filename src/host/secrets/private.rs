//! Reads a file that may hold private keys: forms, algorithms, sizes, and the SHA-256 of the public key as
//! certificates carry it. Pure: bytes in, facts out, and no byte of a key among them. Keys are never
//! decrypted.

use super::{
    der::{
        BITS, CONTEXT_0, CONTEXT_1, Element, IMPLICIT_1, INTEGER, OCTETS, OID, SEQUENCE, Walk, bit_length,
        spki_of_certificate, write, write_integer, write_spki,
    },
    openssh,
    pem::{self, Block},
    wipe::{Wiped, WipedText},
};
use crate::model::{
    host::{KeyAlgorithm, KeyForm},
    ids::Sha256,
};

/// rsaEncryption with its NULL, as certificates have it.
pub(super) const RSA_IDENTIFIER: &[u8] =
    &[0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const RSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const DSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x01];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
const ED448: &[u8] = &[0x2b, 0x65, 0x71];
const PKCS7_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01];
/// P-256.
pub(super) const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
/// P-384.
pub(super) const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
/// P-521.
pub(super) const P521: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x23];
/// secp256k1.
const K256: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x0a];
/// The brainpool curves, up to the last number.
const BRAINPOOL: &[u8] = &[0x2b, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01];

/// One private key, without anything of it that is private.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) form: KeyForm,
    pub(super) algorithm: KeyAlgorithm,
    pub(super) bits: Option<u32>,
    pub(super) spki: Option<Sha256>,
    /// Which of the certificates the public key is from, where the key alone does not give it.
    pub(super) from: Option<usize>,
    pub(super) note: Option<&'static str>,
}

impl Found {
    pub(super) const fn new(form: KeyForm, algorithm: KeyAlgorithm) -> Self {
        Self { form, algorithm, bits: None, spki: None, from: None, note: None }
    }

    fn noted(form: KeyForm, note: &'static str) -> Self {
        Self { note: Some(note), ..Self::new(form, KeyAlgorithm::Unknown) }
    }

    /// With a public key, as SubjectPublicKeyInfo.
    pub(super) fn with_spki(mut self, spki: &[u8]) -> Self {
        self.spki = Some(Sha256::of(spki));
        self
    }
}

/// The SubjectPublicKeyInfo of the first certificate in a file, PEM or DER.
pub(super) fn certificate_spki(bytes: &[u8]) -> Option<Vec<u8>> {
    let text = Text::of(bytes);
    if let Some(block) = pem::blocks(text.as_str()).iter().find(|b| b.is_certificate()) {
        return spki_of_certificate(&block.der).map(<[u8]>::to_vec);
    }
    spki_of_certificate(bytes).map(<[u8]>::to_vec)
}

/// A file as text, whatever else is in it.
enum Text<'a> {
    Whole(&'a str),
    Lossy(WipedText),
}

impl<'a> Text<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        std::str::from_utf8(bytes)
            .map_or_else(|_| Self::Lossy(Wiped::new(bytes.to_vec()).into_text()), Self::Whole)
    }

    fn as_str(&self) -> &str {
        match self {
            Self::Whole(text) => text,
            Self::Lossy(text) => text,
        }
    }
}

/// All private keys in a file, in their order. `certificates` are the SubjectPublicKeyInfos of the
/// certificates that may belong to them, the likeliest first.
pub(super) fn keys_in(bytes: &[u8], certificates: &[Vec<u8>]) -> Vec<Found> {
    let text = Text::of(bytes);
    let mut found = Vec::new();
    let mut parameters: Option<Vec<u8>> = None;
    for block in pem::blocks(text.as_str()) {
        if block.is_key() {
            found.push(from_block(&block, parameters.as_deref(), certificates));
        } else if block.label == "EC PARAMETERS" {
            parameters = Some(block.der.to_vec());
        }
    }
    if found.is_empty() {
        found.extend(from_binary(bytes, certificates));
    }
    found
}

fn from_block(block: &Block<'_>, parameters: Option<&[u8]>, certificates: &[Vec<u8>]) -> Found {
    let (form, algorithm) = match block.label {
        "PRIVATE KEY" => (KeyForm::Pkcs8, KeyAlgorithm::Unknown),
        "ENCRYPTED PRIVATE KEY" => (KeyForm::Pkcs8Encrypted, KeyAlgorithm::Unknown),
        "RSA PRIVATE KEY" => (KeyForm::Pkcs1, KeyAlgorithm::Rsa),
        "EC PRIVATE KEY" => (KeyForm::Sec1, KeyAlgorithm::Ec),
        "DSA PRIVATE KEY" => (KeyForm::Unknown, KeyAlgorithm::Dsa),
        "OPENSSH PRIVATE KEY" => (KeyForm::Openssh, KeyAlgorithm::Unknown),
        _ => return Found::noted(KeyForm::Unknown, "a kind of private key that is not known"),
    };
    let fallback = Found::new(form, algorithm);
    if block.encrypted {
        return borrowed(Found::new(KeyForm::PemEncrypted, algorithm), certificates);
    }
    if !block.ended {
        return Found { note: Some("cut off"), ..fallback };
    }
    let found = match form {
        KeyForm::Openssh => openssh::key(&block.der),
        KeyForm::Pkcs8Encrypted => Some(borrowed(fallback.clone(), certificates)),
        _ => key(&block.der, parameters, certificates),
    };
    found.unwrap_or(Found { note: Some("not understood"), ..fallback })
}

fn from_binary(bytes: &[u8], certificates: &[Vec<u8>]) -> Option<Found> {
    if bytes.starts_with(&[0xfe, 0xed, 0xfe, 0xed]) || bytes.starts_with(&[0xce; 4]) {
        return Some(Found::new(KeyForm::Store, KeyAlgorithm::Unknown));
    }
    if bytes.starts_with(b"PuTTY-User-Key-File-") {
        return Some(Found::noted(KeyForm::Unknown, "a PuTTY key"));
    }
    if is_pkcs12(bytes) {
        return Some(Found::new(KeyForm::Store, KeyAlgorithm::Unknown));
    }
    if is_encrypted(bytes) {
        return Some(borrowed(Found::new(KeyForm::Pkcs8Encrypted, KeyAlgorithm::Unknown), certificates));
    }
    key(bytes, None, certificates)
}

/// A PKCS#12 file: version 3 and a PKCS#7 content. Some tools write it without lengths, so its first bytes
/// decide rather than a walk.
fn is_pkcs12(bytes: &[u8]) -> bool {
    let head = bytes.get(..bytes.len().min(64)).unwrap_or_default();
    let version = head.windows(3).take(7).position(|w| w == [INTEGER, 1, 3]);
    let data = head.windows(PKCS7_DATA.len()).take(24).any(|w| w == PKCS7_DATA);
    head.first() == Some(&SEQUENCE) && version.is_some() && data
}

fn is_encrypted(bytes: &[u8]) -> bool {
    let Some(mut inside) = Walk(bytes).enter(SEQUENCE) else { return false };
    let scheme = inside.enter(SEQUENCE).is_some_and(|mut s| s.take(OID).is_some());
    scheme && inside.take(OCTETS).is_some() && inside.is_empty()
}

/// A private key in DER. `parameters` names the curve where the key itself does not.
pub(super) fn key(der: &[u8], parameters: Option<&[u8]>, certificates: &[Vec<u8>]) -> Option<Found> {
    let mut inside = Walk(der).enter(SEQUENCE)?;
    let version = inside.take(INTEGER)?;
    let mut ahead = inside;
    let next = ahead.next()?;
    match next.tag {
        SEQUENCE => pkcs8(next, ahead, certificates),
        OCTETS => sec1(KeyForm::Sec1, der, None, parameters, certificates),
        INTEGER => match version.content {
            [0 | 1] if count_integers(inside) >= 8 => pkcs1(KeyForm::Pkcs1, RSA_IDENTIFIER, der),
            [0] => dsa(inside),
            _ => None,
        },
        _ => None,
    }
}

fn count_integers(mut walk: Walk<'_>) -> usize {
    std::iter::from_fn(|| walk.take(INTEGER)).take(20).count()
}

fn pkcs8(identifier: Element<'_>, mut rest: Walk<'_>, certificates: &[Vec<u8>]) -> Option<Found> {
    let mut parts = Walk(identifier.content);
    let oid = parts.take(OID)?.content;
    let private = rest.take(OCTETS)?.content;
    let _attributes = rest.take(CONTEXT_0);
    let public = rest.take(IMPLICIT_1).or_else(|| Walk(rest.take(CONTEXT_1)?.content).take(BITS));
    let public = public.and_then(|bits| bits.content.strip_prefix(&[0]));
    match oid {
        RSA => pkcs1(KeyForm::Pkcs8, RSA_IDENTIFIER, private),
        RSA_PSS => pkcs1(KeyForm::Pkcs8, identifier.whole, private),
        EC => sec1(KeyForm::Pkcs8, private, public, Some(parts.next()?.whole), certificates),
        ED25519 => {
            let found = Found { bits: Some(256), ..Found::new(KeyForm::Pkcs8, KeyAlgorithm::Ed25519) };
            let seed = Walk(private).take(OCTETS)?.content;
            let pair = ring::signature::Ed25519KeyPair::from_seed_unchecked(seed).ok()?;
            let public = ring::signature::KeyPair::public_key(&pair).as_ref();
            Some(found.with_spki(&write_spki(identifier.whole, public)))
        }
        ED448 => {
            let found = Found { bits: Some(456), ..Found::new(KeyForm::Pkcs8, KeyAlgorithm::Ed448) };
            Some(match public {
                Some(public) => found.with_spki(&write_spki(identifier.whole, public)),
                None => borrowed(found, certificates),
            })
        }
        DSA => {
            let prime = parts.enter(SEQUENCE).and_then(|mut p| p.take(INTEGER));
            let bits = prime.and_then(|p| bit_length(p.content));
            Some(borrowed(Found { bits, ..Found::new(KeyForm::Pkcs8, KeyAlgorithm::Dsa) }, certificates))
        }
        _ => Some(Found::noted(KeyForm::Pkcs8, "an algorithm that is not known")),
    }
}

fn pkcs1(form: KeyForm, identifier: &[u8], der: &[u8]) -> Option<Found> {
    let mut inside = Walk(der).enter(SEQUENCE)?;
    inside.take(INTEGER)?;
    let (modulus, exponent) = (inside.take(INTEGER)?.content, inside.take(INTEGER)?.content);
    Some(rsa(form, identifier, modulus, exponent))
}

/// An RSA key by its public numbers.
pub(super) fn rsa(form: KeyForm, identifier: &[u8], modulus: &[u8], exponent: &[u8]) -> Found {
    let public = write(SEQUENCE, &[&write_integer(modulus), &write_integer(exponent)]);
    let found = Found { bits: bit_length(modulus), ..Found::new(form, KeyAlgorithm::Rsa) };
    found.with_spki(&write_spki(identifier, &public))
}

/// An EC key; `public` is a public key from around it, `parameters` the element that names the curve.
fn sec1(
    form: KeyForm,
    der: &[u8],
    public: Option<&[u8]>,
    parameters: Option<&[u8]>,
    certificates: &[Vec<u8>],
) -> Option<Found> {
    let mut inside = Walk(der).enter(SEQUENCE)?;
    inside.take(INTEGER)?;
    let scalar = inside.take(OCTETS)?.content;
    let own = inside.take(CONTEXT_0).map(|e| e.content);
    let parameters = own.or(parameters)?;
    let bits = inside.enter(CONTEXT_1).and_then(|mut e| e.take(BITS));
    let curve = Walk(parameters).take(OID).map(|e| e.content);
    let found = Found { bits: curve.and_then(curve_bits), ..Found::new(form, KeyAlgorithm::Ec) };
    match bits.and_then(|b| b.content.strip_prefix(&[0])).or(public) {
        Some(point) => Some(ec(found, parameters, point)),
        None => Some(ec_with_certificate(found, curve, scalar, certificates)),
    }
}

/// An EC key by its curve and its public point.
pub(super) fn ec(found: Found, parameters: &[u8], point: &[u8]) -> Found {
    let identifier = write(SEQUENCE, &[&write(OID, &[EC]), parameters]);
    found.with_spki(&write_spki(&identifier, point))
}

/// An EC key without its public half. ring does not compute it, but says of a pair whether it is one; it
/// knows two curves.
fn ec_with_certificate(found: Found, curve: Option<&[u8]>, scalar: &[u8], certificates: &[Vec<u8>]) -> Found {
    use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair};
    let algorithm = match curve {
        Some(P256) => &ECDSA_P256_SHA256_ASN1_SIGNING,
        Some(P384) => &ECDSA_P384_SHA384_ASN1_SIGNING,
        _ => return borrowed(found, certificates),
    };
    let random = ring::rand::SystemRandom::new();
    let fits = |spki: &Vec<u8>| {
        let point = public_bits(spki).filter(|_| describe(spki) == (found.algorithm, found.bits));
        point.is_some_and(|p| {
            EcdsaKeyPair::from_private_key_and_public_key(algorithm, scalar, p, &random).is_ok()
        })
    };
    match certificates.iter().position(fits) {
        Some(at) => from_certificate(found, certificates, at),
        None if certificates.is_empty() => found,
        None => Found { note: Some(OTHER), ..found },
    }
}

/// Said of a key where a certificate beside it has another public key.
pub(super) const OTHER: &str = "the certificate beside it has another key";

fn from_certificate(found: Found, certificates: &[Vec<u8>], at: usize) -> Found {
    let Some(spki) = certificates.get(at) else { return found };
    Found { from: Some(at), ..found.with_spki(spki) }
}

/// The public key of the certificate beside a key that does not give its own: only where all that lie
/// beside it agree, since which one belongs to it cannot be checked.
fn borrowed(found: Found, certificates: &[Vec<u8>]) -> Found {
    let mut candidates = certificates.iter().filter(|spki| {
        let (algorithm, bits) = describe(spki);
        (found.algorithm == KeyAlgorithm::Unknown || found.algorithm == algorithm)
            && (found.bits.is_none() || bits.is_none() || found.bits == bits)
    });
    let Some(first) = candidates.next() else { return found };
    if candidates.any(|other| other != first) {
        return Found { note: Some("several certificates beside it"), ..found };
    }
    let at = certificates.iter().position(|spki| spki == first).unwrap_or(0);
    let (algorithm, bits) = describe(first);
    from_certificate(Found { algorithm, bits: found.bits.or(bits), ..found }, certificates, at)
}

/// Algorithm and size of a public key.
pub(super) fn describe(spki: &[u8]) -> (KeyAlgorithm, Option<u32>) {
    let unknown = (KeyAlgorithm::Unknown, None);
    let Some(mut inside) = Walk(spki).enter(SEQUENCE) else { return unknown };
    let Some(mut identifier) = inside.enter(SEQUENCE) else { return unknown };
    match identifier.take(OID).map(|e| e.content) {
        Some(RSA | RSA_PSS) => {
            let modulus = public_bits(spki).and_then(|p| Walk(p).enter(SEQUENCE)?.take(INTEGER));
            (KeyAlgorithm::Rsa, modulus.and_then(|m| bit_length(m.content)))
        }
        Some(EC) => (KeyAlgorithm::Ec, identifier.take(OID).and_then(|e| curve_bits(e.content))),
        Some(ED25519) => (KeyAlgorithm::Ed25519, Some(256)),
        Some(ED448) => (KeyAlgorithm::Ed448, Some(456)),
        Some(DSA) => {
            let prime = identifier.enter(SEQUENCE).and_then(|mut p| p.take(INTEGER));
            (KeyAlgorithm::Dsa, prime.and_then(|p| bit_length(p.content)))
        }
        _ => unknown,
    }
}

fn public_bits(spki: &[u8]) -> Option<&[u8]> {
    let mut inside = Walk(spki).enter(SEQUENCE)?;
    inside.take(SEQUENCE)?;
    inside.take(BITS)?.content.strip_prefix(&[0])
}

fn curve_bits(oid: &[u8]) -> Option<u32> {
    match oid {
        P256 | K256 => Some(256),
        P384 => Some(384),
        P521 => Some(521),
        _ => match oid.strip_prefix(BRAINPOOL)? {
            [n @ 1..=14] => [160, 192, 224, 256, 320, 384, 512].get(usize::from((n - 1) / 2)).copied(),
            _ => None,
        },
    }
}

/// The older form of DSA keys: p, q, g and the public number, then the private one.
fn dsa(mut inside: Walk<'_>) -> Option<Found> {
    let numbers =
        [inside.take(INTEGER)?, inside.take(INTEGER)?, inside.take(INTEGER)?, inside.take(INTEGER)?];
    inside.take(INTEGER)?;
    let [p, q, g, y] = numbers.map(|n| n.content);
    inside.is_empty().then(|| dsa_by_numbers(KeyForm::Unknown, [p, q, g, y]))
}

/// A DSA key by its public numbers p, q, g and y.
pub(super) fn dsa_by_numbers(form: KeyForm, [p, q, g, y]: [&[u8]; 4]) -> Found {
    let group = write(SEQUENCE, &[&write_integer(p), &write_integer(q), &write_integer(g)]);
    let identifier = write(SEQUENCE, &[&write(OID, &[DSA]), &group]);
    let found = Found { bits: bit_length(p), ..Found::new(form, KeyAlgorithm::Dsa) };
    found.with_spki(&write_spki(&identifier, &write_integer(y)))
}

/// The identifier of Ed25519.
pub(super) fn ed25519_identifier() -> Vec<u8> {
    write(SEQUENCE, &[&write(OID, &[ED25519])])
}
