//! `allclear checklist`: what has to be done, in order, for one owner or everyone.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{Console, Globals};
use crate::{
    clock::Clock,
    error::{Error, Exit},
    pipeline::{judged, papers},
};

/// The rotation checklist: what, in which order, why, and how it is proved
#[derive(Debug, Args)]
pub(crate) struct ChecklistArgs {
    /// Only this owner's lines
    #[arg(long, value_name = "OWNER")]
    owner: Option<String>,
    /// Only lines about this service: row id, name, address or name:port
    #[arg(long, value_name = "SERVICE", conflicts_with = "owner")]
    service: Option<String>,
    /// How it is laid out
    #[arg(long, default_value = "md", value_name = "FORMAT")]
    format: Format,
    /// A handlebars template of your own instead of the built-in one
    #[arg(long, value_name = "FILE")]
    template: Option<PathBuf>,
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Md,
    Html,
}

impl ChecklistArgs {
    pub(super) fn run(&self, globals: &Globals, console: &mut Console) -> Result<Exit, Error> {
        let judged = judged::load(&globals.incident, &globals.choice()?, Clock::System.now())?;
        let template = match &self.template {
            None => None,
            Some(path) => Some(
                std::fs::read_to_string(path)
                    .map_err(|e| Error::Input(format!("cannot read the template {}: {e}", path.display())))?,
            ),
        };
        let which = papers::Which { owner: self.owner.as_deref(), service: self.service.as_deref() };
        let kind = match self.format {
            Format::Md => papers::Layout::Markdown,
            Format::Html => papers::Layout::Html,
        };
        let text = papers::checklist(&judged, which, kind, template.as_deref())?;
        match &self.output {
            None => console.out.write_all(text.as_bytes()).map_err(Error::stdout)?,
            Some(path) => {
                papers::write_file(path, text.as_bytes())?;
                console.note(&format!("wrote {}", path.display()));
            }
        }
        Ok(Exit::Done)
    }
}
