//! The CSV dialects and the formula guard (REMEDIATION 3.2).
//!
//! Quoting is the `csv` crate's; this file decides what stands in a cell. Three things happen to a text,
//! in this order: line ends become ` / ` (or `\n` with `multiline`), characters that act on a terminal
//! become `\xNN` or `\u{NNNN}`, and a line that a spreadsheet would run as a formula gets a leading `'`.
//! The first two cannot be undone (a backslash is not escaped); the third (`model::guard`) is undone by [`unguard`].
//!
//! Not a reader: that is the tracker's import (`tracker`).

use std::{
    borrow::Cow,
    fmt::Display,
    io::{self, Write},
};

use csv::{QuoteStyle, Terminator, Writer, WriterBuilder};

use crate::model::{
    guard::{guard, runs, unguard},
    text::printable,
    time::Timestamp,
};

/// How a CSV file is written. The default is RFC 4180: comma, CRLF, quotes where needed, guard on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "four independent switches of the command line")]
pub struct Dialect {
    /// Tabs between fields.
    pub tsv: bool,
    /// A byte order mark, and semicolons between fields (tabs with `tsv`).
    pub excel: bool,
    /// No formula guard. Nothing else changes.
    pub raw: bool,
    /// Lines of a cell stay lines.
    pub multiline: bool,
}

impl Dialect {
    /// The byte between two fields.
    pub const fn delimiter(self) -> u8 {
        match (self.tsv, self.excel) {
            (true, _) => b'\t',
            (false, true) => b';',
            (false, false) => b',',
        }
    }

    /// The file extension.
    pub const fn extension(self) -> &'static str {
        if self.tsv { "tsv" } else { "csv" }
    }
}

/// One cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell<'a> {
    /// Text that came from outside, or quotes it: guarded.
    Text(Cow<'a, str>),
    /// A number, time, digest or word of a closed list that the tool wrote: never guarded.
    Tool(Cow<'a, str>),
}

impl<'a> Cell<'a> {
    /// A guarded cell.
    pub fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text(text.into())
    }

    /// A cell of the tool's own.
    pub fn tool(value: impl Display) -> Self {
        Self::Tool(value.to_string().into())
    }

    /// The same for a value that may be absent: then the cell is empty.
    pub fn maybe(value: Option<impl Display>) -> Self {
        Self::Tool(value.map(|v| v.to_string()).unwrap_or_default().into())
    }

    /// A time that may be absent, in whole seconds: a spreadsheet takes it for text with more.
    pub fn time(value: Option<Timestamp>) -> Self {
        Self::maybe(value.map(Timestamp::seconds))
    }

    /// What a file of this dialect shows in this cell, before quoting.
    pub fn shown(&self, dialect: Dialect) -> Cow<'_, str> {
        match self {
            Self::Tool(value) => clean(value, dialect.multiline),
            Self::Text(value) => match clean(value, dialect.multiline) {
                shown if dialect.raw => shown,
                Cow::Borrowed(shown) => guard(shown),
                Cow::Owned(shown) => Cow::Owned(guard(&shown).into_owned()),
            },
        }
    }
}

/// Joins a list with `;`.
pub fn list<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    let mut out = String::new();
    for item in items {
        if !out.is_empty() {
            out.push(';');
        }
        out.push_str(&item.to_string());
    }
    out
}

/// Writes one file: a header, then rows of the same length.
pub struct Sheet<'w> {
    writer: Writer<&'w mut dyn Write>,
    dialect: Dialect,
    rows: u64,
}

impl<'w> Sheet<'w> {
    /// Writes the header.
    pub fn new(out: &'w mut dyn Write, dialect: Dialect, header: &[&str]) -> io::Result<Self> {
        if dialect.excel {
            out.write_all("\u{feff}".as_bytes())?;
        }
        let mut writer = WriterBuilder::new()
            .delimiter(dialect.delimiter())
            .terminator(Terminator::CRLF)
            .quote_style(QuoteStyle::Necessary)
            .from_writer(out);
        writer.write_record(header).map_err(io::Error::from)?;
        Ok(Self { writer, dialect, rows: 0 })
    }

    /// Writes one row; a row of another length than the header is an error.
    pub fn row<'c>(&mut self, cells: impl IntoIterator<Item = Cell<'c>>) -> io::Result<()> {
        for cell in cells {
            let shown = cell.shown(self.dialect);
            self.writer.write_field(shown.as_bytes()).map_err(io::Error::from)?;
        }
        self.writer.write_record(None::<&[u8]>).map_err(io::Error::from)?;
        self.rows += 1;
        Ok(())
    }

    /// Writes out what is buffered; returns the number of rows.
    pub fn finish(mut self) -> io::Result<u64> {
        self.writer.flush()?;
        Ok(self.rows)
    }
}

/// Line ends and control characters as a cell shows them.
fn clean(text: &str, multiline: bool) -> Cow<'_, str> {
    if !text.contains(['\r', '\n']) {
        return printable(text);
    }
    let unified = text.replace("\r\n", "\n").replace('\r', "\n");
    let lines: Vec<_> = unified.split('\n').map(printable).collect();
    Cow::Owned(lines.join(if multiline { "\n" } else { " / " }))
}

/// Every dialect, for tests and the fuzz target.
pub(super) fn all_dialects() -> impl Iterator<Item = Dialect> {
    (0..16u8).map(|bits| Dialect {
        tsv: bits & 1 != 0,
        excel: bits & 2 != 0,
        raw: bits & 4 != 0,
        multiline: bits & 8 != 0,
    })
}

/// Writes a text in every dialect, reads it back and holds it to what this file promises.
#[expect(clippy::expect_used, reason = "the fuzz target: a failure is the finding")]
pub(super) fn check_round_trip(text: &str) {
    assert_eq!(unguard(&guard(text)), text, "unguard undoes guard");
    for dialect in all_dialects() {
        let mut file = Vec::new();
        let mut sheet = Sheet::new(&mut file, dialect, &["a", "b", "c"]).expect("writes to memory");
        let row = [Cell::tool("x"), Cell::text(text), Cell::tool("y")];
        sheet.row(row).expect("writes to memory");
        sheet.finish().expect("writes to memory");
        let body = file.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&file);
        let mut reader = csv::ReaderBuilder::new().delimiter(dialect.delimiter()).from_reader(body);
        let rows: Vec<_> = reader.records().map(|r| r.expect("reads back")).collect();
        assert_eq!(rows.len(), 1, "{dialect:?}: one row in, one row out");
        let cell = rows.first().and_then(|r| r.get(1)).expect("three fields in, three fields out");
        let expected = clean(text, dialect.multiline);
        let got = if dialect.raw { cell.into() } else { unguard(cell) };
        assert_eq!(got, expected, "{dialect:?}: the text comes back");
        assert!(dialect.raw || !cell.split('\n').any(runs), "{dialect:?}: nothing runs");
        let control = |c: char| c.is_control() && !(dialect.multiline && c == '\n');
        assert!(!cell.contains(control), "{dialect:?}: no control character");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn formulas_are_guarded_and_nothing_else_is() {
        let table = [
            ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("  \u{a0}=1", "'  \u{a0}=1"),
            ("\t=1", "'\t=1"),
            ("\r=1", "'\r=1"),
            ("\u{ff1d}1+1", "'\u{ff1d}1+1"),
            ("\u{ff0b}1", "'\u{ff0b}1"),
            ("\u{ff0d}1", "'\u{ff0d}1"),
            ("\u{ff20}x", "'\u{ff20}x"),
            ("'=1", "''=1"),
            ("''=1", "'''=1"),
            ("a\n=1\nb", "a\n'=1\nb"),
            ("sha256:00", "sha256:00"),
            ("0x00", "0x00"),
            ("'quoted'", "'quoted'"),
            ("web-01", "web-01"),
            ("a=b", "a=b"),
            ("", ""),
        ];
        for (input, expected) in table {
            assert_eq!(guard(input), expected, "input: {input:?}");
            assert_eq!(unguard(expected), input, "input: {input:?}");
        }
    }

    #[test]
    fn unguard_leaves_an_apostrophe_that_protects_nothing() {
        for text in ["'tis", "'", "''", "O'Brien", "' x"] {
            assert_eq!(unguard(text), text, "input: {text:?}");
        }
    }

    #[test]
    fn the_tools_own_numbers_are_not_guarded() {
        assert_eq!(Cell::tool(-3).shown(Dialect::default()), "-3");
        assert_eq!(Cell::text("-3").shown(Dialect::default()), "'-3");
    }

    #[test]
    fn each_dialect_writes_what_its_name_says() {
        let write = |dialect: Dialect| {
            let mut out = Vec::new();
            let mut sheet = Sheet::new(&mut out, dialect, &["a", "b"]).unwrap();
            sheet.row([Cell::text("=1;x,\"y\"\nz\t\u{1b}[31m"), Cell::tool(7)]).unwrap();
            assert_eq!(sheet.finish().unwrap(), 1);
            String::from_utf8(out).unwrap()
        };
        let plain = Dialect::default();
        let table = [
            (plain, "a,b\r\n\"'=1;x,\"\"y\"\" / z\\x09\\x1B[31m\",7\r\n"),
            (Dialect { raw: true, ..plain }, "a,b\r\n\"=1;x,\"\"y\"\" / z\\x09\\x1B[31m\",7\r\n"),
            (Dialect { multiline: true, ..plain }, "a,b\r\n\"'=1;x,\"\"y\"\"\nz\\x09\\x1B[31m\",7\r\n"),
            (Dialect { excel: true, ..plain }, "\u{feff}a;b\r\n\"'=1;x,\"\"y\"\" / z\\x09\\x1B[31m\";7\r\n"),
            (Dialect { tsv: true, ..plain }, "a\tb\r\n\"'=1;x,\"\"y\"\" / z\\x09\\x1B[31m\"\t7\r\n"),
        ];
        for (dialect, expected) in table {
            assert_eq!(write(dialect), expected, "{dialect:?}");
        }
    }

    #[test]
    fn a_row_of_another_length_is_refused() {
        let mut out = Vec::new();
        let mut sheet = Sheet::new(&mut out, Dialect::default(), &["a", "b"]).unwrap();
        assert!(sheet.row([Cell::tool(1)]).is_err());
    }

    proptest! {
        #[test]
        fn every_text_survives_every_dialect(text in "\\PC*|[ '=+\\-@\t\r\n\u{a0}\u{ff1d}a\u{1b}\u{202e},;\"]{0,12}") {
            check_round_trip(&text);
        }
    }
}
