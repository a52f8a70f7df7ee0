//! What the answers to the questions of `--depth full` mean, one file for each disclosure. Pure functions of what was
//! asked in one look; what one look says of the keys of others is in `shared.rs`.
//!
//! An alert refuses. Silence, an end without an alert and an answer to something else decide nothing, and a question
//! that was not asked decides nothing either: it says which depth asks it.

mod drown;
mod early_ccs;
mod freak;
mod logjam;
mod poodle;
mod robot;
pub(super) mod shared;

use crate::model::{
    asked::{Asked, Came, Question},
    observation::{Contact, Observation},
    verdict::{Grade, Reason, Verdict},
};

use super::{
    heartbleed,
    verdict::{Finding, Rule, tried},
};

/// Disclosures that are asked about at `--depth full` alone, by their primary id.
pub(super) const RULES: &[(&str, Rule)] = &[
    ("CVE-2014-0224", |seen| judge(seen, early_ccs::outcome)),
    ("CVE-2014-3566", |seen| judge(seen, poodle::outcome)),
    ("CVE-2015-0204", |seen| judge(seen, freak::outcome)),
    ("CVE-2015-4000", |seen| judge(seen, logjam::outcome)),
    (DROWN, |seen| judge(seen, drown::outcome)),
    ("ROBOT", |seen| judge(seen, robot::outcome)),
];

/// The one whose answers count for other services as well.
pub(super) const DROWN: &str = "CVE-2016-0800";

type Outcome = (Verdict, Reason);

/// The answers of one look.
#[derive(Clone, Copy)]
struct Answers<'a>(&'a [Asked]);

impl<'a> Answers<'a> {
    fn of(self, question: Question) -> impl Iterator<Item = &'a Asked> {
        self.0.iter().filter(move |a| a.question == question)
    }

    fn has(self, question: Question, came: Came) -> bool {
        self.of(question).any(|a| a.came == came)
    }

    /// Asked, and each time refused by an alert.
    fn refused(self, question: Question) -> bool {
        let mut all = self.of(question).peekable();
        all.peek().is_some() && all.all(|a| a.came == Came::Alert)
    }

    /// TLS 1.3 was taken, and everything older refused by an alert.
    fn tls13_only(self) -> bool {
        self.has(Question::Tls13, Came::Taken) && BELOW.iter().all(|question| self.refused(*question))
    }

    /// Why the answers to a question decide nothing: by the first that does not. Where it was not asked since no older
    /// version came about, by the answers to those.
    fn unsure(self, question: Question) -> Outcome {
        let undecided = |question: Question| {
            self.of(question).find(|a| !matches!(a.came, Came::Alert | Came::Taken)).map(unclear)
        };
        let first = if self.of(question).next().is_some() {
            undecided(question)
        } else if BELOW.iter().any(|version| self.has(*version, Came::Taken)) {
            None
        } else {
            BELOW.iter().find_map(|version| undecided(*version))
        };
        (Verdict::Inconclusive, first.unwrap_or(Reason::Blocked))
    }
}

const BELOW: &[Question] = &[Question::Tls12, Question::Tls11, Question::Tls10, Question::Sslv3];

/// Why one answer decides nothing.
fn unclear(asked: &Asked) -> Reason {
    match asked.came {
        Came::Closed | Came::Reset => Reason::EndedWithoutAlert,
        Came::Silent => Reason::ProbeTimedOut,
        Came::Unreached if asked.detail.as_deref() == Some(Contact::LocalError.as_str()) => {
            Reason::LocalError
        }
        Came::Unreached => Reason::Blocked,
        Came::Taken | Came::Alert | Came::Other => Reason::OtherAnswer,
    }
}

fn judge(seen: &Observation, outcome: impl Fn(Answers<'_>) -> Outcome) -> Finding {
    let (verdict, reason) = if seen.contact != Contact::Answered {
        heartbleed::contact(seen.contact, seen)
    } else if seen.asked.is_empty() {
        (Verdict::Inconclusive, Reason::NotAsked)
    } else {
        outcome(Answers(&seen.asked))
    };
    let vulnerable = u32::from(verdict == Verdict::Vulnerable);
    let tried = if seen.asked.is_empty() { tried(seen) } else { 1 };
    Finding { verdict, reason, grade: Grade::E2, vulnerable, tried }
}

#[cfg(test)]
mod tests;
