//! How the fleet went from sweep to sweep, and what happened when.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{
    super::{Row, View},
    data::{Event, Happening, Point},
};
use crate::model::{
    assessment::Assessment,
    facet::{Facet, FacetValue, Regression, State},
    ids::{RowId, SweepId},
    sweep::Sweep,
    time::Timestamp,
};

/// How every service stood at the end of one sweep, in little memory.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The sweep.
    pub sweep: SweepId,
    at: Timestamp,
    /// One for each service of the assessment, in its order.
    services: Vec<Stood>,
}

#[derive(Clone, Copy, Debug)]
struct Stood {
    state: State,
    known: bool,
    looked: bool,
}

/// Takes down what stood at the end of a sweep.
pub fn snapshot(sweep: &Sweep, assessment: &Assessment) -> Snapshot {
    let at = sweep.finished_at.unwrap_or(sweep.started_at);
    let stood = assessment.services.iter().map(|entry| Stood {
        state: entry.state,
        known: entry.first_seen.is_some(),
        looked: entry.endpoints.iter().any(|e| e.sweep == sweep.id),
    });
    Snapshot { sweep: sweep.id, at, services: stood.collect() }
}

/// The burn-down's points.
pub(super) fn points(view: &View<'_>, history: &[Snapshot]) -> Vec<Point> {
    let Some(assessment) = view.judged.first().map(|j| j.assessment) else { return Vec::new() };
    let wanted: Vec<bool> = assessment.services.iter().map(|s| view.wants(&s.row_id)).collect();
    let mut before: Option<&Snapshot> = None;
    let mut points = Vec::with_capacity(history.len());
    for now in history {
        points.push(point(now, before, &wanted));
        before = Some(now);
    }
    points
}

fn point(now: &Snapshot, before: Option<&Snapshot>, wanted: &[bool]) -> Point {
    let mut point = Point {
        sweep: now.sweep,
        at: now.at,
        known: 0,
        open: 0,
        newly_found: 0,
        exposed: 0,
        unknown: 0,
        closed: 0,
        reopened: 0,
        regressed: 0,
        not_rechecked: 0,
    };
    for (i, stood) in now.services.iter().enumerate() {
        if !stood.known || !wanted.get(i).copied().unwrap_or(true) {
            continue;
        }
        let earlier = before.and_then(|b| b.services.get(i)).filter(|s| s.known);
        let open = !stood.state.is_finished();
        point.known += 1;
        point.open += u64::from(open);
        point.newly_found += u64::from(open && before.is_some() && earlier.is_none());
        point.exposed += u64::from(is_bad(stood.state));
        point.unknown += u64::from(stood.state == State::Unknown);
        point.not_rechecked += u64::from(!stood.looked);
        let was_open = earlier.map(|s| !s.state.is_finished());
        point.closed += u64::from(was_open == Some(true) && !open);
        point.reopened += u64::from(was_open == Some(false) && open);
        let was_regressed = earlier.is_some_and(|s| s.state == State::Regressed);
        point.regressed += u64::from(stood.state == State::Regressed && !was_regressed);
    }
    point
}

const fn is_bad(state: State) -> bool {
    matches!(state, State::Regressed | State::Contradicted | State::Exposed)
}

/// What happened when, by time. Services that came to the same at the same sweep are one event.
pub(super) fn events(view: &View<'_>, rows: &[Row<'_>]) -> Vec<Event> {
    let mut events: BTreeMap<(Timestamp, Happening), BTreeSet<RowId>> = BTreeMap::new();
    for sweep in &view.evidence.sweeps {
        events.entry((sweep.finished_at.unwrap_or(sweep.started_at), Happening::Sweep)).or_default();
    }
    let ends: BTreeMap<Timestamp, Timestamp> =
        view.evidence.sweeps.iter().map(|s| (s.started_at, s.finished_at.unwrap_or(s.started_at))).collect();
    // Looks of one sweep are seconds apart and happened together as far as people are concerned.
    let settled = |at: Timestamp| match ends.range(..=at).next_back() {
        Some((_, end)) if *end >= at => *end,
        _ => at,
    };
    let mut add = |at: Option<Timestamp>, what: Happening, row: &Row<'_>| {
        if let Some(at) = at {
            events.entry((settled(at), what)).or_default().insert(row.entry.row_id.clone());
        }
    };
    for row in rows {
        let entry = row.entry;
        if entry.last_bad.is_some() {
            add(entry.first_good, Happening::Closed, row);
        }
        add(done(&entry.facets.rekeyed), Happening::Rekeyed, row);
        add(done(&entry.facets.revoked), Happening::Revoked, row);
        let early = entry.facets.rekeyed.value == FacetValue::TooEarly
            || entry.state == State::RekeyedTooEarly
            || entry.facets.secrets.value == FacetValue::TooEarly;
        if early {
            add(entry.facets.rekeyed.at.or(entry.state_since), Happening::TooEarly, row);
        }
        // A mixed fleet is a half-done repair, not a step back, unless the service had been closed.
        let back = entry.regressions.iter().any(|code| *code != Regression::R4);
        if entry.state == State::Regressed || back {
            add(entry.state_since, Happening::Regressed, row);
        }
    }
    let event = |((at, what), rows): ((Timestamp, Happening), BTreeSet<RowId>)| Event {
        at,
        what,
        rows: rows.into_iter().collect(),
    };
    events.into_iter().map(event).collect()
}

fn done(facet: &Facet) -> Option<Timestamp> {
    facet.at.filter(|_| facet.value == FacetValue::Done)
}
