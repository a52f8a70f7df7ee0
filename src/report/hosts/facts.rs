//! What a host says beside its packages and copies: who uses a library, what listens, keys, filters, updates, and
//! what could not be seen.

use std::collections::BTreeMap;

use crate::model::host::{CopyRole, Document, Library, Listener, Process, ProcessRole, Reach};

use super::{
    FEW, Page, WHOLE,
    words::{number, open_to, socket},
};
use crate::report::{
    style::Ink,
    table::{Column, Table},
};

impl Page<'_> {
    pub(super) fn users(&self, document: &Document) -> Vec<String> {
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

    pub(super) fn listeners(&self, document: &Document) -> Vec<String> {
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

    pub(super) fn keys(&self, document: &Document) -> Vec<String> {
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

    pub(super) fn firewall(&self, document: &Document) -> Vec<String> {
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

    pub(super) fn updates(&self, document: &Document) -> Vec<String> {
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

    pub(super) fn gaps(&self, document: &Document) -> Vec<String> {
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
}
