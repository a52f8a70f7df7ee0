//! Runs the tools that print rules: read only, in English, with bounded output and time, never left behind.

use std::{
    env,
    io::Read,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process_group};

/// Output of one tool, bytes.
pub(super) const OUTPUT: u64 = 16 << 20;

/// Time for one tool.
const TIME: Duration = Duration::from_secs(5);

/// Where tools lie that are not for everyone's PATH.
const FOLDERS: [&str; 6] =
    ["/usr/sbin", "/sbin", "/usr/bin", "/bin", "/usr/local/sbin", "/run/current-system/sw/bin"];

/// How a tool's run ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ran {
    /// What it printed.
    Output(Vec<u8>),
    /// It is not there.
    NoTool,
    NotPermitted(String),
    TimeLimit,
    TooLarge,
    /// It failed for another reason: its first line of complaint.
    Failed(String),
}

impl Ran {
    /// The word for a gap.
    pub(super) const fn word(&self) -> &'static str {
        match self {
            Self::Output(_) => "read",
            Self::NoTool => "no-tool",
            Self::NotPermitted(_) => "not-permitted",
            Self::TimeLimit => "time-limit",
            Self::TooLarge => "too-large",
            Self::Failed(_) => "tool-failed",
        }
    }

    /// What the tool complained of, where it did.
    pub(super) fn complaint(&self) -> &str {
        match self {
            Self::NotPermitted(text) | Self::Failed(text) => text,
            _ => "",
        }
    }
}

/// Runs tools; in tests through another command, in a network namespace.
#[derive(Clone, Debug, Default)]
pub(super) struct Runner {
    pub(super) prefix: Vec<String>,
    /// The only folders to look for tools in; absent: where this host has them.
    pub(super) folders: Option<Vec<PathBuf>>,
}

impl Runner {
    /// Runs a tool until `deadline` at the latest.
    pub(super) fn run(&self, tool: &str, arguments: &[&str], left: Option<Duration>) -> Ran {
        let Some(path) = self.find(tool) else {
            return Ran::NoTool;
        };
        let limit = left.map_or(TIME, |left| left.min(TIME));
        if limit.is_zero() {
            return Ran::TimeLimit;
        }
        let mut command = match self.prefix.split_first() {
            None => Command::new(&path),
            Some((first, rest)) => {
                let mut command = Command::new(first);
                command.args(rest).arg(&path);
                command
            }
        };
        command
            .args(arguments)
            .env_clear()
            .env("LC_ALL", "C")
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A group of its own, so that whatever it starts ends with it.
            .process_group(0);
        match command.spawn() {
            Ok(child) => collect(child, limit),
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                Ran::NotPermitted(error.to_string())
            }
            Err(error) => Ran::Failed(error.to_string()),
        }
    }

    /// The path of a tool: as PATH says, with absolute folders only, then where administrators' tools lie.
    fn find(&self, tool: &str) -> Option<PathBuf> {
        let path = env::var_os("PATH").unwrap_or_default();
        let usual = || env::split_paths(&path).chain(FOLDERS.iter().map(PathBuf::from)).collect();
        let folders: Vec<PathBuf> = self.folders.clone().unwrap_or_else(usual);
        folders
            .into_iter()
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join(tool))
            .find(|path: &PathBuf| Path::is_file(path))
    }
}

fn collect(mut child: Child, limit: Duration) -> Ran {
    let end = Instant::now() + limit;
    let output = child.stdout.take().map(|pipe| reader(pipe, OUTPUT));
    let errors = child.stderr.take().map(|pipe| reader(pipe, 16 << 10));
    let bytes = output.as_ref().and_then(|output| receive(output, end));
    let Some(bytes) = bytes else {
        stop(&mut child);
        return Ran::TimeLimit;
    };
    if bytes.len() as u64 > OUTPUT {
        stop(&mut child);
        return Ran::TooLarge;
    }
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if Instant::now() < end => thread::sleep(Duration::from_millis(2)),
            Ok(None) => {
                stop(&mut child);
                return Ran::TimeLimit;
            }
            Err(error) => return Ran::Failed(error.to_string()),
        }
    };
    let soon = Instant::now() + Duration::from_millis(200);
    let errors = errors.as_ref().and_then(|errors| receive(errors, soon)).unwrap_or_default();
    let errors = String::from_utf8_lossy(&errors).into_owned();
    if status.success() {
        return Ran::Output(bytes);
    }
    let line = errors.lines().find(|line| !line.trim().is_empty()).unwrap_or("no message");
    let line = super::rules::quote(line);
    let denied = ["Permission denied", "Operation not permitted", "you must be root"];
    if denied.iter().any(|words| errors.contains(words)) {
        Ran::NotPermitted(line)
    } else {
        Ran::Failed(line)
    }
}

/// Reads a pipe in a thread of its own, so that a silent tool is not waited for beyond its time.
fn reader(mut pipe: impl Read + Send + 'static, max: u64) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.by_ref().take(max.saturating_add(1)).read_to_end(&mut bytes);
        // Whoever asked may have gone at its limit.
        let _ = sender.send(bytes);
    });
    receiver
}

fn receive(from: &mpsc::Receiver<Vec<u8>>, end: Instant) -> Option<Vec<u8>> {
    from.recv_timeout(end.saturating_duration_since(Instant::now())).ok()
}

/// Ends a tool with all that it started, and takes it off the process table.
fn stop(child: &mut Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}
