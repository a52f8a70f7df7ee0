//! What upstream says of a version of its own software: the affected releases, the branches that were looked at, and
//! those that nobody looked at.
//!
//! Only for code that no distribution's record covers. Whether the code is in a file at all is not asked here.

use std::{cmp::Ordering, sync::Arc};

use crate::model::{
    disclosure::{Affected, Compare, Disclosure, RowStatus},
    version::{OpensslVersion, Scheme},
};

use super::rows::{At, Held, Lies, Row, shown};

/// The name of OpenSSL's rows.
pub(super) const OPENSSL: &str = "openssl";

/// What upstream says of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Says {
    Affected,
    NotAffected,
    NotAnalysed,
    /// All that there is to it is a row that decides nothing.
    Unconfirmed,
    /// It is no version of this software.
    Unreadable,
}

/// What upstream says, and what was compared.
#[derive(Clone, Debug)]
pub(super) struct Ruling {
    pub(super) says: Says,
    pub(super) compare: Option<Arc<Compare>>,
}

/// A branch: three numbers below 3 (1.0.2), two from 3 on (3.0).
pub(super) type Branch = [u32; 3];

/// The rows of one piece of software's own releases.
#[derive(Debug)]
pub(super) struct Upstream<'d> {
    pub(super) software: &'d str,
    rows: Vec<Row<'d>>,
    /// The branches that rows which decide name, in order; of OpenSSL only.
    branches: Vec<Branch>,
    /// Those among them that have the hole.
    affected: Vec<Branch>,
    not_analysed: &'d [String],
}

impl<'d> Upstream<'d> {
    pub(super) fn new(software: &'d str, rows: Vec<Row<'d>>, disclosure: &'d Disclosure) -> Self {
        let named = |row: &Row<'d>| -> Vec<Branch> {
            let row = row.record;
            let ends = [row.introduced.as_deref(), row.fixed.as_deref(), row.last_affected.as_deref()];
            let texts = ends.into_iter().flatten().chain(row.versions.iter().map(String::as_str));
            texts.filter(|text| *text != "0").filter_map(branch).collect()
        };
        let mut branches: Vec<Branch> = rows.iter().filter(|row| row.decides).flat_map(named).collect();
        branches.sort_unstable();
        branches.dedup();
        let affected = rows.iter().filter(|row| row.says(RowStatus::Affected)).flat_map(named).collect();
        Self { software, rows, branches, affected, not_analysed: &disclosure.not_analysed }
    }

    pub(super) fn scheme(&self) -> Scheme {
        if self.software == OPENSSL { Scheme::Openssl } else { Scheme::Dpkg }
    }

    /// What upstream says of one of its own versions.
    pub(super) fn rule(&self, version: &str) -> Ruling {
        let held = Held { version, epoch_hidden: false };
        if self.scheme().check(version).is_err() {
            return Ruling { says: Says::Unreadable, compare: None };
        }
        let lies: Vec<(&Row<'d>, Option<Lies<'d>>)> =
            self.rows.iter().map(|row| (row, row.lies(held).ok())).collect();
        let find = |wanted: &dyn Fn(&Row<'d>) -> bool| {
            lies.iter().find_map(|(row, lies)| {
                let lies = lies.as_ref().filter(|lies| lies.at.is_meant())?;
                wanted(row).then_some((*row, lies))
            })
        };
        let rule = |says, (row, lies): (&Row<'d>, &Lies<'d>)| Ruling {
            says,
            compare: Some(Arc::new(row.compare(version, Some(lies), None))),
        };
        if let Some(found) = find(&|row| row.says(RowStatus::Affected)) {
            return rule(Says::Affected, found);
        }
        if let Some(found) = find(&|row| row.says(RowStatus::NotAffected)) {
            return rule(Says::NotAffected, found);
        }
        if let Some(found) = find(&|row| !row.decides) {
            return rule(Says::Unconfirmed, found);
        }
        // A row whose versions exclude one another may mean any version.
        if let Some((row, _)) = lies.iter().find(|(_, lies)| lies.is_none()) {
            let compare = row.compare(version, None, None);
            return Ruling { says: Says::Unconfirmed, compare: Some(Arc::new(compare)) };
        }
        let says = if self.was_analysed(version, held) { Says::NotAffected } else { Says::NotAnalysed };
        let compare = match (says, self.nearest(version, &lies)) {
            (Says::NotAffected, Some((row, lies))) => row.compare(version, Some(lies), None),
            _ => self.not_in(version),
        };
        Ruling { says, compare: Some(Arc::new(compare)) }
    }

    /// Whether a version that no row means belongs to a branch of which that says something.
    fn was_analysed(&self, version: &str, held: Held<'_>) -> bool {
        if !self.rows.iter().any(|row| row.decides) {
            return false;
        }
        if self.software != OPENSSL {
            // Without a listed range there is nothing to be outside of.
            return self.rows.iter().any(|row| row.says(RowStatus::Affected));
        }
        let Some(branch) = branch(version) else { return false };
        if self.not_analysed.iter().any(|text| self::branch(text) == Some(branch)) {
            return false;
        }
        // A pre-release of an affected release: what was written of releases does not hold for it.
        let release = version.split(['-', '+', ' ']).next().unwrap_or(version);
        let is_before = Scheme::Openssl.compare(version, release) == Ok(Ordering::Less);
        if is_before && self.rows.iter().any(|row| row.says(RowStatus::Affected) && means(row, release, held))
        {
            return false;
        }
        self.branches.first().is_some_and(|oldest| branch >= *oldest)
    }

    /// The row of the version's own branch that it is outside of.
    fn nearest<'s>(
        &self,
        version: &str,
        lies: &'s [(&'s Row<'d>, Option<Lies<'d>>)],
    ) -> Option<(&'s Row<'d>, &'s Lies<'d>)> {
        let own = branch(version);
        lies.iter().find_map(|(row, lies)| {
            let lies = lies.as_ref()?;
            let same = lies.bound.and_then(branch) == own || self.software != OPENSSL;
            (row.says(RowStatus::Affected) && same && lies.at != At::Unlisted).then_some((*row, lies))
        })
    }

    fn not_in(&self, version: &str) -> Compare {
        let mut compare = match self.rows.iter().find(|row| row.decides).or(self.rows.first()) {
            Some(row) => row.compare(version, None, None),
            None => Row::new(&Affected::new("upstream", self.software, "no record"), self.scheme())
                .compare(version, None, None),
        };
        "not in".clone_into(&mut compare.relation);
        compare.bound = None;
        compare.bound_is = String::new();
        compare
    }

    /// Whether a version is of a series with the same binary interface as an affected one, so that one of its
    /// files may have stood in place of an affected file.
    pub(super) fn may_have_replaced_affected(&self, version: &str) -> bool {
        let series = |[major, minor, _]: Branch| (major, if major < 3 { minor } else { 0 });
        let own = branch(version).map(series);
        own.is_none() || self.affected.iter().any(|branch| Some(series(*branch)) == own)
    }
}

fn means(row: &Row<'_>, version: &str, held: Held<'_>) -> bool {
    row.lies(Held { version, ..held }).is_ok_and(|lies| lies.at.is_meant())
}

/// The branch of a version of OpenSSL, or a branch that is written as such (`3.1`, `1.0.2`).
pub(super) fn branch(text: &str) -> Option<Branch> {
    let core = text.split(['-', '+', ' ', '~']).next().unwrap_or(text);
    let digits = core.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let mut numbers = digits.split('.').map(str::parse::<u32>);
    let major = numbers.next()?.ok()?;
    let minor = numbers.next()?.ok()?;
    let patch = numbers.next().unwrap_or(Ok(0)).ok()?;
    Some([major, minor, if major < 3 { patch } else { 0 }])
}

/// The upstream release that a package was made from: no epoch, no revision, and what a `+really` says.
pub(super) fn upstream_part(version: &str, software: &str) -> String {
    let version = version.split_once(':').map_or(version, |(_, rest)| rest);
    let version = version.split_once("+really").map_or(version, |(_, rest)| rest);
    let end = version.find(['-', '+', '~', '^']).unwrap_or(version.len());
    let (release, rest) = version.split_at(end);
    if software != OPENSSL {
        return shown(&release.replace("_p", "p"));
    }
    // A distribution writes a beta with a tilde, or as Alpine does.
    let (release, rest) = release.split_once('_').map_or((release, rest), |(release, rest)| (release, rest));
    let word = rest.trim_start_matches(['~', '-']);
    let end = word.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(word.len());
    let word = word.get(..end).unwrap_or_default();
    let early = ["alpha", "beta", "pre", "dev"].iter().any(|early| word.starts_with(early));
    let is_early = early && !rest.starts_with(['+', '^']);
    let whole = if is_early { format!("{release}-{word}") } else { release.to_owned() };
    if whole.parse::<OpensslVersion>().is_ok() { whole } else { shown(release) }
}
