//! Whether a mapped file is still the one on disk: removed, replaced by another, or written to in place.

use std::{collections::BTreeMap, fs::File, io, sync::Mutex};

use super::{
    Identify,
    entry::{Entry, Key},
    files::{Copy, Disk, disk},
    folder::{Folder, Identity},
    maps,
};
use crate::{
    host::{cover::Cover, root::bytes_text},
    model::{
        host::{Library, OnDisk, Part, Replaced},
        time::Timestamp,
    },
};

/// How much later than a process's start a file must have been changed to count. The start is known to the
/// second only, since the start of the host is.
const MARGIN: i64 = 2_000_000;

/// What became of a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Change {
    /// Its path, with the mark of a removed file taken off where it is one.
    pub(super) path: String,
    pub(super) deleted: bool,
    pub(super) replaced: Option<Replaced>,
    pub(super) on_disk: Option<OnDisk>,
    pub(super) note: Option<String>,
    /// The file on disk, where it is the very one that is mapped.
    pub(super) same: Option<Identity>,
    /// Whether the host has another file, or none, under that path; absent where that was not looked at.
    pub(super) foreign: Option<bool>,
}

/// A file as a process sees it: the file, the mount namespace, the root folder.
type View = (Key, Option<u64>, Option<Vec<u8>>);

/// Compares, and remembers what was compared.
pub(super) struct Comparer<'a> {
    pub(super) folder: &'a Folder,
    pub(super) own_mnt: Option<u64>,
    pub(super) host_mnt: Option<u64>,
    pub(super) identify: Identify<'a>,
    pub(super) cover: &'a Cover,
    /// By file and by what the process sees: the same mounts and root give the same answer.
    changes: Mutex<BTreeMap<View, Change>>,
    disks: Mutex<BTreeMap<Identity, Option<Library>>>,
}

impl<'a> Comparer<'a> {
    pub(super) fn new(
        folder: &'a Folder,
        own_mnt: Option<u64>,
        host_mnt: Option<u64>,
        identify: Identify<'a>,
        cover: &'a Cover,
    ) -> Self {
        let (changes, disks) = (Mutex::default(), Mutex::default());
        Self { folder, own_mnt, host_mnt, identify, cover, changes, disks }
    }

    /// What became of a file since `started`, as this process sees the disk.
    pub(super) fn change(
        &self,
        entry: &Entry,
        key: &Key,
        copy: Option<&Copy>,
        started: Option<Timestamp>,
    ) -> Change {
        // Without its namespace's number nothing says that another process sees the same.
        let cached = (key.clone(), entry.mnt, entry.root_link.clone());
        let known = entry.mnt.and_then(|_| lock(&self.changes).get(&cached).cloned());
        let mut change = known.unwrap_or_else(|| {
            let change = self.compare(entry, key, copy);
            if self.folder.still(entry.pid, entry.start()) {
                lock(&self.changes).insert(cached, change.clone());
                return change;
            }
            let (path, deleted) = maps::unmark(&key.2);
            let note = Some("its process ended before it was compared with the file on disk".to_owned());
            Change { path: bytes_text(&maps::unescape(path)), deleted, note, ..Change::default() }
        });
        if let (Some(same), Some(started)) = (change.same, started) {
            overwritten(&mut change, same, started.micros());
        }
        change
    }

    fn compare(&self, entry: &Entry, key: &Key, copy: Option<&Copy>) -> Change {
        let (path, marked) = maps::unmark(&key.2);
        let handle = copy.and_then(|copy| copy.identity.filter(|_| copy.by_handle));
        let is = |on_disk: Identity| same_file(key, handle, on_disk);
        // A file may really be named with the mark at its end.
        if marked && let Some(literal) = self.look(entry, &key.2).ok().filter(|(_, id)| is(*id) == Some(true))
        {
            return Change {
                path: bytes_text(&maps::unescape(&key.2)),
                same: Some(literal.1),
                ..Change::default()
            };
        }
        let mut change = Change { path: bytes_text(&maps::unescape(path)), ..Change::default() };
        let (place, identity) = match self.look(entry, path) {
            Ok(found) => found,
            Err(Some(error)) if absent(&error) => {
                (change.deleted, change.replaced) = (true, Some(Replaced::Removed));
                change.foreign = self.foreign(entry, path, None);
                return change;
            }
            Err(error) => {
                change.deleted = marked;
                change.note = Some(match error {
                    Some(error) => format!("not compared with the file on disk: {error}"),
                    None => "not compared with the file on disk: its path cannot be reached".to_owned(),
                });
                if self.folder.still(entry.pid, entry.start()) {
                    let example = format!("{} {}", entry.pid, change.path);
                    self.cover.gap(Part::Processes, "not-compared", example);
                }
                return change;
            }
        };
        change.foreign = self.foreign(entry, path, Some(identity));
        if is(identity) == Some(true) {
            change.same = Some(identity);
            return change;
        }
        let disk = self.disk_library(&place, identity, &change.path);
        let on_disk = on_disk(copy.map(|copy| &copy.library), disk.as_ref());
        // On layered file systems one file has several numbers. The kernel's mark, or other content, decides.
        if marked || on_disk.same == Some(false) || (is(identity) == Some(false) && on_disk.same.is_none()) {
            (change.deleted, change.replaced) = (true, Some(Replaced::Renamed));
            change.on_disk = Some(on_disk);
        } else if on_disk.same.is_none() {
            change.note =
                Some("the numbers of the mapped file and of the one on disk cannot be compared".to_owned());
        }
        change
    }

    /// The disk file of a path, as the process sees it. An error of nothing: it cannot be reached.
    fn look(&self, entry: &Entry, path: &[u8]) -> Result<(Disk, Identity), Option<io::Error>> {
        let at = |path: &[u8]| {
            let place = disk(self.folder, entry, self.own_mnt, path).ok_or(None)?;
            let meta = place.root.metadata(&place.path).map_err(Some)?;
            Ok((place, Identity::of(&meta)))
        };
        let unescaped = maps::unescape(path);
        // The kernel writes a line feed as `\012`, and those four characters in a name as well.
        at(&unescaped).or_else(|error| if unescaped == path { Err(error) } else { at(path) })
    }

    /// Whether the host itself has another file under this path. Only asked of processes with mounts of
    /// their own; most of them see the very files of the host.
    fn foreign(&self, entry: &Entry, path: &[u8], seen: Option<Identity>) -> Option<bool> {
        if entry.mnt.is_none() || entry.mnt == self.host_mnt || self.host_mnt != self.own_mnt {
            return None;
        }
        let host =
            self.folder.root.metadata(bytes_path(&maps::unescape(path))).ok().map(|meta| Identity::of(&meta));
        Some(match (seen, host) {
            (Some(seen), Some(host)) => !seen.is(&host),
            (None, None) => false,
            _ => true,
        })
    }

    /// What the file on disk is now; each is read once.
    fn disk_library(&self, place: &Disk, identity: Identity, path: &str) -> Option<Library> {
        if let Some(known) = lock(&self.disks).get(&identity) {
            return known.clone();
        }
        if self.cover.out_of_time() {
            self.cover.gap(Part::Processes, "time-limit", path);
            return None;
        }
        let read = |file: &File| (self.identify)(file, path);
        let library = match place.root.open(&place.path).and_then(|file| read(&file)) {
            Ok(library) => library,
            Err(error) => {
                self.cover.gap(Part::Processes, "disk-file-unreadable", format_args!("{path}: {error}"));
                None
            }
        };
        lock(&self.disks).insert(identity, library.clone());
        library
    }
}

/// Whether the mapped file is the one on disk; absent where the numbers do not tell.
fn same_file(key: &Key, handle: Option<Identity>, on_disk: Identity) -> Option<bool> {
    if let Some(handle) = handle {
        if handle.is(&on_disk) {
            return Some(true);
        }
        // Equal inodes on two devices may be two names of one device.
        return if handle.inode == on_disk.inode { None } else { Some(false) };
    }
    let ((major, minor), inode, _) = key;
    let dev = (rustix::fs::major(on_disk.dev), rustix::fs::minor(on_disk.dev));
    // Devices with major number 0 are made up by file systems: overlayfs, btrfs and others show several.
    let telling = *major != 0 && dev.0 != 0;
    match (*inode == on_disk.inode, (*major, *minor) == dev) {
        (true, true) => Some(true),
        (true, false) => {
            if telling {
                Some(false)
            } else {
                Some(true)
            }
        }
        (false, _) => {
            if telling {
                Some(false)
            } else {
                None
            }
        }
    }
}

/// What is told of the disk's file, compared with the mapped one by Build-ID, else by content.
fn on_disk(mapped: Option<&Library>, disk: Option<&Library>) -> OnDisk {
    let Some(disk) = disk else {
        return OnDisk::default();
    };
    let ids = mapped.and_then(|mapped| Some(mapped.build_id.as_ref()? == disk.build_id.as_ref()?));
    let sums = mapped.and_then(|mapped| Some(mapped.sha256? == disk.sha256?));
    OnDisk {
        version: disk.version.clone(),
        built_on: disk.built_on.clone(),
        build_id: disk.build_id.clone(),
        features: disk.features.clone(),
        same: ids.or(sums),
    }
}

/// Marks a file that was changed in place after the process started. Its inode is the same, and the mapped
/// copy shows the new bytes, so its times are all there is to see.
fn overwritten(change: &mut Change, same: Identity, started: i64) {
    let after = |time: i64| time > started.saturating_add(MARGIN);
    let why = if after(same.content) {
        "the file was written to after the process started: what is told of it is the file as it is now"
    } else if after(same.change) {
        "the file was changed after the process started, its content or only its attributes: what is told of it \
         is the file as it is now"
    } else {
        return;
    };
    change.replaced = Some(Replaced::Overwritten);
    change.note = Some(why.to_owned());
}

fn absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn bytes_path(bytes: &[u8]) -> &std::path::Path {
    use std::os::unix::ffi::OsStrExt as _;
    std::path::Path::new(std::ffi::OsStr::from_bytes(bytes))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // A thread that panicked left whole entries behind.
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
