//! What is declared held against what was found: the forgotten things, each with where the fact comes from.
//!
//! Plain data. What counts as forgotten is decided where it is compared (`inventory::diff`).

use std::{net::IpAddr, sync::Arc};

use super::{
    discovery::{PortState, TlsSeen},
    service::{Service, Source},
    time::Timestamp,
    vocabulary,
    wrap::{Transport, Wrap},
};

vocabulary! {
    /// A kind of forgotten thing.
    Kind, "kind of difference" {
        /// Open, with TLS or maybe with it, and in no inventory.
        Undeclared = "undeclared",
        /// Declared, and a scan was told that nothing listens; or the zone does not hold the name any more.
        Gone = "gone",
        /// Declared as retired, and open.
        Retired = "retired",
        /// A name that leads here and that no one declared.
        Names = "names",
    }
}

vocabulary! {
    /// What ties a declared service to something that was found.
    Tie, "tie" {
        /// It is declared on the same address.
        Address = "address",
        /// It is declared under a name that the scan gave the address.
        Name = "name",
        /// It is declared under a name of the certificate.
        Certificate = "certificate",
    }
}

/// An endpoint that is open, as all scans together tell of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Where.
    pub address: IpAddr,
    /// The port.
    pub port: u16,
    /// TCP or UDP.
    pub transport: Transport,
    /// How TLS is reached, where a scan tells.
    pub wrap: Option<Wrap>,
    /// Whether TLS was seen.
    pub tls: TlsSeen,
    /// What a scanner calls the service.
    pub service: Option<Arc<str>>,
    /// The name that people gave the scan for the address, where they did.
    pub given: Option<Arc<str>>,
    /// Every name that scans tell for the address, the given one included.
    pub names: Vec<Arc<str>>,
    /// Names in certificates that scans brought.
    pub certificate_names: Vec<Arc<str>>,
    /// When it was last seen.
    pub at: Option<Timestamp>,
    /// Every scan's line about it.
    pub sources: Vec<Source>,
}

/// Declared services that tell whose something probably is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Near {
    /// What ties them to it.
    pub tie: Tie,
    /// The services, at most [`Near::MOST`].
    pub services: Vec<Service>,
    /// How many more there are.
    pub more: usize,
}

impl Near {
    /// The most services that are listed.
    pub const MOST: usize = 16;

    /// The owners of the services, each once, in order.
    pub fn owners(&self) -> Vec<&str> {
        let mut owners: Vec<&str> = self.services.iter().filter_map(Service::owner).collect();
        owners.sort_unstable();
        owners.dedup();
        owners
    }
}

/// An open port with TLS, or maybe with it, that no one declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undeclared {
    /// What was found.
    pub found: Endpoint,
    /// Whose it may be.
    pub near: Option<Near>,
}

/// An open port that is probably a declared service without a known address: the scan's name and the port agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probable {
    /// What was found.
    pub found: Endpoint,
    /// What it probably is.
    pub service: Service,
}

/// A service that is declared as retired and is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retired {
    /// The service.
    pub service: Service,
    /// What says that it is retired, such as `tag status=retired`.
    pub says: String,
    /// Where it is open.
    pub found: Vec<Endpoint>,
}

/// Why a declared service is said to be gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// Every scan that looked was told that nothing listens there.
    Closed {
        /// Where they looked.
        addresses: Vec<IpAddr>,
        /// The files of the scans, and when each began.
        scans: Vec<(Arc<str>, Option<Timestamp>)>,
    },
    /// A zone that would have to hold the name does not.
    NotInZone {
        /// The zone's name.
        origin: Arc<str>,
        /// Where the zone begins.
        source: Source,
        /// What scans say about the port at the addresses that are declared or were known.
        port: Option<PortState>,
    },
}

/// A declared service that is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gone {
    /// The service.
    pub service: Service,
    /// Why.
    pub why: Why,
}

/// A name that leads here and that no one declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stray {
    /// The name.
    pub name: Arc<str>,
    /// Where it leads, by the inputs that name it.
    pub addresses: Vec<IpAddr>,
    /// What is declared there.
    pub near: Option<Near>,
    /// Ports that scans found open there: transport and port, sorted.
    pub open: Vec<(Transport, u16)>,
    /// Every line that has the name.
    pub sources: Vec<Source>,
}

/// How many declared services became what. All but `names_elsewhere` and `without_tls` are of `declared`, and each
/// service is in one of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Declared services.
    pub declared: usize,
    /// Open ports that scans found, of any kind.
    pub discovered: usize,
    /// Found open.
    pub agree: usize,
    /// Found open under a name and port; the address was not known.
    pub probable: usize,
    /// Declared as retired and closed: as it should be.
    pub retired_closed: usize,
    /// Declared as retired, on a port that another service has now.
    pub retired_shared: usize,
    /// Closed addresses of a declared network: nobody said that each of them has a service.
    pub closed_in_networks: usize,
    /// A scan looked and got no answer: they may be there.
    pub filtered: usize,
    /// No scan looked there.
    pub not_looked_at: usize,
    /// Of these, how many have no known address.
    pub no_address: usize,
    /// Open ports that no one declared, where a scan recognised a protocol without TLS.
    pub without_tls: usize,
    /// Names that no one declared and that lead neither to a declared nor to a found address.
    pub names_elsewhere: usize,
}

/// What became of the comparison.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Open and in no inventory; those with certain TLS first, then by address and port.
    pub undeclared: Vec<Undeclared>,
    /// Open, and probably declared.
    pub probable: Vec<Probable>,
    /// Declared as retired, and open.
    pub retired: Vec<Retired>,
    /// Declared, and not there.
    pub gone: Vec<Gone>,
    /// Names that no one declared.
    pub names: Vec<Stray>,
    /// Everything that is counted only.
    pub counts: Counts,
    /// What is declared, in words for people: files, or the incident file.
    pub declared_by: Vec<Arc<str>>,
    /// The scans and sweeps that looked.
    pub scans: Vec<Arc<str>>,
    /// Inputs that lead names to addresses.
    pub named_by: Vec<Arc<str>>,
}

impl Difference {
    /// How many there are of a kind.
    pub fn count(&self, kind: Kind) -> usize {
        match kind {
            Kind::Undeclared => self.undeclared.len(),
            Kind::Gone => self.gone.len(),
            Kind::Retired => self.retired.len(),
            Kind::Names => self.names.len(),
        }
    }
}
