//! What all forms of the plan say in the same words: who acts, on what, after what, with which care.

use std::collections::{BTreeMap, BTreeSet};

use super::{Context, Only};
use crate::model::{
    checklist::LineState,
    ids::RowId,
    plan::{Action, Plan, Step, Wave},
};

/// Owners that a list names before it only counts.
const OWNERS: usize = 4;

/// `1 thing` or `3 things`.
pub(super) fn count(n: usize, one: &str, many: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {many}") }
}

/// An owner, or that nobody is known.
pub(super) fn owner(owner: Option<&str>) -> &str {
    owner.unwrap_or("nobody known")
}

/// Who acts, as a heading or in brackets.
pub(super) fn owners(all: &[Option<String>]) -> String {
    let mut names: Vec<String> = all.iter().take(OWNERS).map(|o| owner(o.as_deref()).to_owned()).collect();
    let more = all.len().saturating_sub(OWNERS);
    if more > 0 {
        names.push(format!("{more} more"));
    }
    listed(&names)
}

/// `a, b and c`.
pub(super) fn listed(names: &[String]) -> String {
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => String::new(),
    }
}

/// What to do, with what is restarted where that is known.
pub(super) fn title(action: &Action) -> String {
    action.unit.as_ref().map_or_else(|| action.title.clone(), |unit| format!("Restart {unit}"))
}

/// What a step is about, for people: a key with the services on it, a secret, services.
pub(super) fn names(step: &Step) -> Vec<String> {
    let line = &step.line;
    if let Some(key) = line.id.strip_prefix("key:").and_then(|rest| rest.split_once('/')) {
        let shown: Vec<String> = line.service_names.iter().take(3).cloned().collect();
        let more = line.service_names.len().saturating_sub(shown.len());
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        return vec![format!("key {} on {}{more}", key.0, shown.join(", "))];
    }
    match &line.secret {
        Some(secret) if *secret != line.id => vec![secret.clone()],
        _ => line.service_names.clone(),
    }
}

/// What an action is about, each once, in working order.
pub(super) fn names_of(plan: &Plan, action: &Action) -> Vec<String> {
    let mut seen = BTreeSet::new();
    plan.steps_of(action).flat_map(names).filter(|name| seen.insert(name.clone())).collect()
}

/// The state in words, where it is not simply to be done.
pub(super) fn state(plan: &Plan, action: &Action) -> Option<&'static str> {
    match plan.steps_of(action).next()?.line.state {
        LineState::Claimed => Some("said to be done, not confirmed yet: look again"),
        LineState::Contradicted => Some("said to be done, and seen not to be"),
        LineState::TooEarly => Some("done too early: do it again"),
        _ => None,
    }
}

/// What a person must know before doing it, each once: what a restart drops, whether old and new can be valid
/// together.
pub(super) fn cautions(plan: &Plan, action: &Action) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut seen = BTreeSet::new();
    let mut alone = false;
    for line in plan.steps_of(action).map(|step| &step.line) {
        let impact = line.impact.as_ref().filter(|text| !text.starts_with("Nothing"));
        out.extend(impact.filter(|text| seen.insert((*text).clone())).cloned());
        alone |= !line.overlap && (line.secret.is_some() || line.code == "B1");
    }
    if alone {
        out.push("Old and new cannot be valid together: choose the hour.".to_owned());
    }
    out
}

/// Something that an action waits for.
pub(super) struct Wait {
    /// The wave it is in; absent where it is held up itself.
    pub(super) wave: Option<usize>,
    pub(super) code: String,
    pub(super) title: String,
    pub(super) owners: Vec<Option<String>>,
    pub(super) names: Vec<String>,
}

impl Wait {
    /// `A2 Restart postfix (team-mail, wave 2): mail.example.test:993`.
    pub(super) fn sentence(&self, most: usize) -> String {
        let shown: Vec<&str> = self.names.iter().take(most).map(String::as_str).collect();
        let more = self.names.len().saturating_sub(shown.len());
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let wave = self.wave.map_or_else(|| "held".to_owned(), |n| format!("wave {n}"));
        let who = owners(&self.owners);
        format!("{} {} ({who}, {wave}): {}{more}", self.code, self.title, shown.join(", "))
    }
}

/// What an action waits for, by owner and kind. `others`: only what somebody else has to do.
pub(super) fn waits(plan: &Plan, action: &Action, others: bool) -> Vec<Wait> {
    let steps: BTreeSet<usize> = plan.steps_of(action).flat_map(|s| s.waits.iter().copied()).collect();
    let own: BTreeSet<&RowId> = plan.steps_of(action).flat_map(|s| &s.line.services).collect();
    waits_on(plan, steps, &own, |step| {
        let theirs = step.owners();
        !others || action.owners.len() > 1 || !action.owners.iter().all(|o| theirs.contains(&o.as_deref()))
    })
}

/// Some steps by kind and owner; of a question that several services share only those of `own`.
pub(super) fn waits_on(
    plan: &Plan,
    steps: impl IntoIterator<Item = usize>,
    own: &BTreeSet<&RowId>,
    wanted: impl Fn(&Step) -> bool,
) -> Vec<Wait> {
    type Key = (Option<usize>, String, String, Vec<(bool, Option<String>)>);
    let mut out: BTreeMap<Key, Vec<String>> = BTreeMap::new();
    for step in steps.into_iter().filter_map(|at| plan.step(at)).filter(|step| wanted(step)) {
        let mut who: Vec<_> =
            step.owners().into_iter().map(|o| (o.is_none(), o.map(str::to_owned))).collect();
        who.sort();
        let line = &step.line;
        let title = step.unit.as_ref().map_or_else(|| line.title.clone(), |unit| format!("Restart {unit}"));
        let entry = out.entry((step.wave, line.code.clone(), title, who)).or_default();
        if line.code == "A0" {
            let both = line.services.iter().zip(&line.service_names);
            entry.extend(both.filter(|(row, _)| own.contains(row)).map(|(_, name)| name.clone()));
        } else {
            entry.extend(names(step));
        }
    }
    out.into_iter()
        .map(|((wave, code, title, who), names)| Wait {
            wave,
            code,
            title,
            owners: who.into_iter().map(|(_, owner)| owner).collect(),
            names,
        })
        .collect()
}

/// Things to do that the waves and what is held hold: of what was asked for.
pub(super) fn left(plan: &Plan) -> usize {
    let actions = plan.waves.iter().flat_map(|w| &w.actions).chain(&plan.held);
    actions.map(|a| a.steps.len()).sum()
}

/// Steps of a wave.
pub(super) fn size(wave: &Wave) -> usize {
    wave.actions.iter().map(|a| a.steps.len()).sum()
}

/// How many steps of a wave each owner acts on; a shared step counts for each of its owners.
pub(super) fn by_owner(plan: &Plan, wave: &Wave) -> Vec<(Option<String>, usize)> {
    let mut counts: BTreeMap<(bool, Option<String>), usize> = BTreeMap::new();
    for step in wave.actions.iter().flat_map(|a| plan.steps_of(a)) {
        for owner in step.owners() {
            *counts.entry((owner.is_none(), owner.map(str::to_owned))).or_default() += 1;
        }
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|((nobody, _), n)| (*nobody, usize::MAX - n));
    counts.into_iter().map(|((_, owner), n)| (owner, n)).collect()
}

/// The first line: how much is left, in how many waves, who acts first.
pub(super) fn headline(plan: &Plan, context: &Context) -> String {
    let whose = match &context.only {
        Some(Only::Owner(owner)) => format!(" for {owner}"),
        Some(Only::Service(service)) => format!(" about {service}"),
        Some(Only::Key(_)) | None => String::new(),
    };
    let left = left(plan);
    if left == 0 {
        let seen = plan.counts.seen;
        return match seen {
            0 => format!("Nothing is left to do{whose}."),
            n => format!(
                "Nothing is left to do{whose}. {} seen done once, and another sweep has to confirm it.",
                count(n, "thing of the fleet was", "things of the fleet were")
            ),
        };
    }
    let waves = count(plan.waves.len(), "wave", "waves");
    let mut text = format!("{} left{whose} in {waves}", count(left, "thing", "things"));
    match plan.waves.first() {
        Some(first) if first.number == 1 => {
            let who = by_owner(plan, first);
            let mut names: Vec<String> =
                who.iter().take(OWNERS).map(|(o, n)| format!("{} ({n})", owner(o.as_deref()))).collect();
            let more = who.len().saturating_sub(OWNERS);
            if more > 0 {
                names.push(format!("{more} more owners"));
            }
            text = format!(
                "{text}. {} can start now: {}.",
                count(size(first), "thing", "things"),
                listed(&names)
            );
        }
        Some(first) => {
            text = format!("{text}, the first of them wave {}: nothing can start now.", first.number);
        }
        None => text = format!("{text}: nothing can start as things stand."),
    }
    text
}

/// How much of the fleet is behind, and what is not known.
pub(super) fn progress(plan: &Plan) -> String {
    let c = plan.counts;
    let seen = match c.seen {
        0 => String::new(),
        n => format!(", {n} seen done once (another sweep has to confirm)"),
    };
    let unknown = match c.unknown {
        0 => String::new(),
        n => format!(" {} could not be judged, which is not clean.", count(n, "service", "services")),
    };
    format!(
        "Of the whole fleet: {} of {} settled{seen}; {} of {} owe nothing.{unknown}",
        c.settled,
        count(c.lines, "line", "lines"),
        c.nothing_owed,
        count(c.services, "service", "services"),
    )
}

/// What a wave waits for, in one sentence without its end; nothing for the first.
pub(super) fn needs(wave: &Wave) -> Option<String> {
    if wave.waits_for.is_empty() {
        return None;
    }
    let mut by_wave: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for need in &wave.waits_for {
        by_wave.entry(need.wave).or_default().push(format!("{} {} ({})", need.code, need.title, need.lines));
    }
    // The wave right before comes first: it decides when this one can go.
    let all = by_wave.into_iter().rev().map(|(n, what)| format!("wave {n}: {}", what.join(", ")));
    Some(format!("waits for {}", all.collect::<Vec<_>>().join("; ")))
}
