//! Keys, key exchange and protected records of TLS 1.0 to 1.2 and DTLS 1.0 and 1.2 (RFC 2246, RFC 5246, RFC 6347): as
//! much as a client needs that finishes a handshake to ask one question behind it, and as a scripted server needs that
//! answers.
//!
//! No sockets, no framing, and no trust: no signature and no certificate is checked, since nothing that is learned
//! behind such a handshake rests on who answers. Never used to protect anything. TLS 1.3 is left to rustls, and so is
//! every connection on which more than questions travel.

pub mod exchange;
pub mod negotiation;
pub mod prf;
pub mod protect;
pub mod suite;

/// Runs the parsers of key exchanges and protected records over any bytes. For fuzzers and property tests.
///
/// # Panics
///
/// When one of them does.
pub fn fuzz(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let Some(suite) = suite::SUITES.get(usize::from(*first) % suite::SUITES.len()) else { return };
    let leaf = exchange::RsaKey { modulus: vec![0xc5; 64], exponent: vec![1, 0, 1] };
    // Diffie-Hellman of many bits is slow on purpose; what is read before it is what is tried here.
    if suite.exchange != suite::Exchange::Dhe || rest.len() < 200 {
        let _ = exchange::answer(suite, 0x0303, Some(rest), Some(&leaf));
    }
    let block = vec![7; suite.key_block_len()];
    for explicit in [true, false] {
        if let Some((mut half, _)) = protect::halves(suite, &block, explicit) {
            assert!(half.open(1, 22, 0x0303, rest).is_none(), "a record that nobody sealed");
        }
    }
}

#[cfg(test)]
mod tests;
