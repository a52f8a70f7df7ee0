//! Members of a zip, by its central directory.

use std::{
    cell::Cell,
    io::{self, Cursor as Memory, Read, Seek, SeekFrom},
};

use zip::{CompressionMethod, ZipArchive, ZipReadOptions};

use super::{Counted, Unpacker, members::HELD};
use crate::host::{
    library::source::{Cursor, Source},
    root::bytes_text,
};

/// Bytes that may be read to open a zip. Its list of members is held in memory by the zip crate, about six
/// times as large as it is in the file: this bounds it, whatever the file says of its length.
const LIST: u64 = 12 << 20;

impl Unpacker<'_> {
    /// Looks at each member of a zip that can be read at any place.
    pub(super) fn zip<S: Source + ?Sized>(&mut self, source: &S, path: &str, depth: usize) {
        self.entries(Cursor::new(source), path, depth);
    }

    /// A zip in another archive has to be held whole, since its list stands at its end.
    pub(super) fn nested_zip(
        &mut self,
        head: &[u8],
        rest: &mut dyn Read,
        path: &str,
        size: Option<u64>,
        depth: usize,
    ) {
        let bytes = self.hold(head, rest, path, size);
        if bytes.len() > HELD.saturating_sub(self.held) {
            return self.gap("too-large", path);
        }
        self.held += bytes.len();
        self.entries(Memory::new(bytes.as_slice()), path, depth);
        self.held -= bytes.len();
    }

    fn entries<R: Read + Seek>(&mut self, reader: R, path: &str, depth: usize) {
        let left = Cell::new(LIST);
        let mut archive = match ZipArchive::new(io::BufReader::new(Metered { reader, left: &left })) {
            Ok(archive) => archive,
            Err(_) if left.get() == 0 => return self.gap("too-large", path),
            Err(_) => return self.gap("damaged", path),
        };
        left.set(u64::MAX);
        if archive.has_duplicate_names() {
            // Of two members of one name, only the last can be reached.
            self.gap("damaged", path);
        }
        for at in 0..archive.len() {
            if !self.go_on(path) || !self.budget.member() {
                return;
            }
            self.entry(&mut archive, at, path, depth);
        }
    }

    fn entry<R: Read + Seek>(&mut self, archive: &mut ZipArchive<R>, at: usize, path: &str, depth: usize) {
        let Ok(entry) = archive.by_index_data(at) else { return self.gap("damaged", path) };
        if entry.is_dir() || entry.is_symlink() {
            return;
        }
        let member = format!("{path}!{}", bytes_text(entry.name_raw()));
        let readable = matches!(entry.compression(), CompressionMethod::Stored | CompressionMethod::Deflated);
        if entry.encrypted() || !readable {
            return self.gap("compressed", &member);
        }
        let size = Some(entry.size());
        // A wrong checksum is no reason to look away from what is there.
        match archive.by_index_with_options(at, ZipReadOptions::new().ignore_crc32(true)) {
            Ok(file) => {
                let budget = self.budget;
                self.stream(&mut Counted { reader: file, budget }, &member, size, depth + 1);
            }
            Err(_) => self.gap("damaged", &member),
        }
    }
}

/// Ends with an error once so much was read.
struct Metered<'l, R> {
    reader: R,
    left: &'l Cell<u64>,
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = self.reader.read(into)?;
        let left = self.left.get().saturating_sub(n as u64);
        self.left.set(left);
        if left == 0 { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(n) }
    }
}

impl<R: Seek> Seek for Metered<'_, R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.reader.seek(to)
    }
}
