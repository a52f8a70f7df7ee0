//! The parameters at the head of a ServerKeyExchange (RFC 5246, section 7.4.3; RFC 2246 for the short RSA key of export
//! suites). What is behind them, a signature, is not read, and no number is ever used: only lengths are of interest.

use crate::wire::cursor::Cursor;

/// The longest number that is taken, in bytes: 16384 bits.
const LONGEST: usize = 2048;

/// A Diffie-Hellman group and the server's share, big-endian as they came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dh<'a> {
    /// The prime.
    pub prime: &'a [u8],
    /// The generator.
    pub generator: &'a [u8],
    /// The server's public value.
    pub share: &'a [u8],
}

impl<'a> Dh<'a> {
    /// Reads the body of a ServerKeyExchange of a DHE suite; `None` where it has not that shape.
    pub fn parse(body: &'a [u8]) -> Option<Self> {
        let mut c = Cursor(body);
        let mut number = || c.vec16().filter(|n| !n.is_empty() && n.len() <= LONGEST);
        let dh = Self { prime: number()?, generator: number()?, share: number()? };
        (bits(dh.prime) > 1).then_some(dh)
    }
}

/// The modulus of the short RSA key in the body of a ServerKeyExchange of an RSA_EXPORT suite.
pub fn rsa_modulus(body: &[u8]) -> Option<&[u8]> {
    let mut c = Cursor(body);
    let modulus = c.vec16().filter(|n| n.len() <= LONGEST && bits(n) > 1)?;
    c.vec16().filter(|exponent| !exponent.is_empty())?;
    Some(modulus)
}

/// Bits of a big-endian number, without leading zeros.
pub fn bits(number: &[u8]) -> u32 {
    let rest = number.iter().position(|b| *b != 0).and_then(|start| number.get(start..)).unwrap_or_default();
    let Some(first) = rest.first() else { return 0 };
    u32::try_from(rest.len()).unwrap_or(u32::MAX).saturating_mul(8).saturating_sub(first.leading_zeros())
}

/// Appends the parameters of a Diffie-Hellman exchange over this prime, for a scripted server.
pub fn encode_dh(out: &mut Vec<u8>, prime: &[u8]) {
    for number in [prime, &[2], &vec![0x7f; prime.len()]] {
        crate::wire::cursor::put_vec16(out, |out| out.extend_from_slice(number));
    }
}

/// Appends a short RSA key with this modulus and the exponent 65537, for a scripted server.
pub fn encode_rsa(out: &mut Vec<u8>, modulus: &[u8]) {
    for number in [modulus, &[1, 0, 1]] {
        crate::wire::cursor::put_vec16(out, |out| out.extend_from_slice(number));
    }
}

/// Every parser over these bytes.
pub(in crate::wire) fn fuzz(data: &[u8]) {
    if let Some(dh) = Dh::parse(data) {
        assert!(bits(dh.prime) as usize <= LONGEST * 8);
        let _ = super::groups::shared(dh.prime);
    }
    let _ = rsa_modulus(data).map(bits);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_counted_without_leading_zeros() {
        let table: &[(&[u8], u32)] =
            &[(&[], 0), (&[0, 0], 0), (&[1], 1), (&[0, 0x80], 8), (&[0x7f, 0xff], 15), (&[1, 0, 0], 17)];
        for (number, expected) in table {
            assert_eq!(bits(number), *expected, "{number:?}");
        }
    }

    #[test]
    fn parameters_read_what_they_write_and_every_cut_is_refused() {
        let prime = [0xff; 64];
        let mut body = Vec::new();
        encode_dh(&mut body, &prime);
        for cut in 0..body.len() {
            assert_eq!(Dh::parse(&body[..cut]), None, "cut at {cut}");
        }
        body.extend_from_slice(&[0, 64, 1, 2, 3]); // a signature that is cut off matters to nobody
        let dh = Dh::parse(&body).unwrap();
        assert_eq!((bits(dh.prime), dh.generator, dh.share.len()), (512, &[2][..], 64));
        let mut body = Vec::new();
        encode_rsa(&mut body, &[0x80; 64]);
        assert_eq!(rsa_modulus(&body).map(bits), Some(512));
        for cut in 0..body.len() {
            assert_eq!(rsa_modulus(&body[..cut]), None, "cut at {cut}");
        }
    }

    #[test]
    fn numbers_that_cannot_be_are_refused() {
        let zero: Vec<u8> = [&[0, 2, 0, 0][..], &[0, 1, 2, 0, 1, 3]].concat();
        assert_eq!(Dh::parse(&zero), None, "a prime of nothing");
        assert_eq!(rsa_modulus(&[0, 0, 0, 1, 3]), None, "an empty modulus");
        let mut long = Vec::new();
        encode_dh(&mut long, &vec![0xff; LONGEST + 1]);
        assert_eq!(Dh::parse(&long), None, "longer than anybody uses");
    }
}
