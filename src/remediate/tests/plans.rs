//! Lines, their states and their order, on a small fleet.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    super::{by_owner, for_service, nothing_owed},
    build::{self, assessment, evidence, exposed, key, leaked, owned, quiet, secret, secret_state},
    checklist, implied_secrets,
};
use crate::model::{
    assessment::{Assessment, StandingClaim},
    checklist::{Line, LineState},
    claim::{Claim, Statement, Subject},
    facet::{
        FacetKind,
        FacetValue::{self, Contradicted, Done, NotApplicable},
        State,
    },
    secret::{Secret, SecretState},
    service::{Declared, Exposure, Service, TlsStack},
    sweep::Evidence,
    verdict::{Grade, Reason, Verdict},
};

/// A web server and a mail host on one key, both leaking, a TURN server of its own, a printer that
/// nobody could judge, and a server on which nothing is owed.
pub(super) fn fleet() -> (Evidence, Assessment, Vec<Service>) {
    let web = owned("web01.example.test", 443, "nginx", "team-web", TlsStack::OpensslDynamic);
    let mail = owned("mx1.example.test", 25, "postfix", "team-mail", TlsStack::Openssl);
    let turn = owned("turn1.example.test", 5349, "turn", "team-rtc", TlsStack::OpensslStatic);
    let printer = owned("prn-3.example.test", 631, "printer", "", TlsStack::Appliance);
    let fine = owned("new.example.test", 443, "https", "team-web", TlsStack::Other);
    let services = vec![web.clone(), mail.clone(), turn.clone(), printer.clone(), fine.clone()];
    let declared = vec![
        secret("db-main", "C1", &[&web], Some("team-data")),
        secret("cookie", "D1", &[&web], None),
        secret("staff", "E1", &[&web], None),
    ];
    let mut secrets = declared.clone();
    secrets.extend(implied_secrets(&services, &declared));
    let states = secrets
        .iter()
        .filter(|s| !s.services.contains(&printer.row_id))
        .map(|s| secret_state(&s.id, SecretState::Identified, false))
        .collect();
    let judged = vec![
        exposed(&web),
        exposed(&mail),
        exposed(&turn),
        quiet(&printer, State::Unknown, Verdict::Skipped, Reason::Fragile),
        quiet(&fine, State::NotAffected, Verdict::NotApplicable, Reason::Tls13Only),
    ];
    let keys = vec![key("shared", &[(&web, true), (&mail, true)]), key("turn", &[(&turn, true)])];
    (evidence(services.clone(), secrets), assessment(judged, keys, states), services)
}

pub(super) fn find<'a>(lines: &'a [Line], service: &Service, code: &str) -> &'a Line {
    let found = lines.iter().find(|l| l.code == code && l.services.contains(&service.row_id));
    found.unwrap_or_else(|| panic!("no {code} line for {}", service.display_port()))
}

fn lists_of(service: &Service, judged: crate::model::assessment::ServiceAssessment) -> Vec<Line> {
    let evidence = evidence(vec![service.clone()], Vec::new());
    checklist(&evidence, &assessment(vec![judged], Vec::new(), Vec::new()))
}

pub(super) fn assert_ordered(lines: &[Line]) {
    let place: BTreeMap<&str, usize> = lines.iter().map(|l| l.id.as_str()).zip(0..).collect();
    assert_eq!(place.len(), lines.len(), "ids are unique");
    for (i, line) in lines.iter().enumerate() {
        for first in &line.blocked_by {
            assert!(place[first.as_str()] < i, "{} stands before {first}, which blocks it", line.id);
        }
    }
    assert!(lines.is_sorted_by_key(|l| l.tier), "tiers in order");
}

#[test]
fn the_whole_fleet_in_working_order() {
    let (evidence, assessment, _) = fleet();
    let lines = checklist(&evidence, &assessment);
    assert_ordered(&lines);
    let text: Vec<String> = lines
        .iter()
        .map(|l| {
            let owner = l.owner.as_deref().unwrap_or("-");
            format!("{:8} {owner:9} {} [{}]", l.state, l.id, l.blocked_by.join(" "))
        })
        .collect();
    insta::assert_snapshot!(text.join("\n"));
}

#[test]
fn what_the_owner_of_a_turn_server_reads() {
    let (evidence, assessment, services) = fleet();
    let lines = for_service(&checklist(&evidence, &assessment), &services[2].row_id);
    let mut text = String::new();
    for line in &lines {
        text = format!("{text}{} {} ({})\nwhy: {}\n", line.code, line.title, line.state, line.why);
        for step in &line.steps {
            text = format!("{text}  - {step}\n");
        }
        for (name, value) in [
            ("checks", &line.tool_checks),
            ("attest", &line.attest),
            ("impact", &line.impact),
            ("seen", &line.evidence_seen),
        ] {
            text = value.iter().fold(text, |text, v| format!("{text}{name}: {v}\n"));
        }
        text = format!("{text}waits: {}\n\n", line.blocked_by_text.join("; "));
    }
    insta::assert_snapshot!(text);
}

#[test]
fn the_stack_decides_how_it_is_fixed() {
    let table: &[(&str, TlsStack, &str, &str)] = &[
        ("nginx", TlsStack::OpensslDynamic, "Install the fixed version", "apt-get install --only-upgrade"),
        ("turn", TlsStack::OpensslStatic, "Rebuild with the fixed library", "Rebuild it against"),
        ("https", TlsStack::Provider, "Get the provider's statement", "do"),
        ("printer", TlsStack::Unknown, "Install the maker's fix", "firmware"),
        ("https", TlsStack::Appliance, "Install the maker's fix", "firmware"),
        ("https", TlsStack::Unknown, "Install the fixed version", "carries its own copy"),
    ];
    for (kind, stack, title, step) in table {
        let service = owned("h.example.test", 443, kind, "o", *stack);
        let lines = lists_of(&service, exposed(&service));
        let fix = find(&lines, &service, "A1");
        assert_eq!(fix.title, *title, "{kind} {stack}");
        assert!(fix.steps.iter().any(|s| s.contains(step)), "{kind} {stack}: {:?}", fix.steps);
        // O6: the provider's fix does not replace our key.
        assert!(lines.iter().any(|l| l.code == "B1"), "{kind} {stack}: no new key");
    }
    let turn = owned("t.example.test", 5349, "turn", "o", TlsStack::OpensslStatic);
    let lines = lists_of(&turn, exposed(&turn));
    let restart = find(&lines, &turn, "A2");
    assert!(
        restart
            .steps
            .iter()
            .any(|s| s.contains("`sudo systemctl restart coturn`") && s.contains("do not reload"))
    );
    assert!(restart.impact.as_deref().is_some_and(|i| i.contains("Calls")), "impact: {:?}", restart.impact);
}

#[test]
fn facets_become_line_states() {
    let web = owned("web01.example.test", 443, "nginx", "o", TlsStack::OpensslDynamic);
    let table: &[(FacetValue, Option<Grade>, LineState)] = &[
        (FacetValue::Open, None, LineState::Open),
        (FacetValue::Unknown, None, LineState::Open),
        (FacetValue::Regressed, None, LineState::Open),
        (FacetValue::Claimed, Some(Grade::E0), LineState::Claimed),
        (FacetValue::Done, Some(Grade::E0), LineState::Claimed),
        (FacetValue::Done, Some(Grade::E1), LineState::Done),
        (FacetValue::Contradicted, None, LineState::Contradicted),
        (FacetValue::TooEarly, None, LineState::TooEarly),
        (FacetValue::Waived, None, LineState::Waived),
    ];
    for (value, grade, expected) in table {
        let mut judged = exposed(&web);
        judged.facets.patched = build::facet(*value, *grade);
        let lines = lists_of(&web, judged);
        assert_eq!(find(&lines, &web, "A1").state, *expected, "patched is {value} at {grade:?}");
    }
    let mut judged = exposed(&web);
    judged.facets.patched = build::facet(NotApplicable, None);
    assert!(lists_of(&web, judged).iter().all(|l| l.code != "A1"), "what does not apply is no line");
}

#[test]
fn a_claim_names_who_when_and_why_unless_withdrawn() {
    let web = owned("web01.example.test", 443, "nginx", "o", TlsStack::OpensslDynamic);
    let mut judged = exposed(&web);
    judged.facets.patched = build::facet(Contradicted, None);
    judged.facets.patched.justification = Some("CHG-7".to_owned());
    let claim = |statement| Claim {
        through: Vec::new(),
        import: None,
        repeats: None,
        at: build::NOW,
        done_at: None,
        after_sweep: None,
        by: "ada".to_owned(),
        subject: Subject::Service(web.row_id.clone()),
        statement,
        reference: Some("CHG-7".to_owned()),
        note: None,
    };
    let mut data = evidence(vec![web.clone()], Vec::new());
    data.claims.push(claim(Statement::FacetDone { facet: FacetKind::Patched }));
    let judged = assessment(vec![judged], Vec::new(), Vec::new());
    let lines = checklist(&data, &judged);
    let fix = find(&lines, &web, "A1");
    assert_eq!(fix.state, LineState::Contradicted);
    assert_eq!(fix.done_by.as_deref(), Some("ada"));
    assert!(
        fix.evidence_seen.as_deref().is_some_and(|s| s.matches("CHG-7").count() == 1),
        "seen: {:?}",
        fix.evidence_seen
    );
    data.claims.push(claim(Statement::Withdraw { facet: None }));
    assert_eq!(find(&checklist(&data, &judged), &web, "A1").done_by, None);
}

#[test]
fn secrets_wait_for_their_services_and_users_for_infrastructure() {
    let (evidence, assessment, services) = fleet();
    let lines = checklist(&evidence, &assessment);
    let web = &services[0];
    let db = find(&lines, web, "C1");
    assert_eq!(db.owner.as_deref(), Some("team-data"), "the secret's own owner acts");
    assert!(db.blocked_by.contains(&format!("{}/A2", web.row_id)));
    let cookie = find(&lines, web, "D1");
    assert!(cookie.blocked_by.contains(&db.id), "sessions wait for the database password");
    let staff = find(&lines, web, "E1");
    for code in ["A1", "A2", "B1", "B1r", "B2", "C1", "D1"] {
        assert!(staff.blocked_by.contains(&find(&lines, web, code).id), "passwords do not wait for {code}");
    }
    let proof = find(&lines, web, "F1");
    assert!(proof.blocked_by.contains(&staff.id), "the proof comes last");
}

#[test]
fn a_turn_server_owes_its_shared_secret_though_nobody_listed_it() {
    let (evidence, assessment, services) = fleet();
    let lines = checklist(&evidence, &assessment);
    let turn = find(&lines, &services[2], "C7");
    assert_eq!(turn.id, format!("{}/C7", services[2].row_id));
    assert!(turn.why.contains("Nobody listed it"), "why: {}", turn.why);
    let commands = turn.attest.as_deref().unwrap_or_default();
    assert!(commands.contains(&format!(
        "allclear attest --secret {}/C7 --state old-refused --reference TICKET",
        services[2].row_id
    )));
    assert!(commands.contains("--state not-exposed --reference DOC"));
}

#[test]
fn secret_states_become_line_states() {
    let web = owned("web01.example.test", 443, "https", "o", TlsStack::OpensslDynamic);
    let table = [
        (SecretState::Identified, false, LineState::Blocked),
        (SecretState::Deployed, false, LineState::Blocked),
        (SecretState::OldRefused, false, LineState::Claimed),
        (SecretState::OldRefused, true, LineState::Done),
        (SecretState::Destroyed, true, LineState::Done),
        (SecretState::NotExposed, true, LineState::NotApplicable),
        (SecretState::TooEarly, false, LineState::TooEarly),
        (SecretState::Waived, true, LineState::Waived),
    ];
    for (state, closed, expected) in table {
        let data = evidence(vec![web.clone()], vec![secret("s", "C4", &[&web], None)]);
        let judged = assessment(vec![exposed(&web)], Vec::new(), vec![secret_state("s", state, closed)]);
        assert_eq!(find(&checklist(&data, &judged), &web, "C4").state, expected, "{state}, closed {closed}");
    }
}

#[test]
fn a_secret_out_of_reach_is_no_line_and_one_without_a_service_is() {
    let web = owned("web01.example.test", 443, "https", "o", TlsStack::OpensslDynamic);
    let mut lost = secret("lost", "C4", &[], Some("team-x"));
    lost.unresolved = vec!["wbe01".to_owned()];
    let data = evidence(vec![web.clone()], vec![secret("far", "C4", &[&web], None), lost]);
    let mut far = secret_state("far", SecretState::Identified, false);
    far.in_reach = false;
    let lines = checklist(&data, &assessment(vec![exposed(&web)], Vec::new(), vec![far]));
    assert!(lines.iter().all(|l| l.secret.as_deref() != Some("far")));
    let lost =
        lines.iter().find(|l| l.secret.as_deref() == Some("lost")).expect("a line for the lost secret");
    assert!(lost.why.contains("`wbe01`") && lost.state == LineState::Open, "{lost:?}");
}

#[test]
fn an_unknown_service_is_found_out_first_and_says_why() {
    let table = [
        (Verdict::Skipped, Reason::Fragile, "fragile"),
        (Verdict::Inconclusive, Reason::ProbeTimedOut, "tarpit"),
        (Verdict::Unreachable, Reason::DnsFailed, "name has no address"),
        (Verdict::Unreachable, Reason::Refused, "port is closed"),
        (Verdict::Inconclusive, Reason::Blocked, "decides nothing"),
        (Verdict::Inconclusive, Reason::BackportLikely, "decides nothing"),
        (Verdict::Skipped, Reason::WrapUnsupported, "this release does not speak `tls`"),
    ];
    let service = owned("h.example.test", 443, "https", "o", TlsStack::Unknown);
    for (verdict, reason, word) in table {
        let lines = lists_of(&service, quiet(&service, State::Unknown, verdict, reason));
        let line = find(&lines, &service, "A0");
        assert!(line.why.contains(word), "{reason}: {}", line.why);
        assert_eq!(lines.len(), 1, "{reason}: nothing else is known to be owed");
        let commands = line.attest.as_deref().unwrap_or_default();
        for wanted in [
            "allclear attest --service h.example.test:443 --not-affected vulnerable_code_not_present --reference DOC",
            "allclear attest --service h.example.test:443 --decommissioned --reference TICKET",
            "allclear waive --service h.example.test:443 --until 2026-12-23 --reason \"...\"",
        ] {
            assert!(commands.lines().any(|l| l == wanted), "{reason}: no {wanted:?} in {commands}");
        }
    }
}

#[test]
fn lines_go_to_everyone_who_has_to_act() {
    let (evidence, assessment, services) = fleet();
    let lines = checklist(&evidence, &assessment);
    let lists = by_owner(lines.clone());
    let owners: Vec<Option<&str>> = lists.iter().map(|l| l.owner.as_deref()).collect();
    assert_eq!(owners, [Some("team-data"), Some("team-mail"), Some("team-rtc"), Some("team-web"), None]);
    let shared = &find(&lines, &services[0], "B1").id;
    let holders: Vec<_> = lists.iter().filter(|l| l.lines.iter().any(|x| &x.id == shared)).collect();
    assert_eq!(holders.len(), 2, "both owners of the shared key have its line");
    for list in &lists {
        assert!(list.lines.iter().all(|l| l.owner == list.owner), "a line names whose list it is on");
        assert!(list.lines.is_sorted_by_key(|l| lines.iter().position(|x| x.id == l.id)), "order is kept");
    }
    let handed: BTreeSet<&String> = lists.iter().flat_map(|l| &l.lines).map(|l| &l.id).collect();
    assert_eq!(handed.len(), lines.len(), "no line is lost");
}

#[test]
fn every_service_has_a_line_or_a_reason() {
    let (evidence, assessment, services) = fleet();
    let lines = checklist(&evidence, &assessment);
    let silent = nothing_owed(&evidence, &assessment, &lines);
    let quiet_ones: Vec<&str> = silent.iter().map(|n| n.name.as_str()).collect();
    assert_eq!(quiet_ones, ["new.example.test:443"]);
    assert!(silent[0].why.contains("tls13-only"), "why: {}", silent[0].why);
    for service in &services {
        let named = lines.iter().any(|l| l.services.contains(&service.row_id));
        assert!(
            named || silent.iter().any(|n| n.row_id == service.row_id),
            "{} is lost",
            service.display_port()
        );
    }
}

#[test]
fn a_waived_device_says_until_when_and_by_whom() {
    let printer = owned("prn.example.test", 631, "printer", "o", TlsStack::Appliance);
    let mut judged = quiet(&printer, State::Waived, Verdict::Skipped, Reason::Fragile);
    judged.waiver = Some(StandingClaim {
        what: "waived".to_owned(),
        by: "ada".to_owned(),
        at: build::NOW,
        reference: Some("no firmware yet".to_owned()),
        until: Some(build::NOW.plus_seconds(86_400)),
    });
    let lines = lists_of(&printer, judged);
    let line = find(&lines, &printer, "A0");
    assert_eq!(line.state, LineState::Waived);
    assert_eq!(line.evidence_seen.as_deref(), Some("waived until 2026-11-24 by ada: no firmware yet"));
}

#[test]
fn a_finished_service_keeps_its_history_as_done() {
    let web = owned("web01.example.test", 443, "https", "o", TlsStack::Openssl);
    let lines = lists_of(&web, leaked(&web, State::Verified, [Done; 6]));
    assert!(!lines.is_empty());
    for line in &lines {
        assert_eq!(line.state, LineState::Done, "{}", line.id);
        assert!(line.blocked_by_text.is_empty(), "{} still says it waits", line.id);
    }
}

#[test]
fn ids_that_people_made_collide_harmlessly() {
    let web = owned("web01.example.test", 443, "https", "o", TlsStack::Openssl);
    let twins: Vec<Secret> = vec![secret("s", "C4", &[&web], None), secret("s", "C4", &[&web], None)];
    let lines =
        checklist(&evidence(vec![web.clone()], twins), &assessment(vec![exposed(&web)], vec![], vec![]));
    assert_eq!(lines.iter().filter(|l| l.code == "C4").count(), 2);
    assert_ordered(&lines);
}

#[test]
fn hostile_names_stay_inside_commands_and_sentences() {
    let mut web = owned("web01.example.test; halt", 443, "https", "o'; rm -rf /", TlsStack::Openssl);
    web.row_id = crate::model::ids::RowId::declared("x'; reboot #\n`id`");
    let lines = lists_of(&web, exposed(&web));
    for line in &lines {
        for command in line.attest.iter().flat_map(|a| a.lines()) {
            assert!(command.starts_with("allclear "), "{}: {command:?}", line.id);
            assert!(command.contains(r"'x'\''; reboot #\x0A`id`'"), "{}: {command:?}", line.id);
        }
        let texts = line.steps.iter().chain([&line.why, &line.title]).chain(&line.blocked_by_text);
        assert!(texts.chain(&line.tool_checks).all(|t| !t.contains('\n')), "{line:?}");
    }
}

#[test]
fn commands_name_a_service_by_name_and_port_where_that_is_one_service_and_harmless() {
    let plain = |name: &str| owned(name, 443, "https", "o", TlsStack::Openssl);
    let twin = |id: &str| {
        let mut service = plain("twin.example.test");
        service.row_id = crate::model::ids::RowId::declared(id);
        service
    };
    let table: &[(&str, Vec<Service>, &str)] = &[
        ("one", vec![plain("h.example.test")], "h.example.test:443"),
        ("two of that name", vec![twin("a"), twin("b")], "a"),
        ("a name that a shell reads", vec![plain("$(halt)")], ""),
        ("IPv6 in brackets, which a shell may expand", vec![plain("2001:db8::1")], ""),
        ("an option", vec![plain("-x")], ""),
        ("upper case, which is not looked up", vec![plain("H.example.test")], ""),
        ("the id of another", vec![plain("h"), twin("h:443")], ""),
    ];
    for (case, services, wanted) in table {
        let judged = services.iter().map(exposed).collect();
        let lines =
            checklist(&evidence(services.clone(), vec![]), &assessment(judged, Vec::new(), Vec::new()));
        let wanted = if wanted.is_empty() { services[0].row_id.as_str() } else { wanted };
        let expected = format!("allclear attest --service {wanted} --facet patched --reference TICKET");
        assert_eq!(find(&lines, &services[0], "A1").attest.as_deref(), Some(&*expected), "{case}");
    }
}

#[test]
fn what_leaks_comes_before_what_is_unknown_and_that_before_what_wants_a_record() {
    let placed = |name: &str, exposure| {
        let declared = Declared { owner: Some("o".to_owned()), exposure, ..Declared::default() };
        build::service(name, 443, declared)
    };
    let closed = [FacetValue::Open, Done, FacetValue::Open, FacetValue::Open, Done, FacetValue::Open];
    let services = vec![
        placed("a.closed", Some(Exposure::Public)),
        placed("b.dark", Some(Exposure::Public)),
        placed("c.nowhere", None),
        placed("d.internal", Some(Exposure::Internal)),
        placed("e.partner", Some(Exposure::Partner)),
        placed("f.public", Some(Exposure::Public)),
    ];
    let mut judged: Vec<_> = services.iter().map(exposed).collect();
    judged[0] = leaked(&services[0], State::ClosedKeyAtRisk, closed);
    judged[1] = quiet(&services[1], State::Unknown, Verdict::Inconclusive, Reason::Blocked);
    let lines = checklist(&evidence(services, vec![]), &assessment(judged, vec![], vec![]));
    let first: Vec<String> = lines
        .iter()
        .filter(|l| matches!(l.code.as_str(), "A0" | "A1"))
        .map(|l| format!("{} {}", l.code, l.service_names[0]))
        .collect();
    let wanted = [
        "A1 f.public:443",
        "A1 e.partner:443",
        "A1 d.internal:443",
        "A1 c.nowhere:443",
        "A0 b.dark:443",
        "A1 a.closed:443",
    ];
    assert_eq!(first, wanted);
    let record =
        lines.iter().find(|l| l.code == "A1" && l.service_names[0] == "a.closed:443").expect("a line");
    assert_eq!(record.title, "Record which fix is installed");
    assert!(record.steps.iter().all(|s| !s.contains("apt-get")), "it is closed: {:?}", record.steps);
}

#[test]
fn the_same_question_to_one_owner_is_one_line() {
    let host =
        |i: usize, owner| owned(&format!("h{i:02}.example.test"), 443, "https", owner, TlsStack::Unknown);
    let mut services: Vec<Service> = (0..25).map(|i| host(i, "team web")).collect();
    services.extend([host(25, ""), host(26, ""), host(27, "other")]);
    let mut judged: Vec<_> =
        services.iter().map(|s| quiet(s, State::Unknown, Verdict::Unreachable, Reason::Refused)).collect();
    judged[3] = quiet(&services[3], State::Unknown, Verdict::Unreachable, Reason::DnsFailed);
    let lines = checklist(&evidence(services.clone(), vec![]), &assessment(judged, vec![], vec![]));
    let sizes: Vec<(Option<&str>, usize)> =
        lines.iter().map(|l| (l.owner.as_deref(), l.services.len())).collect();
    assert_eq!(sizes, [(Some("other"), 1), (Some("team web"), 24), (Some("team web"), 1), (None, 2)]);
    let folded = &lines[1];
    assert_eq!(folded.id, format!("{}/A0", services[0].row_id));
    for (i, service) in services.iter().enumerate().take(25).filter(|(i, _)| *i != 3) {
        assert_eq!(for_service(&lines, &service.row_id), std::slice::from_ref(folded), "service {i}");
    }
    let commands = folded.attest.as_deref().unwrap_or_default();
    let gone = commands.lines().find(|l| l.contains("--decommissioned")).expect("a command");
    assert_eq!(gone.matches("--service ").count(), 20, "{gone}");
    assert!(
        commands.contains("# 20 of 24 are named; `--owner 'team web' --filter state=unknown`"),
        "{commands}"
    );
    let nobody = lines[3].attest.as_deref().unwrap_or_default();
    assert!(nobody.contains("--service h25.example.test:443 --service h26.example.test:443"), "{nobody}");
}

#[test]
fn a_line_waits_for_the_last_step_alone_and_says_whose_it_is() {
    let (evidence, assessment, services) = fleet();
    let lines = checklist(&evidence, &assessment);
    let rekey = find(&lines, &services[0], "B1");
    let restart = "A2 Restart everything that runs the old code";
    assert_eq!(
        rekey.blocked_by_text,
        [
            format!("{restart}: `web01.example.test:443` (`team-web`)"),
            format!("{restart}: `mx1.example.test:25` (`team-mail`)")
        ]
    );
    assert_eq!(rekey.blocked_by.len(), 4, "the ids are all there: {:?}", rekey.blocked_by);
    let tickets = find(&lines, &services[2], "B2");
    assert_eq!(tickets.blocked_by_text, [format!("{restart}: `turn1.example.test:5349`")]);
}
