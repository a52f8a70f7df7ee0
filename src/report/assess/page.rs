//! The answer for one disclosure on a terminal: affected hosts first, each with what was compared, who runs it and
//! what to do.

use std::io::{self, Write};

use super::{AssessView, Counts, Host, Scene, Stands, table::nickname, urgency};
use crate::{
    model::{
        facet::State,
        host::{CopiesAssessed, Finding, Look},
        text::printable,
        time::Timestamp,
        verdict::Reason,
    },
    report::{
        Row, explain,
        hosts::{builds, named, number},
        style::{Ink, Screen},
        table::wrap_whole,
    },
};

/// Clean hosts that are named without `-v`.
const NAMED: usize = 5;
/// Services that are written out without `-v`.
const SERVICES: usize = 20;
/// Findings of a host that are written out without `-v`, the worst ones.
const FINDINGS: usize = 20;
/// Things to do on a host that are written out without `-v`.
const ACTS: usize = 12;
/// Gaps of a host that are named without `-v`.
const GAPS: usize = 3;

/// Writes the answer. `whole` names the clean hosts and the finished services as well, and every clean finding.
pub fn text(view: &AssessView<'_>, whole: bool, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
    let page = Page { whole, screen };
    let mut lines = page.headline(view);
    let hosts = view.hosts();
    let of = |wanted: Stands| hosts.iter().filter(move |h| h.stands == wanted);
    for (title, wanted, ink) in [
        ("AFFECTED", Stands::Affected, Ink::Bad),
        ("NOT DECIDED, which is not clean", Stands::Open, Ink::Warn),
        ("GAVE NOTHING, which is not clean", Stands::Silent, Ink::Warn),
        ("SEEN IN PART, nothing open in that; which is not clean", Stands::Part, Ink::Warn),
    ] {
        if of(wanted).next().is_some() {
            lines.push(String::new());
            lines.push(screen.style.paint(ink, title).to_string());
            lines.extend(of(wanted).flat_map(|host| page.host(host)));
        }
    }
    lines.extend(page.clean(&of(Stands::Clean).collect::<Vec<_>>()));
    lines.extend(page.services(&view.rows()));
    lines.iter().try_for_each(|line| writeln!(out, "{line}"))
}

struct Page<'a> {
    whole: bool,
    screen: &'a Screen,
}

impl Page<'_> {
    fn headline(&self, view: &AssessView<'_>) -> Vec<String> {
        let d = view.disclosure;
        let counts = view.counts();
        let called = nickname(d);
        let called = if called.is_empty() { String::new() } else { format!(" ({called})") };
        let title = format!("{}{called}, public since {}: {}", d.id, d.disclosed_at.date(), d.title);
        let mut lines = self.wrapped(Ink::Bold, 0, &title);
        let ink = match counts {
            Counts {
                affected: 0,
                vulnerable_services: 0,
                undecided: 0,
                silent: 0,
                in_part: 0,
                unknown_services: 0,
                ..
            } => Ink::Bold,
            Counts { affected: 0, vulnerable_services: 0, .. } => Ink::Warn,
            _ => Ink::Bad,
        };
        let hosts = format!(
            "{}: {} AFFECTED, {} not decided, {} gave nothing, {} seen in part with nothing open, {} clean",
            number(view.hosts.len(), "host"),
            counts.affected,
            counts.undecided,
            counts.silent,
            counts.in_part,
            counts.clean
        );
        lines.extend(self.wrapped(ink, 0, &hosts));
        if counts.services > 0 {
            let states: Vec<String> = counts.states.iter().map(|(state, n)| format!("{n} {state}")).collect();
            let text = format!("{}: {}", number(counts.services, "service"), states.join(", "));
            lines.extend(self.wrapped(ink, 0, &text));
        }
        lines.extend(self.wrapped(Ink::Dim, 0, &evidence(view)));
        if !d.preconditions.is_empty() {
            lines.extend(self.wrapped(Ink::Plain, 0, &format!("It matters where: {}", d.preconditions)));
        }
        lines
    }

    fn host(&self, host: &Host<'_>) -> Vec<String> {
        let state = &host.judged.state;
        let at = state.looks().map(|l| l.document.header.at).max();
        let at = at.map_or_else(String::new, |at| format!(", as of {}", at.short()));
        let mut lines = self.wrapped(Ink::Bold, 2, &format!("{}{at}", state.host));
        for (look, assessed) in host.looks() {
            lines.extend(self.findings(host.stands, look, assessed));
        }
        let acts: Vec<_> = host.looks().flat_map(|(_, assessed)| &assessed.acts).collect();
        let worked = if self.whole { acts.len() } else { ACTS };
        for act in acts.iter().take(worked) {
            let ink = if act.cuts_people_off() { Ink::Warn } else { Ink::Plain };
            lines.extend(self.wrapped(ink, 4, &format!("do: {}", act.sentence())));
        }
        if acts.len() > worked {
            lines.push(format!("    and {} more things to do; -v shows them", acts.len() - worked));
        }
        let shown = if self.whole { host.gaps.len() } else { GAPS };
        for gap in host.gaps.iter().take(shown) {
            let what = if host.stands == Stands::Silent { "" } else { "not seen: " };
            lines.extend(self.wrapped(Ink::Dim, 4, &format!("{what}{gap}")));
        }
        let more = host.gaps.len().saturating_sub(shown);
        if more > 0 {
            lines.push(format!("    and {more} more that was not seen; -v shows it"));
        }
        if acts.is_empty() && host.stands != Stands::Clean {
            lines.extend(self.wrapped(Ink::Plain, 4, &format!("would decide: {}", would_decide(host))));
        }
        lines
    }

    /// Packages, copies and processes that are as bad as the host, or not known to be better.
    fn findings(&self, stands: Stands, look: &Look, assessed: &CopiesAssessed) -> Vec<String> {
        let document = &look.document;
        let no_worse = matches!(stands, Stands::Clean | Stands::Part);
        let shown = |f: &Finding| self.whole || no_worse || !f.verdict.is_clean();
        let mut all: Vec<(u8, String, &Finding)> = Vec::new();
        for ((container, _, version, _), (packages, finding)) in builds(document, assessed) {
            let mut names: Vec<&str> = packages.iter().map(|p| p.name.as_str()).collect();
            names.dedup();
            let text = format!("package {} {version}{}", names.join(", "), inside(container));
            all.push((urgency(finding.verdict), text, finding));
        }
        let scene = Scene::new(look, assessed);
        for (copy, finding) in scene.copies(look, assessed) {
            let by = scene.units(copy);
            let by = if by.is_empty() { String::new() } else { format!(", run by {by}") };
            let text =
                format!("library {} at {}{}{by}", named(copy), copy.path, inside(copy.container.as_deref()));
            all.push((urgency(finding.verdict), text, finding));
        }
        let untold = Finding::new(crate::model::verdict::Verdict::Inconclusive, Reason::SymbolsUnavailable);
        for old in &assessed.old {
            let finding = old.verdict.as_ref().unwrap_or(&untold);
            let pids: Vec<String> = old.processes.iter().map(u32::to_string).collect();
            let copy = document.libraries.get(old.library);
            let has = copy.map_or_else(String::new, |c| format!(" still has {} from {}", named(c), c.path));
            let by = old.runner.as_ref().map_or_else(String::new, |r| format!(", run by {}", r.name));
            let text = format!(
                "process {} (pid {}){has}{}{by}",
                old.program,
                pids.join(", "),
                inside(old.container.as_deref())
            );
            all.push((urgency(finding.verdict), text, finding));
        }
        all.retain(|(_, _, finding)| shown(finding));
        all.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        let mut lines = Vec::new();
        let more = if self.whole { 0 } else { all.len().saturating_sub(FINDINGS) };
        all.truncate(all.len() - more);
        for (rank, text, finding) in all {
            let ink = match rank {
                0 => Ink::Bad,
                1 => Ink::Warn,
                _ => Ink::Plain,
            };
            let text = format!("{}: {text} ({})", finding.verdict, finding.reason);
            lines.extend(self.wrapped(ink, 4, &text));
            if let Some(compare) = &finding.compare {
                lines.extend(self.wrapped(Ink::Dim, 6, &format!("compared: {compare}")));
            }
        }
        if more > 0 {
            lines.push(format!("    and {more} more, none of them worse; -v shows them"));
        }
        lines
    }

    fn clean(&self, hosts: &[&Host<'_>]) -> Vec<String> {
        if hosts.is_empty() {
            return Vec::new();
        }
        let mut lines = vec![String::new()];
        if self.whole {
            lines.push(self.screen.style.paint(Ink::Good, "CLEAN").to_string());
            for host in hosts {
                lines.extend(self.host(host));
            }
            return lines;
        }
        let names: Vec<&str> = hosts.iter().take(NAMED).map(|h| h.judged.state.host.as_str()).collect();
        let more = hosts.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let text = format!("CLEAN: {}{more}; -v shows why", names.join(", "));
        lines.extend(self.wrapped(Ink::Good, 0, &text));
        lines
    }

    fn services(&self, rows: &[Row<'_>]) -> Vec<String> {
        let mut open: Vec<&Row<'_>> =
            rows.iter().filter(|r| self.whole || !r.entry.state.is_finished()).collect();
        if open.is_empty() {
            return Vec::new();
        }
        open.sort_by_key(|r| r.entry.state);
        let mut lines = vec![String::new(), self.screen.style.paint(Ink::Bold, "SERVICES").to_string()];
        let shown = if self.whole { open.len() } else { SERVICES };
        for row in open.iter().take(shown) {
            lines.extend(self.service(row));
        }
        let more = open.len().saturating_sub(shown);
        if more > 0 {
            lines.push(format!("  and {more} more: {}", self.screen.command("export tracker")));
        }
        lines
    }

    fn service(&self, row: &Row<'_>) -> Vec<String> {
        let entry = row.entry;
        let reason = entry.reason.map_or_else(String::new, |r| format!(" ({r})"));
        let verdict = entry.verdict.map_or_else(|| "never looked at".to_owned(), |v| v.to_string());
        let owner = row.owner().map_or_else(String::new, |o| format!(", {o}"));
        let text = format!("{}{owner}: {}, {verdict}{reason}", row.label(), entry.state);
        let mut lines = self.wrapped(crate::report::state_ink(entry.state), 2, &text);
        if let Some(linkage) = &entry.linkage {
            let text = format!("linkage: {} ({}: {})", linkage.value, linkage.grade, linkage.because);
            lines.extend(self.wrapped(Ink::Plain, 4, &text));
        }
        if let Some(version) = &entry.version {
            let text = format!("version: {} ({}: {})", version.value, version.grade, version.because);
            lines.extend(self.wrapped(Ink::Plain, 4, &text));
        }
        for conflict in &entry.conflicts {
            lines.extend(self.wrapped(Ink::Bad, 4, &format!("CONFLICT: {}", conflict.words)));
        }
        if !entry.state.is_finished() || entry.state == State::Waived {
            lines.extend(self.wrapped(Ink::Plain, 4, &format!("next: {}", entry.next_action)));
        }
        lines
    }

    /// A text on lines of the screen's width.
    fn wrapped(&self, ink: Ink, indent: usize, text: &str) -> Vec<String> {
        let width = self.screen.width.saturating_sub(indent + 2).max(20);
        let lines = wrap_whole(&printable(text), width);
        let blank = |i: usize| " ".repeat(if i == 0 { indent } else { indent + 2 });
        lines
            .iter()
            .enumerate()
            .map(|(i, l)| format!("{}{}", blank(i), self.screen.style.paint(ink, l)))
            .collect()
    }
}

fn inside(container: Option<&str>) -> String {
    container.map_or_else(String::new, |c| format!(" in container {c}"))
}

/// What would settle a host that is not decided.
fn would_decide(host: &Host<'_>) -> &'static str {
    match host.worst.map(|f| f.reason) {
        _ if host.stands == Stands::Silent => "collect it (allclear host collect --ssh HOST)",
        Some(reason) if host.worst.is_some_and(|f| !f.verdict.is_decided()) => settles(reason),
        _ => "collect it again, as root and with its files and archives",
    }
}

fn settles(reason: Reason) -> &'static str {
    match reason {
        Reason::BackportLikely => {
            "its distribution's record for this disclosure (allclear disclosure import FILE), or its changelog"
        }
        Reason::RowUnconfirmed => "a primary record of its distribution (allclear disclosure import FILE)",
        Reason::BranchNotAnalysed => {
            "its maker's word on this branch, or an upgrade to a branch that was analysed"
        }
        Reason::SymbolsUnavailable => {
            "its version or its symbols: ask whoever built it, or collect it as root"
        }
        Reason::BannerOnly => "the file itself: collect the host with its files",
        other => explain::reason(other),
    }
}

/// How old the evidence is, and that nothing was sent for this.
fn evidence(view: &AssessView<'_>) -> String {
    let times = &view.times;
    let documents = number(times.documents, "document");
    let age = |at: Timestamp| format!("{} ({} old)", at.short(), age(times.now.seconds_since(at)));
    match (times.oldest, times.newest) {
        (Some(oldest), Some(newest)) if oldest != newest => format!(
            "From evidence in hand, {documents} of hosts: oldest {}, newest {}; no traffic was sent.",
            age(oldest),
            age(newest)
        ),
        (Some(only), _) | (_, Some(only)) => {
            format!("From evidence in hand, {documents} of hosts: {}; no traffic was sent.", age(only))
        }
        (None, None) => "There is no evidence yet; no traffic was sent.".to_owned(),
    }
}

fn age(seconds: i64) -> String {
    match seconds {
        ..=7199 => format!("{} min", (seconds / 60).max(0)),
        7200..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}
