//! Versions of RPM packages: `[epoch:]version[-release]`, a missing epoch being 0.
//!
//! Where one side has no release, the releases do not count, as when RPM matches dependencies: `1.0` equals every
//! `1.0-N`. So "equal" does not decide whether such a version is at or past a fix that names a release: ask
//! [`has_release`]. (`rpm.vercmp` in Lua differs there: it puts the missing release first.) Among versions that
//! all have a release, or all have none, the order is total.
//!
//! Refused is what no package can carry: characters that rpmbuild does not let into a version, a dash within it
//! (a file name taken for a version), a part without any letter or digit.

use std::cmp::Ordering;

use super::{BadVersion, LONGEST, by_value, split_at_byte, take_digits, take_while};

struct Parts<'a> {
    epoch: &'a [u8],
    version: &'a [u8],
    release: Option<&'a [u8]>,
}

/// The order of two RPM versions.
pub fn compare(a: &str, b: &str) -> Result<Ordering, BadVersion> {
    let (x, y) = (parse(a)?, parse(b)?);
    let order = by_value(x.epoch, y.epoch).then_with(|| by_segments(x.version, y.version));
    Ok(match (x.release, y.release) {
        (Some(release), Some(other)) => order.then_with(|| by_segments(release, other)),
        _ => order,
    })
}

/// Whether a text is an RPM version with a release.
pub fn has_release(text: &str) -> bool {
    parts(text).is_some_and(|p| p.release.is_some())
}

fn parse(text: &str) -> Result<Parts<'_>, BadVersion> {
    let bad =
        || BadVersion::new(text, "an RPM version", "[epoch:]version[-release] such as 1:1.0.2k-21.el7_9");
    parts(text).ok_or_else(bad)
}

fn parts(text: &str) -> Option<Parts<'_>> {
    let text = Some(text.as_bytes()).filter(|t| t.len() <= LONGEST)?;
    let (epoch, rest) = match split_at_byte(text, text.iter().position(|c| *c == b':')) {
        // RPM takes an empty epoch for 0.
        Some((epoch, rest)) => (Some(epoch).filter(|e| e.iter().all(u8::is_ascii_digit))?, rest),
        None => (&b""[..], text),
    };
    let (version, release) = match split_at_byte(rest, rest.iter().rposition(|c| *c == b'-')) {
        Some((version, release)) => (version, Some(release)),
        None => (rest, None),
    };
    (fits(version) && release.is_none_or(fits)).then_some(Parts { epoch, version, release })
}

fn fits(part: &[u8]) -> bool {
    part.iter().any(u8::is_ascii_alphanumeric)
        && part.iter().all(|c| c.is_ascii_alphanumeric() || b"._+~^".contains(c))
}

/// One step through a version or release. Their order is the order of the first bytes that differ in kind: a
/// tilde before the end, a caret after it, letters before digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Tilde,
    End,
    Caret,
    Letters,
    Digits,
}

fn by_segments(mut a: &[u8], mut b: &[u8]) -> Ordering {
    loop {
        let ((kind, x), (other, y)) = (segment(&mut a), segment(&mut b));
        let order =
            kind.cmp(&other).then_with(|| if kind == Kind::Digits { by_value(x, y) } else { x.cmp(y) });
        if order.is_ne() || kind == Kind::End {
            return order;
        }
    }
}

/// Takes the next segment. What separates segments only separates.
fn segment<'a>(rest: &mut &'a [u8]) -> (Kind, &'a [u8]) {
    take_while(rest, |c| !c.is_ascii_alphanumeric() && c != b'~' && c != b'^');
    let Some((first, after)) = rest.split_first() else { return (Kind::End, &[]) };
    let mark = match first {
        b'~' => Kind::Tilde,
        b'^' => Kind::Caret,
        c if c.is_ascii_digit() => return (Kind::Digits, take_digits(rest)),
        _ => return (Kind::Letters, take_while(rest, |c| c.is_ascii_alphabetic())),
    };
    *rest = after;
    (mark, &[])
}
