//! Reads the wire between the binary and real servers: nothing is claimed that is not sent, nothing
//! comes back that was not ours, never two connections at one port, and no byte of an answer is kept.

use std::net::SocketAddr;

use data_encoding::{BASE64, HEXLOWER};

use crate::support::{
    Work,
    certs::Identity,
    peers::{self, Server, need},
    proxy::{Heartbeat, Manner, Passed, Proxy, heartbeats},
    row, verdict,
};

const REQUEST: u8 = 1;
const RESPONSE: u8 = 2;
/// RFC 6520: at least so much padding; OpenSSL makes exactly this.
const PADDING: usize = 16;

struct Read {
    passed: Vec<Passed>,
    row: serde_json::Value,
    work: Work,
    said: Vec<u8>,
}

/// Sweeps a server through the proxy.
fn sweep_through_proxy(work: Work, server: &Server) -> Read {
    let proxy = Proxy::to(SocketAddr::new(server.address, server.port));
    let list =
        work.write("services.csv", format!("id,address,port\npeer,{},{}\n", proxy.address, proxy.port));
    let swept = work.ok(&[
        "-v",
        "sweep",
        list.to_str().unwrap(),
        "--jsonl",
        "--samples",
        "2",
        "--probe-timeout",
        "10s",
    ]);
    let row = row(&swept.rows(), "peer").clone();
    let mut said = swept.stdout;
    said.extend(swept.stderr);
    Read { passed: proxy.passed(), row, work, said }
}

/// Every request carries exactly what it claims, with no padding or with all of it.
fn requests(passed: &Passed) -> Vec<Heartbeat> {
    let requests = heartbeats(&passed.sent);
    for request in &requests {
        assert_eq!(request.kind, REQUEST);
        let sent = request.body.len();
        assert!(
            request.claimed == sent || request.claimed + PADDING == sent,
            "{} bytes claimed, {sent} sent",
            request.claimed
        );
    }
    requests
}

/// Every answer is ours: header, our payload, the server's padding. Returns foreign bytes, counted here.
fn foreign_bytes(passed: &Passed, requests: &[Heartbeat]) -> usize {
    let answers = heartbeats(&passed.answered);
    let foreign = answers.iter().map(|answer| {
        assert_eq!(answer.kind, RESPONSE);
        let ours = requests.iter().find(|r| answer.body.starts_with(&r.body[..r.claimed]));
        let ours = ours.expect("the answer holds the payload of one of our requests");
        assert_eq!(answer.claimed, ours.claimed);
        answer.body.len() - ours.claimed - PADDING
    });
    foreign.sum()
}

fn answers(read: &Read) -> Vec<Heartbeat> {
    read.passed.iter().flat_map(|p| heartbeats(&p.answered)).collect()
}

#[track_caller]
fn harmless(read: &Read) {
    let mut asked = 0;
    for passed in &read.passed {
        let requests = requests(passed);
        asked += requests.len();
        assert_eq!(foreign_bytes(passed, &requests), 0);
        assert_eq!(passed.beside, 0, "another connection to the same port was still open");
    }
    assert!(asked > 0, "no heartbeat went over the wire, so this test has read nothing");
    assert_eq!(read.row["verdicts"][0]["foreign_bytes"], 0, "{}", read.row);
    let payloads: Vec<&[u8]> = read.passed.iter().map(|p| p.sent.as_slice()).collect();
    assert!(payloads.len() >= 2, "two samples are two connections");
}

/// No piece of an answer is in anything that the binary left behind.
#[track_caller]
fn nothing_kept(read: &Read) {
    let mut left: Vec<(String, Vec<u8>)> = vec![("the output".to_owned(), read.said.clone())];
    for arguments in [
        &["status"][..],
        &["status", "--json"],
        &["export", "tracker", "--csv-raw"],
        &["export", "findings"],
        &["export", "keys"],
        &["checklist"],
        &["verify", "--no-sweep", "--json"],
    ] {
        let ended = read.work.run(arguments);
        left.push((arguments.join(" "), [ended.stdout, ended.stderr].concat()));
    }
    for file in std::fs::read_dir(read.work.folder()).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            left.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
    assert!(left.iter().any(|(name, _)| name.contains("incident.db")), "the incident file was read");
    for answer in answers(read) {
        let body = &answer.body;
        let places = [0, 1, 1000, body.len() / 2, body.len() - 2 * PADDING, body.len() - PADDING];
        for at in places {
            let piece = &body[at..at + PADDING];
            let hex = HEXLOWER.encode(piece);
            let base64 = BASE64.encode(&piece[..15]); // 15 bytes are 20 characters without a remainder
            for form in [piece, hex.as_bytes(), hex.to_uppercase().as_bytes(), base64.as_bytes()] {
                for (name, bytes) in &left {
                    let found = bytes.windows(form.len()).any(|w| w == form);
                    assert!(!found, "16 bytes of a heartbeat answer, from {at}, are in {name}");
                }
            }
        }
    }
}

#[test]
fn a_vulnerable_server_gives_back_our_bytes_and_no_other() {
    let node = need!(peers::node_vulnerable());
    let work = Work::new();
    let server = Server::node(&node, &Identity::rsa(work.folder(), "peer"), "{}");
    let read = sweep_through_proxy(work, &server);
    assert_eq!(verdict(&read.row), "vulnerable/malformed-heartbeat-answered");
    harmless(&read);
    let answers = answers(&read);
    assert!(!answers.is_empty(), "a vulnerable server answered on the wire");
    // The malformed request alone decides: a request whose record holds no padding.
    for passed in &read.passed {
        for request in heartbeats(&passed.sent) {
            assert_eq!(request.claimed, request.body.len(), "the deciding request carries no padding");
        }
    }
    let payloads: std::collections::BTreeSet<Vec<u8>> =
        read.passed.iter().flat_map(|p| heartbeats(&p.sent)).map(|r| r.body).collect();
    assert!(payloads.len() >= 2, "the payload is random per connection");
    nothing_kept(&read);
}

#[test]
fn a_fixed_server_with_heartbeats_answers_the_control_only() {
    let libraries = need!(peers::openssl102());
    let work = Work::new();
    let server = Server::openssl102(&libraries, &Identity::rsa(work.folder(), "peer"));
    let read = sweep_through_proxy(work, &server);
    assert_eq!(verdict(&read.row), "not-vulnerable/fix-proved");
    harmless(&read);
    for passed in &read.passed {
        let asked = heartbeats(&passed.sent);
        let malformed = asked.iter().filter(|r| r.claimed == r.body.len()).count();
        let control = asked.iter().filter(|r| r.claimed + PADDING == r.body.len()).count();
        let answered = heartbeats(&passed.answered).len();
        if malformed + control > 0 {
            assert_eq!((malformed, control, answered), (1, 1, 1), "malformed, control, answers");
        }
    }
    assert!(!answers(&read).is_empty(), "the control was answered on the wire");
    nothing_kept(&read);
}

/// Sweeps one node server through a proxy of this manner; the row and what passed.
fn through(work: &Work, server: &Server, manner: Manner, fragile: &str) -> (serde_json::Value, Vec<Passed>) {
    let proxy = Proxy::start(vec![SocketAddr::new(server.address, server.port)], manner);
    let services = format!("id,address,port,fragile\npeer,{},{},{fragile}\n", proxy.address, proxy.port);
    work.write("services.csv", services);
    let rows = work.ok(&["sweep", "services.csv", "--jsonl", "--probe-timeout", "3s"]).rows();
    (row(&rows, "peer").clone(), proxy.passed())
}

#[test]
fn a_fragile_device_gets_a_handshake_and_no_heartbeat() {
    let node = need!(peers::node_vulnerable());
    let work = Work::new();
    let identity = Identity::rsa(work.folder(), "peer");
    let server = Server::node(&node, &identity, "{}");
    let (row, passed) = through(&work, &server, Manner::Pass, "yes");
    assert_eq!(verdict(&row), "skipped/fragile");
    assert_eq!(
        row["certificate"]["sha256"],
        identity.facts().sha256,
        "the handshake is still worth its facts"
    );
    assert!(!passed.is_empty());
    for passed in passed {
        assert_eq!(heartbeats(&passed.sent).len(), 0, "a heartbeat was sent to a fragile device");
    }
}

#[test]
fn a_filter_in_front_of_a_vulnerable_server_never_makes_it_clean() {
    let node = need!(peers::node_vulnerable());
    let work = Work::new();
    let server = Server::node(&node, &Identity::rsa(work.folder(), "peer"), "{}");
    let (row, _) = through(&work, &server, Manner::CutAtHeartbeat, "");
    assert_eq!(verdict(&row), "inconclusive/blocked", "heartbeats end the connection without an alert");
    let (row, _) = through(&work, &server, Manner::SwallowHeartbeats, "");
    assert_eq!(row["verdicts"][0]["verdict"], "inconclusive", "heartbeats are taken out: {row:#}");
}

#[test]
fn an_answer_in_many_small_pieces_is_still_an_answer() {
    let node = need!(peers::node_vulnerable());
    let work = Work::new();
    let server = Server::node(&node, &Identity::rsa(work.folder(), "peer"), "{}");
    let (row, _) = through(&work, &server, Manner::Trickle, "");
    assert_eq!(verdict(&row), "vulnerable/malformed-heartbeat-answered");
    assert_eq!(row["verdicts"][0]["foreign_bytes"], 0);
}

#[test]
fn one_bad_backend_behind_a_balancer_is_found_by_samples() {
    let (vulnerable, safe) = (need!(peers::node_vulnerable()), need!(peers::node_safe()));
    let work = Work::new();
    let identity = Identity::rsa(work.folder(), "peer");
    let good = Server::node(&safe, &identity, "{}");
    let bad = Server::node(&vulnerable, &identity, "{}");
    let place = |server: &Server| SocketAddr::new(server.address, server.port);
    // A safe server may take two connections for one sample, so the bad one is each third.
    let proxy = Proxy::start(vec![place(&good), place(&good), place(&bad)], Manner::Pass);
    work.write("services.csv", format!("id,address,port\npool,{},{}\n", proxy.address, proxy.port));
    let rows = work.ok(&["sweep", "services.csv", "--jsonl", "--samples", "8", "--depth", "quick"]).rows();
    let row = row(&rows, "pool");
    assert_eq!(verdict(row), "vulnerable/malformed-heartbeat-answered");
    let (bad, tried) = (row["verdicts"][0]["vulnerable"].as_u64(), row["verdicts"][0]["tried"].as_u64());
    assert!(bad > Some(0) && bad < tried, "so many of so many connections: {bad:?} of {tried:?}");
    assert_eq!(work.ok(&["status", "--json"]).json()["services"][0]["state"], "exposed");
}
