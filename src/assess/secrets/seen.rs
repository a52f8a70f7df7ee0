//! What the network showed of a secret, target by target: whether the old one is gone, still there, or there again.
//!
//! Only our own history shows that something is new: old is what was declared so, else whatever was seen while the leak
//! was open. Where nothing was looked at by then, the first look may have seen a new one already; then a change
//! since that look is needed, and the look itself denies nobody's word.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{
    check::{CheckKind, Checked},
    secret::SecretState,
    verdict::Grade,
};

use super::{
    super::index::{Index, Moment},
    Case,
};

/// A check so many seconds after a bad look of the same sweep saw what was there with it.
const SAME_LOOK: i64 = 3600;

/// All targets of a secret together.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::assess) struct Network<'e> {
    /// No target shows an old one any more: how well that is known, since when, and what it makes of the secret.
    pub(super) gone: Option<(Grade, Moment, SecretState)>,
    /// The latest last look at a target that shows one that is known to be old.
    pub(super) shows_old: Option<Moment>,
    /// Whether it had been gone there before.
    pub(super) was_gone: bool,
    /// The look at some target that was taken for the old one is the first there ever was.
    pub(super) guessed: bool,
    /// A place was looked at, and the old one was never seen there.
    pub(super) unseen: bool,
    /// The look that decides: the one that still shows an old one, else the last.
    pub(super) last: Option<&'e Checked>,
}

/// One target.
struct Target<'e> {
    gone: Option<(Grade, Moment)>,
    shows_old: Option<Moment>,
    was_gone: bool,
    guessed: bool,
    unseen: bool,
    last: Option<&'e Checked>,
}

/// What was declared old at a target, and every look at it.
type Declared<'d, 'e> = (BTreeSet<&'d str>, Vec<(Moment, &'e Checked)>);

/// What all targets show by the moment of a case.
pub(super) fn network<'e>(case: &Case<'_, 'e>, last_bad: Option<Moment>) -> Network<'e> {
    let mut network = Network::default();
    let Some(secret) = case.index.evidence.secrets.get(case.secret) else { return network };
    let looks = case.index.checks_of.get(case.secret).map_or(&[][..], Vec::as_slice);
    if looks.is_empty() {
        return network;
    }
    let mut targets: BTreeMap<(CheckKind, &str), Declared<'_, 'e>> = BTreeMap::new();
    for check in &secret.checks {
        let entry = targets.entry((check.kind, &check.target)).or_default();
        entry.0.extend(check.old.as_deref());
    }
    let mut moved: BTreeMap<(CheckKind, &str), Declared<'_, 'e>> = BTreeMap::new();
    for (moment, check) in looks.iter().filter(|(moment, _)| *moment <= case.by) {
        let (kind, target) = (check.kind, check.target.as_str());
        let of_kind = || secret.checks.iter().filter(|c| c.kind == kind);
        // A check that is no longer declared, where others of its kind are: it has moved, or was a mistake.
        let place = if targets.contains_key(&(kind, target)) || of_kind().next().is_none() {
            targets.entry((kind, target)).or_default()
        } else {
            let entry = moved.entry((kind, target)).or_default();
            entry.0.extend(of_kind().filter_map(|c| c.old.as_deref()));
            entry
        };
        place.1.push((*moment, check));
    }
    let mut gone: Option<(Grade, Moment, SecretState)> = None;
    let mut all_gone = !targets.is_empty();
    // A place that showed the old one last stays red, whatever is looked at instead.
    for ((kind, _), (declared, looks)) in &moved {
        let target = follow(case, *kind, declared, looks, last_bad);
        if target.shows_old.is_some() {
            all_gone = false;
            network.shows_old = network.shows_old.max(target.shows_old);
            network.was_gone |= target.was_gone;
            network.last = target.last;
        }
    }
    for ((kind, _), (declared, looks)) in &targets {
        let target = follow(case, *kind, declared, looks, last_bad);
        network.guessed |= target.guessed;
        network.unseen |= target.unseen;
        let decides = target.shows_old > network.shows_old
            || (network.shows_old.is_none() && target.last.map(|c| c.at) > network.last.map(|c| c.at));
        if decides {
            network.last = target.last;
        }
        network.shows_old = network.shows_old.max(target.shows_old);
        network.was_gone |= target.was_gone && target.shows_old.is_some();
        // Other nodes may keep an old ticket key: one round of handshakes does not meet them all.
        let enough = |(grade, _): &(Grade, Moment)| *kind != CheckKind::TicketKey || *grade > Grade::E2;
        let Some((grade, since)) = target.gone.filter(enough) else {
            all_gone = false;
            continue;
        };
        let state = match kind {
            CheckKind::TicketKey | CheckKind::Tlsa => SecretState::Verified,
            CheckKind::Jwks | CheckKind::Dkim | CheckKind::SshHostKey => SecretState::OldRefused,
        };
        gone = Some(gone.map_or((grade, since, state), |(g, s, all)| {
            let least = if all == SecretState::OldRefused { all } else { state };
            (g.min(grade), s.max(since), least)
        }));
    }
    network.gone = gone.filter(|_| all_gone);
    network
}

fn follow<'e>(
    case: &Case<'_, 'e>,
    kind: CheckKind,
    declared: &BTreeSet<&str>,
    looks: &[(Moment, &'e Checked)],
    last_bad: Option<Moment>,
) -> Target<'e> {
    let mut target =
        Target { gone: None, shows_old: None, was_gone: false, guessed: false, unseen: false, last: None };
    let is_open = |at: Moment| {
        last_bad.is_some_and(|bad| {
            at <= bad || (at.sweep == bad.sweep && at.at <= bad.at.plus_seconds(SAME_LOOK))
        })
    };
    let while_open = looks.iter().filter(|(at, _)| is_open(*at));
    let mut old: BTreeSet<&str> = declared.clone();
    for (_, check) in while_open {
        let seen = check.seen.iter().flatten().map(String::as_str);
        // What had taken the place of the declared one while the leak was open is as old.
        let lacks =
            declared.is_empty() || !seen.clone().any(|id| declared.iter().any(|old| same(kind, id, old)));
        old.extend(seen.filter(|_| lacks));
    }
    let mut sweeps: BTreeSet<u32> = BTreeSet::new();
    let by_keys = kind == CheckKind::Tlsa && declared.is_empty();
    // Nothing is gone from where it was never seen: a name with a slip in it has no old one either.
    let mut witnessed = false;
    for (at, check) in looks {
        let Some(seen) = &check.seen else { continue };
        if !by_keys && old.is_empty() {
            target.guessed |= !seen.is_empty();
            witnessed |= !seen.is_empty();
            target.last = Some(check);
            old.extend(seen.iter().map(String::as_str));
            continue;
        }
        let shows = if by_keys { shows_exposed(case, seen) } else { shows_any(kind, seen, &old) };
        let Some(shows) = shows else { continue };
        target.last = Some(check);
        witnessed |= shows;
        target.unseen = !witnessed;
        if shows {
            target.was_gone |= target.gone.is_some();
            target.gone = None;
            sweeps.clear();
            // What was only guessed to be old denies nothing until it was gone once.
            target.shows_old = (!target.guessed || target.was_gone).then_some(*at);
        } else {
            target.shows_old = None;
            if witnessed && !is_open(*at) {
                sweeps.insert(at.sweep);
                let since = target.gone.map_or(*at, |(_, since)| since);
                target.gone = Some((if sweeps.len() > 1 { Grade::E3 } else { Grade::E2 }, since));
            }
        }
    }
    target
}

/// Whether an old one is among what was seen; nothing where that cannot be told.
fn shows_any(kind: CheckKind, seen: &[String], old: &BTreeSet<&str>) -> Option<bool> {
    // Every SSH server has a host key, so an empty answer saw nothing.
    if seen.is_empty() && kind == CheckKind::SshHostKey {
        return None;
    }
    Some(seen.iter().any(|id| old.iter().any(|old| same(kind, id, old))))
}

fn same(kind: CheckKind, a: &str, b: &str) -> bool {
    match kind {
        CheckKind::Tlsa | CheckKind::TicketKey => a.eq_ignore_ascii_case(b),
        CheckKind::Jwks | CheckKind::Dkim | CheckKind::SshHostKey => a == b,
    }
}

/// Whether a TLSA record names a key or certificate at risk; nothing where it cannot be compared (a matching type other
/// than SHA-256, RFC 6698), or no key is known to be at risk.
fn shows_exposed(case: &Case<'_, '_>, seen: &[String]) -> Option<bool> {
    let risky = |key: u32| case.keys.at_risk_from(case.index, key, case.by).is_some();
    let keys: Vec<u32> = (0..super::count(case.index.spkis.len())).filter(|key| risky(*key)).collect();
    if keys.is_empty() {
        return None;
    }
    let mut comparable = true;
    for association in seen {
        let mut words = association.split_whitespace();
        let (_, selector, matching, hex) = (words.next(), words.next(), words.next(), words.next());
        let (Some(selector), Some("1"), Some(hex)) = (selector, matching, hex) else {
            comparable = false;
            continue;
        };
        let hex = hex.to_ascii_lowercase();
        if keys.iter().any(|key| names(case.index, case.keys, *key, selector, &hex)) {
            return Some(true);
        }
    }
    comparable.then_some(false)
}

fn names(index: &Index<'_>, keys: &super::Keys<'_>, key: u32, selector: &str, hex: &str) -> bool {
    let is = |digest: &crate::model::ids::Sha256| data_encoding::HEXLOWER.encode(digest.bytes()) == hex;
    match selector {
        "1" => index.spkis.get(key as usize).is_some_and(is),
        _ => keys.certificates(key).iter().any(|carried| is(&carried.certificate.sha256)),
    }
}
