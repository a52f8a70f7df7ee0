//! SARIF 2.1.0 (OASIS): one result for each service and disclosure, open or closed.
//!
//! | outcome | kind | level |
//! |---|---|---|
//! | open | fail | error (Critical, High), warning (Medium) |
//! | unknown | review | none |
//! | unconfirmed | open | none |
//! | waived | fail, with a suppression (external, accepted) | as if nobody had waived it |
//! | done | pass | none |
//! | not applicable, gone | notApplicable | none |
//!
//! A level other than `none` is only there with `fail` (3.27.10). A waiver that has run out suppresses nothing.
//!
//! `baselineState` compares with the sweep before and is there only where there was one; `baselineGuid` is then the
//! `automationDetails.guid` of that sweep's file. `new`: a service that was not there; `updated`: another state; `absent`: it
//! was owed then, and by evidence is not any more. SARIF is about files: a service is a logical location, and an artifact
//! with the URI `tls://host:port`.
//!
//! What is wrong with certificates, apart from the disclosure, is a second run of the file with rules of its own and no
//! baseline, since no earlier findings are kept to compare with. No `versionControlProvenance`: nothing here is source text.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    io::{self, Write},
};

use serde_json::{Map, Value, json};

use super::{
    Export, Form, Row, View,
    case::{Case, Outcome, Severity, cases, facets},
    csv::Dialect,
    json,
};
use crate::model::{
    assessment::Change,
    disclosure::{Disclosure, DisclosureId},
    facet::FacetKind,
    finding::FindingKind,
    ids::{RowId, Sha256, SweepId},
    text::printable,
};

/// The registry's entry.
pub const EXPORT: Export = Export {
    name: "sarif",
    about: "SARIF 2.1.0: one result for each row, with what changed since the sweep before",
    form: Form::Json,
    notes: &["rows counts the results about disclosures; findings about certificates are a second run"],
    header: Vec::new,
    write,
};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// Writes the log; returns the number of results about disclosures.
pub fn write(view: &View<'_>, _: Dialect, out: &mut dyn Write) -> io::Result<u64> {
    let cases = cases(view);
    let mut runs = vec![disclosures(view, &cases)];
    runs.extend(certificates(view, &cases));
    json::write(&json!({ "$schema": SCHEMA, "version": "2.1.0", "runs": runs }), out)?;
    writeln!(out)?;
    Ok(cases.len() as u64)
}

/// The run about disclosures.
fn disclosures(view: &View<'_>, cases: &[Case<'_>]) -> Value {
    let rules: Vec<&Disclosure> = view.judged.iter().map(|j| &j.assessment.disclosure).collect();
    let index: HashMap<&DisclosureId, usize> = rules.iter().enumerate().map(|(i, d)| (&d.id, i)).collect();
    let mut changes: HashMap<(&RowId, &DisclosureId), &Change> = HashMap::new();
    for (row, change) in view.changes() {
        changes.insert((&row.entry.row_id, &row.entry.disclosure), change);
    }
    let before = before(view);
    let results: Vec<Value> = cases
        .iter()
        .map(|case| {
            let key = (&case.row.entry.row_id, &case.row.entry.disclosure);
            let state = before.map(|_| baseline(case.outcome, changes.get(&key).copied()));
            result(case, index.get(key.1).copied(), state)
        })
        .collect();
    let mut run = run(view, "disclosures", &rules.iter().map(|d| rule(d)).collect::<Vec<_>>(), &results);
    if let Some(sweep) = before {
        run.insert("baselineGuid".to_owned(), json!(guid(view, "disclosures", Some(sweep))));
    }
    Value::Object(run)
}

/// The sweep that changes are counted from.
fn before(view: &View<'_>) -> Option<SweepId> {
    view.judged.iter().flat_map(|j| j.changes).find_map(|c| c.sweep_a).or_else(|| {
        let ids = view.evidence.sweeps.iter().map(|s| s.id);
        ids.rev().nth(1)
    })
}

fn baseline(outcome: Outcome, change: Option<&Change>) -> &'static str {
    match change {
        None => "unchanged",
        Some(Change { from: None, .. }) => "new",
        Some(Change { from: Some(from), .. }) if outcome.is_closed() && !Outcome::of(*from).is_closed() => {
            "absent"
        }
        Some(Change { from: Some(from), to, .. }) if from == to => "unchanged",
        Some(_) => "updated",
    }
}

fn run(view: &View<'_>, part: &str, rules: &[Value], results: &[Value]) -> Map<String, Value> {
    let latest = view.judged.iter().filter_map(|j| j.assessment.sweep).max();
    let mut automation = json!({ "id": format!("{}/", path(view, part, latest)) });
    if let Value::Object(automation) = &mut automation {
        automation.insert("guid".to_owned(), json!(guid(view, part, latest)));
    }
    let run = json!({
        "tool": { "driver": {
            "name": "allclear",
            "version": env!("CARGO_PKG_VERSION"),
            "semanticVersion": env!("CARGO_PKG_VERSION"),
            "rules": rules,
        }},
        "automationDetails": automation,
        "invocations": invocations(view),
        "columnKind": "unicodeCodePoints",
        "results": results,
        "properties": {
            "incident": view.evidence.incident.name,
            "chainHead": view.evidence.incident.chain_head.to_string(),
            "evidenceRows": view.evidence.incident.evidence_rows,
        },
    });
    match run {
        Value::Object(run) => run,
        _ => Map::new(),
    }
}

/// `allclear/PART/INCIDENT[/owner/NAME]/SWEEP`: without the last, what a scanner's uploads are sorted by.
fn path(view: &View<'_>, part: &str, sweep: Option<SweepId>) -> String {
    let owner = view.filter.owner.as_deref().map(|o| format!("/owner/{}", segment(o))).unwrap_or_default();
    let sweep = sweep.map(|s| format!("/{s}")).unwrap_or_default();
    format!("allclear/{part}/{}{owner}{sweep}", segment(&view.evidence.incident.name))
}

fn segment(text: &str) -> String {
    printable(text).replace('/', "_")
}

/// The same for the same part of the same sweep of the same incident: a digest in the shape of a UUID (RFC 9562, version 5,
/// for readers that look at that digit).
fn guid(view: &View<'_>, part: &str, sweep: Option<SweepId>) -> String {
    let text = format!("{}/{}", path(view, part, sweep), view.evidence.incident.created_at);
    let digest = Sha256::of(text.as_bytes());
    let mut bytes: Vec<u8> = digest.bytes().iter().copied().take(16).collect();
    for (at, keep, set) in [(6, 0x0f, 0x50), (8, 0x3f, 0x80)] {
        if let Some(byte) = bytes.get_mut(at) {
            *byte = (*byte & keep) | set;
        }
    }
    let hex = data_encoding::HEXLOWER.encode(&bytes);
    let piece = |from: usize, to: usize| hex.get(from..to).unwrap_or_default().to_owned();
    [piece(0, 8), piece(8, 12), piece(12, 16), piece(16, 20), piece(20, 32)].join("-")
}

/// The sweep that decided last.
fn invocations(view: &View<'_>) -> Vec<Value> {
    let sweeps = view.evidence.sweeps.iter().rev().take(1);
    let one = |s: &crate::model::sweep::Sweep| {
        let mut body = json!({
            "executionSuccessful": s.state == crate::model::sweep::SweepState::Finished,
            "commandLine": s.command_line,
            "startTimeUtc": s.started_at.to_string(),
            "properties": { "sweep": s.id.to_string(), "vantage": &*s.vantage, "tool": s.tool },
        });
        if let (Some(end), Value::Object(body)) = (s.finished_at, &mut body) {
            body.insert("endTimeUtc".to_owned(), json!(end.to_string()));
        }
        body
    };
    sweeps.map(one).collect()
}

fn rule(d: &Disclosure) -> Value {
    let mut rule = json!({
        "id": &*d.id,
        "name": d.aliases.first().unwrap_or(&d.title),
        "shortDescription": { "text": sentence(&d.title) },
        "fullDescription": { "text": sentence(&format!("{}. In reach: {}", d.title, d.leaks)) },
        "defaultConfiguration": { "level": "error" },
        "properties": {
            "disclosedAt": d.disclosed_at.to_string(),
            "aliases": d.aliases,
            "tags": ["security", "tls"],
        },
    });
    let link = d.links.iter().find(|l| l.starts_with("https://") && !l.contains(char::is_whitespace));
    if let (Some(link), Value::Object(rule)) = (link, &mut rule) {
        rule.insert("helpUri".to_owned(), json!(link));
    }
    rule
}

fn sentence(text: &str) -> String {
    let text = printable(text);
    let text = text.trim();
    if text.ends_with('.') { text.to_owned() } else { format!("{text}.") }
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "note",
    }
}

pub(super) const fn kind(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Open | Outcome::Waived => "fail",
        Outcome::Unknown => "review",
        Outcome::Unconfirmed => "open",
        Outcome::Done => "pass",
        Outcome::NotApplicable | Outcome::Gone => "notApplicable",
    }
}

fn result(case: &Case<'_>, index: Option<usize>, baseline: Option<&str>) -> Value {
    let entry = case.row.entry;
    let kind = kind(case.outcome);
    let level = if kind == "fail" { level(case.severity) } else { "none" };
    let text = format!("{}. {}. Next: {}", case.title(), case.why(), case.next());
    let mut result = json!({
        "ruleId": &*entry.disclosure,
        "kind": kind,
        "level": level,
        "message": { "text": sentence(&text) },
        "locations": [location(case)],
        "partialFingerprints": { "allclear/row/v1": case.id() },
        "properties": properties(case),
    });
    let Value::Object(body) = &mut result else { return result };
    if let Some(index) = index {
        body.insert("ruleIndex".to_owned(), json!(index));
    }
    if let Some(baseline) = baseline {
        body.insert("baselineState".to_owned(), json!(baseline));
    }
    if let Some(words) = case.waiver() {
        let waiver = json!({ "kind": "external", "status": "accepted", "justification": printable(&words) });
        body.insert("suppressions".to_owned(), json!([waiver]));
    }
    let seen = (entry.first_seen, entry.last_seen);
    if let (Some(first), Some(last)) = seen {
        let provenance = json!({
            "firstDetectionTimeUtc": first.to_string(),
            "lastDetectionTimeUtc": last.max(first).to_string(),
        });
        body.insert("provenance".to_owned(), provenance);
    }
    result
}

fn location(case: &Case<'_>) -> Value {
    let row = case.row;
    let mut location = json!({ "logicalLocations": [{
        "name": printable(&row.label()),
        "fullyQualifiedName": printable(row.entry.row_id.as_str()),
        "kind": "service",
    }]});
    if let (Some(uri), Value::Object(location)) = (case.uri(), &mut location) {
        location.insert("physicalLocation".to_owned(), json!({ "artifactLocation": { "uri": uri } }));
    }
    location
}

fn properties(case: &Case<'_>) -> Value {
    let (row, entry) = (case.row, case.row.entry);
    let each: BTreeMap<&str, Value> = FacetKind::ALL
        .iter()
        .map(|kind| {
            let facet = entry.facets.get(*kind);
            (kind.as_str(), json!({ "value": facet.value, "grade": facet.grade }))
        })
        .collect();
    json!({
        "rowId": entry.row_id.as_str(),
        "state": entry.state,
        "stateSince": entry.state_since,
        "severity": case.severity.as_str(),
        "verdict": entry.verdict,
        "reason": entry.reason,
        "owner": row.owner(),
        "exposure": row.service.map(super::super::model::service::Service::exposure),
        "environment": row.service.and_then(|s| s.declared.env.as_deref()),
        "due": entry.due,
        "overdue": row.is_overdue(),
        "facets": each,
        "facetsInWords": facets(entry),
        "nextAction": entry.next_action,
        "blockedBy": entry.blocked_by,
        "regressions": entry.regressions,
        "keysNow": entry.spki_now,
    })
}

/// The run about certificates, where anything is wrong with any. Each service once, however many disclosures there are.
fn certificates(view: &View<'_>, cases: &[Case<'_>]) -> Option<Value> {
    let mut known: BTreeSet<&RowId> = BTreeSet::new();
    let rows: Vec<&Case<'_>> = cases.iter().filter(|c| known.insert(&c.row.entry.row_id)).collect();
    let kinds: BTreeSet<FindingKind> =
        rows.iter().flat_map(|c| c.row.entry.findings.iter().map(|f| f.kind)).collect();
    if kinds.is_empty() {
        return None;
    }
    let index: BTreeMap<FindingKind, usize> = kinds.iter().enumerate().map(|(i, k)| (*k, i)).collect();
    let rules: Vec<Value> = kinds.iter().map(|k| certificate_rule(*k)).collect();
    let mut results = Vec::new();
    for case in rows {
        for finding in &case.row.entry.findings {
            let (kind, level) = certificate_level(finding.kind);
            let about = finding.certificate.map(|c| format!("/{c}")).unwrap_or_default();
            let row: &Row<'_> = &case.row;
            results.push(json!({
                "ruleId": format!("certificate/{}", finding.kind),
                "ruleIndex": index.get(&finding.kind),
                "kind": kind,
                "level": level,
                "message": { "text": sentence(&format!("{}: {}", row.label(), finding.detail)) },
                "locations": [location(case)],
                "partialFingerprints": { "allclear/finding/v1": format!("{}/{}{about}", row.entry.row_id, finding.kind) },
                "properties": { "rowId": row.entry.row_id.as_str(), "owner": row.owner() },
            }));
        }
    }
    Some(Value::Object(run(view, "certificates", &rules, &results)))
}

fn certificate_rule(kind: FindingKind) -> Value {
    let words = kind.as_str().replace('-', " ");
    json!({
        "id": format!("certificate/{kind}"),
        "name": kind.as_str(),
        "shortDescription": { "text": sentence(&format!("A service shows: {words}")) },
        "defaultConfiguration": { "level": if kind.is_outage() { "error" } else { "warning" } },
    })
}

/// What could not be checked is to be looked at, and neither good nor bad.
const fn certificate_level(kind: FindingKind) -> (&'static str, &'static str) {
    match kind {
        FindingKind::CertificateUnchecked | FindingKind::ExpectationUntried => ("review", "none"),
        kind if kind.is_outage() => ("fail", "error"),
        _ => ("fail", "warning"),
    }
}

/// For tests: a time as SARIF wants it (3.9: UTC, with `Z`).
#[cfg(test)]
fn is_utc(text: &str) -> bool {
    text.ends_with('Z') && text.parse::<crate::model::time::Timestamp>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::facet::State,
        report::sample::{Sample, at},
    };

    fn log(sample: &Sample) -> Value {
        sample.with(|view| {
            let mut out = Vec::new();
            write(view, Dialect::default(), &mut out).unwrap();
            serde_json::from_slice(&out).unwrap()
        })
    }

    fn of<'a>(log: &'a Value, row: &str) -> &'a Value {
        let results = log["runs"][0]["results"].as_array().unwrap();
        results.iter().find(|r| r["locations"][0]["logicalLocations"][0]["name"] == row).unwrap()
    }

    #[test]
    fn a_result_says_what_it_was_and_what_it_is() {
        let log = log(&Sample::new());
        for (row, kind, level, state) in [
            ("web01.example.test:443", "fail", "error", "unchanged"),
            ("mail.example.test:25", "fail", "error", "updated"),
            ("turn.example.test:5349", "fail", "error", "updated"),
            ("tarpit.example.test:443", "review", "none", "updated"),
            ("192.0.2.99:8443", "notApplicable", "none", "new"),
            ("chat.example.test:5222", "pass", "none", "unchanged"),
        ] {
            let r = of(&log, row);
            assert_eq!(
                (&r["kind"], &r["level"], &r["baselineState"]),
                (&json!(kind), &json!(level), &json!(state)),
                "{row}"
            );
            assert!(r.get("suppressions").is_none(), "{row}");
        }
        let web = of(&log, "web01.example.test:443");
        assert_eq!(web["partialFingerprints"]["allclear/row/v1"], "svc-2wyf2llav7a7/CVE-2014-0160");
        assert_eq!(
            web["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
            "tls://web01.example.test:443"
        );
        let run = &log["runs"][0];
        assert!(is_utc(run["invocations"][0]["startTimeUtc"].as_str().unwrap()));
        assert_ne!(run["baselineGuid"], run["automationDetails"]["guid"]);
        assert_eq!(run["automationDetails"]["id"], "allclear/disclosures/incident/s0002/");
    }

    #[test]
    fn a_waiver_in_force_suppresses_and_one_that_ran_out_does_not() {
        let mut sample = Sample::new();
        let waiver = crate::model::assessment::StandingClaim {
            what: "waived".to_owned(),
            by: "ana".to_owned(),
            at: at("10:00:00"),
            reference: Some("RISK-1".to_owned()),
            until: Some(at("23:59:00")),
        };
        sample.assessment.services[0].waiver = Some(waiver.clone());
        sample.assessment.services[0].state = State::Waived;
        sample.assessment.services[1].waiver = Some(waiver);
        let log = log(&sample);
        let first = of(&log, "web01.example.test:443");
        assert_eq!(
            (&first["kind"], &first["level"]),
            (&json!("fail"), &json!("error")),
            "accepted is not passed"
        );
        assert_eq!(first["suppressions"][0]["status"], "accepted");
        assert!(first["suppressions"][0]["justification"].as_str().unwrap().contains("RISK-1"));
        assert!(of(&log, "mail.example.test:25").get("suppressions").is_none(), "its state is not waived");
    }

    #[test]
    fn what_was_owed_and_is_finished_is_absent_and_nothing_else_is() {
        for &to in State::ALL {
            let mut sample = Sample::new();
            sample.assessment.services[1].state = to;
            sample.changes[0].to = to;
            let log = log(&sample);
            let closed = to.is_finished() && to != State::Waived;
            let state = of(&log, "mail.example.test:25")["baselineState"].as_str().unwrap().to_owned();
            assert_eq!(state == "absent", closed, "{to}: {state}");
        }
    }

    #[test]
    fn a_first_sweep_has_no_baseline() {
        let mut sample = Sample::new();
        sample.changes.clear();
        let log = log(&sample);
        assert!(log["runs"][0].get("baselineGuid").is_none());
        assert!(
            log["runs"][0]["results"].as_array().unwrap().iter().all(|r| r.get("baselineState").is_none())
        );
    }
}
