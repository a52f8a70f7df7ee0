//! Names and versions of software in what services say of themselves.
//!
//! It is the weakest evidence there is: banners are edited, hidden and left behind by backports. Only known shapes give
//! a product; a host name, a motto or any other free text gives nothing. What is taken is cut down to harmless
//! characters; nothing is guessed, and nothing is judged.

use std::{fmt, sync::Arc};

use crate::model::served::Software;

/// The most products that one banner gives.
const MAX_PRODUCTS: usize = 8;
/// The longest name, and the longest version.
const MAX_NAME: usize = 64;
/// How much of a banner is looked at. A version that touches this end may be cut, and is left out.
const MAX_LOOK: usize = 1024;
/// How much of an HTTP response is searched for its headers.
const MAX_HEAD: usize = 16 * 1024;

/// Where a banner was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The value of `Server` in an HTTP response.
    HttpServer,
    /// The greeting of SMTP.
    Smtp,
    /// The greeting of LMTP.
    Lmtp,
    /// The greeting of POP3.
    Pop3,
    /// The greeting of IMAP.
    Imap,
    /// The greeting of FTP.
    Ftp,
    /// The greeting of NNTP.
    Nntp,
    /// The value of IMPLEMENTATION in ManageSieve.
    Sieve,
    /// The identification of SSH.
    Ssh,
    /// The version in the greeting of MySQL.
    Mysql,
    /// The SOFTWARE attribute of STUN.
    StunSoftware,
}

impl Source {
    /// Every source.
    pub const ALL: &'static [Self] = &[
        Self::HttpServer,
        Self::Smtp,
        Self::Lmtp,
        Self::Pop3,
        Self::Imap,
        Self::Ftp,
        Self::Nntp,
        Self::Sieve,
        Self::Ssh,
        Self::Mysql,
        Self::StunSoftware,
    ];

    /// Its name in evidence.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HttpServer => "http-server",
            Self::Smtp => "smtp",
            Self::Lmtp => "lmtp",
            Self::Pop3 => "pop3",
            Self::Imap => "imap",
            Self::Ftp => "ftp",
            Self::Nntp => "nntp",
            Self::Sieve => "sieve",
            Self::Ssh => "ssh",
            Self::Mysql => "mysql",
            Self::StunSoftware => "stun-software",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A name and a version as they were found, still borrowed.
type Found<'a> = (&'a str, Option<String>);

/// The software that a banner names, in the banner's order, each once, at most eight.
pub fn software(source: Source, banner: &[u8]) -> Vec<Software> {
    let line = banner.get(..MAX_LOOK).unwrap_or(banner);
    let line = line.split(|b| matches!(b, b'\r' | b'\n' | 0)).next().unwrap_or_default();
    // Anything beyond ASCII becomes a character that no name and no version may hold.
    let text: String = line.iter().map(|b| if b.is_ascii() { char::from(*b) } else { '\u{fffd}' }).collect();
    let found = match source {
        Source::HttpServer => http(&text),
        Source::Ssh => ssh(&text).into_iter().collect(),
        Source::Mysql => mysql(&text).into_iter().collect(),
        Source::StunSoftware => stun(&text).into_iter().collect(),
        _ => shapes::find(source, &text).into_iter().collect(),
    };
    let name: Arc<str> = source.as_str().into();
    let mut out: Vec<Software> = Vec::new();
    for (product, version) in found {
        let version = version.filter(|version| version.len() <= MAX_NAME);
        let software = Software { product: product.to_owned(), version, source: Arc::clone(&name) };
        if is_product(product) && out.len() < MAX_PRODUCTS && !out.contains(&software) {
            out.push(software);
        }
    }
    // The last word of a text that was cut may be half a version.
    if banner.len() > MAX_LOOK
        && line.len() == MAX_LOOK
        && let Some(last) = out.last_mut()
        && last.version.as_ref().is_some_and(|version| text.ends_with(version.as_str()))
    {
        last.version = None;
    }
    out
}

/// The value of the first `Server` header in the first bytes of an HTTP response, where its whole line is there.
pub fn http_server_header(response: &[u8]) -> Option<&[u8]> {
    let head = response.get(..MAX_HEAD).unwrap_or(response);
    if !head.get(..5).is_some_and(|start| start.eq_ignore_ascii_case(b"http/")) {
        return None;
    }
    let mut rest = head;
    loop {
        let end = rest.iter().position(|b| *b == b'\n')?;
        let line = rest.get(..end)?.trim_ascii_end();
        rest = rest.get(end + 1..)?;
        if line.is_empty() {
            return None;
        }
        let Some(colon) = line.iter().position(|b| *b == b':') else { continue };
        let (name, value) = line.split_at_checked(colon)?;
        if name.eq_ignore_ascii_case(b"server") {
            return Some(value.get(1..)?.trim_ascii());
        }
    }
}

/// Runs every reader over `data`, for fuzzers and property tests.
///
/// # Panics
///
/// When one panics, gives too much, or lets a character through that does not belong.
pub fn fuzz(data: &[u8]) {
    for source in Source::ALL {
        let found = software(*source, data);
        assert!(found.len() <= MAX_PRODUCTS);
        for software in found {
            assert!(is_product(&software.product), "product {:?}", software.product);
            let version = software.version.as_deref();
            assert!(version.is_none_or(|v| is_version(v) && v.len() <= MAX_NAME), "version {version:?}");
        }
    }
    if let Some(value) = http_server_header(data) {
        assert!(value.len() < data.len() && !value.contains(&b'\n'));
    }
}

const fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+')
}

fn is_product(text: &str) -> bool {
    text.len() <= MAX_NAME
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| is_plain(c) || c == ' ')
}

fn is_version(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit()) && text.chars().all(is_plain)
}

/// The version that a word begins with, behind an optional `v`.
fn version(word: &str) -> Option<String> {
    let bare = word.strip_prefix(['v', 'V']).unwrap_or(word);
    if !bare.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let end = bare.find(|c| !is_plain(c)).unwrap_or(bare.len());
    Some(bare.get(..end)?.trim_end_matches(|c: char| !c.is_ascii_alphanumeric()).to_owned())
}

/// A name and a version, joined by one of `joints` in front of a digit or of `v` and a digit.
fn joined<'a>(word: &'a str, joints: &[char]) -> Option<Found<'a>> {
    word.match_indices(joints).find_map(|(at, joint)| {
        let version = version(word.get(at + joint.len()..)?)?;
        Some((word.get(..at)?, Some(version)))
    })
}

/// Products of RFC 9110, 10.2.4, comments left out. One without a version counts where it is known.
fn http(text: &str) -> Vec<Found<'_>> {
    const BARE: &[&str] = &[
        "Apache",
        "Apache-Coyote",
        "Caddy",
        "Cowboy",
        "GoAhead-Webs",
        "Jetty",
        "LiteSpeed",
        "Microsoft-IIS",
        "Tengine",
        "cloudflare",
        "envoy",
        "gunicorn",
        "lighttpd",
        "nginx",
        "openresty",
        "thttpd",
    ];
    let mut found = Vec::new();
    let mut depth = 0_usize;
    for word in text.split([' ', '\t']) {
        // Jetty writes its version as if it were a comment.
        if depth == 0
            && let Some(inner) = word.strip_prefix("Jetty(")
        {
            found.push(("Jetty", version(inner)));
        } else if depth == 0 && !word.starts_with('(') {
            let name = word.trim_end_matches([',', ';']);
            if BARE.contains(&name) {
                found.push((name, None));
            } else {
                found.extend(joined(name, &['/']));
            }
        }
        for c in word.chars() {
            match c {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
    }
    found
}

/// `SSH-protoversion-softwareversion SP comments` (RFC 4253, 4.2). Debian and its kin put the package's revision into
/// the comment: behind the version it makes the package's version.
fn ssh(text: &str) -> Option<Found<'_>> {
    const BARE: &[&str] = &["Go", "OpenSSH", "ROSSSH", "dropbear"];
    let (protocol, rest) = text.strip_prefix("SSH-")?.split_once('-')?;
    if !is_version(protocol) {
        return None;
    }
    let (name, comment) = rest.split_once(' ').unwrap_or((rest, ""));
    let Some((product, Some(upstream))) = joined(name, &['_', '-', '/']) else {
        return BARE.contains(&name).then_some((name, None));
    };
    let revision = ["Debian-", "Ubuntu-", "Raspbian-"]
        .iter()
        .find_map(|vendor| comment.strip_prefix(vendor))
        .map(|rest| rest.split(' ').next().unwrap_or_default())
        .filter(|revision| is_version(revision));
    Some((
        product,
        Some(revision.map_or_else(|| upstream.clone(), |revision| format!("{upstream}-{revision}"))),
    ))
}

/// MySQL names itself by a bare version. MariaDB puts 5.5.5 in front, for old replicas, and its name into the middle,
/// where a package's version has nothing.
fn mysql(text: &str) -> Option<Found<'_>> {
    let text = text.trim_end_matches("-log");
    if let Some((number, suffix)) = text.split_once("-MariaDB") {
        let number = version(number.strip_prefix("5.5.5-").unwrap_or(number))?;
        // An epoch or a tilde cannot be told here: then the number alone.
        let suffix = suffix.strip_prefix('-').filter(|rest| is_version(rest));
        return Some((
            "MariaDB",
            Some(suffix.map_or_else(|| number.clone(), |rest| format!("{number}-{rest}"))),
        ));
    }
    if let Some((_, rest)) = text.split_once("-TiDB-") {
        return Some(("TiDB", Some(version(rest)?)));
    }
    let digits = |part: Option<&str>| part.is_some_and(|p| p.starts_with(|c: char| c.is_ascii_digit()));
    let mut parts = text.split('.');
    if !digits(parts.next()) || !digits(parts.next()) {
        return None;
    }
    Some(("MySQL", Some(version(text)?)))
}

/// `Coturn-4.6.1 'Gorst'`, `restund v0.4.2`: a name and a version with a dot in it.
fn stun(text: &str) -> Option<Found<'_>> {
    let mut words = text.split(' ').filter(|word| !word.is_empty());
    let first = words.next()?;
    let dotted = |version: &String| version.contains('.');
    if let Some((product, Some(found))) = joined(first, &['-', '/', '_']) {
        return dotted(&found).then_some((product, Some(found)));
    }
    let found = version(words.next()?).filter(dotted)?;
    Some((first, Some(found)))
}

mod shapes;

#[cfg(test)]
mod tests;
