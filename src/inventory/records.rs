//! CSV records with the place of every field, and with stray quotes caught.
//!
//! The `csv` crate splits; this module adds what a person needs who must correct the file: the line
//! and column of a field, and that one forgotten quote costs one row and not all rows up to the
//! next quote. It knows nothing of columns or services.

use csv::{ByteRecord, Reader, ReaderBuilder};

/// The most that one field may hold, in bytes. No host, owner or note is near it.
pub(super) const FIELD_LIMIT: usize = 1 << 20;

/// How many bytes may be read a second time because of stray quotes, beside eight times the text.
/// Each time may read the rest of the file; a file made of quotes must not make that quadratic.
const READ_AGAIN: usize = 16 << 20;

/// A place in a file: line and byte column, both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: u32,
    pub(super) column: u32,
}

/// What stands at the next place of the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A record, now in [`Records::record`].
    Record,
    /// Quotes that do not fit together.
    Broken(Place, String),
    /// Nothing more.
    End,
}

/// The records of one text.
pub(super) struct Records<'t> {
    text: &'t [u8],
    reader: Reader<&'t [u8]>,
    /// Where in the text the reader began.
    base: usize,
    /// Where in the text the last record ended.
    end: usize,
    /// The line on which `end` lies.
    line: u32,
    /// Where the last record begins, and on which line.
    start: usize,
    start_line: u32,
    multi_line: bool,
    read_again: usize,
    record: ByteRecord,
    /// What stands between fields.
    delimiter: u8,
}

impl<'t> Records<'t> {
    /// The records of a text without byte order mark. Its first line tells what stands between fields.
    pub(super) fn new(text: &'t [u8]) -> Self {
        let delimiter = delimiter(text);
        Self {
            text,
            reader: reader(text, delimiter),
            delimiter,
            base: 0,
            end: 0,
            line: 1,
            start: 0,
            start_line: 1,
            multi_line: false,
            read_again: READ_AGAIN.saturating_add(text.len().saturating_mul(8)),
            record: ByteRecord::new(),
        }
    }

    /// Moves to the next record that is not a blank line.
    pub(super) fn advance(&mut self) -> Next {
        loop {
            // Reading from memory cannot fail, and records may differ in length.
            if !self.reader.read_byte_record(&mut self.record).unwrap_or(false) {
                return Next::End;
            }
            self.measure();
            let suspicious = self.multi_line || self.end >= self.text.len();
            if suspicious && let Some(fault) = self.stray_quote() {
                return fault;
            }
            if !self.record.iter().all(|field| field.trim_ascii().is_empty()) {
                return Next::Record;
            }
        }
    }

    /// The fields of the present record.
    pub(super) fn record(&self) -> &ByteRecord {
        &self.record
    }

    /// The line on which the present record begins.
    pub(super) fn first_line(&self) -> u32 {
        self.start_line
    }

    /// Whether the present record goes over more than one line.
    pub(super) fn is_multi_line(&self) -> bool {
        self.multi_line
    }

    /// Where a field of the present record begins; past the last field, where the record ends.
    pub(super) fn place(&self, field: usize) -> Place {
        let mut scan = Scan::new(self.raw(), self.start_line, self.delimiter);
        for _ in 0..field {
            let _ = scan.quoted_field();
            if !scan.skip_rest() {
                break;
            }
        }
        scan.place()
    }

    /// Reads on at the line after the one on which the present record begins: the quotes in it
    /// swallowed lines that are rows. False when that was done too often; then reading goes on
    /// behind the record.
    pub(super) fn restart_on_next_line(&mut self) -> bool {
        let Some(length) = self.raw().iter().position(|&b| b == b'\n') else {
            return false;
        };
        let Some(left) = self.read_again.checked_sub(self.raw().len()) else {
            return false;
        };
        self.read_again = left;
        self.base = self.start + length + 1;
        self.end = self.base;
        self.line = self.start_line.saturating_add(1);
        self.reader = reader(self.text.get(self.base..).unwrap_or_default(), self.delimiter);
        true
    }

    /// Finds where the record just read begins and ends. The reader's own position lies before the
    /// line ends and blank lines that it skipped.
    fn measure(&mut self) {
        let old = self.end;
        let read = usize::try_from(self.reader.position().byte()).unwrap_or(usize::MAX);
        self.end = self.base.saturating_add(read).clamp(old, self.text.len());
        let span = self.text.get(old..self.end).unwrap_or_default();
        let blank = span.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
        let (skipped, raw) = span.split_at(blank);
        self.start = old + blank;
        self.start_line = self.line.saturating_add(newlines(skipped));
        let content = raw.trim_ascii_end();
        self.multi_line = content.contains(&b'\n');
        self.line = self.start_line.saturating_add(newlines(raw));
    }

    fn raw(&self) -> &'t [u8] {
        self.text.get(self.start..self.end).unwrap_or_default()
    }

    /// Looks at the quotes of the present record: one that is never closed, or text behind a closing
    /// one, tells that a quote was forgotten. Sets reading back to the next line.
    fn stray_quote(&mut self) -> Option<Next> {
        let mut scan = Scan::new(self.raw(), self.start_line, self.delimiter);
        let (place, why) = loop {
            let place = scan.place();
            match scan.quoted_field() {
                Quotes::Open => break (place, "a quote opens here and is never closed"),
                Quotes::TextBehind if self.multi_line => {
                    break (place, "a quote opens here, and text stands behind the one that closes it");
                }
                _ if scan.skip_rest() => {}
                _ => return None,
            }
        };
        let mut message = format!("{why}; expected `\"` round a whole field, and `\"\"` for a quote in it");
        if self.multi_line && !self.restart_on_next_line() {
            message.push_str("; too many such rows, the lines up to its end are not read");
        }
        Some(Next::Broken(place, message))
    }
}

fn reader(text: &[u8], delimiter: u8) -> Reader<&[u8]> {
    ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(text)
}

/// What stands between the names of the header: commas, or the semicolons and tabs that spreadsheets write in some
/// languages. A cell with `443;8443` says nothing: the header alone is looked at.
fn delimiter(text: &[u8]) -> u8 {
    let header = text.trim_ascii_start().split(|&b| b == b'\n').next().unwrap_or_default();
    let header = header.get(..FIELD_LIMIT).unwrap_or(header);
    let mut in_quotes = false;
    let mut counts = [(0_usize, b'\t'), (0, b';'), (0, b',')];
    for &byte in header {
        in_quotes ^= byte == b'"';
        if let Some((count, _)) = counts.iter_mut().find(|(_, d)| *d == byte && !in_quotes) {
            *count += 1;
        }
    }
    // Of equals the last one: the comma.
    counts.into_iter().max_by_key(|(count, _)| *count).map_or(b',', |(_, delimiter)| delimiter)
}

fn newlines(bytes: &[u8]) -> u32 {
    let count = bytes.split(|&b| b == b'\n').count() - 1;
    u32::try_from(count).unwrap_or(u32::MAX)
}

enum Quotes {
    Fit,
    Open,
    TextBehind,
}

/// Walks over the fields of one record's bytes by the same rules as the reader.
struct Scan<'t> {
    raw: &'t [u8],
    at: usize,
    line: u32,
    line_start: usize,
    delimiter: u8,
}

impl<'t> Scan<'t> {
    fn new(raw: &'t [u8], line: u32, delimiter: u8) -> Self {
        Self { raw, at: 0, line, line_start: 0, delimiter }
    }

    /// Whether a field ends here.
    fn at_end(&self) -> bool {
        self.peek().is_none_or(|byte| byte == self.delimiter || matches!(byte, b'\r' | b'\n'))
    }

    fn place(&self) -> Place {
        let column = u32::try_from(self.at - self.line_start).unwrap_or(u32::MAX);
        Place { line: self.line, column: column.saturating_add(1) }
    }

    fn step(&mut self) -> Option<u8> {
        let byte = *self.raw.get(self.at)?;
        self.at += 1;
        if byte == b'\n' {
            self.line = self.line.saturating_add(1);
            self.line_start = self.at;
        }
        Some(byte)
    }

    fn peek(&self) -> Option<u8> {
        self.raw.get(self.at).copied()
    }

    /// Goes over what is left of a field, and its separator; false at the record's end.
    fn skip_rest(&mut self) -> bool {
        while !self.at_end() {
            self.step();
        }
        self.peek() == Some(self.delimiter) && self.step().is_some()
    }

    /// Goes to the end of a field and says how its quotes fit. A field that does not begin with a
    /// quote has none that count.
    fn quoted_field(&mut self) -> Quotes {
        if self.peek() != Some(b'"') {
            while !self.at_end() {
                self.step();
            }
            return Quotes::Fit;
        }
        self.step();
        loop {
            match self.step() {
                None => return Quotes::Open,
                Some(b'"') if self.peek() == Some(b'"') => {
                    self.step();
                }
                Some(b'"') => break,
                Some(_) => {}
            }
        }
        if self.at_end() { Quotes::Fit } else { Quotes::TextBehind }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every record as `line:fields`, every break as `!line:column`.
    fn read(text: &str) -> Vec<String> {
        let mut records = Records::new(text.as_bytes());
        let mut out = Vec::new();
        loop {
            match records.advance() {
                Next::End => return out,
                Next::Broken(place, _) => out.push(format!("!{}:{}", place.line, place.column)),
                Next::Record => {
                    let fields: Vec<_> = records.record().iter().map(String::from_utf8_lossy).collect();
                    out.push(format!("{}:{}", records.first_line(), fields.join("|")));
                }
            }
        }
    }

    #[test]
    fn records_carry_their_line_whatever_ends_lines() {
        let table: &[(&str, &[&str])] = &[
            ("a,b\nc,d\n", &["1:a|b", "2:c|d"]),
            ("a,b\r\nc,d\r\ne,f", &["1:a|b", "2:c|d", "3:e|f"]),
            ("\n\na\r\n\r\n\r\nb\n", &["3:a", "6:b"]),
            ("a\n , \n,,\nb\n", &["1:a", "4:b"]),
            ("a,\"x\ny\"\nb\n", &["1:a|x\ny", "3:b"]),
            ("a,\"x\r\n\r\ny\"\r\nb\r\n", &["1:a|x\r\n\r\ny", "4:b"]),
            ("a,\"x\ry\"\nb\n", &["1:a|x\ry", "2:b"]),
            ("a,\"say \"\"hi\"\"\"\n", &["1:a|say \"hi\""]),
            ("", &[]),
            ("\n\n", &[]),
        ];
        for (input, expected) in table {
            assert_eq!(read(input), *expected, "input: {input:?}");
        }
    }

    #[test]
    fn the_header_tells_what_stands_between_fields() {
        let table: &[(&str, &[&str])] = &[
            ("a;b\nc;d\n", &["1:a|b", "2:c|d"]),
            ("a\tb\nc\td,e;f\n", &["1:a|b", "2:c|d,e;f"]),
            ("a;\"b, c\"\nd;\"443;8443\"\n", &["1:a|b, c", "2:d|443;8443"]),
            ("\na;b, c;d\n1,2;3;4\n", &["2:a|b, c|d", "3:1,2|3|4"]),
            ("a,b;c\n1;2,3\n", &["1:a|b;c", "2:1;2|3"]),
            ("name\nx;y\n", &["1:name", "2:x;y"]),
            ("h;i\na;\"b\nc;d\n", &["1:h|i", "!2:3", "3:c|d"]),
        ];
        for (input, expected) in table {
            assert_eq!(read(input), *expected, "input: {input:?}");
        }
    }

    #[test]
    fn a_stray_quote_costs_one_row() {
        let table: &[(&str, &[&str])] = &[
            // Never closed.
            ("h,i\na,\"b\nc,d\ne,f\n", &["1:h|i", "!2:3", "3:c|d", "4:e|f"]),
            ("h,i\na,\"b", &["1:h|i", "!2:3"]),
            // Closed by the opening quote of a later row.
            ("h,i\na,\"b\nc,d\ne,\"f\"\n", &["1:h|i", "!2:3", "3:c|d", "4:e|f"]),
            ("h,i\n\"a,b\nc,d\n\"e\",f\n", &["1:h|i", "!2:1", "3:c|d", "4:e|f"]),
        ];
        for (input, expected) in table {
            assert_eq!(read(input), *expected, "input: {input:?}");
        }
    }

    #[test]
    fn a_file_of_stray_quotes_ends() {
        let text = "a,\"b\n".repeat(20_001);
        let got = read(&text);
        assert!(got.iter().all(|row| row.starts_with('!')), "{:?}", &got[..3]);
        assert_eq!(got.len(), 20_001);
    }

    #[test]
    fn fields_have_places() {
        let text = "x\r\n\r\naa,\"b,\"\"\nb\",c\r\n";
        let mut records = Records::new(text.as_bytes());
        assert_eq!(records.advance(), Next::Record);
        assert_eq!(records.advance(), Next::Record);
        let places: Vec<_> = (0..4).map(|i| records.place(i)).map(|p| (p.line, p.column)).collect();
        assert_eq!(places, [(3, 1), (3, 4), (4, 4), (4, 5)]);
    }
}
