//! What the tests share: a folder to work in, processes that end in bounded time, certificates, real
//! peers, listeners and a proxy that reads the wire.

pub mod ca;
pub mod certs;
pub mod chromium;
pub mod daemons;
pub mod listen;
pub mod peers;
pub mod proxy;
pub mod scripted;
pub mod sshd;

use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicU8, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use serde_json::Value;

/// Nothing here takes longer unless it hangs.
pub const HANG: Duration = Duration::from_secs(120);

/// What a process left behind.
#[derive(Debug)]
pub struct Ended {
    /// The exit code; absent after a signal.
    pub code: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

impl Ended {
    pub fn out(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    pub fn err(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Demands an exit code and shows everything that was said if it was another.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "--- stdout\n{}\n--- stderr\n{}", self.out(), self.err());
        self
    }

    /// Standard output as JSON Lines.
    #[track_caller]
    pub fn rows(&self) -> Vec<Value> {
        let text = std::str::from_utf8(&self.stdout).unwrap();
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e} in: {line}"));
        text.lines().map(parse).collect()
    }

    /// Standard output as one JSON document.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.stdout).unwrap_or_else(|e| panic!("{e} in: {}", self.out()))
    }

    /// Standard output as CSV: one map a row.
    #[track_caller]
    pub fn csv(&self) -> Vec<std::collections::BTreeMap<String, String>> {
        csv::Reader::from_reader(self.stdout.as_slice()).deserialize().map(Result::unwrap).collect()
    }
}

/// A process that was started and is killed, by its own id, when it is not wanted any more.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdout: Option<JoinHandle<Vec<u8>>>,
    stderr: Option<JoinHandle<Vec<u8>>>,
    /// What is on standard output so far.
    seen: std::sync::Arc<Mutex<Vec<u8>>>,
}

fn collect(
    mut pipe: impl Read + Send + 'static,
    seen: Option<std::sync::Arc<Mutex<Vec<u8>>>>,
) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let (mut all, mut piece) = (Vec::new(), [0_u8; 16384]);
        loop {
            match pipe.read(&mut piece) {
                Ok(n) if n > 0 => {
                    all.extend_from_slice(&piece[..n]);
                    if let Some(seen) = &seen {
                        seen.lock().unwrap().extend_from_slice(&piece[..n]);
                    }
                }
                _ => return all,
            }
        }
    })
}

impl Running {
    /// Starts a process, giving it `input` on its standard input.
    pub fn start(command: &mut Command, input: &[u8]) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|e| panic!("{command:?} cannot be started: {e}"));
        let seen = std::sync::Arc::new(Mutex::new(Vec::new()));
        let stdout = collect(child.stdout.take().unwrap(), Some(std::sync::Arc::clone(&seen)));
        let stderr = collect(child.stderr.take().unwrap(), None);
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        // Not joined: a process that reads nothing must not hold the test up.
        std::thread::spawn(move || {
            let _ = stdin.write_all(&input);
        });
        Self { child, stdout: Some(stdout), stderr: Some(stderr), seen }
    }

    /// Whole lines on standard output so far.
    pub fn lines_so_far(&self) -> usize {
        self.seen.lock().unwrap().iter().filter(|b| **b == b'\n').count()
    }

    /// What is on standard output so far.
    pub fn out_so_far(&self) -> String {
        String::from_utf8_lossy(&self.seen.lock().unwrap()).into_owned()
    }

    /// Waits until so many lines are on standard output.
    #[track_caller]
    pub fn wait_for_lines(&mut self, lines: usize) {
        let began = Instant::now();
        while self.lines_so_far() < lines {
            let ended = self.child.try_wait().unwrap();
            assert!(
                ended.is_none() && began.elapsed() < HANG,
                "{} of {lines} lines, and then {ended:?}",
                self.lines_so_far()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Sends a signal, such as `INT` or `KILL`, to this very process.
    pub fn signal(&self, name: &str) {
        let sent =
            Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status().unwrap();
        assert!(sent.success(), "the process has ended already");
    }

    /// Waits for the end and takes what was said; panics when it hangs.
    #[track_caller]
    pub fn finish(mut self, limit: Duration) -> Ended {
        let began = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break Some(status);
            }
            if began.elapsed() > limit {
                let _ = self.child.kill();
                let _ = self.child.wait();
                break None;
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        let stdout = self.stdout.take().unwrap().join().unwrap();
        let stderr = self.stderr.take().unwrap().join().unwrap();
        let ended = Ended { code: status.and_then(|s| s.code()), stdout, stderr };
        assert!(status.is_some(), "still running after {limit:?}:\n{}\n{}", ended.out(), ended.err());
        ended
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill(); // an error means that it has ended already
        let _ = self.child.wait();
    }
}

/// Runs a process to its end, or fails the test when it hangs.
#[track_caller]
pub fn run_with_limit(command: &mut Command, input: &[u8], limit: Duration) -> Ended {
    Running::start(command, input).finish(limit)
}

/// A folder of its own and the binary under test in it.
#[derive(Debug)]
pub struct Work {
    folder: tempfile::TempDir,
}

impl Work {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file and returns its path.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The binary with its working folder and nothing of this machine's settings.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_allclear"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_remove("ALLCLEAR_INCIDENT")
            .env_remove("NO_COLOR")
            .env_remove("COLUMNS")
            .env("HOME", self.folder.path())
            .env("USER", "tester")
            .env("TERM", "xterm");
        command
    }

    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> Ended {
        run_with_limit(&mut self.command(arguments), b"", HANG)
    }

    #[track_caller]
    pub fn run_with_input(&self, arguments: &[&str], input: &str) -> Ended {
        run_with_limit(&mut self.command(arguments), input.as_bytes(), HANG)
    }

    /// Runs it, demands exit code 0, and returns what was said.
    #[track_caller]
    pub fn ok(&self, arguments: &[&str]) -> Ended {
        self.run(arguments).expect_code(0)
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// The row of a service among JSON rows.
#[track_caller]
pub fn row<'a>(rows: &'a [Value], id: &str) -> &'a Value {
    let mut fitting = rows.iter().filter(|r| r["row_id"] == id);
    let found = fitting.next().unwrap_or_else(|| panic!("no row for {id} in {rows:#?}"));
    assert!(fitting.next().is_none(), "more than one row for {id}");
    found
}

/// `verdict/reason` of a row's first disclosure.
pub fn verdict(row: &Value) -> String {
    let first = &row["verdicts"][0];
    format!("{}/{}", first["verdict"].as_str().unwrap_or("?"), first["reason"].as_str().unwrap_or("?"))
}

/// An address of 127.0.0.0/8 that no other call gets: neither in this process nor, as a rule, in a test
/// that runs beside it in a process of its own.
pub fn fresh_address() -> IpAddr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let [.., high, low] = std::process::id().to_be_bytes();
    IpAddr::V4(Ipv4Addr::new(127, 128 | (high & 0x7f), low, NEXT.fetch_add(1, Ordering::Relaxed)))
}

/// A port that is free on every address now, and that no other call gets in this process.
pub fn free_port() -> u16 {
    static GIVEN: Mutex<Vec<u16>> = Mutex::new(Vec::new());
    loop {
        let port = TcpListener::bind(("0.0.0.0", 0)).unwrap().local_addr().unwrap().port();
        let mut given = GIVEN.lock().unwrap();
        if !given.contains(&port) {
            given.push(port);
            return port;
        }
    }
}

/// Whether text or bytes hold a control character other than tab and line ends.
pub fn control_byte(bytes: &[u8]) -> Option<usize> {
    if let Some(at) = bytes.iter().position(|b| (*b < 0x20 && !b"\t\r\n".contains(b)) || *b == 0x7f) {
        return Some(at);
    }
    // C1 controls in UTF-8: terminals obey them as well.
    bytes.windows(2).position(|w| w[0] == 0xc2 && (0x80..0xa0).contains(&w[1]))
}
