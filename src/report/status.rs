//! `status`: one screen of text, and the same as JSON (`allclear.status/1`, DESIGN).

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use serde::Serialize;

use crate::model::{
    assessment::Coverage,
    disclosure::DisclosureId,
    facet::{Facet, FacetValue, Facets, Regression, State},
    finding::Finding,
    ids::{RowId, Spki, SweepId},
    served::Software,
    service::TlsStack,
    time::Timestamp,
    verdict::{Grade, Reason, Verdict},
};

use super::{
    Row, View,
    joined::{self, ConflictBody, GradedBody, HostBody},
    json,
    lists::{self, Lists, Remarks},
    owners, sections, shown,
    style::{Ink, Screen},
    tally::{self, Standing, Tally},
};

/// The schema's name and version.
pub const SCHEMA: &str = "allclear.status/1";

const SCREEN_LINES: usize = 40;

/// Writes one screen: never more than 40 lines, so that the first of them stays in sight.
pub fn text(view: &View<'_>, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
    lines(view, screen).iter().try_for_each(|line| writeln!(out, "{line}"))
}

fn lines(view: &View<'_>, screen: &Screen) -> Vec<String> {
    let tally = Tally::of(view.rows());
    let mut head = sections::headline(view, &tally, screen);
    head.extend(sections::warning(view, &tally, screen, 4));
    head.extend(sections::conflicts(&tally, screen, 2));
    head.extend(sections::context(view, &tally, screen));
    head.extend(sections::faults(view, screen));
    head.push(String::new());

    let mut tail = vec![String::new()];
    tail.extend(owners::table(&tally, screen, 5));
    tail.extend(shown::section(&tally, screen, 4));
    tail.extend(sections::overdue(&tally, screen));
    tail.extend(sections::foreign_bytes(view, screen));
    tail.extend(sections::next(view, &tally, screen));

    let budget = SCREEN_LINES.saturating_sub(head.len() + tail.len());
    head.extend(services(view, &tally, screen, budget));
    head.extend(tail);
    head
}

/// Every state with its services, then the unknown ones by the reason. Where there is no room for that,
/// a line for each.
fn services(view: &View<'_>, tally: &Tally<'_>, screen: &Screen, budget: usize) -> Vec<String> {
    const WHY: &str = "Why unknown:";
    let writer = Lists::new(view, tally, screen);
    let reasons = lists::by_reason(&tally.unknown, Ink::Warn);
    // Listed by reason below, unless some of them are not among those.
    let below = |r: &Row<'_>| r.entry.state != State::Unknown || Standing::of(r) == Standing::Unknown;
    let below = tally.rows.iter().all(below);
    let listed = |state: State| {
        match state {
            State::Waived => usize::MAX, // somebody's word: whose, and until when
            State::Unknown if below => 0,
            state if state.is_finished() => 0,
            _ => usize::MAX,
        }
    };
    let mut groups = lists::by_state(&tally.rows, Remarks::All, listed);
    let states = groups.len();
    groups.extend(reasons);
    let title = usize::from(groups.len() > states);
    let mut lines = Vec::new();
    if let Some(mut blocks) = writer.allot(&groups, budget.saturating_sub(title)) {
        let why = blocks.split_off(states);
        lines.extend(blocks.concat());
        lines.extend((title > 0).then(|| WHY.to_owned()));
        lines.extend(why.concat());
        return lines;
    }
    let reasons = groups.split_off(states);
    for group in groups.iter_mut().filter(|g| g.name == State::Unknown.as_str()) {
        group.most = usize::MAX; // there may be no room for the reasons, which would have named them
    }
    lines.extend(writer.tight(&groups, budget));
    let left = budget.saturating_sub(lines.len());
    if left > 2 && !reasons.is_empty() {
        lines.push(WHY.to_owned());
        lines.extend(writer.tight(&reasons, left - 1));
    }
    lines
}

/// Writes one object on one line.
pub fn json(view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    json::write(&Body::of(view), out)?;
    writeln!(out)
}

/// The object of `status --json`; `verify --json` adds to it.
#[derive(Serialize)]
pub(super) struct Body<'a> {
    schema: &'static str,
    incident: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sweep: Option<SweepId>,
    coverage: CoverageBody,
    counts: BTreeMap<State, u64>,
    services: Vec<ServiceBody<'a>>,
}

impl<'a> Body<'a> {
    /// The object of a view. `counts` has every state, in order; services are in the tracker's order.
    pub(super) fn of(view: &View<'a>) -> Self {
        let rows = view.rows();
        let Coverage { known, probed, unknown } = tally::coverage(view);
        Self {
            schema: SCHEMA,
            incident: &view.evidence.incident.name,
            sweep: view.judged.iter().filter_map(|j| j.assessment.sweep).max(),
            coverage: CoverageBody { known, probed, unknown },
            counts: tally::states(&rows),
            services: rows.into_iter().map(ServiceBody::of).collect(),
        }
    }
}

#[derive(Serialize)]
struct CoverageBody {
    known: u64,
    probed: u64,
    unknown: u64,
}

#[derive(Serialize)]
struct ServiceBody<'a> {
    row_id: &'a RowId,
    disclosure: &'a DisclosureId,
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
    facets: FacetsBody<'a>,
    spki_before: &'a [Spki],
    spki_now: &'a [Spki],
    key_shared_with: &'a [RowId],
    next_action: &'a str,
    blocked_by: &'a [String],
    regressions: &'a [Regression],
    #[serde(skip_serializing_if = "Option::is_none")]
    linkage: Option<GradedBody<'a, TlsStack>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<GradedBody<'a, str>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    old_certificates: Vec<shown::OldBody<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    findings: &'a [Finding],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    software: &'a [Software],
    conflicts: Vec<ConflictBody<'a>>,
    hosts: Vec<HostBody<'a>>,
}

impl<'a> ServiceBody<'a> {
    fn of(row: Row<'a>) -> Self {
        let entry = row.entry;
        Self {
            row_id: &entry.row_id,
            disclosure: &entry.disclosure,
            name: row.name(),
            port: row.service.map(|s| s.port),
            owner: row.owner(),
            state: entry.state,
            verdict: entry.verdict,
            reason: entry.reason,
            facets: FacetsBody::of(&entry.facets),
            spki_before: &entry.spki_before,
            spki_now: &entry.spki_now,
            key_shared_with: &entry.key_shared_with,
            next_action: &entry.next_action,
            blocked_by: &entry.blocked_by,
            regressions: &entry.regressions,
            linkage: joined::linkage(entry),
            version: joined::version(entry),
            old_certificates: shown::old(&row),
            findings: &entry.findings,
            software: &entry.software,
            conflicts: joined::conflicts(entry),
            hosts: joined::hosts(entry),
        }
    }
}

#[derive(Serialize)]
struct FacetsBody<'a> {
    patched: FacetBody<'a>,
    restarted: FacetBody<'a>,
    rekeyed: FacetBody<'a>,
    revoked: FacetBody<'a>,
    secrets: FacetBody<'a>,
    verified: FacetBody<'a>,
}

impl<'a> FacetsBody<'a> {
    fn of(facets: &'a Facets) -> Self {
        Self {
            patched: FacetBody::of(&facets.patched),
            restarted: FacetBody::of(&facets.restarted),
            rekeyed: FacetBody::of(&facets.rekeyed),
            revoked: FacetBody::of(&facets.revoked),
            secrets: FacetBody::of(&facets.secrets),
            verified: FacetBody::of(&facets.verified),
        }
    }
}

#[derive(Serialize)]
struct FacetBody<'a> {
    value: FacetValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    grade: Option<Grade>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    justification: Option<&'a str>,
}

impl<'a> FacetBody<'a> {
    fn of(facet: &'a Facet) -> Self {
        Self {
            value: facet.value,
            grade: facet.grade,
            at: facet.at,
            until: facet.until,
            justification: facet.justification.as_deref(),
        }
    }
}
