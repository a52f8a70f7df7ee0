//! The SSLRequest of PostgreSQL (its manual, "SSL Session Encryption" in the message flow): one letter answers it.
//!
//! Not the protocol itself: no startup message is sent, so no user and no database are named.

use super::foreign::{Head, Seen, end};
use super::{Asked, Dialogue, Ended, Entry, Note, Step, Tunnel};
use crate::model::wrap::Wrap;
use crate::wire::cursor::Cursor;
use crate::wire::greeting::Greeting;

/// The dialogue's registration.
pub(super) const ENTRY: Entry =
    Entry { name: "postgres", wrap: Wrap::Postgres, begin: |_: &Asked<'_>| Box::new(Postgres::default()) };

/// Length 8 and the number that stands in the place of a protocol version: 1234.5679.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// The longest error that is read: the server's own limit for the packets of this phase is 30000 bytes.
const MAX_ERROR: usize = 30_000;

#[derive(Debug, Default)]
struct Postgres {
    held: Vec<u8>,
    head: Head,
    notes: Vec<Note>,
}

impl Dialogue for Postgres {
    fn open(&mut self) -> Step {
        self.notes.push(Note::Said("SSLRequest".to_owned()));
        Step::Say(SSL_REQUEST.to_vec())
    }

    fn hear(&mut self, bytes: &[u8]) -> Step {
        self.held.extend_from_slice(bytes);
        let Some((letter, rest)) = self.held.split_first() else { return Step::More };
        match letter {
            b'S' => {
                let rest = rest.to_vec();
                self.came("S: TLS begins");
                Step::Tls { tunnel: Tunnel::Bare, say: Vec::new(), rest }
            }
            b'N' => {
                self.came("N: no TLS");
                Step::End(Ended::Refused)
            }
            b'E' => self.error(),
            _ => self.head.step(&self.held, None, &mut self.notes),
        }
    }

    fn notes(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.notes)
    }
}

impl Postgres {
    fn came(&mut self, what: impl Into<String>) {
        self.notes.push(Note::Came(what.into()));
    }

    /// An error in the place of the letter. The first byte behind `E` tells the two forms apart: a length below 16 MB
    /// begins with 0, the text of protocol 2 does not.
    fn error(&mut self) -> Step {
        let mut at = Cursor(self.held.get(1..).unwrap_or_default());
        let read = match at.0.first() {
            None => return Step::More,
            Some(0) => fields(&mut at).map(sqlstate),
            Some(_) => {
                // What an IRC server says last begins like an error in text.
                if let Seen::Known(other) = self.head.look(&self.held)
                    && other != Greeting::Postgres
                {
                    return end(Ended::NotThis(Some(other)), &mut self.notes);
                }
                text(at.0).map(|text| Ok((cannot_fork(text), None)))
            }
        };
        let (later, class) = match read {
            Ok(Ok(read)) => read,
            Err(Unread::More) => return Step::More,
            Err(Unread::Bad) | Ok(Err(Bad)) => return end(Ended::Garbled, &mut self.notes),
        };
        match class {
            Some([a, b]) => self.came(format!("an error of class {a}{b}")),
            None => self.came("an error without a class"),
        }
        Step::End(if later { Ended::RateLimited } else { Ended::Refused })
    }
}

/// Why an error cannot be read.
#[derive(Debug)]
enum Unread {
    More,
    Bad,
}

/// The fields of an error of protocol 3, without the length before them.
fn fields<'a>(at: &mut Cursor<'a>) -> Result<&'a [u8], Unread> {
    let length = at.array().map(|b| u32::from_be_bytes(*b)).ok_or(Unread::More)?;
    let length = usize::try_from(length).ok().filter(|n| (4..=MAX_ERROR).contains(n)).ok_or(Unread::Bad)?;
    at.take(length - 4).ok_or(Unread::More)
}

/// The text of an error of protocol 2, up to the zero behind it.
fn text(left: &[u8]) -> Result<&[u8], Unread> {
    let near = left.get(..MAX_ERROR).unwrap_or(left);
    let missing = if near.len() == MAX_ERROR { Unread::Bad } else { Unread::More };
    near.iter().position(|b| *b == 0).and_then(|end| near.get(..end)).ok_or(missing)
}

/// The fields do not make sense.
#[derive(Debug)]
struct Bad;

/// Whether the state of an error asks to come later, and its class where it is one of digits.
fn sqlstate(mut fields: &[u8]) -> Result<(bool, Option<[char; 2]>), Bad> {
    let mut found: Option<&[u8]> = None;
    while let Some((&kind, rest)) = fields.split_first() {
        if kind == 0 {
            break;
        }
        let end = rest.iter().position(|b| *b == 0).ok_or(Bad)?;
        let (text, rest) = rest.split_at_checked(end).ok_or(Bad)?;
        if kind == b'C' && found.is_none() {
            found = Some(text);
        }
        fields = rest.get(1..).ok_or(Bad)?;
    }
    let Some(state) = found else { return Ok((false, None)) };
    // Class 53 is a want of resources, too many connections among them; 57P01 to 57P03 are a server that stops, has
    // just crashed or is starting.
    let later = matches!(state, [b'5', b'3', _, _, _] | [b'5', b'7', b'P', b'0', b'1'..=b'3']);
    let class = match state {
        [a @ b'0'..=b'9', b @ b'0'..=b'9', _, _, _] => Some([char::from(*a), char::from(*b)]),
        _ => None,
    };
    Ok((later, class))
}

/// What old servers say when they run out of processes, in the form of protocol 2.
fn cannot_fork(text: &[u8]) -> bool {
    let phrase = b"could not fork";
    text.windows(phrase.len()).any(|w| w.eq_ignore_ascii_case(phrase))
}

#[cfg(test)]
mod tests;
