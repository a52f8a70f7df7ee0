//! The SSL request of MySQL and MariaDB ("Connection Phase" in their manuals): the server greets, we ask, and TLS
//! follows at once.
//!
//! Not a login: the request is the first part of one, and the part that names a user is never sent.

use super::foreign::{Head, end};
use super::{Asked, Dialogue, Ended, Entry, MAX_BANNER, Note, Step, Tunnel};
use crate::model::wrap::Wrap;
use crate::wire::cursor::Cursor;
use crate::wire::greeting;

/// The dialogue's registration.
pub(super) const ENTRY: Entry =
    Entry { name: "mysql", wrap: Wrap::Mysql, begin: |_: &Asked<'_>| Box::new(Mysql::default()) };

/// The longest greeting or error that is read; real ones stay below 600 bytes.
const MAX_PACKET: usize = 4096;

// Capabilities, as both sides number them.
const LONG_PASSWORD: u32 = 1;
const LONG_FLAG: u32 = 1 << 2;
const PROTOCOL_41: u32 = 1 << 9;
const SSL: u32 = 1 << 11;
const SECURE_CONNECTION: u32 = 1 << 15;

#[derive(Debug, Default)]
struct Mysql {
    held: Vec<u8>,
    head: Head,
    version: Vec<u8>,
    notes: Vec<Note>,
}

impl Dialogue for Mysql {
    fn open(&mut self) -> Step {
        Step::More
    }

    fn hear(&mut self, bytes: &[u8]) -> Step {
        self.held.extend_from_slice(bytes);
        let mut at = Cursor(&self.held);
        let Some([low, middle, high, sequence]) = at.array() else { return Step::More };
        let length = usize::from(*high) << 16 | usize::from(*middle) << 8 | usize::from(*low);
        // The kind of the packet is looked at as soon as it is there: what is something else need not be waited for.
        let plausible = *sequence == 0
            && (1..=MAX_PACKET).contains(&length)
            && at.0.first().is_none_or(|kind| matches!(kind, 9 | 10 | 0xff));
        if !plausible {
            return self.head.step(&self.held, Some(greeting::Greeting::Mysql), &mut self.notes);
        }
        let Some(packet) = at.take(length) else { return Step::More };
        let (packet, rest) = (packet.to_vec(), at.0.to_vec());
        match packet.split_first() {
            Some((10, body)) => self.greeting(body, rest),
            Some((0xff, body)) => self.error(body),
            _ => {
                self.came("a greeting of protocol 9, which has no TLS");
                Step::End(Ended::Refused)
            }
        }
    }

    fn notes(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.notes)
    }

    fn banner(&self) -> &[u8] {
        &self.version
    }
}

impl Mysql {
    fn came(&mut self, what: impl Into<String>) {
        self.notes.push(Note::Came(what.into()));
    }

    fn greeting(&mut self, body: &[u8], rest: Vec<u8>) -> Step {
        let Some(greeting) = Greeting::parse(body) else { return end(Ended::Garbled, &mut self.notes) };
        self.version = greeting.version.get(..MAX_BANNER).unwrap_or(greeting.version).to_vec();
        if greeting.capabilities & SSL == 0 {
            self.came("a greeting of protocol 10 without TLS");
            return Step::End(Ended::Refused);
        }
        self.came("a greeting of protocol 10 with TLS");
        self.notes.push(Note::Said("SSL request".to_owned()));
        Step::Tls { tunnel: Tunnel::Bare, say: request(&greeting), rest }
    }

    fn error(&mut self, body: &[u8]) -> Step {
        let Some(code) = Cursor(body).array().map(|b| u16::from_le_bytes(*b)) else {
            return end(Ended::Garbled, &mut self.notes);
        };
        self.came(format!("error {code} in the place of a greeting"));
        // Too many connections, out of resources, shutting down, this host is blocked for now, no thread for it, too
        // many of this user, a limit of this user, offline for maintenance, not available. Any other, as 1130 (this
        // host may not connect), will be the same tomorrow.
        let later = matches!(code, 1040 | 1041 | 1053 | 1129 | 1135 | 1203 | 1226 | 3032 | 3168);
        Step::End(if later { Ended::RateLimited } else { Ended::Refused })
    }
}

/// What the request needs of a greeting.
#[derive(Debug)]
struct Greeting<'a> {
    version: &'a [u8],
    capabilities: u32,
    charset: u8,
}

impl<'a> Greeting<'a> {
    /// Reads what follows the protocol's number. Servers before 4.1 end after the lower half of the capabilities.
    fn parse(body: &'a [u8]) -> Option<Self> {
        let mut at = Cursor(body);
        let version = at.take(body.iter().position(|b| *b == 0)?)?;
        // The end of the version, the number of the thread, eight bytes of salt and a filler.
        at.take(1 + 4 + 8 + 1)?;
        let capabilities = u32::from(u16::from_le_bytes(*at.array()?));
        Some(Self { version, capabilities, charset: at.u8().unwrap_or(0) })
    }
}

/// The first part of a login, which ends where TLS begins: capabilities, the longest packet, the character set.
fn request(greeting: &Greeting<'_>) -> Vec<u8> {
    let wanted = LONG_PASSWORD | LONG_FLAG | SECURE_CONNECTION;
    let flags = SSL | (greeting.capabilities & (wanted | PROTOCOL_41));
    let [a, b, ..] = flags.to_le_bytes();
    if flags & PROTOCOL_41 == 0 {
        // The short form, for servers before 4.1.
        return vec![5, 0, 0, 1, a, b, 0xff, 0xff, 0xff];
    }
    let mut out = vec![32, 0, 0, 1, a, b, 0, 0];
    out.extend_from_slice(&(1_u32 << 24).to_le_bytes());
    out.push(greeting.charset);
    out.resize(36, 0);
    out
}

#[cfg(test)]
mod tests;
