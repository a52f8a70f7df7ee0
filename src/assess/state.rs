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
    Headline {
        state: red(view, &marks)
            .or_else(|| set_aside(view, &marks))
            .or_else(|| owed(view, &marks))
            .unwrap_or_else(|| finished(view, &marks)),
        marks,
    }
}

/// What the last looks saw and no claim can hide.
fn red(view: &View<'_, '_>, marks: &Marks) -> Option<State> {
    // A service that still leaks is exposed first, whatever an old secret does.
    let back = |value| marks.secrets.value == value && marks.picture.bad == 0;
    if view.is_bad_again(&marks.picture) || marks.keys.again || back(FacetValue::Regressed) {
        Some(State::Regressed)
    } else if is_contradicted(view, marks) || back(FacetValue::Contradicted) {
        Some(State::Contradicted)
    } else if marks.picture.bad > marks.picture.bad_unrestarted {
        Some(State::Exposed)
    } else {
        None
    }
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

/// What a person may set aside, and what nobody could tell.
fn set_aside(view: &View<'_, '_>, marks: &Marks) -> Option<State> {
    if view.said.waived(None, view.now).is_some() && !is_unhealed(view) {
        Some(State::Waived)
    } else if marks.picture.gone {
        Some(State::Decommissioned)
    } else if marks.picture.is_closed() {
        None
    } else if view.is_excused() && !marks.keys.serves_risky {
        Some(State::NotAffected)
    } else if marks.picture.unknown > marks.picture.unknown_unrestarted {
        Some(State::Unknown)
    } else if marks.picture.bad_unrestarted + marks.picture.unknown_unrestarted > 0 {
        Some(State::PatchedNotRestarted)
    } else {
        Some(State::Unknown)
    }
}

/// Whether some endpoint was vulnerable at the last look that could tell, silent since: a waiver must not
/// turn that into an end.
fn is_unhealed(view: &View<'_, '_>) -> bool {
    let unhealed = |e: &Endpoint<'_>| e.last_bad.is_some() && e.clean_since.is_none();
    let counts = |e| !matches!(view.track.class(e, view.said), Class::Left | Class::Deferred);
    view.track.endpoints.iter().any(|e| unhealed(e) && counts(e))
}

/// Clean now, and something is owed.
fn owed(view: &View<'_, '_>, marks: &Marks) -> Option<State> {
    let revoked = view.index.policy.minimum_grades.of(FacetKind::Revoked);
    if marks.rekeyed.value == FacetValue::TooEarly {
        Some(State::RekeyedTooEarly)
    } else if !marks.rekeyed.is_settled() {
        Some(if marks.presumed && !marks.keys.serves_exposed {
            State::PresumedAffected
        } else {
            State::ClosedKeyAtRisk
        })
    } else if !marks.revoked.satisfies(revoked) {
        // Also where somebody said so and an authority could be asked: only its answer ends it.
        Some(State::RekeyedOldNotRevoked)
    } else if !marks.secrets.is_settled() {
        Some(State::SecretsPending)
    } else {
        None
    }
}

/// Nothing more to do but to confirm it.
fn finished(view: &View<'_, '_>, marks: &Marks) -> State {
    let never_bad = view.track.last_bad.is_none();
    if never_bad && !marks.keys.owes && (marks.picture.applicable == 0 || view.is_excused()) {
        return State::NotAffected;
    }
    let minimum = &view.index.policy.minimum_grades;
    let enough = marks.five().iter().all(|(kind, mark)| mark.satisfies(minimum.of(*kind)));
    if !enough || !marks.verified.satisfies(minimum.of(FacetKind::Verified)) {
        State::AwaitingVerification
    } else if marks.verified.value == FacetValue::Waived {
        // A waiver can end the waiting; it cannot verify.
        State::Waived
    } else if stale_from(view).is_some_and(|at| at < view.now) {
        State::Stale
    } else {
        State::Verified
    }
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
