//! What a reader leaves out on purpose: counted by reason, and told once for each, with the first place.
//!
//! A record that cannot be read is no such thing; it is a bad row.

use super::{
    format::{Format, TextFile},
    host::quoted,
    intake::Intake,
};
use crate::model::{loading::NoticeKind, service::Source};

/// Counts of one file. The order is that of the first places.
#[derive(Debug, Default)]
pub(super) struct LeftOut {
    reasons: Vec<Reason>,
}

#[derive(Debug)]
struct Reason {
    why: &'static str,
    count: u64,
    /// The first thing that was left out, quoted; empty where it has no name.
    first: String,
    source: Source,
}

impl LeftOut {
    /// One more for this reason. `first` is asked for the name of the first one alone.
    pub(super) fn add(
        &mut self,
        why: &'static str,
        first: impl FnOnce() -> String,
        source: impl FnOnce() -> Source,
    ) {
        match self.reasons.iter_mut().find(|reason| reason.why == why) {
            Some(reason) => reason.count += 1,
            None => self.reasons.push(Reason { why, count: 1, first: first(), source: source() }),
        }
    }

    /// Whether nothing was left out.
    pub(super) fn is_empty(&self) -> bool {
        self.reasons.is_empty()
    }

    /// Says it all: `2 of 17 records left out: ...`. `total` is how many there were, `what` what they are.
    pub(super) fn tell(self, total: u64, what: &str, intake: &mut Intake<'_>) {
        for reason in self.reasons {
            let message =
                format!("{} of {total} {what} left out: {}{}", reason.count, reason.why, reason.example());
            intake.notice(NoticeKind::LeftOut, message, Some(reason.source));
        }
    }
}

impl Reason {
    /// The first one, in brackets.
    fn example(&self) -> String {
        match (self.first.is_empty(), self.count) {
            (true, _) => String::new(),
            (false, 1) => format!(" ({})", self.first),
            (false, _) => format!(" (the first: {})", self.first),
        }
    }
}

/// The same for a file of many kinds of things, where each reason names its kind: `hosts without TLS: 3`.
pub(super) struct Tally<'f, 't> {
    file: &'f TextFile<'t>,
    format: &'static Format,
    left: LeftOut,
}

impl<'f, 't> Tally<'f, 't> {
    pub(super) fn new(file: &'f TextFile<'t>, format: &'static Format) -> Self {
        Self { file, format, left: LeftOut::default() }
    }

    /// Counts one. `what` names it, and never holds a value that may be secret.
    pub(super) fn add(&mut self, reason: &'static str, line: u32, what: &str) {
        let first = || if what.is_empty() { String::new() } else { quoted(what) };
        self.left.add(reason, first, || self.file.source(self.format, line, None));
    }

    /// Tells each reason with its count and the first example.
    pub(super) fn tell(self, intake: &mut Intake<'_>) {
        for reason in self.left.reasons {
            let message = format!("{}: {}{}", reason.why, reason.count, reason.example());
            intake.notice(NoticeKind::LeftOut, message, Some(reason.source));
        }
    }
}
