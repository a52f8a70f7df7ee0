//! A client of a few lines for tests: hellos, heartbeats and pokes by the wire codec, over a plain socket.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::{
    model::observation::TlsVersion,
    wire::tls::{
        alert::Alert,
        certificates, handshake as hs,
        heartbeat::{self, Payload},
        hello::Hello,
        record::{self, RecordReader},
        version_number,
    },
};

/// The patience for what must come.
const PATIENCE: Duration = Duration::from_secs(10);
/// The wait for what must not come.
const HUSH: Duration = Duration::from_millis(60);
/// The payload that every heartbeat carries.
const PAYLOAD: Payload = Payload::new([0x42; 16]);

/// What came from a server, in words that a table can hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Message(u8, Vec<u8>),
    Alert(u8, u8),
    /// Our payload in a heartbeat of so many bytes, with so many foreign ones.
    Echo(u32, u64),
    /// A heartbeat of so many bytes with something else.
    Wrong(u32),
    Closed,
    Reset,
    Plain,
    Silent,
}

/// A ServerHello and what came with it.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) version: u16,
    pub(super) suite: u16,
    pub(super) acknowledged: bool,
    pub(super) extensions: usize,
    pub(super) chain: Vec<Vec<u8>>,
    pub(super) kinds: Vec<u8>,
    pub(super) warnings: Vec<u8>,
}

pub(super) struct Client {
    stream: TcpStream,
    reader: RecordReader,
    messages: hs::Assembler,
    fragment: Vec<u8>,
    unread: Vec<u8>,
    plain: Vec<u8>,
    /// How often the socket gave something.
    pub(super) reads: usize,
    version: u16,
}

impl Client {
    pub(super) async fn connect(to: SocketAddr) -> Self {
        Self {
            stream: TcpStream::connect(to).await.unwrap(),
            reader: RecordReader::new(),
            messages: hs::Assembler::new(),
            fragment: Vec::new(),
            unread: Vec::new(),
            plain: Vec::new(),
            reads: 0,
            version: 0x0301,
        }
    }

    /// Connects and says hello: the flight, or what came in its place.
    pub(super) async fn greet(to: SocketAddr, hello: &Hello<'_>) -> (Self, Result<Flight, Event>) {
        let mut client = Self::connect(to).await;
        client.hello(hello).await;
        let flight = client.flight().await;
        (client, flight)
    }

    /// Connects, and goes on to ServerHelloDone.
    pub(super) async fn past_flight(to: SocketAddr) -> Self {
        let (client, flight) = Self::greet(to, &Hello::first(None)).await;
        flight.unwrap();
        client
    }

    pub(super) async fn hello(&mut self, hello: &Hello<'_>) {
        let mut out = Vec::new();
        hello.encode(&mut out, &[7; 32]);
        self.send(&out).await;
    }

    async fn flight(&mut self) -> Result<Flight, Event> {
        let mut flight = Flight {
            version: 0,
            suite: 0,
            acknowledged: false,
            extensions: 0,
            chain: Vec::new(),
            kinds: Vec::new(),
            warnings: Vec::new(),
        };
        loop {
            match self.next().await {
                Event::Message(kind, body) => {
                    flight.kinds.push(kind);
                    match kind {
                        hs::SERVER_HELLO => {
                            let hello = hs::ServerHello::parse(&body).unwrap();
                            (flight.version, flight.suite) = (hello.version, hello.suite);
                            flight.acknowledged = hello.heartbeat() == Some(1);
                            flight.extensions = hello.extensions.iter().count();
                            self.version = hello.version;
                        }
                        hs::CERTIFICATE => {
                            let chain = certificates::parse(&body).unwrap();
                            flight.chain = chain.into_iter().map(<[u8]>::to_vec).collect();
                        }
                        hs::SERVER_HELLO_DONE => return Ok(flight),
                        _ => {}
                    }
                }
                Event::Alert(1, code) => flight.warnings.push(code),
                other => return Err(other),
            }
        }
    }

    pub(super) async fn malformed(&mut self) {
        let mut out = Vec::new();
        heartbeat::malformed(&mut out, self.version, &PAYLOAD);
        self.send(&out).await;
    }

    pub(super) async fn well_formed(&mut self) {
        let mut out = Vec::new();
        heartbeat::well_formed(&mut out, self.version, &PAYLOAD, &[1; 16]);
        self.send(&out).await;
    }

    pub(super) async fn poke(&mut self) {
        let mut message = Vec::new();
        hs::encode_server_hello_done(&mut message);
        self.record(record::HANDSHAKE, self.version, &message).await;
    }

    pub(super) async fn record(&mut self, content_type: u8, version: u16, fragment: &[u8]) {
        let mut out = Vec::new();
        record::encode(&mut out, content_type, version, fragment);
        self.send(&out).await;
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// What comes next; a test fails when nothing does.
    pub(super) async fn next(&mut self) -> Event {
        timeout(PATIENCE, self.event()).await.unwrap_or(Event::Silent)
    }

    /// What comes next within a moment, for tests of silence.
    pub(super) async fn soon(&mut self) -> Event {
        timeout(HUSH, self.event()).await.unwrap_or(Event::Silent)
    }

    /// Plain text that was received where no TLS was spoken.
    pub(super) async fn text(&mut self) -> String {
        while self.next().await == Event::Plain {}
        String::from_utf8_lossy(&self.plain).into_owned()
    }

    async fn event(&mut self) -> Event {
        loop {
            let mut fragment = &*self.fragment;
            let message = self.messages.read(&mut fragment).unwrap();
            let message = message.map(|m| Event::Message(m.kind, m.body.to_vec()));
            self.fragment = fragment.to_vec();
            if let Some(message) = message {
                return message;
            }
            if let Some(event) = self.buffered() {
                return event;
            }
            if !self.fragment.is_empty() {
                continue;
            }
            let mut buffer = vec![0; 1 << 16];
            match self.stream.read(&mut buffer).await {
                Ok(0) => return Event::Closed,
                Ok(n) => {
                    self.reads += 1;
                    self.unread.extend_from_slice(&buffer[..n]);
                    self.plain.extend_from_slice(&buffer[..n]);
                }
                Err(_) => return Event::Reset,
            }
        }
    }

    /// An event of the bytes at hand, if they hold one that is no handshake message.
    fn buffered(&mut self) -> Option<Event> {
        while !self.unread.is_empty() {
            let mut input = &*self.unread;
            let found = self.reader.read(&mut input).map(|found| {
                found.map(|found| match found.content_type {
                    record::ALERT => Alert::parse(found.fragment).map(|a| Event::Alert(a.level, a.code)),
                    record::HEARTBEAT => {
                        let heard = heartbeat::hear(found.fragment, &[PAYLOAD]);
                        Some(match heard.payload {
                            Some(_) => Event::Echo(heard.len, heard.foreign),
                            None => Event::Wrong(heard.len),
                        })
                    }
                    _ => {
                        self.fragment = found.fragment.to_vec();
                        None
                    }
                })
            });
            self.unread = input.to_vec();
            match found {
                Err(_) => return Some(Event::Plain),
                Ok(Some(Some(event))) => return Some(event),
                Ok(Some(None)) => return None,
                Ok(None) => {}
            }
        }
        None
    }
}

/// The first hello, with another version.
pub(super) fn hello_of(version: TlsVersion) -> Hello<'static> {
    Hello { version, ..Hello::first(None) }
}

/// The number of a version, short for tables.
pub(super) const fn number(version: TlsVersion) -> u16 {
    version_number(version)
}
