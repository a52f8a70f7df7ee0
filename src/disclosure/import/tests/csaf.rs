//! CSAF: Red Hat's VEX for Heartbleed in little, SUSE's way, and plain upstream advisories.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{error, lines, read};
use crate::disclosure::import::{Format, import};

const ARCHES: [&str; 5] = ["x86_64", "i686", "s390x", "ppc64", "src"];

fn platform(name: &str, id: &str, cpe: &str) -> Value {
    json!({"category": "product_name", "name": name, "product": {
        "name": name, "product_id": id, "product_identification_helper": {"cpe": cpe}}})
}

fn package(nevra: &str, purl: &str) -> Value {
    json!({"category": "product_version", "name": nevra, "product": {
        "name": nevra, "product_id": nevra, "product_identification_helper": {"purl": purl}}})
}

fn joined(package: &str, platform: &str) -> Value {
    json!({"category": "default_component_of", "product_reference": package,
           "relates_to_product_reference": platform,
           "full_product_name": {"name": "x", "product_id": format!("{platform}:{package}")}})
}

/// Heartbleed as Red Hat's VEX puts it: RHEL 6 fixed for each architecture, RHEL 5 and 7 not affected.
fn heartbleed() -> Value {
    let mut packages = Vec::new();
    let mut relations = Vec::new();
    let mut fixed = Vec::new();
    for name in ["openssl", "openssl-devel"] {
        for arch in ARCHES.iter().filter(|arch| name == "openssl" || **arch != "src") {
            let nevra = format!("{name}-0:1.0.1e-16.el6_5.7.{arch}");
            packages.push(package(&nevra, &format!("pkg:rpm/redhat/{name}@1.0.1e-16.el6_5.7?arch={arch}")));
            relations.push(joined(&nevra, "6Server-6.5.z"));
            fixed.push(format!("6Server-6.5.z:{nevra}"));
        }
    }
    for name in ["openssl", "openssl098e", "nodejs"] {
        packages.push(package(name, &format!("pkg:rpm/redhat/{name}?arch=src")));
    }
    packages.push(package("web", "pkg:oci/web@sha256%3A00?arch=amd64"));
    packages.push(package("mod", "pkg:rpm/redhat/nodejs@16-1.module+el8?rpmmod=nodejs:16:1:2"));
    for (name, os) in [
        ("openssl", "red_hat_enterprise_linux_5"),
        ("openssl", "red_hat_enterprise_linux_7"),
        ("openssl098e", "red_hat_enterprise_linux_6"),
        ("nodejs", "red_hat_enterprise_linux_7"),
        ("web", "red_hat_enterprise_linux_7"),
        ("mod", "red_hat_enterprise_linux_7"),
    ] {
        relations.push(joined(name, os));
    }
    json!({
        "document": {
            "category": "csaf_vex", "csaf_version": "2.0", "title": "openssl: information disclosure",
            "aggregate_severity": {"text": "Important"},
            "tracking": {"id": "CVE-2014-0160", "initial_release_date": "2014-04-07T00:00:00+00:00"},
            "references": [{"category": "self", "url": "https://security.access.redhat.com/cve-2014-0160.json"}],
        },
        "product_tree": {
            "branches": [{"category": "vendor", "name": "Red Hat", "branches": [
                {"category": "product_family", "name": "Red Hat Enterprise Linux", "branches": [
                    platform("Red Hat Enterprise Linux Server (v. 6)", "6Server-6.5.z",
                             "cpe:/o:redhat:enterprise_linux:6::server"),
                    platform("Red Hat Enterprise Linux 5", "red_hat_enterprise_linux_5", "cpe:/o:redhat:enterprise_linux:5"),
                    platform("Red Hat Enterprise Linux 6", "red_hat_enterprise_linux_6", "cpe:/o:redhat:enterprise_linux:6"),
                    platform("Red Hat Enterprise Linux 7", "red_hat_enterprise_linux_7", "cpe:/o:redhat:enterprise_linux:7"),
                ]},
                {"category": "architecture", "name": "all", "branches": packages},
            ]}],
            "relationships": relations,
        },
        "vulnerabilities": [{
            "cve": "CVE-2014-0160",
            "release_date": "2014-04-07T00:00:00+00:00",
            "title": "openssl: information disclosure in handling of TLS heartbeat extension packets",
            "product_status": {
                "fixed": fixed,
                "known_not_affected": ["red_hat_enterprise_linux_5:openssl", "red_hat_enterprise_linux_7:openssl",
                                       "red_hat_enterprise_linux_6:openssl098e"],
                "known_affected": ["red_hat_enterprise_linux_7:web", "red_hat_enterprise_linux_7:mod", "nobody:x"],
                "under_investigation": ["red_hat_enterprise_linux_7:nodejs"],
            },
            "flags": [{"label": "vulnerable_code_not_present",
                       "product_ids": ["red_hat_enterprise_linux_5:openssl", "red_hat_enterprise_linux_6:openssl098e"]}],
            "remediations": [
                {"category": "vendor_fix", "product_ids": fixed, "url": "https://access.redhat.com/errata/RHSA-2014:0376",
                 "details": "Update.", "restart_required": {"category": "service", "details": "all that use OpenSSL"}},
                {"category": "no_fix_planned", "details": "Out of support", "product_ids": ["red_hat_enterprise_linux_7:nodejs"]},
                {"category": "workaround", "details": "Rebuild with -DOPENSSL_NO_HEARTBEATS.", "product_ids": []},
            ],
            "threats": [{"category": "impact", "details": "Important"}],
        }],
    })
}

#[test]
fn red_hats_vex_for_heartbleed_becomes_a_row_for_each_package_of_each_release() {
    let found = read(&heartbleed());
    assert_eq!(found.format, Format::Csaf);
    let [record] = &*found.records else { panic!("one record") };
    assert_eq!(&*record.id, "CVE-2014-0160");
    assert_eq!(
        record.title,
        "openssl: information disclosure in handling of TLS heartbeat extension packets"
    );
    assert_eq!(record.severity.as_deref(), Some("Important"));
    assert_eq!(
        record.notes,
        [
            "restart after the fix of RHSA-2014:0376: service: all that use OpenSSL",
            "workaround: Rebuild with -DOPENSSL_NO_HEARTBEATS.",
        ]
    );
    assert_eq!(
        lines(record),
        [
            "Red Hat:enterprise_linux:5 openssl not-affected 0.. CVE-2014-0160 (vulnerable_code_not_present)",
            "Red Hat:enterprise_linux:6 openssl098e not-affected 0.. CVE-2014-0160 (vulnerable_code_not_present)",
            "Red Hat:enterprise_linux:6::server openssl affected 0..<0:1.0.1e-16.el6_5.7 RHSA-2014:0376",
            "Red Hat:enterprise_linux:6::server openssl-devel affected 0..<0:1.0.1e-16.el6_5.7 RHSA-2014:0376",
            "Red Hat:enterprise_linux:7 nodejs unknown 0.. CVE-2014-0160 (no fix planned: Out of support)",
            "Red Hat:enterprise_linux:7 openssl not-affected 0.. CVE-2014-0160",
        ]
    );
    assert_eq!(
        found.notes,
        [
            "vulnerabilities[0].product_status.known_affected[2]: `nobody:x` is not in the product tree; left out",
            "vulnerabilities[0].product_status.known_affected[1]: a package of a module stream; left out",
            "vulnerabilities[0].product_status.known_affected[0]: a package of type `oci`, which no distribution here \
             has; left out",
        ]
    );
}

#[test]
fn the_epoch_comes_from_the_url_or_the_full_name_and_two_of_them_are_none() {
    let table = [
        ("pkg:rpm/redhat/openssl@3.0.7-27.el9?arch=src&epoch=1", "affected 0..<1:3.0.7-27.el9 own-1"),
        ("pkg:rpm/redhat/openssl@3.0.7-27.el9?arch=src", "affected 0..<1:3.0.7-27.el9 own-1"),
        (
            "pkg:rpm/redhat/openssl@3.0.7-27.el9?arch=src&epoch=2",
            "unknown 0.. own-1 (`2:3.0.7-27.el9` in the package URL and `1:3.0.7-27.el9` in the name)",
        ),
        (
            "pkg:rpm/redhat/openssl@3.0.7-28.el9?arch=src",
            "unknown 0.. own-1 (`3.0.7-28.el9` in the package URL and `1:3.0.7-27.el9` in the name)",
        ),
    ];
    for (purl, expected) in table {
        let nevra = "openssl-1:3.0.7-27.el9.src";
        let document = small(
            &json!([
                platform("Red Hat Enterprise Linux 9", "el9", "cpe:/o:redhat:enterprise_linux:9::baseos"),
                package(nevra, purl),
            ]),
            &json!([joined(nevra, "el9")]),
            &json!({"fixed": [format!("el9:{nevra}")]}),
        );
        let found = read(&document);
        let row = format!("Red Hat:enterprise_linux:9::baseos openssl {expected}");
        assert_eq!(lines(&found.records[0]), [row], "input: {purl}");
    }
}

fn small(branches: &Value, relationships: &Value, status: &Value) -> Value {
    json!({
        "document": {"category": "csaf_security_advisory", "title": "t",
                     "tracking": {"id": "own-1", "initial_release_date": "2025-02-11T00:00:00Z"}},
        "product_tree": {"branches": branches, "relationships": relationships},
        "vulnerabilities": [{"cve": "CVE-2022-3602", "release_date": "2022-11-01T00:00:00Z", "product_status": status}],
    })
}

#[test]
fn ranges_and_releases_of_upstream_are_read_where_they_are_plain() {
    let range = |text: &str, id: &str| json!({"category": "product_version_range", "name": text, "product": {"name": text, "product_id": id}});
    let release = |version: &str, id: &str| {
        let cpe = format!("cpe:2.3:a:openssl:openssl:{version}:*:*:*:*:*:*:*");
        json!({"category": "product_version", "name": version, "product": {
            "name": version, "product_id": id, "product_identification_helper": {"cpe": cpe}}})
    };
    let document = small(
        &json!([{"category": "product_name", "name": "OpenSSL", "branches": [
            range("vers:openssl/>=3.0.0|<3.0.7", "affected"),
            range("vers:generic/<3.0.0", "old"),
            release("3.0.7", "fixed"),
        ]}]),
        &json!([]),
        &json!({"known_affected": ["affected"], "known_not_affected": ["old"], "fixed": ["fixed"],
                "recommended": ["fixed"]}),
    );
    let found = read(&document);
    assert_eq!(
        lines(&found.records[0]),
        [
            "upstream openssl affected 3.0.0..<3.0.7 own-1",
            "upstream openssl not-affected [3.0.7] own-1",
            "upstream openssl not-affected 0..<3.0.0 own-1",
        ]
    );
    let note = "vulnerabilities[0].product_status.recommended: says what to install and not who is affected; left out";
    assert_eq!(found.notes, [note]);

    for text in ["vls:3.0.0 to 3.0.6", "vers:rpm/<3.0.7", "vers:openssl/>3.0.0"] {
        let branches =
            json!([{"category": "product_name", "name": "OpenSSL", "branches": [range(text, "a")]}]);
        let found = read(&small(&branches, &json!([]), &json!({"known_affected": ["a"]})));
        let rows = lines(&found.records[0]);
        assert!(
            rows.len() == 1 && rows[0].starts_with("upstream openssl unknown 0.. own-1 ("),
            "{text}: {rows:?}"
        );
        assert!(
            found.notes[0].starts_with("vulnerabilities[0].product_status.known_affected[0]: "),
            "{text}"
        );
    }
}

#[test]
fn suse_names_its_platforms_as_the_releases_call_themselves() {
    let document = small(
        &json!([
            platform("SUSE Linux Enterprise Server 15 SP5", "sles", "cpe:/o:suse:sles:15:sp5"),
            json!({"category": "product_version", "name": "libopenssl3-3.0.8-150500.5.30.1.x86_64",
                   "product": {"name": "libopenssl3", "product_id": "lib"}}),
        ]),
        &json!([joined("lib", "sles")]),
        &json!({"recommended": ["sles:lib"], "first_fixed": ["sles:lib"]}),
    );
    let found = read(&document);
    assert_eq!(
        lines(&found.records[0]),
        ["SUSE:Linux Enterprise Server 15 SP5 libopenssl3 affected 0..<3.0.8-150500.5.30.1 own-1"]
    );
}

#[test]
fn two_answers_for_one_product_are_none() {
    let mut document = heartbleed();
    document["vulnerabilities"][0]["product_status"]["known_affected"] =
        json!(["red_hat_enterprise_linux_7:openssl"]);
    let found = read(&document);
    let rows = lines(&found.records[0]);
    let row = rows.iter().find(|row| row.starts_with("Red Hat:enterprise_linux:7 openssl ")).unwrap();
    assert!(row.starts_with("Red Hat:enterprise_linux:7 openssl unknown 0.. "), "{rows:?}");
    assert!(found.notes.iter().any(|note| note.contains("openssl of Red Hat:enterprise_linux:7 is unknown")));
}

#[test]
fn relationships_that_refer_to_each_other_lead_nowhere() {
    let relation = |id: &str, part: &str, whole: &str| {
        json!({"category": "default_component_of", "product_reference": part, "relates_to_product_reference": whole,
               "full_product_name": {"name": id, "product_id": id}})
    };
    let document = small(
        &json!([]),
        &json!([
            relation("a", "b", "a"),
            relation("b", "a", "b"),
            relation("c", "x", "y"),
            relation("a", "x", "y")
        ]),
        &json!({"known_affected": ["a", "b", "c"]}),
    );
    let found = read(&document);
    assert_eq!(
        found.notes,
        [
            "product_tree.relationships[3]: the product id `a` is given twice; the relationship is left out",
            "vulnerabilities[0].product_status.known_affected[2]: `y` is not in the product tree; left out",
            "vulnerabilities[0].product_status.known_affected[1]: a component of a component, such as a package of a \
             module stream; left out",
            "vulnerabilities[0].product_status.known_affected[0]: the product id is given twice; left out",
            "vulnerabilities[0]: CVE-2022-3602 has no row that can be read: it judges nobody",
        ]
    );
}

#[test]
fn the_frame_is_asked_for_by_its_paths() {
    let table: [(&str, Value, &str); 6] = [
        (
            "/document/category",
            json!("csaf_base"),
            "document.category: expected csaf_vex or csaf_security_advisory, found `csaf_base`",
        ),
        ("/document/tracking", json!(null), "document.tracking: missing"),
        ("/product_tree", json!([]), "product_tree: expected an object, found a list"),
        (
            "/product_tree/relationships",
            json!("x"),
            "product_tree.relationships: expected a list, found a text",
        ),
        (
            "/vulnerabilities/0/cve",
            json!("../../etc/passwd"),
            "vulnerabilities[0].cve: `../../etc/passwd` is not an id",
        ),
        (
            "/vulnerabilities/0/product_status",
            json!(3),
            "vulnerabilities[0].product_status: expected an object, found a number",
        ),
    ];
    for (place, value, expected) in table {
        let mut document = heartbleed();
        *document.pointer_mut(place).unwrap() = value;
        let found = error(&document, None);
        assert!(found.starts_with(expected), "place: {place}, error: {found}");
    }
}

#[test]
fn a_file_of_tens_of_thousands_of_products_is_read_in_linear_time() {
    let mut branches =
        vec![platform("Red Hat Enterprise Linux 9", "el9", "cpe:/o:redhat:enterprise_linux:9")];
    let (mut relations, mut fixed) = (Vec::new(), Vec::new());
    for number in 0..8_000 {
        for arch in ARCHES {
            let nevra = format!("package{number}-1:3.0.7-27.el9.{arch}");
            branches.push(package(
                &nevra,
                &format!("pkg:rpm/redhat/package{number}@3.0.7-27.el9?arch={arch}&epoch=1"),
            ));
            relations.push(joined(&nevra, "el9"));
            fixed.push(json!(format!("el9:{nevra}")));
        }
    }
    let text = small(&json!(branches), &json!(relations), &json!({"fixed": fixed})).to_string();
    assert!(text.len() > 15_000_000, "{}", text.len());
    let start = Instant::now();
    let found = import(text.as_bytes(), "big", None).unwrap();
    assert_eq!(found.records[0].affected.len(), 8_000);
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
}
