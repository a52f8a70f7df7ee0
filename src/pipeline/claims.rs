//! Records what a person says: attestations, waivers, withdrawals. One or many at a time.
//!
//! Recording never fails because a claim is untrue: what a later look sees is stronger, and
//! assessment shows the contradiction.

use std::path::Path;

use crate::{
    clock::Clock,
    disclosure,
    error::Error,
    model::{
        claim::{Claim, Statement, Subject},
        ids::{RowId, SweepId},
        secret::SecretState,
        time::Timestamp,
    },
    pipeline::{
        judged::{self, Choice},
        negative::{self, Tried, Try},
        select::Selection,
    },
    store::Store,
};

/// What is to be recorded, about whom.
#[derive(Clone, Debug)]
pub struct Word {
    /// The services meant; ignored where secrets are named.
    pub selection: Selection,
    /// Secrets by id.
    pub secrets: Vec<String>,
    /// What is said.
    pub statement: Statement,
    /// By whom.
    pub by: String,
    /// When the work was done.
    pub done_at: Option<Timestamp>,
    /// What bears it out.
    pub reference: Option<String>,
    /// Why.
    pub note: Option<String>,
    /// Services through which a new secret was handed out, by row id, name or `name:port`.
    pub through: Vec<String>,
}

/// Records a person's word; returns what was recorded, one claim a subject.
pub fn record(incident: &Path, word: &Word, choice: &Choice, clock: &Clock) -> Result<Vec<Claim>, Error> {
    let now = clock.now();
    Pending::open(incident, word, choice, now)?.append(word, &word.statement, now)
}

/// Runs the owner's own command, and records how it came out; returns what was recorded and what happened. Everything
/// that can be wrong with the question is found before the command runs, and the incident file stays ours meanwhile, so
/// that what was learned can be written down.
///
/// The command, its arguments and its output are kept nowhere. `stop` ends it early; then nothing is recorded.
pub fn negative_test(
    incident: &Path,
    word: &Word,
    question: &Try<'_>,
    choice: &Choice,
    clock: &Clock,
    stop: &dyn Fn() -> bool,
) -> Result<Option<(Vec<Claim>, Tried)>, Error> {
    let pending = Pending::open(incident, word, choice, clock.now())?;
    let [Subject::Secret(_)] = pending.subjects.as_slice() else {
        return Err(Error::Usage("a negative test is about exactly one --secret".to_owned()));
    };
    let Some(tried) = negative::run(question, stop) else { return Ok(None) };
    let statement = Statement::NegativeTest {
        outcome: tried.outcome,
        exit: tried.exit,
        control: tried.control,
        named: tried.named,
        ms: tried.ms,
    };
    let claims = pending.append(word, &statement, clock.now())?;
    Ok(Some((claims, tried)))
}

/// A word whose subjects are known, and the incident file that it goes to.
struct Pending {
    store: Store,
    subjects: Vec<Subject>,
    through: Vec<RowId>,
    after_sweep: Option<SweepId>,
}

/// Whether each of these secrets can be counted: a store of sessions, tokens or passwords, or of a kind nobody knows.
fn counted(subjects: &[Subject], judged: &judged::Judged) -> Result<(), Error> {
    for subject in subjects {
        let Subject::Secret(id) = subject else { continue };
        let secret = judged.evidence.secrets.iter().find(|s| s.id == *id);
        let kind = secret.map(|s| judged.types.secret_type(&s.kind));
        if let Some(kind) = kind.filter(|kind| !kind.bulk && kind.code != "C0") {
            return Err(Error::Usage(format!(
                "--still-active counts what is left of a store of sessions, tokens or passwords; `{id}` is {} ({}): say --state, or try the old value with --negative-test",
                kind.code, kind.title
            )));
        }
    }
    Ok(())
}

impl Pending {
    fn open(incident: &Path, word: &Word, choice: &Choice, now: Timestamp) -> Result<Self, Error> {
        sensible(word, now)?;
        // Lock first: what is judged here must be what the claims are added to.
        let store = Store::open(incident)?;
        let judged = judged::load(incident, choice, now)?;
        let disclosed = judged.assessment.disclosure.disclosed_at;
        if word.done_at.is_some_and(|done| done < disclosed) {
            return Err(Error::Usage(format!(
                "--done-at lies before the disclosure ({}): nothing that was done then answers it",
                disclosed.date()
            )));
        }
        let subjects = subjects(word, &judged)?;
        if let Statement::Decommissioned { address: Some(address) } = word.statement {
            let seen = |row: &RowId| {
                judged.evidence.observations.iter().any(|o| o.row_id == *row && o.address == Some(address))
            };
            let known = subjects.iter().any(|s| matches!(s, Subject::Service(row) if seen(row)));
            if !known {
                return Err(Error::Usage(format!("no sweep ever looked at {address} for these services")));
            }
        }
        if matches!(word.statement, Statement::StillActive { .. }) {
            counted(&subjects, &judged)?;
        }
        let through = if word.through.is_empty() {
            Vec::new()
        } else {
            let named = Selection { services: word.through.clone(), ..Selection::default() };
            named.of(&judged.evidence.services, &|_| None)?.into_iter().map(|s| s.row_id.clone()).collect()
        };
        let after_sweep = judged.evidence.sweeps.last().map(|s| s.id);
        Ok(Self { store, subjects, through, after_sweep })
    }

    fn append(mut self, word: &Word, statement: &Statement, now: Timestamp) -> Result<Vec<Claim>, Error> {
        let claim = |subject| Claim {
            through: self.through.clone(),
            import: None,
            repeats: None,
            at: now,
            done_at: word.done_at,
            after_sweep: self.after_sweep,
            by: word.by.clone(),
            subject,
            statement: statement.clone(),
            reference: word.reference.clone(),
            note: word.note.clone(),
        };
        let claims: Vec<Claim> = self.subjects.iter().cloned().map(claim).collect();
        self.store.append_claims(&claims)?;
        Ok(claims)
    }
}

/// Whether a word can be true at all, whatever it is about.
fn sensible(word: &Word, now: Timestamp) -> Result<(), Error> {
    let usage = |text: &str| Err(Error::Usage(text.to_owned()));
    if word.done_at.is_some_and(|done| done > now) {
        return usage("--done-at lies in the future; say it when it is done");
    }
    if word.by.trim().is_empty() {
        return usage("--by must name who says it: a nameless word proves nothing");
    }
    let given = |text: &Option<String>| text.as_deref().is_some_and(|t| !t.trim().is_empty());
    match word.statement {
        Statement::SecretIs { state: SecretState::NotExposed }
            if !given(&word.reference) && !given(&word.note) =>
        {
            usage("--state not-exposed needs --note or --reference: say why it was never in reach")
        }
        Statement::SecretIs { state: SecretState::TooEarly } => usage(
            "nobody attests `too-early`: it follows from when the new one was made (--state new-issued --done-at TIME)",
        ),
        Statement::SecretIs { state: SecretState::Waived } => {
            usage("a waiver needs a reason and an end: allclear waive --secret ID --until DATE --reason TEXT")
        }
        Statement::StillActive { issued_before, .. } if issued_before > now => {
            usage("--issued-before lies in the future: count what was issued until now")
        }
        _ => Ok(()),
    }
}

fn subjects(word: &Word, judged: &judged::Judged) -> Result<Vec<Subject>, Error> {
    if !word.secrets.is_empty() {
        for id in &word.secrets {
            if !judged.evidence.secrets.iter().any(|s| s.id == *id) {
                let known = judged.evidence.secrets.iter().map(|s| s.id.as_str());
                let near = disclosure::near(id, known, 3);
                let meant = if near.is_empty() {
                    String::new()
                } else {
                    let near: Vec<String> = near.iter().map(|n| format!("`{n}`")).collect();
                    format!("; did you mean {}?", near.join(" or "))
                };
                return Err(Error::Usage(format!(
                    "no secret is called `{id}`{meant}; `allclear export secrets` lists the ids"
                )));
            }
        }
        return Ok(word.secrets.iter().cloned().map(Subject::Secret).collect());
    }
    if word.selection.is_all() {
        return Err(Error::Usage(
            "say what it is about: --service, --owner, --filter or --secret".to_owned(),
        ));
    }
    let by_row = judged.by_row();
    let state = |row: &RowId| by_row.get(row).map(|s| s.state);
    let services = word.selection.of(&judged.evidence.services, &state)?;
    Ok(services.into_iter().map(|s| Subject::Service(s.row_id.clone())).collect())
}
