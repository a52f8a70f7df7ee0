//! Real processes with mounts, roots and rights of their own.

use std::{
    fs,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::Path,
    process::{Command, Stdio},
};

use super::{
    bench::{Bench, is_root, libraries_of, look_here, process, say, skip},
    support::gap,
};
use crate::model::host::{CopyRole, Replaced};

#[test]
fn mounts_of_a_processs_own_show_its_own_file() {
    let mut bench = Bench::new();
    let (Some(old), Some(new)) = (bench.library("libcrypto.so.3", "3.0.2"), bench.library("new.so", "3.0.7"))
    else {
        skip!("cc")
    };
    let mut command = Command::new("unshare");
    let script =
        "mount --bind \"$0\" \"$1\" && LD_PRELOAD=\"$1\" exec sh -c 'echo ready; read -r _ < /dev/zero'";
    command.args(["-m", "sh", "-c", script]).arg(&new).arg(&old).stderr(Stdio::null());
    let (pid, line) = bench.start(&mut command);
    if line != "ready" {
        skip!("unshare -m");
    }
    // The host's file of that name is another one, and it changes too.
    let newest = bench.path("newest");
    fs::copy(&old, &newest).unwrap();
    fs::rename(newest, bench.path("unrelated")).unwrap();
    let (seen, _) = bench.look();
    let [library] = libraries_of(&seen, pid)[..] else { panic!("{:#?}", seen.libraries) };
    assert_eq!((library.version.as_deref(), library.deleted), (Some("3.0.7"), false));
    let process = process(&seen, pid).unwrap();
    assert!(process.own_mounts);
    // It is not the host's file under that path: whoever looks for its package must look in there.
    assert!(library.container.as_deref().is_some_and(|id| id.starts_with("ns-")), "{library:#?}");
    assert_eq!(process.container, library.container);
    assert_eq!(seen.containers.iter().find(|c| Some(&c.id) == library.container.as_ref()).unwrap().pid, pid);
}

#[test]
fn a_mount_over_a_mapped_file_replaces_it_only_with_other_content() {
    let mut bench = Bench::new();
    let (Some(old), Some(new)) = (bench.library("libcrypto.so.3", "3.0.2"), bench.library("new.so", "3.0.7"))
    else {
        skip!("cc")
    };
    let copy = bench.path("copy.so");
    fs::copy(&old, &copy).unwrap();
    for (over, replaced) in [(&copy, None), (&new, Some(Replaced::Renamed))] {
        let script = "LD_PRELOAD=\"$1\" exec sh -c \
            'mount --bind \"$0\" \"$1\" && echo ready; read -r _ < /dev/zero' \"$0\" \"$1\"";
        let mut command = Command::new("unshare");
        command.args(["-m", "sh", "-c", script]).arg(over).arg(&old).stderr(Stdio::null());
        let (pid, line) = bench.start(&mut command);
        if line != "ready" {
            skip!("unshare -m");
        }
        let (seen, _) = bench.look();
        let [library] = libraries_of(&seen, pid)[..] else { panic!("{:#?}", seen.libraries) };
        assert_eq!((library.version.as_deref(), library.replaced), (Some("3.0.2"), replaced));
        assert_eq!(library.deleted, replaced.is_some());
        let disk = library.on_disk.as_ref().map(|disk| (disk.version.as_deref(), disk.same));
        assert_eq!(disk, replaced.map(|_| (Some("3.0.7"), Some(false))));
    }
}

#[test]
fn another_root_is_followed_by_chroot_and_by_pivot() {
    let mut bench = Bench::new();
    let Some(program) = bench.compile("jail/srv/server", "1.1.1", &["-static"]) else {
        skip!("cc and a static libc")
    };
    let jail = bench.text("jail");
    let pivot =
        "mount --bind \"$0\" \"$0\" && cd \"$0\" && mkdir -p old && pivot_root . old && exec /srv/server";
    let ways: [&[&str]; 4] = [
        &["chroot", &jail, "/srv/server"],
        &["unshare", "-m", &format!("--root={jail}"), "/srv/server"],
        &["unshare", "-m", "sh", "-c", pivot, &jail],
        &["unshare", "-m", "-p", "-f", "--kill-child", "sh", "-c", pivot, &jail],
    ];
    for way in ways {
        let (name, args) = way.split_first().unwrap();
        let (pid, line) = bench.start(Command::new(name).args(args).stderr(Stdio::null()));
        if !line.starts_with("ready") {
            skip!("the right to {way:?}");
        }
        let (seen, coverage) = bench.look();
        // With a process namespace the program is a child of what was started.
        let process = seen
            .processes
            .iter()
            .find(|p| p.name == "server" && (p.pid == pid || p.ppid == Some(pid)))
            .unwrap_or_else(|| panic!("{way:?} {pid}: {:#?}", seen.processes));
        let [library] = libraries_of(&seen, process.pid)[..] else { panic!("{:#?}", seen.libraries) };
        assert_eq!(
            (library.version.as_deref(), library.deleted, library.replaced),
            (Some("1.1.1"), false, None),
            "{way:?}"
        );
        assert_eq!(
            (gap(&coverage, "not-compared"), library.note.as_ref()),
            (0, None),
            "{way:?}: {coverage:#?}"
        );
        let inside = way.concat().contains("pivot_root");
        assert_eq!(library.path, if inside { "/srv/server" } else { program.to_str().unwrap() }, "{way:?}");
        assert_eq!(process.container.is_some(), way[0] == "unshare", "{way:?}");
        let child = bench.children.last_mut().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

#[test]
fn a_file_that_a_layered_file_system_copies_up_is_not_replaced() {
    let mut bench = Bench::new();
    let Some(library) = bench.library("lower/libcrypto.so.3", "3.0.2") else { skip!("cc") };
    let base = bench.text("");
    let script = "cd \"$0\" && mkdir -p upper work all && \
        mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work all && \
        LD_PRELOAD=\"$0/all/libcrypto.so.3\" exec sh -c 'echo ready; read -r _ < /dev/zero'";
    let (pid, line) =
        bench.start(Command::new("unshare").args(["-m", "sh", "-c", script, &base]).stderr(Stdio::null()));
    if line != "ready" {
        skip!("unshare -m and overlayfs");
    }
    let state = |bench: &Bench| {
        let (seen, _) = bench.look();
        let [library] = libraries_of(&seen, pid)[..] else { panic!("{:#?}", seen.libraries) };
        (library.version.clone(), library.deleted, library.replaced.filter(|r| *r != Replaced::Overwritten))
    };
    assert_eq!(state(&bench), (Some("3.0.2".to_owned()), false, None));
    // A change of attributes moves a copy to the upper layer.
    let inside = format!("/proc/{pid}/root{}/all/libcrypto.so.3", base.trim_end_matches('/'));
    fs::set_permissions(&inside, fs::Permissions::from_mode(0o700)).unwrap();
    assert!(bench.path("upper/libcrypto.so.3").exists());
    assert_eq!(state(&bench), (Some("3.0.2".to_owned()), false, None));
    fs::copy(library, bench.path("unrelated")).unwrap();
    let replaced = format!("{inside}.new");
    fs::copy(bench.path("unrelated"), &replaced).unwrap();
    fs::rename(replaced, inside).unwrap();
    assert_eq!(state(&bench), (Some("3.0.2".to_owned()), true, Some(Replaced::Renamed)));
}

/// Names the part of the next tests that runs as somebody without rights, and what it looks at.
const AS_NOBODY: &str = "ALLCLEAR_TEST_AS_NOBODY";

/// This test program, where anyone may run it.
fn runnable(bench: &Bench) -> std::path::PathBuf {
    let program = bench.path("tests");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    program
}

fn assert_passed(output: &std::process::Output) {
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}\n{errors}");
}

#[test]
fn without_rights_what_is_not_seen_is_said() {
    if let Some(text) = std::env::var_os(AS_NOBODY) {
        let text = text.into_string().unwrap();
        let fields: Vec<&str> = text.split(' ').collect();
        let [folder, theirs, fresh, old] = fields[..] else { panic!("{text}") };
        as_nobody(Path::new(folder), [theirs, fresh, old].map(|pid| pid.parse().unwrap()));
        return;
    }
    if !is_root() {
        skip!("root, to become somebody else");
    }
    let mut bench = Bench::new();
    let (Some(kept), Some(lost)) =
        (bench.library("libcrypto.so.3", "3.0.2"), bench.library("libssl.so.3", "3.0.2"))
    else {
        skip!("cc")
    };
    let theirs = bench.holder(&kept);
    let mut own = |library: &Path| {
        let mut command = Command::new("sh");
        command
            .args(["-c", "echo ready; read -r _ < /dev/zero"])
            .env("LD_PRELOAD", library)
            .uid(65534)
            .gid(65534);
        bench.start(&mut command).0
    };
    let (fresh, old) = (own(&kept), own(&lost));
    fs::remove_file(lost).unwrap();
    let output = Command::new(runnable(&bench))
        .args(["without_rights_what_is_not_seen_is_said", "--nocapture"])
        .env(AS_NOBODY, format!("{} {theirs} {fresh} {old}", bench.folder.path().display()))
        .current_dir("/")
        .uid(65534)
        .gid(65534)
        .output()
        .unwrap();
    assert_passed(&output);
}

fn as_nobody(folder: &Path, [theirs, fresh, old]: [u32; 3]) {
    let (seen, coverage) = look_here(folder);
    say(&format!("{:?}\n{:?}\n", coverage.counts, coverage.gaps));
    assert!(!coverage.complete && coverage.counts["maps_unreadable"] > 0);
    assert_eq!(gap(&coverage, "maps-unreadable"), coverage.counts["maps_unreadable"]);
    assert!(libraries_of(&seen, theirs).is_empty());
    let [library] = libraries_of(&seen, fresh)[..] else { panic!("{:#?}", seen.libraries) };
    assert_eq!(
        (library.version.as_deref(), library.role, library.deleted),
        (Some("3.0.2"), CopyRole::Embeds, false)
    );
    let [library] = libraries_of(&seen, old)[..] else { panic!("{:#?}", seen.libraries) };
    assert_eq!(
        (library.version.as_deref(), library.role, library.deleted),
        (None, CopyRole::Unreadable, true)
    );
    assert_eq!(library.replaced, Some(Replaced::Removed));
    assert!(gap(&coverage, "old-copy-unreadable") > 0);
}

#[test]
fn hidden_processes_are_said_to_be_hidden() {
    if let Some(mode) = std::env::var_os(AS_NOBODY) {
        let (seen, coverage) = look_here(Path::new("/none"));
        say(&format!("hidepid={}: {:?}\n{:?}\n", mode.display(), coverage.counts, coverage.gaps));
        assert!(!coverage.complete && seen.processes.iter().all(|process| process.pid != 1));
        // At 1 the numbers of others are there and nothing else; at 2 not even those.
        let hidden = mode == "2";
        assert_eq!(gap(&coverage, "processes-hidden"), u64::from(hidden));
        assert_eq!(coverage.counts["maps_unreadable"] > 0, !hidden);
        return;
    }
    if !is_root() {
        skip!("root, to mount /proc anew");
    }
    let bench = Bench::new();
    let program = runnable(&bench);
    let script = "mount -t proc -o hidepid=\"$1\" proc /proc && exec setpriv --reuid=65533 --regid=65533 \
        --clear-groups \"$0\" hidden_processes_are_said_to_be_hidden --nocapture";
    for mode in ["1", "2"] {
        let mut command = Command::new("unshare");
        command
            .args(["-m", "sh", "-c", script])
            .arg(&program)
            .arg(mode)
            .env(AS_NOBODY, mode)
            .current_dir("/");
        let output = command.output().unwrap();
        if output.stdout.is_empty() {
            skip!("unshare -m, mount and setpriv: {}", String::from_utf8_lossy(&output.stderr));
        }
        say(&String::from_utf8_lossy(&output.stdout));
        assert_passed(&output);
    }
}
