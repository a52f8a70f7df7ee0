//! Any bytes, and valid records with a part replaced: no panic, the same answer twice, and nothing lost.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::lines;
use crate::disclosure::{
    check,
    import::{Format, fuzz, import},
    write,
};

/// A valid record of each format.
fn seeds() -> Vec<Value> {
    vec![
        json!({
            "id": "USN-8847-1", "published": "2026-09-29T14:00:00Z", "modified": "2026-09-30T08:00:00Z",
            "upstream": ["CVE-2026-84782", "CVE-2026-84783"], "aliases": ["X-1"], "summary": "s",
            "severity": [{"type": "Ubuntu", "score": "high"}], "references": [{"type": "WEB", "url": "u"}],
            "affected": [
                {"package": {"ecosystem": "Ubuntu:26.04:LTS", "name": "openssl"}, "versions": ["3.5.5-1ubuntu3"],
                 "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "3.5.5-1ubuntu3.6"}]}]},
                {"package": {"ecosystem": "upstream", "name": "openssl"},
                 "ranges": [{"type": "SEMVER", "events": [{"introduced": "3.0.0"}, {"last_affected": "3.0.22"}]}]},
            ],
        }),
        json!({
            "name": "CVE-2024-5535", "threat_severity": "Low", "public_date": "2024-06-27T00:00:00Z",
            "bugzilla": {"description": "d", "url": "u"},
            "affected_release": [{"product_name": "p", "advisory": "RHSA-2024:7848",
                "cpe": "cpe:/a:redhat:enterprise_linux:8", "package": "openssl-1:1.1.1k-14.el8_6"}],
            "package_state": [{"fix_state": "Affected", "package_name": "openssl", "cpe": "cpe:/o:redhat:enterprise_linux:9"}],
        }),
        json!({
            "@context": "https://openvex.dev/ns/v0.2.0", "@id": "x", "timestamp": "2014-04-09T10:00:00Z",
            "statements": [{"vulnerability": {"name": "CVE-2014-0160"}, "status": "fixed", "products": [
                {"@id": "pkg:deb/debian/openssl@1.0.1e-2%2Bdeb7u5?distro=debian-7"},
                {"@id": "cpe:/o:redhat:enterprise_linux:7", "subcomponents": [{"@id": "pkg:rpm/redhat/openssl"}]}]}],
        }),
        json!({
            "document": {"category": "csaf_vex", "tracking": {"id": "own", "initial_release_date": "2014-04-07T00:00:00Z"}},
            "product_tree": {
                "branches": [{"category": "vendor", "name": "v", "branches": [
                    {"category": "product_name", "name": "RHEL", "product": {"name": "RHEL", "product_id": "os",
                        "product_identification_helper": {"cpe": "cpe:/o:redhat:enterprise_linux:6"}}},
                    {"category": "product_version", "name": "openssl-0:1-2.src", "product": {"name": "o", "product_id": "p",
                        "product_identification_helper": {"purl": "pkg:rpm/redhat/openssl@1-2?arch=src"}}},
                    {"category": "product_name", "name": "OpenSSL", "branches": [{"category": "product_version_range",
                        "name": "vers:openssl/>=1.0.1|<1.0.1g", "product": {"name": "r", "product_id": "r"}}]}]}],
                "product_groups": [{"group_id": "g", "product_ids": ["os:p"]}],
                "relationships": [{"category": "default_component_of", "product_reference": "p",
                    "relates_to_product_reference": "os", "full_product_name": {"name": "n", "product_id": "os:p"}}]},
            "vulnerabilities": [{"cve": "CVE-2014-0160", "product_status": {"fixed": ["os:p"], "known_affected": ["r"]},
                "flags": [{"label": "l", "group_ids": ["g"]}],
                "remediations": [{"category": "vendor_fix", "url": "RHSA-2014:0376", "product_ids": ["os:p"],
                    "restart_required": {"category": "service"}}]}],
        }),
    ]
}

/// Pointers to every value below the root.
fn places(value: &Value, here: &str, into: &mut Vec<String>) {
    let mut below = |key: String, inner: &Value| {
        let path = format!("{here}/{}", key.replace('~', "~0").replace('/', "~1"));
        into.push(path.clone());
        places(inner, &path, into);
    };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, inner)| below(key.clone(), inner)),
        Value::Array(items) => items.iter().enumerate().for_each(|(at, inner)| below(at.to_string(), inner)),
        _ => {}
    }
}

/// What stands in the place of a value: wrong types, empty and odd texts, other values of these records.
fn replacement() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(json!(-1)),
        Just(json!(1e300)),
        Just(json!(true)),
        Just(json!([])),
        Just(json!({})),
        Just(json!([[{"introduced": "0"}]])),
        Just(json!({"introduced": "9", "fixed": "1"})),
        "[0-9.:~^a-z+-]{0,12}".prop_map(Value::String),
        any::<String>().prop_map(Value::String),
        prop::sample::select(vec![
            "0",
            "os:p",
            "p",
            "CVE-2014-0160",
            "3.0.0",
            "*",
            "pkg:deb/debian/x@1?distro=sid"
        ])
        .prop_map(|text| json!(text)),
    ]
}

/// A valid record with some of its parts replaced.
fn mutated() -> impl Strategy<Value = Value> {
    let changes = prop::collection::vec((any::<prop::sample::Index>(), replacement()), 1..4);
    (0_usize..4, changes).prop_map(|(seed, changes)| {
        let mut document = seeds().swap_remove(seed);
        for (at, value) in changes {
            let mut all = Vec::new();
            places(&document, "", &mut all);
            if !all.is_empty() {
                *document.pointer_mut(at.get::<String>(&all)).unwrap() = value;
            }
        }
        document
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_valid_record_with_parts_replaced_never_panics_and_reads_the_same_twice(
        document in mutated(),
    ) {
        fuzz(document.to_string().as_bytes());
    }

    /// What an import makes is a catalogue file without a fault, and reads back the same.
    #[test]
    fn what_is_imported_passes_the_check_of_the_catalogue(document in mutated()) {
        let found = import(document.to_string().as_bytes(), "x", None);
        for record in found.into_iter().flat_map(|found| found.records) {
            let text = write(&record);
            prop_assert_eq!(check(&text), Ok(record), "{}\n{}", document, text);
        }
    }

    #[test]
    fn any_bytes_never_panic(data in prop::collection::vec(any::<u8>(), 0..200)) {
        fuzz(&data);
    }

    #[test]
    fn a_record_cut_anywhere_is_refused(seed in 0_usize..4, cut in any::<prop::sample::Index>()) {
        let text = seeds().swap_remove(seed).to_string();
        let end = cut.index(text.len());
        prop_assert!(import(text.get(..end).unwrap().as_bytes(), "x", None).is_err());
    }

    /// Every entry of an OSV record is a row or a note, whatever is put in its place.
    #[test]
    fn every_entry_is_accounted_for(entries in prop::collection::vec(entry(), 0..12)) {
        let document = json!({"id": "CVE-2024-5535", "published": "2024-06-27T00:00:00Z", "affected": entries});
        let found = import(document.to_string().as_bytes(), "x", Some(Format::Osv)).unwrap();
        let rows = lines(&found.records[0]);
        for (at, entry) in entries.iter().enumerate() {
            let noted = found.notes.iter().any(|note| note.starts_with(&format!("affected[{at}]")));
            let name = entry.pointer("/package/name").and_then(Value::as_str).unwrap_or("nobody");
            let row = rows.iter().any(|row| row.starts_with(&format!("Debian:12 {name} ")));
            prop_assert!(noted || row, "entry {at} {entry} is lost: {rows:?} {:?}", found.notes);
        }
    }

    /// No row of a package is judgeable where one of its entries could not be read.
    #[test]
    fn an_unreadable_entry_never_leaves_its_package_without_a_word(bad in replacement()) {
        let document = json!({"id": "CVE-2024-5535", "published": "2024-06-27T00:00:00Z", "affected": [
            {"package": {"ecosystem": "Debian:12", "name": "openssl"}, "ranges": [{"type": "ECOSYSTEM", "events": bad}]}]});
        let found = import(document.to_string().as_bytes(), "x", Some(Format::Osv)).unwrap();
        let rows = lines(&found.records[0]);
        prop_assert_eq!(rows.len(), 1);
        prop_assert!(rows[0].starts_with("Debian:12 openssl unknown"), "{:?}", rows);
    }
}

fn entry() -> impl Strategy<Value = Value> {
    let name = prop::sample::select(vec!["a", "b", "c"]);
    let events = prop::collection::vec(
        (
            prop::sample::select(vec!["introduced", "fixed", "last_affected", "limit"]),
            "[0-3]|[1-9]\\.[0-9]-1|x y",
        ),
        0..4,
    );
    let good = (name, events).prop_map(|(name, events)| {
        let events: Vec<Value> = events.into_iter().map(|(key, version)| json!({key: version})).collect();
        json!({"package": {"ecosystem": "Debian:12", "name": name}, "ranges": [{"type": "ECOSYSTEM", "events": events}]})
    });
    prop_oneof![3 => good, 1 => replacement()]
}
