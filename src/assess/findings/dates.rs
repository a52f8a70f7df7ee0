//! Certificates that have ended, have not begun, or end soon (RFC 5280, 4.1.2.5: both ends belong to the time).
//!
//! A root that the server sends along matters less: clients take it from their store. Some (OpenSSL) look at its dates
//! there and some do not, and a private authority's clients hold this very certificate. So it is told, last and with
//! these words. Of a certificate behind the leaf that the path in the store does without, that is said as well: in
//! 2020 an expired cross-certificate of which no new client took notice stopped the old ones.

use super::{Role, Shown};
use crate::model::{
    finding::{Finding, FindingKind, FindingRules},
    observation::Observation,
    served::TrustResult,
    time::Timestamp,
};

const HOUR: i64 = 3600;

/// What is wrong with the dates of one.
pub(super) fn findings(
    one: &Shown<'_>,
    observation: &Observation,
    now: Timestamp,
    rules: &FindingRules,
) -> Option<Finding> {
    let (Some(begin), Some(end)) = (one.certificate.not_before, one.certificate.not_after) else {
        let detail =
            format!("{} cannot be read, so that neither its dates nor its names are known", one.title());
        return Some(one.finding(FindingKind::CertificateUnchecked, detail));
    };
    let warn = i64::from(rules.expiry_warn_hours).saturating_mul(HOUR);
    let left = end.seconds_since(now);
    let (kind, when) = if end < begin {
        let when = format!("is never valid: it ends on {} and begins on {}", end.date(), begin.date());
        (FindingKind::Expired, when)
    } else if left < 0 {
        (FindingKind::Expired, format!("ended on {}, {} ago", end.date(), span(-left)))
    } else if now < begin {
        let wait = begin.seconds_since(now);
        (FindingKind::NotYetValid, format!("begins on {}, in {}", begin.date(), span(wait)))
    } else if left <= warn {
        (FindingKind::ExpiresSoon, format!("ends on {}, in {}", end.date(), span(left)))
    } else {
        return None;
    };
    let at_the_look = observation.at < begin || end.seconds_since(observation.at) < 0;
    let around = at_the_look && trusted(observation);
    let note = match one.role {
        Role::Root => {
            "; clients that hold a newer one of the same key, or look at no root's dates, do not mind"
        }
        Role::Issuer if around => "; clients that find the path without it do not mind",
        _ => "",
    };
    Some(one.finding(kind, format!("{} {when}{note}", one.title())))
}

fn trusted(observation: &Observation) -> bool {
    let trust = observation.served.as_ref().and_then(|s| s.trust.as_ref());
    trust.is_some_and(|t| t.result == TrustResult::Trusted)
}

/// A time span in words, cut to its largest unit.
fn span(seconds: i64) -> String {
    let (n, unit) = match seconds {
        ..HOUR => (seconds / 60, "minute"),
        HOUR..172_800 => (seconds / HOUR, "hour"),
        _ => (seconds / (24 * HOUR), "day"),
    };
    format!("{n} {unit}{}", if n == 1 { "" } else { "s" })
}
