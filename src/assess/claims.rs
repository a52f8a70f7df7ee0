//! Which of the things that people said still stand.
//!
//! A withdrawal cancels what was said before it about the same subject and facet. Nothing here
//! compares a claim with an observation; facets and states do, and there the observation wins.

use crate::model::{
    assessment::StandingClaim,
    claim::{Claim, Justification, Statement, TestOutcome},
    facet::FacetKind,
    secret::SecretState,
    time::Timestamp,
    verdict::Grade,
};

use super::index::{Moment, Said};

/// The standing claims about one subject, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Standing<'e> {
    claims: Vec<Said<'e>>,
}

impl<'e> Standing<'e> {
    /// Takes the next claim in.
    pub(super) fn say(&mut self, said: Said<'e>) {
        match said.claim.statement {
            // A try with the old value of a secret is an observation: only a later try takes its place.
            Statement::Withdraw { facet: None } => {
                self.claims.retain(|old| matches!(old.claim.statement, Statement::NegativeTest { .. }));
            }
            Statement::Withdraw { facet: Some(facet) } => {
                self.claims.retain(|old| about(old.claim) != Some(facet));
            }
            _ => self.claims.push(said),
        }
    }

    /// Those of `claims` that still stand at a moment.
    pub(super) fn by(claims: &[Said<'e>], by: Moment) -> Self {
        let mut standing = Self::default();
        for said in claims.iter().take_while(|said| said.moment <= by) {
            standing.say(*said);
        }
        standing
    }

    /// Every claim that a facet is done.
    pub(super) fn done(&self, facet: FacetKind) -> impl Iterator<Item = Said<'e>> {
        let is = move |said: &Said<'e>| matches!(said.claim.statement, Statement::FacetDone { facet: f } if f == facet);
        self.claims.iter().copied().filter(is)
    }

    /// The best claim that a facet is done among those recorded, and done as far as they say, after a moment: the highest grade,
    /// then the earliest.
    pub(super) fn best(&self, facet: FacetKind, after: Option<Moment>) -> Option<(Grade, Moment)> {
        let late = self.done(facet).filter(|said| after.is_none_or(|m| said.done_after(m)));
        late.map(|said| (said.claim.grade(), said.moment))
            .min_by_key(|(grade, at)| (std::cmp::Reverse(*grade), *at))
    }

    /// The last claim of not being affected.
    pub(super) fn not_affected(&self) -> Option<(Justification, Moment)> {
        self.claims.iter().rev().find_map(|said| match said.claim.statement {
            Statement::NotAffected { justification } => Some((justification, said.moment)),
            _ => None,
        })
    }

    /// The last claim that the whole service is gone.
    pub(super) fn gone(&self) -> Option<Moment> {
        let whole =
            |said: &&Said<'e>| matches!(said.claim.statement, Statement::Decommissioned { address: None });
        self.claims.iter().rev().find(whole).map(|said| said.moment)
    }

    /// The last claim that an address is gone, whether it was named or the whole service was.
    pub(super) fn address_gone(&self, address: Option<std::net::IpAddr>) -> Option<Moment> {
        let named = |said: &&Said<'e>| matches!(said.claim.statement, Statement::Decommissioned { address: a } if a.is_none() || a == address);
        self.claims.iter().rev().find(named).map(|said| said.moment)
    }

    /// The last waiver of a facet, or of the whole service, whether it has run out or not.
    pub(super) fn waiver(&self, facet: Option<FacetKind>) -> Option<(Said<'e>, Timestamp)> {
        self.claims.iter().rev().find_map(|said| match said.claim.statement {
            Statement::Waive { facet: f, until } if f == facet => Some((*said, until)),
            _ => None,
        })
    }

    /// A waiver that is in force at a time.
    pub(super) fn waived(&self, facet: Option<FacetKind>, now: Timestamp) -> Option<(Said<'e>, Timestamp)> {
        self.waiver(facet).filter(|(_, until)| *until > now)
    }

    /// The last waiver of anything that has run out, where nothing newer replaced it.
    pub(super) fn expired(&self, now: Timestamp) -> Option<(Said<'e>, Timestamp)> {
        let subjects = std::iter::once(None).chain(FacetKind::ALL.iter().copied().map(Some));
        subjects
            .filter_map(|facet| self.waiver(facet))
            .filter(|(_, until)| *until <= now)
            .max_by_key(|(_, until)| *until)
    }

    /// The last state of a secret that was attested, or the last count of its old ones that are active.
    pub(super) fn attested(&self) -> Option<Said<'e>> {
        let is = |said: &&Said<'e>| {
            matches!(said.claim.statement, Statement::SecretIs { .. } | Statement::StillActive { .. })
        };
        self.claims.iter().rev().find(is).copied()
    }

    /// The last time that a secret was attested to be in one state.
    pub(super) fn last_state(&self, wanted: SecretState) -> Option<Said<'e>> {
        let is = |said: &&Said<'e>| matches!(said.claim.statement, Statement::SecretIs { state } if state == wanted);
        self.claims.iter().rev().find(is).copied()
    }

    /// Tries with the old value of a secret that could tell, in order.
    pub(super) fn tests(&self) -> impl Iterator<Item = Said<'e>> {
        let told = |said: &Said<'e>| matches!(said.claim.statement, Statement::NegativeTest { outcome, .. } if outcome != TestOutcome::Inconclusive);
        self.claims.iter().copied().filter(told)
    }

    /// What had been said before a moment and still stands.
    pub(super) fn before(&self, at: Moment) -> Self {
        Self { claims: self.claims.iter().copied().filter(|said| said.moment < at).collect() }
    }

    /// The last claim that is not a waiver, in short.
    pub(super) fn last(&self) -> Option<StandingClaim> {
        let word = |said: &&Said<'e>| !matches!(said.claim.statement, Statement::Waive { .. });
        self.claims.iter().rev().find(word).map(|said| short(said.claim))
    }
}

const fn about(claim: &Claim) -> Option<FacetKind> {
    match claim.statement {
        Statement::FacetDone { facet } => Some(facet),
        Statement::Waive { facet, .. } => facet,
        _ => None,
    }
}

/// A claim in short, for the tracker.
pub(super) fn short(claim: &Claim) -> StandingClaim {
    let mut until = None;
    let what = match &claim.statement {
        Statement::FacetDone { facet } => facet.to_string(),
        Statement::SecretIs { state } => state.to_string(),
        Statement::NegativeTest { outcome, .. } => format!("old value {outcome}"),
        Statement::StillActive { count, .. } => format!("{count} old ones active"),
        Statement::NotAffected { .. } => "not-affected".to_owned(),
        Statement::Waive { facet, until: end } => {
            until = Some(*end);
            facet.map_or_else(|| "waived".to_owned(), |f| format!("waived {f}"))
        }
        Statement::Decommissioned { address: None } => "decommissioned".to_owned(),
        Statement::Decommissioned { address: Some(a) } => format!("decommissioned {a}"),
        Statement::Withdraw { .. } => "withdrawn".to_owned(),
    };
    StandingClaim {
        what,
        by: claim.by.clone(),
        at: claim.at,
        reference: claim.reference.clone().or_else(|| claim.note.clone()),
        until,
    }
}
