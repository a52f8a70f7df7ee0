//! What holds for every report: nothing lost, nothing shifted, nothing hostile let through.

mod assess;
mod hosts;
mod lists;
mod screens;

use std::{collections::BTreeMap, fs};

use self::screens::screen_text;

use crate::model::text::acts_on_a_terminal;

use super::{
    EXPORTS, Export, Filter, Judged, View,
    csv::{Dialect, all_dialects},
    meta,
    sample::{HOSTILE, Sample, judge},
    split, status,
    style::Screen,
    summary,
    verify::{self, Gate},
};

type Writer = fn(&View<'_>, &mut Vec<u8>) -> std::io::Result<()>;

const GATE: Gate<'_> = Gate { name: "closed", result: "regressed" };

pub(super) fn parse(export: &Export, view: &View<'_>, dialect: Dialect) -> Vec<BTreeMap<String, String>> {
    let mut file = Vec::new();
    let rows = (export.write)(view, dialect, &mut file).unwrap();
    let body = file.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&file);
    let mut reader = csv::ReaderBuilder::new().delimiter(dialect.delimiter()).from_reader(body);
    let header = reader.headers().unwrap().clone();
    assert_eq!(header.iter().collect::<Vec<_>>(), (export.header)(), "{}", export.name);
    let parsed: Vec<BTreeMap<String, String>> = reader
        .records()
        .map(|r| {
            let record = r.expect("the same number of fields in every row");
            header.iter().map(str::to_owned).zip(record.iter().map(str::to_owned)).collect()
        })
        .collect();
    assert_eq!(parsed.len() as u64, rows, "{}: rows counted as written", export.name);
    parsed
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
        .filter(|p| {
            !p.ends_with("tests.rs")
                && fs::read_to_string(p).is_ok_and(|t| t.contains("pub const EXPORT: Export"))
        })
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
        ("findings", "sweep_id,time,disclosure,row_id,address,vantage,verdict,reason,ms"),
        ("delta", "row_id,from,to,code,sweep_a,sweep_b"),
    ];
    for (name, header) in table {
        assert_eq!((super::export(name).unwrap().header)().join(","), header, "{name}");
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
            let mut known: Vec<_> = view.evidence.services.iter().map(|s| s.row_id.to_string()).collect();
            known.sort();
            assert_eq!(ids, known, "{dialect:?}: the silent, the odd and the last are all there");
            let ports: Vec<_> = rows.iter().map(|r| r["port"].parse::<u16>()).collect();
            assert!(ports.iter().all(Result::is_ok), "{dialect:?}: no field has shifted: {ports:?}");
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
            assert!(hostile[column].starts_with("'=cmd|"), "{column}: {}", hostile[column]);
            assert!(hostile[column].contains("\\x1B[2J / +1,\"x\"\\u{202E}gpj"), "{column}");
        }
        let raw = Dialect { raw: true, ..Dialect::default() };
        assert!(parse(&super::tracker::EXPORT, view, raw).iter().any(|r| r["owner"].starts_with("=cmd|")));
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
    let order: Vec<_> = rows.iter().map(|r| format!("{} {}", r["owner"], r["name"])).collect();
    assert_eq!(order[0], " 192.0.2.99", "who owns nothing comes first, to be seen: {order:?}");
    assert_eq!(order[3..5], ["messaging chat.example.test", "messaging mail.example.test"], "{order:?}");
}

#[test]
fn sibling_files_join_on_the_row_id() {
    let sample = Sample::new();
    sample.with(|view| {
        let web = view.evidence.services[0].row_id.to_string();
        let turn = view.evidence.services[2].row_id.to_string();
        insta::assert_snapshot!(file(&super::keys::EXPORT, view).replace("\r\n", "\n"), @r#"
        spki,endpoints,certs,exposed,first_seen,last_seen,state
        sha256:2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683,svc-2wyf2llav7a7@192.0.2.11:443;svc-qr2m4e3oingv@[2001:db8::1]:25,sha256:03d66dd08835c1ca3f128cceacd1f31ac94163096b20f445ae84285bc0832d72,2026-11-22T14:00:00Z,2026-11-22T00:15:00Z,2026-11-22T14:00:00Z,exposed-served
        sha256:318f9f812b9e89ec3bd948c00afc751749a5a275b3a709436288da62f4cb36fb,svc-gyttqb5yskrv@192.0.2.11:443,sha256:03d66dd08835c1ca3f128cceacd1f31ac94163096b20f445ae84285bc0832d72,,2026-11-22T00:15:00Z,2026-11-22T14:00:00Z,clean
        sha256:360f84035942243c6a36537ae2f8673485e6c04455a0a85a0db19690f2541480,svc-2wyf2llav7a7@192.0.2.11:443,sha256:03d66dd08835c1ca3f128cceacd1f31ac94163096b20f445ae84285bc0832d72,2026-11-22T14:00:00Z,2026-11-22T00:15:00Z,2026-11-22T14:00:00Z,exposed-left
        sha256:5f977d67214ad5c610996f81eec1b19c2e714e5d3b85174680f2d60559298e8e,svc-qr2m4e3oingv@[2001:db8::1]:25,sha256:03d66dd08835c1ca3f128cceacd1f31ac94163096b20f445ae84285bc0832d72,2026-11-22T14:00:00Z,2026-11-22T00:15:00Z,2026-11-22T14:00:00Z,presumed-served
        "#);
        insta::assert_snapshot!(file(&super::secrets::EXPORT, view).replace("\r\n", "\n"), @r#"
        secret_id,type,tier,services,owner,state,new_issued,old_refused_at,evidence,blocked_by,ticket,due,note
        '=loose,"'=cmd|' /C calc'!A0\x1B[2J / +1,""x""\u{202E}gpj\x9B31m;\x09\x07",,,,identified,,,,,,,
        turn-shared,c7,C,svc-h7c4bv6jep5q,,identified,,,,svc-h7c4bv6jep5q,,2026-11-22T23:00:00Z,
        web-session-key,D1,D,svc-2wyf2llav7a7,web,new-issued,2026-11-22T15:00:00Z,,"new-issued by ana, CHG-13",svc-2wyf2llav7a7,,2026-11-22T12:00:00Z,
        "#);
        insta::assert_snapshot!(file(&super::delta::EXPORT, view).replace("\r\n", "\n"), @r#"
        row_id,from,to,code,sweep_a,sweep_b
        svc-tkenzusbzmvm,,not-affected,,s0001,s0002
        svc-gyttqb5yskrv,verified,unknown,,s0001,s0002
        svc-qr2m4e3oingv,exposed,closed-key-at-risk,,s0001,s0002
        svc-h7c4bv6jep5q,verified,regressed,R1,s0001,s0002
        "#);
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
        let turn = secrets.iter().find(|r| r["secret_id"] == "turn-shared").unwrap();
        assert_eq!(turn["new_issued"], "", "a secret older than the last bad look is not a new one");
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
        insta::assert_snapshot!(text, @r#"{"schema":"allclear.export/1","tool":"allclear 0.1.0","kind":"tracker","file":"tracker.csv","rows":2,"absent_rows":"a row that is not in the file was filtered out; absent does not mean fixed","filters":{"owner":"messaging"},"dialect":{"tsv":false,"excel":false,"formula_guard":true,"multiline":false},"incident":"incident","disclosures":["CVE-2014-0160"],"sweep":"s0002","judged_at":"2026-11-22T20:30:00.000000Z","services":{"known":7,"in_filter":2},"coverage":{"known":7,"probed":7,"unknown":1},"counts":{"regressed":1,"contradicted":0,"exposed":1,"unknown":1,"patched-not-restarted":0,"rekeyed-too-early":0,"closed-key-at-risk":2,"presumed-affected":0,"rekeyed-old-not-revoked":0,"secrets-pending":0,"awaiting-verification":0,"stale":0,"verified":1,"not-affected":1,"waived":0,"decommissioned":0},"policy":{"presume":"dated","minimum_grades":{"patched":"E1","restarted":"E3","rekeyed":"E3","revoked":"E2","secrets":"E1","verified":"E3"},"due_hours":{"public":24,"partner":72,"internal":168,"unknown":24},"confirm_after_hours":0,"stale_after_days":30,"decommission_sweeps":2,"rotate_by_policy":false,"findings":{"expiry_warn_hours":360},"service_type":[],"secret_type":[]},"chain_head":"sha256:9f2e6d33a3717ee826353a404ba4618d1aeeb6879ad7936bce8ed5f46814924d","evidence_rows":42}"#);
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
        for export in [&super::tracker::EXPORT, &super::secrets::EXPORT, &super::findings::EXPORT] {
            let parts = split::by_owner(export, view, Dialect::default()).unwrap();
            let whole = parse(export, view, Dialect::default()).len() as u64;
            assert_eq!(parts.iter().map(|p| p.rows).sum::<u64>(), whole, "{}", export.name);
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
fn two_disclosures_give_two_rows_a_service_and_two_first_lines() {
    let sample = Sample::new();
    let mut other = Sample::new();
    other.assessment.disclosure.id = "CVE-2099-0001".into();
    for service in &mut other.assessment.services {
        service.disclosure = "CVE-2099-0001".into();
    }
    let judged =
        [&sample, &other].map(|s| Judged { assessment: &s.assessment, judge: &judge, changes: &s.changes });
    let view = View::new(&sample.evidence, &judged);
    let rows = parse(&super::tracker::EXPORT, &view, Dialect::default());
    assert_eq!(rows.len(), 14);
    assert_eq!(rows[0]["row_id"], rows[1]["row_id"]);
    assert_ne!(rows[0]["incident"], rows[1]["incident"], "the rows can be told apart");
    let text = screen_text(&view, status::text);
    assert!(text.starts_with("CVE-2014-0160: 7 of 7 services probed;"), "{text}");
    assert!(text.lines().nth(1).unwrap().starts_with("CVE-2099-0001: 7 of 7"), "{text}");
    assert_eq!(parse(&super::keys::EXPORT, &view, Dialect::default()).len(), 4, "a key is one row");
}

proptest::proptest! {
    #[test]
    fn the_fuzz_target_holds_for_any_bytes(data in proptest::collection::vec(proptest::num::u8::ANY, 0..60)) {
        super::fuzz(&data);
    }
}

#[test]
fn the_fuzz_target_takes_anything() {
    for data in [&b"=1\r\n'=2"[..], b"\xff\xfe\x00", b"", HOSTILE.as_bytes(), "日本語 ＝".as_bytes()] {
        super::fuzz(data);
    }
}
