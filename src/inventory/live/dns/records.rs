//! Records as lines of a master file (RFC 1035, 5.1). Names and data come from strangers: nothing of them can end a
//! line, begin a comment or look like a directive.

use std::{collections::BTreeMap, fmt::Write as _};

use data_encoding::HEXLOWER;
use hickory_resolver::proto::rr::{
    RData, Record,
    rdata::svcb::{SVCB, SvcParamValue},
};

use super::super::super::dns::ask::absolute;

/// One line a record, `NAME TTL IN TYPE RDATA`, sorted, each once with its shortest TTL.
pub(super) fn text(records: &[Record]) -> String {
    let mut lines: BTreeMap<(String, &'static str, String), u32> = BTreeMap::new();
    for record in records {
        let Some((kind, data)) = data(&record.data) else { continue };
        let ttl = lines.entry((absolute(&record.name), kind, data)).or_insert(record.ttl);
        *ttl = record.ttl.min(*ttl);
    }
    let mut text = String::new();
    for ((name, kind, data), ttl) in lines {
        let _ = writeln!(text, "{name} {ttl} IN {kind} {data}"); // into a string, cannot fail
    }
    text
}

/// The type and the data of a record of a kind that is asked for.
fn data(data: &RData) -> Option<(&'static str, String)> {
    Some(match data {
        RData::A(a) => ("A", a.0.to_string()),
        RData::AAAA(aaaa) => ("AAAA", aaaa.0.to_string()),
        RData::CNAME(cname) => ("CNAME", absolute(&cname.0)),
        RData::MX(mx) => ("MX", format!("{} {}", mx.preference, absolute(&mx.exchange))),
        RData::SRV(srv) => {
            let target = absolute(&srv.target);
            ("SRV", format!("{} {} {} {target}", srv.priority, srv.weight, srv.port))
        }
        RData::CAA(caa) => {
            // A tag is letters and digits (RFC 8659, 4.1); another one is nobody's to read.
            let good = !caa.tag.is_empty() && caa.tag.bytes().all(|b| b.is_ascii_alphanumeric());
            let data = format!("{} {} {}", caa.flags(), caa.tag, string(&caa.value));
            return good.then_some(("CAA", data));
        }
        RData::TLSA(tlsa) => {
            let (usage, selector) = (u8::from(tlsa.cert_usage), u8::from(tlsa.selector));
            let hex = HEXLOWER.encode(&tlsa.cert_data);
            ("TLSA", format!("{usage} {selector} {} {hex}", u8::from(tlsa.matching)))
        }
        RData::HTTPS(https) => ("HTTPS", service(&https.0)),
        _ => return None,
    })
}

/// A character string in quotes.
fn string(bytes: &[u8]) -> String {
    let mut text = String::from("\"");
    for &byte in bytes {
        match byte {
            b'"' | b'\\' => text.extend(['\\', char::from(byte)]),
            0x20..=0x7e => text.push(char::from(byte)),
            _ => {
                let _ = write!(text, "\\{byte:03}"); // into a string, cannot fail
            }
        }
    }
    text.push('"');
    text
}

/// A service binding (RFC 9460), with those of its parameters that say where the service is.
fn service(svcb: &SVCB) -> String {
    let mut text = format!("{} {}", svcb.svc_priority, absolute(&svcb.target_name));
    for (_, value) in &svcb.svc_params {
        let parameter = match value {
            SvcParamValue::Port(port) => format!("port={port}"),
            SvcParamValue::Ipv4Hint(hint) => format!("ipv4hint={}", list(hint.0.iter().map(|a| a.0))),
            SvcParamValue::Ipv6Hint(hint) => format!("ipv6hint={}", list(hint.0.iter().map(|a| a.0))),
            _ => continue,
        };
        text.push(' ');
        text.push_str(&parameter);
    }
    text
}

fn list(items: impl Iterator<Item = impl ToString>) -> String {
    items.map(|item| item.to_string()).collect::<Vec<_>>().join(",")
}
