//! What a reader of host evidence sees.

use std::collections::BTreeMap;

use crate::{
    model::{
        host::{
            Collector, CopiesAssessed, CopyKind, CopyRole, Coverage, Document, Ecosystem, Failure,
            FailureCode, Gap, Header, HostJudged, HostState, Library, Listener, Look, OldCopy, OnDisk,
            OpenTo, Origin, Owner, Part, Process, ProcessRole, Program, Protocol, Reach, Replaced, Runner,
            RunnerKind, TlsLibrary,
        },
        text::acts_on_a_terminal,
        time::Timestamp,
        verdict::{Disclosure, Reason, Verdict},
    },
    report::{hosts, style::Screen},
};

fn disclosure() -> Disclosure {
    toml::from_str(include_str!("../../../disclosures/CVE-2014-0160.toml")).unwrap()
}

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

fn judged(name: &str) -> HostJudged {
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
    let vulnerable = Some((Verdict::Vulnerable, Reason::FeaturePresent));
    let clean = Some((Verdict::NotVulnerable, Reason::VersionNotAffected));
    let assessed = CopiesAssessed {
        verdicts: vec![vulnerable, clean, vulnerable, None],
        packages: Vec::new(),
        old: vec![OldCopy {
            runner: document.processes[0].runner.clone(),
            program: "nginx".to_owned(),
            processes: vec![812, 813],
            container: None,
            library: 0,
            replaced: Some(Replaced::Renamed),
            verdict: vulnerable,
            disk_verdict: clean,
        }],
    };
    let look = Look { at, origin: Origin::Document, source: format!("ssh {name}"), document };
    let state = HostState { host: name.to_owned(), latest: Some(look), failed: None, others: Vec::new() };
    HostJudged { state, assessed: vec![assessed] }
}

fn silent(name: &str) -> HostJudged {
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
    assert_eq!(rows.len(), 6);
    assert_eq!((rows[0]["copies"].as_u64(), &rows[0]["whole"]), (Some(3), &false.into()));
    assert_eq!(rows[1]["run_by"][1]["pid"], 813);
    assert_eq!(rows[1]["build_id"], "5de9182f");
    assert_eq!(rows[4]["program"]["role"], "client");
    assert!(!rows[4].contains_key("verdict"));
    assert_eq!(
        (rows[5]["verdict"].as_str(), rows[5]["reason"].as_str()),
        (Some("unreachable"), Some("connect-timed-out"))
    );
}

#[test]
fn names_of_a_hostile_host_are_inert() {
    let evil = "x\u{1b}[2J\u{9b}\u{202e}\r\ny";
    let mut host = judged(evil);
    let look = host.state.latest.as_mut().unwrap();
    for library in &mut look.document.libraries {
        evil.clone_into(&mut library.path);
        library.version = Some(evil.to_owned());
        library.build_id = Some(evil.to_owned());
    }
    for process in &mut look.document.processes {
        evil.clone_into(&mut process.name);
    }
    host.assessed[0].old[0].program = evil.to_owned();
    host.assessed[0].old[0].runner.as_mut().unwrap().name = evil.to_owned();
    look.document.listeners[0].program = Some(evil.to_owned());
    evil.clone_into(&mut look.document.listeners[0].open_to.because);
    look.document.header.coverage.gaps[0].examples = vec![evil.to_owned()];
    let text = shown(&[host.clone()]);
    assert!(!text.contains(|c| c != '\n' && acts_on_a_terminal(c)), "{text:?}");
    let mut out = Vec::new();
    hosts::jsonl(&disclosure(), &[host], &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(!text.contains(|c| c != '\n' && acts_on_a_terminal(c)), "{text:?}");
}
