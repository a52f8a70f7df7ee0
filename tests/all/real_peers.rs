//! One sweep over every real server at once: each verdict with its reason, the certificates as
//! `openssl` describes them, and no time-out waited for on a server that is fixed.

use std::fmt::Write as _;

use serde_json::Value;

use crate::support::{
    Work,
    certs::{Identity, Key},
    peers::{self, Server, need},
    row, verdict,
};

/// One peer of the list and what must come out.
struct Peer {
    id: &'static str,
    name: &'static str,
    server: Server,
    identity: Identity,
    expected: &'static str,
}

/// A services CSV over these peers.
fn inventory(peers: &[Peer]) -> String {
    let mut text = "id,name,address,port,wrap,owner\n".to_owned();
    for p in peers {
        writeln!(text, "{},{},{},{},tls,team-{}", p.id, p.name, p.server.address, p.server.port, p.id)
            .unwrap();
    }
    text
}

const REFUSED: &str = "not-vulnerable/heartbeat-refused";

/// `openssl s_server` in its kinds: id, name that the inventory declares, options, verdict.
const S_SERVERS: &[(&str, &str, &[&str], &str)] = &[
    ("s_server-1.2", "", &["-tls1_2"], REFUSED),
    ("s_server-1.3", "", &["-tls1_3"], "not-applicable/tls13-only"),
    ("client-certificate", "", &["-tls1_2", "-Verify", "1"], REFUSED),
    ("gcm-only", "", &["-tls1_2", "-cipher", "ECDHE-RSA-AES256-GCM-SHA384"], REFUSED),
    // Answers a name that it does not know with alert 112; without a name it answers.
    (
        "sni-refused",
        "unknown-here.test",
        &["-tls1_2", "-servername", "other.test", "-servername_fatal"],
        REFUSED,
    ),
];

/// Everything that is installed; what is missing has been announced.
struct Peers<'a> {
    work: &'a Work,
    all: Vec<Peer>,
}

impl Peers<'_> {
    fn start(work: &Work) -> Vec<Peer> {
        let mut peers = Peers { work, all: Vec::new() };
        let exposed = Identity::rsa(work.folder(), "exposed");
        let fixed = Identity::rsa(work.folder(), "fixed");
        if let Some(node) = peers::node_vulnerable() {
            let expected = "vulnerable/malformed-heartbeat-answered";
            peers.add("node-0.10.0", "", Server::node(&node, &exposed, "{}"), &exposed, expected);
        }
        if let Some(node) = peers::node_safe() {
            peers.add("node-0.10.2", "", Server::node(&node, &fixed, "{}"), &fixed, REFUSED);
        }
        if let Some(libraries) = peers::openssl102() {
            let server = Server::openssl102(&libraries, &fixed);
            peers.add("openssl-1.0.2q", "", server, &fixed, "not-vulnerable/fix-proved");
        }
        if let Some(gnutls) = peers::gnutls_serv() {
            peers.add("gnutls-heartbeat", "", Server::gnutls(&gnutls, &fixed), &fixed, REFUSED);
        }
        peers.add_s_servers(&fixed);
        peers.add_nginx(&fixed);
        peers.all
    }

    fn add(
        &mut self,
        id: &'static str,
        name: &'static str,
        server: Server,
        identity: &Identity,
        expected: &'static str,
    ) {
        self.all.push(Peer { id, name, server, identity: identity.clone(), expected });
    }

    fn add_s_servers(&mut self, identity: &Identity) {
        let Some(openssl) = peers::openssl() else { return };
        let (certificate, key) = (identity.certificate.to_str().unwrap(), identity.key.to_str().unwrap());
        for (id, name, options, expected) in S_SERVERS {
            let mut options = options.to_vec();
            if options.contains(&"-servername") {
                options.extend(["-cert2", certificate, "-key2", key]);
            }
            self.add(id, name, Server::s_server(&openssl, identity, &options), identity, expected);
        }
    }

    fn add_nginx(&mut self, identity: &Identity) {
        let Some(nginx) = peers::nginx() else { return };
        let folder = self.work.folder();
        let other = Key::ecdsa(folder, "nginx-ecdsa").certify("nginx-ecdsa", "nginx.test");
        let (ours, others) = (certificate_lines(identity), certificate_lines(&other));
        let server =
            Server::nginx(&nginx, folder, &[&format!("{ours}{others} ssl_protocols TLSv1.2 TLSv1.3;")]);
        self.add("nginx-two-keys", "", server, identity, REFUSED);
        // Refuses a client without a name with alert 112.
        let named = format!("server_name named.test; {ours} ssl_protocols TLSv1.2;");
        let server = Server::nginx(&nginx, folder, &["ssl_reject_handshake on;", &named]);
        self.add("sni-required", "named.test", server, identity, REFUSED);
    }
}

fn certificate_lines(identity: &Identity) -> String {
    format!(
        "ssl_certificate {}; ssl_certificate_key {};",
        identity.certificate.display(),
        identity.key.display()
    )
}

#[track_caller]
fn same_certificate(reported: &Value, identity: &Identity, id: &str) {
    let facts = identity.facts();
    for (field, expected) in
        [("sha256", &facts.sha256), ("spki_sha256", &facts.spki_sha256), ("serial", &facts.serial)]
    {
        assert_eq!(reported[field], expected.as_str(), "{field} of {id}");
    }
    for (field, expected) in [("not_before", &facts.not_before), ("not_after", &facts.not_after)] {
        let reported = reported[field].as_str().unwrap_or("");
        assert!(reported.starts_with(expected.as_str()), "{field} of {id}: {reported}, expected {expected}");
    }
}

#[test]
fn every_real_peer_gets_its_verdict_in_one_sweep() {
    let work = Work::new();
    let peers = Peers::start(&work);
    let list = work.write("services.csv", inventory(&peers));
    let swept =
        work.ok(&["sweep", list.to_str().unwrap(), "--jsonl", "--timeout", "10s", "--probe-timeout", "20s"]);
    let rows = swept.rows();
    assert_eq!(rows.len(), peers.len(), "as many rows out as services in");
    let got: Vec<String> = peers.iter().map(|p| format!("{} {}", p.id, verdict(row(&rows, p.id)))).collect();
    let expected: Vec<String> = peers.iter().map(|p| format!("{} {}", p.id, p.expected)).collect();
    assert_eq!(got, expected, "{rows:#?}");
    for peer in &peers {
        let row = row(&rows, peer.id);
        assert_eq!(row["schema"], "allclear.endpoint/1");
        assert_eq!(row["contact"], "answered", "{}", peer.id);
        assert_eq!(row["address"], peer.server.address.to_string(), "{}", peer.id);
        assert_eq!(row["port"], peer.server.port, "{}", peer.id);
        assert_eq!(row["verdicts"][0]["disclosure"], "CVE-2014-0160", "{}", peer.id);
        assert_eq!(row["verdicts"][0]["foreign_bytes"], 0, "{}", peer.id);
        same_certificate(&row["certificate"], &peer.identity, peer.id);
        // A step may take 20 s here: a server that answers must never cost one.
        let ms = row["ms"].as_f64().unwrap();
        assert!(ms < 10_000.0, "{} took {ms} ms: a time-out was waited for", peer.id);
    }
    versions_and_names(&rows, &peers);
}

fn versions_and_names(rows: &[Value], peers: &[Peer]) {
    let has = |id: &str| peers.iter().any(|p| p.id == id);
    let table = [
        ("s_server-1.3", "TLSv1.3"),
        ("s_server-1.2", "TLSv1.2"),
        ("node-0.10.0", "TLSv1.2"),
        ("openssl-1.0.2q", "TLSv1.2"),
        ("nginx-two-keys", "TLSv1.2"),
    ];
    for (id, version) in table.into_iter().filter(|(id, _)| has(id)) {
        assert_eq!(row(rows, id)["tls"]["version"], version, "{id}");
    }
    let table =
        [("node-0.10.0", true), ("openssl-1.0.2q", true), ("gnutls-heartbeat", true), ("node-0.10.2", false)];
    for (id, acknowledged) in table.into_iter().filter(|(id, _)| has(id)) {
        assert_eq!(row(rows, id)["tls"]["heartbeat_extension"], acknowledged, "{id}");
    }
    if has("sni-required") {
        assert_eq!(row(rows, "sni-required")["sni"], "named.test");
    }
}

#[test]
fn a_servers_second_key_is_seen_and_reported() {
    let nginx = need!(peers::nginx());
    let work = Work::new();
    let rsa = Identity::rsa(work.folder(), "rsa");
    let ecdsa = Key::ecdsa(work.folder(), "ecdsa").certify("ecdsa", "ecdsa.test");
    let both = format!("{}{}", certificate_lines(&rsa), certificate_lines(&ecdsa));
    let only = certificate_lines(&rsa);
    let (pair, single) =
        (Server::nginx(&nginx, work.folder(), &[&both]), Server::nginx(&nginx, work.folder(), &[&only]));
    let list = work.write(
        "services.csv",
        format!(
            "id,address,port\npair,{},{}\nsingle,{},{}\n",
            pair.address, pair.port, single.address, single.port
        ),
    );
    let rows = work.ok(&["sweep", list.to_str().unwrap(), "--jsonl"]).rows();
    let keys = |id: &str| {
        let row = row(&rows, id);
        let mut keys = vec![row["certificate"]["spki_sha256"].as_str().unwrap().to_owned()];
        let others = row["other_keys"].as_array().cloned().unwrap_or_default();
        keys.extend(others.iter().map(|k| k["spki_sha256"].as_str().unwrap().to_owned()));
        keys.sort();
        keys
    };
    let mut expected = vec![rsa.facts().spki_sha256, ecdsa.facts().spki_sha256];
    expected.sort();
    assert_eq!(keys("pair"), expected, "a client that offers one kind of key sees one of the two");
    assert_eq!(keys("single"), [rsa.facts().spki_sha256]);
    let exported = work.ok(&["export", "keys"]).csv();
    let spki = ecdsa.facts().spki_sha256;
    assert!(
        exported.iter().any(|k| k["spki"] == spki),
        "the second key has its row among the keys: {exported:#?}"
    );
}

#[test]
fn the_summary_names_what_is_vulnerable_and_counts_no_foreign_byte() {
    let node = need!(peers::node_vulnerable());
    let work = Work::new();
    let identity = Identity::rsa(work.folder(), "peer");
    let server = Server::node(&node, &identity, "{}");
    let list = work.write("hosts.txt", format!("{}:{}\n", server.address, server.port));
    let swept = work.ok(&["sweep", list.to_str().unwrap()]);
    let out = swept.out();
    assert!(out.contains(&server.address.to_string()), "{out}");
    assert!(out.to_lowercase().contains("vulnerable") || out.contains("exposed"), "{out}");
    assert!(out.contains("Foreign bytes received: 0"), "every sweep states its foreign bytes: {out}");
    let failing = work.run(&["sweep", list.to_str().unwrap(), "--fail-on", "exposed"]);
    failing.expect_code(1);
}
