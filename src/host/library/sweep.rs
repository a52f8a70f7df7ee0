//! The walk over all files below a root, in parallel.
//!
//! Folders and files are opened by descriptor, relative to the folder they stand in, and no link is followed:
//! what is swapped for a link during the walk is not walked out of the root by. Holds the folders that still
//! wait, never the files.

use std::{
    collections::{BTreeMap, HashSet},
    fs::File,
    io,
    os::{fd::OwnedFd, unix::ffi::OsStrExt as _},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use rayon::Scope;
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat};

use super::{
    archive, bundle,
    file_systems::{self, FileSystem},
    identify::{Examiner, HEAD, Magic, magic, modified_at},
    metadata,
    resolve::resolve,
    source,
};
use crate::{
    host::{
        cover::Cover,
        root::{Root, path_text},
    },
    model::host::{CopyKind, Library, Part},
};

/// Smaller ELF files hold no TLS library, and call none of their own accord worth a record.
const SMALLEST: u64 = 16 << 10;
/// From here on a file is a task of its own, so that one folder's files are shared between threads.
const LARGE: u64 = 1 << 20;
/// Open files that may wait for a thread.
const WAITING: usize = 48;
/// More threads than this would wait for the disk only.
const THREADS: usize = 8;

/// What a sweep looks into.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Whether to look into archives as well.
    pub archives: bool,
    /// Whether to stay on the root's own file system.
    pub one_file_system: bool,
}

/// A device and an inode number: the same file, whatever its path.
type Identity = (u64, u64);

/// Looks at every file below a root; the records come sorted by path. Gaps and counts go to `cover`.
pub fn sweep(root: &Root, options: &Options, cover: &Cover) -> Vec<Library> {
    cover.part(Part::Files);
    if options.archives {
        cover.part(Part::Archives);
    }
    let sweep = Sweep::new(root, *options, cover);
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS);
    match rayon::ThreadPoolBuilder::new().num_threads(threads).build() {
        Ok(pool) => pool.scope(|scope| sweep.start(scope)),
        // A host at its limit of threads may still have those of the process.
        Err(_) => rayon::scope(|scope| sweep.start(scope)),
    }
    sweep.finish()
}

struct Sweep<'a> {
    root: &'a Root,
    options: Options,
    cover: &'a Cover,
    /// This very program, which holds the texts that are searched for.
    own: Option<Identity>,
    seen: Mutex<HashSet<Identity>>,
    hits: Mutex<Vec<(Identity, Library)>>,
    archived: Mutex<Vec<Library>>,
    again: Mutex<Vec<(Identity, String)>>,
    /// Held by the archive that may use much memory.
    large: Mutex<()>,
    waiting: AtomicUsize,
    files_seen: AtomicU64,
    files_read: AtomicU64,
    bytes_read: AtomicU64,
    late: AtomicU64,
    /// Archives that were left closed.
    closed: AtomicU64,
}

/// The folders above a folder.
struct Above {
    identity: Identity,
    parent: Option<Arc<Above>>,
}

impl<'a> Sweep<'a> {
    fn new(root: &'a Root, options: Options, cover: &'a Cover) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        let own = std::fs::metadata("/proc/self/exe").ok().map(|meta| (meta.dev(), meta.ino()));
        Self {
            root,
            options,
            cover,
            own,
            seen: Mutex::default(),
            hits: Mutex::default(),
            archived: Mutex::default(),
            again: Mutex::default(),
            large: Mutex::default(),
            waiting: AtomicUsize::default(),
            files_seen: AtomicU64::default(),
            files_read: AtomicU64::default(),
            bytes_read: AtomicU64::default(),
            late: AtomicU64::default(),
            closed: AtomicU64::default(),
        }
    }

    fn start<'s>(&'s self, scope: &Scope<'s>) {
        let base = self.root.base().to_path_buf();
        // The root itself may be named by a link.
        match open_folder(&base, OFlags::empty()) {
            Ok(folder) => self.folder(scope, &folder, &base, None),
            Err(error) => self.cannot(&error.into(), &base),
        }
    }

    fn spawn_folder<'s>(&'s self, scope: &Scope<'s>, path: PathBuf, above: Arc<Above>) {
        scope.spawn(move |scope| match open_folder(&path, OFlags::NOFOLLOW) {
            Ok(folder) => self.folder(scope, &folder, &path, Some(above)),
            Err(error) => self.cannot(&error.into(), &path),
        });
    }

    fn folder<'s>(&'s self, scope: &Scope<'s>, folder: &OwnedFd, path: &Path, parent: Option<Arc<Above>>) {
        if self.out_of_time(path) {
            return;
        }
        let identity = match rustix::fs::fstat(folder) {
            Ok(stat) => identity(&stat),
            Err(error) => return self.cannot(&error.into(), path),
        };
        if let Some(parent) = &parent
            && !self.enter(folder, path, identity, parent)
        {
            return;
        }
        let above = Arc::new(Above { identity, parent });
        let mut entries = match Dir::read_from(folder) {
            Ok(entries) => entries,
            Err(error) => return self.cannot(&error.into(), path),
        };
        // A plain iterator, since an error need not be the last entry.
        while let Some(entry) = entries.read() {
            let Ok(entry) = entry else {
                return self.cannot(&io::ErrorKind::Other.into(), path);
            };
            let name = std::ffi::OsStr::from_bytes(entry.file_name().to_bytes());
            if name == "." || name == ".." {
                continue;
            }
            self.entry(scope, folder, path.join(name), entry.file_type(), &above);
        }
    }

    fn entry<'s>(
        &'s self,
        scope: &Scope<'s>,
        folder: &OwnedFd,
        path: PathBuf,
        kind: FileType,
        above: &Arc<Above>,
    ) {
        if !matches!(kind, FileType::Directory | FileType::RegularFile | FileType::Unknown) {
            return;
        }
        let Some(name) = path.file_name() else { return };
        if kind == FileType::Directory {
            return self.spawn_folder(scope, path, Arc::clone(above));
        }
        let stat = match rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(error) => return self.cannot(&error.into(), &path),
        };
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => self.spawn_folder(scope, path, Arc::clone(above)),
            FileType::RegularFile => self.regular(scope, folder, path, &stat),
            _ => {}
        }
    }

    fn regular<'s>(&'s self, scope: &Scope<'s>, folder: &OwnedFd, path: PathBuf, stat: &Stat) {
        self.files_seen.fetch_add(1, Ordering::Relaxed);
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        let Some(name) = path.file_name() else { return };
        let text = name.to_string_lossy();
        if !self.options.archives && metadata::may_hold_libraries(&text) {
            self.closed.fetch_add(1, Ordering::Relaxed);
        }
        let archive = self.options.archives && metadata::by_name(&text);
        if size < SMALLEST && !archive || self.own == Some(identity(stat)) {
            return;
        }
        let file = match open_file(folder, name) {
            Ok(file) => file,
            Err(error) => return self.cannot(&error.into(), &path),
        };
        if size < LARGE || self.waiting.fetch_add(1, Ordering::Relaxed) >= WAITING {
            if size >= LARGE {
                self.waiting.fetch_sub(1, Ordering::Relaxed);
            }
            return self.file(&file, &path);
        }
        scope.spawn(move |_| {
            self.file(&file, &path);
            self.waiting.fetch_sub(1, Ordering::Relaxed);
        });
    }

    /// Looks at one open file.
    fn file(&self, file: &File, path: &Path) {
        if self.out_of_time(path) {
            return;
        }
        let head = match source::range(file, 0, HEAD as u64, HEAD) {
            Ok(head) => head,
            Err(error) => return self.cannot(&error, path),
        };
        let binary = magic(&head) != Magic::Other;
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let archive = !binary && self.options.archives && archive::is_one(&head, &name);
        if !binary && !archive {
            return;
        }
        // Asked again of the open file: it may not be the one that was listed.
        let Ok(stat) = rustix::fs::fstat(file) else { return };
        let identity = identity(&stat);
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile || self.own == Some(identity) {
            return;
        }
        let inside = path_text(&self.root.inside(path));
        if !lock(&self.seen).insert(identity) {
            return lock(&self.again).push((identity, inside));
        }
        self.files_read.fetch_add(1, Ordering::Relaxed);
        if archive {
            let found = archive::read(file, &inside, self.cover, &self.large);
            self.bytes_read.fetch_add(u64::try_from(stat.st_size).unwrap_or(0), Ordering::Relaxed);
            return lock(&self.archived).extend(found);
        }
        if u64::try_from(stat.st_size).unwrap_or(0) > super::markers::MOST {
            self.cover.gap(Part::Files, "too-large", &inside);
        }
        let stop = || self.cover.out_of_time();
        let mut examiner = Examiner::new(&stop);
        let found = examiner.examine(file, &inside, CopyKind::Disk);
        self.bytes_read.fetch_add(examiner.read, Ordering::Relaxed);
        match found {
            Ok(Some(mut library)) => {
                library.modified_at = modified_at(file);
                resolve(&mut library, file, self.root);
                lock(&self.hits).push((identity, library));
            }
            Ok(None) => {}
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                let _ = self.out_of_time(path);
            }
            Err(error) => self.cannot(&error, path),
        }
    }

    /// Whether to go into a folder.
    fn enter(&self, folder: &OwnedFd, path: &Path, identity: Identity, parent: &Arc<Above>) -> bool {
        let inside = self.root.inside(path);
        // An image may have files where a running host has none.
        if self.root.is_host() && ["/proc", "/sys"].iter().any(|pseudo| inside == Path::new(pseudo)) {
            return false;
        }
        let mut next = Some(parent);
        while let Some(above) = next {
            if above.identity == identity {
                self.cover.gap(Part::Files, "loop", path_text(&inside));
                return false;
            }
            next = above.parent.as_ref();
        }
        if parent.identity.0 == identity.0 {
            return true;
        }
        let kind = file_systems::kind(folder);
        if self.options.one_file_system && kind != FileSystem::Pseudo {
            self.cover.gap(Part::Files, "other-file-system", path_text(&inside));
            return false;
        }
        match kind {
            FileSystem::Local => true,
            FileSystem::Pseudo => false,
            FileSystem::Network => {
                self.cover.gap(Part::Files, "network-file-system", path_text(&inside));
                false
            }
        }
    }

    fn out_of_time(&self, path: &Path) -> bool {
        let late = self.cover.out_of_time();
        if late && self.late.fetch_add(1, Ordering::Relaxed) == 0 {
            self.cover.gap(Part::Files, "time-limit", path_text(&self.root.inside(path)));
        }
        late
    }

    fn cannot(&self, error: &io::Error, path: &Path) {
        self.cover.gap(Part::Files, source::word(error), path_text(&self.root.inside(path)));
    }

    fn finish(self) -> Vec<Library> {
        for (name, count) in [
            ("files_seen", &self.files_seen),
            ("files_read", &self.files_read),
            ("bytes_read", &self.bytes_read),
            ("archives_not_opened", &self.closed),
        ] {
            self.cover.count(name, count.load(Ordering::Relaxed));
        }
        let mut paths: BTreeMap<Identity, Vec<String>> = BTreeMap::new();
        for (identity, path) in unlock(self.again) {
            paths.entry(identity).or_default().push(path);
        }
        let mut found = Vec::new();
        for (identity, mut library) in unlock(self.hits) {
            // Which path came first is chance; which is named first must not be.
            let mut all = paths.remove(&identity).unwrap_or_default();
            all.push(library.path);
            all.sort();
            all.dedup();
            library.path = all.remove(0);
            library.also_at = all;
            found.push(library);
        }
        found.sort_by(|a, b| a.path.cmp(&b.path));
        bundle::find(&mut found, self.root);
        found.extend(unlock(self.archived));
        found.sort_by(|a, b| a.path.cmp(&b.path));
        found
    }
}

/// Opens a folder to list it. Reading changes no time of access where that is in our hand.
fn open_folder(path: &Path, more: OFlags) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | more;
    match rustix::fs::openat(CWD, path, flags | OFlags::NOATIME, Mode::empty()) {
        Err(rustix::io::Errno::PERM) => rustix::fs::openat(CWD, path, flags, Mode::empty()),
        done => done,
    }
}

fn open_file(folder: &OwnedFd, name: &std::ffi::OsStr) -> rustix::io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    match rustix::fs::openat(folder, name, flags | OFlags::NOATIME, Mode::empty()) {
        // Only an owner may leave the time of access alone.
        Err(rustix::io::Errno::PERM) => rustix::fs::openat(folder, name, flags, Mode::empty()),
        done => done,
    }
    .map(File::from)
}

fn identity(stat: &Stat) -> Identity {
    // The kernel's types differ by architecture.
    #[allow(clippy::useless_conversion, clippy::unnecessary_cast)]
    (stat.st_dev as u64, stat.st_ino as u64)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn unlock<T>(mutex: Mutex<T>) -> T {
    mutex.into_inner().unwrap_or_else(PoisonError::into_inner)
}
