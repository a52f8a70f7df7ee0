//! What was asked of an endpoint beyond the first question, and what came: the questions of `--depth full`. Raw, without
//! any judgement; bytes that a server sent are never in it, but for numbers.

use std::{fmt::Write as _, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{ids::Spki, observation::TlsVersion, vocabulary};

vocabulary! {
    /// One question, each on a connection of its own. What some of them ask, in a sentence, is with the probe.
    Question, "question" {
        /// A hello of SSL 2.0.
        Sslv2 = "sslv2",
        /// SSL 3.0 alone, with CBC suites alone.
        Sslv3Cbc = "sslv3-cbc",
        /// SSL 3.0 alone, with every suite.
        Sslv3 = "sslv3",
        /// TLS 1.0 at most.
        Tls10 = "tls1.0",
        /// TLS 1.1 at most.
        Tls11 = "tls1.1",
        /// TLS 1.2 at most.
        Tls12 = "tls1.2",
        /// TLS 1.3 alone.
        Tls13 = "tls1.3",
        /// A version below the best one, with TLS_FALLBACK_SCSV (RFC 7507).
        FallbackScsv = "fallback-scsv",
        /// A ChangeCipherSpec right after ServerHelloDone, then a record that nobody can decrypt.
        EarlyCcs = "early-ccs",
        /// Suites with RSA_EXPORT key exchange alone.
        RsaExport = "rsa-export",
        /// Suites with DHE_EXPORT key exchange alone.
        DheExport = "dhe-export",
        /// Suites with DHE key exchange alone.
        Dhe = "dhe",
        /// Suites with RSA key exchange alone.
        RsaExchange = "rsa-exchange",
    }
}

vocabulary! {
    /// What came of a question.
    Came, "reply" {
        /// The server agreed: it chose what was offered, or went on where it should have stopped.
        Taken = "taken",
        /// An alert; its number is beside it.
        Alert = "alert",
        /// Closed in order, without an alert.
        Closed = "closed",
        /// Reset.
        Reset = "reset",
        /// Nothing within the limit.
        Silent = "silent",
        /// Something that is no answer to it.
        Other = "other",
        /// There was no connection, or the dialogue before TLS did not lead to it.
        Unreached = "unreached",
    }
}

/// A question and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The question.
    pub question: Question,
    /// What came.
    pub came: Came,
    /// The highest version that was on offer, where the question names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offered: Option<TlsVersion>,
    /// The alert's number, where one came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert: Option<u8>,
    /// The version that the server chose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<TlsVersion>,
    /// The suite that it chose, by its OpenSSL name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cipher: Option<Arc<str>>,
    /// Bits of what the question is about: of the Diffie-Hellman prime, of the short RSA key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bits: Option<u32>,
    /// The name of a Diffie-Hellman group that is known to be shared by many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Arc<str>>,
    /// How many kinds of cipher a server of SSL 2.0 named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ciphers: Option<u32>,
    /// The key of the certificate that came with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spki_sha256: Option<Spki>,
    /// More about it, in our own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl Asked {
    /// A question that brought nothing but this.
    pub const fn ended(question: Question, came: Came) -> Self {
        Self {
            question,
            came,
            offered: None,
            alert: None,
            version: None,
            cipher: None,
            bits: None,
            group: None,
            ciphers: None,
            spki_sha256: None,
            detail: None,
        }
    }

    /// One that an alert ended.
    pub const fn refused(question: Question, alert: u8) -> Self {
        let mut asked = Self::ended(question, Came::Alert);
        asked.alert = Some(alert);
        asked
    }
}

impl Question {
    /// What is asked, in a few words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Sslv2 => "SSLv2",
            Self::Sslv3Cbc => "SSLv3 with CBC suites alone",
            Self::Sslv3 => "SSLv3",
            Self::Tls10 => "TLS 1.0",
            Self::Tls11 => "TLS 1.1",
            Self::Tls12 => "TLS 1.2",
            Self::Tls13 => "TLS 1.3",
            Self::FallbackScsv => "a fallback that was not needed (TLS_FALLBACK_SCSV)",
            Self::EarlyCcs => "a ChangeCipherSpec before any key",
            Self::RsaExport => "RSA key exchange with an export key",
            Self::DheExport => "Diffie-Hellman over an export prime",
            Self::Dhe => "Diffie-Hellman (DHE) alone",
            Self::RsaExchange => "RSA key exchange alone",
        }
    }
}

impl Asked {
    /// What came, in words and numbers of ours.
    pub fn answer(&self) -> String {
        let mut text = match (self.came, self.alert) {
            (Came::Taken, _) => "taken".to_owned(),
            (Came::Alert, Some(code)) => format!("alert {code}"),
            (Came::Alert, None) => "an alert".to_owned(),
            (Came::Closed, _) => "closed without an alert".to_owned(),
            (Came::Reset, _) => "reset".to_owned(),
            (Came::Silent, _) => "silence".to_owned(),
            (Came::Other, _) => "no answer to it".to_owned(),
            (Came::Unreached, _) => "no connection".to_owned(),
        };
        if let Some(cipher) = self.cipher.as_ref().filter(|_| self.came == Came::Taken) {
            text.extend([" with ", cipher]);
        }
        if let Some(version) = self.version {
            text.extend([", ", version.as_str()]);
        }
        if let Some(bits) = self.bits {
            let _ = write!(text, ", {bits} bits"); // into a string, cannot fail
        }
        if let Some(group) = &self.group {
            text.extend([", the shared group of ", group]);
        }
        match self.ciphers {
            Some(1) => text.push_str(", one kind of cipher"),
            Some(n) => _ = write!(text, ", {n} kinds of cipher"),
            None => {}
        }
        if let Some(detail) = &self.detail {
            text.extend(["; ", detail]);
        }
        text
    }
}
