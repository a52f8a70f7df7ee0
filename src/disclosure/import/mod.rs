//! Other people's records read into disclosures: OSV, CSAF 2.0 and VEX, Red Hat's CVE files, OpenVEX.
//!
//! Every record is hostile until read: size, depth and counts are bounded, every complaint names its path into the
//! document, and what is left out or weakened is a note. A document without its frame (no id, no products) is an
//! error; a package that cannot be read, or of which a record says two things, is unknown. What a row means for
//! evidence, and where a record is kept, is the business of others.

mod csaf;
mod draft;
mod openvex;
mod osv;
mod parse;
mod platform;
mod purl;
mod read;
mod redhat;
mod settle;
mod vers;

#[cfg(test)]
mod tests;

pub use purl::{BadPurl, Purl};

use serde_json::Value;

use self::{
    draft::Collector,
    read::{Node, Wrong, one_line},
};
use crate::model::{disclosure::Disclosure, ids::Sha256, text::printable, vocabulary};

vocabulary! {
    /// The format of a record.
    Format, "record format" {
        /// The Open Source Vulnerability format.
        Osv = "osv",
        /// CSAF 2.0: security advisories and VEX.
        Csaf = "csaf",
        /// Red Hat's file for one CVE.
        Redhat = "redhat",
        /// OpenVEX 0.2.
        Openvex = "openvex",
    }
}

/// What a file came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// Its format.
    pub format: Format,
    /// Its records, by id; empty where all were withdrawn.
    pub records: Vec<Disclosure>,
    /// What was left out or weakened, each with its path into the document, in its order.
    pub notes: Vec<String>,
}

/// Why a file was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// No JSON.
    #[error("line {line}, column {column}: {}", printable(.message))]
    NotJson {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// What the reader says.
        message: String,
    },
    /// None of the formats.
    #[error(
        "none of the known formats: no `id` beside `affected` (osv), no `document.category` (csaf), no `name` beside \
         `affected_release` or `package_state` (redhat), no `@context` of openvex.dev beside `statements` (openvex)"
    )]
    Unknown,
    /// The frame of the document is wrong.
    #[error("{}: {}", printable(.path), printable(.message))]
    Bad {
        /// Where: `affected[3].package.name`.
        path: String,
        /// What.
        message: String,
    },
    /// Beyond what is taken.
    #[error("more than {limit} {what}")]
    TooLarge {
        /// Of what.
        what: &'static str,
        /// The most that is taken.
        limit: usize,
    },
}

impl From<Wrong> for ImportError {
    fn from(wrong: Wrong) -> Self {
        Self::Bad { path: wrong.path, message: wrong.message }
    }
}

/// The format of a document, by what only that format has. Of a list: that of its first record.
pub fn detect(value: &Value) -> Option<Format> {
    let value = value.as_array().map_or(Some(value), |records| records.first())?;
    let has = |key: &str| value.get(key).is_some_and(|found| !found.is_null());
    let context = value.get("@context").and_then(Value::as_str).unwrap_or_default();
    if context.contains("openvex.dev/ns") || (has("@context") && has("statements")) {
        Some(Format::Openvex)
    } else if value.get("document").is_some_and(|d| d.get("category").or(d.get("csaf_version")).is_some()) {
        Some(Format::Csaf)
    } else if has("affected_release") || has("package_state") || has("threat_severity") {
        Some(Format::Redhat)
    } else if has("id") && (has("affected") || has("schema_version") || has("modified")) {
        Some(Format::Osv)
    } else {
        None
    }
}

/// Reads a file of records: one, a list of them, or one after the other (JSON Lines).
///
/// `name` is the file's name for the line that says where a record came from. Without `format` it is detected.
/// Paths of a file with several records start with the record's number, from 0: `[2].affected[0]`.
pub fn import(text: &[u8], name: &str, format: Option<Format>) -> Result<Imported, ImportError> {
    let documents = parse::documents(text)?;
    let first = documents.first().ok_or(ImportError::Unknown)?;
    let format = format.or_else(|| detect(first)).ok_or(ImportError::Unknown)?;
    let mut into = Collector::default();
    let records = records(&documents);
    if records.is_empty() {
        return Err(ImportError::Bad {
            path: "document".to_owned(),
            message: "a list without a record".to_owned(),
        });
    }
    for record in records {
        match format {
            Format::Osv => osv::read(&record, &mut into)?,
            Format::Csaf => csaf::read(&record, &mut into)?,
            Format::Redhat => redhat::read(&record, &mut into)?,
            Format::Openvex => openvex::read(&record, &mut into)?,
        }
    }
    let source = format!("{format} {} {}", one_line(name, 200), Sha256::of(text));
    Ok(into.finish(format, &source))
}

fn records(documents: &[Value]) -> Vec<Node<'_>> {
    match documents {
        [Value::Array(list)] => numbered(list),
        [one] => vec![Node::root(one)],
        several => numbered(several),
    }
}

fn numbered(list: &[Value]) -> Vec<Node<'_>> {
    list.iter().enumerate().map(|(index, value)| Node::record(value, index)).collect()
}

/// For the fuzzer: any bytes as a file of each format.
///
/// # Panics
/// Where reading twice gives two answers, or a row breaks what is promised of rows.
pub fn fuzz(data: &[u8]) {
    for format in [None, Some(Format::Osv), Some(Format::Csaf), Some(Format::Redhat), Some(Format::Openvex)] {
        let once = import(data, "fuzz", format);
        assert_eq!(once, import(data, "fuzz", format), "an import that is not the same twice");
        for row in once.iter().flat_map(|i| &i.records).flat_map(|record| &record.affected) {
            assert!(row.fixed.is_none() || row.last_affected.is_none(), "two ends of one range: {row:?}");
        }
    }
    if let Ok(text) = std::str::from_utf8(data) {
        drop(Purl::parse(text));
    }
}
