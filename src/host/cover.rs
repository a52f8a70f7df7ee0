//! Counts what was looked at and what could not be: how a part of the collection says that it is not whole.

use std::{
    collections::BTreeMap,
    fmt::Display,
    sync::Mutex,
    time::{Duration, Instant},
};

use crate::model::host::{Coverage, Gap, Part};

/// Examples kept of each gap.
const EXAMPLES: usize = 5;

/// Kinds of gaps kept; a hostile host must not make a document of gaps.
const GAPS: usize = 200;

/// Collects counts and gaps from all threads of a collection, and says when its time is over.
#[derive(Debug)]
pub struct Cover {
    deadline: Option<Instant>,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    parts: Vec<Part>,
    gaps: BTreeMap<(Part, String), (u64, Vec<String>)>,
    counts: BTreeMap<String, u64>,
}

impl Default for Cover {
    fn default() -> Self {
        Self::new(None)
    }
}

impl Cover {
    /// Begins; `limit` is how long the whole collection may take.
    pub fn new(limit: Option<Duration>) -> Self {
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        Self { deadline, inner: Mutex::default() }
    }

    /// Whether the time is over. A part asks this often, stops, and records a gap `time-limit`.
    pub fn out_of_time(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// The time that is left; absent where there is no limit.
    pub fn time_left(&self) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    /// Notes that a part was looked at.
    pub fn part(&self, part: Part) {
        let mut inner = self.lock();
        if !inner.parts.contains(&part) {
            inner.parts.push(part);
        }
    }

    /// Adds to a count such as `files_seen`.
    pub fn count(&self, name: &str, more: u64) {
        let mut inner = self.lock();
        let count = inner.counts.entry(name.to_owned()).or_insert(0);
        *count = count.saturating_add(more);
    }

    /// Notes something that could not be seen: `what` is a fixed word such as `permission-denied`,
    /// `example` the path or process.
    pub fn gap(&self, part: Part, what: &str, example: impl Display) {
        let mut inner = self.lock();
        let key = (part, what.to_owned());
        if inner.gaps.len() >= GAPS && !inner.gaps.contains_key(&key) {
            return;
        }
        let (count, examples) = inner.gaps.entry(key).or_default();
        *count = count.saturating_add(1);
        if examples.len() < EXAMPLES {
            let example: String = example.to_string().chars().take(300).collect();
            if !example.is_empty() {
                examples.push(example);
            }
        }
    }

    /// What came together. `complete` is whether there is no gap.
    pub fn coverage(&self) -> Coverage {
        let inner = self.lock();
        let gaps: Vec<Gap> = inner
            .gaps
            .iter()
            .map(|((part, what), (count, examples))| {
                let mut examples = examples.clone();
                examples.sort();
                Gap { part: *part, what: what.clone(), count: *count, examples }
            })
            .collect();
        let mut parts = inner.parts.clone();
        parts.sort();
        Coverage { complete: gaps.is_empty(), parts, failed: None, gaps, counts: inner.counts.clone() }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        // A thread that panicked left whole counts behind.
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_makes_the_coverage_incomplete_and_keeps_few_examples() {
        let cover = Cover::default();
        cover.part(Part::Files);
        cover.count("files_seen", 3);
        assert!(cover.coverage().complete);
        for n in 0..100 {
            cover.gap(Part::Files, "permission-denied", format_args!("/secret/{n}"));
        }
        let coverage = cover.coverage();
        assert!(!coverage.complete);
        assert_eq!(coverage.gaps.len(), 1);
        assert_eq!((coverage.gaps[0].count, coverage.gaps[0].examples.len()), (100, EXAMPLES));
        assert_eq!(coverage.counts["files_seen"], 3);
    }

    #[test]
    fn the_time_is_over_at_once_with_a_limit_of_nothing() {
        assert!(Cover::new(Some(Duration::ZERO)).out_of_time());
        assert!(!Cover::default().out_of_time());
    }
}
