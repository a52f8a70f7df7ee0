//! One file to one record.

use std::{fs::File, io};

use crate::{
    host::library::{
        banner,
        classify::{Facts, half},
        elf::{Elf, Table},
        features::{self, Symbols},
        markers::{self, Evidence, PIECE},
        metadata::add_note,
        source::{Source, pieces, range},
    },
    model::{
        host::{CopyKind, CopyRole, Library},
        ids::Sha256,
        time::Timestamp,
    },
};

/// Bytes at the start that are looked at to tell what a file is.
pub(super) const HEAD: usize = 1024;
/// Files larger than this are not hashed.
const HASHED: u64 = 1 << 30;
/// Most that is read of a static archive's index.
const INDEX: usize = 32 << 20;

/// What a file is, by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Magic {
    Elf,
    /// A static archive.
    Ar,
    Other,
}

/// What is needed to look at one file after the other.
pub(super) struct Examiner<'a> {
    buffer: Vec<u8>,
    stop: &'a dyn Fn() -> bool,
    /// Bytes read so far.
    pub(super) read: u64,
}

impl<'a> Examiner<'a> {
    /// `stop` is asked while large files are read; once it says yes, an examination ends with `TimedOut`.
    pub(super) fn new(stop: &'a dyn Fn() -> bool) -> Self {
        Self { buffer: vec![0; PIECE], stop, read: 0 }
    }

    /// What a source is; `None` where it has nothing to do with a TLS library.
    pub(super) fn examine<S: Source + ?Sized>(
        &mut self,
        source: &S,
        path: &str,
        kind: CopyKind,
    ) -> io::Result<Option<Library>> {
        let head = range(source, 0, HEAD as u64, HEAD)?;
        let magic = magic(&head);
        if magic == Magic::Other {
            return Ok(None);
        }
        let elf = Elf::read(source)?;
        let dynamic = elf.as_ref().and_then(|elf| elf.dynamic(source));
        let packed = packed(&head, elf.as_ref());
        let soname = dynamic.as_ref().and_then(|d| d.soname.as_deref()).and_then(half);
        let needs = dynamic.as_ref().is_some_and(|d| d.needed.iter().any(|name| half(name).is_some()));
        let named = half(path).is_some() || soname.is_some();
        let anchored =
            !packed && (named || markers::anchored(source, &mut self.buffer, self.stop, &mut self.read)?);
        if !(anchored || needs || packed) {
            return Ok(None);
        }
        let evidence = if anchored {
            markers::gather(source, &mut self.buffer, self.stop)?
        } else {
            Evidence::default()
        };
        let mut facts = Facts {
            path,
            kind,
            archive: magic == Magic::Ar,
            packed,
            build_id: elf.as_ref().and_then(|elf| elf.build_id(source)),
            dynamic,
            symbols: if anchored { symbols(source, elf.as_ref()) } else { Symbols::default() },
            parameter: None,
            evidence,
        };
        if facts.evidence.fips_provider && facts.evidence.banners.is_empty() {
            facts.parameter = self.parameter(source)?;
        }
        let mut library = facts.library();
        if let Some(library) = &mut library
            && matches!(library.role, CopyRole::Embeds | CopyRole::BuildInput | CopyRole::Provider)
        {
            library.sha256 = self.hash(source)?;
        }
        Ok(library)
    }

    /// The same for a member of an archive that is too large to hold: `start` is what was read of it. Its
    /// symbols, which stand at its end, stay unknown, and so do its features.
    pub(super) fn examine_stream(
        &mut self,
        start: &[u8],
        rest: &mut dyn io::Read,
        path: &str,
    ) -> io::Result<Option<Library>> {
        let evidence = markers::gather_stream(start, rest, self.stop)?;
        let elf = Elf::read(start)?;
        let facts = Facts {
            path,
            kind: CopyKind::Archive,
            archive: magic(start) == Magic::Ar,
            packed: false,
            dynamic: elf.as_ref().and_then(|elf| elf.dynamic(start)),
            build_id: elf.as_ref().and_then(|elf| elf.build_id(start)),
            symbols: Symbols::default(),
            parameter: None,
            evidence,
        };
        let mut library = facts.library();
        if let Some(library) = &mut library {
            add_note(library, "too large to read its symbols inside the archive");
        }
        Ok(library)
    }

    /// SHA-256 of the whole source, unless it is very large.
    fn hash<S: Source + ?Sized>(&mut self, source: &S) -> io::Result<Option<Sha256>> {
        let length = source.length();
        if length > HASHED {
            return Ok(None);
        }
        let mut digest = ring::digest::Context::new(&ring::digest::SHA256);
        let mut hashed = 0;
        pieces(source, 0, length, &mut self.buffer, 0, |_, bytes, _| {
            digest.update(bytes);
            hashed += bytes.len() as u64;
            !(self.stop)()
        })?;
        let digest = digest.finish();
        let whole = hashed == length;
        Ok(<[u8; 32]>::try_from(digest.as_ref()).ok().filter(|_| whole).map(Sha256::from_bytes))
    }

    /// The one text of a provider that is a version and nothing else; where there are several, none is believed.
    fn parameter<S: Source + ?Sized>(&mut self, source: &S) -> io::Result<Option<String>> {
        let mut found = std::collections::BTreeSet::new();
        pieces(source, 0, source.length(), &mut self.buffer, 64, |_, bytes, _| {
            for text in bytes.split(|b| *b == 0).filter(|t| (5..=11).contains(&t.len())) {
                let text = std::str::from_utf8(text).unwrap_or_default();
                if found.len() < 8 && banner::bare_version(text) && !text.starts_with('0') {
                    found.insert(text.to_owned());
                }
            }
            !(self.stop)()
        })?;
        Ok(if found.len() == 1 { found.pop_first() } else { None })
    }
}

/// What is at the start of a file.
pub(super) fn magic(head: &[u8]) -> Magic {
    if head.starts_with(b"\x7fELF") {
        Magic::Elf
    } else if head.starts_with(b"!<arch>\n")
        && !head.get(8..).unwrap_or_default().starts_with(b"debian-binary")
    {
        Magic::Ar
    } else {
        Magic::Other
    }
}

/// Whether UPX packed it: its mark stands behind the program headers, and there are no sections any more.
fn packed(head: &[u8], elf: Option<&Elf>) -> bool {
    elf.is_some_and(|elf| !elf.has_sections()) && memchr::memmem::find(head, b"UPX!").is_some()
}

fn symbols<S: Source + ?Sized>(source: &S, elf: Option<&Elf>) -> Symbols {
    let Some(names) = features::names() else { return Symbols::default() };
    if let Some(elf) = elf {
        let (full, exports) = elf.symbols(source, names);
        return Symbols { full, exports };
    }
    Symbols { full: index(source, names).unwrap_or_default(), exports: Table::default() }
}

/// The index of a static archive lists every function that others may call, internal ones included.
fn index<S: Source + ?Sized>(source: &S, names: &super::elf::Names) -> Option<Table> {
    let header = range(source, 8, 60, 60).ok()?;
    if !header.starts_with(b"/ ") && !header.starts_with(b"/SYM64/") {
        return None;
    }
    let size: u64 = std::str::from_utf8(header.get(48..58)?).ok()?.trim().parse().ok()?;
    let index = range(source, 68, size, INDEX).ok()?;
    let whole = index.len() as u64 == size;
    Some(Table { defined: names.in_list(&index), undefined: Vec::new(), whole })
}

/// What one ELF file or static archive is: a record, or nothing where it has nothing to do with a TLS
/// library. `path` is what the record says; nothing but the file is opened, so a libssl without a banner has
/// no version yet (see [`super::resolve`]).
pub fn identify(file: &File, path: &str) -> io::Result<Option<Library>> {
    let mut library = Examiner::new(&|| false).examine(file, path, CopyKind::Disk)?;
    if let Some(library) = &mut library {
        library.modified_at = modified_at(file);
    }
    Ok(library)
}

/// The same for bytes in memory, such as a member of an archive.
pub fn identify_bytes(bytes: &[u8], path: &str) -> Option<Library> {
    // Memory does not fail.
    Examiner::new(&|| false).examine(bytes, path, CopyKind::Archive).ok().flatten()
}

/// The GNU Build-ID of an ELF file, lower-case hex. Reads its headers and notes only.
pub fn build_id(file: &File) -> Option<String> {
    Elf::read(file).ok()??.build_id(file)
}

/// When a file was changed last.
pub(super) fn modified_at(file: &File) -> Option<Timestamp> {
    let meta = file.metadata().ok()?;
    let since = meta.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(Timestamp::from_micros(i64::try_from(since.as_micros()).ok()?))
}
