//! Hosts beside the network, at one moment of a service's history: what they agree on, where they contradict each
//! other, what that does to the grades, and the same in words for the entry.
//!
//! What a host's look is made of is `join`'s; which of two looks counts for an address is `history`'s.

use std::{collections::BTreeMap, net::IpAddr};

use crate::model::{
    facet::FacetValue,
    host::Finding as HostFinding,
    joined::{Conflict, Graded, HostView, Weight},
    service::{Service, TlsStack},
    verdict::{Grade, Verdict},
};

use super::{
    claims::Standing,
    facets::Mark,
    history::{Class, Endpoint, Track},
    index::{Look, Moment},
    join::HostLook,
};

/// Where network and host say opposite things: the network's look, the host's, and the host's whole word.
pub(super) type Opposites<'e> = (&'e Look<'e>, &'e Look<'e>, &'e HostLook);

/// The endpoints of hosts that have not left, each with its last word.
fn words<'a, 'e>(
    track: &'a Track<'e>,
    said: &'a Standing<'e>,
) -> impl Iterator<Item = (&'a Endpoint<'e>, &'e HostLook)> {
    let counts = move |e: &&Endpoint<'e>| track.class(e, said) != Class::Left;
    track.endpoints.iter().filter(counts).filter_map(|e| Some((e, e.last.host?)))
}

/// Every contradiction that stands.
pub(super) fn conflicts<'a, 'e>(
    track: &'a Track<'e>,
    said: &'a Standing<'e>,
) -> impl Iterator<Item = Opposites<'e>> + use<'a, 'e> {
    words(track, said).filter_map(|(endpoint, host)| {
        let network = track.network_at(endpoint.address)?;
        let (a, b) = (network.finding.verdict, host.finding.verdict);
        let opposite = b.is_decided() && a.is_clean() != b.is_clean();
        opposite.then_some((network, endpoint.last, host))
    })
}

/// What is installed, where hosts tell it for every address: done once all of them have a fixed version on disk.
pub(super) fn installed(track: &Track<'_>, said: &Standing<'_>) -> Option<Mark> {
    let mut at: BTreeMap<Option<IpAddr>, Option<Moment>> = BTreeMap::new();
    for endpoint in track.endpoints.iter().filter(|e| track.class(e, said) != Class::Left) {
        at.entry(endpoint.address).or_default();
    }
    for (endpoint, host) in words(track, said) {
        if host.disk.is_none() {
            continue;
        }
        // One host behind an address that is not fixed leaves the address unfixed.
        let since = endpoint.fixed_since?;
        let slot = at.entry(endpoint.address).or_default();
        *slot = (*slot).max(Some(since));
    }
    let done: Option<Vec<Moment>> = at.values().copied().collect();
    let since = done?.into_iter().max()?;
    let agrees = at.keys().all(|a| track.network_at(*a).is_some_and(|l| l.finding.verdict.is_clean()));
    let grade = if agrees { Grade::E4 } else { Grade::E3 };
    Some(Mark {
        value: FacetValue::Done,
        grade: Some(grade),
        at: Some(since),
        until: None,
        uncheckable: false,
    })
}

/// How well it is known that nothing bad runs any more: E4 where network and host agree at every address, E3 by hosts
/// at every address or by two sweeps, E2 by one sweep, and never more than E2 while the two contradict each other.
pub(super) fn closed_grade(track: &Track<'_>, said: &Standing<'_>) -> Grade {
    let swept = if track.clean_sweeps(said) >= 2 { Grade::E3 } else { Grade::E2 };
    if conflicts(track, said).next().is_some() {
        return Grade::E2;
    }
    let mut by_host: BTreeMap<Option<IpAddr>, bool> = BTreeMap::new();
    for endpoint in track.endpoints.iter().filter(|e| track.class(e, said) != Class::Left) {
        let has = by_host.entry(endpoint.address).or_default();
        let current = track.last_bad.is_none_or(|bad| endpoint.last.moment > bad);
        *has |= endpoint.last.host.is_some() && endpoint.last.finding.verdict.is_clean() && current;
    }
    if by_host.is_empty() || by_host.values().any(|has| !has) {
        return swept;
    }
    let seen = |a: &Option<IpAddr>| track.network_at(*a).is_some_and(|l| l.finding.verdict.is_clean());
    if by_host.keys().all(seen) { Grade::E4 } else { Grade::E3 }
}

/// What each host says, for the entry.
pub(super) fn views(track: &Track<'_>, said: &Standing<'_>) -> Vec<HostView> {
    let mut views: Vec<HostView> = words(track, said)
        .map(|(endpoint, host)| HostView {
            host: host.host.clone(),
            at: host.seen.at,
            address: host.seen.address,
            programs: host.programs.clone(),
            running: host.running.clone(),
            disk: host.disk.clone(),
            old_runs: host.old_runs,
            stack: host.stack,
            open_to: host.open_to.clone(),
            acts: host.acts.clone(),
            weight: weight(track, said, endpoint, host),
        })
        .collect();
    views.sort_by(|a, b| (&a.host, a.address).cmp(&(&b.host, b.address)));
    views
}

fn weight(track: &Track<'_>, said: &Standing<'_>, endpoint: &Endpoint<'_>, host: &HostLook) -> Weight {
    let found = host.finding.verdict;
    if !found.is_decided() {
        return Weight::Silent;
    }
    match (track.class(endpoint, said), track.network_at(endpoint.address)) {
        (Class::Unknown, Some(_)) => Weight::Disputes,
        (Class::Deferred, Some(network)) if network.finding.verdict.is_clean() == found.is_clean() => {
            Weight::Agrees
        }
        (Class::Deferred, _) => Weight::Outranked,
        _ => Weight::Decides,
    }
}

/// The contradictions, for the entry.
pub(super) fn entries(track: &Track<'_>, said: &Standing<'_>) -> Vec<Conflict> {
    let mut all: Vec<Conflict> = conflicts(track, said)
        .map(|(network, own, host)| {
            let found = host
                .running
                .clone()
                .unwrap_or_else(|| HostFinding::new(host.finding.verdict, host.finding.reason));
            Conflict {
                address: host.seen.address,
                network: (network.finding.verdict, network.finding.reason),
                network_at: network.seen.at,
                host: host.host.clone(),
                words: sentence(network, own, host, &found),
                found,
                host_at: host.seen.at,
            }
        })
        .collect();
    all.sort_by(|a, b| (&a.host, a.address).cmp(&(&b.host, b.address)));
    all
}

fn sentence(network: &Look<'_>, own: &Look<'_>, host: &HostLook, found: &HostFinding) -> String {
    let place = host.seen.address.map_or_else(|| "The service".to_owned(), |a| a.to_string());
    let compared = found.compare.as_ref().map_or_else(String::new, |c| format!(": {c}"));
    let says = format!(
        "{place} is {} by the network ({}, {}), and {} by host {} ({}, {}{compared}).",
        network.finding.verdict,
        network.finding.reason,
        network.seen.at.short(),
        host.finding.verdict,
        host.host,
        host.finding.reason,
        host.seen.at.short(),
    );
    let newer = own.moment > network.moment;
    let settles = match (network.finding.verdict, newer) {
        (Verdict::Vulnerable, _) => {
            "The network counts: look for another copy, process or host that answers there, then sweep again."
        }
        (_, true) => {
            "Neither counts until it is swept again: an old library may be back, or a filter may eat the probe."
        }
        (_, false) => "The network counts; collect the host again to settle it.",
    };
    format!("{says} {settles}")
}

/// How the service comes by its TLS code: as a host saw it, else as the inventory says.
pub(super) fn linkage(views: &[HostView], service: Option<&Service>) -> Option<Graded<TlsStack>> {
    let seen = views.iter().filter(|v| v.stack != TlsStack::Unknown).max_by_key(|v| v.at);
    if let Some(view) = seen.filter(|v| !v.programs.is_empty()) {
        let because = format!("{} on {}, {}", view.programs.join(", "), view.host, view.at.short());
        let grade = if view.weight == Weight::Agrees { Grade::E4 } else { Grade::E3 };
        return Some(Graded { value: view.stack, grade, because });
    }
    let declared = service?.declared.tls_stack.filter(|s| *s != TlsStack::Unknown)?;
    Some(Graded { value: declared, grade: Grade::E0, because: "the inventory says so".to_owned() })
}

/// The version that decided, with what it was compared to: of what runs, else of what is installed; the worst first.
pub(super) fn version(views: &[HostView]) -> Option<Graded<String>> {
    let found = |v: &HostView| v.running.as_ref().and_then(|f| f.compare.clone());
    let disk = |v: &HostView| v.disk.as_ref().and_then(|f| f.compare.clone());
    let rank = |v: &&HostView| v.running.as_ref().is_some_and(|f| !f.verdict.is_clean());
    let view = views.iter().filter(|v| found(v).or_else(|| disk(v)).is_some()).max_by_key(rank)?;
    let grade = if view.weight == Weight::Agrees { Grade::E4 } else { Grade::E3 };
    let because = format!("{}, {}", view.host, view.at.short());
    let mut value = found(view).map_or_else(String::new, |c| format!("runs {c}"));
    if let Some(disk) = disk(view).filter(|_| view.is_unrestarted() || value.is_empty()) {
        value = [value, format!("on disk {disk}")]
            .into_iter()
            .filter(|s| !s.is_empty())
            .collect::<Vec<_>>()
            .join("; ");
    }
    Some(Graded { value, grade, because })
}
