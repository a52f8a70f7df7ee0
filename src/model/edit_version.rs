//! What people's columns held when a tracker was exported, small enough for one cell: so that an import can tell a cell
//! that its editor changed from one that somebody else changed meanwhile.
//!
//! `v1:` and five characters a column, in the order of the header: the first 25 bits of SHA-256 over the column's name and
//! its canonical value, in lower-case base32. Not a signature: who wants to can make one that fits.

use data_encoding::BASE32_NOPAD;

use super::{ids::Sha256, text::printable, time::Timestamp};

/// Characters of one column.
const WIDTH: usize = 5;
const PREFIX: &str = "v1:";

/// What stands in a column of people's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Any text.
    Text,
    /// A time; a date alone means its first moment.
    Time,
    /// A time; a date alone means that day included.
    End,
    /// Texts separated by semicolons.
    List,
    /// A word of a closed list, in any case.
    Word,
}

/// What stands in a column.
pub fn shape(column: &str) -> Shape {
    match column {
        "due" | "waiver_until" => Shape::End,
        "claim_at" => Shape::Time,
        "tags" => Shape::List,
        "exposure" | "na_justification" => Shape::Word,
        _ => Shape::Text,
    }
}

/// The time that a cell of this shape means.
pub fn time(shape: Shape, text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if shape == Shape::End { Timestamp::end_of(text).ok() } else { text.parse().ok() }
}

/// The same value always in the same form, however a spreadsheet laid it out: blanks at the ends, line ends,
/// no-break spaces, control characters, zones of times.
pub fn canonical(shape: Shape, text: &str) -> String {
    let unified = text.replace("\r\n", "\n").replace('\r', "\n");
    let spaces = |c: char| if matches!(c, '\u{a0}' | '\u{202f}' | '\u{2007}') { ' ' } else { c };
    let line = |line: &str| printable(line).chars().map(spaces).collect::<String>();
    let plain = unified.split('\n').map(line).collect::<Vec<_>>().join(" / ").trim().to_owned();
    match shape {
        Shape::Text => plain,
        Shape::Word => plain.to_lowercase(),
        Shape::List => {
            let items: Vec<&str> = plain.split(';').map(str::trim).filter(|i| !i.is_empty()).collect();
            items.join(";")
        }
        Shape::Time | Shape::End => time(shape, &plain).map_or(plain, Timestamp::seconds),
    }
}

/// The mark of one column.
pub fn mark(column: &str, text: &str) -> String {
    let bytes = format!("{column}\0{}", canonical(shape(column), text));
    let mut base32 = BASE32_NOPAD.encode(Sha256::of(bytes.as_bytes()).bytes()).to_lowercase();
    base32.truncate(WIDTH);
    base32
}

/// The marks of a row's columns, given as name and value in the order of the header.
pub fn stamp<'a>(cells: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let marks: String = cells.map(|(column, text)| mark(column, text)).collect();
    format!("{PREFIX}{marks}")
}

/// The marks in a cell, one a column; none where it is not a cell of ours for so many columns.
pub fn marks(cell: &str, columns: usize) -> Option<Vec<&str>> {
    let all = cell.trim().strip_prefix(PREFIX)?;
    let known = all.bytes().all(|b| b.is_ascii_lowercase() || (b'2'..=b'7').contains(&b));
    if !known || all.len() != columns * WIDTH {
        return None;
    }
    (0..columns).map(|n| all.get(n * WIDTH..(n + 1) * WIDTH)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layout_is_no_change_and_content_is() {
        let table = [
            ("owner", " web\u{a0}team ", "web team", true),
            ("note", "a\r\nb", "a / b", true),
            ("note", "a\u{1b}", "a\\x1B", true),
            ("tags", "a; b;", "a;b", true),
            ("exposure", "Public", "public", true),
            ("due", "2026-12-01", "2026-12-01T23:59:59Z", true),
            ("claim_at", "2026-12-01", "2026-12-01T00:00:00.000000Z", true),
            ("due", "2026-12-01T01:00:00+01:00", "2026-12-01T00:00:00Z", true),
            ("owner", "Web", "web", false),
            ("owner", "00012", "12", false),
        ];
        for (column, a, b, same) in table {
            assert_eq!(mark(column, a) == mark(column, b), same, "{column}: {a:?} and {b:?}");
        }
        assert_ne!(mark("owner", "x"), mark("team", "x"), "the column is part of the mark");
    }

    #[test]
    fn a_stamp_gives_back_its_marks_and_nothing_else_does() {
        let cell = stamp([("owner", "web"), ("team", "")].into_iter());
        assert_eq!(cell.len(), 13);
        assert_eq!(marks(&cell, 2), Some(vec![&*mark("owner", "web"), &*mark("team", "")]));
        for (bad, columns) in [(&*cell, 3), ("", 0), ("v2:aaaaa", 1), ("v1:aaaa\u{e9}", 1), ("v1:AAAAA", 1)] {
            assert_eq!(marks(bad, columns), None, "{bad:?}");
        }
    }
}
