//! OpenVEX 0.2.0, as **deployment VEX**: the products are services that are run here, not software that is shipped.
//!
//! | state | status |
//! |---|---|
//! | open | `affected`, with an action statement |
//! | waived | `affected`, with an action statement that names the waiver: accepted is not fixed |
//! | unknown, stale, awaiting-verification | `under_investigation` |
//! | verified | `fixed` |
//! | not-affected | `not_affected`, with the justification that was given, or else an impact statement that says why |
//! | decommissioned | `not_affected`, with the impact statement that it is no more |
//!
//! Exactly one of justification and impact statement: the schema of 0.2.0 refuses both at once.
//!
//! Statements of one product and one vulnerability are a time series in which the later overrides the earlier. Each row
//! has its statement of today, from when it came into its state; a row that changed its state since the sweep before has
//! the statement of that sweep as well, before it. Older history is in the evidence and in the documents of its days.
//!
//! A product is `urn:allclear:service:ROW_ID`. The document's id is made of the evidence chain's head and of what it says: the
//! same evidence judged in the same way is the same document, and every other is another one, each in version 1.

use std::{
    collections::HashMap,
    fmt::Write as _,
    io::{self, Write},
};

use serde_json::{Map, Value, json};

use super::{
    Export, Form, View,
    case::{Case, Outcome, cases},
    csv::Dialect,
    explain, json,
};
use crate::model::{
    assessment::Change,
    disclosure::{Disclosure, DisclosureId},
    facet::State,
    ids::{RowId, Sha256, SweepId},
    text::printable,
    time::Timestamp,
};

/// The registry's entry.
pub const EXPORT: Export = Export {
    name: "openvex",
    about: "OpenVEX 0.2.0: deployment VEX, a statement for each row",
    form: Form::Json,
    notes: &[
        "deployment VEX: the products are services that are run here",
        "rows counts rows; one that changed has two statements",
    ],
    header: Vec::new,
    write,
};

const CONTEXT: &str = "https://openvex.dev/ns/v0.2.0";

/// Writes the document; returns the number of rows in it.
pub fn write(view: &View<'_>, _: Dialect, out: &mut dyn Write) -> io::Result<u64> {
    let cases = cases(view);
    let mut changes: HashMap<(&RowId, &DisclosureId), &Change> = HashMap::new();
    for (row, change) in view.changes() {
        changes.insert((&row.entry.row_id, &row.entry.disclosure), change);
    }
    let times: HashMap<SweepId, Timestamp> =
        view.evidence.sweeps.iter().map(|s| (s.id, s.finished_at.unwrap_or(s.started_at))).collect();
    let mut statements: Vec<(Timestamp, Value)> = Vec::with_capacity(cases.len());
    for case in &cases {
        let entry = case.row.entry;
        let now = case.row.assessment.now;
        let since = entry.state_since.or(entry.last_seen).unwrap_or(now).min(now);
        let change = changes.get(&(&entry.row_id, &entry.disclosure));
        let earlier = change.and_then(|c| Some((c.from?, *times.get(&c.sweep_a?)?)));
        if let Some((from, at)) = earlier.filter(|(from, at)| *at < since && *from != entry.state) {
            statements.push((at, statement(case, at, said_of(from))));
        }
        statements.push((since, statement(case, since, said_now(case))));
    }
    statements.sort_by_key(|s| s.0); // stable: rows of one time stay in the tracker's order
    let statements: Vec<Value> = statements.into_iter().map(|s| s.1).collect();
    let says = json::to_string(&statements);
    let head = view.evidence.incident.chain_head.to_string().replace(':', "-");
    let document = json!({
        "@context": CONTEXT,
        "@id": format!("urn:allclear:openvex:{head}:{}", Sha256::of(says.as_bytes()).short()),
        "author": format!("allclear, incident {}", printable(&view.evidence.incident.name)),
        "role": "deployment VEX: what is known of services in operation",
        "timestamp": view.judged.iter().map(|j| j.assessment.now).max().unwrap_or(view.evidence.incident.created_at),
        "version": 1,
        "tooling": concat!("allclear ", env!("CARGO_PKG_VERSION"), " (deployment VEX)"),
        "statements": statements,
    });
    json::write(&document, out)?;
    writeln!(out)?;
    Ok(cases.len() as u64)
}

/// The status of an outcome.
pub(super) const fn status(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Open | Outcome::Waived => "affected",
        Outcome::Unknown | Outcome::Unconfirmed => "under_investigation",
        Outcome::Done => "fixed",
        Outcome::NotApplicable | Outcome::Gone => "not_affected",
    }
}

/// The parts of a statement that follow from the state.
fn said_now(case: &Case<'_>) -> Map<String, Value> {
    let (entry, status) = (case.row.entry, status(case.outcome));
    let mut said = Map::new();
    said.insert("status".to_owned(), json!(status));
    let owner = case.row.owner().unwrap_or("nobody");
    let notes = format!("state {}: {}; owner: {owner}", entry.state, case.why());
    said.insert("status_notes".to_owned(), json!(printable(&notes)));
    match (status, entry.justification.filter(|_| case.outcome == Outcome::NotApplicable)) {
        ("affected", _) => {
            let waiver = case.waiver().map(|w| format!("{w}; then: ")).unwrap_or_default();
            let action = format!("{waiver}{}", case.next());
            said.insert("action_statement".to_owned(), json!(printable(&action)));
        }
        ("not_affected", Some(justification)) => {
            said.insert("justification".to_owned(), json!(justification));
        }
        ("not_affected", None) => {
            let why = match (case.outcome, entry.reason) {
                (Outcome::NotApplicable, Some(reason)) => format!("it {}", explain::reason(reason)),
                _ => format!("{}: {}", entry.state, explain::state(entry.state)),
            };
            said.insert("impact_statement".to_owned(), json!(why));
        }
        _ => {}
    }
    said
}

/// The same of a state that lies behind, of which the state alone is kept.
fn said_of(state: State) -> Map<String, Value> {
    let status = status(Outcome::of(state));
    let words = format!("state {state}: {}", explain::state(state));
    let mut said = Map::new();
    said.insert("status".to_owned(), json!(status));
    said.insert("status_notes".to_owned(), json!(format!("{words}, as of the sweep before")));
    match status {
        "affected" => said.insert("action_statement".to_owned(), json!(words)),
        "not_affected" => said.insert("impact_statement".to_owned(), json!(words)),
        _ => None,
    };
    said
}

fn statement(case: &Case<'_>, at: Timestamp, said: Map<String, Value>) -> Value {
    let mut body = Map::new();
    body.insert("vulnerability".to_owned(), vulnerability(&case.row.assessment.disclosure));
    body.insert("timestamp".to_owned(), json!(at));
    body.insert("products".to_owned(), json!([{ "@id": product(&case.row.entry.row_id) }]));
    body.extend(said);
    Value::Object(body)
}

fn vulnerability(d: &Disclosure) -> Value {
    let mut aliases: Vec<&str> = Vec::new();
    for alias in d.aliases.iter().filter(|a| **a != *d.id) {
        if !aliases.contains(&alias.as_str()) {
            aliases.push(alias); // the schema wants each once
        }
    }
    json!({ "name": &*d.id, "description": d.title, "aliases": aliases })
}

/// `urn:allclear:service:ROW_ID`, with everything but RFC 3986's unreserved characters as `%XX`.
pub(super) fn product(row: &RowId) -> String {
    let mut out = String::from("urn:allclear:service:");
    for byte in row.as_str().bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}"); // writing to a string cannot fail
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{model::claim::Justification, report::sample::Sample};

    fn document(sample: &Sample) -> Value {
        sample.with(|view| {
            let mut out = Vec::new();
            write(view, Dialect::default(), &mut out).unwrap();
            serde_json::from_slice(&out).unwrap()
        })
    }

    fn of(document: &Value, row: &RowId) -> Vec<Value> {
        let statements = document["statements"].as_array().unwrap();
        statements.iter().filter(|s| s["products"][0]["@id"] == product(row)).cloned().collect()
    }

    #[test]
    fn every_state_brings_what_its_status_demands_and_no_more() {
        for &state in State::ALL {
            for justification in [None, Some(Justification::VulnerableCodeNotPresent)] {
                let mut sample = Sample::new();
                let entry = &mut sample.assessment.services[0];
                (entry.state, entry.justification) = (state, justification);
                let row = entry.row_id.clone();
                let now = of(&document(&sample), &row).pop().unwrap();
                let has = |key: &str| now.get(key).and_then(Value::as_str).is_some_and(|t| !t.is_empty());
                let status = now["status"].as_str().unwrap();
                assert_eq!(status == "affected", has("action_statement"), "{state}");
                assert_eq!(
                    status == "not_affected",
                    has("justification") != has("impact_statement"),
                    "{state}"
                );
                assert!(!(has("justification") && has("impact_statement")), "{state}: one of the two");
                assert!(status != "fixed" || state == State::Verified, "{state}");
            }
        }
    }

    #[test]
    fn a_row_that_changed_has_its_earlier_statement_first() {
        let mut sample = Sample::new();
        let mut earlier = sample.evidence.sweeps[0].clone();
        earlier.id = SweepId(1);
        earlier.finished_at = Some(crate::report::sample::at("00:10:00"));
        sample.evidence.sweeps.insert(0, earlier);
        let mail = sample.assessment.services[1].row_id.clone();
        sample.changes[0].to = State::Verified;
        sample.assessment.services[1].state = State::Verified;
        let statements = of(&document(&sample), &mail);
        let said: Vec<_> = statements
            .iter()
            .map(|s| (s["timestamp"].as_str().unwrap(), s["status"].as_str().unwrap()))
            .collect();
        assert_eq!(
            said,
            [("2026-11-22T00:10:00.000000Z", "affected"), ("2026-11-22T00:15:00.000000Z", "fixed")]
        );
    }

    #[test]
    fn the_same_evidence_is_the_same_document() {
        let first = document(&Sample::new())["@id"].clone();
        let mut later = Sample::new();
        later.assessment.now = later.assessment.now.plus_seconds(60);
        assert_eq!(document(&later)["@id"], first, "asking again changes nothing");
        let mut other = Sample::new();
        other.assessment.services[0].state = State::Verified;
        assert_ne!(document(&other)["@id"], first);
    }

    #[test]
    fn a_row_id_of_any_text_is_an_iri() {
        assert_eq!(product(&RowId::declared("a b/ü@#")), "urn:allclear:service:a%20b%2F%C3%BC%40%23");
    }
}
