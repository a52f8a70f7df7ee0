//! The way from inputs to [`Loaded`], and the digest by which an inventory is known again.

use std::{
    collections::{BTreeMap, HashMap},
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    Error,
    format::{self, TextFile},
    intake::Intake,
    live::Live,
    notices, secrets,
};
use crate::model::{
    ids::Sha256,
    loading::Loaded,
    secret::Secret,
    service::{Declared, Service},
    wrap::Wrap,
};

/// The largest file that is read, in bytes.
const FILE_LIMIT: u64 = 1 << 30;

/// Formats that hold secrets alone.
const SECRET_REPORTS: &[&str] = &["gitleaks", "trufflehog"];

/// What reads a file.
type Reader = fn(&TextFile<'_>, &mut Intake<'_>) -> Result<(), Error>;

/// How to load.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The format of every inventory input (`--format`); absent: by its content.
    pub format: Option<String>,
    /// Any bad row is an error (`--strict`).
    pub strict: bool,
    /// Ports of hosts and CIDRs without one (`--ports`); empty: 443.
    pub default_ports: Vec<u16>,
    /// More than 2^20 addresses are meant: a `--scope` was given. 2^24 services are the most in any case.
    pub allow_huge: bool,
    /// The wrap of rows that declare none (`--wrap`); absent: the port decides.
    pub wrap: Option<Wrap>,
    /// Ports of kinds of services, by every word for them, the usual one first; that one is taken for rows with a
    /// `service_type` and no port, where `default_ports` says nothing.
    pub type_ports: BTreeMap<String, Vec<u16>>,
    /// The inputs need not hold a service: a check of a file of secrets alone, or of a scan.
    pub partial: bool,
}

/// One input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A file.
    Path(PathBuf),
    /// A text that was read already, such as standard input.
    Text {
        /// What to call it in messages; `-` for standard input.
        name: String,
        /// Its bytes.
        text: Vec<u8>,
        /// Its format, where whoever made the text knows it; absent: by `--format` or its content.
        format: Option<&'static str>,
    },
    /// Something that is asked over the network, as it was written: `etcd://...`. It is [`live::fetch`]ed before
    /// it is loaded.
    Live(Live),
}

impl Input {
    /// What messages call it.
    pub(super) fn name(&self) -> Arc<str> {
        match self {
            Self::Path(path) => path.to_string_lossy().into(),
            Self::Text { name, .. } => name.as_str().into(),
            Self::Live(live) => live.to_string().into(),
        }
    }

    /// A text whose format is told by its content or by `--format`.
    pub fn text(name: impl Into<String>, text: impl Into<Vec<u8>>) -> Self {
        Self::Text { name: name.into(), text: text.into(), format: None }
    }

    /// Its format, where it is known beforehand.
    fn format(&self) -> Result<Option<&'static format::Format>, Error> {
        match self {
            Self::Text { format: Some(name), .. } => format::by_name(name).map(Some),
            _ => Ok(None),
        }
    }

    /// Lends its text without a byte order mark.
    pub(super) fn with_text<T>(&self, f: impl FnOnce(&TextFile<'_>) -> Result<T, Error>) -> Result<T, Error> {
        let name = self.name();
        let owned;
        let bytes = match self {
            Self::Live(_) => {
                let why = io::Error::other("it was not fetched");
                return Err(Error::Unreadable { file: name, source: why });
            }
            Self::Text { text, .. } => text,
            Self::Path(path) => {
                owned = read_file(path)
                    .map_err(|source| Error::Unreadable { file: Arc::clone(&name), source })?;
                &owned
            }
        };
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let folder = match self {
            Self::Path(path) => path.parent().map(Path::to_path_buf),
            Self::Text { .. } | Self::Live(_) => None,
        };
        let file = TextFile { name, text, folder };
        if text.starts_with(b"\xff\xfe") || text.starts_with(b"\xfe\xff") {
            return Err(file.refused(1, 1, "this is UTF-16; save the file as UTF-8".to_owned()));
        }
        f(&file)
    }
}

pub(super) fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let file = File::open(path)?;
    let size = file.metadata().map_or(0, |m| m.len().min(FILE_LIMIT));
    text.reserve(usize::try_from(size).unwrap_or(0) + 1);
    file.take(FILE_LIMIT + 1).read_to_end(&mut text)?;
    if text.len() as u64 > FILE_LIMIT {
        return Err(io::Error::other(format!("larger than {FILE_LIMIT} bytes; split it")));
    }
    Ok(text)
}

/// Loads inventories, and secrets files that were named as such. An inventory whose header shows a
/// secrets file is taken as one.
///
/// Bad rows are kept in the result and stop nothing, unless `strict` is set or every row of a file
/// is bad; then all of them, from all files, are in the error. Errors map to exit code 5.
pub fn load(inputs: &[Input], secrets: &[Input], options: &Options) -> Result<Loaded, Error> {
    let format = options.format.as_deref().map(format::by_name).transpose()?;
    let mut intake = Intake::new(options);
    let mut wholly_bad = None;
    for input in inputs {
        let file = input.with_text(|file| {
            let format = match (input.format()?, format) {
                (Some(own), _) => own,
                (None, Some(named)) => named,
                (None, None) => format::by_content(file)?,
            };
            (format.read)(file, &mut intake).map(|()| Arc::clone(&file.name))
        })?;
        check_file(&mut intake, file, &mut wholly_bad, true)?;
    }
    for input in secrets {
        let file = input.with_text(|file| {
            // Reports of scanners for secrets are told by their content; anything else is to be the CSV.
            let report = format::by_content(file).ok().filter(|f| SECRET_REPORTS.contains(&f.name));
            let read = report.map_or(secrets::read as Reader, |format| format.read);
            read(file, &mut intake).map(|()| Arc::clone(&file.name))
        })?;
        check_file(&mut intake, file, &mut wholly_bad, false)?;
    }
    let (mut loaded, index) = intake.finish();
    if let Some(file) = wholly_bad {
        return Err(Error::WhollyBad { file, bad: loaded.bad });
    }
    if options.strict && !loaded.bad.is_empty() {
        return Err(Error::Strict { bad: loaded.bad });
    }
    if loaded.services.is_empty() && !inputs.is_empty() && !options.partial {
        return Err(Error::NoService);
    }
    secrets::resolve(&mut loaded, &index);
    if options.partial && loaded.services.is_empty() {
        notices::secrets_alone(&mut loaded);
    }
    notices::add(&mut loaded, &index);
    Ok(loaded)
}

/// Looks at what one file gave: no row at all, or not one good row.
fn check_file(
    intake: &mut Intake<'_>,
    file: Arc<str>,
    wholly_bad: &mut Option<Arc<str>>,
    needs_rows: bool,
) -> Result<(), Error> {
    let (rows, bad, other) = intake.end_of_file();
    if rows == 0 && needs_rows && !other {
        return Err(Error::Empty { file });
    }
    if rows > 0 && rows == bad {
        wholly_bad.get_or_insert(file);
    }
    Ok(())
}

/// SHA-256 over an expanded inventory: equal for the same services and secrets in any order and from
/// any files, different as soon as anything that was declared differs. Implied secrets do not count.
pub fn digest(services: &[Service], secrets: &[Secret]) -> Sha256 {
    let mut declared = HashMap::new();
    let mut parts: Vec<Sha256> =
        services.iter().map(|service| digest_of_service(service, &mut declared)).collect();
    parts.extend(secrets.iter().filter(|secret| !secret.implied).map(digest_of_secret));
    parts.sort_unstable();
    let bytes: Vec<u8> = parts.iter().flat_map(|part| *part.bytes()).collect();
    Sha256::of(&bytes)
}

fn digest_of_service<'s>(
    service: &'s Service,
    known: &mut HashMap<*const Declared, (&'s Declared, Sha256)>,
) -> Sha256 {
    // Many services share one: the borrow held beside the digest keeps the pointer its own.
    let (_, declared) = known.entry(Arc::as_ptr(&service.declared)).or_insert_with(|| {
        let mut sorted = Declared::clone(&service.declared);
        sorted.tags.sort_unstable();
        (&service.declared, digest_of("declared", &sorted))
    });
    let mut addresses = service.addresses.to_vec();
    addresses.sort_unstable();
    let reached = (service.port, service.transport, service.wrap, service.wrap_declared, &service.sni);
    digest_of("service", &(&service.row_id, &service.name, addresses, reached, &*declared))
}

fn digest_of_secret(secret: &Secret) -> Sha256 {
    let (mut services, mut unresolved) = (secret.services.clone(), secret.unresolved.clone());
    services.sort_unstable();
    unresolved.sort_unstable();
    let about = (&secret.owner, &secret.location, &secret.issued_at, &secret.runbook);
    let known = (&secret.id, &secret.kind, services, unresolved, about);
    if secret.delivered_through.is_empty() && secret.checks.is_empty() {
        return digest_of("secret", &known);
    }
    let (mut channels, mut checks) = (secret.delivered_through.clone(), secret.checks.clone());
    channels.sort_unstable();
    checks.sort_unstable();
    digest_of("secret", &(known, channels, checks))
}

/// JSON is the canonical form: every field is delimited, so no two values run into one another.
fn digest_of(what: &str, value: &impl serde::Serialize) -> Sha256 {
    Sha256::of(&serde_json::to_vec(&(what, value)).unwrap_or_default())
}
