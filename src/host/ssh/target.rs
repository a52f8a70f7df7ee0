//! Hosts as people name them for ssh, and which of them are refused.

/// What is put on the client's command line for a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// The destination.
    pub destination: String,
    /// The port, where the name carries one.
    pub port: Option<u16>,
}

/// Reads `host`, `user@host`, an alias of ssh's configuration, `[v6]`, `[v6]:port` or `ssh://…`. A name that
/// the client or a shell behind its configuration (`ProxyCommand … %h`) could take for something else is
/// refused.
pub(super) fn parse(host: &str) -> Result<Target, &'static str> {
    if host.is_empty() || host.len() > 512 {
        return Err("it is empty or too long");
    }
    let odd = |c: char| c.is_control() || c.is_whitespace() || "'\"`$\\;&<>|(){}!#*?~^".contains(c);
    if host.contains(odd) {
        return Err("it holds a character that no host's name has");
    }
    let (user, name) = match host.rsplit_once('@') {
        Some((user, name)) => (Some(user), name),
        None => (None, host),
    };
    if host.starts_with('-') || name.starts_with('-') || name.is_empty() || user == Some("") {
        return Err("it would be read as an option, or has an empty part");
    }
    let Some(rest) = name.strip_prefix('[') else {
        return Ok(Target { destination: host.to_owned(), port: None });
    };
    let (address, after) = rest.split_once(']').ok_or("its bracket is not closed")?;
    let bare = address.split('%').next().unwrap_or_default();
    if bare.parse::<std::net::Ipv6Addr>().is_err() {
        return Err("no IPv6 address stands in its brackets");
    }
    let port = match after.strip_prefix(':') {
        Some(port) => Some(port.parse().map_err(|_| "its port is no number")?),
        None if after.is_empty() => None,
        None => return Err("something stands behind its bracket"),
    };
    let destination = user.map_or_else(|| address.to_owned(), |user| format!("{user}@{address}"));
    Ok(Target { destination, port })
}
