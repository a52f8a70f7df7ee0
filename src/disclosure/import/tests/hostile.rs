//! Files that mean harm, or are broken: the error says where, or the note does, and nothing is clean by it.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{error, lines, read};
use crate::disclosure::import::{Format, ImportError, detect, import};

fn osv() -> Value {
    json!({
        "id": "CVE-2024-5535", "published": "2024-06-27T00:00:00Z", "modified": "2024-06-28T00:00:00Z",
        "summary": "over-read", "references": [{"type": "WEB", "url": "https://example.test/"}],
        "affected": [
            {"package": {"ecosystem": "Debian:12", "name": "openssl"},
             "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "3.0.15-1"}]}]},
            {"package": {"ecosystem": "Debian:13", "name": "openssl"}, "versions": ["3.5.0-1"]},
        ],
    })
}

fn with(place: &str, value: Value) -> Value {
    let mut document = osv();
    *document.pointer_mut(place).unwrap() = value;
    document
}

#[test]
fn a_wrong_frame_is_an_error_with_its_path() {
    let table = [
        (with("/id", json!(3)), "id: expected a text, found a number"),
        (with("/id", json!("")), "id: `` is not an id"),
        (with("/id", json!("-rf")), "id: `-rf` is not an id"),
        (with("/id", json!("../x")), "id: `../x` is not an id"),
        (with("/id", json!("A\u{1b}[2J")), "id: `A\\x1B[2J` is not an id"),
        (with("/id", json!("A".repeat(81))), "id: `AAAA"),
        (with("/id", json!(null)), "id: missing"),
        (with("/affected", json!(null)), "affected: missing"),
        (with("/affected", json!({})), "affected: expected a list, found an object"),
        (with("/affected", json!("all")), "affected: expected a list, found a text"),
        (json!([]), "document: a list without a record"),
        (json!([osv(), [osv()]]), "[1]: expected an object, found a list"),
        (json!([osv(), with("/id", json!(true))]), "[1].id: expected a text, found true or false"),
        (json!(7), "document: expected an object, found a number"),
        (json!({"id": "A-1", "affected": []}), "document: neither `published` nor `modified` is there"),
        (
            json!({"id": "A-1", "affected": [], "modified": "soon"}),
            "modified: `soon` is not a time of RFC 3339",
        ),
    ];
    for (document, expected) in table {
        let found = error(&document, Some(Format::Osv));
        assert!(found.starts_with(expected), "wanted: {expected}, error: {found}");
    }
}

#[test]
fn a_wrong_type_in_one_package_costs_that_package_alone() {
    let table = [
        ("/affected/0", json!(3), "affected[0]: expected an object, found a number; the entry is left out"),
        (
            "/affected/0/package",
            json!([]),
            "affected[0].package: expected an object, found a list; the entry is left out",
        ),
        ("/affected/0/package", json!(null), "affected[0]: names no package; left out"),
        (
            "/affected/0/package/name",
            json!(-1),
            "affected[0].package.name: expected a text, found a number; the entry is left out",
        ),
        (
            "/affected/0/package/name",
            json!("a\u{0}b"),
            "affected[0].package.name: `a\\x00b` has a control character; the entry is left out",
        ),
        (
            "/affected/0/package/name",
            json!(" "),
            "affected[0].package.name: `` is empty; the entry is left out",
        ),
        (
            "/affected/0/package/ecosystem",
            json!({}),
            "affected[0].package.ecosystem: expected a text, found an object; the entry is left out",
        ),
        (
            "/affected/0/ranges",
            json!({}),
            "affected[0].ranges: expected a list, found an object; openssl of Debian:12 is unknown",
        ),
        (
            "/affected/0/ranges",
            json!([]),
            "affected[0]: neither a range of versions nor a list of them; openssl of Debian:12 is unknown",
        ),
        (
            "/affected/0/ranges/0/type",
            json!("FLAVOUR"),
            "affected[0].ranges[0].type: `FLAVOUR` is not a type of ranges; openssl of Debian:12 is unknown",
        ),
        (
            "/affected/0/ranges/0/events",
            json!(null),
            "affected[0].ranges[0].events: missing; openssl of Debian:12 is unknown",
        ),
        (
            "/affected/0/ranges/0/events/1/fixed",
            json!(1e300),
            "affected[0].ranges[0].events[1].fixed: expected a text, found a number; openssl of Debian:12 is unknown",
        ),
        (
            "/affected/0/ranges/0/events/0/introduced",
            json!(-0.0),
            "affected[0].ranges[0].events[0].introduced: expected a text, found a number; openssl of Debian:12 is unknown",
        ),
        (
            "/affected/0/ranges/0/events/1/fixed",
            json!("9".repeat(500)),
            "affected[0].ranges[0].events[1].fixed: the version `99999",
        ),
    ];
    for (place, value, expected) in table {
        let found = read(&with(place, value.clone()));
        assert!(found.notes[0].starts_with(expected), "{place} {value}: {:?}", found.notes);
        let rows = lines(&found.records[0]);
        let other = "Debian:13 openssl affected [3.5.0-1] CVE-2024-5535".to_owned();
        assert!(rows.contains(&other), "{place} {value}: {rows:?}");
        let first = rows.iter().find(|row| row.starts_with("Debian:12"));
        let known = !expected.contains("left out");
        assert_eq!(
            first.map(|row| row.starts_with("Debian:12 openssl unknown 0..")),
            known.then_some(true),
            "{rows:?}"
        );
    }
}

#[test]
fn what_the_rest_can_do_without_is_a_note() {
    let table = [
        ("/summary", json!(["x"]), "summary: expected a text, found a list; left out"),
        ("/published", json!("April"), "published: `April` is not a time of RFC 3339; left out"),
        ("/references", json!(9), "references: expected a list, found a number; left out"),
        ("/references/0/url", json!(9), "references[0].url: expected a text, found a number; left out"),
        ("/affected", json!([]), "affected: empty: no package is named"),
    ];
    for (place, value, expected) in table {
        let found = read(&with(place, value));
        assert_eq!(found.notes[0], expected, "place: {place}");
        assert_eq!(found.records.len(), 1);
    }
}

#[test]
fn titles_cannot_act_on_a_terminal_and_are_cut() {
    let found = read(&with("/summary", json!("red\u{1b}[31m\u{0} gpj\u{202e}exe\r\nsecond line")));
    assert_eq!(found.records[0].title, "red\\x1B[31m\\x00 gpj\\u{202E}exe second line");
    let found = read(&with("/summary", json!("ä".repeat(10_000))));
    assert_eq!(found.records[0].title.chars().count(), 120);
    assert!(found.records[0].title.ends_with('…'));
    let found = read(&with("/references/0/url", json!("https://e.test/\u{9b}2J")));
    assert_eq!(found.records[0].links, ["https://e.test/\\x9B2J"]);
    let found = import(osv().to_string().as_bytes(), "a\u{1b}b", None).unwrap();
    assert!(found.records[0].sources[0].starts_with("osv a\\x1Bb sha256:"));
}

#[test]
fn what_is_no_json_is_refused_with_line_and_column() {
    let table: [(&[u8], usize, usize, &str); 9] = [
        (b"", 1, 0, "EOF"),
        (b"\xef\xbb\xbf", 1, 0, "EOF"),
        (b"{\n  \"id\": \"A-1\",\n  oops\n}", 3, 3, "key must be a string"),
        (b"{\"id\": \"A-1\"", 1, 12, "EOF"),
        (b"{\"id\": \"\xff\xfe\"}", 1, 9, "invalid unicode"),
        (b"{\"id\": 1e999}", 1, 12, "number out of range"),
        (
            b"{\"id\": \"a\", \"affected\": [], \"id\": \"b\"}",
            1,
            32,
            "the key `id` stands twice in one object",
        ),
        (
            b"{\"a\": [{\"fixed\": \"1\", \"fixed\": \"2\"}]}",
            1,
            29,
            "the key `fixed` stands twice in one object",
        ),
        (b"{\"id\": \"A-1\"} trailing", 1, 17, "expected ident"),
    ];
    for (text, line, column, expected) in table {
        let shown = String::from_utf8_lossy(text);
        match import(text, "x", None) {
            Err(ImportError::NotJson { line: l, column: c, message }) => {
                assert_eq!((l, c), (line, column), "input: {shown}: {message}");
                assert!(
                    message.contains(expected) && !message.contains("at line"),
                    "input: {shown}: {message}"
                );
            }
            other => panic!("input: {shown}: {other:?}"),
        }
    }
}

#[test]
fn what_is_json_and_no_record_says_what_was_looked_for() {
    for text in ["{}", "[]", "null", "3", "\"x\"", "[[]]", "{\"document\": 3}", "{\"id\": \"A-1\"}"] {
        let found = import(text.as_bytes(), "x", None);
        assert_eq!(found, Err(ImportError::Unknown), "input: {text}");
        let said = found.unwrap_err().to_string();
        for word in ["osv", "csaf", "redhat", "openvex", "`affected`", "document.category"] {
            assert!(said.contains(word), "{said}");
        }
    }
    assert_eq!(detect(&json!([osv()])), Some(Format::Osv));
}

#[test]
fn depth_size_and_counts_are_bounded() {
    let deep = format!("{{\"id\": {}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let found = import(deep.as_bytes(), "x", None).unwrap_err().to_string();
    assert!(found.contains("recursion limit exceeded"), "{found}");

    let big = vec![b' '; (64 << 20) + 1];
    assert_eq!(import(&big, "x", None).unwrap_err().to_string(), "more than 67108864 bytes");

    let many = format!("[{}0]", "0,".repeat(4_000_000));
    assert_eq!(import(many.as_bytes(), "x", None).unwrap_err().to_string(), "more than 4000000 values");

    let entries = |count: usize| {
        let mut text = String::from("{\"id\":\"CVE-2024-5535\",\"published\":\"2024-06-27\",\"affected\":[");
        for at in 0..count {
            let comma = if at == 0 { "" } else { "," };
            let name = "{\"package\":{\"ecosystem\":\"Debian:12\",\"name\":\"p";
            write!(text, "{comma}{name}{at}\"}},\"versions\":[\"1\"]}}").unwrap();
        }
        text + "]}"
    };
    assert_eq!(import(entries(100_000).as_bytes(), "x", None).unwrap().records[0].affected.len(), 100_000);
    assert_eq!(
        import(entries(100_001).as_bytes(), "x", None).unwrap_err().to_string(),
        "more than 100000 rows"
    );

    let cves = |count: usize| -> Value { (0..count).map(|at| json!(format!("CVE-2024-{at:05}"))).collect() };
    let mut document = osv();
    document["id"] = json!("USN-1-1");
    document["upstream"] = cves(2_001);
    assert_eq!(error(&document, None), "more than 2000 ids of one record");
    document["upstream"] = cves(2_000);
    document["affected"][1]["versions"] = (0..300).map(|at| json!(format!("1.{at}"))).collect();
    assert_eq!(error(&document, None), "more than 500000 versions, aliases and links");
}

#[test]
fn a_flood_of_faults_is_counted_and_not_listed_without_end() {
    let document = with("/affected", (0..20_000).map(|_| json!({"package": 3})).collect());
    let found = read(&document);
    assert_eq!(found.notes.len(), 10_001);
    assert_eq!(found.notes[10_000], "document: 10001 further notes are not listed");

    let events: Value = (0..10_001).map(|at| json!({"introduced": at.to_string()})).collect();
    let found = read(&with("/affected/0/ranges/0/events", events));
    assert!(found.notes[0].starts_with("affected[0].ranges[0]: more than 10000 events"), "{:?}", found.notes);
}
