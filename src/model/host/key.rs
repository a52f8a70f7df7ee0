//! Private keys on disk: where they lie and which public key they belong to. Never a byte of them.

use serde::{Deserialize, Serialize};

use crate::model::{ids::Sha256, time::Timestamp, vocabulary};

vocabulary! {
    /// The algorithm of a key.
    KeyAlgorithm, "key algorithm" {
        /// RSA.
        Rsa = "rsa",
        /// Elliptic curve.
        Ec = "ec",
        /// Ed25519.
        Ed25519 = "ed25519",
        /// Ed448.
        Ed448 = "ed448",
        /// DSA.
        Dsa = "dsa",
        /// Not told.
        Unknown = "unknown",
    }
}

vocabulary! {
    /// How a key file is written.
    KeyForm, "form of a key" {
        /// PKCS#8.
        Pkcs8 = "pkcs8",
        /// PKCS#8, under a pass phrase.
        Pkcs8Encrypted = "pkcs8-encrypted",
        /// PKCS#1 (RSA).
        Pkcs1 = "pkcs1",
        /// SEC 1 (EC).
        Sec1 = "sec1",
        /// The older PEM encryption.
        PemEncrypted = "pem-encrypted",
        /// OpenSSH's own.
        Openssh = "openssh",
        /// PKCS#12 or a Java key store: a container under a pass phrase.
        Store = "store",
        /// Not told.
        Unknown = "unknown",
    }
}

/// One private key on disk that a service is configured to use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// Its path.
    pub path: String,
    /// The path that it leads to, where the configured one is a link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub real_path: Option<String>,
    /// Which key of the file, from 1, where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u32>,
    /// How it is written.
    pub form: KeyForm,
    /// Its algorithm.
    pub algorithm: KeyAlgorithm,
    /// Its size, bits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bits: Option<u32>,
    /// SHA-256 of its public key (SubjectPublicKeyInfo): what the network shows of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spki_sha256: Option<Sha256>,
    /// Where the public key is from, if not from the key itself: the certificate configured beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spki_from: Option<String>,
    /// The owner of the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The group of the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Its mode, four octal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// Whether the file could be read; where not, only its place is known.
    pub readable: bool,
    /// When the file was made, where the file system says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// When its content was changed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified_at: Option<Timestamp>,
    /// The services configured to use it: `nginx`, `postfix`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<String>,
    /// Where they are configured so: `path:line`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub configured_at: Vec<String>,
    /// Why something is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}
