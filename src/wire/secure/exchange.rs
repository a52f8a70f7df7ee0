//! The client's half of a key exchange: what goes into ClientKeyExchange, and the secret that both sides have after it
//! (RFC 5246, 7.4.7; RFC 8422, 5.7). Signatures of the server are not read.
//!
//! Numbers come from the server and are bounded before anything is computed with them.

use num_bigint::BigUint;
use rand::Rng as _;
use ring::{agreement, rand::SystemRandom};

use super::suite::{Exchange, Suite};
use crate::wire::cursor::{Cursor, put_vec16};

/// The longest modulus or prime in bits. What is longer would cost more than the answer is worth.
const MAX_BITS: u64 = 8192;
/// The shortest.
const MIN_BITS: u64 = 384;
/// The longest public exponent in bits; 17 is usual.
const MAX_EXPONENT_BITS: u64 = 64;
/// Bytes of the premaster secret of RSA.
const PREMASTER_LEN: usize = 48;
/// Bytes of our secret exponent.
const SECRET_LEN: usize = 32;

/// named_curve (RFC 8422, 5.4).
pub const NAMED_CURVE: u8 = 3;
/// The curves on offer for finishing a handshake: X25519, P-256, P-384.
pub const GROUPS: &[u16] = &[29, 23, 24];

/// The RSA key of a certificate, big-endian.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RsaKey {
    /// The modulus.
    pub modulus: Vec<u8>,
    /// The public exponent.
    pub exponent: Vec<u8>,
}

/// A key exchange from the client's side.
#[derive(Clone, PartialEq, Eq)]
pub struct Shared {
    /// The secret that both have.
    pub premaster: Vec<u8>,
    /// The body of ClientKeyExchange.
    pub message: Vec<u8>,
}

/// Why there is no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unable {
    /// A message that the suite needs did not come, or holds what makes no sense.
    #[error("the server's part of the key exchange makes no sense")]
    Malformed,
    /// A number that is too long, too short or of no use.
    #[error("a number of the key exchange is out of bounds")]
    Bounds,
    /// A curve that was not offered.
    #[error("a curve that was not offered")]
    Curve,
    /// The certificate holds no key of the kind that the suite needs.
    #[error("the certificate has no RSA key")]
    Key,
    /// The generator of random numbers failed.
    #[error("no random numbers")]
    Random,
}

/// The client's part for a suite. `offered` is the version in ClientHello, which RSA carries once more; `theirs` the
/// body of ServerKeyExchange; `leaf` the key of the server's certificate.
///
/// # Errors
///
/// [`Unable`].
pub fn answer(
    suite: &Suite,
    offered: u16,
    theirs: Option<&[u8]>,
    leaf: Option<&RsaKey>,
) -> Result<Shared, Unable> {
    match suite.exchange {
        Exchange::Rsa => rsa(offered, leaf.ok_or(Unable::Key)?),
        Exchange::Ecdhe => ecdhe(theirs.ok_or(Unable::Malformed)?),
        Exchange::Dhe => dhe(theirs.ok_or(Unable::Malformed)?),
    }
}

fn rsa(offered: u16, key: &RsaKey) -> Result<Shared, Unable> {
    let (modulus, exponent) = (BigUint::from_bytes_be(&key.modulus), BigUint::from_bytes_be(&key.exponent));
    let sound =
        (MIN_BITS..=MAX_BITS).contains(&modulus.bits()) && (2..=MAX_EXPONENT_BITS).contains(&exponent.bits());
    if !sound {
        return Err(Unable::Bounds);
    }
    let mut premaster = vec![0; PREMASTER_LEN];
    rand::rng().fill_bytes(&mut premaster);
    if let Some(version) = premaster.first_chunk_mut() {
        *version = offered.to_be_bytes();
    }
    let length = usize::try_from(modulus.bits().div_ceil(8)).map_err(|_| Unable::Bounds)?;
    // RFC 8017, 7.2.1: 00 02, bytes that are not 0, 00, the message.
    let padding = length.checked_sub(3 + PREMASTER_LEN).filter(|n| *n >= 8).ok_or(Unable::Bounds)?;
    let mut block = vec![0, 2];
    block.extend((0..padding).map(|_| rand::random_range(1..=u8::MAX)));
    block.push(0);
    block.extend_from_slice(&premaster);
    let sealed = BigUint::from_bytes_be(&block).modpow(&exponent, &modulus).to_bytes_be();
    let mut message = Vec::with_capacity(length + 2);
    put_vec16(&mut message, |out| {
        out.resize(out.len() + length.saturating_sub(sealed.len()), 0);
        out.extend_from_slice(&sealed);
    });
    Ok(Shared { premaster, message })
}

/// Curve and point of a ServerKeyExchange of ECDHE.
fn ecdhe(theirs: &[u8]) -> Result<Shared, Unable> {
    let mut at = Cursor(theirs);
    if at.u8() != Some(NAMED_CURVE) {
        return Err(Unable::Curve);
    }
    let curve = at.u16().ok_or(Unable::Malformed)?;
    let point = at.vec8().ok_or(Unable::Malformed)?;
    let (premaster, public) = agree(curve, point)?;
    let mut message = vec![u8::try_from(public.len()).map_err(|_| Unable::Malformed)?];
    message.extend_from_slice(&public);
    Ok(Shared { premaster, message })
}

/// An ephemeral key of ours on a curve and what it makes of a point of theirs: the secret and our point.
///
/// # Errors
///
/// [`Unable`], also for a point that is not on the curve.
pub fn agree(curve: u16, point: &[u8]) -> Result<(Vec<u8>, Vec<u8>), Unable> {
    let ours = Ephemeral::new(curve)?;
    let public = ours.public.clone();
    Ok((ours.meet(point)?, public))
}

/// An ephemeral key on a curve.
pub struct Ephemeral {
    private: agreement::EphemeralPrivateKey,
    algorithm: &'static agreement::Algorithm,
    /// The public half, as it travels.
    pub public: Vec<u8>,
}

impl Ephemeral {
    /// A new one.
    ///
    /// # Errors
    ///
    /// [`Unable`].
    pub fn new(curve: u16) -> Result<Self, Unable> {
        let algorithm = match curve {
            29 => &agreement::X25519,
            23 => &agreement::ECDH_P256,
            24 => &agreement::ECDH_P384,
            _ => return Err(Unable::Curve),
        };
        let private = agreement::EphemeralPrivateKey::generate(algorithm, &SystemRandom::new())
            .map_err(|_| Unable::Random)?;
        let public = private.compute_public_key().map_err(|_| Unable::Random)?.as_ref().to_vec();
        Ok(Self { private, algorithm, public })
    }

    /// The secret that it shares with a point.
    ///
    /// # Errors
    ///
    /// [`Unable`], where the point is not on the curve.
    pub fn meet(self, point: &[u8]) -> Result<Vec<u8>, Unable> {
        let theirs = agreement::UnparsedPublicKey::new(self.algorithm, point);
        agreement::agree_ephemeral(self.private, &theirs, <[u8]>::to_vec).map_err(|_| Unable::Malformed)
    }
}

fn dhe(theirs: &[u8]) -> Result<Shared, Unable> {
    let mut at = Cursor(theirs);
    let [prime, base, public] = [at.vec16(), at.vec16(), at.vec16()].map(|n| n.map(BigUint::from_bytes_be));
    let (Some(prime), Some(base), Some(public)) = (prime, base, public) else {
        return Err(Unable::Malformed);
    };
    let one = BigUint::from(1_u8);
    let sound = (MIN_BITS..=MAX_BITS).contains(&prime.bits())
        && prime.bit(0)
        && [&base, &public].iter().all(|n| **n > one && **n < prime);
    if !sound {
        return Err(Unable::Bounds);
    }
    let mut secret = [0; SECRET_LEN];
    rand::rng().fill_bytes(&mut secret);
    let secret = BigUint::from_bytes_be(&secret);
    let mut message = Vec::new();
    put_vec16(&mut message, |out| out.extend_from_slice(&base.modpow(&secret, &prime).to_bytes_be()));
    // Leading zeros are stripped (RFC 5246, 8.1.2).
    Ok(Shared { premaster: public.modpow(&secret, &prime).to_bytes_be(), message })
}
