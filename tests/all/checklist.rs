//! The checklist on the drill's first day, by the binary: by owner, service, key and secret, as Markdown, HTML and CSV,
//! with a template and with types of the user's own.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::{Work, control_byte};

const DAY0: [&str; 2] = ["--incident", "drill/incident-day0.db"];

/// A folder in which the drill has run.
fn drilled() -> Work {
    let work = Work::new();
    work.ok(&["drill"]);
    work
}

fn with<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    DAY0.iter().chain(["checklist"].iter()).chain(arguments).copied().collect()
}

/// The part of a Markdown page between two headings of the list's box and lines.
#[track_caller]
fn between<'a>(page: &'a str, from: &str, to: &str) -> &'a str {
    let rest = page.split_once(from).unwrap_or_else(|| panic!("no {from:?} in:\n{page}")).1;
    rest.split_once(to).map_or(rest, |(part, _)| part)
}

#[test]
fn one_owner_reads_from_the_list_alone_what_to_do() {
    let work = drilled();
    let page = work.ok(&with(&["--owner", "team-web"])).out();
    assert_eq!(control_byte(page.as_bytes()), None);
    let first = between(&page, "- Do first:", "- Must wait:");
    assert!(
        first.contains("**A1** Install the fixed version: `www1.drill.test:8443`, `www2.drill.test:8443`"),
        "{first}"
    );
    assert!(!first.contains("A2"), "a restart waits for the fix: {first}");
    let waits = between(&page, "- Must wait:", "- allclear checks by itself");
    for (what, on, after) in [
        ("**A2** Restart", "`www1.drill.test:8443`", "A1 Install the fixed version"),
        ("**B1** New key", "`mail.drill.test:9465`", "A2 Restart everything that runs the old code"),
        ("**B1r** Revoke", "`www1.drill.test:8443`", "B1 New key and certificate"),
        ("**D1** Session", "`web-session-key`", "A2 Restart everything that runs the old code"),
        ("**F1** Confirming", "`www1.drill.test:8443`", "C7 TURN shared secret (`team-rtc`)"),
    ] {
        let line =
            waits.lines().find(|l| l.contains(what)).unwrap_or_else(|| panic!("no {what:?} in:\n{waits}"));
        assert!(line.contains(on) && line.contains("waits for") && line.contains(after), "{line}");
    }
    let checks = between(&page, "- allclear checks by itself", "- You must attest");
    assert!(checks.contains("**A2**") && checks.contains("**B1**") && checks.contains("**F1**"), "{checks}");
    assert!(!checks.contains("**D1**"), "it never sees a secret: {checks}");
    let attests = between(&page, "- You must attest", "- What goes down");
    for code in
        ["**A1**", "**B1r**", "**D1** Session signing or encryption secret: `web-session-key`", "**D3**"]
    {
        assert!(attests.contains(code), "no {code} in:\n{attests}");
    }
    assert!(!attests.contains("**A2**") && !attests.contains("**F1**"), "{attests}");
    let down = between(&page, "- What goes down", "### A: Stop the leak");
    assert!(down.contains("**A2**") && down.contains("Open requests end"), "{down}");
    assert!(down.contains("**D1**") && down.contains("Everyone is logged out."), "{down}");
    assert!(!down.contains("Nothing"), "{down}");
    // The lines themselves: how, by the product; how it is proved.
    for wanted in [
        "nginx: key and certificate are named by `ssl_certificate` and `ssl_certificate_key`",
        "openssl s_client -connect mail.drill.test:9465",
        "--always-force-new-domain-key",
        "allclear attest --secret web-session-key --negative-test --refused-exit 22 --control",
        "allclear attest --secret web-api-tokens --still-active COUNT --issued-before TIME",
    ] {
        assert!(page.contains(wanted), "no {wanted:?}");
    }
    let html = work.ok(&with(&["--owner", "team-web", "--format", "html"])).out();
    assert!(html.contains("At a glance") && html.contains("<dt>Must wait</dt>") && !html.contains("<script"));
}

/// Ids of all lines of a CSV checklist.
fn ids(rows: &[BTreeMap<String, String>]) -> BTreeSet<&str> {
    rows.iter().map(|r| r["id"].as_str()).collect()
}

#[test]
fn csv_has_a_row_a_line_and_says_what_markdown_says() {
    let work = drilled();
    let rows = work.ok(&with(&["--format", "csv"])).csv();
    let page = work.ok(&with(&[])).out();
    assert!(rows.len() > 30, "{} rows", rows.len());
    assert_eq!(ids(&rows).len(), rows.len(), "each line once");
    for row in &rows {
        assert!(page.contains(&format!("`{}`", row["id"])), "{} is not in the page", row["id"]);
        assert!(
            !row["why"].is_empty() && !row["steps"].is_empty() && !row["evidence_wanted"].is_empty(),
            "{row:?}"
        );
    }
    let in_page: BTreeSet<&str> =
        page.lines().filter_map(|l| l.strip_prefix("  - Id: `")).map(|l| l.trim_end_matches('`')).collect();
    assert_eq!(ids(&rows), in_page);
    let blocked = rows.iter().find(|r| r["code"] == "B1r").unwrap();
    assert!(ids(&rows).contains(blocked["blocked_by"].as_str()), "{}", blocked["blocked_by"]);
    let shared = rows.iter().find(|r| r["code"] == "B1" && r["services"].contains(';')).unwrap();
    assert_eq!(shared["owner"], "team-mail;team-web");
    let web = work.ok(&with(&["--format", "csv", "--owner", "team-web"])).csv();
    assert!(!web.is_empty() && ids(&web).is_subset(&ids(&rows)) && web.len() < rows.len());
    assert!(web.iter().all(|r| r["owner"] == "team-web"));
    // The same rows in the dialects of spreadsheets.
    let tsv = work.ok(&with(&["--format", "csv", "--tsv"])).out();
    assert!(tsv.starts_with("id\ttier\tcode\t") && tsv.lines().count() == rows.len() + 1);
    work.ok(&with(&["--format", "csv", "--excel", "-o", "c.csv"]));
    let excel = std::fs::read_to_string(work.path("c.csv")).unwrap();
    assert!(excel.starts_with("\u{feff}id;tier;code;"), "{:?}", excel.get(..20));
}

#[test]
fn by_key_come_all_lines_of_what_shares_it() {
    let work = drilled();
    let keys = work.ok(&["--incident", "drill/incident-day0.db", "export", "keys"]).csv();
    let shared = keys.iter().find(|k| k["endpoints"].matches('@').count() == 3).unwrap();
    let spki = shared["spki"].as_str();
    let page = work.ok(&with(&["--key", spki])).out();
    let short = work.ok(&with(&["--key", &spki["sha256:".len()..][..8].to_uppercase()])).out();
    let dated =
        |text: &str| text.lines().filter(|l| !l.starts_with("Incident")).collect::<Vec<_>>().join("\n");
    assert_eq!(dated(&page), dated(&short));
    assert!(page.contains(&format!("Key `{spki}`. 3 services have served it: ")), "{page}");
    assert!(page.contains("`mail.drill.test:9465` (`team-mail`)"), "{page}");
    assert!(page.contains("  - Who: team-mail, team-web"), "{page}");
    let rows = work.ok(&with(&["--key", spki, "--format", "csv"])).csv();
    let services: BTreeSet<&str> = rows.iter().flat_map(|r| r["service_names"].split(';')).collect();
    assert!(services.contains("mail.drill.test:9465") && services.contains("www1.drill.test:8443"));
    assert!(!services.contains("pay.drill.test:8444"), "{services:?}");
    for (asked, why) in [
        ("zz", "names no key"),
        ("abcde", "names no key"),
        ("sha256:", "names no key"),
        ("000000000000", "no key that was seen begins with"),
    ] {
        let ended = work.run(&with(&["--key", asked])).expect_code(2);
        assert!(ended.err().contains(why), "{asked}: {}", ended.err());
    }
}

#[test]
fn by_secret_comes_its_line_after_those_that_it_waits_for() {
    let work = drilled();
    let rows = work.ok(&with(&["--secret", "turn-shared", "--format", "csv"])).csv();
    let last = rows.last().unwrap();
    assert_eq!((last["secret"].as_str(), last["code"].as_str()), ("turn-shared", "C7"));
    let known = ids(&rows);
    for row in &rows {
        for first in row["blocked_by"].split(';').filter(|f| !f.is_empty()) {
            assert!(known.contains(first), "{} waits for {first}, which is left out", row["id"]);
        }
    }
    assert!(rows.iter().all(|r| ["A0", "A1", "A2", "C7"].contains(&r["code"].as_str())), "{known:?}");
    let page = work.ok(&with(&["--secret", "turn-shared"])).out();
    assert!(page.contains("Secret `turn-shared` (`C7`). Held by "), "{page}");
    assert!(page.contains("a second line `static-auth-secret=`"), "{page}");
    assert!(page.contains("-- ./try-turn old.secret"), "{page}");
    let ended = work.run(&with(&["--secret", "nobody"])).expect_code(2);
    assert!(ended.err().contains("no secret is called `nobody`"), "{}", ended.err());
}

#[test]
fn choices_and_formats_that_do_not_go_together_are_usage_errors() {
    let work = Work::new();
    for arguments in [
        &["--key", "abcdef", "--owner", "a"][..],
        &["--key", "abcdef", "--service", "a"],
        &["--key", "abcdef", "--secret", "a"],
        &["--secret", "a", "--owner", "a"],
        &["--format", "csv", "--template", "x.hbs"],
        &["--excel"],
        &["--tsv", "--format", "html"],
        &["--format", "csv", "--excel", "--tsv"],
    ] {
        work.run(&with(arguments)).expect_code(2);
    }
}

#[test]
fn a_template_of_ones_own_is_used_and_its_mistakes_are_shown() {
    let work = drilled();
    let good = "{{#each lists}}{{owner}}|{{total}}|{{#each glance.first}}{{code}} {{/each}}\n{{/each}}";
    work.write("ours.hbs", good);
    let page = work.ok(&with(&["--template", "ours.hbs", "--owner", "team-web"])).out();
    assert!(page.starts_with("team-web|18|A1 "), "{page}");
    work.write("bad.hbs", "fine\n  {{#each lists}}{{ownr}}{{/each}}\n");
    let ended = work.run(&with(&["--template", "bad.hbs"])).expect_code(5);
    assert!(
        ended.err().contains("bad.hbs:2:") && ended.err().contains("`ownr` is no field here"),
        "{}",
        ended.err()
    );
    work.run(&with(&["--template", "gone.hbs"])).expect_code(5);
}

/// A kind of service and a kind of secret of the user's own.
const OWN: &str = r#"
[[policy.service_type]]
name = "door"
aliases = ["balancer-of-ours"]
title = "door opener"
holds = ["badge-key"]
drops = "Doors stay shut for a minute."
reload = "sudo systemctl reload door"
place = "`door.pem`"

[[policy.service_type]]
name = "balancer"
aliases = ["lb"]
title = "our balancer"
holds = ["badge-key"]
drops = "The shop is closed for a minute."

[[policy.secret_type]]
code = "badge-key"
tier = "D"
title = "Badge signing key"
aliases = ["badge"]
exposed_if = "the door opener leaked"
steps = ["Make a new one at the terminal.", "Print the badges again."]
evidence = "An old badge opens nothing."
checkable = "manual"
overlap = false
impact = "Everyone needs a new badge."
after = ["C1"]
commands = [{ step = 2, text = "`badge-print --all`." }]
"#;

#[test]
fn types_of_the_users_own_show_up_everywhere() {
    let work = drilled();
    let before = work.ok(&with(&["--format", "csv", "--owner", "team-pay"])).csv();
    assert!(before.iter().all(|r| r["code"] != "badge-key"));
    work.write("own.toml", OWN);
    let config = ["--config", "own.toml"];
    let page = work.ok(&with(&[&config[..], &["--owner", "team-pay"]].concat())).out();
    for wanted in [
        "The shop is closed for a minute.",
        "### D: Signing and session secrets",
        "**badge-key Badge signing key**",
        "Print the badges again. `badge-print --all`.",
        "services of the type \"our balancer\" hold one as a rule",
    ] {
        assert!(page.contains(wanted), "no {wanted:?} in:\n{page}");
    }
    let day0 = ["--incident", "drill/incident-day0.db"];
    let secrets = work.ok(&[&day0[..], &config, &["export", "secrets"]].concat()).csv();
    let badge = secrets.iter().find(|s| s["type"] == "badge-key").unwrap();
    assert_eq!(badge["tier"], "D");
    // It can be attested by its id, which is that of a secret that nobody listed.
    let id = badge["secret_id"].as_str();
    let copy = work.path("copy.db");
    std::fs::copy(work.path("drill/incident-day0.db"), &copy).unwrap();
    let attest = ["attest", "--secret", id, "--state", "not-exposed", "--reference", "DOC-1"];
    work.ok(&[&["--incident", "copy.db"][..], &config, &attest].concat());
}

#[test]
fn types_that_cannot_be_used_are_bad_input_that_names_the_file() {
    let work = drilled();
    let own = |from: &str, to: &str| OWN.replace(from, to);
    for (text, why) in [
        (own("aliases = [\"lb\"]", "aliases = [\"nginx\"]"), "`nginx` means two service types"),
        (own("holds = [\"badge-key\"]", "holds = [\"badge\"]"), "names the secret type `badge`"),
        (own("after = [\"C1\"]", "after = [\"E1\"]"), "of a later tier"),
        (own("badge-key", "C99"), "begins like one of another tier"),
        (own("tier = \"D\"", "tier = \"G\""), "tier"),
        (own("step = 2", "step = 3"), "belongs to step 3"),
        (own("overlap = false\n", ""), "missing field `overlap`"),
    ] {
        work.write("own.toml", &text);
        for command in [&["checklist"][..], &["status"], &["assess"], &["inventory", "list"]] {
            let arguments = [&DAY0[..], &["--config", "own.toml"], command].concat();
            let ended = work.run(&arguments).expect_code(5);
            assert!(ended.err().contains("own.toml:") && ended.err().contains(why), "{why}: {}", ended.err());
        }
    }
}
