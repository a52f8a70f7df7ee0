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
    for mark in [&b"-----BEGIN "[..], b"$ANSIBLE_VAULT"] {
        if let Some(at) = memchr::memmem::find(file.text, mark) {
            let line = memchr::memchr_iter(b'\n', file.text.get(..at).unwrap_or_default()).count() + 1;
            let message = "this is a key, a certificate or a vault, and no inventory; nothing of it is read";
            return Err(file.refused(u32::try_from(line).unwrap_or(u32::MAX), 1, message.to_owned()));
        }
    }
    intake.expect_lines(file.text);
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

/// What no host, port or network has in it.
const NO_PART: &str = ",;=\"'`(){}<>|@&\\";

/// Why a line is no host. A list is what every unknown file is taken for, so no more of a line is shown than its
/// beginning: what follows may be a password.
fn no_host(text: &str, at: usize, c: char) -> String {
    let what = if c.is_whitespace() {
        "white space".to_owned()
    } else if c == ',' {
        "a comma".to_owned()
    } else {
        quoted(&c.to_string())
    };
    let hint = if c == ',' { ", or a CSV with a header" } else { "" };
    let begin = begins(text.get(..at).unwrap_or_default());
    format!("{what} in the line that begins with {begin}; expected one host on each line{hint}")
}

/// The beginning of a line as a message shows it.
fn begins(text: &str) -> String {
    quoted(text.split_inclusive(':').next().unwrap_or_default())
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
    if let Some((at, c)) = text.char_indices().find(|(_, c)| c.is_whitespace() || NO_PART.contains(*c)) {
        return Err((at, no_host(text, at, c)));
    }
    if text.contains('/') && !text.contains("://") {
        return parse_addresses(text).map(|net| (Entry::Addresses(net), Vec::new())).map_err(|why| (0, why));
    }
    let (host, port) = split_port(text);
    let ports = match port {
        Some(port) if !port.starts_with("//") => {
            let own_words = port.bytes().all(|b| b.is_ascii_digit() || b == b'-');
            let unquoted =
                |_| format!("what stands behind {} is not a port; expected 1 to 65535", begins(host));
            let port = parse_port(port).map_err(|why| if own_words { why } else { unquoted(why) });
            vec![port.map_err(|why| (host.len() + 1, why))?]
        }
        _ => Vec::new(),
    };
    if port.is_some_and(|port| port.starts_with("//")) {
        return Err((0, format!("{} begins a URL; write the host alone", begins(host))));
    }
    let entry = match parse_host(host).map_err(|why| (0, why))? {
        Host::Name(name) => Entry::Name(name),
        Host::Address(address) => Entry::Addresses(Addresses::One(address)),
    };
    Ok((entry, ports))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_line_that_is_no_host_nothing_is_shown_that_may_be_a_password() {
        let table = [
            ("password: hunter2", 9, "white space in the line that begins with `password:`"),
            ("root_pw=hunter2", 7, "`=` in the line that begins with `root_pw`"),
            ("admin:hunter2", 6, "what stands behind `admin` is not a port"),
            ("https://ana:hunter2@git.example.test/x", 19, "`@` in the line that begins with `https:`"),
            ("https://git.example.test/hunter2", 0, "`https` begins a URL; write the host alone"),
            ("{\"key\": \"hunter2\"}", 0, "`{` in the line that begins with ``"),
            ("web,443,hunter2", 3, "a comma in the line that begins with `web`"),
            ("web:443-445", 4, "`443-445` is not a port; ranges are not read"),
        ];
        for (line, at, message) in table {
            let Err((found, told)) = entry_of(line.as_bytes()) else { panic!("{line} was taken") };
            assert!(told.starts_with(message) && !told.contains("hunter2"), "{line}: {told}");
            assert_eq!(found, at, "{line}");
        }
    }
}
