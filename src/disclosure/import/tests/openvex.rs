//! OpenVEX statements.

use serde_json::{Value, json};

use super::{error, lines, read};
use crate::disclosure::import::Format;

fn document(statements: &Value) -> Value {
    json!({
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": "https://example.test/vex/2014-0160",
        "author": "operations", "timestamp": "2014-04-09T10:00:00Z", "version": 1,
        "statements": statements,
    })
}

fn statement(status: &str, products: &Value) -> Value {
    json!({"vulnerability": {"name": "CVE-2014-0160", "aliases": ["VU-720951"]}, "status": status, "products": products})
}

#[test]
fn statements_become_rows_for_exact_versions_or_whole_packages() {
    let mut compiled_out = statement(
        "not_affected",
        &json!([{"@id": "pkg:deb/debian/openssl@1.0.1e-2%2Bdeb7u4?distro=debian-7"}]),
    );
    compiled_out["justification"] = json!("vulnerable_code_not_present");
    let found = read(&document(&json!([
        compiled_out,
        statement(
            "fixed",
            &json!([
                {"@id": "web", "identifiers": {"purl": "pkg:rpm/redhat/openssl@1.0.1e-16.el6_5.7?epoch=0&distro=rhel-6"}},
                {"@id": "pkg:deb/debian/openssl?distro=debian-6"},
            ])
        ),
        statement(
            "affected",
            &json!([
                {"@id": "pkg:deb/ubuntu/libssl1.0.0@1.0.1-4ubuntu5.11?distro=ubuntu-12.04&upstream=openssl"},
                {"@id": "cpe:/o:redhat:enterprise_linux:7",
                 "subcomponents": [{"@id": "pkg:rpm/redhat/openssl"}, {"@id": "https://example.test/x"}]},
            ])
        ),
        statement(
            "under_investigation",
            &json!([
                {"@id": "pkg:apk/alpine/openssl@1.0.1f-r0?distro=alpine-2.7"},
                {"@id": "pkg:oci/web@sha256%3A00?tag=1"},
                {"@id": "pkg:oci/web", "subcomponents": [{"@id": "pkg:apk/alpine/openssl@1?distro=alpine-2.7"}]},
                {"@id": "https://service.example.test/"},
                {"@id": "pkg:deb/debian/openssl@1.0.1e-2"},
                {"@id": "pkg:deb/debian/op%zz"},
            ])
        ),
    ])));
    assert_eq!(found.format, Format::Openvex);
    let [record] = &*found.records else { panic!("one record") };
    assert_eq!(record.aliases, ["VU-720951"]);
    let by = "https://example.test/vex/2014-0160";
    assert_eq!(
        lines(record),
        [
            format!("Alpine:v2.7 openssl unknown [1.0.1f-r0] {by} (under investigation)"),
            format!("Debian:6 openssl unknown 0.. {by} (it is called fixed without a version)"),
            format!(
                "Debian:7 openssl not-affected [1.0.1e-2+deb7u4] {by} (not affected: vulnerable_code_not_present)"
            ),
            format!("Red Hat:enterprise_linux:6 openssl not-affected [0:1.0.1e-16.el6_5.7] {by} (fixed)"),
            format!("Red Hat:enterprise_linux:7 openssl affected 0.. {by} (affected)"),
            format!("Ubuntu:12.04:LTS openssl affected [1.0.1-4ubuntu5.11] {by} (affected)"),
        ]
    );
    assert_eq!(
        found.notes,
        [
            "statements[1].products[1]: it is called fixed without a version; openssl is unknown",
            "statements[2].products[1].subcomponents[1]: names no package; left out",
            "statements[3].products[1]: a package of type `oci`, which no distribution here has; left out",
            "statements[3].products[2]: says something of a component in this product alone; left out",
            "statements[3].products[3]: `https://service.example.test/` names no package; left out",
            "statements[3].products[4]: no `distro` qualifier: which release is meant is not said; left out",
            "statements[3].products[5].@id: `pkg:deb/debian/op%zz`: not a package URL: a `%` without two hex digits; \
             the product is left out",
        ]
    );
}

#[test]
fn a_later_statement_overrides_an_earlier_one_wherever_it_stands() {
    let product = json!([{"@id": "pkg:deb/debian/openssl@1.0.1e-2?distro=debian-7"}]);
    let mut late = statement("affected", &product);
    late["timestamp"] = json!("2014-04-10T00:00:00Z");
    let early = statement("not_affected", &product);
    let by = "https://example.test/vex/2014-0160";
    for statements in [json!([late, early]), json!([early, late])] {
        let found = read(&document(&statements));
        assert_eq!(
            lines(&found.records[0]),
            [format!("Debian:7 openssl affected [1.0.1e-2] {by} (affected)")]
        );
    }
    let same_time = json!([statement("affected", &product), statement("not_affected", &product)]);
    let found = read(&document(&same_time));
    assert_eq!(
        lines(&found.records[0]),
        [format!("Debian:7 openssl not-affected [1.0.1e-2] {by} (not affected)")]
    );
}

#[test]
fn broken_statements_are_notes_and_a_broken_frame_an_error() {
    let product = json!([{"@id": "pkg:deb/debian/openssl@1.0.1e-2?distro=debian-7"}]);
    let found = read(&document(&json!([
        statement("cured", &product),
        {"status": "affected", "products": product},
        statement("affected", &json!("all")),
        {"vulnerability": "CVE-2014-0160", "status": "affected"},
        statement("affected", &json!([{"name": "x"}, 3])),
    ])));
    assert_eq!(
        found.notes,
        [
            "statements[0].status: `cured` is not a status; the statement is left out",
            "statements[1].vulnerability: missing; the statement is left out",
            "statements[2].products: expected a list, found a text; the statement is left out",
            "statements[3].products: missing; the statement is left out",
            "statements[4].products[0]: neither `@id` nor `identifiers` is there; the product is left out",
            "statements[4].products[1]: expected an object, found a number; the product is left out",
            "statements[0]: CVE-2014-0160 has no row that can be read: it judges nobody",
        ]
    );
    assert_eq!(error(&document(&json!([])), None), "statements: no statement can be read");
    assert_eq!(error(&document(&json!({})), None), "statements: expected a list, found an object");
}
