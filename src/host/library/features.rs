//! What a file's symbols tell: proofs of code, and the features that advisories turn on.
//!
//! A name that is missing proves something only where it would be seen. A library that is linked with a list
//! of exports, and stripped, shows its public functions alone: that an internal function is not among them
//! says nothing. So a table is believed about what it lacks only where it shows an internal function that
//! every build of the same part has. (Measured: libssl 1.0.x exports all its functions and passes; libssl
//! 1.1 and 3 export the public ones, and do not.) Code that was inlined as a whole by link-time
//! optimization leaves no name; no such build of the series in question is known.

use std::{collections::BTreeMap, sync::OnceLock};

use super::elf::{Names, Table};

/// The part of OpenSSL that a function lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Half {
    /// libssl.
    Ssl,
    /// libcrypto.
    Crypto,
}

/// One feature, told by a function.
struct Feature {
    name: &'static str,
    half: Half,
    /// Whether programs may call it, so that a shared library exports it.
    public: bool,
    /// The series that have had it: the first, and the last.
    series: ((u16, u16, u16), (u16, u16, u16)),
}

const ALWAYS: (u16, u16, u16) = (u16::MAX, 0, 0);

const FEATURES: [Feature; 8] = [
    // Heartbeat extension, over TLS and over DTLS (CVE-2014-0160).
    Feature {
        name: "tls1_process_heartbeat",
        half: Half::Ssl,
        public: false,
        series: ((1, 0, 1), (1, 1, 0)),
    },
    Feature {
        name: "dtls1_process_heartbeat",
        half: Half::Ssl,
        public: false,
        series: ((1, 0, 1), (1, 1, 0)),
    },
    // SSLv2 (CVE-2016-0800) and SSLv3 (CVE-2014-3566).
    Feature { name: "SSLv2_method", half: Half::Ssl, public: true, series: ((0, 9, 0), (1, 0, 2)) },
    Feature { name: "SSLv3_method", half: Half::Ssl, public: true, series: ((0, 9, 0), ALWAYS) },
    // DTLS (CVE-2026-84782).
    Feature { name: "DTLS_method", half: Half::Ssl, public: true, series: ((1, 0, 2), ALWAYS) },
    // Raw public keys (CVE-2024-12797).
    Feature { name: "SSL_add_expected_rpk", half: Half::Ssl, public: true, series: ((3, 2, 0), ALWAYS) },
    // Punycode in certificates (CVE-2022-3602, CVE-2022-3786).
    Feature { name: "ossl_punycode_decode", half: Half::Crypto, public: false, series: ((3, 0, 0), ALWAYS) },
    // CMS (CVE-2025-15467).
    Feature { name: "CMS_decrypt", half: Half::Crypto, public: true, series: ((0, 9, 8), ALWAYS) },
];

/// Functions that prove code, most telling first.
const PROOF: [&str; 7] = [
    "SSL_CTX_new",
    "CRYPTO_free",
    "EVP_EncryptInit_ex",
    "OpenSSL_version",
    "SSLeay_version",
    "OPENSSL_init_ssl",
    "SSL_library_init",
];

/// A function of each part that is internal and in every build of it.
const INTERNAL: [&str; 2] = ["ssl3_read_bytes", "bn_mul_words"];

const OTHERS: [&str; 3] = ["BORINGSSL_self_test", "awslc_version_string", "OSSL_provider_init"];

const COUNT: usize = FEATURES.len() + PROOF.len() + INTERNAL.len() + OTHERS.len();

/// Everything that is looked up.
fn list() -> [&'static str; COUNT] {
    let mut all = [""; COUNT];
    let names = FEATURES.iter().map(|f| f.name).chain(PROOF).chain(INTERNAL).chain(OTHERS);
    for (slot, name) in all.iter_mut().zip(names) {
        *slot = name;
    }
    all
}

/// The same, ready to be searched for.
pub(super) fn names() -> Option<&'static Names> {
    static NAMES: OnceLock<Option<Names>> = OnceLock::new();
    NAMES.get_or_init(|| Names::new(&list())).as_ref()
}

/// What a file says of a feature.
enum Answer {
    There,
    /// It would show, and does not.
    Absent,
    Unknown,
    /// The half that it belongs to is provably in another file.
    Elsewhere,
}

/// The symbol tables of one file.
#[derive(Debug, Default)]
pub(super) struct Symbols {
    /// The full table.
    pub(super) full: Table,
    /// What it exports to, and takes from, others.
    pub(super) exports: Table,
}

impl Symbols {
    /// Whether a function is defined here.
    pub(super) fn defines(&self, name: &str) -> bool {
        shows(&self.full, name) || shows(&self.exports, name)
    }

    /// Whether functions of OpenSSL are called here that are defined elsewhere.
    pub(super) fn calls(&self) -> bool {
        let of = |table: &Table| PROOF.iter().any(|name| at(&table.undefined, name));
        of(&self.full) || of(&self.exports)
    }

    /// The functions of the proof list that are defined here.
    pub(super) fn proof(&self) -> impl Iterator<Item = &'static str> + '_ {
        PROOF.into_iter().filter(|name| self.defines(name))
    }

    /// The features that this file can be asked for, and its answers. `named`: the half whose library this
    /// file is by name.
    pub(super) fn features(
        &self,
        named: Option<Half>,
        version: Option<&str>,
    ) -> BTreeMap<String, Option<bool>> {
        let asked = FEATURES.iter().filter(|feature| feature.fits(version));
        let told = asked.filter_map(|feature| match self.tell(feature, named) {
            Answer::Elsewhere => None,
            Answer::There => Some((feature.name.to_owned(), Some(true))),
            Answer::Absent => Some((feature.name.to_owned(), Some(false))),
            Answer::Unknown => Some((feature.name.to_owned(), None)),
        });
        told.collect()
    }

    fn tell(&self, feature: &Feature, named: Option<Half>) -> Answer {
        if self.defines(feature.name) {
            return Answer::There;
        }
        let own = |table: &Table| shows(table, feature.half.marker());
        let tables = [&self.full, &self.exports];
        let complete = |table: &&Table| {
            let all = table.whole && shows(table, feature.half.internal());
            let public = feature.public && named == Some(feature.half) && table.whole && own(table);
            all || public
        };
        if tables.iter().any(complete) {
            return Answer::Absent;
        }
        let other = feature.half.other();
        let elsewhere = |table: &&Table| {
            let shown = shows(table, other.marker());
            table.whole && shown && (shows(table, other.internal()) || named == Some(other))
        };
        let elsewhere = tables.iter().any(elsewhere) && !tables.iter().any(|table| own(table));
        if elsewhere { Answer::Elsewhere } else { Answer::Unknown }
    }
}

impl Half {
    const fn other(self) -> Self {
        match self {
            Self::Ssl => Self::Crypto,
            Self::Crypto => Self::Ssl,
        }
    }

    /// A public function of it.
    const fn marker(self) -> &'static str {
        match self {
            Self::Ssl => "SSL_CTX_new",
            Self::Crypto => "CRYPTO_free",
        }
    }

    const fn internal(self) -> &'static str {
        match self {
            Self::Ssl => INTERNAL[0],
            Self::Crypto => INTERNAL[1],
        }
    }
}

impl Feature {
    /// Whether a version's series has ever had it; an unknown version may.
    fn fits(&self, version: Option<&str>) -> bool {
        version.and_then(series).is_none_or(|series| series >= self.series.0 && series <= self.series.1)
    }
}

/// Drops the features that a version that was learned later cannot have.
pub(super) fn keep_fitting(features: &mut BTreeMap<String, Option<bool>>, version: &str) {
    features.retain(|name, _| FEATURES.iter().any(|f| f.name == name && f.fits(Some(version))));
}

/// What a build without heartbeats says of itself.
pub(super) fn without_heartbeats(features: &mut BTreeMap<String, Option<bool>>) {
    for name in ["tls1_process_heartbeat", "dtls1_process_heartbeat"] {
        features.insert(name.to_owned(), Some(false));
    }
}

fn series(version: &str) -> Option<(u16, u16, u16)> {
    let mut parts = version.splitn(3, '.');
    let major = parts.next()?.parse().ok()?;
    let minor = parts.next()?.parse().ok()?;
    let rest = parts.next()?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    Some((major, minor, rest.get(..digits)?.parse().ok()?))
}

fn shows(table: &Table, name: &str) -> bool {
    at(&table.defined, name)
}

fn at(marks: &[bool], name: &str) -> bool {
    let place = list().iter().position(|n| *n == name);
    place.and_then(|place| marks.get(place)).copied().unwrap_or(false)
}
