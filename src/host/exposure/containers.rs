//! Containers behind the packet filter: the ports that are published for them, and whether their questions
//! for names get out.

use std::{collections::BTreeSet, net::IpAddr, sync::atomic::Ordering};

use super::{
    Filters,
    open::{Scene, outside},
    packet::{Out, Packet},
    rules::{Hook, Rule, Test, Verdict},
    space::{Family, number},
    view::{At, asked, is_internal, translations},
    walk::{Walk, nothing},
};
use crate::model::host::{Firewall, FirewallFact, Listener, Protocol, Published};

/// Published ports that are listed.
const PUBLISHED: usize = 4096;

/// Ports that one rule may publish.
const RANGE: u16 = 64;

/// Work for all published ports together.
const WORK: u64 = 40_000_000;

/// The ports that rules of container engines translate into containers.
pub(super) fn published(filters: &Filters) -> Vec<Listener> {
    let mut found = BTreeSet::new();
    for family in [Family::V4, Family::V6] {
        for (at, rule) in translations(&filters.running, family) {
            let Verdict::Dnat { address: Some(to), port: to_port } = rule.verdict else {
                continue;
            };
            if Family::of(to) != family || !of_an_engine(filters, at, to) {
                continue;
            }
            let address = bound_to(rule, family);
            for protocol in [Protocol::Tcp, Protocol::Udp] {
                if !carries(rule, protocol) {
                    continue;
                }
                for (first, last) in asked(rule) {
                    for port in *first..=(*last).min(first.saturating_add(RANGE)) {
                        found.insert((address, protocol, port, to, to_port.unwrap_or(port)));
                    }
                }
            }
        }
    }
    let mut budget = WORK.min(filters.left.load(Ordering::Relaxed));
    found
        .into_iter()
        .take(PUBLISHED)
        .map(|(address, protocol, port, to_address, to_port)| Listener {
            protocol,
            address,
            port,
            processes: Vec::new(),
            program: None,
            tls_library: None,
            open_to: filters.open_with(protocol, address, port, true, &mut budget),
            published: Some(Published { to_address, to_port, container: None }),
            container: None,
        })
        .collect()
}

/// Whether a rule is a container engine's: by its chain or table, or by the interface that it leads to.
fn of_an_engine(filters: &Filters, at: At<'_>, to: IpAddr) -> bool {
    let chain = ["DOCKER", "CNI-", "NETAVARK", "nv_"].iter().any(|prefix| at.chain.starts_with(prefix));
    let table = ["docker", "netavark"].iter().any(|prefix| at.table.name.starts_with(prefix));
    chain || table || matches!(filters.net.way_to(to), Out::By(name) if is_internal(&name))
}

fn carries(rule: &Rule, protocol: Protocol) -> bool {
    rule.tests.iter().any(|test| match test {
        Test::Protocol { tcp, udp } => {
            if protocol == Protocol::Tcp {
                *tcp
            } else {
                *udp
            }
        }
        _ => false,
    }) && rule.tests.iter().all(|test| match test {
        Test::Protocol { tcp, udp } => {
            if protocol == Protocol::Tcp {
                *tcp
            } else {
                *udp
            }
        }
        _ => true,
    })
}

/// The one address that a rule publishes on, or all of them.
fn bound_to(rule: &Rule, family: Family) -> IpAddr {
    let one = rule.tests.iter().find_map(|test| match test {
        Test::Dest { ranges, negated: false, .. } => match ranges.as_slice() {
            [(first, last)] if first == last => Some(*first),
            _ => None,
        },
        _ => None,
    });
    match family {
        Family::V4 => IpAddr::V4(u32::try_from(one.unwrap_or(0)).unwrap_or(0).into()),
        Family::V6 => IpAddr::V6(one.unwrap_or(0).into()),
    }
}

/// A fact where the rules certainly drop what containers ask of DNS. Nothing is said where it is not certain.
pub(super) fn dns_blocked(filters: &Filters) -> Option<Firewall> {
    let bridges = bridges(filters);
    let scene = filters.scene(Family::V4)?;
    let (bridge, what) =
        bridges.iter().find_map(|bridge| Some((bridge, blocked(filters, scene, bridge)?)))?;
    Some(Firewall {
        fact: FirewallFact::ContainerDnsBlocked,
        source: what.source,
        family: Family::V4.word().to_owned(),
        input_policy: String::new(),
        rules: None,
        only_saved: Vec::new(),
        only_running: Vec::new(),
        message: format!("containers on {bridge} cannot resolve names: {} ({})", what.how, what.by),
    })
}

/// The bridges of container engines, by their interfaces or else by the chains that Docker leaves.
fn bridges(filters: &Filters) -> Vec<String> {
    let of_engine = |name: &&String| {
        let hash = name.strip_prefix("br-").is_some_and(|rest| rest.len() == 12);
        hash || ["docker", "podman", "cni-podman"].iter().any(|prefix| name.starts_with(prefix))
    };
    let found: Vec<String> = filters.net.interfaces.iter().filter(of_engine).cloned().collect();
    let chains = filters.running.iter().flat_map(|set| &set.tables);
    if found.is_empty() && chains.into_iter().any(|table| table.chains.contains_key("DOCKER")) {
        return vec!["docker0".to_owned()];
    }
    found
}

struct Blocked {
    how: &'static str,
    by: String,
    source: String,
}

/// What certainly drops a container's question for a name, or the answer.
fn blocked(filters: &Filters, scene: Scene<'_>, bridge: &str) -> Option<Blocked> {
    let question = Packet {
        protocol: Protocol::Udp,
        dest: None,
        local: false,
        port: Some(53),
        source_port: None,
        established: false,
        translated: false,
        out: filters.net.way_out(),
    };
    let from_out = match &question.out {
        Out::By(name) => Some(name.clone()),
        _ => None,
    };
    let answer = Packet {
        port: None,
        source_port: Some(53),
        established: true,
        out: Out::By(bridge.to_owned()),
        ..question.clone()
    };
    let mut ways = vec![
        (Hook::Forward, question.clone(), Some(bridge), "what they ask of DNS servers is dropped"),
        (Hook::Forward, answer, from_out.as_deref(), "what DNS servers answer is dropped"),
    ];
    // Where the name server is on the bridge itself.
    if bridge.starts_with("podman") || bridge.starts_with("cni") {
        let own = Packet { local: true, out: Out::Nowhere, ..question };
        ways.push((
            Hook::Input,
            own,
            Some(bridge),
            "what they ask of the name server on the bridge is dropped",
        ));
    }
    ways.into_iter().find_map(|(hook, packet, from, how)| {
        let mut flow = outside(scene.view);
        if let Some(from) = from {
            let class = scene.view.class_of(from);
            let mut one = nothing(scene.view);
            if let (Some(into), Some(all)) = (one.get_mut(class), flow.get_mut(class)) {
                std::mem::swap(into, all);
            }
            flow = one;
        }
        if let (true, Some((first, last))) =
            (hook != Hook::Forward || !packet.established, subnet(filters, bridge))
        {
            for sources in &mut flow {
                *sources = sources.split(&[(first, last)], false);
            }
        }
        let mut budget = super::open::WORK;
        let ends = Walk::new(scene.sets, scene.view, scene.net, packet, &mut budget).at(hook, flow).ok()?;
        let through = ends.accepted.iter().chain(&ends.unsure).any(|sources| !sources.is_empty());
        let by = ends.dropped_by.filter(|_| !through)?;
        Some(Blocked { how, by: by.text("DROP"), source: by.set.source.clone() })
    })
}

/// The addresses of a bridge's containers.
fn subnet(filters: &Filters, bridge: &str) -> Option<(u128, u128)> {
    let route = filters.net.routes.iter().find(|r| r.family == Family::V4 && r.interface == bridge)?;
    Some((route.first.max(number(IpAddr::from([0, 0, 0, 0]))), route.last))
}
