//! The shape of a disclosure: which fields there are, of which type, and which words they take.

use std::{collections::BTreeSet, ops::Range, str::FromStr};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::model::{
    disclosure::{Confidence, Owed, ProbeKind, RowStatus},
    host::TlsLibrary,
    time::Timestamp,
    wrap::Transport,
};

use super::{super::near, Faults, rows, short};

/// One field.
pub(super) struct Field {
    name: &'static str,
    required: bool,
    kind: Kind,
}

enum Kind {
    /// A text that says something.
    Text,
    /// A text that may be empty.
    Remark,
    /// A list of texts that say something.
    Texts,
    /// A text that a reader takes.
    Word(fn(&str) -> Result<(), String>),
    /// A list of those.
    Words(fn(&str) -> Result<(), String>),
    /// A table.
    Table(&'static [Field]),
    /// The rows of packages.
    Rows,
}

const fn required(name: &'static str, kind: Kind) -> Field {
    Field { name, required: true, kind }
}

const fn optional(name: &'static str, kind: Kind) -> Field {
    Field { name, required: false, kind }
}

const DISCLOSURE: &[Field] = &[
    required("id", Kind::Word(id)),
    optional("aliases", Kind::Texts),
    required("title", Kind::Text),
    required("disclosed_at", Kind::Word(member::<Timestamp>)),
    optional("severity", Kind::Text),
    optional("confidence", Kind::Remark),
    required("leaks", Kind::Text),
    optional("exposes", Kind::Texts),
    optional("preconditions", Kind::Remark),
    optional("first_words", Kind::Texts),
    optional("links", Kind::Texts),
    optional("notes", Kind::Texts),
    optional("sources", Kind::Texts),
    optional("feature", Kind::Text),
    optional("never_in", Kind::Words(member::<TlsLibrary>)),
    optional("only_over", Kind::Word(member::<Transport>)),
    optional("not_analysed", Kind::Words(branch)),
    optional("rotate", Kind::Table(ROTATE)),
    optional("probe", Kind::Table(PROBE)),
    optional("affected", Kind::Rows),
];

const ROTATE: &[Field] = &[
    optional("keys", Kind::Word(member::<Owed>)),
    optional("secrets", Kind::Word(member::<Owed>)),
    optional("steps", Kind::Texts),
];

const PROBE: &[Field] = &[
    optional("kind", Kind::Word(member::<ProbeKind>)),
    optional("method", Kind::Remark),
    optional("proves", Kind::Remark),
    optional("cannot", Kind::Remark),
];

pub(super) const ROW: &[Field] = &[
    required("ecosystem", Kind::Text),
    required("package", Kind::Text),
    optional("status", Kind::Word(member::<RowStatus>)),
    optional("introduced", Kind::Text),
    optional("fixed", Kind::Text),
    optional("last_affected", Kind::Text),
    optional("versions", Kind::Texts),
    required("advisory", Kind::Text),
    optional("confidence", Kind::Word(member::<Confidence>)),
    optional("note", Kind::Remark),
];

fn member<T: FromStr<Err: std::fmt::Display>>(text: &str) -> Result<(), String> {
    text.parse::<T>().map(|_| ()).map_err(|e| e.to_string())
}

/// An id is a file's name and a word on a command line.
fn id(text: &str) -> Result<(), String> {
    let inner = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
    let fits =
        text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(inner) && text.len() <= 80;
    let expected = "expected letters, digits, `-`, `_`, `.` and `:`, such as CVE-2014-0160";
    if fits { Ok(()) } else { Err(format!("`{}` is not an id; {expected}", short(text))) }
}

fn branch(text: &str) -> Result<(), String> {
    let expected = "expected one such as 1.0.2 or 3.1";
    let found = super::super::ranges::branch(text).map(|_| ());
    found.ok_or_else(|| format!("`{}` is not a branch of OpenSSL; {expected}", short(text)))
}

/// Finds everything that is wrong with a disclosure's table.
pub(super) fn disclosure(root: &DeTable<'_>, faults: &mut Faults) {
    fields(root, DISCLOSURE, 0, "the disclosure", faults);
    let aliases = texts(root, "aliases");
    let mut seen: BTreeSet<String> = BTreeSet::new();
    for (alias, span) in aliases {
        if !seen.insert(alias.to_lowercase()) {
            faults.add(span.start, format!("alias `{}` is there twice", short(alias)));
        }
    }
    if let Some(rotate) = value(root, "rotate").and_then(|v| v.get_ref().as_table()) {
        let steps = texts(rotate, "steps").next().is_some();
        for name in ["keys", "secrets"] {
            if let Some((word, span)) = text(rotate, name).filter(|(w, _)| *w == Owed::Yes.as_str() && !steps)
            {
                faults
                    .add(span.start, format!("rotate.{name} is `{word}`, and rotate.steps does not say how"));
            }
        }
    }
    rows::check(root, faults);
}

/// Checks the fields of a table that begins at `at`; `what` names it.
pub(super) fn fields(table: &DeTable<'_>, known: &[Field], at: usize, what: &str, faults: &mut Faults) {
    for (key, value) in table {
        let name: &str = key.get_ref();
        match known.iter().find(|field| field.name == name) {
            Some(field) => one(field, value, faults),
            None => faults.add_with(key.span().start, || unknown(name, known, what)),
        }
    }
    for field in known.iter().filter(|field| field.required && value(table, field.name).is_none()) {
        faults.add_with(at, || format!("{what} has no `{}`", field.name));
    }
}

fn unknown(name: &str, known: &[Field], what: &str) -> String {
    let names = near::names(name, known.iter().map(|field| field.name), 1);
    let perhaps = match names.first() {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("known: {}", known.iter().map(|field| field.name).collect::<Vec<_>>().join(", ")),
    };
    format!("{what} has no field `{}`; {perhaps}", short(name))
}

fn one(field: &Field, value: &Spanned<DeValue<'_>>, faults: &mut Faults) {
    let at = value.span().start;
    let wrong = |faults: &mut Faults, expected: &str| {
        let found = value.get_ref().type_str();
        faults.add(at, format!("`{}` is {expected}, and not of type {found}", field.name));
    };
    match field.kind {
        Kind::Text | Kind::Remark | Kind::Word(_) => match value.get_ref().as_str() {
            Some(text) => line(field, text, at, faults),
            None => wrong(faults, "a text"),
        },
        Kind::Texts | Kind::Words(_) => match value.get_ref().as_array() {
            Some(items) => {
                for item in items {
                    match item.get_ref().as_str() {
                        Some(text) => line(field, text, item.span().start, faults),
                        None => faults.add(item.span().start, format!("`{}` is a list of texts", field.name)),
                    }
                }
            }
            None => wrong(faults, "a list of texts"),
        },
        Kind::Table(known) => match value.get_ref().as_table() {
            Some(table) => fields(table, known, at, &format!("`{}`", field.name), faults),
            None => wrong(faults, "a table"),
        },
        Kind::Rows => match value.get_ref().as_array() {
            Some(rows) => {
                for row in rows {
                    match row.get_ref().as_table() {
                        Some(table) => fields(table, ROW, row.span().start, "the row", faults),
                        None => faults.add(row.span().start, "a row is a table".to_owned()),
                    }
                }
            }
            None => wrong(faults, "a list of rows"),
        },
    }
}

fn line(field: &Field, text: &str, at: usize, faults: &mut Faults) {
    match field.kind {
        Kind::Text | Kind::Texts if text.trim().is_empty() => {
            faults.add(at, format!("`{}` is empty", field.name));
        }
        Kind::Word(read) | Kind::Words(read) => {
            if let Err(message) = read(text) {
                faults.add(at, format!("`{}`: {message}", field.name));
            }
        }
        _ => {}
    }
}

/// The value of a field.
pub(super) fn value<'t, 'i>(table: &'t DeTable<'i>, name: &str) -> Option<&'t Spanned<DeValue<'i>>> {
    table.get(name)
}

/// A text and its place.
pub(super) fn text<'t>(table: &'t DeTable<'_>, name: &str) -> Option<(&'t str, Range<usize>)> {
    let value = value(table, name)?;
    value.get_ref().as_str().map(|text| (text, value.span()))
}

/// The texts of a list with their places.
pub(super) fn texts<'t>(table: &'t DeTable<'_>, name: &str) -> impl Iterator<Item = (&'t str, Range<usize>)> {
    let items = value(table, name).and_then(|value| value.get_ref().as_array()).into_iter().flatten();
    items.filter_map(|item| item.get_ref().as_str().map(|text| (text, item.span())))
}
