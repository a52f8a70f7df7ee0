//! DNS at a real name server (BIND): what `inventory check --dns` finds, what `dns:NAME` brings in, and a sweep whose
//! name server has died since the last one.

use std::{
    fmt::Write as _,
    fs,
    net::{Ipv4Addr, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::support::{
    Work,
    certs::Identity,
    free_port,
    peers::{self, Server, need},
    row, verdict,
};

/// A name server of BIND on loopback, ended when dropped.
struct Named {
    child: Child,
    port: u16,
}

impl Drop for Named {
    fn drop(&mut self) {
        let _ = self.child.kill(); // an error means that it has ended already
        let _ = self.child.wait();
    }
}

impl Named {
    fn at(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

fn named_program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    let found = std::env::split_paths(&path).chain(usual).map(|f| f.join("named")).find(|p| p.is_file());
    if found.is_none() {
        peers::missing("named");
    }
    found
}

/// Serves zones, each as its name and its records behind the SOA.
fn named(work: &Work, tag: &str, zones: &[(&str, &str)]) -> Option<Named> {
    let program = named_program()?;
    let port = free_port();
    let folder = work.path(tag);
    fs::create_dir(&folder).unwrap();
    let place = folder.display();
    let mut config = format!(
        "options {{ directory \"{place}\"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};\n\
         pid-file none; session-keyfile none; recursion no; allow-query {{ any; }}; dnssec-validation no; }};\n\
         controls {{ }};\n"
    );
    for (zone, records) in zones {
        let text = format!("$TTL 60\n@ IN SOA ns.{zone}. hostmaster.{zone}. 1 60 60 60 60\n{records}");
        fs::write(folder.join(format!("{zone}.zone")), text).unwrap();
        let _ = writeln!(config, "zone \"{zone}\" {{ type primary; file \"{place}/{zone}.zone\"; }};");
    }
    let (config_file, log) = (folder.join("named.conf"), folder.join("log"));
    fs::write(&config_file, config).unwrap();
    let mut command = Command::new(program);
    command.args(["-g", "-n", "1", "-c"]).arg(config_file).stdin(Stdio::null()).stdout(Stdio::null());
    command.stderr(fs::File::create(&log).unwrap());
    let mut server = Named { child: command.spawn().unwrap(), port };
    let began = Instant::now();
    while !fs::read_to_string(&log).unwrap().contains(" running")
        || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err()
    {
        let ended = server.child.try_wait().unwrap();
        let said = || fs::read_to_string(&log).unwrap();
        assert!(ended.is_none() && began.elapsed() < Duration::from_secs(30), "{ended:?}: {}", said());
        std::thread::sleep(Duration::from_millis(20));
    }
    Some(server)
}

const PROVIDER: &str = "@ IN NS ns1\n@ IN NS ns2\nns1 IN A 127.0.0.1\nns2 IN A 127.0.1.1\n";
const ELSEWHERE: &str = "@ IN NS ns1.provider.test.\n@ IN NS ns2.provider.test.\n";

#[test]
fn names_resolvers_and_zones_are_checked_at_real_name_servers() {
    let work = Work::new();
    let hung = |app: &str| format!("{ELSEWHERE}www IN A 192.0.2.1\napp IN A 192.0.2.10\napp IN A {app}\n");
    let inside = "@ IN NS ns1\n@ IN NS ns2\nns1 IN A 127.0.0.1\nns2 IN A 127.0.1.1\nshop IN A 192.0.2.30\n\
                  shop IN AAAA 2001:db8::30\nempty IN TXT \"no host\"\n";
    let near = "@ IN NS ns1\n@ IN NS ns2\nns1 IN A 127.0.0.1\nns2 IN A 127.0.0.2\nsite IN A 192.0.2.40\n";
    let zones = |app: &str, start: fn(&Work, &str, &[(&str, &str)]) -> Option<Named>, tag: &str| {
        let hung = hung(app);
        let all = [
            ("hung.test", &*hung),
            ("inside.test", inside),
            ("near.test", near),
            ("provider.test", PROVIDER),
        ];
        start(&work, tag, &all)
    };
    let one = need!(zones("192.0.2.11", named, "one"));
    let two = need!(zones("192.0.2.12", named, "two"));
    let list = "name,address,port,owner\nwww.hung.test,,443,web\nwww.hung.test,,8443,web\napp.hung.test,,443,web\n\
                shop.inside.test,192.0.2.31,443,web\nempty.inside.test,,443,web\nsite.near.test,,443,web\n";
    work.write("services.csv", list);
    let check = ["inventory", "check", "services.csv"];
    assert!(!work.ok(&check).out().contains("DNS"), "nobody is asked without --dns");

    let (first, second) = (one.at(), two.at());
    let asked = ["--dns", "--resolver", &first, "--resolver", &second];
    let said = work.ok(&[&check[..], &asked].concat()).out();
    let lines = [
        &format!(
            "resolvers disagree on app.hung.test: 192.0.2.10 from all; 192.0.2.11 from {first}; 192.0.2.12 from {second}"
        ),
        "shop.inside.test is declared at 192.0.2.31, and DNS says 192.0.2.30, 2001:db8::30",
        "empty.inside.test has neither an A nor an AAAA record",
        "zone hung.test is served by one provider only (provider.test): when that is down, none of its 2 names can be looked up",
        "zone near.test has all its name servers in one network (127.0.0.0/24): when that is down, its one name cannot be looked up",
    ];
    for line in lines {
        assert_eq!(said.matches(line).count(), 1, "`{line}` is not once in:\n{said}");
    }
    assert!(!said.contains("zone inside.test") && !said.contains("www.hung.test"), "these are fine:\n{said}");

    // A name that does not exist is somebody's to correct; a resolver that is silent is not.
    work.write("gone.txt", "gone.inside.test\n");
    let gone =
        work.run(&["inventory", "check", "gone.txt", "--dns", "--resolver", &first]).expect_code(5).out();
    assert!(gone.contains("gone.inside.test does not exist in DNS"), "{gone}");
    drop(two);
    let half = work.ok(&[&check[..], &asked].concat()).out();
    assert!(half.contains(&format!("not everything was answered by {second}")), "{half}");
    assert!(!half.contains("disagree"), "silence is no difference: {half}");
}

#[test]
fn a_domain_is_an_inventory() {
    let work = Work::new();
    let records = "@ IN NS ns\nns IN A 127.0.0.1\n@ IN A 192.0.2.1\nwww IN A 192.0.2.2\n@ IN MX 10 mx\n\
                   mx IN A 192.0.2.25\n_imaps._tcp IN SRV 0 0 993 imap\nimap IN A 192.0.2.26\n";
    let server = need!(named(&work, "server", &[("example.test", records)]));
    let at = server.at();
    let rows = work.ok(&["inventory", "list", "dns:example.test", "--resolver", &at, "--jsonl"]).rows();
    let has = |name: &str, port: u64| rows.iter().any(|r| r["name"] == name && r["port"] == port);
    // The name server dies: what the incident knows of the domain is swept.
    work.ok(&["sweep", "dns:example.test", "--resolver", &at, "--dry-run"]);
    work.ok(&["sweep", "dns:example.test", "--resolver", &at, "--exclude", "192.0.2.0/24"]);
    drop(server);
    let again =
        work.ok(&["sweep", "dns:example.test", "--resolver", &at, "--dry-run", "--exclude", "192.0.2.0/24"]);
    assert!(again.err().contains("of earlier sweeps are taken instead"), "{}", again.err());
    assert!(again.out().contains("imap.example.test"), "{}", again.out());
    work.run(&["sweep", "dns:example.test", "--resolver", &at, "--dry-run", "--incident", "none.db"])
        .expect_code(5);
    for (name, port) in [
        ("example.test", 443),
        ("www.example.test", 443),
        ("mx.example.test", 25),
        ("imap.example.test", 993),
    ] {
        assert!(has(name, port), "{name}:{port} is not in {rows:#?}");
    }
}

#[test]
fn a_diff_finds_a_declared_name_where_dns_leads() {
    let work = Work::new();
    let records = "@ IN NS ns\nns IN A 127.0.0.1\nwww IN A 192.0.2.2\n";
    let server = need!(named(&work, "server", &[("example.test", records)]));
    work.write("declared.csv", "name,port,owner\nwww.example.test,443,team-web\n");
    let seen = |ip: &str| {
        format!(
            "{{\"ip\":\"{ip}\",\"timestamp\":\"1764550000\",\"port\":443,\"proto\":\"tcp\",\"rec_type\":\"status\",             \"data\":{{\"status\":\"open\",\"reason\":\"syn-ack\",\"ttl\":64}}}}\n"
        )
    };
    work.write("scan.ndjson", seen("192.0.2.2") + &seen("192.0.2.3"));
    let diff = ["inventory", "diff", "declared.csv", "scan.ndjson", "--json"];
    let counts = |document: &serde_json::Value| {
        (document["counts"]["agree"].clone(), document["counts"]["undeclared"].clone())
    };
    assert_eq!(counts(&work.ok(&diff).json()), (0.into(), 2.into()), "nobody is asked without --dns");
    let at = server.at();
    let document = work.ok(&[&diff[..], &["--dns", "--resolver", &at]].concat()).json();
    assert_eq!(counts(&document), (1.into(), 1.into()), "{document:#}");
    assert_eq!(document["undeclared"][0]["address"], "192.0.2.3");
}

#[test]
fn a_sweep_finds_what_leaks_though_its_name_server_died() {
    let node = need!(peers::node_vulnerable());
    let work = Work::new();
    let identity = Identity::rsa(work.folder(), "leak.sweep.test");
    let leaks = Server::node(&node, &identity, "{}");
    let zone = format!("@ IN NS ns\nns IN A 127.0.0.1\nleak IN A {}\n", leaks.address);
    let server = need!(named(&work, "server", &[("sweep.test", &zone)]));
    let at = server.at();
    let list =
        format!("id,name,port\nleak,leak.sweep.test,{port}\nnew,new.sweep.test,{port}\n", port = leaks.port);
    work.write("services.csv", list);
    let sweep = ["sweep", "services.csv", "--jsonl", "--offline", "--resolver", &at];

    let planned = work.ok(&["sweep", "services.csv", "--dry-run", "--resolver", &at]).out();
    assert!(planned.contains(&format!("probe\t{}", leaks.address)), "{planned}");
    let first = work.ok(&sweep);
    assert_eq!(verdict(row(&first.rows(), "leak")), "vulnerable/malformed-heartbeat-answered");
    assert_eq!(verdict(row(&first.rows(), "new")), "unreachable/dns-failed", "it does not exist");

    drop(server);
    let second = work.ok(&sweep);
    let rows = second.rows();
    let mut seen: Vec<(String, String)> = rows
        .iter()
        .filter(|r| r["row_id"] == "leak")
        .map(|r| (r["address"].as_str().unwrap_or("-").to_owned(), verdict(r)))
        .collect();
    seen.sort();
    let expected = [
        ("-".to_owned(), "unreachable/dns-failed".to_owned()),
        (leaks.address.to_string(), "vulnerable/malformed-heartbeat-answered".to_owned()),
    ];
    assert_eq!(seen, expected);
    let words = "DNS did not answer for 2 names; 1 of them was also looked at where the last sweep found it";
    assert!(second.err().contains(words), "{}", second.err());
    let status = work.ok(&["status", "--json"]).json();
    let states: Vec<_> =
        status["services"].as_array().unwrap().iter().map(|s| (&s["row_id"], &s["state"])).collect();
    assert!(states.contains(&(&"leak".into(), &"exposed".into())), "{states:?}");
    assert!(states.contains(&(&"new".into(), &"unknown".into())), "{states:?}");

    // What would be contacted is told as it is.
    let planned = work.ok(&["sweep", "services.csv", "--dry-run", "--resolver", &at]).out();
    assert!(planned.contains(&format!("probe\t{}", leaks.address)), "{planned}");
    assert!(planned.contains("no-address"), "{planned}");
}
