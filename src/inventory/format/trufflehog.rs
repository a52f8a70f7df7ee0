//! A report of trufflehog (`--json`): secrets by their place, never their values, and which of them still work.
//!
//! `Raw`, `RawV2`, `Redacted` and whatever else may repeat a value are not read, not even into memory of their own.

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use super::{
    Format, Peek, TextFile,
    gitleaks::{location, own_word, short, take},
};
use crate::{
    inventory::{
        Error,
        intake::Intake,
        left_out::Tally,
        tree::{self, Node},
    },
    model::{discovery::Role, loading::NoticeKind, secret::Secret},
};

pub(super) const FORMAT: Format =
    Format { name: "trufflehog", letter: b'U', role: Role::Declares, detect, read };

/// Keys whose values are not read.
const UNREAD: &[&str] =
    &["Raw", "RawV2", "Redacted", "ExtraData", "StructuredData", "VerificationError", "email", "link"];

/// How many findings that still work one notice names.
const LISTED: usize = 10;

/// A finding among the first lines, or the log that trufflehog writes into the same stream.
fn detect(peek: &Peek<'_>) -> bool {
    let finding = |keys: &[String]| {
        let has = |key: &str| keys.iter().any(|k| k == key);
        (has("SourceMetadata") && has("DetectorName"))
            || (has("level") && has("logger") && has("msg") && has("ts"))
    };
    match peek.first_byte() {
        Some(b'[') => finding(peek.json_keys()),
        Some(b'{') => {
            let lines = peek.lines().take(20).filter(|line| line.starts_with(b"{"));
            lines.map(tree::json_keys).any(|keys| finding(&keys))
        }
        _ => false,
    }
}

fn read(file: &TextFile<'_>, intake: &mut Intake<'_>) -> Result<(), Error> {
    let mut report = Report {
        file,
        seen: HashMap::new(),
        tally: Tally::new(file, &FORMAT),
        findings: 0,
        live: Vec::new(),
    };
    if file.text.trim_ascii_start().starts_with(b"[") {
        let all = tree::json_without(file.text, UNREAD).map_err(|fault| file.broken(fault))?;
        for finding in all.items() {
            report.take(finding, finding.place.line, intake);
        }
    } else {
        for (number, line) in (1_u32..).zip(file.text.split(|&b| b == b'\n')) {
            if line.trim_ascii().is_empty() {
                continue;
            }
            match tree::json_without(line, UNREAD) {
                Ok(finding) => report.take(&finding, number, intake),
                Err(fault) => {
                    intake.count_row();
                    intake.bad(&file.name, number, fault.place.column, fault.message);
                }
            }
        }
    }
    report.end(intake);
    Ok(())
}

struct Report<'f, 't> {
    file: &'f TextFile<'t>,
    seen: HashMap<String, u32>,
    tally: Tally<'f, 't>,
    findings: u64,
    /// Ids of those that still work.
    live: Vec<String>,
}

impl Report<'_, '_> {
    fn take(&mut self, finding: &Node<'_>, line: u32, intake: &mut Intake<'_>) {
        // Its own log.
        if finding.get("level").is_some()
            && finding.get("msg").is_some()
            && finding.get("SourceMetadata").is_none()
        {
            return;
        }
        let Some(secret) = secret(self.file, finding, line) else {
            intake.count_row();
            let message = "this is no finding of trufflehog: it names no DetectorName".to_owned();
            intake.bad(&self.file.name, line, finding.place.column, message);
            return;
        };
        self.findings += 1;
        let id = take(secret, &mut self.seen, &mut self.tally, intake);
        if finding.get("Verified").and_then(Node::scalar).as_deref() == Some("true") {
            self.live.push(id);
        }
    }

    fn end(self, intake: &mut Intake<'_>) {
        let message = match (self.findings, self.live.len()) {
            (0, _) => "the report names no secret".to_owned(),
            (all, 0) => {
                format!("0 of {all} findings were verified as live; the others may work all the same")
            }
            (all, live) => {
                let some: Vec<&str> = self.live.iter().take(LISTED).map(String::as_str).collect();
                let more = match live.saturating_sub(LISTED) {
                    0 => String::new(),
                    more => format!(" and {more} more"),
                };
                format!("{live} of {all} findings still work: rotate these first: {}{more}", some.join(", "))
            }
        };
        intake.notice(NoticeKind::LeftOut, message, Some(self.file.source(&FORMAT, 1, None)));
        self.tally.tell(intake);
    }
}

fn secret(file: &TextFile<'_>, finding: &Node<'_>, line: u32) -> Option<Secret> {
    let detector = finding.get("DetectorName")?.text()?;
    // Data has one entry, by the kind of source.
    let place = finding.at(&["SourceMetadata", "Data"]).and_then(|data| data.entries().first());
    let text = |key: &str| place.and_then(|p| p.node.get(key)).and_then(Node::scalar).unwrap_or_default();
    let (path, at, commit) = (without_user(&text("file")), text("line"), text("commit"));
    let holders = ["repository", "bucket", "image", "container", "workspace", "channel_name"];
    let holder = holders.iter().map(|key| text(key)).find(|held| !held.is_empty()).unwrap_or_default();
    let holder = without_user(&holder);
    let source = place.map_or("unknown", |p| p.key.as_ref());
    let mut place = location(if path.is_empty() { source } else { &path }, &at, &commit);
    if !holder.is_empty() {
        place = format!("{place} in {holder}");
    }
    let commit: String = commit.chars().take(8).collect();
    Some(Secret {
        id: short(format!("trufflehog:{}:{commit}:{path}:{at}", own_word(detector, "unknown"))),
        kind: kind(detector),
        services: Vec::new(),
        delivered_through: Vec::new(),
        checks: Vec::new(),
        unresolved: Vec::new(),
        owner: None,
        location: Some(place),
        issued_at: None,
        runbook: None,
        implied: false,
        source: Some(file.source(&FORMAT, line, None)),
    })
}

/// The address of a repository without user and password, which people put there.
fn without_user(address: &str) -> String {
    let (scheme, rest) = match address.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), address),
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let path = path.split(['?', '#']).next().unwrap_or_default();
    format!("{scheme}{host}{path}").chars().take(300).collect()
}

/// A code of the table of secrets where the detector leaves no doubt, else its own word.
fn kind(detector: &str) -> String {
    let lower = detector.trim().to_ascii_lowercase();
    let is = |of: &[&str]| of.contains(&lower.as_str());
    let code = if is(&["privatekey"]) {
        "B1"
    } else if is(&["jwt"]) {
        "D3"
    } else if lower.contains("webhook") {
        "C5"
    } else if is(&["postgres", "jdbc", "mongodb", "mysql", "sqlserver"]) {
        "C1"
    } else if is(&["redis", "rabbitmq"]) {
        "C2"
    } else if is(&["ldap"]) {
        "C9"
    } else if is(&[
        "aws",
        "awssessionkey",
        "gcp",
        "gcpapplicationdefaultcredentials",
        "azure",
        "azurestorage",
        "alibaba",
        "digitaloceantoken",
        "digitaloceanv2",
    ]) {
        "C3"
    } else if is(&[
        "github",
        "githubapp",
        "gitlab",
        "slack",
        "stripe",
        "twilio",
        "sendgrid",
        "mailgun",
        "npmtoken",
        "npmtokenv2",
        "dockerhub",
        "pypi",
    ]) {
        "C4"
    } else {
        return own_word(&lower, "trufflehog");
    };
    code.to_owned()
}
