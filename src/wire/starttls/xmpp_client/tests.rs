use proptest::prelude::*;

use super::super::fuzzing::{Out, drive};
use super::super::testing::{ends, flood, hostile, leads_to_tls, notes_hide, play, play_for};
use super::super::xmpp_server;
use super::*;

const HEAD: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' from='h.example' id='1' version='1.0' \
                    xmlns:stream='http://etherx.jabber.org/streams'>";
const FEATURES: &str = "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>";
const PROCEED: &str = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";

fn script(parts: &[&str]) -> Vec<u8> {
    parts.concat().into_bytes()
}

fn refused(parts: &[&str], ended: Ended) {
    ends(&ENTRY, &script(parts), ended);
}

#[test]
fn starttls_is_asked_for_and_proceed_begins_tls() {
    let outcome = leads_to_tls(&ENTRY, &script(&[HEAD, FEATURES, PROCEED]));
    let sent = String::from_utf8(outcome.sent()).unwrap();
    assert_eq!(
        sent,
        "<?xml version='1.0'?><stream:stream xmlns='jabber:client' version='1.0' \
         xmlns:stream='http://etherx.jabber.org/streams'><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
    );
    assert_eq!(outcome.said.len(), 2);
}

#[test]
fn servers_are_asked_in_their_own_namespace() {
    let outcome = play_for(&xmpp_server::ENTRY, Some("h.example"), &script(&[HEAD, FEATURES, PROCEED]));
    let sent = String::from_utf8(outcome.sent()).unwrap();
    assert!(sent.contains("xmlns='jabber:server' to='h.example' version='1.0'"), "{sent}");
    assert!(!sent.contains("from="));
    assert_eq!(outcome.ended, Some(Out::Tls(Tunnel::Bare, Vec::new())));
    notes_hide(&outcome, "h.example");
}

#[test]
fn names_are_escaped_or_left_out() {
    for (host, to) in [
        ("h.example", Some("h.example")),
        ("b\u{fc}cher.example", Some("b\u{fc}cher.example")),
        ("a'><evil/>\"&", Some("a&apos;&gt;&lt;evil/&gt;&quot;&amp;")),
        ("", None),
        ("a\0b", None),
        ("a b", None),
        ("a\u{ffff}", None),
    ] {
        let sent = String::from_utf8(play_for(&ENTRY, Some(host), b"").sent()).unwrap();
        match to {
            Some(to) => assert!(sent.contains(&format!(" to='{to}' ")), "{sent}"),
            None => assert!(!sent.contains(" to="), "{sent}"),
        }
    }
    assert!(play_for(&ENTRY, Some(&"a".repeat(1023)), b"").sent().len() > 1023);
    assert!(play_for(&ENTRY, Some(&"a".repeat(1024)), b"").sent().len() < 1023);
}

#[test]
fn any_way_of_writing_the_same_is_understood() {
    // Other prefixes, both quotes, a `>` in quotes, space anywhere, comments, data, instructions, no declaration.
    for parts in [
        [
            "<s:stream xmlns:s=\"http://etherx.jabber.org/streams\" version = \"1.0\"  >",
            &FEATURES.replace("stream:", "s:"),
            PROCEED,
        ]
        .concat(),
        [
            "\r\n<s:stream xmlns:s='http://etherx.jabber.org/streams' id='>' version='1.1'><s:features><t:starttls ",
            "xmlns:t='urn:ietf:params:xml:ns:xmpp-tls' ></t:starttls></s:features><t:proceed ",
            "xmlns:t='urn:ietf:params:xml:ns:xmpp-tls' ></t:proceed >",
        ]
        .concat(),
        [
            HEAD,
            " <!-- <starttls> -- > --> <![CDATA[ </stream:stream> ]] ]]> <?pi <a> ?>",
            "<stream:features xmlns:tls='urn:ietf:params:xml:ns:xmpp-tls'><a><b/></a><tls:starttls/></stream:features>",
            "<proceed\n\txmlns=\"urn:ietf:params:xml:ns:xmpp-tls\"\n/>",
        ]
        .concat(),
        [
            "<stream xmlns='http://etherx.jabber.org/streams' version='1.0'><features><starttls ",
            "xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></features><x xmlns='jabber:client'>text</x>",
            "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
        ]
        .concat(),
    ] {
        leads_to_tls(&ENTRY, parts.as_bytes());
    }
}

#[test]
fn starttls_counts_only_in_its_place_and_namespace() {
    for features in [
        "<stream:features/>",
        "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/></stream:features>",
        "<stream:features><starttls/></stream:features>",
        "<stream:features><starttls xmlns='urn:other'/></stream:features>",
        "<stream:features><x><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></x></stream:features>",
        "<stream:features><!--<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>--></stream:features>",
        "<stream:features a=\"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>\"/>",
        "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><stream:features/>",
    ] {
        refused(&[HEAD, features], Ended::Refused);
    }
}

#[test]
fn failure_and_ends_are_refusals() {
    refused(&[HEAD, FEATURES, "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"], Ended::Refused);
    refused(&[HEAD, "</stream:stream>"], Ended::Refused);
}

#[test]
fn a_stream_without_a_version_is_ended_and_what_follows_decides() {
    const RESET: &str =
        "<stream:error><system-shutdown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>";
    for old in [
        HEAD.replace(" version='1.0' xmlns", " xmlns"),
        HEAD.replace("id='1' version='1.0'", "version='0.9'"),
    ] {
        let sent = String::from_utf8(play(&ENTRY, old.as_bytes()).sent()).unwrap();
        assert!(sent.ends_with("</stream:stream>"), "{sent}");
        refused(&[&old, "</stream:stream>"], Ended::Refused);
        refused(&[&old, RESET], Ended::RateLimited);
        refused(&[&old, FEATURES], Ended::Refused);
        refused(&[&old, PROCEED], Ended::Garbled);
        refused(&[&old.replace("streams'>", "streams'/>")], Ended::Refused);
    }
}

#[test]
fn stream_errors_are_told_apart() {
    for (name, ended) in [
        ("host-unknown", Ended::Refused),
        ("not-well-formed", Ended::Refused),
        ("policy-violation", Ended::RateLimited),
        ("resource-constraint", Ended::RateLimited),
        ("connection-timeout", Ended::RateLimited),
        ("system-shutdown", Ended::RateLimited),
        ("invalid-namespace", Ended::NotThis(Some(Greeting::Xmpp))),
    ] {
        let error = format!(
            "<stream:error><text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>wizard</text>\
             <{name} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"
        );
        let outcome = ends(&ENTRY, &script(&[HEAD, &error]), ended);
        assert!(outcome.notes.contains(&Note::Came(format!("a stream error: {name}"))));
        notes_hide(&outcome, "wizard");
        // After the request as well.
        refused(&[HEAD, FEATURES, &error], ended);
    }
    refused(&[HEAD, "<stream:error>Disconnected</stream:error>"], Ended::Refused);
    refused(&[HEAD, "<stream:error><reset/><host-unknown xmlns='urn:x'/></stream:error>"], Ended::Refused);
}

#[test]
fn out_of_turn_or_broken_is_garbled() {
    refused(&[HEAD, PROCEED], Ended::Garbled);
    for broken in [
        "<a",
        "</a>",
        "<a><b></a>",
        "<a b>",
        "<a b='1'c='2'>",
        "<a b=1>",
        "< a>",
        "<>",
        "<a/b>",
        "<!DOCTYPE a>",
    ] {
        refused(&[HEAD, broken, "<"], Ended::Garbled);
    }
    refused(&[HEAD, &"<a>".repeat(40)], Ended::Garbled);
}

#[test]
fn other_things_are_something_else() {
    refused(&["HTTP/1.1 400 Bad Request\r\n"], Ended::NotThis(Some(Greeting::Http)));
    refused(&["<!DOCTYPE html><html>"], Ended::NotThis(Some(Greeting::Http)));
    refused(&["<html><head>"], Ended::NotThis(Some(Greeting::Http)));
    refused(&["<?xml version='1.0'?><rss version='2.0'><channel>"], Ended::NotThis(None));
    refused(
        &["<?xml version='1.0'?><stream:stream xmlns:stream='urn:other' version='1.0'>"],
        Ended::NotThis(None),
    );
    refused(&["220 mail.example ESMTP\r\n"], Ended::NotThis(Some(Greeting::Smtp)));
    ends(&ENTRY, b"\x15\x03\x01\x00\x02\x02\x46", Ended::NotThis(None));
}

#[test]
fn floods_end() {
    for (start, unit) in [
        (HEAD, " "),
        (HEAD, "<a/>"),
        (HEAD, "<a b='"),
        ("", " "),
        ("<!--", "-"),
        ("<a b='", ">"),
        (HEAD, "<![CDATA["),
    ] {
        assert_eq!(flood(&ENTRY, start.as_bytes(), unit.as_bytes()), Ended::Garbled, "{unit}");
    }
    assert_eq!(flood(&ENTRY, b"", b"<"), Ended::NotThis(None));
}

#[test]
fn nothing_depends_on_the_pieces() {
    const WORDS: &[&[u8]] = &[
        HEAD.as_bytes(),
        FEATURES.as_bytes(),
        PROCEED.as_bytes(),
        b"<stream:features>",
        b"</stream:features>",
        b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
        b"<stream:error>",
        b"<reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>",
        b"<!--",
        b"-->",
        b"<![CDATA[",
        b"]]>",
        b"'",
        b"<?xml",
        b"<a>",
        b"</a>",
    ];
    hostile(&ENTRY, WORDS);
    hostile(&xmpp_server::ENTRY, WORDS);
    assert_eq!(play(&ENTRY, b"").ended, None);
}

proptest! {
    #[test]
    fn behind_a_sound_stream_only_proceed_leads_to_tls(noise in "[<>/a-z='\" !?\\[\\]-]{0,60}") {
        let script = script(&[HEAD, FEATURES, &noise]);
        let outcome = drive(&ENTRY, None, &script, script.len());
        prop_assert!(!matches!(outcome.ended, Some(Out::Tls(..))));
    }
}
