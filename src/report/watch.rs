//! What changed, one line a service: for a terminal and a log, and as JSON Lines (`allclear.change/1`).

use serde::Serialize;

use super::{
    json, state_ink,
    style::{Ink, Style},
};
use crate::model::{
    assessment::{Change, ServiceAssessment},
    service::Service,
    text::printable,
    time::Timestamp,
};

/// The schema of a line.
const SCHEMA: &str = "allclear.change/1";

/// `2026-11-22T14:00:03Z  web01:443  exposed -> closed-key-at-risk  -  Clean now, ...`, without a line end. `-` stands
/// where nothing went backwards; a service that is new comes from `new`.
pub fn line(
    at: Timestamp,
    change: &Change,
    service: &Service,
    assessed: &ServiceAssessment,
    style: Style,
) -> String {
    let from = change.from.map_or("new", |s| s.as_str());
    let code = change.code.map_or("-", |c| c.as_str());
    format!(
        "{}  {}  {} -> {}  {}  {}",
        at.seconds(),
        printable(&service.display_port()),
        from,
        style.paint(state_ink(change.to), change.to.as_str()),
        style.paint(if change.code.is_some() { Ink::Bad } else { Ink::Dim }, code),
        printable(&assessed.next_action),
    )
}

#[derive(Serialize)]
struct Line<'a> {
    schema: &'a str,
    at: Timestamp,
    sweep: String,
    row_id: &'a str,
    disclosure: &'a str,
    name: String,
    port: u16,
    owner: Option<&'a str>,
    from: Option<&'a str>,
    to: &'a str,
    code: Option<&'a str>,
    next_action: &'a str,
}

/// The same as one JSON object.
pub fn row(at: Timestamp, change: &Change, service: &Service, assessed: &ServiceAssessment) -> String {
    json::to_string(&Line {
        schema: SCHEMA,
        at,
        sweep: change.sweep_b.to_string(),
        row_id: service.row_id.as_str(),
        disclosure: &assessed.disclosure,
        name: service.display_name(),
        port: service.port,
        owner: service.owner(),
        from: change.from.map(super::super::model::facet::State::as_str),
        to: change.to.as_str(),
        code: change.code.map(super::super::model::facet::Regression::as_str),
        next_action: &assessed.next_action,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{
            facet::{Regression, State},
            ids::SweepId,
        },
        report::sample::Sample,
    };

    #[test]
    fn a_change_is_one_line_whatever_names_hold() {
        let sample = Sample::new();
        let mut service = sample.evidence.services[0].clone();
        service.name = Some("shop\u{1b}[2J\n.test".into());
        let assessed = &sample.assessment.services[0];
        let change = Change {
            row_id: service.row_id.clone(),
            from: Some(State::ClosedKeyAtRisk),
            to: State::Regressed,
            code: Some(Regression::R1),
            sweep_a: None,
            sweep_b: SweepId(2),
        };
        let at: Timestamp = "2026-11-22T14:00:03Z".parse().unwrap();
        let text = line(at, &change, &service, assessed, Style::default());
        assert!(!text.contains(['\u{1b}', '\n']), "{text:?}");
        assert!(text.contains("closed-key-at-risk -> regressed  R1  "), "{text}");
        assert!(text.starts_with("2026-11-22T14:00:03Z  "), "{text}");
        let new = Change { from: None, code: None, ..change.clone() };
        assert!(line(at, &new, &service, assessed, Style::default()).contains("new -> regressed  -  "));

        let row: serde_json::Value = serde_json::from_str(&row(at, &change, &service, assessed)).unwrap();
        assert_eq!(row["schema"], "allclear.change/1");
        assert_eq!((&row["from"], &row["to"]), (&"closed-key-at-risk".into(), &"regressed".into()));
        assert_eq!((&row["code"], &row["sweep"]), (&"R1".into(), &"s0002".into()));
        assert_eq!(row["next_action"], assessed.next_action.as_str());
    }
}
