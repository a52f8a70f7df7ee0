//! dpkg's database: `status`, its journal `updates`, `status.d` of images without dpkg, and the file lists.

mod lists;
mod stanza;

use std::{collections::BTreeMap, path::Path};

use self::stanza::Stanza;
use super::{MAX_TEXT, history, note};
use crate::{
    host::{
        cover::Cover,
        root::{Root, bytes_text},
    },
    model::host::{Ecosystem, Package, Part, is_openssl_source},
};

const STATUS: &str = "/var/lib/dpkg/status";
const UPDATES: &str = "/var/lib/dpkg/updates";
const STATUS_D: &str = "/var/lib/dpkg/status.d";
const INFO: &str = "/var/lib/dpkg/info";
const DIVERSIONS: &str = "/var/lib/dpkg/diversions";

/// Packages kept at most; Debian has some 70,000 in all.
const MAX_PACKAGES: usize = 200_000;

/// What dpkg knows.
#[derive(Debug, Default)]
pub(super) struct Dpkg {
    present: bool,
    packages: Vec<Package>,
    /// Packages by name, for the lists, which are named after them.
    by_name: BTreeMap<String, Vec<usize>>,
    /// Lists of digests in `status.d`, with their packages.
    loose: Vec<(String, usize)>,
}

impl Dpkg {
    /// Reads the databases of a root.
    pub(super) fn read(root: &Root, cover: &Cover) -> Self {
        let mut found = Self::default();
        found.read_status(root, cover);
        found.read_loose(root, cover);
        for (n, package) in found.packages.iter().enumerate() {
            found.by_name.entry(package.name.clone()).or_default().push(n);
        }
        if found.present {
            history::fill(root, cover, &mut found.packages);
        }
        found
    }

    /// Whether there is a database, even an empty one.
    pub(super) fn present(&self) -> bool {
        self.present
    }

    pub(super) fn packages(&self) -> &[Package] {
        &self.packages
    }

    fn read_status(&mut self, root: &Root, cover: &Cover) {
        let mut stanzas: BTreeMap<(String, String), Stanza> = BTreeMap::new();
        let mut places = vec![STATUS.to_owned()];
        places.extend(journal(root, cover));
        for place in places {
            match root.read(&place, MAX_TEXT) {
                Ok(bytes) => {
                    self.present = true;
                    if bytes.is_empty() && place == STATUS {
                        cover.gap(Part::Packages, "bad-database", format_args!("{place} is empty"));
                    }
                    // The journal holds whole newer records, for when dpkg was cut off.
                    for stanza in stanza::read(&bytes, &place, stanza::Kind::Status, cover) {
                        stanzas.insert((stanza.name.clone(), stanza.arch.clone()), stanza);
                    }
                }
                Err(error) => note(cover, Part::Packages, &place, &error),
            }
        }
        for stanza in stanzas.into_values().filter(Stanza::leaves_files) {
            self.push(stanza, STATUS, cover);
        }
    }

    fn read_loose(&mut self, root: &Root, cover: &Cover) {
        let names = match root.list(STATUS_D) {
            Ok(names) => names,
            Err(error) => return note(cover, Part::Packages, STATUS_D, &error),
        };
        for name in names.into_iter().filter_map(|name| name.into_string().ok()) {
            let place = format!("{STATUS_D}/{name}");
            if Path::new(&name).extension().is_some_and(|extension| extension == "md5sums") {
                continue;
            }
            match root.read(&place, MAX_TEXT) {
                Ok(bytes) => {
                    self.present = true;
                    for stanza in stanza::read(&bytes, &place, stanza::Kind::Control, cover) {
                        if !stanza.leaves_files() {
                            continue;
                        }
                        let number = self.packages.len();
                        self.push(stanza, &place, cover);
                        if self.packages.len() > number {
                            self.loose.push((format!("{place}.md5sums"), number));
                        }
                    }
                }
                Err(error) => note(cover, Part::Packages, &place, &error),
            }
        }
    }

    fn push(&mut self, stanza: Stanza, place: &str, cover: &Cover) {
        if self.packages.len() >= MAX_PACKAGES {
            cover.gap(Part::Packages, "too-many-packages", place);
            return;
        }
        self.packages.push(package(stanza));
    }

    /// The package that a list's name stands for: `libssl3:amd64`, or `bash`.
    fn of_list(&self, stem: &str) -> Option<&Package> {
        let (name, arch) = stem.split_once(':').map_or((stem, None), |(name, arch)| (name, Some(arch)));
        let numbers = self.by_name.get(name)?;
        let mut packages = numbers.iter().filter_map(|n| self.packages.get(*n));
        match arch {
            Some(arch) => packages.find(|package| package.arch == arch),
            None => packages.next(),
        }
    }
}

/// The files of the journal, in order.
fn journal(root: &Root, cover: &Cover) -> Vec<String> {
    let names = match root.list(UPDATES) {
        Ok(names) => names,
        Err(error) => {
            note(cover, Part::Packages, UPDATES, &error);
            return Vec::new();
        }
    };
    let numbers = names.into_iter().filter_map(|name| name.into_string().ok());
    let numbers = numbers.filter(|name| !name.is_empty() && name.bytes().all(|c| c.is_ascii_digit()));
    numbers.map(|name| format!("{UPDATES}/{name}")).collect()
}

fn package(stanza: Stanza) -> Package {
    let (source, source_version) = source_of(&stanza);
    let epoch = stanza.version.split_once(':').and_then(|(epoch, _)| epoch.parse().ok());
    Package {
        openssl: is_openssl_source(&source),
        name: stanza.name,
        epoch,
        arch: stanza.arch,
        source_version: source_version.filter(|version| *version != stanza.version),
        version: stanza.version,
        source,
        ecosystem: Ecosystem::Dpkg,
        installed_at: None,
        upgraded_from: None,
        container: None,
    }
}

/// `Source: openssl (3.0.1-1)`, `Source: openssl`, or nothing: then the package's own name.
fn source_of(stanza: &Stanza) -> (String, Option<String>) {
    let source = stanza.source.trim();
    if source.is_empty() {
        return (stanza.name.clone(), None);
    }
    match source.split_once('(') {
        None => (source.to_owned(), None),
        Some((name, version)) => {
            let version = version.trim().trim_end_matches(')').trim();
            (name.trim().to_owned(), (!version.is_empty()).then(|| version.to_owned()))
        }
    }
}

/// For fuzzing.
pub(super) fn fuzz(data: &[u8], cover: &Cover) {
    for kind in [stanza::Kind::Status, stanza::Kind::Control] {
        for stanza in stanza::read(data, "status", kind, cover) {
            let package = package(stanza);
            assert!(!package.name.is_empty() && !package.source.is_empty());
        }
    }
    let _ = lists::diversions(&bytes_text(data));
    let _ = lists::digest_in(data, b"/usr/lib/x");
}
