//! SSL 2.0, as far as a question needs it: the CLIENT-HELLO, and reading what comes back, which is a SERVER-HELLO, an
//! error of SSL 2.0, or an alert of a server that speaks TLS alone. Nothing of the protocol beyond its first two messages.
//!
//! Records have two bytes of header with the highest bit set, or three with padding; messages here are one record long.

use super::{
    alert::Alert,
    record::{self, RecordReader},
};
use crate::wire::cursor::Cursor;

/// The version number of SSL 2.0.
pub const VERSION: u16 = 2;
/// The most bytes that one answer can have: the longest record with the longer header.
pub const MAX_ANSWER: usize = 0x7fff + 3;

const ERROR: u8 = 0;
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 4;
const X509: u8 = 1;

/// Every kind of cipher that SSL 2.0 has, strongest first: RC4, RC2, IDEA, DES, 3DES, and the two of export.
const KINDS: &[[u8; 3]] = &[
    [7, 0, 0xc0],
    [1, 0, 0x80],
    [3, 0, 0x80],
    [5, 0, 0x80],
    [6, 0, 0x40],
    [8, 0, 0x80],
    [2, 0, 0x80],
    [4, 0, 0x80],
];

/// A SERVER-HELLO.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerHello<'a> {
    /// The version that it names.
    pub version: u16,
    /// The certificate, DER; empty where an old session was found, which none here is.
    pub certificate: &'a [u8],
    /// How many kinds of cipher it names.
    pub kinds: usize,
}

/// What bytes that came after a CLIENT-HELLO are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer<'a> {
    /// The beginning of something; more is wanted.
    More,
    /// A SERVER-HELLO.
    Hello(ServerHello<'a>),
    /// An error of SSL 2.0, by its number: SSL 2.0 is spoken, and this hello was not liked.
    Error(u16),
    /// An alert in a record of TLS.
    Alert(Alert),
    /// Neither.
    Other,
}

/// Appends a CLIENT-HELLO that offers everything.
pub fn encode_client_hello(out: &mut Vec<u8>, challenge: &[u8; 16]) {
    let mut body = vec![CLIENT_HELLO, 0, 2];
    let kinds: Vec<u8> = KINDS.concat();
    for length in [kinds.len(), 0, challenge.len()] {
        body.extend_from_slice(&u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
    }
    body.extend_from_slice(&kinds);
    body.extend_from_slice(challenge);
    put_record(out, &body);
}

/// Appends a SERVER-HELLO with this certificate and so many kinds of cipher, for a scripted server.
pub fn encode_server_hello(out: &mut Vec<u8>, certificate: &[u8], kinds: usize) {
    let kinds: Vec<u8> = KINDS.iter().take(kinds).flatten().copied().collect();
    let mut body = vec![SERVER_HELLO, 0, X509, 0, 2];
    for length in [certificate.len(), kinds.len(), 16] {
        body.extend_from_slice(&u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
    }
    body.extend_from_slice(certificate);
    body.extend_from_slice(&kinds);
    body.extend_from_slice(&[7; 16]);
    put_record(out, &body);
}

/// Whether bytes begin as a CLIENT-HELLO of SSL 2.0 does, for a scripted server.
pub fn is_client_hello(bytes: &[u8]) -> bool {
    matches!(bytes, [0x80..=0xff, _, CLIENT_HELLO, 0, 2, ..])
}

fn put_record(out: &mut Vec<u8>, body: &[u8]) {
    let [high, low] = u16::try_from(body.len()).unwrap_or(u16::MAX).min(0x7fff).to_be_bytes();
    out.extend_from_slice(&[high | 0x80, low]);
    out.extend_from_slice(body);
}

/// What these bytes are, all that came so far from the first one on.
pub fn read(bytes: &[u8]) -> Answer<'_> {
    match *bytes {
        [] => Answer::More,
        [record::ALERT, ..] if bytes.get(1).is_none_or(|major| *major == 3) => tls_alert(bytes),
        [high @ 0x80..=0xff, ref rest @ ..] => {
            let Some((low, rest)) = rest.split_first() else { return Answer::More };
            message(usize::from(high & 0x7f) << 8 | usize::from(*low), 0, rest)
        }
        // Three bytes of header: the second highest bit marks an escape, which nobody sends before keys are there.
        [high @ 0..=0x3f, ref rest @ ..] if high != record::HANDSHAKE => {
            let [low, padding, rest @ ..] = rest else { return Answer::More };
            message(usize::from(high) << 8 | usize::from(*low), usize::from(*padding), rest)
        }
        _ => Answer::Other,
    }
}

fn tls_alert(mut bytes: &[u8]) -> Answer<'static> {
    match RecordReader::new().read(&mut bytes) {
        Ok(None) => Answer::More,
        Ok(Some(found)) => Alert::parse(found.fragment).map_or(Answer::Other, Answer::Alert),
        Err(_) => Answer::Other,
    }
}

/// The message in a record of `length` bytes, the last of which are padding.
fn message(length: usize, padding: usize, rest: &[u8]) -> Answer<'_> {
    // What cannot be is told by its first byte, without waiting for the rest.
    match rest.first() {
        None if length > 0 => return Answer::More,
        Some(&(ERROR | SERVER_HELLO)) if length > padding => {}
        _ => return Answer::Other,
    }
    let Some(body) = rest.get(..length) else { return Answer::More };
    let body = body.get(..length - padding).unwrap_or_default();
    match *body {
        [ERROR, high, low] => Answer::Error(u16::from_be_bytes([high, low])),
        [SERVER_HELLO, ref rest @ ..] => server_hello(rest).map_or(Answer::Other, Answer::Hello),
        _ => Answer::Other,
    }
}

fn server_hello(rest: &[u8]) -> Option<ServerHello<'_>> {
    let mut c = Cursor(rest);
    let [_hit, _certificate_type] = *c.array()?;
    let version = c.u16()?;
    let (certificate, kinds, id) = (c.u16()?, c.u16()?, c.u16()?);
    let certificate = c.take(certificate.into())?;
    let kinds = c.take(kinds.into()).filter(|list| list.len() % 3 == 0)?.len() / 3;
    c.take(id.into())?;
    (c.is_empty() && version == VERSION).then_some(ServerHello { version, certificate, kinds })
}

/// Reads every beginning of these bytes, and asserts that an answer once given stays.
pub(in crate::wire) fn fuzz(data: &[u8]) {
    let whole = read(data);
    for cut in [data.len() / 3, data.len() / 2, data.len().saturating_sub(1)] {
        let beginning = data.get(..cut).unwrap_or_default();
        let early = read(beginning);
        assert!(early == Answer::More || early == whole, "{early:?} became {whole:?}");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hello(certificate: &[u8], kinds: usize) -> Vec<u8> {
        let mut out = Vec::new();
        encode_server_hello(&mut out, certificate, kinds);
        out
    }

    #[test]
    fn a_client_hello_is_one_record_that_offers_everything() {
        let mut out = Vec::new();
        encode_client_hello(&mut out, &[9; 16]);
        assert_eq!(out.len(), 2 + 9 + 3 * KINDS.len() + 16);
        assert_eq!(usize::from(out[0] & 0x7f) << 8 | usize::from(out[1]), out.len() - 2);
        assert_eq!(out[..5], [0x80, 49, CLIENT_HELLO, 0, 2]);
        assert!(is_client_hello(&out) && !is_client_hello(&[22, 3, 1, 0, 2]));
    }

    #[test]
    fn a_server_hello_reads_what_it_writes_and_waits_for_its_end() {
        for (certificate, kinds) in [(&b"leaf"[..], 7), (b"leaf", 0), (b"", 1)] {
            let bytes = hello(certificate, kinds);
            for cut in 0..bytes.len() {
                assert_eq!(read(&bytes[..cut]), Answer::More, "cut at {cut}");
            }
            let expected = Answer::Hello(ServerHello { version: 2, certificate, kinds });
            assert_eq!(read(&bytes), expected);
            let longer = [&bytes[..], b"more"].concat();
            assert_eq!(read(&longer), expected, "what follows is not asked for");
        }
    }

    #[test]
    fn a_record_with_padding_is_read_too() {
        let plain = hello(b"leaf", 2);
        let body = &plain[2..];
        let length = u8::try_from(body.len() + 5).unwrap();
        let padded = [&[0, length, 5][..], body, &[0; 5]].concat();
        assert_eq!(read(&padded), read(&plain));
    }

    #[test]
    fn other_answers_are_told_apart() {
        let alert = Answer::Alert(Alert { level: 2, code: 70 });
        let table: &[(&[u8], Answer<'_>)] = &[
            (b"", Answer::More),
            (&[0x80], Answer::More),
            (&[0x80, 3, ERROR, 0, 1], Answer::Error(1)),
            (&[21], Answer::More),
            (&[21, 3, 1, 0, 2, 2], Answer::More),
            (&[21, 3, 1, 0, 2, 2, 70], alert),
            (&[21, 3, 1, 0, 1, 2], Answer::Other),
            (&[22, 3, 1, 0, 2, 2, 70], Answer::Other),
            (b"HTTP/1.1 400 Bad Request\r\n\r\n", Answer::Other),
            (b"220 mail.example ESMTP\r\n", Answer::Other),
            (&[0x80, 0], Answer::Other),
            (&[0x80, 3, 9, 0, 0], Answer::Other),
            (&[0xff; 40], Answer::Other),
            (&[0; 40], Answer::Other),
        ];
        for (bytes, expected) in table {
            assert_eq!(read(bytes), *expected, "{bytes:?}");
        }
    }

    #[test]
    fn lengths_that_do_not_add_up_are_no_hello() {
        let good = hello(b"leaf", 2);
        // Version, certificate's length, length of the kinds, length of the id.
        for at in [6, 8, 10, 12] {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert_eq!(read(&bad), Answer::Other, "byte {at}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(mut data in prop::collection::vec(any::<u8>(), 0..200), head in 0usize..4) {
            let heads: [&[u8]; 4] = [&[], &[0x80, 60, SERVER_HELLO], &[0, 60, 3, SERVER_HELLO], &[21, 3]];
            data.splice(..0, heads[head].iter().copied());
            fuzz(&data);
        }
    }
}
