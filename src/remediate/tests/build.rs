//! Evidence and assessments made by hand, since planning is tested without the assess stage.

use std::{net::IpAddr, sync::Arc};

use crate::model::{
    assessment::{
        Assessment, Coverage, EndpointAssessment, KeyAssessment, KeyEndpoint, KeyExposure, OldCertificate,
        SecretAssessment, SecretFound, ServiceAssessment,
    },
    disclosure::{Disclosure, ProbeFact, ProbeKind},
    facet::{Facet, FacetValue, Facets, State},
    ids::{RowId, Sha256, SweepId},
    observation::Certificate,
    policy::Policy,
    secret::{Secret, SecretState},
    service::{Declared, Service, TlsStack},
    sweep::{Evidence, Incident},
    time::Timestamp,
    verdict::{Grade, Reason, Verdict},
    wrap::Wrap,
};

pub(in crate::remediate) const BAD: Timestamp = Timestamp::from_seconds(1_795_356_000);
pub(in crate::remediate) const NOW: Timestamp = Timestamp::from_seconds(1_795_442_400);

pub(in crate::remediate) fn service(name: &str, port: u16, declared: Declared) -> Service {
    let wrap = Wrap::for_port(port);
    Service {
        row_id: RowId::derived(name, port, wrap.transport(), wrap, ""),
        name: Some(Arc::from(name)),
        addresses: Box::new([]),
        port,
        transport: wrap.transport(),
        wrap,
        wrap_declared: false,
        sni: None,
        id_declared: false,
        declared: Arc::new(declared),
        sources: Arc::from([]),
    }
}

pub(in crate::remediate) fn typed(name: &str, port: u16, kind: &str, tokens: Option<bool>) -> Service {
    let service_type = (!kind.is_empty()).then(|| kind.to_owned());
    service(name, port, Declared { service_type, issues_tokens: tokens, ..Declared::default() })
}

pub(in crate::remediate) fn owned(
    name: &str,
    port: u16,
    kind: &str,
    owner: &str,
    stack: TlsStack,
) -> Service {
    let declared = Declared {
        owner: (!owner.is_empty()).then(|| owner.to_owned()),
        service_type: Some(kind.to_owned()),
        tls_stack: Some(stack),
        ..Declared::default()
    };
    service(name, port, declared)
}

pub(in crate::remediate) fn secret(id: &str, kind: &str, on: &[&Service], owner: Option<&str>) -> Secret {
    Secret {
        delivered_through: Vec::new(),
        checks: Vec::new(),
        id: id.to_owned(),
        kind: kind.to_owned(),
        services: on.iter().map(|s| s.row_id.clone()).collect(),
        unresolved: Vec::new(),
        owner: owner.map(str::to_owned),
        location: Some(format!("vault kv/{id}")),
        issued_at: None,
        runbook: None,
        implied: false,
        source: None,
    }
}

pub(in crate::remediate) fn facet(value: FacetValue, grade: Option<Grade>) -> Facet {
    let at = (value == FacetValue::Done).then_some(NOW);
    Facet { grade, at, ..Facet::new(value) }
}

pub(in crate::remediate) fn facets(values: [FacetValue; 6]) -> Facets {
    let [patched, restarted, rekeyed, revoked, secrets, verified] =
        values.map(|v| facet(v, (v == FacetValue::Done).then_some(Grade::E3)));
    Facets { patched, restarted, rekeyed, revoked, secrets, verified }
}

/// A service that never had anything to do with the leak.
pub(in crate::remediate) fn quiet(
    service: &Service,
    state: State,
    verdict: Verdict,
    reason: Reason,
) -> ServiceAssessment {
    ServiceAssessment {
        row_id: service.row_id.clone(),
        disclosure: Arc::from("CVE-2014-0160"),
        state,
        state_since: Some(BAD),
        verdict: Some(verdict),
        reason: Some(reason),
        facets: facets([FacetValue::Unknown; 6]),
        endpoints: vec![endpoint(verdict, reason)],
        spki_before: Vec::new(),
        spki_now: Vec::new(),
        key_shared_with: Vec::new(),
        certificate: None,
        old_certificates: Vec::new(),
        next_action: String::new(),
        blocked_by: Vec::new(),
        regressions: Vec::new(),
        notes: Vec::new(),
        presumed: false,
        last_bad: None,
        first_good: None,
        first_seen: Some(BAD),
        last_seen: Some(BAD),
        probes_ok: 1,
        probes_total: 1,
        secrets_total: 0,
        secrets_done: 0,
        due: None,
        claim: None,
        waiver: None,
        justification: None,
        hosts: Vec::new(),
        conflicts: Vec::new(),
        linkage: None,
        version: None,
        findings: Vec::new(),
        software: Vec::new(),
    }
}

/// A service that the last sweep found vulnerable.
pub(in crate::remediate) fn exposed(service: &Service) -> ServiceAssessment {
    let mut out = quiet(service, State::Exposed, Verdict::Vulnerable, Reason::MalformedHeartbeatAnswered);
    out.facets = facets([FacetValue::Open; 6]);
    out.last_bad = Some(BAD);
    out
}

/// A service that leaked and whose facets stand like that; its last look was clean.
pub(in crate::remediate) fn leaked(
    service: &Service,
    state: State,
    values: [FacetValue; 6],
) -> ServiceAssessment {
    let mut out = quiet(service, state, Verdict::NotVulnerable, Reason::FixProved);
    out.facets = facets(values);
    out.last_bad = Some(BAD);
    out
}

fn endpoint(verdict: Verdict, reason: Reason) -> EndpointAssessment {
    EndpointAssessment {
        address: Some(IpAddr::from([192, 0, 2, 11])),
        vantage: Arc::from("local"),
        sweep: SweepId(1),
        at: BAD,
        verdict,
        reason,
        vulnerable: 1,
        tried: 1,
        keys: Vec::new(),
        current: true,
    }
}

pub(in crate::remediate) fn certificate(seed: &str) -> Certificate {
    Certificate {
        sha256: Sha256::of(seed.as_bytes()),
        spki_sha256: None,
        serial: Some(format!("0x{}", seed.len())),
        subject: None,
        issuer: Some("CN=Example CA".to_owned()),
        not_before: None,
        not_after: Some(NOW.plus_seconds(86_400 * 90)),
        names: Vec::new(),
        details: None,
    }
}

/// An exposed key with one certificate on some services; the flag says who serves it now.
pub(in crate::remediate) fn key(seed: &str, on: &[(&Service, bool)]) -> KeyAssessment {
    KeyAssessment {
        spki: Sha256::of(seed.as_bytes()),
        exposure: KeyExposure::Exposed,
        exposed_at: Some(BAD),
        first_seen: BAD,
        last_seen: NOW,
        endpoints: on
            .iter()
            .map(|(s, now)| KeyEndpoint {
                row_id: s.row_id.clone(),
                address: None,
                port: s.port,
                serves_now: *now,
            })
            .collect(),
        certificates: vec![certificate(seed)],
        reissued: Vec::new(),
    }
}

pub(in crate::remediate) fn revoked(seed: &str) -> OldCertificate {
    OldCertificate { certificate: certificate(seed), expired: false, revoked: true, check: None }
}

pub(in crate::remediate) fn secret_state(id: &str, state: SecretState, closed: bool) -> SecretAssessment {
    SecretAssessment {
        id: id.to_owned(),
        state,
        closed,
        in_reach: true,
        last_bad: Some(BAD),
        claim: None,
        blocked_by: Vec::new(),
        found: SecretFound::default(),
    }
}

pub(in crate::remediate) fn evidence(services: Vec<Service>, secrets: Vec<Secret>) -> Evidence {
    Evidence {
        incident: Incident {
            name: "incident".to_owned(),
            created_at: BAD,
            disclosures: vec!["CVE-2014-0160".to_owned()],
            chain_head: Sha256::of(b"head"),
            evidence_rows: 1,
        },
        services,
        secrets,
        sweeps: Vec::new(),
        observations: Vec::new(),
        claims: Vec::new(),
        hosts: Vec::new(),
        revocations: Vec::new(),
        checks: Vec::new(),
        tracked: std::collections::BTreeMap::new(),
    }
}

pub(in crate::remediate) fn assessment(
    services: Vec<ServiceAssessment>,
    keys: Vec<KeyAssessment>,
    secrets: Vec<SecretAssessment>,
) -> Assessment {
    Assessment {
        disclosure: Disclosure {
            aliases: vec!["heartbleed".to_owned()],
            leaks: "memory".to_owned(),
            probe: ProbeFact { kind: ProbeKind::BuiltIn, ..ProbeFact::default() },
            ..Disclosure::named("CVE-2014-0160", "Heartbleed", BAD)
        },
        policy: Policy::default(),
        now: NOW,
        sweep: Some(SweepId(1)),
        services,
        keys,
        secrets,
        coverage: Coverage::default(),
        foreign_bytes: 0,
    }
}
