//! The probe of DTLS against modelled servers, and what assessment makes of it: with answers held back or not, with loss,
//! with fragments, with each way a handshake can fail. Real servers are in the integration tests; none of those has the
//! hole.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use crate::{
    assess,
    clock::Clock,
    disclosure,
    drill::{
        datagram::{DatagramPeer, Face, Held},
        peer::{Behaviour, Ending, Identity, Reaction},
    },
    model::{
        ids::{RowId, SweepId},
        observation::{Answer, Contact, Observation, TlsVersion},
        service::Service,
        time::Timestamp,
        verdict::Judgement,
        wrap::{Transport, Wrap},
    },
    probe::{
        Context, Depth, Job, Settings,
        dial::Dialer,
        limits::{Rate, Timeouts},
        probe_endpoint,
    },
};

fn identity() -> Identity {
    let [from, until] = [1_577_836_800, 2_524_608_000].map(Timestamp::from_seconds);
    Identity::issue(None, "turn.test", &["turn.test"], from, until, 1).unwrap()
}

fn service(address: SocketAddr) -> Service {
    Service {
        row_id: RowId::declared("turn"),
        name: None,
        addresses: Box::new([address.ip()]),
        port: address.port(),
        transport: Transport::Udp,
        wrap: Wrap::Dtls,
        wrap_declared: true,
        sni: None,
        id_declared: true,
        declared: Arc::default(),
        sources: Arc::from([]),
    }
}

async fn look_with(address: SocketAddr, depth: Depth, step: Duration) -> (Observation, Judgement) {
    let timeouts = Timeouts { step, ..Timeouts::default() };
    let settings = Settings { timeouts, depth, ..Settings::default() };
    let context = Context::new(settings, Dialer::new(None, Rate::per_second(0)), Clock::System, SweepId(1));
    let job = Job { service: Arc::new(service(address)), address: address.ip(), fragile: false };
    let seen = probe_endpoint(&job, &context).await;
    let judgement = assess::judge(&seen, &disclosure::find("heartbleed").unwrap());
    (seen, judgement)
}

async fn look(address: SocketAddr, depth: Depth) -> (Observation, Judgement) {
    look_with(address, depth, Duration::from_secs(5)).await
}

async fn start(face: Face) -> DatagramPeer {
    DatagramPeer::start("127.0.0.1:0".parse().unwrap(), face).await.unwrap()
}

fn told(judgement: &Judgement) -> String {
    format!("{}/{}", judgement.verdict, judgement.reason)
}

const VULNERABLE: &str = "vulnerable/malformed-heartbeat-answered";
const FIXED: &str = "not-vulnerable/fix-proved";
const REFUSED: &str = "not-vulnerable/heartbeat-refused";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_model_gets_its_verdict_however_it_holds_answers_back() {
    let identity = identity();
    let echo_wrong = Behaviour::Custom {
        malformed: Reaction::EchoWrong,
        well_formed: Reaction::EchoWrong,
        acknowledges: true,
    };
    let mute =
        Behaviour::Custom { malformed: Reaction::Drop, well_formed: Reaction::Drop, acknowledges: true };
    let behaviours = [
        (Behaviour::Vulnerable, VULNERABLE),
        (Behaviour::Fixed, FIXED),
        (Behaviour::WithoutHeartbeats, REFUSED),
        (Behaviour::SilentOnHeartbeat, "not-vulnerable/heartbeat-not-answered"),
        (mute, "inconclusive/heartbeat-not-answered"),
        (echo_wrong, "inconclusive/unexpected-answer"),
        (Behaviour::RefusesWith(80), "not-vulnerable/heartbeat-refused"),
        (Behaviour::EatsMalformed(Ending::Alert(80)), "inconclusive/blocked"),
    ];
    for (behaviour, expected) in behaviours {
        for held in [Held::Not, Held::Back] {
            for version in [TlsVersion::Dtls12, TlsVersion::Dtls10] {
                let peer = start(Face { version, held, ..Face::new(&behaviour, &identity) }).await;
                let (seen, judgement) = look(peer.address(), Depth::Standard).await;
                assert_eq!(told(&judgement), expected, "{behaviour:?} {held:?} {version}");
                assert_eq!(seen.contact, Contact::Answered, "{behaviour:?} {held:?} {version}");
                // What makes no sense is counted, every byte of it.
                assert_eq!(
                    seen.foreign_bytes() > 0,
                    expected.ends_with("unexpected-answer"),
                    "{behaviour:?}"
                );
                assert_eq!(seen.tls.unwrap().version, version);
                assert_eq!(seen.certificate.unwrap().names, ["turn.test"]);
                assert!(peer.largest_claim() <= 1024, "claims {}", peer.largest_claim());
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_clear_stage_comes_to_the_same_where_no_handshake_can_be_finished() {
    let identity = identity();
    let table = [
        (Behaviour::Vulnerable, Held::Back, VULNERABLE),
        (Behaviour::Vulnerable, Held::Not, VULNERABLE),
        (Behaviour::Fixed, Held::Back, FIXED),
        (Behaviour::Fixed, Held::Not, FIXED),
        (Behaviour::WithoutHeartbeats, Held::Back, REFUSED),
        // Silence in the clear over datagrams is never clean.
        (Behaviour::SilentOnHeartbeat, Held::Back, "inconclusive/heartbeat-not-answered"),
        (Behaviour::Vulnerable, Held::ForEver, "inconclusive/probe-timed-out"),
        (Behaviour::Fixed, Held::ForEver, "inconclusive/probe-timed-out"),
    ];
    for (behaviour, held, expected) in table {
        for timer in [None, Some(Duration::from_secs(1))] {
            let face = Face { held, timer, finishes: false, ..Face::new(&behaviour, &identity) };
            let peer = start(face).await;
            let began = std::time::Instant::now();
            let (_, judgement) = look(peer.address(), Depth::Standard).await;
            assert_eq!(told(&judgement), expected, "{behaviour:?} {held:?} {timer:?}");
            assert_eq!(peer.finished(), 0);
            if held == Held::Back && expected != "inconclusive/heartbeat-not-answered" {
                assert!(began.elapsed() < Duration::from_secs(1), "no retransmission is waited for");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_mute_in_mid_handshake_is_found_out_behind_it() {
    let identity = identity();
    for (behaviour, expected) in [(Behaviour::Vulnerable, VULNERABLE), (Behaviour::Fixed, FIXED)] {
        let face = Face { held: Held::ForEver, timer: None, ..Face::new(&behaviour, &identity) };
        let peer = start(face).await;
        let (seen, judgement) = look(peer.address(), Depth::Full).await;
        assert_eq!(told(&judgement), expected);
        let [attempt] = &*seen.attempts else { panic!("one attempt") };
        assert_eq!(attempt.malformed, Some(Answer::Silent), "in the clear");
        assert!(attempt.encrypted.as_ref().unwrap().malformed.is_some(), "behind the handshake");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fragments_and_cookies_change_nothing() {
    let identity = identity();
    for fragment in [0, 1, 7, 100, 1200] {
        for cookie in [true, false] {
            let face = Face { cookie, fragment, ..Face::new(&Behaviour::Vulnerable, &identity) };
            let peer = start(face).await;
            let (_, judgement) = look(peer.address(), Depth::Quick).await;
            assert_eq!(told(&judgement), VULNERABLE, "pieces of {fragment}, cookie {cookie}");
        }
    }
}

/// Loss may cost a verdict; it never turns one into its opposite.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_loss_and_no_disorder_makes_a_clean_verdict_of_a_hole() {
    let identity = identity();
    let mut looks = Vec::new();
    for seed in 0..12 {
        for (behaviour, right) in [(Behaviour::Vulnerable, VULNERABLE), (Behaviour::Fixed, FIXED)] {
            for (lost, disorder, finishes) in [(25, 20, true), (25, 20, false)] {
                let face = Face {
                    lost,
                    disorder,
                    finishes,
                    seed,
                    timer: Some(Duration::from_millis(200)),
                    ..Face::new(&behaviour, &identity)
                };
                looks.push(tokio::spawn(async move {
                    let peer = start(face).await;
                    let (_, judgement) =
                        look_with(peer.address(), Depth::Quick, Duration::from_secs(3)).await;
                    (told(&judgement), right)
                }));
            }
        }
    }
    let (mut decided, all) = (0, looks.len());
    let mut undecided = std::collections::BTreeMap::<(String, &str), u32>::new();
    for look in looks {
        let (came, right) = look.await.unwrap();
        let unsure = came.starts_with("inconclusive/");
        assert!(came == right || unsure, "{came} for {right}");
        decided += usize::from(!unsure);
        if unsure {
            *undecided.entry((came, right)).or_default() += 1;
        }
    }
    assert!(decided * 2 >= all, "{decided} of {all} came to a verdict: {undecided:?}");
}

#[tokio::test]
async fn a_port_where_nobody_speaks_dtls_is_not_clean() {
    let silent = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let (seen, judgement) =
        look_with(silent.local_addr().unwrap(), Depth::Standard, Duration::from_millis(300)).await;
    assert_eq!((seen.contact, &*told(&judgement)), (Contact::ProbeTimedOut, "inconclusive/probe-timed-out"));
    let closed = silent.local_addr().unwrap();
    drop(silent);
    let (seen, judgement) = look(closed, Depth::Standard).await;
    assert_eq!((seen.contact, &*told(&judgement)), (Contact::Refused, "unreachable/refused"));
    let noise = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = noise.local_addr().unwrap();
    let babbling = tokio::spawn(async move {
        let mut space = [0; 2048];
        for n in 0..200_u8 {
            let Ok((_, from)) = noise.recv_from(&mut space).await else { return };
            let _ = noise.send_to(&[n; 60], from).await;
            let _ = noise.send_to(b"\x16\xfe\xfd\0\0\0\0\0\0\0\0\xff\xff", from).await;
            let _ = noise.send_to(b"\x15\xfe\xfd\0\0\0\0\0\0\0\0\0\x01\x02", from).await;
            let _ = noise.send_to(&[], from).await;
        }
    });
    let (_, judgement) = look_with(address, Depth::Standard, Duration::from_millis(300)).await;
    assert_eq!(told(&judgement), "inconclusive/probe-timed-out");
    babbling.abort();
}
