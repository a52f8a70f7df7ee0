//! Every parser of hostile bytes behind one target: the first byte picks it, the rest is its input.
//!
//! One target is linked once and shares one corpus, which makes a smoke run in CI cheap. The letters
//! are part of the seeds in `fuzz/seeds`, so a letter is never given to another parser. Each stage
//! asserts for itself what has to hold; a panic is a finding.

#![no_main]

use libfuzzer_sys::fuzz_target;

/// The first byte of an input, and the stage that gets the rest.
const ENTRIES: &[(u8, fn(&[u8]))] = &[
    (b'a', allclear::assess::fuzz),
    (b'b', allclear::bundle::fuzz),
    (b'c', allclear::revocation::fuzz),
    (b'd', allclear::disclosure::fuzz),
    (b'f', allclear::inventory::fuzz_format),
    (b'h', allclear::host::fuzz),
    (b'i', allclear::inventory::fuzz),
    (b'p', allclear::probe::fuzz),
    (b'r', allclear::report::fuzz),
    (b's', allclear::store::fuzz),
    (b't', allclear::tracker::fuzz),
    (b'v', allclear::model::version::fuzz),
    (b'w', allclear::wire::fuzz),
];

fuzz_target!(|data: &[u8]| {
    let Some((letter, rest)) = data.split_first() else {
        return;
    };
    if let Some((_, entry)) = ENTRIES.iter().find(|(known, _)| known == letter) {
        entry(rest);
    }
});
