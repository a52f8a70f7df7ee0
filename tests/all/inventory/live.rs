//! A real etcd as an inventory: what etcdctl prints and what its gateway answers are the same services, with users and
//! TLS as etcd's own client has them; and a sweep that begins there. Consul is scripted: what it would answer is put
//! on an HTTP server.

use std::{
    collections::BTreeMap,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::support::{
    Ended, HANG, Work,
    ca::{Ca, Files, Issued, Reply},
    certs::Identity,
    free_port,
    peers::{self, Server, need},
    run_with_limit,
};

/// What the environment of whoever runs the tests must not decide.
const VARIABLES: &[&str] = &[
    "ETCDCTL_CACERT",
    "ETCDCTL_CERT",
    "ETCDCTL_KEY",
    "ETCDCTL_USER",
    "ETCDCTL_PASSWORD",
    "CONSUL_HTTP_TOKEN",
    "CONSUL_CACERT",
    "CONSUL_CLIENT_CERT",
    "CONSUL_CLIENT_KEY",
];

/// An etcd in a folder of its own; ended with the test.
struct Etcd {
    child: Child,
    port: u16,
    ctl: PathBuf,
    options: Vec<String>,
}

impl Drop for Etcd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Etcd {
    /// Starts it, with further options of the server and of etcdctl.
    fn start(server: &Path, ctl: &Path, folder: &Path, tls: Option<(&Ca, &Issued)>) -> Self {
        let (port, peer) = (free_port(), free_port());
        let scheme = if tls.is_some() { "https" } else { "http" };
        let (own, between) = (format!("{scheme}://127.0.0.1:{port}"), format!("http://127.0.0.1:{peer}"));
        let mut command = Command::new(server);
        command.arg("--data-dir").arg(folder.join(format!("etcd-{port}")));
        command.args(["--listen-client-urls", &own, "--advertise-client-urls", &own]);
        command.args(["--listen-peer-urls", &between, "--initial-advertise-peer-urls", &between]);
        command.args(["--initial-cluster", &format!("default={between}")]);
        let mut options = vec!["--endpoints".to_owned(), own];
        if let Some((ca, issued)) = tls {
            let text = |path: &Path| path.to_str().unwrap().to_owned();
            let roots = text(&ca.root_pem());
            let (chain, key) = (text(&issued.pem), text(&issued.key));
            command.args(["--cert-file", &chain, "--key-file", &key]);
            command.args(["--client-cert-auth", "--trusted-ca-file", &roots]);
            options.extend(["--cacert", &roots, "--cert", &chain, "--key", &key].map(str::to_owned));
        }
        command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().unwrap();
        let etcd = Self { child, port, ctl: ctl.to_path_buf(), options };
        let began = Instant::now();
        while etcd.run(&["endpoint", "health"], b"").code != Some(0) {
            assert!(began.elapsed() < HANG, "etcd does not begin");
            std::thread::sleep(Duration::from_millis(100));
        }
        etcd
    }

    fn run(&self, arguments: &[&str], input: &[u8]) -> Ended {
        let mut command = Command::new(&self.ctl);
        for variable in VARIABLES {
            command.env_remove(variable);
        }
        command.env("ETCDCTL_API", "3").args(&self.options).args(arguments);
        run_with_limit(&mut command, input, HANG)
    }

    #[track_caller]
    fn ctl(&self, arguments: &[&str]) -> Vec<u8> {
        self.run(arguments, b"").expect_code(0).stdout
    }
}

/// A command of allclear with these variables and none of the others.
fn with(work: &Work, variables: &[(&str, &str)], arguments: &[&str]) -> Ended {
    let mut command = work.command(arguments);
    for variable in VARIABLES {
        command.env_remove(variable);
    }
    command.envs(variables.iter().copied());
    run_with_limit(&mut command, b"", HANG)
}

/// Row id and owner of every service that `inventory list` shows.
fn services(ended: Ended) -> BTreeMap<String, String> {
    let ended = ended.expect_code(0);
    let text = |row: &serde_json::Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    ended.rows().iter().map(|row| (text(row, "row_id"), text(row, "owner"))).collect()
}

#[test]
fn what_etcdctl_prints_and_what_a_live_etcd_answers_are_the_same_services() {
    let (server, ctl) = (need!(peers::etcd()), need!(peers::etcdctl()));
    let work = Work::new();
    let etcd = Etcd::start(&server, &ctl, work.folder(), None);
    etcd.ctl(&[
        "put",
        "/services/web/web01",
        r#"{"host":"web01.example.test","port":443,"owner":"team-web"}"#,
    ]);
    etcd.ctl(&["put", "/services/db", "192.0.2.12:5432"]);
    etcd.ctl(&["put", "/services/password", "marker-of-a-value"]);
    etcd.ctl(&["put", "/skydns/test/example/web/a1", r#"{"host":"192.0.2.11","port":443,"ttl":60}"#]);
    let printed = work.write("etcd.json", etcd.ctl(&["get", "/services", "--prefix", "-w", "json"]));
    let source = format!("etcd://127.0.0.1:{}/services", etcd.port);
    let of_file = services(work.run(&["inventory", "list", "--jsonl", printed.to_str().unwrap()]));
    let live = with(&work, &[], &["inventory", "list", "--jsonl", &source]);
    assert!(live.err().contains("1 of 3 keys hold no service"), "{}", live.err());
    assert!(!(live.err() + &live.out()).contains("marker"), "{}", live.out());
    let of_live = services(live);
    assert_eq!(of_live, of_file);
    assert_eq!(of_live.len(), 2);
    assert!(of_live.values().any(|owner| owner == "team-web"), "{of_live:?}");
    let all = services(with(
        &work,
        &[],
        &["inventory", "list", "--jsonl", &format!("etcd://127.0.0.1:{}", etcd.port)],
    ));
    assert_eq!(all.len(), 3, "an empty prefix is everything");
    let plain = work.write("plain.txt", etcd.ctl(&["get", "/services", "--prefix"]));
    let refused =
        work.run(&["inventory", "list", "--format", "etcd", plain.to_str().unwrap()]).expect_code(5);
    assert!(refused.err().contains("-w json") && !refused.err().contains("marker"), "{}", refused.err());
    let none = with(&work, &[], &["inventory", "list", &format!("etcd://127.0.0.1:{}/other", etcd.port)]);
    assert!(none.expect_code(5).err().contains("no key begins with `/other`"));
}

#[test]
fn thousands_of_keys_are_read_in_pages() {
    let (server, ctl) = (need!(peers::etcd()), need!(peers::etcdctl()));
    let work = Work::new();
    let etcd = Etcd::start(&server, &ctl, work.folder(), None);
    // Transactions hold 128 operations at most.
    for hundred in 0..25 {
        let mut puts = b"\n".to_vec();
        for n in 0..100 {
            writeln!(puts, "put /s/{hundred:02}{n:02} 192.0.{hundred}.{n}:443").unwrap();
        }
        puts.extend_from_slice(b"\n\n");
        etcd.run(&["txn"], &puts).expect_code(0);
    }
    let source = format!("etcd://127.0.0.1:{}/s/", etcd.port);
    let found = with(&work, &[], &["inventory", "list", "--jsonl", &source]);
    assert_eq!(services(found).len(), 2500);
}

#[test]
fn users_and_their_passwords_come_from_the_environment_and_stay_there() {
    let (server, ctl) = (need!(peers::etcd()), need!(peers::etcdctl()));
    let work = Work::new();
    let etcd = Etcd::start(&server, &ctl, work.folder(), None);
    etcd.ctl(&["put", "/services/web", "127.0.0.1:9"]);
    etcd.ctl(&["user", "add", "root:marker-of-a-password"]);
    etcd.ctl(&["user", "add", "guest:marker-of-a-guest"]);
    etcd.ctl(&["role", "add", "root"]);
    etcd.ctl(&["user", "grant-role", "root", "root"]);
    etcd.ctl(&["auth", "enable"]);
    let source = format!("etcd://127.0.0.1:{}/services", etcd.port);
    let list = ["inventory", "list", "--jsonl", &source];
    let named = format!("etcd://root@127.0.0.1:{}/services", etcd.port);
    let table: &[(&[(&str, &str)], &str, Option<&str>)] = &[
        (&[], &source, Some("set ETCDCTL_USER and ETCDCTL_PASSWORD")),
        (&[("ETCDCTL_USER", "root:marker-of-a-password")], &source, None),
        (&[("ETCDCTL_USER", "root"), ("ETCDCTL_PASSWORD", "marker-of-a-password")], &source, None),
        (&[("ETCDCTL_PASSWORD", "marker-of-a-password")], &named, None),
        (&[("ETCDCTL_USER", "root")], &source, Some("needs a password")),
        (&[("ETCDCTL_USER", "root:marker-wrong")], &source, Some("check ETCDCTL_USER")),
        (&[("ETCDCTL_USER", "guest:marker-of-a-guest")], &source, Some("may not read this prefix")),
    ];
    for (variables, source, refused) in table {
        let ended = with(&work, variables, &[list[0], list[1], list[2], source]);
        match refused {
            None => assert_eq!(services(ended).len(), 1, "{variables:?}"),
            Some(why) => {
                let said = ended.expect_code(5).err();
                assert!(said.contains(why) && said.contains(*source) && !said.contains("marker"), "{said}");
            }
        }
    }
    // A sweep of it stores no password anywhere.
    let variables = [("ETCDCTL_USER", "root:marker-of-a-password")];
    with(&work, &variables, &["sweep", &source, "--timeout", "500ms"]).expect_code(0);
    let mut files = 0;
    for entry in std::fs::read_dir(work.folder()).unwrap().flatten().filter(|e| e.path().is_file()) {
        files += 1;
        let bytes = std::fs::read(entry.path()).unwrap();
        let found = bytes.windows(b"marker-of".len()).any(|window| window == b"marker-of");
        assert!(!found, "{} holds the password", entry.path().display());
    }
    assert!(files > 0, "the incident file is there");
    let typed = work.run(&["inventory", "list", "etcd://root:marker-typed@127.0.0.1/"]).expect_code(2);
    assert!(typed.err().contains("never a password") && !typed.err().contains("marker"), "{}", typed.err());
}

#[test]
fn tls_with_the_roots_and_the_certificate_of_etcdctls_users() {
    let (server, ctl) = (need!(peers::etcd()), need!(peers::etcdctl()));
    let (work, ca, other) = (Work::new(), Ca::new(), Ca::new());
    let issued = ca.responder_certificate("subjectAltName=IP:127.0.0.1\n");
    // Servers send the intermediate with their certificate.
    let mut chain = std::fs::read(&issued.pem).unwrap();
    chain.extend(std::fs::read(ca.intermediate_pem()).unwrap());
    std::fs::write(&issued.pem, chain).unwrap();
    let etcd = Etcd::start(&server, &ctl, work.folder(), Some((&ca, &issued)));
    etcd.ctl(&["put", "/services/web", "192.0.2.11:443"]);
    let source = format!("etcds://127.0.0.1:{}/services", etcd.port);
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let (roots, foreign) = (text(&ca.root_pem()), text(&other.root_pem()));
    let (certificate, key) = (text(&issued.pem), text(&issued.key));
    let identity = [("ETCDCTL_CERT", certificate.as_str()), ("ETCDCTL_KEY", key.as_str())];
    let good = [&identity[..], &[("ETCDCTL_CACERT", roots.as_str())]].concat();
    let list = ["inventory", "list", "--jsonl", source.as_str()];
    assert_eq!(services(with(&work, &good, &list)).len(), 1);
    let table = [
        ([&identity[..], &[("ETCDCTL_CACERT", foreign.as_str())]].concat(), 5, "is not trusted"),
        (vec![("ETCDCTL_CACERT", roots.as_str())], 5, "client certificate"),
        (vec![("ETCDCTL_CACERT", "/nowhere/ca.pem")], 5, "/nowhere/ca.pem cannot be read"),
        (vec![("ETCDCTL_CERT", certificate.as_str())], 2, "are needed both"),
    ];
    for (variables, code, expected) in table {
        let said = with(&work, &variables, &list).expect_code(code).err();
        assert!(said.contains(expected), "{said}");
    }
    let clear = source.replace("etcds://", "etcd://");
    with(&work, &good, &["inventory", "list", &clear]).expect_code(5);
}

#[test]
fn a_live_etcd_feeds_a_sweep() {
    let (server, ctl) = (need!(peers::etcd()), need!(peers::etcdctl()));
    let node = need!(peers::node_vulnerable());
    let work = Work::new();
    let identity = Identity::rsa(work.folder(), "peer");
    let peer = Server::node(&node, &identity, "{}");
    let etcd = Etcd::start(&server, &ctl, work.folder(), None);
    let value = format!("{{\"host\":\"{}\",\"port\":{},\"owner\":\"team-web\"}}", peer.address, peer.port);
    etcd.ctl(&["put", "/services/web", &value]);
    let source = format!("etcd://127.0.0.1:{}/services", etcd.port);
    let swept = with(&work, &[], &["sweep", &source, "--fail-on", "exposed"]).expect_code(1);
    assert!(
        swept.out().contains("team-web") || swept.out().contains(&peer.address.to_string()),
        "{}",
        swept.out()
    );
    let offline = with(&work, &[], &["sweep", &source, "--offline"]).expect_code(2);
    assert!(offline.err().contains("--offline asks nobody but the targets"), "{}", offline.err());
}

#[test]
fn a_scripted_consul_is_an_inventory() {
    let (work, files) = (Work::new(), Files::new());
    files.put("/v1/catalog/services", Reply::Body(b"{\"consul\":[],\"web\":[\"tls\"]}".to_vec()));
    files.put("/v1/catalog/service/consul", Reply::Body(b"[]".to_vec()));
    let web = br#"[{"Node":"n1","Address":"192.0.2.11","ServiceName":"web","ServiceAddress":"","ServicePort":8443,"ServiceMeta":{"owner":"team-web"}}]"#;
    files.put("/v1/catalog/service/web", Reply::Body(web.to_vec()));
    let source = files.url("/").replace("http://", "consul://");
    let found = services(with(&work, &[], &["inventory", "list", "--jsonl", &source]));
    assert_eq!(found.values().collect::<Vec<_>>(), ["team-web"]);
    assert!(files.asked().iter().any(|asked| asked == "GET /v1/catalog/service/web"), "{:?}", files.asked());
    files.put("/v1/catalog/services", Reply::Redirect("http://192.0.2.1/".to_owned()));
    let said = with(&work, &[], &["inventory", "list", &source]).expect_code(5).err();
    assert!(said.contains("a redirect (status 301)") && said.contains(&source), "{said}");
    // A file may be named like a source; a path says so.
    work.write("dns:x", "web01.example.test\n");
    work.ok(&["inventory", "list", "./dns:x"]);
}
