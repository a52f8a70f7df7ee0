//! What the readers of the formats fill in: records in the making, notes, and the budget that all of them share.
//!
//! It knows no format. Records of one id become one; contradictions are settled at the end, over all rows.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    rc::Rc,
};

use super::{
    Format, ImportError, Imported,
    read::{Node, Trail, Wrong, one_line, shown},
    settle,
};
use crate::model::{
    disclosure::{Affected, Disclosure, ProbeFact, Rotation, RowStatus},
    text::acts_on_a_terminal,
    time::Timestamp,
};

/// Most rows of one import.
pub(super) const MAX_ROWS: usize = 100_000;
/// Most other texts of one import: versions, aliases, links. A record about many ids repeats them for each.
const MAX_TEXTS: usize = 500_000;
/// Most notes kept; further ones are counted.
const MAX_NOTES: usize = 10_000;
/// Longest title.
const TITLE: usize = 120;
/// Longest sentence for people.
pub(super) const SENTENCE: usize = 300;
/// Longest name of a package, an ecosystem, a version.
const NAME: usize = 200;
/// Longest link.
const LINK: usize = 500;

/// What was left out or weakened, in the order of the document, each once.
#[derive(Debug, Default)]
pub(super) struct Notes {
    list: Vec<String>,
    seen: HashSet<String>,
    more: usize,
}

impl Notes {
    pub(super) fn add(&mut self, at: &Trail<'_>, message: &str) {
        self.push(format!("{at}: {message}"));
    }

    pub(super) fn wrong(&mut self, wrong: &Wrong, what_follows: &str) {
        self.push(format!("{}: {}{what_follows}", wrong.path, wrong.message));
    }

    fn push(&mut self, note: String) {
        if self.list.len() >= MAX_NOTES {
            self.more = self.more.saturating_add(1);
        } else if self.seen.insert(note.clone()) {
            self.list.push(note);
        }
    }

    /// A value that the rest can do without: what is wrong with it becomes a note.
    pub(super) fn keep<T>(&mut self, found: Result<Option<T>, Wrong>) -> Option<T> {
        found.unwrap_or_else(|wrong| {
            self.wrong(&wrong, "; left out");
            None
        })
    }

    fn into_list(mut self) -> Vec<String> {
        if self.more > 0 {
            self.list.push(format!("document: {} further notes are not listed", self.more));
        }
        self.list
    }
}

/// The ids that a row is about, where a record about several ids tells them apart, each with its severity.
pub(super) type About = Rc<BTreeMap<String, Option<String>>>;

/// A row and the place that it was read from.
#[derive(Clone, Debug)]
pub(super) struct Row<'a> {
    pub(super) said: Affected,
    pub(super) at: Trail<'a>,
    /// Absent: about every id of the record.
    pub(super) about: Option<About>,
}

impl<'a> Row<'a> {
    pub(super) fn new(said: Affected, at: &Trail<'a>) -> Self {
        Self { said, at: at.clone(), about: None }
    }
}

/// A record in the making.
#[derive(Clone, Debug)]
pub(super) struct Draft<'a> {
    pub(super) id: String,
    pub(super) at: Trail<'a>,
    pub(super) aliases: Vec<String>,
    pub(super) title: String,
    pub(super) disclosed_at: Timestamp,
    pub(super) severity: Option<String>,
    pub(super) leaks: String,
    pub(super) links: Vec<String>,
    pub(super) notes: Vec<String>,
    pub(super) rows: Vec<Row<'a>>,
}

impl<'a> Draft<'a> {
    /// A record from its id and what it says of itself.
    pub(super) fn new(
        id: &str,
        at: &Trail<'a>,
        public: Timestamp,
        title: Option<&str>,
        severity: Option<&str>,
    ) -> Self {
        let severity = severity.map(|text| one_line(text, NAME)).filter(|text| !text.is_empty());
        let summary = title.map(|text| one_line(text, TITLE)).filter(|text| !text.is_empty());
        let leaks = match (&severity, &summary) {
            (Some(severity), Some(summary)) => format!("its maker calls it {severity}: {summary}"),
            (None, Some(summary)) => summary.clone(),
            (Some(severity), None) => {
                format!("its maker calls it {severity}; the record does not say what leaks")
            }
            (None, None) => "the record does not say".to_owned(),
        };
        Self {
            id: id.to_owned(),
            at: at.clone(),
            aliases: Vec::new(),
            title: summary.unwrap_or_else(|| id.to_owned()),
            disclosed_at: public,
            severity,
            leaks,
            links: Vec::new(),
            notes: Vec::new(),
            rows: Vec::new(),
        }
    }

    pub(super) fn link(&mut self, url: &str) {
        let url = one_line(url, LINK);
        if !url.is_empty() {
            self.links.push(url);
        }
    }

    fn texts(&self) -> usize {
        let versions: usize = self.rows.iter().map(|row| row.said.versions.len()).sum();
        versions
            .saturating_add(self.links.len())
            .saturating_add(self.aliases.len())
            .saturating_add(self.notes.len())
    }

    /// Leaves out the rows that the record does not count to this id.
    fn keep_own_rows(&mut self, notes: &mut Notes) {
        let own = |row: &Row<'_>| row.about.as_ref().is_none_or(|about| about.contains_key(&self.id));
        let (rows, others): (Vec<_>, Vec<_>) = std::mem::take(&mut self.rows).into_iter().partition(own);
        let severity = rows.iter().find_map(|row| row.about.as_ref()?.get(&self.id)?.clone());
        self.severity = severity.or(self.severity.take());
        if let Some(first) = others.first() {
            let whose: BTreeSet<&str> = others.iter().map(|row| &*row.said.ecosystem).collect();
            let whose = one_line(&whose.into_iter().collect::<Vec<_>>().join(", "), SENTENCE);
            notes.add(&first.at, &format!("{} is not said to be in {whose}: no row for it", self.id));
        }
        self.rows = rows;
    }

    fn join(&mut self, other: Self) {
        self.disclosed_at = self.disclosed_at.min(other.disclosed_at);
        self.severity = self.severity.take().or(other.severity);
        self.aliases.extend(other.aliases);
        self.links.extend(other.links);
        self.notes.extend(other.notes);
        self.rows.extend(other.rows);
    }
}

/// All records of one import, within its budget.
#[derive(Debug, Default)]
pub(super) struct Collector<'a> {
    pub(super) notes: Notes,
    drafts: Vec<Draft<'a>>,
    rows: usize,
    texts: usize,
}

impl<'a> Collector<'a> {
    /// Takes a record under each of these ids; the budget is asked before anything is copied.
    pub(super) fn push(&mut self, draft: &Draft<'a>, ids: &[String]) -> Result<(), ImportError> {
        let rows = draft.rows.len().max(1).saturating_mul(ids.len());
        self.rows = self.rows.saturating_add(rows);
        self.texts = self.texts.saturating_add(draft.texts().saturating_mul(ids.len()));
        if self.rows > MAX_ROWS {
            return Err(ImportError::TooLarge { what: "rows", limit: MAX_ROWS });
        }
        if self.texts > MAX_TEXTS {
            return Err(ImportError::TooLarge { what: "versions, aliases and links", limit: MAX_TEXTS });
        }
        for id in ids {
            let mut copy = Draft { id: id.clone(), ..draft.clone() };
            if ids.len() > 1 {
                copy.keep_own_rows(&mut self.notes);
            }
            self.drafts.push(copy);
        }
        Ok(())
    }

    /// Whether so many rows of one record may still be taken: asked while a list is read, not after it.
    pub(super) fn fits(&self, rows: usize) -> Result<(), ImportError> {
        if self.rows.saturating_add(rows) > MAX_ROWS {
            return Err(ImportError::TooLarge { what: "rows", limit: MAX_ROWS });
        }
        Ok(())
    }

    /// The finished import; `source` is the line that says where it came from.
    pub(super) fn finish(mut self, format: Format, source: &str) -> Imported {
        let mut by_id: BTreeMap<String, Draft<'a>> = BTreeMap::new();
        for draft in self.drafts {
            match by_id.get_mut(&draft.id.to_lowercase()) {
                Some(first) => first.join(draft),
                None => drop(by_id.insert(draft.id.to_lowercase(), draft)),
            }
        }
        let mut records = Vec::with_capacity(by_id.len());
        for draft in by_id.into_values() {
            if draft.rows.is_empty() {
                let message = format!("{} has no row that can be read: it judges nobody", draft.id);
                self.notes.add(&draft.at, &message);
            }
            records.push(finished(draft, source, &mut self.notes));
        }
        Imported { format, records, notes: self.notes.into_list() }
    }
}

fn finished(draft: Draft<'_>, source: &str, notes: &mut Notes) -> Disclosure {
    let own = draft.id.to_lowercase();
    let mut seen = HashSet::new();
    let aliases = draft
        .aliases
        .into_iter()
        .filter(|a| a.to_lowercase() != own && seen.insert(a.to_lowercase()))
        .collect();
    Disclosure {
        id: draft.id.into(),
        aliases,
        title: draft.title,
        disclosed_at: draft.disclosed_at,
        severity: draft.severity,
        confidence: String::new(),
        leaks: draft.leaks,
        exposes: Vec::new(),
        preconditions: String::new(),
        first_words: Vec::new(),
        links: each_once(draft.links),
        notes: each_once(draft.notes),
        sources: vec![source.to_owned()],
        feature: None,
        never_in: Vec::new(),
        only_over: None,
        not_analysed: Vec::new(),
        rotate: Rotation::default(),
        probe: ProbeFact::default(),
        affected: settle::settle(draft.rows, notes),
    }
}

fn each_once(texts: Vec<String>) -> Vec<String> {
    let mut seen = HashSet::new();
    texts.into_iter().filter(|text| seen.insert(text.clone())).collect()
}

/// A row about which nothing can be said, with its reason.
pub(super) fn unknown(base: &Affected, reason: &str) -> Affected {
    let note = Some(one_line(reason, SENTENCE));
    Affected {
        status: RowStatus::Unknown,
        introduced: None,
        fixed: None,
        last_affected: None,
        versions: Vec::new(),
        note,
        ..base.clone()
    }
}

/// A name that can stand in a row: not empty, not endless, nothing in it that hides or acts.
pub(super) fn checked_name<'a>(node: &Node<'a>) -> Result<&'a str, Wrong> {
    let text = node.text()?;
    match name_fault(text) {
        Some(fault) => Err(node.wrong(format!("`{}` {fault}", shown(text)))),
        None => Ok(text),
    }
}

/// Why a text cannot be a name or a version in a row.
pub(super) fn name_fault(text: &str) -> Option<&'static str> {
    if text.trim().is_empty() {
        Some("is empty")
    } else if text.chars().nth(NAME).is_some() {
        Some("is longer than 200 characters")
    } else if text.chars().any(acts_on_a_terminal) {
        Some("has a control character")
    } else if text.trim() != text {
        Some("has blanks around it")
    } else {
        None
    }
}

/// An id of a record or an advisory: letters, digits and `-_.:`, at most 80. Ids become names of files.
pub(super) fn checked_id<'a>(node: &Node<'a>) -> Result<&'a str, Wrong> {
    let text = node.text()?;
    let fits = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b));
    if fits
        && (1..=80).contains(&text.len())
        && text.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric)
    {
        Ok(text)
    } else {
        Err(node.wrong(format!("`{}` is not an id: letters, digits and -_.: are, at most 80", shown(text))))
    }
}

/// The CVE id in a name: `CVE-2014-0160` itself, or what follows `UBUNTU-`, `DEBIAN-` and the like.
pub(super) fn cve_in(text: &str) -> Option<&str> {
    let at = if text.starts_with("CVE-") { 0 } else { text.find("-CVE-")?.checked_add(1)? };
    let cve = text.get(at..)?;
    let (year, number) = cve.strip_prefix("CVE-")?.split_once('-')?;
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    (year.len() == 4 && digits(year) && (4..=12).contains(&number.len()) && digits(number)).then_some(cve)
}

/// A time in a field; absent is no fault.
pub(super) fn time_of<'a>(node: &Node<'a>, key: &'a str) -> Result<Option<Timestamp>, Wrong> {
    let Some(field) = node.get(key)? else { return Ok(None) };
    let text = field.text()?;
    text.parse().map(Some).map_err(|_| field.wrong(format!("`{}` is not a time of RFC 3339", shown(text))))
}
