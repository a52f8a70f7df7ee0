//! CVE-2016-0800: a server that speaks SSL 2.0, by its own answer. That another one speaks it with the same key is
//! `shared.rs`.
//!
//! Today's servers answer a hello of SSL 2.0 with alert 70 (OpenSSL 3, GnuTLS, nginx: measured): that refuses. OpenSSL
//! 1.0.1 and 1.0.2 with SSL 2.0 switched off close without a byte (measured), and so does a filter that knows the
//! protocol. No second question tells the two apart: whatever the filter lets through, the server behind it answers in
//! the same way whether it speaks SSL 2.0 or not. So a close stays undecided however often it comes, and the host decides.

use super::{Answers, Outcome};
use crate::model::{
    asked::{Came, Question::Sslv2},
    verdict::{Reason, Verdict},
};

pub(super) fn outcome(answers: Answers<'_>) -> Outcome {
    match answers.of(Sslv2).next().map(|a| (a.came, a.ciphers)) {
        // Before 1.0.1r and 1.0.2f a suite that is switched off can be used all the same (CVE-2015-3197), which would
        // take a key exchange to find out.
        Some((Came::Taken, Some(0) | None)) => (Verdict::Inconclusive, Reason::Sslv2NoCiphers),
        Some((Came::Taken, _)) => (Verdict::Vulnerable, Reason::Sslv2Spoken),
        Some((Came::Alert, _)) => (Verdict::NotVulnerable, Reason::Sslv2Refused),
        _ => answers.unsure(Sslv2),
    }
}
