//! Whether certificates are revoked: lists (CRL), OCSP responders, and answers that a service stapled.
//!
//! Contacts only what stands in the certificates, over plain `http`, and follows nothing from there. Nothing counts
//! that is not signed by the certificate's issuer, or by a responder that the issuer named, and in force now. Whatever
//! cannot be decided is `unknown`, with every source's reason.
//!
//! What it is not: it builds no path and asks no trust store, so whose certificate the issuer's is has to be known
//! already; it looks at no service (a staple is brought by whoever looked); it does not say what a result means.

mod answer;
mod ask;
mod authority;
mod cache;
mod crl;
mod der;
mod fetch;
mod fuzzing;
mod ocsp;
mod serial;
mod signature;
#[cfg(test)]
mod testing;

use std::time::Duration;

use self::{
    answer::{Answer, Said},
    authority::Authority,
    serial::Serial,
};
pub use self::{cache::Cache, fuzzing::fuzz};
use crate::{
    clock::Clock,
    model::{
        observation::Certificate,
        revocation::{Revocation, RevocationSource},
        time::Timestamp,
    },
};

/// A certificate to ask about.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The certificate.
    pub certificate: Certificate,
    /// Its issuer's certificate in DER, where it is known. It has to be the one whose key signed the certificate, checked
    /// by whoever brings it: a name alone would let a stranger's key speak for an authority.
    pub issuer: Option<Vec<u8>>,
}

/// How to ask.
#[derive(Clone, Debug)]
pub struct Settings {
    /// For each URL, from the name's address to the last byte.
    pub timeout: Duration,
    /// The most hosts that are asked at a time, each one question at a time. Also the most lists in memory.
    pub parallel: usize,
    /// The longest list, in bytes.
    pub max_crl_bytes: usize,
    /// Where lists are kept between runs; nowhere without it.
    pub cache: Option<Cache>,
    /// What time it is.
    pub clock: Clock,
}

impl Default for Settings {
    /// 15 s for each URL, eight hosts at a time, lists up to 64 MiB, nothing kept.
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(15),
            parallel: 8,
            max_crl_bytes: 64 << 20,
            cache: None,
            clock: Clock::System,
        }
    }
}

/// Asks about certificates: one result for each, in order. Ends by the limits, whatever the servers do.
///
/// A certificate's lists come first, each URL once for the whole call. Where they do not say `revoked`, its OCSP
/// responders are asked as well. `good` needs one believed source that says so and none that says `revoked`.
pub async fn check(asked: Vec<Asked>, settings: &Settings) -> Vec<Revocation> {
    ask::check(asked, settings).await
}

/// Judges an OCSP answer that a service brought for its own certificate (RFC 6066, 8). Contacts nobody.
pub fn judge_staple(certificate: &Certificate, issuer: &[u8], der: &[u8], now: Timestamp) -> Revocation {
    let answer = match (Authority::read(issuer), serial(certificate)) {
        (Err(_), _) => Answer::unknown(ISSUER_UNREADABLE),
        (_, None) => Answer::unknown(NO_SERIAL),
        (Ok(authority), Some(serial)) => ocsp::judge(der, &authority, &serial, None, now),
    };
    let said = Said { source: RevocationSource::Staple, place: None, url: None, answer, note: None };
    answer::together(certificate.sha256, now, &[said])
}

const ISSUER_UNREADABLE: &str = "its issuer's certificate cannot be read";
const NO_SERIAL: &str = "its serial number is not known";

fn serial(certificate: &Certificate) -> Option<Serial> {
    certificate.serial.as_deref().and_then(Serial::of_text)
}
