//! One connection to one host: the ssh client is started, the far end's script sent, then what it asks for.

use std::{io, process::Stdio, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command},
    time::Instant,
};

use super::{
    Options,
    elf::{Program, machine_of},
    intake::{Intake, Word},
    target::Target,
};
use crate::host::script;

/// The far end.
const BOOTSTRAP: &str = include_str!("bootstrap.sh");

/// The end of standard error that is kept.
const STDERR_KEPT: usize = 2 << 10;

/// How long the client may take to end once everything has been said.
const GRACE: Duration = Duration::from_secs(2);

/// What can be given to the far end to run.
#[derive(Clone, Debug)]
enum Offer {
    Program(Arc<[u8]>),
    Script,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Everything that could be offered was run, or the document is there.
    Done,
    /// The document grew too large.
    Full,
    /// The program did not arrive whole; another connection may bring the shell collector.
    Unwritten,
    /// The far end runs a system that is none of ours.
    Foreign,
    /// The client ended, with this code.
    Closed(Option<i32>),
    /// The time for this host is over.
    TimedOut,
    /// The client could not be started.
    NotStarted,
}

/// What one connection brought.
#[derive(Debug)]
pub(super) struct Talk {
    pub intake: Intake,
    pub notes: Vec<String>,
    /// The end of what was said on standard error.
    pub stderr: Vec<u8>,
    /// The system and machine, once the far end has said them.
    pub system: Option<String>,
    /// Whether the shell collector was what was run last.
    pub by_script: bool,
    pub ending: Ending,
    offers: Vec<Offer>,
    offered: Option<Offer>,
    script_only: bool,
}

/// Ends a client and what it started (`ProxyCommand`) when it is dropped.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        // No number: it has ended and was waited for, and the number may be somebody else's by now.
        let pid = self.0.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = pid {
            let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
        }
    }
}

/// Bytes on their way to the far end.
#[derive(Default)]
struct Outbox {
    pieces: std::collections::VecDeque<Arc<[u8]>>,
    sent: usize,
}

impl Outbox {
    fn push(&mut self, bytes: impl Into<Arc<[u8]>>) {
        self.pieces.push_back(bytes.into());
    }

    /// Writes some of it. An error empties it: the reason shows on the other channels.
    async fn write(&mut self, stdin: &mut ChildStdin) {
        let Some(piece) = self.pieces.front() else { return };
        match stdin.write(piece.get(self.sent..).unwrap_or_default()).await {
            Ok(n) if n > 0 => self.sent += n,
            _ => self.pieces.clear(),
        }
        if self.pieces.front().is_none_or(|piece| self.sent >= piece.len()) {
            self.pieces.pop_front();
            self.sent = 0;
        }
    }
}

/// Talks to one host until `deadline`.
pub(super) async fn talk(
    target: &Target,
    options: &Options,
    programs: &[Program],
    script_only: bool,
    deadline: Instant,
) -> Talk {
    let nonce = nonce();
    let mut talk = Talk {
        intake: Intake::new(&nonce, options.max_bytes),
        notes: Vec::new(),
        stderr: Vec::new(),
        system: None,
        by_script: false,
        ending: Ending::Done,
        offers: Vec::new(),
        offered: None,
        script_only,
    };
    let seconds = deadline.saturating_duration_since(Instant::now()).as_secs().max(1);
    let bootstrap = bootstrap(&nonce, options, seconds);
    let started = command(target, options, bootstrap.len()).spawn();
    let mut group = match started {
        Ok(child) => Group(child),
        Err(error) => {
            talk.stderr = format!("{}: {error}", options.program.display()).into_bytes();
            talk.ending = Ending::NotStarted;
            return talk;
        }
    };
    let pipes = (group.0.stdin.take(), group.0.stdout.take(), group.0.stderr.take());
    let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
        talk.ending = Ending::NotStarted;
        return talk;
    };
    let exchange = talk.exchange(&mut group.0, bootstrap, programs, (stdin, stdout, stderr));
    if tokio::time::timeout_at(deadline, exchange).await.is_err() {
        talk.ending = Ending::TimedOut;
    }
    talk
}

impl Talk {
    async fn exchange(
        &mut self,
        child: &mut Child,
        bootstrap: String,
        programs: &[Program],
        (stdin, mut stdout, mut stderr): (ChildStdin, ChildStdout, ChildStderr),
    ) {
        let mut stdin = Some(stdin);
        let mut outbox = Outbox::default();
        outbox.push(bootstrap.into_bytes());
        let (mut out, mut err) = (vec![0; 64 << 10], vec![0; 4 << 10]);
        let (mut out_open, mut err_open) = (true, true);
        while out_open {
            tokio::select! {
                read = stdout.read(&mut out) => {
                    let piece = read.ok().and_then(|n| out.get(..n)).unwrap_or_default();
                    out_open = !piece.is_empty();
                    for word in self.intake.feed(piece) {
                        if let Some(ending) = self.answer(word, programs, &mut outbox) {
                            self.ending = ending;
                            drop(stdin.take());
                            self.linger(child, &mut stderr).await;
                            return;
                        }
                    }
                }
                read = stderr.read(&mut err), if err_open => {
                    let piece = read.ok().and_then(|n| err.get(..n)).unwrap_or_default();
                    err_open = !piece.is_empty();
                    self.keep(piece);
                }
                () = send(&mut outbox, stdin.as_mut()), if !outbox.pieces.is_empty() => {}
            }
        }
        drop(stdin.take());
        let code = self.linger(child, &mut stderr).await;
        self.ending = Ending::Closed(code);
    }

    /// Waits a little for the client's end and its last words.
    async fn linger(&mut self, child: &mut Child, stderr: &mut ChildStderr) -> Option<i32> {
        let ended = tokio::time::timeout(GRACE, child.wait()).await;
        let mut piece = vec![0; 4 << 10];
        // A process that the client leaves behind may hold standard error open: a short look is enough.
        while let Ok(Ok(n)) = tokio::time::timeout(Duration::from_millis(100), stderr.read(&mut piece)).await
        {
            if n == 0 {
                break;
            }
            self.keep(piece.get(..n).unwrap_or_default());
        }
        ended.ok().and_then(io::Result::ok).and_then(|status| status.code())
    }

    fn keep(&mut self, piece: &[u8]) {
        self.stderr.extend_from_slice(piece);
        let extra = self.stderr.len().saturating_sub(STDERR_KEPT);
        self.stderr.drain(..extra);
    }

    /// What to do next; an ending where there is nothing left to do.
    fn answer(&mut self, word: Word, programs: &[Program], outbox: &mut Outbox) -> Option<Ending> {
        match word {
            Word::Hello { system, machine } => {
                if self.system.is_some() {
                    return None;
                }
                self.system = Some(format!("{system} {machine}"));
                if system != "Linux" {
                    return Some(Ending::Foreign);
                }
                self.plan(&machine, programs);
                self.offer(outbox)
            }
            Word::Note(word) => {
                let note = match word.as_str() {
                    "sudo-missing" => "sudo: not there, collected without it".to_owned(),
                    "sudo-refused" => "sudo: refused, collected without it".to_owned(),
                    other => super::failure::one_line(other.as_bytes()),
                };
                if self.notes.len() < 10 {
                    self.notes.push(note);
                }
                None
            }
            Word::Send => {
                if let Some(Offer::Program(bytes)) = self.offered.take() {
                    outbox.push(bytes);
                }
                None
            }
            Word::NoFolder => {
                self.notes.push("no folder for a program: shell collector used".to_owned());
                self.offers.retain(|offer| matches!(offer, Offer::Script));
                self.offer(outbox)
            }
            Word::Unwritten => Some(Ending::Unwritten),
            Word::End(code) => self.after(code, outbox),
            Word::Full => Some(Ending::Full),
        }
    }

    /// Something ran to its end.
    fn after(&mut self, code: i32, outbox: &mut Outbox) -> Option<Ending> {
        if self.intake.begun() {
            if code != 0 {
                self.notes.push(format!("the collector ended with code {code}"));
            }
            return Some(Ending::Done);
        }
        let what = if self.by_script { "the shell collector" } else { "the program" };
        self.notes.push(format!("{what} gave nothing and ended with code {code}"));
        self.offer(outbox)
    }

    /// What is worth offering: programs for the machine, those first that need nothing of the host, and the
    /// shell collector. Kept in reverse.
    fn plan(&mut self, machine: &str, programs: &[Program]) {
        let machine = machine_of(machine);
        let fitting =
            |wanted: bool| programs.iter().filter(move |p| p.machine == machine && p.is_static == wanted);
        self.offers = vec![Offer::Script];
        if self.script_only {
            return;
        }
        let found: Vec<_> = fitting(true).chain(fitting(false)).collect();
        if found.is_empty() {
            let known = super::failure::one_line(machine.as_bytes());
            self.notes.push(format!("no program for {known}: shell collector used"));
        }
        self.offers.extend(found.into_iter().rev().map(|p| Offer::Program(Arc::clone(&p.bytes))));
    }

    fn offer(&mut self, outbox: &mut Outbox) -> Option<Ending> {
        let Some(offer) = self.offers.pop() else { return Some(Ending::Done) };
        match &offer {
            Offer::Program(bytes) => outbox.push(format!("program {}\n", bytes.len()).into_bytes()),
            Offer::Script => {
                self.by_script = true;
                let text = script::text();
                outbox.push(format!("script {}\n{text}", text.len()).into_bytes());
            }
        }
        self.offered = Some(offer);
        None
    }
}

async fn send(outbox: &mut Outbox, stdin: Option<&mut ChildStdin>) {
    match stdin {
        Some(stdin) => outbox.write(stdin).await,
        None => outbox.pieces.clear(),
    }
}

/// The client's command line. Nothing in it weakens what the user's own configuration demands.
fn command(target: &Target, options: &Options, script_bytes: usize) -> Command {
    let mut command = Command::new(&options.program);
    if let Some(config) = &options.config {
        command.arg("-F").arg(config);
    }
    let connect = options.connect_timeout.as_secs().max(1);
    // No terminal, no X11, no agent, no Kerberos credentials.
    command.args(["-T", "-x", "-a", "-k"]);
    for option in [
        "BatchMode=yes",
        &format!("ConnectTimeout={connect}"),
        "ServerAliveInterval=5",
        "ServerAliveCountMax=3",
        // A host that is not known yet is not trusted silently, whatever the configuration says.
        "StrictHostKeyChecking=yes",
        "UpdateHostKeys=no",
        "ForwardAgent=no",
        "ForwardX11=no",
        "ClearAllForwardings=yes",
        "Tunnel=no",
        "RemoteCommand=none",
        // A shared connection that is open already is used; none is left behind.
        "ControlMaster=no",
        // Below this level the reason why a connection ended is not said.
        "LogLevel=INFO",
    ] {
        command.args(["-o", option]);
    }
    if let Some(port) = target.port {
        command.args(["-p", &port.to_string()]);
    }
    command.args(["--", &target.destination]);
    // Read by whatever shell the user has there, csh and fish too: one line, and nothing that they would
    // change. dd takes no more than the script; head and the shell itself may read ahead.
    command.arg(format!("exec /bin/sh -c 'eval \"$(dd bs=1 count={script_bytes} 2>/dev/null)\"'"));
    command
        .env("LC_ALL", "C")
        .env("SSH_ASKPASS_REQUIRE", "never")
        .env_remove("SSH_ASKPASS")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    command
}

fn bootstrap(nonce: &str, options: &Options, seconds: u64) -> String {
    let mut arguments: Vec<String> = options.arguments.iter().map(|a| quote(a)).collect();
    if !options.arguments.iter().any(|a| a.starts_with("--max-seconds")) {
        // It ends by itself, with what it has, before the connection is ended for it.
        let limit = seconds.saturating_sub((seconds / 10).max(2)).max(1);
        arguments.push(format!("--max-seconds {limit}"));
    }
    let sudo = u8::from(options.sudo);
    // The far end's own limit is for a connection whose end it does not see: ours comes first.
    let limit = seconds.saturating_add(15);
    format!("N={nonce} S={sudo} L={limit}\nset -- {}\n{BOOTSTRAP}", arguments.join(" "))
}

/// A word that a shell takes as it is.
fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// 64 bits that a host cannot know beforehand: nothing printed there by chance, or planted in a login
/// script or a folder, is taken for a word of the far end.
fn nonce() -> String {
    use ring::rand::SecureRandom as _;
    let mut bytes = [0_u8; 8];
    // Without it, words are still told from noise by their form.
    let _ = ring::rand::SystemRandom::new().fill(&mut bytes);
    data_encoding::HEXLOWER.encode(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_reach_the_program_as_they_are() {
        for text in ["", "plain", "it's", "$(reboot)", "a b", "\\", "`x`", "'\n'"] {
            let said = std::process::Command::new("sh")
                .args(["-c", &format!("printf %s {}", quote(text))])
                .output()
                .unwrap();
            assert_eq!(String::from_utf8(said.stdout).unwrap(), text);
        }
    }
}
