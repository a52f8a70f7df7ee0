//! The checklist as CSV: one row a line, every field of it, in working order. For those who work in a spreadsheet;
//! what they write there is not read back (that is the tracker).

use std::{
    collections::BTreeSet,
    io::{self, Write},
};

use crate::{
    model::checklist::Line,
    report::csv::{Cell, Dialect, Sheet, list},
};

const HEADER: [&str; 24] = [
    "id",
    "tier",
    "code",
    "title",
    "services",
    "service_names",
    "secret",
    "location",
    "owner",
    "blocked_by",
    "blocked_by_text",
    "overlap",
    "impact",
    "why",
    "steps",
    "tool_checks",
    "attest",
    "evidence_wanted",
    "evidence_seen",
    "grade",
    "state",
    "done_by",
    "done_at",
    "runbook",
];

/// Writes header and rows; returns the number of rows. Lists of names and ids are joined with `;`; steps, what is
/// waited for, and commands are lines of their cell. A line without an owner of its own names those of its services.
pub fn csv(lines: &[Line], dialect: Dialect, out: &mut dyn Write) -> io::Result<u64> {
    let mut sheet = Sheet::new(out, dialect, &HEADER)?;
    for line in lines {
        let steps: Vec<String> = line.steps.iter().zip(1..).map(|(step, n)| format!("{n}. {step}")).collect();
        sheet.row([
            Cell::text(&*line.id),
            Cell::tool(line.tier),
            Cell::text(&*line.code),
            Cell::text(&*line.title),
            Cell::text(list(&line.services)),
            Cell::text(list(&line.service_names)),
            maybe(line.secret.as_ref()),
            maybe(line.location.as_ref()),
            Cell::text(owners(line)),
            Cell::text(list(&line.blocked_by)),
            Cell::text(line.blocked_by_text.join("\n")),
            Cell::tool(if line.overlap { "yes" } else { "no" }),
            maybe(line.impact.as_ref()),
            Cell::text(&*line.why),
            Cell::text(steps.join("\n")),
            maybe(line.tool_checks.as_ref()),
            maybe(line.attest.as_ref()),
            Cell::text(&*line.evidence_wanted),
            maybe(line.evidence_seen.as_ref()),
            Cell::maybe(line.grade),
            Cell::tool(line.state),
            maybe(line.done_by.as_ref()),
            Cell::time(line.done_at),
            maybe(line.runbook.as_ref()),
        ])?;
    }
    sheet.finish()
}

fn maybe(text: Option<&String>) -> Cell<'_> {
    Cell::text(text.map_or("", String::as_str))
}

fn owners(line: &Line) -> String {
    match &line.owner {
        Some(owner) => owner.clone(),
        None => list(line.service_owners.iter().flatten().collect::<BTreeSet<_>>()),
    }
}
