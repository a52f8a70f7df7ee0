//! Red Hat's file for one CVE.

use serde_json::{Value, json};

use super::{error, lines, read};
use crate::disclosure::import::Format;

fn cve_2024_5535() -> Value {
    json!({
        "threat_severity": "Low",
        "public_date": "2024-06-27T00:00:00Z",
        "bugzilla": {"description": "openssl: SSL_select_next_proto buffer overread", "id": "2294581",
                     "url": "https://bugzilla.redhat.com/show_bug.cgi?id=2294581"},
        "details": ["Issue summary: ..."],
        "references": ["https://www.openssl.org/news/secadv/20240627.txt\nhttps://nvd.nist.gov/vuln/detail/CVE-2024-5535"],
        "affected_release": [
            {"product_name": "Red Hat Enterprise Linux 8", "release_date": "2024-10-09T00:00:00Z",
             "advisory": "RHSA-2024:7848", "cpe": "cpe:/a:redhat:enterprise_linux:8",
             "package": "openssl-1:1.1.1k-14.el8_6"},
            {"product_name": "Red Hat Enterprise Linux 6", "advisory": "RHSA-2014:0376",
             "cpe": "cpe:/o:redhat:enterprise_linux:6", "package": "openssl-1.0.1e-16.el6_5.7"},
            {"product_name": "Red Hat Enterprise Linux 8", "advisory": "RHSA-2024:1", "package":
             "nodejs:16-8060020221003141553.ad008a3a", "cpe": "cpe:/a:redhat:enterprise_linux:8"},
            {"product_name": "OpenShift", "advisory": "RHSA-2024:2", "package": "openshift4/ose-web:v4.9",
             "cpe": "cpe:/a:redhat:openshift:4"},
            {"product_name": "Some service", "advisory": "RHSA-2024:3", "cpe": "cpe:/a:redhat:service:1"},
        ],
        "package_state": [
            {"product_name": "Red Hat Enterprise Linux 9", "fix_state": "Affected", "package_name": "openssl",
             "cpe": "cpe:/o:redhat:enterprise_linux:9"},
            {"product_name": "Red Hat Enterprise Linux 9", "fix_state": "Will not fix", "package_name": "edk2",
             "cpe": "cpe:/o:redhat:enterprise_linux:9"},
            {"product_name": "Red Hat Enterprise Linux 6", "fix_state": "Out of support scope",
             "package_name": "openssl098e", "cpe": "cpe:/o:redhat:enterprise_linux:6"},
            {"product_name": "Red Hat Enterprise Linux 10", "fix_state": "Not affected", "package_name": "openssl",
             "cpe": "cpe:/o:redhat:enterprise_linux:10"},
            {"product_name": "Red Hat Enterprise Linux 8", "fix_state": "Affected", "package_name": "nodejs:18/nodejs",
             "cpe": "cpe:/o:redhat:enterprise_linux:8"},
            {"product_name": "Elsewhere", "fix_state": "Affected", "package_name": "openssl", "cpe": "cpe:/o:acme:os:1"},
        ],
        "name": "CVE-2024-5535",
        "upstream_fix": "openssl 3.3.2",
    })
}

#[test]
fn releases_and_states_become_rows_and_what_is_no_rpm_a_note() {
    let found = read(&cve_2024_5535());
    assert_eq!(found.format, Format::Redhat);
    let [record] = &*found.records else { panic!("one record") };
    assert_eq!(record.title, "openssl: SSL_select_next_proto buffer overread");
    assert_eq!(record.severity.as_deref(), Some("Low"));
    assert_eq!(record.leaks, "its maker calls it Low: openssl: SSL_select_next_proto buffer overread");
    assert_eq!(record.links.len(), 3);
    assert_eq!(
        lines(record),
        [
            "Red Hat:enterprise_linux:10 openssl not-affected 0.. CVE-2024-5535 (fix state: Not affected)",
            "Red Hat:enterprise_linux:6 openssl affected 0..<1.0.1e-16.el6_5.7 RHSA-2014:0376 \
             (the record writes no epoch: read as 0)",
            "Red Hat:enterprise_linux:6 openssl098e unknown 0.. CVE-2024-5535 (fix state: Out of support scope)",
            "Red Hat:enterprise_linux:8 openssl affected 0..<1:1.1.1k-14.el8_6 RHSA-2024:7848",
            "Red Hat:enterprise_linux:9 edk2 affected 0.. CVE-2024-5535 (fix state: Will not fix)",
            "Red Hat:enterprise_linux:9 openssl affected 0.. CVE-2024-5535 (fix state: Affected)",
        ]
    );
    assert_eq!(
        found.notes,
        [
            "affected_release[1].package: no epoch is written: read as 0",
            "affected_release[2]: `nodejs:16-8060020221003141553.ad008a3a` is no name-epoch:version-release of an RPM \
             (a module stream?); left out",
            "affected_release[3]: `openshift4/ose-web:v4.9` belongs to a module stream or a container image; left out",
            "affected_release[4]: no package is named; left out",
            "package_state[4]: `nodejs:18/nodejs` belongs to a module stream or a container image; left out",
            "package_state[5]: the platform `cpe:/o:acme:os:1` is not known; left out",
            "document: upstream_fix says `openssl 3.3.2`; left out: it names no ranges",
        ]
    );
}

#[test]
fn a_package_called_fixed_and_not_affected_is_unknown() {
    let mut document = cve_2024_5535();
    document["package_state"][3]["cpe"] = json!("cpe:/o:redhat:enterprise_linux:8");
    let found = read(&document);
    let rows = lines(&found.records[0]);
    let row = rows.iter().find(|row| row.starts_with("Red Hat:enterprise_linux:8 openssl ")).unwrap();
    assert!(row.contains("unknown 0.."), "{row}");
    assert!(row.contains("0 to before 1:1.1.1k-14.el8_6"), "{row}");
    assert!(found.notes.iter().any(|n| n.ends_with("openssl of Red Hat:enterprise_linux:8 is unknown")));
}

#[test]
fn a_wrong_frame_is_an_error_and_a_wrong_entry_a_note() {
    let mut document = cve_2024_5535();
    document["affected_release"][0]["package"] = json!(7);
    document["package_state"][0]["fix_state"] = json!("Pondering");
    let found = read(&document);
    let note = "affected_release[0].package: expected a text, found a number; the entry is left out";
    assert!(found.notes.iter().any(|n| n == note), "{:?}", found.notes);
    let rows = lines(&found.records[0]);
    let row = "Red Hat:enterprise_linux:9 openssl unknown 0.. CVE-2024-5535 (fix state: Pondering)";
    assert!(rows.iter().any(|r| r == row), "{rows:?}");

    let bare = json!({"name": "CVE-2024-5535", "threat_severity": "Low", "public_date": "2024-06-27"});
    assert_eq!(error(&bare, None), "document: neither `affected_release` nor `package_state` is there");
    document["affected_release"] = json!({"package": "x"});
    assert_eq!(error(&document, None), "affected_release: expected a list, found an object");
}
