//! Chains made to cost time, to run in circles, or to break a parser. Time limits are generous: they are there to find
//! what grows without bound, on a busy machine as well.
#![expect(clippy::print_stdout, reason = "how a test says what it compared, or that it has not run")]

use std::time::{Duration, Instant};

use proptest::prelude::*;
use rcgen::{GeneralSubtree, NameConstraints, SanType};

use super::*;

fn within(limit: Duration, what: &str, run: impl FnOnce() -> TrustResult) -> TrustResult {
    let start = Instant::now();
    let result = run();
    let took = start.elapsed();
    println!("{what}: {result} in {took:?}");
    assert!(took < limit, "{what} took {took:?}");
    result
}

#[test]
fn authorities_of_one_name_and_ten_keys_are_not_tried_in_every_order() {
    let root = Authority::root("root");
    let same: Vec<Authority> = (0..MAX_ISSUERS).map(|_| Authority::root("same")).collect();
    let leaf = same[0].leaf(|_| {});
    let mut chain: Vec<&[u8]> = vec![&leaf];
    chain.extend(same.iter().map(|a| &a.der[..]));
    let store = store_of(&[&root.der]);
    let found = within(Duration::from_secs(5), "ten of one name", || result(&store, &chain));
    assert_eq!(found, TrustResult::Unsupported);
    // Two keys of one name are ordinary: an authority that was rekeyed.
    assert_eq!(result(&store_of(&[&same[0].der]), &chain[..3]), TrustResult::Trusted);
}

#[test]
fn authorities_that_certify_each_other_in_a_circle_end() {
    let (a, b, root) = (Authority::root("a"), Authority::root("b"), Authority::root("root"));
    let (a_by_b, b_by_a) = (b.sign(&a.params, &a.key), a.sign(&b.params, &b.key));
    let leaf = a.leaf(|_| {});
    let chain: [&[u8]; 3] = [&leaf, &a_by_b, &b_by_a];
    let store = store_of(&[&root.der]);
    let found = within(Duration::from_secs(5), "a circle", || result(&store, &chain));
    assert_eq!(found, TrustResult::UnknownIssuer);
    assert_eq!(result(&store_of(&[&b.der]), &chain), TrustResult::Trusted);
}

#[test]
fn name_constraints_without_end_do_not_take_time_without_end() {
    let root = Authority::root("root");
    let subtrees =
        |n: usize| (0..n).map(|i| GeneralSubtree::DnsName(format!("x{i}.test"))).collect::<Vec<_>>();
    let authority = root.authority("bomb", |p| {
        p.name_constraints =
            Some(NameConstraints { permitted_subtrees: subtrees(3000), excluded_subtrees: subtrees(3000) });
    });
    let leaf = authority.leaf(|p| {
        p.subject_alt_names =
            (0..2000).map(|i| SanType::DnsName(format!("y{i}.test").try_into().unwrap())).collect();
    });
    let store = store_of(&[&root.der]);
    let found = within(Duration::from_secs(10), "constraints", || result(&store, &[&leaf, &authority.der]));
    assert_ne!(found, TrustResult::Trusted);
}

#[test]
fn ten_huge_certificates_are_read_in_bounded_time() {
    let root = Authority::root("root");
    let mut chain = vec![root.leaf(|_| {})];
    for i in 0..64 {
        chain.push(Authority::root(&format!("{i}")).authority(&"x".repeat(12_000), |_| {}).der);
    }
    let chain: Vec<&[u8]> = chain.iter().map(|der| &der[..]).collect();
    let store = store_of(&[&root.der]);
    let found = within(Duration::from_secs(5), "huge", || result(&store, &chain));
    assert_eq!(found, TrustResult::Trusted);
    let served = served(&chain, Some(&store), now()).unwrap();
    assert_eq!(served.issuers.len(), MAX_ISSUERS);
    // With more than are looked at, what leads nowhere may have been behind.
    assert_eq!(result(&store_of(&[&Authority::root("other").der]), &chain), TrustResult::Unsupported);
}

#[test]
fn what_is_remembered_is_bounded() {
    let store = store_of(&[&Authority::root("root").der]);
    for i in 0..u32::try_from(MAX_REMEMBERED).unwrap() + 100 {
        assert_eq!(result(&store, &[&i.to_be_bytes()]), TrustResult::Unsupported);
    }
    assert!(store.remembered.lock().unwrap().len() <= MAX_REMEMBERED);
}

#[test]
fn no_prefix_of_a_chain_is_trusted_or_panics() {
    let p = pki();
    let store = store_of(&[&p.root.der]);
    for end in 0..p.leaf.len() {
        assert_eq!(
            result(&store, &[&p.leaf[..end], &p.lower.der, &p.upper.der]),
            TrustResult::Unsupported,
            "leaf {end}"
        );
    }
    for end in 0..p.lower.der.len() {
        let found = result(&store, &[&p.leaf, &p.lower.der[..end], &p.upper.der]);
        assert_eq!(found, TrustResult::Unsupported, "authority, {end} bytes");
    }
}

proptest! {
    #[test]
    fn no_changed_byte_is_trusted(at in any::<prop::sample::Index>(), which in 0..3usize, flip in 1u8..) {
        static PKI: std::sync::LazyLock<(TrustStore, Vec<Vec<u8>>)> = std::sync::LazyLock::new(|| {
            let p = pki();
            (store_of(&[&p.root.der]), vec![p.leaf, p.lower.der, p.upper.der])
        });
        let (store, mut chain) = (&PKI.0, PKI.1.clone());
        let i = at.index(chain[which].len());
        chain[which][i] ^= flip;
        let chain: Vec<&[u8]> = chain.iter().map(|der| &der[..]).collect();
        let found = served(&chain, Some(store), now()).unwrap().trust.unwrap().result;
        prop_assert_ne!(found, TrustResult::Trusted);
    }

    #[test]
    fn no_bytes_panic(chain in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..12)) {
        let chain: Vec<&[u8]> = chain.iter().map(|der| &der[..]).collect();
        let served = served(&chain, Some(&store_of(&[])), now());
        prop_assert_eq!(served.is_some(), !chain.is_empty());
    }
}
