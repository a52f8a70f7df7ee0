//! Where linked secrets stand: in reach or not, closed, rotated while the leak was still open, or back again.
//!
//! What was said and tried is weighed in `rotation`, what the network shows in `seen`, and `words` says it to a reader.
//! Not here: the order in which they are rotated, which is `remediate`'s.

use crate::model::{
    assessment::{SecretAssessment, SecretFound},
    facet::FacetValue,
    ids::RowId,
    secret::SecretState,
    time::Timestamp,
    verdict::{Grade, Verdict},
};

mod rotation;
mod seen;
mod words;

use seen::Network;

use super::{
    claims::short,
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
        let has_secrets = index.secrets_of.get(service).is_some_and(|s| !s.is_empty())
            || index.carries.get(service).copied().unwrap_or(false);
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

    /// The first moment after the last bad look by which it was seen closed.
    fn first_good(&self, by: Moment) -> Option<Moment> {
        let bad = self.last_bad(by)?;
        let until = self.settled.iter().take_while(|(m, _)| *m <= by);
        until.filter(|(m, settled)| *m > bad && *settled).map(|(m, _)| *m).next()
    }

    /// Whether the service was seen closed since it last leaked. A look that could not tell afterwards does
    /// not undo that: it says nothing about the secret.
    fn is_settled(&self, by: Moment) -> bool {
        let bad = self.last_bad(by);
        let until = self.settled.iter().take_while(|(m, _)| *m <= by);
        until.filter(|(m, _)| bad.is_none_or(|bad| *m > bad)).any(|(_, settled)| *settled)
    }
}

/// An old secret that works again, or was said not to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Back {
    /// A word said that it was gone, and a later look says not.
    Contradicted(Moment),
    /// It had been seen gone, or was closed by a referenced word, and works again (R5).
    Regressed(Moment),
}

/// One secret at one moment.
#[derive(Clone, Debug)]
pub(super) struct Status<'e> {
    pub(super) in_reach: bool,
    pub(super) last_bad: Option<Moment>,
    pub(super) state: SecretState,
    pub(super) closed: bool,
    /// How good the evidence is that closes it, and since when.
    pub(super) mark: Option<(Grade, Moment)>,
    pub(super) claim: Option<Said<'e>>,
    /// Services on its path or its way out that still leak or are not known to have stopped.
    pub(super) leaking: Vec<u32>,
    /// Services on its path that leaked or are presumed to have.
    pub(super) exposed: Vec<u32>,
    /// Services that leaked after the new one was made or handed out.
    pub(super) early: Vec<u32>,
    /// Services whose leak was closed between two looks, and it was made between them.
    pub(super) window: Vec<u32>,
    /// The old one came back.
    pub(super) back: Option<Back>,
    /// The last look at the old one that says it still works.
    pub(super) works: Option<Moment>,
    /// How many old ones are active, and issued before when.
    pub(super) active: Option<(u64, Timestamp)>,
    /// When the new one was made, as far as anything says.
    pub(super) made: Option<Timestamp>,
    /// Since when the old one is refused, as far as anything says.
    pub(super) refused: Option<Timestamp>,
    /// The last try with the old value that could tell.
    pub(super) test: Option<Said<'e>>,
    /// What the network shows.
    pub(super) network: Network<'e>,
}

/// What a secret is judged by, at one moment.
#[derive(Clone, Copy)]
pub(super) struct Case<'a, 'e> {
    pub(super) index: &'a Index<'e>,
    pub(super) keys: &'a Keys<'e>,
    pub(super) lines: &'a [Line],
    pub(super) secret: usize,
    pub(super) by: Moment,
    pub(super) now: Timestamp,
}

impl Case<'_, '_> {
    fn path(&self) -> &[u32] {
        let path = self.index.path_of.get(self.secret).map_or(&[][..], Vec::as_slice);
        if self.index.owes_secrets { path } else { &[] }
    }

    /// Services through which a new one is handed out.
    fn channels(&self) -> &[u32] {
        let channels = self.index.channels_of.get(self.secret).map_or(&[][..], Vec::as_slice);
        if self.index.owes_secrets { channels } else { &[] }
    }

    fn bad(&self, service: u32) -> Option<Moment> {
        self.lines.get(service as usize)?.last_bad(self.by)
    }

    /// Services on the path and on the way out whose last bad look is not before something was done.
    fn burnt(&self, through: &[RowId], is_after: impl Fn(Moment) -> bool) -> Vec<u32> {
        let through = through.iter().filter_map(|row| self.index.rows.get(row.as_str()).copied());
        let through: Vec<u32> = through.filter(|_| self.index.owes_secrets).collect();
        let all = self.path().iter().chain(self.channels()).chain(&through).copied();
        let mut burnt: Vec<u32> = all.filter(|s| self.bad(*s).is_some_and(|bad| !is_after(bad))).collect();
        burnt.sort_unstable();
        burnt.dedup();
        burnt
    }

    /// Services whose leak was closed between a bad look before `at` and a good one after it.
    fn between(&self, at: Timestamp) -> Vec<u32> {
        let all = self.path().iter().chain(self.channels()).copied();
        let between = |service: &u32| {
            let line = self.lines.get(*service as usize);
            let good = line.and_then(|line| line.first_good(self.by));
            self.bad(*service).is_some_and(|bad| bad.at < at) && good.is_some_and(|good| at <= good.at)
        };
        let mut found: Vec<u32> = all.filter(between).collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// Where a secret stood by a moment; waivers end by `now`.
pub(super) fn status<'e>(
    index: &Index<'e>,
    keys: &Keys<'e>,
    lines: &[Line],
    secret: usize,
    by: Moment,
    now: Timestamp,
) -> Status<'e> {
    let case = Case { index, keys, lines, secret, by, now };
    let owned = index.evidence.secrets.get(secret).is_some_and(|s| s.owner.is_some());
    let mut status = Status {
        in_reach: false,
        last_bad: None,
        state: if owned { SecretState::Owned } else { SecretState::Identified },
        closed: false,
        mark: None,
        claim: None,
        leaking: Vec::new(),
        exposed: Vec::new(),
        early: Vec::new(),
        window: Vec::new(),
        back: None,
        works: None,
        active: None,
        made: None,
        refused: None,
        test: None,
        network: Network::default(),
    };
    for service in case.path() {
        let Some(line) = lines.get(*service as usize) else {
            continue;
        };
        let bad = line.last_bad(by);
        let presumed = keys.service_presumed(index, *service as usize, by);
        if bad.is_none() && presumed.is_none() {
            continue;
        }
        status.in_reach = true;
        status.exposed.push(*service);
        status.last_bad = status.last_bad.max(bad);
        if !line.is_settled(by) {
            status.leaking.push(*service);
        }
    }
    for service in case.channels() {
        let leaks =
            lines.get(*service as usize).is_some_and(|l| l.last_bad(by).is_some() && !l.is_settled(by));
        if leaks && !status.leaking.contains(service) {
            status.leaking.push(*service);
        }
    }
    rotation::weigh(&case, &mut status);
    // What was said or seen to be gone and works again is owed, wherever the list of secrets has moved it since.
    status.in_reach |= status.back.is_some();
    status.closed |= !status.in_reach;
    status
}

/// The facet of a service: the weakest of its secrets in reach.
pub(super) fn facet<'a>(all: impl Iterator<Item = Status<'a>>) -> Mark {
    let mut mark = Mark::new(FacetValue::NotApplicable);
    let (mut open, mut early) = (false, false);
    let mut back: Option<Back> = None;
    for status in all.filter(|s| s.in_reach) {
        mark.value = FacetValue::Done;
        back = match (back, status.back) {
            (Some(Back::Regressed(a)), Some(Back::Regressed(b))) => Some(Back::Regressed(a.max(b))),
            (Some(Back::Contradicted(a)), Some(Back::Contradicted(b))) => Some(Back::Contradicted(a.max(b))),
            (_, Some(Back::Regressed(m))) | (Some(Back::Regressed(m)), _) => Some(Back::Regressed(m)),
            (known, new) => known.or(new),
        };
        open |= !status.closed;
        early |= status.state == SecretState::TooEarly;
        if let Some((grade, at)) = status.mark {
            mark.grade = Some(mark.grade.map_or(grade, |g| g.min(grade)));
            mark.at = mark.at.max(Some(at));
        }
    }
    if let Some(back) = back {
        let (value, at) = match back {
            Back::Regressed(at) => (FacetValue::Regressed, at),
            Back::Contradicted(at) => (FacetValue::Contradicted, at),
        };
        mark = Mark::new(value);
        mark.at = Some(at);
        mark
    } else if early {
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
        found: SecretFound {
            why: words::why(index, number, status),
            grade: status.mark.map(|(grade, _)| grade),
            too_early_by: status.early.iter().filter_map(row).collect(),
            exposure_path: status.exposed.iter().filter_map(row).collect(),
            active: status.active.map(|(count, _)| count),
            new_issued: status.made,
            old_refused: status.refused,
            came_back: status.back.is_some(),
            seen: status.network.last.map(|check| check.at),
        },
    }
}
