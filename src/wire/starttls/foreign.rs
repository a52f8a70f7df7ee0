//! What the binary dialogues share: the first bytes of something that is not what they expect.
//!
//! The dialogue says that it is something else; this only waits until enough came to name it. It settles byte by byte,
//! so that the name never depends on how the bytes were cut.

use super::{Ended, Note, Step};
use crate::wire::greeting::{ENOUGH, Greeting, recognise};

/// What was about to be said since `before` is not said any more, where a dialogue ends first.
pub(super) fn forget_said(before: usize, notes: &mut Vec<Note>) {
    let late = notes.split_off(before);
    notes.extend(late.into_iter().filter(|note| matches!(note, Note::Came(_))));
}

/// As many bytes of text as tell all greetings but those that need their whole line.
const TEXT_ENOUGH: usize = 17;
/// As many bytes as tell all binary greetings.
const BINARY_ENOUGH: usize = 12;

/// The first bytes, looked at one by one.
#[derive(Debug, Default)]
pub(super) struct Head {
    bytes: Vec<u8>,
    seen: Seen,
}

/// What they show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Seen {
    /// Nothing yet: the next byte may tell.
    #[default]
    More,
    /// A protocol.
    Known(Greeting),
    /// Nothing, and no byte will change that.
    Unknown,
}

impl Seen {
    /// The protocol, where there is one.
    pub(super) const fn known(self) -> Option<Greeting> {
        match self {
            Self::Known(found) => Some(found),
            Self::More | Self::Unknown => None,
        }
    }
}

impl Head {
    /// Looks at those bytes of `held`, which begins where the stream does, that were not looked at before.
    pub(super) fn look(&mut self, held: &[u8]) -> Seen {
        for byte in held.get(self.bytes.len()..).unwrap_or_default() {
            if self.seen != Seen::More {
                break;
            }
            self.bytes.push(*byte);
            self.seen = settle(&self.bytes);
        }
        self.seen
    }

    /// The same as a step. What is recognised as the dialogue's `own` protocol after all is a broken form of it.
    pub(super) fn step(&mut self, held: &[u8], own: Option<Greeting>, notes: &mut Vec<Note>) -> Step {
        match self.look(held) {
            Seen::More => Step::More,
            Seen::Known(found) if Some(found) == own => end(Ended::Garbled, notes),
            seen => end(Ended::NotThis(seen.known()), notes),
        }
    }
}

/// Ends a dialogue, and notes why where bytes were not understood.
pub(super) fn end(ended: Ended, notes: &mut Vec<Note>) -> Step {
    match ended {
        Ended::NotThis(Some(found)) => {
            notes.push(Note::Came(format!("something else, it looks like {found}")));
        }
        Ended::NotThis(None) => notes.push(Note::Came("something else".to_owned())),
        Ended::Garbled => notes.push(Note::Came("something that makes no sense here".to_owned())),
        Ended::Refused | Ended::RateLimited => {}
    }
    Step::End(ended)
}

/// What a prefix shows.
fn settle(prefix: &[u8]) -> Seen {
    if matches!(prefix, [0x14..=0x17, 3, 0..=4]) {
        return Seen::Unknown; // a TLS record: an alert that answers our words
    }
    let found = recognise(prefix);
    let is_text =
        prefix.iter().all(|b| b.is_ascii_graphic() || matches!(*b, b' ' | b'\t' | b'\r' | b'\n' | 0x80..));
    let complete = match found {
        // The rest of the line may name the protocol better.
        Some(Greeting::Smtp | Greeting::Lmtp | Greeting::Ftp | Greeting::SmtpOrFtp) => {
            prefix.ends_with(b"\n")
        }
        Some(_) => true,
        // A notice of an IRC server begins with the server's name.
        None if prefix.first() == Some(&b':') => prefix.ends_with(b"\n"),
        None if is_text && prefix.len() > 5 => prefix.len() >= TEXT_ENOUGH || prefix.ends_with(b"\n"),
        None => prefix.len() >= if is_text { TEXT_ENOUGH } else { BINARY_ENOUGH },
    };
    match found {
        _ if !complete && prefix.len() < ENOUGH => Seen::More,
        Some(found) => Seen::Known(found),
        None => Seen::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(bytes: &[u8]) -> Seen {
        let whole = Head::default().look(bytes);
        let mut slow = Head::default();
        let last = (0..=bytes.len()).map(|n| slow.look(bytes.get(..n).unwrap())).next_back().unwrap();
        assert_eq!(whole, last, "{bytes:?}");
        whole
    }

    #[test]
    fn greetings_are_named_as_soon_as_they_can_be() {
        let table: &[(&[u8], Seen)] = &[
            (b"SSH-2.0-OpenSSH_9.2\r\n", Seen::Known(Greeting::Ssh)),
            (b"SSH-", Seen::Known(Greeting::Ssh)),
            (b"220 mail.example ESMTP", Seen::More),
            (b"220 mail.example ESMTP\r\n", Seen::Known(Greeting::Smtp)),
            (b"220 mail.example\r\n", Seen::Known(Greeting::SmtpOrFtp)),
            (b":irc.example NOTICE * :", Seen::Known(Greeting::Irc)),
            (b"J\x00\x00\x00\x0a", Seen::More),
            (b"J\x00\x00\x00\x0a8.0", Seen::Known(Greeting::Mysql)),
            (b"\xff\xfd\x18", Seen::Known(Greeting::Telnet)),
            (b"\x15\x03\x01\x00\x02\x02\x0a", Seen::Unknown),
            (b"hello\r\n", Seen::Unknown),
            (b"hello", Seen::More),
            (b"a line that nobody knows", Seen::Unknown),
            (b"\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0b\x0c\x0e", Seen::Unknown),
            (b"", Seen::More),
        ];
        for (bytes, expected) in table {
            assert_eq!(look(bytes), *expected, "{bytes:?}");
        }
    }

    #[test]
    fn endless_lines_are_settled() {
        assert_eq!(look(&[b"220 ".as_slice(), &[b'x'; ENOUGH]].concat()), Seen::Known(Greeting::SmtpOrFtp));
        assert_eq!(look(&[b':'; ENOUGH]), Seen::Unknown);
    }

    #[test]
    fn a_broken_form_of_the_own_protocol_is_garbled() {
        let mut notes = Vec::new();
        let step = Head::default().step(b"RFB 00x", Some(Greeting::Vnc), &mut notes);
        assert_eq!(step, Step::End(Ended::Garbled));
        assert_eq!(notes.len(), 1);
    }
}
