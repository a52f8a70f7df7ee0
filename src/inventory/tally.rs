//! What one file leaves out on purpose, counted by reason and told once for each.
//!
//! It decides nothing: a format says why it leaves something out.

use std::collections::BTreeMap;

use super::{
    format::{Format, TextFile},
    host::quoted,
    intake::Intake,
};
use crate::model::loading::NoticeKind;

/// Counts by reason.
#[derive(Debug, Default)]
pub(super) struct Tally {
    counts: BTreeMap<&'static str, Counted>,
}

/// How often, and the first one.
#[derive(Debug)]
struct Counted {
    count: u64,
    line: u32,
    first: String,
}

impl Tally {
    /// Counts one. `what` names it, and never holds a value that may be secret.
    pub(super) fn add(&mut self, reason: &'static str, line: u32, what: &str) {
        let counted =
            self.counts.entry(reason).or_insert_with(|| Counted { count: 0, line, first: what.to_owned() });
        counted.count += 1;
    }

    /// Tells each reason with its count and the first example.
    pub(super) fn tell(self, file: &TextFile<'_>, format: &Format, intake: &mut Intake<'_>) {
        for (reason, counted) in self.counts {
            let example = match (counted.first.as_str(), counted.count) {
                ("", _) => String::new(),
                (first, 1) => format!(" ({})", quoted(first)),
                (first, _) => format!(" (the first: {})", quoted(first)),
            };
            let message = format!("{reason}: {}{example}", counted.count);
            intake.notice(NoticeKind::LeftOut, message, Some(file.source(format, counted.line, None)));
        }
    }
}
