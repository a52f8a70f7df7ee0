//! For Jira's CSV import: one issue for each row that owes something.
//!
//! The issue's own key for later imports is `External ID`. `Assignee` holds the owner as the inventory names it; the
//! importer asks once which user that is. Dates are ISO, and the importer has to be told `yyyy-MM-dd`. Labels take no
//! blanks, and the column stands there once for each. The description is Jira's wiki mark-up: what could act in it is
//! escaped, and the text has lines.

use std::io::{self, Write};

use super::{
    Export, Form, View,
    case::{Case, Severity, cases},
    csv::{Cell, Dialect, Sheet},
    markdown::{cut, tame},
};
use crate::model::text::printable;

/// The registry's entry.
pub const EXPORT: Export = Export {
    name: "jira",
    about: "Jira: CSV with one issue for each row that owes something",
    form: Form::ImporterCsv,
    notes: &[
        "holds rows that owe something or could not be judged; finished and waived rows have no issue",
        "due dates are ISO 8601: choose the date format yyyy-MM-dd at the import",
        "map External ID, so that a later import finds the same issue",
    ],
    header,
    write,
};

fn header() -> Vec<&'static str> {
    "Summary,Issue Type,Priority,Assignee,Labels,Labels,Labels,Labels,Due Date,Description,External ID"
        .split(',')
        .collect()
}

/// Writes header and rows.
pub fn write(view: &View<'_>, dialect: Dialect, out: &mut dyn Write) -> io::Result<u64> {
    let mut sheet = Sheet::new(out, dialect, &header())?;
    for case in cases(view).iter().filter(|c| c.outcome.is_owed()) {
        let entry = case.row.entry;
        let exposure = case.row.service.map(|s| format!("exposure-{}", s.exposure())).unwrap_or_default();
        sheet.row([
            Cell::text(case.title()),
            Cell::tool("Task"),
            Cell::tool(priority(case.severity)),
            Cell::text(case.row.owner().unwrap_or_default()),
            Cell::tool("allclear"),
            Cell::text(label(&entry.disclosure)),
            Cell::tool(entry.state),
            Cell::tool(exposure),
            Cell::maybe(entry.due.map(super::super::model::time::Timestamp::date)),
            Cell::text(description(case, view)),
            Cell::text(case.id()),
        ])?;
    }
    sheet.finish()
}

/// The names that every Jira begins with.
const fn priority(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "Highest",
        Severity::High => "High",
        Severity::Medium => "Medium",
        Severity::Low => "Low",
        Severity::Info => "Lowest",
    }
}

fn label(text: &str) -> String {
    tame(text, 100).replace(' ', "-")
}

fn description(case: &Case<'_>, view: &View<'_>) -> String {
    let lines: Vec<String> =
        case.facts(view).iter().map(|(name, text)| format!("*{name}:* {}", wiki(text))).collect();
    lines.join("\n")
}

/// A text of one line with Jira's mark-up escaped: mentions, links, images, macros, tables, and a dash or plus sign where
/// it could begin a style.
fn wiki(text: &str) -> String {
    let text = printable(cut(text, 4_000).as_str()).into_owned();
    let mut out = String::with_capacity(text.len() + 8);
    let mut before = ' ';
    for c in text.chars() {
        // Two of them are a line break in Jira, so a backslash cannot escape itself: its full-width form shows the same.
        let c = if c == '\\' { '\u{ff3c}' } else { c };
        let always = matches!(c, '{' | '}' | '[' | ']' | '!' | '|' | '*' | '_' | '^' | '~' | '#' | '@' | '<');
        let at_the_edge = matches!(c, '-' | '+' | '?') && !before.is_alphanumeric();
        if always || at_the_edge {
            out.push('\\');
        }
        // A bare address would become a link.
        if c == '/' && before == ':' {
            out.push('\\');
        }
        out.push(c);
        before = c;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_others_do_nothing() {
        let table = [
            ("web-01.example.test", "web-01.example.test"),
            ("[~admin] {code} !x.png!", "\\[\\~admin\\] \\{code\\} \\!x.png\\!"),
            ("a\\{x", "a\u{ff3c}\\{x"),
            ("-gone- a-b", "\\-gone- a-b"),
            ("https://evil.test", "https:\\//evil.test"),
        ];
        for (input, expected) in table {
            assert_eq!(wiki(input), expected, "input: {input:?}");
        }
        assert_eq!(label("a b\tc"), "a-b_c");
    }
}
