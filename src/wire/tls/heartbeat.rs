//! Heartbeats (RFC 6520): the two requests that a probe sends, and comparing what comes back.
//!
//! The promise of PROBING 1 is kept by construction. The length in a request is taken from the payload that
//! stands behind it, so that nothing here can ask for more than was sent. What a server returns is compared
//! and counted on the borrowed bytes, and never kept.

use rand::{Rng as _, SeedableRng as _, rngs::SmallRng};

use super::record;
use crate::wire::cursor::Cursor;

/// heartbeat_request.
pub const REQUEST: u8 = 1;
/// heartbeat_response.
pub const RESPONSE: u8 = 2;

/// Payload bytes of a probe. OpenSSL holds what it writes in mid-handshake in a buffer of 4096 bytes; an
/// answer that does not fill it is not sent (measured: 4073 bytes are answered, 4072 never).
pub const PAYLOAD_LEN: u16 = 4096;
/// Padding bytes that a well-formed heartbeat has at least (RFC 6520, 4).
pub const PADDING_LEN: usize = 16;
/// Type and length.
pub const HEADER_LEN: usize = 3;

/// The payload is made and compared in pieces of so many bytes.
const PIECE: usize = 64;

/// Payload bytes where nothing is held back, and where large claims kill old servers: over datagrams and behind a
/// finished handshake (PROBING 3).
pub const SHORT_LEN: u16 = 16;

/// A random payload, kept as the seed that it is grown from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payload {
    seed: [u8; 16],
    length: u16,
}

impl Payload {
    /// The payload of [`PAYLOAD_LEN`] bytes that grows from a seed. Two seeds make two payloads.
    pub const fn new(seed: [u8; 16]) -> Self {
        Self { seed, length: PAYLOAD_LEN }
    }

    /// One of [`SHORT_LEN`] bytes.
    pub const fn short(seed: [u8; 16]) -> Self {
        Self { seed, length: SHORT_LEN }
    }

    /// Its bytes in number.
    pub const fn length(&self) -> u16 {
        self.length
    }

    fn generator(&self) -> SmallRng {
        let mut seed = <SmallRng as rand::SeedableRng>::Seed::default();
        for (slot, byte) in seed.iter_mut().zip(self.seed.iter().chain(&[0x5a; 16])) {
            *slot = *byte;
        }
        SmallRng::from_seed(seed)
    }

    /// Appends the payload and returns how many bytes that were.
    fn write(&self, out: &mut Vec<u8>) -> u16 {
        let mut generator = self.generator();
        let mut piece = [0; PIECE];
        let before = out.len();
        let end = before + usize::from(self.length);
        while out.len() < end {
            generator.fill_bytes(&mut piece);
            out.extend_from_slice(piece.get(..end - out.len()).unwrap_or(&piece));
        }
        u16::try_from(out.len() - before).unwrap_or(0)
    }

    /// Whether `bytes` are this payload, whole.
    pub fn equals(&self, bytes: &[u8]) -> bool {
        if bytes.len() != usize::from(self.length) {
            return false;
        }
        let mut generator = self.generator();
        let mut piece = [0; PIECE];
        bytes.chunks(PIECE).all(|chunk| {
            generator.fill_bytes(&mut piece);
            piece.starts_with(chunk)
        })
    }
}

/// Appends a request record that carries its whole payload and **no padding**: code without the bounds check
/// of CVE-2014-0160 answers it with the payload, code with it drops it. Nobody's memory is asked for.
pub fn malformed(out: &mut Vec<u8>, version: u16, payload: &Payload) {
    request(out, version, payload, &[]);
}

/// Appends a well-formed request record, with 16 bytes of padding.
pub fn well_formed(out: &mut Vec<u8>, version: u16, payload: &Payload, padding: &[u8; PADDING_LEN]) {
    request(out, version, payload, padding);
}

fn request(out: &mut Vec<u8>, version: u16, payload: &Payload, padding: &[u8]) {
    record::encode(out, record::HEARTBEAT, version, &message(payload, padding));
}

/// A request without its record: the whole payload and this padding. Without any it is the malformed one.
pub fn message(payload: &Payload, padding: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(HEADER_LEN + usize::from(payload.length) + padding.len());
    message.extend_from_slice(&[REQUEST, 0, 0]);
    let carried = payload.write(&mut message);
    if let [_, high, low, ..] = &mut *message {
        [*high, *low] = carried.to_be_bytes();
    }
    message.extend_from_slice(padding);
    message
}

/// What a heartbeat record was found to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// The index of the payload that it holds, whole and unchanged, in a response. `None`: something else.
    pub payload: Option<usize>,
    /// The record's length in bytes.
    pub len: u32,
    /// Bytes beyond the header, our payload and 16 bytes of padding.
    pub foreign: u64,
}

/// Compares the fragment of a heartbeat record with the payloads that were sent on this connection.
pub fn hear(fragment: &[u8], sent: &[Payload]) -> Heard {
    let answer = Message::parse(fragment).filter(|m| m.kind == RESPONSE);
    let payload = answer.and_then(|m| {
        let echoed = m.rest.get(..usize::from(m.claimed))?;
        sent.iter().position(|p| p.equals(echoed))
    });
    let ours = payload.and_then(|i| sent.get(i)).map_or(0, |p| usize::from(p.length));
    let foreign = fragment.len().saturating_sub(HEADER_LEN + PADDING_LEN + ours);
    Heard {
        payload,
        len: u32::try_from(fragment.len()).unwrap_or(u32::MAX),
        foreign: u64::try_from(foreign).unwrap_or(u64::MAX),
    }
}

/// A heartbeat message as it stands in a record, for scripted servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// 1 request, 2 response.
    pub kind: u8,
    /// The payload length that it claims.
    pub claimed: u16,
    /// What stands behind the header: payload and padding.
    pub rest: &'a [u8],
}

impl<'a> Message<'a> {
    /// Reads the header; `None` where it is not whole.
    pub fn parse(fragment: &'a [u8]) -> Option<Self> {
        let mut c = Cursor(fragment);
        Some(Self { kind: c.u8()?, claimed: c.u16()?, rest: c.0 })
    }

    /// The payload, where as much is there as is claimed.
    pub fn payload(&self) -> Option<&'a [u8]> {
        self.rest.get(..usize::from(self.claimed))
    }

    /// Whether the message has its whole payload and at least 16 bytes of padding: the check that OpenSSL
    /// 1.0.1g brought (RFC 6520, 4).
    pub const fn is_well_formed(&self) -> bool {
        self.claimed as usize + PADDING_LEN <= self.rest.len()
    }
}

/// Appends a response record that returns `payload`, with padding. A payload beyond 2^14 bytes less header
/// and padding is cut, since a heartbeat is one record (RFC 6520, 4).
pub fn encode_response(out: &mut Vec<u8>, version: u16, payload: &[u8], padding: &[u8; PADDING_LEN]) {
    let payload = payload.get(..record::MAX_PLAIN - HEADER_LEN - PADDING_LEN).unwrap_or(payload);
    let [high, low] = u16::try_from(payload.len()).unwrap_or(0).to_be_bytes();
    let mut message = vec![RESPONSE, high, low];
    message.extend_from_slice(payload);
    message.extend_from_slice(padding);
    record::encode(out, record::HEARTBEAT, version, &message);
}

/// A response without its record.
pub fn response(payload: &[u8], padding: &[u8; PADDING_LEN]) -> Vec<u8> {
    let mut record = Vec::new();
    encode_response(&mut record, 0, payload, padding);
    record.split_off(record::HEADER_LEN.min(record.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: Payload = Payload::new([1; 16]);
    const OTHER: Payload = Payload::new([2; 16]);

    /// One record that holds the whole output.
    fn only_fragment(bytes: &[u8]) -> &[u8] {
        let (header, fragment) = bytes.split_at(record::HEADER_LEN);
        assert_eq!(header[0], record::HEARTBEAT);
        assert_eq!(usize::from(u16::from_be_bytes([header[3], header[4]])), fragment.len());
        fragment
    }

    #[test]
    fn no_request_claims_more_than_it_carries() {
        for version in [0x0300, 0x0301, 0x0302, 0x0303] {
            for seed in 0..50 {
                let payload = Payload::new([seed; 16]);
                let mut bad = Vec::new();
                malformed(&mut bad, version, &payload);
                let message = Message::parse(only_fragment(&bad)).unwrap();
                assert_eq!(usize::from(message.claimed), message.rest.len(), "the claim is the payload");
                assert_eq!((message.kind, message.claimed), (REQUEST, 4096));
                assert!(!message.is_well_formed());
                assert!(payload.equals(message.rest));

                let mut good = Vec::new();
                well_formed(&mut good, version, &payload, &[3; 16]);
                let message = Message::parse(only_fragment(&good)).unwrap();
                assert_eq!(usize::from(message.claimed) + PADDING_LEN, message.rest.len());
                assert!(message.is_well_formed());
                assert!(payload.equals(message.payload().unwrap()));
            }
        }
    }

    #[test]
    fn a_short_request_claims_what_it_carries_and_its_answer_is_told_from_others() {
        let [ours, other] = [[3; 16], [4; 16]].map(Payload::short);
        let request = message(&ours, &[]);
        let read = Message::parse(&request).unwrap();
        assert_eq!((read.claimed, read.rest.len(), read.is_well_formed()), (SHORT_LEN, 16, false));
        assert!(Message::parse(&message(&ours, &[0; 16])).unwrap().is_well_formed());
        let answer = response(read.rest, &[9; 16]);
        let heard = hear(&answer, &[other, ours]);
        assert_eq!((heard.payload, heard.len, heard.foreign), (Some(1), 35, 0));
        let leak = [&answer[..], b"secret"].concat();
        assert_eq!(hear(&leak, &[ours]).foreign, 6);
        assert_eq!(hear(&answer, &[other]).payload, None);
    }

    #[test]
    fn requests_have_the_measured_sizes() {
        let mut out = Vec::new();
        malformed(&mut out, 0x0303, &OURS);
        assert_eq!(out.len(), 5 + 4099);
        out.clear();
        well_formed(&mut out, 0x0303, &OURS, &[0; 16]);
        assert_eq!(out.len(), 5 + 4115);
        assert_eq!(out[1..3], [3, 3]);
    }

    fn payload_bytes(payload: &Payload) -> Vec<u8> {
        let mut out = Vec::new();
        payload.write(&mut out);
        out
    }

    #[test]
    fn answers_are_told_from_one_another() {
        let answer = |kind: u8, claimed: u16, rest: &[&[u8]]| {
            let mut m = vec![kind];
            m.extend_from_slice(&claimed.to_be_bytes());
            m.extend(rest.concat());
            m
        };
        let (ours, other) = (payload_bytes(&OURS), payload_bytes(&OTHER));
        let unknown = payload_bytes(&Payload::new([9; 16]));
        let mut flipped = ours.clone();
        flipped[4095] ^= 1;
        let pad = &[0x11; 16][..];
        let table: &[(&str, Vec<u8>, Option<usize>, u64)] = &[
            ("ours", answer(2, 4096, &[&ours, pad]), Some(0), 0),
            ("the other of ours", answer(2, 4096, &[&other, pad]), Some(1), 0),
            ("ours without padding", answer(2, 4096, &[&ours]), Some(0), 0),
            ("ours and a leak", answer(2, 4096, &[&ours, pad, b"secret"]), Some(0), 6),
            ("a longer claim", answer(2, 5000, &[&ours, &[0; 904], pad]), None, 5000),
            ("a shorter claim", answer(2, 4095, &[&ours[..4095], pad]), None, 4095),
            ("one bit off", answer(2, 4096, &[&flipped, pad]), None, 4096),
            ("nobody's", answer(2, 4096, &[&unknown, pad]), None, 4096),
            ("a request", answer(1, 4096, &[&ours, pad]), None, 4096),
            ("a claim without bytes", answer(2, 4096, &[]), None, 0),
            ("nothing", vec![], None, 0),
            ("an empty payload", answer(2, 0, &[pad]), None, 0),
        ];
        for (what, fragment, payload, foreign) in table {
            let heard = hear(fragment, &[OURS, OTHER]);
            assert_eq!((heard.payload, heard.foreign), (*payload, *foreign), "answer: {what}");
            assert_eq!(heard.len as usize, fragment.len(), "answer: {what}");
        }
        let whole = answer(2, 4096, &[&ours, pad]);
        assert_eq!(hear(&whole, &[]).payload, None, "nothing was sent");
    }

    #[test]
    fn responses_read_what_they_write() {
        let mut out = Vec::new();
        encode_response(&mut out, 0x0302, &payload_bytes(&OURS), &[0; 16]);
        assert_eq!(hear(only_fragment(&out), &[OURS]).payload, Some(0));
        out.clear();
        encode_response(&mut out, 0x0302, &vec![0; 1 << 16], &[0; 16]);
        assert!(Message::parse(only_fragment(&out)).unwrap().is_well_formed());
    }

    #[test]
    fn payloads_differ_and_are_not_trivial() {
        let a = payload_bytes(&OURS);
        assert_eq!(a.len(), 4096);
        assert_ne!(a, payload_bytes(&OTHER));
        assert_ne!(a[..64], a[64..128]);
        let values: std::collections::BTreeSet<u8> = a.iter().copied().collect();
        assert!(values.len() > 200);
    }
}
