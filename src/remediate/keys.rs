//! Tier B as far as sweeps see it: which exposed keys get lines and what these wait for, and the ticket
//! keys that a process made for itself (B2).

use std::collections::{BTreeMap, BTreeSet};

use super::{
    draft::Drafts,
    exposed::Plan,
    fleet::{Fleet, leaked},
    hints, tls,
    words::{attest_facet, verify},
};
use crate::model::{
    assessment::{KeyAssessment, KeyExposure},
    checklist::Line,
    facet::{FacetKind, FacetValue, State},
    ids::{RowId, Spki},
    secret::Tier,
};

pub(super) fn lines(fleet: &Fleet<'_>, drafts: &mut Drafts) {
    let exposed = exposed(fleet);
    let names = Names::new(&exposed);
    let served = serving(fleet, &exposed);
    let mut keyed: BTreeSet<&RowId> = BTreeSet::new();
    for key in &exposed {
        let plan = Plan::new(fleet, key, &served, names.of(key.spki));
        keyed.extend(key.endpoints.iter().map(|e| &e.row_id));
        if !fleet.owed_by_any(&plan.rows, FacetKind::Rekeyed) {
            continue; // the disclosure does not reach keys
        }
        let waits = if plan.serving.is_empty() { &plan.rows } else { &plan.serving };
        let first: Vec<usize> = waits.iter().flat_map(|row| drafts.leak_closed(row)).collect();
        let rekey = drafts.push(plan.rekey(), first);
        if !key.certificates.is_empty() && fleet.owed_by_any(&plan.rows, FacetKind::Revoked) {
            drafts.push(plan.revoke(), [rekey]);
        }
    }
    for (service, judged) in fleet.judged() {
        if !leaked(judged) || judged.state == State::Decommissioned {
            continue;
        }
        let row = &service.row_id;
        let first: Vec<usize> = drafts.leak_closed(row).collect();
        let owes_key = judged.facets.rekeyed.value != FacetValue::NotApplicable;
        if owes_key && !keyed.contains(row) && judged.spki_before.is_empty() {
            drafts.push(unseen_key(fleet, row), first.iter().copied());
        }
        let restart_owed = judged.facets.restarted.value != FacetValue::NotApplicable;
        let in_memory = owes_key || judged.facets.secrets.value != FacetValue::NotApplicable;
        if restart_owed && in_memory && !has_ticket_secret(fleet, row) {
            drafts.push(tickets(fleet, row), first);
        }
    }
}

/// Every key that was in reach of the leak, or is presumed so.
pub(super) fn exposed<'a>(fleet: &Fleet<'a>) -> Vec<&'a KeyAssessment> {
    fleet.assessment.keys.iter().filter(|k| k.exposure != KeyExposure::Clean).collect()
}

/// Short names of keys: 12 hex digits, all of them where two keys share those.
pub(super) struct Names(BTreeMap<String, usize>);

impl Names {
    pub(super) fn new(keys: &[&KeyAssessment]) -> Self {
        let mut shared = BTreeMap::new();
        for key in keys {
            *shared.entry(short(key.spki)).or_default() += 1;
        }
        Self(shared)
    }

    pub(super) fn of(&self, spki: Spki) -> String {
        let name = short(spki);
        if self.0.get(&name).is_some_and(|n| *n > 1) { hex(spki) } else { name }
    }
}

fn hex(spki: Spki) -> String {
    spki.to_string().trim_start_matches("sha256:").to_owned()
}

fn short(spki: Spki) -> String {
    hex(spki).chars().take(12).collect()
}

/// Which exposed keys each service serves now; services that are gone serve none.
fn serving<'a>(fleet: &Fleet<'_>, keys: &[&'a KeyAssessment]) -> BTreeMap<&'a RowId, BTreeSet<Spki>> {
    let mut out: BTreeMap<&RowId, BTreeSet<Spki>> = BTreeMap::new();
    for key in keys {
        for endpoint in key.endpoints.iter().filter(|e| e.serves_now) {
            let gone =
                fleet.assessment_of(&endpoint.row_id).is_some_and(|s| s.state == State::Decommissioned);
            if !gone {
                out.entry(&endpoint.row_id).or_default().insert(key.spki);
            }
        }
    }
    out
}

/// A service that leaked and whose key was never seen still owes a new one.
fn unseen_key(fleet: &Fleet<'_>, row: &RowId) -> Line {
    let kind = fleet.types.secret_type("B1");
    let mut line =
        fleet.line(format!("{row}/B1"), Tier::B, "B1", "New key and certificate", vec![row.clone()]);
    line.why =
        String::from("It leaked, and no look has seen its certificate: whatever key it uses is exposed.");
    line.steps = tls::new_key();
    line.steps.extend(tls::install(fleet, &line.services));
    line.steps.extend(tls::check(fleet, &line.services, ""));
    line.overlap = kind.overlap;
    line.impact = Some(kind.impact.clone());
    let which = fleet.which(&line.services);
    line.tool_checks = Some(format!(
        "Whether it has a new key, once a look sees its certificate: `{}`.",
        verify(&which, Some("rekeyed"))
    ));
    line.attest = Some(attest_facet(&which, FacetKind::Rekeyed.as_str()));
    line.evidence_wanted.clone_from(&kind.evidence);
    if let Some(judged) = fleet.assessment_of(row) {
        fleet.fill(&mut line, judged, FacetKind::Rekeyed);
    }
    line
}

fn has_ticket_secret(fleet: &Fleet<'_>, row: &RowId) -> bool {
    let tickets = |kind: &str| fleet.types.secret_type(kind).code == "B2";
    fleet.evidence.secrets.iter().any(|s| tickets(&s.kind) && s.services.contains(row))
}

/// Ticket keys that a process makes for itself end with it, so this line follows the restart.
fn tickets(fleet: &Fleet<'_>, row: &RowId) -> Line {
    let kind = fleet.types.secret_type("B2");
    let mut line = fleet.line(format!("{row}/B2"), Tier::B, "B2", &kind.title, vec![row.clone()]);
    line.why = String::from(
        "Ticket keys were in the memory that leaked; with them recorded connections can be read.",
    );
    line.steps = vec![
        "Where the process makes them at its start: nothing beyond the restart (A2).".to_owned(),
        "Where nodes share them in a file or a cache: list them in the secrets file with type `B2`; they get a line of their own.".to_owned(),
    ];
    let fit = hints::Fit::of(fleet, &line.services, "");
    let own = kind.commands.iter().filter(|h| fit.meets(&h.kinds)).map(|h| h.text.clone());
    line.steps.extend(own);
    line.impact = Some(kind.impact.clone());
    line.tool_checks = Some("The restart; not ticket keys in files and shared caches.".to_owned());
    line.evidence_wanted = String::from("The restart, where nothing is shared.");
    if let Some(judged) = fleet.assessment_of(row) {
        fleet.fill(&mut line, judged, FacetKind::Restarted);
    }
    line
}
