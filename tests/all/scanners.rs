//! Side by side with nmap, sslscan and sslyze on the same servers. Where they agree with the truth that
//! is asserted; where one of them is wrong today (a server of few suites, a server of one old version)
//! the test says so, and ours must be right.

use std::{path::PathBuf, process::Command, time::Duration};

use crate::support::{
    Work,
    certs::Identity,
    peers::{self, Server, need},
    row, run_with_limit, verdict,
};

/// What another scanner said about Heartbleed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Vulnerable,
    Safe,
    Nothing,
}

/// sslyze starts slowly on a loaded machine.
const LIMIT: Duration = Duration::from_secs(150);

fn said(command: &mut Command, vulnerable: &str, safe: &str) -> Said {
    let out = run_with_limit(command, b"", LIMIT).out();
    match (out.contains(vulnerable), out.contains(safe)) {
        (true, _) => Said::Vulnerable,
        (false, true) => Said::Safe,
        (false, false) => Said::Nothing,
    }
}

fn nmap(server: &Server) -> Option<Said> {
    let mut command = Command::new(peers::nmap()?);
    command.args(["-Pn", "-n", "-p", &server.port.to_string(), "--script", "ssl-heartbleed"]);
    command.args(["--script-args", "vulns.showall", &server.address.to_string()]);
    Some(said(&mut command, "State: VULNERABLE", "State: NOT VULNERABLE"))
}

fn sslscan(server: &Server) -> Option<Said> {
    let mut command = Command::new(peers::sslscan()?);
    command.args(["--no-colour", "--no-ciphersuites", &format!("{}:{}", server.address, server.port)]);
    // `vulnerable to` alone is part of `not vulnerable to`, so the version stands before it.
    let out = run_with_limit(&mut command, b"", LIMIT).out();
    let lines = || out.lines().filter_map(|line| line.strip_prefix("TLSv1.")?.split_once(' '));
    Some(if lines().any(|(_, said)| said == "vulnerable to heartbleed") {
        Said::Vulnerable
    } else if lines().any(|(_, said)| said == "not vulnerable to heartbleed") {
        Said::Safe
    } else {
        Said::Nothing
    })
}

fn sslyze(server: &Server) -> Option<Said> {
    let mut command = Command::new(peers::sslyze()?);
    command.args(["--heartbleed", &format!("{}:{}", server.address, server.port)]);
    Some(said(&mut command, "VULNERABLE - Server is vulnerable", "OK - Not vulnerable"))
}

/// What our sweep says, as `verdict/reason`.
fn ours(work: &Work, server: &Server, wrap: &str) -> String {
    let list = work.write(
        "services.csv",
        format!("id,address,port,wrap\npeer,{},{},{wrap}\n", server.address, server.port),
    );
    verdict(row(&work.ok(&["sweep", list.to_str().unwrap(), "--jsonl"]).rows(), "peer"))
}

const VULNERABLE: &str = "vulnerable/malformed-heartbeat-answered";

struct Bench {
    work: Work,
    identity: Identity,
    node: PathBuf,
}

fn bench(node: Option<PathBuf>) -> Option<Bench> {
    let node = node?;
    let work = Work::new();
    let identity = Identity::rsa(work.folder(), "peer");
    Some(Bench { work, identity, node })
}

impl Bench {
    fn serve(&self, options: &str) -> Server {
        Server::node(&self.node, &self.identity, options)
    }
}

#[track_caller]
fn expect(scanner: &str, said: Option<Said>, expected: Said, why: &str) {
    if let Some(said) = said {
        assert_eq!(said, expected, "{scanner}: {why}");
    }
}

#[test]
fn all_scanners_agree_on_a_vulnerable_server() {
    let bench = need!(bench(peers::node_vulnerable()));
    let server = bench.serve("{}");
    assert_eq!(ours(&bench.work, &server, "tls"), VULNERABLE);
    expect("nmap", nmap(&server), Said::Vulnerable, "node 0.10.0");
    expect("sslscan", sslscan(&server), Said::Vulnerable, "node 0.10.0");
    expect("sslyze", sslyze(&server), Said::Vulnerable, "node 0.10.0");
}

#[test]
fn all_scanners_agree_on_the_same_version_without_heartbeats() {
    let bench = need!(bench(peers::node_safe()));
    let server = bench.serve("{}");
    assert_eq!(ours(&bench.work, &server, "tls"), "not-vulnerable/heartbeat-refused");
    expect("nmap", nmap(&server), Said::Safe, "node 0.10.2");
    expect("sslscan", sslscan(&server), Said::Safe, "node 0.10.2");
    expect("sslyze", sslyze(&server), Said::Safe, "node 0.10.2");
}

#[test]
fn a_vulnerable_server_that_speaks_gcm_alone_is_missed_by_sslscan_and_found_by_us() {
    let bench = need!(bench(peers::node_vulnerable()));
    let server = bench.serve(r#"{"ciphers":"AES128-GCM-SHA256"}"#);
    assert_eq!(ours(&bench.work, &server, "tls"), VULNERABLE);
    expect("sslyze", sslyze(&server), Said::Vulnerable, "sslyze finds it too");
    // sslscan 2.0.7 offers suites without GCM and takes the refusal for health; nmap 7.93 reports nothing.
    let why = "it is wrong about GCM-only servers (vulnerable, reported as safe or not at all); \
        if this fails it has been mended, and PROBING.md wants a new line";
    for (scanner, said) in [("sslscan", sslscan(&server)), ("nmap", nmap(&server))] {
        if let Some(said) = said {
            assert_ne!(said, Said::Vulnerable, "{scanner}: {why}");
        }
    }
}

#[test]
fn a_vulnerable_server_that_speaks_ssl3_alone_is_missed_by_nmap_and_found_by_us() {
    let bench = need!(bench(peers::node_vulnerable()));
    let server = bench.serve(r#"{"secureProtocol":"SSLv3_method"}"#);
    assert_eq!(ours(&bench.work, &server, "tls"), VULNERABLE);
    expect("sslyze", sslyze(&server), Said::Vulnerable, "sslyze finds it too");
    // nmap 7.93 prints NOT VULNERABLE; sslscan 2.0.7 does not try SSLv3 and reports nothing.
    let why = "it is wrong about SSLv3-only servers (vulnerable, reported as safe or not at all); \
        if this fails it has been mended, and PROBING.md wants a new line";
    for (scanner, said) in [("sslscan", sslscan(&server)), ("nmap", nmap(&server))] {
        if let Some(said) = said {
            assert_ne!(said, Said::Vulnerable, "{scanner}: {why}");
        }
    }
}

#[test]
fn one_old_version_or_a_wanted_client_certificate_hides_nothing() {
    let bench = need!(bench(peers::node_vulnerable()));
    for options in [
        r#"{"secureProtocol":"TLSv1_method"}"#,
        r#"{"requestCert":true,"rejectUnauthorized":true}"#,
        r#"{"ciphers":"RC4-SHA"}"#,
        r#"{"ciphers":"DES-CBC3-SHA"}"#,
        r#"{"ciphers":"CAMELLIA256-SHA"}"#,
    ] {
        let server = bench.serve(options);
        assert_eq!(ours(&bench.work, &server, "tls"), VULNERABLE, "options: {options}");
    }
}
