//! Histories in one line each, and what a user would be told at their end.
//!
//! The language: `s2` goes on to sweep 2; `a@2 bad K1+E1` is a look at service `a`, second address, that
//! saw keys K1 and E1 (`K1?`: other keys were not asked for; `K1/2`: its second certificate; keys that
//! begin with `old` have certificates older than the disclosure); `a says patched ref`; `a waives all
//! 5h`; `secret x says old-refused ref`; `wait 5h`.

use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;

use super::invariants::{History, Shows, certificate, check, fuzz, heartbleed, secret};
use super::*;
use crate::model::{
    assessment::{Assessment, KeyExposure, ServiceAssessment},
    claim::{Justification, Statement, Subject},
    facet::{FacetKind, FacetValue, Gate, GateResult, Regression, State},
    ids::{RowId, Sha256},
    policy::Presume,
    secret::SecretState,
    service::{Declared, Exposure, TlsStack},
    verdict::Grade,
};

const NAMES: &[(&str, Shows)] = &[
    ("bad", Shows::Bad),
    ("clean", Shows::Clean),
    ("tls13", Shows::Tls13),
    ("nottls", Shows::NotTls),
    ("odd", Shows::Odd),
    ("refused", Shows::Refused),
    ("noname", Shows::NoName),
];

fn tell(text: &str) -> History {
    tell_on(History::new(3), text)
}

fn tell_on(mut history: History, text: &str) -> History {
    for step in text.split(';').map(str::trim).filter(|s| !s.is_empty()) {
        let words: Vec<&str> = step.split_whitespace().collect();
        match words.as_slice() {
            ["wait", hours] => history.now = history.now.plus_seconds(hours_of(hours)),
            ["secret", id, "says", state, rest @ ..] => {
                let state = state.parse().expect(step);
                let subject = Subject::Secret((*id).into());
                history.say(subject, Statement::SecretIs { state }, rest.contains(&"ref"));
                backdate(&mut history, rest);
            }
            [row, "says", what, rest @ ..] => {
                let statement = statement(what);
                history.say(
                    Subject::Service(RowId::declared(row)),
                    statement,
                    rest.contains(&"ref"),
                );
                backdate(&mut history, rest);
            }
            [row, "waives", what, hours] => {
                let until = history.now.plus_seconds(hours_of(hours));
                let facet = what.parse().ok();
                let statement = Statement::Waive { facet, until };
                history.say(Subject::Service(RowId::declared(row)), statement, true);
            }
            [place, shows, keys @ ..] => look(&mut history, place, shows, keys.first()),
            [sweep] => history.sweep(sweep.trim_start_matches('s').parse().expect(step)),
            [] => {}
        }
    }
    history
}

fn hours_of(text: &str) -> i64 {
    text.trim_end_matches('h').parse::<i64>().expect("hours") * 3600
}

fn backdate(history: &mut History, rest: &[&str]) {
    let hours = rest.iter().find_map(|w| w.strip_prefix("done-"));
    if let (Some(hours), Some(claim)) = (hours, history.evidence.claims.last_mut()) {
        claim.done_at = Some(claim.at.plus_seconds(-hours_of(hours)));
    }
}

fn statement(what: &str) -> Statement {
    if let Some(address) = what.strip_prefix("gone@") {
        let address = IpAddr::V4(Ipv4Addr::new(192, 0, 2, address.parse().expect("address")));
        return Statement::Decommissioned {
            address: Some(address),
        };
    }
    match what {
        "gone" => Statement::Decommissioned { address: None },
        "withdraw" => Statement::Withdraw { facet: None },
        "not-affected" => Statement::NotAffected {
            justification: Justification::ComponentNotPresent,
        },
        facet => Statement::FacetDone {
            facet: facet.parse().expect("facet"),
        },
    }
}

fn look(history: &mut History, place: &str, shows: &str, keys: Option<&&str>) {
    let (row, address) = place.split_once('@').unwrap_or((place, "1"));
    let shows = NAMES.iter().find(|n| n.0 == shows).expect("verdict").1;
    let text = keys.copied().unwrap_or("");
    let (names, serial) = text
        .trim_end_matches('?')
        .split_once('/')
        .unwrap_or((text.trim_end_matches('?'), "1"));
    let names: Vec<&str> = names.split('+').filter(|k| !k.is_empty()).collect();
    history.look(
        row,
        address.parse().expect("address"),
        shows,
        &names,
        !text.ends_with('?'),
    );
    let serial: u32 = serial.parse().expect("serial");
    if let Some(seen) = history.evidence.observations.last_mut().filter(|_| serial > 1) {
        seen.certificate = names.first().map(|key| certificate(key, serial));
    }
}

fn end(text: &str) -> Assessment {
    let history = tell(text);
    check(&history, &Policy::default());
    history.assess(&Policy::default())
}

fn of<'a>(assessment: &'a Assessment, row: &str) -> &'a ServiceAssessment {
    let found = assessment.services.iter().find(|s| s.row_id.as_str() == row);
    found.expect("the service")
}

/// Bad on K1, then clean on K2, attested, confirmed: the way to verified, revocation at grade E1.
const REPAIRED: &str = "s1; a bad K1; a says patched ref; s2; a clean K2; a says revoked ref; s3; a clean K2";

fn lenient() -> Policy {
    let mut policy = Policy::default();
    policy.minimum_grades.revoked = Grade::E1;
    policy
}

#[test]
fn every_state_that_sweeps_can_reach() {
    let table: &[(&str, State)] = &[
        ("", State::Unknown),
        ("s1; a odd", State::Unknown),
        ("s1; a refused", State::Unknown),
        ("s1; a noname", State::Unknown),
        ("s1; a clean K1; a@2 refused", State::Unknown),
        ("s1; a bad K1", State::Exposed),
        ("s1; a bad K1; a@2 refused; a@3 clean K1", State::Exposed),
        ("s1; a bad K1; s2; a refused", State::Unknown),
        (
            "s1; a bad K1; a says patched ref; s2; a bad K1",
            State::Contradicted,
        ),
        (
            "s1; a bad K1; a says restarted; s2; a bad K1",
            State::Contradicted,
        ),
        (
            "s1; a odd; a says not-affected; s2; a bad K1",
            State::Contradicted,
        ),
        ("s1; a clean K1; a says gone; s2; a clean K1", State::Contradicted),
        (
            "s1; a bad K1; s2; a clean K1; a says rekeyed ref; s3; a clean K1",
            State::Contradicted,
        ),
        ("s1; a bad K1; s2; a clean K1", State::ClosedKeyAtRisk),
        ("s1; a bad K1; b clean K1", State::Exposed),
        (
            "s1; a bad K1; s2; a bad K2; s3; a clean K2",
            State::RekeyedTooEarly,
        ),
        ("s1; a bad K1; s2; a clean K2", State::RekeyedOldNotRevoked),
        (
            "s1; a bad K1; s2; a clean K2; a says revoked ref",
            State::AwaitingVerification,
        ),
        ("s1; a clean K1", State::AwaitingVerification),
        ("s1; a clean K1; s2; a clean K1", State::Verified),
        ("s1; a clean K1; s2; a clean K1; s3; a bad K1", State::Regressed),
        ("s1; a clean old1", State::PresumedAffected),
        ("s1; a tls13 K1", State::NotAffected),
        ("s1; a tls13 old1", State::NotAffected),
        ("s1; a nottls", State::NotAffected),
        ("s1; a refused; a says not-affected", State::NotAffected),
        ("s1; a clean old1; a says not-affected", State::NotAffected),
        ("s1; a odd; a waives all 5h", State::Waived),
        ("s1; a clean K1; a waives all 5h", State::Waived),
        ("s1; a bad K1; a waives all 5h", State::Exposed),
        ("s1; a odd; a waives all 1h; wait 2h", State::Unknown),
        (
            "s1; a refused; s2; a refused; a says gone ref",
            State::Decommissioned,
        ),
        ("s1; a refused; a says gone ref", State::Unknown),
        (
            "s1; a bad K1; a says gone ref; s2; a noname; s3; a noname",
            State::Decommissioned,
        ),
    ];
    for (text, expected) in table {
        let assessment = end(text);
        let service = of(&assessment, "a");
        assert_eq!(service.state, *expected, "{text}: {service:#?}");
        assert!(!service.next_action.is_empty(), "{text}");
    }
}

#[test]
fn stale_secrets_and_the_confirmed_end() {
    let policy = lenient();
    let verified = tell(REPAIRED);
    let assessment = verified.assess(&policy);
    let service = of(&assessment, "a");
    assert_eq!(service.state, State::Verified, "{service:#?}");
    assert_eq!(service.facets.verified.grade, Some(Grade::E3));
    assert_eq!(service.facets.restarted.grade, Some(Grade::E3));
    assert_eq!(service.facets.patched.justification.as_deref(), Some("CHG-1"));

    let stale = tell_on(verified, "wait 800h").assess(&policy);
    assert_eq!(of(&stale, "a").state, State::Stale);
    assert_eq!(of(&stale, "a").regressions, [Regression::R8]);

    let mut held = History::new(3);
    held.evidence.secrets = vec![secret("db", &["a"], false)];
    let held = tell_on(held, REPAIRED).assess(&policy);
    assert_eq!(of(&held, "a").state, State::SecretsPending);
}

#[test]
fn a_minimum_that_no_word_can_meet_is_named() {
    // The default wants revocation seen; a person's word is E1.
    let assessment = end(REPAIRED);
    let service = of(&assessment, "a");
    assert_eq!(service.state, State::AwaitingVerification);
    assert!(
        service.next_action.contains("revoked") && service.next_action.contains("E2"),
        "{service:#?}"
    );
}

#[test]
fn codes_of_what_went_backwards() {
    use Regression::{R1, R2, R3, R4, R6, R7, R9};
    let table: &[(&str, &str, State, &[Regression])] = &[
        (
            "vulnerable again",
            "s1; a bad K1; s2; a clean K2; s3; a bad K2",
            State::Regressed,
            &[R1],
        ),
        (
            "the old key again",
            "s1; a bad K1; s2; a clean K2; s3; a clean K1",
            State::Regressed,
            &[R2],
        ),
        (
            "a new host on the old key",
            "s1; a bad K1; s2; a bad K1; a@2 clean K1",
            State::Exposed,
            &[R2, R4],
        ),
        (
            "another service on the old key",
            "s1; b bad K1; s2; a clean K1",
            State::ClosedKeyAtRisk,
            &[R2],
        ),
        (
            "reissued on the same key",
            "s1; a bad K1; s2; a clean K1/2",
            State::ClosedKeyAtRisk,
            &[R3],
        ),
        (
            "not reissued",
            "s1; a bad K1; s2; a clean K1",
            State::ClosedKeyAtRisk,
            &[],
        ),
        (
            "half a fleet",
            "s1; a bad K1; a@2 bad K1; s2; a clean K2; a@2 bad K1",
            State::Exposed,
            &[R4],
        ),
        (
            "half a fleet from the start",
            "s1; a clean K1; a@2 bad K1",
            State::Exposed,
            &[],
        ),
        (
            "revoked and still served",
            "s1; a bad K1; s2; a clean K1; a says revoked ref; s3; a clean K1",
            State::ClosedKeyAtRisk,
            &[R6],
        ),
        (
            "a new address",
            "s1; a clean K1; s2; a clean K1; s3; a clean K1; a@2 clean K1",
            State::AwaitingVerification,
            &[R7],
        ),
        (
            "waiver over",
            "s1; a odd; a waives all 1h; wait 2h",
            State::Unknown,
            &[R9],
        ),
        (
            "waiver over, done meanwhile",
            "s1; a clean K1; a waives all 1h; s2; a clean K1; wait 2h",
            State::Verified,
            &[],
        ),
    ];
    for (what, text, state, codes) in table {
        let assessment = end(text);
        let service = of(&assessment, "a");
        assert_eq!(
            (service.state, &*service.regressions),
            (*state, *codes),
            "{what}: {service:#?}"
        );
    }
    let reissued = end("s1; a bad K1; s2; a clean K1/2");
    assert!(
        of(&reissued, "a")
            .notes
            .iter()
            .any(|n| n.contains("reissued on the same key")),
        "{:?}",
        of(&reissued, "a").notes
    );
    assert_eq!(reissued.keys[0].reissued.len(), 1);
}

#[test]
fn the_key_is_what_is_tracked() {
    // A printer that never was bad serves the web server's key; another SNI of the same port too.
    let mut history = tell("s1; a bad K1; b@2 clean K1; c@1 clean K3+E3; s2; a clean K2; b@2 clean K1");
    let assessment = history.assess(&Policy::default());
    let (a, b, c) = (of(&assessment, "a"), of(&assessment, "b"), of(&assessment, "c"));
    assert_eq!(b.state, State::ClosedKeyAtRisk, "served elsewhere");
    assert_eq!(a.key_shared_with, [RowId::declared("b")]);
    assert_eq!(a.spki_before, [Sha256::of(b"K1")]);
    assert_eq!(a.spki_now, [Sha256::of(b"K2")]);
    assert!(a.blocked_by.contains(&"b".to_owned()), "{:?}", a.blocked_by);
    // c was seen on the same address and port after a's bad look: not by that look in reach.
    assert_eq!(c.state, State::AwaitingVerification);
    let exposed: Vec<_> = assessment
        .keys
        .iter()
        .filter(|k| k.exposure == KeyExposure::Exposed)
        .collect();
    assert_eq!(exposed.len(), 1);
    assert_eq!(exposed[0].endpoints.len(), 2);
    assert!(
        exposed[0]
            .endpoints
            .iter()
            .any(|e| e.row_id.as_str() == "b" && e.serves_now)
    );
    assert!(
        exposed[0]
            .endpoints
            .iter()
            .any(|e| e.row_id.as_str() == "a" && !e.serves_now)
    );

    // Bad once more: now everything that was seen there by then is exposed.
    history = tell_on(history, "s3; a bad K2");
    let assessment = history.assess(&Policy::default());
    assert_eq!(of(&assessment, "c").state, State::ClosedKeyAtRisk);
    let exposed = assessment
        .keys
        .iter()
        .filter(|k| k.exposure == KeyExposure::Exposed);
    assert_eq!(exposed.count(), 4, "K1 K2 K3 E3");
}

#[test]
fn rekeyed_needs_every_key_of_every_address_to_be_new() {
    use FacetValue::{Done, NotApplicable, Open, TooEarly};
    let table: &[(&str, FacetValue, Option<Grade>)] = &[
        ("s1; a clean K1", NotApplicable, None),
        ("s1; a bad K1; s2; a clean K1", Open, None),
        ("s1; a bad K1; s2; a clean K2", Done, Some(Grade::E2)),
        (
            "s1; a bad K1; s2; a clean K2; s3; a clean K2",
            Done,
            Some(Grade::E3),
        ),
        ("s1; a bad K1+E1; s2; a clean K2+E1", Open, None),
        ("s1; a bad K1+E1; s2; a clean K2?", Open, None),
        ("s1; a bad K1+E1; s2; a clean K2", Done, Some(Grade::E2)),
        (
            "s1; a bad K1; a@2 bad K1; s2; a clean K2; a@2 clean K1",
            Open,
            None,
        ),
        ("s1; a bad K1; s2; a bad K2; s3; a clean K2", TooEarly, None),
        (
            "s1; a bad K1; s2; a bad K2; s3; a clean K3",
            Done,
            Some(Grade::E2),
        ),
        // The second key of a server is not a new one because it was first asked for later.
        ("s1; a bad K1?; s2; a bad K1+E1; s3; a clean K1+E1", Open, None),
        // A key from elsewhere that was seen before the leak was closed is no new key.
        ("s1; b clean K2; a bad K1; s2; a clean K2", Open, None),
        // Claimed is not done.
        (
            "s1; a bad K1; s2; a clean K1; a says rekeyed ref",
            FacetValue::Claimed,
            Some(Grade::E1),
        ),
    ];
    for (text, value, grade) in table {
        let assessment = end(text);
        let facet = &of(&assessment, "a").facets.rekeyed;
        assert_eq!((facet.value, facet.grade), (*value, *grade), "{text}");
    }
}

#[test]
fn a_tie_is_not_after() {
    let mut history = tell("s1; a bad K1; b@2 clean K2");
    let at = history.evidence.observations[0].at;
    history.evidence.observations[1].at = at;
    history.evidence.observations[1].address = history.evidence.observations[0].address;
    let assessment = history.assess(&Policy::default());
    assert_eq!(
        of(&assessment, "b").state,
        State::ClosedKeyAtRisk,
        "same address, port and time"
    );
}

#[test]
fn patched_and_restarted_follow_evidence_not_ticks() {
    use FacetValue::{Claimed, Contradicted, Done, NotApplicable, Open, Regressed, Unknown};
    let table: &[(&str, FacetValue, FacetValue)] = &[
        ("", Unknown, Unknown),
        ("s1; a odd", Unknown, Unknown),
        ("s1; a clean K1", NotApplicable, Done),
        ("s1; a nottls", NotApplicable, NotApplicable),
        ("s1; a bad K1", Open, Open),
        ("s1; a bad K1; a says patched ref", Claimed, Open),
        (
            "s1; a bad K1; a says patched ref; s2; a bad K1",
            Contradicted,
            Open,
        ),
        ("s1; a bad K1; a says patched ref; s2; a clean K1", Done, Done),
        ("s1; a bad K1; a says patched; s2; a clean K1", Claimed, Done),
        (
            "s1; a bad K1; a says patched ref; a says withdraw; s2; a clean K1",
            Open,
            Done,
        ),
        ("s1; a bad K1; s2; a odd", Open, Open),
        ("s1; a clean K1; s2; a bad K1", Open, Regressed),
        ("s1; a bad K1; a waives restarted 5h", Open, Open),
        (
            "s1; a bad K1; s2; a odd; a waives restarted 5h",
            Open,
            FacetValue::Waived,
        ),
    ];
    for (text, patched, restarted) in table {
        let assessment = end(text);
        let facets = &of(&assessment, "a").facets;
        assert_eq!(
            (facets.patched.value, facets.restarted.value),
            (*patched, *restarted),
            "{text}"
        );
    }
}

#[test]
fn addresses_that_are_no_longer_seen() {
    let table: &[(&str, State)] = &[
        ("s1; a bad K1; a@2 clean K2; s2; a@2 clean K3", State::Exposed),
        (
            "s1; a bad K1; a@2 clean K2; s2; a@2 clean K3; a says gone@1 ref",
            State::RekeyedOldNotRevoked,
        ),
        ("s1; a bad K1; a@2 clean K2; a says gone@1 ref", State::Exposed),
        ("s1; a clean K1; a@2 clean K1; s2; a clean K1", State::Verified),
        ("s1; a odd; a@2 clean K1; s2; a@2 clean K1", State::Verified),
        (
            "s1; a bad K1; a@2 clean K2; s2; a odd; s3; a@2 clean K3",
            State::Unknown,
        ),
        ("s1; a clean K1; s2; a noname", State::Unknown),
        ("s1; a clean K1; s2; a noname; s3; a clean K1", State::Verified),
        ("s1; a bad K1; s2; a noname", State::Unknown),
        ("s1; a bad K1; s2; a noname; s3; a@2 clean K2", State::Exposed),
        (
            "s1; a bad K1; s2; a@2 clean K2; a says gone@1; s3; a bad K1; a@2 clean K2",
            State::Regressed,
        ),
    ];
    for (text, expected) in table {
        let assessment = end(text);
        assert_eq!(
            of(&assessment, "a").state,
            *expected,
            "{text}: {:#?}",
            of(&assessment, "a")
        );
    }
    let left = end("s1; a bad K1; a@2 clean K2; s2; a@2 clean K3");
    let service = of(&left, "a");
    assert!(
        service.next_action.contains("192.0.2.1"),
        "{}",
        service.next_action
    );
    assert_eq!(
        service.endpoints.iter().map(|e| e.current).collect::<Vec<_>>(),
        [false, true]
    );
}

#[test]
fn who_is_presumed() {
    let stack = |stack| Declared {
        tls_stack: Some(stack),
        ..Declared::default()
    };
    let table = [
        ("clean old1", TlsStack::Unknown, Presume::Dated, true),
        ("clean old1", TlsStack::OpensslStatic, Presume::Dated, true),
        ("clean old1", TlsStack::Other, Presume::Dated, false),
        ("clean old1", TlsStack::Appliance, Presume::Dated, false),
        ("clean old1", TlsStack::Provider, Presume::Dated, false),
        ("clean K1", TlsStack::Unknown, Presume::Dated, false),
        ("clean K1", TlsStack::Unknown, Presume::All, true),
        ("clean K1", TlsStack::Appliance, Presume::All, true),
        ("clean K1", TlsStack::Other, Presume::All, false),
        ("clean old1", TlsStack::Unknown, Presume::None, false),
        ("tls13 old1", TlsStack::Unknown, Presume::Dated, false),
        ("bad old1", TlsStack::Unknown, Presume::All, false),
        ("odd", TlsStack::Unknown, Presume::All, false),
    ];
    for (look, tls_stack, presume, expected) in table {
        let mut history = History::new(3);
        history.evidence.services[0].declared = stack(tls_stack).into();
        let policy = Policy {
            presume,
            ..Policy::default()
        };
        let history = tell_on(history, &format!("s1; a {look}"));
        let assessment = history.assess(&policy);
        let service = of(&assessment, "a");
        assert_eq!(service.presumed, expected, "{look} {tls_stack} {presume}");
        assert_eq!(
            service.state == State::PresumedAffected,
            expected,
            "{look} {tls_stack} {presume}"
        );
    }
}

#[test]
fn presumption_ends_with_new_keys_or_a_justification() {
    let table: &[(&str, State)] = &[
        ("s1; a clean old1; s2; a clean old1", State::PresumedAffected),
        ("s1; a clean old1; s2; a clean K2", State::RekeyedOldNotRevoked),
        (
            "s1; a clean old1; a says not-affected; s2; a clean old1",
            State::NotAffected,
        ),
        (
            "s1; a clean old1; a says not-affected; a says withdraw",
            State::PresumedAffected,
        ),
        ("s1; a clean old1; s2; a bad old1", State::Regressed),
        ("s1; a clean old1; a waives all 9h", State::Waived),
    ];
    for (text, expected) in table {
        assert_eq!(of(&end(text), "a").state, *expected, "{text}");
    }
    let shared = end("s1; a clean old1; s2; a clean old1; b clean old1");
    assert_eq!(of(&shared, "b").state, State::PresumedAffected);
    assert_eq!(shared.keys[0].exposure, KeyExposure::Presumed);
}

#[test]
fn secrets_wait_for_the_leak_to_be_closed() {
    use SecretState::{Deployed, Identified, NotExposed, OldRefused, TooEarly};
    let table: &[(&str, SecretState, bool, bool)] = &[
        ("s1; a clean K1", Identified, true, false),
        ("s1; a bad K1", Identified, false, true),
        (
            "s1; a bad K1; secret db says old-refused ref",
            OldRefused,
            false,
            true,
        ),
        (
            "s1; a bad K1; secret db says old-refused ref; s2; a clean K2",
            OldRefused,
            true,
            true,
        ),
        (
            "s1; a bad K1; secret db says old-refused ref; s2; a bad K1; s3; a clean K2",
            TooEarly,
            false,
            true,
        ),
        (
            "s1; a bad K1; s2; a clean K2; secret db says old-refused ref",
            OldRefused,
            true,
            true,
        ),
        (
            "s1; a bad K1; s2; a clean K2; secret db says old-refused ref done-5h",
            TooEarly,
            false,
            true,
        ),
        (
            "s1; a bad K1; s2; a clean K2; secret db says deployed",
            Deployed,
            false,
            true,
        ),
        (
            "s1; a bad K1; s2; a clean K2; secret db says not-exposed ref",
            NotExposed,
            true,
            true,
        ),
        (
            "s1; a bad K1; b bad K3; s2; a clean K2; secret db says old-refused ref",
            OldRefused,
            false,
            true,
        ),
        (
            "s1; b clean old1; secret db says old-refused ref",
            OldRefused,
            true,
            true,
        ),
    ];
    for (text, state, closed, in_reach) in table {
        let mut history = History::new(3);
        history.evidence.secrets = vec![secret("db", &["a", "b"], false)];
        let history = tell_on(history, text);
        let assessment = history.assess(&Policy::default());
        let got = &assessment.secrets[0];
        assert_eq!(
            (got.state, got.closed, got.in_reach),
            (*state, *closed, *in_reach),
            "{text}"
        );
    }
}

#[test]
fn one_word_closes_what_nobody_listed_and_nothing_that_somebody_did() {
    let mut history = History::new(3);
    history.evidence.secrets = vec![secret("a/C7", &["a"], true), secret("db", &["a"], false)];
    let history = tell_on(history, "s1; a bad K1; s2; a clean K2; a says secrets ref");
    let assessment = history.assess(&Policy::default());
    assert_eq!(
        assessment.secrets.iter().map(|s| s.closed).collect::<Vec<_>>(),
        [true, false]
    );
    let service = of(&assessment, "a");
    assert_eq!((service.secrets_done, service.secrets_total), (1, 2));
    assert_eq!(service.facets.secrets.value, FacetValue::Open);
}

#[test]
fn a_secret_that_shares_a_process_with_a_leak_is_in_reach() {
    let mut history = History::new(3);
    history.evidence.secrets = vec![secret("db", &["b"], false)];
    // b answers on the address and port of a: one process, one memory.
    let history = tell_on(history, "s1; b clean K2; a bad K1");
    assert!(history.assess(&Policy::default()).secrets[0].in_reach);
}

#[test]
fn gates() {
    use GateResult::{Holds, Incomplete, Open, Regressed};
    let table: &[(&str, [GateResult; 3])] = &[
        ("", [Incomplete, Incomplete, Incomplete]),
        ("s1; a bad K1", [Open, Open, Open]),
        ("s1; a odd", [Incomplete, Incomplete, Incomplete]),
        ("s1; a bad K1; s2; a odd", [Incomplete, Open, Open]),
        ("s1; a bad K1; s2; a clean K1", [Holds, Open, Open]),
        ("s1; a clean old1", [Holds, Open, Open]),
        ("s1; a bad K1; s2; a clean K2", [Holds, Holds, Open]),
        ("s1; a clean K1", [Holds, Holds, Open]),
        ("s1; a clean K1; s2; a clean K1", [Holds, Holds, Holds]),
        ("s1; a nottls", [Holds, Holds, Holds]),
        ("s1; a odd; a waives all 5h", [Holds, Holds, Holds]),
        ("s1; a clean K1; s2; a bad K1", [Regressed, Regressed, Regressed]),
        (
            "s1; a bad K1; s2; a clean K2; s3; a clean K1",
            [Regressed, Regressed, Regressed],
        ),
    ];
    for (text, expected) in table {
        let assessment = end(text);
        let only = |row: &RowId| row.as_str() == "a";
        for (kind, expected) in Gate::ALL.iter().zip(expected) {
            assert_eq!(gate(&assessment, *kind, &only), *expected, "{text}: {kind}");
        }
    }
    let all = end("s1; a bad K1; b odd; c clean K3");
    assert_eq!(gate(&all, Gate::Closed, &|_| true), Open, "the worst decides");
    assert_eq!(
        gate(&all, Gate::Closed, &|_| false),
        Incomplete,
        "nobody was asked"
    );
}

#[test]
fn as_of_a_sweep_and_what_changed_since() {
    let history = tell(
        "s1; a bad K1; b@2 clean K2; a says patched ref; s2; a clean K1; b@2 clean K2; s3; a bad K1; b@2 clean K2",
    );
    let policy = Policy::default();
    let disclosure = heartbleed();
    let at = |n| assess_as_of(&history.evidence, &disclosure, &policy, history.now, SweepId(n));
    let states = |a: &Assessment| a.services.iter().map(|s| s.state).collect::<Vec<_>>();
    let (one, two, three) = (at(1), at(2), at(3));
    assert_eq!(
        states(&one),
        [State::Exposed, State::AwaitingVerification, State::Unknown]
    );
    assert_eq!(
        one.services[0].facets.patched.value,
        FacetValue::Claimed,
        "the claim came before sweep 2"
    );
    assert_eq!(
        states(&two),
        [State::ClosedKeyAtRisk, State::Verified, State::Unknown]
    );
    assert_eq!(
        states(&three),
        [State::Regressed, State::Verified, State::Unknown]
    );
    assert_eq!((one.sweep, two.sweep), (Some(SweepId(1)), Some(SweepId(2))));

    let changed = changes(Some(&two), &three);
    assert_eq!(changed.len(), 1);
    assert_eq!(
        (changed[0].from, changed[0].to),
        (Some(State::ClosedKeyAtRisk), State::Regressed)
    );
    assert_eq!(changed[0].code, Some(Regression::R1));
    assert_eq!(
        (changed[0].sweep_a, changed[0].sweep_b),
        (Some(SweepId(2)), SweepId(3))
    );
    assert_eq!(changes(None, &one).len(), 3, "at first everything is new");
    assert!(changes(Some(&three), &three).is_empty());
}

#[test]
fn dates_that_reports_print() {
    let history = tell("s1; a bad K1; s2; a odd; s3; a clean K1; s4; a clean K1");
    let at: Vec<Timestamp> = history.evidence.observations.iter().map(|o| o.at).collect();
    let assessment = history.assess(&Policy::default());
    let service = of(&assessment, "a");
    assert_eq!(service.last_bad, Some(at[0]));
    assert_eq!(service.first_good, Some(at[2]));
    assert_eq!(
        (service.first_seen, service.last_seen),
        (Some(at[0]), Some(at[3]))
    );
    assert_eq!(
        service.state_since,
        Some(at[2]),
        "closed since the first clean look"
    );
    assert_eq!(
        service.due,
        Some(at[0].plus_seconds(24 * 3600)),
        "unknown exposure is due like public"
    );
    assert_eq!(of(&assessment, "b").state_since, None);
    let b = of(&assessment, "b").due;
    assert_eq!(b, Some(heartbleed().disclosed_at.plus_seconds(24 * 3600)));

    let mut history = tell("s1; a odd; a waives all 1h; wait 3h");
    history.evidence.services[0].declared = Declared {
        exposure: Some(Exposure::Internal),
        ..Declared::default()
    }
    .into();
    let until = history.evidence.claims[0].at.plus_seconds(3600 - 60);
    let assessment = history.assess(&Policy::default());
    assert_eq!(
        of(&assessment, "a").state_since,
        Some(until),
        "since the waiver ran out"
    );
}

#[test]
fn verified_waits_for_a_later_sweep_and_the_hours_of_policy() {
    let text = "s1; a clean K1; s2; a clean K1";
    let policy = Policy {
        confirm_after_hours: 2,
        ..Policy::default()
    };
    let history = tell(text);
    assert_eq!(
        of(&history.assess(&policy), "a").state,
        State::AwaitingVerification
    );
    let later = tell_on(history, "wait 2h; s3; a clean K1");
    assert_eq!(of(&later.assess(&policy), "a").state, State::Verified);
    // Twice in one sweep is one sweep.
    assert_eq!(
        of(&end("s1; a clean K1; a clean K1"), "a").state,
        State::AwaitingVerification
    );
    // The confirming look must come after the last word as well.
    let late =
        tell("s1; a bad K1; s2; a clean K2; s3; a clean K2; a says patched ref; a says revoked ref done-1h");
    assert_eq!(
        of(&late.assess(&lenient()), "a").state,
        State::AwaitingVerification
    );
}

#[test]
fn an_expired_certificate_needs_no_revocation() {
    let history = tell("s1; a bad K1; s2; a clean K2; wait 9100h; s3; a clean K2");
    let assessment = history.assess(&Policy::default());
    let service = of(&assessment, "a");
    assert_eq!(service.facets.revoked.value, FacetValue::Done);
    assert_eq!(service.facets.revoked.grade, Some(Grade::E2));
    assert!(service.old_certificates[0].expired && !service.old_certificates[0].revoked);
}

#[test]
fn what_to_do_fits_how_tls_comes_in() {
    for (stack, word) in [
        (TlsStack::OpensslDynamic, "restart every process"),
        (TlsStack::OpensslStatic, "rebuild"),
        (TlsStack::Appliance, "firmware"),
        (TlsStack::Provider, "provider"),
    ] {
        let mut history = History::new(1);
        history.evidence.services[0].declared = Declared {
            tls_stack: Some(stack),
            ..Declared::default()
        }
        .into();
        let assessment = tell_on(history, "s1; a bad K1").assess(&Policy::default());
        let service = of(&assessment, "a");
        assert!(
            service.next_action.contains(word),
            "{stack}: {}",
            service.next_action
        );
        assert!(
            service
                .blocked_by
                .iter()
                .any(|b| b.starts_with("No restart before")),
            "{stack}"
        );
        assert!(
            service
                .blocked_by
                .iter()
                .any(|b| b.starts_with("No new key before")),
            "{stack}"
        );
    }
}

#[test]
fn a_bad_service_whose_key_was_never_seen_owes_one_all_the_same() {
    let assessment = end("s1; a bad; s2; a clean; s3; a clean");
    let service = of(&assessment, "a");
    assert_eq!(service.state, State::ClosedKeyAtRisk);
    assert_eq!(service.facets.rekeyed.value, FacetValue::Unknown);
}

#[test]
fn coverage_counts_every_service() {
    let assessment = end("s1; a bad K1; b refused");
    let coverage = assessment.coverage;
    assert_eq!((coverage.known, coverage.probed, coverage.unknown), (3, 1, 2));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn whatever_happened_the_rules_hold(data in proptest::collection::vec(any::<u8>(), 1..120)) {
        fuzz(&data);
    }

    #[test]
    fn words_without_looks_verify_nothing(words in proptest::collection::vec((0..6usize, any::<bool>()), 0..20)) {
        let mut history = History::new(1);
        for (facet, reference) in words {
            let facet = FacetKind::ALL[facet];
            history.say(Subject::Service(RowId::declared("a")), Statement::FacetDone { facet }, reference);
        }
        let state = of(&history.assess(&Policy::default()), "a").state;
        prop_assert_eq!(state, State::Unknown);
    }
}
