//! Facts about the rule sets as such: how many rules, which policy, none at all, not readable.

use std::collections::BTreeMap;

use super::{
    Filters, containers,
    rules::{Hook, Ruleset, Table},
    space::Family,
};
use crate::model::host::{Firewall, FirewallFact};

/// All facts of the rules in force, sorted.
pub(super) fn facts(filters: &Filters) -> Vec<Firewall> {
    let mut facts: Vec<Firewall> = filters.running.iter().flat_map(|set| of_set(set, true)).collect();
    for (family, unseen) in [Family::V4, Family::V6].into_iter().zip(&filters.unseen) {
        if let Some(unseen) = unseen {
            let message = format!("{} rules could not all be read: {unseen}.", family.name());
            facts.push(fact(FirewallFact::Unreadable, source(filters, family), family.word(), message));
        } else if filters.live && no_rules(filters, family) {
            let message = format!("No {} rule is in force: every listening port is open.", family.name());
            facts.push(fact(FirewallFact::NoRules, source(filters, family), family.word(), message));
        }
    }
    facts.extend(containers::dns_blocked(filters));
    sort(&mut facts);
    facts
}

pub(super) fn sort(facts: &mut [Firewall]) {
    facts.sort_by(|a, b| (a.fact, &a.source, &a.family).cmp(&(b.fact, &b.source, &b.family)));
}

/// The tool whose business a family is.
fn source(filters: &Filters, family: Family) -> String {
    let name = if family == Family::V4 { "iptables" } else { "ip6tables" };
    let only_nft = filters.running.iter().any(|set| set.source == "nft")
        && !filters.running.iter().any(|set| set.source.starts_with(name));
    if only_nft { "nft".to_owned() } else { format!("{name}-save") }
}

pub(super) fn fact(fact: FirewallFact, source: String, family: &str, message: String) -> Firewall {
    Firewall {
        fact,
        source,
        family: family.to_owned(),
        input_policy: String::new(),
        rules: None,
        only_saved: Vec::new(),
        only_running: Vec::new(),
        message,
    }
}

/// One fact for each family of a rule set that has rules or a policy that drops.
pub(super) fn of_set(set: &Ruleset, running: bool) -> Vec<Firewall> {
    let mut families: BTreeMap<&str, Vec<&Table>> = BTreeMap::new();
    for table in &set.tables {
        families.entry(&table.family).or_default().push(table);
    }
    let mut facts = Vec::new();
    for (family, tables) in families {
        let rules: usize = tables.iter().map(|table| table.rules()).sum();
        let policies: Vec<bool> = tables
            .iter()
            .flat_map(|table| table.chains.values())
            .filter_map(|chain| chain.base.as_ref())
            .filter(|base| base.hook == Hook::Input && !base.nat)
            .map(|base| base.drops)
            .collect();
        let drops = policies.contains(&true);
        if rules == 0 && !drops {
            continue;
        }
        let policy = if drops {
            "drop"
        } else if policies.is_empty() {
            ""
        } else {
            "accept"
        };
        let state = if running { "in force" } else { "saved; whether they are in force is not known" };
        let end = if policy.is_empty() { String::new() } else { format!("; INPUT policy {policy}") };
        let count = rules as u64;
        let word = if rules == 1 { "rule" } else { "rules" };
        let message = format!("{count} {word} {state}{end}.");
        let mut one = fact(FirewallFact::Rules, set.source.clone(), family, message);
        policy.clone_into(&mut one.input_policy);
        one.rules = Some(count);
        facts.push(one);
    }
    facts
}

fn no_rules(filters: &Filters, family: Family) -> bool {
    let mut tables = filters.running.iter().flat_map(|set| &set.tables).filter(|table| table.sees(family));
    let partial = filters.running.iter().any(|set| set.partial);
    !partial
        && tables.all(|table| {
            table.rules() == 0
                && !table.chains.values().any(|chain| chain.base.as_ref().is_some_and(|base| base.drops))
        })
}
