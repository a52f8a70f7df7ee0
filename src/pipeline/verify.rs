//! `verify`: sweeps again what is asked for, compares with what stood before, and holds the gate.

use std::{collections::HashSet, path::Path, time::Duration};

use super::{
    checks,
    judged::{self, Choice, Judged},
    revocations::{self, Round},
    select::Selection,
    session::Session,
    settings::Settings,
    sweep::{Outcome, Sinks},
};
use crate::{
    assess,
    clock::Clock,
    error::Error,
    model::{
        assessment::{Change, ServiceAssessment},
        facet::{FacetKind, FacetValue, Gate, GateResult},
        ids::{RowId, SweepId},
        service::Service,
    },
};

/// Between a look and the one that confirms it.
pub const REPEAT_AFTER: Duration = Duration::from_secs(2);

/// What came of it.
#[derive(Debug)]
pub struct Verified {
    /// The incident as it is judged now.
    pub judged: Judged,
    /// The services that were asked about.
    pub rows: Vec<RowId>,
    /// What changed.
    pub changes: Vec<Change>,
    /// Whether the gate holds.
    pub gate: GateResult,
    /// The sweeps that were made.
    pub sweeps: Vec<SweepId>,
    /// Whether it was stopped.
    pub interrupted: bool,
    /// What CRL and OCSP said.
    pub revoked: Round,
    /// What the network showed of secrets.
    pub checked: checks::Round,
}

/// What is asked.
#[derive(Debug)]
pub struct Question<'a> {
    /// About which services.
    pub selection: &'a Selection,
    /// By which gate.
    pub gate: Gate,
    /// How evidence is judged.
    pub choice: &'a Choice,
    /// Settings of the sweep; absent: no sweep, only the stored evidence.
    pub settings: Option<Settings>,
    /// Whether the depth may be full where the disclosure is asked about at that depth alone: none was typed.
    pub may_deepen: bool,
    /// The command line, for the record.
    pub command_line: &'a str,
}

/// Answers the question. `sinks` is called for once a sweep, since each needs its own.
pub fn verify<'s>(
    incident: &Path,
    question: &Question<'_>,
    clock: &Clock,
    sinks: &mut dyn FnMut() -> Sinks<'s>,
) -> Result<Verified, Error> {
    let before = judged::load(incident, question.choice, clock.now())?;
    let by_row = before.by_row();
    let state = |row: &RowId| by_row.get(row).map(|s| s.state);
    let chosen = question.selection.of(&before.evidence.services, &state)?;
    let rows: Vec<RowId> = chosen.iter().map(|s| s.row_id.clone()).collect();
    let mut sweeps = Vec::new();
    let mut interrupted = false;
    let mut revoked = Round::default();
    let mut checked = checks::Round::default();
    if let Some(settings) = &question.settings {
        // Under the rules that are in force: without a configuration, those of the sweep before.
        let mut settings = settings.under(&before.assessment.policy);
        if question.may_deepen {
            settings = settings.deep_enough_for(&before.assessment.disclosure.id);
        }
        let settings = &settings;
        let mut once = |services: &[&Service]| -> Result<Outcome, Error> {
            let session = Session::again(incident, services, settings.clone(), question.command_line, clock)?;
            session.run(clock, sinks())
        };
        let first = once(&chosen)?;
        sweeps.push(first.sweep);
        interrupted = first.interrupted;
        let after = judged::load(incident, question.choice, clock.now())?;
        if !settings.offline && !interrupted {
            revoked = revocations::after_sweep(incident, &after, Some(&rows), clock);
            checked = checks::after_sweep(incident, &after, Some(&rows), clock);
        }
        let by_row = after.by_row();
        let lacking = |s: &&Service| by_row.get(&s.row_id).is_some_and(|a| lacks_a_second_look(&after, a));
        let again: Vec<&Service> = chosen.iter().copied().filter(lacking).collect();
        if !again.is_empty() && !interrupted {
            pause(clock);
            let second = once(&again)?;
            sweeps.push(second.sweep);
            interrupted = second.interrupted;
        }
    }
    let judged = judged::load(incident, question.choice, clock.now())?;
    let mut changes = judged.changes(sweeps.first().copied());
    let asked: HashSet<&RowId> = rows.iter().collect();
    changes.retain(|c| asked.contains(&c.row_id));
    let gate = assess::gate(&judged.assessment, question.gate, &|row| asked.contains(row));
    Ok(Verified { judged, rows, changes, gate, sweeps, interrupted, revoked, checked })
}

/// Whether one more clean look is all that a grade still lacks.
fn lacks_a_second_look(judged: &Judged, service: &ServiceAssessment) -> bool {
    let minimum = &judged.assessment.policy.minimum_grades;
    [FacetKind::Restarted, FacetKind::Rekeyed].into_iter().any(|kind| {
        let facet = service.facets.get(kind);
        facet.value == FacetValue::Done && !facet.satisfied(minimum.of(kind))
    })
}

fn pause(clock: &Clock) {
    match clock {
        Clock::System => std::thread::sleep(REPEAT_AFTER),
        Clock::Simulated(_) => clock.advance(i64::try_from(REPEAT_AFTER.as_secs()).unwrap_or(2)),
    }
}
