//! The plan of the whole fleet, of one owner, one service or one key, from the judged incident to bytes. What a sweep
//! will contact is planned elsewhere (`plan`).

use std::{collections::BTreeSet, io::Write};

use super::{judged::Judged, select::Selection};
use crate::{
    error::Error,
    model::{
        ids::{RowId, Spki},
        plan::Plan,
    },
    remediate,
    report::{
        plan::{self, Context, Only},
        style::Screen,
    },
};

/// How many keys an error names.
const NAMED: usize = 8;

/// How a plan is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// For a terminal.
    Text,
    /// Markdown.
    Markdown,
    /// One self-contained HTML page.
    Html,
    /// One JSON object.
    Json,
}

/// Writes the plan.
pub fn write(
    judged: &Judged,
    only: Option<&Only>,
    form: Form,
    screen: &Screen,
    out: &mut dyn Write,
) -> Result<(), Error> {
    let whole = remediate::plan(&judged.evidence, &judged.assessment, &judged.types, judged.lines());
    let narrowed = narrow(judged, whole, only)?;
    let context = context(judged, only);
    match form {
        Form::Text => plan::text(&narrowed, &context, screen, out),
        Form::Markdown => out.write_all(plan::markdown(&narrowed, &context).as_bytes()),
        Form::Html => out.write_all(plan::html(&narrowed, &context).as_bytes()),
        Form::Json => plan::json(&narrowed, &context, out),
    }
    .map_err(Error::stdout)
}

/// What was asked for; a name that fits nothing is an error, since a silent nothing would read as done.
fn narrow(judged: &Judged, whole: Plan, only: Option<&Only>) -> Result<Plan, Error> {
    let services = &judged.evidence.services;
    Ok(match only {
        None => whole,
        Some(Only::Owner(owner)) => {
            // Somebody who answers for a secret need not own a service.
            if !whole.steps.iter().any(|step| step.owners().contains(&Some(owner.as_str()))) {
                let selection = Selection { owners: vec![owner.clone()], ..Selection::default() };
                selection.of(services, &|_| None)?;
            }
            remediate::narrowed(
                whole,
                |step| step.owners().contains(&Some(owner.as_str())),
                |blast| blast.owners.iter().any(|o| o.as_deref() == Some(owner)),
            )
        }
        Some(Only::Service(service)) => {
            let selection = Selection { services: vec![service.clone()], ..Selection::default() };
            let rows: BTreeSet<&RowId> =
                selection.of(services, &|_| None)?.into_iter().map(|s| &s.row_id).collect();
            remediate::narrowed(
                whole,
                |step| step.line.services.iter().any(|row| rows.contains(row)),
                |blast| blast.endpoints.iter().any(|e| rows.contains(&e.row_id)),
            )
        }
        Some(Only::Key(prefix)) => {
            let spki = key(judged, prefix)?;
            let blast = remediate::blast(&judged.evidence, &judged.assessment, &judged.types, &whole, spki);
            let none = remediate::narrowed(whole, |_| false, |_| false);
            Plan { blasts: blast.into_iter().collect(), ..none }
        }
    })
}

/// The one key that begins with these hex digits, with or without `sha256:` before them.
fn key(judged: &Judged, prefix: &str) -> Result<Spki, Error> {
    let digits = prefix.trim().to_ascii_lowercase();
    let digits = digits.strip_prefix("sha256:").unwrap_or(&digits).trim_end_matches('…');
    if digits.is_empty() || !digits.chars().all(|c| c.is_ascii_hexdigit()) {
        return Err(Error::Usage(format!(
            "`{prefix}` is not the beginning of a key: hex digits, as `allclear plan` and `allclear export keys` show them"
        )));
    }
    let wanted = format!("sha256:{digits}");
    let found: Vec<Spki> = judged
        .assessment
        .keys
        .iter()
        .map(|k| k.spki)
        .filter(|k| k.to_string().starts_with(&wanted))
        .collect();
    match found.as_slice() {
        [only] => Ok(*only),
        [] => Err(Error::Usage(format!(
            "no key that was seen begins with `{digits}`; `allclear export keys` lists all"
        ))),
        several => {
            let names: Vec<String> = several.iter().take(NAMED).map(ToString::to_string).collect();
            let more = several.len().saturating_sub(NAMED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            Err(Error::Usage(format!("`{digits}` is the beginning of {}{more}", names.join(", "))))
        }
    }
}

fn context(judged: &Judged, only: Option<&Only>) -> Context {
    let (evidence, assessment) = (&judged.evidence, &judged.assessment);
    Context {
        incident: evidence.incident.name.clone(),
        disclosure: assessment.disclosure.id.to_string(),
        title: assessment.disclosure.title.clone(),
        sweep: assessment.sweep,
        generated_at: assessment.now,
        chain_head: evidence.incident.chain_head.to_string(),
        presume: judged.assessment.policy.presume,
        tool: format!("allclear {}", env!("CARGO_PKG_VERSION")),
        only: only.cloned(),
    }
}
