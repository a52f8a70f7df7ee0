//! Tier F: the sweep that confirms everything else. One line per service on which anything was owed.

use super::{
    draft::Drafts,
    fleet::{Fleet, has_history},
    words::verify,
};
use crate::model::{
    facet::{FacetKind, State},
    secret::Tier,
    service::Exposure,
};

pub(super) fn lines(fleet: &Fleet<'_>, drafts: &mut Drafts) {
    for (service, judged) in fleet.judged() {
        let owed = match judged.state {
            State::Unknown | State::NotAffected | State::Waived | State::Verified => has_history(judged),
            State::Decommissioned => false,
            _ => true,
        };
        if !owed {
            continue;
        }
        let id = format!("{}/F1", service.row_id);
        let kind = fleet.types.secret_type("F1");
        let mut line = fleet.line(id, Tier::F, "F1", &kind.title, vec![service.row_id.clone()]);
        let looked_only = judged.state == State::AwaitingVerification && !has_history(judged);
        let again = match judged.state {
            State::Stale => "It was verified and has not been looked at for too long",
            State::AwaitingVerification if looked_only => {
                "It was clean at its first look; one look is not proof"
            }
            _ => "A repair counts when a later look finds nothing",
        };
        line.why = format!("{again}.");
        let steps = if looked_only { kind.steps.get(..1) } else { None };
        line.steps = steps.unwrap_or(&kind.steps).to_vec();
        if service.exposure() == Exposure::Public {
            line.steps.push("It is public: look from outside at least once.".to_owned());
        }
        line.tool_checks = Some(format!(
            "The hole, the keys and what was recorded, all again: `{}`.",
            verify(&fleet.which(&line.services), Some("verified"))
        ));
        line.evidence_wanted.clone_from(&kind.evidence);
        fleet.fill(&mut line, judged, FacetKind::Verified);
        drafts.push(line, []);
    }
}
