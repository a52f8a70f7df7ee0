//! What the network shows of secrets, asked after a sweep: which checks are owed, whether they may be made, and what
//! came of them. Whether an old key is gone is judged from the stored facts, not here.
//!
//! Asked are the checks of secrets in reach, after every sweep, so that an old key that comes back is seen as well; and
//! once, early, those of secrets on whose path something is still unknown, since later nobody can tell what was old.
//! Exclusions, a scope file and fragile devices hold for them as for a sweep; a host that the secrets file names beside
//! the inventory is contacted because it stands there.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::task::JoinSet;

use super::{
    judged::Judged,
    plan::{self, is_no_host},
    runtime,
    settings::Settings,
    source, sweep,
};
use crate::{
    clock::Clock,
    error::Error,
    inventory::{
        resolve::Resolver,
        scope::{Scope, is_fragile},
    },
    model::{
        assessment::SecretAssessment,
        check::{CheckKind, Checked},
        facet::State,
        ids::{RowId, SweepId},
        observation::Skip,
        secret::{Secret, SecretState},
        service::{Declared, Service},
        sweep::Evidence,
        wrap::{Transport, Wrap},
    },
    probe::{
        Context,
        fragile::Signatures,
        secret::{self, Place, Question, Seen, dns::Dns},
    },
    remediate,
    store::Store,
};

/// The longest that a round may take; what was not asked then is asked after the next sweep.
const WHOLE: Duration = Duration::from_secs(120);
/// Hosts that are asked at the same time, each one check after the other.
const AT_ONCE: usize = 32;
/// The type of secret that session ticket keys are (REMEDIATION 2).
const TICKET_KEYS: &str = "B2";

/// What a round of checks came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// Checks that are owed; one that several secrets name counts once.
    pub owed: usize,
    /// Of those: answered.
    pub answered: usize,
    /// Of those: not asked, since exclusions, scope or a fragile device hold it back.
    pub held: usize,
    /// Of those: asked, and without an answer that tells.
    pub silent: usize,
    /// Why one of them was held back.
    pub why_held: Option<String>,
    /// Why one of them had no answer.
    pub why_silent: Option<String>,
    /// Why nothing was asked or recorded, where that is a fault. The sweep before it stands all the same.
    pub failed: Option<String>,
}

impl Round {
    /// The round in words; none where nothing was owed.
    pub fn words(&self) -> Option<String> {
        if let Some(why) = &self.failed {
            return Some(format!("What the network shows of secrets could not be asked or recorded: {why}"));
        }
        let because = |why: &Option<String>| why.as_ref().map_or(String::new(), |why| format!(" ({why})"));
        let later = self.owed.saturating_sub(self.answered + self.held + self.silent);
        let mut parts = vec![format!("{} answered", self.answered)];
        if self.held > 0 {
            parts.push(format!("{} not asked{}", self.held, because(&self.why_held)));
        }
        if self.silent > 0 {
            parts.push(format!("{} without an answer{}", self.silent, because(&self.why_silent)));
        }
        if later > 0 {
            parts.push(format!("{later} left for the next sweep (no time)"));
        }
        (self.owed > 0).then(|| {
            let checks = if self.owed == 1 { "check" } else { "checks" };
            format!("Secrets seen from the network: {} {checks}: {}.", self.owed, parts.join(", "))
        })
    }
}

/// Asks what is owed, or what secrets on these services owe, under the settings of the last sweep, and stores the
/// answers.
pub fn after_sweep(incident: &Path, judged: &Judged, rows: Option<&[RowId]>, clock: &Clock) -> Round {
    ask_and_store(incident, judged, rows, clock)
        .unwrap_or_else(|why| Round { failed: Some(why.to_string()), ..Round::default() })
}

fn ask_and_store(
    incident: &Path,
    judged: &Judged,
    rows: Option<&[RowId]>,
    clock: &Clock,
) -> Result<Round, Error> {
    let Some(last) = judged.evidence.sweeps.last() else {
        return Ok(Round::default());
    };
    // Under the settings of this file's own last sweep: those of one that was merged are another machine's.
    let own = judged.evidence.sweeps.iter().rfind(|sweep| sweep.origin.is_none());
    let settings = source::settings_of(own.unwrap_or(last))?;
    let owed = if settings.offline { BTreeMap::new() } else { owed(judged, rows) };
    let mut round = Round { owed: owed.len(), ..Round::default() };
    if owed.is_empty() {
        return Ok(round);
    }
    let runtime = runtime::start()?;
    let began = Instant::now();
    // Resolvers are made inside the runtime that they work on.
    let asker = runtime.block_on(async { Asker::new(&judged.evidence, &settings, clock, last.id) })?;
    let asker = Arc::new(asker);
    let mut groups = by_host(owed).into_iter();
    loop {
        let batch: Vec<Vec<Owed>> = groups.by_ref().take(AT_ONCE).collect();
        let left = WHOLE.saturating_sub(began.elapsed());
        if batch.is_empty() || left.is_zero() {
            break;
        }
        let found = runtime.block_on(asker.all(batch, left));
        // Stored at once: what was answered is kept, whatever happens next.
        let checked: Vec<Checked> = found.iter().flat_map(|(_, checked)| checked.clone()).collect();
        Store::open(incident)?.append_checks(&checked)?;
        for (told, _) in found {
            round.count(told);
        }
    }
    runtime.shutdown_background();
    Ok(round)
}

impl Round {
    fn count(&mut self, told: Told) {
        match told {
            Told::Answered => self.answered += 1,
            Told::Held(why) => {
                self.held += 1;
                self.why_held.get_or_insert(why);
            }
            Told::Silent(why) => {
                self.silent += 1;
                self.why_silent.get_or_insert(why);
            }
        }
    }
}

/// How one check ended.
#[derive(Clone, Debug)]
enum Told {
    Answered,
    Held(String),
    Silent(String),
}

/// One thing to look at: each once, however many secrets name it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Wanted {
    kind: CheckKind,
    target: String,
    /// The service of the inventory that it is, where it is one.
    row: Option<RowId>,
}

/// A thing to look at, and the secrets that wait for it.
type Owed = (Wanted, BTreeSet<String>);

/// The checks that are owed, and for which secrets.
fn owed(judged: &Judged, rows: Option<&[RowId]>) -> BTreeMap<Wanted, BTreeSet<String>> {
    let evidence = &judged.evidence;
    let states = judged.by_row();
    let unknown = |row: &RowId| states.get(row).is_some_and(|service| service.state == State::Unknown);
    let seen: BTreeSet<(&str, CheckKind, &str)> = evidence
        .checks
        .iter()
        .filter(|c| c.seen.is_some())
        .map(|c| (c.secret.as_str(), c.kind, c.target.as_str()))
        .collect();
    let mut all: BTreeMap<Wanted, BTreeSet<String>> = BTreeMap::new();
    for (secret, stands) in evidence.secrets.iter().zip(&judged.assessment.secrets) {
        if rows.is_some_and(|rows| !secret.services.iter().any(|row| rows.contains(row))) {
            continue;
        }
        let due = is_due(stands);
        if !due && !secret.services.iter().any(unknown) {
            continue;
        }
        for wanted in wanted(secret, &evidence.services, &judged.types) {
            let known = seen.contains(&(secret.id.as_str(), wanted.kind, wanted.target.as_str()));
            if due || !known {
                all.entry(wanted).or_default().insert(secret.id.clone());
            }
        }
    }
    all
}

/// Whether a secret's checks are due: it was in reach, and nobody set it aside.
const fn is_due(stands: &SecretAssessment) -> bool {
    let aside =
        matches!(stands.state, SecretState::Waived | SecretState::NotExposed | SecretState::Destroyed);
    stands.in_reach && !aside
}

/// What a secret's row declares, and the tickets of the services whose ticket keys it is.
fn wanted(secret: &Secret, services: &[Service], types: &remediate::Types) -> Vec<Wanted> {
    let declared = secret.checks.iter().map(|check| {
        let place = if check.kind == CheckKind::TicketKey {
            host_and_port(&check.target, default_port(check.kind))
        } else {
            None
        };
        let row = place.and_then(|(host, port)| service_at(services, &host, port)).map(|s| s.row_id.clone());
        Wanted { kind: check.kind, target: check.target.clone(), row }
    });
    let mut all: Vec<Wanted> = declared.collect();
    if types.secret_type(&secret.kind).code == TICKET_KEYS {
        let own = services.iter().filter(|s| secret.services.contains(&s.row_id));
        let speaks = |s: &&Service| s.transport == Transport::Tcp && s.wrap != Wrap::Plain;
        for service in own.filter(speaks) {
            let (kind, row) = (CheckKind::TicketKey, Some(service.row_id.clone()));
            if !all.iter().any(|w| w.kind == kind && w.row == row) {
                all.push(Wanted { kind, target: service.display_port(), row });
            }
        }
    }
    all
}

const fn default_port(kind: CheckKind) -> u16 {
    if matches!(kind, CheckKind::SshHostKey) { 22 } else { 443 }
}

/// The service that a host and port are: by its name, or by one of its declared addresses.
fn service_at<'s>(services: &'s [Service], host: &str, port: u16) -> Option<&'s Service> {
    let address = host.parse::<IpAddr>().ok();
    let is_it = |s: &&Service| match address {
        Some(address) => s.addresses.contains(&address),
        None => s.name.as_deref() == Some(host),
    };
    services.iter().filter(|s| s.port == port && s.transport == Transport::Tcp).find(is_it)
}

/// Host, in lower case and without brackets, and port of `HOST`, `HOST:PORT`, `[V6]:PORT`.
fn host_and_port(target: &str, default: u16) -> Option<(String, u16)> {
    let (host, port) = match target.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            (host, if port.is_empty() { None } else { Some(port.strip_prefix(':')?) })
        }
        None if target.parse::<IpAddr>().is_ok() => (target, None),
        None => target.rsplit_once(':').map_or((target, None), |(host, port)| (host, Some(port))),
    };
    let port = port.map_or(Some(default), |port| port.parse().ok()).filter(|port| *port != 0)?;
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    (!host.is_empty()).then_some((host, port))
}

/// Checks of one host together, so that it is asked one after the other; questions to the resolver one by one.
fn by_host(owed: BTreeMap<Wanted, BTreeSet<String>>) -> Vec<Vec<Owed>> {
    let mut hosts: BTreeMap<String, Vec<Owed>> = BTreeMap::new();
    for (wanted, secrets) in owed {
        let host = match wanted.kind {
            CheckKind::Dkim | CheckKind::Tlsa => None,
            CheckKind::Jwks => secret::read_url(&wanted.target).ok().map(|(host, ..)| host),
            kind @ (CheckKind::TicketKey | CheckKind::SshHostKey) => {
                host_and_port(&wanted.target, default_port(kind)).map(|(host, _)| host)
            }
        };
        let key = host.unwrap_or_else(|| format!("{} {}", wanted.kind, wanted.target));
        hosts.entry(key).or_default().push((wanted, secrets));
    }
    hosts.into_values().collect()
}

/// Makes the checks.
struct Asker {
    context: Context,
    clock: Clock,
    sweep: SweepId,
    dns: Dns,
    resolver: Resolver,
    scope: Scope,
    services: BTreeMap<RowId, Service>,
    /// The services at each address that is known.
    at: BTreeMap<IpAddr, BTreeSet<RowId>>,
    /// Addresses of devices that a probe may hurt.
    fragile: BTreeSet<IpAddr>,
}

impl Asker {
    fn new(evidence: &Evidence, settings: &Settings, clock: &Clock, id: SweepId) -> Result<Self, Error> {
        let signatures = Signatures::built_in().with(&settings.fragile);
        let services: BTreeMap<RowId, Service> =
            evidence.services.iter().map(|s| (s.row_id.clone(), s.clone())).collect();
        let mut at: BTreeMap<IpAddr, BTreeSet<RowId>> = BTreeMap::new();
        let mut fragile = BTreeSet::new();
        let declared = evidence.services.iter().flat_map(|s| s.addresses.iter().map(move |a| (a, &s.row_id)));
        let observed = evidence.observations.iter().filter_map(|o| Some((o.address.as_ref()?, &o.row_id)));
        for (address, row) in declared.chain(observed) {
            at.entry(*address).or_default().insert(row.clone());
            if services.get(row).is_some_and(|service| may_hurt(service, &signatures)) {
                fragile.insert(*address);
            }
        }
        let shown = evidence.observations.iter().filter(|o| o.skip == Some(Skip::Fragile));
        fragile.extend(shown.filter_map(|o| o.address));
        Ok(Self {
            context: sweep::context(settings, clock, id)?,
            clock: clock.clone(),
            sweep: id,
            dns: Dns::new(settings.resolver, settings.probe_timeout),
            resolver: settings.resolver.map_or_else(Resolver::system, Resolver::at),
            scope: plan::scope(&evidence.services, settings)?,
            services,
            at,
            fragile,
        })
    }

    /// Asks groups at the same time and the checks of each in turn, until the time is up.
    async fn all(self: &Arc<Self>, groups: Vec<Vec<Owed>>, time: Duration) -> Vec<(Told, Vec<Checked>)> {
        let deadline = tokio::time::Instant::now() + time;
        let (found_in, mut found_out) = tokio::sync::mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        for group in groups {
            let (asker, out) = (Arc::clone(self), found_in.clone());
            tasks.spawn(async move {
                for (wanted, secrets) in group {
                    let found = asker.one(&wanted, secrets).await;
                    if out.send(found).is_err() {
                        return;
                    }
                }
            });
        }
        drop(found_in);
        let mut all = Vec::new();
        // Ends when every task has ended, or with the time; tasks end with the set.
        while let Ok(Some(found)) = tokio::time::timeout_at(deadline, found_out.recv()).await {
            all.push(found);
        }
        all
    }

    async fn one(&self, wanted: &Wanted, secrets: BTreeSet<String>) -> (Told, Vec<Checked>) {
        let seen = match wanted.kind {
            CheckKind::Dkim => Ok(self.dns.dkim(&wanted.target).await),
            CheckKind::Tlsa => Ok(self.dns.tlsa(&wanted.target).await),
            CheckKind::TicketKey | CheckKind::Jwks | CheckKind::SshHostKey => self.host(wanted).await,
        };
        let named = |why: &str| format!("{} {}: {why}", wanted.kind, wanted.target);
        let (told, seen) = match seen {
            Err(skip) => (Told::Held(named(skip.as_str())), Seen::nothing(format!("not asked: {skip}"))),
            Ok(seen) if seen.seen.is_some() => (Told::Answered, seen),
            Ok(seen) => (Told::Silent(named(seen.detail.as_deref().unwrap_or("no answer"))), seen),
        };
        let at = self.clock.now();
        let checked = secrets.into_iter().map(|secret| Checked {
            at,
            after_sweep: Some(self.sweep),
            secret,
            kind: wanted.kind,
            target: wanted.target.clone(),
            seen: seen.seen.clone(),
            detail: seen.detail.clone(),
        });
        (told, checked.collect())
    }

    /// Asks a host, unless it is to be left alone.
    async fn host(&self, wanted: &Wanted) -> Result<Seen, Skip> {
        let read = match wanted.kind {
            CheckKind::Jwks => secret::read_url(&wanted.target),
            kind => host_and_port(&wanted.target, default_port(kind))
                .map(|(host, port)| {
                    let ticket = kind == CheckKind::TicketKey;
                    (host, port, if ticket { Question::TicketKey } else { Question::SshHostKey })
                })
                .ok_or("its target is no HOST:PORT"),
        };
        let (host, port, question) = match read {
            Ok(read) => read,
            Err(why) => return Ok(Seen::nothing(why)),
        };
        let service = wanted.row.as_ref().and_then(|row| self.services.get(row)).cloned();
        let service = service.unwrap_or_else(|| self.stranger(&host, port));
        if let Some(skip @ Skip::Excluded) = self.scope.decide(&service, None) {
            return Err(skip); // its name is not even looked up
        }
        let addresses = match self.addresses(&service, &host).await {
            Ok(addresses) => addresses,
            Err(why) => return Ok(Seen::nothing(why)),
        };
        if let Some(skip) = addresses.iter().find_map(|address| self.held(&service, *address)) {
            return Err(skip);
        }
        let name = match question {
            Question::TicketKey => service.sni_to_send().map(str::to_owned),
            _ => service.name.as_deref().map(str::to_owned),
        };
        let addresses = addresses.into_iter().map(|address| SocketAddr::new(address, port)).collect();
        Ok(secret::ask(&question, &Place { addresses, name, wrap: service.wrap }, &self.context).await)
    }

    /// A host that is no service of the inventory at this port; its addresses are those of the inventory where it is
    /// one at another port.
    fn stranger(&self, host: &str, port: u16) -> Service {
        let address = host.parse::<IpAddr>().ok();
        let named = |s: &&Service| s.name.as_deref() == Some(host) && !s.addresses.is_empty();
        let known = self.services.values().find(named).map(|s| s.addresses.clone());
        let wrap = Wrap::for_port(port);
        Service {
            row_id: RowId::declared("check"),
            name: address.is_none().then(|| Arc::from(host)),
            addresses: address.map_or_else(|| known.unwrap_or_default(), |address| Box::from([address])),
            port,
            transport: Transport::Tcp,
            wrap,
            wrap_declared: false,
            sni: None,
            id_declared: false,
            declared: Arc::new(Declared::default()),
            sources: Arc::from([]),
        }
    }

    async fn addresses(&self, service: &Service, host: &str) -> Result<Vec<IpAddr>, String> {
        if !service.addresses.is_empty() {
            return Ok(service.addresses.to_vec());
        }
        let answer = self.resolver.answer(service.name.as_deref().unwrap_or(host)).await;
        let answer = answer.map_err(|why| why.to_string())?;
        match answer.incomplete {
            // An address that is not known may be the one that still shows the old key.
            Some(why) => Err(format!("not all of its addresses are known: {why}")),
            None => Ok(answer.addresses),
        }
    }

    /// Why an address is left alone, by its own rules and those of the services that are there.
    fn held(&self, service: &Service, address: IpAddr) -> Option<Skip> {
        if is_no_host(address) {
            return Some(Skip::OutOfScope);
        }
        if let Some(skip) = self.scope.decide(service, Some(address)) {
            return Some(skip);
        }
        if self.fragile.contains(&address) {
            return Some(Skip::Fragile);
        }
        let there = self.at.get(&address).into_iter().flatten().filter_map(|row| self.services.get(row));
        let mut skips = there.map(|s| self.scope.decide(s, Some(address))).peekable();
        skips.peek()?;
        // An address all of whose services are left alone is left alone.
        skips.reduce(std::option::Option::and).flatten()
    }
}

/// Whether a device is fragile by the inventory's word or by a tag; its plain `no` outranks the tag.
fn may_hurt(service: &Service, signatures: &Signatures) -> bool {
    let declared = &service.declared;
    let tagged = signatures.matches(None, None, &declared.tags, None).is_some();
    is_fragile(service) || (declared.fragile != Some(false) && tagged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_hosts_and_ports() {
        let table = [
            ("Web01.Example.test:8443", Some(("web01.example.test", 8443))),
            ("web01", Some(("web01", 443))),
            ("192.0.2.1:22", Some(("192.0.2.1", 22))),
            ("[2001:db8::1]:22", Some(("2001:db8::1", 22))),
            ("[2001:db8::1]", Some(("2001:db8::1", 443))),
            ("2001:db8::1", Some(("2001:db8::1", 443))),
            ("web01:0", None),
            ("web01:ssh", None),
            ("web01:99999", None),
            (":22", None),
            ("[::1", None),
        ];
        for (text, expected) in table {
            let got = host_and_port(text, 443);
            assert_eq!(got.as_ref().map(|(h, p)| (h.as_str(), *p)), expected, "{text}");
        }
    }

    #[test]
    fn a_round_says_what_came_of_each() {
        let mut round = Round { owed: 5, ..Round::default() };
        assert_eq!(Round::default().words(), None);
        for _ in 0..3 {
            round.count(Told::Answered);
        }
        round.count(Told::Held("ssh-host-key web02:22: excluded".to_owned()));
        round.count(Told::Silent("jwks https://id.test/: status 503".to_owned()));
        assert_eq!(
            round.words().unwrap(),
            "Secrets seen from the network: 5 checks: 3 answered, 1 not asked (ssh-host-key web02:22: excluded), \
             1 without an answer (jwks https://id.test/: status 503)."
        );
        let short = Round { owed: 3, answered: 1, ..Round::default() };
        assert!(short.words().unwrap().ends_with("1 answered, 2 left for the next sweep (no time)."));
    }
}
