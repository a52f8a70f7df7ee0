//! Keys and certificates: what a new key waits for, when it counts, when the old one is revoked.

use super::{
    super::for_service,
    build::{self, assessment, evidence, exposed, key, leaked, owned, quiet},
    checklist,
    plans::{find, fleet},
};
use crate::model::{
    checklist::LineState,
    claim::{Claim, Statement, Subject},
    facet::{
        FacetKind,
        FacetValue::{Done, NotApplicable, Open, TooEarly, Waived},
        Regression, State,
    },
    served::Details,
    service::TlsStack,
    verdict::{Grade, Reason, Verdict},
};

#[test]
fn a_new_key_waits_for_every_service_that_serves_the_old_one() {
    let (evidence, mut assessment, services) = fleet();
    let [web, mail, ..] = services.as_slice() else { panic!("five services") };
    let lines = checklist(&evidence, &assessment);
    let rekey = find(&lines, web, "B1");
    assert_eq!(rekey.services.len(), 2, "one line for the key, not one a service");
    for service in [web, mail] {
        for code in ["A1", "A2"] {
            let id = format!("{}/{code}", service.row_id);
            assert!(rekey.blocked_by.contains(&id), "the new key does not wait for {id}");
        }
    }
    assert_eq!(rekey.state, LineState::Blocked);

    // One of the two closed is not enough; both are.
    let closed = [Open, Done, Open, Open, Open, Open];
    for (rows, expected) in [(1, LineState::Blocked), (2, LineState::Open)] {
        for (judged, service) in assessment.services.iter_mut().zip(&services).take(rows) {
            *judged = leaked(service, State::ClosedKeyAtRisk, closed);
        }
        let lines = checklist(&evidence, &assessment);
        assert_eq!(find(&lines, web, "B1").state, expected, "with {rows} of 2 services closed");
    }
}

#[test]
fn nothing_is_revoked_before_every_endpoint_has_left_the_key() {
    let (evidence, mut assessment, services) = fleet();
    let [web, mail, ..] = services.as_slice() else { panic!("five services") };
    let closed = [Done, Done, Open, Open, Open, Open];
    let rekeyed = [Done, Done, Done, Open, Open, Open];
    assessment.services[0] = leaked(web, State::RekeyedOldNotRevoked, rekeyed);
    assessment.services[1] = leaked(mail, State::ClosedKeyAtRisk, closed);
    assessment.keys[0] = key("shared", &[(web, false), (mail, true)]);
    let lines = checklist(&evidence, &assessment);
    assert_eq!(find(&lines, web, "B1").state, LineState::Open, "one endpoint still serves it");
    assert!(
        find(&lines, web, "B1").evidence_seen.as_deref().is_some_and(|s| s.contains("mx1.example.test:25"))
    );
    let revoke = find(&lines, web, "B1r");
    assert_eq!(revoke.state, LineState::Blocked);
    assert_eq!(revoke.blocked_by, [find(&lines, web, "B1").id.clone()]);

    assessment.services[1] = leaked(mail, State::RekeyedOldNotRevoked, rekeyed);
    assessment.keys[0] = key("shared", &[(web, false), (mail, false)]);
    let lines = checklist(&evidence, &assessment);
    assert_eq!(find(&lines, web, "B1").state, LineState::Done);
    let revoke = find(&lines, web, "B1r");
    assert_eq!(revoke.state, LineState::Open);
    let commands = revoke.attest.as_deref().unwrap_or_default();
    let wanted = "allclear attest --service mx1.example.test:25 --service web01.example.test:443 --facet revoked --reference TICKET";
    assert_eq!(commands, wanted, "one command for all that share the key");

    for judged in assessment.services.iter_mut().take(2) {
        judged.old_certificates = vec![build::revoked("shared")];
        judged.facets.revoked = build::facet(Done, Some(Grade::E2));
    }
    assert_eq!(find(&checklist(&evidence, &assessment), web, "B1r").state, LineState::Done);
}

#[test]
fn a_reissue_on_the_same_key_is_called_out() {
    let (evidence, mut assessment, services) = fleet();
    assessment.keys[0].reissued = vec![build::certificate("again").sha256];
    let lines = checklist(&evidence, &assessment);
    let rekey = find(&lines, &services[0], "B1");
    assert!(rekey.why.contains("issued anew on this same key"), "why: {}", rekey.why);
    assert!(!matches!(rekey.state, LineState::Done | LineState::Claimed), "state: {}", rekey.state);
}

#[test]
fn a_rekey_before_the_leak_was_closed_has_to_be_done_again() {
    let web = owned("web01.example.test", 443, "nginx", "team-web", TlsStack::OpensslDynamic);
    let judged = leaked(&web, State::RekeyedTooEarly, [Done, Done, TooEarly, Open, Open, Open]);
    let data = evidence(vec![web.clone()], Vec::new());
    for (case, keys) in [
        (
            "the new key was served while it leaked",
            vec![key("new", &[(&web, true)]), key("old", &[(&web, false)])],
        ),
        ("the new key was made while it leaked", vec![key("old", &[(&web, false)])]),
    ] {
        let lines = checklist(&data, &assessment(vec![judged.clone()], keys, Vec::new()));
        let early: Vec<_> =
            lines.iter().filter(|l| l.code == "B1" && l.state == LineState::TooEarly).collect();
        assert_eq!(early.len(), 1, "{case}");
    }
}

#[test]
fn a_new_key_does_not_go_to_a_service_that_nobody_could_judge() {
    let web = owned("web01.example.test", 443, "https", "o", TlsStack::Openssl);
    let dark = owned("dark.example.test", 443, "https", "o", TlsStack::Unknown);
    let judged = vec![
        leaked(&web, State::ClosedKeyAtRisk, [Done, Done, Open, Open, Open, Open]),
        quiet(&dark, State::Unknown, Verdict::Inconclusive, Reason::Blocked),
    ];
    let data = evidence(vec![web.clone(), dark.clone()], Vec::new());
    for (serves, expected) in [(true, LineState::Blocked), (false, LineState::Open)] {
        let keys = vec![key("k", &[(&web, true), (&dark, serves)])];
        let lines = checklist(&data, &assessment(judged.clone(), keys, Vec::new()));
        assert_eq!(find(&lines, &web, "B1").state, expected, "dark serves it now: {serves}");
    }
}

#[test]
fn a_service_that_only_shares_the_key_owes_no_patch() {
    let web = owned("web01.example.test", 443, "https", "o", TlsStack::Openssl);
    let other = owned("mx1.example.test", 25, "smtp", "p", TlsStack::Other);
    let mut sharing = quiet(&other, State::ClosedKeyAtRisk, Verdict::NotVulnerable, Reason::FixProved);
    sharing.facets = build::facets([NotApplicable, NotApplicable, Open, Open, Open, Open]);
    let keys = vec![key("k", &[(&web, true), (&other, true)])];
    let data = evidence(vec![web.clone(), other.clone()], Vec::new());
    let lines = checklist(&data, &assessment(vec![exposed(&web), sharing], keys, Vec::new()));
    let codes: Vec<&str> = for_service(&lines, &other.row_id)
        .iter()
        .map(|l| l.code.clone())
        .map(|c| match c.as_str() {
            "B1" => "B1",
            "B1r" => "B1r",
            "F1" => "F1",
            _ => "another",
        })
        .collect();
    assert_eq!(codes, ["B1", "B1r", "F1"]);
    assert!(find(&lines, &other, "B1").why.contains("The same key is on `mx1.example.test:25`"));
}

#[test]
fn a_waiver_of_the_new_key_does_not_let_anyone_revoke_what_is_still_served() {
    let (evidence, mut assessment, services) = fleet();
    for (judged, service) in assessment.services.iter_mut().zip(&services).take(2) {
        *judged = leaked(service, State::ClosedKeyAtRisk, [Done, Done, Waived, Open, Open, Open]);
    }
    let lines = checklist(&evidence, &assessment);
    assert_eq!(find(&lines, &services[0], "B1").state, LineState::Waived);
    let revoke = find(&lines, &services[0], "B1r");
    assert_eq!(revoke.state, LineState::Blocked, "the old key is still served: {revoke:?}");
}

#[test]
fn who_only_serves_an_exposed_key_again_is_not_said_to_have_leaked() {
    let (evidence, mut assessment, services) = fleet();
    let mail = &services[1];
    let mut again = quiet(mail, State::Regressed, Verdict::NotVulnerable, Reason::FixProved);
    again.facets = build::facets([NotApplicable, NotApplicable, Open, Open, Open, Open]);
    again.regressions = vec![Regression::R2];
    assessment.services[1] = again;
    let lines = checklist(&evidence, &assessment);
    let why = &find(&lines, mail, "B1").why;
    assert!(why.contains("in the memory of `web01.example.test:443` while it leaked"), "why: {why}");
    assert!(why.contains("The same key is on `mx1.example.test:25`"), "why: {why}");
}

#[test]
fn a_recorded_revocation_below_the_policy_is_not_done_and_says_what_to_do() {
    let web = owned("web01.example.test", 443, "nginx", "team-web", TlsStack::OpensslDynamic);
    let mut judged = leaked(&web, State::AwaitingVerification, [Done; 6]);
    judged.facets.revoked = build::facet(Done, Some(Grade::E1));
    judged.facets.verified = build::facet(Open, None);
    let mut old = build::revoked("k");
    let list = vec!["http://crl.example.test/1.crl".to_owned()];
    old.certificate.details = Some(Box::new(Details { crl: list, ..Details::default() }));
    judged.old_certificates = vec![old];
    let mut data = evidence(vec![web.clone()], Vec::new());
    data.claims.push(Claim {
        through: Vec::new(),
        import: None,
        repeats: None,
        at: build::NOW,
        done_at: None,
        after_sweep: None,
        by: "ada".to_owned(),
        subject: Subject::Service(web.row_id.clone()),
        statement: Statement::FacetDone { facet: FacetKind::Revoked },
        reference: Some("CA-9".to_owned()),
        note: None,
    });
    let mut judged = assessment(vec![judged], vec![key("k", &[(&web, false)])], Vec::new());
    for (minimum, expected) in [(Grade::E2, LineState::Claimed), (Grade::E1, LineState::Done)] {
        judged.policy.minimum_grades.revoked = minimum;
        let lines = checklist(&data, &judged);
        let revoke = find(&lines, &web, "B1r");
        assert_eq!(revoke.state, expected, "the policy wants {minimum}");
        let told = revoke.steps.iter().any(|s| s.contains("`revoked = \"E1\"`"));
        assert_eq!(told, expected == LineState::Claimed, "the policy wants {minimum}: {:?}", revoke.steps);
    }
    // Where nobody can be asked, no better evidence is waited for.
    judged.policy.minimum_grades.revoked = Grade::E2;
    judged.services[0].old_certificates[0].certificate.details = None;
    let lines = checklist(&data, &judged);
    assert_eq!(find(&lines, &web, "B1r").state, LineState::Done);
    assert!(!find(&lines, &web, "F1").blocked_by_text.iter().any(|text| text.contains("B1r")));
}
