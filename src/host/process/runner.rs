//! What has to be acted on to restart a process: a unit, a session, a container, a script.

use std::collections::BTreeMap;

use super::{cgroup::Slot, entry::Entry};
use crate::{
    host::root::{Root, bytes_text},
    model::host::{Runner, RunnerKind},
};

/// Steps up from child to parent at most; processes that come and go could make a ring of numbers.
const STEPS: usize = 64;

/// Services whose restart cuts somebody off. A name that ends in `*` stands for all that begin with it;
/// the endings `.service` and `@INSTANCE.service` do not count.
pub(super) const CAUTION: &[(&str, &str)] = &[
    ("dbus*", "message bus: much of the system hangs on it"),
    ("gdm*", "display manager: ends graphical sessions"),
    ("lightdm", "display manager: ends graphical sessions"),
    ("lxdm", "display manager: ends graphical sessions"),
    ("sddm", "display manager: ends graphical sessions"),
    ("kdm", "display manager: ends graphical sessions"),
    ("nodm", "display manager: ends graphical sessions"),
    ("slim", "display manager: ends graphical sessions"),
    ("wdm", "display manager: ends graphical sessions"),
    ("xdm", "display manager: ends graphical sessions"),
    ("greetd", "display manager: ends graphical sessions"),
    ("display-manager", "display manager: ends graphical sessions"),
    ("xrdp*", "remote desktop: ends sessions"),
    ("NetworkManager", "network: may cut the host off"),
    ("network-manager", "network: may cut the host off"),
    ("networking", "network: may cut the host off"),
    ("connman", "network: may cut the host off"),
    ("wicd", "network: may cut the host off"),
    ("wpa_supplicant", "network: may cut the host off"),
    ("iwd", "network: may cut the host off"),
    ("ModemManager", "network: may cut the host off"),
    ("openvpn*", "VPN: ends its connections, maybe the one that is used to restart it"),
    ("strongswan*", "VPN: ends its connections, maybe the one that is used to restart it"),
    ("charon*", "VPN: ends its connections, maybe the one that is used to restart it"),
    ("ipsec", "VPN: ends its connections, maybe the one that is used to restart it"),
    ("libreswan", "VPN: ends its connections, maybe the one that is used to restart it"),
    ("ocserv", "VPN: ends its connections, maybe the one that is used to restart it"),
    ("tinc", "VPN: ends its connections, maybe the one that is used to restart it"),
    ("frr", "routing: takes routes down"),
    ("bird*", "routing: takes routes down"),
    ("quagga", "routing: takes routes down"),
    ("zebra", "routing: takes routes down"),
    ("bgpd", "routing: takes routes down"),
    ("ospfd", "routing: takes routes down"),
    ("getty", "ends a login on a terminal"),
    ("serial-getty", "ends a login on a terminal"),
    ("console-getty", "ends a login on a terminal"),
    ("container-getty", "ends a login on a terminal"),
    ("user", "ends everything that a user runs"),
    ("systemd-logind", "ends or loses sessions"),
    ("elogind", "ends or loses sessions"),
    ("bluetooth", "takes keyboards and other devices away"),
    ("docker", "stops containers, unless they are kept alive over its restart"),
    ("lxc", "stops containers"),
];

/// Whether a restart of this unit or script cuts somebody off.
pub(super) fn caution(name: &str) -> bool {
    let name = name.strip_suffix(".service").unwrap_or(name);
    let name = name.split_once('@').map_or(name, |(template, _)| template);
    CAUTION.iter().any(|(pattern, _)| match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == *pattern,
    })
}

/// Finds what runs a process. `container` is the name that its container goes by, where it is in one.
pub(super) fn runner(
    entry: &Entry,
    by_pid: &BTreeMap<u32, &Entry>,
    root: &Root,
    container: Option<&str>,
) -> Runner {
    let make = |kind, name: String, engine: Option<&str>, caution| Runner {
        kind,
        name,
        engine: engine.map(str::to_owned),
        caution,
    };
    if let Some(inside) = &entry.place.container {
        return make(RunnerKind::Container, inside.id.clone(), inside.engine, false);
    }
    let user = || entry.uid.map(|uid| uid.to_string()).unwrap_or_default();
    let comm = entry.stat.as_ref().map(|stat| stat.comm.as_slice()).unwrap_or_default();
    if comm == b"(sd-pam)" {
        return make(RunnerKind::Session, user(), None, false);
    }
    if entry.pid == 1 && comm == b"systemd" {
        return make(RunnerKind::Systemd, "systemd".to_owned(), None, false);
    }
    match &entry.place.slot {
        Some(Slot::Unit(name)) => make(RunnerKind::Unit, name.clone(), None, caution(name)),
        Some(Slot::UserUnit(name)) => make(RunnerKind::UserUnit, name.clone(), None, caution(name)),
        Some(Slot::Session(user)) => make(RunnerKind::Session, user.clone(), None, false),
        Some(Slot::Systemd) => make(RunnerKind::Systemd, "systemd".to_owned(), None, false),
        // Whoever uses the guest is cut off.
        Some(Slot::Vm(name)) => make(RunnerKind::Vm, name.clone(), None, true),
        Some(Slot::Script(name)) => make(RunnerKind::InitScript, name.clone(), None, caution(name)),
        Some(Slot::Monitor(of)) => make(RunnerKind::Container, of.id.clone(), of.engine, false),
        None => match container.filter(|_| entry.own_pids) {
            Some(id) => make(RunnerKind::Container, id.to_owned(), entry.place.sandbox, false),
            None => without_groups(entry, by_pid, root),
        },
    }
}

/// On hosts without systemd: the script in /etc/init.d that is named like the process or its program, or
/// like one that it descends from.
fn without_groups(entry: &Entry, by_pid: &BTreeMap<u32, &Entry>, root: &Root) -> Runner {
    let mut at = Some(entry);
    for _ in 0..STEPS {
        let Some(now) = at else { break };
        for name in names(now) {
            if is_script(root, &name) {
                let caution = caution(&name);
                return Runner { kind: RunnerKind::InitScript, name, engine: None, caution };
            }
        }
        let parent = now.stat.as_ref().map(|stat| stat.ppid).filter(|ppid| *ppid > 1 && *ppid != now.pid);
        at = parent.and_then(|ppid| by_pid.get(&ppid).copied());
    }
    Runner { kind: RunnerKind::Process, name: entry.name(), engine: None, caution: false }
}

/// Names that a script could have: the process's, its program's, and the service's that some programs belong to.
fn names(entry: &Entry) -> Vec<String> {
    let mut names = vec![entry.name()];
    if let Some(exe) = &entry.exe {
        let (path, _) = super::maps::unmark(exe);
        names.push(bytes_text(path.rsplit(|b| *b == b'/').next().unwrap_or(path)));
    }
    let aliases: &[(&str, &str)] =
        &[("sshd", "ssh"), ("named", "bind9"), ("httpd", "apache2"), ("mysqld", "mysql")];
    for (program, script) in aliases {
        if names.iter().any(|name| name == program) {
            names.push((*script).to_owned());
        }
    }
    names
}

fn is_script(root: &Root, name: &str) -> bool {
    let plain = !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', '\n']);
    plain && root.metadata(format!("/etc/init.d/{name}")).is_ok_and(|meta| meta.is_file())
}
