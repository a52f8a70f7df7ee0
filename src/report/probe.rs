//! `allclear probe`: one look told step by step, what was served, what is wrong with it, and why the verdict follows.

use std::io::{self, Write};

use serde::Serialize;

use super::{
    endpoint, explain, json,
    style::{Ink, Screen},
    table::wrap,
};
use crate::model::{
    account::{Line, Way},
    finding::Finding,
    observation::{Certificate, Observation},
    revocation::{Revocation, RevocationStatus},
    served::{Expectation, Served, TrustResult},
    text::printable,
    verdict::{Judgement, Verdict},
};

/// The schema's name and version.
pub const SCHEMA: &str = "allclear.probe/1";

/// One look, and what follows from it.
#[derive(Debug)]
pub struct Page<'a> {
    /// `name:port`.
    pub target: &'a str,
    /// What was seen.
    pub observation: &'a Observation,
    /// Step by step.
    pub account: &'a [Line],
    /// What it means, by disclosure, with the disclosure's title.
    pub judgements: &'a [(&'a str, &'a Judgement)],
    /// What is wrong with what is served.
    pub findings: &'a [Finding],
    /// Whether what is served is revoked.
    pub revocations: &'a [Revocation],
}

/// Writes the page for a terminal.
pub fn text(page: &Page<'_>, screen: &Screen, out: &mut dyn Write) -> io::Result<()> {
    let mut writer = Writer { screen, out };
    let seen = page.observation;
    let address = seen.address.map_or_else(|| "no address".to_owned(), |a| a.to_string());
    let sni = seen.sni.as_deref().map_or(String::new(), |sni| format!(", SNI {sni}"));
    writer.line(0, Ink::Bold, &format!("{} at {address}, {}{sni}", page.target, seen.wrap))?;
    for (_, judgement) in page.judgements {
        let text = format!("{}: {} ({})", judgement.disclosure, judgement.verdict, judgement.reason);
        writer.line(0, verdict_ink(judgement.verdict), &text)?;
    }
    writer.account(page.account)?;
    writer.certificate(seen)?;
    writer.list("Revocation", page.revocations.iter().map(revocation))?;
    writer.list("Expected by its users", seen.expectations.iter().map(expectation))?;
    writer.list(
        "Named in banners, which prove nothing",
        seen.software.iter().map(|s| (Ink::Plain, s.to_string())),
    )?;
    let asked = page.observation.asked.iter();
    writer.list(
        "Other questions, each on a connection of its own",
        asked.map(|a| {
            let offered = a.offered.map_or(String::new(), |version| format!(" ({version} at most)"));
            (Ink::Plain, format!("{}{offered}: {}", a.question.words(), a.answer()))
        }),
    )?;
    writer.list("Findings, apart from the verdict", page.findings.iter().map(finding))?;
    for (title, judgement) in page.judgements {
        writer.verdict(title, judgement)?;
    }
    Ok(())
}

struct Writer<'a> {
    screen: &'a Screen,
    out: &'a mut dyn Write,
}

impl Writer<'_> {
    fn line(&mut self, indent: usize, ink: Ink, text: &str) -> io::Result<()> {
        let room = self.screen.width.saturating_sub(indent).max(40);
        for (number, line) in wrap(&printable(text), room).into_iter().enumerate() {
            let indent = if number == 0 { indent } else { indent + 2 };
            writeln!(self.out, "{:indent$}{}", "", self.screen.style.paint(ink, &line))?;
        }
        Ok(())
    }

    fn account(&mut self, lines: &[Line]) -> io::Result<()> {
        writeln!(self.out)?;
        self.line(0, Ink::Bold, "Step by step, milliseconds from the start")?;
        let room = self.screen.width.saturating_sub(15).max(40);
        for step in lines {
            let (mark, ink) = match step.way {
                Way::Sent => ("->", Ink::Plain),
                Way::Came => ("<-", Ink::Bold),
                Way::Note => ("  ", Ink::Dim),
            };
            for (number, part) in wrap(&printable(&step.text), room).into_iter().enumerate() {
                let part = self.screen.style.paint(ink, &part);
                if number == 0 {
                    writeln!(self.out, "{:>10.1}  {mark} {part}", step.ms)?;
                } else {
                    writeln!(self.out, "{:15}{part}", "")?;
                }
            }
        }
        Ok(())
    }

    fn certificate(&mut self, seen: &Observation) -> io::Result<()> {
        let all: Vec<&Certificate> = seen.certificates().collect();
        if all.is_empty() {
            return Ok(());
        }
        writeln!(self.out)?;
        self.line(0, Ink::Bold, "Certificates")?;
        for certificate in all {
            self.line(2, Ink::Plain, &described(certificate))?;
            if let Some(spki) = certificate.spki_sha256 {
                self.line(4, Ink::Dim, &format!("key {spki}"))?;
            }
        }
        if let Some(served) = &seen.served {
            self.line(2, Ink::Plain, &chain(served))?;
        }
        Ok(())
    }

    fn list(&mut self, title: &str, lines: impl Iterator<Item = (Ink, String)>) -> io::Result<()> {
        let mut lines = lines.peekable();
        if lines.peek().is_none() {
            return Ok(());
        }
        writeln!(self.out)?;
        self.line(0, Ink::Bold, title)?;
        for (ink, text) in lines {
            self.line(2, ink, &text)?;
        }
        Ok(())
    }

    fn verdict(&mut self, title: &str, judgement: &Judgement) -> io::Result<()> {
        let ink = verdict_ink(judgement.verdict);
        writeln!(self.out)?;
        let head = format!(
            "{} ({title}): {} ({}), {} of {} attempts vulnerable, foreign bytes: {}",
            judgement.disclosure,
            judgement.verdict,
            judgement.reason,
            judgement.vulnerable,
            judgement.tried,
            judgement.foreign_bytes
        );
        self.line(0, ink, &head)?;
        self.line(2, Ink::Plain, &format!("{}.", explain::because(judgement.reason)))
    }
}

const fn verdict_ink(verdict: Verdict) -> Ink {
    match verdict {
        Verdict::Vulnerable => Ink::Bad,
        v if v.is_clean() => Ink::Good,
        _ => Ink::Warn,
    }
}

fn described(certificate: &Certificate) -> String {
    let subject = certificate.subject.as_deref().unwrap_or("a certificate that cannot be read");
    let mut parts = vec![if subject.is_empty() { "no subject".to_owned() } else { subject.to_owned() }];
    if let Some(issuer) = &certificate.issuer {
        parts.push(format!("by {issuer}"));
    }
    if let (Some(from), Some(until)) = (certificate.not_before, certificate.not_after) {
        parts.push(format!("{} to {}", from.date(), until.date()));
    }
    if let Some(details) = &certificate.details {
        let bits = details.key_bits.map_or(String::new(), |bits| format!(", {bits} bits"));
        parts.extend(details.key.as_ref().map(|key| format!("{key}{bits}")));
        parts.extend(details.roca.then(|| "THE KEY IS WEAK (ROCA)".to_owned()));
        parts.extend(
            (details.listed_weak == Some(true)).then(|| "THE KEY IS IN A LIST OF WEAK KEYS".to_owned()),
        );
        parts.extend(details.signature.as_ref().map(ToString::to_string));
        parts.extend(details.sct.first().map(|sct| format!("first logged {}", sct.short())));
    }
    if !certificate.names.is_empty() {
        parts.push(format!("names {}", certificate.names.join(" ")));
    }
    parts.join("; ")
}

fn chain(served: &Served) -> String {
    let count = served.issuers.len();
    let order = if served.in_order { "" } else { ", not in order" };
    let trust = served.trust.as_ref().map_or_else(
        || "not checked against a trust store".to_owned(),
        |trust| {
            let what = match trust.result {
                TrustResult::Trusted => "leads to a root of the",
                TrustResult::OutsideDates => "would lead, but for dates, to a root of the",
                TrustResult::SelfSigned => "signed itself and is not in the",
                TrustResult::UnknownIssuer => "leads to no root of the",
                TrustResult::Incomplete => "breaks off before any root of the",
                TrustResult::Broken => "does not hold, checked against the",
                TrustResult::Unsupported => "cannot be checked against the",
            };
            let more = trust.detail.as_ref().map_or(String::new(), |d| format!(" ({d})"));
            format!("it {what} trust store `{}`{more}", trust.store)
        },
    );
    format!("Chain: {count} more{order}; {trust}")
}

fn revocation(check: &Revocation) -> (Ink, String) {
    let ink = match check.status {
        RevocationStatus::Good => Ink::Good,
        RevocationStatus::Revoked => Ink::Bad,
        RevocationStatus::Unknown => Ink::Warn,
    };
    let parts = [
        Some(format!("{} {}", check.certificate, check.status)),
        check.source.map(|source| format!(" by {source}")),
        check.reason.map(|reason| format!(", reason {reason}")),
        check.revoked_at.map(|at| format!(", since {}", at.short())),
        check.detail.as_ref().map(|detail| format!(": {detail}")),
    ];
    let text = parts.into_iter().flatten().collect();
    (ink, text)
}

fn expectation(tried: &Expectation) -> (Ink, String) {
    let (ink, word) = match tried.met {
        Some(true) => (Ink::Good, "met"),
        Some(false) => (Ink::Bad, "NOT met"),
        None => (Ink::Warn, "not tried"),
    };
    let saw = tried.saw.as_ref().map_or(String::new(), |saw| format!(": {saw}"));
    (ink, format!("`{}` {word}{saw}", tried.expect))
}

fn finding(finding: &Finding) -> (Ink, String) {
    let ink = if finding.kind.is_outage() { Ink::Bad } else { Ink::Warn };
    (ink, format!("{}: {}", finding.kind, finding.detail))
}

#[derive(Serialize)]
struct Json<'a> {
    schema: &'static str,
    target: &'a str,
    endpoint: serde_json::Value,
    steps: &'a [Line],
    findings: &'a [Finding],
    revocations: &'a [Revocation],
    because: Vec<&'static str>,
}

/// Writes the page as one JSON object on one line: the endpoint as `sweep --jsonl` has it, and what only this command
/// tells.
pub fn json(page: &Page<'_>, out: &mut dyn Write) -> io::Result<()> {
    let judgements: Vec<Judgement> = page.judgements.iter().map(|(_, j)| (*j).clone()).collect();
    let line = endpoint::line(page.observation, &judgements, page.findings);
    json::write(
        &Json {
            schema: SCHEMA,
            target: page.target,
            endpoint: serde_json::from_str(&line).map_err(io::Error::from)?,
            steps: page.account,
            findings: page.findings,
            revocations: page.revocations,
            because: page.judgements.iter().map(|(_, j)| explain::because(j.reason)).collect(),
        },
        out,
    )?;
    writeln!(out)
}
