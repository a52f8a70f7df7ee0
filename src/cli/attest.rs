//! `allclear attest`: a person's word for what a sweep cannot see.

use std::net::IpAddr;

use clap::Args;

use super::{Console, Globals, verify::WhichArgs};
use crate::{
    clock::Clock,
    error::{Error, Exit},
    model::{
        claim::{Claim, Justification, Statement, Subject},
        facet::FacetKind,
        secret::SecretState,
        text::printable,
        time::Timestamp,
    },
    pipeline::{
        claims::{self, Word},
        judged,
    },
};

/// Record a person's word for what a sweep cannot see: patched, revoked, secrets rotated
///
/// Examples:
///   allclear attest --service web01:443 --facet patched --reference CHG-110
///   allclear attest --secret turn-shared --state old-refused --reference CHG-113
///
/// With a reference it counts as E1, without as a bare claim (E0). What a later look sees is always
/// stronger: a claim that it contradicts is shown as contradicted.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["facet", "state", "not_affected", "decommissioned", "withdraw"]))]
pub(crate) struct AttestArgs {
    #[command(flatten)]
    which: WhichArgs,
    /// A secret by its id; repeatable
    #[arg(long, value_name = "ID", conflicts_with_all = ["service", "owner", "filter"])]
    secret: Vec<String>,
    /// The facet that is done: patched, restarted, rekeyed, revoked, secrets
    #[arg(long, value_name = "FACET", value_parser = words!(FacetKind), hide_possible_values = true, conflicts_with = "secret")]
    facet: Option<FacetKind>,
    /// How far the secret has come
    #[arg(long, value_name = "STATE", value_parser = words!(SecretState), requires = "secret")]
    state: Option<SecretState>,
    /// The service cannot have the hole, by one of the justifications of VEX
    #[arg(long, value_name = "JUSTIFICATION", value_parser = words!(Justification), conflicts_with = "secret")]
    not_affected: Option<Justification>,
    /// The service is gone: later sweeps must find it unreachable, or no longer be led to it
    #[arg(long, conflicts_with = "secret", requires = "reference")]
    decommissioned: bool,
    /// Only this address of it is gone
    #[arg(long, value_name = "ADDRESS", requires = "decommissioned")]
    address: Option<IpAddr>,
    /// Take back what was said before about these services or secrets
    #[arg(long)]
    withdraw: bool,
    /// A ticket, change or document that bears it out
    #[arg(long, value_name = "TEXT")]
    reference: Option<String>,
    /// Why, in your own words
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// Who says it
    #[arg(long, value_name = "NAME", env = "USER", hide_env_values = true)]
    by: String,
    /// When the work was done, if not now: RFC 3339 or a date
    #[arg(long, value_name = "TIME")]
    done_at: Option<Timestamp>,
}

impl AttestArgs {
    fn statement(&self) -> Result<Statement, Error> {
        if let Some(facet) = self.facet {
            if facet == FacetKind::Verified {
                return Err(Error::Usage(
                    "nobody can attest `verified`: it follows from a later sweep (allclear verify)"
                        .to_owned(),
                ));
            }
            return Ok(Statement::FacetDone { facet });
        }
        if let Some(state) = self.state {
            return Ok(Statement::SecretIs { state });
        }
        if let Some(justification) = self.not_affected {
            return Ok(Statement::NotAffected { justification });
        }
        if self.decommissioned {
            return Ok(Statement::Decommissioned { address: self.address });
        }
        Ok(Statement::Withdraw { facet: None })
    }

    pub(super) fn run(&self, globals: &Globals, console: &mut Console) -> Result<Exit, Error> {
        let word = Word {
            selection: self.which.selection(),
            secrets: self.secret.clone(),
            statement: self.statement()?,
            by: self.by.clone(),
            done_at: self.done_at,
            reference: self.reference.clone(),
            note: self.note.clone(),
        };
        let claims = claims::record(&globals.incident, &word, &globals.choice()?, &Clock::System)?;
        say(&claims, globals, console)?;
        if self.reference.is_none() && !self.withdraw {
            console.note("Without --reference this is a bare claim (E0); most facets want E1 at least.");
        }
        Ok(Exit::Done)
    }
}

/// Says what was recorded, and where each service stands now: a word that changes nothing must not look
/// as if it had. One or two lines a subject.
pub(super) fn say(claims: &[Claim], globals: &Globals, console: &mut Console) -> Result<(), Error> {
    let judged = judged::load(&globals.incident, &globals.choice()?, Clock::System.now())?;
    let by_row = judged.by_row();
    for claim in claims {
        let subject = match &claim.subject {
            Subject::Service(row) => row.to_string(),
            Subject::Secret(id) => id.clone(),
        };
        let what = match &claim.statement {
            Statement::FacetDone { facet } => format!("{facet} done"),
            Statement::SecretIs { state } => format!("{state}"),
            Statement::NegativeTest { outcome, .. } => format!("the old value was tried: {outcome}"),
            Statement::StillActive { count, issued_before } => {
                format!("{count} issued before {} are still active", issued_before.short())
            }
            Statement::NotAffected { justification } => format!("not affected ({justification})"),
            Statement::Waive { facet: Some(facet), until } => {
                format!("{facet} waived until {}", until.date())
            }
            Statement::Waive { facet: None, until } => format!("waived until {}", until.date()),
            Statement::Decommissioned { address: Some(address) } => format!("{address} decommissioned"),
            Statement::Decommissioned { address: None } => "decommissioned".to_owned(),
            Statement::Withdraw { .. } => "earlier claims withdrawn".to_owned(),
        };
        let line = format!("recorded: {subject}: {what}, by {}, grade {}", claim.by, claim.grade());
        writeln!(console.out, "{}", printable(&line)).map_err(Error::stdout)?;
        if let Subject::Service(row) = &claim.subject
            && let Some(now) = by_row.get(row)
        {
            let facet = match &claim.statement {
                Statement::FacetDone { facet } | Statement::Waive { facet: Some(facet), .. } => {
                    let facet_now = now.facets.get(*facet);
                    let grade = facet_now.grade.map(|g| format!(" {g}")).unwrap_or_default();
                    format!("; {facet} is now {}{grade}", facet_now.value)
                }
                _ => String::new(),
            };
            let text = format!("  state: {}{facet}", now.state);
            writeln!(console.out, "{text}").map_err(Error::stdout)?;
            if !now.state.is_finished() {
                writeln!(console.out, "  next: {}", printable(&now.next_action)).map_err(Error::stdout)?;
            }
        }
    }
    Ok(())
}
