//! `allclear attest`: a person's word for what a sweep cannot see.

use std::{ffi::OsString, net::IpAddr, time::Duration};

use clap::Args;

use super::{Console, Globals, verify::WhichArgs};
use crate::{
    clock::Clock,
    error::{Error, Exit},
    model::{
        assessment::SecretAssessment,
        assessment::ServiceAssessment,
        claim::{Claim, Justification, Statement, Subject, TestOutcome},
        facet::{FacetKind, State},
        secret::SecretState,
        text::printable,
        time::Timestamp,
        verdict::Grade,
    },
    pipeline::{
        claims::{self, Word},
        judged,
        negative::{Tried, Try},
    },
};

/// Record a person's word for what a sweep cannot see: patched, revoked, secrets rotated
///
/// Examples:
///   allclear attest --service web01:443 --facet patched --reference CHG-110
///   allclear attest --secret turn-shared --state old-refused --reference CHG-113
///   allclear attest --secret db --negative-test --control ./login-new.sh -- ./login-old.sh
///   allclear attest --secret web-sessions --still-active 0 --issued-before 2026-11-24 --reference CHG-114
///
/// With a reference it counts as E1, without as a bare claim (E0). What a later look sees is always
/// stronger: a claim that it contradicts is shown as contradicted.
///
/// A negative test runs your own command, which tries the old value: exit code 0 means that it was accepted, any other
/// that it was refused. Only the exit code and the time are kept: never the command, its arguments or its output. Hand
/// values to it by a file or the environment, not on the command line, where `ps` shows them. A network failure looks like
/// a refusal as well: give --control (the same try with the new value, which must succeed first: grade E3 instead of E2)
/// or --refused-exit (the codes that mean "refused"). Exits 0 when refused, 1 when accepted, 3 when it says nothing.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["facet", "state", "not_affected", "decommissioned", "withdraw", "negative_test", "still_active"]))]
#[expect(clippy::struct_excessive_bools, reason = "independent switches of the command line")]
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
    /// With `--state new-issued` or `deployed`: a service (row id, name or name:port) through which the new one was handed
    /// out; repeatable. One that leaked then has burnt it
    #[arg(long, value_name = "SERVICE", requires = "state")]
    through: Vec<String>,
    /// Run a command that tries the old value of one secret, and record its exit code and time
    #[arg(long, requires = "secret", requires = "command", conflicts_with = "done_at")]
    negative_test: bool,
    /// Exit codes of the command that mean "refused", comma separated; any other but 0 then says nothing
    #[arg(long, value_name = "CODES", value_delimiter = ',', value_parser = clap::value_parser!(i32).range(1..=255), requires = "negative_test")]
    refused_exit: Vec<i32>,
    /// The same try with the new value, run by `sh -c` first: it must exit 0
    #[arg(long, value_name = "CMD", requires = "negative_test")]
    control: Option<String>,
    /// How long the command and the control may take, each, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400), requires = "negative_test")]
    max_seconds: u64,
    /// Show what they print (on standard error); it is not kept
    #[arg(long, requires = "negative_test")]
    show_output: bool,
    /// The command with its arguments, after `--`
    #[arg(last = true, value_name = "COMMAND", requires = "negative_test")]
    command: Vec<OsString>,
    /// How many of a store (sessions, tokens, passwords) that were issued before a time are still active; 0 closes it
    #[arg(long, value_name = "COUNT", requires = "secret", requires = "issued_before")]
    still_active: Option<u64>,
    /// The time of `--still-active`: RFC 3339 or a date; not before the leak was closed
    #[arg(long, value_name = "TIME", requires = "still_active")]
    issued_before: Option<Timestamp>,
    /// The service cannot have the hole, by one of the justifications of VEX
    #[arg(long, value_name = "JUSTIFICATION", value_parser = words!(Justification), conflicts_with = "secret", requires = "reference")]
    not_affected: Option<Justification>,
    /// The service is gone: later sweeps must find it unreachable, or no longer be led to it
    #[arg(long, conflicts_with = "secret", requires = "reference")]
    decommissioned: bool,
    /// Only this address of it is gone
    #[arg(long, value_name = "ADDRESS", requires = "decommissioned")]
    address: Option<IpAddr>,
    /// Take back what was said before about these services or secrets; tries with old values stay
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
            if !self.through.is_empty() && !matches!(state, SecretState::NewIssued | SecretState::Deployed) {
                return Err(Error::Usage(
                    "--through goes with --state new-issued or deployed: it is the new one that was handed out"
                        .to_owned(),
                ));
            }
            return Ok(Statement::SecretIs { state });
        }
        if let (Some(count), Some(issued_before)) = (self.still_active, self.issued_before) {
            return Ok(Statement::StillActive { count, issued_before });
        }
        if self.negative_test {
            // What comes of it is not known yet.
            let outcome = TestOutcome::Inconclusive;
            return Ok(Statement::NegativeTest { outcome, exit: None, control: None, named: false, ms: 0 });
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
            through: self.through.clone(),
        };
        if self.negative_test {
            return self.try_old_value(&word, globals, console);
        }
        let claims = claims::record(&globals.incident, &word, &globals.choice()?, &Clock::System)?;
        say(&claims, globals, console)?;
        if self.reference.is_none() && !self.withdraw {
            console.note("Without --reference this is a bare claim (E0); most facets want E1 at least.");
        }
        Ok(Exit::Done)
    }

    fn try_old_value(&self, word: &Word, globals: &Globals, console: &mut Console) -> Result<Exit, Error> {
        let question = Try {
            command: &self.command,
            control: self.control.as_deref(),
            refused: &self.refused_exit,
            limit: Duration::from_secs(self.max_seconds),
            show_output: self.show_output,
        };
        let stopped = super::stop::stop_signal()?;
        let stop = || *stopped.borrow();
        let choice = globals.choice()?;
        let done = claims::negative_test(&globals.incident, word, &question, &choice, &Clock::System, &stop)?;
        let Some((claims, tried)) = done else {
            console.note("Interrupted: the command was ended, and nothing was recorded.");
            return Ok(Exit::Interrupted);
        };
        let grade = claims.first().map(Claim::grade);
        writeln!(console.out, "{}", came_out(&tried, grade)).map_err(Error::stdout)?;
        say(&claims, globals, console)?;
        Ok(match tried.outcome {
            TestOutcome::Refused => {
                if tried.control.is_none() && self.refused_exit.is_empty() {
                    console.note(
                        "A network failure looks like a refusal as well: with --control or --refused-exit it can be told apart.",
                    );
                }
                Exit::Done
            }
            TestOutcome::Accepted => Exit::Open,
            TestOutcome::Inconclusive => Exit::Incomplete,
        })
    }
}

/// How a try came out, in a line.
fn came_out(tried: &Tried, grade: Option<Grade>) -> String {
    let tenths = (tried.ms + 50) / 100;
    let mut details: Vec<String> = tried.exit.map(|code| format!("exit {code}")).into_iter().collect();
    if tried.exit.is_some() {
        details.push(format!("{}.{} s", tenths / 10, tenths % 10));
    }
    let mut details = details.join(", ");
    if tried.control == Some(true) {
        details.push_str("; control: the new value was accepted");
    }
    match tried.outcome {
        TestOutcome::Refused => {
            let grade = grade.map(|g| format!(": {g}")).unwrap_or_default();
            format!("the old value was refused ({details}){grade}")
        }
        TestOutcome::Accepted => format!(
            "THE OLD VALUE WAS ACCEPTED ({details}): whoever read it from memory can still use it. Switch it off, and try again."
        ),
        TestOutcome::Inconclusive => format!(
            "the try says nothing: {}. The old value counts as neither refused nor accepted.",
            tried.why.as_deref().unwrap_or("it came to no end")
        ),
    }
}

/// Says what was recorded, and where each service stands now: a word that changes nothing must not look
/// as if it had. One or two lines a subject.
pub(super) fn say(claims: &[Claim], globals: &Globals, console: &mut Console) -> Result<(), Error> {
    let judged = judged::load(&globals.incident, &globals.choice()?, Clock::System.now())?;
    let by_row = judged.by_row();
    let secrets = &judged.assessment.secrets;
    for claim in claims {
        let subject = match &claim.subject {
            Subject::Service(row) => row.to_string(),
            Subject::Secret(id) => id.clone(),
        };
        let what = match &claim.statement {
            Statement::FacetDone { facet } => format!("{facet} done"),
            Statement::SecretIs { state } => format!("{state}"),
            Statement::NegativeTest { outcome: TestOutcome::Inconclusive, .. } => {
                "a try with the old value that says nothing".to_owned()
            }
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
        if let Subject::Secret(id) = &claim.subject
            && let Some(now) = secrets.iter().find(|s| s.id == *id)
        {
            writeln!(console.out, "  {}", printable(&secret_now(now))).map_err(Error::stdout)?;
        }
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
            if let Some(words) = in_vain(&claim.statement, now) {
                writeln!(console.out, "  {words}").map_err(Error::stdout)?;
            }
            if !now.state.is_finished() {
                writeln!(console.out, "  next: {}", printable(&now.next_action)).map_err(Error::stdout)?;
            }
        }
    }
    Ok(())
}

/// Where a secret stands, in a line.
fn secret_now(now: &SecretAssessment) -> String {
    let closed = match (now.in_reach, now.closed) {
        (false, _) => ", nothing is owed: no service on its path leaked",
        (true, true) => ", closed",
        (true, false) => ", open",
    };
    let grade =
        now.found.grade.filter(|_| now.in_reach && now.closed).map(|g| format!(" {g}")).unwrap_or_default();
    let why = now.found.why.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
    format!("state: {}{closed}{grade}{why}", now.state)
}

/// Why a word changes nothing for now, where what was seen says otherwise.
fn in_vain(statement: &Statement, now: &ServiceAssessment) -> Option<&'static str> {
    let red = matches!(now.state, State::Regressed | State::Contradicted | State::Exposed);
    match statement {
        Statement::Waive { .. } | Statement::NotAffected { .. } if red => Some(
            "It changes nothing for now: the last look saw it vulnerable or back, and no word hides that.",
        ),
        Statement::FacetDone { facet: FacetKind::Restarted | FacetKind::Rekeyed } if red => {
            Some("It is kept as a claim: only a later look can bear it out.")
        }
        Statement::FacetDone { facet: FacetKind::Revoked }
            if now.spki_now.iter().any(|key| now.spki_before.contains(key)) =>
        {
            Some(
                "An old key is still served here: where its certificate is revoked, clients are turned away.",
            )
        }
        _ => None,
    }
}
