//! Installed packages, who owns a file, and pending updates: dpkg, rpm and apk.
//!
//! The databases are read by their file formats, without any tool of the distribution, so that a mounted
//! image or a container's root tells as much as the running host. Only [`updates`] runs a tool, and only
//! on the running host. Not a judge of versions: whether one is affected is the business of `assess`.

mod apk;
mod digest;
mod dpkg;
mod files;
mod history;
mod outputs;
mod rpm;
mod scratch;
mod spell;
mod tool;
mod updates;
mod zone;

use std::{collections::BTreeMap, fmt::Display, io};

pub use outputs::{parse_apk_version, parse_apt, parse_dnf_list, parse_dnf_security};
pub use updates::updates;

use self::{digest::Digest, spell::Wanted};
use crate::{
    host::{cover::Cover, root::Root},
    model::host::{Owner, Package, Part},
};

/// The largest text database, list or log that is read whole.
const MAX_TEXT: u64 = 256 << 20;

/// Listings of the asked paths that are looked at in one lookup: a database may list one path a million times.
const MAX_HITS: usize = 100_000;

/// The package databases of one root.
///
/// Holds the packages, and for rpm and apk a compact table of their files; dpkg's file lists stay on disk
/// until paths are asked for.
#[derive(Debug, Default)]
pub struct Databases {
    dpkg: dpkg::Dpkg,
    rpm: rpm::Rpm,
    apk: apk::Apk,
}

impl Databases {
    /// Reads every package database of a root. What could not be read is a gap in `cover`.
    pub fn read(root: &Root, cover: &Cover) -> Self {
        cover.part(Part::Packages);
        let found = Self {
            dpkg: dpkg::Dpkg::read(root, cover),
            rpm: rpm::Rpm::read(root, cover),
            apk: apk::Apk::read(root, cover),
        };
        if !(found.dpkg.present() || found.rpm.present() || found.apk.present()) {
            cover.gap(Part::Packages, "no-database", root.base().display());
        }
        // Its manifest is the only database of an image that was cut with chisel, and it is not read.
        if root.metadata("/var/lib/chisel/manifest.wall").is_ok() {
            cover.gap(Part::Packages, "chisel-manifest", "/var/lib/chisel/manifest.wall");
        }
        cover.count("packages_seen", found.len() as u64);
        found
    }

    /// The installed packages of all databases, sorted; their container is not filled in.
    pub fn packages(&self) -> Vec<Package> {
        let mut all: Vec<Package> = self
            .dpkg
            .packages()
            .iter()
            .chain(self.rpm.packages())
            .chain(self.apk.packages())
            .cloned()
            .collect();
        all.sort();
        all.dedup();
        all
    }

    /// How many packages there are.
    pub fn len(&self) -> usize {
        self.dpkg.packages().len() + self.rpm.packages().len() + self.apk.packages().len()
    }

    /// Whether there is no package at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The owner of each path that a package brought, and whether the file is still what it brought.
    ///
    /// Paths are absolute in `root`. A link is followed first: the owner is that of the file whose content
    /// is there. Ask for many paths at once: dpkg's lists are gone through once for all of them.
    pub fn owners(&self, root: &Root, paths: &[String], cover: &Cover) -> BTreeMap<String, Owner> {
        let wanted = Wanted::new(root, paths);
        let mut hits = Vec::new();
        self.dpkg.hits(root, &wanted, cover, &mut hits);
        self.rpm.hits(&wanted, &mut hits);
        self.apk.hits(&wanted, &mut hits);
        if hits.len() > MAX_HITS {
            cover.gap(Part::Packages, "too-many-owners", root.base().display());
            hits.truncate(MAX_HITS);
        }
        hits.sort_by(|a, b| a.rank().cmp(&b.rank()));
        let mut owners: BTreeMap<String, Owner> = BTreeMap::new();
        let mut judge = digest::Judge::new(root, cover);
        for hit in hits {
            let Some(path) = paths.get(hit.asked) else { continue };
            let settled = owners.get(path).is_some_and(|owner| owner.intact == Some(true));
            if settled {
                continue;
            }
            let intact = hit.digest.as_ref().and_then(|digest| judge.intact(path, digest));
            // Of two packages that list one path, the one whose content lies there owns it.
            if intact == Some(true) || !owners.contains_key(path) {
                owners.insert(path.clone(), owner_of(hit.package, intact));
            }
        }
        owners
    }

    /// The owner of one path; see [`Databases::owners`].
    pub fn owner(&self, root: &Root, path: &str, cover: &Cover) -> Option<Owner> {
        self.owners(root, &[path.to_owned()], cover).remove(path)
    }
}

/// A package that lists an asked path.
#[derive(Clone, Debug)]
struct Hit<'a> {
    asked: usize,
    /// Which spelling of the path matched; the smaller the better.
    order: usize,
    /// Whether the database says that the file is really in place.
    normal: bool,
    package: &'a Package,
    digest: Option<Digest>,
}

impl Hit<'_> {
    fn rank(&self) -> (usize, bool, usize, &Package) {
        (self.asked, !self.normal, self.order, self.package)
    }
}

fn owner_of(package: &Package, intact: Option<bool>) -> Owner {
    Owner {
        package: package.name.clone(),
        version: package.version.clone(),
        source: package.source.clone(),
        arch: package.arch.clone(),
        ecosystem: package.ecosystem,
        intact,
    }
}

/// Notes an error of the file system. What does not exist is no gap: most hosts have one database of many.
fn note(cover: &Cover, part: Part, place: impl Display, error: &io::Error) {
    let what = match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => return,
        io::ErrorKind::PermissionDenied => "permission-denied",
        io::ErrorKind::FileTooLarge => "too-large",
        io::ErrorKind::InvalidInput => "not-a-file",
        _ => "unreadable",
    };
    cover.gap(part, what, place);
}

/// For fuzzing: the first byte picks a parser, the rest is its input. No input may panic or hang.
///
/// # Panics
/// Where a parser breaks one of its promises: that is what fuzzing looks for.
pub fn fuzz(data: &[u8]) {
    let Some((&pick, rest)) = data.split_first() else { return };
    let cover = Cover::default();
    let text = String::from_utf8_lossy(rest);
    match pick % 10 {
        0 => dpkg::fuzz(rest, &cover),
        1 => rpm::fuzz_header(rest, &cover),
        2 => rpm::fuzz_ndb(rest, &cover),
        3 => rpm::fuzz_bdb(rest, &cover),
        4 => apk::fuzz(rest, &cover),
        5 => history::fuzz(&text),
        6 => zone::fuzz(rest),
        7 => {
            let list = parse_apt(&text);
            assert!(list.iter().all(|u| !u.package.is_empty() && !u.available.is_empty()));
            let _ = outputs::kept_back(&text);
        }
        8 => {
            let list = parse_dnf_list(&text);
            assert!(list.iter().all(|u| !u.package.is_empty() && !u.available.is_empty()));
            let _ = parse_dnf_security(&text);
        }
        _ => {
            let list = parse_apk_version(&text);
            assert!(list.iter().all(|u| !u.package.is_empty() && !u.available.is_empty()));
        }
    }
}

#[cfg(test)]
mod tests;
