//! What hosts said of themselves, as evidence.

use rusqlite::Connection;

use super::*;
use crate::model::host::{HostEvidence, Origin};

fn evidence(host: &str, text: &str) -> HostEvidence {
    HostEvidence {
        host: host.to_owned(),
        at: at(500),
        origin: Origin::DpkgQuery,
        source: "web01.txt".to_owned(),
        sha256: Sha256::of(text.as_bytes()),
        gzip: "H4sI".to_owned(),
        bytes: text.len() as u64,
    }
}

fn hosts(reader: &Reader) -> Vec<HostEvidence> {
    let mut all = Vec::new();
    reader.for_each_host(|e| all.push(e)).unwrap();
    all
}

#[test]
fn host_evidence_is_chained_with_the_rest_and_read_in_order() {
    let place = Place::new();
    let mut store = filled(&place, 2);
    let before = store.reader().unwrap().evidence().unwrap();
    store.append_hosts(&[evidence("web02", "b"), evidence("web01", "a")]).unwrap();
    store.append_claims(&[claim(600)]).unwrap();
    drop(store);
    let reader = Reader::open(&place.file()).unwrap();
    assert_eq!(hosts(&reader), [evidence("web02", "b"), evidence("web01", "a")]);
    // What sweeps and people said is what it was.
    let after = reader.evidence().unwrap();
    assert_eq!((after.observations, after.sweeps), (before.observations, before.sweeps));
    let report = reader.check_chain().unwrap();
    assert_eq!(report.broken_at, None);
}

#[test]
fn an_edited_host_shows() {
    let place = Place::new();
    let mut store = place.store();
    store.append_hosts(&[evidence("web01", "a")]).unwrap();
    drop(store);
    let connection = Connection::open(place.file()).unwrap();
    connection
        .execute_batch(
            "DROP TRIGGER evidence_is_never_updated;
             UPDATE evidence SET body = replace(body, 'web01', 'web02');",
        )
        .unwrap();
    connection.close().unwrap();
    assert_eq!(Reader::open(&place.file()).unwrap().check_chain().unwrap().broken_at, Some(1));
}
