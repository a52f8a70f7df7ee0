//! Which sockets wait for somebody, in each network namespace, and which processes hold them.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    os::unix::ffi::OsStrExt as _,
};

use rayon::prelude::*;

use super::{
    entry::{Entry, label, vanished},
    folder::{End, Folder, lines},
    net::{self, Line, Socket},
};
use crate::{
    host::cover::Cover,
    model::host::{Part, Protocol},
};

/// Open files looked at of one process.
const FDS: usize = 100_000;

/// Listening sockets kept of one namespace.
const SOCKETS: usize = 100_000;

const TABLES: [(&str, Protocol); 4] =
    [("tcp", Protocol::Tcp), ("tcp6", Protocol::Tcp), ("udp", Protocol::Udp), ("udp6", Protocol::Udp)];

/// The sockets of one network namespace.
#[derive(Clone, Debug, Default)]
pub(super) struct Space {
    /// Its number; absent where it could not be told, which is the reader's own.
    pub(super) number: Option<u64>,
    /// Whether it is the host's.
    pub(super) host: bool,
    /// What waits in it.
    pub(super) sockets: Vec<Socket>,
}

/// All sockets that wait, and who holds which.
#[derive(Clone, Debug, Default)]
pub(super) struct Sockets {
    pub(super) spaces: Vec<Space>,
    /// Of each process, in the order of the entries: the inodes of those that it holds; absent where its
    /// open files could not be seen.
    pub(super) held: Vec<Option<BTreeSet<u64>>>,
    /// The ports that the kernel hands out by itself.
    pub(super) handed_out: (u16, u16),
}

impl Sockets {
    /// Whether a socket makes its process a server. A UDP socket on a port that the kernel handed out is
    /// rather a client's.
    pub(super) fn serves(&self, socket: &Socket) -> bool {
        let (first, last) = self.handed_out;
        socket.protocol == Protocol::Tcp || !(first..=last).contains(&socket.port)
    }
}

/// Reads the tables of each namespace once, then the open files of each process.
pub(super) fn read(
    entries: &[Entry],
    folder: &Folder,
    host_net: Option<u64>,
    own_net: Option<u64>,
    cover: &Cover,
) -> Sockets {
    let mut first: BTreeMap<Option<u64>, Vec<u32>> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry.net.is_some()) {
        first.entry(entry.net).or_default().push(entry.pid);
    }
    first.entry(host_net).or_default();
    let spaces: Vec<Space> = first
        .iter()
        .map(|(number, pids)| {
            let mut bases: Vec<String> = pids.iter().take(8).map(|pid| format!("{pid}/net")).collect();
            // The reader's own tables are there for all. Without a number everything is the reader's.
            if number.is_none() || *number == own_net {
                bases.push("net".to_owned());
            }
            let sockets = tables(folder, &bases, cover);
            Space { number: *number, host: *number == host_net, sockets }
        })
        .collect();
    let waiting: BTreeSet<u64> =
        spaces.iter().flat_map(|space| &space.sockets).map(|socket| socket.inode).collect();
    let held = entries.par_iter().map(|entry| held(entry, folder, &waiting, cover)).collect();
    let range = folder.read("sys/net/ipv4/ip_local_port_range").ok().and_then(|text| net::port_range(&text));
    Sockets { spaces, held, handed_out: range.unwrap_or((32768, 60999)) }
}

fn tables(folder: &Folder, bases: &[String], cover: &Cover) -> Vec<Socket> {
    let mut sockets = Vec::new();
    for (name, protocol) in TABLES {
        let mut error = None;
        let read = bases.iter().any(|base| {
            match table(folder, &format!("{base}/{name}"), protocol, &mut sockets, cover) {
                Ok(()) => true,
                Err(e) => {
                    error = Some(e);
                    false
                }
            }
        });
        // A kernel without IPv6 has no tables of it.
        let without =
            name.ends_with('6') && error.as_ref().is_some_and(|e| e.kind() == io::ErrorKind::NotFound);
        if !read && !without {
            let why = error.map_or_else(|| "no process".to_owned(), |error| error.to_string());
            cover.gap(Part::Exposure, "sockets-unreadable", format_args!("{name}: {why}"));
        }
    }
    sockets.sort_unstable();
    sockets.dedup();
    sockets
}

fn table(
    folder: &Folder,
    name: &str,
    protocol: Protocol,
    sockets: &mut Vec<Socket>,
    cover: &Cover,
) -> io::Result<()> {
    let mut odd = 0_u64;
    let mut full = false;
    let end = lines(folder.open(name)?, cover, |line| {
        match net::line(protocol, line) {
            Line::Listens(_) if sockets.len() >= SOCKETS => full = true,
            Line::Listens(socket) => sockets.push(socket),
            Line::Other => {}
            Line::Odd => odd = odd.saturating_add(1),
        }
        !full
    })?;
    if odd > 0 {
        cover.gap(Part::Exposure, "odd-socket-lines", format_args!("{name}: {odd}"));
    }
    if end == End::Cut {
        let why = if cover.out_of_time() { "time-limit" } else { "too-many-sockets" };
        cover.gap(Part::Exposure, why, name);
    }
    Ok(())
}

/// The waiting sockets that a process holds.
fn held(entry: &Entry, folder: &Folder, waiting: &BTreeSet<u64>, cover: &Cover) -> Option<BTreeSet<u64>> {
    let pid = entry.pid;
    let comm = entry.stat.as_ref().map(|stat| stat.comm.as_slice()).unwrap_or_default();
    if cover.out_of_time() {
        cover.gap(Part::Processes, "time-limit", label(pid, comm));
        return None;
    }
    let (names, more) = match folder.names(&format!("{pid}/fd"), FDS) {
        Ok(names) => names,
        Err(error) => {
            // A process whose map is closed to us is counted already.
            if !vanished(&error) && entry.files.is_some() {
                cover.gap(Part::Processes, "open-files-unreadable", label(pid, comm));
            }
            return None;
        }
    };
    if more {
        cover.gap(Part::Processes, "too-many-open-files", label(pid, comm));
    }
    let mut found = BTreeSet::new();
    for name in names {
        let Some(name) = std::str::from_utf8(name.as_bytes()).ok() else { continue };
        let link = folder.link(&format!("{pid}/fd/{name}")).unwrap_or_default();
        if let Some(inode) = net::socket_inode(&link).filter(|inode| *inode != 0 && waiting.contains(inode)) {
            found.insert(inode);
        }
    }
    Some(found)
}
