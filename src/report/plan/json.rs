//! The plan as one JSON object on one line, `allclear.plan/1`. Nothing is cut, whatever was asked for with `--owner` or
//! `--service` limits `waves`, `held` and `keys`, and `waits_for` may name lines of others.
//!
//! ```json
//! {"schema":"allclear.plan/1","incident":"incident","disclosure":"CVE-2014-0160","sweep":"s0002","at":"…",
//!  "presume":"dated","only":{"owner":"team-web"},
//!  "counts":{"left":7,"lines":40,"settled":12,"seen_once":1,"services":15,"nothing_owed":3,"unknown":2},
//!  "order":["No restart before …","No new key before …","No revocation before …"],
//!  "waves":[{"wave":2,"title":"restart","waits_for":[{"wave":1,"code":"A1","title":"Install the fixed version","lines":2}],
//!    "actions":[{"tier":"A","code":"A2","title":"Restart nginx","unit":"nginx","owners":["team-web"],
//!      "cautions":["Open requests end; …"],
//!      "lines":[{"id":"svc-…/A2","services":["svc-…"],"names":["web01:443"],"state":"blocked","overlap":false,
//!        "blocked_by":["svc-…/A1"],"waits_for":["svc-…/A1"],"blocks":["key:…/B1"]}]}]}],
//!  "held":[],
//!  "keys":[{"spki":"sha256:…","exposure":"exposed","exposed_at":"…","services":2,"owners":["team-web"],
//!    "endpoints":[{"row_id":"svc-…","name":"web01:443","address":"192.0.2.11","port":443,"owner":"team-web",
//!      "state":"exposed","serves_now":true,"leaked":true,"leaks_now":true}],
//!    "certificates":[{"sha256":"sha256:…","serial":"0x…","subject":"…","issuer":"…","not_after":"…","revoked":false,
//!      "expired":false,"reissued":false}],
//!    "rekey":"key:…/B1","revoke":{"line":"key:…/B1r","blocked_by":["web01:443@192.0.2.11"],"waits_for":["key:…/B1"]},
//!    "split":{"shared":{"services":2,"endpoints":2,"wave":3,"waits_for":["svc-…/A2"]},
//!      "by_owner":[{"who":"team-web","services":1,"endpoints":1,"wave":3,"waits_for":["svc-…/A2"]}],
//!      "by_service":[{"who":"web01:443","services":1,"endpoints":1,"wave":3,"waits_for":["svc-…/A2"]}]}}]}
//! ```
//!
//! `lines`, `settled`, … of `counts` are of the whole fleet; `left` counts what is in `waves` and `held`. `blocked_by` has
//! the ids of all lines that come first, as the checklist has them; `waits_for` those that are not done and that nothing
//! else in the way waits for. `null` among `owners` stands for services that nobody answers for. `waves` lists waves that
//! hold something that was asked for, under the numbers of the whole fleet. What was not learned is absent.

use std::{
    io::{self, Write},
    net::IpAddr,
};

use serde::Serialize;

use super::{Context, ORDER, Only, words};
use crate::{
    model::{
        assessment::KeyExposure,
        checklist::LineState,
        facet::State,
        ids::{RowId, Sha256, Spki, SweepId},
        plan::{Action, Blast, BlastCertificate, BlastEndpoint, Part, Plan, Step, Wave},
        policy::Presume,
        secret::Tier,
        time::Timestamp,
    },
    report,
};

/// The schema's name and version.
pub const SCHEMA: &str = "allclear.plan/1";

/// Writes one object on one line.
pub fn json(plan: &Plan, context: &Context, out: &mut dyn Write) -> io::Result<()> {
    report::json::write(&Body::of(plan, context), out)?;
    writeln!(out)
}

#[derive(Serialize)]
struct Body<'a> {
    schema: &'static str,
    incident: &'a str,
    disclosure: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sweep: Option<SweepId>,
    at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    only: Option<OnlyBody<'a>>,
    presume: Presume,
    counts: CountsBody,
    order: [&'static str; 3],
    waves: Vec<WaveBody<'a>>,
    held: Vec<ActionBody<'a>>,
    keys: Vec<KeyBody<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum OnlyBody<'a> {
    Owner(&'a str),
    Service(&'a str),
    Key(&'a str),
}

#[derive(Serialize)]
struct CountsBody {
    left: usize,
    lines: usize,
    settled: usize,
    seen_once: usize,
    services: usize,
    nothing_owed: usize,
    unknown: usize,
}

impl<'a> Body<'a> {
    fn of(plan: &'a Plan, context: &'a Context) -> Self {
        let c = plan.counts;
        Self {
            schema: SCHEMA,
            incident: &context.incident,
            disclosure: &context.disclosure,
            sweep: context.sweep,
            at: context.generated_at,
            presume: context.presume,
            only: context.only.as_ref().map(|only| match only {
                Only::Owner(owner) => OnlyBody::Owner(owner),
                Only::Service(service) => OnlyBody::Service(service),
                Only::Key(key) => OnlyBody::Key(key),
            }),
            counts: CountsBody {
                left: words::left(plan),
                lines: c.lines,
                settled: c.settled,
                seen_once: c.seen,
                services: c.services,
                nothing_owed: c.nothing_owed,
                unknown: c.unknown,
            },
            order: ORDER,
            waves: plan.waves.iter().map(|wave| WaveBody::of(plan, wave)).collect(),
            held: plan.held.iter().map(|action| ActionBody::of(plan, action)).collect(),
            keys: plan.blasts.iter().map(|blast| KeyBody::of(plan, blast)).collect(),
        }
    }
}

fn ids<'a>(plan: &'a Plan, places: &[usize]) -> Vec<&'a str> {
    places.iter().filter_map(|at| plan.step(*at)).map(|step| step.line.id.as_str()).collect()
}

#[derive(Serialize)]
struct WaveBody<'a> {
    wave: usize,
    title: &'a str,
    waits_for: Vec<NeedBody<'a>>,
    actions: Vec<ActionBody<'a>>,
}

impl<'a> WaveBody<'a> {
    fn of(plan: &'a Plan, wave: &'a Wave) -> Self {
        let need = |n: &'a crate::model::plan::Need| NeedBody {
            wave: n.wave,
            code: &n.code,
            title: &n.title,
            lines: n.lines,
        };
        Self {
            wave: wave.number,
            title: &wave.title,
            waits_for: wave.waits_for.iter().map(need).collect(),
            actions: wave.actions.iter().map(|action| ActionBody::of(plan, action)).collect(),
        }
    }
}

#[derive(Serialize)]
struct NeedBody<'a> {
    wave: usize,
    code: &'a str,
    title: &'a str,
    lines: usize,
}

#[derive(Serialize)]
struct ActionBody<'a> {
    tier: Tier,
    code: &'a str,
    title: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<&'a str>,
    owners: &'a [Option<String>],
    cautions: Vec<String>,
    lines: Vec<LineBody<'a>>,
}

impl<'a> ActionBody<'a> {
    fn of(plan: &'a Plan, action: &'a Action) -> Self {
        Self {
            tier: action.tier,
            code: &action.code,
            title: words::title(action),
            unit: action.unit.as_deref(),
            owners: &action.owners,
            cautions: words::cautions(plan, action),
            lines: plan.steps_of(action).map(|step| LineBody::of(plan, step)).collect(),
        }
    }
}

#[derive(Serialize)]
struct LineBody<'a> {
    id: &'a str,
    services: &'a [RowId],
    names: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<&'a str>,
    state: LineState,
    overlap: bool,
    blocked_by: &'a [String],
    waits_for: Vec<&'a str>,
    blocks: Vec<&'a str>,
}

impl<'a> LineBody<'a> {
    fn of(plan: &'a Plan, step: &'a Step) -> Self {
        let line = &step.line;
        Self {
            id: &line.id,
            services: &line.services,
            names: &line.service_names,
            secret: line.secret.as_deref(),
            state: line.state,
            overlap: line.overlap,
            blocked_by: &line.blocked_by,
            waits_for: ids(plan, &step.waits),
            blocks: ids(plan, &step.blocks),
        }
    }
}

#[derive(Serialize)]
struct KeyBody<'a> {
    spki: Spki,
    exposure: KeyExposure,
    #[serde(skip_serializing_if = "Option::is_none")]
    exposed_at: Option<Timestamp>,
    services: usize,
    owners: &'a [Option<String>],
    endpoints: Vec<EndpointBody<'a>>,
    certificates: Vec<CertificateBody<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rekey: Option<&'a str>,
    revoke: RevokeBody<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    split: Option<SplitBody<'a>>,
}

impl<'a> KeyBody<'a> {
    fn of(plan: &'a Plan, blast: &'a Blast) -> Self {
        let id = |at: Option<usize>| at.and_then(|at| plan.step(at)).map(|step| step.line.id.as_str());
        let part = |part: &'a Part| PartBody::of(plan, part);
        Self {
            spki: blast.spki,
            exposure: blast.exposure,
            exposed_at: blast.exposed_at,
            services: blast.services,
            owners: &blast.owners,
            endpoints: blast.endpoints.iter().map(EndpointBody::of).collect(),
            certificates: blast.certificates.iter().map(CertificateBody::of).collect(),
            rekey: id(blast.rekey),
            revoke: RevokeBody {
                line: id(blast.revoke.step),
                blocked_by: blast.blockers().map(BlastEndpoint::place).collect(),
                waits_for: ids(plan, &blast.revoke.waits),
            },
            split: blast.split.as_ref().map(|split| SplitBody {
                shared: part(&split.shared),
                by_owner: split.owners.iter().map(part).collect(),
                by_service: split.services.iter().map(part).collect(),
            }),
        }
    }
}

#[derive(Serialize)]
struct EndpointBody<'a> {
    row_id: &'a RowId,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<IpAddr>,
    port: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<State>,
    serves_now: bool,
    leaked: bool,
    leaks_now: bool,
}

impl<'a> EndpointBody<'a> {
    fn of(endpoint: &'a BlastEndpoint) -> Self {
        Self {
            row_id: &endpoint.row_id,
            name: &endpoint.name,
            address: endpoint.address,
            port: endpoint.port,
            owner: endpoint.owner.as_deref(),
            state: endpoint.state,
            serves_now: endpoint.serves_now,
            leaked: endpoint.leaked,
            leaks_now: endpoint.leaks_now,
        }
    }
}

#[derive(Serialize)]
struct CertificateBody<'a> {
    sha256: Sha256,
    #[serde(skip_serializing_if = "Option::is_none")]
    serial: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_after: Option<Timestamp>,
    revoked: bool,
    expired: bool,
    reissued: bool,
}

impl<'a> CertificateBody<'a> {
    fn of(certificate: &'a BlastCertificate) -> Self {
        Self {
            sha256: certificate.sha256,
            serial: certificate.serial.as_deref(),
            subject: certificate.subject.as_deref(),
            issuer: certificate.issuer.as_deref(),
            not_after: certificate.not_after,
            revoked: certificate.revoked,
            expired: certificate.expired,
            reissued: certificate.reissued,
        }
    }
}

#[derive(Serialize)]
struct RevokeBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<&'a str>,
    blocked_by: Vec<String>,
    waits_for: Vec<&'a str>,
}

#[derive(Serialize)]
struct SplitBody<'a> {
    shared: PartBody<'a>,
    by_owner: Vec<PartBody<'a>>,
    by_service: Vec<PartBody<'a>>,
}

#[derive(Serialize)]
struct PartBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    who: Option<&'a str>,
    services: usize,
    endpoints: usize,
    wave: usize,
    waits_for: Vec<&'a str>,
}

impl<'a> PartBody<'a> {
    fn of(plan: &'a Plan, part: &'a Part) -> Self {
        Self {
            who: part.who.as_deref(),
            services: part.services,
            endpoints: part.endpoints,
            wave: part.wave,
            waits_for: ids(plan, &part.waits),
        }
    }
}
