//! Clusters, and what a host says of itself: files that kubectl and the collector write.

use std::process::Command;

use crate::support::{
    HANG, Work, control_byte,
    peers::{self, need},
    run_with_limit,
};

/// What kubectl prints for an object that it would create; it asks no server for that.
#[track_caller]
fn kubectl(work: &Work, program: &std::path::Path, arguments: &[&str], output: &str) -> String {
    let mut command = Command::new(program);
    command.args(arguments).args(["--dry-run=client", "-o", output]);
    command.current_dir(work.folder()).env("HOME", work.folder()).env_remove("KUBECONFIG");
    run_with_limit(&mut command, b"", HANG).expect_code(0).out()
}

#[test]
fn objects_that_kubectl_prints_are_read() {
    let program = need!(peers::kubectl());
    let work = Work::new();
    let rule = "--rule=www.example.test/*=web:443,tls=www-tls";
    let other = "--rule=shop.example.test/*=web:443,tls=www-tls";
    let ingress = ["create", "ingress", "web", rule, other];
    let balancer = ["create", "service", "loadbalancer", "edge", "--tcp=443:8443"];
    let inner = ["create", "service", "clusterip", "inner", "--tcp=443:8443"];
    let headless = ["create", "service", "clusterip", "none", "--tcp=443:8443", "--clusterip=None"];
    let outside = ["create", "service", "externalname", "out", "--external-name=api.example.net"];
    let all: [&[&str]; 5] = [&ingress, &balancer, &inner, &headless, &outside];
    // One object after another in JSON, and documents in YAML.
    let json: String = all.iter().map(|arguments| kubectl(&work, &program, arguments, "json")).collect();
    let yaml: Vec<String> = all.iter().map(|arguments| kubectl(&work, &program, arguments, "yaml")).collect();
    for (name, text) in [("k.json", json), ("k.yaml", yaml.join("---\n"))] {
        work.write(name, text);
        work.ok(&["inventory", "check", name]);
        let listed = work.ok(&["inventory", "list", name, "--jsonl"]);
        let said = listed.err();
        for part in [
            "LoadBalancer services that have neither an address nor a name yet: 1",
            "headless services, whose pods the file does not tell: 1",
            "ExternalName services, which only lead to a name elsewhere: 1",
        ] {
            assert!(said.contains(part), "{name}: {part} is not in:\n{said}");
        }
        let rows = listed.rows();
        let got: Vec<(Option<&str>, Option<u64>)> =
            rows.iter().map(|row| (row["name"].as_str(), row["port"].as_u64())).collect();
        assert_eq!(
            got,
            [
                (Some("www.example.test"), Some(443)),
                (Some("shop.example.test"), Some(443)),
                (Some("inner.default.svc.cluster.local"), Some(443))
            ],
            "{name}"
        );
        assert!(rows[0]["tags"].to_string().contains("tls-secret=default/www-tls"), "{}", rows[0]);
    }
}

#[test]
fn a_document_of_this_host_is_an_inventory_of_what_listens() {
    let work = Work::new();
    // Whoever runs the tests, one socket is open to others and one is not.
    let open = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = |listener: &std::net::TcpListener| u64::from(listener.local_addr().unwrap().port());
    let collected = work.ok(&["host", "collect", "--no-files", "--jsonl", "--max-seconds", "60"]);
    work.write("host.jsonl", &collected.stdout);
    work.ok(&["inventory", "check", "host.jsonl"]);
    let ended = work.ok(&["inventory", "list", "host.jsonl", "--jsonl"]);
    assert!(ended.err().contains("listeners on loopback alone"), "{}", ended.err());
    assert_eq!(control_byte(&ended.stderr), None);
    let rows = ended.rows();
    let listed = |listener| rows.iter().any(|row| row["port"].as_u64() == Some(port(listener)));
    assert!(listed(&open) && !listed(&closed), "{rows:?}");
}
