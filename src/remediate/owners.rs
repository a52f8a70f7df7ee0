//! Lines handed to the people who act, and the services on which nothing is owed.

use std::collections::{BTreeMap, BTreeSet};

use super::fleet::waived;
use crate::model::{
    assessment::{Assessment, ServiceAssessment},
    checklist::{Checklist, Line, NothingOwed},
    facet::State,
    ids::RowId,
    sweep::Evidence,
};

/// One list per owner, by name; lines without an owner come last under `owner: None`. A line without
/// an owner of its own goes to each owner of its services, since each has to act on it.
pub fn by_owner(lines: Vec<Line>) -> Vec<Checklist> {
    let mut lists: BTreeMap<(bool, Option<String>), Vec<Line>> = BTreeMap::new();
    for line in lines {
        let owners: BTreeSet<Option<String>> = match &line.owner {
            Some(owner) => BTreeSet::from([Some(owner.clone())]),
            None if line.service_owners.is_empty() => BTreeSet::from([None]),
            None => line.service_owners.iter().cloned().collect(),
        };
        for owner in owners {
            let copy = Line { owner: owner.clone(), ..line.clone() };
            lists.entry((owner.is_none(), owner)).or_default().push(copy);
        }
    }
    lists.into_iter().map(|((_, owner), lines)| Checklist { owner, lines }).collect()
}

/// The lines that concern one service, in the same order.
pub fn for_service(lines: &[Line], row: &RowId) -> Vec<Line> {
    lines.iter().filter(|line| line.services.contains(row)).cloned().collect()
}

/// Every service that none of `lines` is about, in the order of the evidence, with the reason: no
/// service may be missing from both.
pub fn nothing_owed(evidence: &Evidence, assessment: &Assessment, lines: &[Line]) -> Vec<NothingOwed> {
    let named: BTreeSet<&RowId> = lines.iter().flat_map(|line| &line.services).collect();
    let judged: BTreeMap<&RowId, &ServiceAssessment> =
        assessment.services.iter().map(|s| (&s.row_id, s)).collect();
    let silent = evidence.services.iter().filter(|s| !named.contains(&s.row_id));
    silent
        .map(|service| NothingOwed {
            row_id: service.row_id.clone(),
            name: service.display_port(),
            owner: service.owner().map(str::to_owned),
            why: judged.get(&service.row_id).map_or_else(|| "not assessed yet".to_owned(), |s| why(s)),
        })
        .collect()
}

fn why(service: &ServiceAssessment) -> String {
    let reason = service.reason.map_or(String::new(), |r| format!(" (`{r}`)"));
    let last = service.last_seen.map_or(String::new(), |t| format!(", last looked at {}", t.short()));
    match (service.state, &service.justification) {
        (State::NotAffected, Some(code)) => {
            let by = service.claim.as_ref().map_or(String::new(), |c| format!(", recorded by {}", c.by));
            format!("not affected: `{code}`{by}")
        }
        (State::NotAffected, None) => format!("not affected{reason}{last}"),
        (State::Verified, _) => {
            format!("never seen vulnerable, and confirmed by a later sweep{reason}{last}")
        }
        (State::Waived, _) => service.waiver.as_ref().map_or("waived".to_owned(), waived),
        (State::Decommissioned, _) => {
            let by = service.claim.as_ref().map_or(String::new(), |c| format!(", recorded by {}", c.by));
            format!("decommissioned{by}")
        }
        (state, _) => format!("{state}{reason}{last}"),
    }
}
