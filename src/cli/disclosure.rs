//! `allclear disclosure`: the catalogue, and what is taken into it.

use std::{path::PathBuf, sync::Arc};

use clap::{Args, Subcommand};

use super::{Console, Globals};
use crate::{
    clock::Clock,
    error::{Error, Exit},
    model::{disclosure::Disclosure, text::printable},
    pipeline::catalogue::{self, Format, How, write},
    report::disclosures,
};

/// The catalogue of disclosures: list, show, check, import
#[derive(Debug, Args)]
pub(crate) struct DisclosureArgs {
    #[command(subcommand)]
    command: Sub,
}

#[derive(Debug, Subcommand)]
enum Sub {
    List(ListArgs),
    Show(ShowArgs),
    Check(CheckArgs),
    Import(ImportArgs),
}

/// Every disclosure that is known, those taken into the incident file included
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only those with this word in an id, alias, title, package or in what they leak
    #[arg(value_name = "WORD")]
    word: Option<String>,
    /// One JSON object for each, one a line
    #[arg(long)]
    json: bool,
}

/// Everything about one disclosure: who is affected, what leaks, what to rotate, whose word it is
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// Its id or an alias, such as heartbleed
    #[arg(value_name = "NAME")]
    name: String,
    /// As one JSON object
    #[arg(long)]
    json: bool,
    /// As a catalogue file, to edit and take in again
    #[arg(long, conflicts_with = "json")]
    toml: bool,
}

/// Check catalogue files; without a file, the built-in ones. Any fault ends with exit code 5
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Files of our own format (TOML)
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// Take records in: OSV, CSAF 2.0 and VEX, Red Hat's CVE JSON, OpenVEX, or our own TOML
///
/// Examples:
///   allclear disclosure import USN-8847-1.json
///   allclear disclosure import cve-2026-84782.json --dry-run     what it would bring
///   allclear disclosure import our-own.toml                      see `disclosure show NAME --toml`
///
/// Records are kept in the incident file, beside the evidence. Rows of a package and release take the place of those
/// that the catalogue had. Everything that could not be used is told with its place in the document.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct ImportArgs {
    /// Files, or `-` for standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// What the files are, where it should not be told by content
    #[arg(long = "format", value_name = "NAME", value_parser = words!(Format))]
    format: Option<Format>,
    /// Keep nothing; print what was read as catalogue files
    #[arg(long)]
    dry_run: bool,
    /// Keep nothing where any file cannot be read (exit 5)
    #[arg(long)]
    strict: bool,
}

impl DisclosureArgs {
    pub(super) fn run(&self, globals: &Globals, console: &mut Console) -> Result<Exit, Error> {
        match &self.command {
            Sub::List(args) => args.run(globals, console),
            Sub::Show(args) => args.run(globals, console),
            Sub::Check(args) => args.run(console),
            Sub::Import(args) => args.run(globals, console),
        }
    }
}

impl ListArgs {
    fn run(&self, globals: &Globals, console: &mut Console) -> Result<Exit, Error> {
        let catalogue = catalogue::of(&globals.incident)?;
        let word = self.word.as_deref().unwrap_or_default().to_lowercase();
        let has = |text: &str| text.to_lowercase().contains(&word);
        let wanted: Vec<Arc<Disclosure>> = catalogue
            .iter()
            .filter(|d| {
                has(&d.id)
                    || has(&d.title)
                    || has(&d.leaks)
                    || d.aliases.iter().any(|a| has(a))
                    || d.affected.iter().any(|row| has(&row.package))
            })
            .cloned()
            .collect();
        let screen = console.screen(globals);
        let out = &mut console.out;
        if self.json {
            disclosures::list_json(&wanted, out).map_err(Error::stdout)?;
        } else if wanted.is_empty() {
            return Err(Error::Usage(format!("no disclosure has `{}` in it", printable(&word))));
        } else {
            disclosures::list(&wanted, &screen, out).map_err(Error::stdout)?;
        }
        Ok(Exit::Done)
    }
}

impl ShowArgs {
    fn run(&self, globals: &Globals, console: &mut Console) -> Result<Exit, Error> {
        let disclosure = catalogue::of(&globals.incident)?.find(&self.name)?;
        let screen = console.screen(globals);
        let out = &mut console.out;
        if self.toml {
            out.write_all(write(&disclosure).as_bytes()).map_err(Error::stdout)?;
        } else if self.json {
            disclosures::show_json(&disclosure, out).map_err(Error::stdout)?;
        } else {
            disclosures::show(&disclosure, &screen, out).map_err(Error::stdout)?;
        }
        Ok(Exit::Done)
    }
}

impl CheckArgs {
    fn run(&self, console: &mut Console) -> Result<Exit, Error> {
        let checked = catalogue::check(&self.files);
        let (mut faults, mut rows) = (0, 0);
        for file in &checked {
            for fault in &file.faults {
                let line = format!("{}:{fault}", file.file);
                writeln!(console.out, "{}", printable(&line)).map_err(Error::stdout)?;
            }
            faults += file.faults.len();
            rows += file.disclosure.as_ref().map_or(0, |d| d.affected.len());
        }
        let bad = checked.iter().filter(|file| !file.faults.is_empty()).count();
        let total = checked.len();
        if bad == 0 {
            writeln!(console.out, "{total} of {total} catalogue files are sound: {rows} rows.")
                .map_err(Error::stdout)?;
            return Ok(Exit::Done);
        }
        console.warn(&format!("Catalogue files with faults: {bad} of {total}; {faults} faults in all."));
        Ok(Exit::BadInput)
    }
}

impl ImportArgs {
    fn run(&self, globals: &Globals, console: &mut Console) -> Result<Exit, Error> {
        let how = How { format: self.format, dry_run: self.dry_run, strict: self.strict };
        let imported = catalogue::import(&globals.incident, &self.files, how, &Clock::System)?;
        for bad in &imported.bad {
            console.warn(&printable(bad));
        }
        let refused = self.strict && !imported.bad.is_empty();
        for file in &imported.taken {
            for note in &file.notes {
                console.warn(&printable(&format!("{}: {note}", file.file)));
            }
            if self.dry_run {
                for record in &file.read {
                    console.out.write_all(write(record).as_bytes()).map_err(Error::stdout)?;
                }
            }
            for added in file.added.iter().filter(|_| !refused) {
                console.note(&printable(&format!("{} ({}): {added}", file.file, file.format)));
            }
            for change in file.added.iter().filter(|_| !refused).flat_map(|added| &added.changes) {
                console.warn(&printable(&format!("{}: changed: {change}", file.file)));
            }
            if file.known > 0 {
                let text = format!("{}: {} of its disclosures known already", file.file, file.known);
                console.note(&printable(&text));
            }
        }
        if refused || imported.taken.iter().all(|file| file.read.is_empty()) {
            console.warn("Nothing was taken in.");
            return Ok(Exit::BadInput);
        }
        let first = imported.taken.iter().flat_map(|file| &file.added).next();
        if let Some(added) = first.filter(|_| !self.dry_run) {
            let command = console.screen(globals).command(&format!("assess --disclosure {}", added.id));
            console.note(&format!("Kept in {}. Where do we run it? {command}", globals.incident.display()));
        }
        Ok(Exit::Done)
    }
}
