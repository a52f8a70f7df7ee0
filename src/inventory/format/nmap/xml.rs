//! XML events with their places, and a way on after a piece that is broken.
//!
//! Nothing is ever expanded or fetched: of a document type nothing is read, and only the five entities of XML
//! itself and character references stand for text.

use std::borrow::Cow;

use memchr::{memchr_iter, memmem};
use quick_xml::{
    Reader, XmlVersion,
    events::{BytesRef, BytesStart, Event},
};

use crate::inventory::records::{FIELD_LIMIT, Place};

/// How many broken places are got over.
const MOST_BROKEN: u32 = 1000;

/// How many bytes may be read a second time because of them, beside four times the text. Each may cost a look at the
/// rest of the file, and a file made of such places must not make that quadratic.
const READ_AGAIN: usize = 16 << 20;

/// What a report goes on with after a broken place.
const ANCHORS: [&[u8]; 3] = [b"<host", b"<nmaprun", b"<runstats"];

/// What comes next.
pub(super) enum Step<'t> {
    Event(Event<'t>),
    /// A piece that is no XML; reading goes on at the next host.
    Broken(String),
    /// The end, or a broken place behind which there is no host any more.
    End,
}

/// The events of one text.
pub(super) struct Pull<'t> {
    text: &'t str,
    reader: Reader<&'t [u8]>,
    /// Where in the text the reader began.
    base: usize,
    /// Where the last event began.
    start: usize,
    lines: Lines,
    broken: u32,
    read_again: usize,
}

/// The line of an offset, counted once for each byte.
struct Lines {
    at: usize,
    line: u32,
    begin: usize,
}

impl<'t> Pull<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let lines = Lines { at: 0, line: 1, begin: 0 };
        Self { text, reader: reader(text), base: 0, start: 0, lines, broken: 0, read_again: 0 }
    }

    pub(super) fn step(&mut self) -> Step<'t> {
        self.start = self.base + offset(self.reader.buffer_position());
        match self.reader.read_event() {
            Ok(Event::Eof) => Step::End,
            Ok(event) => Step::Event(event),
            Err(error) => {
                let at = self.base + offset(self.reader.error_position());
                let from = at.max(self.start) + 1;
                let allowed = READ_AGAIN.saturating_add(self.text.len().saturating_mul(4));
                let goes_on = self.broken < MOST_BROKEN && self.read_again < allowed;
                let reached = self.base + offset(self.reader.buffer_position());
                let anchor = goes_on.then(|| next_anchor(self.text, from)).flatten();
                let Some((anchor, rest)) = anchor else { return Step::End };
                self.broken += 1;
                self.read_again = self.read_again.saturating_add(reached.saturating_sub(anchor));
                (self.base, self.reader) = (anchor, reader(rest));
                Step::Broken(format!("this is no XML ({error}); reading goes on at the next host"))
            }
        }
    }

    /// Where the last event began.
    pub(super) fn place(&mut self) -> Place {
        let between = self.text.as_bytes().get(self.lines.at..self.start).unwrap_or_default();
        for end in memchr_iter(b'\n', between) {
            self.lines.line = self.lines.line.saturating_add(1);
            self.lines.begin = self.lines.at + end + 1;
        }
        self.lines.at = self.lines.at.max(self.start);
        let column = u32::try_from(self.start.saturating_sub(self.lines.begin)).unwrap_or(u32::MAX);
        Place { line: self.lines.line, column: column.saturating_add(1) }
    }
}

fn reader(text: &str) -> Reader<&[u8]> {
    let mut reader = Reader::from_str(text);
    let config = reader.config_mut();
    // A scan that was killed closes nothing, and a name that is not held costs nothing.
    config.check_end_names = false;
    config.allow_unmatched_ends = true;
    config.allow_dangling_amp = true;
    reader
}

fn offset(position: u64) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}

/// The next place from which a report can be read again, and the text from there.
fn next_anchor(text: &str, from: usize) -> Option<(usize, &str)> {
    let rest = text.as_bytes().get(from..)?;
    let first = |anchor: &&[u8]| {
        memmem::find_iter(rest, anchor).find(|at| {
            let after = rest.get(at + anchor.len());
            after.is_some_and(|b| b.is_ascii_whitespace() || *b == b'>')
        })
    };
    let at = from + ANCHORS.iter().filter_map(first).min()?;
    Some((at, text.get(at..)?))
}

/// An attribute's value; the error says that it is too long or holds an entity that is none of XML's own.
pub(super) fn attribute<'a>(tag: &'a BytesStart<'_>, wanted: &str) -> Result<Option<Cow<'a, str>>, String> {
    let mut attributes = tag.attributes();
    // Looking for doubles is quadratic; the first one counts.
    let found = attributes.with_checks(false).filter_map(Result::ok).find(|a| a.key.0 == wanted);
    let Some(found) = found else { return Ok(None) };
    if found.value.len() > FIELD_LIMIT {
        return Err(format!("`{wanted}` has {} bytes; at most {FIELD_LIMIT} are read", found.value.len()));
    }
    found.normalized_value(XmlVersion::Implicit1_0).map(Some).map_err(|_| unknown_entity(wanted))
}

fn unknown_entity(attribute: &str) -> String {
    format!("`{attribute}` has a reference to an entity that is none of XML's own; such are never expanded")
}

/// The characters behind `&amp;`, `&#45;` and their kind.
pub(super) fn reference(e: &BytesRef<'_>) -> Option<String> {
    if let Ok(Some(c)) = e.resolve_char_ref() {
        return Some(c.to_string());
    }
    quick_xml::escape::resolve_predefined_entity(&e.xml10_content()).map(str::to_owned)
}
