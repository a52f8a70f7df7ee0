//! One service's looks folded one by one: what each endpoint showed last, when it was last bad, what
//! it serves. The fold is what makes "as it stood then" cheap: one pass, whatever is asked on the way.
//!
//! Not here: what any of it means for the service's state.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use crate::model::{
    ids::Sha256,
    observation::Certificate,
    verdict::{Reason, Verdict},
};

use super::{
    claims::Standing,
    index::{Index, Look, Moment, NONE, Said},
    keys::Keys,
    picture::Picture,
};

/// One endpoint: service, address, vantage.
#[derive(Clone, Debug)]
pub(super) struct Endpoint<'e> {
    pub(super) address: Option<IpAddr>,
    pub(super) vantage: &'e Arc<str>,
    pub(super) first: Moment,
    /// Its own last look; one that did not ask takes nothing back of one that ended in a verdict.
    pub(super) last: &'e Look<'e>,
    /// The last sweep that found it.
    seen_in: u32,
    pub(super) last_answer: Option<Moment>,
    /// Its last look that ended in a verdict.
    last_decided: Option<Moment>,
    pub(super) last_bad: Option<Moment>,
    /// For a host: since when what is installed there has been fixed.
    pub(super) fixed_since: Option<Moment>,
    /// The keys at its first bad look.
    first_bad_keys: Option<&'e [u32]>,
    /// The first clean look since the last bad one at this address.
    pub(super) clean_since: Option<Moment>,
    clean_sweeps: u32,
    clean_sweep: u32,
    /// The last look that saw keys, and what it saw together with what is still known from before.
    pub(super) key_look: Option<&'e Look<'e>>,
    others: &'e [u32],
    /// Since when it serves nothing but safe keys, and in how many sweeps.
    safe_since: Option<Moment>,
    safe_sweeps: u32,
    safe_sweep: u32,
}

/// What an endpoint counts as in the state of its service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Bad,
    Clean,
    Unknown,
    /// Other evidence speaks for its address: the network for a host, or a host where the network cannot tell. What
    /// it serves still counts.
    Deferred,
    /// The name no longer leads there, or a person said so: it holds nothing up.
    Left,
}

/// A service's history up to some sweep.
#[derive(Clone, Debug)]
pub(super) struct Track<'e> {
    pub(super) endpoints: Vec<Endpoint<'e>>,
    by_id: BTreeMap<(Option<IpAddr>, &'e str), usize>,
    by_address: BTreeMap<IpAddr, Moment>,
    /// The last finished sweep that reached for an address, by vantage.
    covered: BTreeMap<&'e str, u32>,
    /// The look that found the name without an address, by vantage, until a look of a later sweep has one. Looks of
    /// the same sweep stand beside it: at addresses that were known before, or of the family that was answered for.
    nameless: BTreeMap<&'e str, &'e Look<'e>>,
    pub(super) first_bad: Option<Moment>,
    pub(super) last_bad: Option<Moment>,
    pub(super) first_seen: Option<Moment>,
    pub(super) last_seen: Option<Moment>,
    pub(super) last_answer: Option<Moment>,
    /// The first sweep at whose end every endpoint was clean.
    pub(super) closed_in: Option<u32>,
    /// The first sweep in which everything that was reached came out the same.
    pub(super) uniform_in: Option<u32>,
    /// How many sweeps in a row, up to the last, reached nothing.
    pub(super) silent_sweeps: u32,
    /// Keys ever seen at this service, with the first sight here; by key.
    pub(super) keys: BTreeMap<u32, Moment>,
    /// Certificates ever seen at this service, by key and digest.
    pub(super) certificates: BTreeMap<(u32, Sha256), &'e Certificate>,
    pub(super) certificate: Option<&'e Certificate>,
    /// A vulnerable look that showed no key at all, ever.
    pub(super) bad_without_key: bool,
    /// Whether any host said something of it.
    has_hosts: bool,
}

impl<'e> Track<'e> {
    pub(super) const fn new() -> Self {
        Self {
            endpoints: Vec::new(),
            by_id: BTreeMap::new(),
            by_address: BTreeMap::new(),
            covered: BTreeMap::new(),
            nameless: BTreeMap::new(),
            first_bad: None,
            last_bad: None,
            first_seen: None,
            last_seen: None,
            last_answer: None,
            closed_in: None,
            uniform_in: None,
            silent_sweeps: 0,
            keys: BTreeMap::new(),
            certificates: BTreeMap::new(),
            certificate: None,
            bad_without_key: false,
            has_hosts: false,
        }
    }

    /// Takes all looks of one sweep, and says what stood at its end.
    pub(super) fn sweep(
        &mut self,
        index: &'e Index<'e>,
        keys: &Keys<'e>,
        looks: &'e [Look<'e>],
        said: &Standing<'e>,
    ) {
        let Some(sweep) = looks.first().map(|l| l.moment.sweep) else {
            return;
        };
        for look in looks {
            self.look(index, keys, look);
        }
        if looks.iter().any(Look::answered) {
            self.silent_sweeps = 0;
        } else if looks.iter().all(|l| l.finding.verdict == Verdict::Unreachable) {
            self.silent_sweeps += 1;
        }
        let bad = looks.iter().filter(|l| l.finding.verdict == Verdict::Vulnerable).count();
        let clean = looks.iter().filter(|l| l.finding.verdict.is_clean()).count();
        if (bad == 0) != (clean == 0) {
            self.uniform_in.get_or_insert(sweep);
        }
        self.note_closed(index, said, sweep);
    }

    /// Takes a claim in. One that removes the last endpoint in doubt closes the service as well.
    fn hear(&mut self, index: &Index<'e>, said: &mut Standing<'e>, word: Option<Said<'e>>, moment: Moment) {
        if let Some(word) = word {
            said.say(word);
            self.note_closed(index, said, moment.sweep);
        }
    }

    fn note_closed(&mut self, index: &Index<'e>, said: &Standing<'e>, sweep: u32) {
        // What a host alone called clean before anything was bad is no repair that could be undone.
        let by_network = self.last_bad.is_some()
            || self.endpoints.iter().any(|e| e.last.host.is_none() && e.clean_since.is_some());
        if self.closed_in.is_none() && by_network && self.picture(index, said).is_closed() {
            self.closed_in = Some(sweep);
        }
    }

    fn look(&mut self, index: &'e Index<'e>, keys: &Keys<'e>, look: &'e Look<'e>) {
        let moment = look.moment;
        self.first_seen.get_or_insert(moment);
        self.last_seen = Some(moment);
        self.has_hosts |= look.host.is_some();
        if look.answered() {
            self.last_answer = Some(moment);
        }
        let vantage = &look.seen.vantage;
        if look.is_nameless() {
            self.nameless.insert(vantage, look);
            return;
        }
        if self.nameless.get(&**vantage).is_some_and(|nameless| nameless.moment.sweep < moment.sweep) {
            self.nameless.remove(&**vantage);
        }
        if !index.is_unfinished(moment.sweep) {
            self.covered.insert(vantage, moment.sweep);
        }
        if let Some(address) = look.seen.address {
            self.by_address.entry(address).or_insert(moment);
        }
        for key in index.keys(look) {
            self.keys.entry(*key).or_insert(moment);
        }
        for (key, certificate) in index.certificates(look) {
            let known = self.certificates.entry((key, certificate.sha256)).or_insert(certificate);
            if richness(certificate) > richness(known) {
                *known = certificate;
            }
        }
        if look.seen.certificate.is_some() {
            self.certificate = look.seen.certificate.as_ref();
        }
        if look.finding.verdict == Verdict::Vulnerable {
            self.bad_look(look);
        }
        let last_bad = self.last_bad;
        let number = self.endpoint(look);
        if let Some(endpoint) = self.endpoints.get_mut(number) {
            endpoint.seen_in = moment.sweep;
            if look.finding.reason == Reason::NotAsked && endpoint.last.finding.verdict.is_decided() {
                return;
            }
            endpoint.take(index, look);
            endpoint.weigh(index, keys, last_bad, look);
        }
        self.bad_without_key = self.endpoints.iter().any(|e| e.last_bad.is_some() && !self.has_keys(e));
    }

    /// Whether keys were seen at an endpoint, or for a host at its address.
    fn has_keys(&self, endpoint: &Endpoint<'e>) -> bool {
        let mut beside = self.endpoints.iter().filter(|e| e.address == endpoint.address);
        endpoint.key_look.is_some() || (endpoint.last.host.is_some() && beside.any(|e| e.key_look.is_some()))
    }

    /// A bad look undoes what was counted as clean at its address, and every new key of the service:
    /// a key that was there by now is not newer than the leak.
    fn bad_look(&mut self, look: &Look<'e>) {
        self.first_bad.get_or_insert(look.moment);
        self.last_bad = Some(look.moment);
        for endpoint in &mut self.endpoints {
            endpoint.safe_since = None;
            endpoint.safe_sweeps = 0;
            if endpoint.address == look.seen.address {
                endpoint.clean_since = None;
                endpoint.clean_sweeps = 0;
            }
        }
    }

    fn endpoint(&mut self, look: &'e Look<'e>) -> usize {
        let vantage = &look.seen.vantage;
        *self.by_id.entry((look.seen.address, &**vantage)).or_insert_with(|| {
            self.endpoints.push(Endpoint {
                address: look.seen.address,
                vantage,
                first: look.moment,
                last: look,
                seen_in: look.moment.sweep,
                last_answer: None,
                last_decided: None,
                last_bad: None,
                fixed_since: None,
                first_bad_keys: None,
                clean_since: None,
                clean_sweeps: 0,
                clean_sweep: NONE,
                key_look: None,
                others: &[],
                safe_since: None,
                safe_sweeps: 0,
                safe_sweep: NONE,
            });
            self.endpoints.len() - 1
        })
    }

    /// The look that stands for an endpoint: its own last one, or one of a later sweep that found its name
    /// without any address.
    pub(super) fn standing_look(&self, endpoint: &Endpoint<'e>) -> &'e Look<'e> {
        let nameless = self.nameless.get(&**endpoint.vantage).copied();
        nameless.filter(|nameless| stands_for(nameless, endpoint)).unwrap_or(endpoint.last)
    }

    /// Looks that found the name without an address and stand for no known endpoint: there may be others, so each
    /// counts by itself.
    pub(super) fn nameless(&self) -> impl Iterator<Item = &'e Look<'e>> {
        let alone = |look: &Look<'_>| {
            let mut here = self.endpoints.iter().filter(|e| **e.vantage == *look.seen.vantage);
            !here.any(|e| stands_for(look, e))
        };
        self.nameless.values().copied().filter(move |look| alone(look))
    }

    /// Whether a later finished sweep from the same vantage no longer found the endpoint.
    pub(super) fn has_left(&self, endpoint: &Endpoint<'e>) -> bool {
        self.covered.get(&**endpoint.vantage).is_some_and(|sweep| *sweep > endpoint.seen_in)
            && !self.nameless.contains_key(&**endpoint.vantage)
    }

    /// When a person said that an address is gone, where that word counts: no look since then was
    /// answered there, and the last one is not a bad one of the latest sweep.
    pub(super) fn gone_by_word(&self, endpoint: &Endpoint<'e>, said: &Standing<'e>) -> Option<Moment> {
        endpoint.address?;
        let silent = self.standing_look(endpoint).finding.verdict == Verdict::Unreachable;
        let word = said.address_gone(endpoint.address)?;
        let unanswered = endpoint.last_answer.is_none_or(|seen| word > seen);
        (unanswered && (silent || self.has_left(endpoint))).then_some(word)
    }

    /// What an endpoint counts as. An address that is no longer found keeps a bad last look, and an
    /// unknown one where it was ever bad; a clean one holds nothing up.
    pub(super) fn class(&self, endpoint: &Endpoint<'e>, said: &Standing<'e>) -> Class {
        match self.own_class(endpoint, said) {
            own if !self.has_hosts => own,
            Class::Left => Class::Left,
            own if endpoint.last.host.is_some() => self.class_of_host(endpoint, own),
            Class::Unknown if self.is_spoken_for(endpoint) => Class::Deferred,
            own => own,
        }
    }

    /// A host counts for itself only where no look of the network at its address has a verdict that stands, and
    /// none had one later; and where it disputes an older clean look, nobody is believed.
    fn class_of_host(&self, host: &Endpoint<'e>, own: Class) -> Class {
        match self.network_at(host.address) {
            Some(look) if host.last.disputes && host.last.moment > look.moment => Class::Unknown,
            Some(_) => Class::Deferred,
            None => {
                let looks =
                    self.endpoints.iter().filter(|e| e.last.host.is_none() && e.address == host.address);
                let decided = looks.filter_map(|e| e.last_decided).max();
                if decided.is_some_and(|at| at > host.last.moment) { Class::Deferred } else { own }
            }
        }
    }

    /// The latest look of the network at an address that has a verdict and still stands.
    pub(super) fn network_at(&self, address: Option<IpAddr>) -> Option<&'e Look<'e>> {
        let here = self.endpoints.iter().filter(|e| e.last.host.is_none() && e.address == address);
        let looks = here.filter(|e| !self.has_left(e)).map(|e| self.standing_look(e));
        looks.filter(|l| l.finding.verdict.is_decided()).max_by_key(|l| l.moment)
    }

    /// Whether a host speaks for an endpoint of which the network could not tell, and has not told since. A host that
    /// cannot tell either speaks for it where nothing can be seen from the network at all.
    fn is_spoken_for(&self, endpoint: &Endpoint<'e>) -> bool {
        let blind = matches!(endpoint.last.finding.reason, Reason::BranchNotAnalysed | Reason::NotAsked);
        self.endpoints.iter().filter(|e| e.address == endpoint.address).any(|e| {
            e.last.host.is_some()
                && e.last.finding.verdict != Verdict::Unreachable
                && (blind || e.last.finding.verdict.is_decided())
                && endpoint.last_decided.is_none_or(|at| e.last.moment > at)
        })
    }

    fn own_class(&self, endpoint: &Endpoint<'e>, said: &Standing<'e>) -> Class {
        let verdict = self.standing_look(endpoint).finding.verdict;
        let left = self.has_left(endpoint);
        if self.gone_by_word(endpoint, said).is_some() {
            return Class::Left;
        }
        match verdict {
            Verdict::Vulnerable => Class::Bad,
            _ if left && (verdict.is_clean() || endpoint.last_bad.is_none()) => Class::Left,
            Verdict::NotVulnerable | Verdict::NotApplicable => Class::Clean,
            Verdict::Inconclusive | Verdict::Unreachable | Verdict::Skipped => Class::Unknown,
        }
    }

    /// All endpoints taken together.
    pub(super) fn picture(&self, index: &Index<'e>, said: &Standing<'e>) -> Picture {
        let mut picture = Picture::default();
        for endpoint in &self.endpoints {
            picture.add(self.class(endpoint, said), self.standing_look(endpoint));
        }
        for look in self.nameless() {
            picture.add(Class::Unknown, look);
        }
        let needed = index.policy.decommission_sweeps.max(1);
        // Every endpoint left by a person's word is the same as the whole service said to be gone.
        let all_left = picture.left > 0 && picture.bad + picture.clean + picture.unknown == 0;
        picture.gone = (all_left || said.gone().is_some()) && self.silent_sweeps >= needed;
        picture
    }

    /// When an address was first looked at, from anywhere.
    pub(super) fn address_first(&self, address: Option<IpAddr>) -> Option<Moment> {
        self.by_address.get(&address?).copied()
    }

    /// In how many sweeps the least often confirmed address was clean since its last bad look.
    pub(super) fn clean_sweeps(&self, said: &Standing<'e>) -> u32 {
        self.fewest(said, |e| e.clean_sweeps)
    }

    /// In how many sweeps the least often confirmed address served only safe keys.
    pub(super) fn safe_sweeps(&self, said: &Standing<'e>) -> u32 {
        self.fewest(said, |e| e.safe_sweeps)
    }

    /// Sweeps by address, all vantages together: a sweep has one vantage, so they never overlap.
    fn fewest(&self, said: &Standing<'e>, sweeps: impl Fn(&Endpoint<'e>) -> u32) -> u32 {
        let mut by_address: BTreeMap<Option<IpAddr>, u32> = BTreeMap::new();
        for endpoint in self.endpoints.iter().filter(|e| self.class(e, said) != Class::Left) {
            *by_address.entry(endpoint.address).or_default() += sweeps(endpoint);
        }
        by_address.into_values().min().unwrap_or(0)
    }
}

impl<'e> Endpoint<'e> {
    fn take(&mut self, index: &'e Index<'e>, look: &'e Look<'e>) {
        self.last = look;
        if look.answered() {
            self.last_answer = Some(look.moment);
        }
        if look.finding.verdict.is_decided() {
            self.last_decided = Some(look.moment);
        }
        let disk = look.host.and_then(|host| host.disk.as_ref());
        if disk.is_some_and(|found| found.verdict.is_clean()) {
            self.fixed_since.get_or_insert(look.moment);
        } else {
            self.fixed_since = None;
        }
        if look.finding.verdict == Verdict::Vulnerable {
            self.last_bad = Some(look.moment);
            self.first_bad_keys.get_or_insert(index.keys(look));
        } else if look.finding.verdict.is_clean() {
            self.clean_since.get_or_insert(look.moment);
            if self.clean_sweep != look.moment.sweep || self.clean_sweeps == 0 {
                self.clean_sweeps += 1;
            }
            self.clean_sweep = look.moment.sweep;
        }
        if look.seen.other_keys.is_some() {
            self.others = index.other_keys(look);
        }
        if !index.keys(look).is_empty() {
            self.key_look = Some(look);
        }
    }

    /// Counts the sweeps in which nothing but safe keys was served.
    fn weigh(&mut self, index: &Index<'e>, keys: &Keys<'e>, last_bad: Option<Moment>, look: &Look<'e>) {
        if index.keys(look).is_empty() {
            return;
        }
        let forever = Moment::end_of(NONE);
        let safe = self.served(index).all(|key| {
            keys.at_risk_from(index, key, forever).is_none() && is_after(keys.first_seen(key), last_bad)
        });
        if !safe {
            self.safe_since = None;
            self.safe_sweeps = 0;
            return;
        }
        self.safe_since.get_or_insert(look.moment);
        if self.safe_sweep != look.moment.sweep || self.safe_sweeps == 0 {
            self.safe_sweeps += 1;
        }
        self.safe_sweep = look.moment.sweep;
    }

    /// The keys that it serves: those of the last look that saw any, and other keys from before where
    /// that look did not ask for them. A key can come twice.
    pub(super) fn served<'a>(&'a self, index: &'a Index<'e>) -> impl Iterator<Item = u32> + 'a {
        let main = self.key_look.map_or(&[][..], |look| index.keys(look));
        let known = self.key_look.is_some_and(|l| l.seen.other_keys.is_none());
        let before = if known { self.others } else { &[] };
        main.iter().chain(before).copied()
    }

    /// Since when it serves only safe keys; where later evidence says otherwise, since its last look.
    pub(super) fn safe_from(&self) -> Option<Moment> {
        self.safe_since.or_else(|| self.key_look.map(|l| l.moment))
    }

    /// Whether a key took the place of one that was served at the first bad look.
    pub(super) fn replaced_by(&self, index: &Index<'e>, key: u32) -> bool {
        let Some(first) = self.first_bad_keys else {
            return false;
        };
        !first.contains(&key) && first.iter().any(|old| !self.served(index).any(|k| k == *old))
    }
}

/// Whether a moment is after a limit; any is where there is no limit.
pub(super) fn is_after(moment: Option<Moment>, limit: Option<Moment>) -> bool {
    limit.is_none_or(|limit| moment.is_some_and(|m| m > limit))
}

/// Runs through a service's history in order, and calls `visit` after each sweep that looked at it and
/// after each claim, with the moment of that evidence.
pub(super) fn replay<'e>(
    index: &'e Index<'e>,
    keys: &Keys<'e>,
    service: usize,
    mut visit: impl FnMut(&Track<'e>, &Standing<'e>, Moment),
) -> (Track<'e>, Standing<'e>) {
    let mut track = Track::new();
    let mut said = Standing::default();
    let mut words = words(index, service).into_iter().peekable();
    let mut rest: &'e [Look<'e>] = index.service_looks(service);
    while let Some(sweep) = rest.first().map(|l| l.moment.sweep) {
        while let Some((moment, word)) = words.next_if(|(moment, _)| moment.sweep < sweep) {
            track.hear(index, &mut said, word, moment);
            visit(&track, &said, moment);
        }
        let end = rest.partition_point(|l| l.moment.sweep == sweep);
        let (looks, later) = rest.split_at_checked(end).unwrap_or((rest, &[]));
        track.sweep(index, keys, looks, &said);
        if let Some(last) = looks.last() {
            visit(&track, &said, last.moment);
        }
        rest = later;
    }
    for (moment, word) in words {
        track.hear(index, &mut said, word, moment);
        visit(&track, &said, moment);
    }
    (track, said)
}

/// Whether a look that found the name without an address stands for an endpoint: the same sweep has not looked there.
fn stands_for(nameless: &Look<'_>, endpoint: &Endpoint<'_>) -> bool {
    nameless.moment.sweep > endpoint.last.moment.sweep
}

/// The claims about a service, and the moments of those about its secrets and of what the network showed of them, in
/// order.
fn words<'e>(index: &Index<'e>, service: usize) -> Vec<(Moment, Option<Said<'e>>)> {
    let own = index.claims.get(service).into_iter().flatten();
    let secrets = index.secrets_of.get(service).into_iter().flatten();
    let about = secrets.clone().filter_map(|secret| index.secret_claims.get(*secret as usize)).flatten();
    let checks = secrets.filter_map(|secret| index.checks_of.get(*secret as usize)).flatten();
    let about = about.map(|said| said.moment).chain(checks.map(|(moment, _)| *moment));
    let mut all: Vec<_> =
        own.map(|said| (said.moment, Some(*said))).chain(about.map(|moment| (moment, None))).collect();
    all.sort_by_key(|(moment, _)| *moment);
    all
}

/// How much is known of a certificate: an earlier release kept less of the same one, and a chain that came short names
/// no issuer.
pub(super) fn richness(certificate: &Certificate) -> u8 {
    let details = certificate.details.as_ref();
    u8::from(details.is_some()) + u8::from(details.is_some_and(|d| d.issuer.is_some()))
}
