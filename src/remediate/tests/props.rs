//! What holds for any fleet.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{
    super::{by_owner, nothing_owed},
    build::{assessment, evidence, key, leaked, owned, secret, secret_state},
    checklist, implied_secrets,
    plans::assert_ordered,
};
use crate::model::{
    assessment::Assessment,
    checklist::{Line, LineState},
    facet::{FacetValue, State},
    secret::{Secret, SecretState, Tier},
    service::{Service, TlsStack},
    sweep::Evidence,
};

const VALUES: [FacetValue; 9] = [
    FacetValue::Unknown,
    FacetValue::Open,
    FacetValue::Claimed,
    FacetValue::Done,
    FacetValue::Contradicted,
    FacetValue::Regressed,
    FacetValue::NotApplicable,
    FacetValue::Waived,
    FacetValue::TooEarly,
];

const KINDS: [&str; 9] = ["B1", "B3", "B4", "B8", "C1", "D3", "E2", "F1", "ours"];

prop_compose! {
    /// Up to six services in any state, keys and secrets strewn over them.
    pub(super) fn any_fleet()(
        services in proptest::collection::vec((0..State::ALL.len(), proptest::array::uniform6(0..9usize), 0..3usize, any::<bool>()), 1..6),
        keys in proptest::collection::vec(proptest::collection::vec((0..6usize, any::<bool>()), 1..4), 0..4),
        secrets in proptest::collection::vec((0..KINDS.len(), proptest::collection::vec(0..6usize, 0..3), 0..SecretState::ALL.len(), any::<bool>()), 0..8),
    ) -> (Evidence, Assessment) {
        let owners = ["", "a", "b"];
        let rows: Vec<Service> = services.iter().enumerate()
            .map(|(i, (_, _, owner, _))| owned(&format!("h{i}.example.test"), 443, "app", owners[*owner], TlsStack::Openssl))
            .collect();
        let judged = rows.iter().zip(&services).map(|(row, (state, values, _, bad))| {
            let mut out = leaked(row, State::ALL[*state], values.map(|v| VALUES[v]));
            if !bad { out.last_bad = None; }
            out
        }).collect();
        let at = |i: &usize| rows.get(*i % rows.len()).expect("a service");
        let keys = keys.iter().enumerate()
            .map(|(i, on)| key(&format!("k{i}"), &on.iter().map(|(s, now)| (at(s), *now)).collect::<Vec<_>>()))
            .collect();
        let listed: Vec<Secret> = secrets.iter().enumerate()
            .map(|(i, (kind, on, ..))| secret(&format!("s{}", i % 5), KINDS[*kind], &on.iter().map(at).collect::<Vec<_>>(), None))
            .collect();
        let states = listed.iter().zip(&secrets).map(|(s, (_, _, state, closed))| secret_state(&s.id, SecretState::ALL[*state], *closed)).collect();
        let mut all = listed.clone();
        all.extend(implied_secrets(&rows, &listed));
        (evidence(rows, all), assessment(judged, keys, states))
    }
}

proptest! {
    #[test]
    fn no_line_stands_before_one_that_blocks_it((evidence, assessment) in any_fleet()) {
        let lines = checklist(&evidence, &assessment);
        assert_ordered(&lines);
        for line in &lines {
            let waits = !line.blocked_by_text.is_empty();
            prop_assert!(line.state != LineState::Blocked || waits, "{} is blocked by nothing", line.id);
            prop_assert!(line.state != LineState::Open || !waits, "{} is open and waits", line.id);
        }
    }

    #[test]
    fn the_same_evidence_gives_the_same_plan_in_any_input_order((evidence, assessment) in any_fleet()) {
        let lines = checklist(&evidence, &assessment);
        let (mut evidence, mut assessment) = (evidence, assessment);
        let unique: BTreeSet<&String> = evidence.secrets.iter().map(|s| &s.id).collect();
        if unique.len() == evidence.secrets.len() {
            evidence.secrets.reverse();
            assessment.secrets.reverse();
        }
        evidence.services.reverse();
        assessment.services.reverse();
        assessment.keys.reverse();
        let again = checklist(&evidence, &assessment);
        let ids = |lines: &[Line]| lines.iter().map(|l| (l.id.clone(), l.state)).collect::<Vec<_>>();
        prop_assert_eq!(ids(&lines), ids(&again));
    }

    #[test]
    fn no_service_is_lost((evidence, assessment) in any_fleet()) {
        let lines = checklist(&evidence, &assessment);
        let silent = nothing_owed(&evidence, &assessment, &lines);
        for service in &evidence.services {
            let named = lines.iter().any(|l| l.services.contains(&service.row_id));
            let listed = silent.iter().any(|n| n.row_id == service.row_id);
            prop_assert!(named != listed, "{} is named {named} and listed {listed}", service.row_id);
        }
        let handed: usize = by_owner(lines.clone()).iter().map(|l| l.lines.len()).sum();
        prop_assert!(handed >= lines.len());
        prop_assert!(lines.iter().all(|l| l.tier != Tier::A || l.secret.is_none()));
    }
}
