//! STUN (RFC 8489) and as much of TURN (RFC 8656) as tells whether a relay serves strangers: requests without credentials,
//! and what an answer says of the server's software and of a refusal.
//!
//! No credentials, nothing is relayed, no reflexive address is kept. A binding request has no attributes: a fingerprint
//! serves where STUN shares a port with something else, and servers of RFC 3489 know none.

use super::cursor::Cursor;

/// Bytes of a header.
pub const HEADER_LEN: usize = 20;
/// The most bytes of SOFTWARE that are kept; the attribute may have 763.
pub const MAX_SOFTWARE: usize = 256;
/// The longest message that is read: no datagram is longer.
const MAX_MESSAGE: usize = 65_507;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Binding (RFC 8489): where do you see me? Anybody is answered.
    Binding,
    /// Allocate (RFC 8656, 7): a relayed address over UDP, without credentials.
    Allocate,
    /// Refresh (RFC 8656, 8) with a lifetime of zero: the allocation is given back.
    Release,
}

impl Method {
    const fn number(self) -> u16 {
        match self {
            Self::Binding => 0x0001,
            Self::Allocate => 0x0003,
            Self::Release => 0x0004,
        }
    }

    const fn success(self) -> u16 {
        self.number() | 0x0100
    }

    const fn error(self) -> u16 {
        self.number() | 0x0110
    }
}

const MAGIC: [u8; 4] = 0x2112_a442_u32.to_be_bytes();

const ERROR_CODE: u16 = 0x0009;
const LIFETIME: u16 = 0x000d;
const REQUESTED_TRANSPORT: u16 = 0x0019;
/// UDP, and three bytes that are reserved.
const OVER_UDP: [u8; 4] = [17, 0, 0, 0];
const SOFTWARE: u16 = 0x8022;

/// What an answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// 300 to 699 where the request was refused.
    pub error: Option<u16>,
    /// What the server calls itself, as it came, at most [`MAX_SOFTWARE`] bytes: hostile text. Empty where it said
    /// nothing.
    pub software: Vec<u8>,
}

/// Why a datagram is not the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotStun {
    /// It does not begin as a message of STUN, or its length is another than it says.
    #[error("not STUN")]
    Message,
    /// A message of STUN that answers no request of this method.
    #[error("STUN, but no answer to such a request")]
    Kind,
    /// The answer to a request that is not ours.
    #[error("an answer to another request")]
    Transaction,
    /// An attribute is longer than what is left, or its content makes no sense.
    #[error("a bad attribute")]
    Attribute,
}

/// A binding request. The transaction should be random: it is all that tells our answer from a forged one.
pub fn binding_request(transaction: [u8; 12]) -> Vec<u8> {
    request(Method::Binding, transaction)
}

/// A request.
pub fn request(method: Method, transaction: [u8; 12]) -> Vec<u8> {
    let attribute: Option<(u16, [u8; 4])> = match method {
        Method::Binding => None,
        Method::Allocate => Some((REQUESTED_TRANSPORT, OVER_UDP)),
        Method::Release => Some((LIFETIME, [0; 4])),
    };
    let mut out = Vec::with_capacity(HEADER_LEN + 8);
    out.extend_from_slice(&method.number().to_be_bytes());
    out.extend_from_slice(if attribute.is_some() { &[0, 8] } else { &[0, 0] });
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&transaction);
    if let Some((kind, value)) = attribute {
        out.extend_from_slice(&kind.to_be_bytes());
        out.extend_from_slice(&[0, 4]);
        out.extend_from_slice(&value);
    }
    out
}

/// The length of the message that a stream begins with (RFC 8489, 6.2.2). `None`: more is wanted; an error: no message
/// begins like this.
///
/// # Errors
///
/// [`NotStun::Message`].
pub fn length(stream: &[u8]) -> Result<Option<usize>, NotStun> {
    let mut at = Cursor(stream);
    let Some(kind) = at.u16() else {
        return if stream.first().is_none_or(|b| b & 0xc0 == 0) { Ok(None) } else { Err(NotStun::Message) };
    };
    let Some(length) = at.u16().map(usize::from) else {
        return if kind & 0xc000 == 0 { Ok(None) } else { Err(NotStun::Message) };
    };
    let magic = MAGIC.get(..at.0.len().min(4)).unwrap_or_default();
    let sound = kind & 0xc000 == 0 && length % 4 == 0 && at.0.starts_with(magic);
    if !sound {
        return Err(NotStun::Message);
    }
    Ok((stream.len() >= HEADER_LEN + length).then_some(HEADER_LEN + length))
}

/// Reads one datagram as the answer to the binding request of `transaction`.
///
/// # Errors
///
/// [`NotStun`] says why it is none.
pub fn software(message: &[u8], transaction: &[u8; 12]) -> Result<Answer, NotStun> {
    answer(message, Method::Binding, transaction)
}

/// Reads one message as the answer to a request of this method and transaction.
///
/// # Errors
///
/// [`NotStun`] says why it is none.
pub fn answer(message: &[u8], method: Method, transaction: &[u8; 12]) -> Result<Answer, NotStun> {
    let mut at = Cursor(message);
    let kind = at.u16().ok_or(NotStun::Message)?;
    let length = at.u16().map(usize::from).ok_or(NotStun::Message)?;
    let magic = at.array::<4>().ok_or(NotStun::Message)?;
    let ours = at.array::<12>().ok_or(NotStun::Message)? == transaction;
    // The two highest bits are 0, and attributes are padded to four bytes: what tells STUN from other protocols.
    let sound = kind & 0xc000 == 0 && length % 4 == 0 && length == at.0.len() && message.len() <= MAX_MESSAGE;
    if !sound || *magic != MAGIC {
        return Err(NotStun::Message);
    }
    if kind != method.success() && kind != method.error() {
        return Err(NotStun::Kind);
    }
    if !ours {
        return Err(NotStun::Transaction);
    }
    let mut answer = Answer { error: None, software: Vec::new() };
    while !at.is_empty() {
        let (attribute, value) = attribute(&mut at).ok_or(NotStun::Attribute)?;
        // Of an attribute that comes twice the first one counts (RFC 8489, 14).
        match attribute {
            ERROR_CODE if answer.error.is_none() && kind == method.error() => {
                answer.error = Some(error_code(value).ok_or(NotStun::Attribute)?);
            }
            SOFTWARE if answer.software.is_empty() => {
                answer.software = value.get(..MAX_SOFTWARE).unwrap_or(value).to_vec();
            }
            _ => {}
        }
    }
    if kind == method.error() && answer.error.is_none() {
        return Err(NotStun::Attribute);
    }
    Ok(answer)
}

/// One attribute, with its padding taken off.
fn attribute<'a>(at: &mut Cursor<'a>) -> Option<(u16, &'a [u8])> {
    let kind = at.u16()?;
    let length = usize::from(at.u16()?);
    let value = at.take(length)?;
    at.take(length.next_multiple_of(4) - length)?;
    Some((kind, value))
}

/// The class in hundreds, and the number below it.
fn error_code(value: &[u8]) -> Option<u16> {
    let [_, _, class, number, ..] = value else { return None };
    let (class, number) = (u16::from(class & 7), u16::from(*number));
    ((3..=6).contains(&class) && number < 100).then_some(class * 100 + number)
}

/// Reads `data` as a datagram, both with its own transaction and with another. For fuzzers and property tests.
///
/// # Panics
///
/// When the parser does, keeps too much, or takes an answer to another request.
pub fn fuzz(data: &[u8]) {
    let own = data.get(8..HEADER_LEN).and_then(|id| id.try_into().ok()).unwrap_or([0; 12]);
    if let Ok(answer) = software(data, &own) {
        assert!(answer.software.len() <= MAX_SOFTWARE.min(data.len()));
        assert!(answer.error.is_none_or(|code| (300..700).contains(&code)));
        assert_eq!(software(data, &own.map(|b| !b)), Err(NotStun::Transaction));
    }
    for method in [Method::Allocate, Method::Release] {
        let _ = answer(data, method, &own);
    }
    if let Ok(Some(length)) = length(data) {
        assert!((HEADER_LEN..=data.len()).contains(&length));
    }
}

#[cfg(test)]
mod tests;
