//! The evidence and its assessment, indexed for planning. It answers questions and makes no lines.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    types::{ServiceType, Types},
    words::shell,
};
use crate::model::{
    assessment::{Assessment, SecretAssessment, ServiceAssessment, StandingClaim},
    checklist::{Line, LineState},
    claim::{Claim, Statement, Subject},
    facet::{FacetKind, FacetValue, Regression, State},
    ids::RowId,
    secret::Tier,
    service::{Service, TlsStack},
    sweep::Evidence,
    time::Timestamp,
    verdict::{Grade, Verdict},
};

/// How many services one command names.
pub(super) const COMMAND: usize = 20;

/// Everything that planning looks up.
pub(super) struct Fleet<'a> {
    pub(super) evidence: &'a Evidence,
    pub(super) assessment: &'a Assessment,
    pub(super) types: &'a Types,
    services: BTreeMap<&'a RowId, &'a Service>,
    judged: BTreeMap<&'a RowId, &'a ServiceAssessment>,
    secrets: BTreeMap<&'a str, &'a SecretAssessment>,
    claims: BTreeMap<(&'a RowId, FacetKind), &'a Claim>,
    /// How many services answer to a `name:port`.
    called: BTreeMap<String, usize>,
}

impl<'a> Fleet<'a> {
    pub(super) fn new(evidence: &'a Evidence, assessment: &'a Assessment, types: &'a Types) -> Self {
        Self {
            evidence,
            assessment,
            types,
            services: evidence.services.iter().map(|s| (&s.row_id, s)).collect(),
            judged: assessment.services.iter().map(|s| (&s.row_id, s)).collect(),
            secrets: assessment.secrets.iter().map(|s| (s.id.as_str(), s)).collect(),
            claims: facet_claims(&evidence.claims),
            called: called(&evidence.services),
        }
    }

    /// Services with their assessment, in the order of the assessment.
    pub(super) fn judged(&self) -> impl Iterator<Item = (&'a Service, &'a ServiceAssessment)> + '_ {
        self.assessment.services.iter().filter_map(|a| Some((*self.services.get(&a.row_id)?, a)))
    }

    pub(super) fn assessment_of(&self, row: &RowId) -> Option<&'a ServiceAssessment> {
        self.judged.get(row).copied()
    }

    pub(super) fn service(&self, row: &RowId) -> Option<&'a Service> {
        self.services.get(row).copied()
    }

    pub(super) fn secret(&self, id: &str) -> Option<&'a SecretAssessment> {
        self.secrets.get(id).copied()
    }

    /// The claim that a facet is done, unless it was withdrawn.
    pub(super) fn claim(&self, row: &RowId, kind: FacetKind) -> Option<&'a Claim> {
        let key = (self.services.get_key_value(row).map(|(k, _)| *k)?, kind);
        self.claims.get(&key).copied()
    }

    /// `name:port`, or the row id of a service that the evidence does not hold.
    pub(super) fn name(&self, row: &RowId) -> String {
        self.service(row).map_or_else(|| row.to_string(), Service::display_port)
    }

    pub(super) fn names(&self, rows: &[RowId]) -> Vec<String> {
        rows.iter().map(|row| self.name(row)).collect()
    }

    /// What a command calls a service: `name:port` where that means this service alone and no shell could
    /// take it for anything else, else the row id.
    fn called(&self, row: &RowId) -> String {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".:-_".contains(c);
        self.service(row)
            .map(Service::display_port)
            .filter(|name| {
                name.chars().all(plain) && !name.starts_with('-') && self.called.get(name) == Some(&1)
            })
            .unwrap_or_else(|| shell(row.as_str()))
    }

    /// The options that select some services in a command, [`COMMAND`] of them at most.
    pub(super) fn which(&self, rows: &[RowId]) -> String {
        let each = rows.iter().take(COMMAND).map(|row| format!("--service {}", self.called(row)));
        each.collect::<Vec<_>>().join(" ")
    }

    pub(super) fn owner(&self, row: &RowId) -> Option<&'a str> {
        self.service(row).and_then(Service::owner)
    }

    pub(super) fn kind(&self, service: &Service) -> &'a ServiceType {
        self.types.of_service(service)
    }

    /// By name, port and row id, each once.
    pub(super) fn sorted(&self, rows: impl IntoIterator<Item = RowId>) -> Vec<RowId> {
        let unique: BTreeSet<RowId> = rows.into_iter().collect();
        let mut rows: Vec<RowId> = unique.into_iter().collect();
        rows.sort_by_cached_key(|row| {
            let service = self.service(row);
            (service.map(Service::display_name), service.map(|s| s.port), row.clone())
        });
        rows
    }

    /// A line with nothing but what it concerns. The owner is the one owner of its services.
    pub(super) fn line(&self, id: String, tier: Tier, code: &str, title: &str, rows: Vec<RowId>) -> Line {
        let owners: Vec<Option<String>> = rows.iter().map(|row| self.owner(row).map(str::to_owned)).collect();
        let owner = match owners.split_first() {
            Some((first, rest)) if rest.iter().all(|o| o == first) => first.clone(),
            _ => None,
        };
        Line {
            id,
            tier,
            code: code.to_owned(),
            title: title.to_owned(),
            service_names: self.names(&rows),
            service_owners: owners,
            services: rows,
            secret: None,
            location: None,
            owner,
            why: String::new(),
            steps: Vec::new(),
            impact: None,
            overlap: false,
            blocked_by: Vec::new(),
            blocked_by_text: Vec::new(),
            tool_checks: None,
            attest: None,
            evidence_wanted: String::new(),
            evidence_seen: None,
            grade: None,
            state: LineState::Open,
            done_by: None,
            done_at: None,
            runbook: None,
        }
    }

    /// Whether a facet is owed by any of some services; also where nobody assessed them.
    pub(super) fn owed_by_any(&self, rows: &[RowId], kind: FacetKind) -> bool {
        let value = |row: &RowId| self.assessment_of(row).map(|s| s.facets.get(kind).value);
        rows.is_empty() || rows.iter().any(|row| value(row) != Some(FacetValue::NotApplicable))
    }

    /// Fills state, grade and what was seen of a line that stands for one facet of one service.
    pub(super) fn fill(&self, line: &mut Line, service: &ServiceAssessment, kind: FacetKind) {
        let facet = service.facets.get(kind);
        line.state = self.facet_state(service, kind);
        line.grade = facet.grade;
        if matches!(line.state, LineState::Done | LineState::Seen | LineState::Claimed) {
            line.done_at = facet.at;
        }
        let claim = self.claim(&service.row_id, kind);
        let mut seen = Vec::new();
        if let Some(claim) = claim {
            line.done_by = Some(claim.by.clone());
            line.done_at = Some(claim.effective());
            seen.push(said(&claim.by, claim.effective(), claim.reference.as_deref()));
        } else if let (LineState::Done | LineState::Seen | LineState::Claimed, Some(at)) =
            (line.state, facet.at)
        {
            seen.push(format!("seen by allclear, {}", at.short()));
        }
        // A claim's reference is its justification: it was said above.
        let said = |text: &String| claim.is_some_and(|c| c.reference.as_ref() == Some(text));
        seen.extend(facet.justification.clone().filter(|j| !said(j)));
        if line.state == LineState::Waived {
            seen.extend(service.waiver.as_ref().map(waived));
        }
        let minimum = service.minimum(kind, &self.assessment.policy.minimum_grades);
        if matches!(line.state, LineState::Seen | LineState::Claimed) && facet.value == FacetValue::Done {
            seen.push(format!("the policy wants {minimum}"));
        }
        line.evidence_seen = sentence(&seen);
    }

    /// Where a facet's line stands. Done below the minimum grade counts as seen or as said, not as done, unless
    /// the service was verified all the same; the states before that do not look at grades.
    pub(super) fn facet_state(&self, service: &ServiceAssessment, kind: FacetKind) -> LineState {
        let facet = service.facets.get(kind);
        match facet.value {
            FacetValue::Done if service.is_satisfied(kind, &self.assessment.policy.minimum_grades) => {
                LineState::Done
            }
            FacetValue::NotApplicable => LineState::NotApplicable,
            FacetValue::Waived => LineState::Waived,
            _ if service.state == State::Waived => LineState::Waived,
            FacetValue::Done if facet.grade.is_some_and(|g| g >= Grade::E2) => LineState::Seen,
            FacetValue::Done | FacetValue::Claimed => LineState::Claimed,
            FacetValue::Contradicted => LineState::Contradicted,
            FacetValue::TooEarly => LineState::TooEarly,
            FacetValue::Unknown | FacetValue::Open | FacetValue::Regressed => LineState::Open,
        }
    }
}

/// Whether the service itself was seen or is presumed to have leaked. One that only serves an exposed key
/// again has gone backwards and has not leaked.
pub(super) fn leaked(service: &ServiceAssessment) -> bool {
    service.last_bad.is_some() || service.presumed || exposed(service)
}

fn exposed(service: &ServiceAssessment) -> bool {
    match service.state {
        State::Exposed | State::PatchedNotRestarted => true,
        State::Regressed => {
            service.regressions.iter().any(|r| matches!(r, Regression::R1 | Regression::R4 | Regression::R10))
        }
        _ => false,
    }
}

/// Whether the service leaks now, as far as the last looks say.
pub(super) fn vulnerable(service: &ServiceAssessment) -> bool {
    exposed(service) || service.endpoints.iter().any(|e| e.current && e.verdict == Verdict::Vulnerable)
}

/// Whether anything was ever owed on the service: it leaked, or it served a key that did.
pub(super) fn has_history(service: &ServiceAssessment) -> bool {
    leaked(service)
        || !service.spki_before.is_empty()
        || !service.old_certificates.is_empty()
        || !service.regressions.is_empty()
        || matches!(service.state, State::Contradicted | State::Regressed)
}

/// Whether somebody else decides about its software.
pub(super) fn is_appliance(service: &Service, kind: &ServiceType) -> bool {
    match service.tls_stack() {
        TlsStack::Appliance => true,
        TlsStack::Unknown => kind.appliance,
        _ => false,
    }
}

/// Whether a line in that state holds up no other: one that a sweep saw done once does not either, since the
/// leak was seen closed.
pub(super) const fn lets_go_on(state: LineState) -> bool {
    settled(state) || matches!(state, LineState::Seen)
}

/// Whether nothing more is to be done or confirmed on a line in that state.
pub(super) const fn settled(state: LineState) -> bool {
    matches!(state, LineState::Done | LineState::NotApplicable | LineState::Waived)
}

/// `recorded by A, 2026-11-22 14:00, CHG-7`.
pub(super) fn said(by: &str, at: Timestamp, reference: Option<&str>) -> String {
    let mut text = format!("recorded by {by}, {}", at.short());
    if let Some(reference) = reference.filter(|r| !r.trim().is_empty()) {
        text = format!("{text}, {reference}");
    }
    text
}

/// A waiver in words.
pub(super) fn waived(waiver: &StandingClaim) -> String {
    let until = waiver.until.map_or(String::new(), |t| format!(" until {}", t.date()));
    let why = waiver.reference.as_deref().map_or(String::new(), |r| format!(": {r}"));
    format!("waived{until} by {}{why}", waiver.by)
}

/// Parts of a sentence, or nothing.
pub(super) fn sentence(parts: &[String]) -> Option<String> {
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// Every word by which `--service` could mean a service and that looks like a `name:port`, with how
/// many services it means.
fn called(services: &[Service]) -> BTreeMap<String, usize> {
    let mut out: BTreeMap<String, usize> = BTreeMap::new();
    for service in services {
        let id = service.row_id.as_str().to_lowercase();
        let names = BTreeSet::from([service.display_port(), service.display_name(), id]);
        for name in names.into_iter().filter(|n| n.contains(':')) {
            *out.entry(name).or_default() += 1;
        }
    }
    out
}

/// The last claim for each facet of each service that was not withdrawn.
fn facet_claims(claims: &[Claim]) -> BTreeMap<(&RowId, FacetKind), &Claim> {
    let mut out = BTreeMap::new();
    for claim in claims {
        let Subject::Service(row) = &claim.subject else {
            continue;
        };
        match &claim.statement {
            Statement::FacetDone { facet } => {
                out.insert((row, *facet), claim);
            }
            Statement::Withdraw { facet: Some(facet) } => {
                out.remove(&(row, *facet));
            }
            Statement::Withdraw { facet: None } => {
                for facet in FacetKind::ALL {
                    out.remove(&(row, *facet));
                }
            }
            _ => {}
        }
    }
    out
}
