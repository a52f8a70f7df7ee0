//! Debian's versions: `[epoch:]upstream[-revision]`, compared as deb-version(7) says.
//!
//! The first colon ends the epoch, the last dash begins the revision; either may be missing and is 0 then. Parts
//! are compared as runs of other characters and of digits in turn: a tilde comes before everything, even the end;
//! then the end, then letters, then the rest.
//!
//! Refused is what dpkg calls bad syntax, also where it only warns (no digit in front, characters that are not
//! allowed). Beyond that, space around a version and a sign before the epoch, which dpkg skips and deb-version(7)
//! does not know.

use std::cmp::Ordering;

use super::{BadVersion, LONGEST, by_value, split_at_byte, take_digits, take_while};

/// dpkg keeps epochs in a C `int`, and refuses what does not fit.
const LAST_EPOCH: &[u8] = b"2147483647";

struct Parts<'a> {
    epoch: &'a [u8],
    upstream: &'a [u8],
    revision: &'a [u8],
}

/// The order of two Debian versions.
pub fn compare(a: &str, b: &str) -> Result<Ordering, BadVersion> {
    let (x, y) = (parse(a)?, parse(b)?);
    Ok(by_value(x.epoch, y.epoch)
        .then_with(|| by_runs(x.upstream, y.upstream))
        .then_with(|| by_runs(x.revision, y.revision)))
}

fn parse(text: &str) -> Result<Parts<'_>, BadVersion> {
    let bad =
        || BadVersion::new(text, "a Debian version", "[epoch:]upstream[-revision] such as 1:9.2p1-2+deb12u3");
    parts(text).ok_or_else(bad)
}

fn parts(text: &str) -> Option<Parts<'_>> {
    let text = Some(text.as_bytes()).filter(|t| t.len() <= LONGEST)?;
    let (epoch, rest) = match split_at_byte(text, text.iter().position(|c| *c == b':')) {
        Some((epoch, rest)) => (Some(epoch).filter(|e| is_epoch(e))?, rest),
        None => (&b""[..], text),
    };
    let (upstream, revision) = match split_at_byte(rest, rest.iter().rposition(|c| *c == b'-')) {
        Some((upstream, revision)) => (upstream, Some(revision).filter(|r| !r.is_empty())?),
        None => (rest, &b""[..]),
    };
    let fits = upstream.first().is_some_and(u8::is_ascii_digit)
        && upstream.iter().all(|c| c.is_ascii_alphanumeric() || b".+-~:".contains(c))
        && revision.iter().all(|c| c.is_ascii_alphanumeric() || b".+~".contains(c));
    fits.then_some(Parts { epoch, upstream, revision })
}

fn is_epoch(epoch: &[u8]) -> bool {
    !epoch.is_empty() && epoch.iter().all(u8::is_ascii_digit) && by_value(epoch, LAST_EPOCH).is_le()
}

fn by_runs(mut a: &[u8], mut b: &[u8]) -> Ordering {
    while !a.is_empty() || !b.is_empty() {
        let others = by_rank(take_while(&mut a, is_other), take_while(&mut b, is_other));
        let order = others.then_with(|| by_value(take_digits(&mut a), take_digits(&mut b)));
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

fn is_other(c: u8) -> bool {
    !c.is_ascii_digit()
}

/// The order of two runs without digits. What ends first is followed by "the end", whatever comes after it.
fn by_rank(a: &[u8], b: &[u8]) -> Ordering {
    for at in 0..a.len().max(b.len()) {
        let order = rank(a.get(at)).cmp(&rank(b.get(at)));
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

fn rank(c: Option<&u8>) -> (u8, u8) {
    match c {
        Some(b'~') => (0, 0),
        None => (1, 0),
        Some(c) if c.is_ascii_alphabetic() => (2, *c),
        Some(c) => (3, *c),
    }
}
