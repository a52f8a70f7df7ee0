//! The Certificate message up to TLS 1.2 (RFC 5246, section 7.4.2): a list of DER blobs, leaf first. What is
//! in a certificate is not looked at here.

use super::handshake::{self, HandshakeError};
use crate::wire::cursor::{Cursor, u24_bytes};

/// The most certificates that are taken from one message.
pub const MAX_CHAIN: usize = 64;

/// The DER forms in a Certificate message's body, in the order served; at most [`MAX_CHAIN`].
///
/// # Errors
///
/// [`HandshakeError::Malformed`] when the lengths do not add up.
pub fn parse(body: &[u8]) -> Result<Vec<&[u8]>, HandshakeError> {
    let malformed = HandshakeError::Malformed { kind: handshake::CERTIFICATE };
    let mut list = Cursor(Cursor(body).vec24().ok_or(malformed)?);
    let mut chain = Vec::new();
    while !list.is_empty() {
        let der = list.vec24().ok_or(malformed)?;
        if chain.len() < MAX_CHAIN {
            chain.push(der);
        }
    }
    Ok(chain)
}

/// Appends a Certificate message with these DER forms.
pub fn encode(out: &mut Vec<u8>, chain: &[&[u8]]) {
    let mut list = Vec::new();
    for der in chain {
        list.extend_from_slice(&u24_bytes(der.len()));
        list.extend_from_slice(der);
    }
    let mut body = u24_bytes(list.len()).to_vec();
    body.append(&mut list);
    handshake::encode_message(out, handshake::CERTIFICATE, &body);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_read_what_they_write() {
        for chain in [vec![], vec![&b"leaf"[..]], vec![&b"leaf"[..], b"", b"root"]] {
            let mut out = Vec::new();
            encode(&mut out, &chain);
            assert_eq!(parse(&out[4..]), Ok(chain));
        }
    }

    #[test]
    fn lengths_that_do_not_add_up_are_errors() {
        let table: &[&[u8]] =
            &[&[], &[0, 0], &[0, 0, 1], &[0, 0, 3, 0, 0, 1], &[0, 0, 2, 0, 0], &[255, 255, 255, 0]];
        for body in table {
            assert!(parse(body).is_err(), "body: {body:?}");
        }
    }

    #[test]
    fn an_endless_chain_is_cut() {
        let empty: &[u8] = b"";
        let mut out = Vec::new();
        encode(&mut out, &vec![empty; 5000]);
        assert_eq!(parse(&out[4..]).map(|c| c.len()), Ok(MAX_CHAIN));
    }
}
