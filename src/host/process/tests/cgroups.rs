//! What control groups' names mean, for each engine and manager.

use super::super::{
    cgroup::{self, Slot},
    runner::{CAUTION, caution},
};

const ID: &str = "4f5e0f6c1b8a4d5e9c7b3a2f1e0d9c8b7a6f5e4d3c2b1a0f9e8d7c6b5a493827";

/// Container, engine and slot, as text.
fn place(text: &str) -> String {
    let place = cgroup::parse(text.replace("ID", ID).as_bytes());
    let container = place.container.map_or_else(
        || "-".to_owned(),
        |c| format!("{} {}", c.engine.unwrap_or("?"), c.id.replace(ID, "ID")),
    );
    let slot = match place.slot {
        None => "-".to_owned(),
        Some(Slot::Unit(name)) => format!("unit {name}"),
        Some(Slot::UserUnit(name)) => format!("user-unit {name}"),
        Some(Slot::Session(user)) => format!("session {user}"),
        Some(Slot::Systemd) => "systemd".to_owned(),
        Some(Slot::Vm(name)) => format!("vm {name}"),
        Some(Slot::Script(name)) => format!("script {name}"),
        Some(Slot::Monitor(of)) => format!("monitor {}", of.id.replace(ID, "ID")),
    };
    format!("{container} | {slot}")
}

#[test]
fn units_sessions_and_managers() {
    let table = [
        ("0::/system.slice/nginx.service", "- | unit nginx.service"),
        (
            "0::/system.slice/system-postgresql.slice/postgresql@15-main.service",
            "- | unit postgresql@15-main.service",
        ),
        ("0::/system.slice/php.service/pool/www", "- | unit php.service"),
        ("0::/system.slice/cron.service (deleted)", "- | unit cron.service"),
        ("0::/../../system.slice/ssh.service", "- | unit ssh.service"),
        ("0::/init.scope", "- | systemd"),
        ("0::/user.slice/user-1000.slice/session-3.scope", "- | session 1000"),
        ("0::/user.slice/user-1000.slice/user@1000.service/init.scope", "- | session 1000"),
        (
            "0::/user.slice/user-1000.slice/user@1000.service/app.slice/syncthing.service",
            "- | user-unit syncthing.service",
        ),
        (
            "0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-gnome-firefox-99.scope",
            "- | session 1000",
        ),
        ("0::/system.slice/run-r1234.scope", "- | -"),
        ("0::/openrc.nginx", "- | script nginx"),
        ("1:name=openrc:/sshd\n0::/", "- | script sshd"),
        ("0::/", "- | -"),
        ("", "- | -"),
        ("nonsense\n::\n\u{fffd}", "- | -"),
        // The hybrid layout: systemd's own tree tells, not a controller's.
        ("9:memory:/x/y.service\n1:name=systemd:/system.slice/nginx.service\n0::/", "- | unit nginx.service"),
        ("9:name=systemd:/\n4:memory:/process_api/93b1\n0::/", "- | -"),
    ];
    for (text, expected) in table {
        assert_eq!(place(text), expected, "{text}");
    }
}

#[test]
fn containers_of_all_engines() {
    let table = [
        ("0::/system.slice/docker-ID.scope", "docker ID | -"),
        (
            "11:memory:/docker/ID\n1:name=systemd:/docker/ID\n0::/system.slice/containerd.service",
            "docker ID | unit containerd.service",
        ),
        ("0::/docker/ID/system.slice/nginx.service", "docker ID | unit nginx.service"),
        ("4:pids:/ecs/0a1b2c/ID", "docker ID | -"),
        ("0::/machine.slice/libpod-ID.scope/container", "podman ID | -"),
        (
            "0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope",
            "podman ID | session 1000",
        ),
        ("2:cpu:/libpod_parent/libpod-ID", "podman ID | -"),
        ("0::/machine.slice/libpod-conmon-ID.scope", "- | monitor ID"),
        (
            "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podab_c.slice/cri-containerd-ID.scope",
            "containerd ID | -",
        ),
        (
            "0::/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-podab.slice/crio-ID.scope",
            "cri-o ID | -",
        ),
        (
            "0::/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-podab.slice/crio-conmon-ID.scope",
            "- | monitor ID",
        ),
        ("0::/kubepods.slice/kubepods-podab.slice/docker-ID.scope", "docker ID | -"),
        ("11:pids:/kubepods/burstable/pod8c/ID", "kubernetes ID | -"),
        (
            "1:name=systemd:/system.slice/containerd.service/kubepods-besteffort-pod8c.slice:cri-containerd:ID",
            "containerd ID | unit containerd.service",
        ),
        ("0::/system.slice/nerdctl-ID.scope", "containerd ID | -"),
        ("0::/k8s.io/ID", "containerd ID | -"),
        ("0::/default/ID", "? ID | -"),
        ("9:cpu:/lxc/web1", "lxc web1 | -"),
        ("0::/lxc.payload.web1/system.slice/nginx.service", "lxc web1 | unit nginx.service"),
        ("0::/lxc.payload/web1/init.scope", "lxc web1 | -"),
        ("0::/lxc.monitor.web1", "- | monitor web1"),
        (
            "0::/machine.slice/systemd-nspawn@deb\\x2d12.service/payload/system.slice/x.service",
            "systemd-nspawn deb-12 | unit x.service",
        ),
        ("0::/machine.slice/systemd-nspawn@deb.service/supervisor", "- | unit systemd-nspawn@deb.service"),
        ("0::/machine.slice/machine-old\\x2dbox.scope/payload", "systemd-nspawn old-box | -"),
        ("0::/machine.slice/machine-qemu\\x2d7\\x2dmail.scope/libvirt/emulator", "- | vm mail"),
        ("1:name=systemd:/machine.slice/machine-lxc\\x2d12\\x2dapp.scope", "lxc app | -"),
        ("2:cpu:/machine/db.libvirt-qemu", "- | vm db"),
        // A cluster in a container: the inner one holds the files.
        ("0::/docker/ID/kubelet/kubepods/pod1/ID", "kubernetes ID | -"),
        ("0::/system.slice/docker-notanid.scope", "- | -"),
        ("0::/system.slice/docker.service", "- | unit docker.service"),
    ];
    for (text, expected) in table {
        assert_eq!(place(text), expected, "{text}");
    }
}

#[test]
fn sandboxes_are_named() {
    let of = |text: &str| cgroup::parse(text.as_bytes()).sandbox;
    assert_eq!(of("0::/system.slice/snap.nextcloud.apache.service"), Some("snap"));
    assert_eq!(
        of("0::/user.slice/user-1.slice/user@1.service/app.slice/app-flatpak-org.x-1.scope"),
        Some("flatpak")
    );
    assert_eq!(of("0::/system.slice/snapd.service"), None);
}

#[test]
fn restarts_that_cut_people_off_are_known() {
    for yes in [
        "dbus.service",
        "gdm3.service",
        "openvpn@office.service",
        "getty@tty1.service",
        "user@1000.service",
        "NetworkManager.service",
        "openvpn-server@a.service",
        "frr.service",
        "systemd-logind.service",
        "networking",
    ] {
        assert!(caution(yes), "{yes}");
    }
    for no in [
        "nginx.service",
        "ssh.service",
        "user-runtime-dir@0.service",
        "dockerd-proxy.service",
        "userdb.service",
        "",
    ] {
        assert!(!caution(no), "{no}");
    }
    let mut names: Vec<_> =
        CAUTION.iter().map(|(name, why)| (name, !why.is_empty() && !name.is_empty())).collect();
    assert!(names.iter().all(|(_, whole)| *whole));
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), CAUTION.len());
}
