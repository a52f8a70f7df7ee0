//! A disclosure as the catalogue has it: who it is about, what leaks, what must be rotated, and one row for each
//! package of each distribution. Plain data; what a row means for evidence is said elsewhere.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{host::TlsLibrary, time::Timestamp, version::Scheme, vocabulary, wrap::Transport};

/// A disclosure's id, such as `CVE-2014-0160`.
pub type DisclosureId = Arc<str>;

/// A disclosure. This is the shape of a catalogue file (`disclosures/*.toml`) as well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disclosure {
    /// The primary id.
    pub id: DisclosureId,
    /// Other names it goes by: CVE ids and advisories as they are written, nicknames in lower case. Looked up
    /// without regard to case.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// A title for people.
    pub title: String,
    /// When it became public.
    pub disclosed_at: Timestamp,
    /// How grave its maker calls it, as the advisory writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
    /// How well the facts are known, in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub confidence: String,
    /// What it leaks or breaks, in one sentence for people.
    pub leaks: String,
    /// The same as a list of short terms.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exposes: Vec<String>,
    /// What has to be so for the hole to matter, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub preconditions: String,
    /// What the engineer on call must be told before anything else.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub first_words: Vec<String>,
    /// Links for people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<String>,
    /// Doubts, traps and remarks for people, one sentence or two each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Where an imported record came from: format, file and digest, one line each. Empty in the built-in catalogue.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
    /// The function without which the code is not in a build, where there is such a one: its symbol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feature: Option<String>,
    /// Other libraries that cannot have it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub never_in: Vec<TlsLibrary>,
    /// The transport without which the hole cannot be had: a service over the other one is not concerned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only_over: Option<Transport>,
    /// Branches of OpenSSL that lie between the affected ones and that nobody analysed, such as `3.1`.
    /// Branches older than the oldest one in a row are never analysed unless a row says so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_analysed: Vec<String>,
    /// What has to be rotated.
    #[serde(default)]
    pub rotate: Rotation,
    /// How it can be seen from the network.
    #[serde(default)]
    pub probe: ProbeFact,
    /// Who is affected: a row for each package of each release.
    #[serde(default)]
    pub affected: Vec<Affected>,
}

impl Disclosure {
    /// A disclosure of which no more is known than its id, its title and its date.
    pub fn named(id: &str, title: &str, disclosed_at: Timestamp) -> Self {
        Self {
            id: id.into(),
            aliases: Vec::new(),
            title: title.to_owned(),
            disclosed_at,
            severity: None,
            confidence: String::new(),
            leaks: String::new(),
            exposes: Vec::new(),
            preconditions: String::new(),
            first_words: Vec::new(),
            links: Vec::new(),
            notes: Vec::new(),
            sources: Vec::new(),
            feature: None,
            never_in: Vec::new(),
            only_over: None,
            not_analysed: Vec::new(),
            rotate: Rotation::default(),
            probe: ProbeFact::default(),
            affected: Vec::new(),
        }
    }
}

vocabulary! {
    /// Whether something is owed once a service was vulnerable.
    Owed, "rotation" {
        /// It was in reach.
        Yes = "yes",
        /// Whether it counts as in reach is for the policy to say.
        ByPolicy = "by-policy",
        /// It was not in reach.
        No = "no",
    }
}

/// What has to be rotated, and in which order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rotation {
    /// Keys of the service, and with them its certificates.
    pub keys: Owed,
    /// Secrets that passed through it or lay in its memory.
    pub secrets: Owed,
    /// What, in this order, for people.
    pub steps: Vec<String>,
}

impl Default for Rotation {
    /// An imported record does not say: that is for people to decide.
    fn default() -> Self {
        Self { keys: Owed::ByPolicy, secrets: Owed::ByPolicy, steps: Vec::new() }
    }
}

vocabulary! {
    /// How a disclosure can be seen from the network.
    ProbeKind, "probe kind" {
        /// This program asks, and takes nothing.
        BuiltIn = "built-in",
        /// There is a harmless question; this release does not ask it.
        SafeActive = "safe-active",
        /// It shows in what a server sends anyway; this release does not read it.
        Passive = "passive",
        /// It cannot be seen without harm or not at all: host evidence decides.
        None = "none",
    }
}

/// How a disclosure can be seen from the network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProbeFact {
    /// In one word.
    pub kind: ProbeKind,
    /// How, for people.
    pub method: String,
    /// What an answer proves, for people. Never empty for a probe that is built in.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub proves: String,
    /// What it cannot tell: how it can be wrong in either direction. Never empty for a probe that is built in.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cannot: String,
}

impl Default for ProbeFact {
    fn default() -> Self {
        Self { kind: ProbeKind::None, method: String::new(), proves: String::new(), cannot: String::new() }
    }
}

vocabulary! {
    /// What a row says of the versions that it names.
    RowStatus, "row status" {
        /// They have the hole.
        Affected = "affected",
        /// They have it not.
        NotAffected = "not-affected",
        /// The record does not tell, or what it tells was not captured.
        Unknown = "unknown",
    }
}

vocabulary! {
    /// How well a row is known.
    Confidence, "confidence" {
        /// By a primary record.
        Confirmed = "confirmed",
        /// By one weak source: it decides nothing.
        Unconfirmed = "unconfirmed",
    }
}

/// One package of one release of one distribution, or one run of upstream releases.
///
/// The versions meant are those of `versions`, where there are any; else those from `introduced` (absent or `0`:
/// the first) up to, and not with, `fixed`, or up to and with `last_affected`; with neither, all from there on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Affected {
    /// Whose package, as OSV names ecosystems: `upstream`, `Debian:12`, `Ubuntu:22.04:LTS`,
    /// `Red Hat:enterprise_linux:9`, `Alpine:v3.20`.
    pub ecosystem: String,
    /// The source package, or the name of the RPM.
    pub package: String,
    /// What the row says.
    #[serde(default = "affected", skip_serializing_if = "is_affected")]
    pub status: RowStatus,
    /// The first version meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub introduced: Option<String>,
    /// The first version after those meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed: Option<String>,
    /// The last version meant; never together with `fixed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_affected: Option<String>,
    /// Exactly these versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<String>,
    /// The advisory or record that says so.
    pub advisory: String,
    /// How well it is known.
    #[serde(default = "confirmed", skip_serializing_if = "is_confirmed")]
    pub confidence: Confidence,
    /// A remark for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

fn affected() -> RowStatus {
    RowStatus::Affected
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape that serde asks for")]
fn is_affected(status: &RowStatus) -> bool {
    *status == RowStatus::Affected
}

fn confirmed() -> Confidence {
    Confidence::Confirmed
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape that serde asks for")]
fn is_confirmed(confidence: &Confidence) -> bool {
    *confidence == Confidence::Confirmed
}

/// The ecosystem of upstream's own releases.
pub const UPSTREAM: &str = "upstream";

impl Affected {
    /// A row that says no more than whose, what and by whom.
    pub fn new(ecosystem: &str, package: &str, advisory: &str) -> Self {
        Self {
            ecosystem: ecosystem.to_owned(),
            package: package.to_owned(),
            status: RowStatus::Affected,
            introduced: None,
            fixed: None,
            last_affected: None,
            versions: Vec::new(),
            advisory: advisory.to_owned(),
            confidence: Confidence::Confirmed,
            note: None,
        }
    }

    /// How the row's versions compare; absent for makers whose versions no host evidence brings (firmware).
    pub fn scheme(&self) -> Option<Scheme> {
        let family = self.ecosystem.split(':').next().unwrap_or_default();
        match family {
            UPSTREAM if self.package == "openssl" => Some(Scheme::Openssl),
            // Upstream releases of other software: digits and letters in turn, as dpkg orders them.
            UPSTREAM | "Debian" | "Ubuntu" => Some(Scheme::Dpkg),
            "Alpine" | "Alpaquita" | "Chainguard" | "Wolfi" => Some(Scheme::Apk),
            "Red Hat" | "CentOS" | "Rocky Linux" | "AlmaLinux" | "Amazon Linux" | "Oracle Linux"
            | "Fedora" | "SUSE" | "openSUSE" | "Mageia" | "openEuler" | "Azure Linux" => Some(Scheme::Rpm),
            _ => None,
        }
    }
}

/// A disclosure that somebody took in from a file: a row of evidence, so that a verdict that rests on it can be checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenIn {
    /// When it was taken in.
    pub at: Timestamp,
    /// What was read from it; its `sources` name the file and its digest.
    pub disclosure: Disclosure,
}

/// What was compared with what, so that a verdict can be checked by hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compare {
    /// The package or library: `openssl`.
    pub subject: String,
    /// The version that is there.
    pub installed: String,
    /// `<`, `=`, `>` and the like against `bound`; `any` where the row names no version; `not in` where no row
    /// reaches the version.
    pub relation: String,
    /// The version that it was held against.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<String>,
    /// What `bound` is: `fixed`, `introduced`, `last affected`, `exactly`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub bound_is: String,
    /// By which order.
    pub scheme: Scheme,
    /// Whose record.
    pub ecosystem: String,
    /// Which record.
    pub advisory: String,
    /// How well it is known.
    pub confidence: Confidence,
    /// What a reader must know of this comparison.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caveat: Option<String>,
}

impl fmt::Display for Compare {
    /// `openssl 1.1.1w-0+deb11u1 < 1.1.1w-0+deb11u2 (fixed; Debian:11, package changelog)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.subject, self.installed)?;
        match &self.bound {
            Some(bound) => write!(f, " {} {bound} ({}; ", self.relation, self.bound_is)?,
            None if self.relation == "any" => f.write_str(" (any version) (")?,
            None => write!(f, " {} (", self.relation)?,
        }
        write!(f, "{}, {}", self.ecosystem, self.advisory)?;
        if self.confidence == Confidence::Unconfirmed {
            f.write_str(", unconfirmed")?;
        }
        if let Some(caveat) = &self.caveat {
            write!(f, "; {caveat}")?;
        }
        f.write_str(")")
    }
}
