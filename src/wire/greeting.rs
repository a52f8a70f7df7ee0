//! Which protocol a server speaks that does not answer a ClientHello with TLS: told from the first bytes
//! of its banner or of its complaint. A short closed list of guesses in our own words, not an identification.

use std::fmt;

/// A protocol recognised by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Greeting {
    /// A status line, or a bare HTML page as HTTP/0.9 sends it.
    Http,
    /// An SSH identification (RFC 4253, 4.2).
    Ssh,
    /// `220` that names SMTP, or an SMTP reply in 4xx or 5xx (RFC 5321).
    Smtp,
    /// `220` that names LMTP (RFC 2033).
    Lmtp,
    /// `220` that names FTP (RFC 959).
    Ftp,
    /// `220` that names neither.
    SmtpOrFtp,
    /// `+OK` (RFC 1939).
    Pop3,
    /// An untagged status (RFC 9051).
    Imap,
    /// `200` or `201` (RFC 3977).
    Nntp,
    /// A capability line (RFC 5804).
    Sieve,
    /// The beginning of a stream (RFC 6120).
    Xmpp,
    /// An LDAP message (RFC 4511): the notice of disconnection that a ClientHello earns.
    Ldap,
    /// The initial packet of MySQL and MariaDB.
    Mysql,
    /// An error of PostgreSQL.
    Postgres,
    /// A notice of an IRC server.
    Irc,
    /// A negotiation of telnet options (RFC 854).
    Telnet,
    /// The version of RFB (RFC 6143).
    Vnc,
    /// A confirm of X.224 (RDP).
    Rdp,
    /// An answer of TDS (SQL Server).
    Mssql,
    /// `INFO` of a NATS server.
    Nats,
    /// An SSL 2.0 record.
    Ssl2,
}

/// As many bytes as [`recognise`] looks at.
pub const ENOUGH: usize = 512;

impl Greeting {
    /// The protocol's name, in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Ssh => "ssh",
            Self::Smtp => "smtp",
            Self::Lmtp => "lmtp",
            Self::Ftp => "ftp",
            Self::SmtpOrFtp => "smtp-or-ftp",
            Self::Pop3 => "pop3",
            Self::Imap => "imap",
            Self::Nntp => "nntp",
            Self::Sieve => "sieve",
            Self::Xmpp => "xmpp",
            Self::Ldap => "ldap",
            Self::Mysql => "mysql",
            Self::Postgres => "postgres",
            Self::Irc => "irc",
            Self::Telnet => "telnet",
            Self::Vnc => "vnc",
            Self::Rdp => "rdp",
            Self::Mssql => "mssql",
            Self::Nats => "nats",
            Self::Ssl2 => "ssl2",
        }
    }
}

impl fmt::Display for Greeting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The protocol that these first bytes of a server belong to, where they are telling.
pub fn recognise(bytes: &[u8]) -> Option<Greeting> {
    let bytes = bytes.get(..ENOUGH).unwrap_or(bytes);
    if let Some(found) = binary(bytes) {
        return Some(found);
    }
    let bytes = text_of(bytes);
    let lower = bytes.to_ascii_lowercase();
    let starts = |prefix: &str| lower.starts_with(prefix.as_bytes());
    let table: &[(&str, Greeting)] = &[
        ("http/", Greeting::Http),
        ("<!doctype", Greeting::Http),
        ("<html", Greeting::Http),
        ("<head", Greeting::Http),
        ("ssh-", Greeting::Ssh),
        ("+ok", Greeting::Pop3),
        ("-err", Greeting::Pop3),
        ("* ok", Greeting::Imap),
        ("* preauth", Greeting::Imap),
        ("* bye", Greeting::Imap),
        ("* bad", Greeting::Imap),
        ("200 ", Greeting::Nntp),
        ("201 ", Greeting::Nntp),
        ("\"implementation\"", Greeting::Sieve),
        ("<?xml", Greeting::Xmpp),
        ("<stream:", Greeting::Xmpp),
        ("rfb 00", Greeting::Vnc),
        ("notice ", Greeting::Irc),
        ("error :", Greeting::Irc),
        ("info {", Greeting::Nats),
    ];
    if let Some((_, found)) = table.iter().find(|(prefix, _)| starts(prefix)) {
        return Some(*found);
    }
    reply_code(&lower).or_else(|| irc_prefix(&lower))
}

/// Without what some servers put before their first word: a byte order mark, line ends, blanks, NUL.
fn text_of(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let blank = bytes.iter().take_while(|b| b.is_ascii_whitespace() || **b == 0).count();
    bytes.get(blank..).unwrap_or_default()
}

/// A three-digit reply of the SMTP and FTP family.
fn reply_code(lower: &[u8]) -> Option<Greeting> {
    let [first, b'0'..=b'9', b'0'..=b'9', b' ' | b'-' | b'\r' | b'\n', rest @ ..] = lower else {
        return None;
    };
    let names = |word: &str| rest.windows(word.len()).any(|w| w == word.as_bytes());
    match first {
        b'2' if lower.starts_with(b"220") && names("lmtp") => Some(Greeting::Lmtp),
        b'2' if lower.starts_with(b"220") && names("smtp") => Some(Greeting::Smtp),
        b'2' if lower.starts_with(b"220") && names("ftp") => Some(Greeting::Ftp),
        b'2' if lower.starts_with(b"220") => Some(Greeting::SmtpOrFtp),
        b'4' | b'5' if names("ftp") => Some(Greeting::Ftp),
        b'4' | b'5' => Some(Greeting::Smtp),
        _ => None,
    }
}

fn irc_prefix(lower: &[u8]) -> Option<Greeting> {
    let rest = lower.strip_prefix(b":")?;
    let numeric = |w: &[u8]| matches!(w, [b' ', a, b, c, b' '] if a.is_ascii_digit() && b.is_ascii_digit() && c.is_ascii_digit());
    (rest.windows(8).any(|w| w == b" notice ") || rest.windows(5).any(numeric)).then_some(Greeting::Irc)
}

fn binary(bytes: &[u8]) -> Option<Greeting> {
    match bytes {
        // A sequence with message id 0 and an ExtendedResponse, short or long length form.
        [0x30, _, 0x02, 0x01, 0x00, 0x78, ..] | [0x30, 0x84, _, _, _, _, 0x02, 0x01, 0x00, 0x78, ..] => {
            Some(Greeting::Ldap)
        }
        // Three bytes of length, sequence number 0, protocol 10 and a digit; or an error packet.
        [_, _, 0, 0, 10, b'0'..=b'9', ..] | [_, 0, 0, 0, 0xff, _, 4, ..] => Some(Greeting::Mysql),
        [b'E', 0, 0, _, _, b'S', ..] => Some(Greeting::Postgres),
        [0xff, 0xfb..=0xfe, _, ..] => Some(Greeting::Telnet),
        // A TPKT header and an X.224 confirm or disconnect; an answer of TDS with its whole status.
        [3, 0, _, _, _, 0xd0 | 0x80, ..] => Some(Greeting::Rdp),
        [4, 1, _, _, _, _, 1, 0, ..] => Some(Greeting::Mssql),
        // The high bit marks a two-byte header; 0 is an error, 4 a SERVER-HELLO.
        [0x80..=0xbf, _, 0 | 4, ..] => Some(Greeting::Ssl2),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn greetings_are_told_apart() {
        let table: &[(&[u8], Option<&str>)] = &[
            (b"HTTP/1.1 400 Bad Request\r\n", Some("http")),
            (b"<html><head><title>400", Some("http")),
            (b"SSH-2.0-OpenSSH_9.2\r\n", Some("ssh")),
            (b"220 mail.example ESMTP Postfix\r\n", Some("smtp")),
            (b"220-mail.example LMTP\r\n", Some("lmtp")),
            (b"220 (vsFTPd 3.0.3)\r\n", Some("ftp")),
            (b"220 welcome\r\n", Some("smtp-or-ftp")),
            (b"421 too many connections\r\n", Some("smtp")),
            (b"500 5.5.1 unrecognised\r\n", Some("smtp")),
            (b"+OK ready\r\n", Some("pop3")),
            (b"* OK [CAPABILITY IMAP4rev1]", Some("imap")),
            (b"200 news.example ready", Some("nntp")),
            (b"\"IMPLEMENTATION\" \"Dovecot\"", Some("sieve")),
            (b"<?xml version='1.0'?>", Some("xmpp")),
            (b"\x30\x24\x02\x01\x00\x78\x1f", Some("ldap")),
            (b"J\x00\x00\x00\x0a5.5.5-10.11", Some("mysql")),
            (b"E\x00\x00\x00\x52SFATAL", Some("postgres")),
            (b":irc.example NOTICE * :*** Looking up", Some("irc")),
            (b"\xff\xfd\x18\xff\xfd", Some("telnet")),
            (b"RFB 003.008\n", Some("vnc")),
            (b"\x80\x03\x00\x00\x01", Some("ssl2")),
            (b"22", None),
            (b"", None),
            (b"\x00\x01\x02", None),
            (b"2201 is a number", None),
            (b"\r\n220 mx ESMTP\r\n", Some("smtp")),
            (b"\xef\xbb\xbf220 mx ESMTP\r\n", Some("smtp")),
            (b"\x00 220 mx ESMTP\r\n", Some("smtp")),
            (b"220\r\n", Some("smtp-or-ftp")),
            (b"\n+OK\r\n", Some("pop3")),
            (b":irc.x 001 you :welcome", Some("irc")),
            (b"\x03\x00\x00\x13\x0e\xd0\x00\x00", Some("rdp")),
            (b"\x04\x01\x00\x2b\x00\x00\x01\x00", Some("mssql")),
        ];
        for (bytes, expected) in table {
            assert_eq!(recognise(bytes).map(Greeting::name), *expected, "bytes: {bytes:?}");
        }
    }
}
