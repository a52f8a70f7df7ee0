//! What a scan found, and what it looked at: plain facts of nmap, masscan or a sweep, to hold against
//! what people declared. And which names a zone holds, for telling which declared names are gone.

use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

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

/// A DNS zone that an input holds whole, so that a name that is not in it is not there at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// The zone's name: lower case, without the trailing dot.
    pub origin: Arc<str>,
    /// Where the zone begins in its input.
    pub source: Source,
    /// Every name that is there: those with a record, and the empty ones between them and the origin.
    there: BTreeSet<Arc<str>>,
    /// Names from which on other servers answer (NS records below the origin).
    delegated: BTreeSet<Arc<str>>,
}

impl Zone {
    /// A zone of the names that have a record (wildcards as `*.example.test`) and of those that it delegates; all in
    /// lower case, without the trailing dot.
    pub fn new(
        origin: Arc<str>,
        names: impl IntoIterator<Item = Arc<str>>,
        delegated: impl IntoIterator<Item = Arc<str>>,
        source: Source,
    ) -> Self {
        let mut there = BTreeSet::new();
        for name in names {
            let between = suffixes(&name).skip(1).take_while(|parent| parent.len() > origin.len());
            there.extend(between.map(Arc::from));
            there.insert(name);
        }
        there.insert(Arc::clone(&origin));
        let delegated = delegated.into_iter().filter(|name| *name != origin).collect();
        Self { origin, source, there, delegated }
    }

    /// Whether the zone says that there is no such name (NXDOMAIN, RFC 8020): it would have to hold it, and does
    /// not. `None` where it has no say: the name lies outside, or behind a delegation.
    pub fn lacks(&self, name: &str) -> Option<bool> {
        let rest = name.strip_suffix(&*self.origin)?;
        if !(rest.is_empty() || rest.ends_with('.')) || suffixes(name).any(|s| self.delegated.contains(s)) {
            return None;
        }
        if self.there.contains(name) {
            return Some(false);
        }
        // RFC 4592: the wildcard below the closest name that is there answers, and no other.
        let closest = suffixes(name).skip(1).find(|parent| self.there.contains(*parent))?;
        Some(!self.there.contains(format!("*.{closest}").as_str()))
    }
}

/// A name, and what is left of it with one label after the other taken away.
fn suffixes(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(name), |rest| rest.split_once('.').map(|(_, parent)| parent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_says_what_is_not_there_and_nothing_about_what_is_not_its_own() {
        let names = ["www.example.test", "a.b.example.test", "*.wild.example.test", "sub.example.test"];
        let source = Source { format: "zone".into(), file: "z".into(), line: 1, path: None };
        let delegated = ["sub.example.test", "example.test"].map(Arc::from);
        let zone = Zone::new("example.test".into(), names.map(Arc::from), delegated, source);
        let table = [
            ("www.example.test", Some(false)),
            ("example.test", Some(false)),
            ("b.example.test", Some(false)),
            ("old.example.test", Some(true)),
            ("x.a.b.example.test", Some(true)),
            ("any.wild.example.test", Some(false)),
            ("deep.any.wild.example.test", Some(false)),
            ("x.sub.example.test", None),
            ("sub.example.test", None),
            ("notexample.test", None),
            ("www.example.org", None),
            ("", None),
        ];
        for (name, expected) in table {
            assert_eq!(zone.lacks(name), expected, "{name}");
        }
    }
}
