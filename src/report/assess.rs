//! "Where do we run it?": the answer for one disclosure from everything that was collected, and a short table for
//! many. Nothing is contacted for it.
//!
//! Verdicts come judged. A host counts as clean only where its own document was read whole and nothing in it is
//! open: what was not seen is never clean.

mod json;
mod page;
mod table;

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{
    disclosure::Disclosure,
    facet::State,
    host::{CopiesAssessed, Finding, HostJudged, Library, Look, Origin, Process},
    time::Timestamp,
    verdict::Verdict,
};

use super::{
    Row, View,
    hosts::number,
    tally::{Standing, Tally},
};

pub use json::{SCHEMA, json};
pub use page::text;
pub use table::{TableRow, table};

/// How old the evidence is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// The time at which it was judged.
    pub now: Timestamp,
    /// The oldest evidence that the answer rests on.
    pub oldest: Option<Timestamp>,
    /// The newest.
    pub newest: Option<Timestamp>,
    /// Documents of hosts.
    pub documents: usize,
}

impl Times {
    /// The times of the documents of hosts; what the network showed can widen them.
    pub fn of(hosts: &[HostJudged], now: Timestamp) -> Self {
        let looks = || hosts.iter().flat_map(|h| h.state.looks());
        let at = || looks().map(|l| l.document.header.at.min(l.at));
        Self { now, oldest: at().min(), newest: at().max(), documents: looks().count() }
    }

    /// The same with one more piece of evidence.
    #[must_use]
    pub fn with(self, at: Timestamp) -> Self {
        Self {
            oldest: Some(self.oldest.map_or(at, |o| o.min(at))),
            newest: Some(self.newest.map_or(at, |n| n.max(at))),
            ..self
        }
    }
}

/// Everything that is known of one disclosure.
#[derive(Clone, Copy)]
pub struct AssessView<'a> {
    /// The disclosure.
    pub disclosure: &'a Disclosure,
    /// Every host, judged against it.
    pub hosts: &'a [HostJudged],
    /// The services of an incident, where there is one; those judged against the disclosure are shown.
    pub services: Option<&'a View<'a>>,
    /// How old the evidence is.
    pub times: Times,
}

impl<'a> AssessView<'a> {
    /// The services judged against this disclosure, in the tracker's order.
    fn rows(&self) -> Vec<Row<'a>> {
        let mut rows = self.services.map(View::rows).unwrap_or_default();
        rows.retain(|r| r.entry.disclosure == self.disclosure.id);
        rows
    }

    /// Every host as it is shown, the worst first, then by name.
    fn hosts(&self) -> Vec<Host<'a>> {
        let mut hosts: Vec<Host<'a>> = self.hosts.iter().map(Host::of).collect();
        hosts.sort_by(|a, b| (a.stands, &a.judged.state.host).cmp(&(b.stands, &b.judged.state.host)));
        hosts
    }

    /// The headline's numbers.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for host in self.hosts {
            match Host::of(host).stands {
                Stands::Affected => counts.affected += 1,
                Stands::Open => counts.undecided += 1,
                Stands::Silent => counts.silent += 1,
                Stands::Part => counts.in_part += 1,
                Stands::Clean => counts.clean += 1,
            }
        }
        let rows = self.rows();
        for row in &rows {
            *counts.states.entry(row.entry.state).or_default() += 1;
        }
        let tally = Tally::of(rows);
        counts.vulnerable_services = tally.vulnerable.len();
        counts.unknown_services = tally.unknown.len();
        let clean = |r: &&Row<'_>| Standing::of(r) == Standing::Clean;
        counts.clean_services = tally.rows.iter().filter(clean).count();
        counts.services = tally.rows.len();
        counts
    }
}

/// The headline's numbers. Each host is in exactly one of the first five.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Hosts with something vulnerable.
    pub affected: usize,
    /// Hosts where something could not be decided, and nothing is known to be vulnerable.
    pub undecided: usize,
    /// Hosts that gave nothing.
    pub silent: usize,
    /// Hosts that were seen in part, and nothing is open in what was seen.
    pub in_part: usize,
    /// Hosts that were seen whole and have nothing of it, or a fixed version.
    pub clean: usize,
    /// Services.
    pub services: usize,
    /// Services that the last look found vulnerable.
    pub vulnerable_services: usize,
    /// Services that nobody could judge.
    pub unknown_services: usize,
    /// Services whose last look was clean.
    pub clean_services: usize,
    /// Services by state; states without any are left out.
    pub states: BTreeMap<State, usize>,
}

/// Where a host stands, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stands {
    Affected,
    Open,
    Silent,
    Part,
    Clean,
}

impl Stands {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Affected => "affected",
            Self::Open => "not-decided",
            Self::Silent => "gave-nothing",
            Self::Part => "seen-in-part",
            Self::Clean => "clean",
        }
    }
}

/// Where a host stands in one word, and the finding that decides it.
pub(super) fn stands(host: &HostJudged) -> (&'static str, Option<&Finding>) {
    let shown = Host::of(host);
    (shown.stands.as_str(), shown.worst)
}

/// One host as it is shown.
struct Host<'a> {
    judged: &'a HostJudged,
    stands: Stands,
    /// The worst finding.
    worst: Option<&'a Finding>,
    /// What was not seen, in words.
    gaps: Vec<String>,
}

impl<'a> Host<'a> {
    fn of(judged: &'a HostJudged) -> Self {
        let gaps = gaps(judged);
        let worst = findings(judged).min_by_key(|f| urgency(f.verdict));
        // What runs and was not told is a copy that nobody could judge.
        let untold = judged.assessed.iter().flat_map(|a| &a.old).any(|old| old.verdict.is_none());
        let stands = match worst.map(|f| f.verdict) {
            _ if judged.state.looks().next().is_none() => Stands::Silent,
            Some(Verdict::Vulnerable) => Stands::Affected,
            Some(verdict) if !verdict.is_decided() => Stands::Open,
            _ if untold || judged.state.failed.is_some() => Stands::Open,
            _ if !gaps.is_empty() => Stands::Part,
            _ => Stands::Clean,
        };
        Self { judged, stands, worst, gaps }
    }

    fn looks(&self) -> impl Iterator<Item = (&'a Look, &'a CopiesAssessed)> {
        self.judged.state.looks().zip(&self.judged.assessed)
    }
}

/// Every finding of a host: packages, copies, and what runs with an old one.
fn findings(host: &HostJudged) -> impl Iterator<Item = &Finding> {
    host.assessed.iter().flat_map(|a| {
        let old = a.old.iter().filter_map(|o| o.verdict.as_ref());
        a.packages.iter().flatten().chain(a.verdicts.iter().flatten()).chain(old)
    })
}

fn urgency(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Vulnerable => 0,
        v if v.is_clean() => 2,
        _ => 1,
    }
}

/// Who runs the copies of one document.
struct Scene<'a> {
    /// What runs each process: its unit, or its name where no unit does.
    runners: BTreeMap<u32, &'a str>,
    /// The copies that are spoken of by what runs them, as old ones.
    old: BTreeSet<usize>,
}

impl<'a> Scene<'a> {
    fn new(look: &'a Look, assessed: &CopiesAssessed) -> Self {
        let runner = |p: &'a Process| (p.pid, p.runner.as_ref().map_or(p.name.as_str(), |r| r.name.as_str()));
        Self {
            runners: look.document.processes.iter().map(runner).collect(),
            old: assessed.old.iter().map(|old| old.library).collect(),
        }
    }

    /// The copies with a verdict, without those that run as old ones.
    fn copies(
        &self,
        look: &'a Look,
        assessed: &'a CopiesAssessed,
    ) -> impl Iterator<Item = (&'a Library, &'a Finding)> {
        let all = look.document.libraries.iter().zip(&assessed.verdicts).enumerate();
        all.filter(|(i, _)| !self.old.contains(i)).filter_map(|(_, (copy, f))| Some((copy, f.as_ref()?)))
    }

    /// The units that run a copy, separated by commas.
    fn units(&self, copy: &Library) -> String {
        let units: BTreeSet<&str> =
            copy.processes.iter().filter_map(|pid| self.runners.get(pid)).copied().collect();
        units.into_iter().collect::<Vec<_>>().join(", ")
    }
}

/// What of a host was not seen, and so may hold what nobody knows of.
fn gaps(host: &HostJudged) -> Vec<String> {
    let mut gaps = Vec::new();
    if let Some((at, failure)) = &host.state.failed {
        gaps.push(format!("gave nothing on {}: {}: {}", at.short(), failure.code, failure.message));
    }
    let Some(look) = &host.state.latest else {
        if host.state.failed.is_none() || !host.state.others.is_empty() {
            gaps.push("only the output of other tools was read, which shows a part".to_owned());
        }
        return gaps;
    };
    let coverage = &look.document.header.coverage;
    if let Some(failure) = &coverage.failed {
        gaps.push(format!("gave nothing: {}: {}", failure.code, failure.message));
    }
    for gap in &coverage.gaps {
        let example = gap.examples.first().map_or_else(String::new, |e| format!(", such as {e}"));
        gaps.push(format!("{}: {} ({}{example})", gap.part, gap.what, gap.count));
    }
    if look.document.footer.is_none() && look.origin == Origin::Document {
        gaps.push("its document was cut off".to_owned());
    }
    let closed = coverage.counts.get("archives_not_opened").copied().unwrap_or(0);
    if closed > 0 {
        gaps.push(format!("{} not opened", number(closed.try_into().unwrap_or(usize::MAX), "archive was")));
    }
    if gaps.is_empty() && !coverage.complete {
        gaps.push("it was seen in part".to_owned());
    }
    gaps
}
