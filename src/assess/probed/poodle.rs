//! CVE-2014-3566: SSL 3.0 with a CBC suite is the hole itself. That the mark of a fallback is honoured keeps some clients
//! out of it and closes nothing, so it moves no verdict.

use super::{Answers, Outcome};
use crate::model::{
    asked::{
        Came::{Alert, Taken},
        Question::{Sslv3, Sslv3Cbc},
    },
    verdict::{Reason, Verdict},
};

pub(super) fn outcome(answers: Answers<'_>) -> Outcome {
    if answers.has(Sslv3Cbc, Taken) {
        (Verdict::Vulnerable, Reason::Sslv3CbcTaken)
    } else if answers.tls13_only() {
        (Verdict::NotApplicable, Reason::Tls13Only)
    } else if answers.has(Sslv3, Alert) || answers.refused(Sslv3Cbc) {
        (Verdict::NotVulnerable, Reason::Sslv3CbcRefused)
    } else if answers.of(Sslv3Cbc).next().is_some() {
        answers.unsure(Sslv3Cbc)
    } else {
        answers.unsure(Sslv3)
    }
}
