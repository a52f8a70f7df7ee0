//! One check of one certificate for revocation: what a CRL, an OCSP responder or a stapled answer said, and when.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{ids::Sha256, time::Timestamp, vocabulary};

vocabulary! {
    /// What is known of a certificate's revocation. Unknown is neither.
    RevocationStatus, "revocation status" {
        /// The authority says that it stands.
        Good = "good",
        /// The authority has revoked it.
        Revoked = "revoked",
        /// Nobody could tell: no answer, none that can be believed, or nobody to ask.
        Unknown = "unknown",
    }
}

vocabulary! {
    /// Who said so.
    RevocationSource, "revocation source" {
        /// A certificate revocation list (RFC 5280, 5).
        Crl = "crl",
        /// An OCSP responder (RFC 6960).
        Ocsp = "ocsp",
        /// An OCSP answer that the service itself brought (RFC 6066, 8).
        Staple = "staple",
    }
}

vocabulary! {
    /// Why it was revoked (RFC 5280, 5.3.1), as the authority says.
    RevocationReason, "revocation reason" {
        /// No reason given.
        Unspecified = "unspecified",
        /// The private key is in other hands: what a leak wants.
        KeyCompromise = "keyCompromise",
        /// That of the authority.
        CaCompromise = "cACompromise",
        /// The subject's name changed.
        AffiliationChanged = "affiliationChanged",
        /// Another certificate took its place.
        Superseded = "superseded",
        /// It is not needed any more.
        CessationOfOperation = "cessationOfOperation",
        /// On hold: may come back.
        CertificateHold = "certificateHold",
        /// Taken off the list.
        RemoveFromCrl = "removeFromCRL",
        /// A privilege ended.
        PrivilegeWithdrawn = "privilegeWithdrawn",
        /// That of an attribute authority.
        AaCompromise = "aACompromise",
    }
}

impl RevocationReason {
    /// By its number; 7 is not used.
    pub const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::Unspecified,
            1 => Self::KeyCompromise,
            2 => Self::CaCompromise,
            3 => Self::AffiliationChanged,
            4 => Self::Superseded,
            5 => Self::CessationOfOperation,
            6 => Self::CertificateHold,
            8 => Self::RemoveFromCrl,
            9 => Self::PrivilegeWithdrawn,
            10 => Self::AaCompromise,
            _ => return None,
        })
    }
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// The certificate, by the SHA-256 of its DER form.
    pub certificate: Sha256,
    /// When it was asked.
    pub at: Timestamp,
    /// What came of it.
    pub status: RevocationStatus,
    /// Who decided; absent where nobody could.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<RevocationSource>,
    /// Why it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<RevocationReason>,
    /// Since when it is revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Timestamp>,
    /// From when the list or the answer is (thisUpdate).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub this_update: Option<Timestamp>,
    /// When the next one is due (nextUpdate).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_update: Option<Timestamp>,
    /// The URL that decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<Arc<str>>,
    /// Why each source that was tried did not decide, in our own words, `; ` between them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// A certificate that was seen behind a leaf, whole: what a revocation is checked with, long after the chain that it came
/// in has gone. Kept once for each digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issuer {
    /// The SHA-256 of its DER form.
    pub certificate: Sha256,
    /// When it was first seen.
    pub at: Timestamp,
    /// Its DER form in base64 (RFC 4648, 4).
    pub der: String,
}

impl Issuer {
    /// One that was seen at a time.
    pub fn seen(at: Timestamp, der: &[u8]) -> Self {
        Self { certificate: Sha256::of(der), at, der: data_encoding::BASE64.encode(der) }
    }

    /// Its DER form; absent where the text is damaged, or is not that of this digest.
    pub fn der(&self) -> Option<Vec<u8>> {
        let der = data_encoding::BASE64.decode(self.der.as_bytes()).ok()?;
        (Sha256::of(&der) == self.certificate).then_some(der)
    }
}
