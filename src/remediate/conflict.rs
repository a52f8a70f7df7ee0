//! A0c, settle what network and host say: services of which they say opposite things. Which of the two counts is
//! for assessment to say; it stands in the words that are shown here.

use super::{
    draft::Drafts,
    fleet::{Fleet, waived},
    on_hosts,
    words::{quiet, tick, verify},
};
use crate::model::{
    assessment::ServiceAssessment,
    checklist::{Line, LineState},
    facet::State,
    secret::Tier,
    service::Service,
};

/// How many contradictions of one service a line spells out.
const SHOWN: usize = 4;

pub(super) fn lines(fleet: &Fleet<'_>, drafts: &mut Drafts) {
    for (service, judged) in fleet.judged() {
        if !judged.conflicts.is_empty() && judged.state != State::Decommissioned {
            drafts.push(line(fleet, service, judged), []);
        }
    }
}

fn line(fleet: &Fleet<'_>, service: &Service, judged: &ServiceAssessment) -> Line {
    let id = format!("{}/A0c", service.row_id);
    let rows = vec![service.row_id.clone()];
    let mut line = fleet.line(id, Tier::A, "A0c", "Settle what network and host say", rows);
    let words: Vec<String> = judged.conflicts.iter().take(SHOWN).map(|c| quiet(&c.words)).collect();
    line.why = words.join(" ");
    let more = judged.conflicts.len().saturating_sub(SHOWN);
    if more > 0 {
        line.why = format!("{} And {more} more of its addresses.", line.why);
    }
    let look = verify(&fleet.which(&line.services), None);
    line.steps = vec![
        format!("Collect the host again, as root: {}.", on_hosts::collect(judged)),
        format!(
            "See which process holds port {} there, and whether another one answers at the service's address: a second copy, a container, a backend behind a balancer, another host of that address.",
            service.port
        ),
        "See whether a filter, a balancer or an intrusion prevention on the way eats or answers the probe; look from inside, past it.".to_owned(),
        format!("Look again, later than both: `{look}`."),
    ];
    line.steps.extend(on_hosts::steps(judged, |_| true));
    line.impact = Some("Nothing.".to_owned());
    line.tool_checks = Some(format!(
        "Whether they still contradict each other: host evidence ({}) and a look (`{look}`), the later of each.",
        on_hosts::collect(judged)
    ));
    line.evidence_wanted = String::from(
        "Network and host say the same, or the other process, copy or filter is named and judged.",
    );
    let seen: Vec<String> = judged
        .conflicts
        .iter()
        .take(SHOWN)
        .map(|c| {
            let compared =
                c.found.compare.as_ref().map_or_else(String::new, |x| format!(": {}", quiet(&x.to_string())));
            format!(
                "network, {}: {} ({}); {}, {}: {} ({}){compared}",
                c.network_at.short(),
                c.network.0,
                c.network.1,
                tick(&c.host),
                c.host_at.short(),
                c.found.verdict,
                c.found.reason
            )
        })
        .collect();
    line.evidence_seen = Some(seen.join("; "));
    line.grade = on_hosts::grade(judged);
    if let (State::Waived, Some(waiver)) = (judged.state, &judged.waiver) {
        line.state = LineState::Waived;
        line.evidence_seen = Some(waived(waiver));
    }
    line
}
