//! Where the versions of rows lie to each other. For finding contradictions in a record; it judges no evidence.

use std::cmp::Ordering;

use crate::model::{
    disclosure::{Affected, UPSTREAM},
    version::Scheme,
};

/// What stands for the first version of all.
pub(super) const FIRST: &str = "0";

/// The first version of a row's range, where it has one.
pub(super) fn low(row: &Affected) -> Option<&str> {
    row.introduced.as_deref().filter(|version| *version != FIRST)
}

/// Whether a range ends before the other one begins. Not so where a version cannot be read: that is another fault.
fn ends_before(a: &Affected, b: &Affected, scheme: Scheme) -> bool {
    let Some(begin) = low(b) else { return false };
    let order = |end: &str| scheme.compare(end, begin).ok();
    match (&a.fixed, &a.last_affected) {
        (Some(end), _) => order(end).is_some_and(|o| o != Ordering::Greater),
        (None, Some(end)) => order(end) == Some(Ordering::Less),
        (None, None) => false,
    }
}

/// Whether two ranges have a version in common. Rows that name single versions are no ranges.
pub(super) fn overlap(a: &Affected, b: &Affected, scheme: Scheme) -> bool {
    a.versions.is_empty() && b.versions.is_empty() && !ends_before(a, b, scheme) && !ends_before(b, a, scheme)
}

/// The range of a branch of OpenSSL, from its first pre-release to that of the next one: `1.0.2`, `3.1`.
pub(super) fn branch(name: &str) -> Option<Affected> {
    let digits = |part: &&str| (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    let parts: Vec<&str> = name.split('.').take(4).collect();
    if !parts.iter().all(digits) {
        return None;
    }
    let numbers: Vec<u32> = parts.iter().filter_map(|part| part.parse().ok()).collect();
    let (begin, end) = match *numbers.as_slice() {
        [a, b] if a >= 3 => (format!("{a}.{b}.0-dev"), format!("{a}.{}.0-dev", b.saturating_add(1))),
        [a, b, c] if a < 3 => (format!("{a}.{b}.{c}-dev"), format!("{a}.{b}.{}-dev", c.saturating_add(1))),
        _ => return None,
    };
    let mut range = Affected::new(UPSTREAM, "openssl", "");
    (range.introduced, range.fixed) = (Some(begin), Some(end));
    Some(range)
}

/// Whether a row speaks of a branch of OpenSSL.
pub(super) fn touches(name: &str, row: &Affected) -> bool {
    if row.ecosystem != UPSTREAM || row.package != "openssl" {
        return false;
    }
    let Some(range) = branch(name) else { return false };
    let within = |version: &String| {
        let at_least = low(&range).map(|begin| Scheme::Openssl.compare(version, begin));
        let below = range.fixed.as_deref().map(|end| Scheme::Openssl.compare(version, end));
        matches!((at_least, below), (Some(Ok(a)), Some(Ok(b))) if a != Ordering::Less && b == Ordering::Less)
    };
    if row.versions.is_empty() {
        overlap(&range, row, Scheme::Openssl)
    } else {
        row.versions.iter().any(within)
    }
}
