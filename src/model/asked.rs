//! What was asked of an endpoint beyond the first question, and what came: the questions of `--depth full`. Raw, without
//! any judgement; bytes that a server sent are never in it, but for numbers.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{ids::Spki, observation::TlsVersion, vocabulary};

vocabulary! {
    /// One question, each on a connection of its own.
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
        /// Key exchanges with RSA whose padding is wrong in several ways, compared with one another.
        RsaPadding = "rsa-padding",
    }
}

vocabulary! {
    /// What came of a question.
    Came, "reply" {
        /// The server agreed.
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
    /// The key of the certificate that came with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spki_sha256: Option<Spki>,
    /// More about it, in our own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}
