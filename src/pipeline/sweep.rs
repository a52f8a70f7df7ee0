//! One sweep: plan, probe, record, with the calibration beside it.
//!
//! ```text
//! services (incident file) -> planner -> engine -> recorder thread -> incident file -> JSON lines, progress
//!                                     \-> skipped, without address -^
//!                    calibration against in-process endpoints ------^ (holds every verdict back)
//! ```

use std::{collections::BTreeSet, ops::ControlFlow, path::Path, sync::Arc, time::Duration};

use tokio::sync::{mpsc, oneshot, watch};

use super::{
    catalogue,
    plan::{self, Fate, Last, Planned, Planner},
    record::{Counts, Progress, Recorder, state_of},
    runtime,
    settings::Settings,
    source::Prepared,
};
use crate::{
    assess,
    clock::Clock,
    disclosure,
    drill::peer,
    error::Error,
    inventory::resolve::Resolver,
    model::{
        disclosure::Disclosure,
        ids::SweepId,
        observation::{Contact, Observation, Skip},
        service::Service,
        verdict::Reason,
    },
    probe::{
        self, Context, Job, Looked,
        calibration::{self, Endpoints, Role},
        dial::Dialer,
        engine::{self, Ended, Keyed, Limits},
        fragile::Signatures,
        limits::{Rate, Timeouts},
        trace::Aside,
        trust::TrustStore,
    },
    store::{Reader, Store},
};

/// How long the calibration may take before the sweep is given up.
const CALIBRATION_LIMIT: Duration = Duration::from_secs(20);
/// Rows between the probing threads and the recorder.
const ROWS: usize = 4096;

/// Where a sweep's words go, and from where its stop comes.
pub struct Sinks<'a> {
    /// Where JSON lines go, if they are wanted.
    pub jsonl: Option<&'a mut (dyn std::io::Write + Send)>,
    /// Who is told how far it has come.
    pub progress: &'a dyn Progress,
    /// Turns true when the user wants it to stop.
    pub stop: watch::Receiver<bool>,
}

/// How a sweep ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The sweep.
    pub sweep: SweepId,
    /// What it saw.
    pub counts: Counts,
    /// Whether it was stopped and can be resumed.
    pub interrupted: bool,
    /// Whether nothing but targets may be asked.
    pub offline: bool,
}

/// The planner for a sweep that stands in the incident file.
pub fn planner(
    reader: &Reader,
    incident: &Path,
    prepared: &Prepared,
    resolver: Resolver,
) -> Result<Planner, Error> {
    let mut services = Vec::new();
    if prepared.settings.scope.is_some() {
        reader.for_each_service(prepared.sweep, |service| {
            services.push(service);
            ControlFlow::Continue(())
        })?;
    }
    Ok(Planner {
        scope: plan::scope(&services, &prepared.settings)?,
        resolver,
        resolve: prepared.settings.resolve,
        last: Last::before(incident, Some(prepared.sweep)),
        unanswered: plan::Unanswered::default(),
        observed: if prepared.resumed { reader.observed(prepared.sweep)? } else { BTreeSet::new() },
        fragile: Signatures::built_in().with(&prepared.settings.fragile),
    })
}

/// Runs a prepared sweep to its end, its interruption or its failure, and marks it so.
pub fn run(
    store: &mut Store,
    incident: &Path,
    prepared: &Prepared,
    resolver: Resolver,
    clock: &Clock,
    sinks: Sinks<'_>,
) -> Result<Outcome, Error> {
    let reader = Reader::open(incident)?;
    let catalogue = catalogue::of_reader(&reader)?;
    let disclosures: Vec<Arc<Disclosure>> =
        prepared.settings.disclosures.iter().map(|id| catalogue.find(id)).collect::<Result<_, _>>()?;
    let planner = planner(&reader, incident, prepared, resolver)?;
    let unanswered = planner.unanswered.clone();
    let runtime = runtime::start()?;
    let (rows_in, rows_out) = mpsc::channel(ROWS);
    let (calibrated_in, calibrated_out) = oneshot::channel();
    let recorder = Recorder {
        store,
        disclosures: &disclosures,
        policy: &prepared.settings.policy,
        jsonl: sinks.jsonl,
        progress: sinks.progress,
        total: prepared.services,
    };
    let work = Work { sweep: prepared.sweep, settings: prepared.settings.clone(), clock: clock.clone() };
    let (halt, halted) = watch::channel(false);
    let stopper = halt.clone();
    let (result, ended) = std::thread::scope(|scope| {
        let recording = scope.spawn(move || {
            let result = recorder.run(rows_out, calibrated_out);
            if result.is_err() {
                let _ = halt.send(true); // nobody listens any more: it has ended already
            }
            result
        });
        let ended = runtime.block_on(async {
            tokio::spawn(forward_stop(sinks.stop, stopper));
            work.run(reader, planner, rows_in, calibrated_in, halted).await
        });
        (recording.join(), ended)
    });
    runtime.shutdown_timeout(Duration::from_millis(100));
    let result = result.unwrap_or_else(|_| Err(Error::Internal("the recorder ended early".to_owned())));
    let failed_calibration = matches!(result, Err(Error::Calibration(_)));
    store.record_calibration(prepared.sweep, !failed_calibration, clock.now())?;
    let interrupted = matches!(ended, Ok(Ended::Stopped));
    let failed = result.is_err() || ended.is_err();
    store.finish_sweep(prepared.sweep, state_of(interrupted, failed), clock.now())?;
    let counts = result?; // the recorder's fault first: it is what stops the rest
    ended?;
    if let Some(words) = unanswered.words() {
        sinks.progress.note(&words);
    }
    Ok(Outcome { sweep: prepared.sweep, counts, interrupted, offline: prepared.settings.offline })
}

struct Work {
    sweep: SweepId,
    settings: Settings,
    clock: Clock,
}

impl Work {
    async fn run(
        self,
        reader: Reader,
        planner: Planner,
        rows: mpsc::Sender<Looked>,
        calibrated: oneshot::Sender<Result<(), String>>,
        halted: watch::Receiver<bool>,
    ) -> Result<Ended, Error> {
        let context = Arc::new(context(&self.settings, &self.clock, self.sweep)?);
        let (clock, sweep) = (self.clock.clone(), self.sweep);
        tokio::spawn(async move {
            let _ = calibrated.send(calibrate(clock, sweep).await); // the recorder may be gone already
        });
        let (services_in, services_out) = mpsc::channel(256);
        let (planned_in, planned_out) = mpsc::channel(256);
        let (jobs_in, jobs_out) = mpsc::channel(256);
        let streaming = tokio::task::spawn_blocking(move || stream_services(&reader, sweep, &services_in));
        tokio::spawn(planner.run(services_out, planned_in));
        let settle = Settle { sweep, vantage: self.settings.vantage.clone(), clock: self.clock.clone() };
        tokio::spawn(route(planned_out, jobs_in, rows.clone(), settle));
        let limits = Limits { concurrency: self.settings.concurrency, per_host: self.settings.per_host };
        let ended = engine::run(jobs_out, limits, halted, move |job: Job| {
            let (context, rows) = (Arc::clone(&context), rows.clone());
            async move {
                let looked = probe::look(&job, &context, &Aside::default()).await;
                let _ = rows.send(looked).await; // closed: the recorder failed, and says why
            }
        })
        .await;
        if ended == Ended::Done {
            // No job is left, so the stream has ended as well: whole, or with a fault.
            streaming.await.map_err(|e| Error::Internal(e.to_string()))??;
        }
        Ok(ended)
    }
}

/// What a user should know before a sweep begins: without a trust store chains are not checked.
pub fn trust_notice(settings: &Settings) -> Option<String> {
    let why = settings.trust.is_none().then(TrustStore::system)?.err()?;
    Some(format!("chains of certificates are not checked: {why}; name a file of roots with --trust"))
}

/// What the probes of a sweep share, by its settings.
pub(super) fn context(s: &Settings, clock: &Clock, sweep: SweepId) -> Result<Context, Error> {
    let settings = probe::Settings {
        timeouts: Timeouts { connect: s.timeout, step: s.probe_timeout, ..Timeouts::default() },
        samples: s.samples.max(1),
        depth: s.depth,
        find_wrap: s.find_wrap,
        vantage: Arc::clone(&s.vantage),
    };
    let trust = match &s.trust {
        Some((name, text)) => {
            let store =
                TrustStore::from_pem(name, text.as_bytes()).map_err(|e| Error::Input(e.to_string()))?;
            Some(store)
        }
        // Without one, chains are not checked, and every look says so.
        None => TrustStore::system().ok(),
    };
    Ok(Context {
        settings,
        dialer: Dialer::new(s.source, Rate::per_second(s.rate)),
        clock: clock.clone(),
        sweep,
        trust: trust.map(Arc::new),
        weak_keys: s.weak_keys.clone(),
        fragile: Arc::new(Signatures::built_in().with(&s.fragile)),
    })
}

/// Passes the user's stop on.
async fn forward_stop(mut stop: watch::Receiver<bool>, halt: watch::Sender<bool>) {
    while !*stop.borrow_and_update() {
        if stop.changed().await.is_err() {
            return;
        }
    }
    let _ = halt.send(true); // nobody listens any more: it has ended already
}

/// Reads the sweep's services out of the incident file, a few at a time. A fault leaves services without a
/// row, so it fails the sweep.
fn stream_services(reader: &Reader, sweep: SweepId, out: &mpsc::Sender<Service>) -> Result<(), Error> {
    reader.for_each_service(sweep, |service| {
        if out.blocking_send(service).is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(())
}

impl Keyed for Job {
    fn host(&self) -> std::net::IpAddr {
        self.address
    }

    fn port(&self) -> u16 {
        self.service.port
    }
}

/// What an endpoint that is not probed needs for its row.
struct Settle {
    sweep: SweepId,
    vantage: Arc<str>,
    clock: Clock,
}

/// Sends what is to be probed to the engine and gives everything else its row at once.
async fn route(
    mut planned: mpsc::Receiver<Planned>,
    jobs: mpsc::Sender<Job>,
    rows: mpsc::Sender<Looked>,
    settle: Settle,
) {
    while let Some(next) = planned.recv().await {
        let sent = match (&next.fate, next.address) {
            (Fate::Probe { .. } | Fate::NotSpoken, Some(address)) => {
                let fragile = next.fate == Fate::Probe { fragile: true };
                jobs.send(Job { service: next.service, address, fragile }).await.is_ok()
            }
            _ => rows.send(settle.row(next)).await.is_ok(),
        };
        if !sent {
            return;
        }
    }
}

impl Settle {
    fn row(&self, planned: Planned) -> Looked {
        let Planned { service, address, fate } = planned;
        let (contact, skip, detail): (Contact, Option<Skip>, Option<String>) = match fate {
            Fate::Skip(skip) => (Contact::Skipped, Some(skip), None),
            Fate::NoAddress(why) => (Contact::DnsFailed, None, Some(why)),
            Fate::Probe { .. } | Fate::NotSpoken => {
                (Contact::DnsFailed, None, Some("planned without an address".to_owned()))
            }
        };
        let observation = Observation {
            sweep: self.sweep,
            row_id: service.row_id.clone(),
            name: service.name.clone(),
            address,
            port: service.port,
            transport: service.transport,
            wrap: service.wrap,
            sni: None,
            vantage: Arc::clone(&self.vantage),
            at: self.clock.now(),
            ms: 0.0,
            contact,
            skip,
            detail,
            tls: None,
            certificate: None,
            chain: Vec::new(),
            other_keys: None,
            attempts: Vec::new(),
            served: None,
            expectations: Vec::new(),
            software: Vec::new(),
            asked: Vec::new(),
            relay: None,
        };
        Looked::plain(service, observation)
    }
}

/// Runs the real probe against in-process endpoints: facts and verdicts must both be what they must be.
async fn calibrate(clock: Clock, sweep: SweepId) -> Result<(), String> {
    let peers =
        peer::Calibration::start().await.map_err(|e| format!("its endpoints could not be started: {e}"))?;
    let endpoints =
        Endpoints { vulnerable: peers.vulnerable(), fixed: peers.fixed(), none: peers.without_heartbeats() };
    let heartbleed = disclosure::find("CVE-2014-0160").map_err(|e| e.to_string())?;
    let found = calibration::calibrate(endpoints, clock, sweep, CALIBRATION_LIMIT).await;
    for outcome in &found.outcomes {
        let (name, expected) = match outcome.role {
            Role::Vulnerable => ("the vulnerable endpoint", Reason::MalformedHeartbeatAnswered),
            Role::Fixed => ("the fixed endpoint", Reason::FixProved),
            Role::None => ("the endpoint without heartbeats", Reason::HeartbeatRefused),
        };
        let Some(observation) = &outcome.observation else {
            return Err(format!("{name} gave no answer within {} s", CALIBRATION_LIMIT.as_secs()));
        };
        let got = assess::judge(observation, &heartbleed);
        if !outcome.as_expected || got.reason != expected || got.foreign_bytes != 0 {
            return Err(format!("{name} came out as {} ({}), expected {expected}", got.verdict, got.reason));
        }
    }
    Ok(())
}
