//! Texts that no honest source sends: refused by every scheme, with an error that is short and safe to show.

use proptest::prelude::*;

use super::{super::fuzz, Scheme};

#[test]
fn hostile_texts_are_refused_by_every_scheme() {
    let long = format!("1.0.{}", "0".repeat(600));
    let longer = "1".repeat(1 << 20);
    for scheme in Scheme::ALL {
        for text in [
            "",
            ".",
            "-",
            ":",
            "---",
            "::",
            "~~~",
            "^^^",
            "...",
            "_+_",
            " ",
            "\0",
            "1.0\0.1",
            "1.0.1\u{1b}[31m",
            "1.0.é",
            "１.0.1",
            "1.0.1\u{202e}",
            "\u{663}.0.1",
            &long,
            &longer,
        ] {
            let error = scheme.check(text).expect_err(text).to_string();
            assert!(error.chars().count() < 600, "{scheme}: {} characters", error.chars().count());
            assert!(!error.contains(['\0', '\u{1b}', '\u{202e}']), "{scheme}: {error:?}");
        }
    }
}

#[test]
fn either_side_can_be_refused_and_is_named() {
    for scheme in Scheme::ALL {
        for (a, b) in [("1.0.1", "b(d"), ("b(d", "1.0.1")] {
            assert!(
                scheme.compare(a, b).unwrap_err().to_string().starts_with("`b(d` is not a"),
                "{scheme}: {a} {b}"
            );
        }
    }
}

#[test]
fn the_limit_is_512_bytes() {
    for scheme in [Scheme::Dpkg, Scheme::Rpm, Scheme::Apk] {
        assert_eq!(scheme.check(&"1".repeat(512)), Ok(()), "{scheme}");
        assert!(scheme.check(&"1".repeat(513)).is_err(), "{scheme}");
    }
    let openssl = |length: usize| format!("1.0.1e-{}", "x".repeat(length - 7));
    assert_eq!(Scheme::Openssl.check(&openssl(512)), Ok(()));
    assert!(Scheme::Openssl.check(&openssl(513)).is_err());
}

proptest! {
    #[test]
    fn fuzzing_holds_on_any_bytes(data in prop::collection::vec(any::<u8>(), 0..200)) {
        fuzz(&data);
    }

    #[test]
    fn fuzzing_holds_near_versions(pick in any::<u8>(), a in "[-:.~^+_0-9a-c\\n]{0,24}", b in "1[-r.~^_0-9a-p]{0,9}") {
        let mut data = vec![pick];
        data.extend(a.bytes().chain([b'\n']).chain(b.bytes()));
        fuzz(&data);
    }
}
