//! What to do with one member that is no archive itself.

use std::io::{self, Read};

use super::{Unpacker, clues::Clues};
use crate::{
    host::library::{
        identify::{Examiner, Magic, magic},
        metadata::add_note,
    },
    model::host::CopyKind,
};

/// Bytes of members and nested zips that are held at most.
pub(super) const HELD: usize = 128 << 20;
/// Up to here a member is held without asking other archives to wait.
const SMALL: usize = 8 << 20;
/// Most that is read of one member.
const MEMBER: u64 = 512 << 20;
/// Most that is read of a file that names a package.
const CLUE: u64 = 8 << 20;

impl Unpacker<'_> {
    /// An ELF file or static archive is examined; a file that names a package is remembered; the rest is
    /// passed over.
    pub(super) fn member(&mut self, head: &[u8], rest: &mut dyn Read, path: &str, size: Option<u64>) {
        if magic(head) == Magic::Other {
            if Clues::wanted(path) {
                let mut bytes = head.to_vec();
                match Read::take(&mut *rest, CLUE).read_to_end(&mut bytes) {
                    Ok(_) => self.clues.learn(path, &bytes),
                    Err(error) => self.broken(&error, path),
                }
            }
            return;
        }
        let mut rest = rest.take(MEMBER);
        let bytes = self.hold(head, &mut rest, path, size);
        let cover = self.cover;
        let stop = || cover.out_of_time();
        let mut examiner = Examiner::new(&stop);
        let whole = bytes.len() <= HELD.saturating_sub(self.held);
        let found = if whole {
            examiner.examine(bytes.as_slice(), path, CopyKind::Archive)
        } else {
            self.need_memory();
            examiner.examine_stream(&bytes, &mut rest, path)
        };
        if rest.limit() == 0 {
            self.gap("too-large", path);
        }
        // Its end is missing, and with it the tables of symbols; the digest is that of no file.
        let cut = whole && size.is_some_and(|size| (bytes.len() as u64) < size);
        match found {
            Ok(Some(mut library)) => {
                if cut {
                    library.sha256 = None;
                    add_note(&mut library, "the archive is damaged: only a part of it was read");
                }
                self.found.push(library);
            }
            Ok(None) => {}
            Err(error) => self.broken(&error, path),
        }
    }

    /// Reads a member into memory; one byte more than may be held where there is more of it. Where it breaks
    /// off, that is counted, and what came before is returned.
    pub(super) fn hold(
        &mut self,
        head: &[u8],
        rest: &mut dyn Read,
        path: &str,
        size: Option<u64>,
    ) -> Vec<u8> {
        let room = HELD.saturating_sub(self.held).saturating_add(1);
        let expected = usize::try_from(size.unwrap_or(0)).unwrap_or(usize::MAX).min(room);
        let mut bytes = Vec::new();
        if expected > SMALL {
            self.need_memory();
        }
        // Untouched memory costs nothing, should the size be a lie.
        bytes.reserve_exact(expected.max(head.len()));
        bytes.extend_from_slice(head);
        let done = self.fill(&mut bytes, rest, SMALL.min(room)).and_then(|()| {
            if bytes.len() < SMALL.min(room) {
                return Ok(());
            }
            self.need_memory();
            self.fill(&mut bytes, rest, room)
        });
        if let Err(error) = done {
            self.broken(&error, path);
        }
        bytes
    }

    /// Reads until so many bytes are there, or the end.
    fn fill(&mut self, bytes: &mut Vec<u8>, rest: &mut dyn Read, until: usize) -> io::Result<()> {
        while bytes.len() < until {
            if self.cover.out_of_time() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            let more = (until - bytes.len()).min(1 << 20) as u64;
            if Read::take(&mut *rest, more).read_to_end(bytes)? == 0 {
                break;
            }
        }
        Ok(())
    }
}
