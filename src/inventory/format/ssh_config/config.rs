//! The blocks of a configuration, and which values stand for a host.

use std::collections::HashMap;

use crate::{
    inventory::left_out::LeftOut,
    model::{glob, service::Source},
};

/// The most blocks with wildcards. Each is held against each host.
pub(super) const MOST_WILD: usize = 256;

/// The most wildcards and negations of one block.
pub(super) const MOST_PATTERNS: usize = 1024;

/// For which hosts lines count.
#[derive(Debug, Default)]
pub(super) struct Condition {
    /// The condition of the block whose `Include` brought this one.
    pub(super) parent: Option<usize>,
    /// False: a `Match`, which is never fulfilled here.
    pub(super) possible: bool,
    /// True: every host, before the first `Host`.
    pub(super) all: bool,
    /// Names without a wildcard.
    pub(super) names: Vec<String>,
    /// Patterns with a wildcard.
    pub(super) wild: Vec<String>,
    /// Patterns that exclude.
    pub(super) negated: Vec<String>,
}

/// Lines that count under one condition, with the first value of each keyword.
#[derive(Debug, Default)]
pub(super) struct Block {
    pub(super) condition: usize,
    pub(super) host_name: Option<String>,
    pub(super) port: Option<String>,
    /// Where one jumps first; empty: nowhere, which is a value too.
    pub(super) jump: Option<String>,
}

/// A host that is named without a wildcard.
#[derive(Debug)]
pub(super) struct Mention {
    pub(super) alias: String,
    pub(super) source: Source,
    pub(super) column: u32,
}

/// A configuration with all that it includes.
#[derive(Debug, Default)]
pub(super) struct Config {
    pub(super) conditions: Vec<Condition>,
    pub(super) blocks: Vec<Block>,
    pub(super) mentions: Vec<Mention>,
    pub(super) left: LeftOut,
    /// Patterns of `Host` lines, and `Match` blocks.
    pub(super) patterns: u64,
}

/// What stands for a host.
#[derive(Debug, Default)]
pub(super) struct Found<'c> {
    pub(super) host_name: Option<&'c str>,
    pub(super) port: Option<&'c str>,
    pub(super) jump: Option<String>,
}

impl Config {
    /// Ready to be asked for many hosts.
    pub(super) fn evaluator(&self) -> Evaluator<'_> {
        let mut by_name: HashMap<&str, Vec<usize>> = HashMap::new();
        let mut wild = Vec::new();
        for (at, block) in self.blocks.iter().enumerate() {
            let Some(condition) = self.conditions.get(block.condition) else { continue };
            let never = !condition.possible;
            if never || (block.host_name.is_none() && block.port.is_none() && block.jump.is_none()) {
                continue;
            }
            if condition.all || !condition.wild.is_empty() {
                wild.push(at);
            } else {
                for name in &condition.names {
                    let blocks = by_name.entry(name).or_default();
                    if blocks.last() != Some(&at) {
                        blocks.push(at);
                    }
                }
            }
        }
        Evaluator { config: self, by_name, wild }
    }

    /// Whether a condition and those around it are fulfilled.
    fn holds(&self, condition: usize, alias: &str) -> bool {
        let mut at = Some(condition);
        while let Some(condition) = at.and_then(|at| self.conditions.get(at)) {
            let any =
                |patterns: &[String]| patterns.iter().any(|p| glob::matches(p.as_bytes(), alias.as_bytes()));
            let named = || condition.names.iter().any(|name| name == alias);
            if !condition.possible
                || any(&condition.negated)
                || !(condition.all || any(&condition.wild) || named())
            {
                return false;
            }
            at = condition.parent;
        }
        true
    }
}

/// Finds the values of a host.
pub(super) struct Evaluator<'c> {
    config: &'c Config,
    by_name: HashMap<&'c str, Vec<usize>>,
    wild: Vec<usize>,
}

impl<'c> Evaluator<'c> {
    pub(super) fn found(&self, alias: &str) -> Found<'c> {
        let named = self.by_name.get(alias).map(Vec::as_slice).unwrap_or_default();
        let mut all: Vec<usize> = named.iter().chain(&self.wild).copied().collect();
        all.sort_unstable();
        let mut found = Found::default();
        for block in all.into_iter().filter_map(|at| self.config.blocks.get(at)) {
            if !self.config.holds(block.condition, alias) {
                continue;
            }
            found.host_name = found.host_name.or(block.host_name.as_deref());
            found.port = found.port.or(block.port.as_deref());
            found.jump = found.jump.take().or_else(|| block.jump.clone());
        }
        found.jump = found.jump.filter(|jump| !jump.is_empty());
        found
    }
}
