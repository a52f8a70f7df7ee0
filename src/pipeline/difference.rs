//! What is declared held against what was found: inventories, the incident file, and sweeps over networks, brought
//! together for the comparison. Contacts nothing and writes no evidence.

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::judged::{self, Choice, sound_chain};
use crate::{
    error::Error,
    inventory::diff::{self, Sides},
    model::{
        difference::Difference,
        discovery::{Discovered, PortState, Scan, ScannedHost, TlsSeen},
        facet::State,
        ids::SweepId,
        loading::Loaded,
        observation::{Contact, Observation},
        service::Source,
        sweep::SweepState,
        time::Timestamp,
        wrap::Transport,
    },
    store::Reader,
};

/// The format that the observations of a sweep are told by.
const SWEEP: &str = "sweep";

/// Where the sides come from, besides inventories.
#[derive(Clone, Debug)]
pub struct Beside<'a> {
    /// The incident file; need not exist.
    pub incident: &'a Path,
    /// How it is judged.
    pub choice: Choice,
    /// Incident files of other sweeps, whose observations are what was found.
    pub swept: &'a [PathBuf],
    /// Names and what a resolver says now.
    pub resolved: BTreeMap<String, Vec<IpAddr>>,
    /// When it is.
    pub now: Timestamp,
}

/// Compares what inventories bring, and what the incident file and other sweeps know beside them. Without an inventory
/// that declares, the services of the incident are what is declared.
///
/// # Errors
///
/// Nothing is declared, nothing was found or named, or an incident file cannot be read.
pub fn compare(loaded: &Loaded, beside: &Beside<'_>) -> Result<Difference, Error> {
    let mut sides = Sides::of(loaded);
    sides.resolved.clone_from(&beside.resolved);
    let judged = if beside.incident.exists() {
        let reader = Reader::open(beside.incident)?;
        sides.last = reader.last_addresses(None)?;
        Some(judged::load(beside.incident, &beside.choice, beside.now)?)
    } else {
        None
    };
    let file: Arc<str> = beside.incident.to_string_lossy().into();
    let from_inputs = !sides.declared.is_empty();
    if let Some(judged) = &judged {
        if !from_inputs {
            sides.declared = judged.evidence.services.iter().filter(|s| !diff::only_found(s)).collect();
        }
        let gone = judged.assessment.services.iter().filter(|s| s.state == State::Decommissioned);
        sides.retired.extend(gone.map(|s| (s.row_id.clone(), format!("decommissioned in {file}"))));
    }
    if sides.declared.is_empty() {
        return Err(Error::Input(format!(
            "nothing is declared: no input declares a service, and {file} has none; name an inventory such as a CSV"
        )));
    }
    for path in beside.swept {
        let (discovered, scan) = swept(path)?;
        for one in discovered {
            if let Some(name) = one.names.first() {
                sides.given.insert((one.address, one.transport, one.port), Arc::clone(name));
            }
            sides.discovered.push(one);
        }
        sides.scans.push(scan);
    }
    if sides.scans.is_empty()
        && sides.discovered.is_empty()
        && sides.named.is_empty()
        && sides.zones.is_empty()
    {
        return Err(Error::Input(
            "nothing to compare with: name a scan (nmap, masscan), names (a zone, a hosts file), or a sweep over a \
             network with --swept"
                .to_owned(),
        ));
    }
    let mut difference = diff::compare(&sides);
    if !from_inputs {
        difference.declared_by = vec![format!("the incident {file}").into()];
    }
    Ok(difference)
}

/// What another incident file saw last at each endpoint.
fn swept(path: &Path) -> Result<(Vec<Discovered>, Scan), Error> {
    let reader = Reader::open(path)?;
    sound_chain(&reader, path)?;
    let file: Arc<str> = path.to_string_lossy().into();
    let evidence = reader.evidence()?;
    let sweeps: BTreeMap<SweepId, _> = evidence.sweeps.iter().map(|sweep| (sweep.id, sweep)).collect();
    let Some(last) = evidence.sweeps.last() else {
        return Err(Error::Input(format!("{file} has no sweep, so it tells nothing of what was found")));
    };
    let mut places: BTreeMap<(IpAddr, Transport, u16), Vec<&Observation>> = BTreeMap::new();
    for observation in &evidence.observations {
        let Some(address) = observation.address.filter(|_| says(observation).is_some()) else { continue };
        let at = places.entry((address.to_canonical(), observation.transport, observation.port)).or_default();
        if at.first().is_some_and(|o| o.sweep < observation.sweep) {
            at.clear();
        }
        at.push(observation);
    }
    let mut discovered = Vec::new();
    let mut hosts: BTreeMap<IpAddr, ScannedHost> = BTreeMap::new();
    for ((address, transport, port), looks) in places {
        // One endpoint under several names: what the best look saw is there.
        let Some((state, tls)) = looks.iter().filter_map(|o| says(o)).min_by_key(|s| rank(*s)) else {
            continue;
        };
        let host = hosts.entry(address).or_insert_with(|| ScannedHost {
            address,
            up: false,
            ports: Vec::new(),
            rest: None,
        });
        host.up |= state != PortState::Filtered;
        host.ports.push((transport, port, state));
        if state == PortState::Open {
            discovered.push(found(&file, (address, transport, port), tls, &looks));
        }
    }
    let started_at = sweeps.values().map(|sweep| sweep.started_at).min();
    let complete = last.state == SweepState::Finished;
    let hosts = hosts.into_values().collect();
    Ok((discovered, Scan { file, started_at, complete, ports: Vec::new(), hosts }))
}

fn found(
    file: &Arc<str>,
    (address, transport, port): (IpAddr, Transport, u16),
    tls: TlsSeen,
    looks: &[&Observation],
) -> Discovered {
    let answered = || looks.iter().filter(|o| o.contact == Contact::Answered);
    let mut names: Vec<Arc<str>> = looks.iter().filter_map(|o| o.name.clone()).collect();
    let mut certificate_names: Vec<Arc<str>> = Vec::new();
    for certificate in looks.iter().flat_map(|o| o.certificates()) {
        certificate_names.extend(certificate.names.iter().map(|name| name.as_str().into()));
        // A forgotten server's certificate is often an old one, which names its host there alone.
        let common = certificate.common_names().into_iter();
        certificate_names.extend(common.filter(|name| !name.contains(' ')).map(Arc::from));
    }
    for list in [&mut names, &mut certificate_names] {
        list.sort_unstable();
        list.dedup();
    }
    let sweep = looks.first().map_or(SweepId(0), |o| o.sweep);
    Discovered {
        address,
        port,
        transport,
        names,
        service: None,
        tls,
        wrap: answered().map(|o| o.wrap).next(),
        certificate_names,
        at: looks.iter().map(|o| o.at).max(),
        source: Source {
            format: SWEEP.into(),
            file: Arc::clone(file),
            line: sweep.0,
            path: Some(format!("sweep {sweep}").into()),
        },
    }
}

/// What a look says of its port; `None` where it says nothing.
fn says(observation: &Observation) -> Option<(PortState, TlsSeen)> {
    let udp = observation.transport == Transport::Udp;
    Some(match observation.contact {
        Contact::Answered | Contact::HandshakeFailed => (PortState::Open, TlsSeen::Yes),
        Contact::NotTls | Contact::StarttlsRefused => (PortState::Open, TlsSeen::No),
        Contact::ProbeTimedOut if udp => (PortState::Filtered, TlsSeen::Maybe),
        Contact::ClosedEarly | Contact::ProbeTimedOut | Contact::RateLimited => {
            (PortState::Open, TlsSeen::Maybe)
        }
        Contact::Refused => (PortState::Closed, TlsSeen::No),
        Contact::ConnectTimedOut | Contact::NoRoute | Contact::Blocked => {
            (PortState::Filtered, TlsSeen::Maybe)
        }
        Contact::DnsFailed | Contact::Skipped | Contact::LocalError | Contact::Interrupted => return None,
    })
}

/// The better look first: open with TLS, open, closed, no answer.
fn rank((state, tls): (PortState, TlsSeen)) -> u8 {
    match (state, tls) {
        (PortState::Open, TlsSeen::Yes) => 0,
        (PortState::Open, TlsSeen::No) => 1,
        (PortState::Open, TlsSeen::Maybe) => 2,
        (PortState::Closed, _) => 3,
        (PortState::Filtered, _) => 4,
    }
}
