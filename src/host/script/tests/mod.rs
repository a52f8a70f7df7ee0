//! Runs the collector here, under every shell and awk that is installed, and compares it with other tools.

use std::{
    collections::BTreeSet,
    fs,
    io::Write as _,
    os::unix::{
        ffi::OsStrExt as _,
        fs::{PermissionsExt as _, symlink},
    },
    path::Path,
    process::{Command, Stdio},
};

use crate::{
    host::root::bytes_text,
    model::host::{CopyKind, Header, Library, Package, Part, Process, Record, TlsLibrary},
};

/// Shells with their arguments.
const SHELLS: &[&[&str]] = &[&["sh"], &["dash"], &["bash", "--posix"], &["busybox", "ash"], &["ksh"]];

/// Programs, and how each is called as awk.
const AWKS: &[(&str, &str)] =
    &[("gawk", "gawk"), ("mawk", "mawk"), ("busybox", "busybox awk"), ("original-awk", "original-awk")];

fn awk(command: &str) -> tempfile::TempDir {
    programs(&[("awk", &format!("#!/bin/sh\nexec {command} \"$@\"\n"))])
}

fn installed(program: &str) -> bool {
    Command::new("sh").args(["-c", &format!("command -v {program}")]).output().unwrap().status.success()
}

/// Runs the collector and reads every line by the model: a record that does not fit it fails here.
fn run(shell: &[&str], path: Option<&Path>, arguments: &[&str]) -> Vec<Record> {
    let mut command = Command::new(shell[0]);
    command.args(&shell[1..]).arg("-s").arg("--").args(arguments);
    if let Some(path) = path {
        let usual = std::env::var("PATH").unwrap();
        command.env("PATH", format!("{}:{usual}", path.display()));
    }
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(super::text().as_bytes()).unwrap();
    let said = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&said.stderr), "", "{shell:?}");
    assert!(said.status.success(), "{shell:?}");
    let text = String::from_utf8(said.stdout).expect("UTF-8, whatever is on the host");
    text.lines()
        .map(|line| {
            let value: serde_json::Value =
                serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
            assert_eq!(value["schema"], "allclear.host/1");
            serde_json::from_value(value).unwrap_or_else(|e| panic!("{e}: {line}"))
        })
        .collect()
}

fn header(records: &[Record]) -> &Header {
    let Some(Record::Header(header)) = records.first() else { panic!("no header first") };
    header
}

fn packages(records: &[Record]) -> Vec<&Package> {
    records.iter().filter_map(|r| if let Record::Package(p) = r { Some(p) } else { None }).collect()
}

fn processes(records: &[Record]) -> Vec<&Process> {
    records.iter().filter_map(|r| if let Record::Process(p) = r { Some(&**p) } else { None }).collect()
}

fn libraries(records: &[Record]) -> Vec<&Library> {
    records.iter().filter_map(|r| if let Record::Library(l) = r { Some(&**l) } else { None }).collect()
}

#[test]
fn every_shell_gives_the_same_packages_as_dpkg_query() {
    if !installed("dpkg-query") {
        let _ = writeln!(std::io::stderr(), "skipped: dpkg-query is missing");
        return;
    }
    let format = "${db:Status-Abbrev}\t${Package}\t${Version}\t${Architecture}\t${source:Package}\n";
    let said = Command::new("dpkg-query").args(["-W", "-f", format]).output().unwrap();
    let said = String::from_utf8(said.stdout).unwrap();
    let expected: BTreeSet<String> = said
        .lines()
        .filter_map(|line| line.split_once('\t'))
        // Unpacked is enough: a package whose set-up failed has its files on disk.
        .filter(|(status, _)| matches!(status.as_bytes(), [b'i', b'i' | b'F' | b'U' | b'W' | b't', ..]))
        .map(|(_, rest)| rest.to_owned())
        .collect();
    assert!(expected.len() > 50);
    for shell in SHELLS.iter().filter(|shell| installed(shell[0])) {
        let records = run(shell, None, &[]);
        let found: BTreeSet<String> = packages(&records)
            .iter()
            .map(|p| format!("{}\t{}\t{}\t{}", p.name, p.version, p.arch, p.source))
            .collect();
        assert_eq!(found, expected, "{shell:?}");
        for package in packages(&records) {
            let ours = crate::model::host::is_openssl_source(&package.source);
            assert_eq!(package.openssl, ours, "{package:?}");
            let epoch = package.version.split_once(':').and_then(|(epoch, _)| epoch.parse().ok());
            assert_eq!(package.epoch, epoch, "{package:?}");
        }
        let Some(Record::Footer(footer)) = records.last() else { panic!("no footer last") };
        assert_eq!(footer.records, records.len() as u64 - 2);
        assert_eq!(footer.counts["package"], packages(&records).len() as u64);
    }
}

#[test]
fn the_header_says_what_was_not_collected() {
    let records = run(&["sh"], None, &[]);
    let coverage = &header(&records).coverage;
    assert!(!coverage.complete);
    for part in [Part::Updates, Part::Files, Part::Archives, Part::Exposure, Part::Secrets] {
        assert!(coverage.gaps.iter().any(|g| g.part == part && g.what == "not-collected"), "{part}");
    }
    assert!(coverage.counts["processes_seen"] > 0);
    let me = Command::new("id").arg("-u").output().unwrap();
    assert_eq!(header(&records).uid.unwrap().to_string(), String::from_utf8_lossy(&me.stdout).trim());
}

/// Starts a program that has a file of this name mapped.
fn holding(path: &Path) -> std::process::Child {
    let python = "import mmap,sys,time\nf=open(sys.argv[1],'rb')\nm=mmap.mmap(f.fileno(),0,prot=mmap.PROT_READ)\nf.close()\nprint('ready',flush=True)\ntime.sleep(600)";
    let mut child = Command::new("python3")
        .args(["-c", python])
        .arg(path)
        .stdout(Stdio::piped())
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut out, &mut line).unwrap();
    assert_eq!(line, "ready\n");
    child
}

#[test]
fn mapped_libraries_are_found_whatever_their_names_and_whether_they_are_gone() {
    if !installed("python3") {
        let _ = writeln!(std::io::stderr(), "skipped: python3 is missing");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let odd = std::ffi::OsStr::from_bytes(b"q\"b\\c\x01\xff\xc3\xa9 s\xed\xa0\x80\t");
    let odd = folder.path().join(odd);
    fs::create_dir(&odd).unwrap();
    let banner =
        "padding\0OpenSSL 1.1.1k  FIPS 25 Mar 2021\0OPENSSLDIR: \"/etc/x\"\0built on: Wed Mar 22 2023\0";
    let names = ["libcrypto-ea28cefb.so.1.1", "libssl.so.3", "libcrypto.so.1.0.0"];
    let mut children = Vec::new();
    for name in names {
        fs::write(odd.join(name), banner).unwrap();
        children.push(holding(&odd.join(name)));
    }
    fs::remove_file(odd.join(names[1])).unwrap();
    fs::write(odd.join("new"), "OpenSSL 3.0.22 1 Jan 2026 another").unwrap();
    fs::rename(odd.join("new"), odd.join(names[2])).unwrap();
    let expected = bytes_text(odd.as_os_str().as_bytes());
    let root = rustix::process::geteuid().is_root();
    let shells = SHELLS.iter().filter(|shell| installed(shell[0])).map(|shell| (*shell, None));
    let awks =
        AWKS.iter().filter(|(name, _)| installed(name)).map(|(_, command)| (SHELLS[0], Some(awk(command))));
    for (shell, path) in shells.chain(awks) {
        let records = run(shell, path.as_ref().map(tempfile::TempDir::path), &[]);
        for (at, name) in names.iter().enumerate() {
            let path = format!("{expected}/{name}");
            let found: Vec<_> = libraries(&records).into_iter().filter(|l| l.path == path).collect();
            let [library] = found[..] else { panic!("{shell:?} {path}: {found:#?}") };
            assert_eq!(library.processes, [children[at].id()], "{shell:?}");
            assert_eq!((library.kind, library.deleted), (CopyKind::Mapped, at > 0), "{shell:?} {library:#?}");
            let replaced = library.replaced.map(|r| r.to_string());
            assert_eq!(replaced.as_deref(), [None, Some("removed"), Some("replaced")][at]);
            // A file that is gone is read through the process, which only root may do.
            if at == 0 || root {
                assert_eq!(library.version.as_deref(), Some("1.1.1k-fips"), "{shell:?} {library:#?}");
                assert_eq!(library.built_on.as_deref(), Some("Wed Mar 22 2023"));
                assert_eq!(library.lib, TlsLibrary::Openssl);
            }
            let process = processes(&records).into_iter().find(|p| p.pid == children[at].id()).unwrap();
            assert_eq!(process.libraries, [path]);
            assert!(process.readable && process.exe.as_deref().unwrap().contains("python3"), "{process:?}");
        }
    }
    for mut child in children {
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

#[test]
fn a_listener_is_joined_to_its_process() {
    let listener =
        std::net::TcpListener::bind("[::1]:0").or_else(|_| std::net::TcpListener::bind("127.0.0.1:0"));
    let address = listener.as_ref().unwrap().local_addr().unwrap();
    for shell in SHELLS.iter().filter(|shell| installed(shell[0])) {
        let records = run(shell, None, &[]);
        let found = records.iter().find_map(|r| match r {
            Record::Listener(l) if l.port == address.port() => Some(l),
            _ => None,
        });
        let found = found.unwrap_or_else(|| panic!("{shell:?} does not see {address}"));
        assert_eq!((found.address, found.processes.as_slice()), (address.ip(), &[std::process::id()][..]));
        assert_eq!(found.open_to.reach, crate::model::host::Reach::Loopback);
    }
}

/// A folder with programs that stand before the host's own.
fn programs(of: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in of {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    folder
}

#[test]
fn rpm_packages_keep_epoch_and_source() {
    let rows = "openssl-libs\\t1\\t1.1.1k-12.el8_9\\tx86_64\\topenssl-1.1.1k-12.el8_9.src.rpm\\ngpg-pubkey\\t(none)\\ta-b\\t(none)\\t(none)\\nbash\\t(none)\\t5.2-1\\tx86_64\\tbash-5.2-1.src.rpm\\nlibx\\t(none)\\t2-1\\tnoarch\\tfoo-bar-9-1.nosrc.rpm\\n";
    let folder = programs(&[
        ("dpkg-query", "#!/bin/sh\nexit 1\n"),
        ("rpm", &format!("#!/bin/sh\n[ \"$1\" = -qa ] && printf '{rows}'\n")),
    ]);
    for shell in SHELLS.iter().filter(|shell| installed(shell[0])) {
        let records = run(shell, Some(folder.path()), &[]);
        let found: Vec<_> = packages(&records)
            .iter()
            .map(|p| {
                format!(
                    "{} {} {:?} {} {} {:?} {}",
                    p.name, p.version, p.epoch, p.arch, p.source, p.source_version, p.openssl
                )
            })
            .collect();
        let expected = [
            "bash 5.2-1 None x86_64 bash None false",
            "libx 2-1 None noarch foo-bar Some(\"9-1\") false",
            "openssl-libs 1:1.1.1k-12.el8_9 Some(1) x86_64 openssl None true",
        ];
        assert_eq!(found, expected, "{shell:?}");
    }
}

#[test]
fn every_awk_gives_the_same_document() {
    let usual = run(&["sh"], None, &[]);
    for (name, command) in AWKS.iter().filter(|(name, _)| installed(name)) {
        let folder = awk(command);
        let records = run(&["sh"], Some(folder.path()), &[]);
        assert_eq!(packages(&records), packages(&usual), "{name}");
        assert_eq!(header(&records).coverage.gaps.len(), header(&usual).coverage.gaps.len(), "{name}");
    }
    // All of busybox in the place of everything else, but for the package database's own tool.
    if installed("busybox") {
        let folder = tempfile::tempdir().unwrap();
        let list = Command::new("busybox").arg("--list").output().unwrap();
        let busybox = Command::new("sh").args(["-c", "command -v busybox"]).output().unwrap();
        let busybox = String::from_utf8(busybox.stdout).unwrap();
        for applet in String::from_utf8(list.stdout).unwrap().lines().filter(|a| !a.starts_with("dpkg")) {
            symlink(busybox.trim(), folder.path().join(applet)).unwrap();
        }
        let records = run(&["busybox", "ash"], Some(folder.path()), &[]);
        assert_eq!(packages(&records), packages(&usual));
        assert!(header(&records).coverage.counts["processes_seen"] > 0);
    }
}

#[test]
fn a_slow_tool_costs_no_more_than_the_limit() {
    let folder = programs(&[("dpkg-query", "#!/bin/sh\nexec sleep 600\n")]);
    let began = std::time::Instant::now();
    let records = run(&["sh"], Some(folder.path()), &["--max-seconds", "3"]);
    assert!(began.elapsed() < std::time::Duration::from_secs(20));
    let gaps = &header(&records).coverage.gaps;
    assert!(gaps.iter().any(|g| g.what == "time-limit"), "{gaps:#?}");
}
