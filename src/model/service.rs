//! One declared service: the row that every sweep, tracker and checklist speaks of.

use std::{fmt, net::IpAddr, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    ids::RowId,
    vocabulary,
    wrap::{Transport, Wrap},
};

/// The columns of a native inventory, in order (contract: native inventory CSV).
pub const COLUMNS: &[&str] = &[
    "id",
    "name",
    "address",
    "port",
    "transport",
    "wrap",
    "sni",
    "owner",
    "team",
    "env",
    "site",
    "exposure",
    "service_type",
    "tls_stack",
    "issues_tokens",
    "zone",
    "fragile",
    "expect",
    "tags",
];

vocabulary! {
    /// Who can reach a service.
    Exposure, "exposure" {
        /// Anyone.
        Public = "public",
        /// Named outsiders.
        Partner = "partner",
        /// Only the organisation itself.
        Internal = "internal",
        /// Nobody said.
        Unknown = "unknown",
    }
}

vocabulary! {
    /// How a service comes by its TLS code.
    TlsStack, "tls stack" {
        /// A shared library of the system: upgrade and restart.
        OpensslDynamic = "openssl-dynamic",
        /// Linked in: rebuild.
        OpensslStatic = "openssl-static",
        /// Through another library or a language runtime.
        OpensslIndirect = "openssl-indirect",
        /// OpenSSL, and nobody knows how it is linked.
        Openssl = "openssl",
        /// Another library (GnuTLS, NSS, Go, Schannel, ...).
        Other = "other",
        /// A box with firmware: its maker decides.
        Appliance = "appliance",
        /// Somebody else runs it.
        Provider = "provider",
        /// Nobody said.
        Unknown = "unknown",
    }
}

/// Where a fact was read: an input file by name and its line, from 1.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Source {
    /// The input format's name, such as `csv` or `list`.
    pub format: Arc<str>,
    /// The file as it was named on the command line; `-` is standard input.
    pub file: Arc<str>,
    /// The line, from 1; from a live source, the number of the record.
    pub line: u32,
    /// The record's own name where a line says little: an etcd key, `namespace/name`, a group and host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<Arc<str>>,
}

impl fmt::Display for Source {
    /// `file:line`, with the path behind it where there is one. Not made safe for a terminal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)?;
        self.path.iter().try_for_each(|path| write!(f, " ({path})"))
    }
}

/// What people declared about a service besides how to reach it. Shared by all rows that one
/// inventory line expanded to, so that a CIDR of 65,536 addresses holds it once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Declared {
    /// Who answers for the service.
    pub owner: Option<String>,
    /// The owner's team.
    pub team: Option<String>,
    /// `prod`, `staging`, ...; the tracker's `environment`.
    pub env: Option<String>,
    /// Where it stands.
    pub site: Option<String>,
    /// Who can reach it.
    pub exposure: Option<Exposure>,
    /// A name of the table of service types, such as `https`, `smtp`, `turn`; free text is allowed.
    pub service_type: Option<String>,
    /// How it comes by its TLS code.
    pub tls_stack: Option<TlsStack>,
    /// Whether it issues tokens (sessions, API keys, credentials) to others.
    pub issues_tokens: Option<bool>,
    /// The vantage zone that can reach it.
    pub zone: Option<String>,
    /// Never to be probed beyond a handshake (PROBING 6).
    pub fragile: Option<bool>,
    /// What a user must still get after a repair, such as `https 200 /login`.
    pub expect: Option<String>,
    /// Free tags, and every column that is not ours as `column=value`.
    pub tags: Vec<String>,
}

/// A declared service: one name or address, one port, one transport, one wrap, one SNI.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Its identity across sweeps.
    pub row_id: RowId,
    /// The declared name, lower case; absent for rows that gave an address alone.
    pub name: Option<Arc<str>>,
    /// The declared addresses. Empty: the name is resolved at each sweep.
    pub addresses: Box<[IpAddr]>,
    /// The port, 1 to 65535.
    pub port: u16,
    /// The transport.
    pub transport: Transport,
    /// How TLS is reached: as declared, or what the port decides.
    pub wrap: Wrap,
    /// Whether the wrap was declared; otherwise the port decided.
    pub wrap_declared: bool,
    /// The SNI that was declared; absent: the name is sent.
    pub sni: Option<Arc<str>>,
    /// Whether the row id was given by the inventory's `id` column.
    pub id_declared: bool,
    /// What people declared about it.
    pub declared: Arc<Declared>,
    /// Every line that declares this service, in reading order.
    pub sources: Arc<[Source]>,
}

impl Service {
    /// What to call the service: its name, or its first address.
    pub fn display_name(&self) -> String {
        match (&self.name, self.addresses.first()) {
            (Some(name), _) => name.to_string(),
            (None, Some(address)) => address.to_string(),
            (None, None) => self.row_id.to_string(),
        }
    }

    /// `name:port`, with an IPv6 address in brackets, and `/udp` behind what is not reached over TCP: two services of one
    /// port are told apart.
    pub fn display_port(&self) -> String {
        let place = self.place();
        match self.transport {
            Transport::Tcp => place,
            Transport::Udp => format!("{place}/udp"),
        }
    }

    /// `name:port`, whatever the transport.
    pub fn place(&self) -> String {
        let name = self.display_name();
        if name.contains(':') { format!("[{name}]:{}", self.port) } else { format!("{name}:{}", self.port) }
    }

    /// The host name to send as SNI: the declared one, else the name; never an address.
    pub fn sni_to_send(&self) -> Option<&str> {
        let sni = self.sni.as_deref().or(self.name.as_deref())?;
        (sni.parse::<IpAddr>().is_err()).then_some(sni)
    }

    /// The owner, where one is declared and not blank.
    pub fn owner(&self) -> Option<&str> {
        self.declared.owner.as_deref().filter(|o| !o.trim().is_empty())
    }

    /// Who can reach it; unknown where nobody said.
    pub fn exposure(&self) -> Exposure {
        self.declared.exposure.unwrap_or(Exposure::Unknown)
    }

    /// How it comes by its TLS code; unknown where nobody said.
    pub fn tls_stack(&self) -> TlsStack {
        self.declared.tls_stack.unwrap_or(TlsStack::Unknown)
    }
}
