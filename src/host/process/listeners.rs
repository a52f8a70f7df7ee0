//! Records of listening sockets: who holds each, and whether TLS is in them. To whom they are open is decided
//! elsewhere, from the packet filter.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
};

use super::{assemble::World, entry::Entry, net::Socket, sockets::Space};
use crate::model::host::{Listener, OpenTo, Protocol, Reach};

/// A socket for a process's record.
pub(super) fn text(socket: &Socket) -> String {
    format!("{} {}", socket.protocol, SocketAddr::new(socket.address, socket.port))
}

/// One record for each protocol, address and port of a network namespace. `tls` are the processes with a TLS
/// library, `inside` the containers of processes.
pub(super) fn records(
    world: &World<'_>,
    tls: &BTreeSet<u32>,
    inside: &BTreeMap<u32, String>,
) -> Vec<Listener> {
    let mut holders: BTreeMap<u64, Vec<&Entry>> = BTreeMap::new();
    for (entry, held) in world.entries.iter().zip(&world.sockets.held) {
        for inode in held.iter().flatten() {
            holders.entry(*inode).or_default().push(entry);
        }
    }
    let mut listeners = Vec::new();
    for space in &world.sockets.spaces {
        let container = container(world, space, inside);
        let mut grouped: BTreeMap<(Protocol, IpAddr, u16), BTreeMap<u32, &Entry>> = BTreeMap::new();
        for socket in &space.sockets {
            let held_by = holders.get(&socket.inode).into_iter().flatten().map(|entry| (entry.pid, *entry));
            grouped.entry((socket.protocol, socket.address, socket.port)).or_default().extend(held_by);
        }
        for ((protocol, address, port), held_by) in grouped {
            let any = held_by.keys().any(|pid| tls.contains(pid));
            let all_seen = !held_by.is_empty() && held_by.values().all(|entry| entry.files.is_some());
            let reach = if address.is_loopback() { Reach::Loopback } else { Reach::Unknown };
            listeners.push(Listener {
                protocol,
                address,
                port,
                processes: held_by.keys().copied().collect(),
                program: held_by.values().next().map(|entry| entry.name()),
                tls_library: if any { Some(true) } else { all_seen.then_some(false) },
                open_to: OpenTo { reach, from: Vec::new(), because: String::new() },
                published: None,
                container: container.clone(),
            });
        }
    }
    listeners.sort_by_cached_key(|l| (l.container.clone(), l.protocol, l.address, l.port));
    listeners
}

/// Whose network it is. Where it is neither the host's nor a container's (`ip netns`, PrivateNetwork of a unit),
/// `netns-` and its number say that it is not the host's.
fn container(world: &World<'_>, space: &Space, inside: &BTreeMap<u32, String>) -> Option<String> {
    let number = space.number.filter(|_| !space.host)?;
    let mut inhabitants = world.entries.iter().filter(|entry| entry.net == Some(number));
    let known = inhabitants.find_map(|entry| inside.get(&entry.pid).cloned());
    Some(known.unwrap_or_else(|| format!("netns-{number}")))
}
