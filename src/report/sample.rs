//! A small incident for the tests of this stage: seven services in different states, one of them hostile.

use std::sync::Arc;

use crate::model::{
    assessment::{
        Assessment, Change, Coverage, EndpointAssessment, KeyAssessment, KeyEndpoint, KeyExposure,
        SecretAssessment, SecretFound, ServiceAssessment, StandingClaim,
    },
    claim::{Claim, Statement, Subject},
    disclosure::{Disclosure, ProbeFact, ProbeKind},
    facet::{Facet, FacetValue, Facets, Regression, State},
    ids::{RowId, Sha256, SweepId},
    observation::{
        Attempt, Certificate, Contact, HeartbeatExtension, Observation, OtherKey, TlsFacts, TlsVersion,
    },
    policy::Policy,
    secret::{Secret, SecretState},
    service::{Declared, Exposure, Service, Source, TlsStack},
    sweep::{Evidence, Incident, Sweep, SweepState},
    time::Timestamp,
    verdict::{Grade, Judgement, Reason, Verdict},
    wrap::Wrap,
};

use super::{Judged, View};

mod hosts;

use hosts::add_hosts;
pub(crate) use hosts::{act, fixed, old, restart, unrestarted};

/// Text that attacks a terminal, a spreadsheet and a reader at once.
pub(crate) const HOSTILE: &str = "=cmd|' /C calc'!A0\u{1b}[2J\r\n+1,\"x\"\u{202e}gpj\u{9b}31m;\t\u{7}";

/// Evidence, assessment and changes that belong together.
pub(crate) struct Sample {
    pub(crate) evidence: Evidence,
    pub(crate) assessment: Assessment,
    pub(crate) changes: Vec<Change>,
}

/// A time of day on Sunday 2026-11-22.
pub(crate) fn at(time: &str) -> Timestamp {
    format!("2026-11-22T{time}Z").parse().expect("a time of day")
}

/// Judges by contact alone, which is enough for a report.
pub(crate) fn judge(observation: &Observation) -> Judgement {
    let (verdict, reason) = match observation.contact {
        Contact::Answered => (Verdict::Vulnerable, Reason::MalformedHeartbeatAnswered),
        _ => (Verdict::Inconclusive, Reason::ProbeTimedOut),
    };
    Judgement {
        disclosure: "CVE-2014-0160".into(),
        verdict,
        reason,
        grade: Grade::E2,
        vulnerable: u32::from(verdict == Verdict::Vulnerable),
        tried: 1,
        foreign_bytes: 0,
    }
}

/// One service to be made: name or address, port, owner, state, verdict, reason.
type Spec = (&'static str, u16, Option<&'static str>, State, Option<(Verdict, Reason)>);

const SPECS: &[Spec] = &[
    (
        "web01.example.test",
        443,
        Some("web"),
        State::Exposed,
        Some((Verdict::Vulnerable, Reason::MalformedHeartbeatAnswered)),
    ),
    (
        "mail.example.test",
        25,
        Some("messaging"),
        State::ClosedKeyAtRisk,
        Some((Verdict::NotVulnerable, Reason::FixProved)),
    ),
    (
        "turn.example.test",
        5349,
        Some("voice"),
        State::Regressed,
        Some((Verdict::Vulnerable, Reason::MalformedHeartbeatAnswered)),
    ),
    (
        "tarpit.example.test",
        443,
        Some("infra"),
        State::Unknown,
        Some((Verdict::Inconclusive, Reason::ProbeTimedOut)),
    ),
    ("192.0.2.99", 8443, None, State::NotAffected, Some((Verdict::NotApplicable, Reason::Tls13Only))),
    (HOSTILE, 443, Some(HOSTILE), State::ClosedKeyAtRisk, Some((Verdict::NotVulnerable, Reason::FixProved))),
    (
        "chat.example.test",
        5222,
        Some("messaging"),
        State::Verified,
        Some((Verdict::NotVulnerable, Reason::FixProved)),
    ),
];

impl Sample {
    /// The sample.
    pub(crate) fn new() -> Self {
        Self::of(SPECS)
    }

    /// A fleet of `count` services with owners, one in three exposed and one in three unknown.
    pub(crate) fn large(count: usize) -> Self {
        let mut sample = Self::of(&[]);
        for i in 0..count {
            let spec = SPECS[if i % 3 == 1 { 3 } else { i % 3 }];
            let mut service = service(&spec, i);
            service.row_id = RowId::declared(&format!("row-{i:06}"));
            service.name = Some(format!("host-{i:06}.a-rather-long-domain-name.example.test").into());
            let mut declared = (*service.declared).clone();
            declared.owner = Some(format!("team number {:03}", i % 100));
            service.declared = Arc::new(declared);
            let mut entry = entry(&spec, &service);
            entry.state = State::ALL[i % State::ALL.len()];
            sample.evidence.services.push(service);
            sample.assessment.services.push(entry);
        }
        sample.assessment.coverage =
            Coverage { known: count as u64, probed: count as u64 / 2, unknown: count as u64 / 16 };
        sample
    }

    fn of(specs: &[Spec]) -> Self {
        let services: Vec<Service> = specs.iter().enumerate().map(|(i, s)| service(s, i)).collect();
        let mut entries: Vec<_> = specs.iter().zip(&services).map(|(s, v)| entry(s, v)).collect();
        let ids: Vec<RowId> = services.iter().map(|s| s.row_id.clone()).collect();
        let mut observations = Vec::new();
        let mut changes = Vec::new();
        let mut secrets = Vec::new();
        if let [web, mail, turn, ..] = entries.as_mut_slice() {
            web.key_shared_with = vec![ids[1].clone()];
            mail.key_shared_with = vec![ids[0].clone()];
            mail.notes = vec!["reissued on the same key".to_owned()];
            turn.regressions = vec![Regression::R1];
            observations = services.iter().zip(specs).map(|(v, s)| observation(v, s)).collect();
            add_hosts(&mut entries);
            changes = changes_of(&ids);
            secrets = secrets_of(&ids);
        }
        let assessment = Assessment {
            disclosure: disclosure(),
            policy: Policy::default(),
            now: at("20:30:00"),
            sweep: Some(SweepId(2)),
            coverage: Coverage {
                known: entries.len() as u64,
                probed: entries.len() as u64,
                unknown: u64::from(!entries.is_empty()),
            },
            services: entries,
            keys: if ids.is_empty() { Vec::new() } else { keys(&ids) },
            secrets: secrets.iter().map(secret_entry).collect(),
            foreign_bytes: 0,
        };
        Self { evidence: evidence(services, secrets, observations), assessment, changes }
    }

    /// Runs a test on the view of it.
    pub(crate) fn with<T>(&self, test: impl FnOnce(&View<'_>) -> T) -> T {
        let judged = [Judged { assessment: &self.assessment, judge: &judge, changes: &self.changes }];
        test(&View::new(&self.evidence, &judged))
    }
}

/// Heartbleed, as far as reports show it.
pub(crate) fn disclosure() -> Disclosure {
    Disclosure {
        aliases: vec!["heartbleed".to_owned()],
        leaks: "memory".to_owned(),
        probe: ProbeFact { kind: ProbeKind::BuiltIn, ..ProbeFact::default() },
        ..Disclosure::named("CVE-2014-0160", "Heartbleed", "2014-04-07".parse().expect("a date"))
    }
}

fn service(spec: &Spec, index: usize) -> Service {
    let (name, port, owner, ..) = *spec;
    let address = name.parse().ok();
    let wrap = Wrap::for_port(port);
    Service {
        row_id: RowId::derived(name, port, wrap.transport(), wrap, ""),
        name: address.is_none().then(|| name.into()),
        addresses: address.into_iter().collect(),
        port,
        transport: wrap.transport(),
        wrap,
        wrap_declared: false,
        sni: None,
        id_declared: false,
        declared: Arc::new(Declared {
            owner: owner.map(str::to_owned),
            env: Some("prod".to_owned()),
            exposure: (index == 0).then_some(Exposure::Public),
            tls_stack: Some(TlsStack::OpensslDynamic),
            tags: if owner == Some(HOSTILE) {
                vec![HOSTILE.to_owned()]
            } else {
                vec!["dmz".to_owned(), "rack=7".to_owned()]
            },
            ..Declared::default()
        }),
        sources: Arc::new([Source {
            format: "csv".into(),
            file: "services.csv".into(),
            line: u32::try_from(index).unwrap_or(0) + 2,
            path: None,
        }]),
    }
}

fn certificate(subject: &str) -> Certificate {
    Certificate {
        sha256: Sha256::of(b"certificate"),
        spki_sha256: Some(Sha256::of(b"key")),
        serial: Some("0x1e10".to_owned()),
        subject: Some(format!("CN={subject}")),
        issuer: Some(if subject == HOSTILE { HOSTILE } else { "CN=Test CA" }.to_owned()),
        not_before: Some("2014-01-01".parse().expect("a date")),
        not_after: Some("2027-01-01".parse().expect("a date")),
        names: vec![subject.to_owned()],
        details: None,
    }
}

fn entry(spec: &Spec, service: &Service) -> ServiceAssessment {
    let (name, _, _, state, judged) = *spec;
    let verdict = judged.map(|j| j.0);
    let endpoint = |address: &str, verdict| EndpointAssessment {
        address: address.parse().ok(),
        vantage: "local".into(),
        sweep: SweepId(2),
        at: at("14:00:00"),
        verdict,
        reason: judged.map_or(Reason::Interrupted, |j| j.1),
        vulnerable: u32::from(verdict == Verdict::Vulnerable),
        tried: 1,
        keys: vec![Sha256::of(b"key")],
        current: true,
    };
    let open = Facet::new(FacetValue::Open);
    let done = Facet { grade: Some(Grade::E3), at: Some(at("14:00:00")), ..Facet::new(FacetValue::Done) };
    ServiceAssessment {
        row_id: service.row_id.clone(),
        disclosure: "CVE-2014-0160".into(),
        state,
        state_since: Some(at("00:15:00")),
        verdict,
        reason: judged.map(|j| j.1),
        facets: Facets {
            patched: if state.is_finished() { done.clone() } else { open.clone() },
            restarted: open.clone(),
            rekeyed: open.clone(),
            revoked: open.clone(),
            secrets: open.clone(),
            verified: open,
        },
        endpoints: verdict
            .into_iter()
            .chain((state == State::Exposed).then_some(Verdict::NotVulnerable))
            .zip(["192.0.2.11", "192.0.2.12"])
            .map(|(v, a)| endpoint(a, v))
            .collect(),
        spki_before: vec![Sha256::of(b"key")],
        spki_now: vec![Sha256::of(b"key")],
        key_shared_with: Vec::new(),
        certificate: Some(certificate(name)),
        old_certificates: Vec::new(),
        next_action: "patch, then restart".to_owned(),
        blocked_by: Vec::new(),
        regressions: Vec::new(),
        notes: Vec::new(),
        presumed: false,
        last_bad: (state == State::Exposed).then(|| at("14:00:00")),
        first_good: None,
        first_seen: Some(at("00:15:00")),
        last_seen: Some(at("14:00:00")),
        probes_ok: 1,
        probes_total: 1,
        secrets_total: 1,
        secrets_done: 0,
        due: Some(at(if state == State::Exposed { "12:00:00" } else { "23:00:00" })),
        claim: (state == State::Verified).then(|| StandingClaim {
            what: "patched".to_owned(),
            by: "ana".to_owned(),
            at: at("13:00:00"),
            reference: Some("CHG-12".to_owned()),
            until: None,
        }),
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

fn observation(service: &Service, spec: &Spec) -> Observation {
    let answered = spec.3 != State::Unknown;
    Observation {
        sweep: SweepId(2),
        row_id: service.row_id.clone(),
        name: service.name.clone(),
        address: Some("192.0.2.11".parse().expect("an address")),
        port: service.port,
        transport: service.transport,
        wrap: service.wrap,
        sni: service.name.clone(),
        vantage: "local".into(),
        at: at("14:00:00.123456"),
        ms: 12.439,
        contact: if answered { Contact::Answered } else { Contact::ProbeTimedOut },
        skip: None,
        detail: (!answered).then(|| "silent after the handshake".to_owned()),
        tls: answered.then(|| TlsFacts {
            version: TlsVersion::Tls12,
            cipher: "ECDHE-RSA-AES128-GCM-SHA256".into(),
            heartbeat_extension: Some(true),
            without_sni: false,
        }),
        certificate: answered.then(|| certificate(spec.0)),
        chain: vec![Sha256::of(b"intermediate")],
        other_keys: answered.then(|| {
            vec![OtherKey { spki_sha256: Sha256::of(b"ecdsa"), certificate: Some(certificate("other")) }]
        }),
        attempts: vec![Attempt {
            extension: Some(HeartbeatExtension::Acknowledged),
            ..Attempt::ended(Contact::Answered)
        }],
        served: None,
        expectations: Vec::new(),
        software: Vec::new(),
        asked: Vec::new(),
        relay: None,
    }
}

fn keys(ids: &[RowId]) -> Vec<KeyAssessment> {
    let endpoint = |row: &RowId, port, serves_now| KeyEndpoint {
        row_id: row.clone(),
        address: Some(if port == 25 { "2001:db8::1" } else { "192.0.2.11" }.parse().expect("an address")),
        port,
        serves_now,
    };
    let key = |name: &[u8], exposure, endpoints| KeyAssessment {
        spki: Sha256::of(name),
        exposure,
        exposed_at: (exposure != KeyExposure::Clean).then(|| at("14:00:00")),
        first_seen: at("00:15:00"),
        last_seen: at("14:00:00"),
        endpoints,
        certificates: vec![certificate("web01.example.test")],
        reissued: Vec::new(),
    };
    vec![
        key(b"key", KeyExposure::Exposed, vec![endpoint(&ids[0], 443, true), endpoint(&ids[1], 25, true)]),
        key(b"left", KeyExposure::Exposed, vec![endpoint(&ids[0], 443, false)]),
        key(b"presumed", KeyExposure::Presumed, vec![endpoint(&ids[1], 25, true)]),
        key(b"ecdsa", KeyExposure::Clean, vec![endpoint(&ids[3], 443, true)]),
    ]
}

fn changes_of(ids: &[RowId]) -> Vec<Change> {
    let change = |i: usize, from, to, code| Change {
        row_id: ids[i].clone(),
        from,
        to,
        code,
        sweep_a: Some(SweepId(1)),
        sweep_b: SweepId(2),
    };
    vec![
        change(1, Some(State::Exposed), State::ClosedKeyAtRisk, None),
        change(2, Some(State::Verified), State::Regressed, Some(Regression::R1)),
        change(3, Some(State::Verified), State::Unknown, None),
        change(4, None, State::NotAffected, None),
    ]
}

fn secrets_of(ids: &[RowId]) -> Vec<Secret> {
    let secret = |id: &str, kind: &str, owner: Option<&str>, services: &[usize]| Secret {
        delivered_through: Vec::new(),
        checks: Vec::new(),
        id: id.to_owned(),
        kind: kind.to_owned(),
        services: services.iter().map(|&i| ids[i].clone()).collect(),
        unresolved: Vec::new(),
        owner: owner.map(str::to_owned),
        location: Some("vault:kv/web".to_owned()),
        issued_at: (kind == "c7").then(|| at("01:00:00")),
        runbook: None,
        implied: false,
        source: None,
    };
    vec![
        secret("web-session-key", "D1", Some("web"), &[0]),
        secret("turn-shared", "c7", None, &[2]),
        secret("=loose", HOSTILE, None, &[]),
    ]
}

fn secret_entry(secret: &Secret) -> SecretAssessment {
    SecretAssessment {
        id: secret.id.clone(),
        state: if secret.kind == "D1" { SecretState::NewIssued } else { SecretState::Identified },
        closed: false,
        in_reach: true,
        last_bad: Some(at("14:00:00")),
        claim: (secret.kind == "D1").then(|| StandingClaim {
            what: "new-issued".to_owned(),
            by: "ana".to_owned(),
            at: at("15:00:00"),
            reference: Some("CHG-13".to_owned()),
            until: None,
        }),
        blocked_by: secret.services.clone(),
        found: SecretFound::default(),
    }
}

fn evidence(services: Vec<Service>, secrets: Vec<Secret>, observations: Vec<Observation>) -> Evidence {
    let claim = |hour: &str, statement| Claim {
        through: Vec::new(),
        import: None,
        repeats: None,
        at: at(hour),
        done_at: None,
        after_sweep: Some(SweepId(2)),
        by: "ana".to_owned(),
        subject: Subject::Secret("web-session-key".to_owned()),
        statement,
        reference: Some("CHG-13".to_owned()),
        note: None,
    };
    let said = |state| Statement::SecretIs { state };
    Evidence {
        incident: Incident {
            name: "incident".to_owned(),
            created_at: at("00:00:00"),
            disclosures: vec!["CVE-2014-0160".to_owned()],
            chain_head: Sha256::of(b"head"),
            evidence_rows: 42,
        },
        sweeps: vec![Sweep {
            origin: None,
            id: SweepId(2),
            started_at: at("13:59:30"),
            finished_at: Some(at("14:00:10")),
            state: SweepState::Finished,
            vantage: "local".into(),
            tool: "0.1.0".to_owned(),
            command_line: "allclear sweep services.csv".to_owned(),
            settings: serde_json::Value::Null,
            inventory: Sha256::of(b"inventory"),
            services: services.len() as u64,
            bad_rows: 0,
            calibrated: Some(true),
        }],
        claims: vec![
            claim("14:30:00", said(SecretState::OldRefused)),
            claim("14:40:00", Statement::Withdraw { facet: None }),
            claim("15:00:00", said(SecretState::NewIssued)),
        ],
        services,
        secrets,
        observations,
        hosts: Vec::new(),
        revocations: Vec::new(),
        checks: Vec::new(),
        tracked: std::collections::BTreeMap::new(),
    }
}
