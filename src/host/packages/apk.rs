//! apk's database: one text file with packages and their files.

use super::{
    MAX_TEXT,
    digest::{Algorithm, Digest},
    files::Files,
    note,
    spell::Wanted,
};
use crate::{
    host::{
        cover::Cover,
        root::{Root, bytes_text},
    },
    model::host::{Ecosystem, Package, Part, is_openssl_source},
};

/// Where it lies; the second since apk 3.
pub(super) const PLACES: [&str; 2] = ["/lib/apk/db/installed", "/usr/lib/apk/db/installed"];

/// What apk knows.
#[derive(Debug, Default)]
pub(super) struct Apk {
    present: bool,
    packages: Vec<Package>,
    files: Files,
    /// How much of `files` belongs to whole records.
    whole: usize,
}

impl Apk {
    /// Reads the database of a root.
    pub(super) fn read(root: &Root, cover: &Cover) -> Self {
        let mut found = Self::default();
        let mut seen = Vec::new();
        for place in PLACES {
            // On a merged system both are one file.
            match root.resolve(place) {
                Ok(real) if seen.contains(&real) => continue,
                Ok(real) => seen.push(real),
                Err(_) => {}
            }
            match root.read(place, MAX_TEXT) {
                Ok(bytes) => {
                    found.present = true;
                    found.parse(&bytes, place, cover);
                }
                Err(error) => note(cover, Part::Packages, place, &error),
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
    pub(super) fn hits<'a>(&'a self, wanted: &Wanted, hits: &mut Vec<super::Hit<'a>>) {
        self.files.hits(&self.packages, wanted, hits);
    }

    pub(super) fn parse(&mut self, bytes: &[u8], place: &str, cover: &Cover) {
        let mut current = Current::new();
        // apk ends the last record with an empty line.
        let cut_off = !bytes.is_empty() && !bytes.ends_with(b"\n");
        let mut number = 0_u64;
        for line in bytes.split(|c| *c == b'\n') {
            number += 1;
            if number.is_multiple_of(65536) && cover.out_of_time() {
                cover.gap(Part::Packages, "time-limit", place);
                break;
            }
            if line.is_empty() {
                self.finish(&mut current, place, cover);
                continue;
            }
            if current.begun == 0 {
                current.begun = number;
            }
            match line {
                [key, b':', value @ ..] => self.field(&mut current, *key, value, place, cover),
                _ => current.bad = true,
            }
        }
        current.bad |= cut_off && current.begun != 0;
        self.finish(&mut current, place, cover);
    }

    fn field(&mut self, current: &mut Current, key: u8, value: &[u8], place: &str, cover: &Cover) {
        // The package gets this number if its record turns out to be one.
        let package = self.packages.len();
        let added = match key {
            b'P' => return current.set(|p| &mut p.name, value),
            b'V' => return current.set(|p| &mut p.version, value),
            b'A' => return current.set(|p| &mut p.arch, value),
            b'o' => return current.set(|p| &mut p.source, value),
            b'F' => {
                current.folder = self.files.folder(value);
                current.file = false;
                current.folder.map(|_| ())
            }
            b'R' => {
                current.file = true;
                let folder = current.folder.or_else(|| self.files.folder(b""));
                folder.and_then(|folder| self.files.push(package, folder, value, None, true))
            }
            b'Z' if current.file => match checksum(value) {
                Some(digest) => self.files.digest_of_last(&digest),
                None => Some(()),
            },
            _ => return,
        };
        if added.is_none() {
            cover.gap(Part::Packages, "index-full", place);
        }
    }

    fn finish(&mut self, current: &mut Current, place: &str, cover: &Cover) {
        let Current { package: mut found, begun, bad, .. } = std::mem::replace(current, Current::new());
        if begun == 0 {
            return;
        }
        if bad || found.name.is_empty() || found.version.is_empty() {
            cover.gap(Part::Packages, "bad-stanza", format_args!("{place}:{begun}"));
        }
        if found.source.is_empty() {
            found.source.clone_from(&found.name);
        }
        found.openssl = is_openssl_source(&found.source);
        if found.name.is_empty() {
            self.files.forget(self.whole);
        } else {
            self.packages.push(found);
            self.whole = self.files.mark();
        }
    }
}

struct Current {
    package: Package,
    folder: Option<u32>,
    /// Whether a file of the folder was named: until then a checksum is not a file's.
    file: bool,
    begun: u64,
    bad: bool,
}

impl Current {
    fn new() -> Self {
        let package = Package {
            name: String::new(),
            version: String::new(),
            epoch: None,
            arch: String::new(),
            source: String::new(),
            source_version: None,
            ecosystem: Ecosystem::Apk,
            openssl: false,
            installed_at: None,
            upgraded_from: None,
            container: None,
        };
        Self { package, folder: None, file: false, begun: 0, bad: false }
    }

    fn set(&mut self, field: impl FnOnce(&mut Package) -> &mut String, value: &[u8]) {
        let field = field(&mut self.package);
        if field.is_empty() && value.len() <= 1024 {
            *field = bytes_text(value);
        } else {
            self.bad = true;
        }
    }
}

/// `Q1` and SHA-1, or since apk 3 `Q2` and SHA-256, both in Base64.
fn checksum(value: &[u8]) -> Option<Digest> {
    let (kind, text) = value.split_at_checked(2)?;
    let algorithm = match kind {
        b"Q1" => Algorithm::Sha1,
        b"Q2" => Algorithm::Sha256,
        _ => return None,
    };
    Digest::new(algorithm, data_encoding::BASE64.decode(text).ok()?)
}

/// For fuzzing.
pub(super) fn fuzz(data: &[u8], cover: &Cover) {
    let mut apk = Apk::default();
    apk.parse(data, "installed", cover);
    let spelled = b"/lib/x".to_vec();
    let mut wanted = Wanted::default();
    wanted.names.insert(b"x".to_vec());
    wanted.paths.insert(spelled, vec![(0, 0)]);
    let mut hits = Vec::new();
    apk.hits(&wanted, &mut hits);
    assert!(hits.iter().all(|hit| hit.asked == 0));
}
