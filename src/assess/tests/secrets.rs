//! Secrets by words, tries, counts and checks: what is closed, what is too early, and what came back.

use super::*;
use crate::model::{
    check::{CheckKind, SecretCheck},
    claim::TestOutcome,
};

pub(super) fn told(history: &mut History, id: &str, words: &[&str]) {
    let subject = Subject::Secret(id.to_owned());
    match words {
        ["says", "withdraw"] => history.say(subject, Statement::Withdraw { facet: None }, false),
        ["says", state, rest @ ..] => {
            let state = state.parse().expect("a state");
            history.say(subject, Statement::SecretIs { state }, rest.contains(&"ref"));
            backdate(history, rest);
            if let Some(row) = rest.iter().find_map(|w| w.strip_prefix("through-")) {
                history.evidence.claims.last_mut().expect("a claim").through = vec![RowId::declared(row)];
            }
        }
        ["waives", hours] => {
            let until = history.now.plus_seconds(hours_of(hours));
            history.say(subject, Statement::Waive { facet: None, until }, true);
        }
        ["tried", outcome, rest @ ..] => {
            let outcome: TestOutcome = outcome.parse().expect("an outcome");
            let control = rest.contains(&"control").then_some(true);
            history.say(
                subject,
                Statement::NegativeTest { outcome, exit: Some(1), control, named: true, ms: 5 },
                false,
            );
        }
        ["active", count, ago] => {
            let issued_before = history.now.plus_seconds(hours_of(ago));
            let count = count.parse().expect("a count");
            history.say(subject, Statement::StillActive { count, issued_before }, true);
        }
        ["shows", what, seen] => {
            let (kind, target) = what.split_once('@').unwrap_or((what, "here"));
            let ids: Vec<&str> = seen.split('+').filter(|id| *id != "none").collect();
            let kind: CheckKind = kind.parse().expect("a kind");
            history.shows(id, kind, target, (*seen != "blind").then_some(&ids));
        }
        _ => panic!("{words:?}"),
    }
}

/// One secret `k` of service `a`.
fn one(story: &str) -> Assessment {
    let mut history = History::new(3);
    history.evidence.secrets = vec![secret("k", &["a"], false)];
    let history = tell_on(history, story);
    check(&history, &Policy::default());
    history.assess(&Policy::default())
}

const CLOSED: &str = "s1; a bad K1; s2; a clean K2";

#[test]
fn tries_with_the_old_value_beat_words() {
    use FacetValue::{Contradicted, Done, Open, Regressed, TooEarly};
    use SecretState as S;
    let table: &[(&str, S, bool, FacetValue, Option<Grade>)] = &[
        ("secret k tried refused", S::OldRefused, true, Done, Some(Grade::E2)),
        ("secret k tried refused control", S::OldRefused, true, Done, Some(Grade::E3)),
        // Two tries in a row prove no more than one; one after a later sweep does.
        ("secret k tried refused; secret k tried refused", S::OldRefused, true, Done, Some(Grade::E2)),
        (
            "secret k tried refused; s3; a clean K2; secret k tried refused",
            S::OldRefused,
            true,
            Done,
            Some(Grade::E3),
        ),
        ("secret k says verified ref; secret k tried refused", S::Verified, true, Done, Some(Grade::E2)),
        ("secret k tried inconclusive", S::Identified, false, Open, None),
        ("secret k tried refused; secret k tried inconclusive", S::OldRefused, true, Done, Some(Grade::E2)),
        ("secret k tried accepted", S::Identified, false, Open, None),
        ("secret k says deployed ref; secret k tried accepted", S::Deployed, false, Open, None),
        ("secret k says old-refused ref; secret k tried accepted", S::Deployed, false, Regressed, None),
        ("secret k says old-refused; secret k tried accepted", S::Deployed, false, Contradicted, None),
        ("secret k says old-disabled ref; secret k tried accepted", S::Deployed, false, Contradicted, None),
        ("secret k tried refused; secret k tried accepted", S::Identified, false, Regressed, None),
        ("secret k says destroyed ref; secret k tried accepted", S::Identified, false, Regressed, None),
        // A word after it is not enough; another try is.
        (
            "secret k tried refused; secret k tried accepted; secret k says old-refused ref",
            S::OldRefused,
            false,
            Regressed,
            None,
        ),
        ("secret k tried accepted; secret k says destroyed ref", S::Destroyed, false, Open, None),
        ("secret k tried accepted; secret k tried inconclusive", S::Identified, false, Open, None),
        (
            "secret k says verified ref; secret k tried accepted; secret k tried refused",
            S::Verified,
            true,
            Done,
            Some(Grade::E2),
        ),
        // A withdrawal takes no observation back.
        (
            "secret k tried accepted; secret k says withdraw; secret k says verified ref",
            S::Verified,
            false,
            Open,
            None,
        ),
        ("secret k tried refused; secret k says withdraw", S::OldRefused, true, Done, Some(Grade::E2)),
        // Never in reach: then the old value is the present one.
        (
            "secret k tried accepted; secret k says not-exposed ref",
            S::NotExposed,
            true,
            Done,
            Some(Grade::E1),
        ),
        // A second rotation: what was refused before it was another old one.
        (
            "secret k tried refused; secret k says new-issued ref; secret k tried accepted",
            S::NewIssued,
            false,
            Open,
            None,
        ),
        ("secret k tried refused; secret k says new-issued ref", S::NewIssued, false, Open, None),
        // A waiver stands before an accepted try that it knew of, and before nothing that came back.
        ("secret k tried accepted; secret k waives 9h", S::Waived, true, Done, Some(Grade::E1)),
        ("secret k waives 9h; secret k tried accepted", S::Identified, false, Open, None),
        (
            "secret k tried refused; secret k tried accepted; secret k waives 9h",
            S::Identified,
            false,
            Regressed,
            None,
        ),
        ("secret k says new-issued ref done-9h; secret k tried refused", S::TooEarly, false, TooEarly, None),
    ];
    for (story, state, closed, value, grade) in table {
        let got = one(&format!("{CLOSED}; {story}"));
        let (entry, service) = (&got.secrets[0], of(&got, "a"));
        assert_eq!((entry.state, entry.closed), (*state, *closed), "{story}: {:?}", entry.found.why);
        assert_eq!((service.facets.secrets.value, entry.found.grade), (*value, *grade), "{story}");
        let back = matches!(value, Regressed | Contradicted);
        assert_eq!(service.regressions.contains(&Regression::R5), back, "R5: {story}");
        assert_eq!(entry.found.came_back, back, "{story}");
        let headline = match value {
            Regressed => State::Regressed,
            Contradicted => State::Contradicted,
            _ => service.state,
        };
        assert_eq!(service.state, headline, "{story}");
    }
}

#[test]
fn a_verified_service_whose_old_secret_works_is_red_until_it_is_refused() {
    let mut history = History::new(1);
    history.evidence.secrets = vec![secret("k", &["a"], false)];
    let story = "s1; a bad K1; a says patched ref; s2; a clean K2; a says revoked ref; secret k says old-refused ref; s3; a clean K2; s4; a clean K2";
    let history = tell_on(history, story);
    assert_eq!(of(&history.assess(&lenient()), "a").state, State::Verified);
    let history = tell_on(history, "secret k tried accepted");
    let red = history.assess(&lenient());
    let service = of(&red, "a");
    assert_eq!((service.state, service.regressions.as_slice()), (State::Regressed, &[Regression::R5][..]));
    assert!(service.next_action.contains("old secret"), "{}", service.next_action);
    assert_eq!(gate(&red, Gate::Closed, &|_| true), GateResult::Regressed);
    // Neither a word nor a sweep ends it, and a refused try does not verify by itself.
    let history = tell_on(history, "secret k says verified ref; s5; a clean K2");
    assert_eq!(of(&history.assess(&lenient()), "a").state, State::Regressed);
    let history = tell_on(history, "secret k tried refused control");
    assert_eq!(of(&history.assess(&lenient()), "a").state, State::AwaitingVerification);
    let history = tell_on(history, "s6; a clean K2");
    assert_eq!(of(&history.assess(&lenient()), "a").state, State::Verified);
}

#[test]
fn a_new_one_that_was_made_too_early_spoils_what_follows() {
    use SecretState as S;
    let table: &[(&str, S, bool, &[&str])] = &[
        (
            "s1; a bad K1; secret k says new-issued ref; s2; a bad K1; s3; a clean K2; secret k says old-refused ref",
            S::TooEarly,
            false,
            &["a"],
        ),
        (
            "s1; a bad K1; secret k says deployed ref; s2; a bad K1; s3; a clean K2; secret k tried refused",
            S::TooEarly,
            false,
            &["a"],
        ),
        ("s1; a bad K1; secret k tried refused; s2; a bad K1; s3; a clean K2", S::TooEarly, false, &["a"]),
        (
            "s1; a bad K1; secret k says new-issued ref; s2; a bad K1; s3; a clean K2; secret k says new-issued ref; secret k tried refused",
            S::OldRefused,
            true,
            &[],
        ),
        // It no longer exists, or never was in reach: when a new one was made does not matter.
        (
            "s1; a bad K1; secret k says new-issued ref; s2; a bad K1; s3; a clean K2; secret k says destroyed ref",
            S::Destroyed,
            true,
            &[],
        ),
        // Handed out through a service that leaked later than that, or still does.
        (
            "s1; a bad K1; b@2 bad K3; s2; a clean K2; secret k says new-issued ref through-b; s3; a clean K2; b@2 bad K3",
            S::TooEarly,
            false,
            &["b"],
        ),
        (
            "s1; a bad K1; b@2 bad K3; s2; a clean K2; b@2 clean K4; secret k says new-issued ref through-b; secret k says old-refused ref",
            S::OldRefused,
            true,
            &[],
        ),
        (
            "s1; a bad K1; c@3 bad K3; s2; a clean K2; secret k says old-refused ref; s3; a clean K2; c@3 bad K3",
            S::TooEarly,
            false,
            &["c"],
        ),
        (
            "s1; a bad K1; c@3 bad K3; s2; a clean K2; secret k says old-refused ref",
            S::OldRefused,
            false,
            &[],
        ),
        (
            "s1; a bad K1; c@3 clean K3; s2; a clean K2; secret k says old-refused ref",
            S::OldRefused,
            true,
            &[],
        ),
    ];
    for (story, state, closed, early) in table {
        let mut history = History::new(3);
        history.evidence.secrets = vec![secret("k", &["a"], false)];
        history.evidence.secrets[0].delivered_through = vec![RowId::declared("c")];
        let history = tell_on(history, story);
        check(&history, &Policy::default());
        let got = history.assess(&Policy::default());
        let entry = &got.secrets[0];
        let by: Vec<&str> = entry.found.too_early_by.iter().map(RowId::as_str).collect();
        assert_eq!((entry.state, entry.closed, by.as_slice()), (*state, *closed, *early), "{story}");
        let why = entry.found.why.as_deref().unwrap_or_default();
        assert_eq!(why.contains("still leaked when it was made"), !early.is_empty(), "{story}: {why}");
        for row in *early {
            assert!(why.contains(&format!("{row}:443")), "{story}: {why}");
        }
    }
}

#[test]
fn between_the_last_bad_and_the_first_good_look_there_is_a_warning_and_no_verdict() {
    let inside = one("s1; a bad K1; secret k says old-refused ref; s2; a clean K2");
    assert!(inside.secrets[0].closed);
    let why = inside.secrets[0].found.why.clone().unwrap_or_default();
    assert!(why.contains("between the last bad and the first good look at a:443"), "{why}");
    let after = one(&format!("{CLOSED}; secret k says old-refused ref"));
    assert_eq!(after.secrets[0].found.why, None);
}

#[test]
fn counts_close_a_store_only_where_they_count_to_the_end_of_the_leak() {
    use SecretState as S;
    let table: &[(&str, S, bool, Option<u64>)] = &[
        ("secret k active 0 0h", S::Verified, true, Some(0)),
        ("secret k active 1234 0h", S::Identified, false, Some(1234)),
        ("secret k active 0 -9h", S::TooEarly, false, Some(0)),
        ("secret k active 0 0h; secret k active 3 0h", S::Identified, false, Some(3)),
        ("secret k active 3 0h; secret k active 0 0h", S::Verified, true, Some(0)),
    ];
    for (story, state, closed, active) in table {
        let got = one(&format!("{CLOSED}; {story}"));
        let entry = &got.secrets[0];
        assert_eq!((entry.state, entry.closed, entry.found.active), (*state, *closed, *active), "{story}");
    }
    let open = one(&format!("{CLOSED}; secret k active 1234 0h"));
    let why = open.secrets[0].found.why.clone().unwrap_or_default();
    assert!(why.contains("1234 issued before") && why.contains("still active"), "{why}");
}

#[test]
fn a_date_in_the_list_of_secrets_counts_where_it_is_after_the_leak() {
    let mut history = tell(CLOSED);
    let bad = history.evidence.observations[0].at;
    let good = history.evidence.observations[1].at;
    for (issued, state) in [
        (bad.plus_seconds(-1), SecretState::Identified),
        (good.plus_seconds(1), SecretState::NewIssued),
        (good.plus_seconds(999_999), SecretState::Identified),
    ] {
        let mut listed = secret("k", &["a"], false);
        listed.issued_at = Some(issued);
        history.evidence.secrets = vec![listed];
        let got = history.assess(&Policy::default());
        assert_eq!((got.secrets[0].state, got.secrets[0].closed), (state, false), "{issued}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table of histories")]
fn what_the_network_shows_closes_and_reopens() {
    use FacetValue::{Contradicted, Done, Open, Regressed};
    use SecretState as S;
    const SEEN: &str = "s1; a bad K1; secret k shows jwks kid1; s2; a clean K2";
    let table: &[(String, S, bool, FacetValue, Option<Grade>)] = &[
        (format!("{SEEN}; secret k shows jwks kid2"), S::OldRefused, true, Done, Some(Grade::E2)),
        (
            format!("{SEEN}; secret k shows jwks kid2; s3; a clean K2; secret k shows jwks kid2"),
            S::OldRefused,
            true,
            Done,
            Some(Grade::E3),
        ),
        (format!("{SEEN}; secret k shows jwks kid1+kid2"), S::Identified, false, Open, None),
        (format!("{SEEN}; secret k shows jwks blind"), S::Identified, false, Open, None),
        (
            format!("{SEEN}; secret k shows jwks kid2; secret k shows jwks blind"),
            S::OldRefused,
            true,
            Done,
            Some(Grade::E2),
        ),
        (
            format!("{SEEN}; secret k shows jwks kid2; secret k shows jwks kid1"),
            S::Identified,
            false,
            Regressed,
            None,
        ),
        (
            format!("{SEEN}; secret k says old-refused ref; secret k shows jwks kid1"),
            S::Deployed,
            false,
            Regressed,
            None,
        ),
        (
            format!("{SEEN}; secret k says old-disabled; secret k shows jwks kid1"),
            S::Deployed,
            false,
            Contradicted,
            None,
        ),
        // Seen to be there, and a word since: only a later look bears it out.
        (
            format!("{SEEN}; secret k shows jwks kid1; secret k says verified ref"),
            S::Verified,
            false,
            Open,
            None,
        ),
        // The first look came late: it may have seen the new one, so it denies nothing, and proves nothing alone.
        (format!("{CLOSED}; secret k shows jwks kid9"), S::Identified, false, Open, None),
        (
            format!("{CLOSED}; secret k shows jwks kid9; secret k shows jwks kid8"),
            S::OldRefused,
            true,
            Done,
            Some(Grade::E2),
        ),
        (
            format!("{CLOSED}; secret k says verified ref; secret k shows jwks kid9"),
            S::Verified,
            true,
            Done,
            Some(Grade::E1),
        ),
        // Every target counts.
        (
            "s1; a bad K1; secret k shows dkim@x D1; secret k shows dkim@y D2; s2; a clean K2; secret k shows dkim@x none".to_string(),
            S::Identified,
            false,
            Open,
            None,
        ),
        (
            "s1; a bad K1; secret k shows dkim@x D1; secret k shows dkim@y D2; s2; a clean K2; secret k shows dkim@x none; secret k shows dkim@y none".to_string(),
            S::OldRefused,
            true,
            Done,
            Some(Grade::E2),
        ),
        // An empty selector that never held anything: a slip in its name looks the same.
        (format!("{CLOSED}; secret k shows dkim none"), S::Identified, false, Open, None),
        (
            "s1; a bad K1; secret k shows dkim D1; s2; a clean K2; secret k shows dkim none".to_string(),
            S::OldRefused,
            true,
            Done,
            Some(Grade::E2),
        ),
        (
            // One round of handshakes need not meet every node.
            "s1; a bad K1; secret k shows ticket-key T1; s2; a clean K2; secret k shows ticket-key T2".to_string(),
            S::Identified,
            false,
            Open,
            None,
        ),
        (
            "s1; a bad K1; secret k shows ticket-key T1; s2; a clean K2; secret k shows ticket-key T2; s3; a clean K2; secret k shows ticket-key T2".to_string(),
            S::Verified,
            true,
            Done,
            Some(Grade::E3),
        ),
        (
            "s1; a bad K1; secret k shows ssh-host-key H1; s2; a clean K2; secret k shows ssh-host-key none".to_string(),
            S::Identified,
            false,
            Open,
            None,
        ),
        // Changed while it still leaked: as old as the first.
        (
            "s1; a bad K1; secret k shows jwks kid1; s2; a bad K1; secret k shows jwks kid2; s3; a clean K2; secret k shows jwks kid2".to_string(),
            S::Identified,
            false,
            Open,
            None,
        ),
    ];
    for (story, state, closed, value, grade) in table {
        let got = one(story);
        let (entry, service) = (&got.secrets[0], of(&got, "a"));
        assert_eq!((entry.state, entry.closed), (*state, *closed), "{story}: {:?}", entry.found.why);
        assert_eq!((service.facets.secrets.value, entry.found.grade), (*value, *grade), "{story}");
        let back = matches!(value, Regressed | Contradicted);
        assert_eq!(service.regressions.contains(&Regression::R5), back, "R5: {story}");
    }
}

#[test]
fn what_is_declared_old_is_old_from_the_first_check_on() {
    let mut history = History::new(1);
    let mut listed = secret("k", &["a"], false);
    listed.checks = vec!["jwks here kid1".parse::<SecretCheck>().expect("a check")];
    history.evidence.secrets = vec![listed];
    let history = tell_on(history, CLOSED);
    for (story, closed) in [
        ("secret k shows jwks kid1", false),
        // Where it was never seen, it is not gone: the check may name the wrong place.
        ("secret k shows jwks kid2", false),
        ("secret k shows jwks kid1; secret k shows jwks kid2", true),
        // A place that showed it last stays red, also where nobody declares it any more.
        ("secret k shows jwks@elsewhere kid1; secret k shows jwks kid1; secret k shows jwks kid2", false),
        (
            "secret k shows jwks@elsewhere kid1; secret k shows jwks@elsewhere kid2; secret k shows jwks kid1; secret k shows jwks kid2",
            true,
        ),
        // A declared one that nobody could look at proves nothing.
        ("secret k shows dkim none", false),
    ] {
        let got = tell_on(history.clone(), story).assess(&Policy::default());
        assert_eq!(got.secrets[0].closed, closed, "{story}");
    }
}

#[test]
fn a_tlsa_record_must_not_name_a_key_in_reach() {
    let hex = |key: &str| data_encoding::HEXLOWER.encode(Sha256::of(key.as_bytes()).bytes());
    for (seen, closed) in [
        (vec![format!("3 1 1 {}", hex("K1"))], false),
        (vec![format!("3 1 1 {}", hex("K1").to_uppercase())], false),
        (vec![format!("3 1 1 {}", hex("K2")), format!("3 0 1 {}", hex("K1/1"))], false),
        (vec![format!("3 1 1 {}", hex("K2"))], true),
        (vec![format!("3 1 2 {}", hex("K2"))], false),
    ] {
        let mut history = History::new(1);
        history.evidence.secrets = vec![secret("k", &["a"], false)];
        let mut history = tell_on(history, "s1; a bad K1");
        let old = format!("3 1 1 {}", hex("K1"));
        history.shows("k", CheckKind::Tlsa, "_443._tcp.a", Some(&[&old]));
        let mut history = tell_on(history, "s2; a clean K2");
        let ids: Vec<&str> = seen.iter().map(String::as_str).collect();
        history.shows("k", CheckKind::Tlsa, "_443._tcp.a", Some(&ids));
        let got = history.assess(&Policy::default());
        assert_eq!(got.secrets[0].closed, closed, "{seen:?}: {:?}", got.secrets[0].found.why);
    }
}

#[test]
fn one_word_for_all_does_not_cover_what_a_try_or_a_check_denies() {
    for (story, closed) in [
        ("a says secrets ref", true),
        ("a says secrets ref; secret a/C7 tried accepted", false),
        ("secret a/C7 tried accepted; a says secrets ref", false),
        ("secret a/C7 shows jwks kid1; s3; a clean K2; a says secrets ref", true),
    ] {
        let mut history = History::new(1);
        history.evidence.secrets = vec![secret("a/C7", &["a"], true)];
        let got = tell_on(history, &format!("{CLOSED}; {story}")).assess(&Policy::default());
        assert_eq!(got.secrets[0].closed, closed, "{story}");
    }
}

#[test]
fn a_check_between_sweeps_belongs_to_the_earlier_one() {
    let mut history = History::new(1);
    history.evidence.secrets = vec![secret("k", &["a"], false)];
    let history = tell_on(
        history,
        "s1; a bad K1; secret k shows jwks kid1; s2; a clean K2; secret k shows jwks kid2; s3; a clean K2",
    );
    let policy = Policy::default();
    let at = |n| assess_as_of(&history.evidence, &heartbleed(), &policy, history.now, SweepId(n));
    assert_eq!((at(1).secrets[0].closed, at(2).secrets[0].closed), (false, true));
}
