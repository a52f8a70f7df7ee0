//! `allclear tracker`: takes back what people changed in an exported tracker, and undoes that.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use super::{Console, Globals, attest::say};
use crate::{
    clock::Clock,
    error::{Error, Exit},
    model::{claim::Statement, edit::ImportId, text::printable},
    pipeline::tracker::{self, Import, Imported, Listed, RowPlan, Said},
};

/// Take back what people changed in an exported tracker or secrets file
#[derive(Debug, Args)]
pub(crate) struct TrackerArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Import(ImportArgs),
    Undo(UndoArgs),
    Imports(ImportsArgs),
}

/// Take people's columns of a tracker or secrets file back; shows what it would do unless --apply
///
/// Examples:
///   allclear export tracker -o tracker.csv    edit it in a spreadsheet, save it as CSV, XLSX or ODS
///   allclear tracker import tracker.xlsx      what would change, line by line
///   allclear tracker import tracker.xlsx --apply
///
/// The tool's columns are never taken. A row that is not in the file is left as it is. Where somebody else
/// changed the same cell since the export, nothing is overwritten unless --force.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches of the command line")]
struct ImportArgs {
    /// CSV (any delimiter, UTF-8, UTF-16 or Windows-1252), XLSX or ODS
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Record it
    #[arg(long)]
    apply: bool,
    /// Who takes it in, and says what no `claim_by` says
    #[arg(long, value_name = "NAME", env = "USER", hide_env_values = true)]
    by: Option<String>,
    /// The file wins where somebody else changed the same cell since the export
    #[arg(long)]
    force: bool,
    /// Exit with 1 at a conflict, and with 5 where any row or cell could not be taken
    #[arg(long)]
    strict: bool,
    /// What the file changes, as JSON
    #[arg(long)]
    json: bool,
}

/// Undo an import: the last one that stands, or the one named
#[derive(Debug, Args)]
struct UndoArgs {
    /// Such as i0003
    #[arg(value_name = "IMPORT")]
    import: Option<ImportId>,
    /// Who undoes it
    #[arg(long, value_name = "NAME", env = "USER", hide_env_values = true)]
    by: String,
}

/// List imports: when, by whom, from which file, whether undone
#[derive(Debug, Args)]
struct ImportsArgs {
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl TrackerArgs {
    pub(super) fn run(&self, globals: &Globals, console: &mut Console) -> Result<Exit, Error> {
        match &self.what {
            What::Import(args) => args.run(globals, console),
            What::Undo(args) => args.run(globals, console),
            What::Imports(args) => args.run(globals, console),
        }
    }
}

impl ImportArgs {
    fn run(&self, globals: &Globals, console: &mut Console) -> Result<Exit, Error> {
        let import =
            Import { file: &self.file, by: self.by.as_deref(), force: self.force, apply: self.apply };
        let imported = tracker::import(&globals.incident, &import, &globals.choice()?, &Clock::System)?;
        let plan = &imported.plan;
        let file = self.file.display().to_string();
        for notice in &plan.notices {
            let place = if notice.starts_with(|c: char| c.is_ascii_digit()) { ":" } else { ": " };
            console.note(&printable(&format!("{file}{place}{notice}")));
        }
        for problem in &plan.problems {
            let text = format!("{file}:{}:{}: {}", problem.line, problem.place, problem.message);
            console.warn(&printable(&text));
        }
        if self.json {
            let document = json!({
                "schema": "allclear.import/1", "file": file, "form": imported.form, "applied": imported.id,
                "plan": plan,
            });
            writeln!(console.out, "{document:#}").map_err(Error::stdout)?;
        } else {
            show(&imported, &file, globals, console)?;
        }
        Ok(match (plan.problems.is_empty(), plan.conflicts.is_empty()) {
            (false, _) if self.strict => Exit::BadInput,
            (_, false) if self.strict => Exit::Open,
            _ => Exit::Done,
        })
    }
}

/// What an import changes or changed, for a reader.
fn show(imported: &Imported, file: &str, globals: &Globals, console: &mut Console) -> Result<(), Error> {
    let plan = &imported.plan;
    let mut lines: Vec<String> = plan.rows.iter().flat_map(row_lines).collect();
    for conflict in &plan.conflicts {
        let now = cell(&conflict.now);
        let why = match &conflict.origin {
            Some(o) => {
                let import = o.import.map(|id| format!(", {id}")).unwrap_or_default();
                let when = o.at.short();
                format!("since the export somebody made it {now} (by {}, {when}{import})", o.by)
            }
            None => format!("here it is {now}, and which of them is newer cannot be told"),
        };
        lines.push(format!(
            "conflict: {}  {}: the file says {}, and {why}; not taken",
            conflict.label,
            conflict.column,
            cell(&conflict.file)
        ));
    }
    for line in &lines {
        writeln!(console.out, "{}", printable(line)).map_err(Error::stdout)?;
    }
    if !imported.claims.is_empty() {
        say(&imported.claims, globals, console)?;
    }
    let mut text = totals(imported);
    if let Some(id) = imported.id {
        text.push(format!("Recorded as {id}. To take it back: allclear tracker undo {id}"));
    } else if plan.is_empty() {
        text.push("Nothing to record.".to_owned());
    } else {
        text.push(format!("Nothing is recorded yet. To record it: allclear tracker import {file} --apply"));
    }
    if !plan.conflicts.is_empty() {
        text.push("Conflicts: export again and edit there, or take the file's word with --force.".to_owned());
    }
    for line in text {
        writeln!(console.out, "{}", printable(&line)).map_err(Error::stdout)?;
    }
    Ok(())
}

/// A row's changes, one line each.
fn row_lines(row: &RowPlan) -> Vec<String> {
    let changes = row
        .changes
        .iter()
        .map(|c| format!("{}  {}: {} -> {}", row.label, c.column, cell(&c.from), cell(&c.to)));
    let said = row.said.iter().map(|said| format!("{}  {}", row.label, words(said)));
    changes.chain(said).collect()
}

/// A value on a line: an empty one must be seen.
fn cell(text: &str) -> String {
    const WIDTH: usize = 80;
    if text.is_empty() {
        return "(empty)".to_owned();
    }
    let cut: String = text.replace('\n', " / ").chars().take(WIDTH).collect();
    if text.chars().count() > WIDTH { format!("{cut}…") } else { cut }
}

fn words(said: &Said) -> String {
    let what = match &said.statement {
        Statement::FacetDone { facet } => format!("claim: {facet} done"),
        Statement::SecretIs { state } => format!("claim: {state}"),
        Statement::NotAffected { justification } => format!("not affected: {justification}"),
        Statement::Waive { facet, until } => {
            let facet = facet.map(|f| format!("{f} ")).unwrap_or_default();
            format!("{facet}waived until {}", until.date())
        }
        Statement::Decommissioned { .. } => "claim: decommissioned".to_owned(),
        Statement::Withdraw { facet: Some(facet) } => format!("withdrawn: {facet}"),
        Statement::Withdraw { facet: None } => "withdrawn: what was claimed".to_owned(),
        Statement::NegativeTest { outcome, .. } => format!("old value {outcome}"),
        Statement::StillActive { count, .. } => format!("{count} old ones active"),
    };
    let by = said.by.as_ref().map(|by| format!(", by {by}")).unwrap_or_default();
    let at = said.done_at.map(|at| format!(", done {}", at.short())).unwrap_or_default();
    let reference = said.reference.as_ref().map(|r| format!(", {r}")).unwrap_or_default();
    let note = said.note.as_ref().map(|n| format!(" ({})", cell(n))).unwrap_or_default();
    let again = if said.again { "stays: " } else { "" };
    format!("{again}{what}{by}{at}{reference}{note}")
}

/// One count and what it counts.
fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn totals(imported: &Imported) -> Vec<String> {
    let plan = &imported.plan;
    let of = |n: usize| n as u64;
    let mut parts = vec![
        counted(of(plan.fields()), "field", "fields"),
        counted(of(plan.claims()), "claim", "claims"),
        counted(of(plan.conflicts.len()), "conflict", "conflicts"),
        format!("{} refused", of(plan.problems.len())),
    ];
    if plan.counts.damaged > 0 {
        parts.push(format!(
            "{} damaged by a spreadsheet and kept",
            counted(plan.counts.damaged, "cell", "cells")
        ));
    }
    let mut lines = vec![format!(
        "{} ({}): {} of ours, {} changed: {}",
        if imported.id.is_some() { "Import" } else { "Dry run" },
        imported.form,
        counted(plan.counts.rows, "row", "rows"),
        plan.rows.len(),
        parts.join(", ")
    )];
    if plan.counts.tool_rows > 0 {
        lines.push(format!(
            "{}: the tool's columns were edited; they are not taken.",
            counted(plan.counts.tool_rows, "row", "rows")
        ));
    }
    if plan.counts.older > 0 {
        lines.push(format!(
            "{} exported before the tool's view of them changed: look whether the edits still fit.",
            counted(plan.counts.older, "row was", "rows were")
        ));
    }
    lines
}

impl UndoArgs {
    fn run(&self, globals: &Globals, console: &mut Console) -> Result<Exit, Error> {
        let undone = tracker::undo(&globals.incident, self.import, &self.by, &Clock::System)?;
        let text = format!(
            "undone: {} ({}, {} by {}): {}, {}; {}",
            undone.id,
            undone.file,
            undone.at.short(),
            undone.by,
            counted(undone.fields, "field", "fields"),
            counted(undone.claims, "claim", "claims"),
            "what stood before them stands again, except where a later import changed the same field"
        );
        writeln!(console.out, "{}", printable(&text)).map_err(Error::stdout)?;
        Ok(Exit::Done)
    }
}

impl ImportsArgs {
    fn run(&self, globals: &Globals, console: &mut Console) -> Result<Exit, Error> {
        let all = tracker::imports(&globals.incident)?;
        if self.json {
            let document = json!({ "schema": "allclear.imports/1", "imports": all });
            writeln!(console.out, "{document:#}").map_err(Error::stdout)?;
            return Ok(Exit::Done);
        }
        if all.is_empty() {
            console.note("No tracker was imported yet.");
        }
        for listed in &all {
            writeln!(console.out, "{}", printable(&line(listed))).map_err(Error::stdout)?;
        }
        Ok(Exit::Done)
    }
}

fn line(listed: &Listed) -> String {
    let undone =
        listed.undone.as_ref().map_or(String::new(), |(at, by)| format!("  undone {} by {by}", at.short()));
    format!(
        "{}  {}  {}  {}  {}, {}, {}{undone}",
        listed.id,
        listed.at.short(),
        listed.by,
        listed.file,
        counted(listed.rows, "row", "rows"),
        counted(listed.fields, "field", "fields"),
        counted(listed.claims, "claim", "claims"),
    )
}
