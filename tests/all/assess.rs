//! The catalogue and the joined judgement as a user meets them: records taken in, evidence of yesterday judged
//! against them without traffic, hosts and network side by side. Libraries and servers are real ones.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};

use crate::{
    hosts::{Process, copy, replace, wait_for_map},
    support::{
        Work,
        certs::Identity,
        free_port, fresh_address,
        peers::{self, Server, need},
    },
};

/// A root folder with one unpacked package of Debian and the records that its package manager would have of it.
fn installed(work: &Work, name: &str, release: &str, package: &str, version: &str, files: &Path) -> PathBuf {
    let root = work.path(name);
    let info = root.join("var/lib/dpkg/info");
    fs::create_dir_all(&info).unwrap();
    fs::create_dir_all(root.join("etc")).unwrap();
    fs::write(root.join("etc/os-release"), format!("ID=debian\nVERSION_ID=\"{release}\"\n")).unwrap();
    let (mut list, mut sums) = (String::from("/.\n"), String::new());
    for file in libraries(files) {
        let inside = file.strip_prefix(files).unwrap();
        copy(&file, &root.join(inside));
        let sum = Command::new("md5sum").arg(&file).output().unwrap().stdout;
        writeln!(list, "/{}", inside.display()).unwrap();
        writeln!(sums, "{}  {}", String::from_utf8_lossy(&sum[..32]), inside.display()).unwrap();
    }
    fs::write(info.join(format!("{package}:amd64.list")), list).unwrap();
    fs::write(info.join(format!("{package}:amd64.md5sums")), sums).unwrap();
    let status = format!(
        "Package: {package}\nStatus: install ok installed\nArchitecture: amd64\nMulti-Arch: same\nSource: openssl\n\
         Version: {version}\n\n"
    );
    fs::write(root.join("var/lib/dpkg/status"), status).unwrap();
    root
}

fn libraries(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if entry.file_type().unwrap().is_dir() {
                folders.push(path);
            } else if path.file_name().unwrap().to_string_lossy().contains(".so") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Collects a root and takes it in as a host of this name.
fn take_in(work: &Work, root: &Path, host: &str) {
    let ended = work.ok(&["host", "collect", "--root", root.to_str().unwrap(), "--jsonl"]);
    work.write(&format!("{host}.jsonl"), &ended.stdout);
    work.ok(&["host", "import", "--host", host, &format!("{host}.jsonl")]);
}

#[track_caller]
fn host<'a>(assessed: &'a Value, name: &str) -> &'a Value {
    assessed["hosts"].as_array().unwrap().iter().find(|h| h["host"] == name).unwrap_or_else(|| {
        panic!("no host {name} in {assessed:#}");
    })
}

fn findings(host: &Value) -> impl Iterator<Item = &Value> {
    host["findings"].as_array().unwrap().iter()
}

#[test]
fn two_builds_of_one_version_are_told_apart_by_their_package_with_what_was_compared() {
    let subjects = need!(peers::subjects());
    let work = Work::new();
    for (host, version) in [("old", "1.1.1w-0+deb11u1"), ("new", "1.1.1w-0+deb11u8")] {
        let files = subjects.join(format!("libssl1.1_{version}"));
        if !files.exists() {
            return peers::missing(&format!("libssl1.1 {version}"));
        }
        take_in(&work, &installed(&work, host, "11", "libssl1.1", version, &files), host);
    }
    let assessed = &work.ok(&["assess", "--disclosure", "CVE-2024-5535", "--json"]).json();
    assert_eq!(assessed["schema"], "allclear.assess/1");
    for (name, verdict, reason, relation) in
        [("old", "vulnerable", "package-affected", "<"), ("new", "not-vulnerable", "package-fixed", ">")]
    {
        let host = host(assessed, name);
        let all: Vec<&Value> = findings(host).collect();
        // The package, and both of its files: owned and intact, they have the package's verdict.
        for what in ["package", "library"] {
            let of: Vec<_> = all.iter().filter(|f| f["what"] == what).collect();
            assert!(!of.is_empty(), "no {what}: {host:#}");
            for found in of {
                assert_eq!(
                    (&found["verdict"], &found["reason"]),
                    (&verdict.into(), &reason.into()),
                    "{found:#}"
                );
                let compare = &found["compare"];
                assert_eq!(compare["bound"], "1.1.1w-0+deb11u2", "{found:#}");
                assert_eq!((&compare["relation"], &compare["scheme"]), (&relation.into(), &"dpkg".into()));
                assert_eq!(compare["ecosystem"], "Debian:11");
            }
        }
    }
    let text = work.ok(&["assess", "--disclosure", "CVE-2024-5535"]).out();
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains("1.1.1w-0+deb11u1 < 1.1.1w-0+deb11u2"), "{text}");
    // The same banner says nothing: a file that is not what its package brought is judged by its own version.
    let changed = work.path("old/usr/lib/x86_64-linux-gnu/libcrypto.so.1.1");
    let changed =
        if changed.exists() { changed } else { work.path("old/lib/x86_64-linux-gnu/libcrypto.so.1.1") };
    let mut bytes = fs::read(&changed).unwrap();
    bytes.extend(b"changed");
    fs::write(&changed, bytes).unwrap();
    take_in(&work, &work.path("old"), "old");
    let assessed = &work.ok(&["assess", "--disclosure", "CVE-2024-5535", "--json"]).json();
    let crypto =
        findings(host(assessed, "old")).find(|f| f["path"].as_str().is_some_and(|p| p.contains("libcrypto")));
    assert_eq!(crypto.unwrap()["reason"], "version-affected", "{crypto:#?}");
}

#[test]
fn a_package_list_is_enough_to_tell_a_fixed_backport_from_an_open_one() {
    let work = Work::new();
    for (host, version) in [("u2", "3.5.7-1~deb13u2"), ("u3", "3.5.7-1~deb13u3")] {
        let file = format!("{host}.dpkg.txt");
        work.write(&file, format!("libssl3t64\t{version}\nopenssl\t{version}\n"));
        work.ok(&["host", "import", &file]);
    }
    let assessed = &work.ok(&["assess", "--disclosure", "CVE-2026-84782", "--json"]).json();
    for (name, verdict, relation) in [("u2", "vulnerable", "<"), ("u3", "not-vulnerable", "=")] {
        for found in findings(host(assessed, name)) {
            assert_eq!(found["verdict"], verdict, "{found:#}");
            let compare = &found["compare"];
            assert_eq!(compare["relation"], relation, "{compare}");
            assert_eq!(compare["bound"], "3.5.7-1~deb13u3", "{compare}");
        }
    }
    // What has to be done is named with the version to reach.
    let text = work.ok(&["assess", "--disclosure", "CVE-2026-84782"]).out();
    assert!(text.contains("3.5.7-1~deb13u3") && text.contains("u2"), "{text}");
}

#[test]
fn two_programs_of_one_version_on_disk_are_told_apart_by_their_symbols() {
    let (vulnerable, safe) = (need!(peers::node_vulnerable()), need!(peers::node_safe()));
    let work = Work::new();
    for (name, binary) in [("bad", &vulnerable), ("good", &safe)] {
        copy(binary, &work.path(&format!("{name}/opt/node")));
        take_in(&work, &work.path(name), name);
    }
    let assessed = &work.ok(&["assess", "--disclosure", "heartbleed", "--json"]).json();
    for (name, verdict, reason) in
        [("bad", "vulnerable", "feature-present"), ("good", "not-vulnerable", "feature-absent")]
    {
        let found = findings(host(assessed, name)).find(|f| f["path"] == "/opt/node").unwrap();
        assert_eq!((&found["verdict"], &found["reason"]), (&verdict.into(), &reason.into()), "{found:#}");
        assert_eq!(found["version"], "1.0.1e");
    }
    // It has to be built anew; no package's upgrade reaches it.
    let acts = host(assessed, "bad")["acts"].as_array().unwrap().clone();
    assert!(acts.iter().any(|a| a["kind"] == "rebuild" && a["target"] == "/opt/node"), "{acts:#?}");
}

/// A record in OSV's form for one package of Debian 12.
fn osv(id: &str, fixed: &str) -> String {
    json!({
        "schema_version": "1.7.0", "id": id, "modified": "2026-11-20T00:00:00Z", "published": "2026-11-19T00:00:00Z",
        "summary": "A made-up hole", "details": "For the test alone.",
        "affected": [{
            "package": {"ecosystem": "Debian:12", "name": "openssl"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": fixed}]}]
        }]
    })
    .to_string()
}

#[test]
fn a_record_of_today_judges_the_evidence_of_yesterday_without_traffic() {
    let work = Work::new();
    work.write("web01.dpkg.txt", "libssl3\t3.0.17-1~deb12u2\n");
    work.write("web02.dpkg.txt", "libssl3\t3.0.19-1~deb12u1\n");
    work.ok(&["host", "import", "web01.dpkg.txt", "web02.dpkg.txt"]);
    let unknown = work.run(&["assess", "--disclosure", "CVE-2099-4711"]).expect_code(2).err();
    assert!(unknown.contains("CVE-2099-4711") && unknown.contains("disclosure list"), "{unknown}");

    work.write("record.json", osv("CVE-2099-4711", "3.0.18-1~deb12u1"));
    let said = work.ok(&["disclosure", "import", "record.json"]).err();
    assert!(said.contains("CVE-2099-4711") && said.contains("new"), "{said}");
    let mut command = work.command(&["assess", "--disclosure", "CVE-2099-4711", "--json"]);
    let assessed = command.output().unwrap().stdout;
    let assessed: Value = serde_json::from_slice(&assessed).unwrap();
    for (name, verdict) in [("web01", "vulnerable"), ("web02", "not-vulnerable")] {
        let found = findings(host(&assessed, name)).next().unwrap();
        assert_eq!(found["verdict"], verdict, "{found:#}");
        assert_eq!(found["compare"]["bound"], "3.0.18-1~deb12u1");
        assert_eq!(found["compare"]["advisory"], "CVE-2099-4711");
    }
    // The same file again says nothing new; a better one takes the place of its rows.
    let again = work.ok(&["disclosure", "import", "record.json"]).err();
    assert!(again.contains("known already"), "{again}");
    work.write("better.json", osv("CVE-2099-4711", "3.0.17-1~deb12u1"));
    work.ok(&["disclosure", "import", "better.json"]);
    let assessed = &work.ok(&["assess", "--disclosure", "CVE-2099-4711", "--json"]).json();
    assert_eq!(findings(host(assessed, "web01")).next().unwrap()["verdict"], "not-vulnerable");
    // What was taken in is evidence: it is there, sound, for whoever opens the file later.
    let shown = work.ok(&["disclosure", "show", "CVE-2099-4711", "--json"]).json();
    assert!(shown["sources"].to_string().contains("better.json"), "{shown}");
}

#[test]
fn a_bad_record_is_refused_with_the_path_into_it_and_a_bad_catalogue_file_with_its_line() {
    let work = Work::new();
    work.write("a.json", r#"{"id": 5, "affected": []}"#);
    work.write("b.json", "{\"id\": \"CVE-2099-1\",\n \"affected\": [}");
    work.write("c.json", r#"{"hello": "world"}"#);
    let ended = work.run(&["disclosure", "import", "a.json", "b.json", "c.json", "none.json"]).expect_code(5);
    let err = ended.err();
    for expected in ["a.json", "id", "b.json:2:15: ", "c.json", "none.json", "Nothing was taken in"] {
        assert!(err.contains(expected), "{expected} in {err}");
    }
    assert!(!work.path("incident.db").exists(), "nothing was taken in, and a file was made");

    let toml = work.ok(&["disclosure", "show", "heartbleed", "--toml"]).out();
    work.write("own.toml", &toml);
    let sound = work.ok(&["disclosure", "check", "own.toml"]).out();
    assert!(sound.contains("1 of 1"), "{sound}");
    let line = toml.lines().position(|l| l.contains("1.0.1e-2+deb7u5")).unwrap() + 1;
    work.write("own.toml", toml.replace("1.0.1e-2+deb7u5", "not a version"));
    let faults = work.run(&["disclosure", "check", "own.toml"]).expect_code(5).out();
    assert!(faults.contains(&format!("own.toml:{line}:")), "line {line} in {faults}");
    let refused = work.run(&["disclosure", "import", "own.toml"]).expect_code(5).err();
    assert!(refused.contains(&format!("own.toml:{line}:")), "{refused}");
    work.ok(&["disclosure", "check"]);
}

/// A catalogue file about OpenSSL before a version.
fn own_record(id: &str, fixed: &str) -> String {
    format!(
        "id = \"{id}\"\ntitle = \"A made-up hole\"\ndisclosed_at = \"2026-11-20T00:00:00Z\"\nleaks = \"nothing\"\n\
         affected = [\n  {{ ecosystem = \"upstream\", package = \"openssl\", introduced = \"3.0.0\", fixed = \"{fixed}\", \
         advisory = \"a test\" }},\n]\n\n[rotate]\nkeys = \"no\"\nsecrets = \"no\"\n"
    )
}

/// The version of a libcrypto by its banner.
fn version_of(library: &[u8]) -> Option<String> {
    let text = b"OpenSSL 3.";
    let at = library.windows(text.len()).position(|w| w == text)? + "OpenSSL ".len();
    let end = library[at..].iter().position(|b| *b == b' ')?;
    Some(String::from_utf8_lossy(&library[at..at + end]).into_owned())
}

/// The same library with the banner of an older release.
fn aged(library: &[u8], version: &str) -> (Vec<u8>, String) {
    let (head, last) = version.rsplit_once('.').unwrap();
    let digit = if last.chars().all(|c| c == '1') { "0" } else { "1" };
    let older = format!("{head}.{}", digit.repeat(last.len()));
    let (from, to) = (format!("OpenSSL {version} "), format!("OpenSSL {older} "));
    let mut bytes = library.to_vec();
    let places: Vec<usize> =
        (0..bytes.len() - from.len()).filter(|i| bytes[*i..].starts_with(from.as_bytes())).collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    }
    (bytes, older)
}

fn hostname() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim().to_owned()
}

#[test]
fn a_library_replaced_under_nginx_is_patched_not_restarted_until_nginx_is_restarted() {
    let nginx = need!(peers::nginx());
    let system = Path::new("/usr/lib/x86_64-linux-gnu");
    let Ok(real) = fs::read(system.join("libcrypto.so.3")) else { return peers::missing("libcrypto.so.3") };
    let Some(version) = version_of(&real) else { return peers::missing("a libcrypto.so.3 with a banner") };
    let work = Work::new();
    let (old, older) = aged(&real, &version);
    let lib = work.path("lib");
    copy(&system.join("libssl.so.3"), &lib.join("libssl.so.3"));
    fs::write(lib.join("libcrypto.so.3"), old).unwrap();
    let identity = Identity::rsa(work.folder(), "web");
    let (address, port) = (fresh_address(), free_port());
    let config = format!(
        "daemon off; worker_processes 2; pid {0}/pid; error_log {0}/error.log;\nevents {{}}\nhttp {{ access_log off;\n\
         server {{ listen {address}:{port} ssl; ssl_certificate {1}; ssl_certificate_key {2}; return 200; }} }}\n",
        work.folder().display(),
        identity.certificate.display(),
        identity.key.display(),
    );
    let config = work.write("nginx.conf", config);
    let start = || {
        let mut command = Command::new(&nginx);
        command.arg("-c").arg(&config).arg("-p").arg(work.folder()).env("LD_LIBRARY_PATH", &lib);
        let running = Process::start(&mut command);
        wait_for_map(running.pid(), "lib/libcrypto.so.3");
        running
    };
    work.write("own.toml", own_record("CVE-2099-0001", &version));
    work.write("hosts.csv", format!("id,name,address,port\nweb,{},{address},{port}\n", hostname()));
    let state = |work: &Work| -> Value {
        let ended = work.ok(&["host", "collect", "--no-files", "--jsonl", "--max-seconds", "60"]);
        work.write("this.jsonl", &ended.stdout);
        work.ok(&["host", "import", "this.jsonl"]);
        let status = work.ok(&["status", "--json", "--disclosure", "CVE-2099-0001"]);
        status.json()["services"][0].clone()
    };

    let running = start();
    work.ok(&["sweep", "hosts.csv", "-q"]);
    work.ok(&["disclosure", "import", "own.toml"]);
    let service = state(&work);
    assert_eq!(service["state"], "exposed", "{service:#}");
    assert_eq!(service["facets"]["patched"]["value"], "open");
    assert!(
        service["version"]["value"].as_str().unwrap().contains(&format!("{older} < {version}")),
        "{service:#}"
    );

    for name in ["libcrypto.so.3", "libssl.so.3"] {
        replace(&system.join(name), &lib.join(name));
    }
    let service = state(&work);
    assert_eq!(service["state"], "patched-not-restarted", "{service:#}");
    let facets = &service["facets"];
    assert_eq!((&facets["patched"]["value"], &facets["patched"]["grade"]), (&"done".into(), &"E3".into()));
    assert_eq!(facets["restarted"]["value"], "open");
    assert!(service["next_action"].as_str().unwrap().contains("nginx"), "{service:#}");
    assert_eq!(service["linkage"]["value"], "openssl-dynamic");

    drop(running);
    let _running = start();
    let service = state(&work);
    assert_ne!(service["state"], "patched-not-restarted", "{service:#}");
    assert_eq!(service["verdict"], "not-vulnerable", "{service:#}");
    assert_eq!(service["facets"]["restarted"]["value"], "done", "{service:#}");
    // A second look of the host confirms it.
    let service = state(&work);
    assert_eq!(service["state"], "verified", "{service:#}");
}

#[test]
fn a_network_verdict_that_contradicts_the_package_is_shown_in_status_tracker_and_checklist() {
    let node = need!(peers::node_safe());
    let work = Work::new();
    let server = Server::node(&node, &Identity::rsa(work.folder(), "web"), "{}");
    work.write(
        "hosts.csv",
        format!(
            "id,name,address,port,tls_stack,owner\nweb,box,{},{},openssl-dynamic,ops\n",
            server.address, server.port
        ),
    );
    work.ok(&["sweep", "hosts.csv", "-q"]);
    // The distribution's record says that this package has the hole; this build has no heartbeats.
    work.write("box.dpkg.txt", "libssl1.0.0\t1.0.1e-2+deb7u4\nopenssl\t1.0.1e-2+deb7u4\n");
    work.ok(&["host", "import", "box.dpkg.txt"]);
    let status = work.ok(&["status", "--json"]).json();
    let service = &status["services"][0];
    let conflict = &service["conflicts"][0];
    assert_eq!(conflict["host"], "box", "{service:#}");
    assert!(service["regressions"].as_array().unwrap().contains(&"R10".into()), "{service:#}");
    // Neither is believed until the next sweep, which outranks the package.
    assert_eq!(service["state"], "unknown");
    for text in
        [work.ok(&["status"]).out(), work.ok(&["export", "tracker"]).out(), work.ok(&["checklist"]).out()]
    {
        let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains("1.0.1e-2+deb7u4") && flat.contains("by the network"), "{text}");
    }
    work.ok(&["sweep", "hosts.csv", "-q"]);
    let service = work.ok(&["status", "--json"]).json()["services"][0].clone();
    assert_ne!(service["state"], "unknown", "{service:#}");
    assert_ne!(service["state"], "verified", "{service:#}");
    assert_eq!(service["conflicts"].as_array().unwrap().len(), 1);
}
