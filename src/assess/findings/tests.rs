//! Looks made for the purpose, and the sentences that people read.

use serde_json::json;

use super::*;
use crate::model::{
    ids::Sha256,
    observation::OtherKey,
    served::{Details, Served, Trust, TrustResult},
};

mod names;

const NOW: &str = "2026-06-01T12:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A sound certificate, valid through 2026.
fn certificate(subject: &str) -> Certificate {
    let names = subject.strip_prefix("CN=").filter(|n| n.contains('.')).map(str::to_owned);
    Certificate {
        sha256: Sha256::of(subject.as_bytes()),
        spki_sha256: Some(Sha256::of(subject.as_bytes())),
        serial: Some("0x01".into()),
        subject: Some(subject.into()),
        issuer: Some("CN=R".into()),
        not_before: Some(at("2026-01-01")),
        not_after: Some(at("2026-12-31")),
        names: names.into_iter().collect(),
        details: Some(Box::new(Details {
            key: Some("ec-p256".into()),
            key_bits: Some(256),
            signature: Some("sha256WithRSAEncryption".into()),
            ..Details::default()
        })),
    }
}

fn with(subject: &str, change: impl FnOnce(&mut Certificate)) -> Certificate {
    let mut certificate = certificate(subject);
    change(&mut certificate);
    certificate
}

fn detailed(subject: &str, change: impl FnOnce(&mut Details)) -> Certificate {
    with(subject, |c| change(c.details.as_deref_mut().unwrap()))
}

fn root(subject: &str) -> Certificate {
    let mut root = detailed(subject, |d| (d.self_issued, d.is_ca) = (true, true));
    root.issuer = root.subject.clone();
    root
}

/// A look at `web.test` that was answered, with a leaf, those behind it and what the store said.
fn look(leaf: Certificate, issuers: &[Certificate], result: TrustResult) -> Observation {
    let mut observation: Observation = serde_json::from_value(json!({
        "sweep": "s0001", "row_id": "svc-1", "name": "web.test", "address": "192.0.2.1", "port": 443,
        "transport": "tcp", "wrap": "tls", "vantage": "here", "at": NOW, "ms": 1.0, "contact": "answered",
    }))
    .unwrap();
    observation.certificate = Some(leaf);
    observation.served = Some(Box::new(Served {
        issuers: issuers.to_vec(),
        in_order: true,
        trust: Some(Trust { store: "system".into(), result, detail: None }),
        ..Served::default()
    }));
    observation
}

fn sound() -> Observation {
    look(certificate("CN=web.test"), &[certificate("CN=R")], TrustResult::Trusted)
}

fn service_of(name: Option<&str>, sni: Option<&str>) -> Service {
    serde_json::from_value(json!({
        "row_id": "svc-1", "name": name, "addresses": ["192.0.2.1"], "port": 443, "transport": "tcp", "wrap": "tls",
        "wrap_declared": true, "sni": sni, "id_declared": true, "declared": {}, "sources": [],
    }))
    .unwrap()
}

fn found(observation: &Observation) -> Vec<Finding> {
    findings(observation, &service_of(Some("web.test"), None), at(NOW), &FindingRules::default(), None)
}

/// What was found, as `kind: detail`.
fn told(observation: &Observation) -> Vec<String> {
    found(observation).iter().map(|f| format!("{}: {}", f.kind, f.detail)).collect()
}

#[test]
fn nothing_is_wrong_with_a_sound_service_or_where_nothing_was_served() {
    assert_eq!(found(&sound()), []);
    let mut nothing = sound();
    (nothing.certificate, nothing.served) = (None, None);
    assert_eq!(found(&nothing), []);
}

#[test]
fn dates_are_told_in_words_with_the_certificate() {
    let ends = |subject: &str, end: &str| with(subject, |c| c.not_after = Some(at(end)));
    let table: &[(Certificate, &[Certificate], TrustResult, &[&str])] = &[
        (
            ends("CN=web.test", "2026-05-30T12:00:00Z"),
            &[],
            TrustResult::OutsideDates,
            &["expired: the certificate `CN=web.test` ended on 2026-05-30, 2 days ago"],
        ),
        // Both ends belong to the time of validity.
        (
            ends("CN=web.test", NOW),
            &[],
            TrustResult::Trusted,
            &["expires-soon: the certificate `CN=web.test` ends on 2026-06-01, in 0 minutes"],
        ),
        (
            ends("CN=web.test", "2026-06-01T11:59:00Z"),
            &[],
            TrustResult::OutsideDates,
            &["expired: the certificate `CN=web.test` ended on 2026-06-01, 1 minute ago"],
        ),
        (
            ends("CN=web.test", "2026-06-16T12:00:00Z"),
            &[],
            TrustResult::Trusted,
            &["expires-soon: the certificate `CN=web.test` ends on 2026-06-16, in 15 days"],
        ),
        (ends("CN=web.test", "2026-06-16T12:00:01Z"), &[], TrustResult::Trusted, &[]),
        (
            with("CN=web.test", |c| c.not_before = Some(at("2026-06-02T12:00:00Z"))),
            &[],
            TrustResult::OutsideDates,
            &["not-yet-valid: the certificate `CN=web.test` begins on 2026-06-02, in 24 hours"],
        ),
        (
            with("CN=web.test", |c| c.not_before = Some(at("2027-06-02"))),
            &[],
            TrustResult::Broken,
            &[
                "expired: the certificate `CN=web.test` is never valid: it ends on 2026-12-31 and begins on 2027-06-02",
                "chain-broken: clients refuse the chain",
            ],
        ),
        (
            certificate("CN=web.test"),
            &[ends("CN=R", "2026-05-01")],
            TrustResult::OutsideDates,
            &["expired: the authority's certificate `CN=R` ended on 2026-05-01, 31 days ago"],
        ),
        (
            certificate("CN=web.test"),
            &[ends("CN=R", "2026-05-01")],
            TrustResult::Trusted,
            &[
                "expired: the authority's certificate `CN=R` ended on 2026-05-01, 31 days ago; clients that find the \
               path without it do not mind",
            ],
        ),
        (
            certificate("CN=web.test"),
            &[Certificate { not_after: Some(at("2026-05-01")), ..root("CN=top") }],
            TrustResult::Trusted,
            &[
                "expired: the root's certificate `CN=top` ended on 2026-05-01, 31 days ago; clients that hold a newer \
               one of the same key, or look at no root's dates, do not mind",
            ],
        ),
    ];
    for (leaf, issuers, result, expected) in table {
        assert_eq!(told(&look(leaf.clone(), issuers, *result)), *expected);
    }
}

#[test]
fn the_warning_comes_as_early_as_policy_wants_it() {
    let soon = |hours| {
        let rules = FindingRules { expiry_warn_hours: hours };
        let all = findings(&sound(), &service_of(Some("web.test"), None), at(NOW), &rules, None);
        all.iter().filter(|f| f.kind == FindingKind::ExpiresSoon).count()
    };
    assert_eq!([soon(0), soon(360), soon(24 * 300), soon(u32::MAX)], [0, 0, 2, 2]);
    assert_eq!(FindingRules::default().expiry_warn_hours, 15 * 24);
}

#[test]
fn every_certificate_is_told_of_once_and_outages_come_first() {
    let old = with("CN=R", |c| c.not_after = Some(at("2026-05-01")));
    let other = detailed("CN=other.test", |d| (d.key, d.key_bits) = (Some("rsa".into()), Some(1024)));
    let leaf = detailed("CN=web.test", |d| d.signature = Some("sha1WithRSAEncryption".into()));
    let mut observation = look(leaf, &[old.clone(), old], TrustResult::OutsideDates);
    observation.served.as_mut().unwrap().in_order = false;
    observation.other_keys =
        Some(vec![OtherKey { spki_sha256: other.spki_sha256.unwrap(), certificate: Some(other.clone()) }]);
    assert_eq!(
        told(&observation),
        [
            "expired: the authority's certificate `CN=R` ended on 2026-05-01, 31 days ago",
            "chain-order: of the 3 certificates served, not each was issued by the next one",
            "weak-signature: the certificate `CN=web.test` is signed with SHA-1",
            "weak-key: the certificate of another key `CN=other.test` has a key of RSA with 1024 bits, of which 2048 \
             is the least",
        ]
    );
    assert_eq!(found(&observation).last().unwrap().certificate, Some(other.sha256));
}

#[test]
fn a_trust_store_s_word_becomes_a_finding() {
    let leaf = certificate("CN=web.test");
    let self_signed = detailed("CN=web.test", |d| d.self_issued = true);
    let table: &[(&Certificate, TrustResult, Option<&str>, &[&str])] = &[
        (&leaf, TrustResult::Trusted, None, &[]),
        (&leaf, TrustResult::OutsideDates, None, &[]),
        (
            &self_signed,
            TrustResult::SelfSigned,
            None,
            &[
                "self-signed: the certificate `CN=web.test` signed itself and is not in the system's trust store",
            ],
        ),
        (
            &leaf,
            TrustResult::UnknownIssuer,
            None,
            &["unknown-issuer: the chain is whole and leads to no root of the system's trust store"],
        ),
        (
            &leaf,
            TrustResult::Incomplete,
            Some("the leaf's issuer is nowhere"),
            &[
                "chain-incomplete: the issuer `CN=top` was not served and is not in the system's trust store: a missing \
               certificate, or a private authority",
            ],
        ),
        (
            &leaf,
            TrustResult::Broken,
            Some("a signature in it does not hold"),
            &["chain-broken: clients refuse the chain: a signature in it does not hold"],
        ),
        (
            &leaf,
            TrustResult::Unsupported,
            Some("a critical extension"),
            &["certificate-unchecked: the chain could not be judged: a critical extension"],
        ),
    ];
    let issuer = with("CN=R", |c| c.issuer = Some("CN=top".into()));
    for (leaf, result, detail, expected) in table {
        let mut observation = look((*leaf).clone(), std::slice::from_ref(&issuer), *result);
        let trust = observation.served.as_mut().unwrap().trust.as_mut().unwrap();
        trust.detail = detail.map(str::to_owned);
        assert_eq!(told(&observation), *expected, "{result}");
        trust_named(&mut observation, "our `roots`.pem");
        assert!(
            told(&observation).iter().all(|t| !t.contains("system's") && t.matches('`').count() % 2 == 0)
        );
    }
    let mut without = look(self_signed, &[], TrustResult::Trusted);
    without.served.as_mut().unwrap().trust = None;
    assert_eq!(
        told(&without),
        [
            "self-signed: the certificate `CN=web.test` names itself as its issuer; there is no trust store to find it in"
        ]
    );
}

fn trust_named(observation: &mut Observation, name: &str) {
    observation.served.as_mut().unwrap().trust.as_mut().unwrap().store = name.into();
}

#[test]
fn issuers_in_a_circle_end() {
    let a = with("CN=a", |c| c.issuer = Some("CN=b".into()));
    let b = with("CN=b", |c| c.issuer = Some("CN=a".into()));
    let leaf = with("CN=web.test", |c| c.issuer = Some("CN=a".into()));
    assert_eq!(told(&look(leaf, &[a, b], TrustResult::Incomplete)).len(), 1);
}

#[test]
fn weak_is_told_from_strong_enough() {
    let signatures = [
        ("md2WithRSAEncryption", Some("MD2")),
        ("md5WithRSAEncryption", Some("MD5")),
        ("sha1WithRSA", Some("SHA-1")),
        ("ecdsa-with-SHA1", Some("SHA-1")),
        ("dsaWithSHA1-old", Some("SHA-1")),
        ("rsassaPss-sha1", Some("SHA-1")),
        ("rsassaPss-sha512", None),
        ("sha512WithRSAEncryption", None),
        ("ED448", None),
        ("1.2.3", None),
    ];
    for (signature, expected) in signatures {
        let weak = |make: fn(&str) -> Certificate| {
            let mut issuer = make("CN=R");
            issuer.details.as_mut().unwrap().signature = Some(signature.into());
            told(&look(certificate("CN=web.test"), &[issuer], TrustResult::Trusted)).join("")
        };
        let told = weak(certificate);
        assert_eq!(told.rsplit(' ').next().filter(|w| !w.is_empty()), expected, "{signature}: {told}");
        assert_eq!(weak(root), "", "nobody relies on a root's own signature");
    }
    let keys = [
        ("rsa", 2047, true),
        ("rsa", 2048, false),
        ("rsa-pss", 1024, true),
        ("dsa", 1024, true),
        ("ec-p192", 192, true),
        ("ec-p224", 224, false),
        ("ec-explicit", 163, true),
        ("ed25519", 255, false),
        ("1.2.3", 64, false),
    ];
    for (key, bits, weak) in keys {
        let leaf = detailed("CN=web.test", |d| (d.key, d.key_bits) = (Some(key.into()), Some(bits)));
        let kinds: Vec<FindingKind> =
            found(&look(leaf, &[], TrustResult::Trusted)).iter().map(|f| f.kind).collect();
        assert_eq!(kinds == [FindingKind::WeakKey], weak, "{key} {bits}: {kinds:?}");
    }
}

#[test]
fn a_staple_is_missed_only_where_somebody_asked() {
    let leaf = detailed("CN=web.test", |d| d.must_staple = true);
    let observation = look(leaf, &[], TrustResult::Trusted);
    let count = |observation: &Observation, staple| {
        let service = service_of(Some("web.test"), None);
        findings(observation, &service, at(NOW), &FindingRules::default(), staple).len()
    };
    assert_eq!([None, Some(true), Some(false)].map(|s| count(&observation, s)), [0, 0, 1]);
    assert_eq!(count(&sound(), Some(false)), 0);
}

#[test]
fn what_users_get_is_told() {
    let mut observation = sound();
    observation.expectations = vec![
        Expectation { expect: "https 200 /".into(), met: Some(true), saw: None, mixed: vec![] },
        Expectation {
            expect: "smtp 220".into(),
            met: None,
            saw: Some("no connection".into()),
            mixed: vec![],
        },
        Expectation {
            expect: "https 200 /a".into(),
            met: Some(false),
            saw: Some("status 502".into()),
            mixed: vec![],
        },
        Expectation {
            expect: "https 200 /m".into(),
            met: Some(true),
            saw: None,
            mixed: vec!["a.test script".into()],
        },
    ];
    assert_eq!(
        told(&observation),
        [
            "expectation-failed: users do not get what is expected, `https 200 /a`: status 502",
            "expectation-untried: what users get could not be tried, `smtp 220`: no connection",
            "mixed-content: the page of `https 200 /m` loads 1 resource in the clear",
        ]
    );
}

#[test]
fn what_could_not_be_read_is_said() {
    let unread = Certificate {
        spki_sha256: None,
        serial: None,
        subject: None,
        issuer: None,
        not_before: None,
        not_after: None,
        names: vec![],
        details: None,
        ..certificate("CN=web.test")
    };
    let mut observation = look(unread.clone(), &[], TrustResult::Unsupported);
    let digest = unread.sha256.to_string();
    let expected = format!("the certificate with SHA-256 `{}` cannot be read", &digest[..16]);
    let all = told(&observation);
    assert!(all.iter().any(|t| t.starts_with("certificate-unchecked") && t.contains(&expected)), "{all:?}");
    assert!(!all.iter().any(|t| t.starts_with("name-mismatch")), "{all:?}");
    observation = look(certificate("CN=web.test"), &[unread], TrustResult::Trusted);
    observation.served.as_mut().unwrap().in_order = false;
    let all = told(&observation);
    assert!(all.iter().any(|t| t.contains("1 of them cannot be read")), "{all:?}");
}

#[test]
fn no_text_of_a_server_acts_on_a_terminal_or_runs_on() {
    let hostile = format!("CN=\u{1b}[2J`\r\n\u{202e}{}", "x".repeat(100_000));
    let leaf = with(&hostile, |c| {
        c.issuer = Some(hostile.clone());
        c.names = vec![hostile.clone(); 4];
        c.not_after = Some(at("2020-01-01"));
        c.details.as_mut().unwrap().signature = Some("md5WithRSAEncryption".into());
    });
    let mut observation = look(leaf, &[], TrustResult::Incomplete);
    observation.expectations = vec![Expectation {
        expect: hostile.as_str().into(),
        met: Some(false),
        saw: Some(hostile.replace('`', "")),
        mixed: vec![hostile.clone()],
    }];
    let all = found(&observation);
    assert!(all.len() >= 5);
    for one in all {
        assert!(one.detail.len() < 900 && !one.detail.chars().any(char::is_control), "{}", one.detail);
        assert!(!one.detail.contains('\u{202e}') && !one.detail.ends_with('.'), "{}", one.detail);
        assert_eq!(one.detail.matches('`').count() % 2, 0, "{}", one.detail);
    }
}
