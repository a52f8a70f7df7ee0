use data_encoding::HEXLOWER;
use proptest::prelude::*;

use super::{
    exchange::{self, Ephemeral, RsaKey, Unable},
    negotiation::{Agreed, Keys, Negotiation, Refused},
    prf::{Prf, Side},
    protect,
    suite::{self, Exchange, SUITES},
};
use crate::wire::tls::{certificates, handshake as hs, suites};

fn hex(text: &str) -> Vec<u8> {
    HEXLOWER.decode(text.as_bytes()).unwrap()
}

#[test]
fn derivation_gives_the_published_vectors() {
    // The vectors that were posted to the TLS working group's list for RFC 5246.
    let table = [
        (
            Prf::Sha256,
            "9bbe436ba940f017b17652849a71db35",
            "a0ba9f936cda311827a6f796ffd5198c",
            "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9c9a46b4e14baf9af0fa022f7077def17abfd3797c0564bab4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff70187347b66",
        ),
        (
            Prf::Sha384,
            "b80b733d6ceefcdc71566ea48e5567df",
            "cd665cf6a8447dd6ff8b27555edb7465",
            "7b0c18e9ced410ed1804f2cfa34a336a1c14dffb4900bb5fd7942107e81c83cde9ca0faa60be9fe34f82b1233c9146a0e534cb400fed2700884f9dc236f80edd8bfa961144c9e8d792eca722a7b32fc3d416d473ebc2c5fd4abfdad05d9184259b5bf8cd4d90fa0d31e2dec479e4f1a26066f2eea9a69236a3e52655c9e9aee691c8f3a26854308d5eaa3be85e0990703d73e56f",
        ),
    ];
    for (prf, secret, seed, expected) in table {
        let out = prf.derive(&hex(secret), b"test label", &hex(seed), expected.len() / 2);
        assert_eq!(HEXLOWER.encode(&out), expected, "{prf:?}");
    }
}

#[test]
fn every_suite_is_one_that_is_known_by_name_and_says_what_the_name_says() {
    for suite in SUITES {
        let known = suites::find(suite.number).unwrap();
        let exchange = match known.name {
            name if name.starts_with("ECDHE-") => Exchange::Ecdhe,
            name if name.starts_with("DHE-") => Exchange::Dhe,
            _ => Exchange::Rsa,
        };
        assert_eq!(suite.exchange, exchange, "{}", known.name);
        assert_eq!(suite.key == 32, known.name.contains("AES256"), "{}", known.name);
        assert_eq!(matches!(suite.bulk, suite::Bulk::Gcm), known.name.contains("GCM"), "{}", known.name);
        assert_eq!(suite.sha384, known.name.contains("SHA384"), "{}", known.name);
    }
}

/// Keys of both sides for a suite, from the same secrets.
fn two_sides(number: u16, version: u16) -> (Keys, Keys) {
    let agreed = Agreed { version, suite: suite::find(number).unwrap() };
    let keys = || Keys::derive(agreed, &[9; 48], &[1; 32], &[2; 32]).unwrap();
    (keys(), keys())
}

#[test]
fn what_one_side_seals_the_other_opens_and_nobody_else() {
    for suite in SUITES {
        for version in [0x0301, 0x0302, 0x0303, 0xfeff, 0xfefd] {
            let (mut ours, mut theirs) = two_sides(suite.number, version);
            for (sequence, plain) in [(0, &b""[..]), (1, b"x"), (2, &[7; 1000])] {
                let sealed = ours.client.seal(sequence, 24, version, plain);
                let opened = theirs.client.open(sequence, 24, version, &sealed);
                assert_eq!(opened.as_deref(), Some(plain), "{:#x} {version:#x}", suite.number);
            }
            let sealed = ours.client.seal(3, 24, version, b"heartbeat");
            // TLS 1.0 chains its records, so each try takes the next one.
            assert_eq!(theirs.server.open(3, 24, version, &sealed), None, "the other direction");
            if version != 0x0301 {
                assert_eq!(theirs.client.open(4, 24, version, &sealed), None, "another number");
                assert_eq!(theirs.client.open(3, 23, version, &sealed), None, "another type");
                for bit in 0..sealed.len() * 8 {
                    let mut flipped = sealed.clone();
                    flipped[bit / 8] ^= 1 << (bit % 8);
                    assert_eq!(theirs.client.open(3, 24, version, &flipped), None, "bit {bit}");
                }
                assert!(theirs.client.open(3, 24, version, &sealed).is_some());
            }
        }
    }
}

/// RSA with numbers small enough to take apart: what was sealed, opened again.
#[test]
fn rsa_carries_the_secret_in_the_padding_of_its_standard() {
    use num_bigint::BigUint;
    // Two primes of 256 bits, 2^256 - 189 and 2^256 - 357.
    let two = BigUint::from(2_u8).pow(256);
    let (p, q) = (&two - 189_u16, &two - 357_u16);
    let exponent = BigUint::from(65_537_u32);
    let one = BigUint::from(1_u8);
    let private = exponent.modinv(&((&p - &one) * (&q - &one))).unwrap();
    let modulus = &p * &q;
    let key = RsaKey { modulus: modulus.to_bytes_be(), exponent: exponent.to_bytes_be() };
    let suite = suite::find(0x002f).unwrap();
    let Ok(shared) = exchange::answer(suite, 0xfefd, None, Some(&key)) else {
        panic!("512 bits leave room for 48 bytes and 11 of padding");
    };
    let (length, sealed) = shared.message.split_at(2);
    assert_eq!(length, [0, 64]);
    let block = BigUint::from_bytes_be(sealed).modpow(&private, &modulus).to_bytes_be();
    assert_eq!(block.len(), 63, "00 in front");
    assert_eq!(block[0], 2);
    assert!(block[1..14].iter().all(|b| *b != 0), "padding");
    assert_eq!(block[14], 0);
    assert_eq!(block[15..], shared.premaster);
    assert_eq!(shared.premaster[..2], [0xfe, 0xfd]);
}

#[test]
fn both_sides_of_a_curve_come_to_the_same_secret() {
    for curve in exchange::GROUPS {
        let theirs = Ephemeral::new(*curve).unwrap();
        let mut message = vec![exchange::NAMED_CURVE];
        message.extend_from_slice(&curve.to_be_bytes());
        message.push(u8::try_from(theirs.public.len()).unwrap());
        message.extend_from_slice(&theirs.public);
        message.extend_from_slice(b"a signature that nobody reads");
        let suite = suite::find(0xc02f).unwrap();
        let ours = exchange::answer(suite, 0x0303, Some(&message), None).unwrap();
        assert_eq!(theirs.meet(&ours.message[1..]).unwrap(), ours.premaster, "curve {curve}");
    }
}

#[test]
fn hostile_numbers_are_refused_before_anything_is_computed() {
    let numbers = |parts: &[&[u8]]| {
        let mut out = Vec::new();
        for part in parts {
            out.extend_from_slice(&u16::try_from(part.len()).unwrap().to_be_bytes());
            out.extend_from_slice(part);
        }
        out
    };
    let dhe = suite::find(0x0033).unwrap();
    let prime = [&[0xff; 127][..], &[0xfd]].concat();
    let table: &[(&str, Vec<u8>, Unable)] = &[
        ("nothing", vec![], Unable::Malformed),
        ("a zero", numbers(&[&[0], &[2], &[4]]), Unable::Bounds),
        ("an even one", numbers(&[&[0xfe; 128], &[2], &[4]]), Unable::Bounds),
        ("a short one", numbers(&[&[0xff; 8], &[2], &[4]]), Unable::Bounds),
        ("a huge one", numbers(&[&[0xff; 2000], &[2], &[4]]), Unable::Bounds),
        ("a base of one", numbers(&[&prime, &[1], &[4]]), Unable::Bounds),
        ("a public of zero", numbers(&[&prime, &[2], &[0]]), Unable::Bounds),
        ("a public beyond the prime", numbers(&[&prime, &[2], &[0xff; 128]]), Unable::Bounds),
        ("half a message", numbers(&[&prime, &[2]]), Unable::Malformed),
    ];
    for (what, message, expected) in table {
        assert_eq!(exchange::answer(dhe, 0x0303, Some(message), None).err(), Some(*expected), "{what}");
    }
    let ecdhe = suite::find(0xc02f).unwrap();
    for (message, expected) in [
        (vec![], Unable::Curve),
        (vec![1, 0, 23], Unable::Curve),
        (vec![3, 0, 25, 1, 4], Unable::Curve),
        (vec![3, 0, 23], Unable::Malformed),
        (vec![3, 0, 23, 2, 4], Unable::Malformed),
        ([&[3, 0, 23, 65, 4][..], &[1; 64]].concat(), Unable::Malformed),
    ] {
        assert_eq!(
            exchange::answer(ecdhe, 0x0303, Some(&message), None).err(),
            Some(expected),
            "{message:?}"
        );
    }
    let rsa = suite::find(0x002f).unwrap();
    let long = RsaKey { modulus: vec![0xff; 3000], exponent: vec![3] };
    let slow = RsaKey { modulus: vec![0xff; 256], exponent: vec![0xff; 256] };
    let none = RsaKey { modulus: vec![], exponent: vec![] };
    for key in [long, slow, none] {
        assert_eq!(exchange::answer(rsa, 0x0303, None, Some(&key)).err(), Some(Unable::Bounds));
    }
    assert_eq!(exchange::answer(rsa, 0x0303, None, None).err(), Some(Unable::Key));
}

#[test]
fn a_hello_that_agrees_on_what_was_not_offered_is_refused() {
    let hello = |version, suite, extensions: &[(u16, &[u8])]| {
        let mut out = Vec::new();
        hs::encode_server_hello(&mut out, version, &[3; 32], suite, extensions);
        Negotiation::new([1; 32], 0x0303).hear(hs::SERVER_HELLO, &out[4..])
    };
    assert_eq!(hello(0x0303, 0x002f, &[]), Ok(false));
    assert_eq!(hello(0x0303, 0x0005, &[]), Err(Refused::NotOffered), "RC4");
    assert_eq!(hello(0x0300, 0x002f, &[]), Err(Refused::NotOffered), "SSL 3.0");
    assert_eq!(hello(0x0303, 0x002f, &[(hs::EXT_EXTENDED_MASTER_SECRET, &[])]), Err(Refused::NotOffered));
    let mut early = Negotiation::new([1; 32], 0x0303);
    assert_eq!(early.hear(hs::SERVER_HELLO_DONE, &[]), Err(Refused::Malformed), "before any hello");
    assert!(early.answer(None).is_err());
    let mut chain = Vec::new();
    certificates::encode(&mut chain, &[b"leaf"]);
    assert_eq!(early.hear(hs::CERTIFICATE, &chain[4..]), Ok(false));
    assert_eq!(early.leaf(), Some(&b"leaf"[..]));
}

#[test]
fn finished_differs_by_side_and_by_what_was_said() {
    let (keys, same) = two_sides(0x002f, 0x0301);
    let client = keys.finished(Side::Client, b"said");
    assert_eq!(client, same.finished(Side::Client, b"said"));
    assert_ne!(client, keys.finished(Side::Server, b"said"));
    assert_ne!(client, keys.finished(Side::Client, b"Said"));
    assert_eq!(client.len(), 12);
}

proptest! {
    #[test]
    fn no_bytes_panic(data in prop::collection::vec(any::<u8>(), 0..300)) {
        super::fuzz(&data);
        for suite in SUITES {
            if suite.exchange != Exchange::Dhe {
                let _ = exchange::answer(suite, 0x0303, Some(&data), None);
            }
            let block = vec![1; suite.key_block_len()];
            let (mut half, _) = protect::halves(suite, &block, true).unwrap();
            prop_assert!(half.open(0, 23, 0x0303, &data).is_none());
        }
    }
}
