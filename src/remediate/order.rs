//! Working order. Edges between lines become a sequence in which nothing stands before what it waits
//! for; who waits is marked blocked.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    draft::{Draft, Drafts},
    fleet::{Fleet, lets_go_on, vulnerable},
    words::{tick, ticks},
};
use crate::model::{
    checklist::{Line, LineState},
    ids::RowId,
    secret::Tier,
    service::{Exposure, Service},
};

/// Adds the edges between types, marks blocked lines and puts everything in working order.
pub(super) fn arrange(fleet: &Fleet<'_>, mut drafts: Drafts) -> Vec<Line> {
    number_twins(&mut drafts.all);
    add_type_edges(fleet, &mut drafts);
    mark_blocked(&mut drafts.all);
    let sequence = sequence(&drafts.all, |line| key(fleet, line));
    let mut lines: Vec<Option<Line>> = drafts.all.into_iter().map(|d| Some(d.line)).collect();
    sequence.into_iter().filter_map(|i| lines.get_mut(i)?.take()).collect()
}

/// Ids are made of ids that people gave; two that come out the same would merge two debts.
fn number_twins(all: &mut [Draft]) {
    let mut seen: BTreeSet<String> = BTreeSet::new();
    for draft in all {
        let base = draft.line.id.clone();
        let mut n = 2;
        while !seen.insert(draft.line.id.clone()) {
            draft.line.id = format!("{base}#{n}");
            n += 1;
        }
    }
}

/// Edges that the secret table asks for, people after everything else, proof at the very end; each
/// only between lines about the same service, and never to a later tier.
fn add_type_edges(fleet: &Fleet<'_>, drafts: &mut Drafts) {
    let by_row = drafts.by_row();
    let mut edges: Vec<(usize, BTreeSet<usize>)> = Vec::new();
    for (i, draft) in drafts.all.iter().enumerate() {
        let line = &draft.line;
        let after = &fleet.types.secret_type(&line.code).after;
        let everything = matches!(line.tier, Tier::E | Tier::F);
        if after.is_empty() && !everything {
            continue;
        }
        let mut first = BTreeSet::new();
        for j in line.services.iter().filter_map(|row| by_row.get(row)).flatten().copied() {
            let Some(other) = drafts.all.get(j).map(|d| &d.line) else {
                continue;
            };
            let asked = after.contains(&other.code) && other.tier <= line.tier;
            if j != i && (asked || (everything && other.tier < line.tier)) {
                first.insert(j);
            }
        }
        edges.push((i, first));
    }
    for (i, first) in edges {
        if let Some(draft) = drafts.all.get_mut(i) {
            draft.blockers.extend(first);
        }
    }
}

/// A line that is open waits while anything before it is neither settled nor seen done.
fn mark_blocked(all: &mut [Draft]) {
    let texts: Vec<Vec<String>> = all.iter().map(|draft| waits(all, draft)).collect();
    let ids: Vec<String> = all.iter().map(|d| d.line.id.clone()).collect();
    for (draft, text) in all.iter_mut().zip(texts) {
        draft.line.blocked_by = draft.blockers.iter().filter_map(|i| ids.get(*i)).cloned().collect();
        draft.line.blocked_by_text = text;
        if draft.line.state == LineState::Open && !draft.line.blocked_by_text.is_empty() {
            draft.line.state = LineState::Blocked;
        }
    }
}

/// What a line still waits for, for people: only what nothing else on the list waits for in turn, one
/// entry for all services that need the same, with the owner where that is somebody else.
fn waits(all: &[Draft], draft: &Draft) -> Vec<String> {
    if lets_go_on(draft.line.state) {
        return Vec::new();
    }
    // A key that may stay by a waiver is still served: revoking its certificates would be an outage.
    let served = |first: &Line| draft.line.code == "B1r" && first.state == LineState::Waived;
    let open = |i: &usize| all.get(*i).is_some_and(|d| !lets_go_on(d.line.state) || served(&d.line));
    let waiting: BTreeSet<usize> = draft.blockers.iter().copied().filter(open).collect();
    let implied = implied(all, &waiting);
    let mut shown: Vec<usize> = waiting.difference(&implied).copied().collect();
    if shown.is_empty() {
        shown.extend(&waiting); // a circle: everything implies everything
    }
    let mut groups: Vec<(String, Vec<String>, String)> = Vec::new();
    let mut places: BTreeMap<(String, String), usize> = BTreeMap::new();
    for first in shown.into_iter().filter_map(|i| all.get(i)).map(|d| &d.line) {
        let what = format!("{} {}", first.code, first.title);
        let owner = first.owner.as_ref().filter(|o| draft.line.owner.as_ref() != Some(*o));
        let whose = owner.map_or(String::new(), |o| format!(" ({})", tick(o)));
        let place = *places.entry((what.clone(), whose.clone())).or_insert_with(|| {
            groups.push((what, Vec::new(), whose));
            groups.len() - 1
        });
        if let Some((_, names, _)) = groups.get_mut(place) {
            names.extend(concerned(first, &draft.line));
        }
    }
    groups.into_iter().map(|(what, names, whose)| format!("{what}: {}{whose}", ticks(&names))).collect()
}

/// Those lines that another of them waits for. Both ways give the same; the shorter is taken, since a
/// key on thousands of services makes either one long.
fn implied(all: &[Draft], waiting: &BTreeSet<usize>) -> BTreeSet<usize> {
    let drafts = || waiting.iter().filter_map(|i| all.get(*i));
    let edges: usize = drafts().map(|d| d.blockers.len()).sum();
    if edges < waiting.len().saturating_mul(waiting.len()) {
        drafts().flat_map(|d| &d.blockers).copied().filter(|i| waiting.contains(i)).collect()
    } else {
        waiting.iter().copied().filter(|i| drafts().any(|d| d.blockers.contains(i))).collect()
    }
}

/// What a waiting line calls one that comes first: its secret, or its services; of a question that
/// several share, only those that matter here.
fn concerned(first: &Line, waiting: &Line) -> Vec<String> {
    if let Some(secret) = first.secret.as_ref().filter(|s| **s != first.id) {
        return vec![secret.clone()];
    }
    if first.code != "A0" {
        return first.service_names.clone();
    }
    let named = first.services.iter().zip(&first.service_names);
    named.filter(|(row, _)| waiting.services.contains(row)).map(|(_, name)| name.clone()).collect()
}

/// Tier, urgency, exposure, owner (none last), name, port, code, id.
type Key = (Tier, Urgency, Exposure, bool, Option<String>, Option<String>, Option<u16>, String, String);

/// What of tier A comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Urgency {
    /// It leaks now. Every line of another tier counts alike.
    Leaks,
    /// Nobody knows whether it does.
    Unknown,
    /// It was seen closed; what is missing is a record or another look.
    Closed,
}

fn urgency(fleet: &Fleet<'_>, line: &Line) -> Urgency {
    let leaks = || line.services.iter().filter_map(|row| fleet.assessment_of(row)).any(vulnerable);
    match line.tier {
        Tier::A if line.code == "A0" || (line.code == "A0c" && !leaks()) => Urgency::Unknown,
        Tier::A if !leaks() => Urgency::Closed,
        _ => Urgency::Leaks,
    }
}

fn key(fleet: &Fleet<'_>, line: &Line) -> Key {
    let first = line.services.first();
    let service = first.and_then(|row: &RowId| fleet.service(row));
    let exposure = || line.services.iter().filter_map(|row| fleet.service(row)).map(Service::exposure).min();
    let exposure = if line.tier == Tier::A { exposure() } else { None };
    (
        line.tier,
        urgency(fleet, line),
        exposure.unwrap_or(Exposure::Public),
        line.owner.is_none(),
        line.owner.clone(),
        service.map(Service::display_name),
        service.map(|s| s.port),
        line.code.clone(),
        line.id.clone(),
    )
}

/// Topological order that always takes the smallest key whose blockers are placed. Should there be a
/// circle, the smallest line in it is taken all the same: a line may never be lost.
fn sequence(all: &[Draft], key: impl Fn(&Line) -> Key) -> Vec<usize> {
    let keys: Vec<Key> = all.iter().map(|d| key(&d.line)).collect();
    let mut missing: Vec<usize> = all.iter().map(|d| d.blockers.len()).collect();
    let mut waiters: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (i, draft) in all.iter().enumerate() {
        for blocker in &draft.blockers {
            waiters.entry(*blocker).or_default().push(i);
        }
    }
    let mut waiting: BTreeSet<(&Key, usize)> = keys.iter().zip(0..).collect();
    let mut ready: BTreeSet<(&Key, usize)> =
        waiting.iter().filter(|(_, i)| missing.get(*i) == Some(&0)).copied().collect();
    let mut out = Vec::with_capacity(all.len());
    while let Some(next) = ready.pop_first().or_else(|| waiting.first().copied()) {
        if !waiting.remove(&next) {
            continue;
        }
        out.push(next.1);
        for waiter in waiters.remove(&next.1).unwrap_or_default() {
            let (Some(left), Some(key)) = (missing.get_mut(waiter), keys.get(waiter)) else {
                continue;
            };
            *left = left.saturating_sub(1);
            if *left == 0 {
                ready.insert((key, waiter));
            }
        }
    }
    out
}
