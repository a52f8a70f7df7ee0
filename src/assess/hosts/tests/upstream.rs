//! Copies and packages against upstream's own releases.

use super::*;
use crate::assess::hosts::upstream::upstream_part;

fn unowned(disclosure: &Disclosure, version: &str) -> String {
    let mut document = host("", Collector::Binary);
    document.libraries.push(copy("/opt/node", CopyKind::Disk, version));
    words(judged(&document, disclosure).verdicts[0].as_ref())
}

#[test]
fn branches_that_nobody_analysed_are_not_known() {
    let table = [
        ("3.5.7", "vulnerable version-affected"),
        ("3.5.9", "not-vulnerable version-not-affected"),
        ("3.1.4", "inconclusive branch-not-analysed"),
        ("3.3.9", "inconclusive branch-not-analysed"),
        ("1.0.1u", "inconclusive branch-not-analysed"),
        ("0.9.8zh", "inconclusive branch-not-analysed"),
        // Between two that were analysed, and newer than all.
        ("1.1.0l", "not-vulnerable version-not-affected"),
        ("4.1.0", "not-vulnerable version-not-affected"),
        ("1.0.2zs", "not-vulnerable version-not-affected"),
        ("3.0.22", "vulnerable version-affected"),
        ("3.0.0-alpha1", "inconclusive branch-not-analysed"),
        ("3.5.0-beta1", "inconclusive branch-not-analysed"),
        ("4.1.0-beta1", "not-vulnerable version-not-affected"),
        ("3.0.8+quic", "vulnerable version-affected"),
        ("", "inconclusive symbols-unavailable"),
        ("?", "inconclusive symbols-unavailable"),
    ];
    for (version, expected) in table {
        assert_eq!(unowned(&dtls(), version), expected, "{version}");
    }
}

#[test]
fn a_row_that_spares_old_branches_reaches_them() {
    assert_eq!(unowned(&heartbleed(), "1.0.0m"), "not-vulnerable version-not-affected");
    assert_eq!(unowned(&heartbleed(), "0.9.8zh"), "not-vulnerable version-not-affected");
    let mut rows = heartbleed();
    rows.affected.retain(|row| row.status != RowStatus::NotAffected);
    assert_eq!(unowned(&rows, "1.0.0m"), "inconclusive branch-not-analysed");
}

#[test]
fn rows_that_decide_nothing_leave_it_open() {
    let weak = disclosure(vec![unconfirmed(row("upstream", "openssl", "3.0.0..3.0.7"))]);
    assert_eq!(unowned(&weak, "3.0.5"), "inconclusive row-unconfirmed");
    assert_eq!(unowned(&weak, "3.0.9"), "inconclusive branch-not-analysed");
    let mixed = disclosure(vec![
        row("upstream", "openssl", "3.0.0..3.0.7"),
        unconfirmed(row("upstream", "openssl", "3.1.0..3.1.2")),
    ]);
    assert_eq!(unowned(&mixed, "3.1.1"), "inconclusive row-unconfirmed");
    assert_eq!(unowned(&mixed, "3.2.0"), "not-vulnerable version-not-affected");
    let only_debian = disclosure(vec![row("Debian:12", "openssl", "0..3.0.9-1")]);
    assert_eq!(unowned(&only_debian, "3.0.5"), "inconclusive branch-not-analysed");
    let backwards = disclosure(vec![row("upstream", "openssl", "3.0.7..3.0.0")]);
    assert_eq!(unowned(&backwards, "3.0.9"), "inconclusive row-unconfirmed");
}

#[test]
fn the_comparison_is_shown_for_clean_and_open_copies() {
    let mut document = host("", Collector::Binary);
    for version in ["1.0.1g", "1.0.2a", "1.1.1w"] {
        document.libraries.push(copy("/opt/x", CopyKind::Disk, version));
    }
    let assessed = judged(&document, &heartbleed());
    let shown: Vec<_> = assessed.verdicts.iter().map(|f| compared(f.as_ref())).collect();
    assert_eq!(shown[0], "openssl 1.0.1g = 1.0.1g (fixed; upstream, record)");
    assert_eq!(shown[1], "openssl 1.0.2a > 1.0.2-beta2 (fixed; upstream, record)");
    assert_eq!(shown[2], "openssl 1.1.1w not in (upstream, record)");
}

#[test]
fn the_upstream_part_of_a_packages_version() {
    for (version, software, expected) in [
        ("1:3.0.7-24.el9", "openssl", "3.0.7"),
        ("1.1.1w-0+deb11u1", "openssl", "1.1.1w"),
        ("3.0.0~~alpha1-1", "openssl", "3.0.0-alpha1"),
        ("1.0.2~beta1-1", "openssl", "1.0.2-beta1"),
        ("3.5.0_beta1-r0", "openssl", "3.5.0-beta1"),
        ("1.0.1e-2+deb7u5", "openssl", "1.0.1e"),
        ("5.6.1+really5.4.5-1", "xz", "5.4.5"),
        ("1:9.2p1-2+deb12u3", "openssh", "9.2p1"),
        ("9.7_p1-r4", "openssh", "9.7p1"),
        ("", "openssl", ""),
        ("+really", "openssl", ""),
    ] {
        assert_eq!(upstream_part(version, software), expected, "{version}");
    }
}
