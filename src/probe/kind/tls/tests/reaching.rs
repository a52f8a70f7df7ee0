//! Reaching a handshake: versions, names, long hellos, things that are not TLS; and other keys.

use std::{sync::Arc, time::Duration};

use super::scripted::{CERTIFICATES, HEARTBEAT_MODE, Server, Talk, flight};
use crate::{
    model::{
        ids::Sha256,
        observation::{Answer, Contact, TlsVersion},
    },
    probe::{
        certificate::Leaf,
        context::{Context, Depth, Settings},
        kind::{Target, tls},
    },
    wire::tls::{record, suites::Offer},
};

async fn refuse_heartbeat(talk: &mut Talk) {
    talk.heartbeat().await;
    talk.alert(2, 10).await;
}

fn spki(certificate: usize) -> Sha256 {
    Leaf::read(&CERTIFICATES[certificate]).certificate.spki_sha256.unwrap()
}

#[tokio::test]
async fn an_old_server_is_followed_down() {
    for (only, name, connections) in
        [(0x0302, TlsVersion::Tls11, 3), (0x0301, TlsVersion::Tls10, 4), (0x0300, TlsVersion::Ssl3, 5)]
    {
        let server = Server::start(move |_, mut talk| async move {
            let Some((_, _, first)) = talk.record().await else {
                return talk;
            };
            // The version in the hello is the third field: type, length, version.
            let offered = u16::from_be_bytes([first[4], first[5]]);
            if offered == only {
                assert_eq!(first.len() < 200, only == 0x0300, "SSL 3.0 has no extensions and few suites");
                talk.flight(only, &[]).await;
                refuse_heartbeat(&mut talk).await;
            } else {
                talk.alert(2, 70).await;
            }
            talk
        })
        .await;
        let seen = server.quick().await;
        assert_eq!(seen.tls.map(|t| t.version), Some(name));
        // TLS 1.2, a whole TLS 1.3 handshake, and then downwards.
        assert_eq!((seen.contact, server.connections()), (Contact::Answered, connections), "{name}");
    }
}

#[tokio::test]
async fn a_name_that_is_refused_is_left_out() {
    for code in [112, 40] {
        let server = Server::start(move |_, mut talk| async move {
            if talk.hello().await.sni.is_some() {
                talk.alert(2, code).await;
            } else {
                talk.flight(0x0303, &[]).await;
                refuse_heartbeat(&mut talk).await;
            }
            talk
        })
        .await;
        let seen = server.quick().await;
        assert_eq!(seen.contact, Contact::Answered, "alert {code}");
        assert!(seen.tls.unwrap().without_sni, "alert {code}");
        assert_eq!(server.connections(), 2, "alert {code}");
    }
}

#[tokio::test]
async fn a_warning_about_the_name_ends_nothing() {
    let server = Server::start(|_, mut talk| async {
        assert_eq!(talk.hello().await.sni.as_deref(), Some("web01.example.test"));
        talk.alert(1, 112).await;
        talk.flight(0x0303, &[]).await;
        refuse_heartbeat(&mut talk).await;
        talk
    })
    .await;
    let seen = server.quick().await;
    assert_eq!((seen.contact, server.connections()), (Contact::Answered, 1));
    assert!(!seen.tls.unwrap().without_sni);
}

#[tokio::test]
async fn anonymous_suites_are_offered_only_after_a_failure() {
    const ADH: u16 = 0x0034;
    let server = Server::start(|number, mut talk| async move {
        let hello = talk.hello().await;
        assert_eq!(hello.suites.contains(&ADH), number == 2);
        if number == 2 {
            let mut out = Vec::new();
            crate::wire::tls::handshake::encode_server_hello(&mut out, 0x0303, &[0; 32], ADH, &[]);
            crate::wire::tls::handshake::encode_server_hello_done(&mut out);
            talk.send(record::HANDSHAKE, 0x0303, &out).await;
            refuse_heartbeat(&mut talk).await;
        } else {
            talk.alert(2, 40).await;
        }
        talk
    })
    .await;
    let seen = server.probe(|s, _| s.depth = Depth::Standard).await;
    assert_eq!(seen.tls.map(|t| t.cipher.to_string()).as_deref(), Some("ADH-AES128-SHA"));
    assert_eq!((seen.certificate, seen.other_keys), (None, None));
    assert_eq!(seen.attempts[0].malformed, Some(Answer::Alert { level: 2, code: 10 }));
}

#[tokio::test]
async fn closes_without_a_byte_stop_at_three() {
    let server = Server::start(|number, mut talk| async move {
        let hello = talk.hello().await;
        assert_eq!((hello.version, hello.extensions), ([0x0303, 0x0303, 0x0301][number], number < 2));
        assert_eq!(hello.suites.len() < 80, number > 0, "a short hello after a close");
        talk.close().await;
        talk
    })
    .await;
    let seen = server.probe(|s, _| s.depth = Depth::Full).await;
    assert_eq!((seen.contact, server.connections()), (Contact::ClosedEarly, 3));
    assert_eq!((seen.tls, seen.other_keys), (None, None));
}

#[tokio::test]
async fn a_server_that_chokes_on_a_long_hello_is_reached_with_a_short_one() {
    let server = Server::start(|_, mut talk| async {
        if talk.hello().await.suites.len() > 50 {
            talk.close().await;
        } else {
            talk.flight(0x0303, &[]).await;
            refuse_heartbeat(&mut talk).await;
        }
        talk
    })
    .await;
    assert_eq!((server.quick().await.contact, server.connections()), (Contact::Answered, 2));
}

#[tokio::test]
async fn a_tarpit_is_given_two_tries() {
    let server = Server::start(|_, mut talk| async {
        talk.hello().await;
        talk.raw(&[22, 3]).await;
        talk
    })
    .await;
    let seen = server.probe(|s, _| s.timeouts.step = Duration::from_millis(100)).await;
    assert_eq!((seen.contact, server.connections()), (Contact::ProbeTimedOut, 2));
    assert_eq!(seen.attempts.len(), 1);
}

#[tokio::test]
async fn what_is_not_tls_is_named_where_it_can_be() {
    type Row = (bool, &'static [&'static [u8]], Option<&'static str>);
    let table: &[Row] = &[
        (true, &[b"INFO {\"server_id\":\"N\"}\r\n"], Some("greeting of nats")),
        (true, &[b"SSH-", b"2.0-OpenSSH_9.2\r\n"], Some("greeting of ssh")),
        (false, &[b"HTTP/1.1 400 Bad Request\r\n\r\n"], Some("greeting of http")),
        (false, &[b"\x00\x01\x02\x03\x04\x05\x06\x07\x00\x01\x02\x03\x04\x05\x06\x07"], None),
        (false, &[b"\x1b[31mred\n"], None),
    ];
    for (first, pieces, detail) in table {
        let server = Server::start(move |_, mut talk| async move {
            if !first {
                talk.hello().await;
            }
            for piece in *pieces {
                talk.raw(piece).await;
            }
            talk
        })
        .await;
        let seen = server.brisk().await;
        assert_eq!((seen.contact, seen.detail.as_deref()), (Contact::NotTls, *detail), "pieces: {pieces:?}");
        assert_eq!((server.connections(), seen.tls), (1, None), "pieces: {pieces:?}");
    }
}

#[tokio::test]
async fn a_greeting_that_comes_slowly_is_waited_for() {
    let server = Server::start(|_, mut talk| async {
        talk.raw(b"I").await;
        tokio::time::sleep(Duration::from_millis(150)).await;
        talk.raw(b"NFO {}\r\n").await;
        talk
    })
    .await;
    let seen = server.probe(|_, _| ()).await;
    assert_eq!((seen.contact, seen.detail.as_deref()), (Contact::NotTls, Some("greeting of nats")));
}

#[tokio::test]
async fn half_a_greeting_and_then_silence_is_nothing_to_judge_by() {
    let server = Server::start(|_, mut talk| async {
        talk.raw(b"2").await;
        talk
    })
    .await;
    let seen = server.probe(|s, _| s.timeouts.step = Duration::from_millis(100)).await;
    assert_eq!(seen.contact, Contact::ProbeTimedOut);
}

#[tokio::test]
async fn plain_text_after_a_record_is_not_a_handshake() {
    let server = Server::start(|_, mut talk| async {
        talk.hello().await;
        let mut bytes = Vec::new();
        record::encode(&mut bytes, record::HANDSHAKE, 0x0303, &flight(0x0303, &[], 0)[..50]);
        bytes.extend_from_slice(b"HTTP/1.1 500");
        talk.raw(&bytes).await;
        talk
    })
    .await;
    let seen = server.quick().await;
    assert_eq!((seen.contact, seen.tls, seen.certificate), (Contact::HandshakeFailed, None, None));
}

#[tokio::test]
async fn a_flight_may_come_in_any_pieces() {
    for (per_record, per_write) in [(1, 1), (7, 1000), (4000, 3), (100, 101)] {
        let server = Server::start(move |_, mut talk| async move {
            talk.hello().await;
            let mut bytes = Vec::new();
            for fragment in flight(0x0303, &[HEARTBEAT_MODE], 0).chunks(per_record) {
                record::encode(&mut bytes, record::HANDSHAKE, 0x0303, fragment);
            }
            for piece in bytes.chunks(per_write) {
                talk.raw(piece).await;
                tokio::task::yield_now().await;
            }
            refuse_heartbeat(&mut talk).await;
            talk
        })
        .await;
        let seen = server.quick().await;
        assert_eq!(seen.certificate.and_then(|c| c.spki_sha256), Some(spki(0)), "{per_record} {per_write}");
        assert_eq!(seen.attempts[0].malformed, Some(Answer::Alert { level: 2, code: 10 }));
    }
}

#[tokio::test]
async fn a_version_that_was_not_offered_is_no_handshake() {
    for version in [0x0304, 0x0305, 0x7f1c] {
        let server = Server::start(move |_, mut talk| async move {
            talk.hello().await;
            talk.send(record::HANDSHAKE, 0x0303, &flight(version, &[], 0)).await;
            talk
        })
        .await;
        assert_eq!(server.quick().await.contact, Contact::HandshakeFailed, "version {version:#06x}");
    }
}

#[tokio::test]
async fn the_alert_that_refused_is_told() {
    let server = Server::start(|_, mut talk| async {
        talk.record().await;
        talk.alert(2, 40).await;
        talk
    })
    .await;
    let seen = server.quick().await;
    assert_eq!((seen.contact, seen.detail.as_deref()), (Contact::HandshakeFailed, Some("alert 40")));
    assert_eq!(server.connections(), 7, "name, last resort, TLS 1.3 and three older versions");
}

#[tokio::test]
async fn a_second_key_is_found_and_its_absence_told_from_silence() {
    enum Second {
        OtherKey,
        SameKey,
        Alert,
        Close,
    }
    let table = [
        (Second::OtherKey, Some(vec![spki(1)])),
        (Second::SameKey, Some(vec![])),
        (Second::Alert, Some(vec![])),
        (Second::Close, None),
    ];
    for (second, expected) in table {
        let second = Arc::new(second);
        let server = Server::start(move |_, mut talk| {
            let second = second.clone();
            async move {
                // The first key is on a curve, so the second hello offers RSA alone.
                let rsa_only = talk.hello().await.suites == Offer::RsaOnly.suites();
                match (rsa_only, &*second) {
                    (false, _) => {
                        talk.flight(0x0303, &[]).await;
                        refuse_heartbeat(&mut talk).await;
                    }
                    (true, Second::OtherKey) => {
                        talk.send(record::HANDSHAKE, 0x0303, &flight(0x0303, &[], 1)).await;
                    }
                    (true, Second::SameKey) => talk.flight(0x0303, &[]).await,
                    (true, Second::Alert) => talk.alert(2, 40).await,
                    (true, Second::Close) => talk.close().await,
                }
                talk
            }
        })
        .await;
        let seen = server.probe(|s, _| s.depth = Depth::Standard).await;
        assert_eq!(seen.certificate.and_then(|c| c.spki_sha256), Some(spki(0)));
        let others = seen.other_keys.map(|keys| keys.iter().map(|k| k.spki_sha256).collect::<Vec<_>>());
        assert_eq!((others, server.connections()), (expected, 2));
    }
}

#[tokio::test]
async fn the_key_for_clients_without_a_name_is_found_at_full_depth() {
    let server = Server::start(|number, mut talk| async move {
        if number > 3 {
            // The other questions of this depth: there is nobody any more.
            talk.close().await;
            return talk;
        }
        let hello = talk.hello().await;
        if [Offer::RsaOnly, Offer::Finishable].iter().any(|offer| hello.suites == offer.suites()) {
            talk.alert(2, 40).await;
        } else if hello.sni.is_none() {
            talk.send(record::HANDSHAKE, 0x0303, &flight(0x0303, &[], 1)).await;
        } else {
            talk.flight(0x0303, &[]).await;
            refuse_heartbeat(&mut talk).await;
        }
        talk
    })
    .await;
    let seen = server.probe(|s, _| s.depth = Depth::Full).await;
    assert_eq!(seen.keys().collect::<Vec<_>>(), [spki(0), spki(1)]);
    // In the clear and behind a handshake, the other kind of key, no name; then the other questions.
    assert_eq!(server.connections(), 4 + seen.asked.len());
    assert!(seen.asked.len() > 5, "{:#?}", seen.asked);
}

#[tokio::test]
async fn another_backend_behind_the_same_address_shows_its_key() {
    let server = Server::start(|number, mut talk| async move {
        talk.hello().await;
        talk.send(record::HANDSHAKE, 0x0303, &flight(0x0303, &[], number % 2)).await;
        refuse_heartbeat(&mut talk).await;
        talk
    })
    .await;
    let seen = server.probe(|s, _| s.samples = 4).await;
    assert_eq!(seen.keys().collect::<Vec<_>>(), [spki(0), spki(1)]);
    assert_eq!(seen.attempts.len(), 4);
}

#[tokio::test]
async fn a_server_of_tls13_alone_shows_its_certificate() {
    let made = rcgen::generate_simple_self_signed(vec!["new.example.test".to_owned()]).unwrap();
    let der = made.cert.der().clone();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let config =
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![der.clone()], key.into())
            .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = Server::at(listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            if let Ok(mut tls) = acceptor.accept(stream).await {
                let _ = tokio::io::copy(&mut tls, &mut tokio::io::sink()).await;
            }
        }
    });
    let seen = server.probe(|s, _| s.depth = Depth::Standard).await;
    assert_eq!(seen.contact, Contact::Answered);
    assert_eq!(seen.certificate.map(|c| c.sha256), Some(Sha256::of(&der)));
    assert_eq!(seen.tls.map(|t| (t.version, t.heartbeat_extension)), Some((TlsVersion::Tls13, None)));
    let [attempt] = &*seen.attempts else { panic!("one attempt") };
    assert_eq!(
        (attempt.version, attempt.malformed),
        (Some(TlsVersion::Tls13), None),
        "no heartbeat was asked for"
    );
    assert_eq!(seen.other_keys, Some(vec![]), "there is no RSA key");
}

#[tokio::test]
async fn a_look_in_flight_takes_little_memory() {
    let dialer = crate::probe::dial::Dialer::new(None, crate::probe::limits::Rate::per_second(0));
    let (clock, sweep) = (crate::clock::Clock::System, crate::model::ids::SweepId(1));
    let context = Context::new(Settings::default(), dialer, clock, sweep);
    let aside = crate::probe::trace::Aside::default();
    let target = Target {
        aside: &aside,
        address: "127.0.0.1:1".parse().unwrap(),
        wrap: crate::model::wrap::Wrap::Tls,
        sni: None,
        fragile: false,
        trial: false,
        sturdy: false,
        relays: false,
        transport: crate::model::wrap::Transport::Tcp,
    };
    let look = size_of_val(&tls::look(target, &context));
    let sample = size_of_val(&tls::sample(target, &context));
    assert!(look + sample <= 3500, "{look} and {sample} bytes");
}
