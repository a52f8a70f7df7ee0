//! Real processes of this machine, with libraries that are taken from under them.

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use super::{
    super::look,
    bench::{Bench, bench_with_library, libraries_of, process, reads_old_copies, say, skip},
    support::{gap, identify},
};
use crate::{
    host::{cover::Cover, root::Root},
    model::host::{CopyKind, CopyRole, ProcessRole, Reach, Replaced},
};

#[test]
fn a_fresh_library_is_what_is_on_disk() {
    let Some((bench, old, _, pid)) = bench_with_library() else { skip!("cc") };
    let (seen, coverage) = bench.look();
    let [library] = libraries_of(&seen, pid)[..] else { panic!("{:#?}", seen.libraries) };
    assert_eq!(
        (library.kind, library.role, library.path.as_str()),
        (CopyKind::Mapped, CopyRole::Embeds, old.to_str().unwrap())
    );
    assert_eq!((library.version.as_deref(), library.deleted, library.replaced), (Some("3.0.2"), false, None));
    assert_eq!((library.note.as_ref(), library.on_disk.as_ref()), (None, None));
    let process = process(&seen, pid).unwrap();
    assert!(process.readable && !process.own_mounts && !process.exe_deleted);
    assert_eq!(process.role, ProcessRole::Client);
    assert_eq!(process.uid, Some(rustix::process::geteuid().as_raw()));
    let age = crate::clock::Clock::System.now().seconds_since(process.started_at.unwrap());
    assert!((-2..60).contains(&age), "{age}");
    assert!(coverage.counts["processes_seen"] > 0);
}

#[test]
fn another_file_under_the_same_name_shows_both() {
    let Some((bench, old, new, pid)) = bench_with_library() else { skip!("cc") };
    if !reads_old_copies() {
        skip!("the right to open map_files");
    }
    fs::rename(new, &old).unwrap();
    let (seen, _) = bench.look();
    let [library] = libraries_of(&seen, pid)[..] else { panic!("{:#?}", seen.libraries) };
    assert_eq!((library.version.as_deref(), library.path.as_str()), (Some("3.0.2"), old.to_str().unwrap()));
    assert_eq!((library.deleted, library.replaced), (true, Some(Replaced::Renamed)));
    let disk = library.on_disk.as_ref().unwrap();
    assert_eq!((disk.version.as_deref(), disk.same), (Some("3.0.7"), Some(false)));
    assert!(library.build_id.is_some() && library.build_id != disk.build_id);
}

#[test]
fn the_same_content_under_the_same_name_is_said_to_be_the_same() {
    let Some((bench, old, _, pid)) = bench_with_library() else { skip!("cc") };
    if !reads_old_copies() {
        skip!("the right to open map_files");
    }
    let copy = bench.path("copy");
    fs::copy(&old, &copy).unwrap();
    fs::rename(copy, &old).unwrap();
    let (seen, _) = bench.look();
    let [library] = libraries_of(&seen, pid)[..] else { panic!("{:#?}", seen.libraries) };
    assert_eq!((library.deleted, library.replaced), (true, Some(Replaced::Renamed)));
    assert_eq!(library.on_disk.as_ref().unwrap().same, Some(true));
}

#[test]
fn a_removed_library_is_still_read() {
    let Some((bench, old, _, pid)) = bench_with_library() else { skip!("cc") };
    if !reads_old_copies() {
        skip!("the right to open map_files");
    }
    fs::remove_file(&old).unwrap();
    let (seen, _) = bench.look();
    let [library] = libraries_of(&seen, pid)[..] else { panic!("{:#?}", seen.libraries) };
    assert_eq!((library.version.as_deref(), library.path.as_str()), (Some("3.0.2"), old.to_str().unwrap()));
    assert_eq!(
        (library.deleted, library.replaced, library.on_disk.as_ref()),
        (true, Some(Replaced::Removed), None)
    );
}

#[test]
fn a_library_that_is_written_over_shows_only_by_its_times() {
    let Some((mut bench, old, new, pid)) = bench_with_library() else { skip!("cc") };
    std::thread::sleep(Duration::from_millis(3300));
    // Over the very bytes; a length of nothing in between would end the process.
    let bytes = fs::read(new).unwrap();
    let file = fs::OpenOptions::new().write(true).open(&old).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &bytes, 0).unwrap();
    drop(file);
    std::thread::sleep(Duration::from_millis(1100));
    let later = bench.holder(&old);
    let (seen, _) = bench.look();
    let [library] = libraries_of(&seen, pid)[..] else { panic!("{:#?}", seen.libraries) };
    assert_eq!((library.deleted, library.replaced), (false, Some(Replaced::Overwritten)));
    assert_eq!(library.version.as_deref(), Some("3.0.7"));
    assert!(library.note.as_ref().unwrap().contains("as it is now"), "{:?}", library.note);
    // The one that began after that has what is there.
    let [fresh] = libraries_of(&seen, later)[..] else { panic!("{:#?}", seen.libraries) };
    assert_eq!(
        (fresh.replaced, fresh.version.as_deref(), &fresh.processes[..]),
        (None, Some("3.0.7"), &[later][..])
    );
}

#[test]
fn a_removed_program_with_the_code_in_it_is_still_read() {
    let mut bench = Bench::new();
    let Some(program) = bench.compile("server", "1.0.1e", &[]) else { skip!("cc") };
    let (pid, _) = bench.start(&mut Command::new(&program));
    fs::remove_file(&program).unwrap();
    let (seen, _) = bench.look();
    let [library] = libraries_of(&seen, pid)[..] else { panic!("{:#?}", seen.libraries) };
    assert_eq!((library.kind, library.version.as_deref()), (CopyKind::Exe, Some("1.0.1e")));
    assert_eq!((library.deleted, library.replaced), (true, Some(Replaced::Removed)));
    let process = process(&seen, pid).unwrap();
    assert_eq!((process.exe.as_deref(), process.exe_deleted), (program.to_str(), true));
    assert_eq!(process.libraries, [program.to_str().unwrap()]);
}

#[test]
fn a_server_and_its_worker_are_told_by_their_socket() {
    let mut bench = Bench::new();
    let Some(program) = bench.compile("server", "1.0.1e", &[]) else { skip!("cc") };
    let (pid, line) = bench.start(Command::new(&program).arg("listen"));
    let port: u16 = line.strip_prefix("ready ").unwrap().parse().unwrap();
    let (seen, _) = bench.look();
    let listener =
        seen.listeners.iter().find(|listener| listener.port == port && listener.container.is_none()).unwrap();
    assert_eq!((listener.open_to.reach, listener.tls_library), (Reach::Loopback, Some(true)));
    assert_eq!(listener.program.as_deref(), Some("server"));
    assert!(listener.processes.len() == 2 && listener.processes.contains(&pid), "{listener:?}");
    for pid in &listener.processes {
        let process = process(&seen, *pid).unwrap();
        assert_eq!(
            (process.role, &process.listens[..]),
            (ProcessRole::Server, &[format!("tcp 127.0.0.1:{port}")][..])
        );
    }
    assert_eq!(libraries_of(&seen, pid)[0].processes, listener.processes);
}

#[test]
fn processes_that_come_and_go_spoil_nothing() {
    let Some((bench, _, _, pid)) = bench_with_library() else { skip!("cc") };
    let until = Instant::now() + Duration::from_secs(2);
    let busy = std::thread::spawn(move || {
        while Instant::now() < until {
            let mut child = Command::new("true").spawn().unwrap();
            child.wait().unwrap();
        }
    });
    while Instant::now() < until {
        let (seen, _) = bench.look();
        assert_eq!(libraries_of(&seen, pid).len(), 1);
    }
    busy.join().unwrap();
}

#[test]
fn time_that_is_over_is_said() {
    let cover = Cover::new(Some(Duration::ZERO));
    let seen = look(&Root::host(), &identify, &cover);
    assert!(seen.processes.is_empty());
    assert!(gap(&cover.coverage(), "time-limit") > 0);
}

#[test]
fn the_systems_own_library_is_found_with_its_version() {
    let Some(library) = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib"]
        .iter()
        .map(|folder| Path::new(folder).join("libcrypto.so.3"))
        .find(|path| path.exists())
    else {
        skip!("a libcrypto.so.3 of the system")
    };
    if !reads_old_copies() {
        skip!("the right to open map_files");
    }
    let mut bench = Bench::new();
    let (crypto, ssl) = (bench.path("libcrypto.so.3"), bench.path("libssl.so.3"));
    fs::copy(&library, &crypto).unwrap();
    fs::copy(library.with_file_name("libssl.so.3"), &ssl).unwrap();
    let mut command = Command::new("sh");
    let both = format!("{}:{}", crypto.display(), ssl.display());
    command.args(["-c", "echo ready; read -r _ < /dev/zero"]).env("LD_PRELOAD", both);
    let (pid, _) = bench.start(&mut command);
    fs::remove_file(crypto).unwrap();
    let (seen, _) = bench.look();
    let [crypto, ssl] = libraries_of(&seen, pid)[..] else { panic!("{:#?}", seen.libraries) };
    assert!(
        crypto.deleted && crypto.banner.as_ref().is_some_and(|b| b.starts_with("OpenSSL 3.")),
        "{crypto:#?}"
    );
    assert_eq!(
        (ssl.version.as_ref(), ssl.version_from.as_ref()),
        (crypto.version.as_ref(), Some(&crypto.path))
    );
    assert!(crypto.build_id.as_ref().is_some_and(|id| id.len() == 40));
    let mut all = String::new();
    for library in [crypto, ssl] {
        all.push_str(&serde_json::to_string(library).unwrap());
        all.push('\n');
    }
    say(&all);
}
