//! What a user would notice of the incident file, by way of its public functions.

mod damage;
mod files;
mod hosts;
mod lists;
mod processes;

use std::{net::IpAddr, path::PathBuf, sync::Arc};

use super::*;
use crate::model::{
    claim::{Claim, Statement, Subject},
    facet::FacetKind,
    ids::{RowId, Sha256, SweepId},
    observation::{Attempt, Certificate, Contact, Observation, OtherKey, TlsFacts, TlsVersion},
    secret::Secret,
    service::{Declared, Service, Source},
    sweep::SweepState,
    time::Timestamp,
    wrap::{Transport, Wrap},
};

/// A folder of its own, and the incident file in it.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("incident.db")
    }

    fn store(&self) -> Store {
        Store::create_or_open(&self.file(), at(0), None).unwrap()
    }

    /// The names of all files in the folder.
    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

fn at(seconds: i64) -> Timestamp {
    "2026-11-22T14:00:00Z".parse::<Timestamp>().unwrap().plus_seconds(seconds)
}

fn octet(n: u32) -> u8 {
    u8::try_from(n % 256).unwrap()
}

fn new_sweep(services: u64) -> NewSweep {
    NewSweep {
        origin: None,
        started_at: at(1),
        vantage: Arc::from("local"),
        tool: "allclear 0.1.0".to_owned(),
        command_line: "allclear sweep hosts.csv".to_owned(),
        settings: serde_json::json!({"rate": 1000, "depth": "standard"}),
        inventory: Sha256::of(b"hosts.csv"),
        services,
        bad_rows: 2,
        disclosures: vec!["CVE-2014-0160".to_owned()],
    }
}

fn service(n: u32, declared: &Arc<Declared>, sources: &Arc<[Source]>) -> Service {
    let name: Arc<str> = Arc::from(format!("web{n:05}.example.test"));
    Service {
        row_id: RowId::derived(&name, 443, Transport::Tcp, Wrap::Tls, ""),
        name: (!n.is_multiple_of(3)).then_some(name),
        addresses: (0..n % 3).map(|i| IpAddr::from([127, 1, octet(i), octet(n)])).collect(),
        port: 443,
        transport: Transport::Tcp,
        wrap: Wrap::Tls,
        wrap_declared: n.is_multiple_of(2),
        sni: n.is_multiple_of(5).then(|| Arc::from("other.example.test")),
        id_declared: false,
        declared: declared.clone(),
        sources: sources.clone(),
    }
}

fn declared(owner: &str) -> Arc<Declared> {
    Arc::new(Declared {
        owner: Some(owner.to_owned()),
        tags: vec!["tier=1".to_owned()],
        ..Declared::default()
    })
}

fn source(line: u32) -> Arc<[Source]> {
    Arc::from([Source { format: Arc::from("csv"), file: Arc::from("hosts.csv"), line, path: None }])
}

fn observation(sweep: SweepId, n: u32, seconds: i64) -> Observation {
    let certificate = Certificate {
        sha256: Sha256::of(b"certificate"),
        spki_sha256: Some(Sha256::of(b"key")),
        serial: Some("0x0a".to_owned()),
        subject: Some("CN=\"\u{1b}[31mred\u{202e}".to_owned()),
        issuer: Some("CN=Example CA".to_owned()),
        not_before: Some(at(-86_400)),
        not_after: Some(at(86_400)),
        names: vec!["web.example.test".to_owned()],
        details: None,
    };
    Observation {
        sweep,
        row_id: RowId::declared(&format!("svc-{n}")),
        name: Some(Arc::from("web.example.test")),
        address: Some(IpAddr::from([127, 1, 0, octet(n)])),
        port: 443,
        transport: Transport::Tcp,
        wrap: Wrap::Tls,
        sni: Some(Arc::from("web.example.test")),
        vantage: Arc::from("local"),
        at: at(seconds),
        ms: 12.375,
        contact: Contact::Answered,
        skip: None,
        detail: None,
        tls: Some(TlsFacts {
            version: TlsVersion::Tls12,
            cipher: Arc::from("ECDHE-RSA-AES128-GCM-SHA256"),
            heartbeat_extension: Some(true),
            without_sni: false,
        }),
        certificate: Some(certificate.clone()),
        chain: vec![Sha256::of(b"ca")],
        other_keys: Some(vec![OtherKey {
            spki_sha256: Sha256::of(b"other key"),
            certificate: Some(certificate),
        }]),
        attempts: vec![Attempt::ended(Contact::Answered)],
        served: None,
        expectations: Vec::new(),
        software: Vec::new(),
        asked: Vec::new(),
        relay: None,
    }
}

fn claim(seconds: i64) -> Claim {
    Claim {
        through: Vec::new(),
        import: None,
        repeats: None,
        at: at(seconds),
        done_at: None,
        after_sweep: Some(SweepId(1)),
        by: "kim".to_owned(),
        subject: Subject::Service(RowId::declared("svc-1")),
        statement: Statement::FacetDone { facet: FacetKind::Patched },
        reference: Some("CHG-1".to_owned()),
        note: None,
    }
}

fn secret(id: &str, owner: &str) -> Secret {
    Secret {
        delivered_through: Vec::new(),
        checks: Vec::new(),
        id: id.to_owned(),
        kind: "C7".to_owned(),
        services: vec![RowId::declared("svc-1")],
        unresolved: vec!["nowhere".to_owned()],
        owner: Some(owner.to_owned()),
        location: Some("vault:web/session".to_owned()),
        issued_at: Some(at(-1)),
        runbook: None,
        implied: false,
        source: None,
    }
}

/// A finished sweep over `n` services with one observation each, and a claim.
fn filled(place: &Place, n: u32) -> Store {
    let mut store = place.store();
    let services: Vec<Service> = (1..=n).map(|i| service(i, &declared("web"), &source(i))).collect();
    let sweep = store.begin_sweep(&new_sweep(u64::from(n))).unwrap();
    store.put_services(sweep, &mut services.iter()).unwrap();
    store.put_secrets(sweep, &[secret("session-key", "web")]).unwrap();
    let observations: Vec<Observation> = (1..=n).map(|i| observation(sweep, i, i64::from(i))).collect();
    store.append_observations(&observations).unwrap();
    store.record_calibration(sweep, true, at(50)).unwrap();
    store.finish_sweep(sweep, SweepState::Finished, at(100)).unwrap();
    store.append_claims(&[claim(200)]).unwrap();
    store
}

#[test]
fn what_was_stored_comes_back_equal() {
    let place = Place::new();
    let store = filled(&place, 3);
    let head = store.head();
    drop(store);

    let reader = Reader::open(&place.file()).unwrap();
    let evidence = reader.evidence().unwrap();
    let expected: Vec<Observation> = (1..=3).map(|i| observation(SweepId(1), i, i64::from(i))).collect();
    assert_eq!(evidence.observations, expected);
    assert_eq!(evidence.claims, [claim(200)]);
    assert_eq!(evidence.secrets, [secret("session-key", "web")]);
    assert_eq!(evidence.services.len(), 3);
    assert_eq!(evidence.incident.name, "incident");
    assert_eq!(evidence.incident.created_at, at(0));
    assert_eq!(evidence.incident.disclosures, ["CVE-2014-0160"]);
    // Begun, three observations, calibration, end, claim.
    assert_eq!(evidence.incident.evidence_rows, 7);
    assert_eq!(evidence.incident.chain_head, head);
    let [sweep] = &evidence.sweeps[..] else { panic!("one sweep, not {:?}", evidence.sweeps) };
    assert_eq!((sweep.id, sweep.state), (SweepId(1), SweepState::Finished));
    assert_eq!((sweep.services, sweep.bad_rows), (3, 2));
    assert_eq!(sweep.calibrated, Some(true));
    assert_eq!(sweep.finished_at, Some(at(100)));
    assert_eq!(sweep.settings["rate"], 1000);
}

#[test]
fn a_reopened_file_goes_on_where_it_was() {
    let place = Place::new();
    drop(filled(&place, 2));
    let mut store = Store::create_or_open(&place.file(), at(999), None).unwrap();
    let sweep = store.begin_sweep(&new_sweep(0)).unwrap();
    assert_eq!(sweep, SweepId(2));
    let reader = store.reader().unwrap();
    let report = reader.check_chain().unwrap();
    assert_eq!((report.rows, report.broken_at), (7, None), "{report:?}");
    assert_eq!(reader.incident().unwrap().created_at, at(0));
}

#[test]
fn a_reader_sees_what_the_writer_committed_and_only_that() {
    let place = Place::new();
    let mut store = place.store();
    let reader = Reader::open(&place.file()).unwrap();
    let sweep = store.begin_sweep(&new_sweep(0)).unwrap();
    for n in 1..=5 {
        store.append_observations(&[observation(sweep, n, 1)]).unwrap();
        assert_eq!(reader.evidence().unwrap().observations.len(), n as usize, "after commit {n}");
    }
    let mut odd = observation(sweep, 7, 1);
    odd.ms = f64::NAN;
    let error = store.append_observations(&[observation(sweep, 6, 1), odd]).unwrap_err();
    assert!(matches!(error, Error::Unstorable { .. }), "{error}");
    assert_eq!(reader.evidence().unwrap().observations.len(), 5);
}

#[test]
fn the_end_that_was_recorded_last_counts() {
    let place = Place::new();
    let mut store = place.store();
    let reader = store.reader().unwrap();
    assert_eq!(reader.unfinished_sweep().unwrap(), None);
    let sweep = store.begin_sweep(&new_sweep(0)).unwrap();
    store.put_services(sweep, &mut [].iter()).unwrap();
    let table = [
        (None, Some(SweepState::Running)),
        (Some(SweepState::Interrupted), Some(SweepState::Interrupted)),
        (Some(SweepState::Failed), None),
        (Some(SweepState::Interrupted), Some(SweepState::Interrupted)),
        (Some(SweepState::Finished), None),
    ];
    for (end, expected) in table {
        if let Some(state) = end {
            store.finish_sweep(sweep, state, at(5)).unwrap();
        }
        let found = reader.unfinished_sweep().unwrap();
        assert_eq!(found.map(|s| s.state), expected, "after {end:?}");
    }
}

#[test]
fn only_the_last_sweep_can_be_continued() {
    let place = Place::new();
    let mut store = place.store();
    let first = store.begin_sweep(&new_sweep(0)).unwrap();
    store.finish_sweep(first, SweepState::Interrupted, at(5)).unwrap();
    let second = store.begin_sweep(&new_sweep(0)).unwrap();
    store.finish_sweep(second, SweepState::Finished, at(6)).unwrap();
    assert_eq!(store.reader().unwrap().unfinished_sweep().unwrap(), None);
}

#[test]
fn an_endpoint_whose_look_was_ours_to_lose_is_looked_at_again() {
    let place = Place::new();
    let mut store = place.store();
    let earlier = store.begin_sweep(&new_sweep(0)).unwrap();
    store.append_observations(&[observation(earlier, 9, 1)]).unwrap();
    let sweep = store.begin_sweep(&new_sweep(0)).unwrap();
    let contacts =
        [Contact::Answered, Contact::Interrupted, Contact::LocalError, Contact::Refused, Contact::Skipped];
    let mut observations: Vec<Observation> = contacts
        .iter()
        .zip(1..)
        .map(|(contact, n)| Observation { contact: *contact, ..observation(sweep, n, 1) })
        .collect();
    observations.push(Observation { address: None, contact: Contact::DnsFailed, ..observation(sweep, 6, 1) });
    store.append_observations(&observations).unwrap();
    let seen =
        |n: u32, address: Option<[u8; 4]>| (RowId::declared(&format!("svc-{n}")), address.map(IpAddr::from));
    let expected = [
        seen(1, Some([127, 1, 0, 1])),
        seen(4, Some([127, 1, 0, 4])),
        seen(5, Some([127, 1, 0, 5])),
        seen(6, None),
    ];
    let observed = store.reader().unwrap().observed(sweep).unwrap();
    assert_eq!(observed.into_iter().collect::<Vec<_>>(), expected);
}

#[test]
fn the_addresses_of_the_last_look_replace_those_before() {
    let place = Place::new();
    let mut store = place.store();
    let to = |sweep, n, address: Option<[u8; 4]>| Observation {
        address: address.map(IpAddr::from),
        ..observation(sweep, n, 1)
    };
    let first = store.begin_sweep(&new_sweep(0)).unwrap();
    store
        .append_observations(&[
            to(first, 1, Some([127, 0, 0, 1])),
            to(first, 1, Some([127, 0, 0, 2])),
            to(first, 2, Some([127, 0, 0, 9])),
        ])
        .unwrap();
    let second = store.begin_sweep(&new_sweep(0)).unwrap();
    store.append_observations(&[to(second, 1, Some([127, 0, 0, 3])), to(second, 2, None)]).unwrap();
    let last = store.reader().unwrap().last_addresses(None).unwrap();
    let of = |n: u32| last.get(&RowId::declared(&format!("svc-{n}"))).cloned().unwrap_or_default();
    assert_eq!(of(1), [IpAddr::from([127, 0, 0, 3])]);
    // A name that has no address today keeps the ones it had.
    assert_eq!(of(2), [IpAddr::from([127, 0, 0, 9])]);
    assert_eq!(of(3), [] as [IpAddr; 0]);
    // A sweep that goes on asks for what was there before it began, not for the half that it has seen itself.
    let before = store.reader().unwrap().last_addresses(Some(second)).unwrap();
    let all = [IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2])];
    assert_eq!(before.get(&RowId::declared("svc-1")).map(Vec::as_slice), Some(&all[..]));
}

#[test]
fn incident_disclosures_are_those_of_all_sweeps_in_order() {
    let place = Place::new();
    let mut store = place.store();
    for ids in [&["CVE-2014-0160"][..], &["CVE-2022-3602", "CVE-2014-0160"]] {
        let mut new = new_sweep(0);
        new.disclosures = ids.iter().map(|id| (*id).to_owned()).collect();
        store.begin_sweep(&new).unwrap();
    }
    let incident = store.reader().unwrap().incident().unwrap();
    assert_eq!(incident.disclosures, ["CVE-2014-0160", "CVE-2022-3602"]);
}
