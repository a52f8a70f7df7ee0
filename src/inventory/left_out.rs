//! What a reader leaves out on purpose: counted by reason, and told once for each, with the first place.
//!
//! A record that cannot be read is no such thing; it is a bad row.

use super::intake::Intake;
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
        for Reason { why, count, first, source } in self.reasons {
            let first = match (first.is_empty(), count) {
                (true, _) => String::new(),
                (false, 1) => format!(" ({first})"),
                (false, _) => format!(" (the first: {first})"),
            };
            let message = format!("{count} of {total} {what} left out: {why}{first}");
            intake.notice(NoticeKind::LeftOut, message, Some(source));
        }
    }
}
