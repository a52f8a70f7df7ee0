//! The pre-login of Microsoft SQL Server (MS-TDS 2.2.6.5): options both ways, then TLS inside packets ([`tds`]).
//!
//! Not for servers that speak TDS 8, which begin with TLS and need no dialogue; and no login follows.

use super::foreign::{Head, end};
use super::tds::{self, END_OF_MESSAGE, HEADER_LEN, Header, PRELOGIN, TABULAR};
use super::{Asked, Dialogue, Ended, Entry, Note, Step, Tunnel};
use crate::model::wrap::Wrap;
use crate::wire::cursor::Cursor;

/// The dialogue's registration.
pub(super) const ENTRY: Entry =
    Entry { name: "mssql", wrap: Wrap::Mssql, begin: |_: &Asked<'_>| Box::new(Mssql::default()) };

/// The longest message that is read, headers and all; an answer is about 50 bytes, an error a few hundred.
const MAX_MESSAGE: usize = 8192;

// Options of the pre-login.
const VERSION: u8 = 0;
const ENCRYPTION: u8 = 1;
const TERMINATOR: u8 = 0xff;

/// Version 9.0.0, encryption on, the default instance, no thread, no MARS: every option that old servers insist on, at
/// its offset behind the list.
const REQUEST: [u8; 39] = [
    VERSION, 0, 26, 0, 6, ENCRYPTION, 0, 32, 0, 1, 2, 0, 33, 0, 1, 3, 0, 34, 0, 4, 4, 0, 38, 0, 1,
    TERMINATOR, // the list
    9, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0,
];

#[derive(Debug, Default)]
struct Mssql {
    held: Vec<u8>,
    head: Head,
    version: Vec<u8>,
    notes: Vec<Note>,
}

impl Dialogue for Mssql {
    fn open(&mut self) -> Step {
        self.notes.push(Note::Said("PRELOGIN with encryption".to_owned()));
        let mut out = Vec::new();
        tds::packet(&mut out, PRELOGIN, END_OF_MESSAGE, 0, &REQUEST);
        Step::Say(out)
    }

    fn hear(&mut self, bytes: &[u8]) -> Step {
        self.held.extend_from_slice(bytes);
        // The answer is one of type 4; a pre-login packet would carry TLS, which is not ours to read.
        if self.held.first().is_some_and(|kind| *kind != TABULAR) {
            return self.head.step(&self.held, None, &mut self.notes);
        }
        let (message, rest) = match message(&self.held) {
            Ok(Some((message, rest))) => (message, rest.to_vec()),
            Ok(None) => return Step::More,
            Err(Bad::First) => return self.head.step(&self.held, None, &mut self.notes),
            Err(Bad::Later) => return end(Ended::Garbled, &mut self.notes),
        };
        if message.first() == Some(&0xaa) {
            return self.error(&message);
        }
        let Some(options) = Options::parse(&message) else {
            self.came("an answer whose options make no sense");
            return Step::End(Ended::Garbled);
        };
        self.version = options.version.to_vec();
        match options.encryption {
            None => {
                self.came("an answer without a word on encryption");
                Step::End(Ended::Refused)
            }
            Some(2) => {
                self.came("encryption 2: not supported");
                Step::End(Ended::Refused)
            }
            // Off is for what follows the login only: the login itself is encrypted all the same.
            Some(how @ (0 | 1 | 3)) => {
                self.came(format!("encryption {how}: TLS begins"));
                Step::Tls { tunnel: Tunnel::Tds, say: Vec::new(), rest }
            }
            Some(how) => {
                self.came(format!("encryption {how}, which nobody knows"));
                Step::End(Ended::Garbled)
            }
        }
    }

    fn notes(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.notes)
    }

    /// The six bytes of the version option: major, minor, build (two bytes, high one first), sub-build.
    fn banner(&self) -> &[u8] {
        &self.version
    }
}

impl Mssql {
    fn came(&mut self, what: impl Into<String>) {
        self.notes.push(Note::Came(what.into()));
    }

    /// An error token in the place of the options: a length and a number, low byte first, and texts.
    fn error(&mut self, message: &[u8]) -> Step {
        let mut at = Cursor(message);
        let number = at.array::<3>().and_then(|_| at.array()).map(|b| i32::from_le_bytes(*b));
        let Some(number) = number else { return end(Ended::Garbled, &mut self.notes) };
        self.came(format!("error {number}"));
        // Paused, not ready yet, shutting down, too many connections; busy and unavailable as the cloud says them.
        let later = matches!(number, 17142 | 17187 | 17188 | 17809 | 40501 | 40613);
        Step::End(if later { Ended::RateLimited } else { Ended::Refused })
    }
}

/// Where a message broke.
#[derive(Debug, PartialEq, Eq)]
enum Bad {
    /// At the first header.
    First,
    /// Behind it.
    Later,
}

/// The first message, put together from its packets, and what is behind it.
type Message<'a> = (Vec<u8>, &'a [u8]);

/// Reads the first message. `None`: more is wanted.
fn message(held: &[u8]) -> Result<Option<Message<'_>>, Bad> {
    let (mut left, mut message) = (held, Vec::new());
    loop {
        let bad = if message.is_empty() { Bad::First } else { Bad::Later };
        if left.first().is_some_and(|kind| *kind != TABULAR) {
            return Err(bad);
        }
        let Some(header) = Header::read(left).map_err(|tds::NotTds| bad)? else { return Ok(None) };
        if held.len() - left.len() + HEADER_LEN + header.content > MAX_MESSAGE {
            return Err(Bad::Later);
        }
        let Some((content, behind)) = left.get(HEADER_LEN..).and_then(|b| b.split_at_checked(header.content))
        else {
            return Ok(None);
        };
        message.extend_from_slice(content);
        left = behind;
        if header.last {
            return Ok(Some((message, left)));
        }
    }
}

/// The options of an answer that matter here.
#[derive(Debug)]
struct Options<'a> {
    version: &'a [u8],
    encryption: Option<u8>,
}

impl<'a> Options<'a> {
    /// The list must begin with the version, end with the terminator, name nothing twice that is read here, and point
    /// behind itself and into the message.
    fn parse(message: &'a [u8]) -> Option<Self> {
        let mut list = Cursor(message);
        let mut spans: Vec<(u8, u16, u16)> = Vec::new();
        loop {
            match list.u8()? {
                TERMINATOR => break,
                token => spans.push((token, list.u16()?, list.u16()?)),
            }
        }
        let behind = message.len() - list.0.len();
        let mut found = Self { version: &[], encryption: None };
        for (index, (token, offset, length)) in spans.into_iter().enumerate() {
            let offset = usize::from(offset);
            let value = message.get(offset..offset + usize::from(length)).filter(|_| offset >= behind)?;
            match (token, value) {
                (VERSION, value) if index == 0 && value.len() == 6 => found.version = value,
                (ENCRYPTION, [how]) if found.encryption.is_none() => found.encryption = Some(*how),
                (VERSION | ENCRYPTION, _) => return None,
                _ => {}
            }
        }
        (!found.version.is_empty()).then_some(found)
    }
}

#[cfg(test)]
mod tests;
