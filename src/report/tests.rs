//! What holds for every report: nothing lost, nothing shifted, nothing hostile let through.

use std::{collections::BTreeMap, fs};

use crate::model::{facet::State, text::acts_on_a_terminal, verdict::Verdict};

use super::{
    EXPORTS, Export, Filter, Judged, View,
    csv::{Dialect, all_dialects},
    meta,
    sample::{HOSTILE, Sample, judge},
    split, status,
    style::{Screen, Style},
    summary, table,
    verify::{self, Gate},
};

type Writer = fn(&View<'_>, &mut Vec<u8>) -> std::io::Result<()>;

const GATE: Gate<'_> = Gate {
    name: "closed",
    result: "regressed",
};

pub(super) fn parse(export: &Export, view: &View<'_>, dialect: Dialect) -> Vec<BTreeMap<String, String>> {
    let mut file = Vec::new();
    let rows = (export.write)(view, dialect, &mut file).unwrap();
    let body = file.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&file);
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(dialect.delimiter())
        .from_reader(body);
    let header = reader.headers().unwrap().clone();
    assert_eq!(
        header.iter().collect::<Vec<_>>(),
        (export.header)(),
        "{}",
        export.name
    );
    let parsed: Vec<BTreeMap<String, String>> = reader
        .records()
        .map(|r| {
            let record = r.expect("the same number of fields in every row");
            header
                .iter()
                .map(str::to_owned)
                .zip(record.iter().map(str::to_owned))
                .collect()
        })
        .collect();
    assert_eq!(
        parsed.len() as u64,
        rows,
        "{}: rows counted as written",
        export.name
    );
    parsed
}

fn screen_text(
    view: &View<'_>,
    write: fn(&View<'_>, &Screen, &mut dyn std::io::Write) -> std::io::Result<()>,
) -> String {
    let mut out = Vec::new();
    write(view, &Screen::default(), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn verify_text(view: &View<'_>, screen: &Screen, out: &mut dyn std::io::Write) -> std::io::Result<()> {
    verify::text(view, GATE, screen, out)
}

fn file(export: &Export, view: &View<'_>) -> String {
    let mut out = Vec::new();
    (export.write)(view, Dialect::default(), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn every_export_file_is_registered_and_no_name_is_used_twice() {
    let mut files: Vec<String> = fs::read_dir("src/report")
        .expect("the tests run from the package root")
        .map(|e| e.expect("a readable entry").path())
        .filter(|p| fs::read_to_string(p).is_ok_and(|t| t.contains("pub const EXPORT: Export")))
        .map(|p| p.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    files.sort();
    let mut names: Vec<&str> = EXPORTS.iter().map(|e| e.name).collect();
    names.sort_unstable();
    assert_eq!(files, names);
    assert!(super::export("tracker").is_some() && super::export("nothing").is_none());
}

#[test]
fn sibling_headers_are_the_published_ones() {
    let table = [
        (
            "secrets",
            "secret_id,type,tier,services,owner,state,new_issued,old_refused_at,evidence,blocked_by,ticket,due,note",
        ),
        ("keys", "spki,endpoints,certs,exposed,first_seen,last_seen,state"),
        (
            "findings",
            "sweep_id,time,disclosure,row_id,address,vantage,verdict,reason,ms",
        ),
        ("delta", "row_id,from,to,code,sweep_a,sweep_b"),
    ];
    for (name, header) in table {
        assert_eq!(
            (super::export(name).unwrap().header)().join(","),
            header,
            "{name}"
        );
    }
}

#[test]
fn every_service_in_is_a_row_out_in_every_dialect() {
    let sample = Sample::new();
    sample.with(|view| {
        for dialect in all_dialects() {
            let rows = parse(&super::tracker::EXPORT, view, dialect);
            let mut ids: Vec<_> = rows.iter().map(|r| r["row_id"].clone()).collect();
            ids.sort();
            let mut known: Vec<_> = view
                .evidence
                .services
                .iter()
                .map(|s| s.row_id.to_string())
                .collect();
            known.sort();
            assert_eq!(
                ids, known,
                "{dialect:?}: the silent, the odd and the last are all there"
            );
            let ports: Vec<_> = rows.iter().map(|r| r["port"].parse::<u16>()).collect();
            assert!(
                ports.iter().all(Result::is_ok),
                "{dialect:?}: no field has shifted: {ports:?}"
            );
        }
    });
}

#[test]
fn hostile_text_acts_in_no_output() {
    let sample = Sample::new();
    let writers: [(&str, Writer); 5] = [
        ("status", |v, o| status::text(v, &Screen::default(), o)),
        ("summary", |v, o| summary::write(v, &Screen::default(), o)),
        ("verify", |v, o| verify::text(v, GATE, &Screen::default(), o)),
        ("status --json", |v, o| status::json(v, o)),
        ("verify --json", |v, o| verify::json(v, GATE, o)),
    ];
    sample.with(|view| {
        let mut texts = Vec::new();
        for (name, write) in writers {
            let mut out = Vec::new();
            write(view, &mut out).unwrap();
            texts.push((name, String::from_utf8(out).unwrap()));
        }
        texts.extend(EXPORTS.iter().map(|e| (e.name, file(e, view))));
        for (name, text) in texts {
            let acting = |c: char| acts_on_a_terminal(c) && c != '\n' && c != '\r';
            assert!(!text.contains(acting), "{name}: {text:?}");
            assert!(text.len() > 100, "{name} holds something");
        }
        let rows = parse(&super::tracker::EXPORT, view, Dialect::default());
        let hostile = rows.iter().find(|r| r["tags"].contains("cmd")).unwrap();
        for column in ["owner", "name", "tags", "issuer"] {
            assert!(
                hostile[column].starts_with("'=cmd|"),
                "{column}: {}",
                hostile[column]
            );
            assert!(
                hostile[column].contains("\\x1B[2J / +1,\"x\"\\u{202E}gpj"),
                "{column}"
            );
        }
        let raw = Dialect {
            raw: true,
            ..Dialect::default()
        };
        assert!(
            parse(&super::tracker::EXPORT, view, raw)
                .iter()
                .any(|r| r["owner"].starts_with("=cmd|"))
        );
        let secrets = parse(&super::secrets::EXPORT, view, Dialect::default());
        assert!(secrets.iter().any(|r| r["secret_id"] == "'=loose"), "{secrets:?}");
    });
    assert!(HOSTILE.contains('\u{1b}'));
}

#[test]
fn order_does_not_depend_on_the_order_of_the_evidence() {
    let sample = Sample::new();
    let mut shuffled = Sample::new();
    shuffled.evidence.services.reverse();
    shuffled.assessment.services.reverse();
    shuffled.assessment.keys.reverse();
    shuffled.evidence.secrets.reverse();
    shuffled.changes.reverse();
    for export in EXPORTS.iter().filter(|e| e.name != "findings") {
        let first = sample.with(|view| file(export, view));
        let second = shuffled.with(|view| file(export, view));
        assert_eq!(first, second, "{}", export.name);
    }
    let rows = sample.with(|view| parse(&super::tracker::EXPORT, view, Dialect::default()));
    let order: Vec<_> = rows
        .iter()
        .map(|r| format!("{} {}", r["owner"], r["name"]))
        .collect();
    assert_eq!(
        order[0], " 192.0.2.99",
        "who owns nothing comes first, to be seen: {order:?}"
    );
    assert_eq!(
        order[3..5],
        ["messaging chat.example.test", "messaging mail.example.test"],
        "{order:?}"
    );
}

#[test]
fn sibling_files_join_on_the_row_id() {
    let sample = Sample::new();
    sample.with(|view| {
        let web = view.evidence.services[0].row_id.to_string();
        let turn = view.evidence.services[2].row_id.to_string();
        insta::assert_snapshot!(file(&super::keys::EXPORT, view).replace("\r\n", "\n"), @"");
        insta::assert_snapshot!(file(&super::secrets::EXPORT, view).replace("\r\n", "\n"), @"");
        insta::assert_snapshot!(file(&super::delta::EXPORT, view).replace("\r\n", "\n"), @"");
        let findings = parse(&super::findings::EXPORT, view, Dialect::default());
        assert_eq!(
            findings.len(),
            7,
            "one row per observation, none lost after the silent one"
        );
        assert_eq!(
            (findings[0]["row_id"].as_str(), findings[0]["ms"].as_str()),
            (web.as_str(), "12.4")
        );
        assert_eq!(
            findings[3]["verdict"], "inconclusive",
            "the silent one is not called clean"
        );
        let delta = parse(&super::delta::EXPORT, view, Dialect::default());
        assert!(delta.iter().any(|r| r["row_id"] == turn && r["code"] == "R1"));
        let secrets = parse(&super::secrets::EXPORT, view, Dialect::default());
        let session = secrets
            .iter()
            .find(|r| r["secret_id"] == "web-session-key")
            .unwrap();
        assert_eq!(
            session["old_refused_at"], "",
            "a withdrawn claim no longer speaks"
        );
    });
}

#[test]
fn a_filter_takes_rows_away_and_the_meta_file_says_so() {
    let sample = Sample::new();
    sample.with(|view| {
        let filter = Filter {
            owner: Some("messaging".to_owned()),
            ..Filter::default()
        };
        let part = view.filtered(filter);
        let rows = parse(&super::tracker::EXPORT, &part, Dialect::default());
        assert_eq!(rows.len(), 2);
        let keys = parse(&super::keys::EXPORT, &part, Dialect::default());
        assert!(
            keys.iter()
                .all(|k| k["endpoints"].contains(rows[1]["row_id"].as_str())),
            "{keys:?}"
        );
        assert!(
            keys.iter().any(|k| k["endpoints"].contains(';')),
            "another owner's endpoint is still shown"
        );
        let written = meta::Written {
            kind: "tracker",
            file: "tracker.csv",
            rows: 2,
            dialect: Dialect::default(),
        };
        let mut out = Vec::new();
        meta::write(&part, &written, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        insta::assert_snapshot!(text, @"");
        let meta: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (&meta["filters"]["owner"], &meta["services"]["known"]),
            (&"messaging".into(), &7.into())
        );
        let one = |service: &str| {
            let filter = Filter {
                service: Some(service.to_owned()),
                ..Filter::default()
            };
            view.filtered(filter).rows().len()
        };
        let id = view.evidence.services[0].row_id.to_string();
        for name in [
            "web01.example.test",
            "WEB01.example.test:443",
            "192.0.2.99",
            "192.0.2.99:8443",
            id.as_str(),
        ] {
            assert_eq!(one(name), 1, "{name}");
        }
        assert_eq!(one("web01"), 0, "no guessing");
    });
}

#[test]
fn parts_by_owner_hold_every_row_once() {
    let sample = Sample::new();
    sample.with(|view| {
        for export in [
            &super::tracker::EXPORT,
            &super::secrets::EXPORT,
            &super::findings::EXPORT,
        ] {
            let parts = split::by_owner(export, view, Dialect::default()).unwrap();
            let whole = parse(export, view, Dialect::default()).len() as u64;
            assert_eq!(
                parts.iter().map(|p| p.rows).sum::<u64>(),
                whole,
                "{}",
                export.name
            );
        }
        let parts = split::by_owner(&super::tracker::EXPORT, view, Dialect::default()).unwrap();
        let slugs: Vec<_> = parts.iter().map(|p| p.slug.as_str()).collect();
        assert_eq!(slugs.last(), Some(&"unowned"));
        assert!(
            slugs.contains(&"messaging") && slugs.iter().all(|s| !s.contains(['/', '\\', '='])),
            "{slugs:?}"
        );
    });
}

#[test]
fn the_summary_says_how_much_was_seen_and_what_not_to_do_first() {
    let sample = Sample::new();
    let text = sample.with(|view| screen_text(view, summary::write));
    insta::assert_snapshot!(text, @"");
    let mut lines = text.lines();
    assert_eq!(
        lines.next(),
        Some("7 of 7 services probed; 2 VULNERABLE, 1 unknown, 4 clean")
    );
    assert_eq!(
        lines.next(),
        Some("Do not restart before the fix is installed; do not make new keys before the")
    );
}

#[test]
fn the_status_is_one_screen_and_names_every_open_service_of_a_small_fleet() {
    let sample = Sample::new();
    let text = sample.with(|view| screen_text(view, status::text));
    insta::assert_snapshot!(text, @"");
    for name in [
        "web01.example.test:443",
        "turn.example.test:5349",
        "tarpit.example.test:443",
    ] {
        assert!(text.contains(name), "{name}");
    }
}

#[test]
fn verify_says_the_gate_and_what_went_backwards_first() {
    let sample = Sample::new();
    let text = sample.with(|view| screen_text(view, verify_text));
    insta::assert_snapshot!(text, @"");
    let backwards = text.find("R1 vulnerable again").unwrap();
    assert!(backwards < text.find("MOVED ON").unwrap());
}

#[test]
fn fifty_thousand_services_fit_a_screen_and_no_cut_is_silent() {
    let sample = Sample::large(50_000);
    sample.with(|view| {
        let table: [(&str, String, usize); 3] = [
            ("status", screen_text(view, status::text), 40),
            ("summary", screen_text(view, summary::write), 90),
            ("verify", screen_text(view, verify_text), 70),
        ];
        for (name, text, most) in &table {
            assert!(
                text.lines().count() <= *most,
                "{name} has {} lines:\n{text}",
                text.lines().count()
            );
            let wide: Vec<_> = text.lines().filter(|l| table::width(l) > 80).collect();
            assert!(wide.is_empty(), "{name} is wider than 80: {wide:#?}");
            assert!(
                text.contains(" more: allclear export tracker"),
                "{name} says what it left out"
            );
            assert!(
                text.contains("more owners") || *name == "verify",
                "{name} says that owners are left out"
            );
        }
        insta::assert_snapshot!(table[0].1, @"");
    });
}

#[test]
fn unknown_is_never_called_clean() {
    for verdict in [
        None,
        Some(Verdict::Inconclusive),
        Some(Verdict::Unreachable),
        Some(Verdict::Skipped),
    ] {
        for &state in State::ALL {
            let mut sample = Sample::new();
            for service in &mut sample.assessment.services {
                (service.verdict, service.state) = (verdict, state);
            }
            let text = sample.with(|view| screen_text(view, summary::write));
            let first = text.lines().next().unwrap();
            assert!(
                first.contains(", 0 clean"),
                "{verdict:?} in state {state}: {first}"
            );
        }
    }
    let mut sample = Sample::new();
    for service in &mut sample.assessment.services {
        (service.verdict, service.state) = (Some(Verdict::NotVulnerable), State::Unknown);
    }
    let text = sample.with(|view| screen_text(view, status::text));
    assert!(
        text.starts_with("7 of 7 services probed; 0 VULNERABLE, 7 unknown, 0 clean\n"),
        "{text}"
    );
}

#[test]
fn all_clear_is_said_only_when_nothing_is_owed() {
    let mut sample = Sample::new();
    for service in &mut sample.assessment.services {
        (service.verdict, service.state) = (Some(Verdict::NotVulnerable), State::Verified);
    }
    let text = sample.with(|view| screen_text(view, status::text));
    assert!(
        text.contains("All clear: 7 of 7 services owe nothing more."),
        "{text}"
    );
    assert!(
        !text.contains("Do not restart"),
        "the warning ends with the exposure"
    );
    sample.assessment.services[6].state = State::SecretsPending;
    let text = sample.with(|view| screen_text(view, status::text));
    assert!(
        !text.contains("All clear") && text.contains("6 of 7 services owe nothing more; 1 are open."),
        "{text}"
    );
    let empty = Sample::large(0).with(|view| screen_text(view, status::text));
    assert!(
        !empty.contains("All clear"),
        "nothing known is not all clear: {empty}"
    );
}

#[test]
fn colour_is_added_only_when_asked_and_changes_no_word() {
    let sample = Sample::new();
    sample.with(|view| {
        let mut out = Vec::new();
        let screen = Screen {
            style: Style { color: true },
            ..Screen::default()
        };
        status::text(view, &screen, &mut out).unwrap();
        let coloured = String::from_utf8(out).unwrap();
        assert!(coloured.contains("\u{1b}["));
        let mut plain = coloured;
        for code in ["1;31", "33", "32", "1", "2", "0"] {
            plain = plain.replace(&format!("\u{1b}[{code}m"), "");
        }
        assert_eq!(plain, screen_text(view, status::text));
    });
}

#[test]
fn status_json_has_the_keys_of_the_design_in_their_order() {
    let sample = Sample::new();
    sample.with(|view| {
        let filter = Filter {
            service: Some("web01.example.test".to_owned()),
            ..Filter::default()
        };
        let mut out = Vec::new();
        status::json(&view.filtered(filter), &mut out).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @"");
        let mut out = Vec::new();
        status::json(view, &mut out).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
        let counts: Vec<&str> = value["counts"]
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        let states: Vec<&str> = State::ALL.iter().map(|s| s.as_str()).collect();
        assert_eq!(
            counts, states,
            "every state is counted, in order, also those with none"
        );
        assert_eq!(value["services"].as_array().unwrap().len(), 7);
        let mut out = Vec::new();
        verify::json(view, GATE, &mut out).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(value["gate"], "regressed");
        assert_eq!(value["schema"], "allclear.status/1");
        let codes: Vec<_> = value["changes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|c| c["code"].clone())
            .collect();
        assert_eq!(
            codes.iter().filter(|c| c.is_null()).count(),
            3,
            "null unless a regression: {codes:?}"
        );
        assert!(value["changes"][0].get("disclosure").is_none());
    });
}

#[test]
fn two_disclosures_give_two_rows_a_service_and_two_first_lines() {
    let sample = Sample::new();
    let mut other = Sample::new();
    other.assessment.disclosure.id = "CVE-2099-0001".into();
    for service in &mut other.assessment.services {
        service.disclosure = "CVE-2099-0001".into();
    }
    let judged = [&sample, &other].map(|s| Judged {
        assessment: &s.assessment,
        judge: &judge,
        changes: &s.changes,
    });
    let view = View::new(&sample.evidence, &judged);
    let rows = parse(&super::tracker::EXPORT, &view, Dialect::default());
    assert_eq!(rows.len(), 14);
    assert_eq!(rows[0]["row_id"], rows[1]["row_id"]);
    assert_ne!(
        rows[0]["incident"], rows[1]["incident"],
        "the rows can be told apart"
    );
    let text = screen_text(&view, status::text);
    assert!(
        text.starts_with("CVE-2014-0160: 7 of 7 services probed;"),
        "{text}"
    );
    assert!(
        text.lines().nth(1).unwrap().starts_with("CVE-2099-0001: 7 of 7"),
        "{text}"
    );
    assert_eq!(
        parse(&super::keys::EXPORT, &view, Dialect::default()).len(),
        4,
        "a key is one row"
    );
}

#[test]
fn the_fuzz_target_takes_anything() {
    for data in [
        &b"=1\r\n'=2"[..],
        b"\xff\xfe\x00",
        b"",
        HOSTILE.as_bytes(),
        "日本語 ＝".as_bytes(),
    ] {
        super::fuzz(data);
    }
}
