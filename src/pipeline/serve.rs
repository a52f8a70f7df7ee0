//! `serve`: an incident file as what a live page shows, while other processes write it.
//!
//! It takes no lock and writes nothing. What the page looks like is `report`'s business and comes in as a function; how
//! it is served is `live`'s.
//!
//! The file is opened anew for each look, and by one at a time. Opening looks at the header in SQLite's immutable mode,
//! and closing that would drop the locks of any other connection of this process.

use std::{
    fs,
    net::SocketAddr,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::{net::TcpListener, runtime::Runtime, sync::watch};

use super::{
    catalogue, dashboard,
    judged::{self, Choice},
    runtime,
};
use crate::{
    assess,
    clock::Clock,
    error::Error,
    live::{self, Options, Progress, Source},
    model::{
        disclosure::Disclosure, ids::Sha256, observation::Observation, sweep::Sweep, time::Timestamp,
        verdict::Verdict,
    },
    report::dashboard::{How, html},
    store::{Place, Reader, Step},
};

pub use crate::live::Page;

/// Makes the page from the incident file.
pub type Render = Box<dyn Fn() -> Result<Page, Error> + Send + Sync>;

/// The rest after a check of the chain, as a multiple of what it took.
const REST_FACTOR: u32 = 5;

/// An incident file that is shown.
pub struct Incident {
    path: PathBuf,
    choice: Choice,
    render: Render,
    watched: Mutex<Watched>,
}

/// What is known from the looks before.
#[derive(Default)]
struct Watched {
    place: Option<Place>,
    counts: Counts,
    /// What the observations are judged against, by the name that the incident began with.
    disclosure: Option<(Option<String>, Arc<Disclosure>)>,
    soundness: Soundness,
}

/// Counts of the last sweep's rows.
#[derive(Default)]
struct Counts {
    done: u64,
    vulnerable: u64,
    unknown: u64,
    /// When the last of them was seen.
    last: Option<Timestamp>,
}

/// Whether the chain was seen to hold, for the file as it stood then.
#[derive(Default)]
struct Soundness {
    seen: Option<(Stamp, Sha256)>,
    broken: Option<String>,
    not_before: Option<Instant>,
}

/// What changes when somebody writes the file: inode, time (seconds, nanoseconds) and bytes of it and of its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp([Option<[u64; 4]>; 2]);

impl Incident {
    /// Looks at the incident file and checks its chain. Fails as `status` does where it is missing or unsound.
    pub fn open(path: &Path, choice: Choice, render: Render) -> Result<Self, Error> {
        let incident =
            Self { path: path.to_path_buf(), choice, render, watched: Mutex::new(Watched::default()) };
        judged::sound_chain(&Reader::open(path)?, path)?;
        incident.look(&mut incident.watched())?;
        Ok(incident)
    }

    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look(&self, watched: &mut Watched) -> Result<Progress, Error> {
        let stamp = Stamp::of(&self.path);
        let reader = Reader::open(&self.path)?;
        let step = loop {
            let Some(step) = reader.follow(watched.place.as_ref())? else {
                let what = "it is not the file that was shown before".to_owned();
                return Err(Error::Tampered { path: self.path.clone(), what });
            };
            self.count(watched, &reader, &step)?;
            watched.place = Some(step.place);
            if !step.more {
                break step;
            }
        };
        watched.soundness.check(&reader, &self.path, stamp, step.head)?;
        Ok(Progress { json: json(step.sweep.as_ref(), &watched.counts), mark: step.head.to_string() })
    }

    fn count(&self, watched: &mut Watched, reader: &Reader, step: &Step) -> Result<(), Error> {
        let sweep = step.sweep.as_ref().map(|sweep| sweep.id);
        if watched.place.is_none_or(|place| place.sweep != sweep) {
            watched.counts = Counts::default();
            watched.disclosure = None;
        }
        let disclosure = match &watched.disclosure {
            Some((name, disclosure)) if *name == step.disclosure => disclosure,
            _ => {
                let catalogue = catalogue::of_reader(reader)?;
                let asked = self.choice.disclosure.as_deref();
                let chosen = catalogue::chosen(&catalogue, asked, step.disclosure.as_deref())?;
                &watched.disclosure.insert((step.disclosure.clone(), chosen)).1
            }
        };
        step.observations.iter().for_each(|observation| watched.counts.add(observation, disclosure));
        Ok(())
    }
}

impl Source for Incident {
    fn page(&self) -> Result<Page, String> {
        let _one_at_a_time = self.watched();
        (self.render)().map_err(|e| e.to_string())
    }

    fn progress(&self) -> Result<Progress, String> {
        self.look(&mut self.watched()).map_err(|e| e.to_string())
    }
}

impl Counts {
    fn add(&mut self, observation: &Observation, disclosure: &Disclosure) {
        self.done += 1;
        match assess::judge(observation, disclosure).verdict {
            Verdict::Vulnerable => self.vulnerable += 1,
            Verdict::Inconclusive | Verdict::Unreachable | Verdict::Skipped => self.unknown += 1,
            _ => {}
        }
        self.last = self.last.max(Some(observation.at));
    }
}

impl Soundness {
    /// Evidence that came with a new head is checked when the page is made. A file that changed under the same head is
    /// checked here: as a rule an inventory was stored or the log was taken in, and otherwise somebody edited it.
    fn check(&mut self, reader: &Reader, path: &Path, stamp: Stamp, head: Sha256) -> Result<(), Error> {
        let now = Instant::now();
        let changed = match self.seen {
            Some((seen, of)) if of == head => seen != stamp,
            _ => {
                *self = Self { seen: Some((stamp, head)), broken: None, not_before: self.not_before };
                false
            }
        };
        if changed && self.not_before.is_none_or(|then| now >= then) {
            let checked = judged::sound_chain(reader, path);
            self.not_before = Some(Instant::now() + now.elapsed() * REST_FACTOR);
            self.seen = Some((stamp, head));
            self.broken = match checked {
                Err(Error::Tampered { what, .. }) => Some(what),
                other => other.map(|()| None)?,
            };
        }
        match &self.broken {
            Some(what) => Err(Error::Tampered { path: path.to_path_buf(), what: what.clone() }),
            None => Ok(()),
        }
    }
}

impl Stamp {
    fn of(path: &Path) -> Self {
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        let look = |path: &Path| {
            let found = fs::metadata(path).ok().filter(|found| found.len() > 0);
            found.map(|m| [m.ino(), m.mtime().cast_unsigned(), m.mtime_nsec().cast_unsigned(), m.len()])
        };
        Self([look(path), look(Path::new(&log))])
    }
}

/// How far the last sweep is. `at` is when something was last seen of it; before any sweep the object is empty.
fn json(sweep: Option<&Sweep>, counts: &Counts) -> String {
    let Some(sweep) = sweep else { return "{}".to_owned() };
    let at = [Some(sweep.started_at), sweep.finished_at, counts.last].into_iter().max().flatten();
    serde_json::json!({
        "sweep": sweep.id.to_string(),
        "state": sweep.state.as_str(),
        "done": counts.done,
        "total": sweep.services,
        "vulnerable": counts.vulnerable,
        "unknown": counts.unknown,
        "at": at.map(|at| at.to_string()),
    })
    .to_string()
}

/// A server that has its address and does not answer yet.
pub struct Server {
    runtime: Runtime,
    listener: TcpListener,
    options: Options,
}

impl Server {
    /// Takes the address and makes a fresh secret.
    pub fn bind(listen: SocketAddr, every: Duration) -> Result<Self, Error> {
        let token = live::token().map_err(Error::Internal)?;
        let runtime = runtime::start()?;
        let failed = |e: std::io::Error| Error::Input(format!("cannot listen on {listen}: {e}"));
        let listener = runtime.block_on(TcpListener::bind(listen)).map_err(failed)?;
        let listen = listener.local_addr().map_err(failed)?;
        Ok(Self { runtime, listener, options: Options { listen, token, every } })
    }

    /// Where the page is. Whoever has this address can read it.
    pub fn url(&self) -> String {
        format!("http://{}/{}/", self.options.listen, self.options.token)
    }

    /// Answers until `stop` turns true, and ends within a second then.
    pub fn run(self, source: Arc<dyn Source>, stop: watch::Receiver<bool>) -> Result<(), Error> {
        let served = self.runtime.block_on(live::serve(self.listener, self.options, source, stop));
        // A page that is being made now is wanted by nobody any more.
        self.runtime.shutdown_background();
        served.map_err(|e| Error::Internal(format!("the server ended: {e}")))
    }
}

/// The dashboard of everything, as a page that follows what happens.
pub fn dashboard(incident: &Path, choice: &Choice, clock: &Clock) -> Render {
    let (incident, choice, clock) = (incident.to_path_buf(), choice.clone(), clock.clone());
    Box::new(move || {
        let judged = judged::load(&incident, &choice, clock.now())?;
        let page = html(&dashboard::of(&judged, None)?, How { live: true, checklist: None });
        // In a header it can say more than in the page.
        let csp = format!("{}; frame-ancestors 'none'", page.csp);
        Ok(Page { html: page.html, mark: judged.evidence.incident.chain_head.to_string(), csp })
    })
}

#[cfg(test)]
mod tests;
