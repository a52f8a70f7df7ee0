//! The few things of an ELF file that matter here: Build-ID, dynamic entries, and which of a list of
//! symbols it defines. Read in bounded pieces, whatever sizes the file claims.
//!
//! Not a general reader: symbol tables of programs are hundreds of megabytes at times, so names are looked
//! up by their place in the string table and no table is ever held whole.

use std::{collections::BTreeMap, io};

use aho_corasick::{AhoCorasick, MatchKind};

use super::source::{Source, pieces, range};

const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;
const PT_NOTE: u32 = 4;
const SHT_SYMTAB: u32 = 2;
const SHT_NOTE: u32 = 7;
const SHT_DYNSYM: u32 = 11;
const NT_GNU_BUILD_ID: u32 = 3;

/// Program and section headers that are read at most.
const HEADERS: usize = 4096;
/// Dynamic entries that are read at most.
const DYNAMIC: usize = 64 << 10;
/// Longest name of a library, or list of folders, that is read.
const NAME: usize = 4096;
/// Bytes of one note segment that are read.
const NOTES: usize = 64 << 10;
/// Bytes of one symbol or string table that are read.
const TABLE: u64 = 1 << 30;
/// Places in a string table that are kept: a wanted name can be the end of many longer ones.
const PLACES: usize = 1 << 16;
const PIECE: usize = 256 << 10;

/// An ELF file's headers.
#[derive(Debug)]
pub(super) struct Elf {
    form: Form,
    segments: Vec<Segment>,
    sections: Vec<Section>,
}

/// Word size and byte order.
#[derive(Clone, Copy, Debug)]
struct Form {
    wide: bool,
    little: bool,
}

#[derive(Clone, Copy, Debug)]
struct Segment {
    kind: u32,
    offset: u64,
    address: u64,
    size: u64,
}

#[derive(Clone, Copy, Debug)]
struct Section {
    kind: u32,
    offset: u64,
    size: u64,
    link: u32,
}

/// What the dynamic section says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Dynamic {
    pub(super) soname: Option<String>,
    pub(super) needed: Vec<String>,
    /// DT_RUNPATH, or DT_RPATH where there is none.
    pub(super) search: Option<String>,
}

/// Which symbols of a list a table has.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// Defined here, by place in the list.
    pub(super) defined: Vec<bool>,
    /// Called here and defined elsewhere.
    pub(super) undefined: Vec<bool>,
    /// Whether the whole table could be read.
    pub(super) whole: bool,
}

impl Form {
    fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        let raw = bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if self.little { u16::from_le_bytes(raw) } else { u16::from_be_bytes(raw) })
    }

    fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        let raw = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if self.little { u32::from_le_bytes(raw) } else { u32::from_be_bytes(raw) })
    }

    /// A word of the file's class.
    fn word(self, bytes: &[u8], at: usize) -> Option<u64> {
        if !self.wide {
            return self.u32(bytes, at).map(u64::from);
        }
        let raw = bytes.get(at..at.checked_add(8)?)?.try_into().ok()?;
        Some(if self.little { u64::from_le_bytes(raw) } else { u64::from_be_bytes(raw) })
    }

    /// The size of, and the places in, a record, by class.
    const fn by<T: Copy>(self, wide: T, narrow: T) -> T {
        if self.wide { wide } else { narrow }
    }
}

impl Elf {
    /// Reads the headers. `None`: no ELF file, or one whose header is not whole.
    pub(super) fn read<S: Source + ?Sized>(source: &S) -> io::Result<Option<Self>> {
        let head = range(source, 0, 64, 64)?;
        let Some(form) = form(&head) else { return Ok(None) };
        let Some(header) = Header::read(form, &head) else { return Ok(None) };
        let mut elf = Self { form, segments: Vec::new(), sections: Vec::new() };
        let size = form.by(56, 32);
        let table = range(source, header.segments, header.segment_count * size, HEADERS * 56)?;
        elf.segments = table.chunks_exact(form.by(56, 32)).filter_map(|r| form.segment(r)).collect();
        let size = form.by(64, 40);
        let table = range(source, header.sections, header.section_count * size, HEADERS * 64)?;
        elf.sections = table.chunks_exact(form.by(64, 40)).filter_map(|r| form.section(r)).collect();
        Ok(Some(elf))
    }

    /// Whether it is of 64 bits.
    pub(super) fn wide(&self) -> bool {
        self.form.wide
    }

    /// Whether there are section headers at all; packers drop them.
    pub(super) fn has_sections(&self) -> bool {
        self.sections.iter().any(|section| section.kind != 0)
    }

    /// GNU Build-ID, lower-case hex.
    pub(super) fn build_id<S: Source + ?Sized>(&self, source: &S) -> Option<String> {
        let segments = self.segments.iter().filter(|s| s.kind == PT_NOTE).map(|s| (s.offset, s.size));
        let sections = self.sections.iter().filter(|s| s.kind == SHT_NOTE).map(|s| (s.offset, s.size));
        segments.chain(sections).take(64).find_map(|(offset, size)| {
            let notes = range(source, offset, size, NOTES).ok()?;
            build_id_of(self.form, &notes)
        })
    }

    /// The dynamic entries; `None` where there are none, as in a static program.
    pub(super) fn dynamic<S: Source + ?Sized>(&self, source: &S) -> Option<Dynamic> {
        let segment = self.segments.iter().find(|s| s.kind == PT_DYNAMIC)?;
        let entries = range(source, segment.offset, segment.size, DYNAMIC).ok()?;
        let mut strings = None;
        let (mut soname, mut needed, mut rpath, mut runpath) = (None, Vec::new(), None, None);
        for entry in entries.chunks_exact(self.form.by(16, 8)) {
            let tag = self.form.word(entry, 0)?;
            let value = self.form.word(entry, self.form.by(8, 4))?;
            match tag {
                0 => break,
                1 => needed.push(value),
                5 => strings = Some(value),
                14 => soname = Some(value),
                15 => rpath = Some(value),
                29 => runpath = Some(value),
                _ => {}
            }
        }
        let strings = self.offset_of(strings?)?;
        let text = |at: u64| {
            let bytes = range(source, strings.checked_add(at)?, NAME as u64, NAME).ok()?;
            let end = memchr::memchr(0, &bytes)?;
            Some(crate::host::root::bytes_text(bytes.get(..end)?))
        };
        Some(Dynamic {
            soname: soname.and_then(text),
            needed: needed.into_iter().take(256).filter_map(text).collect(),
            search: runpath.or(rpath).and_then(text),
        })
    }

    /// Looks up `names` in the symbol tables: the full one (which `strip` removes), and the one of exports.
    pub(super) fn symbols<S: Source + ?Sized>(&self, source: &S, names: &Names) -> (Table, Table) {
        let of = |kind| {
            let section = self.sections.iter().find(|s| s.kind == kind)?;
            let strings = self.sections.get(usize::try_from(section.link).ok()?)?;
            table(self.form, source, section, strings, names).ok()
        };
        (of(SHT_SYMTAB).unwrap_or_default(), of(SHT_DYNSYM).unwrap_or_default())
    }

    /// Where the byte at an address lies in the file.
    fn offset_of(&self, address: u64) -> Option<u64> {
        let within = |s: &&Segment| s.kind == PT_LOAD && address >= s.address && address - s.address < s.size;
        let segment = self.segments.iter().find(within)?;
        (address - segment.address).checked_add(segment.offset)
    }
}

impl Form {
    fn segment(self, r: &[u8]) -> Option<Segment> {
        Some(Segment {
            kind: self.u32(r, 0)?,
            offset: self.word(r, self.by(8, 4))?,
            address: self.word(r, self.by(16, 8))?,
            size: self.word(r, self.by(32, 16))?,
        })
    }

    fn section(self, r: &[u8]) -> Option<Section> {
        Some(Section {
            kind: self.u32(r, 4)?,
            offset: self.word(r, self.by(24, 16))?,
            size: self.word(r, self.by(32, 20))?,
            link: self.u32(r, self.by(40, 24))?,
        })
    }
}

struct Header {
    segments: u64,
    segment_count: u64,
    sections: u64,
    section_count: u64,
}

impl Header {
    fn read(form: Form, head: &[u8]) -> Option<Self> {
        let (sizes, counts) = form.by(((54, 56), (58, 60)), ((42, 44), (46, 48)));
        let segment_size = form.u16(head, sizes.0)?;
        let segment_count = form.u16(head, sizes.1)?;
        let section_size = form.u16(head, counts.0)?;
        let section_count = form.u16(head, counts.1)?;
        // Records of another size are of no format known; the loader refuses them as well.
        let segment_count = if segment_size == form.by(56, 32) { segment_count } else { 0 };
        let section_count = if section_size == form.by(64, 40) { section_count } else { 0 };
        Some(Self {
            segments: form.word(head, form.by(32, 28))?,
            segment_count: u64::from(segment_count),
            sections: form.word(head, form.by(40, 32))?,
            section_count: u64::from(section_count),
        })
    }
}

fn form(head: &[u8]) -> Option<Form> {
    let wide = match (head.get(..4)?, head.get(4)?) {
        (b"\x7fELF", 1) => false,
        (b"\x7fELF", 2) => true,
        _ => return None,
    };
    let little = match head.get(5)? {
        1 => true,
        2 => false,
        _ => return None,
    };
    Some(Form { wide, little })
}

fn build_id_of(form: Form, notes: &[u8]) -> Option<String> {
    let mut at = 0_usize;
    loop {
        let name = usize::try_from(form.u32(notes, at)?).ok()?;
        let size = usize::try_from(form.u32(notes, at.checked_add(4)?)?).ok()?;
        let kind = form.u32(notes, at.checked_add(8)?)?;
        let name_at = at.checked_add(12)?;
        let desc_at = name_at.checked_add(name.checked_next_multiple_of(4)?)?;
        if kind == NT_GNU_BUILD_ID && notes.get(name_at..)?.starts_with(b"GNU\0") && (1..=64).contains(&size)
        {
            let id = notes.get(desc_at..desc_at.checked_add(size)?)?;
            return Some(data_encoding::HEXLOWER.encode(id));
        }
        at = desc_at.checked_add(size.checked_next_multiple_of(4)?)?;
    }
}

/// A list of symbol names, ready to be looked up.
#[derive(Debug)]
pub(super) struct Names {
    search: AhoCorasick,
    lengths: Vec<usize>,
}

impl Names {
    /// `None` only where there are too many names to search for.
    pub(super) fn new(names: &[&str]) -> Option<Self> {
        let search = AhoCorasick::builder().match_kind(MatchKind::Standard).build(names).ok()?;
        Some(Self { search, lengths: names.iter().map(|n| n.len()).collect() })
    }

    /// Calls `found` with each name (by place in the list) that ends in `bytes` as a symbol's name does: with
    /// a zero, or with the `@` of a version.
    fn ends(&self, bytes: &[u8], mut found: impl FnMut(usize, usize)) {
        for hit in self.search.find_overlapping_iter(bytes) {
            if matches!(bytes.get(hit.end()), Some(0 | b'@')) {
                found(hit.pattern().as_usize(), hit.start());
            }
        }
    }

    /// Which names stand in a list of zero-terminated names, as in the index of a static archive.
    pub(super) fn in_list(&self, list: &[u8]) -> Vec<bool> {
        let mut there = vec![false; self.lengths.len()];
        self.ends(list, |name, start| {
            let first = start.checked_sub(1).is_none_or(|before| list.get(before) == Some(&0));
            if let (true, Some(there)) = (first, there.get_mut(name)) {
                *there = true;
            }
        });
        there
    }
}

/// Streams one symbol table. First the places of the wanted names in the string table, then the symbols that
/// name such a place.
fn table<S: Source + ?Sized>(
    form: Form,
    source: &S,
    symbols: &Section,
    strings: &Section,
    names: &Names,
) -> io::Result<Table> {
    let mut buffer = vec![0; PIECE];
    let mut places: BTreeMap<u64, usize> = BTreeMap::new();
    let mut whole = symbols.size <= TABLE && strings.size <= TABLE && symbols.size > 0;
    let overlap = names.lengths.iter().max().copied().unwrap_or(0) + 1;
    pieces(source, strings.offset, strings.size.min(TABLE), &mut buffer, overlap, |at, bytes, new| {
        names.ends(bytes, |name, start| {
            if start < new && places.len() < PLACES {
                places.insert(at - strings.offset + start as u64, name);
            }
        });
        true
    })?;
    whole &= places.len() < PLACES;
    let size = form.by(24, 16);
    let mut out = Table {
        defined: vec![false; names.lengths.len()],
        undefined: vec![false; names.lengths.len()],
        whole,
    };
    let mut seen = 0;
    buffer.truncate(PIECE / size * size);
    pieces(source, symbols.offset, symbols.size.min(TABLE), &mut buffer, 0, |_, bytes, _| {
        for symbol in bytes.chunks_exact(size) {
            let place = form.u32(symbol, 0).map(u64::from);
            let name = place.and_then(|place| places.get(&place));
            let section = form.u16(symbol, form.by(6, 14));
            let into = if section == Some(0) { &mut out.undefined } else { &mut out.defined };
            if let Some(there) = name.and_then(|name| into.get_mut(*name)) {
                *there = true;
            }
        }
        seen += bytes.len() as u64;
        true
    })?;
    out.whole &= seen >= symbols.size.min(TABLE);
    Ok(out)
}
