//! Records as their makers write them, and records as an attacker would.

mod csaf;
mod hostile;
mod openvex;
mod osv;
mod properties;
mod redhat;

use serde_json::Value;

use super::{Format, Imported, import};
use crate::model::disclosure::{Affected, Disclosure};

fn read(document: &Value) -> Imported {
    import(document.to_string().as_bytes(), "record.json", None).unwrap()
}

fn error(document: &Value, format: Option<Format>) -> String {
    import(document.to_string().as_bytes(), "record.json", format).unwrap_err().to_string()
}

/// A row in one line: `Debian:12 openssl affected 0..<3.0.15-1 DSA-1 (note)`.
fn line(row: &Affected) -> String {
    let from = row.introduced.as_deref().unwrap_or("0");
    let range = match (&row.fixed, &row.last_affected) {
        (Some(fixed), None) => format!("{from}..<{fixed}"),
        (None, Some(last)) => format!("{from}..={last}"),
        (None, None) if !row.versions.is_empty() => format!("[{}]", row.versions.join(" ")),
        (None, None) => format!("{from}.."),
        (Some(_), Some(_)) => panic!("two ends: {row:?}"),
    };
    let note = row.note.as_ref().map(|note| format!(" ({note})")).unwrap_or_default();
    format!("{} {} {} {range} {}{note}", row.ecosystem, row.package, row.status, row.advisory)
}

fn lines(record: &Disclosure) -> Vec<String> {
    record.affected.iter().map(line).collect()
}
