//! Whether a zone hangs on one provider, one name server or one network. Pure.
//!
//! In October 2016 one provider of DNS was flooded, and whoever had their zone there alone could not be found.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::{Server, Zone};
use crate::model::loading::{Notice, NoticeKind};

/// Providers whose name servers are in several zones: how the name of such a zone begins, how it ends, and the provider.
/// Kept by hand; a family that is missing here is taken for as many providers as it has zones.
const FAMILIES: &[(&str, &str, &str)] = &[
    ("awsdns-", ".com", "Amazon Route 53"),
    ("awsdns-", ".net", "Amazon Route 53"),
    ("awsdns-", ".org", "Amazon Route 53"),
    ("awsdns-", ".co.uk", "Amazon Route 53"),
    ("azure-dns.", "com", "Azure DNS"),
    ("azure-dns.", "net", "Azure DNS"),
    ("azure-dns.", "org", "Azure DNS"),
    ("azure-dns.", "info", "Azure DNS"),
    ("ultradns.", "com", "UltraDNS"),
    ("ultradns.", "net", "UltraDNS"),
    ("ultradns.", "org", "UltraDNS"),
    ("ultradns.", "biz", "UltraDNS"),
    ("ultradns.", "info", "UltraDNS"),
    ("ultradns.", "co.uk", "UltraDNS"),
    ("nsone.", "net", "nsone.net"),
    ("dynect.", "net", "dynect.net"),
    ("cloudflare.", "com", "cloudflare.com"),
    ("googledomains.", "com", "Google"),
    ("google.", "com", "Google"),
    ("domaincontrol.", "com", "domaincontrol.com"),
];

/// What is worth knowing of a zone: one sentence, the worst first.
pub(super) fn notice(zone: &Zone) -> Option<Notice> {
    let servers = match &zone.servers {
        Ok(servers) if !servers.is_empty() => servers,
        Ok(_) => return Some(untold(zone, "it has no NS record")),
        Err(why) => return Some(untold(zone, why)),
    };
    let hangs = if let (1, Some((server, _))) = (servers.len(), servers.first_key_value()) {
        Some((format!("has one name server only ({server})"), "it is"))
    } else if let Some(provider) = only_provider(&zone.name, servers) {
        Some((format!("is served by one provider only ({provider})"), "that is"))
    } else {
        let networks = one_network(servers);
        networks.map(|network| (format!("has all its name servers in one network ({network})"), "that is"))
    };
    let (what, that) = hangs?;
    let names = match zone.names {
        1 => "its one name cannot be looked up".to_owned(),
        names => format!("none of its {names} names can be looked up"),
    };
    let message = format!("zone {} {what}: when {that} down, {names}", zone.name);
    Some(Notice { kind: NoticeKind::DnsRisk, message, source: None })
}

fn untold(zone: &Zone, why: &str) -> Notice {
    let message = format!("who serves zone {} could not be found out: {why}", zone.name);
    Notice { kind: NoticeKind::Dns, message, source: None }
}

/// The provider of all name servers. None where there are two, where one is unknown, or where the zone is served from
/// inside itself: what is nobody else's can only share a network.
fn only_provider(zone: &str, servers: &BTreeMap<String, Server>) -> Option<String> {
    let mut providers = BTreeSet::new();
    for (name, server) in servers {
        providers.insert(provider(name, server.zone.as_deref())?);
    }
    let only = providers.pop_first().filter(|_| providers.is_empty())?;
    let inside = is_within(zone, &only) || is_within(&only, zone);
    (!inside).then_some(only)
}

/// Whose name server it is: that of a known family, or the zone that its name is in.
fn provider(server: &str, zone: Option<&str>) -> Option<String> {
    let known = FAMILIES.iter().find(|(start, end, _)| belongs(server, start, end));
    known.map(|(.., provider)| (*provider).to_owned()).or_else(|| zone.map(str::to_owned))
}

/// Whether a name ends in a zone that begins and ends so, with nothing but digits between.
fn belongs(server: &str, start: &str, end: &str) -> bool {
    let Some(rest) = server.strip_suffix(end) else { return false };
    let rest = rest.trim_end_matches(|c: char| c.is_ascii_digit());
    rest.strip_suffix(start).is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

fn is_within(name: &str, zone: &str) -> bool {
    name.strip_suffix(zone).is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

/// The network that all addresses are in: a /24, a /48, or one of each. None where an address is unknown.
fn one_network(servers: &BTreeMap<String, Server>) -> Option<String> {
    if servers.values().any(|server| server.addresses.is_empty()) {
        return None;
    }
    let addresses = servers.values().flat_map(|server| &server.addresses);
    let networks: BTreeSet<IpNet> = addresses.filter_map(|address| network(*address)).collect();
    let v4 = networks.iter().filter(|network| network.addr().is_ipv4()).count();
    let words: Vec<String> = networks.iter().map(ToString::to_string).collect();
    (v4 <= 1 && networks.len() - v4 <= 1).then(|| words.join(" and "))
}

fn network(address: IpAddr) -> Option<IpNet> {
    Some(match address {
        IpAddr::V4(v4) => Ipv4Net::new(v4, 24).ok()?.trunc().into(),
        IpAddr::V6(v6) => Ipv6Net::new(v6, 48).ok()?.trunc().into(),
    })
}
