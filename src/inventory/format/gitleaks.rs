//! A report of gitleaks (`--report-format json`): secrets by their place, never their values.
//!
//! `Secret`, `Match` and whatever else may repeat a value are not read, not even into memory of their own.

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use super::{Format, Peek, TextFile};
use crate::{
    inventory::{
        Error,
        intake::Intake,
        left_out::Tally,
        tree::{self, Node},
    },
    model::{discovery::Role, ids::Sha256, loading::NoticeKind, secret::Secret},
};

pub(super) const FORMAT: Format =
    Format { name: "gitleaks", letter: b'G', role: Role::Declares, detect, read };

/// Keys whose values are not read.
const UNREAD: &[&str] =
    &["Match", "Secret", "Line", "Message", "Description", "Author", "Email", "Tags", "Link", "Entropy"];

/// The longest id that is kept as it is, in bytes.
const ID_LIMIT: usize = 300;

fn detect(peek: &Peek<'_>) -> bool {
    peek.has_json_keys(&["RuleID", "File", "StartLine"])
}

fn read(file: &TextFile<'_>, intake: &mut Intake<'_>) -> Result<(), Error> {
    let report = tree::json_without(file.text, UNREAD).map_err(|fault| file.broken(fault))?;
    let findings = if report.entries().is_empty() { report.items() } else { std::slice::from_ref(&report) };
    if findings.is_empty() {
        let place = Some(file.source(&FORMAT, report.place.line, None));
        intake.notice(NoticeKind::LeftOut, "the report names no secret", place);
    }
    let (mut seen, mut tally) = (HashMap::new(), Tally::new(file, &FORMAT));
    for finding in findings {
        if let Some(found) = secret(file, finding) {
            take(found, &mut seen, &mut tally, intake);
        } else {
            intake.count_row();
            let message = "this is no finding of gitleaks: it names no RuleID and no File";
            intake.bad(&file.name, finding.place.line, finding.place.column, message.to_owned());
        }
    }
    tally.tell(intake);
    Ok(())
}

/// Takes a finding; the second at one place gets `#2`.
pub(super) fn take(
    mut secret: Secret,
    seen: &mut HashMap<String, u32>,
    tally: &mut Tally<'_, '_>,
    intake: &mut Intake<'_>,
) -> String {
    let count = seen.entry(secret.id.clone()).or_default();
    *count += 1;
    if *count > 1 {
        secret.id = format!("{}#{count}", secret.id);
    }
    let (id, line) = (secret.id.clone(), secret.source.as_ref().map_or(1, |source| source.line));
    if !intake.join_secret(secret) {
        tally.add("findings that an earlier report has too", line, &id);
    }
    id
}

/// An id that can be printed in a table, and is the same in every run.
pub(super) fn short(id: String) -> String {
    if id.len() <= ID_LIMIT && !id.chars().any(|c| c.is_control() || c == ';') {
        return id;
    }
    let tool = id.split(':').next().unwrap_or_default().to_owned();
    let digest: String = Sha256::of(id.as_bytes()).to_string().chars().take(32).collect();
    format!("{tool}:{digest}")
}

/// A place for people: the file and line, and the beginning of the commit.
pub(super) fn location(path: &str, line: &str, commit: &str) -> String {
    let mut place: String = path.chars().take(500).collect();
    if !line.is_empty() && line != "0" {
        place = format!("{place}:{line}");
    }
    if !commit.is_empty() {
        let commit: String = commit.chars().take(8).collect();
        place = format!("{place} at {commit}");
    }
    place
}

fn secret(file: &TextFile<'_>, finding: &Node<'_>) -> Option<Secret> {
    let text = |key: &str| finding.get(key).and_then(Node::scalar).unwrap_or_default();
    let (rule, path) = (text("RuleID"), text("File"));
    if rule.is_empty() && path.is_empty() {
        return None;
    }
    let (line, commit) = (text("StartLine"), text("Commit"));
    let fingerprint = match text("Fingerprint") {
        given if !given.is_empty() => given.into_owned(),
        _ => format!("{commit}:{path}:{rule}:{line}"),
    };
    Some(Secret {
        id: short(format!("gitleaks:{fingerprint}")),
        kind: kind(&rule),
        services: Vec::new(),
        delivered_through: Vec::new(),
        checks: Vec::new(),
        unresolved: Vec::new(),
        owner: None,
        location: Some(location(&path, &line, &commit)),
        // The date of the commit is not the day on which the secret was issued.
        issued_at: None,
        runbook: None,
        implied: false,
        source: Some(file.source(&FORMAT, finding.place.line, None)),
    })
}

/// A code of the table of secrets where the rule leaves no doubt, else the rule's own word.
fn kind(rule: &str) -> String {
    let rule = rule.trim().to_ascii_lowercase();
    let begins = |with: &[&str]| with.iter().any(|part| rule.starts_with(part));
    let ends = |with: &[&str]| with.iter().any(|part| rule.ends_with(part));
    let code = if rule == "private-key" {
        "B1"
    } else if begins(&["jwt"]) {
        "D3"
    } else if rule.contains("webhook") {
        "C5"
    } else if ends(&["client-secret", "oauth-secret", "consumer-secret"]) {
        "C6"
    } else if begins(&["aws-", "gcp-", "azure-", "alibaba-", "digitalocean-", "ibm-cloud"]) {
        "C3"
    } else if ends(&["-token", "-api-key", "-pat", "-access-key", "-apikey", "-app-password"])
        || begins(&["slack-", "github-", "gitlab-"])
    {
        "C4"
    } else {
        return own_word(&rule, "gitleaks");
    };
    code.to_owned()
}

/// A word of the tool as the kind of a secret: short and printable.
pub(super) fn own_word(word: &str, otherwise: &str) -> String {
    let fits = !word.is_empty()
        && word.len() <= 64
        && word.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ' '));
    if fits { word.to_owned() } else { otherwise.to_owned() }
}
