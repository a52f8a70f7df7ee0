//! How TLS is reached on a port: the transport, the wrap, and what the port number implies.

use super::vocabulary;

vocabulary! {
    /// The transport protocol below the wrap.
    Transport, "transport" {
        /// TCP.
        Tcp = "tcp",
        /// UDP.
        Udp = "udp",
    }
}

vocabulary! {
    /// What stands between the transport and TLS.
    Wrap, "wrap" {
        /// No TLS at all.
        Plain = "plain",
        /// TLS from the first byte.
        Tls = "tls",
        /// Datagram TLS.
        Dtls = "dtls",
        /// STARTTLS in SMTP (RFC 3207).
        Smtp = "starttls-smtp",
        /// STARTTLS in LMTP.
        Lmtp = "starttls-lmtp",
        /// STLS in POP3 (RFC 2595).
        Pop3 = "starttls-pop3",
        /// STARTTLS in IMAP (RFC 2595).
        Imap = "starttls-imap",
        /// AUTH TLS in FTP (RFC 4217).
        Ftp = "starttls-ftp",
        /// The StartTLS extended operation of LDAP (RFC 4511).
        Ldap = "starttls-ldap",
        /// STARTTLS in NNTP (RFC 4642).
        Nntp = "starttls-nntp",
        /// STARTTLS in ManageSieve (RFC 5804).
        Sieve = "starttls-sieve",
        /// XMPP, client to server (RFC 6120).
        XmppClient = "starttls-xmpp-client",
        /// XMPP, server to server (RFC 6120).
        XmppServer = "starttls-xmpp-server",
        /// The SSLRequest of PostgreSQL.
        Postgres = "starttls-postgres",
        /// The SSL request of MySQL and MariaDB.
        Mysql = "starttls-mysql",
        /// TLS inside TDS packets.
        Mssql = "starttls-mssql",
        /// TLS in RDP.
        Rdp = "starttls-rdp",
        /// STARTTLS in IRC.
        Irc = "starttls-irc",
        /// START_TLS in telnet.
        Telnet = "starttls-telnet",
        /// VeNCrypt in VNC.
        Vnc = "starttls-vnc",
        /// STUN over UDP.
        Stun = "stun",
        /// TURN over UDP.
        Turn = "turn",
    }
}

impl Wrap {
    /// The wrap that a port implies when the inventory names none (DESIGN: command line).
    pub const fn for_port(port: u16) -> Self {
        match port {
            25 | 587 => Self::Smtp,
            110 => Self::Pop3,
            143 => Self::Imap,
            21 => Self::Ftp,
            119 => Self::Nntp,
            389 => Self::Ldap,
            4190 => Self::Sieve,
            5222 => Self::XmppClient,
            5269 => Self::XmppServer,
            5432 => Self::Postgres,
            3306 => Self::Mysql,
            1433 => Self::Mssql,
            3389 => Self::Rdp,
            6667 => Self::Irc,
            _ => Self::Tls,
        }
    }

    /// By its name, or by the protocol's alone: `smtp` for `starttls-smtp`.
    ///
    /// # Errors
    ///
    /// Where it is neither.
    pub fn named(text: &str) -> Result<Self, super::UnknownWord> {
        text.parse().or_else(|unknown| format!("starttls-{text}").parse().map_err(|_| unknown))
    }

    /// Whether a dialogue in the clear comes before TLS.
    pub const fn is_starttls(self) -> bool {
        !matches!(self, Self::Plain | Self::Tls | Self::Dtls | Self::Stun | Self::Turn)
    }

    /// The transport where none is declared.
    pub const fn transport(self) -> Transport {
        match self {
            Self::Dtls | Self::Stun | Self::Turn => Transport::Udp,
            _ => Transport::Tcp,
        }
    }
}
