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
    host::{
        CopiesAssessed, CopyRole, Document, HostJudged, Library, Listener, Look, Origin, Package, Process,
        ProcessRole, Reach,
    },
    text::printable,
    verdict::{Disclosure, Reason, Verdict},
};

use super::{
    style::{Ink, Screen},
    table::{self, Column, Table},
};

mod head;
mod lines;
mod words;

pub use head::summary;
pub use lines::{SCHEMA, jsonl};

use words::{
    from, named, number, old_sentence, open_to, place, provenance, restart_words, runner_words, runners,
    socket, urgency, verdict_ink,
};

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

/// Packages of one build, and what they mean.
type Build<'a> = (Vec<&'a Package>, (Verdict, Reason));

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
            assessed.old.iter().take_while(|old| !old.verdict.is_some_and(|(v, _)| v.is_clean())).count();
        let shown = if self.whole { assessed.old.len() } else { assessed.old.len().min(open + 2) };
        for (i, old) in assessed.old.iter().take(shown).enumerate() {
            let Some(copy) = document.libraries.get(old.library) else { continue };
            let ink = old.verdict.map_or(Ink::Warn, |(v, _)| verdict_ink(v));
            lines.extend(self.wrapped(ink, 4, &old_sentence(old, copy)));
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
            let vulnerable = verdict.is_some_and(|(v, _)| v == Verdict::Vulnerable);
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
            let text = format!(
                "pid {} runs {} from {}. Install or build a fixed version first, then: {}",
                pids.join(", "),
                named(copy),
                copy.path,
                runners.join("; ")
            );
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

    /// OpenSSL's packages; those of one source and version together.
    fn packages(&self, document: &Document, assessed: &CopiesAssessed) -> Vec<String> {
        let mut builds: BTreeMap<(Option<&str>, &str), Build<'_>> = BTreeMap::new();
        for (package, verdict) in document.packages.iter().zip(&assessed.packages) {
            let Some(verdict) = verdict else { continue };
            let build = builds.entry((package.container.as_deref(), &package.version));
            build.or_insert_with(|| (Vec::new(), *verdict)).0.push(package);
        }
        let mut lines = Vec::new();
        for ((container, version), (packages, (verdict, reason))) in builds {
            let mut names: Vec<&str> = packages.iter().map(|p| p.name.as_str()).collect();
            names.dedup();
            let since = packages.iter().filter_map(|p| p.installed_at).max();
            let since = since.map_or_else(String::new, |at| format!(", since {}", at.short()));
            let before = packages.iter().find_map(|p| p.upgraded_from.as_deref());
            let before = before.map_or_else(String::new, |old| format!(", before {old}"));
            let inside = container.map_or_else(String::new, |c| format!(" in container {c}"));
            let text = format!(
                "Packages of OpenSSL{inside}: {version} ({}){since}{before}: {verdict}, {reason}",
                names.join(", ")
            );
            let ink = if verdict.is_clean() { Ink::Plain } else { Ink::Warn };
            lines.extend(self.wrapped(ink, 2, &text));
        }
        lines
    }

    fn copies(&self, document: &Document, assessed: &CopiesAssessed) -> Vec<String> {
        let mut rows: Vec<(&Library, (Verdict, Reason))> = document
            .libraries
            .iter()
            .zip(&assessed.verdicts)
            .filter_map(|(copy, verdict)| Some((copy, (*verdict)?)))
            .filter(|(copy, _)| copy.replaced.is_none() && !copy.deleted)
            .collect();
        if rows.is_empty() {
            let other = if assessed.old.is_empty() { "" } else { "other " };
            let mut lines = vec![format!("  No {other}copy of a TLS library was seen.")];
            lines.extend(self.closed(document));
            return lines;
        }
        rows.sort_by_key(|(copy, (verdict, _))| (urgency(*verdict), copy.kind, &copy.path));
        let clean = rows.iter().filter(|(_, (v, _))| v.is_clean()).count();
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
        for (copy, (verdict, reason)) in rows.iter().take(shown) {
            table.row(vec![
                (verdict.to_string(), verdict_ink(*verdict)),
                (reason.to_string(), Ink::Plain),
                (named(copy), Ink::Plain),
                (copy.kind.to_string(), Ink::Dim),
                (from(copy), Ink::Plain),
                (place(copy, &runners), Ink::Plain),
            ]);
        }
        let mut lines = vec![self.paint(Ink::Bold, "  Copies")];
        lines.extend(table.lines(WHOLE, self.screen.style));
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

    fn users(&self, document: &Document) -> Vec<String> {
        let users: Vec<&Library> = document.libraries.iter().filter(|l| l.role == CopyRole::Uses).collect();
        let clients: Vec<&Library> = users.iter().copied().filter(|l| l.program.is_some()).collect();
        let mut lines = Vec::new();
        if !users.is_empty() {
            let text = format!("  {} the library of another file", number(users.len(), "file uses"));
            lines.push(self.paint(Ink::Bold, &text));
        }
        let shown = if self.whole { clients.len() } else { clients.len().min(FEW) };
        for client in clients.iter().take(shown) {
            let Some(program) = &client.program else { continue };
            let text = format!("{} ({}) holds {}", client.path, program.role, program.holds.join(", "));
            lines.extend(self.wrapped(Ink::Plain, 4, &text));
        }
        lines.extend(self.more(clients.len() - shown, "clients"));
        lines.extend(self.running_clients(document));
        lines
    }

    fn running_clients(&self, document: &Document) -> Vec<String> {
        let is_client = |p: &&Process| p.role == ProcessRole::Client && !p.libraries.is_empty();
        let mut by_name: BTreeMap<(&str, String), usize> = BTreeMap::new();
        for process in document.processes.iter().filter(is_client) {
            *by_name.entry((&process.name, process.holds.join(", "))).or_insert(0) += 1;
        }
        if by_name.is_empty() {
            return Vec::new();
        }
        let mut lines = vec![self.paint(Ink::Bold, "  Runs as a client")];
        for ((name, holds), n) in by_name {
            let held = if holds.is_empty() {
                "what it holds is not known".to_owned()
            } else {
                format!("holds {holds}")
            };
            lines.extend(self.wrapped(Ink::Plain, 4, &format!("{name} ({}): {held}", number(n, "process"))));
        }
        lines
    }

    fn listeners(&self, document: &Document) -> Vec<String> {
        let with: Vec<&Listener> = document
            .listeners
            .iter()
            .filter(|l| l.tls_library != Some(false) || l.published.is_some())
            .collect();
        if with.is_empty() {
            return Vec::new();
        }
        let columns = [
            Column::text("LISTENS", 44),
            Column::text("PROGRAM", 20),
            Column::text("TLS LIBRARY", 12),
            Column::text("OPEN TO", usize::MAX),
        ];
        let mut table = Table::new(4, &columns);
        for listener in with {
            let library = match listener.tls_library {
                Some(true) => "yes",
                Some(false) => "no",
                None => "not seen",
            };
            let ink = if listener.open_to.reach == Reach::Anyone { Ink::Warn } else { Ink::Plain };
            table.row(vec![
                (socket(listener), Ink::Plain),
                (listener.program.clone().unwrap_or_default(), Ink::Plain),
                (library.to_owned(), Ink::Plain),
                (open_to(listener), ink),
            ]);
        }
        let mut lines = vec![self.paint(Ink::Bold, "  Listens")];
        lines.extend(table.lines(WHOLE, self.screen.style));
        lines
    }

    fn keys(&self, document: &Document) -> Vec<String> {
        if document.keys.is_empty() {
            return Vec::new();
        }
        let columns = [
            Column::text("KEY", 100),
            Column::text("PUBLIC KEY", 12),
            Column::text("MODE", 5),
            Column::text("OWNER", 12),
            Column::text("MADE", 11),
            Column::text("USED BY", usize::MAX),
        ];
        let mut table = Table::new(4, &columns);
        let shown = if self.whole { document.keys.len() } else { document.keys.len().min(FEW) };
        for key in document.keys.iter().take(shown) {
            let made = key
                .created_at
                .or(key.modified_at)
                .map_or_else(String::new, crate::model::time::Timestamp::date);
            let spki = key.spki_sha256.map_or_else(|| "not known".to_owned(), |s| s.short());
            let open = key.mode.as_deref().is_some_and(|m| !m.ends_with('0'));
            table.row(vec![
                (key.path.clone(), Ink::Plain),
                (spki, Ink::Plain),
                (key.mode.clone().unwrap_or_default(), if open { Ink::Bad } else { Ink::Plain }),
                (key.user.clone().unwrap_or_default(), Ink::Plain),
                (made, Ink::Plain),
                (key.services.join(", "), Ink::Plain),
            ]);
        }
        let mut lines = vec![self.paint(Ink::Bold, "  Private keys")];
        lines.extend(table.lines(WHOLE, self.screen.style));
        lines.extend(self.more(document.keys.len() - shown, "keys"));
        lines
    }

    fn firewall(&self, document: &Document) -> Vec<String> {
        let mut lines = Vec::new();
        for fact in &document.firewall {
            lines.extend(self.wrapped(
                Ink::Plain,
                2,
                &format!("Firewall ({}): {}", fact.source, fact.message),
            ));
            let rules =
                fact.only_saved.iter().map(|r| ('-', r)).chain(fact.only_running.iter().map(|r| ('+', r)));
            let shown = if self.whole { usize::MAX } else { FEW };
            for (sign, rule) in rules.take(shown) {
                lines.extend(self.wrapped(Ink::Plain, 4, &format!("{sign} {rule}")));
            }
        }
        lines
    }

    fn updates(&self, document: &Document) -> Vec<String> {
        let is_openssl = |name: &str| {
            name.contains("openssl") || name.starts_with("libssl") || name.starts_with("libcrypto")
        };
        let mut lines = Vec::new();
        for update in document.updates.iter().filter(|u| is_openssl(&u.package)) {
            let security = if update.security == Some(true) { "security " } else { "" };
            let text = format!(
                "A {security}update waits: {} {} to {} ({})",
                update.package,
                update.installed.as_deref().unwrap_or(""),
                update.available,
                update.origin
            );
            lines.extend(self.wrapped(Ink::Warn, 2, &text));
        }
        let others = document.updates.len() - lines.len().min(document.updates.len());
        if others > 0 {
            lines.push(format!("  {} more wait for other packages", number(others, "update")));
        }
        lines
    }

    fn gaps(&self, document: &Document) -> Vec<String> {
        let coverage = &document.header.coverage;
        if coverage.gaps.is_empty() {
            return Vec::new();
        }
        let mut lines = vec![self.paint(Ink::Warn, "  Not seen, and so not clean")];
        for gap in &coverage.gaps {
            let examples = gap.examples.iter().take(if self.whole { usize::MAX } else { 2 });
            let examples: Vec<&str> = examples.map(String::as_str).collect();
            let text = format!("{}: {} ({}): {}", gap.part, gap.what, gap.count, examples.join(", "));
            lines.extend(self.wrapped(Ink::Plain, 4, &text));
        }
        lines
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
        table::wrap(&printable(text), width)
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
