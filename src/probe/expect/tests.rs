//! Expectations against peers in this process that speak in the clear, and what is not tried at all. Peers with TLS
//! are in `tests/all/expect.rs`.

use std::{net::SocketAddr, time::Duration};

use proptest::prelude::*;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    runtime::Runtime,
};

use super::*;
use crate::{
    clock::Clock,
    model::{expect, ids::SweepId, wrap::Transport},
    probe::{
        context::Settings,
        dial::Dialer,
        limits::{Rate, Timeouts},
        trace::Aside,
        trust::TrustStore,
    },
};

fn context() -> Context {
    let timeouts = Timeouts {
        connect: Duration::from_secs(5),
        step: Duration::from_millis(700),
        short: Duration::from_millis(30),
    };
    let settings = Settings { timeouts, ..Settings::default() };
    Context::new(settings, Dialer::new(None, Rate::per_second(0)), Clock::System, SweepId(1))
}

async fn run(text: &str, address: SocketAddr, wrap: Wrap, context: &Context) -> (Vec<Expectation>, Aside) {
    let aside = Aside::default();
    let target = Target {
        aside: &aside,
        address,
        wrap,
        sni: None,
        fragile: false,
        trial: false,
        sturdy: false,
        relays: false,
        transport: Transport::Tcp,
    };
    let found = try_all(&expect::parse(text).unwrap(), target, context).await;
    (found, aside)
}

/// A peer that says this to everyone after `hear` bytes, and then no more; it closes unless it is to stay silent.
async fn peer(hear: usize, say: &'static [u8], silent: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut heard = vec![0; hear];
                let _ = stream.read_exact(&mut heard).await;
                let _ = stream.write_all(say).await;
                if !silent {
                    let _ = stream.shutdown().await;
                }
                // What is left unread would make a reset of the close.
                let _ = stream.read_to_end(&mut heard).await;
            });
        }
    });
    address
}

#[tokio::test]
async fn what_is_said_in_the_clear_is_compared() {
    type Row = (&'static str, usize, &'static [u8], Option<bool>, Option<&'static str>);
    let table: &[Row] = &[
        ("smtp 220", 0, b"220 mail.test ESMTP Postfix\r\n", Some(true), None),
        ("smtp 220", 0, b"554 no\r\n", Some(false), Some("code 554")),
        ("smtp 220", 0, b"421 busy\r\n", None, Some("code 421: it asks to come again later")),
        ("smtp 220", 0, b"SSH-2.0-x\r\n", Some(false), Some("the greeting is of another protocol")),
        ("lmtp 2xx; lmtp 220", 0, b"220 x LMTP\r\n", Some(true), None),
        ("ftp 220", 0, b"220 (vsFTPd 3.0.3)\r\n", Some(true), None),
        ("imap ok", 0, b"* OK ready\r\n", Some(true), None),
        ("pop3 ok", 0, b"-ERR no\r\n", Some(false), Some("-ERR")),
        ("nntp 200", 0, b"201 no posting\r\n", Some(false), Some("code 201")),
        ("smtp 220", 0, b"", Some(false), Some("closed without an answer")),
        ("http 200 /", 18, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Some(true), None),
        ("http 2xx /", 18, b"HTTP/1.0 204 No Content\r\n\r\n", Some(true), None),
        (
            "http 200 /",
            18,
            b"HTTP/1.1 301 M\r\nLocation: https://x/\r\n\r\n",
            Some(false),
            Some("status 301"),
        ),
        ("http 301 /", 18, b"HTTP/1.1 301 M\r\nContent-Length: 0\r\n\r\n", Some(true), None),
        ("http 200 /", 18, b"220 not this\r\n", Some(false), Some("the answer is not HTTP")),
        ("http 200 /", 18, b"", Some(false), Some("closed without an answer")),
        ("xmpp stream", 9, b"<?xml version='1.0'?><stream:stream><stream:features/>", Some(true), None),
        ("xmpp stream", 9, b"HTTP/1.1 400 Bad\r\n\r\n", Some(false), Some("closed without an answer")),
    ];
    for (text, hear, say, met, saw) in table {
        let address = peer(*hear, say, false).await;
        let (found, _) = run(text, address, Wrap::Plain, &context()).await;
        for one in found {
            assert_eq!(one.met, *met, "{text} of {say:?}: {:?}", one.saw);
            let seen = one.saw.unwrap_or_default();
            assert!(
                seen.starts_with(saw.unwrap_or_default()) && seen.is_empty() == saw.is_none(),
                "{text}: {seen}"
            );
        }
    }
}

#[tokio::test]
async fn a_silent_peer_is_left_within_the_limit() {
    for text in ["smtp 220", "http 200 /", "https 200 /", "xmpp stream", "tls"] {
        let address = peer(0, b"", true).await;
        let mut context = context();
        context.trust = Some(store());
        let began = std::time::Instant::now();
        let (found, _) =
            run(text, address, if text == "tls" { Wrap::Tls } else { Wrap::Plain }, &context).await;
        assert_eq!(found[0].met, Some(false), "{text}: {found:?}");
        let saw = found[0].saw.clone().unwrap();
        assert!(saw.starts_with("no answer"), "{text}: {saw}");
        assert!(began.elapsed() < Duration::from_secs(4), "{text}: {:?}", began.elapsed());
    }
}

fn store() -> Arc<TrustStore> {
    let key = rcgen::KeyPair::generate().unwrap();
    let root =
        rcgen::CertificateParams::new(vec!["root.test".to_owned()]).unwrap().self_signed(&key).unwrap();
    Arc::new(TrustStore::from_pem("test", root.pem().as_bytes()).unwrap())
}

#[tokio::test]
async fn what_cannot_be_tried_says_why_and_is_not_clean() {
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    let table = [
        ("https 200 /", Wrap::Tls, None, "no trust store"),
        ("tls", Wrap::Smtp, None, "no trust store"),
        ("imap ok", Wrap::Imap, None, "no trust store"),
        ("https 200 /", Wrap::Smtp, None, "HTTP is not spoken where the wrap is starttls-smtp"),
        ("imap ok", Wrap::Smtp, None, "this protocol is not spoken where the wrap is starttls-smtp"),
        ("xmpp stream", Wrap::Imap, None, "XMPP is not spoken where the wrap is starttls-imap"),
        ("https 200 /", Wrap::Dtls, None, "expectations are tried over TCP, and the wrap is dtls"),
        ("smtp 220", Wrap::Plain, Some(false), "the connection was refused"),
    ];
    for (text, wrap, met, saw) in table {
        let (found, _) = run(text, closed, wrap, &context()).await;
        assert_eq!((found[0].met, found[0].saw.as_deref()), (met, Some(saw)), "{text} at {wrap}");
        assert_eq!(&*found[0].expect, text);
    }
}

#[tokio::test]
async fn a_fragile_device_is_not_even_connected_to() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let aside = Aside::default();
    let address = listener.local_addr().unwrap();
    let target = Target {
        aside: &aside,
        address,
        wrap: Wrap::Plain,
        sni: None,
        fragile: true,
        trial: false,
        sturdy: false,
        relays: false,
        transport: Transport::Tcp,
    };
    let found = try_all(&expect::parse("smtp 220; http 200 /").unwrap(), target, &context()).await;
    assert_eq!(found.len(), 2);
    assert!(
        found.iter().all(|e| e.met.is_none() && e.saw.as_deref() == Some("a fragile device, and left alone"))
    );
    let nobody = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
    assert!(nobody.is_err(), "a connection came");
}

#[tokio::test]
async fn an_endless_body_is_cut_and_the_status_counts() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nServer: nginx/1.18.0\r\n\r\n").await;
        while stream.write_all(&[b'x'; 8192]).await.is_ok() {}
    });
    let (found, aside) = run("http 200 /", address, Wrap::Plain, &context()).await;
    assert_eq!((found[0].met, found[0].saw.as_deref()), (Some(true), None));
    let software = aside.take_software();
    assert_eq!((software[0].product.as_str(), software[0].version.as_deref()), ("nginx", Some("1.18.0")));
}

#[tokio::test]
async fn the_request_is_that_of_a_polite_client() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let heard = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut text = vec![0; 4096];
        let n = stream.read(&mut text).await.unwrap();
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        String::from_utf8(text[..n].to_vec()).unwrap()
    });
    run("http 200 /a?b=%3B", address, Wrap::Plain, &context()).await;
    let text = heard.await.unwrap().to_ascii_lowercase();
    assert!(text.starts_with("get /a?b=%3b http/1.1\r\n"), "{text}");
    let host = format!("host: {address}\r\n");
    for part in
        [host.as_str(), "connection: close\r\n", "user-agent: allclear/", "accept-encoding: identity\r\n"]
    {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains("cookie") && !text.contains("authorization"), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn whatever_a_peer_says_an_answer_in_our_own_words_comes_in_time(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let runtime = Runtime::new().unwrap();
        runtime.block_on(async {
            let mut context = context();
            context.trust = Some(store());
            let say: &'static [u8] = bytes.clone().leak();
            let address = peer(0, say, false).await;
            for wrap in [Wrap::Plain, Wrap::Tls, Wrap::Smtp, Wrap::XmppClient] {
                for text in ["smtp 220", "https 200 /", "http 200 /", "xmpp stream", "tls"] {
                    let (found, _) = run(text, address, wrap, &context).await;
                    let saw = found[0].saw.clone().unwrap_or_default();
                    assert!(saw.len() < 160 && saw.is_ascii(), "{saw}");
                    assert!(found[0].met != Some(true) || wrap == Wrap::Plain, "{text} at {wrap}: {bytes:?}");
                }
            }
        });
    }
}
