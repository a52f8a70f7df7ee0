//! Which protocols allclear and other scanners reach, on the same servers: whether each comes to the certificate. Slow,
//! since the others are: run by `scripts/compare.sh`, which keeps the table in `docs/protocols.md`.

use std::{fmt::Write as _, net::SocketAddr, path::PathBuf, process::Command, time::Duration};

use crate::support::{
    Work,
    certs::Identity,
    daemons::every,
    peers::{self, Server, need},
    row, run_with_limit, scripted,
};

const LIMIT: Duration = Duration::from_secs(120);

/// One server and how it is reached.
struct Place {
    what: String,
    wrap: String,
    host: String,
    at: SocketAddr,
}

fn testssl(program: &PathBuf, place: &Place) -> &'static str {
    let mut command = Command::new(program);
    command.args([
        "--quiet",
        "--color",
        "0",
        "--warnings",
        "off",
        "--connect-timeout",
        "5",
        "--openssl-timeout",
        "5",
    ]);
    command.args(["--ip", &place.at.ip().to_string(), "-p"]);
    if let Some(protocol) = place.wrap.strip_prefix("starttls-") {
        let protocol = protocol.replace("xmpp-client", "xmpp");
        command.args(["-t", &protocol]);
        if protocol.starts_with("xmpp") {
            command.args(["--xmpphost", &place.host]);
        }
    }
    command.arg(format!("{}:{}", place.host, place.at.port()));
    let said = run_with_limit(&mut command, b"", LIMIT).out();
    let offered = said
        .lines()
        .any(|l| l.trim_start().starts_with("TLS") && l.contains("offered") && !l.contains("not offered"));
    if offered { "yes" } else { "no" }
}

fn sslyze(program: &PathBuf, place: &Place) -> &'static str {
    let mut command = Command::new(program);
    command.arg("--certinfo");
    if let Some(protocol) = place.wrap.strip_prefix("starttls-") {
        let protocol = protocol.replace("xmpp-client", "xmpp").replace('-', "_");
        command.args(["--starttls", &protocol]);
        if protocol.starts_with("xmpp") {
            command.args(["--xmpp_to", &place.host]);
        }
    }
    command.arg(place.at.to_string());
    let said = run_with_limit(&mut command, b"", LIMIT).out();
    if said.contains("SHA1 Fingerprint") { "yes" } else { "no" }
}

fn nmap(program: &PathBuf, place: &Place) -> &'static str {
    let mut command = Command::new(program);
    command.args([
        "-Pn",
        "-n",
        "-sV",
        "--version-light",
        "--script",
        "ssl-cert",
        "-p",
        &place.at.port().to_string(),
    ]);
    command.arg(place.at.ip().to_string());
    let said = run_with_limit(&mut command, b"", LIMIT).out();
    if said.contains("ssl-cert:") { "yes" } else { "no" }
}

#[test]
#[ignore = "takes a quarter of an hour, all of it in other scanners: scripts/compare.sh"]
fn no_scanner_reaches_a_protocol_that_allclear_does_not() {
    let work = Work::new();
    let daemons = every(&work);
    let identity = Identity::rsa(work.folder(), "scripted");
    let server = Server::s_server(&need!(peers::openssl()), &identity, &[]);
    let (testssl_at, sslyze_at, nmap_at) =
        (need!(peers::testssl()), need!(peers::sslyze()), need!(peers::nmap()));
    let mut places = Vec::new();
    for (daemon, identity) in &daemons {
        let host = format!("{}.test", identity.certificate.file_stem().unwrap().to_str().unwrap());
        for port in daemon
            .ports
            .iter()
            .filter(|p| !p.what.ends_with("without TLS") && !p.what.ends_with("that defers"))
        {
            let (what, wrap) = (port.what.to_owned(), port.wrap.to_owned());
            places.push(Place { what, wrap, host: host.clone(), at: daemon.place(port) });
        }
    }
    let scripts: Vec<_> = ["starttls-telnet", "starttls-vnc", "starttls-mssql", "starttls-rdp"]
        .map(|wrap| (wrap, scripted::relayed(wrap, (server.address, server.port).into())))
        .into();
    for (wrap, script) in &scripts {
        let what = "scripted opening, TLS by openssl".to_owned();
        places.push(Place {
            what,
            wrap: (*wrap).to_owned(),
            host: "scripted.test".into(),
            at: script.place(),
        });
    }
    let mut list = "id,name,address,port,wrap\n".to_owned();
    for (number, place) in places.iter().enumerate() {
        let _ =
            writeln!(list, "p{number},{},{},{},{}", place.host, place.at.ip(), place.at.port(), place.wrap);
    }
    let list = work.write("services.csv", list);
    let rows = work.ok(&["sweep", list.to_str().unwrap(), "--jsonl", "--offline"]).rows();
    let mut table = String::new();
    let mut missed = Vec::new();
    for (number, place) in places.iter().enumerate() {
        let ours = if row(&rows, &format!("p{number}")).get("certificate").is_some() { "yes" } else { "no" };
        let others = [testssl(&testssl_at, place), sslyze(&sslyze_at, place), nmap(&nmap_at, place)];
        let _ = writeln!(table, "| {} | {} | {ours} | {} |", place.wrap, place.what, others.join(" | "));
        if ours == "no" && others.contains(&"yes") {
            missed.push(place.what.clone());
        }
    }
    if let Some(file) = std::env::var_os("ALLCLEAR_PROTOCOLS") {
        std::fs::write(file, &table).unwrap();
    }
    assert!(missed.is_empty(), "{missed:?}\n{table}");
}
