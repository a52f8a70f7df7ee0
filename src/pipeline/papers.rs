//! Files that leave the tool: exports and checklists, from the judged incident to bytes on disk.

use std::{
    collections::BTreeSet,
    io::Write,
    path::{Path, PathBuf},
};

use super::{judged::Judged, select::Selection};
use crate::{
    error::Error,
    model::{
        checklist::{Checklist, Line},
        ids::RowId,
        service::Service,
    },
    remediate,
    report::{self, Export, Filter, checklist::Context, csv::Dialect, meta::Written},
};

/// Whose checklist.
#[derive(Clone, Copy, Debug, Default)]
pub struct Which<'a> {
    /// Only this owner's.
    pub owner: Option<&'a str>,
    /// Only lines about this service.
    pub service: Option<&'a str>,
}

/// How a checklist is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Markdown.
    Markdown,
    /// One self-contained HTML page.
    Html,
}

/// The names of all exports.
pub fn kinds() -> impl Iterator<Item = &'static str> {
    report::EXPORTS.iter().map(|e| e.name)
}

/// Which export, and how it is written.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    export: &'static Export,
    dialect: Dialect,
}

impl Kind {
    /// An export by its name, as JSON where that is asked for.
    ///
    /// # Errors
    ///
    /// No such kind, or one that cannot be written in this way.
    pub fn new(name: &str, json: bool, dialect: Dialect) -> Result<Self, Error> {
        let found = if json { report::export_as_json(name) } else { report::export(name) };
        let export = match (found, report::export(name)) {
            (Some(export), _) => export,
            (None, Some(_)) => {
                return Err(Error::Usage(format!("`{name}` has no other form: --json is for defectdojo")));
            }
            (None, None) => return Err(Error::Usage(format!("`{name}` is not an export"))),
        };
        match export.refuses(dialect) {
            Some(why) => Err(Error::Usage(why)),
            None => Ok(Self { export, dialect: export.dialect(dialect) }),
        }
    }
}

/// A checklist as text.
pub fn checklist(
    judged: &Judged,
    which: Which<'_>,
    layout: Layout,
    template: Option<&str>,
) -> Result<String, Error> {
    let lines = judged.lines();
    let context = context(judged, which, &lines)?;
    let lists = lists(judged, which, lines)?;
    Ok(match layout {
        Layout::Markdown => report::checklist::markdown(&lists, &context, template)?,
        Layout::Html => report::checklist::html(&lists, &context, template)?,
    })
}

fn context(judged: &Judged, which: Which<'_>, lines: &[Line]) -> Result<Context, Error> {
    let (evidence, assessment) = (&judged.evidence, &judged.assessment);
    let mut nothing_owed = remediate::nothing_owed(evidence, assessment, lines);
    if let Some(owner) = which.owner {
        nothing_owed.retain(|n| n.owner.as_deref() == Some(owner));
    }
    if which.service.is_some() {
        let chosen: BTreeSet<&RowId> = chosen(judged, which)?.into_iter().map(|s| &s.row_id).collect();
        nothing_owed.retain(|n| chosen.contains(&n.row_id));
    }
    let d = &assessment.disclosure;
    Ok(Context {
        incident: evidence.incident.name.clone(),
        disclosure: d.id.to_string(),
        title: d.title.clone(),
        disclosed_at: d.disclosed_at,
        sweep: assessment.sweep,
        generated_at: assessment.now,
        policy: assessment.policy.summary(),
        chain_head: evidence.incident.chain_head.to_string(),
        first_words: d.first_words.clone(),
        preconditions: d.preconditions.clone(),
        rotate: d.rotate.steps.clone(),
        tool: format!("allclear {}", env!("CARGO_PKG_VERSION")),
        nothing_owed,
    })
}

/// The services that `which` names.
fn chosen<'a>(judged: &'a Judged, which: Which<'_>) -> Result<Vec<&'a Service>, Error> {
    let services = which.service.map(str::to_owned).into_iter().collect();
    let owners = which.owner.map(str::to_owned).into_iter().collect();
    let selection = Selection { services, owners, ..Selection::default() };
    selection.of(&judged.evidence.services, &|_| None)
}

/// Lines by owner, or of one owner or service.
fn lists(judged: &Judged, which: Which<'_>, mut lines: Vec<Line>) -> Result<Vec<Checklist>, Error> {
    if which.service.is_some() {
        let rows: BTreeSet<&RowId> = chosen(judged, which)?.into_iter().map(|s| &s.row_id).collect();
        lines.retain(|line| line.services.iter().any(|row| rows.contains(row)));
        return Ok(vec![Checklist { owner: None, lines }]);
    }
    if let Some(owner) = which.owner {
        chosen(judged, which)?;
        let mut lists = remediate::by_owner(lines);
        lists.retain(|l| l.owner.as_deref() == Some(owner));
        if lists.is_empty() {
            lists.push(Checklist { owner: Some(owner.to_owned()), lines: Vec::new() });
        }
        return Ok(lists);
    }
    Ok(remediate::by_owner(lines))
}

/// Writes one export; returns the number of its rows.
pub fn export(judged: &Judged, kind: Kind, out: &mut dyn Write) -> Result<u64, Error> {
    judged
        .view(&judged.changes(None), |view| (kind.export.write)(view, kind.dialect, out))
        .map_err(Error::stdout)
}

/// Writes one export to a file, and beside it `FILE.meta.json`: what was left out, what was covered.
pub fn export_file(judged: &Judged, kind: Kind, path: &Path) -> Result<(), Error> {
    let mut bytes = Vec::new();
    let rows = export(judged, kind, &mut bytes)?;
    write_file(path, &bytes)?;
    write_meta(judged, Filter::default(), kind, rows, path)
}

/// Writes one file an owner, each with its own `FILE.meta.json`; returns their paths.
pub fn export_by_owner(judged: &Judged, kind: Kind, path: &Path) -> Result<Vec<PathBuf>, Error> {
    let export = kind.export;
    let parts = judged
        .view(&judged.changes(None), |view| report::split::by_owner(export, view, kind.dialect))
        .map_err(|source| Error::Io { action: "write", path: path.to_path_buf(), source })?;
    let stem = path.file_stem().map_or_else(|| export.name.to_owned(), |s| s.to_string_lossy().into_owned());
    let ending = path
        .extension()
        .map_or_else(|| export.form.ending().to_owned(), |e| e.to_string_lossy().into_owned());
    let mut written = Vec::new();
    for part in parts {
        let file = path.with_file_name(format!("{stem}-{}.{ending}", part.slug));
        write_file(&file, &part.bytes)?;
        let filter = Filter { owner: Some(part.owner.clone().unwrap_or_default()), ..Filter::default() };
        write_meta(judged, filter, kind, part.rows, &file)?;
        written.push(file);
    }
    Ok(written)
}

fn write_meta(judged: &Judged, filter: Filter, kind: Kind, rows: u64, path: &Path) -> Result<(), Error> {
    let file = path.display().to_string();
    let mut bytes = Vec::new();
    judged
        .view(&[], |view| {
            let written = Written { export: kind.export, file: &file, rows, dialect: kind.dialect };
            report::meta::write(&view.filtered(filter), &written, &mut bytes)
        })
        .map_err(Error::stdout)?;
    write_file(&meta_path(path), &bytes)
}

fn meta_path(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".meta.json");
    path.with_file_name(name)
}

/// Writes a file whole: beside the target first, then renamed over it, so that a reader or a crash
/// never meets half of it.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let failed = |source| Error::Io { action: "write", path: path.to_path_buf(), source };
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".part-{}", std::process::id()));
    let part = path.with_file_name(name);
    let written = std::fs::write(&part, bytes).and_then(|()| std::fs::rename(&part, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&part); // what failed is reported below
    }
    written.map_err(failed)
}
