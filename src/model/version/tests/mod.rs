//! Every scheme against tables of facts, against its own laws, and against the tools that define it.

mod hostile;
mod peers;
mod properties;
mod vectors;

use std::cmp::Ordering;

use super::Scheme;

/// The order of two texts that are versions.
#[track_caller]
fn order(scheme: Scheme, a: &str, b: &str) -> Ordering {
    scheme.compare(a, b).unwrap_or_else(|e| panic!("{scheme}: {e}"))
}
