//! The syntax that most services share: one directive a line, a name, perhaps `=` or `:`, a value. Pure.

use std::borrow::Cow;

/// One directive. No `Debug`: a value may be a password.
pub(in super::super) struct Directive<'a> {
    /// Counted from 1.
    pub(in super::super) line: usize,
    /// As it stands there.
    pub(in super::super) name: &'a str,
    /// The value without quotes; a text that [`super`] takes for a variable where it is an expression.
    pub(in super::super) value: Cow<'a, str>,
}

/// What a line says.
pub(in super::super) enum Line<'a> {
    /// A block begins or ends, with the name of a section where it has one.
    Edge(&'a str),
    /// A directive.
    Directive(Directive<'a>),
}

/// How lines that belong together are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in super::super) enum Continued {
    /// They are not.
    #[default]
    No,
    /// A line that begins with a space belongs to the one before.
    Indent,
    /// A line that ends with a backslash is continued.
    Backslash,
}

/// A value that is an expression, in a form that no path has.
pub(in super::super) const EXPRESSION: &str = "\u{1}";

/// All lines of a text that say something. `comments` are what comments begin with.
pub(in super::super) fn lines<'a>(text: &'a str, comments: &[&str], continued: Continued) -> Vec<Line<'a>> {
    let mut out = Vec::new();
    for whole in joined(text, comments, continued) {
        match whole.more {
            None => push(&mut out, whole.number, whole.first, comments),
            Some(more) => {
                let Some((name, rest)) = split_name(whole.first.trim()) else { continue };
                let rest = format!("{rest}{more}");
                let value = Cow::Owned(value(&rest, comments).into_owned());
                out.push(Line::Directive(Directive { line: whole.number, name, value }));
            }
        }
    }
    out
}

/// A line, and what follows it on the next ones.
struct Joined<'a> {
    number: usize,
    first: &'a str,
    more: Option<String>,
}

fn joined<'a>(text: &'a str, comments: &[&str], continued: Continued) -> Vec<Joined<'a>> {
    let mut out: Vec<Joined<'a>> = Vec::new();
    let mut open = false;
    for (n, line) in text.lines().enumerate() {
        let trimmed = line.trim();
        let comment = comments.iter().any(|c| trimmed.starts_with(c));
        let belongs = match continued {
            Continued::No => false,
            Continued::Indent => !comment && line.starts_with([' ', '\t']) && !trimmed.is_empty(),
            Continued::Backslash => open,
        };
        let mut body = line;
        if continued == Continued::Backslash {
            open = line.ends_with('\\') && (belongs || !comment);
            body = line.strip_suffix('\\').unwrap_or(line);
        }
        match out.last_mut() {
            Some(last) if belongs => {
                let more = last.more.get_or_insert_default();
                more.push(' ');
                more.push_str(body.trim());
            }
            _ if comment || trimmed.is_empty() => {}
            _ => out.push(Joined { number: n.saturating_add(1), first: body, more: None }),
        }
    }
    out
}

fn push<'a>(out: &mut Vec<Line<'a>>, number: usize, line: &'a str, comments: &[&str]) {
    let line = line.trim();
    if let Some(section) = line.strip_prefix('[') {
        out.push(Line::Edge(section.split(']').next().unwrap_or_default().trim()));
        return;
    }
    if line.starts_with('}') || line.starts_with('<') {
        out.push(Line::Edge(""));
    }
    if let Some((name, rest)) = split_name(line) {
        let opens = line.ends_with('{');
        let value = value(rest, comments);
        out.push(Line::Directive(Directive { line: number, name, value }));
        if opens {
            out.push(Line::Edge(""));
        }
    }
}

/// A name and what follows it.
fn split_name(line: &str) -> Option<(&str, &str)> {
    // A list of YAML, an override of Postfix, an option of sendmail, a term of Erlang.
    let marks = ["- ", "-o ", "O "];
    let line = marks.iter().find_map(|mark| line.strip_prefix(mark)).unwrap_or(line);
    let line = line.trim_start_matches(['{', '[']).trim_start();
    if let Some(quoted) = line.strip_prefix('"') {
        return quoted.split_once('"');
    }
    let end = line.find(|c: char| c.is_whitespace() || matches!(c, '=' | ':' | ','))?;
    let (name, rest) = line.split_at_checked(end)?;
    (!name.is_empty()).then_some((name, rest))
}

/// The value in what follows a name.
fn value<'a>(rest: &'a str, comments: &[&str]) -> Cow<'a, str> {
    let rest = rest.trim_start();
    let mut body = rest;
    for sign in ["=>", "+=", ":=", "?=", "=", ":", ","] {
        if let Some(after) = rest.strip_prefix(sign) {
            body = after;
            break;
        }
    }
    let assigned = body.len() != rest.len();
    let body = body.trim_start();
    for quote in ['"', '\''] {
        let Some(inner) = body.strip_prefix(quote) else { continue };
        let Some((inside, after)) = inner.split_once(quote) else { return Cow::Borrowed(EXPRESSION) };
        let joined = after.trim_start().starts_with(['+', '.']) && assigned;
        return Cow::Borrowed(if joined { EXPRESSION } else { inside });
    }
    if !assigned {
        return Cow::Borrowed(body.split_whitespace().next().unwrap_or_default().trim_end_matches(';'));
    }
    let mut end = body.len();
    for mark in comments {
        for space in [' ', '\t'] {
            if let Some(at) = body.find(&format!("{space}{mark}")) {
                end = end.min(at);
            }
        }
    }
    let cut = body.get(..end).unwrap_or(body);
    Cow::Borrowed(cut.trim().trim_end_matches([';', ',']).trim_end())
}

/// The words of a line, with quotes taken off.
pub(in super::super) fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None | Some('"'), '\\') => {
                if let Some(next) = chars.next() {
                    word.get_or_insert_default().push(next);
                }
            }
            (None, '#') if word.is_none() => break,
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// Replaces `$name`, `${name}` and `$(name)`. Absent where one is not known or they are nested too deeply.
pub(in super::super) fn expand<'v>(value: &str, lookup: &dyn Fn(&str) -> Option<&'v str>) -> Option<String> {
    let mut text = value.to_owned();
    for _ in 0..8 {
        let Some(at) = text.find('$') else { return Some(text) };
        let after = text.get(at.checked_add(1)?..)?;
        let (name, rest) = match after.chars().next()? {
            '{' => after.get(1..)?.split_once('}')?,
            '(' => after.get(1..)?.split_once(')')?,
            _ => {
                let end = after.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(after.len());
                after.split_at_checked(end)?
            }
        };
        text = format!("{}{}{rest}", text.get(..at)?, lookup(name)?);
        if text.len() > 4096 {
            return None;
        }
    }
    None
}
