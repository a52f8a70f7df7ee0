//! From what configuration names to records: opens each key once, reads what is public of it, and notes
//! what could not be read.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::Metadata,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::SystemTime,
};

use super::{
    PART,
    config::{Kind, Mention, is_missing},
    private::{self, Found},
    wipe::Wiped,
};
use crate::{
    host::{
        cover::Cover,
        root::{Root, path_text},
    },
    model::{
        host::{Key, KeyAlgorithm, KeyForm},
        time::Timestamp,
    },
};

/// A key file of more is not read: a Java key store may hold many certificates.
const FILE: usize = 1 << 20;

/// Certificates beside one key that are looked at.
const CERTIFICATES: usize = 20;

/// A key's file and everything that names it.
pub(super) struct Named {
    path: PathBuf,
    mentions: BTreeSet<Mention>,
}

/// All mentions, by the path that they name. What lies in a folder by custom is left out where it is the
/// same file as one that is configured.
pub(super) fn by_path(root: &Root, mentions: Vec<Mention>) -> Vec<Named> {
    let mut named: BTreeMap<PathBuf, BTreeSet<Mention>> = BTreeMap::new();
    let mut real: BTreeSet<PathBuf> = BTreeSet::new();
    let (custom, known): (Vec<_>, Vec<_>) = mentions.into_iter().partition(|m| m.service.is_empty());
    for mention in known {
        real.extend(root.resolve(&mention.path).ok());
        named.entry(mention.path.clone()).or_default().insert(mention);
    }
    for mention in custom {
        if root.resolve(&mention.path).is_ok_and(|path| !real.insert(path)) {
            continue;
        }
        named.entry(mention.path.clone()).or_default().insert(mention);
    }
    named.into_iter().map(|(path, mentions)| Named { path, mentions }).collect()
}

/// Looks at keys.
pub(super) struct Collector<'a> {
    root: &'a Root,
    cover: &'a Cover,
    users: BTreeMap<u32, String>,
    groups: BTreeMap<u32, String>,
}

impl<'a> Collector<'a> {
    pub(super) fn new(root: &'a Root, cover: &'a Cover) -> Self {
        let (users, groups) = (names(root, "/etc/passwd"), names(root, "/etc/group"));
        Self { root, cover, users, groups }
    }

    /// The keys in one file.
    pub(super) fn keys(&self, named: &Named) -> Vec<Key> {
        let meta = match self.root.metadata(&named.path) {
            Ok(meta) => meta,
            Err(e) if is_missing(&e) => {
                self.missing(named);
                return Vec::new();
            }
            // Whether there is a file at all cannot be seen: only what is configured is worth a record.
            Err(_) if !named.sure() => {
                self.cover.gap(PART, "folder-unreadable", path_text(&named.path));
                return Vec::new();
            }
            Err(_) => return vec![self.unreadable(named, None)],
        };
        if meta.is_dir() && !named.sure() {
            return Vec::new();
        }
        if let Some(note) = named.place() {
            let note = Some(note.to_owned());
            return vec![Key { note, ..self.record(named, &meta) }];
        }
        let bytes = match self.root.open(&named.path).and_then(|mut file| Wiped::read(&mut file, FILE)) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => {
                if !named.sure() {
                    return Vec::new();
                }
                self.cover.gap(PART, "key-too-large", path_text(&named.path));
                return vec![Key { note: Some("too large".to_owned()), ..self.record(named, &meta) }];
            }
            Err(e) if is_missing(&e) => {
                self.missing(named);
                return Vec::new();
            }
            Err(_) if !meta.is_file() && !named.sure() => return Vec::new(),
            Err(_) => return vec![self.unreadable(named, Some(&meta))],
        };
        self.cover.count("key_files_read", 1);
        self.keys_in_bytes(named, &meta, &bytes)
    }

    fn keys_in_bytes(&self, named: &Named, meta: &Metadata, bytes: &[u8]) -> Vec<Key> {
        let (paths, certificates) = self.certificates(named, bytes);
        let found = private::keys_in(bytes, &certificates);
        if found.is_empty() {
            return self.without_key(named, meta, &certificates);
        }
        let several = found.len() > 1;
        let record = |(n, found): (usize, Found)| {
            let mut key = self.record(named, meta);
            key.number = several.then(|| u32::try_from(n.saturating_add(1)).unwrap_or(u32::MAX));
            (key.form, key.algorithm, key.bits) = (found.form, found.algorithm, found.bits);
            key.spki_sha256 = found.spki;
            key.spki_from = found.from.and_then(|at| paths.get(at)).map(|path| path_text(path));
            let differs = key.spki_from.is_none()
                && found.spki.is_some()
                && !several
                && !certificates.is_empty()
                && certificates.iter().all(|c| Some(crate::model::ids::Sha256::of(c)) != found.spki);
            let found_note = found.note.or(differs.then_some(private::OTHER));
            let notes: Vec<&str> = found_note.into_iter().chain(key.note.as_deref()).collect();
            key.note = (!notes.is_empty()).then(|| notes.join("; "));
            key
        };
        found.into_iter().enumerate().map(record).collect()
    }

    /// A file in which no key was found. It is a gap where one is expected there.
    fn without_key(&self, named: &Named, meta: &Metadata, certificates: &[Vec<u8>]) -> Vec<Key> {
        if !named.sure() {
            return Vec::new();
        }
        if named.mentions.iter().any(|m| m.kind == Kind::Key) {
            self.cover.gap(PART, "key-not-understood", named.example());
            let note = if certificates.is_empty() {
                "no private key was recognised in it"
            } else {
                "no private key in it"
            };
            return vec![Key { note: Some(note.to_owned()), ..self.record(named, meta) }];
        }
        // A certificate whose key lies beside it, as HAProxy and others look for it.
        let with = |ending: &str| PathBuf::from(format!("{}.{ending}", named.path.display()));
        for path in [with("key"), named.path.with_extension("key")] {
            if path != named.path && self.root.metadata(&path).is_ok() {
                let mut beside = Named { path: path.clone(), mentions: BTreeSet::new() };
                beside.mentions.extend(named.mentions.iter().map(|m| Mention {
                    path: path.clone(),
                    kind: Kind::Key,
                    ..m.clone()
                }));
                return self.keys(&beside);
            }
        }
        self.cover.gap(PART, "key-not-in-file", named.example());
        Vec::new()
    }

    /// The public keys of the certificates beside a key, its own file's first.
    fn certificates(&self, named: &Named, bytes: &[u8]) -> (Vec<PathBuf>, Vec<Vec<u8>>) {
        let mut paths = vec![named.path.clone()];
        paths
            .extend(named.mentions.iter().filter_map(|m| m.certificate.clone()).filter(|c| *c != named.path));
        paths.dedup();
        let mut out = (Vec::new(), Vec::new());
        for path in paths.into_iter().take(CERTIFICATES) {
            let spki = if path == named.path {
                private::certificate_spki(bytes)
            } else {
                let read = self.root.open(&path).and_then(|mut file| Wiped::read(&mut file, FILE));
                read.ok().flatten().and_then(|bytes| private::certificate_spki(&bytes))
            };
            if let Some(spki) = spki {
                out.0.push(path);
                out.1.push(spki);
            }
        }
        out
    }

    fn missing(&self, named: &Named) {
        if named.sure() {
            self.cover.gap(PART, "key-missing", named.example());
        }
    }

    fn unreadable(&self, named: &Named, meta: Option<&Metadata>) -> Key {
        self.cover.gap(PART, "key-unreadable", path_text(&named.path));
        let mut key = meta.map_or_else(|| named.record(), |meta| self.record(named, meta));
        key.readable = false;
        if !named.sure() {
            key.note = Some("found by its place, not read: perhaps no key".to_owned());
        }
        key
    }

    fn record(&self, named: &Named, meta: &Metadata) -> Key {
        let name = |names: &BTreeMap<u32, String>, id: u32| {
            Some(names.get(&id).cloned().unwrap_or_else(|| id.to_string()))
        };
        let mut key = named.record();
        key.real_path =
            self.root.resolve(&named.path).ok().filter(|p| *p != named.path).map(|p| path_text(&p));
        key.user = name(&self.users, meta.uid());
        key.group = name(&self.groups, meta.gid());
        key.mode = Some(format!("{:04o}", meta.mode() & 0o7777));
        // Some file systems say the beginning of time for what they do not know.
        key.created_at = meta.created().ok().and_then(timestamp).filter(|t| t.micros() > 0);
        key.modified_at = meta.modified().ok().and_then(timestamp);
        key
    }
}

impl Named {
    /// Whether something says that a key is there.
    fn sure(&self) -> bool {
        self.mentions.iter().any(|m| matches!(m.kind, Kind::Key | Kind::Combined))
    }

    /// The words for a place that is not opened: only where nothing names it as a key.
    fn place(&self) -> Option<&'static str> {
        if self.sure() {
            return None;
        }
        self.mentions.iter().find_map(|m| if let Kind::Place(note) = m.kind { Some(note) } else { None })
    }

    fn example(&self) -> String {
        let at = self.mentions.iter().find_map(|m| m.at.as_deref()).unwrap_or("an unknown place");
        format!("{} (configured at {at})", path_text(&self.path))
    }

    fn record(&self) -> Key {
        let collected = |text: &dyn Fn(&Mention) -> Option<String>| -> Vec<String> {
            self.mentions.iter().filter_map(text).collect::<BTreeSet<_>>().into_iter().collect()
        };
        let client = self.mentions.iter().all(|m| m.client);
        Key {
            path: path_text(&self.path),
            real_path: None,
            number: None,
            form: KeyForm::Unknown,
            algorithm: KeyAlgorithm::Unknown,
            bits: None,
            spki_sha256: None,
            spki_from: None,
            user: None,
            group: None,
            mode: None,
            readable: true,
            created_at: None,
            modified_at: None,
            services: collected(&|m| Some(m.service.clone()).filter(|s| !s.is_empty())),
            configured_at: collected(&|m| m.at.clone()),
            note: client.then(|| "used as a client".to_owned()),
        }
    }
}

fn timestamp(time: SystemTime) -> Option<Timestamp> {
    let micros = match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_micros()).ok()?,
        Err(before) => i64::try_from(before.duration().as_micros()).ok()?.checked_neg()?,
    };
    Some(Timestamp::from_micros(micros))
}

/// Names by number, from a file such as passwd.
fn names(root: &Root, path: &str) -> BTreeMap<u32, String> {
    let text = root.read_text(Path::new(path), 4 << 20).unwrap_or_default();
    let mut names = BTreeMap::new();
    for line in text.lines() {
        let mut fields = line.split(':');
        if let (Some(name), _, Some(Ok(id))) = (fields.next(), fields.next(), fields.next().map(str::parse)) {
            names.entry(id).or_insert_with(|| name.to_owned());
        }
    }
    names
}
