//! The distinct files that all processes together have in memory, each read once: the mapped copy itself
//! where the kernel lets us, else the file on disk where it is the same one.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs::File,
    io,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use rayon::prelude::*;

use super::{
    Identify,
    entry::{Entry, Held, Key},
    folder::{Folder, Identity},
    maps,
};
use crate::{
    host::{
        cover::Cover,
        root::{Root, bytes_text},
    },
    model::host::{CopyRole, Library, Part, TlsLibrary},
};

/// Processes that are remembered of a file: when one ends, the next one still shows it.
const HOLDERS: usize = 8;

/// A file and the first processes that have it.
#[derive(Clone, Debug)]
struct Known<'a> {
    key: &'a Key,
    holders: Vec<(&'a Entry, &'a Held)>,
    /// How many processes have it.
    all: usize,
}

/// What a file turned out to be.
#[derive(Clone, Debug)]
pub(super) enum Found {
    /// It has to do with TLS, or nothing tells.
    Tls(Box<Copy>),
    /// It has nothing of it, or only uses it.
    Other,
}

/// A mapped copy.
#[derive(Clone, Debug)]
pub(super) struct Copy {
    /// What it holds; its path, kind and changes are not decided yet.
    pub(super) library: Library,
    /// Which file it is, where it could be opened.
    pub(super) identity: Option<Identity>,
    /// Whether that is from the mapped copy itself, not from the file on disk.
    pub(super) by_handle: bool,
}

/// The mapped files of all processes.
pub(super) type Files<'a> = BTreeMap<&'a Key, Found>;

/// Reads each file once.
pub(super) fn identify<'a>(
    entries: &'a [Entry],
    folder: &Folder,
    own_mnt: Option<u64>,
    identify: Identify<'_>,
    cover: &Cover,
) -> Files<'a> {
    let mut known: BTreeMap<&Key, Known<'a>> = BTreeMap::new();
    for entry in entries {
        for held in entry.files.iter().flatten() {
            let new = || Known { key: &held.key, holders: Vec::new(), all: 0 };
            let known = known.entry(&held.key).or_insert_with(new);
            known.all = known.all.saturating_add(1);
            if known.holders.len() < HOLDERS {
                known.holders.push((entry, held));
            }
        }
    }
    let known: Vec<Known<'a>> = known.into_values().collect();
    cover.count("mapped_files", known.len() as u64);
    let looker = Looker { folder, own_mnt, identify, cover };
    known.par_iter().map(|known| (known.key, looker.look(known))).collect()
}

struct Looker<'a> {
    folder: &'a Folder,
    own_mnt: Option<u64>,
    identify: Identify<'a>,
    cover: &'a Cover,
}

impl Looker<'_> {
    fn look(&self, known: &Known<'_>) -> Found {
        let raw = &known.key.2;
        let (path, marked) = maps::unmark(raw);
        let text = bytes_text(&maps::unescape(path));
        let named = maps::named_tls(path);
        if self.cover.out_of_time() {
            self.cover.gap(Part::Processes, "time-limit", &text);
            return if named { unread(&text, "the time was over before it was read") } else { Found::Other };
        }
        let mut why = "its processes ended".to_owned();
        let mut lives = known.all > known.holders.len();
        for (entry, held) in &known.holders {
            let opened = self.open(entry, held, marked);
            // The number may be another process's by now; then what was opened is not what was asked for.
            if !self.folder.still(entry.pid, entry.start()) {
                continue;
            }
            match opened {
                Ok((file, by_handle)) => return self.read(&file, by_handle, &text, named),
                Err(error) => {
                    lives = true;
                    why = error.to_string();
                }
            }
        }
        if !lives {
            // Nothing that runs has it any more.
            self.cover.count("mapped_files_vanished", 1);
            return Found::Other;
        }
        let gap = if marked { "old-copy-unreadable" } else { "mapped-file-unreadable" };
        self.cover.gap(Part::Processes, gap, &text);
        if named { unread(&text, &format!("the mapped copy could not be read: {why}")) } else { Found::Other }
    }

    fn read(&self, file: &File, by_handle: bool, text: &str, named: bool) -> Found {
        let identity = file.metadata().ok().map(|meta| Identity::of(&meta));
        let library = match (self.identify)(file, text) {
            Ok(Some(library)) => library,
            Ok(None) if named => unknown(
                text,
                TlsLibrary::Unknown,
                "it is named like a TLS library, and nothing in it tells whose it is",
            ),
            Ok(None) => return Found::Other,
            Err(error) => {
                self.cover.gap(Part::Processes, "mapped-file-unreadable", format_args!("{text}: {error}"));
                if !named {
                    return Found::Other;
                }
                unknown(text, by_name(text), &format!("it could not be read: {error}"))
            }
        };
        if !named && matches!(library.role, CopyRole::Uses | CopyRole::HeaderText | CopyRole::BuildInput) {
            return Found::Other;
        }
        Found::Tls(Box::new(Copy { library, identity, by_handle }))
    }

    /// Opens the mapped copy; or the file on disk, where that is the very one that is mapped.
    fn open(&self, entry: &Entry, held: &Held, marked: bool) -> io::Result<(File, bool)> {
        let exe = format!("{}/exe", entry.pid);
        // A process may run another program by now, under its old number.
        if held.exe
            && let Ok(file) = self.folder.open(&exe)
            && self.folder.link(&exe).ok() == entry.exe
        {
            return Ok((file, true));
        }
        let Some((start, end)) = held.range else {
            return Err(io::Error::other("the program could not be opened"));
        };
        let error = match self.folder.open(&format!("{}/map_files/{start:x}-{end:x}", entry.pid)) {
            Ok(file) => return Ok((file, true)),
            Err(error) => error,
        };
        if marked {
            return Err(error);
        }
        let disk = disk(self.folder, entry, self.own_mnt, &maps::unescape(&held.key.2))
            .ok_or_else(|| io::Error::other("its path leads nowhere from here"))?;
        let file = disk.root.open(&disk.path)?;
        let identity = Identity::of(&file.metadata()?);
        if identity.inode != held.key.1 {
            return Err(io::Error::other("another file stands there"));
        }
        Ok((file, false))
    }
}

/// Where a path from a memory map lies on disk.
#[derive(Clone, Debug)]
pub(super) struct Disk {
    pub(super) root: Root,
    pub(super) path: PathBuf,
}

/// Finds the disk file of a mapped path. The kernel shows the path from the root of our own mounts where the
/// process shares them, even when it has another root folder (chroot); else from the top of the process's
/// mounts. Absent where it cannot be reached.
pub(super) fn disk(folder: &Folder, entry: &Entry, own_mnt: Option<u64>, path: &[u8]) -> Option<Disk> {
    let shared = entry.mnt.is_some() && entry.mnt == own_mnt;
    let whole = Path::new(OsStr::from_bytes(path));
    if shared {
        return Some(Disk { root: folder.root.clone(), path: whole.to_path_buf() });
    }
    let link = entry.root_link.as_deref()?;
    let root = folder.files_of(entry.pid).ok()?;
    let inner = whole.strip_prefix(OsStr::from_bytes(link)).ok();
    match inner {
        Some(inner) => Some(Disk { root, path: Path::new("/").join(inner) }),
        None if !folder.live => Some(Disk { root, path: whole.to_path_buf() }),
        None => None,
    }
}

fn unread(text: &str, why: &str) -> Found {
    let library = unknown(text, by_name(text), why);
    Found::Tls(Box::new(Copy { library, identity: None, by_handle: false }))
}

fn unknown(text: &str, lib: TlsLibrary, why: &str) -> Library {
    let mut library =
        Library::new(text.to_owned(), crate::model::host::CopyKind::Mapped, lib, CopyRole::Unreadable);
    library.note = Some(why.to_owned());
    library
}

/// Whose library it is by its name alone. LibreSSL's numbers run from the twenties on; those that OpenSSL and
/// its distributors gave never passed 10.
fn by_name(path: &str) -> TlsLibrary {
    let number = path.rsplit_once(".so.").and_then(|(_, rest)| rest.split('.').next()?.parse::<u32>().ok());
    if number.is_some_and(|number| number >= 20) { TlsLibrary::Libressl } else { TlsLibrary::Openssl }
}
