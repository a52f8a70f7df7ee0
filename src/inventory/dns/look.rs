//! Asks for everything that [`super::Looked`] holds: each name once at each resolver, then the zones of the names that
//! exist and their name servers. Bounded in time and in questions at once; a resolver that is dead is given up early.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use hickory_resolver::proto::rr::{Name, RData, RecordType};
use tokio::{
    sync::{Mutex, OnceCell},
    task::JoinSet,
};

use super::{
    Family, Looked, Said, Server, Zone,
    ask::{Asker, Found, absolute},
    declared,
};
use crate::{inventory::resolve::Hosts, model::service::Service};

/// The limit of the whole check.
const WHOLE: Duration = Duration::from_secs(300);
/// Names in work at once.
const AT_ONCE: usize = 64;
/// After so many failures and not one answer, a resolver is dead: waiting for each name would take hours.
const DEAD: usize = 16;
/// The most name servers of a zone that are looked up.
const SERVERS: usize = 64;

/// Asks about the names of all services at these resolvers; none: the system's. `progress` is told how many names of
/// how many have been looked up. An error: there is nobody to ask.
pub async fn look(
    services: &[Service],
    resolvers: &[SocketAddr],
    progress: &mut (dyn FnMut(usize, usize) + Send),
) -> Result<Looked, String> {
    let asked: Vec<Arc<Resolver>> = if resolvers.is_empty() {
        vec![Arc::new(Resolver::new("the system's resolver", &[])?)]
    } else {
        // As they were typed, each once: the first is the one that somebody compares with.
        let mut seen = BTreeSet::new();
        let distinct = resolvers.iter().filter(|at| seen.insert(**at));
        let new = |at: &SocketAddr| Resolver::new(&at.to_string(), &[*at]).map(Arc::new);
        distinct.map(new).collect::<Result<_, _>>()?
    };
    let mut looked = Looked {
        resolvers: asked.iter().map(|resolver| Arc::clone(&resolver.name)).collect(),
        ..Looked::default()
    };
    let mut names = declared(services, &Hosts::system());
    looked.short = names.keys().filter(|name| !name.contains('.')).cloned().collect();
    names.retain(|name, _| name.contains('.'));
    let zones = Arc::new(Zones { resolvers: asked.clone(), known: Mutex::new(HashMap::new()) });
    let all = names.len();
    let (mut running, mut done, mut counts) = (JoinSet::new(), 0, BTreeMap::<String, usize>::new());
    let mut waiting = names.keys().cloned().collect::<Vec<_>>().into_iter();
    loop {
        while running.len() < AT_ONCE {
            let Some(name) = waiting.next() else { break };
            running.spawn(one(name, asked.clone(), Arc::clone(&zones)));
        }
        let Some(next) = running.join_next().await else { break };
        let (name, said, zone) = next.map_err(|error| error.to_string())?;
        if let Some(zone) = zone {
            *counts.entry(zone).or_default() += 1;
        }
        if let Some(declared) = names.remove(&name) {
            looked.names.insert(name, (declared, said));
        }
        done += 1;
        progress(done, all);
    }
    looked.zones = of_zones(&zones, counts).await;
    Ok(looked)
}

/// Everything about one name: what each resolver says, and its zone where there is such a name.
async fn one(
    name: Arc<str>,
    resolvers: Vec<Arc<Resolver>>,
    zones: Arc<Zones>,
) -> (Arc<str>, Vec<Said>, Option<String>) {
    let Ok(question) = Name::from_ascii(&*name) else {
        let why = || Err("it is no name of DNS".to_owned());
        let said = resolvers.iter().map(|_| Said { v4: why(), v6: why(), exists: None }).collect();
        return (name, said, None);
    };
    let mut running = JoinSet::new();
    for (number, resolver) in resolvers.into_iter().enumerate() {
        let question = question.clone();
        running.spawn(async move { (number, resolver.addresses(&question).await) });
    }
    let mut said = running.join_all().await;
    said.sort_by_key(|(number, _)| *number);
    let said: Vec<Said> = said.into_iter().map(|(_, said)| said).collect();
    let exists = said.iter().any(|said| said.exists == Some(true));
    let zone = if exists { zones.of(&question).await } else { None };
    (name, said, zone)
}

/// One resolver, and whether it answers at all.
struct Resolver {
    name: Arc<str>,
    asker: Asker,
    answered: AtomicBool,
    failed: AtomicUsize,
}

impl Resolver {
    fn new(name: &str, at: &[SocketAddr]) -> Result<Self, String> {
        Ok(Self {
            name: name.into(),
            asker: Asker::new(at, WHOLE)?,
            answered: AtomicBool::new(false),
            failed: AtomicUsize::new(0),
        })
    }

    async fn ask(&self, name: &Name, kind: RecordType) -> Result<Found, String> {
        if !self.answered.load(Relaxed) && self.failed.load(Relaxed) >= DEAD {
            return Err("it answered nothing and was given up".to_owned());
        }
        let found = self.asker.ask(name, kind).await;
        match found {
            Ok(_) => self.answered.store(true, Relaxed),
            Err(_) => {
                self.failed.fetch_add(1, Relaxed);
            }
        }
        found
    }

    async fn addresses(&self, name: &Name) -> Said {
        let (v4, v6) = tokio::join!(self.ask(name, RecordType::A), self.ask(name, RecordType::AAAA));
        let exists = match (&v4, &v6) {
            // An alias can lead from a name that exists to none: then each kind says so.
            (Ok(Found::NoName), _) | (_, Ok(Found::NoName)) => Some(false),
            (Ok(_), _) | (_, Ok(_)) => Some(true),
            (Err(_), Err(_)) => None,
        };
        Said { v4: family(v4), v6: family(v6), exists }
    }
}

fn family(found: Result<Found, String>) -> Family {
    let records = match found? {
        Found::Records(records) => records,
        Found::NoRecord(_) | Found::NoName => return Ok(BTreeSet::new()),
    };
    Ok(records.iter().filter_map(|record| record.data.ip_addr()).collect())
}

/// What is known of where zones are cut, each name asked for once.
struct Zones {
    resolvers: Vec<Arc<Resolver>>,
    known: Mutex<HashMap<Name, Arc<OnceCell<Option<String>>>>>,
}

impl Zones {
    /// The first answer that resolvers give, in their order.
    async fn ask(&self, name: &Name, kind: RecordType) -> Result<Found, String> {
        let mut first = None;
        for resolver in &self.resolvers {
            match resolver.ask(name, kind).await {
                Ok(found) => return Ok(found),
                Err(why) => first = first.or(Some(why)),
            }
        }
        Err(first.unwrap_or_else(|| "there is nobody to ask".to_owned()))
    }

    /// The zone that a name is in, without the last dot; top-level zones and the root are nobody's choice.
    async fn of(&self, name: &Name) -> Option<String> {
        let mut name = name.to_lowercase();
        name.set_fqdn(true);
        let cell = Arc::clone(self.known.lock().await.entry(name.clone()).or_default());
        cell.get_or_init(|| self.find(name)).await.clone()
    }

    /// Asks for the SOA record upwards. An answer without one names the zone beside it (RFC 2308, 3), unless an alias
    /// led to another zone.
    async fn find(&self, mut name: Name) -> Option<String> {
        while name.num_labels() >= 2 {
            let zone = match self.ask(&name, RecordType::SOA).await.ok()? {
                Found::Records(records) => {
                    let soa = records.iter().find(|record| record.record_type() == RecordType::SOA);
                    soa.map(|record| record.name.clone())
                }
                Found::NoRecord(zone) => zone,
                Found::NoName => None,
            };
            let zone = zone.filter(|zone| zone.zone_of(&name) && zone.num_labels() >= 1);
            if let Some(zone) = zone {
                return (zone.num_labels() >= 2).then(|| text(&zone));
            }
            name = name.base_name();
        }
        None
    }

    async fn servers(&self, zone: &str) -> Result<BTreeMap<String, Server>, String> {
        let name = Name::from_ascii(format!("{zone}.")).map_err(|error| error.to_string())?;
        let Found::Records(records) = self.ask(&name, RecordType::NS).await? else {
            return Ok(BTreeMap::new());
        };
        let mut servers = BTreeMap::new();
        for record in records {
            let RData::NS(ns) = record.data else { continue };
            if servers.len() >= SERVERS {
                break; // more than one is what matters
            }
            let (v4, v6) = tokio::join!(self.ask(&ns.0, RecordType::A), self.ask(&ns.0, RecordType::AAAA));
            let addresses: BTreeSet<IpAddr> = [v4, v6].into_iter().flat_map(family).flatten().collect();
            servers.insert(text(&ns.0), Server { zone: self.of(&ns.0).await, addresses });
        }
        Ok(servers)
    }
}

/// A name without its last dot.
fn text(name: &Name) -> String {
    absolute(name).trim_end_matches('.').to_owned()
}

async fn of_zones(zones: &Arc<Zones>, counts: BTreeMap<String, usize>) -> Vec<Zone> {
    let mut running = JoinSet::new();
    let mut waiting = counts.into_iter();
    let mut all = Vec::new();
    loop {
        while running.len() < AT_ONCE {
            let Some((name, names)) = waiting.next() else { break };
            let zones = Arc::clone(zones);
            running.spawn(async move {
                let servers = zones.servers(&name).await;
                Zone { name, names, servers }
            });
        }
        match running.join_next().await {
            Some(Ok(zone)) => all.push(zone),
            Some(Err(_)) => {} // it was cut off: there is nothing to say of it
            None => break,
        }
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}
