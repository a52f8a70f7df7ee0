//! A compact table of which package brought which file with which digest.
//!
//! For databases whose file lists lie inside the package records (rpm, apk), so that looking up a path does
//! not read the database again: about 60 bytes a file, in two allocations.

use super::{
    Hit, MAX_HITS,
    digest::{Algorithm, Digest},
    spell::Wanted,
};
use crate::model::host::Package;

/// The most that the table holds: bytes of text, and files.
const MAX_TEXT: usize = 192 << 20;
const MAX_FILES: usize = 4_000_000;

#[derive(Clone, Copy, Debug)]
struct Span {
    start: u32,
    len: u32,
}

#[derive(Debug)]
struct Entry {
    package: u32,
    folder: u32,
    name: Span,
    digest: Option<(Algorithm, u32)>,
    normal: bool,
}

/// The table.
#[derive(Debug, Default)]
pub(super) struct Files {
    text: Vec<u8>,
    folders: Vec<Span>,
    entries: Vec<Entry>,
}

impl Files {
    /// Adds a folder; its number is for [`Files::push`]. Absent where the table is full.
    pub(super) fn folder(&mut self, path: &[u8]) -> Option<u32> {
        let trimmed = path.strip_prefix(b"/").unwrap_or(path);
        let trimmed = trimmed.strip_suffix(b"/").unwrap_or(trimmed);
        let number = u32::try_from(self.folders.len()).ok()?;
        if self.folders.len() >= MAX_FILES {
            return None;
        }
        let start = self.text.len();
        self.keep(b"/")?;
        if !trimmed.is_empty() {
            self.keep(trimmed)?;
            self.keep(b"/")?;
        }
        let span = self.span(start)?;
        self.folders.push(span);
        Some(number)
    }

    /// Adds a file of package number `package`. Absent where the table is full.
    pub(super) fn push(
        &mut self,
        package: usize,
        folder: u32,
        name: &[u8],
        digest: Option<&Digest>,
        normal: bool,
    ) -> Option<()> {
        if self.entries.len() >= MAX_FILES {
            return None;
        }
        let package = u32::try_from(package).ok()?;
        let start = self.text.len();
        self.keep(name)?;
        let name = self.span(start)?;
        let mut entry = Entry { package, folder, name, digest: None, normal };
        if let Some(digest) = digest {
            let start = u32::try_from(self.text.len()).ok()?;
            self.keep(&digest.bytes)?;
            entry.digest = Some((digest.algorithm, start));
        }
        self.entries.push(entry);
        Some(())
    }

    /// Gives the file that was added last its digest: apk names it after the file.
    pub(super) fn digest_of_last(&mut self, digest: &Digest) -> Option<()> {
        let start = u32::try_from(self.text.len()).ok()?;
        self.keep(&digest.bytes)?;
        self.entries.last_mut()?.digest = Some((digest.algorithm, start));
        Some(())
    }

    /// How far the table goes now, for [`Files::forget`].
    pub(super) fn mark(&self) -> usize {
        self.entries.len()
    }

    /// Drops the files that were added since a mark.
    pub(super) fn forget(&mut self, mark: usize) {
        self.entries.truncate(mark);
    }

    /// The packages that list a wanted path.
    pub(super) fn hits<'a>(&self, packages: &'a [Package], wanted: &Wanted, hits: &mut Vec<Hit<'a>>) {
        let mut path = Vec::new();
        for entry in &self.entries {
            let name = self.get(entry.name);
            if !wanted.names.contains(name) {
                continue;
            }
            let Some(folder) = self.folders.get(entry.folder as usize) else { continue };
            path.clear();
            path.extend_from_slice(self.get(*folder));
            path.extend_from_slice(name);
            let Some(asked) = wanted.paths.get(&path) else { continue };
            let Some(package) = packages.get(entry.package as usize) else { continue };
            if hits.len() > MAX_HITS {
                return;
            }
            for (asked, order) in asked {
                let digest = entry.digest.and_then(|(algorithm, start)| {
                    let len = u32::try_from(algorithm.len()).ok()?;
                    Digest::new(algorithm, self.get(Span { start, len }).to_vec())
                });
                hits.push(Hit { asked: *asked, order: *order, normal: entry.normal, package, digest });
            }
        }
    }

    fn keep(&mut self, bytes: &[u8]) -> Option<()> {
        if self.text.len().checked_add(bytes.len())? > MAX_TEXT {
            return None;
        }
        self.text.extend_from_slice(bytes);
        Some(())
    }

    fn span(&self, start: usize) -> Option<Span> {
        let len = u32::try_from(self.text.len().checked_sub(start)?).ok()?;
        Some(Span { start: u32::try_from(start).ok()?, len })
    }

    fn get(&self, span: Span) -> &[u8] {
        let start = span.start as usize;
        self.text.get(start..start.saturating_add(span.len as usize)).unwrap_or_default()
    }
}
