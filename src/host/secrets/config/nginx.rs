//! nginx: directives that end with `;` and blocks in braces, also for its mail and stream modules.

use std::path::Path;

use super::{At, Include, Scope, Unit, Visit};

const SERVICE: &str = "nginx";

const MAIN: &[&str] = &[
    "/etc/nginx/nginx.conf",
    "/usr/local/etc/nginx/nginx.conf",
    "/usr/local/nginx/conf/nginx.conf",
    "/usr/local/openresty/nginx/conf/nginx.conf",
    "/opt/nginx/conf/nginx.conf",
    "/etc/angie/angie.conf",
];

/// A piece of the file. No `Debug`: it may be a password.
#[derive(PartialEq, Eq)]
pub(in super::super) enum Token {
    Word(String),
    End,
    Open,
    Close,
}

/// Reads nginx's configuration.
pub(in super::super) fn read(visit: &mut Visit<'_>) {
    for main in MAIN {
        visit.walk(main, &mut one);
    }
}

fn one(visit: &mut Visit<'_>, unit: &Unit<'_>) -> Vec<Include> {
    let base = unit.main.parent().unwrap_or(Path::new("/"));
    let mut includes = Vec::new();
    // One scope per open block: a block's keys stand beside that block's certificates.
    let mut scopes = vec![Scope::default()];
    let mut words: Vec<String> = Vec::new();
    let mut first = 0;
    for (line, token) in tokens(unit.text) {
        match token {
            Token::Word(word) => {
                if words.is_empty() {
                    first = line;
                }
                words.push(word);
            }
            Token::Open => {
                words.clear();
                if scopes.len() < 1000 {
                    scopes.push(Scope::default());
                }
            }
            Token::Close => {
                words.clear();
                if let Some(mut scope) = scopes.pop() {
                    scope.end(visit, SERVICE, false);
                }
            }
            Token::End => {
                if scopes.is_empty() {
                    scopes.push(Scope::default());
                }
                if let ([name, value, ..], Some(scope)) = (words.as_slice(), scopes.last_mut()) {
                    includes.extend(directive(visit, scope, (name, value), base, unit.at(first)));
                }
                words.clear();
            }
        }
    }
    for mut scope in scopes {
        scope.end(visit, SERVICE, false);
    }
    includes
}

fn directive(
    visit: &Visit<'_>,
    scope: &mut Scope,
    (name, value): (&str, &str),
    base: &Path,
    at: At<'_>,
) -> Option<Include> {
    // What it shows to the servers behind it.
    let client = ["proxy_", "grpc_", "uwsgi_"].iter().any(|start| name.starts_with(start));
    if name == "include" {
        let pattern = visit.path(SERVICE, value, base, at)?;
        return Some(Include { pattern, optional: false, suffix: "" });
    }
    if name.ends_with("ssl_certificate_key") {
        scope.key(visit.path(SERVICE, value, base, at)?, at, client);
    } else if name.ends_with("ssl_certificate") && !value.contains('$') {
        scope.certificate(visit.path(SERVICE, value, base, at)?, at, client);
    }
    None
}

/// The pieces with their lines.
pub(in super::super) fn tokens(text: &str) -> Vec<(usize, Token)> {
    let mut out = Vec::new();
    let mut line: usize = 1;
    let mut word: Option<(usize, String)> = None;
    let mut quote = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\n' {
            line = line.saturating_add(1);
        }
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (_, '\\') if chars.peek().is_some_and(|n| "\"'\\;{} ".contains(*n)) => {
                word.get_or_insert_with(|| (line, String::new())).1.extend(chars.next());
            }
            (None, '"' | '\'') if word.is_none() => {
                quote = Some(c);
                word = Some((line, String::new()));
            }
            (None, '#') if word.is_none() => while chars.next_if(|c| *c != '\n').is_some() {},
            // A brace behind `$` belongs to a variable's name.
            (None, '{') if word.as_ref().is_some_and(|w| w.1.ends_with('$')) => {
                let name =
                    std::iter::from_fn(|| chars.next_if(|c| !matches!(c, '}' | '\n'))).collect::<String>();
                if let Some((_, word)) = &mut word {
                    word.push_str(&name);
                }
                chars.next_if_eq(&'}');
            }
            (None, ';' | '{' | '}') => {
                out.extend(word.take().map(|(line, word)| (line, Token::Word(word))));
                out.push((
                    line,
                    if c == ';' {
                        Token::End
                    } else if c == '{' {
                        Token::Open
                    } else {
                        Token::Close
                    },
                ));
            }
            (None, c) if c.is_whitespace() => {
                out.extend(word.take().map(|(line, word)| (line, Token::Word(word))));
            }
            (_, c) => word.get_or_insert_with(|| (line, String::new())).1.push(c),
        }
    }
    out.extend(word.map(|(line, word)| (line, Token::Word(word))));
    out
}
