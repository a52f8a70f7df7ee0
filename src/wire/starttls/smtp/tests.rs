use super::{
    super::testing::{ends, flood, hostile, leads_to_tls, notes_hide, play, sent},
    *,
};

#[test]
fn starttls_leads_to_tls() {
    for script in [
        &b"220 mx.example ESMTP Postfix\r\n250-mx.example\r\n250-STARTTLS\r\n250 8BITMIME\r\n220 2.0.0 Ready\r\n"[..],
        b"220-mx.example wait\r\n220-\r\n220 mx.example\r\n250-mx\r\n250 starttls REQUIRED\r\n220 go\r\n",
        b"220\n250 mx\n220\n",
        b"220 nul \0 here\r\n250 mx\r\r\n220-go\r\n220 on\r\n",
        // The code changes halfway; lines stand between without one.
        b"220-mx\r\nwelcome\r\n250-x\r\n220 mx\r\n250 STARTTLS\r\n220 go\r\n",
    ] {
        assert_eq!(sent(&leads_to_tls(&ENTRY, script)), "EHLO allclear.invalid\r\nSTARTTLS\r\n");
    }
}

#[test]
fn starttls_is_tried_where_it_is_hidden_and_where_ehlo_is_refused() {
    let hidden = leads_to_tls(&ENTRY, b"220 mx\r\n250-mx\r\n250 XXXXXXXA\r\n220 go\r\n");
    assert!(
        hidden
            .notes
            .contains(&super::super::Note::Came("EHLO accepted, code 250, STARTTLS not offered".into()))
    );
    leads_to_tls(&ENTRY, b"220 mx\r\n502 what\r\n220 go\r\n");
    let offered = play(&ENTRY, b"220 mx\r\n250-mx\r\n250-STARTTLS\r\n250 HELP\r\n");
    assert!(
        offered.notes.contains(&super::super::Note::Came("EHLO accepted, code 250, STARTTLS offered".into()))
    );
    // A keyword that only begins like it offers nothing.
    let other = play(&ENTRY, b"220 mx\r\n250-STARTTLSX\r\n250 XSTARTTLS\r\n");
    assert!(
        other
            .notes
            .contains(&super::super::Note::Came("EHLO accepted, code 250, STARTTLS not offered".into()))
    );
}

#[test]
fn refusals_are_told_from_delays() {
    for (script, ended) in [
        (&b"421 4.7.0 Too many connections\r\n"[..], Ended::RateLimited),
        (b"421-one\r\n421 two\r\n", Ended::RateLimited),
        (b"450 greylisted\r\n", Ended::RateLimited),
        (b"220 mx\r\n451 later\r\n", Ended::RateLimited),
        (b"220 mx\r\n250 mx\r\n454 TLS not available\r\n", Ended::RateLimited),
        (b"220 mx\r\n250 mx\r\n421 bye\r\n", Ended::RateLimited),
        (b"220 mx\r\n550 helo\r\n452 later\r\n", Ended::RateLimited),
        (b"554 no SMTP service here\r\n", Ended::Refused),
        (b"521 mx does not accept mail\r\n", Ended::Refused),
        (b"220 mx\r\n250 mx\r\n502 what\r\n", Ended::Refused),
        (b"220 mx\r\n550 helo\r\n503 what\r\n", Ended::Refused),
        (b"220 mx\r\n250 STARTTLS\r\n554 no\r\n", Ended::Refused),
    ] {
        ends(&ENTRY, script, ended);
    }
}

#[test]
fn what_makes_no_sense_is_garbled() {
    for script in [
        &b"220 mx\r\nwhat\r\n"[..],
        b"220 mx\r\n\r\n",
        b"220 mx\r\n354 go on\r\n",
        b"220 mx\r\n250 mx\r\n250 mx\r\n",
        b"220 mx\r\n250 mx\r\n2200\r\n",
        b"220 mx\r\n250 mx\r\n\x16\x03\x01\n",
    ] {
        ends(&ENTRY, script, Ended::Garbled);
    }
}

#[test]
fn other_protocols_are_recognised() {
    for (script, found) in [
        (&b"220 ftp.example FTP server\r\n500 what\r\n"[..], Some(Greeting::Ftp)),
        (b"220 mx LMTP\r\n500 what\r\n", Some(Greeting::Lmtp)),
        (b"+OK ready\r\n", Some(Greeting::Pop3)),
        (b"* OK ready\r\n", Some(Greeting::Imap)),
        (b"200 news\r\n", Some(Greeting::Nntp)),
        (b"HTTP/1.1 400 Bad Request\r\n", Some(Greeting::Http)),
        (b"SSH-2.0-x", Some(Greeting::Ssh)),
        (b"<html>no line feed", Some(Greeting::Http)),
        (b"J\x00\x00\x00\n5.5.5-10.11.6-MariaDB\x00", Some(Greeting::Mysql)),
        (b"\xff\xfd\x18\xff\xfd", Some(Greeting::Telnet)),
        (b"RFB 003.008\n", Some(Greeting::Vnc)),
        (b"\x30\x24\x02\x01\x00\x78\x1f", Some(Greeting::Ldap)),
        (b"J\x00\x00\x00\nx", None),
        (b"\x15\x03\x01\x00\x02\x02\n", None),
        (b"2201 is a number\r\n", None),
        (b"hello\n", None),
        (b"354 go on\r\n", None),
    ] {
        ends(&ENTRY, script, Ended::NotThis(found));
    }
}

#[test]
fn an_ftp_server_by_name_that_takes_the_hello_is_smtp_all_the_same() {
    ends(&ENTRY, b"220 ftp.example ready\r\n250 mx\r\n502 what\r\n", Ended::Refused);
}

#[test]
fn no_bytes_break_it() {
    hostile(
        &ENTRY,
        &[
            b"220 a",
            b"220-",
            b"250-STARTTLS",
            b"250 ok",
            b"220 ",
            b"421 ",
            b"502 ",
            b"-",
            b"\0",
            b"220 mx\r\n",
        ],
    );
    assert_eq!(flood(&ENTRY, b"220-a\r\n", b"220-b\r\n"), Ended::Garbled);
    assert_eq!(flood(&ENTRY, b"220 a\r\n", b"250-b\r\n"), Ended::Garbled);
    assert_eq!(flood(&ENTRY, b"220 a\r\n250 b\r\n", b"220-\r\n"), Ended::Garbled);
    assert_eq!(flood(&ENTRY, b"220 ", b"a"), Ended::Garbled);
    assert_eq!(flood(&ENTRY, b"", b"a"), Ended::NotThis(None));
}

#[test]
fn the_banner_is_kept_short_and_no_word_of_it_noted() {
    let outcome =
        leads_to_tls(&ENTRY, b"220-mx.example ESMTP Exim 4.96\r\n220 x\r\n250 words\r\n220 words\r\n");
    assert_eq!(outcome.banner, b"220-mx.example ESMTP Exim 4.96");
    notes_hide(&outcome, "Exim");
    notes_hide(&outcome, "words");
    let long = [&b"220 "[..], &[b'x'; 5000], b"\r\n"].concat();
    assert_eq!(play(&ENTRY, &long).banner.len(), super::super::MAX_BANNER);
    assert_eq!(ends(&ENTRY, b"554 mx gone\r\n", Ended::Refused).banner, b"554 mx gone");
}
