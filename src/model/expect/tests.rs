use proptest::prelude::*;

use super::*;

fn canonical(text: &str) -> String {
    let list = parse(text).unwrap_or_else(|e| panic!("{text:?}: {}: {e}", e.column));
    list.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

#[test]
fn expectations_are_read_and_written_in_one_form() {
    let table = [
        ("https 200 /login", "https 200 /login"),
        ("https 200", "https 200 /"),
        ("HTTP 301 /A;SMTP 220", "http 301 /A; smtp 220"),
        ("  https   2XX   /a?b=c%3Bd&e=[1]  ", "https 2xx /a?b=c%3Bd&e=[1]"),
        ("lmtp 220;ftp 220 ; nntp 20x", ""),
        ("nntp 200; imap ok; pop3 OK; xmpp Stream; tls", "nntp 200; imap ok; pop3 ok; xmpp stream; tls"),
    ];
    for (text, expected) in table {
        if expected.is_empty() {
            parse(text).unwrap_err();
        } else {
            assert_eq!(canonical(text), expected, "{text:?}");
            assert_eq!(canonical(expected), expected, "written and read again");
        }
    }
}

#[test]
fn faults_are_told_by_column_with_what_was_expected() {
    let long = format!("https 200 /{}", "a".repeat(MAX_PATH));
    let many = ["tls"; MAX_EXPECTS + 1].join(";");
    let table = [
        ("", 1, "an expectation is missing; expected `https 200 /`"),
        ("   ", 4, "an expectation is missing"),
        ("https 200 /;", 13, "an expectation is missing"),
        ("https 200 /; ;tls", 14, "an expectation is missing"),
        ("htps 200 /", 1, "`htps` is not a kind of expectation; expected `https 200 /`"),
        ("https 200 /a;jsessionid=1", 14, "a `;` inside a path is written %3B"),
        ("https", 6, "the number is missing; expected a number from 100 to 599"),
        ("https /login", 7, "`/login` is no such number"),
        ("https 600 /", 7, "`600` is no such number"),
        ("https 099 /", 7, "`099` is no such number"),
        ("https 2x0 /", 7, "`2x0` is no such number"),
        ("https +20 /", 7, "`+20` is no such number"),
        ("https 200 login", 11, "`login` is not a path; a path begins with `/`"),
        ("https 200 http://x/", 11, "is not a path"),
        ("https 200 /a /b", 14, "`/b` is too much after `https 200 /a`"),
        ("https 200 /a#b", 13, "a fragment (`#`) is never sent"),
        ("https 200 /a\r\nHost:x", 13, "a control character has no place"),
        ("https\t200 /", 1, "`https\\x09200` is not a kind"),
        ("https 200 /ü", 12, "`ü` has no place in a path"),
        ("üü; https 200 /", 1, "is not a kind"),
        ("imap ok; imap nö; tls", 15, "`nö` is not known here; expected `imap ok`"),
        ("xmpp", 5, "a word is missing; expected `xmpp stream`"),
        ("smtp ok", 6, "`ok` is no such number"),
        ("tls 1.3", 5, "`1.3` is too much after `tls`"),
        (&long, 11, "a path has at most 2048 bytes, this one has 2049"),
        (&many, 33, "at most 8 expectations"),
    ];
    for (text, column, expected) in table {
        let error = parse(text).unwrap_err();
        assert_eq!(error.column, column, "{text:?}: {error}");
        assert!(error.to_string().contains(expected), "{text:?}: {error}");
    }
}

#[test]
fn the_longest_path_is_taken() {
    let text = format!("https 200 /{}", "a".repeat(MAX_PATH - 1));
    assert_eq!(canonical(&text), text);
}

#[test]
fn a_class_has_its_hundred_and_nothing_else() {
    let class: Status = "2xx".parse().unwrap();
    let hits: Vec<u16> = (0..1000).filter(|code| class.includes(*code)).collect();
    assert_eq!(hits, (200..300).collect::<Vec<_>>());
    let code: Status = "204".parse().unwrap();
    assert!(code.includes(204) && !code.includes(200));
}

#[test]
fn an_error_repeats_little_and_nothing_that_acts_on_a_terminal() {
    let error = parse(&"\u{1b}]0;".repeat(100_000)).unwrap_err();
    assert!(error.message.len() < 1000, "{} bytes", error.message.len());
    assert!(!error.message.contains('\u{1b}'), "{error}");
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_at_a_column_that_it_has(text in "\\PC{0,60}|[a-z0-9 ;/é\\t]{0,60}") {
        match parse(&text) {
            Ok(list) => {
                let again = list.iter().map(ToString::to_string).collect::<Vec<_>>().join(";");
                prop_assert_eq!(parse(&again).unwrap(), list);
            }
            Err(error) => {
                prop_assert!(error.column >= 1);
                prop_assert!(error.column <= text.chars().count() + 1, "column {}", error.column);
            }
        }
    }

    #[test]
    fn every_status_and_path_survives(
        code in 100_u16..600,
        tls: bool,
        path in "/[a-zA-Z0-9._~!$&'()*+,=:@/?%-]{0,40}",
    ) {
        let one = Expect::Http { tls, status: Status::Code(code), path: path.into() };
        prop_assert_eq!(parse(&one.to_string()).unwrap(), vec![one]);
    }
}
