//! For DefectDojo's "Generic Findings Import": CSV by default, JSON with `--json`.
//!
//! What its reader makes of a file decides what stands in it:
//! - It decodes UTF-8, keeps a byte order mark in the first column's name, and knows commas alone: neither `--excel` nor
//!   `--tsv`.
//! - A severity other than Info, Low, Medium, High, Critical silently becomes Info: see [`super::case`] for the table.
//! - `known_exploited`, `ransomware_used` and `fix_available` are true for every text, "False" too: no such columns.
//! - `CweId`, `epss_*`, `CVSSV4_score`, `MitigatedDate` and `kev_date` are parsed even where they are empty, which ends the
//!   import: no such columns. An empty `CVE` becomes a vulnerability without a name: `Vulnerability Id` says it instead.
//! - Rows with the same severity, title and description become one finding: the description holds the row's id.
//! - Between imports a finding is known again by its title and description. So neither changes with the state, or a
//!   service that is half repaired would be closed and opened as another one; what changes is in `Impact` and
//!   `Mitigation`. The JSON form has `unique_id_from_tool` besides, and is the better one for re-imports.
//! - A re-import that closes old findings takes a missing row for a fixed one. So every row is there, whatever its state,
//!   and one that could not be judged is active. A part of `--by owner` has to be imported into a test of its own.
//! - A waived row stays active, for nobody fixed it; the JSON form says `risk_accepted`.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::{
    Export, Form, View,
    case::{Case, Outcome, cases},
    csv::{Cell, Dialect, Sheet},
    json,
    markdown::{code, prose},
};
use crate::model::verdict::Verdict;

const NOTES: &[&str] = &[
    "import as `Generic Findings Import`, each time with the same scope: a missing row is taken for a fixed one",
    "rows that could not be judged are active; waived rows are active",
    "dates are ISO 8601: YYYY-MM-DD",
];

/// The registry's entry.
pub const EXPORT: Export = Export {
    name: "defectdojo",
    about: "DefectDojo, Generic Findings Import: CSV, or JSON with --json",
    form: Form::ImporterCsv,
    notes: NOTES,
    header,
    write,
};

/// The same as JSON.
pub(super) const AS_JSON: Export = Export { form: Form::Json, header: Vec::new, write: write_json, ..EXPORT };

fn header() -> Vec<&'static str> {
    "Title,Description,Date,Severity,Active,Verified,FalsePositive,Duplicate,IsMitigated,Mitigation,Impact,References,\
     Vulnerability Id,Url"
        .split(',')
        .collect()
}

/// What the reader wants to know of a case.
#[expect(clippy::struct_excessive_bools, reason = "fields of the format")]
struct Finding {
    title: String,
    description: String,
    date: String,
    active: bool,
    verified: bool,
    false_positive: bool,
    mitigated: bool,
    mitigation: String,
    impact: String,
    references: String,
}

impl Finding {
    fn of(case: &Case<'_>, view: &View<'_>) -> Self {
        let (row, entry) = (case.row, case.row.entry);
        let disclosure = &row.assessment.disclosure;
        let leaks = if disclosure.leaks.is_empty() { "not said" } else { disclosure.leaks.as_str() };
        let description = [
            format!("**Service:** {}", code(&row.label())),
            format!("**Disclosure:** {}, {}", code(&disclosure.id), prose(&disclosure.title)),
            format!("**In reach:** {}", prose(leaks)),
            format!("**Row:** {}", code(&case.id())),
        ];
        let since = entry.first_seen.or(entry.last_seen).unwrap_or(row.assessment.now);
        let told = |names: &[&str]| {
            let facts = case.facts(view).into_iter().filter(|(name, _)| names.contains(name));
            facts.map(|(name, text)| format!("**{name}:** {}", prose(&text))).collect::<Vec<_>>()
        };
        let mut impact = told(&["State", "Why", "Facets", "Seen", "Key shared with", "Owner", "Exposure"]);
        impact.extend(case.waiver().map(|w| format!("**Waived:** {}", prose(&w))));
        Self {
            title: case.subject(),
            description: description.join("\n\n"),
            date: since.date(),
            active: !case.outcome.is_closed(),
            verified: entry.verdict == Some(Verdict::Vulnerable),
            false_positive: case.outcome == Outcome::NotApplicable,
            mitigated: matches!(case.outcome, Outcome::Done | Outcome::Gone),
            mitigation: told(&["Next", "Blocked by", "Due"]).join("\n\n"),
            impact: impact.join("\n\n"),
            references: disclosure.links.join("\n"),
        }
    }
}

const fn truth(value: bool) -> &'static str {
    if value { "True" } else { "False" }
}

/// Writes header and rows.
pub fn write(view: &View<'_>, dialect: Dialect, out: &mut dyn Write) -> io::Result<u64> {
    let mut sheet = Sheet::new(out, dialect, &header())?;
    for case in cases(view) {
        let finding = Finding::of(&case, view);
        sheet.row([
            Cell::text(finding.title),
            Cell::text(finding.description),
            Cell::tool(finding.date),
            Cell::tool(case.severity.as_str()),
            Cell::tool(truth(finding.active)),
            Cell::tool(truth(finding.verified)),
            Cell::tool(truth(finding.false_positive)),
            Cell::tool(truth(false)),
            Cell::tool(truth(finding.mitigated)),
            Cell::text(finding.mitigation),
            Cell::text(finding.impact),
            Cell::text(finding.references),
            Cell::text(&*case.row.entry.disclosure),
            Cell::text(case.uri().unwrap_or_default()),
        ])?;
    }
    sheet.finish()
}

/// Writes the JSON form: only keys that its reader allows, since it refuses a file with another one.
fn write_json(view: &View<'_>, _: Dialect, out: &mut dyn Write) -> io::Result<u64> {
    let findings: Vec<Value> = cases(view).iter().map(|case| finding_json(case, view)).collect();
    let rows = findings.len() as u64;
    json::write(&json!({ "name": "allclear", "findings": findings }), out)?;
    writeln!(out)?;
    Ok(rows)
}

fn finding_json(case: &Case<'_>, view: &View<'_>) -> Value {
    let finding = Finding::of(case, view);
    let disclosure = &*case.row.entry.disclosure;
    let owner = case.row.owner().map(|o| format!("owner:{o}"));
    let tags: Vec<String> = std::iter::once(format!("state:{}", case.row.entry.state)).chain(owner).collect();
    let tags: Vec<String> = tags.iter().map(|t| super::markdown::tame(t, 80)).collect();
    let mut body = json!({
        "title": finding.title,
        "description": finding.description,
        "severity": case.severity.as_str(),
        "date": finding.date,
        "active": finding.active,
        "verified": finding.verified,
        "false_p": finding.false_positive,
        "risk_accepted": case.outcome == Outcome::Waived,
        "is_mitigated": finding.mitigated,
        "mitigation": finding.mitigation,
        "impact": finding.impact,
        "references": finding.references,
        "unique_id_from_tool": case.id(),
        "vuln_id_from_tool": disclosure,
        "vulnerability_ids": [disclosure],
        "dynamic_finding": true,
        "static_finding": false,
        "tags": tags,
    });
    if let (Some(uri), Value::Object(body)) = (case.uri(), &mut body) {
        body.insert("endpoints".to_owned(), json!([uri]));
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{sample::Sample, tests::parse};

    #[test]
    fn a_finding_keeps_its_title_and_description_whatever_its_state() {
        let told = |change: fn(&mut Sample)| {
            let mut sample = Sample::new();
            change(&mut sample);
            let rows = sample.with(|view| parse(&EXPORT, view, EXPORT.dialect(Dialect::default())));
            rows.into_iter().find(|r| r["Url"] == "tls://web01.example.test:443").unwrap()
        };
        let open = told(|_| ());
        let done = told(|s| {
            let entry = &mut s.assessment.services[0];
            entry.state = crate::model::facet::State::Verified;
            entry.verdict = Some(Verdict::NotVulnerable);
            entry.last_seen = Some(crate::report::sample::at("20:00:00"));
            s.assessment.now = crate::report::sample::at("21:00:00");
        });
        assert_eq!((&open["Title"], &open["Description"]), (&done["Title"], &done["Description"]));
        assert_eq!((open["Active"].as_str(), open["Severity"].as_str()), ("True", "Critical"));
        assert_eq!((done["Active"].as_str(), done["IsMitigated"].as_str()), ("False", "True"));
        insta::assert_snapshot!(
            format!("{}\n{}\n{}\n{}", open["Title"], open["Description"], open["Mitigation"], open["Impact"]),
            @r"
            CVE-2014-0160 (Heartbleed): web01.example.test:443
            **Service:** `web01.example.test:443`

            **Disclosure:** `CVE-2014-0160`, Heartbleed

            **In reach:** memory

            **Row:** `svc-2wyf2llav7a7/CVE-2014-0160`
            **Next:** patch, then restart; on web01: upgrade openssl from `1.0.1e-2+deb7u4` to `1.0.1e-2+deb7u5` or later; on web01: restart nginx.service (systemctl restart nginx.service), which runs nginx (pid 812, 813)

            **Due:** 2026-11-22T12:00:00Z
            **State:** exposed since 2026-11-22 00:15 UTC

            **Why:** the hole is open: patch, then restart; last look: vulnerable (malformed-heartbeat-answered): it leaks memory to malformed heartbeats; runs openssl `1.0.1e-2+deb7u4 < 1.0.1e-2+deb7u5` (fixed; `Debian:7,` DSA-2896-1) (E4: web01, 2026-11-22 15:00)

            **Facets:** patched open, restarted open, rekeyed open, revoked open, secrets open, verified open

            **Seen:** 192.0.2.11 vulnerable at 2026-11-22 14:00 UTC from local; 192.0.2.12 not-vulnerable at 2026-11-22 14:00 UTC from local

            **Key shared with:** `mail.example.test:25`

            **Owner:** web

            **Exposure:** public
            "
        );
    }
}
