//! What people said of a secret, what their tries with the old value showed, and what the network shows, weighed
//! together. Not here: what any of it means for a service.
//!
//! A try with the old value and a check of the network are observations, and beat words: once the old one was seen to
//! work, no word but that it was never in reach closes it, only a later look. A withdrawal takes words back, and no
//! observation. A new one that was made too early makes everything that follows too early, until another is made.

use crate::model::{
    claim::{Statement, TestOutcome},
    facet::FacetKind,
    secret::SecretState,
    time::Timestamp,
    verdict::Grade,
};

use super::{
    super::{
        claims::Standing,
        index::{Moment, Said},
    },
    Back, Case, Status, seen,
};

/// When the new one was made, and which services leaked after that.
struct Made {
    at: Timestamp,
    burnt: Vec<u32>,
}

/// One piece of evidence that the old one is of no use any more.
type Closer = (Grade, Moment);

/// Holds all of it together.
pub(super) fn weigh<'e>(case: &Case<'_, 'e>, status: &mut Status<'e>) {
    let claims = case.index.secret_claims.get(case.secret).map_or(&[][..], Vec::as_slice);
    let own = Standing::by(claims, case.by);
    let tests: Vec<Said<'e>> = own.tests().collect();
    status.network = seen::network(case, status.last_bad);
    status.test = tests.last().copied();
    let accepted = status.test.filter(|t| outcome(t) == TestOutcome::Accepted).map(|t| t.moment);
    status.works = accepted.max(status.network.shows_old);
    let attested = own.attested().or_else(|| of_the_whole_service(case));
    if let Some(at) = status.works {
        status.back = back(case, status, &own, &tests, at);
    }
    let waiver = own.waived(None, case.now).or_else(|| own.waived(Some(FacetKind::Secrets), case.now));
    let stands = |said: &Said<'_>| status.works.is_none_or(|at| said.moment > at) && status.back.is_none();
    if let Some((said, _)) = waiver.filter(|(said, _)| stands(said)) {
        status.state = SecretState::Waived;
        status.closed = true;
        status.claim = Some(said);
        status.mark = Some((said.claim.grade(), said.moment));
        return;
    }
    status.claim = attested;
    let made = made(case, status, &own);
    conclude(case, status, &own, &tests, made.as_ref());
}

/// Puts words, tries and checks together.
fn conclude<'e>(
    case: &Case<'_, 'e>,
    status: &mut Status<'e>,
    own: &Standing<'e>,
    tests: &[Said<'e>],
    made: Option<&Made>,
) {
    let base = status.state;
    let mut closers: Vec<Closer> = Vec::new();
    let mut late: Vec<u32> = Vec::new();
    let word = by_word(case, status, &mut closers, &mut late);
    by_test(case, status, tests, made, &mut closers, &mut late);
    by_network(status, &mut closers);
    // Never in reach, or no longer there: when a new one was made does not matter.
    let moot = matches!(word, Some(SecretState::NotExposed | SecretState::Destroyed)) && !closers.is_empty();
    let mut poisoned = made.map_or_else(Vec::new, |m| m.burnt.clone());
    let handed = own.last_state(SecretState::Deployed);
    if let Some(said) = handed.filter(|said| made.is_none_or(|m| said.claim.effective() >= m.at)) {
        poisoned.extend(case.burnt(&said.claim.through, |bad| said.done_after(bad)));
    }
    if moot {
        poisoned.clear();
    }
    if poisoned.is_empty() && closers.is_empty() {
        poisoned = late;
    }
    poisoned.sort_unstable();
    poisoned.dedup();
    if !poisoned.is_empty() {
        status.state = SecretState::TooEarly;
        status.early = poisoned;
    } else if let Some(made) = made {
        status.state = further(status.state, SecretState::NewIssued);
        status.window.extend(case.between(made.at));
    }
    status.window.sort_unstable();
    status.window.dedup();
    let overruled = status.works.filter(|at| !is_justified(status, *at));
    if let Some(at) = overruled {
        let older = status.claim.is_none_or(|said| said.moment <= at);
        if older && rank(status.state) > rank(SecretState::Deployed) {
            let went = !matches!(status.state, SecretState::NotExposed | SecretState::Destroyed);
            status.state = if went { SecretState::Deployed } else { base };
        }
        return;
    }
    if status.early.is_empty() && status.leaking.is_empty() {
        status.mark = closers.into_iter().min_by_key(|(grade, at)| (std::cmp::Reverse(*grade), *at));
        let minimum = case.index.policy.minimum_grades.of(FacetKind::Secrets);
        status.closed = status.mark.is_some_and(|(grade, _)| grade >= minimum);
    }
}

/// Whether somebody says, after the old one was seen to work, that it was never in reach.
fn is_justified(status: &Status<'_>, at: Moment) -> bool {
    status.state == SecretState::NotExposed && status.claim.is_some_and(|said| said.moment > at)
}

/// The last state that was attested, or the last count. Returns the state where it was in time.
fn by_word(
    case: &Case<'_, '_>,
    status: &mut Status<'_>,
    closers: &mut Vec<Closer>,
    late: &mut Vec<u32>,
) -> Option<SecretState> {
    let said = status.claim?;
    let (state, mut burnt) = match &said.claim.statement {
        Statement::SecretIs { state } => {
            (*state, case.burnt(&said.claim.through, |bad| said.done_after(bad)))
        }
        Statement::StillActive { count, issued_before } => {
            status.active = Some((*count, *issued_before));
            let state = if *count == 0 { SecretState::Verified } else { status.state };
            let after = |bad: Moment| said.moment > bad && *issued_before >= bad.at;
            status.window = case.between(*issued_before);
            (state, if *count == 0 { case.burnt(&[], after) } else { Vec::new() })
        }
        _ => (SecretState::Verified, case.burnt(&[], |bad| said.done_after(bad))),
    };
    // What merely is known of a secret cannot be too early.
    if matches!(state, SecretState::Identified | SecretState::Owned) {
        burnt.clear();
    }
    status.state = state;
    if matches!(state, SecretState::OldRefused) {
        status.refused = Some(said.claim.effective());
    }
    if !burnt.is_empty() {
        late.append(&mut burnt);
        return None;
    }
    if rank(state) >= rank(SecretState::NewIssued)
        && !matches!(state, SecretState::NotExposed | SecretState::Destroyed)
    {
        let at = said.claim.effective();
        status.window.extend(case.between(at).into_iter().filter(|_| status.active.is_none()));
    }
    if state.closes() {
        closers.push((said.claim.grade(), said.moment));
    }
    Some(state)
}

/// Tries with the old value that failed, since the last one that succeeded and since the new one was made.
fn by_test<'e>(
    case: &Case<'_, 'e>,
    status: &mut Status<'e>,
    tests: &[Said<'e>],
    made: Option<&Made>,
    closers: &mut Vec<Closer>,
    late: &mut Vec<u32>,
) {
    let refused = tests.iter().rev().take_while(|t| outcome(t) == TestOutcome::Refused);
    let since = |t: &&Said<'e>| made.is_none_or(|made| t.claim.effective() >= made.at);
    let mut first: Option<Said<'e>> = None;
    let mut again = false;
    for test in refused.filter(since) {
        let burnt = case.burnt(&[], |bad| test.done_after(bad));
        if !burnt.is_empty() {
            late.extend(burnt);
            break;
        }
        // Two tries within one outage prove no more than one.
        let told = test.claim.grade() > Grade::E1;
        again |= told && first.is_some_and(|later| later.moment.sweep > test.moment.sweep);
        closers.push((test.claim.grade(), test.moment));
        if told || first.is_none() {
            first = Some(*test);
        }
    }
    let Some(first) = first else { return };
    if again {
        closers.push((Grade::E3, first.moment));
    }
    status.refused = Some(first.claim.effective());
    status.state = further(status.state, SecretState::OldRefused);
}

fn by_network(status: &mut Status<'_>, closers: &mut Vec<Closer>) {
    if let Some((grade, since, state)) = status.network.gone {
        closers.push((grade, since));
        status.state = further(status.state, state);
        status.refused.get_or_insert(since.at);
    }
}

/// One word on the facet of a service speaks for the secrets that nobody listed.
fn of_the_whole_service<'e>(case: &Case<'_, 'e>) -> Option<Said<'e>> {
    if !case.index.evidence.secrets.get(case.secret)?.implied {
        return None;
    }
    let of = |service: &u32| {
        let claims = case.index.claims.get(*service as usize)?;
        Standing::by(claims, case.by).done(FacetKind::Secrets).last()
    };
    case.path().iter().filter_map(of).max_by_key(|said| said.moment)
}

/// When the present one was made: as somebody attested last, or as the inventory says where that is later and every
/// leak on its way had been closed.
fn made(case: &Case<'_, '_>, status: &mut Status<'_>, own: &Standing<'_>) -> Option<Made> {
    let said = own.last_state(SecretState::NewIssued).map(|said| Made {
        at: said.claim.effective(),
        burnt: case.burnt(&said.claim.through, |bad| said.done_after(bad)),
    });
    let listed = case.index.evidence.secrets.get(case.secret).and_then(|s| s.issued_at);
    let by = case.now.min(case.by.at);
    let listed = listed.filter(|at| *at <= by && status.last_bad.is_some() && status.leaking.is_empty());
    let listed = listed.filter(|at| said.as_ref().is_none_or(|made| *at > made.at));
    let listed = listed.filter(|at| case.burnt(&[], |bad| *at > bad.at).is_empty());
    let made = listed.map(|at| Made { at, burnt: Vec::new() }).or(said);
    status.made = made.as_ref().map(|made| made.at);
    made
}

/// What it means that the old one was seen to work at `at`.
fn back<'e>(
    case: &Case<'_, 'e>,
    status: &Status<'e>,
    own: &Standing<'e>,
    tests: &[Said<'e>],
    at: Moment,
) -> Option<Back> {
    let before = own.before(at);
    // What was refused before another new one was made was another old one.
    let start = before.last_state(SecretState::NewIssued).map(|said| said.claim.effective());
    let of_this = |said: &&Said<'_>| start.is_none_or(|start| said.claim.effective() >= start);
    let mut refused = tests.iter().filter(|t| t.moment < at && outcome(t) == TestOutcome::Refused);
    if refused.any(|t| of_this(&t)) || status.network.was_gone {
        return Some(Back::Regressed(at));
    }
    let word = before.attested().or_else(|| of_the_whole_service(case).filter(|said| said.moment < at))?;
    let (said_gone, closes) = match word.claim.statement {
        Statement::SecretIs { state } => (
            matches!(
                state,
                SecretState::OldDisabled
                    | SecretState::OldRefused
                    | SecretState::Verified
                    | SecretState::Destroyed
            ),
            state.closes(),
        ),
        Statement::StillActive { count, .. } => (count == 0, count == 0),
        _ => (true, true),
    };
    let in_time = case.burnt(&[], |bad| word.done_after(bad)).is_empty();
    let settled = closes && in_time && word.claim.grade() > Grade::E0 && status.leaking.is_empty();
    match (said_gone, settled) {
        (false, _) => None,
        (true, true) => Some(Back::Regressed(at)),
        (true, false) => Some(Back::Contradicted(at)),
    }
}

pub(super) fn outcome(said: &Said<'_>) -> TestOutcome {
    match said.claim.statement {
        Statement::NegativeTest { outcome, .. } => outcome,
        _ => TestOutcome::Inconclusive,
    }
}

const fn rank(state: SecretState) -> u8 {
    match state {
        SecretState::Identified => 0,
        SecretState::Owned => 1,
        SecretState::TooEarly | SecretState::Waived => 2,
        SecretState::NewIssued => 3,
        SecretState::Deployed => 4,
        SecretState::OldDisabled => 5,
        SecretState::OldRefused => 6,
        SecretState::Verified => 7,
        SecretState::NotExposed | SecretState::Destroyed => 8,
    }
}

const fn further(a: SecretState, b: SecretState) -> SecretState {
    if rank(b) > rank(a) { b } else { a }
}
