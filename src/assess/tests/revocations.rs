//! Revocation: what an authority says beside what people say.

use super::*;
use crate::model::{
    finding::FindingKind,
    revocation::{Revocation, RevocationReason, RevocationSource, RevocationStatus},
    served::Details,
};

/// One check of the first certificate on a key, now.
pub(super) fn checked(history: &mut History, key: &str, says: &str) {
    history.now = history.now.plus_seconds(60);
    let status: RevocationStatus = says.parse().expect("good, revoked or unknown");
    let revoked = status == RevocationStatus::Revoked;
    history.evidence.revocations.push(Revocation {
        certificate: certificate(key, 1).sha256,
        at: history.now,
        status,
        source: (status != RevocationStatus::Unknown).then_some(RevocationSource::Crl),
        reason: revoked.then_some(RevocationReason::KeyCompromise),
        revoked_at: revoked.then_some(history.now),
        this_update: Some(history.now),
        next_update: None,
        url: None,
        detail: None,
    });
}

/// The same history with certificates whose authority can be asked.
pub(super) fn checkable(mut history: History) -> History {
    for certificate in history.evidence.observations.iter_mut().filter_map(|o| o.certificate.as_mut()) {
        let details = Details { crl: vec!["http://ca.test/list".to_owned()], ..Details::default() };
        certificate.details = Some(Box::new(details));
    }
    history
}

fn judged(text: &str) -> Assessment {
    let history = checkable(tell(text));
    check(&history, &Policy::default());
    history.assess(&Policy::default())
}

#[test]
fn what_an_authority_says_outranks_what_people_say() {
    let start = "s1; a bad K1; a says patched ref; s2; a clean K2";
    let table: &[(&str, State, FacetValue, Option<Grade>)] = &[
        ("", State::RekeyedOldNotRevoked, FacetValue::Open, None),
        ("authority K1 unknown", State::RekeyedOldNotRevoked, FacetValue::Open, None),
        ("authority K1 good", State::RekeyedOldNotRevoked, FacetValue::Open, None),
        ("authority K1 revoked", State::AwaitingVerification, FacetValue::Done, Some(Grade::E2)),
        ("authority K1 revoked; s3; a clean K2", State::Verified, FacetValue::Done, Some(Grade::E2)),
        (
            "authority K1 revoked; s3; a clean K2; authority K1 revoked",
            State::Verified,
            FacetValue::Done,
            Some(Grade::E3),
        ),
        // An unknown answer takes nothing back; a hold that was lifted does.
        (
            "authority K1 revoked; authority K1 unknown",
            State::AwaitingVerification,
            FacetValue::Done,
            Some(Grade::E2),
        ),
        ("authority K1 revoked; authority K1 good", State::RekeyedOldNotRevoked, FacetValue::Open, None),
        // A word, and an authority that still vouches later, or earlier.
        ("a says revoked ref; authority K1 good", State::Contradicted, FacetValue::Contradicted, None),
        (
            "authority K1 good; a says revoked ref",
            State::RekeyedOldNotRevoked,
            FacetValue::Done,
            Some(Grade::E1),
        ),
        (
            "a says revoked ref; authority K1 revoked",
            State::AwaitingVerification,
            FacetValue::Done,
            Some(Grade::E2),
        ),
        (
            "a says revoked ref; authority K1 unknown; s3; a clean K2",
            State::RekeyedOldNotRevoked,
            FacetValue::Done,
            Some(Grade::E1),
        ),
    ];
    for (rest, state, value, grade) in table {
        let assessment = judged(&format!("{start}; {rest}"));
        let service = of(&assessment, "a");
        let facet = &service.facets.revoked;
        assert_eq!(
            (service.state, facet.value, facet.grade),
            (*state, *value, *grade),
            "{rest}: {service:#?}"
        );
    }
}

#[test]
fn where_nobody_can_be_asked_a_word_with_a_reference_is_enough() {
    let assessment = end(REPAIRED);
    assert_eq!(of(&assessment, "a").state, State::Verified);
    let mut policy = Policy::default();
    policy.minimum_grades.revoked = Grade::E3;
    let asked = checkable(tell(
        "s1; a bad K1; a says patched ref; s2; a clean K2; authority K1 revoked; s3; a clean K2",
    ));
    assert_eq!(of(&asked.assess(&policy), "a").state, State::RekeyedOldNotRevoked, "E2, and E3 is wanted");
}

#[test]
fn a_revoked_certificate_that_is_served_is_a_regression_and_a_finding() {
    let assessment = judged("s1; a bad K1; s2; a clean K1; authority K1 revoked; s3; a clean K1");
    let service = of(&assessment, "a");
    assert!(service.regressions.contains(&Regression::R6), "{service:#?}");
    let finding = service.findings.iter().find(|f| f.kind == FindingKind::ServesRevoked);
    assert!(finding.is_some_and(|f| f.detail.contains("keyCompromise")), "{:?}", service.findings);
    let old = &service.old_certificates[0];
    assert!(old.revoked && old.check.as_ref().is_some_and(|c| c.status == RevocationStatus::Revoked));
    // Nothing is served any more: no finding, and no regression.
    let assessment = judged("s1; a bad K1; s2; a clean K2; authority K1 revoked; s3; a clean K2");
    let service = of(&assessment, "a");
    let serves = service.findings.iter().any(|f| f.kind == FindingKind::ServesRevoked);
    assert!(!serves && service.regressions.is_empty(), "{service:#?}");
}

#[test]
fn what_was_known_at_a_sweep_is_what_was_asked_by_then() {
    let history = checkable(tell("s1; a bad K1; s2; a clean K2; s3; a clean K2; authority K1 revoked"));
    let before = assess_as_of(
        &history.evidence,
        &heartbleed(),
        &Policy::default(),
        history.now,
        crate::model::ids::SweepId(2),
    );
    assert_eq!(of(&before, "a").facets.revoked.value, FacetValue::Open);
}

#[test]
fn a_hold_is_not_revoked_and_another_reason_is_told() {
    let mut history =
        checkable(tell("s1; a bad K1; a says patched ref; s2; a clean K2; authority K1 revoked"));
    let at = |history: &History| history.assess(&Policy::default());
    history.evidence.revocations[0].reason = Some(RevocationReason::Superseded);
    let assessment = at(&history);
    assert_eq!(of(&assessment, "a").facets.revoked.value, FacetValue::Done);
    assert!(
        of(&assessment, "a").notes.iter().any(|n| n.contains("superseded")),
        "{:?}",
        of(&assessment, "a").notes
    );
    history.evidence.revocations[0].reason = Some(RevocationReason::CertificateHold);
    let assessment = at(&history);
    assert_eq!(of(&assessment, "a").facets.revoked.value, FacetValue::Open);
    assert!(
        of(&assessment, "a").notes.iter().any(|n| n.contains("on hold")),
        "{:?}",
        of(&assessment, "a").notes
    );
}

#[test]
fn what_a_later_look_kept_of_a_certificate_counts() {
    // The first look is of a release that kept no URLs; a later one did.
    let mut history = tell(
        "s1; a bad K1; s2; a bad K1; a says patched ref; s3; a clean K2; a says revoked ref; s4; a clean K2",
    );
    let asked = checkable(tell("s1; a bad K1; s2; a bad K1"));
    history.evidence.observations[1] = asked.evidence.observations[1].clone();
    let assessment = history.assess(&Policy::default());
    assert_eq!(of(&assessment, "a").state, State::RekeyedOldNotRevoked, "somebody can be asked");
}
