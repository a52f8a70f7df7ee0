//! The entries of a list (RFC 5280, 5.3), walked once for all the certificates that are looked for.

use std::collections::BTreeMap;

use super::super::{
    answer::Revoked,
    authority::Authority,
    der::{ENUMERATED, GENERALIZED_TIME, INTEGER, Malformed, Reader, SEQUENCE, context, extension, number},
    serial::Serial,
};
use crate::model::{revocation::RevocationReason, time::Timestamp};

const REASON: &[u8] = &[0x55, 0x1d, 0x15];
const INVALIDITY: &[u8] = &[0x55, 0x1d, 0x18];
const CERTIFICATE_ISSUER: &[u8] = &[0x55, 0x1d, 0x1d];

/// An entry for a certificate that was looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// It is revoked, or on hold.
    Revoked(Revoked),
    /// It was taken off a hold: removeFromCRL.
    Lifted,
}

/// What the walk brought.
#[derive(Debug, Default)]
pub(super) struct Walked {
    found: BTreeMap<Serial, Found>,
    /// Some entry has a critical extension that is not known here.
    pub(super) odd: bool,
}

impl Walked {
    pub(super) fn of(&self, serial: &Serial) -> Option<&Found> {
        self.found.get(serial)
    }
}

/// What an entry's extensions say.
#[derive(Default)]
struct Marks<'a> {
    reason: Option<RevocationReason>,
    invalid_since: Option<Timestamp>,
    /// The content of the names of another issuer, from this entry on (RFC 5280, 5.3.3).
    issuer: Option<&'a [u8]>,
    odd: bool,
}

/// Walks the content of revokedCertificates. Entries of other issuers on an indirect list do not count.
pub(super) fn walk<'a>(
    entries: &[u8],
    authority: &Authority<'_>,
    serials: impl Iterator<Item = &'a Serial>,
) -> Result<Walked, Malformed> {
    let wanted: BTreeMap<&[u8], &Serial> = serials.map(|s| (s.content(), s)).collect();
    let mut walked = Walked::default();
    let mut ours = true;
    let mut list = Reader(entries);
    while !list.is_empty() {
        let mut entry = list.inside(SEQUENCE)?;
        let serial = wanted.get(number(entry.one(INTEGER)?.value)?);
        // Dates cost the most to read, and only those of what is looked for matter.
        let at = if serial.is_some() { Some(entry.time()?) } else { entry.any().map(|_| None)? };
        let marks = match entry.maybe(SEQUENCE)? {
            Some(extensions) => marks(extensions.value)?,
            None => Marks::default(),
        };
        entry.end()?;
        walked.odd |= marks.odd;
        if let Some(names) = marks.issuer {
            ours = names_authority(names, authority)?;
        }
        let (Some(serial), Some(at), true) = (serial, at, ours) else { continue };
        let found = match marks.reason {
            Some(RevocationReason::RemoveFromCrl) => Found::Lifted,
            reason => Found::Revoked(Revoked { at, reason, invalid_since: marks.invalid_since }),
        };
        // Two entries for one certificate contradict each other; the one that revokes wins, and the first of them.
        let known = walked.found.get(*serial);
        if known.is_none() || (known == Some(&Found::Lifted) && found != Found::Lifted) {
            walked.found.insert((*serial).clone(), found);
        }
    }
    Ok(walked)
}

fn marks(extensions: &[u8]) -> Result<Marks<'_>, Malformed> {
    let mut marks = Marks::default();
    let mut list = Reader(extensions);
    while let Some(extension) = extension(&mut list)? {
        let mut value = Reader(extension.value);
        match extension.id {
            REASON => {
                let code = value.one(ENUMERATED)?.value;
                marks.reason = match code {
                    [code] => RevocationReason::from_code(*code),
                    _ => None,
                };
            }
            INVALIDITY if value.next_is(&[GENERALIZED_TIME]) => marks.invalid_since = Some(value.time()?),
            CERTIFICATE_ISSUER => marks.issuer = Some(value.one(SEQUENCE)?.value),
            _ => marks.odd |= extension.critical,
        }
    }
    Ok(marks)
}

/// Whether one of these GeneralNames is the authority's name.
fn names_authority(names: &[u8], authority: &Authority<'_>) -> Result<bool, Malformed> {
    let mut names = Reader(names);
    let mut ours = false;
    while !names.is_empty() {
        let name = names.any()?;
        ours |= name.kind == context(4) && authority.is_named(name.value);
    }
    Ok(ours)
}
