//! The first lines over all hosts: how many are vulnerable, which, and what is not known.

use crate::{
    model::{
        disclosure::Disclosure,
        host::{Finding, HostJudged},
        text::printable,
        verdict::Verdict,
    },
    report::style::{Ink, Screen},
};

use super::words::number;

/// Hosts named in the first line.
const NAMED: usize = 8;

/// Every finding on a copy of a host.
fn copies(host: &HostJudged) -> impl Iterator<Item = &Finding> {
    host.assessed.iter().flat_map(|a| a.verdicts.iter().flatten())
}

/// Every finding on a package of a host.
fn packages(host: &HostJudged) -> impl Iterator<Item = &Finding> {
    host.assessed.iter().flat_map(|a| a.packages.iter().flatten())
}

fn is_bad(host: &HostJudged) -> bool {
    copies(host).chain(packages(host)).any(|f| f.verdict == Verdict::Vulnerable)
}

/// Vulnerable hosts come first, then those of which something is not known.
pub(super) fn rank(host: &HostJudged) -> u8 {
    let undecided = copies(host).chain(packages(host)).any(|f| !f.verdict.is_decided());
    match (is_bad(host), host.state.failed.is_some() || undecided) {
        (true, _) => 0,
        (_, true) => 1,
        _ => 2,
    }
}

/// One sentence: `2 of 7 hosts with a vulnerable copy or package: web01, web02`.
pub fn summary(hosts: &[HostJudged]) -> String {
    let bad: Vec<&str> = hosts.iter().filter(|h| is_bad(h)).map(|h| h.state.host.as_str()).collect();
    let all = number(hosts.len(), "host");
    if bad.is_empty() {
        return format!("no vulnerable copy or package was seen on {all}");
    }
    let more = bad.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let names: Vec<&str> = bad.iter().take(NAMED).copied().collect();
    format!("{} of {all} with a vulnerable copy or package: {}{more}", bad.len(), names.join(", "))
}

pub(super) fn lines(disclosure: &Disclosure, hosts: &[HostJudged], screen: &Screen) -> Vec<String> {
    let count =
        |wanted: fn(Verdict) -> bool| hosts.iter().flat_map(copies).filter(|f| wanted(f.verdict)).count();
    let bad = count(|v| v == Verdict::Vulnerable);
    let unknown = count(|v| !v.is_decided());
    let clean = count(Verdict::is_clean);
    let old: usize = hosts.iter().map(|h| h.assessed.iter().map(|a| a.old.len()).sum::<usize>()).sum();
    let of_packages =
        |wanted: fn(Verdict) -> bool| hosts.iter().flat_map(packages).filter(|f| wanted(f.verdict)).count();
    let (bad_packages, open_packages) =
        (of_packages(|v| v == Verdict::Vulnerable), of_packages(|v| !v.is_decided()));
    let failed = hosts.iter().filter(|h| h.state.failed.is_some()).count();
    let part = hosts.iter().filter(|h| h.state.looks().any(|l| !l.document.header.coverage.complete)).count();
    let ink = if bad + bad_packages > 0 { Ink::Bad } else { Ink::Bold };
    let name = disclosure.aliases.first().map_or("", |a| a.as_str());
    let called = if name.is_empty() { String::new() } else { format!(" ({name})") };
    let title = format!("{}{called}: {}", disclosure.id, summary(hosts));
    let mut lines = vec![screen.style.paint(ink, &printable(&title)).to_string()];
    lines.push(format!(
        "  {} of a TLS library: {bad} vulnerable, {unknown} not decided, {clean} clean. {} from before a change on disk.",
        number(bad + unknown + clean, "copy"),
        number(old, "copy runs"),
    ));
    let mut warn = Vec::new();
    if bad_packages + open_packages > 0 {
        warn.push(format!(
            "  {}: {bad_packages} vulnerable, {open_packages} not decided.",
            number(bad_packages + open_packages, "package")
        ));
    }
    if failed + part > 0 {
        warn.push(format!(
            "  Hosts that gave nothing when last asked: {failed}; seen in part: {part}. What was not seen is not clean."
        ));
    }
    lines.extend(warn.iter().map(|text| screen.style.paint(Ink::Warn, text).to_string()));
    lines
}
