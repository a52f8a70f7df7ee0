//! What an observation means for a disclosure: six verdicts, a closed list of reasons, grades of evidence.

use serde::{Deserialize, Serialize};

use super::{disclosure::DisclosureId, vocabulary};

vocabulary! {
    /// The six verdicts. Only the second and third are clean: unknown is never clean.
    Verdict, "verdict" {
        /// The hole is there.
        Vulnerable = "vulnerable",
        /// The hole is not there.
        NotVulnerable = "not-vulnerable",
        /// The question does not arise.
        NotApplicable = "not-applicable",
        /// Looked, and could not tell.
        Inconclusive = "inconclusive",
        /// Not reached.
        Unreachable = "unreachable",
        /// Not looked at, by policy.
        Skipped = "skipped",
    }
}

impl Verdict {
    /// Whether this verdict says that the hole is not there.
    pub const fn is_clean(self) -> bool {
        matches!(self, Self::NotVulnerable | Self::NotApplicable)
    }

    /// Whether this verdict says anything about the service at all: that the hole is there, or is not.
    pub const fn is_decided(self) -> bool {
        self.is_clean() || matches!(self, Self::Vulnerable)
    }

    /// Whether something was contacted and answered in some way. Not where it could not be reached or was
    /// left alone, and not where the reason is a limit of ours.
    pub const fn is_probed(self, reason: Reason) -> bool {
        !matches!(self, Self::Unreachable | Self::Skipped)
            && !matches!(reason, Reason::LocalError | Reason::Interrupted | Reason::WrapUnsupported)
    }
}

vocabulary! {
    /// Why a verdict was reached. A closed list (DESIGN: verdicts) that grows by disclosure.
    Reason, "reason" {
        /// A malformed heartbeat came back with our own bytes.
        MalformedHeartbeatAnswered = "malformed-heartbeat-answered",
        /// The malformed one ignored, the well-formed one answered: proof of the fix.
        FixProved = "fix-proved",
        /// Heartbeats are refused.
        HeartbeatRefused = "heartbeat-refused",
        /// Something between us and the service may have eaten the probe.
        Blocked = "blocked",
        /// A heartbeat answer that does not hold our bytes.
        UnexpectedAnswer = "unexpected-answer",
        /// No heartbeat was answered.
        HeartbeatNotAnswered = "heartbeat-not-answered",
        /// Speaks TLS 1.3 only.
        Tls13Only = "tls13-only",
        /// Open, and not TLS.
        NotTls = "not-tls",
        /// A greeting of a protocol other than the declared wrap.
        WrapMismatch = "wrap-mismatch",
        /// A stack that cannot have the hole, by host evidence.
        StackNotAffected = "stack-not-affected",
        /// The distribution's record says affected.
        PackageAffected = "package-affected",
        /// The upstream version is in the affected range and the code is there.
        VersionAffected = "version-affected",
        /// The feature's code is there.
        FeaturePresent = "feature-present",
        /// The feature's code is provably absent.
        FeatureAbsent = "feature-absent",
        /// The distribution's record says fixed.
        PackageFixed = "package-fixed",
        /// The version is outside the affected range.
        VersionNotAffected = "version-not-affected",
        /// The question is asked at `--depth full` alone, and was not.
        NotAsked = "not-asked",
        /// SSL 3.0 was agreed on with a CBC suite.
        Sslv3CbcTaken = "sslv3-cbc-taken",
        /// SSL 3.0, or its CBC suites, were refused by an alert.
        Sslv3CbcRefused = "sslv3-cbc-refused",
        /// A ChangeCipherSpec before any key was taken.
        EarlyCcsTaken = "early-ccs-taken",
        /// A ChangeCipherSpec before any key was refused by alert 10.
        EarlyCcsRefused = "early-ccs-refused",
        /// An RSA_EXPORT suite was agreed on.
        RsaExportTaken = "rsa-export-taken",
        /// RSA_EXPORT suites were refused by an alert.
        RsaExportRefused = "rsa-export-refused",
        /// A DHE_EXPORT suite was agreed on.
        DheExportTaken = "dhe-export-taken",
        /// A Diffie-Hellman prime of less than 1024 bits.
        DhPrimeShort = "dh-prime-short",
        /// A Diffie-Hellman prime of 1024 bits that many servers share.
        DhPrimeShared = "dh-prime-shared",
        /// A Diffie-Hellman prime of 1024 bits that is in no list here.
        DhPrimeUnknown = "dh-prime-unknown",
        /// A Diffie-Hellman prime of more than 1024 bits, and no export suite.
        DhPrimeLong = "dh-prime-long",
        /// Ephemeral Diffie-Hellman was refused by an alert, export or not.
        DheRefused = "dhe-refused",
        /// SSL 2.0 is spoken.
        Sslv2Spoken = "sslv2-spoken",
        /// SSL 2.0 is spoken elsewhere with the same key.
        KeySharedWithSslv2 = "key-shared-with-sslv2",
        /// SSL 2.0 is spoken, and no kind of cipher was named.
        Sslv2NoCiphers = "sslv2-no-ciphers",
        /// SSL 2.0 was refused by an alert.
        Sslv2Refused = "sslv2-refused",
        /// RSA key exchange is offered; the question behind it is not asked.
        RsaKeyExchangeOffered = "rsa-key-exchange-offered",
        /// RSA key exchange was refused by an alert.
        RsaKeyExchangeRefused = "rsa-key-exchange-refused",
        /// A close or a reset where an alert was due.
        EndedWithoutAlert = "ended-without-alert",
        /// Something came that is no answer to the question.
        OtherAnswer = "other-answer",
        /// This build cannot speak the wrap yet.
        WrapUnsupported = "wrap-unsupported",
        /// The hole needs another transport than the service has.
        TransportNotAffected = "transport-not-affected",
        /// A key with a fault that its public half shows.
        KeyWeak = "key-weak",
        /// No key that was seen has it.
        KeyNotWeak = "key-not-weak",
        /// A kind of key that cannot have it.
        KeyKindNotAffected = "key-kind-not-affected",
        /// No list of weak keys that was given covers the kind and size of a key.
        ListDoesNotCover = "list-does-not-cover",
        /// No key was seen.
        KeyNotSeen = "key-not-seen",
        /// A branch that nobody analysed.
        BranchNotAnalysed = "branch-not-analysed",
        /// The catalogue's row is not confirmed.
        RowUnconfirmed = "row-unconfirmed",
        /// Symbols could not be read.
        SymbolsUnavailable = "symbols-unavailable",
        /// A backport is likely.
        BackportLikely = "backport-likely",
        /// A banner alone.
        BannerOnly = "banner-only",
        /// No handshake came about.
        HandshakeFailed = "handshake-failed",
        /// Silence after the connection stood.
        ProbeTimedOut = "probe-timed-out",
        /// Closed before TLS was spoken.
        ClosedEarly = "closed-early",
        /// STARTTLS was not offered.
        StarttlsRefused = "starttls-refused",
        /// The service asked for patience.
        RateLimited = "rate-limited",
        /// Our own limits.
        LocalError = "local-error",
        /// The sweep was stopped.
        Interrupted = "interrupted",
        /// The port is closed.
        Refused = "refused",
        /// No way there.
        NoRoute = "no-route",
        /// No connection within the limit.
        ConnectTimedOut = "connect-timed-out",
        /// The name has no address.
        DnsFailed = "dns-failed",
        /// A fragile device.
        Fragile = "fragile",
        /// Outside the scope.
        OutOfScope = "out-of-scope",
        /// Excluded.
        Excluded = "excluded",
    }
}

vocabulary! {
    /// How good evidence is (REMEDIATION 1.6).
    Grade, "grade" {
        /// A claim.
        E0 = "E0",
        /// A person and a reference.
        E1 = "E1",
        /// One remote observation.
        E2 = "E2",
        /// Repeated: a second sweep or a second vantage.
        E3 = "E3",
        /// Host and network agree.
        E4 = "E4",
    }
}

/// One observation judged against one disclosure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    /// The disclosure's id.
    pub disclosure: DisclosureId,
    /// The verdict.
    pub verdict: Verdict,
    /// Why.
    pub reason: Reason,
    /// How good the evidence is.
    pub grade: Grade,
    /// Attempts that came out vulnerable.
    pub vulnerable: u32,
    /// Attempts made.
    pub tried: u32,
    /// Bytes of heartbeat answers that were not ours to have. Always counted, expected to be 0.
    pub foreign_bytes: u64,
}
