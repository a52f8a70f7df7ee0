//! Red Hat's own file for one CVE, as its security data service gives it.
//!
//! Packages of module streams and of container images are notes: their versions are no RPM's of the platform.

use super::{
    ImportError,
    draft::{Collector, Draft, Notes, Row, checked_id, checked_name, time_of, unknown},
    platform::{self, Nevra},
    read::{Node, Wrong, one_line, shown},
    settle::version_fault,
};
use crate::model::disclosure::{Affected, RowStatus};

pub(super) fn read<'a>(doc: &Node<'a>, into: &mut Collector<'a>) -> Result<(), ImportError> {
    let name = match doc.get("name")? {
        Some(name) => name,
        None => doc.need("CVE")?,
    };
    let id = checked_id(&name)?;
    let (released, states) = (doc.get("affected_release")?, doc.get("package_state")?);
    if released.is_none() && states.is_none() {
        return Err(doc.wrong("neither `affected_release` nor `package_state` is there").into());
    }
    let mut draft = head(doc, id, &mut into.notes)?;
    for entry in released.map(|list| list.list()).transpose()?.into_iter().flatten() {
        take(&entry, &mut draft, &mut into.notes, |notes| release(&entry, id, notes));
        into.fits(draft.rows.len())?;
    }
    for entry in states.map(|list| list.list()).transpose()?.into_iter().flatten() {
        take(&entry, &mut draft, &mut into.notes, |_| state(&entry, id));
        into.fits(draft.rows.len())?;
    }
    if let Some(upstream) = into.notes.keep(doc.text_of("upstream_fix")) {
        let message = format!("upstream_fix says `{}`; left out: it names no ranges", shown(upstream));
        into.notes.add(&doc.at, &message);
    }
    into.push(&draft, &[id.to_owned()])
}

fn head<'a>(doc: &Node<'a>, id: &str, notes: &mut Notes) -> Result<Draft<'a>, ImportError> {
    let public = time_of(doc, "public_date")?.ok_or_else(|| doc.wrong("`public_date` is missing"))?;
    let bugzilla = notes.keep(doc.get("bugzilla"));
    let described = bugzilla.as_ref().and_then(|bug| notes.keep(bug.text_of("description")));
    let details = notes.keep(doc.list_of("details").map(|mut lines| lines.next()));
    let details = details.and_then(|line| notes.keep(line.text().map(Some)));
    let severity = notes.keep(doc.text_of("threat_severity"));
    let mut draft = Draft::new(id, &doc.at, public, described.or(details), severity);
    if let Some(url) = bugzilla.and_then(|bug| notes.keep(bug.text_of("url"))) {
        draft.link(url);
    }
    let references = notes.keep(doc.list_of("references").map(Some));
    for text in references.into_iter().flatten() {
        // One text with a link on each line.
        let lines = notes.keep(text.text().map(Some)).unwrap_or_default();
        lines.lines().for_each(|line| draft.link(line));
    }
    Ok(draft)
}

/// What an entry came to: a row, or why it is left out.
enum Entry {
    Row(Affected),
    Out(String),
}

fn take<'a>(
    entry: &Node<'a>,
    draft: &mut Draft<'a>,
    notes: &mut Notes,
    read: impl FnOnce(&mut Notes) -> Result<Entry, Wrong>,
) {
    match read(notes) {
        Ok(Entry::Row(said)) => draft.rows.push(Row::new(said, &entry.at)),
        Ok(Entry::Out(reason)) => notes.add(&entry.at, &format!("{reason}; left out")),
        Err(wrong) => notes.wrong(&wrong, "; the entry is left out"),
    }
}

/// The platform's ecosystem, or why there is none.
fn ecosystem(entry: &Node<'_>) -> Result<Result<String, String>, Wrong> {
    let cpe = entry.need_text("cpe")?;
    let product = entry.text_of("product_name")?;
    Ok(platform::of_cpe(cpe, product).ok_or_else(|| format!("the platform `{}` is not known", shown(cpe))))
}

fn release(entry: &Node<'_>, id: &str, notes: &mut Notes) -> Result<Entry, Wrong> {
    let ecosystem = match ecosystem(entry)? {
        Ok(ecosystem) => ecosystem,
        Err(reason) => return Ok(Entry::Out(reason)),
    };
    let Some(package) = entry.get("package")? else {
        return Ok(Entry::Out("no package is named".to_owned()));
    };
    let text = checked_name(&package)?;
    if text.contains('/') || text.contains(".module+") {
        return Ok(Entry::Out(format!("`{}` belongs to a module stream or a container image", shown(text))));
    }
    let Some(nevra) = Nevra::parse(text) else {
        let reason =
            format!("`{}` is no name-epoch:version-release of an RPM (a module stream?)", shown(text));
        return Ok(Entry::Out(reason));
    };
    let advisory = match entry.get("advisory")? {
        Some(advisory) => checked_id(&advisory)?,
        None => id,
    };
    let base = Affected::new(&ecosystem, nevra.name, advisory);
    let fixed = nevra.evr();
    if let Some(fault) = version_fault(base.scheme(), &fixed) {
        notes.add(&package.at, &format!("{fault}; {} of {ecosystem} is unknown", nevra.name));
        return Ok(Entry::Row(unknown(&base, &fault)));
    }
    let note = nevra.epoch.is_none().then(|| "the record writes no epoch: read as 0".to_owned());
    if note.is_some() {
        notes.add(&package.at, "no epoch is written: read as 0");
    }
    Ok(Entry::Row(Affected { fixed: Some(fixed), note, ..base }))
}

fn state(entry: &Node<'_>, id: &str) -> Result<Entry, Wrong> {
    let ecosystem = match ecosystem(entry)? {
        Ok(ecosystem) => ecosystem,
        Err(reason) => return Ok(Entry::Out(reason)),
    };
    let package = checked_name(&entry.need("package_name")?)?;
    if package.contains(['/', ':']) {
        return Ok(Entry::Out(format!(
            "`{}` belongs to a module stream or a container image",
            shown(package)
        )));
    }
    let base = Affected::new(&ecosystem, package, id);
    let said = entry.need_text("fix_state")?;
    let note = Some(format!("fix state: {}", one_line(said, 80)));
    let status = match said.to_ascii_lowercase().as_str() {
        "not affected" => RowStatus::NotAffected,
        "affected" | "fix deferred" | "will not fix" => RowStatus::Affected,
        // Also every state that Red Hat may yet invent.
        _ => RowStatus::Unknown,
    };
    Ok(Entry::Row(Affected { status, note, ..base }))
}
