//! With real OpenSSH servers on loopback.

use std::{
    fs,
    future::pending,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use super::sshd::{self, Client, Known, Setup, Sshd, Then};
use crate::{
    host::ssh::{Collected, Options, collect},
    model::host::{Collector, FailureCode},
};

const DOCUMENT: &str = "{\"schema\":\"allclear.host/1\",\"record\":\"header\",\"tool\":\"stand-in\"}\n{\"schema\":\"allclear.host/1\",\"record\":\"footer\"}\n";

fn write(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, bytes).unwrap();
    path
}

fn options(client: &Client, binaries: Vec<PathBuf>) -> Options {
    Options {
        program: "ssh".into(),
        config: Some(client.config()),
        sudo: false,
        parallel: 8,
        host_limit: Duration::from_mins(1),
        connect_timeout: Duration::from_secs(3),
        binaries,
        arguments: vec!["host".into(), "collect".into(), "--jsonl".into()],
        max_bytes: 10 << 20,
    }
}

fn run(hosts: &[&str], options: &Options, stop: impl Future<Output = ()>) -> Vec<Collected> {
    let hosts: Vec<String> = hosts.iter().map(|h| (*h).to_owned()).collect();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut all = Vec::new();
    runtime.block_on(collect(&hosts, options, stop, |collected| all.push(collected)));
    all.sort_by_key(|c| hosts.iter().position(|h| *h == c.host));
    assert_eq!(all.iter().map(|c| c.host.as_str()).collect::<Vec<_>>(), hosts, "each host once: {all:#?}");
    all
}

fn document(collected: &Collected) -> String {
    String::from_utf8(collected.outcome.clone().unwrap_or_else(|e| panic!("{e:?} {collected:#?}"))).unwrap()
}

fn code(collected: &Collected) -> FailureCode {
    collected.outcome.as_ref().expect_err("a failure").code
}

/// Nothing of ours is in any of the folders that are tried, and no program of ours runs.
fn nothing_is_left(homes: &[&Path]) {
    let began = Instant::now();
    loop {
        let mut left: Vec<String> = Vec::new();
        let folders = ["/tmp", "/var/tmp", "/dev/shm", "/root"].map(Path::new);
        for folder in folders.into_iter().chain(homes.iter().copied()) {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                if name.starts_with(".allclear-") {
                    left.push(entry.path().display().to_string());
                }
            }
        }
        let running = Command::new("sh")
            .args(["-c", "for e in /proc/[0-9]*/exe; do readlink $e; done | grep '/[.]allclear-'"])
            .output()
            .unwrap();
        left.push(String::from_utf8_lossy(&running.stdout).into_owned());
        if left.iter().all(String::is_empty) {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "left behind: {left:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn every_host_gives_one_answer_and_failures_have_their_names() {
    if !sshd::available() || cfg!(not(target_arch = "x86_64")) {
        return;
    }
    let _alone = sshd::alone();
    let folder = tempfile::tempdir().unwrap();
    let mut client = Client::new();
    let good = Sshd::start(&client, &Setup::default());
    let locked = Sshd::start(&client, &Setup { locked: true, ..Setup::default() });
    let hangs = Sshd::start(&client, &Setup { forced: Some("sleep 1000".into()), ..Setup::default() });
    let mute = Sshd::start(&client, &Setup { forced: Some("true".into()), ..Setup::default() });
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    client.add("good", &good, Known::Right);
    client.add("wrong-key", &good, Known::Wrong);
    client.add("unknown-key", &good, Known::Nothing);
    client.add("locked", &locked, Known::Right);
    client.add("hangs", &hangs, Known::Right);
    client.add("mute", &mute, Known::Right);
    client.add_port("silent", silent.local_addr().unwrap().port(), "root");
    client.add_port("closed", closed, "root");
    let known_before = fs::read(client.config().with_file_name("known_hosts")).unwrap();
    // As large as the real one: it does not fit into any pipe.
    let mut program = sshd::program(DOCUMENT.as_bytes(), Then::Exit(0));
    program.resize(12 << 20, 0);
    let program = write(folder.path(), "program", program);
    let mut options = options(&client, vec![program]);
    options.host_limit = Duration::from_secs(20); // a busy machine ends a good one late
    let hosts = [
        "good",
        "wrong-key",
        "unknown-key",
        "locked",
        "hangs",
        "mute",
        "silent",
        "closed",
        "-oProxyCommand=id",
        "no-such-host.invalid",
    ];
    let all = run(&hosts, &options, pending());
    assert_eq!(document(&all[0]), DOCUMENT, "{:#?}", all[0]);
    assert_eq!((all[0].by, all[0].notes.len()), (Collector::Binary, 0), "{:#?}", all[0]);
    let codes: Vec<FailureCode> = all[1..].iter().map(code).collect();
    let expected = [
        FailureCode::HostKey,
        FailureCode::HostKey,
        FailureCode::Denied,
        FailureCode::TimedOut,
        FailureCode::NotRunnable,
        FailureCode::ConnectTimedOut,
        FailureCode::Refused,
        FailureCode::LocalError,
        FailureCode::DnsFailed,
    ];
    assert_eq!(codes, expected, "{all:#?}");
    let known_after = fs::read(client.config().with_file_name("known_hosts")).unwrap();
    assert_eq!(known_before, known_after, "the user's known hosts were changed");
    nothing_is_left(&[]);
}

#[test]
fn a_program_that_cannot_run_is_replaced_by_the_shell_collector() {
    if !sshd::available() {
        return;
    }
    let _alone = sshd::alone();
    let folder = tempfile::tempdir().unwrap();
    let mut client = Client::new();
    let server = Sshd::start(&client, &Setup::default());
    client.add("host", &server, Known::Right);
    let mut foreign = sshd::program(DOCUMENT.as_bytes(), Then::Exit(0));
    foreign[18] = 183; // for aarch64
    let mut broken = sshd::program(b"some text\n", Then::Exit(3));
    let crashing = write(folder.path(), "crashing", &broken);
    broken.truncate(200);
    let truncated = write(folder.path(), "truncated", &broken);
    let foreign = write(folder.path(), "foreign", &foreign);
    for (binaries, note) in [
        (vec![], "no program for "),
        (vec![foreign], "no program for "),
        (vec![crashing], "ended with code 3"),
        (vec![truncated], "gave nothing"),
    ] {
        if cfg!(not(target_arch = "x86_64")) && note != "no program for " {
            continue;
        }
        let all = run(&["host"], &options(&client, binaries), pending());
        let text = document(&all[0]);
        assert_eq!(all[0].by, Collector::Script, "{:#?}", all[0].notes);
        assert!(all[0].notes.iter().any(|n| n.contains(note)), "{note}: {:#?}", all[0].notes);
        let first: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_eq!(first["collector"], "script");
        let last: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        assert_eq!(last["record"], "footer", "{text}");
    }
    nothing_is_left(&[]);
}

#[test]
fn without_a_folder_that_runs_programs_the_shell_collector_is_used() {
    if !sshd::namespaces() {
        return;
    }
    let _alone = sshd::alone();
    let folder = tempfile::tempdir().unwrap();
    let mut client = Client::new();
    let noexec = |places: &[&str]| Setup {
        noexec: places.iter().map(|p| (*p).to_owned()).collect(),
        environment: vec![("XDG_RUNTIME_DIR".into(), "/dev/shm".into())],
        ..Setup::default()
    };
    let some = Sshd::start(&client, &noexec(&["/tmp", "/dev/shm"]));
    let all_of_them = Sshd::start(&client, &noexec(&["/tmp", "/dev/shm", "/var/tmp", "/root"]));
    client.add("some", &some, Known::Right);
    client.add("all", &all_of_them, Known::Right);
    let program = write(folder.path(), "program", sshd::program(DOCUMENT.as_bytes(), Then::Exit(0)));
    let all = run(&["some", "all"], &options(&client, vec![program]), pending());
    assert_eq!(document(&all[0]), DOCUMENT, "/var/tmp was left to run in: {:#?}", all[0]);
    assert_eq!(all[1].by, Collector::Script);
    assert_eq!(all[1].notes, ["no folder for a program: shell collector used"]);
    assert!(document(&all[1]).contains("\"collector\":\"script\""));
    nothing_is_left(&[]);
}

#[test]
fn a_user_without_rights_collects_and_says_whether_sudo_helped() {
    if !sshd::namespaces() || !sshd::sudo() {
        return;
    }
    let _alone = sshd::alone();
    let mut client = Client::new();
    let bashrc = "echo 'Welcome to the noisy host'; printf '{\"schema\":\"no\"'; echo oops >&2\n";
    let setup = Setup { user: true, bashrc: Some(bashrc.into()), ..Setup::default() };
    let plain = Sshd::start(&client, &setup);
    let rights = Sshd::start(&client, &Setup { sudo: true, ..setup });
    client.add("plain", &plain, Known::Right);
    client.add("rights", &rights, Known::Right);
    let mut options = options(&client, vec![]);
    options.sudo = true;
    let all = run(&["plain", "rights"], &options, pending());
    assert!(all[0].notes.iter().any(|n| n == "sudo: refused, collected without it"), "{:#?}", all[0].notes);
    assert!(!all[1].notes.iter().any(|n| n.contains("sudo")), "{:#?}", all[1].notes);
    let header = |c: &Collected| -> serde_json::Value {
        serde_json::from_str(document(c).lines().next().unwrap()).unwrap()
    };
    assert_eq!((&header(&all[0])["uid"], &header(&all[0])["privileged"]), (&47110.into(), &false.into()));
    assert_eq!((&header(&all[1])["uid"], &header(&all[1])["privileged"]), (&0.into(), &true.into()));
    let unreadable = |c: &Collected| header(c)["coverage"]["maps_unreadable"].as_u64().unwrap();
    assert!(unreadable(&all[0]) > unreadable(&all[1]), "{:#?}", header(&all[0]));
    // A program is run with the same rights, and its folder is gone.
    let folder = tempfile::tempdir().unwrap();
    options.binaries = vec![write(folder.path(), "p", sshd::program(DOCUMENT.as_bytes(), Then::Exit(0)))];
    for collected in run(&["plain", "rights"], &options, pending()) {
        if cfg!(target_arch = "x86_64") {
            assert_eq!(document(&collected), DOCUMENT, "{collected:#?}");
        }
    }
    nothing_is_left(&[&plain.home, &rights.home]);
}

#[test]
fn nothing_stays_behind_when_a_collection_is_stopped_or_too_slow() {
    if !sshd::namespaces() || !sshd::sudo() || cfg!(not(target_arch = "x86_64")) {
        return;
    }
    let _alone = sshd::alone();
    let folder = tempfile::tempdir().unwrap();
    let mut client = Client::new();
    let user = Sshd::start(&client, &Setup { user: true, sudo: true, ..Setup::default() });
    let root = Sshd::start(&client, &Setup::default());
    client.add("user", &user, Known::Right);
    client.add("root", &root, Known::Right);
    let half = &DOCUMENT.as_bytes()[..DOCUMENT.len() - 20];
    let program = write(folder.path(), "program", sshd::program(half, Then::Wait));
    let mut options = options(&client, vec![program]);
    options.sudo = true;
    options.parallel = 2;
    // Stopped in the middle: also a host that had not begun.
    let running = || {
        let said = Command::new("sh")
            .args(["-c", "for e in /proc/[0-9]*/exe; do readlink $e; done | grep -c '/[.]allclear-'"])
            .output()
            .unwrap();
        String::from_utf8_lossy(&said.stdout).trim().parse::<u32>().unwrap_or(0)
    };
    let both = async {
        while running() < 2 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    for collected in run(&["user", "root", "waits"], &options, both) {
        assert_eq!(code(&collected), FailureCode::Interrupted);
    }
    nothing_is_left(&[&user.home]);
    // Over its time: what came is kept.
    options.host_limit = Duration::from_secs(4);
    for collected in run(&["user", "root"], &options, pending()) {
        assert_eq!(document(&collected).as_bytes(), half);
        assert!(collected.notes.iter().any(|n| n.contains("timed out")), "{collected:#?}");
    }
    nothing_is_left(&[&user.home]);
}

#[test]
fn the_far_end_cleans_up_when_the_client_is_killed() {
    if !sshd::available() || cfg!(not(target_arch = "x86_64")) {
        return;
    }
    let _alone = sshd::alone();
    let folder = tempfile::tempdir().unwrap();
    let mut client = Client::new();
    let server = Sshd::start(&client, &Setup::default());
    client.add("host", &server, Known::Right);
    let program = write(folder.path(), "program", sshd::program(DOCUMENT.as_bytes(), Then::Wait));
    // A client in front of the client: it says its number, so that the test can kill it.
    let pid = folder.path().join("pid");
    let wrapper = write(
        folder.path(),
        "ssh",
        format!("#!/bin/sh\necho $$ >{0}.new; mv {0}.new {0}; exec ssh \"$@\"\n", pid.display()),
    );
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&wrapper, mode).unwrap();
    let mut options = options(&client, vec![program]);
    options.program = wrapper;
    let killer = std::thread::spawn(move || {
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(30) {
            let exes = Command::new("sh")
                .args(["-c", "for e in /proc/[0-9]*/exe; do readlink $e; done | grep '/[.]allclear-'"])
                .output()
                .unwrap();
            if let (Ok(pid), false) = (fs::read_to_string(&pid), exes.stdout.is_empty()) {
                assert!(Command::new("kill").args(["-KILL", pid.trim()]).status().unwrap().success());
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("the program never ran");
    });
    let all = run(&["host"], &options, pending());
    killer.join().unwrap();
    assert_eq!(document(&all[0]), DOCUMENT);
    assert!(all[0].notes.iter().any(|n| n.starts_with("cut off")), "{:#?}", all[0]);
    nothing_is_left(&[]);
}

#[test]
fn the_far_end_runs_under_every_usual_shell() {
    let folder = tempfile::tempdir().unwrap();
    let _alone = sshd::alone();
    let client = Client::new();
    let program = write(folder.path(), "program", sshd::program(DOCUMENT.as_bytes(), Then::Exit(0)));
    let mut seen = 0;
    for shell in ["dash", "bash --posix", "busybox ash", "ksh", "zsh --emulate sh"] {
        let here = Command::new("sh").args(["-c", &format!("{shell} -c true")]).output().unwrap();
        if !here.status.success() {
            continue;
        }
        seen += 1;
        // In the place of the client: runs the command here, as the server would.
        let text = format!(
            "#!/bin/bash\ncommand=${{@: -1}}\nexec /bin/sh -c \"${{command/\\/bin\\/sh/{shell}}}\"\n"
        );
        let wrapper = write(folder.path(), &shell.replace(' ', ""), text);
        fs::set_permissions(&wrapper, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let mut options = options(&client, vec![program.clone()]);
        options.program = wrapper;
        let all = run(&["host"], &options, pending());
        if cfg!(target_arch = "x86_64") {
            assert_eq!(document(&all[0]), DOCUMENT, "{shell}: {:#?}", all[0]);
        }
        options.binaries.clear();
        let all = run(&["host"], &options, pending());
        assert_eq!(all[0].by, Collector::Script);
        assert!(document(&all[0]).ends_with("}\n"), "{shell}: {:#?}", all[0]);
    }
    assert!(seen > 0);
    nothing_is_left(&[]);
}

#[test]
fn many_hosts_and_any_login_shell() {
    if !sshd::available() || cfg!(not(target_arch = "x86_64")) {
        return;
    }
    let _alone = sshd::alone();
    let folder = tempfile::tempdir().unwrap();
    let mut client = Client::new();
    let mut servers = Vec::new();
    let mut hosts = Vec::new();
    // The server gives the command to the user's login shell: in its place, to each that is here.
    for shell in ["sh", "bash", "tcsh", "fish", "zsh", "ksh"] {
        let here = Command::new("sh").args(["-c", &format!("command -v {shell}")]).output().unwrap();
        if here.status.success() {
            let forced = Some(format!("{shell} -c \"$SSH_ORIGINAL_COMMAND\""));
            servers.push(Sshd::start(&client, &Setup { forced, ..Setup::default() }));
        }
    }
    for (at, server) in servers.iter().enumerate() {
        for n in 0..5 {
            let alias = format!("host-{at}-{n}");
            client.add(&alias, server, Known::Right);
            hosts.push(alias);
        }
    }
    let program = write(folder.path(), "program", sshd::program(DOCUMENT.as_bytes(), Then::Exit(0)));
    let mut options = options(&client, vec![program]);
    options.parallel = 10;
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    for collected in run(&hosts, &options, pending()) {
        assert_eq!(document(&collected), DOCUMENT, "{collected:#?}");
        assert_eq!(collected.by, Collector::Binary);
    }
    nothing_is_left(&[]);
}
