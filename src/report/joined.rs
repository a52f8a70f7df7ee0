//! What hosts say of a service, beside what the network showed: the parts that several reports share, as JSON
//! and in words.

use std::net::IpAddr;

use serde::Serialize;

use crate::model::{
    assessment::ServiceAssessment,
    disclosure::Compare,
    facet::State,
    host::{Act, ActKind, Finding},
    joined::{Conflict, Graded, HostView, Weight},
    service::TlsStack,
    time::Timestamp,
    verdict::{Grade, Reason, Verdict},
};

/// A value with its grade.
#[derive(Serialize)]
pub(super) struct GradedBody<'a, T: ?Sized> {
    value: &'a T,
    grade: Grade,
    because: &'a str,
}

/// A verdict and what it rests on.
#[derive(Serialize)]
pub(super) struct FindingBody<'a> {
    verdict: Verdict,
    reason: Reason,
    #[serde(skip_serializing_if = "Option::is_none")]
    compare: Option<&'a Compare>,
}

impl<'a> FindingBody<'a> {
    pub(super) fn of(finding: &'a Finding) -> Self {
        Self { verdict: finding.verdict, reason: finding.reason, compare: finding.compare.as_deref() }
    }
}

/// Work on a host, with its sentence.
#[derive(Serialize)]
pub(super) struct ActBody<'a> {
    sentence: String,
    #[serde(flatten)]
    act: &'a Act,
}

impl<'a> ActBody<'a> {
    pub(super) fn of(act: &'a Act) -> Self {
        Self { sentence: act.sentence(), act }
    }
}

/// What one host said.
#[derive(Serialize)]
pub(super) struct HostBody<'a> {
    host: &'a str,
    at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<IpAddr>,
    weight: Weight,
    programs: &'a [String],
    stack: TlsStack,
    #[serde(skip_serializing_if = "Option::is_none")]
    running: Option<FindingBody<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disk: Option<FindingBody<'a>>,
    acts: Vec<ActBody<'a>>,
}

/// Two words that contradict each other.
#[derive(Serialize)]
pub(super) struct ConflictBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<IpAddr>,
    network: NetworkBody,
    host: &'a str,
    found: FindingBody<'a>,
    host_at: Timestamp,
    words: &'a str,
}

#[derive(Serialize)]
struct NetworkBody {
    verdict: Verdict,
    reason: Reason,
    at: Timestamp,
}

/// How a service comes by its TLS code.
pub(super) fn linkage(entry: &ServiceAssessment) -> Option<GradedBody<'_, TlsStack>> {
    entry.linkage.as_ref().map(|Graded { value, grade, because }| GradedBody {
        value,
        grade: *grade,
        because,
    })
}

/// The version that decided.
pub(super) fn version(entry: &ServiceAssessment) -> Option<GradedBody<'_, str>> {
    let known = entry.version.as_ref()?;
    Some(GradedBody { value: &known.value, grade: known.grade, because: &known.because })
}

/// Every contradiction.
pub(super) fn conflicts(entry: &ServiceAssessment) -> Vec<ConflictBody<'_>> {
    let body = |c: &'_ Conflict| -> NetworkBody {
        NetworkBody { verdict: c.network.0, reason: c.network.1, at: c.network_at }
    };
    entry
        .conflicts
        .iter()
        .map(|c| ConflictBody {
            address: c.address,
            network: body(c),
            host: &c.host,
            found: FindingBody::of(&c.found),
            host_at: c.host_at,
            words: &c.words,
        })
        .collect()
}

/// Every host's word.
pub(super) fn hosts(entry: &ServiceAssessment) -> Vec<HostBody<'_>> {
    entry
        .hosts
        .iter()
        .map(|h| HostBody {
            host: &h.host,
            at: h.at,
            address: h.address,
            weight: h.weight,
            programs: &h.programs,
            stack: h.stack,
            running: h.running.as_ref().map(FindingBody::of),
            disk: h.disk.as_ref().map(FindingBody::of),
            acts: h.acts.iter().map(ActBody::of).collect(),
        })
        .collect()
}

/// What has to be done on the hosts of a service, each sentence with its host, none twice.
pub(super) fn to_do(entry: &ServiceAssessment) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for host in &entry.hosts {
        for act in &host.acts {
            let text = format!("on {}: {}", host.host, act.sentence());
            if !all.contains(&text) {
                all.push(text);
            }
        }
    }
    all
}

/// What still has to be restarted, where the state says so: `restart nginx.service on web01`.
pub(super) fn unrestarted(entry: &ServiceAssessment) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    if entry.state != State::PatchedNotRestarted {
        return all;
    }
    for host in entry.hosts.iter().filter(|h: &&HostView| h.is_unrestarted()) {
        for act in host.acts.iter().filter(|a| a.kind == ActKind::Restart) {
            let caution = if act.cuts_people_off() { ", which cuts people off" } else { "" };
            let text = format!("restart {} on {}{caution}", act.unit(), host.host);
            if !all.contains(&text) {
                all.push(text);
            }
        }
    }
    all
}
