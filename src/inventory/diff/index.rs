//! Look-ups for the comparison: who declares an endpoint, and what all scans together say of one.
//!
//! Sorted lists and binary search, so that a million rows against a hundred thousand open ports take seconds. It
//! decides nothing.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
};

use super::Sides;
use crate::model::{
    difference::{Endpoint, Near, Tie},
    discovery::{Discovered, PortState, Scan, TlsSeen},
    service::Service,
    wrap::Transport,
};

/// Where something listens. An IPv4-mapped address is the IPv4 address.
pub(super) type Place = (IpAddr, Transport, u16);

/// The part of a sorted list whose keys are this one.
fn equal<'l, T, K: Ord>(list: &'l [T], key: &K, of: impl Fn(&T) -> K) -> &'l [T] {
    let first = list.partition_point(|item| of(item) < *key);
    let rest = list.get(first..).unwrap_or_default();
    rest.get(..rest.partition_point(|item| of(item) <= *key)).unwrap_or_default()
}

/// Declared services by where they are and by what they are called. Numbers are places in the list of services.
pub(super) struct Declared<'a> {
    services: &'a [&'a Service],
    addresses: Vec<Box<[IpAddr]>>,
    places: Vec<(Place, usize)>,
    names: Vec<(&'a str, usize)>,
}

impl<'a> Declared<'a> {
    pub(super) fn new(sides: &'a Sides<'a>) -> Self {
        let mut named: HashMap<&str, Vec<IpAddr>> = HashMap::new();
        for one in &sides.named {
            named.entry(&one.name).or_default().extend(&one.addresses);
        }
        let addresses: Vec<Box<[IpAddr]>> = sides
            .declared
            .iter()
            .map(|service| {
                let name = service.name.as_deref();
                let last = sides.last.get(&service.row_id).into_iter().flatten();
                let resolved = name.and_then(|name| sides.resolved.get(name)).into_iter().flatten();
                let named = name.and_then(|name| named.get(name)).into_iter().flatten();
                let all = service.addresses.iter().chain(last).chain(resolved).chain(named);
                let mut all: Vec<IpAddr> = all.map(IpAddr::to_canonical).collect();
                all.sort_unstable();
                all.dedup();
                all.into()
            })
            .collect();
        let mut places = Vec::with_capacity(addresses.len());
        let mut called = Vec::new();
        for (at, (service, known)) in sides.declared.iter().zip(&addresses).enumerate() {
            places.extend(known.iter().map(|a| ((*a, service.transport, service.port), at)));
            called.extend(service.name.iter().chain(&service.sni).map(|name| (&**name, at)));
        }
        places.sort_unstable();
        called.sort_unstable();
        called.dedup();
        Self { services: &sides.declared, addresses, places, names: called }
    }

    /// The known addresses of a service.
    pub(super) fn addresses(&self, at: usize) -> &[IpAddr] {
        self.addresses.get(at).map(|a| &**a).unwrap_or_default()
    }

    /// The services that are declared at an endpoint.
    pub(super) fn at(&self, place: Place) -> impl Iterator<Item = usize> {
        equal(&self.places, &place, |(p, _)| *p).iter().map(|(_, at)| *at)
    }

    /// Whether anything is declared on an address.
    pub(super) fn is_known(&self, address: IpAddr) -> bool {
        !equal(&self.places, &address, |((a, ..), _)| *a).is_empty()
    }

    /// Whether a name is declared, on any port.
    pub(super) fn has_name(&self, name: &str) -> bool {
        !equal(&self.names, &name, |(n, _)| *n).is_empty()
    }

    /// A service without a known address that is called so and has this port.
    pub(super) fn nowhere(&self, name: &str, transport: Transport, port: u16) -> Option<usize> {
        let fits = |at: &usize| {
            let reached = self.services.get(*at).is_some_and(|s| (s.transport, s.port) == (transport, port));
            reached && self.addresses(*at).is_empty()
        };
        equal(&self.names, &name, |(n, _)| *n).iter().map(|(_, at)| *at).find(fits)
    }

    /// What is declared on addresses.
    pub(super) fn on(&self, addresses: &[IpAddr]) -> Option<Near> {
        let found = addresses
            .iter()
            .flat_map(|address| equal(&self.places, address, |((a, ..), _)| *a).iter().map(|(_, at)| *at));
        self.near(Tie::Address, found)
    }

    /// What is declared on the endpoint's address, else under its names, else under those of its certificate.
    pub(super) fn near_to(&self, found: &Endpoint) -> Option<Near> {
        let named = |names: &[std::sync::Arc<str>], tie| {
            let all = names.iter().flat_map(|name| equal(&self.names, &&**name, |(n, _)| *n));
            self.near(tie, all.map(|(_, at)| *at))
        };
        self.on(&[found.address])
            .or_else(|| named(&found.names, Tie::Name))
            .or_else(|| named(&found.certificate_names, Tie::Certificate))
    }

    fn near(&self, tie: Tie, found: impl Iterator<Item = usize>) -> Option<Near> {
        let (mut services, mut seen, mut more) = (Vec::new(), std::collections::BTreeSet::new(), 0);
        for at in found {
            let Some(service) = self.services.get(at).filter(|_| seen.insert(at)) else { continue };
            if services.len() < Near::MOST {
                services.push((*service).clone());
            } else {
                more += 1;
            }
            // Only told as a number; a host with every port declared must not make this quadratic.
            if more > 1000 {
                break;
            }
        }
        (!services.is_empty()).then_some(Near { tie, services, more })
    }
}

/// What all scans together say of a port.
pub(super) struct Looked<'a> {
    scans: &'a [Scan],
    /// States of their own, by place and scan.
    told: Vec<(Place, usize, PortState)>,
    /// Hosts, by address and scan: whether it was up, and the state of what is not told.
    hosts: Vec<(IpAddr, usize, bool, Option<PortState>)>,
    /// The ports that each scan looked at, sorted and not overlapping.
    asked: Vec<Vec<(Transport, u16, u16)>>,
}

impl<'a> Looked<'a> {
    pub(super) fn new(scans: &'a [Scan]) -> Self {
        let (mut told, mut hosts) = (Vec::new(), Vec::new());
        for (at, scan) in scans.iter().enumerate() {
            for host in &scan.hosts {
                let address = host.address.to_canonical();
                hosts.push((address, at, host.up, host.rest));
                told.extend(host.ports.iter().map(|&(t, port, state)| ((address, t, port), at, state)));
            }
        }
        told.sort_unstable();
        hosts.sort_unstable();
        Self { scans, told, hosts, asked: scans.iter().map(|scan| joined(&scan.ports)).collect() }
    }

    /// What they say: open where any found it open, else no answer where any got none, else closed. Each scan that
    /// has a say is noted in `by`. `None`: none of them looked, or tells.
    pub(super) fn state(&self, place: Place, by: &mut Vec<usize>) -> Option<PortState> {
        let mut best: Option<PortState> = None;
        for &(_, scan, up, rest) in equal(&self.hosts, &place.0, |(a, ..)| *a) {
            let Some(state) = self.one(place, scan, up, rest) else { continue };
            by.push(scan);
            let rank = |state| match state {
                PortState::Open => 2,
                PortState::Filtered => 1,
                PortState::Closed => 0,
            };
            best = Some(best.filter(|b| rank(*b) >= rank(state)).unwrap_or(state));
        }
        best
    }

    fn one(&self, place: Place, scan: usize, up: bool, rest: Option<PortState>) -> Option<PortState> {
        if let Some((.., state)) = equal(&self.told, &(place, scan), |(p, s, _)| (*p, *s)).first() {
            return Some(*state);
        }
        let ranges = self.asked.get(scan)?;
        let (_, transport, port) = place;
        let behind = ranges.partition_point(|(t, first, _)| (*t, *first) <= (transport, port));
        let (t, _, last) = ranges.get(behind.checked_sub(1)?)?;
        match (*t == transport && port <= *last, up) {
            (false, _) => None,
            // A host that does not answer a ping may only not answer pings.
            (true, false) => Some(PortState::Filtered),
            (true, true) => rest,
        }
    }

    /// The scans of these numbers, each once.
    pub(super) fn scans(&self, mut by: Vec<usize>) -> impl Iterator<Item = &'a Scan> {
        by.sort_unstable();
        by.dedup();
        by.into_iter().filter_map(|at| self.scans.get(at))
    }
}

/// Port ranges, sorted and joined where they overlap.
fn joined(ranges: &[(Transport, u16, u16)]) -> Vec<(Transport, u16, u16)> {
    let mut sorted: Vec<_> = ranges.iter().copied().filter(|(_, first, last)| first <= last).collect();
    sorted.sort_unstable();
    let mut out: Vec<(Transport, u16, u16)> = Vec::with_capacity(sorted.len());
    for (transport, first, last) in sorted {
        match out.last_mut() {
            Some((t, _, end)) if *t == transport && first <= *end => *end = (*end).max(last),
            _ => out.push((transport, first, last)),
        }
    }
    out
}

/// Open ports, each once, sorted by place, with what all scans tell of it.
pub(super) fn endpoints(
    discovered: &[Discovered],
    given: &HashMap<Place, std::sync::Arc<str>>,
) -> Vec<Endpoint> {
    let mut found: BTreeMap<Place, Endpoint> = BTreeMap::new();
    for one in discovered {
        let place = (one.address.to_canonical(), one.transport, one.port);
        let endpoint = found.entry(place).or_insert_with(|| Endpoint {
            address: place.0,
            port: one.port,
            transport: one.transport,
            wrap: None,
            tls: TlsSeen::Maybe,
            service: None,
            given: given.get(&place).cloned(),
            names: Vec::new(),
            certificate_names: Vec::new(),
            at: None,
            sources: Vec::new(),
        });
        endpoint.tls = match (endpoint.tls, one.tls) {
            // A handshake is proof; that another protocol was recognised outweighs that nobody asked.
            (TlsSeen::Yes, _) | (_, TlsSeen::Yes) => TlsSeen::Yes,
            (TlsSeen::No, _) | (_, TlsSeen::No) => TlsSeen::No,
            _ => TlsSeen::Maybe,
        };
        endpoint.wrap = endpoint.wrap.or(one.wrap);
        endpoint.service = endpoint.service.take().or_else(|| one.service.clone());
        endpoint.at = endpoint.at.max(one.at);
        let given = endpoint.given.iter().cloned().collect::<Vec<_>>();
        unite(&mut endpoint.names, &given);
        unite(&mut endpoint.names, &one.names);
        unite(&mut endpoint.certificate_names, &one.certificate_names);
        unite(&mut endpoint.sources, std::slice::from_ref(&one.source));
    }
    found.into_values().collect()
}

fn unite<T: Clone + PartialEq>(to: &mut Vec<T>, from: &[T]) {
    for one in from {
        if !to.contains(one) {
            to.push(one.clone());
        }
    }
}
