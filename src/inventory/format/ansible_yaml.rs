//! An Ansible inventory in YAML form: groups with `hosts`, `children` and `vars`.
//!
//! A playbook is none, nor is the configuration of an inventory plugin.

use std::{borrow::Cow, rc::Rc};

use super::{Format, Peek, TextFile};
use crate::{
    inventory::{
        Error,
        ansible::{self, HostFault, Model, is_vault, variables},
        host::quoted,
        intake::Intake,
        records::Place,
        tree::{Entry, Node, Value, yaml},
    },
    model::discovery::Role,
};

pub(super) const FORMAT: Format =
    Format { name: "ansible-yaml", letter: b'A', role: Role::Declares, detect, read };

/// Every key of the first level is a group, and one of them has what only groups have.
fn detect(peek: &Peek<'_>) -> bool {
    let (mut in_group, mut found) = (false, false);
    for line in peek.text.split(|&b| b == b'\n') {
        let Ok(line) = std::str::from_utf8(line) else { return found };
        let content = line.trim();
        if content.is_empty() || content.starts_with('#') || content == "---" || content.starts_with('%') {
            continue;
        }
        if content == "..." {
            break;
        }
        let Some((key, value)) = content.split_once(':') else { return found && in_group };
        if line.starts_with([' ', '\t']) {
            // The first line below a group decides; what is deeper is not looked at.
            found |= in_group && matches!(key.trim_matches(['"', '\'']), "hosts" | "children" | "vars");
            in_group = false;
            if found {
                return true;
            }
        } else {
            let value = value.split(" #").next().unwrap_or_default().trim();
            if !(value.is_empty() || value == "{}" || value.starts_with('&'))
                || key.starts_with(['-', '{', '['])
            {
                return false;
            }
            in_group = true;
        }
    }
    found
}

fn read(file: &TextFile<'_>, intake: &mut Intake<'_>) -> Result<(), Error> {
    let documents = yaml(file.text).map_err(|fault| file.broken(fault))?;
    if let Some(second) = documents.get(1) {
        let message = "a second YAML document; an inventory is one".to_owned();
        return Err(file.refused(second.place.line, second.place.column, message));
    }
    let Some(root) = documents.first() else { return Ok(()) };
    if !matches!(root.value, Value::Map(_)) {
        let message = format!("this is {}; expected groups with hosts, children and vars", root.kind());
        return Err(file.refused(root.place.line, root.place.column, message));
    }
    if let Some(plugin) = root.get("plugin").filter(|plugin| plugin.text().is_some()) {
        let message = "this configures an inventory plugin and holds no hosts; give the output of ansible-inventory --list";
        return Err(file.refused(plugin.place.line, plugin.place.column, message.to_owned()));
    }
    let mut reader = Reader { file, intake, model: Model::new(), vaulted: 0 };
    for entry in root.entries() {
        reader.group(entry)?;
    }
    ansible::finish(reader.model, file, &FORMAT, reader.vaulted, reader.intake)
}

struct Reader<'r, 'f, 'o> {
    file: &'r TextFile<'f>,
    intake: &'r mut Intake<'o>,
    model: Model<'f>,
    vaulted: u64,
}

impl<'f> Reader<'_, 'f, '_> {
    fn bad(&mut self, place: Place, message: String) {
        self.intake.count_row();
        self.intake.bad(&self.file.name, place.line, place.column, message);
    }

    /// One group and what is in it; trees have a bounded depth.
    fn group(&mut self, entry: &Entry<'f>) -> Result<Option<usize>, Error> {
        if !matches!(entry.node.value, Value::Null | Value::Map(_)) {
            self.bad(
                entry.at,
                format!(
                    "the group {} is {}; expected hosts, children and vars",
                    quoted(&entry.key),
                    entry.node.kind()
                ),
            );
            return Ok(None);
        }
        let group = self.model.group(entry.key.clone());
        for part in entry.node.entries() {
            match part.key.as_ref() {
                "vars" => {
                    for var in self.entries(part).iter() {
                        self.vaulted += u64::from(is_vault(&var.node));
                        self.model.group_var(group, var.key.clone(), var.node.clone());
                    }
                }
                "children" => {
                    for child in self.entries(part).iter() {
                        if let Some(at) = self.group(child)? {
                            self.model.child(group, at, child.at);
                        }
                    }
                }
                "hosts" => {
                    for host in self.entries(part).iter() {
                        self.hosts(group, host)?;
                    }
                }
                other => {
                    let message = format!(
                        "{} in the group {} is nothing that Ansible reads; expected hosts, children and vars",
                        quoted(other),
                        quoted(&entry.key)
                    );
                    self.bad(part.at, message);
                }
            }
        }
        Ok(Some(group))
    }

    /// The entries of a part of a group: a map, or names alone, which have nothing below them.
    fn entries<'n>(&mut self, part: &'n Entry<'f>) -> Cow<'n, [Entry<'f>]> {
        let bare = |node: &Node<'f>| match &node.value {
            Value::Text(name) => {
                let null = Node { place: node.place, value: Value::Null };
                Some(Entry { at: node.place, key: name.clone(), node: null })
            }
            _ => None,
        };
        match &part.node.value {
            Value::Map(entries) => Cow::Borrowed(entries),
            Value::Null => Cow::Borrowed(&[]),
            Value::Text(_) => Cow::Owned(bare(&part.node).into_iter().collect()),
            Value::Seq(items) if items.iter().all(|item| item.text().is_some()) => {
                Cow::Owned(items.iter().filter_map(bare).collect())
            }
            _ => {
                self.bad(part.node.place, format!("{} is {}; expected a map", part.key, part.node.kind()));
                Cow::Borrowed(&[])
            }
        }
    }

    fn hosts(&mut self, group: usize, entry: &Entry<'f>) -> Result<(), Error> {
        if !matches!(entry.node.value, Value::Null | Value::Map(_)) {
            let message = format!("{} has {}; expected variables", quoted(&entry.key), entry.node.kind());
            self.bad(entry.at, message);
            return Ok(());
        }
        match ansible::hosts(&entry.key, self.model.len()) {
            Ok(hosts) => {
                let vars = Rc::new(variables(entry.node.entries()));
                self.vaulted += vars.iter().filter(|(_, node)| is_vault(node)).count() as u64;
                for host in hosts {
                    let at = self.model.host(&host, Some(group), entry.at);
                    self.model.host_vars(at, Rc::clone(&vars));
                }
            }
            Err(HostFault::Bad(message)) => self.bad(entry.at, message),
            Err(HostFault::TooMany(message)) => {
                return Err(self.file.refused(entry.at.line, entry.at.column, message));
            }
        }
        Ok(())
    }
}
