//! `probe`: one target, looked at with an account of every step, and judged. Nothing is stored.

use std::{net::IpAddr, sync::Arc};

use super::{catalogue, revocations, runtime, settings::Settings, source, sweep};
use crate::{
    assess,
    clock::Clock,
    error::Error,
    inventory::{Input, Options, resolve::Resolver, scope::is_fragile},
    model::{
        account::Line,
        disclosure::Disclosure,
        expect,
        finding::Finding,
        ids::SweepId,
        observation::Observation,
        revocation::Revocation,
        service::{Declared, Service},
        verdict::Judgement,
    },
    probe::{self, Job, trace::Aside},
};

/// What is asked.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    /// A host, with a port where it is not the default one.
    pub target: &'a str,
    /// The host name to send instead of the target's.
    pub sni: Option<&'a str>,
    /// What a user must get, as the inventory's column says it.
    pub expect: Option<&'a str>,
    /// How it is asked.
    pub settings: &'a Settings,
    /// Disclosures by id or alias; none: Heartbleed.
    pub disclosures: &'a [String],
}

/// One address of the target, looked at.
#[derive(Debug)]
pub struct Answer {
    /// The target.
    pub service: Arc<Service>,
    /// What was seen.
    pub observation: Observation,
    /// Step by step.
    pub account: Vec<Line>,
    /// What it means, by disclosure.
    pub judgements: Vec<(Arc<Disclosure>, Judgement)>,
    /// What is wrong with what is served.
    pub findings: Vec<Finding>,
    /// Whether what is served is revoked.
    pub revocations: Vec<Revocation>,
}

/// Asks every address of the target, one after the other.
pub fn ask(question: &Question<'_>, incident: &std::path::Path, clock: &Clock) -> Result<Vec<Answer>, Error> {
    let service = Arc::new(service(question)?);
    let catalogue = catalogue::of(incident)?;
    let disclosures: Vec<Arc<Disclosure>> = if question.disclosures.is_empty() {
        vec![catalogue.find("CVE-2014-0160")?]
    } else {
        question.disclosures.iter().map(|d| catalogue.find(d)).collect::<Result<_, _>>()?
    };
    let context = sweep::context(question.settings, clock, SweepId(0))?;
    runtime::start()?.block_on(async {
        let mut answers = Vec::new();
        for address in addresses(&service).await? {
            let job = Job { service: Arc::clone(&service), address, fragile: is_fragile(&service) };
            let aside = Aside::traced();
            let mut looked = probe::look(&job, &context, &aside).await;
            let account = aside.trace.map(probe::trace::Trace::into_lines).unwrap_or_default();
            let stapled = revocations::take_staple(&mut looked, clock.now());
            let known: Vec<Vec<u8>> = looked.issuers.iter().map(|(_, der)| der.clone()).collect();
            let observation = looked.observation;
            let mut checked = Vec::new();
            if !question.settings.offline {
                let served: Vec<_> = observation.certificates().cloned().collect();
                checked = revocations::check(served, &known, clock).await;
            }
            checked.extend(stapled);
            let judge = |d: &Arc<Disclosure>| (Arc::clone(d), assess::judge(&observation, d));
            answers.push(Answer {
                service: Arc::clone(&service),
                judgements: disclosures.iter().map(judge).collect(),
                findings: assess::findings_of(
                    &observation,
                    &service,
                    &checked,
                    clock.now(),
                    &question.settings.policy,
                ),
                account,
                revocations: checked,
                observation,
            });
        }
        Ok(answers)
    })
}

/// The target as one service.
fn service(question: &Question<'_>) -> Result<Service, Error> {
    let text = format!("{}\n", question.target);
    let input = Input::text("TARGET", text);
    let options = Options {
        format: Some("list".to_owned()),
        strict: false,
        default_ports: question.settings.ports.clone(),
        allow_huge: false,
        wrap: question.settings.wrap,
        ..Options::default()
    };
    let loaded =
        source::load(&[input], &[], &options).map_err(|why| Error::Usage(format!("the target: {why}")))?;
    if let Some(bad) = loaded.bad.first() {
        return Err(Error::Usage(format!("the target: {}", bad.message)));
    }
    let mut services = loaded.services.into_iter();
    let (Some(mut service), None) = (services.next(), services.next()) else {
        return Err(Error::Usage("name one target: host, host:port, [v6]:port".to_owned()));
    };
    if service.addresses.len() > 1 {
        return Err(Error::Usage("name one target, not a network; `allclear sweep` takes those".to_owned()));
    }
    if let Some(sni) = question.sni {
        service.sni = Some(Arc::from(sni));
    }
    if let Some(expect) = question.expect {
        expect::parse(expect)
            .map_err(|e| Error::Usage(format!("--expect, character {}: {}", e.column, e.message)))?;
        service.declared = Arc::new(Declared { expect: Some(expect.to_owned()), ..Declared::default() });
    }
    Ok(service)
}

async fn addresses(service: &Service) -> Result<Vec<IpAddr>, Error> {
    if !service.addresses.is_empty() {
        return Ok(service.addresses.to_vec());
    }
    let name = service.display_name();
    Resolver::system().addresses(&name).await.map_err(|why| Error::Input(why.to_string()))
}
