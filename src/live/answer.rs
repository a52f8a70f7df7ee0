//! Answers, with the headers that stand on every one of them. It decides nothing.

use std::{convert::Infallible, time::Duration};

use axum::{
    body::Body,
    http::{
        HeaderName, HeaderValue, StatusCode,
        header::{
            ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
            X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
        },
    },
    response::{
        IntoResponse as _, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::Stream;

use super::page::Shown;

/// For what is no page of the source's: nothing may be loaded or run.
pub(super) const STRICT: &str =
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// How often something is sent where nothing happens, so that proxies and browsers keep the stream.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

const ALWAYS: [(HeaderName, &str); 5] = [
    (CACHE_CONTROL, "no-store"),
    (REFERRER_POLICY, "no-referrer"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

fn with_headers(mut response: Response, csp: Option<&HeaderValue>) -> Response {
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let strict = HeaderValue::from_static(STRICT);
    headers.insert(CONTENT_SECURITY_POLICY, csp.cloned().unwrap_or(strict));
    response
}

fn typed(status: StatusCode, kind: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

const HTML: &str = "text/html; charset=utf-8";

/// The page. Its bytes are shared by everyone who is being sent them.
pub(super) fn page(page: &Shown) -> Response {
    with_headers(typed(StatusCode::OK, HTML, Body::from(page.html.clone())), Some(&page.csp))
}

/// Why there is no page. It asks again by itself, since what is wrong may pass.
pub(super) fn trouble(why: &str) -> Response {
    let html = format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" content=\"5\">\n\
         <title>No page now</title>\n<h1>There is no page now</h1>\n<p>{}</p>\n\
         <p>It is tried again every five seconds.</p>\n</html>\n",
        escaped(why)
    );
    with_headers(typed(StatusCode::INTERNAL_SERVER_ERROR, HTML, Body::from(html)), None)
}

/// A status and its own words.
pub(super) fn refusal(status: StatusCode) -> Response {
    let words = match status {
        StatusCode::NOT_FOUND => "Nothing is here.\n",
        StatusCode::METHOD_NOT_ALLOWED => "Only GET and HEAD.\n",
        StatusCode::MISDIRECTED_REQUEST => "This server does not answer under that name.\n",
        _ => "Too many are looking. Try again later.\n",
    };
    let mut response = typed(status, "text/plain; charset=utf-8", Body::from(words));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    with_headers(response, None)
}

const EVENTS: &str = "text/event-stream";

/// The head of a stream of events, without the stream.
pub(super) fn no_events() -> Response {
    with_headers(typed(StatusCode::OK, EVENTS, Body::empty()), None)
}

/// A stream of events.
pub(super) fn events(stream: impl Stream<Item = Result<Event, Infallible>> + Send + 'static) -> Response {
    let sse = Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE));
    with_headers(sse.into_response(), None)
}

/// Text for HTML. What acts on a terminal or on the direction of writing is no business of an error's.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if crate::model::text::acts_on_a_terminal(c) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
