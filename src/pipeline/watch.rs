//! `watch`: sweeps again, at intervals, what is still open, and hands on what changed since the round before.
//!
//! A round holds the incident file's lock for as long as its sweep runs; between rounds nothing is held, so that other
//! commands can write. What a line looks like is `report`'s business, and where it goes is `cli`'s.

use std::{
    collections::HashSet,
    path::Path,
    time::{Duration, Instant},
};

use rand::RngExt as _;
use tokio::sync::watch;

use super::{
    checks,
    judged::{self, Choice, Judged},
    revocations::{self, Round as Revocations},
    select::Selection,
    session::Session,
    settings::Settings,
    sweep::Sinks,
};
use crate::{
    assess,
    clock::Clock,
    error::{Error, Exit},
    model::{
        assessment::{Assessment, Change, ServiceAssessment},
        facet::{Gate, GateResult, State},
        ids::{RowId, SweepId},
        service::Service,
    },
    store,
};

/// How often the incident file is tried while another process writes it: at first, and at most.
const TRY_AGAIN: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(5)];
/// How long one round alone waits for another writer.
pub const WAIT_FOR_WRITER: Duration = Duration::from_secs(60);
/// The longest wait after rounds that failed, where the interval is not longer.
const LONGEST_BACK_OFF: Duration = Duration::from_secs(3600);
/// How often a wait looks whether it should end.
const TICK: Duration = Duration::from_millis(100);

/// What is watched, and how.
#[derive(Debug)]
pub struct Question<'a> {
    /// Which services.
    pub selection: &'a Selection,
    /// Also those on which nothing is owed.
    pub all: bool,
    /// How evidence is judged.
    pub choice: &'a Choice,
    /// Settings of the sweeps.
    pub settings: Settings,
    /// Whether the depth may be full where the disclosure is asked about at that depth alone: none was typed.
    pub may_deepen: bool,
    /// The command line, for the record.
    pub command_line: &'a str,
    /// The gate whose holding ends the watch, or decides the exit code of one round.
    pub until: Option<Gate>,
}

/// What one round came to.
#[derive(Debug)]
pub struct Round {
    /// The incident as it is judged now.
    pub judged: Judged,
    /// What changed since the round before, of the services that are watched.
    pub changes: Vec<Change>,
    /// Its sweep; absent where nothing is open.
    pub sweep: Option<SweepId>,
    /// Services that were swept.
    pub swept: usize,
    /// Services that are watched.
    pub watched: usize,
    /// Of those that are watched, how many owe something now.
    pub open: usize,
    /// Whether it was stopped.
    pub interrupted: bool,
    /// What CRL and OCSP said.
    pub revoked: Revocations,
    /// What the network showed of secrets.
    pub checked: checks::Round,
    /// What the gate says; absent where none was asked for.
    pub gate: Option<GateResult>,
}

/// Who hears what a watch has to say besides its changes.
pub trait Listener {
    /// A message that a person should see: another writer, a round that failed.
    fn warn(&mut self, text: &str);
}

/// What the rounds before left behind.
#[derive(Debug, Default)]
pub struct Memory {
    /// How everything stood after the last one.
    before: Option<Assessment>,
    /// What fitted in any of them: a service that was chosen by its state is not lost when that changes.
    watched: HashSet<RowId>,
}

/// One round: sweeps what is open, judges, compares. Waits up to `patience` for another writer.
///
/// The first round compares with how everything stood at the end of the last sweep, so that a watch that is started
/// anew each time (by cron) tells what changed since: a waiver that ran out, too.
pub fn round<'s>(
    incident: &Path,
    question: &Question<'_>,
    memory: &mut Memory,
    clock: &Clock,
    patience: Option<Duration>,
    sinks: &mut dyn FnMut() -> Sinks<'s>,
    listener: &mut dyn Listener,
) -> Result<Round, Error> {
    let stop = sinks().stop;
    let mut waiting = Waiting::new(patience);
    let (rows, swept, outcome) = loop {
        let now = judged::load(incident, question.choice, clock.now())?;
        if memory.before.is_none() {
            memory.before = Some(at_last_sweep(incident, question.choice, &now)?);
        }
        let mut rows = chosen(&now, question)?;
        rows.extend(memory.watched.iter().cloned());
        memory.watched.clone_from(&rows);
        let due = due(&now, &rows, question.all);
        if due.is_empty() {
            break (rows, 0, None);
        }
        // Under the rules that are in force: without a configuration, those of the sweep before.
        let mut settings = question.settings.under(&now.assessment.policy);
        settings.disclosures = vec![now.assessment.disclosure.id.to_string()];
        if question.may_deepen {
            settings = settings.deep_enough_for(&now.assessment.disclosure.id);
        }
        let session = Session::again(incident, &due, settings, question.command_line, clock);
        match session {
            Ok(session) => break (rows, due.len(), Some(session.run(clock, sinks())?)),
            Err(Error::Store(locked @ store::Error::Locked { .. })) => {
                waiting.wait(locked, &stop, listener)?;
                if *stop.borrow() {
                    return Ok(Round { interrupted: true, ..compared(question, now, &rows, memory) });
                }
            }
            Err(error) => return Err(error),
        }
    };
    let interrupted = outcome.as_ref().is_some_and(|o| o.interrupted);
    let mut judged = judged::load(incident, question.choice, clock.now())?;
    let (mut revoked, mut checked) = (Revocations::default(), checks::Round::default());
    if outcome.is_some() && !interrupted && !question.settings.offline {
        let asked: Vec<RowId> = rows.iter().cloned().collect();
        revoked = revocations::after_sweep(incident, &judged, Some(&asked), clock);
        checked = checks::after_sweep(incident, &judged, Some(&asked), clock);
        if revoked.asked > 0 || checked.answered > 0 {
            judged = judged::load(incident, question.choice, clock.now())?;
        }
    }
    let sweep = outcome.map(|o| o.sweep);
    Ok(Round { sweep, swept, interrupted, revoked, checked, ..compared(question, judged, &rows, memory) })
}

/// What differs from the round before; keeps how it stands for the next.
fn compared(question: &Question<'_>, judged: Judged, rows: &HashSet<RowId>, memory: &mut Memory) -> Round {
    let mut changes = assess::changes(memory.before.as_ref(), &judged.assessment);
    changes.retain(|c| rows.contains(&c.row_id));
    let gate = question.until.map(|gate| assess::gate(&judged.assessment, gate, &|row| rows.contains(row)));
    memory.before = Some(judged.assessment.clone());
    let watched = judged.assessment.services.iter().filter(|s| rows.contains(&s.row_id));
    let open = watched.filter(|s| !s.state.is_finished()).count();
    Round {
        changes,
        sweep: None,
        swept: 0,
        watched: rows.len(),
        open,
        interrupted: false,
        revoked: Revocations::default(),
        checked: checks::Round::default(),
        gate,
        judged,
    }
}

/// How everything stood when the last sweep had ended, by all that is known now.
fn at_last_sweep(incident: &Path, choice: &Choice, now: &Judged) -> Result<Assessment, Error> {
    let sweeps = &now.evidence.sweeps;
    let ended = sweeps.last().map(|s| s.finished_at.unwrap_or(s.started_at));
    match ended.filter(|at| *at < now.assessment.now) {
        Some(at) => Ok(judged::load(incident, choice, at)?.assessment),
        None => Ok(now.assessment.clone()),
    }
}

/// The services that fit now. A selection by state is asked anew each round, and may come to fit none.
fn chosen(judged: &Judged, question: &Question<'_>) -> Result<HashSet<RowId>, Error> {
    let by_row = judged.by_row();
    let state = |row: &RowId| by_row.get(row).map(|s| s.state);
    match question.selection.of(&judged.evidence.services, &state) {
        Ok(services) => Ok(services.into_iter().map(|s| s.row_id.clone()).collect()),
        Err(Error::Usage(_)) if question.selection.needs_state() => Ok(HashSet::new()),
        Err(error) => Err(error),
    }
}

/// Those of them that are swept in this round, in the order of the evidence.
fn due<'j>(judged: &'j Judged, rows: &HashSet<RowId>, all: bool) -> Vec<&'j Service> {
    let services = judged.evidence.services.iter().zip(&judged.assessment.services);
    let wanted = services.filter(|(s, a)| rows.contains(&s.row_id) && (all || !a.state.is_finished()));
    wanted.map(|(service, _)| service).collect()
}

impl Round {
    /// Whether somebody has to act on what this round brought, as an exit code (DESIGN): 4 for what went backwards,
    /// 1 for what was found open, 3 for what is not known any more. With a gate, also what the gate says.
    pub fn exit(&self) -> Exit {
        if self.interrupted {
            return Exit::Interrupted;
        }
        let worse = |exit: Exit| {
            let by_change = self.changes.iter().map(severity).any(|e| e == Some(exit));
            by_change || self.gate.and_then(of_gate) == Some(exit)
        };
        [Exit::Regression, Exit::Open, Exit::Incomplete].into_iter().find(|e| worse(*e)).unwrap_or(Exit::Done)
    }

    /// The service of a change and what is known of it.
    pub fn about(&self, change: &Change) -> Option<(&Service, &ServiceAssessment)> {
        let rows = self.judged.evidence.services.iter().zip(&self.judged.assessment.services);
        rows.into_iter().find(|(service, _)| service.row_id == change.row_id)
    }
}

/// How bad a change is; none where nobody has to act on it.
fn severity(change: &Change) -> Option<Exit> {
    let moved = change.from != Some(change.to);
    match change.to {
        _ if change.code.is_some() => Some(Exit::Regression),
        State::Regressed if moved => Some(Exit::Regression),
        State::Exposed | State::Contradicted if moved => Some(Exit::Open),
        State::Unknown if moved => Some(Exit::Incomplete),
        _ => None,
    }
}

const fn of_gate(gate: GateResult) -> Option<Exit> {
    match gate {
        GateResult::Holds => None,
        GateResult::Incomplete => Some(Exit::Incomplete),
        GateResult::Open => Some(Exit::Open),
        GateResult::Regressed => Some(Exit::Regression),
    }
}

/// The wait for another writer: told once, tried again less and less often.
struct Waiting {
    began: Instant,
    patience: Option<Duration>,
    pause: Duration,
    told: bool,
}

impl Waiting {
    fn new(patience: Option<Duration>) -> Self {
        Self { began: Instant::now(), patience, pause: TRY_AGAIN[0], told: false }
    }

    fn wait(
        &mut self,
        locked: store::Error,
        stop: &watch::Receiver<bool>,
        listener: &mut dyn Listener,
    ) -> Result<(), Error> {
        if self.patience.is_some_and(|most| self.began.elapsed() >= most) {
            return Err(Error::Store(locked));
        }
        if !self.told {
            self.told = true;
            listener.warn(&format!("Waiting for another writer: {locked}"));
        }
        pause(self.pause, stop);
        self.pause = (self.pause * 2).min(TRY_AGAIN[1]);
        Ok(())
    }
}

/// Waits, unless it is stopped.
fn pause(length: Duration, stop: &watch::Receiver<bool>) {
    let began = Instant::now();
    while began.elapsed() < length && !*stop.borrow() {
        std::thread::sleep(TICK.min(length));
    }
}

/// How a watch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The gate holds.
    Gate,
    /// The user stopped it.
    Stopped,
}

/// Rounds until the gate holds or the user stops it. `each` gets every round that came to its end.
///
/// A round that fails is told and tried again, later each time it fails; only what another try cannot mend ends the
/// watch: a wrong command line or configuration, evidence that was changed by hand, a file that is gone.
pub fn run<'s>(
    incident: &Path,
    question: &Question<'_>,
    every: Duration,
    clock: &Clock,
    sinks: &mut dyn FnMut() -> Sinks<'s>,
    listener: &mut dyn Listener,
    each: &mut dyn FnMut(&Round) -> Result<(), Error>,
) -> Result<Ended, Error> {
    let stop = sinks().stop;
    let mut memory = Memory::default();
    let mut failed = 0_u32;
    loop {
        let (began, at) = (Instant::now(), clock.now());
        match round(incident, question, &mut memory, clock, None, sinks, listener) {
            Ok(round) => {
                failed = 0;
                each(&round)?;
                if round.interrupted {
                    return Ok(Ended::Stopped);
                }
                if round.gate == Some(GateResult::Holds) {
                    return Ok(Ended::Gate);
                }
            }
            Err(error) if !may_pass(&error) => return Err(error),
            Err(error) => {
                failed = failed.saturating_add(1);
                let next = in_words(back_off(every, failed));
                listener.warn(&format!("This round failed, the next one is tried in {next}: {error}"));
            }
        }
        let length = jittered(back_off(every, failed), rand::rng().random_range(-1.0..=1.0));
        while !is_over(length, began.elapsed(), clock.now().micros().saturating_sub(at.micros())) {
            if *stop.borrow() {
                return Ok(Ended::Stopped);
            }
            std::thread::sleep(TICK.min(length));
        }
    }
}

/// Whether another try may succeed.
fn may_pass(error: &Error) -> bool {
    match error {
        Error::Calibration(_) | Error::Internal(_) | Error::Store(_) => error.exit() == Exit::Internal,
        _ => false,
    }
}

/// From the beginning of one round to that of the next: doubled with each failure in a row, up to an hour.
fn back_off(every: Duration, failed: u32) -> Duration {
    let longest = LONGEST_BACK_OFF.max(every);
    every.saturating_mul(2_u32.saturating_pow(failed.min(16))).min(longest)
}

/// Up to a twentieth more or less, so that many watches that were started together do not stay together.
fn jittered(length: Duration, random: f64) -> Duration {
    length.mul_f64(1.0 + random.clamp(-1.0, 1.0) / 20.0)
}

/// Whether a wait is over by either clock: the monotonic one may stand while the machine sleeps, and the other may be
/// set back. What was slept through is not made up for: one round is due, however long it was.
fn is_over(length: Duration, monotonic: Duration, by_the_wall_micros: i64) -> bool {
    let wall = Duration::from_micros(u64::try_from(by_the_wall_micros).unwrap_or(0));
    monotonic >= length || wall >= length
}

/// `15 min`, `90 s`.
pub fn in_words(length: Duration) -> String {
    let seconds = length.as_secs_f64().round();
    if seconds >= 3600.0 && seconds % 3600.0 == 0.0 {
        format!("{:.0} h", seconds / 3600.0)
    } else if seconds >= 60.0 && seconds % 60.0 == 0.0 {
        format!("{:.0} min", seconds / 60.0)
    } else {
        format!("{seconds:.0} s")
    }
}

#[cfg(test)]
mod tests;
