//! What may be touched. Exclusion wins over everything; then a scope file, where one was given;
//! without one, what the inventory lists and what its names resolve to.
//!
//! It decides about addresses and names alone. Whether a device is fragile is told by
//! [`is_fragile`], and what follows from that is the caller's.

use std::{collections::BTreeSet, ffi::OsStr, net::IpAddr, path::Path, sync::Arc};

use super::{
    Error, Input,
    host::{Addresses, Host, parse_addresses, parse_host, parse_name, quoted},
};
use crate::model::{address::is_address_or_network, loading::BadRow, observation::Skip, service::Service};

/// The rules of one sweep.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    allowed: Option<Rules>,
    excluded: Rules,
    unmatched: Vec<String>,
}

impl Scope {
    /// Reads the rules. `scope` holds one CIDR, address, name or `*.suffix` on each line, with `#`
    /// comments; each of `excludes` is one of these, or a file of them.
    ///
    /// Any line that cannot be read is an error: half a rule would touch what it should not.
    pub fn new(services: &[Service], scope: Option<&Input>, excludes: &[String]) -> Result<Self, Error> {
        let mut bad = Vec::new();
        let allowed = match scope {
            Some(input) => {
                let mut rules = Collected::default();
                rules.read(input, &mut bad)?;
                Some(rules.finish())
            }
            None => None,
        };
        let mut collected = Collected::default();
        for text in excludes {
            collected.exclude(text, &mut bad)?;
        }
        if !bad.is_empty() {
            return Err(Error::BadScope { bad });
        }
        let unmatched = unmatched(services, &collected.texts);
        Ok(Self { allowed, excluded: collected.finish(), unmatched })
    }

    /// Why a service must not be touched at an address, or `None` where it may be.
    ///
    /// An excluded name keeps away from the services of that name, not from others on its address;
    /// to keep away from a machine, exclude its address.
    ///
    /// Without an address the answer is about the name alone, and `None` is no permission yet: ask
    /// again with each address before the first packet.
    pub fn decide(&self, service: &Service, address: Option<IpAddr>) -> Option<Skip> {
        let name = service.name.as_deref();
        let address = address.map(|a| a.to_canonical());
        let hits = |rules: &Rules| {
            name.is_some_and(|n| rules.has_name(n)) || address.is_some_and(|a| rules.has_address(a))
        };
        if hits(&self.excluded) {
            return Some(Skip::Excluded);
        }
        let inside = match (&self.allowed, address) {
            (Some(rules), Some(_)) => hits(rules),
            (Some(rules), None) => hits(rules) || rules.has_any_address(),
            (None, Some(address)) => name.is_some() || service.addresses.contains(&address),
            (None, None) => true,
        };
        (!inside).then_some(Skip::OutOfScope)
    }

    /// Exclusions, as they were written, that fit nothing in the inventory: perhaps a typing error.
    /// One may still fit an address that a name resolves to.
    pub fn unmatched(&self) -> &[String] {
        &self.unmatched
    }
}

/// One rule that stands in an inventory, or why it is none. A name gets its final dot: among exclusions it is then
/// never taken for a file of that name.
pub(super) fn checked(rule: &str) -> Result<String, String> {
    let mut collected = Collected::default();
    collected.add(rule)?;
    Ok(collected.rules.names.pop_first().map_or_else(|| rule.to_owned(), |name| format!("{name}.")))
}

/// Whether the inventory says that a device is fragile: the column, or a tag of that name.
pub fn is_fragile(service: &Service) -> bool {
    let declared = &service.declared;
    declared.fragile == Some(true) || declared.tags.iter().any(|tag| tag.eq_ignore_ascii_case("fragile"))
}

/// Names and addresses, made for looking up.
#[derive(Clone, Debug, Default)]
struct Rules {
    names: BTreeSet<String>,
    /// Without the `*.`.
    suffixes: BTreeSet<String>,
    /// Sorted, disjoint.
    ranges: Vec<(IpAddr, IpAddr)>,
}

impl Rules {
    fn has_name(&self, name: &str) -> bool {
        let below = |suffixes: &BTreeSet<String>| parents(name).any(|parent| suffixes.contains(parent));
        self.names.contains(name) || (!self.suffixes.is_empty() && below(&self.suffixes))
    }

    fn has_address(&self, address: IpAddr) -> bool {
        let after = self.ranges.partition_point(|(first, _)| *first <= address);
        let before = after.checked_sub(1).and_then(|at| self.ranges.get(at));
        before.is_some_and(|(_, last)| address <= *last)
    }

    fn has_any_address(&self) -> bool {
        !self.ranges.is_empty()
    }
}

/// Rules while they are read.
#[derive(Default)]
struct Collected {
    rules: Rules,
    texts: Vec<String>,
}

impl Collected {
    fn read(&mut self, input: &Input, bad: &mut Vec<BadRow>) -> Result<(), Error> {
        input.with_text(|file| {
            let before = self.texts.len() + bad.len();
            for (number, line) in (1_u32..).zip(file.text.split(|&b| b == b'\n')) {
                let indent = line.len() - line.trim_ascii_start().len();
                let text = String::from_utf8_lossy(line);
                let rule = text.split('#').next().unwrap_or_default().trim();
                if rule.is_empty() {
                    continue;
                }
                if let Err(message) = self.add(rule) {
                    let column = u32::try_from(indent).unwrap_or(u32::MAX).saturating_add(1);
                    bad.push(BadRow { file: Arc::clone(&file.name), line: number, column, message });
                }
            }
            // An empty scope would allow nothing, and an empty exclusion exclude nothing: neither is meant.
            if self.texts.len() + bad.len() == before {
                return Err(Error::Empty { file: Arc::clone(&file.name) });
            }
            Ok(())
        })
    }

    /// One word of the command line: a rule, or a file of rules. A file that exists is meant as one.
    fn exclude(&mut self, text: &str, bad: &mut Vec<BadRow>) -> Result<(), Error> {
        let path = Path::new(text);
        // A file that is missing must not pass for the name of a host.
        let looks_like_file = || {
            let known = |e: &OsStr| FILE_ENDINGS.iter().any(|known| e.eq_ignore_ascii_case(known));
            path.extension().is_some_and(known) || text.contains(std::path::MAIN_SEPARATOR)
        };
        // What can only be an address is one, whatever a file is called.
        if !is_address_or_network(text.trim()) && (path.is_file() || looks_like_file()) {
            return self.read(&Input::Path(path.to_owned()), bad);
        }
        if let Err(message) = self.add(text.trim()) {
            bad.push(BadRow { file: "--exclude".into(), line: 1, column: 1, message });
        }
        Ok(())
    }

    fn add(&mut self, rule: &str) -> Result<(), String> {
        let lower = rule.to_ascii_lowercase();
        if let Some(suffix) = lower.strip_prefix("*.") {
            self.rules.suffixes.insert(parse_name(suffix)?);
        } else if rule.contains('/') {
            self.add_addresses(parse_addresses(rule)?);
        } else {
            match parse_host(rule)
                .map_err(|why| format!("{why}; expected a CIDR, an address, a name or *.suffix"))?
            {
                Host::Name(name) => {
                    self.rules.names.insert(name);
                }
                Host::Address(address) => self.add_addresses(Addresses::One(address)),
            }
        }
        self.texts.push(lower);
        Ok(())
    }

    fn add_addresses(&mut self, addresses: Addresses) {
        let range = match addresses {
            Addresses::One(address) => (address, address),
            Addresses::Net(net) => (net.network(), net.broadcast()),
        };
        self.rules.ranges.push(range);
    }

    fn finish(mut self) -> Rules {
        self.rules.ranges.sort_unstable();
        let mut disjoint: Vec<(IpAddr, IpAddr)> = Vec::with_capacity(self.rules.ranges.len());
        for (first, last) in self.rules.ranges {
            match disjoint.last_mut() {
                Some((_, end)) if first <= *end => *end = last.max(*end),
                _ => disjoint.push((first, last)),
            }
        }
        self.rules.ranges = disjoint;
        self.rules
    }
}

/// Endings that tell a file from a host.
const FILE_ENDINGS: &[&str] = &["txt", "csv", "lst", "list", "conf", "cidr"];

/// The rules that fit no service. The services are put in order once, however many rules there are.
fn unmatched(services: &[Service], texts: &[String]) -> Vec<String> {
    if texts.is_empty() {
        return Vec::new();
    }
    let names: BTreeSet<&str> = services.iter().filter_map(|service| service.name.as_deref()).collect();
    let parents: BTreeSet<&str> = names.iter().flat_map(|name| parents(name)).collect();
    let addresses: BTreeSet<IpAddr> =
        services.iter().flat_map(|service| service.addresses.iter().copied()).collect();
    let fits = |text: &String| {
        let mut one = Collected::default();
        let _ = one.add(text); // it was read once already
        let rules = one.finish();
        rules.names.iter().any(|name| names.contains(name.as_str()))
            || rules.suffixes.iter().any(|suffix| parents.contains(suffix.as_str()))
            || rules.ranges.iter().any(|&(first, last)| addresses.range(first..=last).next().is_some())
    };
    texts.iter().filter(|text| !fits(text)).map(|text| quoted(text)).collect()
}

/// What a name ends in, from the longest.
fn parents(name: &str) -> impl Iterator<Item = &str> {
    name.match_indices('.').filter_map(|(at, _)| name.get(at + 1..))
}

#[cfg(test)]
mod tests;
