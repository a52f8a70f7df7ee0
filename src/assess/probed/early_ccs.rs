//! CVE-2014-0224: a server that stumbles over the record behind an early ChangeCipherSpec (alert 20) has taken that
//! message; one that refuses the message itself (alert 10) has the fix. So has one that reads what is sealed under an
//! empty secret taken it.

use super::{Answers, Outcome};
use crate::model::{
    asked::{Came, Question::EarlyCcs},
    verdict::{Reason, Verdict},
};

const BAD_RECORD_MAC: u8 = 20;
const UNEXPECTED_MESSAGE: u8 = 10;

pub(super) fn outcome(answers: Answers<'_>) -> Outcome {
    if answers.tls13_only() {
        return (Verdict::NotApplicable, Reason::Tls13Only);
    }
    match answers.of(EarlyCcs).next().map(|a| (a.came, a.alert)) {
        Some((Came::Taken, _) | (Came::Alert, Some(BAD_RECORD_MAC))) => {
            (Verdict::Vulnerable, Reason::EarlyCcsTaken)
        }
        Some((Came::Alert, Some(UNEXPECTED_MESSAGE))) => (Verdict::NotVulnerable, Reason::EarlyCcsRefused),
        Some((Came::Alert, _)) => (Verdict::Inconclusive, Reason::OtherAnswer),
        _ => answers.unsure(EarlyCcs),
    }
}
