//! The proof: an incident as one file, checked and judged again from it on another machine.
//!
//! What goes in: the records of the incident file, the disclosures and the policy by which it was judged, the moment, and
//! the report as it came out. What comes out is judged from these alone and held against that report. With names
//! hidden there is nothing to judge again: the chain is checked by its commitments, and the report is the one that
//! travelled.

use std::{io, path::Path};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    dashboard,
    judged::{self, Choice, Judged},
};
use crate::{
    bundle::{self, Bundle, Payload, Writer},
    error::Error,
    model::{disclosure::Disclosure, ids::Sha256, policy::Policy, time::Timestamp},
    report::dashboard::{Dashboard, redacted},
    store::{self, CoveredChain, Reader, Record},
};

pub use crate::bundle::{Manifest, PublicKey, SigningKey, generate};

/// This program and its version.
const TOOL: &str = concat!("allclear ", env!("CARGO_PKG_VERSION"));

/// One line of the payload.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Line {
    /// How it was judged.
    Judged(Box<Rules>),
    /// The report as it came out.
    Report(Box<RawValue>),
    /// A record of the incident file.
    Record(Record),
}

/// By which rules, and when.
#[derive(Serialize, Deserialize)]
struct Rules {
    at: Timestamp,
    disclosure: String,
    policy: Policy,
    disclosures: Vec<Disclosure>,
}

/// How a bundle is made.
#[derive(Debug)]
pub struct How<'a> {
    /// Whether names are hidden.
    pub redact: bool,
    /// The key that signs it.
    pub key: Option<&'a SigningKey>,
    /// The command as it was typed.
    pub command_line: &'a str,
}

/// Writes the bundle of an incident as it is judged at `now`.
pub fn export(
    incident: &Path,
    choice: &Choice,
    now: Timestamp,
    target: &Path,
    how: &How<'_>,
) -> Result<Manifest, Error> {
    let judged = judged::load(incident, choice, now)?;
    let reader = Reader::open(incident)?;
    let mut report = dashboard::of(&judged, None)?;
    if how.redact {
        report = redacted(&report, &reader.pseudonym_key()?);
    }
    let mut writer = Writer::create(target)?;
    let failed = |source| Error::Io { action: "write", path: target.to_path_buf(), source };
    if !how.redact {
        line(&mut writer, &Line::Judged(Box::new(rules(&judged, &reader)?))).map_err(failed)?;
    }
    line(&mut writer, &Line::Report(raw(&report).map_err(failed)?)).map_err(failed)?;
    reader.for_each_record(how.redact, |record| line(&mut writer, &Line::Record(record)))?.map_err(failed)?;
    // The file may have grown since it was judged; what is exported is what was judged, or nothing.
    if reader.incident()?.chain_head != judged.evidence.incident.chain_head {
        return Err(Error::Input(format!(
            "{} was written to while it was exported; run it again when the sweep is over",
            incident.display()
        )));
    }
    Ok(writer.finish(manifest(&judged, &report, how), how.key)?)
}

fn manifest(judged: &Judged, report: &Dashboard, how: &How<'_>) -> Manifest {
    let incident = &judged.evidence.incident;
    Manifest {
        schema: bundle::SCHEMA.to_owned(),
        tool: TOOL.to_owned(),
        made_at: judged.assessment.now,
        command_line: (!how.redact).then(|| how.command_line.to_owned()),
        incident: (!how.redact).then(|| incident.name.clone()),
        redacted: how.redact,
        disclosure: report.disclosure.id.clone(),
        rules: report.method.rules,
        chain_head: incident.chain_head,
        evidence_rows: incident.evidence_rows,
        payload: Payload { sha256: Sha256::of(b""), bytes: 0, expanded: 0, lines: 0 },
        public_key: None,
    }
}

fn rules(judged: &Judged, reader: &Reader) -> Result<Rules, Error> {
    let a = &judged.assessment;
    let catalogue = super::catalogue::of_reader(reader)?;
    let others = judged.evidence.incident.disclosures.iter().filter(|id| **id != *a.disclosure.id);
    let mut disclosures = vec![a.disclosure.clone()];
    for id in others {
        disclosures.push(Disclosure::clone(&*catalogue.find(id)?));
    }
    Ok(Rules { at: a.now, disclosure: a.disclosure.id.to_string(), policy: a.policy.clone(), disclosures })
}

fn raw(report: &Dashboard) -> io::Result<Box<RawValue>> {
    Ok(RawValue::from_string(serde_json::to_string(report)?)?)
}

fn line(writer: &mut Writer, line: &Line) -> io::Result<()> {
    writer.line(&serde_json::to_string(line)?)
}

/// A bundle that was opened, judged again where it can be, and held against the report in it.
#[derive(Debug)]
pub struct Opened {
    /// What it says of itself.
    pub manifest: Manifest,
    /// Who signed it.
    pub signer: Option<PublicKey>,
    /// The report: judged again from the evidence in it, or the one that travelled where names are hidden.
    pub report: Dashboard,
    /// Where judging again came to something else than the report in it: what a reader must know.
    pub differs: Option<Differs>,
    /// Rows of the chain whose hashes could not be checked for want of their bodies.
    pub unchecked: u64,
}

/// Judging again came to another report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Differs {
    /// Whether by the same version of the program: then something is wrong with the bundle or with us.
    pub same_version: bool,
    /// What a reader must know.
    pub words: String,
}

/// What is asked of a bundle.
#[derive(Debug, Default)]
pub struct Ask<'a> {
    /// The key that must have signed it.
    pub key: Option<&'a PublicKey>,
    /// A head of the chain that was published: the evidence must contain it.
    pub head: Option<Sha256>,
    /// Judge as of this time instead of the one at which it was made.
    pub at: Option<Timestamp>,
    /// Only this owner's services.
    pub owner: Option<&'a str>,
}

/// Opens a bundle.
///
/// # Errors
///
/// It is none, was changed, is signed by somebody else, does not contain the head, or its chain does not hold.
pub fn open(path: &Path, ask: &Ask<'_>) -> Result<Opened, Error> {
    let mut bundle = Bundle::open(path)?;
    if let Some(key) = ask.key {
        bundle.signed_by(key)?;
    }
    if bundle.manifest.redacted {
        return open_covered(path, &mut bundle, ask);
    }
    let folder = scratch()?;
    let file = folder.path().join("incident.db");
    let (rules, carried) = unpack(path, &mut bundle, &file)?;
    let reader = Reader::open(&file)?;
    if let Some(head) = ask.head
        && head != store::genesis()
        && reader.row_of(&head)?.is_none()
    {
        return Err(not_there(path, head));
    }
    let choice = Choice {
        disclosure: Some(rules.disclosure),
        policy: Some(rules.policy),
        disclosures: rules.disclosures,
    };
    let made_at = rules.at;
    let at = ask.at.unwrap_or(made_at);
    let judged = judged::load(&file, &choice, at).map_err(|error| edited(path, &error.to_string()))?;
    let incident = &judged.evidence.incident;
    let manifest = &bundle.manifest;
    if (incident.chain_head, incident.evidence_rows) != (manifest.chain_head, manifest.evidence_rows) {
        return Err(edited(path, "the head of its chain is another than it says"));
    }
    let same_tool = manifest.tool == TOOL;
    let said = [
        (manifest.made_at == made_at, "made_at"),
        (manifest.disclosure == *judged.assessment.disclosure.id, "disclosure"),
        (manifest.incident.as_ref() == Some(&incident.name), "incident"),
        (!same_tool || manifest.rules == dashboard::rules(&judged), "rules"),
    ];
    if let Some((_, what)) = said.iter().find(|(fits, _)| !fits) {
        return Err(edited(path, &format!("its manifest says another {what} than it carries")));
    }
    let whole = dashboard::of(&judged, None)?;
    let differs = if ask.at.is_none() { compare(&whole, &carried, &bundle.manifest) } else { None };
    let report = if ask.owner.is_some() { dashboard::of(&judged, ask.owner)? } else { whole };
    Ok(Opened { signer: bundle.signer, manifest: bundle.manifest, report, differs, unchecked: 0 })
}

/// A folder to unpack a bundle in, for nobody else; it goes when it is dropped.
pub(super) fn scratch() -> Result<tempfile::TempDir, Error> {
    let failed = |source| Error::Io { action: "create", path: std::env::temp_dir(), source };
    let only_us = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    tempfile::Builder::new().prefix("allclear-").permissions(only_us).tempdir().map_err(failed)
}

/// Makes an incident file of a bundle's records, for a merge; says who signed it.
pub(super) fn restore(path: &Path, ask: &Ask<'_>, file: &Path) -> Result<Option<PublicKey>, Error> {
    let mut bundle = Bundle::open(path)?;
    if let Some(key) = ask.key {
        bundle.signed_by(key)?;
    }
    if bundle.manifest.redacted {
        return Err(Error::Input(format!(
            "{}: names and evidence are left out of this bundle, so there is nothing to merge; it can be shown and checked",
            path.display()
        )));
    }
    unpack(path, &mut bundle, file)?;
    let known = Reader::open(file)?.incident()?;
    if (known.chain_head, known.evidence_rows) != (bundle.manifest.chain_head, bundle.manifest.evidence_rows)
    {
        return Err(edited(path, "the head of its chain is another than it says"));
    }
    Ok(bundle.signer)
}

fn edited(path: &Path, what: &str) -> Error {
    bundle::Error::Edited { path: path.to_path_buf(), what: what.to_owned() }.into()
}

fn not_there(path: &Path, head: Sha256) -> Error {
    edited(path, &format!("{head} is no head that its chain ever had: rows were cut off or replaced"))
}

/// Puts the records into an incident file, and returns how they were judged and what came of it.
fn unpack(path: &Path, bundle: &mut Bundle, file: &Path) -> Result<(Rules, Box<RawValue>), Error> {
    let bad = |what: &str| edited(path, what);
    let mut lines = bundle.lines()?.map(|text| {
        let text = text?;
        serde_json::from_str::<Line>(&text).map_err(|e| bad(&format!("a line cannot be read: {e}")))
    });
    let Some(Line::Judged(rules)) = lines.next().transpose()? else {
        return Err(bad("it does not begin with the rules by which it was judged"));
    };
    let Some(Line::Report(report)) = lines.next().transpose()? else {
        return Err(bad("the report is missing"));
    };
    let records = lines.map(|line| match line? {
        Line::Record(record) => Ok(record),
        Line::Judged(_) | Line::Report(_) => Err(bad("a second report")),
    });
    let restored: Result<(), Error> = store::restore(file, records);
    match restored {
        Err(Error::Store(fault @ (store::Error::Row { .. } | store::Error::Sqlite { .. }))) => {
            Err(bad(&fault.to_string().replace(&file.display().to_string(), "its evidence")))
        }
        Err(error) => Err(error),
        Ok(()) => Ok((*rules, report)),
    }
}

/// What to say where the same evidence came to another report.
fn compare(now: &Dashboard, carried: &RawValue, manifest: &Manifest) -> Option<Differs> {
    let same = serde_json::to_string(now).is_ok_and(|text| text == carried.get());
    if same {
        return None;
    }
    let same_version = manifest.tool == TOOL;
    let words = if same_version {
        "judging the evidence again gives another report than the one in the bundle".to_owned()
    } else {
        format!(
            "the bundle was made by {}, and {TOOL} judges its evidence in another way; this is what {TOOL} says",
            manifest.tool
        )
    };
    Some(Differs { same_version, words })
}

fn open_covered(path: &Path, bundle: &mut Bundle, ask: &Ask<'_>) -> Result<Opened, Error> {
    if ask.at.is_some() || ask.owner.is_some() {
        return Err(Error::Usage(
            "names and evidence are left out of this bundle: it shows one report, as of the time it was made"
                .to_owned(),
        ));
    }
    let bad = |what: &str| edited(path, what);
    let mut report: Option<Dashboard> = None;
    let mut chain = CoveredChain::default();
    let mut found = ask.head.is_none_or(|head| head == chain.head());
    for text in bundle.lines()? {
        let text = text?;
        let line =
            serde_json::from_str::<Line>(&text).map_err(|e| bad(&format!("a line cannot be read: {e}")))?;
        match line {
            Line::Report(carried) if report.is_none() => {
                let read = serde_json::from_str(carried.get());
                report = Some(read.map_err(|e| bad(&format!("the report cannot be read: {e}")))?);
            }
            Line::Record(record) => {
                chain.take(&record).map_err(|what| bad(&what))?;
                found |= ask.head == Some(chain.head());
            }
            Line::Judged(_) | Line::Report(_) => return Err(bad("a line that does not belong in it")),
        }
    }
    let report = report.ok_or_else(|| bad("the report is missing"))?;
    let manifest = bundle.manifest.clone();
    let heads = [chain.head(), report.method.chain_head].map(|head| head == manifest.chain_head);
    if heads != [true, true] || chain.rows() != manifest.evidence_rows || !report.redacted {
        return Err(bad("the head of its chain is another than it says"));
    }
    let said = (manifest.made_at, &manifest.disclosure, manifest.rules, manifest.tool.as_str());
    if said != (report.judged_at, &report.disclosure.id, report.method.rules, report.tool.as_str()) {
        return Err(bad("its manifest says something else than the report in it"));
    }
    if let Some(what) = report.contradiction() {
        return Err(bad(&format!("the report in it contradicts itself: {what}")));
    }
    if let Some(head) = ask.head.filter(|_| !found) {
        return Err(not_there(path, head));
    }
    Ok(Opened { signer: bundle.signer, manifest, report, differs: None, unchecked: chain.opaque() })
}

/// What a check of the incident file itself came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checked {
    /// Rows of evidence.
    pub rows: u64,
    /// The head of the chain.
    pub head: Sha256,
    /// The row that carries the head that was asked for.
    pub found_at: Option<u64>,
}

/// Checks the chain of an incident file, and that it contains a head that was published.
pub fn check(incident: &Path, head: Option<Sha256>) -> Result<Checked, Error> {
    let reader = Reader::open(incident)?;
    judged::sound_chain(&reader, incident)?;
    let known = reader.incident()?;
    let found_at = match head {
        None => None,
        Some(head) if head == store::genesis() => Some(0),
        Some(head) => match reader.row_of(&head)? {
            Some(row) => Some(row),
            None => {
                return Err(Error::Tampered {
                    path: incident.to_path_buf(),
                    what: format!("{head} is no head that its chain ever had: rows were cut off or replaced"),
                });
            }
        },
    };
    Ok(Checked { rows: known.evidence_rows, head: known.chain_head, found_at })
}
