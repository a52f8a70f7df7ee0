//! Many disclosures, one line each.

use std::io::{self, Write};

use super::{AssessView, Counts};
use crate::{
    model::{disclosure::Disclosure, time::Timestamp},
    report::{
        style::{Ink, Screen},
        table::{Column, Table, wrap},
    },
};

/// One disclosure in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableRow {
    /// Its id.
    pub id: String,
    /// Its nickname; empty where it has none.
    pub nickname: String,
    /// When it became public.
    pub disclosed_at: Timestamp,
    /// The numbers.
    pub counts: Counts,
}

impl TableRow {
    /// The row of one disclosure.
    pub fn of(view: &AssessView<'_>) -> Self {
        Self {
            id: view.disclosure.id.to_string(),
            nickname: nickname(view.disclosure),
            disclosed_at: view.disclosure.disclosed_at,
            counts: view.counts(),
        }
    }
}

/// The first alias that is a word and no id: ids have digits and capitals.
pub(super) fn nickname(disclosure: &Disclosure) -> String {
    let word = |a: &&String| !a.to_lowercase().starts_with("cve-") && !a.chars().any(char::is_uppercase);
    disclosure.aliases.iter().find(word).cloned().unwrap_or_default()
}

/// Writes the table: what affects hosts or services first, then what is not decided, the newest first among equals.
/// The columns of services are there where any row has services.
pub fn table(rows: &[TableRow], screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
    let mut rows: Vec<&TableRow> = rows.iter().collect();
    rows.sort_by_key(|row| {
        let c = &row.counts;
        let rank = match (c.affected + c.vulnerable_services, c.undecided + c.silent + c.unknown_services) {
            (0, 0) => 2,
            (0, _) => 1,
            _ => 0,
        };
        (rank, std::cmp::Reverse(row.disclosed_at), &row.id)
    });
    let services = rows.iter().any(|row| row.counts.services > 0);
    let mut columns = vec![
        Column::text("DISCLOSURE", 19),
        Column::text("NAME", 10),
        Column::text("PUBLIC", 10),
        Column::number("HOSTS"),
        Column::number("UNK"),
        Column::number("PART"),
        Column::number("CLEAN"),
    ];
    if services {
        columns.extend(["SVCS", "UNK", "CLEAN"].map(Column::number));
    }
    let mut table = Table::new(0, &columns);
    for row in rows {
        let c = &row.counts;
        let cell = |n: usize, ink: Ink| (n.to_string(), if n == 0 { Ink::Dim } else { ink });
        let mut cells = vec![
            (row.id.clone(), Ink::Plain),
            (row.nickname.clone(), Ink::Plain),
            (row.disclosed_at.date(), Ink::Dim),
            cell(c.affected, Ink::Bad),
            cell(c.undecided + c.silent, Ink::Warn),
            cell(c.in_part, Ink::Plain),
            cell(c.clean, Ink::Plain),
        ];
        if services {
            cells.extend([
                cell(c.vulnerable_services, Ink::Bad),
                cell(c.unknown_services, Ink::Warn),
                cell(c.clean_services, Ink::Plain),
            ]);
        }
        table.row(cells);
    }
    for line in table.lines(screen.width, screen.style) {
        writeln!(out, "{line}")?;
    }
    let about = if services { "HOSTS and SVCS (services): with the hole" } else { "HOSTS: with the hole" };
    let legend = format!(
        "{about}. UNK: not decided, or gave nothing. PART: seen in part, and nothing open in that. Neither is clean."
    );
    wrap(&legend, screen.width).iter().try_for_each(|line| writeln!(out, "{line}"))
}
