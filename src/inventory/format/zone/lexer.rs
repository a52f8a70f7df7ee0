//! A master file (RFC 1035, section 5.1) in entries of words: comments, quotes and parentheses are worked out here,
//! and nothing is known of records.
//!
//! A fault costs one entry: the next one begins at the next line outside of parentheses. A parenthesis that is never
//! closed does not eat the file: the next entry begins at the next line with something in its first column.

/// The most bytes of one entry. A record has at most 65,535 bytes, each of which is at most four characters.
const MOST_BYTES: usize = 1 << 20;

/// How many parentheses may stay open before entries have to be short: each one is read again from its next line.
const PATIENCE: u32 = 16;

/// The most bytes and lines of an entry after that.
const SHORT: (usize, u32) = (4096, 64);

/// A word as it is written, escapes included, and without its quotes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word<'t> {
    pub(super) raw: &'t [u8],
    pub(super) line: u32,
    pub(super) column: u32,
}

impl Word<'_> {
    /// Whether it is this word, in any case.
    pub(super) fn is(&self, word: &str) -> bool {
        self.raw.eq_ignore_ascii_case(word.as_bytes())
    }

    /// As text for a message.
    pub(super) fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(self.raw)
    }
}

/// What is wrong, and where.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) line: u32,
    pub(super) column: u32,
    pub(super) message: String,
}

impl Fault {
    pub(super) fn at(word: &Word<'_>, message: impl Into<String>) -> Self {
        Self { line: word.line, column: word.column, message: message.into() }
    }
}

/// A directive or a record: one line, or more of them in parentheses.
#[derive(Debug)]
pub(super) struct Entry<'t> {
    pub(super) line: u32,
    /// It begins with white space: its owner is the one before.
    pub(super) indented: bool,
    pub(super) words: Vec<Word<'t>>,
    pub(super) fault: Option<Fault>,
}

/// Splits a text into entries.
#[derive(Debug)]
pub(super) struct Lexer<'t> {
    text: &'t [u8],
    at: usize,
    line: u32,
    line_begins: usize,
    unclosed: u32,
}

impl<'t> Lexer<'t> {
    pub(super) fn new(text: &'t [u8]) -> Self {
        Self { text, at: 0, line: 1, line_begins: 0, unclosed: 0 }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn column(&self, at: usize) -> u32 {
        u32::try_from(at.saturating_sub(self.line_begins)).unwrap_or(u32::MAX).saturating_add(1)
    }

    fn fault(&self, message: &str) -> Fault {
        Fault { line: self.line, column: self.column(self.at), message: message.to_owned() }
    }

    fn newline(&mut self) {
        self.at += 1;
        self.line = self.line.saturating_add(1);
        self.line_begins = self.at;
    }

    fn skip_line(&mut self) {
        let rest = self.text.get(self.at..).unwrap_or_default();
        self.at += rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len());
    }

    /// A word in quotes. Its end is a quote, or the end of the line, which is a fault.
    fn quoted(&mut self) -> (Word<'t>, Option<Fault>) {
        let fault = self.fault("this quote is not closed on its line");
        let (line, column) = (self.line, self.column(self.at));
        self.at += 1;
        let begin = self.at;
        let closed = self.skip_to_quote();
        let raw = self.text.get(begin..self.at).unwrap_or_default();
        if closed {
            self.at += 1;
        }
        (Word { raw, line, column }, (!closed).then_some(fault))
    }

    /// Goes to the next quote; false where the line ends before.
    fn skip_to_quote(&mut self) -> bool {
        while let Some(b) = self.peek() {
            match b {
                b'"' => return true,
                b'\n' => return false,
                b'\\' if self.text.get(self.at + 1).is_some_and(|&b| b != b'\n') => self.at += 2,
                _ => self.at += 1,
            }
        }
        false
    }

    /// A word without quotes; `key="a;b"` is one.
    fn plain(&mut self) -> Word<'t> {
        let (begin, line, column) = (self.at, self.line, self.column(self.at));
        while let Some(b) = self.peek() {
            match b {
                b'"' if self.at > begin && self.text.get(self.at - 1) == Some(&b'=') => {
                    self.at += 1;
                    if self.skip_to_quote() {
                        self.at += 1;
                    }
                }
                b' ' | b'\t' | b'\r' | b'\n' | b';' | b'(' | b')' | b'"' => break,
                b'\\' if self.text.get(self.at + 1).is_some_and(|&b| b != b'\n') => self.at += 2,
                _ => self.at += 1,
            }
        }
        Word { raw: self.text.get(begin..self.at).unwrap_or_default(), line, column }
    }

    fn entry(&mut self) -> Entry<'t> {
        let (begin, first_line) = (self.at, self.line);
        let (bytes, lines) = if self.unclosed < PATIENCE { (MOST_BYTES, u32::MAX) } else { SHORT };
        let mut entry = Entry {
            line: self.line,
            indented: matches!(self.peek(), Some(b' ' | b'\t')),
            words: Vec::new(),
            fault: None,
        };
        // Where parentheses are open: how many, and where the first one is.
        let (mut depth, mut opened) = (0_u32, None);
        while let Some(b) = self.peek() {
            if depth > 0 && (self.at - begin > bytes || self.line - first_line > lines) {
                break;
            }
            if self.at - begin > MOST_BYTES {
                entry.fault = Some(Fault {
                    line: first_line,
                    column: 1,
                    message: format!("a record of more than {MOST_BYTES} bytes; it is not read"),
                });
                entry.words.clear();
                self.skip_line();
                if self.peek().is_some() {
                    self.newline();
                }
                return entry;
            }
            match b {
                b'\n' => {
                    self.newline();
                    if depth == 0 {
                        return entry;
                    }
                }
                b' ' | b'\t' | b'\r' => self.at += 1,
                b';' => self.skip_line(),
                b'(' => {
                    opened = opened.or(Some((self.at, self.line, self.column(self.at))));
                    depth = depth.saturating_add(1);
                    self.at += 1;
                }
                b')' => {
                    if depth == 0 {
                        entry.fault.get_or_insert(self.fault("`)` without a `(` before it"));
                    }
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        opened = None;
                    }
                    self.at += 1;
                }
                b'"' => {
                    let (word, fault) = self.quoted();
                    entry.words.push(word);
                    entry.fault = entry.fault.take().or(fault);
                }
                _ => entry.words.push(self.plain()),
            }
        }
        if let Some(opened) = opened {
            self.give_up(&mut entry, opened);
        }
        entry
    }

    /// A parenthesis stays open: goes back to the line after it, and on to what looks like an owner.
    fn give_up(&mut self, entry: &mut Entry<'t>, (at, line, column): (usize, u32, u32)) {
        let message = "this `(` is not closed; the record is not read".to_owned();
        entry.fault.get_or_insert(Fault { line, column, message });
        entry.words.clear();
        self.unclosed = self.unclosed.saturating_add(1);
        (self.at, self.line) = (at, line);
        loop {
            self.skip_line();
            if self.peek().is_none() {
                return;
            }
            self.newline();
            if !matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n' | b';' | b')')) {
                return;
            }
        }
    }
}

impl<'t> Iterator for Lexer<'t> {
    type Item = Entry<'t>;

    fn next(&mut self) -> Option<Entry<'t>> {
        while self.at < self.text.len() {
            let entry = self.entry();
            if !entry.words.is_empty() || entry.fault.is_some() {
                return Some(entry);
            }
        }
        None
    }
}
