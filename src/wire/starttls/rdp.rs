//! The connection request of RDP (MS-RDPBCGR 2.2.1.1): an X.224 request that names protocols, and a confirm that
//! chooses one.
//!
//! Standard RDP security, which encrypts without TLS, counts as refused. No cookie is sent: it would name a user.

use super::foreign::{Head, end};
use super::{Asked, Dialogue, Ended, Entry, Note, Step, Tunnel};
use crate::model::wrap::Wrap;
use crate::wire::cursor::Cursor;

/// The dialogue's registration.
pub(super) const ENTRY: Entry =
    Entry { name: "rdp", wrap: Wrap::Rdp, begin: |_: &Asked<'_>| Box::new(Rdp::default()) };

/// The longest packet that is read; a confirm has 11 or 19 bytes.
const MAX_PACKET: usize = 1024;

// Protocols that begin with TLS. All three are offered at once, as Windows does: a server that insists on credentials
// inside TLS refuses an offer of TLS alone.
const SSL: u32 = 1;
const HYBRID: u32 = 2;
const HYBRID_EX: u32 = 8;

// Types of negotiation data.
const REQUEST: u8 = 1;
const RESPONSE: u8 = 2;
const FAILURE: u8 = 3;

#[derive(Debug, Default)]
struct Rdp {
    held: Vec<u8>,
    head: Head,
    notes: Vec<Note>,
}

impl Dialogue for Rdp {
    fn open(&mut self) -> Step {
        self.notes.push(Note::Said("connection request for TLS, CredSSP or early CredSSP".to_owned()));
        // TPKT (version 3, length 19), X.224 (length 14, a request of class 0), the negotiation data (8 bytes).
        let mut out = vec![3, 0, 0, 19, 14, 0xe0, 0, 0, 0, 0, 0, REQUEST, 0, 8, 0];
        out.extend_from_slice(&(SSL | HYBRID | HYBRID_EX).to_le_bytes());
        Step::Say(out)
    }

    fn hear(&mut self, bytes: &[u8]) -> Step {
        self.held.extend_from_slice(bytes);
        if self.held.first().is_some_and(|version| *version != 3) {
            return self.head.step(&self.held, None, &mut self.notes);
        }
        let mut at = Cursor(&self.held);
        let Some([_, _, high, low]) = at.array() else { return Step::More };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let Some(length) = length.checked_sub(4).filter(|n| (7..=MAX_PACKET).contains(n)) else {
            return end(Ended::NotThis(None), &mut self.notes);
        };
        let Some(packet) = at.take(length) else { return Step::More };
        let answer = Answer::parse(packet);
        let rest = at.0.to_vec();
        self.decide(answer, rest)
    }

    fn notes(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.notes)
    }
}

impl Rdp {
    fn decide(&mut self, answer: Answer, rest: Vec<u8>) -> Step {
        let (what, step) = match answer {
            Answer::Foreign => return end(Ended::NotThis(None), &mut self.notes),
            Answer::Broken => ("a confirm that makes no sense".to_owned(), Step::End(Ended::Garbled)),
            Answer::Disconnect => ("a disconnect".to_owned(), Step::End(Ended::Refused)),
            Answer::Silent => ("a confirm without a protocol".to_owned(), Step::End(Ended::Refused)),
            Answer::Selected(0) => ("protocol 0: without TLS".to_owned(), Step::End(Ended::Refused)),
            Answer::Selected(protocol @ (SSL | HYBRID | HYBRID_EX)) => (
                format!("protocol {protocol}: TLS begins"),
                Step::Tls { tunnel: Tunnel::Bare, say: Vec::new(), rest },
            ),
            Answer::Selected(protocol) => {
                (format!("protocol {protocol}, which was not offered"), Step::End(Ended::Garbled))
            }
            // 2: TLS is not allowed, 3: no certificate, 6: a client certificate first; the others contradict our offer,
            // and TLS does not begin after them either.
            Answer::Failed(code) => (format!("failure {code}"), Step::End(Ended::Refused)),
        };
        self.notes.push(Note::Came(what));
        step
    }
}

/// What a packet says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// It is not X.224.
    Foreign,
    /// A confirm whose parts contradict each other.
    Broken,
    /// A disconnect request.
    Disconnect,
    /// A confirm without negotiation data, as servers give that know no TLS.
    Silent,
    /// A protocol.
    Selected(u32),
    /// A failure's code.
    Failed(u32),
}

impl Answer {
    /// Reads what follows the TPKT header.
    fn parse(packet: &[u8]) -> Self {
        let [length, kind, _, _, _, _, _, data @ ..] = packet else { return Self::Foreign };
        let fits = usize::from(*length) + 1 == packet.len();
        match (kind & 0xf0, fits, data) {
            (0x80, true, _) => Self::Disconnect,
            (0xd0, true, []) => Self::Silent,
            (0xd0, true, [kind, _, 8, 0, value @ ..]) => match (*kind, value.try_into()) {
                (RESPONSE, Ok(value)) => Self::Selected(u32::from_le_bytes(value)),
                (FAILURE, Ok(value)) => Self::Failed(u32::from_le_bytes(value)),
                _ => Self::Broken,
            },
            (0xd0, ..) => Self::Broken,
            _ => Self::Foreign,
        }
    }
}

#[cfg(test)]
mod tests;
