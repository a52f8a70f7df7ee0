//! Why a secret stands where it stands, in a sentence for a reader. Decides nothing.

use crate::model::{
    check::Checked,
    claim::{Statement, TestOutcome},
    secret::SecretState,
};

use super::{
    super::index::{Index, Said},
    Back, Status,
    rotation::outcome,
};

/// How many services a sentence names before it only counts.
const NAMED: usize = 3;

/// The sentence, or nothing where the state says it all.
pub(super) fn why(index: &Index<'_>, number: usize, status: &Status<'_>) -> Option<String> {
    let mut parts = Vec::new();
    if status.in_reach {
        old_one(status, &mut parts);
        new_one(index, number, status, &mut parts);
        if status.network.unseen {
            parts.push("the old one was never seen where it is looked for: see whether the check names the right place".to_owned());
        }
        if status.network.guessed && status.works.is_none() {
            parts.push("the first check of it may have seen a new one already".to_owned());
        }
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// What is known of the old one.
fn old_one(status: &Status<'_>, parts: &mut Vec<String>) {
    let again = match status.back {
        Some(Back::Regressed(_)) => ", after it had been gone",
        Some(Back::Contradicted(_)) => ", which contradicts what was said",
        None => "",
    };
    let accepted = status.test.filter(|test| outcome(test) == TestOutcome::Accepted);
    if let Some(test) = accepted {
        parts.push(format!("the old value was accepted on {}{again}", test.moment.at.short()));
    } else if let Some(test) = status.test {
        parts.push(refused(&test));
    }
    if let Some(check) = status.network.last {
        if status.network.shows_old.is_some() {
            let again = if accepted.is_none() { again } else { "" };
            parts.push(format!("{} shows the old one on {}{again}", named(check), check.at.short()));
        } else if let Some((_, since, _)) = status.network.gone {
            parts.push(format!("{} no longer shows the old one since {}", named(check), since.at.short()));
        }
    }
    let later = status.works.zip(status.claim).is_some_and(|(at, said)| said.moment > at);
    if later && !status.closed && status.state.closes() {
        parts.push("only a later look can bear out what was said since".to_owned());
    }
    if let Some((count, before)) = status.active {
        let still = if count == 0 { "none is active any more" } else { "still active" };
        let text = if count == 0 {
            format!("of those issued before {} {still}", before.short())
        } else {
            format!("{count} issued before {} are {still}", before.short())
        };
        parts.push(text);
    }
}

fn refused(test: &Said<'_>) -> String {
    let mut sentence = format!("the old value was refused on {}", test.moment.at.short());
    if let Statement::NegativeTest { exit, control, .. } = test.claim.statement {
        let code = exit.map(|code| format!("exit {code}"));
        let new = (control == Some(true)).then(|| "the new one was accepted".to_owned());
        let details: Vec<String> = code.into_iter().chain(new).collect();
        if !details.is_empty() {
            sentence = format!("{sentence} ({})", details.join("; "));
        }
    }
    sentence
}

fn named(check: &Checked) -> String {
    format!("{} {}", check.kind, check.target)
}

/// What is known of the new one.
fn new_one(index: &Index<'_>, number: usize, status: &Status<'_>, parts: &mut Vec<String>) {
    if !status.early.is_empty() {
        let names = names(index, &status.early);
        let bad = status.last_bad.map_or(String::new(), |m| format!(" (last bad look {})", m.at.short()));
        parts.push(format!(
            "{names} still leaked when it was made or handed out{bad}: make another, and record that as new-issued"
        ));
        return;
    }
    let listed = index.evidence.secrets.get(number).and_then(|s| s.issued_at);
    if let Some(at) = status.made.filter(|at| listed == Some(*at)) {
        parts.push(format!("issued {} by the list of secrets, after the last bad look", at.short()));
    }
    if !status.window.is_empty() {
        parts.push(format!(
            "made between the last bad and the first good look at {}: make it again if you can",
            names(index, &status.window)
        ));
    }
    let begun = !matches!(status.state, SecretState::Identified | SecretState::Owned | SecretState::Waived);
    if begun && !status.leaking.is_empty() {
        parts.push(format!("waits until {} is seen closed", names(index, &status.leaking)));
    }
}

fn names(index: &Index<'_>, services: &[u32]) -> String {
    let name = |n: &u32| Some(index.evidence.services.get(*n as usize)?.display_port());
    let mut named: Vec<String> = services.iter().take(NAMED).filter_map(name).collect();
    if services.len() > NAMED {
        named.push(format!("{} more", services.len() - NAMED));
    }
    named.join(", ")
}
