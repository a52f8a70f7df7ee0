//! Peers that keep silent, flood, talk nonsense or end early: each check ends in time and sees nothing. Real servers are
//! in `tests/all/secret_checks.rs`.

use std::time::Instant;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, UdpSocket},
};

use super::{dns::Dns, *};
use crate::{
    clock::Clock,
    model::ids::SweepId,
    probe::{context::Settings, dial::Dialer, limits::Rate},
    wire::ssh::{ECDH_REPLY, KEXINIT, packet},
};

const STEP: Duration = Duration::from_millis(300);

fn context() -> Context {
    let timeouts = Timeouts { connect: Duration::from_secs(5), step: STEP, short: Duration::from_millis(30) };
    let settings = Settings { timeouts, ..Settings::default() };
    Context::new(settings, Dialer::new(None, Rate::per_second(0)), Clock::System, SweepId(1))
}

fn place(addresses: &[SocketAddr]) -> Place {
    Place { addresses: addresses.to_vec(), name: None, wrap: Wrap::Tls }
}

/// What a peer does with every connection.
#[derive(Clone, Debug)]
enum Manner {
    /// Says this, and then nothing, without closing.
    Silent(Vec<u8>),
    /// Says this and closes.
    Close(Vec<u8>),
    /// Hears a request of HTTP, says this and closes.
    Answer(Vec<u8>),
    /// Says this first, and then the other again and again.
    Flood(Vec<u8>, Vec<u8>),
    /// Says this an octet at a time, for ever.
    Drip(Vec<u8>),
}

async fn peer(manner: Manner) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let manner = manner.clone();
            tokio::spawn(async move {
                let mut heard = Vec::new();
                match manner {
                    Manner::Silent(say) => {
                        let _ = stream.write_all(&say).await;
                    }
                    Manner::Close(say) => {
                        let _ = stream.write_all(&say).await;
                        let _ = stream.shutdown().await;
                    }
                    Manner::Answer(say) => {
                        while !heard.ends_with(b"\r\n\r\n") {
                            let Ok(byte) = stream.read_u8().await else { return };
                            heard.push(byte);
                        }
                        let _ = stream.write_all(&say).await;
                        let _ = stream.shutdown().await;
                    }
                    Manner::Flood(say, again) => {
                        let _ = stream.write_all(&say).await;
                        while stream.write_all(&again).await.is_ok() {}
                    }
                    Manner::Drip(say) => {
                        for byte in say.iter().cycle() {
                            if stream.write_all(&[*byte]).await.is_err() {
                                return;
                            }
                            tokio::time::sleep(Duration::from_millis(40)).await;
                        }
                    }
                }
                let _ = stream.read_to_end(&mut heard).await;
            });
        }
    });
    address
}

fn text(bytes: &[u8]) -> Vec<u8> {
    let mut out = u32::try_from(bytes.len()).unwrap().to_be_bytes().to_vec();
    out.extend_from_slice(bytes);
    out
}

/// An identification and lists of algorithms.
fn ssh_hello(exchange: &str, keys: &str) -> Vec<u8> {
    let mut init = vec![KEXINIT];
    init.extend([0; 16]);
    for list in [exchange, keys, "c", "c", "m", "m", "none", "none", "", ""] {
        init.extend(text(list.as_bytes()));
    }
    init.extend([0; 5]);
    [b"SSH-2.0-Test\r\n".to_vec(), packet(&init)].concat()
}

fn ssh_reply(kind: &str) -> Vec<u8> {
    let key = text(kind.as_bytes());
    packet(&[vec![ECDH_REPLY], text(&key), text(&[1; 32]), text(&[2; 64])].concat())
}

#[tokio::test]
async fn hostile_peers_end_in_time_and_show_nothing() {
    let questions = [
        Question::TicketKey,
        Question::Jwks { tls: true, path: "/jwks".to_owned() },
        Question::Jwks { tls: false, path: "/jwks".to_owned() },
        Question::SshHostKey,
    ];
    let curve = "curve25519-sha256";
    let hello = ssh_hello(curve, "ssh-ed25519");
    let join = |parts: &[Vec<u8>]| parts.concat();
    let manners = [
        Manner::Silent(Vec::new()),
        Manner::Close(Vec::new()),
        Manner::Silent(b"SSH-2.0-x\r\n".to_vec()),
        Manner::Answer(b"HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n".to_vec()),
        Manner::Answer(b"HTTP/1.1 200 OK\r\n\r\n<html>".to_vec()),
        Manner::Answer(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n{".to_vec()),
        Manner::Close(vec![22, 3, 3, 0x40, 0, 2, 0xff, 0xff, 0xff]),
        Manner::Close(vec![21, 3, 3, 0, 2, 2, 70]),
        Manner::Flood(Vec::new(), vec![b'x'; 4096]),
        Manner::Flood(b"SSH-2.0-x\r\n".to_vec(), packet(&[2; 64])),
        Manner::Flood(b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b'['; 4096]),
        Manner::Flood(Vec::new(), b"a line\r\n".to_vec()),
        Manner::Drip(b"SSH-2.0-x".to_vec()),
        Manner::Drip(b"HTTP/1.1 200 OK\r\nx: y\r\n".to_vec()),
        Manner::Drip(vec![22, 3, 3, 0x40, 0]),
        Manner::Close(join(&[b"SSH-2.0-x\r\n".to_vec(), vec![0xff; 64]])),
        Manner::Close(ssh_hello("diffie-hellman-group1-sha1", "ssh-dss")),
        Manner::Close(ssh_hello(curve, "")),
        Manner::Silent(hello.clone()),
        Manner::Close(join(&[hello.clone(), packet(&[1, 0, 0, 0, 2])])),
        Manner::Close(join(&[hello.clone(), packet(&[ECDH_REPLY, 0xff, 0xff, 0xff, 0xff])])),
        Manner::Close(join(&[hello.clone(), ssh_reply("ssh-rsa")])),
        Manner::Flood(ssh_hello(curve, "ssh-ed25519"), packet(&[4; 64])),
        Manner::Close(ssh_hello(curve, "a,b,c,d,e,f,g,h")),
    ];
    let context = context();
    let mut asked = tokio::task::JoinSet::new();
    let context = std::sync::Arc::new(context);
    for manner in manners {
        let address = peer(manner.clone()).await;
        for question in questions.clone() {
            let (context, manner) = (std::sync::Arc::clone(&context), manner.clone());
            asked.spawn(async move {
                let began = Instant::now();
                let seen = ask(&question, &place(&[address]), &context).await;
                (question, format!("{manner:.120?}"), seen, began.elapsed())
            });
        }
    }
    while let Some(done) = asked.join_next().await {
        let (question, manner, seen, took) = done.unwrap();
        assert_eq!(seen.seen, None, "{question:?} of {manner}: {seen:?}");
        assert!(seen.detail.is_some_and(|d| !d.is_empty() && d.len() < 1000), "{question:?} of {manner}");
        // All of them at once on a busy machine.
        assert!(took < longest(&question, context.settings.timeouts), "{question:?} of {manner}: {took:?}");
    }
}

#[tokio::test]
async fn an_address_that_does_not_answer_leaves_all_of_it_unseen() {
    let body = r#"{"keys":[{"kid":"new"}]}"#;
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let (good, bad) =
        (peer(Manner::Answer(answer.into_bytes())).await, peer(Manner::Close(Vec::new())).await);
    let question = Question::Jwks { tls: false, path: "/".to_owned() };
    let context = context();
    let alone = ask(&question, &place(&[good]), &context).await;
    assert_eq!(alone.seen, Some(vec!["new".to_owned()]));
    assert!(alone.detail.unwrap().contains("not authenticated"), "http proves little");
    assert_eq!(ask(&question, &place(&[good, good]), &context).await.seen, Some(vec!["new".to_owned()]));
    let both = ask(&question, &place(&[good, bad]), &context).await;
    assert_eq!(both.seen, None);
    assert!(both.detail.unwrap().contains("closed without an answer"));
    assert_eq!(ask(&question, &place(&[]), &context).await.seen, None);
    assert_eq!(ask(&question, &place(&[good; MAX_ADDRESSES + 1]), &context).await.seen, None);
}

#[tokio::test]
async fn an_ssh_key_that_is_shown_is_named() {
    let address = peer(Manner::Close(
        [
            ssh_hello("ecdh-sha2-nistp256", "ssh-ed25519,ssh-ed25519-cert-v01@openssh.com"),
            ssh_reply("ssh-ed25519"),
        ]
        .concat(),
    ))
    .await;
    let seen = ask(&Question::SshHostKey, &place(&[address]), &context()).await;
    let key = text(b"ssh-ed25519");
    let digest = ring::digest::digest(&ring::digest::SHA256, &key);
    let expected = format!("SHA256:{}", data_encoding::BASE64_NOPAD.encode(digest.as_ref()));
    assert_eq!(seen, Seen { seen: Some(vec![expected]), detail: None });
}

#[tokio::test]
async fn a_resolver_that_is_silent_or_mad_shows_nothing() {
    let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mad = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let at = [silent.local_addr().unwrap(), mad.local_addr().unwrap(), "127.0.0.1:1".parse().unwrap()];
    tokio::spawn(async move {
        let mut space = [0; 512];
        while let Ok((_, from)) = mad.recv_from(&mut space).await {
            let _ = mad.send_to(&[0xff; 40], from).await;
        }
    });
    for at in at {
        let dns = Dns::new(Some(at), STEP);
        let began = Instant::now();
        for name in ["mail._domainkey.example.test", "..", "", &"a".repeat(300)] {
            let (dkim, tlsa) = tokio::join!(dns.dkim(name), dns.tlsa(name));
            assert_eq!((dkim.seen, tlsa.seen), (None, None), "{at} {name}");
        }
        assert!(began.elapsed() < Duration::from_secs(8), "{at}: {:?}", began.elapsed());
    }
}
