//! The record layer (RFC 5246, section 6.2.1): cutting a byte stream into records, and writing them.
//!
//! Headers are checked strictly, so that plain text is never taken for TLS (PROBING C15). One read of a
//! socket is not one record (C5): the reader keeps what is incomplete, at most one record.

use crate::wire::greeting::{self, Greeting};

/// ChangeCipherSpec.
pub const CHANGE_CIPHER_SPEC: u8 = 20;
/// Alerts.
pub const ALERT: u8 = 21;
/// Handshake messages.
pub const HANDSHAKE: u8 = 22;
/// Application data.
pub const APPLICATION_DATA: u8 = 23;
/// Heartbeats (RFC 6520).
pub const HEARTBEAT: u8 = 24;

/// Bytes of a record's header.
pub const HEADER_LEN: usize = 5;
/// The most plain bytes that a record may carry.
pub const MAX_PLAIN: usize = 1 << 14;
/// The most bytes that a record may carry after encryption.
pub const MAX_FRAGMENT: usize = MAX_PLAIN + 2048;

/// One record, borrowed from the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// 20 to 24.
    pub content_type: u8,
    /// The version in the header: major 3.
    pub version: u16,
    /// What it carries.
    pub fragment: &'a [u8],
}

/// Why a stream of bytes is not a stream of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The very first header is none: something else than TLS is spoken.
    #[error("not TLS")]
    NotTls,
    /// A later header is none.
    #[error("a bad record header after {records} records")]
    BadHeader {
        /// Good records before it.
        records: u32,
    },
}

/// Cuts a byte stream into records. Holds at most one record; fails for good at the first bad header.
#[derive(Debug, Default)]
pub struct RecordReader {
    buffer: Vec<u8>,
    complete: bool,
    records: u32,
    failed: Option<RecordError>,
}

impl RecordReader {
    /// A reader at the start of a stream.
    pub const fn new() -> Self {
        Self { buffer: Vec::new(), complete: false, records: 0, failed: None }
    }

    /// The next record, taking from `input` no more than it needs. `None`: `input` is used up and more is
    /// wanted. After an error every call returns that error.
    ///
    /// # Errors
    ///
    /// [`RecordError`] at the first byte of a header that cannot be one.
    pub fn read(&mut self, input: &mut &[u8]) -> Result<Option<Record<'_>>, RecordError> {
        if self.complete {
            self.buffer.clear();
            self.complete = false;
        }
        if self.failed.is_none() {
            self.fill(HEADER_LEN, input);
            if !header_is_possible(&self.buffer) {
                self.failed = Some(match self.records {
                    // A header of TLS with a length that cannot be is bad TLS, not another protocol.
                    0 if !begins_like_tls(&self.buffer) => RecordError::NotTls,
                    records => RecordError::BadHeader { records },
                });
            }
        }
        if let Some(error) = self.failed {
            // What follows a bad first header tells which protocol it is.
            self.fill(greeting::ENOUGH, input);
            *input = &[];
            return Err(error);
        }
        let Some(length) = length_in(&self.buffer) else {
            return Ok(None);
        };
        self.fill(HEADER_LEN + length, input);
        if self.buffer.len() < HEADER_LEN + length {
            return Ok(None);
        }
        self.complete = true;
        self.records = self.records.saturating_add(1);
        Ok(match *self.buffer {
            [content_type, major, minor, _, _, ref fragment @ ..] => {
                Some(Record { content_type, version: u16::from_be_bytes([major, minor]), fragment })
            }
            _ => None,
        })
    }

    /// What was said instead of TLS, as far as it is held.
    pub fn said(&self) -> &[u8] {
        match self.failed {
            Some(RecordError::NotTls) => &self.buffer,
            _ => &[],
        }
    }

    /// The protocol that was recognised in bytes that are not TLS.
    pub fn greeting(&self) -> Option<Greeting> {
        match self.failed {
            Some(RecordError::NotTls) => greeting::recognise(&self.buffer),
            _ => None,
        }
    }

    /// Whether enough was said instead of TLS to tell what it is: it was recognised, a line came to its end,
    /// or more than any greeting needs is there.
    pub fn greeting_is_whole(&self) -> bool {
        /// Binary greetings that are known show themselves within so many bytes.
        const BINARY: usize = 16;
        let held = &self.buffer;
        let is_text = |b: &u8| matches!(b, b' '..=b'~' | b'\t' | b'\r');
        self.greeting().is_some()
            || held.contains(&b'\n')
            || held.len() >= greeting::ENOUGH
            || (held.len() >= BINARY && !held.iter().all(is_text))
    }

    /// Whether no record was completed and no byte is held: nothing was said yet.
    pub const fn is_untouched(&self) -> bool {
        self.records == 0 && self.buffer.is_empty()
    }

    /// Gives the memory back that a large record took; what is incomplete is kept.
    pub fn shrink(&mut self) {
        if self.complete {
            self.buffer = Vec::new();
            self.complete = false;
        }
    }

    fn fill(&mut self, wanted: usize, input: &mut &[u8]) {
        let missing = wanted.saturating_sub(self.buffer.len()).min(input.len());
        if let Some((head, tail)) = input.split_at_checked(missing) {
            self.buffer.extend_from_slice(head);
            *input = tail;
        }
    }
}

/// The fragment's length, once the header is there.
fn length_in(buffer: &[u8]) -> Option<usize> {
    match *buffer {
        [_, _, _, high, low, ..] => Some(usize::from(u16::from_be_bytes([high, low]))),
        _ => None,
    }
}

/// Whether these bytes, as many as there are, can begin a record. Only application data may be empty
/// (RFC 5246, 6.2.1); an empty heartbeat or handshake record is nothing that a server sends.
fn begins_like_tls(header: &[u8]) -> bool {
    matches!(header, [CHANGE_CIPHER_SPEC..=HEARTBEAT, 3, ..=4, ..])
}

fn header_is_possible(header: &[u8]) -> bool {
    let content_type = header.first().copied().unwrap_or(HANDSHAKE);
    let typed = (CHANGE_CIPHER_SPEC..=HEARTBEAT).contains(&content_type);
    let versioned = header.get(1).is_none_or(|major| *major == 3);
    let sized =
        length_in(header).is_none_or(|n| n <= MAX_FRAGMENT && (n > 0 || content_type == APPLICATION_DATA));
    typed && versioned && sized
}

/// Appends `payload` as one record, or as several of 2^14 bytes where it is longer. An empty one makes none.
pub fn encode(out: &mut Vec<u8>, content_type: u8, version: u16, payload: &[u8]) {
    let [major, minor] = version.to_be_bytes();
    for piece in payload.chunks(MAX_PLAIN) {
        let [high, low] = u16::try_from(piece.len()).unwrap_or(u16::MAX).to_be_bytes();
        out.extend_from_slice(&[content_type, major, minor, high, low]);
        out.extend_from_slice(piece);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn first_error(bytes: &[u8]) -> (Option<RecordError>, Option<&'static str>) {
        let mut reader = RecordReader::new();
        let mut input = bytes;
        let error = loop {
            match reader.read(&mut input) {
                Ok(Some(_)) => {}
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        (error, reader.greeting().map(Greeting::name))
    }

    #[test]
    fn headers_are_checked_strictly() {
        let not_tls = Some(RecordError::NotTls);
        let table: &[(&[u8], Option<RecordError>)] = &[
            (b"", None),
            (&[22], None),
            (&[22, 3], None),
            (&[22, 3, 1, 0x48, 0], None),
            (&[19], not_tls),
            (&[25], not_tls),
            (&[22, 2], not_tls),
            (&[22, 4, 0, 0, 1], not_tls),
            (&[22, 3, 3, 0x48, 1], Some(RecordError::BadHeader { records: 0 })),
            (&[22, 3, 3, 0, 0], Some(RecordError::BadHeader { records: 0 })),
            (&[24, 3, 3, 0, 0], Some(RecordError::BadHeader { records: 0 })),
            (&[23, 3, 3, 0, 0], None),
            (&[21, 3, 1, 0, 2, 2, 40, b'H'], Some(RecordError::BadHeader { records: 1 })),
        ];
        for (bytes, expected) in table {
            assert_eq!(first_error(bytes).0, *expected, "bytes: {bytes:?}");
        }
    }

    #[test]
    fn plain_text_is_recognised_however_it_arrives() {
        let text = b"220 mail.example ESMTP ready\r\n";
        for step in 1..=text.len() {
            let mut reader = RecordReader::new();
            for chunk in text.chunks(step) {
                assert_eq!(reader.read(&mut &*chunk), Err(RecordError::NotTls), "chunks of {step}");
            }
            assert_eq!(reader.greeting(), Some(Greeting::Smtp), "chunks of {step}");
        }
    }

    #[test]
    fn a_flood_is_not_kept() {
        let mut reader = RecordReader::new();
        let junk = vec![b'x'; 1 << 20];
        assert!(reader.read(&mut &*junk).is_err());
        assert!(reader.buffer.len() <= greeting::ENOUGH);
        let mut reader = RecordReader::new();
        let mut stream = Vec::new();
        encode(&mut stream, HANDSHAKE, 0x0303, &junk);
        let mut input = &*stream;
        let mut total = 0;
        while let Some(record) = reader.read(&mut input).unwrap() {
            total += record.fragment.len();
        }
        assert_eq!(total, junk.len());
        assert!(reader.buffer.capacity() <= 2 * (HEADER_LEN + MAX_FRAGMENT));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back_in_any_chunks(
            parts in prop::collection::vec((20u8..25, 0u8..5, prop::collection::vec(any::<u8>(), 1..300)), 1..5),
            step in 1usize..50,
        ) {
            let mut stream = Vec::new();
            for (content_type, minor, fragment) in &parts {
                encode(&mut stream, *content_type, 0x0300 + u16::from(*minor), fragment);
            }
            let mut reader = RecordReader::new();
            let mut got = Vec::new();
            for chunk in stream.chunks(step) {
                let mut input = chunk;
                while let Some(r) = reader.read(&mut input).unwrap() {
                    got.push((r.content_type, u8::try_from(r.version - 0x0300).unwrap(), r.fragment.to_vec()));
                }
                prop_assert!(input.is_empty());
            }
            prop_assert_eq!(got, parts);
        }
    }
}
