//! Who gets in: the Host header, the method, the secret and the path of a request. Pure; what is refused is told by a
//! status alone.
//!
//! The secret is compared by digests and without an early end, and a wrong secret is answered as a wrong path is, so
//! that neither the answer nor its time says which it was. A page of another site that has its name point here
//! (DNS rebinding) sends its own name as Host, so no name but `localhost` is taken.

use std::net::IpAddr;

use axum::http::{HeaderMap, Method, Request, StatusCode, header::HOST};
use data_encoding::HEXLOWER;
use ring::{
    digest::{SHA256, digest},
    rand::{SecureRandom as _, SystemRandom},
};

/// The longest mark that a browser may say it has.
const LONGEST_MARK: usize = 128;

/// A fresh secret: 32 random bytes of the system, as 64 hex digits. Fails where the system has none.
pub fn token() -> Result<String, String> {
    let mut bytes = [0_u8; 32];
    SystemRandom::new().fill(&mut bytes).map_err(|_| "the system gives no random bytes".to_owned())?;
    Ok(HEXLOWER.encode(&bytes))
}

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// The page.
    Page,
    /// The events; `has` is the mark of the page that the browser has, where it says so.
    Events {
        /// From `?mark=`.
        has: Option<String>,
    },
    /// Nothing that is given.
    Refused(StatusCode),
}

/// What is compared with.
#[derive(Debug)]
pub(super) struct Door {
    listen: IpAddr,
    digest: Vec<u8>,
}

impl Door {
    pub(super) fn new(listen: IpAddr, token: &str) -> Self {
        Self { listen, digest: digest(&SHA256, token.as_bytes()).as_ref().to_vec() }
    }

    pub(super) fn asked<B>(&self, request: &Request<B>) -> Asked {
        let uri = request.uri();
        let named = uri.authority().is_none_or(|authority| self.host_fits(authority.as_str()));
        if !named || !self.header_fits(request.headers()) {
            return Asked::Refused(StatusCode::MISDIRECTED_REQUEST);
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Asked::Refused(StatusCode::METHOD_NOT_ALLOWED);
        }
        // Exactly as it was sent: nothing is decoded, and no dots are resolved.
        let path = uri.path();
        let inside = path.strip_prefix('/').unwrap_or(path);
        let (secret, rest) = inside.split_once('/').unwrap_or((inside, "\0"));
        let fits = self.secret_fits(secret);
        match (fits, rest) {
            (true, "") => Asked::Page,
            (true, "events") => Asked::Events { has: mark(uri.query()) },
            _ => Asked::Refused(StatusCode::NOT_FOUND),
        }
    }

    fn secret_fits(&self, secret: &str) -> bool {
        let given = digest(&SHA256, secret.as_bytes());
        let differ = given.as_ref().iter().zip(&self.digest).fold(0, |all, (a, b)| all | (a ^ b));
        std::hint::black_box(differ) == 0
    }

    /// Exactly one Host header, and it fits.
    fn header_fits(&self, headers: &HeaderMap) -> bool {
        let mut hosts = headers.get_all(HOST).iter();
        let host = hosts.next().and_then(|host| host.to_str().ok());
        hosts.next().is_none() && host.is_some_and(|host| self.host_fits(host))
    }

    /// `localhost`, or the address that is listened on; any address where all are listened on. The port is not compared:
    /// behind a tunnel it is another one, and a name is what an attacker needs.
    fn host_fits(&self, host: &str) -> bool {
        let (name, port) = match host.strip_prefix('[') {
            Some(rest) => match rest.split_once(']') {
                Some((name, port)) => (name, port.strip_prefix(':').or(port.is_empty().then_some("0"))),
                None => return false,
            },
            None => match host.split_once(':') {
                Some((name, port)) => (name, Some(port)),
                None => (host, Some("0")),
            },
        };
        if !port.is_some_and(|port| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit())) {
            return false;
        }
        if name.eq_ignore_ascii_case("localhost") {
            return true;
        }
        let same = |address: IpAddr| address.to_canonical() == self.listen.to_canonical();
        name.parse::<IpAddr>().is_ok_and(|address| self.listen.is_unspecified() || same(address))
    }
}

/// The mark in a query, where it can be one.
fn mark(query: Option<&str>) -> Option<String> {
    let mark = query?.split('&').find_map(|pair| pair.strip_prefix("mark="))?.replace("%3A", ":");
    let plain = |b: u8| b.is_ascii_alphanumeric() || b":-_.".contains(&b);
    (mark.len() <= LONGEST_MARK && mark.bytes().all(plain)).then_some(mark)
}
