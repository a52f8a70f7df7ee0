//! From what was judged to the dashboard's data: counts, groups, orders. What a service owes was decided in the
//! assessment; nothing is judged here, and nothing laid out.

mod history;
mod keys;
mod method;
mod people;

use std::collections::BTreeMap;

use super::{
    super::{
        Row, View, assess,
        tally::{Standing, Tally, coverage},
    },
    data::{
        About, Changed, Changes, Covered, Dashboard, FacetCell, FacetCount, HostRow, HostStanding, Owner,
        SCHEMA, ServiceRow, Stage, Totals,
    },
};
use crate::model::{
    assessment::{Assessment, Change, Coverage, KeyExposure, ServiceAssessment},
    disclosure::ProbeKind,
    facet::{FacetKind, FacetValue, Regression, State},
    host::HostJudged,
    ids::{RowId, Sha256},
    kinds::SecretType,
    policy::MinimumGrades,
    service::{Exposure, Service},
    verdict::Verdict,
};

pub use history::{Snapshot, snapshot};

/// What a dashboard shows besides the view.
pub struct Beside<'a> {
    /// How the fleet stood at the end of each sweep that is shown, in order; the last is now.
    pub history: &'a [Snapshot],
    /// Sweeps that are not among these.
    pub left_out: u64,
    /// A secret's type by the word of the inventory.
    pub secret_type: &'a dyn Fn(&str) -> SecretType,
    /// Whether nobody declared a service.
    pub undeclared: &'a dyn Fn(&RowId) -> bool,
    /// Hosts of which there is evidence, judged.
    pub hosts: &'a [HostJudged],
    /// The digest of the rules.
    pub rules: Sha256,
}

impl Dashboard {
    /// What of the counts does not follow from the rows, for a report that came from outside.
    pub fn contradiction(&self) -> Option<&'static str> {
        let t = &self.totals;
        let services = self.services.len() as u64;
        let finished = self.services.iter().filter(|s| s.state.is_finished()).count() as u64;
        let leaks = |s: &&ServiceRow| s.state == State::Exposed || s.verdict == Some(Verdict::Vulnerable);
        let vulnerable = self.services.iter().filter(leaks).count() as u64;
        let in_state = |state| self.services.iter().filter(|s| s.state == state).count() as u64;
        let all = self.funnel.iter().find(|stage| stage.exposure.is_none()).map_or(0, |stage| stage.services);
        let held = [
            (self.coverage.known == services, "services"),
            (all == services, "facets"),
            (t.finished == finished && t.open + t.finished == services, "what is open"),
            (t.vulnerable == vulnerable, "what is vulnerable"),
            (t.vulnerable + t.unknown + t.clean + t.waived + t.decommissioned == services, "what was seen"),
            (t.contradicted == in_state(State::Contradicted), "what is contradicted"),
            (t.overdue == self.services.iter().filter(|s| s.overdue).count() as u64, "what is overdue"),
            (t.keys_at_risk == self.keys.iter().filter(|k| k.serving > 0).count() as u64, "keys"),
            (
                t.secrets_open == self.secrets.iter().filter(|s| s.in_reach && !s.closed).count() as u64,
                "secrets",
            ),
            (self.unknowns.len() as u64 >= self.coverage.unknown, "what is unknown"),
        ];
        held.into_iter().find(|(fits, _)| !fits).map(|(_, what)| what)
    }
}

/// The dashboard of a view. Of several disclosures it is about the first.
pub fn build(view: &View<'_>, beside: &Beside<'_>) -> Option<Dashboard> {
    let assessment = view.judged.first()?.assessment;
    let rows: Vec<Row<'_>> =
        view.rows().into_iter().filter(|row| row.entry.disclosure == assessment.disclosure.id).collect();
    let incident = &view.evidence.incident;
    let keys = keys::keys(view, assessment);
    let secrets = people::secrets(view, assessment, beside);
    let mut totals = totals(&rows, assessment);
    totals.keys_at_risk = keys.iter().filter(|key| key.serving > 0).count() as u64;
    totals.secrets_open = secrets.iter().filter(|s| s.in_reach && !s.closed).count() as u64;
    let hosts = if view.filter.is_empty() { hosts(beside.hosts) } else { Vec::new() };
    totals.hosts_affected = hosts.iter().filter(|h| h.standing == HostStanding::Affected).count() as u64;
    let Coverage { known, probed, unknown } = coverage(view);
    Some(Dashboard {
        schema: SCHEMA.to_owned(),
        tool: concat!("allclear ", env!("CARGO_PKG_VERSION")).to_owned(),
        incident: incident.name.clone(),
        begun_at: incident.created_at,
        disclosure: about(assessment),
        other_disclosures: others(view, assessment),
        judged_at: assessment.now,
        only_owner: view.filter.owner.clone(),
        redacted: false,
        sweep: assessment.sweep,
        coverage: Covered { known, probed, unknown },
        totals,
        changes: changes(view, beside.history),
        funnel: funnel(&rows, &assessment.policy.minimum_grades),
        burn_down: history::points(view, beside.history),
        sweeps_left_out: beside.left_out,
        owners: owners(&rows, &secrets),
        clean_keys: assessment.keys.iter().filter(|k| k.exposure == KeyExposure::Clean).count() as u64,
        keys,
        events: history::events(view, &rows),
        unknowns: people::unknowns(&rows),
        undeclared: rows
            .iter()
            .map(|r| &r.entry.row_id)
            .filter(|r| (beside.undeclared)(r))
            .cloned()
            .collect(),
        words: people::words(view, &rows, assessment),
        secrets,
        regressions: people::regressions(&rows),
        services: services(rows, &assessment.policy.minimum_grades),
        hosts,
        method: method::method(view, assessment, beside),
    })
}

fn hosts(judged: &[HostJudged]) -> Vec<HostRow> {
    let row = |host: &HostJudged| {
        let (standing, worst) = assess::stands(host);
        HostRow {
            host: host.state.host.clone(),
            standing: standing.parse().unwrap_or(HostStanding::NotDecided),
            reason: worst.map(|finding| finding.reason),
            at: host.state.looks().map(|look| look.at).max(),
        }
    };
    let mut rows: Vec<HostRow> = judged.iter().map(row).collect();
    rows.sort_by(|a, b| (a.standing, &a.host).cmp(&(b.standing, &b.host)));
    rows
}

fn about(assessment: &Assessment) -> About {
    let d = &assessment.disclosure;
    let probe = match (d.probe.kind, d.probe.method.as_str()) {
        (ProbeKind::BuiltIn, "") => "allclear asks from the network, and takes nothing".to_owned(),
        (ProbeKind::BuiltIn, how) => format!("allclear asks from the network: {how}"),
        (_, "") => "not to be seen from the network by this release: host evidence decides".to_owned(),
        (_, how) => format!("not asked by this release: {how}"),
    };
    About {
        id: d.id.to_string(),
        title: d.title.clone(),
        disclosed_at: d.disclosed_at,
        leaks: d.leaks.clone(),
        first_words: d.first_words.clone(),
        probe,
    }
}

fn others(view: &View<'_>, assessment: &Assessment) -> Vec<String> {
    let all = &view.evidence.incident.disclosures;
    all.iter().filter(|id| **id != *assessment.disclosure.id).cloned().collect()
}

fn totals(rows: &[Row<'_>], assessment: &Assessment) -> Totals {
    let tally = Tally::of(rows.to_vec());
    let in_state = |state| rows.iter().filter(|r| r.entry.state == state).count() as u64;
    Totals {
        vulnerable: tally.vulnerable.len() as u64,
        unknown: tally.unknown.len() as u64,
        clean: tally.clean as u64,
        waived: tally.waived as u64,
        decommissioned: tally.decommissioned as u64,
        open: (rows.len() - tally.finished) as u64,
        finished: tally.finished as u64,
        overdue: tally.overdue.len() as u64,
        regressed: rows.iter().filter(|r| went_back(r.entry)).count() as u64,
        contradicted: in_state(State::Contradicted),
        keys_at_risk: 0,
        secrets_open: 0,
        hosts_affected: 0,
        foreign_bytes: assessment.foreign_bytes,
    }
}

fn went_back(entry: &ServiceAssessment) -> bool {
    entry.state == State::Regressed || entry.regressions.iter().any(|code| *code != Regression::R4)
}

/// States are told in the order from the worst to the best, so a later one is nearer to the end. What was known to be bad
/// and cannot be judged any more is no step forward.
fn is_worse(change: &Change) -> bool {
    let lost = change.to == State::Unknown && change.from != Some(State::Unknown);
    change.from.is_some_and(|from| change.code.is_some() || change.to < from || lost)
}

fn changes(view: &View<'_>, history: &[Snapshot]) -> Changes {
    let since = history.iter().rev().nth(1).map(|s| s.sweep);
    let mut changes = Changes { since, ..Changes::default() };
    if since.is_none() {
        return changes; // before a second sweep everything would be new
    }
    for (row, change) in view.changes() {
        let worse = is_worse(change);
        match change.from {
            None => changes.appeared += 1,
            Some(_) if worse => changes.worse += 1,
            Some(_) => changes.better += 1,
        }
        changes.rows.push(Changed {
            row_id: row.entry.row_id.clone(),
            from: change.from,
            to: change.to,
            code: change.code,
            worse,
        });
    }
    changes.rows.sort_by_key(|c| (!c.worse, c.to));
    changes
}

fn funnel(rows: &[Row<'_>], minimum: &MinimumGrades) -> Vec<Stage> {
    let mut stages: BTreeMap<Option<Exposure>, Stage> = BTreeMap::new();
    for row in rows {
        let exposure = row.service.map_or(Exposure::Unknown, Service::exposure);
        for group in [None, Some(exposure)] {
            let stage = stages.entry(group).or_insert_with(|| Stage {
                exposure: group,
                services: 0,
                facets: FacetKind::ALL.iter().map(|k| (*k, FacetCount::default())).collect(),
            });
            stage.services += 1;
            for (kind, count) in &mut stage.facets {
                add(count, row.entry, *kind, minimum);
            }
        }
    }
    stages.into_values().collect()
}

fn add(count: &mut FacetCount, entry: &ServiceAssessment, kind: FacetKind, minimum: &MinimumGrades) {
    let into = match entry.facets.get(kind).value {
        // The whole service is waived, or gone.
        _ if entry.state == State::Decommissioned => &mut count.not_owed,
        value if entry.state == State::Waived && value != FacetValue::Done => &mut count.waived,
        FacetValue::NotApplicable => &mut count.not_owed,
        FacetValue::Waived => &mut count.waived,
        FacetValue::Done if entry.is_satisfied(kind, minimum) => &mut count.done,
        FacetValue::Done | FacetValue::Claimed => &mut count.weak,
        FacetValue::Unknown => &mut count.unknown,
        FacetValue::Open | FacetValue::Contradicted | FacetValue::Regressed | FacetValue::TooEarly => {
            &mut count.open
        }
    };
    *into += 1;
}

fn owners(rows: &[Row<'_>], secrets: &[super::data::SecretRow]) -> Vec<Owner> {
    let mut owners: BTreeMap<Option<&str>, Owner> = BTreeMap::new();
    let new = |owner: Option<&str>| Owner {
        owner: owner.map(str::to_owned),
        services: 0,
        vulnerable: 0,
        unknown: 0,
        open: 0,
        overdue: 0,
        oldest_hours: 0,
        secrets: 0,
    };
    let mut owner_of: BTreeMap<&RowId, Option<&str>> = BTreeMap::new();
    for row in rows {
        owner_of.insert(&row.entry.row_id, row.owner());
        let load = owners.entry(row.owner()).or_insert_with(|| new(row.owner()));
        load.services += 1;
        match Standing::of(row) {
            Standing::Vulnerable => load.vulnerable += 1,
            Standing::Unknown => load.unknown += 1,
            _ => {}
        }
        if !row.entry.state.is_finished() {
            load.open += 1;
            load.overdue += u64::from(row.is_overdue());
            load.oldest_hours = load.oldest_hours.max(row.age_hours().unwrap_or(0));
        }
    }
    for secret in secrets.iter().filter(|s| s.in_reach && !s.closed) {
        // Its own owner's; without one that of the first service that holds it.
        let of_service = || secret.services.iter().find_map(|row| owner_of.get(row).copied()).flatten();
        let owner = secret.owner.as_deref().or_else(of_service);
        owners.entry(owner).or_insert_with(|| new(owner)).secrets += 1;
    }
    let mut all: Vec<Owner> = owners.into_values().collect();
    all.sort_by_key(|o| std::cmp::Reverse((o.vulnerable, o.overdue, o.unknown, o.open, o.secrets)));
    all
}

fn services(rows: Vec<Row<'_>>, minimum: &MinimumGrades) -> Vec<ServiceRow> {
    let mut rows = rows;
    rows.sort_by_key(|row| (row.entry.state.is_finished(), row.entry.state)); // stable: the tracker's order within
    let row = |row: Row<'_>| {
        let entry = row.entry;
        let cell = |kind: FacetKind| {
            let facet = entry.facets.get(kind);
            FacetCell {
                value: facet.value,
                grade: facet.grade,
                at: facet.at,
                satisfied: entry.is_satisfied(kind, minimum),
            }
        };
        ServiceRow {
            row_id: entry.row_id.clone(),
            label: row.label(),
            owner: row.owner().map(str::to_owned),
            exposure: row.service.map_or(Exposure::Unknown, Service::exposure),
            state: entry.state,
            since: entry.state_since,
            verdict: entry.verdict,
            reason: entry.reason,
            facets: FacetKind::ALL.iter().map(|k| (*k, cell(*k))).collect(),
            due: entry.due.filter(|_| !entry.state.is_finished()),
            overdue: row.is_overdue(),
            age_hours: row.age_hours(),
            first_seen: entry.first_seen,
            last_bad: entry.last_bad,
            first_good: entry.first_good,
            last_seen: entry.last_seen,
            next_action: entry.next_action.clone(),
        }
    };
    rows.into_iter().map(row).collect()
}
