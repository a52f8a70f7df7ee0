//! The catalogue as an incident has it: the built-in disclosures and those that were taken in from files.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    clock::Clock,
    disclosure::{
        self, Added, Catalogue,
        check::{self, Fault},
        import::{self, ImportError},
    },
    error::Error,
    model::{
        disclosure::{Disclosure, ProbeKind, TakenIn},
        host::Package,
    },
    store::{Reader, Store},
};

pub use crate::disclosure::{import::Format, write};

/// The catalogue with what an incident file took in; the built-in one alone where there is no such file.
pub fn of(incident: &Path) -> Result<Catalogue, Error> {
    if !incident.exists() {
        return Ok(Catalogue::built_in()?);
    }
    of_reader(&Reader::open(incident)?)
}

/// The same from an open incident file.
pub(super) fn of_reader(reader: &Reader) -> Result<Catalogue, Error> {
    let mut catalogue = Catalogue::built_in()?;
    for taken in reader.disclosures()? {
        catalogue.add(taken.disclosure);
    }
    Ok(catalogue)
}

/// The disclosure that was asked for, else the one that the incident began with, else the first of all.
pub(super) fn chosen(
    catalogue: &Catalogue,
    asked: Option<&str>,
    first: Option<&str>,
) -> Result<Arc<Disclosure>, Error> {
    Ok(catalogue.find(asked.or(first).unwrap_or("heartbleed"))?)
}

/// The packages that some disclosure is about.
pub(super) struct Packages(BTreeSet<String>);

impl Packages {
    pub(super) fn of(catalogue: &Catalogue) -> Self {
        let rows = catalogue.iter().flat_map(|d| &d.affected);
        Self(rows.map(|row| row.package.clone()).collect())
    }

    pub(super) fn holds(&self, package: &Package) -> bool {
        package.openssl || self.0.contains(&package.source) || self.0.contains(&package.name)
    }
}

/// One file that was taken in.
#[derive(Debug)]
pub struct TakenFile {
    /// The file as it was named.
    pub file: String,
    /// What it is.
    pub format: String,
    /// What became of each disclosure in it.
    pub added: Vec<Added>,
    /// The same disclosures as they were read.
    pub read: Vec<Disclosure>,
    /// What was left out or weakened, each with its place.
    pub notes: Vec<String>,
    /// Disclosures that the incident file held already, word for word.
    pub known: usize,
}

/// What an import came to.
#[derive(Debug, Default)]
pub struct Imported {
    /// The files that were read.
    pub taken: Vec<TakenFile>,
    /// Those that could not be: `file:place: why`.
    pub bad: Vec<String>,
}

/// How an import is done.
#[derive(Clone, Copy, Debug, Default)]
pub struct How {
    /// What the files are; absent: told by content.
    pub format: Option<Format>,
    /// Keep nothing: only say what would be taken.
    pub dry_run: bool,
    /// Keep nothing where any file is bad.
    pub strict: bool,
}

/// Takes records in: other people's formats, and our own TOML. The incident file is made where there is none.
pub fn import(incident: &Path, files: &[PathBuf], how: How, clock: &Clock) -> Result<Imported, Error> {
    let mut imported = Imported::default();
    let mut read = Vec::new();
    for file in files {
        let name = file.display().to_string();
        match text(file).and_then(|text| one(&text, &name, how.format)) {
            Ok(file) => read.push((name, file)),
            Err(faults) => imported.bad.extend(faults.into_iter().map(|fault| format!("{name}:{fault}"))),
        }
    }
    let refused = how.strict && !imported.bad.is_empty();
    let keep = !how.dry_run && !refused && read.iter().any(|(_, (_, records, _))| !records.is_empty());
    let mut store = if keep { Some(Store::create_or_open(incident, clock.now(), None)?) } else { None };
    let before = match &store {
        Some(store) => store.reader()?.disclosures()?,
        None if incident.exists() => Reader::open(incident)?.disclosures()?,
        None => Vec::new(),
    };
    let mut catalogue = Catalogue::built_in()?;
    let mut held: BTreeMap<String, Disclosure> = BTreeMap::new();
    for taken in before {
        held.insert(held_as(&taken.disclosure), taken.disclosure.clone());
        catalogue.add(taken.disclosure);
    }
    let mut new = Vec::new();
    for (file, (format, records, notes)) in read {
        let mut taken = TakenFile { file, format, added: Vec::new(), read: Vec::new(), notes, known: 0 };
        for record in records {
            let same = held.insert(held_as(&record), record.clone()).is_some_and(|before| before == record);
            taken.known += usize::from(same);
            taken.added.push(catalogue.add(record.clone()));
            if !same {
                new.push(TakenIn { at: clock.now(), disclosure: record.clone() });
            }
            taken.read.push(record);
        }
        imported.taken.push(taken);
    }
    if let Some(store) = &mut store {
        store.append_disclosures(&new)?;
    }
    Ok(imported)
}

/// Two records of one disclosure from two files stand side by side; the same file again says nothing new.
fn held_as(disclosure: &Disclosure) -> String {
    format!("{}\n{}", disclosure.id, disclosure.sources.join("\n"))
}

type Read = (String, Vec<Disclosure>, Vec<String>);

fn one(text: &[u8], name: &str, format: Option<Format>) -> Result<Read, Vec<String>> {
    let is_toml = Path::new(name).extension().is_some_and(|e| e.eq_ignore_ascii_case("toml"));
    if format.is_none() && is_toml {
        let words = std::str::from_utf8(text).map_err(|e| vec![format!(" not UTF-8: {e}")])?;
        let mut record =
            check::check(words).map_err(|faults| faults.iter().map(Fault::to_string).collect::<Vec<_>>())?;
        let digest = crate::model::ids::Sha256::of(text);
        record.sources.push(format!("toml {name} {digest}"));
        return Ok(("toml".to_owned(), vec![record], Vec::new()));
    }
    let imported = import::import(text, name, format).map_err(|error| match error {
        ImportError::NotJson { line, column, message } => vec![format!("{line}:{column}: {message}")],
        other => vec![format!(" {other}")],
    })?;
    Ok((imported.format.to_string(), imported.records, imported.notes))
}

/// The longest file that is read.
const MAX: u64 = 64 << 20;

fn text(file: &Path) -> Result<Vec<u8>, Vec<String>> {
    use std::io::Read as _;
    let mut text = Vec::new();
    let read = if file == Path::new("-") {
        std::io::stdin().lock().take(MAX + 1).read_to_end(&mut text)
    } else {
        std::fs::File::open(file).and_then(|f| f.take(MAX + 1).read_to_end(&mut text))
    };
    read.map_err(|e| vec![format!(" {e}")])?;
    if text.len() as u64 > MAX {
        return Err(vec![format!(" longer than {MAX} bytes")]);
    }
    Ok(text)
}

/// A file that was checked, and what is wrong with it.
#[derive(Debug)]
pub struct Checked {
    /// The file.
    pub file: String,
    /// The disclosure, where nothing is wrong.
    pub disclosure: Option<Disclosure>,
    /// `line:column: message`.
    pub faults: Vec<String>,
}

/// Our own format alone is checked; what another one is worth shows when it is read.
fn toml_alone(words: String) -> Result<String, Vec<String>> {
    if words.trim_start().starts_with(['{', '[']) && serde_json::from_str::<serde_json::Value>(&words).is_ok()
    {
        let why = " this is JSON and no catalogue file: try `allclear disclosure import --dry-run`";
        return Err(vec![why.to_owned()]);
    }
    Ok(words)
}

/// What a disclosure of the embedded catalogue leaves unsaid of a probe that is built in.
fn unsaid(disclosure: &Disclosure) -> Vec<String> {
    let probe = &disclosure.probe;
    let texts = [("probe.proves", &probe.proves), ("probe.cannot", &probe.cannot)];
    let missing = texts.iter().filter(|(_, text)| probe.kind == ProbeKind::BuiltIn && text.is_empty());
    missing.map(|(key, _)| format!(" the probe is built in, and {key} does not say")).collect()
}

/// Checks catalogue files; without any, the built-in ones.
pub fn check(files: &[PathBuf]) -> Vec<Checked> {
    let built_in = disclosure::FILES.iter().filter(|_| files.is_empty());
    let embedded = files.is_empty();
    let built_in =
        built_in.map(|(name, words)| (format!("disclosures/{name}.toml"), Ok((*words).to_owned())));
    let named = files.iter().map(|file| {
        let words =
            text(file).and_then(|t| String::from_utf8(t).map_err(|e| vec![format!(" not UTF-8: {e}")]));
        (file.display().to_string(), words)
    });
    built_in
        .chain(named)
        .map(|(file, words)| match words.and_then(toml_alone).map(|words| check::check(&words)) {
            Ok(Ok(disclosure)) => {
                let faults = if embedded { unsaid(&disclosure) } else { Vec::new() };
                Checked { file, disclosure: Some(disclosure).filter(|_| faults.is_empty()), faults }
            }
            Ok(Err(faults)) => {
                Checked { file, disclosure: None, faults: faults.iter().map(Fault::to_string).collect() }
            }
            Err(faults) => Checked { file, disclosure: None, faults },
        })
        .collect()
}
