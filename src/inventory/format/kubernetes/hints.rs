//! Whether a port of a service looks like TLS, by its number, its name and its application protocol.

use crate::model::wrap::Wrap;

/// What a port looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Looks {
    /// TLS, at once or by STARTTLS.
    Tls,
    /// Another protocol, in the clear or with an encryption of its own.
    Plain,
    /// Nothing says.
    Unknown,
}

/// Ports with TLS from the first byte.
const TLS_PORTS: &[u16] = &[
    443, 465, 563, 636, 853, 989, 990, 992, 993, 994, 995, 2376, 3269, 5061, 5223, 5349, 5671, 6443, 6514,
    6697, 8443, 8883, 9443, 10250,
];

/// Ports of protocols without TLS. SSH is encrypted, and not by TLS.
const PLAIN_PORTS: &[u16] = &[22, 53, 80, 111, 2222, 8080];

const TLS_WORDS: &[&str] = &[
    "https", "tls", "ssl", "wss", "grpcs", "smtps", "imaps", "pop3s", "ldaps", "amqps", "mqtts", "starttls",
    "dtls",
];

const PLAIN_WORDS: &[&str] = &["http", "ws", "h2c", "ssh", "sftp", "dns", "metrics", "telnet"];

/// By name and `appProtocol`: words between hyphens, as Istio writes them (`https-web`).
pub(super) fn looks(port: u16, name: &str, protocol: &str) -> Looks {
    let lower = format!("{name} {protocol}").to_ascii_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    let any = |of: &[&str]| words.iter().any(|word| of.contains(word));
    if any(TLS_WORDS) || TLS_PORTS.contains(&port) || Wrap::for_port(port) != Wrap::Tls {
        return Looks::Tls;
    }
    if any(PLAIN_WORDS) || PLAIN_PORTS.contains(&port) { Looks::Plain } else { Looks::Unknown }
}

/// How TLS is reached on a UDP port, where it is known to carry any.
pub(super) fn udp(port: u16, name: &str) -> Option<Wrap> {
    let name = name.to_ascii_lowercase();
    match port {
        _ if name.contains("dtls") => Some(Wrap::Dtls),
        5349 => Some(Wrap::Dtls),
        3478 => Some(Wrap::Turn),
        _ => None,
    }
}
