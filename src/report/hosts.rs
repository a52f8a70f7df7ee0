//! What hosts say of their TLS libraries: for a terminal, and one JSON object a copy.
//!
//! Verdicts come judged. What could not be seen stands beside every answer: a host that was seen in part is
//! never shown as clean.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::{self, Write},
};

use crate::model::{
    disclosure::Disclosure,
    host::{CopiesAssessed, CopyRole, Document, Finding, HostJudged, Library, Look, Origin, Package},
    text::printable,
    verdict::Verdict,
};

use super::{
    style::{Ink, Screen},
    table::{self, Column, Table},
};

mod facts;
mod head;
mod lines;
mod words;

pub use head::summary;
pub use lines::{SCHEMA, jsonl};

use words::{
    compared, from, old_sentence, place, provenance, restart_words, runner_words, runners, urgency,
    verdict_ink,
};
pub(super) use words::{named, number};

/// Rows of a list that are shown without `-v`.
const FEW: usize = 12;

/// Columns that a table may take: the terminal breaks a line that is too long, but a path that was cut leads
/// nowhere.
const WHOLE: usize = 10_000;

/// Writes every host, after a line that sums them up. `whole` shows every row of every list.
pub fn text(
    disclosure: &Disclosure,
    hosts: &[HostJudged],
    whole: bool,
    screen: &Screen,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut lines = head::lines(disclosure, hosts, screen);
    let mut ordered: Vec<&HostJudged> = hosts.iter().collect();
    ordered.sort_by_key(|host| head::rank(host));
    for host in ordered {
        lines.push(String::new());
        lines.extend(Page { host, whole, screen }.lines());
    }
    lines.iter().try_for_each(|line| writeln!(out, "{line}"))
}

/// Packages of one build, and what they mean: those of one container, source, version and finding.
pub(super) type Builds<'a> =
    BTreeMap<(Option<&'a str>, &'a str, &'a str, String), (Vec<&'a Package>, &'a Finding)>;

/// Packages that were built from the same sources and mean the same, together.
pub(super) fn builds<'a>(document: &'a Document, assessed: &'a CopiesAssessed) -> Builds<'a> {
    let mut builds = Builds::new();
    for (package, finding) in document.packages.iter().zip(&assessed.packages) {
        let Some(finding) = finding else { continue };
        let means =
            format!("{} {} {}", finding.verdict, finding.reason, compared(finding).unwrap_or_default());
        let build = (package.container.as_deref(), package.source.as_str(), package.version.as_str(), means);
        builds.entry(build).or_insert_with(|| (Vec::new(), finding)).0.push(package);
    }
    builds
}

/// One host on a terminal.
struct Page<'a> {
    host: &'a HostJudged,
    whole: bool,
    screen: &'a Screen,
}

impl Page<'_> {
    fn lines(&self) -> Vec<String> {
        let state = &self.host.state;
        let mut lines = vec![self.screen.style.paint(Ink::Bold, &printable(&state.host)).to_string()];
        if let Some((at, failure)) = &state.failed {
            let text = format!("  gave nothing on {}: {}: {}", at.short(), failure.code, failure.message);
            lines.push(self.paint(Ink::Bad, &text));
        }
        if state.looks().next().is_none() {
            lines.push(self.paint(Ink::Warn, "  nothing is known of what it runs"));
        }
        for (look, assessed) in state.looks().zip(&self.host.assessed) {
            lines.extend(self.look(look, assessed));
        }
        lines
    }

    fn look(&self, look: &Look, assessed: &CopiesAssessed) -> Vec<String> {
        let document = &look.document;
        let mut lines = vec![self.paint(Ink::Dim, &format!("  {}", provenance(look)))];
        lines.extend(self.old(document, assessed));
        lines.extend(self.asked_for(look));
        lines.extend(self.running(document, assessed));
        lines.extend(self.packages(document, assessed));
        lines.extend(self.to_do(assessed));
        lines.extend(self.copies(document, assessed));
        lines.extend(self.users(document));
        lines.extend(self.listeners(document));
        lines.extend(self.keys(document));
        lines.extend(self.firewall(document));
        lines.extend(self.updates(document));
        lines.extend(self.gaps(document));
        lines
    }

    fn old(&self, document: &Document, assessed: &CopiesAssessed) -> Vec<String> {
        if assessed.old.is_empty() {
            return Vec::new();
        }
        let mut lines = vec![self.paint(Ink::Bold, "  Runs an old copy")];
        // Those that are clean for this disclosure come last and are many after any upgrade.
        let open =
            assessed.old.iter().take_while(|old| !old.verdict.as_ref().is_some_and(|f| f.verdict.is_clean()));
        let open = open.count();
        let shown = if self.whole { assessed.old.len() } else { assessed.old.len().min(open + 2) };
        for (i, old) in assessed.old.iter().take(shown).enumerate() {
            let Some(copy) = document.libraries.get(old.library) else { continue };
            let ink = old.verdict.as_ref().map_or(Ink::Warn, |f| verdict_ink(f.verdict));
            lines.extend(self.wrapped(ink, 4, &old_sentence(old, copy)));
            lines.extend(
                old.verdict.as_ref().and_then(|f| self.compared("in memory", f)).into_iter().flatten(),
            );
            lines.extend(
                old.disk_verdict.as_ref().and_then(|f| self.compared("on disk", f)).into_iter().flatten(),
            );
            if !assessed.acts.is_empty() {
                continue; // said below, for all of the host at once
            }
            let words = restart_words(old);
            // libssl and libcrypto of one process need the same, said once.
            let again = assessed.old.get(i + 1).is_some_and(|next| {
                next.processes == old.processes && next.runner == old.runner && restart_words(next) == words
            });
            if !again || i + 1 == shown {
                lines.extend(self.wrapped(Ink::Plain, 6, &words));
            }
        }
        lines.extend(self.more(assessed.old.len() - shown, "that are clean for this disclosure"));
        lines
    }

    /// What runs a vulnerable copy that is the file on disk as well: it is repaired there first.
    fn running(&self, document: &Document, assessed: &CopiesAssessed) -> Vec<String> {
        let mut lines = Vec::new();
        for (copy, verdict) in document.libraries.iter().zip(&assessed.verdicts) {
            let vulnerable = verdict.as_ref().is_some_and(|f| f.verdict == Verdict::Vulnerable);
            if !vulnerable || copy.processes.is_empty() || copy.replaced.is_some() || copy.deleted {
                continue;
            }
            let of = |pid: &u32| document.processes.iter().find(|p| p.pid == *pid);
            let mut runners: Vec<String> = copy
                .processes
                .iter()
                .filter_map(of)
                .map(|p| p.runner.as_ref().map_or_else(|| format!("restart {}", p.name), runner_words))
                .collect();
            runners.sort();
            runners.dedup();
            let pids: Vec<String> = copy.processes.iter().map(u32::to_string).collect();
            let then = if assessed.acts.is_empty() {
                format!(". Install or build a fixed version first, then: {}", runners.join("; "))
            } else {
                String::new()
            };
            let text = format!("pid {} runs {} from {}{then}", pids.join(", "), named(copy), copy.path);
            lines.extend(self.wrapped(Ink::Bad, 4, &text));
        }
        if !lines.is_empty() {
            lines.insert(0, self.paint(Ink::Bold, "  Runs a vulnerable copy"));
        }
        lines
    }

    /// What needrestart asks to be restarted: it names no library, so there is nothing to judge.
    fn asked_for(&self, look: &Look) -> Vec<String> {
        if look.origin != Origin::Needrestart || look.document.processes.is_empty() {
            return Vec::new();
        }
        let mut lines = vec![self.paint(Ink::Bold, "  To be restarted for some library, by needrestart")];
        for process in &look.document.processes {
            let what = process.runner.as_ref().map_or_else(|| process.name.clone(), runner_words);
            lines.extend(self.wrapped(Ink::Warn, 4, &what));
        }
        lines
    }

    /// The packages that the disclosure is about; those of one source and version together.
    fn packages(&self, document: &Document, assessed: &CopiesAssessed) -> Vec<String> {
        let mut lines = Vec::new();
        for ((container, source, version, _), (packages, finding)) in builds(document, assessed) {
            let mut names: Vec<&str> = packages.iter().map(|p| p.name.as_str()).collect();
            names.dedup();
            let since = packages.iter().filter_map(|p| p.installed_at).max();
            let since = since.map_or_else(String::new, |at| format!(", since {}", at.short()));
            let before = packages.iter().find_map(|p| p.upgraded_from.as_deref());
            let before = before.map_or_else(String::new, |old| format!(", previously {old}"));
            let inside = container.map_or_else(String::new, |c| format!(" in container {c}"));
            let text = format!(
                "Packages of {source}{inside}: {version} ({}){since}{before}: {}, {}",
                names.join(", "),
                finding.verdict,
                finding.reason
            );
            let ink = if finding.verdict.is_clean() { Ink::Plain } else { verdict_ink(finding.verdict) };
            lines.extend(self.wrapped(ink, 2, &text));
            lines.extend(self.compared("", finding).into_iter().flatten());
        }
        lines
    }

    /// What has to be done on the host, in order.
    fn to_do(&self, assessed: &CopiesAssessed) -> Vec<String> {
        if assessed.acts.is_empty() {
            return Vec::new();
        }
        let mut lines = vec![self.paint(Ink::Bold, "  To do")];
        for (i, act) in assessed.acts.iter().enumerate() {
            let ink = if act.cuts_people_off() { Ink::Warn } else { Ink::Plain };
            lines.extend(self.wrapped(ink, 4, &format!("{}. {}", i + 1, act.sentence())));
        }
        lines
    }

    /// What was compared, on lines of its own under what it decided.
    fn compared(&self, what: &str, finding: &Finding) -> Option<Vec<String>> {
        let what = if what.is_empty() { String::new() } else { format!("{what}, ") };
        Some(self.wrapped(Ink::Dim, 6, &format!("{what}compared: {}", compared(finding)?)))
    }

    fn copies(&self, document: &Document, assessed: &CopiesAssessed) -> Vec<String> {
        let mut rows: Vec<(&Library, &Finding)> = document
            .libraries
            .iter()
            .zip(&assessed.verdicts)
            .filter_map(|(copy, verdict)| Some((copy, verdict.as_ref()?)))
            .filter(|(copy, _)| copy.replaced.is_none() && !copy.deleted)
            .collect();
        if rows.is_empty() {
            let other = if assessed.old.is_empty() { "" } else { "other " };
            let mut lines = vec![format!("  No {other}copy of a TLS library was seen.")];
            lines.extend(self.closed(document));
            return lines;
        }
        rows.sort_by_key(|(copy, finding)| (urgency(finding.verdict), copy.kind, &copy.path));
        let clean = rows.iter().filter(|(_, f)| f.verdict.is_clean()).count();
        let open = rows.len() - clean;
        let shown = if self.whole { rows.len() } else { rows.len().min(open + FEW) };
        let runners = runners(document);
        let columns = [
            Column::text("VERDICT", 14),
            Column::text("REASON", 21),
            Column::text("LIBRARY", 26),
            Column::text("IN", 9),
            Column::text("FROM", 40),
            Column::text("PATH AND WHAT RUNS IT", usize::MAX),
        ];
        let mut table = Table::new(4, &columns);
        for (copy, finding) in rows.iter().take(shown) {
            table.row(vec![
                (finding.verdict.to_string(), verdict_ink(finding.verdict)),
                (finding.reason.to_string(), Ink::Plain),
                (named(copy), Ink::Plain),
                (copy.kind.to_string(), Ink::Dim),
                (from(copy), Ink::Plain),
                (place(copy, &runners), Ink::Plain),
            ]);
        }
        let mut lines = vec![self.paint(Ink::Bold, "  Copies")];
        let mut table = table.lines(WHOLE, self.screen.style).into_iter();
        lines.extend(table.next()); // the heading
        for (line, (_, finding)) in table.zip(&rows) {
            lines.push(line);
            lines.extend(self.compared("", finding).into_iter().flatten());
        }
        lines.extend(self.more(rows.len() - shown, "clean copies"));
        lines.extend(self.closed(document));
        lines
    }

    /// Archives may hold copies; they are opened on request.
    fn closed(&self, document: &Document) -> Option<String> {
        let closed = document.header.coverage.counts.get("archives_not_opened").copied().unwrap_or(0);
        let text = format!(
            "    {} not opened: --archives looks into them",
            number(closed.try_into().unwrap_or(usize::MAX), "archive was")
        );
        (closed > 0).then(|| self.paint(Ink::Warn, &text))
    }

    fn more(&self, n: usize, what: &str) -> Option<String> {
        (n > 0).then(|| self.paint(Ink::Dim, &format!("    and {n} more {what}; -v shows them")))
    }

    fn paint(&self, ink: Ink, text: &str) -> String {
        self.screen.style.paint(ink, &printable(text)).to_string()
    }

    /// A text on lines of the screen's width; an exact path is never cut.
    fn wrapped(&self, ink: Ink, indent: usize, text: &str) -> Vec<String> {
        let blank = " ".repeat(indent);
        let width = self.screen.width.saturating_sub(indent).max(20);
        table::wrap_whole(&printable(text), width)
            .iter()
            .enumerate()
            .map(|(i, line)| {
                let more = if i == 0 { "" } else { "  " };
                format!("{blank}{more}{}", self.screen.style.paint(ink, line))
            })
            .collect()
    }
}

/// One line for a host that was just collected: `web01  4 copies, 12 processes, ...`.
pub fn collected(asked: &str, document: &Document, notes: &[String], seconds: f64) -> String {
    let coverage = &document.header.coverage;
    let mut line = if let Some(failure) = &coverage.failed {
        format!("{asked}: gave nothing: {}: {}", failure.code, failure.message)
    } else {
        let is_copy = |l: &&Library| !matches!(l.role, CopyRole::Uses | CopyRole::HeaderText);
        let copies = document.libraries.iter().filter(is_copy);
        let old = document.libraries.iter().filter(|l| l.replaced.is_some() || l.deleted).count();
        format!(
            "{asked}: {}, {}, {} with a TLS library, {old} old in memory, {}",
            number(document.packages.len(), "package"),
            number(copies.count(), "copy"),
            number(document.processes.iter().filter(|p| !p.libraries.is_empty()).count(), "process"),
            if coverage.complete { "seen whole" } else { "seen in part" },
        )
    };
    if seconds > 0.0 {
        let _ = write!(line, ", {seconds:.1} s");
    }
    for note in notes {
        line.push_str("; ");
        line.push_str(note);
    }
    printable(&line).into_owned()
}
