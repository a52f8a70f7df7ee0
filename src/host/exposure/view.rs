//! All rule sets in force for one family, in the order in which the kernel asks them, and the interfaces
//! that they tell apart.

use std::collections::BTreeSet;

use super::{
    rules::{Base, Chain, Hook, Iface, Ports, Rule, Ruleset, Table, Test, Verdict},
    space::Family,
};

/// Interfaces that are told apart at most.
const CLASSES: usize = 256;

/// Ports that are redirected to another one, at most.
const ENTRIES: usize = 16;

/// Interfaces that all rules treat alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Named(String),
    /// Every interface whose name begins so and that no other class has.
    Begins(String),
    /// Every other interface.
    Other,
}

impl Class {
    pub(super) fn meets(&self, iface: &Iface) -> bool {
        match (self, iface) {
            (Self::Named(name), _) => iface.covers(name),
            (Self::Begins(own), Iface::Prefix(prefix)) => own.starts_with(prefix.as_str()),
            (Self::Other, Iface::Prefix(prefix)) => prefix.is_empty(),
            (Self::Begins(_) | Self::Other, Iface::Named(_)) => false,
        }
    }

    /// Whether it is an interface that leads into containers or virtual machines of the host.
    pub(super) fn is_internal(&self) -> bool {
        match self {
            Self::Named(name) => is_internal(name),
            Self::Begins(prefix) => prefix.len() > 1 && is_internal(prefix),
            Self::Other => false,
        }
    }
}

/// Whether an interface of this name leads into containers or virtual machines of the host.
pub(super) fn is_internal(name: &str) -> bool {
    [
        "docker", "br-", "podman", "cni", "veth", "virbr", "lxcbr", "lxdbr", "cali", "flannel", "cbr",
        "kube-", "vnet",
    ]
    .iter()
    .any(|prefix| name.starts_with(prefix))
}

/// The rule sets in force for one family.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) family: Family,
    pub(super) classes: Vec<Class>,
    /// More interfaces than are told apart.
    pub(super) too_many: bool,
    /// A rule asks for the address that a connection is made to.
    pub(super) asks_address: bool,
}

impl View {
    pub(super) fn new(sets: &[Ruleset], family: Family) -> Self {
        let (mut names, mut prefixes) = (BTreeSet::new(), BTreeSet::new());
        let mut asks_address = false;
        for table in sets.iter().flat_map(|set| &set.tables).filter(|table| table.sees(family)) {
            for chain in table.chains.values() {
                names.extend(chain.base.iter().flat_map(|base| base.devices.iter().cloned()));
                for test in chain.rules.iter().flat_map(|rule| &rule.tests) {
                    asks_address |= matches!(test, Test::Dest { .. });
                    if let Test::In { names: found, .. } = test {
                        for iface in found {
                            match iface {
                                Iface::Named(name) => names.insert(name.clone()),
                                Iface::Prefix(prefix) => prefixes.insert(prefix.clone()),
                            };
                        }
                    }
                }
            }
        }
        names.remove("lo");
        prefixes.remove("");
        let too_many = names.len().saturating_add(prefixes.len()) >= CLASSES;
        let classes = std::iter::once(Class::Other)
            .chain(names.into_iter().map(Class::Named))
            .chain(prefixes.into_iter().map(Class::Begins))
            .take(CLASSES)
            .collect();
        Self { family, classes, too_many, asks_address }
    }

    /// The place of the class that an interface is in.
    pub(super) fn class_of(&self, name: &str) -> usize {
        let exact = self.classes.iter().position(|class| *class == Class::Named(name.to_owned()));
        exact
            .or_else(|| {
                let prefixes = self.classes.iter().enumerate().filter_map(|(index, class)| match class {
                    Class::Begins(prefix) if name.starts_with(prefix.as_str()) => Some((prefix.len(), index)),
                    _ => None,
                });
                prefixes.max().map(|(_, index)| index)
            })
            .unwrap_or(0)
    }

    /// The base chains of a hook, in the order in which they are asked.
    pub(super) fn bases<'a>(&self, sets: &'a [Ruleset], hook: Hook) -> Vec<Based<'a>> {
        let mut found: Vec<Based<'a>> = sets
            .iter()
            .flat_map(|set| set.tables.iter().map(move |table| (set, table)))
            .filter(|(_, table)| table.sees(self.family))
            .flat_map(|(set, table)| {
                table.chains.iter().filter_map(move |(name, chain)| {
                    let base = chain.base.as_ref().filter(|base| base.hook == hook)?;
                    Some(Based { at: At { set, table, chain: name, rule: None }, chain, base })
                })
            })
            .collect();
        found.sort_by_key(|based| based.base.priority);
        found
    }

    /// Ports that rules turn into `port` before it is filtered.
    pub(super) fn entries(&self, sets: &[Ruleset], port: u16) -> Vec<u16> {
        let mut found = BTreeSet::new();
        for (_, rule) in translations(sets, self.family) {
            let to = match rule.verdict {
                Verdict::Redirect { port } | Verdict::Dnat { port, .. } => port,
                _ => None,
            };
            if to == Some(port) {
                found.extend(asked(rule).iter().map(|(first, _)| *first).filter(|first| *first != port));
            }
        }
        found.into_iter().take(ENTRIES).collect()
    }
}

/// The ports that a rule asks for.
pub(super) fn asked(rule: &Rule) -> &[(u16, u16)] {
    let ports = rule.tests.iter().find_map(|test| match test {
        Test::Port { ranges, negated: false } => Some(ranges),
        _ => None,
    });
    ports.map_or(&[], Ports::as_slice)
}

/// The rules that translate destinations, with the chain that they are in.
pub(super) fn translations(sets: &[Ruleset], family: Family) -> impl Iterator<Item = (At<'_>, &Rule)> {
    sets.iter()
        .flat_map(|set| set.tables.iter().map(move |table| (set, table)))
        .filter(move |(_, table)| table.sees(family))
        .flat_map(|(set, table)| {
            table.chains.iter().flat_map(move |(name, chain)| {
                chain.rules.iter().map(move |rule| (At { set, table, chain: name, rule: Some(rule) }, rule))
            })
        })
        .filter(|(_, rule)| matches!(rule.verdict, Verdict::Dnat { .. } | Verdict::Redirect { .. }))
}

/// A base chain where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Based<'a> {
    pub(super) at: At<'a>,
    pub(super) chain: &'a Chain,
    pub(super) base: &'a Base,
}

/// A rule, or the policy of a chain.
#[derive(Clone, Copy, Debug)]
pub(super) struct At<'a> {
    pub(super) set: &'a Ruleset,
    pub(super) table: &'a Table,
    pub(super) chain: &'a str,
    pub(super) rule: Option<&'a Rule>,
}

impl At<'_> {
    /// As a person may find it again.
    pub(super) fn text(&self, policy: &str) -> String {
        let table = super::rules::quote(&self.table.name);
        let source = &self.set.source;
        match self.rule {
            Some(rule) if self.set.source == "nft" => format!("{source}: {}", rule.text),
            Some(rule) => format!("{source} {table}: {}", rule.text),
            None => format!("{source} {table}: {} policy {policy}", super::rules::quote(self.chain)),
        }
    }
}
