//! The headline state of a service: the first of DESIGN's list that applies, and since when.
//!
//! Three places of that list need a word. `waived` and `decommissioned` stand last in it, and yet win
//! over everything from `unknown` on: a waiver never hides `regressed`, `contradicted` or `exposed`,
//! since an observation beats a claim, and hides anything less. `not-affected` is tested before
//! `awaiting-verification`, since a service where the question never arose would wait there for ever.
//! `patched-not-restarted` needs host evidence and does not come out of sweeps alone: an endpoint whose host has the
//! fixed version on disk and something else in its processes counts as neither exposed nor unknown.

use crate::model::{
    facet::{FacetKind, FacetValue, State},
    time::Timestamp,
    verdict::Grade,
};

use super::{
    facets::{Marks, View},
    history::{Class, Endpoint},
    index::Moment,
};

const DAY: i64 = 86_400;

/// What one view concluded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Headline {
    pub(super) state: State,
    pub(super) marks: Marks,
}

/// The state at one view.
pub(super) fn headline(view: &View<'_, '_>) -> Headline {
    let marks = view.marks();
    let first = TABLE.iter().find(|(_, applies)| applies(view, &marks));
    // The last row always applies.
    Headline { state: first.map_or(State::Unknown, |(state, _)| *state), marks }
}

/// Whether a row of the table applies to a service.
type Rule = fn(&View<'_, '_>, &Marks) -> bool;

/// The table: the first row that applies names the state.
const TABLE: &[(State, Rule)] = &[
    // What the last looks saw, and no claim can hide.
    (State::Regressed, |v, m| {
        v.is_bad_again(&m.picture) || m.keys.again || is_back(m, FacetValue::Regressed)
    }),
    (State::Contradicted, |v, m| is_contradicted(v, m) || is_back(m, FacetValue::Contradicted)),
    (State::Exposed, |_, m| m.picture.bad > m.picture.bad_unrestarted),
    // What a person may set aside.
    (State::Waived, |v, _| v.said.waived(None, v.now).is_some() && !is_unhealed(v)),
    (State::Decommissioned, |_, m| m.picture.gone),
    // What nobody could tell.
    (State::NotAffected, |v, m| !m.picture.is_closed() && v.is_excused() && !m.keys.serves_risky),
    (State::Unknown, |_, m| !m.picture.is_closed() && m.picture.unknown > m.picture.unknown_unrestarted),
    (State::PatchedNotRestarted, |_, m| {
        !m.picture.is_closed() && m.picture.bad_unrestarted + m.picture.unknown_unrestarted > 0
    }),
    (State::Unknown, |_, m| !m.picture.is_closed()),
    // Clean now, and something is owed.
    (State::RekeyedTooEarly, |_, m| m.rekeyed.value == FacetValue::TooEarly),
    (State::PresumedAffected, |_, m| !m.rekeyed.is_settled() && m.presumed && !m.keys.serves_exposed),
    (State::ClosedKeyAtRisk, |_, m| !m.rekeyed.is_settled()),
    // Also where somebody said so and an authority could be asked: only its answer ends it.
    (State::RekeyedOldNotRevoked, |v, m| !m.revoked.satisfies(minimum(v, FacetKind::Revoked))),
    (State::SecretsPending, |_, m| !m.secrets.is_settled()),
    // Nothing more to do but to confirm it.
    (State::NotAffected, |v, m| {
        let asked = m.picture.applicable > 0 && !v.is_excused();
        v.track.last_bad.is_none() && !m.keys.owes && !asked
    }),
    (State::AwaitingVerification, |v, m| {
        let enough = m.five().iter().all(|(kind, mark)| mark.satisfies(minimum(v, *kind)));
        !enough || !m.verified.satisfies(minimum(v, FacetKind::Verified))
    }),
    // A waiver can end the waiting; it cannot verify.
    (State::Waived, |_, m| m.verified.value == FacetValue::Waived),
    (State::Stale, |v, _| stale_from(v).is_some_and(|at| at < v.now)),
    (State::Verified, |_, _| true),
];

fn minimum(view: &View<'_, '_>, kind: FacetKind) -> Grade {
    view.index.policy.minimum_grades.of(kind)
}

/// An old secret that works again. A service that still leaks is exposed first, whatever an old secret does.
fn is_back(marks: &Marks, value: FacetValue) -> bool {
    marks.secrets.value == value && marks.picture.bad == 0
}

/// Somebody said done, gone or not affected, and a later look says otherwise.
fn is_contradicted(view: &View<'_, '_>, marks: &Marks) -> bool {
    if marks.revoked.value == FacetValue::Contradicted {
        return true;
    }
    let bad = marks.picture.bad_at;
    let denied = |at: Moment| bad.is_some_and(|bad| bad > at);
    // Where the fixed version is on disk, who said that it is installed was right.
    let unrestarted = marks.picture.bad == marks.picture.bad_unrestarted;
    let fixed = [FacetKind::Restarted, FacetKind::Patched];
    let fixed = if unrestarted { &fixed[..1] } else { &fixed[..] };
    let repaired = fixed.iter().any(|facet| view.said.done(*facet).any(|said| denied(said.moment)));
    let excused = view.said.not_affected().is_some_and(|(_, at)| denied(at));
    let gone = view.said.gone().is_some_and(|at| view.track.last_answer > Some(at) && !marks.picture.gone);
    let address_gone = view.track.endpoints.iter().any(|endpoint| {
        let word = view.said.address_gone(endpoint.address).filter(|_| endpoint.address.is_some());
        word.is_some_and(|at| endpoint.last_answer > Some(at))
            && view.track.standing_look(endpoint).answered()
            && view.track.class(endpoint, view.said) != Class::Left
    });
    repaired || excused || gone || address_gone || marks.keys.denies_claim
}

/// Whether some endpoint was vulnerable at the last look that could tell, silent since: a waiver must not
/// turn that into an end.
fn is_unhealed(view: &View<'_, '_>) -> bool {
    let unhealed = |e: &Endpoint<'_>| e.last_bad.is_some() && e.clean_since.is_none();
    let counts = |e| !matches!(view.track.class(e, view.said), Class::Left | Class::Deferred);
    view.track.endpoints.iter().any(|e| unhealed(e) && counts(e))
}

/// When a verified service becomes stale.
pub(super) fn stale_from(view: &View<'_, '_>) -> Option<Timestamp> {
    let days = i64::from(view.index.policy.stale_after_days);
    let seen = view.track.last_seen?;
    Some(seen.at.plus_seconds(days.saturating_mul(DAY)))
}

/// What earlier views leave behind for later ones.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Memory {
    state: Option<State>,
    pub(super) since: Option<Timestamp>,
    /// When the service last served no key at risk, having served some.
    pub(super) left_keys_at: Option<Moment>,
    /// When it was last seen verified.
    pub(super) verified_at: Option<Moment>,
    /// When the facet `verified` came to be done.
    pub(super) confirmed_at: Option<Timestamp>,
}

impl Memory {
    /// Takes in what a view concluded from evidence of that moment.
    pub(super) fn keep(&mut self, headline: &Headline, moment: Moment, by: Moment) {
        if self.state != Some(headline.state) {
            self.state = Some(headline.state);
            self.since = Some(moment.at);
        }
        if headline.marks.rekeyed.value == FacetValue::Done {
            self.left_keys_at = Some(by);
        }
        if headline.state == State::Verified {
            self.verified_at = Some(by);
        }
        if headline.marks.verified.value != FacetValue::Done {
            self.confirmed_at = None;
        } else if self.confirmed_at.is_none() {
            self.confirmed_at = headline.marks.verified.at.map(|m| m.at);
        }
    }

    /// Takes in the last view, which may differ by nothing but the time: a waiver or certificate that
    /// has run out, a look that has grown old, a key that was exposed elsewhere.
    pub(super) fn end(&mut self, headline: &Headline, view: &View<'_, '_>) {
        if self.state == Some(headline.state) || self.state.is_none() {
            self.state = Some(headline.state);
            return;
        }
        let expired = view.said.expired(view.now).map(|(_, until)| until);
        let stale = stale_from(view).filter(|_| headline.state == State::Stale);
        let exposed = headline.marks.keys.risk_from.map(|m| m.at);
        self.since = stale.or(expired).or(exposed).max(self.since);
        self.state = Some(headline.state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_a_row_and_red_stands_before_what_a_person_may_set_aside() {
        for state in State::ALL {
            assert!(TABLE.iter().any(|(s, _)| s == state), "{state} can never be reached");
        }
        let at = |state: State| TABLE.iter().position(|(s, _)| *s == state);
        for red in [State::Regressed, State::Contradicted, State::Exposed] {
            assert!(at(red) < at(State::Waived) && at(red) < at(State::Decommissioned), "{red}");
        }
    }
}
