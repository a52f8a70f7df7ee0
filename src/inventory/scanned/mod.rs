//! What scans by different tools have in common: everything that was said about one open port is put together,
//! and then it is decided whether it becomes a service.
//!
//! It reads no format, and asks nobody: what a scanner saw is all that counts.

pub(super) mod certificate;
pub(super) mod protocol;
mod settle;

pub(super) use settle::checked_names;

use std::{collections::HashMap, net::IpAddr};

use crate::model::{
    discovery::{PortState, ScannedHost},
    time::Timestamp,
    wrap::{Transport, Wrap},
};

/// The most names of one port that are kept, of each kind.
const MOST_NAMES: usize = 64;

/// An open port, with everything that a file says about it.
#[expect(clippy::struct_excessive_bools, reason = "four facts that come one by one, in any order")]
#[derive(Debug)]
pub(super) struct Found {
    pub(super) address: IpAddr,
    pub(super) transport: Transport,
    pub(super) port: u16,
    /// Where it stands first.
    pub(super) line: u32,
    /// Names that the scan was told to look at.
    pub(super) asked: Vec<String>,
    /// Names that a reverse look-up gave.
    pub(super) hints: Vec<String>,
    /// What the scanner calls the service.
    pub(super) service: Option<String>,
    /// Whether the scanner got that name from an answer, and not out of a table of ports.
    pub(super) probed: bool,
    /// Product and version.
    pub(super) product: Option<String>,
    /// TLS was spoken.
    pub(super) tls: bool,
    /// TLS was spoken from the first byte.
    pub(super) tunnel: bool,
    /// A dialogue that leads to TLS was recognised.
    pub(super) wrap: Option<Wrap>,
    /// A protocol without TLS was recognised.
    pub(super) plain: bool,
    pub(super) certificate_names: Vec<String>,
    pub(super) at: Option<Timestamp>,
}

impl Found {
    /// The scanner recognised a protocol by what was answered.
    pub(super) fn recognised(&mut self, name: &str) {
        match protocol::meaning(name, self.port) {
            protocol::Meaning::Wrap(wrap) => self.wrap = Some(wrap),
            protocol::Meaning::Plain => self.plain = true,
            // A name such as `https` is no handshake yet.
            protocol::Meaning::Tls | protocol::Meaning::Nothing => {}
        }
        self.service = Some(name.to_owned());
        self.probed = true;
    }

    /// What masscan calls the banner, and the banner: `ssl` and `X509` are TLS.
    pub(super) fn banner(&mut self, name: &str, banner: &str) {
        match name.to_ascii_lowercase().as_str() {
            "ssl" | "x509ca" => (self.tls, self.tunnel) = (true, true),
            "x509" => {
                (self.tls, self.tunnel) = (true, true);
                self.certificates(certificate::of_base64(banner));
            }
            // Details of a protocol that is named by a banner of its own.
            "title" | "http.server" | "html" | "versioning" | "unknown" | "" => {}
            // A server that speaks TLS answers a request in the clear with 400.
            "http" if banner.lines().next().is_some_and(|first| first.contains(" 400 ")) => {}
            word => self.recognised(match word {
                "pop" => "pop3",
                "dns-ver" => "domain",
                other => other,
            }),
        }
    }

    /// Adds names of a certificate that was shown.
    pub(super) fn certificates(&mut self, names: Vec<String>) {
        add(&mut self.certificate_names, names);
    }
}

/// Adds names, each once and not too many.
fn add(to: &mut Vec<String>, names: impl IntoIterator<Item = String>) {
    for name in names {
        if to.len() < MOST_NAMES && !to.contains(&name) {
            to.push(name);
        }
    }
}

/// What one scan found, in reading order, each host and each port once.
#[derive(Debug, Default)]
pub(super) struct Findings {
    open: Vec<Found>,
    index: HashMap<(IpAddr, Transport, u16), usize>,
    hosts: Vec<ScannedHost>,
    host_index: HashMap<IpAddr, usize>,
}

impl Findings {
    /// Notes a host. The better of two words about it counts.
    pub(super) fn host(&mut self, address: IpAddr, up: bool, rest: Option<PortState>) {
        let at = *self.host_index.entry(address).or_insert_with(|| {
            self.hosts.push(ScannedHost { address, up: false, ports: Vec::new(), rest: None });
            self.hosts.len() - 1
        });
        if let Some(host) = self.hosts.get_mut(at) {
            host.up |= up;
            host.rest = weaker(host.rest, rest);
        }
    }

    /// Notes the state of a port of a host that was noted.
    pub(super) fn port(&mut self, address: IpAddr, transport: Transport, port: u16, state: PortState) {
        let host = self.host_index.get(&address).and_then(|&at| self.hosts.get_mut(at));
        if let Some(host) = host {
            host.ports.push((transport, port, state));
        }
    }

    /// An open port, new or known.
    pub(super) fn open(
        &mut self,
        address: IpAddr,
        transport: Transport,
        port: u16,
        line: u32,
    ) -> Option<&mut Found> {
        let at = *self.index.entry((address, transport, port)).or_insert_with(|| {
            self.open.push(Found {
                address,
                transport,
                port,
                line,
                asked: Vec::new(),
                hints: Vec::new(),
                service: None,
                probed: false,
                product: None,
                tls: false,
                tunnel: false,
                wrap: None,
                plain: false,
                certificate_names: Vec::new(),
                at: None,
            });
            self.open.len() - 1
        });
        self.open.get_mut(at)
    }

    /// How many hosts there are.
    pub(super) fn host_count(&self) -> usize {
        self.hosts.len()
    }
}

impl Found {
    /// Adds names under which the host goes.
    pub(super) fn names(&mut self, asked: &[String], hints: &[String]) {
        add(&mut self.asked, asked.iter().cloned());
        add(&mut self.hints, hints.iter().cloned());
    }
}

/// The state that holds of all ports that are not listed, where two are told: the one that says less.
pub(super) fn weaker(one: Option<PortState>, other: Option<PortState>) -> Option<PortState> {
    match (one, other) {
        (None, only) | (only, None) => only,
        (Some(a), Some(b)) if a == b => Some(a),
        _ => Some(PortState::Filtered),
    }
}
