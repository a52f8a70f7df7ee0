//! Aligned tables and wrapped text for a terminal, measured by display width.
//!
//! Widths are the common ones: two columns for East Asian wide characters and emoji, none for combining
//! marks. A terminal that disagrees shows a ragged edge and nothing worse.

use crate::model::text::printable;

use super::style::{Ink, Style};

/// One column.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its heading; a table whose headings are all empty has no heading line.
    pub title: &'static str,
    /// The most columns of the terminal that it takes.
    pub max: usize,
    /// Whether it is aligned to the right, as numbers are.
    pub right: bool,
}

impl Column {
    /// A column of text.
    pub const fn text(title: &'static str, max: usize) -> Self {
        Self { title, max, right: false }
    }

    /// A column of numbers.
    pub const fn number(title: &'static str) -> Self {
        Self { title, max: 12, right: true }
    }
}

/// A table under construction. Cells are made safe to show when they are added.
#[derive(Clone, Debug)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<(String, Ink)>>,
    indent: usize,
}

impl Table {
    /// An empty table.
    pub fn new(indent: usize, columns: &[Column]) -> Self {
        let columns = columns.to_vec();
        let titled = columns.iter().any(|c| !c.title.is_empty());
        let heading = columns.iter().map(|c| (c.title.to_owned(), Ink::Dim)).collect();
        Self { columns, rows: if titled { vec![heading] } else { Vec::new() }, indent }
    }

    /// Adds a row; cells beyond the columns are not shown.
    pub fn row(&mut self, cells: Vec<(String, Ink)>) {
        let safe = |(text, ink): (String, Ink)| (printable(&text).into_owned(), ink);
        self.rows.push(cells.into_iter().map(safe).collect());
    }

    /// The lines, none wider than `width` where that leaves the last column eight.
    pub fn lines(&self, width: usize, style: Style) -> Vec<String> {
        let widths = self.widths(width);
        self.rows.iter().map(|row| self.line(row, &widths, style)).collect()
    }

    fn widths(&self, screen: usize) -> Vec<usize> {
        let mut widths: Vec<usize> = self
            .columns
            .iter()
            .enumerate()
            .map(|(i, column)| {
                let cells = self.rows.iter().filter_map(|r| r.get(i));
                cells.map(|(text, _)| width(text)).max().unwrap_or(0).min(column.max)
            })
            .collect();
        if let Some(last) = widths.pop() {
            let taken = self.indent + widths.iter().map(|w| w + 2).sum::<usize>();
            widths.push(last.min(screen.saturating_sub(taken).max(8)));
        }
        widths
    }

    fn line(&self, row: &[(String, Ink)], widths: &[usize], style: Style) -> String {
        let mut line = " ".repeat(self.indent);
        let mut pending = 0; // blanks are written only before something, so that no line ends in them
        for ((column, (text, ink)), &cell_width) in self.columns.iter().zip(row).zip(widths) {
            let shown = fit(text, cell_width);
            let blanks = cell_width.saturating_sub(width(&shown));
            let (before, after) = if column.right { (blanks, 0) } else { (0, blanks) };
            if shown.is_empty() {
                pending += before;
            } else {
                line.push_str(&" ".repeat(pending + before));
                line.push_str(&style.paint(*ink, &shown).to_string());
                pending = 0;
            }
            pending += after + 2;
        }
        line
    }
}

/// The number of terminal columns that a text takes.
pub fn width(text: &str) -> usize {
    text.chars().map(char_width).sum()
}

/// How many columns a terminal gives a character: none for combining marks, two for East Asian wide ones
/// and emoji (Unicode Standard Annex 11), by block. A block's odd one out costs alignment, not meaning.
pub(super) fn char_width(c: char) -> usize {
    match u32::from(c) {
        0x300..=0x36f
        | 0x483..=0x489
        | 0x591..=0x5bd
        | 0x610..=0x61a
        | 0x64b..=0x65f
        | 0x1ab0..=0x1aff
        | 0x1dc0..=0x1dff
        | 0x200b..=0x200f
        | 0x20d0..=0x20ff
        | 0xfe00..=0xfe0f
        | 0xfe20..=0xfe2f => 0,
        0x1100..=0x115f
        | 0x2e80..=0x303e
        | 0x3041..=0xa4cf
        | 0xa960..=0xa97f
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff01..=0xff60
        | 0xffe0..=0xffe6
        | 0x1f300..=0x1f64f
        | 0x1f680..=0x1f6ff
        | 0x1f900..=0x1f9ff
        | 0x1fa70..=0x1faff
        | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

/// The text, cut with `…` where it is wider than `max` columns.
pub fn fit(text: &str, max: usize) -> String {
    if width(text) <= max {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        used += char_width(c);
        if used + 1 > max {
            break;
        }
        out.push(c);
    }
    if max > 0 {
        out.push('…');
    }
    out
}

/// The text broken at blanks into lines of at most `max` columns; a longer word stands alone and is cut.
pub fn wrap(text: &str, max: usize) -> Vec<String> {
    wrap_whole(text, max).iter().map(|line| fit(line, max)).collect()
}

/// The same, but a longer word stands alone and whole: half a path leads nowhere.
pub fn wrap_whole(text: &str, max: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width(line) + 1 + width(word) <= max => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Holds cutting and wrapping to their widths; for the fuzz target.
pub(super) fn check_fit(text: &str, max: usize) {
    assert!(width(&fit(text, max)) <= max, "{text:?} is cut to {max}");
    for line in wrap(text, max) {
        assert!(width(&line) <= max, "{line:?} is wrapped to {max}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cutting_counts_columns_and_is_always_visible() {
        let table = [
            ("short", 5, "short"),
            ("longer", 5, "long…"),
            ("日本語", 6, "日本語"),
            ("日本語", 5, "日本…"),
            ("日本語", 4, "日…"),
            ("e\u{301}e\u{301}e\u{301}", 3, "e\u{301}e\u{301}e\u{301}"),
            ("x", 0, ""),
        ];
        for (input, max, expected) in table {
            assert_eq!(fit(input, max), expected, "input: {input:?} at {max}");
            check_fit(input, max);
        }
    }

    #[test]
    fn columns_line_up_and_no_line_ends_in_blanks() {
        let mut table = Table::new(2, &[Column::text("NAME", 8), Column::number("N"), Column::text("", 90)]);
        for (name, n, rest) in [("a", "1", ""), ("long-name-x", "20", "\u{1b}[2J wiped")] {
            table.row(vec![(name.into(), Ink::Plain), (n.into(), Ink::Bad), (rest.into(), Ink::Plain)]);
        }
        let lines = table.lines(40, Style::default());
        assert_eq!(lines, ["  NAME       N", "  a          1", "  long-na…  20  \\x1B[2J wiped"]);
        let narrow = table.lines(24, Style::default());
        assert!(narrow.iter().all(|l| width(l) <= 24), "{narrow:?}");
    }

    #[test]
    fn wrapping_keeps_every_word() {
        assert_eq!(wrap("do not restart before it", 10), ["do not", "restart", "before it"]);
        assert_eq!(wrap("see /a/long/path now", 8), ["see", "/a/long…", "now"]);
        assert_eq!(wrap_whole("see /a/long/path now", 8), ["see", "/a/long/path", "now"]);
    }
}
