//! Rows that contradict each other. A contradiction makes a package unknown: never clean, never vulnerable.
//!
//! It looks at all rows of one package of one ecosystem together and knows no format.

use std::{cmp::Ordering, collections::HashMap};

use super::{
    draft::{Notes, Row, SENTENCE, name_fault, unknown},
    read::{Trail, shown},
};
use crate::model::{
    disclosure::{Affected, RowStatus},
    version::Scheme,
};

/// The rows in order, each once, those of a package that contradict each other replaced by one unknown row.
pub(super) fn settle(mut rows: Vec<Row<'_>>, notes: &mut Notes) -> Vec<Affected> {
    rows.sort_by(|a, b| a.said.cmp(&b.said));
    rows.dedup_by(|next, first| {
        same_but_for_source(&first.said, &next.said) && fold(&mut first.said, &next.said)
    });
    let mut out = Vec::with_capacity(rows.len());
    for group in rows.chunk_by(|a, b| whose(a) == whose(b)) {
        match contradiction(group) {
            None => out.extend(group.iter().map(|row| row.said.clone())),
            Some((at, reason)) => {
                let (ecosystem, package) = group.first().map(whose).unwrap_or_default();
                notes.add(at, &format!("{reason}; {package} of {ecosystem} is unknown"));
                out.extend(group.first().map(|row| unknown(&row.said, &reason)));
            }
        }
    }
    out
}

fn same_but_for_source(a: &Affected, b: &Affected) -> bool {
    let same_package = (&a.ecosystem, &a.package) == (&b.ecosystem, &b.package);
    same_package && same_range(a, b) && a.versions == b.versions && a.confidence == b.confidence
}

/// Takes over what another row says beyond the same versions: who else says so, and its remark.
fn fold(row: &mut Affected, other: &Affected) -> bool {
    let also = (other.advisory != row.advisory).then(|| format!("also {}", other.advisory));
    for more in also.into_iter().chain(other.note.clone()) {
        let note = row.note.get_or_insert_default();
        if note.is_empty() {
            *note = more;
        } else if note.len() < SENTENCE && !note.contains(&more) {
            note.push_str("; ");
            note.push_str(&more);
        }
    }
    true
}

fn whose<'r>(row: &'r Row<'_>) -> (&'r str, &'r str) {
    (&row.said.ecosystem, &row.said.package)
}

type Fault<'r, 'a> = Option<(&'r Trail<'a>, String)>;

fn contradiction<'r, 'a>(group: &'r [Row<'a>]) -> Fault<'r, 'a> {
    group
        .iter()
        .find_map(|row| bad_bounds(&row.said).map(|reason| (&row.at, reason)))
        .or_else(|| same_version_twice(group))
        .or_else(|| ranges_disagree(group))
}

/// What is wrong with a row taken alone.
fn bad_bounds(row: &Affected) -> Option<String> {
    if row.fixed.is_some() && row.last_affected.is_some() {
        return Some("`fixed` and `last_affected` in one range".to_owned());
    }
    let bounds = row.introduced.iter().chain(&row.fixed).chain(&row.last_affected);
    for version in bounds.chain(&row.versions) {
        if let Some(fault) = version_fault(row.scheme(), version) {
            return Some(fault);
        }
    }
    let scheme = row.scheme()?;
    let introduced = row.introduced.as_deref()?;
    let order = |bound: &str| scheme.compare(introduced, bound).unwrap_or(Ordering::Greater);
    match (&row.fixed, &row.last_affected) {
        (Some(fixed), _) if order(fixed) != Ordering::Less => {
            Some(format!("introduced {} is not before fixed {}", shown(introduced), shown(fixed)))
        }
        (_, Some(last)) if order(last) == Ordering::Greater => {
            Some(format!("introduced {} is after the last affected {}", shown(introduced), shown(last)))
        }
        _ => None,
    }
}

/// Why a text is not a version that this ecosystem can compare.
pub(super) fn version_fault(scheme: Option<Scheme>, version: &str) -> Option<String> {
    if let Some(fault) = name_fault(version) {
        return Some(format!("the version `{}` {fault}", shown(version)));
    }
    let scheme = scheme?;
    scheme
        .check(version)
        .err()
        .map(|_| format!("`{}` is not a version as {scheme} orders them", shown(version)))
}

fn same_version_twice<'r, 'a>(group: &'r [Row<'a>]) -> Fault<'r, 'a> {
    let mut seen: HashMap<&str, RowStatus> = HashMap::new();
    for row in group {
        for version in &row.said.versions {
            let before = *seen.entry(version).or_insert(row.said.status);
            if before != row.said.status {
                let reason = format!("{} is called {before} and {}", shown(version), row.said.status);
                return Some((&row.at, reason));
            }
        }
    }
    None
}

/// Ranges of one package must lie apart or be the same.
fn ranges_disagree<'r, 'a>(group: &'r [Row<'a>]) -> Fault<'r, 'a> {
    let scheme = group.first().and_then(|row| row.said.scheme());
    let ranged: Vec<&Row<'a>> = group.iter().filter(|row| row.said.versions.is_empty()).collect();
    let Some(scheme) = scheme else {
        // Nobody is judged by these rows: only what is plain without an order is looked for.
        let first = ranged.iter().find(|row| whole(&row.said))?;
        let other = ranged.iter().find(|row| row.said.status != first.said.status)?;
        return Some((&other.at, disagreement(&first.said, &other.said)));
    };
    let sorted = merge_sorted(ranged, |a, b| starts_before(scheme, &a.said, &b.said));
    let mut widest: Option<&Row<'a>> = None;
    for row in sorted {
        let Some(before) = widest else {
            widest = Some(row);
            continue;
        };
        if same_range(&before.said, &row.said) {
            continue;
        }
        if overlap(scheme, &before.said, &row.said) {
            return Some((&row.at, disagreement(&before.said, &row.said)));
        }
        widest = Some(row);
    }
    None
}

fn whole(row: &Affected) -> bool {
    row.introduced.is_none() && row.fixed.is_none() && row.last_affected.is_none()
}

fn same_range(a: &Affected, b: &Affected) -> bool {
    (a.status, &a.introduced, &a.fixed, &a.last_affected)
        == (b.status, &b.introduced, &b.fixed, &b.last_affected)
}

fn starts_before(scheme: Scheme, a: &Affected, b: &Affected) -> bool {
    match (&a.introduced, &b.introduced) {
        (None, other) => other.is_some(),
        (Some(_), None) => false,
        (Some(a), Some(b)) => scheme.compare(a, b) == Ok(Ordering::Less),
    }
}

/// Whether the later range starts before the earlier one ends.
fn overlap(scheme: Scheme, earlier: &Affected, later: &Affected) -> bool {
    let Some(start) = &later.introduced else { return true };
    let order = |end: &str| scheme.compare(start, end).unwrap_or(Ordering::Less);
    match (&earlier.fixed, &earlier.last_affected) {
        (Some(fixed), _) => order(fixed) == Ordering::Less,
        (None, Some(last)) => order(last) != Ordering::Greater,
        (None, None) => true,
    }
}

fn disagreement(a: &Affected, b: &Affected) -> String {
    // An entry that could not be read may say anything of the versions that the others speak of.
    if let Some(open) = [a, b].into_iter().find(|row| row.status == RowStatus::Unknown) {
        return open.note.clone().unwrap_or_else(|| format!("{} is called unknown", range(open)));
    }
    if a.status == b.status {
        return format!("two ranges disagree: {} and {}", range(a), range(b));
    }
    format!("{} is called {} and {} {}", range(a), a.status, range(b), b.status)
}

fn range(row: &Affected) -> String {
    let from = row.introduced.as_deref().map_or("0".to_owned(), shown);
    match (&row.fixed, &row.last_affected) {
        (Some(fixed), _) => format!("{from} to before {}", shown(fixed)),
        (None, Some(last)) => format!("{from} to {}", shown(last)),
        (None, None) if row.introduced.is_none() => "every version".to_owned(),
        (None, None) => format!("{from} and later"),
    }
}

/// A merge sort of our own: the standard one may panic where an order of hostile versions is not total.
pub(super) fn merge_sorted<T>(items: Vec<T>, before: impl Fn(&T, &T) -> bool) -> Vec<T> {
    let mut runs: Vec<Vec<T>> = items.into_iter().map(|item| vec![item]).collect();
    while runs.len() > 1 {
        let mut merged = Vec::with_capacity(runs.len().div_ceil(2));
        let mut pairs = runs.into_iter();
        while let Some(left) = pairs.next() {
            merged.push(match pairs.next() {
                Some(right) => merge(left, right, &before),
                None => left,
            });
        }
        runs = merged;
    }
    runs.pop().unwrap_or_default()
}

fn merge<T>(left: Vec<T>, right: Vec<T>, before: &impl Fn(&T, &T) -> bool) -> Vec<T> {
    let mut out = Vec::with_capacity(left.len().saturating_add(right.len()));
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
        let next = if before(b, a) { right.next() } else { left.next() };
        out.extend(next);
    }
    out.extend(left);
    out.extend(right);
    out
}
