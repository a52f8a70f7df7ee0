//! The beginning of an SSH connection, as far as it takes to see a host key: identification strings, the packets before
//! encryption, the lists of algorithms, and the reply in which the server shows its key (RFC 4253, RFC 5656, RFC 8731).
//!
//! No cryptography: the signature over the exchange is not looked at, so the key is what whoever answers claims, as with
//! `ssh-keyscan`.

use super::cursor::Cursor;

/// The longest line before and of the identification (RFC 4253, 4.2).
pub const MAX_LINE: usize = 255;
/// The most that is taken before the identification, in octets.
pub const MAX_PREAMBLE: usize = 8 * 1024;
/// The longest packet that every implementation takes (RFC 4253, 6.1).
pub const MAX_PACKET: usize = 35_000;
/// The most names of one list that are looked at.
pub const MAX_NAMES: usize = 64;

/// SSH_MSG_DISCONNECT.
pub const DISCONNECT: u8 = 1;
/// SSH_MSG_IGNORE.
pub const IGNORE: u8 = 2;
/// SSH_MSG_DEBUG.
pub const DEBUG: u8 = 4;
/// SSH_MSG_KEXINIT.
pub const KEXINIT: u8 = 20;
/// SSH_MSG_KEX_ECDH_INIT (RFC 5656, 7.1).
pub const ECDH_INIT: u8 = 30;
/// SSH_MSG_KEX_ECDH_REPLY.
pub const ECDH_REPLY: u8 = 31;

/// Why what came is no SSH.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SshError {
    /// No identification where one has to be.
    #[error("no SSH identification")]
    NotSsh,
    /// SSH 1 alone.
    #[error("a version of SSH before 2")]
    OldVersion,
    /// A packet whose lengths cannot be.
    #[error("a packet of SSH whose lengths cannot be")]
    BadPacket,
}

/// What was read off the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// The server's identification, without its line end.
    Identification(&'a [u8]),
    /// The payload of a packet, from its message number on.
    Packet(&'a [u8]),
}

/// Cuts a server's bytes into its identification and packets. Holds at most one line or packet; fails for good.
#[derive(Debug, Default)]
pub struct Reader {
    buffer: Vec<u8>,
    complete: bool,
    preamble: usize,
    identified: bool,
    failed: Option<SshError>,
}

impl Reader {
    /// At the start of a connection.
    pub const fn new() -> Self {
        Self { buffer: Vec::new(), complete: false, preamble: 0, identified: false, failed: None }
    }

    /// The next event, taking from `input` no more than it needs. `None`: more is wanted.
    ///
    /// # Errors
    ///
    /// [`SshError`], then and ever after.
    pub fn read(&mut self, input: &mut &[u8]) -> Result<Option<Event<'_>>, SshError> {
        if self.complete {
            self.buffer.clear();
            self.complete = false;
        }
        if let Some(error) = self.failed {
            *input = &[];
            return Err(error);
        }
        let read = if self.identified { self.packet(input) } else { self.line(input) };
        match read {
            Ok(false) => Ok(None),
            Ok(true) => {
                self.complete = true;
                Ok(Some(self.event()))
            }
            Err(error) => {
                self.failed = Some(error);
                *input = &[];
                Err(error)
            }
        }
    }

    fn event(&self) -> Event<'_> {
        match *self.buffer {
            // A packet begins with its length, whose first octet is 0; an identification with `SSH-`.
            [0, _, _, _, padding, ref rest @ ..] => {
                let payload = rest.len().saturating_sub(usize::from(padding));
                Event::Packet(rest.get(..payload).unwrap_or_default())
            }
            ref line => Event::Identification(line.trim_ascii_end()),
        }
    }

    /// Whether the identification is there. Other lines may come before it (RFC 4253, 4.2).
    fn line(&mut self, input: &mut &[u8]) -> Result<bool, SshError> {
        loop {
            let end = input.iter().position(|b| *b == b'\n');
            let piece = end.map_or(input.len(), |at| at + 1);
            let (head, tail) = input.split_at_checked(piece).unwrap_or((input, &[]));
            *input = tail;
            self.preamble = self.preamble.saturating_add(head.len());
            let room = MAX_LINE.saturating_sub(self.buffer.len());
            if self.preamble > MAX_PREAMBLE || head.len() > room {
                return Err(SshError::NotSsh);
            }
            self.buffer.extend_from_slice(head);
            if end.is_none() {
                return Ok(false);
            }
            if self.buffer.starts_with(b"SSH-") {
                let modern = self.buffer.starts_with(b"SSH-2.0-") || self.buffer.starts_with(b"SSH-1.99-");
                self.identified = modern;
                return if modern { Ok(true) } else { Err(SshError::OldVersion) };
            }
            self.buffer.clear();
        }
    }

    /// Whether a whole packet is there.
    fn packet(&mut self, input: &mut &[u8]) -> Result<bool, SshError> {
        self.fill(5, input);
        let Some([a, b, c, d, padding]) = self.buffer.first_chunk().copied() else {
            return Ok(false);
        };
        let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        // At least one octet of payload and four of padding (RFC 4253, 6).
        if length > MAX_PACKET || padding < 4 || length < usize::from(padding) + 2 {
            return Err(SshError::BadPacket);
        }
        self.fill(4 + length, input);
        Ok(self.buffer.len() >= 4 + length)
    }

    fn fill(&mut self, wanted: usize, input: &mut &[u8]) {
        let missing = wanted.saturating_sub(self.buffer.len()).min(input.len());
        if let Some((head, tail)) = input.split_at_checked(missing) {
            self.buffer.extend_from_slice(head);
            *input = tail;
        }
    }
}

/// SSH_MSG_KEXINIT: ten lists of names (RFC 4253, 7.1), of which ours answers with the server's own where nothing
/// depends on it: what is never used is always agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KexInit<'a> {
    lists: [&'a [u8]; 10],
}

impl<'a> KexInit<'a> {
    /// Reads the payload of a packet.
    pub fn parse(payload: &'a [u8]) -> Option<Self> {
        let mut cursor = Cursor(payload);
        if cursor.u8()? != KEXINIT {
            return None;
        }
        cursor.take(16)?;
        let mut lists: [&[u8]; 10] = [&[]; 10];
        for list in &mut lists {
            *list = string(&mut cursor)?;
        }
        cursor.take(5)?;
        Some(Self { lists })
    }

    /// Key exchange methods, best first.
    pub fn exchanges(&self) -> impl Iterator<Item = &'a str> {
        names(self.lists[0])
    }

    /// Host key algorithms, best first.
    pub fn host_keys(&self) -> impl Iterator<Item = &'a str> {
        names(self.lists[1])
    }

    /// Our answer: one key exchange, one host key algorithm, and for the rest what the server itself listed.
    pub fn answer(&self, exchange: &str, host_key: &str, cookie: [u8; 16]) -> Vec<u8> {
        let mut out = vec![KEXINIT];
        out.extend_from_slice(&cookie);
        for (n, list) in self.lists.iter().enumerate() {
            put_string(
                &mut out,
                match n {
                    0 => exchange.as_bytes(),
                    1 => host_key.as_bytes(),
                    _ => list,
                },
            );
        }
        out.extend_from_slice(&[0; 5]);
        out
    }
}

/// Reads the payload of SSH_MSG_KEX_ECDH_REPLY: the host key K_S as it is hashed for fingerprints.
pub fn host_key(payload: &[u8]) -> Option<&[u8]> {
    let mut cursor = Cursor(payload);
    if cursor.u8()? != ECDH_REPLY {
        return None;
    }
    let key = string(&mut cursor)?;
    let (_point, _signature) = (string(&mut cursor)?, string(&mut cursor)?);
    (!key.is_empty() && cursor.is_empty()).then_some(key)
}

/// The name of a host key's kind, which stands at its beginning (RFC 4253, 6.6).
pub fn kind_of(key: &[u8]) -> Option<&str> {
    std::str::from_utf8(string(&mut Cursor(key))?).ok()
}

/// The payload of SSH_MSG_KEX_ECDH_INIT.
pub fn ecdh_init(point: &[u8]) -> Vec<u8> {
    let mut out = vec![ECDH_INIT];
    put_string(&mut out, point);
    out
}

/// The payload of SSH_MSG_DISCONNECT: by application (RFC 4253, 11.1).
pub fn disconnect() -> Vec<u8> {
    let mut out = vec![DISCONNECT, 0, 0, 0, 11];
    put_string(&mut out, b"host key seen");
    put_string(&mut out, b"");
    out
}

/// A packet before encryption: its payload with a length and padding to a multiple of eight.
pub fn packet(payload: &[u8]) -> Vec<u8> {
    let unpadded = 5 + payload.len();
    let padding = 4 + (8 - (unpadded + 4) % 8) % 8;
    let length = u32::try_from(1 + payload.len() + padding).unwrap_or(u32::MAX);
    let mut out = length.to_be_bytes().to_vec();
    out.push(u8::try_from(padding).unwrap_or(u8::MAX));
    out.extend_from_slice(payload);
    out.resize(unpadded + padding, 0);
    out
}

/// A string: four octets of length and so many octets (RFC 4251, 5).
fn string<'a>(cursor: &mut Cursor<'a>) -> Option<&'a [u8]> {
    let length = u32::from_be_bytes(*cursor.array()?);
    cursor.take(usize::try_from(length).ok()?)
}

fn put_string(out: &mut Vec<u8>, text: &[u8]) {
    out.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(text);
}

/// The names of a list that can be names: printable ASCII of at most 64 octets (RFC 4251, 6).
fn names(list: &[u8]) -> impl Iterator<Item = &str> {
    let good =
        |name: &&[u8]| !name.is_empty() && name.len() <= 64 && name.iter().all(|b| (b'!'..=b'~').contains(b));
    let pieces = list.split(|b| *b == b',').filter(good).take(MAX_NAMES);
    pieces.filter_map(|name| std::str::from_utf8(name).ok())
}

/// The fuzz entry: events do not depend on how the bytes were cut, and every accessor runs.
///
/// # Panics
///
/// When they do, or when a parser panics.
pub(super) fn fuzz(data: &[u8], step: usize) {
    let run = |step: usize| {
        let (mut reader, mut out) = (Reader::new(), Vec::new());
        for chunk in data.chunks(step.max(1)) {
            let mut input = chunk;
            loop {
                match reader.read(&mut input) {
                    Ok(None) => break,
                    Ok(Some(Event::Packet(payload))) => {
                        assert!(payload.len() <= MAX_PACKET);
                        describe(payload);
                        out.push(format!("{payload:?}"));
                    }
                    Ok(Some(Event::Identification(line))) => out.push(format!("{line:?}")),
                    Err(error) => {
                        out.push(error.to_string());
                        break;
                    }
                }
            }
        }
        out.dedup(); // a failed reader repeats its error at every chunk
        out
    };
    assert_eq!(run(data.len()), run(step), "SSH depends on chunks of {step}");
    describe(data);
}

fn describe(payload: &[u8]) {
    if let Some(init) = KexInit::parse(payload) {
        assert!(init.exchanges().count() <= MAX_NAMES && init.host_keys().count() <= MAX_NAMES);
        let answer = init.answer("a", "b", [0; 16]);
        let read = KexInit::parse(&answer).map(|i| (i.exchanges().count(), i.host_keys().count()));
        assert_eq!(read, Some((1, 1)));
    }
    if let Some(key) = host_key(payload) {
        let _ = kind_of(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8], step: usize) -> Result<Vec<(bool, Vec<u8>)>, SshError> {
        let (mut reader, mut out) = (Reader::new(), Vec::new());
        for chunk in bytes.chunks(step) {
            let mut input = chunk;
            while let Some(event) = reader.read(&mut input)? {
                out.push(match event {
                    Event::Identification(line) => (false, line.to_vec()),
                    Event::Packet(payload) => (true, payload.to_vec()),
                });
            }
        }
        Ok(out)
    }

    #[test]
    fn what_is_written_is_read_back_in_any_pieces() {
        let mut stream = b"Welcome\r\nto this host\r\nSSH-2.0-Test_1 a comment\r\n".to_vec();
        let payloads: Vec<Vec<u8>> = (1..40).map(|n| vec![IGNORE; n]).collect();
        for payload in &payloads {
            let packet = packet(payload);
            assert_eq!(packet.len() % 8, 0);
            stream.extend(packet);
        }
        for step in [1, 2, 7, 4096] {
            let events = all(&stream, step).unwrap();
            assert_eq!(events[0], (false, b"SSH-2.0-Test_1 a comment".to_vec()));
            let read: Vec<_> = events[1..].iter().map(|(_, payload)| payload.clone()).collect();
            assert_eq!(read, payloads, "pieces of {step}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let ident = b"SSH-2.0-x\r\n";
        let after = |bytes: &[u8]| [ident.as_slice(), bytes].concat();
        let table: &[(Vec<u8>, SshError)] = &[
            (vec![b'x'; 300], SshError::NotSsh),
            (b"a line\r\n".repeat(1200), SshError::NotSsh),
            (b"SSH-1.5-old\n".to_vec(), SshError::OldVersion),
            (after(&[0xff, 0xff, 0xff, 0xff, 8]), SshError::BadPacket),
            (after(&[0, 0, 0x88, 0xb9, 8]), SshError::BadPacket),
            (after(&[0, 0, 0, 12, 3]), SshError::BadPacket),
            (after(&[0, 0, 0, 12, 11]), SshError::BadPacket),
            (after(&[0, 0, 0, 0, 0]), SshError::BadPacket),
        ];
        for (bytes, expected) in table {
            for step in [1, 4096] {
                assert_eq!(all(bytes, step), Err(*expected), "{:?}", &bytes[..bytes.len().min(20)]);
            }
        }
    }

    #[test]
    fn our_answer_takes_the_server_s_own_lists() {
        let mut theirs = vec![KEXINIT];
        theirs.extend([7; 16]);
        for list in
            ["curve25519-sha256,other", "ssh-ed25519,ssh-rsa", "c1", "c2", "m1", "m2", "none", "none", "", ""]
        {
            put_string(&mut theirs, list.as_bytes());
        }
        theirs.extend([0; 5]);
        let init = KexInit::parse(&theirs).unwrap();
        assert_eq!(init.host_keys().collect::<Vec<_>>(), ["ssh-ed25519", "ssh-rsa"]);
        let answer = init.answer("curve25519-sha256", "ssh-rsa", [1; 16]);
        let ours = KexInit::parse(&answer).unwrap();
        assert_eq!(ours.exchanges().collect::<Vec<_>>(), ["curve25519-sha256"]);
        assert_eq!(ours.host_keys().collect::<Vec<_>>(), ["ssh-rsa"]);
        assert_eq!(ours.lists[2..], init.lists[2..]);
        for cut in 0..theirs.len() {
            assert_eq!(KexInit::parse(&theirs[..cut]), None, "cut at {cut}");
        }
    }

    #[test]
    fn the_host_key_is_taken_whole_or_not_at_all() {
        let mut key = Vec::new();
        put_string(&mut key, b"ssh-ed25519");
        put_string(&mut key, &[5; 32]);
        let mut reply = vec![ECDH_REPLY];
        for part in [key.as_slice(), &[1; 32], &[2; 64]] {
            put_string(&mut reply, part);
        }
        assert_eq!(host_key(&reply), Some(key.as_slice()));
        assert_eq!(kind_of(&key), Some("ssh-ed25519"));
        for cut in 0..reply.len() {
            assert_eq!(host_key(&reply[..cut]), None, "cut at {cut}");
        }
        reply.push(0);
        assert_eq!(host_key(&reply), None);
    }
}
