//! Alpine's versions: `number{.number}..{letter}{_suffix{number}}..{~hash}{-r#}`, as apk-tools 3 compares them.
//!
//! There is no epoch, and one letter at most: `1.1.1zh` is no version here, although OpenSSL has released it.
//! The first number and those of suffixes and revisions compare by value; a later number of the version does so
//! unless one of the two begins with a zero, for then both compare as text. Suffixes before the release are
//! alpha, beta, pre, rc, those after it cvs, svn, git, hg, p. Numbers may have any length; apk's wrap at 64 bits.

use std::cmp::Ordering;

use super::{BadVersion, LONGEST, by_value, take_while};

/// Suffixes before the release, earliest first.
const BEFORE: &[&[u8]] = &[b"alpha", b"beta", b"pre", b"rc"];
/// Suffixes after it, earliest first.
const AFTER: &[&[u8]] = &[b"cvs", b"svn", b"git", b"hg", b"p"];

/// What can stand at a place. Where two versions differ in kind, this is their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    SuffixBefore,
    End,
    Revision,
    Hash,
    SuffixNumber,
    SuffixAfter,
    Letter,
    Number,
    FirstNumber,
}

#[derive(Clone, Copy)]
struct Token<'a> {
    kind: Kind,
    /// Which suffix, counted from the earliest of its kind.
    suffix: usize,
    text: &'a [u8],
}

/// The order of two Alpine versions.
pub fn compare(a: &str, b: &str) -> Result<Ordering, BadVersion> {
    check(a)?;
    check(b)?;
    let (mut tokens, mut others) = (Tokens::new(a), Tokens::new(b));
    loop {
        let (Some(x), Some(y)) = (tokens.take(), others.take()) else {
            return Ok(Ordering::Equal); // not reached: both were checked
        };
        let order = x.kind.cmp(&y.kind).then_with(|| within(x, y));
        if order.is_ne() || x.kind == Kind::End {
            return Ok(order);
        }
    }
}

fn check(text: &str) -> Result<(), BadVersion> {
    let bad = || {
        BadVersion::new(text, "an Alpine version", "number{.number}{letter}{_suffix}{-r#} such as 1.1.1w-r1")
    };
    let mut tokens = Tokens::new(text);
    let mut next = || tokens.take().filter(|_| text.len() <= LONGEST).ok_or_else(bad);
    while next()?.kind != Kind::End {}
    Ok(())
}

/// The order of two tokens of one kind.
fn within(x: Token<'_>, y: Token<'_>) -> Ordering {
    match x.kind {
        Kind::FirstNumber | Kind::SuffixNumber | Kind::Revision => by_value(x.text, y.text),
        Kind::Number if !x.text.starts_with(b"0") && !y.text.starts_with(b"0") => by_value(x.text, y.text),
        Kind::SuffixBefore | Kind::SuffixAfter => x.suffix.cmp(&y.suffix),
        _ => x.text.cmp(y.text),
    }
}

struct Tokens<'a> {
    rest: &'a [u8],
    last: Option<Kind>,
}

impl<'a> Tokens<'a> {
    fn new(text: &'a str) -> Self {
        Self { rest: text.as_bytes(), last: None }
    }

    /// The next token; absent where the text goes on as no version does.
    fn take(&mut self) -> Option<Token<'a>> {
        let token = match self.last {
            None => self.number(Kind::FirstNumber),
            Some(last) => self.after(last),
        }?;
        self.last = Some(token.kind);
        Some(token)
    }

    fn after(&mut self, last: Kind) -> Option<Token<'a>> {
        use Kind::{
            End, FirstNumber, Hash, Letter, Number, Revision, SuffixAfter, SuffixBefore, SuffixNumber,
        };
        let numbers = matches!(last, FirstNumber | Number);
        let suffix = matches!(last, SuffixBefore | SuffixAfter);
        let Some((first, after)) = self.rest.split_first() else {
            return Some(Token { kind: End, suffix: 0, text: &[] });
        };
        if suffix && first.is_ascii_digit() {
            return self.number(SuffixNumber);
        }
        if numbers && first.is_ascii_lowercase() {
            let text = take_one(&mut self.rest);
            return Some(Token { kind: Letter, suffix: 0, text });
        }
        self.rest = after;
        match first {
            b'.' if numbers => self.number(Number),
            b'_' if numbers || suffix || matches!(last, Letter | SuffixNumber) => self.suffix(),
            b'~' if !matches!(last, Hash | Revision) => {
                self.run(Hash, |c| matches!(c, b'0'..=b'9' | b'a'..=b'f'))
            }
            b'-' if last != Revision => {
                self.rest = self.rest.strip_prefix(b"r")?;
                self.number(Revision)
            }
            _ => None,
        }
    }

    fn number(&mut self, kind: Kind) -> Option<Token<'a>> {
        self.run(kind, |c| c.is_ascii_digit())
    }

    /// A run that must not be empty.
    fn run(&mut self, kind: Kind, wanted: impl Fn(u8) -> bool) -> Option<Token<'a>> {
        let text = take_while(&mut self.rest, wanted);
        (!text.is_empty()).then_some(Token { kind, suffix: 0, text })
    }

    fn suffix(&mut self) -> Option<Token<'a>> {
        let text = take_while(&mut self.rest, |c| c.is_ascii_lowercase());
        let place = |words: &[&[u8]]| words.iter().position(|w| *w == text);
        let before = place(BEFORE).map(|suffix| Token { kind: Kind::SuffixBefore, suffix, text });
        before.or_else(|| place(AFTER).map(|suffix| Token { kind: Kind::SuffixAfter, suffix, text }))
    }
}

fn take_one<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let (one, left) = rest.split_at_checked(1).unwrap_or((rest, &[]));
    *rest = left;
    one
}
