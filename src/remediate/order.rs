//! Working order. Edges between lines become a sequence in which nothing stands before what it waits
//! for; who waits is marked blocked.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    draft::{Draft, Drafts},
    fleet::{Fleet, settled},
    words::{tick, ticks},
};
use crate::model::{
    checklist::{Line, LineState},
    ids::RowId,
    secret::Tier,
    service::Service,
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

/// A line that is open waits while anything before it is not settled.
fn mark_blocked(all: &mut [Draft]) {
    let known: Vec<(String, String, bool)> =
        all.iter().map(|d| (d.line.id.clone(), named(&d.line), settled(d.line.state))).collect();
    for draft in all {
        let first: Vec<&(String, String, bool)> =
            draft.blockers.iter().filter_map(|i| known.get(*i)).collect();
        draft.line.blocked_by = first.iter().map(|(id, ..)| id.clone()).collect();
        let waiting = first.iter().filter(|(.., done)| !done).map(|(_, text, _)| text.clone());
        draft.line.blocked_by_text = waiting.collect();
        if draft.line.state == LineState::Open && !draft.line.blocked_by_text.is_empty() {
            draft.line.state = LineState::Blocked;
        }
    }
}

fn named(line: &Line) -> String {
    match &line.secret {
        Some(secret) => format!("{} {}: {}", line.code, line.title, tick(secret)),
        None => format!("{} {}: {}", line.code, line.title, ticks(&line.service_names)),
    }
}

/// Tier, owner (none last), name, port, code, id.
type Key = (Tier, bool, Option<String>, Option<String>, Option<u16>, String, String);

fn key(fleet: &Fleet<'_>, line: &Line) -> Key {
    let first = line.services.first();
    let service = first.and_then(|row: &RowId| fleet.service(row));
    (
        line.tier,
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
