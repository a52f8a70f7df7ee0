//! What is written is read back as the same.

use proptest::prelude::*;

use super::*;
use crate::model::{
    disclosure::{ProbeFact, Rotation},
    host::TlsLibrary,
    time::Timestamp,
};

#[test]
fn a_file_is_written_as_people_read_it() {
    let mut d =
        check("id = \"X-1\"\ntitle = \"t\"\ndisclosed_at = \"2026-01-02T03:04:05Z\"\nleaks = \"l\"").unwrap();
    d.affected.push(Affected::new("Debian:13", "openssl", "DSA-1"));
    d.notes = vec!["a \"quoted\" \u{1b} note".to_owned()];
    let expected = r#"id = "X-1"
title = "t"
disclosed_at = "2026-01-02T03:04:05Z"

leaks = "l"

rotate.keys = "by-policy"
rotate.secrets = "by-policy"

probe.kind = "none"

affected = [
  { ecosystem = "Debian:13", package = "openssl", advisory = "DSA-1" },
]

notes = ["a \"quoted\" \u001B note"]
"#;
    assert_eq!(write(&d), expected);
}

fn texts() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(text(), 0..4)
}

/// Anything at all that is not blank.
fn text() -> impl Strategy<Value = String> {
    any::<String>().prop_map(|text| format!("x{text}"))
}

fn row() -> impl Strategy<Value = Affected> {
    let words = (prop::sample::select(RowStatus::ALL), prop::sample::select(Confidence::ALL));
    (text(), text(), prop::option::of(text()), texts(), text(), words, prop::option::of(any::<String>()))
        .prop_map(|(ecosystem, package, fixed, versions, advisory, (status, confidence), note)| {
            // No maker whose versions are looked into.
            let mut row = Affected::new(&format!("vendor:{ecosystem}"), &package, &advisory);
            (row.status, row.confidence, row.note) = (status, confidence, note);
            if versions.is_empty() {
                row.fixed = fixed;
            } else {
                row.versions = versions;
            }
            row
        })
}

proptest! {
    #[test]
    fn a_disclosure_comes_back_as_it_was(
        (title, leaks, confidence, severity) in (text(), text(), any::<String>(), prop::option::of(text())),
        (links, notes, steps, sources) in (texts(), texts(), texts(), texts()),
        (micros, method, rows) in (any::<i64>(), any::<String>(), prop::collection::vec(row(), 0..3)),
    ) {
        let mut d = check("id = \"X-1\"\ntitle = \"t\"\ndisclosed_at = \"2026-01-02\"\nleaks = \"l\"").unwrap();
        (d.title, d.leaks, d.confidence, d.severity) = (title, leaks, confidence, severity);
        (d.links, d.notes, d.sources) = (links, notes, sources);
        d.rotate = Rotation { keys: Owed::No, steps, ..Rotation::default() };
        d.probe =
            ProbeFact { kind: ProbeKind::Passive, method, proves: "much".to_owned(), cannot: String::new() };
        d.disclosed_at = Timestamp::from_micros(micros);
        d.never_in = vec![TlsLibrary::Boringssl];
        d.affected = rows;
        d.affected.dedup_by(|a, b| (&a.ecosystem, &a.package) == (&b.ecosystem, &b.package));
        let text = write(&d);
        prop_assert!(text.chars().all(|c| c == '\n' || !crate::model::text::acts_on_a_terminal(c)), "{text}");
        prop_assert_eq!(check(&text), Ok(d), "{}", text);
    }

    #[test]
    fn arbitrary_text_is_refused_or_comes_back(data: Vec<u8>) {
        fuzz(&data);
    }

    #[test]
    fn a_damaged_file_is_refused_or_comes_back(file in 0..DISCLOSURES, at: prop::sample::Index, with: u8) {
        let mut bytes = FILES[file].1.as_bytes().to_vec();
        let at = at.index(bytes.len());
        bytes[at] = with;
        fuzz(&bytes);
        bytes.truncate(at);
        fuzz(&bytes);
    }
}
