//! What hosts say, in the lines of the checklist.

use std::sync::Arc;

use super::{
    build::{self, assessment, evidence, exposed, leaked, owned, quiet, secret, secret_state},
    checklist,
    plans::{assert_ordered, find},
};
use crate::model::{
    assessment::ServiceAssessment,
    checklist::{Line, LineState},
    disclosure::{Compare, Confidence, ProbeKind},
    facet::{
        FacetValue::{Done, NotApplicable, Open},
        State,
    },
    host::{Act, ActKind, Finding, Runner, RunnerKind},
    joined::{Conflict, Graded, HostView, Weight},
    secret::SecretState,
    service::{Service, TlsStack},
    text::acts_on_a_terminal,
    verdict::{Grade, Reason, Verdict},
    version::Scheme,
};

fn finding(verdict: Verdict, reason: Reason, installed: &str) -> Finding {
    let compare = Compare {
        subject: "openssl".to_owned(),
        installed: installed.to_owned(),
        relation: if verdict == Verdict::Vulnerable { "<" } else { "=" }.to_owned(),
        bound: Some("1.0.1e-2+deb7u5".to_owned()),
        bound_is: "fixed".to_owned(),
        scheme: Scheme::Dpkg,
        ecosystem: "Debian:7".to_owned(),
        advisory: "DSA-2896-1".to_owned(),
        confidence: Confidence::Confirmed,
        caveat: None,
    };
    Finding { compare: Some(Arc::new(compare)), ..Finding::new(verdict, reason) }
}

fn old() -> Finding {
    finding(Verdict::Vulnerable, Reason::PackageAffected, "1.0.1e-2+deb7u4")
}

fn fixed() -> Finding {
    finding(Verdict::NotVulnerable, Reason::PackageFixed, "1.0.1e-2+deb7u5")
}

fn act(kind: ActKind, target: &str) -> Act {
    Act::new(kind, target)
}

fn upgrade() -> Act {
    let (from, to) = (Some("1.0.1e-2+deb7u4".to_owned()), Some("1.0.1e-2+deb7u5".to_owned()));
    Act { from, to, ..act(ActKind::Upgrade, "openssl") }
}

fn restart(unit: &str, caution: bool) -> Act {
    let runner = Runner { kind: RunnerKind::Unit, name: unit.to_owned(), engine: None, caution };
    Act { runner: Some(runner), caution, ..act(ActKind::Restart, unit) }
}

fn view(name: &str, running: Finding, disk: Finding, acts: Vec<Act>) -> HostView {
    let old_runs = disk.verdict.is_clean() && !running.verdict.is_clean();
    HostView {
        old_runs,
        host: name.to_owned(),
        at: build::NOW,
        address: None,
        programs: vec!["nginx".to_owned()],
        running: Some(running),
        disk: Some(disk),
        stack: TlsStack::OpensslDynamic,
        open_to: None,
        acts,
        weight: Weight::Agrees,
    }
}

fn with_hosts(mut judged: ServiceAssessment, hosts: Vec<HostView>) -> ServiceAssessment {
    judged.hosts = hosts;
    judged.version =
        Some(Graded { value: "openssl".to_owned(), grade: Grade::E4, because: "web01".to_owned() });
    judged
}

fn lines_of(service: &Service, judged: ServiceAssessment) -> Vec<Line> {
    checklist(&evidence(vec![service.clone()], Vec::new()), &assessment(vec![judged], vec![], vec![]))
}

fn web() -> Service {
    owned("web01.example.test", 443, "nginx", "o", TlsStack::OpensslDynamic)
}

#[test]
fn the_exact_package_unit_and_caution_of_each_host_are_on_its_lines() {
    let web = web();
    let hosts = vec![
        view("web01", old(), old(), vec![upgrade(), restart("nginx.service", false)]),
        view("web02", old(), fixed(), vec![restart("openvpn.service", true)]),
    ];
    let lines = lines_of(&web, with_hosts(exposed(&web), hosts));
    let fix = find(&lines, &web, "A1");
    assert_eq!(fix.steps[0], "On `web01`: upgrade openssl from 1.0.1e-2+deb7u4 to 1.0.1e-2+deb7u5 or later.");
    assert!(fix.steps.iter().all(|s| !s.contains("apt-get")), "exact, not general: {:?}", fix.steps);
    let checks = fix.tool_checks.as_deref().unwrap();
    assert!(checks.contains("`allclear host collect --ssh web01 --ssh web02`"), "{checks}");
    let seen = fix.evidence_seen.as_deref().unwrap();
    let compared = "1.0.1e-2+deb7u4 < 1.0.1e-2+deb7u5 (fixed; Debian:7, DSA-2896-1)";
    assert!(seen.contains("`web01`") && seen.contains("on disk") && seen.contains(compared), "{seen}");
    assert_eq!(fix.grade, Some(Grade::E4), "as assessment graded it");
    let again = find(&lines, &web, "A2");
    for wanted in [
        "On `web01`: restart nginx.service (systemctl restart nginx.service).",
        "On `web02`: restart openvpn.service",
    ] {
        assert!(again.steps.iter().any(|s| s.contains(wanted)), "{wanted}: {:?}", again.steps);
    }
    assert!(
        again.steps.iter().all(|s| !s.contains("sudo systemctl restart nginx")),
        "no guess: {:?}",
        again.steps
    );
    let impact = again.impact.as_deref().unwrap();
    assert!(
        impact.starts_with("Cuts people off: `openvpn.service` on `web02`. Choose the hour."),
        "{impact}"
    );
    assert!(again.evidence_seen.as_deref().unwrap().contains("runs what is vulnerable (package-affected)"));
}

#[test]
fn static_copies_are_rebuilt_and_images_are_made_anew() {
    let web = web();
    let titles = [
        (
            vec![act(ActKind::Rebuild, "/opt/x")],
            "Rebuild with the fixed library",
            "rebuild or replace /opt/x",
        ),
        (
            vec![act(ActKind::Recreate, "c1")],
            "Rebuild the image and recreate the container",
            "rebuild the image of container c1",
        ),
        (
            vec![upgrade(), act(ActKind::Rebuild, "/opt/x")],
            "Install the fixed version, and rebuild what has its own copy",
            "rebuild or replace /opt/x",
        ),
    ];
    for (acts, title, step) in titles {
        let lines = lines_of(&web, with_hosts(exposed(&web), vec![view("h", old(), old(), acts)]));
        let fix = find(&lines, &web, "A1");
        assert_eq!(fix.title, title);
        assert!(fix.steps.iter().any(|s| s.contains(step)), "{:?}", fix.steps);
    }
}

fn conflict(words: &str) -> Conflict {
    Conflict {
        address: None,
        network: (Verdict::NotVulnerable, Reason::FixProved),
        network_at: build::BAD,
        host: "web01".to_owned(),
        found: old(),
        host_at: build::NOW,
        words: words.to_owned(),
    }
}

#[test]
fn a_conflict_is_a_line_of_its_own_with_both_words() {
    let web = web();
    let words = "192.0.2.11 is not-vulnerable by the network, and vulnerable by host web01.";
    for state in State::ALL {
        let mut judged =
            with_hosts(leaked(&web, *state, [Open; 6]), vec![view("web01", old(), old(), vec![upgrade()])]);
        judged.conflicts = vec![conflict(words)];
        let lines = lines_of(&web, judged);
        assert_ordered(&lines);
        let Some(line) = lines.iter().find(|l| l.code == "A0c") else {
            assert_eq!(*state, State::Decommissioned, "no line in state {state}");
            continue;
        };
        assert_eq!(line.title, "Settle what network and host say");
        assert_eq!(line.why, words);
        let steps = line.steps.join(" ");
        for wanted in
            ["host collect --ssh web01", "port 443", "filter", "allclear verify --service", "upgrade openssl"]
        {
            assert!(steps.contains(wanted), "{state}: {wanted}: {steps}");
        }
        let seen = line.evidence_seen.as_deref().unwrap();
        assert!(seen.contains("not-vulnerable (fix-proved)") && seen.contains("1.0.1e-2+deb7u4 <"), "{seen}");
    }
}

#[test]
fn where_the_network_cannot_tell_the_host_is_asked_instead_of_another_sweep() {
    let web = web();
    let unknown = || quiet(&web, State::Unknown, Verdict::Inconclusive, Reason::BranchNotAnalysed);
    for kind in [ProbeKind::None, ProbeKind::SafeActive, ProbeKind::Passive] {
        let mut judged = assessment(vec![unknown()], vec![], vec![]);
        judged.disclosure.probe.kind = kind;
        let lines = checklist(&evidence(vec![web.clone()], vec![]), &judged);
        let line = find(&lines, &web, "A0");
        assert!(line.steps[0].contains("`allclear host collect --ssh HOST`"), "{kind}: {:?}", line.steps);
        assert!(!line.tool_checks.as_deref().unwrap().contains("allclear verify"), "{kind}: {line:?}");
        assert!(line.why.contains("not read yet"), "{kind}: {}", line.why);
        // Its host was read and could not settle it.
        let found = Finding::new(Verdict::Inconclusive, Reason::RowUnconfirmed);
        let host = view("web01", found.clone(), found, vec![act(ActKind::FindOut, "/opt/x")]);
        judged.services = vec![with_hosts(unknown(), vec![host])];
        let lines = checklist(&evidence(vec![web.clone()], vec![]), &judged);
        let line = find(&lines, &web, "A0");
        let steps = line.steps.join(" ");
        assert!(steps.contains("find out whether /opt/x is affected"), "{kind}: {steps}");
        assert!(steps.contains("allclear disclosure import"), "{kind}: {steps}");
    }
    let lines = lines_of(&web, quiet(&web, State::Unknown, Verdict::Unreachable, Reason::Refused));
    assert!(find(&lines, &web, "A0").tool_checks.as_deref().unwrap().contains("allclear verify"));
}

#[test]
fn keys_and_secrets_that_a_disclosure_does_not_reach_are_no_lines() {
    let web = web();
    let values = [Open, Open, NotApplicable, NotApplicable, NotApplicable, Open];
    let mut judged = exposed(&web);
    judged.facets = build::facets(values);
    judged.spki_before.clear();
    let data = evidence(vec![web.clone()], vec![secret("s", "C1", &[&web], None)]);
    let secrets = vec![secret_state("s", SecretState::Identified, false)];
    let keys = vec![build::key("k", &[(&web, true)])];
    let lines = checklist(&data, &assessment(vec![judged.clone()], keys.clone(), secrets.clone()));
    let codes: Vec<&str> = lines.iter().map(|l| l.code.as_str()).collect();
    assert_eq!(codes, ["A1", "A2", "F1"]);
    judged.facets = build::facets([Open; 6]);
    let lines = checklist(&data, &assessment(vec![judged], keys, secrets));
    for code in ["B1", "B1r", "B2", "C1"] {
        assert!(lines.iter().any(|l| l.code == code), "{code} is owed where it is reached");
    }
}

#[test]
fn hostile_hosts_stay_inside_sentences_and_commands() {
    let web = web();
    let evil = "x`; reboot #\u{1b}[2J\n'";
    let mut bad =
        view(evil, old(), old(), vec![restart(evil, true), Act { target: evil.to_owned(), ..upgrade() }]);
    bad.programs = vec![evil.to_owned()];
    let mut judged = with_hosts(exposed(&web), vec![bad]);
    judged.conflicts = vec![Conflict { host: evil.to_owned(), ..conflict(evil) }];
    for line in lines_of(&web, judged) {
        let texts = line.steps.iter().chain([&line.why, &line.title]).chain(&line.impact);
        for text in texts.chain(&line.tool_checks).chain(&line.evidence_seen) {
            assert!(!text.contains(acts_on_a_terminal), "{}: {text:?}", line.id);
            assert_eq!(text.matches('`').count() % 2, 0, "{}: {text:?}", line.id);
            assert!(!text.contains("--ssh x"), "quoted for a shell: {text:?}");
        }
    }
}

#[test]
fn what_was_seen_closed_wants_a_record_and_quotes_the_host() {
    let web = web();
    let host = view("web01", fixed(), fixed(), vec![]);
    let lines = lines_of(
        &web,
        with_hosts(leaked(&web, State::ClosedKeyAtRisk, [Open, Done, Open, Open, Done, Open]), vec![host]),
    );
    let fix = find(&lines, &web, "A1");
    assert_eq!(fix.title, "Record which fix is installed");
    assert!(fix.evidence_seen.as_deref().unwrap().contains("not-vulnerable (package-fixed)"), "{fix:?}");
    assert_eq!(find(&lines, &web, "A2").state, LineState::Done);
}
