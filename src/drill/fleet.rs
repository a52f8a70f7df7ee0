//! The drill's fleet: 15 services on addresses of 127.83.0.0/24 with owners, secrets and known faults, and
//! the repairs, right and wrong, that a rehearsal makes.
//!
//! What is repaired when, and what a tool should make of it, is the rehearsal's business.

mod roster;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use tokio::net::TcpListener;

use self::roster::{Kind, ROSTER, SECRETS, Spec};
use super::{
    Error,
    peer::{Behaviour, Face, Identity, Peer},
};
use crate::model::{ids::Spki, time::Timestamp};

/// The second octets of the networks that are tried in turn.
const NETWORKS: std::ops::RangeInclusive<u8> = 83..=99;
/// What is added to every port where a port is taken on all addresses, as a server on 0.0.0.0:8080 does.
const SHIFTS: [u16; 3] = [0, 10_000, 20_000];
/// The columns of the services CSV.
const SERVICE_COLUMNS: &str =
    "name,address,port,wrap,owner,team,env,exposure,service_type,tls_stack,issues_tokens,fragile,tags";
/// The columns of the secrets CSV.
const SECRET_COLUMNS: &str = "secret_id,type,services,owner,location,issued_at,runbook";
const DAY: i64 = 86_400;
/// How long before the start the fleet's certificates were issued.
const CERTIFICATE_AGE: i64 = 100 * DAY;
/// How long a certificate is good for.
const VALIDITY: i64 = 397 * DAY;
/// From when to when the one old certificate holds.
const OLD_CERTIFICATE: [Timestamp; 2] = [
    Timestamp::from_seconds(1_370_044_800), // 2013-06-01
    Timestamp::from_seconds(2_001_196_800), // 2033-06-01
];

/// The running fleet. Dropping it closes every port.
#[derive(Debug)]
pub struct Fleet {
    network: u8,
    shift: u16,
    started: Timestamp,
    serial: u64,
    services: BTreeMap<&'static str, Service>,
}

#[derive(Debug)]
struct Service {
    spec: &'static Spec,
    endpoints: Vec<Endpoint>,
}

#[derive(Debug)]
struct Endpoint {
    address: IpAddr,
    face: Face,
    /// Absent where nothing listens: the closed port, and what was retired.
    peer: Option<Peer>,
}

impl Endpoint {
    fn set(&mut self, change: impl FnOnce(&mut Face)) {
        change(&mut self.face);
        if let Some(peer) = &self.peer {
            peer.set(self.face.clone());
        }
    }

    fn identity(&self) -> Option<&Identity> {
        self.face.identities.first()
    }
}

impl Fleet {
    /// Starts every service. Certificates were issued 100 days before `now`, the old one of `shop` in 2013.
    ///
    /// # Errors
    ///
    /// [`Error::NoNetwork`] when some address and port of every network cannot be bound, and
    /// [`Error::Issue`].
    pub async fn start(now: Timestamp) -> Result<Fleet, Error> {
        let mut failure = None;
        for shift in SHIFTS {
            for network in NETWORKS {
                match Self::start_on(network, shift, now).await {
                    Err(error @ Error::NoNetwork { .. }) => failure = Some(error),
                    other => return other,
                }
            }
        }
        Err(failure.unwrap_or_else(|| Error::NoNetwork {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            source: io::Error::other("no network was tried"),
        }))
    }

    async fn start_on(network: u8, shift: u16, now: Timestamp) -> Result<Fleet, Error> {
        let mut fleet =
            Fleet { network, shift, started: now, serial: 0x5300_0000, services: BTreeMap::new() };
        let mut keys: BTreeMap<&str, Identity> = BTreeMap::new();
        for spec in ROSTER {
            if let Some(letter) = spec.key
                && !keys.contains_key(letter)
            {
                keys.insert(letter, fleet.first_identity(letter)?);
            }
            let identity = spec.key.and_then(|letter| keys.get(letter));
            let mut endpoints = Vec::new();
            for (host, kind) in spec.endpoints {
                let at = SocketAddr::from((address(network, *host), fleet.shifted(spec)));
                endpoints.push(start_endpoint(at, kind, identity).await?);
            }
            fleet.services.insert(spec.name, Service { spec, endpoints });
        }
        Ok(fleet)
    }

    /// The certificate that all services with this key serve at first.
    fn first_identity(&mut self, letter: &str) -> Result<Identity, Error> {
        let holders: Vec<&Spec> = ROSTER.iter().filter(|s| s.key == Some(letter)).collect();
        let names: Vec<&str> = holders.iter().map(|s| s.name).collect();
        let issued = self.started.plus_seconds(-CERTIFICATE_AGE);
        let [from, until] = if holders.iter().any(|s| s.old_certificate) {
            OLD_CERTIFICATE
        } else {
            [issued, issued.plus_seconds(VALIDITY)]
        };
        self.issue(None, &names, from, until)
    }

    fn issue(
        &mut self,
        key: Option<&Identity>,
        names: &[&str],
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Identity, Error> {
        self.serial += 1;
        let subject = names.first().copied().unwrap_or("drill.test");
        Identity::issue(key, subject, names, from, until, self.serial)
    }

    /// The network that the fleet stands on, such as `127.83.0.0/24`.
    pub fn network(&self) -> String {
        format!("127.{}.0.0/24", self.network)
    }

    /// The port that a service has here.
    const fn shifted(&self, spec: &Spec) -> u16 {
        spec.port.saturating_add(self.shift)
    }

    /// The names of all services, in order, the retired ones too.
    pub fn names(&self) -> Vec<&'static str> {
        ROSTER.iter().map(|spec| spec.name).collect()
    }

    /// The addresses of a service, in order.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownService`].
    pub fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, Error> {
        Ok(self.service(name)?.endpoints.iter().map(|e| e.address).collect())
    }

    /// The port of a service: that of the roster, or 10,000 or 20,000 more where something else holds one of
    /// the roster's ports on all addresses.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownService`].
    pub fn port(&self, name: &str) -> Result<u16, Error> {
        Ok(self.shifted(self.service(name)?.spec))
    }

    /// The key that a service serves at its first address; absent where there is none.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownService`].
    pub fn spki(&self, name: &str) -> Result<Option<Spki>, Error> {
        let first = self.service(name)?.endpoints.first();
        Ok(first.and_then(Endpoint::identity).map(|i| i.spki))
    }

    /// Connections accepted so far at all endpoints of a service that still listen.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownService`].
    pub fn connections(&self, name: &str) -> Result<u64, Error> {
        let peers = self.service(name)?.endpoints.iter();
        Ok(peers.filter_map(|e| e.peer.as_ref()).map(Peer::connections).sum())
    }

    /// The inventory in the native services format (DESIGN): one row for each address.
    pub fn services_csv(&self) -> String {
        let mut out = format!("{SERVICE_COLUMNS}\n");
        for spec in ROSTER {
            for (host, _) in spec.endpoints {
                let address = address(self.network, *host);
                let Spec { name, wrap, .. } = spec;
                let port = self.shifted(spec);
                let rest = [
                    spec.owner,
                    spec.team,
                    "prod",
                    spec.exposure.as_str(),
                    spec.service_type,
                    spec.tls_stack.as_str(),
                    if spec.issues_tokens { "yes" } else { "no" },
                    if spec.fragile { "yes" } else { "no" },
                    spec.tags,
                ];
                let _ = writeln!(out, "{name},{address},{port},{wrap},{}", rest.join(","));
            }
        }
        out
    }

    /// The secrets in the native secrets format (DESIGN): names and places, never values.
    pub fn secrets_csv(&self) -> String {
        let mut out = format!("{SECRET_COLUMNS}\n");
        for secret in SECRETS {
            let issued = self.started.plus_seconds(-DAY * secret.age_days).date();
            let _ = writeln!(
                out,
                "{},{},{},{},{},{issued},{}",
                secret.id,
                secret.kind,
                secret.services.join(";"),
                secret.owner,
                secret.location,
                secret.runbook
            );
        }
        out
    }

    /// Patches every vulnerable endpoint of a service. The key stays.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownService`].
    pub fn patch(&mut self, name: &str) -> Result<(), Error> {
        self.service_mut(name)?.endpoints.iter_mut().for_each(patch);
        Ok(())
    }

    /// Patches one address of a service.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownService`] and [`Error::UnknownAddress`].
    pub fn patch_address(&mut self, name: &str, address: IpAddr) -> Result<(), Error> {
        patch(self.endpoint_mut(name, address)?);
        Ok(())
    }

    /// Puts one new key, in one new certificate issued at `now`, on all of these services.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownService`], [`Error::NoKey`] and [`Error::Issue`]; then nothing was changed.
    pub fn rekey(&mut self, names: &[&str], now: Timestamp) -> Result<(), Error> {
        let names = self.with_keys(names)?;
        let identity = self.issue(None, &names, now, now.plus_seconds(VALIDITY))?;
        for name in names {
            self.deploy(name, &identity)?;
        }
        Ok(())
    }

    /// Puts a new key on one address of a service alone; its other addresses keep theirs.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownService`], [`Error::UnknownAddress`], [`Error::NoKey`] and [`Error::Issue`].
    pub fn rekey_address(&mut self, name: &str, address: IpAddr, now: Timestamp) -> Result<(), Error> {
        let names = self.with_keys(&[name])?;
        self.endpoint_mut(name, address)?;
        let identity = self.issue(None, &names, now, now.plus_seconds(VALIDITY))?;
        self.endpoint_mut(name, address)?.set(|face| face.identities = vec![identity]);
        Ok(())
    }

    /// Issues new certificates at `now` on the keys that these services already have: one for each key.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownService`], [`Error::NoKey`] and [`Error::Issue`].
    pub fn reissue_same_key(&mut self, names: &[&str], now: Timestamp) -> Result<(), Error> {
        let mut groups: BTreeMap<Spki, (Identity, Vec<&'static str>)> = BTreeMap::new();
        for name in self.with_keys(names)? {
            let first = self.service(name)?.endpoints.first();
            let identity = first.and_then(Endpoint::identity).cloned();
            let identity = identity.ok_or_else(|| Error::NoKey(name.to_owned()))?;
            let (_, group) = groups.entry(identity.spki).or_insert_with(|| (identity, Vec::new()));
            group.push(name);
        }
        for (identity, group) in groups.into_values() {
            let until = now.plus_seconds(VALIDITY);
            let reissued = self.issue(Some(&identity), &group, now, until)?;
            for name in group {
                self.deploy(name, &reissued)?;
            }
        }
        Ok(())
    }

    /// Takes a service down for good; when this returns, its ports are closed.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownService`].
    pub async fn retire(&mut self, name: &str) -> Result<(), Error> {
        for endpoint in &mut self.service_mut(name)?.endpoints {
            if let Some(peer) = endpoint.peer.take() {
                peer.stop().await;
            }
        }
        Ok(())
    }

    fn deploy(&mut self, name: &str, identity: &Identity) -> Result<(), Error> {
        for endpoint in &mut self.service_mut(name)?.endpoints {
            endpoint.set(|face| face.identities = vec![identity.clone()]);
        }
        Ok(())
    }

    /// The names as the roster has them; an error unless all of them have keys.
    fn with_keys(&self, names: &[&str]) -> Result<Vec<&'static str>, Error> {
        let checked = names.iter().map(|name| {
            let service = self.service(name)?;
            let keyed = service.endpoints.iter().all(|e| e.identity().is_some());
            keyed.then_some(service.spec.name).ok_or_else(|| Error::NoKey((*name).to_owned()))
        });
        checked.collect()
    }

    fn service(&self, name: &str) -> Result<&Service, Error> {
        let found = self.services.get(name);
        found.ok_or_else(|| Error::UnknownService(name.to_owned()))
    }

    fn service_mut(&mut self, name: &str) -> Result<&mut Service, Error> {
        let found = self.services.get_mut(name);
        found.ok_or_else(|| Error::UnknownService(name.to_owned()))
    }

    fn endpoint_mut(&mut self, name: &str, address: IpAddr) -> Result<&mut Endpoint, Error> {
        let mut endpoints = self.service_mut(name)?.endpoints.iter_mut();
        let found = endpoints.find(|endpoint| endpoint.address == address);
        found.ok_or_else(|| Error::UnknownAddress { name: name.to_owned(), address })
    }
}

fn patch(endpoint: &mut Endpoint) {
    if endpoint.face.behaviour == Behaviour::Vulnerable {
        endpoint.set(|face| face.behaviour = Behaviour::Fixed);
    }
}

const fn address(network: u8, host: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(127, network, 0, host))
}

async fn start_endpoint(at: SocketAddr, kind: &Kind, identity: Option<&Identity>) -> Result<Endpoint, Error> {
    let unusable = |source| Error::NoNetwork { address: at, source };
    let (behaviour, listens) = match kind {
        Kind::Listens(behaviour) => (behaviour.clone(), true),
        Kind::Closed => (Behaviour::Tarpit, false),
    };
    let face = match identity {
        Some(identity) => Face::new(behaviour, identity),
        None => Face::bare(behaviour),
    };
    let peer = if listens {
        Some(Peer::start(at, face.clone()).await.map_err(unusable)?)
    } else {
        // Whoever holds the port would answer in the place of a closed one.
        drop(TcpListener::bind(at).await.map_err(unusable)?);
        None
    };
    Ok(Endpoint { address: at.ip(), face, peer })
}
