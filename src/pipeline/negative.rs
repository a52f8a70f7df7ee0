//! Trying the old value of a secret: the owner's own command is run, and its exit code and time are all that is kept.
//!
//! No shell stands between for the command itself; its arguments, its environment and its output are never stored,
//! printed or logged by us. Exit codes say what happened, as the owner tells: 0 is "accepted". What may as well be a
//! broken try (not found, not runnable, a signal, the time limit) says nothing about the value.

use std::{
    ffi::OsString,
    os::{fd::AsFd as _, unix::process::CommandExt as _},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use crate::model::claim::TestOutcome;

/// How often it is asked whether a command has ended.
const PAUSE: Duration = Duration::from_millis(10);

/// What is to be run.
#[derive(Clone, Copy)]
pub struct Try<'a> {
    /// The command with its arguments: the try with the old value.
    pub command: &'a [OsString],
    /// The same try with the new value, for `sh -c`: it must exit 0 first.
    pub control: Option<&'a str>,
    /// Exit codes that mean "refused"; empty: every code but 0.
    pub refused: &'a [i32],
    /// How long either may take.
    pub limit: Duration,
    /// Let the terminal see what they print.
    pub show_output: bool,
}

// The arguments may hold the value: they stand in no log.
impl std::fmt::Debug for Try<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Try")
            .field("refused", &self.refused)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

/// How it came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// What it says of the old value.
    pub outcome: TestOutcome,
    /// The exit code; absent where there is none.
    pub exit: Option<i32>,
    /// Whether the control succeeded; absent where there was none.
    pub control: Option<bool>,
    /// Whether the exit code is one that is known to mean "refused".
    pub named: bool,
    /// How long the try took, milliseconds.
    pub ms: u64,
    /// Why it says nothing, where it says nothing; one clause.
    pub why: Option<String>,
}

/// How a command ended.
enum Ended {
    Code(i32),
    Signal,
    TimeLimit,
    NotFound,
    NotRunnable,
    Stopped,
}

/// Runs the control, then the try. Nothing where `stop` turned true meanwhile.
pub fn run(question: &Try<'_>, stop: &dyn Fn() -> bool) -> Option<Tried> {
    let mut tried = Tried {
        outcome: TestOutcome::Inconclusive,
        exit: None,
        control: None,
        named: false,
        ms: 0,
        why: None,
    };
    if let Some(control) = question.control {
        let mut command = Command::new("sh");
        command.arg("-c").arg(control);
        let (ended, _) = one(&mut command, question, stop);
        if matches!(ended, Ended::Stopped) {
            return None;
        }
        let succeeded = matches!(ended, Ended::Code(0));
        tried.control = Some(succeeded);
        if !succeeded {
            let why = failure(&ended).unwrap_or_else(|| "failed".to_owned());
            tried.why = Some(format!("the control with the new value {why}, so the old one was not tried"));
            return Some(tried);
        }
    }
    let Some((program, arguments)) = question.command.split_first() else {
        tried.why = Some("there is no command".to_owned());
        return Some(tried);
    };
    let (ended, took) = one(Command::new(program).args(arguments), question, stop);
    tried.ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    match ended {
        Ended::Stopped => return None,
        Ended::Code(code) => {
            tried.exit = Some(code);
            let refusals = refusals(question, program);
            tried.outcome = meaning(code, refusals, tried.control == Some(true));
            tried.named = refusals.contains(&code);
            if tried.outcome == TestOutcome::Inconclusive {
                let why = failure(&Ended::Code(code)).filter(|_| matches!(code, 126 | 127));
                tried.why = Some(why.map_or_else(
                    || format!("exit code {code} is not among those that mean refused"),
                    |why| format!("the command {why}"),
                ));
            }
        }
        other => tried.why = failure(&other).map(|why| format!("the command {why}")),
    }
    Some(tried)
}

/// Programs that tell a refusal from a way there that is broken, with the codes that mean refused: curl's 22 (HTTP 400 and
/// above, with `--fail`) and 67 (log-in denied), wget's 6 and 8. Their other codes are DNS, connections and time limits.
const TELLING: &[(&str, &[i32])] = &[("curl", &[22, 67]), ("wget", &[6, 8])];

/// The codes that mean refused: as told, else those of a program that we know. Empty: every code but 0.
fn refusals<'a>(question: &Try<'a>, program: &OsString) -> &'a [i32] {
    if !question.refused.is_empty() {
        return question.refused;
    }
    let name = std::path::Path::new(program).file_name().and_then(|n| n.to_str()).unwrap_or_default();
    TELLING.iter().find(|(known, _)| *known == name).map_or(&[], |(_, codes)| *codes)
}

/// What an exit code says. 126 and 127 are a shell's words for a command that did not run, 124 is `timeout`'s, 128 and
/// above a shell's for a signal, 255 ssh's for a connection that broke as well as for a log-in that was denied; they count
/// only where they were named, 255 also after a control.
fn meaning(code: i32, refused: &[i32], controlled: bool) -> TestOutcome {
    match code {
        0 => TestOutcome::Accepted,
        126 | 127 => TestOutcome::Inconclusive,
        code if refused.contains(&code) => TestOutcome::Refused,
        255 if refused.is_empty() && controlled => TestOutcome::Refused,
        124 | 128.. => TestOutcome::Inconclusive,
        _ if refused.is_empty() => TestOutcome::Refused,
        _ => TestOutcome::Inconclusive,
    }
}

fn failure(ended: &Ended) -> Option<String> {
    Some(match ended {
        Ended::Code(126) => "could not be run (exit 126)".to_owned(),
        Ended::Code(127) => "was not found (exit 127)".to_owned(),
        Ended::Code(code) => format!("failed (exit {code})"),
        Ended::Signal => "was ended by a signal".to_owned(),
        Ended::TimeLimit => "took too long and was ended".to_owned(),
        Ended::NotFound => "was not found".to_owned(),
        Ended::NotRunnable => "could not be started".to_owned(),
        Ended::Stopped => return None,
    })
}

fn one(command: &mut Command, question: &Try<'_>, stop: &dyn Fn() -> bool) -> (Ended, Duration) {
    let began = Instant::now();
    let (out, err) =
        if question.show_output { (to_terminal(), to_terminal()) } else { (Stdio::null(), Stdio::null()) };
    // A group of its own, so that what it started ends with it. It has no terminal to ask for a password either.
    let started = command.stdin(Stdio::null()).stdout(out).stderr(err).process_group(0).spawn();
    let mut child = match started {
        Ok(child) => child,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return (Ended::NotFound, began.elapsed()),
        Err(_) => return (Ended::NotRunnable, began.elapsed()),
    };
    let ended = wait(&mut child, began, question.limit, stop);
    (ended, began.elapsed())
}

/// Our standard error: standard output holds our own results only.
fn to_terminal() -> Stdio {
    std::io::stderr().as_fd().try_clone_to_owned().map_or_else(|_| Stdio::null(), Stdio::from)
}

fn wait(child: &mut Child, began: Instant, limit: Duration, stop: &dyn Fn() -> bool) -> Ended {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return of_status(status),
            Ok(None) if stop() => {
                end(child);
                return Ended::Stopped;
            }
            Ok(None) if began.elapsed() >= limit => {
                end(child);
                return Ended::TimeLimit;
            }
            Ok(None) => std::thread::sleep(PAUSE.min(limit.saturating_sub(began.elapsed()))),
            Err(_) => {
                end(child);
                return Ended::NotRunnable;
            }
        }
    }
}

fn of_status(status: ExitStatus) -> Ended {
    status.code().map_or(Ended::Signal, Ended::Code)
}

/// Ends a command that still runs, and what it started, and takes its exit status, so that no dead process stays.
fn end(child: &mut Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
        // It was not waited for, so the number is still its own.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(command: &[&str], control: Option<&str>, refused: &[i32], seconds: u64) -> Tried {
        let command: Vec<OsString> = command.iter().map(OsString::from).collect();
        let limit = Duration::from_secs(seconds);
        let question = Try { command: &command, control, refused, limit, show_output: false };
        run(&question, &|| false).expect("nobody stops it")
    }

    #[test]
    #[expect(clippy::type_complexity, reason = "a table of cases, read by column")]
    fn exit_codes_say_what_happened_and_a_broken_try_says_nothing() {
        use TestOutcome::{Accepted, Inconclusive, Refused};
        let table: &[(&[&str], Option<&str>, &[i32], TestOutcome, Option<i32>, Option<bool>)] = &[
            (&["true"], None, &[], Accepted, Some(0), None),
            (&["false"], None, &[], Refused, Some(1), None),
            (&["sh", "-c", "exit 22"], None, &[1, 22], Refused, Some(22), None),
            (&["sh", "-c", "exit 7"], None, &[1, 22], Inconclusive, Some(7), None),
            (&["sh", "-c", "exit 126"], None, &[], Inconclusive, Some(126), None),
            (&["sh", "-c", "exit 127"], None, &[127], Inconclusive, Some(127), None),
            (&["/nowhere/at/all"], None, &[], Inconclusive, None, None),
            (&["/etc/hostname"], None, &[], Inconclusive, None, None),
            (&["sh", "-c", "kill -TERM $$"], None, &[], Inconclusive, None, None),
            (&["false"], Some("true"), &[], Refused, Some(1), Some(true)),
            (&["false"], Some("exit 3"), &[], Inconclusive, None, Some(false)),
            (&["true"], Some("true"), &[], Accepted, Some(0), Some(true)),
            (&[], None, &[], Inconclusive, None, None),
            // Standard input is empty, and no shell reads the arguments.
            (&["sh", "-c", "read x || exit 4"], None, &[], Refused, Some(4), None),
            (&["test", "$HOME", "=", "$HOME"], None, &[], Accepted, Some(0), None),
        ];
        for (command, control, refused, outcome, exit, by_control) in table {
            let got = tried(command, *control, refused, 20);
            assert_eq!((got.outcome, got.exit, got.control), (*outcome, *exit, *by_control), "{command:?}");
            assert_eq!(got.why.is_some(), *outcome == Inconclusive, "{command:?}: {got:?}");
        }
    }

    #[test]
    fn what_takes_too_long_is_ended_with_all_it_started() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("pid");
        let script = format!("sleep 300 & echo $! > {}; wait", file.display());
        let began = Instant::now();
        let got = tried(&["sh", "-c", &script], None, &[], 1);
        assert!(began.elapsed() < Duration::from_secs(30));
        assert_eq!((got.outcome, got.exit), (TestOutcome::Inconclusive, None));
        let pid = std::fs::read_to_string(&file).expect("the number");
        let gone = || {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
            stat.is_empty() || stat.contains(") Z ")
        };
        let until = Instant::now() + Duration::from_secs(10);
        while !gone() && Instant::now() < until {
            std::thread::sleep(PAUSE);
        }
        assert!(gone(), "process {pid} still runs");
    }
}
