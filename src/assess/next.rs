//! What to do next, in one sentence that a tired person can act on, and what has to come first.
//!
//! The order rules of REMEDIATION 1.7 speak here: no restart before the patch, no new key before the
//! restart, no revocation before every endpoint has left the key. Words only; nothing is decided.

use crate::model::{
    facet::{FacetKind, FacetValue, State},
    host::{Act, ActKind},
    ids::RowId,
    service::TlsStack,
    verdict::Reason,
};

use super::{
    facets::View,
    history::{Class, Endpoint},
    join::HostLook,
    state::Headline,
};

/// How many row ids a sentence names before it only counts.
const NAMED: usize = 5;

/// The sentence for a service.
pub(super) fn action(view: &View<'_, '_>, headline: &Headline) -> String {
    let marks = &headline.marks;
    match headline.state {
        State::Regressed | State::Contradicted | State::Exposed if marks.picture.bad > 0 => {
            while_bad(view, headline)
        }
        State::Regressed | State::Contradicted if came_back(headline) => {
            "An old secret still works, and was said or seen to be gone: switch it off, and try the old value again (allclear attest --secret ID --negative-test -- COMMAND)."
                .to_owned()
        }
        State::Regressed => {
            "An exposed key is served again: put the new key back, and find the host or image that brought the old one."
                .to_owned()
        }
        State::Contradicted if marks.keys.denies_claim => {
            "New keys were claimed, and a later look still found one that was in reach: install a new key on every address, then sweep again."
                .to_owned()
        }
        State::Contradicted if marks.revoked.value == FacetValue::Contradicted => {
            "Said to be revoked, and the authority's later CRL or OCSP answer still vouches for an old certificate: ask the CA why, and have it revoked (reason keyCompromise)."
                .to_owned()
        }
        State::Contradicted | State::Exposed => {
            "Said to be gone, and it still answers: switch it off, or withdraw the claim.".to_owned()
        }
        State::Unknown => unknown(view, headline),
        State::PatchedNotRestarted => unrestarted(view),
        State::RekeyedTooEarly => {
            "The new key was made while the service still leaked: make another one, and serve it on every address."
                .to_owned()
        }
        State::ClosedKeyAtRisk | State::PresumedAffected => rekey(headline),
        State::RekeyedOldNotRevoked if marks.revoked.is_settled() => {
            "Recorded as revoked, and no CRL or OCSP answer shows it yet: sweep again once the authority does, or lower the minimum grade of `revoked` in the policy."
                .to_owned()
        }
        State::RekeyedOldNotRevoked => {
            "Have the certificates on the old keys revoked (reason keyCompromise), once nothing serves them any more; the next sweep reads CRL and OCSP. Where it cannot, attest it with a reference."
                .to_owned()
        }
        State::SecretsPending => secrets(headline),
        State::AwaitingVerification => awaiting(view, headline),
        State::Stale => "Sweep it again: it was verified, and has not been looked at for too long.".to_owned(),
        State::Verified => "Nothing: every facet is done and a later look confirmed it.".to_owned(),
        State::NotAffected => "Nothing: the question does not arise here.".to_owned(),
        State::Waived => waived(view),
        State::Decommissioned if marks.revoked.is_settled() && marks.secrets.is_settled() => {
            "Nothing: it is gone.".to_owned()
        }
        State::Decommissioned => {
            "It is gone; its old certificates and linked secrets are still to be revoked and rotated.".to_owned()
        }
    }
}

/// Whether an old secret is all that is red.
fn came_back(headline: &Headline) -> bool {
    let marks = &headline.marks;
    matches!(marks.secrets.value, FacetValue::Regressed | FacetValue::Contradicted)
        && !marks.keys.again
        && !marks.keys.denies_claim
        && marks.revoked.value != FacetValue::Contradicted
}

/// What has to be restarted, as the hosts say.
fn unrestarted(view: &View<'_, '_>) -> String {
    let hosts = view.track.endpoints.iter().filter_map(|e| e.last.host).filter(|h| h.is_unrestarted());
    let acts = hosts_to_act(hosts, |act| act.kind == ActKind::Restart);
    if acts.is_empty() {
        return "Fixed on disk, and the old library is still mapped: restart everything that maps it."
            .to_owned();
    }
    format!("Fixed on disk, and the old code still runs: {acts}")
}

/// Whether the restart is a part of other work that is named as well: a rebuilt program is restarted with it.
fn is_said_by_another(host: &HostLook, act: &Act) -> bool {
    act.kind == ActKind::Restart
        && host.acts.iter().any(|other| {
            other.kind == ActKind::Rebuild && other.runner == act.runner && other.processes == act.processes
        })
}

/// Sentences for work on hosts, each with its host; at most [`NAMED`] of them.
fn hosts_to_act<'h>(hosts: impl Iterator<Item = &'h HostLook>, wanted: impl Fn(&Act) -> bool) -> String {
    let mut all: Vec<String> = hosts
        .flat_map(|host| host.acts.iter().map(move |act| (host, act)))
        .filter(|(host, act)| wanted(act) && !is_said_by_another(host, act))
        .map(|(host, act)| format!("on {}: {}", host.host, act.sentence()))
        .collect();
    all.dedup();
    let more = all.len().saturating_sub(NAMED);
    all.truncate(NAMED);
    if more > 0 {
        all.push(format!("and {more} more"));
    }
    all.join(" ")
}

fn while_bad(view: &View<'_, '_>, headline: &Headline) -> String {
    let bad: Vec<&Endpoint<'_>> =
        view.endpoints().filter(|e| view.track.class(e, view.said) == Class::Bad).collect();
    let mut left = bad.iter().filter(|e| view.track.has_left(e));
    if let Some(endpoint) = left.next().filter(|_| bad.iter().all(|e| view.track.has_left(e))) {
        return format!(
            "{} was vulnerable when last seen ({}), and its name no longer leads there: sweep it by address, or attest that this address is decommissioned.",
            place(endpoint),
            endpoint.last.seen.at.short()
        );
    }
    let mut where_ = bad.iter().take(NAMED).map(|e| place(e)).collect::<Vec<_>>().join(", ");
    if bad.len() > NAMED {
        where_ = format!("{where_} and {} more", bad.len() - NAMED);
    }
    let again = match headline.state {
        State::Regressed => "Vulnerable again at ",
        State::Contradicted => "Said to be done, and still vulnerable at ",
        _ => "Vulnerable at ",
    };
    if headline.marks.patched.value == FacetValue::Claimed {
        return format!(
            "{again}{where_} when last seen; said to be patched since: restart it, then sweep again."
        );
    }
    if let Some(switch) =
        bad.iter().find_map(|e| by_configuration(view.track.standing_look(e).finding.reason))
    {
        return format!("{again}{where_}: {switch}, then sweep again with `--depth full`.");
    }
    // A host is an endpoint of its own at the address where the network saw the hole.
    let at_bad = |e: &&Endpoint<'_>| bad.iter().any(|b| b.address == e.address);
    let hosts = view.endpoints().filter(at_bad).filter_map(|e| e.last.host);
    let acts = hosts_to_act(hosts, |act| act.kind != ActKind::FindOut);
    if !acts.is_empty() {
        return format!("{again}{where_}; {acts} Then collect the host again.");
    }
    format!("{again}{where_}: {}", fix(stack(view)))
}

/// What closes a hole that no update closes by itself: a matter of what the server is told to offer.
const fn by_configuration(reason: Reason) -> Option<&'static str> {
    Some(match reason {
        Reason::Sslv3CbcTaken => "switch SSLv3 off in its configuration and restart it",
        Reason::RsaExportTaken | Reason::DheExportTaken => {
            "switch export suites off in its configuration and restart it"
        }
        Reason::DhPrimeShort | Reason::DhPrimeShared => {
            "give it a Diffie-Hellman prime of its own of 2048 bits or more, or elliptic curves alone, and restart it"
        }
        Reason::Sslv2Spoken => "switch SSLv2 off in its configuration and restart it",
        Reason::KeySharedWithSslv2 => {
            "switch SSLv2 off wherever else its key is served (`allclear export keys` says where), or give it a key of its own"
        }
        _ => return None,
    })
}

fn stack(view: &View<'_, '_>) -> TlsStack {
    view.index
        .evidence
        .services
        .get(view.service)
        .map_or(TlsStack::Unknown, crate::model::service::Service::tls_stack)
}

const fn fix(stack: TlsStack) -> &'static str {
    match stack {
        TlsStack::OpensslDynamic => {
            "install the fixed OpenSSL package, then restart every process that uses it, then sweep again."
        }
        TlsStack::OpensslStatic => {
            "rebuild it against a fixed OpenSSL and deploy the build (a package upgrade does not reach it), then sweep again."
        }
        TlsStack::OpensslIndirect => {
            "upgrade the runtime or library that brings OpenSSL in, restart, then sweep again."
        }
        TlsStack::Appliance => {
            "install the maker's fixed firmware, or take it off the network until there is one, then sweep again."
        }
        TlsStack::Provider => {
            "ask the provider for a dated statement that it is fixed, then sweep again; the key stays yours to replace."
        }
        TlsStack::Openssl | TlsStack::Other | TlsStack::Unknown => {
            "install the fixed TLS library (rebuild where it is linked in), restart, then sweep again."
        }
    }
}

fn unknown(view: &View<'_, '_>, headline: &Headline) -> String {
    if view
        .track
        .endpoints
        .iter()
        .any(|e| e.last.disputes && view.track.class(e, view.said) == Class::Unknown)
    {
        return "Clean by the network, and a host says later that the hole is there: sweep it again, from inside as well, and find the copy that the host names.".to_owned();
    }
    let Some((_, reason)) = headline.marks.picture.worst else {
        return match headline.marks.picture.worst_left {
            Some(_) => "Said to be gone: sweep it again; sweeps in a row that find nothing there prove it."
                .to_owned(),
            None => "Never looked at: sweep it.".to_owned(),
        };
    };
    let text = match reason {
        Reason::NotAsked => {
            "Not asked yet: sweep it with `--depth full`, which asks about this disclosure; or collect its host (`allclear host collect --ssh HOST`)."
        }
        Reason::EndedWithoutAlert => {
            "It ended the conversation without an alert, as a filter does too: sweep it from inside, or collect its host (`allclear host collect --ssh HOST`)."
        }
        Reason::RsaKeyExchangeOffered => {
            "RSA key exchange is offered, and whether it gives anything away is not asked: switch it off and sweep again, or attest what its maker says."
        }
        Reason::ListDoesNotCover => {
            "No list of weak keys covers its key: sweep it again with `--weak-keys FILE`, or make a new key."
        }
        Reason::DhPrimeUnknown => {
            "Its Diffie-Hellman prime has 1024 bits: put one of 2048 bits or more in its place, or elliptic curves alone, and sweep again."
        }
        Reason::Sslv2NoCiphers => {
            "It speaks SSLv2 without any cipher, which old OpenSSL does not enforce: switch SSLv2 off, and sweep again."
        }
        Reason::BranchNotAnalysed if from_network(view) => {
            "The network cannot tell for this disclosure: collect its host (`allclear host collect --ssh HOST`), or attest what is known."
        }
        Reason::BranchNotAnalysed => {
            "Nobody analysed the version that runs there: upgrade to a supported branch, or attest what its maker says."
        }
        Reason::BackportLikely
        | Reason::RowUnconfirmed
        | Reason::SymbolsUnavailable
        | Reason::PackageFixed => {
            "Its host could not settle it: see `allclear host show` for what was compared, take in the distribution's record (`allclear disclosure import FILE`), or attest what is known."
        }
        Reason::DnsFailed => {
            "Its name gave no address, or not all of them: sweep it again when DNS answers; if the name is gone, correct the inventory or attest that it is decommissioned."
        }
        Reason::Refused | Reason::NoRoute | Reason::ConnectTimedOut => {
            "Not reached: sweep it from a place that can reach it, or attest that it is decommissioned."
        }
        Reason::Fragile => {
            "Not probed, since it is marked fragile: ask its maker whether it is affected, and attest the answer."
        }
        Reason::OutOfScope | Reason::Excluded => {
            "Not probed, since it is excluded or out of scope: have whoever may sweep it do so."
        }
        Reason::Blocked => "Something in between ate the probe: sweep it from inside.",
        Reason::WrapMismatch | Reason::StarttlsRefused => {
            "TLS was not found in the way that the inventory says: correct the wrap, then sweep again."
        }
        Reason::WrapUnsupported => return unspoken(view),
        Reason::LocalError | Reason::Interrupted => "The sweep did not get to it: run it again.",
        Reason::RateLimited => "It asked for patience: sweep it again later.",
        _ => "No verdict could be had: sweep it again, with longer limits or from another place.",
    };
    text.to_owned()
}

/// Whether what could not tell was the network, and no host was asked.
fn from_network(view: &View<'_, '_>) -> bool {
    !view.track.endpoints.iter().any(|e| e.last.host.is_some())
}

/// Nothing was contacted and nothing is wrong with the inventory, so neither is blamed.
fn unspoken(view: &View<'_, '_>) -> String {
    let wrap = view.index.evidence.services.get(view.service).map(|s| format!(" {}", s.wrap));
    format!(
        "Not contacted, since this release does not speak{}: test it with another tool and attest what that found, or waive it.",
        wrap.as_deref().unwrap_or(" its protocol")
    )
}

fn rekey(headline: &Headline) -> String {
    let keys = &headline.marks.keys;
    if keys.blind && !keys.serves_risky {
        return "Which key it serves is not known, and it was in reach: install a new one, and sweep again so that it is seen."
            .to_owned();
    }
    if headline.state == State::PresumedAffected {
        return "Clean, but it may have leaked before it was patched: make a new key and certificate and serve them on every address."
            .to_owned();
    }
    "Clean now, and a key that was in reach is still served: make a new key (not only a new certificate) and serve it on every address."
        .to_owned()
}

fn secrets(headline: &Headline) -> String {
    if headline.marks.secrets.value == FacetValue::TooEarly {
        return "A linked secret was rotated while the leak was still open, or handed out through a service that leaked: rotate it once more.".to_owned();
    }
    "Rotate the linked secrets, see that the old ones are refused, and attest it.".to_owned()
}

fn awaiting(view: &View<'_, '_>, headline: &Headline) -> String {
    let marks = &headline.marks;
    let minimum = &view.index.policy.minimum_grades;
    let lacks = marks.five().into_iter().find(|(kind, mark)| !mark.satisfies(minimum.of(*kind)));
    let Some((kind, mark)) = lacks else {
        return "Everything is done once: sweep it again to confirm.".to_owned();
    };
    let need = minimum.of(kind);
    let has = mark.grade.map_or_else(|| "no evidence".to_owned(), |grade| format!("grade {grade}"));
    let how = match kind {
        FacetKind::Patched => "attest the fixed version with a reference",
        FacetKind::Restarted | FacetKind::Rekeyed => "sweep it again",
        FacetKind::Revoked => {
            "wait until the old certificates expire or a CRL or OCSP answer shows their revocation, or lower the minimum in the policy"
        }
        FacetKind::Secrets | FacetKind::Verified => "attest it with a reference",
    };
    format!("The facet `{kind}` has {has} and needs {need}: {how}.")
}

fn waived(view: &View<'_, '_>) -> String {
    let end =
        view.said.waived(None, view.now).or_else(|| view.said.waived(Some(FacetKind::Verified), view.now));
    end.map_or_else(
        || "Nothing until the waiver ends.".to_owned(),
        |(_, until)| format!("Nothing until the waiver ends ({}).", until.short()),
    )
}

fn place(endpoint: &Endpoint<'_>) -> String {
    endpoint.address.map_or_else(|| "its address".to_owned(), |a| a.to_string())
}

/// What must come first. `sharing` are other services that serve one of its keys at risk.
pub(super) fn blocked_by(view: &View<'_, '_>, headline: &Headline, sharing: &[RowId]) -> Vec<String> {
    let marks = &headline.marks;
    let mut list = Vec::new();
    if headline.state.is_finished() {
        return list;
    }
    let bad = marks.picture.bad > 0;
    if bad && matches!(marks.patched.value, FacetValue::Open | FacetValue::Contradicted) {
        list.push("No restart before the fixed version is installed.".to_owned());
    }
    let owes_keys = !marks.rekeyed.is_settled();
    if owes_keys && !marks.restarted.is_settled() {
        list.push("No new key before the fixed code runs on every address.".to_owned());
    }
    if !marks.revoked.is_settled() {
        if owes_keys {
            list.push("No revocation before every address has left the old keys.".to_owned());
        }
        list.extend(sharing.iter().take(NAMED).map(ToString::to_string));
        if sharing.len() > NAMED {
            list.push(format!("{} more services still serve the old keys.", sharing.len() - NAMED));
        }
    }
    let linked = view.index.secrets_of.get(view.service).map_or(&[][..], Vec::as_slice);
    let waits = |number: &u32| {
        view.secrets.get(*number as usize).is_some_and(|s| s.in_reach && !s.closed && !s.leaking.is_empty())
    };
    if linked.iter().any(waits) {
        list.push("No new secrets before every service that holds them has stopped leaking.".to_owned());
    }
    list
}
