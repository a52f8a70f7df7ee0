//! A DNS zone file (RFC 1035), or what `named-compilezone` or a zone transfer makes of one: names with their addresses,
//! and the services that MX, SRV, HTTPS and TLSA records name. A TLSA record is a secret's dependency as well.
//!
//! It asks nobody, and takes nothing that does not stand in the records.

mod derive;
mod generate;
mod lexer;
mod name;
mod reader;
mod record;
mod services;
#[cfg(test)]
mod tests;

use super::{Format, Peek, TextFile};
use crate::{
    inventory::{Error, intake::Intake, live::unanswered},
    model::{discovery::Role, loading::NoticeKind},
};

pub(super) const FORMAT: Format = Format { name: "zone", letter: b'Z', role: Role::Names, detect, read };

/// How many lines are looked at.
const LOOKED_AT: usize = 64;

fn detect(peek: &Peek<'_>) -> bool {
    let lines = peek.text.split(|&b| b == b'\n').map(<[u8]>::trim_ascii_end);
    let content = lines.filter(|line| !matches!(line.trim_ascii_start().first(), None | Some(b';' | b'#')));
    content.take(LOOKED_AT).any(shows_zone)
}

/// Whether a line is a directive, or a record with its type where a type belongs.
fn shows_zone(line: &[u8]) -> bool {
    let indented = line.first().is_some_and(u8::is_ascii_whitespace);
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let first = words.next().unwrap_or_default();
    if [&b"$ORIGIN"[..], b"$TTL", b"$INCLUDE", b"$GENERATE"].iter().any(|d| first.eq_ignore_ascii_case(d)) {
        return words.next().is_some();
    }
    if std::str::from_utf8(first).is_ok_and(|text| text.parse::<std::net::IpAddr>().is_ok()) {
        return false;
    }
    let (mut rest, mut marked) = (words.peekable(), false);
    let own = [first];
    let mut before = if indented { own.as_slice() } else { &[] }.iter().copied();
    let kind = loop {
        let Some(word) = before.next().or_else(|| rest.next()) else { return false };
        if !(record::is_ttl(word) || record::class(word).is_some()) {
            break word;
        }
        marked = true;
    };
    let Some(data) = rest.next() else { return false };
    let is = |name: &[u8]| kind.eq_ignore_ascii_case(name);
    let address = || std::str::from_utf8(data).is_ok_and(|text| text.parse::<std::net::IpAddr>().is_ok());
    if is(b"A") || is(b"AAAA") {
        return address();
    }
    let numbered = || data.iter().all(u8::is_ascii_digit);
    // Without a TTL or a class, a word such as `key` may be anything; `Host mx web` is a line of an SSH configuration.
    match marked {
        true => record::is_known_type(kind),
        false if [&b"MX"[..], b"SRV", b"TLSA", b"CAA"].iter().any(|name| is(name)) => numbered(),
        false => is(b"SOA") && !first.eq_ignore_ascii_case(b"host"),
    }
}

fn read(file: &TextFile<'_>, intake: &mut Intake<'_>) -> Result<(), Error> {
    if file.name.starts_with("dns:") {
        for question in unanswered(&String::from_utf8_lossy(file.text)) {
            intake.notice(
                NoticeKind::Dns,
                format!("not answered: {question}"),
                Some(file.source(&FORMAT, 1, None)),
            );
        }
    }
    derive::rows(reader::read(file, intake), intake)
}
