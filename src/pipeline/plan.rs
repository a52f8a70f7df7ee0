//! From services to what is to be contacted: names to addresses, scope, exclusions, fragile devices.
//!
//! Contacts no target. Every service gives at least one planned endpoint: one that cannot be
//! contacted is planned as such, so that no row is ever lost.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::IpAddr,
    sync::Arc,
};

use tokio::{sync::mpsc, task::JoinSet};

use super::{runtime, settings::Settings};
use crate::{
    error::Error,
    inventory::{
        Input,
        resolve::Resolver,
        scope::{Scope, is_fragile},
    },
    model::{ids::RowId, observation::Skip, service::Service},
    probe::{fragile::Signatures, kind},
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
    /// Addresses of an earlier sweep, used instead of the resolver where present.
    pub last: BTreeMap<RowId, Vec<IpAddr>>,
    /// Endpoints that this sweep has seen already, when it is resumed.
    pub observed: BTreeSet<(RowId, Option<IpAddr>)>,
    /// How devices are told that a probe may hurt.
    pub fragile: Signatures,
}

impl Planner {
    /// Plans every service that comes in and sends its endpoints out, until either side closes.
    pub async fn run(self, mut services: mpsc::Receiver<Service>, out: mpsc::Sender<Planned>) {
        let shared = Arc::new(self);
        let mut resolving = JoinSet::new();
        while let Some(service) = services.recv().await {
            let service = Arc::new(service);
            let known = shared.known_addresses(&service);
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

    fn known_addresses(&self, service: &Service) -> Vec<IpAddr> {
        if !service.addresses.is_empty() {
            return service.addresses.to_vec();
        }
        self.last.get(&service.row_id).cloned().unwrap_or_default()
    }

    async fn resolve_and_send(&self, service: Arc<Service>, out: &mpsc::Sender<Planned>) {
        if self.scope.decide(&service, None) == Some(Skip::Excluded) {
            self.send_without_address(&service, Fate::Skip(Skip::Excluded), out).await;
            return;
        }
        match self.resolver.answer(&service.display_name()).await {
            Ok(answer) => {
                if !self.send(&service, &answer.addresses, out).await {
                    return;
                }
                // An address family that could not be asked for may hide an endpoint: that is unknown.
                if let Some(why) = answer.incomplete {
                    self.send_without_address(&service, Fate::NoAddress(why), out).await;
                }
            }
            Err(failure) => {
                self.send_without_address(&service, Fate::NoAddress(failure.to_string()), out).await;
            }
        }
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

/// The exact list of what a sweep would contact, in inventory order, for `--dry-run`.
pub fn list(services: Vec<Service>, settings: &Settings) -> Result<Vec<Planned>, Error> {
    let order: HashMap<RowId, usize> =
        services.iter().enumerate().map(|(n, s)| (s.row_id.clone(), n)).collect();
    let planner = Planner {
        scope: scope(&services, settings)?,
        resolver: Resolver::system(),
        last: BTreeMap::new(),
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
