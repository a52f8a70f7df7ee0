//! The first lines over all hosts: how many are vulnerable, which, and what is not known.

use crate::{
    model::{
        host::HostJudged,
        text::printable,
        verdict::{Disclosure, Reason, Verdict},
    },
    report::style::{Ink, Screen},
};

use super::words::number;

/// Hosts named in the first line.
const NAMED: usize = 8;

/// Every verdict on a copy of a host.
fn verdicts(host: &HostJudged) -> impl Iterator<Item = &(Verdict, Reason)> {
    host.assessed.iter().flat_map(|a| a.verdicts.iter().flatten())
}

fn is_bad(host: &HostJudged) -> bool {
    verdicts(host).any(|(v, _)| *v == Verdict::Vulnerable)
}

/// Vulnerable hosts come first, then those of which something is not known.
pub(super) fn rank(host: &HostJudged) -> u8 {
    let unknown = host.state.failed.is_some() || verdicts(host).any(|(v, _)| !v.is_decided());
    match (is_bad(host), unknown) {
        (true, _) => 0,
        (_, true) => 1,
        _ => 2,
    }
}

/// One sentence: `2 of 7 hosts have a vulnerable copy: web01, web02`.
pub fn summary(hosts: &[HostJudged]) -> String {
    let bad: Vec<&str> = hosts.iter().filter(|h| is_bad(h)).map(|h| h.state.host.as_str()).collect();
    let all = number(hosts.len(), "host");
    if bad.is_empty() {
        return format!("no vulnerable copy was seen on {all}");
    }
    let more = bad.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let names: Vec<&str> = bad.iter().take(NAMED).copied().collect();
    format!("{} of {all} with a vulnerable copy: {}{more}", bad.len(), names.join(", "))
}

pub(super) fn lines(disclosure: &Disclosure, hosts: &[HostJudged], screen: &Screen) -> Vec<String> {
    let count =
        |wanted: fn(Verdict) -> bool| hosts.iter().flat_map(verdicts).filter(|(v, _)| wanted(*v)).count();
    let bad = count(|v| v == Verdict::Vulnerable);
    let unknown = count(|v| !v.is_decided());
    let clean = count(Verdict::is_clean);
    let old: usize = hosts.iter().map(|h| h.assessed.iter().map(|a| a.old.len()).sum::<usize>()).sum();
    let packages = hosts.iter().flat_map(|h| h.assessed.iter().flat_map(|a| a.packages.iter().flatten()));
    let packages = packages.filter(|(v, _)| !v.is_clean()).count();
    let failed = hosts.iter().filter(|h| h.state.failed.is_some()).count();
    let part = hosts.iter().filter(|h| h.state.looks().any(|l| !l.document.header.coverage.complete)).count();
    let ink = if bad > 0 { Ink::Bad } else { Ink::Bold };
    let name = disclosure.aliases.first().map_or("", |a| a.as_str());
    let title = format!("{} ({name}): {}", disclosure.id, summary(hosts));
    let mut lines = vec![screen.style.paint(ink, &printable(&title)).to_string()];
    lines.push(format!(
        "  {} of a TLS library: {bad} vulnerable, {unknown} not decided, {clean} clean. {} from before a change on disk.",
        number(bad + unknown + clean, "copy"),
        number(old, "copy runs"),
    ));
    let mut warn = Vec::new();
    if packages > 0 {
        warn.push(format!(
            "  {} of OpenSSL not decided: the distribution may have repaired it.",
            number(packages, "package")
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
