//! A point in time: microseconds since 1970 in UTC, written as RFC 3339 with microseconds.
//!
//! Not a clock: what time it is now comes from `crate::clock`, which tests and the drill can fix.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// Microseconds since the Unix epoch, UTC. Within years 0001 to 9999, so that it can always be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(i64);

/// A text that is not an RFC 3339 time or date.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a time; expected RFC 3339 such as 2026-11-22T14:00:00Z, or a date such as 2026-11-22")]
pub struct BadTime(String);

const MIN: i64 = -62_135_596_800_000_000; // 0001-01-01T00:00:00Z
const MAX: i64 = 253_402_300_799_999_999; // 9999-12-31T23:59:59.999999Z

impl Timestamp {
    /// From microseconds since the epoch, held within years 0001 to 9999.
    pub const fn from_micros(micros: i64) -> Self {
        Self(if micros < MIN {
            MIN
        } else if micros > MAX {
            MAX
        } else {
            micros
        })
    }

    /// From seconds since the epoch.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self::from_micros(seconds.saturating_mul(1_000_000))
    }

    /// Microseconds since the epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// This time moved by so many seconds, held within the range.
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self::from_micros(self.0.saturating_add(seconds.saturating_mul(1_000_000)))
    }

    /// Whole seconds from `earlier` to this time; negative when it lies before.
    pub const fn seconds_since(self, earlier: Self) -> i64 {
        (self.0 - earlier.0) / 1_000_000
    }

    /// The date and minute for people: `2026-11-22 14:00`.
    pub fn short(self) -> String {
        let text = self.to_string();
        format!("{} {}", &text[..10], &text[11..16])
    }

    /// RFC 3339 in whole seconds, as a spreadsheet reads it: `2026-11-22T14:00:00Z`. Fractions are cut off.
    pub fn seconds(self) -> String {
        format!("{}Z", &self.to_string()[..19])
    }

    /// The date alone: `2026-11-22`.
    pub fn date(self) -> String {
        self.to_string()[..10].to_owned()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let t = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1000)
            .unwrap_or(OffsetDateTime::UNIX_EPOCH);
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z",
            t.year(),
            u8::from(t.month()),
            t.day(),
            t.hour(),
            t.minute(),
            t.second(),
            t.microsecond()
        )
    }
}

impl Timestamp {
    /// An end as people write it: RFC 3339, or a date, that day included (UTC).
    pub fn end_of(text: &str) -> Result<Self, BadTime> {
        const DAY: i64 = 86_400;
        let time: Self = text.parse()?;
        Ok(if text.len() == 10 { time.plus_seconds(DAY - 1) } else { time })
    }
}

impl FromStr for Timestamp {
    type Err = BadTime;

    fn from_str(text: &str) -> Result<Self, BadTime> {
        let bad = || BadTime(text.chars().take(80).collect());
        let full = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
        let time = OffsetDateTime::parse(&full, &Rfc3339).map_err(|_| bad())?;
        let micros = i64::try_from(time.unix_timestamp_nanos() / 1000).map_err(|_| bad())?;
        Ok(Self::from_micros(micros))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str> as Deserialize>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_with_microseconds_and_read_back() {
        let table: &[(&str, Option<&str>)] = &[
            ("2026-11-22T14:00:00.123456Z", Some("2026-11-22T14:00:00.123456Z")),
            ("2014-04-07", Some("2014-04-07T00:00:00.000000Z")),
            ("2014-04-07T12:00:00+02:00", Some("2014-04-07T10:00:00.000000Z")),
            ("yesterday", None),
            ("2014-13-01", None),
            ("", None),
        ];
        for (input, expected) in table {
            let got = input.parse::<Timestamp>().ok().map(|t| t.to_string());
            assert_eq!(got.as_deref(), *expected, "input: {input:?}");
        }
    }

    #[test]
    fn whole_seconds_are_cut_and_not_rounded_and_can_be_read_back() {
        let table = [
            ("2026-11-22T14:00:00.999999Z", "2026-11-22T14:00:00Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
            ("1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59Z"),
        ];
        for (input, expected) in table {
            let time: Timestamp = input.parse().unwrap();
            assert_eq!(time.seconds(), expected, "input: {input}");
            assert!(time.seconds().parse::<Timestamp>().is_ok(), "input: {input}");
        }
    }

    #[test]
    fn absurd_times_stay_writable() {
        assert_eq!(Timestamp::from_micros(i64::MAX).to_string(), "9999-12-31T23:59:59.999999Z");
        assert_eq!(Timestamp::from_micros(i64::MIN).to_string(), "0001-01-01T00:00:00.000000Z");
    }
}
