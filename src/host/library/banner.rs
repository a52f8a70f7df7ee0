//! Version banners: `OpenSSL 1.0.1e 11 Feb 2013` and those of its relatives.
//!
//! A banner is a text, not a proof: programs carry the one of the headers that they were compiled with.
//! The date is demanded, since prose such as `OpenSSL 3.0.0 and newer` and the broken halves that
//! compilers leave of a constant look like a version without one.

/// Longest banner that is looked at.
pub(super) const LONGEST: usize = 96;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A dated banner of OpenSSL.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Banner {
    /// As it stands in the file.
    pub(super) text: String,
    /// The version, with what is joined to it: `1.0.1e`, `3.0.2+quic`, `1.1.1k-fips`.
    pub(super) version: String,
}

/// Reads a banner at the very start of `bytes`.
pub(super) fn openssl(bytes: &[u8]) -> Option<Banner> {
    let mut at = Reader { bytes: bytes.get(..LONGEST).unwrap_or(bytes), at: 0 };
    at.word(b"OpenSSL ")?;
    let mut version = at.numbers()?;
    version.push_str(at.run(2, |b| b.is_ascii_lowercase()));
    version.push_str(at.suffix());
    // One blank or two: it changed between releases of one series.
    at.word(b" ")?;
    let _ = at.word(b" ");
    let _ = at.word(b"(beta) ");
    if at.word(b"FIPS ").is_some() && !version.ends_with("-fips") {
        version.push_str("-fips");
    }
    if at.word(b"xx XXX xxxx").is_none() {
        at.date()?;
    }
    let text = String::from_utf8_lossy(at.bytes.get(..at.at)?).into_owned();
    Some(Banner { text, version })
}

/// Reads `LibreSSL 3.8.2` or `AWS-LC 1.69.0`, also with `FIPS ` in between, at the start of `bytes`: the
/// version, and the text.
pub(super) fn relative(bytes: &[u8], name: &str) -> Option<Banner> {
    let mut at = Reader { bytes: bytes.get(..LONGEST).unwrap_or(bytes), at: 0 };
    at.word(name.as_bytes())?;
    at.word(b" ")?;
    let fips = at.word(b"FIPS ").is_some();
    let mut version = at.numbers()?;
    if fips {
        version.push_str("-fips");
    }
    let text = String::from_utf8_lossy(at.bytes.get(..at.at)?).into_owned();
    Some(Banner { text, version })
}

/// A whole text of digits and dots, `3.5.7`: how a provider names its version among its parameters.
pub(super) fn bare_version(text: &str) -> bool {
    let mut at = Reader { bytes: text.as_bytes(), at: 0 };
    at.numbers().is_some_and(|version| version.len() == text.len())
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        self.rest().starts_with(word).then(|| self.at += word.len())
    }

    /// Up to `most` bytes that fit; ASCII only.
    fn run(&mut self, most: usize, fits: impl Fn(u8) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest.iter().take(most).take_while(|b| b.is_ascii() && fits(**b)).count();
        self.at += length;
        rest.get(..length).and_then(|run| std::str::from_utf8(run).ok()).unwrap_or_default()
    }

    /// `1.0.1`, each number of at most three digits.
    fn numbers(&mut self) -> Option<String> {
        let mut version = String::new();
        for part in 0..3 {
            if part > 0 {
                self.word(b".")?;
                version.push('.');
            }
            let digits = self.run(3, |b| b.is_ascii_digit());
            if digits.is_empty() {
                return None;
            }
            version.push_str(digits);
        }
        Some(version)
    }

    /// `-fips`, `-fips-rhel5`, `+quic`, `-beta1`; nothing where there is none.
    fn suffix(&mut self) -> &'a str {
        let start = self.at;
        if self.word(b"-").is_none() && self.word(b"+").is_none() {
            return "";
        }
        if self.run(32, |b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_')).is_empty() {
            self.at = start;
            return "";
        }
        self.bytes.get(start..self.at).and_then(|s| std::str::from_utf8(s).ok()).unwrap_or_default()
    }

    /// `11 Feb 2013`.
    fn date(&mut self) -> Option<()> {
        let day: u8 = self.run(2, |b| b.is_ascii_digit()).parse().ok()?;
        self.word(b" ")?;
        let month = self.run(3, |b| b.is_ascii_alphabetic());
        self.word(b" ")?;
        let year: u16 = self.run(4, |b| b.is_ascii_digit()).parse().ok()?;
        let real = (1..=31).contains(&day) && MONTHS.contains(&month) && (1995..2100).contains(&year);
        let ends = !self.rest().first().is_some_and(u8::is_ascii_digit);
        (real && ends).then_some(())
    }
}
