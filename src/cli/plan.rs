//! `allclear plan`: the order for the whole fleet, in waves, and the blast radius of its keys.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{Console, Globals};
use crate::{
    clock::Clock,
    error::{Error, Exit},
    pipeline::{judged, papers, planning},
    report::{plan::Only, style::Style},
};

/// The order for the whole fleet, in waves: what goes in parallel, what waits for whom, what each key reaches
#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// Only where this owner acts, with what that waits for from others
    #[arg(long, value_name = "OWNER")]
    owner: Option<String>,
    /// Only what concerns this service: row id, name, address or name:port
    #[arg(long, value_name = "SERVICE", conflicts_with = "owner")]
    service: Option<String>,
    /// The blast radius of one key, also of a clean one: the first hex digits of its SPKI SHA-256
    #[arg(long, value_name = "DIGITS", conflicts_with_all = ["owner", "service"])]
    key: Option<String>,
    /// How it is laid out
    #[arg(long, default_value = "text", value_name = "FORMAT")]
    format: Format,
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Md,
    Html,
    Json,
}

impl PlanArgs {
    pub(super) fn run(&self, globals: &Globals, console: &mut Console) -> Result<Exit, Error> {
        let judged = judged::load(&globals.incident, &globals.choice()?, Clock::System.now())?;
        let owner = self.owner.clone().map(Only::Owner);
        let service = self.service.clone().map(Only::Service);
        let only = owner.or(service).or_else(|| self.key.clone().map(Only::Key));
        let form = match self.format {
            Format::Text => planning::Form::Text,
            Format::Md => planning::Form::Markdown,
            Format::Html => planning::Form::Html,
            Format::Json => planning::Form::Json,
        };
        let mut screen = console.screen(globals);
        match &self.output {
            None => planning::write(&judged, only.as_ref(), form, &screen, &mut console.out)?,
            Some(path) => {
                screen.style = Style::default(); // a file is no terminal
                let mut bytes = Vec::new();
                planning::write(&judged, only.as_ref(), form, &screen, &mut bytes)?;
                papers::write_file(path, &bytes)?;
                console.note(&format!("wrote {}", path.display()));
            }
        }
        Ok(Exit::Done)
    }
}
