//! One document from one URL that stands in a certificate: address, connection, request, within one time limit.
//!
//! Only plain `http` is asked. An answer is signed, so TLS adds nothing, and a service whose TLS needs the answer could
//! not be asked (RFC 5280, 8). A redirect is not followed: only what stands in the certificate is contacted. Private
//! and loopback addresses are as good as others, since private authorities live there.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use tokio::{
    net::{TcpStream, lookup_host},
    time::{Instant, timeout_at},
};

use super::answer::Why;
use crate::http::{self, Failure, Limits, Method, Request, Response};

/// The longest URL that is asked.
const LONGEST: usize = 2048;
/// The most addresses of a name that are tried.
const MAX_ADDRESSES: usize = 4;

/// Where a URL leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// A name or an address, lower case, without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    /// The Host field.
    authority: String,
    path: String,
}

/// Why there is no document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) why: Why,
    /// Whether the host did not answer at all, so that another question would only wait as long.
    pub(super) dead: bool,
}

impl Trouble {
    fn dead(why: impl Into<Why>) -> Self {
        Self { why: why.into(), dead: true }
    }

    fn alive(why: impl Into<Why>) -> Self {
        Self { why: why.into(), dead: false }
    }
}

impl Place {
    /// Reads a URL. The error says why it is not asked.
    pub(super) fn read(url: &str) -> Result<Self, &'static str> {
        let (scheme, rest) = url.split_once(':').ok_or("its address is not a URL")?;
        match scheme.to_ascii_lowercase().as_str() {
            "http" => {}
            "https" => return Err("its address is https, and only http is asked"),
            "ldap" | "ldaps" => return Err("its address is LDAP, and only http is asked"),
            "file" => return Err("its address is a file, and only http is asked"),
            "ftp" => return Err("its address is FTP, and only http is asked"),
            _ => return Err("its address is of a kind that is not known, and only http is asked"),
        }
        let bad = "its address is malformed";
        let rest = rest.strip_prefix("//").ok_or(bad)?;
        if url.len() > LONGEST || !rest.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(bad);
        }
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end).ok_or(bad)?;
        let (host, port) = host_and_port(authority).ok_or(bad)?;
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Self { host, port, authority: authority.to_ascii_lowercase(), path })
    }
}

fn host_and_port(authority: &str) -> Option<(String, u16)> {
    let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
        let (host, port) = rest.split_once(']')?;
        host.parse::<std::net::Ipv6Addr>().ok()?;
        (host, if port.is_empty() { None } else { Some(port.strip_prefix(':')?) })
    } else {
        let (host, port) = authority.split_once(':').map_or((authority, None), |(h, p)| (h, Some(p)));
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        if host.is_empty() || host.len() > 253 || !host.bytes().all(plain) {
            return None;
        }
        (host, port)
    };
    let port = match port {
        None | Some("") => 80,
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().ok()?,
        Some(_) => return None,
    };
    (port != 0).then(|| (host.to_ascii_lowercase(), port))
}

/// What is asked of a place.
#[derive(Clone, Copy, Debug)]
pub(super) enum Question<'a> {
    /// A list.
    List,
    /// An OCSP request.
    Ocsp(&'a [u8]),
}

/// Asks, and gives the body of an answer with status 200.
pub(super) async fn ask(
    place: &Place,
    question: Question<'_>,
    time: Duration,
    longest: usize,
) -> Result<Vec<u8>, Trouble> {
    let deadline = Instant::now() + time;
    let stream = connect(place, deadline, time).await?;
    let (method, headers, body): (_, &[(&str, &str)], &[u8]) = match question {
        Question::List => (Method::Get, &[("accept", "application/pkix-crl, */*")], &[]),
        Question::Ocsp(body) => (
            Method::Post,
            &[("content-type", "application/ocsp-request"), ("accept", "application/ocsp-response")],
            body,
        ),
    };
    let request = Request { method, host: &place.authority, path: &place.path, headers, body };
    let left = deadline.saturating_duration_since(Instant::now());
    let limits = Limits { time: left, body: longest, cut: false };
    let late = || Trouble::dead(format!("no answer within {} s", time.as_secs_f64()));
    match http::exchange(stream, &request, limits).await {
        Ok(Response { status: 200, body, .. }) => Ok(body),
        Ok(Response { status: status @ 300..=399, .. }) => {
            Err(Trouble::alive(format!("HTTP status {status}; redirects are not followed")))
        }
        Ok(Response { status, .. }) => Err(Trouble::alive(format!("HTTP status {status}"))),
        Err(Failure::NoAnswer(_)) => Err(late()),
        Err(Failure::Slow(_)) => {
            Err(Trouble::dead(format!("the answer took longer than {} s", time.as_secs_f64())))
        }
        Err(failure) => Err(Trouble::alive(failure.to_string())),
    }
}

/// No authority lives at link-local addresses; clouds keep credentials there.
fn may_be_asked(address: IpAddr) -> bool {
    let local = match address {
        IpAddr::V4(v4) => v4.is_link_local() || v4.is_broadcast(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    !(local || address.is_unspecified() || address.is_multicast())
}

async fn connect(place: &Place, deadline: Instant, time: Duration) -> Result<TcpStream, Trouble> {
    let lookup = lookup_host((place.host.as_str(), place.port));
    let addresses: Vec<SocketAddr> = match timeout_at(deadline, lookup).await {
        Ok(Ok(found)) => found.filter(|a| may_be_asked(a.ip())).take(MAX_ADDRESSES).collect(),
        Ok(Err(_)) => return Err(Trouble::dead("its host has no address")),
        Err(_) => return Err(Trouble::dead("its host's address was not found in time")),
    };
    let mut trouble = Trouble::dead("its host has no address");
    for (n, address) in addresses.iter().enumerate() {
        // What is left is shared out, so that one dead address does not take it all.
        let remaining = u32::try_from(addresses.len().saturating_sub(n)).unwrap_or(1).max(1);
        let share = deadline.saturating_duration_since(Instant::now()) / remaining;
        match tokio::time::timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => trouble = Trouble::dead(format!("no connection: {}", error.kind())),
            Err(_) => trouble = Trouble::dead(format!("no connection within {} s", time.as_secs_f64())),
        }
    }
    Err(trouble)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_authority_lives_where_clouds_keep_credentials() {
        for (address, may) in [
            ("169.254.169.254", false),
            ("fe80::1", false),
            ("0.0.0.0", false),
            ("10.0.0.1", true),
            ("::1", true),
        ] {
            assert_eq!(may_be_asked(address.parse().unwrap()), may, "{address}");
        }
    }

    #[test]
    fn only_plain_http_urls_lead_somewhere() {
        type Led<'a> = Option<(&'a str, u16, &'a str, &'a str)>;
        let table: &[(&str, Led<'_>)] = &[
            ("http://Crl.Example.Test/a.crl", Some(("crl.example.test", 80, "crl.example.test", "/a.crl"))),
            ("HTTP://h:8080/?x=1#frag", Some(("h", 8080, "h:8080", "/?x=1"))),
            ("http://h", Some(("h", 80, "h", "/"))),
            ("http://h?x", Some(("h", 80, "h", "/?x"))),
            ("http://[::1]:81/c", Some(("::1", 81, "[::1]:81", "/c"))),
            ("http://127.0.0.1/c", Some(("127.0.0.1", 80, "127.0.0.1", "/c"))),
            ("https://h/", None),
            ("ldap:///CN=x", None),
            ("file:///etc/passwd", None),
            ("gopher://h/", None),
            ("http:/h/", None),
            ("http:///x", None),
            ("http://user@h/", None),
            ("http://user:secret@h/", None),
            ("http://h:0/", None),
            ("http://h:99999/", None),
            ("http://h:+80/", None),
            ("http://h:80:80/", None),
            ("http://[::1/", None),
            ("http://[nonsense]/", None),
            ("http://h/a b", None),
            ("http://h/a\r\nX: y", None),
            ("http://b\u{fc}cher.example/", None),
            ("", None),
        ];
        for (url, expected) in table {
            let got = Place::read(url).ok();
            let got = got.as_ref().map(|p| (p.host.as_str(), p.port, p.authority.as_str(), p.path.as_str()));
            assert_eq!(got, *expected, "{url:?}");
        }
    }

    #[test]
    fn the_reason_names_the_scheme() {
        assert_eq!(Place::read("https://h/"), Err("its address is https, and only http is asked"));
        assert_eq!(Place::read("LDAP://h/"), Err("its address is LDAP, and only http is asked"));
    }
}
