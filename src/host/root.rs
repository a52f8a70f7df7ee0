//! The files of a host below one root folder: `/`, a mounted image, or `/proc/PID/root` of a container.
//!
//! An absolute link below another root leads inside that root, and nothing leads out of it. Only regular
//! files are opened: never a pipe or a device, on which a read could hang or act.

use std::{
    collections::VecDeque,
    ffi::{OsStr, OsString},
    fs::{self, File, Metadata},
    io::{self, Read as _},
    os::{
        fd::OwnedFd,
        unix::{ffi::OsStrExt as _, fs::OpenOptionsExt as _},
    },
    path::{Component, Path, PathBuf},
};

use rustix::{
    fs::{FileType, Mode, OFlags, ResolveFlags},
    io::Errno,
};

/// Links followed on the way to one file, as Linux does.
const LINKS: u32 = 40;

/// Entries of one folder that are listed at most.
const ENTRIES: usize = 1_000_000;

/// A root folder.
#[derive(Clone, Debug)]
pub struct Root {
    base: PathBuf,
}

impl Root {
    /// The files below `base`. It is taken as it is: whether it exists shows at the first look.
    pub fn new(base: impl Into<PathBuf>) -> Self {
        Self { base: base.into() }
    }

    /// The running host's own files.
    pub fn host() -> Self {
        Self::new("/")
    }

    /// Whether this is the running host's own root.
    pub fn is_host(&self) -> bool {
        self.base == Path::new("/")
    }

    /// The folder.
    pub fn base(&self) -> &Path {
        &self.base
    }

    /// Where an absolute path inside this root lies for this process, with no link resolved.
    pub fn locate(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        self.base.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// The path inside this root of a file that lies below its base, absolute.
    pub fn inside(&self, located: &Path) -> PathBuf {
        located
            .strip_prefix(&self.base)
            .map_or_else(|_| located.to_path_buf(), |rest| Path::new("/").join(rest))
    }

    /// The path inside this root that `path` leads to once every link is followed; each link is read
    /// relative to this root. The file need not exist.
    pub fn resolve(&self, path: impl AsRef<Path>) -> io::Result<PathBuf> {
        let mut left: VecDeque<OsString> = parts(path.as_ref()).collect();
        let mut done = PathBuf::from("/");
        let mut links = 0;
        while let Some(part) = left.pop_front() {
            if part == ".." {
                done.pop();
                continue;
            }
            let next = done.join(&part);
            match fs::symlink_metadata(self.locate(&next)) {
                Ok(meta) if meta.is_symlink() => {
                    links += 1;
                    if links > LINKS {
                        return Err(io::Error::other("too many links"));
                    }
                    let target = fs::read_link(self.locate(&next))?;
                    if target.is_absolute() {
                        done = PathBuf::from("/");
                    }
                    for part in parts(&target).collect::<Vec<_>>().into_iter().rev() {
                        left.push_front(part);
                    }
                }
                // What does not exist is found out by the caller, with the error of its own call.
                _ => done = next,
            }
        }
        Ok(done)
    }

    /// Opens a regular file for reading.
    pub fn open(&self, path: impl AsRef<Path>) -> io::Result<File> {
        if self.is_host() {
            return open_regular(path.as_ref());
        }
        match self.open_inside(path.as_ref()) {
            // Before Linux 5.6, or where a filter forbids it.
            Err(Errno::NOSYS | Errno::PERM) => open_regular(&self.locate(self.resolve(path)?)),
            Err(error) => Err(error.into()),
            Ok(file) => regular(File::from(file)),
        }
    }

    /// Opens a path with the kernel keeping every link inside this root: a container that swaps a folder for a
    /// link meanwhile leads nowhere else. What is no regular file is found out without being opened for reading.
    fn open_inside(&self, path: &Path) -> Result<OwnedFd, Errno> {
        let base =
            rustix::fs::open(&self.base, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        let inside = path.strip_prefix("/").unwrap_or(path);
        let open = |flags| {
            rustix::fs::openat2(&base, inside, flags | OFlags::CLOEXEC, Mode::empty(), ResolveFlags::IN_ROOT)
        };
        let place = open(OFlags::PATH)?;
        if !FileType::from_raw_mode(rustix::fs::fstat(&place)?.st_mode).is_file() {
            return Err(Errno::INVAL);
        }
        open(OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)
    }

    /// The metadata of what a path leads to.
    pub fn metadata(&self, path: impl AsRef<Path>) -> io::Result<Metadata> {
        fs::symlink_metadata(self.locate(self.resolve(path)?))
    }

    /// The whole content of a regular file; an error where it holds more than `max` bytes.
    pub fn read(&self, path: impl AsRef<Path>, max: u64) -> io::Result<Vec<u8>> {
        read_bounded(&mut self.open(path)?, max)
    }

    /// The content of a text file, with bytes that are not UTF-8 replaced.
    pub fn read_text(&self, path: impl AsRef<Path>, max: u64) -> io::Result<String> {
        Ok(String::from_utf8_lossy(&self.read(path, max)?).into_owned())
    }

    /// The names in a folder, sorted.
    pub fn list(&self, folder: impl AsRef<Path>) -> io::Result<Vec<OsString>> {
        let located = self.locate(self.resolve(folder)?);
        let mut names = Vec::new();
        for entry in fs::read_dir(located)?.take(ENTRIES) {
            names.push(entry?.file_name());
        }
        names.sort();
        Ok(names)
    }
}

/// Opens a regular file for reading, wherever it lies. Never waits for a pipe's other end, never wakes a device.
pub fn open_regular(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    // Before it is opened, since opening some devices acts; and after, since the name may lead elsewhere by then.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    regular(fs::OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)?)
}

fn regular(file: File) -> io::Result<File> {
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"))
    }
}

/// The rest of a file; an error where it is more than `max` bytes. Files in /proc say that they are empty,
/// so a size is never believed.
pub fn read_bounded(file: &mut File, max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(max.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("larger than {max} bytes")));
    }
    Ok(bytes)
}

/// A path as text: what is not UTF-8 in it becomes `\xNN`, so that two different paths stay different.
pub fn path_text(path: &Path) -> String {
    bytes_text(path.as_os_str().as_bytes())
}

/// Bytes as text, in the same way.
pub fn bytes_text(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02X}");
        }
    }
    text
}

fn parts(path: &Path) -> impl Iterator<Item = OsString> + '_ {
    path.components().filter_map(|c| match c {
        Component::Normal(part) => Some(part.to_os_string()),
        Component::ParentDir => Some(OsStr::new("..").to_os_string()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_stay_inside_the_root() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::new(folder.path());
        fs::create_dir_all(folder.path().join("usr/lib")).unwrap();
        fs::write(folder.path().join("usr/lib/x"), "inside").unwrap();
        symlink("/usr/lib", folder.path().join("lib")).unwrap();
        symlink("../../../../etc/passwd", folder.path().join("usr/lib/out")).unwrap();
        symlink("loop", folder.path().join("loop")).unwrap();
        assert_eq!(root.read_text("/lib/x", 100).unwrap(), "inside");
        assert_eq!(root.resolve("/lib/x").unwrap(), Path::new("/usr/lib/x"));
        assert_eq!(root.resolve("/usr/lib/out").unwrap(), Path::new("/etc/passwd"));
        assert!(root.read("/usr/lib/out", 100).is_err());
        assert!(root.read("/loop", 100).is_err());
        assert!(root.read("/lib/x", 5).is_err());
        assert_eq!(root.list("/lib").unwrap(), ["out", "x"]);
    }

    #[test]
    fn pipes_and_folders_are_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &pipe,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::from_raw_mode(0o600),
            0,
        )
        .unwrap();
        assert!(open_regular(&pipe).is_err());
        assert!(open_regular(folder.path()).is_err());
    }

    #[test]
    fn odd_bytes_stay_apart() {
        assert_eq!(bytes_text(b"a\xff\xfeb"), "a\\xFF\\xFEb");
        assert_eq!(bytes_text("ü".as_bytes()), "ü");
    }
}
