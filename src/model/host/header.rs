//! The first and the last line of a host document: who was asked, what could be seen, how much there is.

use std::{collections::BTreeMap, net::IpAddr};

use serde::{Deserialize, Serialize};

use crate::model::{time::Timestamp, vocabulary};

vocabulary! {
    /// How a document was made.
    Collector, "collector" {
        /// By this program on the host.
        Binary = "binary",
        /// By the shell collector: packages and processes only.
        Script = "script",
        /// From the output of another tool.
        Import = "import",
    }
}

vocabulary! {
    /// A part of the collection, for what is missing from it.
    Part, "part of a host" {
        /// The connection to the host.
        Transport = "transport",
        /// Package databases.
        Packages = "packages",
        /// Pending updates and the dates of earlier ones.
        Updates = "updates",
        /// Running processes.
        Processes = "processes",
        /// Files on disk.
        Files = "files",
        /// Files inside archives.
        Archives = "archives",
        /// Listeners and packet filters.
        Exposure = "exposure",
        /// Private keys.
        Secrets = "secrets",
        /// The document itself: lines that could not be read, a missing end.
        Document = "document",
    }
}

/// The operating system, from os-release.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Os {
    /// `ID`, such as `debian`, `rhel`, `alpine`.
    pub id: String,
    /// `VERSION_ID`, such as `12`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// `PRETTY_NAME`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
}

vocabulary! {
    /// Why a host gave nothing at all.
    FailureCode, "failure" {
        /// The name has no address.
        DnsFailed = "dns-failed",
        /// The port is closed.
        Refused = "refused",
        /// No way there.
        NoRoute = "no-route",
        /// No connection within the limit.
        ConnectTimedOut = "connect-timed-out",
        /// The host is not the one that it was, or not known. Never ignored.
        HostKey = "host-key",
        /// The host does not let this user in.
        Denied = "denied",
        /// Connected, and nothing there could be run.
        NotRunnable = "not-runnable",
        /// It took longer than it may.
        TimedOut = "timed-out",
        /// It ended before its end.
        CutOff = "cut-off",
        /// Left alone, by policy (`fragile`, out of scope).
        Skipped = "skipped",
        /// Stopped by the user.
        Interrupted = "interrupted",
        /// Our own limits.
        LocalError = "local-error",
    }
}

/// Why a host could not be collected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// For programs.
    pub code: FailureCode,
    /// For people: what the transport said, on one line.
    pub message: String,
}

/// Something that could not be seen. Not seen is never clean.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// Where.
    pub part: Part,
    /// What, in a few fixed words such as `maps-unreadable`, `time-limit`, `compressed`.
    pub what: String,
    /// How often.
    pub count: u64,
    /// The first few: paths, processes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<String>,
}

/// What was looked at, and what could not be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Coverage {
    /// Whether everything that was asked for could be seen.
    pub complete: bool,
    /// The parts that were looked at, wholly or partly.
    pub parts: Vec<Part>,
    /// Why there is nothing, where there is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<Failure>,
    /// What could not be seen.
    pub gaps: Vec<Gap>,
    /// Counts by name, such as `processes_seen`, `maps_unreadable`, `files_seen`.
    #[serde(flatten, deserialize_with = "only_counts")]
    pub counts: BTreeMap<String, u64>,
}

/// Keeps the numbers among the fields that are not known by name: a later release may add others.
fn only_counts<'de, D: serde::Deserializer<'de>>(d: D) -> Result<BTreeMap<String, u64>, D::Error> {
    let all = BTreeMap::<String, serde_json::Value>::deserialize(d)?;
    Ok(all.into_iter().filter_map(|(name, value)| Some((name, value.as_u64()?))).collect())
}

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The host's own name, or the one that it was asked by.
    pub host: String,
    /// The name that it was asked by, where that is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_as: Option<String>,
    /// When the collection began, by the host's clock.
    pub at: Timestamp,
    /// The tool and its version.
    pub tool: String,
    /// How it was made.
    pub collector: Collector,
    /// SHA-256 over the machine id and a fixed text: tells two hosts of one name apart, and no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
    /// The addresses of its interfaces, without loopback.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<IpAddr>,
    /// The operating system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os: Option<Os>,
    /// The kernel's release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
    /// The machine's architecture, such as `x86_64`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arch: Option<String>,
    /// When it was started, by its own clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub booted_at: Option<Timestamp>,
    /// The root folder that was looked at; `/` is the running host.
    #[serde(default = "slash")]
    pub root: String,
    /// The user who looked, by number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// Whether that user may see everything.
    #[serde(default)]
    pub privileged: bool,
    /// What was seen, and what not.
    #[serde(default)]
    pub coverage: Coverage,
}

impl Header {
    /// A header that says no more than a name and how it was made.
    pub fn named(host: &str, at: Timestamp, collector: Collector) -> Self {
        Self {
            host: host.to_owned(),
            asked_as: None,
            at,
            tool: format!("allclear {}", env!("CARGO_PKG_VERSION")),
            collector,
            machine: None,
            addresses: Vec::new(),
            os: None,
            kernel: None,
            arch: None,
            booted_at: None,
            root: slash(),
            uid: None,
            privileged: false,
            coverage: Coverage::default(),
        }
    }
}

impl Header {
    /// Whether two documents of one name are of one machine: by its id, and where one does not say it, by an address
    /// that both have. Two that tell neither are taken for one.
    pub fn is_same_machine(&self, other: &Self) -> bool {
        match (&self.machine, &other.machine) {
            (Some(a), Some(b)) => a == b,
            _ if self.addresses.is_empty() && other.addresses.is_empty() => true,
            _ => self.addresses.iter().any(|address| other.addresses.contains(address)),
        }
    }
}

fn slash() -> String {
    "/".to_owned()
}

/// The last line. A document without it was cut off.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Footer {
    /// Records by kind, without header and footer.
    pub counts: BTreeMap<String, u64>,
    /// Records, without header and footer.
    pub records: u64,
    /// How long the collection took, milliseconds.
    pub ms: u64,
}
