//! Reads what other tools print: package lists, `needrestart -b`, `lsof`.
//!
//! The texts were made by somebody, somewhere, at some time: host and time are what the caller says. A line
//! that cannot be read becomes a gap of the document and stops nothing. Documents of `allclear.host/1` are
//! recognised here and read elsewhere.

mod lsof;
mod needrestart;
mod packages;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::{cover::Cover, root::bytes_text};
use crate::model::{
    host::{Collector, Document, Footer, Header, Origin, Part, SCHEMA},
    time::Timestamp,
};

/// Lines that are looked at to tell what a text is.
const LOOKED_AT: usize = 200;

/// Longer lines are no tool's.
const MAX_LINE: usize = 64 << 10;

/// What a text is; none where it is nothing that can be read here.
pub fn detect(text: &[u8]) -> Option<Origin> {
    let head: Vec<String> = lines(text).filter(|line| !line.is_empty()).take(LOOKED_AT).collect();
    let first = head.first()?;
    if first.starts_with('{') {
        let schema = format!("\"{SCHEMA}\"");
        let value: Option<serde_json::Value> = serde_json::from_str(first).ok();
        // A header that was cut off, or is longer than a line may be here, still names its schema first.
        let named = value.map_or_else(
            || first.chars().take(100).collect::<String>().contains(&schema),
            |value| value.get("schema").and_then(serde_json::Value::as_str) == Some(SCHEMA),
        );
        return named.then_some(Origin::Document);
    }
    if head.iter().any(|line| line.starts_with("NEEDRESTART-")) {
        return Some(Origin::Needrestart);
    }
    if lsof::is_lsof(&head) {
        return Some(Origin::Lsof);
    }
    let score = |origin| head.iter().filter(|line| packages::fits(origin, line)).count();
    // Where two fit equally well, the stricter one comes first.
    let mut best = None;
    for origin in [Origin::ApkList, Origin::RpmQa, Origin::DpkgQuery] {
        let score = score(origin);
        if score * 2 > head.len() && best.is_none_or(|(most, _)| score > most) {
            best = Some((score, origin));
        }
    }
    best.map(|(_, origin)| origin)
}

/// Reads a text of this kind. A text of another kind gives a document of gaps.
pub fn read(origin: Origin, text: &[u8], host: &str, at: Timestamp) -> Document {
    let cover = Cover::default();
    let mut document = Document::new(header(host, at));
    let (tool, part) = match origin {
        Origin::Document => (SCHEMA, Part::Document),
        Origin::DpkgQuery => ("dpkg-query", Part::Packages),
        Origin::RpmQa => ("rpm", Part::Packages),
        Origin::ApkList => ("apk", Part::Packages),
        Origin::Needrestart => ("needrestart", Part::Processes),
        Origin::Lsof => ("lsof", Part::Processes),
    };
    tool.clone_into(&mut document.header.tool);
    match origin {
        Origin::Document => {
            cover.gap(Part::Document, "unreadable-line", "a document is not read as an import");
        }
        Origin::DpkgQuery | Origin::RpmQa | Origin::ApkList => {
            packages::read(origin, text, &cover, &mut document);
        }
        Origin::Needrestart => needrestart::read(text, &cover, &mut document),
        Origin::Lsof => lsof::read(text, &cover, &mut document),
    }
    cover.part(part);
    for other in [
        Part::Packages,
        Part::Updates,
        Part::Processes,
        Part::Files,
        Part::Archives,
        Part::Exposure,
        Part::Secrets,
    ] {
        if other != part {
            cover.gap(other, "not-collected", "");
        }
    }
    document.header.coverage = cover.coverage();
    document.footer = Some(footer(&document));
    document
}

fn header(host: &str, at: Timestamp) -> Header {
    Header {
        host: host.to_owned(),
        asked_as: None,
        at,
        tool: String::new(),
        collector: Collector::Import,
        machine: None,
        addresses: Vec::new(),
        os: None,
        kernel: None,
        arch: None,
        booted_at: None,
        root: "/".to_owned(),
        uid: None,
        privileged: false,
        coverage: crate::model::host::Coverage::default(),
    }
}

fn footer(document: &Document) -> Footer {
    let counts: BTreeMap<String, u64> = [
        ("package", document.packages.len()),
        ("library", document.libraries.len()),
        ("process", document.processes.len()),
    ]
    .into_iter()
    .filter(|(_, count)| *count > 0)
    .map(|(kind, count)| (kind.to_owned(), count as u64))
    .collect();
    let records = counts.values().sum();
    Footer { counts, records, ms: 0 }
}

/// The lines of a text, with what is not UTF-8 in them written as `\xNN`, without the end of line and a mark
/// of byte order. A line that is too long is cut off, and then fits nothing.
fn lines(text: &[u8]) -> impl Iterator<Item = String> + '_ {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    text.split(|b| *b == b'\n').map(|line| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        bytes_text(line.get(..MAX_LINE).unwrap_or(line))
    })
}

fn unreadable(cover: &Cover, index: usize) {
    cover.gap(Part::Document, "unreadable-line", format_args!("line {}", index + 1));
}

/// Reads untrusted bytes as each kind of text.
///
/// # Panics
///
/// When a record or a gap is missing or too many: that is what it looks for.
pub fn fuzz(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let _ = detect(rest);
    let origins = Origin::ALL;
    let Some(origin) = origins.get(usize::from(*first) % origins.len()) else { return };
    let document = read(*origin, rest, "host", Timestamp::from_seconds(0));
    let lines = rest.split(|b| *b == b'\n' || *b == 0).count();
    assert!(document.packages.len() <= lines && document.libraries.len() <= lines);
    assert!(!document.header.coverage.complete);
    for package in &document.packages {
        assert!(!package.name.is_empty() && !package.version.is_empty() && !package.source.is_empty());
    }
    assert_eq!(document, read(*origin, rest, "host", Timestamp::from_seconds(0)));
}
