//! One HTTP/1.1 request and its answer, over a stream that somebody else opened.
//!
//! Not a client: it opens nothing, follows no redirect, keeps no connection and knows no policy. Everything is
//! bounded: the head, the body, the time. What the peer says comes back as data or not at all; failures are told in
//! words of our own.

use std::{io::ErrorKind, time::Duration};

use http_body_util::{BodyExt as _, Full};
use hyper::{
    body::{Bytes, Incoming},
    client::conn::http1,
    header::{
        CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderName, HeaderValue, LOCATION,
        SERVER,
    },
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, timeout_at},
};

/// The largest head of an answer.
const MAX_HEAD: usize = 64 * 1024;
/// The most header lines of an answer.
const MAX_HEADERS: usize = 128;
/// The longest header value that is kept, in characters.
const MAX_VALUE: usize = 512;
/// Nothing takes longer, whatever is asked for.
const LONGEST: Duration = Duration::from_secs(3600);

/// The methods that are needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Without a body.
    Get,
    /// With a body.
    Post,
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The method.
    pub method: Method,
    /// The Host field: a name or an address, `[..]` around one of IPv6, and a port where it is not the scheme's own.
    pub host: &'a str,
    /// The path with its query, from `/`.
    pub path: &'a str,
    /// Further header fields, such as Content-Type and Accept.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body of a POST.
    pub body: &'a [u8],
}

/// How much of the peer's time and talk is borne.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From the first byte sent to the last one read.
    pub time: Duration,
    /// The longest body, in bytes.
    pub body: usize,
    /// Whether a longer body is cut there; otherwise it is a failure, at once where Content-Length announces it.
    pub cut: bool,
}

/// What came back. Everything textual is hostile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The Server field, at most 512 characters.
    pub server: Option<String>,
    /// The Content-Type field, at most 512 characters.
    pub content_type: Option<String>,
    /// The Content-Security-Policy field, at most 512 characters.
    pub policy: Option<String>,
    /// The Location field, at most 512 characters. Never followed.
    pub location: Option<String>,
    /// The body, without its transfer coding.
    pub body: Vec<u8>,
    /// Whether the body was longer than what is kept.
    pub cut: bool,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Host, path or a header field cannot be written in a request. Ours, or that of whoever gave them.
    #[error("the address cannot be written in a request")]
    Request,
    /// No head of an answer in time.
    #[error("no answer within {0} ms")]
    NoAnswer(u128),
    /// A head and not all of the body in time.
    #[error("the answer was not complete within {0} ms")]
    Slow(u128),
    /// Something else than HTTP/1, or a head beyond 64 KiB or 128 lines; hyper does not tell them apart.
    #[error("the answer is not HTTP, or its head is too long")]
    NotHttp,
    /// Closed before an answer.
    #[error("closed without an answer")]
    Closed,
    /// A body that ends early or whose coding makes no sense.
    #[error("the body of the answer is broken off or malformed")]
    Body,
    /// More than was asked for.
    #[error("the body of the answer is longer than {0} bytes")]
    LongBody(usize),
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(ErrorKind),
}

/// Sends one request and takes its answer. Ends by the limits, whatever the peer does. The peer is asked to close then
/// (`Connection: close`), and no content coding is offered, so the body is what it is.
pub async fn exchange<S>(stream: S, request: &Request<'_>, limits: Limits) -> Result<Response, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let time = limits.time.min(LONGEST);
    let deadline = Instant::now() + time;
    let late = || Failure::NoAnswer(time.as_millis());
    let request = assemble(request)?;
    let mut builder = http1::Builder::new();
    builder.max_buf_size(MAX_HEAD).max_headers(MAX_HEADERS);
    let opening = builder.handshake(TokioIo::new(stream));
    let (mut sender, connection) =
        timeout_at(deadline, opening).await.map_err(|_| late())?.map_err(|e| failure(&e, Failure::Closed))?;
    let asking = async {
        let answer = timeout_at(deadline, sender.send_request(request)).await.map_err(|_| late())?;
        let (head, body) = answer.map_err(|e| failure(&e, Failure::Closed))?.into_parts();
        let text = |name: &HeaderName| head.headers.get(name).map(kept);
        let (status, server) = (head.status.as_u16(), text(&SERVER));
        let (content_type, location) = (text(&CONTENT_TYPE), text(&LOCATION));
        let policy = text(&CONTENT_SECURITY_POLICY);
        if !limits.cut && announced(&head.headers).is_some_and(|length| length > limits.body) {
            return Err(Failure::LongBody(limits.body));
        }
        let reading = read(body, limits);
        let (body, cut) =
            timeout_at(deadline, reading).await.map_err(|_| Failure::Slow(time.as_millis()))??;
        Ok(Response { status, server, content_type, policy, location, body, cut })
    };
    // The connection moves only while it is polled; it may end before the last of the body is taken out of it.
    let (mut asking, mut connection) = (std::pin::pin!(asking), std::pin::pin!(connection));
    tokio::select! {
        done = &mut asking => return done,
        _ended = &mut connection => {}
    }
    asking.await
}

fn assemble(request: &Request<'_>) -> Result<hyper::Request<Full<Bytes>>, Failure> {
    let method = match request.method {
        Method::Get => hyper::Method::GET,
        Method::Post => hyper::Method::POST,
    };
    if !request.path.starts_with('/') || request.host.is_empty() {
        return Err(Failure::Request);
    }
    let mut builder = hyper::Request::builder().method(method).uri(request.path).header(HOST, request.host);
    for (name, value) in request.headers {
        builder = builder.header(*name, *value);
    }
    builder = builder.header("connection", "close");
    builder.body(Full::new(Bytes::copy_from_slice(request.body))).map_err(|_| Failure::Request)
}

fn announced(headers: &hyper::HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn kept(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).chars().filter(|c| !c.is_control()).take(MAX_VALUE).collect()
}

/// The body up to the limit, and whether there was more.
async fn read(mut body: Incoming, limits: Limits) -> Result<(Vec<u8>, bool), Failure> {
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        // Trailers are of no use here.
        let Ok(data) = frame.map_err(|e| failure(&e, Failure::Body))?.into_data() else { continue };
        let room = limits.body.saturating_sub(whole.len());
        whole.extend_from_slice(data.get(..room).unwrap_or(&data));
        if data.len() > room {
            return if limits.cut { Ok((whole, true)) } else { Err(Failure::LongBody(limits.body)) };
        }
    }
    Ok((whole, false))
}

/// `otherwise` is what an end of the stream means at this point.
fn failure(error: &hyper::Error, otherwise: Failure) -> Failure {
    if error.is_parse() {
        return Failure::NotHttp;
    }
    let mut cause = std::error::Error::source(error);
    for _ in 0..8 {
        let Some(inner) = cause else { break };
        if let Some(io) = inner.downcast_ref::<std::io::Error>() {
            // The decoder of chunks tells its own troubles as errors of these kinds.
            let decoder = matches!(
                io.kind(),
                ErrorKind::UnexpectedEof
                    | ErrorKind::InvalidInput
                    | ErrorKind::InvalidData
                    | ErrorKind::Other
            );
            return if decoder { otherwise } else { Failure::Broken(io.kind()) };
        }
        cause = inner.source();
    }
    otherwise
}

#[cfg(test)]
mod tests;
