//! States, facets and codes at the end of a history.

use super::*;

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
        ("s1; a bad K1; a says patched ref; s2; a bad K1", State::Contradicted),
        ("s1; a bad K1; a says restarted; s2; a bad K1", State::Contradicted),
        ("s1; a odd; a says not-affected; s2; a bad K1", State::Contradicted),
        ("s1; a clean K1; a says gone; s2; a clean K1", State::Contradicted),
        ("s1; a bad K1; s2; a clean K1; a says rekeyed ref; s3; a clean K1", State::Contradicted),
        ("s1; a bad K1; s2; a clean K1", State::ClosedKeyAtRisk),
        ("s1; a bad K1; b clean K1", State::Exposed),
        ("s1; a bad K1; s2; a bad K2; s3; a clean K2", State::RekeyedTooEarly),
        ("s1; a bad K1; s2; a clean K2", State::RekeyedOldNotRevoked),
        ("s1; a bad K1; s2; a clean K2; a says revoked ref", State::AwaitingVerification),
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
        ("s1; a refused; s2; a refused; a says gone ref", State::Decommissioned),
        ("s1; a refused; a says gone ref", State::Unknown),
        ("s1; a bad K1; a says gone ref; s2; a noname; s3; a noname", State::Decommissioned),
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
    // Where an authority can be asked, a person's word (E1) is not enough.
    let history = revocations::checkable(tell(REPAIRED));
    let assessment = history.assess(&Policy::default());
    let service = of(&assessment, "a");
    assert_eq!(service.state, State::RekeyedOldNotRevoked);
    assert!(service.next_action.contains("CRL or OCSP answer"), "{service:#?}");
}

#[test]
fn codes_of_what_went_backwards() {
    use Regression::{R1, R2, R3, R4, R6, R7, R9};
    let table: &[(&str, &str, State, &[Regression])] = &[
        ("vulnerable again", "s1; a bad K1; s2; a clean K2; s3; a bad K2", State::Regressed, &[R1]),
        ("the old key again", "s1; a bad K1; s2; a clean K2; s3; a clean K1", State::Regressed, &[R2]),
        ("a new host on the old key", "s1; a bad K1; s2; a bad K1; a@2 clean K1", State::Exposed, &[R2, R4]),
        ("another service on the old key", "s1; b bad K1; s2; a clean K1", State::ClosedKeyAtRisk, &[R2]),
        ("reissued on the same key", "s1; a bad K1; s2; a clean K1/2", State::ClosedKeyAtRisk, &[R3]),
        ("not reissued", "s1; a bad K1; s2; a clean K1", State::ClosedKeyAtRisk, &[]),
        ("half a fleet", "s1; a bad K1; a@2 bad K1; s2; a clean K2; a@2 bad K1", State::Exposed, &[R4]),
        ("half a fleet from the start", "s1; a clean K1; a@2 bad K1", State::Exposed, &[]),
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
        ("waiver over", "s1; a odd; a waives all 1h; wait 2h", State::Unknown, &[R9]),
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
        assert_eq!((service.state, &*service.regressions), (*state, *codes), "{what}: {service:#?}");
    }
    let reissued = end("s1; a bad K1; s2; a clean K1/2");
    assert!(
        of(&reissued, "a").notes.iter().any(|n| n.contains("reissued on the same key")),
        "{:?}",
        of(&reissued, "a").notes
    );
    assert_eq!(reissued.keys[0].reissued.len(), 1);
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
        ("s1; a bad K1; a says patched ref; s2; a bad K1", Contradicted, Open),
        ("s1; a bad K1; a says patched ref; s2; a clean K1", Done, Done),
        ("s1; a bad K1; a says patched; s2; a clean K1", Claimed, Done),
        ("s1; a bad K1; a says patched ref; a says withdraw; s2; a clean K1", Open, Done),
        ("s1; a bad K1; s2; a odd", Open, Open),
        ("s1; a clean K1; s2; a bad K1", Open, Regressed),
        ("s1; a bad K1; a waives restarted 5h", Open, Open),
        ("s1; a bad K1; s2; a odd; a waives restarted 5h", Open, FacetValue::Waived),
    ];
    for (text, patched, restarted) in table {
        let assessment = end(text);
        let facets = &of(&assessment, "a").facets;
        assert_eq!((facets.patched.value, facets.restarted.value), (*patched, *restarted), "{text}");
    }
}

#[test]
fn addresses_that_are_no_longer_seen() {
    let table: &[(&str, State)] = &[
        ("s1; a bad K1; a@2 clean K2; s2; a@2 clean K3", State::Exposed),
        ("s1; a bad K1; a@2 clean K2; s2; a@2 clean K3; a says gone@1 ref", State::RekeyedOldNotRevoked),
        ("s1; a bad K1; a@2 clean K2; a says gone@1 ref", State::Exposed),
        ("s1; a clean K1; a@2 clean K1; s2; a clean K1", State::Verified),
        ("s1; a odd; a@2 clean K1; s2; a@2 clean K1", State::Verified),
        ("s1; a bad K1; a@2 clean K2; s2; a odd; s3; a@2 clean K3", State::Unknown),
        ("s1; a clean K1; s2; a noname", State::Unknown),
        ("s1; a clean K1; s2; a noname; s3; a clean K1", State::Verified),
        ("s1; a bad K1; s2; a noname", State::Unknown),
        ("s1; a bad K1; s2; a noname; s3; a@2 clean K2", State::Exposed),
        ("s1; a bad K1; s2; a@2 clean K2; a says gone@1; s3; a bad K1; a@2 clean K2", State::Regressed),
    ];
    for (text, expected) in table {
        let assessment = end(text);
        assert_eq!(of(&assessment, "a").state, *expected, "{text}: {:#?}", of(&assessment, "a"));
    }
    let left = end("s1; a bad K1; a@2 clean K2; s2; a@2 clean K3");
    let service = of(&left, "a");
    assert!(service.next_action.contains("192.0.2.1"), "{}", service.next_action);
    assert_eq!(service.endpoints.iter().map(|e| e.current).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn verified_waits_for_a_later_sweep_and_the_hours_of_policy() {
    let text = "s1; a clean K1; s2; a clean K1";
    let policy = Policy { confirm_after_hours: 2, ..Policy::default() };
    let history = tell(text);
    assert_eq!(of(&history.assess(&policy), "a").state, State::AwaitingVerification);
    let later = tell_on(history, "wait 2h; s3; a clean K1");
    assert_eq!(of(&later.assess(&policy), "a").state, State::Verified);
    // Twice in one sweep is one sweep.
    assert_eq!(of(&end("s1; a clean K1; a clean K1"), "a").state, State::AwaitingVerification);
    // The confirming look must come after the last word as well.
    let late =
        tell("s1; a bad K1; s2; a clean K2; s3; a clean K2; a says patched ref; a says revoked ref done-1h");
    assert_eq!(of(&late.assess(&lenient()), "a").state, State::AwaitingVerification);
}
