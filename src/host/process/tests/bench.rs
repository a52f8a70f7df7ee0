//! Real processes for tests, with tiny libraries and programs that are compiled for them.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use super::{
    super::{Seen, look},
    support::identify,
};
use crate::{
    host::{cover::Cover, root::Root},
    model::host::{Coverage, Library, Process},
};

/// Says why a test has no subject; with `ALLCLEAR_REQUIRE_PEERS` that is a failure.
macro_rules! skip {
    ($($why:tt)*) => {{
        let why = format!($($why)*);
        assert!(std::env::var_os("ALLCLEAR_REQUIRE_PEERS").is_none_or(|v| v.is_empty()), "needed: {why}");
        $crate::host::process::tests::bench::say(&format!("skipped: {why}\n"));
        return;
    }};
}
pub(super) use skip;

#[expect(clippy::print_stdout, reason = "how a test says that it has not run")]
pub(super) fn say(text: &str) {
    print!("{text}");
}

/// A program that says `ready`, listens if it is asked to, forks once, and waits. The code of a library is
/// said to be in it.
const PROGRAM: &str = r#"
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <sys/prctl.h>
#include <signal.h>
volatile const char banner[] = BANNER "\0OPENSSLDIR: \"/usr\"";
int main(int argc, char **argv) {
    int port = 0;
    if (argc > 1) {
        struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
        socklen_t size = sizeof at;
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        if (bind(fd, (struct sockaddr *)&at, size) || listen(fd, 1) || getsockname(fd, (struct sockaddr *)&at, &size)) return 1;
        port = ntohs(at.sin_port);
        if (fork() == 0) { prctl(PR_SET_PDEATHSIG, SIGKILL); if (getppid() == 1) return 0; pause(); return banner[0]; }
    }
    printf("ready %d\n", port);
    fflush(stdout);
    pause();
    return banner[0];
}
"#;

/// A folder for the files of a test, and the processes to end with it.
pub(super) struct Bench {
    pub(super) folder: TempDir,
    pub(super) children: Vec<Child>,
}

impl Drop for Bench {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Bench {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        Self { folder, children: Vec::new() }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// Compiles the program, or a library, with a banner of this version; nothing where there is no compiler.
    pub(super) fn compile(&self, name: &str, version: &str, more: &[&str]) -> Option<PathBuf> {
        let (source, out) = (self.path(&format!("{name}.c")), self.path(name));
        fs::create_dir_all(out.parent()?).unwrap();
        fs::write(&source, PROGRAM).unwrap();
        let mut command = Command::new("cc");
        command.arg(format!("-DBANNER=\"OpenSSL {version} 7 Feb 2023\"")).arg("-Wl,--build-id").args(more);
        let output = command.arg("-o").arg(&out).arg(&source).output().ok()?;
        output.status.success().then_some(out)
    }

    pub(super) fn library(&self, name: &str, version: &str) -> Option<PathBuf> {
        self.compile(name, version, &["-shared", "-fPIC", "-Dmain=unused_main"])
    }

    /// Starts a program and waits for the line that says that it runs.
    pub(super) fn start(&mut self, command: &mut Command) -> (u32, String) {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let pid = child.id();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        self.children.push(child);
        (pid, line.trim().to_owned())
    }

    /// Starts a shell that has a library in it and waits.
    pub(super) fn holder(&mut self, library: &Path) -> u32 {
        let mut command = Command::new("sh");
        command.args(["-c", "echo ready; read -r _ < /dev/zero"]).env("LD_PRELOAD", library);
        // A shell that waits inside itself, so that there is no second process with the library.
        command.args(["x"]);
        self.start(&mut command).0
    }

    /// Looks at this machine. Only files of this test are read.
    pub(super) fn look(&self) -> (Seen, Coverage) {
        look_here(self.folder.path())
    }
}

/// The path of a program of these tests as it is seen from inside of a root of its own.
pub(super) const IN_JAIL: &str = "/srv/server";

pub(super) fn look_here(folder: &Path) -> (Seen, Coverage) {
    let cover = Cover::default();
    let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
    let read = |file: &fs::File, path: &str| {
        if path.contains(&name) || path == IN_JAIL { identify(file, path) } else { Ok(None) }
    };
    let seen = look(&Root::host(), &read, &cover);
    (seen, cover.coverage())
}

pub(super) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Whether old copies can be read here.
pub(super) fn reads_old_copies() -> bool {
    let Ok(maps) = fs::read_to_string("/proc/self/maps") else { return false };
    let line = maps.lines().find(|line| line.contains(" /")).unwrap_or_default();
    let range = line.split(' ').next().unwrap_or_default();
    let trimmed: Vec<String> = range.split('-').map(|part| part.trim_start_matches('0').to_owned()).collect();
    fs::File::open(format!("/proc/self/map_files/{}", trimmed.join("-"))).is_ok()
}

pub(super) fn libraries_of(seen: &Seen, pid: u32) -> Vec<&Library> {
    seen.libraries.iter().filter(|library| library.processes.contains(&pid)).collect()
}

pub(super) fn process(seen: &Seen, pid: u32) -> Option<&Process> {
    seen.processes.iter().find(|process| process.pid == pid)
}

/// Two versions of a library, and a process that has the first one.
pub(super) fn bench_with_library() -> Option<(Bench, PathBuf, PathBuf, u32)> {
    let mut bench = Bench::new();
    let old = bench.library("libcrypto.so.3", "3.0.2")?;
    let new = bench.library("new.so", "3.0.7")?;
    let pid = bench.holder(&old);
    Some((bench, old, new, pid))
}
