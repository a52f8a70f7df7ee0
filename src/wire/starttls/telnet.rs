//! START_TLS in telnet (draft-altman-telnet-starttls; option 46): the client says WILL, the server DO, both that TLS
//! follows.
//!
//! Not a terminal: every other option is refused, and what is meant for eyes is only searched for a prompt, because a
//! server that asks for a name in the clear has passed the moment.

use std::collections::BTreeSet;

use super::foreign::{Head, Seen, end, forget_said};
use super::{Asked, Dialogue, Ended, Entry, MAX_HELD, MAX_SAID, Note, Step, Tunnel};
use crate::model::wrap::Wrap;
use crate::wire::greeting::{ENOUGH, Greeting};

/// The dialogue's registration.
pub(super) const ENTRY: Entry =
    Entry { name: "telnet", wrap: Wrap::Telnet, begin: |_: &Asked<'_>| Box::new(Telnet::default()) };

// Commands of RFC 854.
const IAC: u8 = 255;
const DONT: u8 = 254;
const DO: u8 = 253;
const WONT: u8 = 252;
const WILL: u8 = 251;
const SB: u8 = 250;
const SE: u8 = 240;

const START_TLS: u8 = 46;
/// The only word of the option.
const FOLLOWS: [u8; 6] = [IAC, SB, START_TLS, 1, IAC, SE];

/// What stands before the cursor when a name or a password is asked for, in lower case without spaces.
const PROMPTS: [&[u8]; 5] = [b"login:", b"username:", b"password:", b"user:", b"loginas:"];
/// The longest of those.
const LONGEST_PROMPT: usize = 9;

#[derive(Debug, Default)]
struct Telnet {
    /// All that came, counted.
    heard: usize,
    /// The first bytes, for as long as nothing shows that this is telnet.
    first: Vec<u8>,
    head: Head,
    /// Whether something showed it.
    known: bool,
    state: State,
    /// The last letters of what is meant for eyes.
    text: Vec<u8>,
    /// What was answered, so that nothing is answered twice.
    refused: BTreeSet<(u8, u8)>,
    /// How many words were said, but for the last one. They are counted one by one, as they would be sent if they were
    /// asked for one by one.
    said: usize,
    agreed: bool,
    notes: Vec<Note>,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Text,
    Command,
    /// WILL, WONT, DO or DONT, and its option is missing.
    Option(u8),
    /// In a sub-negotiation: how much of [`FOLLOWS`] was matched, where it still does.
    Sub(Option<u8>),
    /// The same, behind an IAC.
    SubCommand(Option<u8>),
}

/// What the first bytes show.
enum First {
    Telnet,
    Unsure,
    Foreign(Option<Greeting>),
}

/// What one byte leads to.
enum Turn {
    Nothing,
    Say(Vec<u8>),
    Tls,
    End(Ended),
}

impl Dialogue for Telnet {
    fn open(&mut self) -> Step {
        self.said = 1;
        self.notes.push(Note::Said("WILL START_TLS".to_owned()));
        Step::Say(vec![IAC, WILL, START_TLS])
    }

    fn hear(&mut self, bytes: &[u8]) -> Step {
        let (mut say, before) = (Vec::new(), self.notes.len());
        let mut left = bytes;
        while let Some((byte, rest)) = left.split_first() {
            left = rest;
            self.heard += 1;
            let turn = match self.foreign(*byte) {
                _ if self.heard > MAX_HELD => Turn::End(Ended::Garbled),
                First::Telnet => self.turn(*byte),
                First::Unsure => Turn::Nothing,
                First::Foreign(found) => Turn::End(Ended::NotThis(found)),
            };
            match turn {
                Turn::Nothing => {}
                Turn::Say(more) => say.extend(more),
                Turn::Tls => return Step::Tls { tunnel: Tunnel::Bare, say, rest: rest.to_vec() },
                Turn::End(ended) => {
                    forget_said(before, &mut self.notes);
                    return end(ended, &mut self.notes);
                }
            }
        }
        if say.is_empty() { Step::More } else { Step::Say(say) }
    }

    fn notes(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.notes)
    }
}

impl Telnet {
    fn came(&mut self, what: impl Into<String>) {
        self.notes.push(Note::Came(what.into()));
    }

    /// Whether the first bytes are those of something else. They are looked at until a command of telnet comes: many
    /// servers greet with text first.
    fn foreign(&mut self, byte: u8) -> First {
        if self.known || self.first.len() == ENOUGH {
            return First::Telnet;
        }
        self.first.push(byte);
        let found = self.head.look(&self.first);
        // Nothing that is meant for eyes begins so: binary greetings, a TLS record. They may hold an IAC.
        if matches!(*self.first, [1..=6 | 14..=26 | 28..=31 | 128..=254, ..] | [_, 0, 0, ..] | [_, _, 0, 0, ..])
        {
            return if found == Seen::More { First::Unsure } else { First::Foreign(found.known()) };
        }
        match found {
            Seen::Known(other) if other != Greeting::Telnet => First::Foreign(Some(other)),
            _ => {
                self.known = byte == IAC;
                First::Telnet
            }
        }
    }

    fn turn(&mut self, byte: u8) -> Turn {
        match (self.state, byte) {
            (State::Text, IAC) => self.state = State::Command,
            (State::Text, _) => return self.text(byte),
            (State::Command, WILL | WONT | DO | DONT) => self.state = State::Option(byte),
            (State::Command, SB) => self.state = State::Sub(Some(2)),
            (State::SubCommand(Some(4)), SE) => {
                self.state = State::Text;
                return self.follows();
            }
            (State::Command, _) | (State::SubCommand(_), SE) => self.state = State::Text,
            (State::Option(command), option) => {
                self.state = State::Text;
                return self.option(command, option);
            }
            (State::Sub(matched), IAC) => self.state = State::SubCommand(matched),
            (State::Sub(matched), _) => self.state = State::Sub(advance(matched, byte)),
            // A doubled IAC is a byte of the content, which ours has none of.
            (State::SubCommand(_), _) => self.state = State::Sub(None),
        }
        Turn::Nothing
    }

    fn option(&mut self, command: u8, option: u8) -> Turn {
        match (command, option) {
            (DO, START_TLS) if self.agreed => Turn::Nothing,
            (DO, START_TLS) => {
                self.agreed = true;
                self.came("DO START_TLS");
                self.notes.push(Note::Said("START_TLS FOLLOWS".to_owned()));
                Turn::Say(FOLLOWS.to_vec())
            }
            (DONT, START_TLS) => {
                self.came("DONT START_TLS");
                Turn::End(Ended::Refused)
            }
            (WONT, START_TLS) => {
                self.came("WONT START_TLS");
                Turn::End(Ended::Refused)
            }
            (DO, _) => self.refuse(WONT, option),
            // A server has no WILL START_TLS to say either.
            (WILL, _) => self.refuse(DONT, option),
            _ => Turn::Nothing,
        }
    }

    /// Refuses an option once. The last of what may be said is kept for the word that matters.
    fn refuse(&mut self, command: u8, option: u8) -> Turn {
        if self.said >= MAX_SAID - 1 || !self.refused.insert((command, option)) {
            return Turn::Nothing;
        }
        self.said += 1;
        let (theirs, ours) = if command == WONT { ("DO", "WONT") } else { ("WILL", "DONT") };
        self.came(format!("{theirs} {option}"));
        self.notes.push(Note::Said(format!("{ours} {option}")));
        Turn::Say(vec![IAC, command, option])
    }

    fn follows(&mut self) -> Turn {
        if !self.agreed {
            self.came("START_TLS FOLLOWS out of turn");
            return Turn::End(Ended::Garbled);
        }
        self.came("START_TLS FOLLOWS: TLS begins");
        Turn::Tls
    }

    fn text(&mut self, byte: u8) -> Turn {
        match byte {
            b'\r' | b'\n' => self.text.clear(),
            b' ' | b'\t' | 0 => {}
            _ => {
                if self.text.len() == LONGEST_PROMPT {
                    self.text.remove(0);
                }
                self.text.push(byte.to_ascii_lowercase());
            }
        }
        if self.agreed || !PROMPTS.iter().any(|prompt| self.text.ends_with(prompt)) {
            return Turn::Nothing;
        }
        self.came("a prompt in the clear");
        Turn::End(Ended::Refused)
    }
}

/// One more byte of [`FOLLOWS`], counted in bytes of it.
fn advance(matched: Option<u8>, byte: u8) -> Option<u8> {
    let matched = matched.filter(|n| *n < 4)?;
    (FOLLOWS.get(usize::from(matched)) == Some(&byte)).then_some(matched + 1)
}

#[cfg(test)]
mod tests;
