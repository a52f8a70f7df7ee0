//! OSV: Ubuntu, Debian, Alpine, Red Hat and upstream records.

use serde_json::{Value, json};

use super::{lines, read};
use crate::disclosure::import::{Format, import};

fn entry(ecosystem: &str, events: &Value) -> Value {
    json!({
        "package": {"ecosystem": ecosystem, "name": "openssl"},
        "ranges": [{"type": "ECOSYSTEM", "events": events}],
    })
}

fn fixed_at(ecosystem: &str, version: &str) -> Value {
    entry(ecosystem, &json!([{"introduced": "0"}, {"fixed": version}]))
}

/// The notice that fixes the DTLS leak of 2026-09-29 in three releases.
fn usn_8847(cves: &[&str]) -> Value {
    json!({
        "schema_version": "1.7.0",
        "id": "USN-8847-1",
        "summary": "openssl vulnerabilities",
        "published": "2026-09-29T14:00:00Z",
        "modified": "2026-09-30T08:00:00Z",
        "upstream": cves,
        "related": [],
        "references": [{"type": "ADVISORY", "url": "https://ubuntu.com/security/notices/USN-8847-1"}],
        "affected": [
            fixed_at("Ubuntu:26.04:LTS", "3.5.5-1ubuntu3.6"),
            fixed_at("Ubuntu:24.04:LTS", "3.0.13-0ubuntu3.16"),
            fixed_at("Ubuntu:22.04:LTS", "3.0.2-0ubuntu1.30"),
        ],
    })
}

const USN_8847_ROWS: [&str; 3] = [
    "Ubuntu:22.04:LTS openssl affected 0..<3.0.2-0ubuntu1.30 USN-8847-1",
    "Ubuntu:24.04:LTS openssl affected 0..<3.0.13-0ubuntu3.16 USN-8847-1",
    "Ubuntu:26.04:LTS openssl affected 0..<3.5.5-1ubuntu3.6 USN-8847-1",
];

#[test]
fn a_notice_about_one_cve_becomes_that_cve_and_stays_findable_by_its_own_name() {
    let found = read(&usn_8847(&["CVE-2026-84782", "UBUNTU-CVE-2026-84782"]));
    assert_eq!(found.format, Format::Osv);
    assert_eq!(found.notes, [""; 0]);
    let [record] = &*found.records else { panic!("one record") };
    assert_eq!(&*record.id, "CVE-2026-84782");
    assert_eq!(record.aliases, ["USN-8847-1"]);
    assert_eq!(record.title, "openssl vulnerabilities");
    assert_eq!(record.disclosed_at.to_string(), "2026-09-29T14:00:00.000000Z");
    assert_eq!(record.links, ["https://ubuntu.com/security/notices/USN-8847-1"]);
    assert_eq!(lines(record), USN_8847_ROWS);
    let [source] = &*record.sources else { panic!("one source") };
    let digest = source.strip_prefix("osv record.json sha256:").unwrap();
    assert!(digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit()), "{source}");
}

#[test]
fn a_notice_about_several_cves_becomes_one_record_each_with_the_same_rows() {
    let found = read(&usn_8847(&["CVE-2026-84783", "CVE-2026-84782"]));
    let ids: Vec<&str> = found.records.iter().map(|record| &*record.id).collect();
    assert_eq!(ids, ["CVE-2026-84782", "CVE-2026-84783"]);
    for record in &found.records {
        assert_eq!(lines(record), USN_8847_ROWS, "{}", record.id);
        assert_eq!(record.aliases, [""; 0], "the notice is a name of neither");
    }
}

#[test]
fn an_older_notice_names_its_cve_as_related() {
    let document = json!({
        "schema_version": "1.6.3", "id": "USN-7264-1", "published": "2025-02-11T15:00:00Z",
        "details": "It was discovered that OpenSSL clients\nusing RFC7250 raw public keys did not abort.",
        "related": ["CVE-2024-12797"],
        "affected": [fixed_at("Ubuntu:24.10", "3.3.1-2ubuntu2.1")],
    });
    let found = read(&document);
    assert_eq!(&*found.records[0].id, "CVE-2024-12797");
    let said = "It was discovered that OpenSSL clients using RFC7250 raw public keys did not abort.";
    assert_eq!(found.records[0].title, said);
    assert_eq!(found.records[0].leaks, said);
    assert_eq!(lines(&found.records[0]), ["Ubuntu:24.10 openssl affected 0..<3.3.1-2ubuntu2.1 USN-7264-1"]);
}

#[test]
fn a_record_that_is_about_its_own_cve_is_not_read_as_one_about_others() {
    let document = json!({
        "id": "DEBIAN-CVE-2024-5535", "published": "2024-06-27T11:15:00Z", "upstream": ["CVE-2024-5535"],
        "related": ["CVE-2024-9999"],
        "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:H"}],
        "affected": [
            fixed_at("Debian:12", "3.0.15-1~deb12u1"),
            fixed_at("Debian:11", "1.1.1w-0+deb11u2"),
            entry("Debian:10", &json!([{"introduced": "0"}])),
            fixed_at("Debian:sid", "3.3.2-1"),
        ],
    });
    let found = read(&document);
    assert_eq!(found.notes, ["related: the record is not read as one about CVE-2024-9999"]);
    let [record] = &*found.records else { panic!("one record") };
    assert_eq!(&*record.id, "CVE-2024-5535");
    assert_eq!(record.title, "DEBIAN-CVE-2024-5535");
    assert_eq!(record.severity.as_deref(), Some("CVSS_V3 CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:H"));
    assert!(record.leaks.ends_with("the record does not say what leaks"), "{}", record.leaks);
    assert_eq!(
        lines(record),
        [
            "Debian:10 openssl affected 0.. DEBIAN-CVE-2024-5535",
            "Debian:11 openssl affected 0..<1.1.1w-0+deb11u2 DEBIAN-CVE-2024-5535",
            "Debian:12 openssl affected 0..<3.0.15-1~deb12u1 DEBIAN-CVE-2024-5535",
            "Debian:sid openssl affected 0..<3.3.2-1 DEBIAN-CVE-2024-5535",
        ]
    );
}

#[test]
fn the_records_of_several_distributions_about_one_cve_become_one() {
    let alpine = json!({
        "id": "ALPINE-CVE-2024-5535", "upstream": ["CVE-2024-5535"], "modified": "2024-07-01T00:00:00Z",
        "affected": [fixed_at("Alpine:v3.20", "3.3.1-r1")],
    });
    let redhat = json!({
        "id": "RHSA-2024:7848", "related": ["CVE-2024-5535"], "published": "2024-10-09T00:00:00Z",
        "summary": "Red Hat Security Advisory: openssl security update",
        "affected": [fixed_at("Red Hat:enterprise_linux:8::baseos", "1:1.1.1k-14.el8_6")],
    });
    let rows = [
        "Alpine:v3.20 openssl affected 0..<3.3.1-r1 ALPINE-CVE-2024-5535",
        "Red Hat:enterprise_linux:8::baseos openssl affected 0..<1:1.1.1k-14.el8_6 RHSA-2024:7848",
    ];
    let as_lines = format!("\u{feff}{alpine}\n{redhat}\n\n");
    let as_list = json!([alpine, redhat]).to_string();
    for text in [as_lines, as_list] {
        let found = import(text.as_bytes(), "dump", None).unwrap();
        let [record] = &*found.records else { panic!("one record") };
        assert_eq!(lines(record), rows);
        assert_eq!(record.aliases, ["ALPINE-CVE-2024-5535", "RHSA-2024:7848"]);
        assert_eq!(record.disclosed_at.date(), "2024-07-01");
        assert_eq!(found.notes, ["[0]: no time of publication: the time of the last change is taken"]);
    }
}

#[test]
fn every_run_of_versions_is_a_row_whatever_the_order_of_the_events() {
    let events = json!([
        {"fixed": "3.1.7"}, {"introduced": "1.1.1"}, {"fixed": "1.1.1za"}, {"introduced": "3.0.0"}, {"limit": "*"},
        {"introduced": "3.1.0"}, {"fixed": "3.0.15"}, {"introduced": "3.3.0"}, {"introduced": "3.3.0"},
        {"introduced": "1.0.2-beta1"}, {"fixed": "1.0.2zk"},
    ]);
    let mut affected = entry("upstream", &events);
    affected["ranges"][0]["type"] = json!("SEMVER");
    affected["ranges"].as_array_mut().unwrap().push(json!({
        "type": "GIT", "repo": "https://github.com/openssl/openssl", "events": [{"introduced": "0"}]
    }));
    affected["versions"] = json!(["3.0.0"]);
    let found =
        read(&json!({"id": "CVE-2024-5535", "published": "2024-06-27T00:00:00Z", "affected": [affected]}));
    assert_eq!(found.notes, ["affected[0].ranges[1]: a range of commits; left out"]);
    assert_eq!(
        lines(&found.records[0]),
        [
            "upstream openssl affected 1.0.2-beta1..<1.0.2zk CVE-2024-5535",
            "upstream openssl affected 1.1.1..<1.1.1za CVE-2024-5535",
            "upstream openssl affected 3.0.0..<3.0.15 CVE-2024-5535",
            "upstream openssl affected 3.1.0..<3.1.7 CVE-2024-5535",
            "upstream openssl affected 3.3.0.. CVE-2024-5535",
        ]
    );
}

#[test]
fn a_list_of_versions_counts_where_there_is_no_range() {
    let document = json!({
        "id": "CVE-2024-3094", "published": "2024-03-29T00:00:00Z",
        "affected": [
            {"package": {"ecosystem": "Debian:sid", "name": "xz-utils"}, "versions": ["5.6.1-1", "5.6.0-0.2", "5.6.1-1"]},
            entry("Debian:12", &json!([{"introduced": "0"}, {"last_affected": "3.0.14-1~deb12u2"}])),
            {"package": {"ecosystem": "crates.io", "name": "openssl-src"},
             "ranges": [{"type": "SEMVER", "events": [{"introduced": "0.0.0-0"}, {"fixed": "300.3.1"}]}]},
        ],
    });
    let found = read(&document);
    assert_eq!(found.notes, ["affected[2]: nobody is judged by a row of the ecosystem `crates.io`"]);
    assert_eq!(
        lines(&found.records[0]),
        [
            "Debian:12 openssl affected 0..=3.0.14-1~deb12u2 CVE-2024-3094",
            "Debian:sid xz-utils affected [5.6.0-0.2 5.6.1-1] CVE-2024-3094",
            "crates.io openssl-src affected 0.0.0-0..<300.3.1 CVE-2024-3094",
        ]
    );
}

#[test]
fn a_withdrawn_record_is_left_out_as_a_whole() {
    let mut document = usn_8847(&["CVE-2026-84782"]);
    document["withdrawn"] = json!("2026-10-01T00:00:00Z");
    let found = read(&document);
    assert_eq!(found.records, []);
    let note = "withdrawn: USN-8847-1 was withdrawn 2026-10-01T00:00:00Z: the whole record is left out";
    assert_eq!(found.notes, [note]);
}

#[test]
fn what_contradicts_itself_is_unknown_with_its_reason() {
    let two = |a: Value, b: Value| {
        let mut both = entry("Debian:12", &a);
        both["ranges"].as_array_mut().unwrap().push(json!({"type": "ECOSYSTEM", "events": b}));
        both
    };
    let simple = |events: Value| entry("Debian:12", &events);
    let mut semver = simple(json!([{"introduced": "0"}]));
    semver["ranges"][0]["type"] = json!("SEMVER");
    let table = [
        (simple(json!([{"introduced": "3.0"}, {"fixed": "3.0"}])), "fixed 3.0 is where the range starts"),
        (simple(json!([{"introduced": "3.0"}, {"fixed": "2.0"}])), "fixed 2.0 has no `introduced` before it"),
        (simple(json!([{"introduced": "0"}, {"fixed": "0"}])), "fixed 0 is where the range starts"),
        (simple(json!([{"fixed": "2.0"}])), "fixed 2.0 has no `introduced` before it"),
        (
            simple(json!([{"introduced": "0"}, {"fixed": "2.0"}, {"fixed": "3.0"}])),
            "fixed 3.0 has no `introduced` before it",
        ),
        (
            simple(json!([{"introduced": "0"}, {"introduced": "1.0"}, {"fixed": "2.0"}])),
            "introduced 1.0 stands in a range that is open already",
        ),
        (
            simple(
                json!([{"introduced": "0"}, {"fixed": "2.0"}, {"introduced": "3.0"}, {"last_affected": "4.0"}]),
            ),
            "`fixed` and `last_affected` in one range",
        ),
        (simple(json!([{"introduced": "0"}, {"limit": "2.0"}])), "a limit in a range of versions"),
        (simple(json!([])), "no event"),
        (simple(json!([{"introduced": "0", "fixed": "1"}])), "expected one key"),
        (simple(json!([{"vanished": "0"}])), "`vanished` is not an event"),
        (
            simple(json!([{"introduced": "0"}, {"fixed": "not a version"}])),
            "is not a version as dpkg orders them",
        ),
        (semver, "SEMVER is not the order"),
        (
            two(
                json!([{"introduced": "0"}, {"fixed": "3.0.15-1"}]),
                json!([{"introduced": "0"}, {"fixed": "3.0.16-1"}]),
            ),
            "two ranges disagree: 0 to before 3.0.15-1 and 0 to before 3.0.16-1",
        ),
        (
            two(json!([{"introduced": "0"}]), json!([{"introduced": "2"}, {"last_affected": "3"}])),
            "two ranges disagree: every version and 2 to 3",
        ),
    ];
    for (affected, reason) in table {
        let document = json!({"id": "CVE-2024-5535", "published": "2024-06-27T00:00:00Z", "affected": [affected.clone()]});
        let found = read(&document);
        let rows = lines(&found.records[0]);
        assert_eq!(rows.len(), 1, "input: {affected}, rows: {rows:?}");
        assert!(
            rows[0].starts_with("Debian:12 openssl unknown 0.. CVE-2024-5535 ("),
            "input: {affected}: {rows:?}"
        );
        assert!(rows[0].contains(reason), "input: {affected}, rows: {rows:?}");
        assert!(
            found.notes.iter().any(|n| n.starts_with("affected[0]") && n.contains(reason)),
            "{:?}",
            found.notes
        );
    }
}

#[test]
fn ranges_that_only_touch_or_say_the_same_do_not_contradict() {
    let document = json!({
        "id": "CVE-2024-5535", "published": "2024-06-27T00:00:00Z",
        "affected": [
            entry("Debian:12", &json!([{"introduced": "0"}, {"fixed": "2.0"}])),
            entry("Debian:12", &json!([{"introduced": "2.0"}, {"fixed": "3.0"}])),
            entry("Debian:12", &json!([{"introduced": "0"}, {"fixed": "2.0"}])),
            entry("Debian:13", &json!([{"introduced": "1.9"}, {"fixed": "2.5"}])),
        ],
    });
    let found = read(&document);
    assert_eq!(found.notes, [""; 0]);
    assert_eq!(
        lines(&found.records[0]),
        [
            "Debian:12 openssl affected 0..<2.0 CVE-2024-5535",
            "Debian:12 openssl affected 2.0..<3.0 CVE-2024-5535",
            "Debian:13 openssl affected 1.9..<2.5 CVE-2024-5535",
        ]
    );
}

#[test]
fn an_entry_that_cannot_be_read_takes_the_word_of_the_others_about_its_package() {
    let document = json!({
        "id": "CVE-2024-5535", "published": "2024-06-27T00:00:00Z",
        "affected": [
            fixed_at("Debian:12", "3.0.15-1"),
            entry("Debian:12", &json!("later")),
            fixed_at("Debian:13", "3.5.0-1"),
        ],
    });
    let found = read(&document);
    assert_eq!(
        lines(&found.records[0]),
        [
            "Debian:12 openssl unknown 0.. CVE-2024-5535 (expected a list, found a text)",
            "Debian:13 openssl affected 0..<3.5.0-1 CVE-2024-5535",
        ]
    );
}

#[test]
fn two_records_that_say_the_same_are_one_row_that_names_both() {
    let record = |id: &str| {
        json!({"id": id, "upstream": ["CVE-2024-5535"], "published": "2024-06-27T00:00:00Z",
               "affected": [fixed_at("Debian:12", "3.0.15-1")]})
    };
    let found = read(&json!([record("DSA-1-1"), record("DEBIAN-CVE-2024-5535"), record("DSA-1-1")]));
    let row = "Debian:12 openssl affected 0..<3.0.15-1 DEBIAN-CVE-2024-5535 (also DSA-1-1)";
    assert_eq!(lines(&found.records[0]), [row]);
}

#[test]
fn a_notice_that_tells_its_releases_apart_gives_each_cve_its_own_rows() {
    let mut document = usn_8847(&["CVE-2026-35191", "CVE-2026-84782"]);
    let cve = |id: &str, word: &str| json!({"id": id, "severity": [{"type": "CVSS_V3", "score": "x"}, {"type": "Ubuntu", "score": word}]});
    for (at, cves) in [
        (0, json!([cve("CVE-2026-35191", "low"), cve("CVE-2026-84782", "high")])),
        (1, json!([cve("CVE-2026-84782", "high")])),
        (2, json!([cve("CVE-2026-84782", "high")])),
    ] {
        document["affected"][at]["database_specific"] = json!({"cves_map": {"cves": cves}});
    }
    let found = read(&document);
    let [quic, dtls] = &*found.records else { panic!("two records") };
    assert_eq!((&*quic.id, quic.severity.as_deref()), ("CVE-2026-35191", Some("low")));
    assert_eq!(lines(quic), [USN_8847_ROWS[2]]);
    assert_eq!((&*dtls.id, dtls.severity.as_deref()), ("CVE-2026-84782", Some("high")));
    assert_eq!(lines(dtls), USN_8847_ROWS);
    let note =
        "affected[1]: CVE-2026-35191 is not said to be in Ubuntu:22.04:LTS, Ubuntu:24.04:LTS: no row for it";
    assert_eq!(found.notes, [note]);

    document["affected"][1]["database_specific"] = json!({"cves_map": {"cves": [3]}});
    let found = read(&document);
    let note = "affected[1].database_specific.cves_map.cves[0]: expected an object, found a number; left out";
    assert_eq!(found.notes[0], note);
    assert_eq!(lines(&found.records[0]), [USN_8847_ROWS[1], USN_8847_ROWS[2]]);
}
