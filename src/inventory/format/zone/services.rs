//! What the labels of SRV owners say about a service (RFC 2782, and the registry of service names): one table.

use crate::model::wrap::Wrap;

/// How TLS is reached at a service of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reached {
    /// In this way.
    By(Wrap),
    /// In this way, and the SNI is the domain of the SRV record, not the target (RFC 6120, 13.7.2.1; RFC 7590).
    ForDomain(Wrap),
    /// As the port decides.
    Port,
    /// There is no TLS.
    NoTls,
}

/// Service and protocol labels without their underscore, and how TLS is reached there.
const TABLE: &[(&str, &[&str], Reached)] = &[
    (
        "tcp",
        &[
            "imaps",
            "pop3s",
            "submissions",
            "smtps",
            "sips",
            "turns",
            "stuns",
            "ldaps",
            "https",
            "caldavs",
            "carddavs",
            "autodiscover",
            "nntps",
            "ircs",
            "ircs-u",
            "ftps",
            "telnets",
            "sipfederationtls",
            "sipinternaltls",
            "secure-mqtt",
            "mqtts",
            "amqps",
            "etcd-server-ssl",
            "etcd-client-ssl",
            "puppet",
            "x-puppet",
            "x-puppet-ca",
            "syslog-tls",
            "radsec",
            "radiustls",
            "domain-s",
            "hkps",
            "pgpkey-https",
            "jmap",
            "mongodb",
            "rediss",
            "wss",
            "iscsis",
            "ipps",
            "winrms",
            "coaps",
            "diameters",
        ],
        Reached::By(Wrap::Tls),
    ),
    ("tls", &["sip", "sips", "radius", "syslog"], Reached::By(Wrap::Tls)),
    ("tcp", &["xmpps-client", "xmpps-server", "matrix", "matrix-fed"], Reached::ForDomain(Wrap::Tls)),
    ("tcp", &["xmpp-client"], Reached::ForDomain(Wrap::XmppClient)),
    ("tcp", &["xmpp-server", "jabber"], Reached::ForDomain(Wrap::XmppServer)),
    ("tcp", &["imap"], Reached::By(Wrap::Imap)),
    ("tcp", &["pop3"], Reached::By(Wrap::Pop3)),
    ("tcp", &["submission", "smtp"], Reached::By(Wrap::Smtp)),
    ("tcp", &["ldap", "gc"], Reached::By(Wrap::Ldap)),
    ("tcp", &["sieve"], Reached::By(Wrap::Sieve)),
    ("tcp", &["nntp"], Reached::By(Wrap::Nntp)),
    ("tcp", &["irc"], Reached::By(Wrap::Irc)),
    ("tcp", &["ftp"], Reached::By(Wrap::Ftp)),
    ("tcp", &["postgresql", "postgres"], Reached::By(Wrap::Postgres)),
    ("tcp", &["mysql", "mariadb"], Reached::By(Wrap::Mysql)),
    ("tcp", &["mssql", "ms-sql-s"], Reached::By(Wrap::Mssql)),
    ("tcp", &["rdp", "ms-wbt-server"], Reached::By(Wrap::Rdp)),
    ("tcp", &["rfb", "vnc"], Reached::By(Wrap::Vnc)),
    ("udp", &["turns", "stuns", "coaps", "domain-s"], Reached::By(Wrap::Dtls)),
    ("udp", &["turn"], Reached::By(Wrap::Turn)),
    ("udp", &["stun"], Reached::By(Wrap::Stun)),
    (
        "tcp",
        &[
            "kerberos",
            "kerberos-adm",
            "kerberos-master",
            "kerberos-iv",
            "kpasswd",
            "ntp",
            "caldav",
            "carddav",
            "http",
            "www",
            "sip",
            "turn",
            "stun",
            "stun-behavior",
            "mqtt",
            "amqp",
            "etcd-server",
            "etcd-client",
            "minecraft",
            "vlmcs",
            "hkp",
            "whois",
            "finger",
            "ssh",
            "sftp-ssh",
            "nfs",
            "afs3-vlserver",
            "msrps",
            "redis",
            "ws",
            "domain",
            "ipp",
            "printer",
            "smb",
            "x-sip",
            "ts3",
            "teamspeak",
            "iscsi",
            "rsync",
            "git",
        ],
        Reached::NoTls,
    ),
];

/// How TLS is reached at `_service._protocol`. Over TCP the port decides about a name that is not known; over anything
/// else there is no TLS then.
pub(super) fn reached(service: &str, protocol: &str) -> Reached {
    let known = TABLE.iter().find(|(p, names, _)| *p == protocol && names.contains(&service));
    match known {
        Some((_, _, reached)) => *reached,
        None if protocol == "tcp" => Reached::Port,
        None if protocol == "tls" => Reached::By(Wrap::Tls),
        None => Reached::NoTls,
    }
}

/// The labels of `_a._b.rest`, without their underscores, and the rest.
pub(super) fn labels(owner: &str) -> Option<(&str, &str, &str)> {
    let (first, rest) = owner.strip_prefix('_')?.split_once('.')?;
    let (second, rest) = rest.strip_prefix('_')?.split_once('.')?;
    Some((first, second, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_stands_twice_in_the_table() {
        let mut all: Vec<_> =
            TABLE.iter().flat_map(|(p, names, _)| names.iter().map(move |n| (*p, *n))).collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }

    #[test]
    fn labels_tell_how_tls_is_reached() {
        let table = [
            ("_imaps._tcp.example.test", Reached::By(Wrap::Tls)),
            ("_imap._tcp.example.test", Reached::By(Wrap::Imap)),
            ("_submission._tcp.example.test", Reached::By(Wrap::Smtp)),
            ("_xmpp-client._tcp.example.test", Reached::ForDomain(Wrap::XmppClient)),
            ("_xmpps-server._tcp.example.test", Reached::ForDomain(Wrap::Tls)),
            ("_turns._tcp.example.test", Reached::By(Wrap::Tls)),
            ("_turns._udp.example.test", Reached::By(Wrap::Dtls)),
            ("_turn._udp.example.test", Reached::By(Wrap::Turn)),
            ("_stun._udp.example.test", Reached::By(Wrap::Stun)),
            ("_sip._tls.example.test", Reached::By(Wrap::Tls)),
            ("_kerberos._tcp.example.test", Reached::NoTls),
            ("_kerberos._udp.example.test", Reached::NoTls),
            ("_caldav._tcp.example.test", Reached::NoTls),
            ("_our-own._tcp.example.test", Reached::Port),
            ("_our-own._udp.example.test", Reached::NoTls),
        ];
        for (owner, expected) in table {
            let (service, protocol, domain) = labels(owner).expect("labels");
            assert_eq!((reached(service, protocol), domain), (expected, "example.test"), "{owner}");
        }
        assert_eq!(labels("_tcp.example.test"), None);
        assert_eq!(labels("www.example.test"), None);
    }
}
