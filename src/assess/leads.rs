//! Which services lead to which hosts: by name, by the tag `host=NAME`, or by an address that no other host has as
//! well; and to which sweep a document belongs.
//!
//! Not here: what a document says of a service (`join`).

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::IpAddr,
};

use crate::model::{
    host::{Collector, Header},
    ids::SweepId,
    service::Service,
    sweep::{Evidence, HostDocument},
    time::Timestamp,
};

/// One service, and the address by which it leads to a host.
pub(super) struct Lead {
    pub(super) service: usize,
    pub(super) address: Option<IpAddr>,
}

/// Which services lead to which host.
pub(super) struct Leads {
    to: BTreeMap<String, Vec<Lead>>,
    machines: Machines,
}

/// Which names several machines go by: their documents are told apart by the machine's id, and no service leads to
/// them by name.
struct Machines {
    shared: BTreeSet<String>,
}

impl Machines {
    fn new(hosts: &[HostDocument]) -> Self {
        let mut first: BTreeMap<String, &Header> = BTreeMap::new();
        let mut shared = BTreeSet::new();
        for host in hosts {
            let header = &host.document.header;
            // The output of a tool tells nothing of its machine, nor does a failure.
            if header.collector == Collector::Import || header.coverage.failed.is_some() {
                continue;
            }
            let name = host.host.to_lowercase();
            if !first.entry(name.clone()).or_insert(header).is_same_machine(header) {
                shared.insert(name);
            }
        }
        Self { shared }
    }

    fn of(&self, host: &HostDocument) -> String {
        let name = host.host.to_lowercase();
        if !self.shared.contains(&name) {
            return name;
        }
        let header = &host.document.header;
        let addresses: Vec<String> = header.addresses.iter().map(ToString::to_string).collect();
        let machine = header.machine.clone().unwrap_or_else(|| addresses.join(" "));
        format!("{name}\n{machine}")
    }
}

impl Leads {
    pub(super) fn new(evidence: &Evidence) -> Self {
        let machines = Machines::new(&evidence.hosts);
        let hosts: BTreeSet<String> = evidence.hosts.iter().map(|h| machines.of(h)).collect();
        let short = short_names(&hosts, &evidence.services);
        let addresses = addresses(&evidence.hosts, &machines);
        let mut observed: HashMap<&str, BTreeSet<IpAddr>> = HashMap::new();
        for seen in &evidence.observations {
            if let Some(address) = seen.address {
                observed.entry(seen.row_id.as_str()).or_default().insert(address);
            }
        }
        let mut to: BTreeMap<String, Vec<Lead>> = BTreeMap::new();
        for (number, service) in evidence.services.iter().enumerate() {
            let mut known: BTreeSet<IpAddr> = service.addresses.iter().copied().collect();
            known.extend(observed.get(service.row_id.as_str()).into_iter().flatten().copied());
            for host in named(service, &hosts, &short) {
                let own: Vec<IpAddr> = known
                    .iter()
                    .copied()
                    .filter(|a| addresses.get(a).is_some_and(|hosts| hosts.contains(&host)))
                    .collect();
                let places: Vec<Option<IpAddr>> = match own.len() {
                    // Behind one address, it can only be this host; behind several, which one is not known.
                    0 if known.len() <= 1 => vec![known.first().copied()],
                    0 => known.iter().filter(|a| a.is_loopback()).map(|a| Some(*a)).collect(),
                    _ => own.into_iter().map(Some).collect(),
                };
                let list = to.entry(host.clone()).or_default();
                list.extend(places.into_iter().map(|address| Lead { service: number, address }));
            }
            for address in &known {
                // Two hosts with one address are two networks, or a bridge that every host has.
                let Some([host]) = addresses.get(address).map(Vec::as_slice) else { continue };
                let list = to.entry(host.clone()).or_default();
                if !list.iter().any(|l| l.service == number && l.address == Some(*address)) {
                    list.push(Lead { service: number, address: Some(*address) });
                }
            }
        }
        Self { to, machines }
    }

    /// The services that lead to the host of a document.
    pub(super) fn to(&self, host: &HostDocument) -> &[Lead] {
        self.to.get(&self.machines.of(host)).map_or(&[], Vec::as_slice)
    }
}

/// The hosts by each address of theirs, in order.
fn addresses(hosts: &[HostDocument], machines: &Machines) -> BTreeMap<IpAddr, Vec<String>> {
    let mut map: BTreeMap<IpAddr, BTreeSet<String>> = BTreeMap::new();
    for host in hosts {
        for address in host.document.header.addresses.iter().filter(|a| !a.is_loopback()) {
            map.entry(*address).or_default().insert(machines.of(host));
        }
    }
    map.into_iter().map(|(address, hosts)| (address, hosts.into_iter().collect())).collect()
}

/// Hosts that are known by their first label alone, by that label, where no two services' names begin with it.
fn short_names(hosts: &BTreeSet<String>, services: &[Service]) -> BTreeMap<String, String> {
    let mut full: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for name in services.iter().filter_map(|s| s.name.as_deref()) {
        if let Some((label, _)) = name.split_once('.') {
            full.entry(label).or_default().insert(name);
        }
    }
    let mut short = BTreeMap::new();
    for host in hosts.iter().filter(|h| !h.contains('.')) {
        if let Some(names) = full.get(host.as_str()).filter(|names| names.len() == 1) {
            short.extend(names.iter().map(|name| ((*name).to_owned(), host.clone())));
        }
    }
    short
}

/// The hosts that a service names: by the tag `host=`, else by its own name.
fn named(service: &Service, hosts: &BTreeSet<String>, short: &BTreeMap<String, String>) -> Vec<String> {
    let tags = service.declared.tags.iter().filter_map(|t| t.strip_prefix("host="));
    let mut tagged: Vec<String> = tags
        .flat_map(|list| list.split([';', ' ']))
        .map(|h| h.trim().to_lowercase())
        .filter(|h| hosts.contains(h))
        .collect();
    tagged.sort();
    tagged.dedup();
    if !tagged.is_empty() {
        return tagged;
    }
    let name = service.display_name().to_lowercase();
    if hosts.contains(&name) {
        return vec![name];
    }
    short.get(&name).cloned().into_iter().collect()
}

/// When sweeps began: a document belongs to the last one that had begun by then.
pub(super) struct Sweeps(Vec<(Timestamp, SweepId)>);

impl Sweeps {
    pub(super) fn new(evidence: &Evidence) -> Self {
        let mut begun: BTreeMap<SweepId, Timestamp> = BTreeMap::new();
        for seen in &evidence.observations {
            begun.entry(seen.sweep).and_modify(|at| *at = seen.at.min(*at)).or_insert(seen.at);
        }
        begun.extend(evidence.sweeps.iter().map(|s| (s.id, s.started_at)));
        let mut begun: Vec<_> = begun.into_iter().map(|(id, at)| (at, id)).collect();
        begun.sort_unstable();
        Self(begun)
    }

    pub(super) fn begun_by(&self, host: &HostDocument) -> SweepId {
        let end = self.0.partition_point(|(at, _)| *at <= host.at);
        end.checked_sub(1).and_then(|i| self.0.get(i)).map_or(SweepId(0), |(_, id)| *id)
    }
}
