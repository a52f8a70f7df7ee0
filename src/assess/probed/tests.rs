//! The verdict tables, and the key that is shared across the fleet.

use std::sync::Arc;

use super::super::{
    assess,
    invariants::{History, Shows},
    judge,
};
use crate::model::{
    asked::{
        Asked,
        Came::{self, Closed, Other, Reset, Silent, Taken, Unreached},
        Question::{
            self, Dhe, DheExport, EarlyCcs, RsaExchange, RsaExport, Sslv2, Sslv3, Sslv3Cbc, Tls10, Tls11,
            Tls12, Tls13,
        },
    },
    disclosure::Disclosure,
    facet::State,
    ids::Spki,
    observation::{Contact, Observation},
    policy::Policy,
    verdict::{
        Reason,
        Verdict::{self, Inconclusive, NotApplicable, NotVulnerable, Unreachable, Vulnerable},
    },
};

fn disclosure(id: &str) -> Disclosure {
    Disclosure::named(id, "a hole", "2014-06-05".parse().unwrap())
}

/// A look that saw one key, and these answers.
fn look(asked: Vec<Asked>) -> Observation {
    let mut history = History::new(1);
    history.sweep(1);
    history.look("a", 1, Shows::Clean, &["K1"], true);
    Observation { asked, ..history.evidence.observations.remove(0) }
}

fn a(question: Question, came: Came) -> Asked {
    Asked::ended(question, came)
}

fn no(question: Question) -> Asked {
    Asked::refused(question, 40)
}

fn prime(bits: u32, group: Option<&str>) -> Asked {
    Asked { bits: Some(bits), group: group.map(Arc::from), ..a(Dhe, Taken) }
}

/// The versions as a server of TLS 1.2 alone answers for them.
fn versions() -> Vec<Asked> {
    vec![no(Sslv3), no(Tls10), no(Tls11), a(Tls12, Taken), no(Tls13)]
}

fn tls13_only() -> Vec<Asked> {
    vec![no(Sslv3), no(Tls10), no(Tls11), no(Tls12), a(Tls13, Taken)]
}

#[track_caller]
fn says(id: &str, asked: Vec<Asked>, expected: (Verdict, Reason)) {
    let shown = format!("{id}: {asked:?}");
    let got = judge(&look(asked), &disclosure(id));
    assert_eq!((got.verdict, got.reason), expected, "{shown}");
    assert_eq!(got.vulnerable, u32::from(expected.0 == Vulnerable), "{shown}");
    assert!(got.vulnerable <= got.tried, "{shown}");
}

/// What follows the versions, and what it means.
type Row = (&'static str, Vec<Asked>, (Verdict, Reason));

fn rows() -> Vec<Row> {
    let specs = |n| Asked { ciphers: Some(n), ..a(Sslv2, Taken) };
    let ccs = |code| Asked::refused(EarlyCcs, code);
    vec![
        ("CVE-2014-0224", vec![ccs(20)], (Vulnerable, Reason::EarlyCcsTaken)),
        ("CVE-2014-0224", vec![a(EarlyCcs, Taken)], (Vulnerable, Reason::EarlyCcsTaken)),
        ("CVE-2014-0224", vec![ccs(10)], (NotVulnerable, Reason::EarlyCcsRefused)),
        ("CVE-2014-0224", vec![ccs(40)], (Inconclusive, Reason::OtherAnswer)),
        ("CVE-2014-0224", vec![], (Inconclusive, Reason::Blocked)),
        ("CVE-2014-3566", vec![], (NotVulnerable, Reason::Sslv3CbcRefused)),
        ("CVE-2015-0204", vec![a(RsaExport, Taken)], (Vulnerable, Reason::RsaExportTaken)),
        ("CVE-2015-0204", vec![no(RsaExport)], (NotVulnerable, Reason::RsaExportRefused)),
        ("CVE-2015-0204", vec![no(RsaExport), a(RsaExport, Taken)], (Vulnerable, Reason::RsaExportTaken)),
        ("CVE-2015-0204", vec![no(RsaExport), a(RsaExport, Silent)], (Inconclusive, Reason::ProbeTimedOut)),
        ("CVE-2015-4000", vec![a(DheExport, Taken), no(Dhe)], (Vulnerable, Reason::DheExportTaken)),
        ("CVE-2015-4000", vec![no(DheExport), prime(768, None)], (Vulnerable, Reason::DhPrimeShort)),
        ("CVE-2015-4000", vec![a(DheExport, Silent), prime(512, None)], (Vulnerable, Reason::DhPrimeShort)),
        ("CVE-2015-4000", vec![no(DheExport), prime(1023, Some("x"))], (Vulnerable, Reason::DhPrimeShort)),
        ("CVE-2015-4000", vec![no(DheExport), prime(1024, Some("x"))], (Vulnerable, Reason::DhPrimeShared)),
        ("CVE-2015-4000", vec![no(DheExport), prime(1024, None)], (Inconclusive, Reason::DhPrimeUnknown)),
        ("CVE-2015-4000", vec![no(DheExport), prime(1025, None)], (NotVulnerable, Reason::DhPrimeLong)),
        ("CVE-2015-4000", vec![no(DheExport), prime(2048, Some("x"))], (NotVulnerable, Reason::DhPrimeLong)),
        ("CVE-2015-4000", vec![no(DheExport), no(Dhe)], (NotVulnerable, Reason::DheRefused)),
        ("CVE-2015-4000", vec![no(DheExport), a(Dhe, Taken)], (Inconclusive, Reason::OtherAnswer)),
        (
            "CVE-2015-4000",
            vec![a(DheExport, Closed), prime(2048, None)],
            (Inconclusive, Reason::EndedWithoutAlert),
        ),
        ("CVE-2015-4000", vec![no(DheExport), a(Dhe, Reset)], (Inconclusive, Reason::EndedWithoutAlert)),
        ("CVE-2016-0800", vec![specs(7)], (Vulnerable, Reason::Sslv2Spoken)),
        ("CVE-2016-0800", vec![specs(0)], (Inconclusive, Reason::Sslv2NoCiphers)),
        ("CVE-2016-0800", vec![Asked::refused(Sslv2, 70)], (NotVulnerable, Reason::Sslv2Refused)),
        ("ROBOT", vec![a(RsaExchange, Taken)], (Inconclusive, Reason::RsaKeyExchangeOffered)),
        ("ROBOT", vec![no(RsaExchange)], (NotVulnerable, Reason::RsaKeyExchangeRefused)),
    ]
}

#[test]
fn answers_mean_what_the_tables_say() {
    for (id, more, expected) in rows() {
        says(id, [versions(), more].concat(), expected);
    }
    for (cbc, expected) in [
        (a(Sslv3Cbc, Taken), (Vulnerable, Reason::Sslv3CbcTaken)),
        (no(Sslv3Cbc), (NotVulnerable, Reason::Sslv3CbcRefused)),
        (a(Sslv3Cbc, Silent), (Inconclusive, Reason::ProbeTimedOut)),
    ] {
        let asked = vec![a(Sslv3, Taken), cbc, a(Tls10, Taken)];
        says("CVE-2014-3566", asked, expected);
    }
}

#[test]
fn what_is_no_alert_decides_nothing_whatever_was_asked() {
    let questions = [
        ("CVE-2014-0224", EarlyCcs),
        ("CVE-2015-0204", RsaExport),
        ("CVE-2015-4000", DheExport),
        ("CVE-2016-0800", Sslv2),
        ("ROBOT", RsaExchange),
    ];
    let table = [
        (Closed, Reason::EndedWithoutAlert),
        (Reset, Reason::EndedWithoutAlert),
        (Silent, Reason::ProbeTimedOut),
        (Other, Reason::OtherAnswer),
        (Unreached, Reason::Blocked),
    ];
    for (came, reason) in table {
        for (id, question) in questions {
            says(id, [versions(), vec![a(question, came)]].concat(), (Inconclusive, reason));
        }
        says(
            "CVE-2014-3566",
            vec![a(Sslv3, came), a(Sslv3Cbc, came), a(Tls12, Taken)],
            (Inconclusive, reason),
        );
        // No older version came about, and not each was refused: not TLS 1.3 alone.
        let mut asked = tls13_only();
        asked[1] = a(Tls10, came);
        says("CVE-2014-0224", asked, (Inconclusive, reason));
    }
    let ours = Asked { detail: Some("local-error".to_owned()), ..a(Sslv2, Unreached) };
    says("CVE-2016-0800", [versions(), vec![ours]].concat(), (Inconclusive, Reason::LocalError));
}

#[test]
fn tls13_alone_is_not_asked_and_cannot_have_it() {
    for id in ["CVE-2014-0224", "CVE-2014-3566", "CVE-2015-0204", "CVE-2015-4000", "ROBOT"] {
        says(id, tls13_only(), (NotApplicable, Reason::Tls13Only));
    }
    let asked = [tls13_only(), vec![Asked::refused(Sslv2, 70)]].concat();
    says("CVE-2016-0800", asked, (NotVulnerable, Reason::Sslv2Refused));
}

#[test]
fn what_was_not_asked_or_not_reached_says_so() {
    for (id, _) in super::RULES {
        says(id, Vec::new(), (Inconclusive, Reason::NotAsked));
        for (contact, expected) in [
            (Contact::Refused, (Unreachable, Reason::Refused)),
            (Contact::ClosedEarly, (Inconclusive, Reason::ClosedEarly)),
            (Contact::NotTls, (NotApplicable, Reason::NotTls)),
            (Contact::Blocked, (Inconclusive, Reason::Blocked)),
        ] {
            let seen = Observation { contact, ..look(Vec::new()) };
            let got = judge(&seen, &disclosure(id));
            assert_eq!((got.verdict, got.reason), expected, "{id} {contact}");
        }
    }
}

#[test]
fn a_sweep_that_does_not_ask_takes_no_verdict_back() {
    let mut history = History::new(1);
    let bad = vec![a(Sslv3, Taken), a(Sslv3Cbc, Taken)];
    for (sweep, asked) in [(1, bad.clone()), (2, Vec::new()), (3, vec![no(Sslv3)]), (4, Vec::new())] {
        history.sweep(sweep);
        history.look("a", 1, Shows::Clean, &["K1"], true);
        history.evidence.observations.last_mut().unwrap().asked = asked;
        let judged = assess(&history.evidence, &disclosure("CVE-2014-3566"), &Policy::default(), history.now);
        let endpoint = &judged.services[0].endpoints[0];
        let expected = if sweep < 3 {
            (Vulnerable, Reason::Sslv3CbcTaken)
        } else {
            (NotVulnerable, Reason::Sslv3CbcRefused)
        };
        assert_eq!((endpoint.verdict, endpoint.reason), expected, "sweep {sweep}");
        let state = judged.services[0].state;
        assert_eq!(state == State::Exposed, sweep < 3, "sweep {sweep}: {state}");
    }
}

/// What each service's only endpoint comes to in the end: `None` is silence, else what SSL 2.0 brought.
fn drown(looks: &[(u32, &str, u8, &[&str], Option<Came>)]) -> Vec<(String, Verdict, Reason)> {
    let mut history = History::new(3);
    for (sweep, row, address, keys, came) in looks {
        history.sweep(*sweep);
        history.look(row, *address, Shows::Clean, keys, true);
        let seen = history.evidence.observations.last_mut().unwrap();
        let key = seen.certificate.as_ref().and_then(|c| c.spki_sha256);
        if let Some(came) = came {
            let mut asked = a(Sslv2, *came);
            asked.alert = (*came == Came::Alert).then_some(70);
            if *came == Taken {
                (asked.ciphers, asked.spki_sha256) = (Some(7), key);
            }
            seen.asked = vec![asked];
        }
    }
    let judged = assess(&history.evidence, &disclosure(super::DROWN), &Policy::default(), history.now);
    let rows = judged
        .services
        .iter()
        .flat_map(|s| s.endpoints.iter().map(|e| (s.row_id.to_string(), e.verdict, e.reason)));
    rows.collect()
}

#[test]
fn a_key_with_which_sslv2_is_spoken_taints_whoever_serves_it() {
    let no = Some(Came::Alert);
    let of = |row: &str, verdict, reason| (row.to_owned(), verdict, reason);
    let spoken = |row| of(row, Vulnerable, Reason::Sslv2Spoken);
    let shared = |row| of(row, Vulnerable, Reason::KeySharedWithSslv2);
    let refused = |row| of(row, NotVulnerable, Reason::Sslv2Refused);
    // Another host, another service; the order within the sweep does not matter; another key is another matter.
    let fleet: &[(u32, &str, u8, &[&str], Option<Came>)] =
        &[(1, "a", 1, &["K1"], no), (1, "b", 2, &["K1"], Some(Taken)), (1, "c", 3, &["K2", "K1"], no)];
    assert_eq!(drown(fleet), [shared("a"), spoken("b"), shared("c")]);
    assert_eq!(
        drown(&[fleet[0], fleet[1], (1, "c", 3, &["K2"], no)]),
        [shared("a"), spoken("b"), refused("c")]
    );
    // It was not asked itself, and is in danger all the same.
    assert_eq!(drown(&[(1, "a", 1, &["K1"], None), fleet[1]])[0], shared("a"));
    // Refused in a later sweep, the key is out of danger; silence takes nothing back.
    let later = |came| [fleet[0], fleet[1], (2, "a", 1, &["K1"][..], no), (2, "b", 2, &["K1"][..], came)];
    assert_eq!(drown(&later(no)), [refused("a"), refused("b")]);
    let silent = drown(&later(Some(Silent)));
    assert_eq!(silent, [shared("a"), of("b", Inconclusive, Reason::ProbeTimedOut)]);
    // A sweep that was less deep, and did not ask, takes nothing back either.
    assert_eq!(drown(&later(None)), [shared("a"), spoken("b")]);
    // A new key helps before SSL 2.0 is off elsewhere.
    assert_eq!(drown(&[fleet[0], fleet[1], (2, "a", 1, &["K3"], no)])[0], refused("a"));
    // Spoken without any cipher it is no proof, and taints nobody.
    let mut history = History::new(2);
    history.sweep(1);
    for (row, address) in [("a", 1), ("b", 2)] {
        history.look(row, address, Shows::Clean, &["K1"], true);
        let seen = history.evidence.observations.last_mut().unwrap();
        let spki: Option<Spki> = seen.certificate.as_ref().and_then(|c| c.spki_sha256);
        seen.asked = vec![Asked { ciphers: Some(0), spki_sha256: spki, ..a(Sslv2, Taken) }];
    }
    let judged = assess(&history.evidence, &disclosure(super::DROWN), &Policy::default(), history.now);
    assert!(judged.services.iter().all(|s| s.endpoints.iter().all(|e| e.reason == Reason::Sslv2NoCiphers)));
}
