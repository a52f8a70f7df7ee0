//! What is said in the clear before TLS, protocol by protocol: state machines over bytes, without sockets or clocks.
//!
//! A dialogue takes bytes as they come, in any pieces, and says what to send, that TLS begins, or how it ended. It
//! holds at most [`MAX_HELD`] bytes, speaks at most [`MAX_SAID`] times, and asks for nothing but the upgrade: it names
//! no user, sends no credential and no mail. Time limits and connections are the driver's business.
//!
//! To add one, write `wire/starttls/<name>.rs` with a `pub(super) const ENTRY`, and add its `mod` line and its entry
//! in [`DIALOGUES`] below.

mod foreign;
pub mod fuzzing;
mod lines;
pub mod tds;
#[cfg(test)]
mod testing;

use std::fmt;

use super::greeting::Greeting;
use crate::model::wrap::Wrap;

/// The most bytes that a dialogue holds; a server that says more before TLS is [`Ended::Garbled`].
pub const MAX_HELD: usize = 64 * 1024;
/// The most messages that a dialogue sends.
pub const MAX_SAID: usize = 8;
/// The longest banner that is kept, in bytes.
pub const MAX_BANNER: usize = 256;

mod ftp;
mod imap;
mod irc;
mod ldap;
mod lmtp;
mod mssql;
mod mysql;
mod nntp;
mod pop3;
mod postgres;
mod rdp;
mod sieve;
mod smtp;
mod telnet;
mod vnc;
mod xmpp_client;
mod xmpp_server;
/// Every dialogue.
pub const DIALOGUES: &[Entry] = &[
    smtp::ENTRY,
    lmtp::ENTRY,
    pop3::ENTRY,
    imap::ENTRY,
    ftp::ENTRY,
    ldap::ENTRY,
    nntp::ENTRY,
    sieve::ENTRY,
    xmpp_client::ENTRY,
    xmpp_server::ENTRY,
    postgres::ENTRY,
    mysql::ENTRY,
    mssql::ENTRY,
    rdp::ENTRY,
    irc::ENTRY,
    telnet::ENTRY,
    vnc::ENTRY,
];

/// One protocol.
#[derive(Clone, Copy)]
pub struct Entry {
    /// Its name: that of its file.
    pub name: &'static str,
    /// The wrap that it serves.
    pub wrap: Wrap,
    /// Begins a dialogue.
    pub begin: fn(&Asked<'_>) -> Box<dyn Dialogue>,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("name", &self.name).field("wrap", &self.wrap).finish_non_exhaustive()
    }
}

/// What a dialogue may need to know.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked<'a> {
    /// The host name that is asked for, where there is one: what XMPP puts into `to`. Never sent where the protocol has
    /// no place for it.
    pub host: Option<&'a str>,
}

/// One conversation up to the first byte of TLS.
pub trait Dialogue: fmt::Debug + Send {
    /// The first step: what to say before anything was heard, or [`Step::More`] where the server speaks first.
    fn open(&mut self) -> Step;

    /// Takes in what came. Never called again after [`Step::Tls`] or [`Step::End`].
    fn hear(&mut self, bytes: &[u8]) -> Step;

    /// What was said and heard since the last call, in our own words, for whoever wants it explained: `greeting, code
    /// 220`, `EHLO`, `STARTTLS offered`. Numbers may be the server's, words never are.
    fn notes(&mut self) -> Vec<Note>;

    /// What the server said of itself first, as it came, at most [`MAX_BANNER`] bytes; empty where the protocol has no
    /// such thing, or nothing came yet. For `wire::banner`, never to be shown.
    fn banner(&self) -> &[u8] {
        &[]
    }
}

/// One line of an explanation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// We said this.
    Said(String),
    /// This came.
    Came(String),
}

/// What follows from what came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// More is wanted.
    More,
    /// Send this, then wait.
    Say(Vec<u8>),
    /// TLS begins now.
    Tls {
        /// How TLS travels from here on.
        tunnel: Tunnel,
        /// Send this first, in the same segment as the ClientHello where that matters; mostly empty.
        say: Vec<u8>,
        /// What came behind the go-ahead in the same bytes: whatever it is, it is read as TLS and nothing else.
        rest: Vec<u8>,
    },
    /// It ends here.
    End(Ended),
}

/// How TLS records travel after the dialogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tunnel {
    /// As they are.
    Bare,
    /// Inside pre-login packets of TDS ([`tds`]).
    Tds,
}

/// Why a dialogue did not lead to TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The protocol is spoken, and TLS is not offered or was refused.
    Refused,
    /// The service asked to come again later: 421, a 4xx greeting or answer, `[UNAVAILABLE]`, `TRYLATER`.
    RateLimited,
    /// Something else is spoken, recognised or not.
    NotThis(Option<Greeting>),
    /// The protocol was spoken, and then something that makes no sense in it, or too much of it.
    Garbled,
}

/// The dialogue of a wrap, where it has one.
pub fn find(wrap: Wrap) -> Option<&'static Entry> {
    DIALOGUES.iter().find(|entry| entry.wrap == wrap)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_file_is_registered() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/wire/starttls");
        let shared = ["mod", "lines", "tds", "testing", "tests", "fuzzing", "foreign"];
        let files: BTreeSet<String> = std::fs::read_dir(folder)
            .unwrap()
            .filter_map(|entry| Some(entry.unwrap().path().file_stem()?.to_str()?.to_owned()))
            .filter(|stem| !shared.contains(&stem.as_str()))
            .collect();
        let names: BTreeSet<String> = DIALOGUES.iter().map(|d| d.name.replace('-', "_")).collect();
        assert_eq!(files, names);
    }

    #[test]
    fn every_starttls_wrap_has_one_dialogue() {
        for wrap in Wrap::ALL {
            let wanted = usize::from(wrap.as_str().starts_with("starttls-"));
            assert_eq!(DIALOGUES.iter().filter(|d| d.wrap == *wrap).count(), wanted, "{wrap}");
        }
    }
}
