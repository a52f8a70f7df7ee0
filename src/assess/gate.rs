//! Whether a fleet is past a gate (DESIGN: exit codes), and what changed between two assessments.
//!
//! Read off finished assessments; nothing is judged here.

use std::collections::HashMap;

use crate::model::{
    assessment::{Assessment, Change, ServiceAssessment},
    facet::{FacetValue, Gate, GateResult, State},
    ids::{RowId, SweepId},
};

/// Holds the services that `only` picks against a gate.
///
/// The worst service decides: regressed before open, open before incomplete. A gate that no service
/// was asked about is incomplete, so that a mistyped filter never reads as success.
pub fn gate(assessment: &Assessment, gate: Gate, only: &dyn Fn(&RowId) -> bool) -> GateResult {
    let asked = assessment.services.iter().filter(|s| only(&s.row_id));
    asked.map(|service| one(service, gate)).max().unwrap_or(GateResult::Incomplete)
}

fn one(service: &ServiceAssessment, gate: Gate) -> GateResult {
    let serves_risk = !matches!(
        service.facets.rekeyed.value,
        FacetValue::Done | FacetValue::NotApplicable | FacetValue::Waived | FacetValue::Unknown
    );
    match service.state {
        State::Regressed => GateResult::Regressed,
        State::Contradicted | State::Exposed | State::PatchedNotRestarted => GateResult::Open,
        // A waiver is a person's word; that an exposed key is served is a fact.
        State::Waived if gate == Gate::Rekeyed && serves_old_key(service) => GateResult::Open,
        state if state.is_finished() => GateResult::Holds,
        State::Unknown if gate != Gate::Closed && serves_risk => GateResult::Open,
        State::Unknown => GateResult::Incomplete,
        State::RekeyedTooEarly | State::ClosedKeyAtRisk | State::PresumedAffected => {
            if gate == Gate::Closed {
                GateResult::Holds
            } else {
                GateResult::Open
            }
        }
        _ if gate != Gate::Verified => GateResult::Holds,
        // It was all done; only a look is missing.
        State::Stale => GateResult::Incomplete,
        _ => GateResult::Open,
    }
}

fn serves_old_key(service: &ServiceAssessment) -> bool {
    service.spki_now.iter().any(|key| service.spki_before.contains(key))
}

/// Services whose state changed, or that have a code they did not have, in the order of `after`.
///
/// Without `before`, every service is new. `code` is the first code that is new.
pub fn changes(before: Option<&Assessment>, after: &Assessment) -> Vec<Change> {
    let old: HashMap<&RowId, &ServiceAssessment> =
        before.iter().flat_map(|b| &b.services).map(|s| (&s.row_id, s)).collect();
    let changed = after.services.iter().filter_map(|service| {
        let was = old.get(&service.row_id);
        let code = service
            .regressions
            .iter()
            .find(|code| was.is_none_or(|was| !was.regressions.contains(code)))
            .copied();
        let from = was.map(|was| was.state);
        (from != Some(service.state) || code.is_some()).then(|| Change {
            row_id: service.row_id.clone(),
            from,
            to: service.state,
            code,
            sweep_a: before.and_then(|b| b.sweep),
            sweep_b: after.sweep.unwrap_or(SweepId(0)),
        })
    });
    changed.collect()
}
