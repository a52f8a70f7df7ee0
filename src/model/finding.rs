//! What is wrong with what a service serves, apart from any disclosure: its certificates, its chain, what its users
//! get. A finding never moves a verdict or a facet; it stands next to them.

use serde::{Deserialize, Serialize};

use super::{ids::Sha256, vocabulary};

vocabulary! {
    /// What is wrong. A closed list.
    FindingKind, "finding" {
        /// What users must get, they do not get.
        ExpectationFailed = "expectation-failed",
        /// A certificate in the served chain is past its end.
        Expired = "expired",
        /// One is not valid yet.
        NotYetValid = "not-yet-valid",
        /// One ends within the time that policy warns of.
        ExpiresSoon = "expires-soon",
        /// The leaf does not name the host (RFC 9525).
        NameMismatch = "name-mismatch",
        /// The leaf signed itself.
        SelfSigned = "self-signed",
        /// No root of the trust store leads to it.
        UnknownIssuer = "unknown-issuer",
        /// The server leaves out a certificate that clients need.
        ChainIncomplete = "chain-incomplete",
        /// The certificates come in an order that RFC 5246 does not allow, or strangers are among them.
        ChainOrder = "chain-order",
        /// A signature or constraint in the chain does not hold.
        ChainBroken = "chain-broken",
        /// Signed with MD5 or SHA-1.
        WeakSignature = "weak-signature",
        /// RSA or DSA under 2048 bits, a curve under 224.
        WeakKey = "weak-key",
        /// The certificate served is revoked.
        ServesRevoked = "serves-revoked",
        /// The certificate demands a stapled OCSP answer, and none came that can be believed.
        StapleMissing = "staple-missing",
        /// What users must get could not be tried.
        ExpectationUntried = "expectation-untried",
        /// The page given loads resources in the clear.
        MixedContent = "mixed-content",
        /// The service speaks another wrap than its row says.
        OtherWrap = "other-wrap",
        /// A TURN server relays for strangers.
        OpenRelay = "open-relay",
        /// A certificate or the chain could not be judged: nothing is known, and nothing is clean.
        CertificateUnchecked = "certificate-unchecked",
    }
}

impl FindingKind {
    /// Whether users or clients are turned away by it today, in the ordinary case.
    pub const fn is_outage(self) -> bool {
        matches!(
            self,
            Self::Expired
                | Self::NotYetValid
                | Self::NameMismatch
                | Self::ChainBroken
                | Self::ServesRevoked
                | Self::ExpectationFailed
        )
    }
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What is wrong.
    pub kind: FindingKind,
    /// One sentence for people, without its full stop: what, since when, which certificate.
    pub detail: String,
    /// The certificate that it is about, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Sha256>,
}

/// By which rules findings are made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FindingRules {
    /// Hours before its end from which a certificate is told of. Default 360: 15 days.
    pub expiry_warn_hours: u32,
}

impl Default for FindingRules {
    fn default() -> Self {
        Self { expiry_warn_hours: 360 }
    }
}

impl FindingRules {
    /// The time to warn within, in days where they are whole.
    pub fn warn_in_words(&self) -> String {
        let hours = self.expiry_warn_hours;
        if hours.is_multiple_of(24) { format!("{} days", hours / 24) } else { format!("{hours} h") }
    }
}
