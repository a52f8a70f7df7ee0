//! The writer's lock: an advisory lock on `FILE-lock`, with a text in it that says who holds it.
//!
//! The kernel drops the lock when its process ends in whatever way, so a lock file that kill -9 left
//! behind locks nothing. SQLite's own locks guard single transactions; this one guards a whole sweep.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read as _, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use super::error::Error;
use crate::{clock::Clock, model::time::Timestamp};

/// A held lock; dropping it lets the next writer in.
#[derive(Debug)]
pub(super) struct Lock {
    path: PathBuf,
    _file: File,
}

/// The name of a file that stands beside `path`, such as `incident.db-lock`.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

impl Lock {
    /// Takes the lock of the incident file at `incident`, or says at once who has it.
    pub(super) fn take(incident: &Path) -> Result<Self, Error> {
        let path = beside(incident, "-lock");
        let io = |action| {
            let path = path.clone();
            move |source| Error::Io { action, path, source }
        };
        loop {
            let mut file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .open(&path)
                .map_err(io("create the lock file"))?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(Error::Locked { path: incident.to_path_buf(), holder: holder(&mut file) });
                }
                Err(TryLockError::Error(source)) => return Err(io("lock")(source)),
            }
            // The holder before us removed the file between our opening and our locking it: what we
            // hold then is a lock on a file without a name, which keeps nobody out.
            if !same_file(&file, &path) {
                continue;
            }
            write_holder(&mut file).map_err(io("write the lock file"))?;
            return Ok(Self { path, _file: file });
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Before the lock goes, so that nobody else's new lock file is removed. A lock file that
        // stays is harmless.
        let _ = fs::remove_file(&self.path);
    }
}

fn same_file(open: &File, path: &Path) -> bool {
    match (open.metadata(), fs::metadata(path)) {
        (Ok(a), Ok(b)) => a.dev() == b.dev() && a.ino() == b.ino(),
        _ => false,
    }
}

fn write_holder(file: &mut File) -> io::Result<()> {
    // The system's clock even in a drill: whoever reads this looks for a process of this machine.
    let since = Clock::System.now();
    file.set_len(0)?;
    writeln!(file, "process {} since {since}", std::process::id())
}

/// What the lock file says, if it has the form that [`write_holder`] gives it.
fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.take(200).read_to_string(&mut text);
    let mut words = text.split_whitespace();
    let pid = (words.next() == Some("process")).then(|| words.next()?.parse::<u32>().ok()).flatten();
    let since = (words.next() == Some("since")).then(|| words.next()?.parse::<Timestamp>().ok()).flatten();
    match (read, pid, since) {
        (Ok(_), Some(pid), Some(since)) => format!("process {pid} since {since}"),
        (Ok(_), Some(pid), None) => format!("process {pid}"),
        _ => "another process".to_owned(),
    }
}
