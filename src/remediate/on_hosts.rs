//! What hosts say of a service, as steps and evidence for its lines: the exact package, build or image, the exact
//! units. What has to be done was decided elsewhere; this only puts it into lines.

use std::collections::BTreeSet;

use super::words::{quiet, shell, tick};
use crate::model::{
    assessment::ServiceAssessment,
    host::{Act, ActKind, Finding},
    joined::HostView,
    verdict::Grade,
};

/// How many steps a line spells out; `allclear host show` has all.
const STEPS: usize = 20;
/// How many hosts' words a line quotes.
const QUOTED: usize = 4;

/// The work on the hosts of a service that is wanted here.
pub(super) fn acts(
    judged: &ServiceAssessment,
    wanted: impl Fn(ActKind) -> bool,
) -> impl Iterator<Item = (&HostView, &Act)> {
    judged
        .hosts
        .iter()
        .flat_map(|host| host.acts.iter().map(move |act| (host, act)))
        .filter(move |(_, act)| wanted(act.kind))
}

/// Each piece of work as a step that names its host, none twice.
pub(super) fn steps(judged: &ServiceAssessment, wanted: impl Fn(ActKind) -> bool) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut steps: Vec<String> = acts(judged, wanted)
        .map(|(host, act)| format!("On {}: {}", tick(&host.host), quiet(&act.sentence())))
        .filter(|step| seen.insert(step.clone()))
        .collect();
    let more = steps.len().saturating_sub(STEPS);
    steps.truncate(STEPS);
    if more > 0 {
        steps.push(format!("And {more} more: `allclear host show`."));
    }
    steps
}

/// Which of this work cuts people off.
pub(super) fn cautions(judged: &ServiceAssessment, wanted: impl Fn(ActKind) -> bool) -> Option<String> {
    let units: BTreeSet<String> = acts(judged, wanted)
        .filter(|(_, act)| act.cuts_people_off())
        .map(|(host, act)| format!("{} on {}", tick(act.unit()), tick(&host.host)))
        .collect();
    let units: Vec<String> = units.into_iter().collect();
    (!units.is_empty()).then(|| format!("Cuts people off: {}. Choose the hour.", units.join(", ")))
}

/// What hosts say of one side of a service (installed, running), with its comparison.
pub(super) fn said(
    judged: &ServiceAssessment,
    what: &str,
    side: impl Fn(&HostView) -> Option<&Finding>,
) -> Vec<String> {
    let mut all: Vec<String> = judged
        .hosts
        .iter()
        .filter_map(|host| {
            let finding = side(host)?;
            let compared =
                finding.compare.as_ref().map_or_else(String::new, |c| format!(": {}", quiet(&c.to_string())));
            let (host, at) = (tick(&host.host), host.at.short());
            Some(format!("{host} ({at}) {what} {} ({}){compared}", finding.verdict, finding.reason))
        })
        .collect();
    let more = all.len().saturating_sub(QUOTED);
    all.truncate(QUOTED);
    if more > 0 {
        all.push(format!("{more} more hosts: `allclear host show`"));
    }
    all
}

/// How good the hosts' word is, where there is any: as assessment graded it.
pub(super) fn grade(judged: &ServiceAssessment) -> Option<Grade> {
    let version = judged.version.as_ref().map(|v| v.grade);
    version.or(judged.linkage.as_ref().map(|l| l.grade)).filter(|_| !judged.hosts.is_empty())
}

/// The command that reads the hosts of a service again.
pub(super) fn collect(judged: &ServiceAssessment) -> String {
    let names: BTreeSet<&str> = judged.hosts.iter().map(|h| h.host.as_str()).collect();
    let mut each: Vec<String> =
        names.into_iter().take(QUOTED).map(|name| format!("--ssh {}", quiet(&shell(name)))).collect();
    if each.is_empty() {
        each.push("--ssh HOST".to_owned());
    }
    format!("`allclear host collect {}`", each.join(" "))
}
