//! Lists kept in a folder between runs. Never trusted: what is read there is judged like what comes from the network,
//! and anything odd about a file means that the list is downloaded again.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::PathBuf,
    time::{Duration, UNIX_EPOCH},
};

use crate::model::{ids::Sha256, time::Timestamp};

/// Where lists are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cache {
    /// The folder; made where it is missing, for its owner alone.
    pub folder: PathBuf,
    /// How long a list is used after its download, although it may hold for longer by its own word. In an incident, lists
    /// change before they have to, so this is hours and not the weeks that authorities give.
    pub max_age: Duration,
}

impl Cache {
    fn file(&self, url: &str) -> PathBuf {
        let digest = data_encoding::HEXLOWER.encode(Sha256::of(url.as_bytes()).bytes());
        self.folder.join(format!("{digest}.crl"))
    }

    /// The bytes kept for a URL, where they are young and small enough.
    pub(super) fn read(&self, url: &str, longest: usize, now: Timestamp) -> Option<Vec<u8>> {
        let path = self.file(url);
        // Looked at before it is opened: a pipe would never open, and a link leads elsewhere.
        let meta = fs::symlink_metadata(&path).ok()?;
        let longest = u64::try_from(longest).ok()?;
        if !meta.is_file() || meta.len() > longest {
            return None;
        }
        let written = meta.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        let written = Timestamp::from_seconds(i64::try_from(written.as_secs()).ok()?);
        let age = u64::try_from(now.seconds_since(written)).ok()?;
        if age > self.max_age.as_secs() {
            return None;
        }
        let mut bytes = Vec::new();
        File::open(&path).ok()?.take(longest.saturating_add(1)).read_to_end(&mut bytes).ok()?;
        (bytes.len() as u64 <= longest).then_some(bytes)
    }

    /// Keeps a list. A failure costs a download later on and nothing else.
    pub(super) fn keep(&self, url: &str, bytes: &[u8]) {
        // A folder that is there keeps its mode: it is the user's.
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.folder);
        let path = self.file(url);
        let unfinished = path.with_extension(format!("{}.part", std::process::id()));
        let write = || -> std::io::Result<()> {
            made?;
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
            file.write_all(bytes)?;
            drop(file);
            fs::rename(&unfinished, &path)
        };
        if write().is_err() {
            let _ = fs::remove_file(&unfinished);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;
    use crate::clock::Clock;

    #[test]
    fn a_list_is_kept_for_its_owner_and_for_a_while() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache { folder: folder.path().join("lists"), max_age: Duration::from_secs(60) };
        let now = Clock::System.now();
        assert_eq!(cache.read("http://h/a", 100, now), None);
        cache.keep("http://h/a", b"one");
        cache.keep("http://h/a", b"two");
        assert_eq!(cache.read("http://h/a", 100, now.plus_seconds(1)).as_deref(), Some(&b"two"[..]));
        assert_eq!(cache.read("http://h/b", 100, now), None, "another URL");
        assert_eq!(cache.read("http://h/a", 2, now.plus_seconds(1)), None, "longer than is borne");
        assert_eq!(cache.read("http://h/a", 100, now.plus_seconds(120)), None, "too old");
        assert_eq!(cache.read("http://h/a", 100, now.plus_seconds(-3600)), None, "of the future");
        let file = cache.file("http://h/a");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(&cache.folder).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(fs::read_dir(&cache.folder).unwrap().count(), 1, "nothing unfinished stays");
    }

    #[test]
    fn links_and_folders_in_the_place_of_a_list_are_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache { folder: folder.path().to_owned(), max_age: Duration::from_secs(60) };
        let secret = folder.path().join("secret");
        fs::write(&secret, "secret").unwrap();
        symlink(&secret, cache.file("http://h/a")).unwrap();
        let now = Clock::System.now().plus_seconds(1);
        assert_eq!(cache.read("http://h/a", 100, now), None);
        cache.keep("http://h/a", b"list");
        assert_eq!(fs::read(&secret).unwrap(), b"secret", "the link is replaced and not followed");
        fs::create_dir(cache.file("http://h/b")).unwrap();
        assert_eq!(cache.read("http://h/b", 100, now), None);
        cache.keep("http://h/b", b"list");
    }
}
