//! Waves and blast radius: nothing too early, nothing lost, nothing later than it must be.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use proptest::prelude::*;

use super::{
    super::{Types, blast, fleet::lets_go_on, narrowed, plan, waves::layer},
    build::{self, assessment, evidence, exposed, key, leaked, owned},
    checklist,
    plans::{find, fleet},
    props::any_fleet,
};
use crate::model::{
    assessment::{Assessment, KeyExposure},
    checklist::{Line, LineState},
    facet::{
        FacetValue::{Done, Open, Waived},
        State,
    },
    ids::{RowId, Sha256},
    plan::{Action, Plan, Step},
    service::TlsStack,
    sweep::Evidence,
};

fn made(evidence: &Evidence, assessment: &Assessment) -> Plan {
    plan(evidence, assessment, Types::embedded(), checklist(evidence, assessment))
}

fn step<'a>(plan: &'a Plan, id: &str) -> &'a Step {
    plan.steps.iter().find(|s| s.line.id == id).unwrap_or_else(|| panic!("no step {id}"))
}

fn ids<'a>(plan: &'a Plan, places: &[usize]) -> Vec<&'a str> {
    places.iter().map(|at| plan.steps[*at].line.id.as_str()).collect()
}

fn all_actions(plan: &Plan) -> impl Iterator<Item = (Option<usize>, &Action)> {
    let waves = plan.waves.iter().flat_map(|w| w.actions.iter().map(move |a| (Some(w.number), a)));
    waves.chain(plan.held.iter().map(|a| (None, a)))
}

#[test]
fn a_leaking_fleet_is_patched_then_restarted_then_rekeyed_then_revoked() {
    let (evidence, assessment, services) = fleet();
    let [web, mail, ..] = services.as_slice() else { panic!("five services") };
    let plan = made(&evidence, &assessment);
    let wave = |id: &str| step(&plan, id).wave;
    for service in [web, mail] {
        assert_eq!(wave(&format!("{}/A1", service.row_id)), Some(1));
        assert_eq!(wave(&format!("{}/A2", service.row_id)), Some(2));
    }
    let lines = checklist(&evidence, &assessment);
    assert_eq!(wave(&find(&lines, web, "B1").id), Some(3), "a new key waits for both restarts");
    assert_eq!(wave(&find(&lines, web, "B1r").id), Some(4));
    assert_eq!(plan.waves[0].waits_for, []);
    let needs: Vec<(usize, &str, usize)> =
        plan.waves[1].waits_for.iter().map(|n| (n.wave, n.code.as_str(), n.lines)).collect();
    assert!(needs.iter().all(|(wave, code, _)| *wave == 1 && *code == "A1"), "{needs:?}");
    assert_eq!(needs.iter().map(|n| n.2).sum::<usize>(), 3, "{needs:?}");
    assert_eq!(step(&plan, &format!("{}/A2", web.row_id)).unit.as_deref(), Some("nginx"));
}

#[test]
fn the_same_thing_on_many_services_of_one_owner_is_one_entry() {
    let services: Vec<_> = (0..5)
        .map(|i| owned(&format!("w{i}.example.test"), 443, "nginx", "web", TlsStack::OpensslDynamic))
        .collect();
    let judged = services.iter().map(exposed).collect();
    let (evidence, assessment) = (evidence(services, Vec::new()), assessment(judged, Vec::new(), Vec::new()));
    let plan = made(&evidence, &assessment);
    let restarts: Vec<&Action> = plan.waves[1].actions.iter().filter(|a| a.code == "A2").collect();
    let [restart] = restarts.as_slice() else { panic!("one entry, not {}", restarts.len()) };
    assert_eq!((restart.steps.len(), restart.unit.as_deref()), (5, Some("nginx")));
    assert_eq!(restart.owners, [Some("web".to_owned())]);
}

#[test]
fn a_split_says_who_could_go_first() {
    let (evidence, mut assessment, services) = fleet();
    let [web, mail, ..] = services.as_slice() else { panic!("five services") };
    // Mail is closed already; web still leaks. They share a key.
    assessment.services[1] = leaked(mail, State::ClosedKeyAtRisk, [Done, Done, Open, Open, Open, Open]);
    let plan = made(&evidence, &assessment);
    let shared = plan.blasts.iter().find(|b| b.services == 2).expect("the shared key");
    let split = shared.split.as_ref().expect("it is to be rekeyed");
    assert_eq!(split.shared.wave, 3, "not before web is patched and restarted");
    let stops = [format!("{}/A1", web.row_id), format!("{}/A2", web.row_id)];
    assert_eq!(ids(&plan, &split.shared.waits), stops.iter().map(String::as_str).collect::<Vec<_>>());
    let by_owner: Vec<(Option<&str>, usize, usize)> =
        split.owners.iter().map(|p| (p.who.as_deref(), p.wave, p.endpoints)).collect();
    assert_eq!(by_owner, [(Some("team-mail"), 1, 1), (Some("team-web"), 3, 1)]);
    assert_eq!(split.services.len(), 2);
    // What is said of the shared key is what its line waits for.
    assert_eq!(plan.steps[shared.rekey.expect("a line")].wave, Some(split.shared.wave));
}

#[test]
fn revocation_is_blocked_by_every_endpoint_that_still_serves_the_key() {
    let (evidence, mut assessment, services) = fleet();
    let [web, mail, ..] = services.as_slice() else { panic!("five services") };
    let rekeyed = [Done, Done, Done, Open, Open, Open];
    for (serves, blocked) in [([true, true], 2), ([false, true], 1), ([false, false], 0)] {
        for (i, (service, serves)) in [web, mail].into_iter().zip(serves).enumerate() {
            let state = if serves { State::ClosedKeyAtRisk } else { State::RekeyedOldNotRevoked };
            let values = if serves { [Done, Done, Open, Open, Open, Open] } else { rekeyed };
            assessment.services[i] = leaked(service, state, values);
        }
        assessment.keys[0] = key("shared", &[(web, serves[0]), (mail, serves[1])]);
        let plan = made(&evidence, &assessment);
        let shared = plan.blasts.iter().find(|b| b.services == 2).expect("the shared key");
        assert_eq!(shared.blockers().count(), blocked, "{serves:?}");
        assert!(shared.blockers().all(|e| e.serves_now));
        let revoke = step(&plan, &find(&checklist(&evidence, &assessment), web, "B1r").id);
        assert_eq!(revoke.wave == Some(1), blocked == 0, "{serves:?}: revoked in wave {:?}", revoke.wave);
    }
    // Gone is gone: it serves nothing, whatever its last look saw.
    assessment.services[1].state = State::Decommissioned;
    assessment.keys[0] = key("shared", &[(web, false), (mail, true)]);
    let plan = made(&evidence, &assessment);
    let shared = plan.blasts.iter().find(|b| b.services == 2).expect("the shared key");
    assert_eq!(shared.blockers().count(), 0);
}

#[test]
fn a_key_that_is_dealt_with_is_shown_when_it_is_asked_for() {
    let (evidence, mut assessment, services) = fleet();
    let [web, mail, ..] = services.as_slice() else { panic!("five services") };
    for (i, service) in [web, mail].into_iter().enumerate() {
        assessment.services[i] = leaked(service, State::Verified, [Done; 6]);
        assessment.services[i].old_certificates = vec![build::revoked("shared")];
    }
    assessment.keys[0] = key("shared", &[(web, false), (mail, false)]);
    let spki = assessment.keys[0].spki;
    let plan = made(&evidence, &assessment);
    assert!(plan.blasts.iter().all(|b| b.spki != spki), "nobody serves it and its certificate is revoked");
    let asked = blast(&evidence, &assessment, Types::embedded(), &plan, spki).expect("it was seen");
    assert_eq!((asked.endpoints.len(), asked.exposure), (2, KeyExposure::Exposed));
    assert!(asked.certificates.iter().all(|c| c.revoked));
    assert!(blast(&evidence, &assessment, Types::embedded(), &plan, Sha256::of(b"never seen")).is_none());
}

#[test]
fn certificates_of_a_key_that_stays_by_a_waiver_are_in_no_wave() {
    let (evidence, mut assessment, services) = fleet();
    let [web, mail, ..] = services.as_slice() else { panic!("five services") };
    for (i, service) in [web, mail].into_iter().enumerate() {
        assessment.services[i] =
            leaked(service, State::ClosedKeyAtRisk, [Done, Done, Waived, Open, Open, Open]);
    }
    let plan = made(&evidence, &assessment);
    let id = find(&checklist(&evidence, &assessment), web, "B1r").id.clone();
    assert_eq!(step(&plan, &id).wave, None);
    assert!(plan.held.iter().any(|a| a.code == "B1r"));
    let held: BTreeSet<&str> = plan.held.iter().flat_map(|a| ids(&plan, &a.steps)).collect();
    assert!(held.contains(format!("{}/F1", web.row_id).as_str()), "the proof waits for it as well: {held:?}");
    let blast = plan.blasts.iter().find(|b| b.services == 2).expect("the shared key");
    assert_eq!((blast.blockers().count(), blast.split.is_some()), (2, false));
}

#[test]
fn an_owner_s_plan_keeps_what_it_waits_for_from_others() {
    let (evidence, assessment, services) = fleet();
    let whole = made(&evidence, &assessment);
    let mine = |step: &Step| step.owners().contains(&Some("team-data"));
    let plan = narrowed(whole.clone(), mine, |_| false);
    let steps: Vec<&Step> =
        plan.waves.iter().flat_map(|w| &w.actions).flat_map(|a| plan.steps_of(a)).collect();
    assert_eq!(steps.iter().map(|s| s.line.id.as_str()).collect::<Vec<_>>(), ["db-main/C1"]);
    let waits = ids(&plan, &steps[0].waits);
    assert_eq!(waits, [format!("{}/A2", services[0].row_id)], "the restart, not also the fix behind it");
    assert_eq!(plan.waves[0].number, steps[0].wave.expect("a wave"), "numbers of the whole fleet");
    assert_eq!(plan.counts, whole.counts);
    assert!(plan.blasts.is_empty());
}

#[test]
fn a_circle_ends_and_loses_nothing() {
    let table: [&[&[usize]]; 4] =
        [&[&[1], &[0]], &[&[0]], &[&[1], &[2], &[0], &[0]], &[&[], &[2], &[1], &[0, 2]]];
    for (case, first) in table.into_iter().enumerate() {
        let first: Vec<BTreeSet<usize>> = first.iter().map(|f| f.iter().copied().collect()).collect();
        let waves = layer(&first, &BTreeSet::new());
        assert!(waves.iter().all(Option::is_some), "case {case}: {waves:?}");
    }
}

fn open(line: &Line) -> bool {
    !lets_go_on(line.state)
}

proptest! {
    #[test]
    fn every_open_line_is_in_one_wave_after_all_it_waits_for((evidence, assessment) in any_fleet()) {
        let lines = checklist(&evidence, &assessment);
        let plan = plan(&evidence, &assessment, Types::embedded(), lines.clone());
        let mut placed: BTreeMap<&str, Option<usize>> = BTreeMap::new();
        for (wave, action) in all_actions(&plan) {
            for step in plan.steps_of(action) {
                prop_assert_eq!(step.wave, wave);
                prop_assert!(placed.insert(&step.line.id, wave).is_none(), "{} stands twice", step.line.id);
            }
        }
        let wanted: BTreeSet<&str> = lines.iter().filter(|l| open(l)).map(|l| l.id.as_str()).collect();
        prop_assert_eq!(&placed.keys().copied().collect::<BTreeSet<_>>(), &wanted, "every open line, and nothing else");
        for line in lines.iter().filter(|l| open(l)) {
            let first: Vec<Option<usize>> = line.blocked_by.iter().filter_map(|id| placed.get(id.as_str())).copied().collect();
            match placed[line.id.as_str()] {
                None => {
                    let waiver = first.is_empty() && line.state != LineState::Open;
                    prop_assert!(waiver || first.contains(&None), "{} is held by nothing", line.id);
                }
                Some(wave) => {
                    let before = first.iter().copied().collect::<Option<Vec<usize>>>();
                    let before = before.expect("nothing in a wave waits for what is held");
                    prop_assert!(before.iter().all(|w| *w < wave), "{} in wave {wave} waits for {before:?}", line.id);
                    prop_assert_eq!(before.iter().max().map_or(1, |w| w + 1), wave, "{} could go earlier", line.id);
                    prop_assert!(wave > 1 || line.blocked_by_text.is_empty(), "{} waits and could start", line.id);
                }
            }
        }
    }

    #[test]
    fn no_wave_is_empty_and_numbers_have_no_gap((evidence, assessment) in any_fleet()) {
        let plan = made(&evidence, &assessment);
        for (i, wave) in plan.waves.iter().enumerate() {
            prop_assert_eq!(wave.number, i + 1);
            prop_assert!(!wave.actions.is_empty() && !wave.title.is_empty());
            prop_assert_eq!(wave.waits_for.is_empty(), i == 0);
            prop_assert!(i == 0 || wave.waits_for.iter().any(|n| n.wave == i), "waits for the wave before");
        }
    }

    #[test]
    fn a_key_of_its_own_never_waits_longer_than_a_shared_one((evidence, assessment) in any_fleet()) {
        let plan = made(&evidence, &assessment);
        for blast in &plan.blasts {
            let Some(split) = &blast.split else { continue };
            let rekey = &plan.steps[blast.rekey.expect("a split has a line")];
            prop_assert_eq!(rekey.wave, Some(split.shared.wave), "the line and the sentence say the same");
            for parts in [&split.owners, &split.services] {
                let waits: BTreeSet<usize> = parts.iter().flat_map(|p| &p.waits).copied().collect();
                prop_assert!(waits.is_subset(&split.shared.waits.iter().copied().collect()));
                prop_assert!(parts.iter().all(|p| p.wave <= split.shared.wave));
                prop_assert_eq!(parts.iter().map(|p| p.endpoints).sum::<usize>(), split.shared.endpoints);
            }
        }
    }
}

#[test]
fn a_fleet_of_five_thousand_services_is_planned_at_once() {
    let services: Vec<_> = (0..5_000)
        .map(|i| {
            owned(
                &format!("h{i:04}.example.test"),
                443,
                "nginx",
                &format!("team-{:02}", i % 40),
                TlsStack::OpensslDynamic,
            )
        })
        .collect();
    let judged = services.iter().map(exposed).collect();
    // One key on every third service, one on each of the others.
    let wide: Vec<_> = services.iter().step_by(3).map(|s| (s, true)).collect();
    let mut keys = vec![key("wide", &wide)];
    keys.extend(
        services
            .iter()
            .enumerate()
            .filter(|(i, _)| i % 3 != 0)
            .map(|(i, s)| key(&format!("k{i}"), &[(s, true)])),
    );
    let ids: Vec<RowId> = services.iter().map(|s| s.row_id.clone()).collect();
    let (evidence, assessment) = (evidence(services, Vec::new()), assessment(judged, keys, Vec::new()));
    let lines = checklist(&evidence, &assessment);
    let began = Instant::now();
    let plan = plan(&evidence, &assessment, Types::embedded(), lines);
    let took = began.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}, without optimisation and beside other tests");
    assert_eq!(plan.blasts.len(), 3_334);
    assert_eq!(plan.blasts[0].services, 1_667, "the widest first");
    assert!(plan.steps.len() > ids.len() * 4);
}
