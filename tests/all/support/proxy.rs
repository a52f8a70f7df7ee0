//! A TCP proxy that keeps every byte of both directions, and says afterwards what was on the wire. It
//! can also stand in the way as a filter does, or spread connections over several servers.
//!
//! It shares no code with the product: records and heartbeats are taken apart here a second time.

use std::{
    io::{Read, Write},
    net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use super::{free_port, fresh_address};

/// How long the server's first bytes are held: connections last, so that two at a time would meet.
const HOLD: Duration = Duration::from_millis(300);

const CHANGE_CIPHER_SPEC: u8 = 20;
const HEARTBEAT: u8 = 24;

/// One connection that came through.
#[derive(Clone, Debug)]
pub struct Passed {
    /// What the scanner sent.
    pub sent: Vec<u8>,
    /// What the server answered.
    pub answered: Vec<u8>,
    /// Connections that the scanner still held open when this one came.
    pub beside: usize,
}

/// A heartbeat message as it stood on the wire.
#[derive(Clone, Debug)]
pub struct Heartbeat {
    pub kind: u8,
    /// The payload length that the message claims.
    pub claimed: usize,
    /// Everything after type and length.
    pub body: Vec<u8>,
}

/// What becomes of the bytes between the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Every byte as it came; the server's first ones a while later.
    Pass,
    /// The server's bytes a few at a time, as over a bad link.
    Trickle,
    /// A filter that ends the connection, without an alert, at the first heartbeat.
    CutAtHeartbeat,
    /// A filter that takes heartbeats out and lets the rest through.
    SwallowHeartbeats,
}

/// The proxy; it ends when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    pub address: IpAddr,
    pub port: u16,
    passed: Arc<Mutex<Vec<Passed>>>,
    stop: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

impl Proxy {
    /// In front of one server.
    pub fn to(target: SocketAddr) -> Self {
        Self::start(vec![target], Manner::Pass)
    }

    /// In front of several servers, each connection to the next of them, as a balancer does it.
    pub fn start(targets: Vec<SocketAddr>, manner: Manner) -> Self {
        let (address, port) = (fresh_address(), free_port());
        let listener = TcpListener::bind((address, port)).unwrap();
        let passed: Arc<Mutex<Vec<Passed>>> = Arc::default();
        let stop = Arc::new(AtomicBool::new(false));
        let (all, end) = (Arc::clone(&passed), Arc::clone(&stop));
        let accepting = std::thread::spawn(move || {
            let mut clients: Vec<SocketAddr> = Vec::new();
            while let Ok((client, from)) = listener.accept() {
                if end.load(Ordering::SeqCst) {
                    return;
                }
                let beside = clients.iter().filter(|c| is_held_open(**c)).count();
                clients.push(from);
                let index = {
                    let mut all = all.lock().unwrap();
                    all.push(Passed { sent: Vec::new(), answered: Vec::new(), beside });
                    all.len() - 1
                };
                pass(client, targets[index % targets.len()], manner, &all, index);
            }
        });
        Self { address, port, passed, stop, accepting: Some(accepting) }
    }

    pub fn passed(&self) -> Vec<Passed> {
        self.passed.lock().unwrap().clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect((self.address, self.port)); // wakes the accept
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

/// Whether the scanner's own end is still established, by the kernel's table: no clock is involved, so
/// a connection that was closed before the next one was opened is never taken for a second one.
fn is_held_open(client: SocketAddr) -> bool {
    let SocketAddr::V4(v4) = client else { return false };
    let local = format!("{:08X}:{:04X}", u32::from_le_bytes(v4.ip().octets()), v4.port());
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    table.lines().any(|line| {
        let mut fields = line.split_whitespace().skip(1);
        fields.next() == Some(local.as_str()) && fields.nth(1) == Some("01")
    })
}

fn pass(client: TcpStream, target: SocketAddr, manner: Manner, all: &Arc<Mutex<Vec<Passed>>>, index: usize) {
    let Ok(server) = TcpStream::connect(target) else {
        return;
    };
    let (from_client, to_client) = (client.try_clone().unwrap(), client);
    let (from_server, to_server) = (server.try_clone().unwrap(), server);
    let (ours, theirs) = (Arc::clone(all), Arc::clone(all));
    std::thread::spawn(move || {
        let keep = |b: &[u8]| ours.lock().unwrap()[index].sent.extend_from_slice(b);
        match manner {
            Manner::Pass | Manner::Trickle => copy(from_client, to_server, Duration::ZERO, usize::MAX, keep),
            Manner::CutAtHeartbeat | Manner::SwallowHeartbeats => {
                filter(from_client, to_server, manner, keep);
            }
        }
    });
    std::thread::spawn(move || {
        let keep = |b: &[u8]| theirs.lock().unwrap()[index].answered.extend_from_slice(b);
        match manner {
            Manner::Pass => copy(from_server, to_client, HOLD, usize::MAX, keep),
            Manner::Trickle => copy(from_server, to_client, Duration::ZERO, 61, keep),
            Manner::CutAtHeartbeat | Manner::SwallowHeartbeats => {
                copy(from_server, to_client, Duration::ZERO, usize::MAX, keep);
            }
        }
    });
}

fn copy(mut from: TcpStream, mut to: TcpStream, mut hold: Duration, at_once: usize, keep: impl Fn(&[u8])) {
    let _ = to.set_nodelay(true);
    let mut buffer = [0_u8; 16384];
    while let Ok(n) = from.read(&mut buffer) {
        if n == 0 {
            break;
        }
        keep(&buffer[..n]);
        std::thread::sleep(std::mem::take(&mut hold));
        for piece in buffer[..n].chunks(at_once) {
            if to.write_all(piece).is_err() {
                return;
            }
            if at_once != usize::MAX {
                std::thread::sleep(Duration::from_millis(2));
            }
        }
    }
    let _ = to.shutdown(Shutdown::Write); // passes the end on; the other direction may go on
}

/// Passes whole records on, and does to heartbeats what the manner says.
fn filter(mut from: TcpStream, mut to: TcpStream, manner: Manner, keep: impl Fn(&[u8])) {
    let (mut gathered, mut buffer) = (Vec::new(), [0_u8; 16384]);
    while let Ok(n) = from.read(&mut buffer) {
        if n == 0 {
            break;
        }
        keep(&buffer[..n]);
        gathered.extend_from_slice(&buffer[..n]);
        while let [kind, _, _, high, low, ..] = gathered[..] {
            let length = 5 + usize::from(u16::from_be_bytes([high, low]));
            if gathered.len() < length {
                break;
            }
            let record: Vec<u8> = gathered.drain(..length).collect();
            if kind != HEARTBEAT {
                let _ = to.write_all(&record); // a server that is gone shows on the other direction
            } else if manner == Manner::CutAtHeartbeat {
                let _ = from.shutdown(Shutdown::Both);
                let _ = to.shutdown(Shutdown::Both);
                return;
            }
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

/// The records of one direction that stand in the clear: those before its ChangeCipherSpec.
pub fn clear_records(stream: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let (mut records, mut rest) = (Vec::new(), stream);
    while let [kind, _, _, high, low, after @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        if *kind == CHANGE_CIPHER_SPEC || after.len() < length {
            break;
        }
        records.push((*kind, after[..length].to_vec()));
        rest = &after[length..];
    }
    records
}

/// The heartbeat messages of one direction.
pub fn heartbeats(stream: &[u8]) -> Vec<Heartbeat> {
    let messages = clear_records(stream).into_iter().filter(|(kind, _)| *kind == HEARTBEAT);
    messages
        .map(|(_, message)| {
            assert!(message.len() >= 3, "a heartbeat of {} bytes", message.len());
            let claimed = usize::from(u16::from_be_bytes([message[1], message[2]]));
            Heartbeat { kind: message[0], claimed, body: message[3..].to_vec() }
        })
        .collect()
}
