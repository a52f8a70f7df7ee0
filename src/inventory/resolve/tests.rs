//! Look-ups against a name server of our own on loopback.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use hickory_resolver::config::{ConnectionConfig, NameServerConfig};
use tokio::net::UdpSocket;

use super::*;

const HOSTS: &[u8] = b"127.0.0.1 localhost\n192.0.2.1\tWeb01.example.test web01 # front\n192.0.2.2 web01\n\n2001:db8::1 web01\nnonsense web01\n\xff\xfe\n";

impl Resolver {
    /// With one name server, and no hosts file.
    pub(crate) fn with_server(at: std::net::SocketAddr) -> Self {
        let mut server = NameServerConfig::udp_and_tcp(at.ip());
        for connection in &mut server.connections {
            connection.port = at.port();
        }
        Self::new(
            b"",
            Ok((ResolverConfig::from_parts(None, Vec::new(), vec![server]), ResolverOpts::default())),
        )
    }
}

/// Answers `A` and `AAAA` questions by the first label of the name: `both`, `four`, `none` (exists
/// without addresses), `gone` (does not exist), `broken` (SERVFAIL), `half` (A only, SERVFAIL for AAAA).
async fn server() -> (Resolver, Arc<AtomicUsize>) {
    let socket = UdpSocket::bind(("127.0.0.1", 0)).await.expect("a socket on loopback");
    let port = socket.local_addr().expect("bound").port();
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    tokio::spawn(async move {
        let mut buffer = [0; 1500];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            counter.fetch_add(1, Ordering::Relaxed);
            let reply = reply(&buffer[..length]);
            let _ = socket.send_to(&reply, from).await;
        }
    });
    let mut connection = ConnectionConfig::udp();
    connection.port = port;
    let mut server = NameServerConfig::udp(Ipv4Addr::LOCALHOST.into());
    server.connections = vec![connection];
    let search = vec![Name::from_ascii("wild.example.test.").expect("a name")];
    let config = ResolverConfig::from_parts(None, search, vec![server]);
    (Resolver::new(HOSTS, Ok((config, ResolverOpts::default()))), asked)
}

/// A DNS message (RFC 1035 section 4) that answers the one question in `query`.
fn reply(query: &[u8]) -> Vec<u8> {
    let mut end = 12;
    let mut labels = Vec::new();
    while query[end] != 0 {
        let length = usize::from(query[end]);
        labels.push(String::from_utf8_lossy(&query[end + 1..=end + length]).to_lowercase());
        end += length + 1;
    }
    let v6 = query[end + 2] == 28;
    let question = &query[12..end + 5];
    let v4_data: &[&[u8]] = &[&[192, 0, 2, 20], &[192, 0, 2, 10]];
    let v6_data: &[&[u8]] = &[&[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9]];
    let (code, data): (u8, &[&[u8]]) = match (labels[0].as_str(), v6) {
        (_, _) if labels.iter().any(|l| l == "wild") => (0, v4_data),
        ("both", true) => (0, v6_data),
        ("both" | "four" | "half", false) => (0, v4_data),
        ("gone", _) => (3, &[]),
        ("broken", _) | ("half", true) => (2, &[]),
        _ => (0, &[]),
    };
    let mut reply = query[..2].to_vec();
    reply.extend([0x81, 0x80 | code, 0, 1, 0, u8::try_from(data.len()).expect("few"), 0, 0, 0, 0]);
    reply.extend(question);
    for address in data {
        reply.extend([0xc0, 12, 0, if v6 { 28 } else { 1 }, 0, 1, 0, 0, 0, 60, 0]);
        reply.push(u8::try_from(address.len()).expect("short"));
        reply.extend(*address);
    }
    reply
}

fn texts(answer: &Answer) -> Vec<String> {
    answer.addresses.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn every_address_of_a_name_is_returned_in_order() {
    let (resolver, _) = server().await;
    let both = resolver.answer("both.example.test").await.expect("addresses");
    assert_eq!(texts(&both), ["192.0.2.10", "192.0.2.20", "2001:db8::9"]);
    assert_eq!(both.incomplete, None);
    let four = resolver.answer("FOUR.example.test.").await.expect("addresses");
    assert_eq!(
        (texts(&four), four.incomplete),
        (vec!["192.0.2.10".to_owned(), "192.0.2.20".to_owned()], None)
    );
}

#[tokio::test]
async fn an_open_question_is_told() {
    let (resolver, _) = server().await;
    let half = resolver.answer("half.example.test").await.expect("the IPv4 addresses");
    assert_eq!(texts(&half), ["192.0.2.10", "192.0.2.20"]);
    assert!(half.incomplete.is_some(), "AAAA was not answered");
    let broken = resolver.answer("broken.example.test").await.expect_err("SERVFAIL");
    assert!(matches!(broken, ResolveFailure::Failed(..)), "{broken}");
}

#[tokio::test]
async fn no_address_is_told_from_no_answer() {
    let (resolver, _) = server().await;
    let gone = resolver.addresses("gone.example.test").await.expect_err("NXDOMAIN");
    assert_eq!(gone.to_string(), "gone.example.test has no address: there is no such name");
    let none = resolver.addresses("none.example.test").await.expect_err("no records");
    assert!(matches!(none, ResolveFailure::NoAddress(..)), "{none}");
}

#[tokio::test]
async fn search_domains_are_for_short_names_alone() {
    let (resolver, _) = server().await;
    assert!(resolver.addresses("shortname").await.is_ok(), "found below the search domain");
    // `gone.example.test.wild.example.test` would answer.
    assert!(resolver.addresses("gone.example.test").await.is_err());
}

#[tokio::test]
async fn hosts_and_localhost_answer_without_a_server() {
    let (resolver, asked) = server().await;
    let offline = Resolver::offline(HOSTS);
    for resolver in [&resolver, &offline] {
        let table: &[(&str, &[&str])] = &[
            ("web01", &["192.0.2.1", "192.0.2.2", "2001:db8::1"]),
            ("WEB01.example.test.", &["192.0.2.1"]),
            ("localhost", &["127.0.0.1"]),
            ("db.localhost", &["127.0.0.1", "::1"]),
            ("192.0.2.7", &["192.0.2.7"]),
            ("::ffff:192.0.2.7", &["192.0.2.7"]),
        ];
        for (name, expected) in table {
            let got = resolver.answer(name).await.map(|answer| texts(&answer));
            assert_eq!(got, Ok(expected.iter().map(ToString::to_string).collect()), "name: {name}");
        }
        assert!(matches!(resolver.addresses("no such name").await, Err(ResolveFailure::BadName(_))));
    }
    assert_eq!(asked.load(Ordering::Relaxed), 0, "none of these goes over a network");
    let failure = offline.addresses("web02.example.test").await.expect_err("nobody to ask").to_string();
    assert_eq!(
        failure,
        "web02.example.test could not be looked up: it is not in /etc/hosts, and no name server can be asked (offline)"
    );
}
