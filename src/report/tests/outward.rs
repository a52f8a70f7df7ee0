//! What holds for every kind that another system reads: nothing that is owed or unknown is told as done, accepted is never
//! fixed, and no name of others acts there.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

use crate::{
    model::{assessment::StandingClaim, facet::State, ids::RowId, text::acts_on_a_terminal},
    report::{
        EXPORTS, Export, Form,
        csv::{Dialect, all_dialects},
        export, export_as_json,
        sample::{Sample, at},
    },
};

use super::{file, parse};

const NEW: [&str; 7] = ["defectdojo", "jira", "gitlab", "github", "sarif", "openvex", "junit"];

fn written(name: &str, sample: &Sample) -> String {
    sample.with(|view| file(export(name).unwrap(), view))
}

fn rows(name: &str, sample: &Sample) -> Vec<BTreeMap<String, String>> {
    let export = export(name).unwrap();
    sample.with(|view| parse(export, view, export.dialect(Dialect::default())))
}

fn json(name: &str, sample: &Sample) -> Value {
    serde_json::from_str(&written(name, sample)).unwrap()
}

/// The sample with its first service in a state.
fn in_state(state: State) -> Sample {
    let mut sample = Sample::new();
    let entry = &mut sample.assessment.services[0];
    entry.state = state;
    entry.waiver = (state == State::Waived).then(|| StandingClaim {
        what: "waived".to_owned(),
        by: "ana".to_owned(),
        at: at("10:00:00"),
        reference: Some("RISK-7".to_owned()),
        until: Some(at("23:59:00")),
    });
    sample
}

const WEB: &str = "svc-2wyf2llav7a7";

#[test]
fn only_what_is_finished_is_closed_anywhere_and_waived_is_never_fixed() {
    for &state in State::ALL {
        let sample = in_state(state);
        let finished = state.is_finished() && state != State::Waived;

        let dojo = rows("defectdojo", &sample);
        let row = dojo.iter().find(|r| r["Description"].contains(WEB)).unwrap();
        assert_eq!(row["Active"] == "True", !finished, "{state}: {row:?}");
        assert!(row["IsMitigated"] == "False" || finished, "{state}: {row:?}");
        assert!(row["FalsePositive"] == "False" || state == State::NotAffected, "{state}: {row:?}");
        assert_eq!(row["Severity"] == "Info", finished, "{state}: {row:?}");

        for name in ["jira", "gitlab"] {
            let issues = rows(name, &sample);
            let text = issues.iter().any(|r| r.values().any(|v| v.contains(WEB) && v.contains("State")));
            assert_eq!(text, !state.is_finished(), "{name}, {state}: an issue for what is owed");
        }
        let github = written("github", &sample);
        assert_eq!(
            github.lines().any(|l| l.contains(&format!("{WEB}/CVE"))),
            !state.is_finished(),
            "github, {state}"
        );

        let sarif = json("sarif", &sample);
        let result = sarif["runs"][0]["results"].as_array().unwrap().iter();
        let result = result.clone().find(|r| r["properties"]["rowId"] == WEB).unwrap();
        let clean = result["kind"] == "pass" || result["kind"] == "notApplicable";
        assert_eq!(clean, finished, "{state}: {result}");
        assert_eq!(result.get("suppressions").is_some(), state == State::Waived, "{state}: {result}");
        assert_eq!(result["level"] == "none", result["kind"] != "fail", "SARIF 3.27.10, {state}: {result}");

        let vex = json("openvex", &sample);
        let mut statements = vex["statements"].as_array().unwrap().iter();
        let last = statements.rfind(|s| s["products"][0]["@id"].as_str().unwrap().ends_with(WEB)).unwrap();
        let clean = last["status"] == "fixed" || last["status"] == "not_affected";
        assert_eq!(clean, finished, "{state}: {last}");

        let junit = written("junit", &sample);
        let case = junit.split("<testcase ").find(|c| c.contains(WEB) && c.contains("web01")).unwrap();
        let first = case.split('\n').next().unwrap();
        assert_eq!(first.ends_with("/>"), finished, "{state}: {case}");
        assert_eq!(
            case.contains("<skipped message=\"accepted by ana until"),
            state == State::Waived,
            "{state}: {case}"
        );
    }
}

#[test]
fn what_could_not_be_judged_is_said_in_each_system_as_such() {
    let sample = in_state(State::Unknown);
    let row = rows("defectdojo", &sample).into_iter().find(|r| r["Description"].contains(WEB)).unwrap();
    assert_eq!((row["Active"].as_str(), row["Severity"].as_str()), ("True", "Medium"));
    assert!(written("junit", &sample).contains("<error message=\"is unknown, which is not clean"));
    assert!(
        rows("jira", &sample)
            .iter()
            .any(|r| r["Summary"] == "CVE-2014-0160 (Heartbleed): web01.example.test:443 is unknown")
    );
}

#[test]
fn an_issue_reads_as_a_person_would_write_it() {
    let sample = Sample::new();
    let issue = |name: &str, key: &str| {
        let rows = rows(name, &sample);
        rows.into_iter().find(|r| r[key].contains("web01")).unwrap()
    };
    let jira = issue("jira", "Summary");
    assert_eq!(
        (
            jira["Summary"].as_str(),
            jira["Priority"].as_str(),
            jira["Assignee"].as_str(),
            jira["Due Date"].as_str()
        ),
        ("CVE-2014-0160 (Heartbleed): web01.example.test:443 is exposed", "Highest", "web", "2026-11-22")
    );
    assert_eq!(jira["External ID"], "svc-2wyf2llav7a7/CVE-2014-0160");
    let gitlab = issue("gitlab", "title");
    insta::assert_snapshot!(gitlab["description"], @r"
    **Service:** `web01.example.test:443`

    **State:** exposed since 2026-11-22 00:15 UTC

    **Why:** the hole is open: patch, then restart; last look: vulnerable (malformed-heartbeat-answered): it leaks memory to malformed heartbeats; runs openssl `1.0.1e-2+deb7u4 < 1.0.1e-2+deb7u5` (fixed; `Debian:7,` DSA-2896-1) (E4: web01, 2026-11-22 15:00)

    **Next:** patch, then restart; on web01: upgrade openssl from `1.0.1e-2+deb7u4` to `1.0.1e-2+deb7u5` or later; on web01: restart nginx.service (systemctl restart nginx.service), which runs nginx (pid 812, 813)

    **Facets:** patched open, restarted open, rekeyed open, revoked open, secrets open, verified open

    **Seen:** 192.0.2.11 vulnerable at 2026-11-22 14:00 UTC from local; 192.0.2.12 not-vulnerable at 2026-11-22 14:00 UTC from local

    **Key shared with:** `mail.example.test:25`

    **Owner:** `web`

    **Due:** 2026-11-22T12:00:00Z

    **Exposure:** public

    **Row:** `svc-2wyf2llav7a7/CVE-2014-0160`

    **Incident:** `incident`
    ");
    let first = written("github", &sample);
    let web: Value =
        serde_json::from_str(first.lines().find(|l| l.contains("web01.example.test:443 is")).unwrap())
            .unwrap();
    assert_eq!(
        web["labels"],
        serde_json::json!(["allclear", "CVE-2014-0160", "state:exposed", "severity:critical", "owner:web"])
    );
    assert_eq!(web["body"], gitlab["description"].as_str());
}

/// Names that attack each of the systems, and their length.
fn hostile() -> Vec<String> {
    let mut names: Vec<String> = [
        "=cmd|' /C calc'!A0",
        "]]><x>&amp;\"'",
        "<script>alert(1)</script>",
        "@everyone @all",
        "/close",
        "a\n/close\n/assign @root",
        "\u{202e}gpj.exe",
        "[x](http://evil.test) ![i](http://evil.test/i.png) #1 !2 ~label",
        "`@all`",
        "``` `` `@all",
        "{code}[~admin]{code}|x|!i.png!",
        "\u{0}\u{1b}[2J\u{fffe}",
    ]
    .map(str::to_owned)
    .to_vec();
    names.push("@é<".repeat(2_500)); // 10 kB
    names
}

fn hostile_sample(text: &str) -> Sample {
    let mut sample = Sample::new();
    let service = &mut sample.evidence.services[0];
    service.name = Some(text.into());
    let mut declared = (*service.declared).clone();
    declared.owner = Some(text.to_owned());
    declared.env = Some(text.to_owned());
    service.declared = Arc::new(declared);
    let row = RowId::declared(text);
    service.row_id = row.clone();
    sample.evidence.incident.name = text.to_owned();
    let entry = &mut sample.assessment.services[0];
    entry.row_id = row;
    entry.next_action = format!("ask {text} at once");
    entry.blocked_by = vec![text.to_owned()];
    entry.notes = vec![text.to_owned()];
    sample.assessment.disclosure.title = text.to_owned();
    sample
}

#[test]
fn no_name_of_others_acts_in_any_system() {
    for text in hostile() {
        let sample = hostile_sample(&text);
        for name in NEW {
            let out = written(name, &sample);
            let acting = |c: char| acts_on_a_terminal(c) && c != '\n' && c != '\r';
            assert!(!out.contains(acting), "{name}, {text:?}");
        }
        for (name, title, body) in [("gitlab", "title", "description"), ("defectdojo", "Title", "Impact")] {
            for row in rows(name, &sample) {
                assert!(!row[title].contains(['@', '#', '<', '`', '\n']), "{name}: {}", row[title]);
                assert!(row[title].chars().count() <= 255, "{name}: {}", row[title].len());
                markdown_is_inert(&row[body]);
            }
        }
        for line in written("github", &sample).lines() {
            let issue: Value = serde_json::from_str(line).unwrap();
            assert!(!issue["title"].as_str().unwrap().contains(['@', '#', '<', '`']), "{issue}");
            assert!(
                issue["labels"].as_array().unwrap().iter().all(|l| l.as_str().unwrap().len() <= 50),
                "{issue}"
            );
            markdown_is_inert(issue["body"].as_str().unwrap());
        }
        for row in rows("jira", &sample) {
            assert!(row["Summary"].chars().count() <= 255 && !row["Labels"].contains(' '), "{row:?}");
            for line in row["Description"].lines() {
                assert!(line.starts_with('*'), "a line of others: {line}");
                let unescaped = line.replace("\\[", "").replace("\\{", "").replace("\\!", "");
                assert!(!unescaped.contains(['[', '{', '!']), "{line}");
            }
        }
        serde_json::from_str::<Value>(&written("sarif", &sample)).unwrap();
        serde_json::from_str::<Value>(&written("openvex", &sample)).unwrap();
        xml_is_sound(&written("junit", &sample));
    }
}

/// Outside code spans there is nothing that a system takes for a mention, a reference, a link or HTML, and every line is
/// empty or begins with a heading of ours.
#[track_caller]
fn markdown_is_inert(text: &str) {
    for line in text.lines().filter(|l| !l.is_empty()) {
        assert!(line.starts_with("**"), "a line of others: {line}");
        let mut outside = String::new();
        let mut rest = line;
        while let Some(at) = rest.find('`') {
            outside.push_str(&rest[..at]);
            let fence: String = rest[at..].chars().take_while(|c| *c == '`').collect();
            let after = &rest[at + fence.len()..];
            let mut runs =
                after.match_indices('`').map(|(i, _)| i).filter(|i| *i == 0 || !after[..*i].ends_with('`'));
            let end = runs.find(|i| after[*i..].chars().take_while(|c| *c == '`').count() == fence.len());
            rest = &after[end.unwrap_or_else(|| panic!("an open span: {line}")) + fence.len()..];
        }
        outside.push_str(rest);
        let outside = outside.replace("**", "");
        assert!(!outside.contains(['@', '<', '#', '[', '!', '~', '&', '*', '_', '/']), "{outside}");
    }
}

/// Tags that close what they opened, and no other `<`.
#[track_caller]
fn xml_is_sound(text: &str) {
    let mut open: Vec<&str> = Vec::new();
    for piece in text.split('<').skip(1) {
        let (tag, rest) = piece.split_once('>').unwrap_or_else(|| panic!("an open tag: {piece}"));
        assert!(!rest.contains("]]>"), "{rest}");
        let name = tag.trim_start_matches('/').split([' ', '/', '\n']).next().unwrap();
        match (tag.starts_with('?'), tag.starts_with('/'), tag.ends_with('/')) {
            (true, ..) | (_, _, true) => {}
            (_, true, _) => assert_eq!(open.pop(), Some(name)),
            _ => open.push(name),
        }
        assert!(
            [
                "?xml",
                "testsuites",
                "testsuite",
                "testcase",
                "failure",
                "error",
                "skipped",
                "properties",
                "system-out",
                "system-err"
            ]
            .contains(&name),
            "an element of others: {name}"
        );
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn what_is_no_csv_has_no_dialect_and_importers_get_commas() {
    let asked = |f: fn(&mut Dialect)| {
        let mut dialect = Dialect::default();
        f(&mut dialect);
        dialect
    };
    let refused = |name: &str, dialect| export(name).unwrap().refuses(dialect).is_some();
    for name in ["github", "sarif", "openvex", "junit"] {
        assert!(!refused(name, Dialect::default()), "{name}");
        for dialect in all_dialects().filter(|d| *d != Dialect::default()) {
            assert!(refused(name, dialect), "{name}: {dialect:?}");
        }
    }
    for name in ["defectdojo", "jira", "gitlab"] {
        assert!(refused(name, asked(|d| d.tsv = true)) && refused(name, asked(|d| d.excel = true)), "{name}");
        assert!(
            !refused(name, asked(|d| d.raw = true)) && !refused(name, asked(|d| d.multiline = true)),
            "{name}"
        );
    }
    assert!(!refused("tracker", asked(|d| d.tsv = true)));
    assert!(export_as_json("defectdojo").unwrap().refuses(asked(|d| d.raw = true)).is_some());
    let other: Vec<&str> = EXPORTS.iter().map(|e| e.name).filter(|n| export_as_json(n).is_some()).collect();
    assert_eq!(other, ["defectdojo"]);
}

#[test]
fn a_part_by_owner_holds_every_row_once_in_every_kind() {
    let sample = Sample::new();
    sample.with(|view| {
        for name in NEW {
            let export: &Export = export(name).unwrap();
            let mut out = Vec::new();
            let whole = (export.write)(view, export.dialect(Dialect::default()), &mut out).unwrap();
            let parts =
                crate::report::split::by_owner(export, view, export.dialect(Dialect::default())).unwrap();
            assert_eq!(parts.iter().map(|p| p.rows).sum::<u64>(), whole, "{name}");
            if export.form == Form::Json {
                let all: std::collections::BTreeSet<&[u8]> =
                    parts.iter().map(|p| p.bytes.as_slice()).collect();
                assert_eq!(all.len(), parts.len(), "{name}: no two parts are the same document");
            }
        }
    });
}
