//! DTLS 1.0 and 1.2 on the wire (RFC 4347, RFC 6347): records with their numbers in datagrams, and handshake messages in
//! fragments that come in any order. What the messages say is `tls`' business, keys are `secure`'s.
//!
//! No sockets and no timers: what is lost is the caller's to send again.

pub mod handshake;
pub mod record;

use handshake::{Fragment, Reassembler};

/// Reads any bytes as a datagram, and any fragments in it as a handshake. For fuzzers and property tests.
///
/// # Panics
///
/// When a parser does, or holds more than it may.
pub fn fuzz(data: &[u8]) {
    let mut messages = Reassembler::new();
    let mut fragments = |bytes| {
        for fragment in handshake::fragments(bytes) {
            messages.take(&fragment);
            while messages.next().is_some() {}
            assert!(messages.held() <= handshake::MAX_HELD);
        }
    };
    let mut length = 0;
    for record in record::records(data) {
        length += record::HEADER_LEN + record.fragment.len();
        fragments(record.fragment);
    }
    assert!(length <= data.len(), "records that are longer than their datagram");
    fragments(data);
    let _ = handshake::cookie(data);
}

/// One handshake message as one fragment: header and body.
pub fn whole(kind: u8, sequence: u16, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(handshake::HEADER_LEN + body.len());
    handshake::encode(&mut out, &Fragment { kind, length: body.len(), sequence, offset: 0, body });
    out
}

#[cfg(test)]
mod tests;
