//! Keys: exposed, presumed, replaced, reissued, revoked.

use super::*;

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
    let exposed: Vec<_> = assessment.keys.iter().filter(|k| k.exposure == KeyExposure::Exposed).collect();
    assert_eq!(exposed.len(), 1);
    assert_eq!(exposed[0].endpoints.len(), 2);
    assert!(exposed[0].endpoints.iter().any(|e| e.row_id.as_str() == "b" && e.serves_now));
    assert!(exposed[0].endpoints.iter().any(|e| e.row_id.as_str() == "a" && !e.serves_now));

    // Bad once more: now everything that was seen there by then is exposed.
    history = tell_on(history, "s3; a bad K2");
    let assessment = history.assess(&Policy::default());
    assert_eq!(of(&assessment, "c").state, State::ClosedKeyAtRisk);
    let exposed = assessment.keys.iter().filter(|k| k.exposure == KeyExposure::Exposed);
    assert_eq!(exposed.count(), 4, "K1 K2 K3 E3");
}

#[test]
fn rekeyed_needs_every_key_of_every_address_to_be_new() {
    use FacetValue::{Done, NotApplicable, Open, TooEarly};
    let table: &[(&str, FacetValue, Option<Grade>)] = &[
        ("s1; a clean K1", NotApplicable, None),
        ("s1; a bad K1; s2; a clean K1", Open, None),
        ("s1; a bad K1; s2; a clean K2", Done, Some(Grade::E2)),
        ("s1; a bad K1; s2; a clean K2; s3; a clean K2", Done, Some(Grade::E3)),
        ("s1; a bad K1+E1; s2; a clean K2+E1", Open, None),
        ("s1; a bad K1+E1; s2; a clean K2?", Open, None),
        ("s1; a bad K1+E1; s2; a clean K2", Done, Some(Grade::E2)),
        ("s1; a bad K1; a@2 bad K1; s2; a clean K2; a@2 clean K1", Open, None),
        ("s1; a bad K1; s2; a bad K2; s3; a clean K2", TooEarly, None),
        ("s1; a bad K1; s2; a bad K2; s3; a clean K3", Done, Some(Grade::E2)),
        // The second key of a server is not a new one because it was first asked for later.
        ("s1; a bad K1?; s2; a bad K1+E1; s3; a clean K1+E1", Open, None),
        // A key from elsewhere that was seen before the leak was closed is no new key.
        ("s1; b clean K2; a bad K1; s2; a clean K2", Open, None),
        // Claimed is not done.
        ("s1; a bad K1; s2; a clean K1; a says rekeyed ref", FacetValue::Claimed, Some(Grade::E1)),
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
    assert_eq!(of(&assessment, "b").state, State::ClosedKeyAtRisk, "same address, port and time");
}

#[test]
fn who_is_presumed() {
    let stack = |stack| Declared { tls_stack: Some(stack), ..Declared::default() };
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
        let policy = Policy { presume, ..Policy::default() };
        let history = tell_on(history, &format!("s1; a {look}"));
        let assessment = history.assess(&policy);
        let service = of(&assessment, "a");
        assert_eq!(service.presumed, expected, "{look} {tls_stack} {presume}");
        assert_eq!(service.state == State::PresumedAffected, expected, "{look} {tls_stack} {presume}");
    }
}

#[test]
fn presumption_ends_with_new_keys_or_a_justification() {
    let table: &[(&str, State)] = &[
        ("s1; a clean old1; s2; a clean old1", State::PresumedAffected),
        ("s1; a clean old1; s2; a clean K2", State::RekeyedOldNotRevoked),
        ("s1; a clean old1; a says not-affected; s2; a clean old1", State::NotAffected),
        ("s1; a clean old1; a says not-affected; a says withdraw", State::PresumedAffected),
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
fn an_expired_certificate_needs_no_revocation() {
    let history = tell("s1; a bad K1; s2; a clean K2; wait 9100h; s3; a clean K2");
    let assessment = history.assess(&Policy::default());
    let service = of(&assessment, "a");
    assert_eq!(service.facets.revoked.value, FacetValue::Done);
    assert_eq!(service.facets.revoked.grade, Some(Grade::E2));
    assert!(service.old_certificates[0].expired && !service.old_certificates[0].revoked);
}

#[test]
fn a_bad_service_whose_key_was_never_seen_owes_one_all_the_same() {
    let assessment = end("s1; a bad; s2; a clean; s3; a clean");
    let service = of(&assessment, "a");
    assert_eq!(service.state, State::ClosedKeyAtRisk);
    assert_eq!(service.facets.rekeyed.value, FacetValue::Unknown);
}
