//! Follows one connection through the rules for all sources at once. Where a rule's match is not known, both
//! ways are followed: a source is decided only where all ways end alike.

use super::{
    network::Net,
    packet::{Out, Packet, Seen},
    rules::{Fit, Hook, Rule, Ruleset, Test, Verdict},
    space::Spans,
    view::{At, Based, View},
};

/// Chains within chains. The kernel itself ends at 16 (nft).
const DEPTH: usize = 48;

/// Destinations that one connection may be translated to.
const WAYS: usize = 64;

/// Rules that may or may not match and are remembered.
const REMEMBERED: usize = 64;

/// More work than a question is worth.
#[derive(Clone, Copy, Debug)]
pub(super) struct TooMuch;

/// Sources by class of interface.
pub(super) type Flow = Vec<Spans>;

/// Which ends of a connection count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Count {
    All,
    /// At this port of the host itself.
    Own(u16),
    /// Where its destination was translated to.
    Translated,
}

/// What became of a connection, by source.
#[derive(Debug)]
pub(super) struct Ends<'a> {
    pub(super) accepted: Flow,
    pub(super) dropped: Flow,
    pub(super) unsure: Flow,
    /// The rule or policy that let most sources in, or kept most out.
    pub(super) accepted_by: Option<At<'a>>,
    pub(super) dropped_by: Option<At<'a>>,
    /// What may or may not match.
    pub(super) doubts: Vec<(At<'a>, Flow)>,
}

/// One walk.
pub(super) struct Walk<'a, 'b> {
    pub(super) sets: &'a [Ruleset],
    pub(super) view: &'a View,
    pub(super) net: &'a Net,
    /// Work that is left.
    pub(super) budget: &'b mut u64,
    packet: Packet,
    seen: Seen,
    /// In the chains that decide in the end: what they accept is what is told.
    deciding: bool,
    unsure: Flow,
    doubts: Vec<(At<'a>, Flow)>,
    accepted_by: Option<(bool, u128, At<'a>)>,
    dropped_by: Option<(u128, At<'a>)>,
}

/// What a chain did.
struct Outcome {
    accepted: Flow,
    dropped: Flow,
    translated: Vec<(Verdict, Flow)>,
    returned: Flow,
    /// Goes on with the rule after the one that had this effect.
    onward: Flow,
}

impl<'a, 'b> Walk<'a, 'b> {
    pub(super) fn new(
        sets: &'a [Ruleset],
        view: &'a View,
        net: &'a Net,
        packet: Packet,
        budget: &'b mut u64,
    ) -> Self {
        let unsure = nothing(view);
        Self {
            sets,
            view,
            net,
            budget,
            packet,
            seen: Seen::default(),
            deciding: false,
            unsure,
            doubts: Vec::new(),
            accepted_by: None,
            dropped_by: None,
        }
    }

    /// From the wire to the process, or to the container; of all ends those that count.
    pub(super) fn inbound(mut self, from: Flow, count: Count) -> Result<Ends<'a>, TooMuch> {
        let mut dropped = nothing(self.view);
        let flow = self.filter(Hook::Ingress, from, &mut dropped)?;
        let mut ways = vec![(self.packet.clone(), flow)];
        for base in self.view.bases(self.sets, Hook::Prerouting) {
            let mut next = Vec::new();
            for (packet, flow) in ways {
                self.packet = packet.clone();
                if !base.base.nat {
                    let flow = self.base(base, flow, &mut dropped)?;
                    next.push((packet, flow));
                } else if packet.translated {
                    next.push((packet, flow));
                } else {
                    next.extend(self.translate(base, packet, flow)?);
                }
            }
            ways = next;
            if ways.len() > WAYS {
                return Err(TooMuch);
            }
        }
        let mut accepted = nothing(self.view);
        for (packet, flow) in ways {
            let counts = match count {
                Count::All => true,
                Count::Own(port) => packet.local && packet.port == Some(port),
                Count::Translated => packet.translated,
            };
            if !counts {
                continue;
            }
            let hook = if packet.local { Hook::Input } else { Hook::Forward };
            self.packet = packet;
            let through = self.filter(hook, flow, &mut dropped)?;
            join(&mut accepted, through);
        }
        Ok(self.ends(accepted, dropped))
    }

    /// Through the chains of one hook only.
    pub(super) fn at(mut self, hook: Hook, from: Flow) -> Result<Ends<'a>, TooMuch> {
        let mut dropped = nothing(self.view);
        let accepted = self.filter(hook, from, &mut dropped)?;
        Ok(self.ends(accepted, dropped))
    }

    fn ends(self, accepted: Flow, dropped: Flow) -> Ends<'a> {
        Ends {
            accepted,
            dropped,
            unsure: self.unsure,
            accepted_by: self.accepted_by.map(|(.., at)| at),
            dropped_by: self.dropped_by.map(|(_, at)| at),
            doubts: self.doubts,
        }
    }

    /// Through all filtering chains of a hook: each of them must let it through.
    fn filter(&mut self, hook: Hook, flow: Flow, dropped: &mut Flow) -> Result<Flow, TooMuch> {
        let mut flow = flow;
        self.deciding = matches!(hook, Hook::Input | Hook::Forward | Hook::Output);
        for base in self.view.bases(self.sets, hook) {
            if !base.base.nat {
                flow = self.base(base, flow, dropped)?;
            }
        }
        Ok(flow)
    }

    fn base(&mut self, base: Based<'a>, flow: Flow, dropped: &mut Flow) -> Result<Flow, TooMuch> {
        let (mut flow, mut aside) = (flow, nothing(self.view));
        if !base.base.devices.is_empty() {
            for ((class, sources), aside) in self.view.classes.iter().zip(&mut flow).zip(&mut aside) {
                let named = |device: &String| class.meets(&super::rules::Iface::Named(device.clone()));
                if !base.base.devices.iter().any(named) {
                    *aside = std::mem::take(sources);
                }
            }
        }
        // Some versions of nft do not print the devices that such a chain is bound to: it may see a packet or not.
        let unbound = base.base.hook == Hook::Ingress && base.base.devices.is_empty();
        if unbound {
            aside.clone_from(&flow);
        }
        let outcome = self.chain(base.at, flow, DEPTH)?;
        if unbound {
            self.doubt(base.at, Fit::Maybe, &outcome.dropped);
        }
        join(dropped, outcome.dropped);
        let mut through = outcome.accepted;
        if base.base.drops {
            self.note(base.at, false, &outcome.returned);
            if unbound {
                self.doubt(base.at, Fit::Maybe, &outcome.returned);
            }
            join(dropped, outcome.returned);
        } else {
            self.note(base.at, true, &outcome.returned);
            join(&mut through, outcome.returned);
        }
        join(&mut through, aside);
        Ok(through)
    }

    fn translate(
        &mut self,
        base: Based<'a>,
        packet: Packet,
        flow: Flow,
    ) -> Result<Vec<(Packet, Flow)>, TooMuch> {
        let outcome = self.chain(base.at, flow, DEPTH)?;
        let mut ways = Vec::new();
        for (verdict, flow) in outcome.translated {
            let mut to = packet.clone();
            to.translated = true;
            match verdict {
                Verdict::Redirect { port } => {
                    to.port = port.or(to.port);
                    to.dest = None;
                    to.local = true;
                }
                Verdict::Dnat { address, port } => {
                    to.port = port.or(to.port);
                    if let Some(address) = address {
                        to.dest = Some(super::space::number(address));
                        to.local = self.net.is_own(address);
                        to.out = if to.local { Out::Nowhere } else { self.net.way_to(address) };
                    }
                }
                _ => {}
            }
            ways.push((to, flow));
        }
        let mut rest = outcome.accepted;
        join(&mut rest, outcome.returned);
        if rest.iter().any(|sources| !sources.is_empty()) {
            ways.push((packet, rest));
        }
        Ok(ways)
    }

    fn chain(&mut self, at: At<'a>, flow: Flow, depth: usize) -> Result<Outcome, TooMuch> {
        let depth = depth.checked_sub(1).ok_or(TooMuch)?;
        let mut flow = flow;
        let mut all = self.outcome();
        let Some(chain) = at.table.chains.get(at.chain) else {
            all.returned = flow;
            return Ok(all);
        };
        for rule in &chain.rules {
            self.spend(1)?;
            let fit = rule
                .tests
                .iter()
                .fold(Fit::Yes, |fit, test| fit.and(self.packet.fit(test, self.view.family, self.seen)));
            if fit == Fit::No {
                continue;
            }
            let matched = self.matched(rule, &mut flow)?;
            if matched.iter().all(Spans::is_empty) {
                continue;
            }
            let at = At { rule: Some(rule), ..at };
            self.apply(at, fit, matched, &mut flow, &mut all, depth)?;
        }
        join(&mut all.returned, flow);
        Ok(all)
    }

    /// What a rule does with the sources that it may match.
    fn apply(
        &mut self,
        at: At<'a>,
        fit: Fit,
        matched: Flow,
        flow: &mut Flow,
        all: &mut Outcome,
        depth: usize,
    ) -> Result<(), TooMuch> {
        self.spend(matched.iter().map(|sources| sources.len() as u64).sum())?;
        let copy = (fit != Fit::Yes).then(|| matched.clone());
        let mut effect = self.effect(at, fit, matched, depth)?;
        if let Some(copy) = &copy {
            self.doubt(at, fit, copy);
        }
        match fit {
            Fit::Yes | Fit::No => {}
            Fit::Maybe => effect.onward = copy.unwrap_or_default(),
            Fit::Rare => {
                effect.dropped = nothing(self.view);
                effect.onward = copy.unwrap_or_default();
            }
            Fit::Common => join(&mut effect.onward, effect.dropped.clone()),
            // Who chooses, chooses what lets them in.
            Fit::Chosen => {
                effect.dropped = nothing(self.view);
                effect.onward = copy
                    .unwrap_or_default()
                    .iter()
                    .zip(&effect.accepted)
                    .map(|(all, accepted)| all.minus(accepted))
                    .collect();
            }
        }
        join(&mut all.accepted, effect.accepted);
        join(&mut all.dropped, effect.dropped);
        join(&mut all.returned, effect.returned);
        all.translated.extend(effect.translated);
        join(flow, effect.onward);
        if all.translated.len() > WAYS { Err(TooMuch) } else { Ok(()) }
    }

    fn effect(&mut self, at: At<'a>, fit: Fit, matched: Flow, depth: usize) -> Result<Outcome, TooMuch> {
        let mut effect = self.outcome();
        let verdict = at.rule.map_or(&Verdict::Continue, |rule| &rule.verdict);
        match verdict {
            Verdict::Accept => {
                self.note(at, true, &matched);
                effect.accepted = matched;
            }
            Verdict::Drop => {
                if !matches!(fit, Fit::Rare | Fit::Chosen) {
                    self.note(at, false, &matched);
                }
                effect.dropped = matched;
            }
            Verdict::Return => effect.returned = matched,
            Verdict::Continue => effect.onward = matched,
            Verdict::SetsMark => {
                self.seen.marked = true;
                effect.onward = matched;
            }
            Verdict::Untracked => {
                self.seen.untracked = true;
                effect.onward = matched;
            }
            Verdict::Dnat { .. } | Verdict::Redirect { .. } => {
                effect.translated.push((verdict.clone(), matched));
            }
            Verdict::Jump(name) | Verdict::Goto(name) => {
                let Some((name, _)) = at.table.chains.get_key_value(name) else {
                    // A target that is neither a chain nor known.
                    self.anything(at, matched);
                    return Ok(effect);
                };
                let sub = self.chain(At { chain: name, rule: None, ..at }, matched, depth)?;
                effect.accepted = sub.accepted;
                effect.dropped = sub.dropped;
                effect.translated = sub.translated;
                if matches!(verdict, Verdict::Jump(_)) {
                    effect.onward = sub.returned;
                } else {
                    effect.returned = sub.returned;
                }
            }
            Verdict::Unknown => self.anything(at, matched),
        }
        Ok(effect)
    }

    /// These sources are not decided, whatever comes after.
    fn anything(&mut self, at: At<'a>, matched: Flow) {
        self.doubt(at, Fit::Maybe, &matched);
        join(&mut self.unsure, matched);
    }

    fn doubt(&mut self, at: At<'a>, fit: Fit, matched: &Flow) {
        let small = matched.iter().map(Spans::len).sum::<usize>() < 10_000;
        if fit != Fit::Chosen && small && self.doubts.len() < REMEMBERED {
            self.doubts.push((at, matched.clone()));
        }
    }

    /// Remembers what decided the most. A rule counts before a policy.
    fn note(&mut self, at: At<'a>, accepted: bool, flow: &Flow) {
        let size = flow.iter().fold(0, |sum: u128, sources| sum.saturating_add(sources.size()));
        if size == 0 {
            return;
        }
        if accepted {
            if !self.deciding {
                return;
            }
            let by_rule = at.rule.is_some();
            // Of equals the last rule, and the first policy.
            let more = |most: (bool, u128)| (by_rule, size) > most || (by_rule && (by_rule, size) == most);
            if self.accepted_by.is_none_or(|(rule, most, _)| more((rule, most))) {
                self.accepted_by = Some((by_rule, size, at));
            }
        } else if self.dropped_by.is_none_or(|(most, _)| size > most) {
            self.dropped_by = Some((size, at));
        }
    }

    /// Takes the sources that a rule asks for out of a flow.
    fn matched(&mut self, rule: &Rule, flow: &mut Flow) -> Result<Flow, TooMuch> {
        let mut matched = nothing(self.view);
        for ((class, sources), matched) in self.view.classes.iter().zip(flow.iter_mut()).zip(&mut matched) {
            let inside = rule.tests.iter().all(|test| match test {
                Test::In { names, negated } => names.iter().any(|name| class.meets(name)) != *negated,
                _ => true,
            });
            if !inside || sources.is_empty() {
                continue;
            }
            *matched = std::mem::take(sources);
            for test in &rule.tests {
                if let Test::Source { ranges, negated, .. } = test {
                    let mut left = std::mem::take(matched);
                    *matched = left.split(ranges, *negated);
                    sources.join(left);
                    spend(self.budget, ranges.len() as u64)?;
                }
            }
            spend(self.budget, 1)?;
        }
        Ok(matched)
    }

    fn outcome(&self) -> Outcome {
        Outcome {
            accepted: nothing(self.view),
            dropped: nothing(self.view),
            translated: Vec::new(),
            returned: nothing(self.view),
            onward: nothing(self.view),
        }
    }

    fn spend(&mut self, work: u64) -> Result<(), TooMuch> {
        spend(self.budget, work)
    }
}

fn spend(budget: &mut u64, work: u64) -> Result<(), TooMuch> {
    *budget = budget.checked_sub(work).ok_or(TooMuch)?;
    Ok(())
}

/// No source in any class.
pub(super) fn nothing(view: &View) -> Flow {
    vec![Spans::default(); view.classes.len()]
}

/// Adds one flow to another.
pub(super) fn join(flow: &mut Flow, more: Flow) {
    for (sources, more) in flow.iter_mut().zip(more) {
        if !more.is_empty() {
            sources.join(more);
        }
    }
}
