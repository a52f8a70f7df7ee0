use super::super::testing::{ends, flood, hostile, leads_to_tls, play};
use super::*;
use crate::wire::greeting::Greeting;

/// A confirm with negotiation data.
fn confirm(kind: u8, value: u32) -> Vec<u8> {
    let mut out = b"\x03\x00\x00\x13\x0e\xd0\x00\x00\x12\x34\x00".to_vec();
    out.extend_from_slice(&[kind, 0x1f, 8, 0]);
    out.extend_from_slice(&value.to_le_bytes());
    out
}

#[test]
fn every_protocol_that_was_offered_begins_tls() {
    for protocol in [1, 2, 8] {
        let outcome = leads_to_tls(&ENTRY, &confirm(2, protocol));
        let request = b"\x03\x00\x00\x13\x0e\xe0\x00\x00\x00\x00\x00\x01\x00\x08\x00\x0b\x00\x00\x00";
        assert_eq!(outcome.said, [request.to_vec()]);
    }
}

#[test]
fn servers_without_tls_refuse() {
    ends(&ENTRY, &confirm(2, 0), Ended::Refused);
    for code in [1, 2, 3, 4, 5, 6, 99] {
        let outcome = ends(&ENTRY, &confirm(3, code), Ended::Refused);
        assert!(outcome.notes.contains(&Note::Came(format!("failure {code}"))));
    }
    // Without negotiation data, as servers before TLS answer, and a disconnect.
    ends(&ENTRY, b"\x03\x00\x00\x0b\x06\xd0\x00\x00\x12\x34\x00", Ended::Refused);
    ends(&ENTRY, b"\x03\x00\x00\x0b\x06\x80\x00\x00\x12\x34\x02", Ended::Refused);
}

#[test]
fn contradictions_are_garbled() {
    for protocol in [3, 4, 16, u32::MAX] {
        ends(&ENTRY, &confirm(2, protocol), Ended::Garbled);
    }
    ends(&ENTRY, &confirm(1, 1), Ended::Garbled);
    // Lengths that contradict each other: of X.224, of the data.
    ends(
        &ENTRY,
        b"\x03\x00\x00\x13\x06\xd0\x00\x00\x12\x34\x00\x02\x00\x08\x00\x01\x00\x00\x00",
        Ended::Garbled,
    );
    ends(
        &ENTRY,
        b"\x03\x00\x00\x13\x0e\xd0\x00\x00\x12\x34\x00\x02\x00\x09\x00\x01\x00\x00\x00",
        Ended::Garbled,
    );
    ends(&ENTRY, b"\x03\x00\x00\x0f\x0a\xd0\x00\x00\x12\x34\x00\x02\x00\x08\x00", Ended::Garbled);
}

#[test]
fn other_things_are_something_else() {
    for bytes in [
        b"\x03\x00\x00\x04".as_slice(),
        b"\x03\x00\x00\x0a",
        b"\x03\x00\xff\xff\x0e\xd0",
        b"\x03\x00\x04\x05",
    ] {
        ends(&ENTRY, bytes, Ended::NotThis(None));
    }
    ends(&ENTRY, b"\x03\x00\x00\x0b\x06\xf0\x80\x00\x00\x00\x00", Ended::NotThis(None));
    ends(&ENTRY, b"RFB 003.008\n", Ended::NotThis(Some(Greeting::Vnc)));
    ends(&ENTRY, b"\x15\x03\x03\x00\x02\x02\x32", Ended::NotThis(None));
    assert_eq!(flood(&ENTRY, b"", b"\x03"), Ended::NotThis(None));
    assert_eq!(play(&ENTRY, b"\x03\x00\x04\x04").ended, None);
}

#[test]
fn nothing_depends_on_the_pieces() {
    hostile(
        &ENTRY,
        &[
            b"\x03\x00\x00\x13",
            b"\x0e\xd0\0\0\0\0\0",
            b"\x02\x00\x08\x00",
            b"\x01\0\0\0",
            b"\x03\x00\x00\x0b\x06\xd0",
        ],
    );
}
