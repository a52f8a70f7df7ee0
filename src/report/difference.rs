//! Views of a comparison of what is declared with what was found: text for people, JSON, and native inventory rows of
//! what no one declared. It compares nothing.

#[cfg(test)]
mod tests;

use std::{
    fmt::Write as _,
    io::{self, Write},
    net::IpAddr,
    sync::Arc,
};

use serde_json::{Value, json};

use super::{
    csv::{Cell, Dialect, Sheet},
    json,
    style::{Ink, Screen},
    table::{Column, Table},
};
use crate::model::{
    difference::{Difference, Endpoint, Kind, Near, Retired, Stray, Tie, Undeclared, Why},
    discovery::{PortState, TlsSeen},
    service::{Service, Source},
    text::printable,
    wrap::{Transport, Wrap},
};

/// The columns of a native inventory, in order (DESIGN: native inventory CSV).
const COLUMNS: &[&str] = &[
    "id",
    "name",
    "address",
    "port",
    "transport",
    "wrap",
    "sni",
    "owner",
    "team",
    "env",
    "site",
    "exposure",
    "service_type",
    "tls_stack",
    "issues_tokens",
    "zone",
    "fragile",
    "expect",
    "tags",
];

/// The most names of a kind that become tags of a row.
const MOST_TAGS: usize = 8;

/// The most names that a line for people lists.
const MOST_NAMES: usize = 4;

/// What is owed to say beside the comparison.
#[derive(Clone, Debug, Default)]
pub struct Words {
    /// The command that writes the undeclared as rows, ready to copy.
    pub adopt: Option<String>,
}

/// `address:port`, with an IPv6 address in brackets; UDP is named.
fn place(address: IpAddr, transport: Transport, port: u16) -> String {
    let udp = if transport == Transport::Udp { "/udp" } else { "" };
    match address {
        IpAddr::V4(_) => format!("{address}:{port}{udp}"),
        IpAddr::V6(_) => format!("[{address}]:{port}{udp}"),
    }
}

/// The first few texts, and how many more there are.
fn few<T: AsRef<str>>(texts: &[T]) -> String {
    let mut shown: Vec<&str> = texts.iter().take(MOST_NAMES).map(AsRef::as_ref).collect();
    let more = format!("{} more", texts.len().saturating_sub(MOST_NAMES));
    if texts.len() > MOST_NAMES {
        shown.push(&more);
    }
    shown.join(", ")
}

fn from(sources: &[Source]) -> String {
    let all: Vec<String> = sources.iter().map(ToString::to_string).collect();
    few(&all)
}

fn owner(service: &Service) -> String {
    service.owner().unwrap_or("-").to_owned()
}

/// Whose something may be, in one line.
fn hint(near: &Near) -> String {
    let mut parts: Vec<String> = Vec::new();
    for service in &near.services {
        let what = match near.tie {
            Tie::Address => {
                let name = service.name.as_ref().map_or_else(String::new, |name| format!(" ({name})"));
                format!("{}{name}", service.port)
            }
            Tie::Name | Tie::Certificate => service.display_port(),
        };
        if !parts.contains(&what) {
            parts.push(what);
        }
    }
    let more = near.more + parts.len().saturating_sub(MOST_NAMES);
    parts.truncate(MOST_NAMES);
    let mut line = match near.tie {
        Tie::Address => "declared on this host: ",
        Tie::Name => "declared under its name: ",
        Tie::Certificate => "declared under a name of its certificate: ",
    }
    .to_owned();
    line.push_str(&parts.join(", "));
    if more > 0 {
        let _ = write!(line, ", {more} more"); // into a string, cannot fail
    }
    match near.owners().as_slice() {
        [] => line.push_str("; no owner"),
        owners => {
            let _ = write!(line, "; owner {}", few(owners));
        }
    }
    line
}

/// One section: a heading, a line an item with its columns aligned, and below it what else is known of it.
struct Section {
    title: String,
    table: Table,
    below: Vec<Vec<String>>,
}

impl Section {
    fn new(title: String, columns: &[usize]) -> Self {
        let columns: Vec<Column> = columns.iter().map(|max| Column::text("", *max)).collect();
        Self { title, table: Table::new(2, &columns), below: Vec::new() }
    }

    fn item(&mut self, cells: Vec<(String, Ink)>, below: Vec<String>) {
        self.table.row(cells);
        self.below.push(below);
    }

    fn write(&self, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
        if self.below.is_empty() {
            return Ok(());
        }
        writeln!(out, "\n{}", screen.style.paint(Ink::Bold, &self.title))?;
        for (line, below) in self.table.lines(screen.width, screen.style).iter().zip(&self.below) {
            writeln!(out, "{line}")?;
            for text in below {
                writeln!(out, "      {}", screen.style.paint(Ink::Dim, &printable(text)))?;
            }
        }
        Ok(())
    }
}

/// `n thing`, or `n things`.
fn many(n: usize, one: &str, several: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { several })
}

/// The comparison for people: the counts in one line, then what is forgotten, then what no scan looked at.
pub fn text(difference: &Difference, words: &Words, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}", screen.style.paint(Ink::Bold, &headline(difference)))?;
    let against: Vec<String> = [
        ("declared by", &difference.declared_by),
        ("scans", &difference.scans),
        ("names", &difference.named_by),
    ]
    .iter()
    .filter(|(_, files)| !files.is_empty())
    .map(|(what, files)| format!("{what}: {}", few(files)))
    .collect();
    writeln!(out, "{}", screen.style.paint(Ink::Dim, &printable(&against.join("; "))))?;
    for section in [
        undeclared(difference),
        probable(difference),
        retired(difference),
        gone(difference),
        names(difference),
    ] {
        section.write(screen, out)?;
    }
    for line in rest(difference) {
        writeln!(out, "{line}")?;
    }
    if let Some(adopt) = words.adopt.as_ref().filter(|_| !difference.undeclared.is_empty()) {
        let what = many(difference.undeclared.len(), "undeclared one", "undeclared ones");
        writeln!(out, "\nTo write the {what} as inventory rows to review:\n  {}", printable(adopt))?;
    }
    Ok(())
}

fn headline(difference: &Difference) -> String {
    let counts = &difference.counts;
    let maybe = difference.undeclared.iter().filter(|u| u.found.tls != TlsSeen::Yes).count();
    let maybe = if maybe > 0 { format!(" ({maybe} maybe TLS)") } else { String::new() };
    format!(
        "{} undeclared{maybe}, {} retired and open, {} gone, {} not declared; {} of {} found",
        difference.undeclared.len(),
        difference.retired.len(),
        difference.gone.len(),
        many(difference.names.len(), "name", "names"),
        counts.agree + counts.probable,
        many(counts.declared, "declared service", "declared services"),
    )
}

fn undeclared(difference: &Difference) -> Section {
    let title = "Undeclared: open, and in no inventory".to_owned();
    let mut section = Section::new(title, &[48, 10, 44, 80]);
    for Undeclared { found, near } in &difference.undeclared {
        let (seen, ink) = match found.tls {
            TlsSeen::Yes => ("tls", Ink::Bad),
            TlsSeen::Maybe => ("maybe tls", Ink::Warn),
            TlsSeen::No => ("no tls", Ink::Plain),
        };
        let mut below: Vec<String> = near.iter().map(hint).collect();
        if !found.certificate_names.is_empty() {
            below.push(format!("certificate: {}", few(&found.certificate_names)));
        }
        section.item(
            vec![
                (place(found.address, found.transport, found.port), Ink::Plain),
                (seen.to_owned(), ink),
                (name_of(found), Ink::Plain),
                (from(&found.sources), Ink::Dim),
            ],
            below,
        );
    }
    section
}

/// What scans call an endpoint.
fn name_of(found: &Endpoint) -> String {
    let name = found.given.iter().chain(&found.names).next();
    name.map_or_else(|| found.service.as_deref().unwrap_or("-").to_owned(), ToString::to_string)
}

fn probable(difference: &Difference) -> Section {
    let title = "Probably declared: name and port agree, the address was not known".to_owned();
    let mut section = Section::new(title, &[48, 54, 24, 80]);
    for probable in &difference.probable {
        let found = &probable.found;
        section.item(
            vec![
                (place(found.address, found.transport, found.port), Ink::Plain),
                (format!("probably {}", probable.service.display_port()), Ink::Plain),
                (owner(&probable.service), Ink::Plain),
                (from(&found.sources), Ink::Dim),
            ],
            Vec::new(),
        );
    }
    section
}

fn retired(difference: &Difference) -> Section {
    let mut section = Section::new("Retired, and still open".to_owned(), &[54, 24, 36, 80]);
    for Retired { service, says, found } in &difference.retired {
        let below = found
            .iter()
            .map(|f| format!("open at {}: {}", place(f.address, f.transport, f.port), from(&f.sources)));
        section.item(
            vec![
                (service.display_port(), Ink::Bad),
                (owner(service), Ink::Plain),
                (says.clone(), Ink::Plain),
                (from(&service.sources), Ink::Dim),
            ],
            below.collect(),
        );
    }
    section
}

fn gone(difference: &Difference) -> Section {
    let mut section = Section::new("Gone: declared, and not there".to_owned(), &[54, 24, 80]);
    for gone in &difference.gone {
        section.item(
            vec![
                (gone.service.display_port(), Ink::Warn),
                (owner(&gone.service), Ink::Plain),
                (from(&gone.service.sources), Ink::Dim),
            ],
            vec![why(&gone.why)],
        );
    }
    section
}

fn why(why: &Why) -> String {
    match why {
        Why::Closed { addresses, scans } => {
            let at: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            let say = |(file, at): &(Arc<str>, Option<_>)| match at {
                Some(at) => format!("{file} of {at}"),
                None => file.to_string(),
            };
            let scans: Vec<String> = scans.iter().map(say).collect();
            format!("closed on {}, says {}", few(&at), few(&scans))
        }
        Why::NotInZone { origin, source, port } => {
            let port = match port {
                Some(PortState::Open) => "; the port is still open where it was",
                Some(PortState::Closed) => "; the port is closed where it was",
                Some(PortState::Filtered) | None => "",
            };
            format!("the zone {origin} ({source}) does not have the name{port}")
        }
    }
}

fn names(difference: &Difference) -> Section {
    let mut section = Section::new("Names that no one declared".to_owned(), &[54, 40, 80]);
    for Stray { name, addresses, near, open, sources } in &difference.names {
        let all: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        let leads = if all.is_empty() { "no address".to_owned() } else { few(&all) };
        let mut below: Vec<String> = near.iter().map(hint).collect();
        if near.is_none() && !open.is_empty() {
            let ports: Vec<String> = open.iter().map(|(_, port)| port.to_string()).collect();
            below.push(format!("open there, and not declared: {}", few(&ports)));
        }
        let cells = vec![(name.to_string(), Ink::Plain), (leads, Ink::Plain), (from(sources), Ink::Dim)];
        section.item(cells, below);
    }
    section
}

/// What is told as a number only.
fn rest(difference: &Difference) -> Vec<String> {
    let counts = &difference.counts;
    let mut lines = Vec::new();
    let mut say = |n: usize, text: String| {
        if n > 0 {
            lines.push(text);
        }
    };
    let no_address = match counts.no_address {
        0 => String::new(),
        n => format!("; {n} of them have no known address"),
    };
    let declared = |n| many(n, "declared service", "declared services");
    let n = counts.not_looked_at;
    say(n, format!("Not looked at by any scan: {}{no_address}", declared(n)));
    let n = counts.filtered;
    say(n, format!("No answer: {}; a firewall, or gone", declared(n)));
    let n = counts.closed_in_networks;
    say(n, format!("Closed in declared networks: {}", many(n, "address and port", "addresses and ports")));
    let n = counts.retired_closed;
    say(n, format!("Retired and closed, as it should be: {n}"));
    let n = counts.retired_shared;
    say(n, format!("Retired, on a port that another declared service has now: {n}"));
    let n = counts.without_tls;
    say(n, format!("Undeclared, of a protocol without TLS: {}", many(n, "open port", "open ports")));
    let n = counts.names_elsewhere;
    say(n, format!("Names that lead to nothing declared or found: {n}"));
    if !lines.is_empty() {
        lines.insert(0, String::new());
    }
    lines
}

/// The comparison as one JSON document, `allclear.diff/1`.
pub fn json(difference: &Difference, out: &mut dyn Write) -> io::Result<()> {
    let c = &difference.counts;
    let list = |kind: Kind| difference.count(kind);
    let document = json!({
        "schema": "allclear.diff/1",
        "counts": {
            "declared": c.declared, "discovered": c.discovered, "agree": c.agree, "probable": c.probable,
            "undeclared": list(Kind::Undeclared), "retired": list(Kind::Retired), "gone": list(Kind::Gone),
            "names": list(Kind::Names), "not_looked_at": c.not_looked_at, "no_address": c.no_address,
            "filtered": c.filtered, "closed_in_networks": c.closed_in_networks,
            "retired_closed": c.retired_closed, "retired_shared": c.retired_shared,
            "without_tls": c.without_tls, "names_elsewhere": c.names_elsewhere,
        },
        "undeclared": difference.undeclared.iter().map(undeclared_json).collect::<Vec<_>>(),
        "probable": difference.probable.iter().map(|p| {
            let mut item = endpoint_json(&p.found);
            item["probably"] = service_json(&p.service);
            item
        }).collect::<Vec<_>>(),
        "retired": difference.retired.iter().map(|r| {
            let mut item = service_json(&r.service);
            item["says"] = json!(r.says);
            item["open"] = r.found.iter().map(endpoint_json).collect();
            item
        }).collect::<Vec<_>>(),
        "gone": difference.gone.iter().map(|g| {
            let mut item = service_json(&g.service);
            item["why"] = why_json(&g.why);
            item
        }).collect::<Vec<_>>(),
        "names": difference.names.iter().map(stray_json).collect::<Vec<_>>(),
        "not_looked_at": c.not_looked_at,
        "filtered": c.filtered,
    });
    json::write(&document, out)?;
    writeln!(out)
}

fn endpoint_json(found: &Endpoint) -> Value {
    json!({
        "address": found.address, "port": found.port, "transport": found.transport, "wrap": found.wrap,
        "tls": found.tls, "service": found.service, "names": found.names,
        "certificate_names": found.certificate_names, "at": found.at, "sources": found.sources,
    })
}

fn undeclared_json(one: &Undeclared) -> Value {
    let mut item = endpoint_json(&one.found);
    item["near"] = rows(one.near.as_ref());
    item["near_by"] = json!(one.near.as_ref().map(|near| near.tie));
    item["near_owners"] = json!(one.near.as_ref().map(Near::owners).unwrap_or_default());
    item
}

fn rows(near: Option<&Near>) -> Value {
    near.into_iter().flat_map(|near| &near.services).map(|service| json!(service.row_id)).collect()
}

fn service_json(service: &Service) -> Value {
    json!({
        "row_id": service.row_id, "name": service.name, "address": service.addresses.first(), "port": service.port,
        "transport": service.transport, "owner": service.owner(), "sources": &*service.sources,
    })
}

fn why_json(why: &Why) -> Value {
    match why {
        Why::Closed { addresses, scans } => json!({
            "kind": "closed", "addresses": addresses,
            "scans": scans.iter().map(|(file, at)| json!({"file": file, "started_at": at})).collect::<Vec<_>>(),
        }),
        Why::NotInZone { origin, source, port } => {
            json!({"kind": "not-in-zone", "zone": origin, "source": source, "port": port})
        }
    }
}

fn stray_json(stray: &Stray) -> Value {
    json!({
        "name": stray.name, "addresses": stray.addresses, "near": rows(stray.near.as_ref()),
        "near_owners": stray.near.as_ref().map(Near::owners).unwrap_or_default(),
        "open": stray.open.iter().map(|(t, p)| json!({"transport": t, "port": p})).collect::<Vec<_>>(),
        "sources": stray.sources,
    })
}

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
        Transport::Tcp => found.wrap.filter(|wrap| wrap.transport() == Transport::Tcp),
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
