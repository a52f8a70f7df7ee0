//! For GitLab's CSV import of issues: title, description and due date, for each row that owes something.
//!
//! GitLab runs commands: a line that begins with `/close` closes, `@all` mentions everybody, in a title too. No line
//! begins with a text of others, and such text stands in code spans (`markdown`), where GitLab looks for nothing; a title
//! keeps letters, digits and the signs of host names (`markdown::tame`). GitLab's import has no column for an id of ours:
//! it stands in the description as `Row`.

use std::io::{self, Write};

use super::{
    Export, Form, View,
    case::{Case, cases},
    csv::{Cell, Dialect, Sheet},
    markdown::{code, prose},
};

/// The registry's entry.
pub const EXPORT: Export = Export {
    name: "gitlab",
    about: "GitLab: CSV with one issue for each row that owes something",
    form: Form::ImporterCsv,
    notes: &[
        "holds rows that owe something or could not be judged; finished and waived rows have no issue",
        "due dates are ISO 8601: YYYY-MM-DD",
        "GitLab makes new issues at each import; the row is named in the description",
    ],
    header,
    write,
};

fn header() -> Vec<&'static str> {
    vec!["title", "description", "due_date"]
}

/// Writes header and rows.
pub fn write(view: &View<'_>, dialect: Dialect, out: &mut dyn Write) -> io::Result<u64> {
    let mut sheet = Sheet::new(out, dialect, &header())?;
    for case in cases(view).iter().filter(|c| c.outcome.is_owed()) {
        sheet.row([
            Cell::text(case.title()),
            Cell::text(description(case, view)),
            Cell::maybe(case.row.entry.due.map(super::super::model::time::Timestamp::date)),
        ])?;
    }
    sheet.finish()
}

/// The description of an issue in Markdown: a paragraph for each fact, which begins with its heading. Names and ids
/// stand in code spans whole, sentences word by word.
pub(super) fn description(case: &Case<'_>, view: &View<'_>) -> String {
    let named =
        |name: &str| matches!(name, "Service" | "Key shared with" | "Owner" | "Row" | "Incident" | "Ticket");
    let paragraphs: Vec<String> = case
        .facts(view)
        .iter()
        .map(|(name, text)| format!("**{name}:** {}", if named(name) { code(text) } else { prose(text) }))
        .collect();
    paragraphs.join("\n\n")
}
