//! rpm's databases in formats and states that are written here; see `rpm_peers` for real ones.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant, SystemTime},
};

use proptest::prelude::*;

use super::{
    build::{Value, bdb, header, ndb, package, sqlite},
    gaps, put,
};
use crate::{
    host::{cover::Cover, packages::Databases, root::Root},
    model::host::Package,
};

const LIBRARY: &str = "/usr/lib64/libcrypto.so.3";

fn two() -> Vec<Vec<u8>> {
    let mut with_epoch = package("openssl-libs", "3.0.7", LIBRARY, "content");
    with_epoch.push((1003, Value::Numbers(vec![1])));
    // Large enough for a chain of several pages.
    with_epoch.push((1004, Value::Text("x".repeat(3000))));
    vec![
        header(&with_epoch),
        header(&[(1000, Value::Text("gpg-pubkey".into())), (1001, Value::Text("1".into()))]),
    ]
}

fn check(databases: &Databases, root: &Root, cover: &Cover) {
    let packages = databases.packages();
    let [key, libs] = packages.as_slice() else { panic!("{packages:?} {:?}", cover.coverage()) };
    assert_eq!(
        (key.name.as_str(), key.version.as_str(), key.source.as_str()),
        ("gpg-pubkey", "1", "gpg-pubkey")
    );
    assert_eq!(
        (libs.name.as_str(), libs.version.as_str(), libs.epoch),
        ("openssl-libs", "1:3.0.7-1.el9", Some(1))
    );
    assert_eq!((libs.source.as_str(), libs.source_version.as_ref(), libs.openssl), ("openssl", None, true));
    assert_eq!(libs.installed_at.unwrap().seconds(), "2023-11-14T22:13:20Z");
    put(root.base(), LIBRARY, "content");
    let owner = databases.owner(root, LIBRARY, cover).unwrap();
    assert_eq!((owner.package.as_str(), owner.intact), ("openssl-libs", Some(true)));
    put(root.base(), LIBRARY, "changed");
    assert_eq!(databases.owner(root, LIBRARY, cover).unwrap().intact, Some(false));
    assert!(databases.owner(root, "/usr/lib64/other", cover).is_none());
}

#[test]
fn ndb_and_bdb_are_read_wherever_they_lie() {
    let files =
        [("Packages.db", ndb(&two())), ("Packages", bdb(&two(), false)), ("Packages", bdb(&two(), true))];
    for (name, bytes) in files {
        for folder in ["/var/lib/rpm", "/usr/lib/sysimage/rpm", "/usr/share/rpm"] {
            let base = tempfile::tempdir().unwrap();
            put(base.path(), &format!("{folder}/{name}"), &bytes);
            let (root, cover) = (Root::new(base.path()), Cover::default());
            check(&Databases::read(&root, &cover), &root, &cover);
            assert!(cover.coverage().complete, "{:?}", cover.coverage());
        }
    }
}

#[test]
fn sqlite_is_read_with_its_log_and_left_as_it_was() {
    let base = tempfile::tempdir().unwrap();
    put(base.path(), "/var/lib/rpm/x", "");
    let folder = base.path().join("var/lib/rpm");
    let file = folder.join("rpmdb.sqlite");
    let open = sqlite(&file, &two());
    let state = |name: &str| {
        let meta = fs::metadata(folder.join(name)).unwrap();
        (fs::read(folder.join(name)).unwrap(), meta.modified().unwrap(), meta.permissions().mode())
    };
    let names = || {
        let mut names: Vec<_> = fs::read_dir(&folder).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before: Vec<_> = ["rpmdb.sqlite", "rpmdb.sqlite-wal", "rpmdb.sqlite-shm"].map(state).into();
    assert!(before[1].0.len() > 1000, "the packages are in the log only");
    let listed = names();
    let (root, cover) = (Root::new(base.path()), Cover::default());
    check(&Databases::read(&root, &cover), &root, &cover);
    assert!(cover.coverage().complete, "{:?}", cover.coverage());
    assert_eq!(before, ["rpmdb.sqlite", "rpmdb.sqlite-wal", "rpmdb.sqlite-shm"].map(state));
    assert_eq!(names(), listed);
    drop(open);
    // Other tests of this process may be at it: their copies go, too.
    let ours = format!(".allclear-{}-", std::process::id());
    let copies: Vec<_> = fs::read_dir(std::env::temp_dir())
        .unwrap()
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with(&ours))
        .collect();
    let start = Instant::now();
    while copies.iter().any(|copy| copy.exists()) {
        assert!(start.elapsed() < Duration::from_secs(20), "left behind: {copies:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_database_that_does_not_stand_still_is_a_gap() {
    let base = tempfile::tempdir().unwrap();
    put(base.path(), "/var/lib/rpm/Packages.db", ndb(&two()));
    let file = fs::File::options().write(true).open(base.path().join("var/lib/rpm/Packages.db")).unwrap();
    let stop = AtomicBool::new(false);
    let seen = std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut at = SystemTime::UNIX_EPOCH;
            while !stop.load(Ordering::Relaxed) {
                at += Duration::from_secs(1);
                file.set_modified(at).unwrap();
            }
        });
        let read = |_| {
            let cover = Cover::default();
            assert_eq!(Databases::read(&Root::new(base.path()), &cover).len(), 2);
            gaps(&cover) == ["changed-while-read"]
        };
        let seen = (0..2000).any(read);
        stop.store(true, Ordering::Relaxed);
        seen
    });
    assert!(seen);
    let cover = Cover::default();
    assert_eq!(Databases::read(&Root::new(base.path()), &cover).len(), 2);
    assert!(cover.coverage().complete);
}

#[test]
fn a_log_that_cannot_be_copied_is_a_gap() {
    let base = tempfile::tempdir().unwrap();
    put(base.path(), "/var/lib/rpm/x", "");
    let file = base.path().join("var/lib/rpm/rpmdb.sqlite");
    drop(sqlite(&file, &two()));
    fs::create_dir(base.path().join("var/lib/rpm/rpmdb.sqlite-wal")).unwrap();
    let (root, cover) = (Root::new(base.path()), Cover::default());
    assert_eq!(Databases::read(&root, &cover).len(), 2);
    assert_eq!(gaps(&cover), ["wal-unreadable"]);
}

#[test]
fn a_second_database_is_told_and_not_mixed_in() {
    let base = tempfile::tempdir().unwrap();
    put(base.path(), "/usr/lib/sysimage/rpm/Packages.db", ndb(&two()));
    put(base.path(), "/var/lib/rpm/Packages", bdb(&two()[..1], false));
    let (root, cover) = (Root::new(base.path()), Cover::default());
    assert_eq!(Databases::read(&root, &cover).len(), 2);
    assert_eq!(gaps(&cover), ["other-database"]);
    // A link from the old place to the new one is the same database.
    fs::remove_dir_all(base.path().join("var/lib/rpm")).unwrap();
    std::os::unix::fs::symlink("../../usr/lib/sysimage/rpm", base.path().join("var/lib/rpm")).unwrap();
    let cover = Cover::default();
    assert_eq!(Databases::read(&root, &cover).len(), 2);
    assert!(cover.coverage().complete);
}

#[test]
fn records_that_lie_are_gaps_and_the_others_are_read() {
    let lies: [(&str, Vec<(u32, Value)>); 4] = [
        ("folder", replace(1116, Value::Numbers(vec![7]))),
        ("fewer folders", replace(1116, Value::Numbers(vec![]))),
        ("folders of another type", replace(1118, Value::Text("/".into()))),
        ("names of another type", replace(1117, Value::Numbers(vec![1]))),
    ];
    for (what, tags) in lies {
        let (packages, cover) = read_ndb(&[header(&tags), two().remove(1)]);
        assert_eq!(packages.len(), 2, "{what}: the package itself is known");
        assert_eq!(gaps(&cover), ["bad-header"], "{what}");
    }
    let whole = header(&package("a", "1", LIBRARY, ""));
    let mut long = whole.clone();
    long[4..8].copy_from_slice(&u32::MAX.to_be_bytes());
    let mut many = whole.clone();
    many[0..4].copy_from_slice(&u32::MAX.to_be_bytes());
    let nameless = header(&[(1001, Value::Text("1".into()))]);
    for broken in [long, many, nameless, whole[..whole.len() - 1].to_vec(), Vec::new(), vec![0; 8]] {
        let (packages, cover) = read_ndb(&[broken, two().remove(1)]);
        assert_eq!(packages.len(), 1);
        assert_eq!(gaps(&cover), ["bad-header"]);
    }
}

#[test]
fn offsets_beyond_the_record_are_not_followed() {
    let whole = header(&package("a", "1", LIBRARY, ""));
    for entry in 0..12 {
        for field in [8, 12] {
            let mut lie = whole.clone();
            let at = 8 + entry * 16 + field;
            lie[at..at + 4].copy_from_slice(&0x7fff_fff0_u32.to_be_bytes());
            let (packages, _) = read_ndb(&[lie]);
            assert!(packages.len() <= 1);
        }
    }
}

#[test]
fn damaged_files_are_gaps() {
    let base = tempfile::tempdir().unwrap();
    let root = Root::new(base.path());
    let cut = |bytes: Vec<u8>| bytes[..bytes.len() - 600].to_vec();
    let cases = [
        ("Packages.db", b"nonsense".to_vec(), "bad-database"),
        ("Packages.db", cut(ndb(&two())), "bad-header"),
        ("Packages.db", ndb(&two())[..4000].to_vec(), "truncated"),
        ("Packages", vec![0; 4096], "bad-database"),
        ("Packages", cut(bdb(&two(), false)), "bad-header"),
        ("rpmdb.sqlite", b"SQLite format 3\0garbage".to_vec(), "bad-database"),
    ];
    for (name, bytes, word) in cases {
        let _ = fs::remove_dir_all(base.path().join("var"));
        put(base.path(), &format!("/var/lib/rpm/{name}"), bytes);
        let cover = Cover::default();
        let _ = Databases::read(&root, &cover);
        assert!(gaps(&cover).contains(&word.to_owned()), "{name} {word}: {:?}", cover.coverage().gaps);
    }
}

#[test]
fn a_view_in_place_of_the_table_is_not_run() {
    let base = tempfile::tempdir().unwrap();
    put(base.path(), "/var/lib/rpm/x", "");
    let connection = rusqlite::Connection::open(base.path().join("var/lib/rpm/rpmdb.sqlite")).unwrap();
    let endless = "CREATE VIEW Packages AS WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r)
        SELECT n AS hnum, randomblob(10) AS blob FROM r";
    connection.execute_batch(endless).unwrap();
    drop(connection);
    let cover = Cover::default();
    assert!(Databases::read(&Root::new(base.path()), &cover).is_empty());
    assert_eq!(gaps(&cover), ["bad-database"]);
}

#[test]
fn a_circle_of_pages_ends() {
    let mut bytes = bdb(&two(), false);
    for page in bytes.chunks_exact_mut(512).filter(|page| page[25] == 7) {
        let own = [page[8], page[9], page[10], page[11]];
        page[16..20].copy_from_slice(&own);
    }
    let base = tempfile::tempdir().unwrap();
    put(base.path(), "/var/lib/rpm/Packages", bytes);
    let cover = Cover::default();
    assert!(Databases::read(&Root::new(base.path()), &cover).len() <= 2);
    assert_eq!(gaps(&cover), ["bad-header"]);
}

fn replace(tag: u32, value: Value) -> Vec<(u32, Value)> {
    let mut tags = package("a", "1", LIBRARY, "");
    *tags.iter_mut().find(|(t, _)| *t == tag).unwrap() = (tag, value);
    tags
}

fn read_ndb(records: &[Vec<u8>]) -> (Vec<Package>, Cover) {
    let base = tempfile::tempdir().unwrap();
    put(base.path(), "/var/lib/rpm/Packages.db", ndb(records));
    let cover = Cover::default();
    (Databases::read(&Root::new(base.path()), &cover).packages(), cover)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_format_gives_back_what_was_written(
        names in prop::collection::btree_set("[a-z][a-z0-9+_.-]{0,12}", 1..8),
        version in "[0-9]{1,3}(\\.[0-9a-z~^]{1,4}){0,2}",
        filling in 0_usize..2000,
    ) {
        let records: Vec<Vec<u8>> = names
            .iter()
            .map(|name| {
                let mut tags = package(name, &version, &format!("/usr/lib64/{name}/lib.so"), name);
                tags.push((1004, Value::Text("y".repeat(filling))));
                header(&tags)
            })
            .collect();
        for (file, bytes) in [("Packages.db", ndb(&records)), ("Packages", bdb(&records, true))] {
            let base = tempfile::tempdir().unwrap();
            put(base.path(), &format!("/var/lib/rpm/{file}"), bytes);
            let (root, cover) = (Root::new(base.path()), Cover::default());
            let databases = Databases::read(&root, &cover);
            let found: Vec<String> = databases.packages().into_iter().map(|p| p.name).collect();
            prop_assert_eq!(&found, &names.iter().cloned().collect::<Vec<_>>());
            prop_assert!(cover.coverage().complete);
            let paths: Vec<String> = names.iter().map(|name| format!("/usr/lib64/{name}/lib.so")).collect();
            for (name, path) in names.iter().zip(&paths) {
                put(base.path(), path, name);
            }
            let owners = databases.owners(&root, &paths, &cover);
            for (name, path) in names.iter().zip(&paths) {
                prop_assert_eq!(&owners[path].package, name);
                prop_assert_eq!(owners[path].intact, Some(true));
            }
        }
    }
}
