//! Inventories that are asked over the network: etcd, Consul, DNS. What comes back is a text in one of
//! the file formats and is read by that; here it is only fetched, whole and bounded.
//!
//! A password is never part of an address: command lines are stored and seen by others.

mod consul;
mod dns;
mod etcd;
#[cfg(test)]
mod peers;
mod web;

use std::{fmt, net::SocketAddr, time::Duration};

pub(super) use dns::unanswered;

use super::{Error, Input};

/// The most that one source may give, in bytes.
pub const MOST_BYTES: usize = 256 << 20;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// etcd v3 through its JSON gateway.
    Etcd,
    /// Consul's HTTP API.
    Consul,
    /// Name servers.
    Dns,
}

/// A source, as `etcd://HOST:PORT/PREFIX`, `etcds://` over TLS, `consul://HOST:PORT`, `consuls://`, `dns:NAME`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Live {
    /// What is asked.
    pub kind: Kind,
    /// Over TLS.
    pub tls: bool,
    /// The host's name or address, without brackets; for DNS the name to ask about.
    pub host: String,
    /// The port; unused for DNS.
    pub port: u16,
    /// The user before `@`.
    pub user: Option<String>,
    /// What stands behind the host, from `/`; empty where nothing does.
    pub path: String,
}

/// By what right it is asked, and for how long. Nothing of it is stored.
#[derive(Clone, Default)]
pub struct Access {
    /// Name and PEM text of the roots that are trusted; absent: the system's.
    pub roots: Option<(String, String)>,
    /// Name and PEM text of a client certificate and of its key.
    pub identity: Option<(String, String, String)>,
    /// A user for etcd, where the address names none.
    pub user: Option<String>,
    /// The user's password.
    pub password: Option<String>,
    /// A token for Consul.
    pub token: Option<String>,
    /// Name servers to ask; empty: the system's.
    pub resolvers: Vec<SocketAddr>,
    /// The limit of one exchange; `None`: 10 seconds.
    pub time: Option<Duration>,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access")
            .field("user", &self.user)
            .field("resolvers", &self.resolvers)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match (self.kind, self.tls) {
            (Kind::Dns, _) => return write!(f, "dns:{}", self.host),
            (Kind::Etcd, false) => "etcd",
            (Kind::Etcd, true) => "etcds",
            (Kind::Consul, false) => "consul",
            (Kind::Consul, true) => "consuls",
        };
        let user = self.user.as_ref().map_or_else(String::new, |user| format!("{user}@"));
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        write!(f, "{scheme}://{user}{host}:{}{}", self.port, self.path)
    }
}

/// Reads an address. `None`: it is no live source, but a file.
pub fn parse(text: &str) -> Option<Result<Live, String>> {
    const SCHEMES: &[(&str, Kind, bool, u16)] = &[
        ("etcd://", Kind::Etcd, false, 2379),
        ("etcds://", Kind::Etcd, true, 2379),
        ("consul://", Kind::Consul, false, 8500),
        ("consuls://", Kind::Consul, true, 8501),
    ];
    if let Some(name) = text.strip_prefix("dns:") {
        let live =
            |host| Live { kind: Kind::Dns, tls: false, host, port: 53, user: None, path: String::new() };
        return Some(super::host::parse_name(name).map(live));
    }
    SCHEMES.iter().find_map(|&(scheme, kind, tls, port)| {
        let (begin, rest) = text.split_at_checked(scheme.len())?;
        if !begin.eq_ignore_ascii_case(scheme) {
            return None;
        }
        Some(at(rest, port).map(|(user, host, port, path)| Live { kind, tls, host, port, user, path }))
    })
}

/// User, host, port and path of `USER@HOST:PORT/PATH`.
fn at(rest: &str, usual: u16) -> Result<(Option<String>, String, u16, String), String> {
    use super::host::{Host, parse_host, parse_port, split_port};
    let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let (user, place) = match authority.rsplit_once('@') {
        Some((user, place)) => (Some(user.to_owned()), place),
        None => (None, authority),
    };
    if user.as_deref().is_some_and(|user| user.contains(':') || user.is_empty()) {
        return Err(
            "an address holds a user at most, never a password: that comes from the environment".to_owned()
        );
    }
    if path.contains(['?', '#', '@']) {
        return Err("an address has a path and neither a query nor a user behind it".to_owned());
    }
    let (host, port) = split_port(place);
    // What stands there may be half a password.
    let no_port = |_| "behind its host stands no port; expected 1 to 65535".to_owned();
    let port = port.map_or(Ok(usual), |port| parse_port(port).map_err(no_port))?;
    let host = match parse_host(host)? {
        Host::Name(name) => name,
        Host::Address(address) => address.to_string(),
    };
    Ok((user, host, port, path.to_owned()))
}

/// Asks a source for all that it has. The text is named by the source's address.
pub async fn fetch(live: &Live, access: &Access) -> Result<Input, Error> {
    let result = match live.kind {
        Kind::Etcd => etcd::fetch(live, access).await,
        Kind::Consul => consul::fetch(live, access).await,
        Kind::Dns => dns::fetch(live, access).await,
    };
    let format = match live.kind {
        Kind::Etcd => "etcd",
        Kind::Consul => "consul",
        Kind::Dns => "zone",
    };
    match result {
        Ok(text) => Ok(Input::Text { name: live.to_string(), text, format: Some(format) }),
        Err(message) => Err(Error::Live { source_name: live.to_string().into(), message }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_back_as_written_and_hold_no_password() {
        let table = [
            ("etcd://192.0.2.1/services", Some("etcd://192.0.2.1:2379/services")),
            ("etcds://root@etcd.example.test:2380", Some("etcds://root@etcd.example.test:2380")),
            ("consul://[2001:db8::1]", Some("consul://[2001:db8::1]:8500")),
            ("consuls://consul.example.test/", Some("consuls://consul.example.test:8501/")),
            ("dns:Example.test.", Some("dns:example.test")),
            ("etcd://root:hunter2@192.0.2.1", None),
            ("etcd://", None),
            ("dns:", None),
        ];
        for (text, expected) in table {
            let live = parse(text).expect(text);
            assert_eq!(live.as_ref().ok().map(ToString::to_string).as_deref(), expected, "{text}");
            assert!(live.err().is_none_or(|why| !why.contains("hunter2")), "{text}");
        }
        assert!(parse("hosts.txt").is_none() && parse("C:\\hosts").is_none());
    }
}
