//! The laws of an order, on versions that are made to be close to each other; and the makers of such versions.

use std::cmp::Ordering;

use proptest::{prelude::*, sample::select};

use super::{Scheme, order};

/// Pieces that versions are made of, awkward ones above all.
fn piece(scheme: Scheme) -> BoxedStrategy<String> {
    let words: &[&str] = match scheme {
        Scheme::Dpkg => &[
            "~",
            "~~",
            "+",
            ".",
            "-",
            "-0",
            "a",
            "z",
            "za",
            "A",
            "~rc",
            "+deb9u1",
            "+deb10u1",
            "~deb12u",
            "ubuntu",
            "+esm",
            "+really",
            "00",
            "0000000",
            "0.",
            ".0",
            "-0ubuntu1.",
        ],
        Scheme::Rpm => &[
            "~", "~~", "^", "^^", "^git", "~rc", "+", ".", "..", "_", "a", "z", "za", "A", ".el6_5", ".el10",
            ".amzn1", "00", "0000000", "0.", ".0", "^~", "~^",
        ],
        Scheme::Apk => &[
            ".0", ".00", ".01", ".1", ".9", ".10", "a", "z", "_alpha", "_beta", "_pre", "_rc", "_cvs",
            "_svn", "_git", "_hg", "_p", "_p0", "_rc1", "_rc01", "~0", "~a", "~ab", "-r0", "-r1", "-r10",
            "-r01", "0",
        ],
        Scheme::Openssl => {
            &["a", "z", "za", "-beta", "-alpha1", "-dev", "-pre2", "-fips", "+quic", "0", "00"]
        }
    };
    let words: Vec<String> = words.iter().map(|w| (*w).to_owned()).collect();
    prop_oneof![4 => select(words), 2 => "[0-9]{1,2}", 1 => "0{0,3}[0-9]{1,25}"].boxed()
}

/// What a version begins with.
fn front(scheme: Scheme) -> BoxedStrategy<String> {
    let epochs: &[&str] = match scheme {
        Scheme::Dpkg => &["", "", "", "0:", "1:", "00:", "10:", "2147483647:"],
        Scheme::Rpm => &["", "", "", "0:", "1:", "00:", "10:", "4294967295:", "18446744073709551616:"],
        Scheme::Apk => &[""],
        Scheme::Openssl => &["1.0.1", "1.0.2", "3.0.", "1.1."],
    };
    (select(epochs.to_vec()), "[0-9]{1,2}").prop_map(|(epoch, number)| format!("{epoch}{number}")).boxed()
}

/// Texts that differ little from each other; most are versions.
fn relatives(scheme: Scheme, count: usize) -> impl Strategy<Value = Vec<String>> {
    let common = (
        front(scheme),
        prop::collection::vec(piece(scheme), 0..4),
        prop::collection::vec(piece(scheme), 0..3),
    );
    let own = prop::collection::vec((front(scheme), prop::collection::vec(piece(scheme), 0..3)), count);
    let dash = if scheme == Scheme::Rpm { vec!["", "-1", "-0", "-1.el6_5.4", "-1~a"] } else { vec![""] };
    (common, own, select(dash), prop::bool::weighted(0.1)).prop_map(
        |((front, head, tail), own, dash, apart)| {
            let one = |(own_front, middle): (String, Vec<String>)| {
                let front = if apart { own_front } else { front.clone() };
                format!("{front}{}{}{}{dash}", head.concat(), middle.concat(), tail.concat())
            };
            own.into_iter().map(one).collect()
        },
    )
}

/// As above, versions only.
pub(super) fn versions(scheme: Scheme, count: usize) -> impl Strategy<Value = Vec<String>> {
    relatives(scheme, count)
        .prop_filter("a text is no version", move |texts| texts.iter().all(|t| scheme.check(t).is_ok()))
}

fn schemes() -> impl Strategy<Value = (Scheme, Vec<String>)> {
    select(Scheme::ALL).prop_flat_map(|scheme| versions(scheme, 3).prop_map(move |texts| (scheme, texts)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, max_global_rejects: 1_000_000, max_local_rejects: 1_000_000,
        ..ProptestConfig::default() })]

    #[test]
    fn each_scheme_is_a_total_order((scheme, texts) in schemes()) {
        let mut sorted: Vec<&str> = texts.iter().map(String::as_str).collect();
        for (a, b) in [(0, 0), (0, 1), (0, 2), (1, 2)].map(|(i, j)| (sorted[i], sorted[j])) {
            prop_assert_eq!(order(scheme, a, b), order(scheme, b, a).reverse(), "{} {} {}", scheme, a, b);
        }
        sorted.sort_by(|a, b| order(scheme, a, b));
        let [low, middle, high] = sorted[..] else { unreachable!() };
        let (first, second) = (order(scheme, low, middle), order(scheme, middle, high));
        let expected = if first == Ordering::Equal { second } else { first };
        prop_assert_eq!(order(scheme, low, high), expected, "{}: {} {} {}", scheme, low, middle, high);
    }

    #[test]
    fn a_higher_epoch_beats_everything(scheme in select(vec![Scheme::Dpkg, Scheme::Rpm]), a in "[0-9][.0-9a-z~+]{0,9}",
        b in "[0-9][.0-9a-z~+]{0,9}", epoch in 0_u32..1_000_000) {
        let (lower, higher) = (format!("{epoch}:{a}"), format!("{}:{b}", epoch + 1));
        prop_assert_eq!(order(scheme, &lower, &higher), Ordering::Less);
    }
}
