//! The plan of a whole incident: the drill leaves one on its first day and one after the repair.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::support::Work;

/// Every line of every wave, with the number of its wave.
fn lines(plan: &Value) -> Vec<(u64, &Value)> {
    let mut out = Vec::new();
    for wave in plan["waves"].as_array().unwrap() {
        for action in wave["actions"].as_array().unwrap() {
            let lines = action["lines"].as_array().unwrap();
            out.extend(lines.iter().map(|line| (wave["wave"].as_u64().unwrap(), line)));
        }
    }
    out
}

fn texts(values: &Value) -> Vec<&str> {
    values.as_array().unwrap().iter().map(|v| v.as_str().unwrap()).collect()
}

#[test]
fn the_drill_s_first_day_in_waves_and_its_keys() {
    let work = Work::new();
    work.ok(&["drill"]);
    let day0 = ["--incident", "drill/incident-day0.db"];
    let run = |arguments: &[&str]| work.ok(&[&day0, arguments].concat());
    let plan = run(&["plan", "--format", "json"]).json();
    assert_eq!(plan["schema"], "allclear.plan/1");

    // Wave 1 fixes and finds out, and every other line comes after all that blocks it.
    let lines = lines(&plan);
    let waves: BTreeMap<&str, u64> =
        lines.iter().map(|(wave, l)| (l["id"].as_str().unwrap(), *wave)).collect();
    assert_eq!(waves.len(), lines.len(), "no line twice");
    assert_eq!(plan["counts"]["left"], lines.len());
    let keys = plan["keys"].as_array().unwrap().iter().filter(|k| k["exposure"] == "presumed");
    let presumed: BTreeSet<String> =
        keys.map(|k| format!("key:{}/B1", &k["spki"].as_str().unwrap()["sha256:".len()..][..12])).collect();
    let mut seen = BTreeSet::new();
    for (id, wave) in &waves {
        let code = id.rsplit('/').next().unwrap();
        seen.insert(code);
        match code {
            "A0" | "A1" => assert_eq!(*wave, 1, "{id}"),
            "A2" => assert_eq!(*wave, 2, "{id}"),
            // Only a key that is presumed to have leaked waits for no repair.
            "B1" => assert!(*wave >= 3 || presumed.contains(*id), "{id} in wave {wave}"),
            "B1r" => {
                assert!(*wave >= 4 || presumed.contains(&id.replace("/B1r", "/B1")), "{id} in wave {wave}");
            }
            _ => {}
        }
    }
    for code in ["A1", "A2", "B1", "B1r"] {
        assert!(seen.contains(code), "no {code} among {seen:?}");
    }
    for (wave, line) in &lines {
        for first in texts(&line["blocked_by"]) {
            assert!(waves.get(first).is_none_or(|w| w < wave), "{} stands before {first}", line["id"]);
        }
        let waits: Vec<u64> = texts(&line["waits_for"]).iter().map(|id| waves[id]).collect();
        assert_eq!(waits.iter().max().map_or(1, |w| w + 1), *wave, "{}", line["id"]);
    }

    // The checklist says the same of what comes first.
    let template = "{{#each lists}}{{#each tiers}}{{#each lines}}{{{id}}}|{{#each blocked_by}}{{{this}}};{{/each}}\n{{/each}}{{/each}}{{/each}}";
    work.write("ids.hbs", template);
    let listed = run(&["checklist", "--template", "ids.hbs"]).out();
    let listed: BTreeMap<&str, BTreeSet<&str>> = listed
        .lines()
        .filter_map(|l| l.split_once('|'))
        .map(|(id, first)| (id.trim(), first.split(';').filter(|f| !f.is_empty()).collect()))
        .collect();
    for (_, line) in &lines {
        let id = line["id"].as_str().unwrap();
        assert_eq!(listed.get(id), Some(&texts(&line["blocked_by"]).into_iter().collect()), "{id}");
    }

    the_shared_key(&plan);
    one_owner(&plan, &run);
    one_key(&plan, &work, &run);
    every_form(&run);

    // After the repair nothing of the first day is left.
    let after = work.ok(&["--incident", "drill/incident.db", "plan", "--format", "json"]).json();
    assert_eq!(
        (&after["counts"]["left"], &after["keys"]),
        (&Value::from(0), &Value::Array(Vec::new())),
        "{after:#}"
    );
    let told = work.ok(&["--incident", "drill/incident.db", "plan"]).out();
    assert!(told.starts_with("Nothing is left to do"), "{told}");
}

/// The key that web and mail share: mail never leaked, and could go first with one of its own.
fn the_shared_key(plan: &Value) {
    let keys = plan["keys"].as_array().unwrap();
    let shared = keys
        .iter()
        .find(|k| {
            let owners = texts(&k["owners"]);
            owners.contains(&"team-web") && owners.contains(&"team-mail")
        })
        .unwrap_or_else(|| panic!("no key that web and mail share among {keys:#?}"));
    let blocked = texts(&shared["revoke"]["blocked_by"]);
    for name in ["www1.drill.test:8443@127.", "www2.drill.test:8443@127.", "mail.drill.test:9465@127."] {
        assert!(blocked.iter().any(|place| place.starts_with(name)), "{name} among {blocked:?}");
    }
    let part = |who: &str| {
        let parts = shared["split"]["by_owner"].as_array().unwrap();
        parts.iter().find(|p| p["who"] == who).unwrap_or_else(|| panic!("{who} among {parts:#?}")).clone()
    };
    assert_eq!(shared["split"]["shared"]["wave"], 3);
    assert_eq!(part("team-web")["wave"], 3);
    assert_eq!(
        (&part("team-mail")["wave"], &part("team-mail")["waits_for"]),
        (&Value::from(1), &Value::Array(Vec::new()))
    );
}

/// One owner's plan has their lines only, and names what they wait for from others.
fn one_owner(plan: &Value, run: &dyn Fn(&[&str]) -> crate::support::Ended) {
    let mail = run(&["plan", "--owner", "team-mail", "--format", "json"]).json();
    assert_eq!(mail["only"]["owner"], "team-mail");
    let mine: BTreeSet<&str> = lines(&mail).iter().map(|(_, l)| l["id"].as_str().unwrap()).collect();
    let mut expected = BTreeSet::new();
    for wave in plan["waves"].as_array().unwrap() {
        for action in wave["actions"].as_array().unwrap() {
            if texts(&action["owners"].as_array().unwrap().iter().filter(|o| !o.is_null()).cloned().collect())
                .contains(&"team-mail")
            {
                expected
                    .extend(action["lines"].as_array().unwrap().iter().map(|l| l["id"].as_str().unwrap()));
            }
        }
    }
    assert_eq!(mine, expected);
    assert!(!mine.is_empty() && mine.len() < lines(plan).len());
    let told = run(&["plan", "--owner", "team-mail"]).out();
    let waits = told.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(waits.contains("waits for A2 Restart nginx (team-web, wave 2): www1.drill.test:8443"), "{told}");
    one_service(run, &["plan", "--format", "json", "--service", "www1.drill.test:8443"]);
}

fn one_service(run: &dyn Fn(&[&str]) -> crate::support::Ended, arguments: &[&str]) {
    let service = run(arguments).json();
    let lines = lines(&service);
    assert!(!lines.is_empty());
    assert!(lines.iter().all(|(_, l)| texts(&l["names"]).contains(&"www1.drill.test:8443")), "{service:#}");
}

/// One key by its first digits; digits that are none, or of no key, are errors.
fn one_key(plan: &Value, work: &Work, run: &dyn Fn(&[&str]) -> crate::support::Ended) {
    let spki = plan["keys"][0]["spki"].as_str().unwrap();
    for prefix in [&spki[..19], &spki["sha256:".len()..19]] {
        let told = run(&["plan", "--key", prefix]).out();
        assert!(told.starts_with(spki), "{told}");
        assert!(told.contains("ENDPOINT") && told.contains("certificate 0x"), "{told}");
    }
    for wrong in ["xyz", "", "0000000000000000"] {
        let ended =
            work.run(&["--incident", "drill/incident-day0.db", "plan", "--key", wrong]).expect_code(2);
        assert!(ended.out().is_empty() && ended.err().contains("export keys"), "{}", ended.err());
    }
    for (option, wrong) in [("--owner", "nobody-here"), ("--service", "nothing.here")] {
        let ended = work.run(&["--incident", "drill/incident-day0.db", "plan", option, wrong]).expect_code(2);
        assert!(ended.out().is_empty() && ended.err().contains(wrong), "{}", ended.err());
    }
}

/// The text warns of the order; Markdown and HTML are whole, into a file too.
fn every_form(run: &dyn Fn(&[&str]) -> crate::support::Ended) {
    let told = run(&["plan"]).out();
    for words in [
        "can start now",
        "No restart before",
        "No new key before",
        "No revocation before",
        "WAVE 1:",
        "KEYS:",
        "Revoke waits for",
    ] {
        assert!(told.contains(words), "{words} in {told}");
    }
    let order: Vec<usize> =
        ["WAVE 1:", "WAVE 2:", "WAVE 3:", "KEYS:"].iter().map(|w| told.find(w).unwrap()).collect();
    assert!(order.is_sorted());
    assert!(run(&["plan", "--format", "md"]).out().starts_with("# Plan: "));
    let file = run(&["plan", "--format", "html", "-o", "plan.html"]);
    assert!(file.out().is_empty() && file.err().contains("wrote plan.html"));
    let page = run(&["plan", "--format", "html"]).out();
    assert!(page.contains("<svg class=\"blast\"") && page.trim_end().ends_with("</html>"));
}
