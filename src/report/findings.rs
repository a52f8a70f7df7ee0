//! `findings.csv`: every observation judged, in the order in which it was recorded. A later export
//! begins with the rows of an earlier one of the same filter.

use std::io::{self, Write};

use super::{
    Export, Form, View,
    csv::{Cell, Dialect, Sheet},
    endpoint::tenths,
};

/// The registry's entry.
pub const EXPORT: Export = Export {
    name: "findings",
    about: "every observation with its verdict, in the order recorded",
    form: Form::Csv,
    notes: &[],
    header,
    write,
};

fn header() -> Vec<&'static str> {
    "sweep_id,time,disclosure,row_id,address,vantage,verdict,reason,ms".split(',').collect()
}

/// Writes header and rows; returns the number of rows.
pub fn write(view: &View<'_>, dialect: Dialect, out: &mut dyn Write) -> io::Result<u64> {
    let mut sheet = Sheet::new(out, dialect, &header())?;
    for observation in view.evidence.observations.iter().filter(|o| view.wants(&o.row_id)) {
        for judged in view.judged {
            let judgement = (judged.judge)(observation);
            sheet.row([
                Cell::tool(observation.sweep),
                Cell::tool(observation.at),
                Cell::text(&*judgement.disclosure),
                Cell::text(observation.row_id.as_str()),
                Cell::maybe(observation.address),
                Cell::text(&*observation.vantage),
                Cell::tool(judgement.verdict),
                Cell::tool(judgement.reason),
                Cell::maybe(tenths(observation.ms)),
            ])?;
        }
    }
    sheet.finish()
}
