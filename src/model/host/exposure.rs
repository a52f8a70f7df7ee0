//! Who can reach what listens: sockets, packet filters, published ports.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::model::vocabulary;

vocabulary! {
    /// A transport protocol of a socket.
    Protocol, "protocol" {
        /// TCP.
        Tcp = "tcp",
        /// UDP.
        Udp = "udp",
    }
}

vocabulary! {
    /// To whom a listening port is open, by its address and the packet filter.
    Reach, "reach" {
        /// Anyone who can route to the host.
        Anyone = "anyone",
        /// Only the sources listed.
        Some = "some",
        /// Nobody outside: the filter drops everything.
        Nobody = "nobody",
        /// Only the host itself: bound to loopback.
        Loopback = "loopback",
        /// Not told: no filter could be read, or its rules go beyond what is understood.
        Unknown = "unknown",
    }
}

/// To whom a port is open, and why it is said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenTo {
    /// To whom.
    pub reach: Reach,
    /// For `some`: the source networks and interfaces, such as `192.0.2.0/24`, `iface eth1`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<String>,
    /// The rule or policy that decided, or what was not understood.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub because: String,
}

/// A port of the host that leads into a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// The container's address.
    pub to_address: IpAddr,
    /// The container's port.
    pub to_port: u16,
    /// The container's id or name, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
}

/// One listening socket, or one published port that has no socket of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// Its protocol.
    pub protocol: Protocol,
    /// The address that it is bound to.
    pub address: IpAddr,
    /// The port.
    pub port: u16,
    /// The processes that hold it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub processes: Vec<u32>,
    /// Their name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
    /// Whether a process of it has a TLS library in it; absent where that could not be seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_library: Option<bool>,
    /// To whom it is open.
    pub open_to: OpenTo,
    /// Where it leads, when it is a published port of a container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<Published>,
    /// The container whose network it is in; absent: the host's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
}

vocabulary! {
    /// What a firewall record says.
    FirewallFact, "firewall fact" {
        /// A rule set that is in force: its policy and how many rules.
        Rules = "rules",
        /// Saved rules and running rules are not the same.
        Drift = "drift",
        /// The filter could not be read.
        Unreadable = "unreadable",
        /// No rule at all is in force.
        NoRules = "no-rules",
        /// A policy that drops what containers ask of DNS.
        ContainerDnsBlocked = "container-dns-blocked",
    }
}

/// One fact about the packet filter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Firewall {
    /// What it is about.
    pub fact: FirewallFact,
    /// Where it is from: `iptables-save`, `ip6tables-save`, `nft`, or the path of a saved file.
    pub source: String,
    /// `ip`, `ip6` or `inet`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub family: String,
    /// What the INPUT chain does with what no rule decides, where there is one: `accept`, `drop`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub input_policy: String,
    /// Rules in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<u64>,
    /// For drift: rules that are saved and not in force.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only_saved: Vec<String>,
    /// For drift: rules that are in force and not saved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only_running: Vec<String>,
    /// One sentence for a person.
    pub message: String,
}
