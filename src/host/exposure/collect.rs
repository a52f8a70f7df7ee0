//! Asks the tools for the rules in force, and says what could not be seen of them.

use super::{
    Filters, facts, iptables,
    network::Net,
    nft,
    rules::{Ruleset, Table, Verdict},
    run::{OUTPUT, Ran, Runner},
    saved::{self, Printed},
    space::Family,
};
use crate::{
    host::{cover::Cover, root::Root},
    model::host::Part,
};

/// Reads everything. `live` is whether the root is the running host's own.
pub(super) fn read(root: &Root, cover: &Cover, runner: &Runner, live: bool) -> Filters {
    cover.part(Part::Exposure);
    if !live {
        let mut filters = Filters::new(Vec::new(), Net::default(), [None, None], false);
        filters.facts = saved::read(root, cover, runner, None);
        facts::sort(&mut filters.facts);
        return filters;
    }
    let file = |path: &str| proc_file(root, runner, cover, path);
    let net = Net::read(file);
    let v4 = printed(cover, runner, Family::V4);
    let v6 = printed(cover, runner, Family::V6);
    let (nft, nft_gap) = native(cover, runner);
    let unseen = [
        unseen(&v4, nft_gap.as_deref(), root, file("/proc/net/ip_tables_names")),
        unseen(&v6, nft_gap.as_deref(), root, file("/proc/net/ip6_tables_names")),
    ];
    for missing in unseen.iter().flatten().filter(|why| why.ends_with("no-tool")) {
        cover.gap(Part::Exposure, "no-tool", missing);
    }
    let texts: Vec<Printed> = v4.texts.into_iter().chain(v6.texts).collect();
    let mut running: Vec<Ruleset> =
        texts.iter().map(|printed| iptables::read(&printed.text, printed.family, &printed.source)).collect();
    if let Some(mut nft) = nft {
        nft.tables.retain(|table| !running.iter().any(|set| shows(set, table)));
        running.push(nft);
    }
    for set in &running {
        for error in &set.errors {
            cover.gap(Part::Exposure, "rule-not-understood", format_args!("{}: {error}", set.source));
        }
        for table in &set.tables {
            cover.count("firewall_rules", table.rules() as u64);
            if table.family == "bridge" && table.rules() > 0 {
                cover.gap(Part::Exposure, "bridge-rules", &table.name);
            }
        }
    }
    let mut filters = Filters::new(running, net, unseen, true);
    filters.facts = facts::facts(&filters);
    filters.facts.extend(saved::read(root, cover, runner, Some(&texts)));
    facts::sort(&mut filters.facts);
    filters
}

fn proc_file(root: &Root, runner: &Runner, cover: &Cover, path: &str) -> Option<String> {
    if runner.prefix.is_empty() {
        return root.read_text(path, OUTPUT).ok();
    }
    match runner.run("cat", &[path], cover.time_left()) {
        Ran::Output(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        _ => None,
    }
}

/// What the programs of iptables printed for one family.
struct Asked {
    texts: Vec<Printed>,
    /// One of the programs is there.
    any: bool,
    /// Why one that is there did not answer.
    failed: Option<String>,
}

fn printed(cover: &Cover, runner: &Runner, family: Family) -> Asked {
    let name = if family == Family::V4 { "iptables" } else { "ip6tables" };
    let mut asked = Asked { texts: Vec::new(), any: false, failed: None };
    // The plain name is one of the two others; rules of both kinds may be in force at once.
    for tool in [format!("{name}-save"), format!("{name}-nft-save"), format!("{name}-legacy-save")] {
        match runner.run(&tool, &[], cover.time_left()) {
            Ran::Output(bytes) => {
                asked.any = true;
                let text = String::from_utf8_lossy(&bytes).into_owned();
                if !asked.texts.iter().any(|other| alike(&other.text, &text)) {
                    asked.texts.push(Printed { source: tool, family, text });
                }
            }
            Ran::NoTool => {}
            other => {
                asked.any = true;
                let complaint = other.complaint();
                cover.gap(
                    Part::Exposure,
                    other.word(),
                    format_args!("{tool} {complaint}").to_string().trim(),
                );
                asked.failed.get_or_insert_with(|| format!("{tool}: {}", other.word()));
            }
        }
    }
    asked
}

/// Whether two texts show the same rules.
fn alike(one: &str, other: &str) -> bool {
    let lines = |text: &str| -> Vec<String> {
        text.lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| {
                if line.starts_with(':') {
                    line.split(" [").next().unwrap_or_default().to_owned()
                } else {
                    iptables::strip_counters(line).to_owned()
                }
            })
            .collect()
    };
    lines(one) == lines(other)
}

/// The tables of nft, or why they were not seen.
fn native(cover: &Cover, runner: &Runner) -> (Option<Ruleset>, Option<String>) {
    let (word, complaint) = match runner.run("nft", &["-j", "list", "ruleset"], cover.time_left()) {
        Ran::Output(bytes) => match nft::read(&bytes, "nft") {
            Ok(set) => return (Some(set), None),
            Err(error) => ("not-json", error),
        },
        Ran::NoTool => return (None, Some("nft: no-tool".to_owned())),
        other => (other.word(), other.complaint().to_owned()),
    };
    cover.gap(Part::Exposure, word, format_args!("nft {complaint}").to_string().trim());
    (None, Some(format!("nft: {word}")))
}

/// Why rules of a family may be in force that no tool showed. `names` is the kernel's list of legacy tables.
fn unseen(asked: &Asked, nft_gap: Option<&str>, root: &Root, names: Option<String>) -> Option<String> {
    if let Some(failed) = &asked.failed {
        return Some(failed.clone());
    }
    if let Some(gap) = nft_gap {
        let over_nft = asked.texts.iter().any(|printed| printed.text.contains("(nf_tables)"));
        if gap != "nft: no-tool" || over_nft || !asked.any || may_have_nft(root) {
            return Some(gap.to_owned());
        }
    }
    // With nft alone, tables of the older kind stay out of sight.
    let legacy = names.is_some_and(|names| !names.trim().is_empty());
    (!asked.any && legacy).then(|| "iptables: no-tool".to_owned())
}

/// Whether the kernel may hold tables of nft: its module is loaded, or built in, or that cannot be told.
fn may_have_nft(root: &Root) -> bool {
    let (Ok(modules), Ok(release)) =
        (root.read_text("/proc/modules", OUTPUT), root.read_text("/proc/sys/kernel/osrelease", 1 << 16))
    else {
        return true;
    };
    let loaded = modules.lines().any(|line| line.split_whitespace().next() == Some("nf_tables"));
    let list = format!("/lib/modules/{}/modules.builtin", release.trim());
    loaded || root.read_text(list, OUTPUT).map_or(true, |list| list.contains("/nf_tables.ko"))
}

/// Whether a table of nft is one that iptables showed already, and showed better.
fn shows(set: &Ruleset, table: &Table) -> bool {
    let same = set.tables.iter().find(|own| own.family == table.family && own.name == table.name);
    let Some(own) = same.filter(|_| !set.source.starts_with("nft")) else {
        return false;
    };
    if set.over_nft {
        return true;
    }
    // Older versions do not say which kind they show: the same chains with as many rules that end alike.
    own.chains.len() == table.chains.len()
        && own.chains.iter().all(|(name, chain)| {
            table.chains.get(name).is_some_and(|other| {
                other.rules.len() == chain.rules.len()
                    && other.rules.iter().zip(&chain.rules).all(|(a, b)| {
                        a.verdict == b.verdict
                            || [&a.verdict, &b.verdict].contains(&&Verdict::Unknown)
                            || [&a.verdict, &b.verdict].contains(&&Verdict::Continue)
                    })
            })
        })
}
