//! An authority for the unit tests, whose lists and answers are written octet by octet: what `openssl` does not make.

use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _},
};

use super::der::{
    BIT_STRING, BOOLEAN, ENUMERATED, GENERALIZED_TIME, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE,
    UTC_TIME, context, wrap,
};
use crate::model::time::Timestamp;

/// The present of these tests.
pub(super) fn now() -> Timestamp {
    "2026-06-15T12:00:00Z".parse().unwrap()
}

/// An authority with a key on P-256.
pub(super) struct Signer {
    pair: EcdsaKeyPair,
    random: SystemRandom,
    /// Its certificate.
    pub(super) der: Vec<u8>,
    pub(super) name: Vec<u8>,
}

pub(super) fn seq(parts: &[&[u8]]) -> Vec<u8> {
    wrap(SEQUENCE, parts)
}

pub(super) fn oid(id: &[u8]) -> Vec<u8> {
    wrap(OBJECT_IDENTIFIER, &[id])
}

/// `260601000000Z` and the like.
pub(super) fn utc(text: &str) -> Vec<u8> {
    wrap(UTC_TIME, &[text.as_bytes()])
}

/// `20260601000000Z` and the like.
pub(super) fn generalized(text: &str) -> Vec<u8> {
    wrap(GENERALIZED_TIME, &[text.as_bytes()])
}

pub(super) fn extension(id: &[u8], critical: bool, value: &[u8]) -> Vec<u8> {
    let flag = if critical { wrap(BOOLEAN, &[&[0xff]]) } else { Vec::new() };
    seq(&[&oid(id), &flag, &wrap(OCTET_STRING, &[value])])
}

pub(super) fn name(common: &str) -> Vec<u8> {
    let attribute = seq(&[&oid(&[0x55, 4, 3]), &wrap(0x0c, &[common.as_bytes()])]);
    seq(&[&wrap(0x31, &[&attribute])])
}

/// ecdsa-with-SHA256.
pub(super) fn algorithm() -> Vec<u8> {
    seq(&[&oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02])])
}

impl Signer {
    /// One whose certificate carries these extensions.
    pub(super) fn new(common: &str, extensions: &[&[u8]]) -> Self {
        let random = SystemRandom::new();
        let kind = &ECDSA_P256_SHA256_ASN1_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(kind, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(kind, pkcs8.as_ref(), &random).unwrap();
        let name = name(common);
        let mut signer = Self { pair, random, der: Vec::new(), name };
        let curve = seq(&[
            &oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01]),
            &oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]),
        ]);
        let key = seq(&[&curve, &wrap(BIT_STRING, &[&[0], signer.key()])]);
        let validity = seq(&[&utc("260101000000Z"), &utc("270101000000Z")]);
        let version = wrap(context(0), &[&wrap(INTEGER, &[&[2]])]);
        let serial = wrap(INTEGER, &[&[1]]);
        let extras = if extensions.is_empty() { Vec::new() } else { wrap(context(3), &[&seq(extensions)]) };
        let name = &signer.name;
        let tbs = seq(&[&version, &serial, &algorithm(), name, &validity, name, &key, &extras]);
        signer.der = signer.sign(&tbs);
        signer
    }

    pub(super) fn key(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    /// What is to be signed, its algorithm and its signature in one sequence.
    pub(super) fn sign(&self, tbs: &[u8]) -> Vec<u8> {
        self.sign_with(tbs, &[])
    }

    /// The same with something behind the signature.
    pub(super) fn sign_with(&self, tbs: &[u8], behind: &[u8]) -> Vec<u8> {
        let signature = self.pair.sign(&self.random, tbs).unwrap();
        seq(&[tbs, &algorithm(), &wrap(BIT_STRING, &[&[0], signature.as_ref()]), behind])
    }

    /// A list with these entries and extensions, from 1 to 30 June.
    pub(super) fn list(&self, entries: &[Vec<u8>], extensions: &[Vec<u8>]) -> Vec<u8> {
        self.list_from(&[utc("260601000000Z"), utc("260630000000Z")].concat(), entries, extensions)
    }

    pub(super) fn list_from(&self, dates: &[u8], entries: &[Vec<u8>], extensions: &[Vec<u8>]) -> Vec<u8> {
        let entries = if entries.is_empty() { Vec::new() } else { seq(&[&entries.concat()]) };
        let extras = if extensions.is_empty() {
            Vec::new()
        } else {
            wrap(context(0), &[&seq(&[&extensions.concat()])])
        };
        let version = wrap(INTEGER, &[&[1]]);
        self.sign(&seq(&[&version, &algorithm(), &self.name, dates, &entries, &extras]))
    }

    /// A CertID by a digest.
    pub(super) fn id(
        &self,
        hash: &'static ring::digest::Algorithm,
        hash_id: &[u8],
        serial: &[u8],
    ) -> Vec<u8> {
        let of = |bytes: &[u8]| wrap(OCTET_STRING, &[ring::digest::digest(hash, bytes).as_ref()]);
        let serial = wrap(INTEGER, &[serial]);
        seq(&[&seq(&[&oid(hash_id)]), &of(&self.name), &of(self.key()), &serial])
    }

    /// An OCSPResponse by this authority's name with these entries and extensions.
    pub(super) fn answer(&self, singles: &[Vec<u8>], extensions: &[Vec<u8>]) -> Vec<u8> {
        let extras = if extensions.is_empty() {
            Vec::new()
        } else {
            wrap(context(1), &[&seq(&[&extensions.concat()])])
        };
        let responder = wrap(context(1), &[&self.name]);
        let produced = generalized("20260615110000Z");
        envelope(&self.sign(&seq(&[&responder, &produced, &seq(&[&singles.concat()]), &extras])))
    }
}

/// A successful OCSPResponse around a BasicOCSPResponse.
pub(super) fn envelope(basic: &[u8]) -> Vec<u8> {
    let kind = oid(&[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x01]);
    let bytes = seq(&[&kind, &wrap(OCTET_STRING, &[basic])]);
    seq(&[&wrap(ENUMERATED, &[&[0]]), &wrap(context(0), &[&bytes])])
}

/// An entry of a list with these extensions.
pub(super) fn entry(serial: &[u8], extensions: &[Vec<u8>]) -> Vec<u8> {
    let extras = if extensions.is_empty() { Vec::new() } else { seq(&[&extensions.concat()]) };
    seq(&[&wrap(INTEGER, &[serial]), &utc("260610000000Z"), &extras])
}

/// A reasonCode.
pub(super) fn reason(code: u8) -> Vec<u8> {
    extension(&[0x55, 0x1d, 0x15], false, &wrap(ENUMERATED, &[&[code]]))
}
