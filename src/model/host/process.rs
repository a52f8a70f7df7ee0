//! Running processes that have to do with TLS, and what runs them.

use serde::{Deserialize, Serialize};

use crate::model::{time::Timestamp, vocabulary};

vocabulary! {
    /// What has to be acted on to restart a process.
    RunnerKind, "runner" {
        /// A unit of the system's systemd: `systemctl restart NAME`.
        Unit = "unit",
        /// A unit of a user's systemd.
        UserUnit = "user-unit",
        /// A user's manager or login session: only logging out ends it.
        Session = "session",
        /// systemd itself: `systemctl daemon-reexec`.
        Systemd = "systemd",
        /// A container: rebuild the image, recreate the container; never restart the engine for it.
        Container = "container",
        /// A virtual machine's process on its host.
        Vm = "vm",
        /// A script in /etc/init.d.
        InitScript = "init-script",
        /// Nothing that could be told: stop and start it by hand.
        Process = "process",
    }
}

/// What runs a process.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Runner {
    /// What it is.
    pub kind: RunnerKind,
    /// Its name: `nginx.service`, a container's id, a user's number, a script's name.
    pub name: String,
    /// For a container: `docker`, `podman`, `containerd`, `cri-o`, `lxc`, `systemd-nspawn`, `kubernetes`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// Whether a restart cuts people off (display managers, network managers, VPNs, message buses).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub caution: bool,
}

vocabulary! {
    /// What a process does with TLS, as far as its sockets tell.
    ProcessRole, "role of a process" {
        /// It, or a process it was forked from, listens.
        Server = "server",
        /// It does not listen: it holds its own credentials to others.
        Client = "client",
        /// Its sockets could not be seen.
        Unknown = "unknown",
    }
}

/// One process that has a TLS library in it, listens, or could not be looked into.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Process {
    /// Its number on the host.
    pub pid: u32,
    /// Its parent's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ppid: Option<u32>,
    /// Its name, as the kernel has it. Never its arguments: they may hold passwords.
    pub name: String,
    /// The path of its program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exe: Option<String>,
    /// Whether that program's file is gone or another one by now.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exe_deleted: bool,
    /// Its user, by number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// Its user's name, where the host knows one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// When it started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// What runs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runner: Option<Runner>,
    /// The container that it is in, by id or name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// Whether it sees other files than the host does (another mount namespace).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub own_mounts: bool,
    /// Server or client.
    pub role: ProcessRole,
    /// What it listens on, as `tcp 0.0.0.0:443`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub listens: Vec<String>,
    /// The TLS libraries in it, by the paths of their records.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub libraries: Vec<String>,
    /// For a known client: what it holds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holds: Vec<String>,
    /// Whether its memory map could be read; where not, nothing is known of what it runs.
    #[serde(default = "yes")]
    pub readable: bool,
}

fn yes() -> bool {
    true
}
