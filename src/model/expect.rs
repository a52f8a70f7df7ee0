//! What a service's users must still get, as the inventory declares it in `expect`: the text form and its meaning.
//!
//! `https 200 /login; http 301 /` are two expectations. A `;` inside a path is written `%3B`, since it parts them.
//! Trying one is the prober's business. There is none for LDAP: whether an anonymous bind is let in is a matter of the
//! server's policy; `tls` says whether its handshake stands.

use std::{fmt, str::FromStr};

/// The most expectations of one service.
pub const MAX_EXPECTS: usize = 8;
/// The longest path, in bytes.
pub const MAX_PATH: usize = 2048;

/// The most characters of a word that an error repeats.
const QUOTED: usize = 40;

/// A status of HTTP, or a reply code of the SMTP family: one number or a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// That number, 100 to 599.
    Code(u16),
    /// Every number with that first digit, as in `2xx`.
    Class(u8),
}

impl Status {
    /// Whether a number is one that is meant.
    pub const fn includes(self, code: u16) -> bool {
        match self {
            Self::Code(wanted) => wanted == code,
            Self::Class(digit) => code / 100 == digit as u16,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "{code}"),
            Self::Class(digit) => write!(f, "{digit}xx"),
        }
    }
}

impl FromStr for Status {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text.as_bytes() {
            [digit @ b'1'..=b'5', b'x' | b'X', b'x' | b'X'] => Ok(Self::Class(digit - b'0')),
            [b'1'..=b'5', b'0'..=b'9', b'0'..=b'9'] => text.parse().map(Self::Code).map_err(|_| ()),
            _ => Err(()),
        }
    }
}

/// A protocol that greets with a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Greeter {
    /// SMTP (RFC 5321, 4.2).
    Smtp,
    /// LMTP (RFC 2033).
    Lmtp,
    /// FTP (RFC 959, 5.4).
    Ftp,
    /// NNTP (RFC 3977, 5.1).
    Nntp,
}

/// One thing that a user must still get.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Expect {
    /// One GET is answered with this status.
    Http {
        /// Over TLS.
        tls: bool,
        /// The status.
        status: Status,
        /// The path, with its query, beginning with `/`.
        path: Box<str>,
    },
    /// The server greets with this number.
    Greeting {
        /// In which protocol.
        protocol: Greeter,
        /// The number.
        code: Status,
    },
    /// The server greets with `* OK`.
    Imap,
    /// The server greets with `+OK`.
    Pop3,
    /// The server opens a stream and tells its features.
    XmppStream,
    /// A verified handshake, and nothing more.
    Tls,
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http { tls, status, path } => {
                write!(f, "{} {status} {path}", if *tls { "https" } else { "http" })
            }
            Self::Greeting { protocol, code } => {
                let name = match protocol {
                    Greeter::Smtp => "smtp",
                    Greeter::Lmtp => "lmtp",
                    Greeter::Ftp => "ftp",
                    Greeter::Nntp => "nntp",
                };
                write!(f, "{name} {code}")
            }
            Self::Imap => f.write_str("imap ok"),
            Self::Pop3 => f.write_str("pop3 ok"),
            Self::XmppStream => f.write_str("xmpp stream"),
            Self::Tls => f.write_str("tls"),
        }
    }
}

/// Where a text is wrong, and what was expected there instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExpectError {
    /// The column of the fault within the text, in characters, from 1.
    pub column: usize,
    /// What is wrong, and what was expected.
    pub message: String,
}

/// Reads a list of expectations. A text that came through this and [`fmt::Display`] reads the same again.
///
/// # Errors
///
/// [`ExpectError`] at the first fault.
pub fn parse(text: &str) -> Result<Vec<Expect>, ExpectError> {
    let mut found = Vec::new();
    let mut from = 0;
    for item in text.split(';') {
        if found.len() == MAX_EXPECTS {
            return Err(fault(text, from, format!("at most {MAX_EXPECTS} expectations are tried")));
        }
        let mut words = Words { text, at: from, end: from + item.len() };
        found.push(one(&mut words)?);
        from += item.len() + 1;
    }
    Ok(found)
}

const KINDS: &str = "`https 200 /`, `http 301 /`, `smtp 220`, `lmtp 220`, `ftp 220`, `nntp 200`, `imap ok`, `pop3 ok`, \
                     `xmpp stream` or `tls`";

fn one(words: &mut Words<'_>) -> Result<Expect, ExpectError> {
    let Some((at, kind)) = words.next() else {
        return Err(fault(words.text, words.end, format!("an expectation is missing; expected {KINDS}")));
    };
    let expect = match kind.to_ascii_lowercase().as_str() {
        "http" => http(words, false)?,
        "https" => http(words, true)?,
        "smtp" => Expect::Greeting { protocol: Greeter::Smtp, code: status(words, "smtp 220")? },
        "lmtp" => Expect::Greeting { protocol: Greeter::Lmtp, code: status(words, "lmtp 220")? },
        "ftp" => Expect::Greeting { protocol: Greeter::Ftp, code: status(words, "ftp 220")? },
        "nntp" => Expect::Greeting { protocol: Greeter::Nntp, code: status(words, "nntp 200")? },
        "imap" => word(words, "ok", Expect::Imap)?,
        "pop3" => word(words, "ok", Expect::Pop3)?,
        "xmpp" => word(words, "stream", Expect::XmppStream)?,
        "tls" => Expect::Tls,
        _ => {
            let hint = if at > 0 { "; a `;` inside a path is written %3B" } else { "" };
            let message = format!("{} is not a kind of expectation; expected {KINDS}{hint}", quoted(kind));
            return Err(fault(words.text, at, message));
        }
    };
    match words.next() {
        None => Ok(expect),
        Some((at, extra)) => {
            let message = format!("{} is too much after `{expect}`; `;` parts expectations", quoted(extra));
            Err(fault(words.text, at, message))
        }
    }
}

fn http(words: &mut Words<'_>, tls: bool) -> Result<Expect, ExpectError> {
    let status = status(words, if tls { "https 200 /login" } else { "http 301 /" })?;
    let Some((at, path)) = words.next() else {
        return Ok(Expect::Http { tls, status, path: "/".into() });
    };
    let text = words.text;
    if !path.starts_with('/') {
        return Err(fault(text, at, format!("{} is not a path; a path begins with `/`", quoted(path))));
    }
    if path.len() > MAX_PATH {
        return Err(fault(
            text,
            at,
            format!("a path has at most {MAX_PATH} bytes, this one has {}", path.len()),
        ));
    }
    if let Some((offset, bad)) = path.char_indices().find(|(_, c)| !is_of_a_path(*c)) {
        let message = match bad {
            '#' => "a fragment (`#`) is never sent to a server; leave it out".to_owned(),
            c if c.is_control() => "a control character has no place in a path".to_owned(),
            c => format!(
                "{} has no place in a path; write it percent-encoded",
                quoted(c.encode_utf8(&mut [0; 4]))
            ),
        };
        return Err(fault(text, at + offset, message));
    }
    Ok(Expect::Http { tls, status, path: path.into() })
}

/// RFC 3986, 3.3 and 3.4, and the brackets that many write into queries.
fn is_of_a_path(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-._~!$&'()*+,=:@/?%[]".contains(c)
}

fn status(words: &mut Words<'_>, example: &str) -> Result<Status, ExpectError> {
    let wanted = format!("expected a number from 100 to 599 or a class as in `2xx`, such as `{example}`");
    let Some((at, text)) = words.next() else {
        return Err(fault(words.text, words.end, format!("the number is missing; {wanted}")));
    };
    text.parse().map_err(|()| fault(words.text, at, format!("{} is no such number; {wanted}", quoted(text))))
}

fn word(words: &mut Words<'_>, wanted: &str, expect: Expect) -> Result<Expect, ExpectError> {
    match words.next() {
        Some((_, text)) if text.eq_ignore_ascii_case(wanted) => Ok(expect),
        Some((at, text)) => {
            Err(fault(words.text, at, format!("{} is not known here; expected `{expect}`", quoted(text))))
        }
        None => Err(fault(words.text, words.end, format!("a word is missing; expected `{expect}`"))),
    }
}

/// The words of one expectation. Only the space parts words: other white space is a control character or hides.
struct Words<'a> {
    text: &'a str,
    /// The byte where the next word is looked for.
    at: usize,
    /// The byte behind the expectation.
    end: usize,
}

impl<'a> Words<'a> {
    /// The next word and the byte where it begins.
    fn next(&mut self) -> Option<(usize, &'a str)> {
        let rest = self.text.get(self.at..self.end)?;
        let word = rest.trim_start_matches(' ');
        let from = self.end - word.len();
        let word = word.split(' ').next().filter(|w| !w.is_empty())?;
        self.at = from + word.len();
        Some((from, word))
    }
}

fn fault(text: &str, byte: usize, message: String) -> ExpectError {
    ExpectError { column: text.get(..byte).map_or(0, |before| before.chars().count()) + 1, message }
}

/// A piece of the text as an error may show it: short, and harmless on a terminal.
fn quoted(word: &str) -> String {
    let short: String = word.chars().take(QUOTED).collect();
    let dots = if short.len() < word.len() { "..." } else { "" };
    format!("`{}{dots}`", super::text::printable(&short))
}

#[cfg(test)]
mod tests;
