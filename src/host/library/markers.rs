//! The byte search: what a file's bytes say about a TLS library, wherever in the file they stand.
//!
//! Two passes. The first looks for a handful of anchors at memory speed and throws away almost every file.
//! The second, on what is left, gathers banners and proofs of code. It decides nothing: `classify` does.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::OnceLock,
};

use aho_corasick::{AhoCorasick, MatchKind};

use super::{
    banner::{self, Banner},
    source::{Source, pieces},
};

/// Bytes of one piece; it stays in the second-level cache between the copy and the search.
pub(super) const PIECE: usize = 256 << 10;
/// Most that is read of one file.
pub(super) const MOST: u64 = 4 << 30;
/// Looked at before a marker: the rest of a path.
const BEFORE: usize = 256;
/// Looked at after a marker: the compiler's flags.
const AFTER: usize = 8 << 10;
/// Different banners kept of one file.
const BANNERS: usize = 16;

/// A text that must not stand in this very program's file, or a copy of it on disk would look like the library:
/// every byte with its highest bit set, while it is compiled.
macro_rules! hidden {
    ($text:literal) => {{
        const HIDDEN: [u8; $text.len()] = {
            let mut bytes = [0; $text.len()];
            let mut i = 0;
            while i < bytes.len() {
                bytes[i] = $text.as_bytes()[i] | 0x80;
                i += 1;
            }
            bytes
        };
        &HIDDEN
    }};
}

/// The text behind a hidden one.
fn shown(hidden: &[u8]) -> String {
    hidden.iter().map(|byte| char::from(byte & 0x7f)).collect()
}

/// What has to be in a file for the second pass. Fewer is faster; each library leaves at least one of these.
const ANCHORS: [&[u8]; 9] = [
    hidden!("OpenSSL "),
    hidden!("evp_enc.c"),
    hidden!("OPENSSLDIR: "),
    hidden!("ssl/t1_lib.c"),
    hidden!("boringssl/"),
    hidden!("ssl_lib.cc"),
    hidden!("aws-lc/"),
    hidden!("AWS-LC "),
    hidden!("LibreSSL "),
];

/// What a marker stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    Openssl,
    /// Only OpenSSL (and LibreSSL) has this.
    Strong,
    /// Old BoringSSL has this as well.
    Weak,
    BuiltOn,
    Compiler,
    Boring,
    Aws,
    AwsVersion,
    Libre,
}

/// Text, meaning, and whether a zero must follow (file names).
const MARKERS: [(&[u8], Mark, bool); 20] = [
    (hidden!("OpenSSL "), Mark::Openssl, false),
    (hidden!("OPENSSLDIR: \""), Mark::Strong, false),
    (hidden!("ENGINESDIR: \""), Mark::Strong, false),
    (hidden!("MODULESDIR: \""), Mark::Strong, false),
    (hidden!("crypto/evp/evp_enc.c"), Mark::Strong, true),
    // A build inside the folder leaves the bare name.
    (hidden!("\0evp_enc.c"), Mark::Strong, true),
    (hidden!("ssl/statem/statem_lib.c"), Mark::Strong, true),
    (hidden!("ssl/record/rec_layer_s3.c"), Mark::Strong, true),
    (hidden!("ssl/t1_lib.c"), Mark::Weak, true),
    (hidden!("\0t1_lib.c"), Mark::Weak, true),
    (hidden!("ssl/s3_both.c"), Mark::Weak, true),
    (hidden!("built on: "), Mark::BuiltOn, false),
    (hidden!("compiler: "), Mark::Compiler, false),
    (hidden!("boringssl/"), Mark::Boring, false),
    (hidden!("/boringssl."), Mark::Boring, false),
    (hidden!("ssl/ssl_lib.cc"), Mark::Boring, true),
    (hidden!("aws-lc/crypto/"), Mark::Aws, false),
    (hidden!("aws-lc/ssl/"), Mark::Aws, false),
    (hidden!("AWS-LC "), Mark::AwsVersion, false),
    (hidden!("LibreSSL "), Mark::Libre, false),
];

/// What the bytes say.
#[allow(clippy::struct_excessive_bools, reason = "each is a text that is there or not")]
#[derive(Debug, Default)]
pub(super) struct Evidence {
    /// Dated banners, with the first place of each.
    pub(super) banners: BTreeMap<Banner, u64>,
    /// Those that a part of the library carries: `AES part of OpenSSL 1.0.1e 11 Feb 2013`.
    pub(super) part_of: BTreeSet<Banner>,
    /// Texts that only the library's own code brings.
    pub(super) strong: BTreeSet<&'static str>,
    /// Texts that the code brings, and that of an old relative.
    pub(super) weak: BTreeSet<&'static str>,
    /// `built on: ` and its rest.
    pub(super) built_on: Option<String>,
    /// Where the build information stands; the library's own banner is near.
    pub(super) block: Option<u64>,
    /// Built with `-DOPENSSL_NO_HEARTBEATS`, by its own words.
    pub(super) no_heartbeats: bool,
    /// `OpenSSL FIPS Provider`.
    pub(super) fips_provider: bool,
    /// File names of BoringSSL.
    pub(super) boring: bool,
    /// File names of AWS-LC.
    pub(super) aws: bool,
    /// AWS-LC's own version.
    pub(super) aws_banner: Option<Banner>,
    /// LibreSSL's banner.
    pub(super) libre: Option<Banner>,
}

/// Whether any anchor is in a source. Stops at the first.
pub(super) fn anchored<S: Source + ?Sized>(
    source: &S,
    buffer: &mut [u8],
    stop: &dyn Fn() -> bool,
    read: &mut u64,
) -> io::Result<bool> {
    let Some(search) = anchors() else { return Ok(true) };
    let mut found = false;
    let mut stopped = false;
    *read += pieces(source, 0, source.length().min(MOST), buffer, 16, |_, bytes, _| {
        found = search.is_match(bytes);
        stopped = stop();
        !found && !stopped
    })?;
    if stopped && !found { Err(io::ErrorKind::TimedOut.into()) } else { Ok(found) }
}

/// Gathers everything of a source.
pub(super) fn gather<S: Source + ?Sized>(
    source: &S,
    buffer: &mut [u8],
    stop: &dyn Fn() -> bool,
) -> io::Result<Evidence> {
    let mut evidence = Evidence::default();
    let mut stopped = false;
    pieces(source, 0, source.length().min(MOST), buffer, BEFORE + AFTER, |at, bytes, new| {
        evidence.piece(at, bytes, at == 0, new == bytes.len());
        stopped = stop();
        !stopped
    })?;
    if stopped { Err(io::ErrorKind::TimedOut.into()) } else { Ok(evidence) }
}

/// Gathers from a stream that cannot be read twice, of which `start` was read already.
pub(super) fn gather_stream(
    start: &[u8],
    rest: &mut dyn io::Read,
    stop: &dyn Fn() -> bool,
) -> io::Result<Evidence> {
    let mut evidence = Evidence::default();
    evidence.piece(0, start, true, false);
    let mut at = start.len().saturating_sub(BEFORE + AFTER);
    let mut first = at == 0;
    let mut held = start.get(at..).unwrap_or_default().to_vec();
    loop {
        if stop() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let before = held.len();
        io::Read::read_to_end(&mut io::Read::take(&mut *rest, PIECE as u64), &mut held)?;
        let last = held.len() == before;
        evidence.piece(at as u64, &held, first, last);
        if last {
            return Ok(evidence);
        }
        let done = held.len().saturating_sub(BEFORE + AFTER);
        held.drain(..done);
        at = at.saturating_add(done);
        first &= done == 0;
    }
}

impl Evidence {
    /// Whether the code of a relative is inside, by its file names.
    pub(super) fn relative(&self) -> bool {
        self.boring || self.aws || self.aws_banner.is_some()
    }

    /// Looks at one piece. A marker counts in that piece in which enough stands before and behind it.
    fn piece(&mut self, at: u64, bytes: &[u8], first: bool, last: bool) {
        let Some(search) = markers() else { return };
        let from = if first { 0 } else { BEFORE };
        let to = if last { bytes.len() } else { bytes.len().saturating_sub(AFTER) };
        for hit in search.0.find_overlapping_iter(bytes) {
            if hit.start() < from || hit.start() >= to {
                continue;
            }
            if let Some((text, mark, named)) = search.1.get(hit.pattern().as_usize()) {
                if *named && bytes.get(hit.end()) != Some(&0) {
                    continue;
                }
                let place = at + hit.start() as u64;
                self.mark(*mark, text, place, bytes, (hit.start(), hit.end()));
            }
        }
    }

    fn mark(&mut self, mark: Mark, text: &'static str, place: u64, bytes: &[u8], hit: (usize, usize)) {
        let here = bytes.get(hit.0..).unwrap_or_default();
        let after = bytes.get(hit.1..).unwrap_or_default();
        match mark {
            Mark::Openssl => self.openssl(place, here, bytes.get(..hit.0).unwrap_or_default()),
            Mark::Strong | Mark::Weak => {
                let path = line_before(bytes, hit.0);
                let of = |name: &[u8]| memchr::memmem::find(path, name).is_some();
                if of(b"boringssl") {
                    self.boring = true;
                } else if of(b"aws-lc") {
                    self.aws = true;
                } else {
                    let proof = text.trim_start_matches('\0').trim_end_matches(": \"");
                    let _ = if mark == Mark::Strong {
                        self.strong.insert(proof)
                    } else {
                        self.weak.insert(proof)
                    };
                    if text.ends_with('"') && self.block.is_none() {
                        self.block = Some(place);
                    }
                }
            }
            Mark::BuiltOn if self.built_on.is_none() => self.built_on = built_on(after),
            Mark::Compiler => {
                let flags = after.split(|b| *b == 0).next().unwrap_or_default();
                self.no_heartbeats |= memchr::memmem::find(flags, b"-DOPENSSL_NO_HEARTBEATS").is_some();
            }
            Mark::BuiltOn => {}
            Mark::Boring => self.boring |= source_path(bytes, hit.0) || text == "ssl/ssl_lib.cc",
            Mark::Aws => self.aws |= source_path(bytes, hit.0),
            Mark::AwsVersion => self.aws_banner = self.aws_banner.take().or(banner::relative(here, "AWS-LC")),
            Mark::Libre => self.libre = self.libre.take().or(banner::relative(here, "LibreSSL")),
        }
    }

    fn openssl(&mut self, place: u64, here: &[u8], before: &[u8]) {
        self.fips_provider |= here.starts_with(b"OpenSSL FIPS Provider");
        let Some(banner) = banner::openssl(here) else { return };
        if before.ends_with(b" part of ") {
            self.strong.insert("part of OpenSSL");
            if self.part_of.len() < BANNERS {
                self.part_of.insert(banner.clone());
            }
        }
        if self.banners.len() < BANNERS {
            self.banners.entry(banner).or_insert(place);
        }
    }
}

/// The rest of the text that leads up to a place.
fn line_before(bytes: &[u8], at: usize) -> &[u8] {
    let before = bytes.get(at.saturating_sub(BEFORE)..at).unwrap_or_default();
    let start = before.iter().rposition(|b| *b < b' ').map_or(0, |i| i + 1);
    before.get(start..).unwrap_or_default()
}

/// Whether the text that begins at, or around, a place is the name of a source file: prose about a library
/// and URLs of its repository are not its code.
fn source_path(bytes: &[u8], at: usize) -> bool {
    let rest = bytes.get(at..).unwrap_or_default();
    let end = rest.iter().take(AFTER).position(|b| *b <= b' ').unwrap_or(rest.len().min(AFTER));
    let name = rest.get(..end).unwrap_or_default();
    [&b".c"[..], b".cc", b".h", b".S", b".inc"].iter().any(|ending| name.ends_with(ending))
}

fn built_on(after: &[u8]) -> Option<String> {
    let text = after.split(|b| *b == 0).next()?.get(..).filter(|t| (1..=80).contains(&t.len()))?;
    let text = std::str::from_utf8(text).ok()?;
    // BoringSSL and AWS-LC say so.
    let said = text != "n/a" && text.chars().all(|c| !c.is_control());
    said.then(|| text.to_owned())
}

fn anchors() -> Option<&'static AhoCorasick> {
    static ANCHOR: OnceLock<Option<AhoCorasick>> = OnceLock::new();
    // Leftmost-first, since only that kind of search uses the vector instructions.
    ANCHOR
        .get_or_init(|| {
            AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(ANCHORS.map(shown)).ok()
        })
        .as_ref()
}

/// A search, and what each of its texts stands for.
type Search = (AhoCorasick, Vec<(String, Mark, bool)>);

fn markers() -> Option<&'static Search> {
    static MARKER: OnceLock<Option<Search>> = OnceLock::new();
    MARKER
        .get_or_init(|| {
            let texts: Vec<_> =
                MARKERS.iter().map(|(text, mark, named)| (shown(text), *mark, *named)).collect();
            Some((AhoCorasick::new(texts.iter().map(|(text, ..)| text)).ok()?, texts))
        })
        .as_ref()
}
