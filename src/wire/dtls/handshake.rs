//! Handshake messages in fragments (RFC 6347, 4.2.2 and 4.2.3): put together whatever the order in which they come, how
//! often, and how they overlap. Holds a bounded amount.

use std::collections::BTreeMap;

use crate::wire::cursor::{Cursor, u24_bytes};

/// Bytes before a fragment's body.
pub const HEADER_LEN: usize = 12;
/// HelloVerifyRequest (RFC 6347, 4.2.1).
pub const HELLO_VERIFY_REQUEST: u8 = 3;
/// The most bytes that are held of messages that are not whole or not due.
pub const MAX_HELD: usize = 128 * 1024;
/// The most messages that are held.
const MAX_MESSAGES: usize = 16;
/// The most separate pieces of one message.
const MAX_PIECES: usize = 256;

/// A piece of a message, or all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment<'a> {
    /// The message's type.
    pub kind: u8,
    /// The whole message's length.
    pub length: usize,
    /// The message's number.
    pub sequence: u16,
    /// Where the piece begins.
    pub offset: usize,
    /// The piece.
    pub body: &'a [u8],
}

/// The fragments in a record, up to the first thing that is none.
pub fn fragments(bytes: &[u8]) -> impl Iterator<Item = Fragment<'_>> {
    let mut at = Cursor(bytes);
    std::iter::from_fn(move || fragment(&mut at))
}

fn fragment<'a>(at: &mut Cursor<'a>) -> Option<Fragment<'a>> {
    let (kind, length, sequence) = (at.u8()?, at.u24()?, at.u16()?);
    let offset = at.u24()?;
    let body = at.vec24()?;
    (offset + body.len() <= length).then_some(Fragment { kind, length, sequence, offset, body })
}

/// Appends a fragment.
pub fn encode(out: &mut Vec<u8>, fragment: &Fragment<'_>) {
    out.push(fragment.kind);
    out.extend_from_slice(&u24_bytes(fragment.length));
    out.extend_from_slice(&fragment.sequence.to_be_bytes());
    out.extend_from_slice(&u24_bytes(fragment.offset));
    out.extend_from_slice(&u24_bytes(fragment.body.len()));
    out.extend_from_slice(fragment.body);
}

/// The cookie in the body of a HelloVerifyRequest.
pub fn cookie(body: &[u8]) -> Option<&[u8]> {
    let mut at = Cursor(body);
    at.u16()?;
    at.vec8()
}

/// A message that is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whole {
    /// Its type.
    pub kind: u8,
    /// Its number.
    pub sequence: u16,
    /// Its body.
    pub body: Vec<u8>,
}

/// A message of which something came.
#[derive(Debug)]
struct Partial {
    kind: u8,
    data: Vec<u8>,
    /// What came, in order and apart from one another.
    pieces: Vec<(usize, usize)>,
}

/// Puts messages together and hands them out in the order of their numbers.
#[derive(Debug, Default)]
pub struct Reassembler {
    due: u16,
    waiting: BTreeMap<u16, Partial>,
    held: usize,
}

impl Reassembler {
    /// One that waits for the message with number 0.
    pub const fn new() -> Self {
        Self { due: 0, waiting: BTreeMap::new(), held: 0 }
    }

    /// The number of the message that is handed out next.
    pub const fn due(&self) -> u16 {
        self.due
    }

    /// Waits for this number instead.
    pub fn skip_to(&mut self, due: u16) {
        self.due = due;
        self.waiting.retain(|number, _| *number >= due);
        self.held = self.waiting.values().map(|p| p.data.len()).sum();
    }

    /// Bytes that are held.
    pub const fn held(&self) -> usize {
        self.held
    }

    /// Takes a fragment in. What came before, contradicts what came before, or would be too much is dropped: it may be
    /// anybody's.
    pub fn take(&mut self, fragment: &Fragment<'_>) {
        if fragment.sequence < self.due {
            return;
        }
        if !self.waiting.contains_key(&fragment.sequence) {
            if self.waiting.len() >= MAX_MESSAGES || self.held + fragment.length > MAX_HELD {
                return;
            }
            self.held += fragment.length;
            let empty = Partial { kind: fragment.kind, data: vec![0; fragment.length], pieces: Vec::new() };
            self.waiting.insert(fragment.sequence, empty);
        }
        if let Some(partial) = self.waiting.get_mut(&fragment.sequence)
            && partial.kind == fragment.kind
            && partial.data.len() == fragment.length
        {
            partial.add(fragment.offset, fragment.body);
        }
    }

    /// The message that is due, once it is whole.
    #[expect(clippy::should_implement_trait, reason = "it goes on after an end: more may come")]
    pub fn next(&mut self) -> Option<Whole> {
        let whole = self.waiting.get(&self.due)?.is_whole();
        let partial = whole.then(|| self.waiting.remove(&self.due)).flatten()?;
        self.held = self.held.saturating_sub(partial.data.len());
        let sequence = self.due;
        self.due = self.due.wrapping_add(1);
        Some(Whole { kind: partial.kind, sequence, body: partial.data })
    }
}

impl Partial {
    fn add(&mut self, offset: usize, body: &[u8]) {
        let end = offset + body.len();
        if self.pieces.len() >= MAX_PIECES {
            return;
        }
        if let Some(slot) = self.data.get_mut(offset..end) {
            slot.copy_from_slice(body);
        }
        self.pieces.push((offset, end));
        self.pieces.sort_unstable();
        let mut merged: Vec<(usize, usize)> = Vec::with_capacity(self.pieces.len());
        for (from, to) in self.pieces.drain(..) {
            match merged.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(to),
                _ => merged.push((from, to)),
            }
        }
        self.pieces = merged;
    }

    fn is_whole(&self) -> bool {
        self.data.is_empty() || self.pieces == [(0, self.data.len())]
    }
}
