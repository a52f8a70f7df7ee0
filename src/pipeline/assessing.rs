//! Stored evidence judged against any disclosure of the catalogue: hosts and services together, without traffic.

use std::{path::Path, sync::Arc};

use super::{
    hosts,
    judged::{self, Choice, Read},
};
use crate::{
    assess::{self, BuildIds},
    error::Error,
    model::{disclosure::Disclosure, observation::Observation, time::Timestamp},
    pipeline::catalogue,
    report::{
        self, View,
        assess::{AssessView, Times},
    },
};

/// Against what.
#[derive(Clone, Copy, Debug)]
pub enum Asked<'a> {
    /// Every disclosure of the catalogue.
    All,
    /// These, by id or alias.
    These(&'a [String]),
    /// The one that the incident began with.
    TheIncidents,
}

/// An incident file that was read, and the disclosures that it is to be judged against.
#[derive(Debug)]
pub struct Case {
    read: Read,
    builds: BuildIds,
    /// The disclosures, in the order asked for.
    pub disclosures: Vec<Arc<Disclosure>>,
}

/// Reads the incident file, and finds the disclosures.
pub fn open(incident: &Path, asked: Asked<'_>, choice: &Choice) -> Result<Case, Error> {
    let read = judged::evidence(incident, choice)?;
    let first = read.evidence.incident.disclosures.first().map(String::as_str);
    let disclosures = match asked {
        Asked::All => read.catalogue.iter().cloned().collect(),
        Asked::These(names) => {
            names.iter().map(|name| read.catalogue.find(name)).collect::<Result<_, _>>()?
        }
        Asked::TheIncidents => vec![catalogue::chosen(&read.catalogue, None, first)?],
    };
    Ok(Case { builds: assess::builds(&read.evidence.hosts), read, disclosures })
}

impl Case {
    /// Judges everything against one disclosure, and lends what reports are views of.
    pub fn judge<T>(
        &self,
        disclosure: &Arc<Disclosure>,
        choice: &Choice,
        now: Timestamp,
        f: impl FnOnce(&AssessView<'_>) -> T,
    ) -> Result<T, Error> {
        let evidence = &self.read.evidence;
        let hosts = hosts::judge_all(&self.read.hosts, &self.builds, disclosure.clone()).hosts;
        let assessment = judged::against(&self.read, &self.builds, disclosure, choice, now)?;
        let judge = |observation: &Observation| assess::judge(observation, disclosure);
        let judged = [report::Judged { assessment: &assessment, judge: &judge, changes: &[] }];
        let view = View::new(evidence, &judged);
        let mut times = Times::of(&hosts, now);
        let seen = evidence.observations.iter().map(|o| o.at);
        for at in [seen.clone().min(), seen.max()].into_iter().flatten() {
            times = times.with(at);
        }
        let services = (!evidence.services.is_empty()).then_some(&view);
        Ok(f(&AssessView { disclosure, hosts: &hosts, services, times }))
    }
}
