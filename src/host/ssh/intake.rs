//! What comes back over a connection: noise of login scripts, words of the far end, and the document.
//!
//! No I/O in here. Everything is untrusted and bounded: noise is dropped, the document is kept up to a limit.

use crate::model::host::SCHEMA;

/// Noise and words longer than this are cut off.
const MAX_LINE: usize = 64 << 10;

/// Bytes of noise kept for the message of a failure.
const NOISE_KEPT: usize = 512;

/// What the far end said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// It runs, on this system and machine, and waits for an offer.
    Hello { system: String, machine: String },
    /// Something that the user should know.
    Note(String),
    /// It has a folder for the program and waits for its bytes.
    Send,
    /// No folder takes a program: none is writable, has room and lets programs run.
    NoFolder,
    /// The program did not arrive whole.
    Unwritten,
    /// What was offered ended with this code.
    End(i32),
    /// The document is larger than it may be.
    Full,
}

/// Sorts what comes in.
#[derive(Debug)]
pub(super) struct Intake {
    mark: Vec<u8>,
    head: Vec<u8>,
    max: usize,
    line: Vec<u8>,
    document: Vec<u8>,
    noise: Vec<u8>,
    full: bool,
}

impl Intake {
    pub(super) fn new(nonce: &str, max_bytes: u64) -> Self {
        Self {
            mark: format!("#allclear-{nonce} ").into_bytes(),
            head: format!("{{\"schema\":\"{SCHEMA}\"").into_bytes(),
            max: usize::try_from(max_bytes).unwrap_or(usize::MAX),
            line: Vec::new(),
            document: Vec::new(),
            noise: Vec::new(),
            full: false,
        }
    }

    /// Takes in a piece.
    pub(super) fn feed(&mut self, mut piece: &[u8]) -> Vec<Word> {
        let mut words = Vec::new();
        while !piece.is_empty() && !self.full {
            let end = piece.iter().position(|b| *b == b'\n');
            let (part, rest) = piece.split_at(end.map_or(piece.len(), |at| at + 1));
            piece = rest;
            self.extend(part);
            if end.is_some() {
                words.extend(self.end_of_line());
            }
            if self.full {
                words.push(Word::Full);
            }
        }
        words
    }

    /// Whether the document has begun: its first line is there whole.
    pub(super) fn begun(&self) -> bool {
        !self.document.is_empty()
    }

    /// The document as far as it came. Empty where there is none.
    pub(super) fn into_document(mut self) -> Vec<u8> {
        if self.begun() && !self.line.starts_with(&self.mark) {
            self.document.append(&mut self.line);
        }
        self.document
    }

    /// The first of what was neither document nor word.
    pub(super) fn noise(&self) -> &[u8] {
        &self.noise
    }

    fn extend(&mut self, part: &[u8]) {
        let in_document = self.begun() || self.line.starts_with(&self.head) || part.starts_with(&self.head);
        let room = if in_document { self.max.saturating_sub(self.document.len()) } else { MAX_LINE };
        let room = room.saturating_sub(self.line.len());
        self.full = in_document && part.len() > room;
        self.line.extend_from_slice(part.get(..room).unwrap_or(part));
    }

    fn end_of_line(&mut self) -> Option<Word> {
        if self.full {
            return None;
        }
        let mut line = std::mem::take(&mut self.line);
        if let Some(word) = line.strip_prefix(self.mark.as_slice()) {
            return parse(&String::from_utf8_lossy(word));
        }
        // A word begins with an end of line, which closes a line of somebody else's where there is one.
        let blank = line.iter().all(u8::is_ascii_whitespace);
        if !blank && (self.begun() || line.starts_with(&self.head)) {
            self.document.append(&mut line);
        } else if !blank && self.noise.len() < NOISE_KEPT {
            let room = NOISE_KEPT - self.noise.len();
            self.noise.extend_from_slice(line.get(..room).unwrap_or(&line));
        }
        None
    }
}

fn parse(text: &str) -> Option<Word> {
    let mut parts = text.split_whitespace();
    let short = |part: Option<&str>| part.unwrap_or("unknown").chars().take(40).collect::<String>();
    match parts.next()? {
        "hello" => Some(Word::Hello { system: short(parts.next()), machine: short(parts.next()) }),
        "note" => Some(Word::Note(short(parts.next()))),
        "send" => Some(Word::Send),
        "no-folder" => Some(Word::NoFolder),
        "unwritten" => Some(Word::Unwritten),
        "end" => Some(Word::End(parts.next().and_then(|code| code.parse().ok()).unwrap_or(-1))),
        _ => None,
    }
}
