//! What is saved for the next start against what is in force: which rules each has alone, in the order that
//! chains are asked. Counters, comments and what other programs put in at run time do not count.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    iptables::{Group, Outline, outline},
    rules::quote,
    view::is_internal,
};

/// Rules listed of each side.
const LISTED: usize = 50;

/// Cells of one comparison; beyond it the order within a chain is not compared.
const CELLS: usize = 4_000_000;

/// The difference between two texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Drift {
    pub(super) only_saved: Vec<String>,
    pub(super) only_running: Vec<String>,
    pub(super) saved_total: usize,
    pub(super) running_total: usize,
    /// Rules of other programs, left out.
    pub(super) generated: usize,
}

impl Drift {
    fn add(&mut self, table: &str, saved: bool, rule: &str) {
        let (list, total) = if saved {
            (&mut self.only_saved, &mut self.saved_total)
        } else {
            (&mut self.only_running, &mut self.running_total)
        };
        *total += 1;
        if list.len() < LISTED {
            list.push(quote(&format!("{table}: {rule}")));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.saved_total == 0 && self.running_total == 0
    }
}

/// Compares a saved text with the running ones. With `own_chains` only the chains that the saved text has
/// are compared, and they are nobody else's.
pub(super) fn compare(saved: &str, running: &[&str], own_chains: bool) -> Drift {
    let saved = outline(saved);
    let mut merged: BTreeMap<String, Outline> = BTreeMap::new();
    for text in running {
        for (name, table) in outline(text) {
            let into = merged.entry(name).or_default();
            for (chain, policy) in table.policies {
                // Rules of both kinds may be in force: what one drops is dropped.
                let own = into.policies.entry(chain).or_insert_with(|| policy.clone());
                if policy == "DROP" {
                    *own = policy;
                }
            }
            for (chain, rules) in table.rules {
                into.rules.entry(chain).or_default().extend(rules);
            }
        }
    }
    let mut drift = Drift::default();
    let none = Outline::default();
    // A table that is not saved is left alone when the rest is restored.
    for (name, saved) in &saved {
        let running = merged.get(name).unwrap_or(&none);
        let chains: BTreeSet<&String> = if own_chains {
            saved.rules.keys().collect()
        } else {
            saved.rules.keys().chain(running.rules.keys()).collect()
        };
        let docker = running.rules.keys().chain(saved.rules.keys()).any(|chain| chain == "DOCKER");
        for chain in chains {
            if !own_chains && is_generated(chain) {
                drift.generated += running.rules.get(chain).map_or(0, Vec::len);
                continue;
            }
            compare_policy(&mut drift, (name, chain), saved, running, docker);
            let rules = |outline: &Outline| -> Vec<(Vec<Group>, String)> {
                outline.rules.get(chain).cloned().unwrap_or_default()
            };
            let (mut one, mut other) = (rules(saved), rules(running));
            if !own_chains {
                drift.generated += other.iter().filter(|(groups, _)| is_generated_rule(groups)).count();
                one.retain(|(groups, _)| !is_generated_rule(groups));
                other.retain(|(groups, _)| !is_generated_rule(groups));
            }
            compare_chain(&mut drift, name, &one, &other);
        }
    }
    drift
}

fn compare_policy(
    drift: &mut Drift,
    (table, chain): (&str, &str),
    saved: &Outline,
    running: &Outline,
    docker: bool,
) {
    let policy = |outline: &Outline| outline.policies.get(chain).cloned();
    // Where nothing is set the kernel accepts; a chain of one's own has no policy.
    let plain = |policy: &Option<String>| policy.as_deref().unwrap_or("ACCEPT").replace('-', "ACCEPT");
    let (one, other) = (policy(saved), policy(running));
    if plain(&one) == plain(&other) {
        return;
    }
    // Set by Docker whenever it starts.
    if docker && chain == "FORWARD" && plain(&other) == "DROP" {
        drift.generated += 1;
        return;
    }
    for (policy, is_saved) in [(one, true), (other, false)] {
        drift.add(table, is_saved, &format!(":{chain} {}", plain(&policy)));
    }
}

/// Rules of one chain: the longest common sequence stays, the rest is drift.
fn compare_chain(
    drift: &mut Drift,
    table: &str,
    saved: &[(Vec<Group>, String)],
    running: &[(Vec<Group>, String)],
) {
    let same = |a: Option<&(Vec<Group>, String)>, b: Option<&(Vec<Group>, String)>| match (a, b) {
        (Some(a), Some(b)) => a.0 == b.0,
        _ => false,
    };
    let ahead = saved.iter().zip(running).take_while(|(a, b)| a.0 == b.0).count();
    let (saved, running) = (saved.get(ahead..).unwrap_or_default(), running.get(ahead..).unwrap_or_default());
    let behind = saved.iter().rev().zip(running.iter().rev()).take_while(|(a, b)| a.0 == b.0).count();
    let saved = saved.get(..saved.len() - behind).unwrap_or_default();
    let running = running.get(..running.len() - behind).unwrap_or_default();
    let width = running.len() + 1;
    if saved.len().saturating_add(1).saturating_mul(width) > CELLS {
        compare_bags(drift, table, saved, running);
        return;
    }
    // lengths[i * width + j]: the longest sequence that saved[i..] and running[j..] share.
    let mut lengths = vec![0_u32; (saved.len() + 1) * width];
    let at = |lengths: &[u32], i: usize, j: usize| lengths.get(i * width + j).copied().unwrap_or(0);
    for i in (0..saved.len()).rev() {
        for j in (0..running.len()).rev() {
            let length = if same(saved.get(i), running.get(j)) {
                at(&lengths, i + 1, j + 1) + 1
            } else {
                at(&lengths, i + 1, j).max(at(&lengths, i, j + 1))
            };
            if let Some(cell) = lengths.get_mut(i * width + j) {
                *cell = length;
            }
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < saved.len() || j < running.len() {
        let (one, other) = (saved.get(i), running.get(j));
        if same(one, other) {
            (i, j) = (i + 1, j + 1);
        } else if let (Some((_, text)), true) =
            (one, other.is_none() || at(&lengths, i + 1, j) >= at(&lengths, i, j + 1))
        {
            drift.add(table, true, text);
            i += 1;
        } else if let Some((_, text)) = other {
            drift.add(table, false, text);
            j += 1;
        }
    }
}

/// The same without order.
fn compare_bags(
    drift: &mut Drift,
    table: &str,
    saved: &[(Vec<Group>, String)],
    running: &[(Vec<Group>, String)],
) {
    let mut bag: BTreeMap<&[Group], usize> = BTreeMap::new();
    for (groups, _) in running {
        *bag.entry(groups).or_default() += 1;
    }
    for (groups, text) in saved {
        match bag.get_mut(groups.as_slice()) {
            Some(count) if *count > 0 => *count -= 1,
            _ => drift.add(table, true, text),
        }
    }
    let mut bag: BTreeMap<&[Group], usize> = BTreeMap::new();
    for (groups, _) in saved {
        *bag.entry(groups).or_default() += 1;
    }
    for (groups, text) in running {
        match bag.get_mut(groups.as_slice()) {
            Some(count) if *count > 0 => *count -= 1,
            _ => drift.add(table, false, text),
        }
    }
}

/// Whether a chain is one that a program makes and fills while it runs.
fn is_generated(chain: &str) -> bool {
    let prefixes = [
        "DOCKER",
        "f2b-",
        "fail2ban-",
        "KUBE-",
        "cali-",
        "CNI-",
        "LIBVIRT_",
        "ufw-",
        "ufw6-",
        "NETAVARK",
        "CILIUM",
        "FLANNEL",
        "sshguard",
        "crowdsec",
        "CROWDSEC",
        "WEAVE",
        "ts-",
        "FWDI_",
        "FWDO_",
        "IN_",
        "LXD",
    ];
    prefixes.iter().any(|prefix| chain.starts_with(prefix))
}

/// Whether a rule leads into such a chain, or is about the interfaces of containers.
fn is_generated_rule(groups: &[Group]) -> bool {
    groups.iter().any(|group| {
        let value = group.values.first().map_or("", String::as_str);
        match group.option.as_str() {
            "-j" | "-g" => is_generated(value),
            "-i" | "-o" => is_internal(value),
            _ => false,
        }
    })
}

/// Whether `nft list ruleset` and a file for `nft -f` are the same text apart from counters, comments and
/// spaces. Where they are not, nothing is known: one rule may be written in many ways.
pub(super) fn same_nft(saved: &str, running: &str) -> bool {
    let lines = |text: &str| -> Vec<String> {
        text.lines()
            .map(|line| line.split('#').next().unwrap_or_default())
            .map(|line| {
                let words: Vec<&str> = line.split_whitespace().collect();
                let mut kept = Vec::new();
                let mut skip = 0;
                for (index, word) in words.iter().enumerate() {
                    if skip > 0 {
                        skip -= 1;
                        continue;
                    }
                    kept.push(*word);
                    if *word == "counter" && words.get(index + 1) == Some(&"packets") {
                        skip = 4;
                    }
                }
                kept.join(" ")
            })
            .filter(|line| !line.is_empty() && line != "flush ruleset")
            .collect()
    };
    lines(saved) == lines(running)
}
