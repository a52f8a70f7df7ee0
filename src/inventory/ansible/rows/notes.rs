//! What of an inventory was left out or not used, counted for one notice each.

use std::collections::BTreeMap;

use crate::{
    inventory::{
        format::{Format, TextFile},
        host::quoted,
        intake::Intake,
    },
    model::loading::NoticeKind,
};

/// Counts over all hosts of one inventory.
#[derive(Default)]
pub(super) struct Notes {
    /// Hosts that Ansible does not reach over a network.
    pub(super) local: u64,
    /// Hosts that say they have no TLS port.
    pub(super) none: u64,
    /// Variables that became no tags.
    pub(super) refused: u64,
    templates: BTreeMap<String, (String, u64)>,
    odd: BTreeMap<String, (String, u64)>,
}

impl Notes {
    /// Whether a value that was asked for is a template, which is then counted.
    pub(super) fn is_template(&mut self, text: &str, variable: &str, host: &str) -> bool {
        let template = has_template(text);
        if template {
            add(&mut self.templates, variable, host);
        }
        template
    }

    /// Counts a variable of a native name that holds something else.
    pub(super) fn odd(&mut self, variable: &str, host: &str) {
        add(&mut self.odd, variable, host);
    }

    pub(super) fn tell(&self, hosts: usize, file: &TextFile<'_>, format: &Format, intake: &mut Intake<'_>) {
        let mut say = |message: String| {
            intake.notice(NoticeKind::LeftOut, message, Some(file.source(format, 1, None)));
        };
        if self.local > 0 {
            say(format!("{} of {hosts} hosts are left out: ansible_connection is local", self.local));
        }
        if self.none > 0 {
            say(format!("{} of {hosts} hosts are left out: their list of TLS ports is empty", self.none));
        }
        for (variable, (host, count)) in &self.templates {
            say(format!(
                "{} is a template, which Ansible alone fills in, and is not used; give the output of ansible-inventory --list if it matters",
                about(variable, host, *count)
            ));
        }
        for (variable, (host, count)) in &self.odd {
            say(format!(
                "{} is nothing that allclear reads under this name, and is not used as such",
                about(variable, host, *count)
            ));
        }
        if self.refused > 0 {
            say(format!(
                "{} variables became no tags: they may be credentials, or are templates, too long or too many",
                self.refused
            ));
        }
    }
}

fn add(to: &mut BTreeMap<String, (String, u64)>, variable: &str, host: &str) {
    match to.get_mut(variable) {
        Some((_, count)) => *count += 1,
        None => {
            to.insert(variable.to_owned(), (host.to_owned(), 1));
        }
    }
}

fn about(variable: &str, host: &str, count: u64) -> String {
    let more = if count > 1 { format!(" (and of {} more hosts)", count - 1) } else { String::new() };
    format!("{variable} of {}{more}", quoted(host))
}

/// Whether Ansible would fill in a part of it (Jinja).
pub(super) fn has_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%")
}
