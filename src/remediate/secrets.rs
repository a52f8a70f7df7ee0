//! Every linked secret as a line: declared ones and those that a service type implies. Tiers B to E by
//! the secret table. Each waits until the services on its path no longer leak.

use super::{
    draft::Drafts,
    fleet::{Fleet, has_history, leaked, said, sentence, settled, waived},
    hints::{self, Fit},
    types::SecretType,
    words::{attest_secret, shell, tick, ticks},
};
use crate::model::{
    assessment::SecretAssessment,
    checklist::{Line, LineState},
    facet::FacetKind,
    ids::RowId,
    secret::{Secret, SecretState, Tier},
    time::Timestamp,
    verdict::Grade,
};

pub(super) fn lines(fleet: &Fleet<'_>, drafts: &mut Drafts) {
    let key_lines: Vec<usize> =
        (0..drafts.all.len()).filter(|i| drafts.all.get(*i).is_some_and(|d| d.line.code == "B1")).collect();
    for secret in &fleet.evidence.secrets {
        let kind = fleet.types.secret_type(&secret.kind);
        let rows = fleet.sorted(secret.services.iter().cloned());
        let judged = fleet.secret(&secret.id);
        if rows.is_empty() && !secret.unresolved.is_empty() {
            if !judged.is_some_and(|s| s.closed) {
                drafts.push(unlinked(fleet, secret, kind), []);
            }
            continue;
        }
        if !in_reach(fleet, &rows, judged) || !fleet.owed_by_any(&rows, FacetKind::Secrets) {
            continue;
        }
        let mut first: Vec<usize> = rows.iter().flat_map(|row| drafts.leak_closed(row)).collect();
        if kind.code == "B1" {
            // The key itself is tracked by what is served; this line records a listed secret.
            let about = |i: &&usize| {
                drafts.all.get(**i).is_some_and(|d| d.line.services.iter().any(|row| rows.contains(row)))
            };
            first.extend(key_lines.iter().filter(about));
        }
        let line = line(fleet, secret, kind, rows, judged);
        drafts.push(line, first);
    }
}

/// As assessment says; where it says nothing, in reach if any service on the path ever leaked.
fn in_reach(fleet: &Fleet<'_>, rows: &[RowId], judged: Option<&SecretAssessment>) -> bool {
    judged.map_or_else(
        || rows.iter().filter_map(|row| fleet.assessment_of(row)).any(has_history),
        |s| s.in_reach,
    )
}

fn line_id(secret: &Secret, kind: &SecretType) -> String {
    if secret.implied { secret.id.clone() } else { format!("{}/{}", secret.id, kind.code) }
}

fn base(fleet: &Fleet<'_>, secret: &Secret, kind: &SecretType, rows: Vec<RowId>) -> Line {
    let mut line = fleet.line(line_id(secret, kind), kind.tier, &kind.code, &kind.title, rows);
    if secret.owner.as_deref().is_some_and(|o| !o.trim().is_empty()) {
        line.owner.clone_from(&secret.owner);
    }
    if kind.code == "C0" {
        line.title = format!("{} ({})", kind.title, tick(&secret.kind));
    }
    line.secret = Some(secret.id.clone());
    line.location.clone_from(&secret.location);
    line.runbook.clone_from(&secret.runbook);
    line.steps = hints::steps(kind, &Fit::of(fleet, &line.services, &secret.kind));
    line.impact = Some(kind.impact.clone());
    line.overlap = kind.overlap;
    line.evidence_wanted.clone_from(&kind.evidence);
    let fit = Fit::of(fleet, &line.services, &secret.kind);
    line.attest = Some(hints::attest(secret, kind, &fit, closed(fleet, &line.services)));
    line
}

/// When the leak was first seen closed on the whole path: the latest of its services, where each was.
fn closed(fleet: &Fleet<'_>, rows: &[RowId]) -> Option<Timestamp> {
    let bad = rows.iter().filter_map(|row| fleet.assessment_of(row)).filter(|s| leaked(s));
    let good: Option<Vec<Timestamp>> =
        bad.map(|s| s.first_good.filter(|good| s.last_bad.is_none_or(|last| *good > last))).collect();
    good?.into_iter().max()
}

fn line(
    fleet: &Fleet<'_>,
    secret: &Secret,
    kind: &SecretType,
    rows: Vec<RowId>,
    judged: Option<&SecretAssessment>,
) -> Line {
    let last_bad = judged.and_then(|s| s.last_bad).or_else(|| latest(fleet, &rows));
    let mut line = base(fleet, secret, kind, rows);
    line.why = why(fleet, secret, kind, &line.services, last_bad);
    if kind.tier == Tier::E {
        line.steps.insert(
            0,
            "Last of all: a new password typed over a connection that still leaks is burnt at once."
                .to_owned(),
        );
    } else {
        line.steps.insert(0, "Send the new one only over connections that no longer leak.".to_owned());
    }
    let since = last_bad
        .map_or("after the last bad look at its services".to_owned(), |t| format!("after {}", t.short()));
    line.tool_checks = Some(match (kind.tries.is_empty(), kind.bulk) {
        (true, false) => {
            format!("Only that it was recorded as done {since}: it never sees a secret's value.")
        }
        (_, true) => format!(
            "Only what was recorded {since}, your count above all: it never sees a secret's value, so counting and trying are yours."
        ),
        (false, false) => format!(
            "Only what was recorded {since}: it never sees a secret's value, so the try with the old one is yours. It keeps that try's exit code."
        ),
    });
    state(&mut line, judged);
    line
}

fn why(
    fleet: &Fleet<'_>,
    secret: &Secret,
    kind: &SecretType,
    rows: &[RowId],
    last_bad: Option<Timestamp>,
) -> String {
    let bad = |row: &&RowId| fleet.assessment_of(row).is_some_and(leaked);
    let leaking: Vec<String> = rows.iter().filter(bad).map(|row| fleet.name(row)).collect();
    let names = if leaking.is_empty() { ticks(&fleet.names(rows)) } else { ticks(&leaking) };
    let when = last_bad.map_or(String::new(), |t| format!(", last on {}", t.short()));
    let leak = if last_bad.is_some() { "leak" } else { "presumed leak" };
    let mut text = if secret.implied {
        let of = rows
            .first()
            .and_then(|row| fleet.service(row))
            .map_or("service", |s| fleet.kind(s).title.as_str());
        format!(
            "Nobody listed it, but services of the type \"{of}\" hold one as a rule: in reach of the {leak} at {names}{when}."
        )
    } else {
        format!("In reach of the {leak} at {names}{when}: {}.", kind.exposed_if)
    };
    let others = rows.len().saturating_sub(leaking.len());
    if !leaking.is_empty() && others > 0 {
        let rest: Vec<RowId> = rows.iter().filter(|row| !bad(row)).cloned().collect();
        text = format!("{text} Also used by {}.", ticks(&fleet.names(&rest)));
    }
    if !secret.unresolved.is_empty() {
        text =
            format!("{text} The list also names {}, which is no known service.", ticks(&secret.unresolved));
    }
    text
}

fn latest(fleet: &Fleet<'_>, rows: &[RowId]) -> Option<Timestamp> {
    rows.iter().filter_map(|row| fleet.assessment_of(row)?.last_bad).max()
}

fn state(line: &mut Line, judged: Option<&SecretAssessment>) {
    let Some(judged) = judged else { return };
    line.state = match judged.state {
        SecretState::TooEarly => LineState::TooEarly,
        SecretState::Waived => LineState::Waived,
        SecretState::NotExposed if judged.closed => LineState::NotApplicable,
        _ if judged.closed => LineState::Done,
        state if state.closes() => LineState::Claimed,
        _ => LineState::Open,
    };
    let mut seen = Vec::new();
    if !matches!(judged.state, SecretState::Identified | SecretState::Owned | SecretState::Waived) {
        seen.push(judged.state.to_string());
    }
    if let Some(claim) = &judged.claim {
        if settled(line.state) || matches!(line.state, LineState::Claimed | LineState::TooEarly) {
            line.done_by = Some(claim.by.clone());
            line.done_at = Some(claim.at);
        }
        let referenced = claim.reference.as_deref().is_some_and(|r| !r.trim().is_empty());
        let word = if referenced { Grade::E1 } else { Grade::E0 };
        line.grade = Some(judged.found.grade.unwrap_or(word));
        seen.push(match line.state {
            LineState::Waived => waived(claim),
            _ => said(&claim.by, claim.at, claim.reference.as_deref()),
        });
        if line.state == LineState::Claimed && !referenced {
            seen.push("a reference is missing".to_owned());
        }
    }
    if judged.claim.is_none() {
        line.grade = judged.found.grade;
    }
    if let Some(why) = &judged.found.why {
        seen.push(why.clone());
    } else if line.state == LineState::TooEarly {
        seen.push("it was made while a service on its path still leaked: make another".to_owned());
    }
    line.evidence_seen = sentence(&seen);
}

/// A secret whose services nobody knows: whether it was in reach cannot be said, and that is not clean.
fn unlinked(fleet: &Fleet<'_>, secret: &Secret, kind: &SecretType) -> Line {
    let mut line = base(fleet, secret, kind, Vec::new());
    line.why = format!(
        "The list links it to {}, which is no known service: whether it was in reach is not known.",
        ticks(&secret.unresolved)
    );
    line.steps.insert(0, "Correct the `services` column of the secrets file, or add the service to the inventory and sweep it.".to_owned());
    line.attest = Some(format!(
        "# when it was rotated all the same\n{}\n# or: it was never in reach\nallclear attest --secret {} --state not-exposed --reference DOC",
        attest_secret(&secret.id, &kind.attest, "TICKET"),
        shell(&secret.id)
    ));
    line
}
