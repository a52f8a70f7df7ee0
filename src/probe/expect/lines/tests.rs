use proptest::prelude::*;

use super::*;

fn of(wanted: Wanted, text: &[u8], step: usize) -> Option<Said> {
    let mut line = Line::default();
    let done = text.chunks(step).any(|piece| line.push(piece));
    done.then(|| wanted.compare(&line.held))
}

const SMTP: Wanted = Wanted::Code(Greeter::Smtp, Status::Code(220));

#[test]
fn greetings_are_compared_however_they_are_cut() {
    let again = Said::untried("code 421: it asks to come again later");
    let table: &[(Wanted, &str, Said)] = &[
        (SMTP, "220 mail.test ESMTP\r\n", Said::met()),
        (SMTP, "220-mail.test\r\n220 ESMTP\r\n", Said::met()),
        (SMTP, "220\r\n", Said::met()),
        (SMTP, "421 busy\r\n", again),
        (SMTP, "554 no\r\n", Said::failed("code 554")),
        (SMTP, "2201 x\r\n", Said::failed(ANOTHER)),
        (SMTP, "* OK ready\r\n", Said::failed(ANOTHER)),
        (SMTP, "\r\n", Said::failed(ANOTHER)),
        (Wanted::Code(Greeter::Ftp, Status::Class(4)), "421 busy\n", Said::met()),
        (Wanted::Code(Greeter::Nntp, Status::Class(2)), "201 no posting\r\n", Said::met()),
        (Wanted::Imap, "* ok [CAPABILITY IMAP4rev1] ready\r\n", Said::met()),
        (Wanted::Imap, "* BYE full\r\n", Said::failed("BYE")),
        (Wanted::Imap, "* PREAUTH in\r\n", Said::failed("PREAUTH")),
        (Wanted::Imap, "+OK POP3\r\n", Said::failed(ANOTHER)),
        (Wanted::Pop3, "+OK ready\r\n", Said::met()),
        (Wanted::Pop3, "-ERR no\r\n", Said::failed("-ERR")),
    ];
    for (wanted, text, expected) in table {
        for step in [1, 2, 5, 100] {
            assert_eq!(of(*wanted, text.as_bytes(), step).as_ref(), Some(expected), "{text:?} by {step}");
        }
    }
}

#[test]
fn a_line_that_does_not_end_is_waited_for_and_a_flood_is_not() {
    assert_eq!(of(SMTP, b"220 mail.test", 3), None);
    let flood = "2".repeat(MAX_LINE * 3);
    assert_eq!(of(SMTP, flood.as_bytes(), 1000), Some(Said::failed(ANOTHER)));
}

#[test]
fn behind_starttls_the_greeting_is_known() {
    let code = |protocol, code| Wanted::Code(protocol, code).upgraded();
    assert_eq!(code(Greeter::Smtp, Status::Class(2)), Said::met());
    assert_eq!(code(Greeter::Lmtp, Status::Code(554)), Said::failed("code 220"));
    assert_eq!(code(Greeter::Nntp, Status::Code(201)), Said::met());
    assert_eq!(code(Greeter::Nntp, Status::Code(400)), Said::failed("code 200 or 201"));
    assert_eq!(Wanted::Imap.upgraded(), Said::met());
}

proptest! {
    #[test]
    fn any_bytes_are_compared_in_our_own_words(bytes in proptest::collection::vec(any::<u8>(), 0..200), step in 1_usize..50) {
        for wanted in [SMTP, Wanted::Imap, Wanted::Pop3] {
            let whole = of(wanted, &bytes, bytes.len().max(1));
            prop_assert_eq!(&of(wanted, &bytes, step), &whole);
            let saw = whole.and_then(|s| s.saw).unwrap_or_default();
            prop_assert!(saw.len() < 60 && saw.is_ascii());
        }
    }
}
