//! What hosts say of the sample's services.

use std::sync::Arc;

use crate::model::{
    assessment::ServiceAssessment,
    disclosure::{Compare, Confidence},
    facet::State,
    host::{Act, ActKind, Finding, Runner, RunnerKind},
    joined::{Conflict, Graded, HostView, Weight},
    service::TlsStack,
    verdict::{Grade, Reason, Verdict},
    version::Scheme,
};

use super::at;

/// A finding with its comparison against the version that is fixed.
pub(crate) fn finding(verdict: Verdict, reason: Reason, installed: &str, relation: &str) -> Finding {
    let compare = Compare {
        subject: "openssl".to_owned(),
        installed: installed.to_owned(),
        relation: relation.to_owned(),
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

/// A package below the fixed version.
pub(crate) fn old() -> Finding {
    finding(Verdict::Vulnerable, Reason::PackageAffected, "1.0.1e-2+deb7u4", "<")
}

/// A package at the fixed version.
pub(crate) fn fixed() -> Finding {
    finding(Verdict::NotVulnerable, Reason::PackageFixed, "1.0.1e-2+deb7u5", "=")
}

/// Work on something.
pub(crate) fn act(kind: ActKind, target: &str) -> Act {
    Act::new(kind, target)
}

/// The restart of a unit.
pub(crate) fn restart(unit: &str, caution: bool) -> Act {
    Act {
        runner: Some(Runner { kind: RunnerKind::Unit, name: unit.to_owned(), engine: None, caution }),
        program: unit.trim_end_matches(".service").to_owned(),
        processes: vec![812, 813],
        caution,
        ..act(ActKind::Restart, unit)
    }
}

fn host(name: &str, weight: Weight, running: Finding, disk: Finding) -> HostView {
    let old_runs = disk.verdict.is_clean() && !running.verdict.is_clean();
    HostView {
        old_runs,
        host: name.to_owned(),
        at: at("15:00:00"),
        address: Some("192.0.2.11".parse().expect("an address")),
        programs: vec!["nginx".to_owned()],
        running: Some(running),
        disk: Some(disk),
        stack: TlsStack::OpensslDynamic,
        open_to: None,
        acts: Vec::new(),
        weight,
    }
}

fn graded<T>(value: T, grade: Grade, name: &str) -> Graded<T> {
    Graded { value, grade, because: format!("{name}, 2026-11-22 15:00") }
}

/// One service whose host agrees, one that its host contradicts, one with a static copy that needs a rebuild.
pub(super) fn add_hosts(entries: &mut [ServiceAssessment]) {
    let [web, mail, turn, ..] = entries else { return };
    let upgrade = Act {
        from: Some("1.0.1e-2+deb7u4".to_owned()),
        to: Some("1.0.1e-2+deb7u5".to_owned()),
        ..act(ActKind::Upgrade, "openssl")
    };
    let mut agrees = host("web01", Weight::Agrees, old(), old());
    agrees.acts = vec![upgrade.clone(), restart("nginx.service", false)];
    web.hosts = vec![agrees];
    web.linkage = Some(graded(TlsStack::OpensslDynamic, Grade::E4, "web01"));
    web.version = old().compare.map(|c| graded(format!("runs {c}"), Grade::E4, "web01"));
    let mut outranked = host("mail", Weight::Outranked, old(), old());
    outranked.acts = vec![upgrade];
    mail.hosts = vec![outranked];
    mail.conflicts = vec![Conflict {
        address: Some("192.0.2.11".parse().expect("an address")),
        network: (Verdict::NotVulnerable, Reason::FixProved),
        network_at: at("14:00:00"),
        host: "mail".to_owned(),
        found: old(),
        host_at: at("13:00:00"),
        words: "192.0.2.11 is not-vulnerable by the network, and vulnerable by host mail. The network counts; collect the host again to settle it.".to_owned(),
    }];
    let mut linked = host("turn", Weight::Agrees, old(), old());
    linked.stack = TlsStack::OpensslStatic;
    linked.acts = vec![Act {
        from: Some("1.0.1e".to_owned()),
        to: Some("1.0.1g".to_owned()),
        runner: restart("turn.service", true).runner,
        caution: true,
        ..act(ActKind::Rebuild, "/opt/turn/restund")
    }];
    turn.hosts = vec![linked];
    turn.linkage = Some(graded(TlsStack::OpensslStatic, Grade::E3, "turn"));
}

/// Patched and not restarted: fixed on disk, the old code runs in a unit that cuts people off.
pub(crate) fn unrestarted(entry: &mut ServiceAssessment) {
    entry.state = State::PatchedNotRestarted;
    (entry.verdict, entry.reason) = (Some(Verdict::Vulnerable), Some(Reason::PackageAffected));
    let mut view = host("vpn01", Weight::Decides, old(), fixed());
    view.acts = vec![restart("openvpn.service", true)];
    entry.hosts = vec![view];
    entry.next_action = "Fixed on disk, and the old code still runs.".to_owned();
}
