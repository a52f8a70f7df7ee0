//! Names to addresses: every A and AAAA record, with time limits of our own.
//!
//! `/etc/hosts` answers first, as the system's own resolver would; `localhost` always answers; the
//! name servers of the system come last. Without any, only the first two answer, and everything
//! else is a failure that says so. It does not decide what may be touched; see `scope`.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts},
    net::{DnsError, NetError, runtime::TokioRuntimeProvider},
    proto::{
        op::ResponseCode,
        rr::{Name, RecordType},
    },
    system_conf::read_system_conf,
};
use tokio::sync::Semaphore;

use super::host::{hosts_line, parse_name, quoted};

/// The limit of one try.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Tries of one question.
const TRIES: usize = 2;

/// The limit of one name in all: several name servers and search domains multiply the tries.
const WHOLE: Duration = Duration::from_secs(8);

/// Questions in flight. The resolver refuses more on one connection, and that would read as a failure.
const IN_FLIGHT: usize = 256;

/// The largest hosts file that is read, in bytes.
const HOSTS_LIMIT: usize = 16 << 20;

/// Why a name has no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveFailure {
    /// It is no host name.
    #[error("{0}")]
    BadName(String),
    /// The name servers say that there is no such name, or that it has no address.
    #[error("{0} has no address: {1}")]
    NoAddress(String, &'static str),
    /// No answer that decides.
    #[error("{0} could not be looked up: {1}")]
    Failed(String, String),
    /// This machine has no name servers to ask.
    #[error("{0} could not be looked up: it is not in /etc/hosts, and no name server can be asked ({1})")]
    NoServers(String, String),
}

/// What a look-up gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Every address, sorted, each once; at least one.
    pub addresses: Vec<IpAddr>,
    /// Set when one of the two questions (A, AAAA) was not answered: there may be more addresses.
    pub incomplete: Option<String>,
}

/// Looks names up. Cloning is not needed: share it by reference or in an `Arc`.
#[derive(Debug)]
pub struct Resolver {
    hosts: HashMap<String, Vec<IpAddr>>,
    servers: Result<Servers, String>,
    in_flight: Semaphore,
}

struct Servers {
    resolver: TokioResolver,
    ndots: usize,
}

impl std::fmt::Debug for Servers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Servers").field("ndots", &self.ndots).finish_non_exhaustive()
    }
}

impl Resolver {
    /// With the system's hosts file and name servers.
    pub fn system() -> Self {
        let hosts = std::fs::read("/etc/hosts").unwrap_or_default();
        let config = read_system_conf().map_err(|error| error.to_string());
        Self::new(&hosts, config)
    }

    /// With the system's hosts file, and this name server instead of the system's.
    pub fn at(server: SocketAddr) -> Self {
        let hosts = std::fs::read("/etc/hosts").unwrap_or_default();
        let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
            connection.port = server.port();
            connection
        });
        let server = NameServerConfig::new(server.ip(), true, connections.into());
        let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
        Self::new(&hosts, Ok((config, ResolverOpts::default())))
    }

    /// With a hosts file's text alone: nothing is asked over a network (`--offline`).
    pub fn offline(hosts: &[u8]) -> Self {
        Self::new(hosts, Err("offline".to_owned()))
    }

    fn new(hosts: &[u8], config: Result<(ResolverConfig, ResolverOpts), String>) -> Self {
        let servers = config.and_then(|(config, mut options)| {
            if config.name_servers.is_empty() {
                return Err("none is configured".to_owned());
            }
            options.timeout = TIMEOUT;
            options.attempts = TRIES - 1; // counted after the first
            options.use_hosts_file = ResolveHosts::Never;
            options.max_active_requests = IN_FLIGHT * 2;
            options.try_tcp_on_error = true;
            let ndots = options.ndots;
            let builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
                .with_options(options);
            let resolver = builder.build().map_err(|error| error.to_string())?;
            Ok(Servers { resolver, ndots })
        });
        Self { hosts: read_hosts(hosts), servers, in_flight: Semaphore::new(IN_FLIGHT) }
    }

    /// Every address of a name, sorted, each once. See [`Resolver::answer`] for whether all of them
    /// are known.
    pub async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, ResolveFailure> {
        self.answer(name).await.map(|answer| answer.addresses)
    }

    /// Every address of a name, and whether one of the two questions stayed open. Takes at most
    /// about 8 seconds. An address given as text is its own answer.
    pub async fn answer(&self, name: &str) -> Result<Answer, ResolveFailure> {
        if let Ok(address) = name.parse::<IpAddr>() {
            return Ok(Answer { addresses: vec![address.to_canonical()], incomplete: None });
        }
        let name = parse_name(name).map_err(ResolveFailure::BadName)?;
        if let Some(addresses) = self.hosts.get(&name) {
            return Ok(Answer { addresses: addresses.clone(), incomplete: None });
        }
        // RFC 6761 section 6.3: these are loopback, and no server is to be asked.
        if name == "localhost" || name.ends_with(".localhost") {
            let addresses = vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
            return Ok(Answer { addresses, incomplete: None });
        }
        let servers = match &self.servers {
            Ok(servers) => servers,
            Err(why) => return Err(ResolveFailure::NoServers(name, why.clone())),
        };
        let failed = |why: &str| ResolveFailure::Failed(name.clone(), why.to_owned());
        let Ok(_permit) = self.in_flight.acquire().await else {
            return Err(failed("the resolver was closed"));
        };
        match tokio::time::timeout(WHOLE, servers.ask(&name)).await {
            Ok(answer) => answer,
            Err(_) => Err(failed("no answer in time")),
        }
    }
}

impl Servers {
    async fn ask(&self, name: &str) -> Result<Answer, ResolveFailure> {
        let mut question = Name::from_ascii(name)
            .map_err(|error| ResolveFailure::BadName(format!("{}: {error}", quoted(name))))?;
        // A name with enough dots is absolute. Trying search domains after it failed, as some
        // systems do, can find a wildcard's host, which is nothing that the inventory lists.
        if name.matches('.').count() >= self.ndots.max(1) {
            question.set_fqdn(true);
        }
        let (v4, v6) =
            tokio::join!(self.one(question.clone(), RecordType::A), self.one(question, RecordType::AAAA));
        let (mut addresses, mut open, mut none) = (Vec::new(), None, None);
        for outcome in [v4, v6] {
            match outcome {
                Ok(found) => addresses.extend(found),
                Err(Empty::None(why)) => none = none.or(Some(why)),
                Err(Empty::Open(why)) => open = open.or(Some(why)),
            }
        }
        addresses.sort_unstable();
        addresses.dedup();
        match (addresses.is_empty(), open) {
            (false, incomplete) => Ok(Answer { addresses, incomplete }),
            (true, Some(why)) => Err(ResolveFailure::Failed(name.to_owned(), why)),
            (true, None) => Err(ResolveFailure::NoAddress(
                name.to_owned(),
                none.unwrap_or("it has neither an A nor an AAAA record"),
            )),
        }
    }

    async fn one(&self, name: Name, kind: RecordType) -> Result<Vec<IpAddr>, Empty> {
        match self.resolver.lookup(name, kind).await {
            Ok(lookup) => {
                let found = lookup.answers().iter().filter_map(|record| record.data.ip_addr());
                Ok(found.map(|address| address.to_canonical()).collect())
            }
            Err(error) => Err(empty(&error)),
        }
    }
}

/// Why a question gave no address.
enum Empty {
    /// There is none.
    None(&'static str),
    /// Nobody said.
    Open(String),
}

fn empty(error: &NetError) -> Empty {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(none)) => match none.response_code {
            ResponseCode::NXDomain => Empty::None("there is no such name"),
            ResponseCode::NoError => Empty::None("it has neither an A nor an AAAA record"),
            code => Empty::Open(format!("the name server answered {code}")),
        },
        NetError::Timeout => Empty::Open("no name server answered in time".to_owned()),
        other => Empty::Open(other.to_string()),
    }
}

/// A hosts file, such as this machine's.
#[derive(Debug)]
pub struct Hosts(HashMap<String, Vec<IpAddr>>);

impl Hosts {
    /// This machine's; empty where it has none.
    pub fn system() -> Self {
        Self(read_hosts(&std::fs::read("/etc/hosts").unwrap_or_default()))
    }

    /// The addresses of a name, in lower case and without its last dot; sorted, each once.
    pub fn of(&self, name: &str) -> &[IpAddr] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }
}

/// A hosts file: an address and names on each line, `#` comments. What cannot be read is passed
/// over, as the system does. Every line that has a name adds to it.
fn read_hosts(text: &[u8]) -> HashMap<String, Vec<IpAddr>> {
    let mut hosts: HashMap<String, Vec<IpAddr>> = HashMap::new();
    let text = String::from_utf8_lossy(text.get(..HOSTS_LIMIT).unwrap_or(text));
    for line in text.lines() {
        let Some((address, words)) = hosts_line(line) else { continue };
        let Ok(address) = address.parse::<IpAddr>() else { continue };
        for name in words.filter_map(|word| parse_name(word).ok()) {
            let addresses = hosts.entry(name).or_default();
            let at = addresses.binary_search(&address.to_canonical());
            if let Err(at) = at {
                addresses.insert(at, address.to_canonical());
            }
        }
    }
    hosts
}

#[cfg(test)]
mod tests;
