//! `/proc/PID/cgroup`: what runs a process, by the names that systemd, container engines and OpenRC give to
//! control groups. Text in, values out; nothing is opened.

use crate::host::root::bytes_text;

/// What the control groups of a process say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// The innermost container.
    pub(super) container: Option<Inside>,
    /// What runs it, outside or inside of that container.
    pub(super) slot: Option<Slot>,
    /// The kind of sandbox that gives it other files, where the name tells: `snap`, `flatpak`.
    pub(super) sandbox: Option<&'static str>,
}

/// A container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Inside {
    /// Its id or name.
    pub(super) id: String,
    /// What made it, where the group's name tells.
    pub(super) engine: Option<&'static str>,
}

/// What a process is run by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// A unit of the system.
    Unit(String),
    /// A unit of a user's manager.
    UserUnit(String),
    /// A user's session or manager, by the user's number.
    Session(String),
    /// systemd itself.
    Systemd,
    /// A virtual machine, by name.
    Vm(String),
    /// A script of OpenRC.
    Script(String),
    /// A container's monitor: a process of the host that goes with the container.
    Monitor(Inside),
}

/// Beginnings of a group's name before a container's id, and the engine that gives them.
const ENGINES: &[(&str, &str)] = &[
    ("docker-", "docker"),
    ("libpod-", "podman"),
    ("cri-containerd-", "containerd"),
    ("nerdctl-", "containerd"),
    ("crio-", "cri-o"),
];

/// The same in names of the form `SLICE:ENGINE:ID`, which a runtime makes when it takes systemd's form for a path.
const COLON_ENGINES: &[(&str, &str)] = &[
    ("docker", "docker"),
    ("libpod", "podman"),
    ("cri-containerd", "containerd"),
    ("nerdctl", "containerd"),
    ("crio", "cri-o"),
];

/// Groups above one that is named by the id alone.
const PARENTS: &[(&str, &str)] =
    &[("docker", "docker"), ("ecs", "docker"), ("libpod_parent", "podman"), ("k8s.io", "containerd")];

/// Beginnings of the names of groups that hold a container's monitor.
const MONITORS: &[(&str, &str)] =
    &[("libpod-conmon-", "podman"), ("crio-conmon-", "cri-o"), ("lxc.monitor.", "lxc")];

/// Reads the whole file.
pub(super) fn parse(text: &[u8]) -> Place {
    let mut paths: Vec<(u8, String)> = Vec::new();
    let mut openrc = None;
    for line in text.split(|b| *b == b'\n').take(64) {
        let mut fields = line.splitn(3, |b| *b == b':');
        let (Some(number), Some(names), Some(path)) = (fields.next(), fields.next(), fields.next()) else {
            continue;
        };
        let path = bytes_text(path.strip_suffix(b" (deleted)").unwrap_or(path));
        if path.trim_matches('/').is_empty() {
            continue;
        }
        match (number, names) {
            (_, b"name=systemd") => paths.push((0, path)),
            (b"0", b"") => paths.push((1, path)),
            (_, b"name=openrc") => openrc = openrc_name(&path),
            _ => paths.push((2, path)),
        }
    }
    // systemd's own tree first, then the unified one; the others follow them where they say anything.
    paths.sort_by_key(|(rank, _)| *rank);
    let trees: Vec<Vec<&str>> = paths.iter().map(|(_, path)| parts(path)).collect();
    Place {
        container: trees.iter().find_map(|parts| container(parts)),
        slot: trees.iter().find_map(|parts| slot(parts)).or(openrc),
        sandbox: trees.iter().find_map(|parts| sandbox(parts)),
    }
}

/// The groups of a path, from the outermost. `..` stands where the reader has a control group namespace of its own.
fn parts(path: &str) -> Vec<&str> {
    path.split('/').filter(|part| !matches!(*part, "" | "." | "..")).take(64).collect()
}

/// The innermost container on a path.
fn container(parts: &[&str]) -> Option<Inside> {
    (0..parts.len()).rev().find_map(|at| container_at(parts, at))
}

fn container_at(parts: &[&str], at: usize) -> Option<Inside> {
    let name = *parts.get(at)?;
    let above = at.checked_sub(1).and_then(|above| parts.get(above)).copied().unwrap_or_default();
    let below = parts.get(at.saturating_add(1)).copied().unwrap_or_default();
    let bare = name.strip_suffix(".scope").unwrap_or(name);
    for (prefix, engine) in ENGINES {
        if let Some(id) = bare.strip_prefix(prefix).filter(|id| is_id(id)) {
            return Some(Inside { id: id.to_owned(), engine: Some(engine) });
        }
    }
    if let Some((rest, id)) = name.rsplit_once(':') {
        let engine = rest.rsplit(':').next().unwrap_or(rest);
        let known = COLON_ENGINES.iter().find(|(name, _)| *name == engine);
        return known
            .filter(|_| !id.is_empty())
            .map(|(_, engine)| Inside { id: id.to_owned(), engine: Some(engine) });
    }
    if is_id(name) {
        return Some(Inside { id: name.to_owned(), engine: engine_above(parts, at) });
    }
    if matches!(above, "lxc" | "lxc.payload") {
        return Some(Inside { id: name.to_owned(), engine: Some("lxc") });
    }
    if let Some(id) = name.strip_prefix("lxc.payload.").filter(|id| !id.is_empty()) {
        return Some(Inside { id: id.to_owned(), engine: Some("lxc") });
    }
    machine(name, above, below)
}

/// Containers of systemd-nspawn and of libvirt. `supervisor` holds the program that watches over one.
fn machine(name: &str, above: &str, below: &str) -> Option<Inside> {
    if below == "supervisor" {
        return None;
    }
    if let Some(id) = name.strip_prefix("systemd-nspawn@").and_then(|name| name.strip_suffix(".service")) {
        return Some(Inside { id: systemd_unescape(id), engine: Some("systemd-nspawn") });
    }
    let scope = name.strip_prefix("machine-").and_then(|name| name.strip_suffix(".scope"));
    if let Some(scope) = scope.filter(|_| above == "machine.slice") {
        let id = systemd_unescape(scope);
        if id.starts_with("qemu-") {
            return None;
        }
        return Some(match id.strip_prefix("lxc-") {
            Some(id) => Inside { id: after_number(id).to_owned(), engine: Some("lxc") },
            None => Inside { id, engine: Some("systemd-nspawn") },
        });
    }
    let lxc = name.strip_suffix(".libvirt-lxc")?;
    Some(Inside { id: after_number(lxc.strip_prefix("lxc-").unwrap_or(lxc)).to_owned(), engine: Some("lxc") })
}

fn engine_above(parts: &[&str], at: usize) -> Option<&'static str> {
    let above = parts.get(..at)?;
    let named = above.iter().rev().find_map(|part| PARENTS.iter().find(|(name, _)| name == part));
    if above.iter().any(|part| part.starts_with("kubepods")) {
        return Some("kubernetes");
    }
    named.map(|(_, engine)| *engine)
}

/// What runs a process, by the groups on its path.
fn slot(parts: &[&str]) -> Option<Slot> {
    for part in parts.iter().rev() {
        let bare = part.strip_suffix(".scope").unwrap_or(part);
        for (prefix, engine) in MONITORS {
            if let Some(id) = bare.strip_prefix(prefix).filter(|id| !id.is_empty()) {
                return Some(Slot::Monitor(Inside { id: id.to_owned(), engine: Some(engine) }));
            }
        }
        if let Some(name) = vm(part) {
            return Some(Slot::Vm(name));
        }
    }
    let service =
        |parts: &[&str]| parts.iter().rev().find(|part| part.ends_with(".service")).map(|p| (*p).to_owned());
    let manager =
        |part: &&str| part.strip_prefix("user@").and_then(|p| p.strip_suffix(".service")).map(str::to_owned);
    if let Some((at, user)) = parts.iter().enumerate().find_map(|(at, part)| Some((at, manager(part)?))) {
        let below = parts.get(at.saturating_add(1)..).unwrap_or_default();
        return Some(service(below).map_or(Slot::Session(user), Slot::UserUnit));
    }
    if let Some(user) =
        parts.iter().find_map(|p| p.strip_prefix("user-").and_then(|p| p.strip_suffix(".slice")))
    {
        return Some(Slot::Session(user.to_owned()));
    }
    if let Some(unit) = service(parts) {
        return Some(Slot::Unit(unit));
    }
    let first = parts.first()?;
    if *first == "init.scope" {
        return Some(Slot::Systemd);
    }
    first.strip_prefix("openrc.").filter(|name| !name.is_empty()).map(|name| Slot::Script(name.to_owned()))
}

/// The name of a guest, from the group of its program.
fn vm(part: &str) -> Option<String> {
    let scope =
        part.strip_prefix("machine-").and_then(|part| part.strip_suffix(".scope")).map(systemd_unescape);
    if let Some(name) = scope.as_deref().and_then(|scope| scope.strip_prefix("qemu-")) {
        return Some(after_number(name).to_owned());
    }
    let name = part.strip_suffix(".libvirt-qemu")?;
    Some(name.strip_prefix("qemu-").map_or(name, after_number).to_owned())
}

fn sandbox(parts: &[&str]) -> Option<&'static str> {
    parts.iter().find_map(|part| {
        if part.starts_with("snap.") {
            Some("snap")
        } else if part.starts_with("app-flatpak-") {
            Some("flatpak")
        } else {
            None
        }
    })
}

fn openrc_name(path: &str) -> Option<Slot> {
    parts(path).first().map(|name| Slot::Script((*name).to_owned()))
}

/// Whether a name is a container's id: 64 hexadecimal digits.
fn is_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// The name after the running number that libvirt puts before it: `7-web` is `web`.
fn after_number(text: &str) -> &str {
    match text.split_once('-') {
        Some((number, name)) if !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => text,
    }
}

/// A name with systemd's `\xNN` put back.
fn systemd_unescape(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        let code = rest.strip_prefix(b"\\x").and_then(|rest| rest.split_at_checked(2)).and_then(
            |(digits, after)| {
                let digits = std::str::from_utf8(digits).ok()?;
                Some((u8::from_str_radix(digits, 16).ok()?, after))
            },
        );
        if let Some((byte, after)) = code {
            out.push(byte);
            rest = after;
        } else {
            out.push(*first);
            rest = more;
        }
    }
    bytes_text(&out)
}
