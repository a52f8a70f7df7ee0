//! Answers that `openssl` does not make: several entries, contradictions, odd extensions, hostile bytes.

use super::{
    super::{
        der::{ENUMERATED, context_plain},
        testing::{Signer, envelope, extension, generalized, now, oid, seq},
    },
    *,
};

const GOOD: &[u8] = &[0x80, 0];
const UNKNOWN: &[u8] = &[0x82, 0];

/// CertID and status of each entry.
type Entries<'a> = &'a [(&'a [u8], &'a [u8])];

fn serial(text: &str) -> Serial {
    Serial::of_text(text).unwrap()
}

fn sha1() -> &'static ring::digest::Algorithm {
    &ring::digest::SHA1_FOR_LEGACY_USE_ONLY
}

fn revoked(at: &str, code: u8) -> Vec<u8> {
    let reason = wrap(context(0), &[&wrap(ENUMERATED, &[&[code]])]);
    wrap(context(1), &[&generalized(at), &reason])
}

/// An entry that holds for today.
fn single(id: &[u8], status: &[u8], extensions: &[Vec<u8>]) -> Vec<u8> {
    let next = wrap(context(0), &[&generalized("20260616110000Z")]);
    let extras =
        if extensions.is_empty() { Vec::new() } else { wrap(context(1), &[&seq(&[&extensions.concat()])]) };
    seq(&[id, status, &generalized("20260615110000Z"), &next, &extras])
}

fn said(signer: &Signer, der: &[u8], nonce: Option<&[u8]>) -> String {
    let authority = Authority::read(&signer.der).unwrap();
    match judge(der, &authority, &serial("0x8001"), nonce, now()) {
        Answer::Good(_) => "good".into(),
        Answer::Revoked(entry, _) => {
            format!("revoked {}", entry.reason.map_or("-", RevocationReason::as_str))
        }
        Answer::Unknown(why) => why.to_string(),
    }
}

#[test]
fn several_entries_are_all_heard() {
    let signer = Signer::new("A", &[]);
    let ours = signer.id(sha1(), SHA1, &[0, 0x80, 1]);
    let other = signer.id(sha1(), SHA1, &[2]);
    let bad = revoked("20260614000000Z", 1);
    let table: &[(Entries<'_>, &str)] = &[
        (&[(&ours, GOOD)], "good"),
        (&[(&other, &bad), (&ours, GOOD)], "good"),
        (&[(&other, GOOD), (&ours, &bad)], "revoked keyCompromise"),
        (&[(&ours, GOOD), (&ours, &bad)], "revoked keyCompromise"),
        (&[(&ours, &bad), (&ours, GOOD)], "revoked keyCompromise"),
        (&[(&ours, GOOD), (&ours, UNKNOWN)], "the responder does not know the certificate"),
        (&[(&ours, UNKNOWN), (&ours, &bad)], "revoked keyCompromise"),
        (&[(&other, GOOD)], "the answer is about another certificate"),
        (&[], "the answer is about another certificate"),
    ];
    for (entries, expected) in table {
        let singles: Vec<Vec<u8>> = entries.iter().map(|(id, status)| single(id, status, &[])).collect();
        assert_eq!(said(&signer, &signer.answer(&singles, &[]), None), *expected);
    }
    let flood = vec![single(&ours, GOOD, &[]); 33];
    let unread = "what came is no OCSP answer that can be read";
    assert_eq!(said(&signer, &signer.answer(&flood, &[]), None), unread);
}

#[test]
fn the_entry_has_to_name_issuer_and_number_by_a_known_digest() {
    let (signer, stranger) = (Signer::new("A", &[]), Signer::new("A", &[]));
    let another = "the answer is about another certificate";
    let sha256 = &ring::digest::SHA256;
    let table = [
        (signer.id(sha256, SHA256, &[0, 0x80, 1]), "good"),
        (signer.id(&ring::digest::SHA512, SHA512, &[0, 0x80, 1]), "good"),
        (signer.id(sha1(), SHA1, &[0, 0, 0, 0x80, 1]), "good"),
        (signer.id(sha1(), SHA1, &[0x80, 1]), another),
        (signer.id(sha256, SHA1, &[0, 0x80, 1]), another),
        (signer.id(sha1(), &[0x2a, 3], &[0, 0x80, 1]), another),
        (stranger.id(sha1(), SHA1, &[0, 0x80, 1]), another),
    ];
    for (id, expected) in table {
        let answer = signer.answer(&[single(&id, GOOD, &[])], &[]);
        assert_eq!(said(&signer, &answer, None), expected);
    }
}

#[test]
fn nonces_may_be_absent_and_may_not_differ() {
    let signer = Signer::new("A", &[]);
    let entry = [single(&signer.id(sha1(), SHA1, &[0, 0x80, 1]), GOOD, &[])];
    let with = |value: &[u8]| signer.answer(&entry, &[extension(NONCE, false, value)]);
    let ours = [7; 32];
    let other = "the answer carries another nonce than ours";
    assert_eq!(said(&signer, &signer.answer(&entry, &[]), Some(&ours)), "good");
    assert_eq!(said(&signer, &with(&wrap(OCTET_STRING, &[&ours])), Some(&ours)), "good");
    assert_eq!(said(&signer, &with(&ours), Some(&ours)), "good", "without the inner OCTET STRING");
    for wrong in [wrap(OCTET_STRING, &[&[8; 32]]), wrap(OCTET_STRING, &[&ours[..31]]), Vec::new()] {
        assert_eq!(said(&signer, &with(&wrong), Some(&ours)), other);
        assert_eq!(said(&signer, &with(&wrong), None), "good", "a staple answers somebody else's question");
    }
}

#[test]
fn doubts_keep_it_from_good_and_not_from_revoked() {
    let signer = Signer::new("A", &[]);
    let id = signer.id(sha1(), SHA1, &[0, 0x80, 1]);
    let bad = revoked("20260614000000Z", 4);
    let odd = [extension(&[0x2a, 3], true, &[5, 0])];
    let plain = [extension(&[0x2a, 3], false, &[5, 0])];
    let why = "the answer has a critical extension that is not known here";
    for (inner, outer, good) in [(&odd, &plain, why), (&plain, &odd, why), (&plain, &plain, "good")] {
        assert_eq!(said(&signer, &signer.answer(&[single(&id, GOOD, inner)], outer), None), good);
        assert_eq!(
            said(&signer, &signer.answer(&[single(&id, &bad, inner)], outer), None),
            "revoked superseded"
        );
    }
    let never = single(&id, &revoked("19700101000000Z", 6), &[]);
    let why = "the responder says that no such certificate was issued";
    assert_eq!(said(&signer, &signer.answer(&[never], &[]), None), why);
    let hold = single(&id, &revoked("20260101000000Z", 6), &[]);
    assert_eq!(said(&signer, &signer.answer(&[hold], &[]), None), "revoked certificateHold");
}

#[test]
fn refusals_and_other_kinds_are_told() {
    let signer = Signer::new("A", &[]);
    let status = |n: u8| seq(&[&wrap(ENUMERATED, &[&[n]])]);
    let unread = "what came is no OCSP answer that can be read";
    let kind = seq(&[&oid(&[0x2a, 3]), &wrap(OCTET_STRING, &[b"x"])]);
    let other_kind = seq(&[&wrap(ENUMERATED, &[&[0]]), &wrap(context(0), &[&kind])]);
    let table = [
        (status(1), "the responder says: malformed request"),
        (status(2), "the responder says: internal error"),
        (status(5), "the responder wants signed requests"),
        (status(4), "the responder refused with status 4"),
        (status(200), "the responder refused with status 200"),
        (status(0), unread),
        (other_kind, unread),
        (envelope(b""), unread),
        (b"<html></html>".to_vec(), unread),
    ];
    for (der, expected) in table {
        assert_eq!(said(&signer, &der, None), expected);
    }
}

#[test]
fn the_responder_has_to_be_who_signed() {
    let signer = Signer::new("A", &[]);
    let id = signer.id(sha1(), SHA1, &[0, 0x80, 1]);
    let entries = seq(&[&single(&id, GOOD, &[])]);
    let produced = generalized("20260615110000Z");
    let by = |responder: Vec<u8>| envelope(&signer.sign(&seq(&[&responder, &produced, &entries])));
    let keyed = |key: &[u8]| {
        let hash = ring::digest::digest(sha1(), key);
        wrap(context(2), &[&wrap(OCTET_STRING, &[hash.as_ref()])])
    };
    assert_eq!(said(&signer, &by(keyed(signer.key())), None), "good");
    let why = "it is signed by somebody else, whose certificate did not come along";
    assert_eq!(said(&signer, &by(keyed(b"another key")), None), why);
    let stranger = wrap(context(1), &[&super::super::testing::name("B")]);
    assert_eq!(said(&signer, &by(stranger), None), why);
    let version = |n: u8| wrap(context(0), &[&wrap(INTEGER, &[&[n]])]);
    let dated = |n| [version(n), keyed(signer.key())].concat();
    assert_eq!(said(&signer, &by(dated(0)), None), "good");
    assert_eq!(said(&signer, &by(dated(1)), None), "what came is no OCSP answer that can be read");
    let nothing = wrap(context_plain(1), &[b"x"]);
    assert_eq!(said(&signer, &by(nothing), None), "what came is no OCSP answer that can be read");
}

#[test]
fn bits_and_cuts_never_make_revoked_good_nor_good_revoked() {
    let signer = Signer::new("A", &[]);
    let id = signer.id(sha1(), SHA1, &[0, 0x80, 1]);
    for (status, word) in [(revoked("20260614000000Z", 1), "revoked keyCompromise"), (GOOD.to_vec(), "good")]
    {
        let original = signer.answer(&[single(&id, &status, &[])], &[]);
        assert_eq!(said(&signer, &original, None), word);
        let mut changed = original.clone();
        for bit in 0..original.len() * 8 {
            let mask = 1 << (bit % 8);
            changed[bit / 8] ^= mask;
            let got = said(&signer, &changed, None);
            assert!(got == word || !(got == "good" || got.starts_with("revoked")), "bit {bit}: {got}");
            changed[bit / 8] ^= mask;
        }
        for length in 0..original.len() {
            let got = said(&signer, &original[..length], None);
            assert!(got != "good" && !got.starts_with("revoked"), "cut at {length}: {got}");
        }
    }
}
