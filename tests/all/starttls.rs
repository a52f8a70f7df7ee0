//! Real mail, chat, directory and database servers, all in one sweep; servers that misbehave in the dialogue before
//! TLS, each within its limits; and `allclear probe` on one of them.

use std::time::{Duration, Instant};

use crate::support::{
    Work,
    certs::Identity,
    daemons::{Daemon, database, every, mail},
    peers::{self, Server, need},
    row,
    scripted::{self, Fault},
    verdict,
};

fn inventory(daemons: &[(Daemon, Identity)]) -> String {
    let mut text = "id,name,address,port,wrap\n".to_owned();
    for (daemon, identity) in daemons {
        let host = identity.certificate.file_stem().unwrap().to_str().unwrap();
        for port in &daemon.ports {
            let id = port.what.replace(' ', "-");
            text.push_str(&format!("{id},{host}.test,{},{},{}\n", daemon.address, port.port, port.wrap));
        }
    }
    text
}

#[test]
fn every_real_server_gets_its_certificate_and_its_verdict_in_one_sweep() {
    let work = Work::new();
    let daemons = every(&work);
    need!((!daemons.is_empty()).then_some(()));
    let list = work.write("services.csv", inventory(&daemons));
    let rows = work.ok(&["sweep", list.to_str().unwrap(), "--jsonl", "--offline"]).rows();
    let mut wrong = Vec::new();
    for (daemon, identity) in &daemons {
        let facts = identity.facts();
        for port in &daemon.ports {
            let row = row(&rows, &port.what.replace(' ', "-"));
            let said = verdict(row);
            let served = row["certificate"]["sha256"].as_str() == Some(&facts.sha256)
                && row["certificate"]["spki_sha256"].as_str() == Some(&facts.spki_sha256);
            let right = if port.what.ends_with("without TLS") {
                said == "inconclusive/starttls-refused" && row.get("certificate").is_none()
            } else if port.what.ends_with("that defers") {
                said == "inconclusive/rate-limited" && row.get("certificate").is_none()
            } else {
                let clean = ["heartbeat-refused", "heartbeat-not-answered", "tls13-only"];
                served && clean.iter().any(|reason| said.ends_with(reason)) && said.starts_with("not-")
            };
            if !right {
                wrong.push(format!("{} ({}): {said}\n  {row}", port.what, port.wrap));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(
        rows.len(),
        daemons.iter().map(|(d, _)| d.ports.len()).sum::<usize>(),
        "one row for each port"
    );
}

#[test]
fn a_port_that_names_no_wrap_is_found_out() {
    let work = Work::new();
    let folder = work.path("mail");
    std::fs::create_dir(&folder).unwrap();
    let identity = Identity::rsa(&folder, "mail");
    let daemon = need!(mail::dovecot(&folder, &identity));
    let mut text = "id,address,port,wrap\n".to_owned();
    for (id, what, wrap) in [
        ("imap", "dovecot imap", ""),
        ("pop3", "dovecot pop3", ""),
        ("sieve", "dovecot managesieve", ""),
        ("imaps", "dovecot imaps", "starttls-imap"),
        ("wrong", "dovecot pop3", "starttls-smtp"),
    ] {
        text.push_str(&format!("{id},{},{},{wrap}\n", daemon.address, daemon.port(what).port));
    }
    let list = work.write("services.csv", text);
    let arguments = ["sweep", list.to_str().unwrap(), "--jsonl", "--offline", "--probe-timeout", "1s"];
    let rows = work.ok(&arguments).rows();
    let facts = identity.facts();
    let expected = [
        ("imap", "starttls-imap"),
        ("pop3", "starttls-pop3"),
        ("sieve", "starttls-sieve"),
        ("imaps", "tls"),
        ("wrong", "starttls-pop3"),
    ];
    for (id, wrap) in expected {
        let row = row(&rows, id);
        assert_eq!(row["wrap"], wrap, "{row}");
        assert_eq!(row["certificate"]["sha256"], facts.sha256.as_str(), "{row}");
        assert!(verdict(row).starts_with("not-"), "{row}");
        let finding = row["findings"].as_array().unwrap().iter().find(|f| f["kind"] == "other-wrap");
        assert!(finding.is_some(), "{row}");
    }
}

#[test]
fn client_first_protocols_are_found_out_where_it_is_asked_for() {
    let work = Work::new();
    let folder = work.path("db");
    std::fs::create_dir(&folder).unwrap();
    let identity = Identity::rsa(&folder, "db");
    let daemon = need!(database::postgresql(&folder, &identity));
    let port = daemon.ports.iter().find(|p| !p.what.ends_with("without TLS")).unwrap();
    let list = work.write("list.txt", format!("{}:{}\n", daemon.address, port.port));
    let list = list.to_str().unwrap();
    let rows = work.ok(&["sweep", list, "--jsonl", "--offline"]).rows();
    assert!(verdict(&rows[0]).starts_with("inconclusive"), "{}", rows[0]);
    let found = work.ok(&["sweep", list, "--jsonl", "--offline", "--wrap", "auto"]).rows();
    assert_eq!(found[0]["wrap"], "starttls-postgres", "{}", found[0]);
    assert_eq!(found[0]["certificate"]["sha256"], identity.facts().sha256.as_str());
}

#[test]
fn protocols_without_a_real_server_lead_to_a_real_tls_library_all_the_same() {
    let work = Work::new();
    let identity = Identity::rsa(work.folder(), "peer");
    let vulnerable = Server::node(&need!(peers::node_vulnerable()), &identity, "{}");
    let modern = Server::s_server(&need!(peers::openssl()), &identity, &[]);
    let newest = Server::s_server(&need!(peers::openssl()), &identity, &["-tls1_3"]);
    let mut text = "id,address,port,wrap\n".to_owned();
    let mut scripts = Vec::new();
    for wrap in ["starttls-telnet", "starttls-vnc", "starttls-mssql", "starttls-rdp"] {
        for (kind, server) in [("old", &vulnerable), ("new", &modern), ("only13", &newest)] {
            let script = scripted::relayed(wrap, (server.address, server.port).into());
            let place = script.place();
            text.push_str(&format!("{wrap}-{kind},{},{},{wrap}\n", place.ip(), place.port()));
            scripts.push(script);
        }
    }
    let list = work.write("services.csv", text);
    let rows = work.ok(&["sweep", list.to_str().unwrap(), "--jsonl", "--offline"]).rows();
    for wrap in ["starttls-telnet", "starttls-vnc", "starttls-mssql", "starttls-rdp"] {
        for (kind, expected) in [
            ("old", "vulnerable/malformed-heartbeat-answered"),
            ("new", "not-vulnerable/"),
            ("only13", "not-applicable/tls13-only"),
        ] {
            let row = row(&rows, &format!("{wrap}-{kind}"));
            assert!(verdict(row).starts_with(expected), "{wrap} {kind}: {row}");
            assert_eq!(row["certificate"]["sha256"], identity.facts().sha256.as_str(), "{row}");
            assert_eq!(row["verdicts"][0]["foreign_bytes"], 0, "{row}");
        }
    }
}

#[test]
fn each_hostile_dialogue_ends_in_a_reason_within_its_time() {
    let work = Work::new();
    let mut text = "id,name,address,port,wrap\n".to_owned();
    let mut servers = Vec::new();
    for (wrap, fault) in scripted::table() {
        let server = scripted::hostile(wrap, fault);
        let place = server.place();
        text.push_str(&format!("{wrap}-{fault:?},peer.test,{},{},{wrap}\n", place.ip(), place.port()));
        servers.push((wrap, fault, server));
    }
    let list = work.write("services.csv", text);
    let began = Instant::now();
    let arguments = ["sweep", list.to_str().unwrap(), "--jsonl", "--offline", "--probe-timeout", "500ms"];
    let rows = work.ok(&arguments).rows();
    let took = began.elapsed();
    // The longest of them: a dialogue of 1 s, a patient one of 2 s, a pause of 0.5 s, one in TLS of 2 s.
    assert!(took < Duration::from_secs(40), "{took:?} for dialogues that may take a few seconds each");
    let mut wrong = Vec::new();
    for (wrap, fault, _) in &servers {
        let row = row(&rows, &format!("{wrap}-{fault:?}"));
        let said = verdict(row);
        let expected: &[&str] = match fault {
            Fault::Refuses => &["starttls-refused"],
            Fault::Busy | Fault::Later => &["rate-limited"],
            Fault::Silent | Fault::Tarpit => &["probe-timed-out"],
            // PostgreSQL's answer is one byte: whatever follows it comes too late to tell another protocol.
            Fault::Flood | Fault::Chatter | Fault::Other if *wrap == "starttls-postgres" => {
                &["handshake-failed", "wrap-mismatch", "starttls-refused"]
            }
            Fault::Flood | Fault::Chatter => &["handshake-failed", "wrap-mismatch"],
            Fault::Other => &["wrap-mismatch", "starttls-refused"],
            Fault::Garbage => &["handshake-failed", "wrap-mismatch", "closed-early"],
            Fault::Closes | Fault::ClosesAfter => &["closed-early"],
            Fault::PlainAfter | Fault::Injected => &["handshake-failed"],
        };
        let fits = expected.iter().any(|reason| said.ends_with(reason));
        if !said.starts_with("inconclusive/") || !fits {
            wrong.push(format!("{wrap} {fault:?}: {said}\n  {row}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn probe_tells_step_by_step_why_the_verdict_follows() {
    let work = Work::new();
    let identity = Identity::rsa(work.folder(), "peer");
    let server = Server::node(&need!(peers::node_vulnerable()), &identity, "{}");
    let target = format!("{}:{}", server.address, server.port);
    let said = work.ok(&["probe", &target, "--offline"]).out();
    for part in [
        "ClientHello, TLSv1.2 at most",
        "ServerHello TLSv1.2",
        "heartbeats acknowledged",
        "claims 4096 bytes, carries 4096 of ours, no padding",
        "a heartbeat answer with exactly our own bytes",
        "(malformed-heartbeat-answered), 1 of 1 attempts vulnerable, foreign bytes: 0",
        "bytes, so the bounds check is missing",
        "self-signed",
    ] {
        assert!(said.contains(part), "no `{part}` in\n{said}");
    }
    let json = work.ok(&["probe", &target, "--offline", "--json"]).json();
    assert_eq!(json["schema"], "allclear.probe/1");
    assert_eq!(json["endpoint"]["certificate"]["sha256"], identity.facts().sha256.as_str());
    assert!(!work.path("incident.db").exists(), "nothing is stored");
    let refused = work.ok(&["probe", "127.0.0.1:1", "--offline"]).out();
    assert!(refused.contains("(refused)"), "{refused}");
    work.run(&["probe", "10.0.0.0/8"]).expect_code(2);
}
