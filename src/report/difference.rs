//! Views of a comparison of what is declared with what was found: text for people, JSON, and native inventory rows of
//! what no one declared. It compares nothing.

mod adopt;
mod json;
#[cfg(test)]
mod tests;

pub use self::{adopt::adopt, json::json};

use std::{
    fmt::Write as _,
    io::{self, Write},
    net::IpAddr,
    sync::Arc,
};

use super::{
    style::{Ink, Screen},
    table::{Column, Table},
};
use crate::model::{
    difference::{Difference, Endpoint, Near, Retired, Stray, Tie, Undeclared, Why},
    discovery::{PortState, TlsSeen},
    service::{Service, Source},
    text::printable,
    wrap::Transport,
};

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
