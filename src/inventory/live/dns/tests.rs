//! Against a name server of our own on loopback, and one record of every kind with data that nobody is kind in.

use std::net::SocketAddr;

use tokio::net::UdpSocket;

use super::*;
use crate::inventory::live::{self, Kind};

const A: u16 = 1;
const CNAME: u16 = 5;
const MX: u16 = 15;
const AAAA: u16 = 28;
const SRV: u16 = 33;
const TLSA: u16 = 52;
const HTTPS: u16 = 65;
const CAA: u16 = 257;

/// A code (RFC 1035, 4.1.1) and records of the asked kind.
type Reply = (u8, Vec<(u16, Vec<u8>)>);

/// Answers every question with what `zone` says of the name and the type, on loopback.
async fn server(zone: fn(&str, u16) -> Reply) -> SocketAddr {
    let socket = UdpSocket::bind(("127.0.0.1", 0)).await.expect("a socket on loopback");
    let at = socket.local_addr().expect("bound");
    tokio::spawn(async move {
        let mut buffer = [0; 1500];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            let _ = socket.send_to(&reply(&buffer[..length], zone), from).await;
        }
    });
    at
}

fn reply(query: &[u8], zone: fn(&str, u16) -> Reply) -> Vec<u8> {
    let (mut end, mut labels) = (12, Vec::new());
    while query[end] != 0 {
        let length = usize::from(query[end]);
        labels.push(String::from_utf8_lossy(&query[end + 1..=end + length]).to_lowercase());
        end += length + 1;
    }
    let kind = u16::from_be_bytes([query[end + 1], query[end + 2]]);
    let (code, records) = zone(&labels.join("."), kind);
    let mut reply = query[..2].to_vec();
    reply.extend([0x81, 0x80 | code, 0, 1, 0, u8::try_from(records.len()).expect("few"), 0, 0, 0, 0]);
    reply.extend(&query[12..end + 5]);
    for (kind, data) in records {
        reply.extend([0xc0, 12]);
        reply.extend(kind.to_be_bytes());
        reply.extend([0, 1, 0, 0, 1, 44]);
        reply.extend(u16::try_from(data.len()).expect("short").to_be_bytes());
        reply.extend(data);
    }
    reply
}

/// A name on the wire, of labels that may hold anything.
fn wire(labels: &[&[u8]]) -> Vec<u8> {
    let label = |l: &&[u8]| [&[u8::try_from(l.len()).expect("short")], *l].concat();
    labels.iter().map(label).chain([vec![0]]).flatten().collect()
}

fn after(number: &[u16], labels: &[&[u8]]) -> Vec<u8> {
    number.iter().flat_map(|n| n.to_be_bytes()).chain(wire(labels)).collect()
}

fn zone(name: &str, kind: u16) -> Reply {
    let records = match (name, kind) {
        ("example.test", A) => vec![(A, vec![192, 0, 2, 1]), (A, vec![192, 0, 2, 2])],
        ("example.test", MX) => vec![
            (MX, after(&[10], &[b"mx1", b"Example", b"test"])),
            (MX, after(&[20], &[b"a b\n$INCLUDE", b"c;d.e", b"test"])),
            (MX, after(&[0], &[])),
        ],
        ("example.test", CAA) => {
            vec![(CAA, [&b"\x80\x05issue"[..], b"\"\\\nca.test; \xff"].concat())]
        }
        ("example.test", HTTPS) => {
            let port = [0, 3, 0, 2, 0x20, 0xfb];
            vec![(HTTPS, [after(&[1], &[b"front", b"example", b"test"]), port.to_vec()].concat())]
        }
        ("_imaps._tcp.example.test", SRV) => {
            vec![(SRV, after(&[0, 5, 993], &[b"imap", b"example", b"test"]))]
        }
        ("_sips._tcp.example.test", SRV) => vec![(SRV, after(&[0, 0, 0], &[]))],
        ("_pop3s._tcp.example.test", SRV) => return (2, Vec::new()),
        // A wildcard: an alias for whatever is asked, and nothing of the kind.
        ("_ldap._tcp.example.test", SRV) => vec![(CNAME, wire(&[b"example", b"test"]))],
        ("_443._tcp.example.test" | "_25._tcp.mx1.example.test", TLSA) => {
            vec![(TLSA, [&[3, 1, 1][..], &[0xab; 32]].concat())]
        }
        ("mx1.example.test" | "front.example.test", A) => vec![(A, vec![192, 0, 2, 25])],
        ("imap.example.test", AAAA) => {
            vec![(AAAA, vec![0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9])]
        }
        _ => Vec::new(),
    };
    (0, records)
}

async fn ask(zone: fn(&str, u16) -> Reply) -> Result<String, String> {
    let access = Access { resolvers: vec![server(zone).await], ..Access::default() };
    let live = live::parse("dns:example.test").expect("a live source").expect("a good one");
    assert_eq!(live.kind, Kind::Dns);
    fetch(&live, &access).await.map(|text| String::from_utf8(text).expect("ASCII"))
}

#[tokio::test]
async fn a_domain_becomes_one_absolute_record_a_line() {
    let text = ask(zone).await.expect("records");
    let association = "ab".repeat(32);
    let expected = format!(
        "; unanswered: _pop3s._tcp.example.test SRV: the name server answered Server Failure\n\
         _25._tcp.mx1.example.test. 300 IN TLSA 3 1 1 {association}\n\
         _443._tcp.example.test. 300 IN TLSA 3 1 1 {association}\n\
         _imaps._tcp.example.test. 300 IN SRV 0 5 993 imap.example.test.\n\
         _sips._tcp.example.test. 300 IN SRV 0 0 0 .\n\
         example.test. 300 IN A 192.0.2.1\n\
         example.test. 300 IN A 192.0.2.2\n\
         example.test. 300 IN CAA 128 issue \"\\\"\\\\\\010ca.test; \\255\"\n\
         example.test. 300 IN HTTPS 1 front.example.test. port=8443\n\
         example.test. 300 IN MX 0 .\n\
         example.test. 300 IN MX 10 mx1.example.test.\n\
         example.test. 300 IN MX 20 a\\032b\\010\\$include.c\\;d\\.e.test.\n\
         front.example.test. 300 IN A 192.0.2.25\n\
         imap.example.test. 300 IN AAAA 2001:db8::9\n\
         mx1.example.test. 300 IN A 192.0.2.25\n"
    );
    assert_eq!(text, expected);
    let told = unanswered(&text);
    assert_eq!(told, ["_pop3s._tcp.example.test SRV: the name server answered Server Failure"]);
    assert!(unanswered("; unanswered\nx. 1 IN A 192.0.2.1 ; unanswered: y\n").is_empty());
}

#[tokio::test]
async fn what_cannot_be_had_is_an_error() {
    let table: &[(fn(&str, u16) -> Reply, &str)] = &[
        (|_, _| (3, Vec::new()), "there is no such name"),
        (|_, _| (2, Vec::new()), "the name server answered Server Failure"),
        (|_, _| (5, Vec::new()), "the name server answered Query Refused"),
        (|_, _| (0, Vec::new()), "it has no record of a host or of a service with TLS"),
    ];
    for (zone, expected) in table {
        assert_eq!(ask(*zone).await.expect_err(expected), *expected);
    }
}

#[tokio::test]
async fn a_silent_server_ends_in_time() {
    let silent = UdpSocket::bind(("127.0.0.1", 0)).await.expect("a socket on loopback");
    let access = Access { resolvers: vec![silent.local_addr().expect("bound")], ..Access::default() };
    let live = live::parse("dns:example.test").expect("a live source").expect("a good one");
    let asked = tokio::time::timeout(Duration::from_secs(20), fetch(&live, &access)).await;
    let why = asked.expect("within its limit").expect_err("nobody answers");
    assert!(!why.is_empty() && !why.contains("no such name"), "{why}");
}
