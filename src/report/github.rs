//! For GitHub: JSON Lines, one issue a line, for each row that owes something. GitHub has no import of issues; a line is
//! the body of one request:
//!
//! `allclear export github | while IFS= read -r issue; do printf '%s' "$issue" | gh api repos/OWNER/REPO/issues --input -; done`
//!
//! The owner becomes the label `owner:NAME`. It becomes an assignee only where the inventory writes it as a login, with an
//! `@` before it: GitHub refuses an issue with an assignee whom it does not know, and a team's name may be a stranger's
//! login. The body is Markdown in which nothing of others acts; see `markdown`.

use std::io::{self, Write};

use serde::Serialize;

use super::{Export, Form, View, case::cases, csv::Dialect, gitlab::description, json, markdown::tame};

/// The most characters of a label.
const LABEL: usize = 50;

/// The registry's entry.
pub const EXPORT: Export = Export {
    name: "github",
    about: "GitHub: JSON Lines, one issue for each row that owes something, for gh api",
    form: Form::JsonLines,
    notes: &[
        "holds rows that owe something or could not be judged; finished and waived rows have no issue",
        "an owner written as @login is an assignee, every owner is a label owner:NAME",
    ],
    header: Vec::new,
    write,
};

#[derive(Serialize)]
struct Issue {
    title: String,
    body: String,
    labels: Vec<String>,
    assignees: Vec<String>,
}

/// Writes one line a row.
pub fn write(view: &View<'_>, _: Dialect, out: &mut dyn Write) -> io::Result<u64> {
    let mut rows = 0;
    for case in cases(view).iter().filter(|c| c.outcome.is_owed()) {
        let owner = case.row.owner();
        let mut labels = vec![
            "allclear".to_owned(),
            tame(&case.row.entry.disclosure, LABEL),
            format!("state:{}", case.row.entry.state),
            format!("severity:{}", case.severity.as_str().to_ascii_lowercase()),
        ];
        labels.extend(owner.map(|o| tame(&format!("owner:{o}"), LABEL)));
        let issue = Issue {
            title: case.title(),
            body: description(case, view),
            labels,
            assignees: owner.and_then(login).into_iter().collect(),
        };
        json::write(&issue, out)?;
        writeln!(out)?;
        rows += 1;
    }
    Ok(rows)
}

/// The login that an owner is written as: `@octocat`. At most 39 letters, digits and single inner dashes.
fn login(owner: &str) -> Option<String> {
    let login = owner.strip_prefix('@')?;
    let sound = (1..=39).contains(&login.len())
        && login.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !login.starts_with('-')
        && !login.ends_with('-')
        && !login.contains("--");
    sound.then(|| login.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_login_written_as_one_is_an_assignee() {
        for (owner, expected) in [
            ("@octocat", Some("octocat")),
            ("octocat", None),
            ("@team web", None),
            ("@-x", None),
            ("@a--b", None),
            ("@", None),
            ("@=cmd", None),
        ] {
            assert_eq!(login(owner).as_deref(), expected, "{owner}");
        }
    }
}
