//! What must hold for any history whatever, and small histories to try it on.
//!
//! Used by the fuzz target and by the tests. Nothing here takes part in judging.

use std::{net::IpAddr, net::Ipv4Addr, sync::Arc};

use crate::model::{
    assessment::{Assessment, ServiceAssessment},
    check::{CheckKind, Checked},
    claim::{Claim, Justification, Statement, Subject, TestOutcome},
    disclosure::{Disclosure, Owed},
    facet::{FacetKind, FacetValue, Regression, State},
    ids::{RowId, Sha256, SweepId},
    observation::{
        Answer, Attempt, Certificate, Contact, HeartbeatExtension, Observation, OtherKey, TlsFacts,
        TlsVersion,
    },
    policy::{Policy, Presume},
    secret::{Secret, SecretState},
    service::{Declared, Service},
    sweep::{Evidence, Incident},
    time::Timestamp,
    verdict::Verdict,
    wrap::{Transport, Wrap},
};

use super::assess;

const HOUR: i64 = 3600;
/// 2014-04-07T00:00:00Z, when Heartbleed became public.
const DISCLOSED: i64 = 1_396_828_800;

/// How a made-up look comes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shows {
    Bad,
    Clean,
    Tls13,
    NotTls,
    Odd,
    Refused,
    NoName,
}

impl Shows {
    const ALL: [Self; 7] =
        [Self::Bad, Self::Clean, Self::Tls13, Self::NotTls, Self::Odd, Self::Refused, Self::NoName];

    /// The contact and the attempt behind it.
    fn raw(self) -> (Contact, Option<Attempt>) {
        let mut asked = Attempt::ended(Contact::Answered);
        asked.version = Some(TlsVersion::Tls12);
        asked.extension = Some(HeartbeatExtension::Acknowledged);
        asked.malformed = Some(Answer::Silent);
        asked.control = Some(Answer::Echoed);
        match self {
            Self::Bad => asked.malformed = Some(Answer::Echoed),
            Self::Clean => {}
            Self::Tls13 => {
                asked = Attempt::ended(Contact::Answered);
                asked.version = Some(TlsVersion::Tls13);
            }
            Self::NotTls => return (Contact::NotTls, None),
            Self::Odd => return (Contact::ProbeTimedOut, None),
            Self::Refused => return (Contact::Refused, None),
            Self::NoName => return (Contact::DnsFailed, None),
        }
        (Contact::Answered, Some(asked))
    }
}

/// A made-up history. Each step is a minute after the last, each sweep an hour after the last step.
#[derive(Clone, Debug)]
pub(super) struct History {
    pub(super) evidence: Evidence,
    pub(super) now: Timestamp,
    sweep: u32,
}

impl History {
    /// Services `a`, `b`, ... and nothing seen.
    pub(super) fn new(services: usize) -> Self {
        let names = (b'a'..=b'z').take(services);
        Self {
            evidence: Evidence {
                incident: Incident {
                    name: "made-up".into(),
                    created_at: Timestamp::from_seconds(DISCLOSED),
                    disclosures: vec!["CVE-2014-0160".into()],
                    chain_head: Sha256::of(b""),
                    evidence_rows: 0,
                },
                services: names.map(|n| service(&char::from(n).to_string())).collect(),
                secrets: Vec::new(),
                sweeps: Vec::new(),
                observations: Vec::new(),
                claims: Vec::new(),
                hosts: Vec::new(),
                revocations: Vec::new(),
                checks: Vec::new(),
                tracked: std::collections::BTreeMap::new(),
            },
            now: Timestamp::from_seconds(DISCLOSED + 24 * HOUR),
            sweep: 0,
        }
    }

    fn tick(&mut self, seconds: i64) {
        self.now = self.now.plus_seconds(seconds);
    }

    /// Goes on to a sweep; never back.
    pub(super) fn sweep(&mut self, number: u32) {
        if number > self.sweep {
            self.sweep = number;
            self.tick(HOUR);
        }
    }

    /// One look in the present sweep. `keys`: the main one, then others; `asked`: whether the others
    /// were asked for.
    pub(super) fn look(&mut self, row: &str, address: u8, shows: Shows, keys: &[&str], asked: bool) {
        self.tick(60);
        let (contact, attempt) = shows.raw();
        let tls = matches!(contact, Contact::Answered);
        let visible = if tls { keys } else { &[] };
        let others = visible.iter().skip(1).map(|key| OtherKey {
            spki_sha256: Sha256::of(key.as_bytes()),
            certificate: Some(certificate(key, 1)),
        });
        self.evidence.observations.push(Observation {
            sweep: SweepId(self.sweep),
            row_id: RowId::declared(row),
            name: None,
            address: (shows != Shows::NoName).then(|| IpAddr::V4(Ipv4Addr::new(192, 0, 2, address))),
            port: 443,
            transport: Transport::Tcp,
            wrap: Wrap::Tls,
            sni: None,
            vantage: Arc::from("local"),
            at: self.now,
            ms: 1.0,
            contact,
            skip: None,
            detail: None,
            tls: tls.then(|| TlsFacts {
                version: TlsVersion::Tls12,
                cipher: Arc::from("AES128-SHA"),
                heartbeat_extension: Some(true),
                without_sni: false,
            }),
            certificate: visible.first().map(|key| certificate(key, 1)),
            chain: Vec::new(),
            other_keys: asked.then(|| others.collect()),
            attempts: attempt.into_iter().collect(),
            served: None,
            expectations: Vec::new(),
            software: Vec::new(),
            asked: Vec::new(),
            relay: None,
        });
    }

    /// One claim, now. With a reference it is E1.
    pub(super) fn say(&mut self, subject: Subject, statement: Statement, reference: bool) {
        self.tick(60);
        self.evidence.claims.push(Claim {
            through: Vec::new(),
            import: None,
            repeats: None,
            at: self.now,
            done_at: None,
            after_sweep: (self.sweep > 0).then_some(SweepId(self.sweep)),
            by: "someone".into(),
            subject,
            statement,
            reference: reference.then(|| "CHG-1".into()),
            note: None,
        });
    }

    /// One check of what the network shows of a secret, now; `None`: it could not be seen.
    pub(super) fn shows(&mut self, secret: &str, kind: CheckKind, target: &str, seen: Option<&[&str]>) {
        self.tick(60);
        self.evidence.checks.push(Checked {
            at: self.now,
            after_sweep: (self.sweep > 0).then_some(SweepId(self.sweep)),
            secret: secret.into(),
            kind,
            target: target.into(),
            seen: seen.map(|ids| ids.iter().map(|id| (*id).to_owned()).collect()),
            detail: None,
        });
    }

    /// The verdict on all of it, a minute later.
    pub(super) fn assess(&self, policy: &Policy) -> Assessment {
        assess(&self.evidence, &heartbleed(), policy, self.now.plus_seconds(60))
    }
}

/// The disclosure of made-up histories.
pub(super) fn heartbleed() -> Disclosure {
    let mut heartbleed = Disclosure::named("CVE-2014-0160", "Heartbleed", Timestamp::from_seconds(DISCLOSED));
    heartbleed.rotate.keys = Owed::Yes;
    heartbleed.rotate.secrets = Owed::Yes;
    heartbleed
}

/// A certificate on a key. The name of the key says how old it is: one that begins with `old` was
/// issued before the disclosure. `serial` tells certificates on one key apart.
pub(super) fn certificate(key: &str, serial: u32) -> Certificate {
    let age = if key.starts_with("old") { -24 } else { 1 };
    Certificate {
        sha256: Sha256::of(format!("{key}/{serial}").as_bytes()),
        spki_sha256: Some(Sha256::of(key.as_bytes())),
        serial: Some(format!("0x{serial:x}")),
        subject: None,
        issuer: None,
        not_before: Some(Timestamp::from_seconds(DISCLOSED + age * HOUR)),
        not_after: Some(Timestamp::from_seconds(DISCLOSED + 9000 * HOUR)),
        names: Vec::new(),
        details: None,
    }
}

fn service(row: &str) -> Service {
    Service {
        row_id: RowId::declared(row),
        name: Some(Arc::from(row)),
        addresses: Box::new([]),
        port: 443,
        transport: Transport::Tcp,
        wrap: Wrap::Tls,
        wrap_declared: false,
        sni: None,
        id_declared: true,
        declared: Arc::new(Declared::default()),
        sources: Arc::from([]),
    }
}

/// A secret that services hold.
pub(super) fn secret(id: &str, rows: &[&str], implied: bool) -> Secret {
    Secret {
        delivered_through: Vec::new(),
        checks: Vec::new(),
        id: id.into(),
        kind: "C1".into(),
        services: rows.iter().map(|r| RowId::declared(r)).collect(),
        unresolved: Vec::new(),
        owner: None,
        location: None,
        issued_at: None,
        runbook: None,
        implied,
        source: None,
    }
}

/// Builds a small history out of bytes, assesses it, and checks what must hold for any history.
///
/// # Panics
///
/// When an invariant does not hold: that is what a fuzzer looks for.
pub fn fuzz(data: &[u8]) {
    let Some((settings, steps)) = data.split_first() else {
        return;
    };
    let policy = Policy {
        presume: [Presume::Dated, Presume::All, Presume::None][usize::from(settings % 3)],
        ..Policy::default()
    };
    let mut history = History::new(3);
    history.evidence.secrets = vec![secret("s-one", &["a", "b"], false), secret("s-two", &["c"], true)];
    history.evidence.secrets[0].delivered_through = vec![RowId::declared("c")];
    history.sweep(1);
    for step in steps.chunks_exact(3).take(40) {
        if let [kind, what, with] = *step {
            take_step(&mut history, kind, what, with);
        }
    }
    check(&history, &policy);
}

fn take_step(history: &mut History, kind: u8, what: u8, with: u8) {
    const ROWS: [&str; 3] = ["a", "b", "c"];
    const KEYS: [&str; 4] = ["K1", "K2", "K3", "old1"];
    let row = ROWS[usize::from(kind >> 4) % 3];
    let facet = FacetKind::ALL[usize::from(with) % FacetKind::ALL.len()];
    let subject = || {
        if what & 64 == 0 { Subject::Service(RowId::declared(row)) } else { Subject::Secret("s-one".into()) }
    };
    match kind % 8 {
        0 => history.sweep(history.sweep + 1),
        1..=5 => {
            let keys = [KEYS[usize::from(with) % 4], KEYS[usize::from(with >> 2) % 4]];
            let used = 1 + usize::from(with >> 7);
            let shows = Shows::ALL[usize::from(what) % 7];
            history.look(row, 1 + (what >> 5) % 3, shows, &keys[..used], with & 64 != 0);
        }
        _ => {
            let until = history.now.plus_seconds(i64::from(with) * 60);
            if what % 11 > 7 {
                return about_a_secret(history, what, with);
            }
            let statement = match what % 11 {
                0 | 1 => Statement::FacetDone { facet },
                2 => Statement::SecretIs {
                    state: SecretState::ALL[usize::from(with) % SecretState::ALL.len()],
                },
                3 => Statement::NotAffected { justification: Justification::ComponentNotPresent },
                4 => Statement::Waive { facet: Some(facet).filter(|_| with & 128 == 0), until },
                5 => Statement::Decommissioned { address: None },
                6 => Statement::Decommissioned {
                    address: Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1 + with % 3))),
                },
                _ => Statement::Withdraw { facet: Some(facet).filter(|_| with & 128 == 0) },
            };
            history.say(subject(), statement, with & 32 != 0);
        }
    }
}

/// A try, a count or a check.
fn about_a_secret(history: &mut History, what: u8, with: u8) {
    const SEEN: [Option<&[&str]>; 4] = [None, Some(&[]), Some(&["id1"]), Some(&["id2"])];
    let id = if what & 64 == 0 { "s-one" } else { "s-two" };
    let statement = match what % 11 {
        8 => Statement::NegativeTest {
            outcome: TestOutcome::ALL[usize::from(with) % TestOutcome::ALL.len()],
            exit: Some(i32::from(with)),
            control: (with & 128 != 0).then_some(true),
            named: with & 16 != 0,
            ms: 1,
        },
        9 => Statement::StillActive {
            count: u64::from(with & 1),
            issued_before: history.now.plus_seconds(-60 * i64::from(with)),
        },
        _ => {
            let kind = CheckKind::ALL[usize::from(with) % CheckKind::ALL.len()];
            let target = if with & 64 == 0 { "here" } else { "there" };
            return history.shows(id, kind, target, SEEN[usize::from(with >> 3) % 4]);
        }
    };
    history.say(Subject::Secret(id.into()), statement, with & 32 != 0);
}

/// Checks what must hold for any history.
///
/// # Panics
///
/// When it does not.
pub(super) fn check(history: &History, policy: &Policy) {
    let assessment = history.assess(policy);
    let rows = |a: &Assessment| a.services.iter().map(|s| s.row_id.clone()).collect::<Vec<_>>();
    let declared: Vec<RowId> = history.evidence.services.iter().map(|s| s.row_id.clone()).collect();
    assert_eq!(rows(&assessment), declared, "N services in, N rows out: {history:?}");
    for service in &assessment.services {
        observation_beats_claim(history, service);
        verified_means_seen(history, service);
        a_later_bad_look_is_a_regression(history, policy, service);
    }
    for number in 0..history.evidence.secrets.len() {
        an_accepted_try_opens(history, policy, number);
    }
    words_alone_verify_nothing(history, policy, &assessment);
}

/// Whatever was said, waived or seen before: once the old value of a secret in reach is accepted, nothing that holds it is
/// done with its secrets.
fn an_accepted_try_opens(history: &History, policy: &Policy, number: usize) {
    let mut later = history.clone();
    let secret = history.evidence.secrets[number].clone();
    let outcome = TestOutcome::Accepted;
    let test = Statement::NegativeTest { outcome, exit: Some(0), control: None, named: false, ms: 1 };
    later.say(Subject::Secret(secret.id.clone()), test, true);
    let after = later.assess(policy);
    let entry = &after.secrets[number];
    if !entry.in_reach {
        return;
    }
    assert!(!entry.closed, "accepted and closed: {entry:?} {history:?}");
    for service in after.services.iter().filter(|s| secret.services.contains(&s.row_id)) {
        let value = service.facets.secrets.value;
        let done = matches!(value, FacetValue::Done | FacetValue::NotApplicable);
        assert!(!done && service.state != State::Verified, "accepted and done: {service:?} {history:?}");
        assert_eq!(
            service.regressions.contains(&Regression::R5),
            matches!(value, FacetValue::Regressed | FacetValue::Contradicted),
            "{service:?}"
        );
    }
}

const fn is_red(state: State) -> bool {
    matches!(state, State::Regressed | State::Contradicted | State::Exposed)
}

/// The last looks of the latest sweep that covered a service, one an address.
fn last_looks(history: &History, row: &RowId) -> Vec<Verdict> {
    let own: Vec<&Observation> = history.evidence.observations.iter().filter(|o| o.row_id == *row).collect();
    let latest = own.iter().map(|o| o.sweep).max();
    let mut last: std::collections::BTreeMap<Option<IpAddr>, &Observation> =
        std::collections::BTreeMap::new();
    for look in own.into_iter().filter(|o| Some(o.sweep) == latest) {
        // A name that resolved after it had not is no longer without an address, and the other way round.
        if look.address.is_some() {
            last.remove(&None);
        } else {
            last.clear();
        }
        last.insert(look.address, look);
    }
    last.into_values().map(|look| super::judge(look, &heartbleed()).verdict).collect()
}

fn observation_beats_claim(history: &History, service: &ServiceAssessment) {
    let last = last_looks(history, &service.row_id);
    if last.contains(&Verdict::Vulnerable) {
        assert!(is_red(service.state), "a red last look is hidden: {service:?} {history:?}");
    }
    let claims = &history.evidence.claims;
    let silent = claims.iter().all(|c| c.subject != Subject::Service(service.row_id.clone()));
    if silent && (last.is_empty() || last.iter().any(|v| !v.is_clean())) {
        assert!(
            is_red(service.state) || service.state == State::Unknown,
            "unknown reads as clean: {service:?} {history:?}"
        );
    }
}

fn verified_means_seen(history: &History, service: &ServiceAssessment) {
    if service.state == State::Verified {
        let last = last_looks(history, &service.row_id);
        // An address that was said to be gone may stay unreachable.
        let gone = |c: &Claim| matches!(c.statement, Statement::Decommissioned { .. });
        let excused = |v: &Verdict| *v == Verdict::Unreachable && history.evidence.claims.iter().any(gone);
        let clean = !last.is_empty() && last.iter().all(|v| v.is_clean() || excused(v));
        assert!(clean, "verified and not clean: {service:?} {history:?}");
        assert_eq!(service.facets.verified.value, FacetValue::Done, "{service:?}");
    }
}

fn a_later_bad_look_is_a_regression(history: &History, policy: &Policy, service: &ServiceAssessment) {
    let last = last_looks(history, &service.row_id);
    let closed = service.facets.restarted.value == FacetValue::Done;
    let verified = service.state == State::Verified;
    if !(closed || verified) || last.is_empty() {
        return;
    }
    let mut later = history.clone();
    later.sweep(history.sweep + 1);
    later.look(service.row_id.as_str(), 1, Shows::Bad, &["K9"], false);
    let after = later.assess(policy);
    let state = after.services.iter().find(|s| s.row_id == service.row_id).map(|s| s.state);
    if closed {
        assert_eq!(state, Some(State::Regressed), "closed, then bad: {service:?} {history:?}");
    }
    assert!(state.is_some_and(is_red), "verified, then bad: {service:?} {history:?}");
}

fn words_alone_verify_nothing(history: &History, policy: &Policy, before: &Assessment) {
    let mut talk = history.clone();
    for service in &before.services {
        for address in 1..=3 {
            let address = Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, address)));
            let subject = Subject::Service(service.row_id.clone());
            talk.say(subject, Statement::Decommissioned { address }, true);
        }
        for facet in FacetKind::ALL {
            let subject = Subject::Service(service.row_id.clone());
            talk.say(subject, Statement::FacetDone { facet: *facet }, true);
            // Backdated to the disclosure, which must not help either.
            if let Some(claim) = talk.evidence.claims.last_mut() {
                claim.done_at = Some(Timestamp::from_seconds(DISCLOSED));
            }
        }
    }
    for secret in &history.evidence.secrets {
        let state = SecretState::Verified;
        talk.say(Subject::Secret(secret.id.clone()), Statement::SecretIs { state }, true);
        // A try is about the secret alone: it verifies no service either.
        let outcome = TestOutcome::Refused;
        let test =
            Statement::NegativeTest { outcome, exit: Some(1), control: Some(true), named: true, ms: 1 };
        talk.say(Subject::Secret(secret.id.clone()), test, true);
    }
    let after = talk.assess(policy);
    for (was, is) in before.services.iter().zip(&after.services) {
        let gained = is.state == State::Verified && was.facets.verified.value != FacetValue::Done;
        assert!(!gained, "verified by words: {was:?} {is:?} {history:?}");
    }
}
