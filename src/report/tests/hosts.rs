//! What a reader of host evidence sees.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    model::{
        host::{
            Act, ActKind, Collector, CopiesAssessed, CopyKind, CopyRole, Coverage, Document, Ecosystem,
            Failure, FailureCode, Finding, Gap, Header, HostJudged, HostState, Library, Listener, Look,
            OldCopy, OnDisk, OpenTo, Origin, Owner, Package, Part, Process, ProcessRole, Program, Protocol,
            Reach, Replaced, Runner, RunnerKind, TlsLibrary,
        },
        text::acts_on_a_terminal,
        time::Timestamp,
        verdict::{Reason, Verdict},
    },
    report::{
        hosts,
        sample::{self, act, disclosure, fixed, restart},
        style::Screen,
    },
};

fn copy(path: &str, kind: CopyKind, version: &str) -> Library {
    let mut copy = Library::new(path.to_owned(), kind, TlsLibrary::Openssl, CopyRole::Embeds);
    copy.version = Some(version.to_owned());
    copy
}

fn process(pid: u32, name: &str, runner: &str, library: &str) -> Process {
    Process {
        pid,
        ppid: Some(1),
        name: name.to_owned(),
        exe: None,
        exe_deleted: false,
        uid: Some(0),
        user: None,
        started_at: None,
        runner: Some(Runner {
            kind: RunnerKind::Unit,
            name: runner.to_owned(),
            engine: None,
            caution: false,
        }),
        container: None,
        own_mounts: false,
        role: ProcessRole::Server,
        listens: vec!["tcp 0.0.0.0:443".to_owned()],
        libraries: vec![library.to_owned()],
        holds: Vec::new(),
        readable: true,
    }
}

fn package(name: &str) -> Package {
    Package {
        name: name.to_owned(),
        version: "1.0.1e-2+deb7u5".to_owned(),
        epoch: None,
        arch: String::new(),
        source: "openssl".to_owned(),
        source_version: None,
        ecosystem: Ecosystem::Dpkg,
        openssl: true,
        installed_at: None,
        upgraded_from: None,
        container: None,
    }
}

pub(super) fn judged(name: &str) -> HostJudged {
    let at = Timestamp::from_seconds(1_795_500_000);
    let mut header = Header::named(name, at, Collector::Binary);
    header.uid = Some(1000);
    header.coverage = Coverage {
        gaps: vec![Gap {
            part: Part::Processes,
            what: "maps-unreadable".to_owned(),
            count: 12,
            examples: vec!["7 haproxy".to_owned()],
        }],
        ..Coverage::default()
    };
    let mut document = Document::new(header);
    let mut old = copy("/usr/lib/libssl.so.1.0.0", CopyKind::Mapped, "1.0.1e");
    old.deleted = true;
    old.replaced = Some(Replaced::Renamed);
    old.build_id = Some("5de9182f".to_owned());
    old.processes = vec![812, 813];
    old.on_disk = Some(OnDisk { version: Some("1.0.1u".to_owned()), ..OnDisk::default() });
    let mut owned = copy("/usr/lib/libssl.so.1.0.0", CopyKind::Disk, "1.0.1u");
    owned.owner = Some(Owner {
        package: "libssl1.0.0".to_owned(),
        version: "1.0.1u-1".to_owned(),
        source: "openssl".to_owned(),
        arch: String::new(),
        ecosystem: Ecosystem::Dpkg,
        intact: Some(true),
    });
    let mut curl =
        Library::new("/usr/bin/curl".to_owned(), CopyKind::Disk, TlsLibrary::Openssl, CopyRole::Uses);
    curl.program = Some(Program {
        role: "client".to_owned(),
        what: "http client".to_owned(),
        holds: vec!["passwords in ~/.netrc".to_owned()],
    });
    document.libraries = vec![old, owned, copy("/opt/turn/restund", CopyKind::Disk, "1.0.1e"), curl];
    document.processes =
        [812, 813].map(|pid| process(pid, "nginx", "nginx.service", "/usr/lib/libssl.so.1.0.0")).into();
    document.listeners = vec![Listener {
        protocol: Protocol::Tcp,
        address: "0.0.0.0".parse().unwrap(),
        port: 443,
        processes: vec![812],
        program: Some("nginx".to_owned()),
        tls_library: Some(true),
        open_to: OpenTo {
            reach: Reach::Anyone,
            from: Vec::new(),
            because: "no packet filter in force".to_owned(),
        },
        published: None,
        container: None,
    }];
    let vulnerable = Some(Finding::new(Verdict::Vulnerable, Reason::FeaturePresent));
    document.packages = vec![package("libssl1.0.0"), package("openssl")];
    let rebuild = Act {
        from: Some("1.0.1e".to_owned()),
        bundle: Some("wheel cryptography 0.2".to_owned()),
        ..act(ActKind::Rebuild, "/opt/turn/restund")
    };
    let assessed = CopiesAssessed {
        verdicts: vec![Some(sample::old()), Some(fixed()), vulnerable, None],
        packages: vec![Some(fixed()), Some(fixed())],
        old: vec![OldCopy {
            runner: document.processes[0].runner.clone(),
            program: "nginx".to_owned(),
            processes: vec![812, 813],
            container: None,
            library: 0,
            replaced: Some(Replaced::Renamed),
            verdict: Some(sample::old()),
            disk_verdict: Some(fixed()),
        }],
        acts: vec![rebuild, restart("nginx.service", true)],
    };
    let look =
        Look { at, origin: Origin::Document, source: format!("ssh {name}"), document: document.into() };
    let state = HostState { host: name.to_owned(), latest: Some(look), failed: None, others: Vec::new() };
    HostJudged { state, assessed: vec![assessed] }
}

/// The document that a host gave, to be changed.
pub(super) fn document(host: &mut HostJudged) -> &mut Document {
    Arc::make_mut(&mut host.state.latest.as_mut().unwrap().document)
}

pub(super) fn silent(name: &str) -> HostJudged {
    let failure = Failure { code: FailureCode::ConnectTimedOut, message: "connection timed out".to_owned() };
    let failed = Some((Timestamp::from_seconds(1_795_500_000), failure));
    let state = HostState { host: name.to_owned(), latest: None, failed, others: Vec::new() };
    HostJudged { state, assessed: Vec::new() }
}

fn shown(all: &[HostJudged]) -> String {
    let mut out = Vec::new();
    hosts::text(&disclosure(), all, false, &Screen::default(), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn a_host_is_read_in_one_look() {
    let text = shown(&[judged("web01"), silent("web02")]);
    insta::assert_snapshot!(text);
    // The old copy, its Build-ID, its processes and what to do about it stand first.
    let first = text.find("Runs an old copy").unwrap();
    assert!(first < text.find("Copies").unwrap());
    assert!(text.contains("pid 812, 813") && text.contains("Build-ID 5de9182f"));
    assert!(text.contains("systemctl restart nginx.service"));
    // Every verdict has the comparison that it rests on, and work that cuts people off says so.
    let plain = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for compare in [sample::old().compare.unwrap().to_string(), fixed().compare.unwrap().to_string()] {
        assert!(plain.contains(&compare), "{compare}: {text}");
    }
    let todo = plain.find("To do").unwrap();
    assert!(plain.find("1. rebuild or replace /opt/turn/restund (wheel cryptography 0.2").unwrap() > todo);
    assert!(plain.contains("it cuts people off: choose the hour."), "{text}");
}

#[test]
fn where_no_work_was_listed_an_old_copy_still_says_what_ends_it() {
    let mut host = judged("web01");
    host.assessed[0].acts.clear();
    let text = shown(&[host]);
    assert!(text.contains("Do: restart nginx.service (systemctl restart nginx.service)"), "{text}");
    assert!(!text.contains("To do"), "{text}");
}

#[test]
fn a_vulnerable_package_alone_makes_a_host_stand_out() {
    let mut host = judged("web01");
    host.assessed[0].verdicts = vec![None; 4];
    host.assessed[0].packages =
        vec![Some(sample::old()), Some(Finding::new(Verdict::Inconclusive, Reason::RowUnconfirmed))];
    let text = shown(&[host]);
    assert!(text.contains("1 of 1 host with a vulnerable copy or package: web01"), "{text}");
    assert!(text.contains("2 packages: 1 vulnerable, 1 not decided."), "{text}");
}

#[test]
fn what_was_not_seen_is_never_shown_as_clean() {
    let text = shown(&[silent("web02")]);
    assert!(text.contains("nothing is known of what it runs"), "{text}");
    assert!(text.contains("when last asked: 1"), "{text}");
    let text = shown(&[judged("web01")]);
    assert!(text.contains("maps-unreadable (12)") && text.contains("not clean"), "{text}");
}

#[test]
fn every_copy_and_every_silent_host_is_a_row() {
    let mut out = Vec::new();
    hosts::jsonl(&disclosure(), &[judged("web01"), silent("web02")], &mut out).unwrap();
    let rows: Vec<BTreeMap<String, serde_json::Value>> =
        String::from_utf8(out).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(rows.len(), 8);
    assert_eq!((rows[0]["copies"].as_u64(), &rows[0]["whole"]), (Some(3), &false.into()));
    assert_eq!(rows[0]["acts"][1]["kind"], "restart", "what has to be done");
    assert_eq!(rows[1]["compare"]["bound"], "1.0.1e-2+deb7u5", "what a package was compared with");
    assert_eq!(rows[3]["run_by"][1]["pid"], 813);
    assert_eq!(rows[3]["build_id"], "5de9182f");
    assert_eq!(rows[3]["compare"]["installed"], "1.0.1e-2+deb7u4", "what a copy was compared with");
    assert_eq!(rows[6]["program"]["role"], "client");
    assert!(!rows[6].contains_key("verdict"));
    assert_eq!(
        (rows[7]["verdict"].as_str(), rows[7]["reason"].as_str()),
        (Some("unreachable"), Some("connect-timed-out"))
    );
}

#[test]
fn names_of_a_hostile_host_are_inert() {
    let evil = "x\u{1b}[2J\u{9b}\u{202e}\r\ny";
    let mut host = judged(evil);
    let document = document(&mut host);
    for library in &mut document.libraries {
        evil.clone_into(&mut library.path);
        library.version = Some(evil.to_owned());
        library.build_id = Some(evil.to_owned());
    }
    for process in &mut document.processes {
        evil.clone_into(&mut process.name);
    }
    document.listeners[0].program = Some(evil.to_owned());
    evil.clone_into(&mut document.listeners[0].open_to.because);
    document.header.coverage.gaps[0].examples = vec![evil.to_owned()];
    document.packages[0].name = evil.to_owned();
    host.assessed[0].old[0].program = evil.to_owned();
    host.assessed[0].old[0].runner.as_mut().unwrap().name = evil.to_owned();
    host.assessed[0].acts[1].runner.as_mut().unwrap().name = evil.to_owned();
    host.assessed[0].acts[0].bundle = Some(evil.to_owned());
    let text = shown(&[host.clone()]);
    assert!(!text.contains(|c| c != '\n' && acts_on_a_terminal(c)), "{text:?}");
    let mut out = Vec::new();
    hosts::jsonl(&disclosure(), &[host], &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(!text.contains(|c| c != '\n' && acts_on_a_terminal(c)), "{text:?}");
}
