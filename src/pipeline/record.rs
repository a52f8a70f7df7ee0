//! The recorder: takes observations off the probing threads, commits them in batches, and only then
//! judges, prints and counts them. Until the calibration has passed it holds everything back.

use std::{
    collections::{BTreeMap, HashSet},
    io::Write,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::{mpsc, oneshot};

use crate::{
    assess,
    error::Error,
    model::{
        disclosure::Disclosure,
        ids::Sha256,
        observation::Observation,
        policy::Policy,
        revocation::{Issuer, RevocationStatus},
        service::Service,
        sweep::SweepState,
        verdict::{Reason, Verdict},
    },
    probe::Looked,
    report,
    store::Store,
};

use super::revocations;

/// How long a batch may gather before it is committed (DESIGN: at most 100 ms).
const GATHER: Duration = Duration::from_millis(20);
/// Rows of one batch at the most.
const BATCH: usize = 4096;
/// Vulnerable endpoints that are kept by name for progress and summary.
const NAMED: usize = 50;

/// What a running sweep shows: counts of endpoints.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Endpoints that have their row.
    pub done: u64,
    /// Endpoints by verdict.
    pub verdicts: BTreeMap<Verdict, u64>,
    /// Endpoints by reason.
    pub reasons: BTreeMap<Reason, u64>,
    /// Foreign bytes counted.
    pub foreign_bytes: u64,
    /// The first vulnerable endpoints, as `name:port (address)`.
    pub vulnerable: Vec<String>,
}

impl Counts {
    /// Endpoints with one verdict.
    pub fn of(&self, verdict: Verdict) -> u64 {
        self.verdicts.get(&verdict).copied().unwrap_or(0)
    }

    /// Endpoints that nobody could judge: inconclusive, unreachable or skipped.
    pub fn unknown(&self) -> u64 {
        self.of(Verdict::Inconclusive) + self.of(Verdict::Unreachable) + self.of(Verdict::Skipped)
    }
}

/// Shows how far a sweep has come.
pub trait Progress: Send + Sync {
    /// Called after every commit. `total` is the number of services: names may bring more endpoints.
    fn update(&self, counts: &Counts, total: u64, elapsed: Duration);
    /// A message that must not be lost between progress lines.
    fn note(&self, text: &str);
}

/// Everything the recorder works with.
pub struct Recorder<'a, 's> {
    /// The incident file.
    pub store: &'a mut Store,
    /// What observations are judged against.
    pub disclosures: &'a [Arc<Disclosure>],
    /// The rules in force.
    pub policy: &'a Policy,
    /// Where JSON lines go, if they are wanted.
    pub jsonl: Option<&'s mut (dyn Write + Send)>,
    /// Who is told.
    pub progress: &'a dyn Progress,
    /// Services of this sweep.
    pub total: u64,
}

impl Recorder<'_, '_> {
    /// Records until the channel closes. The calibration's result comes first; if it failed, nothing
    /// is recorded or shown.
    pub fn run(
        mut self,
        mut rows: mpsc::Receiver<Looked>,
        calibrated: oneshot::Receiver<Result<(), String>>,
    ) -> Result<Counts, Error> {
        let began = Instant::now();
        let mut counts = Counts::default();
        let sweep_calibrated = calibrated
            .blocking_recv()
            .unwrap_or_else(|_| Err("it was cut off before it could end".to_owned()));
        sweep_calibrated.map_err(Error::Calibration)?;
        let mut known: HashSet<Sha256> =
            self.store.reader()?.issuers()?.iter().map(|issuer| issuer.certificate).collect();
        let mut batch = Vec::with_capacity(64);
        while let Some(first) = rows.blocking_recv() {
            batch.push(first);
            gather(&mut rows, &mut batch);
            self.store_beside(&mut batch, &mut known)?;
            let (services, observations): (Vec<_>, Vec<_>) =
                batch.drain(..).map(|looked| (looked.service, looked.observation)).unzip();
            self.store.append_observations(&observations)?;
            self.show(&services, &observations, &mut counts)?;
            self.progress.update(&counts, self.total, began.elapsed());
        }
        Ok(counts)
    }

    /// Stores what came beside observations: certificates that were not known, and staples that say revoked.
    fn store_beside(&mut self, batch: &mut [Looked], known: &mut HashSet<Sha256>) -> Result<(), Error> {
        let (mut issuers, mut revoked) = (Vec::new(), Vec::new());
        for looked in batch {
            let at = looked.observation.at;
            let stapled = revocations::take_staple(looked, at);
            revoked.extend(stapled.filter(|r| r.status == RevocationStatus::Revoked));
            let new = looked.issuers.iter().filter(|(digest, _)| known.insert(*digest));
            issuers.extend(new.map(|(_, der)| Issuer::seen(at, der)));
        }
        self.store.append_issuers(&issuers)?;
        self.store.append_revocations(&revoked)?;
        Ok(())
    }

    fn show(
        &mut self,
        services: &[Arc<Service>],
        observations: &[Observation],
        counts: &mut Counts,
    ) -> Result<(), Error> {
        let mut text = String::new();
        for (service, observation) in services.iter().zip(observations) {
            let judgements: Vec<_> = self.disclosures.iter().map(|d| assess::judge(observation, d)).collect();
            if let Some(first) = judgements.first() {
                counts.done += 1;
                *counts.verdicts.entry(first.verdict).or_default() += 1;
                *counts.reasons.entry(first.reason).or_default() += 1;
                counts.foreign_bytes += first.foreign_bytes;
                if first.verdict == Verdict::Vulnerable && counts.vulnerable.len() < NAMED {
                    counts.vulnerable.push(place(observation));
                }
            }
            if self.jsonl.is_some() {
                let findings = assess::findings_of(observation, service, &[], observation.at, self.policy);
                text.push_str(&report::endpoint::line(observation, &judgements, &findings));
                text.push('\n');
            }
        }
        if let Some(out) = self.jsonl.as_deref_mut() {
            let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
            if let Err(source) = written {
                if source.kind() != std::io::ErrorKind::BrokenPipe {
                    return Err(Error::stdout(source));
                }
                // Whoever read the lines went away; the evidence still matters.
                self.jsonl = None;
                self.progress
                    .note("the reader of --jsonl went away; the sweep goes on into the incident file");
            }
        }
        Ok(())
    }
}

/// Adds what else is ready, waiting a moment so that single rows share a commit.
fn gather(rows: &mut mpsc::Receiver<Looked>, batch: &mut Vec<Looked>) {
    let mut waited = false;
    while batch.len() < BATCH {
        match rows.try_recv() {
            Ok(row) => batch.push(row),
            Err(mpsc::error::TryRecvError::Empty) if !waited => {
                waited = true;
                std::thread::sleep(GATHER);
            }
            Err(_) => return,
        }
    }
}

/// `name:port (address)`, or `address:port` where there is no name.
fn place(observation: &Observation) -> String {
    let at = observation.address.map(|a| SocketAddr::new(a, observation.port).to_string());
    match (&observation.name, at) {
        (Some(name), Some(at)) => format!("{name}:{} ({at})", observation.port),
        (Some(name), None) => format!("{name}:{}", observation.port),
        (None, at) => at.unwrap_or_default(),
    }
}

/// How a sweep ended, for its row in the incident file.
pub const fn state_of(stopped: bool, failed: bool) -> SweepState {
    match (failed, stopped) {
        (true, _) => SweepState::Failed,
        (false, true) => SweepState::Interrupted,
        (false, false) => SweepState::Finished,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{error::Exit, model::time::Timestamp, store::Reader};

    struct Mute;

    impl Progress for Mute {
        fn update(&self, _: &Counts, _: u64, _: Duration) {}
        fn note(&self, _: &str) {}
    }

    fn row() -> Looked {
        let body = r#"{"sweep":"s0001","row_id":"svc-a","address":"127.0.0.1","port":443,"transport":"tcp","wrap":"tls",
            "vantage":"test","at":"2026-11-22T14:00:00Z","ms":1.0,"contact":"refused"}"#;
        let observation: Observation = serde_json::from_str(body).unwrap();
        let service = r#"{"row_id":"svc-a","name":"a","addresses":[],"port":443,"transport":"tcp","wrap":"tls",
            "wrap_declared":false,"sni":null,"id_declared":false,"declared":{},"sources":[]}"#;
        let service: Service = serde_json::from_str(service).unwrap();
        Looked::plain(Arc::new(service), observation)
    }

    /// What a sweep records and shows when the calibration ends like this.
    fn recorded(calibration: Option<Result<(), String>>) -> (Result<Counts, Error>, String, u64) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("incident.db");
        let mut store = Store::create_or_open(&path, Timestamp::from_seconds(0), None).unwrap();
        let (rows_in, rows) = mpsc::channel(8);
        rows_in.blocking_send(row()).unwrap();
        drop(rows_in);
        let (calibrated_in, calibrated) = oneshot::channel();
        match calibration {
            Some(result) => calibrated_in.send(result).unwrap(),
            None => drop(calibrated_in),
        }
        let mut shown = Vec::new();
        let heartbleed = [crate::disclosure::find("heartbleed").unwrap()];
        let recorder = Recorder {
            store: &mut store,
            disclosures: &heartbleed,
            policy: &Policy::default(),
            jsonl: Some(&mut shown),
            progress: &Mute,
            total: 1,
        };
        let result = recorder.run(rows, calibrated);
        let kept = Reader::open(&path).unwrap().incident().unwrap().evidence_rows;
        (result, String::from_utf8(shown).unwrap(), kept)
    }

    #[test]
    fn a_row_is_committed_and_then_shown() {
        let (result, shown, kept) = recorded(Some(Ok(())));
        assert_eq!((result.unwrap().unknown(), kept), (1, 1));
        assert!(shown.contains("\"reason\":\"refused\"") && shown.ends_with('\n'), "{shown}");
    }

    #[test]
    fn without_a_passed_calibration_nothing_is_recorded_or_shown() {
        for calibration in [Some(Err("the fixed endpoint came out as vulnerable".to_owned())), None] {
            let (result, shown, kept) = recorded(calibration);
            let error = result.expect_err("no verdict can be trusted");
            assert_eq!((error.exit(), shown.as_str(), kept), (Exit::Internal, "", 0), "{error}");
            assert!(error.to_string().starts_with("calibration failed"), "{error}");
        }
    }
}
