//! The rows of a disclosure against themselves and each other: versions that are none, ranges that end before
//! they begin, rows that say the same twice, and rows that say different things of the same version.

use std::{cmp::Ordering, collections::BTreeMap};

use toml::de::DeTable;

use crate::model::{
    disclosure::{Affected, RowStatus},
    version::Scheme,
};

use super::{
    super::ranges,
    Faults,
    shape::{text, texts, value},
    short,
};

/// Pairs of rows that are compared in one text. A record has some dozen rows of one package, which is some
/// hundred pairs.
const PAIRS: usize = 1 << 18;

/// A row and where it stands.
struct Placed<'t, 'i> {
    row: Affected,
    table: &'t DeTable<'i>,
    at: usize,
}

impl Placed<'_, '_> {
    /// Where a field stands, or else the row.
    fn place(&self, field: &str) -> usize {
        value(self.table, field).map_or(self.at, |value| value.span().start)
    }
}

pub(super) fn check(root: &DeTable<'_>, faults: &mut Faults) {
    let rows = value(root, "affected").and_then(|rows| rows.get_ref().as_array()).into_iter().flatten();
    let rows: Vec<Placed<'_, '_>> = rows
        .filter_map(|row| {
            let table = row.get_ref().as_table()?;
            Some(Placed { row: read(table), table, at: row.span().start })
        })
        .collect();
    for row in &rows {
        alone(row, faults);
    }
    same_twice(&rows, faults);
    contradictions(&rows, faults);
    unanalysed(root, &rows, faults);
}

/// A branch that nobody analysed is in no row.
fn unanalysed(root: &DeTable<'_>, rows: &[Placed<'_, '_>], faults: &mut Faults) {
    let rows: Vec<&Affected> =
        rows.iter().map(|row| &row.row).filter(|row| row.scheme() == Some(Scheme::Openssl)).collect();
    let names = texts(root, "not_analysed").count();
    if names.saturating_mul(rows.len()) > PAIRS {
        let at = value(root, "not_analysed").map_or(0, |value| value.span().start);
        return faults.add(at, format!("too many branches to compare: {names} with {} rows", rows.len()));
    }
    for (name, span) in texts(root, "not_analysed") {
        if let Some(row) = rows.iter().find(|row| ranges::touches(name, row)) {
            let status = row.status;
            let message =
                format!("branch {} is not analysed, and a row says that it is {status}", short(name));
            faults.add(span.start, message);
        }
    }
}

/// The row as far as it can be read; what cannot is a fault of its shape.
fn read(table: &DeTable<'_>) -> Affected {
    let get = |name| text(table, name).map(|(text, _)| text.to_owned());
    let word = |name| text(table, name).map(|(text, _)| text);
    let mut row = Affected::new("", "", "");
    row.ecosystem = get("ecosystem").unwrap_or_default();
    row.package = get("package").unwrap_or_default();
    row.advisory = get("advisory").unwrap_or_default();
    (row.introduced, row.fixed, row.last_affected) = (get("introduced"), get("fixed"), get("last_affected"));
    row.versions = texts(table, "versions").map(|(text, _)| text.to_owned()).collect();
    row.status = word("status").and_then(|w| w.parse().ok()).unwrap_or(row.status);
    row.confidence = word("confidence").and_then(|w| w.parse().ok()).unwrap_or(row.confidence);
    row.note = get("note");
    row
}

/// What is wrong with a row by itself.
fn alone(row: &Placed<'_, '_>, faults: &mut Faults) {
    let Affected { introduced, fixed, last_affected, versions, .. } = &row.row;
    if fixed.is_some() && last_affected.is_some() {
        faults.add(row.place("last_affected"), "`fixed` and `last_affected` in one row: keep one".to_owned());
    }
    if !versions.is_empty() && (introduced.is_some() || fixed.is_some() || last_affected.is_some()) {
        faults.add(row.place("versions"), "`versions` and a range in one row: make two rows".to_owned());
    }
    let Some(scheme) = row.row.scheme() else { return };
    let mut bad = false;
    for field in ["introduced", "fixed", "last_affected"] {
        let Some((version, span)) = text(row.table, field) else { continue };
        if field == "introduced" && version == ranges::FIRST {
            continue;
        }
        if let Err(e) = scheme.check(version) {
            faults.add(span.start, format!("`{field}`: {e}"));
            bad = true;
        }
    }
    for (version, span) in texts(row.table, "versions") {
        if let Err(e) = scheme.check(version) {
            faults.add(span.start, format!("`versions`: {e}"));
        }
    }
    if !bad {
        order(row, scheme, faults);
    }
}

/// A range has to hold a version.
fn order(row: &Placed<'_, '_>, scheme: Scheme, faults: &mut Faults) {
    let Some(begin) = ranges::low(&row.row) else { return };
    let ends = [("fixed", &row.row.fixed, false), ("last_affected", &row.row.last_affected, true)];
    for (field, end, included) in ends {
        let Some(end) = end else { continue };
        let holds = match scheme.compare(begin, end) {
            Ok(Ordering::Less) => true,
            Ok(Ordering::Equal) => included,
            _ => false,
        };
        if !holds {
            let (begin, end) = (short(begin), short(end));
            faults.add(
                row.place(field),
                format!("`{field}` {end} is not above `introduced` {begin} ({scheme})"),
            );
        }
    }
}

fn same_twice(rows: &[Placed<'_, '_>], faults: &mut Faults) {
    let mut seen: BTreeMap<Affected, usize> = BTreeMap::new();
    for (number, row) in (1..).zip(rows) {
        // What a row says, without who says so.
        let mut says = Affected { advisory: String::new(), note: None, ..row.row.clone() };
        says.introduced = ranges::low(&row.row).map(str::to_owned);
        match seen.get(&says) {
            Some(first) => faults.add(row.at, format!("the row says the same as row {first}")),
            None => drop(seen.insert(says, number)),
        }
    }
}

/// Rows of one package that say different things of one version. A single version in `versions` may stand out of
/// a range: that is what it is for.
fn contradictions(rows: &[Placed<'_, '_>], faults: &mut Faults) {
    let mut singles: BTreeMap<(&str, &str, &str), RowStatus> = BTreeMap::new();
    let mut packages: BTreeMap<(&str, &str), Vec<(usize, &Placed<'_, '_>)>> = BTreeMap::new();
    for (number, row) in (1..).zip(rows) {
        let (ecosystem, package) = (row.row.ecosystem.as_str(), row.row.package.as_str());
        for (version, span) in texts(row.table, "versions") {
            let status = *singles.entry((ecosystem, package, version)).or_insert(row.row.status);
            if status != row.row.status {
                let message = format!("{} is {status} in another row of {package}", short(version));
                faults.add(span.start, message);
            }
        }
        if row.row.versions.is_empty() {
            packages.entry((ecosystem, package)).or_default().push((number, row));
        }
    }
    let mut pairs = 0_usize;
    for ((ecosystem, package), rows) in packages {
        let Some(scheme) = rows.first().and_then(|(_, row)| row.row.scheme()) else { continue };
        for (i, (_, row)) in rows.iter().enumerate() {
            pairs = pairs.saturating_add(i);
            if pairs > PAIRS {
                let (package, ecosystem) = (short(package), short(ecosystem));
                let message = format!("too many rows to compare, {} of {package} of {ecosystem}", rows.len());
                return faults.add(row.at, message);
            }
            let other = |(_, other): &&(usize, &Placed<'_, '_>)| {
                other.row.status != row.row.status && ranges::overlap(&other.row, &row.row, scheme)
            };
            if let Some((number, first)) = rows.iter().take(i).find(other) {
                let (ours, theirs) = (row.row.status, first.row.status);
                let message = format!(
                    "the row says {ours}, and row {number} says {theirs} of some of the same versions"
                );
                faults.add(row.at, message);
            }
        }
    }
}
