//! One GET, as a browser's first: no redirect is followed, nothing is sent but the request, and the page is read for
//! what it loads in the clear.

use std::io;

use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::{
    Said, host, mixed, open,
    secure::{Asker, asker},
};
use crate::{
    http::{Failure, Limits, Method, Request, Response, exchange},
    model::{expect::Status, wrap::Wrap},
    probe::{context::Context, kind::Target, trace::Way},
    wire::banner::{self, Source},
};

/// The most of a page that is read.
const MAX_PAGE: usize = 1024 * 1024;
const AGENT: &str = concat!("allclear/", env!("CARGO_PKG_VERSION"));

/// Asks for a path and compares the status.
pub(super) async fn get(
    tls: bool,
    wanted: Status,
    path: &str,
    target: Target<'_>,
    context: &Context,
) -> Said {
    if !matches!(target.wrap, Wrap::Plain | Wrap::Tls) {
        return Said::untried(format!("HTTP is not spoken where the wrap is {}", target.wrap));
    }
    match ask_for(tls, &Wanted::PAGE, path, target, context).await {
        Ok(response) => {
            target.tell(Way::Came, || format!("status {}, {} bytes", response.status, response.body.len()));
            let server = response.server.as_deref().unwrap_or_default();
            target.aside.add_software(banner::software(Source::HttpServer, server.as_bytes()));
            judged(tls, wanted, &response)
        }
        Err(said) => said,
    }
}

/// What is wanted of an answer.
struct Wanted<'a> {
    /// The Accept field.
    accept: &'a str,
    /// The longest body.
    longest: usize,
    /// Whether a longer one is cut instead of refused.
    cut: bool,
}

impl Wanted<'_> {
    const PAGE: Self = Self { accept: "*/*", longest: MAX_PAGE, cut: true };
}

/// One document, whole, asked for as a user would: over TLS with a certificate that is verified, by an error in words
/// otherwise. No redirect is followed.
pub(in crate::probe) async fn document(
    tls: bool,
    accept: &str,
    path: &str,
    target: Target<'_>,
    context: &Context,
) -> Result<Response, String> {
    let wanted = Wanted { accept, longest: MAX_PAGE, cut: false };
    let asked = ask_for(tls, &wanted, path, target, context).await;
    asked.map_err(|said| said.saw.unwrap_or_else(|| "no answer".to_owned()))
}

async fn ask_for(
    tls: bool,
    wanted: &Wanted<'_>,
    path: &str,
    target: Target<'_>,
    context: &Context,
) -> Result<Response, Said> {
    if tls {
        return over_tls(wanted, path, target, context).await;
    }
    let stream = open(Wrap::Plain, target, context).await?.into_stream();
    ask(stream, false, wanted, path, target, context).await.map_err(|e| said(e, false))
}

async fn over_tls(
    wanted: &Wanted<'_>,
    path: &str,
    target: Target<'_>,
    context: &Context,
) -> Result<Response, Said> {
    let Asker { judge, config, name } = asker(target, context, &[b"http/1.1"])?;
    let stream = open(Wrap::Tls, target, context).await?.into_stream();
    let limit = context.settings.timeouts.step.saturating_mul(2);
    let connected = timeout(limit, TlsConnector::from(config).connect(name, stream)).await;
    let stream = match connected {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            let cause = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
            let how = if error.kind() == io::ErrorKind::UnexpectedEof { "closed" } else { "reset" };
            return Err(cause.map_or_else(|| judge.ended(how, false), |cause| judge.said(cause)));
        }
        Err(_elapsed) => {
            return Err(Said::failed(format!("no answer to the handshake within {} ms", limit.as_millis())));
        }
    };
    target.tell(Way::Came, || "handshake verified".to_owned());
    // In TLS 1.3 a server that wants a client certificate objects after the handshake.
    ask(stream, true, wanted, path, target, context).await.map_err(|e| said(e, judge.asked()))
}

async fn ask<S>(
    stream: S,
    tls: bool,
    wanted: &Wanted<'_>,
    path: &str,
    target: Target<'_>,
    context: &Context,
) -> Result<Response, Failure>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let host = authority(&host(target), target.address.port(), tls);
    target.tell(Way::Sent, || format!("GET {path}"));
    let headers = [("user-agent", AGENT), ("accept", wanted.accept), ("accept-encoding", "identity")];
    let request = Request { method: Method::Get, host: &host, path, headers: &headers, body: &[] };
    let time = context.settings.timeouts.step.saturating_mul(2);
    exchange(stream, &request, Limits { time, body: wanted.longest, cut: wanted.cut }).await
}

/// The Host field (RFC 9110, 7.2).
fn authority(host: &str, port: u16, tls: bool) -> String {
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    if port == if tls { 443 } else { 80 } { host } else { format!("{host}:{port}") }
}

fn said(failure: Failure, wants_ours: bool) -> Said {
    match failure {
        Failure::Closed | Failure::Broken(_) if wants_ours => Said::untried(super::judge::WANTS_OURS),
        Failure::Request => Said::untried("the address cannot be written in a request"),
        other => Said::failed(other.to_string()),
    }
}

fn judged(tls: bool, wanted: Status, response: &Response) -> Said {
    let met = wanted.includes(response.status);
    let mut said = if met { Said::met() } else { Said::failed(format!("status {}", response.status)) };
    let upgrades = response.policy.as_deref().is_some_and(|p| mixed::upgrades(p.as_bytes()));
    if tls && !upgrades && is_html(response.content_type.as_deref(), &response.body) {
        let unread = if is_packed(&response.body) {
            Some("the page came compressed and was not read for resources in the clear".to_owned())
        } else {
            said.mixed = mixed::mixed(&response.body);
            response.cut.then(|| format!("only the first {MAX_PAGE} bytes of the page were read"))
        };
        if let Some(unread) = unread {
            said.saw = Some(said.saw.map_or_else(|| unread.clone(), |saw| format!("{saw}; {unread}")));
        }
    }
    said
}

/// By its type, or, where none is given, by what browsers look at.
fn is_html(content_type: Option<&str>, body: &[u8]) -> bool {
    if let Some(text) = content_type {
        let essence = text.split(';').next().unwrap_or_default().trim();
        return ["text/html", "application/xhtml+xml"].iter().any(|html| essence.eq_ignore_ascii_case(html));
    }
    let start = body.trim_ascii_start();
    let begins =
        |text: &str| start.get(..text.len()).is_some_and(|s| s.eq_ignore_ascii_case(text.as_bytes()));
    ["<!doctype html", "<html", "<head", "<body"].into_iter().any(begins)
}

/// gzip or zstd, though neither was asked for.
fn is_packed(body: &[u8]) -> bool {
    body.starts_with(&[0x1f, 0x8b]) || body.starts_with(&[0x28, 0xb5, 0x2f, 0xfd])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_field_names_a_port_where_it_is_not_the_schemes_own() {
        let table = [
            (("a.test", 443, true), "a.test"),
            (("a.test", 80, true), "a.test:80"),
            (("a.test", 80, false), "a.test"),
            (("192.0.2.1", 8443, true), "192.0.2.1:8443"),
            (("2001:db8::1", 443, true), "[2001:db8::1]"),
            (("2001:db8::1", 444, true), "[2001:db8::1]:444"),
        ];
        for ((host, port, tls), expected) in table {
            assert_eq!(authority(host, port, tls), expected);
        }
    }

    fn page(content_type: Option<&str>, body: &[u8]) -> Response {
        Response {
            status: 200,
            server: Some("x".to_owned()),
            content_type: content_type.map(str::to_owned),
            policy: None,
            location: None,
            body: body.to_vec(),
            cut: false,
        }
    }

    #[test]
    fn only_pages_over_tls_are_read_and_what_was_not_read_is_said() {
        let image = b"<html><img src=http://a.example.test/x>";
        let wanted = Status::Code(200);
        let of = |tls, content_type, body: &[u8]| judged(tls, wanted, &page(content_type, body));
        assert_eq!(of(true, Some("Text/HTML; charset=utf-8"), image).mixed, ["image from a.example.test"]);
        assert_eq!(of(true, None, image).mixed.len(), 1);
        assert!(of(true, Some("text/plain"), image).mixed.is_empty());
        assert!(of(false, Some("text/html"), image).mixed.is_empty());
        let packed = of(true, Some("text/html"), &[0x1f, 0x8b, 8, 0]);
        assert_eq!(packed.met, Some(true));
        assert!(packed.saw.unwrap().contains("compressed"));
        let long = judged(true, Status::Code(204), &Response { cut: true, ..page(Some("text/html"), image) });
        assert_eq!(long.met, Some(false));
        assert_eq!(long.saw.unwrap(), "status 200; only the first 1048576 bytes of the page were read");
        assert_eq!(long.mixed.len(), 1);
    }
}
