//! `allclear waive`: accept a service as it is, with a reason and an end.

use clap::Args;

use super::{Console, Globals, attest::say, verify::WhichArgs};
use crate::{
    clock::Clock,
    error::{Error, Exit},
    model::{claim::Statement, facet::FacetKind, time::Timestamp},
    pipeline::claims::{self, Word},
};

/// Accept services as they are, with a reason and an end
///
/// A waiver never hides what the last look saw vulnerable, and ends by itself.
#[derive(Debug, Args)]
pub(crate) struct WaiveArgs {
    #[command(flatten)]
    which: WhichArgs,
    /// A secret by its id; repeatable
    #[arg(long, value_name = "ID", conflicts_with_all = ["service", "owner", "filter"])]
    secret: Vec<String>,
    /// Only this facet: patched, restarted, rekeyed, revoked, secrets
    #[arg(long, value_name = "FACET", value_parser = words!(FacetKind), hide_possible_values = true, conflicts_with = "secret")]
    facet: Option<FacetKind>,
    /// When the waiver ends: RFC 3339, or a date (that day included, in UTC)
    #[arg(long, value_name = "TIME", value_parser = parse_until)]
    until: Timestamp,
    /// Why it is accepted
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// A ticket or document that bears it out
    #[arg(long, value_name = "TEXT")]
    reference: Option<String>,
    /// Who accepts it
    #[arg(long, value_name = "NAME", env = "USER", hide_env_values = true)]
    by: String,
}

fn parse_until(text: &str) -> Result<Timestamp, String> {
    Timestamp::end_of(text).map_err(|e| e.to_string())
}

impl WaiveArgs {
    pub(super) fn run(&self, globals: &Globals, console: &mut Console) -> Result<Exit, Error> {
        let clock = Clock::System;
        if self.until <= clock.now() {
            return Err(Error::Usage(format!("--until {} is not in the future", self.until)));
        }
        if self.reason.trim().is_empty() {
            return Err(Error::Usage("--reason must say why".to_owned()));
        }
        let word = Word {
            selection: self.which.selection(),
            secrets: self.secret.clone(),
            statement: Statement::Waive { facet: self.facet, until: self.until },
            by: self.by.clone(),
            done_at: None,
            reference: self.reference.clone(),
            note: Some(self.reason.clone()),
            through: Vec::new(),
        };
        let claims = claims::record(&globals.incident, &word, &globals.choice()?, &clock)?;
        say(&claims, globals, console)?;
        Ok(Exit::Done)
    }
}
