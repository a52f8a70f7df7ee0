//! Services and hosts brought together: which process answers for a service, what code it runs and what lies on
//! disk for its next start, as looks that stand beside those of the network.
//!
//! Which host a service leads to is found in `leads`; the
//! port then leads to the listener, the listener to its processes, and these to the copies in them. A process
//! without any TLS library says nothing: something in front of it may speak TLS.
//!
//! Not here: what one copy means (`hosts`), and what a look of a host counts for beside one of the network (`history`).

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    net::IpAddr,
    sync::Arc,
};

use rayon::prelude::*;

use crate::model::{
    disclosure::Disclosure,
    host::{
        Act, Collector, CopiesAssessed, CopyKind, CopyRole, Document, Finding as HostFinding, Library,
        Listener, OpenTo, Part, Process, Protocol, Reach, RunnerKind, TlsLibrary,
    },
    ids::SweepId,
    observation::{Contact, Observation},
    service::{Service, TlsStack},
    sweep::{Evidence, HostDocument},
    verdict::{Grade, Reason, Verdict},
    wrap::Transport,
};

use super::{
    hosts::{BuildIds, Judge},
    index::Order,
    leads::{Lead, Leads, Sweeps},
    verdict::Finding,
};

/// What one document says of one service at one address.
#[derive(Clone, Debug)]
pub(super) struct HostLook {
    /// The service's number.
    pub(super) service: usize,
    /// A look without anything that a network could have shown; its vantage is `host:NAME`.
    pub(super) seen: Observation,
    pub(super) finding: Finding,
    pub(super) host: String,
    pub(super) programs: Vec<String>,
    pub(super) running: Option<HostFinding>,
    pub(super) disk: Option<HostFinding>,
    /// Whether a copy is in memory that is not the file on disk any more, and not known to be clean.
    pub(super) old_runs: bool,
    pub(super) stack: TlsStack,
    /// To whom its port is open: the widest of its listeners.
    pub(super) open_to: Option<OpenTo>,
    pub(super) acts: Vec<Act>,
}

impl HostLook {
    /// Whether something that is not known to be clean runs while the file on disk is fixed.
    pub(super) fn is_unrestarted(&self) -> bool {
        let fixed = self.disk.as_ref().is_some_and(|f| f.verdict.is_clean());
        // Where no process was seen to have an old copy, nothing is known of what runs.
        self.old_runs && fixed
    }
}

/// Every look that the hosts' documents give of the services, in the order of the documents.
pub(super) fn join(
    evidence: &Evidence,
    builds: &BuildIds,
    disclosure: &Disclosure,
    last: Option<SweepId>,
) -> Vec<HostLook> {
    if evidence.hosts.is_empty() || evidence.services.is_empty() {
        return Vec::new();
    }
    let judge = Judge::new(disclosure);
    let leads = Leads::new(evidence);
    let sweeps = Sweeps::new(evidence);
    let order = Order::new(evidence);
    let looks: Vec<Vec<HostLook>> = evidence
        .hosts
        .par_iter()
        .map(|host| {
            let sweep = sweeps.begun_by(host);
            if last.is_some_and(|last| order.of(sweep) > order.of(last)) {
                return Vec::new();
            }
            let services = leads.to(host);
            if services.is_empty() || host.document.header.coverage.failed.is_some() {
                return Vec::new();
            }
            let copies = judge.document(&host.document, builds);
            let scene = Scene::new(host, &copies);
            // What cannot be had over a service's transport is no matter of the code behind it.
            let concerned = |lead: &&Lead| {
                let service = evidence.services.get(lead.service);
                disclosure.only_over.is_none_or(|t| service.is_some_and(|s| s.transport == t))
            };
            services.iter().filter(concerned).filter_map(|lead| scene.look(evidence, lead, sweep)).collect()
        })
        .collect();
    gone(looks.into_iter().flatten().collect())
}

/// A host that a service was never seen on says nothing of it: only where an earlier document had its listener does
/// a later one without it count.
fn gone(looks: Vec<HostLook>) -> Vec<HostLook> {
    let mut known: HashSet<(usize, Arc<str>, Option<IpAddr>)> = HashSet::new();
    let mut order: Vec<HostLook> = looks;
    order.sort_by_key(|l| l.seen.at);
    order.retain(|l| {
        let id = (l.service, l.seen.vantage.clone(), l.seen.address);
        let is_gone = l.finding.reason == Reason::Refused;
        let seen_before = known.contains(&id);
        if !is_gone {
            known.insert(id);
        }
        !is_gone || seen_before
    });
    order
}

/// One document, with what its copies mean, ready to be asked about ports.
struct Scene<'d> {
    host: &'d HostDocument,
    copies: &'d CopiesAssessed,
    processes: HashMap<u32, &'d Process>,
    /// The copies in each process, by place in the list.
    held: HashMap<u32, Vec<usize>>,
    /// What lies on disk now for a copy that is mapped and not that file any more.
    disk_now: HashMap<usize, Option<HostFinding>>,
}

impl<'d> Scene<'d> {
    fn new(host: &'d HostDocument, copies: &'d CopiesAssessed) -> Self {
        let document = &host.document;
        let mut processes: HashMap<u32, &Process> = HashMap::new();
        for process in &document.processes {
            // A number that comes twice is as readable as the worse of the two.
            let known = processes.entry(process.pid).or_insert(process);
            if !process.readable {
                *known = process;
            }
        }
        let mut held: HashMap<u32, Vec<usize>> = HashMap::new();
        for (number, copy) in document.libraries.iter().enumerate() {
            if matches!(copy.kind, CopyKind::Mapped | CopyKind::Exe) {
                for pid in &copy.processes {
                    held.entry(*pid).or_default().push(number);
                }
            }
        }
        let disk_now = copies.old.iter().map(|old| (old.library, old.disk_verdict.clone())).collect();
        Self { host, copies, processes, held, disk_now }
    }

    fn document(&self) -> &'d Document {
        &self.host.document
    }

    fn look(&self, evidence: &Evidence, lead: &Lead, sweep: SweepId) -> Option<HostLook> {
        let service = evidence.services.get(lead.service)?;
        let parts = &self.document().header.coverage.parts;
        if !parts.contains(&Part::Processes) {
            return self.installed_only(service, lead, sweep);
        }
        let mut listening: Vec<&Listener> =
            self.document().listeners.iter().filter(|l| answers(l, service, lead.address)).collect();
        let bound = |l: &&Listener| Some(l.address.to_canonical()) == lead.address.map(|a| a.to_canonical());
        if listening.iter().any(bound) {
            // A socket of its very address gets what is sent there, and not one of every address.
            listening.retain(bound);
        }
        if listening.is_empty() {
            // Whether it listens is known only where listeners were looked for, and none of that was lost.
            return (parts.contains(&Part::Exposure) && !self.is_damaged()).then(|| {
                let finding = HostFinding::new(Verdict::Unreachable, Reason::Refused);
                self.made(service, lead, sweep, Found { running: Some(finding), ..Found::default() })
            });
        }
        let behind: Vec<Vec<u32>> = listening.iter().map(|l| self.behind(l)).collect();
        let untold = self.is_damaged() || behind.iter().any(Vec::is_empty);
        let pids: BTreeSet<u32> = behind.into_iter().flatten().collect();
        let widest = listening.iter().map(|l| &l.open_to).min_by_key(|open| narrowness(open.reach));
        let found = Found { open_to: widest.cloned(), ..self.found(&pids, untold)? };
        Some(self.made(service, lead, sweep, found))
    }

    /// The processes behind a listener; for a published port, those that listen in the container.
    fn behind(&self, listener: &'d Listener) -> Vec<u32> {
        let Some(published) = &listener.published else { return listener.processes.clone() };
        let all = self.document().listeners.iter();
        let inside = all.filter(|l| {
            l.container.is_some()
                && l.port == published.to_port
                && l.protocol == listener.protocol
                && published.container.as_ref().is_none_or(|c| l.container.as_ref() == Some(c))
        });
        inside.flat_map(|l| l.processes.iter().copied()).collect()
    }

    /// Whether lines of the document could not be read or are missing: any of them may have been the bad one.
    fn is_damaged(&self) -> bool {
        let coverage = &self.document().header.coverage;
        let is_whole =
            self.document().footer.is_some() || self.document().header.collector == Collector::Import;
        !is_whole || coverage.gaps.iter().any(|gap| gap.part == Part::Document)
    }

    /// `untold`: something about these processes is missing.
    fn found(&self, pids: &BTreeSet<u32>, untold: bool) -> Option<Found> {
        let mut found = Found::default();
        let mut seen: BTreeSet<usize> = BTreeSet::new();
        let mut unreadable = untold || pids.is_empty();
        for pid in pids {
            let process = self.processes.get(pid);
            unreadable |= process.is_none_or(|p| !p.readable);
            found.programs.extend(process.map(|p| p.name.clone()));
            seen.extend(self.held.get(pid).into_iter().flatten());
        }
        found.programs.sort();
        found.programs.dedup();
        for number in seen {
            let Some(verdict) = self.copies.verdicts.get(number).cloned().flatten() else { continue };
            let copy = self.document().libraries.get(number)?;
            found.stack = stack(copy, found.stack);
            found.old_runs |= self.disk_now.contains_key(&number) && !verdict.verdict.is_clean();
            let disk = self.disk_now.get(&number).cloned().unwrap_or_else(|| Some(verdict.clone()));
            found.running = worse(found.running.take(), Some(verdict));
            found.disk = worse(found.disk.take(), disk);
        }
        if unreadable {
            // What it runs could not be seen, so it is not clean, whatever else of it was seen.
            found.running = worse(
                found.running.take(),
                Some(HostFinding::new(Verdict::Inconclusive, Reason::SymbolsUnavailable)),
            );
        }
        if untold {
            found.disk = found.disk.filter(|f| !f.verdict.is_clean());
            found.old_runs = false;
        }
        found.acts = self.acts(pids);
        found.running.is_some().then_some(found)
    }

    /// What has to be done for these processes: work on what runs them, and on the packages and files that they hold.
    fn acts(&self, pids: &BTreeSet<u32>) -> Vec<Act> {
        let held: BTreeSet<usize> = pids.iter().filter_map(|p| self.held.get(p)).flatten().copied().collect();
        let copies = || held.iter().filter_map(|n| self.document().libraries.get(*n));
        let owners: BTreeSet<&str> = copies().filter_map(|c| c.owner.as_ref()).map(|o| &*o.source).collect();
        let names: BTreeSet<&str> = copies().filter_map(|c| c.owner.as_ref()).map(|o| &*o.package).collect();
        let paths: BTreeSet<&str> = copies().map(|c| &*c.path).collect();
        let concerns = |act: &&Act| {
            let about =
                [owners.contains(&*act.target), names.contains(&*act.target), paths.contains(&*act.target)];
            if act.processes.is_empty() {
                about.contains(&true)
            } else {
                act.processes.iter().any(|p| pids.contains(p))
            }
        };
        let mut acts: Vec<Act> = self.copies.acts.iter().filter(concerns).cloned().collect();
        for act in &mut acts {
            // What no unit runs is restarted process by process: those of other services are not meant.
            if act.runner.as_ref().is_none_or(|r| r.kind == RunnerKind::Process) {
                act.processes.retain(|pid| pids.contains(pid));
            }
        }
        acts
    }

    /// A host that gave no processes: what is installed is known, what runs is not. It counts for services that are
    /// declared to use the host's OpenSSL.
    fn installed_only(&self, service: &Service, lead: &Lead, sweep: SweepId) -> Option<HostLook> {
        if !matches!(service.tls_stack(), TlsStack::OpensslDynamic | TlsStack::Openssl) {
            return None;
        }
        let mut disk: Option<HostFinding> = None;
        for (package, verdict) in self.document().packages.iter().zip(&self.copies.packages) {
            if package.openssl && package.container.is_none() {
                disk = worse(disk.take(), verdict.clone());
            }
        }
        let disk = disk?;
        let acts = self.copies.acts.iter().filter(|a| a.processes.is_empty() && a.container.is_none());
        let running = if disk.verdict.is_clean() {
            // Fixed on disk says nothing of what still runs.
            HostFinding { verdict: Verdict::Inconclusive, ..disk.clone() }
        } else {
            disk.clone()
        };
        let found = Found {
            acts: acts.cloned().collect(),
            stack: service.tls_stack(),
            open_to: None,
            running: Some(running),
            disk: Some(disk),
            old_runs: false,
            programs: Vec::new(),
        };
        Some(self.made(service, lead, sweep, found))
    }

    fn made(&self, service: &Service, lead: &Lead, sweep: SweepId, found: Found) -> HostLook {
        let running = found.running.as_ref();
        let verdict = running.map_or(Verdict::Inconclusive, |f| f.verdict);
        let reason = running.map_or(Reason::SymbolsUnavailable, |f| f.reason);
        let contact = match (verdict, reason) {
            (Verdict::Unreachable, _) => Contact::Refused,
            _ => Contact::Answered,
        };
        HostLook {
            service: lead.service,
            seen: Observation {
                sweep,
                row_id: service.row_id.clone(),
                name: service.name.clone(),
                address: lead.address,
                port: service.port,
                transport: service.transport,
                wrap: service.wrap,
                sni: None,
                vantage: format!("host:{}", self.host.host.to_lowercase()).into(),
                at: self.host.at,
                ms: 0.0,
                contact,
                skip: None,
                detail: None,
                tls: None,
                certificate: None,
                chain: Vec::new(),
                other_keys: None,
                attempts: Vec::new(),
                served: None,
                expectations: Vec::new(),
                software: Vec::new(),
                asked: Vec::new(),
                relay: None,
            },
            finding: Finding {
                verdict,
                reason,
                grade: Grade::E3,
                vulnerable: u32::from(verdict == Verdict::Vulnerable),
                tried: 1,
            },
            host: self.host.host.clone(),
            programs: found.programs,
            running: found.running.filter(|f| f.verdict != Verdict::Unreachable),
            disk: found.disk,
            old_runs: found.old_runs,
            stack: found.stack,
            open_to: found.open_to,
            acts: found.acts,
        }
    }
}

/// How narrow a reach is, the widest first. What could not be told may be wide.
const fn narrowness(reach: Reach) -> u8 {
    match reach {
        Reach::Anyone => 0,
        Reach::Unknown => 1,
        Reach::Some => 2,
        Reach::Nobody => 3,
        Reach::Loopback => 4,
    }
}

/// What was found of the processes of a service.
struct Found {
    programs: Vec<String>,
    running: Option<HostFinding>,
    disk: Option<HostFinding>,
    old_runs: bool,
    stack: TlsStack,
    open_to: Option<OpenTo>,
    acts: Vec<Act>,
}

impl Default for Found {
    fn default() -> Self {
        Self {
            programs: Vec::new(),
            running: None,
            disk: None,
            old_runs: false,
            stack: TlsStack::Unknown,
            open_to: None,
            acts: Vec::new(),
        }
    }
}

/// Whether a listener is the one that answers for a service at an address.
fn answers(listener: &Listener, service: &Service, address: Option<IpAddr>) -> bool {
    let protocol = match service.transport {
        Transport::Tcp => Protocol::Tcp,
        Transport::Udp => Protocol::Udp,
    };
    let bound = listener.address.to_canonical();
    let fits = bound.is_unspecified() || address.is_none_or(|a| a.to_canonical() == bound);
    listener.port == service.port && listener.protocol == protocol && listener.container.is_none() && fits
}

/// The worse of two: what is vulnerable before what is not known before what is clean.
fn worse(a: Option<HostFinding>, b: Option<HostFinding>) -> Option<HostFinding> {
    let rank = |f: &HostFinding| match f.verdict {
        Verdict::Vulnerable => 3,
        Verdict::Inconclusive | Verdict::Unreachable | Verdict::Skipped => 2,
        Verdict::NotVulnerable => 1,
        Verdict::NotApplicable => 0,
    };
    match (a, b) {
        (Some(a), Some(b)) => Some(if rank(&b) > rank(&a) { b } else { a }),
        (a, b) => a.or(b),
    }
}

/// How a program comes by its code, by one of its copies; one that is linked in says more than one beside it.
fn stack(copy: &Library, before: TlsStack) -> TlsStack {
    let now = match (copy.lib, copy.kind, copy.role) {
        (TlsLibrary::Openssl, CopyKind::Exe, CopyRole::Embeds) => TlsStack::OpensslStatic,
        (TlsLibrary::Openssl, CopyKind::Mapped, _) if copy.bundle.is_some() => TlsStack::OpensslIndirect,
        (TlsLibrary::Openssl, CopyKind::Mapped, CopyRole::Embeds) if !is_shared(copy) => {
            TlsStack::OpensslIndirect
        }
        (TlsLibrary::Openssl, ..) => TlsStack::OpensslDynamic,
        _ => TlsStack::Other,
    };
    let rank = |s: TlsStack| match s {
        TlsStack::OpensslStatic => 4,
        TlsStack::OpensslIndirect => 3,
        TlsStack::OpensslDynamic => 2,
        TlsStack::Other => 1,
        _ => 0,
    };
    if rank(now) > rank(before) { now } else { before }
}

/// Whether a mapped copy is the library itself, and not another one that brought its code along.
fn is_shared(copy: &Library) -> bool {
    let file = copy.path.rsplit('/').next().unwrap_or_default();
    file.starts_with("libssl") || file.starts_with("libcrypto")
}
