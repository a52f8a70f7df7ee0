//! Versions and how they compare, one file for each scheme. Pure; assessment and catalogue both need them.
//!
//! A text that its own tool would call malformed is refused here, even where that tool goes on to guess an
//! order: a guess could make a vulnerable package look fixed. What a result means is for others to say.

pub mod apk;
pub mod dpkg;
mod openssl;
pub mod rpm;

use std::cmp::Ordering;

pub use openssl::OpensslVersion;

use super::{text::Printable, vocabulary};

vocabulary! {
    /// How versions compare.
    Scheme, "version scheme" {
        /// Debian's and its descendants' order. It serves the upstream releases of other software than OpenSSL
        /// as well (`9.7p1` before `9.8p1`, `5.6.0` before `5.6.1`), as far as their texts fit it.
        Dpkg = "dpkg",
        /// The order of RPM packages.
        Rpm = "rpm",
        /// Alpine's order.
        Apk = "apk",
        /// The order of OpenSSL's own releases, which none of the others gets right.
        Openssl = "openssl",
    }
}

impl Scheme {
    /// The order of two versions under this scheme. A total order, but for RPM versions of which only one has
    /// a release: see [`rpm`]. The error names the first text that is no version under it.
    pub fn compare(self, a: &str, b: &str) -> Result<Ordering, BadVersion> {
        match self {
            Self::Dpkg => dpkg::compare(a, b),
            Self::Rpm => rpm::compare(a, b),
            Self::Apk => apk::compare(a, b),
            Self::Openssl => openssl::compare(a, b),
        }
    }

    /// Whether a text is a version under this scheme; [`Self::compare`] refuses no other.
    pub fn check(self, text: &str) -> Result<(), BadVersion> {
        self.compare(text, text).map(|_| ())
    }
}

/// A text that is not a version under a scheme.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not {what}; expected {expected}", Printable(.text))]
pub struct BadVersion {
    /// What was given, cut at 80 characters.
    text: String,
    what: &'static str,
    expected: &'static str,
}

impl BadVersion {
    fn new(text: &str, what: &'static str, expected: &'static str) -> Self {
        Self { text: text.chars().take(SHOWN).collect(), what, expected }
    }
}

/// How many characters of a bad text an error keeps.
const SHOWN: usize = 80;

/// The longest text that is read as a version, in bytes. The longest in Debian, Fedora and Alpine have less than
/// a hundred.
const LONGEST: usize = 512;

/// The order of two runs of ASCII digits by value, of whatever length; an empty one is 0.
fn by_value(a: &[u8], b: &[u8]) -> Ordering {
    let (a, b) = (significant(a), significant(b));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

/// A run of digits without its leading zeros.
fn significant(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|c| **c == b'0').count();
    digits.get(zeros..).unwrap_or_default()
}

/// Takes from the front what `wanted` likes.
fn take_while<'a>(rest: &mut &'a [u8], wanted: impl Fn(u8) -> bool) -> &'a [u8] {
    let end = rest.iter().position(|c| !wanted(*c)).unwrap_or(rest.len());
    let (taken, left) = rest.split_at_checked(end).unwrap_or((rest, &[]));
    *rest = left;
    taken
}

/// Takes a run of digits from the front.
fn take_digits<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    take_while(rest, |c| c.is_ascii_digit())
}

/// Splits at a byte, which goes to neither side.
fn split_at_byte(text: &[u8], at: Option<usize>) -> Option<(&[u8], &[u8])> {
    let (before, from) = text.split_at_checked(at?)?;
    Some((before, from.get(1..)?))
}

/// Compares two texts under the scheme that the first byte picks, and asserts what has to hold. The texts follow,
/// with a line feed between them. For fuzzers and property tests.
///
/// # Panics
///
/// When a comparison panics, depends on the order of its sides, or does not agree with the check.
pub fn fuzz(data: &[u8]) {
    let Some((pick, rest)) = data.split_first() else { return };
    let Some(scheme) = Scheme::ALL.get(usize::from(*pick) % Scheme::ALL.len()) else { return };
    let text = String::from_utf8_lossy(rest);
    let (a, b) = text.split_once('\n').unwrap_or((&text, ""));
    let there = scheme.compare(a, b);
    let back = scheme.compare(b, a);
    assert_eq!(
        there.is_ok(),
        back.is_ok(),
        "{scheme}: one side of {a:?} and {b:?} is refused one way round only"
    );
    if let (Ok(there), Ok(back)) = (&there, &back) {
        assert_eq!(*there, back.reverse(), "{scheme}: {a:?} against {b:?}");
    }
    let good = [a, b].map(|one| match scheme.check(one) {
        Ok(()) => {
            assert_eq!(scheme.compare(one, one), Ok(Ordering::Equal), "{scheme}: {one:?} against itself");
            true
        }
        Err(bad) => {
            assert!(bad.text.chars().count() <= SHOWN, "{scheme}: the error keeps too much");
            false
        }
    });
    assert_eq!(there.is_ok(), good == [true, true], "{scheme}: {a:?} and {b:?} do not fit their checks");
}

#[cfg(test)]
mod tests;
