//! What hosts say of a service, beside what the network showed of it.

use std::net::IpAddr;

use super::{
    host::{Act, Finding, OpenTo},
    service::TlsStack,
    time::Timestamp,
    verdict::{Grade, Reason, Verdict},
    vocabulary,
};

vocabulary! {
    /// What a host's word counts for beside the network's.
    Weight, "weight of host evidence" {
        /// The network could not tell: the host decides.
        Decides = "decides",
        /// The network says the same.
        Agrees = "agrees",
        /// The network says otherwise, and outranks it.
        Outranked = "outranked",
        /// It is newer than the network's look and says that the hole is there: neither is believed until the
        /// next sweep.
        Disputes = "disputes",
        /// It could not tell either, or says nothing that the network did not say.
        Silent = "silent",
    }
}

/// What one host said of one service at one of its addresses.
#[derive(Clone, Debug, PartialEq)]
pub struct HostView {
    /// The host.
    pub host: String,
    /// When it said so.
    pub at: Timestamp,
    /// The address of the service that leads to it; absent where the service was never resolved.
    pub address: Option<IpAddr>,
    /// The programs that hold the port, by name.
    pub programs: Vec<String>,
    /// What runs there: the worst copy in those processes.
    pub running: Option<Finding>,
    /// What is installed: the worst file that those processes would take in if they started now.
    pub disk: Option<Finding>,
    /// Whether a copy is in memory that is not the file on disk any more, and not known to be clean.
    pub old_runs: bool,
    /// How the program comes by its TLS code.
    pub stack: TlsStack,
    /// To whom its port is open, by the host's sockets and packet filter: the widest of its listeners.
    pub open_to: Option<OpenTo>,
    /// What has to be done on the host for this service, in order.
    pub acts: Vec<Act>,
    /// What this counts for.
    pub weight: Weight,
}

impl HostView {
    /// Whether the file on disk is fixed and something else, not known to be clean, still runs.
    pub fn is_unrestarted(&self) -> bool {
        self.old_runs && self.disk.as_ref().is_some_and(|f| f.verdict.is_clean())
    }
}

/// Network and host say opposite things of one address.
#[derive(Clone, Debug, PartialEq)]
pub struct Conflict {
    /// The address.
    pub address: Option<IpAddr>,
    /// What the network showed last.
    pub network: (Verdict, Reason),
    /// When.
    pub network_at: Timestamp,
    /// The host.
    pub host: String,
    /// What it says.
    pub found: Finding,
    /// When.
    pub host_at: Timestamp,
    /// The whole of it in one or two sentences: who says what, which one counts, what settles it.
    pub words: String,
}

/// Something that evidence of different strength can say: how a service is linked, which version it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Graded<T> {
    /// What is said.
    pub value: T,
    /// How good the evidence is: E0 by the inventory, E3 by a host, E4 where the network agrees.
    pub grade: Grade,
    /// Where it is from, in a few words.
    pub because: String,
}
