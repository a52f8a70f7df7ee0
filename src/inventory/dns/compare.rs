//! What answers about names mean. Pure.
//!
//! Resolvers are compared fairly: order and time to live are no difference, and a question that one of them did not
//! answer makes none.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};

use super::{Declared, Looked, Said, few};
use crate::model::{
    address::is_private,
    loading::{Notice, NoticeKind},
};

/// A choice of one address family from an answer.
type Choose = fn(&Said) -> &super::Family;

pub(super) fn notices(looked: &Looked) -> Vec<Notice> {
    let mut notices = Vec::new();
    for (name, (declared, said)) in &looked.names {
        notices.extend(existence(name, declared, said));
        notices.extend(difference(name, declared, said, &looked.resolvers));
        notices.extend(elsewhere(name, declared, said));
    }
    notices.extend(unanswered(looked));
    if !looked.short.is_empty() {
        let message = format!(
            "not looked up, since search domains decide what a name without a dot is: {}",
            few(looked.short.iter().map(|name| &**name))
        );
        notices.push(Notice { kind: NoticeKind::Dns, message, source: None });
    }
    notices
}

/// A name that does not exist, or has no address, at any resolver that answered.
fn existence(name: &str, declared: &Declared, said: &[Said]) -> Option<Notice> {
    let whole = said.iter().filter(|s| s.exists.is_some());
    if whole.clone().next().is_none() || said.iter().any(|s| s.addresses().next().is_some()) {
        return None;
    }
    let known = whole.clone().any(|s| s.exists == Some(true));
    if known && !whole.clone().any(|s| s.exists == Some(true) && s.v4.is_ok() && s.v6.is_ok()) {
        return None; // the one family that was not answered for may have it
    }
    let what = if known { "has neither an A nor an AAAA record" } else { "does not exist in DNS" };
    let elsewhere = match (declared.addresses.is_empty(), declared.hosts.is_empty()) {
        (false, _) => "; a sweep uses the declared address",
        (true, false) => "; a sweep uses this machine's /etc/hosts, and another machine cannot",
        (true, true) => "",
    };
    // Without any address a sweep cannot look at it: the name is wrong, or what it named is gone.
    let fault = !known && elsewhere.is_empty();
    Some(Notice {
        kind: if fault { NoticeKind::NoSuchName } else { NoticeKind::Dns },
        message: format!("{name} {what}{elsewhere}"),
        source: declared.source.clone(),
    })
}

/// Resolvers by name, in the order in which they were given.
fn named<'n>(resolvers: &[Arc<str>], which: impl IntoIterator<Item = &'n usize>) -> String {
    let names: Vec<&str> =
        which.into_iter().filter_map(|at| resolvers.get(*at)).map(|name| &**name).collect();
    names.join(", ")
}

/// Resolvers that give different addresses: each address once, with who gives it.
fn difference(name: &str, declared: &Declared, said: &[Said], resolvers: &[Arc<str>]) -> Option<Notice> {
    const FAMILIES: [Choose; 2] = [|s| &s.v4, |s| &s.v6];
    let mut by_givers: BTreeMap<(bool, Vec<usize>), BTreeSet<IpAddr>> = BTreeMap::new();
    let (mut differ, mut inside, mut outside) = (false, BTreeSet::new(), BTreeSet::new());
    let mut givers_of: BTreeMap<IpAddr, Vec<usize>> = BTreeMap::new();
    let mut nothing = BTreeSet::new();
    for choose in FAMILIES {
        let answers: Vec<(usize, &BTreeSet<IpAddr>)> = said
            .iter()
            .enumerate()
            .filter_map(|(resolver, said)| Some((resolver, choose(said).as_ref().ok()?)))
            .collect();
        differ |= answers.windows(2).any(|pair| matches!(pair, [(_, a), (_, b)] if a != b));
        for (resolver, addresses) in answers {
            for address in addresses {
                givers_of.entry(*address).or_default().push(resolver);
                let side = if is_private(*address) { &mut inside } else { &mut outside };
                side.insert(resolver);
            }
        }
    }
    if !differ {
        return None;
    }
    for (resolver, said) in said.iter().enumerate() {
        if said.v4.is_ok() && said.v6.is_ok() && said.addresses().next().is_none() {
            nothing.insert(resolver);
        }
    }
    let all = said.iter().filter(|s| s.v4.is_ok() || s.v6.is_ok()).count();
    for (address, givers) in givers_of {
        // What all give comes first.
        by_givers.entry((givers.len() != all, givers)).or_default().insert(address);
    }
    let mut parts: Vec<String> = Vec::new();
    for ((some, givers), addresses) in &by_givers {
        let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        let from = if *some { named(resolvers, givers) } else { "all".to_owned() };
        parts.push(format!("{} from {from}", addresses.join(", ")));
    }
    if !nothing.is_empty() {
        parts.push(format!("no address from {}", named(resolvers, &nothing)));
    }
    let split = inside.iter().any(|r| !outside.contains(r)) && outside.iter().any(|r| !inside.contains(r));
    let split = if split { " (private addresses against public ones: split horizon)" } else { "" };
    Some(Notice {
        kind: NoticeKind::DnsRisk,
        message: format!("resolvers disagree on {name}: {}{split}", parts.join("; ")),
        source: declared.source.clone(),
    })
}

/// Declared addresses that no resolver gives, where one gives others or none.
fn elsewhere(name: &str, declared: &Declared, said: &[Said]) -> Option<Notice> {
    let given: BTreeSet<IpAddr> = said.iter().flat_map(Said::addresses).collect();
    if given.is_empty() {
        return None; // told as a name without an address
    }
    let answered = |address: &IpAddr| {
        let choose: Choose = if address.is_ipv4() { |s| &s.v4 } else { |s| &s.v6 };
        !said.is_empty() && said.iter().all(|s| choose(s).is_ok())
    };
    let missing: Vec<_> =
        declared.addresses.iter().filter(|(a, _)| !given.contains(a) && answered(a)).collect();
    let (_, source) = missing.first()?;
    let words = |addresses: Vec<String>| few(addresses.iter().map(String::as_str));
    Some(Notice {
        kind: NoticeKind::Dns,
        message: format!(
            "{name} is declared at {}, and DNS says {}",
            words(missing.iter().map(|(address, _)| address.to_string()).collect()),
            words(given.iter().map(ToString::to_string).collect()),
        ),
        source: (*source).clone(),
    })
}

/// Questions without an answer, together for each resolver and reason: a dead resolver is one line.
fn unanswered(looked: &Looked) -> Vec<Notice> {
    let mut by_reason: BTreeMap<(usize, &str), BTreeSet<&str>> = BTreeMap::new();
    for (name, (_, said)) in &looked.names {
        for (number, said) in said.iter().enumerate() {
            for why in [&said.v4, &said.v6].into_iter().filter_map(|family| family.as_ref().err()) {
                by_reason.entry((number, why)).or_default().insert(name);
            }
        }
    }
    let notice = |((number, why), names): ((usize, &str), BTreeSet<&str>)| Notice {
        kind: NoticeKind::Dns,
        message: format!(
            "not everything was answered by {} ({why}) for: {}",
            looked.resolvers.get(number).map_or("a resolver", |resolver| &**resolver),
            few(names)
        ),
        source: None,
    };
    by_reason.into_iter().map(notice).collect()
}
