//! One connection's bytes: records in, answers out, with what stands between a TLS library and the network
//! (a write buffer, small segments, slow answers, reading by edges). No decisions.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{sleep, timeout},
};

use super::{
    face::{Ending, Face},
    wire_log::Log,
};
use crate::wire::tls::{
    alert::{self, Alert},
    record::{RecordError, RecordReader},
};

/// Room for one read of the socket.
const READ: usize = 16 * 1024;
/// How long a closing server reads on, so that what it said is not lost in a reset.
const DRAIN_TIME: Duration = Duration::from_secs(2);
/// How much it reads on at most.
const DRAIN_BYTES: usize = 256 * 1024;
/// The first pieces of a segmented answer stand apart by this long; the rest follow without a wait.
const GAP: Duration = Duration::from_millis(1);
const GAPS: usize = 32;

/// A record that a client sent.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) content_type: u8,
    pub(super) version: u16,
    pub(super) fragment: Vec<u8>,
}

/// A connection in the hands of a scripted server.
pub(super) struct Connection<'a> {
    stream: TcpStream,
    reader: RecordReader,
    /// Bytes that arrived and were not read yet.
    unread: Vec<u8>,
    /// Everything that arrived before the first hello was whole, for handing the connection on.
    first_bytes: Option<Vec<u8>>,
    by_edges: bool,
    held: Vec<u8>,
    face: &'a Face,
    log: &'a Log,
    number: u64,
}

impl<'a> Connection<'a> {
    pub(super) fn new(stream: TcpStream, face: &'a Face, log: &'a Log, number: u64) -> Self {
        Self {
            stream,
            reader: RecordReader::new(),
            unread: Vec::new(),
            first_bytes: Some(Vec::new()),
            by_edges: false,
            held: Vec::new(),
            face,
            log,
            number,
        }
    }

    /// From here on, reads as the face says: by edges where it asks for that.
    pub(super) fn past_hello(&mut self) {
        self.first_bytes = None;
        self.by_edges = self.face.one_record_per_arrival;
    }

    /// All that arrived before the first hello was whole.
    pub(super) fn first_bytes(&self) -> &[u8] {
        self.first_bytes.as_deref().unwrap_or_default()
    }

    /// The stream and all that arrived on it, to begin anew with another TLS library.
    pub(super) fn into_parts(self) -> (TcpStream, Vec<u8>) {
        (self.stream, self.first_bytes.unwrap_or_default())
    }

    /// The next record. `Ok(None)`: the client has gone.
    pub(super) async fn record(&mut self) -> io::Result<Option<Incoming>> {
        let mut wait = self.by_edges;
        loop {
            if !wait && let Some(found) = self.record_at_hand()? {
                return Ok(Some(found));
            }
            if !self.arrival().await? {
                return if wait { self.record_at_hand() } else { Ok(None) };
            }
            wait = false;
        }
    }

    fn record_at_hand(&mut self) -> io::Result<Option<Incoming>> {
        let mut input = &*self.unread;
        let before = input.len();
        let outcome = self.reader.read(&mut input).map(|found| {
            found.map(|found| {
                self.log.add(self.number, &found);
                Incoming {
                    content_type: found.content_type,
                    version: found.version,
                    fragment: found.fragment.to_vec(),
                }
            })
        });
        let used = before - input.len();
        self.unread.drain(..used);
        outcome.map_err(|error: RecordError| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    /// Reads what has arrived, once. False at the end of the stream.
    async fn arrival(&mut self) -> io::Result<bool> {
        let before = self.unread.len();
        self.unread.reserve(READ);
        let n = self.stream.read_buf(&mut self.unread).await?;
        if let Some(first) = &mut self.first_bytes {
            first.extend_from_slice(self.unread.get(before..).unwrap_or_default());
        }
        Ok(n > 0)
    }

    /// Writes an answer by way of the write buffer: what fits is held, what does not goes out with all that
    /// was held before (the rule of OpenSSL's buffering BIO).
    pub(super) async fn answer(&mut self, bytes: &[u8]) -> io::Result<()> {
        let room = self.face.write_buffer.saturating_sub(self.held.len());
        if bytes.len() <= room {
            self.held.extend_from_slice(bytes);
            return Ok(());
        }
        let mut rest = bytes;
        if !self.held.is_empty() {
            let (fits, beyond) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
            self.held.extend_from_slice(fits);
            self.flush().await?;
            rest = beyond;
        }
        if rest.len() < self.face.write_buffer {
            self.held.extend_from_slice(rest);
            return Ok(());
        }
        self.send(rest).await
    }

    async fn flush(&mut self) -> io::Result<()> {
        let held = std::mem::take(&mut self.held);
        self.send(&held).await
    }

    /// Writes at once, slowly and in pieces where the face asks for that.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        if !self.face.delay.is_zero() {
            sleep(self.face.delay).await;
        }
        if self.face.segment == 0 {
            return self.stream.write_all(bytes).await;
        }
        self.stream.set_nodelay(true)?;
        for (n, piece) in bytes.chunks(self.face.segment).enumerate() {
            if (1..GAPS).contains(&n) {
                sleep(GAP).await;
            }
            self.stream.write_all(piece).await?;
        }
        Ok(())
    }

    /// Waits for a first byte from the client. False: it went without one.
    pub(super) async fn hears_something(&mut self) -> io::Result<bool> {
        self.arrival().await
    }

    /// Ends the conversation. `version` is what alerts are written in.
    pub(super) async fn end(mut self, ending: Ending, version: u16) -> io::Result<()> {
        match ending {
            Ending::Alert(code) => {
                let level = alert::FATAL;
                let mut held = std::mem::take(&mut self.held);
                Alert { level, code }.encode(&mut held, version);
                self.send(&held).await?;
                self.close().await
            }
            Ending::Close => self.close().await,
            Ending::Reset => self.stream.set_zero_linger(),
            Ending::Silent => self.hold().await,
        }
    }

    /// Says nothing more until the client has gone.
    pub(super) async fn hold(mut self) -> io::Result<()> {
        self.first_bytes = None;
        while self.arrival().await? {
            self.unread.clear();
        }
        Ok(())
    }

    async fn close(mut self) -> io::Result<()> {
        self.stream.shutdown().await?;
        self.unread.reserve(READ);
        let drain = async {
            let mut total = 0;
            while total < DRAIN_BYTES {
                self.unread.clear();
                match self.stream.read_buf(&mut self.unread).await {
                    Ok(0) | Err(_) => break,
                    Ok(n) => total += n,
                }
            }
        };
        let _ = timeout(DRAIN_TIME, drain).await; // a client that stays on is left behind
        Ok(())
    }
}
