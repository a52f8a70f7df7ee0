//! What DNS says of the names of an inventory, for `inventory check --dns`: names without an address, resolvers that
//! disagree, declared addresses that DNS does not give, and zones that hang on one provider.
//!
//! Asking ([`look`]) and judging (`compare`, `zones`) are apart. Nothing is contacted but name servers, and no address
//! that is found here is ever probed: a sweep looks its names up by itself (`resolve`).

pub(super) mod ask;
mod compare;
mod look;
mod zones;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};

use super::resolve::Hosts;
use crate::model::{
    loading::Notice,
    service::{Service, Source},
};

pub use look::look;

/// How many names one notice lists.
const LISTED: usize = 5;

/// A name of the inventory, once for all its services.
#[derive(Clone, Debug, Default)]
struct Declared {
    /// Addresses that the inventory gives, each with the line that does.
    addresses: BTreeMap<IpAddr, Option<Source>>,
    /// The first line that has the name.
    source: Option<Source>,
    /// What this machine's hosts file says.
    hosts: BTreeSet<IpAddr>,
}

/// Addresses of one family, or why nobody said.
type Family = Result<BTreeSet<IpAddr>, String>;

/// What one resolver says of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Said {
    v4: Family,
    v6: Family,
    /// Whether there is such a name; `None`: no answer that decides.
    exists: Option<bool>,
}

impl Said {
    fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        [&self.v4, &self.v6].into_iter().flatten().flatten().copied()
    }
}

/// A zone that names of the inventory are in.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Zone {
    /// Its name, without the last dot.
    name: String,
    /// How many names of the inventory are in it.
    names: usize,
    /// Its name servers by name, or why nobody could say.
    servers: Result<BTreeMap<String, Server>, String>,
}

/// A name server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Server {
    /// The zone that its name is in; `None`: it could not be found out.
    zone: Option<String>,
    /// Its addresses; empty where they could not be found out.
    addresses: BTreeSet<IpAddr>,
}

/// Everything that was asked.
#[derive(Clone, Debug, Default)]
pub struct Looked {
    resolvers: Vec<Arc<str>>,
    /// By name: what the inventory says, and what each resolver said, in their order.
    names: BTreeMap<Arc<str>, (Declared, Vec<Said>)>,
    zones: Vec<Zone>,
    /// Names of one label. What they stand for is decided by the search domains of each machine.
    short: BTreeSet<Arc<str>>,
}

impl Looked {
    /// The addresses of each name that has any, from all resolvers and this machine's hosts file.
    pub fn addresses(&self) -> BTreeMap<String, Vec<IpAddr>> {
        let mut all = BTreeMap::new();
        for (name, (declared, said)) in &self.names {
            let mut found: BTreeSet<IpAddr> = declared.hosts.clone();
            found.extend(said.iter().flat_map(Said::addresses));
            if !found.is_empty() {
                all.insert(name.to_string(), found.into_iter().collect());
            }
        }
        all
    }

    /// Whether names were asked about and not one was answered by anybody: then nothing was checked.
    pub fn is_silent(&self) -> bool {
        let answered = |said: &Said| said.v4.is_ok() || said.v6.is_ok() || said.exists.is_some();
        !self.names.is_empty() && !self.names.values().any(|(_, said)| said.iter().any(answered))
    }

    /// What somebody should know or correct, in the order of names, zones last.
    pub fn notices(&self) -> Vec<Notice> {
        let mut notices = compare::notices(self);
        notices.extend(self.zones.iter().filter_map(zones::notice));
        notices
    }
}

/// The names of services, each once with all that is declared of it.
fn declared(services: &[Service], hosts: &Hosts) -> BTreeMap<Arc<str>, Declared> {
    let mut names: BTreeMap<Arc<str>, Declared> = BTreeMap::new();
    for service in services {
        let Some(name) = &service.name else { continue };
        let source = service.sources.first();
        let entry = names.entry(Arc::clone(name)).or_insert_with(|| Declared {
            source: source.cloned(),
            hosts: hosts.of(name).iter().copied().collect(),
            ..Declared::default()
        });
        for address in &service.addresses {
            entry.addresses.entry(*address).or_insert_with(|| source.cloned());
        }
    }
    names
}

/// The first few of many, and how many more there are.
fn few<'t>(all: impl IntoIterator<Item = &'t str>) -> String {
    let all: Vec<&str> = all.into_iter().collect();
    let shown = all.get(..LISTED).unwrap_or(&all).join(", ");
    match all.len().saturating_sub(LISTED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests;
