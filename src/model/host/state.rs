//! What is known of one host from all that it gave, and what that means for a disclosure.

use super::{Document, Failure, Origin, Replaced, Runner};
use crate::model::{
    time::Timestamp,
    verdict::{Reason, Verdict},
};

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
    pub document: Document,
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
    pub verdict: Option<(Verdict, Reason)>,
    /// What the file on disk now means for it, where there is one.
    pub disk_verdict: Option<(Verdict, Reason)>,
}

/// What one document means for a disclosure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CopiesAssessed {
    /// For each library of the document, in its order; nothing where it holds no code.
    pub verdicts: Vec<Option<(Verdict, Reason)>>,
    /// For each package of the document, in its order; nothing where it is not of OpenSSL.
    pub packages: Vec<Option<(Verdict, Reason)>>,
    /// What runs with an old copy, worst first.
    pub old: Vec<OldCopy>,
}
