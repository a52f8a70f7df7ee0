//! Evidence made ready to be judged: every observation judged once, sorted by service and time, keys
//! and places numbered. Borrowed from the evidence; nothing is copied but numbers.
//!
//! Not a judgement: what a service owes is said elsewhere.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::IpAddr,
    ops::Range,
};

use rayon::prelude::*;

use crate::model::{
    check::Checked,
    claim::{Claim, Subject},
    disclosure::{Disclosure, Owed},
    ids::{RowId, Spki, SweepId},
    observation::{Certificate, Contact, Observation},
    policy::Policy,
    sweep::{Evidence, SweepState},
    time::Timestamp,
    verdict::{Reason, Verdict},
};

use super::{
    join::HostLook,
    probed::{self, shared},
    revocations::Revocations,
    verdict::{Finding, found, rule},
};

/// A number that stands for "none", where an `Option` would double the size.
pub(super) const NONE: u32 = u32::MAX;

/// A point in the order of evidence: the sweep first, then the time. `a > b` reads "a is after b": a
/// later sweep, or a later time in the same one; a tie is not after. A claim's sweep is the last one
/// begun before it was recorded, so that claims and observations share one order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment {
    pub(super) sweep: u32,
    pub(super) at: Timestamp,
}

impl Moment {
    /// After everything of a sweep.
    pub(super) const fn end_of(sweep: u32) -> Self {
        Self { sweep, at: Timestamp::from_micros(i64::MAX) }
    }
}

/// The order of sweeps: the order of the evidence, which is that of their numbers unless another incident file was
/// merged. Its sweeps came in late and happened earlier.
pub(super) struct Order(Option<HashMap<SweepId, u32>>);

impl Order {
    pub(super) fn new(evidence: &Evidence) -> Self {
        if evidence.sweeps.is_sorted_by_key(|s| s.id) {
            return Self(None);
        }
        Self(Some(evidence.sweeps.iter().map(|s| s.id).zip(1..).collect()))
    }

    /// The place of a sweep, from 1; 0 for none. A sweep that the evidence does not list is later than all.
    pub(super) fn of(&self, sweep: SweepId) -> u32 {
        match &self.0 {
            None => sweep.0,
            Some(_) if sweep.0 == 0 => 0,
            Some(places) => places.get(&sweep).copied().unwrap_or_else(|| count(places.len()) + sweep.0),
        }
    }
}

/// One observation with what it was found to say.
#[derive(Clone, Debug)]
pub(super) struct Look<'e> {
    pub(super) seen: &'e Observation,
    pub(super) finding: Finding,
    pub(super) moment: Moment,
    /// For a host's word on the service: the whole of it.
    pub(super) host: Option<&'e HostLook>,
    /// For a host's word that the hole is there, against a clean look of the network that is older: neither is
    /// believed.
    pub(super) disputes: bool,
    /// The service's number; `NONE` where the row is not among the services.
    pub(super) service: u32,
    /// The number of the address and port.
    pub(super) place: u32,
    first_key: u32,
    keys: u32,
    has_main_key: bool,
}

impl Look<'_> {
    /// Whether something answered there: the opposite of unreachable, skipped and our own faults.
    pub(super) const fn answered(&self) -> bool {
        self.finding.verdict.is_probed(self.finding.reason)
    }

    /// Whether this is a name without an address: it speaks of every endpoint behind the name.
    pub(super) fn is_nameless(&self) -> bool {
        self.seen.address.is_none() && self.seen.contact == Contact::DnsFailed
    }
}

/// A claim and its place in the order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said<'e> {
    pub(super) claim: &'e Claim,
    pub(super) moment: Moment,
}

impl Said<'_> {
    /// Whether the work was done after `moment` as far as the claim says. A claim that was recorded
    /// too early is too early whatever it says; one that names an earlier time must have that after.
    pub(super) fn done_after(&self, moment: Moment) -> bool {
        self.moment > moment && self.claim.done_at.is_none_or(|done| done > moment.at)
    }
}

/// The evidence, numbered and sorted.
pub(super) struct Index<'e> {
    pub(super) evidence: &'e Evidence,
    pub(super) disclosure: &'e Disclosure,
    pub(super) policy: &'e Policy,
    /// Whether keys were in reach of what this disclosure leaks.
    pub(super) owes_keys: bool,
    /// Whether secrets were.
    pub(super) owes_secrets: bool,
    /// Every look, by service, then by moment.
    pub(super) looks: Vec<Look<'e>>,
    /// The looks of each service.
    pub(super) of_service: Vec<Range<usize>>,
    /// The claims about each service, in order.
    pub(super) claims: Vec<Vec<Said<'e>>>,
    /// The claims about each secret, in order.
    pub(super) secret_claims: Vec<Vec<Said<'e>>>,
    /// The secrets of each service.
    pub(super) secrets_of: Vec<Vec<u32>>,
    /// The services of each secret that are known.
    pub(super) path_of: Vec<Vec<u32>>,
    /// The services through which a new one of each secret is handed out.
    pub(super) channels_of: Vec<Vec<u32>>,
    /// Whether anything is handed out through each service.
    pub(super) carries: Vec<bool>,
    /// What the network showed of each secret, in order.
    pub(super) checks_of: Vec<Vec<(Moment, &'e Checked)>>,
    /// Services by row id. Only looked up in, never walked.
    pub(super) rows: HashMap<&'e str, u32>,
    /// Keys by number.
    pub(super) spkis: Vec<Spki>,
    /// What is known of the revocation of certificates.
    pub(super) revocations: Revocations<'e>,
    /// The last sweep that the evidence holds.
    pub(super) last_sweep: Option<SweepId>,
    /// The last observation of each sweep.
    ends: BTreeMap<u32, Moment>,
    /// Sweeps that did not get to everything, sorted.
    unfinished: Vec<u32>,
    key_numbers: Vec<u32>,
}

impl<'e> Index<'e> {
    /// Judges, numbers and sorts. With `last`, only what was known before the sweep after it.
    pub(super) fn new(
        evidence: &'e Evidence,
        disclosure: &'e Disclosure,
        policy: &'e Policy,
        hosts: &'e [HostLook],
        last: Option<SweepId>,
    ) -> Self {
        let rows: HashMap<&'e str, u32> = numbered(evidence.services.iter().map(|s| s.row_id.as_str()));
        let secrets: HashMap<&str, u32> = numbered(evidence.secrets.iter().map(|s| s.id.as_str()));
        let order = Order::new(evidence);
        let known = |sweep: SweepId| last.is_none_or(|last| order.of(sweep) <= order.of(last));
        let mut index = Self {
            evidence,
            disclosure,
            policy,
            owes_keys: is_owed(disclosure.rotate.keys, policy),
            owes_secrets: is_owed(disclosure.rotate.secrets, policy),
            looks: Vec::new(),
            of_service: Vec::new(),
            claims: vec![Vec::new(); evidence.services.len()],
            secret_claims: vec![Vec::new(); evidence.secrets.len()],
            secrets_of: vec![Vec::new(); evidence.services.len()],
            path_of: Vec::with_capacity(evidence.secrets.len()),
            channels_of: Vec::with_capacity(evidence.secrets.len()),
            carries: vec![false; evidence.services.len()],
            checks_of: vec![Vec::new(); evidence.secrets.len()],
            rows: HashMap::new(),
            spkis: Vec::new(),
            revocations: Revocations::default(),
            last_sweep: None,
            ends: BTreeMap::new(),
            unfinished: Vec::new(),
            key_numbers: Vec::new(),
        };
        index.take_observations(&rows, hosts, known, &order);
        index.take_claims(&rows, &secrets, last, &order);
        index.take_secrets(&rows);
        index.rows = rows;
        if !evidence.revocations.is_empty() {
            // Of every sweep, also those after the last that counts: a check after them is not known yet.
            let started = evidence.sweeps.iter().map(|s| (order.of(s.id), s.started_at));
            let looked = evidence.observations.iter().map(|o| (order.of(o.sweep), o.at));
            let mut begun: BTreeMap<u32, Timestamp> = BTreeMap::new();
            for (sweep, at) in started.chain(looked) {
                begun.entry(sweep).and_modify(|first| *first = at.min(*first)).or_insert(at);
            }
            index.revocations = Revocations::new(&evidence.revocations, &begun, last.map(|s| order.of(s)));
        }
        let swept = evidence.sweeps.iter().map(|s| s.id).filter(|id| known(*id));
        let looked = index.looks.iter().map(|l| l.seen.sweep);
        index.last_sweep = swept.chain(looked).max_by_key(|id| order.of(*id));
        index.unfinished = evidence
            .sweeps
            .iter()
            .filter(|s| s.state != SweepState::Finished)
            .map(|s| order.of(s.id))
            .collect();
        index.unfinished.sort_unstable();
        index
    }

    fn take_observations(
        &mut self,
        rows: &HashMap<&str, u32>,
        hosts: &'e [HostLook],
        known: impl Fn(SweepId) -> bool + Sync,
        order: &Order,
    ) {
        let rule = rule(self.disclosure);
        let mut found: Vec<(&Observation, Finding, Option<&HostLook>)> =
            (self.evidence.observations.par_iter())
                .filter(|o| known(o.sweep))
                .map(|o| (o, found(o, self.disclosure, rule), None))
                .collect();
        found.extend(hosts.iter().map(|host| (&host.seen, host.finding, Some(host))));
        let mut keys: HashMap<Spki, u32> = HashMap::new();
        let mut places: HashMap<(IpAddr, u16), u32> = HashMap::new();
        self.looks.reserve(found.len());
        for (seen, finding, host) in found.drain(..) {
            let first_key = count(self.key_numbers.len());
            for spki in seen.keys() {
                let next = count(self.spkis.len());
                let number = *keys.entry(spki).or_insert_with(|| {
                    self.spkis.push(spki);
                    next
                });
                self.key_numbers.push(number);
            }
            let next = count(places.len());
            let moment = Moment { sweep: order.of(seen.sweep), at: seen.at };
            let end = self.ends.entry(moment.sweep).or_insert(moment);
            *end = moment.max(*end);
            self.looks.push(Look {
                seen,
                finding,
                moment,
                host,
                disputes: false,
                service: rows.get(seen.row_id.as_str()).copied().unwrap_or(NONE),
                place: seen.address.map_or(NONE, |a| *places.entry((a, seen.port)).or_insert(next)),
                first_key,
                keys: count(self.key_numbers.len()) - first_key,
                has_main_key: seen.certificate.as_ref().is_some_and(|c| c.spki_sha256.is_some()),
            });
        }
        // Stable, so that ties keep the order in which they were recorded.
        self.looks.par_sort_by_key(|l| (l.service, l.moment));
        let mut start = 0;
        for service in 0..self.evidence.services.len() {
            let service = count(service);
            let rest = self.looks.get(start..).unwrap_or_default();
            let end = start + rest.iter().take_while(|l| l.service == service).count();
            self.of_service.push(start..end);
            start = end;
        }
        if &*self.disclosure.id == probed::DROWN {
            self.spread_sslv2();
        }
        self.doubt_plain_text();
        if !hosts.is_empty() {
            self.doubt_hosts();
        }
    }

    /// A key with which SSL 2.0 is spoken anywhere is in danger wherever it is served.
    fn spread_sslv2(&mut self) {
        for number in shared::tainted(self) {
            if let Some(look) = self.looks.get_mut(number) {
                let finding = &mut look.finding;
                (finding.verdict, finding.reason) = (Verdict::Vulnerable, Reason::KeySharedWithSslv2);
                finding.vulnerable = 1;
                finding.tried = finding.tried.max(1);
            }
        }
    }

    /// The network outranks a host. Where it was clean at an address and a host says later that the hole is there,
    /// neither counts until the next look of the network: a filter may have eaten the probe, or the package's record
    /// may not fit this build.
    fn doubt_hosts(&mut self) {
        for range in &self.of_service {
            let Some(looks) = self.looks.get_mut(range.clone()) else { continue };
            let mut clean: BTreeMap<Option<IpAddr>, bool> = BTreeMap::new();
            for look in looks {
                if look.host.is_none() {
                    clean.insert(look.seen.address, look.finding.verdict.is_clean());
                } else if look.finding.verdict == Verdict::Vulnerable
                    && clean.get(&look.seen.address).copied().unwrap_or(false)
                {
                    look.disputes = true;
                    look.finding.verdict = Verdict::Inconclusive;
                }
            }
        }
    }

    /// An endpoint that spoke TLS and answers in plain text now has not been shown to be closed: an error
    /// page in front of it says nothing about the process behind.
    fn doubt_plain_text(&mut self) {
        for range in &self.of_service {
            let Some(looks) = self.looks.get_mut(range.clone()) else { continue };
            let mut spoke: BTreeSet<Option<IpAddr>> = BTreeSet::new();
            for look in looks {
                if look.seen.tls.is_some() {
                    spoke.insert(look.seen.address);
                } else if look.finding.reason == Reason::NotTls && spoke.contains(&look.seen.address) {
                    look.finding.verdict = Verdict::Inconclusive;
                    look.finding.reason = Reason::WrapMismatch;
                }
            }
        }
    }

    fn take_claims(
        &mut self,
        rows: &HashMap<&str, u32>,
        secrets: &HashMap<&str, u32>,
        last: Option<SweepId>,
        order: &Order,
    ) {
        let next_began = last.and_then(|last| {
            let later = self.evidence.observations.iter().filter(|o| order.of(o.sweep) > order.of(last));
            later.map(|o| (order.of(o.sweep), o.at)).min().map(|(_, at)| at)
        });
        let known = |after: Option<SweepId>, at: Timestamp| {
            last.is_none_or(|last| {
                after.is_none_or(|s| order.of(s) <= order.of(last))
                    || next_began.is_none_or(|began| at < began)
            })
        };
        for check in self.evidence.checks.iter().filter(|c| known(c.after_sweep, c.at)) {
            let number = secrets.get(check.secret.as_str());
            if let Some(list) = number.and_then(|n| self.checks_of.get_mut(*n as usize)) {
                list.push((
                    Moment { sweep: check.after_sweep.map_or(0, |s| order.of(s)), at: check.at },
                    check,
                ));
            }
        }
        for list in &mut self.checks_of {
            list.sort_by_key(|(moment, _)| *moment);
        }
        for claim in &self.evidence.claims {
            if !known(claim.after_sweep, claim.at) {
                continue;
            }
            for row in &claim.through {
                if let Some(carries) = rows.get(row.as_str()).and_then(|n| self.carries.get_mut(*n as usize))
                {
                    *carries = true;
                }
            }
            let said = Said {
                claim,
                moment: Moment { sweep: claim.after_sweep.map_or(0, |s| order.of(s)), at: claim.at },
            };
            let about = match &claim.subject {
                Subject::Service(row) => {
                    rows.get(row.as_str()).and_then(|n| self.claims.get_mut(*n as usize))
                }
                Subject::Secret(id) => {
                    secrets.get(id.as_str()).and_then(|n| self.secret_claims.get_mut(*n as usize))
                }
            };
            if let Some(about) = about {
                about.push(said);
            }
        }
        for list in self.claims.iter_mut().chain(&mut self.secret_claims) {
            list.sort_by_key(|said| said.moment);
        }
    }

    fn take_secrets(&mut self, rows: &HashMap<&str, u32>) {
        for (number, secret) in self.evidence.secrets.iter().enumerate() {
            let numbers = |list: &[RowId]| {
                let mut numbers: Vec<u32> =
                    list.iter().filter_map(|row| rows.get(row.as_str()).copied()).collect();
                numbers.sort_unstable();
                numbers.dedup();
                numbers
            };
            let (path, channels) = (numbers(&secret.services), numbers(&secret.delivered_through));
            for service in &channels {
                if let Some(carries) = self.carries.get_mut(*service as usize) {
                    *carries = true;
                }
            }
            self.channels_of.push(channels);
            for service in &path {
                if let Some(list) = self.secrets_of.get_mut(*service as usize) {
                    list.push(count(number));
                }
            }
            self.path_of.push(path);
        }
    }

    /// The looks of one service, in order.
    pub(super) fn service_looks(&self, service: usize) -> &[Look<'e>] {
        let range = self.of_service.get(service).cloned().unwrap_or(0..0);
        self.looks.get(range).unwrap_or_default()
    }

    /// Every key that a look saw, by number; the main one first.
    pub(super) fn keys(&self, look: &Look<'e>) -> &[u32] {
        let start = look.first_key as usize;
        self.key_numbers.get(start..start + look.keys as usize).unwrap_or_default()
    }

    /// The keys besides the main one that a look saw.
    pub(super) fn other_keys(&self, look: &Look<'e>) -> &[u32] {
        self.keys(look).get(usize::from(look.has_main_key)..).unwrap_or_default()
    }

    /// Every certificate that a look saw whose key could be read, with the key's number.
    pub(super) fn certificates(&self, look: &Look<'e>) -> impl Iterator<Item = (u32, &'e Certificate)> {
        let seen = look.seen;
        let main = seen.certificate.as_ref().filter(|_| look.has_main_key);
        let main = main.into_iter().zip(self.keys(look).iter().copied());
        let others = seen.other_keys.iter().flatten().zip(self.other_keys(look));
        main.map(|(certificate, key)| (key, certificate))
            .chain(others.filter_map(|(other, key)| Some((*key, other.certificate.as_ref()?))))
    }

    /// The end of the sweep that a moment belongs to, or the moment where that is later: by then
    /// everything that the sweep found anywhere is known.
    pub(super) fn settled(&self, moment: Moment) -> Moment {
        self.ends.get(&moment.sweep).map_or(moment, |end| moment.max(*end))
    }

    /// Whether a sweep is known to have been cut off: what it did not see it may just not have got to.
    pub(super) fn is_unfinished(&self, sweep: u32) -> bool {
        self.unfinished.binary_search(&sweep).is_ok()
    }
}

fn is_owed(owed: Owed, policy: &Policy) -> bool {
    match owed {
        Owed::Yes => true,
        Owed::ByPolicy => policy.rotate_by_policy,
        Owed::No => false,
    }
}

fn numbered<'a>(ids: impl Iterator<Item = &'a str>) -> HashMap<&'a str, u32> {
    let mut map = HashMap::new();
    for (number, id) in ids.enumerate() {
        map.entry(id).or_insert(count(number));
    }
    map
}

/// A length as a number of ours. More than four billion rows do not fit into memory.
pub(super) fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(NONE)
}
