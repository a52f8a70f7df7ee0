//! `secrets.csv`: every secret with how far its rotation has come. Names, places and dates; never a value.

use std::{
    collections::HashMap,
    io::{self, Write},
};

use crate::model::{
    assessment::SecretAssessment,
    claim::{Claim, Statement, Subject},
    edit_version,
    facet::FacetKind,
    ids::RowId,
    kinds::SecretType,
    secret::{Secret, SecretState, Tier},
    time::Timestamp,
};

use super::{
    Export, Form, View,
    csv::{Cell, Dialect, Sheet, list},
};

/// The registry's entry.
pub const EXPORT: Export = Export {
    name: "secrets",
    about: "every secret in reach: owner, state, what it waits for",
    form: Form::Csv,
    notes: &[],
    header,
    write,
};

fn header() -> Vec<&'static str> {
    "secret_id,type,tier,services,owner,state,new_issued,old_refused_at,evidence,blocked_by,ticket,due,note,claim,claim_by,claim_at,edit_version"
        .split(',')
        .collect()
}

/// The columns that are people's, in the order of the header: taken back by `tracker import`.
pub const HUMAN: &[&str] = &["owner", "ticket", "due", "note", "claim", "claim_by", "claim_at"];

/// One row as it stands now, before a dialect lays it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableRow {
    /// The secret's id.
    pub id: String,
    /// Every cell, in the order of the header, without a guard.
    pub cells: Vec<String>,
}

/// Every row as it stands now, for an import to compare with what its file holds.
pub fn table(view: &View<'_>) -> Vec<TableRow> {
    let plain = |cell: Cell<'_>| match cell {
        Cell::Text(value) | Cell::Tool(value) => value.into_owned(),
    };
    let row =
        |(id, cells): (String, Vec<Cell<'_>>)| TableRow { id, cells: cells.into_iter().map(plain).collect() };
    rows(view).into_iter().map(row).collect()
}

/// Writes header and rows, by owner and id. `new_issued` is what was attested, else the inventory's date
/// where it lies after the last bad look: an older date is not a new secret. `due` is what people say, else the earliest
/// date of its services; `ticket` and `note` are people's.
pub fn write(view: &View<'_>, dialect: Dialect, out: &mut dyn Write) -> io::Result<u64> {
    let mut sheet = Sheet::new(out, dialect, &header())?;
    for (_, cells) in rows(view) {
        sheet.row(cells)?;
    }
    sheet.finish()
}

fn rows<'a>(view: &View<'a>) -> Vec<(String, Vec<Cell<'a>>)> {
    let judged = worst_by_id(view);
    let claims = claims_by_id(&view.evidence.claims);
    let due = due_by_row(view);
    let mut secrets: Vec<&Secret> = view.evidence.secrets.iter().filter(|s| wanted(view, s)).collect();
    secrets.sort_by(|a, b| (&a.owner, &a.id).cmp(&(&b.owner, &b.id)));
    let row = |secret: &'a Secret| {
        let entry = judged.get(secret.id.as_str()).copied();
        let said = claims.get(secret.id.as_str()).map_or(&[][..], Vec::as_slice);
        let tracked = view.evidence.tracked.get(&Subject::Secret(secret.id.clone()));
        let services = secret.services.iter().map(RowId::as_str);
        let last_bad = entry.and_then(|e| e.last_bad);
        let declared = secret.issued_at.filter(|&at| last_bad.is_some_and(|bad| at > bad));
        let found = entry.map(|e| &e.found);
        let issued =
            found.and_then(|f| f.new_issued).or(last_said(said, SecretState::NewIssued)).or(declared);
        let refused = found.and_then(|f| f.old_refused).or(last_said(said, SecretState::OldRefused));
        let of_services = || secret.services.iter().filter_map(|r| due.get(r)).min().copied();
        let claim = said.iter().rev().find_map(|c| match c.statement {
            Statement::SecretIs { state } => Some((state, *c)),
            _ => None,
        });
        let mut cells = vec![
            Cell::text(&*secret.id),
            Cell::text(&*secret.kind),
            Cell::maybe(tier(own_types(view), &secret.kind)),
            Cell::text(list(services.chain(secret.unresolved.iter().map(String::as_str)))),
            Cell::text(secret.owner.as_deref().unwrap_or_default()),
            Cell::maybe(entry.map(|e| e.state)),
            Cell::time(issued),
            Cell::time(refused.filter(|_| !found.is_some_and(|f| f.came_back))),
            Cell::text(entry.map(evidence).unwrap_or_default()),
            Cell::text(entry.map(|e| list(&e.blocked_by)).unwrap_or_default()),
            Cell::text(tracked.and_then(|t| t.ticket.as_deref()).unwrap_or_default()),
            Cell::time(tracked.and_then(|t| t.due).or_else(of_services)),
            Cell::text(tracked.and_then(|t| t.note.as_deref()).unwrap_or_default()),
            Cell::maybe(claim.map(|(state, _)| state)),
            Cell::text(claim.map_or("", |(_, claim)| claim.by.as_str())),
            Cell::time(claim.map(|(_, claim)| claim.at)),
        ];
        let stamp = {
            let named = header().into_iter().zip(&cells).filter(|(name, _)| HUMAN.contains(name));
            edit_version::stamp(named.map(|(name, cell)| match cell {
                Cell::Text(value) | Cell::Tool(value) => (name, &**value),
            }))
        };
        cells.push(Cell::tool(stamp));
        (secret.id.clone(), cells)
    };
    secrets.into_iter().map(row).collect()
}

/// A secret belongs to its owner; without one to the owners of its services; without those to nobody,
/// so that every secret is in some owner's part.
fn wanted(view: &View<'_>, secret: &Secret) -> bool {
    if view.filter.service.is_some() {
        return secret.services.iter().any(|r| view.wants(r));
    }
    let Some(wanted) = view.filter.owner.as_deref().map(str::trim) else {
        return true;
    };
    let own = secret.owner.as_deref().map(str::trim).filter(|o| !o.is_empty());
    let mut of_services = secret.services.iter().filter_map(|r| view.service(r)?.owner());
    match own {
        Some(own) => own == wanted,
        None if wanted.is_empty() => of_services.next().is_none(),
        None => of_services.any(|o| o.trim() == wanted),
    }
}

/// Each secret under the disclosure by which most is owed.
fn worst_by_id<'a>(view: &View<'a>) -> HashMap<&'a str, &'a SecretAssessment> {
    let mut worst: HashMap<&str, &SecretAssessment> = HashMap::new();
    for judged in view.judged {
        for secret in &judged.assessment.secrets {
            let owed = |s: &SecretAssessment| (s.in_reach && !s.closed, s.in_reach);
            let better = worst.get(secret.id.as_str()).is_none_or(|s| owed(secret) > owed(s));
            if better {
                worst.insert(&secret.id, secret);
            }
        }
    }
    worst
}

/// The claims about each secret that were not withdrawn, in the order recorded.
fn claims_by_id(claims: &[Claim]) -> HashMap<&str, Vec<&Claim>> {
    let mut by_id: HashMap<&str, Vec<&Claim>> = HashMap::new();
    for claim in claims {
        let Subject::Secret(id) = &claim.subject else {
            continue;
        };
        let said = by_id.entry(id).or_default();
        match claim.statement {
            Statement::Withdraw { facet: None | Some(FacetKind::Secrets) } => said.clear(),
            _ => said.push(claim),
        }
    }
    by_id
}

fn last_said(said: &[&Claim], wanted: SecretState) -> Option<Timestamp> {
    let is = |c: &&&Claim| matches!(c.statement, Statement::SecretIs { state } if state == wanted);
    said.iter().rev().find(is).map(|c| c.effective())
}

/// The kinds of secrets that the user's policy adds.
fn own_types<'a>(view: &View<'a>) -> &'a [SecretType] {
    view.judged.first().map_or(&[], |j| &j.assessment.policy.secret_type)
}

/// The tier of a user's own kind, else that of a code of a letter and digits.
fn tier(own: &[SecretType], kind: &str) -> Option<Tier> {
    let word = |text: &str| text.trim().to_lowercase().replace([' ', '_'], "-");
    let wanted = word(kind);
    let is = |t: &&SecretType| word(&t.code) == wanted || t.aliases.iter().any(|a| word(a) == wanted);
    if let Some(known) = own.iter().find(is) {
        return Some(known.tier);
    }
    let (letter, number) = kind.split_at_checked(1)?;
    let numbered = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    letter.to_ascii_uppercase().parse().ok().filter(|_| numbered)
}

fn evidence(entry: &SecretAssessment) -> String {
    let claim = entry.claim.as_ref().map(|claim| {
        let reference = claim.reference.as_deref().map(|r| format!(", {r}"));
        format!("{} by {}{}", claim.what, claim.by, reference.unwrap_or_default())
    });
    let nothing = (claim.is_none() && !entry.in_reach)
        .then(|| "no service on its path was exposed or presumed so".to_owned());
    let parts: Vec<String> = claim.into_iter().chain(entry.found.why.clone()).chain(nothing).collect();
    parts.join("; ")
}

/// The earliest date of each service over all disclosures.
fn due_by_row<'a>(view: &View<'a>) -> HashMap<&'a RowId, Timestamp> {
    let mut due: HashMap<&RowId, Timestamp> = HashMap::new();
    for service in view.judged.iter().flat_map(|j| &j.assessment.services) {
        if let Some(date) = service.due {
            let earliest = due.entry(&service.row_id).or_insert(date);
            *earliest = (*earliest).min(date);
        }
    }
    due
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tier_is_read_off_a_code_and_never_guessed() {
        let table = [
            ("C7", Some(Tier::C)),
            ("c10", Some(Tier::C)),
            ("B1", Some(Tier::B)),
            ("database", None),
            ("D", None),
            ("Z1", None),
            ("é1", None),
            ("", None),
        ];
        for (kind, expected) in table {
            assert_eq!(tier(&[], kind), expected, "kind: {kind:?}");
        }
    }

    #[test]
    fn the_tier_of_a_users_own_kind_is_the_one_it_says() {
        let own = SecretType {
            code: "badge-key".to_owned(),
            tier: Tier::D,
            aliases: vec!["door opener".to_owned()],
            ..SecretType::fallback()
        };
        let own = [own];
        let table = [
            ("badge-key", Some(Tier::D)),
            ("Badge_Key", Some(Tier::D)),
            ("door-opener", Some(Tier::D)),
            ("C7", Some(Tier::C)),
            ("door", None),
        ];
        for (kind, expected) in table {
            assert_eq!(tier(&own, kind), expected, "kind: {kind:?}");
        }
    }
}
