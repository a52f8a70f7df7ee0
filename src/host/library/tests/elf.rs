//! Writes small ELF files, of any class and byte order.

/// An ELF file to be.
#[derive(Clone, Default)]
pub(super) struct Elf {
    narrow: bool,
    big: bool,
    text: Vec<u8>,
    dynamic: Vec<(u64, String)>,
    build_id: Vec<u8>,
    full: Vec<(String, bool)>,
    exports: Vec<(String, bool)>,
}

impl Elf {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn form(mut self, narrow: bool, big: bool) -> Self {
        (self.narrow, self.big) = (narrow, big);
        self
    }

    /// A zero-terminated text among its data.
    pub(super) fn text(mut self, text: &str) -> Self {
        self.text.push(0);
        self.text.extend_from_slice(text.as_bytes());
        self.text.push(0);
        self
    }

    pub(super) fn texts(self, texts: &[&str]) -> Self {
        texts.iter().fold(self, |elf, text| elf.text(text))
    }

    /// Puts so many bytes before what comes next.
    pub(super) fn pad(mut self, bytes: usize) -> Self {
        self.text.resize(self.text.len() + bytes, b'.');
        self
    }

    pub(super) fn needs(mut self, name: &str) -> Self {
        self.dynamic.push((1, name.to_owned()));
        self
    }

    pub(super) fn soname(mut self, name: &str) -> Self {
        self.dynamic.push((14, name.to_owned()));
        self
    }

    pub(super) fn runpath(mut self, path: &str) -> Self {
        self.dynamic.push((29, path.to_owned()));
        self
    }

    pub(super) fn build_id(mut self, id: &[u8]) -> Self {
        self.build_id = id.to_vec();
        self
    }

    /// A symbol of the full table, defined here.
    pub(super) fn full(mut self, names: &[&str]) -> Self {
        self.full.extend(names.iter().map(|name| ((*name).to_owned(), true)));
        self
    }

    /// A symbol of the exports, defined here.
    pub(super) fn exports(mut self, names: &[&str]) -> Self {
        self.exports.extend(names.iter().map(|name| ((*name).to_owned(), true)));
        self
    }

    /// A symbol that is called here and defined elsewhere.
    pub(super) fn calls(mut self, names: &[&str]) -> Self {
        self.exports.extend(names.iter().map(|name| ((*name).to_owned(), false)));
        self
    }

    fn number(&self, out: &mut Vec<u8>, value: u64, bytes: usize) {
        let little = value.to_le_bytes();
        let mut part = little[..bytes].to_vec();
        if self.big {
            part.reverse();
        }
        out.extend(part);
    }

    fn word(&self, out: &mut Vec<u8>, value: u64) {
        self.number(out, value, if self.narrow { 4 } else { 8 });
    }

    fn table(&self, symbols: &[(String, bool)]) -> (Vec<u8>, Vec<u8>) {
        let (mut table, mut strings) = (vec![0; if self.narrow { 16 } else { 24 }], vec![0]);
        for (name, defined) in symbols {
            let section = u64::from(*defined);
            self.number(&mut table, strings.len() as u64, 4);
            if self.narrow {
                self.number(&mut table, 0x1000, 4);
                self.number(&mut table, 0, 4);
                table.extend([0x12, 0]);
                self.number(&mut table, section, 2);
            } else {
                table.extend([0x12, 0]);
                self.number(&mut table, section, 2);
                self.number(&mut table, 0x1000, 8);
                self.number(&mut table, 0, 8);
            }
            strings.extend_from_slice(name.as_bytes());
            strings.push(0);
        }
        (table, strings)
    }

    fn dynamic(&self, strings_at: u64) -> (Vec<u8>, Vec<u8>) {
        let (mut table, mut strings) = (Vec::new(), vec![0]);
        for (tag, text) in &self.dynamic {
            self.word(&mut table, *tag);
            self.word(&mut table, strings.len() as u64);
            strings.extend_from_slice(text.as_bytes());
            strings.push(0);
        }
        self.word(&mut table, 5);
        self.word(&mut table, strings_at);
        self.word(&mut table, 0);
        self.word(&mut table, 0);
        (table, strings)
    }

    /// The file's bytes, at least 20 kB of them.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let (head, ph, sh) = if self.narrow { (52, 32, 40) } else { (64, 56, 64) };
        let mut out = vec![0; head + 3 * ph];
        let mut place = |part: &[u8]| {
            out.resize(out.len().next_multiple_of(8), 0);
            let at = out.len() as u64;
            out.extend_from_slice(part);
            (at, part.len() as u64)
        };
        place(&self.text);
        place(&vec![b'.'; 20 << 10]);
        let strings_at = place(&self.dynamic(0).1).0;
        let dynamic = place(&self.dynamic(strings_at).0);
        let mut note = Vec::new();
        for value in [4, self.build_id.len() as u64, 3] {
            self.number(&mut note, value, 4);
        }
        note.extend_from_slice(b"GNU\0");
        note.extend_from_slice(&self.build_id);
        let note = place(&note);
        let (full, full_strings) = self.table(&self.full);
        let (exports, export_strings) = self.table(&self.exports);
        let places = [place(&full), place(&full_strings), place(&exports), place(&export_strings)];
        let sections_at = place(&[]).0;
        let all = out.len() as u64;
        for (at, kind, (offset, size)) in
            [(0, 1, (0, all)), (1, 2, dynamic), (2, if self.build_id.is_empty() { 0 } else { 4 }, note)]
        {
            let mut segment = Vec::new();
            self.number(&mut segment, kind, 4);
            if !self.narrow {
                self.number(&mut segment, 4, 4);
            }
            for value in [offset, offset, offset, size, size] {
                self.word(&mut segment, value);
            }
            segment.resize(ph, 0);
            out[head + at * ph..head + (at + 1) * ph].copy_from_slice(&segment);
        }
        let empty = (0, 0);
        let kinds =
            [(0, empty, 0), (2, places[0], 2), (3, places[1], 0), (11, places[2], 4), (3, places[3], 0)];
        for (kind, (offset, size), link) in kinds {
            let kind = if size == 0 { 0 } else { kind };
            let mut section = Vec::new();
            self.number(&mut section, 0, 4);
            self.number(&mut section, kind, 4);
            for value in [0, 0, offset, size] {
                self.word(&mut section, value);
            }
            self.number(&mut section, link, 4);
            section.resize(sh, 0);
            out.extend(section);
        }
        self.header(&mut out, head, sections_at);
        out
    }

    fn header(&self, out: &mut [u8], head: usize, sections_at: u64) {
        let mut header = b"\x7fELF".to_vec();
        header.extend([if self.narrow { 1 } else { 2 }, if self.big { 2 } else { 1 }, 1]);
        header.resize(16, 0);
        self.number(&mut header, 3, 2);
        self.number(&mut header, 62, 2);
        self.number(&mut header, 1, 4);
        self.word(&mut header, 0);
        self.word(&mut header, head as u64);
        self.word(&mut header, sections_at);
        self.number(&mut header, 0, 4);
        let (ph, sh) = if self.narrow { (32, 40) } else { (56, 64) };
        for value in [head as u64, ph, 3, sh, 5, 0] {
            self.number(&mut header, value, 2);
        }
        out[..head].copy_from_slice(&header);
    }
}
