//! A served chain against a trust store: whether a client that holds these roots can build a path for a server at a
//! moment, and if not, why not. The verifier is rustls-webpki, the one that clients of rustls have.
//!
//! Not here: names (`assess` compares them), revocation, and what a result means for users. The names, serials and
//! texts of a chain never enter a result.
//!
//! - All certificates behind the leaf are candidates for every step, so a wrong order or a stranger among them does
//!   not hide a path. Those that the leaf does not lead to by names are not looked at.
//! - Where dates are in the way, the chain is tried again at each moment at which one of its certificates begins: if
//!   there is any moment at which a path stands, one of these is such. A root's own dates are not looked at, as most
//!   clients do not either.
//! - A leaf that is itself in the store is trusted, as OpenSSL has it, also where it says that it is an authority's.
//! - A signature that fails is `broken` only where every signature on the way is of a kind that the verifier knows:
//!   it takes RSA of 1024 bits for a bad signature.
//! - A chain with so many ways through it that not all can be tried is `unsupported`, as is one of more than
//!   [`MAX_ISSUERS`] issuers that leads nowhere.

mod links;
mod pem;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ring::digest;
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, Error, KeyUsage, anchor_from_trusted_cert};

use self::links::{BreaksOff, Links, signed_by};
use super::certificate::{
    Leaf,
    der::{self, SEQUENCE, Walked},
};
use crate::model::{
    observation::Certificate,
    served::{Served, Trust, TrustResult},
    time::Timestamp,
};

/// The most certificates behind the leaf that are looked at.
pub const MAX_ISSUERS: usize = 10;
/// The most results that are remembered; one is about 150 bytes.
const MAX_REMEMBERED: usize = 10_000;

/// Why there is no trust store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The system has none, or none that can be read.
    #[error("no trust store on this system: {0}; name one with a PEM file")]
    NoSystemStore(String),
    /// A bundle without any certificate.
    #[error("{0}: no certificate in it; expected PEM")]
    Empty(String),
    /// A bundle with something wrong in it.
    #[error("{name}:{line}: {what}")]
    Pem {
        /// The bundle.
        name: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        what: &'static str,
    },
}

/// Roots, and what became of the chains that were checked against them.
#[derive(Debug)]
pub struct TrustStore {
    name: Arc<str>,
    roots: Vec<CertificateDer<'static>>,
    anchors: Vec<TrustAnchor<'static>>,
    /// The keys of the roots by subject, both as contents of their sequences.
    keys: BTreeMap<Vec<u8>, Vec<Vec<u8>>>,
    unread: usize,
    remembered: Mutex<HashMap<Digest, Remembered>>,
}

type Digest = [u8; digest::SHA256_OUTPUT_LEN];

/// A result, and the time in which no certificate of its chain begins or ends.
#[derive(Clone, Debug)]
struct Remembered {
    from: Timestamp,
    until: Timestamp,
    trust: Trust,
}

impl TrustStore {
    /// The system's store, or the one that `SSL_CERT_FILE` and `SSL_CERT_DIR` name.
    pub fn system() -> Result<Self, StoreError> {
        let loaded = rustls_native_certs::load_native_certs();
        let faults = loaded.errors.len();
        let mut store = Self::of("system", loaded.certs);
        store.unread += faults;
        if store.anchors.is_empty() {
            let why = match store.unread {
                0 => "none was found".to_owned(),
                n => format!("{n} files or certificates could not be read"),
            };
            return Err(StoreError::NoSystemStore(why));
        }
        Ok(store)
    }

    /// The certificates of a PEM bundle; `name` is what to call it. One that cannot be read refuses the bundle.
    pub fn from_pem(name: &str, bytes: &[u8]) -> Result<Self, StoreError> {
        let found = pem::certificates(name, bytes)?;
        for (line, der) in &found {
            if anchor_from_trusted_cert(&CertificateDer::from(der.as_slice())).is_err() {
                let what = "a certificate that cannot be read";
                return Err(StoreError::Pem { name: name.to_owned(), line: *line, what });
            }
        }
        if found.is_empty() {
            return Err(StoreError::Empty(name.to_owned()));
        }
        Ok(Self::of(name, found.into_iter().map(|(_, der)| CertificateDer::from(der)).collect()))
    }

    fn of(name: &str, mut certificates: Vec<CertificateDer<'static>>) -> Self {
        certificates.sort_by(|a, b| a.as_ref().cmp(b.as_ref()));
        certificates.dedup();
        let mut store = Self {
            name: name.into(),
            roots: Vec::new(),
            anchors: Vec::new(),
            keys: BTreeMap::new(),
            unread: 0,
            remembered: Mutex::default(),
        };
        for root in certificates {
            let Ok(anchor) = anchor_from_trusted_cert(&root).map(|a| a.to_owned()) else {
                store.unread += 1;
                continue;
            };
            let keys = store.keys.entry(anchor.subject.to_vec()).or_default();
            keys.push(anchor.subject_public_key_info.to_vec());
            store.anchors.push(anchor);
            store.roots.push(root);
        }
        store
    }

    /// What it is called: `system`, or the file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The roots' certificates in DER, to look up who issued a certificate.
    pub fn roots(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.roots.iter().map(AsRef::as_ref)
    }

    /// How many files or certificates of the store could not be read and are not in it.
    pub const fn unread(&self) -> usize {
        self.unread
    }

    /// What becomes of a chain, leaf first, at a moment. Results are remembered, since thousands of endpoints serve
    /// the same chain.
    pub fn check(&self, chain: &[&[u8]], now: Timestamp) -> Trust {
        let key = digest_of(chain);
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = remembered.get(&key)
            && (known.from..known.until).contains(&now)
        {
            return known.trust.clone();
        }
        drop(remembered);
        let read: Vec<Certificate> = considered(chain).map(|der| Leaf::read(der).certificate).collect();
        let (result, detail) = self.judge(chain, &read, now);
        let trust = Trust { store: Arc::clone(&self.name), result, detail: detail.map(Into::into) };
        let (from, until) = steady(&read, now);
        remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= MAX_REMEMBERED {
            remembered.clear(); // simple, and as good as any order for chains that come in no order
        }
        remembered.insert(key, Remembered { from, until, trust: trust.clone() });
        trust
    }

    fn judge(&self, chain: &[&[u8]], read: &[Certificate], now: Timestamp) -> Judged {
        let Some(leaf) = chain.first().map(|der| CertificateDer::from(*der)) else {
            return unsupported("no certificate was served");
        };
        let Some(links) = Links::read(considered(chain)) else {
            return unsupported("the certificate cannot be read");
        };
        if self.roots.contains(&leaf) {
            return in_the_store(read, now);
        }
        if !links.few_ways() {
            return unsupported("more ways through the chain than are tried");
        }
        let intermediates: Vec<_> = links.reachable_ders().into_iter().map(CertificateDer::from).collect();
        match self.verify_over_time(&leaf, &intermediates, read, now) {
            Attempt::Stands => (TrustResult::Trusted, None),
            _ if self.signed_itself(&links) => (TrustResult::SelfSigned, None),
            Attempt::StandsAtAnotherTime => (TrustResult::OutsideDates, None),
            Attempt::NeverInDate => {
                unsupported("its certificates were never valid together: nothing else was checked")
            }
            Attempt::Fails(error) => self.explain(&error, &links, chain.len()),
        }
    }

    /// Tries the chain now, and where dates are in the way at every moment at which one of its certificates begins.
    fn verify_over_time(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        read: &[Certificate],
        now: Timestamp,
    ) -> Attempt {
        match self.verify(leaf, intermediates, now) {
            Ok(()) => return Attempt::Stands,
            Err(error) if !is_about_dates(&error) => return Attempt::Fails(error),
            Err(_) => {}
        }
        let mut moments: Vec<Timestamp> = read.iter().filter_map(|c| c.not_before).collect();
        moments.sort_unstable();
        moments.dedup();
        let mut failed = None;
        // Late ones first: they are nearest to what a client would see once the dates are mended.
        for moment in moments.into_iter().rev() {
            match self.verify(leaf, intermediates, moment) {
                Ok(()) => return Attempt::StandsAtAnotherTime,
                Err(error) if !is_about_dates(&error) => failed = failed.or(Some(error)),
                Err(_) => {}
            }
        }
        failed.map_or(Attempt::NeverInDate, Attempt::Fails)
    }

    fn verify(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        at: Timestamp,
    ) -> Result<(), Error> {
        let seconds = u64::try_from(at.micros().div_euclid(1_000_000)).unwrap_or(0);
        let time = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let usage = KeyUsage::server_auth();
        let leaf = EndEntityCert::try_from(leaf)?;
        leaf.verify_for_usage(ALL_VERIFICATION_ALGS, &self.anchors, intermediates, time, usage, None, None)
            .map(|_| ())
    }

    /// What a failure means.
    fn explain(&self, error: &Error, links: &Links<'_>, served: usize) -> Judged {
        match error {
            Error::UnknownIssuer if !links.whole || served > MAX_ISSUERS => {
                unsupported("it leads nowhere, and not every certificate that was served could be looked at")
            }
            Error::UnknownIssuer => match links.breaks_off() {
                Some(BreaksOff::AtTheLeaf) => (
                    TrustResult::Incomplete,
                    Some("the leaf's issuer was not served and is not in the store"),
                ),
                Some(BreaksOff::AtAnIssuer) => {
                    let why =
                        "the issuer of an authority's certificate was not served and is not in the store";
                    (TrustResult::Incomplete, Some(why))
                }
                None => (TrustResult::UnknownIssuer, None),
            },
            Error::InvalidSignatureForPublicKey if links.cannot_be_checked(|name| self.keys_of(name)) => {
                unsupported(UNKNOWN_ALGORITHM)
            }
            other => meaning_of(other),
        }
    }

    /// Whether the leaf names itself as issuer, and its own key made its signature, or might have: where that cannot
    /// be checked, no other certificate of the name may be there.
    fn signed_itself(&self, links: &Links<'_>) -> bool {
        let leaf = &links.leaf;
        Links::self_issued(leaf)
            && match der::content(leaf.spki, SEQUENCE).and_then(|key| signed_by(leaf, key)) {
                Some(signed) => signed,
                None => {
                    !links.others.iter().any(|other| other.subject == leaf.subject)
                        && self.keys_of(leaf.issuer).is_empty()
                }
            }
    }

    /// The keys of the roots of a name, given whole.
    fn keys_of(&self, name: &[u8]) -> Vec<&[u8]> {
        let keys = der::content(name, SEQUENCE).and_then(|n| self.keys.get(n));
        keys.into_iter().flatten().map(Vec::as_slice).collect()
    }
}

/// The chain behind the leaf, and what becomes of it in a trust store at `now`. `chain` has the leaf first; of the
/// others, the first [`MAX_ISSUERS`] count. None where no certificate came.
pub fn served(chain: &[&[u8]], trust: Option<&TrustStore>, now: Timestamp) -> Option<Served> {
    let (_leaf, issuers) = chain.split_first()?;
    Some(Served {
        issuers: issuers.iter().take(MAX_ISSUERS).map(|der| Leaf::read(der).certificate).collect(),
        in_order: in_order(chain),
        trust: trust.map(|store| store.check(chain, now)),
        staple: None,
    })
}

/// Whether each certificate was issued by the next one, by the octets of their names (RFC 5246, 7.4.2). A chain with
/// a certificate that cannot be read is not in order.
fn in_order(chain: &[&[u8]]) -> bool {
    let walked: Option<Vec<Walked<'_>>> = considered(chain).map(der::walk).collect();
    let follows = |pair: &[Walked<'_>]| matches!(pair, [child, issuer] if child.issuer == issuer.subject);
    chain.len() < 2 || walked.is_some_and(|w| w.windows(2).all(follows))
}

/// The leaf and as many others as are looked at.
fn considered<'c>(chain: &'c [&'c [u8]]) -> impl Iterator<Item = &'c [u8]> {
    chain.iter().take(MAX_ISSUERS + 1).copied()
}

type Judged = (TrustResult, Option<&'static str>);

/// What the verifier said, over time.
enum Attempt {
    Stands,
    StandsAtAnotherTime,
    NeverInDate,
    Fails(Error),
}

const UNKNOWN_ALGORITHM: &str =
    "a key or signature in it is of a kind or size that the verifier does not know";

const fn unsupported(why: &'static str) -> Judged {
    (TrustResult::Unsupported, Some(why))
}

const fn broken(why: &'static str) -> Judged {
    (TrustResult::Broken, Some(why))
}

/// A leaf that is a member of the store needs no path, only to be in date.
fn in_the_store(read: &[Certificate], now: Timestamp) -> Judged {
    const WHY: Option<&str> = Some("the certificate itself is in the store");
    match read.first().and_then(|leaf| Some((leaf.not_before?, leaf.not_after?))) {
        Some((from, until)) if from <= now && now.seconds_since(until) <= 0 => (TrustResult::Trusted, WHY),
        Some(_) => (TrustResult::OutsideDates, WHY),
        None => unsupported("the certificate cannot be read"),
    }
}

const fn is_about_dates(error: &Error) -> bool {
    matches!(error, Error::CertExpired { .. } | Error::CertNotValidYet { .. })
}

/// What the verifier's other errors mean. It refuses more than clients do (RFC 5280 to the letter): what it cannot
/// read, or refuses where others do not, proves no fault.
fn meaning_of(error: &Error) -> Judged {
    match error {
        Error::InvalidSignatureForPublicKey => broken("a signature in it does not hold"),
        Error::SignatureAlgorithmMismatch => {
            broken("a certificate names two algorithms for its one signature")
        }
        Error::InvalidCertValidity => broken("a certificate in it ends before it begins"),
        Error::RequiredEkuNotFoundContext(_) | Error::EmptyEkuExtension => {
            broken("a certificate in it is not meant for servers")
        }
        Error::NameConstraintViolation => broken("a name in it is outside what an authority may name"),
        Error::PathLenConstraintViolated => broken("it is longer than an authority in it allows"),
        Error::EndEntityUsedAsCa => broken("a certificate in it was issued by one that is no authority's"),
        Error::CertDistrusted => broken("an authority in it is distrusted by clients"),
        Error::CaUsedAsEndEntity => {
            unsupported("the leaf is an authority's certificate, which some clients refuse")
        }
        Error::UnsupportedCertVersion => unsupported("a certificate in it is not of version 3"),
        Error::UnsupportedCriticalExtension => {
            unsupported("a critical extension that the verifier does not know")
        }
        Error::UnsupportedSignatureAlgorithmContext(_)
        | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => unsupported(UNKNOWN_ALGORITHM),
        Error::MaximumPathDepthExceeded
        | Error::MaximumSignatureChecksExceeded
        | Error::MaximumPathBuildCallsExceeded
        | Error::MaximumNameConstraintComparisonsExceeded => {
            unsupported("it is more work than the verifier does")
        }
        _ => unsupported("a certificate in it is not of the form that the verifier demands"),
    }
}

/// The time around `now` in which no certificate begins or ends, so that a result stands.
fn steady(read: &[Certificate], now: Timestamp) -> (Timestamp, Timestamp) {
    let begins = read.iter().filter_map(|c| c.not_before);
    let ends = read.iter().filter_map(|c| c.not_after).map(|t| t.plus_seconds(1));
    let mut span = (Timestamp::from_micros(i64::MIN), Timestamp::from_micros(i64::MAX));
    for edge in begins.chain(ends) {
        if edge <= now {
            span.0 = span.0.max(edge);
        } else {
            span.1 = span.1.min(edge);
        }
    }
    span
}

/// The digest of a chain: of its certificates' digests, so that where one ends matters.
fn digest_of(chain: &[&[u8]]) -> Digest {
    let mut all = digest::Context::new(&digest::SHA256);
    for der in chain {
        all.update(digest::digest(&digest::SHA256, der).as_ref());
    }
    let mut out = [0; digest::SHA256_OUTPUT_LEN];
    out.copy_from_slice(all.finish().as_ref());
    out
}

#[cfg(test)]
mod tests;
