//! Apache httpd: directives with arguments, `Define`, `ServerRoot` and includes.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::{Include, Scope, Unit, Visit, lines};

const SERVICE: &str = "apache";

/// Main files, and the ServerRoot that their builds begin with.
const MAIN: &[(&str, &str)] = &[
    ("/etc/apache2/apache2.conf", "/etc/apache2"),
    ("/etc/apache2/httpd.conf", "/etc/apache2"),
    ("/etc/httpd/conf/httpd.conf", "/etc/httpd"),
    ("/etc/httpd/httpd.conf", "/etc/httpd"),
    ("/usr/local/apache2/conf/httpd.conf", "/usr/local/apache2"),
    ("/usr/local/etc/apache24/httpd.conf", "/usr/local"),
    ("/opt/bitnami/apache/conf/httpd.conf", "/opt/bitnami/apache"),
];

/// Reads Apache's configuration.
pub(in super::super) fn read(visit: &mut Visit<'_>) {
    for (main, server_root) in MAIN {
        let mut state =
            State { server_root: PathBuf::from(server_root), defined: defined_outside(visit, main) };
        visit.walk(main, &mut |visit, unit| state.one(visit, unit));
    }
}

/// What Debian's start script gives to the configuration.
fn defined_outside(visit: &mut Visit<'_>, main: &str) -> BTreeMap<String, String> {
    let mut defined = BTreeMap::new();
    if main == "/etc/apache2/apache2.conf" {
        let text = visit.text(Path::new("/etc/apache2/envvars"), true);
        for line in text.as_deref().unwrap_or_default().lines() {
            let Some((name, value)) = line.trim().strip_prefix("export ").and_then(|l| l.split_once('='))
            else {
                continue;
            };
            // What a shell would have to expand stays what it is, and is a variable then.
            defined.insert(name.to_owned(), value.replace("$SUFFIX", ""));
        }
        defined.entry("APACHE_CONFDIR".to_owned()).or_insert_with(|| "/etc/apache2".to_owned());
    }
    defined
}

struct State {
    server_root: PathBuf,
    defined: BTreeMap<String, String>,
}

impl State {
    fn one(&mut self, visit: &mut Visit<'_>, unit: &Unit<'_>) -> Vec<Include> {
        let mut includes = Vec::new();
        let mut scope = Scope::default();
        for (line, words) in directives(unit.text) {
            let Some(name) = words.first().map(|w| w.to_ascii_lowercase()) else { continue };
            if name.starts_with('<') {
                if name.contains("virtualhost") {
                    scope.end(visit, SERVICE, true);
                }
                continue;
            }
            let Some(word) = words.get(1) else { continue };
            if name == "define" {
                if self.defined.len() < 5_000 {
                    let value = self.expand(words.get(2).map_or("", String::as_str));
                    self.defined.insert(word.clone(), value);
                }
                continue;
            }
            if !matches!(name.as_str(), "serverroot" | "include" | "includeoptional")
                && !name.starts_with("ssl")
            {
                continue;
            }
            let at = unit.at(line);
            let (value, base) = (self.expand(word), self.server_root.clone());
            match name.as_str() {
                "serverroot" => {
                    self.server_root = visit.path(SERVICE, &value, Path::new("/"), at).unwrap_or(base);
                }
                "include" | "includeoptional" => {
                    let optional = name == "includeoptional";
                    let pattern = visit.path(SERVICE, &value, &base, at);
                    includes.extend(pattern.map(|pattern| Include { pattern, optional, suffix: "" }));
                }
                "sslcertificatekeyfile" => {
                    if let Some(path) = visit.path(SERVICE, &value, &base, at) {
                        scope.key(path, at, false);
                    }
                }
                "sslcertificatefile" | "sslproxymachinecertificatefile" => {
                    if let Some(path) = visit.path(SERVICE, &value, &base, at) {
                        scope.certificate(path, at, name.contains("proxy"));
                    }
                }
                _ => {}
            }
        }
        scope.end(visit, SERVICE, true);
        includes
    }

    fn expand(&self, value: &str) -> String {
        let known = |name: &str| self.defined.get(name).map(String::as_str);
        // Only `${NAME}` is a variable here.
        if !value.contains("${") {
            return value.to_owned();
        }
        lines::expand(value, &known).unwrap_or_else(|| value.to_owned())
    }
}

/// The words of each directive with its line; lines that end with a backslash go on.
pub(in super::super) fn directives(text: &str) -> Vec<(usize, Vec<String>)> {
    let mut out = Vec::new();
    let mut held: Option<(usize, String)> = None;
    for (n, line) in text.lines().enumerate() {
        let number = n.saturating_add(1);
        if held.is_none() && line.trim_start().starts_with('#') {
            continue;
        }
        let (body, more) = line.strip_suffix('\\').map_or((line, false), |body| (body, true));
        let (first, mut whole) = held.take().unwrap_or((number, String::new()));
        whole.push_str(body);
        if more {
            whole.push(' ');
            held = Some((first, whole));
        } else {
            out.push((first, lines::words(&whole)));
        }
    }
    out.extend(held.map(|(first, whole)| (first, lines::words(&whole))));
    out.retain(|(_, words)| !words.is_empty());
    out
}
