//! All that hosts gave, read and put together by host: the newest of each kind counts.
//!
//! Nothing is merged into one document: which tool saw what stays visible.

use std::collections::BTreeMap;

use super::{document, import, pack};
use crate::model::host::{Collector, Document, Gap, Header, HostEvidence, HostState, Look, Origin, Part};

/// Reads one piece of evidence. What cannot be read of it is a gap of its coverage; only a stored text that
/// is not what was recorded is an error.
pub fn read(evidence: &HostEvidence) -> Result<Document, pack::Error> {
    let text = pack::unpack(evidence)?;
    if evidence.origin != Origin::Document {
        return Ok(import::read(evidence.origin, &text, &evidence.host, evidence.at));
    }
    Ok(document::read(&text).unwrap_or_else(|error| unreadable(evidence, &error.to_string())))
}

/// A document that this build cannot read at all: a later release may.
fn unreadable(evidence: &HostEvidence, reason: &str) -> Document {
    let mut header = Header::named(&evidence.host, evidence.at, Collector::Import);
    header.coverage.gaps.push(Gap {
        part: Part::Document,
        what: "unreadable".to_owned(),
        count: 1,
        examples: vec![reason.to_owned()],
    });
    Document::new(header)
}

/// The hosts, by name; a name that several machines go by is several hosts.
#[derive(Debug, Default)]
pub struct Hosts {
    by_name: BTreeMap<(String, String), HostState>,
}

impl Hosts {
    /// Takes one piece of evidence; the later one counts.
    pub fn add(&mut self, evidence: &HostEvidence) -> Result<(), pack::Error> {
        let document = read(evidence)?;
        let name = evidence.host.to_lowercase();
        let failure = document.header.coverage.failed.clone();
        if let Some(failure) = failure {
            self.failed(&name, evidence, &failure);
            return Ok(());
        }
        let machine = document.header.machine.clone().unwrap_or_default();
        let look =
            Look { at: evidence.at, origin: evidence.origin, source: evidence.source.clone(), document };
        if evidence.origin == Origin::Document {
            let state = self.entry(&name, &machine, &evidence.host);
            state.latest = Some(look);
            state.failed = None;
            // An attempt that failed before anything was known of the machine is over now.
            if !machine.is_empty()
                && let Some(nameless) = self.by_name.get(&(name.clone(), String::new()))
                && nameless.latest.is_none()
                && nameless.others.is_empty()
            {
                self.by_name.remove(&(name, String::new()));
            }
        } else {
            let state = self.any(&name, &evidence.host);
            state.others.retain(|other| other.origin != evidence.origin);
            state.others.push(look);
        }
        Ok(())
    }

    /// Every host, by name.
    pub fn into_states(self) -> Vec<HostState> {
        self.by_name.into_values().collect()
    }

    fn failed(&mut self, name: &str, evidence: &HostEvidence, failure: &crate::model::host::Failure) {
        let mut known = false;
        for ((host, _), state) in &mut self.by_name {
            if host == name {
                state.failed = Some((evidence.at, failure.clone()));
                known = true;
            }
        }
        if !known {
            self.entry(name, "", &evidence.host).failed = Some((evidence.at, failure.clone()));
        }
    }

    fn entry(&mut self, name: &str, machine: &str, shown: &str) -> &mut HostState {
        self.by_name.entry((name.to_owned(), machine.to_owned())).or_insert_with(|| HostState {
            host: shown.to_owned(),
            latest: None,
            failed: None,
            others: Vec::new(),
        })
    }

    /// The host of this name, whatever the machine; a new one where there is none.
    fn any(&mut self, name: &str, shown: &str) -> &mut HostState {
        let key = self.by_name.keys().find(|(host, _)| host == name).cloned();
        let (_, machine) = key.unwrap_or_default();
        self.entry(name, &machine, shown)
    }
}
