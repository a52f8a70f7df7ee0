//! Whether a signature of an authority holds.
//!
//! By ring: RSA of 2048 bits and more (PKCS#1 v1.5 and PSS), ECDSA on P-256 and P-384, Ed25519. MD5 is never known.
//! SHA-1 is known with RSA, since old authorities still sign lists with it, and counts on one side only: two texts of
//! one SHA-1 can be made by whoever may choose part of what is signed, and a requester does choose the nonce of an OCSP
//! answer. So it is believed where it says that a certificate is revoked and not where it says that it stands.

use ring::signature::{self as rings, UnparsedPublicKey, VerificationAlgorithm};
use x509_parser::{asn1_rs::Any, asn1_rs::FromDer as _, signature_algorithm::RsaSsaPssParams};

use super::{
    answer::Why,
    der::{BIT_STRING, INTEGER, Malformed, OBJECT_IDENTIFIER, Reader, SEQUENCE, number, octets},
};

/// How much a signature that holds is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Strength {
    /// SHA-1.
    Weak,
    /// SHA-2 or better.
    Full,
}

const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const RSA_SHA1: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x05];
/// What some old Microsoft tools write for the same.
const RSA_SHA1_OIW: &[u8] = &[0x2b, 0x0e, 0x03, 0x02, 0x1d];
const RSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a];
const RSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b];
const RSA_SHA384: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0c];
const RSA_SHA512: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0d];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
const ECDSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
const ECDSA_SHA384: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
pub(super) const SHA256: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
pub(super) const SHA384: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02];
pub(super) const SHA512: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03];

/// A public key out of a SubjectPublicKeyInfo.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key<'a> {
    algorithm: &'a [u8],
    /// The named curve, or nothing.
    curve: &'a [u8],
    /// The content of the BIT STRING: what a key hash is made of.
    pub(super) bits: &'a [u8],
}

impl<'a> Key<'a> {
    /// Reads a SubjectPublicKeyInfo.
    pub(super) fn read(spki: &'a [u8]) -> Result<Self, Malformed> {
        let mut info = Reader(spki).inside(SEQUENCE)?;
        let mut algorithm = info.inside(SEQUENCE)?;
        let id = algorithm.one(OBJECT_IDENTIFIER)?.value;
        let curve = algorithm.maybe(OBJECT_IDENTIFIER)?.map_or(&[][..], |c| c.value);
        let bits = octets(&info.one(BIT_STRING)?)?;
        Ok(Self { algorithm: id, curve, bits })
    }

    /// Checks a signature over `signed`; `algorithm` is the AlgorithmIdentifier, header included.
    pub(super) fn verify(&self, algorithm: &[u8], signed: &[u8], signature: &[u8]) -> Result<Strength, Why> {
        let (with, strength) = self.method(algorithm)?;
        if self.algorithm == RSA && self.is_short() {
            return Err("the signer's key is shorter than 2048 bits".into());
        }
        let key = UnparsedPublicKey::new(with, self.bits);
        key.verify(signed, signature).map_err(|_| "the signature does not hold")?;
        Ok(strength)
    }

    fn method(&self, algorithm: &[u8]) -> Result<(&'static dyn VerificationAlgorithm, Strength), Why> {
        let unknown = || Why::from("signature algorithm not known");
        let mut fields = Reader(algorithm).inside(SEQUENCE).map_err(|Malformed| unknown())?;
        let id = fields.one(OBJECT_IDENTIFIER).map_err(|Malformed| unknown())?.value;
        let rest = fields.0;
        let method: &'static dyn VerificationAlgorithm = match (self.algorithm, self.curve, id) {
            (RSA, _, RSA_SHA1 | RSA_SHA1_OIW) => {
                return Ok((&rings::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, Strength::Weak));
            }
            (RSA, _, RSA_SHA256) => &rings::RSA_PKCS1_2048_8192_SHA256,
            (RSA, _, RSA_SHA384) => &rings::RSA_PKCS1_2048_8192_SHA384,
            (RSA, _, RSA_SHA512) => &rings::RSA_PKCS1_2048_8192_SHA512,
            (RSA, _, RSA_PSS) => pss(rest).ok_or_else(unknown)?,
            (EC, P256, ECDSA_SHA256) => &rings::ECDSA_P256_SHA256_ASN1,
            (EC, P256, ECDSA_SHA384) => &rings::ECDSA_P256_SHA384_ASN1,
            (EC, P384, ECDSA_SHA256) => &rings::ECDSA_P384_SHA256_ASN1,
            (EC, P384, ECDSA_SHA384) => &rings::ECDSA_P384_SHA384_ASN1,
            (ED25519, _, ED25519) => &rings::ED25519,
            _ => return Err(unknown()),
        };
        Ok((method, Strength::Full))
    }

    /// Whether an RSA modulus has fewer than 2048 bits: ring would call that a wrong signature, and it is another thing.
    fn is_short(&self) -> bool {
        let modulus = || number(Reader(self.bits).inside(SEQUENCE)?.one(INTEGER)?.value);
        modulus().is_ok_and(|n| n.len() < 256 || (n.len() == 256 && n.first() == Some(&0)))
    }
}

/// The PSS variant by its parameters (RFC 4055, 3.1), as far as ring knows it: salt and mask of the same hash.
fn pss(parameters: &[u8]) -> Option<&'static dyn VerificationAlgorithm> {
    let (_, any) = Any::from_der(parameters).ok()?;
    let parameters = RsaSsaPssParams::try_from(&any).ok()?;
    let mask = parameters.mask_gen_algorithm().ok()?;
    let hash = parameters.hash_algorithm_oid().as_bytes();
    if mask.hash.as_bytes() != hash {
        return None;
    }
    match (hash, parameters.salt_length()) {
        (SHA256, 32) => Some(&rings::RSA_PSS_2048_8192_SHA256),
        (SHA384, 48) => Some(&rings::RSA_PSS_2048_8192_SHA384),
        (SHA512, 64) => Some(&rings::RSA_PSS_2048_8192_SHA512),
        _ => None,
    }
}
