//! Times as spreadsheets show them, read back: `22.11.2026`, `11/22/26 2:00 PM`, `2026-11-22 12:00:00`, `46348.5`.
//!
//! A spreadsheet drops the zone and keeps the clock, so what comes back is UTC, as it went out. Where day and month can be
//! told apart by nothing, both readings are given; nobody guesses here.

use crate::model::time::Timestamp;

/// How much of a time a cell still shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Precision {
    /// The date alone.
    Day,
    /// Hours and minutes.
    Minute,
    /// Everything.
    Second,
}

/// One reading of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reading {
    /// The time; the first moment of what is shown.
    pub(super) at: Timestamp,
    /// How much of it is shown.
    pub(super) precision: Precision,
}

impl Reading {
    /// Whether a time would be shown so.
    pub(super) fn shows(&self, time: Timestamp) -> bool {
        let seconds = match self.precision {
            Precision::Day => 86_400,
            Precision::Minute => 60,
            Precision::Second => 1,
        };
        time.micros().div_euclid(seconds * 1_000_000) == self.at.micros().div_euclid(seconds * 1_000_000)
    }

    /// The time as it would be written by hand.
    pub(super) fn text(&self) -> String {
        if self.precision == Precision::Day { self.at.date() } else { self.at.seconds() }
    }
}

const DAY: f64 = 86_400.0;
/// 1899-12-30: day 0 of LibreOffice, and of Excel from March 1900 on.
const EPOCH: i64 = -2_209_161_600;

/// All readings of a cell that can be a time; none where it cannot.
pub(super) fn readings(text: &str) -> Vec<Reading> {
    let text = text.trim().trim_start_matches('\'');
    if text.len() > 40 {
        return Vec::new();
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        let precision = if text.len() == 10 { Precision::Day } else { Precision::Second };
        return vec![Reading { at, precision }];
    }
    if let Some(serial) = serial(text) {
        return vec![serial];
    }
    let (date, clock) = match text.find([' ', 'T', '\u{a0}', '\u{202f}']) {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let clock = clock.trim_start_matches(|c: char| c == 'T' || c.is_whitespace());
    let Some((seconds, precision)) = clock_of(clock.trim_end_matches('Z').trim()) else {
        return Vec::new();
    };
    let mut found: Vec<Reading> = Vec::new();
    for (year, month, day) in days(date.trim_end_matches(',')) {
        let Ok(start) = format!("{year:04}-{month:02}-{day:02}").parse::<Timestamp>() else { continue };
        let reading = Reading { at: start.plus_seconds(seconds), precision };
        if !found.contains(&reading) {
            found.push(reading);
        }
    }
    found
}

/// A number of days, as a sheet keeps times: from 1954 to 2119, so that no small number is one.
fn serial(text: &str) -> Option<Reading> {
    let plain = text.replace(',', ".");
    if plain.is_empty() || !plain.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return None;
    }
    let days: f64 = plain.parse().ok().filter(|d| (20_000.0..80_000.0).contains(d))?;
    #[expect(clippy::cast_possible_truncation, reason = "held to 80,000 days above")]
    let seconds = (days * DAY).round() as i64;
    let precision = if days.fract() == 0.0 { Precision::Day } else { Precision::Second };
    Some(Reading { at: Timestamp::from_seconds(EPOCH + seconds), precision })
}

/// Every order of day, month and year that a date can have.
#[expect(clippy::many_single_char_names, reason = "three parts of which nobody knows yet which is the day")]
fn days(text: &str) -> Vec<(u32, u32, u32)> {
    let Some(mark) = text.chars().find(|c| matches!(c, '.' | '/' | '-')) else { return Vec::new() };
    let parts: Vec<&str> = text.trim_end_matches('.').split(mark).map(str::trim).collect();
    let [a, b, c] = parts[..] else { return Vec::new() };
    let number = |part: &str| {
        let digits = (1..=4).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        part.parse::<u32>().ok().filter(|_| digits)
    };
    let (Some(x), Some(y), Some(z)) = (number(a), number(b), number(c)) else { return Vec::new() };
    if a.len() == 4 {
        return vec![(x, y, z)];
    }
    let year = match c.len() {
        4 => z,
        2 => 2000 + z,
        _ => return Vec::new(),
    };
    match mark {
        '.' => vec![(year, y, x)],
        _ => [(year, y, x), (year, x, y)]
            .into_iter()
            .filter(|(_, month, _)| (1..=12).contains(month))
            .collect(),
    }
}

/// Seconds since midnight, and how finely they are shown.
fn clock_of(text: &str) -> Option<(i64, Precision)> {
    if text.is_empty() {
        return Some((0, Precision::Day));
    }
    let upper = text.to_ascii_uppercase();
    let (clock, half) =
        match upper.strip_suffix("AM").map(|t| (t, 0)).or(upper.strip_suffix("PM").map(|t| (t, 12))) {
            Some((clock, half)) => (clock.trim(), Some(half)),
            None => (upper.as_str(), None),
        };
    let mut parts = clock.split(':');
    let mut next = |max: i64| -> Option<i64> {
        let part = parts.next()?;
        let digits = (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        part.parse().ok().filter(|n| digits && *n <= max)
    };
    let mut hour = next(23)?;
    if let Some(half) = half {
        hour = if (1..=12).contains(&hour) { hour % 12 + half } else { return None };
    }
    let minute = next(59)?;
    let rest = parts.next();
    if parts.next().is_some() {
        return None;
    }
    let Some(rest) = rest else { return Some((hour * 3600 + minute * 60, Precision::Minute)) };
    let whole = rest.split(['.', ',']).next().unwrap_or_default();
    let second: i64 = whole.parse().ok().filter(|s| (0..=60).contains(s))?;
    Some((hour * 3600 + minute * 60 + second, Precision::Second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_spreadsheets_show_is_read_and_what_is_ambiguous_has_two_readings() {
        let table: &[(&str, &[&str])] = &[
            ("2026-11-22T14:00:37Z", &["2026-11-22T14:00:37Z"]),
            ("2026-11-22T15:00:37+01:00", &["2026-11-22T14:00:37Z"]),
            ("2026-11-22", &["2026-11-22"]),
            ("22.11.2026", &["2026-11-22"]),
            ("22.11.26", &["2026-11-22"]),
            ("3.4.2026", &["2026-04-03"]),
            ("11/22/2026", &["2026-11-22"]),
            ("22/11/2026", &["2026-11-22"]),
            ("03/04/2026", &["2026-04-03", "2026-03-04"]),
            ("04/04/2026", &["2026-04-04"]),
            ("03-04-2026", &["2026-04-03", "2026-03-04"]),
            ("2026/11/22", &["2026-11-22"]),
            ("2026-11-22 12:00:00", &["2026-11-22T12:00:00Z"]),
            ("2026-11-22T12:00:00", &["2026-11-22T12:00:00Z"]),
            ("22.11.2026 14:05", &["2026-11-22T14:05:00Z"]),
            ("11/22/26 2:05 PM", &["2026-11-22T14:05:00Z"]),
            ("11/22/2026 12:05:07 AM", &["2026-11-22T00:05:07Z"]),
            ("46348", &["2026-11-22"]),
            ("46348.5", &["2026-11-22T12:00:00Z"]),
            ("46348,5", &["2026-11-22T12:00:00Z"]),
            ("", &[]),
            ("soon", &[]),
            ("12", &[]),
            ("31.02.2026", &[]),
            ("13/13/2026", &[]),
            ("1.2.3", &[]),
            ("22.11.2026 25:00", &[]),
            ("22.11.2026 13:00 PM", &[]),
            ("2026-11-22 12:00:00:00", &[]),
            ("٣/٤/٢٠٢٦", &[]),
        ];
        for (text, expected) in table {
            let got: Vec<String> = readings(text).iter().map(Reading::text).collect();
            assert_eq!(got, *expected, "{text:?}");
        }
    }

    #[test]
    fn a_reading_shows_every_time_that_was_cut_to_it() {
        let time: Timestamp = "2026-11-22T14:05:37Z".parse().unwrap();
        for (text, shows) in [
            ("22.11.2026", true),
            ("22.11.2026 14:05", true),
            ("22.11.2026 14:05:37", true),
            ("22.11.2026 14:05:36", false),
            ("22.11.2026 14:06", false),
            ("23.11.2026", false),
        ] {
            assert_eq!(readings(text)[0].shows(time), shows, "{text}");
        }
    }
}
