//! The plan on a terminal, to be read at three in the morning: how much, who first, what not to do, then wave by wave
//! and key by key. Long lists are cut and say how to see the rest.

use std::io::{self, Write};

use super::{Context, ORDER, Only, keys, words};
use crate::{
    model::{
        assessment::KeyExposure,
        plan::{Action, Blast, Plan, Wave},
        text::printable,
    },
    report::{
        state_ink,
        style::{Ink, Screen, shell_word},
        table::{Column, Table, wrap_whole},
    },
};

/// Actions of one owner in one wave.
const ACTIONS: usize = 12;
/// Names of one action.
const NAMES: usize = 12;
/// Names of what is waited for.
const WAITED: usize = 4;
/// Sentences about what others have to do first.
const WAITS: usize = 4;
/// Sentences about what a restart drops.
const CAUTIONS: usize = 3;
/// Owners of one wave.
const OWNERS: usize = 20;
/// Keys.
const KEYS: usize = 10;
/// Endpoints that a key names where it is not the only thing asked for.
const BLOCKERS: usize = 4;

/// Writes the plan.
pub fn text(plan: &Plan, context: &Context, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
    let page = Page { plan, context, screen };
    let lines = match &context.only {
        Some(Only::Key(_)) => page.whole_keys(),
        _ => page.all(),
    };
    lines.iter().try_for_each(|line| writeln!(out, "{line}"))
}

struct Page<'a> {
    plan: &'a Plan,
    context: &'a Context,
    screen: &'a Screen,
}

impl Page<'_> {
    fn all(&self) -> Vec<String> {
        let plan = self.plan;
        let left = words::left(plan);
        let ink = if left > 0 { Ink::Bad } else { Ink::Bold };
        let mut lines = self.wrapped(ink, 0, 0, &words::headline(plan, self.context));
        if left > 0 {
            for rule in ORDER {
                lines.extend(self.wrapped(Ink::Warn, 0, 2, rule));
            }
        }
        lines.extend(self.wrapped(Ink::Dim, 0, 0, &words::progress(plan)));
        lines.extend(self.wrapped(Ink::Dim, 0, 0, &self.about()));
        for wave in &plan.waves {
            lines.push(String::new());
            lines.extend(self.wave(wave));
        }
        if !plan.held.is_empty() {
            lines.push(String::new());
            let n = plan.held.iter().map(|a| a.steps.len()).sum();
            let text = format!(
                "HELD: {} wait for a key that stays in use by a waiver or a person's word; no wave brings them up",
                words::count(n, "thing", "things")
            );
            lines.extend(self.wrapped(Ink::Warn, 0, 0, &text));
            lines.extend(self.owners(&plan.held));
        }
        lines.extend(self.keys());
        if self.context.only.is_none() && left > 0 {
            lines.push(String::new());
            let text = format!(
                "How each is done, with evidence: {}. One owner's part: {}. One key: {}.",
                self.screen.command("checklist --owner NAME"),
                self.screen.command("plan --owner NAME"),
                self.screen.command("plan --key DIGITS"),
            );
            lines.extend(self.wrapped(Ink::Dim, 0, 0, &text));
        }
        lines
    }

    fn about(&self) -> String {
        let c = self.context;
        let sweep = c.sweep.map_or_else(|| "no sweep yet".to_owned(), |s| format!("after sweep {s}"));
        let name = c.title.split_once(':').map_or(c.title.as_str(), |(name, _)| name);
        format!(
            "Incident {}: {} {name}, {sweep}; written {} UTC. Presumption: {}.",
            c.incident,
            c.disclosure,
            c.generated_at.short(),
            c.presume
        )
    }

    fn wave(&self, wave: &Wave) -> Vec<String> {
        let n = words::size(wave);
        let parallel = if n > 1 { ", can go in parallel" } else { "" };
        let waits =
            words::needs(wave).map_or_else(|| "; can start now".to_owned(), |needs| format!("; {needs}"));
        let text = format!(
            "WAVE {}: {} ({}{parallel}{waits})",
            wave.number,
            wave.title,
            words::count(n, "thing", "things")
        );
        let mut lines = self.wrapped(Ink::Bold, 0, 2, &text);
        lines.extend(self.owners(&wave.actions));
        lines
    }

    /// Actions under a heading for each owner, or for each group of owners that have to act together.
    fn owners(&self, actions: &[Action]) -> Vec<String> {
        let mut groups: Vec<(&[Option<String>], Vec<&Action>)> = Vec::new();
        for action in actions {
            match groups.last_mut() {
                Some((owners, of)) if *owners == action.owners.as_slice() => of.push(action),
                _ => groups.push((&action.owners, vec![action])),
            }
        }
        let more = groups.len().saturating_sub(OWNERS);
        let mut lines = Vec::new();
        for (owners, of) in groups.iter().take(OWNERS) {
            let together = if owners.len() > 1 { ", together" } else { "" };
            lines.extend(self.wrapped(Ink::Plain, 2, 2, &format!("{}{together}", words::owners(owners))));
            for action in of.iter().take(ACTIONS) {
                lines.extend(self.action(action));
            }
            let hidden: usize = of.iter().skip(ACTIONS).map(|a| a.steps.len()).sum();
            if hidden > 0 {
                lines.push(self.more(4, hidden, owners));
            }
        }
        if more > 0 {
            let hidden = groups.iter().skip(OWNERS).flat_map(|(_, of)| of).map(|a| a.steps.len()).sum();
            let text = format!(
                "and {more} more owners with {}: {}",
                words::count(hidden, "thing", "things"),
                self.screen.command("plan --format md")
            );
            lines.extend(self.wrapped(Ink::Dim, 2, 4, &text));
        }
        lines
    }

    /// `and 88 more: allclear plan --owner X`.
    fn more(&self, indent: usize, hidden: usize, owners: &[Option<String>]) -> String {
        let arguments = match (&self.context.only, owners) {
            (None, [Some(owner)]) => format!("plan --owner {}", shell_word(owner)),
            _ => "plan --format md".to_owned(),
        };
        let text = format!("{}and {hidden} more: {}", " ".repeat(indent), self.screen.command(&arguments));
        self.screen.style.paint(Ink::Dim, &printable(&text)).to_string()
    }

    fn action(&self, action: &Action) -> Vec<String> {
        let plan = self.plan;
        let names = words::names_of(plan, action);
        // One owner's own plan names everything: there is nowhere else to look.
        let most = if self.context.only.is_some() { NAMES * 8 } else { NAMES };
        let shown: Vec<&str> = names.iter().take(most).map(String::as_str).collect();
        let state = words::state(plan, action).map_or_else(String::new, |s| format!(" [{s}]"));
        let code = &action.code;
        let text = format!("{code:<3} {}{state}: {}", words::title(action), shown.join(", "));
        let mut lines = self.wrapped(Ink::Plain, 4, 8, &text);
        let hidden = names.len().saturating_sub(shown.len());
        if hidden > 0 {
            lines.push(self.more(8, hidden, &action.owners));
        }
        let cautions = words::cautions(plan, action);
        for caution in cautions.iter().take(CAUTIONS) {
            lines.extend(self.wrapped(Ink::Warn, 8, 10, &caution.replace('`', "")));
        }
        let hidden = cautions.len().saturating_sub(CAUTIONS);
        if hidden > 0 {
            let text = format!("and {hidden} more cautions: {}", self.screen.command("plan --format md"));
            lines.extend(self.wrapped(Ink::Dim, 8, 10, &text));
        }
        let waits = words::waits(plan, action, true);
        for wait in waits.iter().take(WAITS) {
            let text = format!("waits for {}", wait.sentence(WAITED));
            lines.extend(self.wrapped(Ink::Dim, 8, 10, &text));
        }
        let hidden = waits.len().saturating_sub(WAITS);
        if hidden > 0 {
            lines.extend(self.wrapped(Ink::Dim, 8, 10, &format!("and for {hidden} more kinds of things")));
        }
        lines
    }

    fn keys(&self) -> Vec<String> {
        let blasts = &self.plan.blasts;
        if blasts.is_empty() {
            return Vec::new();
        }
        let mut lines = vec![String::new()];
        let title = format!(
            "KEYS: {} in reach of the leak and not dealt with; whoever has one can pose as everything on it",
            words::count(blasts.len(), "was", "were")
        );
        lines.extend(self.wrapped(Ink::Bold, 0, 2, &title));
        for blast in blasts.iter().take(KEYS) {
            lines.extend(self.key(blast, BLOCKERS));
        }
        let hidden = blasts.len().saturating_sub(KEYS);
        if hidden > 0 {
            let text = format!(
                "and {hidden} more keys: {} or {}",
                self.screen.command("plan --format html"),
                self.screen.command("export keys")
            );
            lines.extend(self.wrapped(Ink::Dim, 2, 4, &text));
        }
        lines
    }

    fn key(&self, blast: &Blast, most: usize) -> Vec<String> {
        let ink = if blast.exposure == KeyExposure::Clean { Ink::Plain } else { Ink::Bad };
        let mut lines = self.wrapped(ink, 2, 4, &format!("{} {}", keys::short(blast), keys::summary(blast)));
        lines.extend(self.wrapped(Ink::Plain, 4, 6, &keys::revoke(self.plan, blast, most)));
        for sentence in keys::split(self.plan, blast) {
            lines.extend(self.wrapped(Ink::Dim, 4, 6, &sentence));
        }
        lines
    }

    /// The keys alone, with every endpoint and certificate.
    fn whole_keys(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for blast in &self.plan.blasts {
            if !lines.is_empty() {
                lines.push(String::new());
            }
            lines.extend(self.wrapped(Ink::Bold, 0, 0, &blast.spki.to_string()));
            lines.extend(self.key(blast, usize::MAX));
            lines.push(String::new());
            let mut table = Table::new(
                2,
                &[
                    Column::text("ENDPOINT", 56),
                    Column::text("OWNER", 24),
                    Column::text("KEY", 9),
                    Column::text("LEAK", 14),
                    Column::text("STATE", 24),
                ],
            );
            for e in &blast.endpoints {
                let ink = e.state.map_or(Ink::Plain, state_ink);
                table.row(vec![
                    (e.place(), Ink::Plain),
                    (words::owner(e.owner.as_deref()).to_owned(), Ink::Plain),
                    (keys::serving(e).to_owned(), if e.serves_now { Ink::Bad } else { Ink::Good }),
                    (keys::role(e).to_owned(), if e.leaks_now { Ink::Bad } else { Ink::Plain }),
                    (e.state.map_or_else(|| "not judged".to_owned(), |s| s.to_string()), ink),
                ]);
            }
            lines.extend(table.lines(self.screen.width, self.screen.style));
            lines.push(String::new());
            for c in &blast.certificates {
                let subject = c.subject.as_deref().unwrap_or("without a subject");
                let serial = c.serial.as_deref().unwrap_or("without a serial");
                let text = format!("certificate {serial}, {subject}: {} ({})", keys::fate(c), c.sha256);
                lines.extend(self.wrapped(Ink::Plain, 2, 4, &text));
            }
        }
        lines
    }

    /// A text that may hold hostile names, broken into lines; the second and later ones are indented by `then`.
    fn wrapped(&self, ink: Ink, indent: usize, then: usize, text: &str) -> Vec<String> {
        let width = self.screen.width.saturating_sub(indent.max(then)).max(20);
        let lines = wrap_whole(&printable(text), width);
        let blanks = |i: usize| " ".repeat(if i == 0 { indent } else { then });
        let painted =
            |(i, line): (usize, &String)| format!("{}{}", blanks(i), self.screen.style.paint(ink, line));
        lines.iter().enumerate().map(painted).collect()
    }
}
