//! The stage: peers on loopback, the clock and the incident file of one scenario, and its steps in turn.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::atomic::{AtomicU8, Ordering},
    time::Duration,
};

use super::{
    compare,
    scenario::{Amount, Attest, Become, Dns, Kind, Scenario, Step, Sweep},
};
use crate::{
    clock::Clock,
    drill::peer::{self, Face, Identity, Peer},
    inventory::resolve::Resolver,
    model::{claim::Statement, loading::Loaded, text::printable},
    pipeline::{
        claims::{self, Word},
        hosts,
        judged::{self, Choice, Judged},
        record::{Counts, Progress},
        runtime,
        select::Selection,
        session::Session,
        settings::{Resolve, Settings},
        source::{self, Input, Options},
        sweep::Sinks,
    },
};

const HOUR: i64 = 3_600;
/// Limits of a sweep here: long enough for a busy machine, since a peer on loopback that means to answer does so.
const PATIENCE: Duration = Duration::from_millis(1_500);

struct Silent;

impl Progress for Silent {
    fn update(&self, _: &Counts, _: u64, _: Duration) {}
    fn note(&self, _: &str) {}
}

/// An endpoint: what it shows, and the peer that listens, where one does.
struct Endpoint {
    address: SocketAddr,
    kind: Kind,
    certificate: Option<String>,
    peer: Option<Peer>,
}

struct Stage<'s> {
    scenario: &'s Scenario,
    network: [u8; 3],
    runtime: tokio::runtime::Runtime,
    clock: Clock,
    identities: BTreeMap<&'s str, Identity>,
    endpoints: BTreeMap<&'s str, Endpoint>,
    dns: Dns,
    loaded: Loaded,
    folder: tempfile::TempDir,
}

/// Plays the scenario to its end; the error has every difference of the first step that has any.
pub(super) fn play(scenario: &Scenario) -> Result<(), String> {
    let mut stage = Stage::set(scenario).map_err(|why| format!("{}:1: {why}", scenario.file))?;
    for (number, step) in scenario.steps.iter().enumerate() {
        let name = format!("step {} ({})", number + 1, step.say.get_ref());
        let differences =
            stage.step(step, &name).map_err(|why| format!("{}: {name}: {why}", scenario.place(&step.say)))?;
        if !differences.is_empty() {
            return Err(differences);
        }
    }
    Ok(())
}

/// A network of its own for every stage of this process; other processes are kept apart by trying the next.
fn networks() -> impl Iterator<Item = [u8; 3]> {
    static NEXT: AtomicU8 = AtomicU8::new(0);
    let own = NEXT.fetch_add(1, Ordering::Relaxed);
    let process = u8::try_from(std::process::id() % 100).unwrap_or(0);
    (0..100_u8).map(move |n| [127, 110 + (process + n) % 100, own])
}

impl<'s> Stage<'s> {
    fn set(scenario: &'s Scenario) -> Result<Self, String> {
        let runtime = runtime::start().map_err(|e| e.to_string())?;
        let identities = identities(scenario)?;
        let mut failure = String::new();
        for network in networks() {
            match runtime.block_on(endpoints(scenario, network, &identities)) {
                Ok(endpoints) => {
                    let loaded = load(scenario, network)?;
                    return Ok(Self {
                        scenario,
                        network,
                        runtime,
                        clock: Clock::simulated(scenario.start),
                        identities,
                        endpoints,
                        dns: Dns::Up,
                        loaded,
                        folder: tempfile::tempdir().map_err(|e| e.to_string())?,
                    });
                }
                Err(why) => failure = why,
            }
        }
        Err(failure)
    }

    fn incident(&self) -> PathBuf {
        self.folder.path().join("incident.db")
    }

    /// Does what a step says and compares; the text has one line a difference.
    fn step(&mut self, step: &Step, name: &str) -> Result<String, String> {
        self.clock.advance(step.advance * HOUR);
        for change in &step.changes {
            self.change(change)?;
        }
        self.dns = step.dns.unwrap_or(self.dns);
        for id in &step.host {
            self.take_in(id)?;
        }
        for word in &step.attest {
            self.attest(word)?;
        }
        if let Some(how) = step.sweep {
            self.sweep(how)?;
        }
        self.clock.advance(1);
        let mut told = self.wire(step, name);
        let judged = judged::load(&self.incident(), &self.choice(), self.clock.now());
        let judged = judged.map_err(|e| e.to_string())?;
        told.push_str(&compare::step(self.scenario, step, name, self.network, &judged)?);
        Ok(told)
    }

    fn choice(&self) -> Choice {
        Choice { policy: Some(self.scenario.policy.clone()), ..Choice::default() }
    }

    fn change(&mut self, change: &Become) -> Result<(), String> {
        let endpoint = self.endpoints.get_mut(change.peer.as_str());
        let endpoint = endpoint.ok_or_else(|| format!("no peer stands at `{}`", change.peer))?;
        endpoint.kind = change.behaviour.unwrap_or(endpoint.kind);
        if let Some(id) = &change.certificate {
            endpoint.certificate = Some(id.clone());
        }
        match face(endpoint, &self.identities)? {
            None => {
                if let Some(peer) = endpoint.peer.take() {
                    self.runtime.block_on(peer.stop());
                }
            }
            Some(face) => {
                if let Some(peer) = &endpoint.peer {
                    peer.set(face);
                } else {
                    let peer = self.runtime.block_on(Peer::start(endpoint.address, face));
                    endpoint.peer = Some(peer.map_err(|e| format!("{}: {e}", endpoint.address))?);
                }
            }
        }
        Ok(())
    }

    fn take_in(&self, id: &str) -> Result<(), String> {
        let host = self.scenario.hosts.iter().find(|h| h.id == id);
        let host = host.ok_or_else(|| format!("no host document is called `{id}`"))?;
        let text = filled(&host.document, self.network).replace("{now}", &self.clock.now().to_string());
        let input = hosts::Input { name: format!("{id}.jsonl"), text: text.into_bytes() };
        let taken = hosts::import(&self.incident(), &[input], hosts::Name::Said, None, true, &self.clock);
        let taken = taken.map_err(|e| e.to_string())?;
        let gaps = taken.taken.iter().flat_map(|t| &t.document.header.coverage.gaps);
        let unread: Vec<String> = gaps
            .filter(|gap| gap.part == crate::model::host::Part::Document)
            .map(|gap| format!("{} {:?}", gap.what, gap.examples))
            .collect();
        match (taken.bad.first(), unread.is_empty()) {
            (Some(bad), _) => Err(bad.clone()),
            (None, false) => Err(format!("host document `{id}`: {}", unread.join("; "))),
            (None, true) => Ok(()),
        }
    }

    fn attest(&self, word: &Attest) -> Result<(), String> {
        let statements = [
            word.facet
                .filter(|_| !word.withdraw && word.waive_hours.is_none())
                .map(|facet| Statement::FacetDone { facet }),
            word.state.map(|state| Statement::SecretIs { state }),
            word.not_affected.map(|justification| Statement::NotAffected { justification }),
            word.waive_hours.map(|hours| Statement::Waive {
                facet: word.facet,
                until: self.clock.now().plus_seconds(hours * HOUR),
            }),
            word.withdraw.then_some(Statement::Withdraw { facet: word.facet }),
        ];
        let mut statements = statements.into_iter().flatten();
        let (Some(statement), None) = (statements.next(), statements.next()) else {
            return Err("a word under `attest` says nothing, or two things".to_owned());
        };
        let recorded = Word {
            through: Vec::new(),
            selection: Selection { services: word.service.clone(), ..Selection::default() },
            secrets: word.secret.clone(),
            statement,
            by: "owner".to_owned(),
            done_at: None,
            reference: word.reference.clone(),
            note: None,
        };
        let claims = claims::record(&self.incident(), &recorded, &self.choice(), &self.clock);
        claims.map(|_| ()).map_err(|e| e.to_string())
    }

    fn sweep(&mut self, how: Sweep) -> Result<(), String> {
        let settings = Settings {
            rate: 0,
            timeout: PATIENCE,
            probe_timeout: PATIENCE,
            policy: self.scenario.policy.clone(),
            vantage: "replay".into(),
            resolve: if how == Sweep::Last { Resolve::Last } else { Resolve::Live },
            offline: true,
            trust: peer::authority_pem().map(|pem| ("the stage's".to_owned(), pem)),
            ..Settings::default()
        };
        let session =
            Session::begin(&self.incident(), None, &self.loaded, settings, "allclear sweep", &self.clock);
        let session = session.map_err(|e| e.to_string())?.resolving_with(self.resolver());
        let (_go, stop) = tokio::sync::watch::channel(false);
        let outcome = session
            .run(&self.clock, Sinks { jsonl: None, progress: &Silent, stop })
            .map_err(|e| e.to_string())?;
        if outcome.interrupted { Err("the sweep was interrupted".to_owned()) } else { Ok(()) }
    }

    /// The name server of the scenario: all its names, or nobody who answers.
    fn resolver(&self) -> Resolver {
        if self.dns == Dns::Down {
            // A port on which nothing listens, on an address of the stage's own.
            let nobody = Ipv4Addr::from([127, self.network[1], self.network[2], 254]);
            return Resolver::with_server(SocketAddr::from((nobody, 5353)));
        }
        let mut hosts = String::new();
        for (name, numbers) in &self.scenario.names {
            for number in numbers {
                let _ = writeln!(hosts, "{} {name}", address(self.network, *number));
            }
        }
        Resolver::offline(hosts.as_bytes())
    }

    /// What was sent to peers, against what is expected.
    fn wire(&self, step: &Step, name: &str) -> String {
        let mut told = String::new();
        for wire in &step.wire {
            let place = self.scenario.place(&step.say);
            let Some(peer) = self.endpoints.get(wire.peer.as_str()).and_then(|e| e.peer.as_ref()) else {
                let _ = writeln!(told, "{place}: {name}: {}: nothing listens there", wire.peer);
                continue;
            };
            let beats = peer
                .received()
                .iter()
                .filter(|r| matches!(r.content, peer::Content::Heartbeat { .. }))
                .count();
            let beats_fit = match wire.heartbeats {
                Amount::None => beats == 0,
                Amount::Some => beats > 0,
            };
            if !beats_fit {
                let wanted = if wire.heartbeats == Amount::None { "no heartbeat" } else { "heartbeats" };
                let _ =
                    writeln!(told, "{place}: {name}: {}: expected {wanted}, found {beats} sent", wire.peer);
            }
            let connections = peer.connections();
            if let Some(most) = wire.connections.filter(|most| connections > *most) {
                let _ = writeln!(
                    told,
                    "{place}: {name}: {}: expected at most {most} connections, found {connections}",
                    wire.peer
                );
            }
        }
        told
    }
}

/// The address with this last number.
pub(super) fn address([a, b, c]: [u8; 3], number: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(a, b, c, number))
}

fn filled(text: &str, [a, b, c]: [u8; 3]) -> String {
    text.replace("{net}", &format!("{a}.{b}.{c}"))
}

fn identities(scenario: &Scenario) -> Result<BTreeMap<&str, Identity>, String> {
    let mut keys: BTreeMap<&str, Identity> = BTreeMap::new();
    let mut all = BTreeMap::new();
    for (serial, certificate) in (0x2014_0407_u64..).zip(&scenario.certificates) {
        let names: Vec<&str> = certificate.names.iter().map(String::as_str).collect();
        let subject = names.first().copied().unwrap_or("replay.test");
        let key = keys.get(certificate.key.as_str());
        let identity = Identity::issue(key, subject, &names, certificate.from, certificate.until, serial);
        let identity = identity.map_err(|e| format!("certificate `{}`: {e}", certificate.id))?;
        keys.entry(&certificate.key).or_insert_with(|| identity.clone());
        if all.insert(certificate.id.as_str(), identity).is_some() {
            return Err(format!("two certificates are called `{}`", certificate.id));
        }
    }
    Ok(all)
}

async fn endpoints<'s>(
    scenario: &'s Scenario,
    network: [u8; 3],
    identities: &BTreeMap<&'s str, Identity>,
) -> Result<BTreeMap<&'s str, Endpoint>, String> {
    let mut all = BTreeMap::new();
    for peer in scenario.peers.iter().map(toml::Spanned::get_ref) {
        let place = peer.at.split_once(':').and_then(|(n, port)| Some((n.parse().ok()?, port.parse().ok()?)));
        let (number, port): (u8, u16) =
            place.ok_or_else(|| format!("`{}` is not NUMBER:PORT, such as 11:8443", peer.at))?;
        let mut endpoint = Endpoint {
            address: SocketAddr::new(address(network, number), port),
            kind: peer.behaviour,
            certificate: peer.certificate.clone(),
            peer: None,
        };
        if let Some(face) = face(&endpoint, identities)? {
            let started = Peer::start(endpoint.address, face).await;
            endpoint.peer = Some(started.map_err(|e| format!("{}: {e}", endpoint.address))?);
        }
        all.insert(peer.at.as_str(), endpoint);
    }
    Ok(all)
}

/// What an endpoint shows; none where nothing listens.
fn face(endpoint: &Endpoint, identities: &BTreeMap<&str, Identity>) -> Result<Option<Face>, String> {
    let Some(behaviour) = endpoint.kind.behaviour() else { return Ok(None) };
    let id =
        endpoint.certificate.as_deref().ok_or_else(|| format!("{} has no certificate", endpoint.address))?;
    let identity = identities.get(id).ok_or_else(|| format!("no certificate is called `{id}`"))?;
    Ok(Some(Face::new(behaviour, identity)))
}

fn load(scenario: &Scenario, network: [u8; 3]) -> Result<Loaded, String> {
    let input = |name: &str, text: &str| {
        Input::text(format!("{}:{name}", scenario.file), filled(text.trim_start(), network))
    };
    let secrets = (!scenario.secrets.trim().is_empty()).then(|| input("secrets", &scenario.secrets));
    let options = Options { strict: true, ..Options::default() };
    let secrets: Vec<Input> = secrets.into_iter().collect();
    let loaded = source::load(&[input("services", &scenario.services)], &secrets, &options);
    let loaded = loaded.map_err(|e| printable(&e.to_string()).into_owned())?;
    match loaded.bad.first() {
        Some(bad) => Err(bad.to_string()),
        None => Ok(loaded),
    }
}

/// What is known of a service, for whoever reads a difference.
pub(super) fn account(judged: &Judged, row: usize) -> String {
    let Some(s) = judged.assessment.services.get(row) else { return String::new() };
    let mut text = format!("    found: {} ({:?}, {:?}) {:?}\n", s.state, s.verdict, s.reason, s.regressions);
    for kind in crate::model::facet::FacetKind::ALL {
        let facet = s.facets.get(*kind);
        let grade = facet.grade.map_or_else(String::new, |g| format!(" {g}"));
        let why = facet.justification.as_deref().unwrap_or_default();
        let _ = writeln!(text, "    {kind}: {}{grade} {why}", facet.value);
    }
    let _ = writeln!(
        text,
        "    next: {}\n    blocked by: {:?}\n    notes: {:?}",
        s.next_action, s.blocked_by, s.notes
    );
    for endpoint in &s.endpoints {
        let _ = writeln!(text, "    at {:?}: {} ({})", endpoint.address, endpoint.verdict, endpoint.reason);
    }
    for conflict in &s.conflicts {
        let _ = writeln!(text, "    conflict: {}", conflict.words);
    }
    for line in judged.lines().iter().filter(|line| line.services.contains(&s.row_id)) {
        let _ = writeln!(
            text,
            "    line {} {} [{}] why: {} | waits: {:?} | seen: {:?}",
            line.code, line.title, line.state, line.why, line.blocked_by_text, line.evidence_seen
        );
    }
    text
}
