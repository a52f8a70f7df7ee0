use super::super::fuzzing::{Out, drive};
use super::super::testing::{ends, flood, hostile, notes_hide, play};
use super::*;
use crate::wire::greeting::Greeting;

/// An answer of SQL Server 2019 in one packet.
fn answer(encryption: u8) -> Vec<u8> {
    let options = [
        0, 0, 16, 0, 6, 1, 0, 22, 0, 1, 4, 0, 23, 0, 0, 0xff, // the list
        15, 0, 7, 208, 0, 0, encryption,
    ];
    packet(1, &options)
}

fn packet(status: u8, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    tds::packet(&mut out, TABULAR, status, 1, content);
    out
}

fn error(number: i32, text: &str) -> Vec<u8> {
    let body = [&number.to_le_bytes(), &[1, 20][..], text.as_bytes()].concat();
    packet(
        1,
        &[&[0xaa], u16::try_from(body.len()).unwrap().to_le_bytes().as_slice(), body.as_slice()].concat(),
    )
}

#[test]
fn off_on_and_required_begin_tls_inside_packets() {
    for encryption in [0, 1, 3] {
        let script = answer(encryption);
        let outcome = play(&ENTRY, &script);
        assert_eq!(outcome.ended, Some(Out::Tls(Tunnel::Tds, Vec::new())));
        assert_eq!(outcome.banner, [15, 0, 7, 208, 0, 0]);
        for length in 0..script.len() {
            assert_eq!(drive(&ENTRY, None, &script[..length], length).ended, None, "after {length} bytes");
        }
        let behind = [script.as_slice(), b"\x12\x01rest"].concat();
        assert_eq!(play(&ENTRY, &behind).ended, Some(Out::Tls(Tunnel::Tds, b"\x12\x01rest".to_vec())));
    }
}

#[test]
fn the_request_is_sound_and_asks_for_encryption() {
    let said = play(&ENTRY, b"").said.concat();
    let (content, rest) = said.split_at(HEADER_LEN);
    assert_eq!(content, [0x12, 1, 0, 47, 0, 0, 0, 0]);
    let options = Options::parse(rest).unwrap();
    assert_eq!((options.version, options.encryption), (&[9, 0, 0, 0, 0, 0][..], Some(1)));
}

#[test]
fn an_answer_may_span_packets() {
    let whole = answer(1);
    let content = &whole[HEADER_LEN..];
    let script: Vec<u8> = content
        .iter()
        .enumerate()
        .flat_map(|(i, b)| packet(u8::from(i + 1 == content.len()), &[*b]))
        .collect();
    assert_eq!(play(&ENTRY, &script).ended, Some(Out::Tls(Tunnel::Tds, Vec::new())));
}

#[test]
fn servers_without_encryption_refuse() {
    ends(&ENTRY, &answer(2), Ended::Refused);
    // The version alone.
    ends(&ENTRY, &packet(1, &[0, 0, 6, 0, 6, 0xff, 8, 0, 0, 0, 0, 0]), Ended::Refused);
}

#[test]
fn errors_are_told_apart_by_number() {
    for (number, ended) in [
        (17809, Ended::RateLimited),
        (17187, Ended::RateLimited),
        (40613, Ended::RateLimited),
        (18456, Ended::Refused),
        (-1, Ended::Refused),
    ] {
        let outcome = ends(&ENTRY, &error(number, "wizard"), ended);
        notes_hide(&outcome, "wizard");
    }
    ends(&ENTRY, &packet(1, b"\xaa\x04\x00\x01"), Ended::Garbled);
}

#[test]
fn options_are_read_strictly() {
    for bad in [
        vec![0xff],                                                                      // no version
        vec![1, 0, 6, 0, 1, 0xff, 1],                                                    // nor first
        vec![0, 0, 6, 0, 5, 0xff, 1, 2, 3, 4, 5],                                        // too short
        vec![0, 0, 6, 0, 6],                                                             // no end
        vec![0, 0, 6, 0, 6, 0xff, 1, 2, 3, 4, 5],                                        // beyond the message
        vec![0, 0, 0, 0, 6, 0xff, 1, 2, 3, 4, 5, 6], // into the list itself
        vec![0, 0, 11, 0, 6, 1, 0, 17, 0, 2, 0xff, 1, 2, 3, 4, 5, 6, 1, 1], // two bytes of encryption
        vec![0, 0, 11, 0, 6, 1, 0xff, 0xff, 0, 1, 0xff, 1, 2, 3, 4, 5, 6, 1], // far beyond
        vec![0, 0, 16, 0, 6, 1, 0, 22, 0, 1, 1, 0, 22, 0, 1, 0xff, 1, 2, 3, 4, 5, 6, 1], // twice
        vec![0, 0, 6, 0xff, 0xff, 0xff, 1, 2, 3, 4, 5, 6], // endless
    ] {
        ends(&ENTRY, &packet(1, &bad), Ended::Garbled);
    }
    ends(&ENTRY, &answer(4), Ended::Garbled);
    ends(&ENTRY, &answer(0x81), Ended::Garbled);
}

#[test]
fn other_things_are_something_else() {
    ends(&ENTRY, b"\x12\x01\x00\x09\x00\x00\x00\x00a\x16\x03\x01", Ended::NotThis(None));
    ends(&ENTRY, b"\x04\x02\x00\x09\x00\x00\x00\x00a\x16\x03\x01", Ended::NotThis(None));
    ends(&ENTRY, b"\x04\x01\x00\x08\x00\x00\x00\x00a\x16\x03\x01", Ended::NotThis(None));
    ends(&ENTRY, b"+OK ready\r\n", Ended::NotThis(Some(Greeting::Pop3)));
    ends(&ENTRY, b"\x15\x03\x01\x00\x02\x02\x46", Ended::NotThis(None));
}

#[test]
fn floods_and_broken_packets_end() {
    assert_eq!(flood(&ENTRY, b"", &packet(0, b"x")), Ended::Garbled);
    assert_eq!(flood(&ENTRY, b"\x04\x01\x7f\xff\x00\x00\x00\x00", b"x"), Ended::Garbled);
    ends(&ENTRY, &[packet(0, b"x").as_slice(), b"\x16\x03"].concat(), Ended::Garbled);
    ends(
        &ENTRY,
        &[packet(0, b"x").as_slice(), b"\x12\x01\x00\x09\x00\x00\x00\x00a"].concat(),
        Ended::Garbled,
    );
}

#[test]
fn nothing_depends_on_the_pieces() {
    hostile(
        &ENTRY,
        &[
            b"\x04\x01\x00\x1f\x00\x00\x01\x00",
            b"\x00\x00\x10\x00\x06",
            b"\x01\x00\x16\x00\x01\xff",
            b"\xaa",
            b"\x04\x00\x00\x09\0\0\0\0a",
        ],
    );
}
