use proptest::prelude::*;

use super::*;

fn unwrap(data: &[u8]) -> (Vec<u8>, Result<(), NotTds>) {
    let (mut out, mut input) = (Vec::new(), data);
    let result = Unwrapper::new().read(&mut input, &mut out);
    (out, result)
}

#[test]
fn a_hello_becomes_one_packet_that_ends_the_message() {
    let mut out = vec![0xaa];
    wrap(&mut out, b"hello");
    assert_eq!(out, b"\xaa\x12\x01\x00\x0d\x00\x00\x00\x00hello");
    let before = out.len();
    wrap(&mut out, b"");
    assert_eq!(out.len(), before);
}

#[test]
fn long_flights_are_cut_and_only_the_last_packet_ends_the_message() {
    let flight: Vec<u8> = (0..10_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let mut out = Vec::new();
    wrap(&mut out, &flight);
    let (mut left, mut seen, mut content) = (out.as_slice(), Vec::new(), Vec::new());
    while !left.is_empty() {
        let header = Header::read(left).unwrap().unwrap();
        seen.push((header.last, header.content, left[6]));
        content.extend_from_slice(&left[HEADER_LEN..HEADER_LEN + header.content]);
        left = &left[HEADER_LEN + header.content..];
    }
    assert_eq!(seen, [(false, 4088, 0), (false, 4088, 1), (true, 1824, 2)]);
    assert_eq!(content, flight);
}

#[test]
fn both_types_are_taken_off_whatever_the_cuts() {
    let stream = b"\x12\x01\x00\x0a\x00\x00\x01\x00ab\x04\x00\x00\x0b\x00\x34\x01\x00cde\x04\x01\x00\x09\x00\x00\x00\x00f";
    for step in 1..=stream.len() {
        let (mut unwrapper, mut out) = (Unwrapper::new(), Vec::new());
        for mut chunk in stream.chunks(step) {
            unwrapper.read(&mut chunk, &mut out).unwrap();
            assert!(chunk.is_empty());
        }
        assert_eq!(out, b"abcdef");
        assert!(unwrapper.is_between());
    }
    for length in 1..stream.len() {
        let (out, result) = unwrap(&stream[..length]);
        assert_eq!(result, Ok(()), "{length}");
        assert!(b"abcdef".starts_with(&out));
    }
}

#[test]
fn bare_tls_and_other_packets_are_not_tds() {
    for bad in [
        b"\x16\x03\x01".as_slice(),           // a TLS record
        b"\x15",                              // an alert
        b"\x01\x01\x00\x09\x00\x00\x00\x00a", // a batch
        b"\x10\x01",                          // a login
        b"\x12\x03",                          // a message to be ignored
        b"\x04\x80",
        b"\x12\x01\x00\x07\x00\x00\x00\x00", // shorter than its header
        b"\x12\x01\x00\x08\x00\x00\x00\x00", // nothing inside
        b"\x12\x01\x80\x00\x00\x00\x00\x00", // longer than any
        b"\x12\x01\x00\x00\x00\x00\x00\x00",
    ] {
        assert_eq!(unwrap(bad), (Vec::new(), Err(NotTds)), "{bad:?}");
    }
}

#[test]
fn a_bad_header_fails_for_good_and_keeps_what_came_before() {
    let (mut unwrapper, mut out) = (Unwrapper::new(), Vec::new());
    let mut input = b"\x04\x01\x00\x09\x00\x00\x00\x00a\x16\x03".as_slice();
    assert_eq!(unwrapper.read(&mut input, &mut out), Err(NotTds));
    assert_eq!(out, b"a");
    let mut good = b"\x04\x01\x00\x09\x00\x00\x00\x00b".as_slice();
    assert_eq!(unwrapper.read(&mut good, &mut out), Err(NotTds));
    assert_eq!(out, b"a");
}

proptest! {
    #[test]
    fn what_is_wrapped_comes_out_again(data in prop::collection::vec(any::<u8>(), 0..9000)) {
        fuzz(&data);
    }

    #[test]
    fn framed_bytes_do_not_depend_on_cuts(
        parts in prop::collection::vec((0u8..24, 0u8..3, prop::collection::vec(any::<u8>(), 0..40)), 0..6),
    ) {
        let mut data = Vec::new();
        for (kind, status, content) in &parts {
            let kind = if *kind > 3 { TABULAR } else { *kind };
            packet(&mut data, kind, *status, 0, content);
        }
        fuzz(&data);
    }
}
