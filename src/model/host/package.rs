//! Installed packages and pending updates.

use serde::{Deserialize, Serialize};

use crate::model::{time::Timestamp, vocabulary};

vocabulary! {
    /// A family of package databases; it decides how versions compare.
    Ecosystem, "package ecosystem" {
        /// Debian, Ubuntu and their like.
        Dpkg = "dpkg",
        /// Red Hat, SUSE, Fedora and their like.
        Rpm = "rpm",
        /// Alpine and its like.
        Apk = "apk",
    }
}

/// One installed package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its whole version as its own tools print it: `1:3.0.7-1`, `1:1.1.1k-12.el8_9` (an epoch only where
    /// there is one), `3.1.4-r5`.
    pub version: String,
    /// Its epoch, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u32>,
    /// Its architecture.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub arch: String,
    /// The source package that it was built from; its own name where that is the same.
    pub source: String,
    /// The source package's version, where it is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_version: Option<String>,
    /// The database that holds it.
    pub ecosystem: Ecosystem,
    /// Whether it was built from OpenSSL's sources, by its source package.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub openssl: bool,
    /// When this version was installed, where a log or the database says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub installed_at: Option<Timestamp>,
    /// The version before, where a log says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upgraded_from: Option<String>,
    /// The container whose database holds it; absent: the host's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
}

/// An update that is there to be installed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Update {
    /// The package.
    pub package: String,
    /// Its architecture, where it is said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub arch: String,
    /// The installed version, where it is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub installed: Option<String>,
    /// The version that waits.
    pub available: String,
    /// The origin or repository, as the tool names it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub origin: String,
    /// Whether it comes from a security origin; absent where the tool does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security: Option<bool>,
    /// The tool that said so: `apt-get`, `dnf`, `yum`.
    pub tool: String,
}

/// Whether a source package is OpenSSL itself, by the names that distributions give it: `openssl`,
/// `openssl1.1`, `openssl-1_0_0`, `openssl3`, `compat-openssl11`, `openssl1.1-compat`. Packages that only
/// carry the word (`openssl-ibmca`, `libevent-openssl`) are not.
pub fn is_openssl_source(source: &str) -> bool {
    let name = source.strip_prefix("compat-").unwrap_or(source);
    let Some(rest) = name.strip_prefix("openssl") else {
        return false;
    };
    let rest = rest.strip_suffix("-compat").unwrap_or(rest);
    let rest = rest.strip_suffix("-fips").unwrap_or(rest);
    rest.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '_' | '-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openssl_is_told_from_its_namesakes() {
        for yes in
            ["openssl", "openssl1.1", "openssl-1_0_0", "openssl3", "compat-openssl11", "openssl1.1-compat"]
        {
            assert!(is_openssl_source(yes), "{yes}");
        }
        for no in
            ["openssl-ibmca", "openssl-pkcs11", "libevent", "gnutls-openssl", "libressl", "opensslx", ""]
        {
            assert!(!is_openssl_source(no), "{no}");
        }
    }
}
