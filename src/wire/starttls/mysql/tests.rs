use proptest::prelude::*;

use super::super::fuzzing::drive;
use super::super::testing::{ends, flood, hostile, leads_to_tls, notes_hide, play};
use super::*;

fn packet(payload: &[u8]) -> Vec<u8> {
    let [a, b, c, _] = u32::try_from(payload.len()).unwrap().to_le_bytes();
    [&[a, b, c, 0], payload].concat()
}

/// A greeting with these lower capabilities, and what follows them.
fn greeting(version: &str, capabilities: u16, tail: &[u8]) -> Vec<u8> {
    let salt = [7_u8; 8];
    let parts: [&[u8]; 7] =
        [&[10], version.as_bytes(), &[0, 9, 0, 0, 0], &salt, &[0], &capabilities.to_le_bytes(), tail];
    packet(&parts.concat())
}

/// What servers of today send behind the lower capabilities: a character set, a status, more capabilities, salt.
const TAIL: &[u8] = b"\x2d\x02\x00\xff\x81\x15\0\0\0\0\0\0\0\0\0\0abcdefghijkl\0mysql_native_password\0";

fn error(code: u16, text: &str) -> Vec<u8> {
    packet(&[&[0xff], code.to_le_bytes().as_slice(), text.as_bytes()].concat())
}

#[test]
fn a_greeting_with_tls_is_answered_with_the_request_and_tls() {
    let outcome = leads_to_tls(&ENTRY, &greeting("5.5.5-10.11.6-MariaDB-1", 0xfffe, TAIL));
    let mut request = vec![32, 0, 0, 1, 0x04, 0x8a, 0, 0, 0, 0, 0, 1, 0x2d];
    request.resize(36, 0);
    assert_eq!(outcome.said, [request]);
    assert_eq!(outcome.banner, b"5.5.5-10.11.6-MariaDB-1");
    let mysql = leads_to_tls(&ENTRY, &greeting("8.0.36", 0xffff, TAIL));
    assert_eq!(mysql.said.concat().get(4..8), Some(&[0x05, 0x8a, 0, 0][..]));
}

#[test]
fn a_server_before_4_1_gets_the_short_request() {
    let outcome = leads_to_tls(&ENTRY, &greeting("4.0.30", 0x082c, b""));
    assert_eq!(outcome.said, [vec![5, 0, 0, 1, 0x04, 0x08, 0xff, 0xff, 0xff]]);
}

#[test]
fn greetings_without_tls_are_refusals() {
    let outcome = ends(&ENTRY, &greeting("8.0.36-wizard", 0xf7ff, TAIL), Ended::Refused);
    assert_eq!(outcome.banner, b"8.0.36-wizard");
    notes_hide(&outcome, "wizard");
    ends(&ENTRY, &packet(b"\x093.20.32\0\x01\0\0\0saltsalt"), Ended::Refused);
}

#[test]
fn errors_in_the_place_of_a_greeting_are_told_apart() {
    for (code, ended) in [
        (1040, Ended::RateLimited),
        (1129, Ended::RateLimited),
        (1203, Ended::RateLimited),
        (1226, Ended::RateLimited),
        (1130, Ended::Refused),
        (1045, Ended::Refused),
        (9999, Ended::Refused),
    ] {
        let outcome = ends(&ENTRY, &error(code, "Host 'wizard' is not allowed"), ended);
        notes_hide(&outcome, "wizard");
        assert!(outcome.notes.contains(&Note::Came(format!("error {code} in the place of a greeting"))));
    }
    ends(&ENTRY, &packet(b"\xff\x10"), Ended::Garbled);
}

#[test]
fn broken_greetings_are_garbled_and_others_are_something_else() {
    ends(&ENTRY, &packet(b"\x0a8.0.36 without an end"), Ended::Garbled);
    ends(&ENTRY, &packet(b"\x0a8.0.36\0too short"), Ended::Garbled);
    // A length that is longer than any greeting.
    ends(&ENTRY, b"\x01\x10\x00\x00\x0a8.0", Ended::Garbled);
    ends(&ENTRY, b"\xff\xff\xff\x00\x0a8.0.36\0abcdef", Ended::NotThis(None));
    ends(&ENTRY, b"\x00\x00\x00\x00\x0a8.0.36\0", Ended::Garbled);
    // The X protocol of MySQL: a notice.
    ends(&ENTRY, b"\x05\x00\x00\x00\x0b\x08\x05\x1a\x00\x00\x00\x00", Ended::NotThis(None));
    ends(&ENTRY, b"SSH-2.0-OpenSSH_9.2\r\n", Ended::NotThis(Some(greeting::Greeting::Ssh)));
    ends(&ENTRY, b"220 ftp.example FTP\r\n", Ended::NotThis(Some(greeting::Greeting::Ftp)));
}

#[test]
fn long_versions_are_cut() {
    let outcome = leads_to_tls(&ENTRY, &greeting(&"9".repeat(400), 0xffff, TAIL));
    assert_eq!(outcome.banner.len(), MAX_BANNER);
}

#[test]
fn floods_end() {
    assert_eq!(flood(&ENTRY, b"", b"\x0a"), Ended::NotThis(None));
    assert_eq!(flood(&ENTRY, b"\x00\x10\x00\x00\x0a", b"9"), Ended::Garbled);
}

#[test]
fn nothing_depends_on_the_pieces() {
    hostile(
        &ENTRY,
        &[
            b"\x4a\x00\x00\x00",
            b"\x0a5.5.5\0",
            b"\xff\x10\x04",
            b"\0\0\0\0",
            b"\xff\xf7",
            b"\x08\x00\x00\x00",
        ],
    );
    assert_eq!(play(&ENTRY, b"").said.len(), 0);
}

proptest! {
    #[test]
    fn the_request_never_asks_for_what_the_server_lacks(capabilities in any::<u16>(), charset in any::<u8>()) {
        let script = greeting("8.0", capabilities | 0x0800, &[charset]);
        let said = drive(&ENTRY, None, &script, script.len()).said.concat();
        let asked = u16::from_le_bytes([said[4], said[5]]);
        prop_assert_eq!(asked & !(capabilities | 0x0800), 0);
        prop_assert_eq!(asked & 0x0800, 0x0800);
        prop_assert_eq!(said.len(), usize::from(said[0]) + 4);
    }
}
