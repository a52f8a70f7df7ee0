use std::sync::Arc;

use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::*;
use crate::{
    drill::{
        peer::{Content, Ending, Framing, SniRule},
        testing::{Client, Event, Flight, hello_of, number},
    },
    model::observation::TlsVersion::{self, Ssl3, Tls10, Tls11, Tls12},
    wire::tls::{handshake as hs, hello::Hello, record, suites::Offer},
};

async fn greeted(face: Face, hello: &Hello<'_>) -> Result<Flight, Event> {
    let peer = start(face).await;
    Client::greet(peer.address(), hello).await.1
}

fn fixed() -> Face {
    Face::new(Behaviour::Fixed, &identity())
}

#[tokio::test]
async fn versions_are_negotiated_down_and_refused_below() {
    let range = |oldest: TlsVersion, newest: TlsVersion, intolerance| Face {
        oldest,
        newest,
        intolerance,
        loose: true,
        ..fixed()
    };
    let alert = |code| Err(Event::Alert(2, code));
    let table = [
        (range(Ssl3, Tls12, None), Tls12, Ok(Tls12)),
        (range(Ssl3, Tls12, None), Tls11, Ok(Tls11)),
        (range(Ssl3, Tls12, None), Ssl3, Ok(Ssl3)),
        (range(Ssl3, Tls10, None), Tls12, Ok(Tls10)),
        (range(Ssl3, Ssl3, None), Tls12, Ok(Ssl3)),
        (range(Tls12, Tls12, None), Tls11, alert(70)),
        (range(Tls10, Tls10, Some(Ending::Alert(70))), Tls12, alert(70)),
        (range(Tls10, Tls10, Some(Ending::Alert(40))), Tls11, alert(40)),
        (range(Tls10, Tls10, Some(Ending::Close)), Tls12, Err(Event::Closed)),
        (range(Tls10, Tls10, Some(Ending::Reset)), Tls12, Err(Event::Reset)),
        (range(Tls10, Tls10, Some(Ending::Close)), Tls10, Ok(Tls10)),
    ];
    for (face, asked, expected) in table {
        let what = format!("{} to {}, {:?}, asked {asked}", face.oldest, face.newest, face.intolerance);
        let got = greeted(face, &hello_of(asked)).await.map(|flight| flight.version);
        assert_eq!(got, expected.map(number), "{what}");
    }
}

#[tokio::test]
async fn a_suite_is_chosen_that_fits_key_and_version() {
    let hello = |offer| Hello { offer, ..Hello::first(None) };
    let gcm_only = Face { suites: vec![0xc02b, 0xc02c], ..fixed() };
    let anonymous_first = Face { suites: vec![0x0034, 0xc02b], ..fixed() };
    let loose = Face { loose: true, ..fixed() };
    let refused = Err(Event::Alert(2, 40));
    let table = [
        (fixed(), hello(Offer::Certificates), Ok(0xc02b)),
        (fixed(), hello(Offer::RsaOnly), refused.clone()),
        (fixed(), hello(Offer::EcdsaOnly), Ok(0xc02b)),
        (fixed(), hello_of(Tls10), Ok(0xc009)),
        (fixed(), hello_of(Ssl3), refused.clone()),
        (loose.clone(), hello(Offer::Certificates), Ok(0x009c)),
        (loose.clone(), hello(Offer::NotRsa), Ok(0xc02b)),
        (loose.clone(), hello_of(Ssl3), Ok(0x002f)),
        (gcm_only.clone(), hello(Offer::Certificates), Ok(0xc02b)),
        (gcm_only, hello_of(Tls11), refused.clone()),
        (anonymous_first.clone(), hello(Offer::Certificates), Ok(0xc02b)),
        (anonymous_first, hello(Offer::LastResort), Ok(0x0034)),
        (loose, hello(Offer::LastResort), refused.clone()),
        (Face::bare(Behaviour::Fixed), hello(Offer::Certificates), refused),
    ];
    for (n, (face, hello, expected)) in table.into_iter().enumerate() {
        let got = greeted(face, &hello).await.map(|flight| flight.suite);
        assert_eq!(got, expected, "row {n}: {hello:?}");
    }
}

#[tokio::test]
async fn a_flight_has_the_messages_of_its_suite() {
    use hs::{
        CERTIFICATE as C, CERTIFICATE_REQUEST as R, SERVER_HELLO as H, SERVER_HELLO_DONE as D,
        SERVER_KEY_EXCHANGE as K,
    };
    let table: &[(u16, bool, &[u8])] = &[
        (0x009c, false, &[H, C, D]),
        (0xc02f, false, &[H, C, K, D]),
        (0x0033, true, &[H, C, K, R, D]),
        (0xc02b, false, &[H, C, K, D]),
        (0xc004, false, &[H, C, D]),
        (0x0034, false, &[H, K, D]),
        (0xc018, false, &[H, K, D]),
        (0x00a8, false, &[H, D]),
    ];
    for (suite, asks_certificate, kinds) in table {
        let face = Face { suites: vec![*suite], loose: true, asks_certificate: *asks_certificate, ..fixed() };
        let peer = start(face).await;
        let mut got = None;
        for offer in [Offer::Certificates, Offer::LastResort] {
            let hello = Hello { offer, ..Hello::first(None) };
            got = got.or(Client::greet(peer.address(), &hello).await.1.ok());
        }
        assert_eq!(got.unwrap().kinds, *kinds, "suite {suite:#06x}");
    }
}

#[tokio::test]
async fn two_keys_are_shown_by_the_kind_of_suite() {
    let (ecdsa, rsa, other) = (identity(), rsa_identity(), identity());
    let face = Face {
        identities: vec![rsa.clone(), ecdsa.clone()],
        without_sni: Some(other.clone()),
        tls13_too: true,
        ..fixed()
    };
    let peer = start(face).await;
    let table = [
        (Offer::Certificates, Some("a.test"), 0x009c, &rsa),
        (Offer::RsaOnly, Some("a.test"), 0x009c, &rsa),
        (Offer::NotRsa, Some("a.test"), 0xc02b, &ecdsa),
        (Offer::Certificates, None, 0xc02b, &other),
    ];
    for (offer, sni, suite, expected) in table {
        let hello = Hello { offer, ..Hello::first(sni) };
        let flight = Client::greet(peer.address(), &hello).await.1.unwrap();
        let served = [&*expected.certificate_der, &*expected.issuer_der];
        assert_eq!((flight.suite, flight.chain), (suite, served.map(<[u8]>::to_vec).to_vec()), "{hello:?}");
    }
    let (_, chain) = rustls_client(peer.address()).await;
    assert_eq!(chain[0], *ecdsa.certificate_der, "TLS 1.3 takes the key that can sign");
    // A server with an RSA key alone.
    let got = greeted(Face::new(Behaviour::Fixed, &rsa), &hello_of(Ssl3)).await;
    assert_eq!(got.map(|flight| flight.suite), Ok(0x002f));
}

#[tokio::test]
async fn names_are_needed_refused_or_warned_of() {
    let named = Hello::first(Some("a.test"));
    let nameless = Hello::first(None);
    let refuse = Ending::Alert(112);
    let table = [
        (SniRule::Any, &named, Ok(vec![])),
        (SniRule::Any, &nameless, Ok(vec![])),
        (SniRule::Needed(Ending::Alert(40)), &named, Ok(vec![])),
        (SniRule::Needed(Ending::Alert(40)), &nameless, Err(Event::Alert(2, 40))),
        (SniRule::Needed(Ending::Close), &nameless, Err(Event::Closed)),
        (SniRule::Refused(refuse), &named, Err(Event::Alert(2, 112))),
        (SniRule::Refused(refuse), &nameless, Ok(vec![])),
        (SniRule::Warns, &named, Ok(vec![112])),
        (SniRule::Warns, &nameless, Ok(vec![])),
    ];
    for (sni, hello, expected) in table {
        let got = greeted(Face { sni, ..fixed() }, hello).await.map(|f| f.warnings);
        assert_eq!(got, expected, "{sni:?} {:?}", hello.sni);
    }
}

#[tokio::test]
async fn flights_arrive_whole_however_they_are_cut() {
    let framings = [
        (Framing::PerMessage, 0),
        (Framing::OneRecord, 0),
        (Framing::Fragments(7), 0),
        (Framing::Fragments(300), 11),
        (Framing::PerMessage, 100),
    ];
    for (framing, segment) in framings {
        let face = Face { framing, segment, ..Face::new(Behaviour::Vulnerable, &identity()) };
        let peer = start(face).await;
        let (mut client, flight) = Client::greet(peer.address(), &Hello::first(None)).await;
        assert_eq!(flight.unwrap().chain.len(), 2, "{framing:?} {segment}");
        client.reads = 0;
        client.malformed().await;
        assert_eq!(client.next().await, Event::Echo(4115, 0), "{framing:?} {segment}");
        assert_eq!(client.reads > 1, segment > 0, "{framing:?} {segment}: {} reads", client.reads);
    }
}

#[tokio::test]
async fn long_hellos_and_cut_flights_end_as_the_face_says() {
    let long = Hello::first(None);
    let short = Hello { offer: Offer::Short, ..long };
    for (ending, expected) in [
        (Ending::Silent, Event::Silent),
        (Ending::Close, Event::Closed),
        (Ending::Alert(80), Event::Alert(2, 80)),
    ] {
        let peer = start(Face { longest_hello: Some((255, ending)), ..fixed() }).await;
        assert!(Client::greet(peer.address(), &short).await.1.is_ok(), "{ending:?}");
        let mut client = Client::connect(peer.address()).await;
        client.hello(&long).await;
        let got = match ending {
            Ending::Silent => client.soon().await,
            _ => client.next().await,
        };
        assert_eq!(got, expected, "{ending:?}");
    }
    for (length, ending, expected) in [
        (3, Ending::Close, Event::Closed),
        (300, Ending::Reset, Event::Reset),
        (0, Ending::Close, Event::Closed),
    ] {
        let face = Face { cut: Some((length, ending)), ..fixed() };
        let got = greeted(face, &long).await.map(|f| f.kinds);
        assert_eq!(got, Err(expected), "{length} {ending:?}");
    }
}

#[tokio::test]
async fn only_a_client_that_offers_tls13_gets_it() {
    for (face, older) in [
        (Face::new(Behaviour::Tls13Only, &identity()), Err(Event::Alert(2, 70))),
        (Face { tls13_too: true, ..fixed() }, Ok(0x0303)),
    ] {
        let what = format!("{:?}", face.behaviour);
        let wanted = face.identities[0].certificate_der.to_vec();
        let peer = start(face).await;
        let got = Client::greet(peer.address(), &Hello::first(None)).await.1;
        assert_eq!(got.map(|f| f.version), older, "{what}");

        let (version, chain) = rustls_client(peer.address()).await;
        assert_eq!(version, Some(rustls::ProtocolVersion::TLSv1_3), "{what}");
        assert_eq!(chain.len(), 2, "{what}");
        assert_eq!(chain[0], wanted, "{what}");
        let hellos = peer.received().iter().filter(|r| matches!(r.content, Content::Hello { .. })).count();
        assert_eq!(hellos, 2, "{what}");
    }
}

/// What a rustls client that trusts the drill's authority agrees on, and the chain that it sees.
async fn rustls_client(at: SocketAddr) -> (Option<rustls::ProtocolVersion>, Vec<Vec<u8>>) {
    let mut roots = rustls::RootCertStore::empty();
    let issuer = identity().issuer_der.to_vec();
    roots.add(issuer.into()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(at).await.unwrap();
    let name = ServerName::try_from("a.test").unwrap();
    let session = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    let (_, state) = session.get_ref();
    let chain = state.peer_certificates().unwrap_or_default();
    (state.protocol_version(), chain.iter().map(|c| c.to_vec()).collect())
}

#[tokio::test]
async fn what_is_no_hello_is_turned_away() {
    let peer = start(fixed()).await;
    let hello_cut = [&[hs::CLIENT_HELLO, 0, 0, 3][..], &[3, 3, 0]].concat();
    let table: &[(u8, &[u8], Event)] = &[
        (record::HANDSHAKE, &hello_cut, Event::Alert(2, 50)),
        (record::HANDSHAKE, &[2, 0, 0, 0], Event::Alert(2, 10)),
        (record::HANDSHAKE, &[1, 255, 255, 255], Event::Alert(2, 10)),
        (record::HEARTBEAT, &[1, 0, 0], Event::Alert(2, 10)),
        (record::ALERT, &[2, 40], Event::Alert(2, 10)),
    ];
    for (content_type, fragment, expected) in table {
        let mut client = Client::connect(peer.address()).await;
        client.record(*content_type, 0x0301, fragment).await;
        assert_eq!(client.next().await, *expected, "{content_type} {fragment:?}");
    }
    let mut client = Client::connect(peer.address()).await;
    client.send(b"GET / HTTP/1.1\r\n\r\n").await;
    assert_eq!(client.next().await, Event::Closed);
    // The conversation after the flight has its own end for each.
    let table: &[(u8, &[u8], Event)] = &[
        (record::APPLICATION_DATA, b"GET /", Event::Alert(2, 10)),
        (record::CHANGE_CIPHER_SPEC, &[1], Event::Alert(2, 10)),
        (record::HANDSHAKE, &[16, 0, 0, 0], Event::Alert(2, 40)),
        (record::HANDSHAKE, &[9, 255, 255, 255], Event::Alert(2, 50)),
        (record::ALERT, &[1, 0], Event::Closed),
    ];
    for (content_type, fragment, expected) in table {
        let mut client = Client::past_flight(peer.address()).await;
        client.record(*content_type, 0x0303, fragment).await;
        assert_eq!(client.next().await, *expected, "{content_type} {fragment:?}");
    }
    let mut client = Client::past_flight(peer.address()).await;
    client.send(&[0xff; 64]).await;
    assert_eq!(client.next().await, Event::Alert(2, 10), "no record at all");
}

#[tokio::test]
async fn a_server_without_heartbeats_never_sends_what_was_not_offered() {
    let bare = Hello { extensions: false, ..Hello::first(None) };
    let flight = greeted(Face::new(Behaviour::Vulnerable, &identity()), &bare).await.unwrap();
    assert_eq!((flight.acknowledged, flight.extensions), (false, 0));
    for (acknowledges, behaviour) in [(true, Behaviour::ClosesOnHeartbeat), (false, Behaviour::Vulnerable)] {
        let face = Face { acknowledges: Some(acknowledges), ..Face::new(behaviour.clone(), &identity()) };
        let flight = greeted(face, &Hello::first(None)).await.unwrap();
        assert_eq!(flight.acknowledged, acknowledges, "{behaviour:?}");
    }
}
