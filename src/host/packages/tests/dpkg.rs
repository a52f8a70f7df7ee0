//! dpkg's database: against the tool on a real host, and in the forms that this host does not have.

use std::process::Command;

use super::{gaps, output, peer, put};
use crate::{
    host::{cover::Cover, packages::Databases, root::Root},
    model::host::{Ecosystem, Package, Part},
};

fn read(root: &std::path::Path) -> (Vec<Package>, Cover) {
    let cover = Cover::default();
    (Databases::read(&Root::new(root), &cover).packages(), cover)
}

fn stanza(name: &str, status: &str, more: &str) -> String {
    format!("Package: {name}\nStatus: {status}\nArchitecture: amd64\nVersion: 1.0-1\n{more}\n")
}

#[test]
fn the_packages_of_this_host_are_those_that_dpkg_query_tells() {
    let Some(query) = peer("dpkg-query") else { return };
    let format = "${db:Status-Status}\t${Package}\t${Version}\t${Architecture}\t${source:Package}\t${source:Version}\n";
    // Somebody may install a package meanwhile: once more then.
    for attempt in 0..5 {
        let text = output(Command::new(&query).args(["-W", "-f", format]));
        let cover = Cover::default();
        let packages = Databases::read(&Root::host(), &cover).packages();
        if text != output(Command::new(&query).args(["-W", "-f", format])) && attempt < 4 {
            continue;
        }
        let left_out = ["config-files\t", "not-installed\t"];
        let mut expected: Vec<String> = text
            .lines()
            .filter(|line| !left_out.iter().any(|state| line.starts_with(state)))
            .map(|line| line.split_once('\t').unwrap().1.to_owned())
            .collect();
        let mut found: Vec<String> = packages
            .iter()
            .filter(|p| p.ecosystem == Ecosystem::Dpkg)
            .map(|p| {
                let source_version = p.source_version.as_ref().unwrap_or(&p.version);
                format!("{}\t{}\t{}\t{}\t{source_version}", p.name, p.version, p.arch, p.source)
            })
            .collect();
        expected.sort();
        found.sort();
        assert!(expected.len() > 50);
        assert_eq!(found, expected);
        let bad: Vec<_> = cover.coverage().gaps.into_iter().filter(|g| g.part == Part::Packages).collect();
        assert!(bad.is_empty(), "{bad:?}");
        return;
    }
}

#[test]
fn packages_count_while_any_of_their_files_may_be_in_place() {
    let root = tempfile::tempdir().unwrap();
    let mut status = String::new();
    let halfway = [
        "installed",
        "unpacked",
        "half-configured",
        "half-installed",
        "triggers-awaited",
        "triggers-pending",
    ];
    for state in halfway {
        status += &stanza(state, &format!("install ok {state}"), "");
    }
    status += &stanza("gone", "deinstall ok config-files", "");
    status += &stanza("never", "unknown ok not-installed", "");
    put(root.path(), "/var/lib/dpkg/status", status);
    let (packages, cover) = read(root.path());
    let mut expected = halfway.to_vec();
    expected.sort_unstable();
    assert_eq!(packages.iter().map(|p| p.name.as_str()).collect::<Vec<_>>(), expected);
    assert!(cover.coverage().complete, "{:?}", cover.coverage());
}

#[test]
fn sources_epochs_and_architectures_are_told() {
    let root = tempfile::tempdir().unwrap();
    let text = "Package: libssl3\nStatus: install ok installed\nMulti-Arch: same\nArchitecture: i386\n\
        Source: openssl (3.0.1-1)\nVersion: 3.0.1-1+b1\nDescription: x\n Version: in the text\n .\n\n\
        Package: libssl3\nStatus: install ok installed\nArchitecture: amd64\nsource: openssl\nVERSION: 1:3.0.2-1\n\n\
        Package: ssl\nStatus: hold ok installed\nArchitecture: all\nVersion: 2\n\n";
    put(root.path(), "/var/lib/dpkg/status", text);
    let (packages, cover) = read(root.path());
    let [second, first, third] = packages.as_slice() else { panic!("{packages:?}") };
    assert_eq!(
        (first.version.as_str(), first.source.as_str(), first.source_version.as_deref(), first.arch.as_str()),
        ("3.0.1-1+b1", "openssl", Some("3.0.1-1"), "i386")
    );
    assert!(first.openssl && second.openssl && !third.openssl);
    assert_eq!(
        (second.version.as_str(), second.epoch, second.source_version.clone()),
        ("1:3.0.2-1", Some(1), None)
    );
    assert_eq!((third.source.as_str(), third.epoch), ("ssl", None));
    assert!(cover.coverage().complete);
}

#[test]
fn images_without_dpkg_are_read() {
    let root = tempfile::tempdir().unwrap();
    let control = "Package: libssl3\nSource: openssl\nArchitecture: amd64\nVersion: 3.0.17-1~deb12u2";
    put(root.path(), "/var/lib/dpkg/status.d/libssl3", control);
    // The digest of `library`.
    let sums = "d521f765a49c72507257a2620612ee96  usr/lib/x86_64-linux-gnu/libcrypto.so.3\n";
    put(root.path(), "/var/lib/dpkg/status.d/libssl3.md5sums", sums);
    put(root.path(), "/usr/lib/x86_64-linux-gnu/libcrypto.so.3", "library");
    let root = Root::new(root.path());
    let cover = Cover::default();
    let databases = Databases::read(&root, &cover);
    assert_eq!(databases.packages().len(), 1);
    let path = "/usr/lib/x86_64-linux-gnu/libcrypto.so.3";
    let owner = databases.owner(&root, path, &cover).unwrap();
    assert_eq!(
        (owner.package.as_str(), owner.source.as_str(), owner.intact),
        ("libssl3", "openssl", Some(true))
    );
    assert!(cover.coverage().complete, "{:?}", cover.coverage());
    put(root.base(), path, "another");
    assert_eq!(databases.owner(&root, path, &cover).unwrap().intact, Some(false));
}

#[test]
fn the_journal_of_an_interrupted_dpkg_wins() {
    let root = tempfile::tempdir().unwrap();
    put(root.path(), "/var/lib/dpkg/status", stanza("a", "install ok installed", ""));
    put(
        root.path(),
        "/var/lib/dpkg/updates/0001",
        stanza("a", "install ok unpacked", "").replace("1.0-1", "2.0-1"),
    );
    put(root.path(), "/var/lib/dpkg/updates/tmp.i", "half a st");
    let (packages, cover) = read(root.path());
    assert_eq!(packages.iter().map(|p| p.version.as_str()).collect::<Vec<_>>(), ["2.0-1"]);
    assert!(cover.coverage().complete);
}

#[test]
fn broken_stanzas_are_told_with_their_place_and_the_rest_is_read() {
    let root = tempfile::tempdir().unwrap();
    let good = stanza("good", "install ok installed", "");
    let cases = [
        ("Package: a\nStatus: install ok installed\nArchitecture: amd64\n\n", true),
        (
            "Package: a\nno field at all\nStatus: install ok installed\nVersion: 1\nArchitecture: amd64\n\n",
            true,
        ),
        ("Status: install ok installed\nVersion: 1\nArchitecture: amd64\n\n", false),
        ("Package: a\nVersion: 1\nArchitecture: amd64\n\n", true),
        ("Package: a\nPackage: b\nStatus: install ok installed\nVersion: 1\nArchitecture: amd64\n\n", true),
    ];
    for (bad, kept) in cases {
        put(root.path(), "/var/lib/dpkg/status", format!("{good}{bad}{}", good.replace("good", "last")));
        let (packages, cover) = read(root.path());
        let names: Vec<&str> = packages.iter().map(|p| p.name.as_str()).collect();
        let expected: &[&str] = if kept { &["a", "good", "last"] } else { &["good", "last"] };
        assert_eq!(names, expected, "{bad}");
        let gap = cover.coverage().gaps.remove(0);
        assert_eq!((gap.what.as_str(), gap.count), ("bad-stanza", 1), "{bad}");
        assert_eq!(gap.examples, ["/var/lib/dpkg/status:6"]);
    }
    put(root.path(), "/var/lib/dpkg/status", good.trim_end_matches('\n'));
    assert_eq!(gaps(&read(root.path()).1), ["bad-stanza"], "the end is missing");
}

#[test]
fn no_database_and_one_that_is_no_file_are_gaps() {
    let root = tempfile::tempdir().unwrap();
    let (packages, cover) = read(root.path());
    assert!(packages.is_empty());
    assert_eq!(gaps(&cover), ["no-database"]);
    std::fs::create_dir_all(root.path().join("var/lib/dpkg/status")).unwrap();
    let (_, cover) = read(root.path());
    assert_eq!(gaps(&cover), ["no-database", "not-a-file"]);
    assert!(cover.coverage().parts.contains(&Part::Packages));
}
