//! What spreadsheets do to cells, and whether a cell that reads otherwise is an edit or only damaged.
//!
//! Damage is told by comparing with what we hold: `12` where we hold `00012` is no edit, `12` where we hold `web` is one.
//! Where a person wrote exactly what a spreadsheet would have made of it nobody can tell the two apart; then what we hold
//! is kept, and the cell is counted and named.

use std::borrow::Cow;

use super::{dates, read::windows_1252};
use crate::model::{
    edit_version::{Shape, canonical},
    guard::{runs, unguard},
};

/// How a cell of a file stands to a value of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Against {
    /// The same value.
    Same,
    /// What a spreadsheet makes of the value.
    Damaged,
    /// Another value.
    Other,
}

/// The texts that a cell can stand for: without the guard, and as it is (an export may have been made without one).
pub(super) fn texts(cell: &str) -> impl Iterator<Item = Cow<'_, str>> {
    let cell = cell.trim_matches([' ', '\u{a0}']);
    let bare = unguard(cell);
    let as_it_is = (bare != cell).then_some(Cow::Borrowed(cell));
    std::iter::once(bare).chain(as_it_is)
}

/// Compares a cell with what we hold.
pub(super) fn against(shape: Shape, cell: &str, ours: &str) -> Against {
    let held = canonical(shape, ours);
    if texts(cell).any(|text| canonical(shape, &text) == held) {
        return Against::Same;
    }
    if matches!(shape, Shape::Time | Shape::End) {
        let time = ours.trim().parse();
        let shown = |at| dates::readings(cell).iter().any(|r| r.shows(at));
        return if time.is_ok_and(shown) { Against::Same } else { Against::Other };
    }
    let cell = canonical(Shape::Text, cell);
    let damaged = logical(&cell, &held)
        || number(&cell, &held)
        || formula(&cell, &held)
        || date(&cell, &held)
        || clock(&cell, &held)
        || letters(&cell, &held);
    if damaged { Against::Damaged } else { Against::Other }
}

/// `true` shown as `TRUE`, or as the languages of spreadsheets write it.
fn logical(cell: &str, ours: &str) -> bool {
    let cell = cell.to_lowercase();
    match ours.to_lowercase().as_str() {
        "true" => matches!(&*cell, "true" | "wahr" | "vrai" | "vero" | "verdadero" | "verdadeiro" | "waar"),
        "false" => matches!(&*cell, "false" | "falsch" | "faux" | "falso" | "onwaar"),
        _ => false,
    }
}

/// A text of digits that lost its zeros, its form or its last digits: `00012`, `1e5`, `50%`, `12345678901234567890`.
fn number(cell: &str, ours: &str) -> bool {
    let (Some(shown), Some(held)) = (value(cell), value(ours)) else { return false };
    #[expect(clippy::float_cmp, reason = "two texts of one number give the same float")]
    if shown == held {
        return true;
    }
    // Fifteen digits are kept; with an exponent, as many as are shown.
    let scientific = cell.contains(['e', 'E']);
    let digits = cell.split(['e', 'E']).next().unwrap_or_default().bytes().filter(u8::is_ascii_digit).count();
    let kept = if scientific { i32::try_from(digits.min(15)).unwrap_or(15) } else { 15 };
    let many = ours.bytes().filter(u8::is_ascii_digit).count() > 15;
    (scientific || many) && (shown - held).abs() <= held.abs() * 0.5 * 10_f64.powi(1 - kept)
}

fn value(text: &str) -> Option<f64> {
    let (text, scale) = text.strip_suffix('%').map_or((text, 1.0), |t| (t, 0.01));
    let text = text.trim();
    let plain = |b: u8| b.is_ascii_digit() || matches!(b, b'.' | b',' | b'+' | b'-' | b'e' | b'E');
    if text.len() > 64 || !text.bytes().any(|b| b.is_ascii_digit()) || !text.bytes().all(plain) {
        return None;
    }
    let number: f64 = text.replace(',', ".").parse().ok()?;
    Some(number * scale).filter(|n| n.is_finite())
}

/// A formula that was run: where we hold `=1+1`, a number or an error is its result.
fn formula(cell: &str, ours: &str) -> bool {
    if !runs(ours) || ours.chars().count() < 2 {
        return false;
    }
    let error = cell.starts_with('#') || cell.starts_with("Err:");
    let could_be_one = ours.bytes().any(|b| b.is_ascii_digit() || b == b'(');
    error || (could_be_one && value(cell).is_some())
}

/// `3-4` shown as the third of April, or the fourth of March.
fn date(cell: &str, ours: &str) -> bool {
    let parts: Vec<&str> = ours.split(['-', '/', '.', ' ']).filter(|p| !p.is_empty()).collect();
    let numbers: Option<Vec<u32>> = parts.iter().map(|p| p.parse().ok().filter(|_| p.len() <= 4)).collect();
    let Some(numbers) = numbers.filter(|n| (2..=3).contains(&n.len())) else { return false };
    let fits = |reading: &dates::Reading| {
        let date = reading.at.date();
        let mut fields: Vec<u32> = date.split('-').filter_map(|f| f.parse().ok()).collect();
        fields.extend(fields.first().map(|year| year % 100));
        numbers.iter().all(|n| fields.contains(n))
    };
    let shown = dates::readings(cell);
    if !shown.is_empty() {
        return shown.iter().any(fits);
    }
    // `04. Mrz`, `4-Mar`: the month as a word, and one of the numbers.
    let words: Vec<&str> = cell.split(['-', '/', '.', ' ', ',']).filter(|w| !w.is_empty()).collect();
    let word = |w: &&&str| w.chars().all(char::is_alphabetic) && (3..=9).contains(&w.chars().count());
    let rest: Option<Vec<u32>> = words.iter().filter(|w| !word(w)).map(|w| w.parse().ok()).collect();
    let two = |n: &u32| numbers.contains(n) || numbers.contains(&(n % 100));
    words.iter().filter(word).count() == 1 && rest.is_some_and(|r| !r.is_empty() && r.iter().all(two))
}

/// `10:30` shown as `10:30:00`, `10:30 AM` or a part of a day.
fn clock(cell: &str, ours: &str) -> bool {
    let seconds = |text: &str| {
        let mut parts = text.split(':');
        let (hour, minute) = (parts.next()?, parts.next()?);
        let second = parts.next().unwrap_or("0");
        let number = |p: &str| p.parse::<u32>().ok().filter(|_| p.len() <= 2);
        let all = number(hour)? * 3600 + number(minute)? * 60 + number(second)?;
        parts.next().is_none().then_some(all)
    };
    let Some(held) = seconds(ours) else { return false };
    let upper = cell.to_uppercase();
    let (bare, half) = match (upper.strip_suffix("AM"), upper.strip_suffix("PM")) {
        (Some(bare), _) => (bare.trim().to_owned(), 0),
        (_, Some(bare)) => (bare.trim().to_owned(), 43_200),
        _ => (upper.clone(), 0),
    };
    let part = || value(cell).is_some_and(|part| (part * 86_400.0 - f64::from(held)).abs() < 1.0);
    seconds(&bare).is_some_and(|shown| shown == held || shown % 43_200 + half == held) || part()
}

/// `JÃ¼rgen` where we hold `Jürgen`: a file of UTF-8 that was opened as Windows-1252.
fn letters(cell: &str, ours: &str) -> bool {
    !ours.is_ascii() && canonical(Shape::Text, &windows_1252(ours.as_bytes())) == cell
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_is_told_from_edits() {
        use Against::{Damaged, Other, Same};
        let table = [
            ("web", "web", Same),
            (" web\u{a0}", "web", Same),
            ("'=1+1", "=1+1", Same),
            ("=1+1", "=1+1", Same),
            ("''=1", "'=1", Same),
            ("'=1", "'=1", Same),
            ("'tis", "'tis", Same),
            ("a\nb", "a / b", Same),
            ("2", "=1+1", Damaged),
            ("#NAME?", "=cmd|' /C calc'!A0", Damaged),
            ("Err:508", "=(", Damaged),
            ("#NAME?", "@SUM(A1)", Damaged),
            ("#NAME?", "web", Other),
            ("2", "-", Other),
            ("2", "web", Other),
            ("12", "00012", Damaged),
            ("13", "00012", Other),
            ("100000", "1e5", Damaged),
            ("1E+05", "1e5", Damaged),
            ("1.00E+05", "100000", Damaged),
            ("1,23457E+11", "123456789012", Damaged),
            ("1.3E+11", "123456789012", Other),
            ("12345678901234600000", "12345678901234567890", Damaged),
            ("12", "12.3", Other),
            ("0.5", "50%", Damaged),
            ("-5", "-5", Same),
            ("4930123", "+4930123", Damaged),
            ("2026-04-03 00:00:00", "3-4", Damaged),
            ("03/04/26", "3-4", Damaged),
            ("04.03.2026", "3-4", Damaged),
            ("3. Apr", "3-4", Damaged),
            ("05.03.2026", "3-4", Other),
            ("04. Team", "web", Other),
            ("TRUE", "true", Damaged),
            ("WAHR", "true", Damaged),
            ("FALSE", "true", Other),
            ("10:30:00", "10:30", Damaged),
            ("0.4375", "10:30", Damaged),
            ("11:30:00", "10:30", Other),
            ("JÃ¼rgen â‚¬", "Jürgen €", Damaged),
            ("Jurgen", "Jürgen", Other),
            ("", "web", Other),
            ("web", "", Other),
        ];
        for (cell, ours, expected) in table {
            assert_eq!(against(Shape::Text, cell, ours), expected, "{cell:?} where we hold {ours:?}");
        }
        let times = [
            ("22.11.2026 14:00", "2026-11-22T14:00:31Z", Same),
            ("46348.5833333333", "2026-11-22T14:00:00Z", Same),
            ("23.11.2026", "2026-11-22T14:00:31Z", Other),
            ("soon", "2026-11-22T14:00:31Z", Other),
            ("", "", Same),
        ];
        for (cell, ours, expected) in times {
            assert_eq!(against(Shape::End, cell, ours), expected, "{cell:?} where we hold {ours:?}");
        }
    }
}
