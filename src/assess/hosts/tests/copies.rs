//! Copies of libraries: by package, by code, and after their files have changed.

use super::*;
use crate::model::host::{OnDisk, Replaced};

fn alone(disclosure: &Disclosure, copy: Library) -> String {
    let mut document = host("debian 7", Collector::Binary);
    document.libraries.push(copy);
    words(judged(&document, disclosure).verdicts[0].as_ref())
}

/// A copy of a package: what it means, and what was compared.
fn of_package(
    disclosure: &Disclosure,
    os: &str,
    version: &str,
    change: impl FnOnce(&mut Library),
) -> (String, String) {
    let mut document = host(os, Collector::Binary);
    document.packages.push(package("libssl", "openssl", version, database(os, version)));
    let mut copy = owned(copy("/usr/lib/libssl.so", CopyKind::Disk, ""), &document.packages[0], Some(true));
    change(&mut copy);
    document.libraries.push(copy);
    let assessed = judged(&document, disclosure);
    (words(assessed.verdicts[0].as_ref()), compared(assessed.verdicts[0].as_ref()))
}

#[test]
fn the_same_version_is_told_apart_by_its_code() {
    // node 0.10.0, 0.10.2, a stripped one, 0.10.27, 0.8.28 and others.
    let table: [(&str, Option<Option<bool>>, &str); 12] = [
        ("1.0.1e", Some(Some(true)), "vulnerable feature-present"),
        ("1.0.1e", Some(Some(false)), "not-vulnerable feature-absent"),
        ("1.0.1e", Some(None), "inconclusive symbols-unavailable"),
        ("1.0.1e", None, "inconclusive symbols-unavailable"),
        ("1.0.1g", Some(Some(true)), "not-vulnerable version-not-affected"),
        ("1.0.0m", None, "not-vulnerable version-not-affected"),
        ("1.0.2-beta1", Some(Some(true)), "vulnerable feature-present"),
        ("1.0.2", Some(Some(true)), "not-vulnerable version-not-affected"),
        ("3.0.2+quic", None, "not-vulnerable version-not-affected"),
        ("1.0.1e-fips", Some(Some(true)), "inconclusive backport-likely"),
        ("1.0.1e-fips", Some(Some(false)), "not-vulnerable feature-absent"),
        ("", None, "inconclusive symbols-unavailable"),
    ];
    for (version, feature, expected) in table {
        let mut copy = copy("/opt/node", CopyKind::Disk, version);
        if let Some(there) = feature {
            copy = with_heartbeat(copy, there);
        }
        assert_eq!(alone(&heartbleed(), copy), expected, "{version} {feature:?}");
    }
    let mut fips = copy("/opt/pysam/libcrypto.so.1.1", CopyKind::Disk, "1.1.1k");
    fips.banner = Some("OpenSSL 1.1.1k  FIPS 25 Mar 2021".to_owned());
    assert_eq!(alone(&alpn(), fips), "inconclusive backport-likely");
}

#[test]
fn other_libraries_and_files_without_code_are_kept_apart() {
    let mut other = with_heartbeat(copy("/opt/x", CopyKind::Disk, "1.0.1e"), Some(true));
    for (lib, role, expected) in [
        (TlsLibrary::Boringssl, CopyRole::Embeds, "not-applicable stack-not-affected"),
        (TlsLibrary::Libressl, CopyRole::Embeds, "not-applicable stack-not-affected"),
        (TlsLibrary::Unknown, CopyRole::Embeds, "inconclusive branch-not-analysed"),
        (TlsLibrary::Unknown, CopyRole::Unreadable, "inconclusive symbols-unavailable"),
        (TlsLibrary::Openssl, CopyRole::Uses, "none"),
        (TlsLibrary::Openssl, CopyRole::HeaderText, "none"),
        (TlsLibrary::Openssl, CopyRole::BuildInput, "vulnerable feature-present"),
    ] {
        other.lib = lib;
        other.role = role;
        assert_eq!(alone(&heartbleed(), other.clone()), expected, "{lib} {role}");
    }
    // A disclosure of other software has nothing to say of any of them.
    let xz = disclosure(vec![row("upstream", "xz", "5.6.0..5.6.2"), spared("Debian:12", "xz-utils", "")]);
    for (lib, role) in [(TlsLibrary::Openssl, CopyRole::Embeds), (TlsLibrary::Unknown, CopyRole::Unreadable)]
    {
        (other.lib, other.role) = (lib, role);
        assert_eq!(alone(&xz, other.clone()), "none", "{lib} {role}");
    }
}

#[test]
fn an_intact_file_takes_its_packages_verdict() {
    let fixed = of_package(&heartbleed(), "debian 7", "1.0.1e-2+deb7u5", |copy| {
        copy.version = Some("1.0.1e".to_owned());
        copy.features.insert("tls1_process_heartbeat".to_owned(), Some(true));
    });
    assert_eq!(fixed.0, "not-vulnerable package-fixed");
    assert_eq!(fixed.1, "openssl 1.0.1e-2+deb7u5 = 1.0.1e-2+deb7u5 (fixed; Debian:7, record)");
    for (feature, expected) in [
        (Some(true), "vulnerable package-affected"),
        (None, "vulnerable package-affected"),
        (Some(false), "not-vulnerable feature-absent"),
    ] {
        let told = of_package(&heartbleed(), "debian 7", "1.0.1e-2+deb7u4", |copy| {
            copy.features.insert("tls1_process_heartbeat".to_owned(), feature);
        });
        assert_eq!(told.0, expected, "{feature:?}");
    }
    let unchecked = of_package(&heartbleed(), "debian 7", "1.0.1e-2+deb7u5", |copy| {
        copy.owner.as_mut().unwrap().intact = None;
    });
    assert_eq!(unchecked.0, "not-vulnerable package-fixed");
    assert!(unchecked.1.contains("not compared with what the package brought"), "{}", unchecked.1);
}

#[test]
fn a_changed_file_is_not_the_packages() {
    let told = of_package(&heartbleed(), "debian 7", "1.0.1e-2+deb7u5", |copy| {
        copy.version = Some("1.0.1e".to_owned());
        copy.features.insert("tls1_process_heartbeat".to_owned(), Some(true));
        copy.owner.as_mut().unwrap().intact = Some(false);
    });
    assert_eq!(told.0, "vulnerable feature-present");
}

#[test]
fn a_package_of_something_else_may_be_repaired_under_the_same_version() {
    let mut document = host("debian 11", Collector::Binary);
    document.packages.push(package("nodejs", "nodejs", "12.22.12~dfsg-1~deb11u7", Ecosystem::Dpkg));
    for version in ["1.1.1w", "1.1.1za"] {
        let node = copy("/usr/bin/node", CopyKind::Disk, version);
        document.libraries.push(owned(node, &document.packages[0], Some(true)));
    }
    let assessed = judged(&document, &alpn());
    assert_eq!(words(assessed.verdicts[0].as_ref()), "inconclusive backport-likely");
    assert_eq!(words(assessed.verdicts[1].as_ref()), "not-vulnerable version-not-affected");
    assert_eq!(acts(&assessed), ["find-out nodejs"]);
}

#[test]
fn an_owner_without_a_record_of_its_own_and_owners_in_containers() {
    let there = package("libssl1.1", "openssl", "1.1.1w-0+deb11u1", Ecosystem::Dpkg);
    let mut document = host("debian 12", Collector::Binary);
    document.libraries.push(owned(
        copy("/usr/lib/libssl.so.1.1", CopyKind::Disk, "1.1.1w"),
        &there,
        Some(true),
    ));
    // The container's package of the same name is a later one.
    let mut inside = package("libssl1.1", "openssl", "1.1.1w-0+deb11u8", Ecosystem::Dpkg);
    inside.container = Some("c0ffee".to_owned());
    document.libraries.push(owned(
        copy("/usr/lib/libssl.so.1.1", CopyKind::Disk, "1.1.1w"),
        &inside,
        Some(true),
    ));
    document.packages.push(inside);
    let assessed = judged(&document, &alpn());
    assert_eq!(words(assessed.verdicts[0].as_ref()), "vulnerable package-affected");
    assert_eq!(words(assessed.verdicts[1].as_ref()), "not-vulnerable package-fixed");
}

/// A process of pid 7 that began in October with a library whose file was replaced in November.
fn replaced(before: &str, now: &str, mapped: &str, how: Replaced) -> Document {
    let mut document = host("debian 11", Collector::Binary);
    let mut installed = package("libssl1.1", "openssl", now, Ecosystem::Dpkg);
    installed.installed_at = Some("2026-11-01T00:00:00Z".parse().unwrap());
    installed.upgraded_from = (!before.is_empty()).then(|| before.to_owned());
    document.packages.push(installed);
    document.processes.push(process(7, "nginx", "nginx.service", "2026-10-01T00:00:00Z"));
    let mut old = copy("/usr/lib/x86_64-linux-gnu/libssl.so.1.1", CopyKind::Mapped, mapped);
    old = owned(old, &document.packages[0], None);
    old.owner.as_mut().unwrap().version = String::new();
    old.replaced = Some(how);
    old.deleted = how != Replaced::Overwritten;
    old.processes = vec![7];
    old.on_disk = Some(OnDisk { version: Some("1.1.1w".to_owned()), ..OnDisk::default() });
    document.libraries.push(old);
    document
}

#[test]
fn an_old_copy_is_known_by_the_upgrade_after_its_process_began() {
    let document = replaced("1.1.1w-0+deb11u1", "1.1.1w-0+deb11u8", "1.1.1w", Replaced::Renamed);
    let assessed = judged(&document, &alpn());
    let [old] = assessed.old.as_slice() else { panic!("{:?}", assessed.old) };
    assert_eq!(words(old.verdict.as_ref()), "vulnerable package-affected");
    assert!(compared(old.verdict.as_ref()).contains("upgraded from it at 2026-11-01"), "{:?}", old.verdict);
    assert_eq!(words(old.disk_verdict.as_ref()), "not-vulnerable package-fixed");
    assert_eq!(
        acts(&assessed),
        ["restart nginx.service from 1.1.1w-0+deb11u1 to 1.1.1w-0+deb11u2 by unit nginx.service nginx [7]"]
    );
}

#[test]
fn an_old_copy_of_unknown_age_is_not_known() {
    let mut documents = vec![
        // No log tells of the version before.
        replaced("", "1.1.1w-0+deb11u8", "1.1.1w", Replaced::Renamed),
        // The process began after the upgrade: then it was another one.
        replaced("1.1.1w-0+deb11u1", "1.1.1w-0+deb11u8", "1.1.1w", Replaced::Renamed),
        // The mapped copy is not of the version before.
        replaced("1.1.1w-0+deb11u2", "1.1.1w-0+deb11u8", "1.1.1n", Replaced::Renamed),
    ];
    documents[1].processes[0].started_at = Some("2026-11-02T00:00:00Z".parse().unwrap());
    for document in &documents {
        let assessed = judged(document, &alpn());
        assert_eq!(words(assessed.old[0].verdict.as_ref()), "inconclusive backport-likely");
        assert_eq!(words(assessed.old[0].disk_verdict.as_ref()), "not-vulnerable package-fixed");
    }
    // Not of an affected release: clean, and no restart for this disclosure.
    let clean = judged(&replaced("", "1.1.1w-0+deb11u8", "1.1.1w", Replaced::Renamed), &heartbleed());
    assert_eq!(words(clean.old[0].verdict.as_ref()), "not-vulnerable version-not-affected");
    assert!(clean.acts.is_empty(), "{:?}", clean.acts);
}

#[test]
fn an_overwritten_file_may_hide_what_runs() {
    // Bundled, overwritten with a repaired release: what the process took in before is not to be read any more.
    let mut document = replaced("", "1.1.1w-0+deb11u8", "1.1.1za", Replaced::Overwritten);
    document.libraries[0].owner = None;
    let assessed = judged(&document, &alpn());
    assert_eq!(words(assessed.verdicts[0].as_ref()), "inconclusive symbols-unavailable");
    // No release with this binary interface ever had it.
    let assessed = judged(&document, &heartbleed());
    assert_eq!(words(assessed.verdicts[0].as_ref()), "not-vulnerable version-not-affected");
}

#[test]
fn a_file_that_is_gone_and_one_that_was_never_a_packages() {
    let mut document = replaced("", "1.1.1w-0+deb11u8", "1.1.1w", Replaced::Removed);
    document.libraries[0].owner = None;
    document.libraries[0].on_disk = None;
    assert_eq!(words(judged(&document, &alpn()).verdicts[0].as_ref()), "inconclusive backport-likely");
    document.libraries[0].path = "/opt/app/libssl.so.1.1".to_owned();
    let assessed = judged(&document, &alpn());
    assert_eq!(words(assessed.verdicts[0].as_ref()), "vulnerable version-affected");
    assert!(assessed.old[0].disk_verdict.is_none());
    // Replaced by the very same code: the package's verdict holds for what runs.
    let mut same = replaced("", "1.1.1w-0+deb11u8", "1.1.1w", Replaced::Renamed);
    same.libraries[0].on_disk.as_mut().unwrap().same = Some(true);
    assert_eq!(words(judged(&same, &alpn()).verdicts[0].as_ref()), "not-vulnerable package-fixed");
}
