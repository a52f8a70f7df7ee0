//! TLS endpoints in this process with known behaviour. What one shows is a [`Face`]; this file listens,
//! counts and hands connections out.
//!
//! Each connection is a task of its own, and all of them end with the [`Peer`].

mod calibration;
mod connection;
mod face;
mod flight;
mod identity;
mod script;
#[cfg(test)]
mod tests;
mod wire_log;

use std::{
    collections::BTreeSet,
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
    time::sleep,
};

pub use self::{
    calibration::Calibration,
    face::{Behaviour, EarlyCcs, Ending, Face, Framing, Reaction, SniRule, Sslv2},
    identity::{AUTHORITY, Identity, authority_pem},
    wire_log::{Content, Received},
};
use self::{connection::Connection, wire_log::Log};

/// Connections that are served at a time; more wait in the listener's queue.
const MAX_AT_ONCE: usize = 4096;
/// Two connections count as open at once when both still are this long after the later one came: a client
/// that closes one and opens the next is seen doing both at the same moment.
const GRACE: Duration = Duration::from_millis(20);
/// The most arrivals that are remembered.
const MAX_ARRIVALS: usize = 100_000;
/// The wait after a failed accept (no files left, most often).
const BREATH: Duration = Duration::from_millis(20);

/// An endpoint that listens. Dropping it closes the port and ends its connections.
#[derive(Debug)]
pub struct Peer {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    faces: Mutex<Faces>,
    log: Log,
    connections: AtomicU64,
    most: AtomicU64,
    open: Mutex<BTreeSet<u64>>,
    arrivals: Mutex<Vec<Instant>>,
}

/// The backends, and how a client that was blocked is turned away.
#[derive(Debug)]
struct Faces {
    pool: Arc<[Face]>,
    next: usize,
    blocked: Option<Ending>,
}

impl Peer {
    /// Listens at an address; port 0 takes a free one. Wants a tokio runtime with I/O and time.
    ///
    /// # Errors
    ///
    /// What the system says when the address cannot be bound.
    pub async fn start(at: SocketAddr, face: Face) -> io::Result<Peer> {
        Self::start_pool(at, vec![face]).await
    }

    /// Listens as a balancer does: connection after connection goes to the next of `pool`. An empty pool
    /// closes every connection.
    ///
    /// # Errors
    ///
    /// What the system says when the address cannot be bound.
    pub async fn start_pool(at: SocketAddr, pool: Vec<Face>) -> io::Result<Peer> {
        let listener = TcpListener::bind(at).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            faces: Mutex::new(Faces { pool: pool.into(), next: 0, blocked: None }),
            log: Log::default(),
            connections: AtomicU64::new(0),
            most: AtomicU64::new(0),
            open: Mutex::new(BTreeSet::new()),
            arrivals: Mutex::new(Vec::new()),
        });
        let task = tokio::spawn(listen(listener, Arc::clone(&shared)));
        Ok(Peer { address, shared, task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Shows another face from the next connection on. A client that was blocked no longer is.
    pub fn set(&self, face: Face) {
        self.set_pool(vec![face]);
    }

    /// Shows other faces in turn from the next connection on.
    pub fn set_pool(&self, pool: Vec<Face>) {
        let mut faces = lock(&self.shared.faces);
        faces.pool = pool.into();
        faces.next = 0;
        faces.blocked = None;
    }

    /// Connections accepted so far.
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// The most connections that were open at once. An overlap of less than 20 ms is not seen; a face with a
    /// delay makes one long.
    pub fn most_at_once(&self) -> u64 {
        self.shared.most.load(Ordering::Relaxed)
    }

    /// When each connection was accepted, the first 100,000 of them.
    pub fn arrivals(&self) -> Vec<Instant> {
        lock(&self.shared.arrivals).clone()
    }

    /// The records that clients sent, in the order in which they were read: all of them up to TLS 1.2, the
    /// hello alone where TLS 1.3 was spoken; the first 10,000. No payload is in them.
    pub fn received(&self) -> Vec<Received> {
        self.shared.log.all()
    }

    /// Closes the port, and returns when it is closed.
    pub async fn stop(mut self) {
        self.task.abort();
        let _ = (&mut self.task).await; // the error says that it was aborted
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One connection: its number, its face, and which others were open when it came.
struct Visit {
    number: u64,
    face: Face,
    before: BTreeSet<u64>,
}

impl Shared {
    /// Counts a connection in, in the order in which they were accepted.
    fn admit(&self) -> Visit {
        let number = self.connections.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(1, Ordering::Relaxed);
        let mut arrivals = lock(&self.arrivals);
        if arrivals.len() < MAX_ARRIVALS {
            arrivals.push(Instant::now());
        }
        let mut open = lock(&self.open);
        let before = open.clone();
        open.insert(number);
        Visit { number, face: self.face(), before }
    }

    /// The face for the next connection.
    fn face(&self) -> Face {
        let mut faces = lock(&self.faces);
        if let Some(ending) = faces.blocked {
            return Face::bare(Behaviour::EndsAtOnce(ending));
        }
        let turn = faces.next.checked_rem(faces.pool.len()).unwrap_or(0);
        faces.next = faces.next.wrapping_add(1);
        let closed = || Face::bare(Behaviour::EndsAtOnce(Ending::Close));
        faces.pool.get(turn).cloned().unwrap_or_else(closed)
    }

    /// Counts the connections that were open when one came and still are.
    fn census(&self, before: &BTreeSet<u64>) {
        let still = lock(&self.open).intersection(before).count();
        let with_this = u64::try_from(still).unwrap_or(u64::MAX).saturating_add(1);
        self.most.fetch_max(with_this, Ordering::Relaxed);
    }
}

async fn listen(listener: TcpListener, shared: Arc<Shared>) {
    let mut tasks = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if tasks.len() < MAX_AT_ONCE => match accepted {
                Ok((stream, _)) => {
                    let visit = shared.admit();
                    tasks.spawn(attend(stream, visit, Arc::clone(&shared)));
                }
                Err(_) => sleep(BREATH).await,
            },
            Some(_) = tasks.join_next() => {}
        }
    }
}

async fn attend(stream: TcpStream, visit: Visit, shared: Arc<Shared>) {
    let connection = Connection::new(stream, &visit.face, &shared.log, visit.number);
    let block = |later| lock(&shared.faces).blocked = Some(later);
    {
        let mut serving = std::pin::pin!(script::serve(connection, &visit.face, &block));
        tokio::select! {
            () = &mut serving => {}
            () = sleep(GRACE), if !visit.before.is_empty() => {
                shared.census(&visit.before);
                serving.await;
            }
        }
    }
    lock(&shared.open).remove(&visit.number);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
