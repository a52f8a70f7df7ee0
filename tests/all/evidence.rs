//! The proof: a bundle gives the same report elsewhere, shows every edit, hides names and still checks, and brings in what
//! another vantage saw, once.

use std::fs;

use serde_json::Value;

use crate::support::{
    Ended, HANG, Running, Work,
    certs::Identity,
    free_port, fresh_address,
    peers::{self, Server, need},
    run_with_limit,
};

const DAY1: [&str; 4] = ["--incident", "drill/incident-day1.db", "--config", "drill/allclear.toml"];

fn drilled() -> Work {
    let work = Work::new();
    work.ok(&["drill"]);
    work.ok(&["evidence", "keygen", "key"]);
    work
}

#[track_caller]
fn on(work: &Work, arguments: &[&str]) -> Ended {
    work.ok(&[arguments, &DAY1].concat())
}

#[test]
fn a_bundle_gives_the_same_report_in_a_clean_folder() {
    let work = drilled();
    on(&work, &["evidence", "export", "--sign", "key", "-o", "b.allclear"]);
    let manifest = fs::read_to_string(work.path("b.allclear").as_path()).unwrap_or_else(|_| {
        String::from_utf8_lossy(&fs::read(work.path("b.allclear")).unwrap()).into_owned()
    });
    let manifest: Value = serde_json::from_str(manifest.lines().nth(1).unwrap()).unwrap();
    let at = manifest["made_at"].as_str().unwrap();
    assert!(manifest["command_line"].as_str().unwrap().contains("evidence export --sign key"), "{manifest}");

    let elsewhere = Work::new();
    fs::copy(work.path("b.allclear"), elsewhere.path("b.allclear")).unwrap();
    fs::copy(work.path("key.pub"), elsewhere.path("key.pub")).unwrap();
    for format in ["json", "html", "md"] {
        let there = elsewhere.ok(&["report", "--from", "b.allclear", "--key", "key.pub", "--format", format]);
        let here = on(&work, &["report", "--format", format, "--at", at]);
        assert_eq!(there.out(), here.out(), "{format}");
    }
    assert_eq!(fs::read_dir(elsewhere.folder()).unwrap().count(), 2, "nothing is left behind");
    let owner =
        elsewhere.ok(&["report", "--from", "b.allclear", "--owner", "team-web", "--format", "json"]).json();
    assert_eq!(owner["services"].as_array().unwrap().len(), 4);
    let checked = elsewhere.ok(&["evidence", "check", "b.allclear", "--key", "key.pub"]).out();
    for wanted in [
        "unchanged since it was signed",
        "signed by the key that you named",
        "the same report, byte for byte",
    ] {
        assert!(checked.contains(wanted), "{checked}");
    }
    // Years later the same evidence may be judged as of then.
    let later =
        elsewhere.ok(&["report", "--from", "b.allclear", "--at", "2031-01-01", "--format", "json"]).json();
    assert_eq!(later["judged_at"], "2031-01-01T00:00:00.000000Z");
}

#[test]
fn any_flipped_byte_is_found_and_openssl_agrees_on_the_signature() {
    let work = drilled();
    on(&work, &["evidence", "export", "--sign", "key", "-o", "b.allclear"]);
    on(&work, &["evidence", "export", "--redact", "-o", "r.allclear"]);
    for name in ["b.allclear", "r.allclear"] {
        let whole = fs::read(work.path(name)).unwrap();
        let head = whole.iter().enumerate().filter(|(_, b)| **b == b'\n').nth(2).unwrap().0;
        // Every bit of a small bundle is turned in the unit tests; here every part of a real one is hit.
        for at in (0..head).step_by(61).chain((head..whole.len()).step_by(1999)).chain([whole.len() - 1]) {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x20;
            fs::write(work.path("changed"), &bytes).unwrap();
            for arguments in [&["evidence", "check", "changed"][..], &["report", "--from", "changed"]] {
                let ended = work.run(arguments);
                assert!(matches!(ended.code, Some(5 | 6)), "byte {at} of {}: {}", whole.len(), ended.out());
                assert!(ended.stdout.is_empty() && ended.err().contains("changed"), "{}", ended.err());
            }
        }
    }
    // With common tools alone, as docs/bundle.md says.
    let script = "head -n 2 b.allclear > head && sed -n 3p b.allclear | cut -d: -f2 | base64 -d > sig &&
        openssl pkeyutl -verify -pubin -inkey key.pub -rawin -in head -sigfile sig &&
        test \"$(tail -n +4 b.allclear | sha256sum | cut -c1-64)\" = \"$(sed -n 2p b.allclear | grep -o '\"payload\":{\"sha256\":\"sha256:[0-9a-f]*' | tail -c 65)\" &&
        tail -n +4 b.allclear | gzip -dc | wc -l";
    let mut shell = std::process::Command::new("bash");
    shell.args(["-c", script]).current_dir(work.folder());
    let said = run_with_limit(&mut shell, b"", HANG).expect_code(0).out();
    assert!(said.contains("Signature Verified Successfully"), "{said}");
    // A key of openssl's own signs as well.
    let mut made = std::process::Command::new("openssl");
    made.args(["genpkey", "-quiet", "-algorithm", "ed25519", "-out", "theirs"]).current_dir(work.folder());
    run_with_limit(&mut made, b"", HANG).expect_code(0);
    on(&work, &["evidence", "export", "--sign", "theirs", "-o", "t.allclear"]);
    let wrong = work.run(&["evidence", "check", "t.allclear", "--key", "key.pub"]).expect_code(6);
    assert!(wrong.err().contains("and not by"), "{}", wrong.err());
    let unsigned = work.run(&["evidence", "check", "r.allclear", "--key", "key.pub"]).expect_code(6);
    assert!(unsigned.err().contains("nobody signed it"), "{}", unsigned.err());
}

#[test]
fn names_are_hidden_and_the_chain_still_checks() {
    let work = Work::new();
    let marker = "xmarkx";
    let rows = format!(
        "id,name,address,port,owner,tags\n,{marker}-a.example.test,{0},{1},{marker}-owner,{marker}=tag\n{marker}-id,,{0},{2},{marker}-owner,\n",
        fresh_address(),
        free_port(),
        free_port()
    );
    work.write("services.csv", rows);
    work.write(
        "secrets.csv",
        format!("secret_id,type,services,owner,location\n{marker}-secret,{marker}-kind,{marker}-id,{marker}-owner,/{marker}\n"),
    );
    work.ok(&[
        "sweep",
        "services.csv",
        "secrets.csv",
        "--offline",
        "--vantage",
        "xmarkx-vantage",
        "--incident",
        "xmarkx.db",
    ]);
    let incident = ["--incident", "xmarkx.db"];
    work.ok(&[
        &[
            "attest",
            "--service",
            "xmarkx-id",
            "--facet",
            "patched",
            "--reference",
            "xmarkx-ref",
            "--by",
            "xmarkx-who",
        ],
        &incident[..],
    ]
    .concat());
    work.ok(&[
        &[
            "waive",
            "--service",
            "xmarkx-a.example.test",
            "--until",
            "2099-01-01",
            "--reason",
            "xmarkx why",
            "--by",
            "xmarkx-who",
        ],
        &incident[..],
    ]
    .concat());
    let head = work.ok(&[&["evidence", "check"], &incident[..]].concat()).out();
    let head = head.split("head ").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    work.ok(&[&["evidence", "export", "--redact", "-o", "out.allclear"], &incident[..]].concat());
    let mut shell = std::process::Command::new("bash");
    shell
        .args(["-c", "head -n 3 out.allclear; tail -n +4 out.allclear | gzip -dc"])
        .current_dir(work.folder());
    let text = run_with_limit(&mut shell, b"", HANG).expect_code(0).out();
    let address = work.path("services.csv");
    let address =
        fs::read_to_string(address).unwrap().lines().nth(1).unwrap().split(',').nth(2).unwrap().to_owned();
    let folder = work.folder().display().to_string();
    for hidden in [marker, "example.test", &address, &folder] {
        assert!(!text.contains(hidden), "{hidden}");
    }
    let rows: Vec<&str> = text.lines().filter(|l| l.contains("\"covered\"")).collect();
    assert!(rows.len() > 5 && rows.iter().all(|r| r.contains("commitment")), "{rows:#?}");
    assert!(rows.iter().any(|r| r.contains("\"contact\":\"refused\"")), "facts stay");

    let checked = work.ok(&["evidence", "check", "out.allclear", "--head", &head]).out();
    assert!(checked.contains(&format!("head {head}")) && !checked.contains("cannot be checked"), "{checked}");
    let other = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
    work.run(&["evidence", "check", "out.allclear", "--head", other]).expect_code(6);
    for format in ["json", "md", "html"] {
        let shown = work.ok(&["report", "--from", "out.allclear", "--format", format]).out();
        assert!(!shown.contains(marker), "{format}: {shown}");
    }
    // The structure is kept: the same counts, states and grades.
    let open = work.ok(&[&["report", "--format", "json"], &incident[..]].concat()).json();
    let hidden = work.ok(&["report", "--from", "out.allclear", "--format", "json"]).json();
    assert_eq!((&open["totals"], &open["funnel"]), (&hidden["totals"], &hidden["funnel"]));
    assert_eq!(open["services"][0]["facets"], hidden["services"][0]["facets"]);
    let refused = work.run(&["evidence", "import", "out.allclear", "--incident", "new.db"]).expect_code(5);
    assert!(refused.err().contains("nothing to merge"), "{}", refused.err());
}

#[test]
fn a_head_that_was_kept_shows_rows_that_were_cut_off() {
    let work = drilled();
    let said = on(&work, &["evidence", "check"]).out();
    let head = said.split("head ").nth(1).unwrap().trim().to_owned();
    let again =
        on(&work, &["attest", "--service", "www1.drill.test", "--facet", "patched", "--reference", "CHG-1"]);
    drop(again);
    let since = on(&work, &["evidence", "check", "--head", &head]).out();
    assert!(since.contains("1 came since"), "{since}");
    let now = on(&work, &["evidence", "check"]).out();
    let now = now.split("head ").nth(1).unwrap().trim().to_owned();
    let cut = "import sqlite3,sys\nc=sqlite3.connect('drill/incident-day1.db')\nc.executescript('DROP TRIGGER evidence_is_never_deleted; DELETE FROM evidence WHERE id=(SELECT max(id) FROM evidence)')\nc.close()";
    let mut python = std::process::Command::new("python3");
    python.args(["-c", cut]).current_dir(work.folder());
    run_with_limit(&mut python, b"", HANG).expect_code(0);
    on(&work, &["evidence", "check", "--head", &head]);
    let ended = work.run(&[&["evidence", "check", "--head", &now], &DAY1[..]].concat()).expect_code(6);
    assert!(ended.err().contains("cut off"), "{}", ended.err());
}

/// Two machines: one sees the service, the other does not; each keeps its own file.
#[test]
fn what_another_vantage_saw_is_merged_once_and_in_its_own_time() {
    let node = need!(peers::node_vulnerable());
    let work = Work::new();
    let peer = Server::node(&node, &Identity::rsa(work.folder(), "web"), "{}");
    let closed = free_port();
    work.write(
        "here.csv",
        format!(
            "id,address,port,owner\nweb,{},{closed},here\nonly-here,{0},{},\n",
            fresh_address(),
            free_port()
        ),
    );
    work.write(
        "there.csv",
        format!(
            "id,address,port,owner\nweb,{},{},there\nonly-there,{},{},\n",
            peer.address,
            peer.port,
            fresh_address(),
            free_port()
        ),
    );
    let here = ["--incident", "here.db", "--offline"];
    let sweep = |file: &str, incident: &str| work.ok(&["sweep", file, "--offline", "--incident", incident]);
    sweep("here.csv", "here.db");
    sweep("there.csv", "there.db");
    sweep("here.csv", "here.db");
    let _ = here;
    work.ok(&["evidence", "export", "-o", "there.allclear", "--incident", "there.db"]);
    let status = |work: &Work| work.ok(&["status", "--json", "--incident", "here.db"]).json();
    assert_eq!(status(&work)["counts"]["exposed"], 0);
    let said = work.ok(&["evidence", "import", "there.allclear", "--incident", "here.db"]).out();
    assert!(
        said.contains("2 looks at 2 services (1 new here)") && said.contains("s0001 is s0003 here"),
        "{said}"
    );
    let merged = status(&work);
    assert_eq!(
        (&merged["counts"]["exposed"], &merged["coverage"]["known"]),
        (&Value::from(1), &Value::from(3))
    );
    // It happened between the two sweeps here, and the last of these is still the last.
    assert_eq!(merged["sweep"], "s0002");
    let web = merged["services"].as_array().unwrap().iter().find(|s| s["row_id"] == "web").unwrap();
    assert_eq!((&web["owner"], &web["state"]), (&Value::from("here"), &Value::from("exposed")));
    // Twice changes nothing; a later bundle brings only what came since.
    let again = work.ok(&["evidence", "import", "there.allclear", "--incident", "here.db"]).out();
    assert!(again.contains("everything in it is here already"), "{again}");
    let rows = |work: &Work| work.ok(&["evidence", "check", "--incident", "here.db"]).out();
    let before = rows(&work);
    sweep("there.csv", "there.db");
    work.ok(&["evidence", "export", "-o", "later.allclear", "--incident", "there.db"]);
    let later = work.ok(&["evidence", "import", "later.allclear", "--incident", "here.db"]).out();
    assert!(
        later.contains("2 looks at 2 services (0 new here)") && later.contains("s0002 is s0004 here"),
        "{later}"
    );
    assert_ne!(rows(&work), before);
    assert_eq!(status(&work)["sweep"], "s0004");
    // A later sweep of ours under the same vantage's name sees what it sees, and hides nothing of theirs.
    sweep("here.csv", "here.db");
    assert_eq!(status(&work)["counts"]["exposed"], 1);
    let before = rows(&work);
    for bundle in ["there.allclear", "later.allclear"] {
        let again = work.ok(&["evidence", "import", bundle, "--incident", "here.db"]);
        assert!(again.out().contains("everything in it is here already"), "{}", again.out());
        assert!(again.err().contains("not signed"), "{}", again.err());
    }
    assert_eq!(rows(&work), before);
    // The whole of it is a file like any other: judged, exported, checked again.
    work.ok(&["report", "--incident", "here.db", "-o", "report.html"]);
    work.ok(&["evidence", "export", "-o", "both.allclear", "--incident", "here.db"]);
    work.ok(&["evidence", "check", "both.allclear"]);
    // Its own bundle is not another vantage, and one whose history was rewritten is not the one that was merged.
    let own = work.run(&["evidence", "import", "both.allclear", "--incident", "here.db"]).expect_code(5);
    assert!(own.err().contains("this very incident file"), "{}", own.err());
    assert!(
        work.run(&["sweep", "--resume", "--incident", "here.db"])
            .expect_code(2)
            .err()
            .contains("nothing to resume")
    );
}

#[test]
fn a_merge_that_was_killed_is_finished_by_the_next() {
    let work = Work::new();
    let hosts: String = (1..250).map(|n| format!("127.99.{}.{}\n", n / 200, n % 200 + 1)).collect();
    work.write("there.txt", hosts);
    let port = free_port().to_string();
    work.ok(&["sweep", "there.txt", "--ports", &port, "--offline", "--rate", "0", "--incident", "there.db"]);
    work.ok(&["evidence", "export", "-o", "there.allclear", "--incident", "there.db"]);
    let import = ["evidence", "import", "there.allclear", "--incident", "here.db"];
    for wait in [5, 15, 30, 60] {
        let merging = Running::start(&mut work.command(&import), b"");
        std::thread::sleep(std::time::Duration::from_millis(wait));
        merging.signal("KILL");
        merging.finish(HANG);
    }
    work.ok(&import);
    let report = |incident: &str| work.ok(&["report", "--format", "json", "--incident", incident]).json();
    let (here, there) = (report("here.db"), report("there.db"));
    assert_eq!(here["coverage"], there["coverage"]);
    assert_eq!(here["totals"], there["totals"]);
    assert_eq!(here["method"]["sweeps"].as_array().unwrap().len(), 1);
    let rows = |incident: &str| {
        let said = work.ok(&["export", "findings", "--incident", incident]).out();
        said.lines().count()
    };
    assert_eq!(rows("here.db"), rows("there.db"), "no look is lost and none is there twice");
}

#[test]
fn what_was_withdrawn_stays_withdrawn_through_another_file() {
    let work = Work::new();
    work.write("a.csv", format!("id,address,port\nmute,{},{}\n", fresh_address(), free_port()));
    work.write("b.csv", format!("id,address,port\nother,{},{}\n", fresh_address(), free_port()));
    let at = |incident: &str, arguments: &[&str]| work.ok(&[arguments, &["--incident", incident]].concat());
    at("a.db", &["sweep", "a.csv", "--offline"]);
    at("a.db", &["waive", "--service", "mute", "--until", "2099-01-01", "--reason", "why", "--by", "kim"]);
    at("b.db", &["sweep", "b.csv", "--offline"]);
    at("b.db", &["evidence", "export", "-o", "b.allclear"]);
    at("a.db", &["evidence", "import", "b.allclear"]);
    at("a.db", &["attest", "--service", "mute", "--withdraw", "--by", "kim"]);
    at("a.db", &["evidence", "export", "-o", "a.allclear"]);
    let said = at("c.db", &["evidence", "import", "a.allclear"]);
    assert!(said.err().contains("third file") && said.err().contains("not taken over"), "{}", said.err());
    let state = |incident: &str| {
        let status = at(incident, &["status", "--json"]).json();
        let services = status["services"].as_array().unwrap().clone();
        services.iter().find(|s| s["row_id"] == "mute").unwrap()["state"].clone()
    };
    assert_eq!((state("a.db"), state("c.db")), (Value::from("unknown"), Value::from("unknown")));
    // And back: what went out is not taken for something new.
    at("c.db", &["evidence", "export", "-o", "c.allclear"]);
    let back = at("a.db", &["evidence", "import", "c.allclear"]).out();
    assert!(back.contains("0 claims") || back.contains("here already"), "{back}");
}

#[test]
fn outputs_spare_what_is_read_and_the_manifest_is_held_to_what_it_carries() {
    let work = drilled();
    on(&work, &["evidence", "export", "--sign", "key", "-o", "b.allclear"]);
    let before = fs::read(work.path("key")).unwrap();
    for arguments in [
        &["evidence", "export", "--sign", "key", "-o", "key"][..],
        &["evidence", "export", "-o", "drill/incident-day1.db"],
        &["report", "-o", "drill/incident-day1.db"],
        &["report", "-o", "drill/incident-day0.db"],
        &["report", "--from", "b.allclear", "-o", "b.allclear"],
    ] {
        let refused = work.run(&[arguments, &DAY1].concat()).expect_code(2);
        assert!(refused.err().contains("not written over"), "{}", refused.err());
    }
    assert_eq!(fs::read(work.path("key")).unwrap(), before);
    on(&work, &["evidence", "check"]);
    // Whoever may make a digest of his own may write any head; what it carries tells otherwise.
    let forge = "import hashlib,sys\nraw=open('u.allclear','rb').read().split(b'\\n',3)\nhead=raw[0]+b'\\n'+raw[1].replace(b'CVE-2014-0160',b'CVE-2099-0001')+b'\\n'\nopen('f.allclear','wb').write(head+b'sha256:'+hashlib.sha256(head).hexdigest().encode()+b'\\n'+raw[3])";
    on(&work, &["evidence", "export", "-o", "u.allclear"]);
    let mut python = std::process::Command::new("python3");
    python.args(["-c", forge]).current_dir(work.folder());
    run_with_limit(&mut python, b"", HANG).expect_code(0);
    let ended = work.run(&["evidence", "check", "f.allclear"]).expect_code(6);
    assert!(ended.err().contains("another disclosure than it carries"), "{}", ended.err());
}
