//! Hosts collected over ssh by the real program, on real OpenSSH servers in network namespaces of their own.

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::support::{
    Work, run_with_limit,
    sshd::{self, Client, Known, Network, Setup, Sshd},
};

/// The names in the temporary folders that the program may be sent to.
fn temporary() -> Vec<String> {
    let mut names: Vec<String> = ["/tmp", "/var/tmp", "/dev/shm"]
        .iter()
        .filter_map(|folder| fs::read_dir(folder).ok())
        .flat_map(|entries| entries.filter_map(|e| e.ok()?.file_name().into_string().ok()))
        .filter(|name| name.contains("allclear"))
        .collect();
    names.sort();
    names
}

/// The documents of a text, each from its header on.
fn documents(rows: &[Value]) -> Vec<Vec<&Value>> {
    let mut all: Vec<Vec<&Value>> = Vec::new();
    for row in rows {
        if row["record"] == "header" {
            all.push(Vec::new());
        }
        all.last_mut().unwrap().push(row);
    }
    all
}

#[test]
fn three_hosts_one_down_and_one_without_sudo_are_collected_in_one_command() {
    let _alone = sshd::alone();
    let Some(network) = Network::new(3) else { return };
    let mut client = Client::new();
    let good = Sshd::start(&client, &Setup { network: Some(network.host(1)), ..Setup::default() });
    let plain = Setup { network: Some(network.host(2)), user: true, ..Setup::default() };
    let plain = Sshd::start(&client, &plain);
    client.add("web01", &good, Known::Right);
    client.add("web02", &plain, Known::Right);
    client.add_address("web03", std::net::Ipv4Addr::new(198, 18, 0, 33), 22, "root");
    let before = temporary();

    let work = Work::new();
    let config = client.config();
    let mut command = Command::new("ip");
    command.args(["netns", "exec", &network.client(), env!("CARGO_BIN_EXE_allclear")]);
    command.args(["host", "collect", "--ssh", "web01", "--ssh", "web02", "--ssh", "web03", "--sudo"]);
    command.args(["--no-files", "--max-seconds", "90", "--connect-timeout", "15", "--ssh-config"]);
    command.arg(&config).current_dir(work.folder()).env("HOME", work.folder());
    let ended = run_with_limit(&mut command, b"", Duration::from_secs(300)).expect_code(0);
    let said = ended.err();
    assert!(said.contains("2 of 3 hosts collected into incident.db; 1 gave nothing"), "{said}");

    // One document a host, whole, whatever became of it.
    let rows = ended.rows();
    let all = documents(&rows);
    assert_eq!(all.len(), 3, "{said}");
    assert!(all.iter().all(|d| d.last().unwrap()["record"] == "footer"));
    let failed: Vec<&Value> =
        all.iter().map(|d| &d[0]["coverage"]["failed"]).filter(|f| !f.is_null()).collect();
    assert_eq!(failed.len(), 1);
    let code = failed[0]["code"].as_str().unwrap();
    assert!(["no-route", "connect-timed-out"].contains(&code), "{failed:?}");
    let privileged: Vec<bool> = all
        .iter()
        .filter(|d| d[0]["coverage"]["failed"].is_null())
        .map(|d| d[0]["privileged"].as_bool().unwrap())
        .collect();
    assert_eq!(privileged.iter().filter(|p| **p).count(), 1, "{said}");
    for document in all.iter().filter(|d| d[0]["coverage"]["failed"].is_null()) {
        assert_eq!(document[0]["collector"], "binary", "{said}");
        assert!(document.iter().filter(|r| r["record"] == "package").count() > 10);
        let complete = &document[0]["coverage"]["complete"];
        assert!(document[0]["privileged"] == true || complete == false, "{}", document[0]);
    }
    assert!(said.lines().any(|l| l.starts_with("web02") && l.contains("sudo")), "{said}");

    // The evidence is kept under the names that were asked, and nothing is left on the hosts.
    let shown = work.ok(&["host", "show"]).out();
    for name in ["web01", "web02", "web03"] {
        assert!(shown.contains(name), "{shown}");
    }
    assert!(shown.contains("nothing is known of what it runs"), "{shown}");
    let began = Instant::now();
    while temporary() != before {
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "left behind: {:?} beside {before:?}",
            temporary()
        );
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_host_that_is_not_known_is_refused_and_a_fragile_one_is_left_alone() {
    if !sshd::available() {
        return;
    }
    let mut client = Client::new();
    let server = Sshd::start(&client, &Setup::default());
    client.add("web01", &server, Known::Nothing);
    client.add("web02", &server, Known::Wrong);
    let work = Work::new();
    work.write(
        "services.csv",
        "name,port,fragile\nweb01,443,\nweb01,8443,\nweb02,443,\nprinter,443,yes\nprinter,631,\n",
    );
    let config = client.config();
    let arguments =
        ["host", "collect", "--inventory", "services.csv", "--ssh-config", config.to_str().unwrap()];
    let ended = work.ok(&arguments);
    let rows = ended.rows();
    let outcomes: std::collections::BTreeMap<&str, &str> = documents(&rows)
        .iter()
        .map(|d| (d[0]["host"].as_str().unwrap(), d[0]["coverage"]["failed"]["code"].as_str().unwrap()))
        .collect();
    let expected = [("printer", "skipped"), ("web01", "host-key"), ("web02", "host-key")];
    assert_eq!(outcomes, expected.into(), "{}", ended.err());
    // Nobody came in, and the key of the one that is not known was not written down.
    assert!(!server.log().contains("Accepted"), "{}", server.log());
    let known = fs::read_to_string(config.with_file_name("known_hosts")).unwrap_or_default();
    assert!(!known.contains("web01"), "{known}");
    let refused = work.ok(&["host", "collect", "--ssh=-oProxyCommand=touch x", "--jsonl"]);
    assert!(!Path::new(&work.path("x")).exists(), "{}", refused.err());
}
