//! What is known of one host from all that it gave, and what that means for a disclosure.

use std::sync::Arc;

use super::{Act, Document, Failure, Origin, Replaced, Runner};
use crate::model::{
    disclosure::Compare,
    time::Timestamp,
    verdict::{Reason, Verdict},
};

/// What one package or one copy of a library means for a disclosure, and what was compared to say so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The verdict.
    pub verdict: Verdict,
    /// Why.
    pub reason: Reason,
    /// The comparison that decided; absent where none did (a library of another make, a feature).
    pub compare: Option<Arc<Compare>>,
}

impl Finding {
    /// A finding that rests on no comparison.
    pub const fn new(verdict: Verdict, reason: Reason) -> Self {
        Self { verdict, reason, compare: None }
    }
}

/// One text of a host, read.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    /// When it was taken in, by our clock.
    pub at: Timestamp,
    /// What it is.
    pub origin: Origin,
    /// Where it came from.
    pub source: String,
    /// What it says.
    pub document: Arc<Document>,
}

/// Everything known of one host.
#[derive(Clone, Debug, PartialEq)]
pub struct HostState {
    /// Its name.
    pub host: String,
    /// The newest document that it gave of itself.
    pub latest: Option<Look>,
    /// The newest attempt, where that gave nothing.
    pub failed: Option<(Timestamp, Failure)>,
    /// The newest output of each other tool.
    pub others: Vec<Look>,
}

impl HostState {
    /// Everything that was read of it, its own document first.
    pub fn looks(&self) -> impl Iterator<Item = &Look> {
        self.latest.iter().chain(&self.others)
    }
}

/// One host, and what each of its looks means.
#[derive(Clone, Debug, PartialEq)]
pub struct HostJudged {
    /// What is known of it.
    pub state: HostState,
    /// For each of [`HostState::looks`], in its order.
    pub assessed: Vec<CopiesAssessed>,
}

/// What runs with an old copy of a library: its file was replaced, removed or overwritten since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OldCopy {
    /// What has to be acted on; absent where the process record is missing.
    pub runner: Option<Runner>,
    /// The processes' name.
    pub program: String,
    /// Their numbers, in order.
    pub processes: Vec<u32>,
    /// The container that they are in.
    pub container: Option<String>,
    /// The library, by its place in the document's list.
    pub library: usize,
    /// How its file changed; absent where no more is known than that it is not the file on disk any more.
    pub replaced: Option<Replaced>,
    /// What the copy in memory means for the disclosure.
    pub verdict: Option<Finding>,
    /// What the file on disk now means for it, where there is one.
    pub disk_verdict: Option<Finding>,
}

/// What one document means for a disclosure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CopiesAssessed {
    /// For each library of the document, in its order; nothing where it holds no code.
    pub verdicts: Vec<Option<Finding>>,
    /// For each package of the document, in its order; nothing where the disclosure is not about it.
    pub packages: Vec<Option<Finding>>,
    /// What runs with an old copy, worst first.
    pub old: Vec<OldCopy>,
    /// What has to be done on the host, in this order.
    pub acts: Vec<Act>,
}
