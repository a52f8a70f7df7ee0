//! Tier A, stop the leak: install the fix (A1), restart (A2). One of each per service at most. Services that
//! nobody could judge and new keys are not its business.

use super::{
    draft::Drafts,
    fleet::{Fleet, is_appliance, leaked, sentence, settled, vulnerable},
    on_hosts,
    types::ServiceType,
    words::{attest_facet, seen, tick, ticks, verify},
};
use crate::model::{
    assessment::{EndpointAssessment, ServiceAssessment},
    checklist::{Line, LineState},
    facet::{FacetKind, FacetValue, Regression, State},
    host::ActKind,
    secret::Tier,
    service::{Service, TlsStack},
    verdict::{Grade, Verdict},
    wrap::Transport,
};

pub(super) fn lines(fleet: &Fleet<'_>, drafts: &mut Drafts) {
    for (service, judged) in fleet.judged() {
        let mut stop = drafts.stop.get(&service.row_id).copied().unwrap_or_default();
        if leaked(judged) && judged.state != State::Decommissioned {
            let owed = |kind| judged.facets.get(kind).value != FacetValue::NotApplicable;
            if owed(FacetKind::Patched) {
                stop.fix = Some(drafts.push(fix(fleet, service, judged), []));
            }
            if owed(FacetKind::Restarted) {
                // Once somebody said that the fix is installed, as well as policy asks, only the restart can show it.
                let said = said_installed(fleet, judged);
                let first = stop.fix.filter(|_| !said);
                stop.restart = Some(drafts.push(restart(fleet, service, judged), first));
            }
        }
        drafts.stop.insert(service.row_id.clone(), stop);
    }
}

fn said_installed(fleet: &Fleet<'_>, judged: &ServiceAssessment) -> bool {
    let patched = &judged.facets.patched;
    let minimum = fleet.assessment.policy.minimum_grades.of(FacetKind::Patched);
    patched.value == FacetValue::Claimed && patched.grade.is_some_and(|g| g >= minimum)
}

fn own_line(fleet: &Fleet<'_>, service: &Service, code: &str, title: &str) -> Line {
    fleet.line(format!("{}/{code}", service.row_id), Tier::A, code, title, vec![service.row_id.clone()])
}

/// Whether that work puts fixed code on disk.
const fn installs(kind: ActKind) -> bool {
    matches!(kind, ActKind::Upgrade | ActKind::Rebuild | ActKind::Recreate)
}

/// What hosts say has to be installed, with a title for it; nothing where no host says.
fn exact_fix(judged: &ServiceAssessment) -> Option<(&'static str, Vec<String>)> {
    let mut kinds = on_hosts::acts(judged, installs).map(|(_, act)| act.kind);
    let first = kinds.next()?;
    let title = match first {
        _ if kinds.any(|kind| kind != first) => {
            "Install the fixed version, and rebuild what has its own copy"
        }
        ActKind::Rebuild => "Rebuild with the fixed library",
        ActKind::Recreate => "Rebuild the image and recreate the container",
        _ => "Install the fixed version",
    };
    let mut steps = on_hosts::steps(judged, installs);
    steps.extend(on_hosts::steps(judged, |kind| kind == ActKind::FindOut));
    steps.push(
        "Where other hosts, images or templates carry the same copy, do it there as well; only the hosts above were read."
            .to_owned(),
    );
    Some((title, steps))
}

fn fix(fleet: &Fleet<'_>, service: &Service, judged: &ServiceAssessment) -> Line {
    let kind = fleet.kind(service);
    let appliance = is_appliance(service, kind);
    let closed = seen_closed(fleet, judged);
    let (title, steps) = match service.tls_stack() {
        _ if closed => ("Record which fix is installed", vec![record_step(service, appliance)]),
        _ if appliance => ("Install the maker's fix", appliance_steps()),
        TlsStack::Provider => ("Get the provider's statement", provider_steps()),
        TlsStack::OpensslStatic => ("Rebuild with the fixed library", static_steps()),
        TlsStack::Other => ("Install the fixed version", other_steps()),
        stack => ("Install the fixed version", package_steps(stack)),
    };
    let (title, steps) = exact_fix(judged).filter(|_| !closed).unwrap_or((title, steps));
    let mut line = own_line(fleet, service, "A1", title);
    line.why = evidence(judged);
    line.steps = steps;
    let which = fleet.which(&line.services);
    if judged.presumed && judged.last_bad.is_none() {
        line.steps.push(format!(
            "If it never had the hole, show that instead: `allclear attest {which} --not-affected vulnerable_code_not_present --reference DOC`."
        ));
    }
    line.attest = Some(attest_facet(&which, FacetKind::Patched.as_str()));
    line.evidence_wanted = String::from(
        "The installed version and its distribution's advisory, a build id with a date, or the maker's statement with a date.",
    );
    if closed {
        line.why = format!(
            "{} What is missing is your word for what was installed, which no sweep can see.",
            line.why
        );
        line.impact = Some("Nothing.".to_owned());
    } else {
        let cut = on_hosts::cautions(judged, installs).map_or_else(String::new, |c| format!(" {c}"));
        line.impact = Some(format!("Nothing yet; the old code goes on running until the restart (A2).{cut}"));
    }
    line.tool_checks = Some(installed_checks(judged, appliance, service.tls_stack(), closed));
    fleet.fill(&mut line, judged, FacetKind::Patched);
    add_words(&mut line, judged, on_hosts::said(judged, "has on disk what is", |h| h.disk.as_ref()));
    line
}

/// What is read to see what is installed: host evidence, where there can be any.
fn installed_checks(judged: &ServiceAssessment, appliance: bool, stack: TlsStack, closed: bool) -> String {
    let after = if closed { "" } else { " The restart (A2) shows whether the fix is in use." };
    if appliance || stack == TlsStack::Provider {
        return format!("Nothing here: no host can be read.{after}");
    }
    format!(
        "What its host says of packages and copies: {}. No sweep sees them.{after}",
        on_hosts::collect(judged)
    )
}

/// Adds what hosts say to the evidence seen; its grade where nothing else gave one.
fn add_words(line: &mut Line, judged: &ServiceAssessment, words: Vec<String>) {
    if words.is_empty() || line.state == LineState::Waived {
        return;
    }
    let parts: Vec<String> = line.evidence_seen.take().into_iter().chain(words).collect();
    line.evidence_seen = sentence(&parts);
    line.grade = line.grade.or(on_hosts::grade(judged));
}

/// Whether looks since the last bad one found the hole closed, and nobody has said how.
fn seen_closed(fleet: &Fleet<'_>, judged: &ServiceAssessment) -> bool {
    let state = fleet.facet_state(judged, FacetKind::Restarted);
    let recorded = settled(fleet.facet_state(judged, FacetKind::Patched));
    matches!(state, LineState::Done | LineState::Seen) && !recorded && !vulnerable(judged)
}

fn record_step(service: &Service, appliance: bool) -> String {
    match service.tls_stack() {
        _ if appliance => "Write the firmware version and the maker's statement into the ticket.",
        TlsStack::Provider => "Ask the provider for a statement with a date: when your endpoints ran fixed code.",
        TlsStack::OpensslStatic => "Write the build id or digest and the date of the fixed build into the ticket.",
        TlsStack::Other => "Write the library or runtime, its version and the advisory that names it as fixed into the ticket.",
        _ => "Write into the ticket what is installed (`dpkg -l 'libssl*'` or `rpm -q openssl-libs`), since when, and the advisory that names it as fixed.",
    }
    .to_owned()
}

fn package_steps(stack: TlsStack) -> Vec<String> {
    let mut steps = vec![
        "Debian, Ubuntu: `sudo apt-get update && sudo apt-get install --only-upgrade openssl 'libssl*'`; Red Hat and kin: `sudo dnf upgrade openssl openssl-libs`.".to_owned(),
        "Compare what is installed now with the advisory of the distribution: `dpkg -l 'libssl*'` or `rpm -q openssl-libs`. An upgrade that found nothing to do may only mean that the mirror is behind; the upstream version alone says nothing, since fixes are backported.".to_owned(),
    ];
    match stack {
        TlsStack::OpensslDynamic => {}
        TlsStack::OpensslIndirect => steps.push(
            "It reaches OpenSSL through another library or runtime: check whether that one carries its own copy, and upgrade it too.".to_owned(),
        ),
        _ => steps.push(
            "Nobody said how it is linked. If its process maps no `libssl` (`sudo grep -l libssl /proc/[0-9]*/maps`), it carries its own copy: then it must be rebuilt, and the package alone fixes nothing.".to_owned(),
        ),
    }
    steps
}

fn static_steps() -> Vec<String> {
    [
        "The library is linked in: upgrading the system's package changes nothing here.",
        "Rebuild it against the fixed library, and write the build id or digest and the date into the ticket.",
        "Roll the new build out to every host, image and autoscaling template that carries the old one.",
    ]
    .map(str::to_owned)
    .to_vec()
}

fn other_steps() -> Vec<String> {
    [
        "It does not use the system's OpenSSL: find the advisory of the library or runtime that it does use, and install what that names as fixed.",
        "Compare what is installed now with that advisory.",
    ]
    .map(str::to_owned)
    .to_vec()
}

fn appliance_steps() -> Vec<String> {
    [
        "Get the maker's statement with a date: affected, not affected, or fixed in which firmware.",
        "Install the fixed firmware. If there is none, take its TLS port off every network that does not need it.",
        "Keep the statement and the firmware version in the ticket.",
    ]
    .map(str::to_owned)
    .to_vec()
}

fn provider_steps() -> Vec<String> {
    [
        "Ask the provider for a statement with a date: when your endpoints ran fixed code. \"We are patched\" without a date is not enough.",
        "Their fix does not replace your key or your secrets: the lines below are still yours.",
    ]
    .map(str::to_owned)
    .to_vec()
}

fn restart(fleet: &Fleet<'_>, service: &Service, judged: &ServiceAssessment) -> Line {
    let kind = fleet.kind(service);
    let appliance = is_appliance(service, kind);
    let provider = service.tls_stack() == TlsStack::Provider;
    let title = match (appliance, provider) {
        (true, _) => "Restart the device",
        (_, true) => "See the provider's fix in use",
        _ => "Restart everything that runs the old code",
    };
    let mut line = own_line(fleet, service, "A2", title);
    line.why = if judged.facets.patched.value == FacetValue::NotApplicable {
        format!("{} The old code runs until the process ends.", evidence(judged))
    } else {
        "The old code runs until every process that loaded it has ended.".to_owned()
    };
    line.steps = if appliance {
        vec!["Restart the device after the firmware is installed, and check that it came back with the new version.".to_owned()]
    } else if provider {
        vec!["Nothing to restart on your side; ask the provider if the hole is still seen.".to_owned()]
    } else {
        restart_steps(service, kind, on_hosts::steps(judged, |kind| kind == ActKind::Restart))
    };
    let cut = on_hosts::cautions(judged, |kind| kind == ActKind::Restart);
    let drops = (!provider && !kind.drops.is_empty()).then(|| kind.drops.clone());
    let impact: Vec<String> = cut.into_iter().chain(drops).collect();
    line.impact = (!impact.is_empty()).then(|| impact.join(" "));
    let look = verify(&fleet.which(&line.services), None);
    line.tool_checks = Some(if judged.hosts.is_empty() {
        format!("Whether every address is clean since the last bad look: `{look}`.")
    } else {
        format!(
            "Whether anything still runs the old code: {}; and whether every address is clean since the last bad look: `{look}`.",
            on_hosts::collect(judged)
        )
    });
    let twice = fleet.assessment.policy.minimum_grades.restarted >= Grade::E3;
    line.evidence_wanted = if twice {
        "Every address clean in two sweeps, or from two vantages.".to_owned()
    } else {
        "Every address clean in a sweep.".to_owned()
    };
    fleet.fill(&mut line, judged, FacetKind::Restarted);
    add_words(&mut line, judged, on_hosts::said(judged, "runs what is", |h| h.running.as_ref()));
    line
}

/// `exact`: what hosts say has to be restarted; where they say nothing, what a service of that type usually is.
fn restart_steps(service: &Service, kind: &ServiceType, exact: Vec<String>) -> Vec<String> {
    let mut steps = vec!["Only after the fix is installed.".to_owned()];
    steps.extend(kind.test.as_ref().map(|t| format!("Check its configuration first: `{t}`.")));
    if exact.is_empty() {
        steps.push(usual_restart(service, kind));
    } else {
        steps.push("Restart, do not reload (a reload may keep the old library mapped).".to_owned());
        steps.extend(exact);
    }
    steps.push(if service.tls_stack() == TlsStack::OpensslStatic {
        "See that it runs the new build: `sudo ls -l /proc/PID/exe` names the new file, and not as deleted.".to_owned()
    } else {
        "See that nothing still maps the old file: `sudo grep -lE 'lib(ssl|crypto).*deleted' /proc/[0-9]*/maps` prints nothing; `needrestart -r l` and `needs-restarting` say the same in other words.".to_owned()
    });
    steps.push(
        "Do it on every host and address behind the name; one old backend is enough to leak.".to_owned(),
    );
    steps
}

fn usual_restart(service: &Service, kind: &ServiceType) -> String {
    match &kind.units {
        Some([debian, red_hat]) if debian == red_hat => {
            format!(
                "Restart, do not reload (a reload may keep the old library mapped): `sudo systemctl restart {debian}`."
            )
        }
        Some([debian, red_hat]) => format!(
            "Restart, do not reload (a reload may keep the old library mapped). Debian, Ubuntu: `sudo systemctl restart {debian}`; Red Hat and kin: `sudo systemctl restart {red_hat}`."
        ),
        None => {
            let flags = if service.transport == Transport::Udp { "-lunp" } else { "-ltnp" };
            format!(
                "Find what listens, and restart it, not reload it (a reload may keep the old library mapped): `sudo ss {flags} 'sport = :{}'`.",
                service.port
            )
        }
    }
}

/// Which endpoint, what was seen, when last: one sentence or two.
pub(super) fn evidence(judged: &ServiceAssessment) -> String {
    let mut parts = Vec::new();
    let bad: Vec<&EndpointAssessment> =
        judged.endpoints.iter().filter(|e| e.verdict == Verdict::Vulnerable).collect();
    if let Some(worst) = bad.iter().max_by_key(|e| e.at) {
        let mut places: Vec<String> = bad.iter().filter_map(|e| e.address).map(|a| a.to_string()).collect();
        places.sort();
        places.dedup();
        let place = if places.is_empty() { "An endpoint".to_owned() } else { ticks(&places) };
        let of = if bad.len() < judged.endpoints.len() {
            format!(", {} of {} endpoints", bad.len(), judged.endpoints.len())
        } else {
            String::new()
        };
        parts.push(format!("{place} {} ({}, {}{of})", seen(worst.reason), worst.sweep, worst.at.short()));
    } else if let Some(at) = judged.last_bad {
        parts.push(format!("Seen vulnerable, last on {}", at.short()));
    } else if judged.presumed {
        parts.push(
            "Clean at its first look, and presumed to have leaked before: its certificate is older than the disclosure"
                .to_owned(),
        );
    } else {
        parts.push(format!("Its state is {}", judged.state));
    }
    // Only what concerns the software: a certificate on the old key, for one, is another line's business.
    let back =
        judged.regressions.iter().filter(|r| matches!(r, Regression::R1 | Regression::R4 | Regression::R10));
    let codes: Vec<String> = back.map(|r| tick(r.as_str())).collect();
    if !codes.is_empty() {
        parts.push(format!("it went backwards ({})", codes.join(", ")));
    }
    sentence(&parts).map_or(String::new(), |s| format!("{s}."))
}
