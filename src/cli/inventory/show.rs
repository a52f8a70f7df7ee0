//! `allclear inventory list` and `allclear inventory check`. The first contacts nothing but live sources that are named;
//! the second name servers too, with `--dns`.

use clap::Args;

use super::{
    super::{Console, Globals},
    files::{Files, How, Resolvers, ask_dns, policy, report_faults},
};
use crate::{
    error::{Error, Exit},
    pipeline::classify,
    report::{self, classified::Question},
};

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    files: Files,
    /// One JSON object a service
    #[arg(long)]
    jsonl: bool,
    /// By one of the questions of a response, with the reason of each answer, the unknown first
    #[arg(long, value_name = "QUESTION", value_parser = words!(Question), conflicts_with = "jsonl")]
    by: Option<Question>,
    #[command(flatten)]
    resolvers: Resolvers,
}

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    files: Files,
    /// Also print every fault as an annotation that GitHub shows beside the line
    #[arg(long)]
    annotate: bool,
    /// Look the names up as well: names that do not exist, resolvers that disagree, zones of one provider. Asks name
    /// servers and contacts nothing else
    #[arg(long)]
    dns: bool,
    #[command(flatten)]
    resolvers: Resolvers,
}

impl ListArgs {
    pub(super) fn run(&self, globals: &Globals, console: &mut Console) -> Result<Exit, Error> {
        let answered = self.answered(globals, console)?;
        let (services, classified) = (&answered.services, &answered.classified);
        if self.jsonl {
            let secrets = report::inventory::secrets_by_service(&answered.secrets);
            for (service, classified) in services.iter().zip(classified) {
                let line = report::inventory::list_jsonl(service, Some(classified), &secrets);
                writeln!(console.out, "{line}").map_err(Error::stdout)?;
            }
        } else if let Some(question) = self.by {
            let screen = console.screen(globals);
            report::classified::list(services, classified, question, &screen, &mut console.out)
                .map_err(Error::stdout)?;
        } else {
            report::inventory::list_table(services, &mut console.out).map_err(Error::stdout)?;
        }
        console.out.flush().map_err(Error::stdout)?;
        Ok(Exit::Done)
    }

    fn answered(&self, globals: &Globals, console: &mut Console) -> Result<classify::Answered, Error> {
        if self.files.inventories.is_empty() {
            return classify::of_incident(&globals.incident, &globals.choice()?);
        }
        let policy = policy(&self.files, globals)?;
        let mut loaded =
            self.files.load(&How { resolvers: &self.resolvers.resolver, ..How::under(&policy) })?;
        report_faults(&loaded, console);
        let asked = self.jsonl || self.by.is_some();
        let classified = if asked { classify::of_loaded(&loaded, &policy)? } else { Vec::new() };
        classify::fill(&mut loaded.services, &policy);
        Ok(classify::Answered { services: loaded.services, secrets: loaded.secrets, classified })
    }
}

impl CheckArgs {
    pub(super) fn run(&self, globals: &Globals, console: &mut Console) -> Result<Exit, Error> {
        if self.files.inventories.is_empty() {
            return Err(Error::Usage("name an inventory, or `-` for standard input".to_owned()));
        }
        let policy = policy(&self.files, globals)?;
        let resolvers = &self.resolvers.resolver;
        let how = How { partial: true, resolvers, ..How::under(&policy) };
        let mut loaded = match self.files.load(&how) {
            Ok(loaded) => loaded,
            Err(error) => {
                if self.annotate {
                    annotate_error(&error, console).map_err(Error::stdout)?;
                }
                self.tell_others(&error, &how, console)?;
                return Err(error);
            }
        };
        if self.dns {
            ask_dns(&mut loaded, resolvers, console)?;
        }
        if self.annotate {
            report::inventory::annotations(&loaded, &mut console.out).map_err(Error::stdout)?;
        }
        let questions = report::classified::summary(&classify::counts(&loaded, &policy)?);
        classify::fill(&mut loaded.services, &policy);
        report::inventory::check_text(&loaded, &questions, &mut console.out).map_err(Error::stdout)?;
        Ok(if loaded.faults() > 0 { Exit::BadInput } else { Exit::Done })
    }
}

impl CheckArgs {
    /// What is wrong with the other files, where one is refused: who corrects them wants to know it all at once.
    fn tell_others(&self, told: &Error, how: &How<'_>, console: &mut Console) -> Result<(), Error> {
        let told = told.to_string();
        let files = self.files.inventories.iter().filter(|path| path.is_file());
        for path in files.filter(|_| self.files.inventories.len() > 1) {
            let alone = Files { inventories: vec![path.clone()], secrets: Vec::new(), ..self.files.clone() };
            let Err(error) = alone.load(how) else { continue };
            if error.to_string() == told {
                continue;
            }
            if self.annotate {
                annotate_error(&error, console).map_err(Error::stdout)?;
            }
            console.warn(&error.to_string());
        }
        Ok(())
    }
}

/// A file that is refused, or in which every row is bad, is shown beside its lines too.
fn annotate_error(error: &Error, console: &mut Console) -> std::io::Result<()> {
    let out = &mut console.out;
    match error {
        Error::Inventory(error) if !error.bad_rows().is_empty() => {
            report::inventory::bad_row_annotations(error.bad_rows(), out)?;
        }
        Error::Inventory(error) => {
            let (file, at, message) = error.place();
            report::inventory::annotation(true, file.map(|file| (file, at)), &message, out)?;
        }
        other => report::inventory::annotation(true, None, &other.to_string(), out)?,
    }
    out.flush()
}
