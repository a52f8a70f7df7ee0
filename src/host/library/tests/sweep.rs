//! The walk.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
    time::Duration,
};

use super::elf::Elf;
use crate::{
    host::{
        cover::Cover,
        library::{Options, identify, resolve, sweep},
        root::Root,
    },
    model::host::{CopyRole, Coverage, Library},
};

fn put(root: &Path, path: &str, bytes: &[u8]) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn code(version: &str) -> Elf {
    Elf::new().texts(&[&format!("OpenSSL {version} 7 Apr 2014"), "crypto/evp/evp_enc.c"])
}

fn run(root: &Path) -> (Vec<Library>, Coverage) {
    let cover = Cover::default();
    let found = sweep(&Root::new(root), &Options::default(), &cover);
    (found, cover.coverage())
}

#[test]
fn every_copy_is_found_once_in_order() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    put(root, "usr/bin/node", &code("1.0.1g").bytes());
    put(root, "opt/app/tool", &code("1.0.1f").bytes());
    put(root, "usr/share/doc/text", "OpenSSL 1.0.1e 11 Feb 2013 evp_enc.c\0".repeat(1000).as_bytes());
    put(root, "proc/1/exe", &code("1.0.1a").bytes());
    put(root, "sub/proc/tool", &code("1.0.1h").bytes());
    fs::hard_link(root.join("usr/bin/node"), root.join("usr/bin/nodejs")).unwrap();
    fs::hard_link(root.join("usr/bin/node"), root.join("opt/zz")).unwrap();
    symlink("../usr", root.join("opt/link")).unwrap();
    symlink("node", root.join("usr/bin/js")).unwrap();
    symlink("/", root.join("usr/all")).unwrap();
    let (found, coverage) = run(root);
    let seen: Vec<(&str, &str)> =
        found.iter().map(|l| (l.path.as_str(), l.version.as_deref().unwrap())).collect();
    // An image that is not running may have files in /proc: they are files like any other.
    let expected = [
        ("/opt/app/tool", "1.0.1f"),
        ("/opt/zz", "1.0.1g"),
        ("/proc/1/exe", "1.0.1a"),
        ("/sub/proc/tool", "1.0.1h"),
    ];
    assert_eq!(seen, expected);
    assert_eq!(found[1].also_at, ["/usr/bin/node", "/usr/bin/nodejs"]);
    assert!(found[1].modified_at.is_some() && found[1].sha256.is_some());
    assert!(coverage.complete, "{coverage:?}");
    assert_eq!((coverage.counts["files_seen"], coverage.counts["files_read"]), (7, 4));
    assert_eq!(run(root).0, found);
}

#[test]
fn many_large_files_of_one_folder_are_all_seen() {
    let root = tempfile::tempdir().unwrap();
    for n in 0..120 {
        put(root.path(), &format!("lib/tool{n:03}"), &code("1.0.1f").pad(1 << 20).bytes());
    }
    let (found, coverage) = run(root.path());
    assert_eq!((found.len(), coverage.complete), (120, true));
    assert_eq!(found[119].path, "/lib/tool119");
}

#[test]
fn a_libssl_has_the_version_of_the_libcrypto_that_its_loader_would_take() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    let ssl = Elf::new().text("ssl/t1_lib.c").needs("libcrypto.so.3").exports(&["SSL_CTX_new"]);
    put(root, "opt/a/lib/libssl.so.3", &ssl.clone().runpath("/nowhere:$ORIGIN/../private").bytes());
    put(root, "opt/a/lib/libcrypto.so.3", &code("3.0.1").bytes());
    put(root, "opt/a/private/libcrypto.so.3", &code("3.0.2").bytes());
    put(root, "opt/b/libssl.so.3", &ssl.bytes());
    // Of another word size: the loader goes on.
    put(root, "opt/b/libcrypto.so.3", &code("3.0.3").form(true, false).bytes());
    put(root, "usr/lib/libcrypto.so.3.0.4", &code("3.0.4").bytes());
    symlink("libcrypto.so.3.0.4", root.join("usr/lib/libcrypto.so.3")).unwrap();
    put(root, "usr/lib/libssl.a", b"!<arch>\n\0ssl/t1_lib.c\0");
    fs::File::options().write(true).open(root.join("usr/lib/libssl.a")).unwrap().set_len(20 << 10).unwrap();
    put(root, "usr/lib/libcrypto.a", b"!<arch>\n\0OpenSSL 3.0.5 7 Apr 2014\0evp_enc.c\0");
    let (found, _) = run(root);
    let version = |path: &str| {
        let library = found.iter().find(|library| library.path == path).unwrap();
        (library.version.as_deref().unwrap(), library.version_from.as_deref().unwrap())
    };
    assert_eq!(version("/opt/a/lib/libssl.so.3"), ("3.0.2", "/opt/a/private/libcrypto.so.3"));
    assert_eq!(version("/opt/b/libssl.so.3"), ("3.0.4", "/usr/lib/libcrypto.so.3.0.4"));
    assert_eq!(version("/usr/lib/libssl.a"), ("3.0.5", "/usr/lib/libcrypto.a"));
    // Alone, it has none, and no feature of a series that it may be of is left out.
    let file = fs::File::open(root.join("opt/b/libssl.so.3")).unwrap();
    let mut alone = identify(&file, "/opt/b/libssl.so.3").unwrap().unwrap();
    assert_eq!((alone.version.as_ref(), alone.features["tls1_process_heartbeat"]), (None, None));
    resolve(&mut alone, &file, &Root::new(root));
    assert_eq!(alone.version.as_deref(), Some("3.0.4"));
    assert!(!alone.features.contains_key("tls1_process_heartbeat"));
}

#[test]
fn the_thing_that_brought_a_file_is_named() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    let site = "usr/lib/python3/site-packages";
    let elf = code("1.0.1f").bytes();
    put(root, &format!("{site}/crypto/_x.so"), &elf);
    put(root, &format!("{site}/other/_y.so"), &elf);
    put(root, &format!("{site}/crypto-1.0.dist-info/RECORD"), b"crypto/_x.so,sha256=x,1\n");
    put(root, &format!("{site}/crypto-1.0.dist-info/METADATA"), b"Name: Crypto\nVersion: 1.0\n");
    let sbom = br#"{"components":[{"name":"openssl","version":"1.0.1f"}]}"#;
    put(root, &format!("{site}/crypto-1.0.dist-info/sboms/sbom.json"), sbom);
    put(root, "app/node_modules/n/bin/node", &elf);
    put(root, "app/node_modules/n/package.json", br#"{"name":"n","version":"2.0"}"#);
    put(root, "app/node_modules/n/bin/package.json", br#"{"type":"module"}"#);
    put(root, "conda/lib/libcrypto.so.3", &elf);
    let listed = br#"{"name":"openssl","version":"3.3","files":["lib/libcrypto.so.3"]}"#;
    put(root, "conda/conda-meta/openssl-3.3-0.json", listed);
    put(root, "gems/gems/puma-5.6.4/lib/puma.so", &elf);
    put(root, "gems/specifications/puma-5.6.4.gemspec", b"");
    let (found, _) = run(root);
    let named: Vec<_> = found
        .iter()
        .map(|library| {
            let bundle = library.bundle.as_ref();
            (library.path.as_str(), bundle.map(|b| (b.kind.as_str(), b.name.as_str(), b.version.as_str())))
        })
        .collect();
    assert_eq!(
        named,
        [
            ("/app/node_modules/n/bin/node", Some(("npm", "n", "2.0"))),
            ("/conda/lib/libcrypto.so.3", Some(("conda", "openssl", "3.3"))),
            ("/gems/gems/puma-5.6.4/lib/puma.so", Some(("gem", "puma", "5.6.4"))),
            ("/usr/lib/python3/site-packages/crypto/_x.so", Some(("wheel", "Crypto", "1.0"))),
            ("/usr/lib/python3/site-packages/other/_y.so", None),
        ]
    );
    assert!(found[3].note.as_ref().unwrap().contains("openssl 1.0.1f"));
}

#[test]
fn what_could_not_be_seen_is_said() {
    let root = tempfile::tempdir().unwrap();
    put(root.path(), "a/tool", &code("1.0.1f").bytes());
    let cover = Cover::new(Some(Duration::ZERO));
    assert_eq!(sweep(&Root::new(root.path()), &Options::default(), &cover), []);
    assert_eq!(cover.coverage().gaps[0].what, "time-limit");

    let cover = Cover::default();
    assert_eq!(sweep(&Root::new(root.path().join("none")), &Options::default(), &cover), []);
    assert_eq!(cover.coverage().gaps[0].what, "vanished");

    if rustix::process::geteuid().is_root() {
        return; // Root is denied nothing.
    }
    fs::set_permissions(root.path().join("a/tool"), fs::Permissions::from_mode(0o000)).unwrap();
    let (found, coverage) = run(root.path());
    assert_eq!((found.len(), coverage.gaps[0].what.as_str()), (0, "permission-denied"));
}

#[test]
fn pipes_sockets_and_deep_folders_do_not_hold_it_up() {
    let root = tempfile::tempdir().unwrap();
    let pipe = root.path().join("pipe.tar");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(root.path().join("socket")).unwrap();
    let deep = format!("{}tool", "d/".repeat(1500));
    put(root.path(), &deep, &code("1.0.1f").bytes());
    let cover = Cover::default();
    let options = Options { archives: true, one_file_system: true };
    let found = sweep(&Root::new(root.path()), &options, &cover);
    assert_eq!(found.len(), 1);
    assert!(found[0].path.len() > 3000);
    assert_eq!(found[0].role, CopyRole::Embeds);
}
