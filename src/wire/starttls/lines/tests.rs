use proptest::prelude::*;

use super::*;

/// The lines of `data` that arrives in pieces of `step`, and what came behind the last.
fn lines(data: &[u8], step: usize, literals: fn(&[u8]) -> bool) -> (Vec<Vec<u8>>, Result<Vec<u8>, TooMuch>) {
    let mut reader = Lines::default();
    let mut out = Vec::new();
    for chunk in data.chunks(step) {
        reader.push(chunk);
        loop {
            match reader.next(literals) {
                Ok(Some(line)) => out.push(line.to_vec()),
                Ok(None) => break,
                Err(error) => return (out, Err(error)),
            }
        }
    }
    (out, Ok(reader.rest().to_vec()))
}

#[test]
fn lines_end_at_line_feeds() {
    for step in 1..20 {
        let (found, rest) = lines(b"one\r\n\r\ntwo\nthree\r\r\nfo\rur\n\0five", step, |_| false);
        assert_eq!(found, [&b"one"[..], b"", b"two", b"three", b"fo\rur"]);
        assert_eq!(rest, Ok(b"\0five".to_vec()));
    }
}

#[test]
fn literals_belong_to_their_line() {
    for step in 1..30 {
        let (found, rest) = lines(b"a {4}\r\nx\r\ny b {2+}\n\n\n c\r\nd {0}\r\ne\r\nf", step, |_| true);
        assert_eq!(found, [&b"a {4}\r\nx\r\ny b {2+}\n\n\n c"[..], b"d {0}\r\ne"]);
        assert_eq!(rest, Ok(b"f".to_vec()));
        let (found, _) = lines(b"a {4}\r\nx\r\ny\r\n", step, |line| line.starts_with(b"b"));
        assert_eq!(found, [&b"a {4}"[..], b"x", b"y"]);
    }
}

#[test]
fn no_more_is_held_than_the_bound() {
    let mut data = vec![b'x'; MAX_HELD - 1];
    data.push(b'\n');
    assert_eq!(lines(&data, 1000, |_| false).1, Ok(Vec::new()));
    data.insert(0, b'x');
    assert_eq!(lines(&data, 1000, |_| false).1, Err(TooMuch));
    // Short lines add up, and so does a literal, at once when it is announced.
    let short = b"x\n".repeat(MAX_HELD);
    let (found, error) = lines(&short, 1000, |_| false);
    assert_eq!((found.len(), error), (MAX_HELD / 2, Err(TooMuch)));
    assert_eq!(lines(b"{65530}\n", 1, |_| true).1, Err(TooMuch));
    assert_eq!(lines(b"{65528}\n", 1, |_| true).1, Ok(b"{65528}\n".to_vec()));
    assert_eq!(lines(b"{99999999999999999999999999}\n", 1, |_| true).1, Err(TooMuch));
}

#[test]
fn announced_lengths() {
    for (line, expected) in [
        ("{5}", Some(5)),
        ("x {5+}", Some(5)),
        ("{05}", Some(5)),
        ("{}", None),
        ("{+}", None),
        ("{5", None),
        ("5}", None),
        ("{-5}", None),
        ("{5++}", None),
        ("}", None),
        ("", None),
        ("{99999999999999999999999999}", Some(usize::MAX)),
    ] {
        assert_eq!(literal(line.as_bytes()), expected, "{line}");
    }
}

#[test]
fn replies_have_one_line_or_more() {
    let read = |mut replies: Replies, lines: &[&str]| -> Vec<Option<(u16, bool)>> {
        lines.iter().map(|line| replies.read(line.as_bytes()).map(|r| (r.code, r.last))).collect()
    };
    let lines = ["220-a", "230 b", "220 c"];
    assert_eq!(read(Replies::any_code(), &lines), [Some((220, false)), Some((230, true)), Some((220, true))]);
    assert_eq!(
        read(Replies::same_code(), &lines),
        [Some((220, false)), Some((220, false)), Some((220, true))]
    );
    assert_eq!(
        read(Replies::any_code(), &["220", "220\tx", "x", "2200", "620 x", "22", ""])[..2],
        [Some((220, true)); 2]
    );
    assert_eq!(read(Replies::any_code(), &["x", "2200", "620 x", "22", "", "020 x"]), [None; 6]);
}

#[test]
fn words_and_response_codes() {
    assert!(begins(b"+OK ready", "+OK") && begins(b"+ok", "+OK") && begins(b"+OK[x]", "+OK"));
    assert!(!begins(b"+OKAY", "+OK") && !begins(b"+O", "+OK"));
    assert_eq!(response_code(b" [SYS/TEMP] x"), Some(&b"SYS/TEMP"[..]));
    assert_eq!(response_code(b"(TRYLATER) x"), Some(&b"TRYLATER"[..]));
    assert_eq!(response_code(b"x [SYS/TEMP]"), None);
    assert_eq!(response_code(b"[SYS/TEMP"), None);
    assert!(temporary(b"Too many connections") && temporary(b"please TRY AGAIN") && !temporary(b"go away"));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Without literals a reader splits as `split` does, in any chunks.
    #[test]
    fn lines_are_what_split_gives(data in prop::collection::vec(prop::sample::select(b"ab\r\n{}2+\0".to_vec()), 0..80), step in 1_usize..9) {
        let mut parts: Vec<Vec<u8>> = data.split(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
        let rest = parts.pop().unwrap();
        for part in &mut parts {
            while part.last() == Some(&b'\r') {
                part.pop();
            }
        }
        prop_assert_eq!(lines(&data, step, |_| false), (parts, Ok(rest)));
        prop_assert_eq!(lines(&data, step, |_| true), lines(&data, 80, |_| true));
    }
}
