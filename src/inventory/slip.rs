//! Words that are nearly one that is known: what somebody probably meant. It decides nothing.

use super::{host::quoted, intake::Intake, table::key};
use crate::model::{
    loading::NoticeKind,
    service::{COLUMNS, Source},
};

/// `; did you mean ...`, where one of the known words is near.
pub(super) fn hint(word: &str, known: &[&str]) -> String {
    let word = key(word);
    match near(&word, known) {
        Some((d, known)) if d <= 1 + usize::from(word.len() > 4) => format!("; did you mean `{known}`?"),
        _ => String::new(),
    }
}

/// The column that a name of something else is one letter away from.
pub(super) fn column(name: &str) -> Option<&'static str> {
    let word = key(name);
    near(&word, COLUMNS).filter(|(d, _)| *d == 1 && word.len() > 2).map(|(_, column)| column)
}

/// Tells a name that became a tag, where a column was probably meant.
pub(super) fn tell(name: &str, source: Source, intake: &mut Intake<'_>) {
    if let Some(column) = column(name) {
        let message =
            format!("{} is no column and was kept as a tag; did you mean `{column}`?", quoted(name));
        intake.notice(NoticeKind::LikelySlip, message, Some(source));
    }
}

fn near<'k>(word: &str, known: &[&'k str]) -> Option<(usize, &'k str)> {
    known.iter().map(|&k| (distance(word, k), k)).min_by_key(|(d, _)| *d)
}

/// How many letters have to be put in, left out, changed or swapped with their neighbour to make one word the other.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(64).collect(), b.chars().take(64).collect());
    let mut rows: [Vec<usize>; 3] = [Vec::new(), (0..=b.len()).collect(), Vec::new()];
    for (i, ca) in a.iter().enumerate() {
        let [before, last, _] = &rows;
        let mut row = vec![i + 1];
        for (j, cb) in b.iter().enumerate() {
            let at = |row: &Vec<usize>, j: usize| row.get(j).copied().unwrap_or(usize::MAX / 2);
            let mut best =
                (at(last, j + 1) + 1).min(at(&row, j) + 1).min(at(last, j) + usize::from(ca != cb));
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(cb) && b.get(j - 1) == Some(ca);
            if swapped {
                best = best.min(at(before, j - 1) + 1);
            }
            row.push(best);
        }
        let [_, last, _] = rows;
        rows = [last, row, Vec::new()];
    }
    rows[1].last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_meant_where_one_letter_is_wrong() {
        let table = [
            ("prt", Some("port")),
            ("Onwer", Some("owner")),
            ("adress", Some("address")),
            ("service-typ", Some("service_type")),
            ("rack", None),
            ("state", None),
            ("role", None),
            ("port", None),
            ("ip", None),
        ];
        for (name, expected) in table {
            assert_eq!(column(name), expected, "{name}");
        }
    }

    #[test]
    fn a_near_miss_is_named() {
        let table = [
            ("servces", "; did you mean `services`?"),
            ("serivces", "; did you mean `services`?"),
            ("Hosts", "; did you mean `hosts`?"),
            ("hots", "; did you mean `hosts`?"),
            ("inventory", ""),
            ("", ""),
        ];
        for (word, expected) in table {
            assert_eq!(hint(word, &["hosts", "services"]), expected, "{word}");
        }
        assert_eq!(distance("ab", "ba"), 1);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
