//! DTLS against servers that nobody here wrote: OpenSSL 1.0.2q (heartbeats and the fix), `openssl s_server`, gnutls-serv; the
//! heartbeat question behind a finished handshake beside the one in the clear; and a path that loses datagrams. No registry
//! has a DTLS server with the hole of Heartbleed: that one is modelled, and played by this very program in a namespace.

use std::{
    io::{Write as _, stderr},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use allclear::{
    drill::{
        datagram::{DatagramPeer, Face, Held},
        peer::{Behaviour, Identity as Modelled},
    },
    model::time::Timestamp,
};
use serde_json::Value;

use crate::support::{
    Work,
    certs::{Identity, Key},
    free_port, fresh_address,
    peers::{self, Server, need},
    row, verdict,
};

/// A server over UDP, ended with the value.
struct Datagrams(Child);

impl Drop for Datagrams {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a server and waits until its port is taken, in this namespace or another one.
fn start(command: &mut Command, port: u16, namespace: Option<&str>) -> Datagrams {
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let mut server = Datagrams(child);
    let began = Instant::now();
    let wanted = format!(":{port:04X} ");
    loop {
        let files = ["/proc/net/udp", "/proc/net/udp6"];
        let mut look = Command::new("cat");
        if let Some(name) = namespace {
            look = Command::new("ip");
            look.args(["netns", "exec", name, "cat"]);
        }
        look.args(files);
        let out = look.stderr(Stdio::null()).output().unwrap();
        if String::from_utf8_lossy(&out.stdout).contains(&wanted) {
            return server;
        }
        assert!(server.0.try_wait().unwrap().is_none(), "{command:?} has ended");
        assert!(began.elapsed() < Duration::from_secs(30), "{command:?} does not listen");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn openssl102(libraries: &Path, identity: &Identity, address: &str, port: u16) -> Command {
    let mut command = Command::new("python3");
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/openssl102_server.py"));
    command.arg(libraries).arg(port.to_string()).arg(&identity.certificate).arg(&identity.key);
    command.args([address, "dtls"]);
    command
}

fn s_server(openssl: &Path, identity: &Identity, place: &str, options: &[&str]) -> Command {
    let mut command = Command::new(openssl);
    command.args(["s_server", "-quiet", "-accept", place]).args(options);
    command.arg("-cert").arg(&identity.certificate).arg("-key").arg(&identity.key);
    command
}

const REFUSED: &str = "not-vulnerable/heartbeat-refused";

#[test]
fn every_real_dtls_server_gets_its_certificate_and_its_verdict_in_one_sweep() {
    let openssl = need!(peers::openssl());
    let libraries = need!(peers::openssl102());
    let gnutls = need!(peers::gnutls_serv());
    let work = Work::new();
    let rsa = Identity::rsa(work.folder(), "rsa");
    let ecdsa = Key::ecdsa(work.folder(), "ecdsa").certify("ecdsa", "ecdsa.test");
    let mut servers = Vec::new();
    let mut text = "id,address,port,wrap\n".to_owned();
    let mut add = |id: &str, make: &dyn Fn(&str, u16) -> Command| {
        // One that listens on every address answers from 127.0.0.1.
        let address = if id == "gnutls" { "127.0.0.1".to_owned() } else { fresh_address().to_string() };
        let port = free_port();
        servers.push(start(&mut make(&address, port), port, None));
        text.push_str(&format!("{id},{address},{port},dtls\n"));
    };
    add("1.0.2q", &|address, port| openssl102(&libraries, &rsa, address, port));
    let options: &[(&str, &Identity, &[&str])] = &[
        ("dtls1.2", &rsa, &["-dtls1_2"]),
        ("dtls1.0", &rsa, &["-dtls1", "-cipher", "ALL:@SECLEVEL=0"]),
        ("ecdsa", &ecdsa, &["-dtls1_2"]),
        ("client-certificate", &rsa, &["-dtls1_2", "-Verify", "1"]),
        ("no-common-suite", &rsa, &["-dtls1_2", "-cipher", "ECDHE-RSA-CAMELLIA256-SHA384"]),
    ];
    for (id, identity, options) in options {
        add(id, &|address, port| s_server(&openssl, identity, &format!("{address}:{port}"), options));
    }
    add("gnutls", &|_, port| {
        let mut command = Command::new(&gnutls);
        command.args(["--udp", "--echo", "--quiet", "-p", &port.to_string()]);
        command.arg("--x509certfile").arg(&rsa.certificate).arg("--x509keyfile").arg(&rsa.key);
        command
    });
    let list = work.write("services.csv", text);
    let rows = work.ok(&["sweep", list.to_str().unwrap(), "--jsonl", "--offline"]).rows();
    assert_eq!(verdict(row(&rows, "1.0.2q")), "not-vulnerable/fix-proved");
    for id in ["dtls1.2", "dtls1.0", "ecdsa", "client-certificate", "no-common-suite"] {
        assert_eq!(verdict(row(&rows, id)), REFUSED, "{}", row(&rows, id));
    }
    let versions = [("1.0.2q", "DTLSv1.2"), ("dtls1.2", "DTLSv1.2"), ("dtls1.0", "DTLSv1.0")];
    for (id, version) in versions {
        assert_eq!(row(&rows, id)["tls"]["version"], version, "{id}");
    }
    for (id, identity) in
        [("1.0.2q", &rsa), ("client-certificate", &rsa), ("ecdsa", &ecdsa), ("gnutls", &rsa)]
    {
        let seen = &row(&rows, id)["certificate"]["spki_sha256"];
        assert_eq!(seen.as_str(), Some(&*identity.facts().spki_sha256), "{id}");
    }
    // It drops the association without a word at a heartbeat, and serves nobody else meanwhile: nothing is concluded.
    assert!(verdict(row(&rows, "gnutls")).starts_with("inconclusive/"), "{}", row(&rows, "gnutls"));
    let ms = row(&rows, "1.0.2q")["ms"].as_f64().unwrap();
    assert!(ms < 950.0, "a retransmission would have taken a second: {ms} ms");
    for row in &rows {
        assert_eq!(row["verdicts"][0]["foreign_bytes"], 0, "{row}");
    }
}

/// What `probe --depth full` came to in each stage: the sums of the questions in the order in which they were asked.
fn stages(answer: &Value) -> Vec<String> {
    let steps = answer["steps"].as_array().unwrap().iter();
    let sums = steps.filter_map(|s| s["text"].as_str()).filter(|t| t.starts_with("malformed: "));
    sums.map(str::to_owned).collect()
}

#[test]
fn behind_a_finished_handshake_the_verdicts_are_those_of_the_clear() {
    let libraries = need!(peers::openssl102());
    let node = need!(peers::node_vulnerable());
    let work = Work::new();
    let identity = Identity::rsa(work.folder(), "rsa");
    let ours = "a heartbeat answer with exactly our own bytes";
    let (vulnerable, fixed) =
        (format!("malformed: {ours}"), format!("malformed: silence within the wait; well formed: {ours}"));
    let table = [
        (Server::node(&node, &identity, "{}"), "vulnerable/malformed-heartbeat-answered", &vulnerable),
        // Suites with each way to agree on keys.
        (
            Server::node(&node, &identity, r#"{"ciphers":"ECDHE-RSA-AES256-SHA:AES256-SHA"}"#),
            "vulnerable/malformed-heartbeat-answered",
            &vulnerable,
        ),
        (Server::openssl102(&libraries, &identity), "not-vulnerable/fix-proved", &fixed),
    ];
    for (server, expected, sum) in table {
        let target = format!("{}:{}", server.address, server.port);
        let answer = work.ok(&["probe", &target, "--depth", "full", "--offline", "--json"]).json();
        assert_eq!(verdict(&answer["endpoint"]), expected, "{answer}");
        let stages = stages(&answer);
        assert_eq!(stages.len(), 2, "in the clear and behind a handshake: {stages:?}");
        assert!(stages.iter().all(|s| s.starts_with(&**sum)), "{stages:?}");
    }
    let (address, port) = (fresh_address().to_string(), free_port());
    let _server = start(&mut openssl102(&libraries, &identity, &address, port), port, None);
    let target = format!("{address}:{port}");
    let answer =
        work.ok(&["probe", &target, "--wrap", "dtls", "--depth", "full", "--offline", "--json"]).json();
    assert_eq!(verdict(&answer["endpoint"]), "not-vulnerable/fix-proved");
    let stages = stages(&answer);
    assert!(stages.len() >= 6 && stages.iter().all(|s| s.starts_with(&*fixed)), "{stages:?}");
}

fn shell(script: &str) -> Result<(), String> {
    let out = Command::new("sh").args(["-c", &format!("PATH=$PATH:/usr/sbin:/sbin\n{script}")]).output();
    let out = out.map_err(|e| e.to_string())?;
    if out.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&out.stderr).into_owned()) }
}

/// Two namespaces and a cable between them.
struct Cable([String; 2]);

impl Cable {
    fn new() -> Result<Self, String> {
        let names = ["n", "f"].map(|end| format!("acl-dtls-{end}-{}", std::process::id()));
        let cable = Self(names);
        let [near, far] = &cable.0;
        shell(&format!(
            "set -e
             ip netns add {near}
             ip netns add {far}
             ip -n {near} link add up0 type veth peer name up0 netns {far}
             ip -n {near} addr add 192.0.2.1/24 dev up0
             ip -n {far} addr add 192.0.2.2/24 dev up0
             for n in {near} {far}; do ip -n $n link set lo up; ip -n $n link set up0 up; done"
        ))?;
        Ok(cable)
    }

    /// Loses this share of all datagrams in both directions; and delays and disorders them where the kernel can.
    fn spoil(&self, percent: u8) -> Result<(), String> {
        for name in &self.0 {
            shell(&format!(
                "set -e
                 ip netns exec {name} nft add table ip loss
                 ip netns exec {name} nft add chain ip loss in '{{ type filter hook input priority 0; }}'
                 ip netns exec {name} nft add rule ip loss in meta l4proto udp numgen random mod 100 \\< {percent} drop"
            ))?;
            let netem =
                format!("ip netns exec {name} tc qdisc add dev up0 root netem delay 4ms 2ms reorder 25%");
            if let Err(why) = shell(&netem) {
                let told = "this kernel has no netem: the modelled server alone puts datagrams out of order";
                let _ = writeln!(stderr(), "{told} ({})", why.trim());
            }
        }
        Ok(())
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        for name in &self.0 {
            let _ = shell(&format!("ip netns del {name}"));
        }
    }
}

/// Where the model listens, as a child of the test below.
const MODEL: &str = "ALLCLEAR_MODEL";

#[test]
#[ignore = "the server's side of the next test, in a process of its own"]
fn the_modelled_server() {
    let Ok(model) = std::env::var(MODEL) else { return };
    let (kind, place) = model.split_once(' ').unwrap();
    let [from, until] = [1_577_836_800, 2_524_608_000].map(Timestamp::from_seconds);
    let identity = Modelled::issue(None, "turn.test", &["turn.test"], from, until, 1).unwrap();
    let mut face = Face::new(&Behaviour::Vulnerable, &identity);
    match kind {
        "held-for-ever" => (face.held, face.timer) = (Held::ForEver, None),
        "no-handshake" => face.finishes = false,
        _ => {}
    }
    face.disorder = 20;
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let _peer = DatagramPeer::start(place.parse().unwrap(), face).await.unwrap();
        std::future::pending::<()>().await;
    });
}

#[test]
fn loss_and_disorder_on_a_cable_change_no_verdict() {
    let libraries = need!(peers::openssl102());
    let Ok(cable) = Cable::new() else {
        return peers::missing("permission to make network namespaces");
    };
    cable.spoil(15).unwrap();
    let [near, far] = &cable.0;
    let work = Work::new();
    let identity = Identity::rsa(work.folder(), "rsa");
    let look = |port: u16| -> String {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", near]);
        let allclear =
            work.command(&["probe", &format!("192.0.2.2:{port}"), "--wrap", "dtls", "--offline", "--json"]);
        command.arg(allclear.get_program()).args(allclear.get_args());
        command.envs(allclear.get_envs().filter_map(|(k, v)| Some((k, v?)))).current_dir(work.folder());
        let out = command.output().unwrap();
        let answer: Value = serde_json::from_slice(&out.stdout).unwrap();
        verdict(&answer["endpoint"])
    };
    let mut decided = 0;
    let mut all = 0;
    let mut hold = |port: u16, expected: &str| {
        for _ in 0..3 {
            let came = look(port);
            all += 1;
            decided += usize::from(came == expected);
            assert!(came == expected || came.starts_with("inconclusive/"), "{came}, and it is {expected}");
        }
    };
    let within = |command: &Command| {
        let mut inside = Command::new("ip");
        inside.args(["netns", "exec", far]).arg(command.get_program()).args(command.get_args());
        inside.envs(command.get_envs().filter_map(|(k, v)| Some((k, v?))));
        inside
    };
    {
        let server = openssl102(&libraries, &identity, "192.0.2.2", 5349);
        let _running = start(&mut within(&server), 5349, Some(far));
        hold(5349, "not-vulnerable/fix-proved");
    }
    // Each at a port of its own: the children of the server before keep theirs for a while.
    for (kind, port) in [("usual", 5350), ("held-for-ever", 5351), ("no-handshake", 5352)] {
        let mut model = Command::new(std::env::current_exe().unwrap());
        model
            .args(["--ignored", "--exact", "dtls::the_modelled_server", "--nocapture"])
            .env(MODEL, format!("{kind} 192.0.2.2:{port}"));
        let _running = start(&mut within(&model), port, Some(far));
        hold(port, "vulnerable/malformed-heartbeat-answered");
    }
    assert!(decided * 4 >= all * 3, "{decided} of {all} looks came to their verdict");
}
