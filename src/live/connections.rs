//! What connections may cost. Each has one request and a seat; where all seats are taken, whoever has not asked for
//! anything yet has to leave first, so that idle and slow clients never keep a good one out.
//!
//! axum's own loop has none of these limits, so hyper is driven here.

use std::{
    io,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use axum::{Router, extract::Request};
use hyper::{body::Incoming, server::conn::http1, service::Service as _};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf},
    net::TcpStream,
    sync::{Notify, watch},
    time::{Sleep, sleep},
};

use super::stopped;

/// Connections at a time.
pub(super) const SEATS: usize = 64;
/// From the beginning of a connection to the end of the request's head.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// The longest head of a request, in bytes; also what is kept of events for one that does not read them.
const HEAD_BYTES: usize = 16 * 1024;
/// The most header lines of a request.
const HEAD_LINES: usize = 64;
/// An answer that takes longer has to leave where a seat is needed.
const SLOW_ANSWER: Duration = Duration::from_secs(10);
/// From the beginning of a connection to the end of an answer that is no stream.
const ANSWER_TIME: Duration = Duration::from_secs(300);
/// How long a write may wait without a byte being taken.
const STALL: Duration = Duration::from_secs(30);
/// How much, and for how long, is still taken in after an answer, so that the answer arrives: closing with bytes unread
/// would take it back.
const LINGER: (u64, Duration) = (4 << 20, Duration::from_secs(1));

const READING: u8 = 0;
const ANSWERING: u8 = 1;
const STREAMING: u8 = 2;

/// One connection's place.
#[derive(Debug)]
pub(super) struct Seat {
    came: Instant,
    stage: AtomicU8,
    leave: Notify,
}

impl Seat {
    /// It follows events from now on: it stays for as long as it likes.
    pub(super) fn streams(&self) {
        self.stage.store(STREAMING, Ordering::Relaxed);
    }

    fn is(&self, stage: u8) -> bool {
        self.stage.load(Ordering::Relaxed) == stage
    }
}

/// All places, the oldest connection first.
#[derive(Debug, Default)]
pub(super) struct Seats(Mutex<Vec<Arc<Seat>>>);

/// A place that is given back when this is dropped.
#[derive(Debug)]
pub(super) struct Taken {
    seat: Arc<Seat>,
    seats: Arc<Seats>,
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.seats.lock().retain(|seat| !Arc::ptr_eq(seat, &self.seat));
    }
}

impl Seats {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Seat>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place, if need be that of another: of one that has not asked yet, else of one that takes its answer very
    /// slowly. None where all are in good use.
    pub(super) fn take(self: &Arc<Self>) -> Option<Taken> {
        let mut seats = self.lock();
        if seats.len() >= SEATS {
            let slow = |seat: &Arc<Seat>| seat.is(ANSWERING) && seat.came.elapsed() > SLOW_ANSWER;
            let idle = seats.iter().position(|seat| seat.is(READING));
            let leaves = idle.or_else(|| seats.iter().position(slow))?;
            seats.remove(leaves).leave.notify_one();
        }
        let stage = AtomicU8::new(READING);
        let seat = Arc::new(Seat { came: Instant::now(), stage, leave: Notify::new() });
        seats.push(Arc::clone(&seat));
        Some(Taken { seat, seats: Arc::clone(self) })
    }
}

/// Says that there is no place, as far as that can be said at once.
pub(super) fn refuse(stream: &TcpStream) {
    let words = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let _ = stream.try_write(words); // it is closed all the same
}

/// One connection to its end.
pub(super) async fn attend(stream: TcpStream, taken: Taken, router: Router, mut stop: watch::Receiver<bool>) {
    let seat = &taken.seat;
    let mut stream = Patient { stream, stalled: None };
    let inner = TowerToHyperService::new(router);
    let service = hyper::service::service_fn(|mut request: Request<Incoming>| {
        seat.stage.store(ANSWERING, Ordering::Relaxed);
        request.extensions_mut().insert(Arc::clone(seat));
        inner.call(request)
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .keep_alive(false)
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEAD_LINES);
    {
        let mut connection = pin!(builder.serve_connection(TokioIo::new(&mut stream), service));
        let mut late = pin!(sleep(ANSWER_TIME));
        let mut waits = true;
        loop {
            tokio::select! {
                _ended = connection.as_mut() => break,
                () = seat.leave.notified() => return,
                () = late.as_mut(), if waits => {
                    if !seat.is(STREAMING) {
                        return;
                    }
                    waits = false;
                }
            }
        }
    }
    seat.stage.store(READING, Ordering::Relaxed);
    tokio::select! {
        () = linger(&mut stream.stream) => {}
        () = seat.leave.notified() => {}
        () = stopped(&mut stop) => {}
    }
}

/// Ends our side and takes in what the other one still sends, within bounds.
async fn linger(stream: &mut TcpStream) {
    let (bytes, time) = LINGER;
    let rest = async {
        let _ = stream.shutdown().await; // it may be gone already
        let mut sink = tokio::io::sink();
        let _ = tokio::io::copy(&mut stream.take(bytes), &mut sink).await;
    };
    let _ = tokio::time::timeout(time, rest).await;
}

/// A stream whose writes fail once the other side has taken nothing for too long.
struct Patient {
    stream: TcpStream,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Patient {
    fn within(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(STALL)));
        ready!(stalled.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.within(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.within(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
