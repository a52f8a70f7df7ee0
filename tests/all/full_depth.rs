//! `--depth full` against real old servers that really have the holes, against fixed and modern ones, and against
//! endpoints in this process that show what no installed server does.
//!
//! Which options open which hole in which node was found out by trying. node 0.8 and 0.10 never get an alert out: what
//! they refuse stays undecided, and that is what is expected of them here.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::support::{
    HANG, Work,
    certs::{Identity, Key},
    daemons::mail::{dovecot, postfix},
    peers::{self, Server, need},
    row, run_with_limit,
};

/// The disclosures that full depth asks about, in the order of the tables here.
const IDS: &[&str] =
    &["CVE-2014-0224", "CVE-2014-3566", "CVE-2015-0204", "CVE-2015-4000", "CVE-2016-0800", "ROBOT"];

/// What each of [`IDS`] comes to.
type Expected = [&'static str; 6];

struct Peer {
    id: &'static str,
    server: Server,
    expected: Expected,
}

const MUTE: &str = "inconclusive/ended-without-alert";
const CCS: &str = "vulnerable/early-ccs-taken";
const NO_CCS: &str = "not-vulnerable/early-ccs-refused";
const POODLE: &str = "vulnerable/sslv3-cbc-taken";
const NO_SSLV3: &str = "not-vulnerable/sslv3-cbc-refused";
const FREAK: &str = "vulnerable/rsa-export-taken";
const NO_FREAK: &str = "not-vulnerable/rsa-export-refused";
const EXPORT_DH: &str = "vulnerable/dhe-export-taken";
const SHARED_DH: &str = "vulnerable/dh-prime-shared";
const UNKNOWN_DH: &str = "inconclusive/dh-prime-unknown";
const LONG_DH: &str = "not-vulnerable/dh-prime-long";
const NO_DH: &str = "not-vulnerable/dhe-refused";
const DROWN: &str = "vulnerable/sslv2-spoken";
const BARE_SSLV2: &str = "inconclusive/sslv2-no-ciphers";
const NO_SSLV2: &str = "not-vulnerable/sslv2-refused";
const RSA: &str = "inconclusive/rsa-key-exchange-offered";
const NO_RSA: &str = "not-vulnerable/rsa-key-exchange-refused";
const ONLY13: &str = "not-applicable/tls13-only";

/// RFC 2409, second Oakley group: 1024 bits, and in half the servers of its time.
const OAKLEY_2: &str = "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD\
    EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED\
    EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF";

fn openssl(folder: &Path, arguments: &[&str]) -> Vec<u8> {
    let mut command = Command::new("openssl");
    command.args(arguments).current_dir(folder);
    run_with_limit(&mut command, b"", HANG).expect_code(0).stdout
}

/// Diffie-Hellman parameters in PEM, of this many bits and nobody else's.
fn own_prime(folder: &Path, bits: &str) -> String {
    // Made in a moment, but in a form that OpenSSL 1.0.1 does not read.
    let quick: &[&str] = if bits == "512" { &[] } else { &["-dsaparam"] };
    String::from_utf8(openssl(folder, &[&["dhparam"], quick, &[bits]].concat())).unwrap()
}

/// The same over a prime in hex.
fn prime_of(folder: &Path, hex: &str) -> String {
    let what = format!("asn1=SEQUENCE:dh\n[dh]\np=INTEGER:0x{hex}\ng=INTEGER:2\n");
    std::fs::write(folder.join("dh.conf"), what).unwrap();
    openssl(folder, &["asn1parse", "-genconf", "dh.conf", "-noout", "-out", "dh.der"]);
    let body = String::from_utf8(openssl(folder, &["base64", "-in", "dh.der"])).unwrap();
    format!("-----BEGIN DH PARAMETERS-----\n{body}-----END DH PARAMETERS-----\n")
}

fn short_key(folder: &Path) -> Identity {
    let file = folder.join("short.key");
    openssl(
        folder,
        &["genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:512", "-out", "short.key"],
    );
    openssl(folder, &["rsa", "-in", "short.key", "-traditional", "-out", "short.key"]);
    Key { path: file }.certify("short", "short.test")
}

fn options(pairs: &[(&str, Value)]) -> String {
    Value::Object(pairs.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect()).to_string()
}

fn inventory(peers: &[Peer]) -> String {
    let mut text = "id,address,port,wrap\n".to_owned();
    for p in peers {
        writeln!(text, "{},{},{},tls", p.id, p.server.address, p.server.port).unwrap();
    }
    text
}

fn verdict_of(row: &Value, id: &str) -> String {
    let all = row["verdicts"].as_array().unwrap();
    let found = all.iter().find(|v| v["disclosure"] == id).unwrap_or_else(|| panic!("{id}: {row:#}"));
    format!("{}/{}", found["verdict"].as_str().unwrap(), found["reason"].as_str().unwrap())
}

fn sweep(work: &Work, list: &Path, more: &[&str]) -> Vec<Value> {
    let mut arguments = vec!["sweep", list.to_str().unwrap(), "--jsonl", "--timeout", "10s"];
    arguments.extend(IDS.iter().flat_map(|id| ["--disclosure", id]));
    arguments.extend(more);
    work.ok(&arguments).rows()
}

fn old_nodes(work: &Work) -> Vec<Peer> {
    let folder = work.folder();
    let identity = Identity::rsa(folder, "old");
    let short = short_key(folder);
    let any = Value::from("ALL:EXPORT:SSLv2");
    let mut all = Vec::new();
    let mut add = |id, node: Option<PathBuf>, identity: &Identity, pairs: &[(&str, Value)], expected| {
        if let Some(node) = node {
            all.push(Peer { id, server: Server::node(&node, identity, &options(pairs)), expected });
        }
    };
    let every = [("ciphers", any.clone())];
    let open =
        |prime: String| [("ciphers", any.clone()), ("dhparam", prime.into()), ("secureOptions", 0.into())];
    // OpenSSL 1.0.0m has the fix of the early message, and closes without an alert.
    add("0.8.28", peers::node_old("0.8.28"), &identity, &every, [MUTE, POODLE, MUTE, MUTE, DROWN, RSA]);
    add("0.10.0", peers::node_vulnerable(), &identity, &every, [CCS, POODLE, MUTE, MUTE, DROWN, RSA]);
    add("0.10.0-short-key", peers::node_vulnerable(), &short, &every, [CCS, POODLE, FREAK, MUTE, DROWN, RSA]);
    add(
        "0.10.0-default",
        peers::node_vulnerable(),
        &identity,
        &[],
        [CCS, POODLE, MUTE, MUTE, BARE_SSLV2, RSA],
    );
    add("0.10.48", peers::node_old("0.10.48"), &identity, &every, [MUTE, MUTE, MUTE, MUTE, MUTE, RSA]);
    let node = || peers::node_old("0.12.0");
    let own_512 = own_prime(folder, "512");
    add("0.12.0-512", node(), &identity, &open(own_512), [NO_CCS, POODLE, NO_FREAK, EXPORT_DH, DROWN, RSA]);
    let oakley = prime_of(folder, OAKLEY_2);
    let shared = [("ciphers", any.clone()), ("dhparam", oakley.into())];
    add("0.12.0-shared", node(), &short, &shared, [NO_CCS, NO_SSLV3, FREAK, SHARED_DH, MUTE, RSA]);
    add("0.12.0-default", node(), &identity, &[], [NO_CCS, NO_SSLV3, NO_FREAK, NO_DH, MUTE, RSA]);
    let node = || peers::node_old("4.0.0");
    let own_1024 = [("ciphers", any.clone()), ("dhparam", own_prime(folder, "1024").into())];
    add("4.0.0-own", node(), &identity, &own_1024, [NO_CCS, NO_SSLV3, NO_FREAK, UNKNOWN_DH, MUTE, RSA]);
    let own_2048 = [("ciphers", any), ("dhparam", own_prime(folder, "2048").into())];
    add("4.0.0-2048", node(), &identity, &own_2048, [NO_CCS, NO_SSLV3, NO_FREAK, LONG_DH, MUTE, RSA]);
    all
}

/// The same OpenSSL as in two of the nodes, which hide its alerts: here it sends them.
fn with_alerts(work: &Work) -> Vec<Peer> {
    let identity = Identity::rsa(work.folder(), "alerts");
    let table = [
        ("1.0.1e", peers::node_vulnerable(), [CCS, POODLE, FREAK, NO_DH, DROWN, RSA]),
        // SSLv2 is not in this build, which says so by hanging up.
        ("1.0.1u", peers::node_old("0.10.48"), [NO_CCS, POODLE, NO_FREAK, NO_DH, MUTE, RSA]),
    ];
    let mut all = Vec::new();
    for (id, node, expected) in table {
        if let Some(server) = node.and_then(|node| Server::node_openssl(&node, &identity)) {
            all.push(Peer { id, server, expected });
        }
    }
    all
}

fn fixed_and_modern(work: &Work) -> Vec<Peer> {
    let folder = work.folder();
    let identity = Identity::rsa(folder, "new");
    let mut all = Vec::new();
    let mut add = |id, server, expected| all.push(Peer { id, server, expected });
    if let Some(libraries) = peers::openssl102() {
        let server = Server::openssl102(&libraries, &identity);
        add("openssl-1.0.2q", server, [NO_CCS, POODLE, NO_FREAK, NO_DH, MUTE, RSA]);
    }
    if let Some(gnutls) = peers::gnutls_serv() {
        let server = Server::gnutls(&gnutls, &identity);
        add("gnutls", server, [NO_CCS, NO_SSLV3, NO_FREAK, LONG_DH, NO_SSLV2, RSA]);
    }
    if let Some(openssl) = peers::openssl() {
        let modern = Server::s_server(&openssl, &identity, &[]);
        add("s_server", modern, [NO_CCS, NO_SSLV3, NO_FREAK, LONG_DH, NO_SSLV2, RSA]);
        let curves = Server::s_server(&openssl, &identity, &["-cipher", "ECDHE"]);
        add("s_server-ecdhe", curves, [NO_CCS, NO_SSLV3, NO_FREAK, NO_DH, NO_SSLV2, NO_RSA]);
        let newest = Server::s_server(&openssl, &identity, &["-tls1_3"]);
        add("s_server-1.3", newest, [ONLY13, ONLY13, ONLY13, ONLY13, NO_SSLV2, ONLY13]);
    }
    if let Some(nginx) = peers::nginx() {
        let block = format!(
            "ssl_certificate {}; ssl_certificate_key {}; ssl_protocols TLSv1.2 TLSv1.3;",
            identity.certificate.display(),
            identity.key.display()
        );
        let server = Server::nginx(&nginx, folder, &[&block]);
        add("nginx", server, [NO_CCS, NO_SSLV3, NO_FREAK, NO_DH, NO_SSLV2, RSA]);
    }
    all
}

#[track_caller]
fn all_as_expected(work: &Work, peers: &[Peer]) -> Vec<Value> {
    let list = work.write("services.csv", inventory(peers));
    let rows = sweep(work, &list, &["--depth", "full"]);
    let line = |id: &str, all: &[String]| format!("{id}: {}", all.join(" "));
    let got: Vec<String> = peers
        .iter()
        .map(|p| {
            let row = row(&rows, p.id);
            line(p.id, &IDS.iter().map(|id| verdict_of(row, id)).collect::<Vec<_>>())
        })
        .collect();
    let expected: Vec<String> = peers.iter().map(|p| line(p.id, &p.expected.map(str::to_owned))).collect();
    assert_eq!(got, expected, "{rows:#?}");
    for peer in peers {
        for verdict in row(&rows, peer.id)["verdicts"].as_array().unwrap() {
            assert_eq!(verdict["foreign_bytes"], 0, "{}", peer.id);
        }
    }
    rows
}

#[test]
fn old_nodes_show_their_real_holes_in_one_sweep() {
    let work = Work::new();
    let peers = old_nodes(&work);
    all_as_expected(&work, &peers);
}

#[test]
fn old_openssl_answers_by_the_alerts_that_are_documented() {
    let work = Work::new();
    let peers = with_alerts(&work);
    let rows = all_as_expected(&work, &peers);
    let asked = |id: &str, question: &str| {
        let all = row(&rows, id)["asked"].as_array().unwrap();
        all.iter().find(|a| a["question"] == question).cloned().unwrap_or_default()
    };
    for (id, early, fallback) in [("1.0.1e", 20, "taken"), ("1.0.1u", 10, "alert")] {
        if peers.iter().any(|p| p.id == id) {
            assert_eq!(asked(id, "early-ccs")["alert"], early, "{id}");
            assert_eq!(asked(id, "fallback-scsv")["came"], fallback, "{id}");
        }
    }
    if peers.iter().any(|p| p.id == "1.0.1e") {
        assert_eq!(asked("1.0.1e", "rsa-export")["bits"], 512, "a short key of its own");
    }
}

#[test]
fn fixed_and_modern_servers_come_out_clean_or_undecided() {
    let work = Work::new();
    let peers = fixed_and_modern(&work);
    all_as_expected(&work, &peers);
}

#[test]
fn a_key_that_is_served_over_sslv2_taints_another_service() {
    let node = need!(peers::node_vulnerable());
    let openssl = need!(peers::openssl());
    let work = Work::new();
    let shared = Identity::rsa(work.folder(), "shared");
    let own = Identity::rsa(work.folder(), "own");
    let every = options(&[("ciphers", "ALL:SSLv2".into())]);
    let mail = Server::node(&node, &shared, &every);
    let web = Server::s_server(&openssl, &shared, &[]);
    let other = Server::s_server(&openssl, &own, &[]);
    let place = |s: &Server| format!("{},{}", s.address, s.port);
    let list = work.write(
        "services.csv",
        format!("id,address,port\nmail,{}\nweb,{}\nother,{}\n", place(&mail), place(&web), place(&other)),
    );
    let rows = work.ok(&["sweep", list.to_str().unwrap(), "--jsonl", "--disclosure", "drown"]).rows();
    assert_eq!(verdict_of(row(&rows, "mail"), "CVE-2016-0800"), DROWN, "full depth by itself");
    assert_eq!(verdict_of(row(&rows, "web"), "CVE-2016-0800"), NO_SSLV2, "a line knows its own endpoint");
    let findings = work.ok(&["--disclosure", "drown", "export", "tracker"]).csv();
    let of = |id: &str| {
        let found = findings.iter().find(|f| f["row_id"] == id).unwrap_or_else(|| panic!("{findings:#?}"));
        format!("{}/{}", found["verdict"], found["verdict_reason"])
    };
    assert_eq!(of("mail"), DROWN);
    assert_eq!(of("web"), "vulnerable/key-shared-with-sslv2");
    assert_eq!(of("other"), NO_SSLV2);
}

#[test]
fn depth_follows_the_disclosure_unless_it_was_typed() {
    let openssl = need!(peers::openssl());
    let work = Work::new();
    let identity = Identity::rsa(work.folder(), "peer");
    let server = Server::s_server(&openssl, &identity, &[]);
    let target = format!("{}:{}", server.address, server.port);
    let table = [
        (&[][..], "--depth full, since only that asks about CVE-2014-3566", NO_SSLV3),
        (
            &["--depth", "standard"],
            "--depth standard does not ask about CVE-2014-3566: that takes --depth full",
            "inconclusive/not-asked",
        ),
        (&["--depth", "full"], "", NO_SSLV3),
    ];
    for (more, told, expected) in table {
        let mut arguments = vec!["probe", &target, "--offline", "--json", "--disclosure", "poodle"];
        arguments.extend(more);
        let probed = work.ok(&arguments);
        assert!(probed.err().contains(told), "{more:?}: {}", probed.err());
        assert!(!told.is_empty() || !probed.err().contains("--depth"), "{more:?}: {}", probed.err());
        let endpoint = probed.json()["endpoint"].clone();
        assert_eq!(verdict_of(&endpoint, "CVE-2014-3566"), expected, "{more:?}");
        assert_eq!(endpoint["asked"].is_array(), expected == NO_SSLV3, "{more:?}");
    }
    let page = work.ok(&["probe", &target, "--offline", "--disclosure", "poodle"]).out();
    for words in ["Question: SSLv3", "Other questions, each on a connection of its own", "SSLv2: alert 70"] {
        assert!(page.contains(words), "{words}: {page}");
    }
}

#[test]
fn ports_with_starttls_are_asked_as_well() {
    let work = Work::new();
    let identity = Identity::rsa(work.folder(), "mail");
    let mut text = "id,name,address,port,wrap\n".to_owned();
    let mut daemons = Vec::new();
    for (number, start) in [dovecot, postfix].into_iter().enumerate() {
        let folder = work.path(&format!("daemon-{number}"));
        std::fs::create_dir(&folder).unwrap();
        daemons.extend(start(&folder, &identity));
    }
    for daemon in &daemons {
        for port in &daemon.ports {
            writeln!(
                text,
                "{},mail.test,{},{},{}",
                port.what.replace(' ', "-"),
                daemon.address,
                port.port,
                port.wrap
            )
            .unwrap();
        }
    }
    let list = work.write("services.csv", text);
    let rows = sweep(&work, &list, &["--depth", "full", "--offline"]);
    let (mut asked, mut wrong) = (0, Vec::new());
    for row in rows.iter().filter(|r| r["contact"] == "answered") {
        let id = row["row_id"].as_str().unwrap();
        asked += usize::from(row["wrap"].as_str().unwrap().starts_with("starttls-"));
        let got: Vec<String> = IDS[..5].iter().map(|id| verdict_of(row, id)).collect();
        // dovecot 2.3 hangs up without ever sending an alert, on all of its ports; postfix sends them (measured).
        let expected = if id.starts_with("dovecot-") {
            [MUTE; 5]
        } else {
            let dh = if got[3] == NO_DH { NO_DH } else { LONG_DH };
            [NO_CCS, NO_SSLV3, NO_FREAK, dh, NO_SSLV2]
        };
        if got != expected {
            wrong.push(format!("{id}: {got:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(daemons.is_empty() || asked >= 4, "{rows:#?}");
}
