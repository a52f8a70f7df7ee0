//! What masscan writes: JSON (`-oJ`), JSON Lines (`-oD`) and its list (`-oL`). Its XML is read with nmap's.
//!
//! Read line by line, since older builds wrote JSON that is none: commas too many, a tail `{finished: 1}`. A line that
//! cannot be read costs itself alone. It says nothing about ports that it did not find open.

#[cfg(test)]
mod tests;

use std::{net::IpAddr, sync::Arc};

use super::{Format, Peek, TextFile};
use crate::{
    inventory::{
        Error,
        host::{parse_port, quoted},
        intake::Intake,
        records::Place,
        scanned::Findings,
        tree::{self, Node},
    },
    model::{
        discovery::{PortState, Role, Scan},
        loading::NoticeKind,
        time::Timestamp,
        wrap::Transport,
    },
};

pub(super) const FORMAT: Format =
    Format { name: "masscan", letter: b'M', role: Role::Discovers, detect, read };

/// The first words of the lines of a list.
const WORDS: [&str; 3] = ["open", "closed", "banner"];

/// The longest line, in bytes. A banner has some thousand.
const LONGEST: usize = 4 << 20;

fn detect(peek: &Peek<'_>) -> bool {
    let begins_as_list = peek.text.trim_ascii_start().starts_with(b"#masscan");
    let json = peek.has_json_keys(&["ip", "ports"]) || peek.has_json_keys(&["ip", "port", "proto"]);
    begins_as_list || json || std::str::from_utf8(peek.first_line()).is_ok_and(|line| listed(line).is_some())
}

/// A line of a list, as far as it can be told from a line of anything else: its words and its address.
fn listed(line: &str) -> Option<(Vec<&str>, IpAddr)> {
    let words: Vec<&str> = line.splitn(6, ' ').collect();
    let [word, transport, _, address, ..] = words.as_slice() else { return None };
    let known = WORDS.contains(word) && transport.parse::<Transport>().is_ok();
    Some(address).filter(|_| known)?.parse().ok().map(|address: IpAddr| (words.clone(), address))
}

/// A record: one word about one port.
struct Record<'t> {
    address: IpAddr,
    transport: Transport,
    port: u16,
    at: Option<Timestamp>,
    state: Option<PortState>,
    /// Kind and text.
    banner: Option<(std::borrow::Cow<'t, str>, std::borrow::Cow<'t, str>)>,
}

fn read(file: &TextFile<'_>, intake: &mut Intake<'_>) -> Result<(), Error> {
    let mut scan =
        Report { file, intake, findings: Findings::default(), began: None, ended: false, lines: true };
    if one_line_each(file.text) {
        let mut lines = (1_u32..).zip(file.text.split(|&b| b == b'\n')).peekable();
        while let Some((number, line)) = lines.next() {
            scan.line(number, line, lines.peek().is_some());
        }
    } else {
        match tree::json(file.text) {
            Ok(node) if node.items().is_empty() => scan.element(&node),
            Ok(node) => node.items().iter().for_each(|item| scan.element(item)),
            Err(fault) => return Err(file.broken(fault)),
        }
        (scan.ended, scan.lines) = (true, false);
    }
    scan.finish()
}

/// Whether it is as masscan writes it, and no JSON that another tool has laid out anew.
fn one_line_each(text: &[u8]) -> bool {
    let text = text.trim_ascii_start();
    let begins_array = text.starts_with(b"[");
    let text = text.strip_prefix(b"[").unwrap_or(text);
    let same_line = text.split(|&b| b == b'\n').next().unwrap_or_default().trim_ascii();
    if begins_array && !same_line.is_empty() {
        return false;
    }
    let first = text.trim_ascii_start().split(|&b| b == b'\n').next().unwrap_or_default().trim_ascii();
    !first.starts_with(b"{") || first.len() > 1
}

struct Report<'f, 'i, 'o> {
    file: &'f TextFile<'f>,
    intake: &'i mut Intake<'o>,
    findings: Findings,
    began: Option<Timestamp>,
    /// A mark of the end was there.
    ended: bool,
    /// It is of a form that has such a mark, unless every line is a JSON object.
    lines: bool,
}

impl Report<'_, '_, '_> {
    fn bad(&mut self, place: Place, message: String) {
        self.intake.count_row();
        self.intake.bad(&self.file.name, place.line, place.column, message);
    }

    /// `ended`: the line has its end. One without may be cut, and a cut address is another host's.
    fn line(&mut self, number: u32, line: &[u8], ended: bool) {
        let trimmed = line.trim_ascii();
        let place = Place { line: number, column: 1 };
        match trimmed {
            b"" | b"[" | b"," => return,
            b"]" | b"# end" => {
                self.ended = true;
                return;
            }
            _ if trimmed.starts_with(b"#") => return,
            _ if trimmed.len() > LONGEST => {
                self.bad(place, format!("a line of {} bytes; at most {LONGEST} are read", trimmed.len()));
                return;
            }
            _ => {}
        }
        let text = String::from_utf8_lossy(trimmed);
        let text = text.trim_matches(|c: char| c == ',' || c.is_whitespace());
        if is_tail(text) {
            self.ended = true;
        } else if text.starts_with('{') {
            self.json(number, text);
        } else {
            let words = listed(text).filter(|(words, _)| ended || is_whole(words));
            match words.ok_or_else(|| no_line(text)).and_then(|(words, address)| of_list(&words, address)) {
                Ok(record) => self.take(&record, place),
                Err(message) => self.bad(place, message),
            }
        }
    }

    fn json(&mut self, number: u32, text: &str) {
        // The last element of an array may have its bracket on its own line.
        let text = text.strip_suffix(']').filter(|rest| rest.trim_end().ends_with('}')).unwrap_or(text);
        match tree::json(text.as_bytes()) {
            Ok(mut node) => {
                node.place.line = number;
                self.element(&node);
            }
            Err(fault) => self.bad(Place { line: number, column: fault.place.column }, fault.message),
        }
    }

    /// One object: flat, or with a list of ports.
    fn element(&mut self, node: &Node<'_>) {
        if node.get("finished").is_some() && node.get("ip").is_none() {
            self.ended = true;
            return;
        }
        let about = match About::of(node) {
            Ok(about) => about,
            Err(message) => return self.bad(node.place, message),
        };
        let ports = node.get("ports").map(Node::items);
        for port in ports.unwrap_or(std::slice::from_ref(node)) {
            match about.record(port) {
                Ok(record) => self.take(&record, node.place),
                Err(message) => self.bad(node.place, message),
            }
        }
    }

    fn take(&mut self, record: &Record<'_>, place: Place) {
        self.began = match (self.began, record.at) {
            (Some(began), Some(at)) => Some(began.min(at)),
            (began, at) => began.or(at),
        };
        let address = record.address.to_canonical();
        self.findings.host(address, true, None);
        // A banner comes out of an open port.
        let state = record.state.unwrap_or(PortState::Open);
        self.findings.port(address, record.transport, record.port, state);
        if state != PortState::Open {
            return;
        }
        let Some(found) = self.findings.open(address, record.transport, record.port, place.line) else {
            return;
        };
        found.at = found.at.max(record.at);
        if let Some((kind, text)) = &record.banner {
            found.banner(kind, text);
        }
    }

    fn finish(self) -> Result<(), Error> {
        let file = self.file;
        // JSON Lines have no mark of their end.
        let text = file.text.trim_ascii();
        let marked = !self.lines || !text.starts_with(b"{") || text.ends_with(b"]");
        let complete = if marked { self.ended } else { file.text.ends_with(b"\n") };
        if !complete {
            let source = Some(file.source(&FORMAT, 1, None));
            let message = "the scan did not come to its end, or its file was cut; what is there is read";
            self.intake.notice(NoticeKind::LeftOut, message, source);
        }
        let scan = Scan { file: Arc::clone(&file.name), started_at: self.began, complete, ..Scan::default() };
        self.findings.settle(file, &FORMAT, scan, self.intake)
    }
}

/// `{finished: 1}`, which is no JSON.
fn is_tail(text: &str) -> bool {
    let inner = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    inner.is_some_and(|inner| {
        let key = inner.split(':').next().unwrap_or_default();
        key.trim().trim_matches('"') == "finished" && !inner.contains("\"ip\"")
    })
}

/// Whether a line that may be cut says all that counts.
fn is_whole(words: &[&str]) -> bool {
    words.len() == 5 && words.first() != Some(&"banner")
}

fn no_line(text: &str) -> String {
    format!("{} is no line of masscan; expected such as `open tcp 443 192.0.2.1 1795356109`", quoted(text))
}

/// `open tcp 443 192.0.2.11 1795356109`, `banner tcp 22 192.0.2.11 1795356109 ssh SSH-2.0-...`.
fn of_list<'t>(words: &[&'t str], address: IpAddr) -> Result<Record<'t>, String> {
    let &[word, transport, port, _, ref rest @ ..] = words else { return Err(no_line(&words.join(" "))) };
    let banner = rest.get(1).filter(|_| word == "banner").map(|text| {
        let (kind, text) = text.split_once(' ').unwrap_or((text, ""));
        (kind.into(), text.into())
    });
    Ok(Record {
        address,
        transport: transport.parse().map_err(|_| no_line(&words.join(" ")))?,
        port: parse_port(port)?,
        at: rest.first().and_then(|at| at.parse().ok()).map(Timestamp::from_seconds),
        state: (word != "banner").then(|| state(word)),
        banner,
    })
}

fn state(word: &str) -> PortState {
    match word {
        "open" => PortState::Open,
        "closed" => PortState::Closed,
        _ => PortState::Filtered,
    }
}

/// What all ports of one object share.
struct About {
    address: IpAddr,
    at: Option<Timestamp>,
}

impl About {
    fn of(node: &Node<'_>) -> Result<Self, String> {
        let text = node.get("ip").and_then(Node::text).ok_or("expected an object with `ip` and its ports")?;
        let address =
            text.parse().map_err(|_| format!("{} is not an address; expected IPv4 or IPv6", quoted(text)))?;
        // A text in every build that is known; a number would say the same.
        let at = node.get("timestamp").and_then(Node::scalar).and_then(|text| text.parse().ok());
        Ok(Self { address, at: at.map(Timestamp::from_seconds) })
    }

    /// One port: nested as in `-oJ`, or flat as in `-oD`.
    fn record<'n>(&self, port: &'n Node<'_>) -> Result<Record<'n>, String> {
        let number = port.get("port").and_then(Node::scalar).ok_or("expected a `port`")?;
        let proto = port.get("proto").and_then(Node::text).unwrap_or("tcp");
        let transport =
            proto.parse().map_err(|_| format!("{} is no transport; expected tcp or udp", quoted(proto)))?;
        let data = port.get("data").unwrap_or(port);
        let service = data.get("service").unwrap_or(data);
        let kind = service.get("service_name").or_else(|| service.get("name")).and_then(Node::text);
        let banner = kind.map(|kind| {
            let text = service.get("banner").and_then(Node::text).unwrap_or_default();
            (kind.into(), text.into())
        });
        let word = data.get("status").and_then(Node::text);
        if word.is_none() && banner.is_none() {
            return Err("expected a `status`, or a banner".to_owned());
        }
        let state = word.map(state);
        Ok(Record {
            address: self.address,
            transport,
            port: parse_port(&number)?,
            at: self.at,
            state,
            banner,
        })
    }
}
