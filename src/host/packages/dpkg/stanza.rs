//! The stanzas of `status` and of control files (deb822): only the fields that a package record needs.

use memchr::memchr;

use crate::{
    host::{cover::Cover, root::bytes_text},
    model::host::Part,
};

/// The longest value that is kept; no name or version comes near.
const MAX_VALUE: usize = 1024;

/// Where stanzas come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// dpkg's own database: each has a status.
    Status,
    /// The control file of an unpacked package: it has none, and needs none.
    Control,
}

/// A package's stanza.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Stanza {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) arch: String,
    pub(super) source: String,
    status: String,
}

impl Stanza {
    /// Whether files of the package are in place. Half states count: what is half unpacked can be run.
    pub(super) fn leaves_files(&self) -> bool {
        !matches!(self.status.split_ascii_whitespace().nth(2), Some("config-files" | "not-installed"))
    }

    fn field(&mut self, name: &[u8]) -> Option<&mut String> {
        let fields: [(&[u8], &mut String); 5] = [
            (b"package", &mut self.name),
            (b"version", &mut self.version),
            (b"architecture", &mut self.arch),
            (b"source", &mut self.source),
            (b"status", &mut self.status),
        ];
        fields.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, field)| field)
    }
}

/// Reads all stanzas. One that is not whole is a gap `bad-stanza` with its line, and is kept where it has
/// at least a name.
pub(super) fn read(bytes: &[u8], place: &str, kind: Kind, cover: &Cover) -> Vec<Stanza> {
    let mut found = Vec::new();
    let mut current = Current::default();
    let mut line_number = 0_u64;
    let mut rest = bytes;
    while !rest.is_empty() {
        line_number += 1;
        let end = memchr(b'\n', rest);
        let (line, more) = match end {
            Some(end) => (rest.get(..end).unwrap_or_default(), rest.get(end + 1..).unwrap_or_default()),
            None => (rest, &[][..]),
        };
        rest = more;
        // dpkg ends its files with a line feed: without one, the end is missing.
        current.bad |= end.is_none() && kind == Kind::Status;
        if line.iter().all(|c| matches!(c, b' ' | b'\t' | b'\r')) {
            current.finish(&mut found, place, kind, cover);
        } else {
            current.line(line, line_number);
        }
        if line_number.is_multiple_of(65536) && cover.out_of_time() {
            cover.gap(Part::Packages, "time-limit", place);
            return found;
        }
    }
    current.finish(&mut found, place, kind, cover);
    found
}

#[derive(Default)]
struct Current {
    stanza: Stanza,
    /// The line that it began on; 0 before the first.
    begun: u64,
    bad: bool,
}

impl Current {
    fn line(&mut self, line: &[u8], number: u64) {
        if self.begun == 0 {
            self.begun = number;
        }
        if matches!(line.first(), Some(b' ' | b'\t')) {
            return;
        }
        let Some(colon) = memchr(b':', line) else {
            self.bad = true;
            return;
        };
        let (name, value) = line.split_at(colon);
        let Some(field) = self.stanza.field(name) else { return };
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        if value.len() > MAX_VALUE || !field.is_empty() {
            self.bad = true;
        } else {
            *field = bytes_text(value);
        }
    }

    fn finish(&mut self, found: &mut Vec<Stanza>, place: &str, kind: Kind, cover: &Cover) {
        let Self { stanza, begun, bad } = std::mem::take(self);
        if begun == 0 {
            return;
        }
        let no_status = kind == Kind::Status && stanza.status.split_ascii_whitespace().count() != 3;
        // What is not installed may lack everything else.
        let no_version = stanza.leaves_files() && (stanza.version.is_empty() || stanza.arch.is_empty());
        if bad || no_status || no_version || stanza.name.is_empty() {
            cover.gap(Part::Packages, "bad-stanza", format_args!("{place}:{begun}"));
        }
        if !stanza.name.is_empty() {
            found.push(stanza);
        }
    }
}
