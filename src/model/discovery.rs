//! What a scan found, and what it looked at: plain facts of nmap, masscan or a sweep, to hold against
//! what people declared.

use std::{net::IpAddr, sync::Arc};

use super::{
    service::Source,
    time::Timestamp,
    vocabulary,
    wrap::{Transport, Wrap},
};

vocabulary! {
    /// What an input says about a service by naming it.
    Role, "role of an input" {
        /// Somebody wrote down that it should be there.
        Declares = "declares",
        /// A scan found it there.
        Discovers = "discovers",
        /// A name leads there: DNS, hosts files, known hosts.
        Names = "names",
    }
}

vocabulary! {
    /// Whether a scan saw TLS on an open port.
    TlsSeen, "sign of tls" {
        /// A handshake, or a certificate.
        Yes = "yes",
        /// Nobody asked; the port or its usual service makes it likely, or nothing speaks against it.
        Maybe = "maybe",
        /// The scan recognised another protocol without TLS.
        No = "no",
    }
}

vocabulary! {
    /// What a scan says about a port that it looked at.
    PortState, "port state" {
        /// It accepts connections.
        Open = "open",
        /// The host said that nothing listens.
        Closed = "closed",
        /// No answer: it may be there.
        Filtered = "filtered",
    }
}

/// An open port that a scan found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovered {
    /// Where.
    pub address: IpAddr,
    /// The port.
    pub port: u16,
    /// TCP or UDP.
    pub transport: Transport,
    /// Names that the scan was given or that a reverse look-up gave: hints.
    pub names: Vec<Arc<str>>,
    /// What the scanner calls the service, such as `https`.
    pub service: Option<Arc<str>>,
    /// Whether TLS was seen.
    pub tls: TlsSeen,
    /// How TLS is reached, where the scan tells.
    pub wrap: Option<Wrap>,
    /// Names in the certificate that the scan brought.
    pub certificate_names: Vec<Arc<str>>,
    /// When it was seen.
    pub at: Option<Timestamp>,
    /// Where the scan says so.
    pub source: Source,
}

/// What a scan looked at, for telling what is gone from what nobody looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// The file, as it was named.
    pub file: Arc<str>,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// Whether it came to its end.
    pub complete: bool,
    /// The ports that it looked at on every host: transport, first and last. Empty: it does not tell.
    pub ports: Vec<(Transport, u16, u16)>,
    /// The hosts that it tells about.
    pub hosts: Vec<ScannedHost>,
}

/// One host of a scan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScannedHost {
    /// Its address.
    pub address: IpAddr,
    /// Whether it answered at all.
    pub up: bool,
    /// Ports with a state of their own, sorted.
    pub ports: Vec<(Transport, u16, PortState)>,
    /// The state of the ports that were looked at and are not listed, where the scan tells.
    pub rest: Option<PortState>,
}

impl Scan {
    /// What the scan says about a port; `None` where it did not look, or does not tell.
    pub fn state(&self, address: IpAddr, transport: Transport, port: u16) -> Option<PortState> {
        let host = self.hosts.iter().find(|host| host.address == address)?;
        if let Some((.., state)) = host.ports.iter().find(|(t, p, _)| (*t, *p) == (transport, port)) {
            return Some(*state);
        }
        let asked =
            self.ports.iter().any(|(t, first, last)| *t == transport && (*first..=*last).contains(&port));
        match (asked, host.up) {
            (false, _) => None,
            // A host that does not answer a ping may only not answer pings.
            (true, false) => Some(PortState::Filtered),
            (true, true) => host.rest,
        }
    }
}
