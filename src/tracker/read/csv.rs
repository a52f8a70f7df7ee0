//! Text: its encoding, its delimiter, its rows.

use std::borrow::Cow;

use csv::ReaderBuilder;

use super::{Error, MAX_CELLS, MAX_COLUMNS, Row, Table};

/// Characters of Windows-1252 from 0x80 to 0x9f (WHATWG); everything else is as in Latin-1.
const WINDOWS_1252: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}',
    '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

pub(super) fn table(bytes: &[u8]) -> Result<Table, Error> {
    let (text, encoding, notice) = decode(bytes)?;
    if text.contains('\0') {
        return Err(Error::Kind("is neither text nor XLSX nor ODS: it holds NUL bytes"));
    }
    let (text, delimiter) = delimiter(&text);
    let mut reader = ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    let mut table = Table { notices: notice.into_iter().collect(), ..Table::default() };
    let lines = Lines::of(text);
    let mut cells = 0;
    for record in reader.records() {
        let record = record.map_err(|error| Error::Broken(error.to_string()))?;
        cells += record.len();
        if cells > MAX_CELLS || record.len() > MAX_COLUMNS {
            return Err(Error::TooLarge("too many cells"));
        }
        let line = record.position().map_or(0, |position| lines.at(text, position.byte()));
        table.rows.push(Row { line, cells: record.iter().map(str::to_owned).collect() });
    }
    let between = match delimiter {
        b'\t' => "tabs",
        b';' => "semicolons",
        _ => "commas",
    };
    table.form = format!("CSV, {between}, {encoding}");
    Ok(table)
}

/// Where lines begin, whatever ends them: the parser counts line feeds alone.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        let ends = |(at, byte): (usize, &u8)| match byte {
            b'\n' => Some(at + 1),
            b'\r' if bytes.get(at + 1) != Some(&b'\n') => Some(at + 1),
            _ => None,
        };
        Self(bytes.iter().enumerate().filter_map(ends).collect())
    }

    /// The line of a record. The parser names the end of the record before it, so line ends from there on are passed.
    fn at(&self, text: &str, byte: u64) -> u64 {
        let byte = usize::try_from(byte).unwrap_or(usize::MAX);
        let ends = text.as_bytes().iter().skip(byte).take_while(|b| matches!(b, b'\r' | b'\n')).count();
        self.0.partition_point(|start| *start <= byte.saturating_add(ends)) as u64 + 1
    }
}

fn decode(bytes: &[u8]) -> Result<(Cow<'_, str>, &'static str, Option<String>), Error> {
    if let Some(rest) = bytes.strip_prefix(&[0xff, 0xfe]) {
        return Ok((wide(rest, u16::from_le_bytes)?.into(), "UTF-16", None));
    }
    if let Some(rest) = bytes.strip_prefix(&[0xfe, 0xff]) {
        return Ok((wide(rest, u16::from_be_bytes)?.into(), "UTF-16", None));
    }
    let body = bytes.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(bytes);
    if let Ok(text) = std::str::from_utf8(body) {
        return Ok((text.into(), "UTF-8", None));
    }
    let text = windows_1252(body);
    let notice = "is not UTF-8 and was read as Windows-1252: look at letters with accents, or save it as UTF-8 (Excel: \
                  `CSV UTF-8`)";
    Ok((text.into(), "Windows-1252", Some(notice.to_owned())))
}

/// Bytes as Windows-1252, which takes any byte for a character.
pub(in crate::tracker) fn windows_1252(bytes: &[u8]) -> String {
    let character = |byte: &u8| match byte {
        0x80..=0x9f => WINDOWS_1252[usize::from(byte - 0x80)],
        _ => char::from(*byte),
    };
    bytes.iter().map(character).collect()
}

fn wide(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, Error> {
    if bytes.len() % 2 == 1 {
        return Err(Error::Broken("UTF-16 with half a character at its end".to_owned()));
    }
    let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    let text: Result<String, _> = char::decode_utf16(units).collect();
    text.map_err(|_| Error::Broken("UTF-16 with half a character in it".to_owned()))
}

/// The delimiter: what Excel's own `sep=` line says, else the one that parts the first line that names a row id into most
/// fields, outside of quotes.
fn delimiter(text: &str) -> (&str, u8) {
    let first = text.lines().next().unwrap_or_default();
    if let Some(said) = first.strip_prefix("sep=").filter(|s| s.len() == 1) {
        let rest = text.get(first.len()..).unwrap_or_default();
        return (rest, said.as_bytes()[0]);
    }
    let named = |line: &&str| {
        line.to_ascii_lowercase().contains("row_id") || line.to_ascii_lowercase().contains("secret_id")
    };
    let header = text.split(['\n', '\r']).take(60).find(named).unwrap_or(first);
    let best = [b',', b';', b'\t', b'|'].into_iter().max_by_key(|wanted| {
        let mut quoted = false;
        let outside = |byte: &&u8| {
            quoted ^= **byte == b'"';
            !quoted && **byte == *wanted
        };
        // Of those that come out equal the first counts, and `max_by_key` gives the last.
        (header.as_bytes().iter().filter(outside).count(), std::cmp::Reverse(*wanted == b'|'))
    });
    let best = best.filter(|d| header.as_bytes().contains(d)).unwrap_or(b',');
    (text, best)
}
