//! Running one of the distribution's own tools: no shell, a fixed environment, limits of time and output,
//! and nothing of it left running.

use std::{
    io::Read as _,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

/// Where tools are looked for. Not the caller's path: this runs as root.
const FOLDERS: [&str; 4] = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"];

/// The most output that is taken.
const MAX_OUTPUT: u64 = 16 << 20;

/// How often it is asked whether a tool has ended.
const PAUSE: Duration = Duration::from_millis(10);

/// Why there is no output, as the word of a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// It could not be started.
    NotRunnable,
    /// It took too long, and was ended.
    TimeLimit,
    /// It printed too much, and was ended.
    TooLarge,
    /// It said by its exit status that it failed.
    Failed,
}

impl Failure {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::NotRunnable => "not-runnable",
            Self::TimeLimit => "time-limit",
            Self::TooLarge => "too-large",
            Self::Failed => "tool-failed",
        }
    }
}

/// The tool of this name.
pub(super) fn find(name: &str) -> Option<PathBuf> {
    FOLDERS.iter().map(|folder| Path::new(folder).join(name)).find(|path| path.is_file())
}

/// What the tool prints. It succeeded where its exit status is one of `fine`.
pub(super) fn run(
    program: &Path,
    arguments: &[&str],
    fine: &[i32],
    limit: Duration,
) -> Result<String, Failure> {
    let started = Instant::now();
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .env("PATH", FOLDERS.join(":"))
        .env("LC_ALL", "C")
        .env("HOME", "/")
        // Tools written in Python would leave compiled files behind.
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        // A group of its own, so that helpers of the tool end with it.
        .process_group(0)
        .spawn()
        .map_err(|_| Failure::NotRunnable)?;
    let outcome = wait(&mut child, fine, started, limit);
    end(&mut child);
    outcome
}

fn wait(child: &mut Child, fine: &[i32], started: Instant, limit: Duration) -> Result<String, Failure> {
    let mut output = child.stdout.take().ok_or(Failure::NotRunnable)?;
    let (sender, receiver) = mpsc::channel();
    // Detached: something that left the group may hold the other end open for ever.
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let outcome = (&mut output).take(MAX_OUTPUT + 1).read_to_end(&mut bytes);
        let _ = sender.send(outcome.map(|_| bytes));
    });
    let left = || limit.saturating_sub(started.elapsed());
    let bytes = match receiver.recv_timeout(left()) {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(_)) => return Err(Failure::Failed),
        Err(_) => return Err(Failure::TimeLimit),
    };
    if bytes.len() as u64 > MAX_OUTPUT {
        return Err(Failure::TooLarge);
    }
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.code().is_some_and(|code| fine.contains(&code)) => {
                return Ok(String::from_utf8_lossy(&bytes).into_owned());
            }
            Ok(Some(_)) | Err(_) => return Err(Failure::Failed),
            Ok(None) if left().is_zero() => return Err(Failure::TimeLimit),
            Ok(None) => std::thread::sleep(PAUSE.min(left())),
        }
    }
}

/// Ends the tool and what it started, and takes its exit status, so that no dead process stays.
fn end(child: &mut Child) {
    // Once it was waited for, its number may be another's.
    if !matches!(child.try_wait(), Ok(None)) {
        return;
    }
    if let Some(group) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}
