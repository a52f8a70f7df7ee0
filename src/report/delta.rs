//! `delta.csv`: which service changed its state between two sweeps, and what went backwards.

use std::io::{self, Write};

use super::{
    Export, Form, View,
    csv::{Cell, Dialect, Sheet},
};

/// The registry's entry.
pub const EXPORT: Export = Export {
    name: "delta",
    about: "what changed its state since the sweep before",
    form: Form::Csv,
    notes: &[],
    header,
    write,
};

fn header() -> Vec<&'static str> {
    "row_id,from,to,code,sweep_a,sweep_b".split(',').collect()
}

/// Writes header and rows in the tracker's order; `from` is empty for a service that is new.
pub fn write(view: &View<'_>, dialect: Dialect, out: &mut dyn Write) -> io::Result<u64> {
    let mut sheet = Sheet::new(out, dialect, &header())?;
    for (row, change) in view.changes() {
        sheet.row([
            Cell::text(row.entry.row_id.as_str()),
            Cell::maybe(change.from),
            Cell::tool(change.to),
            Cell::maybe(change.code),
            Cell::maybe(change.sweep_a),
            Cell::tool(change.sweep_b),
        ])?;
    }
    sheet.finish()
}
