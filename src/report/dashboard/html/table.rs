//! One table of the page: heads, rows, and how many of them are left out. Cells come escaped.

use std::fmt::Write as _;

use super::{count, minute};
use crate::model::time::Timestamp;

/// Rows that stand in full.
const TALL: usize = 15;

/// A column: its head, and how its cells are laid out.
#[derive(Clone, Copy)]
pub(super) struct Column {
    head: &'static str,
    number: bool,
    choose: bool,
}

impl Column {
    /// Text.
    pub(super) const fn text(head: &'static str) -> Self {
        Self { head, number: false, choose: false }
    }

    /// A number.
    pub(super) const fn number(head: &'static str) -> Self {
        Self { head, number: true, choose: false }
    }

    /// One of few words, by which a reader may choose.
    pub(super) const fn choose(head: &'static str) -> Self {
        Self { head, number: false, choose: true }
    }
}

/// A cell: its class, the value that it is sorted by where that is not its text, and its text, escaped.
pub(super) struct Cell {
    class: &'static str,
    sort: Option<u64>,
    text: String,
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self { class: "", sort: None, text }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl Cell {
    /// With a class of the page's style.
    pub(super) fn of(class: &'static str, text: impl Into<String>) -> Self {
        Self { class, sort: None, text: text.into() }
    }

    /// A number, in the colour of `class` where it is not zero.
    pub(super) fn number(n: u64, class: &'static str) -> Self {
        let class = match (n, class) {
            (0, _) | (_, "") => "r",
            (_, "b") => "r b",
            (_, "w") => "r w",
            _ => "r",
        };
        Self { class, sort: Some(n), text: count(n) }
    }

    /// Sorted by a value of its own.
    pub(super) fn sorted(self, by: u64) -> Self {
        Self { sort: Some(by), ..self }
    }
}

/// A time.
pub(super) fn moment(at: Option<Timestamp>) -> Cell {
    Cell::of("t", minute(at))
}

/// How a table is shown.
pub(super) struct Table<'a> {
    /// Its id, from which the fields of its filter get their names.
    pub(super) id: &'a str,
    /// What it is, for those who do not see it, and above it.
    pub(super) caption: &'a str,
    /// Its columns.
    pub(super) columns: &'a [Column],
    /// Whether it can be filtered.
    pub(super) filter: bool,
}

impl Table<'_> {
    /// Writes it with at most `most` rows; what is left out is told with the command that has all.
    pub(super) fn write(
        &self,
        out: &mut String,
        most: usize,
        rows: impl ExactSizeIterator<Item = Vec<Cell>>,
    ) -> std::fmt::Result {
        let left = rows.len().saturating_sub(most) as u64;
        let filter = if self.filter { " data-filter" } else { "" };
        // A long list has a window of its own, or nobody would get past it.
        let tall = if rows.len() > TALL { " tall" } else { "" };
        writeln!(
            out,
            "<div class=\"scroll{tall}\" tabindex=\"0\" role=\"region\" aria-label=\"{}\"><table class=\"sort\" id=\"t-{}\"{filter}><caption>{}</caption><thead><tr>",
            self.caption, self.id, self.caption
        )?;
        for column in self.columns {
            let class = if column.number { " class=\"r\"" } else { "" };
            let choose = if column.choose { " data-choose" } else { "" };
            write!(out, "<th scope=\"col\"{class}{choose}>{}</th>", column.head)?;
        }
        writeln!(out, "</tr></thead><tbody>")?;
        for cells in rows.take(most) {
            // The ends of rows and cells may be left out in HTML; in thousands of rows that counts.
            out.push_str("<tr>");
            for cell in cells {
                out.push_str("<td");
                if cell.class.contains(' ') {
                    write!(out, " class=\"{}\"", cell.class)?;
                } else if !cell.class.is_empty() {
                    write!(out, " class={}", cell.class)?;
                }
                if let Some(by) = cell.sort {
                    write!(out, " data-v={by}")?;
                }
                out.push('>');
                out.push_str(&cell.text);
            }
            out.push('\n');
        }
        writeln!(out, "</tbody></table></div>")?;
        if left > 0 {
            writeln!(
                out,
                "<p><b>{} more rows are not on this page.</b> <code>allclear report --format json</code> has all of them.</p>",
                count(left)
            )?;
        }
        Ok(())
    }
}
