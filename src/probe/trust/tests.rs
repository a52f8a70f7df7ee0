//! Chains made for the purpose, against stores made for the purpose.

use std::{path::Path, process::Command};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

use super::*;

mod hostile;
mod oracle;
mod stores;

fn at(date: &str) -> Timestamp {
    date.parse().unwrap()
}

/// When the chains of these tests are looked at.
fn now() -> Timestamp {
    at("2026-06-01")
}

/// Parameters of a certificate, good from 2026 to 2027.
fn params(name: &str, is_ca: bool) -> CertificateParams {
    let names = if is_ca { Vec::new() } else { vec![name.to_owned()] };
    let mut p = CertificateParams::new(names).unwrap();
    p.distinguished_name = rcgen::DistinguishedName::new();
    p.distinguished_name.push(DnType::CommonName, name);
    (p.not_before, p.not_after) = (date_time_ymd(2026, 1, 1), date_time_ymd(2027, 1, 1));
    if is_ca {
        p.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        p.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    }
    p
}

/// An authority: its key and what is signed with it.
struct Authority {
    params: CertificateParams,
    key: KeyPair,
    der: Vec<u8>,
}

impl Authority {
    fn root(name: &str) -> Self {
        let (params, key) = (params(name, true), KeyPair::generate().unwrap());
        let der = params.self_signed(&key).unwrap().der().to_vec();
        Self { params, key, der }
    }

    fn sign(&self, subject: &CertificateParams, key: &KeyPair) -> Vec<u8> {
        subject.signed_by(key, &Issuer::from_params(&self.params, &self.key)).unwrap().der().to_vec()
    }

    fn authority(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let (mut params, key) = (params(name, true), KeyPair::generate().unwrap());
        change(&mut params);
        let der = self.sign(&params, &key);
        Self { params, key, der }
    }

    fn leaf(&self, change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
        let mut params = params("web.test", false);
        change(&mut params);
        self.sign(&params, &KeyPair::generate().unwrap())
    }
}

fn store_of(roots: &[&[u8]]) -> TrustStore {
    TrustStore::of("test.pem", roots.iter().map(|der| CertificateDer::from(der.to_vec())).collect())
}

fn result(store: &TrustStore, chain: &[&[u8]]) -> TrustResult {
    store.check(chain, now()).result
}

fn expired(p: &mut CertificateParams) {
    (p.not_before, p.not_after) = (date_time_ymd(2025, 1, 1), date_time_ymd(2026, 2, 1));
}

/// A root, two authorities below each other, and a leaf.
struct Pki {
    root: Authority,
    upper: Authority,
    lower: Authority,
    leaf: Vec<u8>,
}

fn pki() -> Pki {
    let root = Authority::root("root");
    let upper = root.authority("upper", |_| {});
    let lower = upper.authority("lower", |_| {});
    let leaf = lower.leaf(|_| {});
    Pki { root, upper, lower, leaf }
}

#[test]
fn a_chain_stands_in_any_order_and_among_strangers() {
    let (p, stranger) = (pki(), Authority::root("stranger"));
    let store = store_of(&[&p.root.der]);
    let (leaf, lower, upper, root) = (&p.leaf[..], &p.lower.der[..], &p.upper.der[..], &p.root.der[..]);
    let table: &[(&[&[u8]], bool)] = &[
        (&[leaf, lower, upper], true),
        (&[leaf, lower, upper, root], true),
        (&[leaf, upper, lower], false),
        (&[leaf, lower, upper, &stranger.der], false),
        (&[leaf, &stranger.der, upper, b"rubbish", lower], false),
        (&[leaf, leaf, lower, upper], false),
    ];
    for (chain, in_order) in table {
        let served = served(chain, Some(&store), now()).unwrap();
        assert_eq!(served.trust.unwrap().result, TrustResult::Trusted, "{} certificates", chain.len());
        assert_eq!(served.in_order, *in_order);
        assert_eq!(served.issuers.len(), chain.len() - 1);
    }
}

#[test]
fn what_is_missing_is_told_from_what_is_unknown() {
    let (p, other) = (pki(), Authority::root("other"));
    let (store, elsewhere) = (store_of(&[&p.root.der]), store_of(&[&other.der]));
    let (leaf, lower, upper, root) = (&p.leaf[..], &p.lower.der[..], &p.upper.der[..], &p.root.der[..]);
    let one = Authority::root("alone").leaf(|_| {});
    let myself = Authority::root("myself");
    let table: &[(&TrustStore, &[&[u8]], TrustResult)] = &[
        (&store, &[leaf], TrustResult::Incomplete),
        (&store, &[leaf, upper], TrustResult::Incomplete),
        (&store, &[leaf, lower], TrustResult::Incomplete),
        (&store, &[leaf, upper, root], TrustResult::Incomplete),
        (&elsewhere, &[leaf, lower, upper], TrustResult::Incomplete),
        (&elsewhere, &[leaf, lower, upper, root], TrustResult::UnknownIssuer),
        (&store, &[&one], TrustResult::Incomplete),
        (&store, &[&myself.der], TrustResult::SelfSigned),
        (&store_of(&[&myself.der]), &[&myself.der], TrustResult::Trusted),
        // Where one that was served cannot be read, it may be the one that is missing.
        (&store, &[leaf, &lower[..lower.len() - 1]], TrustResult::Unsupported),
        (&store, &[&leaf[1..]], TrustResult::Unsupported),
        (&store, &[], TrustResult::Unsupported),
    ];
    for (i, (store, chain, expected)) in table.iter().enumerate() {
        assert_eq!(result(store, chain), *expected, "row {i}");
    }
}

#[test]
fn dates_are_told_apart_from_everything_else() {
    let root = Authority::root("root");
    let store = store_of(&[&root.der]);
    let (old, good) = (root.authority("authority", expired), root.authority("authority", |_| {}));
    let old_leaf = good.leaf(expired);
    let future =
        good.leaf(|p| (p.not_before, p.not_after) = (date_time_ymd(2026, 9, 1), date_time_ymd(2026, 12, 1)));
    let below_old = old.leaf(|_| {});
    let never = old.leaf(|p| p.not_before = date_time_ymd(2026, 3, 1));
    let stranger = Authority::root("stranger");
    let table: &[(&[&[u8]], TrustResult)] = &[
        (&[&old_leaf, &good.der], TrustResult::OutsideDates),
        (&[&future, &good.der], TrustResult::OutsideDates),
        (&[&below_old, &old.der], TrustResult::OutsideDates),
        // Both expired and otherwise wrong: the dates do not hide the rest.
        (&[&old_leaf], TrustResult::Incomplete),
        (&[&stranger.leaf(expired), &stranger.der], TrustResult::UnknownIssuer),
        // The authority ended before the leaf began: no moment shows whether the signatures hold.
        (&[&never, &old.der], TrustResult::Unsupported),
    ];
    for (i, (chain, expected)) in table.iter().enumerate() {
        assert_eq!(result(&store, chain), *expected, "row {i}");
    }
    let p = params("self.test", false);
    let alone = p.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec();
    let mine = store_of(&[&alone]);
    for (moment, expected) in [
        ("2025-12-31T23:59:59Z", TrustResult::OutsideDates),
        ("2026-01-01T00:00:00Z", TrustResult::Trusted),
        ("2027-01-01T00:00:00.9Z", TrustResult::Trusted),
        ("2027-01-01T00:00:01Z", TrustResult::OutsideDates),
    ] {
        assert_eq!(mine.check(&[&alone], at(moment)).result, expected, "{moment}");
        let far = store.check(&[&alone], at(moment)).result;
        assert_eq!(far, TrustResult::SelfSigned, "{moment}, another store");
    }
}

#[test]
fn a_cross_certificate_that_expired_harms_no_one_with_another_path() {
    let (old_root, new_root) = (Authority::root("old root"), Authority::root("new root"));
    let mut cross = new_root.params.clone();
    expired(&mut cross);
    let cross = old_root.sign(&cross, &new_root.key);
    let authority = new_root.authority("authority", |_| {});
    let leaf = authority.leaf(|_| {});
    let chain: [&[u8]; 3] = [&leaf, &authority.der, &cross];
    assert_eq!(result(&store_of(&[&new_root.der]), &chain), TrustResult::Trusted);
    assert_eq!(result(&store_of(&[&old_root.der]), &chain), TrustResult::OutsideDates);
    assert_eq!(result(&store_of(&[&old_root.der, &new_root.der]), &chain), TrustResult::Trusted);
}

#[test]
fn what_does_not_hold_is_broken() {
    let root = Authority::root("root");
    let store = store_of(&[&root.der]);
    let authority = root.authority("authority", |_| {});
    let mut forged = authority.leaf(|_| {});
    let last = forged.len() - 1;
    forged[last] ^= 1;
    let client = authority.leaf(|p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]);
    let no_authority = root.authority("end", |p| p.is_ca = IsCa::ExplicitNoCa);
    let short = root.authority("short", |p| p.is_ca = IsCa::Ca(BasicConstraints::Constrained(0)));
    let below_short = short.authority("below", |_| {});
    let fenced = root.authority("fenced", |p| {
        p.name_constraints = Some(rcgen::NameConstraints {
            permitted_subtrees: vec![rcgen::GeneralSubtree::DnsName("other.test".into())],
            excluded_subtrees: vec![],
        });
    });
    let same_name = Authority::root("root"); // another key by the name of the store's root
    let table: &[(&str, &[&[u8]])] = &[
        ("signature", &[&forged, &authority.der]),
        ("client", &[&client, &authority.der]),
        ("no authority", &[&no_authority.leaf(|_| {}), &no_authority.der]),
        ("path length", &[&below_short.leaf(|_| {}), &below_short.der, &short.der]),
        ("names", &[&fenced.leaf(|_| {}), &fenced.der]),
        ("another root of the name", &[&same_name.leaf(|_| {})]),
    ];
    for (what, chain) in table {
        let trust = store.check(chain, now());
        assert_eq!((trust.result, trust.detail.is_some()), (TrustResult::Broken, true), "{what}: {trust:?}");
    }
    // An authority that issued a leaf of its own name: not signed by itself, and the chain stands.
    let namesake = root.leaf(|p| p.distinguished_name = root.params.distinguished_name.clone());
    assert_eq!(result(&store, &[&namesake]), TrustResult::Trusted);
    assert_eq!(result(&store_of(&[&same_name.der]), &[&namesake]), TrustResult::Broken);
}

#[test]
fn results_are_remembered_until_a_date_passes() {
    let p = pki();
    let store = store_of(&[&p.root.der]);
    let chain: [&[u8]; 3] = [&p.leaf, &p.lower.der, &p.upper.der];
    let table = [
        ("2025-12-31", TrustResult::OutsideDates),
        ("2026-06-01", TrustResult::Trusted),
        ("2026-07-01", TrustResult::Trusted),
        ("2027-01-02", TrustResult::OutsideDates),
        ("2026-06-01", TrustResult::Trusted),
    ];
    for (date, expected) in table {
        for _ in 0..2 {
            assert_eq!(store.check(&chain, at(date)).result, expected, "{date}");
        }
    }
    assert_eq!(store.remembered.lock().unwrap().len(), 1);
    // Where one certificate ends and the next begins is part of what is remembered.
    let glued = [chain[0], &[chain[1], chain[2]].concat()[..]];
    assert_ne!(store.check(&glued, now()).result, TrustResult::Trusted);
}
