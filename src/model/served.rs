//! What a service serves beyond its handshake: the chain and what became of it in a trust store, what the service
//! says of its software, and whether it still does what its users expect. Facts of one look; findings are made of
//! them in `assess`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    ids::Sha256, observation::Certificate, revocation::RevocationStatus, time::Timestamp, vocabulary,
};

/// More about a certificate than its identity. Everything textual in it is hostile.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "marks that have nothing to do with each other")]
pub struct Details {
    /// The key's algorithm: `rsa`, `rsa-pss`, `dsa`, `ed25519`, `ed448`, `ec` with the curve as in `ec-p256`, or the
    /// object identifier in dots.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Arc<str>>,
    /// The key's size in bits: of the modulus, or of the curve's field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_bits: Option<u32>,
    /// The last ten bytes, in hex, of SHA-1 over `Modulus=`, the modulus in upper-case hex and a line feed: how lists of weak
    /// RSA keys name a key (Debian's `openssl-blacklist`). Absent for other keys, and in evidence of earlier releases.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modulus_sha1: Option<Arc<str>>,
    /// Whether the modulus bears the mark of ROCA (CVE-2017-15361). Looked at wherever `modulus_sha1` is there.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub roca: bool,
    /// Whether the key stands in a list of weak keys that was given at the look. Absent: no list covers its size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listed_weak: Option<bool>,
    /// The signature's algorithm by its usual name, such as `sha256WithRSAEncryption`, or the object identifier in dots.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<Arc<str>>,
    /// Whether basicConstraints says that it is an authority's.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_ca: bool,
    /// Whether issuer and subject are the same name.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub self_issued: bool,
    /// Whether it demands a stapled OCSP answer (RFC 7633).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub must_staple: bool,
    /// Times of its embedded SCTs (RFC 6962, 3.3), earliest first, at most 20.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sct: Vec<Timestamp>,
    /// URLs of OCSP responders (RFC 5280, 4.2.2.1), at most 4, as written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ocsp: Vec<String>,
    /// The certificate, served with it or of the trust store, whose key signed it: checked at the look.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<Sha256>,
    /// URLs of CRLs (RFC 5280, 4.2.1.13), at most 4, as written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub crl: Vec<String>,
}

vocabulary! {
    /// What became of a served chain in a trust store.
    TrustResult, "trust result" {
        /// A path to a root of the store stands at the time of the look.
        Trusted = "trusted",
        /// A path stands but for the dates of a certificate in it.
        OutsideDates = "outside-dates",
        /// The leaf signed itself, and is not in the store.
        SelfSigned = "self-signed",
        /// Nothing in the chain leads to a root of the store, and every certificate served was issued by another one
        /// served or by itself: an authority that the store does not know.
        UnknownIssuer = "unknown-issuer",
        /// The chain breaks off: the issuer of its last certificate was not served and is not in the store.
        Incomplete = "incomplete",
        /// A signature or a constraint in the chain does not hold.
        Broken = "broken",
        /// A certificate or an algorithm that the verifier does not know: nothing can be said.
        Unsupported = "unsupported",
    }
}

/// The chain, checked against a trust store at one look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trust {
    /// `system`, or the file that was given.
    pub store: Arc<str>,
    /// What became of it.
    pub result: TrustResult,
    /// More about it, in our own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// The served chain behind the leaf.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Served {
    /// The certificates after the leaf, in the order served, at most 10.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub issuers: Vec<Certificate>,
    /// Whether each certificate served was issued by the next one, by names.
    pub in_order: bool,
    /// The chain against the trust store; absent where there is no store.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trust: Option<Trust>,
    /// What an OCSP answer that came with the leaf says; absent where none came, or none that can be believed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub staple: Option<RevocationStatus>,
}

/// One thing that a user must still get (`expect` in the inventory), tried once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expectation {
    /// As declared, such as `https 200 /login`.
    pub expect: Arc<str>,
    /// Whether it was met. Absent: it could not be tried, and `saw` says why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub met: Option<bool>,
    /// What came instead, in our own words: `status 502`, `the certificate names another host`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saw: Option<String>,
    /// Resources that the page loads in the clear, as hosts and kinds, at most 10. Only for pages over TLS.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mixed: Vec<String>,
}

/// Software that a service names in a banner. The weakest evidence of a version there is: never a verdict.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Software {
    /// The product, as the banner writes it, at most 64 characters of letters, digits and `._-+ `.
    pub product: String,
    /// Its version, of the same characters without the space.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Where it was read: `http-server`, `smtp`, `ssh`, `ftp`, `mysql`, `stun-software`, ...
    pub source: Arc<str>,
}

impl std::fmt::Display for Software {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.product)?;
        self.version.as_ref().map_or(Ok(()), |version| write!(f, " {version}"))
    }
}
