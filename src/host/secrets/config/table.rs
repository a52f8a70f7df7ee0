//! Services whose configuration is lines: which file, which directive. The table is data, in
//! `services.toml`; this reads it and applies it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use serde::Deserialize;

use super::{
    Include, Kind, Mention, Scope, Unit, Visit, glob,
    lines::{self, Continued, Directive, Line},
};

/// The whole table.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Table {
    /// Services by their configuration.
    #[serde(default)]
    pub(in super::super) service: Vec<Service>,
    /// Folders where keys lie by custom.
    #[serde(default)]
    pub(in super::super) folder: Vec<Folder>,
}

/// One kind of configuration file of a service.
#[expect(clippy::struct_excessive_bools, reason = "switches of a table, each on its own")]
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Service {
    pub(in super::super) name: String,
    /// Main files or patterns.
    pub(in super::super) files: Vec<String>,
    /// What comments begin with.
    #[serde(default = "hash")]
    comments: Vec<String>,
    #[serde(default)]
    continued: Continued,
    /// Whether `$name` stands for the value of the directive `name`.
    #[serde(default)]
    variables: bool,
    /// Variables that have a value from the start.
    #[serde(default)]
    preset: BTreeMap<String, String>,
    /// Directives that name a key. Case does not matter, nor whether `-` or `_`; `*x` is all that end with x.
    #[serde(default)]
    pub(in super::super) key: Vec<String>,
    #[serde(default)]
    cert: Vec<String>,
    /// The same for what the service shows to others as a client.
    #[serde(default)]
    pub(in super::super) client_key: Vec<String>,
    #[serde(default)]
    client_cert: Vec<String>,
    /// Directives that name a file, or several, with a certificate and its key.
    #[serde(default)]
    pub(in super::super) both: Vec<String>,
    /// Whether a certificate's file holds the key where none is named.
    #[serde(default)]
    pub(in super::super) combined: bool,
    /// Whether a key may stand in the configuration itself.
    #[serde(default)]
    pub(in super::super) inline: bool,
    /// Sections in which every key is a client's.
    #[serde(default)]
    client_sections: Vec<String>,
    /// Directives that name further files.
    #[serde(default)]
    include: Vec<String>,
    /// The same, where it does not matter if there are none.
    #[serde(default)]
    include_optional: Vec<String>,
    /// Of a folder that is included, the files that end so are read.
    #[serde(default)]
    suffix: String,
    /// The folder that relative names are relative to; absent: the main file's own.
    #[serde(default)]
    base: Option<String>,
    /// The directive that sets that folder.
    #[serde(default)]
    base_directive: Option<String>,
    /// Whether only a value behind `<` is a path.
    #[serde(default)]
    arrow: bool,
    /// What the directives mean where they are not there: key and certificate relative to the base, if the
    /// key is there.
    #[serde(default)]
    absent: Vec<[String; 2]>,
}

/// Files that hold keys by custom, without anything that names them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Folder {
    /// The service; empty where none is known.
    #[serde(default)]
    pub(in super::super) name: String,
    pub(in super::super) keys: Vec<String>,
    /// The certificate's name in the same folder.
    #[serde(default)]
    certificate: Option<String>,
    /// The certificate's ending in place of the key's.
    #[serde(default)]
    ending: Option<String>,
    /// Words to note where the file is not opened.
    #[serde(default)]
    place: Option<String>,
}

fn hash() -> Vec<String> {
    vec!["#".to_owned()]
}

/// The table. That it can be read is what its test says.
pub(in super::super) static TABLE: LazyLock<Table> =
    LazyLock::new(|| toml::from_str(include_str!("../services.toml")).unwrap_or_default());

/// Reads the configuration of every service of the table.
pub(in super::super) fn services(visit: &mut Visit<'_>) {
    for service in &TABLE.service {
        for pattern in &service.files {
            // What a file sets counts for those that it includes, too.
            let mut variables = service.preset.clone();
            visit.walk(pattern, &mut |visit, unit| service.read(visit, unit, &mut variables));
        }
    }
}

/// Looks into every folder of the table.
pub(in super::super) fn folders(visit: &mut Visit<'_>) {
    for folder in &TABLE.folder {
        for path in folder.keys.iter().flat_map(|p| glob::expand(visit.root, visit.cover, Path::new(p))) {
            let certificate = folder.certificate.as_ref().map(|name| path.with_file_name(name));
            let by_ending = folder.ending.as_ref().map(|ending| path.with_extension(ending));
            let kind = folder.place.as_deref().map_or(Kind::Maybe, Kind::Place);
            let certificate = certificate.or(by_ending);
            let service = folder.name.clone();
            visit.mention(Mention { path, kind, service, client: false, at: None, certificate });
        }
    }
}

/// What a directive is to a service.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Key,
    Certificate,
    ClientKey,
    ClientCertificate,
    Both,
    Include,
    IncludeOptional,
    Base,
}

impl Service {
    fn role(&self, name: &str) -> Option<Role> {
        let is = |list: &[String]| list.iter().any(|pattern| fits(pattern, name));
        let base = self.base_directive.as_slice();
        [
            (is(&self.key), Role::Key),
            (is(&self.cert), Role::Certificate),
            (is(&self.client_key), Role::ClientKey),
            (is(&self.client_cert), Role::ClientCertificate),
            (is(&self.both), Role::Both),
            (is(&self.include), Role::Include),
            (is(&self.include_optional), Role::IncludeOptional),
            (is(base), Role::Base),
        ]
        .into_iter()
        .find_map(|(yes, role)| yes.then_some(role))
    }

    pub(in super::super) fn read(
        &'static self,
        visit: &mut Visit<'_>,
        unit: &Unit<'_>,
        variables: &mut BTreeMap<String, String>,
    ) -> Vec<Include> {
        let comments: Vec<&str> = self.comments.iter().map(String::as_str).collect();
        let lines = lines::lines(unit.text, &comments, self.continued);
        if self.variables {
            collect(&lines, variables);
        }
        let folder = unit.main.parent().unwrap_or(Path::new("/"));
        let mut state = State {
            base: self.base.as_ref().map_or_else(|| folder.to_path_buf(), |base| folder.join(base)),
            scope: Scope::default(),
            includes: Vec::new(),
            client: false,
            named: false,
        };
        for line in &lines {
            match line {
                Line::Edge(section) => {
                    state.scope.end(visit, &self.name, self.combined);
                    if !section.is_empty() {
                        state.client = self.client_sections.iter().any(|s| s == section);
                    }
                }
                Line::Directive(directive) => self.directive(visit, unit, directive, variables, &mut state),
            }
        }
        state.scope.end(visit, &self.name, self.combined);
        self.without_directive(visit, unit, &state);
        state.includes
    }

    /// Keys that are used although nothing names them, and keys in the configuration itself.
    fn without_directive(&self, visit: &mut Visit<'_>, unit: &Unit<'_>, state: &State) {
        let mut maybe = |path: PathBuf, certificate, at| {
            let service = self.name.clone();
            visit.mention(Mention { path, kind: Kind::Maybe, service, client: false, at, certificate });
        };
        if self.inline
            && let Some(line) = unit.text.lines().position(|line| line.contains("PRIVATE KEY-----"))
        {
            let at = unit.at(line.saturating_add(1)).to_string();
            maybe(unit.path.to_path_buf(), Some(unit.path.to_path_buf()), Some(at));
        }
        if !state.named && unit.path == unit.main {
            for [key, certificate] in &self.absent {
                maybe(state.base.join(key), Some(state.base.join(certificate)), None);
            }
        }
    }

    fn directive(
        &'static self,
        visit: &mut Visit<'_>,
        unit: &Unit<'_>,
        directive: &Directive<'_>,
        variables: &BTreeMap<String, String>,
        state: &mut State,
    ) {
        let Some(role) = self.role(directive.name) else { return };
        let at = unit.at(directive.line);
        let mut value = directive.value.clone();
        if self.variables {
            let known = |name: &str| variables.get(name).map(String::as_str);
            if let Some(whole) = lines::expand(&value, &known) {
                value = whole.into();
            }
        }
        if self.arrow
            && matches!(role, Role::Key | Role::Certificate | Role::ClientKey | Role::ClientCertificate)
        {
            let Some(path) = value.strip_prefix('<') else {
                visit.gap("key-inline", &self.name, at);
                return;
            };
            value = path.trim().to_owned().into();
        }
        if value == "[inline]" {
            return;
        }
        let values: Vec<&str> = match role {
            Role::Both => value.split([',', ' ', '\t']).filter(|v| !v.is_empty()).collect(),
            _ => vec![&value],
        };
        for value in values {
            let including = matches!(role, Role::Include | Role::IncludeOptional);
            let base = if including { unit.path.parent().unwrap_or(Path::new("/")) } else { &state.base };
            let Some(path) = visit.path(&self.name, value, base, at) else { continue };
            match role {
                Role::Key | Role::ClientKey => {
                    state.named = true;
                    state.scope.key(path, at, state.client || role == Role::ClientKey);
                }
                Role::Certificate | Role::ClientCertificate => {
                    state.scope.certificate(path, at, state.client || role == Role::ClientCertificate);
                }
                Role::Both => {
                    let (service, at) = (self.name.clone(), Some(at.to_string()));
                    let certificate = Some(path.clone());
                    let kind = Kind::Combined;
                    visit.mention(Mention { path, kind, service, client: state.client, at, certificate });
                }
                Role::Include | Role::IncludeOptional => state.includes.push(Include {
                    pattern: path,
                    optional: role == Role::IncludeOptional,
                    suffix: self.suffix.as_str(),
                }),
                Role::Base => state.base = path,
            }
        }
    }
}

struct State {
    base: PathBuf,
    scope: Scope,
    includes: Vec<Include>,
    client: bool,
    named: bool,
}

fn collect(lines: &[Line<'_>], variables: &mut BTreeMap<String, String>) {
    for line in lines {
        let Line::Directive(directive) = line else { continue };
        if variables.len() < 5_000 && directive.value.len() < 1024 {
            variables.insert(directive.name.to_owned(), directive.value.clone().into_owned());
        }
    }
}

/// Whether a directive's name is meant.
fn fits(pattern: &str, name: &str) -> bool {
    let same = |a: &str, b: &str| {
        a.len() == b.len()
            && a.bytes().zip(b.bytes()).all(|(a, b)| {
                let plain = |c: u8| if c == b'-' { b'_' } else { c.to_ascii_lowercase() };
                plain(a) == plain(b)
            })
    };
    match pattern.strip_prefix('*') {
        Some(end) => {
            let from = name.len().checked_sub(end.len());
            from.and_then(|from| name.get(from..)).is_some_and(|tail| same(tail, end))
        }
        None => same(pattern, name),
    }
}
