//! apk's database. Written by hand in the form of Alpine's `/lib/apk/db/installed`: apk itself is not
//! packaged for the systems that these tests run on.

use super::{gaps, put};
use crate::{
    host::{cover::Cover, packages::Databases, root::Root},
    model::host::Ecosystem,
};

/// Two packages; the checksums are SHA-1 of `crypto`, and SHA-256 of `ssl` as apk 3 writes it.
const INSTALLED: &str = "C:Q1hR0yHBTVDh0Gd2lYvBgkA8d7n7E=
P:libcrypto3
V:3.1.4-r5
A:x86_64
S:1723466
T:Crypto library from openssl
o:openssl
m:Natanael Copa <ncopa@alpinelinux.org>
t:1706200949
p:so:libcrypto.so.3=3
F:etc
F:etc/ssl
R:openssl.cnf
Z:Q1tV6I5Fmb4p2yjb/5u5zIaP5WDEI=
F:usr
F:usr/lib
F:lib
R:libcrypto.so.3
a:0:0:755
Z:Q1rH7dGR7VypYnX+l6h7gi7Ix8cnI=

P:libssl3
V:3.1.4-r5
A:x86_64
o:openssl
F:lib
R:libssl.so.3
Z:Q2E/MSBNdtdZC0Hh6AOPdZX7tSlJSPPhpfALP6LfzWEdY=

";

fn sums() -> String {
    let encode = |kind, bytes: &str| {
        let digest = ring::digest::digest(kind, bytes.as_bytes());
        data_encoding::BASE64.encode(digest.as_ref())
    };
    INSTALLED
        .replace("rH7dGR7VypYnX+l6h7gi7Ix8cnI=", &encode(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, "crypto"))
        .replace("E/MSBNdtdZC0Hh6AOPdZX7tSlJSPPhpfALP6LfzWEdY=", &encode(&ring::digest::SHA256, "ssl"))
}

#[test]
fn packages_and_owners_are_read() {
    for place in ["/lib/apk/db/installed", "/usr/lib/apk/db/installed"] {
        let folder = tempfile::tempdir().unwrap();
        put(folder.path(), place, sums());
        put(folder.path(), "/lib/libcrypto.so.3", "crypto");
        put(folder.path(), "/lib/libssl.so.3", "ssl");
        put(folder.path(), "/lib/stray.so", "x");
        let (root, cover) = (Root::new(folder.path()), Cover::default());
        let databases = Databases::read(&root, &cover);
        let found: Vec<_> = databases
            .packages()
            .into_iter()
            .map(|p| (p.name, p.version, p.arch, p.source, p.openssl, p.ecosystem))
            .collect();
        let package = |name: &str| {
            let [version, arch, source] = ["3.1.4-r5", "x86_64", "openssl"].map(str::to_owned);
            (name.to_owned(), version, arch, source, true, Ecosystem::Apk)
        };
        assert_eq!(found, [package("libcrypto3"), package("libssl3")]);
        let paths = ["/lib/libcrypto.so.3", "/lib/libssl.so.3", "/lib/stray.so"].map(str::to_owned);
        let owners = databases.owners(&root, &paths, &cover);
        assert_eq!(owners.len(), 2);
        assert_eq!(
            (owners[&paths[0]].package.as_str(), owners[&paths[0]].intact),
            ("libcrypto3", Some(true))
        );
        assert_eq!((owners[&paths[1]].package.as_str(), owners[&paths[1]].intact), ("libssl3", Some(true)));
        assert!(cover.coverage().complete, "{:?}", cover.coverage());
        put(folder.path(), "/lib/libcrypto.so.3", "replaced");
        assert_eq!(databases.owner(&root, &paths[0], &cover).unwrap().intact, Some(false));
    }
}

#[test]
fn a_merged_system_lists_its_packages_once() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "/usr/lib/apk/db/installed", sums());
    put(folder.path(), "/usr/lib/libcrypto.so.3", "crypto");
    std::os::unix::fs::symlink("usr/lib", folder.path().join("lib")).unwrap();
    let (root, cover) = (Root::new(folder.path()), Cover::default());
    let databases = Databases::read(&root, &cover);
    assert_eq!(databases.len(), 2);
    for path in ["/usr/lib/libcrypto.so.3", "/lib/libcrypto.so.3"] {
        let owner = databases.owner(&root, path, &cover).unwrap();
        assert_eq!((owner.package.as_str(), owner.intact), ("libcrypto3", Some(true)), "{path}");
    }
}

#[test]
fn broken_records_are_gaps_and_lose_only_themselves() {
    let folder = tempfile::tempdir().unwrap();
    let nameless = "V:1-r0\nF:lib\nR:libssl.so.3\n\n";
    let text = format!("{nameless}broken\nP:half\n\n{}P:cut", sums());
    put(folder.path(), "/lib/apk/db/installed", text);
    put(folder.path(), "/lib/libssl.so.3", "ssl");
    let (root, cover) = (Root::new(folder.path()), Cover::default());
    let databases = Databases::read(&root, &cover);
    let names: Vec<String> = databases.packages().into_iter().map(|p| p.name).collect();
    assert_eq!(names, ["cut", "half", "libcrypto3", "libssl3"]);
    assert_eq!(gaps(&cover), ["bad-stanza"]);
    assert_eq!(cover.coverage().gaps[0].count, 3);
    assert_eq!(databases.owner(&root, "/lib/libssl.so.3", &cover).unwrap().package, "libssl3");
}
