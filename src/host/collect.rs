//! One host collected: the parts run, and what they found is joined into one document.
//!
//! The cheapest evidence comes first (processes, packages), so that a time limit costs files on disk and not
//! what runs. The only module that sees every part.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use super::{
    clients,
    cover::Cover,
    exposure::{self, Filters},
    facts,
    library::{self, Users},
    packages::{self, Databases},
    process::{self, Container, Seen},
    root::{Root, path_text},
    secrets,
};
use crate::{
    clock::Clock,
    model::host::{CopyKind, Document, Library, Listener, Package, Part, Process, Program, Reach},
};

/// Containers whose package databases are read at most.
const CONTAINERS: usize = 200;

/// How this process yields to the host's own work.
const NICE: i32 = 10;

/// How much of a host is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    Whole,
    /// Packages and files alone.
    FilesOnly,
    /// Everything but the search for files on disk.
    NoFiles,
}

/// What is to be collected.
#[derive(Clone, Debug)]
pub struct Options {
    /// The root folder; `/` is the running host.
    pub root: PathBuf,
    /// How much of the host.
    pub extent: Extent,
    /// Files inside archives as well.
    pub archives: bool,
    /// Stay on the root's own file system.
    pub one_file_system: bool,
    /// How long it may take.
    pub limit: Option<Duration>,
}

/// What was collected.
#[derive(Clone, Debug)]
pub struct Collection {
    /// The document.
    pub document: Document,
    /// How long it took, milliseconds.
    pub ms: u64,
}

/// Collects. Whatever cannot be seen is a gap in the header's coverage; nothing stops the rest.
pub fn run(options: &Options, clock: &Clock) -> Collection {
    let begun = Instant::now();
    // Refused where a limit says so; the work goes on at the usual priority then.
    let _ = rustix::process::nice(NICE);
    let root = Root::new(&options.root);
    let live = root.is_host() && options.extent != Extent::FilesOnly;
    let cover = Cover::new(options.limit);
    let mut document = Document::new(facts::header(&root, clock));
    let seen = if live { process::look(&root, &library::identify, &cover) } else { Seen::default() };
    let (host_packages, container_packages) = read_packages(&root, &seen.containers, &cover);
    let sweep = library::Options { archives: options.archives, one_file_system: options.one_file_system };
    let (on_disk, others) = rayon::join(
        || if options.extent == Extent::NoFiles { Vec::new() } else { library::sweep(&root, &sweep, &cover) },
        || Others::collect(&root, options.extent, &cover),
    );
    if options.extent == Extent::NoFiles {
        cover.gap(Part::Files, "not-asked", "--no-files");
    }
    document.packages = all_packages(&host_packages, &container_packages);
    document.libraries = seen.libraries;
    document.libraries.extend(on_disk);
    own(&mut document.libraries, &root, &host_packages, &container_packages, &cover);
    let through_others = client_programs(&root, &document.libraries, &cover);
    document.libraries.extend(through_others);
    name_clients(&mut document.libraries);
    document.libraries.sort_by(|a, b| (a.kind, &a.container, &a.path).cmp(&(b.kind, &b.container, &b.path)));
    document.processes = seen.processes;
    for process in &mut document.processes {
        process.holds = process.exe.as_deref().and_then(clients::program).map_or_else(Vec::new, |p| p.holds);
    }
    document.listeners = listeners(seen.listeners, others.filters.as_ref(), &document.processes);
    document.firewall = others.filters.as_ref().map_or_else(Vec::new, Filters::firewall);
    document.keys = others.keys;
    document.updates = others.updates;
    document.header.coverage = cover.coverage();
    Collection { document, ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX) }
}

/// What has nothing to do with libraries and can be looked at beside the search for them.
#[derive(Default)]
struct Others {
    filters: Option<Filters>,
    keys: Vec<crate::model::host::Key>,
    updates: Vec<crate::model::host::Update>,
}

impl Others {
    fn collect(root: &Root, extent: Extent, cover: &Cover) -> Self {
        if extent == Extent::FilesOnly {
            return Self::default();
        }
        cover.part(Part::Exposure);
        let filters = Some(exposure::read(root, cover));
        cover.part(Part::Secrets);
        let keys = secrets::keys(root, cover);
        cover.part(Part::Updates);
        let updates = packages::updates(root, cover);
        Self { filters, keys, updates }
    }
}

/// The package databases of the host, and those of its containers by their ids.
fn read_packages(
    root: &Root,
    containers: &[Container],
    cover: &Cover,
) -> (Databases, BTreeMap<String, (Root, Databases)>) {
    cover.part(Part::Packages);
    let host = Databases::read(root, cover);
    let mut inside = BTreeMap::new();
    for container in containers {
        if inside.len() >= CONTAINERS || cover.out_of_time() {
            cover.gap(Part::Packages, "too-many-containers", &container.id);
            continue;
        }
        let own_root = Root::new(&container.root);
        let databases = Databases::read(&own_root, cover);
        inside.insert(container.id.clone(), (own_root, databases));
    }
    (host, inside)
}

fn all_packages(host: &Databases, containers: &BTreeMap<String, (Root, Databases)>) -> Vec<Package> {
    let mut all = host.packages();
    for (id, (_, databases)) in containers {
        all.extend(databases.packages().into_iter().map(|p| Package { container: Some(id.clone()), ..p }));
    }
    all
}

/// Finds the package that owns each file, in the database of the host or container that it was seen in.
fn own(
    libraries: &mut [Library],
    root: &Root,
    host: &Databases,
    containers: &BTreeMap<String, (Root, Databases)>,
    cover: &Cover,
) {
    let mut wanted: BTreeMap<Option<String>, BTreeSet<String>> = BTreeMap::new();
    for library in libraries.iter().filter(|l| l.kind != CopyKind::Archive) {
        wanted.entry(library.container.clone()).or_default().insert(library.path.clone());
    }
    for (container, paths) in wanted {
        let paths: Vec<String> = paths.into_iter().collect();
        let owners = match &container {
            None => host.owners(root, &paths, cover),
            Some(id) => match containers.get(id) {
                Some((inside, databases)) => databases.owners(inside, &paths, cover),
                None => continue,
            },
        };
        let here = libraries.iter_mut().filter(|l| l.kind != CopyKind::Archive && l.container == container);
        for library in here {
            library.owner = owners.get(&library.path).cloned();
            let another = library.replaced.is_some()
                && library.on_disk.as_ref().is_none_or(|disk| disk.same != Some(true));
            if let Some(owner) = library.owner.as_mut().filter(|_| another) {
                // What stands on disk is not what this process has: only the name of the package carries over.
                owner.intact = None;
                owner.version = String::new();
            }
        }
    }
}

/// Known clients that come to the library only through others, as curl does through libcurl.
fn client_programs(root: &Root, libraries: &[Library], cover: &Cover) -> Vec<Library> {
    let known: BTreeSet<&str> = libraries.iter().map(|l| l.path.as_str()).collect();
    let mut users = Users::new(root, cover);
    let mut found = Vec::new();
    for path in installed_clients(root).iter().filter(|path| !known.contains(path.as_str())) {
        if cover.out_of_time() {
            cover.gap(Part::Files, "time-limit", path);
            break;
        }
        found.extend(users.through_others(path));
    }
    found
}

/// The programs among the host's own that are known as clients. A folder that only leads to another one, as
/// /bin does to /usr/bin, is passed over.
fn installed_clients(root: &Root) -> Vec<String> {
    let mut found = Vec::new();
    for folder in ["/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/bin", "/sbin"] {
        if root.resolve(folder).is_ok_and(|real| real != Path::new(folder)) {
            continue;
        }
        let names = root.list(folder).unwrap_or_default();
        let paths = names.iter().map(|name| path_text(&Path::new(folder).join(name)));
        found.extend(paths.filter(|path| clients::program(path).is_some()));
    }
    found
}

/// Joins sockets with what is known of their processes, and asks the packet filter who reaches them.
fn listeners(
    mut listeners: Vec<Listener>,
    filters: Option<&Filters>,
    processes: &[Process],
) -> Vec<Listener> {
    let by_pid: BTreeMap<u32, &Process> = processes.iter().map(|p| (p.pid, p)).collect();
    for listener in &mut listeners {
        listener.tls_library = has_library(listener, &by_pid);
        if let Some(filters) = filters
            && listener.container.is_none()
            && listener.open_to.reach != Reach::Loopback
        {
            listener.open_to = filters.open_to(listener.protocol, listener.address, listener.port);
        }
    }
    listeners.extend(filters.map_or_else(Vec::new, Filters::published));
    listeners.sort_by_key(|l| (l.protocol, l.port, l.address, l.container.clone()));
    listeners
}

/// Whether a process behind a socket has a TLS library in it; nothing where one of them could not be seen.
fn has_library(listener: &Listener, processes: &BTreeMap<u32, &Process>) -> Option<bool> {
    let of = |pid: &u32| processes.get(pid);
    if listener.processes.iter().filter_map(of).any(|p| !p.libraries.is_empty()) {
        return Some(true);
    }
    let all_seen = !listener.processes.is_empty()
        && listener.processes.iter().all(|pid| of(pid).is_some_and(|p| p.readable));
    all_seen.then_some(false)
}

/// Puts what is known of a client into the records of the files that are one.
fn name_clients(libraries: &mut [Library]) {
    for library in libraries {
        let program: Option<Program> = clients::program(&library.path);
        if program.is_some() {
            library.program = program;
        }
    }
}
