//! What the check says of bad texts, and where.

use super::*;

const GOOD: &str = r#"id = "X-1"
title = "t"
disclosed_at = "2026-01-02"
leaks = "l"
"#;

fn faults(more: &str) -> Vec<String> {
    match check(&format!("{GOOD}{more}")) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn what_is_right_has_no_faults() {
    let texts = [
        "",
        "rotate.keys = \"yes\"\nrotate.steps = [\"a new key\"]",
        "[probe]\nkind = \"none\"",
        "[[affected]]\necosystem = \"Debian:7\"\npackage = \"openssl\"\nadvisory = \"DSA-1\"\nintroduced = \"0\"",
        // A range, and a single version that stands out of it.
        r#"affected = [
  { ecosystem = "CentOS:6", package = "p", fixed = "1.0-7", advisory = "a" },
  { ecosystem = "CentOS:6", package = "p", status = "not-affected", versions = ["1.0-5"], advisory = "a" },
]"#,
        // Adjacent ranges, and other branches.
        r#"not_analysed = ["1.1.0"]
affected = [
  { ecosystem = "upstream", package = "openssl", introduced = "1.1.1", fixed = "1.1.1a", advisory = "a" },
  { ecosystem = "upstream", package = "openssl", status = "unknown", introduced = "1.1.1a", advisory = "a" },
]"#,
        // Nobody compares firmware.
        r#"affected = [{ ecosystem = "vendor:F5", package = "tmos", fixed = "12.1.2 HF1", advisory = "K1" }]"#,
    ];
    for text in texts {
        assert!(faults(text).is_empty(), "{text}: {:?}", faults(text));
    }
}

#[test]
fn faults_of_shape_have_their_place() {
    let table: &[(&str, &[&str])] = &[
        ("titel = \"t\"", &["5:1: the disclosure has no field `titel`; did you mean `title`?"]),
        ("severity = 5", &["5:12: `severity` is a text, and not of type integer"]),
        ("severity = \" \"", &["5:12: `severity` is empty"]),
        ("aliases = \"heartbleed\"", &["5:11: `aliases` is a list of texts, and not of type string"]),
        ("aliases = [\"a\", 1]", &["5:17: `aliases` is a list of texts"]),
        ("aliases = [\"a\", \"A\"]", &["5:17: alias `A` is there twice"]),
        (
            "never_in = [\"openssl\", \"gnutls\"]",
            &[
                "5:24: `never_in`: `gnutls` is not a known TLS library; expected one of: openssl, boringssl, aws-lc, libressl, unknown",
            ],
        ),
        (
            "rotate.keys = \"maybe\"",
            &["5:15: `keys`: `maybe` is not a known rotation; expected one of: yes, by-policy, no"],
        ),
        ("rotate.keys = \"yes\"", &["5:15: rotate.keys is `yes`, and rotate.steps does not say how"]),
        ("rotate = \"yes\"", &["5:10: `rotate` is a table, and not of type string"]),
        (
            "probe.kind = \"active\"",
            &[
                "5:14: `kind`: `active` is not a known probe kind; expected one of: built-in, safe-active, passive, none",
            ],
        ),
        (
            "not_analysed = [\"3\", \"1.0.2\"]",
            &["5:17: `not_analysed`: `3` is not a branch of OpenSSL; expected one such as 1.0.2 or 3.1"],
        ),
        ("affected = [1]", &["5:13: a row is a table"]),
        (
            "affected = [\n  { ecosystem = \"\", package = \"p\", fix = \"1\" },\n]",
            &[
                "6:3: the row has no `advisory`",
                "6:17: `ecosystem` is empty",
                "6:36: the row has no field `fix`; did you mean `fixed`?",
            ],
        ),
        (
            "affected = [\n  { ecosystem = \"e\", package = \"p\", advisory = \"a\", confidence = \"UNCONFIRMED\" },\n]",
            &[
                "6:66: `confidence`: `UNCONFIRMED` is not a known confidence; expected one of: confirmed, unconfirmed",
            ],
        ),
        ("x = \u{0007}", &["5:5: TOML: "]),
    ];
    for (text, expected) in table {
        let found = faults(text);
        assert_eq!(found.len(), expected.len(), "{text}: {found:#?}");
        for (found, expected) in found.iter().zip(*expected) {
            assert!(found.starts_with(expected), "{text}: {found}");
        }
    }
}

#[test]
fn what_has_to_be_there_is_missed_and_bad_values_are_told_all_at_once() {
    let found = check("disclosed_at = \"yesterday\"\nid = \"../x\"\n").unwrap_err();
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "1:1: the disclosure has no `leaks`",
            "1:1: the disclosure has no `title`",
            "1:16: `disclosed_at`: `yesterday` is not a time; expected RFC 3339 such as 2026-11-22T14:00:00Z, or a date such as 2026-11-22",
            "2:6: `id`: `../x` is not an id; expected letters, digits, `-`, `_`, `.` and `:`, such as CVE-2014-0160",
        ]
    );
    assert_eq!(check("id =\ntitle = \"t\nleaks =\n").unwrap_err().len(), 3, "every fault of syntax");
}

/// Rows of Debian's openssl.
fn debian(rows: &[&str]) -> String {
    let row = |fields: &&str| {
        format!("  {{ ecosystem = \"Debian:9\", package = \"openssl\", advisory = \"a\", {fields} }},\n")
    };
    format!("affected = [\n{}]\n", rows.iter().map(row).collect::<Vec<_>>().concat())
}

#[test]
fn contradictions_have_their_place() {
    let table: &[(&[&str], &[&str])] = &[
        (&["fixed = \"1.0_1\""], &["6:74: `fixed`: `1.0_1` is not "]),
        (&["versions = [\"1.0-1\", \"?\"]"], &["6:87: `versions`: `?` is not "]),
        (
            &["introduced = \"1.0.1e-2+deb7u10\", fixed = \"1.0.1e-2+deb7u9\""],
            &["6:107: `fixed` 1.0.1e-2+deb7u9 is not above `introduced` 1.0.1e-2+deb7u10 (dpkg)"],
        ),
        (
            &["introduced = \"1-1\", fixed = \"1-1\""],
            &["6:94: `fixed` 1-1 is not above `introduced` 1-1 (dpkg)"],
        ),
        (&["introduced = \"1-1\", last_affected = \"1-1\""], &[]),
        (
            &["fixed = \"2-1\", last_affected = \"1-1\""],
            &["6:97: `fixed` and `last_affected` in one row: keep one"],
        ),
        (
            &["fixed = \"2-1\", versions = [\"1-1\"]"],
            &["6:92: `versions` and a range in one row: make two rows"],
        ),
        (
            &["fixed = \"2-1\"", "fixed = \"2-1\", introduced = \"0\", note = \"n\""],
            &["7:3: the row says the same as row 1"],
        ),
        (
            &["fixed = \"2-1\"", "introduced = \"1-1\", status = \"not-affected\""],
            &["7:3: the row says not-affected, and row 1 says affected of some of the same versions"],
        ),
        (
            &["last_affected = \"2-1\"", "introduced = \"2-1\", status = \"unknown\""],
            &["7:3: the row says unknown, and row 1 says affected of some of the same versions"],
        ),
        (&["fixed = \"2-1\"", "introduced = \"2-1\", status = \"not-affected\""], &[]),
        (
            &["versions = [\"1-1\"]", "versions = [\"1-1\"], status = \"not-affected\""],
            &["7:78: 1-1 is affected in another row of openssl"],
        ),
    ];
    for (rows, expected) in table {
        let found = faults(&debian(rows));
        assert_eq!(found.len(), expected.len(), "{rows:?}: {found:#?}");
        for (found, expected) in found.iter().zip(*expected) {
            assert!(found.starts_with(expected), "{rows:?}: {found}");
        }
    }
}

#[test]
fn a_branch_is_analysed_or_not() {
    let text = r#"not_analysed = ["1.0.2", "1.1.0", "3.1"]
affected = [
  { ecosystem = "upstream", package = "openssl", introduced = "1.0.2", fixed = "1.0.2a", advisory = "a" },
  { ecosystem = "upstream", package = "openssl", status = "not-affected", versions = ["3.1.4"], advisory = "a" },
]"#;
    assert_eq!(
        faults(text),
        [
            "5:17: branch 1.0.2 is not analysed, and a row says that it is affected",
            "5:35: branch 3.1 is not analysed, and a row says that it is not-affected",
        ]
    );
}

#[test]
fn columns_count_characters_and_nothing_acts_on_a_terminal() {
    let found = faults("\"\\u001b[2J\" = \"日本\"\n\"日本\" = { x = 1 }\nseverity = { \"ü\" = 1, y = 2 }");
    assert!(found.iter().all(|f| !f.contains('\u{1b}')), "{found:?}");
    assert!(found[0].starts_with("5:1: the disclosure has no field `\\x1B[2J`"), "{found:?}");
    assert_eq!(found[2], "7:12: `severity` is a text, and not of type table");
}

#[test]
fn of_many_faults_the_first_hundred_are_listed_and_the_rest_counted() {
    let many: Vec<String> = (0..5000).map(|n| format!("x{n} = 1\n")).collect();
    let found = check(&format!("{GOOD}{}", many.concat())).unwrap_err();
    assert_eq!(found.len(), 101);
    assert_eq!((found[0].line, found[99].line), (5, 104));
    assert_eq!(found[100].to_string(), "104:1: and 4900 more from here on");
}

#[test]
fn hostile_texts_are_refused_in_time() {
    let large = "#".repeat((8 << 20) + 1);
    assert!(check(&large).unwrap_err()[0].message.contains("at most"));
    let rows = |n: usize| {
        let row = "{ ecosystem = \"Debian:9\", package = \"p\", advisory = \"a\", introduced = ";
        let status = |i: usize| if i.is_multiple_of(2) { "" } else { ", status = \"unknown\"" };
        (0..n)
            .map(|i| format!("{row}\"{i}-1\", fixed = \"{i}-2\"{} }},\n", status(i)))
            .collect::<Vec<_>>()
            .concat()
    };
    let found = faults(&format!("affected = [\n{}]", rows(20_000)));
    assert!(found[0].contains("too many rows to compare"), "{}", found[0]);
    assert!(faults(&format!("affected = [\n{}]", rows(300))).is_empty());
    let row = |i| {
        format!(
            "{{ ecosystem = \"upstream\", package = \"openssl\", advisory = \"a\", versions = [\"3.0.{i}\"] }},\n"
        )
    };
    let rows = (0..2000).map(row).collect::<Vec<_>>().concat();
    let found = faults(&format!("not_analysed = [{}]\naffected = [\n{rows}]", "\"1.0.2\",".repeat(2000)));
    assert!(found[0].starts_with("5:16: too many branches to compare"), "{}", found[0]);
    for deep in ["a = ".to_owned() + &"[".repeat(200_000), "a".to_owned() + &".a".repeat(100_000) + " = 1"] {
        assert!(!faults(&deep).is_empty());
    }
    assert!(!faults(&"=\n".repeat(500_000)).is_empty());
}
