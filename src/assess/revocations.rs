//! What is known of the revocation of each certificate: every check that was made, in order, folded to one standing.
//!
//! Not the facet: which certificates a service owes, and what a person's word counts beside this, is said there.

use std::collections::{BTreeMap, HashMap};

use super::index::Moment;
use crate::model::{
    ids::Sha256,
    observation::Certificate,
    revocation::{Revocation, RevocationReason, RevocationStatus},
    time::Timestamp,
};

/// Two checks within so many seconds are one.
const CHECKED_AGAIN: i64 = 2;

/// Where one certificate stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing<'e> {
    /// The last check, whatever came of it.
    pub(super) last: &'e Revocation,
    /// The last check that could tell, and its place in the order.
    pub(super) decided: Option<(&'e Revocation, Moment)>,
    /// Where it is revoked: the first check that said so without another that denied it later.
    pub(super) since: Option<Moment>,
    /// Whether a later check said the same again.
    pub(super) again: bool,
}

impl Standing<'_> {
    /// Whether an authority says that it is revoked.
    pub(super) const fn is_revoked(&self) -> bool {
        self.since.is_some()
    }

    /// Whether an authority still vouched for it in an answer that is newer than `moment`.
    pub(super) fn vouched_after(&self, moment: Moment) -> bool {
        self.decided.is_some_and(|(check, at)| {
            check.status == RevocationStatus::Good
                && at > moment
                && check.this_update.unwrap_or(check.at) > moment.at
        })
    }
}

/// Every certificate that was checked.
#[derive(Debug, Default)]
pub(super) struct Revocations<'e>(HashMap<Sha256, Standing<'e>>);

impl<'e> Revocations<'e> {
    /// Folds the checks up to `last`, which are in the order in which they were recorded. `begun`: when each sweep
    /// began; a check belongs to the last one begun before it.
    pub(super) fn new(checks: &'e [Revocation], begun: &BTreeMap<u32, Timestamp>, last: Option<u32>) -> Self {
        let mut all: HashMap<Sha256, Standing<'e>> = HashMap::new();
        for check in checks {
            let sweep = begun.iter().rfind(|(_, at)| **at <= check.at).map(|(sweep, _)| *sweep);
            let moment = Moment { sweep: sweep.unwrap_or(0), at: check.at };
            if last.is_some_and(|last| moment.sweep > last) {
                continue;
            }
            let fresh = Standing { last: check, decided: None, since: None, again: false };
            let standing = all.entry(check.certificate).or_insert(fresh);
            standing.last = check;
            match check.status {
                RevocationStatus::Unknown => continue,
                // On hold is not revoked: it may come back (RFC 5280, 5.3.1).
                _ if is_on_hold(check) => (standing.since, standing.again) = (None, false),
                RevocationStatus::Good => (standing.since, standing.again) = (None, false),
                RevocationStatus::Revoked => match standing.since {
                    None => standing.since = Some(moment),
                    Some(first) => standing.again |= moment.at > first.at.plus_seconds(CHECKED_AGAIN),
                },
            }
            standing.decided = Some((check, moment));
        }
        Self(all)
    }

    /// Where a certificate stands, if it was ever checked.
    pub(super) fn of(&self, certificate: &Certificate) -> Option<Standing<'e>> {
        self.0.get(&certificate.sha256).copied()
    }
}

/// Whether the authority only holds it back for now.
const fn is_on_hold(check: &Revocation) -> bool {
    matches!(check.reason, Some(RevocationReason::CertificateHold | RevocationReason::RemoveFromCrl))
}
