//! Who a host is: name, machine, addresses, operating system. Read from files below the root.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use data_encoding::HEXLOWER;

use super::root::Root;
use crate::{
    clock::Clock,
    model::{
        host::{Collector, Coverage, Header, Os},
        ids::Sha256,
        time::Timestamp,
    },
};

const SMALL: u64 = 1 << 20;

/// The header of a document about this host, with nothing covered yet.
pub fn header(root: &Root, clock: &Clock) -> Header {
    let uname = rustix::system::uname();
    let live = root.is_host();
    let machine_id = root.read_text("/etc/machine-id", SMALL).ok();
    Header {
        host: name(root),
        asked_as: None,
        at: clock.now(),
        tool: format!("allclear {}", env!("CARGO_PKG_VERSION")),
        collector: Collector::Binary,
        machine: machine_id.as_deref().and_then(machine),
        addresses: if live { addresses(root) } else { Vec::new() },
        os: os(root),
        kernel: live.then(|| uname.release().to_string_lossy().into_owned()),
        arch: live.then(|| uname.machine().to_string_lossy().into_owned()),
        booted_at: if live { booted_at(root) } else { None },
        root: super::root::path_text(root.base()),
        uid: Some(rustix::process::geteuid().as_raw()),
        privileged: rustix::process::geteuid().is_root(),
        coverage: Coverage::default(),
    }
}

/// The kernel's name for the running host; what a folder's own files say for another root.
fn name(root: &Root) -> String {
    let from_file = || {
        let text = root.read_text("/etc/hostname", SMALL).ok()?;
        let line = text.lines().map(str::trim).find(|l| !l.is_empty() && !l.starts_with('#'))?;
        Some(line.chars().take(255).collect::<String>())
    };
    let from_kernel = || {
        let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
        (!name.is_empty() && name != "(none)").then_some(name)
    };
    let found = if root.is_host() { from_kernel().or_else(from_file) } else { from_file() };
    found.unwrap_or_else(|| super::root::path_text(root.base()))
}

/// systemd asks that the machine id itself be kept on the machine (machine-id(5)): a digest with a text of
/// ours tells machines apart just as well.
fn machine(id: &str) -> Option<String> {
    let id = id.trim();
    let whole = id.len() >= 32 && id.bytes().all(|b| b.is_ascii_hexdigit());
    whole.then(|| HEXLOWER.encode(&Sha256::of(format!("allclear/host/{id}").as_bytes()).bytes()[..16]))
}

fn os(root: &Root) -> Option<Os> {
    let text =
        ["/etc/os-release", "/usr/lib/os-release"].iter().find_map(|p| root.read_text(p, SMALL).ok())?;
    Some(os_release(&text))
}

/// Reads os-release(5): `KEY=value` with shell quoting of the simple kind.
pub fn os_release(text: &str) -> Os {
    let value = |key: &str| -> String {
        let raw = text.lines().filter_map(|l| l.trim().strip_prefix(key)?.strip_prefix('=')).next_back();
        let raw = raw.unwrap_or("").trim().trim_matches(['"', '\'']);
        raw.replace("\\\"", "\"").chars().take(200).collect()
    };
    Os { id: value("ID"), version: value("VERSION_ID"), name: value("PRETTY_NAME") }
}

fn booted_at(root: &Root) -> Option<Timestamp> {
    let stat = root.read_text("/proc/stat", 16 << 20).ok()?;
    let seconds = stat.lines().find_map(|l| l.strip_prefix("btime "))?.trim().parse().ok()?;
    Some(Timestamp::from_seconds(seconds))
}

/// The addresses of all interfaces, as the kernel's tables in /proc name them.
fn addresses(root: &Root) -> Vec<IpAddr> {
    let mut found = BTreeSet::new();
    if let Ok(text) = root.read_text("/proc/net/fib_trie", 16 << 20) {
        found.extend(local_v4(&text).into_iter().filter(|a| !a.is_loopback()).map(IpAddr::V4));
    }
    if let Ok(text) = root.read_text("/proc/net/if_inet6", SMALL) {
        let all = text
            .lines()
            .take(1000)
            .filter_map(|line| u128::from_str_radix(line.get(..32)?, 16).ok().map(Ipv6Addr::from));
        found.extend(all.filter(|a| !a.is_loopback() && !a.is_unicast_link_local()).map(IpAddr::V6));
    }
    found.into_iter().take(256).collect()
}

/// In fib_trie a leaf `|-- 192.0.2.1` is an address of the host when a line `/32 host LOCAL` follows.
fn local_v4(text: &str) -> BTreeSet<Ipv4Addr> {
    let mut leaf: Option<Ipv4Addr> = None;
    let mut found = BTreeSet::new();
    for line in text.lines() {
        if let Some((_, address)) = line.split_once("|-- ") {
            leaf = address.trim().parse().ok();
        } else if line.contains("/32 host LOCAL") {
            found.extend(leaf);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operating_system_is_read_as_the_shell_would() {
        let os = os_release(
            "NAME=x\nID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME='Debian GNU/Linux 12'\nVERSION_ID_X=3\n",
        );
        assert_eq!(
            (os.id.as_str(), os.version.as_str(), os.name.as_str()),
            ("debian", "12", "Debian GNU/Linux 12")
        );
        assert_eq!(os_release("\0\u{1b}=["), Os::default());
    }

    #[test]
    fn only_local_addresses_are_the_hosts() {
        let text = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n     |-- 192.0.2.0\n        \
                    /24 link UNICAST\n     |-- 192.0.2.7\n        /32 host LOCAL\n     |-- 192.0.2.255\n        /32 link BROADCAST\n";
        assert_eq!(local_v4(text).into_iter().collect::<Vec<_>>(), [Ipv4Addr::new(192, 0, 2, 7)]);
    }

    #[test]
    fn a_machine_id_does_not_leave_the_machine() {
        let id = "0123456789abcdef0123456789abcdef";
        let digest = machine(&format!("{id}\n")).unwrap();
        assert_eq!(digest.len(), 32);
        assert!(!digest.contains("0123456789abcdef"));
        assert_eq!(machine("uninitialized\n"), None);
    }
}
