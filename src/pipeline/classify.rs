//! The three questions of a response over an inventory or an incident: what people declared, their
//! rules, the table of service types and what hosts say, brought together for `classify`.

use std::{collections::BTreeMap, path::Path};

use crate::{
    classify::{Classifier, Seen},
    clock::Clock,
    error::Error,
    model::{
        classified::Classified, ids::RowId, loading::Loaded, policy::Policy, secret::Secret, service::Service,
    },
    pipeline::judged::{self, Choice, Judged},
    remediate::Types,
};

/// Services with their answers, in one order.
#[derive(Debug)]
pub struct Answered {
    /// The services, as people declared them.
    pub services: Vec<Service>,
    /// The secrets that are listed.
    pub secrets: Vec<Secret>,
    /// One for each service.
    pub classified: Vec<Classified>,
}

/// The usual ports of each kind of service, by every word for it.
pub fn type_ports(policy: &Policy) -> Result<BTreeMap<String, Vec<u16>>, Error> {
    let types = types(policy)?;
    let words = types.service_types().iter().flat_map(|kind| {
        let words = std::iter::once(&kind.name).chain(&kind.aliases);
        words.map(|word| (word.clone(), kind.ports.clone()))
    });
    Ok(words.filter(|(_, ports)| !ports.is_empty()).collect())
}

fn types(policy: &Policy) -> Result<std::borrow::Cow<'static, Types>, Error> {
    Types::with(policy).map_err(|e| Error::Input(e.to_string()))
}

pub use crate::classify::fill;

/// Lends the answers for what was loaded, one after another.
pub fn of_loaded<T>(
    loaded: &Loaded,
    policy: &Policy,
    f: impl FnOnce(&mut dyn Iterator<Item = Classified>) -> T,
) -> Result<T, Error> {
    let types = types(policy)?;
    Ok(answers(&loaded.services, &loaded.secrets, policy, &types, &BTreeMap::new(), f))
}

/// Answers for the services of an incident, with what its hosts say.
pub fn of_incident(incident: &Path, choice: &Choice) -> Result<Answered, Error> {
    let judged = judged::load(incident, choice, Clock::System.now())?;
    let seen = seen(&judged);
    let Judged { mut evidence, assessment, types, declared, .. } = judged;
    for (service, declared) in evidence.services.iter_mut().zip(declared) {
        service.declared = declared;
    }
    evidence.secrets.retain(|secret| !secret.implied);
    let (mut services, secrets) = (evidence.services, evidence.secrets);
    let classified = answers(&services, &secrets, &assessment.policy, &types, &seen, |all| all.collect());
    fill(&mut services, &assessment.policy);
    Ok(Answered { services, secrets, classified })
}

fn answers<T>(
    services: &[Service],
    secrets: &[Secret],
    policy: &Policy,
    types: &Types,
    seen: &BTreeMap<RowId, Seen>,
    f: impl FnOnce(&mut dyn Iterator<Item = Classified>) -> T,
) -> T {
    let code = |secret: &Secret| types.secret_type(&secret.kind).code.clone();
    let kind = |service: &Service| types.of_service(service);
    let classifier = Classifier::new(secrets, policy, &kind, &code, seen);
    f(&mut services.iter().map(|service| classifier.answer(service)))
}

/// What hosts say of each service.
fn seen(judged: &Judged) -> BTreeMap<RowId, Seen> {
    let by_hosts = judged.assessment.services.iter().filter(|service| !service.hosts.is_empty());
    by_hosts
        .map(|service| {
            let narrow = |host: &&crate::model::joined::HostView| host.open_to.is_some();
            let last = service.hosts.iter().filter(narrow).max_by_key(|host| host.at);
            let open_to = last.and_then(|host| Some((host.host.clone(), host.open_to.clone()?)));
            let seen_by_host = service.hosts.iter().any(|host| !host.programs.is_empty());
            let stack = service.linkage.clone().filter(|_| seen_by_host);
            (service.row_id.clone(), Seen { stack, open_to })
        })
        .collect()
}
