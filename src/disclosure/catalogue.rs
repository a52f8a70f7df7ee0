//! The catalogue in memory: the built-in disclosures with imported ones merged in, and names looked up in it.
//!
//! It says nothing of what a row means for evidence, and reads no files: what is imported comes as a value.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, OnceLock},
};

use crate::model::{
    disclosure::{Affected, Confidence, Disclosure, DisclosureId},
    time::Timestamp,
};

use super::{Error, FILES, check, near, ranges};

/// Disclosures in the order in which they became public, then by id.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    disclosures: BTreeMap<Place, Arc<Disclosure>>,
    /// Every id and alias in lower case.
    names: BTreeMap<String, Place>,
}

/// Where a disclosure stands.
type Place = (Timestamp, DisclosureId);

/// What an import changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Added {
    /// The id under which the disclosure stands in the catalogue.
    pub id: DisclosureId,
    /// Whether the catalogue had it under none of its names.
    pub new: bool,
    /// Rows of packages that the catalogue had none of.
    pub added: usize,
    /// Rows that gave way to imported ones of the same package.
    pub replaced: usize,
    /// Rows that took the place of those.
    pub replacing: usize,
    /// What those said and say now, a line for each package: a later import can turn a verdict round.
    pub changes: Vec<String>,
    /// Other disclosures that go by one of the imported names: the import did not touch them.
    pub untouched: Vec<DisclosureId>,
}

impl fmt::Display for Added {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.new { "new" } else { "merged" };
        write!(f, "{}: {what}, {} added", self.id, rows(self.added))?;
        if self.replaced > 0 {
            write!(f, ", {} replaced by {}", rows(self.replaced), self.replacing)?;
        }
        if !self.untouched.is_empty() {
            write!(f, "; not touched, although the import names them too: {}", self.untouched.join(", "))?;
        }
        Ok(())
    }
}

fn rows(n: usize) -> String {
    format!("{n} row{}", if n == 1 { "" } else { "s" })
}

impl Catalogue {
    /// The disclosures that come with the program. They are parsed once.
    pub fn built_in() -> Result<Self, Error> {
        static BUILT_IN: OnceLock<Result<Catalogue, (&'static str, String)>> = OnceLock::new();
        let read = || {
            let mut catalogue = Self::default();
            for (file, text) in FILES {
                let disclosure = check::check(text).map_err(|faults| {
                    (*file, faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
                })?;
                catalogue.insert(disclosure);
            }
            Ok(catalogue)
        };
        let built_in = BUILT_IN.get_or_init(read).clone();
        built_in.map_err(|(file, message)| Error::Bad { file, message })
    }

    /// Puts a disclosure in the place of the one of its id, word for word: how a bundle's evidence was judged.
    pub fn replace(&mut self, disclosure: Disclosure) {
        let old: Vec<Place> =
            self.disclosures.keys().filter(|(_, id)| *id == disclosure.id).cloned().collect();
        for place in old {
            self.disclosures.remove(&place);
            self.names.retain(|_, at| *at != place);
        }
        self.insert(disclosure);
    }

    /// Takes an imported disclosure in. Where one of its names is known already, it is merged into that one: its
    /// rows take the place of those of the same package of the same ecosystem, names, links, notes and sources
    /// are united, and everything else stays as it was.
    pub fn add(&mut self, imported: Disclosure) -> Added {
        let mut known: Vec<Place> = Vec::new();
        for name in names(&imported) {
            // Its own id comes first, so that it is the one merged into.
            if let Some(place) = self.names.get(&name).filter(|place| !known.contains(place)) {
                known.push(place.clone());
            }
        }
        let mut known = known.into_iter();
        let Some((place, old)) = known.next().and_then(|p| self.disclosures.get_key_value(&p)) else {
            let added = imported.affected.len();
            let id = imported.id.clone();
            self.insert(imported);
            return Added {
                id,
                new: true,
                added,
                replaced: 0,
                replacing: 0,
                changes: Vec::new(),
                untouched: Vec::new(),
            };
        };
        let untouched = known.map(|(_, id)| id).collect();
        let (place, mut merged) = (place.clone(), Disclosure::clone(old));
        let counts = merge(&mut merged, imported);
        // A name that belongs to another disclosure stays with it.
        let taken = |name: &String| self.names.get(&name.to_lowercase()).is_some_and(|p| *p != place);
        merged.aliases.retain(|name| !taken(name));
        for name in names(&merged) {
            self.names.entry(name).or_insert_with(|| place.clone());
        }
        self.disclosures.insert(place.clone(), Arc::new(merged));
        Added {
            id: place.1,
            new: false,
            added: counts.added,
            replaced: counts.replaced,
            replacing: counts.replacing,
            changes: counts.changes,
            untouched,
        }
    }

    fn insert(&mut self, disclosure: Disclosure) {
        let place = (disclosure.disclosed_at, disclosure.id.clone());
        for name in names(&disclosure) {
            self.names.entry(name).or_insert_with(|| place.clone());
        }
        self.disclosures.insert(place, Arc::new(disclosure));
    }

    /// A disclosure by its id or an alias, whatever the case.
    pub fn find(&self, name: &str) -> Result<Arc<Disclosure>, Error> {
        let wanted = name.trim().to_lowercase();
        let found = self.names.get(&wanted).and_then(|place| self.disclosures.get(place));
        found.cloned().ok_or_else(|| Error::Unknown {
            name: name.chars().take(80).collect(),
            near: near::names(&wanted, self.names.keys().map(String::as_str), 5),
        })
    }

    /// Every disclosure, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Disclosure>> {
        self.disclosures.values()
    }
}

/// The id and the aliases in lower case, the id first.
fn names(disclosure: &Disclosure) -> impl Iterator<Item = String> {
    let aliases = disclosure.aliases.iter().map(|alias| alias.to_lowercase());
    std::iter::once(disclosure.id.to_lowercase()).chain(aliases)
}

struct Counts {
    added: usize,
    replaced: usize,
    replacing: usize,
    changes: Vec<String>,
}

fn merge(into: &mut Disclosure, imported: Disclosure) -> Counts {
    let package = |row: &Affected| (row.ecosystem.clone(), row.package.clone());
    let new: BTreeSet<_> = imported.affected.iter().map(package).collect();
    let old: BTreeSet<_> = into.affected.iter().map(package).collect();
    let changes = changes(&into.affected, &imported.affected);
    if into.severity.is_none() {
        into.severity.clone_from(&imported.severity);
    }
    let before = into.affected.len();
    into.affected.retain(|row| !new.contains(&package(row)));
    let replaced = before - into.affected.len();
    let replacing = imported.affected.iter().filter(|row| old.contains(&package(row))).count();
    let added = imported.affected.len() - replacing;
    into.affected.extend(imported.affected);

    let mut aliases = vec![imported.id.to_string()];
    aliases.extend(imported.aliases);
    let mut seen: BTreeSet<String> = names(into).collect();
    aliases.retain(|alias| seen.insert(alias.to_lowercase()));
    into.aliases.extend(aliases);
    unite(&mut into.links, imported.links);
    unite(&mut into.notes, imported.notes);
    unite(&mut into.sources, imported.sources);
    unite(&mut into.not_analysed, imported.not_analysed);
    // A branch that a row speaks of was analysed.
    let affected = &into.affected;
    into.not_analysed.retain(|branch| !affected.iter().any(|row| ranges::touches(branch, row)));
    Counts { added, replaced, replacing, changes }
}

/// What the rows of each package said that is in both lists, and what they say now, where that differs.
fn changes(old: &[Affected], new: &[Affected]) -> Vec<String> {
    let say = |rows: &[Affected]| {
        let mut said: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
        for row in rows {
            said.entry((row.ecosystem.clone(), row.package.clone())).or_default().push(range(row));
        }
        said
    };
    let (old, new) = (say(old), say(new));
    let both = old.into_iter().filter_map(|(key, old)| Some((new.get(&key)?.join(" and "), key, old)));
    both.filter(|(new, _, old)| *new != old.join(" and "))
        .map(|(new, (ecosystem, package), old)| {
            format!("{ecosystem} {package}: was {}; is now {new}", old.join(" and "))
        })
        .collect()
}

/// What one row says, in a few words.
fn range(row: &Affected) -> String {
    let mut text = row.status.to_string();
    if !row.versions.is_empty() {
        text.push(' ');
        text.push_str(&row.versions.join(", "));
    }
    for (word, bound) in [("from", &row.introduced), ("before", &row.fixed), ("up to", &row.last_affected)] {
        if let Some(bound) = bound {
            text.extend([" ", word, " ", bound]);
        }
    }
    if row.confidence == Confidence::Unconfirmed {
        text.push_str(" (unconfirmed)");
    }
    text
}

/// Appends what is not there yet.
fn unite(into: &mut Vec<String>, more: Vec<String>) {
    let mut seen: BTreeSet<String> = into.iter().cloned().collect();
    into.extend(more.into_iter().filter(|text| seen.insert(text.clone())));
}
