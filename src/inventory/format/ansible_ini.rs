//! An Ansible inventory in INI form: sections of hosts, of groups in a group (`:children`) and of variables of a
//! group (`:vars`).
//!
//! It follows Ansible's own reading line by line. What groups and variables mean together is `inventory::ansible`'s.

use std::{borrow::Cow, rc::Rc};

use super::{Format, Peek, TextFile};
use crate::{
    inventory::{
        Error,
        ansible::{self, HostFault, Model, Vars, is_vault},
        host::quoted,
        intake::Intake,
        records::{FIELD_LIMIT, Place},
    },
    model::discovery::Role,
};

pub(super) const FORMAT: Format =
    Format { name: "ansible-ini", letter: b'I', role: Role::Declares, detect, read };

/// What the lines of a section are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Hosts,
    Children,
    Vars,
}

/// A section's name and the word behind its colon, if a line is the head of one.
fn section(line: &str) -> Option<(&str, Option<&str>)> {
    let (inner, after) = line.strip_prefix('[')?.split_once(']')?;
    let after = after.trim_start();
    if !(after.is_empty() || after.starts_with('#')) {
        return None;
    }
    let (name, word) = match inner.split_once(':') {
        Some((name, word)) => (name, Some(word)),
        None => (inner, None),
    };
    let word_fits = word.is_none_or(|w| !w.is_empty() && w.chars().all(|c| c.is_alphanumeric() || c == '_'));
    (!name.is_empty() && !name.contains(char::is_whitespace) && word_fits).then_some((name, word))
}

fn detect(peek: &Peek<'_>) -> bool {
    let (mut vars, mut shown) = (false, false);
    for line in peek.lines().take(10_000) {
        let Ok(line) = std::str::from_utf8(line) else { return false };
        if line.starts_with(';') {
            continue;
        }
        if let Some((name, word)) = section(line) {
            let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
            if !name.chars().all(plain) || !matches!(word, None | Some("children" | "vars" | "hosts")) {
                return false;
            }
            vars = word == Some("vars");
            shown = true;
        } else if !vars {
            let mut words = line.split_ascii_whitespace();
            let host = words.next().unwrap_or_default();
            let second = words.next().unwrap_or_default();
            // `key = value`: the settings of some other program.
            if host.contains('=') || second.starts_with('=') {
                return false;
            }
            shown |= second.starts_with("ansible_") && second.contains('=') || has_range(host);
        }
    }
    shown
}

/// `web[01:10]`, which no list of hosts has. A CSV with an address and its port in a cell is none.
fn has_range(host: &str) -> bool {
    let of_a_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '[' | ']' | ':');
    let inner = host.split_once('[').filter(|(before, _)| !before.is_empty());
    let inner = inner.and_then(|(_, after)| after.split_once(']')).map(|(inner, _)| inner);
    host.chars().all(of_a_host)
        && inner.is_some_and(|i| i.contains(':') && i.chars().all(|c| c.is_ascii_alphanumeric() || c == ':'))
}

fn read(file: &TextFile<'_>, intake: &mut Intake<'_>) -> Result<(), Error> {
    let mut reader = Reader {
        file,
        intake,
        model: Model::new(),
        group: None,
        kind: Kind::Hosts,
        pending: Vec::new(),
        of_vars: Vec::new(),
        vaulted: 0,
    };
    for (number, line) in (1_u32..).zip(file.text.split(|&b| b == b'\n')) {
        let indent = line.len() - line.trim_ascii_start().len();
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") || line.starts_with(b";") {
            continue;
        }
        let place = Place { line: number, column: u32::try_from(indent + 1).unwrap_or(u32::MAX) };
        match std::str::from_utf8(line) {
            _ if line.len() > FIELD_LIMIT => {
                reader.bad(place, format!("a line of {} bytes; at most {FIELD_LIMIT} are read", line.len()));
            }
            Ok(line) if line.contains(|c: char| c.is_control() && c != '\t') => {
                reader.bad(place, "a control character in this line, which no inventory has".to_owned());
            }
            Ok(line) => reader.line(line, place)?,
            Err(_) => reader.bad(place, "this is not UTF-8; save the file as UTF-8".to_owned()),
        }
    }
    reader.end()
}

struct Reader<'r, 'f, 'o> {
    file: &'r TextFile<'f>,
    intake: &'r mut Intake<'o>,
    model: Model<'f>,
    /// The group of the section; none before the first one.
    group: Option<usize>,
    kind: Kind,
    /// Groups that are named as children, and may be made further below.
    pending: Vec<(usize, String, Place)>,
    /// Groups that so far only a `:vars` section names.
    of_vars: Vec<(String, Place, Vars<'f>)>,
    vaulted: u64,
}

impl Reader<'_, '_, '_> {
    fn bad(&mut self, place: Place, message: String) {
        self.intake.count_row();
        self.intake.bad(&self.file.name, place.line, place.column, message);
    }

    fn line(&mut self, line: &str, place: Place) -> Result<(), Error> {
        if let Some((name, word)) = section(line) {
            return self.section(name, word, place);
        }
        if line.starts_with('[') && line.ends_with(']') {
            let message = format!(
                "{} is no section; expected [group], [group:children] or [group:vars] without white space",
                quoted(line)
            );
            return Err(self.file.refused(place.line, place.column, message));
        }
        match self.kind {
            Kind::Hosts => self.hosts(line, place)?,
            Kind::Vars => self.variable(line, place),
            Kind::Children => {
                let name = line.split_once('#').map_or(line, |(name, _)| name).trim_end();
                if let Some(parent) = self.group {
                    self.pending.push((parent, name.to_owned(), place));
                }
            }
        }
        Ok(())
    }

    fn section(&mut self, name: &str, word: Option<&str>, place: Place) -> Result<(), Error> {
        self.kind = match word {
            None | Some("hosts") => Kind::Hosts,
            Some("children") => Kind::Children,
            Some("vars") => Kind::Vars,
            Some(other) => {
                let message = format!("a section of kind {}; expected children or vars", quoted(other));
                return Err(self.file.refused(place.line, place.column, message));
            }
        };
        self.group = if self.kind == Kind::Vars {
            let known = self.model.known_group(name);
            if known.is_none() {
                self.of_vars.push((name.to_owned(), place, Vec::new()));
            }
            known
        } else {
            Some(self.model.group(Cow::Owned(name.to_owned())))
        };
        Ok(())
    }

    fn hosts(&mut self, line: &str, place: Place) -> Result<(), Error> {
        let words = match ansible::words(line) {
            Ok(words) => words,
            Err(why) => {
                self.bad(place, why.to_owned());
                return Ok(());
            }
        };
        let Some((pattern, settings)) = words.split_first() else { return Ok(()) };
        let mut vars = Vars::new();
        for setting in settings {
            // The text may be a password that lost its name: it is not repeated.
            let Some((name, value)) = setting.split_once('=') else {
                self.bad(place, "a word without `=` after the host; expected name=value".to_owned());
                return Ok(());
            };
            let node = ansible::literal(value, place);
            self.vaulted += u64::from(is_vault(&node));
            vars.push((Cow::Owned(name.to_owned()), node));
        }
        let hosts = match ansible::hosts(pattern, self.model.len()) {
            Ok(hosts) => hosts,
            Err(HostFault::Bad(message)) => {
                self.bad(place, message);
                return Ok(());
            }
            Err(HostFault::TooMany(message)) => {
                return Err(self.file.refused(place.line, place.column, message));
            }
        };
        let vars = Rc::new(vars);
        for host in hosts {
            let at = self.model.host(&host, self.group, place);
            self.model.host_vars(at, Rc::clone(&vars));
        }
        Ok(())
    }

    /// The value goes to the end of the line, white space and all.
    fn variable(&mut self, line: &str, place: Place) {
        let Some((name, value)) = line.split_once('=') else {
            self.bad(place, "a line without `=` among variables; expected name=value".to_owned());
            return;
        };
        let node = ansible::literal(value.trim(), place);
        self.vaulted += u64::from(is_vault(&node));
        let name = Cow::Owned(name.trim().to_owned());
        match (self.group, self.of_vars.last_mut()) {
            (Some(group), _) => self.model.group_var(group, name, node),
            (None, Some((_, _, vars))) => vars.push((name, node)),
            (None, None) => {}
        }
    }

    fn end(mut self) -> Result<(), Error> {
        for (name, place, vars) in std::mem::take(&mut self.of_vars) {
            match self.model.known_group(&name) {
                Some(group) => {
                    for (name, node) in vars {
                        self.model.group_var(group, name, node);
                    }
                }
                None => self
                    .bad(place, format!("variables of {}, and no section makes this group", quoted(&name))),
            }
        }
        for (parent, name, place) in std::mem::take(&mut self.pending) {
            match self.model.known_group(&name) {
                Some(child) => self.model.child(parent, child, place),
                None => self.bad(
                    place,
                    format!(
                        "{} is no group of this file; hosts belong into a section without `:children`",
                        quoted(&name)
                    ),
                ),
            }
        }
        ansible::finish(self.model, self.file, &FORMAT, self.vaulted, self.intake)
    }
}
