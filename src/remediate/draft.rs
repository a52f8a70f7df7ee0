//! Lines while they are planned: what blocks what is kept by position, since ids come from people
//! and may collide.

use std::collections::{BTreeMap, BTreeSet};

use super::fleet::settled;
use crate::model::{checklist::Line, ids::RowId};

/// A line and the positions of the lines that come first.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) line: Line,
    pub(super) blockers: BTreeSet<usize>,
}

/// The lines that close the leak of one service.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stop {
    /// A0.
    pub(super) find_out: Option<usize>,
    /// A1.
    pub(super) fix: Option<usize>,
    /// A2.
    pub(super) restart: Option<usize>,
}

/// Every line so far.
#[derive(Debug, Default)]
pub(super) struct Drafts {
    pub(super) all: Vec<Draft>,
    pub(super) stop: BTreeMap<RowId, Stop>,
}

impl Drafts {
    /// Adds a line and returns its position.
    pub(super) fn push(&mut self, line: Line, blockers: impl IntoIterator<Item = usize>) -> usize {
        self.all.push(Draft { line, blockers: blockers.into_iter().collect() });
        self.all.len() - 1
    }

    /// What must come before anything new is put into the memory of this service. A restart that
    /// was seen to close the leak proves the fix, so then the fix's paperwork holds up nothing.
    pub(super) fn leak_closed(&self, row: &RowId) -> impl Iterator<Item = usize> + use<> {
        let stop = self.stop.get(row).copied().unwrap_or_default();
        let proved = stop.restart.and_then(|i| self.all.get(i)).is_some_and(|d| settled(d.line.state));
        let fix = if proved { None } else { stop.fix };
        [stop.find_out, fix, stop.restart].into_iter().flatten()
    }

    /// Positions of the lines about each service.
    pub(super) fn by_row(&self) -> BTreeMap<RowId, Vec<usize>> {
        let mut out: BTreeMap<RowId, Vec<usize>> = BTreeMap::new();
        for (i, draft) in self.all.iter().enumerate() {
            for row in &draft.line.services {
                out.entry(row.clone()).or_default().push(i);
            }
        }
        out
    }
}
