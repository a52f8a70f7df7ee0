//! Inputs that somebody made to break a reader.

use proptest::prelude::*;

use super::{
    build::{bdb, header, ndb, package},
    gaps, put,
};
use crate::host::{
    cover::Cover,
    packages::{Databases, fuzz},
    root::Root,
};

fn seeds() -> Vec<Vec<u8>> {
    let record = header(&package("openssl-libs", "3.0.7", "/usr/lib64/libcrypto.so.3", "x"));
    let mut zone = b"TZif2".to_vec();
    zone.resize(44, 0);
    zone[39] = 1;
    zone[43] = 4;
    zone.extend(b"\0\0\x0e\x10\0\0CET\0");
    let zone = [zone.clone(), zone, b"\nCET-1CEST,M3.5.0,M10.5.0/3\n".to_vec()].concat();
    vec![
        b"Package: a\nStatus: install ok installed\nSource: b (1)\nVersion: 1:2\nArchitecture: amd64\n\n".to_vec(),
        record.clone(),
        ndb(&[record.clone(), vec![7; 40]]),
        bdb(&[record, vec![7; 40]], false),
        b"P:a\nV:1-r0\nF:lib\nR:x\nZ:Q1rH7dGR7VypYnX+l6h7gi7Ix8cnI=\n\n".to_vec(),
        b"2025-06-24 14:36:25 upgrade a:amd64 1 2\nStart-Date: 2025-06-24  14:36:25\nUpgrade: a:amd64 (1, 2)\n".to_vec(),
        zone,
        b"Inst libssl3 [3.0.11-1] (3.0.17-1 Debian-Security:12/stable-security [amd64]) []\n".to_vec(),
        b"openssl-libs.x86_64 1:3.0.8-28.el9_4 baseos\nRHSA-1 Low/Sec. openssl-libs-1:3.0.8-28.x86_64\n".to_vec(),
        b"libcrypto3-3.1.4-r5 < 3.1.8-r0\n".to_vec(),
    ]
}

fn run(pick: usize, bytes: &[u8]) {
    fuzz(&[&[u8::try_from(pick).unwrap()], bytes].concat());
}

#[test]
fn every_shorter_input_is_survived() {
    for (pick, seed) in seeds().into_iter().enumerate() {
        for end in 0..=seed.len() {
            run(pick, &seed[..end]);
        }
    }
}

#[test]
fn every_extreme_byte_is_survived() {
    for (pick, seed) in seeds().into_iter().enumerate() {
        for at in (0..seed.len()).filter(|at| *at < 700 || at % 13 == 0) {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut changed = seed.clone();
                changed[at] = value;
                run(pick, &changed);
            }
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_survived(pick in 0_u8..10, bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        run(usize::from(pick), &bytes);
    }

    #[test]
    fn any_change_of_words_is_survived(
        pick in 0_usize..10,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u32>()), 1..6),
    ) {
        let mut seed = seeds().swap_remove(pick);
        for (at, value) in changes {
            let at = at.index(seed.len().saturating_sub(4).max(1));
            if let Some(part) = seed.get_mut(at..at + 4) {
                part.copy_from_slice(&value.to_be_bytes());
            }
        }
        run(pick, &seed);
    }
}

#[test]
fn links_and_pipes_in_place_of_databases_are_gaps() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path();
    put(base, "/lib/apk/db/x", "");
    std::os::unix::fs::symlink("installed", base.join("lib/apk/db/installed")).unwrap();
    put(base, "/var/lib/rpm/x", "");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        base.join("var/lib/rpm/Packages"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    // Outside of the root nothing is read.
    put(base, "/var/lib/dpkg/x", "");
    std::os::unix::fs::symlink(
        "../../../../../../../../var/lib/dpkg/status",
        base.join("var/lib/dpkg/status"),
    )
    .unwrap();
    let cover = Cover::default();
    let found = Databases::read(&Root::new(base), &cover);
    assert!(found.is_empty());
    assert_eq!(gaps(&cover), ["no-database", "not-a-file", "unreadable"]);
}

#[test]
fn a_path_that_is_listed_without_end_is_a_gap() {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("P:a\nV:1-r0\nF:lib\n{}\n", "R:x\n".repeat(300_000));
    put(folder.path(), "/lib/apk/db/installed", text);
    let (root, cover) = (Root::new(folder.path()), Cover::default());
    assert_eq!(Databases::read(&root, &cover).owner(&root, "/lib/x", &cover).unwrap().package, "a");
    assert_eq!(gaps(&cover), ["too-many-owners"]);
}
