//! One process as its folder in `/proc` shows it. What the facts mean together is decided elsewhere.

use std::{
    collections::BTreeMap,
    io::{self, ErrorKind},
    os::unix::fs::MetadataExt as _,
    sync::atomic::{AtomicU64, Ordering},
};

use super::{
    cgroup::{self, Place},
    folder::{End, Folder, Identity, lines},
    maps::{self, Line, Mapping},
    net,
    status::{self, Stat},
};
use crate::{
    host::{cover::Cover, root::bytes_text},
    model::host::Part,
};

/// Files that are kept of one process, and of all together: a host could have been made to have any number.
const FILES_OF_ONE: usize = 20_000;
const FILES_OF_ALL: u64 = 2_000_000;

/// A file in the memory of a process.
#[derive(Clone, Debug)]
pub(super) struct Held {
    /// One place where it is mapped, one that may be run where there is one; absent for a program that is
    /// not in its own map (packed ones unmap themselves).
    pub(super) range: Option<(u64, u64)>,
    /// Whether a place of it may be run.
    pub(super) exec: bool,
    /// Whether it is the program itself.
    pub(super) exe: bool,
    /// Device by major and minor number, inode, and the name as the kernel shows it.
    pub(super) key: Key,
}

/// Which file, as memory maps tell it.
pub(super) type Key = ((u32, u32), u64, Vec<u8>);

/// One process.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) pid: u32,
    /// Absent where the host hides even that (hidepid=1).
    pub(super) stat: Option<Stat>,
    pub(super) uid: Option<u32>,
    /// Whether it has a number in a namespace of its own.
    pub(super) own_pids: bool,
    pub(super) place: Place,
    /// Namespaces, by number.
    pub(super) mnt: Option<u64>,
    pub(super) net: Option<u64>,
    /// The root folder that it has: the text of the link, and which folder it is.
    pub(super) root_link: Option<Vec<u8>>,
    pub(super) root_id: Option<(u64, u64)>,
    /// The program, as the link shows it.
    pub(super) exe: Option<Vec<u8>>,
    /// Its files; absent where the map could not be read.
    pub(super) files: Option<Vec<Held>>,
}

impl Entry {
    /// Its name.
    pub(super) fn name(&self) -> String {
        self.stat.as_ref().map_or_else(|| "?".to_owned(), |stat| bytes_text(&stat.comm))
    }

    /// When it started, in ticks.
    pub(super) fn start(&self) -> Option<u64> {
        self.stat.as_ref().map(|stat| stat.start)
    }
}

/// Reads one process after the other, from several threads.
pub(super) struct Reader<'a> {
    pub(super) folder: &'a Folder,
    pub(super) cover: &'a Cover,
    files: AtomicU64,
}

impl<'a> Reader<'a> {
    pub(super) fn new(folder: &'a Folder, cover: &'a Cover) -> Self {
        Self { folder, cover, files: AtomicU64::new(0) }
    }

    /// One process; absent where it is gone, or is a thread of the kernel or a process that has ended.
    pub(super) fn entry(&self, pid: u32) -> Option<Entry> {
        let stat = match self.folder.read(&format!("{pid}/stat")) {
            Ok(text) => {
                let stat = status::stat(&text);
                if stat.is_none() {
                    self.cover.gap(Part::Processes, "odd-process", pid);
                }
                stat
            }
            Err(error) if vanished(&error) => {
                self.cover.count("processes_vanished", 1);
                return None;
            }
            Err(_) => None,
        };
        if stat.as_ref().is_some_and(|stat| self.no_memory(pid, stat)) {
            return None;
        }
        let status = status::status(&self.folder.read(&format!("{pid}/status")).unwrap_or_default());
        let owner = || self.folder.metadata(&pid.to_string()).ok().map(|meta| meta.uid());
        let comm = stat.as_ref().map(|stat| stat.comm.clone()).unwrap_or_default();
        let exe = self.folder.link(&format!("{pid}/exe")).ok();
        let files = match self.files(pid, &comm, exe.as_deref()) {
            // One that ends while it is looked at shows an empty map, and no program.
            Ok(files) if files.is_empty() && exe.is_none() => {
                self.cover.count("processes_vanished", 1);
                return None;
            }
            Ok(files) => Some(files),
            Err(error) if vanished(&error) => {
                self.cover.count("processes_vanished", 1);
                return None;
            }
            Err(_) => None,
        };
        self.cover.count("processes_seen", 1);
        self.cover.count(if files.is_some() { "maps_read" } else { "maps_unreadable" }, 1);
        if files.is_none() {
            self.cover.gap(Part::Processes, "maps-unreadable", label(pid, &comm));
        }
        let namespace = |name: &str| {
            self.folder.link(&format!("{pid}/ns/{name}")).ok().and_then(|link| net::namespace(&link))
        };
        let root_link = self.folder.link(&format!("{pid}/root")).ok();
        Some(Entry {
            pid,
            uid: status.uid.or_else(owner),
            own_pids: status.pid_spaces > 1,
            place: cgroup::parse(&self.folder.read(&format!("{pid}/cgroup")).unwrap_or_default()),
            mnt: namespace("mnt"),
            net: namespace("net"),
            root_id: root_link
                .as_ref()
                .and_then(|_| self.folder.metadata(&format!("{pid}/root")).ok())
                .map(|m| (m.dev(), m.ino())),
            root_link,
            exe,
            files,
            stat,
        })
    }

    /// Whether it is a thread of the kernel, or a process that has ended and waits for its parent.
    fn no_memory(&self, pid: u32, stat: &Stat) -> bool {
        if stat.kernel {
            self.cover.count("kernel_threads", 1);
            return true;
        }
        if stat.ended() {
            self.cover.count("processes_ended", 1);
            if stat.threads > 1 {
                // Its other threads run on, and its map is not to be had under this number.
                self.cover.gap(Part::Processes, "main-thread-ended", label(pid, &stat.comm));
            }
        }
        stat.ended()
    }

    /// The files in a process's memory that could be run or are named like a TLS library.
    fn files(&self, pid: u32, comm: &[u8], exe: Option<&[u8]>) -> io::Result<Vec<Held>> {
        let mut found: BTreeMap<Key, Held> = BTreeMap::new();
        let mut odd = 0_u64;
        let file = self.folder.open(&format!("{pid}/maps"))?;
        let mut full = false;
        let end = lines(file, self.cover, |line| {
            match maps::line(line) {
                Line::File(mapping) if mapping.exec || maps::named_tls(maps::unmark(&mapping.raw).0) => {
                    full = found.len() >= FILES_OF_ONE || self.files.load(Ordering::Relaxed) >= FILES_OF_ALL;
                    if !full && keep(&mut found, mapping, exe) {
                        self.files.fetch_add(1, Ordering::Relaxed);
                    }
                }
                Line::File(_) | Line::Other => {}
                Line::Odd => odd = odd.saturating_add(1),
            }
            !full
        })?;
        if odd > 0 {
            self.cover.gap(Part::Processes, "odd-maps-lines", format_args!("{}: {odd}", label(pid, comm)));
        }
        if end == End::Cut {
            let why = if self.cover.out_of_time() { "time-limit" } else { "too-many-mappings" };
            self.cover.gap(Part::Processes, why, label(pid, comm));
        }
        let mut files: Vec<Held> = found.into_values().collect();
        if let Some(exe) = exe.filter(|_| !files.iter().any(|held| held.exe)) {
            files.extend(self.program(pid, exe));
        }
        Ok(files)
    }

    /// The program of a process whose map does not show it.
    fn program(&self, pid: u32, exe: &[u8]) -> Option<Held> {
        let identity = Identity::of(&self.folder.metadata(&format!("{pid}/exe")).ok()?);
        let dev = (rustix::fs::major(identity.dev), rustix::fs::minor(identity.dev));
        Some(Held { range: None, exec: true, exe: true, key: (dev, identity.inode, exe.to_vec()) })
    }
}

/// Keeps one entry for each file; says whether it is a new one.
fn keep(found: &mut BTreeMap<Key, Held>, mapping: Mapping, exe: Option<&[u8]>) -> bool {
    let Mapping { range, exec, dev, inode, raw } = mapping;
    let is_exe = exe == Some(raw.as_slice());
    let key = (dev, inode, raw);
    if let Some(held) = found.get_mut(&key) {
        if exec && !held.exec {
            held.exec = true;
            held.range = Some(range);
        }
        return false;
    }
    found.insert(key.clone(), Held { range: Some(range), exec, exe: is_exe, key });
    true
}

/// Whether a process ended between two looks at it.
pub(super) fn vanished(error: &io::Error) -> bool {
    error.kind() == ErrorKind::NotFound
        || error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error())
}

/// A process in a gap's examples: number and name.
pub(super) fn label(pid: u32, comm: &[u8]) -> String {
    if comm.is_empty() { format!("{pid} ?") } else { format!("{pid} {}", bytes_text(comm)) }
}
