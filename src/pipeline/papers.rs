//! Files that leave the tool: exports and checklists, from the judged incident to bytes on disk.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Read as _, Write},
    path::{Path, PathBuf},
};

use super::{judged::Judged, select::Selection};
use crate::{
    error::Error,
    model::{
        assessment::{KeyAssessment, KeyExposure},
        checklist::{Checklist, Line},
        ids::RowId,
        service::Service,
        text::printable,
    },
    remediate,
    report::{self, Export, Filter, checklist::Context, csv::Dialect, meta::Written},
};

pub use crate::report::checklist::Template;

/// Whose checklist.
#[derive(Clone, Copy, Debug, Default)]
pub struct Which<'a> {
    /// Only this owner's.
    pub owner: Option<&'a str>,
    /// Only lines about this service.
    pub service: Option<&'a str>,
    /// Only lines about whatever shares this key: `sha256:` and hex digits, or the first six or more of them.
    pub key: Option<&'a str>,
    /// Only this secret's line and those that it waits for.
    pub secret: Option<&'a str>,
}

/// The fewest hex digits that name a key.
const DIGITS: usize = 6;

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
    template: Option<Template<'_>>,
) -> Result<String, Error> {
    let lines = judged.lines();
    let mut context = context(judged, which, &lines)?;
    let (about, lists) = lists(judged, which, lines)?;
    context.about = about;
    Ok(match layout {
        Layout::Markdown => report::checklist::markdown(&lists, &context, template)?,
        Layout::Html => report::checklist::html(&lists, &context, template)?,
    })
}

/// The lines of a checklist as CSV; returns the number of rows. Without a choice each line once, whoever it is for.
pub fn checklist_csv(
    judged: &Judged,
    which: Which<'_>,
    dialect: Dialect,
    out: &mut dyn Write,
) -> Result<u64, Error> {
    let lines = judged.lines();
    let everything = which.owner.is_none() && which.key.is_none();
    let lines = if everything && which.service.is_none() && which.secret.is_none() {
        lines
    } else {
        lists(judged, which, lines)?.1.into_iter().flat_map(|list| list.lines).collect()
    };
    report::checklist::csv(&lines, dialect, out).map_err(Error::stdout)
}

fn context(judged: &Judged, which: Which<'_>, lines: &[Line]) -> Result<Context, Error> {
    let (evidence, assessment) = (&judged.evidence, &judged.assessment);
    let mut nothing_owed = remediate::nothing_owed(evidence, assessment, lines);
    if let Some(owner) = which.owner {
        nothing_owed.retain(|n| n.owner.as_deref() == Some(owner));
    }
    if which.key.is_some() || which.secret.is_some() {
        nothing_owed.clear(); // a key or a secret is asked about, no service
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
        about: String::new(),
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

/// Lines by owner, or of one owner, service, key or secret, and what a list of the last two is about.
fn lists(judged: &Judged, which: Which<'_>, lines: Vec<Line>) -> Result<(String, Vec<Checklist>), Error> {
    if let Some(asked) = which.key {
        let key = key(&judged.assessment.keys, asked)?;
        let rows: BTreeSet<&RowId> = key.endpoints.iter().map(|e| &e.row_id).collect();
        let about = about_key(judged, key, &rows);
        let lines = lines.into_iter().filter(|line| line.services.iter().any(|row| rows.contains(row)));
        return Ok((about, vec![Checklist { owner: None, lines: lines.collect() }]));
    }
    if let Some(id) = which.secret {
        let about = about_secret(judged, id)?;
        return Ok((about, vec![Checklist { owner: None, lines: with_blockers(lines, id) }]));
    }
    Ok((String::new(), lists_of_people(judged, which, lines)?))
}

/// The key that was asked for, by its digest or the beginning of it.
fn key<'a>(keys: &'a [KeyAssessment], asked: &str) -> Result<&'a KeyAssessment, Error> {
    let digits = asked.trim().to_ascii_lowercase();
    let digits = digits.strip_prefix("sha256:").unwrap_or(&digits);
    if digits.len() < DIGITS || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(Error::Usage(format!(
            "`{asked}` names no key: give sha256: and hex digits, or the first {DIGITS} or more of them, as `allclear export keys` prints them"
        )));
    }
    let hex = |k: &KeyAssessment| k.spki.to_string().trim_start_matches("sha256:").to_owned();
    let found: Vec<&KeyAssessment> = keys.iter().filter(|k| hex(k).starts_with(digits)).collect();
    match found.as_slice() {
        [key] => Ok(key),
        [] => Err(Error::Usage(format!(
            "no key that was seen begins with `{digits}`; `allclear export keys` lists them"
        ))),
        several => {
            let names: Vec<String> = several.iter().map(|k| k.spki.to_string()).collect();
            Err(Error::Usage(format!("`{digits}` begins several keys: {}", names.join(", "))))
        }
    }
}

fn about_key(judged: &Judged, key: &KeyAssessment, rows: &BTreeSet<&RowId>) -> String {
    let shared = judged.evidence.services.iter().filter(|s| rows.contains(&s.row_id));
    let names: Vec<String> = shared
        .map(|s| {
            let owner = s.owner().map_or_else(String::new, |o| format!(" ({})", tick(o)));
            format!("{}{owner}", tick(&s.display_port()))
        })
        .collect();
    let many = if names.len() == 1 { "service has" } else { "services have" };
    let exposed = match key.exposure {
        KeyExposure::Clean => "It was never in reach of the leak.",
        KeyExposure::Presumed => "It is presumed to have been in reach of the leak.",
        KeyExposure::Exposed => "It was in reach of the leak.",
    };
    format!(
        "Key {}. {} {many} served it: {}. {exposed}",
        tick(&key.spki.to_string()),
        names.len(),
        names.join(", ")
    )
}

fn about_secret(judged: &Judged, id: &str) -> Result<String, Error> {
    let secret = judged.evidence.secrets.iter().find(|s| s.id == id).ok_or_else(|| {
        Error::Usage(format!("no secret is called `{id}`; `allclear export secrets` lists them"))
    })?;
    let reach = judged.assessment.secrets.iter().find(|s| s.id == id);
    let held: Vec<String> = judged
        .evidence
        .services
        .iter()
        .filter(|s| secret.services.contains(&s.row_id))
        .map(|s| tick(&s.display_port()))
        .collect();
    let held = if held.is_empty() {
        "No known service held it.".to_owned()
    } else {
        format!("Held by {}.", held.join(", "))
    };
    let owed = if reach.is_some_and(|s| !s.in_reach) {
        " Nothing is owed: no service on its path was exposed or is presumed so."
    } else {
        " Its line stands below, with those that come before it."
    };
    Ok(format!("Secret {} ({}). {held}{owed}", tick(id), tick(&secret.kind)))
}

/// A name between backticks, which it cannot end.
fn tick(name: &str) -> String {
    format!("`{}`", printable(name).replace('`', "'"))
}

/// The lines about a secret, and all that come before them.
fn with_blockers(lines: Vec<Line>, id: &str) -> Vec<Line> {
    let places: BTreeMap<&str, usize> = lines.iter().map(|l| l.id.as_str()).zip(0..).collect();
    let mut todo: Vec<usize> =
        lines.iter().zip(0..).filter(|(l, _)| l.secret.as_deref() == Some(id)).map(|(_, i)| i).collect();
    let mut wanted: BTreeSet<usize> = BTreeSet::new();
    while let Some(at) = todo.pop() {
        if wanted.insert(at)
            && let Some(line) = lines.get(at)
        {
            todo.extend(line.blocked_by.iter().filter_map(|first| places.get(first.as_str()).copied()));
        }
    }
    lines.into_iter().zip(0..).filter(|(_, i)| wanted.contains(i)).map(|(line, _)| line).collect()
}

fn lists_of_people(judged: &Judged, which: Which<'_>, mut lines: Vec<Line>) -> Result<Vec<Checklist>, Error> {
    if which.service.is_some() {
        let rows: BTreeSet<&RowId> = chosen(judged, which)?.into_iter().map(|s| &s.row_id).collect();
        lines.retain(|line| line.services.iter().any(|row| rows.contains(row)));
        return Ok(vec![Checklist { owner: None, lines }]);
    }
    if let Some(owner) = which.owner {
        let mut lists = remediate::by_owner(lines);
        lists.retain(|l| l.owner.as_deref() == Some(owner));
        if lists.is_empty() {
            chosen(judged, which)?; // who owns secrets alone has lines and no service
        }
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

/// Whether a path may be written over: not what a command reads, and no database, which may be an incident file.
pub fn may_write(path: &Path, inputs: &[&Path]) -> Result<(), Error> {
    let refused = |what: &str| {
        Err(Error::Usage(format!("{} is {what}: it is not written over; name another file", path.display())))
    };
    if let Ok(there) = path.canonicalize()
        && inputs.iter().any(|input| input.canonicalize().is_ok_and(|input| input == there))
    {
        return refused("what this command reads");
    }
    let is_file = std::fs::metadata(path).is_ok_and(|there| there.is_file());
    let mut head = [0; 16];
    let read = |head: &mut [u8; 16]| std::fs::File::open(path)?.read_exact(head);
    if is_file && read(&mut head).is_ok() && head == *b"SQLite format 3\0" {
        return refused("a database, such as an incident file");
    }
    Ok(())
}

/// Writes a file whole: beside the target first, then renamed over it, so that a reader or a crash
/// never meets half of it.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let failed = |source| Error::Io { action: "write", path: path.to_path_buf(), source };
    may_write(path, &[])?;
    if std::fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        return std::fs::write(path, bytes).map_err(failed); // a device or a pipe is written to and stays what it is
    }
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".part-{}", std::process::id()));
    let part = path.with_file_name(name);
    let written = std::fs::write(&part, bytes).and_then(|()| std::fs::rename(&part, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&part); // what failed is reported below
    }
    written.map_err(failed)
}
