//! Documents of `allclear.host/1`: one JSON object a line, a header first, a footer last.
//!
//! Writing is strict. Reading takes what it can: a document comes from a host that may be hostile or was
//! cut off, so a line that cannot be read is a gap in the coverage with its number, never a failure of the
//! rest. Only a text that has no header at all is refused.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::{self, Write},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::cover::Cover;
use crate::model::{
    host::{Document, Footer, Header, Part, Record, SCHEMA},
    text::acts_on_a_terminal,
};

/// The longest line that is read, bytes.
const LINE: usize = 4 << 20;

/// Records read of one document at most.
const RECORDS: u64 = 2_000_000;

/// Why a text is not a document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The first line is not a header.
    #[error("line {line}: no header of {SCHEMA} ({reason})")]
    NoHeader {
        /// The line, from 1.
        line: u64,
        /// What stands there instead.
        reason: String,
    },
    /// A newer kind of document.
    #[error("line {line}: schema `{found}` is not known to this build, which reads {SCHEMA}")]
    OtherSchema {
        /// The line, from 1.
        line: u64,
        /// What it says.
        found: String,
    },
}

#[derive(Serialize)]
struct Line<'a> {
    schema: &'static str,
    #[serde(flatten)]
    record: &'a Record,
}

/// What every line says of itself. Everything else of it is read by its kind.
#[derive(Deserialize)]
struct Kind {
    schema: String,
    record: String,
}

/// Writes a document: header, records by kind, and a footer that counts them. `ms` is how long the
/// collection took.
pub fn write(document: Document, ms: u64, out: &mut dyn Write) -> io::Result<Footer> {
    let document = complete(document, ms);
    put(&Record::Header(Box::new(document.header)), out)?;
    let body = (document.packages.into_iter().map(Record::Package))
        .chain(document.updates.into_iter().map(Record::Update))
        .chain(document.libraries.into_iter().map(|l| Record::Library(Box::new(l))))
        .chain(document.processes.into_iter().map(|p| Record::Process(Box::new(p))))
        .chain(document.listeners.into_iter().map(Record::Listener))
        .chain(document.firewall.into_iter().map(Record::Firewall))
        .chain(document.keys.into_iter().map(|k| Record::Key(Box::new(k))));
    for record in body {
        put(&record, out)?;
    }
    let footer = document.footer.unwrap_or_default();
    put(&Record::Footer(footer.clone()), out)?;
    out.flush()?;
    Ok(footer)
}

/// The document with the footer that counts its records.
pub fn complete(document: Document, ms: u64) -> Document {
    let lists = [
        ("package", document.packages.len()),
        ("update", document.updates.len()),
        ("library", document.libraries.len()),
        ("process", document.processes.len()),
        ("listener", document.listeners.len()),
        ("firewall", document.firewall.len()),
        ("key", document.keys.len()),
    ];
    let counts: BTreeMap<String, u64> =
        lists.iter().filter(|(_, n)| *n > 0).map(|(kind, n)| ((*kind).to_owned(), *n as u64)).collect();
    let records = counts.values().sum();
    Document { footer: Some(Footer { counts, records, ms }), ..document }
}

fn put(record: &Record, out: &mut dyn Write) -> io::Result<()> {
    let line = serde_json::to_string(&Line { schema: SCHEMA, record })?;
    out.write_all(inert(&line).as_bytes())?;
    out.write_all(b"\n")
}

/// The same JSON with every character that acts on a terminal as `\uNNNN`: a file may be named to clear one.
/// Such characters stand in strings only, since serde_json writes none of its own.
fn inert(line: &str) -> std::borrow::Cow<'_, str> {
    if !line.contains(acts_on_a_terminal) {
        return line.into();
    }
    let mut text = String::with_capacity(line.len() + 32);
    for c in line.chars() {
        if acts_on_a_terminal(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(text, "\\u{unit:04x}");
            }
        } else {
            text.push(c);
        }
    }
    text.into()
}

/// The documents of a text, one after the other: each begins with a header. What stands before the first
/// header belongs to the first document, whose reader says what is wrong with it.
pub fn split(text: &[u8]) -> Vec<&[u8]> {
    let mut starts: Vec<usize> = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive(|b| *b == b'\n') {
        if is_header(line) {
            starts.push(at);
        }
        at += line.len();
    }
    match starts.first_mut() {
        Some(first) => *first = 0,
        None => starts.push(0),
    }
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    starts.iter().zip(ends).filter_map(|(from, to)| text.get(*from..to)).collect()
}

/// Whether a line is a header of any version of the schema.
pub fn is_header(line: &[u8]) -> bool {
    // Cheap first: nearly every line of a text is another record.
    line.len() <= LINE
        && memchr::memmem::find(line, b"\"header\"").is_some()
        && serde_json::from_slice::<Kind>(line)
            .is_ok_and(|kind| kind.record == "header" && kind.schema.starts_with("allclear.host/"))
}

/// Reads one document. Everything that could not be read of it is a gap of the part `document`.
pub fn read(text: &[u8]) -> Result<Document, Error> {
    let mut lines =
        text.split(|b| *b == b'\n').zip(1_u64..).filter(|(line, _)| !line.trim_ascii().is_empty());
    let Some((first, number)) = lines.next() else {
        return Err(Error::NoHeader { line: 1, reason: "the text is empty".to_owned() });
    };
    let header = header(first, number)?;
    let mut reading = Reading { document: Document::new(header), cover: Cover::default(), records: 0 };
    for (line, number) in lines {
        if !reading.line(line, number) {
            break;
        }
    }
    Ok(reading.finish())
}

fn header(line: &[u8], number: u64) -> Result<Header, Error> {
    let no_header = |reason: String| Error::NoHeader { line: number, reason };
    let kind: Kind = parse(line).map_err(no_header)?;
    if kind.schema != SCHEMA {
        return Err(Error::OtherSchema { line: number, found: kind.schema.chars().take(80).collect() });
    }
    if kind.record != "header" {
        return Err(no_header(format!(
            "it begins with a record `{}`",
            kind.record.chars().take(40).collect::<String>()
        )));
    }
    parse(line).map_err(no_header)
}

fn parse<T: DeserializeOwned>(line: &[u8]) -> Result<T, String> {
    if line.len() > LINE {
        return Err(format!("longer than {LINE} bytes"));
    }
    serde_json::from_slice(line).map_err(|e| e.to_string().chars().take(200).collect())
}

struct Reading {
    document: Document,
    cover: Cover,
    records: u64,
}

impl Reading {
    /// Takes one line; false when no more should come.
    fn line(&mut self, line: &[u8], number: u64) -> bool {
        if self.document.footer.is_some() {
            self.gap("after-end", format_args!("line {number}"));
            return true;
        }
        if self.records >= RECORDS {
            self.gap("too-many-records", format_args!("line {number}"));
            return false;
        }
        if let Err(reason) = self.record(line) {
            self.gap("unreadable-line", format_args!("line {number}: {reason}"));
        }
        true
    }

    fn record(&mut self, line: &[u8]) -> Result<(), String> {
        let kind: Kind = parse(line)?;
        if kind.schema != SCHEMA {
            return Err(format!("schema `{}`", kind.schema.chars().take(80).collect::<String>()));
        }
        let document = &mut self.document;
        match kind.record.as_str() {
            "package" => document.packages.push(parse(line)?),
            "library" => document.libraries.push(parse(line)?),
            "process" => document.processes.push(parse(line)?),
            "listener" => document.listeners.push(parse(line)?),
            "firewall" => document.firewall.push(parse(line)?),
            "key" => document.keys.push(parse(line)?),
            "update" => document.updates.push(parse(line)?),
            "footer" => {
                document.footer = Some(parse(line)?);
                return Ok(());
            }
            "header" => return Err("a second header".to_owned()),
            other => return Err(format!("unknown record `{}`", other.chars().take(40).collect::<String>())),
        }
        self.records += 1;
        Ok(())
    }

    fn gap(&self, what: &str, example: impl std::fmt::Display) {
        self.cover.gap(Part::Document, what, example);
    }

    fn finish(mut self) -> Document {
        match &self.document.footer {
            None => self.gap("cut-off", "there is no footer"),
            Some(footer) if footer.records != self.records => {
                self.gap("count-mismatch", format_args!("{} records of {}", self.records, footer.records));
            }
            Some(_) => {}
        }
        let found = self.cover.coverage();
        let coverage = &mut self.document.header.coverage;
        coverage.complete &= found.gaps.is_empty();
        coverage.gaps.extend(found.gaps);
        self.document
    }
}

/// The entry for fuzzing: whatever is read can be written, and then reads as the same.
///
/// # Panics
/// When that does not hold; that is what the fuzzer looks for.
pub fn fuzz(data: &[u8]) {
    for part in split(data) {
        let Ok(document) = read(part) else { continue };
        let mut text = Vec::new();
        let written = write(document.clone(), 0, &mut text);
        assert!(written.is_ok(), "what was read cannot be written");
        let Ok(mut again) = read(&text) else { unreachable!("what was written cannot be read") };
        again.footer.clone_from(&document.footer);
        assert!(again == document, "what was written reads as something else");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::host::{Collector, Coverage, Ecosystem, Package};

    fn header() -> Header {
        Header {
            host: "web01".to_owned(),
            asked_as: None,
            at: crate::model::time::Timestamp::from_seconds(1_700_000_000),
            tool: "allclear 0.1.0".to_owned(),
            collector: Collector::Binary,
            machine: None,
            addresses: vec!["192.0.2.1".parse().unwrap()],
            os: None,
            kernel: None,
            arch: None,
            booted_at: None,
            root: "/".to_owned(),
            uid: Some(0),
            privileged: true,
            coverage: Coverage {
                complete: true,
                counts: [("files_seen".to_owned(), 3)].into(),
                ..Coverage::default()
            },
        }
    }

    fn sample() -> Document {
        let mut document = Document::new(header());
        document.packages = ["libssl3", "openssl"]
            .map(|name| Package {
                name: name.to_owned(),
                version: "3.0.11-1~deb12u2".to_owned(),
                epoch: None,
                arch: "amd64".to_owned(),
                source: "openssl".to_owned(),
                source_version: None,
                ecosystem: Ecosystem::Dpkg,
                openssl: true,
                installed_at: None,
                upgraded_from: None,
                container: None,
            })
            .into();
        document
    }

    fn text() -> String {
        let mut out = Vec::new();
        write(sample(), 12, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_document_reads_as_it_was_written() {
        let document = read(text().as_bytes()).unwrap();
        assert_eq!(document.header, header());
        assert_eq!(document.packages, sample().packages);
        let footer = document.footer.unwrap();
        assert_eq!((footer.records, footer.ms, footer.counts["package"]), (2, 12, 2));
        assert!(
            text().lines().all(|l| l.starts_with("{\"schema\":\"allclear.host/1\",\"record\":\"")),
            "{}",
            text()
        );
    }

    #[test]
    fn every_cut_shows() {
        let text = text();
        for end in text.find('\n').unwrap()..text.len() - 2 {
            let document = read(&text.as_bytes()[..end]).unwrap();
            assert!(!document.header.coverage.complete, "cut at {end}");
            assert!(document.header.coverage.gaps.iter().any(|g| g.what == "cut-off"), "cut at {end}");
        }
        let lost: String = text.split_inclusive('\n').filter(|l| !l.contains("libssl3")).collect();
        let gaps = read(lost.as_bytes()).unwrap().header.coverage.gaps;
        assert_eq!(
            (gaps[0].what.as_str(), gaps[0].examples[0].as_str()),
            ("count-mismatch", "1 records of 2")
        );
    }

    #[test]
    fn odd_lines_are_counted_and_cost_nothing_else() {
        let mut lines: Vec<String> = text().lines().map(str::to_owned).collect();
        for odd in
            ["{", "[]", "\"x\"", "{\"schema\":\"allclear.host/1\",\"record\":\"tea\"}", "\u{fffd}\u{1b}[2J"]
        {
            lines.insert(1, odd.to_owned());
        }
        let mut bytes = lines.join("\n").into_bytes();
        bytes.extend_from_slice(b"\n{\"late\":1}\n\xff\xfe\n");
        let document = read(&bytes).unwrap();
        assert_eq!(document.packages.len(), 2);
        let gaps: Vec<(&str, u64)> =
            document.header.coverage.gaps.iter().map(|g| (g.what.as_str(), g.count)).collect();
        assert_eq!(gaps, [("after-end", 2), ("unreadable-line", 5)]);
    }

    #[test]
    fn a_text_without_a_header_is_refused_with_its_line() {
        for (text, expected) in [
            ("", "line 1: no header of allclear.host/1 (the text is empty)"),
            ("\n\nii  libssl3", "line 3: no header"),
            (
                "{\"schema\":\"allclear.host/9\",\"record\":\"header\"}",
                "line 1: schema `allclear.host/9` is not known",
            ),
            ("{\"schema\":\"allclear.host/1\",\"record\":\"key\"}", "it begins with a record `key`"),
        ] {
            let error = read(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn documents_in_a_row_are_told_apart() {
        let both = text() + &text();
        assert_eq!(split(both.as_bytes()).len(), 2);
        assert!(split(both.as_bytes()).iter().all(|t| read(t).unwrap().footer.is_some()));
        assert_eq!(split(b"nothing"), [b"nothing"]);
    }

    #[test]
    fn a_hostile_name_is_inert_in_the_document_and_reads_as_it_is() {
        let mut document = sample();
        let name = "x\u{1b}[2J\u{9b}\u{202e}\u{e0041}\u{7f}\n{\"schema\"";
        name.clone_into(&mut document.packages[0].name);
        let mut out = Vec::new();
        write(document, 0, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(!text.contains(|c| c != '\n' && acts_on_a_terminal(c)), "{text:?}");
        assert_eq!(read(text.as_bytes()).unwrap().packages[0].name, name);
    }

    #[test]
    fn a_later_release_may_say_more() {
        let text =
            text().replace("\"complete\":true", "\"complete\":true,\"new\":{\"a\":[1]},\"words\":\"x\"");
        let document = read(text.as_bytes()).unwrap();
        assert_eq!(document.header.coverage.counts, header().coverage.counts);
    }
}
