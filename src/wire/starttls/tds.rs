//! TLS inside packets of TDS (MS-TDS 2.2.3.1): framing only, both ways.
//!
//! Until the handshake is over, each flight of TLS travels as a message of pre-login packets. Afterwards TLS records
//! travel bare; that change is its user's business, as is reading the records.

/// Bytes of a packet's header.
pub const HEADER_LEN: usize = 8;
/// The most bytes of TLS in a packet of ours: a server takes packets of 4096 bytes before another size is agreed.
pub const MAX_CONTENT: usize = 4096 - HEADER_LEN;
/// The longest packet that the protocol knows.
const MAX_PACKET: u16 = 32_767;

/// The type of a pre-login packet.
pub(super) const PRELOGIN: u8 = 0x12;
/// The type of a server's answer.
pub(super) const TABULAR: u8 = 0x04;
/// The status bit of a message's last packet.
pub(super) const END_OF_MESSAGE: u8 = 1;

/// What came is not a packet that may carry TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not TDS")]
pub struct NotTds;

/// Appends `tls` to `out` as one message: as many pre-login packets as it takes, the last one marked as the last.
/// Nothing becomes no packet at all.
pub fn wrap(out: &mut Vec<u8>, tls: &[u8]) {
    let mut pieces = tls.chunks(MAX_CONTENT).peekable();
    let mut number = 0_u8;
    while let Some(piece) = pieces.next() {
        let status = if pieces.peek().is_none() { END_OF_MESSAGE } else { 0 };
        packet(out, PRELOGIN, status, number, piece);
        number = number.wrapping_add(1);
    }
}

/// Appends one packet; `content` is at most [`MAX_CONTENT`] bytes.
pub(super) fn packet(out: &mut Vec<u8>, kind: u8, status: u8, number: u8, content: &[u8]) {
    let length = u16::try_from(HEADER_LEN + content.len()).unwrap_or(MAX_PACKET);
    let [high, low] = length.to_be_bytes();
    out.extend_from_slice(&[kind, status, high, low, 0, 0, number, 0]);
    out.extend_from_slice(content);
}

/// A packet's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Whether the message ends with this packet.
    pub(super) last: bool,
    /// How many bytes follow; never 0.
    pub(super) content: usize,
}

impl Header {
    /// Reads the bytes of a header that are there, so that a wrong type fails before the rest came. `None`: more is
    /// wanted.
    pub(super) fn read(bytes: &[u8]) -> Result<Option<Self>, NotTds> {
        let kind = bytes.first().is_none_or(|kind| matches!(*kind, PRELOGIN | TABULAR));
        let status = bytes.get(1).is_none_or(|status| *status & !END_OF_MESSAGE == 0);
        if !kind || !status {
            return Err(NotTds);
        }
        // The process, the packet's number and the window are not looked at, as the protocol has it.
        let Some([_, status, high, low, _, _, _, _]) = bytes.first_chunk() else { return Ok(None) };
        let length = u16::from_be_bytes([*high, *low]);
        let content = usize::from(length).checked_sub(HEADER_LEN).filter(|n| *n > 0 && length <= MAX_PACKET);
        Ok(Some(Self { last: *status == END_OF_MESSAGE, content: content.ok_or(NotTds)? }))
    }
}

/// Takes the packets off a stream of bytes. Holds no more than a header; fails for good at the first bad one.
#[derive(Debug, Default)]
pub struct Unwrapper {
    header: Vec<u8>,
    left: usize,
    failed: bool,
}

impl Unwrapper {
    /// At the start of a stream.
    pub const fn new() -> Self {
        Self { header: Vec::new(), left: 0, failed: false }
    }

    /// Uses up `input` and appends what it carries to `out`, never more than came.
    ///
    /// # Errors
    ///
    /// [`NotTds`] at the first header that cannot be one, then at every call; what came before it is in `out`, and
    /// `input` is left at the header's unread bytes.
    pub fn read(&mut self, input: &mut &[u8], out: &mut Vec<u8>) -> Result<(), NotTds> {
        if self.failed {
            return Err(NotTds);
        }
        while !input.is_empty() {
            if self.left == 0 {
                self.failed = self.fill(input).is_err();
                if self.failed {
                    return Err(NotTds);
                }
            }
            let (content, rest) = input.split_at(self.left.min(input.len()));
            out.extend_from_slice(content);
            self.left -= content.len();
            *input = rest;
        }
        Ok(())
    }

    /// Whether the stream stands between two packets.
    pub const fn is_between(&self) -> bool {
        self.left == 0 && self.header.is_empty() && !self.failed
    }

    fn fill(&mut self, input: &mut &[u8]) -> Result<(), NotTds> {
        while let Some((first, rest)) = input.split_first() {
            self.header.push(*first);
            *input = rest;
            if let Some(header) = Header::read(&self.header)? {
                self.header.clear();
                self.left = header.content;
                break;
            }
        }
        Ok(())
    }
}

/// Unwraps `data` in one piece and byte by byte, and wraps it and unwraps it again. For fuzzers and property tests.
///
/// # Panics
///
/// When a result depends on how the bytes were cut, or when what was wrapped does not come out again.
pub fn fuzz(data: &[u8]) {
    let run = |data: &[u8], step: usize| {
        let (mut unwrapper, mut out, mut result) = (Unwrapper::new(), Vec::new(), Ok(()));
        for mut chunk in data.chunks(step) {
            result = unwrapper.read(&mut chunk, &mut out);
        }
        (out, result, unwrapper.is_between())
    };
    let whole = run(data, data.len().max(1));
    assert_eq!(whole, run(data, 1), "the result depends on the chunks");
    assert!(whole.0.len() <= data.len());
    let mut wrapped = Vec::new();
    wrap(&mut wrapped, data);
    assert_eq!(run(&wrapped, 7), (data.to_vec(), Ok(()), true));
}

#[cfg(test)]
mod tests;
