//! Views of the assessment: CSV, JSON and what a terminal shows.
//!
//! Everything here is a pure function of model values and writes to a `&mut dyn Write`: nothing is
//! judged, probed or stored, and no clock is read (`Assessment::now` is the time). What a server or a
//! file said is hostile text: it passes `model::text::printable` before a terminal, the formula guard
//! before a spreadsheet ([`csv`]) and an escaping formatter before JSON ([`json`]).
//!
//! Kinds that other systems read say so in their own files; the words that they share are in [`case`], and nothing in
//! those acts there ([`markdown`]).
//!
//! To add a kind of export, write `report/<kind>.rs` with a `pub const EXPORT` and add its name here and to
//! [`EXPORTS`].

pub mod assess;
pub mod blast;
mod case;
pub mod checklist;
pub mod classified;
pub mod csv;
pub mod dashboard;
pub mod difference;
pub mod disclosures;
pub mod endpoint;
pub mod explain;
pub mod hosts;
pub mod inventory;
mod joined;
pub mod json;
mod lists;
mod markdown;
pub mod meta;
mod owners;
pub mod plan;
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

/// The form of an export's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// CSV for people and spreadsheets, in every dialect.
    Csv,
    /// CSV for an importer that reads RFC 4180 with commas alone, and lines inside cells.
    ImporterCsv,
    /// One JSON document.
    Json,
    /// One JSON object a line.
    JsonLines,
    /// XML.
    Xml,
}

impl Form {
    /// Whether there are cells, which the formula guard protects.
    pub const fn is_csv(self) -> bool {
        matches!(self, Self::Csv | Self::ImporterCsv)
    }

    /// What it is called.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Csv | Self::ImporterCsv => "csv",
            Self::Json => "json",
            Self::JsonLines => "json-lines",
            Self::Xml => "xml",
        }
    }

    /// A file's ending, where nobody gave one.
    pub const fn ending(self) -> &'static str {
        match self {
            Self::Csv | Self::ImporterCsv => "csv",
            Self::Json => "json",
            Self::JsonLines => "jsonl",
            Self::Xml => "xml",
        }
    }
}

/// One kind of export.
#[derive(Clone, Copy, Debug)]
pub struct Export {
    /// The word after `allclear export`.
    pub name: &'static str,
    /// What it holds, for the help text.
    pub about: &'static str,
    /// The form of its bytes.
    pub form: Form,
    /// What whoever imports it has to know, for `FILE.meta.json`: date formats, what is left out.
    pub notes: &'static [&'static str],
    /// The columns of a CSV form, in order; empty for the others.
    pub header: fn() -> Vec<&'static str>,
    /// Writes all of it; returns the number of rows. Forms that are no CSV have no dialect and do not look at it.
    pub write: fn(&View<'_>, Dialect, &mut dyn Write) -> io::Result<u64>,
}

impl Export {
    /// How it is written when this is asked for: importers get lines inside cells, and commas.
    pub const fn dialect(&self, asked: Dialect) -> Dialect {
        match self.form {
            Form::ImporterCsv => Dialect { tsv: false, excel: false, multiline: true, ..asked },
            _ => asked,
        }
    }

    /// Why it cannot be written in a dialect, or nothing.
    pub fn refuses(&self, asked: Dialect) -> Option<String> {
        let name = self.name;
        let csv = asked != Dialect::default();
        if csv && !self.form.is_csv() {
            let form = self.form.as_str();
            return Some(format!(
                "`{name}` is {form}: --excel, --tsv, --csv-raw and --multiline are for CSV alone"
            ));
        }
        if self.form == Form::ImporterCsv && (asked.tsv || asked.excel) {
            return Some(format!(
                "`{name}` is read by an importer that knows commas alone: neither --excel nor --tsv"
            ));
        }
        None
    }
}

pub mod defectdojo;
pub mod delta;
pub mod findings;
pub mod github;
pub mod gitlab;
pub mod jira;
pub mod junit;
pub mod keys;
pub mod openvex;
pub mod sarif;
pub mod secrets;
pub mod tracker;

/// Every kind, in the order in which help lists them.
pub const EXPORTS: &[&Export] = &[
    &tracker::EXPORT,
    &secrets::EXPORT,
    &keys::EXPORT,
    &findings::EXPORT,
    &delta::EXPORT,
    &defectdojo::EXPORT,
    &jira::EXPORT,
    &gitlab::EXPORT,
    &github::EXPORT,
    &sarif::EXPORT,
    &openvex::EXPORT,
    &junit::EXPORT,
];

/// The export of a name.
pub fn export(name: &str) -> Option<&'static Export> {
    EXPORTS.iter().copied().find(|e| e.name == name)
}

/// The same as JSON, where a kind that is CSV otherwise has such a form.
pub fn export_as_json(name: &str) -> Option<&'static Export> {
    (name == defectdojo::EXPORT.name).then_some(&defectdojo::AS_JSON)
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
    junit::check_legal(&text);
    markdown::check_inert(&text);
}
