use super::super::fuzzing::drive;
use super::super::testing::{ends, flood, hostile, leads_to_tls, notes_hide, play};
use super::*;

const AGREED: &[u8] = b"\xff\xfd\x2e\xff\xfa\x2e\x01\xff\xf0";

#[test]
fn both_sides_say_that_tls_follows() {
    let outcome = leads_to_tls(&ENTRY, AGREED);
    let slow = drive(&ENTRY, None, AGREED, 1);
    assert_eq!(slow.said, [b"\xff\xfb\x2e".to_vec(), b"\xff\xfa\x2e\x01\xff\xf0".to_vec()]);
    assert_eq!(outcome.sent(), slow.sent());
}

#[test]
fn text_and_other_options_in_between_do_no_harm() {
    let script = [
        b"Welcome\r\nto the wizard\r\n\xff\xfd\x18\xff\xfb\x01\xff\xfd\x18\xff\xfa\x18\x01\xff\xf0\xff\xf1"
            .as_slice(),
        b"\xff\xfa\x2e\x01\x01\xff\xf0\xff\xfa\x2e\x01\xff\xff\xff\xf0\xff\xfa\xff\xf0",
        AGREED,
    ]
    .concat();
    let outcome = leads_to_tls(&ENTRY, &script);
    // Each refused once, then the word that matters.
    assert_eq!(outcome.sent(), b"\xff\xfb\x2e\xff\xfc\x18\xff\xfe\x01\xff\xfa\x2e\x01\xff\xf0");
    notes_hide(&outcome, "wizard");
}

#[test]
fn a_no_is_a_refusal() {
    ends(&ENTRY, b"\xff\xfe\x2e", Ended::Refused);
    ends(&ENTRY, b"\xff\xfd\x18\xff\xfd\x20\xff\xfc\x2e", Ended::Refused);
    // Even after a yes.
    ends(&ENTRY, b"\xff\xfd\x2e\xff\xfe\x2e", Ended::Refused);
}

#[test]
fn a_prompt_in_the_clear_is_a_refusal() {
    for prompt in ["login: ", "box login: ", "User Name:", "Username: ", "Password:", "Login as: ", "User: "]
    {
        let outcome = ends(&ENTRY, format!("\r\nDebian\r\n{prompt}").as_bytes(), Ended::Refused);
        notes_hide(&outcome, "Debian");
        ends(&ENTRY, &[b"\xff\xfb\x01", prompt.as_bytes()].concat(), Ended::Refused);
    }
    assert_eq!(play(&ENTRY, b"Please log in after the beep: thanks\r\n").ended, None);
    assert_eq!(play(&ENTRY, b"log\r\nin: ").ended, None);
    // Once TLS was agreed on, text is only text.
    leads_to_tls(&ENTRY, b"\xff\xfd\x2elogin: \xff\xfa\x2e\x01\xff\xf0");
}

#[test]
fn follows_out_of_turn_makes_no_tls() {
    ends(&ENTRY, b"\xff\xfa\x2e\x01\xff\xf0", Ended::Garbled);
    // WILL is not the server's word; it is refused like any other.
    let outcome = ends(&ENTRY, b"\xff\xfb\x2e\xff\xfa\x2e\x01\xff\xf0", Ended::Garbled);
    assert!(outcome.notes.contains(&Note::Came("WILL 46".to_owned())));
}

#[test]
fn only_the_first_options_are_answered_and_the_last_word_is_kept() {
    let mut script: Vec<u8> = (0..40).filter(|n| *n != START_TLS).flat_map(|n| [IAC, DO, n]).collect();
    script.extend_from_slice(AGREED);
    let outcome = leads_to_tls(&ENTRY, &script);
    assert_eq!(outcome.said.len(), MAX_SAID);
    assert!(outcome.sent().ends_with(&FOLLOWS));
    // The same behind the yes.
    let late: Vec<u8> = [&[IAC, DO, START_TLS][..], &script].concat();
    assert!(drive(&ENTRY, None, &late, 1).said.len() <= MAX_SAID);
}

#[test]
fn other_protocols_are_named() {
    ends(&ENTRY, b"SSH-2.0-OpenSSH_9.2\r\n", Ended::NotThis(Some(Greeting::Ssh)));
    ends(&ENTRY, b"220 mail.example ESMTP\r\n", Ended::NotThis(Some(Greeting::Smtp)));
    ends(&ENTRY, b"HTTP/1.1 400 Bad Request\r\n", Ended::NotThis(Some(Greeting::Http)));
    ends(&ENTRY, b"RFB 003.008\n", Ended::NotThis(Some(Greeting::Vnc)));
    ends(&ENTRY, b"J\x00\x00\x00\x0a5.5.5-10.11", Ended::NotThis(Some(Greeting::Mysql)));
    ends(&ENTRY, b"E\x00\x00\x00\xff\x10\x04Too many", Ended::NotThis(Some(Greeting::Mysql)));
    ends(&ENTRY, b"\x15\x03\x01\x00\x02\x02\x46", Ended::NotThis(None));
    ends(&ENTRY, b"\x01\x02\x03\x04\x05\x06\x07\xff\xfd\x2e\x0b\x0c\x0d\x0e", Ended::NotThis(None));
}

#[test]
fn floods_end() {
    assert_eq!(flood(&ENTRY, b"", b"welcome\r\n"), Ended::Garbled);
    assert_eq!(flood(&ENTRY, b"\xff\xfa", b"x"), Ended::Garbled);
    assert_eq!(flood(&ENTRY, b"\xff\xfd\x2e", b"\xff\xfd\x18\xff\xfb\x01"), Ended::Garbled);
    assert_eq!(flood(&ENTRY, b"", b"\xff"), Ended::Garbled);
}

#[test]
fn nothing_depends_on_the_pieces() {
    hostile(
        &ENTRY,
        &[
            b"\xff",
            b"\xff\xfd\x2e",
            b"\xff\xfa\x2e\x01\xff\xf0",
            b"\xff\xfd\x18",
            b"\xff\xfb\x01",
            b"\xff\xfe\x2e",
            b"login:",
            b"220 ",
            b"\0\0",
        ],
    );
}
