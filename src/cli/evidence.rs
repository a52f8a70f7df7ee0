//! `allclear evidence`: the proof that leaves the machine, is checked, and comes in from another.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::{Console, Globals, command_line};
use crate::{
    clock::Clock,
    error::{Error, Exit},
    model::{ids::Sha256, text::printable},
    pipeline::{
        bundle::{self, Ask, How, Manifest, Opened, PublicKey, SigningKey},
        merge, papers,
    },
};

/// The evidence as one file: for an auditor, or to merge what another vantage saw
///
/// Examples:
///   allclear evidence keygen response.key                      once; keep it, publish response.key.pub
///   allclear evidence export --sign response.key -o incident.allclear
///   allclear evidence export --redact --sign response.key -o for-the-press.allclear
///   allclear evidence check incident.allclear --key response.key.pub
///   allclear report --from incident.allclear -o report.html    the same report, on any machine
///   allclear evidence check --head sha256:…                    does the incident file contain what was published?
///   allclear evidence import dmz.allclear --key dmz.key.pub    what the vantage in the DMZ saw
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct EvidenceArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Export(ExportArgs),
    Check(CheckArgs),
    Import(ImportArgs),
    Keygen(KeygenArgs),
}

/// Write a bundle: evidence, disclosures, policy, and the report that follows from them
#[derive(Debug, Args)]
struct ExportArgs {
    /// The bundle
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Sign it with this Ed25519 key (PKCS#8 in PEM, as keygen or `openssl genpkey -algorithm ed25519` makes it)
    #[arg(long, value_name = "KEYFILE")]
    sign: Option<PathBuf>,
    /// Hide names, addresses, keys and sentences, and leave the evidence itself out; the chain still checks
    #[arg(long)]
    redact: bool,
}

/// Check a bundle, or the incident file: signature, chain, and that judging again gives the same report
#[derive(Debug, Args)]
struct CheckArgs {
    /// The bundle; without one the incident file is checked
    #[arg(value_name = "BUNDLE")]
    bundle: Option<PathBuf>,
    /// The public key that must have signed it
    #[arg(long, value_name = "FILE", requires = "bundle")]
    key: Option<PathBuf>,
    /// A head of the chain that was published or kept: the evidence must still contain it
    #[arg(long, value_name = "SHA256")]
    head: Option<Sha256>,
}

/// Merge what another incident file saw, from its bundle; the same one twice changes nothing
#[derive(Debug, Args)]
struct ImportArgs {
    /// The bundles
    #[arg(value_name = "BUNDLE", required = true)]
    bundles: Vec<PathBuf>,
    /// The public key that must have signed them
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

/// Make an Ed25519 key: the private half in FILE, for you alone, and the public half in FILE.pub
#[derive(Debug, Args)]
struct KeygenArgs {
    /// The private key's file; it must not exist
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

impl EvidenceArgs {
    pub(super) fn run(&self, globals: &Globals, console: &mut Console) -> Result<Exit, Error> {
        match &self.command {
            Command::Export(args) => args.run(globals, console),
            Command::Check(args) => args.run(globals, console),
            Command::Import(args) => args.run(globals, console),
            Command::Keygen(args) => args.run(console),
        }
    }
}

impl ExportArgs {
    fn run(&self, globals: &Globals, console: &mut Console) -> Result<Exit, Error> {
        let inputs: Vec<&Path> =
            self.sign.as_deref().into_iter().chain([globals.incident.as_path()]).collect();
        papers::may_write(&self.output, &inputs)?;
        if std::fs::metadata(&self.output).is_ok_and(|there| !there.is_file()) {
            return Err(Error::Usage(format!(
                "{} is no regular file; a bundle needs one",
                self.output.display()
            )));
        }
        let key = self.sign.as_deref().map(SigningKey::read).transpose()?;
        let how = How { redact: self.redact, key: key.as_ref(), command_line: &command_line() };
        let now = Clock::System.now();
        let manifest = bundle::export(&globals.incident, &globals.choice()?, now, &self.output, &how)?;
        let lines = [
            format!("wrote {}: {}", self.output.display(), about(&manifest)),
            format!("head of the chain: {}", manifest.chain_head),
            key.as_ref().map_or_else(
                || {
                    "not signed: its digest shows accidents, and whoever can write the file can make another; --sign KEYFILE"
                        .to_owned()
                },
                |key| format!("signed by {}", key.public()),
            ),
        ];
        for line in lines {
            writeln!(console.out, "{}", printable(&line)).map_err(Error::stdout)?;
        }
        if !self.redact {
            console.note("It holds everything that the incident file holds: names, addresses, what is vulnerable. --redact hides them.");
        }
        Ok(Exit::Done)
    }
}

fn about(manifest: &Manifest) -> String {
    let what =
        if manifest.redacted { "names hidden, chain and report" } else { "evidence, rules and report" };
    format!(
        "{what} of {} rows, {} as of {} UTC, by {}",
        manifest.evidence_rows,
        manifest.disclosure,
        manifest.made_at.short(),
        manifest.tool
    )
}

impl CheckArgs {
    fn run(&self, globals: &Globals, console: &mut Console) -> Result<Exit, Error> {
        let Some(path) = &self.bundle else {
            let checked = bundle::check(&globals.incident, self.head)?;
            let found = checked.found_at.map_or_else(String::new, |row| {
                format!("; the head that you gave is row {row} of it, {} came since", checked.rows - row)
            });
            let line = format!(
                "{}: the chain holds over {} rows of evidence, head {}{found}",
                globals.incident.display(),
                checked.rows,
                checked.head
            );
            writeln!(console.out, "{}", printable(&line)).map_err(Error::stdout)?;
            if self.head.is_none() {
                console.note("Rows cut off at its end show only against a head that was kept: --head, or the one printed in a report.");
            }
            return Ok(Exit::Done);
        };
        let key = self.key.as_deref().map(PublicKey::read).transpose()?;
        let ask = Ask { key: key.as_ref(), head: self.head, ..Ask::default() };
        let opened = bundle::open(path, &ask)?;
        for line in words(&opened, key.is_some()) {
            writeln!(console.out, "{}", printable(&line)).map_err(Error::stdout)?;
        }
        match &opened.differs {
            None => Ok(Exit::Done),
            Some(differs) => {
                console.warn(&printable(&differs.words));
                Ok(if differs.same_version { Exit::Internal } else { Exit::Done })
            }
        }
    }
}

fn words(opened: &Opened, named: bool) -> Vec<String> {
    let manifest = &opened.manifest;
    let mut lines = vec![
        match &opened.signer {
            Some(_) => format!("unchanged since it was signed: {}", about(manifest)),
            None => format!("whole, as far as its own digest says: {}", about(manifest)),
        },
        match (&opened.signer, named) {
            (Some(key), true) => format!("signed by the key that you named, {key}"),
            (Some(key), false) => format!(
                "signed by {key}; whose key that is nobody can tell from the bundle: compare it with the published one, or --key FILE"
            ),
            (None, _) => "not signed: anybody may have made it".to_owned(),
        },
        format!("the chain holds over {} rows, head {}", manifest.evidence_rows, manifest.chain_head),
    ];
    if opened.unchecked > 0 {
        lines.push(format!(
            "{} of these rows are of an earlier form and cannot be checked without their bodies",
            opened.unchecked
        ));
    }
    lines.push(if manifest.redacted {
        "names are hidden, so the report in it cannot be judged again from the evidence".to_owned()
    } else if opened.differs.is_none() {
        "judged again from the evidence: the same report, byte for byte".to_owned()
    } else {
        "judged again from the evidence: ANOTHER report than the one in it".to_owned()
    });
    lines
}

impl ImportArgs {
    fn run(&self, globals: &Globals, console: &mut Console) -> Result<Exit, Error> {
        let key = self.key.as_deref().map(PublicKey::read).transpose()?;
        let ask = Ask { key: key.as_ref(), ..Ask::default() };
        for path in &self.bundles {
            let merged = merge::merge(&globals.incident, path, &ask, &Clock::System)?;
            let name = format!("{} (incident {})", path.display(), merged.incident);
            let line = if merged.is_empty() {
                format!("{name}: everything in it is here already")
            } else {
                let sweeps: Vec<String> =
                    merged.sweeps.iter().map(|(there, here)| format!("{there} is {here} here")).collect();
                let sweeps = if sweeps.is_empty() { "no new sweep".to_owned() } else { sweeps.join(", ") };
                format!(
                    "{name}: {} looks at {} services ({} new here), {} claims, {} documents of hosts, {} other rows; sweeps: {sweeps}",
                    merged.observations,
                    merged.known + merged.services,
                    merged.services,
                    merged.claims,
                    merged.hosts,
                    merged.others
                )
            };
            writeln!(console.out, "{}", printable(&line)).map_err(Error::stdout)?;
            for note in &merged.notes {
                console.note(&printable(note));
            }
        }
        Ok(Exit::Done)
    }
}

impl KeygenArgs {
    fn run(&self, console: &mut Console) -> Result<Exit, Error> {
        let public = bundle::generate(&self.file)?;
        let file = self.file.display();
        let line =
            format!("wrote {file} (keep it, and let nobody read it) and {file}.pub (publish it)\n{public}");
        writeln!(console.out, "{}", crate::model::text::printable_lines(&line)).map_err(Error::stdout)?;
        Ok(Exit::Done)
    }
}
