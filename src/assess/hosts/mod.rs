//! What the packages and the copies of libraries on a host mean for a disclosure, by its rows: which record decides,
//! what was compared, what runs with an old copy, and what has to be done.
//!
//! Pure, and unknown is never clean. A verdict rests on what one host says; joining it with services and with
//! what the network showed is not done here.
//!
//! In which order: `release` finds the rows of the package's release, `rows` holds the version against them,
//! `upstream` rules where no distribution's record reaches, `copies` says which of them counts for a file.

mod acts;
mod builds;
mod copies;
mod release;
mod rows;
mod upstream;

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write as _,
    hash::Hash,
    sync::{Arc, RwLock},
};

use crate::model::{
    disclosure::{Disclosure, UPSTREAM},
    host::{
        Collector, CopiesAssessed, Document, Ecosystem, Finding, Header, Owner, Package, is_openssl_source,
    },
    verdict::{Reason, Verdict},
    version::Scheme,
};

pub use builds::BuildIds;

use release::Place;
use rows::{At, Held, Row, Said, decide};
use upstream::{OPENSSL, Ruling, Says, Upstream, branch, upstream_part};

/// One disclosure made ready to be held against many documents.
#[derive(Debug)]
pub struct Judge<'d> {
    disclosure: &'d Disclosure,
    rows: Vec<Row<'d>>,
    names: Names<'d>,
    upstreams: Vec<Upstream<'d>>,
    /// Whether it is about OpenSSL at all.
    about_openssl: bool,
    packages: Cache<String, Finding>,
    rulings: Cache<String, Ruling>,
}

/// A package as rows see it.
#[derive(Clone, Debug)]
struct Subject<'a> {
    name: &'a str,
    source: &'a str,
    /// The version that records speak of: of the source for dpkg, of the package elsewhere.
    version: &'a str,
    database: Ecosystem,
    place: Place,
    epoch_hidden: bool,
}

/// Judges every package and every copy of a document, what runs with an old one, and what has to be done.
/// Build-IDs are known from this document alone.
pub fn judge_copies(document: &Document, disclosure: &Disclosure) -> CopiesAssessed {
    let mut builds = BuildIds::default();
    builds.learn(document);
    Judge::new(disclosure).document(document, &builds)
}

impl<'d> Judge<'d> {
    /// Makes a disclosure ready.
    pub fn new(disclosure: &'d Disclosure) -> Self {
        let mut rows = Vec::new();
        let mut own: BTreeMap<&str, Vec<Row<'d>>> = BTreeMap::new();
        for row in &disclosure.affected {
            // Rows without a scheme are about things of which no host brings a version.
            let Some(scheme) = row.scheme() else { continue };
            let row = Row::new(row, scheme);
            if row.record.ecosystem == UPSTREAM {
                own.entry(&row.record.package).or_default().push(row);
            } else {
                rows.push(row);
            }
        }
        let mut names = Names::default();
        for (i, row) in rows.iter().enumerate() {
            names.insert(&row.record.package, Some(i));
        }
        for software in own.keys() {
            names.insert(software, None);
        }
        let openssl = |name: &str| is_openssl_source(name) || name == "openssl-libs";
        let about_openssl = names.rows.keys().any(|name| openssl(name));
        let upstreams = own.into_iter().map(|(name, rows)| Upstream::new(name, rows, disclosure)).collect();
        Self {
            disclosure,
            rows,
            names,
            upstreams,
            about_openssl,
            packages: Cache::default(),
            rulings: Cache::default(),
        }
    }

    /// Judges a document.
    pub fn document(&self, document: &Document, builds: &BuildIds) -> CopiesAssessed {
        let mut packages = Vec::new();
        packages.resize_with(document.packages.len(), || None);
        let mut concerned = Vec::new();
        for (i, (package, slot)) in document.packages.iter().zip(&mut packages).enumerate() {
            if self.concerns(&package.name, &package.source) {
                *slot = self.package(package, &document.header);
                concerned.push(i);
            }
        }
        let context = copies::Context { judge: self, document, builds, packages: &packages, concerned };
        let verdicts: Vec<_> = document.libraries.iter().map(|copy| context.copy(copy)).collect();
        let old = context.old(&verdicts);
        let acts = acts::acts(document, &verdicts, &packages, &old);
        CopiesAssessed { verdicts, packages, old, acts }
    }

    /// Judges a package of a host; nothing where the disclosure is not about it.
    pub fn package(&self, package: &Package, header: &Header) -> Option<Finding> {
        if !self.concerns(&package.name, &package.source) {
            return None;
        }
        Some(self.subject(&Subject::new(package, header)))
    }

    /// Whether the disclosure is about a package at all.
    fn concerns(&self, name: &str, source: &str) -> bool {
        self.names.holds(source)
            || self.names.holds(name)
            || (self.about_openssl && source.starts_with(['o', 'c']) && is_openssl_source(source))
    }

    fn subject(&self, subject: &Subject<'_>) -> Finding {
        self.packages.get_or(subject.key(), || self.judge(subject))
    }

    fn judge(&self, subject: &Subject<'_>) -> Finding {
        let named = [subject.source, subject.name];
        let named = if subject.source == subject.name { &named[..1] } else { &named[..] };
        let fitting: Vec<_> = named
            .iter()
            .flat_map(|name| self.names.rows(name))
            .filter_map(|i| self.rows.get(*i))
            .filter(|row| subject.fits_database(row))
            .filter_map(|row| Some((row.whose.fit(&subject.place)?, row)))
            .collect();
        let held = Held { version: subject.version, epoch_hidden: subject.epoch_hidden };
        let caveat = (subject.place.guessed).then_some("which distribution built it is not known");
        let upstream = || self.upstream_of(subject);
        match decide(&fitting, held, caveat) {
            // A rebuild is of the same upstream release as what it was rebuilt from.
            Some(said) if said.fit.is_foreign() => {
                Some(upstream()).filter(|own| own.verdict.is_clean()).unwrap_or(said.finding)
            }
            Some(said) => self.across_branches(subject, said),
            None => upstream(),
        }
    }

    /// Takes back what a record cannot know, since its bound is of another upstream release than the package.
    ///
    /// A package that bears no mark of the release, made from a newer upstream release than the repaired one, came
    /// from elsewhere: it is past the bound and may never have had the repair. The same holds for one that says
    /// `+really`, and for one with another epoch.
    fn past_another_bound(&self, subject: &Subject<'_>, said: &Said<'_, '_>) -> Option<Finding> {
        let lies = said.lies.as_ref().filter(|lies| lies.at == At::Fixed && lies.bound_is == "fixed")?;
        let bound = lies.bound?;
        let doubted = |reason, doubt: &str| {
            let compare = caveated(&said.finding, doubt).compare;
            Some(Finding { verdict: Verdict::Inconclusive, reason, compare })
        };
        if subject.version.contains("+really") && !bound.contains("+really") {
            return doubted(
                Reason::BackportLikely,
                "the package is another release than its version begins with",
            );
        }
        let epoch = |text: &str| text.split_once(':').map_or("0", |(epoch, _)| epoch).to_owned();
        if said.row.scheme == Scheme::Dpkg && epoch(subject.version) != epoch(bound) {
            return doubted(Reason::BackportLikely, "its epoch is another one than the record's");
        }
        if subject.place.marked && said.fit.names_release() {
            return None;
        }
        let upstream = self.software_of(subject)?;
        let part = upstream_part(subject.version, upstream.software);
        let repaired = upstream_part(bound, upstream.software);
        if part == repaired {
            return None;
        }
        let is_other_branch = upstream.software == OPENSSL && branch(&part) != branch(&repaired);
        match self.ruling(upstream, &part).says {
            Says::Affected => doubted(
                Reason::BackportLikely,
                "it is a newer upstream release than the repaired one, and upstream says that it has the hole",
            ),
            Says::NotAnalysed | Says::Unconfirmed | Says::Unreadable if is_other_branch => doubted(
                Reason::BranchNotAnalysed,
                "it is of another branch than the repaired one, which nobody analysed",
            ),
            _ => None,
        }
    }

    /// Takes back what a record cannot know: its version is of another branch of OpenSSL than the package.
    ///
    /// A record that says no more than `below this version` is written for the branch that the release ships. A
    /// package of another branch there is from another release, or the record names none.
    fn across_branches(&self, subject: &Subject<'_>, said: Said<'_, '_>) -> Finding {
        if let Some(finding) = self.past_another_bound(subject, &said) {
            return finding;
        }
        let loose = !said.fit.names_release();
        let Some(lies) = said.lies.filter(|lies| lies.bound_is == "fixed") else { return said.finding };
        let is_open = said.row.introduced().is_none();
        if !is_openssl_source(subject.source) || (lies.at == At::Inside && !is_open) {
            return said.finding;
        }
        let part = |version: &str| branch(&upstream_part(version, OPENSSL));
        let (Some(own), Some(bound)) = (part(subject.version), lies.bound.and_then(part)) else {
            return said.finding;
        };
        if own == bound {
            return said.finding;
        }
        let says = self.upstream(OPENSSL).map_or(Says::NotAnalysed, |upstream| {
            self.ruling(upstream, &upstream_part(subject.version, OPENSSL)).says
        });
        let doubt = match (lies.at, says) {
            (At::Inside, Says::NotAffected) => "upstream says that this branch does not have it",
            (At::Inside, Says::NotAnalysed | Says::Unconfirmed | Says::Unreadable) if loose => {
                "the record names no release"
            }
            _ => return said.finding,
        };
        let doubt = format!("the record's version is of another branch, and {doubt}");
        Finding {
            verdict: Verdict::Inconclusive,
            reason: Reason::BackportLikely,
            compare: caveated(&said.finding, &doubt).compare,
        }
    }

    /// What upstream's own record says of a package: outside its ranges it cannot have the hole; inside, its
    /// distribution may have repaired it under that version.
    fn upstream_of(&self, subject: &Subject<'_>) -> Finding {
        let Some(upstream) = self.software_of(subject) else {
            return Finding::new(Verdict::Inconclusive, Reason::BranchNotAnalysed);
        };
        let part = upstream_part(subject.version, upstream.software);
        let ruling = self.ruling(upstream, &part);
        let (verdict, reason) = match ruling.says {
            Says::Affected => (Verdict::Inconclusive, Reason::BackportLikely),
            Says::NotAffected => (Verdict::NotVulnerable, Reason::VersionNotAffected),
            Says::Unconfirmed => (Verdict::Inconclusive, Reason::RowUnconfirmed),
            Says::NotAnalysed | Says::Unreadable => (Verdict::Inconclusive, Reason::BranchNotAnalysed),
        };
        let compare = ruling.compare.map(|compare| {
            let mut compare = (*compare).clone();
            compare.installed = rows::shown(subject.version);
            compare.caveat = Some(format!("no record of its release; by its upstream version {part}"));
            Arc::new(compare)
        });
        Finding { verdict, reason, compare }
    }

    fn software_of(&self, subject: &Subject<'_>) -> Option<&Upstream<'d>> {
        if is_openssl_source(subject.source) {
            return self.upstream(OPENSSL);
        }
        let is = |name: &str| [subject.source, subject.name].contains(&name);
        let exactly = self.upstreams.iter().find(|upstream| is(upstream.software));
        // `xz-utils` is xz; what only begins like OpenSSL is not OpenSSL.
        exactly.or_else(|| {
            self.upstreams.iter().find(|upstream| {
                let rest = subject.source.strip_prefix(upstream.software);
                upstream.software != OPENSSL && rest.is_some_and(|rest| rest.starts_with('-'))
            })
        })
    }

    fn upstream(&self, software: &str) -> Option<&Upstream<'d>> {
        self.upstreams.iter().find(|upstream| upstream.software == software)
    }

    /// What upstream says of a version of OpenSSL; nothing where it has no row.
    fn openssl(&self, version: &str) -> Option<Ruling> {
        self.upstream(OPENSSL).map(|upstream| self.ruling(upstream, version))
    }

    fn ruling(&self, upstream: &Upstream<'d>, version: &str) -> Ruling {
        if upstream.software == OPENSSL {
            self.rulings.get_or(version.to_owned(), || upstream.rule(version))
        } else {
            upstream.rule(version)
        }
    }

    /// What the package that owns a file means, where its own record is missing from the document.
    fn owner(&self, owner: &Owner, container: Option<&str>, header: &Header) -> Option<Finding> {
        if owner.version.is_empty() || !self.concerns(&owner.package, &owner.source) {
            return None;
        }
        let os = header.os.as_ref().filter(|_| container.is_none());
        Some(self.subject(&Subject {
            name: &owner.package,
            source: &owner.source,
            version: &owner.version,
            database: owner.ecosystem,
            place: Place::of(&owner.version, owner.ecosystem, os),
            epoch_hidden: header.collector == Collector::Import,
        }))
    }
}

impl<'a> Subject<'a> {
    fn new(package: &'a Package, header: &Header) -> Self {
        let version = match (&package.source_version, package.ecosystem) {
            (Some(version), Ecosystem::Dpkg) => version,
            _ => &package.version,
        };
        Self::at(package, version, header)
    }

    fn at(package: &'a Package, version: &'a str, header: &Header) -> Self {
        let os = header.os.as_ref().filter(|_| package.container.is_none());
        Self {
            name: &package.name,
            source: &package.source,
            version,
            database: package.ecosystem,
            place: Place::of(version, package.ecosystem, os),
            epoch_hidden: header.collector == Collector::Import,
        }
    }

    fn fits_database(&self, row: &Row<'_>) -> bool {
        use crate::model::version::Scheme;
        let scheme = match self.database {
            Ecosystem::Dpkg => Scheme::Dpkg,
            Ecosystem::Rpm => Scheme::Rpm,
            Ecosystem::Apk => Scheme::Apk,
        };
        row.scheme == scheme
    }

    fn key(&self) -> String {
        let mut key = String::with_capacity(160);
        // A line feed stands in no field that a collector writes; the lengths keep others apart.
        for part in [self.name, self.source, self.version] {
            let _ = writeln!(key, "{}:{part}", part.len());
        }
        let _ = write!(key, "{} {}", self.database, self.epoch_hidden);
        self.place.write(&mut key);
        key
    }
}

/// A finding with one more remark on its comparison.
fn caveated(finding: &Finding, caveat: &str) -> Finding {
    let compare = finding.compare.as_deref().map(|compare| {
        let mut compare = compare.clone();
        compare.caveat = Some(match compare.caveat {
            Some(first) => format!("{first}; {caveat}"),
            None => caveat.to_owned(),
        });
        Arc::new(compare)
    });
    Finding { compare, ..finding.clone() }
}

/// The packages that a disclosure names, with a quick no for the thousands that it does not.
#[derive(Debug, Default)]
struct Names<'d> {
    rows: BTreeMap<&'d str, Vec<usize>>,
    /// The lengths that occur, and for each of them the first bytes, as sets of bits.
    lengths: u64,
    firsts: [u64; 4],
}

impl<'d> Names<'d> {
    fn insert(&mut self, name: &'d str, row: Option<usize>) {
        // An empty name would be that of every package that lost its own.
        let Some(first) = name.bytes().next() else { return };
        self.rows.entry(name).or_default().extend(row);
        self.lengths |= 1 << name.len().min(63);
        if let Some(bits) = self.firsts.get_mut(usize::from(first >> 6)) {
            *bits |= 1 << (first & 63);
        }
    }

    fn holds(&self, name: &str) -> bool {
        self.lengths >> name.len().min(63) & 1 == 1
            && name.bytes().next().is_some_and(|first| {
                self.firsts.get(usize::from(first >> 6)).is_some_and(|bits| bits >> (first & 63) & 1 == 1)
            })
            && self.rows.contains_key(name)
    }

    fn rows(&self, name: &str) -> &[usize] {
        self.rows.get(name).map_or(&[], Vec::as_slice)
    }
}

/// Answers that come up again on the next host. Full, it takes no more: a hostile document holds many versions.
#[derive(Debug)]
struct Cache<K, V>(RwLock<HashMap<K, V>>);

impl<K, V> Default for Cache<K, V> {
    fn default() -> Self {
        Self(RwLock::new(HashMap::new()))
    }
}

/// How many answers are kept, and how long their keys may be.
const KEPT: usize = 16_384;
const LONGEST_KEY: usize = 1024;

impl<K: Hash + Eq + AsRef<str>, V: Clone> Cache<K, V> {
    fn get_or(&self, key: K, answer: impl FnOnce() -> V) -> V {
        if key.as_ref().len() > LONGEST_KEY {
            return answer();
        }
        if let Some(known) = self.0.read().ok().and_then(|known| known.get(&key).cloned()) {
            return known;
        }
        let fresh = answer();
        if let Ok(mut known) = self.0.write()
            && known.len() < KEPT
        {
            known.insert(key, fresh.clone());
        }
        fresh
    }
}

#[cfg(test)]
mod tests;
