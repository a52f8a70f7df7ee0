//! A plain list: one `host`, `host:port`, `[v6]:port`, bare IPv6 address or CIDR on each line, with
//! `#` comments and blank lines.

use std::sync::Arc;

use super::{Format, TextFile};
use crate::{
    inventory::{
        Error,
        host::{Addresses, Host, parse_addresses, parse_host, parse_port, quoted, split_port},
        intake::{Intake, Row},
        records::FIELD_LIMIT,
    },
    model::{
        discovery::Role,
        service::{Declared, Source},
    },
};

pub(super) const FORMAT: Format =
    Format { name: "list", letter: b'L', role: Role::Declares, detect: |_| true, read };

/// A fault and the byte at which it begins, from 0 within the entry.
type Fault = (usize, String);

fn read(file: &TextFile<'_>, intake: &mut Intake<'_>) -> Result<(), Error> {
    let (format, declared): (Arc<str>, Arc<Declared>) = (FORMAT.name.into(), Arc::default());
    for (number, line) in (1_u32..).zip(file.text.split(|&b| b == b'\n')) {
        let indent = line.len() - line.trim_ascii_start().len();
        let entry = without_comment(line).trim_ascii();
        if entry.is_empty() {
            continue;
        }
        intake.count_row();
        let place = |at: usize| (number, u32::try_from(indent + at).unwrap_or(u32::MAX).saturating_add(1));
        match entry_of(entry) {
            Ok((host, ports)) => {
                let (name, addresses) = match host {
                    Entry::Name(name) => (Some(name), None),
                    Entry::Addresses(addresses) => (None, Some(addresses)),
                };
                let row = Row {
                    source: Source {
                        format: Arc::clone(&format),
                        file: Arc::clone(&file.name),
                        line: number,
                        path: None,
                    },
                    id: None,
                    name,
                    addresses,
                    ports,
                    transport: None,
                    wrap: None,
                    sni: None,
                    declared: Arc::clone(&declared),
                };
                if let Err(refusal) = intake.take(row) {
                    refusal.settle(intake, &file.name, |_| place(0))?;
                }
            }
            Err((at, message)) => {
                let (line, column) = place(at);
                intake.bad(&file.name, line, column, message);
            }
        }
    }
    Ok(())
}

/// A comment begins with `#` at the beginning of a line or after white space.
fn without_comment(line: &[u8]) -> &[u8] {
    let begins =
        |at: usize| at.checked_sub(1).and_then(|before| line.get(before)).is_none_or(u8::is_ascii_whitespace);
    let end = line.iter().enumerate().position(|(at, &b)| b == b'#' && begins(at));
    end.and_then(|end| line.get(..end)).unwrap_or(line)
}

enum Entry {
    Name(String),
    Addresses(Addresses),
}

fn entry_of(entry: &[u8]) -> Result<(Entry, Vec<u16>), Fault> {
    if entry.len() > FIELD_LIMIT {
        return Err((0, format!("an entry of {} bytes; at most {FIELD_LIMIT} are read", entry.len())));
    }
    let text = match std::str::from_utf8(entry) {
        Ok(text) => text,
        Err(error) => {
            return Err((
                error.valid_up_to(),
                "this is not UTF-8; expected a host name or an address".to_owned(),
            ));
        }
    };
    if let Some(at) = text.find(char::is_whitespace) {
        return Err((at, format!("white space in {}; expected one host on each line", quoted(text))));
    }
    if let Some(at) = text.find(',') {
        return Err((
            at,
            format!("a comma in {}; expected one host on each line, or a CSV with a header", quoted(text)),
        ));
    }
    if text.contains('/') && !text.contains("://") {
        return parse_addresses(text).map(|net| (Entry::Addresses(net), Vec::new())).map_err(|why| (0, why));
    }
    let (host, port) = split_port(text);
    let ports = match port {
        // A URL splits at its colon; it is the host that is wrong with it.
        Some(port) if !port.starts_with("//") => vec![parse_port(port).map_err(|why| (host.len() + 1, why))?],
        _ => Vec::new(),
    };
    let host = if port.is_some_and(|port| port.starts_with("//")) { text } else { host };
    let entry = match parse_host(host).map_err(|why| (0, why))? {
        Host::Name(name) => Entry::Name(name),
        Host::Address(address) => Entry::Addresses(Addresses::One(address)),
    };
    Ok((entry, ports))
}
