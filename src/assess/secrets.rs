//! Where linked secrets stand: in reach or not, closed, or rotated while the leak was still open.
//!
//! Not here: the order in which they are rotated, which is `remediate`'s.

use crate::model::{
    assessment::SecretAssessment,
    facet::{FacetKind, FacetValue},
    secret::SecretState,
    verdict::{Grade, Verdict},
};

use super::{
    claims::{Standing, short},
    facets::Mark,
    history::replay,
    index::{Index, Moment, NONE, Said, count},
    keys::{KeyPlace, Keys},
};

/// What a service's secrets must know of it at any moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Line {
    /// Whether it leaked no more, after each piece of evidence.
    settled: Vec<(Moment, bool)>,
    /// Vulnerable looks at its addresses and ports, its own or of another row: one process, one memory.
    bad: Vec<Moment>,
}

impl Line {
    /// The line of a service that has secrets, an empty one for any other; and the keys that the
    /// service serves at the end, which the same fold brings.
    pub(super) fn new<'e>(index: &'e Index<'e>, keys: &Keys<'e>, service: usize) -> (Self, Vec<KeyPlace>) {
        let mut line = Self::default();
        let has_secrets = index.secrets_of.get(service).is_some_and(|s| !s.is_empty());
        let (track, _) = replay(index, keys, service, |track, said, moment| {
            if has_secrets {
                let picture = track.picture(index, said);
                line.settled.push((moment, picture.is_closed() || picture.gone));
            }
        });
        let port = index.evidence.services.get(service).map_or(0, |s| s.port);
        let served = track.endpoints.iter().flat_map(|endpoint| {
            let port = endpoint.key_look.map_or(port, |look| look.seen.port);
            let place = (endpoint.address, port);
            endpoint.served(index).map(move |key| (key, count(service), place.0, place.1))
        });
        let served = served.collect();
        if !has_secrets {
            return (line, served);
        }
        let looks = index.service_looks(service);
        let mut places: Vec<u32> = looks.iter().map(|l| l.place).filter(|p| *p != NONE).collect();
        places.sort_unstable();
        places.dedup();
        line.bad = looks
            .iter()
            .filter(|l| l.finding.verdict == Verdict::Vulnerable)
            .map(|l| l.moment)
            .chain(places.iter().flat_map(|p| keys.bad_at(*p)).map(|(_, m)| *m))
            .collect();
        line.bad.sort_unstable();
        line.bad.dedup();
        (line, served)
    }

    fn last_bad(&self, by: Moment) -> Option<Moment> {
        let end = self.bad.partition_point(|m| *m <= by);
        self.bad.get(end.checked_sub(1)?).copied()
    }

    /// Whether the service was seen closed since it last leaked. A look that could not tell afterwards does
    /// not undo that: it says nothing about the secret.
    fn is_settled(&self, by: Moment) -> bool {
        let bad = self.last_bad(by);
        let until = self.settled.iter().take_while(|(m, _)| *m <= by);
        until.filter(|(m, _)| bad.is_none_or(|bad| *m > bad)).any(|(_, settled)| *settled)
    }
}

/// One secret at one moment.
#[derive(Clone, Debug)]
pub(super) struct Status<'e> {
    pub(super) in_reach: bool,
    pub(super) last_bad: Option<Moment>,
    pub(super) state: SecretState,
    pub(super) closed: bool,
    /// Attested without a reference or with one, and when: of the claim that closes it.
    pub(super) mark: Option<(Grade, Moment)>,
    pub(super) claim: Option<Said<'e>>,
    /// Services on its path that still leak or are not known to have stopped.
    pub(super) leaking: Vec<u32>,
}

/// Where a secret stood by a moment; waivers end by `now`.
pub(super) fn status<'e>(
    index: &Index<'e>,
    keys: &Keys<'e>,
    lines: &[Line],
    secret: usize,
    by: Moment,
    now: crate::model::time::Timestamp,
) -> Status<'e> {
    let path = index.path_of.get(secret).map_or(&[][..], Vec::as_slice);
    let owned = index.evidence.secrets.get(secret).is_some_and(|s| s.owner.is_some());
    let mut status = Status {
        in_reach: false,
        last_bad: None,
        state: if owned { SecretState::Owned } else { SecretState::Identified },
        closed: false,
        mark: None,
        claim: None,
        leaking: Vec::new(),
    };
    for service in path.iter().filter(|_| index.owes_secrets) {
        let Some(line) = lines.get(*service as usize) else {
            continue;
        };
        let bad = line.last_bad(by);
        let presumed = keys.service_presumed(index, *service as usize, by);
        if bad.is_none() && presumed.is_none() {
            continue;
        }
        status.in_reach = true;
        status.last_bad = status.last_bad.max(bad);
        if !line.is_settled(by) {
            status.leaking.push(*service);
        }
    }
    weigh(index, secret, path, by, now, &mut status);
    status.closed |= !status.in_reach;
    status
}

/// Holds what people said against what was seen.
fn weigh<'e>(
    index: &Index<'e>,
    secret: usize,
    path: &[u32],
    by: Moment,
    now: crate::model::time::Timestamp,
    status: &mut Status<'e>,
) {
    let own = index.secret_claims.get(secret).map_or(&[][..], Vec::as_slice);
    let own = Standing::by(own, by);
    if let Some((said, _)) = own.waived(None, now).or_else(|| own.waived(Some(FacetKind::Secrets), now)) {
        status.state = SecretState::Waived;
        status.closed = true;
        status.claim = Some(said);
        status.mark = Some((said.claim.grade(), said.moment));
        return;
    }
    let implied = index.evidence.secrets.get(secret).is_some_and(|s| s.implied);
    let for_all = || {
        let services = path.iter().filter(|_| implied);
        services
            .filter_map(|s| Standing::by(index.claims.get(*s as usize)?, by).done(FacetKind::Secrets).last())
            .max_by_key(|said| said.moment)
            .map(|said| (said, SecretState::Verified))
    };
    let Some((said, state)) = own.secret_state().or_else(for_all) else {
        return;
    };
    status.claim = Some(said);
    status.state = state;
    let in_time = status.last_bad.is_none_or(|bad| said.done_after(bad));
    // Things that were done say nothing where they were done too early; what merely is known of a
    // secret cannot be too early.
    let made = !matches!(state, SecretState::Identified | SecretState::Owned);
    if !in_time && made {
        status.state = SecretState::TooEarly;
    } else if state.closes() && status.leaking.is_empty() {
        status.closed = true;
        status.mark = Some((said.claim.grade(), said.moment));
    }
}

/// The facet of a service: the weakest of its secrets in reach.
pub(super) fn facet<'a>(all: impl Iterator<Item = Status<'a>>) -> Mark {
    let mut mark = Mark::new(FacetValue::NotApplicable);
    let (mut open, mut early) = (false, false);
    for status in all.filter(|s| s.in_reach) {
        mark.value = FacetValue::Done;
        open |= !status.closed;
        early |= status.state == SecretState::TooEarly;
        if let Some((grade, at)) = status.mark {
            mark.grade = Some(mark.grade.map_or(grade, |g| g.min(grade)));
            mark.at = mark.at.max(Some(at));
        }
    }
    if early {
        Mark::new(FacetValue::TooEarly)
    } else if open {
        Mark::new(FacetValue::Open)
    } else {
        mark
    }
}

/// One secret as reports show it.
pub(super) fn assessed(index: &Index<'_>, number: usize, status: &Status<'_>) -> SecretAssessment {
    let row = |service: &u32| Some(index.evidence.services.get(*service as usize)?.row_id.clone());
    SecretAssessment {
        id: index.evidence.secrets.get(number).map(|s| s.id.clone()).unwrap_or_default(),
        state: status.state,
        closed: status.closed,
        in_reach: status.in_reach,
        last_bad: status.last_bad.map(|m| m.at),
        claim: status.claim.map(|said| short(said.claim)),
        blocked_by: status.leaking.iter().filter_map(row).collect(),
    }
}
