//! CVE-2015-0204: the server's half. One that takes an RSA_EXPORT suite gives whoever sits in the middle a key that is
//! short enough to be factored.

use super::{Answers, Outcome};
use crate::model::{
    asked::{Came, Question::RsaExport},
    verdict::{Reason, Verdict},
};

pub(super) fn outcome(answers: Answers<'_>) -> Outcome {
    if answers.has(RsaExport, Came::Taken) {
        (Verdict::Vulnerable, Reason::RsaExportTaken)
    } else if answers.tls13_only() {
        (Verdict::NotApplicable, Reason::Tls13Only)
    } else if answers.refused(RsaExport) {
        (Verdict::NotVulnerable, Reason::RsaExportRefused)
    } else {
        answers.unsure(RsaExport)
    }
}
