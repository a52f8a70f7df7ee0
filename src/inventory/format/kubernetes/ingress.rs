//! Ingresses and gateways: names that are served from outside, and the secrets behind them.

use std::collections::BTreeSet;

use super::{Dump, Object, balancer, meta, one_address};
use crate::inventory::{Error, declare::Draft, host::Addresses, intake::Intake, tree::Node};

const WILDCARDS: &str = "wildcard hosts, which are not one service each; list the hosts behind them";

/// A host of `spec.tls`, and its secret.
struct Covered<'n> {
    host: &'n str,
    secret: Option<&'n str>,
}

/// An Ingress: each host with TLS is a row on port 443.
pub(super) fn ingress(
    dump: &mut Dump<'_, '_>,
    object: &Object<'_, '_>,
    intake: &mut Intake<'_>,
) -> Result<(), Error> {
    let list = |key: &str| object.node.at(&["spec", key]).map(Node::items).unwrap_or_default();
    let hosts: Vec<(&str, &Node<'_>)> =
        list("rules").iter().filter_map(|rule| Some((rule.get("host")?.text()?, rule))).collect();
    let mut covered = Vec::new();
    for tls in list("tls") {
        let secret = tls.get("secretName").and_then(Node::text).filter(|name| !name.is_empty());
        let named: Vec<&str> =
            tls.get("hosts").map(Node::items).unwrap_or_default().iter().filter_map(Node::text).collect();
        // Without hosts it is for every rule.
        let named = if named.is_empty() { hosts.iter().map(|(host, _)| *host).collect() } else { named };
        if let Some(secret) = secret {
            dump.secret(&object.namespace, secret, tls.place.line);
        }
        covered.extend(named.into_iter().map(|host| Covered { host, secret }));
    }
    let any_tls = !list("tls").is_empty() || meta::says_tls(object);
    let base = meta::draft(dump, object, intake);
    let (addresses, names) = balancer(object);
    let mut done = BTreeSet::new();
    let all = covered.iter().map(|c| c.host).chain(hosts.iter().map(|(host, _)| *host));
    for host in all.filter(|host| !host.is_empty()) {
        let lower = host.trim_end_matches('.').to_ascii_lowercase();
        if !done.insert(lower.clone()) {
            continue;
        }
        let line = object.node.place.line;
        let secrets: BTreeSet<&str> =
            covered.iter().filter(|c| covers(c.host, &lower)).filter_map(|c| c.secret).collect();
        if host.starts_with('*') {
            dump.tally.add(WILDCARDS, line, host);
            continue;
        }
        if !any_tls {
            dump.tally.add("hosts of ingresses without TLS: port 80 alone", line, host);
            continue;
        }
        host_row(dump, object, &base, host, &secrets, (&addresses, &names), intake)?;
    }
    if list("rules").iter().any(|rule| rule.get("host").and_then(Node::text).is_none_or(str::is_empty)) {
        dump.tally.add("ingresses with a rule for any host", object.node.place.line, &object.path());
    }
    Ok(())
}

/// Whether a host of `tls` is this host, or a wildcard for its one label.
fn covers(pattern: &str, host: &str) -> bool {
    let pattern = pattern.trim_end_matches('.').to_ascii_lowercase();
    let suffix = |p: &str| host.split_once('.').is_some_and(|(first, rest)| !first.is_empty() && rest == p);
    pattern == host || pattern.strip_prefix("*.").is_some_and(suffix)
}

fn host_row(
    dump: &mut Dump<'_, '_>,
    object: &Object<'_, '_>,
    base: &Draft,
    host: &str,
    secrets: &BTreeSet<&str>,
    (addresses, names): (&[Addresses], &[String]),
    intake: &mut Intake<'_>,
) -> Result<(), Error> {
    let mut draft = base.clone();
    if let Err(message) = draft.host(host) {
        dump.bad(object.node, message, intake);
        return Ok(());
    }
    draft.ports = vec![443];
    for name in names {
        draft.tag_pair("balancer", name);
    }
    for secret in secrets {
        draft.tag(format!("tls-secret={}/{secret}", object.namespace));
    }
    let entry = draft.name.as_ref().map(|name| format!("{name}:443"));
    // A host that is an address has it already.
    let addresses = if draft.addresses.is_some() { &[] } else { addresses };
    if dump.take(&draft, addresses, object, intake)?
        && let Some(entry) = entry
    {
        for secret in secrets {
            dump.secret(&object.namespace, secret, object.node.place.line).used_by.insert(entry.clone());
        }
    }
    Ok(())
}

/// A Gateway of the Gateway API: each listener with TLS.
pub(super) fn gateway(
    dump: &mut Dump<'_, '_>,
    object: &Object<'_, '_>,
    intake: &mut Intake<'_>,
) -> Result<(), Error> {
    let list = |path: &[&str]| object.node.at(path).map(Node::items).unwrap_or_default();
    let addresses: Vec<Addresses> = list(&["status", "addresses"])
        .iter()
        .filter_map(|address| one_address(address.get("value")?.text()?))
        .collect();
    let base = meta::draft(dump, object, intake);
    for listener in list(&["spec", "listeners"]) {
        let line = listener.place.line;
        let text = |key: &str| listener.get(key).and_then(Node::text).unwrap_or_default();
        if !matches!(text("protocol"), "HTTPS" | "TLS") {
            dump.tally.add("gateway listeners without TLS", line, &object.path());
            continue;
        }
        let host = text("hostname");
        if host.starts_with('*') {
            dump.tally.add(WILDCARDS, line, host);
            continue;
        }
        if host.is_empty() && addresses.is_empty() {
            dump.tally.add(
                "gateway listeners with neither a host name nor an address yet",
                line,
                &object.path(),
            );
            continue;
        }
        let mut draft = base.clone();
        let port = listener.get("port").and_then(Node::scalar).unwrap_or_default();
        if let Err(message) = draft.set("name", host).and_then(|_| draft.set("port", &port)) {
            dump.bad(listener, message, intake);
            continue;
        }
        let secrets: Vec<(String, String)> = listener
            .at(&["tls", "certificateRefs"])
            .map(Node::items)
            .unwrap_or_default()
            .iter()
            .filter(|reference| {
                reference.get("kind").and_then(Node::text).is_none_or(|kind| kind == "Secret")
            })
            .filter_map(|reference| {
                let namespace = reference.get("namespace").and_then(Node::text).unwrap_or(&object.namespace);
                Some((namespace.to_owned(), reference.get("name")?.text()?.to_owned()))
            })
            .collect();
        for (namespace, name) in &secrets {
            draft.tag(format!("tls-secret={namespace}/{name}"));
        }
        let entries: Vec<String> = match &draft.name {
            Some(name) => draft.ports.iter().map(|port| format!("{name}:{port}")).collect(),
            None => Vec::new(),
        };
        if dump.take(&draft, &addresses, object, intake)? {
            for (namespace, name) in &secrets {
                dump.secret(namespace, name, line).used_by.extend(entries.iter().cloned());
            }
        }
    }
    Ok(())
}
