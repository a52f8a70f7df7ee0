//! Waves: the lines of a checklist layered by what waits for what, so that everything in a wave may go at the same
//! time. Where a line stands and what blocks it was decided before; here is only the layering and the grouping.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{
    blast,
    fleet::{Fleet, lets_go_on, settled},
    on_hosts,
};
use crate::model::{
    checklist::{Line, LineState},
    facet::State,
    host::ActKind,
    plan::{Action, Blast, Counts, Need, Plan, Step, Wave},
    secret::Tier,
    service::TlsStack,
};

/// The plan of the whole fleet from all lines of its checklist.
pub(super) fn plan(fleet: &Fleet<'_>, lines: Vec<Line>) -> Plan {
    let counts = counts(fleet, &lines);
    let open: Vec<Line> = lines.into_iter().filter(|line| !lets_go_on(line.state)).collect();
    let first = open_blockers(&open);
    let held = held(&open, &first);
    let waves = layer(&first, &held);
    let blocks = turned(&first);
    let steps: Vec<Step> = open
        .into_iter()
        .enumerate()
        .map(|(i, line)| Step {
            wave: waves.get(i).copied().flatten(),
            unit: unit(fleet, &line),
            waits: nearest(&first, i),
            blocks: blocks.get(i).cloned().unwrap_or_default(),
            line,
        })
        .collect();
    let blasts = blast::blasts(fleet, &steps, &first);
    let all: Vec<usize> = (0..steps.len()).collect();
    let (waves, held) = grouped(&steps, &all);
    Plan { steps, waves, held, blasts, counts }
}

/// The same plan with only those steps and keys in its waves that are wanted. The steps stay, since the wanted ones
/// wait for others.
pub fn narrowed(plan: Plan, step: impl Fn(&Step) -> bool, key: impl Fn(&Blast) -> bool) -> Plan {
    let wanted: Vec<usize> = plan.steps.iter().enumerate().filter(|(_, s)| step(s)).map(|(i, _)| i).collect();
    let (waves, held) = grouped(&plan.steps, &wanted);
    let blasts = plan.blasts.into_iter().filter(|blast| key(blast)).collect();
    Plan { waves, held, blasts, ..plan }
}

fn counts(fleet: &Fleet<'_>, lines: &[Line]) -> Counts {
    let services = &fleet.assessment.services;
    Counts {
        lines: lines.len(),
        settled: lines.iter().filter(|line| settled(line.state)).count(),
        seen: lines.iter().filter(|line| line.state == LineState::Seen).count(),
        services: services.len(),
        nothing_owed: services.iter().filter(|s| s.state.is_finished()).count(),
        unknown: services.iter().filter(|s| s.state == State::Unknown).count(),
    }
}

/// For each line the positions of those that it waits for and that are open themselves: one that is settled, or was
/// seen done, holds up nothing.
fn open_blockers(open: &[Line]) -> Vec<BTreeSet<usize>> {
    let places: BTreeMap<&str, usize> = open.iter().map(|line| line.id.as_str()).zip(0..).collect();
    let of = |(i, line): (usize, &Line)| {
        let ids = line.blocked_by.iter().filter_map(|id| places.get(id.as_str()).copied());
        ids.filter(|j| *j != i).collect()
    };
    open.iter().enumerate().map(of).collect()
}

/// Who waits for whom, the other way round.
fn turned(first: &[BTreeSet<usize>]) -> Vec<Vec<usize>> {
    let mut out = vec![Vec::new(); first.len()];
    for (i, blockers) in first.iter().enumerate() {
        for blocker in blockers {
            if let Some(waiters) = out.get_mut(*blocker) {
                waiters.push(i);
            }
        }
    }
    out
}

/// Lines that wait although nothing open stands before them, and all that wait for these: a key that stays by a
/// waiver is still served, so its certificates are never due for revocation.
fn held(open: &[Line], first: &[BTreeSet<usize>]) -> BTreeSet<usize> {
    let waiters = turned(first);
    let stuck = |i: usize, line: &Line| {
        first.get(i).is_some_and(BTreeSet::is_empty) && !line.blocked_by_text.is_empty()
    };
    let mut out: BTreeSet<usize> = BTreeSet::new();
    let mut next: Vec<usize> =
        open.iter().enumerate().filter(|(i, l)| stuck(*i, l)).map(|(i, _)| i).collect();
    while let Some(i) = next.pop() {
        if out.insert(i) {
            next.extend(waiters.get(i).into_iter().flatten());
        }
    }
    out
}

/// The wave of each line: one more than the highest of those that it waits for, from 1. In a circle, of which there
/// should be none, the first line goes first: a line may never be lost, and this must end.
pub(super) fn layer(first: &[BTreeSet<usize>], held: &BTreeSet<usize>) -> Vec<Option<usize>> {
    let waiters = turned(first);
    let mut missing: Vec<usize> = first.iter().map(BTreeSet::len).collect();
    let mut waves: Vec<usize> = vec![1; first.len()];
    let mut placed: Vec<Option<usize>> = vec![None; first.len()];
    let free = |i: &usize| !held.contains(i);
    let mut ready: VecDeque<usize> =
        (0..first.len()).filter(free).filter(|i| missing.get(*i) == Some(&0)).collect();
    let mut rest = (0..first.len()).filter(free);
    while let Some(i) = ready.pop_front().or_else(|| rest.next()) {
        let (Some(place @ None), Some(wave)) = (placed.get_mut(i), waves.get(i).copied()) else { continue };
        *place = Some(wave);
        for waiter in waiters.get(i).into_iter().flatten() {
            let (Some(left), Some(theirs), Some(None)) =
                (missing.get_mut(*waiter), waves.get_mut(*waiter), placed.get(*waiter))
            else {
                continue;
            };
            *theirs = (*theirs).max(wave + 1);
            *left = left.saturating_sub(1);
            if *left == 0 && free(waiter) {
                ready.push_back(*waiter);
            }
        }
    }
    placed
}

/// What a line waits for without what another of these waits for in turn. Both ways give the same; the shorter is
/// taken, since a key on thousands of services makes either one long.
fn nearest(first: &[BTreeSet<usize>], i: usize) -> Vec<usize> {
    let Some(waiting) = first.get(i) else { return Vec::new() };
    let sets = || waiting.iter().filter_map(|j| first.get(*j));
    let edges: usize = sets().map(BTreeSet::len).sum();
    let implied: BTreeSet<usize> = if edges < waiting.len().saturating_mul(waiting.len()) {
        sets().flatten().copied().filter(|j| waiting.contains(j)).collect()
    } else {
        waiting.iter().copied().filter(|j| sets().any(|set| set.contains(j))).collect()
    };
    let nearest: Vec<usize> = waiting.difference(&implied).copied().collect();
    if nearest.is_empty() { waiting.iter().copied().collect() } else { nearest }
}

/// What a restart restarts, where hosts name it or its type has one name everywhere.
fn unit(fleet: &Fleet<'_>, line: &Line) -> Option<String> {
    let [row] = line.services.as_slice() else { return None };
    if line.code != "A2" {
        return None;
    }
    let judged = fleet.assessment_of(row)?;
    let exact: BTreeSet<&str> = on_hosts::acts(judged, |kind| kind == ActKind::Restart)
        .map(|(_, act)| act.unit())
        .filter(|unit| !unit.is_empty())
        .collect();
    if !exact.is_empty() {
        return Some(exact.into_iter().collect::<Vec<_>>().join(", "));
    }
    let service = fleet.service(row)?;
    if matches!(service.tls_stack(), TlsStack::Provider | TlsStack::Appliance) {
        return None;
    }
    let [debian, red_hat] = fleet.kind(service).units.as_ref()?;
    Some(if debian == red_hat { debian.clone() } else { format!("{debian} or {red_hat}") })
}

/// Waves of some of the steps, and what of them is held.
fn grouped(steps: &[Step], wanted: &[usize]) -> (Vec<Wave>, Vec<Action>) {
    let mut by_wave: BTreeMap<Option<usize>, Vec<usize>> = BTreeMap::new();
    for at in wanted {
        if let Some(step) = steps.get(*at) {
            by_wave.entry(step.wave).or_default().push(*at);
        }
    }
    let held = by_wave.remove(&None).map_or_else(Vec::new, |places| actions(steps, &places));
    let wave = |(number, places): (Option<usize>, Vec<usize>)| {
        let actions = actions(steps, &places);
        Some(Wave { number: number?, title: title(&actions), waits_for: needs(steps, &places), actions })
    };
    (by_wave.into_iter().filter_map(wave).collect(), held)
}

/// Owners with nobody last, tier, code, title, unit, state: what makes two lines the same thing to do.
type Same<'a> = (Vec<(bool, Option<&'a str>)>, Tier, &'a str, &'a str, Option<&'a str>, LineState);

/// The same thing to do by the same people as one entry, by owner and in working order.
fn actions(steps: &[Step], places: &[usize]) -> Vec<Action> {
    let mut groups: BTreeMap<Same<'_>, Vec<usize>> = BTreeMap::new();
    for (at, step) in places.iter().filter_map(|at| Some((*at, steps.get(*at)?))) {
        let mut owners: Vec<_> = step.owners().into_iter().map(|o| (o.is_none(), o)).collect();
        owners.sort_unstable();
        let line = &step.line;
        // Blocked and open say the same here: the wave tells when it can be done.
        let state = if line.state == LineState::Blocked { LineState::Open } else { line.state };
        let same = (owners, line.tier, line.code.as_str(), line.title.as_str(), step.unit.as_deref(), state);
        groups.entry(same).or_default().push(at);
    }
    groups
        .into_iter()
        .map(|((owners, tier, code, title, unit, _), steps)| Action {
            tier,
            code: code.to_owned(),
            title: title.to_owned(),
            unit: unit.map(str::to_owned),
            owners: owners.into_iter().map(|(_, owner)| owner.map(str::to_owned)).collect(),
            steps,
        })
        .collect()
}

/// What happens in a wave, in a few words.
fn title(actions: &[Action]) -> String {
    let kinds: BTreeSet<(Tier, &str)> = actions
        .iter()
        .map(|a| (a.tier, a.code.as_str()))
        .map(|(tier, code)| (tier, words(tier, code)))
        .collect();
    // By tier, and what belongs together once.
    let mut out: Vec<&str> = Vec::new();
    for (_, word) in kinds {
        if !out.contains(&word) {
            out.push(word);
        }
    }
    out.join(", ")
}

fn words(tier: Tier, code: &str) -> &'static str {
    match (tier, code) {
        (_, "A0") => "find out",
        (_, "A0c") => "settle contradictions",
        (_, "A1") => "install fixes",
        (_, "A2") => "restart",
        (_, "B1") => "new keys",
        (_, "B1r") => "revoke old certificates",
        (Tier::A, _) => "stop the leak",
        (Tier::B, _) => "other identity keys",
        (Tier::C, _) => "machine secrets",
        (Tier::D, _) => "signing and session secrets",
        (Tier::E, _) => "people's passwords",
        (Tier::F, _) => "prove it",
    }
}

/// What some steps of one wave wait for, by wave and code.
fn needs(steps: &[Step], places: &[usize]) -> Vec<Need> {
    let waits: BTreeSet<usize> =
        places.iter().filter_map(|at| steps.get(*at)).flat_map(|step| &step.waits).copied().collect();
    let mut out: BTreeMap<(usize, &str, &str), usize> = BTreeMap::new();
    for step in waits.into_iter().filter_map(|at| steps.get(at)) {
        if let Some(wave) = step.wave {
            *out.entry((wave, &step.line.code, &step.line.title)).or_default() += 1;
        }
    }
    out.into_iter()
        .map(|((wave, code, title), lines)| Need {
            wave,
            code: code.to_owned(),
            title: title.to_owned(),
            lines,
        })
        .collect()
}
