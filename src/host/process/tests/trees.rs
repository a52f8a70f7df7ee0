//! Made-up hosts: what becomes of processes, libraries, listeners and containers together.

use super::support::{Tree, fake_library, gap};
use crate::model::host::{CopyKind, CopyRole, ProcessRole, Reach, Replaced, RunnerKind, TlsLibrary};

const ID: &str = "4f5e0f6c1b8a4d5e9c7b3a2f1e0d9c8b7a6f5e4d3c2b1a0f9e8d7c6b5a493827";

#[test]
fn processes_share_one_record_of_one_copy() {
    let tree = Tree::new();
    let inode = tree.file("usr/lib/libcrypto.so.3", &fake_library("3.0.7"));
    for pid in [30, 4, 100] {
        tree.process(pid, 1, "nginx")
            .link("exe", "/usr/sbin/nginx")
            .cgroup("/system.slice/nginx.service")
            .maps("/usr/lib/libcrypto.so.3", inode);
    }
    let (seen, coverage) = tree.look();
    assert_eq!(seen.libraries.len(), 1);
    let library = &seen.libraries[0];
    assert_eq!(
        (library.path.as_str(), library.version.as_deref()),
        ("/usr/lib/libcrypto.so.3", Some("3.0.7"))
    );
    assert_eq!((library.kind, library.role, library.deleted), (CopyKind::Mapped, CopyRole::Embeds, false));
    assert_eq!(library.processes, [4, 30, 100]);
    // The file is newer than the made-up start of the host: it counts as written to since.
    assert_eq!(library.replaced, Some(Replaced::Overwritten));
    assert_eq!(seen.processes.iter().map(|p| p.pid).collect::<Vec<_>>(), [4, 30, 100]);
    let process = &seen.processes[0];
    assert_eq!((process.user.as_deref(), process.uid), (Some("www"), Some(33)));
    assert_eq!(process.started_at.unwrap().seconds(), "1970-01-12T13:46:41Z");
    assert_eq!(process.libraries, ["/usr/lib/libcrypto.so.3"]);
    let runner = process.runner.as_ref().unwrap();
    assert_eq!(
        (runner.kind, runner.name.as_str(), runner.caution),
        (RunnerKind::Unit, "nginx.service", false)
    );
    assert_eq!((coverage.counts["processes_seen"], coverage.counts["maps_read"]), (4, 4));
}

#[test]
fn an_old_copy_that_cannot_be_read_is_listed_as_unknown_and_is_a_gap() {
    let tree = Tree::new();
    let inode = tree.file("usr/lib/libssl.so.3", &fake_library("3.0.17"));
    tree.process(7, 1, "web").maps("/usr/lib/libssl.so.3 (deleted)", inode + 1_000_000);
    tree.process(8, 1, "web").maps("/opt/gone/libcrypto.so.46 (deleted)", 99);
    tree.process(9, 1, "web").maps("/opt/gone/plugin.so (deleted)", 98);
    let (seen, coverage) = tree.look();
    let [gone, ssl] = seen.libraries.as_slice() else { panic!("{:#?}", seen.libraries) };
    assert_eq!((ssl.lib, ssl.role, ssl.version.as_ref()), (TlsLibrary::Openssl, CopyRole::Unreadable, None));
    assert_eq!((ssl.deleted, ssl.replaced), (true, Some(Replaced::Renamed)));
    assert_eq!(ssl.on_disk.as_ref().unwrap().version.as_deref(), Some("3.0.17"));
    assert_eq!(ssl.on_disk.as_ref().unwrap().same, None);
    assert!(ssl.note.as_ref().unwrap().contains("could not be read"));
    assert_eq!((gone.lib, gone.replaced), (TlsLibrary::Libressl, Some(Replaced::Removed)));
    assert_eq!(gap(&coverage, "old-copy-unreadable"), 3);
    assert!(!coverage.complete);
}

#[test]
fn a_file_that_is_really_named_as_deleted_is_not() {
    let tree = Tree::new();
    let inode = tree.file("usr/lib/libssl.so.3 (deleted)", &fake_library("3.0.17"));
    tree.process(7, 1, "web").maps("/usr/lib/libssl.so.3 (deleted)", inode);
    let (seen, _) = tree.look();
    assert_eq!(seen.libraries[0].path, "/usr/lib/libssl.so.3 (deleted)");
    assert!(!seen.libraries[0].deleted);
}

#[test]
fn a_library_in_a_container_is_of_the_container_and_read_there() {
    let tree = Tree::new();
    tree.file("usr/lib/libcrypto.so.3", &fake_library("3.0.17"));
    let inode = tree.file("data/c1/usr/lib/libcrypto.so.3", &fake_library("3.0.2"));
    tree.process(7, 1, "api")
        .cgroup(&format!("/system.slice/docker-{ID}.scope"))
        .link("ns/mnt", "mnt:[77]")
        .link("root", "/data/c1")
        .maps("/usr/lib/libcrypto.so.3", inode);
    let (seen, _) = tree.look();
    let library = &seen.libraries[0];
    assert_eq!((library.version.as_deref(), library.container.as_deref()), (Some("3.0.2"), Some(ID)));
    let process = &seen.processes[0];
    assert_eq!(
        (process.container.as_deref(), process.own_mounts, process.user.as_ref()),
        (Some(ID), true, None)
    );
    let runner = process.runner.as_ref().unwrap();
    assert_eq!((runner.kind, runner.engine.as_deref()), (RunnerKind::Container, Some("docker")));
    let container = &seen.containers[0];
    assert_eq!((container.id.as_str(), container.pid, container.engine.as_deref()), (ID, 7, Some("docker")));
    assert_eq!(container.root, tree.path("data/c1"));
}

#[test]
fn a_process_of_a_container_that_sees_the_hosts_files_is_restarted_with_it_and_has_the_hosts_library() {
    let tree = Tree::new();
    let inode = tree.file("usr/lib/libcrypto.so.3", &fake_library("3.0.17"));
    tree.process(7, 1, "agent")
        .cgroup(&format!("/system.slice/docker-{ID}.scope"))
        .maps("/usr/lib/libcrypto.so.3", inode);
    let (seen, _) = tree.look();
    let process = &seen.processes[0];
    assert_eq!((process.container.as_ref(), seen.libraries[0].container.as_ref()), (None, None));
    assert_eq!(process.runner.as_ref().unwrap().kind, RunnerKind::Container);
    assert!(seen.containers.is_empty());
}

#[test]
fn a_file_on_disk_is_never_taken_for_another_one_that_is_mapped() {
    let tree = Tree::new();
    let inode = tree.file("usr/lib/libcrypto.so.3", &fake_library("3.0.17"));
    tree.process(7, 1, "web").maps("/usr/lib/libcrypto.so.3", inode + 1_000_000);
    let (seen, coverage) = tree.look();
    let library = &seen.libraries[0];
    assert_eq!((library.role, library.version.as_ref()), (CopyRole::Unreadable, None));
    assert!(library.note.as_ref().unwrap().contains("cannot be compared"), "{:?}", library.note);
    assert_eq!(gap(&coverage, "mapped-file-unreadable"), 1);
}

#[test]
fn private_mounts_are_no_container_but_another_root_is() {
    let tree = Tree::new();
    let host = tree.file("usr/lib/libcrypto.so.3", &fake_library("3.0.17"));
    let snap = tree.file("snap/core/usr/lib/libcrypto.so.3", &fake_library("3.0.2"));
    tree.process(7, 1, "a")
        .cgroup("/system.slice/a.service")
        .link("ns/mnt", "mnt:[77]")
        .maps("/usr/lib/libcrypto.so.3", host);
    tree.process(8, 1, "b")
        .cgroup("/system.slice/snap.b.b.service")
        .link("ns/mnt", "mnt:[78]")
        .link("root", "/snap/core")
        .maps("/usr/lib/libcrypto.so.3", snap);
    let (seen, _) = tree.look();
    let [a, b] = seen.processes.as_slice() else { panic!("{:#?}", seen.processes) };
    assert_eq!((a.own_mounts, a.container.as_deref()), (true, None));
    assert_eq!((b.own_mounts, b.container.as_deref()), (true, Some("ns-78")));
    assert_eq!(b.runner.as_ref().unwrap().name, "snap.b.b.service");
    assert_eq!(seen.containers.len(), 1);
    assert_eq!(seen.containers[0].engine.as_deref(), Some("snap"));
    let versions: Vec<_> =
        seen.libraries.iter().map(|l| (l.container.as_deref(), l.version.as_deref())).collect();
    assert_eq!(versions, [(None, Some("3.0.17")), (Some("ns-78"), Some("3.0.2"))]);
}

#[test]
fn a_libssl_has_the_version_of_the_libcrypto_beside_it() {
    let tree = Tree::new();
    let new = tree.file("usr/lib/libcrypto.so.3", &fake_library("3.0.17"));
    let old = tree.file("opt/lib/libcrypto.so.3", &fake_library("3.0.2"));
    let ssl = tree.file("usr/lib/libssl.so.3", "ssl/statem/statem_lib.c\0");
    tree.process(7, 1, "a").maps("/usr/lib/libssl.so.3", ssl).maps("/usr/lib/libcrypto.so.3", new);
    tree.process(8, 1, "b").maps("/usr/lib/libssl.so.3", ssl).maps("/opt/lib/libcrypto.so.3", old);
    tree.process(9, 1, "c").maps("/usr/lib/libssl.so.3", ssl);
    let (seen, _) = tree.look();
    let ssl: Vec<_> = seen
        .libraries
        .iter()
        .filter(|l| l.path.contains("libssl"))
        .map(|l| (l.processes.clone(), l.version.as_deref(), l.version_from.as_deref()))
        .collect();
    assert_eq!(
        ssl,
        [
            (vec![7], Some("3.0.17"), Some("/usr/lib/libcrypto.so.3")),
            (vec![8], Some("3.0.2"), Some("/opt/lib/libcrypto.so.3")),
            (vec![9], None, None),
        ]
    );
}

#[test]
fn a_program_with_the_code_in_it_is_listed_and_one_that_only_uses_it_is_not() {
    let tree = Tree::new();
    let embeds = tree.file("usr/bin/node", &fake_library("1.0.1e"));
    let uses = tree.file("usr/bin/curl", "libcrypto.so.3\0");
    tree.process(7, 1, "node").link("exe", "/usr/bin/node").maps("/usr/bin/node", embeds);
    tree.process(8, 1, "curl").link("exe", "/usr/bin/curl").maps("/usr/bin/curl", uses);
    // A packed program is not in its own map.
    tree.process(9, 1, "packed").link("exe", "/usr/bin/node");
    let (seen, _) = tree.look();
    assert_eq!(seen.processes.iter().map(|p| p.pid).collect::<Vec<_>>(), [7, 9]);
    assert!(seen.libraries.iter().all(|l| l.kind == CopyKind::Exe && l.path == "/usr/bin/node"));
    assert_eq!(seen.processes[0].exe.as_deref(), Some("/usr/bin/node"));
}

#[test]
fn what_cannot_be_read_or_told_is_never_left_out_silently() {
    let tree = Tree::new();
    let broken = tree.file("usr/lib/libcrypto.so.3", "UNREADABLE");
    let empty = tree.file("usr/lib/libssl.so.3", "something else");
    let data = tree.file("usr/lib/libcrypto.so.1.1", &fake_library("1.1.1"));
    tree.process(7, 1, "a").maps("/usr/lib/libcrypto.so.3", broken).maps("/usr/lib/libssl.so.3", empty);
    tree.process(8, 1, "b")
        .line(&format!("1000-2000 r--p 0 00:2f {data} /usr/lib/libcrypto.so.1.1"))
        .line("garbage");
    tree.process(9, 1, "nginx").closed();
    tree.process(10, 1, "whatever").closed();
    let (seen, coverage) = tree.look();
    let libraries: Vec<_> = seen
        .libraries
        .iter()
        .map(|l| (l.path.as_str(), l.lib, l.role, l.note.as_deref().unwrap_or("")))
        .collect();
    assert_eq!(libraries.len(), 3);
    assert!(libraries[0].3.contains("not to be run"), "{libraries:?}");
    assert_eq!((libraries[1].1, libraries[1].2), (TlsLibrary::Openssl, CopyRole::Unreadable));
    assert_eq!((libraries[2].1, libraries[2].2), (TlsLibrary::Unknown, CopyRole::Unreadable));
    assert_eq!(gap(&coverage, "mapped-file-unreadable"), 1);
    assert_eq!(gap(&coverage, "odd-maps-lines"), 1);
    assert_eq!(gap(&coverage, "maps-unreadable"), 2);
    assert_eq!(coverage.counts["maps_unreadable"], 2);
    let closed: Vec<_> = seen.processes.iter().filter(|p| !p.readable).map(|p| (p.pid, p.role)).collect();
    assert_eq!(closed, [(9, ProcessRole::Unknown)]);
}

#[cfg(target_endian = "little")]
#[test]
fn listeners_have_their_processes_and_make_them_servers() {
    let tree = Tree::new();
    let row = |address: &str, port: u16, state: &str, inode: u32| {
        format!("1: {address}:{port:04X} 00000000:0000 {state} 0:0 0:0 0 0 0 {inode} 1\n")
    };
    let all = "00000000";
    tree.file(
        "proc/net/tcp",
        &(row(all, 443, "0A", 500) + &row("0100007F", 25, "0A", 501) + &row(all, 9, "0A", 502) + "x\n"),
    );
    tree.file("proc/net/udp", &row(all, 40000, "07", 503));
    let crypto = tree.file("usr/lib/libcrypto.so.3", &fake_library("3.0.7"));
    let lib = "/usr/lib/libcrypto.so.3";
    let nginx = "/usr/sbin/nginx";
    tree.process(7, 1, "nginx")
        .link("exe", nginx)
        .maps(lib, crypto)
        .link("fd/3", "socket:[500]")
        .link("fd/4", "pipe:[501]");
    tree.process(8, 7, "nginx").link("exe", nginx).maps(lib, crypto).link("fd/3", "socket:[500]");
    tree.process(9, 8, "nginx").link("exe", nginx).maps(lib, crypto);
    tree.process(10, 1, "curl").link("exe", "/usr/bin/curl").maps(lib, crypto).link("fd/9", "socket:[503]");
    tree.process(11, 1, "smtp").link("exe", "/usr/bin/smtp").link("fd/9", "socket:[501]");
    let (seen, coverage) = tree.look();
    let listeners: Vec<_> = seen
        .listeners
        .iter()
        .map(|l| (l.port, l.processes.clone(), l.tls_library, l.open_to.reach, l.program.as_deref()))
        .collect();
    assert_eq!(
        listeners,
        [
            (9, vec![], None, Reach::Unknown, None),
            (443, vec![7, 8], Some(true), Reach::Unknown, Some("nginx")),
            (25, vec![11], Some(false), Reach::Loopback, Some("smtp")),
            (40000, vec![10], Some(true), Reach::Unknown, Some("curl")),
        ]
    );
    let roles: Vec<_> = seen.processes.iter().map(|p| (p.pid, p.role, p.listens.clone())).collect();
    let listens = |text: &str| vec![text.to_owned()];
    assert_eq!(
        roles,
        [
            (7, ProcessRole::Server, listens("tcp 0.0.0.0:443")),
            (8, ProcessRole::Server, listens("tcp 0.0.0.0:443")),
            (9, ProcessRole::Server, vec![]),
            // A client's own UDP port makes no server of it.
            (10, ProcessRole::Client, listens("udp 0.0.0.0:40000")),
            (11, ProcessRole::Server, listens("tcp 127.0.0.1:25")),
        ]
    );
    assert_eq!(gap(&coverage, "odd-socket-lines"), 1);
}

#[cfg(target_endian = "little")]
#[test]
fn listeners_of_another_network_are_not_the_hosts() {
    let tree = Tree::new();
    let row = "1: 00000000:01BB 00000000:0000 0A 0:0 0:0 0 0 0 600 1\n";
    for (pid, number) in [(1, 1), (7, 9), (8, 10)] {
        let table = if pid == 1 { "" } else { row };
        let proc = tree
            .process(pid, 1, "api")
            .link("ns/net", &format!("net:[{number}]"))
            .text("net/tcp", table)
            .text("net/udp", "");
        if pid == 7 {
            proc.link("ns/mnt", "mnt:[77]").cgroup(&format!("/docker/{ID}")).link("fd/1", "socket:[600]");
        }
    }
    let (seen, _) = tree.look();
    let listeners: Vec<_> = seen.listeners.iter().map(|l| (l.container.as_deref(), l.port)).collect();
    assert_eq!(listeners, [(Some(ID), 443), (Some("netns-10"), 443)]);
}

#[test]
fn without_systemd_the_script_that_started_it_is_found() {
    let tree = Tree::new();
    let crypto = tree.file("usr/lib/libcrypto.so.3", &fake_library("3.0.7"));
    tree.file("etc/init.d/ssh", "");
    tree.file("etc/init.d/openvpn", "");
    tree.process(6, 1, "sshd");
    tree.process(7, 6, "helper").maps("/usr/lib/libcrypto.so.3", crypto);
    tree.process(8, 1, "openvpn").maps("/usr/lib/libcrypto.so.3", crypto);
    tree.process(9, 10, "../ssh").maps("/usr/lib/libcrypto.so.3", crypto);
    tree.process(10, 9, "ring").maps("/usr/lib/libcrypto.so.3", crypto);
    tree.process(11, 1, "(sd-pam)").maps("/usr/lib/libcrypto.so.3", crypto);
    let (seen, _) = tree.look();
    let runners: Vec<_> = seen
        .processes
        .iter()
        .map(|p| p.runner.clone().unwrap())
        .map(|r| (r.kind, r.name, r.caution))
        .collect();
    let expected = [
        (RunnerKind::InitScript, "ssh", false),
        (RunnerKind::InitScript, "openvpn", true),
        (RunnerKind::Process, "../ssh", false),
        (RunnerKind::Process, "ring", false),
        (RunnerKind::Session, "33", false),
    ];
    assert_eq!(runners, expected.map(|(kind, name, caution)| (kind, name.to_owned(), caution)));
}

#[test]
fn hidden_processes_and_a_missing_proc_are_gaps() {
    let tree = Tree::new();
    std::fs::remove_dir_all(tree.path("proc/1")).unwrap();
    tree.process(7, 1, "own");
    assert_eq!(gap(&tree.look().1, "processes-hidden"), 1);
    std::fs::remove_dir_all(tree.path("proc")).unwrap();
    let (seen, coverage) = tree.look();
    assert_eq!((seen.processes.len(), gap(&coverage, "no-processes")), (0, 1));
}

#[test]
fn links_of_a_made_up_process_stay_inside_its_host() {
    let tree = Tree::new();
    tree.process(7, 1, "evil")
        .link("exe", "/../../../../etc/passwd")
        .link("root", "../../../..")
        .maps("/etc/hostname", 5);
    std::fs::remove_file(tree.path("proc/7/maps")).unwrap();
    std::os::unix::fs::symlink("../../../../../../../proc/self/maps", tree.path("proc/7/maps")).unwrap();
    let (seen, coverage) = tree.look();
    assert!(seen.processes.is_empty(), "{seen:#?}");
    // A map that is not there: the process counts as gone.
    assert_eq!(coverage.counts["processes_vanished"], 1);
}

#[test]
fn threads_of_the_kernel_and_ended_processes_do_not_count_as_seen() {
    let tree = Tree::new();
    tree.process(2, 0, "kthreadd")
        .text("stat", "2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 5 0\n");
    tree.process(3, 1, "dead").text("stat", "3 (dead) Z 1 0 0 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 5 0\n");
    tree.process(4, 1, "half").text("stat", "4 (half) Z 1 0 0 0 -1 0 0 0 0 0 0 0 0 0 20 0 8 0 5 0\n");
    let (_, coverage) = tree.look();
    assert_eq!((coverage.counts["processes_seen"], coverage.counts["kernel_threads"]), (1, 1));
    assert_eq!((coverage.counts["processes_ended"], gap(&coverage, "main-thread-ended")), (2, 1));
}
