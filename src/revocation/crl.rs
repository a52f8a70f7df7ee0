//! Certificate revocation lists (RFC 5280, 5): read, checked, and asked for the certificates of one issuer.
//!
//! A list may be tens of megabytes, so its entries are walked where they lie and none is kept but those that are
//! looked for. That is also why x509-parser's own list is not used: it keeps every entry, several times the size of
//! the list, and it takes entries that it cannot read for none.
//!
//! A list that is not the whole word on a certificate (of a part of the reasons, of another kind of certificates, with
//! a critical extension that is not known here) can still say `revoked`; `good` it cannot say.

mod entries;
mod scope;

use std::borrow::Cow;

use self::{
    entries::{Found, Walked},
    scope::{Only, Scope},
};
use super::{
    answer::{Answer, Why, Window},
    authority::Authority,
    der::{BIT_STRING, GENERALIZED_TIME, INTEGER, Malformed, Reader, SEQUENCE, UTC_TIME, context, octets},
    serial::Serial,
    signature::Strength,
};
use crate::model::time::Timestamp;

/// A list, cut into its parts (RFC 5280, 5.1). Nothing is checked yet.
#[derive(Clone, Copy, Debug)]
struct List<'a> {
    /// What is signed, header included.
    signed: &'a [u8],
    /// The AlgorithmIdentifier, header included.
    algorithm: &'a [u8],
    signature: &'a [u8],
    /// The name of who made it, header included.
    issuer: &'a [u8],
    window: Window,
    /// The content of revokedCertificates.
    entries: &'a [u8],
    /// The content of crlExtensions.
    extensions: &'a [u8],
}

impl<'a> List<'a> {
    fn read(der: &'a [u8]) -> Result<Self, Malformed> {
        let mut file = Reader(der);
        let mut list = file.inside(SEQUENCE)?;
        file.end()?;
        let signed = list.one(SEQUENCE)?;
        let algorithm = list.one(SEQUENCE)?.raw;
        let signature = octets(&list.one(BIT_STRING)?)?;
        list.end()?;
        let mut tbs = Reader(signed.value);
        let version = tbs.maybe(INTEGER)?;
        if version.is_some_and(|v| v.value != [1]) || tbs.one(SEQUENCE)?.raw != algorithm {
            return Err(Malformed);
        }
        let issuer = tbs.one(SEQUENCE)?.raw;
        let this_update = tbs.time()?;
        let next_update = if tbs.next_is(&[UTC_TIME, GENERALIZED_TIME]) { Some(tbs.time()?) } else { None };
        let entries = tbs.maybe(SEQUENCE)?.map_or(&[][..], |e| e.value);
        let extensions = match tbs.maybe(context(0))? {
            Some(outer) => {
                let mut outer = Reader(outer.value);
                let inner = outer.one(SEQUENCE)?.value;
                outer.end()?;
                inner
            }
            None => &[],
        };
        tbs.end()?;
        let window = Window { this_update, next_update };
        Ok(Self { signed: signed.raw, algorithm, signature, issuer, window, entries, extensions })
    }
}

/// A certificate to be looked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    pub(super) serial: &'a Serial,
    /// Whether it is an authority's.
    pub(super) is_ca: bool,
    /// The URLs of lists that stand in it.
    pub(super) urls: &'a [String],
}

/// What a list says of certificates of one issuer, in their order. The list is DER, or PEM as some servers have it.
pub(super) fn judge(
    bytes: &[u8],
    authority: &Authority<'_>,
    wanted: &[Wanted<'_>],
    now: Timestamp,
) -> Vec<Answer> {
    let all = |why: Why| wanted.iter().map(|_| Answer::Unknown(why.clone())).collect();
    let Some(der) = unarmoured(bytes) else { return all("what came is no list that can be read".into()) };
    match check(&der, authority, wanted) {
        Err(why) => all(why),
        Ok(checked) => wanted.iter().map(|one| checked.answer(one, now)).collect(),
    }
}

/// A list whose signature holds, and what stands in it.
struct Checked<'a> {
    window: Window,
    strength: Strength,
    scope: Scope<'a>,
    walked: Walked,
}

fn check<'a>(der: &'a [u8], authority: &Authority<'_>, wanted: &[Wanted<'_>]) -> Result<Checked<'a>, Why> {
    let unreadable = |Malformed| Why::from("what came is no list that can be read");
    let list = List::read(der).map_err(unreadable)?;
    if !authority.is_named(list.issuer) {
        return Err("the list is another authority's".into());
    }
    let strength = authority.key.verify(list.algorithm, list.signed, list.signature)?;
    if !authority.signs_lists {
        return Err("the issuer's key is not for signing lists".into());
    }
    let scope = Scope::read(list.extensions).map_err(unreadable)?;
    if scope.delta {
        return Err("it is a delta list, which tells changes only".into());
    }
    if scope.only == Only::Attributes {
        return Err("the list is of attribute certificates".into());
    }
    let serials = wanted.iter().map(|one| one.serial);
    let walked = entries::walk(list.entries, authority, serials).map_err(unreadable)?;
    Ok(Checked { window: list.window, strength, scope, walked })
}

impl Checked<'_> {
    fn answer(&self, wanted: &Wanted<'_>, now: Timestamp) -> Answer {
        let found = self.walked.of(wanted.serial);
        if let Some(why) = self.window.closed("the list", now) {
            let listed = matches!(found, Some(Found::Revoked(_)));
            return Answer::unknown(if listed {
                format!("{why}; this certificate stood on it")
            } else {
                why.into()
            });
        }
        match found {
            Some(Found::Revoked(entry)) => return Answer::Revoked(*entry, self.window),
            Some(Found::Lifted) => {
                return Answer::unknown("its entry lifts a hold, which only a delta list can");
            }
            None => {}
        }
        let reservation = self.scope.reservation(wanted).or_else(|| {
            if self.window.next_update.is_none() {
                Some("the list does not say how long it holds")
            } else if self.walked.odd {
                Some("an entry has a critical extension that is not known here")
            } else if self.strength == Strength::Weak {
                Some("signed with SHA-1, which counts for a revocation only")
            } else {
                None
            }
        });
        match reservation {
            Some(why) => Answer::unknown(format!("not on the list, but {why}")),
            None => Answer::Good(self.window),
        }
    }
}

/// DER out of PEM (RFC 7468); bytes that are not PEM are taken as they are.
fn unarmoured(bytes: &[u8]) -> Option<Cow<'_, [u8]>> {
    const BEGIN: &[u8] = b"-----BEGIN X509 CRL-----";
    const END: &[u8] = b"-----END X509 CRL-----";
    if bytes.first() == Some(&SEQUENCE) {
        return Some(Cow::Borrowed(bytes));
    }
    let body = bytes.trim_ascii().strip_prefix(BEGIN)?.strip_suffix(END)?;
    let letters: Vec<u8> = body.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
    data_encoding::BASE64.decode(&letters).ok().map(Cow::Owned)
}

/// Everything that is done with a list, signed or not. For fuzzing.
pub(super) fn exercise(bytes: &[u8], authority: &Authority<'_>, wanted: &[Wanted<'_>], now: Timestamp) {
    let Some(der) = unarmoured(bytes) else { return };
    let Ok(list) = List::read(&der) else { return };
    let Ok(scope) = Scope::read(list.extensions) else { return };
    let serials = wanted.iter().map(|one| one.serial);
    let Ok(walked) = entries::walk(list.entries, authority, serials) else { return };
    let checked = Checked { window: list.window, strength: Strength::Full, scope, walked };
    for one in wanted {
        let answer = checked.answer(one, now);
        assert!(
            checked.walked.of(one.serial).is_none() || !matches!(answer, Answer::Good(_)),
            "listed and good"
        );
    }
}

#[cfg(test)]
mod tests;
