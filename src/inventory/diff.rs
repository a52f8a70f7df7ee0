//! What is declared held against what scans found and where names lead: what no one declared, what is gone, what is
//! retired and still open.
//!
//! A pure function of model values. It reads no file, asks no resolver and prints nothing; who brings the addresses of
//! names decides how they were found.

mod index;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    net::IpAddr,
    sync::Arc,
};

use self::index::{Declared, Looked, Place, endpoints};
use super::format::role;
use crate::model::{
    difference::{Counts, Difference, Endpoint, Gone, Probable, Retired, Stray, Undeclared, Why},
    discovery::{Discovered, PortState, Role, Scan, TlsSeen, Zone},
    ids::RowId,
    loading::Loaded,
    service::{Service, Source},
};

/// Words by which people say that a service is to be there no longer.
const RETIRED: &[&str] = &["retired", "decommissioned", "eol"];

/// A name and where an input leads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// In lower case, without the trailing dot.
    pub name: Arc<str>,
    /// Its addresses, where the input has them.
    pub addresses: Vec<IpAddr>,
    /// Every line that says so.
    pub sources: Vec<Source>,
}

/// What is compared.
#[derive(Clone, Debug, Default)]
pub struct Sides<'a> {
    /// What somebody declared.
    pub declared: Vec<&'a Service>,
    /// Open ports.
    pub discovered: Vec<Discovered>,
    /// What was looked at.
    pub scans: Vec<Scan>,
    /// Names that people gave the scans.
    pub given: HashMap<(IpAddr, crate::model::wrap::Transport, u16), Arc<str>>,
    /// Names of inputs that name.
    pub named: Vec<Named>,
    /// Zones that inputs hold whole.
    pub zones: &'a [Zone],
    /// The addresses at which services were contacted last.
    pub last: BTreeMap<RowId, Vec<IpAddr>>,
    /// Names and what a resolver says now.
    pub resolved: BTreeMap<String, Vec<IpAddr>>,
    /// Services that people said are gone, and who keeps that.
    pub retired: BTreeMap<RowId, String>,
}

/// Whether somebody wrote the service down: any of its lines stands in an input that declares.
pub fn declares(service: &Service) -> bool {
    has_role(service, Role::Declares)
}

/// Whether the service is known from scans alone.
pub fn only_found(service: &Service) -> bool {
    !service.sources.is_empty() && service.sources.iter().all(|s| role(&s.format) == Role::Discovers)
}

fn has_role(service: &Service, wanted: Role) -> bool {
    service.sources.iter().any(|source| role(&source.format) == wanted)
}

impl<'a> Sides<'a> {
    /// The sides that inputs bring, each by the role of its format.
    pub fn of(loaded: &'a Loaded) -> Self {
        let mut sides = Self {
            declared: loaded.services.iter().filter(|service| declares(service)).collect(),
            discovered: loaded.discovered.clone(),
            scans: loaded.scans.clone(),
            zones: &loaded.zones,
            ..Self::default()
        };
        for service in &loaded.services {
            let Some(name) = &service.name else { continue };
            if only_found(service) {
                let places =
                    service.addresses.iter().map(|a| (a.to_canonical(), service.transport, service.port));
                sides.given.extend(places.map(|place| (place, Arc::clone(name))));
            }
            if has_role(service, Role::Names) {
                let names = |source: &&Source| role(&source.format) == Role::Names;
                let sources = service.sources.iter().filter(names).cloned().collect();
                sides.named.push(Named {
                    name: Arc::clone(name),
                    addresses: service.addresses.to_vec(),
                    sources,
                });
            }
        }
        sides
    }
}

/// Compares. The order of what it tells is the same in every run.
pub fn compare(sides: &Sides<'_>) -> Difference {
    let declared = Declared::new(sides);
    let looked = Looked::new(&sides.scans);
    let found = endpoints(&sides.discovered, &sides.given);
    let retired: Vec<Option<String>> =
        sides.declared.iter().map(|service| says_retired(service, &sides.retired)).collect();
    let mut compared = Compared {
        sides,
        declared: &declared,
        looked: &looked,
        found: &found,
        retired: &retired,
        seen: Vec::new(),
        probable: HashSet::new(),
        networks: networks(&sides.declared),
        difference: Difference {
            counts: Counts { declared: sides.declared.len(), discovered: found.len(), ..Counts::default() },
            ..Difference::default()
        },
    };
    compared.ports();
    for (at, service) in sides.declared.iter().enumerate() {
        compared.service(at, service);
    }
    compared.names();
    let mut difference = compared.difference;
    difference.undeclared.sort_by_key(|u| u.found.tls != TlsSeen::Yes);
    difference.scans = once(sides.scans.iter().map(|scan| &scan.file));
    difference.named_by = once(sides.named.iter().flat_map(|named| named.sources.iter().map(|s| &s.file)));
    difference.declared_by = once(sides.declared.iter().filter_map(|s| s.sources.first()).map(|s| &s.file));
    difference
}

/// Each once, in order of first sight.
fn once<'a>(texts: impl Iterator<Item = &'a Arc<str>>) -> Vec<Arc<str>> {
    let mut seen = HashSet::new();
    texts.filter(|text| seen.insert(Arc::clone(text))).cloned().collect()
}

/// What says that a service is retired: its tags, its environment, or what people attested.
fn says_retired(service: &Service, attested: &BTreeMap<RowId, String>) -> Option<String> {
    let is = |word: &str| RETIRED.contains(&word.trim().to_ascii_lowercase().as_str());
    let tag = |tag: &&String| match tag.split_once('=') {
        Some((key, value)) => key.trim().eq_ignore_ascii_case("status") && is(value),
        None => is(tag),
    };
    let declared = &service.declared;
    let by_tag = declared.tags.iter().find(tag).map(|tag| format!("tag {tag}"));
    let by_env = || declared.env.as_ref().filter(|env| is(env)).map(|env| format!("env {env}"));
    by_tag.or_else(by_env).or_else(|| attested.get(&service.row_id).cloned())
}

/// Lines that declare more than one address without a name: networks, of which nobody says that each address has a
/// service.
fn networks<'a>(declared: &[&'a Service]) -> HashSet<&'a Source> {
    let mut first: HashMap<&Source, &[IpAddr]> = HashMap::new();
    let mut networks = HashSet::new();
    for service in declared.iter().filter(|s| s.name.is_none()) {
        let [source] = &*service.sources else { continue };
        if *first.entry(source).or_insert(&service.addresses) != &*service.addresses {
            networks.insert(source);
        }
    }
    networks
}

/// The comparison while it runs.
struct Compared<'a> {
    sides: &'a Sides<'a>,
    declared: &'a Declared<'a>,
    looked: &'a Looked<'a>,
    found: &'a [Endpoint],
    retired: &'a [Option<String>],
    /// Services and the open ports that are theirs; sorted once all are there.
    seen: Vec<(usize, usize)>,
    /// Services without a known address that were found by name and port.
    probable: HashSet<usize>,
    networks: HashSet<&'a Source>,
    difference: Difference,
}

impl Compared<'_> {
    fn is_retired(&self, at: usize) -> bool {
        self.retired.get(at).is_some_and(Option::is_some)
    }

    /// Goes through the open ports.
    fn ports(&mut self) {
        for (number, found) in self.found.iter().enumerate() {
            let before = self.seen.len();
            let services = self.declared.at((found.address, found.transport, found.port));
            self.seen.extend(services.map(|at| (at, number)));
            if self.seen.len() > before {
                continue;
            }
            let by_name = |name: &Arc<str>| self.declared.nowhere(name, found.transport, found.port);
            // A name that an address gives itself (PTR) is its owner's word and proves nothing: the name has to be the
            // one that was scanned, or one of its certificate.
            let certified = found.names.iter().filter(|name| found.certificate_names.contains(name));
            if let Some(at) = found.given.iter().chain(certified).find_map(by_name) {
                self.probable.insert(at);
                self.seen.push((at, number));
                if let Some(service) = self.sides.declared.get(at).filter(|_| !self.is_retired(at)) {
                    let service = Service::clone(service);
                    self.difference.probable.push(Probable { found: found.clone(), service });
                }
                continue;
            }
            if found.tls == TlsSeen::No {
                self.difference.counts.without_tls += 1;
                continue;
            }
            let near = self.declared.near_to(found);
            self.difference.undeclared.push(Undeclared { found: found.clone(), near });
        }
        self.seen.sort_unstable();
    }

    /// Says what became of one declared service.
    fn service(&mut self, at: usize, service: &Service) {
        let first = self.seen.partition_point(|(s, _)| *s < at);
        let found: Vec<&Endpoint> = self
            .seen
            .get(first..)
            .unwrap_or_default()
            .iter()
            .take_while(|(s, _)| *s == at)
            .filter_map(|(_, number)| self.found.get(*number))
            .collect();
        let (state, by) = self.state(at, service);
        let state = if found.is_empty() { state } else { Some(PortState::Open) };
        if let Some(says) = self.retired.get(at).cloned().flatten() {
            self.retired_service(at, service, says, (state, &found));
            return;
        }
        if let Some(zone) = self.not_in_zone(service) {
            let (origin, source) = (Arc::clone(&zone.origin), zone.source.clone());
            let why = Why::NotInZone { origin, source, port: state };
            self.difference.gone.push(Gone { service: service.clone(), why });
            return;
        }
        let counts = &mut self.difference.counts;
        match state {
            Some(PortState::Open) if self.probable.contains(&at) => counts.probable += 1,
            Some(PortState::Open) => counts.agree += 1,
            Some(PortState::Closed) if is_of_network(service, &self.networks) => {
                counts.closed_in_networks += 1;
            }
            Some(PortState::Closed) => {
                let scans = self.looked.scans(by).map(|s| (Arc::clone(&s.file), s.started_at)).collect();
                let why = Why::Closed { addresses: self.declared.addresses(at).to_vec(), scans };
                self.difference.gone.push(Gone { service: service.clone(), why });
            }
            other => self.not_told(at, other),
        }
    }

    fn not_told(&mut self, at: usize, state: Option<PortState>) {
        let counts = &mut self.difference.counts;
        if state.is_some() {
            counts.filtered += 1;
            return;
        }
        counts.not_looked_at += 1;
        counts.no_address += usize::from(self.declared.addresses(at).is_empty());
    }

    fn retired_service(
        &mut self,
        at: usize,
        service: &Service,
        says: String,
        (state, found): (Option<PortState>, &[&Endpoint]),
    ) {
        match state {
            Some(PortState::Open) => {
                let others = self
                    .declared
                    .addresses(at)
                    .iter()
                    .flat_map(|address| self.declared.at((*address, service.transport, service.port)));
                // Where another service has the address and port now, that it is open says nothing.
                if others.into_iter().any(|other| !self.is_retired(other)) {
                    self.difference.counts.retired_shared += 1;
                    return;
                }
                let found = found.iter().copied().cloned().collect();
                self.difference.retired.push(Retired { service: service.clone(), says, found });
            }
            Some(PortState::Closed) => self.difference.counts.retired_closed += 1,
            other => self.not_told(at, other),
        }
    }

    /// What the scans say of a service over all its addresses, and which of them have a say. Closed only where every
    /// address was looked at.
    fn state(&self, at: usize, service: &Service) -> (Option<PortState>, Vec<usize>) {
        let mut by = Vec::new();
        let (mut all, mut any) = (true, false);
        let mut filtered = false;
        for address in self.declared.addresses(at) {
            let place: Place = (*address, service.transport, service.port);
            match self.looked.state(place, &mut by) {
                Some(PortState::Open) => return (Some(PortState::Open), by),
                Some(state) => {
                    any = true;
                    filtered |= state == PortState::Filtered;
                }
                None => all = false,
            }
        }
        let state = match (any, filtered, all) {
            (true, true, _) => Some(PortState::Filtered),
            (true, false, true) => Some(PortState::Closed),
            _ => None,
        };
        (state, by)
    }

    /// The zone that lacks the service's name, where every zone that has a say lacks it.
    fn not_in_zone(&self, service: &Service) -> Option<&Zone> {
        let name = service.name.as_deref()?;
        let mut lacking = None;
        for zone in self.sides.zones {
            match zone.lacks(name) {
                Some(false) => return None,
                Some(true) => lacking = lacking.or(Some(zone)),
                None => {}
            }
        }
        lacking
    }

    /// Names that no one declared.
    fn names(&mut self) {
        let mut strays: BTreeMap<&Arc<str>, (Vec<IpAddr>, Vec<Source>)> = BTreeMap::new();
        for named in self.sides.named.iter().filter(|named| !self.declared.has_name(&named.name)) {
            let (addresses, sources) = strays.entry(&named.name).or_default();
            addresses.extend(named.addresses.iter().map(IpAddr::to_canonical));
            sources.extend(named.sources.iter().cloned());
        }
        for (name, (mut addresses, mut sources)) in strays {
            addresses.sort_unstable();
            addresses.dedup();
            sources.sort_unstable();
            sources.dedup();
            let mut open = Vec::new();
            for address in &addresses {
                let first = self.found.partition_point(|f| f.address < *address);
                let here = self.found.get(first..).unwrap_or_default();
                open.extend(here.iter().take_while(|f| f.address == *address).map(|f| (f.transport, f.port)));
            }
            open.sort_unstable();
            open.dedup();
            let leads = addresses.iter().any(|address| self.declared.is_known(*address)) || !open.is_empty();
            if !leads && !sources.iter().any(|source| &*source.format == "zone") {
                self.difference.counts.names_elsewhere += 1;
                continue;
            }
            let near = self.declared.on(&addresses);
            self.difference.names.push(Stray { name: Arc::clone(name), addresses, near, open, sources });
        }
    }
}

fn is_of_network(service: &Service, networks: &HashSet<&Source>) -> bool {
    service.name.is_none() && matches!(&*service.sources, [source] if networks.contains(source))
}
