//! A real coturn, over UDP, TCP, TLS and DTLS: what it calls itself, whose certificate it shows, whether it relays for
//! strangers, and that nothing of it is called clean that was not asked.

use std::{path::Path, process::Command, time::Duration};

use serde_json::Value;

use crate::support::{
    Running, Work,
    certs::Identity,
    free_port, fresh_address,
    peers::{self, need},
    row, verdict,
};

/// coturn at a place of its own: plain and encrypted ports, UDP and TCP on both.
struct Turn {
    running: Running,
    address: String,
    plain: u16,
    secure: u16,
}

impl Turn {
    fn start(binary: &Path, work: &Work, identity: &Identity, options: &[&str]) -> Self {
        let (address, plain, secure) = (fresh_address().to_string(), free_port(), free_port());
        let mut command = Command::new(binary);
        command.args(["-n", "--no-cli", "--log-file", "stdout", "-L", &address, "--relay-ip", &address]);
        command.args(["-p", &plain.to_string(), "--tls-listening-port", &secure.to_string()]);
        command.args(["--allow-loopback-peers", "--no-multicast-peers", "--realm", "example.test"]);
        command.arg("--cert").arg(&identity.certificate).arg("--pkey").arg(&identity.key);
        let place = |name: &str| work.path(&format!("{name}-{plain}")).display().to_string();
        command.args(["--pidfile", &place("pid"), "--userdb", &place("db")]).args(options);
        let running = Running::start(command.current_dir(work.folder()), b"");
        Self { running, address, plain, secure }
    }

    /// Rows for each way to reach it.
    fn rows(&self, prefix: &str) -> String {
        let Self { address, plain, secure, .. } = self;
        [
            ("udp", *plain, "udp", "turn"),
            ("tcp", *plain, "tcp", "turn"),
            ("tls", *secure, "tcp", "tls"),
            ("dtls", *secure, "udp", "dtls"),
        ]
        .iter()
        .map(|(id, port, transport, wrap)| {
            format!("{prefix}-{id},{address},{port},{transport},{wrap},turn\n")
        })
        .collect()
    }
}

/// Sweeps until every server has started.
fn sweep(work: &Work, rows: &str) -> Vec<Value> {
    let list = work.write("services.csv", format!("id,address,port,transport,wrap,service_type\n{rows}"));
    for _ in 0..20 {
        let rows = work.ok(&["sweep", list.to_str().unwrap(), "--jsonl", "--offline"]).rows();
        if rows.iter().all(|row| row["contact"] != "refused" || row["row_id"] == "dead") {
            return rows;
        }
        std::thread::sleep(Duration::from_millis(250));
    }
    panic!("coturn does not listen");
}

#[test]
fn a_relay_is_seen_over_udp_tcp_tls_and_dtls() {
    let turnserver = need!(peers::turnserver());
    let work = Work::new();
    let identity = Identity::rsa(work.folder(), "turn");
    let guarded = Turn::start(&turnserver, &work, &identity, &["--lt-cred-mech", "--user", "someone:secret"]);
    let open = Turn::start(&turnserver, &work, &identity, &["--no-auth"]);
    let plain = Turn::start(&turnserver, &work, &identity, &["--no-auth", "--no-tls", "--no-dtls"]);
    // It answers no binding, and allocates all the same.
    let mute = Turn::start(&turnserver, &work, &identity, &["--no-auth", "--no-stun"]);
    let text = format!(
        "mute,{},{},udp,turn,turn\n{}{}plain-udp,{},{},udp,turn,turn\nplain-tcp,{},{},tcp,turn,turn\ndead,{},{},udp,stun,stun\n",
        mute.address,
        mute.plain,
        guarded.rows("guarded"),
        open.rows("open"),
        plain.address,
        plain.plain,
        plain.address,
        plain.plain,
        plain.address,
        free_port()
    );
    let rows = sweep(&work, &text);
    let spki = identity.facts().spki_sha256;
    for (server, allocation) in [("guarded", "needs-credentials"), ("open", "open")] {
        for way in ["udp", "tcp", "tls", "dtls"] {
            let seen = row(&rows, &format!("{server}-{way}"));
            assert_eq!(seen["relay"]["binding"], true, "{seen}");
            assert_eq!(seen["relay"]["allocation"], allocation, "{seen}");
            assert_eq!(seen["software"][0]["product"], "Coturn", "{seen}");
            assert!(seen["software"][0]["version"].as_str().is_some_and(|v| v.starts_with('4')), "{seen}");
            // coturn answers TLS and DTLS on its plain port as well.
            assert_eq!(seen["certificate"]["spki_sha256"].as_str(), Some(&*spki), "{seen}");
            assert_eq!(verdict(seen), "not-vulnerable/heartbeat-refused", "{seen}");
            let findings = seen["findings"].as_array().map_or(&[][..], Vec::as_slice);
            let relays = findings.iter().any(|f| f["kind"] == "open-relay");
            assert_eq!(relays, server == "open", "{seen}");
        }
        let version = row(&rows, &format!("{server}-dtls"))["tls"]["version"].clone();
        assert_eq!(version, "DTLSv1.2");
    }
    let seen = row(&rows, "mute");
    assert_eq!(
        (&seen["relay"]["binding"], &seen["relay"]["allocation"]),
        (&false.into(), &"open".into()),
        "{seen}"
    );
    assert_eq!(seen["relay"]["given_back"], true, "{seen}");
    for way in ["udp", "tcp"] {
        let seen = row(&rows, &format!("plain-{way}"));
        assert_eq!(seen["relay"]["binding"], true, "{seen}");
        assert_eq!(verdict(seen), "not-applicable/not-tls", "{seen}");
        assert!(seen["detail"].as_str().unwrap().starts_with("STUN is answered before and after"), "{seen}");
    }
    assert_eq!(verdict(row(&rows, "dead")), "unreachable/refused");
    assert!(row(&rows, "dead").get("relay").is_none());
}

#[test]
fn an_allocation_that_was_granted_is_given_back() {
    let turnserver = need!(peers::turnserver());
    let work = Work::new();
    let identity = Identity::rsa(work.folder(), "turn");
    let one = Turn::start(&turnserver, &work, &identity, &["--no-auth", "--verbose"]);
    let rows = sweep(&work, &format!("one,{},{},udp,turn,turn\n", one.address, one.plain));
    assert_eq!(row(&rows, "one")["relay"]["allocation"], "open", "{rows:?}");
    assert_eq!(row(&rows, "one")["relay"]["given_back"], true, "{rows:?}");
    let released = || one.running.out_so_far().matches("lifetime=0").count();
    for _ in 0..100 {
        if released() > 0 {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(released(), 1, "{}", one.running.out_so_far());
    let target = format!("{}:{}", one.address, one.plain);
    let told = work.ok(&["probe", &target, "--wrap", "turn", "--offline"]).out();
    assert!(told.contains("the allocation is given back"), "{told}");
    assert!(told.contains("it relays for strangers"), "{told}");
}

/// The DTLS leak of 2026 has no harmless probe: what speaks DTLS is found from outside, and its host says by version whether
/// it leaks. The same server over TCP is not concerned, whatever it is linked with.
#[test]
fn the_leak_of_2026_is_judged_by_the_host_behind_what_speaks_over_udp() {
    let turnserver = need!(peers::turnserver());
    let work = Work::new();
    let identity = Identity::rsa(work.folder(), "turn");
    let turn = Turn::start(&turnserver, &work, &identity, &["--no-auth"]);
    let host = String::from_utf8(Command::new("uname").arg("-n").output().unwrap().stdout).unwrap();
    let rows: String = turn.rows("a").lines().map(|line| format!("{line},host={}\n", host.trim())).collect();
    let list =
        work.write("services.csv", format!("id,address,port,transport,wrap,service_type,tags\n{rows}"));
    let disclosure = ["--disclosure", "CVE-2026-84782"];
    for _ in 0..20 {
        let sweep = ["sweep", list.to_str().unwrap(), "--jsonl", "--offline"];
        let rows = work.ok(&[&sweep[..], &disclosure].concat()).rows();
        if rows.iter().all(|row| row["contact"] != "refused") {
            break;
        }
        std::thread::sleep(Duration::from_millis(250));
    }
    let verdicts = |told: &Value| -> Vec<(String, String)> {
        let services = told["services"].as_array().unwrap().iter();
        let word = |s: &Value, key: &str| s[key].as_str().unwrap_or("?").to_owned();
        let mut all: Vec<_> = services
            .map(|s| (word(s, "row_id"), format!("{}/{}", word(s, "verdict"), word(s, "reason"))))
            .collect();
        all.sort();
        all
    };
    let assess = [&["assess", "--json"][..], &disclosure].concat();
    let expect = |udp: &dyn Fn(&str) -> bool| {
        for (id, came) in verdicts(&work.ok(&assess).json()) {
            if id == "a-tcp" || id == "a-tls" {
                assert_eq!(came, "not-applicable/transport-not-affected", "{id}");
            } else {
                assert!(udp(&came), "{id}: {came}");
            }
        }
    };
    expect(&|came| came.starts_with("inconclusive/"));
    let document = work.ok(&["host", "collect", "--no-files"]).stdout;
    let document = work.write("host.jsonl", document);
    work.ok(&["host", "import", document.to_str().unwrap()]);
    // By the package that is installed here, fixed or not.
    expect(&|came| came == "vulnerable/package-affected" || came == "not-vulnerable/package-fixed");
}
