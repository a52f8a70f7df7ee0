//! OSV records, as Debian, Ubuntu, Alpine, Red Hat and others publish them (schema of 2026-07).
//!
//! Only what bears on a judgement is read. An order of versions is the ecosystem's own, never that of the file.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use super::{
    ImportError,
    draft::{About, Collector, Draft, Notes, Row, checked_id, checked_name, cve_in, time_of, unknown},
    read::{Node, Wrong, one_line, shown},
    settle::{merge_sorted, version_fault},
};
use crate::model::{
    disclosure::{Affected, UPSTREAM},
    time::Timestamp,
    version::Scheme,
};

/// Most CVE ids that one record is about.
const MAX_IDS: usize = 2_000;
/// Most events of one range.
const MAX_EVENTS: usize = 10_000;

pub(super) fn read<'a>(doc: &Node<'a>, into: &mut Collector<'a>) -> Result<(), ImportError> {
    let id = checked_id(&doc.need("id")?)?;
    if let Some(withdrawn) = doc.get("withdrawn")? {
        let when = withdrawn.value.as_str().map(shown).unwrap_or_default();
        into.notes.add(&withdrawn.at, &format!("{id} was withdrawn {when}: the whole record is left out"));
        return Ok(());
    }
    let frame = doc.need("affected")?;
    let entries = frame.list()?;
    let ids = ids_of(doc, id, &mut into.notes)?;
    let mut draft = head(doc, id, &mut into.notes)?;
    if let [only] = ids.as_slice() {
        draft.aliases.extend((only != id).then(|| id.to_owned()));
        draft.aliases.extend(names(doc, "aliases", &mut into.notes));
    }
    let mut any = false;
    for entry in entries {
        any = true;
        read_entry(&entry, id, &mut draft.rows, &mut into.notes);
        into.fits(draft.rows.len())?;
    }
    if !any {
        into.notes.add(&frame.at, "empty: no package is named");
    }
    into.push(&draft, &ids)
}

/// The ids that the record is about: its own CVE, else those that it names, nearest kinship first.
fn ids_of(doc: &Node<'_>, id: &str, notes: &mut Notes) -> Result<Vec<String>, ImportError> {
    let mut found: BTreeSet<String> = cve_in(id).map(str::to_owned).into_iter().collect();
    for kinship in ["aliases", "upstream", "related"] {
        let named: BTreeSet<String> =
            names(doc, kinship, notes).iter().filter_map(|name| cve_in(name)).map(str::to_owned).collect();
        if found.is_empty() {
            found = named;
            continue;
        }
        let others: Vec<&str> = named.difference(&found).map(String::as_str).collect();
        if !others.is_empty() && kinship != "aliases" {
            let listed = others.iter().take(10).copied().collect::<Vec<_>>().join(", ");
            let message = format!("the record is not read as one about {listed}");
            notes.add(&doc.need(kinship)?.at, &message);
        }
    }
    if found.len() > MAX_IDS {
        return Err(ImportError::TooLarge { what: "ids of one record", limit: MAX_IDS });
    }
    Ok(if found.is_empty() { vec![id.to_owned()] } else { found.into_iter().collect() })
}

fn names<'a>(doc: &Node<'a>, key: &'a str, notes: &mut Notes) -> Vec<String> {
    let items = notes.keep(doc.list_of(key).map(Some));
    let items = items.into_iter().flatten();
    items.filter_map(|item| notes.keep(checked_id(&item).map(|name| Some(name.to_owned())))).collect()
}

fn head<'a>(doc: &Node<'a>, id: &str, notes: &mut Notes) -> Result<Draft<'a>, ImportError> {
    let summary = notes.keep(doc.text_of("summary")).filter(|text| !text.trim().is_empty());
    let title = summary.or_else(|| notes.keep(doc.text_of("details")));
    let severity = severity(doc, notes);
    let mut draft = Draft::new(id, &doc.at, public(doc, notes)?, title, severity.as_deref());
    let links = notes.keep(doc.list_of("references").map(Some));
    for link in links.into_iter().flatten() {
        if let Some(url) = notes.keep(link.need_text("url").map(Some)) {
            draft.link(url);
        }
    }
    Ok(draft)
}

fn public(doc: &Node<'_>, notes: &mut Notes) -> Result<Timestamp, ImportError> {
    if let Some(time) = notes.keep(time_of(doc, "published")) {
        return Ok(time);
    }
    let modified = time_of(doc, "modified")?;
    let time = modified.ok_or_else(|| doc.wrong("neither `published` nor `modified` is there"))?;
    notes.add(&doc.at, "no time of publication: the time of the last change is taken");
    Ok(time)
}

fn severity(doc: &Node<'_>, notes: &mut Notes) -> Option<String> {
    let own =
        doc.get("database_specific").ok().flatten().and_then(|own| own.text_of("severity").ok().flatten());
    if let Some(word) = own {
        return Some(word.to_owned());
    }
    let mut words = Vec::new();
    let items = notes.keep(doc.list_of("severity").map(Some));
    for item in items.into_iter().flatten().take(10) {
        let both = item.need_text("type").and_then(|kind| Ok(Some((kind, item.need_text("score")?))));
        words.extend(notes.keep(both).map(|(kind, score)| format!("{kind} {score}")));
    }
    (!words.is_empty()).then(|| words.join("; "))
}

/// One entry of `affected`: its rows, or an unknown row and a note, or a note alone where no package is named.
fn read_entry<'a>(entry: &Node<'a>, advisory: &str, rows: &mut Vec<Row<'a>>, notes: &mut Notes) {
    let base = match package(entry, advisory) {
        Ok(Some(base)) => base,
        Ok(None) => return notes.add(&entry.at, "names no package; left out"),
        Err(wrong) => return notes.wrong(&wrong, "; the entry is left out"),
    };
    if base.scheme().is_none() {
        let ecosystem = shown(&base.ecosystem);
        notes.add(&entry.at, &format!("nobody is judged by a row of the ecosystem `{ecosystem}`"));
    }
    let said = said(entry, &base, notes).unwrap_or_else(|wrong| {
        notes.wrong(&wrong, &format!("; {} of {} is unknown", base.package, base.ecosystem));
        vec![unknown(&base, &wrong.message)]
    });
    let about = notes.keep(about(entry));
    rows.extend(said.into_iter().map(|said| Row { about: about.clone(), ..Row::new(said, &entry.at) }));
}

/// Ubuntu's notices say for each release which of their CVEs it has, and how grave Ubuntu calls them.
fn about(entry: &Node<'_>) -> Result<Option<About>, Wrong> {
    let Some(own) = entry.get("database_specific")? else { return Ok(None) };
    let Some(map) = own.get("cves_map")? else { return Ok(None) };
    let mut found = BTreeMap::new();
    for cve in map.need("cves")?.list()? {
        let mut severity = None;
        for said in cve.list_of("severity")? {
            if said.text_of("type")? == Some("Ubuntu") {
                severity =
                    said.text_of("score")?.map(|word| one_line(word, 40)).filter(|word| !word.is_empty());
            }
        }
        found.insert(cve.need_text("id")?.to_owned(), severity);
    }
    Ok(Some(Rc::new(found)))
}

fn package(entry: &Node<'_>, advisory: &str) -> Result<Option<Affected>, Wrong> {
    let Some(package) = entry.get("package")? else { return Ok(None) };
    let ecosystem = checked_name(&package.need("ecosystem")?)?;
    let name = checked_name(&package.need("name")?)?;
    Ok(Some(Affected::new(ecosystem, name, advisory)))
}

fn said(entry: &Node<'_>, base: &Affected, notes: &mut Notes) -> Result<Vec<Affected>, Wrong> {
    let mut rows = Vec::new();
    let mut ranged = false;
    for range in entry.list_of("ranges")? {
        let kind = range.need("type")?;
        match kind.text()? {
            "GIT" => {
                notes.add(&range.at, "a range of commits; left out");
                continue;
            }
            "ECOSYSTEM" => {}
            "SEMVER" if base.scheme().is_none() || base.ecosystem == UPSTREAM => {}
            "SEMVER" => return Err(kind.wrong("SEMVER is not the order of this ecosystem's versions")),
            other => return Err(kind.wrong(format!("`{}` is not a type of ranges", shown(other)))),
        }
        ranged = true;
        rows.extend(events(&range, base)?);
    }
    if ranged {
        return Ok(rows); // `versions` then spells out what the ranges say.
    }
    let listed: Result<Vec<String>, Wrong> =
        entry.list_of("versions")?.map(|node| Ok(version(&node, base.scheme())?.to_owned())).collect();
    let mut listed = listed?;
    listed.sort_unstable();
    listed.dedup();
    if listed.is_empty() {
        return Err(entry.wrong("neither a range of versions nor a list of them"));
    }
    Ok(vec![Affected { versions: listed, ..base.clone() }])
}

fn version<'a>(node: &Node<'a>, scheme: Option<Scheme>) -> Result<&'a str, Wrong> {
    let text = node.text()?;
    version_fault(scheme, text).map_or(Ok(text), |fault| Err(node.wrong(fault)))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Introduced,
    Fixed,
    LastAffected,
}

impl Event {
    fn word(self) -> &'static str {
        match self {
            Self::Introduced => "introduced",
            Self::Fixed => "fixed",
            Self::LastAffected => "last_affected",
        }
    }
}

/// One event; the version `0` comes before all others and is absent here.
struct Mark<'a> {
    event: Event,
    version: Option<&'a str>,
    node: Node<'a>,
}

fn mark(node: Node<'_>, scheme: Option<Scheme>) -> Result<Option<Mark<'_>>, Wrong> {
    let mut keys = node.object()?.keys();
    let (Some(key), None) = (keys.next(), keys.next()) else {
        return Err(node.wrong("expected one key: introduced, fixed, last_affected or limit"));
    };
    let value = node.need(key)?;
    let event = match key.as_str() {
        "introduced" => Event::Introduced,
        "fixed" => Event::Fixed,
        "last_affected" => Event::LastAffected,
        "limit" if value.text()? == "*" => return Ok(None),
        "limit" => return Err(value.wrong("a limit in a range of versions says nothing of versions")),
        other => return Err(node.wrong(format!("`{}` is not an event", shown(other)))),
    };
    let first = event != Event::LastAffected && value.text()? == "0";
    let version = if first { None } else { Some(version(&value, scheme)?) };
    Ok(Some(Mark { event, version, node }))
}

/// The rows of one range. What the events contradict is an error: the package is unknown then.
fn events(range: &Node<'_>, base: &Affected) -> Result<Vec<Affected>, Wrong> {
    let scheme = base.scheme();
    let mut marks = Vec::new();
    for event in range.need("events")?.list()? {
        marks.extend(mark(event, scheme)?);
        if marks.len() > MAX_EVENTS {
            return Err(range.wrong(format!("more than {MAX_EVENTS} events")));
        }
    }
    let has = |event| marks.iter().any(|m: &Mark<'_>| m.event == event);
    if has(Event::Fixed) && has(Event::LastAffected) {
        return Err(range.wrong("`fixed` and `last_affected` in one range"));
    }
    if let Some(scheme) = scheme {
        marks = merge_sorted(marks, |a, b| before(scheme, a, b));
        marks.dedup_by(|b, a| a.event == b.event && compare(scheme, a.version, b.version) == Ordering::Equal);
    }
    let mut rows = Vec::new();
    let mut open: Option<Mark<'_>> = None;
    for mark in marks {
        match (open.take(), mark.event) {
            (None, Event::Introduced) => open = Some(mark),
            (None, _) => return Err(clash(&mark, "has no `introduced` before it")),
            (Some(_), Event::Introduced) => {
                return Err(clash(&mark, "stands in a range that is open already"));
            }
            (Some(start), Event::Fixed) if same(scheme, &start, &mark) => {
                return Err(clash(&mark, "is where the range starts"));
            }
            (Some(start), _) => rows.push(row(base, &start, Some(&mark))),
        }
    }
    rows.extend(open.map(|start| row(base, &start, None)));
    if rows.is_empty() {
        return Err(range.wrong("no event"));
    }
    Ok(rows)
}

fn compare(scheme: Scheme, a: Option<&str>, b: Option<&str>) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => scheme.compare(a, b).unwrap_or(Ordering::Equal),
        (a, b) => a.is_some().cmp(&b.is_some()),
    }
}

/// At the same version a range starts before it ends: a last affected version may be the only one.
fn before(scheme: Scheme, a: &Mark<'_>, b: &Mark<'_>) -> bool {
    match compare(scheme, a.version, b.version) {
        Ordering::Less => true,
        Ordering::Equal => a.event == Event::Introduced && b.event != Event::Introduced,
        Ordering::Greater => false,
    }
}

fn same(scheme: Option<Scheme>, a: &Mark<'_>, b: &Mark<'_>) -> bool {
    scheme.map_or(a.version == b.version, |s| compare(s, a.version, b.version) == Ordering::Equal)
}

fn clash(mark: &Mark<'_>, reason: &str) -> Wrong {
    let version = mark.version.unwrap_or("0");
    mark.node.wrong(format!("the events contradict: {} {} {reason}", mark.event.word(), shown(version)))
}

fn row(base: &Affected, start: &Mark<'_>, end: Option<&Mark<'_>>) -> Affected {
    let end_at = |event| end.filter(|m| m.event == event).and_then(|m| m.version).map(str::to_owned);
    Affected {
        introduced: start.version.map(str::to_owned),
        fixed: end_at(Event::Fixed),
        last_affected: end_at(Event::LastAffected),
        ..base.clone()
    }
}
