//! Records what a person says: attestations, waivers, withdrawals. One or many at a time.
//!
//! Recording never fails because a claim is untrue: what a later look sees is stronger, and
//! assessment shows the contradiction.

use std::path::Path;

use crate::{
    clock::Clock,
    error::Error,
    model::{
        claim::{Claim, Statement, Subject},
        ids::RowId,
        time::Timestamp,
    },
    pipeline::{
        judged::{self, Choice},
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
}

/// Records a person's word; returns what was recorded, one claim a subject.
pub fn record(incident: &Path, word: &Word, choice: &Choice, clock: &Clock) -> Result<Vec<Claim>, Error> {
    let now = clock.now();
    if word.done_at.is_some_and(|done| done > now) {
        return Err(Error::Usage("--done-at lies in the future; say it when it is done".to_owned()));
    }
    if word.by.trim().is_empty() {
        return Err(Error::Usage("--by must name who says it: a nameless word proves nothing".to_owned()));
    }
    // Lock first: what is judged here must be what the claims are added to.
    let mut store = Store::open(incident)?;
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
    let after_sweep = judged.evidence.sweeps.last().map(|s| s.id);
    let claims: Vec<Claim> = subjects
        .into_iter()
        .map(|subject| Claim {
            through: Vec::new(),
            import: None,
            at: now,
            done_at: word.done_at,
            after_sweep,
            by: word.by.clone(),
            subject,
            statement: word.statement.clone(),
            reference: word.reference.clone(),
            note: word.note.clone(),
        })
        .collect();
    store.append_claims(&claims)?;
    Ok(claims)
}

fn subjects(word: &Word, judged: &judged::Judged) -> Result<Vec<Subject>, Error> {
    if !word.secrets.is_empty() {
        for id in &word.secrets {
            if !judged.evidence.secrets.iter().any(|s| s.id == *id) {
                return Err(Error::Usage(format!(
                    "no secret is called `{id}`; `allclear checklist` shows the ids"
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
