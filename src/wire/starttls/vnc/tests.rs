use super::super::fuzzing::{Out, drive};
use super::super::testing::{ends, flood, hostile, leads_to_tls, notes_hide, play};
use super::*;

/// From the version to the list of subtypes.
fn script(subtypes: &[u32]) -> Vec<u8> {
    let mut out = b"RFB 003.008\n\x03\x01\x02\x13\x00\x02\x00".to_vec();
    out.push(u8::try_from(subtypes.len()).unwrap());
    for subtype in subtypes {
        out.extend_from_slice(&subtype.to_be_bytes());
    }
    out
}

/// The same to the last word before TLS.
fn accepted(subtypes: &[u32]) -> Vec<u8> {
    [script(subtypes).as_slice(), &[1]].concat()
}

#[test]
fn vencrypt_begins_tls() {
    let outcome = leads_to_tls(&ENTRY, &accepted(&[256, 258, 261]));
    let said: [&[u8]; 4] = [b"RFB 003.008\n", b"\x13", b"\x00\x02", b"\x00\x00\x01\x05"];
    assert_eq!(outcome.said, said.map(<[u8]>::to_vec));
    assert_eq!(outcome.banner, b"RFB 003.008");
}

#[test]
fn a_certificate_is_preferred_and_the_form_without_tls_never_chosen() {
    for (offered, chosen) in [
        (vec![257, 258, 259, 260, 261, 262], 260),
        (vec![262, 257], 262),
        (vec![259, 256, 258], 258),
        (vec![263, 264], 264),
        (vec![0, 256, 263], 263),
    ] {
        let outcome = leads_to_tls(&ENTRY, &accepted(&offered));
        assert_eq!(outcome.said.last().unwrap(), &u32::to_be_bytes(chosen), "{offered:?}");
    }
    ends(&ENTRY, &script(&[256]), Ended::Refused);
    ends(&ENTRY, &script(&[]), Ended::Refused);
    ends(&ENTRY, &script(&[0, 1, 19, 255, 265, u32::MAX]), Ended::Refused);
}

#[test]
fn versions_are_answered_with_one_that_both_know() {
    for (version, answer) in [
        ("003.007", Some("003.007")),
        ("003.008", Some("003.008")),
        ("003.889", Some("003.008")),
        ("004.001", Some("003.008")),
        ("005.000", Some("003.008")),
        ("003.003", None),
        ("003.006", None),
        ("000.000", None),
        ("002.099", None),
    ] {
        let outcome = play(&ENTRY, format!("RFB {version}\n").as_bytes());
        let said = answer.map(|answer| format!("RFB {answer}\n").into_bytes());
        assert_eq!(outcome.said, Vec::from_iter(said), "{version}");
        let ended = answer.is_none().then_some(Out::End(Ended::Refused));
        assert_eq!(outcome.ended, ended, "{version}");
    }
}

#[test]
fn anonymous_tls_is_taken_where_nothing_else_has_tls() {
    let outcome = leads_to_tls(&ENTRY, b"RFB 003.007\n\x02\x02\x12");
    assert_eq!(outcome.sent(), b"RFB 003.007\n\x12");
    let both = play(&ENTRY, b"RFB 003.008\n\x02\x12\x13");
    assert_eq!(both.sent(), b"RFB 003.008\n\x13");
    ends(&ENTRY, b"RFB 003.008\n\x02\x01\x02", Ended::Refused);
}

#[test]
fn every_no_on_the_way_is_a_refusal() {
    let start = b"RFB 003.008\n\x01\x13";
    for (rest, ended) in [
        (b"\x00\x01".as_slice(), Ended::Refused),
        (b"\x00\x02\xff", Ended::Refused),
        (b"\x00\x02\x00\x01\x00\x00\x01\x05\x00", Ended::Refused),
        (b"\x00\x02\x00\x01\x00\x00\x01\x05\x02", Ended::Garbled),
    ] {
        ends(&ENTRY, &[start, rest].concat(), ended);
    }
}

#[test]
fn reasons_are_searched_for_the_lock_out_only() {
    let reason = |text: &str| {
        [b"RFB 003.008\n\x00", u32::try_from(text.len()).unwrap().to_be_bytes().as_slice(), text.as_bytes()]
            .concat()
    };
    ends(&ENTRY, &reason("Too many security failures"), Ended::RateLimited);
    let outcome = ends(&ENTRY, &reason("go away, wizard"), Ended::Refused);
    notes_hide(&outcome, "wizard");
    ends(&ENTRY, &reason(""), Ended::Refused);
    for length in [4097_u32, u32::MAX] {
        ends(&ENTRY, &[b"RFB 003.008\n\x00".as_slice(), &length.to_be_bytes()].concat(), Ended::Garbled);
    }
}

#[test]
fn long_lists_are_bounded_and_shown_short() {
    let many: Vec<u32> = (1000..1255).collect();
    let outcome = ends(&ENTRY, &script(&many), Ended::Refused);
    assert!(
        outcome.notes.iter().all(|(Note::Said(text) | Note::Came(text))| text.len() < 120),
        "{:?}",
        outcome.notes
    );
    assert_eq!(flood(&ENTRY, b"RFB 003.008\n", b"\xff"), Ended::Refused);
    assert_eq!(flood(&ENTRY, b"RFB 003.008\n", b"\x13"), Ended::Refused);
    assert_eq!(flood(&ENTRY, b"RFB 003.008\n\x00", b"\x01"), Ended::Garbled);
}

#[test]
fn other_protocols_are_named() {
    ends(&ENTRY, b"RFB three!!\n", Ended::NotThis(None));
    ends(&ENTRY, b"RFB 00x.008\n", Ended::Garbled);
    ends(&ENTRY, b"SSH-2.0-OpenSSH_9.2\r\n", Ended::NotThis(Some(Greeting::Ssh)));
    ends(&ENTRY, b"\xff\xfd\x18", Ended::NotThis(Some(Greeting::Telnet)));
}

#[test]
fn a_server_that_says_all_at_once_gets_all_answers_in_order() {
    let script = accepted(&[260]);
    let outcome = drive(&ENTRY, None, &script, script.len());
    assert_eq!(outcome.said, [b"RFB 003.008\n\x13\x00\x02\x00\x00\x01\x04".to_vec()]);
}

#[test]
fn nothing_depends_on_the_pieces() {
    hostile(
        &ENTRY,
        &[
            b"RFB 003.008\n",
            b"RFB 003.",
            b"\x01\x13",
            b"\x01\x12",
            b"\x00\x02",
            b"\x00",
            b"\x01\x00\x00\x01\x04",
            b"\x01",
        ],
    );
}
