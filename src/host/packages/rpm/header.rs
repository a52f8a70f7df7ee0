//! A package record of rpm ("header"): an index of tags over a store of values, all big-endian.
//!
//! The format is that of `.rpm` files without the leading magic. Offsets and counts come from the record
//! itself, so each access is checked against the store.

use crate::{
    host::{
        packages::{
            digest::{Algorithm, Digest},
            files::Files,
        },
        root::bytes_text,
    },
    model::{
        host::{Ecosystem, Package, is_openssl_source},
        time::Timestamp,
    },
};

/// The most entries in an index, as rpm allows.
const MAX_TAGS: usize = 65_536;

/// The longest name or version that is kept.
const MAX_VALUE: usize = 1024;

mod tag {
    pub(super) const NAME: u32 = 1000;
    pub(super) const VERSION: u32 = 1001;
    pub(super) const RELEASE: u32 = 1002;
    pub(super) const EPOCH: u32 = 1003;
    pub(super) const INSTALLTIME: u32 = 1008;
    pub(super) const ARCH: u32 = 1022;
    pub(super) const OLDFILENAMES: u32 = 1027;
    pub(super) const FILESTATES: u32 = 1029;
    pub(super) const FILEDIGESTS: u32 = 1035;
    pub(super) const SOURCERPM: u32 = 1044;
    pub(super) const DIRINDEXES: u32 = 1116;
    pub(super) const BASENAMES: u32 = 1117;
    pub(super) const DIRNAMES: u32 = 1118;
    pub(super) const FILEDIGESTALGO: u32 = 5011;
}

mod kind {
    pub(super) const CHAR: u32 = 1;
    pub(super) const INT8: u32 = 2;
    pub(super) const INT32: u32 = 4;
    pub(super) const STRING: u32 = 6;
    pub(super) const STRING_ARRAY: u32 = 8;
    pub(super) const I18N_STRING: u32 = 9;
}

/// A parsed record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header<'a> {
    index: &'a [u8],
    store: &'a [u8],
}

impl<'a> Header<'a> {
    /// Checks the frame; the values are checked where they are used.
    pub(super) fn parse(record: &'a [u8]) -> Result<Self, &'static str> {
        let (tags, rest) = number(record).ok_or("too short")?;
        let (len, rest) = number(rest).ok_or("too short")?;
        let (tags, len) = (tags as usize, len as usize);
        if tags == 0 || tags > MAX_TAGS {
            return Err("impossible number of tags");
        }
        let (index, store) = rest.split_at_checked(tags * 16).ok_or("index beyond its end")?;
        if store.len() != len {
            return Err("length does not fit");
        }
        Ok(Self { index, store })
    }

    /// The package; absent where it has no name.
    pub(super) fn package(&self) -> Option<Package> {
        let name = self.text(tag::NAME)?;
        let (version, release) = (self.text(tag::VERSION), self.text(tag::RELEASE));
        let plain = match (version, release) {
            (Some(version), Some(release)) => format!("{version}-{release}"),
            (version, _) => version.unwrap_or_default(),
        };
        let epoch = self.numbers(tag::EPOCH).and_then(|mut numbers| numbers.next());
        let source_rpm = self.text(tag::SOURCERPM);
        let (source, source_version) =
            source_rpm.as_deref().and_then(split_source).unwrap_or_else(|| (name.clone(), plain.clone()));
        let time = self.numbers(tag::INSTALLTIME).and_then(|mut numbers| numbers.next());
        Some(Package {
            openssl: is_openssl_source(&source),
            name,
            version: epoch.map_or_else(|| plain.clone(), |epoch| format!("{epoch}:{plain}")),
            epoch,
            arch: self.text(tag::ARCH).unwrap_or_default(),
            // The name of a source package has no epoch in it.
            source_version: (source_version != plain).then_some(source_version),
            source,
            ecosystem: Ecosystem::Rpm,
            installed_at: time.filter(|time| *time > 0).map(|time| Timestamp::from_seconds(i64::from(time))),
            upgraded_from: None,
            container: None,
        })
    }

    /// Adds the package's files to the table; false where that is full.
    pub(super) fn files(&self, files: &mut Files, package: usize) -> Result<bool, &'static str> {
        let algorithm = match self.numbers(tag::FILEDIGESTALGO).and_then(|mut numbers| numbers.next()) {
            None => Some(Algorithm::Md5),
            Some(number) => Algorithm::of_rpm(number),
        };
        let mut details = Details {
            digests: self.strings(tag::FILEDIGESTS),
            states: self.bytes(tag::FILESTATES),
            algorithm,
        };
        if let Some(names) = self.strings(tag::OLDFILENAMES) {
            return old_names(names, &mut details, files, package);
        }
        let Some(names) = self.strings(tag::BASENAMES) else {
            // Packages without files exist, but a tag of another type is not that.
            let none = self.find(tag::BASENAMES).is_none();
            return if none { Ok(true) } else { Err("names of files cannot be read") };
        };
        let (Some(folders), Some(indexes)) = (self.strings(tag::DIRNAMES), self.numbers(tag::DIRINDEXES))
        else {
            return Err("files without folders");
        };
        let mut numbers = Vec::new();
        for folder in folders {
            match files.folder(folder.ok_or("folders end early")?) {
                Some(number) => numbers.push(number),
                None => return Ok(false),
            }
        }
        let mut indexes = indexes;
        for name in names {
            let name = name.ok_or("names of files end early")?;
            let index = indexes.next().ok_or("folders of files end early")?;
            let folder = *numbers.get(index as usize).ok_or("folder that is not there")?;
            let (digest, normal) = details.next();
            if files.push(package, folder, name, digest.as_ref(), normal).is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Type, offset and count of a tag. One that stands twice was added at installation, last.
    fn find(&self, wanted: u32) -> Option<(u32, usize, usize)> {
        let entry =
            self.index.chunks_exact(16).rev().find(|entry| entry.starts_with(&wanted.to_be_bytes()))?;
        let (_, rest) = number(entry)?;
        let (kind, rest) = number(rest)?;
        let (offset, rest) = number(rest)?;
        let (count, _) = number(rest)?;
        Some((kind, usize::try_from(offset).ok()?, usize::try_from(count).ok()?))
    }

    fn text(&self, wanted: u32) -> Option<String> {
        let (kind, offset, count) = self.find(wanted)?;
        if !matches!(kind, kind::STRING | kind::I18N_STRING | kind::STRING_ARRAY) || count == 0 {
            return None;
        }
        let bytes = self.store.get(offset..)?;
        let end = memchr::memchr(0, bytes)?;
        let text = bytes.get(..end).filter(|text| !text.is_empty() && text.len() <= MAX_VALUE)?;
        Some(bytes_text(text))
    }

    fn numbers(&self, wanted: u32) -> Option<impl Iterator<Item = u32> + 'a> {
        let (kind, offset, count) = self.find(wanted)?;
        let end = offset.checked_add(count.checked_mul(4)?)?;
        let bytes = self.store.get(offset..end)?;
        (kind == kind::INT32).then(|| bytes.chunks_exact(4).filter_map(|b| number(b).map(|(n, _)| n)))
    }

    fn bytes(&self, wanted: u32) -> Option<&'a [u8]> {
        let (kind, offset, count) = self.find(wanted)?;
        let bytes = self.store.get(offset..offset.checked_add(count)?)?;
        matches!(kind, kind::CHAR | kind::INT8).then_some(bytes)
    }

    fn strings(&self, wanted: u32) -> Option<Strings<'a>> {
        let (kind, offset, count) = self.find(wanted)?;
        let rest = self.store.get(offset..)?;
        (kind == kind::STRING_ARRAY && count <= rest.len()).then_some(Strings { rest, left: count })
    }
}

/// Zero-ended texts, one after another; `None` within where they end too early.
struct Strings<'a> {
    rest: &'a [u8],
    left: usize,
}

impl<'a> Iterator for Strings<'a> {
    type Item = Option<&'a [u8]>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let Some(end) = memchr::memchr(0, self.rest) else {
            self.left = 0;
            return Some(None);
        };
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest.get(1..).unwrap_or_default();
        Some(Some(text))
    }
}

/// What the tags beside the names say of each file in turn.
struct Details<'a> {
    digests: Option<Strings<'a>>,
    states: Option<&'a [u8]>,
    algorithm: Option<Algorithm>,
}

impl Details<'_> {
    /// The digest, and whether the file is in place as this package's: not replaced by another one's, not
    /// left out.
    fn next(&mut self) -> (Option<Digest>, bool) {
        let hex = self.digests.as_mut().and_then(Iterator::next).flatten();
        let digest = hex.zip(self.algorithm).and_then(|(hex, algorithm)| Digest::from_hex(algorithm, hex));
        let state = self.states.and_then(<[u8]>::split_first);
        self.states = state.map(|(_, rest)| rest);
        (digest, state.is_none_or(|(state, _)| *state == 0))
    }
}

/// Packages built by rpm 3 name each file in whole.
fn old_names(
    names: Strings<'_>,
    details: &mut Details<'_>,
    files: &mut Files,
    package: usize,
) -> Result<bool, &'static str> {
    for name in names {
        let path = name.ok_or("names of files end early")?;
        let slash = memchr::memrchr(b'/', path).ok_or("file without a folder")?;
        let (folder, name) = path.split_at(slash);
        let name = name.get(1..).unwrap_or_default();
        let (digest, normal) = details.next();
        let added = files
            .folder(folder)
            .and_then(|folder| files.push(package, folder, name, digest.as_ref(), normal));
        if added.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// `openssl-3.0.7-27.el9.src.rpm` → `openssl`, `3.0.7-27.el9`.
fn split_source(file: &str) -> Option<(String, String)> {
    let stem = file.strip_suffix(".src.rpm").or_else(|| file.strip_suffix(".nosrc.rpm"))?;
    let (rest, release) = stem.rsplit_once('-')?;
    let (name, version) = rest.rsplit_once('-')?;
    (!name.is_empty()).then(|| (name.to_owned(), format!("{version}-{release}")))
}

fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*number), rest))
}
