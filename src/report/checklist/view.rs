//! What a template gets: plain texts and numbers, without control characters, in working order. Documented field by
//! field in `docs/checklist-template.md`. It escapes nothing: that is done where a text is printed.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::model::{
    checklist::{Checklist, Line, LineState, NothingOwed},
    secret::Tier,
    text::printable,
    time::Timestamp,
};

use super::{
    Context,
    glance::{self, GlanceView},
};

/// How many lines or groups of lines the box at the top names.
pub(super) const FIRST: usize = 12;
/// How many services a line names; the tracker has all.
pub(super) const SERVICES: usize = 12;

/// What must not be done in the wrong order, with the reason.
const WARNINGS: [&str; 3] = [
    "Do not restart before the fix is installed: a restart of the old code brings the key into fresh memory, where it leaks sooner.",
    "Do not make new keys before the restart: a key made while the service still leaks is exposed as well.",
    "Do not revoke before every endpoint serves the new key: clients would be turned away where the old one is still served.",
];

/// What a template gets. Times are `2026-11-22 14:00` in UTC.
#[derive(Debug, Serialize)]
pub struct View {
    /// The incident's name.
    pub incident: String,
    /// The disclosure's id.
    pub disclosure: String,
    /// Its title.
    pub title: String,
    /// The date on which it became public.
    pub disclosed_at: String,
    /// The last sweep; empty before the first.
    pub sweep: String,
    /// When this was written.
    pub generated_at: String,
    /// The policy in force.
    pub policy: String,
    /// The head of the evidence chain.
    pub chain_head: String,
    /// What the whole list is about (prose), where it is about a key or a secret; else empty.
    pub about: String,
    /// What must be known first.
    pub first_words: Vec<String>,
    /// What must not be done in the wrong order.
    pub warnings: Vec<String>,
    /// What has to be so for the hole to matter.
    pub preconditions: String,
    /// What is to be rotated, in this order.
    pub rotate: Vec<String>,
    /// The version of the tool.
    pub tool: String,
    /// One list per owner.
    pub lists: Vec<ListView>,
    /// Services on which nothing is owed.
    pub nothing_owed: Vec<NothingOwedView>,
}

/// The lines of one owner.
#[derive(Debug, Serialize)]
pub struct ListView {
    /// The owner, or the owners of a list about one service; empty where nobody is known.
    pub owner: String,
    /// Lines in all.
    pub total: usize,
    /// Lines that are done, not owed or waived.
    pub settled: usize,
    /// The list in a few words, for whoever reads nothing else.
    pub glance: GlanceView,
    /// Lines that can be worked on now, the first few.
    pub first: Vec<LineView>,
    /// How many more there are.
    pub first_more: usize,
    /// Where nothing can be worked on now: the first line that waits for others or for
    /// evidence, alone or none.
    pub waiting: Vec<LineView>,
    /// Whether every line is settled.
    pub all_settled: bool,
    /// All lines, tier by tier; tiers without lines are left out.
    pub tiers: Vec<TierView>,
}

/// The lines of one tier.
#[derive(Debug, Serialize)]
pub struct TierView {
    /// `A` to `F`.
    pub tier: String,
    /// Its name.
    pub title: String,
    /// Its lines, in working order.
    pub lines: Vec<LineView>,
}

/// One line. Optional texts are empty where there is nothing to say.
#[derive(Clone, Debug, Serialize)]
pub struct LineView {
    /// Its id.
    pub id: String,
    /// Its tier, `A` to `F`.
    pub tier: String,
    /// Its code, such as `B1`.
    pub code: String,
    /// What to do (prose).
    pub title: String,
    /// The services it concerns with port, the first few (names).
    pub services: Vec<String>,
    /// How many more there are.
    pub services_more: usize,
    /// Who does it; empty where several have to act.
    pub owner: String,
    /// Who has to act, where the list is not one owner's; else empty.
    pub who: String,
    /// The secret's id; empty where it is the line's own.
    pub secret: String,
    /// Where it is kept.
    pub location: String,
    /// The state's word, such as `too-early`.
    pub state: String,
    /// The state in words.
    pub state_text: String,
    /// Whether nothing more is to be done: done or not owed.
    pub ticked: bool,
    /// Whether it is done, not owed or waived.
    pub settled: bool,
    /// Whether somebody still has to act: not settled, and not seen done.
    pub to_do: bool,
    /// Why it is on the list (prose).
    pub why: String,
    /// What to do, step by step (prose).
    pub steps: Vec<String>,
    /// What breaks while it is done (prose).
    pub impact: String,
    /// Whether old and new can be valid together; only said for secrets and keys.
    pub overlap: String,
    /// What is still waited for (prose).
    pub waits_for: Vec<String>,
    /// Ids of all lines that come first.
    pub blocked_by: Vec<String>,
    /// What allclear checks by itself (prose).
    pub tool_checks: String,
    /// Commands with which a person attests it, and comments that begin with `#`.
    pub attest: Vec<String>,
    /// What counts as evidence (prose).
    pub evidence_wanted: String,
    /// What is there (prose).
    pub evidence_seen: String,
    /// Its grade, E0 to E4.
    pub grade: String,
    /// Who did it.
    pub done_by: String,
    /// When.
    pub done_at: String,
    /// Both, where the evidence does not say so already.
    pub recorded: String,
    /// The owner's own instructions.
    pub runbook: String,
}

/// A service on which nothing is owed.
#[derive(Debug, Serialize)]
pub struct NothingOwedView {
    /// Its name with port.
    pub name: String,
    /// Who answers for it.
    pub owner: String,
    /// Why (prose).
    pub why: String,
}

pub(super) fn view(lists: &[Checklist], context: &Context) -> View {
    View {
        incident: clean(&context.incident),
        disclosure: clean(&context.disclosure),
        title: clean(&context.title),
        disclosed_at: context.disclosed_at.date(),
        sweep: context.sweep.map_or_else(String::new, |s| s.to_string()),
        generated_at: context.generated_at.short(),
        policy: clean(&context.policy),
        chain_head: clean(&context.chain_head),
        about: clean(&context.about),
        first_words: context.first_words.iter().map(|w| clean(w)).collect(),
        warnings: if context.first_words.is_empty() {
            WARNINGS.map(str::to_owned).to_vec()
        } else {
            context.first_words.iter().map(|w| clean(w)).collect()
        },
        preconditions: clean(&context.preconditions),
        rotate: context.rotate.iter().map(|step| clean(step)).collect(),
        tool: clean(&context.tool),
        lists: lists.iter().map(list_view).collect(),
        nothing_owed: context.nothing_owed.iter().map(nothing_owed_view).collect(),
    }
}

fn list_view(list: &Checklist) -> ListView {
    let shown = |line: &Line| LineView {
        who: if list.owner.is_some() { String::new() } else { owners(line) },
        ..line_view(line)
    };
    let ready: Vec<&Line> = list.lines.iter().filter(|l| can_start(l)).collect();
    let tiers = Tier::ALL.iter().map(|tier| TierView {
        tier: tier.to_string(),
        title: tier_title(*tier).to_owned(),
        lines: list.lines.iter().filter(|l| l.tier == *tier).map(shown).collect(),
    });
    let open = list.lines.iter().filter(|l| !settled(l.state)).count();
    let waits = |l: &&Line| !l.blocked_by_text.is_empty() || l.state == LineState::Claimed;
    let waiting = list.lines.iter().filter(|l| !settled(l.state)).find(waits);
    ListView {
        owner: whose(list),
        total: list.lines.len(),
        settled: list.lines.len() - open,
        glance: glance::of(&list.lines),
        waiting: waiting.filter(|_| ready.is_empty()).map(shown).into_iter().collect(),
        all_settled: open == 0,
        first_more: ready.len().saturating_sub(FIRST),
        first: ready.into_iter().take(FIRST).map(shown).collect(),
        tiers: tiers.filter(|t| !t.lines.is_empty()).collect(),
    }
}

/// The owner; of a list about one service, everyone who has a line on it.
fn whose(list: &Checklist) -> String {
    if list.owner.is_some() {
        return opt(list.owner.as_ref());
    }
    let owners: BTreeSet<String> = list.lines.iter().filter_map(|l| l.owner.as_deref()).map(clean).collect();
    owners.into_iter().collect::<Vec<_>>().join(", ")
}

/// Who has to act on a line: its owner, else those of its services.
fn owners(line: &Line) -> String {
    let each: BTreeSet<String> = match &line.owner {
        Some(owner) => BTreeSet::from([clean(owner)]),
        None => line.service_owners.iter().flatten().map(|o| clean(o)).collect(),
    };
    each.into_iter().collect::<Vec<_>>().join(", ")
}

/// Whether somebody can work on it now.
pub(super) fn can_start(line: &Line) -> bool {
    let owed = matches!(line.state, LineState::Open | LineState::TooEarly | LineState::Contradicted);
    owed && line.blocked_by_text.is_empty()
}

const fn ticked(state: LineState) -> bool {
    matches!(state, LineState::Done | LineState::NotApplicable)
}

pub(super) const fn settled(state: LineState) -> bool {
    ticked(state) || matches!(state, LineState::Waived)
}

/// Whether somebody still has to act.
pub(super) const fn to_do(state: LineState) -> bool {
    !settled(state) && !matches!(state, LineState::Seen)
}

/// Who did it and when, unless what was seen says when.
fn recorded(line: &Line) -> String {
    let Some(at) = line.done_at.map(Timestamp::short) else {
        return String::new();
    };
    if line.evidence_seen.as_ref().is_some_and(|seen| seen.contains(&at)) {
        return String::new();
    }
    line.done_by.as_ref().map_or_else(|| at.clone(), |by| format!("{at} by {}", clean(by)))
}

fn line_view(line: &Line) -> LineView {
    let rotates = line.secret.is_some() || line.code == "B1";
    let overlap = if line.overlap {
        "Old and new can be valid together."
    } else {
        "Old and new cannot be valid together."
    };
    LineView {
        id: clean(&line.id),
        tier: line.tier.to_string(),
        code: clean(&line.code),
        title: clean(&line.title),
        services: line.service_names.iter().take(SERVICES).map(|s| clean(s)).collect(),
        services_more: line.service_names.len().saturating_sub(SERVICES),
        owner: opt(line.owner.as_ref()),
        who: String::new(),
        // An implied secret has the line's own id, which says nothing beside the services.
        secret: opt(line.secret.as_ref().filter(|secret| **secret != line.id)),
        location: opt(line.location.as_ref()),
        state: line.state.to_string(),
        state_text: state_text(line.state).to_owned(),
        ticked: ticked(line.state),
        settled: settled(line.state),
        to_do: to_do(line.state),
        why: clean(&line.why),
        steps: line.steps.iter().map(|s| clean(s)).collect(),
        impact: opt(line.impact.as_ref()),
        overlap: if rotates { overlap.to_owned() } else { String::new() },
        waits_for: line.blocked_by_text.iter().map(|s| clean(s)).collect(),
        blocked_by: line.blocked_by.iter().map(|s| clean(s)).collect(),
        tool_checks: opt(line.tool_checks.as_ref()),
        attest: line.attest.iter().flat_map(|a| a.lines()).map(clean).collect(),
        evidence_wanted: clean(&line.evidence_wanted),
        evidence_seen: opt(line.evidence_seen.as_ref()),
        grade: line.grade.map_or_else(String::new, |g| g.to_string()),
        done_by: opt(line.done_by.as_ref()),
        done_at: line.done_at.map_or_else(String::new, Timestamp::short),
        recorded: recorded(line),
        runbook: opt(line.runbook.as_ref()),
    }
}

fn nothing_owed_view(service: &NothingOwed) -> NothingOwedView {
    NothingOwedView {
        name: clean(&service.name),
        owner: opt(service.owner.as_ref()),
        why: clean(&service.why),
    }
}

pub(super) fn clean(text: &str) -> String {
    printable(text).into_owned()
}

fn opt(text: Option<&String>) -> String {
    text.map_or_else(String::new, |t| clean(t))
}

const fn tier_title(tier: Tier) -> &'static str {
    match tier {
        Tier::A => "Stop the leak",
        Tier::B => "Identity keys",
        Tier::C => "Machine secrets",
        Tier::D => "Signing and session secrets",
        Tier::E => "People",
        Tier::F => "Prove it",
    }
}

const fn state_text(state: LineState) -> &'static str {
    match state {
        LineState::Open => "to do",
        LineState::Blocked => "waits",
        LineState::Claimed => "claimed, not confirmed yet",
        LineState::Seen => "seen done once, another look must confirm it",
        LineState::Done => "done",
        LineState::Contradicted => "contradicted: said to be done, seen not to be",
        LineState::TooEarly => "too early: do it again",
        LineState::Waived => "waived",
        LineState::NotApplicable => "not owed",
    }
}
