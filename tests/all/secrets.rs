//! Secrets against a real login: nginx asks for a password, and the owner's own command (curl) tries the old one before
//! and after it was rotated. And what a try must never leave behind.

use serde_json::Value;

use crate::support::{
    Ended, Work,
    certs::Key,
    peers::{self, Server, need},
};

const SECRETS: &str = "secret_id,type,services,owner,delivered_through,check\n\
    api-login,C4,shop,team-shop,shop,\n\
    mail-key,D6,shop,team-mail,,dkim mail2014._domainkey.example.test\n\
    sessions,D2,shop,team-web,,\n";

/// An incident about one nginx with a password; presumed to have leaked before its first look.
struct Shop {
    work: Work,
    server: Server,
}

fn shop() -> Option<Shop> {
    let nginx = peers::nginx()?;
    if std::process::Command::new("curl").arg("--version").output().is_err() {
        peers::missing("curl");
        return None;
    }
    let work = Work::new();
    let identity = Key::rsa(work.folder(), "shop").certify("shop", "shop.test");
    std::fs::create_dir(work.path("pages")).unwrap();
    work.write("pages/index.html", "in");
    let block = format!(
        "ssl_certificate {}; ssl_certificate_key {}; root {}; \
         location / {{ auth_basic shop; auth_basic_user_file {}; }}",
        identity.certificate.display(),
        identity.key.display(),
        work.path("pages").display(),
        work.path("passwords").display(),
    );
    work.write("passwords", "api:{PLAIN}first-password\n");
    let server = Server::nginx(&nginx, work.folder(), &[&block]);
    work.write(
        "services.csv",
        format!("id,address,port,owner\nshop,{},{},team-shop\n", server.address, server.port),
    );
    work.write("secrets.csv", SECRETS);
    let url = format!("https://{}:{}/", server.address, server.port);
    for (file, password) in [("old.curl", "first-password"), ("new.curl", "second-password")] {
        work.write(file, format!("url = \"{url}\"\nuser = \"api:{password}\"\ninsecure\nfail\nsilent\n"));
    }
    work.ok(&["sweep", "services.csv", "--secrets", "secrets.csv", "--presume", "all", "--offline"]);
    Some(Shop { work, server })
}

impl Shop {
    fn rotate(&self, password: &str) {
        self.work.write("passwords", format!("api:{{PLAIN}}{password}\n"));
    }

    #[track_caller]
    fn try_old(&self, options: &[&str], command: &[&str], code: i32) -> Ended {
        let start = ["attest", "--secret", "api-login", "--negative-test"];
        let arguments: Vec<&str> =
            start.iter().chain(options).chain(&["--"]).chain(command).copied().collect();
        self.work.run(&arguments).expect_code(code)
    }

    #[track_caller]
    fn secret(&self, id: &str) -> std::collections::BTreeMap<String, String> {
        let rows = self.work.ok(&["export", "secrets"]).csv();
        rows.into_iter().find(|row| row["secret_id"] == id).unwrap_or_else(|| panic!("no {id}"))
    }

    #[track_caller]
    fn status(&self) -> Value {
        self.work.ok(&["status", "--json"]).json()["services"][0].clone()
    }
}

const CURL: &[&str] = &["curl", "--config", "old.curl"];

#[test]
fn the_old_password_is_tried_before_and_after_it_was_rotated() {
    let shop = need!(shop());
    // Not rotated yet.
    let ended = shop.try_old(&[], CURL, 1);
    assert!(ended.out().contains("THE OLD VALUE WAS ACCEPTED (exit 0"), "{}", ended.out());
    assert!(ended.out().contains("state: owned, open"), "{}", ended.out());
    assert_eq!(shop.secret("api-login")["state"], "owned");

    // Rotated; the control with the new one tells a refusal from a broken network.
    shop.rotate("second-password");
    let ended = shop.try_old(&["--control", "curl --config new.curl", "--refused-exit", "22"], CURL, 0);
    let text = ended.out();
    assert!(text.contains("the old value was refused (exit 22, "), "{text}");
    assert!(text.contains("control: the new value was accepted): E3"), "{text}");
    assert!(text.contains("state: old-refused, closed E3"), "{text}");
    let row = shop.secret("api-login");
    assert_eq!(row["state"], "old-refused");
    assert!(!row["old_refused_at"].is_empty() && row["evidence"].contains("exit 22"), "{row:?}");

    // The server is away: curl's exit code 7 is not among those that mean refused.
    let port = shop.server.port;
    let nobody = format!("http://{}:1/", shop.server.address);
    assert_ne!(port, 1);
    let ended = shop.try_old(&["--refused-exit", "22"], &["curl", "--silent", "--fail", &nobody], 3);
    assert!(ended.out().contains("says nothing") && ended.out().contains("exit code 7"), "{}", ended.out());
    assert_eq!(shop.secret("api-login")["state"], "old-refused", "it is kept, and changes nothing");

    // Somebody restores the old password.
    shop.rotate("first-password");
    let ended = shop.try_old(&[], CURL, 1);
    assert!(ended.out().contains("after it had been gone"), "{}", ended.out());
    let status = shop.status();
    assert_eq!(status["state"], "regressed", "{status:#}");
    assert_eq!(status["facets"]["secrets"]["value"], "regressed");
    assert!(status["regressions"].as_array().unwrap().contains(&"R5".into()), "{status:#}");
    shop.work.run(&["verify", "--no-sweep"]).expect_code(4);
    assert_eq!(shop.secret("api-login")["old_refused_at"], "");

    // No word ends that; another try does.
    shop.work.ok(&["attest", "--secret", "api-login", "--state", "verified", "--reference", "CHG-9"]);
    assert_eq!(shop.status()["state"], "regressed");
    shop.rotate("second-password");
    shop.try_old(&["--refused-exit", "22"], CURL, 0);
    assert_ne!(shop.status()["state"], "regressed");
}

#[test]
fn a_try_leaves_no_word_of_its_command_and_no_process() {
    const MARKER: &str = "Xq7-do-not-keep-me";
    let shop = need!(shop());
    let script = format!("echo {MARKER}; echo {MARKER} >&2; exit 5");
    let control = format!("echo {MARKER}");
    let silent = shop.try_old(&["--control", &control], &["sh", "-c", &script, MARKER], 0);
    assert!(!silent.out().contains(MARKER) && !silent.err().contains(MARKER), "{}", silent.err());
    let loud = shop.try_old(&["--show-output", "-v"], &["sh", "-c", &script, MARKER], 0);
    assert!(!loud.out().contains(MARKER) && loud.err().contains(MARKER), "only for the terminal");
    let slow = shop.try_old(&["--max-seconds", "1"], &["sh", "-c", "sleep 300 & wait", MARKER], 3);
    assert!(slow.out().contains("took too long"), "{}", slow.out());
    for ended in [["/nowhere/at/all"], ["./services.csv"]] {
        shop.try_old(&[], &ended, 3);
    }
    let mut files = 0;
    for entry in std::fs::read_dir(shop.work.folder()).unwrap().map(Result::unwrap) {
        if entry.file_name().to_string_lossy().starts_with("incident.db") {
            let bytes = std::fs::read(entry.path()).unwrap();
            assert!(!bytes.windows(MARKER.len()).any(|w| w == MARKER.as_bytes()), "{:?}", entry.path());
            files += 1;
        }
    }
    assert!(files > 0);
}

#[test]
fn mistakes_are_told_before_anything_runs() {
    let shop = need!(shop());
    let run = shop.work.path("ran").display().to_string();
    let touch = ["--negative-test", "--", "touch", &run];
    let table: &[(&[&str], &str)] = &[
        (&["--secret", "api-logn"], "did you mean `api-login`?"),
        (&["--secret", "api-login", "--secret", "mail-key"], "exactly one"),
    ];
    for (start, word) in table {
        let arguments: Vec<&str> = [&["attest"][..], start, &touch].concat();
        let ended = shop.work.run(&arguments).expect_code(2);
        assert!(ended.err().contains(word), "{}", ended.err());
    }
    assert!(!shop.work.path("ran").exists(), "the command ran");
    let table: &[(&[&str], &str)] = &[
        (&["--state", "not-exposed"], "needs --note or --reference"),
        (&["--state", "too-early"], "new-issued"),
        (&["--state", "waived"], "allclear waive"),
        (&["--state", "old-refused", "--through", "shop"], "--through goes with"),
        (&["--state", "deployed", "--through", "shopp"], "no service is called `shopp`"),
        (&["--negative-test"], "COMMAND"),
        (&["--still-active", "3"], "--issued-before"),
        (&["--still-active", "3", "--issued-before", "2999-01-01"], "future"),
    ];
    for (options, word) in table {
        let arguments: Vec<&str> = [&["attest", "--secret", "mail-key"][..], options].concat();
        let ended = shop.work.run(&arguments).expect_code(2);
        assert!(ended.err().contains(word), "{options:?}: {}", ended.err());
    }
}

#[test]
fn counts_states_and_ways_out_are_recorded_and_shown() {
    let shop = need!(shop());
    let attest = |options: &[&str]| {
        let arguments: Vec<&str> =
            [&["attest", "--secret", "sessions", "--reference", "CHG-1"][..], options].concat();
        shop.work.ok(&arguments).out()
    };
    let text = attest(&["--state", "new-issued", "--through", "shop"]);
    assert!(text.contains("state: new-issued, open"), "{text}");
    let before = "2026-01-01T00:00:00Z";
    let text = attest(&["--still-active", "1234", "--issued-before", before]);
    assert!(text.contains("state: new-issued, open") && text.contains("1234 issued before"), "{text}");
    let text = attest(&["--still-active", "0", "--issued-before", before]);
    assert!(text.contains("state: verified, closed E1"), "{text}");
    let row = shop.secret("sessions");
    assert!(!row["new_issued"].is_empty() && row["evidence"].contains("none is active"), "{row:?}");
}
