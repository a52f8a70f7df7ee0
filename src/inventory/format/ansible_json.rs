//! The JSON of `ansible-inventory --list` and of dynamic inventory scripts: groups by name, and variables of hosts in
//! `_meta`.
//!
//! Names in it are whole: ranges are written out and group variables are folded into the hosts already, unless it
//! was made with `--export`. Variables of `group_vars` are in it, so those folders are not read.

use std::rc::Rc;

use super::{Format, Peek, TextFile};
use crate::{
    inventory::{
        Error,
        ansible::{self, Model, is_vault, variables},
        host::quoted,
        intake::Intake,
        records::Place,
        tree::{Entry, Node, Value, json},
    },
    model::discovery::Role,
};

pub(super) const FORMAT: Format =
    Format { name: "ansible-json", letter: b'B', role: Role::Declares, detect, read };

fn detect(peek: &Peek<'_>) -> bool {
    peek.first_byte() == Some(b'{') && (peek.has_json_keys(&["_meta"]) || peek.has_json_keys(&["all"]))
}

fn read(file: &TextFile<'_>, intake: &mut Intake<'_>) -> Result<(), Error> {
    let root = json(file.text).map_err(|fault| file.broken(fault))?;
    let Value::Map(entries) = root.value else {
        let message = format!("this is {}; expected an object of groups and `_meta`", root.kind());
        return Err(file.refused(root.place.line, root.place.column, message));
    };
    let mut reader = Reader { file, intake, model: Model::new(), vaulted: 0 };
    // First, since the line of a host is where its variables stand.
    let (meta, groups): (Vec<_>, Vec<_>) = entries.into_iter().partition(|entry| entry.key == "_meta");
    for entry in meta {
        reader.meta(entry.node);
    }
    for entry in groups {
        reader.group(entry);
    }
    ansible::finish_whole(&reader.model, file, &FORMAT, reader.vaulted, reader.intake)
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

    fn meta(&mut self, meta: Node<'f>) {
        let Value::Map(parts) = meta.value else { return };
        for part in parts.into_iter().filter(|part| part.key == "hostvars") {
            let Value::Map(hosts) = part.node.value else { continue };
            for host in hosts {
                let at = self.model.host(&host.key, None, host.at);
                match host.node.value {
                    Value::Map(vars) => {
                        self.vaulted += vars.iter().filter(|var| is_vault(&var.node)).count() as u64;
                        let vars = vars.into_iter().map(|var| (var.key, plain(var.node))).collect();
                        self.model.host_vars(at, Rc::new(vars));
                    }
                    Value::Null => {}
                    _ => {
                        let message = format!("the variables of {} are no object", quoted(&host.key));
                        self.bad(host.at, message);
                    }
                }
            }
        }
    }

    fn group(&mut self, entry: Entry<'f>) {
        let group = self.model.group(entry.key);
        match entry.node.value {
            // As scripts of old write it: the hosts alone.
            Value::Seq(hosts) => self.hosts(group, &hosts),
            Value::Map(parts) => {
                for part in parts {
                    match (part.key.as_ref(), &part.node.value) {
                        ("hosts", Value::Seq(hosts)) => self.hosts(group, hosts),
                        ("children", Value::Seq(children)) => {
                            for child in children {
                                match &child.value {
                                    Value::Text(name) => {
                                        let at = self.model.group(name.clone());
                                        self.model.child(group, at, child.place);
                                    }
                                    _ => self.bad(child.place, format!("{}; expected a group", child.kind())),
                                }
                            }
                        }
                        ("vars", Value::Map(vars)) => {
                            for (name, node) in variables(vars) {
                                self.vaulted += u64::from(is_vault(&node));
                                self.model.group_var(group, name, plain(node));
                            }
                        }
                        (_, Value::Null) => {}
                        ("hosts" | "children" | "vars", _) => {
                            let message = format!("{} is {}", part.key, part.node.kind());
                            self.bad(part.node.place, message);
                        }
                        _ => {}
                    }
                }
            }
            Value::Null => {}
            _ => self.bad(entry.at, "a group is no object; expected an object or a list".to_string()),
        }
    }

    fn hosts(&mut self, group: usize, hosts: &[Node<'f>]) {
        for host in hosts {
            match &host.value {
                Value::Text(name) => {
                    self.model.host(name, Some(group), host.place);
                }
                _ => self.bad(host.place, format!("{}; expected the name of a host", host.kind())),
            }
        }
    }
}

/// Text that Ansible marks as unsafe is text all the same.
fn plain(node: Node<'_>) -> Node<'_> {
    match node.value {
        Value::Map(mut entries)
            if entries.len() == 1 && entries.iter().all(|e| e.key == "__ansible_unsafe") =>
        {
            entries.pop().map_or(Node { place: node.place, value: Value::Null }, |entry| entry.node)
        }
        value => Node { value, ..node },
    }
}
