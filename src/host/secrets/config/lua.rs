//! Prosody: configuration in Lua. Only assignments of plain strings are understood; a key whose path is
//! computed is a gap.

use std::path::{Path, PathBuf};

use super::{Include, Kind, Mention, Scope, Unit, Visit, glob};

const SERVICE: &str = "prosody";

/// Reads Prosody's configuration, and the folder of certificates that it names.
pub(in super::super) fn read(visit: &mut Visit<'_>) {
    for main in ["/etc/prosody/prosody.cfg.lua", "/usr/local/etc/prosody/prosody.cfg.lua"] {
        let mut folder = None;
        let mut there = None;
        visit.walk(main, &mut |visit, unit| {
            there = unit.main.parent().map(Path::to_path_buf);
            one(visit, unit, &mut folder)
        });
        if let Some(base) = there {
            let folder = folder.unwrap_or_else(|| (base.join("certs"), None));
            keys_in_folder(visit, &folder);
        }
    }
}

/// Keys that it finds by name: `host.key` beside `host.crt`, or `host/privkey.pem`.
fn keys_in_folder(visit: &mut Visit<'_>, (folder, at): &(PathBuf, Option<String>)) {
    for (pattern, certificate) in [("*.key", None), ("*/privkey.pem", Some("fullchain.pem")), ("*.pem", None)]
    {
        for path in glob::expand(visit.root, visit.cover, &folder.join(pattern)) {
            let certificate =
                certificate.map_or_else(|| path.with_extension("crt"), |name| path.with_file_name(name));
            visit.mention(Mention {
                path,
                kind: Kind::Maybe,
                service: SERVICE.to_owned(),
                client: false,
                at: at.clone(),
                certificate: Some(certificate),
            });
        }
    }
}

fn one(
    visit: &mut Visit<'_>,
    unit: &Unit<'_>,
    folder: &mut Option<(PathBuf, Option<String>)>,
) -> Vec<Include> {
    let mut includes = Vec::new();
    let mut scope = Scope::default();
    let base = unit.main.parent().unwrap_or(Path::new("/"));
    for said in assignments(unit.text) {
        let at = unit.at(said.line);
        let name = said.name.as_str();
        if name == "}" {
            scope.end(visit, SERVICE, false);
            continue;
        }
        let is_key = matches!(name, "key" | "https_key") || name.ends_with("ssl_key");
        let is_certificate =
            matches!(name, "certificate" | "https_certificate") || name.ends_with("ssl_certificate");
        if !(is_key || is_certificate || matches!(name, "certificates" | "Include")) {
            continue;
        }
        // Modules have options named `key`, too, which are secrets: only what is plainly a path is taken for one.
        let is_path = |value: &String| {
            let ending = Path::new(value).extension();
            !is_key || ending.is_some_and(|e| e == "key" || e == "pem")
        };
        let Some(value) = said.value.filter(is_path) else {
            visit.gap("variable-path", SERVICE, at);
            continue;
        };
        let Some(path) = visit.path(SERVICE, &value, base, at) else { continue };
        match name {
            "Include" => includes.push(Include { pattern: path, optional: true, suffix: "" }),
            "certificates" => *folder = Some((path, Some(at.to_string()))),
            _ if is_key => scope.key(path, at, false),
            _ => scope.certificate(path, at, false),
        }
    }
    scope.end(visit, SERVICE, false);
    includes
}

/// `name = "value"`, or a call `name "value"`; a closing brace is the name `}`. No `Debug`: it may be a
/// password.
pub(in super::super) struct Said {
    pub(in super::super) line: usize,
    pub(in super::super) name: String,
    /// Absent where it is not a plain string.
    pub(in super::super) value: Option<String>,
}

/// Everything that looks like an assignment.
pub(in super::super) fn assignments(text: &str) -> Vec<Said> {
    let mut out = Vec::new();
    let mut scanner = Scanner { rest: text, line: 1 };
    // The last name, and whether a `=` came behind it.
    let mut pending: Option<(usize, String, bool)> = None;
    while let Some(piece) = scanner.next() {
        match piece {
            Piece::Name(name) => {
                let computed = pending.take().filter(|p| p.2 && !matches!(name, "true" | "false" | "nil"));
                out.extend(computed.map(|(line, name, _)| Said { line, name, value: None }));
                pending = Some((scanner.line, name.to_owned(), false));
            }
            Piece::Text(value) => {
                if let Some((line, name, _)) = pending.take() {
                    let joined = scanner.rest.trim_start().starts_with("..");
                    out.push(Said { line, name, value: (!joined).then(|| value.to_owned()) });
                }
            }
            Piece::Mark('=') => {
                if let Some(pending) = &mut pending {
                    pending.2 = true;
                }
            }
            Piece::Mark('(' | ']' | '"') => {}
            Piece::Mark('}') => {
                pending = None;
                out.push(Said { line: scanner.line, name: "}".to_owned(), value: None });
            }
            Piece::Mark(_) => pending = None,
        }
    }
    out
}

enum Piece<'a> {
    Name(&'a str),
    Text(&'a str),
    Mark(char),
}

struct Scanner<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Scanner<'a> {
    fn skip(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at_checked(length).unwrap_or((self.rest, ""));
        self.line = self.line.saturating_add(taken.bytes().filter(|b| *b == b'\n').count());
        self.rest = rest;
        taken
    }

    fn next(&mut self) -> Option<Piece<'a>> {
        loop {
            let space = self.rest.find(|c: char| !c.is_whitespace()).unwrap_or(self.rest.len());
            self.skip(space);
            if let Some(comment) = self.rest.strip_prefix("--") {
                let (end, mark) = if comment.starts_with("[[") { ("]]", 2) } else { ("\n", 0) };
                let length = self.rest.find(end).map_or(self.rest.len(), |at| at.saturating_add(mark));
                self.skip(length.max(2));
            } else {
                break;
            }
        }
        let first = self.rest.chars().next()?;
        if first.is_ascii_alphabetic() || first == '_' {
            let end = self.rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
            return Some(Piece::Name(self.skip(end.unwrap_or(self.rest.len()))));
        }
        let close = match first {
            '"' | '\'' => first.to_string(),
            '[' if self.rest.starts_with("[[") => "]]".to_owned(),
            _ => {
                self.skip(first.len_utf8());
                return Some(Piece::Mark(first));
            }
        };
        let open = close.len();
        self.skip(open);
        let end = self.rest.find(&close).unwrap_or(self.rest.len());
        let text = self.skip(end);
        self.skip(open);
        Some(Piece::Text(text))
    }
}
