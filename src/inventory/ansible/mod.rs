//! What every form of an Ansible inventory is about: hosts, groups in groups, and variables on both, with the order
//! in which Ansible lets one variable win over another.
//!
//! The forms themselves are read by the formats `ansible-ini`, `ansible-yaml` and `ansible-json`. No template is
//! filled in, no vault is opened and no plugin is run: that is Ansible's, and `ansible-inventory --list` gives it.

mod graph;
mod literal;
mod pattern;
mod rows;
#[cfg(test)]
mod tests;
mod var_files;

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    rc::Rc,
};

pub(super) use literal::{literal, words};
pub(super) use pattern::{Fault as HostFault, hosts};

use super::{
    Error,
    format::{Format, TextFile},
    intake::Intake,
    records::Place,
    tree::{Entry, Node, Value},
};
use crate::model::loading::NoticeKind;

/// The group of every host.
const ALL: usize = 0;

/// The group of hosts that are in no other one.
const UNGROUPED: usize = 1;

/// Variables in their order; where one stands twice, the last one counts.
pub(super) type Vars<'t> = Vec<(Cow<'t, str>, Node<'t>)>;

/// Hosts, groups and variables as one inventory has them.
pub(super) struct Model<'t> {
    groups: Vec<Group<'t>>,
    hosts: Vec<Host<'t>>,
    group_at: HashMap<Cow<'t, str>, usize>,
    host_at: HashMap<Rc<str>, usize>,
    edges: HashSet<(usize, usize)>,
}

struct Group<'t> {
    name: Cow<'t, str>,
    /// By `ansible_group_priority`; 1 where nobody says.
    priority: i64,
    vars: Vars<'t>,
    /// From `group_vars`.
    file_vars: Vars<'t>,
    /// The groups directly in it, and where that was said.
    children: Vec<(usize, Place)>,
}

struct Host<'t> {
    name: Rc<str>,
    place: Place,
    /// The groups that hold it directly, as they were read.
    groups: Vec<usize>,
    /// What the inventory says, block by block; a range shares one.
    vars: Vec<Rc<Vars<'t>>>,
    /// From `host_vars`.
    file_vars: Vars<'t>,
}

impl<'t> Model<'t> {
    pub(super) fn new() -> Self {
        let mut model = Self {
            groups: Vec::new(),
            hosts: Vec::new(),
            group_at: HashMap::new(),
            host_at: HashMap::new(),
            edges: HashSet::new(),
        };
        model.group("all".into());
        model.group("ungrouped".into());
        model
    }

    /// The group of this name, made where there is none yet.
    pub(super) fn group(&mut self, name: Cow<'t, str>) -> usize {
        if let Some(&at) = self.group_at.get(&name) {
            return at;
        }
        let at = self.groups.len();
        self.group_at.insert(name.clone(), at);
        self.groups.push(Group {
            name,
            priority: 1,
            vars: Vec::new(),
            file_vars: Vec::new(),
            children: Vec::new(),
        });
        at
    }

    /// The group of this name, where it was made.
    pub(super) fn known_group(&self, name: &str) -> Option<usize> {
        self.group_at.get(name).copied()
    }

    /// Puts a group into another one.
    pub(super) fn child(&mut self, parent: usize, child: usize, place: Place) {
        // Every group is in `all` anyway.
        if parent != ALL
            && self.edges.insert((parent, child))
            && let Some(group) = self.groups.get_mut(parent)
        {
            group.children.push((child, place));
        }
    }

    /// Sets a variable of a group.
    pub(super) fn group_var(&mut self, group: usize, name: Cow<'t, str>, node: Node<'t>) {
        let Some(group) = self.groups.get_mut(group) else { return };
        if name == "ansible_group_priority" {
            if let Some(priority) = node.scalar().and_then(|text| text.trim().parse().ok()) {
                group.priority = priority;
            }
            return;
        }
        group.vars.push((name, node));
    }

    /// The host of this name, made where there is none yet. `place` is where it stands.
    pub(super) fn host(&mut self, name: &str, group: Option<usize>, place: Place) -> usize {
        let at = self.host_at.get(name).copied().unwrap_or_else(|| {
            let (at, name): (usize, Rc<str>) = (self.hosts.len(), name.into());
            self.host_at.insert(Rc::clone(&name), at);
            self.hosts.push(Host {
                name,
                place,
                groups: Vec::new(),
                vars: Vec::new(),
                file_vars: Vec::new(),
            });
            at
        });
        if let (Some(group), Some(host)) = (group, self.hosts.get_mut(at))
            && host.groups.last() != Some(&group)
        {
            host.groups.push(group);
        }
        at
    }

    /// Sets variables of a host.
    pub(super) fn host_vars(&mut self, host: usize, vars: Rc<Vars<'t>>) {
        if let Some(host) = self.hosts.get_mut(host)
            && !vars.is_empty()
        {
            host.vars.push(vars);
        }
    }

    /// How many hosts there are.
    pub(super) fn len(&self) -> usize {
        self.hosts.len()
    }
}

/// Hands over what a file declares, together with the variables that stand in folders beside it. `vaulted`: how many
/// values of the file itself are vaults.
pub(super) fn finish(
    mut model: Model<'_>,
    file: &TextFile<'_>,
    format: &Format,
    vaulted: u64,
    intake: &mut Intake<'_>,
) -> Result<(), Error> {
    var_files::read_beside(&mut model, file, &file.source(format, 1, None), intake);
    finish_whole(&model, file, format, vaulted, intake)
}

/// Hands over what a file declares that needs no other file.
pub(super) fn finish_whole(
    model: &Model<'_>,
    file: &TextFile<'_>,
    format: &Format,
    vaulted: u64,
    intake: &mut Intake<'_>,
) -> Result<(), Error> {
    if vaulted > 0 {
        let message = format!("vaulted values are not read: {vaulted}");
        intake.notice(NoticeKind::LeftOut, message, Some(file.source(format, 1, None)));
    }
    rows::give(model, file, format, intake)
}

/// The entries of a map as variables.
pub(super) fn variables<'t>(entries: &[Entry<'t>]) -> Vars<'t> {
    entries.iter().map(|entry| (entry.key.clone(), entry.node.clone())).collect()
}

/// Whether a text is the work of ansible-vault: nothing of it is kept.
pub(super) fn is_vault(node: &Node<'_>) -> bool {
    match &node.value {
        Value::Text(text) => text.trim_start().starts_with("$ANSIBLE_VAULT"),
        Value::Map(entries) => entries.iter().any(|entry| entry.key == "__ansible_vault"),
        _ => false,
    }
}
