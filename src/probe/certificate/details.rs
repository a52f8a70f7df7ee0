//! More of a certificate than its identity: algorithms, what it may be used for, where its revocation is told.
//! Reads what x509-parser has parsed already; nothing is parsed twice, checked or trusted.
//!
//! A key of explicit curve parameters is `ec-explicit`, one of a named but unknown curve `ec-` and its object
//! identifier. RSASSA-PSS has its hash behind its name, `rsassaPss-sha256`, since the name alone says nothing about
//! its strength.

use std::sync::Arc;

use x509_parser::{
    certificate::X509Certificate,
    der_parser::{
        asn1_rs::{Any, Tag},
        oid,
    },
    extensions::{DistributionPointName, GeneralName, ParsedExtension},
    oid_registry::Oid,
    public_key::PublicKey,
    x509::{AlgorithmIdentifier, SubjectPublicKeyInfo},
};

use super::{
    der::{INTEGER, OBJECT_IDENTIFIER, SEQUENCE, content, element},
    modulus,
};
use crate::{
    model::{served::Details, text::acts_on_a_terminal, time::Timestamp},
    wire::cursor::Cursor,
};

/// The most SCT times that are kept.
pub(super) const MAX_SCTS: usize = 20;
/// The most URLs of each kind that are kept.
pub(super) const MAX_URLS: usize = 4;
/// The longest URL that is kept, in bytes.
pub(super) const MAX_URL_LEN: usize = 2048;
/// The longest object identifier that is written, in bytes of its encoding.
const MAX_OID_LEN: usize = 32;

/// Reads them.
pub(super) fn read(parsed: &X509Certificate<'_>) -> Details {
    let (key, key_bits) = key(parsed.public_key());
    let mut details = Details {
        key,
        key_bits,
        signature: signature(&parsed.signature_algorithm),
        self_issued: parsed.subject().as_raw() == parsed.issuer().as_raw(),
        ..Details::default()
    };
    if let Ok(PublicKey::RSA(rsa)) = parsed.public_key().parsed() {
        details.modulus_sha1 = Some(modulus::fingerprint(rsa.modulus).into());
        details.roca = modulus::is_roca(rsa.modulus);
    }
    for extension in parsed.extensions() {
        match extension.parsed_extension() {
            ParsedExtension::BasicConstraints(constraints) => details.is_ca |= constraints.ca,
            ParsedExtension::SCT(list) => {
                let times = list.iter().map(|sct| Timestamp::from_micros(micros(sct.timestamp)));
                details.sct.extend(times);
            }
            ParsedExtension::AuthorityInfoAccess(access) => {
                let responders = access.accessdescs.iter().filter(|a| a.access_method.as_bytes() == OCSP);
                push_urls(&mut details.ocsp, responders.map(|a| &a.access_location));
            }
            ParsedExtension::CRLDistributionPoints(points) => {
                for point in &points.points {
                    if let Some(DistributionPointName::FullName(names)) = &point.distribution_point {
                        push_urls(&mut details.crl, names.iter());
                    }
                }
            }
            ParsedExtension::UnsupportedExtension { oid } if oid.as_bytes() == TLS_FEATURE => {
                details.must_staple |= demands_staple(extension.value);
            }
            _ => {}
        }
    }
    details.sct.sort_unstable();
    details.sct.truncate(MAX_SCTS);
    details
}

/// id-ad-ocsp (RFC 5280, 4.2.2.1).
const OCSP: &[u8] = &oid!(raw 1.3.6.1.5.5.7.48.1);
/// id-pe-tlsfeature (RFC 7633).
const TLS_FEATURE: &[u8] = &oid!(raw 1.3.6.1.5.5.7.1.24);

/// Milliseconds, as an SCT has them, in microseconds.
fn micros(millis: u64) -> i64 {
    i64::try_from(millis).unwrap_or(i64::MAX).saturating_mul(1000)
}

/// Whether a TLS feature extension lists status_request (5) or status_request_v2 (17).
fn demands_staple(value: &[u8]) -> bool {
    let mut features = Cursor(content(value, SEQUENCE).unwrap_or_default());
    while let Some(feature) = element(&mut features) {
        if matches!(content(feature, INTEGER), Some([5 | 17])) {
            return true;
        }
    }
    false
}

/// Adds the URLs among some names. One that is too long, or that holds what a URL cannot, is left out whole: a part
/// of it would lead somewhere else.
fn push_urls<'a>(urls: &mut Vec<String>, names: impl Iterator<Item = &'a GeneralName<'a>>) {
    for name in names {
        if urls.len() >= MAX_URLS {
            return;
        }
        if let GeneralName::URI(url) = name
            && (1..=MAX_URL_LEN).contains(&url.len())
            && !url.chars().any(|c| c.is_whitespace() || acts_on_a_terminal(c))
            && !urls.iter().any(|known| known == url)
        {
            urls.push((*url).to_owned());
        }
    }
}

/// The key's algorithm and its size in bits.
fn key(spki: &SubjectPublicKeyInfo<'_>) -> (Option<Arc<str>>, Option<u32>) {
    let oid = spki.algorithm.algorithm.as_bytes();
    let parameters = spki.algorithm.parameters.as_ref();
    if oid == EC {
        return curve(parameters);
    }
    let Some((_, name, bits)) = KEYS.iter().find(|(known, ..)| *known == oid) else {
        return (dotted(&spki.algorithm.algorithm).map(Arc::from), None);
    };
    let bits = match *name {
        // RSAPublicKey (RFC 8017, A.1.1) begins with its modulus, Dss-Parms (RFC 3279, 2.3.2) with p.
        "rsa" | "rsa-pss" | "rsa-oaep" => {
            content(&spki.subject_public_key.data, SEQUENCE).and_then(first_integer_bits)
        }
        "dsa" => parameters.filter(|p| p.tag() == Tag::Sequence).and_then(|p| first_integer_bits(p.data)),
        _ => *bits,
    };
    (Some(Arc::from(*name)), bits)
}

/// A curve by its parameters (RFC 5480, 2.1.1; RFC 3279, 2.3.5).
fn curve(parameters: Option<&Any<'_>>) -> (Option<Arc<str>>, Option<u32>) {
    match parameters {
        Some(p) if p.tag() == Tag::Oid => {
            if let Some((_, name, bits)) = CURVES.iter().find(|(known, ..)| *known == p.data) {
                return (Some(Arc::from(*name)), Some(*bits));
            }
            let unknown = dotted(&Oid::new(p.data.into()));
            (Some(unknown.map_or_else(|| "ec".into(), |oid| format!("ec-{oid}").into())), None)
        }
        Some(p) if p.tag() == Tag::Sequence => (Some("ec-explicit".into()), explicit_field_bits(p.data)),
        _ => (Some("ec".into()), None),
    }
}

/// The size of the field of explicit curve parameters: version, then the field's type with its prime or degree.
fn explicit_field_bits(parameters: &[u8]) -> Option<u32> {
    let mut parameters = Cursor(parameters);
    let _version = element(&mut parameters)?;
    let mut field = Cursor(content(element(&mut parameters)?, SEQUENCE)?);
    let kind = content(element(&mut field)?, OBJECT_IDENTIFIER)?;
    if kind == PRIME_FIELD {
        return first_integer_bits(field.0);
    }
    let mut binary = Cursor(content(element(&mut field)?, SEQUENCE)?);
    let degree = content(element(&mut binary)?, INTEGER)?;
    (degree.len() <= 3).then(|| degree.iter().fold(0u32, |sum, b| (sum << 8) | u32::from(*b)))
}

/// Bits of the INTEGER that some bytes begin with.
fn first_integer_bits(bytes: &[u8]) -> Option<u32> {
    let magnitude = content(bytes, INTEGER)?;
    let zeros = magnitude.iter().take_while(|b| **b == 0).count();
    let digits = magnitude.get(zeros..)?;
    let first = digits.first()?;
    u32::try_from(digits.len()).ok()?.checked_mul(8)?.checked_sub(first.leading_zeros())
}

/// The signature's algorithm by its usual name.
fn signature(algorithm: &AlgorithmIdentifier<'_>) -> Option<Arc<str>> {
    let oid = algorithm.algorithm.as_bytes();
    if oid == PSS {
        let hash = algorithm.parameters.as_ref().filter(|p| p.tag() == Tag::Sequence).and_then(pss_hash);
        return Some(hash.map_or_else(|| "rsassaPss".into(), |h| format!("rsassaPss-{h}").into()));
    }
    match SIGNATURES.iter().find(|(known, _)| *known == oid) {
        Some((_, name)) => Some(Arc::from(*name)),
        None => dotted(&algorithm.algorithm).map(Arc::from),
    }
}

/// The hash of RSASSA-PSS: that of the parameters' first field, SHA-1 where it is left out (RFC 8017, A.2.3).
fn pss_hash(parameters: &Any<'_>) -> Option<&'static str> {
    const HASH: u8 = 0xa0;
    if parameters.data.first() != Some(&HASH) {
        return Some("sha1");
    }
    let algorithm = content(content(parameters.data, HASH)?, SEQUENCE)?;
    let oid = content(algorithm, OBJECT_IDENTIFIER)?;
    HASHES.iter().find(|(known, _)| *known == oid).map(|(_, name)| *name)
}

/// An object identifier in dots, unless it is absurdly long or makes no sense.
fn dotted(oid: &Oid<'_>) -> Option<String> {
    let bytes = oid.as_bytes();
    ((1..=MAX_OID_LEN).contains(&bytes.len())).then(|| oid.to_id_string()).filter(|text| !text.is_empty())
}

const EC: &[u8] = &oid!(raw 1.2.840.10045.2.1);
const PSS: &[u8] = &oid!(raw 1.2.840.113549.1.1.10);
const PRIME_FIELD: &[u8] = &oid!(raw 1.2.840.10045.1.1);

/// Keys by algorithm, with their size where the algorithm has one alone.
const KEYS: &[(&[u8], &str, Option<u32>)] = &[
    (&oid!(raw 1.2.840.113549.1.1.1), "rsa", None),
    (PSS, "rsa-pss", None),
    (&oid!(raw 1.2.840.113549.1.1.7), "rsa-oaep", None),
    (&oid!(raw 1.2.840.10040.4.1), "dsa", None),
    (&oid!(raw 1.3.101.112), "ed25519", Some(255)),
    (&oid!(raw 1.3.101.113), "ed448", Some(448)),
    (&oid!(raw 1.2.643.7.1.1.1.1), "gost2012-256", Some(256)),
    (&oid!(raw 1.2.643.7.1.1.1.2), "gost2012-512", Some(512)),
    (&oid!(raw 1.2.643.2.2.19), "gost2001", Some(256)),
    (&oid!(raw 2.16.840.1.101.3.4.3.17), "ml-dsa-44", None),
    (&oid!(raw 2.16.840.1.101.3.4.3.18), "ml-dsa-65", None),
    (&oid!(raw 2.16.840.1.101.3.4.3.19), "ml-dsa-87", None),
];

/// Curves with the size of their field (RFC 5480, SEC 2, RFC 5639).
const CURVES: &[(&[u8], &str, u32)] = &[
    (&oid!(raw 1.2.840.10045.3.1.7), "ec-p256", 256),
    (&oid!(raw 1.3.132.0.34), "ec-p384", 384),
    (&oid!(raw 1.3.132.0.35), "ec-p521", 521),
    (&oid!(raw 1.3.132.0.33), "ec-p224", 224),
    (&oid!(raw 1.2.840.10045.3.1.1), "ec-p192", 192),
    (&oid!(raw 1.2.840.10045.3.1.2), "ec-prime192v2", 192),
    (&oid!(raw 1.2.840.10045.3.1.3), "ec-prime192v3", 192),
    (&oid!(raw 1.2.840.10045.3.1.4), "ec-prime239v1", 239),
    (&oid!(raw 1.2.840.10045.3.1.5), "ec-prime239v2", 239),
    (&oid!(raw 1.2.840.10045.3.1.6), "ec-prime239v3", 239),
    (&oid!(raw 1.3.132.0.6), "ec-secp112r1", 112),
    (&oid!(raw 1.3.132.0.7), "ec-secp112r2", 112),
    (&oid!(raw 1.3.132.0.28), "ec-secp128r1", 128),
    (&oid!(raw 1.3.132.0.29), "ec-secp128r2", 128),
    (&oid!(raw 1.3.132.0.9), "ec-secp160k1", 160),
    (&oid!(raw 1.3.132.0.8), "ec-secp160r1", 160),
    (&oid!(raw 1.3.132.0.30), "ec-secp160r2", 160),
    (&oid!(raw 1.3.132.0.31), "ec-secp192k1", 192),
    (&oid!(raw 1.3.132.0.32), "ec-secp224k1", 224),
    (&oid!(raw 1.3.132.0.10), "ec-secp256k1", 256),
    (&oid!(raw 1.3.132.0.4), "ec-sect113r1", 113),
    (&oid!(raw 1.3.132.0.5), "ec-sect113r2", 113),
    (&oid!(raw 1.3.132.0.22), "ec-sect131r1", 131),
    (&oid!(raw 1.3.132.0.23), "ec-sect131r2", 131),
    (&oid!(raw 1.3.132.0.1), "ec-sect163k1", 163),
    (&oid!(raw 1.3.132.0.2), "ec-sect163r1", 163),
    (&oid!(raw 1.3.132.0.15), "ec-sect163r2", 163),
    (&oid!(raw 1.3.132.0.24), "ec-sect193r1", 193),
    (&oid!(raw 1.3.132.0.25), "ec-sect193r2", 193),
    (&oid!(raw 1.3.132.0.26), "ec-sect233k1", 233),
    (&oid!(raw 1.3.132.0.27), "ec-sect233r1", 233),
    (&oid!(raw 1.3.132.0.3), "ec-sect239k1", 239),
    (&oid!(raw 1.3.132.0.16), "ec-sect283k1", 283),
    (&oid!(raw 1.3.132.0.17), "ec-sect283r1", 283),
    (&oid!(raw 1.3.132.0.36), "ec-sect409k1", 409),
    (&oid!(raw 1.3.132.0.37), "ec-sect409r1", 409),
    (&oid!(raw 1.3.132.0.38), "ec-sect571k1", 571),
    (&oid!(raw 1.3.132.0.39), "ec-sect571r1", 571),
    (&oid!(raw 1.3.36.3.3.2.8.1.1.1), "ec-brainpoolp160r1", 160),
    (&oid!(raw 1.3.36.3.3.2.8.1.1.3), "ec-brainpoolp192r1", 192),
    (&oid!(raw 1.3.36.3.3.2.8.1.1.5), "ec-brainpoolp224r1", 224),
    (&oid!(raw 1.3.36.3.3.2.8.1.1.7), "ec-brainpoolp256r1", 256),
    (&oid!(raw 1.3.36.3.3.2.8.1.1.9), "ec-brainpoolp320r1", 320),
    (&oid!(raw 1.3.36.3.3.2.8.1.1.11), "ec-brainpoolp384r1", 384),
    (&oid!(raw 1.3.36.3.3.2.8.1.1.13), "ec-brainpoolp512r1", 512),
    (&oid!(raw 1.2.156.10197.1.301), "ec-sm2", 256),
];

/// Signatures by the names that OpenSSL prints.
const SIGNATURES: &[(&[u8], &str)] = &[
    (&oid!(raw 1.2.840.113549.1.1.11), "sha256WithRSAEncryption"),
    (&oid!(raw 1.2.840.10045.4.3.2), "ecdsa-with-SHA256"),
    (&oid!(raw 1.2.840.10045.4.3.3), "ecdsa-with-SHA384"),
    (&oid!(raw 1.2.840.113549.1.1.12), "sha384WithRSAEncryption"),
    (&oid!(raw 1.2.840.113549.1.1.13), "sha512WithRSAEncryption"),
    (&oid!(raw 1.2.840.113549.1.1.14), "sha224WithRSAEncryption"),
    (&oid!(raw 1.2.840.113549.1.1.5), "sha1WithRSAEncryption"),
    (&oid!(raw 1.2.840.113549.1.1.4), "md5WithRSAEncryption"),
    (&oid!(raw 1.2.840.113549.1.1.3), "md4WithRSAEncryption"),
    (&oid!(raw 1.2.840.113549.1.1.2), "md2WithRSAEncryption"),
    (&oid!(raw 1.3.14.3.2.29), "sha1WithRSA"),
    (&oid!(raw 1.3.14.3.2.3), "md5WithRSA"),
    (&oid!(raw 1.3.14.3.2.27), "dsaWithSHA1-old"),
    (&oid!(raw 1.3.36.3.3.1.2), "ripemd160WithRSA"),
    (&oid!(raw 1.2.840.10045.4.1), "ecdsa-with-SHA1"),
    (&oid!(raw 1.2.840.10045.4.3.1), "ecdsa-with-SHA224"),
    (&oid!(raw 1.2.840.10045.4.3.4), "ecdsa-with-SHA512"),
    (&oid!(raw 1.2.840.10040.4.3), "dsaWithSHA1"),
    (&oid!(raw 2.16.840.1.101.3.4.3.1), "dsa_with_SHA224"),
    (&oid!(raw 2.16.840.1.101.3.4.3.2), "dsa_with_SHA256"),
    (&oid!(raw 1.3.101.112), "ED25519"),
    (&oid!(raw 1.3.101.113), "ED448"),
];

/// Hashes of RSASSA-PSS.
const HASHES: &[(&[u8], &str)] = &[
    (&oid!(raw 2.16.840.1.101.3.4.2.1), "sha256"),
    (&oid!(raw 2.16.840.1.101.3.4.2.2), "sha384"),
    (&oid!(raw 2.16.840.1.101.3.4.2.3), "sha512"),
    (&oid!(raw 2.16.840.1.101.3.4.2.4), "sha224"),
    (&oid!(raw 1.3.14.3.2.26), "sha1"),
    (&oid!(raw 1.2.840.113549.2.5), "md5"),
];
