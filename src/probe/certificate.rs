//! Facts of a certificate, out of DER that a server sent. Nothing is checked or trusted.
//!
//! The key is what is tracked, so the SubjectPublicKeyInfo and the serial are found by walking the structure
//! (RFC 5280, 4.1) and are there even where a name or a date in the certificate makes no sense. Names and
//! dates come from x509-parser.

pub(super) mod der;
mod details;
mod modulus;
mod name;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use x509_parser::{
    certificate::X509Certificate,
    extensions::{GeneralName, ParsedExtension},
    prelude::FromDer as _,
    public_key::PublicKey,
};

use crate::{
    model::{
        ids::Sha256,
        observation::{Certificate, OtherKey},
        time::Timestamp,
    },
    wire::{secure::exchange::RsaKey, tls::suites::Auth},
};

/// The most names that are kept.
pub const MAX_NAMES: usize = 100;
/// The longest name that is kept, in bytes.
pub const MAX_NAME_LEN: usize = 253;

/// A leaf certificate's facts, and what kind of key it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// The facts.
    pub certificate: Certificate,
    /// The kind of key, where it is a known one.
    pub key: Option<Auth>,
}

impl Leaf {
    /// Reads a certificate. What cannot be read is absent; the digest is always there.
    pub fn read(der: &[u8]) -> Self {
        let walked = der::walk(der);
        let mut certificate = Certificate {
            sha256: Sha256::of(der),
            spki_sha256: walked.map(|w| Sha256::of(w.spki)),
            serial: walked.and_then(|w| serial_text(w.serial)),
            subject: None,
            issuer: None,
            not_before: None,
            not_after: None,
            names: Vec::new(),
            details: None,
        };
        if let Ok((_, parsed)) = X509Certificate::from_der(der) {
            certificate.subject = Some(name::rfc4514(parsed.subject()));
            certificate.issuer = Some(name::rfc4514(parsed.issuer()));
            certificate.not_before = Some(Timestamp::from_seconds(parsed.validity().not_before.timestamp()));
            certificate.not_after = Some(Timestamp::from_seconds(parsed.validity().not_after.timestamp()));
            certificate.names = alternative_names(&parsed);
            certificate.details = Some(Box::new(details::read(&parsed)));
        }
        Self { certificate, key: walked.and_then(|w| der::key_kind(w.spki)) }
    }

    /// This leaf as a further key, where it has one.
    pub fn into_other_key(self) -> Option<OtherKey> {
        let spki_sha256 = self.certificate.spki_sha256?;
        Some(OtherKey { spki_sha256, certificate: Some(self.certificate) })
    }
}

/// The RSA key of a certificate, where it holds one.
pub fn rsa_key(der: &[u8]) -> Option<RsaKey> {
    let (_, parsed) = X509Certificate::from_der(der).ok()?;
    match parsed.public_key().parsed().ok()? {
        PublicKey::RSA(key) => {
            Some(RsaKey { modulus: key.modulus.to_vec(), exponent: key.exponent.to_vec() })
        }
        _ => None,
    }
}

/// `0x` and lower-case hex digits without leading zeros, with a minus sign before it where the number is
/// negative (which RFC 5280 forbids and people do). Absurdly long ones are left out.
fn serial_text(integer: &[u8]) -> Option<String> {
    const LONGEST: usize = 64;
    if integer.is_empty() || integer.len() > LONGEST {
        return None;
    }
    let negative = integer.first().is_some_and(|b| *b >= 0x80);
    let mut magnitude = integer.to_vec();
    if negative {
        let mut carry = true;
        for byte in magnitude.iter_mut().rev() {
            let (sum, overflow) = (!*byte).overflowing_add(u8::from(carry));
            (*byte, carry) = (sum, overflow);
        }
    }
    let hex = data_encoding::HEXLOWER.encode(&magnitude);
    // Whole octets, as certificate authorities print them: a search for it must find it.
    let digits = hex.trim_start_matches('0');
    let digits = &hex[hex.len() - (digits.len().max(1).div_ceil(2) * 2)..];
    Some(format!("{}0x{digits}", if negative { "-" } else { "" }))
}

fn alternative_names(parsed: &X509Certificate<'_>) -> Vec<String> {
    let names = parsed.extensions().iter().filter_map(|e| match e.parsed_extension() {
        ParsedExtension::SubjectAlternativeName(san) => Some(&san.general_names),
        _ => None,
    });
    names.flatten().filter_map(alternative_name).take(MAX_NAMES).collect()
}

fn alternative_name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        // A dNSName that reads as an address names no address (RFC 9525, 3.4): it must not look like one that does.
        GeneralName::DNSName(text) if text.parse::<IpAddr>().is_ok() => Some(format!("DNS:{text}")),
        GeneralName::DNSName(text) => (text.len() <= MAX_NAME_LEN).then(|| (*text).to_owned()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes).ok().map(|b| Ipv4Addr::from(b).to_string()),
            16 => <[u8; 16]>::try_from(*bytes).ok().map(|b| Ipv6Addr::from(b).to_string()),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests;
