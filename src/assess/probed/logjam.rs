//! CVE-2015-4000: an export suite, a prime that anybody can break, or one of 1024 bits that is worth breaking because many
//! share it. A prime of 1024 bits that is nobody else's is in between: nobody can say from here who shares it.

use super::{Answers, Outcome};
use crate::model::{
    asked::{
        Asked, Came,
        Question::{Dhe, DheExport},
    },
    verdict::{Reason, Verdict},
};

/// The longest prime that is thought to be within reach of a state.
const IN_REACH: u32 = 1024;

pub(super) fn outcome(answers: Answers<'_>) -> Outcome {
    let prime = answers.of(Dhe).find(|a| a.came == Came::Taken);
    if answers.has(DheExport, Came::Taken) {
        return (Verdict::Vulnerable, Reason::DheExportTaken);
    }
    let of_prime = prime.map(by_length);
    if let Some(bad) = of_prime.filter(|(verdict, _)| *verdict == Verdict::Vulnerable) {
        return bad;
    }
    if answers.tls13_only() {
        return (Verdict::NotApplicable, Reason::Tls13Only);
    }
    if !answers.refused(DheExport) {
        return answers.unsure(DheExport);
    }
    match of_prime {
        Some(outcome) => outcome,
        None if answers.refused(Dhe) => (Verdict::NotVulnerable, Reason::DheRefused),
        None => answers.unsure(Dhe),
    }
}

fn by_length(asked: &Asked) -> Outcome {
    match (asked.bits, &asked.group) {
        (Some(..IN_REACH), _) => (Verdict::Vulnerable, Reason::DhPrimeShort),
        (Some(IN_REACH), Some(_)) => (Verdict::Vulnerable, Reason::DhPrimeShared),
        (Some(IN_REACH), None) => (Verdict::Inconclusive, Reason::DhPrimeUnknown),
        (Some(_), _) => (Verdict::NotVulnerable, Reason::DhPrimeLong),
        (None, _) => (Verdict::Inconclusive, Reason::OtherAnswer),
    }
}
