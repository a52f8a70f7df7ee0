//! A page shown in a browser while it changes: an HTTP server of one page and one stream of events.
//!
//! It knows nothing of what it shows: a [`Source`] makes the page and says how far things are. It is no general server:
//! two paths below a secret, no files, no request bodies, no cookies, no TLS, one request a connection.
//!
//! - `door.rs` decides who gets in: host, method, secret, path.
//! - `page.rs` keeps the page that was made last, and decides when the next one is made.
//! - `events.rs` asks how far things are, once for all browsers, and tells each of them.
//! - `connections.rs` bounds what connections cost: their number, their time, their memory.

mod answer;
mod connections;
mod door;
mod events;
mod page;
#[cfg(test)]
mod tests;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Extension, Request, State},
    http::StatusCode,
    response::Response,
};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
    task::JoinSet,
};

use self::{
    connections::{Seat, Seats},
    door::{Asked, Door},
    events::Now,
    page::Pages,
};

pub use door::token;

/// Event streams at a time; further ones get 503.
const STREAMS: usize = 32;
/// How long open connections have to come to their end once the server is told to stop.
const FAREWELL: Duration = Duration::from_millis(500);

/// What the server shows. Both are called on threads that may block, `page` by one of them at a time. An error is one
/// plain sentence for people; it is escaped here.
pub trait Source: Send + Sync + 'static {
    /// The whole page as it stands, with the mark of what it was made from.
    fn page(&self) -> Result<Page, String>;
    /// How far things are, and the present mark. Cheap: it is called every few seconds.
    fn progress(&self) -> Result<Progress, String>;
}

/// A page as it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// HTML in UTF-8.
    pub html: String,
    /// What it was made from. Another mark means that another page can be had; empty is none.
    pub mark: String,
    /// Its Content-Security-Policy, sent as a header too. One that is no header value is replaced by one that
    /// forbids everything.
    pub csp: String,
}

/// How far things are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// One JSON object.
    pub json: String,
    /// The mark of a page that were made now.
    pub mark: String,
}

/// How it is served.
#[derive(Clone)]
pub struct Options {
    /// The address that is listened on, with the port that was given. A Host header has to name it.
    pub listen: SocketAddr,
    /// The secret that every path begins with; see [`token`]. Not empty, letters and digits.
    pub token: String,
    /// How often the source is asked how far things are.
    pub every: Duration,
}

impl std::fmt::Debug for Options {
    /// Without the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("listen", &self.listen)
            .field("every", &self.every)
            .finish_non_exhaustive()
    }
}

/// What every request needs.
struct House {
    door: Door,
    pages: Arc<Pages>,
    now: watch::Receiver<Now>,
    stop: watch::Receiver<bool>,
    streams: Arc<Semaphore>,
}

/// Serves until `stop` turns true, and returns within a second then, whatever is still connected. A page that is being
/// made goes on on its own thread, and nobody waits for it. An error means that it could not begin.
pub async fn serve(
    listener: TcpListener,
    options: Options,
    source: Arc<dyn Source>,
    mut stop: watch::Receiver<bool>,
) -> io::Result<()> {
    if options.token.is_empty() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "a server without a secret"));
    }
    let (tell, now) = watch::channel(Now::default());
    let pages = Arc::new(Pages::new(Arc::clone(&source), tell));
    let mut tasks = JoinSet::new();
    let mut asking = JoinSet::new();
    asking.spawn(events::ask(source, Arc::clone(&pages), options.every));
    let house = Arc::new(House {
        door: Door::new(options.listen.ip(), &options.token),
        pages,
        now,
        stop: stop.clone(),
        streams: Arc::new(Semaphore::new(STREAMS)),
    });
    let router = Router::new().fallback(answer).with_state(house);
    let seats = Arc::new(Seats::default());
    loop {
        tokio::select! {
            () = stopped(&mut stop) => break,
            Some(_) = tasks.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    if let Some(taken) = seats.take() {
                        tasks.spawn(connections::attend(stream, taken, router.clone(), stop.clone()));
                    } else {
                        connections::refuse(&stream);
                    }
                }
                // Out of descriptors, as a rule: they come back when connections end.
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            },
        }
    }
    drop(listener);
    let all_gone = async { while tasks.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(FAREWELL, all_gone).await; // whoever is left is cut off
    tasks.shutdown().await;
    asking.shutdown().await;
    Ok(())
}

/// Returns once the server is told to stop. Nobody who could tell it any more is no reason to.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// The one handler: what is asked, and the answer to it.
async fn answer(
    State(house): State<Arc<House>>,
    Extension(seat): Extension<Arc<Seat>>,
    request: Request,
) -> Response {
    let head = request.method() == axum::http::Method::HEAD;
    match house.door.asked(&request) {
        Asked::Page => match house.pages.get().await {
            Ok(page) => answer::page(&page),
            Err(why) => answer::trouble(&why),
        },
        Asked::Events { .. } if head => answer::no_events(),
        Asked::Events { has } => match Arc::clone(&house.streams).try_acquire_owned() {
            Ok(permit) => {
                seat.streams();
                answer::events(events::follow(house.now.clone(), house.stop.clone(), has, permit))
            }
            Err(_) => answer::refusal(StatusCode::SERVICE_UNAVAILABLE),
        },
        Asked::Refused(status) => answer::refusal(status),
    }
}
