//! Views of the assessment: CSV, JSON and what a terminal shows.
//!
//! Everything here is a pure function of model values and writes to a `&mut dyn Write`: nothing is
//! judged, probed or stored, and no clock is read (`Assessment::now` is the time). What a server or a
//! file said is hostile text: it passes `model::text::printable` before a terminal, the formula guard
//! before a spreadsheet ([`csv`]) and an escaping formatter before JSON ([`json`]).
//!
//! To add a CSV kind, write `report/<kind>.rs` with a `pub const EXPORT` and add its name here and to
//! [`EXPORTS`].

pub mod assess;
pub mod checklist;
pub mod csv;
pub mod disclosures;
pub mod endpoint;
pub mod explain;
pub mod hosts;
pub mod inventory;
mod joined;
pub mod json;
mod lists;
pub mod meta;
mod owners;
pub mod probe;
mod sections;
mod shown;
pub mod split;
pub mod status;
pub mod style;
pub mod summary;
pub mod table;
mod tally;
pub mod verify;
pub mod view;
pub mod watch;

#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;

use std::io::{self, Write};

pub use lists::state_ink;
pub use view::{Filter, Judged, Row, View};

use self::csv::Dialect;

/// One kind of CSV export.
#[derive(Clone, Copy, Debug)]
pub struct Export {
    /// The word after `allclear export`.
    pub name: &'static str,
    /// What it holds, for the help text.
    pub about: &'static str,
    /// Its columns, in order.
    pub header: fn() -> Vec<&'static str>,
    /// Writes header and rows; returns the number of rows.
    pub write: fn(&View<'_>, Dialect, &mut dyn Write) -> io::Result<u64>,
}

pub mod delta;
pub mod findings;
pub mod keys;
pub mod secrets;
pub mod tracker;

/// Every CSV kind, in the order in which help lists them.
pub const EXPORTS: &[&Export] =
    &[&tracker::EXPORT, &secrets::EXPORT, &keys::EXPORT, &findings::EXPORT, &delta::EXPORT];

/// The export of a name.
pub fn export(name: &str) -> Option<&'static Export> {
    EXPORTS.iter().copied().find(|e| e.name == name)
}

/// The fuzz target of this stage: arbitrary text through every dialect of [`csv`], read back, and
/// through JSON and the table's cutting.
///
/// # Panics
///
/// When an invariant does not hold; that is its purpose.
pub fn fuzz(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    csv::check_round_trip(&text);
    json::check_round_trip(&text);
    table::check_fit(&text, data.len() % 40);
}
