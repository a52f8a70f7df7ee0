//! Files that lie.

use proptest::prelude::*;

use super::elf::Elf;
use crate::host::library::{build_id, fuzz, identify, identify_bytes};

fn sample() -> Vec<u8> {
    Elf::new()
        .texts(&["OpenSSL 1.0.1e 11 Feb 2013", "evp_enc.c"])
        .soname("libssl.so.1")
        .needs("libcrypto.so.1")
        .build_id(&[1; 20])
        .full(&["SSL_CTX_new", "ssl3_read_bytes"])
        .bytes()
}

#[test]
fn a_truncated_file_gives_what_is_left_of_it() {
    let whole = sample();
    for length in (0..whole.len()).step_by(97) {
        let found = identify_bytes(&whole[..length], "/bin/x");
        if length > 400 {
            assert_eq!(found.unwrap().version.as_deref(), Some("1.0.1e"), "{length}");
        }
    }
}

#[test]
fn lying_numbers_cost_neither_memory_nor_time() {
    let whole = sample();
    let started = std::time::Instant::now();
    // Every field of the header and of the program headers, as large as can be.
    for at in (16..64 + 3 * 56).step_by(2) {
        let mut bytes = whole.clone();
        bytes[at..at + 8].fill(0xff);
        let _ = identify_bytes(&bytes, "/bin/x");
    }
    let sections = whole.len() - 5 * 64;
    for at in (sections..whole.len() - 8).step_by(4) {
        let mut bytes = whole.clone();
        bytes[at..at + 8].fill(0xff);
        assert_eq!(identify_bytes(&bytes, "/bin/x").unwrap().version.as_deref(), Some("1.0.1e"));
    }
    assert!(started.elapsed().as_secs() < 20);
}

#[test]
fn a_file_that_shrinks_and_one_of_holes_end_well() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    std::fs::write(&path, sample()).unwrap();
    let file = std::fs::File::options().read(true).write(true).open(&path).unwrap();
    assert_eq!(build_id(&file).as_deref(), Some("01".repeat(20).as_str()));
    let library = identify(&file, "/x").unwrap().unwrap();
    assert!(library.modified_at.is_some());
    file.set_len(40).unwrap();
    assert_eq!(identify(&file, "/x").unwrap(), None);
    assert_eq!(build_id(&file), None);
    file.set_len(0).unwrap();
    assert_eq!(identify(&file, "/x").unwrap(), None);
}

#[test]
fn the_seeds_of_fuzzing_pass() {
    let elf = sample();
    for which in 0..8_u8 {
        fuzz(&[which]);
        for length in (0..elf.len()).step_by(1009) {
            fuzz(&[&[which], &elf[..length]].concat());
        }
    }
    fuzz(&[]);
    fuzz(b"\x02OpenSSL 1.0.1e 11 Feb 2013");
    fuzz(b"\x07{\"name\":\"x\",\"files\":[]}");
    fuzz(b"\x06a.so,sha256=x,1\n");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_bytes_are_survived(which in 0_u8..8, data in proptest::collection::vec(any::<u8>(), 0..2000)) {
        fuzz(&[&[which], data.as_slice()].concat());
    }

    #[test]
    fn any_change_of_a_good_file_is_survived(at in 0_usize..20_000, byte: u8) {
        let mut bytes = sample();
        let at = at % bytes.len();
        bytes[at] = byte;
        fuzz(&[&[0], bytes.as_slice()].concat());
    }
}
