//! OpenSSL's own versions: `1.0.1e`, `1.0.2-beta1`, `1.0.1e-fips`, `3.0.2+quic`, `1.0.2za`, `4.0.3`.
//!
//! Letters mark the patch releases of the series before 3.0 (OpenSSL release strategy): none, a to z, then
//! za to zz. Pre-releases (`-dev`, `-alpha1`, `-beta1`, `-pre1`) come before the release. What builders add
//! (`-fips`, `+quic`, vendor tags) does not take part in the order.

use std::{cmp::Ordering, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{BadVersion, LONGEST};

/// A version of OpenSSL. Equal versions may be written differently: what builders add does not count.
#[derive(Clone, Debug)]
pub struct OpensslVersion {
    text: String,
    numbers: [u32; 3],
    pre: Option<(u8, u32)>,
    letters: String,
}

/// What takes part in the order, still in the text.
struct Parts<'a> {
    numbers: [u32; 3],
    pre: Option<(u8, u32)>,
    letters: &'a str,
}

/// Numbers; whether it is a release, else which pre-release; letters.
type Key<'a> = ([u32; 3], (bool, u8, u32), usize, &'a str);

/// Words of pre-releases, earliest first.
const PRE: &[&str] = &["dev", "alpha", "beta", "pre"];

/// The order of two versions of OpenSSL.
pub(super) fn compare(a: &str, b: &str) -> Result<Ordering, BadVersion> {
    Ok(parse(a)?.key().cmp(&parse(b)?.key()))
}

fn parse(text: &str) -> Result<Parts<'_>, BadVersion> {
    let bad = || BadVersion::new(text, "a version of OpenSSL", "one such as 1.0.1e, 1.0.2-beta1, 3.0.7");
    parts(text).ok_or_else(bad)
}

fn parts(text: &str) -> Option<Parts<'_>> {
    let text = Some(text).filter(|t| t.len() <= LONGEST)?;
    let core_end = text.find(['-', '+', ' ']).unwrap_or(text.len());
    let (core, tail) = text.split_at(core_end);
    let letters_at = core.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(core.len());
    let (digits, letters) = core.split_at(letters_at);
    let mut parts = digits.split('.');
    let mut number = || -> Option<u32> {
        let part = parts.next().filter(|p| p.len() <= 6 && p.bytes().all(|b| b.is_ascii_digit()))?;
        part.parse().ok()
    };
    let numbers = [number()?, number()?, number()?];
    let letters_fit = letters.len() <= 2 && letters.bytes().all(|b| b.is_ascii_lowercase());
    (parts.next().is_none() && letters_fit).then(|| Parts { numbers, pre: pre_release(tail), letters })
}

fn pre_release(tail: &str) -> Option<(u8, u32)> {
    let word = tail.strip_prefix('-')?;
    PRE.iter().zip(0_u8..).find_map(|(name, rank)| {
        let digits = word.strip_prefix(name)?;
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        let (number, rest) = digits.split_at(end);
        // `-prefixed` is a vendor's word and no pre-release.
        let ends = rest.is_empty() || rest.starts_with(['-', '+', ' ']);
        // No number is the first; one that is too large stays behind all others.
        let number = if number.is_empty() { 0 } else { number.parse().unwrap_or(u32::MAX) };
        ends.then_some((rank, number))
    })
}

impl Parts<'_> {
    fn key(&self) -> Key<'_> {
        key(self.numbers, self.pre, self.letters)
    }
}

fn key(numbers: [u32; 3], pre: Option<(u8, u32)>, letters: &str) -> Key<'_> {
    let pre = pre.map_or((true, 0, 0), |(rank, number)| (false, rank, number));
    (numbers, pre, letters.len(), letters)
}

impl FromStr for OpensslVersion {
    type Err = BadVersion;

    fn from_str(text: &str) -> Result<Self, BadVersion> {
        let Parts { numbers, pre, letters } = parse(text)?;
        Ok(Self { text: text.to_owned(), numbers, pre, letters: letters.to_owned() })
    }
}

impl OpensslVersion {
    /// Whether a builder marked it as a FIPS build: those come from distributions, which backport.
    pub fn is_fips(&self) -> bool {
        self.text.to_ascii_lowercase().contains("fips")
    }

    fn key(&self) -> Key<'_> {
        key(self.numbers, self.pre, &self.letters)
    }
}

impl PartialEq for OpensslVersion {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for OpensslVersion {}

impl PartialOrd for OpensslVersion {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for OpensslVersion {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl fmt::Display for OpensslVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl Serialize for OpensslVersion {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for OpensslVersion {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str> as Deserialize>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_stand_in_their_order() {
        let order = [
            "0.9.8e",
            "0.9.8zh",
            "1.0.0m",
            "1.0.1-beta1",
            "1.0.1",
            "1.0.1a",
            "1.0.1f",
            "1.0.1g",
            "1.0.1u",
            "1.0.2-beta1",
            "1.0.2-beta2",
            "1.0.2",
            "1.0.2z",
            "1.0.2za",
            "1.0.2zb",
            "1.1.0-pre4",
            "1.1.0",
            "1.1.1w",
            "3.0.0-alpha1",
            "3.0.0-beta1",
            "3.0.0",
            "3.0.2",
            "3.0.10",
            "3.5.7",
            "4.0.3",
        ];
        for (i, a) in order.iter().enumerate() {
            for (j, b) in order.iter().enumerate() {
                let (x, y): (OpensslVersion, OpensslVersion) = (a.parse().unwrap(), b.parse().unwrap());
                assert_eq!(x.cmp(&y), i.cmp(&j), "{a} against {b}");
            }
        }
    }

    #[test]
    fn what_builders_add_does_not_count() {
        for (a, b) in [
            ("1.0.1e-fips", "1.0.1e"),
            ("3.0.2+quic", "3.0.2"),
            ("1.1.1k-fips", "1.1.1k"),
            ("1.0.1e-prefix", "1.0.1e"),
        ] {
            assert_eq!(a.parse::<OpensslVersion>().unwrap(), b.parse().unwrap(), "{a}");
        }
        assert!("1.0.1e-fips".parse::<OpensslVersion>().unwrap().is_fips());
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "1",
            "1.0",
            "1.0.1.2",
            "1.0.1abc",
            "1.0.1E",
            "x.y.z",
            "1..1",
            "1.0.-1",
            "99999999999.0.0",
            "3.0.x",
        ] {
            assert!(text.parse::<OpensslVersion>().is_err(), "{text}");
        }
    }
}
