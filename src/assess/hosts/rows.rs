//! The rows of a disclosure made ready, and what those of one release say of one version.
//!
//! A row that is unconfirmed, unknown, or contradicts itself decides nothing. What upstream says is the business
//! of `upstream`; which release a package is of, that of `release`.

use std::{cmp::Ordering, sync::Arc};

use crate::model::{
    disclosure::{Affected, Compare, Confidence, RowStatus},
    host::Finding,
    verdict::{Reason, Verdict},
    version::{Scheme, rpm},
};

use super::release::{Fit, Whose};

/// A row, and whether it may decide.
#[derive(Debug)]
pub(super) struct Row<'d> {
    pub(super) record: &'d Affected,
    pub(super) whose: Whose<'d>,
    pub(super) scheme: Scheme,
    /// Confirmed, and says one thing or the other.
    pub(super) decides: bool,
    /// Its own versions cannot be read or exclude one another.
    broken: bool,
}

/// A version that is to be held against rows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held<'a> {
    pub(super) version: &'a str,
    /// Whether the list that it is from leaves out epochs.
    pub(super) epoch_hidden: bool,
}

/// Where a version lies to a row, and against which of its versions that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lies<'d> {
    pub(super) at: At,
    relation: &'static str,
    pub(super) bound: Option<&'d str>,
    pub(super) bound_is: &'static str,
    epoch_assumed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    /// Among the versions that are listed one by one.
    Listed,
    Inside,
    Before,
    /// At or past the fixed one.
    Fixed,
    /// Past the last one that is meant.
    Past,
    /// The row lists versions, and this is not one.
    Unlisted,
}

impl At {
    pub(super) const fn is_meant(self) -> bool {
        matches!(self, Self::Listed | Self::Inside)
    }
}

/// Why no comparison came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cannot {
    ReadVersion,
    ReadRow,
    TellEpoch,
}

impl Cannot {
    const fn words(self) -> &'static str {
        match self {
            Self::ReadVersion => "the version cannot be read under this order",
            Self::ReadRow => "the record's own versions cannot be read or exclude one another",
            Self::TellEpoch => "the record names no epoch and the package has one",
        }
    }
}

const ASSUMED: &str = "the list hides epochs: the record's was assumed";

/// The longest text that is taken over into a comparison, in characters; the longest real version has 60.
const SHOWN: usize = 120;

impl<'d> Row<'d> {
    pub(super) fn new(row: &'d Affected, scheme: Scheme) -> Self {
        let whose = Whose::new(row);
        let broken = contradicts_itself(row, scheme);
        let decides = row.confidence == Confidence::Confirmed && row.status != RowStatus::Unknown && !broken;
        Self { record: row, whose, scheme, decides, broken }
    }

    pub(super) fn says(&self, status: RowStatus) -> bool {
        self.decides && self.record.status == status
    }

    pub(super) fn introduced(&self) -> Option<&'d str> {
        self.record.introduced.as_deref().filter(|first| *first != "0")
    }

    /// Whether it knows of no end: affected, and no fix named.
    fn is_open_ended(&self) -> bool {
        let record = self.record;
        record.fixed.is_none() && record.last_affected.is_none() && record.versions.is_empty()
    }

    /// Where a version lies.
    pub(super) fn lies(&self, held: Held<'_>) -> Result<Lies<'d>, Cannot> {
        if self.broken {
            return Err(Cannot::ReadRow);
        }
        if self.scheme.check(held.version).is_err() {
            return Err(Cannot::ReadVersion);
        }
        let mut assumed = false;
        let mut order = |bound: &'d str| {
            let (order, epoch_assumed) = order(self.scheme, held, bound)?;
            assumed |= epoch_assumed;
            Ok(order)
        };
        let found = self.find(&mut order)?;
        Ok(Lies { epoch_assumed: assumed, ..found })
    }

    fn find(&self, order: &mut impl FnMut(&'d str) -> Result<Ordering, Cannot>) -> Result<Lies<'d>, Cannot> {
        let lies = |at, order: Ordering, bound, bound_is| {
            let relation = match order {
                Ordering::Less => "<",
                Ordering::Equal => "=",
                Ordering::Greater => ">",
            };
            Lies { at, relation, bound: Some(bound), bound_is, epoch_assumed: false }
        };
        if !self.record.versions.is_empty() {
            for version in &self.record.versions {
                if order(version)? == Ordering::Equal {
                    return Ok(lies(At::Listed, Ordering::Equal, version.as_str(), "exactly"));
                }
            }
            return Ok(Lies {
                at: At::Unlisted,
                relation: "not in",
                bound: None,
                bound_is: "",
                epoch_assumed: false,
            });
        }
        let mut inside =
            Lies { at: At::Inside, relation: "any", bound: None, bound_is: "", epoch_assumed: false };
        if let Some(first) = self.introduced() {
            let against = order(first)?;
            if against == Ordering::Less {
                return Ok(lies(At::Before, against, first, "introduced"));
            }
            inside = lies(At::Inside, against, first, "introduced");
        }
        if let Some(fixed) = self.record.fixed.as_deref() {
            let against = order(fixed)?;
            let at = if against == Ordering::Less { At::Inside } else { At::Fixed };
            return Ok(lies(at, against, fixed, "fixed"));
        }
        if let Some(last) = self.record.last_affected.as_deref() {
            let against = order(last)?;
            let at = if against == Ordering::Greater { At::Past } else { At::Inside };
            return Ok(lies(at, against, last, "last affected"));
        }
        Ok(inside)
    }

    /// What was compared, for people.
    pub(super) fn compare(&self, installed: &str, lies: Option<&Lies<'_>>, caveat: Option<&str>) -> Compare {
        let assumed = lies.is_some_and(|lies| lies.epoch_assumed).then_some(ASSUMED);
        let caveats: Vec<&str> = assumed.into_iter().chain(caveat).collect();
        Compare {
            subject: shown(&self.record.package),
            installed: shown(installed),
            relation: match lies {
                Some(lies) => lies.relation.to_owned(),
                None if self.record.fixed.is_some() => "against".to_owned(),
                None => "any".to_owned(),
            },
            bound: lies.map_or(self.record.fixed.as_deref(), |lies| lies.bound).map(shown),
            bound_is: match lies {
                Some(lies) => lies.bound_is.to_owned(),
                None if self.record.fixed.is_some() => "fixed".to_owned(),
                None => String::new(),
            },
            scheme: self.scheme,
            ecosystem: self.record.ecosystem.clone(),
            advisory: self.record.advisory.clone(),
            confidence: self.record.confidence,
            caveat: (!caveats.is_empty()).then(|| caveats.join("; ")),
        }
    }
}

/// A text for people, cut where a host wrote a very long one.
pub(super) fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Whether a row's versions cannot be read, or exclude one another: such a row would make everything clean.
fn contradicts_itself(row: &Affected, scheme: Scheme) -> bool {
    if row.fixed.is_some() && row.last_affected.is_some() {
        return true;
    }
    let first = row.introduced.as_deref().filter(|first| *first != "0");
    let last = row.fixed.as_deref().or(row.last_affected.as_deref());
    let mut named = row.versions.iter().map(String::as_str).chain(first).chain(last);
    let (Some(first), Some(last)) = (first, last) else {
        return named.any(|version| scheme.check(version).is_err());
    };
    let Ok(order) = scheme.compare(first, last) else { return true };
    let empty = order == Ordering::Greater || (order == Ordering::Equal && row.fixed.is_some());
    empty || named.any(|version| scheme.check(version).is_err())
}

/// The order of a version and a bound, and whether an epoch was assumed for it.
fn order(scheme: Scheme, held: Held<'_>, bound: &str) -> Result<(Ordering, bool), Cannot> {
    let compare = |version: &str| scheme.compare(version, bound).map_err(|_| Cannot::ReadRow);
    if scheme != Scheme::Rpm {
        return Ok((compare(held.version)?, false));
    }
    let order = by_epoch(compare, held, bound)?;
    // A version without a release equals every build of it, and so tells none from the other.
    let one_sided = rpm::has_release(held.version) != rpm::has_release(bound);
    if order.0 == Ordering::Equal && one_sided { Err(Cannot::ReadVersion) } else { Ok(order) }
}

fn by_epoch(
    compare: impl Fn(&str) -> Result<Ordering, Cannot>,
    held: Held<'_>,
    bound: &str,
) -> Result<(Ordering, bool), Cannot> {
    match (held.version.split_once(':'), bound.split_once(':')) {
        (None, Some((epoch, _))) if held.epoch_hidden && is_epoch(epoch) => {
            Ok((compare(&format!("{epoch}:{}", held.version))?, true))
        }
        (Some((epoch, rest)), None) if is_epoch(epoch) => {
            let (with, without) = (compare(held.version)?, compare(rest)?);
            if with == without { Ok((with, false)) } else { Err(Cannot::TellEpoch) }
        }
        _ => Ok((compare(held.version)?, false)),
    }
}

/// Whether it is an epoch other than 0.
fn is_epoch(text: &str) -> bool {
    text.bytes().any(|c| c != b'0')
}

/// What the rows of a release say, and which one decided.
#[derive(Debug)]
pub(super) struct Said<'r, 'd> {
    pub(super) finding: Finding,
    pub(super) fit: Fit,
    pub(super) row: &'r Row<'d>,
    /// Absent where nothing was compared.
    pub(super) lies: Option<Lies<'d>>,
}

/// The rows of the release that fit closest, with where the version lies to each.
struct Tier<'r, 'd, 'h> {
    fit: Fit,
    rows: Vec<(&'r Row<'d>, Result<Lies<'d>, Cannot>)>,
    held: Held<'h>,
    caveat: Option<&'h str>,
}

/// What the closest of the rows that fit say of a version; nothing where none of them reaches it.
pub(super) fn decide<'r, 'd>(
    fitting: &[(Fit, &'r Row<'d>)],
    held: Held<'_>,
    caveat: Option<&str>,
) -> Option<Said<'r, 'd>> {
    let reach = |(fit, row): &(Fit, &'r Row<'d>)| {
        let lies = row.lies(held);
        // What spares or lists other versions says nothing of this one.
        let is_silent = lies.as_ref().is_ok_and(|lies| {
            lies.at == At::Unlisted || (row.record.status == RowStatus::NotAffected && !lies.at.is_meant())
        });
        (!is_silent).then_some((*fit, *row, lies))
    };
    let reaching: Vec<_> = fitting.iter().filter_map(reach).collect();
    let fit = reaching.iter().map(|(fit, ..)| *fit).max()?;
    let rows =
        reaching.into_iter().filter(|(one, ..)| *one == fit).map(|(_, row, lies)| (row, lies)).collect();
    let tier = Tier { fit, rows, held, caveat };
    if fit.is_foreign() {
        let (row, lies) = tier.rows.first()?;
        return Some(tier.open(row, lies.as_ref().ok(), Some("a rebuild; Red Hat's record")));
    }
    tier.by_list().or_else(|| tier.by_range()).or_else(|| tier.undecided())
}

impl<'r, 'd> Tier<'r, 'd, '_> {
    fn find(&self, status: RowStatus, wanted: impl Fn(At) -> bool) -> Option<(&'r Row<'d>, &Lies<'d>)> {
        self.rows.iter().find_map(|(row, lies)| {
            let lies = lies.as_ref().ok()?;
            (row.says(status) && wanted(lies.at)).then_some((*row, lies))
        })
    }

    fn say(
        &self,
        (verdict, reason): (Verdict, Reason),
        row: &'r Row<'d>,
        lies: Option<&Lies<'d>>,
        more: Option<&str>,
    ) -> Said<'r, 'd> {
        let caveats: Vec<&str> = more.into_iter().chain(self.caveat).collect();
        let caveat = (!caveats.is_empty()).then(|| caveats.join("; "));
        let compare = row.compare(self.held.version, lies, caveat.as_deref());
        let finding = Finding { verdict, reason, compare: Some(Arc::new(compare)) };
        Said { finding, fit: self.fit, row, lies: lies.cloned() }
    }

    fn open(&self, row: &'r Row<'d>, lies: Option<&Lies<'d>>, more: Option<&str>) -> Said<'r, 'd> {
        self.say((Verdict::Inconclusive, Reason::RowUnconfirmed), row, lies, more)
    }

    /// By a row that names this very version.
    fn by_list(&self) -> Option<Said<'r, 'd>> {
        let listed = |at| at == At::Listed;
        if let Some((row, lies)) = self.find(RowStatus::Affected, listed) {
            return Some(self.say(HAS_IT, row, Some(lies), None));
        }
        if let Some((row, lies)) = self.find(RowStatus::NotAffected, listed) {
            return Some(self.say(NEVER_HAD_IT, row, Some(lies), None));
        }
        self.rows.iter().find_map(|(row, lies)| {
            let lies = lies.as_ref().ok().filter(|lies| lies.at == At::Listed)?;
            Some(self.open(row, Some(lies), None))
        })
    }

    /// By the rows that decide: inside one that is affected, the version has the hole, whatever others say.
    fn by_range(&self) -> Option<Said<'r, 'd>> {
        let spared = self.find(RowStatus::NotAffected, At::is_meant);
        let fixed = self.find(RowStatus::Affected, |at| at == At::Fixed);
        // An advisory that names the fix knows more than a record that has none yet.
        let superseded = |row: &Row<'_>| fixed.is_some() && row.is_open_ended();
        let bad = self.rows.iter().find_map(|(row, lies)| {
            let lies = lies.as_ref().ok()?;
            let holds = row.says(RowStatus::Affected) && lies.at.is_meant() && !superseded(row);
            holds.then_some((*row, lies))
        });
        if let Some((row, lies)) = bad {
            let more = spared.map(|_| "another record of the same release says not affected");
            return Some(self.say(HAS_IT, row, Some(lies), more));
        }
        // What cannot be compared may be what has the hole.
        let unread = self.rows.iter().find_map(|(row, lies)| {
            let cannot = lies.as_ref().err()?;
            row.says(RowStatus::Affected).then_some((*row, cannot.words()))
        });
        if let Some((row, why)) = unread {
            return Some(self.open(row, None, Some(why)));
        }
        if let Some((row, lies)) = spared {
            return Some(self.say(NEVER_HAD_IT, row, Some(lies), None));
        }
        if let Some((row, lies)) = fixed {
            return Some(self.say((Verdict::NotVulnerable, Reason::PackageFixed), row, Some(lies), None));
        }
        let (row, lies) = self.find(RowStatus::Affected, |at| matches!(at, At::Before | At::Past))?;
        Some(self.say(NEVER_HAD_IT, row, Some(lies), None))
    }

    /// All that there is decides nothing.
    fn undecided(&self) -> Option<Said<'r, 'd>> {
        let (row, lies) = self.rows.iter().find(|(row, lies)| !row.decides || lies.is_err())?;
        let why = lies.as_ref().err().map(|cannot| cannot.words());
        let unknown = (row.record.status == RowStatus::Unknown).then_some("the record does not tell");
        Some(self.open(row, lies.as_ref().ok(), why.or(unknown)))
    }
}

const HAS_IT: (Verdict, Reason) = (Verdict::Vulnerable, Reason::PackageAffected);
const NEVER_HAD_IT: (Verdict, Reason) = (Verdict::NotVulnerable, Reason::VersionNotAffected);
