//! What the names that scanners give to services mean for TLS. Names are those of nmap and masscan.
//!
//! Not the table of service types: here it only counts whether and how TLS can be reached.

use crate::model::wrap::{Transport, Wrap};

/// What a recognised protocol says about TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::inventory) enum Meaning {
    /// TLS from the first byte.
    Tls,
    /// TLS after a dialogue in the clear, or DTLS.
    Wrap(Wrap),
    /// Another protocol, in the clear.
    Plain,
    /// The scanner did not find out.
    Nothing,
}

/// What a name means that a scanner gave because of an answer.
pub(in crate::inventory) fn meaning(name: &str, port: u16) -> Meaning {
    let name = name.to_ascii_lowercase();
    if let Some(wrap) = starttls(&name, port) {
        return Meaning::Wrap(wrap);
    }
    match name.as_str() {
        // `tcpwrapped` took the connection and closed it.
        "" | "unknown" | "tcpwrapped" => Meaning::Nothing,
        "ssl" | "tls" | "https" | "https-alt" | "imaps" | "pop3s" | "smtps" | "ldaps" | "ftps" | "nntps"
        | "snews" | "ircs" | "ircs-u" | "sips" | "sip-tls" | "amqps" | "telnets" | "domain-s"
        | "secure-mqtt" | "stuns" | "turns" | "syslog-tls" | "radsec" => Meaning::Tls,
        _ if name.starts_with("ssl/") => Meaning::Tls,
        _ => Meaning::Plain,
    }
}

/// The wrap by which a protocol comes to TLS.
pub(in crate::inventory) fn starttls(name: &str, port: u16) -> Option<Wrap> {
    Some(match name {
        "smtp" | "submission" => Wrap::Smtp,
        "lmtp" => Wrap::Lmtp,
        "pop3" => Wrap::Pop3,
        "imap" => Wrap::Imap,
        "ftp" => Wrap::Ftp,
        "ldap" => Wrap::Ldap,
        "nntp" => Wrap::Nntp,
        "sieve" | "managesieve" => Wrap::Sieve,
        "xmpp" if port == 5269 => Wrap::XmppServer,
        "xmpp-server" => Wrap::XmppServer,
        "xmpp" | "xmpp-client" | "jabber" => Wrap::XmppClient,
        "postgresql" | "postgres" => Wrap::Postgres,
        "mysql" | "mariadb" => Wrap::Mysql,
        "ms-sql-s" | "ms-sql" => Wrap::Mssql,
        "ms-wbt-server" | "rdp" | "microsoft-rdp" => Wrap::Rdp,
        "irc" => Wrap::Irc,
        "telnet" => Wrap::Telnet,
        "vnc" => Wrap::Vnc,
        "stun" => Wrap::Stun,
        "turn" => Wrap::Turn,
        "dtls" => Wrap::Dtls,
        _ => return None,
    })
}

/// What usually stands on a TCP port and has no TLS, where nobody asked the service itself.
pub(in crate::inventory) const fn usually_plain(port: u16) -> Option<&'static str> {
    Some(match port {
        7 => "echo",
        9 => "discard",
        13 => "daytime",
        17 => "qotd",
        19 => "chargen",
        22 => "ssh",
        37 => "time",
        53 => "domain",
        79 => "finger",
        80 => "http",
        111 => "rpcbind",
        135 => "msrpc",
        139 => "netbios-ssn",
        179 => "bgp",
        445 => "microsoft-ds",
        512 => "exec",
        513 => "login",
        514 => "shell",
        515 => "printer",
        873 => "rsync",
        2049 => "nfs",
        9100 => "jetdirect",
        _ => return None,
    })
}

/// How TLS is usually reached on a port where the port's number alone does not lead there.
pub(in crate::inventory) const fn usual_wrap(transport: Transport, port: u16) -> Option<Wrap> {
    match (transport, port) {
        (Transport::Tcp, 23) => Some(Wrap::Telnet),
        (Transport::Tcp, 5900..=5903) => Some(Wrap::Vnc),
        (Transport::Udp, 3478) => Some(Wrap::Stun),
        // turns, the port of OpenSSL's own server, CoAP over DTLS (RFC 7252).
        (Transport::Udp, 5349 | 4433 | 5684) => Some(Wrap::Dtls),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_how_tls_is_reached() {
        let table = [
            ("SMTP", 2525, Meaning::Wrap(Wrap::Smtp)),
            ("xmpp", 5269, Meaning::Wrap(Wrap::XmppServer)),
            ("xmpp", 15222, Meaning::Wrap(Wrap::XmppClient)),
            ("ms-wbt-server", 3389, Meaning::Wrap(Wrap::Rdp)),
            ("ssh", 443, Meaning::Plain),
            ("http", 8080, Meaning::Plain),
            ("https", 443, Meaning::Tls),
            ("tcpwrapped", 443, Meaning::Nothing),
            ("unknown", 443, Meaning::Nothing),
        ];
        for (name, port, expected) in table {
            assert_eq!(meaning(name, port), expected, "{name} {port}");
        }
    }
}
