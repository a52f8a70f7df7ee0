//! Files that an inventory file includes: found below its own folder, opened with care, bounded in depth, number and
//! size. What is not read is kept with its reason, and told once for each reason.
//!
//! It knows no format; whoever reads the text says where it was included.

use std::{
    fs::File,
    io::Read,
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use super::{format::TextFile, host::quoted, intake::Intake, left_out::LeftOut};
use crate::model::{glob, service::Source};

/// How deep files include files.
const MOST_DEEP: usize = 8;

/// How many files are included in all.
const MOST_FILES: u64 = 256;

/// The largest included file, in bytes.
const MOST_BYTES: u64 = 16 << 20;

/// How many names of one folder a pattern is held against.
const MOST_NAMES: usize = 4096;

const NO_FOLDER: &str = "a text that is no file has no folder in which an included file could be looked for";
const OUTSIDE: &str = "an included file is read only below the folder of the inventory file";
const MISSING: &str = "no such file can be read below the folder of the inventory file";
const NO_FILE: &str = "an included file has to be a regular file";
const TOO_LARGE: &str = "an included file has at most 16 MiB";
const TOO_DEEP: &str = "files include files at most 8 deep";
const TOO_MANY: &str = "at most 256 files are included";
const CYCLE: &str = "it includes itself";

/// One included file.
#[derive(Debug)]
pub(super) struct Included {
    /// What messages call it.
    pub(super) name: Arc<str>,
    /// Its bytes, without a byte order mark.
    pub(super) text: Vec<u8>,
    /// The folder in which it lies.
    pub(super) folder: PathBuf,
}

/// The files that one inventory file includes.
#[derive(Debug)]
pub(super) struct Includes {
    /// The folder of the file that was named, as it is written and as it is.
    top: Option<(PathBuf, PathBuf)>,
    /// The files that are being read, outermost first.
    open: Vec<PathBuf>,
    files: u64,
    asked: u64,
    left: LeftOut,
}

impl Includes {
    /// For a file that was named on the command line. Without a folder, nothing is included.
    pub(super) fn of(file: &TextFile<'_>) -> Self {
        let top = file.folder.as_ref().and_then(|folder| {
            let folder = if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder.clone() };
            let real = folder.canonicalize().ok()?;
            Some((folder, real))
        });
        let open = match &top {
            Some(_) => Path::new(&*file.name).canonicalize().into_iter().collect(),
            None => Vec::new(),
        };
        Self { top, open, files: 0, asked: 0, left: LeftOut::default() }
    }

    /// Opens a file by the path as it stands in a file of `folder`, looked for there and in the folder of the first
    /// file. None: it is not read, and why is kept. What was opened has to be closed.
    pub(super) fn open(&mut self, path: &str, folder: Option<&Path>, source: &Source) -> Option<Included> {
        self.asked += 1;
        match self.try_open(path, folder) {
            Ok(included) => Some(included),
            Err(why) => {
                self.left.add(why, || quoted(path), || source.clone());
                None
            }
        }
    }

    /// The innermost file is read.
    pub(super) fn close(&mut self) {
        self.open.pop();
    }

    /// Whether anything was not read.
    pub(super) fn left_any(&self) -> bool {
        !self.left.is_empty()
    }

    /// Says what was not read.
    pub(super) fn tell(self, intake: &mut Intake<'_>) {
        self.left.tell(self.asked, "included files", intake);
    }

    fn try_open(&mut self, path: &str, folder: Option<&Path>) -> Result<Included, &'static str> {
        let (top, real_top) = self.top.as_ref().ok_or(NO_FOLDER)?;
        if self.open.len() > MOST_DEEP {
            return Err(TOO_DEEP);
        }
        if self.files >= MOST_FILES {
            return Err(TOO_MANY);
        }
        if path.contains('\0') {
            return Err(MISSING);
        }
        let mut tried = folder.into_iter().chain([top.as_path()]).map(|folder| folder.join(path));
        let found = tried.find_map(|path| Some((path.canonicalize().ok()?, path)));
        let (real, written) = found.ok_or(MISSING)?;
        let own = folder.and_then(|folder| folder.canonicalize().ok());
        if !real.starts_with(real_top) && !own.is_some_and(|own| real.starts_with(own)) {
            return Err(OUTSIDE);
        }
        if self.open.contains(&real) {
            return Err(CYCLE);
        }
        let text = read(&real)?;
        self.files += 1;
        self.open.push(real);
        let folder = written.parent().map_or_else(|| top.clone(), Path::to_path_buf);
        Ok(Included { name: written.to_string_lossy().into(), text, folder })
    }

    /// The paths that a pattern with `*`, `?` and `[...]` stands for, sorted; a path without any of these is itself.
    pub(super) fn matching(&self, pattern: &str, folder: Option<&Path>) -> Vec<String> {
        let wild = |text: &str| text.contains(['*', '?', '[']);
        if !wild(pattern) {
            return vec![pattern.to_owned()];
        }
        let Some(folder) = folder.or(self.top.as_ref().map(|(top, _)| top.as_path())) else {
            return vec![pattern.to_owned()];
        };
        let mut paths = vec![PathBuf::new()];
        for part in Path::new(pattern).components() {
            let text = part.as_os_str().to_string_lossy();
            if !matches!(part, Component::Normal(_)) || !wild(&text) {
                for path in &mut paths {
                    path.push(part);
                }
                continue;
            }
            let mut next = Vec::new();
            for path in &paths {
                let names = names(&folder.join(path));
                next.extend(names.iter().filter(|name| fits(&text, name)).map(|name| path.join(name)));
                next.truncate(MOST_NAMES);
            }
            paths = next;
        }
        paths.into_iter().map(|path| path.to_string_lossy().into_owned()).collect()
    }
}

/// The names in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let Ok(entries) = folder.read_dir() else { return Vec::new() };
    let entries = entries.take(MOST_NAMES).flatten();
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort_unstable();
    names
}

/// Reads a regular file. A pipe or a device would block when it is opened, so what it is is asked before.
fn read(path: &Path) -> Result<Vec<u8>, &'static str> {
    let regular = |metadata: std::io::Result<std::fs::Metadata>| match metadata {
        Ok(metadata) if !metadata.is_file() => Err(NO_FILE),
        Ok(metadata) if metadata.len() > MOST_BYTES => Err(TOO_LARGE),
        Ok(_) => Ok(()),
        Err(_) => Err(MISSING),
    };
    regular(path.metadata())?;
    let file = File::open(path).map_err(|_| MISSING)?;
    regular(file.metadata())?;
    let mut text = Vec::new();
    file.take(MOST_BYTES + 1).read_to_end(&mut text).map_err(|_| MISSING)?;
    if text.len() as u64 > MOST_BYTES {
        return Err(TOO_LARGE);
    }
    if text.starts_with(b"\xef\xbb\xbf") {
        text.drain(..3);
    }
    Ok(text)
}

/// Whether a name of a folder fits a pattern, by characters.
fn fits(pattern: &str, name: &str) -> bool {
    let chars = |text: &str| text.chars().collect::<Vec<_>>();
    glob::matches_file(&chars(pattern), &chars(name))
}
