use super::super::fuzzing::{Out, drive};
use super::super::testing::{ends, flood, hostile, leads_to_tls, notes_hide, play};
use super::*;

/// An error of protocol 3.
fn error(state: &str, text: &str) -> Vec<u8> {
    let fields = format!("SFATAL\0VFATAL\0C{state}\0M{text}\0\0");
    let length = u32::try_from(fields.len() + 4).unwrap().to_be_bytes();
    [b"E", length.as_slice(), fields.as_bytes()].concat()
}

#[test]
fn s_begins_tls_and_what_is_behind_it_is_read_as_tls() {
    let outcome = leads_to_tls(&ENTRY, b"S");
    assert_eq!(outcome.said, [vec![0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f]]);
}

#[test]
fn refusals_and_servers_that_are_busy_are_told_apart() {
    ends(&ENTRY, b"N", Ended::Refused);
    for (state, ended) in [
        ("53300", Ended::RateLimited),
        ("53200", Ended::RateLimited),
        ("57P03", Ended::RateLimited),
        ("57P01", Ended::RateLimited),
        ("57P05", Ended::Refused),
        ("28000", Ended::Refused),
        ("0A000", Ended::Refused),
        ("53", Ended::Refused),
    ] {
        let outcome = ends(&ENTRY, &error(state, "sorry, wizard"), ended);
        notes_hide(&outcome, "wizard");
    }
}

#[test]
fn errors_in_text_are_read_too() {
    ends(&ENTRY, b"EFATAL:  unsupported frontend protocol 1234.5679\n\0", Ended::Refused);
    ends(&ENTRY, b"EFATAL:  could not fork new process for connection\n\0", Ended::RateLimited);
    ends(&ENTRY, b"ERROR :Closing Link: [127.0.0.1]\r\n", Ended::NotThis(Some(Greeting::Irc)));
}

#[test]
fn an_error_is_waited_for_in_whole() {
    let whole = error("53300", "too many");
    for length in 0..whole.len() {
        assert_eq!(drive(&ENTRY, None, whole.get(..length).unwrap(), length).ended, None, "{length}");
    }
}

#[test]
fn hostile_lengths_end_it() {
    for length in [0_u32, 3, 30_001, 0x00ff_ffff] {
        ends(&ENTRY, &[b"E".as_slice(), &length.to_be_bytes(), b"SFATAL\0"].concat(), Ended::Garbled);
    }
    // A field without an end, and one that is nothing but its kind.
    ends(&ENTRY, b"E\0\0\0\x0aSFATAL", Ended::Garbled);
    ends(&ENTRY, b"E\0\0\0\x05C", Ended::Garbled);
    // No state at all.
    ends(&ENTRY, b"E\0\0\0\x05\0", Ended::Refused);
    assert_eq!(flood(&ENTRY, b"E", b"x"), Ended::Garbled);
    assert_eq!(flood(&ENTRY, b"E\0\x00\x75\x31", b"x\0"), Ended::Garbled);
}

#[test]
fn other_protocols_are_named() {
    ends(&ENTRY, b"220 mail.example ESMTP\r\n", Ended::NotThis(Some(Greeting::Smtp)));
    ends(&ENTRY, b"HTTP/1.1 400 Bad Request\r\n", Ended::NotThis(Some(Greeting::Http)));
    ends(&ENTRY, b"what is this to you?\r\n", Ended::NotThis(None));
    ends(&ENTRY, b"\x15\x03\x01\x00\x02\x02\x46", Ended::NotThis(None));
    assert_eq!(play(&ENTRY, b"").ended, None);
    assert!(!matches!(play(&ENTRY, b"G").ended, Some(Out::Tls(..))));
}

#[test]
fn nothing_depends_on_the_pieces() {
    hostile(
        &ENTRY,
        &[b"E", b"S", b"N", b"E\0\0\0\x10", b"C53300\0", b"SFATAL\0", b"\0", b"220 ", b"ERROR :"],
    );
}
