//! The scheduler: how many jobs run at once, how many at one address, and never two at one port.
//!
//! It knows nothing of TLS and opens no socket: a job is something with an address and a port, and
//! running it is a future. New connections a second are limited in `dial`, where they are made.
//! Memory: one task per job in flight, and at most [`WAITING_MAX`] jobs that wait for their address.

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
};

use tokio::{
    sync::{mpsc, watch},
    task::{Id, JoinSet},
};

/// Jobs that may wait for a busy address before no further ones are taken in.
pub const WAITING_MAX: usize = 10_000;

/// Something that is done at one address and port.
pub trait Keyed: Send + 'static {
    /// The address, for the limit per host.
    fn host(&self) -> IpAddr;
    /// The port: one job at a time.
    fn port(&self) -> u16;
}

/// The limits of one run.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Jobs at once, at least 1.
    pub concurrency: usize,
    /// Jobs at once at one address, at least 1.
    pub per_host: usize,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Every job ran.
    Done,
    /// The stop signal came; jobs in flight were dropped without a result.
    Stopped,
}

#[derive(Debug)]
struct Host<J> {
    ports: Vec<u16>,
    waiting: VecDeque<J>,
}

struct Scheduler<J, F> {
    limits: Limits,
    run: F,
    hosts: HashMap<IpAddr, Host<J>>,
    waiting: usize,
    tasks: JoinSet<()>,
    keys: HashMap<Id, (IpAddr, u16)>,
}

/// Runs every job that comes in until the channel closes or `stop` turns true.
pub async fn run<J, F, R>(
    mut jobs: mpsc::Receiver<J>,
    limits: Limits,
    mut stop: watch::Receiver<bool>,
    run: F,
) -> Ended
where
    J: Keyed,
    F: Fn(J) -> R,
    R: Future<Output = ()> + Send + 'static,
{
    let limits = Limits { concurrency: limits.concurrency.max(1), per_host: limits.per_host.max(1) };
    let mut scheduler = Scheduler {
        limits,
        run,
        hosts: HashMap::new(),
        waiting: 0,
        tasks: JoinSet::new(),
        keys: HashMap::new(),
    };
    let mut open = true;
    let mut stoppable = true; // until the sender of the signal is gone
    loop {
        if *stop.borrow() {
            return Ended::Stopped; // dropping the set aborts what is in flight
        }
        let room = scheduler.tasks.len() < limits.concurrency && scheduler.waiting < WAITING_MAX;
        if !open && scheduler.tasks.is_empty() {
            return Ended::Done;
        }
        tokio::select! {
            biased;
            changed = stop.changed(), if stoppable => stoppable = changed.is_ok(),
            Some(ended) = scheduler.tasks.join_next_with_id(), if !scheduler.tasks.is_empty() => {
                let id = match ended { Ok((id, ())) => id, Err(error) => error.id() };
                scheduler.finished(id);
            }
            job = jobs.recv(), if open && room => match job {
                Some(job) => scheduler.admit(job),
                None => open = false,
            },
        }
    }
}

impl<J, F, R> Scheduler<J, F>
where
    J: Keyed,
    F: Fn(J) -> R,
    R: Future<Output = ()> + Send + 'static,
{
    /// Starts a job, or lets it wait for its address.
    fn admit(&mut self, job: J) {
        let (address, port) = (job.host(), job.port());
        let host =
            self.hosts.entry(address).or_insert_with(|| Host { ports: Vec::new(), waiting: VecDeque::new() });
        if host.ports.len() >= self.limits.per_host || host.ports.contains(&port) {
            host.waiting.push_back(job);
            self.waiting += 1;
        } else {
            host.ports.push(port);
            self.spawn(address, port, job);
        }
    }

    fn spawn(&mut self, address: IpAddr, port: u16, job: J) {
        let handle = self.tasks.spawn((self.run)(job));
        self.keys.insert(handle.id(), (address, port));
    }

    /// Frees the place of a job that ended, also of one that panicked, and starts whoever waited for it.
    fn finished(&mut self, id: Id) {
        let Some((address, port)) = self.keys.remove(&id) else {
            return;
        };
        let Some(host) = self.hosts.get_mut(&address) else {
            return;
        };
        if let Some(at) = host.ports.iter().position(|p| *p == port) {
            host.ports.swap_remove(at);
        }
        let next = host.waiting.iter().position(|job| !host.ports.contains(&job.port()));
        if let Some(job) = next.and_then(|at| host.waiting.remove(at)) {
            let port = job.port();
            host.ports.push(port);
            self.waiting -= 1;
            self.spawn(address, port, job);
        } else if host.ports.is_empty() {
            self.hosts.remove(&address);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeMap,
        sync::{
            Arc, Mutex,
            atomic::{AtomicUsize, Ordering},
        },
        time::Duration,
    };

    use super::*;

    #[derive(Debug)]
    struct Job(IpAddr, u16);

    impl Keyed for Job {
        fn host(&self) -> IpAddr {
            self.0
        }
        fn port(&self) -> u16 {
            self.1
        }
    }

    #[derive(Default)]
    struct Seen {
        now: BTreeMap<(IpAddr, u16), usize>,
        worst_port: usize,
        worst_host: usize,
        worst_all: usize,
    }

    fn jobs(count: u16) -> mpsc::Receiver<Job> {
        let (tx, rx) = mpsc::channel(16);
        tokio::spawn(async move {
            for n in 0..count {
                let job = Job(IpAddr::from([127, 0, 0, (n % 3) as u8]), n % 7);
                if tx.send(job).await.is_err() {
                    return;
                }
            }
        });
        rx
    }

    #[tokio::test]
    async fn every_job_runs_and_no_limit_is_passed() {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let done = Arc::new(AtomicUsize::new(0));
        let (_keep, stop) = watch::channel(false);
        let (shared, count) = (seen.clone(), done.clone());
        let ended = run(jobs(300), Limits { concurrency: 5, per_host: 2 }, stop, move |job| {
            let (seen, done) = (shared.clone(), count.clone());
            async move {
                {
                    let mut s = seen.lock().unwrap();
                    *s.now.entry((job.0, job.1)).or_default() += 1;
                    s.worst_port = s.worst_port.max(s.now[&(job.0, job.1)]);
                    let host: usize = s.now.iter().filter(|(k, _)| k.0 == job.0).map(|(_, n)| n).sum();
                    s.worst_host = s.worst_host.max(host);
                    s.worst_all = s.worst_all.max(s.now.values().sum());
                }
                tokio::time::sleep(Duration::from_micros(200)).await;
                *seen.lock().unwrap().now.get_mut(&(job.0, job.1)).unwrap() -= 1;
                done.fetch_add(1, Ordering::Relaxed);
            }
        })
        .await;
        let seen = seen.lock().unwrap();
        assert_eq!((ended, done.load(Ordering::Relaxed)), (Ended::Done, 300));
        assert_eq!(seen.worst_port, 1, "two jobs at one port");
        assert!(seen.worst_host <= 2 && seen.worst_all <= 5, "{} {}", seen.worst_host, seen.worst_all);
    }

    #[tokio::test]
    async fn a_job_that_panics_frees_its_place() {
        let (_keep, stop) = watch::channel(false);
        let done = Arc::new(AtomicUsize::new(0));
        let count = done.clone();
        let ended = run(jobs(20), Limits { concurrency: 1, per_host: 1 }, stop, move |job| {
            let done = count.clone();
            async move {
                assert!(job.1 != 3, "planted");
                done.fetch_add(1, Ordering::Relaxed);
            }
        })
        .await;
        assert_eq!((ended, done.load(Ordering::Relaxed)), (Ended::Done, 17));
    }

    #[tokio::test]
    async fn a_stop_ends_it_at_once() {
        let (tx, stop) = watch::channel(false);
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            tx.send(true).unwrap();
            tokio::time::sleep(Duration::from_secs(5)).await;
        });
        let ended =
            run(jobs(300), Limits { concurrency: 2, per_host: 2 }, stop, |_| std::future::pending()).await;
        assert_eq!(ended, Ended::Stopped);
    }
}
