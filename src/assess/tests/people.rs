//! What people ask: secrets, gates, changes, dates, next steps; and what must hold whatever happened.

use super::*;
use crate::model::observation::Contact;

#[test]
fn secrets_wait_for_the_leak_to_be_closed() {
    use SecretState::{Deployed, Identified, NotExposed, OldRefused, TooEarly};
    let table: &[(&str, SecretState, bool, bool)] = &[
        ("s1; a clean K1", Identified, true, false),
        ("s1; a bad K1", Identified, false, true),
        ("s1; a bad K1; secret db says old-refused ref", OldRefused, false, true),
        ("s1; a bad K1; secret db says old-refused ref; s2; a clean K2", OldRefused, true, true),
        ("s1; a bad K1; secret db says old-refused ref; s2; a bad K1; s3; a clean K2", TooEarly, false, true),
        ("s1; a bad K1; s2; a clean K2; secret db says old-refused ref", OldRefused, true, true),
        ("s1; a bad K1; s2; a clean K2; secret db says old-refused ref done-5h", TooEarly, false, true),
        ("s1; a bad K1; s2; a clean K2; secret db says deployed", Deployed, false, true),
        ("s1; a bad K1; s2; a clean K2; secret db says not-exposed ref", NotExposed, true, true),
        ("s1; a bad K1; b bad K3; s2; a clean K2; secret db says old-refused ref", OldRefused, false, true),
        ("s1; b clean old1; secret db says old-refused ref", OldRefused, true, true),
    ];
    for (text, state, closed, in_reach) in table {
        let mut history = History::new(3);
        history.evidence.secrets = vec![secret("db", &["a", "b"], false)];
        let history = tell_on(history, text);
        let assessment = history.assess(&Policy::default());
        let got = &assessment.secrets[0];
        assert_eq!((got.state, got.closed, got.in_reach), (*state, *closed, *in_reach), "{text}");
    }
}

#[test]
fn one_word_closes_what_nobody_listed_and_nothing_that_somebody_did() {
    let mut history = History::new(3);
    history.evidence.secrets = vec![secret("a/C7", &["a"], true), secret("db", &["a"], false)];
    let history = tell_on(history, "s1; a bad K1; s2; a clean K2; a says secrets ref");
    let assessment = history.assess(&Policy::default());
    assert_eq!(assessment.secrets.iter().map(|s| s.closed).collect::<Vec<_>>(), [true, false]);
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
        ("s1; a bad K1; s2; a clean K2; s3; a clean K1", [Regressed, Regressed, Regressed]),
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
    assert_eq!(gate(&all, Gate::Closed, &|_| false), Incomplete, "nobody was asked");
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
    assert_eq!(states(&one), [State::Exposed, State::AwaitingVerification, State::Unknown]);
    assert_eq!(one.services[0].facets.patched.value, FacetValue::Claimed, "the claim came before sweep 2");
    assert_eq!(states(&two), [State::ClosedKeyAtRisk, State::Verified, State::Unknown]);
    assert_eq!(states(&three), [State::Regressed, State::Verified, State::Unknown]);
    assert_eq!((one.sweep, two.sweep), (Some(SweepId(1)), Some(SweepId(2))));

    let changed = changes(Some(&two), &three);
    assert_eq!(changed.len(), 1);
    assert_eq!((changed[0].from, changed[0].to), (Some(State::ClosedKeyAtRisk), State::Regressed));
    assert_eq!(changed[0].code, Some(Regression::R1));
    assert_eq!((changed[0].sweep_a, changed[0].sweep_b), (Some(SweepId(2)), SweepId(3)));
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
    assert_eq!((service.first_seen, service.last_seen), (Some(at[0]), Some(at[3])));
    assert_eq!(service.state_since, Some(at[2]), "closed since the first clean look");
    assert_eq!(service.due, Some(at[0].plus_seconds(24 * 3600)), "unknown exposure is due like public");
    assert_eq!(of(&assessment, "b").state_since, None);
    let b = of(&assessment, "b").due;
    assert_eq!(b, Some(heartbleed().disclosed_at.plus_seconds(24 * 3600)));

    let mut history = tell("s1; a odd; a waives all 1h; wait 3h");
    history.evidence.services[0].declared =
        Declared { exposure: Some(Exposure::Internal), ..Declared::default() }.into();
    let until = history.evidence.claims[0].at.plus_seconds(3600 - 60);
    let assessment = history.assess(&Policy::default());
    assert_eq!(of(&assessment, "a").state_since, Some(until), "since the waiver ran out");
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
        history.evidence.services[0].declared =
            Declared { tls_stack: Some(stack), ..Declared::default() }.into();
        let assessment = tell_on(history, "s1; a bad K1").assess(&Policy::default());
        let service = of(&assessment, "a");
        assert!(service.next_action.contains(word), "{stack}: {}", service.next_action);
        assert!(service.blocked_by.iter().any(|b| b.starts_with("No restart before")), "{stack}");
        assert!(service.blocked_by.iter().any(|b| b.starts_with("No new key before")), "{stack}");
    }
}

#[test]
fn coverage_counts_every_service() {
    let assessment = end("s1; a bad K1; b refused");
    let coverage = assessment.coverage;
    assert_eq!((coverage.known, coverage.probed, coverage.unknown), (3, 1, 2));
}

#[test]
fn only_what_was_contacted_is_probed_and_only_a_verdict_is_a_probe_that_went_well() {
    let table = [
        (Contact::Skipped, 0, 0),
        (Contact::LocalError, 0, 0),
        (Contact::Interrupted, 0, 0),
        (Contact::Refused, 0, 0),
        (Contact::ProbeTimedOut, 1, 0),
        (Contact::ClosedEarly, 1, 0),
        (Contact::NotTls, 1, 1),
    ];
    for (contact, probed, ok) in table {
        let mut history = tell("s1; a nottls");
        for seen in &mut history.evidence.observations {
            seen.contact = contact;
            seen.attempts.clear();
        }
        let assessment = history.assess(&Policy::default());
        let service = of(&assessment, "a");
        assert_eq!(assessment.coverage.probed, probed, "{contact}");
        assert_eq!((service.probes_ok, service.probes_total), (ok, 1), "{contact}");
        if contact == Contact::Skipped {
            assert!(!service.next_action.contains("correct"), "the wrap is right: {}", service.next_action);
            for word in ["does not speak tls", "another tool", "attest", "waive"] {
                assert!(service.next_action.contains(word), "{word}: {}", service.next_action);
            }
        }
    }
    let later = end("s1; a bad K1; b clean K2; s2; a refused; b refused");
    assert_eq!(later.coverage.probed, 0, "what an earlier sweep reached was not reached by the last");
    let both = end("s1; a bad K1; b clean K2; c odd");
    for (row, ok) in [("a", 1), ("b", 1), ("c", 0)] {
        assert_eq!(of(&both, row).probes_ok, ok, "{row}");
    }
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

/// Each of these once turned something open into an end.
#[test]
fn nothing_but_a_clean_look_ends_red() {
    let table = [
        // A waiver over silence: nothing was seen clean since.
        ("s1; a bad K1; s2; a odd; a waives all 9h", State::Unknown),
        ("s1; a bad K1; a waives all 9h; s2; a refused", State::Unknown),
        ("s1; a bad K1; s2; a clean K1; s3; a odd; a waives all 9h", State::Waived),
        // An error page in plain text, where TLS was spoken before.
        ("s1; a bad K1; s2; a nottls", State::Unknown),
        ("s1; a clean K1; s2; a nottls", State::Unknown),
        ("s1; a nottls; s2; a nottls", State::NotAffected),
    ];
    for (story, expected) in table {
        assert_eq!(of(&end(story), "a").state, expected, "story: {story}");
    }
}

#[test]
fn a_repair_dated_before_the_last_bad_look_is_no_repair() {
    for facet in ["patched", "revoked"] {
        let story = format!("s1; a bad K1; s2; a clean K2; a says {facet} ref done-900h");
        let assessment = end(&story);
        let value = of(&assessment, "a").facets.get(facet.parse().expect("a facet")).value;
        assert_eq!(value, FacetValue::Open, "story: {story}");
    }
}

#[test]
fn a_waived_service_that_serves_an_exposed_key_does_not_pass_for_rekeyed() {
    let assessment = end("s1; a bad K1; s2; a clean K1; a waives all 9h");
    let all = |row: &RowId| row.as_str() == "a";
    assert_eq!(of(&assessment, "a").state, State::Waived);
    assert_eq!(gate(&assessment, Gate::Closed, &all), GateResult::Holds);
    assert_eq!(gate(&assessment, Gate::Rekeyed, &all), GateResult::Open);
}

#[test]
fn one_service_out_of_reach_reopens_no_secret_of_another() {
    let mut history = History::new(3);
    history.evidence.secrets = vec![secret("shared", &["a", "b"], false)];
    let story = "s1; a bad K1; b bad K1; s2; a clean K2; b clean K2; secret shared says old-refused ref; s3; a clean K2; b odd";
    let assessment = tell_on(history, story).assess(&Policy::default());
    assert!(assessment.secrets.iter().all(|s| s.closed), "{:#?}", assessment.secrets);
}
