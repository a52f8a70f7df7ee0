//! From services to what is to be contacted: names to addresses, scope, exclusions, fragile devices.
//!
//! Contacts no target. Every service gives at least one planned endpoint: one that cannot be
//! contacted is planned as such, so that no row is ever lost.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::IpAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    sync::{OnceCell, mpsc},
    task::JoinSet,
};

use super::{
    runtime,
    settings::{Resolve, Settings},
};
use crate::{
    error::Error,
    inventory::{
        Input,
        resolve::{Answer, ResolveFailure, Resolver},
        scope::{Scope, is_fragile},
    },
    model::{
        ids::{RowId, SweepId},
        observation::Skip,
        service::Service,
    },
    probe::{fragile::Signatures, kind},
    store::Reader,
};

/// Names that are resolved at the same time.
const RESOLVING: usize = 64;

/// What is to become of one endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is probed; a fragile one with a handshake only.
    Probe {
        /// Handshake only.
        fragile: bool,
    },
    /// This release does not speak the wrap: not contacted.
    NotSpoken,
    /// Policy keeps the probe away.
    Skip(Skip),
    /// The name has no address; why, in our words.
    NoAddress(String),
}

/// One endpoint and its fate.
#[derive(Clone, Debug)]
pub struct Planned {
    /// Its service.
    pub service: Arc<Service>,
    /// Its address; absent when the name has none.
    pub address: Option<IpAddr>,
    /// What is to become of it.
    pub fate: Fate,
}

/// What planning needs to know.
#[derive(Debug)]
pub struct Planner {
    /// What may be touched.
    pub scope: Scope,
    /// For names without a declared address.
    pub resolver: Resolver,
    /// Whether addresses of an earlier sweep are used instead of the resolver where there are any. Where a look-up
    /// fails they are used in any case.
    pub resolve: Resolve,
    /// Addresses of an earlier sweep.
    pub last: Last,
    /// The names that could not be looked up.
    pub unanswered: Unanswered,
    /// Endpoints that this sweep has seen already, when it is resumed.
    pub observed: BTreeSet<(RowId, Option<IpAddr>)>,
    /// How devices are told that a probe may hurt.
    pub fragile: Signatures,
}

/// Where the last sweep contacted each service. It costs a pass over the evidence, so it is read when it is first needed.
#[derive(Debug, Default)]
pub struct Last {
    /// The incident file, and the sweep before which it must have been; absent: nothing was seen before.
    incident: Option<(PathBuf, Option<SweepId>)>,
    read: OnceCell<Result<BTreeMap<RowId, Vec<IpAddr>>, String>>,
}

impl Last {
    /// From an incident file, as of the beginning of a sweep: what that sweep itself has seen so far, before it was
    /// cut off, is only a part of it.
    pub fn before(incident: &Path, sweep: Option<SweepId>) -> Self {
        Self { incident: Some((incident.to_path_buf(), sweep)), read: OnceCell::new() }
    }

    /// The addresses of one service, sorted; none where it was never contacted. An error: nobody can tell.
    async fn of(&self, service: &RowId) -> Result<&[IpAddr], String> {
        let Some((incident, sweep)) = self.incident.clone() else { return Ok(&[]) };
        let read = || async move {
            let read = move || Reader::open(&incident)?.last_addresses(sweep);
            let read = tokio::task::spawn_blocking(read).await.map_err(|error| error.to_string())?;
            read.map_err(|error| error.to_string())
        };
        let all = self.read.get_or_init(read).await.as_ref().map_err(Clone::clone)?;
        Ok(all.get(service).map_or(&[], Vec::as_slice))
    }
}

/// The names that could not be looked up, each with whether an earlier sweep knew an address. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Unanswered(Arc<Mutex<BTreeMap<String, bool>>>);

impl Unanswered {
    fn add(&self, name: String, reached: bool) {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *names.entry(name).or_default() |= reached;
    }

    /// One sentence, where any was looked at all the same.
    pub fn words(&self) -> Option<String> {
        let names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let reached = names.values().filter(|reached| **reached).count();
        let (all, s) = (names.len(), if names.len() == 1 { "" } else { "s" });
        let were = match reached {
            0 => return None,
            1 if all == 1 => "it was also looked at where the last sweep found it".to_owned(),
            some if some == all => "they were also looked at where the last sweep found them".to_owned(),
            1 => "1 of them was also looked at where the last sweep found it".to_owned(),
            some => format!("{some} of them were also looked at where the last sweep found them"),
        };
        Some(format!("DNS did not answer for {all} name{s}; {were}"))
    }
}

impl Planner {
    /// Plans every service that comes in and sends its endpoints out, until either side closes.
    pub async fn run(self, mut services: mpsc::Receiver<Service>, out: mpsc::Sender<Planned>) {
        let shared = Arc::new(self);
        let mut resolving = JoinSet::new();
        while let Some(service) = services.recv().await {
            let service = Arc::new(service);
            let known = shared.known_addresses(&service).await;
            if known.is_empty() {
                while resolving.len() >= RESOLVING {
                    resolving.join_next().await;
                }
                let (planner, out) = (Arc::clone(&shared), out.clone());
                resolving.spawn(async move { planner.resolve_and_send(service, &out).await });
            } else if !shared.send(&service, &known, &out).await {
                return;
            }
        }
        while resolving.join_next().await.is_some() {}
    }

    /// Whether a tag says that the device is one of a kind that a probe may hurt; the inventory's plain `no` outranks it.
    fn looks_fragile(&self, service: &Service) -> bool {
        let declared = &service.declared;
        declared.fragile != Some(false) && self.fragile.matches(None, None, &declared.tags, None).is_some()
    }

    async fn known_addresses(&self, service: &Service) -> Vec<IpAddr> {
        if !service.addresses.is_empty() {
            return service.addresses.to_vec();
        }
        match self.resolve {
            // What cannot be read is asked for instead.
            Resolve::Last => self.last.of(&service.row_id).await.unwrap_or_default().to_vec(),
            Resolve::Live => Vec::new(),
        }
    }

    async fn resolve_and_send(&self, service: Arc<Service>, out: &mpsc::Sender<Planned>) {
        if self.scope.decide(&service, None) == Some(Skip::Excluded) {
            self.send_without_address(&service, Fate::Skip(Skip::Excluded), out).await;
            return;
        }
        let name = service.display_name();
        let (mut addresses, mut why) = match self.resolver.answer(&name).await {
            Ok(Answer { addresses, incomplete }) => (addresses, incomplete),
            Err(failure @ (ResolveFailure::BadName(_) | ResolveFailure::NoAddress(..))) => {
                self.send_without_address(&service, Fate::NoAddress(failure.to_string()), out).await;
                return;
            }
            Err(failure) => (Vec::new(), Some(failure.to_string())),
        };
        if let Some(open) = &mut why {
            match self.earlier(&service, &addresses).await {
                Ok(earlier) => {
                    self.unanswered.add(name.clone(), !earlier.is_empty());
                    addresses.extend(earlier);
                }
                Err(fault) => {
                    open.push_str("; the addresses of the last sweep cannot be read: ");
                    open.push_str(&fault);
                }
            }
        }
        if !self.send(&service, &addresses, out).await {
            return;
        }
        // What could not be asked for may hide an endpoint: that is unknown, whatever is seen at known addresses.
        if let Some(why) = why {
            self.send_without_address(&service, Fate::NoAddress(why), out).await;
        }
    }

    /// Where the last sweep found a service, but for the address families that the resolver answered for.
    async fn earlier(&self, service: &Service, answered: &[IpAddr]) -> Result<Vec<IpAddr>, String> {
        let open = |address: &&IpAddr| answered.iter().all(|a| a.is_ipv4() != address.is_ipv4());
        Ok(self.last.of(&service.row_id).await?.iter().filter(open).copied().collect())
    }

    /// Gives a service its row without an address, unless this sweep has it already.
    async fn send_without_address(&self, service: &Arc<Service>, fate: Fate, out: &mpsc::Sender<Planned>) {
        if !self.observed.contains(&(service.row_id.clone(), None)) {
            let planned = Planned { service: Arc::clone(service), address: None, fate };
            let _ = out.send(planned).await; // closed: the sweep is stopping
        }
    }

    /// Sends every address of a service that this sweep has not seen; false when nobody listens any more.
    async fn send(&self, service: &Arc<Service>, addresses: &[IpAddr], out: &mpsc::Sender<Planned>) -> bool {
        for address in addresses {
            let key = (service.row_id.clone(), Some(*address));
            if !self.observed.is_empty() && self.observed.contains(&key) {
                continue;
            }
            let fate = match self.scope.decide(service, Some(*address)) {
                // Not a host: connecting to 0.0.0.0 would reach this machine instead.
                _ if is_no_host(*address) => Fate::Skip(Skip::OutOfScope),
                Some(skip) => Fate::Skip(skip),
                None if kind::find(service.wrap, service.transport).is_none() => Fate::NotSpoken,
                None => Fate::Probe { fragile: is_fragile(service) || self.looks_fragile(service) },
            };
            let planned = Planned { service: Arc::clone(service), address: Some(*address), fate };
            if out.send(planned).await.is_err() {
                return false;
            }
        }
        true
    }
}

/// Addresses that no service has: the unspecified ones, multicast and broadcast.
pub(super) fn is_no_host(address: IpAddr) -> bool {
    address.is_unspecified()
        || address.is_multicast()
        || matches!(address, IpAddr::V4(v4) if v4.is_broadcast() || v4.octets()[0] == 0)
}

/// What the settings allow to be touched.
pub fn scope(services: &[Service], settings: &Settings) -> Result<Scope, Error> {
    let file = settings.scope.as_ref().map(|(name, text)| Input::text(name.clone(), text.clone()));
    Ok(Scope::new(services, file.as_ref(), &settings.exclude)?)
}

/// The resolver of the settings, or the system's.
pub(super) fn resolver(settings: &Settings) -> Resolver {
    settings.resolver.map_or_else(Resolver::system, Resolver::at)
}

/// The exact list of what a sweep would contact, in inventory order, for `--dry-run`. The incident file, where it is
/// there already, gives the addresses of the last sweep.
pub fn list(services: Vec<Service>, settings: &Settings, incident: &Path) -> Result<Vec<Planned>, Error> {
    let order: HashMap<RowId, usize> =
        services.iter().enumerate().map(|(n, s)| (s.row_id.clone(), n)).collect();
    let planner = Planner {
        scope: scope(&services, settings)?,
        resolver: resolver(settings),
        resolve: settings.resolve,
        last: if incident.exists() { Last::before(incident, None) } else { Last::default() },
        unanswered: Unanswered::default(),
        observed: BTreeSet::new(),
        fragile: Signatures::built_in().with(&settings.fragile),
    };
    let mut list = runtime::start()?.block_on(async {
        let (services_in, services_out) = mpsc::channel(256);
        let (planned_in, mut planned_out) = mpsc::channel(256);
        tokio::spawn(async move {
            for service in services {
                if services_in.send(service).await.is_err() {
                    return;
                }
            }
        });
        tokio::spawn(planner.run(services_out, planned_in));
        let mut all = Vec::new();
        while let Some(next) = planned_out.recv().await {
            all.push(next);
        }
        all
    });
    list.sort_by_key(|p| (order.get(&p.service.row_id).copied(), p.address));
    Ok(list)
}
