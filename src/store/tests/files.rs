//! What stands at the path: nothing, something else, something newer, something older.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
};

use rusqlite::Connection;

use super::*;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_missing_file_says_what_to_do() {
    let place = Place::new();
    let missing = place.folder.path().join("no/such/incident.db");
    for path in [place.file(), missing.clone()] {
        for error in [Store::open(&path).unwrap_err(), Reader::open(&path).unwrap_err()] {
            let text = error.to_string();
            assert!(
                text.starts_with("no incident file at ")
                    && text.contains("incident.db: run `allclear sweep INVENTORY`"),
                "{text}"
            );
        }
    }
    assert!(place.names().is_empty(), "{:?}", place.names());
    let error = Store::create_or_open(&missing, at(0), None).unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error}");
}

#[test]
fn the_name_is_the_stem_unless_told_otherwise() {
    let place = Place::new();
    let other = place.folder.path().join("other.db");
    let store = Store::create_or_open(&other, at(0), Some("heartbleed")).unwrap();
    assert_eq!(store.reader().unwrap().incident().unwrap().name, "heartbleed");
    drop(store);
    let store = Store::create_or_open(&other, at(0), Some("\u{1b}other")).unwrap();
    let [notice] = store.notices() else { panic!("one notice, not {:?}", store.notices()) };
    assert!(notice.contains("`heartbleed`") && notice.contains("\\x1Bother"), "{notice}");
}

#[test]
fn other_files_are_refused_and_left_as_they_are() {
    let place = Place::new();
    let foreign = place.folder.path().join("foreign.db");
    let connection = Connection::open(&foreign).unwrap();
    connection
        .execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (x); INSERT INTO t VALUES (1);")
        .unwrap();
    connection.close().unwrap();
    let text = place.folder.path().join("hosts.csv");
    fs::write(&text, "name,port\nweb01.example.test,443\n").unwrap();
    let long = place.folder.path().join("long");
    fs::write(&long, vec![b'x'; 10_000]).unwrap();
    let names = place.names();
    for path in [foreign, text, long] {
        let before = fs::read(&path).unwrap();
        let errors = [
            Store::create_or_open(&path, at(0), None).unwrap_err(),
            Store::open(&path).unwrap_err(),
            Reader::open(&path).unwrap_err(),
        ];
        for error in errors {
            assert!(matches!(error, Error::Foreign { .. }), "{}: {error}", path.display());
        }
        assert_eq!(fs::read(&path).unwrap(), before, "{}", path.display());
    }
    assert_eq!(place.names(), names);
}

#[test]
fn what_is_no_file_is_refused() {
    let place = Place::new();
    let dangling = place.folder.path().join("dangling.db");
    symlink(place.folder.path().join("nowhere"), &dangling).unwrap();
    let table = [
        (place.folder.path().to_path_buf(), "a folder"),
        (dangling, "a symbolic link that leads nowhere"),
        (PathBuf::from("/dev/null"), "no regular file"),
        (place.folder.path().join(".."), "a folder"),
    ];
    for (path, what) in table {
        let errors =
            [Store::create_or_open(&path, at(0), None).unwrap_err(), Reader::open(&path).unwrap_err()];
        for error in errors {
            assert!(error.to_string().contains(what), "{}: {error}", path.display());
        }
    }
}

#[test]
fn an_empty_file_becomes_an_incident_file_but_cannot_be_read_as_one() {
    let place = Place::new();
    fs::write(place.file(), "").unwrap();
    let error = Reader::open(&place.file()).unwrap_err();
    assert!(matches!(error, Error::Foreign { .. }), "{error}");
    drop(place.store());
    assert_eq!(Reader::open(&place.file()).unwrap().incident().unwrap().name, "incident");
}

#[test]
fn a_newer_file_is_refused_with_both_numbers() {
    let place = Place::new();
    drop(place.store());
    let connection = Connection::open(place.file()).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    connection.close().unwrap();
    let before = fs::read(place.file()).unwrap();
    let errors = [
        Store::create_or_open(&place.file(), at(0), None).unwrap_err(),
        Store::open(&place.file()).unwrap_err(),
        Reader::open(&place.file()).unwrap_err(),
    ];
    for error in errors {
        let text = error.to_string();
        assert!(text.contains("schema 99") && text.contains("up to 6"), "{text}");
    }
    assert_eq!(fs::read(place.file()).unwrap(), before);
}

/// The file as the first release made it, as SQL text. It has to open for as long as allclear exists.
const SCHEMA_1: &str = include_str!("schema-1.sql");

#[test]
fn a_file_of_schema_1_opens() {
    let place = Place::new();
    Connection::open(place.file()).unwrap().execute_batch(SCHEMA_1).unwrap();
    // For reading first, so that a reader alone copes with an old file.
    let evidence = Reader::open(&place.file()).unwrap().evidence().unwrap();
    assert_eq!(evidence.observations.len(), 2);
    assert_eq!(evidence.observations[0], observation(SweepId(1), 1, 1));
    assert_eq!(evidence.claims, [claim(200)]);
    assert_eq!(evidence.services.len(), 2);
    assert_eq!(evidence.secrets, [secret("session-key", "web")]);
    assert_eq!(evidence.sweeps[0].finished_at, Some(at(100)));

    let mut store = Store::open(&place.file()).unwrap();
    store.append_claims(&[claim(300)]).unwrap();
    let report = store.reader().unwrap().check_chain().unwrap();
    assert_eq!((report.rows, report.broken_at), (7, None), "{report:?}");
}

/// The tables of schema 2 are those of schema 1; what it may hold more is read as today's is.
#[test]
fn a_file_of_schema_2_opens() {
    let place = Place::new();
    let connection = Connection::open(place.file()).unwrap();
    connection.execute_batch(SCHEMA_1).unwrap();
    connection.execute_batch("PRAGMA user_version = 2").unwrap();
    drop(connection);
    assert!(Reader::open(&place.file()).unwrap().disclosures().unwrap().is_empty());
    let mut store = Store::open(&place.file()).unwrap();
    store.append_claims(&[claim(300)]).unwrap();
    assert_eq!(store.reader().unwrap().check_chain().unwrap().broken_at, None);
}

#[test]
fn links_and_wide_permissions_are_told_and_not_changed() {
    let place = Place::new();
    drop(place.store());
    let link = place.folder.path().join("link.db");
    symlink(place.file(), &link).unwrap();
    assert!(Reader::open(&place.file()).unwrap().notices().is_empty());

    fs::set_permissions(place.file(), fs::Permissions::from_mode(0o644)).unwrap();
    let store = Store::open(&link).unwrap();
    let [is_link, is_wide] = store.notices() else { panic!("two notices, not {:?}", store.notices()) };
    assert!(is_link.contains("is a link to"), "{is_link}");
    assert!(is_wide.contains("mode 0644") && is_wide.contains("chmod 600"), "{is_wide}");
    assert_eq!(mode(&place.file()), 0o644);
    // One file, one lock, whatever it is called.
    let error = Store::open(&place.file()).unwrap_err();
    assert!(matches!(error, Error::Locked { .. }), "{error}");
}

#[test]
fn odd_names_work() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a b.db", "100%.db", "what?.db", "a#b.db", "file:x.db", "ümläut.db", "q'uo\"te.db", "%41.db"]
    {
        let path = folder.path().join(name);
        let mut store = Store::create_or_open(&path, at(0), None).unwrap();
        store.append_claims(&[claim(1)]).unwrap();
        drop(store);
        let claims = Reader::open(&path).unwrap().evidence().unwrap().claims;
        assert_eq!(claims.len(), 1, "name: {name}");
        assert!(path.exists(), "name: {name}");
    }
}

#[test]
fn the_log_is_folded_in_when_the_last_one_closes() {
    let place = Place::new();
    drop(filled(&place, 3));
    assert_eq!(place.names(), ["incident.db"]);
}

#[test]
fn a_half_made_file_of_an_earlier_try_is_no_obstacle() {
    let place = Place::new();
    fs::write(place.folder.path().join("incident.db-new"), "half").unwrap();
    drop(place.store());
    assert_eq!(place.names(), ["incident.db"]);
    assert_eq!(mode(&place.file()), 0o600);
}
