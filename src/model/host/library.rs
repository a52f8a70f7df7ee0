//! Copies of TLS libraries: on disk, in archives, mapped, linked into programs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{host::package::Ecosystem, ids::Sha256, time::Timestamp, vocabulary};

vocabulary! {
    /// Where a copy was found.
    CopyKind, "kind of copy" {
        /// A shared library in a process.
        Mapped = "mapped",
        /// The program of a process.
        Exe = "exe",
        /// A file.
        Disk = "disk",
        /// A file inside an archive.
        Archive = "archive",
    }
}

vocabulary! {
    /// Whose code it is.
    TlsLibrary, "TLS library" {
        /// OpenSSL.
        Openssl = "openssl",
        /// BoringSSL.
        Boringssl = "boringssl",
        /// AWS-LC.
        AwsLc = "aws-lc",
        /// LibreSSL.
        Libressl = "libressl",
        /// Not told.
        Unknown = "unknown",
    }
}

vocabulary! {
    /// What a file has to do with the library.
    CopyRole, "role of a copy" {
        /// It holds the library's code.
        Embeds = "embeds",
        /// It calls the code that another file holds.
        Uses = "uses",
        /// It was compiled with the library's headers; their text is in it, and no code.
        HeaderText = "header-text",
        /// A static archive: not run, and a source for the next build.
        BuildInput = "build-input",
        /// A module of OpenSSL that holds code and no version of its own (`fips.so`).
        Provider = "provider",
        /// It could not be read (packed, encrypted, too deep); what is in it is not known.
        Unreadable = "unreadable",
    }
}

vocabulary! {
    /// How the file of a mapped copy changed since the process took it in.
    Replaced, "change of a mapped file" {
        /// The file is gone.
        Removed = "removed",
        /// Another file stands under its name.
        Renamed = "replaced",
        /// The same file was written to after the process started: which code runs is not certain.
        Overwritten = "overwritten",
    }
}

/// The package that a file belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Owner {
    /// The package.
    pub package: String,
    /// Its version, as in its package record; empty for a mapped copy whose file was replaced, since the
    /// package on disk is a later one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// Its source package.
    pub source: String,
    /// Its architecture.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub arch: String,
    /// The database.
    pub ecosystem: Ecosystem,
    /// Whether the file's content is what the package brought; absent where nothing to compare with was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intact: Option<bool>,
}

/// The thing of another ecosystem that brought a file along: a wheel, an npm package, a jar, an SBOM's subject.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Bundle {
    /// `wheel`, `npm`, `jar`, `gem`, `conda`, `sbom`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its version, where it says.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// The file that says so: RECORD, package.json, the SBOM.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub said_by: String,
}

/// What stands on disk now under the name of a mapped copy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OnDisk {
    /// Its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// When it was built, as it says itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub built_on: Option<String>,
    /// Its Build-ID, lower-case hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build_id: Option<String>,
    /// Its features, as in a record of its own.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub features: BTreeMap<String, Option<bool>>,
    /// Whether its code is the very same as the mapped one's, by Build-ID or content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub same: Option<bool>,
}

/// A program that is known to act as a client of TLS, and what it holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Program {
    /// `client`, or `proxy` for one that is both.
    pub role: String,
    /// What it is, such as `http client`.
    pub what: String,
    /// What it holds, such as `passwords in ~/.pgpass`: kinds and places, never values.
    pub holds: Vec<String>,
}

/// One copy of a TLS library, or one file that uses one. A field that was not learned is absent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Library {
    /// Its path; in an archive `outer!inner!file`. As seen inside the container, where there is one.
    pub path: String,
    /// Where it was found.
    pub kind: CopyKind,
    /// Whose code.
    pub lib: TlsLibrary,
    /// What the file has to do with it.
    pub role: CopyRole,
    /// The version, such as `1.0.1e`, `3.0.2+quic`, `1.1.1k-fips`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Where the version is from, if not from the file itself: the path of the libcrypto that its own
    /// DT_NEEDED leads to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_from: Option<String>,
    /// The banner as it stands in the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub banner: Option<String>,
    /// `built on: `, as it stands in the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub built_on: Option<String>,
    /// GNU Build-ID, lower-case hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_id: Option<String>,
    /// SHA-256 of the whole file, where it was read whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Sha256>,
    /// DT_SONAME.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soname: Option<String>,
    /// The libssl and libcrypto among DT_NEEDED.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needed: Vec<String>,
    /// What proves that code is inside, such as `OPENSSLDIR`, `crypto/evp/evp_enc.c`, `symbol SSL_CTX_new`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proof: Vec<String>,
    /// Features that advisories turn on, by symbol: there, provably not there, or not to be told (null).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub features: BTreeMap<String, Option<bool>>,
    /// Whether the mapped file is gone from disk (removed or replaced).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
    /// How the file of a mapped copy changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced: Option<Replaced>,
    /// What stands on disk now in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_disk: Option<OnDisk>,
    /// When the file was changed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified_at: Option<Timestamp>,
    /// The package that owns it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// What brought it along.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<Bundle>,
    /// The container that it was seen in; absent: the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// The processes that have it, by number, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub processes: Vec<u32>,
    /// Other paths of the very same file (hard links).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also_at: Vec<String>,
    /// A known client, and what it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<Program>,
    /// Why it could not be read, or why something of it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Library {
    /// A record with nothing learned yet.
    pub fn new(path: String, kind: CopyKind, lib: TlsLibrary, role: CopyRole) -> Self {
        Self {
            path,
            kind,
            lib,
            role,
            version: None,
            version_from: None,
            banner: None,
            built_on: None,
            build_id: None,
            sha256: None,
            soname: None,
            needed: Vec::new(),
            proof: Vec::new(),
            features: BTreeMap::new(),
            deleted: false,
            replaced: None,
            on_disk: None,
            modified_at: None,
            owner: None,
            bundle: None,
            container: None,
            processes: Vec::new(),
            also_at: Vec::new(),
            program: None,
            note: None,
        }
    }
}
