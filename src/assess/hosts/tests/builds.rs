//! Copies that are known by their Build-ID.

use super::*;
use crate::model::host::Replaced;

const ID: &str = "5de9182f";

/// A host where a package's own, unchanged file has the Build-ID.
fn teacher(version: &str, intact: Option<bool>) -> Document {
    let mut document = host("debian 11", Collector::Binary);
    document.packages.push(package("libssl1.1", "openssl", version, Ecosystem::Dpkg));
    let mut file =
        owned(copy("/usr/lib/libssl.so.1.1", CopyKind::Disk, "1.1.1w"), &document.packages[0], intact);
    file.build_id = Some(ID.to_owned());
    document.libraries.push(file);
    document
}

fn learned(documents: &[Document]) -> BuildIds {
    let mut builds = BuildIds::default();
    for document in documents {
        builds.learn(document);
    }
    builds
}

fn judged_with(builds: &BuildIds, change: impl FnOnce(&mut Library)) -> (String, String) {
    let mut document = host("debian 12", Collector::Binary);
    let mut file = copy("/srv/libssl.so.1.1", CopyKind::Mapped, "1.1.1w");
    file.build_id = Some(ID.to_owned());
    change(&mut file);
    document.libraries.push(file);
    let rows = alpn();
    let assessed = Judge::new(&rows).document(&document, builds);
    (words(assessed.verdicts[0].as_ref()), compared(assessed.verdicts[0].as_ref()))
}

#[test]
fn a_mapped_copy_whose_file_is_gone_is_known_from_another_host() {
    for (version, expected) in [
        ("1.1.1w-0+deb11u1", "vulnerable package-affected"),
        ("1.1.1w-0+deb11u8", "not-vulnerable package-fixed"),
    ] {
        let builds = learned(&[teacher(version, Some(true))]);
        let (verdict, compared) = judged_with(&builds, |copy| {
            copy.deleted = true;
            copy.replaced = Some(Replaced::Removed);
        });
        assert_eq!(verdict, expected);
        assert!(compared.contains(&format!("by Build-ID, seen as libssl1.1 {version}")), "{compared}");
        // Of a file that nobody owns, another host's word convicts and never clears.
        let (verdict, _) =
            judged_with(&builds, |copy| copy.banner = Some("OpenSSL 1.1.1w  FIPS 11 Sep 2023".to_owned()));
        let believed = expected.starts_with("vulnerable");
        assert_eq!(verdict, if believed { expected } else { "inconclusive backport-likely" });
    }
}

#[test]
fn what_is_not_certain_teaches_nothing() {
    let nothing = [teacher("1.1.1w-0+deb11u8", Some(false)), teacher("1.1.1w-0+deb11u8", None)];
    let builds = learned(&nothing);
    assert_eq!(judged_with(&builds, |_| {}).0, "vulnerable version-affected");
    // Two hosts contradict each other.
    let both = [teacher("1.1.1w-0+deb11u8", Some(true)), teacher("1.1.1w-0+deb11u1", Some(true))];
    assert_eq!(judged_with(&learned(&both), |_| {}).0, "vulnerable version-affected");
    // They name two packages that mean the same.
    let both = [teacher("1.1.1w-0+deb11u8", Some(true)), teacher("1.1.1w-0+deb11u7", Some(true))];
    assert_eq!(judged_with(&learned(&both), |_| {}).0, "inconclusive backport-likely");
    // So many that somebody makes them up.
    let many: Vec<_> = (2..12).map(|u| teacher(&format!("1.1.1w-0+deb11u{u}"), Some(true))).collect();
    assert_eq!(judged_with(&learned(&many), |_| {}).0, "vulnerable version-affected");
}

#[test]
fn a_build_id_of_another_release_is_not_believed() {
    // A copy that says 1.1.1w with the Build-ID of a package made from another release: one of them is not true.
    let builds = learned(&[teacher("1.1.1n-0+deb11u8", Some(true))]);
    assert_eq!(judged_with(&builds, |_| {}).0, "vulnerable version-affected");
}

#[test]
fn a_changed_or_overwritten_file_keeps_a_build_id_that_means_nothing() {
    let builds = learned(&[teacher("1.1.1w-0+deb11u8", Some(true))]);
    let package = package("libssl1.1", "openssl", "1.1.1w-0+deb11u8", Ecosystem::Dpkg);
    let (verdict, _) = judged_with(&builds, |copy| *copy = owned(copy.clone(), &package, Some(false)));
    assert_eq!(verdict, "vulnerable version-affected");
    let (verdict, _) = judged_with(&builds, |copy| copy.replaced = Some(Replaced::Overwritten));
    assert_eq!(verdict, "inconclusive backport-likely");
}
