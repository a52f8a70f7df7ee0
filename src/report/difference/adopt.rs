//! What no one declared as rows of a native inventory, to be reviewed. It compares nothing.

use std::io::{self, Write};

use super::super::csv::{Cell, Dialect, Sheet};
use crate::model::{
    difference::{Difference, Endpoint, Near, Undeclared},
    discovery::TlsSeen,
    service::COLUMNS,
    wrap::{Transport, Wrap},
};

/// The most names of a kind that become tags of a row.
const MOST_TAGS: usize = 8;

/// What no one declared as rows of a native inventory, to be reviewed; returns their number. With `sure`, only where
/// TLS was seen.
pub fn adopt(difference: &Difference, sure: bool, out: &mut dyn Write) -> io::Result<u64> {
    let mut sheet = Sheet::new(out, Dialect::default(), COLUMNS)?;
    for one in difference.undeclared.iter().filter(|u| !sure || u.found.tls == TlsSeen::Yes) {
        let found = &one.found;
        let name = found.given.as_deref().filter(|name| is_host_name(name)).unwrap_or_default();
        let tags = tags(one, name);
        sheet.row(COLUMNS.iter().map(|column| match *column {
            "name" => Cell::text(name),
            "address" => Cell::tool(found.address),
            "port" => Cell::tool(found.port),
            "transport" => Cell::tool(found.transport),
            "wrap" => Cell::maybe(wrap(found)),
            "tags" => Cell::text(tags.as_str()),
            _ => Cell::text(""),
        }))?;
    }
    sheet.finish()
}

/// The wrap as an inventory takes it: one that its transport carries.
fn wrap(found: &Endpoint) -> Option<Wrap> {
    match found.transport {
        // STUN and TURN run over both.
        Transport::Tcp => {
            found.wrap.filter(|w| w.transport() == Transport::Tcp || matches!(w, Wrap::Stun | Wrap::Turn))
        }
        // Without a wrap the port would decide, and no port implies one that UDP carries.
        Transport::Udp => Some(found.wrap.filter(|w| w.transport() == Transport::Udp).unwrap_or(Wrap::Dtls)),
    }
}

/// Whether an inventory takes it as a name: RFC 1123, with the underscores that DNS has; no address.
fn is_host_name(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = name.rsplit('.').next().unwrap_or_default();
    name.len() <= 253
        && name.split('.').all(label)
        && last.bytes().any(|b| b.is_ascii_alphabetic())
        && !last.to_ascii_lowercase().starts_with("0x")
}

fn tags(one: &Undeclared, name: &str) -> String {
    let found = &one.found;
    let mut tags = vec!["undeclared".to_owned()];
    let mut seen: Vec<&str> = found.sources.iter().map(|source| &*source.format).collect();
    seen.sort_unstable();
    seen.dedup();
    tags.push(format!("seen={}", seen.join(",")));
    if found.tls == TlsSeen::Maybe {
        tags.push("tls=maybe".to_owned());
    }
    if let Some([owner]) = one.near.as_ref().map(Near::owners).as_deref() {
        tags.push(format!("near={owner}"));
    }
    let ptr = found.names.iter().filter(|ptr| &***ptr != name);
    tags.extend(ptr.take(MOST_TAGS).map(|ptr| format!("ptr={ptr}")));
    tags.extend(found.certificate_names.iter().take(MOST_TAGS).map(|n| format!("certificate={n}")));
    tags.extend(found.sources.iter().take(MOST_TAGS).map(|s| format!("from={}:{}", s.file, s.line)));
    let safe = tags.iter().map(|tag| {
        let one_line: String =
            tag.chars().take(200).map(|c| if c == ';' || c.is_control() { ' ' } else { c }).collect();
        one_line.trim().to_owned()
    });
    safe.collect::<Vec<_>>().join(";")
}
