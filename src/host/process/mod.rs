//! Running processes: which TLS libraries are in their memory, whether those are still the files on disk, what
//! runs the processes, and what they listen on.
//!
//! Reads `/proc` alone: no arguments, no environment, no memory. It does not decide whether a file holds TLS
//! code (the caller gives [`Identify`]), to whom a listener is open, or which package owns a library.
//!
//! A process that cannot be looked into is counted, and a gap; it is never taken for one without TLS. What
//! the map of a process shows is the file that runs, which may no longer be the one on disk: where the kernel
//! allows it (`map_files`, `exe`), the old copy itself is read.

use std::{fs::File, io, path::PathBuf};

use rayon::prelude::*;

use self::{
    assemble::World,
    change::Comparer,
    entry::{Entry, Reader},
    folder::Folder,
};
use crate::{
    host::{cover::Cover, root::Root},
    model::host::{Library, Listener, Part, Process, Protocol},
};

mod assemble;
mod cgroup;
mod change;
mod entry;
mod files;
mod folder;
mod listeners;
mod maps;
mod net;
mod runner;
mod sockets;
mod status;
#[cfg(test)]
mod tests;

/// Reads an open file and says what it has to do with TLS; nothing where it has nothing. The text is its path.
pub type Identify<'a> = &'a (dyn Fn(&File, &str) -> io::Result<Option<Library>> + Sync);

/// A container with at least one process, whose files can be seen through that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// Its id or name; `ns-` and the number of its mount namespace where it has none: a sandbox, a snap, a jail
    /// with files of its own.
    pub id: String,
    /// What made it, where its name tells.
    pub engine: Option<String>,
    /// Its first process, by number.
    pub pid: u32,
    /// Its files: `/proc/PID/root`.
    pub root: PathBuf,
}

/// What was seen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    /// Processes with a TLS library, that listen, or that could not be looked into and may well have one.
    pub processes: Vec<Process>,
    /// Mapped copies, of kind `mapped` and `exe`.
    pub libraries: Vec<Library>,
    /// Listening sockets of all network namespaces. To whom they are open is not decided, but for loopback. In a
    /// namespace that is neither the host's nor a container's, `netns-` and its number stand for the container.
    pub listeners: Vec<Listener>,
    /// Containers, and whatever else has files of its own.
    pub containers: Vec<Container>,
}

/// Looks at all processes that `/proc` below a root shows.
pub fn look(root: &Root, identify: Identify<'_>, cover: &Cover) -> Seen {
    cover.part(Part::Processes);
    for name in ["processes_seen", "maps_read", "maps_unreadable"] {
        cover.count(name, 0);
    }
    let folder = Folder::new(root);
    let pids = match folder.pids() {
        Ok(pids) if !pids.is_empty() => pids,
        Ok(_) => {
            cover.gap(Part::Processes, "no-processes", "/proc is empty");
            return Seen::default();
        }
        Err(error) => {
            cover.gap(Part::Processes, "no-processes", format_args!("/proc: {error}"));
            return Seen::default();
        }
    };
    if pids.first() != Some(&1) {
        cover.gap(Part::Processes, "processes-hidden", "1");
    }
    let entries = entries(&pids, &folder, cover);
    let namespace = |name: &str| folder.link(name).ok().and_then(|link| net::namespace(&link));
    let own_mnt = namespace("self/ns/mnt");
    // The first process is the host, and where it is closed to us we take it that we are on the host ourselves.
    let host_mnt = namespace("1/ns/mnt").or(own_mnt);
    let own_net = namespace("self/ns/net");
    let host_net = namespace("1/ns/net").or(own_net);
    let files = files::identify(&entries, &folder, own_mnt, identify, cover);
    let sockets = sockets::read(&entries, &folder, host_net, own_net, cover);
    let host_root = host_root(&folder, own_mnt == host_mnt);
    let users = root.read_text("/etc/passwd", 16 << 20).map(|text| status::users(&text)).unwrap_or_default();
    let boot = folder.read("stat").ok().and_then(|text| status::boot_time(&text));
    if boot.is_none() {
        cover.gap(Part::Processes, "boot-time-unknown", "/proc/stat");
    }
    assemble::assemble(&World {
        folder: &folder,
        entries: &entries,
        files: &files,
        sockets: &sockets,
        comparer: Comparer::new(&folder, own_mnt, host_mnt, identify, cover),
        host_mnt,
        host_root,
        boot,
        users,
    })
}

/// Reads all processes but this one, in order of their numbers.
fn entries(pids: &[u32], folder: &Folder, cover: &Cover) -> Vec<Entry> {
    let reader = Reader::new(folder, cover);
    let own = folder.live.then(std::process::id);
    pids.par_iter()
        .filter(|pid| Some(**pid) != own)
        .filter_map(|pid| {
            if cover.out_of_time() {
                cover.gap(Part::Processes, "time-limit", pid);
                return None;
            }
            reader.entry(*pid)
        })
        .collect()
}

/// Which folder the host has as its root.
fn host_root(folder: &Folder, ours: bool) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    let meta = if ours { folder.root.metadata("/").ok() } else { folder.metadata("1/root").ok() };
    meta.map(|meta| (meta.dev(), meta.ino()))
}

/// Reads hostile bytes with the parser that the first byte picks.
///
/// # Panics
///
/// Where a parser gives what it must never give.
pub fn fuzz(data: &[u8]) {
    let Some((pick, input)) = data.split_first() else {
        return;
    };
    let lines = || input.split(|b| *b == b'\n');
    match pick % 5 {
        0 => lines().for_each(|line| {
            if let maps::Line::File(mapping) = maps::line(line) {
                assert!(mapping.range.0 < mapping.range.1 && mapping.inode != 0);
                let (path, marked) = maps::unmark(&mapping.raw);
                assert!(path.starts_with(b"/") && marked == (path.len() < mapping.raw.len()));
                assert!(maps::unescape(path).len() <= path.len());
                let _ = maps::named_tls(path);
            }
        }),
        1 => {
            let place = cgroup::parse(input);
            assert!(place.container.is_none_or(|inside| !inside.id.is_empty()));
        }
        2 => {
            if let Some(stat) = status::stat(input) {
                assert!(stat.comm.len() <= input.len());
            }
        }
        3 => {
            let _ = (status::status(input), status::boot_time(input), net::port_range(input));
            let _ = (net::socket_inode(input), net::namespace(input), folder::number(input));
            let _ = status::users(&String::from_utf8_lossy(input));
        }
        _ => lines().for_each(|line| {
            for protocol in [Protocol::Tcp, Protocol::Udp] {
                let _ = net::line(protocol, line);
            }
        }),
    }
}
