//! Scripted servers: one connection after the other, each played to its end before the next is accepted, so
//! that a prober which holds two at once never comes to the second.
//!
//! Every heartbeat that arrives, in whatever test, is checked against the promise of PROBING 1.

use std::{
    future::Future,
    net::SocketAddr,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use crate::{
    clock::Clock,
    model::{
        ids::{RowId, SweepId},
        observation::Observation,
        service::Service,
        wrap::{Transport, Wrap},
    },
    probe::{
        context::{Context, Depth, Settings},
        dial::Dialer,
        endpoint::{Job, probe_endpoint},
        limits::{Rate, Timeouts},
    },
    wire::tls::{
        alert::Alert,
        certificates,
        handshake::{self as hs, Assembler, ClientHello},
        heartbeat,
        record::{self, RecordReader},
    },
};

pub(super) const HEARTBEAT_MODE: (u16, &[u8]) = (hs::EXT_HEARTBEAT, &[1]);

/// Two certificates with keys of their own.
pub(super) static CERTIFICATES: LazyLock<[Vec<u8>; 2]> = LazyLock::new(|| {
    ["one.example.test", "two.example.test"].map(|name| {
        let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
        made.cert.der().to_vec()
    })
});

/// A server for one test.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    connections: Arc<AtomicUsize>,
    played: Arc<AtomicUsize>,
    task: Option<JoinHandle<()>>,
}

impl Server {
    /// Plays `script` on each connection, with its number from 0.
    pub(super) async fn start<F, P>(script: F) -> Self
    where
        F: Fn(usize, Talk) -> P + Send + 'static,
        P: Future<Output = Talk> + Send,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut server = Self::at(listener.local_addr().unwrap());
        let (connections, played) = (server.connections.clone(), server.played.clone());
        server.task = Some(tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let number = connections.fetch_add(1, Ordering::SeqCst);
                let talk = script(number, Talk::new(stream)).await;
                talk.wait_for_the_end().await;
                played.fetch_add(1, Ordering::SeqCst);
            }
        }));
        server
    }

    /// A server that somebody else plays.
    pub(super) fn at(address: SocketAddr) -> Self {
        Self { address, connections: Arc::default(), played: Arc::default(), task: None }
    }

    /// Waits until every script is played, and fails where one did.
    async fn finish(&self) {
        let Some(task) = &self.task else { return };
        while self.played.load(Ordering::SeqCst) < self.connections() {
            assert!(!task.is_finished(), "the server's script failed");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Connections so far.
    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Looks at this server, quick and with a great deal of patience unless changed: what a script says comes
    /// in time on a busy machine too.
    pub(super) async fn probe(&self, change: impl FnOnce(&mut Settings, &mut Job)) -> Observation {
        let long = Duration::from_secs(20);
        let timeouts = Timeouts { connect: long, step: long, short: long };
        let mut settings = Settings { timeouts, depth: Depth::Quick, ..Settings::default() };
        let mut job =
            Job { service: Arc::new(service(self.address)), address: self.address.ip(), fragile: false };
        change(&mut settings, &mut job);
        let dialer = Dialer::new(None, Rate::per_second(0));
        let context = Context::new(settings, dialer, Clock::System, SweepId(1));
        let seen = probe_endpoint(&job, &context).await;
        self.finish().await;
        seen
    }

    pub(super) async fn quick(&self) -> Observation {
        self.probe(|_, _| {}).await
    }

    /// For scripts in which the server stays silent for a step.
    pub(super) async fn brisk(&self) -> Observation {
        self.probe(|settings, _| settings.timeouts.short = Duration::from_millis(250)).await
    }
}

fn service(address: SocketAddr) -> Service {
    Service {
        row_id: RowId::declared("row"),
        name: Some(Arc::from("web01.example.test")),
        addresses: Box::new([address.ip()]),
        port: address.port(),
        transport: Transport::Tcp,
        wrap: Wrap::Tls,
        wrap_declared: false,
        sni: None,
        id_declared: false,
        declared: Arc::default(),
        sources: Arc::from([]),
    }
}

/// What a client's hello said.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) version: u16,
    pub(super) suites: Vec<u16>,
    pub(super) sni: Option<String>,
    pub(super) extensions: bool,
}

/// The server's side of one connection.
pub(super) struct Talk {
    stream: TcpStream,
    records: RecordReader,
    unread: Vec<u8>,
}

impl Talk {
    fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        Self { stream, records: RecordReader::new(), unread: Vec::new() }
    }

    /// The next record as type, version and fragment; `None` at the end of the connection.
    pub(super) async fn record(&mut self) -> Option<(u8, u16, Vec<u8>)> {
        loop {
            let mut input = &*self.unread;
            let found = self.records.read(&mut input).expect("the prober speaks TLS");
            let found = found.map(|r| (r.content_type, r.version, r.fragment.to_vec()));
            self.unread = input.to_vec();
            if let Some((content_type, version, fragment)) = found {
                if content_type == record::HEARTBEAT {
                    let message = heartbeat::Message::parse(&fragment).expect("a whole header");
                    assert!(
                        usize::from(message.claimed) <= message.rest.len(),
                        "claims more than it carries"
                    );
                }
                return Some((content_type, version, fragment));
            }
            let mut chunk = [0; 4096];
            match self.stream.read(&mut chunk).await {
                Ok(0) | Err(_) => return None,
                Ok(n) => self.unread.extend_from_slice(&chunk[..n]),
            }
        }
    }

    /// Reads the client's hello.
    pub(super) async fn hello(&mut self) -> Heard {
        let (content_type, _, fragment) = self.record().await.expect("a hello");
        assert_eq!(content_type, record::HANDSHAKE);
        let mut messages = Assembler::new();
        let message = messages.read(&mut &*fragment).unwrap().expect("a whole hello");
        let hello = ClientHello::parse(message.body).unwrap();
        Heard {
            version: hello.version,
            suites: hello.suites().collect(),
            sni: hello.sni().map(|n| String::from_utf8_lossy(n).into_owned()),
            extensions: hello.extensions.iter().next().is_some(),
        }
    }

    /// Sends ServerHello, the first certificate and ServerHelloDone in one record.
    pub(super) async fn flight(&mut self, version: u16, extensions: &[(u16, &[u8])]) {
        self.send(record::HANDSHAKE, version, &flight(version, extensions, 0)).await;
    }

    /// Reads the hello and sends a TLS 1.2 flight that acknowledges heartbeats.
    pub(super) async fn greet(&mut self) {
        self.hello().await;
        self.flight(0x0303, &[HEARTBEAT_MODE]).await;
    }

    /// Reads a heartbeat request and returns the record's version and the payload that it carries.
    pub(super) async fn heartbeat(&mut self) -> (u16, Vec<u8>) {
        let (content_type, version, fragment) = self.record().await.expect("a heartbeat");
        assert_eq!(content_type, record::HEARTBEAT);
        (version, heartbeat::Message::parse(&fragment).unwrap().payload().unwrap().to_vec())
    }

    /// Reads the poke.
    pub(super) async fn poke(&mut self) {
        let (content_type, _, fragment) = self.record().await.expect("a poke");
        assert_eq!((content_type, &*fragment), (record::HANDSHAKE, &[14, 0, 0, 0][..]));
    }

    /// Answers with a payload.
    pub(super) async fn echo(&mut self, payload: &[u8]) {
        let mut out = Vec::new();
        heartbeat::encode_response(&mut out, 0x0303, payload, &[9; 16]);
        self.raw(&out).await;
    }

    pub(super) async fn alert(&mut self, level: u8, code: u8) {
        let mut out = Vec::new();
        Alert { level, code }.encode(&mut out, 0x0303);
        self.raw(&out).await;
    }

    pub(super) async fn send(&mut self, content_type: u8, version: u16, fragment: &[u8]) {
        let mut out = Vec::new();
        record::encode(&mut out, content_type, version, fragment);
        self.raw(&out).await;
    }

    /// Sends bytes as they stand. The prober may have hung up already.
    pub(super) async fn raw(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
    }

    /// Closes in order.
    pub(super) async fn close(&mut self) {
        let _ = self.stream.shutdown().await;
    }

    /// Resets.
    pub(super) fn reset(&mut self) {
        self.stream.set_zero_linger().unwrap();
    }

    /// Whether the prober says nothing more before it hangs up.
    pub(super) async fn is_over(&mut self) -> bool {
        self.record().await.is_none()
    }

    async fn wait_for_the_end(mut self) {
        if self.stream.linger().ok().flatten().is_some() {
            return; // dropped: reset
        }
        let mut chunk = [0; 4096];
        while matches!(self.stream.read(&mut chunk).await, Ok(n) if n > 0) {}
    }
}

/// ServerHello, one of the certificates, ServerKeyExchange and ServerHelloDone.
pub(super) fn flight(version: u16, extensions: &[(u16, &[u8])], certificate: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let suite = if version < 0x0303 { 0xc009 } else { 0xc02b };
    hs::encode_server_hello(&mut out, version, &[3; 32], suite, extensions);
    certificates::encode(&mut out, &[&CERTIFICATES[certificate], b"issuer"]);
    hs::encode_server_key_exchange(&mut out, &[0; 70]);
    hs::encode_server_hello_done(&mut out);
    out
}
