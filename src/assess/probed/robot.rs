//! ROBOT: without RSA key exchange there is no oracle. With it there may be one, and that is not asked: it would take
//! handshakes with wrong padding.

use super::{Answers, Outcome};
use crate::model::{
    asked::{Came, Question::RsaExchange},
    verdict::{Reason, Verdict},
};

pub(super) fn outcome(answers: Answers<'_>) -> Outcome {
    if answers.has(RsaExchange, Came::Taken) {
        (Verdict::Inconclusive, Reason::RsaKeyExchangeOffered)
    } else if answers.tls13_only() {
        (Verdict::NotApplicable, Reason::Tls13Only)
    } else if answers.refused(RsaExchange) {
        (Verdict::NotVulnerable, Reason::RsaKeyExchangeRefused)
    } else {
        answers.unsure(RsaExchange)
    }
}
