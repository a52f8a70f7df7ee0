//! Collects hosts over ssh, with the user's own OpenSSH client, configuration, keys and known hosts.
//!
//! One connection a host: a short POSIX shell script goes there, says which machine it is on, takes the
//! program that fits, runs it from a folder of its own and removes it; where no program can run, it runs the
//! shell collector instead. A host key that is not known or not the same is never accepted. It does not
//! judge, read or store what comes back: that is the caller's.

mod elf;
mod failure;
mod intake;
mod session;
mod target;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, future::Future, path::PathBuf, pin::pin, sync::Arc, time::Duration};

use tokio::{task::JoinSet, time::Instant};

pub use elf::is_static_elf;

use self::{
    elf::Program,
    session::{Ending, Talk},
};
use crate::model::host::{Collector, Failure, FailureCode};

/// How hosts are reached, and what runs there.
#[derive(Clone, Debug)]
pub struct Options {
    /// The client, as a rule `ssh`.
    pub program: PathBuf,
    /// The client's configuration (`-F`), where it is not the user's own.
    pub config: Option<PathBuf>,
    /// Whether to collect as root through `sudo -n`.
    pub sudo: bool,
    /// Hosts at the same time.
    pub parallel: usize,
    /// The whole time for one host.
    pub host_limit: Duration,
    /// The time until a host answers.
    pub connect_timeout: Duration,
    /// Programs that may be sent, of any architecture; static ones go first.
    pub binaries: Vec<PathBuf>,
    /// What the program is given there: `host collect --jsonl …`. `--max-seconds` is added where it is not
    /// among them.
    pub arguments: Vec<String>,
    /// Bytes of a document at most; what is more is cut off.
    pub max_bytes: u64,
}

/// What one host gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Collected {
    /// The host, as it was given.
    pub host: String,
    /// The document's text, whole or cut off (then it has no footer, and a note says why); or why there is
    /// nothing at all.
    pub outcome: Result<Vec<u8>, Failure>,
    /// What went otherwise than it should.
    pub notes: Vec<String>,
    /// What made the document.
    pub by: Collector,
    /// How long it took.
    pub seconds: f64,
}

/// Collects `hosts`, and gives each of them to `each` exactly once, in the order in which they end. When
/// `stop` resolves, those that have not ended give [`FailureCode::Interrupted`].
pub async fn collect(
    hosts: &[String],
    options: &Options,
    stop: impl Future<Output = ()>,
    mut each: impl FnMut(Collected),
) {
    let mut stop = pin!(stop);
    let options = Arc::new(options.clone());
    let programs: Arc<[Program]> = options.binaries.iter().filter_map(|path| elf::read(path)).collect();
    let mut waiting = hosts.iter().cloned().enumerate();
    let mut running = JoinSet::new();
    let mut open: BTreeMap<usize, (tokio::task::Id, Instant)> = BTreeMap::new();
    loop {
        while running.len() < options.parallel.max(1) {
            let Some((index, host)) = waiting.next() else { break };
            let (options, programs) = (Arc::clone(&options), Arc::clone(&programs));
            let task = running.spawn(async move { (index, one(host, &options, &programs).await) });
            open.insert(index, (task.id(), Instant::now()));
        }
        let ended = tokio::select! {
            ended = running.join_next_with_id() => ended,
            () = &mut stop => break,
        };
        match ended {
            None => return,
            Some(Ok((_, (index, collected)))) => {
                open.remove(&index);
                each(collected);
            }
            Some(Err(error)) => {
                let broken = open.iter().find(|(_, (id, _))| *id == error.id()).map(|(index, _)| *index);
                if let Some((index, host)) = broken.and_then(|index| Some((index, hosts.get(index)?))) {
                    let began = open.remove(&index).map_or_else(Instant::now, |(_, began)| began);
                    let why = failure::one_line(error.to_string().as_bytes());
                    each(nothing(host.clone(), FailureCode::LocalError, &why, began));
                }
            }
        }
    }
    // Dropping a task kills its client and what that started.
    running.shutdown().await;
    let now = Instant::now();
    for (index, (_, began)) in open {
        if let Some(host) = hosts.get(index) {
            each(nothing(host.clone(), FailureCode::Interrupted, "stopped before it ended", began));
        }
    }
    for (_, host) in waiting {
        each(nothing(host, FailureCode::Interrupted, "stopped before it began", now));
    }
}

fn nothing(host: String, code: FailureCode, message: &str, began: Instant) -> Collected {
    let outcome = Err(Failure { code, message: message.to_owned() });
    let seconds = began.elapsed().as_secs_f64();
    Collected { host, outcome, notes: Vec::new(), by: Collector::Binary, seconds }
}

async fn one(host: String, options: &Options, programs: &[Program]) -> Collected {
    let began = Instant::now();
    let target = match target::parse(&host) {
        Ok(target) => target,
        Err(why) => {
            let message = format!("not a host's name: {why}");
            return nothing(host, FailureCode::LocalError, &message, began);
        }
    };
    // A limit beyond what a clock can hold is none; an hour is longer than any host takes.
    let deadline = began.checked_add(options.host_limit).unwrap_or(began + Duration::from_secs(3600));
    let mut talk = session::talk(&target, options, programs, false, deadline).await;
    let mut notes = Vec::new();
    if talk.ending == Ending::Unwritten {
        notes.append(&mut talk.notes);
        notes.push("the program could not be written whole: shell collector used".to_owned());
        talk = session::talk(&target, options, programs, true, deadline).await;
    }
    notes.append(&mut talk.notes);
    let by = if talk.by_script { Collector::Script } else { Collector::Binary };
    let outcome = if talk.intake.begun() {
        notes.extend(why_cut_off(&talk, options));
        Ok(talk.intake.into_document())
    } else {
        Err(why_nothing(&talk, options, &notes))
    };
    notes.dedup();
    Collected { host, outcome, notes, by, seconds: began.elapsed().as_secs_f64() }
}

fn why_cut_off(talk: &Talk, options: &Options) -> Option<String> {
    match talk.ending {
        Ending::Full => Some(format!("cut off: the document is larger than {} bytes", options.max_bytes)),
        Ending::TimedOut => Some(format!("cut off after {} s: timed out", options.host_limit.as_secs())),
        Ending::Closed(code) => {
            let said = failure::one_line(&talk.stderr);
            let code = code.map_or_else(|| "a signal".to_owned(), |code| code.to_string());
            Some(format!("cut off: the connection ended ({code}) {said}").trim_end().to_owned())
        }
        _ => None,
    }
}

fn why_nothing(talk: &Talk, options: &Options, notes: &[String]) -> Failure {
    let said = talk.stderr.as_slice();
    let text = String::from_utf8_lossy(said);
    match talk.ending {
        Ending::NotStarted => failure::failure(FailureCode::LocalError, said, "ssh could not be started"),
        Ending::TimedOut if talk.system.is_none() => {
            let message = format!("no answer within {} s", options.host_limit.as_secs());
            Failure { code: FailureCode::TimedOut, message }
        }
        Ending::TimedOut => {
            let message = format!("nothing came within {} s", options.host_limit.as_secs());
            Failure { code: FailureCode::TimedOut, message }
        }
        Ending::Foreign => {
            let system = failure::one_line(talk.system.as_deref().unwrap_or_default().as_bytes());
            let message = format!("it runs {system}: only Linux can be collected");
            Failure { code: FailureCode::NotRunnable, message }
        }
        Ending::Full => {
            let message = format!("a single line is larger than {} bytes", options.max_bytes);
            Failure { code: FailureCode::CutOff, message }
        }
        Ending::Closed(Some(255)) => {
            failure::failure(failure::classify(&text), said, "the connection ended without a word")
        }
        Ending::Closed(_) if talk.system.is_some() => {
            failure::failure(FailureCode::CutOff, said, "the connection ended before the document began")
        }
        Ending::Done | Ending::Unwritten | Ending::Closed(_) => {
            let mut all = said.to_vec();
            all.push(b'\n');
            all.extend_from_slice(talk.intake.noise());
            let denied = String::from_utf8_lossy(&all).contains("account is currently not available");
            let code = if denied { FailureCode::Denied } else { FailureCode::NotRunnable };
            let mut failure = failure::failure(code, &all, "nothing could be run there");
            if let Some(note) = notes.last() {
                failure.message = format!("{note} / {}", failure.message);
            }
            failure
        }
    }
}

/// What comes back from a host, fed with untrusted bytes: it must not fail, and keeps to its limit.
///
/// # Panics
///
/// When a limit is not kept: that is what it looks for.
pub fn fuzz(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    match first % 3 {
        0 => {
            let mut intake = intake::Intake::new("0", 4096);
            for piece in rest.chunks(usize::from(first / 3) + 1) {
                let _ = intake.feed(piece);
            }
            let document = intake.into_document();
            assert!(document.len() <= 4096);
            assert!(document.is_empty() || document.starts_with(b"{\"schema\":\"allclear.host/1\""));
        }
        1 => {
            let line = failure::one_line(rest);
            assert!(!line.chars().any(char::is_control));
            let _ = failure::classify(&line);
        }
        _ => {
            if let Ok(target) = target::parse(&String::from_utf8_lossy(rest)) {
                assert!(!target.destination.starts_with('-'));
            }
        }
    }
}
