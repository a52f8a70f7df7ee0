//! VNC: the version exchange of RFB (RFC 6143) and the security type VeNCrypt, which puts TLS below it.
//!
//! Not an authentication: of VeNCrypt's subtypes the ones without TLS are never chosen, and the dialogue ends before
//! any of them asks for a password.

use super::foreign::Head;
use super::{Asked, Dialogue, Ended, Entry, Note, Step, Tunnel};
use crate::model::wrap::Wrap;
use crate::wire::cursor::Cursor;
use crate::wire::greeting::Greeting;

/// The dialogue's registration.
pub(super) const ENTRY: Entry =
    Entry { name: "vnc", wrap: Wrap::Vnc, begin: |_: &Asked<'_>| Box::new(Vnc::default()) };

/// The longest reason that is read.
const MAX_REASON: usize = 4096;

// Security types.
const ANONYMOUS_TLS: u8 = 18;
const VENCRYPT: u8 = 19;

/// Subtypes of VeNCrypt that begin with TLS, the best first: those with a certificate (none, VNC, plain, SASL), then
/// the same with an anonymous key exchange, which show no certificate but the same library.
const SUBTYPES: [u32; 8] = [260, 261, 262, 264, 257, 258, 259, 263];

#[derive(Debug, Default)]
struct Vnc {
    held: Vec<u8>,
    head: Head,
    banner: Vec<u8>,
    state: State,
    notes: Vec<Note>,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Version,
    Types,
    VenCryptVersion,
    VenCryptAck,
    Subtypes,
    SubtypeAck,
}

impl Dialogue for Vnc {
    fn open(&mut self) -> Step {
        Step::More
    }

    fn hear(&mut self, bytes: &[u8]) -> Step {
        self.held.extend_from_slice(bytes);
        let (mut said, before) = (Vec::new(), self.notes.len());
        loop {
            let (step, used) = self.next();
            let rest = self.held.split_off(used.min(self.held.len()));
            self.held = rest;
            match step {
                Step::Say(more) => said.extend(more),
                Step::More if said.is_empty() => return Step::More,
                Step::More => return Step::Say(said),
                Step::Tls { tunnel, say, .. } => {
                    said.extend(say);
                    return Step::Tls { tunnel, say: said, rest: std::mem::take(&mut self.held) };
                }
                Step::End(_) => {
                    // What was about to be said is not said any more.
                    let late = self.notes.split_off(before);
                    self.notes.extend(late.into_iter().filter(|note| matches!(note, Note::Came(_))));
                    return step;
                }
            }
        }
    }

    fn notes(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.notes)
    }

    fn banner(&self) -> &[u8] {
        &self.banner
    }
}

impl Vnc {
    fn came(&mut self, what: impl Into<String>) {
        self.notes.push(Note::Came(what.into()));
    }

    fn say(&mut self, bytes: &[u8], what: impl Into<String>, next: State) -> Step {
        self.notes.push(Note::Said(what.into()));
        self.state = next;
        Step::Say(bytes.to_vec())
    }

    /// One message of the server, and how many bytes it had.
    fn next(&mut self) -> (Step, usize) {
        let held = std::mem::take(&mut self.held);
        let mut at = Cursor(&held);
        let step = match self.state {
            State::Version => self.version(&mut at),
            State::Types => self.types(&mut at),
            State::VenCryptVersion => self.vencrypt_version(&mut at),
            State::VenCryptAck => self.vencrypt_ack(&mut at),
            State::Subtypes => self.subtypes(&mut at),
            State::SubtypeAck => self.subtype_ack(&mut at),
        };
        let used = held.len() - at.0.len();
        self.held = held;
        (step.unwrap_or(Step::More), used)
    }

    fn version(&mut self, at: &mut Cursor<'_>) -> Option<Step> {
        const SHAPE: &[u8; 12] = b"RFB ddd.ddd\n";
        let fits =
            |(shape, byte): (&u8, &u8)| if *shape == b'd' { byte.is_ascii_digit() } else { shape == byte };
        if !SHAPE.iter().zip(at.0).all(fits) {
            return Some(self.head.step(at.0, Some(Greeting::Vnc), &mut self.notes));
        }
        let line: &[u8; 12] = at.array()?;
        self.banner = line.strip_suffix(b"\n").unwrap_or(line).to_vec();
        let number =
            |digits: &[u8]| digits.iter().fold(0_u32, |sum, d| sum * 10 + u32::from(d.wrapping_sub(b'0')));
        let [_, _, _, _, major @ .., _, _, _, _, _] = line;
        let major = number(major);
        let minor = line.get(8..11).map_or(0, number);
        self.came(format!("RFB {major}.{minor}"));
        Some(match (major, minor) {
            (3, 7) => self.say(b"RFB 003.007\n", "RFB 3.7", State::Types),
            // Later versions are those of one vendor, whose servers take 3.8 as well.
            (3, 8..) | (4.., _) => self.say(b"RFB 003.008\n", "RFB 3.8", State::Types),
            // Before 3.7 the server chooses, and has nothing to choose that begins with TLS.
            _ => Step::End(Ended::Refused),
        })
    }

    fn types(&mut self, at: &mut Cursor<'_>) -> Option<Step> {
        let mut ahead = *at;
        let count = ahead.u8()?;
        if count == 0 {
            return self.reason(&mut ahead);
        }
        let types = ahead.take(count.into())?;
        *at = ahead;
        self.came(format!("security types {}", numbers(types)));
        Some(if types.contains(&VENCRYPT) {
            self.say(&[VENCRYPT], "security type 19, VeNCrypt", State::VenCryptVersion)
        } else if types.contains(&ANONYMOUS_TLS) {
            // TLS follows the choice without a word of the server's.
            self.notes.push(Note::Said("security type 18, anonymous TLS".to_owned()));
            Step::Tls { tunnel: Tunnel::Bare, say: vec![ANONYMOUS_TLS], rest: Vec::new() }
        } else {
            Step::End(Ended::Refused)
        })
    }

    /// No type at all, and a text that says why. It is searched for the one sentence of servers that lock out for a
    /// while whoever failed too often.
    fn reason(&mut self, ahead: &mut Cursor<'_>) -> Option<Step> {
        let length = ahead.array().map(|b| u32::from_be_bytes(*b))?;
        let Some(length) = usize::try_from(length).ok().filter(|n| *n <= MAX_REASON) else {
            self.came("no security types and an endless reason");
            return Some(Step::End(Ended::Garbled));
        };
        let text = ahead.take(length)?;
        let phrase = b"too many security failures";
        if text.windows(phrase.len()).any(|w| w.eq_ignore_ascii_case(phrase)) {
            self.came("no security types: too many security failures");
            return Some(Step::End(Ended::RateLimited));
        }
        self.came("no security types and a reason");
        Some(Step::End(Ended::Refused))
    }

    fn vencrypt_version(&mut self, at: &mut Cursor<'_>) -> Option<Step> {
        let [major, minor] = *at.array()?;
        self.came(format!("VeNCrypt {major}.{minor}"));
        // Version 0.1 numbers its subtypes otherwise, and no server of today has it.
        if (major, minor) < (0, 2) {
            return Some(Step::End(Ended::Refused));
        }
        Some(self.say(&[0, 2], "VeNCrypt 0.2", State::VenCryptAck))
    }

    fn vencrypt_ack(&mut self, at: &mut Cursor<'_>) -> Option<Step> {
        if at.u8()? != 0 {
            self.came("VeNCrypt 0.2 is refused");
            return Some(Step::End(Ended::Refused));
        }
        self.state = State::Subtypes;
        self.subtypes(at)
    }

    fn subtypes(&mut self, at: &mut Cursor<'_>) -> Option<Step> {
        let mut ahead = *at;
        let count = usize::from(ahead.u8()?);
        let listed: Vec<u32> = ahead
            .take(count * 4)?
            .chunks_exact(4)
            .filter_map(|b| Some(u32::from_be_bytes(b.try_into().ok()?)))
            .collect();
        *at = ahead;
        self.came(format!("subtypes {}", numbers(&listed)));
        let chosen = SUBTYPES.iter().find(|known| listed.contains(known));
        Some(match chosen {
            Some(subtype) => {
                self.say(&subtype.to_be_bytes(), format!("subtype {subtype}"), State::SubtypeAck)
            }
            None => Step::End(Ended::Refused),
        })
    }

    fn subtype_ack(&mut self, at: &mut Cursor<'_>) -> Option<Step> {
        Some(match at.u8()? {
            1 => {
                self.came("1: TLS begins");
                Step::Tls { tunnel: Tunnel::Bare, say: Vec::new(), rest: Vec::new() }
            }
            0 => {
                self.came("0: the subtype is refused");
                Step::End(Ended::Refused)
            }
            other => {
                self.came(format!("{other} in the place of 0 or 1"));
                Step::End(Ended::Garbled)
            }
        })
    }
}

/// A list for a note: what is beyond a dozen is only counted.
fn numbers<T: ToString>(list: &[T]) -> String {
    const SHOWN: usize = 12;
    let mut text: Vec<String> = list.iter().take(SHOWN).map(ToString::to_string).collect();
    if list.len() > SHOWN {
        text.push(format!("and {} more", list.len() - SHOWN));
    }
    if text.is_empty() { "none".to_owned() } else { text.join(", ") }
}

#[cfg(test)]
mod tests;
