//! A DTLS endpoint in this process with known behaviour, modelled on what was measured on real servers (PROBING 3): no
//! registry has a DTLS server with the hole of Heartbleed. This file listens, loses and delays; `session` is what a client
//! meets.
//!
//! It finishes handshakes with ECDHE and ECDSA keys, DTLS 1.0 and 1.2. Ends with its value.

mod session;

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rand::{Rng as _, RngExt as _, SeedableRng as _, rngs::SmallRng};
use tokio::{net::UdpSocket, task::JoinHandle, time::timeout};

use self::session::Session;
use super::peer::{Behaviour, Identity};
use crate::model::observation::TlsVersion;

/// Clients at a time; the oldest is forgotten.
const MAX_SESSIONS: usize = 1024;
/// How often timers are looked at.
const TICK: Duration = Duration::from_millis(20);
/// No datagram is longer.
const DATAGRAM: usize = 16 * 1024;

/// What becomes of heartbeats in mid-handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// They are answered at once.
    Not,
    /// Answers wait in a write buffer for the next flight or an alert, as OpenSSL has it.
    Back,
    /// Nothing is answered before the handshake is finished, and no poke earns an alert: a server whose loop never
    /// writes (measured on `s_server` of 1.0.1f without its timer).
    ForEver,
}

/// Everything that an endpoint shows.
#[derive(Clone, Debug)]
pub struct Face {
    /// What becomes of heartbeats.
    pub behaviour: Behaviour,
    /// Its key, an ECDSA one.
    pub identity: Identity,
    /// The newest version.
    pub version: TlsVersion,
    /// Whether a cookie is asked for.
    pub cookie: bool,
    /// Handshake messages are cut into pieces of so many bytes; 0: none is.
    pub fragment: usize,
    /// What becomes of heartbeats in mid-handshake.
    pub held: Held,
    /// After how long a flight is sent again; `None`: never.
    pub timer: Option<Duration>,
    /// Whether a client without a certificate may finish a handshake.
    pub finishes: bool,
    /// Of a hundred datagrams so many are lost, in either direction.
    pub lost: u8,
    /// Of a hundred datagrams so many come after the next one, or twice.
    pub disorder: u8,
    /// Decides which.
    pub seed: u64,
}

impl Face {
    /// DTLS 1.2 with a cookie, a write buffer and a timer, over a path that loses nothing.
    pub fn new(behaviour: &Behaviour, identity: &Identity) -> Self {
        Self {
            behaviour: behaviour.clone(),
            identity: identity.clone(),
            version: TlsVersion::Dtls12,
            cookie: true,
            fragment: 0,
            held: Held::Back,
            timer: Some(Duration::from_secs(1)),
            finishes: true,
            lost: 0,
            disorder: 0,
            seed: 1,
        }
    }
}

/// What was counted.
#[derive(Debug, Default)]
struct Counts {
    flights: AtomicU64,
    finished: AtomicU64,
    heartbeats: AtomicU64,
    largest_claim: AtomicU64,
}

/// An endpoint that listens. Dropping it closes the port.
#[derive(Debug)]
pub struct DatagramPeer {
    address: SocketAddr,
    counts: Arc<Counts>,
    task: JoinHandle<()>,
}

impl DatagramPeer {
    /// Listens at an address; port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// What the system says when the address cannot be bound.
    pub async fn start(at: SocketAddr, face: Face) -> io::Result<Self> {
        let socket = UdpSocket::bind(at).await?;
        let address = socket.local_addr()?;
        let counts = Arc::new(Counts::default());
        let random = SmallRng::seed_from_u64(face.seed);
        let server = Server {
            socket,
            face,
            counts: Arc::clone(&counts),
            random,
            sessions: BTreeMap::new(),
            late: Vec::new(),
        };
        Ok(Self { address, counts, task: tokio::spawn(server.run()) })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Hellos that earned a flight.
    pub fn flights(&self) -> u64 {
        self.counts.flights.load(Ordering::Relaxed)
    }

    /// Handshakes that were finished.
    pub fn finished(&self) -> u64 {
        self.counts.finished.load(Ordering::Relaxed)
    }

    /// Heartbeats that were read.
    pub fn heartbeats(&self) -> u64 {
        self.counts.heartbeats.load(Ordering::Relaxed)
    }

    /// The largest payload length that a heartbeat claimed. 16,366 and more killed a real server.
    pub fn largest_claim(&self) -> u64 {
        self.counts.largest_claim.load(Ordering::Relaxed)
    }
}

impl Drop for DatagramPeer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Server {
    socket: UdpSocket,
    face: Face,
    counts: Arc<Counts>,
    random: SmallRng,
    sessions: BTreeMap<SocketAddr, Session>,
    /// Sent after the next one.
    late: Vec<(SocketAddr, Vec<u8>)>,
}

impl Server {
    async fn run(mut self) {
        let mut space = vec![0; DATAGRAM];
        loop {
            let came = timeout(TICK, self.socket.recv_from(&mut space)).await;
            let mut out = Vec::new();
            match came {
                Err(_elapsed) => {}
                Ok(Err(_)) => tokio::time::sleep(TICK).await, // an ICMP message about a client that left
                Ok(Ok((length, client))) => {
                    if !self.is_lost() {
                        self.hear(client, space.get(..length).unwrap_or_default(), &mut out);
                    }
                }
            }
            let now = Instant::now();
            for (client, session) in &mut self.sessions {
                out.extend(session.due(&self.face, now).into_iter().map(|datagram| (*client, datagram)));
            }
            self.send(out).await;
        }
    }

    fn hear(&mut self, client: SocketAddr, datagram: &[u8], out: &mut Vec<(SocketAddr, Vec<u8>)>) {
        if self.sessions.len() >= MAX_SESSIONS {
            self.sessions.clear();
        }
        let session = self.sessions.entry(client).or_insert_with(Session::new);
        let answers = session.hear(&self.face, &self.counts, datagram);
        out.extend(answers.into_iter().map(|answer| (client, answer)));
        if session.is_over() {
            self.sessions.remove(&client);
        }
    }

    async fn send(&mut self, out: Vec<(SocketAddr, Vec<u8>)>) {
        for (client, datagram) in out {
            if self.is_lost() {
                continue;
            }
            if self.random.random_range(0..100) < self.face.disorder {
                if self.random.next_u32().is_multiple_of(2) {
                    self.late.push((client, datagram));
                    continue;
                }
                self.late.push((client, datagram.clone()));
            }
            let _ = self.socket.send_to(&datagram, client).await; // a client that left
        }
        for (client, datagram) in std::mem::take(&mut self.late) {
            let _ = self.socket.send_to(&datagram, client).await;
        }
    }

    fn is_lost(&mut self) -> bool {
        self.random.random_range(0..100) < self.face.lost
    }
}
