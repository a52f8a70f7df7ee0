//! Local time to UTC by the host's own zone file (RFC 9636), for logs that give no zone.
//!
//! Only what logs need: one direction, the present zone. In the hour that clocks go through twice the
//! later reading is taken. A log from before the host was moved to another zone is read wrongly.

use super::note;
use crate::{
    host::{cover::Cover, root::Root},
    model::{host::Part, time::Timestamp},
};

const PLACE: &str = "/etc/localtime";

/// Days between a rule's year and 1970 are counted within these years.
const YEARS: std::ops::RangeInclusive<i64> = 1900..=2200;

/// A host's time zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Zone {
    /// From when on which offset holds, both in seconds, in order. The first holds before, too.
    changes: Vec<(i64, i64)>,
    /// What holds after the last change.
    rule: Option<Rule>,
    /// Whether all this is known.
    known: bool,
}

/// The end of a zone file: a standard offset, and when it is left for summer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rule {
    standard: i64,
    summer: Option<Summer>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Summer {
    offset: i64,
    begins: Turn,
    ends: Turn,
}

/// The `week`th `weekday` of a month (5: the last), and the seconds after local midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Turn {
    month: i64,
    week: i64,
    weekday: i64,
    seconds: i64,
}

impl Zone {
    /// The zone of a root. A host without one runs in UTC.
    pub(super) fn read(root: &Root, cover: &Cover) -> Self {
        match root.read(PLACE, 1 << 20) {
            Ok(bytes) => parse(&bytes).unwrap_or_else(|| Self::utc(false)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Self::utc(true),
            Err(error) => {
                note(cover, Part::Updates, PLACE, &error);
                Self::utc(false)
            }
        }
    }

    fn utc(known: bool) -> Self {
        Self { changes: vec![(i64::MIN, 0)], rule: None, known }
    }

    /// Whether the offsets are the host's own; where not, local time is taken as UTC.
    pub(super) fn known(&self) -> bool {
        self.known
    }

    /// A local time in UTC.
    pub(super) fn to_utc(&self, local: i64) -> Timestamp {
        // No offset is more than 26 hours: those around this time, the later reading first.
        let mut offsets: Vec<i64> =
            [-93_600, 0, 93_600].iter().map(|shift| self.offset_at(local.saturating_add(*shift))).collect();
        offsets.sort_unstable();
        let readings = offsets.iter().map(|offset| local.saturating_sub(*offset));
        let exact = readings.clone().find(|utc| local.saturating_sub(*utc) == self.offset_at(*utc));
        // In the hour that is left out in spring no reading fits: then the earlier offset.
        Timestamp::from_seconds(exact.or_else(|| readings.clone().next()).unwrap_or(local))
    }

    fn offset_at(&self, utc: i64) -> i64 {
        let after = self.changes.partition_point(|(from, _)| *from <= utc);
        if after == self.changes.len()
            && let Some(rule) = &self.rule
        {
            return rule.offset_at(utc);
        }
        let current = after.checked_sub(1).and_then(|n| self.changes.get(n)).or(self.changes.first());
        current.map_or(0, |(_, offset)| *offset)
    }
}

impl Rule {
    fn offset_at(&self, utc: i64) -> i64 {
        let Some(summer) = &self.summer else { return self.standard };
        let year = year_of(utc.saturating_add(self.standard));
        if !YEARS.contains(&year) {
            return self.standard;
        }
        let begins = summer.begins.at(year) - self.standard;
        let ends = summer.ends.at(year) - summer.offset;
        let inside = if begins < ends {
            (begins..ends).contains(&utc)
        } else {
            // South of the equator summer holds over the year's end.
            !(ends..begins).contains(&utc)
        };
        if inside { summer.offset } else { self.standard }
    }
}

impl Turn {
    /// Seconds since 1970, in the local time before the turn.
    fn at(&self, year: i64) -> i64 {
        let first = days(year, self.month, 1);
        // 1970-01-01 was a Thursday.
        let weekday = (first + 4).rem_euclid(7);
        let mut day = 1 + (self.weekday - weekday).rem_euclid(7) + (self.week - 1) * 7;
        let (next_year, next_month) = if self.month == 12 { (year + 1, 1) } else { (year, self.month + 1) };
        let length = days(next_year, next_month, 1) - first;
        while day > length {
            day -= 7;
        }
        (first + day - 1) * 86_400 + self.seconds
    }
}

/// Days since 1970 of a date in the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // Years that begin in March put the leap day at their end.
    let (y, m) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let before = y * 365 + y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400);
    before + (m * 306 + 5) / 10 + day - 1 - 719_468
}

fn year_of(seconds: i64) -> i64 {
    let day = seconds.div_euclid(86_400).clamp(-1_000_000, 1_000_000);
    let guess = 1970 + day.div_euclid(366);
    // The guess is off by at most a few years within the clamp's range.
    (guess - 16..guess + 16).rev().find(|year| days(*year, 1, 1) <= day).unwrap_or(guess)
}

fn parse(bytes: &[u8]) -> Option<Zone> {
    let (header, rest) = bytes.split_at_checked(44)?;
    if !header.starts_with(b"TZif") {
        return None;
    }
    let version = *header.get(4)?;
    if version == 0 {
        return block(header, rest, 4).map(|(changes, _)| Zone { changes, rule: None, known: true });
    }
    // The first block is for readers of 32 bits; the second is the one that counts.
    let rest = rest.get(block_len(header, 4)?..)?;
    let (header, rest) = rest.split_at_checked(44)?;
    if !header.starts_with(b"TZif") {
        return None;
    }
    let (changes, end) = block(header, rest, 8)?;
    let footer = rest.get(end..)?.strip_prefix(b"\n")?.split(|c| *c == b'\n').next()?;
    let footer = std::str::from_utf8(footer).ok()?;
    let rule = rule(footer);
    // Without a rule the last change holds on, which is true only where the footer is empty.
    let known = rule.is_some() || footer.is_empty();
    Some(Zone { changes, rule, known })
}

/// Counts in a header: indicators (UT, standard), leap seconds, changes, types, characters.
fn counts(header: &[u8]) -> Option<[usize; 6]> {
    let mut found = [0; 6];
    for (n, slot) in found.iter_mut().enumerate() {
        let bytes: [u8; 4] = header.get(20 + n * 4..24 + n * 4)?.try_into().ok()?;
        *slot = usize::try_from(u32::from_be_bytes(bytes)).ok().filter(|count| *count < 1 << 20)?;
    }
    Some(found)
}

fn block_len(header: &[u8], width: usize) -> Option<usize> {
    let [ut, standard, leap, changes, types, chars] = counts(header)?;
    Some(changes * (width + 1) + types * 6 + chars + leap * (width + 4) + standard + ut)
}

/// The changes of a block, and where it ends.
fn block(header: &[u8], rest: &[u8], width: usize) -> Option<(Vec<(i64, i64)>, usize)> {
    let [_, _, _, changes, types, _] = counts(header)?;
    let end = block_len(header, width)?;
    let (times, more) = rest.get(..end)?.split_at_checked(changes * width)?;
    let (kinds, more) = more.split_at_checked(changes)?;
    let offset = |kind: usize| {
        let bytes: [u8; 4] = more.get(..types * 6)?.get(kind * 6..kind * 6 + 4)?.try_into().ok()?;
        Some(i64::from(i32::from_be_bytes(bytes)))
    };
    let mut found = vec![(i64::MIN, offset(0)?)];
    for (time, kind) in times.chunks_exact(width).zip(kinds) {
        let time = match width {
            4 => i64::from(i32::from_be_bytes(time.try_into().ok()?)),
            _ => i64::from_be_bytes(time.try_into().ok()?),
        };
        found.push((time, offset(usize::from(*kind))?));
    }
    found.is_sorted_by_key(|(time, _)| *time).then_some((found, end))
}

/// A POSIX rule such as `CET-1CEST,M3.5.0,M10.5.0/3`; only the form by month and week, which zone files use.
fn rule(text: &str) -> Option<Rule> {
    let (standard, rest) = offset(name(text)?)?;
    if rest.is_empty() {
        return Some(Rule { standard, summer: None });
    }
    let rest = name(rest)?;
    let (summer, rest) =
        if rest.starts_with(',') { (standard.checked_add(3600)?, rest) } else { offset(rest)? };
    let mut turns = rest.strip_prefix(',')?.splitn(2, ',');
    let (begins, ends) = (turn(turns.next()?)?, turn(turns.next()?)?);
    Some(Rule { standard, summer: Some(Summer { offset: summer, begins, ends }) })
}

/// The rest after a zone's name: letters, or anything in angle brackets.
fn name(text: &str) -> Option<&str> {
    if let Some(quoted) = text.strip_prefix('<') {
        return quoted.split_once('>').map(|(_, rest)| rest);
    }
    let rest = text.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    (rest.len() < text.len()).then_some(rest)
}

/// An offset west of Greenwich, as seconds east of it.
fn offset(text: &str) -> Option<(i64, &str)> {
    let (seconds, rest) = clock(text)?;
    Some((-seconds, rest))
}

/// `[+-]hh[:mm[:ss]]`.
fn clock(text: &str) -> Option<(i64, &str)> {
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = text.find(|c: char| !c.is_ascii_digit() && c != ':').unwrap_or(text.len());
    let (clock, rest) = text.split_at_checked(end)?;
    let mut seconds = 0_i64;
    for (n, part) in clock.split(':').enumerate() {
        let unit = *[3600, 60, 1].get(n)?;
        let number: i64 = part.parse().ok().filter(|number| *number <= 167)?;
        seconds += number * unit;
    }
    Some((sign * seconds, rest))
}

fn turn(text: &str) -> Option<Turn> {
    let (day, time) = text.split_once('/').unwrap_or((text, "2"));
    let mut numbers = day.strip_prefix('M')?.split('.').map(|number| number.parse::<i64>().ok());
    let (month, week, weekday) = (numbers.next()??, numbers.next()??, numbers.next()??);
    let whole = numbers.next().is_none()
        && (1..=12).contains(&month)
        && (1..=5).contains(&week)
        && (0..=6).contains(&weekday);
    let (seconds, rest) = clock(time)?;
    (whole && rest.is_empty()).then_some(Turn { month, week, weekday, seconds })
}

/// For fuzzing.
pub(super) fn fuzz(data: &[u8]) {
    if let Some(zone) = parse(data) {
        for local in [i64::MIN, -1, 0, 1_790_000_000, i64::MAX] {
            let utc = zone.to_utc(local);
            assert!(utc.micros().abs_diff(Timestamp::from_seconds(local).micros()) < 1 << 53);
        }
    }
}
