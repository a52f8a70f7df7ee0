//! The name of the key that a TLS 1.2 session ticket was made with (RFC 5077): NewSessionTicket travels in the clear,
//! before the server's ChangeCipherSpec. The first 16 octets of a ticket name the key in the form that RFC 5077
//! (section 4) recommends; the rest of it is never kept.
//!
//! Not here: the handshake itself, and whether a name is one. Some servers' tickets are random from the first octet on.

use super::{
    cursor::Cursor,
    tls::{
        handshake::{Assembler, HandshakeError},
        record::{self, RecordError, RecordReader},
    },
};

/// NewSessionTicket (RFC 5077, 3.3).
pub const NEW_SESSION_TICKET: u8 = 4;
/// Octets of a ticket that name its key (RFC 5077, 4).
pub const NAME_LEN: usize = 16;

/// What a server's side of a handshake showed of its ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ticket {
    /// A ticket, and its first octets.
    Named([u8; NAME_LEN]),
    /// A ticket too short to name a key.
    Short,
    /// An empty ticket: the server issues none after all (RFC 5077, 3.3).
    Empty,
}

/// Why what came is no handshake in which a ticket could be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TicketError {
    /// No TLS records.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// No handshake messages.
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
    /// A NewSessionTicket whose lengths do not add up.
    #[error("a malformed session ticket")]
    Malformed,
}

/// Listens to what a server says in the clear. Bounded: one record and one message at most are held.
#[derive(Debug, Default)]
pub struct Watcher {
    records: RecordReader,
    messages: Assembler,
    found: Option<Ticket>,
    over: bool,
}

impl Watcher {
    /// At the start of a connection.
    pub const fn new() -> Self {
        Self { records: RecordReader::new(), messages: Assembler::new(), found: None, over: false }
    }

    /// Takes in what came, in pieces of any size. After ChangeCipherSpec and after an error nothing is looked at.
    ///
    /// # Errors
    ///
    /// [`TicketError`], once.
    pub fn hear(&mut self, mut input: &[u8]) -> Result<(), TicketError> {
        while !self.over {
            let heard = self.next(&mut input);
            match heard {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(error) => {
                    self.over = true;
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// The ticket, where one came.
    pub const fn found(&self) -> Option<Ticket> {
        self.found
    }

    /// One record; whether there may be another.
    fn next(&mut self, input: &mut &[u8]) -> Result<bool, TicketError> {
        let Some(found) = self.records.read(input)? else {
            return Ok(false);
        };
        match found.content_type {
            record::CHANGE_CIPHER_SPEC => self.over = true,
            record::HANDSHAKE => {
                let mut fragment = found.fragment;
                while let Some(message) = self.messages.read(&mut fragment)? {
                    if message.kind == NEW_SESSION_TICKET {
                        self.found = Some(parse(message.body).ok_or(TicketError::Malformed)?);
                    }
                }
            }
            _ => {}
        }
        Ok(true)
    }
}

/// Reads the body of a NewSessionTicket: a lifetime hint in seconds, and the ticket.
pub fn parse(body: &[u8]) -> Option<Ticket> {
    let mut cursor = Cursor(body);
    let _lifetime: &[u8; 4] = cursor.array()?;
    let ticket = cursor.vec16()?;
    if !cursor.is_empty() {
        return None;
    }
    Some(match ticket.first_chunk() {
        Some(name) => Ticket::Named(*name),
        None if ticket.is_empty() => Ticket::Empty,
        None => Ticket::Short,
    })
}

/// The fuzz entry: what is found does not depend on how the bytes were cut.
///
/// # Panics
///
/// When it does, or when a parser panics.
pub(super) fn fuzz(data: &[u8], step: usize) {
    let _ = parse(data);
    let run = |step: usize| {
        let mut watcher = Watcher::new();
        let error = data.chunks(step.max(1)).find_map(|chunk| watcher.hear(chunk).err());
        (watcher.found(), error)
    };
    assert_eq!(run(data.len()), run(step), "a ticket depends on chunks of {step}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::tls::handshake::encode_message;

    fn ticket(ticket: &[u8]) -> Vec<u8> {
        let mut body = vec![0, 0, 1, 44];
        body.extend_from_slice(&u16::try_from(ticket.len()).unwrap().to_be_bytes());
        body.extend_from_slice(ticket);
        body
    }

    fn flight(body: &[u8]) -> Vec<u8> {
        let (mut messages, mut out) = (Vec::new(), Vec::new());
        encode_message(&mut messages, 2, &[3; 40]);
        encode_message(&mut messages, 14, &[]);
        encode_message(&mut messages, NEW_SESSION_TICKET, body);
        for piece in messages.chunks(13) {
            record::encode(&mut out, record::HANDSHAKE, 0x0303, piece);
        }
        out
    }

    #[test]
    fn the_first_octets_name_the_key_however_the_bytes_come() {
        let named: Vec<u8> = (0..200).collect();
        let expected = Some(Ticket::Named(*named.first_chunk().unwrap()));
        let stream = flight(&ticket(&named));
        for step in [1, 3, 17, stream.len()] {
            let mut watcher = Watcher::new();
            for chunk in stream.chunks(step) {
                watcher.hear(chunk).unwrap();
            }
            assert_eq!(watcher.found(), expected, "pieces of {step}");
        }
    }

    #[test]
    fn bodies_are_read_to_the_letter() {
        let table: &[(Vec<u8>, Option<Ticket>)] = &[
            (ticket(&[9; 16]), Some(Ticket::Named([9; 16]))),
            (ticket(&[9; 15]), Some(Ticket::Short)),
            (ticket(&[]), Some(Ticket::Empty)),
            (vec![0, 0, 0, 0], None),
            (vec![0, 0, 0, 0, 0xff, 0xff, 1], None),
            ([ticket(&[9; 16]), vec![0]].concat(), None),
            (Vec::new(), None),
        ];
        for (body, expected) in table {
            assert_eq!(parse(body), *expected, "{body:?}");
        }
    }

    #[test]
    fn what_comes_after_the_change_of_ciphers_is_not_read() {
        let mut stream = Vec::new();
        record::encode(&mut stream, record::CHANGE_CIPHER_SPEC, 0x0303, &[1]);
        stream.extend(flight(&ticket(&[7; 32])));
        let mut watcher = Watcher::new();
        watcher.hear(&stream).unwrap();
        assert_eq!(watcher.found(), None);
    }

    #[test]
    fn garbage_is_an_error_and_ends_it() {
        for bytes in [b"HTTP/1.1 400 Bad".as_slice(), &flight(&[0, 0, 0, 0, 0xff, 0xff])] {
            let mut watcher = Watcher::new();
            assert!(watcher.hear(bytes).is_err());
            assert_eq!(watcher.hear(&flight(&ticket(&[7; 32]))), Ok(()));
            assert_eq!(watcher.found(), None, "nothing is believed after an error");
        }
    }
}
