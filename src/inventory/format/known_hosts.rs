//! SSH known hosts: names and addresses whose keys somebody accepted. The keys are not kept.
//!
//! A port is that of SSH, and becomes a tag: the rows have the ports that the user wants for hosts.

use std::collections::BTreeMap;

use super::{Format, Peek, TextFile};
use crate::{
    inventory::{
        Error,
        host::{parse_port, quoted},
        intake::Intake,
        left_out::LeftOut,
        machine::{Machine, is_own_name},
        records::FIELD_LIMIT,
    },
    model::{discovery::Role, service::Source},
};

pub(super) const FORMAT: Format =
    Format { name: "known-hosts", letter: b'O', role: Role::Names, detect, read };

/// The port that is not told.
const SSH: u16 = 22;

const HASHED: &str = "they are hashed and cannot be read back";
const PATTERN: &str = "wildcards and negations name no one host";
const REVOKED: &str = "the line revokes a key and says nothing about a host";
const OWN_NAME: &str = "localhost is this machine, wherever the file is read";

/// One line's parts.
struct Line<'l> {
    marker: Option<&'l str>,
    hosts: &'l str,
}

/// Splits a line. None: it is no line of known hosts.
fn parts(text: &str) -> Option<Line<'_>> {
    let mut words = text.split_ascii_whitespace();
    let first = words.next()?;
    let (marker, hosts) = if first.starts_with('@') { (Some(first), words.next()?) } else { (None, first) };
    let (kind, key) = (words.next()?, words.next()?);
    let named =
        ["ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-", "webauthn-sk-"].iter().any(|k| kind.starts_with(k));
    // Protocol 1 had bits, exponent and modulus.
    let numbers = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let mut old = || numbers(kind) && numbers(key) && words.next().is_some_and(numbers);
    ((named && key.starts_with("AAAA")) || old()).then_some(Line { marker, hosts })
}

fn detect(peek: &Peek<'_>) -> bool {
    let first = peek.first_line();
    first.len() <= FIELD_LIMIT && std::str::from_utf8(first).is_ok_and(|text| parts(text).is_some())
}

fn read(file: &TextFile<'_>, intake: &mut Intake<'_>) -> Result<(), Error> {
    let mut left = LeftOut::default();
    let mut hosts = 0;
    for (number, line) in (1_u32..).zip(file.text.split(|&b| b == b'\n')) {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        let text = if line.len() > FIELD_LIMIT { None } else { std::str::from_utf8(line).ok() };
        let Some(Line { marker, hosts: list }) = text.and_then(parts) else {
            intake.count_row();
            let message = "this is no line of known hosts; expected hosts, the type of a key and the key";
            intake.bad(&file.name, number, 1, message.to_owned());
            continue;
        };
        let at = At { file, number };
        if marker == Some("@revoked") {
            hosts += 1;
            left.add(REVOKED, String::new, || at.source());
            continue;
        }
        hosts += list.split(',').filter(|host| !host.is_empty()).count() as u64;
        for (port, machine) in machines(list, at, &mut left, intake) {
            for mut draft in machine.drafts() {
                if port != SSH {
                    draft.tag(format!("ssh-port={port}"));
                }
                intake.count_row();
                if let Err(refusal) = intake.take(draft.row(at.source())) {
                    refusal.settle(intake, &file.name, |_| (number, 1))?;
                }
            }
        }
    }
    left.tell(hosts, "hosts", intake);
    Ok(())
}

/// A line of the file.
#[derive(Clone, Copy)]
struct At<'f, 't> {
    file: &'f TextFile<'t>,
    number: u32,
}

impl At<'_, '_> {
    fn source(self) -> Source {
        self.file.source(&FORMAT, self.number, None)
    }
}

/// The machines of one line's list, one for each port of SSH.
fn machines(
    list: &str,
    at: At<'_, '_>,
    left: &mut LeftOut,
    intake: &mut Intake<'_>,
) -> BTreeMap<u16, Machine> {
    let mut machines = BTreeMap::<u16, Machine>::new();
    for host in list.split(',').filter(|host| !host.is_empty()) {
        let added = match host_and_port(host) {
            _ if host.starts_with("|1|") => {
                left.add(HASHED, String::new, || at.source());
                continue;
            }
            _ if host.starts_with('!') || host.contains(['*', '?']) => {
                left.add(PATTERN, || quoted(host), || at.source());
                continue;
            }
            Ok((host, _)) if is_own_name(host) => {
                left.add(OWN_NAME, || quoted(host), || at.source());
                continue;
            }
            Ok((host, port)) => machines.entry(port).or_default().add(host),
            Err(message) => Err(message),
        };
        if let Err(message) = added {
            intake.count_row();
            intake.bad(&at.file.name, at.number, 1, message);
        }
    }
    machines
}

/// `host` or `[host]:port`.
fn host_and_port(text: &str) -> Result<(&str, u16), String> {
    let Some(rest) = text.strip_prefix('[') else { return Ok((text, SSH)) };
    match rest.split_once(']') {
        Some((host, "")) => Ok((host, SSH)),
        Some((host, port)) => {
            let port = port.strip_prefix(':').ok_or_else(|| format!("{} is no [host]:port", quoted(text)))?;
            Ok((host, parse_port(port)?))
        }
        None => Err(format!("{} is no [host]:port", quoted(text))),
    }
}

#[cfg(test)]
mod tests;
