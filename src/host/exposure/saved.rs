//! The rules that are saved for the next start.

use std::io;

use super::{
    drift::{Drift, compare, same_nft},
    facts::{fact, of_set},
    iptables,
    run::{OUTPUT, Ran, Runner},
    space::Family,
};
use crate::{
    host::{cover::Cover, root::Root},
    model::host::{Firewall, FirewallFact, Part},
};

/// Files for iptables-restore.
const FILES: [(&str, Family); 13] = [
    ("/etc/iptables/rules.v4", Family::V4),
    ("/etc/iptables/rules.v6", Family::V6),
    ("/etc/sysconfig/iptables", Family::V4),
    ("/etc/sysconfig/ip6tables", Family::V6),
    ("/etc/iptables.rules", Family::V4),
    ("/etc/ip6tables.rules", Family::V6),
    ("/etc/iptables.up.rules", Family::V4),
    ("/etc/iptables/iptables.rules", Family::V4),
    ("/etc/iptables/ip6tables.rules", Family::V6),
    ("/etc/iptables/rules-save", Family::V4),
    ("/etc/iptables/rules6-save", Family::V6),
    (UFW, Family::V4),
    ("/etc/ufw/user6.rules", Family::V6),
];

const UFW: &str = "/etc/ufw/user.rules";

/// Files for nft.
const NFT_FILES: [&str; 3] = ["/etc/nftables.conf", "/etc/sysconfig/nftables.conf", "/etc/nftables.nft"];

/// A text that iptables printed.
pub(super) struct Printed {
    pub(super) source: String,
    pub(super) family: Family,
    pub(super) text: String,
}

/// Facts about what is saved. `running` is absent where this is not the running host.
pub(super) fn read(
    root: &Root,
    cover: &Cover,
    runner: &Runner,
    running: Option<&[Printed]>,
) -> Vec<Firewall> {
    let mut facts = Vec::new();
    for (path, family) in FILES {
        let Some(text) = text(root, cover, path) else { continue };
        let ufw = path.starts_with("/etc/ufw/");
        if ufw && !ufw_is_on(root) {
            cover.count("saved_rules_not_enabled", 1);
            continue;
        }
        let set = iptables::read(&text, family, path);
        for error in &set.errors {
            cover.gap(Part::Exposure, "rule-not-understood", format_args!("{path}: {error}"));
        }
        let Some(running) = running else {
            facts.extend(of_set(&set, false));
            continue;
        };
        let texts: Vec<&str> =
            running.iter().filter(|printed| printed.family == family).map(|p| p.text.as_str()).collect();
        if texts.is_empty() {
            cover.gap(Part::Exposure, "not-compared", path);
            continue;
        }
        let drift = compare(&text, &texts, ufw);
        cover.count("firewall_rules_generated", drift.generated as u64);
        if !drift.is_empty() {
            facts.push(of_drift(path, family, drift));
        }
    }
    nft_files(root, cover, runner, running.is_some());
    facts
}

fn of_drift(path: &str, family: Family, drift: Drift) -> Firewall {
    let message = format!(
        "{} saved {} not in force and {} in force {} not saved: a restart changes what is open.",
        drift.saved_total,
        if drift.saved_total == 1 { "rule is" } else { "rules are" },
        drift.running_total,
        if drift.running_total == 1 { "is" } else { "are" },
    );
    let mut one = fact(FirewallFact::Drift, path.to_owned(), family.word(), message);
    one.only_saved = drift.only_saved;
    one.only_running = drift.only_running;
    one
}

/// A file of another grammar: it is compared as text, and where the texts differ nothing is known.
fn nft_files(root: &Root, cover: &Cover, runner: &Runner, live: bool) {
    for path in NFT_FILES {
        let Some(saved) = text(root, cover, path).filter(|text| holds_rules(text)) else { continue };
        let same = live
            && match runner.run("nft", &["list", "ruleset"], cover.time_left()) {
                Ran::Output(running) => same_nft(&saved, &String::from_utf8_lossy(&running)),
                _ => false,
            };
        if !same {
            cover.gap(Part::Exposure, "not-compared", path);
        }
    }
}

/// Whether there is more in it than tables and base chains that let everything through.
fn holds_rules(text: &str) -> bool {
    text.lines().map(|line| line.split('#').next().unwrap_or_default().trim()).any(|line| {
        let frame = ["table ", "chain ", "}", "flush ruleset", "type filter hook"];
        !line.is_empty()
            && (!frame.iter().any(|word| line.starts_with(word))
                || line.contains("drop")
                || line.trim_end_matches(['{', ';', ' ']).contains(';') && !line.contains("accept"))
    })
}

fn ufw_is_on(root: &Root) -> bool {
    root.read_text("/etc/ufw/ufw.conf", 1 << 20)
        .is_ok_and(|text| text.lines().any(|line| line.trim().eq_ignore_ascii_case("ENABLED=yes")))
}

fn text(root: &Root, cover: &Cover, path: &str) -> Option<String> {
    match root.read_text(path, OUTPUT) {
        Ok(text) => Some(text),
        Err(error) => {
            let word = match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => return None,
                io::ErrorKind::PermissionDenied => "permission-denied",
                io::ErrorKind::FileTooLarge => "too-large",
                _ => "unreadable",
            };
            cover.gap(Part::Exposure, word, path);
            None
        }
    }
}
