//! A stand-in for the reader of libraries, and a made-up host in a folder.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    os::unix::fs::{MetadataExt as _, symlink},
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use super::super::{Seen, look};
use crate::{
    host::{cover::Cover, root::Root},
    model::host::{CopyKind, CopyRole, Coverage, Library, TlsLibrary},
};

/// Finds the banner, the date of the build and the Build-ID. Not the product's reader: just enough to tell
/// two copies apart.
pub(super) fn identify(file: &File, path: &str) -> io::Result<Option<Library>> {
    let mut bytes = Vec::new();
    let mut file = file;
    file.read_to_end(&mut bytes)?;
    let embeds = has(&bytes, b"OPENSSLDIR: \"") || has(&bytes, b"ssl/statem/statem_lib.c\0");
    if has(&bytes, b"UNREADABLE") {
        return Err(io::Error::other("made to fail"));
    }
    if !embeds && !has(&bytes, b"libcrypto.so.3\0") {
        return Ok(None);
    }
    let role = if embeds { CopyRole::Embeds } else { CopyRole::Uses };
    let mut library = Library::new(path.to_owned(), CopyKind::Disk, TlsLibrary::Openssl, role);
    library.banner = banner(&bytes);
    library.version = library.banner.as_ref().and_then(|b| Some(b.split(' ').nth(1)?.to_owned()));
    if path.contains("libssl") {
        library.needed = vec!["libcrypto.so.3".to_owned()];
    }
    library.build_id = build_id(&bytes);
    Ok(Some(library))
}

fn has(bytes: &[u8], text: &[u8]) -> bool {
    memchr::memmem::find(bytes, text).is_some()
}

fn banner(bytes: &[u8]) -> Option<String> {
    memchr::memmem::find_iter(bytes, b"OpenSSL ").find_map(|at| {
        let text: String =
            bytes[at..].iter().take(60).take_while(|b| **b != 0).map(|b| char::from(*b)).collect();
        let dated = text.split(' ').next_back()?.len() == 4
            && text.split(' ').nth(1)?.starts_with(|c: char| c.is_ascii_digit());
        dated.then_some(text)
    })
}

fn build_id(bytes: &[u8]) -> Option<String> {
    use object::Object as _;
    let elf = object::read::elf::ElfFile64::<object::Endianness>::parse(bytes).ok()?;
    Some(data_encoding::HEXLOWER.encode(elf.build_id().ok()??))
}

/// What a made-up library file holds.
pub(super) fn fake_library(version: &str) -> String {
    format!("OpenSSL {version} 7 Feb 2023\0OPENSSLDIR: \"/usr\"\0")
}

/// A made-up host.
pub(super) struct Tree {
    folder: TempDir,
}

impl Tree {
    pub(super) fn new() -> Self {
        let tree = Self { folder: tempfile::tempdir().unwrap() };
        tree.file("proc/stat", "cpu 1\nbtime 1000000\n");
        tree.file("etc/passwd", "root:x:0:0:::\nwww:x:33:33:::\n");
        for table in ["tcp", "tcp6", "udp", "udp6"] {
            tree.file(&format!("proc/net/{table}"), "  sl  local_address\n");
        }
        tree.process(1, 0, "init").link("exe", "/sbin/init").link("ns/mnt", "mnt:[1]").link("root", "/");
        tree.file("sbin/init", "init");
        tree
    }

    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    pub(super) fn file(&self, path: &str, text: &str) -> u64 {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::metadata(path).unwrap().ino()
    }

    /// A process that began a second after the host, with nothing in its map.
    pub(super) fn process(&self, pid: u32, parent: u32, comm: &str) -> Proc<'_> {
        let base = format!("proc/{pid}");
        let stat = format!("{pid} ({comm}) S {parent} 1 1 0 -1 0 1 2 3 4 5 6 7 8 20 0 1 0 100 1\n");
        self.file(&format!("{base}/stat"), &stat);
        self.file(
            &format!("{base}/status"),
            &format!("Name:\t{comm}\nUid:\t33\t33\t33\t33\nNSpid:\t{pid}\n"),
        );
        self.file(&format!("{base}/cgroup"), "0::/\n");
        self.file(&format!("{base}/maps"), "");
        fs::create_dir_all(self.path(&format!("{base}/fd"))).unwrap();
        let proc = Proc { tree: self, base };
        proc.link("ns/mnt", "mnt:[1]").link("root", "/").link("exe", "/usr/bin/x")
    }

    pub(super) fn look(&self) -> (Seen, Coverage) {
        let cover = Cover::default();
        let seen = look(&Root::new(self.folder.path()), &identify, &cover);
        (seen, cover.coverage())
    }
}

/// A process of a made-up host.
pub(super) struct Proc<'a> {
    tree: &'a Tree,
    base: String,
}

impl Proc<'_> {
    pub(super) fn link(self, name: &str, target: &str) -> Self {
        let path = self.tree.path(&format!("{}/{name}", self.base));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let _ = fs::remove_file(&path);
        symlink(target, path).unwrap();
        self
    }

    pub(super) fn text(self, name: &str, text: &str) -> Self {
        self.tree.file(&format!("{}/{name}", self.base), text);
        self
    }

    pub(super) fn cgroup(self, text: &str) -> Self {
        self.text("cgroup", &format!("0::{text}\n"))
    }

    /// Puts a file into the map; a device of major number 0 is never compared.
    pub(super) fn maps(self, path: &str, inode: u64) -> Self {
        self.line(&format!("1000-2000 r-xp 00000000 00:2f {inode} {path}"))
    }

    pub(super) fn line(self, line: &str) -> Self {
        let path = self.tree.path(&format!("{}/maps", self.base));
        let old = fs::read_to_string(&path).unwrap_or_default();
        fs::write(path, format!("{old}{line}\n")).unwrap();
        self
    }

    /// A map that cannot be opened.
    pub(super) fn closed(self) -> Self {
        for name in ["maps", "fd", "exe", "root", "ns"] {
            let path: &Path = &self.tree.path(&format!("{}/{name}", self.base));
            let _ = fs::remove_file(path);
            let _ = fs::remove_dir_all(path);
        }
        fs::create_dir(self.tree.path(&format!("{}/maps", self.base))).unwrap();
        self
    }
}

/// How often a gap was noted.
pub(super) fn gap(coverage: &Coverage, what: &str) -> u64 {
    coverage.gaps.iter().filter(|gap| gap.what == what).map(|gap| gap.count).sum()
}
