//! Lines of `/proc/PID/maps`: which files a process has in its memory. Text in, values out; nothing is opened.

/// A file in a process's memory, as one line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mapping {
    /// Where in the memory: the name of its entry in `map_files`.
    pub(super) range: (u64, u64),
    /// Whether it may be run.
    pub(super) exec: bool,
    /// The device, major and minor. On overlayfs and btrfs it may not be the one that `stat` tells.
    pub(super) dev: (u32, u32),
    /// The inode.
    pub(super) inode: u64,
    /// The name, exactly as it stands there.
    pub(super) raw: Vec<u8>,
}

/// What a line is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A mapping of a file.
    File(Mapping),
    /// Memory without a file, or one that is no library: heap, devices, shared memory.
    Other,
    /// Not a line of this format.
    Odd,
}

/// Names under which the kernel shows memory that has no file on any disk.
const PSEUDO: &[&[u8]] =
    &[b"/memfd:", b"/SYSV", b"/dev/", b"/[", b"/drm", b"/i915", b"/anon_hugepage", b"/dmabuf:"];

/// The mark of a file that is gone.
const DELETED: &[u8] = b" (deleted)";

/// Reads one line, without its line feed.
pub(super) fn line(text: &[u8]) -> Line {
    parse(text).unwrap_or(Line::Odd)
}

fn parse(text: &[u8]) -> Option<Line> {
    let mut rest = text;
    let range = word(&mut rest)?;
    let perms = word(&mut rest)?;
    let offset = word(&mut rest)?;
    let dev = word(&mut rest)?;
    let inode = word(&mut rest)?;
    let (start, end) = pair(range, b'-')?;
    let range = (hex(start)?, hex(end)?);
    hex(offset)?;
    let (major, minor) = pair(dev, b':')?;
    let dev = (u32::try_from(hex(major)?).ok()?, u32::try_from(hex(minor)?).ok()?);
    let inode: u64 = std::str::from_utf8(inode).ok()?.parse().ok()?;
    if range.0 >= range.1 || !(4..=5).contains(&perms.len()) {
        return None;
    }
    let raw = rest.trim_ascii_start();
    let (path, _) = unmark(raw);
    // Shared memory in a file system is a file like others: programs are unpacked to it.
    let pseudo = PSEUDO.iter().any(|p| path.starts_with(p)) && !path.starts_with(b"/dev/shm/");
    if inode == 0 || !path.starts_with(b"/") || pseudo {
        return Some(Line::Other);
    }
    Some(Line::File(Mapping { range, exec: perms.contains(&b'x'), dev, inode, raw: raw.to_vec() }))
}

/// The name without the mark of a file that is gone, in its newer and its older place, and whether it had one.
pub(super) fn unmark(raw: &[u8]) -> (&[u8], bool) {
    if let Some(path) = raw.strip_suffix(DELETED) {
        return (path, true);
    }
    match raw.strip_prefix(DELETED.trim_ascii_start()).map(<[u8]>::trim_ascii_start) {
        Some(path) if path.starts_with(b"/") => (path, true),
        _ => (raw, false),
    }
}

/// The name with line feeds put back: the kernel writes them as `\012`, and nothing else so.
pub(super) fn unescape(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((first, more)) = rest.split_first() {
        if let Some(after) = rest.strip_prefix(b"\\012") {
            out.push(b'\n');
            rest = after;
        } else {
            out.push(*first);
            rest = more;
        }
    }
    out
}

/// Whether a file is named like the libraries of OpenSSL, with whatever a wheel put into the name:
/// `libssl.so.3`, `libcrypto-ea28cefb.so.1.1`.
pub(super) fn named_tls(path: &[u8]) -> bool {
    let name = path.rsplit(|b| *b == b'/').next().unwrap_or(path);
    let rest = name.strip_prefix(b"libssl").or_else(|| name.strip_prefix(b"libcrypto"));
    rest.is_some_and(|rest| {
        matches!(rest.first(), Some(b'-' | b'.')) && memchr::memmem::find(rest, b"so").is_some()
    })
}

/// The next word of a line.
fn word<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let text = rest.trim_ascii_start();
    let end = text.iter().position(|b| *b == b' ').unwrap_or(text.len());
    let (word, after) = text.split_at_checked(end)?;
    *rest = after;
    if word.is_empty() { None } else { Some(word) }
}

fn pair(text: &[u8], by: u8) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|b| *b == by)?;
    Some((text.get(..at)?, text.get(at.checked_add(1)?..)?))
}

fn hex(text: &[u8]) -> Option<u64> {
    if text.first() == Some(&b'+') {
        return None;
    }
    u64::from_str_radix(std::str::from_utf8(text).ok()?, 16).ok()
}
