//! Who signed an answer, and whether that one may (RFC 6960, 4.2.2.2).

use x509_parser::{certificate::X509Certificate, prelude::FromDer as _};

use super::{
    super::{
        answer::{SKEW, Why},
        authority::Authority,
        der::{BIT_STRING, Malformed, Reader, SEQUENCE, octets},
        signature::{Key, Strength},
    },
    parts::{Basic, Responder},
};
use crate::model::time::Timestamp;

/// Checks the signature of an answer: by the issuer's key, or by a responder's that the issuer certified for it.
pub(super) fn verify(basic: &Basic<'_>, authority: &Authority<'_>, now: Timestamp) -> Result<Strength, Why> {
    let mut problem: Option<Why> = None;
    if is(basic.responder, authority.key.bits, |name| authority.is_named(name)) {
        match authority.key.verify(basic.algorithm, basic.signed, basic.signature) {
            Ok(strength) => return Ok(strength),
            Err(why) => problem = Some(why),
        }
    }
    // The first problem is told: the issuer's own signature is the likeliest to be meant.
    for der in &basic.certificates {
        match by_delegate(der, basic, authority, now) {
            Ok(Some(strength)) => return Ok(strength),
            Ok(None) => {}
            Err(why) => problem = problem.or(Some(why)),
        }
    }
    Err(problem
        .unwrap_or_else(|| "it is signed by somebody else, whose certificate did not come along".into()))
}

/// Nothing where the certificate is not that of the responder named.
fn by_delegate(
    der: &[u8],
    basic: &Basic<'_>,
    authority: &Authority<'_>,
    now: Timestamp,
) -> Result<Option<Strength>, Why> {
    let Ok((_, parsed)) = X509Certificate::from_der(der) else { return Ok(None) };
    let tbs = &parsed.tbs_certificate;
    let Ok(key) = Key::read(tbs.subject_pki.raw) else { return Ok(None) };
    let subject = tbs.subject.as_raw();
    // The issuer's own certificate comes along at times, and was asked above.
    if key.bits == authority.key.bits || !is(basic.responder, key.bits, |name| name == subject) {
        return Ok(None);
    }
    if !authority.is_named(tbs.issuer.as_raw()) {
        return Err("the responder's certificate is another authority's".into());
    }
    let unreadable = |Malformed| Why::from("the responder's certificate cannot be read");
    let (algorithm, signature) = signed(der).map_err(unreadable)?;
    let given = authority
        .key
        .verify(algorithm, tbs.as_ref(), signature)
        .map_err(|why| format!("the responder's certificate: {why}"))?;
    let purposes = parsed.extended_key_usage().map_err(|_| unreadable(Malformed))?;
    // anyExtendedKeyUsage does not do: the right to answer has to be given by name.
    if !purposes.is_some_and(|p| p.value.ocsp_signing) {
        return Err("the responder's certificate is not for signing OCSP answers".into());
    }
    let usage = parsed.key_usage().map_err(|_| unreadable(Malformed))?;
    if usage.is_some_and(|u| !u.value.digital_signature() && !u.value.non_repudiation()) {
        return Err("the responder's key is not for signing".into());
    }
    let (from, until) = (tbs.validity.not_before.timestamp(), tbs.validity.not_after.timestamp());
    if Timestamp::from_seconds(from) > now.plus_seconds(SKEW)
        || Timestamp::from_seconds(until).plus_seconds(SKEW) < now
    {
        return Err("the responder's certificate is outside its dates".into());
    }
    let own = key.verify(basic.algorithm, basic.signed, basic.signature)?;
    Ok(Some(own.min(given)))
}

/// Algorithm (header included) and signature of a certificate.
fn signed(der: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    let mut certificate = Reader(der).inside(SEQUENCE)?;
    certificate.one(SEQUENCE)?;
    let algorithm = certificate.one(SEQUENCE)?.raw;
    Ok((algorithm, octets(&certificate.one(BIT_STRING)?)?))
}

/// Whether a responder is the one with this key or name.
fn is(responder: Responder<'_>, key: &[u8], named: impl Fn(&[u8]) -> bool) -> bool {
    match responder {
        Responder::Named(name) => named(name),
        Responder::Keyed(hash) => {
            ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, key).as_ref() == hash
        }
    }
}
