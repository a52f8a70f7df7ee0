//! Counting along a file that grows.

use serde_json::Value;

use super::*;
use crate::{
    model::{ids::SweepId, sweep::SweepState},
    store::{NewSweep, Store},
};

/// More than two pages of a look.
const ROWS: u32 = 20_000;

fn begin(store: &mut Store) -> SweepId {
    let new = NewSweep {
        origin: None,
        started_at: Timestamp::from_seconds(1),
        vantage: Arc::from("test"),
        tool: "test".to_owned(),
        command_line: "test".to_owned(),
        settings: serde_json::json!({}),
        inventory: Sha256::of(b""),
        services: 0,
        bad_rows: 0,
        disclosures: vec!["CVE-2014-0160".to_owned()],
    };
    store.begin_sweep(&new).unwrap()
}

fn row(sweep: SweepId, n: u32) -> Observation {
    let body = serde_json::json!({
        "sweep": sweep.to_string(), "row_id": format!("svc-{n}"), "address": "127.0.0.1", "port": 443,
        "transport": "tcp", "wrap": "tls", "vantage": "test", "at": "2026-11-22T14:00:00Z", "ms": 1.0,
        "contact": "refused",
    });
    serde_json::from_value(body).unwrap()
}

fn incident(path: &Path) -> Incident {
    let render = Box::new(|| Err(Error::Internal("no page here".to_owned())));
    Incident::open(path, Choice::default(), render).unwrap()
}

fn progress(incident: &Incident) -> (Value, String) {
    let progress = incident.progress().unwrap();
    (serde_json::from_str(&progress.json).unwrap(), progress.mark)
}

#[test]
fn counts_grow_with_the_file_and_begin_anew_with_each_sweep() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("incident.db");
    let mut store = Store::create_or_open(&path, Timestamp::from_seconds(0), None).unwrap();
    let incident = incident(&path);
    assert_eq!(progress(&incident).0, serde_json::json!({}));
    let sweep = begin(&mut store);
    let expect = |sweep: &str, state: &str, done: u32| {
        let (found, mark) = progress(&incident);
        let parts = (&found["sweep"], &found["state"], &found["done"], &found["unknown"]);
        assert_eq!(parts, (&sweep.into(), &state.into(), &done.into(), &done.into()), "{found}");
        mark
    };
    expect("s0001", "running", 0);
    let rows: Vec<Observation> = (0..ROWS).map(|n| row(sweep, n)).collect();
    store.append_observations(&rows).unwrap();
    let mark = expect("s0001", "running", ROWS);
    assert_eq!(mark, store.head().to_string());
    assert_eq!(mark, expect("s0001", "running", ROWS));
    store.append_observations(&rows[..1]).unwrap();
    assert_ne!(mark, expect("s0001", "running", ROWS + 1));
    store.finish_sweep(sweep, SweepState::Finished, Timestamp::from_seconds(9)).unwrap();
    expect("s0001", "finished", ROWS + 1);

    let sweep = begin(&mut store);
    expect("s0002", "running", 0);
    store.append_observations(&[row(sweep, 1)]).unwrap();
    store.finish_sweep(sweep, SweepState::Interrupted, Timestamp::from_seconds(9)).unwrap();
    expect("s0002", "interrupted", 1);
    // Somebody who comes now counts the same.
    assert_eq!(progress(&self::incident(&path)).0, progress(&incident).0);
    drop(store);
    assert_eq!(incident.page().unwrap_err(), "internal error: no page here");
}
