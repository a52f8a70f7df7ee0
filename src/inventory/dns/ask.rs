//! One question to name servers, within limits, with what came of it told apart: records, no such record, no such
//! name, and no answer at all.
//!
//! Neither the hosts file nor search domains take part: this is what DNS says. Addresses to sweep come from
//! `resolve` instead.

use std::{
    fmt::Write as _,
    net::SocketAddr,
    time::{Duration, Instant},
};

use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts},
    net::{DnsError, NetError, runtime::TokioRuntimeProvider},
    proto::{
        op::ResponseCode,
        rr::{Name, Record, RecordType},
    },
    system_conf::read_system_conf,
};
use tokio::sync::Semaphore;

/// The limit of one try of two.
const TRY: Duration = Duration::from_secs(3);
/// The limit of one question in all: several servers and TCP after UDP multiply the tries.
const QUESTION: Duration = Duration::from_secs(8);
/// Questions in flight.
const IN_FLIGHT: usize = 64;

/// What name servers said.
#[derive(Clone, Debug)]
pub(in crate::inventory) enum Found {
    /// At least one record of the kind, and what led there (CNAME).
    Records(Vec<Record>),
    /// There is no such record; the zone that says so, where it does.
    NoRecord(Option<Name>),
    /// There is no such name.
    NoName,
}

/// Asks some name servers until a moment.
pub(in crate::inventory) struct Asker {
    resolver: TokioResolver,
    in_flight: Semaphore,
    until: Instant,
}

impl Asker {
    /// Of these servers, or of the system's where there are none; no question goes on for longer than `whole` from now.
    pub(in crate::inventory) fn new(servers: &[SocketAddr], whole: Duration) -> Result<Self, String> {
        let (config, mut options) = if servers.is_empty() {
            read_system_conf().map_err(|error| format!("no name server can be asked: {error}"))?
        } else {
            let all = servers.iter().map(|server| {
                let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
                    connection.port = server.port();
                    connection
                });
                NameServerConfig::new(server.ip(), true, connections.into())
            });
            (ResolverConfig::from_parts(None, Vec::new(), all.collect()), ResolverOpts::default())
        };
        if config.name_servers().is_empty() {
            return Err("no name server is configured".to_owned());
        }
        options.timeout = TRY;
        options.attempts = 1; // counted after the first
        options.use_hosts_file = ResolveHosts::Never;
        options.max_active_requests = IN_FLIGHT * 2;
        options.try_tcp_on_error = true;
        let builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        let resolver = builder.with_options(options).build().map_err(|error| error.to_string())?;
        Ok(Self { resolver, in_flight: Semaphore::new(IN_FLIGHT), until: Instant::now() + whole })
    }

    /// Asks for one kind of record at an absolute name. The error says why nobody answered, in our words.
    pub(in crate::inventory) async fn ask(&self, name: &Name, kind: RecordType) -> Result<Found, String> {
        let Ok(_permit) = self.in_flight.acquire().await else {
            return Err("the resolver was closed".to_owned());
        };
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err("no time was left to ask".to_owned());
        }
        let mut name = name.clone();
        name.set_fqdn(true);
        match tokio::time::timeout(left.min(QUESTION), self.resolver.lookup(name, kind)).await {
            Ok(Ok(lookup)) => {
                let records = lookup.answers();
                // An alias alone, as a wildcard gives for every name, is no record of the kind.
                let any = records.iter().any(|record| record.record_type() == kind);
                Ok(if any { Found::Records(records.to_vec()) } else { Found::NoRecord(None) })
            }
            Ok(Err(error)) => nothing(&error),
            Err(_elapsed) => Err("no name server answered in time".to_owned()),
        }
    }
}

/// An answer without a record, or none.
fn nothing(error: &NetError) -> Result<Found, String> {
    let failed = |code: ResponseCode| Err(format!("the name server answered {code}"));
    match error {
        NetError::Dns(DnsError::NoRecordsFound(none)) => match none.response_code {
            ResponseCode::NXDomain => Ok(Found::NoName),
            // Without an SOA and with name servers it is a referral (RFC 2308, 2.2): nobody has answered yet.
            ResponseCode::NoError if none.soa.is_none() && none.ns.is_some() => {
                Err("the name server refers to others and asks none of them".to_owned())
            }
            ResponseCode::NoError => Ok(Found::NoRecord(none.soa.as_ref().map(|soa| soa.name.clone()))),
            code => failed(code),
        },
        NetError::Dns(DnsError::ResponseCode(code)) => failed(*code),
        NetError::Timeout => Err("no name server answered in time".to_owned()),
        other => Err(other.to_string()),
    }
}

/// A name as master files have it (RFC 1035, 5.1): absolute, in lower case, with whatever is no letter, digit, `-`, `_`
/// or `*` escaped, so that neither a blank nor a line end is ever in it.
pub(in crate::inventory) fn absolute(name: &Name) -> String {
    let mut text = String::new();
    for label in name {
        for byte in label.iter().map(u8::to_ascii_lowercase) {
            match byte {
                b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'*' => text.push(char::from(byte)),
                0x21..=0x7e => text.extend(['\\', char::from(byte)]),
                _ => {
                    let _ = write!(text, "\\{byte:03}"); // into a string, cannot fail
                }
            }
        }
        text.push('.');
    }
    if text.is_empty() { ".".to_owned() } else { text }
}
