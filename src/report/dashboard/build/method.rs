//! How it was found out, and what was not: the part that an auditor reads first.

use super::{
    super::{
        super::View,
        data::{Method, SweepRow},
    },
    Beside,
};
use crate::model::{
    assessment::Assessment,
    disclosure::ProbeKind,
    sweep::{Sweep, SweepState},
    verdict::Reason,
};

pub(super) fn method(view: &View<'_>, assessment: &Assessment, beside: &Beside<'_>) -> Method {
    let incident = &view.evidence.incident;
    Method {
        chain_head: incident.chain_head,
        evidence_rows: incident.evidence_rows,
        rules: beside.rules,
        policy: assessment.policy.summary(),
        records: assessment.disclosure.sources.clone(),
        catalogue_rows: assessment.disclosure.affected.len() as u64,
        hosts: beside.hosts.len() as u64,
        sweeps: view.evidence.sweeps.iter().map(sweep).collect(),
        not_tested: not_tested(view, assessment, beside),
    }
}

fn sweep(s: &Sweep) -> SweepRow {
    SweepRow {
        sweep: s.id,
        started_at: s.started_at,
        finished_at: s.finished_at,
        state: s.state,
        vantage: s.vantage.to_string(),
        tool: s.tool.clone(),
        command_line: s.command_line.clone(),
        services: s.services,
        bad_rows: s.bad_rows,
        calibrated: s.calibrated,
    }
}

fn not_tested(view: &View<'_>, assessment: &Assessment, beside: &Beside<'_>) -> Vec<String> {
    let with = |reason: Reason| {
        let named = |s: &&crate::model::assessment::ServiceAssessment| s.reason == Some(reason);
        assessment.services.iter().filter(|s| view.wants(&s.row_id)).filter(named).count()
    };
    let mut all = Vec::new();
    let mut count = |n: usize, what: &str| {
        if n > 0 {
            all.push(format!("{}: {what}", services(n)));
        }
    };
    count(with(Reason::WrapUnsupported), "this release does not speak their protocol.");
    count(with(Reason::NotAsked), "not asked about it: only a sweep at full depth does.");
    count(with(Reason::Fragile), "marked or known as fragile, so they got a handshake at most.");
    count(with(Reason::Excluded) + with(Reason::OutOfScope), "kept out by --exclude or the scope.");
    let cut = view.evidence.sweeps.iter().filter(|s| s.state != SweepState::Finished).count();
    if cut > 0 {
        all.push(format!("{cut} of the sweeps below did not come to their end."));
    }
    let bad: u64 = view.evidence.sweeps.last().map_or(0, |s| s.bad_rows);
    if bad > 0 {
        all.push(format!("{bad} rows of the last inventory could not be read and were not looked at."));
    }
    if beside.hosts.is_empty() {
        all.push("No host was asked: what runs from old memory, static copies and bundled libraries are known from the network alone.".to_owned());
    }
    if assessment.disclosure.probe.kind != ProbeKind::BuiltIn {
        all.push(
            "No probe of this release asks about this disclosure: verdicts rest on versions.".to_owned(),
        );
    }
    all.push(
        "Services that no inventory, scan or zone named. `allclear inventory diff` looks for them."
            .to_owned(),
    );
    all.push("Whether anybody used the hole before it was closed: that leaves no trace in these looks, so whatever was in reach counts as taken.".to_owned());
    all.push("Clients, backups and copies of keys outside the services listed here.".to_owned());
    all
}

fn services(n: usize) -> String {
    if n == 1 { "1 service".to_owned() } else { format!("{n} services") }
}
