//! From what became of every source to one answer: anyone, some, nobody, or not told.

use std::{fmt::Write as _, net::IpAddr};

use super::{
    network::Net,
    packet::{Out, Packet},
    rules::{Hook, Ruleset},
    space::{Family, Spans, number},
    view::{Class, View},
    walk::{Count, Ends, Flow, Walk, nothing},
};
use crate::model::host::{OpenTo, Protocol, Reach};

/// Own addresses that are tried for a socket that is bound to all of them.
const ADDRESSES: usize = 32;

/// Sources that are listed.
const SOURCES: usize = 60;

/// Work for one question: some hundred thousand rules.
pub(super) const WORK: u64 = 3_000_000;

/// The rule sets of one family and what is known around them.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    pub(super) sets: &'a [Ruleset],
    pub(super) view: &'a View,
    pub(super) net: &'a Net,
    /// Why there may be rules that were not seen.
    pub(super) unseen: Option<&'a str>,
}

/// An answer, with what decided.
pub(super) fn answer(reach: Reach, from: Vec<String>, because: impl Into<String>) -> OpenTo {
    OpenTo { reach, from, because: because.into() }
}

/// A new connection to a port, at one address or (`None`) at any address of the host.
pub(super) fn ask(
    scene: Scene<'_>,
    protocol: Protocol,
    address: Option<IpAddr>,
    port: u16,
    published: bool,
    budget: &mut u64,
) -> OpenTo {
    let view = scene.view;
    if let Some(set) = scene.sets.iter().find(|set| set.partial && concerns(set, view.family)) {
        let what = set.errors.first().map_or("rules are missing", String::as_str);
        return answer(Reach::Unknown, Vec::new(), format!("{} was not read as a whole: {what}", set.source));
    }
    if view.too_many {
        return answer(Reach::Unknown, Vec::new(), "the rules name more interfaces than are told apart");
    }
    let addresses: Vec<Option<u128>> = match address {
        None if view.asks_address => {
            let own = scene.net.addresses.iter().filter(|own| Family::of(**own) == view.family);
            own.take(ADDRESSES).map(|own| Some(number(*own))).collect()
        }
        one => vec![one.map(number)],
    };
    let addresses = if addresses.is_empty() { vec![None] } else { addresses };
    let entries = if published { Vec::new() } else { view.entries(scene.sets, port) };
    let mut sum = Sum::new(view);
    for dest in addresses {
        for entry in std::iter::once(port).chain(entries.iter().copied()) {
            let packet = Packet {
                protocol,
                dest,
                local: true,
                port: Some(entry),
                source_port: None,
                established: false,
                translated: false,
                out: Out::Nowhere,
            };
            let count = match (published, entry == port) {
                (true, _) => Count::Translated,
                (false, true) => Count::All,
                (false, false) => Count::Own(port),
            };
            let walk = Walk::new(scene.sets, view, scene.net, packet, budget);
            match walk.inbound(outside(view), count) {
                Ok(ends) => sum.add(view, ends),
                Err(_) => {
                    return answer(
                        Reach::Unknown,
                        Vec::new(),
                        "more rules, or rules more tangled, than are followed",
                    );
                }
            }
        }
    }
    conclude(scene, &sum)
}

fn concerns(set: &Ruleset, family: Family) -> bool {
    // A text that broke off may have lost whole tables.
    set.tables.is_empty() || set.tables.iter().any(|table| table.sees(family)) || set.source == "nft"
}

/// Every source that can come from outside, by every interface.
pub(super) fn outside(view: &View) -> Flow {
    let mut all = Spans::whole(view.family);
    all.split(&[loopback(view.family)], false);
    vec![all; view.classes.len()]
}

/// Sources that cannot come from outside.
const fn loopback(family: Family) -> (u128, u128) {
    match family {
        Family::V4 => (0x7f00_0000, 0x7fff_ffff),
        Family::V6 => (1, 1),
    }
}

/// What all ways to a port came to.
struct Sum {
    sure: Flow,
    unknown: Flow,
    accepted_by: Option<String>,
    dropped_by: Option<String>,
    doubt: Option<String>,
}

impl Sum {
    fn new(view: &View) -> Self {
        Self { sure: nothing(view), unknown: nothing(view), accepted_by: None, dropped_by: None, doubt: None }
    }

    /// Adds a way: it is open where any way is.
    fn add(&mut self, view: &View, ends: Ends<'_>) {
        let Ends { accepted, dropped, unsure, .. } = ends;
        let mut any = false;
        for (index, _) in view.classes.iter().enumerate() {
            let (Some(accepted), Some(dropped), Some(unsure)) =
                (accepted.get(index), dropped.get(index), unsure.get(index))
            else {
                continue;
            };
            let mut unknown = accepted.both(dropped);
            unknown.join(unsure.clone());
            let sure = accepted.minus(&unknown);
            any |= !sure.is_empty();
            if self.doubt.is_none() && !unknown.is_empty() {
                let meets = |flow: &Flow| flow.get(index).is_some_and(|s| !s.both(&unknown).is_empty());
                let doubt = ends.doubts.iter().find(|(_, flow)| meets(flow)).or(ends.doubts.first());
                self.doubt = doubt.map(|(at, _)| at.text("unknown"));
            }
            if let Some(own) = self.sure.get_mut(index) {
                own.join(sure);
            }
            if let Some(own) = self.unknown.get_mut(index) {
                own.join(unknown);
            }
        }
        if any && self.accepted_by.is_none() {
            self.accepted_by = ends.accepted_by.map(|at| at.text("ACCEPT"));
        }
        if self.dropped_by.is_none() {
            self.dropped_by = ends.dropped_by.map(|at| at.text("DROP"));
        }
    }
}

fn conclude(scene: Scene<'_>, sum: &Sum) -> OpenTo {
    let view = scene.view;
    let classes: Vec<Seen<'_>> = view
        .classes
        .iter()
        .zip(&sum.sure)
        .zip(&sum.unknown)
        .map(|((class, sure), unknown)| Seen { class, sure, unknown })
        .collect();
    let outer: Vec<&Seen<'_>> = classes.iter().filter(|seen| !seen.class.is_internal()).collect();
    let anyone = outer.iter().all(|seen| most(seen.sure, view.family));
    let open = classes.iter().any(|seen| !seen.sure.is_empty());
    let untold = outer.iter().any(|seen| !seen.unknown.minus(seen.sure).is_empty())
        || (outer.iter().all(|seen| seen.sure.is_empty())
            && classes.iter().any(|seen| !seen.unknown.minus(seen.sure).is_empty()));
    let accepted_by = sum.accepted_by.clone().unwrap_or_else(|| {
        if in_force(scene.sets, view) { "no rule keeps it out" } else { "no packet filter is in force" }
            .to_owned()
    });
    if !anyone && untold {
        let doubt = sum.doubt.as_deref().unwrap_or("a rule");
        return answer(Reach::Unknown, Vec::new(), format!("not understood, and it could decide: {doubt}"));
    }
    if let (Some(unseen), true) = (scene.unseen, open) {
        return answer(Reach::Unknown, Vec::new(), format!("{unseen}; of what was seen: {accepted_by}"));
    }
    if anyone {
        let except = exceptions(&outer, view);
        return answer(Reach::Anyone, Vec::new(), format!("{accepted_by}{except}"));
    }
    if open {
        return answer(Reach::Some, sources(&classes, view.family), accepted_by);
    }
    answer(Reach::Nobody, Vec::new(), sum.dropped_by.clone().unwrap_or_default())
}

/// Whether any rule or policy stands in the way of what comes in.
pub(super) fn in_force(sets: &[Ruleset], view: &View) -> bool {
    [Hook::Ingress, Hook::Prerouting, Hook::Input, Hook::Forward].iter().any(|hook| {
        view.bases(sets, *hook).iter().any(|based| based.base.drops || !based.chain.rules.is_empty())
    })
}

/// A class of interfaces and what it may.
struct Seen<'a> {
    class: &'a Class,
    sure: &'a Spans,
    unknown: &'a Spans,
}

/// Whether these are most of all addresses that there are.
fn most(sources: &Spans, family: Family) -> bool {
    match family {
        Family::V4 => sources.size() > 1 << 31,
        // What is given out of IPv6 lies in 2000::/3.
        Family::V6 => sources.both(&Spans::of(&[(0x2 << 124, (0x4 << 124) - 1)])).size() > 1 << 124,
    }
}

/// Who is not among anyone, or may not be, as the end of a sentence.
fn exceptions(outer: &[&Seen<'_>], view: &View) -> String {
    let (mut kept_out, mut untold) = (Spans::default(), Spans::default());
    for (seen, all) in outer.iter().zip(outside(view)) {
        let rest = all.minus(seen.sure);
        untold.join(rest.both(seen.unknown));
        kept_out.join(rest.minus(seen.unknown));
    }
    let mut text = String::new();
    for (words, sources) in [("not open to", kept_out), ("not told for", untold)] {
        let (networks, whole) = sources.networks(view.family, 5);
        if !networks.is_empty() {
            let more = if whole { "" } else { ", …" };
            let _ = write!(text, "; {words} {}{more}", networks.join(", "));
        }
    }
    text
}

/// The sources that are let in.
fn sources(classes: &[Seen<'_>], family: Family) -> Vec<String> {
    let mut found = Vec::new();
    let outer: Vec<&Seen<'_>> = classes.iter().filter(|seen| !seen.class.is_internal()).collect();
    let same = outer.iter().all(|seen| outer.first().is_none_or(|first| first.sure == seen.sure));
    if let (true, Some(first)) = (same, outer.first()) {
        found.extend(first.sure.networks(family, SOURCES).0);
    }
    let rest = classes.iter().find(|seen| *seen.class == Class::Other).map(|seen| seen.sure);
    for seen in classes {
        let told = *seen.class != Class::Other && rest == Some(seen.sure);
        if seen.sure.is_empty() || told || (same && outer.first().is_some_and(|one| one.sure == seen.sure)) {
            continue;
        }
        let label = label(classes, seen);
        if most(seen.sure, family) {
            let mut all = Spans::whole(family);
            all.split(&[loopback(family)], false);
            let (but, whole) = all.minus(seen.sure).networks(family, 5);
            let more = if whole { "" } else { ", …" };
            found.push(if but.is_empty() {
                label
            } else {
                format!("{label} but not {}{more}", but.join(", "))
            });
        } else {
            let networks = seen.sure.networks(family, SOURCES).0;
            found.extend(networks.into_iter().map(|net| format!("{net} {label}")));
        }
    }
    if found.len() > SOURCES {
        found.truncate(SOURCES);
        found.push("…".to_owned());
    }
    found
}

/// A class of interfaces in words: by its name or its beginning, without those that are treated in another way.
fn label(classes: &[Seen<'_>], seen: &Seen<'_>) -> String {
    let within = |name: &str| match seen.class {
        Class::Named(_) => false,
        Class::Begins(prefix) => name.starts_with(prefix.as_str()),
        Class::Other => true,
    };
    let names: Vec<String> = classes
        .iter()
        .filter(|other| other.sure != seen.sure)
        .filter_map(|other| match other.class {
            Class::Named(name) if within(name) => Some(name.clone()),
            Class::Begins(prefix) if within(prefix) => Some(format!("{prefix}*")),
            _ => None,
        })
        .take(8)
        .collect();
    let but = if names.is_empty() { String::new() } else { format!(" other than {}", names.join(", ")) };
    match seen.class {
        Class::Named(name) => format!("iface {name}"),
        Class::Begins(prefix) => format!("iface {prefix}*{but}"),
        Class::Other if but.is_empty() => "any iface".to_owned(),
        Class::Other => format!("iface{but}"),
    }
}
