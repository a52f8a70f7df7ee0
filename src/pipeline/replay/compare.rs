//! What a step expects against what is known: one line a difference, with file, line, step, expected and found.

use std::fmt::Write as _;

use toml::Spanned;

use super::{
    scenario::{Expect, LineExpected, Scenario, Step},
    stage::{account, address},
};
use crate::{
    assess,
    model::{assessment::ServiceAssessment, checklist::Line, ids::RowId},
    pipeline::judged::Judged,
};

/// All differences of a step. The error is a mistake in the scenario.
pub(super) fn step(
    scenario: &Scenario,
    step: &Step,
    name: &str,
    network: [u8; 3],
    judged: &Judged,
) -> Result<String, String> {
    let lines = judged.lines();
    let mut told = String::new();
    for expected in &step.expect {
        let one = One { judged, lines: &lines, network };
        let found = one.differences(expected)?;
        let Some(first) = found.first() else { continue };
        let place = scenario.place(expected);
        for difference in &found {
            let _ = writeln!(told, "{place}: {name}: {}: {difference}", expected.get_ref().service);
        }
        debug_assert!(!first.is_empty());
        told.push_str(&account(judged, one.row(&expected.get_ref().service)?));
    }
    let place = scenario.place(&step.say);
    for (id, wanted) in &step.secrets {
        let found = judged.assessment.secrets.iter().find(|s| s.id == *id);
        let fits = found.is_some_and(|s| match wanted.as_str() {
            "closed" => s.closed,
            "open" => s.in_reach && !s.closed,
            "out-of-reach" => !s.in_reach,
            state => s.state.as_str() == state,
        });
        if !fits {
            let ids: Vec<&str> = judged.assessment.secrets.iter().map(|s| s.id.as_str()).collect();
            let found =
                found.map_or_else(|| format!("none of that name among {ids:?}"), |s| format!("{s:?}"));
            let _ = writeln!(told, "{place}: {name}: secret {id}: expected {wanted}, found {found}");
        }
    }
    for (gate, wanted) in &step.gates {
        let found = assess::gate(&judged.assessment, *gate, &|_: &RowId| true);
        if found != *wanted {
            let _ = writeln!(told, "{place}: {name}: gate {gate}: expected {wanted}, found {found}");
        }
    }
    Ok(told)
}

struct One<'a> {
    judged: &'a Judged,
    lines: &'a [Line],
    network: [u8; 3],
}

fn differ<T: std::fmt::Display>(what: &str, expected: Option<T>, found: &str, out: &mut Vec<String>) {
    if let Some(expected) = expected.map(|e| e.to_string()).filter(|e| e != found) {
        out.push(format!("{what}: expected {expected}, found {found}"));
    }
}

/// Each wanted text must be a part of one that was found.
fn parts(what: &str, wanted: &[String], found: &[String], out: &mut Vec<String>) {
    for part in wanted.iter().filter(|part| !found.iter().any(|f| f.contains(part.as_str()))) {
        out.push(format!("{what}: expected something with `{part}`, found {found:?}"));
    }
}

impl One<'_> {
    fn row(&self, service: &str) -> Result<usize, String> {
        let found = self.judged.evidence.services.iter().position(|s| s.display_port() == service);
        found.ok_or_else(|| format!("no service is called `{service}`"))
    }

    fn differences(&self, expected: &Spanned<Expect>) -> Result<Vec<String>, String> {
        let expected = expected.get_ref();
        let row = self.row(&expected.service)?;
        let found = self.judged.assessment.services.get(row).ok_or("it was not assessed")?;
        let mut out = Vec::new();
        let shown = |v: Option<&str>| v.unwrap_or("none").to_owned();
        differ("state", expected.state, found.state.as_str(), &mut out);
        differ(
            "verdict",
            expected.verdict,
            &shown(found.verdict.map(crate::model::verdict::Verdict::as_str)),
            &mut out,
        );
        differ(
            "reason",
            expected.reason,
            &shown(found.reason.map(crate::model::verdict::Reason::as_str)),
            &mut out,
        );
        for (kind, wanted) in &expected.facets {
            let facet = found.facets.get(*kind);
            let grade = facet.grade.filter(|_| wanted.grade.is_some());
            let with = |value: &str, grade: Option<_>| {
                grade.map_or_else(
                    || value.to_owned(),
                    |g: crate::model::verdict::Grade| format!("{value} {g}"),
                )
            };
            let (wanted, is) = (with(wanted.value.as_str(), wanted.grade), with(facet.value.as_str(), grade));
            differ(&format!("facet {kind}"), Some(wanted), &is, &mut out);
        }
        if let Some(codes) = &expected.regressions
            && *codes != found.regressions
        {
            out.push(format!("regressions: expected {codes:?}, found {:?}", found.regressions));
        }
        parts("notes", &expected.notes, &found.notes, &mut out);
        parts("next action", &expected.next, std::slice::from_ref(&found.next_action), &mut out);
        parts("blocked by", &expected.blocked_by, &found.blocked_by, &mut out);
        self.places(expected, found, &mut out);
        for line in &expected.lines {
            self.line(line, &found.row_id, &mut out);
        }
        for code in &expected.no_lines {
            if self.of(&found.row_id).any(|line| line.code == *code) {
                out.push(format!("line {code}: expected none, and there is one"));
            }
        }
        Ok(out)
    }

    /// Endpoints, keys and contradictions.
    fn places(&self, expected: &Expect, found: &ServiceAssessment, out: &mut Vec<String>) {
        for (number, wanted) in &expected.endpoints {
            let at = number.parse().ok().map(|n| address(self.network, n));
            let endpoint = found.endpoints.iter().find(|e| e.address == at);
            let is = endpoint.map_or_else(|| "none".to_owned(), |e| format!("{} {}", e.verdict, e.reason));
            differ(&format!("endpoint {number}"), Some(wanted), &is, out);
        }
        if let Some(wanted) = &expected.shared_with {
            let services = self.judged.evidence.services.iter();
            let names: Vec<String> = services
                .filter(|s| found.key_shared_with.contains(&s.row_id))
                .map(crate::model::service::Service::display_port)
                .collect();
            if names != *wanted {
                out.push(format!("shared with: expected {wanted:?}, found {names:?}"));
            }
        }
        if let Some(wanted) = expected.serves_old_key {
            let is = found.spki_now.iter().any(|key| found.spki_before.contains(key));
            if wanted != is {
                out.push(format!("serves an old key: expected {wanted}, found {is}"));
            }
        }
        let words: Vec<String> = found.conflicts.iter().map(|c| c.words.clone()).collect();
        if expected.conflicts == ["none"] {
            if !words.is_empty() {
                out.push(format!("conflicts: expected none, found {words:?}"));
            }
        } else {
            parts("conflicts", &expected.conflicts, &words, out);
        }
    }

    fn of<'l>(&'l self, row: &'l RowId) -> impl Iterator<Item = &'l Line> {
        self.lines.iter().filter(move |line| line.services.contains(row))
    }

    fn line(&self, expected: &LineExpected, row: &RowId, out: &mut Vec<String>) {
        let code = &expected.code;
        let all: Vec<&Line> = self.of(row).filter(|line| line.code == *code).collect();
        let Some(first) = all.first() else {
            let codes: Vec<&str> = self.of(row).map(|line| line.code.as_str()).collect();
            out.push(format!("line {code}: expected, and there is none; there are {}", codes.join(" ")));
            return;
        };
        // Several keys of one service have a line each: one in the wanted state is meant.
        let line = all.iter().find(|line| line.state == expected.state).unwrap_or(first);
        differ(&format!("line {code}: state"), Some(expected.state), line.state.as_str(), out);
        differ(&format!("line {code}: title"), expected.title.as_ref(), &line.title, out);
        let said = [
            Some(line.title.clone()),
            Some(line.why.clone()),
            line.impact.clone(),
            line.tool_checks.clone(),
            line.attest.clone(),
            Some(line.evidence_wanted.clone()),
            line.evidence_seen.clone(),
        ];
        let said: Vec<String> = said
            .into_iter()
            .flatten()
            .chain(line.steps.clone())
            .chain(line.blocked_by_text.clone())
            .collect();
        for part in &expected.says {
            if !said.iter().any(|text| text.contains(part.as_str())) {
                out.push(format!("line {code}: does not say `{part}`; it says {said:#?}"));
            }
        }
        for part in &expected.never_says {
            if let Some(text) = said.iter().find(|text| text.contains(part.as_str())) {
                out.push(format!("line {code}: says `{text}`, and should not say `{part}`"));
            }
        }
        for part in &expected.waits_for {
            if !line.blocked_by_text.iter().any(|text| text.contains(part.as_str())) {
                let waits = &line.blocked_by_text;
                out.push(format!("line {code}: does not wait for `{part}`; it waits for {waits:?}"));
            }
        }
    }
}
