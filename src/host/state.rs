//! All that hosts gave, read and put together by host: the newest of each kind counts.
//!
//! Nothing is merged into one document: which tool saw what stays visible.

use std::{collections::BTreeMap, sync::Arc};

use super::{document, import, pack};
use crate::model::{
    host::{Collector, CopyKind, Document, Gap, Header, HostEvidence, HostState, Look, Origin, Part},
    time::Timestamp,
};

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
    by_name: BTreeMap<String, Vec<HostState>>,
}

impl Hosts {
    /// Takes one piece of evidence; the newest of each kind counts.
    pub fn add(&mut self, evidence: &HostEvidence) -> Result<(), pack::Error> {
        let document = Arc::new(read(evidence)?);
        self.take(evidence, document);
        Ok(())
    }

    /// The same, where the document was read already.
    pub fn take(&mut self, evidence: &HostEvidence, document: Arc<Document>) {
        let states = self.by_name.entry(evidence.host.to_lowercase()).or_default();
        if let Some(failure) = &document.header.coverage.failed {
            if states.is_empty() {
                states.push(new_state(&evidence.host));
            }
            // Which machine of the name it was is not known: none of them can be said to have answered.
            for state in states {
                state.failed = Some((evidence.at, failure.clone()));
            }
            return;
        }
        let look =
            Look { at: evidence.at, origin: evidence.origin, source: evidence.source.clone(), document };
        if evidence.origin != Origin::Document {
            let state = first(states, |_| true, &evidence.host);
            state.others.retain(|other| other.origin != evidence.origin);
            state.others.push(look);
            return;
        }
        let state = first(states, |state| is_same_machine(state, &look.document), &evidence.host);
        state.failed = None;
        take(state, look);
        // An attempt that failed before anything was known of the machine is over now.
        if states.iter().any(|s| s.latest.is_some()) {
            states.retain(|s| s.looks().next().is_some());
        }
    }

    /// Every host, by name.
    pub fn into_states(self) -> Vec<HostState> {
        self.by_name.into_values().flatten().collect()
    }
}

fn new_state(host: &str) -> HostState {
    HostState { host: host.to_owned(), latest: None, failed: None, others: Vec::new() }
}

/// The first state that fits; a new one where none does.
fn first<'a>(
    states: &'a mut Vec<HostState>,
    fits: impl Fn(&HostState) -> bool,
    host: &str,
) -> &'a mut HostState {
    let at = states.iter().position(fits).unwrap_or_else(|| {
        states.push(new_state(host));
        states.len() - 1
    });
    &mut states[at]
}

/// Whether a document is of the machine that a state is of. A state without a document is anyone's.
fn is_same_machine(state: &HostState, document: &Document) -> bool {
    state.latest.as_ref().is_none_or(|look| look.document.header.is_same_machine(&document.header))
}

/// When a document was made: by the host's clock, but not later than we had it.
fn made(look: &Look) -> Timestamp {
    look.document.header.at.min(look.at)
}

/// Puts a document in its place. One that is older than what is known does not count; one that did not look
/// at files leaves what an earlier one saw of them.
fn take(state: &mut HostState, look: Look) {
    let Some(before) = state.latest.take() else {
        state.latest = Some(look);
        return;
    };
    let (newer, older) = if made(&look) >= made(&before) { (look, before) } else { (before, look) };
    let has_files = |look: &Look| look.document.header.coverage.parts.contains(&Part::Files);
    if has_files(&newer) {
        state.others.retain(|other| other.origin != Origin::Document);
    } else if has_files(&older) {
        state.others.retain(|other| other.origin != Origin::Document);
        state.others.push(files_of(older));
    }
    state.latest = Some(newer);
}

/// What an earlier document says of files alone.
fn files_of(mut look: Look) -> Look {
    let document = Arc::make_mut(&mut look.document);
    document.libraries.retain(|l| matches!(l.kind, CopyKind::Disk | CopyKind::Archive));
    document.packages.clear();
    document.processes.clear();
    document.listeners.clear();
    document.firewall.clear();
    document.keys.clear();
    document.updates.clear();
    let coverage = &mut document.header.coverage;
    coverage.parts.retain(|part| matches!(part, Part::Files | Part::Archives));
    coverage.gaps.retain(|gap| matches!(gap.part, Part::Files | Part::Archives | Part::Document));
    look
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        host::pack::pack,
        model::host::{CopyRole, Failure, FailureCode, Library, TlsLibrary},
    };

    /// A document of a host as evidence: its machine, its address, whether it looked at files, its copies.
    fn evidence(at: i64, machine: &str, address: &str, files: bool, copies: &[&str]) -> HostEvidence {
        let at = Timestamp::from_seconds(at);
        let mut header = Header::named("localhost", at, Collector::Binary);
        header.machine = (!machine.is_empty()).then(|| machine.to_owned());
        header.addresses = address.parse().into_iter().collect();
        header.coverage.parts = if files { vec![Part::Files] } else { vec![Part::Processes] };
        let mut document = Document::new(header);
        document.libraries = copies
            .iter()
            .map(|path| {
                Library::new((*path).to_owned(), CopyKind::Disk, TlsLibrary::Openssl, CopyRole::Embeds)
            })
            .collect();
        packed(document, at)
    }

    fn packed(document: Document, at: Timestamp) -> HostEvidence {
        let mut text = Vec::new();
        document::write(document, 0, &mut text).unwrap();
        pack("localhost", Origin::Document, "x.jsonl", at, &text).unwrap()
    }

    fn states(all: &[HostEvidence]) -> Vec<HostState> {
        let mut hosts = Hosts::default();
        for evidence in all {
            hosts.add(evidence).unwrap();
        }
        hosts.into_states()
    }

    fn paths(state: &HostState) -> Vec<&str> {
        state.looks().flat_map(|look| &look.document.libraries).map(|l| l.path.as_str()).collect()
    }

    #[test]
    fn machines_of_one_name_stay_apart() {
        for (a, b, hosts) in [
            (("m1", ""), ("m2", ""), 2),
            (("", "192.0.2.1"), ("", "192.0.2.2"), 2),
            (("m1", "192.0.2.1"), ("", "192.0.2.1"), 1),
            (("m1", "192.0.2.1"), ("m1", "192.0.2.9"), 1),
            (("", ""), ("", ""), 1),
        ] {
            let all = [evidence(1, a.0, a.1, true, &["/a"]), evidence(2, b.0, b.1, true, &["/b"])];
            assert_eq!(states(&all).len(), hosts, "{a:?} {b:?}");
        }
    }

    #[test]
    fn a_quick_look_leaves_what_was_seen_of_files() {
        let all = [evidence(1, "m", "", true, &["/bad"]), evidence(2, "m", "", false, &[])];
        assert_eq!(paths(&states(&all)[0]), ["/bad"]);
        let later = [&all[..], &[evidence(3, "m", "", true, &["/good"])]].concat();
        assert_eq!(paths(&states(&later)[0]), ["/good"]);
        // However late it is taken in, an older document does not count.
        let mut late = evidence(1, "m", "", true, &["/old"]);
        late.at = Timestamp::from_seconds(9);
        let all = [evidence(2, "m", "", true, &["/new"]), late];
        assert_eq!(paths(&states(&all)[0]), ["/new"]);
    }

    #[test]
    fn a_host_that_failed_stays_until_it_answers() {
        let at = Timestamp::from_seconds(5);
        let mut header = Header::named("localhost", at, Collector::Binary);
        header.coverage.failed = Some(Failure { code: FailureCode::Refused, message: "x".to_owned() });
        let failed = packed(Document::new(header), at);
        let good = evidence(6, "m", "", true, &["/a"]);
        assert!(states(std::slice::from_ref(&failed))[0].failed.is_some());
        let found = states(&[failed.clone(), good.clone()]);
        assert_eq!((found.len(), &found[0].failed), (1, &None));
        // The old evidence stays, with the failure beside it.
        let found = states(&[good, failed]);
        assert!(found[0].failed.is_some() && paths(&found[0]) == ["/a"]);
    }
}
