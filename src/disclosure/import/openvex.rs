//! OpenVEX 0.2: statements about exact versions of packages, or about a package as a whole. It has no ranges.
//!
//! A statement about a component of a product holds for that product alone; only where the product is a
//! distribution does it become a row.

use std::collections::BTreeMap;

use super::{
    ImportError,
    draft::{Collector, Draft, Notes, Row, checked_id, name_fault, time_of, unknown},
    platform,
    purl::Purl,
    read::{Node, Wrong, one_line, shown},
    settle::version_fault,
};
use crate::model::{
    disclosure::{Affected, RowStatus},
    time::Timestamp,
};

/// A package that a statement is about; the key under which a later statement overrides an earlier one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Target {
    ecosystem: String,
    package: String,
    version: Option<String>,
}

/// All that one document says of one id.
struct About<'a> {
    draft: Draft<'a>,
    rows: BTreeMap<Target, (Timestamp, Row<'a>)>,
}

pub(super) fn read<'a>(doc: &Node<'a>, into: &mut Collector<'a>) -> Result<(), ImportError> {
    let own = doc.need("@id")?;
    let advisory = one_line(own.text()?, 200);
    if advisory.is_empty() {
        return Err(own.wrong("is empty").into());
    }
    let written = time_of(doc, "timestamp")?;
    let frame = doc.need("statements")?;
    let mut all: BTreeMap<String, About<'a>> = BTreeMap::new();
    let mut rows = 0_usize;
    for statement in frame.list()? {
        let when = into.notes.keep(time_of(&statement, "timestamp")).or(written);
        let Some(when) = when else {
            into.notes.add(&statement.at, "neither the statement nor the document has a time; left out");
            continue;
        };
        let about = match about(&statement, when, &mut all, &mut into.notes) {
            Ok(about) => about,
            Err(wrong) => {
                into.notes.wrong(&wrong, "; the statement is left out");
                continue;
            }
        };
        let before = about.rows.len();
        if let Err(wrong) = take(&statement, when, &advisory, about, &mut into.notes) {
            into.notes.wrong(&wrong, "; the statement is left out");
        }
        rows = rows.saturating_add(about.rows.len().saturating_sub(before));
        into.fits(rows)?;
    }
    if all.is_empty() {
        return Err(frame.wrong("no statement can be read").into());
    }
    for (id, about) in all {
        let mut draft = about.draft;
        draft.rows.extend(about.rows.into_values().map(|(_, row)| row));
        into.push(&draft, &[id])?;
    }
    Ok(())
}

fn about<'a, 'm>(
    statement: &Node<'a>,
    when: Timestamp,
    all: &'m mut BTreeMap<String, About<'a>>,
    notes: &mut Notes,
) -> Result<&'m mut About<'a>, Wrong> {
    let vulnerability = statement.need("vulnerability")?;
    // The versions before 0.2 wrote the name alone.
    let plain = vulnerability.value.is_string();
    let id = if plain { checked_id(&vulnerability)? } else { checked_id(&vulnerability.need("name")?)? };
    let about = all.entry(id.to_owned()).or_insert_with(|| About {
        draft: Draft::new(id, &statement.at, when, None, None),
        rows: BTreeMap::new(),
    });
    if plain {
        return Ok(about);
    }
    if about.draft.title == id {
        let title = notes.keep(vulnerability.text_of("description"));
        let fresh = Draft::new(id, &statement.at, when, title, None);
        (about.draft.title, about.draft.leaks) = (fresh.title, fresh.leaks);
    }
    about.draft.disclosed_at = about.draft.disclosed_at.min(when);
    let aliases = notes.keep(vulnerability.list_of("aliases").map(Some));
    for alias in aliases.into_iter().flatten() {
        about.draft.aliases.extend(notes.keep(checked_id(&alias).map(|name| Some(name.to_owned()))));
    }
    if let Some(link) = notes.keep(vulnerability.text_of("@id")).filter(|link| link.starts_with("http")) {
        about.draft.link(link);
    }
    Ok(about)
}

fn take<'a>(
    statement: &Node<'a>,
    when: Timestamp,
    advisory: &str,
    about: &mut About<'a>,
    notes: &mut Notes,
) -> Result<(), Wrong> {
    let word = statement.need("status")?;
    let status = match word.text()? {
        "not_affected" | "fixed" => RowStatus::NotAffected,
        "affected" => RowStatus::Affected,
        "under_investigation" => RowStatus::Unknown,
        other => return Err(word.wrong(format!("`{}` is not a status", shown(other)))),
    };
    let fixed = word.text()? == "fixed";
    let remark = remark(statement, word.text()?, notes);
    let products = statement.need("products")?;
    for product in products.list()? {
        let found = targets(&product, notes).unwrap_or_else(|wrong| {
            notes.wrong(&wrong, "; the product is left out");
            Vec::new()
        });
        for (target, at) in found {
            let base = Affected { note: Some(remark.clone()), ..target.base(advisory) };
            let said = match &target.version {
                None if fixed => {
                    let reason = "it is called fixed without a version";
                    notes.add(&at.at, &format!("{reason}; {} is unknown", target.package));
                    unknown(&base, reason)
                }
                version => Affected { status, versions: version.iter().cloned().collect(), ..base },
            };
            let row = Row::new(said, &at.at);
            match about.rows.get_mut(&target) {
                // In a file the later one of two equally old statements counts.
                Some(known) if known.0 > when => {}
                Some(known) => *known = (when, row),
                None => drop(about.rows.insert(target, (when, row))),
            }
        }
    }
    Ok(())
}

impl Target {
    fn base(&self, advisory: &str) -> Affected {
        Affected::new(&self.ecosystem, &self.package, advisory)
    }
}

fn remark(statement: &Node<'_>, status: &str, notes: &mut Notes) -> String {
    let mut said = vec![status.replace('_', " ")];
    for key in ["justification", "impact_statement", "action_statement", "status_notes"] {
        said.extend(notes.keep(statement.text_of(key)).map(str::to_owned));
    }
    one_line(&said.join(": "), super::draft::SENTENCE)
}

/// The packages that one product of a statement stands for, with their places. What has none becomes a note.
fn targets<'a>(product: &Node<'a>, notes: &mut Notes) -> Result<Vec<(Target, Node<'a>)>, Wrong> {
    let own = identity(product)?;
    let mut parts = product.list_of("subcomponents")?.peekable();
    let mut found = Vec::new();
    if parts.peek().is_none() {
        match own {
            Identity::Package(purl) => match target(&purl, None) {
                Ok(target) => found.push((target, product.clone())),
                Err(reason) => notes.add(&product.at, &format!("{reason}; left out")),
            },
            Identity::Platform(_) => notes.add(&product.at, "a whole distribution and no package; left out"),
            Identity::Other(what) => notes.add(&product.at, &format!("{what} names no package; left out")),
        }
        return Ok(found);
    }
    let Identity::Platform(ecosystem) = own else {
        notes.add(&product.at, "says something of a component in this product alone; left out");
        return Ok(found);
    };
    for part in parts {
        let read = identity(&part).and_then(|identity| match identity {
            Identity::Package(purl) => target(&purl, Some(&ecosystem)).map_err(|reason| part.wrong(reason)),
            _ => Err(part.wrong("names no package")),
        });
        match read {
            Ok(target) => found.push((target, part)),
            Err(wrong) => notes.wrong(&wrong, "; left out"),
        }
    }
    Ok(found)
}

enum Identity {
    Package(Box<Purl>),
    Platform(String),
    Other(String),
}

fn identity(node: &Node<'_>) -> Result<Identity, Wrong> {
    let id = node.get("@id")?;
    let named = node.get("identifiers")?;
    let own = |key| named.as_ref().map_or(Ok(None), |named| named.get(key));
    let mut texts = Vec::new();
    for field in [own("purl")?, own("cpe22")?, own("cpe23")?, own("cpe")?, id].into_iter().flatten() {
        texts.push((field.text()?, field));
    }
    let purl = texts.iter().find(|(text, _)| Purl::claims(text));
    if let Some((text, field)) = purl {
        let purl = Purl::parse(text).map_err(|e| field.wrong(format!("`{}`: {e}", shown(text))))?;
        return Ok(Identity::Package(Box::new(purl)));
    }
    if let Some(ecosystem) = texts.iter().find_map(|(text, _)| platform::of_cpe(text, None)) {
        return Ok(Identity::Platform(ecosystem));
    }
    match texts.first() {
        Some((text, _)) => Ok(Identity::Other(format!("`{}`", shown(text)))),
        None => Err(node.wrong("neither `@id` nor `identifiers` is there")),
    }
}

fn target(purl: &Purl, platform: Option<&str>) -> Result<Target, String> {
    let ecosystem = platform.map_or_else(|| platform::of_purl(purl), |known| Ok(known.to_owned()))?;
    let (package, version) = package(purl)?;
    let base = Affected::new(&ecosystem, &package, "");
    let fault = name_fault(&package).map(str::to_owned);
    let fault = fault.or_else(|| version.as_deref().and_then(|v| version_fault(base.scheme(), v)));
    fault.map_or(Ok(Target { ecosystem, package, version }), Err)
}

/// Package and version as a row has them: the source package of a binary one, the epoch before the version.
pub(super) fn package(purl: &Purl) -> Result<(String, Option<String>), String> {
    if !["deb", "rpm", "apk", "generic"].contains(&purl.kind.as_str()) {
        return Err(format!("a package of type `{}`, which no distribution here has", purl.kind));
    }
    let version = match (purl.qualifier("epoch"), &purl.version) {
        (Some(epoch), Some(version)) => Some(format!("{epoch}:{version}")),
        (_, version) => version.clone(),
    };
    let Some(source) = purl.qualifier("upstream").filter(|_| purl.kind == "deb") else {
        return Ok((purl.name.clone(), version));
    };
    let (name, own) = source.split_once('@').unwrap_or((source, ""));
    let version = if own.is_empty() { version } else { version.map(|_| own.to_owned()) };
    Ok((name.to_owned(), version))
}
