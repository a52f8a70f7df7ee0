//! The three questions of a response over an inventory or an incident: what people declared, their
//! rules, the table of service types and what hosts say, brought together for `classify`.

use std::{collections::BTreeMap, path::Path};

use rayon::prelude::*;

use crate::{
    classify::{Classifier, Seen},
    clock::Clock,
    error::Error,
    model::{
        classified::{Classified, Counts},
        ids::RowId,
        kinds::ServiceType,
        loading::Loaded,
        policy::Policy,
        secret::Secret,
        service::Service,
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

/// The answers for what was loaded, in its order.
pub fn of_loaded(loaded: &Loaded, policy: &Policy) -> Result<Vec<Classified>, Error> {
    let types = types(policy)?;
    Ok(answers(&loaded.services, &loaded.secrets, policy, &types, &BTreeMap::new()))
}

/// How many services have which answers. No answer is held: there may be a million.
pub fn counts(loaded: &Loaded, policy: &Policy) -> Result<Counts, Error> {
    let types = types(policy)?;
    let (code, kind) = words(&types);
    let seen = BTreeMap::new();
    let classifier = Classifier::new(&loaded.secrets, policy, &kind, &code, &seen);
    let count = |mut counts: Counts, service| {
        counts.add(&classifier.answer(service));
        counts
    };
    Ok(loaded.services.par_iter().fold(Counts::default, count).reduce(Counts::default, Counts::with))
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
    let classified = answers(&services, &secrets, &assessment.policy, &types, &seen);
    fill(&mut services, &assessment.policy);
    Ok(Answered { services, secrets, classified })
}

fn answers(
    services: &[Service],
    secrets: &[Secret],
    policy: &Policy,
    types: &Types,
    seen: &BTreeMap<RowId, Seen>,
) -> Vec<Classified> {
    let (code, kind) = words(types);
    let classifier = Classifier::new(secrets, policy, &kind, &code, seen);
    services.iter().map(|service| classifier.answer(service)).collect()
}

/// What a secret's type is called, and of which kind a service is, by the tables in force.
fn words<'t>(
    types: &'t Types,
) -> (impl Fn(&Secret) -> String + Sync, impl Fn(&Service) -> &'t ServiceType + Sync) {
    (|secret| types.secret_type(&secret.kind).code.clone(), |service| types.of_service(service))
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
