//! The answer for one disclosure as one object (`allclear.assess/1`).

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use serde::Serialize;

use super::{AssessView, Counts, Host, Scene};
use crate::{
    model::{
        disclosure::Compare,
        facet::State,
        host::{CopiesAssessed, Finding, Look},
        ids::RowId,
        service::TlsStack,
        time::Timestamp,
        verdict::{Reason, Verdict},
    },
    report::{
        Row,
        joined::{self, ActBody, ConflictBody, GradedBody, HostBody},
        json as writer,
    },
};

/// The schema's name and version.
pub const SCHEMA: &str = "allclear.assess/1";

#[derive(Serialize)]
struct Body<'a> {
    schema: &'static str,
    disclosure: &'a str,
    title: &'a str,
    evidence: EvidenceBody,
    counts: CountsBody,
    hosts: Vec<HostEntry<'a>>,
    services: Vec<ServiceEntry<'a>>,
}

#[derive(Serialize)]
struct EvidenceBody {
    oldest: Option<Timestamp>,
    newest: Option<Timestamp>,
    documents: usize,
}

#[derive(Serialize)]
struct CountsBody {
    hosts: HostCounts,
    services: ServiceCounts,
}

#[derive(Serialize)]
struct HostCounts {
    affected: usize,
    not_decided: usize,
    gave_nothing: usize,
    seen_in_part: usize,
    clean: usize,
}

#[derive(Serialize)]
struct ServiceCounts {
    known: usize,
    vulnerable: usize,
    unknown: usize,
    clean: usize,
    states: BTreeMap<State, usize>,
}

#[derive(Serialize)]
struct HostEntry<'a> {
    host: &'a str,
    stands: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<Verdict>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
    findings: Vec<FindingEntry<'a>>,
    acts: Vec<ActBody<'a>>,
    gaps: Vec<String>,
}

#[derive(Serialize)]
struct FindingEntry<'a> {
    what: &'static str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    container: Option<&'a str>,
    verdict: Verdict,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    compare: Option<&'a Compare>,
    #[serde(skip_serializing_if = "<[u32]>::is_empty")]
    processes: &'a [u32],
    #[serde(skip_serializing_if = "String::is_empty")]
    unit: String,
}

#[derive(Serialize)]
struct ServiceEntry<'a> {
    row_id: &'a RowId,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<&'a str>,
    state: State,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<Verdict>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    linkage: Option<GradedBody<'a, TlsStack>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<GradedBody<'a, str>>,
    conflicts: Vec<ConflictBody<'a>>,
    hosts: Vec<HostBody<'a>>,
    next_action: &'a str,
}

/// Writes one object on one line. Every host that came in is one entry.
pub fn json(view: &AssessView<'_>, out: &mut dyn Write) -> io::Result<()> {
    let Counts {
        affected,
        undecided,
        silent,
        in_part,
        clean,
        services,
        vulnerable_services,
        unknown_services,
        clean_services,
        states,
    } = view.counts();
    let rows = view.rows();
    let hosts = view.hosts();
    let body = Body {
        schema: SCHEMA,
        disclosure: &view.disclosure.id,
        title: &view.disclosure.title,
        evidence: EvidenceBody {
            oldest: view.times.oldest,
            newest: view.times.newest,
            documents: view.times.documents,
        },
        counts: CountsBody {
            hosts: HostCounts {
                affected,
                not_decided: undecided,
                gave_nothing: silent,
                seen_in_part: in_part,
                clean,
            },
            services: ServiceCounts {
                known: services,
                vulnerable: vulnerable_services,
                unknown: unknown_services,
                clean: clean_services,
                states,
            },
        },
        hosts: hosts.iter().map(host).collect(),
        services: rows.iter().map(service).collect(),
    };
    writer::write(&body, out)?;
    writeln!(out)
}

fn host<'a>(host: &Host<'a>) -> HostEntry<'a> {
    let state = &host.judged.state;
    let failed = state.failed.as_ref().filter(|_| state.looks().next().is_none());
    let seen = state.looks().map(|l| l.document.header.at).max();
    HostEntry {
        host: &state.host,
        stands: host.stands.as_str(),
        at: seen.or(failed.map(|(at, _)| *at)),
        verdict: host.worst.map(|f| f.verdict).or(failed.map(|_| Verdict::Unreachable)),
        reason: host.worst.map(|f| f.reason),
        findings: host.looks().flat_map(|(look, assessed)| findings(look, assessed)).collect(),
        acts: host.looks().flat_map(|(_, assessed)| assessed.acts.iter().map(ActBody::of)).collect(),
        gaps: host.gaps.clone(),
    }
}

fn findings<'a>(look: &'a Look, assessed: &'a CopiesAssessed) -> Vec<FindingEntry<'a>> {
    let document = &look.document;
    let mut all = Vec::new();
    for (package, finding) in document.packages.iter().zip(&assessed.packages) {
        let Some(finding) = finding else { continue };
        all.push(FindingEntry {
            version: Some(&package.version),
            container: package.container.as_deref(),
            ..entry("package", &package.name, Some(finding))
        });
    }
    let scene = Scene::new(look, assessed);
    for (copy, finding) in scene.copies(look, assessed) {
        all.push(FindingEntry {
            version: copy.version.as_deref(),
            path: Some(&copy.path),
            container: copy.container.as_deref(),
            processes: &copy.processes,
            unit: scene.units(copy),
            ..entry("library", copy.lib.as_str(), Some(finding))
        });
    }
    for old in &assessed.old {
        let copy = document.libraries.get(old.library);
        all.push(FindingEntry {
            version: copy.and_then(|c| c.version.as_deref()),
            path: copy.map(|c| c.path.as_str()),
            container: old.container.as_deref(),
            processes: &old.processes,
            unit: old.runner.as_ref().map_or_else(String::new, |r| r.name.clone()),
            ..entry("process", &old.program, old.verdict.as_ref())
        });
    }
    all
}

/// A finding of a thing; what nobody told is not decided.
fn entry<'a>(what: &'static str, name: &'a str, finding: Option<&'a Finding>) -> FindingEntry<'a> {
    FindingEntry {
        what,
        name,
        version: None,
        path: None,
        container: None,
        verdict: finding.map_or(Verdict::Inconclusive, |f| f.verdict),
        reason: finding.map(|f| f.reason),
        compare: finding.and_then(|f| f.compare.as_deref()),
        processes: &[],
        unit: String::new(),
    }
}

fn service<'a>(row: &Row<'a>) -> ServiceEntry<'a> {
    let entry = row.entry;
    ServiceEntry {
        row_id: &entry.row_id,
        name: row.name(),
        port: row.service.map(|s| s.port),
        owner: row.owner(),
        state: entry.state,
        verdict: entry.verdict,
        reason: entry.reason,
        linkage: joined::linkage(entry),
        version: joined::version(entry),
        conflicts: joined::conflicts(entry),
        hosts: joined::hosts(entry),
        next_action: &entry.next_action,
    }
}
