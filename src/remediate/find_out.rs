//! A0, find out: services that nobody could judge. Those of one owner that want the same advice share
//! a line, since a reader works through them together. It plans no repair.

use std::collections::BTreeMap;

use super::{
    draft::Drafts,
    fleet::{COMMAND, Fleet, has_history, waived},
    unknown::{self, Advice, Decides},
    words::{shell, ticks, verify},
};
use crate::model::{
    assessment::ServiceAssessment,
    checklist::{Line, LineState},
    facet::State,
    ids::RowId,
    secret::Tier,
    service::Service,
    time::Timestamp,
    verdict::Verdict,
};

/// How far ahead a proposed waiver ends.
const WAIVER_SECONDS: i64 = 30 * 24 * 3600;
/// How many services a command for looking again names before it selects them by state.
const NAMED: usize = 4;

/// Everything in which two services must agree to share a line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Question {
    owner: Option<String>,
    /// Addresses that could not be judged, where others could; empty for all.
    at: String,
    advice: Advice,
    state: State,
    line_state: LineState,
    seen: Option<String>,
    by: Option<String>,
    when: Option<Timestamp>,
}

/// Adds a line for each question, and notes it with every service that it is about.
pub(super) fn lines(fleet: &Fleet<'_>, drafts: &mut Drafts) {
    let mut groups: BTreeMap<Question, Vec<RowId>> = BTreeMap::new();
    for (service, judged) in fleet.judged().filter(|(_, judged)| undecided(judged)) {
        groups.entry(question(fleet, service, judged)).or_default().push(service.row_id.clone());
    }
    for (question, rows) in groups {
        let rows = fleet.sorted(rows);
        let Some(first) = rows.first() else { continue };
        let id = format!("{first}/A0");
        let position = drafts.push(line(fleet, question, id, rows.clone()), []);
        for row in rows {
            drafts.stop.entry(row).or_default().find_out = Some(position);
        }
    }
}

fn undecided(judged: &ServiceAssessment) -> bool {
    let open = |e: Verdict| !e.is_clean() && e != Verdict::Vulnerable;
    let waived = judged.state == State::Waived && !has_history(judged);
    judged.state == State::Unknown || (waived && judged.endpoints.iter().any(|e| open(e.verdict)))
}

fn question(fleet: &Fleet<'_>, service: &Service, judged: &ServiceAssessment) -> Question {
    let open = judged.endpoints.iter().filter(|e| !e.verdict.is_clean());
    let worst = open.clone().max_by_key(|e| e.current);
    let reason = judged.reason.filter(|_| worst.is_none()).or(worst.map(|e| e.reason));
    let places: Vec<String> = open.filter_map(|e| e.address).map(|a| a.to_string()).collect();
    let mut out = Question {
        owner: service.owner().map(str::to_owned),
        at: if places.is_empty() || places.len() == judged.endpoints.len() {
            String::new()
        } else {
            format!(" (at {})", ticks(&places))
        },
        advice: unknown::advice(service, judged, reason, fleet.assessment.disclosure.probe.kind),
        state: judged.state,
        line_state: LineState::Open,
        seen: None,
        by: None,
        when: None,
    };
    let gone = judged.claim.as_ref().filter(|c| c.what.starts_with("decommission"));
    if judged.state == State::Waived {
        out.line_state = LineState::Waived;
        out.seen = judged.waiver.as_ref().map(waived);
        out.by = judged.waiver.as_ref().map(|w| w.by.clone());
        out.when = judged.waiver.as_ref().map(|w| w.at);
    } else if let Some(claim) = gone {
        out.line_state = LineState::Claimed;
        let sweeps = fleet.assessment.policy.decommission_sweeps;
        out.seen = Some(format!(
            "said to be gone by {}; proved when {sweeps} sweeps in a row cannot reach it",
            claim.by
        ));
        out.by = Some(claim.by.clone());
        out.when = Some(claim.at);
    }
    out
}

fn line(fleet: &Fleet<'_>, question: Question, id: String, rows: Vec<RowId>) -> Line {
    let title = if rows.len() == 1 {
        "Find out whether it is affected"
    } else {
        "Find out whether they are affected"
    };
    let mut line = fleet.line(id, Tier::A, "A0", title, rows);
    let Advice { why, steps, by } = question.advice;
    line.why = if line.services.len() == 1 {
        format!("Nobody knows{}: {why}. Unknown is never clean.", question.at)
    } else {
        format!(
            "Nobody knows{}. For each of these {}: {why}. Unknown is never clean.",
            question.at,
            line.services.len()
        )
    };
    line.steps = steps;
    let all = alike(question.owner.as_deref(), question.state);
    line.tool_checks = Some(match &by {
        Decides::Look => {
            let which = if line.services.len() > NAMED { all.clone() } else { fleet.which(&line.services) };
            format!("Whether a new look decides: `{}`.", verify(&which, None))
        }
        Decides::Host(collect) => {
            format!("Whether its host's evidence decides: {collect}, then `allclear status`.")
        }
        Decides::People => "Nothing: another look would not decide. What you record here does.".to_owned(),
    });
    line.attest = Some(commands(fleet, &line.services, &all, question.state));
    let wanted = match by {
        Decides::Look => "A look that decides",
        Decides::Host(_) => "Host evidence that decides",
        Decides::People => "A dated test by other means",
    };
    line.evidence_wanted =
        format!("{wanted}, a document that shows why it cannot be affected, or proof that it is gone.");
    line.state = question.line_state;
    line.evidence_seen = question.seen;
    line.done_by = question.by;
    line.done_at = question.when;
    line
}

/// The options that select every service of an owner in a state.
fn alike(owner: Option<&str>, state: State) -> String {
    match owner {
        Some(owner) => format!("--owner {} --filter state={state}", shell(owner).replace('`', "'")),
        None => format!("--filter owner=,state={state}"),
    }
}

fn commands(fleet: &Fleet<'_>, rows: &[RowId], all: &str, state: State) -> String {
    let which = fleet.which(rows);
    let until = fleet.assessment.now.plus_seconds(WAIVER_SECONDS).date();
    let cut = if rows.len() > COMMAND {
        format!(
            "# {COMMAND} of {} are named; `{all}` instead of --service selects every {state} one on this list\n",
            rows.len()
        )
    } else {
        String::new()
    };
    let they = if rows.len() == 1 { ["it", "is", "shows it"] } else { ["they", "are", "shows it for each"] };
    let [it, is, shows] = they;
    format!(
        "{cut}# either: {it} cannot have the hole, and this {shows}\n\
         allclear attest {which} --not-affected vulnerable_code_not_present --reference DOC\n\
         # or: {it} {is} gone for good\n\
         allclear attest {which} --decommissioned --reference TICKET\n\
         # or: {it} {is} accepted as {it} {is}, until then\n\
         allclear waive {which} --until {until} --reason \"...\""
    )
}
