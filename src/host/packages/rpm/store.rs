//! Reading a database file in place, by position, without believing its size; and whether it stood still.

use std::{fs::File, os::unix::fs::FileExt as _, time::SystemTime};

use super::{MAX_DATABASE, Trouble};
use crate::host::{cover::Cover, root::Root};

/// Something with bytes at positions.
pub(super) trait Bytes {
    /// How many there are.
    fn size(&self) -> u64;

    /// Fills the buffer from a position; false where it does not lie wholly within.
    fn fill(&self, at: u64, buffer: &mut [u8]) -> bool;
}

/// A file.
pub(super) struct Disk<'a> {
    file: &'a File,
    size: u64,
}

impl<'a> Disk<'a> {
    pub(super) fn new(file: &'a File) -> Result<Self, Trouble> {
        let size = file.metadata().map_err(|_| "unreadable")?.len();
        if size > MAX_DATABASE { Err("too-large") } else { Ok(Self { file, size }) }
    }
}

impl Bytes for Disk<'_> {
    fn size(&self) -> u64 {
        self.size
    }

    fn fill(&self, at: u64, buffer: &mut [u8]) -> bool {
        self.file.read_exact_at(buffer, at).is_ok()
    }
}

impl Bytes for &[u8] {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn fill(&self, at: u64, buffer: &mut [u8]) -> bool {
        let part = usize::try_from(at).ok().and_then(|at| self.get(at..at.checked_add(buffer.len())?));
        part.is_some_and(|part| {
            buffer.copy_from_slice(part);
            true
        })
    }
}

/// Size and time of a database and of its log: the same before and after, and it was read in one state.
pub(super) fn state(root: &Root, place: &str) -> [Option<(u64, Option<SystemTime>)>; 2] {
    ["", "-wal"].map(|end| {
        let meta = root.metadata(format!("{place}{end}")).ok()?;
        Some((meta.len(), meta.modified().ok()))
    })
}

/// Passes the gaps of a reading that counts on to the collection.
pub(super) fn hand_over(draft: &Cover, cover: &Cover) {
    for gap in draft.coverage().gaps {
        for n in 0..gap.count.min(100_000) {
            let example = usize::try_from(n).ok().and_then(|n| gap.examples.get(n));
            cover.gap(gap.part, &gap.what, example.map_or("", String::as_str));
        }
    }
}
