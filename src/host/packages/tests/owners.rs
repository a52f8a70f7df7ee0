//! Whose a file is: against dpkg on a real host, and on systems that are merged, unmerged, diverted.

use std::{collections::BTreeMap, os::unix::fs::symlink, path::Path, process::Command};

use super::{gaps, peer, put, skipped};
use crate::host::{cover::Cover, packages::Databases, root::Root};

/// A root with one package that lists these paths, with the digest of `content` for each.
fn host(folder: &Path, lists: &[(&str, &[&str])]) {
    let mut status = Vec::new();
    for (package, paths) in lists {
        let name = package.split(':').next().unwrap();
        status.push(format!(
            "Package: {name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n\n"
        ));
        let list = paths.join("\n");
        put(folder, &format!("/var/lib/dpkg/info/{package}.list"), format!("/.\n/usr\n{list}\n"));
        // The digest of `content`.
        let sums = paths.iter().map(|path| format!("9a0364b9e99bb480dd25e1f0284c8555  {}\n", &path[1..]));
        put(folder, &format!("/var/lib/dpkg/info/{package}.md5sums"), sums.collect::<Vec<_>>().concat());
    }
    put(folder, "/var/lib/dpkg/status", status.concat());
}

fn owner(folder: &Path, path: &str) -> Option<(String, Option<bool>)> {
    let (root, cover) = (Root::new(folder), Cover::default());
    let owner = Databases::read(&root, &cover).owner(&root, path, &cover);
    assert!(cover.coverage().complete, "{:?}", cover.coverage());
    owner.map(|owner| (owner.package, owner.intact))
}

#[expect(clippy::unnecessary_wraps, reason = "it stands beside what `owner` gives")]
fn is(package: &str, intact: Option<bool>) -> Option<(String, Option<bool>)> {
    Some((package.to_owned(), intact))
}

#[test]
fn a_merged_system_is_looked_up_both_ways() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    host(folder, &[("old:amd64", &["/lib/x/liba.so"]), ("new", &["/usr/lib/x/libb.so"])]);
    put(folder, "/usr/lib/x/liba.so", "content");
    put(folder, "/usr/lib/x/libb.so", "content");
    symlink("usr/lib", folder.join("lib")).unwrap();
    for (path, package) in [
        ("/lib/x/liba.so", "old"),
        ("/usr/lib/x/liba.so", "old"),
        ("/lib/x/libb.so", "new"),
        ("/usr/lib/x/libb.so", "new"),
    ] {
        assert_eq!(owner(folder, path), is(package, Some(true)), "{path}");
    }
    assert_eq!(owner(folder, "/usr/lib/x/libc.so"), None);
}

#[test]
fn on_an_unmerged_system_two_folders_are_two_folders() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    host(folder, &[("a", &["/lib/x/liba.so"])]);
    put(folder, "/lib/x/liba.so", "content");
    put(folder, "/usr/lib/x/liba.so", "content");
    assert_eq!(owner(folder, "/lib/x/liba.so"), is("a", Some(true)));
    assert_eq!(owner(folder, "/usr/lib/x/liba.so"), None, "a copy of one's own");
}

#[test]
fn a_replaced_file_is_told_from_the_packages_own() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    host(folder, &[("a", &["/usr/lib/liba.so", "/usr/lib/gone.so"])]);
    put(folder, "/usr/lib/liba.so", "content");
    assert_eq!(owner(folder, "/usr/lib/liba.so"), is("a", Some(true)));
    put(folder, "/usr/lib/liba.so", "contenT");
    assert_eq!(owner(folder, "/usr/lib/liba.so"), is("a", Some(false)));
    assert_eq!(owner(folder, "/usr/lib/gone.so"), is("a", None), "deleted: nothing to compare");
    std::fs::remove_file(folder.join("var/lib/dpkg/info/a.md5sums")).unwrap();
    assert_eq!(owner(folder, "/usr/lib/liba.so"), is("a", None), "no digests");
}

#[test]
fn a_link_belongs_to_whom_its_target_belongs_to() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    host(folder, &[("links", &["/usr/lib/liba.so"]), ("files", &["/usr/lib/liba.so.1.2"])]);
    put(folder, "/usr/lib/liba.so.1.2", "content");
    symlink("liba.so.1.2", folder.join("usr/lib/liba.so")).unwrap();
    assert_eq!(owner(folder, "/usr/lib/liba.so"), is("files", Some(true)));
    std::fs::remove_file(folder.join("usr/lib/liba.so")).unwrap();
    put(folder, "/opt/strange.so", "content");
    symlink("/opt/strange.so", folder.join("usr/lib/liba.so")).unwrap();
    assert_eq!(owner(folder, "/usr/lib/liba.so"), None);
}

#[test]
fn diverted_files_belong_to_whose_content_lies_there() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    host(folder, &[("plain", &["/usr/lib/a.so"]), ("a-wrapper", &["/usr/lib/a.so"])]);
    put(folder, "/usr/lib/a.so", "content");
    put(folder, "/usr/lib/a.so.distrib", "changed");
    put(folder, "/var/lib/dpkg/diversions", "/usr/lib/a.so\n/usr/lib/a.so.distrib\na-wrapper\n");
    assert_eq!(owner(folder, "/usr/lib/a.so"), is("a-wrapper", Some(true)));
    assert_eq!(owner(folder, "/usr/lib/a.so.distrib"), is("plain", Some(false)));
    put(folder, "/var/lib/dpkg/diversions", "/usr/lib/a.so\n/usr/lib/a.so.distrib\n:\n");
    assert_eq!(owner(folder, "/usr/lib/a.so"), None, "the administrator's own");
}

#[test]
fn of_two_owners_the_one_whose_content_it_is_counts() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    host(folder, &[("a", &["/usr/lib/a.so"]), ("b", &["/usr/lib/a.so"])]);
    put(folder, "/usr/lib/a.so", "content");
    let other = "00000000000000000000000000000000  usr/lib/a.so\n";
    put(folder, "/var/lib/dpkg/info/a.md5sums", other);
    assert_eq!(owner(folder, "/usr/lib/a.so"), is("b", Some(true)));
}

#[test]
fn no_time_left_is_a_gap() {
    let folder = tempfile::tempdir().unwrap();
    host(folder.path(), &[("a", &["/usr/lib/a.so"])]);
    let root = Root::new(folder.path());
    let databases = Databases::read(&root, &Cover::default());
    let cover = Cover::new(Some(std::time::Duration::ZERO));
    assert_eq!(databases.owner(&root, "/usr/lib/a.so", &cover), None);
    assert_eq!(gaps(&cover), ["time-limit"]);
}

/// Paths of this host that packages own: each tenth library.
fn libraries() -> Vec<String> {
    let mut found = Vec::new();
    for folder in
        ["/usr/lib/x86_64-linux-gnu", "/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/bin"]
    {
        let Ok(entries) = std::fs::read_dir(folder) else { continue };
        let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        paths.retain(|path| path.is_file() && !path.is_symlink());
        paths.sort();
        found.extend(paths.iter().step_by(10).filter_map(|path| Some(path.to_str()?.to_owned())));
    }
    found
}

#[test]
fn the_owners_on_this_host_are_those_that_dpkg_tells() {
    let Some(query) = peer("dpkg-query") else { return };
    let (root, cover) = (Root::host(), Cover::default());
    let databases = Databases::read(&root, &cover);
    let mut paths = libraries();
    paths.truncate(300);
    let owners = databases.owners(&root, &paths, &cover);
    // dpkg knows one spelling only.
    let spellings = |path: &String| {
        [path.clone(), path.replacen("/usr", "", 1), format!("/usr{path}")].map(|s| s.replace("//", "/"))
    };
    // It fails where one of many is nobody's, and tells the others all the same.
    let told = Command::new(&query).arg("-S").args(paths.iter().flat_map(spellings)).output().unwrap();
    let told: BTreeMap<String, String> = String::from_utf8(told.stdout)
        .unwrap()
        .lines()
        .filter(|line| !line.starts_with("diversion"))
        .filter_map(|line| {
            line.rsplit_once(": ").map(|(packages, path)| (path.to_owned(), packages.to_owned()))
        })
        .collect();
    let mut compared = 0;
    for path in &paths {
        let told = spellings(path).iter().find_map(|spelling| told.get(spelling));
        let found = owners.get(path).map(|owner| owner.package.clone());
        match told {
            Some(told) => {
                let names: Vec<&str> = told.split(", ").map(|name| name.split(':').next().unwrap()).collect();
                assert!(
                    found.as_deref().is_some_and(|found| names.contains(&found)),
                    "{path}: {told} {found:?}"
                );
                compared += 1;
            }
            None => assert_eq!(found, None, "{path}"),
        }
    }
    if compared < 50 {
        return skipped("this host has too few libraries of packages");
    }
    let intact = owners.values().filter(|owner| owner.intact == Some(true)).count();
    assert!(
        intact * 10 > owners.len() * 9,
        "{intact} of {} are as their packages brought them",
        owners.len()
    );
}
