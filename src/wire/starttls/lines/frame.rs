//! The frame around a protocol made of lines.
//!
//! It goes on through everything that has come before it answers, so that the end of a dialogue never depends on how
//! the bytes were cut. What it would say between two lines that came together is said in one piece.

use std::fmt;

use super::{
    super::{Dialogue, Ended, MAX_BANNER, MAX_SAID, Note, Step, Tunnel},
    Lines, TooMuch,
};
use crate::wire::greeting::{self, Greeting, recognise};

/// The most notes that are kept between two calls of `notes`.
const MAX_NOTES: usize = 40;

/// What a line leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::wire::starttls) enum Turn {
    /// More lines are wanted.
    More,
    /// Send this and wait.
    Say(Vec<u8>),
    /// This was the go-ahead.
    Tls,
    /// It ends here.
    End(Ended),
    /// The first line is not of this protocol.
    Foreign,
}

/// One protocol made of lines.
pub(in crate::wire::starttls) trait Protocol: fmt::Debug + Send {
    /// As what `wire::greeting` may recognise its first line.
    const OWN: &'static [Greeting];

    /// What to say before anything was heard.
    fn open(&mut self, _: &mut Log) -> Option<Vec<u8>> {
        None
    }

    /// Whether a line that begins so can hold literals.
    fn literals(_: &[u8]) -> bool {
        false
    }

    /// Judges one line. Empty lines before the first are not shown.
    fn line(&mut self, line: &[u8], log: &mut Log) -> Turn;
}

/// What a protocol tells beside its turns.
#[derive(Debug, Default)]
pub(in crate::wire::starttls) struct Log {
    notes: Vec<Note>,
    banner: Vec<u8>,
}

impl Log {
    /// Notes what we say.
    pub(in crate::wire::starttls) fn said(&mut self, what: &str) {
        self.note(Note::Said(what.to_owned()));
    }

    /// Notes what came, in our own words.
    pub(in crate::wire::starttls) fn came(&mut self, what: impl Into<String>) {
        self.note(Note::Came(what.into()));
    }

    /// Keeps what the server says of itself.
    pub(in crate::wire::starttls) fn banner(&mut self, line: &[u8]) {
        line.get(..MAX_BANNER).unwrap_or(line).clone_into(&mut self.banner);
    }

    /// Notes and says one command.
    pub(in crate::wire::starttls) fn say(&mut self, what: &str) -> Turn {
        self.said(what);
        Turn::Say(format!("{what}\r\n").into_bytes())
    }

    fn note(&mut self, note: Note) {
        if self.notes.len() < MAX_NOTES {
            self.notes.push(note);
        }
    }
}

/// Whether the first bytes are a greeting of MySQL, whose fifth byte is a line feed.
fn is_mysql(head: &[u8]) -> bool {
    matches!(head, [_, _, 0, 0, b'\n', b'0'..=b'9', ..])
}

/// The frame around a protocol.
#[derive(Debug)]
pub(in crate::wire::starttls) struct Text<P> {
    protocol: P,
    lines: Lines,
    log: Log,
    /// The first bytes that came, at most [`greeting::ENOUGH`].
    head: Vec<u8>,
    /// How many of them were looked at.
    sniffed: usize,
    /// Whether a line of the protocol came.
    begun: bool,
    /// Whether one byte more tells what the server is.
    nearly: bool,
    said: usize,
}

impl<P: Protocol> Text<P> {
    /// A frame at its beginning.
    pub(in crate::wire::starttls) fn new(protocol: P) -> Self {
        Self {
            protocol,
            lines: Lines::default(),
            log: Log::default(),
            head: Vec::new(),
            sniffed: 0,
            begun: false,
            nearly: false,
            said: 0,
        }
    }

    /// Looks at the first line while it comes, so that what never sends a line feed is recognised all the same: byte by
    /// byte, since what is recognised must not depend on how much came at once.
    fn sniff(&mut self) -> Option<Ended> {
        let line = self.head.split(|b| *b == b'\n').next().unwrap_or_default();
        while self.sniffed < line.len() {
            self.sniffed += 1;
            let prefix = line.get(..self.sniffed)?;
            if matches!(prefix, [0x14..=0x17, 3, 0..=4]) {
                return Some(Ended::NotThis(None)); // a TLS record: an alert that answers our words
            }
            let found = recognise(prefix);
            let settled = match found {
                // The rest of the line may tell more.
                Some(Greeting::Smtp | Greeting::Lmtp | Greeting::Ftp | Greeting::SmtpOrFtp) => false,
                Some(_) => true,
                None => self.sniffed == greeting::ENOUGH && !prefix.first().is_some_and(u8::is_ascii_graphic),
            };
            let full = self.sniffed == greeting::ENOUGH && found.is_some();
            if (settled || full) && !found.is_some_and(|found| P::OWN.contains(&found)) {
                return Some(Ended::NotThis(found));
            }
        }
        None
    }

    /// The end for a first line that is not the protocol's.
    fn foreign(line: &[u8]) -> Ended {
        match recognise(line) {
            Some(own) if P::OWN.contains(&own) => Ended::Garbled,
            found => Ended::NotThis(found),
        }
    }

    fn too_much(&self) -> Ended {
        if self.begun { Ended::Garbled } else { Self::foreign(&self.head) }
    }

    /// Judges lines until something follows from them.
    fn turn(&mut self) -> Turn {
        loop {
            let line = match self.lines.next(P::literals) {
                Ok(Some(line)) => line,
                Ok(None) => return Turn::More,
                Err(TooMuch) => return Turn::End(self.too_much()),
            };
            if !self.begun && line.is_empty() {
                continue;
            }
            let turn = self.protocol.line(line, &mut self.log);
            match turn {
                // The protocol's version in the first packet of MySQL is a line feed; the byte behind it tells.
                Turn::Foreign if matches!(*self.head, [_, _, 0, 0, b'\n']) => {
                    self.nearly = true;
                    return Turn::More;
                }
                Turn::Foreign if is_mysql(&self.head) => {
                    return Turn::End(Ended::NotThis(Some(Greeting::Mysql)));
                }
                Turn::Foreign => return Turn::End(Self::foreign(line)),
                Turn::More => self.begun = true,
                _ => {
                    self.begun = true;
                    return turn;
                }
            }
        }
    }

    fn run(&mut self) -> Step {
        if self.nearly {
            return match self.head.get(..5) {
                _ if is_mysql(&self.head) => Step::End(Ended::NotThis(Some(Greeting::Mysql))),
                Some(line) if self.head.len() > line.len() => Step::End(Self::foreign(line)),
                _ => Step::More,
            };
        }
        if !self.begun
            && let Some(ended) = self.sniff()
        {
            return Step::End(ended);
        }
        let before = self.log.notes.len();
        let mut say = Vec::new();
        loop {
            match self.turn() {
                Turn::Say(_) if self.said == MAX_SAID => return self.end(Ended::Garbled, before),
                Turn::Say(bytes) => {
                    self.said += 1;
                    say.extend_from_slice(&bytes);
                }
                Turn::Tls => {
                    return Step::Tls { tunnel: Tunnel::Bare, say, rest: self.lines.rest().to_vec() };
                }
                Turn::End(ended) => return self.end(ended, before),
                Turn::More | Turn::Foreign if say.is_empty() => return Step::More,
                Turn::More | Turn::Foreign => return Step::Say(say),
            }
        }
    }

    /// What was about to be said is not said any more, and not noted.
    fn end(&mut self, ended: Ended, before: usize) -> Step {
        let new = self.log.notes.split_off(before.min(self.log.notes.len()));
        self.log.notes.extend(new.into_iter().filter(|note| matches!(note, Note::Came(_))));
        Step::End(ended)
    }
}

impl<P: Protocol> Dialogue for Text<P> {
    fn open(&mut self) -> Step {
        match self.protocol.open(&mut self.log) {
            Some(say) => {
                self.said += 1;
                Step::Say(say)
            }
            None => Step::More,
        }
    }

    fn hear(&mut self, bytes: &[u8]) -> Step {
        let wanted = greeting::ENOUGH.saturating_sub(self.head.len());
        self.head.extend_from_slice(bytes.get(..wanted).unwrap_or(bytes));
        self.lines.push(bytes);
        let step = self.run();
        if let Step::End(ended) = step {
            match ended {
                Ended::NotThis(Some(found)) => {
                    self.log.came(format!("something else, it looks like {found}"));
                }
                Ended::NotThis(None) => self.log.came("something else"),
                Ended::Garbled => self.log.came("something that makes no sense here"),
                Ended::Refused | Ended::RateLimited => {}
            }
        }
        step
    }

    fn notes(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.log.notes)
    }

    fn banner(&self) -> &[u8] {
        &self.log.banner
    }
}
