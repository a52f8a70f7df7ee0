//! `needrestart -b`: which services, sessions and containers run files that were replaced. It does not say
//! which files, so no library can be named.

use crate::{
    host::cover::Cover,
    model::host::{Document, Part, Process, ProcessRole, Runner, RunnerKind},
};

/// Units whose restart cuts people off.
const CAUTION: &[&str] = &[
    "dbus",
    "gdm",
    "lightdm",
    "sddm",
    "NetworkManager",
    "wpa_supplicant",
    "openvpn",
    "strongswan",
    "frr",
    "bird",
    "systemd-logind",
    "xrdp",
    "getty@",
    "user@",
];

pub(super) fn read(text: &[u8], cover: &Cover, document: &mut Document) {
    for (index, line) in super::lines(text).enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let Some((key, value)) = line.strip_prefix("NEEDRESTART-").and_then(|l| l.split_once(':')) else {
            super::unreadable(cover, index);
            continue;
        };
        let value = value.trim();
        let found = match key {
            "VER" => {
                document.header.tool = format!("needrestart {value}");
                Some(Vec::new())
            }
            "KCUR" => {
                document.header.kernel = Some(value.to_owned());
                Some(Vec::new())
            }
            // The kernel and the microcode are not the matter here.
            "KEXP" | "KSTA" | "UCSTA" | "UCCUR" | "UCEXP" => Some(Vec::new()),
            "SVC" => service(value),
            "PID" => processes(value),
            "SESS" => session(value),
            "CONT" => container(value),
            _ => None,
        };
        match found {
            Some(found) => document.processes.extend(found),
            None => super::unreadable(cover, index),
        }
    }
    document.processes.sort_by(|a, b| (&a.name, a.pid).cmp(&(&b.name, b.pid)));
    document.processes.dedup();
    for process in &document.processes {
        cover.gap(Part::Processes, "library-not-said", &process.name);
    }
    cover.count("processes_seen", document.processes.len() as u64);
}

/// A process of which the tool says that it runs a replaced file. `readable` is off: what it runs is not known.
/// Number 0: the tool does not say.
fn process(pid: u32, name: &str, runner: Runner) -> Process {
    Process {
        pid,
        ppid: None,
        name: name.to_owned(),
        exe: None,
        exe_deleted: false,
        uid: None,
        user: None,
        started_at: None,
        runner: Some(runner),
        container: None,
        own_mounts: false,
        role: ProcessRole::Unknown,
        listens: Vec::new(),
        libraries: Vec::new(),
        holds: Vec::new(),
        readable: false,
    }
}

fn runner(kind: RunnerKind, name: &str) -> Runner {
    Runner { kind, name: name.to_owned(), engine: None, caution: false }
}

fn service(name: &str) -> Option<Vec<Process>> {
    if name.is_empty() {
        return None;
    }
    let mut runner = runner(RunnerKind::Unit, name);
    runner.caution = CAUTION.iter().any(|start| name.starts_with(start));
    if !name.contains('.') {
        runner.kind = RunnerKind::InitScript;
    }
    Some(vec![process(0, name, runner)])
}

/// `name=1,2,3`, said to users who are not root.
fn processes(value: &str) -> Option<Vec<Process>> {
    let (name, numbers) = value.rsplit_once('=')?;
    let numbers: Result<Vec<u32>, _> = numbers.split(',').map(str::parse).collect();
    let numbers = numbers.ok()?;
    Some(numbers.into_iter().map(|pid| process(pid, name, runner(RunnerKind::Process, name))).collect())
}

/// `root @ session #28017`, `metabase @ user manager service`.
fn session(value: &str) -> Option<Vec<Process>> {
    let (user, what) = value.split_once(" @ ")?;
    let mut process = process(0, what, runner(RunnerKind::Session, user));
    process.user = Some(user.to_owned());
    Some(vec![process])
}

/// `LXC web1`.
fn container(value: &str) -> Option<Vec<Process>> {
    let (engine, name) = value.split_once(' ')?;
    let mut runner = runner(RunnerKind::Container, name);
    runner.engine = Some(engine.to_lowercase());
    let mut process = process(0, name, runner);
    process.container = Some(name.to_owned());
    Some(vec![process])
}
