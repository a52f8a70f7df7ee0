//! The shapes of greetings: at which word a product's name may stand, and where its version follows.

use super::{Found, Source, version};

/// Words that name a product where a greeting has them one after the other.
struct Shape {
    words: &'static [&'static str],
    product: &'static str,
}

const fn shape(words: &'static [&'static str], product: &'static str) -> Shape {
    Shape { words, product }
}

/// Greetings of SMTP and LMTP, behind the host name or behind the protocol's name.
const MAIL: &[Shape] = &[
    shape(&["Postfix"], "Postfix"),
    shape(&["Exim"], "Exim"),
    shape(&["Sendmail"], "Sendmail"),
    shape(&["Microsoft", "ESMTP", "MAIL", "Service"], "Microsoft ESMTP MAIL Service"),
    shape(&["OpenSMTPD"], "OpenSMTPD"),
    shape(&["Haraka"], "Haraka"),
    shape(&["MDaemon"], "MDaemon"),
    shape(&["CommuniGate", "Pro"], "CommuniGate Pro"),
    shape(&["Kerio", "Connect"], "Kerio Connect"),
    shape(&["Service", "(IBM", "Domino", "Release"], "Domino"),
    shape(&["Service", "(Lotus", "Domino", "Release"], "Domino"),
    shape(&["Cyrus", "LMTP"], "Cyrus"),
    shape(&["Cyrus"], "Cyrus"),
    shape(&["Dovecot"], "Dovecot"),
];

/// Greetings of POP3 and IMAP and the implementations of ManageSieve, at the beginning or behind the host name.
const BOXES: &[Shape] = &[
    shape(&["Dovecot"], "Dovecot"),
    shape(&["Cyrus", "IMAP"], "Cyrus"),
    shape(&["Cyrus", "IMAP4"], "Cyrus"),
    shape(&["Cyrus", "POP3"], "Cyrus"),
    shape(&["Cyrus", "timsieved"], "Cyrus"),
    shape(&["Courier-IMAP"], "Courier-IMAP"),
    shape(&["Qpopper"], "Qpopper"),
    shape(&["The", "Microsoft", "Exchange"], "Microsoft Exchange"),
];

const FTP: &[Shape] = &[
    shape(&["vsFTPd"], "vsFTPd"),
    shape(&["ProFTPD"], "ProFTPD"),
    shape(&["Welcome", "to", "Pure-FTPd"], "Pure-FTPd"),
    shape(&["Pure-FTPd"], "Pure-FTPd"),
    shape(&["FileZilla", "Server"], "FileZilla Server"),
    shape(&["Microsoft", "FTP", "Service"], "Microsoft FTP Service"),
    shape(&["Serv-U", "FTP", "Server"], "Serv-U FTP Server"),
    shape(&["Wing", "FTP", "Server"], "Wing FTP Server"),
    shape(&["FTP", "server", "(GNU", "inetutils"], "GNU inetutils"),
    shape(&["bftpd"], "bftpd"),
    shape(&["pyftpdlib"], "pyftpdlib"),
];

const NEWS: &[Shape] = &[
    shape(&["InterNetNews", "NNRP", "server", "INN"], "INN"),
    shape(&["InterNetNews", "server", "INN"], "INN"),
    shape(&["Cyrus", "NNTP"], "Cyrus"),
    shape(&["Leafnode", "NNTP", "Daemon"], "Leafnode"),
];

/// Punctuation around words.
fn bare(word: &str) -> &str {
    word.trim_end_matches(['.', ',', ';', ')', '!'])
}

/// The product that a greeting names, and its version where one follows at once.
pub(super) fn find(source: Source, text: &str) -> Option<Found<'static>> {
    let (shapes, protocols): (_, &[&str]) = match source {
        Source::Smtp | Source::Lmtp => (MAIL, &["ESMTP", "SMTP", "LMTP"]),
        Source::Pop3 | Source::Imap | Source::Sieve => (BOXES, &[]),
        Source::Ftp => (FTP, &[]),
        Source::Nntp => (NEWS, &[]),
        Source::HttpServer | Source::Ssh | Source::Mysql | Source::StunSoftware => return None,
    };
    let text = behind_status(source, text);
    let words: Vec<&str> = text.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
    // The first word of a mail server's greeting is its host, and a host may be called anything.
    let first = usize::from(matches!(source, Source::Smtp | Source::Lmtp));
    let behind = words.iter().position(|word| protocols.contains(word)).map(|at| at + 1);
    for at in [Some(first), (first == 0).then_some(1), behind].into_iter().flatten() {
        let here = words.get(at..).unwrap_or_default();
        for shape in shapes {
            if let Some(rest) = begins(here, shape.words) {
                return Some((shape.product, following(rest)));
            }
        }
    }
    None
}

/// What follows `shape`, where the words begin with it: first what stands joined to its last word by a slash.
fn begins<'a>(words: &'a [&'a str], shape: &[&str]) -> Option<(Option<&'a str>, &'a [&'a str])> {
    let (head, rest) = words.split_at_checked(shape.len())?;
    let mut joined = None;
    for (i, (word, wanted)) in head.iter().zip(shape).enumerate() {
        let word = if i == 0 { word.trim_start_matches(['(', '-']) } else { word };
        let (name, behind) = word.split_once('/').map_or((word, None), |(name, behind)| (name, Some(behind)));
        if bare(name) != *wanted {
            return None;
        }
        joined = behind;
    }
    Some((joined, rest))
}

fn following((joined, rest): (Option<&str>, &[&str])) -> Option<String> {
    if let Some(joined) = joined {
        return version(joined);
    }
    let mut words = rest.iter().map(|word| word.trim_start_matches('('));
    let mut word = words.next()?;
    if matches!(word, "version" | "Version" | "Version:" | "Release") || word == "," {
        word = words.next()?;
    }
    version(word)
}

/// The text behind the reply's code or status, and behind a response code in brackets.
fn behind_status(source: Source, text: &str) -> &str {
    let text = match source {
        Source::Smtp | Source::Lmtp | Source::Ftp | Source::Nntp => match text.split_at_checked(3) {
            Some((code, rest)) if code.bytes().all(|b| b.is_ascii_digit()) => {
                rest.strip_prefix([' ', '-']).unwrap_or(rest).trim_start_matches(['-', ' '])
            }
            _ => text,
        },
        Source::Imap => text.strip_prefix("* OK ").unwrap_or(text),
        Source::Pop3 => text.strip_prefix("+OK ").unwrap_or(text),
        _ => text,
    };
    match text.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
        Some((_, rest)) => rest.trim_start(),
        None => text,
    }
}
