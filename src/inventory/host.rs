//! Hosts, networks and ports as people write them. Pure; messages say what was expected.
//!
//! Not a resolver: a name stays a name.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::credential::{is_credential, is_random, password_in_address};
use crate::model::text::printable;

/// A host: a name in lower case without a trailing dot, or an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Host {
    Name(String),
    Address(IpAddr),
}

/// One address or a network of them. A network with one member is an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Addresses {
    One(IpAddr),
    Net(IpNet),
}

impl Addresses {
    /// How many addresses there are; a number too large for 64 bits is the largest one.
    pub(super) fn count(self) -> u64 {
        match self {
            Self::One(_) => 1,
            Self::Net(net) => {
                let bits = u32::from(net.max_prefix_len() - net.prefix_len());
                1_u64.checked_shl(bits).unwrap_or(u64::MAX)
            }
        }
    }

    /// Every address, the first and the last included.
    pub(super) fn iter(self) -> Box<dyn Iterator<Item = IpAddr>> {
        match self {
            Self::One(address) => Box::new(std::iter::once(address)),
            Self::Net(IpNet::V4(net)) => {
                let range = u32::from(net.network())..=u32::from(net.broadcast());
                Box::new(range.map(|bits| IpAddr::from(Ipv4Addr::from(bits))))
            }
            Self::Net(IpNet::V6(net)) => {
                let range = u128::from(net.network())..=u128::from(net.broadcast());
                Box::new(range.map(|bits| IpAddr::from(std::net::Ipv6Addr::from(bits))))
            }
        }
    }
}

/// Hostile text in a message: printable, and cut at 80 characters.
pub(super) fn quoted(text: &str) -> String {
    // What looks like the value of a secret is nowhere repeated.
    let hidden = match password_in_address(text) {
        Some((from, to)) => {
            format!("{}...{}", text.get(..from).unwrap_or_default(), text.get(to..).unwrap_or_default())
        }
        None => text.to_owned(),
    };
    if is_credential(&hidden) || is_random(&hidden) {
        return "`...` (not shown: it looks like a secret)".to_owned();
    }
    let text = hidden.as_str();
    let cut: String = text.chars().take(80).collect();
    let more = if cut.len() < text.len() { "..." } else { "" };
    format!("`{}{more}`", printable(&cut))
}

/// A name or an address, `[v6]` included.
pub(super) fn parse_host(text: &str) -> Result<Host, String> {
    match parse_bare_address(text) {
        Some(address) => Ok(Host::Address(address)),
        None => parse_name(text).map(Host::Name),
    }
}

/// A host name by RFC 1123 and RFC 952, with underscores allowed because DNS has them.
pub(super) fn parse_name(text: &str) -> Result<String, String> {
    let name = text.strip_suffix('.').unwrap_or(text);
    let bad = |why: &str| Err(format!("{} is not a host name: {why}", quoted(text)));
    if name.is_empty() {
        return bad("it is empty");
    }
    if !name.is_ascii() {
        return bad("it has non-ASCII characters; write an internationalised name in its xn-- form");
    }
    if name.contains("://") {
        return bad("it is a URL; write the host alone");
    }
    if name.contains('*') {
        return bad("a wildcard is not one service; list the hosts");
    }
    if name.contains('/') {
        return bad("`/` belongs to a CIDR such as 192.0.2.0/24, and this is none");
    }
    if name.contains(':') {
        return bad("`:` belongs before a port or in an IPv6 address, and this is neither");
    }
    if name.len() > 253 {
        return bad("it is longer than 253 bytes");
    }
    for label in name.split('.') {
        if label.is_empty() || label.len() > 63 {
            return bad("each part between dots has 1 to 63 bytes");
        }
        if let Some(c) = label.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))) {
            return bad(&format!("{} is not allowed in it", quoted(&c.to_string())));
        }
        if label.starts_with('-') || label.ends_with('-') {
            return bad("a part between dots neither begins nor ends with `-`");
        }
    }
    // `192.0.2.11-14`: nobody's name, and no network that is read.
    if name.contains('-')
        && name.split('.').count() == 4
        && name.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-'))
    {
        return bad("ranges of addresses are not read; write a CIDR such as 192.0.2.8/29, or each address");
    }
    // Some resolvers take `127.1` and `0x7f000001` for addresses; nobody means a name by these.
    if name.rsplit('.').next().is_some_and(looks_numeric) {
        return bad("it ends in a number, and is no IPv4 address of four parts either");
    }
    Ok(name.to_ascii_lowercase())
}

fn looks_numeric(label: &str) -> bool {
    let hex = label.strip_prefix("0x").or_else(|| label.strip_prefix("0X"));
    label.bytes().all(|b| b.is_ascii_digit()) || hex.is_some_and(|h| h.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// One address, bare or as a network with one member.
pub(super) fn one_address(text: &str) -> Option<Addresses> {
    parse_addresses(text).ok().filter(|addresses| addresses.count() == 1)
}

/// An address, or a network in CIDR form with no host bits.
pub(super) fn parse_addresses(text: &str) -> Result<Addresses, String> {
    if let Some(address) = parse_bare_address(text) {
        return Ok(Addresses::One(address));
    }
    if text.contains('/') {
        return parse_network(text);
    }
    let hint = if text.contains('%') {
        "; an address with a zone belongs to one machine and is not read"
    } else if text.contains(';') {
        "; for a second address write a second row with the same name"
    } else {
        ""
    };
    Err(format!(
        "{} is not an address; expected an IPv4 or IPv6 address or a CIDR such as 192.0.2.0/24{hint}",
        quoted(text)
    ))
}

fn parse_network(text: &str) -> Result<Addresses, String> {
    let bad = || {
        format!(
            "{} is not a CIDR; expected an address and a prefix length such as 192.0.2.0/24 or 2001:db8::/120",
            quoted(text)
        )
    };
    let net: IpNet = text.parse().map_err(|_| bad())?;
    let net = canonical_network(net);
    if net.addr() != net.network() {
        let trunc = net.trunc();
        return Err(format!(
            "{} has host bits: write {trunc} for the network or {} for the one address",
            quoted(text),
            net.addr()
        ));
    }
    if net.prefix_len() == net.max_prefix_len() {
        return Ok(Addresses::One(net.addr()));
    }
    Ok(Addresses::Net(net))
}

/// An IPv4-mapped network (RFC 4291 section 2.5.5.2) is the IPv4 network: the same machines.
fn canonical_network(net: IpNet) -> IpNet {
    let mapped = |v6: &Ipv6Net| {
        let prefix = v6.prefix_len().checked_sub(96)?;
        Ipv4Net::new(v6.addr().to_ipv4_mapped()?, prefix).ok()
    };
    match &net {
        IpNet::V6(v6) => mapped(v6).map_or(net, IpNet::V4),
        IpNet::V4(_) => net,
    }
}

/// An address, with or without brackets round an IPv6 one. IPv4-mapped addresses become IPv4.
fn parse_bare_address(text: &str) -> Option<IpAddr> {
    if let Some(inner) = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')) {
        return inner.parse::<std::net::Ipv6Addr>().ok().map(|v6| IpAddr::from(v6).to_canonical());
    }
    text.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

/// One line of a hosts file: its address and its names, `#` comments taken off. None for a blank line.
pub(super) fn hosts_line(line: &str) -> Option<(&str, impl Iterator<Item = &str>)> {
    let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
    Some((words.next()?, words))
}

/// `host`, `host:port`, `[v6]`, `[v6]:port` or a bare IPv6 address, split at the port.
pub(super) fn split_port(text: &str) -> (&str, Option<&str>) {
    if let Some(end) = text.starts_with('[').then(|| text.find(']')).flatten() {
        let (host, rest) = text.split_at(end + 1);
        return match rest.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if rest.is_empty() => (host, None),
            None => (text, None),
        };
    }
    match text.split_once(':') {
        Some((host, port)) if !port.contains(':') => (host, Some(port)),
        _ => (text, None),
    }
}

/// A port, 1 to 65535, in decimal digits alone.
pub(super) fn parse_port(text: &str) -> Result<u16, String> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match text.parse::<u16>() {
        Ok(port) if digits && port > 0 => Ok(port),
        _ if text.contains('-') => Err(format!(
            "{} is not a port; ranges are not read, list the ports such as 443;8443",
            quoted(text)
        )),
        _ => Err(format!("{} is not a port; expected 1 to 65535, or a list such as 443;8443", quoted(text))),
    }
}

/// Ports separated by `;`, each once, in the order given. Empty text gives none.
pub(super) fn parse_ports(text: &str) -> Result<Vec<u16>, String> {
    let mut ports = Vec::new();
    if text.trim().is_empty() {
        return Ok(ports);
    }
    for part in text.split(';') {
        let port = parse_port(part.trim())?;
        if !ports.contains(&port) {
            ports.push(port);
        }
    }
    Ok(ports)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_read_or_refused_with_the_reason() {
        let table: &[(&str, Result<&str, &str>)] = &[
            ("WEB01.Example.test", Ok("web01.example.test")),
            ("web01.example.test.", Ok("web01.example.test")),
            ("intranet", Ok("intranet")),
            ("_sip.example.test", Ok("_sip.example.test")),
            ("xn--bcher-kva.example", Ok("xn--bcher-kva.example")),
            ("1and1.example", Ok("1and1.example")),
            ("192.0.2.1", Ok("192.0.2.1")),
            ("2001:DB8::0:1", Ok("2001:db8::1")),
            ("[2001:db8::1]", Ok("2001:db8::1")),
            ("::ffff:192.0.2.1", Ok("192.0.2.1")),
            ("bücher.example", Err("xn--")),
            ("https://web01.example.test/", Err("URL")),
            ("*.example.test", Err("wildcard")),
            ("192.0.2.300", Err("ends in a number")),
            ("127.1", Err("ends in a number")),
            ("0x7f000001", Err("ends in a number")),
            ("192.0.2.001", Err("ends in a number")),
            ("[192.0.2.1]", Err("not allowed")),
            ("-web.example", Err("begins nor ends")),
            ("web..example", Err("1 to 63")),
            (".", Err("empty")),
            ("", Err("empty")),
            ("web 01", Err("not allowed")),
            ("web01:443", Err("port")),
            ("web\u{0}01", Err("not allowed")),
        ];
        for (input, expected) in table {
            let got = parse_host(input).map(|h| match h {
                Host::Name(name) => name,
                Host::Address(address) => address.to_string(),
            });
            match (got, expected) {
                (Ok(got), Ok(want)) => assert_eq!(got, *want, "input: {input:?}"),
                (Err(got), Err(want)) => assert!(got.contains(want), "input: {input:?} gave: {got}"),
                (got, want) => panic!("input: {input:?} gave {got:?}, expected {want:?}"),
            }
        }
        let long = format!("{}.example", "a".repeat(64));
        assert!(parse_host(&long).is_err(), "a label of 64 bytes");
        assert!(parse_host(&vec!["abcdefg"; 32].join(".")).is_err(), "255 bytes");
    }

    #[test]
    fn networks_are_read_whole() {
        type Expected = Result<(u64, &'static str, &'static str), &'static str>;
        let table: &[(&str, Expected)] = &[
            ("192.0.2.0/30", Ok((4, "192.0.2.0", "192.0.2.3"))),
            ("192.0.2.8/31", Ok((2, "192.0.2.8", "192.0.2.9"))),
            ("192.0.2.8/32", Ok((1, "192.0.2.8", "192.0.2.8"))),
            ("255.255.255.254/31", Ok((2, "255.255.255.254", "255.255.255.255"))),
            ("2001:db8::fffe/127", Ok((2, "2001:db8::fffe", "2001:db8::ffff"))),
            ("::ffff:192.0.2.0/126", Ok((4, "192.0.2.0", "192.0.2.3"))),
            ("192.0.2.5/24", Err("host bits")),
            ("192.0.2.0/33", Err("not a CIDR")),
            ("192.0.2.0/255.255.255.0", Err("not a CIDR")),
            ("192.0.2.1;192.0.2.2", Err("second row")),
            ("fe80::1%eth0", Err("zone")),
            ("web01", Err("not an address")),
        ];
        for (input, expected) in table {
            let got = parse_addresses(input);
            match (got, expected) {
                (Ok(got), Ok((count, first, last))) => {
                    let all: Vec<String> = got.iter().map(|a| a.to_string()).collect();
                    assert_eq!(got.count(), *count, "input: {input:?}");
                    assert_eq!(all.len() as u64, *count, "input: {input:?}");
                    assert_eq!(
                        (all[0].as_str(), all[all.len() - 1].as_str()),
                        (*first, *last),
                        "input: {input:?}"
                    );
                }
                (Err(got), Err(want)) => assert!(got.contains(want), "input: {input:?} gave: {got}"),
                (got, want) => panic!("input: {input:?} gave {got:?}, expected {want:?}"),
            }
        }
        let counts = [
            ("0.0.0.0/0", 1 << 32),
            ("2001:db8::/64", u64::MAX),
            ("::/0", u64::MAX),
            ("2001:db8::/65", 1 << 63),
        ];
        for (input, count) in counts {
            assert_eq!(parse_addresses(input).map(Addresses::count), Ok(count), "input: {input:?}");
        }
    }

    #[test]
    fn ports_are_lists_of_numbers() {
        let table: &[(&str, Result<&[u16], &str>)] = &[
            ("443", Ok(&[443])),
            ("443;8443", Ok(&[443, 8443])),
            (" 443 ; 8443 ;443", Ok(&[443, 8443])),
            ("", Ok(&[])),
            ("65535", Ok(&[65535])),
            ("0", Err("1 to 65535")),
            ("65536", Err("1 to 65535")),
            ("+443", Err("1 to 65535")),
            ("443.0", Err("1 to 65535")),
            ("8000-8010", Err("ranges")),
            ("443,8443", Err("443;8443")),
            ("443;", Err("1 to 65535")),
        ];
        for (input, expected) in table {
            match (parse_ports(input), expected) {
                (Ok(got), Ok(want)) => assert_eq!(got, *want, "input: {input:?}"),
                (Err(got), Err(want)) => assert!(got.contains(want), "input: {input:?} gave: {got}"),
                (got, want) => panic!("input: {input:?} gave {got:?}, expected {want:?}"),
            }
        }
    }

    #[test]
    fn messages_carry_hostile_text_cut_and_escaped() {
        assert_eq!(quoted("a\u{1b}b"), r"`a\x1Bb`");
        assert!(quoted(&"x".repeat(10_000)).len() < 100);
    }
}
