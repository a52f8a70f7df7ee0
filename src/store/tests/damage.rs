//! Tampering, and rows that cannot be read.

use rusqlite::Connection;

use super::*;

/// A connection around the store, as a forger would use it.
fn raw(place: &Place) -> Connection {
    Connection::open(place.file()).unwrap()
}

fn without_triggers(place: &Place) -> Connection {
    let raw = raw(place);
    raw.execute_batch(
        "DROP TRIGGER evidence_is_never_updated; DROP TRIGGER evidence_is_never_deleted;
         DROP TRIGGER evidence_is_only_appended;",
    )
    .unwrap();
    raw
}

#[test]
fn evidence_cannot_be_changed_by_sql() {
    let place = Place::new();
    drop(filled(&place, 3));
    let raw = raw(&place);
    let table = [
        "UPDATE evidence SET body = '{}' WHERE id = 2",
        "UPDATE evidence SET sweep = 9",
        "DELETE FROM evidence WHERE id = 2",
        "DELETE FROM evidence",
        "INSERT OR REPLACE INTO evidence SELECT * FROM evidence WHERE id = 2",
        "REPLACE INTO evidence (id, kind, at, body, hash) VALUES (2, 'claim', '', '{}', x'00')",
        "INSERT INTO evidence (id, kind, at, body, hash) VALUES (99, 'claim', '', '{}', x'00')",
    ];
    for sql in table {
        let error = raw.execute_batch(sql).unwrap_err().to_string();
        assert!(error.contains("evidence is append-only"), "{sql}: {error}");
    }
    let report = Reader::open(&place.file()).unwrap().check_chain().unwrap();
    assert_eq!((report.rows, report.broken_at), (7, None), "{report:?}");
}

#[test]
fn every_edit_is_found_at_its_row() {
    let table = [
        ("UPDATE evidence SET body = replace(body, 'answered', 'refused') WHERE id = 3", 3, "hash"),
        ("UPDATE evidence SET kind = 'claim' WHERE id = 2", 2, "hash"),
        ("UPDATE evidence SET hash = zeroblob(32) WHERE id = 4", 4, "hash"),
        ("UPDATE evidence SET hash = 'text' WHERE id = 4", 4, "hash"),
        ("DELETE FROM evidence WHERE id = 3", 3, "missing"),
        ("DELETE FROM evidence WHERE id = 1", 1, "missing"),
        ("UPDATE evidence SET sweep = 2 WHERE id = 3", 3, "columns"),
        ("UPDATE evidence SET sweep = 'x' WHERE id = 3", 3, "columns"),
        ("UPDATE evidence SET row_id = 'svc-9' WHERE id = 3", 3, "columns"),
        ("UPDATE evidence SET at = '2014-04-07' WHERE id = 7", 7, "columns"),
        ("UPDATE evidence SET body = CAST(body AS BLOB) WHERE id = 5", 5, "not text"),
        (
            "UPDATE evidence SET id = 100 WHERE id = 2; UPDATE evidence SET id = 2 WHERE id = 3;
             UPDATE evidence SET id = 3 WHERE id = 100",
            2,
            "hash",
        ),
    ];
    for (sql, row, why) in table {
        let place = Place::new();
        drop(filled(&place, 3));
        without_triggers(&place).execute_batch(sql).unwrap();
        let report = Reader::open(&place.file()).unwrap().check_chain().unwrap();
        assert_eq!(report.broken_at, Some(row), "{sql}: {report:?}");
        assert!(report.fault.unwrap_or_default().contains(why), "{sql}: {report:?}");
    }
}

#[test]
fn rows_cut_off_at_the_end_show_in_the_head() {
    let place = Place::new();
    let head = filled(&place, 3).head();
    without_triggers(&place).execute_batch("DELETE FROM evidence WHERE id = 7").unwrap();
    let report = Reader::open(&place.file()).unwrap().check_chain().unwrap();
    assert_eq!(report.broken_at, None);
    assert_ne!(report.head, head);
}

#[test]
fn the_head_is_the_documented_hash() {
    let place = Place::new();
    let mut store = place.store();
    assert_eq!(store.head(), Sha256::of(b"allclear/evidence/1"));
    store.append_claims(&[claim(1)]).unwrap();
    let secret: Vec<u8> = Connection::open(place.file())
        .unwrap()
        .query_row("SELECT secret FROM commitments", [], |row| row.get(0))
        .unwrap();
    let mut salted = b"allclear/salt/1".to_vec();
    salted.extend(1_u64.to_be_bytes());
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &secret);
    let mut committed = b"allclear/commitment/1\0".to_vec();
    committed.extend(ring::hmac::sign(&key, &salted).as_ref());
    committed.extend(serde_json::to_vec(&claim(1)).unwrap());
    let mut text = b"allclear/row/2\0".to_vec();
    text.extend(Sha256::of(b"allclear/evidence/1").bytes());
    text.extend(b"claim\0");
    text.extend(format!("{{\"at\":\"{}\"}}\0", claim(1).at).bytes());
    text.extend(Sha256::of(&committed).bytes());
    assert_eq!(store.head(), Sha256::of(&text));
}

#[test]
fn a_row_that_cannot_be_read_is_named_and_never_skipped() {
    let good = serde_json::to_string(&observation(SweepId(1), 1, 1)).unwrap();
    let table = [
        ("observation", "{".to_owned()),
        ("observation", "null".to_owned()),
        ("observation", good.replace("answered", "\\u001b[2Jfine")),
        ("observation", good.replace("12.375", "null")),
        ("observation", good.replace("s0001", "s99999999999")),
        ("observation", format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000))),
        ("claim", good),
        ("sweep-ended", "{\"sweep\":\"s0007\",\"at\":\"2026-11-22\",\"state\":\"finished\"}".to_owned()),
        ("sweep-begun", "{}".to_owned()),
        ("\u{1b}[31mnothing", "{}".to_owned()),
    ];
    for (kind, body) in table {
        let place = Place::new();
        drop(filled(&place, 3));
        raw(&place)
            .execute(
                "INSERT INTO evidence (id, kind, sweep, at, body, hash) VALUES (8, ?1, 1, '', ?2, zeroblob(32))",
                (kind, &body),
            )
            .unwrap();
        let error = Reader::open(&place.file()).unwrap().evidence().unwrap_err();
        let text = error.to_string();
        let shown: String = body.chars().take(60).collect();
        assert!(matches!(error, Error::Row { table: "evidence", row: 8, .. }), "{kind} {shown}: {text}");
        assert!(text.contains("row 8 of table evidence"), "{text}");
        assert!(!text.chars().any(char::is_control), "{kind} {shown}: {text:?}");
    }
}

#[test]
fn damaged_lists_are_named_too() {
    let table = [
        ("UPDATE services SET body = '{}' WHERE id = 2", "row 2 of table services"),
        ("UPDATE services SET body = x'00' WHERE id = 2", "row 2 of table services"),
        ("UPDATE services SET declared = 'x' WHERE id = 2", "row 2 of table services"),
        ("UPDATE services SET sources = 77 WHERE id = 2", "row 77 of table declarations"),
        ("UPDATE declarations SET body = '[1]' WHERE id = 1", "row 1 of table declarations"),
        ("UPDATE secrets SET body = '{\"id\":1}'", "row 1 of table secrets"),
        ("UPDATE incident SET created_at = 'yesterday\u{7}'", "row 1 of table incident"),
    ];
    for (sql, expected) in table {
        let place = Place::new();
        drop(filled(&place, 3));
        let raw = raw(&place);
        raw.pragma_update(None, "foreign_keys", false).unwrap();
        raw.execute_batch(sql).unwrap();
        let text = Reader::open(&place.file()).unwrap().evidence().unwrap_err().to_string();
        assert!(text.contains(expected), "{sql}: {text}");
        assert!(!text.chars().any(char::is_control), "{sql}: {text:?}");
    }
}

#[test]
fn a_torn_file_is_an_error_and_no_panic() {
    let place = Place::new();
    drop(filled(&place, 3));
    let whole = std::fs::read(place.file()).unwrap();
    let table = [
        ("cut in half", whole[..whole.len() / 2].to_vec()),
        ("one page", whole[..4096].to_vec()),
        ("cut in the header", whole[..60].to_vec()),
        ("noise after the header", {
            let mut torn = whole.clone();
            torn[100..].iter_mut().for_each(|byte| *byte ^= 0xa5);
            torn
        }),
    ];
    for (what, bytes) in table {
        std::fs::write(place.file(), bytes).unwrap();
        let result = Reader::open(&place.file()).and_then(|reader| reader.evidence().map(drop));
        assert!(result.is_err(), "{what}");
        assert!(Store::open(&place.file()).and_then(|s| s.reader()?.evidence().map(drop)).is_err(), "{what}");
    }
}

#[test]
fn hostile_bodies_do_not_upset_the_reader() {
    let bodies =
        [serde_json::to_vec(&observation(SweepId(1), 1, 1)).unwrap(), serde_json::to_vec(&claim(1)).unwrap()];
    for (kind, body) in (0_u8..).zip(&bodies) {
        let mut data = vec![kind];
        data.extend(body);
        for place in 1..data.len() {
            for value in [0, b'"', b'}', b'9', 0xff] {
                let mut changed = data.clone();
                changed[place] = value;
                fuzz(&changed);
            }
            fuzz(&data[..place]);
        }
    }
    fuzz(&[]);
}

#[test]
fn the_fuzzers_seeds_are_real_bodies() {
    let table: [(Kind, &[u8]); 5] = [
        (Kind::Observation, include_bytes!("../../../fuzz/seeds/s-observation")),
        (Kind::Claim, include_bytes!("../../../fuzz/seeds/s-claim")),
        (Kind::SweepBegun, include_bytes!("../../../fuzz/seeds/s-sweep-begun")),
        (Kind::SweepEnded, include_bytes!("../../../fuzz/seeds/s-sweep-ended")),
        (Kind::Calibration, include_bytes!("../../../fuzz/seeds/s-calibration")),
    ];
    for (kind, seed) in table {
        assert_eq!(Kind::ALL.get(usize::from(seed[1])), Some(&kind), "the byte that picks {kind}");
        let body = std::str::from_utf8(&seed[2..]).unwrap();
        let columns = crate::store::chain::columns_of(kind, body);
        assert!(columns.is_ok(), "{kind}: {columns:?}");
        fuzz(&seed[1..]);
    }
}

/// What a full disk or a kill in the middle of a checkpoint leaves: a first page that counts more pages than
/// the file has, and a log that has them all.
#[test]
fn a_checkpoint_that_was_cut_off_loses_nothing() {
    let place = Place::new();
    let mut store = place.store();
    let services: Vec<Service> = (1..=300).map(|i| service(i, &declared("web"), &source(i))).collect();
    let sweep = store.begin_sweep(&new_sweep(300)).unwrap();
    store.put_services(sweep, &mut services.iter()).unwrap();
    let seen: Vec<Observation> = (1..=300).map(|i| observation(sweep, i, i64::from(i))).collect();
    store.append_observations(&seen).unwrap();
    let copy = Place::new();
    for name in ["incident.db", "incident.db-wal"] {
        std::fs::copy(place.folder.path().join(name), copy.folder.path().join(name)).unwrap();
    }
    let rows = store.reader().unwrap().incident().unwrap().evidence_rows;
    drop(store);
    let whole = std::fs::read(place.file()).unwrap();
    let mut torn = std::fs::read(copy.file()).unwrap();
    assert!(torn.len() < whole.len(), "the log holds more than the file");
    torn[..4096].copy_from_slice(&whole[..4096]);
    std::fs::write(copy.file(), &torn).unwrap();
    let reader = Reader::open(&copy.file()).expect("the log makes it whole");
    assert_eq!(reader.incident().unwrap().evidence_rows, rows);
    assert_eq!(reader.check_chain().unwrap().broken_at, None);
}
