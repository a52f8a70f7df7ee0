//! What one look at one endpoint brought: raw, dated, and without any judgement.
//!
//! Nothing here says vulnerable or clean; `assess` derives that. Nothing here can hold a byte that
//! a server returned in a heartbeat: answers are kept as what they were compared to, and lengths.

use std::{net::IpAddr, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    asked::Asked,
    ids::{RowId, Sha256, Spki, SweepId},
    relay::Relay,
    served::{Details, Expectation, Served, Software},
    time::Timestamp,
    vocabulary,
    wrap::{Transport, Wrap},
};

vocabulary! {
    /// How a contact with an endpoint ended. Closed list; only `answered` says anything about the service.
    Contact, "contact" {
        /// TLS was spoken, and the question could be asked.
        Answered = "answered",
        /// Something else than TLS was spoken.
        NotTls = "not-tls",
        /// TLS was spoken and no handshake came about.
        HandshakeFailed = "handshake-failed",
        /// The connection was closed or reset before TLS was spoken.
        ClosedEarly = "closed-early",
        /// Connected, and then silence.
        ProbeTimedOut = "probe-timed-out",
        /// No connection within the limit.
        ConnectTimedOut = "connect-timed-out",
        /// The port is closed.
        Refused = "refused",
        /// No way there.
        NoRoute = "no-route",
        /// The name has no address.
        DnsFailed = "dns-failed",
        /// The protocol answered, and does not offer TLS.
        StarttlsRefused = "starttls-refused",
        /// The service asked for patience.
        RateLimited = "rate-limited",
        /// Something between us and the service ate the probe.
        Blocked = "blocked",
        /// Policy: not contacted, or not beyond a handshake.
        Skipped = "skipped",
        /// Our own limits (files, ports). Never blamed on the target.
        LocalError = "local-error",
        /// The sweep was stopped.
        Interrupted = "interrupted",
    }
}

vocabulary! {
    /// Why policy kept the probe away.
    Skip, "skip reason" {
        /// A fragile device: handshake only.
        Fragile = "fragile",
        /// The address lies outside the scope.
        OutOfScope = "out-of-scope",
        /// The address or name was excluded.
        Excluded = "excluded",
    }
}

vocabulary! {
    /// A protocol version.
    TlsVersion, "TLS version" {
        /// SSL 3.0 (RFC 6101).
        Ssl3 = "SSLv3",
        /// TLS 1.0 (RFC 2246).
        Tls10 = "TLSv1.0",
        /// TLS 1.1 (RFC 4346).
        Tls11 = "TLSv1.1",
        /// TLS 1.2 (RFC 5246).
        Tls12 = "TLSv1.2",
        /// TLS 1.3 (RFC 8446).
        Tls13 = "TLSv1.3",
        /// DTLS 1.0 (RFC 4347), which is TLS 1.1 over datagrams.
        Dtls10 = "DTLSv1.0",
        /// DTLS 1.2 (RFC 6347), which is TLS 1.2 over datagrams.
        Dtls12 = "DTLSv1.2",
    }
}

impl TlsVersion {
    /// The version of TLS that this is over a stream.
    #[must_use]
    pub const fn of_stream(self) -> Self {
        match self {
            Self::Dtls10 => Self::Tls11,
            Self::Dtls12 => Self::Tls12,
            stream => stream,
        }
    }

    /// Whether it is spoken over datagrams.
    pub const fn is_datagram(self) -> bool {
        matches!(self, Self::Dtls10 | Self::Dtls12)
    }
}

/// What came after one message of the ladder (PROBING 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Answer {
    /// A heartbeat response that holds exactly the payload of this message.
    Echoed,
    /// A heartbeat message that holds something else; only its length in bytes is kept.
    Other {
        /// Length of the heartbeat message.
        len: u32,
    },
    /// Nothing within the step's wait.
    Silent,
    /// An alert; level 2 is fatal.
    Alert {
        /// 1 warning, 2 fatal.
        level: u8,
        /// The alert's number (RFC 5246, 7.2).
        code: u8,
    },
    /// The connection was closed in order, without an alert.
    Closed,
    /// The connection was reset.
    Reset,
    /// Something that is neither alert nor heartbeat.
    Unexpected {
        /// The record's content type.
        content_type: u8,
    },
}

vocabulary! {
    /// What became of the heartbeat extension (RFC 6520, 2) in a handshake.
    HeartbeatExtension, "heartbeat extension" {
        /// We could not offer it (SSLv3, or a hello without extensions).
        NotOffered = "not-offered",
        /// Offered, and not acknowledged by the server.
        Offered = "offered",
        /// Offered and acknowledged.
        Acknowledged = "acknowledged",
    }
}

/// Pairs of a malformed and a well-formed heartbeat over a path that may lose either.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pairs {
    /// Pairs that went out.
    pub sent: u32,
    /// Well-formed ones that were answered.
    pub answered: u32,
}

/// The chance at which loss is no longer believed to explain what was seen: one in nine hundred.
const DOUBT: f64 = 1.0 / 900.0;

impl Pairs {
    /// Whether loss alone can still explain that no malformed heartbeat was answered and so many well-formed ones were:
    /// Fisher's exact test, which needs to know nothing of how lossy the path is. Both kinds are of about one size and
    /// go out in turn, so that loss hits them alike; that all of the answers fall on one kind then has a chance of
    /// C(n, k) / C(2n, k) for k answers to n pairs.
    pub fn outweighs_loss(self) -> bool {
        let (sent, answered) = (f64::from(self.sent), f64::from(self.answered.min(self.sent)));
        let mut chance = 1.0;
        let mut k = 0.0;
        while k < answered && chance >= DOUBT {
            chance *= (sent - k) / (2.0 * sent - k);
            k += 1.0;
        }
        chance < DOUBT
    }

    /// Both together.
    #[must_use]
    pub const fn with(self, more: Self) -> Self {
        Self {
            sent: self.sent.saturating_add(more.sent),
            answered: self.answered.saturating_add(more.answered),
        }
    }
}

/// One connection that asked the heartbeat question, and its follow-up where one was needed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// How this contact ended.
    pub contact: Contact,
    /// The version that the server chose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<TlsVersion>,
    /// The heartbeat extension in this handshake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extension: Option<HeartbeatExtension>,
    /// Over datagrams: how often the pair of questions went out, and how many well-formed ones came back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pairs: Option<Pairs>,
    /// After the message with a whole payload and no padding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub malformed: Option<Answer>,
    /// After the well-formed message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<Answer>,
    /// After the out-of-order handshake record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poke: Option<Answer>,
    /// On one more connection: the well-formed message alone, after a close, reset or other alert.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alone: Option<Answer>,
    /// On one more connection: whether a plain handshake still works, asked after silence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub still_up: Option<bool>,
    /// On one more connection: the same questions behind a finished handshake, encrypted (PROBING 3), asked where silence
    /// in the clear decides nothing, and at full depth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encrypted: Option<Box<Attempt>>,
    /// Bytes of heartbeat answers beyond header, our own payload and 16 bytes of padding, those of `encrypted` among
    /// them.
    #[serde(default)]
    pub foreign_bytes: u64,
}

impl Attempt {
    /// An attempt that brought nothing but how the contact ended.
    pub const fn ended(contact: Contact) -> Self {
        Self {
            contact,
            version: None,
            extension: None,
            pairs: None,
            malformed: None,
            control: None,
            poke: None,
            alone: None,
            still_up: None,
            encrypted: None,
            foreign_bytes: 0,
        }
    }
}

/// What the first handshake that came about showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsFacts {
    /// The version that the server chose.
    pub version: TlsVersion,
    /// The suite by its OpenSSL name, or `0xNNNN` where it has none.
    pub cipher: Arc<str>,
    /// Whether the server acknowledged the heartbeat extension; absent where it was not offered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat_extension: Option<bool>,
    /// Whether the handshake worked only without SNI.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub without_sni: bool,
}

/// A leaf certificate's facts. Everything textual in it is hostile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// SHA-256 of its DER form.
    pub sha256: Sha256,
    /// SHA-256 of its SubjectPublicKeyInfo. Absent where the certificate could not be parsed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spki_sha256: Option<Spki>,
    /// `0x` and hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// The subject as RFC 4514 text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The issuer as RFC 4514 text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// Valid from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// Valid until.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<Timestamp>,
    /// DNS names and addresses of the subject alternative name, at most 100.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// More about it. Absent in evidence of earlier releases, and where it could not be parsed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Box<Details>>,
}

impl Certificate {
    /// The common names of its subject, which is in the form of RFC 4514. Old clients took them for host names.
    pub fn common_names(&self) -> Vec<String> {
        let subject = self.subject.as_deref().unwrap_or_default();
        let mut found = Vec::new();
        let mut attribute = String::new();
        let mut chars = subject.chars().chain([',']);
        while let Some(c) = chars.next() {
            match c {
                ',' | '+' => {
                    found.extend(attribute.strip_prefix("CN=").map(str::to_owned));
                    attribute.clear();
                }
                // An escaped character stands for itself; a pair of hex digits for one that no host name has.
                '\\' => attribute.extend(chars.next()),
                c => attribute.push(c),
            }
        }
        found
    }

    /// Whether its authority can be asked about it: it names a CRL or an OCSP responder over http. Where nobody can be
    /// asked, a person's word is the best that there is.
    pub fn is_checkable(&self) -> bool {
        let mut urls = self.details.iter().flat_map(|d| d.crl.iter().chain(&d.ocsp));
        urls.any(|url| url.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http://")))
    }
}

/// A key other than the first that an endpoint served: other key type, other backend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherKey {
    /// The key.
    pub spki_sha256: Spki,
    /// The certificate it came with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Certificate>,
}

/// One endpoint of one service, looked at once in one sweep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// The sweep it belongs to.
    pub sweep: SweepId,
    /// The service.
    pub row_id: RowId,
    /// The service's name, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Arc<str>>,
    /// The address that was contacted; absent when a name had none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// The port.
    pub port: u16,
    /// The transport.
    pub transport: Transport,
    /// The wrap that was used.
    pub wrap: Wrap,
    /// The SNI that was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sni: Option<Arc<str>>,
    /// From where it was looked at.
    pub vantage: Arc<str>,
    /// When the look ended.
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub ms: f64,
    /// How it ended, over all attempts: `answered` when any was.
    pub contact: Contact,
    /// Why policy kept the probe away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip: Option<Skip>,
    /// More about the contact in our own words, such as `alert 40` or `greeting of ssh`. Never the server's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The handshake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsFacts>,
    /// The leaf certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Certificate>,
    /// SHA-256 of the other certificates of the chain, in the order served, at most 10.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chain: Vec<Sha256>,
    /// Other keys served. Absent: not asked, or no answer; empty: asked, and there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_keys: Option<Vec<OtherKey>>,
    /// Every connection that asked the heartbeat question.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Attempt>,
    /// The chain behind the leaf; absent in evidence of earlier releases, and where no certificate came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub served: Option<Box<Served>>,
    /// What users must still get, tried at this look.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expectations: Vec<Expectation>,
    /// Software that the service named, at most 8.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub software: Vec<Software>,
    /// Other questions and what came of them, in the order in which they were asked. Absent below `--depth full`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asked: Vec<Asked>,
    /// What it said as a STUN or TURN server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relay: Option<Relay>,
}

impl Observation {
    /// Every key that this look saw.
    pub fn keys(&self) -> impl Iterator<Item = Spki> + '_ {
        let first = self.certificate.as_ref().and_then(|c| c.spki_sha256);
        first.into_iter().chain(self.other_keys.iter().flatten().map(|k| k.spki_sha256))
    }

    /// Every certificate that this look saw.
    pub fn certificates(&self) -> impl Iterator<Item = &Certificate> {
        self.certificate.iter().chain(self.other_keys.iter().flatten().filter_map(|k| k.certificate.as_ref()))
    }

    /// Foreign bytes over all attempts.
    pub fn foreign_bytes(&self) -> u64 {
        self.attempts.iter().map(|a| a.foreign_bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_pairs_without_loss_are_a_proof_and_fewer_are_not() {
        let outweighs = |sent, answered| Pairs { sent, answered }.outweighs_loss();
        let table = [
            ((0, 0), false),
            ((1, 1), false),
            ((5, 5), false), // 1 in 252
            ((6, 6), true),  // 1 in 924
            ((8, 6), false),
            ((8, 7), true),
            ((12, 8), true),
            ((1000, 1), false),
            ((u32::MAX, 20), true),
        ];
        for ((sent, answered), expected) in table {
            assert_eq!(outweighs(sent, answered), expected, "{answered} of {sent}");
        }
    }
}
