//! Hosts beside the network.

use std::sync::Arc;

use super::*;
use crate::model::{
    disclosure::{Affected, Disclosure, Owed, UPSTREAM},
    host::{
        Collector, CopyKind, CopyRole, Document, Footer, Header, Library, Listener, OnDisk, OpenTo, Part,
        Process, ProcessRole, Protocol, Reach, Replaced, Runner, RunnerKind, TlsLibrary,
    },
    joined::Weight,
    sweep::HostDocument,
};

/// A document: nginx listens on port 443 with an OpenSSL of its own, which has been replaced where `disk` differs.
/// `-` for what runs: nothing listens there any more.
pub(super) fn collected(history: &mut History, place: &str, runs: &str, disk: Option<&str>) {
    history.now = history.now.plus_seconds(60);
    let (name, address) = place.split_once('@').unwrap_or((place, "1"));
    let mut header = Header::named(name, history.now, Collector::Binary);
    header.addresses = vec![IpAddr::V4(Ipv4Addr::new(192, 0, 2, address.parse().expect("a number")))];
    header.coverage.parts = vec![Part::Processes, Part::Exposure, Part::Files];
    header.coverage.complete = true;
    let mut document = Document::new(header);
    document.footer = Some(Footer::default());
    if runs != "-" {
        running(&mut document, runs, disk);
    }
    let document = Arc::new(document);
    history.evidence.hosts.push(HostDocument { host: name.to_owned(), at: history.now, document });
}

fn running(document: &mut Document, runs: &str, disk: Option<&str>) {
    document.processes.push(Process {
        pid: 10,
        ppid: None,
        name: "nginx".into(),
        exe: None,
        exe_deleted: false,
        uid: None,
        user: None,
        started_at: None,
        runner: Some(Runner {
            kind: RunnerKind::Unit,
            name: "nginx.service".into(),
            engine: None,
            caution: false,
        }),
        container: None,
        own_mounts: false,
        role: ProcessRole::Server,
        listens: Vec::new(),
        libraries: Vec::new(),
        holds: Vec::new(),
        readable: true,
    });
    document.listeners.push(Listener {
        protocol: Protocol::Tcp,
        address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        port: 443,
        processes: vec![10],
        program: None,
        tls_library: None,
        open_to: OpenTo { reach: Reach::Anyone, from: Vec::new(), because: String::new() },
        published: None,
        container: None,
    });
    let mut copy = Library::new(
        "/opt/ssl/lib/libssl.so".into(),
        CopyKind::Mapped,
        TlsLibrary::Openssl,
        CopyRole::Embeds,
    );
    copy.version = Some(runs.to_owned());
    copy.processes = vec![10];
    if let Some(disk) = disk {
        copy.replaced = Some(Replaced::Renamed);
        copy.deleted = true;
        copy.on_disk = Some(OnDisk { version: Some(disk.to_owned()), ..OnDisk::default() });
    }
    document.libraries.push(copy);
}

/// Heartbleed's upstream rows; under another id the network cannot tell.
fn disclosure(id: &str) -> Disclosure {
    let mut d = heartbleed();
    d.id = id.into();
    let mut row = Affected::new(UPSTREAM, "openssl", "the advisory");
    row.introduced = Some("1.0.1".into());
    row.fixed = Some("1.0.1g".into());
    d.affected = vec![row];
    d
}

const SEEN: &str = "CVE-2014-0160";
const UNSEEN: &str = "CVE-2099-0001";

fn judged(id: &str, text: &str) -> (ServiceAssessment, Assessment) {
    let history = tell(text);
    let mut policy = Policy { presume: Presume::None, ..Policy::default() };
    policy.rotate_by_policy = false;
    let assessment = assess(&history.evidence, &disclosure(id), &policy, history.now);
    check(&history, &policy);
    (assessment.services[0].clone(), assessment)
}

fn state(id: &str, text: &str) -> String {
    let (a, _) = judged(id, text);
    format!("{} {:?}", a.state, a.verdict.map(|v| v.to_string()).unwrap_or_default()).replace('"', "")
}

#[test]
fn where_the_network_cannot_tell_the_host_decides() {
    for (text, expected) in [
        ("s1; a odd", "unknown inconclusive"),
        ("s1; a odd; host h 1.0.1e", "exposed vulnerable"),
        ("host h 1.0.1e; s1; a odd", "exposed vulnerable"),
        // Fixed on disk, and the old one still runs.
        ("s1; a odd; host h 1.0.1e 1.0.1g", "patched-not-restarted vulnerable"),
        ("s1; a odd; host h 1.0.1e; host h 1.0.1e 1.0.1g", "patched-not-restarted vulnerable"),
        // The old one is not affected: nothing to restart for this.
        ("s1; a odd; host h 1.0.1h 1.0.1i", "awaiting-verification not-vulnerable"),
        // And it clears after the restart; a second document confirms it.
        ("s1; a odd K1; host h 1.0.1e 1.0.1g; host h 1.0.1g", "closed-key-at-risk not-vulnerable"),
        // Removed from the host: neither here nor there.
        ("s1; a odd; host h 1.0.1e; host h -", "unknown inconclusive"),
        // A host where it never listened says nothing.
        ("s1; a odd; host h -", "unknown inconclusive"),
        // Two addresses, one host: the other address stays unknown.
        ("s1; a odd; a@2 odd; host h@1 1.0.1g", "unknown inconclusive"),
        ("s1; a odd; a@2 odd; host h@1 1.0.1g; host i@2 1.0.1g", "awaiting-verification not-vulnerable"),
        ("s1; a odd; a@2 odd; host h@1 1.0.1g; host i@2 1.0.1e", "exposed vulnerable"),
    ] {
        assert_eq!(state(UNSEEN, text), expected, "{text}");
    }
}

#[test]
fn two_hosts_with_one_address_are_nobodys() {
    assert_eq!(state(UNSEEN, "s1; a odd; host h@1 1.0.1e; host i@1 1.0.1e"), "unknown inconclusive");
}

#[test]
fn the_network_outranks_a_host_and_the_contradiction_is_told() {
    for (text, state, code) in [
        // Newer than the clean look: nobody is believed until the next one.
        ("s1; a clean K1; host h 1.0.1e", State::Unknown, Some(Regression::R10)),
        // Older: the network counts; the service may have been repaired since.
        ("s1; host h 1.0.1e; s2; a clean K1", State::ClosedKeyAtRisk, None),
        ("s1; a clean K1; host h 1.0.1e; s2; a clean K1", State::AwaitingVerification, None),
        // Red by the network is red, whatever the package says.
        ("s1; a bad K1; host h 1.0.1g", State::Exposed, None),
        ("s1; host h 1.0.1g; a bad K1", State::Exposed, None),
    ] {
        let (a, _) = judged(SEEN, text);
        assert_eq!(a.state, state, "{text}: {a:#?}");
        assert_eq!(a.conflicts.len(), 1, "{text}");
        assert_eq!(a.regressions.contains(&Regression::R10), code.is_some(), "{text}: {:?}", a.regressions);
        assert_ne!(a.facets.verified.value, FacetValue::Done, "{text}");
        let words = &a.conflicts[0].words;
        assert!(words.contains("by the network") && words.contains("host h"), "{words}");
    }
    // Agreement is no contradiction, and the best evidence there is.
    let (a, _) = judged(SEEN, "s1; a bad K1; host h 1.0.1e; s2; a clean K2; host h 1.0.1g");
    assert!(a.conflicts.is_empty());
    assert_eq!(a.facets.restarted.grade, Some(Grade::E4));
    assert_eq!((a.facets.patched.value, a.facets.patched.grade), (FacetValue::Done, Some(Grade::E4)));
    assert_eq!(a.hosts[0].weight, Weight::Agrees);
}

#[test]
fn a_disputed_look_exposes_no_key_until_the_network_sees_it() {
    let (a, _) = judged(SEEN, "s1; a clean K1; host h 1.0.1e");
    assert!(a.spki_before.is_empty(), "{a:#?}");
    let (a, _) = judged(SEEN, "s1; a clean K1; host h 1.0.1e; s2; a bad K1");
    assert_eq!(a.state, State::Exposed);
    assert_eq!(a.spki_before.len(), 1);
}

#[test]
fn facets_from_hosts_have_their_grades() {
    let (a, _) = judged(UNSEEN, "s1; a odd K1; host h 1.0.1e 1.0.1g");
    assert_eq!((a.facets.patched.value, a.facets.patched.grade), (FacetValue::Done, Some(Grade::E3)));
    assert_eq!(a.facets.restarted.value, FacetValue::Open);
    assert!(a.next_action.contains("nginx.service"), "{}", a.next_action);
    let linkage = a.linkage.unwrap();
    assert_eq!((linkage.value, linkage.grade), (TlsStack::OpensslDynamic, Grade::E3));
    let version = a.version.unwrap();
    assert!(version.value.contains("1.0.1e < 1.0.1g"), "{}", version.value);

    let (a, _) = judged(UNSEEN, "s1; a odd K1; host h 1.0.1e");
    assert_eq!(a.facets.patched.value, FacetValue::Open);
    // Said to be patched, and the host says not.
    let (a, _) = judged(UNSEEN, "s1; a odd K1; a says patched ref; host h 1.0.1e");
    assert_eq!(a.state, State::Contradicted);
    // Said to be patched, and it is; it only was not restarted.
    let (a, _) = judged(UNSEEN, "s1; a odd K1; a says patched ref; host h 1.0.1e 1.0.1g");
    assert_eq!(a.state, State::PatchedNotRestarted);
    let (a, _) = judged(UNSEEN, "s1; a odd K1; a says restarted ref; host h 1.0.1e 1.0.1g");
    assert_eq!(a.state, State::Contradicted);
}

/// The last document of a history, changed.
fn damaged(text: &str, change: impl FnOnce(&mut Document)) -> State {
    let mut history = tell(text);
    let last = history.evidence.hosts.last_mut().expect("a document");
    change(Arc::make_mut(&mut last.document));
    let policy = Policy { presume: Presume::None, ..Policy::default() };
    assess(&history.evidence, &disclosure(UNSEEN), &policy, history.now).services[0].state
}

#[test]
fn what_a_document_lost_may_have_been_the_bad_part() {
    let repaired = "s1; a odd K1; host h 1.0.1e; host h 1.0.1g";
    assert_eq!(damaged(repaired, |_| {}), State::ClosedKeyAtRisk);
    assert_eq!(damaged(repaired, |d| d.footer = None), State::Unknown, "cut off");
    let lost = |d: &mut Document| {
        d.header.coverage.gaps.push(crate::model::host::Gap {
            part: Part::Document,
            what: "unreadable-line".into(),
            count: 1,
            examples: Vec::new(),
        });
    };
    assert_eq!(damaged(repaired, lost), State::Unknown, "a line that could not be read");
    // Another socket on the port, of which nobody knows whose it is.
    let masked = |d: &mut Document| {
        let mut other = d.listeners[0].clone();
        other.processes.clear();
        d.listeners.push(other);
    };
    assert_eq!(damaged(repaired, masked), State::Unknown, "a listener without a process");
    let twice = |d: &mut Document| {
        let mut same = d.processes[0].clone();
        same.readable = false;
        d.processes.insert(0, same);
    };
    assert_eq!(damaged(repaired, twice), State::Unknown, "one process, readable and not");
    // A document of another machine of that name speaks for itself alone.
    let other = |d: &mut Document| {
        d.header.addresses = vec![IpAddr::V4(Ipv4Addr::new(192, 0, 2, 99))];
    };
    assert_ne!(damaged(repaired, other), State::ClosedKeyAtRisk, "another machine");
}

#[test]
fn one_collection_told_twice_confirms_nothing() {
    let mut history = tell("s1; a odd; host h 1.0.1g");
    let mut again = history.evidence.hosts[0].clone();
    again.at = again.at.plus_seconds(1);
    history.evidence.hosts.push(again);
    let mut mild = disclosure(UNSEEN);
    (mild.rotate.keys, mild.rotate.secrets) = (Owed::No, Owed::No);
    let a = assess(&history.evidence, &mild, &Policy::default(), history.now).services[0].clone();
    assert_eq!(a.state, State::AwaitingVerification);
}

#[test]
fn a_waiver_hides_no_old_code_that_runs() {
    let (a, _) = judged(UNSEEN, "s1; a odd K1; host h 1.0.1e 1.0.1g; a waives all 500h");
    assert_eq!(a.state, State::PatchedNotRestarted);
}

#[test]
fn keys_at_the_address_of_a_bad_host_are_exposed() {
    let (a, all) = judged(UNSEEN, "s1; a odd K1; host h 1.0.1e");
    // An odd look shows no key.
    assert!(a.spki_before.is_empty());
    assert_eq!(a.facets.rekeyed.value, FacetValue::Unknown);
    drop(all);
    let (a, _) = judged(UNSEEN, "s1; a clean K1; host h 1.0.1e");
    assert_eq!(a.spki_before.len(), 1, "{a:#?}");
    assert_eq!(a.state, State::Exposed);
    // Nothing of the kind leaks: no key is owed.
    let history = tell("s1; a clean K1; host h 1.0.1e; host h 1.0.1g; host h 1.0.1g");
    let mut mild = disclosure(UNSEEN);
    for owed in [Owed::No, Owed::ByPolicy] {
        (mild.rotate.keys, mild.rotate.secrets) = (owed, owed);
        let a = assess(&history.evidence, &mild, &Policy::default(), history.now).services[0].clone();
        assert_eq!(a.facets.rekeyed.value, FacetValue::NotApplicable);
        assert_eq!(a.state, State::Verified, "{a:#?}");
    }
    let strict = Policy { rotate_by_policy: true, ..Policy::default() };
    let a = assess(&history.evidence, &mild, &strict, history.now).services[0].clone();
    assert_eq!(a.state, State::ClosedKeyAtRisk);
}
