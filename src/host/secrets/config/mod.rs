//! Finds out from configuration which private keys services use. Each reader knows one syntax; what they
//! share is here: reading files with their includes, bounded, and checking what a value names.
//!
//! It does not interpret conditions (`<IfModule>`, `if`): a key that is configured anywhere in a file that
//! is read counts as configured.

pub(super) mod apache;
pub(super) mod exim;
pub(super) mod glob;
pub(super) mod haproxy;
pub(super) mod lines;
pub(super) mod lua;
pub(super) mod nginx;
pub(super) mod small;
pub(super) mod table;
pub(super) mod tags;

use std::{
    collections::{BTreeSet, VecDeque},
    fmt,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use super::{
    PART,
    wipe::{Wiped, WipedText},
};
use crate::host::{
    cover::Cover,
    root::{Root, path_text},
};

/// A configuration file of more is not read.
const FILE: usize = 1 << 20;

/// Files read in all.
const FILES: usize = 10_000;

/// Bytes of them in all.
const BYTES: usize = 256 << 20;

/// How deep includes go.
const DEPTH: usize = 10;

/// Keys that are named in all.
const MENTIONS: usize = 20_000;

/// What a file that is named is expected to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// A private key.
    Key,
    /// A certificate with its key; the key may also lie in a file beside it.
    Combined,
    /// Perhaps a key: nothing is missing where there is none.
    Maybe,
    /// Something that is not opened, only noted with these words.
    Place(&'static str),
}

/// One place that names a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mention {
    /// The key's path inside the root.
    pub(super) path: PathBuf,
    pub(super) kind: Kind,
    /// The service; empty where none is known.
    pub(super) service: String,
    /// Whether the service shows it to others as their client.
    pub(super) client: bool,
    /// `path:line`; absent for a place that is only known by custom.
    pub(super) at: Option<String>,
    /// The certificate configured beside it.
    pub(super) certificate: Option<PathBuf>,
}

/// Where a directive stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct At<'a> {
    pub(super) file: &'a Path,
    pub(super) line: usize,
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", path_text(self.file), self.line)
    }
}

/// What all readers work with.
pub(super) struct Visit<'a> {
    pub(super) root: &'a Root,
    pub(super) cover: &'a Cover,
    pub(super) mentions: Vec<Mention>,
    files: usize,
    bytes: usize,
}

/// A file and what was said of it.
pub(super) struct Unit<'a> {
    pub(super) path: &'a Path,
    pub(super) text: &'a str,
    /// The first file, whose folder relative names are often relative to.
    pub(super) main: &'a Path,
}

impl<'a> Unit<'a> {
    pub(super) const fn at(&self, line: usize) -> At<'a> {
        At { file: self.path, line }
    }
}

/// An include that a file asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Include {
    /// An absolute path or pattern.
    pub(super) pattern: PathBuf,
    /// Whether it may be missing.
    pub(super) optional: bool,
    /// Which files are read where it leads to a folder: those that end so.
    pub(super) suffix: &'static str,
}

/// What a value turned out to be.
#[derive(Debug, PartialEq, Eq)]
enum Value {
    Path(PathBuf),
    Nothing,
    Gap(&'static str),
}

impl<'a> Visit<'a> {
    pub(super) const fn new(root: &'a Root, cover: &'a Cover) -> Self {
        Self { root, cover, mentions: Vec::new(), files: 0, bytes: 0 }
    }

    /// Reads the main files that a pattern leads to and everything that they include, each file once.
    pub(super) fn walk(
        &mut self,
        pattern: &str,
        handle: &mut dyn FnMut(&mut Self, &Unit<'_>) -> Vec<Include>,
    ) {
        for main in glob::expand(self.root, self.cover, Path::new(pattern)) {
            let mut seen = BTreeSet::new();
            let mut queue = VecDeque::from([(main.clone(), 0_usize)]);
            while let Some((path, depth)) = queue.pop_front() {
                if self.cover.out_of_time() {
                    self.cover.gap(PART, "time-limit", path_text(&path));
                    return;
                }
                // The same file by another name is the same file: a circle of includes ends here.
                let Ok(real) = self.root.resolve(&path) else {
                    self.cover.gap(PART, "config-unreadable", path_text(&path));
                    continue;
                };
                if !seen.insert(real) {
                    continue;
                }
                let Some(text) = self.text(&path, path == main) else { continue };
                let unit = Unit { path: &path, text: &text, main: &main };
                for include in handle(self, &unit) {
                    if depth >= DEPTH {
                        self.cover.gap(PART, "too-deep", path_text(&include.pattern));
                        continue;
                    }
                    let files = self.included(&include, &path);
                    queue.extend(files.into_iter().map(|f| (f, depth.saturating_add(1))));
                }
            }
        }
    }

    fn included(&self, include: &Include, from: &Path) -> Vec<PathBuf> {
        let text = include.pattern.to_string_lossy();
        let mut files = Vec::new();
        for path in glob::expand(self.root, self.cover, &include.pattern) {
            match self.root.metadata(&path) {
                Ok(meta) if meta.is_dir() => {
                    let names = glob::list(self.root, self.cover, &path).into_iter();
                    let names = names.filter(|n| {
                        let name = n.to_string_lossy();
                        name.ends_with(include.suffix) && !name.starts_with('.') && !name.ends_with('~')
                    });
                    files.extend(names.map(|n| path.join(n)).filter(|p| !self.is_folder(p)));
                }
                Err(e) if is_missing(&e) => {
                    if !include.optional && !glob::is_pattern(&text) {
                        let example = format!("{} (included from {})", path_text(&path), path_text(from));
                        self.cover.gap(PART, "include-missing", example);
                    }
                }
                _ => files.push(path),
            }
        }
        files
    }

    fn is_folder(&self, path: &Path) -> bool {
        self.root.metadata(path).is_ok_and(|m| m.is_dir())
    }

    /// A configuration file's text. A main file that is not there is no gap: the service is not there.
    pub(super) fn text(&mut self, path: &Path, main: bool) -> Option<WipedText> {
        if self.files >= FILES || self.bytes >= BYTES {
            self.cover.gap(PART, "too-many-files", path_text(path));
            return None;
        }
        let read = self.root.open(path).and_then(|mut file| Wiped::read(&mut file, FILE));
        match read {
            Ok(Some(bytes)) => {
                self.files = self.files.saturating_add(1);
                self.bytes = self.bytes.saturating_add(bytes.len());
                self.cover.count("config_files_read", 1);
                Some(bytes.into_text())
            }
            Ok(None) => {
                self.cover.gap(PART, "config-too-large", path_text(path));
                None
            }
            Err(e) if main && is_missing(&e) => None,
            Err(e) => {
                let gone = is_missing(&e);
                self.cover.gap(
                    PART,
                    if gone { "include-missing" } else { "config-unreadable" },
                    path_text(path),
                );
                None
            }
        }
    }

    /// Notes a gap about a directive. What it says is never repeated: it may be a key or a password.
    pub(super) fn gap(&self, what: &str, service: &str, at: At<'_>) {
        self.cover.gap(PART, what, format_args!("{service} at {at}"));
    }

    /// The path that a value names, relative to a folder; a gap where it names none.
    pub(super) fn path(&self, service: &str, value: &str, base: &Path, at: At<'_>) -> Option<PathBuf> {
        match value_path(value, base) {
            Value::Path(path) => Some(path),
            Value::Nothing => None,
            Value::Gap(what) => {
                self.gap(what, service, at);
                None
            }
        }
    }

    /// Adds what a directive names.
    pub(super) fn mention(&mut self, mention: Mention) {
        if self.mentions.len() >= MENTIONS {
            self.cover.gap(PART, "too-many-keys", path_text(&mention.path));
            return;
        }
        self.mentions.push(mention);
    }
}

/// Whether an error says that there is no such file.
pub(super) fn is_missing(e: &std::io::Error) -> bool {
    matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// The path that a value names from the top folder, where it names one: what may be shown of it.
pub(super) fn plain_path(value: &str) -> Option<PathBuf> {
    if let Value::Path(path) = value_path(value, Path::new("/")) { Some(path) } else { None }
}

fn value_path(value: &str, base: &Path) -> Value {
    let value = value.trim();
    if value.is_empty() || value.eq_ignore_ascii_case("none") || value == "{" {
        return Value::Nothing;
    }
    // Some services take a key's text in place of a path.
    let long =
        value.split('/').any(|part| part.len() > 255) || (value.starts_with("MI") && value.len() > 100);
    if value.contains("-----") || value.contains('\n') || value.starts_with("data:") || long {
        return Value::Gap("key-inline");
    }
    if ["pkcs11:", "engine:", "store:", "tpm2:", "kmip:"].iter().any(|s| value.starts_with(s)) {
        return Value::Gap("key-elsewhere");
    }
    if value.contains(['$', '%', '`', '\u{1}']) {
        return Value::Gap("variable-path");
    }
    Value::Path(base.join(value.strip_prefix("file:").unwrap_or(value)))
}

/// Certificates and keys of one block of a configuration, in the order that they stand there.
#[derive(Debug, Default)]
pub(super) struct Scope {
    keys: Vec<(PathBuf, String, bool)>,
    certificates: Vec<(PathBuf, String, bool)>,
}

impl Scope {
    /// A key's path.
    pub(super) fn key(&mut self, path: PathBuf, at: At<'_>, client: bool) {
        self.keys.push((path, at.to_string(), client));
    }

    /// A certificate's path.
    pub(super) fn certificate(&mut self, path: PathBuf, at: At<'_>, client: bool) {
        self.certificates.push((path, at.to_string(), client));
    }

    /// Ends the block: each key with the certificate in the same position, where there are as many.
    /// `combined` services look for the key in the certificate's file where no key is named.
    pub(super) fn end(&mut self, visit: &mut Visit<'_>, service: &str, combined: bool) {
        for client in [false, true] {
            let keys: Vec<_> = self.keys.iter().filter(|k| k.2 == client).collect();
            let certificates: Vec<_> = self.certificates.iter().filter(|c| c.2 == client).collect();
            let paired = keys.len() == certificates.len();
            for (n, (path, at, _)) in keys.iter().enumerate() {
                let certificate = certificates.get(n).filter(|_| paired).map(|c| c.0.clone());
                visit.mention(Mention {
                    path: path.clone(),
                    kind: Kind::Key,
                    service: service.to_owned(),
                    client,
                    at: Some(at.clone()),
                    certificate,
                });
            }
            if combined && keys.is_empty() {
                for (path, at, _) in certificates {
                    visit.mention(Mention {
                        path: path.clone(),
                        kind: Kind::Combined,
                        service: service.to_owned(),
                        client,
                        at: Some(at.clone()),
                        certificate: Some(path.clone()),
                    });
                }
            }
        }
        *self = Self::default();
    }
}
