//! `lsof`, as a table or in fields (`-F`): processes that have libssl or libcrypto mapped, and whether the
//! file is gone. The library is known by its file's name alone.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    host::cover::Cover,
    model::host::{CopyKind, CopyRole, Document, Library, Process, ProcessRole, Replaced, TlsLibrary},
};

/// One open file.
#[derive(Debug, Default)]
struct Row<'a> {
    pid: u32,
    command: &'a str,
    user: &'a str,
    /// `mem`, `DEL`, `txt`, `cwd`, or a number with its mode.
    fd: &'a str,
    name: &'a str,
}

/// What is known of a process.
#[derive(Default)]
struct Found {
    command: String,
    user: Option<String>,
    exe: Option<String>,
    exe_deleted: bool,
    libraries: BTreeSet<String>,
}

/// A mapped file: path, gone, replaced.
type MappedFile = (String, bool, bool);

#[derive(Default)]
struct All {
    processes: BTreeMap<u32, Found>,
    copies: BTreeMap<MappedFile, BTreeSet<u32>>,
}

/// Whether the first lines are of lsof.
pub(super) fn is_lsof(head: &[String]) -> bool {
    let table = |line: &String| {
        let mut words = line.split_whitespace();
        words.next() == Some("COMMAND") && words.next() == Some("PID") && line.trim_end().ends_with("NAME")
    };
    if head.iter().any(table) {
        return true;
    }
    let fields = |line: &String| line.starts_with(|c: char| c.is_ascii_alphabetic());
    let number = |line: &String| process_number(line.split('\0').next().unwrap_or_default()).is_some();
    head.first().is_some_and(number)
        && head.iter().all(fields)
        && head.iter().any(|line| line.starts_with(['f', 'c']) || line.contains("\0c"))
}

fn process_number(line: &str) -> Option<u32> {
    line.strip_prefix('p')?.parse().ok()
}

pub(super) fn read(text: &[u8], cover: &Cover, document: &mut Document) {
    let lines: Vec<String> = super::lines(text).collect();
    let mut all = All::default();
    let first = lines.iter().find(|line| !line.is_empty()).map_or("", String::as_str);
    if process_number(first.split('\0').next().unwrap_or_default()).is_some() {
        in_fields(&lines, cover, &mut all);
    } else {
        in_table(&lines, cover, &mut all);
    }
    cover.count("processes_seen", all.processes.len() as u64);
    for (pid, found) in all.processes {
        if !found.libraries.is_empty() || found.exe_deleted {
            document.processes.push(process(pid, found));
        }
    }
    for ((path, deleted, replaced), pids) in all.copies {
        let lib = library_of(&path);
        let mut library = Library::new(path, CopyKind::Mapped, lib, CopyRole::Embeds);
        library.deleted = deleted;
        library.replaced = replaced.then_some(Replaced::Renamed);
        library.processes = pids.into_iter().collect();
        library.note = Some("known by its file name alone".to_owned());
        document.libraries.push(library);
    }
}

fn process(pid: u32, found: Found) -> Process {
    Process {
        pid,
        ppid: None,
        name: found.command,
        exe: found.exe,
        exe_deleted: found.exe_deleted,
        uid: None,
        user: found.user,
        started_at: None,
        runner: None,
        container: None,
        own_mounts: false,
        role: ProcessRole::Unknown,
        listens: Vec::new(),
        libraries: found.libraries.into_iter().collect(),
        holds: Vec::new(),
        readable: true,
    }
}

fn in_table(lines: &[String], cover: &Cover, all: &mut All) {
    for (index, line) in lines.iter().enumerate() {
        if line.trim().is_empty() || line.starts_with("COMMAND ") {
            continue;
        }
        match row(line) {
            Some(row) => all.take(&row),
            None => super::unreadable(cover, index),
        }
    }
}

/// `COMMAND PID [TID TASKCMD] USER FD TYPE DEVICE SIZE/OFF NODE NAME`, where columns may be empty.
fn row(line: &str) -> Option<Row<'_>> {
    let words: Vec<&str> = line.split_whitespace().collect();
    // A command may hold spaces; the first number behind it is the process.
    let at = words.iter().skip(1).position(|word| word.parse::<u32>().is_ok())? + 1;
    let pid = words.get(at)?.parse().ok()?;
    let fd = words.iter().enumerate().skip(at + 2).find(|(_, word)| is_fd(word)).map(|(fd, _)| fd)?;
    let name_at = line.find(" /").map_or(line.len(), |at| at + 1);
    Some(Row {
        pid,
        command: words.first()?,
        user: words.get(fd.checked_sub(1)?)?,
        fd: words.get(fd)?,
        name: line.get(name_at..).unwrap_or_default().trim_end(),
    })
}

fn is_fd(word: &str) -> bool {
    let named = ["cwd", "rtd", "txt", "mem", "mmap", "DEL", "ltx", "pd", "err", "jld", "tr", "NOFD", "m86"];
    let digits = word.trim_end_matches(['r', 'w', 'u', 'W', 'R', 'N', 'U', '-', ' ']);
    named.contains(&word)
        || (!digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit()))
        || (word.starts_with('L') && word.len() == 3)
}

fn in_fields(lines: &[String], cover: &Cover, all: &mut All) {
    let mut row = Row::default();
    for (index, line) in lines.iter().enumerate() {
        for field in line.split('\0').filter(|field| !field.is_empty()) {
            let mut rest = field.chars();
            let key = rest.next();
            let value = rest.as_str();
            match key {
                Some('p') => match value.parse() {
                    Ok(pid) => row = Row { pid, ..Row::default() },
                    Err(_) => super::unreadable(cover, index),
                },
                Some('c') => row.command = value,
                Some('L') => row.user = value,
                Some('f') => row = Row { fd: value, name: "", ..row },
                Some('n') => {
                    row.name = value;
                    all.take(&row);
                }
                Some(other) if other.is_ascii_alphabetic() => {}
                _ => super::unreadable(cover, index),
            }
        }
    }
}

impl All {
    fn take(&mut self, row: &Row<'_>) {
        let found = self.processes.entry(row.pid).or_default();
        if found.command.is_empty() {
            row.command.clone_into(&mut found.command);
        }
        if found.user.is_none() && !row.user.is_empty() {
            found.user = Some(row.user.to_owned());
        }
        let (path, gone) = match row.name.strip_suffix(" (deleted)") {
            Some(path) => (path, true),
            None => (row.name, row.fd == "DEL"),
        };
        // Another file than the mapped one stands under the name.
        let (path, replaced) = match path.split_once(" (path inode=") {
            Some((path, _)) => (path, true),
            None => (path, false),
        };
        let path = path.split_once(" (path dev=").map_or(path, |(path, _)| path);
        let path = path.split_once(" (stat: ").map_or(path, |(path, _)| path);
        if !path.starts_with('/') {
            return;
        }
        match row.fd {
            "txt" if found.exe.is_none() => {
                found.exe = Some(path.to_owned());
                found.exe_deleted = gone || replaced;
            }
            // An open file that is not mapped is not run.
            "mem" | "mmap" | "DEL" | "txt" => {}
            _ => return,
        }
        if is_tls_name(path) {
            found.libraries.insert(path.to_owned());
            let copy = (path.to_owned(), gone || replaced, replaced);
            self.copies.entry(copy).or_default().insert(row.pid);
        }
    }
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

/// `libssl.so.3`, `libcrypto-ea28cefb.so.1.1`.
fn is_tls_name(path: &str) -> bool {
    let name = file_name(path);
    let rest = name.strip_prefix("libssl").or_else(|| name.strip_prefix("libcrypto"));
    rest.is_some_and(|rest| rest.starts_with(['.', '-']) && rest.contains("so"))
}

/// OpenSSL alone uses these numbers; those of LibreSSL are higher, and BoringSSL has none.
fn library_of(path: &str) -> TlsLibrary {
    let name = file_name(path);
    let number = ["libssl.so.", "libcrypto.so."].iter().find_map(|start| name.strip_prefix(start));
    match number {
        Some(number)
            if number.starts_with("0.9")
                || number.starts_with("1.")
                || matches!(number, "3" | "4" | "10")
                || number.starts_with("10.") =>
        {
            TlsLibrary::Openssl
        }
        _ => TlsLibrary::Unknown,
    }
}
