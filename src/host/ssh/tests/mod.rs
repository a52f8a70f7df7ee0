//! Without a network: what comes back, what the client says, and whom one may ask for.

mod real;
#[path = "../../../../tests/all/support/sshd.rs"]
#[allow(unreachable_pub, reason = "shared with the integration tests")]
mod sshd;

use proptest::prelude::*;

use super::{
    failure,
    intake::{Intake, Word},
    is_static_elf, target,
};
use crate::model::host::FailureCode;

const HEADER: &str = r#"{"schema":"allclear.host/1","record":"header"}"#;

fn intake() -> Intake {
    Intake::new("n0", 1000)
}

#[test]
fn the_document_is_found_behind_a_banner_and_ends_at_the_last_word() {
    let text = format!(
        "Welcome!\n{{\"schema\":\"other\"}}\nno line end\n#allclear-n0 hello Linux x86_64\n{HEADER}\n{{\"x\":1}}\n\n#allclear-n0 end 0\nlogout\n"
    );
    for size in 1..40 {
        let mut intake = intake();
        let words: Vec<Word> = text.as_bytes().chunks(size).flat_map(|piece| intake.feed(piece)).collect();
        let hello = Word::Hello { system: "Linux".into(), machine: "x86_64".into() };
        assert_eq!(words, [hello, Word::End(0)]);
        let document = String::from_utf8(intake.into_document()).unwrap();
        assert!(document.starts_with(&format!("{HEADER}\n{{\"x\":1}}\n")), "{document}");
    }
}

#[test]
fn a_word_needs_the_number_of_this_connection() {
    let mut intake = intake();
    assert_eq!(intake.feed(b"#allclear-other end 0\n#allclear- end 0\nx#allclear-n0 end 0\n"), []);
}

#[test]
fn a_cut_off_document_keeps_what_came() {
    let mut intake = intake();
    assert_eq!(intake.feed(format!("{HEADER}\n{{\"half").as_bytes()), []);
    assert_eq!(intake.into_document(), format!("{HEADER}\n{{\"half").into_bytes());
    // Half a header is no document.
    let mut intake = self::intake();
    let _ = intake.feed(&HEADER.as_bytes()[..40]);
    assert!(!intake.begun());
    assert!(intake.into_document().is_empty());
}

#[test]
fn a_document_does_not_outgrow_its_limit() {
    let mut intake = Intake::new("n0", 100);
    let mut words = intake.feed(format!("{HEADER}\n").as_bytes());
    for _ in 0..100 {
        words.extend(intake.feed(b"{\"filler\":\"aaaaaaaaaaaaaaaa\"}\n"));
    }
    assert_eq!(words, [Word::Full]);
    assert!(intake.into_document().len() <= 100);
    // Noise without an end does not fill the memory either.
    let mut intake = Intake::new("n0", 100);
    for _ in 0..100 {
        assert_eq!(intake.feed(&vec![b'x'; 100_000]), []);
    }
    assert!(intake.noise().len() <= 512);
}

#[test]
fn what_the_client_says_becomes_a_code() {
    let table = [
        ("ssh: connect to host h port 22: Connection refused", FailureCode::Refused),
        ("ssh: connect to host h port 22: No route to host", FailureCode::NoRoute),
        ("ssh: connect to host h port 22: Network is unreachable", FailureCode::NoRoute),
        ("ssh: connect to host h port 22: Connection timed out", FailureCode::ConnectTimedOut),
        (
            "Connection timed out during banner exchange\nConnection to 1.1.1.1 port 22 timed out",
            FailureCode::ConnectTimedOut,
        ),
        ("ssh: Could not resolve hostname h: Name or service not known", FailureCode::DnsFailed),
        (
            "No ED25519 host key is known for h and you have requested strict checking.\nHost key verification failed.",
            FailureCode::HostKey,
        ),
        ("root@h: Permission denied (publickey).", FailureCode::Denied),
        ("Received disconnect from 1.1.1.1 port 22:2: Too many authentication failures", FailureCode::Denied),
        ("Timeout, server 1.1.1.1 not responding.", FailureCode::TimedOut),
        ("Connection closed by 1.1.1.1 port 22", FailureCode::CutOff),
        (
            "Unable to negotiate with 1.1.1.1 port 22: no matching key exchange method found.",
            FailureCode::LocalError,
        ),
        ("", FailureCode::CutOff),
    ];
    for (said, code) in table {
        assert_eq!(failure::classify(said), code, "{said}");
    }
}

#[test]
fn messages_are_one_printable_line() {
    let said = b"@@@@@@\n@ WARNING: \x1b[31mCHANGED @\n@@@@@@\r\n\nHost key verification failed.\r\n";
    assert_eq!(failure::one_line(said), "@ WARNING: \\x1B[31mCHANGED @ / Host key verification failed.");
    assert!(failure::one_line(&[b'a'; 5000]).chars().count() <= 601);
}

#[test]
fn hosts_that_could_be_options_or_commands_are_refused() {
    for bad in [
        "",
        "-oProxyCommand=id",
        "user@-oX",
        "@h",
        "u@",
        "h;id",
        "$(id)",
        "h`id`",
        "a b",
        "h\n",
        "h'",
        "[::1",
        "[nonsense]",
        "[::1]x",
        "[::1]:x",
        "h|id",
        "a\u{1b}b",
    ] {
        assert!(target::parse(bad).is_err(), "{bad:?}");
    }
    let table = [
        ("web01", "web01", None),
        ("root@web01.example", "root@web01.example", None),
        ("dom\u{e4}ne.example", "dom\u{e4}ne.example", None),
        ("[2001:db8::1]", "2001:db8::1", None),
        ("me@[fe80::1%eth0]:2222", "me@fe80::1%eth0", Some(2222)),
        ("2001:db8::1", "2001:db8::1", None),
        ("ssh://me@web01:2222", "ssh://me@web01:2222", None),
    ];
    for (given, destination, port) in table {
        let target = target::parse(given).unwrap();
        assert_eq!((target.destination.as_str(), target.port), (destination, port), "{given}");
    }
}

#[test]
fn static_programs_are_told_from_dynamic_ones() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("program");
    std::fs::write(&path, sshd::program(b"x", sshd::Then::Exit(0))).unwrap();
    assert_eq!(is_static_elf(&path), Some("x86_64"));
    // The tests themselves are linked to the C library.
    assert_eq!(is_static_elf(&std::env::current_exe().unwrap()), None);
    for nonsense in [&b""[..], b"\x7fELF", b"#!/bin/sh\n", &[0xff; 4096]] {
        std::fs::write(&path, nonsense).unwrap();
        assert_eq!(is_static_elf(&path), None);
    }
    let whole = sshd::program(b"x", sshd::Then::Exit(0));
    for length in 0..120 {
        std::fs::write(&path, &whole[..length]).unwrap();
        assert_eq!(is_static_elf(&path), None, "{length} bytes");
    }
    assert_eq!(is_static_elf(folder.path()), None);
}

proptest! {
    #[test]
    fn hostile_bytes_do_no_harm(data in proptest::collection::vec(any::<u8>(), 0..2000)) {
        super::fuzz(&data);
    }
}
