//! OCSP (RFC 6960): the question about one certificate, and whether an answer to it is to be believed.
//!
//! The answer must be signed by the issuer itself or by a responder to which the issuer gave a certificate for just
//! that (4.2.2.2); it must be about this very certificate, hold now, and carry our nonce or none. A responder's own
//! certificate is not asked about in its turn: it is short-lived and marked so where the authority follows 4.2.2.2.1,
//! and asking would go round in circles.

mod delegate;
mod parts;

use self::parts::{Basic, Single, Status};
use super::{
    answer::{Answer, Revoked, SKEW, Why, Window},
    authority::Authority,
    der::{INTEGER, Malformed, NULL, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, context, wrap},
    serial::Serial,
    signature::{SHA256, SHA384, SHA512, Strength},
};
use crate::model::{revocation::RevocationReason, time::Timestamp};

/// id-pkix-ocsp-nonce.
const NONCE: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x02];
const SHA1: &[u8] = &[0x2b, 0x0e, 0x03, 0x02, 0x1a];
/// How old an answer may be that does not say how long it holds, in seconds.
const FRESH: i64 = 86_400;

/// The length of our nonces (RFC 9654, 2.1).
pub(super) const NONCE_LEN: usize = 32;

/// An OCSPRequest for one certificate, with a nonce. SHA-1 names the issuer, since that is all that many responders
/// know (RFC 5019, 2.1.1); nothing rests on it.
pub(super) fn request(authority: &Authority<'_>, serial: &Serial, nonce: &[u8]) -> Vec<u8> {
    let algorithm = wrap(SEQUENCE, &[&wrap(OBJECT_IDENTIFIER, &[SHA1]), &wrap(NULL, &[])]);
    let hash = &ring::digest::SHA1_FOR_LEGACY_USE_ONLY;
    let name = ring::digest::digest(hash, authority.name);
    let key = ring::digest::digest(hash, authority.key.bits);
    let id = wrap(
        SEQUENCE,
        &[
            &algorithm,
            &wrap(OCTET_STRING, &[name.as_ref()]),
            &wrap(OCTET_STRING, &[key.as_ref()]),
            &wrap(INTEGER, &[serial.content()]),
        ],
    );
    let list = wrap(SEQUENCE, &[&wrap(SEQUENCE, &[&id])]);
    let inner = wrap(OCTET_STRING, &[nonce]);
    let extension = wrap(SEQUENCE, &[&wrap(OBJECT_IDENTIFIER, &[NONCE]), &wrap(OCTET_STRING, &[&inner])]);
    let extensions = wrap(context(2), &[&wrap(SEQUENCE, &[&extension])]);
    wrap(SEQUENCE, &[&wrap(SEQUENCE, &[&list, &extensions])])
}

/// What an answer says of one certificate. `nonce` is that of the question; a staple has none.
pub(super) fn judge(
    der: &[u8],
    authority: &Authority<'_>,
    serial: &Serial,
    nonce: Option<&[u8]>,
    now: Timestamp,
) -> Answer {
    let unreadable = |Malformed| Why::from("what came is no OCSP answer that can be read");
    let checked = || -> Result<Answer, Why> {
        let basic = Basic::read(der).map_err(unreadable)?.map_err(refused)?;
        let strength = delegate::verify(&basic, authority, now)?;
        let marks = basic.marks().map_err(unreadable)?;
        if let (Some(sent), Some(came)) = (nonce, marks.nonce)
            && !is_nonce(came, sent)
        {
            return Err("the answer carries another nonce than ours".into());
        }
        if basic.produced_at > now.plus_seconds(SKEW) {
            return Err("the answer was made in the future".into());
        }
        let answers = basic.singles(|single| single.is_about(authority, serial)).map_err(unreadable)?;
        Ok(settle(&answers, strength, marks.odd, now))
    };
    checked().unwrap_or_else(Answer::Unknown)
}

/// By responseStatus (RFC 6960, 2.3).
fn refused(status: u8) -> Why {
    match status {
        1 => "the responder says: malformed request".into(),
        2 => "the responder says: internal error".into(),
        3 => "the responder says: try later".into(),
        5 => "the responder wants signed requests".into(),
        6 => "the responder says: unauthorized, so it does not speak for this certificate".into(),
        other => format!("the responder refused with status {other}").into(),
    }
}

/// The extension's value is an OCTET STRING in an OCTET STRING; some responders forget the inner one.
fn is_nonce(came: &[u8], sent: &[u8]) -> bool {
    came == sent || came == wrap(OCTET_STRING, &[sent])
}

/// What the entries about one certificate come to: any that revokes decides, and any doubt keeps it from being good.
fn settle(answers: &[Single<'_>], strength: Strength, odd: bool, now: Timestamp) -> Answer {
    let mut settled: Option<Answer> = None;
    for single in answers {
        let answer = one(single, strength, odd, now);
        let better = match &settled {
            None => true,
            Some(Answer::Good(_)) => !matches!(answer, Answer::Good(_)),
            Some(Answer::Unknown(_)) => matches!(answer, Answer::Revoked(..)),
            Some(Answer::Revoked(..)) => false,
        };
        if better {
            settled = Some(answer);
        }
    }
    settled.unwrap_or_else(|| Answer::unknown("the answer is about another certificate"))
}

fn one(single: &Single<'_>, strength: Strength, odd: bool, now: Timestamp) -> Answer {
    let window = Window { this_update: single.this_update, next_update: single.next_update };
    if let Some(why) = window.closed("the answer", now) {
        return Answer::Unknown(why);
    }
    if single.next_update.is_none() && single.this_update.plus_seconds(FRESH) < now {
        return Answer::unknown("the answer is older than a day and does not say how long it holds");
    }
    match single.status {
        Status::Unknown => Answer::unknown("the responder does not know the certificate"),
        // RFC 6960, 2.2 and 4.4.8: a responder's way of saying that nobody issued such a certificate.
        Status::Revoked { at, reason: Some(RevocationReason::CertificateHold) } if at.micros() == 0 => {
            Answer::unknown("the responder says that no such certificate was issued")
        }
        Status::Revoked { at, reason } => {
            Answer::Revoked(Revoked { at, reason, invalid_since: None }, window)
        }
        Status::Good if odd || single.odd => {
            Answer::unknown("the answer has a critical extension that is not known here")
        }
        Status::Good if strength == Strength::Weak => {
            Answer::unknown("signed with SHA-1, which counts for a revocation only")
        }
        Status::Good => Answer::Good(window),
    }
}

impl Single<'_> {
    /// Whether this entry is about a certificate: issuer by name and key, and the number (RFC 6960, 4.1.1).
    fn is_about(&self, authority: &Authority<'_>, serial: &Serial) -> bool {
        let algorithm = match self.hash {
            SHA1 => &ring::digest::SHA1_FOR_LEGACY_USE_ONLY,
            SHA256 => &ring::digest::SHA256,
            SHA384 => &ring::digest::SHA384,
            SHA512 => &ring::digest::SHA512,
            _ => return false,
        };
        let is = |hash: &[u8], of: &[u8]| ring::digest::digest(algorithm, of).as_ref() == hash;
        self.serial == serial.content()
            && is(self.issuer_name, authority.name)
            && is(self.issuer_key, authority.key.bits)
    }
}

/// Everything that is done with an answer, signed or not. For fuzzing.
pub(super) fn exercise(der: &[u8], authority: &Authority<'_>, serial: &Serial, now: Timestamp) {
    let Ok(Ok(basic)) = Basic::read(der) else { return };
    let _ = delegate::verify(&basic, authority, now);
    let odd = basic.marks().map_or(true, |m| m.odd);
    let Ok(all) = basic.singles(|_| true) else { return };
    let about = all.iter().filter(|s| s.is_about(authority, serial)).count();
    assert!(about <= all.len());
    let any_revoked = all.iter().any(|s| matches!(s.status, Status::Revoked { .. }));
    let settled = settle(&all, Strength::Full, odd, now);
    assert!(!(any_revoked && matches!(settled, Answer::Good(_))), "revoked and good");
}

#[cfg(test)]
mod tests;
