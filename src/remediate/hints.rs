//! How a secret is rotated with the product at hand, and how the old value is tried: rows of the tables fitted to the
//! services of a line. Commands only; nothing here runs one, and none holds a value.

use std::collections::BTreeSet;

use super::{
    fleet::Fleet,
    types::SecretType,
    words::{attest_secret, shell},
};
use crate::model::{
    ids::RowId,
    kinds::{Hint, Try},
    secret::Secret,
    time::Timestamp,
};

/// The words by which rows of the tables may fit a secret: the types of its services, and its own word.
pub(super) struct Fit {
    services: BTreeSet<String>,
    word: String,
}

impl Fit {
    pub(super) fn of(fleet: &Fleet<'_>, rows: &[RowId], word: &str) -> Self {
        let kinds = rows.iter().filter_map(|row| fleet.service(row)).map(|s| fleet.kind(s));
        Self {
            services: kinds.flat_map(|k| std::iter::once(&k.name).chain(&k.aliases)).cloned().collect(),
            word: word.trim().to_lowercase().replace([' ', '_'], "-"),
        }
    }

    /// Whether something made for these kinds is made for this secret or service.
    pub(super) fn meets(&self, kinds: &[String]) -> bool {
        kinds.iter().any(|kind| self.services.contains(kind) || self.word.starts_with(kind.as_str()))
    }

    /// Those made for these services, else all: who reads it knows what runs there.
    fn choose<'t, T>(&self, all: &'t [T], kinds: impl Fn(&'t T) -> &'t [String]) -> Vec<&'t T> {
        let made_for = all.iter().any(|row| self.meets(kinds(row)));
        all.iter().filter(|row| !made_for || kinds(row).is_empty() || self.meets(kinds(row))).collect()
    }
}

/// The steps of a type, each with its hints.
pub(super) fn steps(kind: &SecretType, fit: &Fit) -> Vec<String> {
    let hints: Vec<&Hint> = fit.choose(&kind.commands, |hint| &hint.kinds);
    let steps = kind.steps.iter().zip(1..);
    steps
        .map(|(step, number)| {
            let own = hints.iter().filter(|h| h.step == number).map(|h| h.text.as_str());
            std::iter::once(step.as_str()).chain(own).collect::<Vec<_>>().join(" ")
        })
        .collect()
}

/// What a person attests about a secret, the best evidence first: a try with the old value, or a count, then a word.
/// `closed`: when the leak was first seen closed on the whole path, where it was.
pub(super) fn attest(secret: &Secret, kind: &SecretType, fit: &Fit, closed: Option<Timestamp>) -> String {
    let id = shell(&secret.id);
    let mut lines = Vec::new();
    if kind.bulk {
        // Whole seconds: the next one, so that none is missed.
        let before = closed.map_or_else(|| "TIME".to_owned(), |t| t.plus_seconds(1).seconds());
        let time = if closed.is_some() { "" } else { "; TIME: when the leak was closed" };
        lines.push(format!(
            "# COUNT: how many from before the leak was closed are still active; 0 is wanted{time}"
        ));
        lines.push(format!("allclear attest --secret {id} --still-active COUNT --issued-before {before}"));
    }
    if !kind.tries.is_empty() {
        lines.push(
            "# the best evidence: your own command tries the old value, out of a file; only its exit code is kept"
                .to_owned(),
        );
    }
    let tries: Vec<&Try> = fit.choose(&kind.tries, |t| &t.kinds);
    lines.extend(tries.into_iter().map(|t| negative_test(&id, t)));
    let word = attest_secret(&secret.id, &kind.attest, "TICKET");
    if lines.is_empty() && !secret.implied {
        return word;
    }
    lines.push(
        if lines.is_empty() { "# when it is done" } else { "# or your word that it is done" }.to_owned(),
    );
    lines.push(word);
    if secret.implied {
        lines.push("# or: it does not exist here, or was never in reach".to_owned());
        lines.push(attest_secret(&secret.id, "not-exposed", "DOC"));
    }
    lines.join("\n")
}

fn negative_test(id: &str, example: &Try) -> String {
    let mut command = format!("allclear attest --secret {id} --negative-test");
    if !example.refused.is_empty() {
        let codes: Vec<String> = example.refused.iter().map(u8::to_string).collect();
        command = format!("{command} --refused-exit {}", codes.join(","));
    }
    if let Some(control) = &example.control {
        command = format!("{command} --control {}", shell(control));
    }
    format!("{command} -- {}", example.run)
}
