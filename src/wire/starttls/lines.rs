//! What the dialogues made of lines share: a bounded reader of lines that may hold literals, three-digit replies,
//! and [`Text`], the frame around a protocol that judges one line at a time. What a line means is the protocol's file.

mod frame;
#[cfg(test)]
mod tests;

pub(super) use frame::{Log, Protocol, Text, Turn};

use super::MAX_HELD;

/// The server said more than [`MAX_HELD`] bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooMuch;

/// Lines out of bytes that come in any pieces. A line ends at a line feed; carriage returns before it do not count.
#[derive(Debug, Default)]
pub(super) struct Lines {
    held: Vec<u8>,
    /// How many bytes went before those in `held`.
    dropped: usize,
    /// Where in `held` the line begins that is next.
    start: usize,
    /// Where its last part begins: behind a literal, else at `start`.
    part: usize,
    /// Where to look on for a line feed, so that no byte is looked at twice.
    seek: usize,
}

impl Lines {
    /// Takes in what came.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.held.drain(..self.start);
        self.dropped += self.start;
        self.part -= self.start;
        self.seek -= self.start;
        self.start = 0;
        self.held.extend_from_slice(bytes);
    }

    /// The next whole line, without its end. Where `literals` says so of what the line begins with, `{n}` or `{n+}` at
    /// the end of a line announces `n` bytes that belong to it, line feeds and all, and so does what follows them.
    pub(super) fn next(&mut self, literals: fn(&[u8]) -> bool) -> Result<Option<&[u8]>, TooMuch> {
        let room = MAX_HELD.saturating_sub(self.dropped);
        loop {
            let end = self.held.len().min(room);
            let unseen = self.held.get(self.seek..end).unwrap_or_default();
            let Some(found) = unseen.iter().position(|b| *b == b'\n') else {
                self.seek = self.seek.max(end);
                return if self.held.len() > room { Err(TooMuch) } else { Ok(None) };
            };
            let feed = self.seek + found;
            let whole = self.held.get(self.start..feed).unwrap_or_default();
            let part = trim(self.held.get(self.part..feed).unwrap_or_default());
            if let Some(length) = literal(part).filter(|_| literals(whole)) {
                if length > room.saturating_sub(feed + 1) {
                    return Err(TooMuch);
                }
                self.part = feed + 1 + length;
                self.seek = self.part;
                continue;
            }
            let from = self.start;
            self.start = feed + 1;
            self.part = self.start;
            self.seek = self.start;
            return Ok(Some(trim(self.held.get(from..feed).unwrap_or_default())));
        }
    }

    /// What came behind the last line.
    pub(super) fn rest(&self) -> &[u8] {
        self.held.get(self.start..).unwrap_or_default()
    }
}

fn trim(mut line: &[u8]) -> &[u8] {
    while let Some(shorter) = line.strip_suffix(b"\r") {
        line = shorter;
    }
    line
}

/// The length that a line announces at its end.
pub(super) fn literal(line: &[u8]) -> Option<usize> {
    let inner = line.strip_suffix(b"}")?;
    let inner = inner.strip_suffix(b"+").unwrap_or(inner);
    let open = inner.iter().rposition(|b| !b.is_ascii_digit()).filter(|i| inner.get(*i) == Some(&b'{'))?;
    let digits = inner.get(open + 1..).filter(|digits| !digits.is_empty())?;
    // A number that does not fit is longer than anything that is held.
    Some(std::str::from_utf8(digits).ok()?.parse().unwrap_or(usize::MAX))
}

/// One line of a three-digit reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reply<'a> {
    /// The code; that of the first line where the line has none.
    pub(super) code: u16,
    /// Whether the reply ends here.
    pub(super) last: bool,
    /// What follows the code, or the whole line where it has none.
    pub(super) text: &'a [u8],
}

/// Lines to replies that may have several of them.
#[derive(Debug)]
pub(super) struct Replies {
    /// The code of the reply that has begun and not ended.
    open: Option<u16>,
    /// Whether only the code that began a reply ends it (RFC 959, 4.2), so that any text may stand between; else any
    /// code does, which forgives servers that change it halfway.
    same_code: bool,
}

impl Replies {
    /// Replies of SMTP and its kin.
    pub(super) const fn any_code() -> Self {
        Self { open: None, same_code: false }
    }

    /// Replies of FTP.
    pub(super) const fn same_code() -> Self {
        Self { open: None, same_code: true }
    }

    /// What a line is; `None` where it is no reply.
    pub(super) fn read<'a>(&mut self, line: &'a [u8]) -> Option<Reply<'a>> {
        let numbered = numbered(line);
        let Some(open) = self.open else {
            let (code, more, text) = numbered?;
            self.open = more.then_some(code);
            return Some(Reply { code, last: !more, text });
        };
        match numbered.filter(|(code, ..)| !self.same_code || *code == open) {
            Some((code, more, text)) => {
                self.open = more.then_some(code);
                Some(Reply { code, last: !more, text })
            }
            None => Some(Reply { code: open, last: false, text: line }),
        }
    }
}

/// The code, whether more lines follow, and the text.
fn numbered(line: &[u8]) -> Option<(u16, bool, &[u8])> {
    let [a @ b'1'..=b'5', b @ b'0'..=b'9', c @ b'0'..=b'9', rest @ ..] = line else {
        return None;
    };
    let code = [a, b, c].iter().fold(0, |sum, digit| sum * 10 + u16::from(**digit - b'0'));
    match rest {
        [] => Some((code, false, rest)),
        [b'-', text @ ..] => Some((code, true, text)),
        [b' ' | b'\t', text @ ..] => Some((code, false, text)),
        _ => None,
    }
}

/// Whether `text` begins with `word` in any case, and the word ends there.
pub(super) fn begins(text: &[u8], word: &str) -> bool {
    text.split_at_checked(word.len()).is_some_and(|(head, tail)| {
        head.eq_ignore_ascii_case(word.as_bytes()) && !tail.first().is_some_and(u8::is_ascii_alphanumeric)
    })
}

/// The response code in brackets or parentheses that a text begins with: `[SYS/TEMP]`, `(TRYLATER)`.
pub(super) fn response_code(text: &[u8]) -> Option<&[u8]> {
    let text = text.trim_ascii_start();
    let (inner, close) = match text {
        [b'[', inner @ ..] => (inner, b']'),
        [b'(', inner @ ..] => (inner, b')'),
        _ => return None,
    };
    let end = inner.iter().position(|b| *b == close)?;
    inner.get(..end)
}

/// Whether the text that goes with a refusal asks to come again: for protocols whose codes do not say it.
pub(super) fn temporary(text: &[u8]) -> bool {
    const PHRASES: &[&str] = &[
        "again",
        "back later",
        "busy",
        "connection limit",
        "connections in use",
        "max connections",
        "maximum number",
        "no more connections",
        "overload",
        "rate limit",
        "reconnecting too",
        "server is full",
        "temporar",
        "throttl",
        "too fast",
        "too many",
        "try later",
    ];
    let text = text.get(..512).unwrap_or(text).to_ascii_lowercase();
    PHRASES.iter().any(|phrase| text.windows(phrase.len()).any(|w| w == phrase.as_bytes()))
}
