//! What one source said of one certificate, and what all of them together come to.

use std::{borrow::Cow, sync::Arc};

use crate::model::{
    ids::Sha256,
    revocation::{Revocation, RevocationReason, RevocationSource, RevocationStatus},
    time::Timestamp,
};

/// How far two clocks may lie apart, in seconds.
pub(super) const SKEW: i64 = 300;

/// Why a source decides nothing, in our own words.
pub(super) type Why = Cow<'static, str>;

/// From when to when a list or an answer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) this_update: Timestamp,
    pub(super) next_update: Option<Timestamp>,
}

impl Window {
    /// Why it does not hold now, if it does not. `what` is the subject of the sentence.
    pub(super) fn closed(&self, what: &str, now: Timestamp) -> Option<Why> {
        if self.this_update > now.plus_seconds(SKEW) {
            return Some(format!("{what} is of {}, which is to come", self.this_update.seconds()).into());
        }
        match self.next_update {
            Some(next) if next < self.this_update => Some(format!("{what} ends before it begins").into()),
            Some(next) if next.plus_seconds(SKEW) < now => {
                Some(format!("{what} expired at {}", next.seconds()).into())
            }
            _ => None,
        }
    }
}

/// What the authority wrote about a revoked certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Revoked {
    pub(super) at: Timestamp,
    pub(super) reason: Option<RevocationReason>,
    /// Since when the key is held to be in other hands (RFC 5280, 5.3.2).
    pub(super) invalid_since: Option<Timestamp>,
}

/// What one source said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It stands.
    Good(Window),
    /// It does not.
    Revoked(Revoked, Window),
    /// Nothing that counts.
    Unknown(Why),
}

impl Answer {
    pub(super) fn unknown(why: impl Into<Why>) -> Self {
        Self::Unknown(why.into())
    }

    pub(super) const fn decides(&self) -> bool {
        !matches!(self, Self::Unknown(_))
    }
}

/// An answer and whose it is.
#[derive(Clone, Debug)]
pub(super) struct Said {
    pub(super) source: RevocationSource,
    /// Its place among the certificate's URLs of this kind, where there are several.
    pub(super) place: Option<usize>,
    pub(super) url: Option<Arc<str>>,
    pub(super) answer: Answer,
    /// What one should know of it even though it decides.
    pub(super) note: Option<Why>,
}

impl Said {
    fn label(&self) -> String {
        let name = match self.source {
            RevocationSource::Crl => "CRL",
            RevocationSource::Ocsp => "OCSP",
            RevocationSource::Staple => "staple",
        };
        self.place.map_or_else(|| name.to_owned(), |n| format!("{name} {}", n.saturating_add(1)))
    }
}

/// One that says revoked decides; else one that says good; else nobody does. The first of its kind is named.
pub(super) fn together(certificate: Sha256, at: Timestamp, said: &[Said]) -> Revocation {
    let revoked = said.iter().find(|s| matches!(s.answer, Answer::Revoked(..)));
    let decided = revoked.or_else(|| said.iter().find(|s| s.answer.decides()));
    let mut result = Revocation {
        certificate,
        at,
        status: RevocationStatus::Unknown,
        source: decided.map(|s| s.source),
        reason: None,
        revoked_at: None,
        this_update: None,
        next_update: None,
        url: decided.and_then(|s| s.url.clone()),
        detail: None,
    };
    let mut words: Vec<String> = Vec::new();
    for one in said {
        if let Answer::Unknown(why) = &one.answer {
            words.push(format!("{}: {why}", one.label()));
        }
        if let (true, Some(note)) = (one.answer.decides(), &one.note) {
            words.push(format!("{}: {note}", one.label()));
        }
    }
    let window = match decided.map(|s| &s.answer) {
        Some(Answer::Good(window)) => {
            result.status = RevocationStatus::Good;
            Some(window)
        }
        Some(Answer::Revoked(entry, window)) => {
            result.status = RevocationStatus::Revoked;
            result.revoked_at = Some(entry.at);
            result.reason = entry.reason;
            if let Some(since) = entry.invalid_since {
                words.push(format!("invalid since {}", since.seconds()));
            }
            Some(window)
        }
        _ => None,
    };
    result.this_update = window.map(|w| w.this_update);
    result.next_update = window.and_then(|w| w.next_update);
    result.detail = (!words.is_empty()).then(|| words.join("; "));
    result
}
