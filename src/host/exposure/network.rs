//! The host's own addresses, interfaces and routes, from /proc/net: which destination is the host itself,
//! and by which interface a packet leaves.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{
    packet::Out,
    space::{Family, network, number},
};

/// Entries of one list that are read.
const ENTRIES: usize = 10_000;

/// What is known of the host's network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Net {
    /// Its addresses, without loopback.
    pub(super) addresses: Vec<IpAddr>,
    pub(super) interfaces: Vec<String>,
    pub(super) routes: Vec<Route>,
}

/// Where packets to a network leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) family: Family,
    pub(super) first: u128,
    pub(super) last: u128,
    pub(super) interface: String,
}

impl Net {
    /// Reads the lists; what cannot be read stays empty.
    pub(super) fn read(file: impl Fn(&str) -> Option<String>) -> Self {
        let text = |path: &str| file(path).unwrap_or_default();
        let mut net = Self::default();
        net.addresses.extend(addresses_v4(&text("/proc/net/fib_trie")));
        net.addresses.extend(addresses_v6(&text("/proc/net/if_inet6")));
        net.addresses.sort();
        net.addresses.dedup();
        net.interfaces.extend(interfaces(&text("/proc/net/dev")));
        net.interfaces.sort();
        net.routes.extend(routes_v4(&text("/proc/net/route")));
        net.routes.extend(routes_v6(&text("/proc/net/ipv6_route")));
        net
    }

    pub(super) fn is_own(&self, address: IpAddr) -> bool {
        address.is_loopback() || self.addresses.contains(&address)
    }

    /// The interface of the most specific route.
    pub(super) fn way_to(&self, address: IpAddr) -> Out {
        let (family, at) = (Family::of(address), number(address));
        self.routes
            .iter()
            .filter(|route| route.family == family && (route.first..=route.last).contains(&at))
            .min_by_key(|route| route.last - route.first)
            .map_or(Out::Untold, |route| Out::By(route.interface.clone()))
    }

    /// The interface by which the rest of the world is reached.
    pub(super) fn way_out(&self) -> Out {
        self.routes
            .iter()
            .find(|route| route.family == Family::V4 && route.first == 0 && route.last == Family::V4.last())
            .map_or(Out::Untold, |route| Out::By(route.interface.clone()))
    }
}

/// Local addresses of the trie: the line of an address is followed by what it is.
fn addresses_v4(text: &str) -> Vec<IpAddr> {
    let mut found = Vec::new();
    let mut last: Option<Ipv4Addr> = None;
    for line in text.lines().take(ENTRIES * 10).map(str::trim) {
        if let Some(address) = line.strip_prefix("|-- ") {
            last = address.parse().ok();
        } else if line.starts_with("/32 host LOCAL") {
            found.extend(last.filter(|address| !address.is_loopback()).map(IpAddr::V4));
        }
        if found.len() >= ENTRIES {
            break;
        }
    }
    found
}

fn addresses_v6(text: &str) -> impl Iterator<Item = IpAddr> + '_ {
    text.lines()
        .take(ENTRIES)
        .filter_map(|line| u128::from_str_radix(line.split_whitespace().next()?, 16).ok())
        .map(|bits| IpAddr::V6(Ipv6Addr::from(bits)))
        .filter(|address| !address.is_loopback())
}

fn interfaces(text: &str) -> impl Iterator<Item = String> + '_ {
    text.lines().take(ENTRIES).filter_map(|line| Some(line.split_once(':')?.0.trim().to_owned()))
}

fn routes_v4(text: &str) -> impl Iterator<Item = Route> + '_ {
    text.lines().skip(1).take(ENTRIES).filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let hex = |at: usize| u32::from_str_radix(words.get(at)?, 16).ok();
        // Flag 1: the route is up; flag 0x200: it rejects.
        if hex(3)? & 0x201 != 1 {
            return None;
        }
        // Printed as the bytes lie in memory.
        let dest = Ipv4Addr::from(hex(1)?.to_ne_bytes());
        let length = u8::try_from(hex(7)?.count_ones()).ok()?;
        let (first, last) = network(IpAddr::V4(dest), length)?;
        Some(Route { family: Family::V4, first, last, interface: (*words.first()?).to_owned() })
    })
}

fn routes_v6(text: &str) -> impl Iterator<Item = Route> + '_ {
    text.lines().take(ENTRIES).filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let dest = Ipv6Addr::from(u128::from_str_radix(words.first()?, 16).ok()?);
        let length = u8::from_str_radix(words.get(1)?, 16).ok()?;
        let (first, last) = network(IpAddr::V6(dest), length)?;
        let interface = (*words.get(9)?).to_owned();
        (interface != "lo").then_some(Route { family: Family::V6, first, last, interface })
    })
}
