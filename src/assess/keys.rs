//! Which keys were in reach of the leak, since when, and who serves them.
//!
//! A key is exposed when it was seen on an address and port at a time not after a vulnerable look at
//! that same address and port, whatever row, SNI or key type showed it: one process, one memory. It is
//! presumed exposed when a service served it at its first decisive look and policy presumes that
//! service to have leaked before. Both are facts with a date, so any earlier moment can be asked for.
//!
//! Not here: what a service owes for its keys (facets).

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::model::{
    assessment::{KeyAssessment, KeyEndpoint, KeyExposure},
    claim::Statement,
    observation::Certificate,
    policy::Presume,
    service::TlsStack,
    verdict::Verdict,
};

use super::history::richness;
use super::index::{Index, Look, Moment, NONE, Said, count};

/// One certificate on one key, and when it was first seen anywhere.
#[derive(Clone, Copy, Debug)]
pub(super) struct Carried<'e> {
    pub(super) key: u32,
    pub(super) certificate: &'e Certificate,
    pub(super) first: Moment,
}

#[derive(Clone, Debug)]
struct Key {
    first: Moment,
    last: Moment,
    exposed_from: Option<Moment>,
    exposed_until: Option<Moment>,
    /// Services by which it is presumed, and since when; earliest first.
    presumed: Vec<(Moment, u32)>,
}

/// Every key by number.
pub(super) struct Keys<'e> {
    all: Vec<Key>,
    /// By key, then digest.
    carried: Vec<Carried<'e>>,
    /// Vulnerable looks by place, then moment.
    bad_places: Vec<(u32, Moment)>,
    /// The moment from which each service is presumed.
    presumed_services: Vec<Option<Moment>>,
}

impl<'e> Keys<'e> {
    pub(super) fn new(index: &Index<'e>) -> Self {
        let mut bad_places: Vec<(u32, Moment)> = index
            .looks
            .iter()
            .filter(|l| l.finding.verdict == Verdict::Vulnerable && l.place != NONE)
            .map(|l| (l.place, l.moment))
            .collect();
        bad_places.sort_unstable();
        let mut keys =
            Self { all: sighted(index), carried: carried(index), bad_places, presumed_services: Vec::new() };
        if index.owes_keys {
            keys.expose(index);
        }
        if index.owes_keys || index.owes_secrets {
            keys.presume(index);
        }
        keys
    }

    /// Carries the vulnerable looks of every place to the keys that were seen there by then.
    fn expose(&mut self, index: &Index<'e>) {
        let mut seen: Vec<(u32, u32, Moment)> = Vec::with_capacity(index.looks.len());
        for look in index.looks.iter().filter(|l| l.place != NONE) {
            seen.extend(index.keys(look).iter().map(|key| (look.place, *key, look.moment)));
        }
        seen.par_sort_unstable();
        seen.dedup_by_key(|(place, key, _)| (*place, *key));
        let unseen = bad_before_any_key(index, &seen);
        for (place, number, first) in seen {
            let bad = self.bad_at(place);
            let later = bad.partition_point(|(_, moment)| *moment < first);
            let from = match bad.get(later) {
                Some((_, from)) => *from,
                None if unseen.get(&place) == Some(&first) => first,
                None => continue,
            };
            let Some((_, until)) = bad.last().copied() else { continue };
            if let Some(key) = self.all.get_mut(number as usize) {
                key.exposed_from = Some(key.exposed_from.map_or(from, |m| m.min(from)));
                key.exposed_until = Some(key.exposed_until.map_or(until, |m| m.max(until)));
            }
        }
    }

    fn presume(&mut self, index: &Index<'e>) {
        let presumed: Vec<Option<(Moment, Vec<u32>)>> =
            (0..index.of_service.len()).into_par_iter().map(|service| presumed(index, service)).collect();
        for (service, found) in presumed.iter().enumerate() {
            for (from, number) in found.iter().flat_map(|(from, keys)| keys.iter().map(move |k| (*from, k))) {
                if let Some(key) = self.all.get_mut(*number as usize) {
                    key.presumed.push((from, count(service)));
                }
            }
        }
        for key in &mut self.all {
            key.presumed.sort_unstable();
        }
        self.presumed_services = presumed.into_iter().map(|p| p.map(|(from, _)| from)).collect();
    }

    /// The vulnerable looks at one place, earliest first.
    pub(super) fn bad_at(&self, place: u32) -> &[(u32, Moment)] {
        let start = self.bad_places.partition_point(|(p, _)| *p < place);
        let end = self.bad_places.partition_point(|(p, _)| *p <= place);
        self.bad_places.get(start..end).unwrap_or_default()
    }

    /// Whether a key was known to be exposed by then.
    pub(super) fn exposed(&self, key: u32, by: Moment) -> bool {
        self.exposed_from(key).is_some_and(|from| from <= by)
    }

    /// Since when a key is known to be exposed.
    pub(super) fn exposed_from(&self, key: u32) -> Option<Moment> {
        self.all.get(key as usize)?.exposed_from
    }

    /// Since when a key is exposed or presumed, as known by then.
    pub(super) fn at_risk_from(&self, index: &Index<'e>, key: u32, by: Moment) -> Option<Moment> {
        let exposed = self.exposed_from(key).filter(|from| *from <= by);
        let presumed = self.presumed_from(index, key, by);
        match (exposed, presumed) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    fn presumed_from(&self, index: &Index<'e>, key: u32, by: Moment) -> Option<Moment> {
        let list = &self.all.get(key as usize)?.presumed;
        let standing = list
            .iter()
            .take_while(|(from, _)| *from <= by)
            .find(|(_, service)| !cleared(index, *service, by));
        standing.map(|(from, _)| *from)
    }

    /// Since when a service is presumed to have leaked, as known by then and not cleared by then.
    pub(super) fn service_presumed(&self, index: &Index<'e>, service: usize, by: Moment) -> Option<Moment> {
        let from = self.presumed_services.get(service).copied().flatten()?;
        (from <= by && !cleared(index, count(service), by)).then_some(from)
    }

    /// When a key was first seen anywhere.
    pub(super) fn first_seen(&self, key: u32) -> Option<Moment> {
        self.all.get(key as usize).map(|k| k.first)
    }

    /// The certificates that carried a key, by digest.
    pub(super) fn certificates(&self, key: u32) -> &[Carried<'e>] {
        let start = self.carried.partition_point(|c| c.key < key);
        let end = self.carried.partition_point(|c| c.key <= key);
        self.carried.get(start..end).unwrap_or_default()
    }

    /// The certificates on a key that were first seen after it was exposed or presumed.
    pub(super) fn reissued<'k>(
        &'k self,
        index: &Index<'e>,
        key: u32,
    ) -> impl Iterator<Item = Carried<'e>> + use<'k, 'e> {
        let risk = self.at_risk_from(index, key, Moment::end_of(NONE));
        let list = self.certificates(key).iter().copied();
        list.filter(move |c| risk.is_some_and(|from| c.first > from))
    }

    /// One entry per key, by SPKI. `served` holds (key, service, address, port) of what is served now,
    /// sorted.
    pub(super) fn assessed(&self, index: &Index<'e>, served: &[KeyPlace]) -> Vec<KeyAssessment> {
        let mut places: Vec<(u32, KeyPlace)> = Vec::new();
        for (number, look) in index.looks.iter().enumerate() {
            let place = (look.service, look.seen.address, look.seen.port);
            let keys = index.keys(look).iter();
            places.extend(keys.map(|key| (count(number), (*key, place.0, place.1, place.2))));
        }
        places.par_sort_unstable_by_key(|(number, place)| (*place, *number));
        places.dedup_by_key(|(_, place)| *place);
        let mut all: Vec<KeyAssessment> = (0..self.all.len())
            .into_par_iter()
            .filter_map(|number| self.assess_one(index, count(number), &places, served))
            .collect();
        all.par_sort_unstable_by_key(|a| a.spki);
        all
    }

    fn assess_one(
        &self,
        index: &Index<'e>,
        number: u32,
        places: &[(u32, KeyPlace)],
        served: &[KeyPlace],
    ) -> Option<KeyAssessment> {
        let key = self.all.get(number as usize)?;
        let presumed = self.presumed_from(index, number, Moment::end_of(NONE));
        let exposure = match (key.exposed_from, presumed) {
            (Some(_), _) => KeyExposure::Exposed,
            (None, Some(_)) => KeyExposure::Presumed,
            (None, None) => KeyExposure::Clean,
        };
        let start = places.partition_point(|(_, p)| p.0 < number);
        let mine = places.get(start..).unwrap_or_default().iter();
        let endpoints = mine
            .take_while(|(_, p)| p.0 == number)
            .filter_map(|(look, place)| {
                Some(KeyEndpoint {
                    row_id: index.looks.get(*look as usize)?.seen.row_id.clone(),
                    address: place.2,
                    port: place.3,
                    serves_now: served.binary_search(place).is_ok(),
                })
            })
            .collect();
        Some(KeyAssessment {
            spki: *index.spkis.get(number as usize)?,
            exposure,
            exposed_at: key.exposed_until.or(presumed).map(|m| m.at),
            first_seen: key.first.at,
            last_seen: key.last.at,
            endpoints,
            certificates: self.certificates(number).iter().map(|c| c.certificate.clone()).collect(),
            reissued: self.reissued(index, number).map(|c| c.certificate.sha256).collect(),
        })
    }
}

/// Places that a host called vulnerable before any key was seen there, with the first sight of one: a host shows no
/// key, so that one may have been in reach. Only our own history shows that a key is new.
fn bad_before_any_key(index: &Index<'_>, seen: &[(u32, u32, Moment)]) -> BTreeMap<u32, Moment> {
    let bad = index.looks.iter().filter(|l| l.host.is_some() && l.finding.verdict == Verdict::Vulnerable);
    let mut first_bad: BTreeMap<u32, Moment> = BTreeMap::new();
    for look in bad.filter(|l| l.place != NONE) {
        first_bad.entry(look.place).and_modify(|m| *m = look.moment.min(*m)).or_insert(look.moment);
    }
    if first_bad.is_empty() {
        return first_bad;
    }
    let mut first_seen: BTreeMap<u32, Moment> = BTreeMap::new();
    for (place, _, moment) in seen.iter().filter(|(place, ..)| first_bad.contains_key(place)) {
        first_seen.entry(*place).and_modify(|m| *m = (*moment).min(*m)).or_insert(*moment);
    }
    first_seen.retain(|place, seen| first_bad.get(place).is_some_and(|bad| bad < seen));
    first_seen
}

/// A key at a service's address and port: (key, service, address, port).
pub(super) type KeyPlace = (u32, u32, Option<std::net::IpAddr>, u16);

fn sighted(index: &Index<'_>) -> Vec<Key> {
    let mut seen: Vec<Option<Key>> = vec![None; index.spkis.len()];
    for look in &index.looks {
        for number in index.keys(look) {
            let Some(slot) = seen.get_mut(*number as usize) else {
                continue;
            };
            let key = slot.get_or_insert(Key {
                first: look.moment,
                last: look.moment,
                exposed_from: None,
                exposed_until: None,
                presumed: Vec::new(),
            });
            key.first = key.first.min(look.moment);
            key.last = key.last.max(look.moment);
        }
    }
    // Every number was given out for a sighting, so nothing is dropped here.
    seen.into_iter().flatten().collect()
}

fn carried<'e>(index: &Index<'e>) -> Vec<Carried<'e>> {
    let mut all: Vec<Carried<'e>> = Vec::with_capacity(index.looks.len());
    for look in &index.looks {
        all.extend(index.certificates(look).map(|(key, certificate)| Carried {
            key,
            certificate,
            first: look.moment,
        }));
    }
    all.par_sort_unstable_by_key(|c| (c.key, c.certificate.sha256, c.first));
    // The first look counts, with the most that any look kept of the certificate.
    all.dedup_by(|later, kept| {
        let same = (later.key, later.certificate.sha256) == (kept.key, kept.certificate.sha256);
        if same && richness(later.certificate) > richness(kept.certificate) {
            kept.certificate = later.certificate;
        }
        same
    });
    all
}

/// Whether a standing claim by then says that the service cannot have the hole.
pub(super) fn cleared(index: &Index<'_>, service: u32, by: Moment) -> bool {
    let claims = index.claims.get(service as usize).map_or(&[][..], Vec::as_slice);
    let known = claims.iter().filter(|said: &&Said<'_>| said.moment <= by);
    known.fold(false, |standing, said| match said.claim.statement {
        Statement::NotAffected { .. } => true,
        Statement::Withdraw { facet: None } => false,
        _ => standing,
    })
}

/// Whether policy presumes that a service leaked before its first decisive look, from when, and for
/// which keys: those of each endpoint that was there by then, at its own first clean look.
///
/// `dated` asks for OpenSSL or an unknown stack, and for a certificate that is older than the
/// disclosure. It leaves out a service whose first answers are all `not-applicable`: the question
/// does not arise there. `all` asks for nothing but a certificate and a stack that is not `other`.
fn presumed(index: &Index<'_>, service: usize) -> Option<(Moment, Vec<u32>)> {
    let stack = index.evidence.services.get(service)?.tls_stack();
    let may_leak = match index.policy.presume {
        Presume::None => false,
        Presume::All => stack != TlsStack::Other,
        Presume::Dated => !matches!(stack, TlsStack::Other | TlsStack::Appliance | TlsStack::Provider),
    };
    if !may_leak {
        return None;
    }
    let looks = index.service_looks(service);
    // A host shows no certificate, so only looks of the network can be dated.
    let decisive = |l: &&Look<'_>| l.host.is_none() && l.finding.verdict.is_decided();
    let first = looks.iter().find(decisive)?.moment.sweep;
    let early = looks.partition_point(|l| l.moment.sweep <= first);
    let (early, later) = looks.split_at_checked(early)?;
    if early.iter().any(|l| l.finding.verdict == Verdict::Vulnerable) {
        return None;
    }
    let mut clean: BTreeMap<_, Option<&Look<'_>>> = BTreeMap::new();
    for look in early {
        clean.entry((look.seen.address, &*look.seen.vantage)).or_default();
    }
    for look in early.iter().chain(later).filter(decisive) {
        if let Some(slot) = clean.get_mut(&(look.seen.address, &*look.seen.vantage)) {
            slot.get_or_insert(look);
        }
    }
    let firsts = clean.into_values().flatten().filter(|l| l.finding.verdict.is_clean() && owes(index, l));
    let mut from = None;
    let mut keys = Vec::new();
    for look in firsts {
        from = Some(from.map_or(look.moment, |m: Moment| m.min(look.moment)));
        keys.extend_from_slice(index.keys(look));
    }
    keys.sort_unstable();
    keys.dedup();
    from.map(|from| (from, keys))
}

fn owes(index: &Index<'_>, look: &Look<'_>) -> bool {
    match index.policy.presume {
        Presume::None => false,
        Presume::All => look.seen.certificate.is_some(),
        Presume::Dated => {
            look.finding.verdict != Verdict::NotApplicable
                && look
                    .seen
                    .certificates()
                    .any(|c| c.not_before.is_some_and(|t| t < index.disclosure.disclosed_at))
        }
    }
}
