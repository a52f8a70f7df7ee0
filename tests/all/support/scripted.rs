//! Servers that speak a protocol's opening and no more, written from the specifications. Behind the opening stands
//! either a real TLS server, to which the connection is handed, or a fault.
//!
//! For telnet, VNC, MSSQL and RDP there is no real server to be had; for the others these show any TLS server behind
//! any protocol, and what no honest server does. Nothing of the scanner's own code is used.
#![allow(dead_code, reason = "each of the test programs that share this uses a part of it")]

mod binary;
mod serve;
mod tds;
mod text;

use std::{
    net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::JoinHandle,
};

use super::{free_port, fresh_address};

/// Every wrap that is spoken here.
pub const WRAPS: [&str; 17] = [
    "starttls-smtp",
    "starttls-lmtp",
    "starttls-pop3",
    "starttls-imap",
    "starttls-ftp",
    "starttls-ldap",
    "starttls-nntp",
    "starttls-sieve",
    "starttls-xmpp-client",
    "starttls-xmpp-server",
    "starttls-postgres",
    "starttls-mysql",
    "starttls-mssql",
    "starttls-rdp",
    "starttls-irc",
    "starttls-telnet",
    "starttls-vnc",
];

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// Speaks the protocol without TLS, and refuses it when asked.
    Refuses,
    /// Says that it has no time, as a 421 does, and closes.
    Busy,
    /// Offers TLS and says, when it is asked for, that it cannot be had at the moment.
    Later,
    /// Never says a word.
    Silent,
    /// A byte a second of a first message that never ends.
    Tarpit,
    /// A first message that never ends, as fast as it is taken.
    Flood,
    /// Well-formed pieces of a first message that never ends, as fast as they are taken.
    Chatter,
    /// Greets, or answers, as some other service, and waits.
    Other,
    /// Bytes that mean nothing, control characters among them, and the end.
    Garbage,
    /// Closes without a word.
    Closes,
    /// Closes after the go-ahead.
    ClosesAfter,
    /// Gives the go-ahead, hears what comes, and answers in plain text.
    PlainAfter,
    /// Plain text behind the go-ahead, in the same segment.
    Injected,
}

impl Fault {
    pub const ALL: [Self; 13] = [
        Self::Refuses,
        Self::Busy,
        Self::Later,
        Self::Silent,
        Self::Tarpit,
        Self::Flood,
        Self::Chatter,
        Self::Other,
        Self::Garbage,
        Self::Closes,
        Self::ClosesAfter,
        Self::PlainAfter,
        Self::Injected,
    ];
}

/// What a protocol's server answers.
enum Heard {
    /// Nothing yet.
    More,
    Say(Vec<u8>),
    /// This, and then TLS begins.
    Go(Vec<u8>),
    /// This, and then the end.
    Bye(Vec<u8>),
}

/// How willing a server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Honest,
    Refuses,
    Busy,
    Later,
}

/// One protocol's server, up to TLS.
trait Speaker: Send {
    /// What it says first; nothing where the client begins.
    fn greeting(&mut self) -> Heard;

    /// What it answers to the bytes that are held, of which it takes what it understood.
    fn hear(&mut self, held: &mut Vec<u8>) -> Heard;

    /// What it would say in the clear to somebody who is past the opening.
    fn plain(&self) -> Vec<u8>;

    /// First messages that have no end.
    fn endless(&self) -> Endless;

    /// How bytes of TLS travel in both directions.
    fn tunnel(&self) -> Tunnel {
        Tunnel::Bare
    }
}

/// First messages without an end.
struct Endless {
    /// How one begins whose line or field has no end; anything may follow.
    field: Vec<u8>,
    /// How one begins that has no last piece.
    head: Vec<u8>,
    /// What follows then, again and again; nothing where there is no such thing.
    piece: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tunnel {
    Bare,
    /// In pre-login packets of TDS for as long as the client puts its own into such.
    Tds,
}

fn speaker(wrap: &str, mood: Mood) -> Box<dyn Speaker> {
    let protocol = wrap.strip_prefix("starttls-").unwrap_or(wrap);
    text::speaker(protocol, mood)
        .or_else(|| binary::speaker(protocol, mood))
        .unwrap_or_else(|| panic!("{wrap} is not spoken here"))
}

/// Whether a fault can be shown in a protocol.
pub fn possible(wrap: &str, fault: Fault) -> bool {
    let protocol = wrap.strip_prefix("starttls-").unwrap_or(wrap);
    match fault {
        // What has no word for it.
        Fault::Busy => !["telnet", "vnc", "mssql", "rdp"].contains(&protocol),
        Fault::Later => ["smtp", "lmtp", "pop3", "imap", "ftp", "ldap", "nntp", "sieve"].contains(&protocol),
        Fault::Chatter => !speaker(wrap, Mood::Honest).endless().piece.is_empty(),
        // MySQL gives no go-ahead, and telnet's may have come long before the client's.
        Fault::Injected => !["mysql", "telnet"].contains(&protocol),
        _ => true,
    }
}

/// Every protocol with every fault that can be shown in it.
pub fn table() -> Vec<(&'static str, Fault)> {
    let faults = |wrap| Fault::ALL.into_iter().map(move |fault| (wrap, fault));
    WRAPS.into_iter().flat_map(faults).filter(|(wrap, fault)| possible(wrap, *fault)).collect()
}

/// What happens on a connection.
#[derive(Clone, Copy, Debug)]
enum Plan {
    Relay { to: SocketAddr, crumbs: bool },
    Fault(Fault),
}

/// A server on loopback. It ends, with every connection, when it is dropped.
#[derive(Debug)]
pub struct Scripted {
    pub address: IpAddr,
    pub port: u16,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    taken: AtomicUsize,
    handed: AtomicUsize,
    streams: Mutex<Vec<TcpStream>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Shared {
    fn stopped(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    /// Remembers a stream so that whoever waits for it is freed at the end.
    fn watch(&self, stream: &TcpStream) {
        if let Ok(stream) = stream.try_clone() {
            self.streams.lock().unwrap().push(stream);
        }
        if self.stopped() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// A server that speaks this protocol and hands the connection to the TLS server at `tls` then.
pub fn relayed(wrap: &str, tls: SocketAddr) -> Scripted {
    relayed_at(wrap, tls, fresh_address(), free_port())
}

/// The same at a given place.
pub fn relayed_at(wrap: &str, tls: SocketAddr, address: IpAddr, port: u16) -> Scripted {
    Scripted::start(wrap, Plan::Relay { to: tls, crumbs: false }, address, port)
}

/// The same, but everything before TLS comes a byte at a time.
pub fn crumbs(wrap: &str, tls: SocketAddr) -> Scripted {
    Scripted::start(wrap, Plan::Relay { to: tls, crumbs: true }, fresh_address(), free_port())
}

/// A server with this fault. Panics where [`possible`] is false.
#[track_caller]
pub fn hostile(wrap: &str, fault: Fault) -> Scripted {
    assert!(possible(wrap, fault), "{fault:?} cannot be shown in {wrap}");
    Scripted::start(wrap, Plan::Fault(fault), fresh_address(), free_port())
}

impl Scripted {
    fn start(wrap: &str, plan: Plan, address: IpAddr, port: u16) -> Self {
        let listener = TcpListener::bind((address, port)).unwrap();
        let mood = match plan {
            Plan::Fault(Fault::Refuses) => Mood::Refuses,
            Plan::Fault(Fault::Busy) => Mood::Busy,
            Plan::Fault(Fault::Later) => Mood::Later,
            _ => Mood::Honest,
        };
        let shared: Arc<Shared> = Arc::default();
        let (common, wrap) = (Arc::clone(&shared), wrap.to_owned());
        let accepting = std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if common.stopped() {
                    return;
                }
                common.taken.fetch_add(1, Ordering::SeqCst);
                common.watch(&stream);
                let (here, speaker) = (Arc::clone(&common), speaker(&wrap, mood));
                let thread = std::thread::spawn(move || {
                    serve::connection(&stream, &here, speaker, plan);
                    let _ = stream.shutdown(Shutdown::Both);
                });
                common.threads.lock().unwrap().push(thread);
            }
        });
        Self { address, port, shared, accepting: Some(accepting) }
    }

    pub fn place(&self) -> SocketAddr {
        SocketAddr::new(self.address, self.port)
    }

    /// How many connections came so far.
    pub fn taken(&self) -> usize {
        self.shared.taken.load(Ordering::SeqCst)
    }

    /// How many of them came as far as TLS.
    pub fn handed(&self) -> usize {
        self.shared.handed.load(Ordering::SeqCst)
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.place()); // wakes the accept
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
        for stream in self.shared.streams.lock().unwrap().iter() {
            let _ = stream.shutdown(Shutdown::Both);
        }
        for thread in std::mem::take(&mut *self.shared.threads.lock().unwrap()) {
            let _ = thread.join();
        }
    }
}
