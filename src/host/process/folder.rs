//! The folder `/proc` of a root: its files and its links. On a running host the kernel follows the links of
//! a process to files that have no name any more; in any other tree they are links like others, and stay
//! inside the root.

use std::{
    ffi::OsString,
    fs::{self, File, Metadata},
    io::{self, BufRead as _, BufReader, Read as _},
    os::unix::{
        ffi::{OsStrExt as _, OsStringExt as _},
        fs::MetadataExt as _,
    },
    path::{Path, PathBuf},
};

use super::status;
use crate::host::{
    cover::Cover,
    root::{Root, open_regular},
};

/// Longest line that is read as one.
const LINE: u64 = 64 * 1024;

/// Lines read of one file.
const LINES: u64 = 4_000_000;

/// Small files of `/proc` are read up to this size.
const SMALL: u64 = 1 << 20;

/// The folder `/proc`.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    /// The root that it is in.
    pub(super) root: Root,
    /// Whether it is the kernel's.
    pub(super) live: bool,
}

impl Folder {
    /// The folder below a root.
    pub(super) fn new(root: &Root) -> Self {
        let live = rustix::fs::statfs(root.locate("/proc"))
            .is_ok_and(|fs| fs.f_type == rustix::fs::PROC_SUPER_MAGIC);
        Self { root: root.clone(), live }
    }

    /// The numbers of all processes, in order.
    pub(super) fn pids(&self) -> io::Result<Vec<u32>> {
        let mut pids: Vec<u32> =
            self.root.list("/proc")?.iter().filter_map(|name| number(name.as_bytes())).collect();
        pids.sort_unstable();
        Ok(pids)
    }

    /// The content of a small file, such as `123/stat`.
    pub(super) fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.open(name)?.take(SMALL).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Opens a file, or what a link of a process leads to.
    pub(super) fn open(&self, name: &str) -> io::Result<File> {
        let path = proc_path(name);
        if self.live { open_regular(&self.root.locate(path)) } else { self.root.open(path) }
    }

    /// The metadata of a file, or of what a link of a process leads to.
    pub(super) fn metadata(&self, name: &str) -> io::Result<Metadata> {
        let path = proc_path(name);
        if self.live { fs::metadata(self.root.locate(path)) } else { self.root.metadata(path) }
    }

    /// The text of a link.
    pub(super) fn link(&self, name: &str) -> io::Result<Vec<u8>> {
        let path = proc_path(name);
        let path = match (self.live, path.parent(), path.file_name()) {
            (false, Some(parent), Some(last)) => self.root.resolve(parent)?.join(last),
            _ => path,
        };
        Ok(fs::read_link(self.root.locate(path))?.into_os_string().into_vec())
    }

    /// The names in a folder, at most `max`, in the kernel's order; and whether there were more.
    pub(super) fn names(&self, name: &str, max: usize) -> io::Result<(Vec<OsString>, bool)> {
        let path = proc_path(name);
        let path = if self.live { path } else { self.root.resolve(path)? };
        let mut names = Vec::new();
        for entry in fs::read_dir(self.root.locate(path))? {
            if names.len() >= max {
                return Ok((names, true));
            }
            names.push(entry?.file_name());
        }
        Ok((names, false))
    }

    /// Whether the process of this number is still the one that started at `start`, and runs. One that has
    /// ended has no root any more, and every file would seem to be gone from it.
    pub(super) fn still(&self, pid: u32, start: Option<u64>) -> bool {
        if !self.live {
            return true;
        }
        let now = self.read(&format!("{pid}/stat")).ok().and_then(|text| status::stat(&text));
        now.as_ref().is_none_or(|stat| !stat.ended()) && now.map(|stat| stat.start) == start
    }

    /// The files as a process sees them, below the root that it has.
    pub(super) fn files_of(&self, pid: u32) -> io::Result<Root> {
        let path = proc_path(&format!("{pid}/root"));
        if self.live {
            return Ok(Root::new(self.root.locate(path)));
        }
        Ok(Root::new(self.root.locate(self.root.resolve(path)?)))
    }
}

fn proc_path(name: &str) -> PathBuf {
    Path::new("/proc").join(name)
}

/// A number without sign or leading zeros, as the kernel writes those of processes.
pub(super) fn number(text: &[u8]) -> Option<u32> {
    if !text.first()?.is_ascii_digit() || text.starts_with(b"0") {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Which file it is, and when it was changed last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Identity {
    /// Its device.
    pub(super) dev: u64,
    /// Its inode.
    pub(super) inode: u64,
    /// When its content was changed, microseconds since 1970.
    pub(super) content: i64,
    /// When content or attributes were changed, microseconds since 1970.
    pub(super) change: i64,
}

impl Identity {
    /// Of a file that was opened or looked up.
    pub(super) fn of(meta: &Metadata) -> Self {
        let micros = |s: i64, ns: i64| s.saturating_mul(1_000_000).saturating_add(ns / 1000);
        Self {
            dev: meta.dev(),
            inode: meta.ino(),
            content: micros(meta.mtime(), meta.mtime_nsec()),
            change: micros(meta.ctime(), meta.ctime_nsec()),
        }
    }

    /// Whether it is the same file.
    pub(super) fn is(&self, other: &Self) -> bool {
        (self.dev, self.inode) == (other.dev, other.inode)
    }
}

/// How the reading of lines ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// All were read.
    Whole,
    /// There were too many, the reader had enough, or the time was over.
    Cut,
}

/// Hands over each line of a file without its line feed, until `each` says that it has enough. A line of
/// unreasonable length comes in pieces.
pub(super) fn lines(file: File, cover: &Cover, mut each: impl FnMut(&[u8]) -> bool) -> io::Result<End> {
    let mut reader = BufReader::with_capacity(32 * 1024, file);
    let mut line = Vec::new();
    for count in 0..LINES {
        line.clear();
        if reader.by_ref().take(LINE).read_until(b'\n', &mut line)? == 0 {
            return Ok(End::Whole);
        }
        if !each(line.strip_suffix(b"\n").unwrap_or(&line)) || (count % 4096 == 4095 && cover.out_of_time()) {
            return Ok(End::Cut);
        }
    }
    Ok(End::Cut)
}
