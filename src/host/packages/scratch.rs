//! A private folder for what must be a file for a moment. Removed when it is dropped.

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

/// Folders after the one that the environment names. The last is in memory.
const FOLDERS: [&str; 3] = ["/tmp", "/var/tmp", "/dev/shm"];

/// The folder.
#[derive(Debug)]
pub(super) struct Scratch {
    folder: PathBuf,
}

impl Scratch {
    /// One in each place that takes one, in turn, so that a full disk is a reason to try the next.
    pub(super) fn candidates() -> impl Iterator<Item = Self> {
        let first = std::env::temp_dir();
        let others = FOLDERS.iter().map(PathBuf::from).filter(|folder| *folder != std::env::temp_dir());
        std::iter::once(first).chain(others).filter_map(|folder| Self::below(&folder).ok())
    }

    /// A folder that only this user may enter. It must not exist before: it could be another's.
    fn below(candidate: &Path) -> io::Result<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let mut last = io::Error::other("no name is free");
        for _ in 0..16 {
            let time = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            let time = time.map_or(0, |time| time.as_nanos());
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let folder = candidate.join(format!(".allclear-{}-{count}-{time:x}", std::process::id()));
            match DirBuilder::new().mode(0o700).create(&folder) {
                Ok(()) => return Ok(Self { folder }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => last = error,
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}
