use super::super::fuzzing::Out;
use super::super::testing::{ends, flood, hostile, leads_to_tls, notes_hide, play};
use super::*;
use crate::wire::greeting::Greeting;

/// What OpenLDAP 2.5 answers.
const SUCCESS: &[u8] = b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00";

/// An extended response with lengths of one octet.
fn response(id: u8, code: u8, text: &str) -> Vec<u8> {
    let body = [&[0x0a, 1, code, 4, 0, 4, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    let op = [&[0x78, u8::try_from(body.len()).unwrap()], body.as_slice()].concat();
    [&[0x30, u8::try_from(op.len() + 3).unwrap(), 2, 1, id], op.as_slice()].concat()
}

#[test]
fn success_begins_tls() {
    let outcome = leads_to_tls(&ENTRY, SUCCESS);
    let request = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037";
    assert_eq!(outcome.said, [request.to_vec()]);
}

#[test]
fn long_lengths_and_optional_parts_are_read() {
    // As Active Directory writes it: lengths of four octets, and the name of the operation behind the texts.
    let long = [
        b"\x30\x84\x00\x00\x00\x28\x02\x01\x01\x78\x84\x00\x00\x00\x1f\x0a\x01\x00\x04\x00\x04\x00\x8a\x16"
            .as_slice(),
        START_TLS,
    ]
    .concat();
    leads_to_tls(&ENTRY, &long);
    // With a control behind the operation.
    leads_to_tls(&ENTRY, b"\x30\x10\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00\xa0\x02\x30\x00");
}

#[test]
fn results_are_told_apart() {
    for (code, ended) in [
        (1, Ended::Refused),
        (2, Ended::Refused),
        (13, Ended::Refused),
        (51, Ended::RateLimited),
        (52, Ended::RateLimited),
        (53, Ended::Refused),
        (80, Ended::Refused),
    ] {
        for id in [0, 1] {
            let outcome = ends(&ENTRY, &response(id, code, "wizard"), ended);
            notes_hide(&outcome, "wizard");
        }
    }
    // A notice of disconnection with result 0 makes no TLS.
    ends(&ENTRY, &response(0, 0, ""), Ended::Refused);
}

#[test]
fn what_answers_nothing_of_ours_is_garbled() {
    ends(&ENTRY, &response(2, 0, ""), Ended::Garbled);
    // A bind response, an enumeration that is negative, an empty one, one of five octets, no operation at all.
    ends(&ENTRY, b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00", Ended::Garbled);
    ends(&ENTRY, b"\x30\x08\x02\x01\x01\x78\x03\x0a\x01\x80", Ended::Garbled);
    ends(&ENTRY, b"\x30\x07\x02\x01\x01\x78\x02\x0a\x00", Ended::Garbled);
    ends(&ENTRY, b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x05\x00\x00\x00\x00\x00", Ended::Garbled);
    ends(&ENTRY, b"\x30\x03\x02\x01\x01", Ended::Garbled);
}

#[test]
fn hostile_lengths_end_it() {
    for bytes in [
        b"\x30\x80\x02\x01\x01".as_slice(),  // indefinite
        b"\x30\x85\x00\x00\x00\x00\x0c",     // five octets
        b"\x30\x84\xff\xff\xff\xff\x02\x01", // 4 GB
        b"\x30\x82\x40\x01\x02\x01",         // one more than is read
        b"\x30\xff",
        b"\x30\x00",
        b"\x30\x03\x02\x00\x01",
        b"\x30\x05\x04\x03abc",
    ] {
        ends(&ENTRY, bytes, Ended::NotThis(None));
    }
    // An operation that is longer than its message.
    ends(&ENTRY, b"\x30\x0c\x02\x01\x01\x78\x08\x0a\x01\x00\x04\x00\x04\x00", Ended::Garbled);
    assert_eq!(flood(&ENTRY, b"\x30\x82\x30\x00", &[0x30]), Ended::NotThis(None));
    // Within the limit it is waited for.
    assert_eq!(play(&ENTRY, b"\x30\x82\x40\x00\x02").ended, None);
}

#[test]
fn other_protocols_are_named() {
    ends(&ENTRY, b"* OK IMAP4rev1\r\n", Ended::NotThis(Some(Greeting::Imap)));
    ends(&ENTRY, b"HTTP/1.0 400 Bad Request\r\n\r\n", Ended::NotThis(Some(Greeting::Http)));
    ends(&ENTRY, b"\x15\x03\x03\x00\x02\x02\x32", Ended::NotThis(None));
}

#[test]
fn what_is_behind_a_success_is_kept_for_tls() {
    let two = [SUCCESS, SUCCESS].concat();
    assert!(matches!(play(&ENTRY, &two).ended, Some(Out::Tls(Tunnel::Bare, rest)) if rest == SUCCESS));
}

#[test]
fn nothing_depends_on_the_pieces() {
    hostile(
        &ENTRY,
        &[SUCCESS, b"\x30", b"\x82\x00\x0c", b"\x02\x01\x01", b"\x78\x07", b"\x0a\x01\x33", b"\x84"],
    );
}
