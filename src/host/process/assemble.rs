//! Joins what was seen of processes, files and sockets into records: one for each copy of a library, for each
//! process that matters, for each listener and container.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Container, Seen,
    change::{Change, Comparer},
    entry::{Entry, Key},
    files::{Copy, Files, Found},
    folder::Folder,
    listeners,
    net::Socket,
    runner,
    sockets::Sockets,
    status,
};
use crate::{
    host::root::bytes_text,
    model::{
        host::{CopyKind, Library, Process, ProcessRole, Replaced},
        time::Timestamp,
    },
};

/// Names of programs that are likely to hold TLS: listed even where nothing more could be seen of them.
pub(super) const LIKELY: &[&str] = &[
    "apache",
    "caddy",
    "charon",
    "courier",
    "couchdb",
    "cupsd",
    "dotnet",
    "dovecot",
    "envoy",
    "erl",
    "beam.smp",
    "exim",
    "freeradius",
    "radiusd",
    "git",
    "gunicorn",
    "uwsgi",
    "haproxy",
    "httpd",
    "imap",
    "pop3",
    "java",
    "ldap",
    "slapd",
    "lighttpd",
    "mariadbd",
    "master",
    "memcached",
    "mongod",
    "mosquitto",
    "mysqld",
    "named",
    "nginx",
    "ngircd",
    "node",
    "ntpd",
    "openvpn",
    "perl",
    "php",
    "postgres",
    "postmaster",
    "prosody",
    "proftpd",
    "pure-ftpd",
    "vsftpd",
    "puppet",
    "python",
    "rabbitmq",
    "redis",
    "valkey",
    "relayd",
    "ruby",
    "puma",
    "unicorn",
    "salt",
    "sendmail",
    "smbd",
    "smtp",
    "squid",
    "sshd",
    "stunnel",
    "syslog-ng",
    "rsyslogd",
    "tor",
    "traefik",
    "turnserver",
    "unbound",
    "varnish",
    "vault",
    "wpa_supplicant",
    "zabbix",
    "znc",
];

/// What all steps share.
pub(super) struct World<'a> {
    pub(super) folder: &'a Folder,
    pub(super) entries: &'a [Entry],
    pub(super) files: &'a Files<'a>,
    pub(super) sockets: &'a Sockets,
    pub(super) comparer: Comparer<'a>,
    /// The mount namespace of the host, and the root folder that the host has.
    pub(super) host_mnt: Option<u64>,
    pub(super) host_root: Option<(u64, u64)>,
    pub(super) boot: Option<i64>,
    pub(super) users: BTreeMap<u32, String>,
}

/// One copy in one process.
struct Mapped<'a> {
    key: &'a Key,
    copy: &'a Copy,
    change: Change,
    exe: bool,
    exec: bool,
    /// Version and path of the libcrypto in the same process that a libssl runs on.
    version: Option<(String, String)>,
}

/// What makes two processes have one and the same copy.
type Merge = (
    Option<String>,
    (u32, u32),
    u64,
    String,
    CopyKind,
    bool,
    Option<Replaced>,
    bool,
    Option<(String, String)>,
);

/// Makes all records.
pub(super) fn assemble(world: &World<'_>) -> Seen {
    let mut joined = Joined::new(world);
    let mut processes = Vec::new();
    for (entry, held) in world.entries.iter().zip(&world.sockets.held) {
        processes.extend(joined.process(entry, held.as_ref()));
    }
    let Joined { merged, containers, tls, inside, .. } = joined;
    let mut libraries: Vec<Library> = merged.into_values().collect();
    libraries.sort_by_cached_key(|l| (l.container.clone(), l.path.clone(), l.deleted, l.processes.clone()));
    let listeners = listeners::records(world, &tls, &inside);
    Seen { processes, libraries, listeners, containers: containers.into_values().collect() }
}

/// What is found by number, and what comes together of all processes.
struct Joined<'a> {
    world: &'a World<'a>,
    by_pid: BTreeMap<u32, &'a Entry>,
    sockets: BTreeMap<u64, &'a Socket>,
    /// Whether a process holds a socket of a server; not there where its open files could not be seen.
    servers: BTreeMap<u32, bool>,
    merged: BTreeMap<Merge, Library>,
    containers: BTreeMap<String, Container>,
    /// The processes with a TLS library.
    tls: BTreeSet<u32>,
    /// The containers of processes.
    inside: BTreeMap<u32, String>,
}

impl<'a> Joined<'a> {
    fn new(world: &'a World<'a>) -> Self {
        let spaces = &world.sockets.spaces;
        let sockets: BTreeMap<u64, &Socket> =
            spaces.iter().flat_map(|space| &space.sockets).map(|socket| (socket.inode, socket)).collect();
        let any_of = |held: &BTreeSet<u64>| {
            held.iter().filter_map(|inode| sockets.get(inode)).any(|socket| world.sockets.serves(socket))
        };
        let processes = world.entries.iter().zip(&world.sockets.held);
        let servers =
            processes.filter_map(|(entry, held)| Some((entry.pid, any_of(held.as_ref()?)))).collect();
        Self {
            world,
            by_pid: world.entries.iter().map(|entry| (entry.pid, entry)).collect(),
            sockets,
            servers,
            merged: BTreeMap::new(),
            containers: BTreeMap::new(),
            tls: BTreeSet::new(),
            inside: BTreeMap::new(),
        }
    }

    /// Adds what a process has; gives its record, where it is worth one.
    fn process(&mut self, entry: &Entry, held: Option<&BTreeSet<u64>>) -> Option<Process> {
        let world = self.world;
        let started = world.started(entry);
        let mapped = world.mapped(entry, started);
        let container = world.container(entry, &mapped);
        if let Some(id) = &container {
            world.note_container(entry, id, &mut self.containers);
            self.inside.insert(entry.pid, id.clone());
        }
        let mut libraries = BTreeSet::new();
        for mapped in &mapped {
            libraries.insert(mapped.change.path.clone());
            merge(&mut self.merged, mapped, container.as_ref(), entry.pid);
        }
        if !libraries.is_empty() {
            self.tls.insert(entry.pid);
        }
        let sockets = held.into_iter().flatten().filter_map(|inode| self.sockets.get(inode));
        let listens: BTreeSet<String> = sockets.map(|socket| listeners::text(socket)).collect();
        if libraries.is_empty() && listens.is_empty() && (entry.files.is_some() || !likely(entry)) {
            return None;
        }
        let (exe, exe_deleted) = world.program(entry, &mapped, started);
        Some(Process {
            pid: entry.pid,
            ppid: entry.stat.as_ref().map(|stat| stat.ppid).filter(|ppid| *ppid != 0),
            name: entry.name(),
            exe,
            exe_deleted,
            uid: entry.uid,
            // The names of a container's users are not the host's.
            user: entry.uid.filter(|_| container.is_none()).and_then(|uid| world.users.get(&uid).cloned()),
            started_at: started,
            runner: Some(runner::runner(entry, &self.by_pid, &world.folder.root, container.as_deref())),
            own_mounts: world.own_mounts(entry),
            container,
            role: role(entry, &self.by_pid, &self.servers),
            listens: listens.into_iter().collect(),
            libraries: libraries.into_iter().collect(),
            holds: Vec::new(),
            readable: entry.files.is_some(),
        })
    }
}

impl World<'_> {
    fn started(&self, entry: &Entry) -> Option<Timestamp> {
        let micros = entry.start()?.checked_mul(1_000_000 / status::TICKS)?;
        let boot = self.boot?.checked_mul(1_000_000)?;
        Some(Timestamp::from_micros(boot.checked_add(i64::try_from(micros).ok()?)?))
    }

    /// The copies in a process, with what became of each.
    fn mapped(&self, entry: &Entry, started: Option<Timestamp>) -> Vec<Mapped<'_>> {
        let mut mapped = Vec::new();
        for held in entry.files.iter().flatten() {
            if let Some((key, Found::Tls(copy))) = self.files.get_key_value(&held.key) {
                let change = self.comparer.change(entry, key, Some(copy), started);
                mapped.push(Mapped { key, copy, change, exe: held.exe, exec: held.exec, version: None });
            }
        }
        for at in 0..mapped.len() {
            let version = mapped.get(at).and_then(|of| runs_on(of, &mapped));
            if let Some(of) = mapped.get_mut(at) {
                of.version = version;
            }
        }
        mapped
    }

    fn own_mounts(&self, entry: &Entry) -> bool {
        self.host_mnt.is_some() && entry.mnt.is_some() && entry.mnt != self.host_mnt
    }

    /// The container whose files a process sees. The engine's own id where its control group tells one, unless
    /// it sees the host's files after all. Without: `ns-` and the number of its mounts, where its root folder
    /// is not the host's or where a TLS library is not the file that the host has under that path. Private
    /// mounts alone (PrivateTmp) make no container.
    fn container(&self, entry: &Entry, mapped: &[Mapped<'_>]) -> Option<String> {
        let own = self.own_mounts(entry);
        if let Some(inside) = &entry.place.container
            && (own || self.host_mnt.is_none() || entry.mnt.is_none())
        {
            return Some(inside.id.clone());
        }
        let other_root =
            entry.root_id.is_some() && self.host_root.is_some() && entry.root_id != self.host_root;
        let other_file = mapped.iter().any(|mapped| mapped.change.foreign == Some(true));
        entry.mnt.filter(|_| own && (other_root || other_file)).map(|number| format!("ns-{number}"))
    }

    fn note_container(&self, entry: &Entry, id: &str, containers: &mut BTreeMap<String, Container>) {
        let root = match self.folder.files_of(entry.pid) {
            Ok(root) if entry.root_id.is_some() => root.base().to_path_buf(),
            // Its files cannot be seen from this process; another one may show them.
            _ => return,
        };
        let inside = entry.place.container.as_ref();
        let engine = inside.and_then(|inside| inside.engine).or(entry.place.sandbox).map(str::to_owned);
        containers.entry(id.to_owned()).or_insert_with(|| Container {
            id: id.to_owned(),
            engine,
            pid: entry.pid,
            root,
        });
    }

    /// The program's path, and whether its file is another one by now.
    fn program(
        &self,
        entry: &Entry,
        mapped: &[Mapped<'_>],
        started: Option<Timestamp>,
    ) -> (Option<String>, bool) {
        let Some(raw) = &entry.exe else {
            return (None, false);
        };
        if let Some(exe) = mapped.iter().find(|mapped| mapped.exe) {
            return (Some(exe.change.path.clone()), exe.change.deleted);
        }
        let held = entry.files.iter().flatten().find(|held| held.exe);
        let Some(held) = held else {
            let (path, deleted) = super::maps::unmark(raw);
            return (Some(bytes_text(path)), deleted);
        };
        let change = self.comparer.change(entry, &held.key, None, started);
        (Some(change.path), change.deleted)
    }
}

/// The libcrypto in the same process that a libssl without a version of its own needs, by soname or file name.
fn runs_on(of: &Mapped<'_>, all: &[Mapped<'_>]) -> Option<(String, String)> {
    if of.copy.library.version.is_some() {
        return None;
    }
    let needed = &of.copy.library.needed;
    all.iter().filter(|other| other.key != of.key).find_map(|other| {
        let library = &other.copy.library;
        let name = other.change.path.rsplit('/').next().unwrap_or_default();
        let meets = needed.iter().any(|need| library.soname.as_ref() == Some(need) || need == name);
        Some((library.version.clone().filter(|_| meets)?, other.change.path.clone()))
    })
}

fn merge(merged: &mut BTreeMap<Merge, Library>, mapped: &Mapped<'_>, container: Option<&String>, pid: u32) {
    let Mapped { key, copy, change, exe, exec, version } = mapped;
    let kind = if *exe { CopyKind::Exe } else { CopyKind::Mapped };
    let (dev, inode, _) = key;
    let id: Merge = (
        container.cloned(),
        *dev,
        *inode,
        change.path.clone(),
        kind,
        change.deleted,
        change.replaced,
        *exec,
        version.clone(),
    );
    let library = merged.entry(id).or_insert_with(|| {
        let mut library = copy.library.clone();
        library.path.clone_from(&change.path);
        library.kind = kind;
        library.container = container.cloned();
        library.deleted = change.deleted;
        library.replaced = change.replaced;
        library.on_disk.clone_from(&change.on_disk);
        if let Some((version, from)) = version {
            (library.version, library.version_from) = (Some(version.clone()), Some(from.clone()));
        }
        let times = change.same.or(copy.identity);
        library.modified_at =
            times.map(|identity| Timestamp::from_micros(identity.content)).or(library.modified_at);
        let data =
            (!exec).then(|| "mapped, but not to be run: an emulator or a reader of files does so".to_owned());
        let notes: Vec<String> =
            [library.note.take(), change.note.clone(), data].into_iter().flatten().collect();
        library.note = (!notes.is_empty()).then(|| notes.join("; "));
        library
    });
    if library.processes.last() != Some(&pid) {
        library.processes.push(pid);
    }
}

/// A process that listens, or descends from one of the same program that does, is a server.
fn role(entry: &Entry, by_pid: &BTreeMap<u32, &Entry>, servers: &BTreeMap<u32, bool>) -> ProcessRole {
    let mut at = entry;
    let mut seen_all = true;
    for _ in 0..64 {
        match servers.get(&at.pid) {
            Some(true) => return ProcessRole::Server,
            Some(false) => {}
            None => seen_all = false,
        }
        let parent = at.stat.as_ref().and_then(|stat| by_pid.get(&stat.ppid));
        match parent {
            Some(parent) if parent.exe.is_some() && parent.exe == at.exe && parent.pid != at.pid => {
                at = parent;
            }
            _ => break,
        }
    }
    if seen_all { ProcessRole::Client } else { ProcessRole::Unknown }
}

/// Whether a process that could not be looked into is worth a line, by its name.
fn likely(entry: &Entry) -> bool {
    let name = entry.name().to_ascii_lowercase();
    LIKELY.iter().any(|likely| name.starts_with(likely))
}
