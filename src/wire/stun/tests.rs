use proptest::prelude::*;

use super::*;

const ID: [u8; 12] = *b"transaction!";

fn attribute_bytes(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut out = [kind.to_be_bytes(), u16::try_from(value.len()).unwrap().to_be_bytes()].concat();
    out.extend_from_slice(value);
    out.resize(out.len().next_multiple_of(4), b' ');
    out
}

fn message(kind: u16, attributes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(attributes.len()).unwrap().to_be_bytes();
    [kind.to_be_bytes().as_slice(), &length, &MAGIC, ID.as_slice(), attributes].concat()
}

fn answered(software: &[u8]) -> Answer {
    Answer { error: None, software: software.to_vec() }
}

#[test]
fn a_request_is_twenty_bytes() {
    assert_eq!(binding_request(ID), b"\x00\x01\x00\x00\x21\x12\xa4\x42transaction!");
    assert_eq!(software(&binding_request(ID), &ID), Err(NotStun::Kind));
}

#[test]
fn the_software_of_an_answer_is_read() {
    // The second sample of RFC 5769: software, a mapped address, integrity, fingerprint.
    let sample = b"\x01\x01\x00\x3c\x21\x12\xa4\x42\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae\x80\x22\x00\x0b\
        test vector \x00\x20\x00\x08\x00\x01\xa1\x47\xe1\x12\xa6\x43\x00\x08\x00\x14\x2b\x91\xf5\x99\xfd\x9e\x90\xc3\
        \x8c\x74\x89\xf9\x2a\xf9\xba\x53\xf0\x6b\xe7\xd7\x80\x28\x00\x04\xc0\x7d\x4c\x96";
    assert_eq!(
        software(sample, b"\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae"),
        Ok(answered(b"test vector"))
    );
    assert_eq!(software(&message(Method::Binding.success(), &[]), &ID), Ok(answered(b"")));
    let twice = [attribute_bytes(SOFTWARE, b"first"), attribute_bytes(SOFTWARE, b"second")].concat();
    assert_eq!(software(&message(Method::Binding.success(), &twice), &ID), Ok(answered(b"first")));
    let long =
        software(&message(Method::Binding.success(), &attribute_bytes(SOFTWARE, &[b'x'; 763])), &ID).unwrap();
    assert_eq!(long.software.len(), MAX_SOFTWARE);
}

#[test]
fn relays_are_asked_without_credentials_and_let_go() {
    assert_eq!(
        request(Method::Allocate, ID),
        b"\x00\x03\x00\x08\x21\x12\xa4\x42transaction!\x00\x19\x00\x04\x11\x00\x00\x00"
    );
    assert_eq!(
        request(Method::Release, ID),
        b"\x00\x04\x00\x08\x21\x12\xa4\x42transaction!\x00\x0d\x00\x04\x00\x00\x00\x00"
    );
    let refused = message(Method::Allocate.error(), &attribute_bytes(ERROR_CODE, b"\0\0\x04\x01"));
    assert_eq!(answer(&refused, Method::Allocate, &ID).unwrap().error, Some(401));
    assert_eq!(software(&refused, &ID), Err(NotStun::Kind), "an answer to another question");
    assert_eq!(answer(&message(Method::Allocate.success(), &[]), Method::Allocate, &ID).unwrap().error, None);
}

#[test]
fn messages_in_a_stream_end_where_they_say_and_what_is_none_is_told_at_once() {
    let whole = message(Method::Binding.success(), &attribute_bytes(SOFTWARE, b"server"));
    for n in 0..whole.len() {
        assert_eq!(length(&whole[..n]), Ok(None), "cut at {n}");
    }
    let two = [whole.clone(), whole.clone()].concat();
    assert_eq!(length(&two), Ok(Some(whole.len())));
    for other in
        [&b"HTTP/1.1 400"[..], b"\x40\x00\x00\x04data", b"\x16\x03\x01\x00\x05", b"\x01\x01\x00\x03", b"\x80"]
    {
        assert_eq!(length(other), Err(NotStun::Message), "{other:?}");
    }
}

#[test]
fn errors_have_a_code() {
    let refused =
        [attribute_bytes(ERROR_CODE, b"\0\0\x04\x01Unauthorized"), attribute_bytes(SOFTWARE, b"s")].concat();
    let expected = Answer { error: Some(401), software: b"s".to_vec() };
    assert_eq!(software(&message(Method::Binding.error(), &refused), &ID), Ok(expected));
    for bad in [b"\0\0\x02\x01".as_slice(), b"\0\0\x07\x01", b"\0\0\x04\x64", b"\0\0\x04"] {
        let bad = message(Method::Binding.error(), &attribute_bytes(ERROR_CODE, bad));
        assert_eq!(software(&bad, &ID), Err(NotStun::Attribute));
    }
    assert_eq!(software(&message(Method::Binding.error(), &[]), &ID), Err(NotStun::Attribute));
}

#[test]
fn what_is_no_answer_to_us_says_why() {
    let good = message(Method::Binding.success(), &attribute_bytes(SOFTWARE, b"coturn"));
    assert_eq!(software(&good, b"another one!"), Err(NotStun::Transaction));
    for kind in [0x0001, 0x0011, 0x0103, 0x0113] {
        assert_eq!(software(&message(kind, &[]), &ID), Err(NotStun::Kind), "{kind:x}");
    }
    assert_eq!(software(&message(0x8101, &[]), &ID), Err(NotStun::Message));
    let mut other = good.clone();
    other[4] = 0;
    assert_eq!(software(&other, &ID), Err(NotStun::Message));
    assert_eq!(software(b"HTTP/1.1 400 Bad Request\r\n\r\n", &ID), Err(NotStun::Message));
}

#[test]
fn every_prefix_and_every_longer_datagram_is_refused() {
    let good = message(Method::Binding.success(), &attribute_bytes(SOFTWARE, b"coturn"));
    for length in 0..good.len() {
        assert_eq!(software(&good[..length], &ID), Err(NotStun::Message), "{length}");
    }
    assert_eq!(software(&[good.as_slice(), b"more"].concat(), &ID), Err(NotStun::Message));
}

#[test]
fn hostile_lengths_are_refused() {
    for attributes in [
        b"\x80\x22\xff\xff".as_slice(),      // longer than the message
        b"\x80\x22\x00\x05abcd",             // by one
        b"\x80\x22\x00\x00\x80\x22\x00\x01", // no padding
    ] {
        assert_eq!(
            software(&message(Method::Binding.success(), attributes), &ID),
            Err(NotStun::Attribute),
            "{attributes:?}"
        );
    }
    assert_eq!(software(&message(Method::Binding.success(), b"\x80\x22"), &ID), Err(NotStun::Message));
    // As many empty attributes as a datagram holds.
    let flood = b"\x80\x22\x00\x00".repeat(16_000);
    assert_eq!(software(&message(Method::Binding.success(), &flood), &ID), Ok(answered(b"")));
}

proptest! {
    #[test]
    fn no_bytes_do_harm(data in prop::collection::vec(any::<u8>(), 0..200)) {
        fuzz(&data);
    }

    #[test]
    fn no_attributes_do_harm(
        error in any::<bool>(),
        parts in prop::collection::vec((prop_oneof![Just(SOFTWARE), Just(ERROR_CODE), any::<u16>()],
            prop::collection::vec(any::<u8>(), 0..40)), 0..6),
        cut in 0usize..8,
    ) {
        let mut attributes: Vec<u8> = parts.iter().flat_map(|(kind, value)| attribute_bytes(*kind, value)).collect();
        attributes.truncate(attributes.len().saturating_sub(cut * 4));
        fuzz(&message(if error { Method::Binding.error() } else { Method::Binding.success() }, &attributes));
    }
}
