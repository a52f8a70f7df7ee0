//! Counts for people and machines, over the rows of a view.
//!
//! Every service falls into exactly one [`Standing`], so that the numbers of the first line always add up
//! to the number of services.

use std::collections::BTreeMap;

use crate::model::{
    assessment::{Assessment, Coverage},
    facet::State,
    verdict::Verdict,
};

use super::{Row, View};

/// What the first line calls a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// The last look found the hole, whatever anybody said.
    Vulnerable,
    /// Not judged: never clean.
    Unknown,
    /// The last look at every endpoint was clean. It may still owe keys and secrets.
    Clean,
    /// Neither vulnerable nor clean, and accepted by a person.
    Waived,
    /// Gone.
    Decommissioned,
}

impl Standing {
    /// Whether a look says that it is clean, or that it is gone.
    pub(super) const fn is_seen(self) -> bool {
        matches!(self, Self::Clean | Self::Decommissioned)
    }

    /// Where one row stands. A verdict beats a waiver; `unknown` beats a clean verdict.
    pub(super) fn of(row: &Row<'_>) -> Self {
        let clean = row.entry.verdict.is_some_and(Verdict::is_clean);
        match row.entry.state {
            State::Exposed => Self::Vulnerable,
            _ if row.entry.verdict == Some(Verdict::Vulnerable) => Self::Vulnerable,
            State::Decommissioned => Self::Decommissioned,
            State::Unknown => Self::Unknown,
            _ if clean => Self::Clean,
            State::Waived => Self::Waived,
            _ => Self::Unknown,
        }
    }
}

/// The counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally<'a> {
    /// Every row.
    pub(super) rows: Vec<Row<'a>>,
    /// Rows by standing.
    pub(super) vulnerable: Vec<Row<'a>>,
    /// Rows that nobody could judge.
    pub(super) unknown: Vec<Row<'a>>,
    /// Rows whose last look was clean.
    pub(super) clean: usize,
    /// Rows that a waiver covers.
    pub(super) waived: usize,
    /// Rows that are gone.
    pub(super) decommissioned: usize,
    /// Rows that owe nothing.
    pub(super) finished: usize,
    /// Rows that are late.
    pub(super) overdue: Vec<Row<'a>>,
}

impl<'a> Tally<'a> {
    /// Counts rows.
    pub(super) fn of(rows: Vec<Row<'a>>) -> Self {
        let mut tally = Self::default();
        for row in &rows {
            match Standing::of(row) {
                Standing::Vulnerable => tally.vulnerable.push(*row),
                Standing::Unknown => tally.unknown.push(*row),
                Standing::Clean => tally.clean += 1,
                Standing::Waived => tally.waived += 1,
                Standing::Decommissioned => tally.decommissioned += 1,
            }
            tally.finished += usize::from(row.entry.state.is_finished());
            if row.is_overdue() {
                tally.overdue.push(*row);
            }
        }
        tally.rows = rows;
        tally
    }

    /// The rows of one disclosure.
    pub(super) fn of_disclosure(rows: &[Row<'a>], assessment: &Assessment) -> Self {
        let same = |r: &&Row<'_>| r.entry.disclosure == assessment.disclosure.id;
        Self::of(rows.iter().filter(same).copied().collect())
    }
}

/// Rows by state, every state present, in the order of the states.
pub(super) fn states(rows: &[Row<'_>]) -> BTreeMap<State, u64> {
    let mut counts: BTreeMap<State, u64> = State::ALL.iter().map(|&s| (s, 0)).collect();
    for row in rows {
        *counts.entry(row.entry.state).or_default() += 1;
    }
    counts
}

/// How much of what was asked for was looked at: the assessment's own numbers, or for a part of the
/// fleet those of its rows at their last look. With several disclosures the least that is covered.
pub(super) fn coverage(view: &View<'_>) -> Coverage {
    let parts = view.judged.iter().map(|j| coverage_of(view, j.assessment));
    let worst = |a: Coverage, b: Coverage| Coverage {
        known: a.known.max(b.known),
        probed: a.probed.min(b.probed),
        unknown: a.unknown.max(b.unknown),
    };
    parts.reduce(worst).unwrap_or_default()
}

/// The same for one disclosure.
pub(super) fn coverage_of(view: &View<'_>, assessment: &Assessment) -> Coverage {
    if view.filter.is_empty() {
        return assessment.coverage;
    }
    let mut coverage = Coverage::default();
    for entry in assessment.services.iter().filter(|s| view.wants(&s.row_id)) {
        coverage.known += 1;
        coverage.probed += u64::from(entry.was_probed());
        coverage.unknown += u64::from(entry.state == State::Unknown);
    }
    coverage
}
