//! The StartTLS operation of LDAP (RFC 4511, 4.14): one extended request, one answer in BER.
//!
//! Not a BER library: it reads as much as the answer to this one request may be made of, and definite lengths only,
//! as RFC 4511, 5.1 asks.

use super::foreign::{Head, end};
use super::{Asked, Dialogue, Ended, Entry, Note, Step, Tunnel};
use crate::model::wrap::Wrap;
use crate::wire::cursor::Cursor;

/// The dialogue's registration.
pub(super) const ENTRY: Entry =
    Entry { name: "ldap", wrap: Wrap::Ldap, begin: |_: &Asked<'_>| Box::new(Ldap::default()) };

/// The name of the operation.
const START_TLS: &[u8; 22] = b"1.3.6.1.4.1.1466.20037";
/// The number of our only message; 0 is the server's own.
const MESSAGE_ID: u32 = 1;
/// The longest message that is read: an answer is a code, two short texts and perhaps some referrals.
const MAX_MESSAGE: usize = 16 * 1024;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const ENUMERATED: u8 = 0x0a;
const EXTENDED_RESPONSE: u8 = 0x78;

#[derive(Debug, Default)]
struct Ldap {
    held: Vec<u8>,
    head: Head,
    notes: Vec<Note>,
}

impl Dialogue for Ldap {
    fn open(&mut self) -> Step {
        self.notes.push(Note::Said("StartTLS, message 1".to_owned()));
        // A sequence of the number and an extended request ([APPLICATION 23]) that has a name ([0]) and no value.
        let mut request = vec![SEQUENCE, 29, INTEGER, 1, 1, 0x77, 24, 0x80, 22];
        request.extend_from_slice(START_TLS);
        Step::Say(request)
    }

    fn hear(&mut self, bytes: &[u8]) -> Step {
        self.held.extend_from_slice(bytes);
        if self.held.first().is_some_and(|tag| *tag != SEQUENCE) {
            return self.head.step(&self.held, None, &mut self.notes);
        }
        let mut at = Cursor(&self.held);
        let message = match element(&mut at, MAX_MESSAGE) {
            Ok(Some((_, message))) => message,
            Ok(None) => return Step::More,
            Err(Bad) => return end(Ended::NotThis(None), &mut self.notes),
        };
        match answer(message) {
            Ok((MESSAGE_ID, 0)) => {
                let rest = at.0.to_vec();
                self.came("success: TLS begins");
                Step::Tls { tunnel: Tunnel::Bare, say: Vec::new(), rest }
            }
            Ok((id @ (0 | MESSAGE_ID), code)) => {
                let what = if id == 0 { "a notice of disconnection" } else { "an answer" };
                self.came(format!("{what}, result {code}"));
                // 51 is busy, 52 is unavailable; every other result stays what it is.
                Step::End(if matches!(code, 51 | 52) { Ended::RateLimited } else { Ended::Refused })
            }
            Ok(_) | Err(Other::Message) => {
                self.came("an LDAP message that answers nothing of ours");
                Step::End(Ended::Garbled)
            }
            Err(Other::Nothing) => end(Ended::NotThis(None), &mut self.notes),
        }
    }

    fn notes(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.notes)
    }
}

impl Ldap {
    fn came(&mut self, what: impl Into<String>) {
        self.notes.push(Note::Came(what.into()));
    }
}

/// A length that no element here may have.
#[derive(Debug)]
struct Bad;

/// What is not the answer to our request.
#[derive(Debug)]
enum Other {
    /// A message of LDAP all the same: it begins with a number.
    Message,
    /// Not even that.
    Nothing,
}

/// Takes one element; `None` where bytes are missing. A length that is longer than `limit` fails before its bytes came.
fn element<'a>(at: &mut Cursor<'a>, limit: usize) -> Result<Option<(u8, &'a [u8])>, Bad> {
    let mut ahead = *at;
    let (Some(tag), Some(first)) = (ahead.u8(), ahead.u8()) else { return Ok(None) };
    let length = match first {
        0..=0x7f => usize::from(first),
        0x81..=0x84 => {
            let Some(octets) = ahead.take(usize::from(first & 0x7f)) else { return Ok(None) };
            octets.iter().fold(0_usize, |sum, octet| sum << 8 | usize::from(*octet))
        }
        _ => return Err(Bad),
    };
    if length > limit {
        return Err(Bad);
    }
    let Some(content) = ahead.take(length) else { return Ok(None) };
    *at = ahead;
    Ok(Some((tag, content)))
}

/// A number of at most four octets. Negative ones, which LDAP has none of, come out as none.
fn number(at: &mut Cursor<'_>, tag: u8) -> Option<u32> {
    let (found, octets) = element(at, 4).ok()??;
    let positive = octets.first().is_some_and(|first| first & 0x80 == 0);
    (found == tag && positive).then(|| octets.iter().fold(0, |sum, octet| sum << 8 | u32::from(*octet)))
}

/// The number of the message and the result of an extended response.
fn answer(message: &[u8]) -> Result<(u32, u32), Other> {
    let mut at = Cursor(message);
    let id = number(&mut at, INTEGER).ok_or(Other::Nothing)?;
    let Ok(Some((EXTENDED_RESPONSE, body))) = element(&mut at, MAX_MESSAGE) else {
        return Err(Other::Message);
    };
    let code = number(&mut Cursor(body), ENUMERATED).ok_or(Other::Message)?;
    Ok((id, code))
}

#[cfg(test)]
mod tests;
