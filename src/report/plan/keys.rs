//! A key's blast radius in sentences, the same in every form of the plan.

use std::collections::BTreeSet;

use super::words::{count, listed, owner, owners, waits_on};
use crate::model::{
    assessment::KeyExposure,
    checklist::LineState,
    plan::{Blast, BlastCertificate, BlastEndpoint, Part, Plan, Split},
};

/// Owners and services that a sentence about a split names.
const NAMED: usize = 4;

/// The first twelve hex digits of a key, as line ids write it.
pub(super) fn short(blast: &Blast) -> String {
    let text = blast.spki.to_string();
    format!("{}…", text.chars().take("sha256:".len() + 12).collect::<String>())
}

/// `exposed, on 14 endpoints of 3 services, 2 owners, 2 certificates (1 revoked)`.
pub(super) fn summary(blast: &Blast) -> String {
    let dead = blast.certificates.iter().filter(|c| c.revoked || c.expired).count();
    let dead = match dead {
        0 => String::new(),
        n => format!(" ({n} revoked or expired)"),
    };
    let people = blast.owners.iter().filter(|o| o.is_some()).count();
    let nobody = if blast.owners.iter().any(Option::is_none) { " and services of nobody known" } else { "" };
    format!(
        "{}, on {} of {}, {}{nobody}, {}{dead}",
        blast.exposure,
        count(blast.endpoints.len(), "endpoint", "endpoints"),
        count(blast.services, "service", "services"),
        count(people, "owner", "owners"),
        count(blast.certificates.len(), "certificate", "certificates"),
    )
}

/// A place and whose it is.
pub(super) fn place(endpoint: &BlastEndpoint) -> String {
    format!("{} ({})", endpoint.place(), owner(endpoint.owner.as_deref()))
}

/// What the service of an endpoint has to do with the leak.
pub(super) const fn role(endpoint: &BlastEndpoint) -> &'static str {
    match (endpoint.leaks_now, endpoint.leaked) {
        (true, _) => "leaks now",
        (false, true) => "leaked",
        (false, false) => "shares the key",
    }
}

/// Whether an endpoint holds up the revocation.
pub(super) const fn serving(endpoint: &BlastEndpoint) -> &'static str {
    if endpoint.serves_now { "serves it" } else { "left it" }
}

/// What became of a certificate.
pub(super) fn fate(certificate: &BlastCertificate) -> String {
    let until = certificate.not_after.map_or_else(String::new, |t| format!(" until {}", t.date()));
    let fate = match (certificate.revoked, certificate.expired) {
        (true, _) => "revoked".to_owned(),
        (false, true) => "expired".to_owned(),
        (false, false) => format!("not known to be revoked, valid{until}"),
    };
    if certificate.reissued { format!("{fate}; issued anew on the exposed key") } else { fate }
}

/// When the certificates can be revoked; at most `most` endpoints by name.
pub(super) fn revoke(plan: &Plan, blast: &Blast, most: usize) -> String {
    if blast.exposure == KeyExposure::Clean {
        return "Nothing is owed: it was never in reach. Should one of these endpoints leak, all of them need a new key."
            .to_owned();
    }
    let blockers: Vec<String> = blast.blockers().take(most).map(place).collect();
    let all = blast.revoke.blocked_by.len();
    if all > 0 {
        let more = all.saturating_sub(blockers.len());
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let waived = blast.rekey.is_none();
        let why = if waived { ", where it stays by a waiver or a person's word" } else { "" };
        return format!(
            "Revoke waits for {} still serving it{why}: {}{more}.",
            count(all, "endpoint", "endpoints"),
            blockers.join(", ")
        );
    }
    let step = blast.revoke.step.and_then(|at| plan.step(at));
    match step {
        Some(step) if step.line.state == LineState::Contradicted => {
            "Said to be revoked, and the authority still vouches for it: ask the CA.".to_owned()
        }
        Some(step) if step.line.state == LineState::Claimed => {
            "Said to be revoked; CRL or OCSP have to confirm it.".to_owned()
        }
        Some(step) if !step.waits.is_empty() => {
            "No endpoint serves it any more; one more look has to confirm that before the revocation."
                .to_owned()
        }
        Some(_) => "Revoke now: every endpoint has left it.".to_owned(),
        None => "Nothing is left to revoke.".to_owned(),
    }
}

/// What changes if its services no longer share one key; nothing where they do not share it.
pub(super) fn split(plan: &Plan, blast: &Blast) -> Vec<String> {
    let Some(split) = blast.split.as_ref().filter(|s| s.services.len() > 1) else {
        return Vec::new();
    };
    let mut out = vec![shared(plan, blast, &split.shared)];
    if split.owners.len() > 1 {
        out.push(format!("With a key for each owner: {}.", parts(&split.owners, split.shared.wave, "owner")));
    }
    out.push(format!(
        "With a key for each service: {}.",
        parts(&split.services, split.shared.wave, "service")
    ));
    out.push(next_time(split));
    out
}

fn shared(plan: &Plan, blast: &Blast, part: &Part) -> String {
    let on = count(part.endpoints, "endpoint", "endpoints");
    if part.waits.is_empty() {
        return format!(
            "With one new key for all {on}: nothing holds it up; it can be made now, in one go everywhere."
        );
    }
    let own: BTreeSet<_> = blast.endpoints.iter().map(|e| &e.row_id).collect();
    let waits = waits_on(plan, part.waits.iter().copied(), &own, |_| true);
    let who: BTreeSet<(bool, Option<String>)> =
        waits.iter().flat_map(|w| &w.owners).map(|o| (o.is_none(), o.clone())).collect();
    let who: Vec<Option<String>> = who.into_iter().map(|(_, owner)| owner).collect();
    format!(
        "With one new key for all {on}: not before wave {}, after {} of {}; put on an endpoint that still leaks, it is burnt for all.",
        part.wave,
        count(part.waits.len(), "step", "steps"),
        owners(&who)
    )
}

/// `2 new keys; team-mail now, team-web in wave 3`.
fn parts(parts: &[Part], shared: usize, what: &str) -> String {
    let name = |p: &Part| p.who.as_deref().unwrap_or("nobody known").to_owned();
    let keys = format!("{} new keys", parts.len());
    let sooner: Vec<&Part> = parts.iter().filter(|p| p.wave < shared).collect();
    if sooner.is_empty() {
        let when = if shared == 1 {
            "can be made now as well".to_owned()
        } else {
            format!("none before wave {shared} either")
        };
        return format!("{keys}; {when}");
    }
    let mut waves: Vec<usize> = parts.iter().map(|p| p.wave).collect();
    waves.sort_unstable();
    waves.dedup();
    let each = waves.into_iter().map(|wave| {
        let of: Vec<&Part> = parts.iter().filter(|p| p.wave == wave).collect();
        let mut names: Vec<String> = of.iter().take(NAMED).map(|p| name(p)).collect();
        let more = of.len().saturating_sub(NAMED);
        if more > 0 {
            names.push(format!("{more} more"));
        }
        let when = if wave == 1 { "now".to_owned() } else { format!("in wave {wave}") };
        format!("{} {when} ({})", count(of.len(), what, &format!("{what}s")), listed(&names))
    });
    format!("{keys}; {}", each.collect::<Vec<_>>().join(", "))
}

/// What the next leak costs, shared and split.
fn next_time(split: &Split) -> String {
    let most = |parts: &[Part]| parts.iter().map(|p| p.endpoints).max().unwrap_or(0);
    let all = split.shared.endpoints;
    let mut text =
        format!("Next time: shared, a leak at any of {all} endpoints burns the key of all of them");
    if split.owners.len() > 1 {
        text = format!(
            "{text}, and revocation waits for {}; split by owner, of {} at most, and nobody waits for another owner",
            count(split.owners.len(), "owner", "owners"),
            most(&split.owners)
        );
    }
    format!(
        "{text}; split by service, of {} at most. This time the old key's revocation waits for every endpoint either way.",
        most(&split.services)
    )
}
