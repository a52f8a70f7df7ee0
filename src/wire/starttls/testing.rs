//! What the tests of dialogues share: scripts played whole, in every chunking, and up to every byte.

use proptest::{
    prelude::any,
    prop_oneof, proptest,
    strategy::{Just, Strategy},
    test_runner::Config,
};

use super::{
    Ended, Entry, MAX_HELD, Note,
    fuzzing::{self, Out, Outcome, drive},
};

/// Plays a server's words in every chunking, asserts that all come out the same, and gives the one that went byte by byte.
pub(super) fn play(entry: &Entry, script: &[u8]) -> Outcome {
    play_for(entry, None, script)
}

/// The same for a host name.
pub(super) fn play_for(entry: &Entry, host: Option<&str>, script: &[u8]) -> Outcome {
    let slow = drive(entry, host, script, 1);
    let sizes = (2..=script.len().clamp(2, 70)).chain([script.len()]);
    for size in sizes {
        let other = drive(entry, host, script, size);
        assert_eq!(other.ended, slow.ended, "{}: pieces of {size}", entry.name);
        assert_eq!(other.banner, slow.banner, "{}: pieces of {size}", entry.name);
        if !matches!(slow.ended, Some(Out::End(_))) {
            assert_eq!(other.sent(), slow.sent(), "{}: pieces of {size}", entry.name);
        }
    }
    slow
}

/// Plays a script that leads to TLS: in every chunking, with nothing and with something behind it. No shorter script
/// may lead there.
pub(super) fn leads_to_tls(entry: &Entry, script: &[u8]) -> Outcome {
    let outcome = play(entry, script);
    assert!(matches!(&outcome.ended, Some(Out::Tls(_, rest)) if rest.is_empty()), "{outcome:?}");
    for length in 0..script.len() {
        let cut = drive(entry, None, script.get(..length).unwrap(), length);
        assert_eq!(cut.ended, None, "{}: after {length} bytes", entry.name);
    }
    let behind = [script, b"250 injected\r\n\x16\x03\x01"].concat();
    let outcome_behind = play(entry, &behind);
    assert!(
        matches!(&outcome_behind.ended, Some(Out::Tls(_, rest)) if rest == b"250 injected\r\n\x16\x03\x01"),
        "{outcome_behind:?}"
    );
    outcome
}

/// Asserts how a script ends, in every chunking.
pub(super) fn ends(entry: &Entry, script: &[u8], ended: Ended) -> Outcome {
    let outcome = play(entry, script);
    let shown = String::from_utf8_lossy(script);
    assert_eq!(outcome.ended, Some(Out::End(ended)), "{}: {shown:?}", entry.name);
    outcome
}

/// Plays `start` and then `unit` over and over, far more than may be held, in one piece and in small ones. Asserts that
/// it ends, and gives how.
pub(super) fn flood(entry: &Entry, start: &[u8], unit: &[u8]) -> Ended {
    let mut data = start.to_vec();
    while data.len() <= MAX_HELD + 2 * unit.len() {
        data.extend_from_slice(unit);
    }
    let whole = drive(entry, None, &data, data.len());
    let cut = drive(entry, None, &data, 97);
    assert_eq!(whole.ended, cut.ended, "{}", entry.name);
    match whole.ended {
        Some(Out::End(ended)) => ended,
        other => {
            panic!("{}: {} after {} bytes", entry.name, other.map_or("wants more", |_| "TLS"), data.len())
        }
    }
}

/// Random bytes, and random sequences of `words` and bytes between: none may panic, speak too much, or depend on the
/// pieces.
pub(super) fn hostile(entry: &Entry, words: &'static [&'static [u8]]) {
    let word = (0..words.len()).prop_map(move |i| words.get(i).unwrap().to_vec());
    let noise = proptest::collection::vec(any::<u8>(), 0..24);
    let end = prop_oneof![Just(b"\r\n".to_vec()), Just(b"\n".to_vec()), Just(b" ".to_vec())];
    let part = prop_oneof![4 => word, 1 => noise.clone(), 2 => end];
    let parts = proptest::collection::vec(part, 0..24).prop_map(|parts| parts.concat());
    let config = Config { failure_persistence: None, ..Config::default() };
    proptest!(config, |(step in any::<u8>(), text in parts, noise in noise)| {
        fuzzing::fuzz(entry, &[&[step], text.as_slice()].concat());
        fuzzing::fuzz(entry, &[&[step], noise.as_slice()].concat());
    });
}

/// Asserts that no note holds a word of the server's.
pub(super) fn notes_hide(outcome: &Outcome, word: &str) {
    assert!(!outcome.notes.is_empty());
    for note in &outcome.notes {
        let (Note::Said(text) | Note::Came(text)) = note;
        assert!(!text.contains(word), "{text}");
    }
}

/// What was sent, as text.
pub(super) fn sent(outcome: &Outcome) -> String {
    String::from_utf8_lossy(&outcome.sent()).into_owned()
}
