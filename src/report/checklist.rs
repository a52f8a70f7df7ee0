//! The rotation checklist as Markdown and as one self-contained HTML page, through handlebars
//! templates (`reports/checklist.md.hbs`, `reports/checklist.html.hbs`). It lays out what `remediate`
//! planned and computes nothing of its own beyond counts.
//!
//! A user's own template gets the same data, [`View`], under the field names of its structs;
//! `docs/checklist-template.md` describes them. Strict mode is on: a misspelt name is an error, not an
//! empty place, and points at file, line and column. Everything that `{{name}}` prints is escaped for the format, and every text has lost
//! its control characters before a template sees it. Helpers, which escape too:
//!
//! * `{{prose text}}`: a text of ours in which backticks mark names and commands
//! * `{{mono text}}`: a name, shown as code
//! * `{{command text}}`: one line inside a code block
//! * `{{number @index}}`: the number of a step, from 1

pub(super) mod escape;
mod glance;
mod sheet;
mod strict;
mod view;

#[cfg(test)]
mod tests;

use handlebars::{Handlebars, RenderError, RenderErrorReason, TemplateError};

use crate::model::{
    checklist::{Checklist, NothingOwed},
    ids::SweepId,
    text::printable,
    time::Timestamp,
};

use escape::Format;

pub use glance::{GlanceItem, GlanceView};
pub use sheet::csv;
pub use view::{LineView, ListView, NothingOwedView, TierView, View};

const MARKDOWN: &str = include_str!("../../reports/checklist.md.hbs");
const HTML: &str = include_str!("../../reports/checklist.html.hbs");

/// A user's own template.
#[derive(Clone, Copy, Debug)]
pub struct Template<'a> {
    /// What errors call it: the file.
    pub name: &'a str,
    /// Its text.
    pub text: &'a str,
}

/// Why a checklist could not be written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The template is not handlebars, or asks for something that is not there.
    #[error("{place}: {why}")]
    Template {
        /// File, line and column, as far as they are known.
        place: String,
        /// What is wrong there.
        why: String,
    },
}

/// What stands around the lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// The incident's name.
    pub incident: String,
    /// The disclosure's id.
    pub disclosure: String,
    /// Its title.
    pub title: String,
    /// When it became public.
    pub disclosed_at: Timestamp,
    /// The last sweep; absent before the first.
    pub sweep: Option<SweepId>,
    /// When this was written.
    pub generated_at: Timestamp,
    /// The policy in force, in one line.
    pub policy: String,
    /// The head of the evidence chain.
    pub chain_head: String,
    /// What must be known before anything else, from the disclosure.
    pub first_words: Vec<String>,
    /// What has to be so for the hole to matter, from the disclosure; empty where it does not say.
    pub preconditions: String,
    /// What the disclosure asks to be rotated, in this order.
    pub rotate: Vec<String>,
    /// The version of the tool.
    pub tool: String,
    /// What the whole list is about, for people, where it is about a key or a secret; else empty.
    pub about: String,
    /// Services on which nothing is owed, with the reason.
    pub nothing_owed: Vec<NothingOwed>,
}

/// The checklists as GitHub-flavoured Markdown, by the default template or one's own.
pub fn markdown(
    lists: &[Checklist],
    context: &Context,
    template: Option<Template<'_>>,
) -> Result<String, Error> {
    let own = Template { name: "checklist.md.hbs", text: MARKDOWN };
    render(lists, context, template.unwrap_or(own), Format::Markdown)
}

/// The checklists as one HTML page without scripts or outside parts, by the default template or one's own.
pub fn html(lists: &[Checklist], context: &Context, template: Option<Template<'_>>) -> Result<String, Error> {
    let own = Template { name: "checklist.html.hbs", text: HTML };
    render(lists, context, template.unwrap_or(own), Format::Html)
}

fn render(
    lists: &[Checklist],
    context: &Context,
    template: Template<'_>,
    format: Format,
) -> Result<String, Error> {
    let mut registry = Handlebars::new();
    registry.set_strict_mode(true);
    escape::register(&mut registry, format);
    strict::register(&mut registry);
    if let Some(at) = partial(template.text) {
        let before = template.text.get(..at).unwrap_or_default();
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        let place = Some((before.matches('\n').count() + 1, column));
        let why = "it includes another template (`{{>` or `inline`); templates stand alone here".to_owned();
        return Err(fault(template, place, why));
    }
    registry.register_template_string("checklist", template.text).map_err(|e| unread(template, &e))?;
    registry.render("checklist", &view::view(lists, context)).map_err(|e| unfilled(template, &e))
}

fn fault(template: Template<'_>, at: Option<(usize, usize)>, why: String) -> Error {
    let at = at.map_or_else(String::new, |(line, column)| format!(":{line}:{column}"));
    Error::Template { place: format!("{}{at}", printable(template.name)), why }
}

fn unread(template: Template<'_>, error: &TemplateError) -> Error {
    fault(template, error.pos(), format!("the template cannot be read: {}", error.reason()))
}

fn unfilled(template: Template<'_>, error: &RenderError) -> Error {
    let why = match error.reason() {
        RenderErrorReason::MissingVariable(Some(name)) => {
            format!("`{name}` is no field here; docs/checklist-template.md lists those that there are")
        }
        RenderErrorReason::MissingVariable(None) => {
            "a field is used that is not there; docs/checklist-template.md lists those that are".to_owned()
        }
        other => other.to_string(),
    };
    fault(template, error.line_no.zip(error.column_no), why)
}

/// Where a template includes a template: one that includes itself would never end.
fn partial(template: &str) -> Option<usize> {
    template.match_indices("{{").map(|(at, _)| at).find(|at| {
        let tag = template.get(at + 2..).unwrap_or_default();
        let tag = tag.trim_start_matches(['{', '~', '#', '*']).trim_start();
        tag.starts_with('>') || tag.starts_with("inline")
    })
}
