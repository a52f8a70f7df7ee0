//! Claims out of cells: what `claim`, the waiver's and the justification's columns say when they change.
//!
//! Cells beside a changed one that did not change belong to the claim before: a new `claim` beside an old `claim_by` is the
//! word of who imports it, and not of the person who said the old one.

use std::collections::BTreeMap;

use super::{
    KnownRow, Said,
    merge::{Cells, short},
};
use crate::model::{
    claim::{Claim, Justification, Statement, Subject},
    edit_version::{Shape, time},
    facet::FacetKind,
    secret::SecretState,
    time::Timestamp,
};

/// What a row says.
#[derive(Debug, Default)]
pub(super) struct Spoken {
    pub(super) said: Vec<Said>,
    /// What cannot be taken, by column.
    pub(super) problems: Vec<(&'static str, String)>,
}

/// One row, as its cells are now and as they changed.
struct Speaker<'a> {
    ours: &'a KnownRow,
    held: &'a BTreeMap<&'a str, &'a str>,
    cells: &'a Cells,
    now: Timestamp,
    spoken: Spoken,
    /// Claims that stand and are taken back.
    dropped: Vec<&'a Claim>,
}

pub(super) fn words(ours: &KnownRow, held: &BTreeMap<&str, &str>, cells: &Cells, now: Timestamp) -> Spoken {
    let mut speaker = Speaker { ours, held, cells, now, spoken: Spoken::default(), dropped: Vec::new() };
    let mut said = Vec::new();
    for columns in [
        &["claim", "claim_by", "claim_at"][..],
        &["waiver_reason", "waiver_by", "waiver_until"],
        &["na_justification"],
    ] {
        let Some(first) = columns.iter().find(|c| cells.edits.contains_key(*c)) else { continue };
        if let Some(blocked) = columns.iter().find(|c| cells.blocked.contains(*c)) {
            speaker.spoken.problems.push((first, format!("not taken, since `{blocked}` beside it is not")));
            continue;
        }
        let result = match columns[0] {
            "claim" => speaker.claim(),
            "waiver_reason" => speaker.waiver(),
            _ => speaker.justification(),
        };
        match result {
            Ok(more) => said.extend(more),
            Err(problem) => speaker.spoken.problems.push(problem),
        }
    }
    speaker.withdraw();
    speaker.spoken.said.extend(said);
    speaker.spoken
}

type Words = Result<Vec<Said>, (&'static str, String)>;

impl Speaker<'_> {
    /// The cell as it will be.
    fn cell(&self, column: &str) -> &str {
        let edit = self.cells.edits.get(column).map(String::as_str);
        edit.or_else(|| self.held.get(column).copied()).unwrap_or_default().trim()
    }

    fn changed(&self, column: &str) -> Option<&str> {
        self.cells.edits.get(column).map(|text| text.trim())
    }

    /// The name in a cell that changed; who imports, where it did not.
    fn by(&self, column: &str) -> Option<String> {
        self.changed(column).filter(|name| !name.is_empty()).map(str::to_owned)
    }

    fn ticket(&self) -> Option<String> {
        Some(self.cell("ticket").to_owned()).filter(|t| !t.is_empty())
    }

    fn claim(&mut self) -> Words {
        let before = self.held.get("claim").copied().unwrap_or_default().trim().to_owned();
        let text = self.cell("claim").to_owned();
        if text.is_empty() {
            if self.changed("claim").is_none() {
                let column = if self.changed("claim_by").is_some() { "claim_by" } else { "claim_at" };
                return Err((column, "says nothing without a `claim`".to_owned()));
            }
            self.take_back(&before);
            return Ok(Vec::new());
        }
        let done_at = self.done_at()?;
        let alone = self.changed("claim_by").is_none() && self.changed("claim_at").is_none();
        let mut said = Vec::new();
        for part in text.split(';').map(str::trim).filter(|p| !p.is_empty()) {
            let (word, reference) = match part.split_once(':') {
                Some((word, reference)) => (word.trim(), Some(reference.trim().to_owned())),
                None => (part, None),
            };
            if alone && word == before && reference.is_none() {
                continue; // stands already, beside what is new
            }
            let reference = reference.filter(|r| !r.is_empty()).or_else(|| self.ticket());
            let statement = self.statement(&word.to_lowercase())?;
            if matches!(statement, Statement::Decommissioned { .. }) && reference.is_none() {
                return Err((
                    "claim",
                    "`decommissioned` needs a reference: a ticket, or `decommissioned: CHG-12`".to_owned(),
                ));
            }
            said.push(Said {
                statement,
                by: self.by("claim_by"),
                done_at,
                reference,
                note: None,
                through: Vec::new(),
                again: false,
                of: None,
            });
        }
        Ok(said)
    }

    fn statement(&self, word: &str) -> Result<Statement, (&'static str, String)> {
        let refuse = |message: String| Err(("claim", message));
        if word == "verified" {
            return refuse(
                "nobody can attest `verified`: it follows from a later sweep (allclear verify)".to_owned(),
            );
        }
        if matches!(self.ours.subject, Subject::Secret(_)) {
            return match word.parse::<SecretState>() {
                Ok(SecretState::TooEarly | SecretState::Waived) | Err(_) => {
                    let attested = |s: &&SecretState| {
                        !matches!(s, SecretState::Verified | SecretState::TooEarly | SecretState::Waived)
                    };
                    let known: Vec<&str> =
                        SecretState::ALL.iter().filter(attested).map(|s| s.as_str()).collect();
                    refuse(format!(
                        "`{}` cannot be claimed of a secret; known: {}",
                        short(word),
                        known.join(", ")
                    ))
                }
                Ok(state) => Ok(Statement::SecretIs { state }),
            };
        }
        if word == "decommissioned" {
            return Ok(Statement::Decommissioned { address: None });
        }
        word.parse::<FacetKind>().map(|facet| Statement::FacetDone { facet }).or_else(|_| {
            let hint = if word == "not-affected" { " (write why into `na_justification`)" } else { "" };
            refuse(format!(
                "`{}` cannot be claimed{hint}; known: patched, restarted, rekeyed, revoked, secrets, decommissioned",
                short(word)
            ))
        })
    }

    fn done_at(&self) -> Result<Option<Timestamp>, (&'static str, String)> {
        let Some(text) = self.changed("claim_at").filter(|t| !t.is_empty()) else { return Ok(None) };
        let Some(at) = time(Shape::Time, text) else {
            return Err(("claim_at", format!("`{}` is no time", short(text))));
        };
        if at > self.now {
            return Err((
                "claim_at",
                format!("{} lies in the future: claim it when it is done", at.seconds()),
            ));
        }
        if at < self.ours.disclosed_at {
            let disclosed = self.ours.disclosed_at.date();
            return Err((
                "claim_at",
                format!(
                    "{} lies before the disclosure ({disclosed}): nothing done then answers it",
                    at.date()
                ),
            ));
        }
        Ok(Some(at))
    }

    /// Takes back the claim that a cell named.
    fn take_back(&mut self, before: &str) {
        let facet = before.parse::<FacetKind>();
        let about = |claim: &&Claim| match (&claim.statement, &facet) {
            (Statement::FacetDone { facet: said }, Ok(facet)) => said == facet,
            (Statement::SecretIs { .. }, _) => true,
            (Statement::NotAffected { .. }, _) => before == "not-affected",
            (Statement::Decommissioned { .. }, _) => before.starts_with("decommissioned"),
            _ => false,
        };
        let dropped = self.ours.standing.iter().filter(about);
        self.dropped.extend(dropped);
    }

    fn waiver(&mut self) -> Words {
        let until = self.cell("waiver_until").to_owned();
        let standing = self.ours.standing.iter().rev().find_map(|claim| match claim.statement {
            Statement::Waive { facet, .. } => Some(facet),
            _ => None,
        });
        if until.is_empty() {
            if self.changed("waiver_until").is_none() {
                let column =
                    if self.changed("waiver_reason").is_some() { "waiver_reason" } else { "waiver_by" };
                return Err((column, "a waiver needs an end: `waiver_until`".to_owned()));
            }
            let facet = standing.flatten();
            let waives = |c: &&Claim| matches!(c.statement, Statement::Waive { facet: f, .. } if f == facet);
            let dropped = self.ours.standing.iter().filter(waives);
            self.dropped.extend(dropped);
            return Ok(Vec::new());
        }
        let reason = self.cell("waiver_reason").to_owned();
        if reason.is_empty() {
            return Err(("waiver_until", "a waiver needs a reason: `waiver_reason`".to_owned()));
        }
        let Some(end) = time(Shape::End, &until) else {
            return Err(("waiver_until", format!("`{}` is no time", short(&until))));
        };
        if end <= self.now {
            return Err(("waiver_until", format!("{} is not in the future", end.date())));
        }
        let statement = Statement::Waive { facet: standing.flatten(), until: end };
        let by = self.by("waiver_by");
        Ok(vec![Said {
            statement,
            by,
            done_at: None,
            reference: None,
            note: Some(reason),
            through: Vec::new(),
            again: false,
            of: None,
        }])
    }

    fn justification(&mut self) -> Words {
        let text = self.cell("na_justification").to_owned();
        if text.is_empty() {
            let says = |c: &&Claim| matches!(c.statement, Statement::NotAffected { .. });
            let dropped = self.ours.standing.iter().filter(says);
            self.dropped.extend(dropped);
            return Ok(Vec::new());
        }
        let Ok(justification) = text.to_lowercase().parse::<Justification>() else {
            let known: Vec<&str> = Justification::ALL.iter().map(|j| j.as_str()).collect();
            return Err(("na_justification", format!("`{}` is none of {}", short(&text), known.join(", "))));
        };
        if self.ticket().is_none() {
            let why = "`na_justification` needs evidence: put the ticket or document that bears it out into `ticket`";
            return Err(("na_justification", why.to_owned()));
        }
        let statement = Statement::NotAffected { justification };
        Ok(vec![Said {
            statement,
            by: None,
            done_at: None,
            reference: self.ticket(),
            note: None,
            through: Vec::new(),
            again: false,
            of: None,
        }])
    }

    /// Takes back what was dropped. A facet can be withdrawn by itself; for the rest everything is withdrawn, and what was
    /// not meant is said again, as it was.
    fn withdraw(&mut self) {
        if self.dropped.is_empty() {
            return;
        }
        let facet = |claim: &&Claim| match claim.statement {
            Statement::FacetDone { facet } => Some(facet),
            _ => None,
        };
        let facets: Option<Vec<FacetKind>> = self.dropped.iter().map(facet).collect();
        let alone = facets.filter(|facets| {
            facets.windows(2).all(|pair| pair[0] == pair[1])
                && !self.ours.standing.iter().any(|c| {
                    matches!(c.statement, Statement::Waive { facet: Some(f), .. } if facets.first() == Some(&f))
                })
        });
        let facet = alone.and_then(|facets| facets.first().copied());
        let bare = |statement| Said {
            statement,
            by: None,
            done_at: None,
            reference: None,
            note: None,
            through: Vec::new(),
            again: false,
            of: None,
        };
        self.spoken.said.push(bare(Statement::Withdraw { facet }));
        if facet.is_some() {
            return;
        }
        let kept = self.ours.standing.iter().filter(|c| !self.dropped.iter().any(|d| std::ptr::eq(*d, *c)));
        self.spoken.said.extend(kept.map(|claim| Said {
            statement: claim.statement.clone(),
            by: Some(claim.by.clone()),
            done_at: Some(claim.effective()),
            reference: claim.reference.clone(),
            note: claim.note.clone(),
            through: claim.through.clone(),
            again: true,
            of: claim.repeats.or(claim.import),
        }));
    }
}
