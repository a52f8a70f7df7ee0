//! What has to be done.

use super::*;
use crate::model::host::{Bundle, OnDisk, Replaced};

fn mapped(path: &str, version: &str, processes: &[u32]) -> Library {
    let mut copy = copy(path, CopyKind::Mapped, version);
    copy.processes = processes.to_vec();
    copy
}

#[test]
fn each_target_comes_once_in_the_order_of_the_work() {
    let mut document = host("debian 11", Collector::Binary);
    for name in ["libssl1.1", "openssl"] {
        document.packages.push(package(name, "openssl", "1.1.1w-0+deb11u1", Ecosystem::Dpkg));
    }
    for pid in [30, 31] {
        document.processes.push(process(pid, "nginx", "nginx.service", ""));
    }
    document.processes.push(process(40, "app", "app.service", ""));
    document.processes.push(process(50, "openvpn", "openvpn@home.service", ""));
    for (path, pids) in
        [("/usr/lib/libssl.so.1.1", [31, 30, 50]), ("/usr/lib/libcrypto.so.1.1", [30, 31, 50])]
    {
        document.libraries.push(owned(mapped(path, "1.1.1w", &pids), &document.packages[0], Some(true)));
    }
    let mut wheel = mapped("/opt/app/_rust.abi3.so", "3.0.5", &[40]);
    wheel.bundle = Some(Bundle {
        kind: "wheel".to_owned(),
        name: "cryptography".to_owned(),
        version: "38.0.1".to_owned(),
        said_by: String::new(),
    });
    let mut on_disk = wheel.clone();
    (on_disk.kind, on_disk.processes) = (CopyKind::Disk, Vec::new());
    document.libraries.extend([wheel, on_disk]);
    let mut packed = copy("/opt/packed", CopyKind::Disk, "");
    packed.role = CopyRole::Unreadable;
    document.libraries.push(packed);
    let assessed = judged(&document, &alpn());
    assert_eq!(
        acts(&assessed),
        [
            "upgrade openssl from 1.1.1w-0+deb11u1 to 1.1.1w-0+deb11u2",
            "rebuild /opt/app/_rust.abi3.so from 3.0.5 to 3.0.15 of wheel cryptography 38.0.1 by unit app.service app [40]",
            "restart nginx.service from 1.1.1w-0+deb11u1 to 1.1.1w-0+deb11u2 by unit nginx.service nginx [30, 31]",
            "restart openvpn@home.service from 1.1.1w-0+deb11u1 to 1.1.1w-0+deb11u2 by unit openvpn@home.service openvpn [50] caution",
            "find-out /opt/packed",
        ]
    );
}

#[test]
fn everything_vulnerable_in_a_container_is_one_act() {
    let mut document = host("debian 12", Collector::Binary);
    let inside = |mut package: Package| {
        package.container = Some("c0ffee".to_owned());
        package
    };
    document.packages.push(inside(package("libssl1.1", "openssl", "1.1.1w-0+deb11u1", Ecosystem::Dpkg)));
    let mut web = process(9, "web", "", "");
    web.container = Some("c0ffee".to_owned());
    web.runner = Some(runner(RunnerKind::Container, "c0ffee"));
    document.processes.push(web);
    document.libraries.push(owned(
        mapped("/usr/lib/libssl.so.1.1", "1.1.1w", &[9]),
        &document.packages[0],
        Some(true),
    ));
    let mut node = mapped("/opt/node", "3.0.5", &[9]);
    node.container = Some("c0ffee".to_owned());
    let mut gone = node.clone();
    (gone.path, gone.deleted) = ("/opt/lib.so".to_owned(), true);
    document.libraries.extend([node, gone]);
    let assessed = judged(&document, &alpn());
    assert_eq!(
        acts(&assessed),
        ["recreate c0ffee from 1.1.1w-0+deb11u1 to 1.1.1w-0+deb11u2 in c0ffee by container c0ffee web [9]"]
    );
}

#[test]
fn a_restart_is_owed_only_where_it_takes_in_something_better() {
    let mut document = host("debian 11", Collector::Binary);
    document.processes.push(process(7, "app", "app.service", ""));
    document.processes.push(Process {
        runner: Some(runner(RunnerKind::Systemd, "init.scope")),
        ..process(1, "systemd", "", "")
    });
    let mut session = process(8, "bash", "", "");
    session.runner = Some(runner(RunnerKind::Session, "1000"));
    document.processes.push(session);
    let mut old = mapped("/opt/app/libssl.so.1.1", "1.1.1w", &[7, 1, 8, 99]);
    old.deleted = true;
    old.replaced = Some(Replaced::Renamed);
    let now = |version: &str| Some(OnDisk { version: Some(version.to_owned()), ..OnDisk::default() });
    old.on_disk = now("1.1.1za");
    document.libraries.push(old);
    assert_eq!(
        acts(&judged(&document, &alpn())),
        [
            "restart /opt/app/libssl.so.1.1 from 1.1.1w to 1.1.1za  [99]",
            "restart 1000 from 1.1.1w to 1.1.1za by session 1000 bash [8] caution",
            "restart app.service from 1.1.1w to 1.1.1za by unit app.service app [7]",
            "restart systemd from 1.1.1w to 1.1.1za by systemd init.scope systemd [1]",
        ]
    );
    // The next start would take in the same hole.
    document.libraries[0].on_disk = now("1.1.1x");
    let lines = acts(&judged(&document, &alpn()));
    assert!(
        lines.iter().any(|line| line.starts_with("rebuild /opt/app/libssl.so.1.1 from 1.1.1x to 1.1.1za")),
        "{lines:?}"
    );
    // Nobody knows what it would take in.
    document.libraries[0].on_disk = now("1.1.0l");
    document.libraries[0].on_disk.as_mut().unwrap().version = None;
    assert_eq!(acts(&judged(&document, &alpn())), ["find-out /opt/app/libssl.so.1.1"]);
    // What runs is clean for this disclosure: no restart, whatever is on disk.
    document.libraries[0].version = Some("1.1.1za".to_owned());
    document.libraries[0].on_disk = now("1.1.1zb");
    assert!(judged(&document, &alpn()).acts.is_empty());
}

#[test]
fn a_rebuilt_file_that_several_things_run_is_restarted_for_each() {
    let mut document = host("debian 11", Collector::Binary);
    document.processes.push(process(1, "a", "a.service", ""));
    document.processes.push(process(2, "b", "b.service", ""));
    document.libraries.push(mapped("/opt/lib.so", "1.1.1w", &[1, 2]));
    let lines = acts(&judged(&document, &alpn()));
    let expected = [
        "rebuild /opt/lib.so from 1.1.1w to 1.1.1za a, b [1, 2]",
        "restart a.service by unit a.service a [1]",
        "restart b.service by unit b.service b [2]",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn a_clean_host_has_nothing_to_do() {
    let mut document = host("debian 11", Collector::Binary);
    document.packages.push(package("openssl", "openssl", "1.1.1w-0+deb11u8", Ecosystem::Dpkg));
    document.libraries.push(mapped("/opt/lib.so", "1.1.1za", &[1]));
    assert!(judged(&document, &alpn()).acts.is_empty());
    // Not decided is not clean.
    document.packages.push(package("openssl", "openssl", "odd version", Ecosystem::Dpkg));
    assert_eq!(acts(&judged(&document, &alpn())), ["find-out openssl"]);
}
