//! What people said, what they have to rotate, and what could not be judged or went backwards.

use super::{
    super::{
        super::{Row, View, tally},
        data::{Backwards, How, SecretRow, Standing, Unknown, Word},
    },
    Beside,
};
use crate::model::{
    assessment::{Assessment, SecretAssessment, ServiceAssessment, StandingClaim},
    facet::{FacetKind, FacetValue, Regression, State},
    secret::Secret,
    verdict::{Grade, Verdict},
};

pub(super) fn secrets(view: &View<'_>, assessment: &Assessment, beside: &Beside<'_>) -> Vec<SecretRow> {
    let entries = assessment.secrets.iter().map(|s| (s.id.as_str(), s));
    let entries: std::collections::HashMap<&str, &SecretAssessment> = entries.collect();
    let wanted = |s: &&Secret| {
        let owner = view.filter.owner.as_deref();
        view.filter.is_empty()
            || s.services.iter().any(|r| view.wants(r))
            || (owner.is_some() && s.owner.as_deref() == owner)
    };
    let secrets = view.evidence.secrets.iter().filter(wanted);
    let mut rows: Vec<SecretRow> = secrets
        .filter_map(|secret| {
            let entry = entries.get(secret.id.as_str())?;
            let kind = (beside.secret_type)(&secret.kind);
            Some(SecretRow {
                id: secret.id.clone(),
                tier: kind.tier,
                kind: kind.code,
                title: kind.title,
                owner: secret.owner.clone(),
                state: entry.state,
                closed: entry.closed,
                in_reach: entry.in_reach,
                grade: entry.found.grade,
                services: secret.services.clone(),
                blocked_by: entry.blocked_by.clone(),
                implied: secret.implied,
            })
        })
        .collect();
    rows.sort_by(|a, b| {
        let order = |s: &SecretRow| (s.closed || !s.in_reach, s.tier);
        order(a).cmp(&order(b)).then_with(|| (&a.kind, &a.id).cmp(&(&b.kind, &b.id)))
    });
    rows
}

/// What could not be judged, and what a waiver covers without a clean look.
pub(super) fn unknowns(rows: &[Row<'_>]) -> Vec<Unknown> {
    let mut all: Vec<Unknown> = rows
        .iter()
        .filter(|row| {
            row.entry.state == State::Unknown || tally::Standing::of(row) == tally::Standing::Unknown
        })
        .map(|row| Unknown {
            row_id: row.entry.row_id.clone(),
            how: how(row.entry),
            reason: row.entry.reason,
            last_seen: row.entry.last_seen,
        })
        .collect();
    all.sort_by_key(|u| (u.how, u.reason));
    all
}

const fn how(entry: &ServiceAssessment) -> How {
    match entry.verdict {
        None => How::NeverLookedAt,
        Some(Verdict::Unreachable) => How::Unreachable,
        Some(Verdict::Skipped) => How::Skipped,
        Some(_) => How::Inconclusive,
    }
}

pub(super) fn regressions(rows: &[Row<'_>]) -> Vec<Backwards> {
    let of = |row: &Row<'_>| -> Vec<Backwards> {
        let back = |code: &Regression| Backwards {
            row_id: row.entry.row_id.clone(),
            code: *code,
            state: row.entry.state,
            since: row.entry.state_since,
        };
        row.entry.regressions.iter().map(back).collect()
    };
    let mut all: Vec<Backwards> = rows.iter().flat_map(of).collect();
    all.sort_by_key(|b| (b.code, b.state));
    all
}

/// Waivers first, those that ran out before those that stand; then what rests on a word.
pub(super) fn words(view: &View<'_>, rows: &[Row<'_>], assessment: &Assessment) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    for row in rows {
        let entry = row.entry;
        if let Some(waiver) = &entry.waiver {
            let over = waiver.until.is_some_and(|end| end < assessment.now);
            words.push(word(row, waiver, if over { Standing::RunOut } else { Standing::Stands }));
        }
        if let Some(claim) = entry.claim.as_ref().filter(|c| entry.waiver.as_ref() != Some(c)) {
            words.push(word(row, claim, standing(entry, claim)));
        }
    }
    words.extend(of_secrets(view, assessment));
    words.sort_by_key(|w| (w.until.is_none(), w.standing == Standing::Confirmed, w.until, w.at));
    words
}

fn word(row: &Row<'_>, claim: &StandingClaim, standing: Standing) -> Word {
    Word {
        row_id: Some(row.entry.row_id.clone()),
        secret: None,
        what: claim.what.clone(),
        by: claim.by.clone(),
        at: claim.at,
        reference: claim.reference.clone(),
        until: claim.until,
        standing,
    }
}

/// Whether a sweep or a host bore out what was said.
fn standing(entry: &ServiceAssessment, claim: &StandingClaim) -> Standing {
    if entry.state == State::Contradicted {
        return Standing::Contradicted;
    }
    let Ok(kind) = claim.what.parse::<FacetKind>() else {
        return Standing::Stands; // not affected, decommissioned: what is seen later decides the state
    };
    let facet = entry.facets.get(kind);
    match facet.value {
        FacetValue::Contradicted | FacetValue::Regressed | FacetValue::TooEarly => Standing::Contradicted,
        FacetValue::Done if facet.grade.is_some_and(|g| g >= Grade::E2) => Standing::Confirmed,
        _ => Standing::NeverConfirmed,
    }
}

fn of_secrets(view: &View<'_>, assessment: &Assessment) -> Vec<Word> {
    let said = |s: &SecretAssessment| {
        let claim = s.claim.as_ref()?;
        let standing = match (s.found.came_back, s.found.grade) {
            (true, _) => Standing::Contradicted,
            (false, Some(grade)) if grade >= Grade::E2 => Standing::Confirmed,
            _ => Standing::NeverConfirmed,
        };
        Some(Word {
            row_id: None,
            secret: Some(s.id.clone()),
            what: claim.what.clone(),
            by: claim.by.clone(),
            at: claim.at,
            reference: claim.reference.clone(),
            until: claim.until,
            standing,
        })
    };
    let wanted = |s: &&SecretAssessment| {
        view.filter.is_empty()
            || view
                .evidence
                .secrets
                .iter()
                .any(|secret| secret.id == s.id && secret.services.iter().any(|r| view.wants(r)))
    };
    assessment.secrets.iter().filter(wanted).filter_map(said).collect()
}
