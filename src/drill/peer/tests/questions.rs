//! What `--depth full` asks about: fallbacks, export suites, primes, an early ChangeCipherSpec, SSL 2.0.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::*;
use crate::{
    drill::{
        peer::{EarlyCcs, Ending, Sslv2},
        testing::{Client, Event, hello_of},
    },
    model::observation::TlsVersion::{Tls11, Tls12},
    wire::tls::{
        handshake as hs,
        hello::Hello,
        key_exchange::{self, Dh},
        record,
        sslv2::{self, Answer},
        suites::Offer,
    },
};

fn sound() -> Face {
    Face::new(Behaviour::WithoutHeartbeats, &rsa_identity())
}

#[tokio::test]
async fn a_fallback_is_refused_below_the_newest_version_alone() {
    let fallback = |version| Hello { version, offer: Offer::Fallback, ..Hello::first(None) };
    let table = [
        (sound(), Tls11, Err(Event::Alert(2, 86))),
        (sound(), Tls12, Ok(())),
        (Face { tls13_too: true, ..sound() }, Tls12, Err(Event::Alert(2, 86))),
        (Face { on_fallback: None, ..sound() }, Tls11, Ok(())),
        (Face { on_fallback: Some(Ending::Close), ..sound() }, Tls11, Err(Event::Closed)),
    ];
    for (n, (face, version, expected)) in table.into_iter().enumerate() {
        let peer = start(face).await;
        let got = Client::greet(peer.address(), &fallback(version)).await.1.map(|_| ());
        assert_eq!(got, expected, "row {n}");
    }
    let peer = start(sound()).await;
    assert!(Client::greet(peer.address(), &hello_of(Tls11)).await.1.is_ok(), "not marked");
}

#[tokio::test]
async fn export_suites_and_primes_are_what_the_face_says() {
    let offer = |offer| Hello { offer, ..Hello::first(None) };
    for asked in [Offer::RsaExport, Offer::DheExport] {
        let peer = start(sound()).await;
        let got = Client::greet(peer.address(), &offer(asked)).await.1.map(|f| f.suite);
        assert_eq!(got, Err(Event::Alert(2, 40)), "{asked:?}");
        let peer = start(Face { no_suite: Ending::Reset, ..sound() }).await;
        let got = Client::greet(peer.address(), &offer(asked)).await.1.map(|f| f.suite);
        assert_eq!(got, Err(Event::Reset), "{asked:?}");
    }
    let weak = Face {
        suites: vec![0x0003, 0x0014, 0x0033],
        dh_prime: vec![0xc1; 96],
        export_modulus: vec![0x91; 64],
        ..sound()
    };
    let table = [(Offer::RsaExport, 0x0003, 512), (Offer::DheExport, 0x0014, 768), (Offer::Dhe, 0x0033, 768)];
    for (asked, suite, bits) in table {
        let peer = start(weak.clone()).await;
        let (flight, exchange) = exchange_of(peer.address(), &offer(asked)).await;
        assert_eq!(flight, suite, "{asked:?}");
        let number = if asked == Offer::RsaExport {
            key_exchange::rsa_modulus(&exchange)
        } else {
            Dh::parse(&exchange).map(|dh| dh.prime)
        };
        assert_eq!(number.map(key_exchange::bits), Some(bits), "{asked:?}");
    }
}

/// The suite and the body of the ServerKeyExchange that follow a hello.
async fn exchange_of(to: SocketAddr, hello: &Hello<'_>) -> (u16, Vec<u8>) {
    let mut client = Client::connect(to).await;
    client.hello(hello).await;
    let mut suite = 0;
    loop {
        match client.next().await {
            Event::Message(hs::SERVER_HELLO, body) => suite = hs::ServerHello::parse(&body).unwrap().suite,
            Event::Message(hs::SERVER_KEY_EXCHANGE, body) => return (suite, body),
            Event::Message(..) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// What comes: within a moment where nothing is expected, else whenever it does.
async fn came(client: &mut Client, expected: &Event) -> Event {
    if *expected == Event::Silent { client.soon().await } else { client.next().await }
}

#[tokio::test]
async fn an_early_change_of_ciphers_ends_it_or_is_taken() {
    let fixed = Event::Alert(2, 10);
    let table = [
        (EarlyCcs::Refused(Ending::Alert(10)), fixed.clone(), None),
        (EarlyCcs::Refused(Ending::Close), Event::Closed, None),
        (EarlyCcs::Refused(Ending::Silent), Event::Silent, Some(Event::Silent)),
        (EarlyCcs::Taken(Ending::Alert(20)), Event::Silent, Some(Event::Alert(2, 20))),
        (EarlyCcs::Taken(Ending::Reset), Event::Silent, Some(Event::Reset)),
        (EarlyCcs::Dropped, Event::Silent, Some(fixed)),
    ];
    for (early_ccs, first, second) in table {
        let peer = start(Face { early_ccs, ..sound() }).await;
        let mut client = Client::past_flight(peer.address()).await;
        client.record(record::CHANGE_CIPHER_SPEC, 0x0303, &[1]).await;
        assert_eq!(came(&mut client, &first).await, first, "{early_ccs:?}");
        if let Some(second) = second {
            client.poke().await;
            assert_eq!(came(&mut client, &second).await, second, "{early_ccs:?}");
        }
    }
}

#[tokio::test]
async fn a_hello_of_sslv2_earns_what_the_face_says() {
    let table: [(Sslv2, fn(&Answer<'_>) -> bool); 5] = [
        (Sslv2::Refused(Ending::Alert(70)), |a| matches!(a, Answer::Alert(alert) if alert.code == 70)),
        (Sslv2::Refused(Ending::Close), |a| *a == Answer::More),
        (Sslv2::Spoken(7), |a| matches!(a, Answer::Hello(hello) if hello.kinds == 7)),
        (Sslv2::Cut(30, Ending::Close), |a| *a == Answer::More),
        (Sslv2::Endless(b"\x80\x03\x09"), |a| *a == Answer::Other),
    ];
    for (answer, expected) in table {
        let peer = start(Face { sslv2: answer, ..sound() }).await;
        let mut stream = TcpStream::connect(peer.address()).await.unwrap();
        let mut out = Vec::new();
        sslv2::encode_client_hello(&mut out, &[7; 16]);
        stream.write_all(&out).await.unwrap();
        let mut heard = Vec::new();
        let mut buffer = [0; 4096];
        while sslv2::read(&heard) == Answer::More {
            match stream.read(&mut buffer).await.unwrap() {
                0 => break,
                n => heard.extend_from_slice(&buffer[..n]),
            }
        }
        let read = sslv2::read(&heard);
        assert!(expected(&read), "{answer:?}: {read:?}");
    }
}
