//! Host evidence: collected here or over ssh, taken in from files, kept in the incident file, judged.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fs,
    future::Future,
    io::{Read as _, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use rayon::prelude::*;

use crate::{
    assess::{self, BuildIds, Judge},
    clock::Clock,
    disclosure::Catalogue,
    error::Error,
    host::{collect, document, import, pack, ssh, state::Hosts},
    model::{
        disclosure::Disclosure,
        host::{
            Collector, Document, Failure, FailureCode, Header, HostEvidence, HostJudged, HostState, Look,
            Origin, Package,
        },
        service::Service,
        sweep::HostDocument,
        time::Timestamp,
    },
    pipeline::{catalogue, judged},
    store::{Reader, Store},
};

pub use crate::host::{
    collect::{Extent, Options},
    script,
    ssh::Options as SshOptions,
};

/// Collects this host, or a folder that holds one's files. Writes nothing anywhere.
pub fn here(options: &Options, clock: &Clock) -> collect::Collection {
    collect::run(options, clock)
}

/// Writes a collected document as JSON Lines.
pub fn write(collection: collect::Collection, out: &mut dyn Write) -> Result<(), Error> {
    document::write(collection.document, collection.ms, out).map(|_| ()).map_err(Error::stdout)
}

/// One text that was taken in.
#[derive(Clone, Debug)]
pub struct Taken {
    /// The host that it is about.
    pub host: String,
    /// What it is.
    pub origin: Origin,
    /// Where it came from.
    pub source: String,
    /// What it says.
    pub document: Document,
    /// Whether the incident file held the very same text already.
    pub known: bool,
}

/// What an import came to.
#[derive(Clone, Debug, Default)]
pub struct Imported {
    /// What was taken in.
    pub taken: Vec<Taken>,
    /// What could not be read at all: `file:line: why`.
    pub bad: Vec<String>,
}

/// A text to be taken in.
#[derive(Clone, Debug)]
pub struct Input {
    /// The file as it was named; `-` is standard input.
    pub name: String,
    /// Its content.
    pub text: Vec<u8>,
}

/// Reads files, all files of a folder, or standard input (`-`). Files that are compressed with gzip are
/// unpacked. What cannot be read at all is told in the second list.
pub fn inputs(paths: &[PathBuf]) -> (Vec<Input>, Vec<String>) {
    let (mut found, mut bad) = (Vec::new(), Vec::new());
    for path in paths {
        if path == Path::new("-") {
            let mut text = Vec::new();
            match std::io::stdin().lock().take(pack::MAX + 1).read_to_end(&mut text) {
                Ok(_) => found.push(Input { name: "-".to_owned(), text }),
                Err(e) => bad.push(format!("-: {e}")),
            }
            continue;
        }
        for file in files(path, &mut bad) {
            let name = file.display().to_string();
            match read(&file) {
                Ok(text) => found.push(Input { name, text }),
                Err(e) => bad.push(format!("{name}: {e}")),
            }
        }
    }
    (found, bad)
}

/// The file itself, or the files of a folder in order; what else is in it is told.
fn files(path: &Path, bad: &mut Vec<String>) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(path) else {
        return vec![path.to_path_buf()];
    };
    let mut all: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
    all.sort();
    let (files, others): (Vec<_>, Vec<_>) = all
        .into_iter()
        .partition(|p| p.is_file() && !p.file_name().is_some_and(|n| n.to_string_lossy().starts_with('.')));
    bad.extend(others.iter().map(|p| format!("{}: no plain file; name it to have it read", p.display())));
    files
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let text = crate::host::root::read_bounded(&mut fs::File::open(path)?, pack::MAX)?;
    let text = if text.starts_with(&[0x1f, 0x8b]) { pack::gunzip(&text)? } else { text };
    // The mark that some editors put in front.
    Ok(text.strip_prefix(b"\xef\xbb\xbf").map(<[u8]>::to_vec).unwrap_or(text))
}

/// What the hosts of texts are called.
#[derive(Clone, Copy, Debug)]
pub enum Name<'a> {
    /// As a document says; for a tool's output, which does not, as the file is called.
    Said,
    /// As the file is called.
    File,
    /// This; there can be one text only.
    Given(&'a str),
}

/// Takes texts in: documents, and the output of other tools. The incident file is made where there is none.
pub fn import(
    incident: &Path,
    inputs: &[Input],
    name: Name<'_>,
    format: Option<Origin>,
    strict: bool,
    clock: &Clock,
) -> Result<Imported, Error> {
    if matches!(name, Name::Given(_)) && inputs.len() > 1 {
        return Err(Error::Usage(format!("--host names one host, and there are {} files", inputs.len())));
    }
    let mut imported = Imported::default();
    let mut evidence = Vec::new();
    for input in inputs {
        match texts(input, name, format) {
            Ok(texts) => {
                for (name, origin, text) in texts {
                    evidence.push(packed(&name, origin, &input.name, clock.now(), text)?);
                }
            }
            Err(reason) => imported.bad.push(format!("{}:{reason}", input.name)),
        }
    }
    if evidence.is_empty() || (strict && !imported.bad.is_empty()) {
        return Ok(imported);
    }
    let mut store = Store::create_or_open(incident, clock.now(), None)?;
    // The newest text of each kind: one that was there before and came back says something new.
    let mut known = BTreeMap::new();
    store.reader()?.for_each_host(|e| {
        known.insert((e.host.to_lowercase(), e.origin), e.sha256);
    })?;
    let mut new = Vec::new();
    for piece in evidence {
        let before = known.insert((piece.host.to_lowercase(), piece.origin), piece.sha256);
        let is_known = before == Some(piece.sha256);
        imported.taken.push(Taken {
            host: piece.host.clone(),
            origin: piece.origin,
            source: piece.source.clone(),
            document: read_back(&piece)?,
            known: is_known,
        });
        if !is_known {
            new.push(piece);
        }
    }
    store.append_hosts(&new)?;
    Ok(imported)
}

fn read_back(evidence: &HostEvidence) -> Result<Document, Error> {
    crate::host::state::read(evidence).map_err(|e| Error::Internal(e.to_string()))
}

/// A host, what a text about it is, and the text.
type Text<'a> = (String, Origin, &'a [u8]);

/// The documents of a file, or the one text that it is: host, kind and bytes. The error begins with the line.
fn texts<'a>(input: &'a Input, name: Name<'_>, format: Option<Origin>) -> Result<Vec<Text<'a>>, String> {
    if input.text.len() as u64 > pack::MAX {
        return Err(format!("1: longer than {} bytes", pack::MAX));
    }
    // A header of any version: one that this build cannot read is refused by its number.
    let first = input.text.split(|b| *b == b'\n').find(|line| !line.trim_ascii().is_empty());
    let is_document = first.is_some_and(document::is_header).then_some(Origin::Document);
    let origin = format.or(is_document).or_else(|| import::detect(&input.text)).ok_or_else(|| {
        let known: Vec<&str> = Origin::ALL.iter().map(|o| o.as_str()).collect();
        format!("1: neither a host document nor the output of a known tool ({})", known.join(", "))
    })?;
    if origin != Origin::Document {
        let host = if let Name::Given(host) = name { host.to_owned() } else { stem(&input.name) };
        return Ok(vec![(host, origin, &input.text)]);
    }
    let parts = document::split(&input.text);
    if parts.len() > 1 && !matches!(name, Name::Said) {
        return Err(format!("1: it holds {} documents, which cannot all have one name", parts.len()));
    }
    parts
        .into_iter()
        .map(|text| {
            let document = document::read(text).map_err(|e| e.to_string().replacen("line ", "", 1))?;
            let host = match name {
                Name::Said => document.header.host,
                Name::File => stem(&input.name),
                Name::Given(host) => host.to_owned(),
            };
            Ok((host, Origin::Document, text))
        })
        .collect()
}

/// `web01` of `evidence/web01.dpkg.txt`: tools do not say which host they ran on.
fn stem(name: &str) -> String {
    let file =
        Path::new(name).file_name().map_or_else(|| name.to_owned(), |f| f.to_string_lossy().into_owned());
    let without =
        [".jsonl", ".json", ".txt", ".out", ".log", ".gz", ".dpkg", ".rpm", ".apk", ".lsof", ".needrestart"];
    let mut stem = file.as_str();
    while let Some(shorter) = without.iter().find_map(|end| stem.strip_suffix(end)).filter(|s| !s.is_empty())
    {
        stem = shorter;
    }
    stem.to_owned()
}

fn packed(
    host: &str,
    origin: Origin,
    source: &str,
    at: Timestamp,
    text: &[u8],
) -> Result<HostEvidence, Error> {
    pack::pack(host, origin, source, at, text).map_err(|e| Error::Input(format!("{source}: {e}")))
}

/// How one host ended that was asked over ssh.
#[derive(Debug)]
pub struct Asked {
    /// The host as it was named.
    pub host: String,
    /// Its text, as it was recorded; for one that failed a document that says so.
    pub text: Vec<u8>,
    /// The text, read.
    pub document: Document,
    /// What else has to be told.
    pub notes: Vec<String>,
    /// How long it took.
    pub seconds: f64,
}

/// The hosts of services, each once, in their order; the second list names those that must not be touched.
pub fn hosts_of(services: &[Service]) -> (Vec<String>, Vec<String>) {
    // One row that says fragile is enough for the whole host.
    let fragile: HashSet<String> =
        services.iter().filter(|s| s.declared.fragile == Some(true)).map(Service::display_name).collect();
    let mut seen = HashSet::new();
    let all = services.iter().map(Service::display_name).filter(|name| seen.insert(name.clone()));
    all.partition(|name| !fragile.contains(name))
}

/// The services that the incident file knows, and the hosts that it has evidence of.
pub fn known(incident: &Path) -> Result<(Vec<Service>, Vec<String>), Error> {
    let reader = Reader::open(incident)?;
    let mut hosts = BTreeSet::new();
    reader.for_each_host(|evidence| {
        hosts.insert(evidence.host);
    })?;
    Ok((reader.services()?, hosts.into_iter().collect()))
}

/// Collects hosts over ssh. Every host gives one text, whatever happens to it; `each` gets it once it is
/// safe in the incident file.
pub async fn over_ssh(
    incident: &Path,
    hosts: &[String],
    fragile: &[String],
    options: &SshOptions,
    clock: &Clock,
    stop: impl Future<Output = ()>,
    mut each: impl FnMut(Asked) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut store = Store::create_or_open(incident, clock.now(), None)?;
    let mut result = Ok(());
    let failed = tokio::sync::Notify::new();
    let mut take = |collected: ssh::Collected| {
        if result.is_ok() {
            result = keep(&mut store, collected, clock).and_then(&mut each);
        }
        if result.is_err() {
            // What cannot be kept is not asked for.
            failed.notify_one();
        }
    };
    let stop = async {
        tokio::select! {
            () = stop => {}
            () = failed.notified() => {}
        }
    };
    for host in fragile {
        take(ssh::Collected {
            host: host.clone(),
            outcome: Err(Failure {
                code: FailureCode::Skipped,
                message: "declared fragile: left alone".to_owned(),
            }),
            notes: Vec::new(),
            by: Collector::Binary,
            seconds: 0.0,
        });
    }
    ssh::collect(hosts, options, stop, &mut take).await;
    result
}

fn keep(store: &mut Store, collected: ssh::Collected, clock: &Clock) -> Result<Asked, Error> {
    let ssh::Collected { host, outcome, notes, by, seconds } = collected;
    let failure = match &outcome {
        Ok(text) => document::read(text).err().map(|e| Failure {
            code: FailureCode::NotRunnable,
            message: format!("what came back is no host document: {e}"),
        }),
        Err(failure) => Some(failure.clone()),
    };
    let text = match failure {
        None => outcome.unwrap_or_default(),
        Some(failure) => failed(&host, by, failure, clock.now())?,
    };
    let name = host.rsplit_once('@').map_or(host.as_str(), |(_, name)| name);
    let evidence = packed(name, Origin::Document, &format!("ssh {host}"), clock.now(), &text)?;
    store.append_hosts(std::slice::from_ref(&evidence))?;
    let document = read_back(&evidence)?;
    let mut notes = notes;
    let own_name = &document.header.host;
    if document.header.coverage.failed.is_none() && !own_name.eq_ignore_ascii_case(name) {
        notes.push(format!("calls itself {own_name}"));
    }
    Ok(Asked { host, text, document, notes, seconds })
}

/// The document of a host that gave none: its failure, so that no host is without a row.
fn failed(host: &str, by: Collector, failure: Failure, at: Timestamp) -> Result<Vec<u8>, Error> {
    let mut header = Header::named(host, at, by);
    header.coverage.failed = Some(failure);
    let mut text = Vec::new();
    document::write(Document::new(header), 0, &mut text).map_err(|e| Error::Internal(e.to_string()))?;
    Ok(text)
}

/// Hosts and what their copies mean for a disclosure.
#[derive(Debug)]
pub struct Judged {
    /// The disclosure.
    pub disclosure: Arc<Disclosure>,
    /// The hosts, by name.
    pub hosts: Vec<HostJudged>,
}

/// All that hosts gave, read.
#[derive(Debug, Default)]
pub struct Gathered {
    /// Every document, in the order it was recorded.
    pub documents: Vec<HostDocument>,
    /// The hosts as they stand, by name.
    pub states: Vec<HostState>,
}

/// Texts that are read at the same time.
const TOGETHER: usize = 64;

/// Reads every document of the incident file. Of packages only those stay that `keep` asks for: thousands of hosts
/// have millions of others.
pub(super) fn gather(
    reader: &Reader,
    incident: &Path,
    keep: impl Fn(&Package) -> bool + Sync,
) -> Result<Gathered, Error> {
    let mut gathered = Gathered::default();
    let mut hosts = Hosts::default();
    let mut waiting: Vec<HostEvidence> = Vec::with_capacity(TOGETHER);
    let mut broken = None;
    let mut read_all = |waiting: &mut Vec<HostEvidence>| {
        let documents: Vec<_> = waiting.par_iter().map(crate::host::state::read).collect();
        for (evidence, document) in waiting.drain(..).zip(documents) {
            let mut document = match document {
                Ok(document) => document,
                Err(error) => {
                    broken.get_or_insert(error.to_string());
                    continue;
                }
            };
            document.packages.retain(|p| keep(p));
            let document = Arc::new(document);
            gathered.documents.push(HostDocument {
                host: evidence.host.clone(),
                at: document.header.at.min(evidence.at),
                document: document.clone(),
            });
            hosts.take(&evidence, document);
        }
    };
    reader.for_each_host(|evidence| {
        waiting.push(evidence);
        if waiting.len() == TOGETHER {
            read_all(&mut waiting);
        }
    })?;
    read_all(&mut waiting);
    if let Some(what) = broken {
        return Err(Error::Tampered { path: incident.to_path_buf(), what });
    }
    gathered.states = hosts.into_states();
    Ok(gathered)
}

/// Reads all host evidence of the incident file and judges it. Contacts nothing.
pub fn judged(incident: &Path, disclosure: Option<&str>) -> Result<Judged, Error> {
    let reader = Reader::open(incident)?;
    judged::sound_chain(&reader, incident)?;
    let first = reader.incident()?.disclosures.first().cloned();
    let catalogue = catalogue::of_reader(&reader)?;
    let disclosure = catalogue::chosen(&catalogue, disclosure, first.as_deref())?;
    let gathered = gather(&reader, incident, |_| true)?;
    Ok(judge_all(&gathered.states, &assess::builds(&gathered.documents), disclosure))
}

/// The hosts of an incident that was read just now.
pub fn beside(judged: &judged::Judged) -> Judged {
    let disclosure = Arc::new(judged.assessment.disclosure.clone());
    judge_all(&judged.hosts, &assess::builds(&judged.evidence.hosts), disclosure)
}

/// Judges hosts as they stand. What older documents tell of builds helps to know the newer ones.
pub fn judge_all(states: &[HostState], builds: &BuildIds, disclosure: Arc<Disclosure>) -> Judged {
    let judge = Judge::new(&disclosure);
    let hosts = states
        .par_iter()
        .map(|state| HostJudged {
            assessed: state.looks().map(|look| judge.document(&look.document, builds)).collect(),
            state: state.clone(),
        })
        .collect();
    Judged { disclosure, hosts }
}

/// Judges one collected document, without an incident file.
pub fn judged_here(collection: collect::Collection, disclosure: Option<&str>) -> Result<Judged, Error> {
    let disclosure = catalogue::chosen(&Catalogue::built_in()?, disclosure, None)?;
    let document = Arc::new(document::complete(collection.document, collection.ms));
    let look =
        Look { at: document.header.at, origin: Origin::Document, source: "this host".to_owned(), document };
    let host = look.document.header.host.clone();
    let told = HostDocument { host: host.clone(), at: look.at, document: look.document.clone() };
    let state = HostState { host, latest: Some(look), failed: None, others: Vec::new() };
    Ok(judge_all(&[state], &assess::builds(&[told]), disclosure))
}
