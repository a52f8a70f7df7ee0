//! Who can reach a service: the inventory's word, a host's packet filter, rules, tags and zones, and at
//! last the look of its addresses.

use std::net::IpAddr;

use super::declared;
use crate::model::{
    address::is_private,
    classified::{Answer, Basis},
    host::{OpenTo, Reach},
    policy::Policy,
    service::{Exposure, Service},
};

/// Words that zones and tags have for it, in lower case.
const WORDS: &[(Exposure, &[&str])] = &[
    (Exposure::Public, &["public", "internet", "internet-facing", "external", "dmz", "edge", "perimeter"]),
    (Exposure::Partner, &["partner", "partners", "extranet", "b2b"]),
    (
        Exposure::Internal,
        &["internal", "intranet", "private", "lan", "mgmt", "management", "backend", "back-office", "oob"],
    ),
];

/// Names of tags `name=value` whose value is such a word.
const KEYS: &[&str] = &["exposure", "zone", "network", "tier", "visibility"];

/// Those of them, and the words, that say it and hint at nothing else: `tier=backend` is about the place in a design.
const PLAIN_KEYS: &[&str] = &["exposure", "visibility"];
const PLAIN: &[&str] = &["public", "internet-facing", "dmz", "partner", "extranet", "internal", "intranet"];

/// The best answer there is.
pub(super) fn of(service: &Service, policy: &Policy, open_to: Option<&(String, OpenTo)>) -> Answer<Exposure> {
    if service.exposure() != Exposure::Unknown {
        return declared(service.exposure());
    }
    said(service, policy)
        .or_else(|| by_filter(service, open_to?))
        .or_else(|| by_hint(service))
        .or_else(|| by_address(service))
        .unwrap_or_else(|| Answer::new(Exposure::Unknown, Basis::Nothing, "nobody said; treated as public"))
}

/// What a person said by a rule, a tag or a zone.
pub(super) fn said(service: &Service, policy: &Policy) -> Option<Answer<Exposure>> {
    let by_rule = policy.rule.iter().find_map(|rule| {
        let exposure = rule.exposure?;
        Some(Answer::new(exposure, Basis::Said, format!("rule: {}", rule.fits_whole(service)?)))
    });
    let zone = service.declared.zone.as_deref();
    by_rule
        .or_else(|| Some(Answer::new(word(zone?)?, Basis::Said, format!("zone {}", zone?))))
        .or_else(|| by_tag(service, Basis::Said))
}

/// By tags that only hint at it, and not against the look of an address.
fn by_hint(service: &Service) -> Option<Answer<Exposure>> {
    let hint = by_tag(service, Basis::Guessed)?;
    let reached = service.addresses.iter().any(|a| is_public(*a));
    (hint.value == Exposure::Public || !reached).then_some(hint)
}

/// By tags, where they agree: those that say it, or those that hint at it as well.
fn by_tag(service: &Service, basis: Basis) -> Option<Answer<Exposure>> {
    let mut found: Option<Answer<Exposure>> = None;
    for tag in &service.declared.tags {
        let (keys, words) = if basis == Basis::Said { (PLAIN_KEYS, Some(PLAIN)) } else { (KEYS, None) };
        let value = match tag.split_once('=') {
            Some((key, value)) => keys.contains(&key.to_lowercase().as_str()).then_some(value),
            None => Some(tag.as_str()).filter(|tag| words.is_none_or(|w| w.contains(&plain(tag).as_str()))),
        };
        let Some(exposure) = value.and_then(word) else { continue };
        match &found {
            Some(first) if first.value != exposure => return None,
            _ => found = Some(Answer::new(exposure, basis, format!("tag {tag}"))),
        }
    }
    found
}

fn plain(text: &str) -> String {
    text.trim().to_lowercase().replace([' ', '_'], "-")
}

fn word(text: &str) -> Option<Exposure> {
    let text = plain(text);
    WORDS.iter().find(|(_, words)| words.contains(&text.as_str())).map(|(exposure, _)| *exposure)
}

/// By what a host says of its port. That anyone may come is public only where the address is.
fn by_filter(service: &Service, (host, open): &(String, OpenTo)) -> Option<Answer<Exposure>> {
    let because = |words: &str| format!("{host}: {words} ({})", open.because);
    match open.reach {
        Reach::Loopback => {
            Some(Answer::new(Exposure::Internal, Basis::Seen, format!("{host}: bound to loopback")))
        }
        Reach::Nobody => {
            Some(Answer::new(Exposure::Internal, Basis::Seen, because("its filter lets nobody in")))
        }
        Reach::Anyone if service.addresses.iter().any(|a| is_public(*a)) => {
            Some(Answer::new(Exposure::Public, Basis::Seen, because("open to anyone, on a public address")))
        }
        Reach::Some | Reach::Anyone | Reach::Unknown => None,
    }
}

/// By the addresses alone: a guess.
fn by_address(service: &Service) -> Option<Answer<Exposure>> {
    let addresses = &service.addresses;
    if let Some(public) = addresses.iter().find(|a| is_public(**a)) {
        return Some(Answer::new(Exposure::Public, Basis::Guessed, format!("{public} is a public address")));
    }
    let private = addresses.first().filter(|_| addresses.iter().all(|a| is_private(*a)))?;
    Some(Answer::new(
        Exposure::Internal,
        Basis::Guessed,
        format!(
            "{private} is a private address; a balancer or NAT may still lead to it, so it stays due as public"
        ),
    ))
}

/// An address that the Internet routes. Those of documentation count, so that examples read as they are meant.
fn is_public(address: IpAddr) -> bool {
    let address = address.to_canonical();
    !(is_private(address)
        || address.is_unspecified()
        || address.is_multicast()
        || matches!(address, IpAddr::V4(v4) if v4.is_broadcast() || v4.octets()[0] == 0 || v4.octets()[0] >= 240))
}
