//! `/proc/PID/stat`, `/proc/PID/status`, `/proc/stat` and `/etc/passwd`. Text in, values out; nothing is opened.

use std::collections::BTreeMap;

/// Ticks of a second in `/proc`: 100 on every architecture that distributions are made for.
pub(super) const TICKS: u64 = 100;

/// A thread of the kernel: it has no memory of its own, and no file.
const KERNEL_THREAD: u64 = 0x0020_0000;

/// What `stat` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stat {
    /// The name.
    pub(super) comm: Vec<u8>,
    /// The state's letter.
    pub(super) state: u8,
    /// The parent.
    pub(super) ppid: u32,
    /// Whether it is a thread of the kernel.
    pub(super) kernel: bool,
    /// Its threads.
    pub(super) threads: u64,
    /// When it started, in ticks since the start of the host. With the number it tells a process from a
    /// later one of the same number.
    pub(super) start: u64,
}

impl Stat {
    /// Whether it has ended and waits for its parent.
    pub(super) fn ended(&self) -> bool {
        matches!(self.state, b'Z' | b'X')
    }
}

/// Reads `stat`. The name may hold anything, spaces and closing parentheses too: it ends at the last one.
pub(super) fn stat(text: &[u8]) -> Option<Stat> {
    let open = text.iter().position(|b| *b == b'(')?;
    let close = text.iter().rposition(|b| *b == b')')?;
    let comm = unescape(text.get(open.checked_add(1)?..close)?);
    let rest = std::str::from_utf8(text.get(close.checked_add(1)?..)?).ok()?;
    // Counted from the third field of the manual's list.
    let fields: Vec<&str> = rest.split_ascii_whitespace().take(32).collect();
    let number = |at: usize| fields.get(at).and_then(|f| f.parse::<u64>().ok());
    Some(Stat {
        comm,
        state: *fields.first()?.as_bytes().first()?,
        ppid: u32::try_from(number(1)?).ok()?,
        kernel: number(6)? & KERNEL_THREAD != 0,
        threads: number(17)?,
        start: number(19)?,
    })
}

/// Names stand in `stat` with `\n` and `\\` for the two bytes that would break a line.
fn unescape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        let put = match (byte, bytes.peek()) {
            (b'\\', Some(b'n')) => b'\n',
            (b'\\', Some(b'\\')) => b'\\',
            _ => {
                out.push(byte);
                continue;
            }
        };
        bytes.next();
        out.push(put);
    }
    out
}

/// What `status` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Status {
    /// The effective user.
    pub(super) uid: Option<u32>,
    /// In how many nested namespaces it has a number, counted from the reader's.
    pub(super) pid_spaces: usize,
}

/// Reads `status`. The last line of a name counts: the process's own name stands first, and older kernels
/// let a line feed through in it.
pub(super) fn status(text: &[u8]) -> Status {
    let mut found = Status::default();
    for line in text.split(|b| *b == b'\n') {
        let Some((name, rest)) = std::str::from_utf8(line).ok().and_then(|line| line.split_once(':')) else {
            continue;
        };
        match name {
            "Uid" => found.uid = rest.split_ascii_whitespace().nth(1).and_then(|uid| uid.parse().ok()),
            "NSpid" => found.pid_spaces = rest.split_ascii_whitespace().count(),
            _ => {}
        }
    }
    found
}

/// The moment of the host's start, seconds since 1970, from `/proc/stat`.
pub(super) fn boot_time(text: &[u8]) -> Option<i64> {
    let line = text.split(|b| *b == b'\n').find_map(|line| line.strip_prefix(b"btime "))?;
    std::str::from_utf8(line).ok()?.trim().parse().ok()
}

/// Users by number, from `/etc/passwd`. The first of a number wins, as for the C library.
pub(super) fn users(text: &str) -> BTreeMap<u32, String> {
    let mut users = BTreeMap::new();
    for line in text.lines() {
        let mut fields = line.split(':');
        let (Some(name), Some(uid)) = (fields.next(), fields.nth(1).and_then(|uid| uid.parse().ok())) else {
            continue;
        };
        if !name.is_empty() && !name.starts_with(['#', '+', '-']) {
            users.entry(uid).or_insert_with(|| name.to_owned());
        }
    }
    users
}
