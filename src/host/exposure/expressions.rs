//! What one comparison of an nft rule asks, as tests. A comparison may be met in several ways (a set of
//! joined keys): then each way is a list of tests of its own.

use std::net::IpAddr;

use serde_json::Value;

use super::{
    nft::Sets,
    rules::{Fit, Iface, Ports, Test, protocol, state, tcp_flag},
    space::{Family, network, number},
    text::string,
};

/// Elements of one set that are read.
const ELEMENTS: usize = 100_000;

/// The ways in which a `match` is met.
pub(super) fn comparison(value: &Value, sets: &Sets<'_>) -> Vec<Vec<Test>> {
    let (Some(left), Some(right)) = (value.get("left"), value.get("right")) else {
        return unknown();
    };
    let operator = string(value, "op");
    let negated = operator == "!=";
    if let Some(parts) = left.get("concat").and_then(Value::as_array) {
        return joined(parts, right, negated, sets);
    }
    let tests = match operator {
        "==" | "!=" | "in" | "" => one(left, right, operator, sets),
        "<" | ">" | "<=" | ">=" => bound(left, right, operator),
        _ => None,
    };
    vec![tests.unwrap_or_else(|| vec![Test::Outcome(Fit::Maybe)])]
}

/// The tests for a key of a map that must be this one element.
pub(super) fn equal(key: &Value, element: &Value, sets: &Sets<'_>) -> Vec<Test> {
    let unknown = || vec![Test::Outcome(Fit::Maybe)];
    match (key.get("concat").and_then(Value::as_array), element.get("concat").and_then(Value::as_array)) {
        (Some(parts), Some(values)) if parts.len() == values.len() => parts
            .iter()
            .zip(values)
            .flat_map(|(part, value)| one(part, value, "==", sets).unwrap_or_else(unknown))
            .collect(),
        (None, None) => one(key, element, "==", sets).unwrap_or_else(unknown),
        _ => unknown(),
    }
}

/// An element without what is kept with it, such as when it runs out.
pub(super) fn element(value: &Value) -> &Value {
    value.get("elem").map_or(value, |inner| inner.get("val").unwrap_or(inner))
}

fn unknown() -> Vec<Vec<Test>> {
    vec![vec![Test::Outcome(Fit::Maybe)]]
}

fn joined(parts: &[Value], right: &Value, negated: bool, sets: &Sets<'_>) -> Vec<Vec<Test>> {
    let elements = elements(right, sets);
    let (Some(elements), false) = (elements, negated) else {
        return unknown();
    };
    elements
        .into_iter()
        .take(ELEMENTS)
        .map(|value| {
            let values = value.get("concat").and_then(Value::as_array);
            match values {
                Some(values) if values.len() == parts.len() => parts
                    .iter()
                    .zip(values)
                    .flat_map(|(part, value)| {
                        one(part, value, "==", sets).unwrap_or_else(|| vec![Test::Outcome(Fit::Maybe)])
                    })
                    .collect(),
                _ => vec![Test::Outcome(Fit::Maybe)],
            }
        })
        .collect()
}

/// The elements that the right side offers: one, a list, a set, or a set by its name.
fn elements<'a>(right: &'a Value, sets: &'a Sets<'_>) -> Option<Vec<&'a Value>> {
    if let Some(name) = right.as_str().and_then(|text| text.strip_prefix('@')) {
        return Some(sets.get(name)?.iter().map(element).collect());
    }
    if let Some(list) = right.get("set").and_then(Value::as_array).or_else(|| right.as_array()) {
        return (list.len() <= ELEMENTS).then(|| list.iter().map(element).collect());
    }
    Some(vec![right])
}

fn one(left: &Value, right: &Value, operator: &str, sets: &Sets<'_>) -> Option<Vec<Test>> {
    let negated = operator == "!=";
    if let Some(payload) = left.get("payload") {
        return of_payload(payload, &elements(right, sets)?, operator);
    }
    if let Some(meta) = left.get("meta") {
        return of_meta(string(meta, "key"), &elements(right, sets)?, negated);
    }
    if let Some(ct) = left.get("ct") {
        return of_connection(string(ct, "key"), &elements(right, sets)?, operator);
    }
    if let Some(fib) = left.get("fib") {
        return of_route(fib, right, negated);
    }
    let masked = left.get("&").and_then(Value::as_array)?;
    let [field, mask] = masked.as_slice() else { return None };
    if field.pointer("/payload/field").and_then(Value::as_str) == Some("flags") {
        let test = Test::TcpFlags { mask: flags(mask)?, value: flags(right)?, negated };
        return Some(vec![Test::Protocol { tcp: true, udp: false }, test]);
    }
    if field.pointer("/meta/key").and_then(Value::as_str) == Some("mark") {
        return Some(vec![Test::Mark { value: small(right)?, mask: small(mask)?, negated }]);
    }
    None
}

fn of_payload(payload: &Value, values: &[&Value], operator: &str) -> Option<Vec<Test>> {
    let negated = operator == "!=";
    let (header, field) = (string(payload, "protocol"), string(payload, "field"));
    let mut tests = vec![carrier(header)];
    tests.push(match (header, field) {
        ("tcp" | "udp" | "th", "dport") => Test::Port { ranges: ports(values)?, negated },
        ("tcp" | "udp" | "th", "sport") => Test::SourcePort { ranges: ports(values)?, negated },
        ("tcp", "flags") => {
            let mask = values.iter().try_fold(0, |sum, value| Some(sum | flags(value)?))?;
            if operator == "==" {
                Test::TcpFlags { mask: u8::MAX, value: mask, negated }
            } else {
                Test::TcpFlagIn { mask, negated }
            }
        }
        ("ip", "saddr") => {
            Test::Source { family: Family::V4, ranges: networks(values, Family::V4)?, negated }
        }
        ("ip6", "saddr") => {
            Test::Source { family: Family::V6, ranges: networks(values, Family::V6)?, negated }
        }
        ("ip", "daddr") => Test::Dest { family: Family::V4, ranges: networks(values, Family::V4)?, negated },
        ("ip6", "daddr") => Test::Dest { family: Family::V6, ranges: networks(values, Family::V6)?, negated },
        ("ip", "protocol") | ("ip6", "nexthdr") => protocols(values, negated)?,
        // Of another transport: it says no more than that.
        ("icmp" | "icmpv6" | "igmp" | "sctp" | "dccp" | "esp" | "ah", _) => return Some(tests),
        _ => Test::Outcome(Fit::Maybe),
    });
    Some(tests)
}

/// What having a header says about a packet.
fn carrier(header: &str) -> Test {
    match header {
        "tcp" => Test::Protocol { tcp: true, udp: false },
        "udp" => Test::Protocol { tcp: false, udp: true },
        "icmp" | "icmpv6" | "igmp" | "sctp" | "dccp" | "esp" | "ah" => Test::Outcome(Fit::No),
        "ip" => Test::Family(Family::V4),
        "ip6" => Test::Family(Family::V6),
        _ => Test::Outcome(Fit::Yes),
    }
}

fn of_meta(key: &str, values: &[&Value], negated: bool) -> Option<Vec<Test>> {
    let names = || -> Option<Vec<Iface>> {
        values.iter().map(|value| value.as_str().map(|name| Iface::parse(name, '*'))).collect()
    };
    let words = || values.iter().filter_map(|value| value.as_str());
    Some(vec![match key {
        "iifname" | "iif" => Test::In { names: names()?, negated },
        "oifname" | "oif" => Test::Out { names: names()?, negated },
        "l4proto" => protocols(values, negated)?,
        "nfproto" | "protocol" => {
            let v4 = words().any(|word| matches!(word, "ipv4" | "ip"));
            let v6 = words().any(|word| matches!(word, "ipv6" | "ip6"));
            match (v4 != negated, v6 != negated) {
                (true, true) => Test::Outcome(Fit::Yes),
                (true, false) => Test::Family(Family::V4),
                (false, true) => Test::Family(Family::V6),
                (false, false) => Test::Outcome(Fit::No),
            }
        }
        "mark" => match values {
            [value] => Test::Mark { value: small(value)?, mask: u32::MAX, negated },
            _ => return None,
        },
        "pkttype" => {
            let unicast = words().any(|word| matches!(word, "host" | "unicast"));
            Test::Outcome(Fit::when(unicast).not_if(negated))
        }
        _ => return None,
    }])
}

fn of_connection(key: &str, values: &[&Value], operator: &str) -> Option<Vec<Test>> {
    let negated = operator == "!=";
    let mut words = values.iter().map(|value| value.as_str());
    Some(vec![match key {
        "state" => {
            let mask = words.try_fold(0, |sum, word| Some(sum | state::parse(word?)?))?;
            Test::State { mask, negated }
        }
        // Further bits of the status are not known, so only a plain question about this one is.
        "status" if values.len() == 1 && words.next().flatten() == Some("dnat") && operator != "==" => {
            Test::State { mask: state::DNAT, negated }
        }
        "direction" => {
            let original = words.any(|word| word == Some("original"));
            Test::Outcome(Fit::when(original).not_if(negated))
        }
        _ => return None,
    }])
}

fn of_route(fib: &Value, right: &Value, negated: bool) -> Option<Vec<Test>> {
    let has = |flag: &str| {
        fib.get("flags").and_then(Value::as_array).is_some_and(|flags| flags.iter().any(|f| f == flag))
    };
    Some(vec![match (string(fib, "result"), right) {
        ("type", Value::String(kind)) if has("daddr") => match kind.as_str() {
            "local" => Test::DestLocal { negated },
            "unicast" => return None,
            _ => Test::Outcome(Fit::No.not_if(negated)),
        },
        // Whether there is a way back to the source: for a client that is who it says, there is.
        ("oif" | "oifname" | "check", right) if has("saddr") => {
            let exists = match right {
                Value::Bool(exists) => *exists,
                Value::Number(number) => number.as_u64()? != 0,
                _ => return None,
            };
            Test::Outcome(Fit::when(exists != negated))
        }
        _ => return None,
    }])
}

fn bound(left: &Value, right: &Value, operator: &str) -> Option<Vec<Test>> {
    let payload = left.get("payload")?;
    let limit = u16::try_from(right.as_u64()?).ok()?;
    let ranges = match operator {
        "<" => limit.checked_sub(1).map(|last| (0, last)),
        ">" => limit.checked_add(1).map(|first| (first, u16::MAX)),
        "<=" => Some((0, limit)),
        _ => Some((limit, u16::MAX)),
    };
    let ranges: Ports = ranges.into_iter().collect();
    let test = match string(payload, "field") {
        "dport" => Test::Port { ranges, negated: false },
        "sport" => Test::SourcePort { ranges, negated: false },
        _ => return None,
    };
    Some(vec![carrier(string(payload, "protocol")), test])
}

fn protocols(values: &[&Value], negated: bool) -> Option<Test> {
    let (mut tcp, mut udp) = (false, false);
    for value in values {
        let name = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        if value.is_object() {
            return None;
        }
        let (is_tcp, is_udp) = protocol(&name);
        tcp |= is_tcp;
        udp |= is_udp;
    }
    Some(Test::Protocol { tcp: tcp != negated, udp: udp != negated })
}

fn ports(values: &[&Value]) -> Option<Ports> {
    let port = |value: &Value| value.as_u64().and_then(|port| u16::try_from(port).ok());
    values
        .iter()
        .map(|value| match value.get("range").and_then(Value::as_array).map(Vec::as_slice) {
            Some([first, last]) => Some((port(first)?, port(last)?)),
            Some(_) => None,
            None => port(value).map(|port| (port, port)),
        })
        .collect()
}

fn networks(values: &[&Value], family: Family) -> Option<Vec<(u128, u128)>> {
    let address = |value: &Value| -> Option<IpAddr> {
        let address: IpAddr = value.as_str()?.parse().ok()?;
        (Family::of(address) == family).then_some(address)
    };
    values
        .iter()
        .map(|value| {
            if let Some(prefix) = value.get("prefix") {
                let length = u8::try_from(prefix.get("len")?.as_u64()?).ok()?;
                return network(address(prefix.get("addr")?)?, length);
            }
            if let Some([first, last]) = value.get("range").and_then(Value::as_array).map(Vec::as_slice) {
                return Some((number(address(first)?), number(address(last)?)));
            }
            address(value).map(|address| (number(address), number(address)))
        })
        .collect()
}

/// TCP flags: a name, a list, names joined by `|`, or a number.
fn flags(value: &Value) -> Option<u8> {
    let mut left = vec![value];
    let mut bits = 0;
    let mut steps = 0;
    while let Some(value) = left.pop() {
        steps += 1;
        match value {
            Value::String(name) => bits |= tcp_flag(name)?,
            Value::Number(number) => bits |= u8::try_from(number.as_u64()?).ok()?,
            Value::Array(values) => left.extend(values),
            Value::Object(object) => left.push(object.get("|")?),
            _ => return None,
        }
        if steps > 64 {
            return None;
        }
    }
    Some(bits)
}

fn small(value: &Value) -> Option<u32> {
    u32::try_from(value.as_u64()?).ok()
}
