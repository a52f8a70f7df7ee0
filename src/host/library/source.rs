//! Bytes that can be read at any place: a file, or a member of an archive in memory.
//!
//! Never a memory map: a mapped file that somebody truncates kills its reader.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::FileExt,
};

/// Something that is read in pieces. A length may be wrong by the time of a read, which then comes short.
pub(super) trait Source: Sync {
    /// Reads what is there at `offset`, up to the length of `into`; 0 at the end.
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize>;

    /// The length that it says.
    fn length(&self) -> u64;
}

impl Source for File {
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut done = 0;
        while let Some(rest) = into.get_mut(done..).filter(|rest| !rest.is_empty()) {
            let at = offset.checked_add(done as u64).ok_or(io::ErrorKind::InvalidInput)?;
            match FileExt::read_at(self, rest, at) {
                Ok(0) => break,
                Ok(n) => done += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(done)
    }

    fn length(&self) -> u64 {
        self.metadata().map_or(0, |meta| meta.len())
    }
}

impl Source for [u8] {
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        let from = usize::try_from(offset).ok().and_then(|at| self.get(at..)).unwrap_or_default();
        let n = from.len().min(into.len());
        if let (Some(into), Some(from)) = (into.get_mut(..n), from.get(..n)) {
            into.copy_from_slice(from);
        }
        Ok(n)
    }

    fn length(&self) -> u64 {
        self.len() as u64
    }
}

/// A range of a source, at most `most` bytes of it; shorter where the source ends.
pub(super) fn range<S: Source + ?Sized>(
    source: &S,
    offset: u64,
    length: u64,
    most: usize,
) -> io::Result<Vec<u8>> {
    // What lies past the end cannot be read, so that a lying length costs no memory.
    let there = source.length().saturating_sub(offset).min(length);
    let wanted = usize::try_from(there).unwrap_or(usize::MAX).min(most);
    let mut bytes = vec![0; wanted];
    let n = source.read_at(&mut bytes, offset)?;
    bytes.truncate(n);
    Ok(bytes)
}

/// Calls `see` with each piece of a range: the offset of the piece, its bytes, and how many of them are new
/// (the rest is shown again with the next piece, so that nothing is cut in two). `see` says whether to go on.
pub(super) fn pieces<S: Source + ?Sized>(
    source: &S,
    start: u64,
    length: u64,
    buffer: &mut [u8],
    overlap: usize,
    mut see: impl FnMut(u64, &[u8], usize) -> bool,
) -> io::Result<u64> {
    let end = start.saturating_add(length);
    let mut at = start;
    let mut read = 0;
    while at < end {
        let wanted = usize::try_from(end - at).unwrap_or(usize::MAX).min(buffer.len());
        let Some(into) = buffer.get_mut(..wanted) else { break };
        let n = source.read_at(into, at)?;
        read += n as u64;
        let last = n < wanted || at.saturating_add(n as u64) >= end;
        let Some(bytes) = buffer.get(..n) else { break };
        let new = if last { n } else { n.saturating_sub(overlap) };
        if !see(at, bytes, new) || last || new == 0 {
            break;
        }
        at += new as u64;
    }
    Ok(read)
}

/// A source as a reader, for those who want one.
pub(super) struct Cursor<'a, S: Source + ?Sized> {
    source: &'a S,
    at: u64,
}

impl<'a, S: Source + ?Sized> Cursor<'a, S> {
    pub(super) fn new(source: &'a S) -> Self {
        Self { source, at: 0 }
    }
}

impl<S: Source + ?Sized> Clone for Cursor<'_, S> {
    fn clone(&self) -> Self {
        Self { source: self.source, at: self.at }
    }
}

impl<S: Source + ?Sized> Read for Cursor<'_, S> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = self.source.read_at(into, self.at)?;
        self.at = self.at.saturating_add(n as u64);
        Ok(n)
    }
}

impl<S: Source + ?Sized> Seek for Cursor<'_, S> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.source.length().checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

/// The fixed word for an error.
pub(super) fn word(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "permission-denied",
        // Gone, or a link or another kind of file stands there by now.
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => "vanished",
        io::ErrorKind::TimedOut => "time-limit",
        io::ErrorKind::InvalidFilename => "path-too-long",
        _ => match rustix::io::Errno::from_io_error(error) {
            Some(rustix::io::Errno::LOOP | rustix::io::Errno::NXIO) => "vanished",
            Some(rustix::io::Errno::MFILE | rustix::io::Errno::NFILE) => "too-many-open-files",
            _ => "unreadable",
        },
    }
}
