//! `inventory diff` and `inventory adopt` against listeners that the test opened: found by a sweep over a network, and
//! by nmap.

use std::process::Command;

use serde_json::Value;

use crate::support::{
    HANG, Work,
    certs::{Identity, Key},
    free_port,
    peers::{self, Server},
    run_with_limit,
};

/// Two TLS servers: one that is declared and one that nobody knows of.
struct Fleet {
    work: Work,
    known: Server,
    forgotten: Server,
    /// A port of the known host on which nothing listens.
    closed: u16,
}

impl Fleet {
    fn new() -> Option<Self> {
        let openssl = peers::openssl()?;
        let work = Work::new();
        let identity: Identity = Key::ecdsa(work.folder(), "fleet").certify("fleet", "forgotten.test");
        let server = || Server::s_server(&openssl, &identity, &["-tls1_2"]);
        let (known, forgotten) = (server(), server());
        let closed = free_port();
        let csv = format!(
            "name,address,port,owner,tags\n\
             known.test,{0},{1},team-web,\n\
             closed.test,{0},{closed},team-web,\n\
             away.test,127.0.0.254,443,team-away,\n",
            known.address, known.port
        );
        work.write("declared.csv", csv);
        Some(Self { work, known, forgotten, closed })
    }

    fn endpoint(server: &Server) -> String {
        format!("{}:{}", server.address, server.port)
    }

    /// The endpoints of a part of `inventory diff --json`.
    fn endpoints(document: &Value, part: &str) -> Vec<String> {
        let items = document[part].as_array().unwrap().iter();
        items.map(|i| format!("{}:{}", i["address"].as_str().unwrap(), i["port"])).collect()
    }

    /// Holds a comparison with this to what was opened, then adopts, and compares again.
    fn check(&self, with: &[&str]) {
        let (known, forgotten) = (&self.known, Self::endpoint(&self.forgotten));
        let run = |first: &[&str], more: &[&str]| {
            let mut arguments = vec!["inventory"];
            arguments.extend_from_slice(first);
            arguments.push("declared.csv");
            arguments.extend_from_slice(with);
            arguments.extend_from_slice(more);
            self.work.run(&arguments)
        };
        let document = run(&["diff"], &["--json"]).expect_code(0).json();
        assert_eq!(document["schema"], "allclear.diff/1");
        assert_eq!(Self::endpoints(&document, "undeclared"), [forgotten.as_str()], "{document:#}");
        let one = &document["undeclared"][0];
        assert_eq!((one["tls"].as_str(), one["transport"].as_str()), (Some("yes"), Some("tcp")));
        assert_eq!(one["certificate_names"][0], "forgotten.test");
        assert_eq!(Self::endpoints(&document, "gone"), [format!("{}:{}", known.address, self.closed)]);
        let counts = &document["counts"];
        assert_eq!((&counts["agree"], &document["not_looked_at"]), (&Value::from(1), &Value::from(1)));

        let text = run(&["diff"], &[]).expect_code(0).out();
        assert!(text.starts_with("1 undeclared, 0 retired and open, 1 gone,"), "{text}");
        assert!(text.contains(&forgotten) && text.contains("forgotten.test"), "{text}");
        run(&["diff"], &["--fail-on", "undeclared"]).expect_code(1);
        run(&["diff"], &["--fail-on", "retired,names"]).expect_code(0);

        // Adopted as it stands, it loads without a bad row and nothing is undeclared any more.
        run(&["adopt"], &["-o", "adopted.csv"]).expect_code(0);
        let refused = run(&["adopt"], &["-o", "adopted.csv"]).expect_code(2);
        assert!(refused.err().contains("--force"), "{}", refused.err());
        run(&["adopt"], &["-o", "adopted.csv", "--force"]).expect_code(0);
        let rows = self.work.ok(&["inventory", "list", "--jsonl", "adopted.csv"]).rows();
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0]["address"], self.forgotten.address.to_string());
        let tags: Vec<&str> = rows[0]["tags"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert!(tags.contains(&"undeclared") && tags.contains(&"certificate=forgotten.test"), "{tags:?}");
        self.work.ok(&["inventory", "check", "declared.csv", "adopted.csv"]);
        let after = run(&["diff", "adopted.csv"], &["--json"]).expect_code(0).json();
        assert_eq!((&after["counts"]["undeclared"], &after["counts"]["agree"]), (&0.into(), &2.into()));
    }
}

#[test]
fn a_sweep_over_a_network_finds_what_no_one_declared() {
    let Some(fleet) = Fleet::new() else { return };
    // The networks of four addresses in which the two servers are.
    let network = |server: &Server| {
        let std::net::IpAddr::V4(address) = server.address else { panic!("loopback is IPv4 here") };
        format!("{}/30\n", std::net::Ipv4Addr::from(u32::from(address) & !3))
    };
    let mut networks = vec![network(&fleet.known), network(&fleet.forgotten)];
    networks.dedup();
    let ports = format!("{},{},{}", fleet.known.port, fleet.forgotten.port, fleet.closed);
    let arguments = ["sweep", "-", "--incident", "discovery.db", "--ports", &ports];
    fleet.work.run_with_input(&arguments, &networks.concat()).expect_code(0);
    fleet.check(&["--swept", "discovery.db"]);

    // Without an inventory, what the incident holds is declared, and the text says so.
    fleet.work.ok(&["sweep", "declared.csv", "--incident", "incident.db"]);
    let text = fleet.work.ok(&["inventory", "diff", "--swept", "discovery.db"]).out();
    assert!(text.contains("declared by: the incident incident.db"), "{text}");
    assert!(text.contains(&Fleet::endpoint(&fleet.forgotten)), "{text}");
}

#[test]
fn nmap_finds_what_no_one_declared() {
    let (Some(nmap), Some(fleet)) = (peers::nmap(), Fleet::new()) else { return };
    let ports = format!("{},{},{}", fleet.known.port, fleet.forgotten.port, fleet.closed);
    let mut command = Command::new(nmap);
    command.args(["-sT", "-Pn", "-n", "-sV", "--script", "ssl-cert", "-p", &ports, "-oX", "nmap.xml"]);
    command.args([fleet.known.address.to_string(), fleet.forgotten.address.to_string()]);
    command.current_dir(fleet.work.folder());
    run_with_limit(&mut command, b"", HANG).expect_code(0);
    fleet.check(&["nmap.xml"]);
}

#[test]
fn what_cannot_be_compared_is_said() {
    let work = Work::new();
    work.write("declared.csv", "name,port\nweb.test,443\n");
    let table = [
        (vec!["inventory", "diff"], "nothing is declared"),
        (vec!["inventory", "diff", "declared.csv"], "nothing to compare with"),
        (vec!["inventory", "diff", "declared.csv", "--swept", "none.db"], "none.db"),
        (vec!["inventory", "diff", "missing.csv"], "missing.csv"),
    ];
    for (arguments, said) in table {
        let ended = work.run(&arguments).expect_code(5);
        assert!(ended.err().contains(said), "{arguments:?}: {}", ended.err());
    }
    work.run(&["inventory", "diff", "declared.csv", "--fail-on", "everything"]).expect_code(2);
}
