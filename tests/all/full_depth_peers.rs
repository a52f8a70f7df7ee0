//! `--depth full` against endpoints in this process: for each question one that has the hole, one that has not, and those
//! that answer in no way that decides.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use allclear::{
    assess,
    clock::Clock,
    disclosure::Catalogue,
    drill::peer::{Behaviour, EarlyCcs, Ending, Face, Framing, Identity, Peer, Sslv2},
    model::{
        asked::{Came, Question},
        ids::{RowId, SweepId},
        observation::{Contact, Observation, TlsVersion},
        service::{Declared, Service},
        wrap::{Transport, Wrap},
    },
    probe::{
        Context, Depth, Job, Settings,
        dial::Dialer,
        limits::{Rate, Timeouts},
        probe_endpoint,
    },
};

const CCS: &str = "CVE-2014-0224";
const POODLE: &str = "CVE-2014-3566";
const FREAK: &str = "CVE-2015-0204";
const LOGJAM: &str = "CVE-2015-4000";
const DROWN: &str = "CVE-2016-0800";
const ROBOT: &str = "ROBOT";

/// Suites of a server of its time: curves and RSA key exchange, CBC and GCM.
const USUAL: &[u16] = &[0xc02f, 0xc013, 0x009c, 0x002f, 0x000a];

fn identity() -> Identity {
    let at = |text: &str| text.parse().unwrap();
    Identity::issue_rsa("full.test", &["full.test"], at("2024-01-01"), at("2034-01-01"), 7).unwrap()
}

/// A server that has none of the holes, at TLS 1.0 to 1.2.
fn sound() -> Face {
    Face {
        suites: USUAL.to_vec(),
        oldest: TlsVersion::Tls10,
        ..Face::new(Behaviour::WithoutHeartbeats, &identity())
    }
}

fn with(more: &[u16], face: Face) -> Face {
    Face { suites: [USUAL, more].concat(), ..face }
}

const ANY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

async fn look(face: Face) -> (Observation, Peer) {
    let peer = Peer::start(ANY, face).await.unwrap();
    (look_at(&peer, false).await, peer)
}

async fn look_at(peer: &Peer, fragile: bool) -> Observation {
    let service = Service {
        row_id: RowId::declared("row"),
        name: Some(Arc::from("full.test")),
        addresses: Box::new([peer.address().ip()]),
        port: peer.address().port(),
        transport: Transport::Tcp,
        wrap: Wrap::Tls,
        wrap_declared: true,
        sni: None,
        id_declared: true,
        declared: Arc::new(Declared::default()),
        sources: Arc::from([]),
    };
    let timeouts = Timeouts {
        connect: Duration::from_secs(5),
        step: Duration::from_millis(700),
        short: Duration::from_millis(40),
    };
    let settings = Settings { timeouts, depth: Depth::Full, ..Settings::default() };
    let context = Context::new(settings, Dialer::new(None, Rate::per_second(0)), Clock::System, SweepId(1));
    let job = Job { service: Arc::new(service), address: peer.address().ip(), fragile };
    probe_endpoint(&job, &context).await
}

fn verdict(seen: &Observation, id: &str) -> String {
    let disclosure = Catalogue::built_in().unwrap().find(id).unwrap();
    let judged = assess::judge(seen, &disclosure);
    assert_eq!(judged.foreign_bytes, 0, "{id}");
    format!("{}/{}", judged.verdict, judged.reason)
}

fn came(seen: &Observation, question: Question) -> Option<(Came, Option<u8>)> {
    seen.asked.iter().find(|a| a.question == question).map(|a| (a.came, a.alert))
}

const REFUSED: &[(&str, &str)] = &[
    (CCS, "not-vulnerable/early-ccs-refused"),
    (POODLE, "not-vulnerable/sslv3-cbc-refused"),
    (FREAK, "not-vulnerable/rsa-export-refused"),
    (LOGJAM, "not-vulnerable/dhe-refused"),
    (DROWN, "not-vulnerable/sslv2-refused"),
    (ROBOT, "inconclusive/rsa-key-exchange-offered"),
];

#[tokio::test]
async fn a_sound_server_is_clean_wherever_that_can_be_seen() {
    let (seen, peer) = look(sound()).await;
    for (id, expected) in REFUSED {
        assert_eq!(verdict(&seen, id), *expected, "{:#?}", seen.asked);
    }
    assert_eq!(came(&seen, Question::FallbackScsv), Some((Came::Alert, Some(86))));
    assert_eq!(came(&seen, Question::Tls11), Some((Came::Taken, None)));
    assert_eq!(came(&seen, Question::Sslv3Cbc), None, "refused as a whole");
    assert_eq!(peer.most_at_once(), 1, "never two at once");
    let only = Face { suites: vec![0xc02f], oldest: TlsVersion::Tls12, ..sound() };
    let (seen, _) = look(only).await;
    assert_eq!(verdict(&seen, ROBOT), "not-vulnerable/rsa-key-exchange-refused");
    assert_eq!(came(&seen, Question::FallbackScsv), None, "there is nothing to fall back to");
}

/// A face, the disclosure that it is about, and what must come out.
type Row = (&'static str, Face, &'static str, &'static str);

fn rows() -> Vec<Row> {
    let taken = |ending| Face { early_ccs: EarlyCcs::Taken(ending), ..sound() };
    let refused = |ending| Face { early_ccs: EarlyCcs::Refused(ending), ..sound() };
    let sslv3 = || Face { oldest: TlsVersion::Ssl3, ..sound() };
    let prime = |bytes: Vec<u8>| Face { dh_prime: bytes, ..with(&[0x0033], sound()) };
    let mut rows = vec![
        ("alert 20", taken(Ending::Alert(20)), CCS, "vulnerable/early-ccs-taken"),
        ("taken, and no alert gets out", taken(Ending::Close), CCS, "vulnerable/early-ccs-taken"),
        ("taken, and reset", taken(Ending::Reset), CCS, "vulnerable/early-ccs-taken"),
        ("taken, then silence", taken(Ending::Silent), CCS, "inconclusive/probe-timed-out"),
        ("another alert", taken(Ending::Alert(40)), CCS, "inconclusive/other-answer"),
        ("alert 20 at once", refused(Ending::Alert(20)), CCS, "inconclusive/other-answer"),
        ("closed at once", refused(Ending::Close), CCS, "inconclusive/ended-without-alert"),
        ("reset at once", refused(Ending::Reset), CCS, "inconclusive/ended-without-alert"),
        ("silent at once", refused(Ending::Silent), CCS, "inconclusive/probe-timed-out"),
        (
            "dropped",
            Face { early_ccs: EarlyCcs::Dropped, ..sound() },
            CCS,
            "not-vulnerable/early-ccs-refused",
        ),
        ("SSLv3 with CBC", sslv3(), POODLE, "vulnerable/sslv3-cbc-taken"),
        (
            "SSLv3 with RC4 alone",
            Face { suites: vec![0xc02f, 0x0005], ..sslv3() },
            POODLE,
            "not-vulnerable/sslv3-cbc-refused",
        ),
        ("RSA_EXPORT", with(&[0x0003], sslv3()), FREAK, "vulnerable/rsa-export-taken"),
        ("DHE_EXPORT", with(&[0x0014], sslv3()), LOGJAM, "vulnerable/dhe-export-taken"),
        ("a prime of 512 bits", prime(vec![0xff; 64]), LOGJAM, "vulnerable/dh-prime-short"),
        ("a prime of 1024 bits", prime(vec![0xff; 128]), LOGJAM, "inconclusive/dh-prime-unknown"),
        ("a prime of 2048 bits", prime(vec![0xff; 256]), LOGJAM, "not-vulnerable/dh-prime-long"),
        ("a prime that is none", prime(vec![0; 128]), LOGJAM, "inconclusive/other-answer"),
    ];
    for (what, face, expected) in [
        ("SSLv2", Sslv2::Spoken(7), "vulnerable/sslv2-spoken"),
        ("SSLv2 without ciphers", Sslv2::Spoken(0), "inconclusive/sslv2-no-ciphers"),
        ("closed", Sslv2::Refused(Ending::Close), "inconclusive/ended-without-alert"),
        ("reset", Sslv2::Refused(Ending::Reset), "inconclusive/ended-without-alert"),
        ("silence", Sslv2::Refused(Ending::Silent), "inconclusive/probe-timed-out"),
        ("cut", Sslv2::Cut(40, Ending::Close), "inconclusive/other-answer"),
        ("cut, then silence", Sslv2::Cut(40, Ending::Silent), "inconclusive/probe-timed-out"),
        ("garbage", Sslv2::Endless(b"\x80\x09what is this"), "inconclusive/other-answer"),
        (
            "a record that never ends",
            Sslv2::Endless(b"\xff\xff\x04zzzzzzzzzzzzzz"),
            "inconclusive/other-answer",
        ),
        ("text", Sslv2::Endless(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "inconclusive/other-answer"),
    ] {
        rows.push((what, Face { sslv2: face, ..sound() }, DROWN, expected));
    }
    for (what, no_suite, reason) in [
        ("closes without an alert", Ending::Close, "inconclusive/ended-without-alert"),
        ("resets", Ending::Reset, "inconclusive/ended-without-alert"),
        ("falls silent", Ending::Silent, "inconclusive/probe-timed-out"),
    ] {
        for id in [FREAK, LOGJAM] {
            rows.push((what, Face { no_suite, ..sound() }, id, reason));
        }
    }
    rows
}

#[tokio::test]
async fn each_hole_is_seen_and_what_decides_nothing_stays_undecided() {
    let looks = rows().into_iter().map(|(what, face, id, expected)| {
        tokio::spawn(async move {
            let (seen, peer) = look(face).await;
            (
                format!("{what}: {}", verdict(&seen, id)),
                format!("{what}: {expected}"),
                seen,
                peer.most_at_once(),
            )
        })
    });
    for look in looks.collect::<Vec<_>>() {
        let (got, expected, seen, most) = look.await.unwrap();
        assert_eq!(got, expected, "{:#?}", seen.asked);
        assert_eq!(most, 1, "{got}: never two at once");
        assert_eq!(seen.contact, Contact::Answered, "{got}");
    }
}

#[tokio::test]
async fn numbers_and_keys_stand_beside_the_answers() {
    let own = identity();
    let face = Face {
        identities: vec![own.clone()],
        sslv2: Sslv2::Spoken(3),
        export_modulus: vec![0x81; 64],
        on_fallback: None,
        framing: Framing::Fragments(7),
        ..with(&[0x0003, 0x0033], Face { oldest: TlsVersion::Ssl3, ..sound() })
    };
    let (seen, _) = look(face).await;
    let find = |question| seen.asked.iter().find(|a| a.question == question).unwrap();
    let sslv2 = find(Question::Sslv2);
    assert_eq!((sslv2.ciphers, sslv2.spki_sha256), (Some(3), Some(own.spki)));
    let export = find(Question::RsaExport);
    assert_eq!((export.bits, export.cipher.as_deref()), (Some(512), Some("EXP-RC4-MD5")));
    assert_eq!(find(Question::Dhe).bits, Some(2048));
    assert_eq!(find(Question::FallbackScsv).came, Came::Taken);
    let text = serde_json::to_string(&seen).unwrap();
    assert_eq!(serde_json::from_str::<Observation>(&text).unwrap().asked, seen.asked);
}

#[tokio::test]
async fn without_a_handshake_nothing_is_asked_and_a_fragile_one_is_left_alone() {
    let (seen, _) = look(Face { cut: Some((60, Ending::Silent)), ..sound() }).await;
    assert!(seen.asked.is_empty(), "no handshake, no question: {:#?}", seen.asked);
    for id in [CCS, POODLE, FREAK, LOGJAM, DROWN, ROBOT] {
        assert!(verdict(&seen, id).starts_with("inconclusive/"), "{id}");
    }
    let peer = Peer::start(ANY, sound()).await.unwrap();
    let seen = look_at(&peer, true).await;
    assert!(seen.asked.is_empty() && seen.contact == Contact::Skipped);
    assert_eq!(verdict(&seen, DROWN), "skipped/fragile");
    assert_eq!(peer.connections(), 1, "a handshake, and nothing more");
}
