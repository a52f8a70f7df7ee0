//! The one file that opens sockets to targets: connecting under the global rate, and bytes in and out under
//! deadlines.
//!
//! It knows nothing of TLS. Its own limits (files, ports, memory) are never blamed on the target. A
//! connection keeps no buffer while it waits: bytes are read into the stack and handed on at once.

use std::{
    future::poll_fn,
    io::{self, ErrorKind},
    mem::MaybeUninit,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    task::{Poll, ready},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncRead, ReadBuf},
    net::{TcpSocket, TcpStream, UdpSocket},
    time::timeout,
};

use super::limits::Rate;
use crate::model::observation::Contact;

/// The most bytes that are taken from one connection.
pub const MAX_BYTES: usize = 256 * 1024;

/// A heartbeat answer, or most of a flight of certificates, in one read.
const READ_LEN: usize = 8 * 1024;

/// The longest datagram that is taken; what is longer is cut. Over loopback a server may send a whole flight in one.
const DATAGRAM: usize = 16 * 1024 + 512;

/// Pauses before another try after a failure of our own.
const LOCAL_PAUSES: [Duration; 3] =
    [Duration::from_millis(50), Duration::from_millis(250), Duration::from_secs(1)];

/// Opens connections to targets.
#[derive(Debug)]
pub struct Dialer {
    /// The address to connect from, for targets of its family.
    source: Option<IpAddr>,
    rate: Rate,
}

impl Dialer {
    /// A dialer under this rate, from this address where one is given.
    pub const fn new(source: Option<IpAddr>, rate: Rate) -> Self {
        Self { source, rate }
    }

    /// Connects to a target. A failure of our own is tried again a few times; every try counts against the
    /// rate.
    ///
    /// # Errors
    ///
    /// How the contact ended: `refused`, `no-route`, `connect-timed-out`, `closed-early` or `local-error`.
    pub async fn dial(&self, target: SocketAddr, limit: Duration) -> Result<Connection, Contact> {
        let mut pauses = LOCAL_PAUSES.iter();
        loop {
            self.rate.permit().await;
            match self.connect(target, limit).await {
                Err(Contact::LocalError) => match pauses.next() {
                    Some(pause) => tokio::time::sleep(*pause).await,
                    None => return Err(Contact::LocalError),
                },
                other => return other,
            }
        }
    }

    /// Sends one datagram, again after each of `waits` without an answer, and returns the first answer that `take` makes
    /// something of. Each datagram counts against the rate.
    ///
    /// # Errors
    ///
    /// How the contact ended: `refused` (an ICMP message says so), `no-route`, `probe-timed-out` or `local-error`.
    pub async fn ask_datagram<T: Send>(
        &self,
        target: SocketAddr,
        question: &[u8],
        waits: &[Duration],
        take: impl Fn(&[u8]) -> Option<T> + Send + Sync,
    ) -> Result<T, Contact> {
        let mut datagrams = self.associate(target).await?;
        for (number, wait) in waits.iter().enumerate() {
            if number > 0 {
                self.rate.permit().await;
            }
            datagrams.send(question).await?;
            let mut found = None;
            let heard = datagrams.receive(*wait, |bytes| {
                found = take(bytes);
                found.is_some()
            });
            let heard = heard.await?;
            if let (Wait::Met, Some(found)) = (heard, found) {
                return Ok(found);
            }
        }
        Err(Contact::ProbeTimedOut)
    }

    /// A port of our own that hears one target alone. It counts against the rate.
    ///
    /// # Errors
    ///
    /// `no-route` or `local-error`.
    pub async fn associate(&self, target: SocketAddr) -> Result<Datagrams, Contact> {
        let any = if target.is_ipv4() {
            IpAddr::from(std::net::Ipv4Addr::UNSPECIFIED)
        } else {
            IpAddr::from(std::net::Ipv6Addr::UNSPECIFIED)
        };
        let from = self.source.filter(|s| s.is_ipv4() == target.is_ipv4()).unwrap_or(any);
        self.rate.permit().await;
        let socket = UdpSocket::bind(SocketAddr::new(from, 0)).await.map_err(|e| contact_of(&e))?;
        socket.connect(target).await.map_err(|e| contact_of(&e))?;
        Ok(Datagrams { socket, taken: 0 })
    }

    async fn connect(&self, target: SocketAddr, limit: Duration) -> Result<Connection, Contact> {
        let started = Instant::now();
        let socket = self.socket(target).map_err(|e| contact_of(&e))?;
        match timeout(limit, socket.connect(target)).await {
            Err(_elapsed) => Err(Contact::ConnectTimedOut),
            Ok(Err(error)) => Err(contact_of(&error)),
            Ok(Ok(stream)) => Ok(Connection { stream, rtt: started.elapsed(), taken: 0 }),
        }
    }

    fn socket(&self, target: SocketAddr) -> io::Result<TcpSocket> {
        let socket = if target.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // Steps go out one by one; the next must not wait for the acknowledgement of the last.
        socket.set_nodelay(true)?;
        if let Some(source) = self.source.filter(|s| s.is_ipv4() == target.is_ipv4()) {
            socket.bind(SocketAddr::new(source, 0))?;
        }
        Ok(socket)
    }
}

/// What a failure to connect means. What is not known to come from the network is taken for our own.
fn contact_of(error: &io::Error) -> Contact {
    match error.kind() {
        ErrorKind::ConnectionRefused => Contact::Refused,
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => Contact::ClosedEarly,
        ErrorKind::TimedOut => Contact::ConnectTimedOut,
        // A local firewall rule that rejects answers with a lack of permission.
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::PermissionDenied => {
            Contact::NoRoute
        }
        _ => Contact::LocalError,
    }
}

/// How a wait for bytes ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// What was waited for came.
    Met,
    /// The other side closed.
    Closed,
    /// The other side reset, or the path broke.
    Reset,
    /// The time was up.
    TimedOut,
    /// More than [`MAX_BYTES`] came.
    Flooded,
}

/// A connection to a target.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    rtt: Duration,
    taken: usize,
}

impl Connection {
    /// How long the connection took to stand: about one round trip.
    pub const fn rtt(&self) -> Duration {
        self.rtt
    }

    /// The stream below, for a client that does its own reading and writing.
    pub fn into_stream(self) -> TcpStream {
        self.stream
    }

    /// Sends all of `bytes` within `limit`.
    ///
    /// # Errors
    ///
    /// How it went wrong. What the other side said before is still to be read.
    pub async fn send(&mut self, bytes: &[u8], limit: Duration) -> Result<(), Wait> {
        // A fresh socket takes a few kilobytes at once: one system call and no timer.
        match self.stream.try_write(bytes) {
            Ok(n) if n == bytes.len() => Ok(()),
            Ok(n) => self.send_rest(bytes.get(n..).unwrap_or_default(), limit).await,
            Err(e) if e.kind() == ErrorKind::WouldBlock => self.send_rest(bytes, limit).await,
            Err(_) => Err(Wait::Reset),
        }
    }

    async fn send_rest(&mut self, mut bytes: &[u8], limit: Duration) -> Result<(), Wait> {
        let sending = async {
            while !bytes.is_empty() {
                self.stream.writable().await?;
                match self.stream.try_write(bytes) {
                    Ok(n) => bytes = bytes.get(n..).unwrap_or_default(),
                    Err(e) if e.kind() == ErrorKind::WouldBlock => {}
                    Err(e) => return Err(e),
                }
            }
            Ok::<(), io::Error>(())
        };
        match timeout(limit, sending).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Wait::Reset),
            Err(_elapsed) => Err(Wait::TimedOut),
        }
    }

    /// Hands what comes to `enough` until that says so, or for at most `limit`.
    pub async fn receive(&mut self, limit: Duration, enough: impl FnMut(&[u8]) -> bool + Send) -> Wait {
        timeout(limit, self.receive_all(enough)).await.unwrap_or(Wait::TimedOut)
    }

    async fn receive_all(&mut self, mut enough: impl FnMut(&[u8]) -> bool + Send) -> Wait {
        poll_fn(|cx| {
            loop {
                let mut space = [const { MaybeUninit::uninit() }; READ_LEN];
                let mut buffer = ReadBuf::uninit(&mut space);
                if ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer)).is_err() {
                    return Poll::Ready(Wait::Reset);
                }
                let bytes = buffer.filled();
                if bytes.is_empty() {
                    return Poll::Ready(Wait::Closed);
                }
                self.taken = self.taken.saturating_add(bytes.len());
                if enough(bytes) {
                    return Poll::Ready(Wait::Met);
                }
                if self.taken > MAX_BYTES {
                    return Poll::Ready(Wait::Flooded);
                }
            }
        })
        .await
    }
}

/// Datagrams to a target and from it.
#[derive(Debug)]
pub struct Datagrams {
    socket: UdpSocket,
    taken: usize,
}

impl Datagrams {
    /// Sends one datagram.
    ///
    /// # Errors
    ///
    /// How the contact ended: `refused` (an ICMP message about an earlier one says so), `no-route` or `local-error`.
    pub async fn send(&self, datagram: &[u8]) -> Result<(), Contact> {
        self.socket.send(datagram).await.map(|_| ()).map_err(|e| contact_of(&e))
    }

    /// Hands each datagram that comes to `enough` until that says so, or for at most `limit`: [`Wait::Met`],
    /// [`Wait::TimedOut`] or [`Wait::Flooded`].
    ///
    /// # Errors
    ///
    /// As [`Self::send`].
    pub async fn receive(
        &mut self,
        limit: Duration,
        mut enough: impl FnMut(&[u8]) -> bool + Send,
    ) -> Result<Wait, Contact> {
        let Self { socket, taken } = self;
        let hearing = async {
            let mut space = vec![0; DATAGRAM];
            loop {
                let length = socket.recv(&mut space).await?;
                *taken = taken.saturating_add(length);
                if enough(space.get(..length).unwrap_or_default()) {
                    return Ok::<Wait, io::Error>(Wait::Met);
                }
                if *taken > MAX_BYTES {
                    return Ok(Wait::Flooded);
                }
            }
        };
        match timeout(limit, hearing).await {
            Ok(Ok(wait)) => Ok(wait),
            Ok(Err(error)) => Err(contact_of(&error)),
            Err(_elapsed) => Ok(Wait::TimedOut),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::{io::AsyncWriteExt as _, net::TcpListener};

    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    fn dialer() -> Dialer {
        Dialer::new(None, Rate::per_second(0))
    }

    #[test]
    fn failures_are_told_apart_and_ours_are_not_blamed_on_the_target() {
        let table = [
            (111, Contact::Refused),
            (113, Contact::NoRoute),
            (101, Contact::NoRoute),
            (13, Contact::NoRoute),
            (1, Contact::NoRoute),
            (110, Contact::ConnectTimedOut),
            (104, Contact::ClosedEarly),
            (24, Contact::LocalError),
            (23, Contact::LocalError),
            (99, Contact::LocalError),
            (105, Contact::LocalError),
            (12, Contact::LocalError),
            (97, Contact::LocalError),
        ];
        for (number, expected) in table {
            assert_eq!(contact_of(&io::Error::from_raw_os_error(number)), expected, "errno {number}");
        }
    }

    #[tokio::test]
    async fn a_closed_port_is_refused() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        assert_eq!(dialer().dial(address, LONG).await.err(), Some(Contact::Refused));
    }

    #[tokio::test]
    async fn a_source_address_that_is_not_ours_is_our_own_fault() {
        let source = Some("192.0.2.1".parse().unwrap());
        let dialer = Dialer::new(source, Rate::per_second(0));
        let target = "127.0.0.1:9".parse().unwrap();
        assert_eq!(dialer.dial(target, LONG).await.err(), Some(Contact::LocalError));
    }

    #[tokio::test]
    async fn the_source_address_is_used() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let dialer = Dialer::new(Some("127.0.0.9".parse().unwrap()), Rate::per_second(0));
        let connection = dialer.dial(listener.local_addr().unwrap(), LONG).await.unwrap();
        let (_, peer) = listener.accept().await.unwrap();
        assert_eq!(peer.ip().to_string(), "127.0.0.9");
        drop(connection);
    }

    #[tokio::test]
    async fn bytes_come_through_and_a_close_is_seen() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut connection = dialer().dial(listener.local_addr().unwrap(), LONG).await.unwrap();
        let (mut peer, _) = listener.accept().await.unwrap();
        let long = vec![7; 100_000];
        let writer = tokio::spawn(async move {
            peer.write_all(&long).await.unwrap();
        });
        let mut n = 0;
        assert_eq!(
            connection
                .receive(LONG, |bytes| {
                    n += bytes.len();
                    n >= 100_000
                })
                .await,
            Wait::Met
        );
        writer.await.unwrap();
        assert_eq!(connection.receive(LONG, |_| true).await, Wait::Closed);
    }

    #[tokio::test]
    async fn a_flood_is_cut() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut connection = dialer().dial(listener.local_addr().unwrap(), LONG).await.unwrap();
        let (mut peer, _) = listener.accept().await.unwrap();
        let writer = tokio::spawn(async move { while peer.write_all(&[0; 4096]).await.is_ok() {} });
        assert_eq!(connection.receive(LONG, |_| false).await, Wait::Flooded);
        drop(connection);
        writer.await.unwrap();
    }
}
