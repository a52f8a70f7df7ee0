//! rpm's database in its three formats. The package records inside are the same in all: see `header`.
//!
//! The live database is never opened by SQLite: opening it as root has broken databases of running hosts.

mod bdb;
mod header;
mod ndb;
mod sqlite;
mod store;

use std::{fs::File, path::PathBuf};

use self::store::Bytes;
use super::{Hit, files::Files, note, spell::Wanted};
use crate::{
    host::{cover::Cover, root::Root},
    model::host::{Package, Part},
};

/// Where databases lie, the newer places first.
pub(super) const FOLDERS: [&str; 3] = ["/usr/lib/sysimage/rpm", "/var/lib/rpm", "/usr/share/rpm"];

/// The largest database.
const MAX_DATABASE: u64 = 2 << 30;

/// The largest record. rpm itself allows 256 MiB; a kernel's with all its files has 3.
const MAX_RECORD: usize = 64 << 20;

/// Packages kept at most.
const MAX_PACKAGES: usize = 200_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Sqlite,
    Ndb,
    Bdb,
}

/// The file of each format, in rpm's order of preference today.
const FORMATS: [(Format, &str); 3] =
    [(Format::Sqlite, "rpmdb.sqlite"), (Format::Ndb, "Packages.db"), (Format::Bdb, "Packages")];

/// Why a database could not be read to its end, as the word of a gap.
type Trouble = &'static str;

/// What rpm knows.
#[derive(Debug, Default)]
pub(super) struct Rpm {
    present: bool,
    packages: Vec<Package>,
    files: Files,
}

impl Rpm {
    /// Reads the database of a root. Where there are several, the first that holds packages counts.
    pub(super) fn read(root: &Root, cover: &Cover) -> Self {
        let mut found = Self::default();
        let mut seen: Vec<PathBuf> = Vec::new();
        for folder in FOLDERS {
            for (format, name) in FORMATS {
                let place = format!("{folder}/{name}");
                let Ok(real) = root.resolve(&place) else { continue };
                if seen.contains(&real) {
                    continue;
                }
                let file = match root.open(&place) {
                    Ok(file) => file,
                    Err(error) => {
                        note(cover, Part::Packages, &place, &error);
                        continue;
                    }
                };
                seen.push(real);
                found.present = true;
                if !found.packages.is_empty() {
                    // Left over from a conversion, or a trap: said, not mixed in.
                    cover.gap(Part::Packages, "other-database", place);
                } else if let Some(read) = Self::steady(root, cover, format, &place, &file) {
                    found.packages = read.packages;
                    found.files = read.files;
                }
            }
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

    /// The packages that list a wanted path.
    pub(super) fn hits<'a>(&'a self, wanted: &Wanted, hits: &mut Vec<Hit<'a>>) {
        self.files.hits(&self.packages, wanted, hits);
    }

    /// Reads a database again where it changed meanwhile.
    fn steady(root: &Root, cover: &Cover, format: Format, place: &str, file: &File) -> Option<Self> {
        if file.metadata().ok()?.len() > MAX_DATABASE {
            cover.gap(Part::Packages, "too-large", place);
            return None;
        }
        for last in [false, true] {
            let before = store::state(root, place);
            let draft = Cover::new(cover.time_left());
            let mut found = Self::default();
            let trouble = found.database(root, &draft, format, place, file).err();
            let changed = before != store::state(root, place);
            if changed && !last && !cover.out_of_time() {
                continue;
            }
            if changed {
                cover.gap(Part::Packages, "changed-while-read", place);
            }
            if let Some(trouble) = trouble {
                cover.gap(Part::Packages, trouble, place);
            }
            store::hand_over(&draft, cover);
            return Some(found);
        }
        None
    }

    fn database(
        &mut self,
        root: &Root,
        cover: &Cover,
        format: Format,
        place: &str,
        file: &File,
    ) -> Result<(), Trouble> {
        let mut take = |record: &[u8]| self.record(record, place, cover);
        match format {
            Format::Sqlite => sqlite::records(root, place, cover, &mut take),
            Format::Ndb => ndb::records(&store::Disk::new(file)?, place, cover, &mut take),
            Format::Bdb => bdb::records(&store::Disk::new(file)?, place, cover, &mut take),
        }
    }

    /// Takes one record; an error ends the reading.
    fn record(&mut self, record: &[u8], place: &str, cover: &Cover) -> Result<(), Trouble> {
        if self.packages.len() >= MAX_PACKAGES {
            return Err("too-many-packages");
        }
        if cover.out_of_time() {
            return Err("time-limit");
        }
        let bad = |why: &str| cover.gap(Part::Packages, "bad-header", format_args!("{place}: {why}"));
        let header = match header::Header::parse(record) {
            Ok(header) => header,
            Err(why) => {
                bad(why);
                return Ok(());
            }
        };
        let Some(package) = header.package() else {
            bad("no name");
            return Ok(());
        };
        if package.version.is_empty() {
            bad(&format!("{}: no version", package.name));
        }
        match header.files(&mut self.files, self.packages.len()) {
            Ok(true) => {}
            Ok(false) => cover.gap(Part::Packages, "index-full", place),
            Err(why) => bad(&format!("{}: {why}", package.name)),
        }
        self.packages.push(package);
        Ok(())
    }
}

/// For fuzzing.
pub(super) fn fuzz_header(data: &[u8], cover: &Cover) {
    let mut rpm = Rpm::default();
    assert!(rpm.record(data, "fuzz", cover).is_ok());
    assert!(rpm.packages.iter().all(|package| !package.name.is_empty() && !package.source.is_empty()));
}

/// For fuzzing.
pub(super) fn fuzz_ndb(data: &[u8], cover: &Cover) {
    fuzz_reader(data, cover, ndb::records);
}

/// For fuzzing.
pub(super) fn fuzz_bdb(data: &[u8], cover: &Cover) {
    fuzz_reader(data, cover, bdb::records);
}

type Reader<'a> =
    fn(&&'a [u8], &str, &Cover, &mut dyn FnMut(&[u8]) -> Result<(), Trouble>) -> Result<(), Trouble>;

fn fuzz_reader<'a>(data: &'a [u8], cover: &Cover, records: Reader<'a>) {
    let mut sum = 0;
    let outcome = records(&data, "fuzz", cover, &mut |record| {
        sum += record.len();
        Ok(())
    });
    // Records do not overlap in a sound database: a small file must not unfold into a huge one.
    assert!(sum as u64 <= data.size().saturating_mul(2), "{outcome:?}");
}
