//! Handshake messages up to TLS 1.2 (RFC 5246, section 7.4): putting them together from records, reading
//! hellos, and what a scripted server needs to write.
//!
//! No state machine: which message may follow which is the prober's business.

use crate::wire::cursor::{Cursor, put_vec16, u16s, u24_bytes};

/// ClientHello.
pub const CLIENT_HELLO: u8 = 1;
/// ServerHello.
pub const SERVER_HELLO: u8 = 2;
/// Certificate.
pub const CERTIFICATE: u8 = 11;
/// ServerKeyExchange.
pub const SERVER_KEY_EXCHANGE: u8 = 12;
/// CertificateRequest.
pub const CERTIFICATE_REQUEST: u8 = 13;
/// ServerHelloDone.
pub const SERVER_HELLO_DONE: u8 = 14;
/// ClientKeyExchange.
pub const CLIENT_KEY_EXCHANGE: u8 = 16;
/// Finished.
pub const FINISHED: u8 = 20;
/// CertificateStatus (RFC 6066, 8): a stapled OCSP answer.
pub const CERTIFICATE_STATUS: u8 = 22;

/// server_name (RFC 6066, 3).
pub const EXT_SERVER_NAME: u16 = 0;
/// status_request (RFC 6066, 8).
pub const EXT_STATUS_REQUEST: u16 = 5;
/// supported_groups (RFC 8422).
pub const EXT_SUPPORTED_GROUPS: u16 = 10;
/// ec_point_formats (RFC 8422).
pub const EXT_EC_POINT_FORMATS: u16 = 11;
/// signature_algorithms (RFC 5246, 7.4.1.4.1).
pub const EXT_SIGNATURE_ALGORITHMS: u16 = 13;
/// heartbeat (RFC 6520, 2).
pub const EXT_HEARTBEAT: u16 = 15;
/// padding (RFC 7685).
pub const EXT_PADDING: u16 = 21;
/// extended_master_secret (RFC 7627).
pub const EXT_EXTENDED_MASTER_SECRET: u16 = 23;
/// session_ticket (RFC 5077).
pub const EXT_SESSION_TICKET: u16 = 35;
/// supported_versions (RFC 8446, 4.2.1).
pub const EXT_SUPPORTED_VERSIONS: u16 = 43;
/// renegotiation_info (RFC 5746).
pub const EXT_RENEGOTIATION_INFO: u16 = 0xff01;

/// The longest message that is put together.
pub const MAX_MESSAGE: usize = 128 * 1024;

const HEADER_LEN: usize = 4;

/// One handshake message, borrowed from the assembler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// Its type.
    pub kind: u8,
    /// Its body, without the four bytes of header.
    pub body: &'a [u8],
}

/// Why handshake bytes cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    /// A message claims more than [`MAX_MESSAGE`].
    #[error("a handshake message of {claimed} bytes")]
    TooLong {
        /// What its header claims.
        claimed: usize,
    },
    /// A message's lengths do not add up.
    #[error("a malformed handshake message of type {kind}")]
    Malformed {
        /// The message's type.
        kind: u8,
    },
}

/// Puts messages together from the fragments of handshake records: a message may span records, a record
/// may hold several. Holds at most one message.
#[derive(Debug, Default)]
pub struct Assembler {
    buffer: Vec<u8>,
    complete: bool,
}

impl Assembler {
    /// An assembler at the start of a handshake.
    pub const fn new() -> Self {
        Self { buffer: Vec::new(), complete: false }
    }

    /// The next message, taking from `fragment` no more than it needs. `None`: more is wanted.
    ///
    /// # Errors
    ///
    /// [`HandshakeError::TooLong`], then and ever after.
    pub fn read(&mut self, fragment: &mut &[u8]) -> Result<Option<Message<'_>>, HandshakeError> {
        if self.complete {
            self.buffer.clear();
            self.complete = false;
        }
        self.fill(HEADER_LEN, fragment);
        let Some(length) = Cursor(&self.buffer)
            .array()
            .map(|[_, a, b, c]: &[u8; 4]| usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c))
        else {
            return Ok(None);
        };
        if length > MAX_MESSAGE {
            *fragment = &[];
            return Err(HandshakeError::TooLong { claimed: length });
        }
        self.fill(HEADER_LEN + length, fragment);
        if self.buffer.len() < HEADER_LEN + length {
            return Ok(None);
        }
        self.complete = true;
        Ok(match *self.buffer {
            [kind, _, _, _, ref body @ ..] => Some(Message { kind, body }),
            _ => None,
        })
    }

    fn fill(&mut self, wanted: usize, input: &mut &[u8]) {
        let missing = wanted.saturating_sub(self.buffer.len()).min(input.len());
        if let Some((head, tail)) = input.split_at_checked(missing) {
            self.buffer.extend_from_slice(head);
            *input = tail;
        }
    }
}

/// A list of extensions whose lengths add up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extensions<'a>(&'a [u8]);

impl<'a> Extensions<'a> {
    /// Reads the optional list at the end of a hello: nothing at all is an empty list.
    fn parse(rest: &mut Cursor<'a>) -> Option<Self> {
        if rest.is_empty() {
            return Some(Self(&[]));
        }
        let list = rest.vec16()?;
        let mut cursor = Cursor(list);
        while !cursor.is_empty() {
            cursor.u16()?;
            cursor.vec16()?;
        }
        Some(Self(list))
    }

    /// Type and content of each, in order.
    pub fn iter(self) -> impl Iterator<Item = (u16, &'a [u8])> {
        let mut cursor = Cursor(self.0);
        std::iter::from_fn(move || Some((cursor.u16()?, cursor.vec16()?)))
    }

    /// The content of the first one of a type.
    pub fn find(self, wanted: u16) -> Option<&'a [u8]> {
        self.iter().find(|(kind, _)| *kind == wanted).map(|(_, content)| content)
    }
}

/// A ServerHello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerHello<'a> {
    /// The version field; TLS 1.3 hides behind 1.2 here, see [`Self::selected_version`].
    pub version: u16,
    /// The server's random.
    pub random: &'a [u8; 32],
    /// The session id, at most 32 bytes.
    pub session_id: &'a [u8],
    /// The suite that the server chose.
    pub suite: u16,
    /// The compression that the server chose.
    pub compression: u8,
    /// The extensions that it acknowledged.
    pub extensions: Extensions<'a>,
}

impl<'a> ServerHello<'a> {
    /// Reads a ServerHello's body.
    ///
    /// # Errors
    ///
    /// [`HandshakeError::Malformed`] when its lengths do not add up.
    pub fn parse(body: &'a [u8]) -> Result<Self, HandshakeError> {
        let mut c = Cursor(body);
        let hello = (|| {
            let hello = Self {
                version: c.u16()?,
                random: c.array()?,
                session_id: c.vec8().filter(|id| id.len() <= 32)?,
                suite: c.u16()?,
                compression: c.u8()?,
                extensions: Extensions::parse(&mut c)?,
            };
            c.is_empty().then_some(hello)
        })();
        hello.ok_or(HandshakeError::Malformed { kind: SERVER_HELLO })
    }

    /// The heartbeat mode that the server acknowledged, whatever its value.
    pub fn heartbeat(&self) -> Option<u8> {
        self.extensions.find(EXT_HEARTBEAT).map(|mode| mode.first().copied().unwrap_or(0))
    }

    /// The version in supported_versions, else the version field.
    pub fn selected_version(&self) -> u16 {
        let selected = self.extensions.find(EXT_SUPPORTED_VERSIONS);
        selected.and_then(|v| Cursor(v).u16()).unwrap_or(self.version)
    }
}

/// A ClientHello, as a scripted server reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientHello<'a> {
    /// The highest version up to TLS 1.2.
    pub version: u16,
    /// The client's random.
    pub random: &'a [u8; 32],
    /// The session id, at most 32 bytes.
    pub session_id: &'a [u8],
    suites: &'a [u8],
    /// The compressions on offer.
    pub compressions: &'a [u8],
    /// The extensions.
    pub extensions: Extensions<'a>,
}

impl<'a> ClientHello<'a> {
    /// Reads a ClientHello's body.
    ///
    /// # Errors
    ///
    /// [`HandshakeError::Malformed`] when its lengths do not add up.
    pub fn parse(body: &'a [u8]) -> Result<Self, HandshakeError> {
        let mut c = Cursor(body);
        let hello = (|| {
            let hello = Self {
                version: c.u16()?,
                random: c.array()?,
                session_id: c.vec8().filter(|id| id.len() <= 32)?,
                suites: c.vec16().filter(|list| list.len() % 2 == 0)?,
                compressions: c.vec8()?,
                extensions: Extensions::parse(&mut c)?,
            };
            c.is_empty().then_some(hello)
        })();
        hello.ok_or(HandshakeError::Malformed { kind: CLIENT_HELLO })
    }

    /// The suites on offer, in the client's order.
    pub fn suites(&self) -> impl Iterator<Item = u16> + 'a {
        u16s(self.suites)
    }

    /// The host name of the SNI, as it stands.
    pub fn sni(&self) -> Option<&'a [u8]> {
        let mut list = Cursor(Cursor(self.extensions.find(EXT_SERVER_NAME)?).vec16()?);
        while !list.is_empty() {
            let kind = list.u8()?;
            let name = list.vec16()?;
            if kind == 0 {
                return Some(name);
            }
        }
        None
    }

    /// The heartbeat mode on offer.
    pub fn heartbeat(&self) -> Option<u8> {
        self.extensions.find(EXT_HEARTBEAT).and_then(|mode| mode.first().copied())
    }

    /// The signature algorithms on offer.
    pub fn signature_algorithms(&self) -> Option<impl Iterator<Item = u16> + 'a> {
        Some(u16s(Cursor(self.extensions.find(EXT_SIGNATURE_ALGORITHMS)?).vec16()?))
    }

    /// The versions on offer in supported_versions.
    pub fn supported_versions(&self) -> Option<impl Iterator<Item = u16> + 'a> {
        Some(u16s(Cursor(self.extensions.find(EXT_SUPPORTED_VERSIONS)?).vec8()?))
    }
}

/// The OCSP response in the body of a CertificateStatus, where it holds one that is whole.
pub fn ocsp_response(body: &[u8]) -> Option<&[u8]> {
    const OCSP: u8 = 1;
    let [OCSP, a, b, c, response @ ..] = body else { return None };
    let length = usize::try_from(u32::from_be_bytes([0, *a, *b, *c])).ok()?;
    (length > 0 && length == response.len()).then_some(response)
}

/// Appends a handshake message: four bytes of header, then the body.
pub fn encode_message(out: &mut Vec<u8>, kind: u8, body: &[u8]) {
    out.push(kind);
    out.extend_from_slice(&u24_bytes(body.len()));
    out.extend_from_slice(body);
}

/// Appends a ServerHello without a session id and without compression. No extensions: no list at all.
pub fn encode_server_hello(
    out: &mut Vec<u8>,
    version: u16,
    random: &[u8; 32],
    suite: u16,
    extensions: &[(u16, &[u8])],
) {
    let mut body = version.to_be_bytes().to_vec();
    body.extend_from_slice(random);
    body.push(0);
    body.extend_from_slice(&suite.to_be_bytes());
    body.push(0);
    if !extensions.is_empty() {
        put_vec16(&mut body, |list| {
            for (kind, content) in extensions {
                list.extend_from_slice(&kind.to_be_bytes());
                put_vec16(list, |out| out.extend_from_slice(content));
            }
        });
    }
    encode_message(out, SERVER_HELLO, &body);
}

/// Appends a ServerHelloDone: an empty message. Out of order, it is the poke of the ladder (PROBING 2).
pub fn encode_server_hello_done(out: &mut Vec<u8>) {
    encode_message(out, SERVER_HELLO_DONE, &[]);
}

/// Appends a ServerKeyExchange with these parameters, which nobody checks.
pub fn encode_server_key_exchange(out: &mut Vec<u8>, parameters: &[u8]) {
    encode_message(out, SERVER_KEY_EXCHANGE, parameters);
}

/// Appends a CertificateRequest for RSA and ECDSA keys and no particular authority, in the form of `version`.
pub fn encode_certificate_request(out: &mut Vec<u8>, version: u16) {
    let mut body = vec![2, 1, 64];
    if version >= 0x0303 {
        body.extend_from_slice(&[0, 4, 4, 1, 4, 3]);
    }
    body.extend_from_slice(&[0, 0]);
    encode_message(out, CERTIFICATE_REQUEST, &body);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_server_hello_reads_what_it_writes() {
        let mut out = Vec::new();
        encode_server_hello(
            &mut out,
            0x0302,
            &[9; 32],
            0xc014,
            &[(EXT_HEARTBEAT, &[1]), (EXT_RENEGOTIATION_INFO, &[0])],
        );
        let hello = ServerHello::parse(&out[4..]).unwrap();
        assert_eq!((hello.version, hello.suite, hello.heartbeat()), (0x0302, 0xc014, Some(1)));
        assert_eq!(hello.random, &[9; 32]);
        assert_eq!(hello.selected_version(), 0x0302);
        let mut out = Vec::new();
        encode_server_hello(&mut out, 0x0300, &[0; 32], 5, &[]);
        let hello = ServerHello::parse(&out[4..]).unwrap();
        assert_eq!((hello.version, hello.heartbeat()), (0x0300, None));
    }

    #[test]
    fn tls13_is_seen_behind_its_disguise() {
        let mut out = Vec::new();
        encode_server_hello(&mut out, 0x0303, &[0; 32], 0x1301, &[(EXT_SUPPORTED_VERSIONS, &[3, 4])]);
        assert_eq!(ServerHello::parse(&out[4..]).unwrap().selected_version(), 0x0304);
    }

    #[test]
    fn every_cut_of_a_hello_is_an_error_and_not_a_panic() {
        let mut out = Vec::new();
        encode_server_hello(&mut out, 0x0303, &[1; 32], 0x009c, &[(EXT_HEARTBEAT, &[1])]);
        let body = &out[4..];
        let without_extensions = 2 + 32 + 1 + 2 + 1;
        for n in 0..body.len() {
            assert_eq!(ServerHello::parse(&body[..n]).is_ok(), n == without_extensions, "cut at {n}");
        }
        let mut longer = body.to_vec();
        longer.push(0);
        assert!(ServerHello::parse(&longer).is_err());
    }

    #[test]
    fn a_message_that_claims_too_much_is_refused_at_once() {
        let mut assembler = Assembler::new();
        let claimed = MAX_MESSAGE + 1;
        let mut header = vec![11];
        header.extend_from_slice(&u24_bytes(claimed));
        for _ in 0..3 {
            assert_eq!(assembler.read(&mut &*header), Err(HandshakeError::TooLong { claimed }));
        }
        assert!(assembler.buffer.capacity() < 100);
    }

    proptest! {
        #[test]
        fn messages_come_back_from_any_fragments(
            parts in prop::collection::vec((any::<u8>(), prop::collection::vec(any::<u8>(), 0..200)), 0..6),
            step in 1usize..60,
        ) {
            let mut stream = Vec::new();
            for (kind, body) in &parts {
                encode_message(&mut stream, *kind, body);
            }
            let mut assembler = Assembler::new();
            let mut got = Vec::new();
            for chunk in stream.chunks(step) {
                let mut fragment = chunk;
                while let Some(m) = assembler.read(&mut fragment).unwrap() {
                    got.push((m.kind, m.body.to_vec()));
                }
            }
            prop_assert_eq!(got, parts);
        }
    }
}
