//! What `terraform show -json` prints of a state or a plan, or a state file (version 4).
//!
//! A state holds secrets. Only the attributes that [`resource`] lists for a type are read, and none that the state
//! marks as sensitive. It asks no cloud.

mod listeners;
mod resource;
mod simple;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use resource::Resource;

use super::{Format, Peek, TextFile};
use crate::{
    inventory::{
        Error,
        declare::Draft,
        host::{Addresses, one_address},
        intake::Intake,
        left_out::Tally,
        tree::{self, Node},
    },
    model::{discovery::Role, loading::NoticeKind, secret::Secret},
};

pub(super) const FORMAT: Format =
    Format { name: "terraform", letter: b'T', role: Role::Declares, detect, read };

fn detect(peek: &Peek<'_>) -> bool {
    let show = ["values", "planned_values", "terraform_version", "prior_state"];
    (peek.has_json_keys(&["format_version"]) && show.iter().any(|key| peek.has_json_keys(&[key])))
        || peek.has_json_keys(&["version", "terraform_version"])
}

fn read(file: &TextFile<'_>, intake: &mut Intake<'_>) -> Result<(), Error> {
    let root = tree::json(file.text).map_err(|fault| file.broken(fault))?;
    let mut resources = Vec::new();
    let modules = ["values", "planned_values"].iter().find_map(|key| root.get(key)?.get("root_module"));
    if let Some(module) = modules {
        resource::of_module(module, &mut resources);
    } else if let Some(version) = root.get("version") {
        if version.scalar().as_deref() != Some("4") {
            let message = "a state of another version than 4; let `terraform show -json` print it".to_owned();
            return Err(file.refused(version.place.line, version.place.column, message));
        }
        resource::of_state(&root, &mut resources);
    }
    let mut state = State {
        file,
        tally: Tally::new(file, &FORMAT),
        certificates: BTreeMap::new(),
        others: BTreeMap::new(),
        untagged: BTreeSet::new(),
    };
    if resources.is_empty() {
        intake.notice(
            NoticeKind::LeftOut,
            "the state holds no resource",
            Some(file.source(&FORMAT, 1, None)),
        );
    }
    listeners::read(&mut state, &resources, intake)?;
    for resource in &resources {
        if resource.data {
            let reason = "data sources, which look up what others own";
            state.tally.add(reason, resource.line, &resource.address);
        } else if !listeners::KINDS.contains(&resource.kind) && !simple::read(&mut state, resource, intake)? {
            *state.others.entry(resource.kind.chars().take(60).collect()).or_default() += 1;
        }
    }
    state.end(intake);
    Ok(())
}

/// What one file gives while it is read.
struct State<'f, 't> {
    file: &'f TextFile<'t>,
    tally: Tally<'f, 't>,
    /// Certificates by their ARN.
    certificates: BTreeMap<String, Certificate>,
    /// Resources that are not read, by type.
    others: BTreeMap<String, u64>,
    /// Lines of resources whose tags are not all kept.
    untagged: BTreeSet<u32>,
}

/// A certificate and what serves it.
#[derive(Default)]
struct Certificate {
    line: u32,
    /// The address of its resource, where the state has it.
    resource: Option<String>,
    /// `name:port`.
    used_by: BTreeSet<String>,
}

impl State<'_, '_> {
    /// Takes one row for each address, or one without any.
    fn take(
        &mut self,
        draft: &Draft,
        addresses: &[Addresses],
        resource: &Resource<'_, '_>,
        intake: &mut Intake<'_>,
    ) -> Result<(), Error> {
        if draft.name.is_none() && draft.addresses.is_none() && addresses.is_empty() {
            self.tally.add(
                "resources that have neither an address nor a name yet",
                resource.line,
                &resource.address,
            );
            return Ok(());
        }
        let each: Vec<Option<Addresses>> = match addresses {
            [] => vec![draft.addresses],
            some => some.iter().copied().map(Some).collect(),
        };
        let place = resource.node.place;
        for address in each {
            intake.count_row();
            let source = self.file.source(&FORMAT, resource.line, Some(&resource.address));
            let row = Draft { addresses: address, ..draft.clone() }.row(source);
            if let Err(refusal) = intake.take(row) {
                refusal.settle(intake, &self.file.name, |_| (place.line, place.column))?;
            }
        }
        Ok(())
    }

    /// What every row of a resource begins with: its tags or labels. Owner, team and environment are ours.
    fn draft(&mut self, resource: &Resource<'_, '_>) -> Draft {
        let mut draft = Draft::default();
        for (key, value) in resource.labels() {
            let slot = match key.to_ascii_lowercase().as_str() {
                "owner" => &mut draft.declared.owner,
                "team" => &mut draft.declared.team,
                "env" | "environment" => &mut draft.declared.env,
                _ => {
                    if !draft.tag_pair(&key, &value) && self.untagged.insert(resource.line) {
                        let reason = "resources with tags that are not kept, since they may hold a credential or are too long";
                        self.tally.add(reason, resource.line, &resource.address);
                    }
                    continue;
                }
            };
            if slot.is_none() && !value.trim().is_empty() {
                *slot = Some(value.trim().to_owned());
            }
        }
        draft
    }

    /// Counts a bad record at a resource.
    fn bad(&self, resource: &Resource<'_, '_>, message: String, intake: &mut Intake<'_>) {
        intake.count_row();
        let place = resource.node.place;
        intake.bad(&self.file.name, place.line, place.column, message);
    }

    fn certificate(&mut self, arn: &str, line: u32) -> &mut Certificate {
        let new = || Certificate { line, ..Certificate::default() };
        self.certificates.entry(arn.to_owned()).or_insert_with(new)
    }

    /// Certificates that tie services to one key, and what was left out.
    fn end(mut self, intake: &mut Intake<'_>) {
        for (arn, certificate) in std::mem::take(&mut self.certificates) {
            if certificate.used_by.is_empty() {
                let what = certificate.resource.as_deref().unwrap_or(&arn);
                self.tally.add("certificates that nothing in this state serves", certificate.line, what);
                continue;
            }
            let path = certificate.resource.as_deref().unwrap_or(&arn);
            let joined = intake.join_secret(Secret {
                id: format!("terraform:{arn}"),
                kind: "B1".to_owned(),
                services: Vec::new(),
                delivered_through: Vec::new(),
                checks: Vec::new(),
                unresolved: certificate.used_by.into_iter().collect(),
                owner: None,
                location: Some(arn.clone()),
                issued_at: None,
                runbook: None,
                implied: false,
                source: Some(self.file.source(&FORMAT, certificate.line, Some(path))),
            });
            if !joined {
                self.tally.add("certificates that an earlier file has too", certificate.line, path);
            }
        }
        if !self.others.is_empty() {
            let all: Vec<String> =
                self.others.iter().take(20).map(|(kind, count)| format!("{kind} {count}")).collect();
            let more = match self.others.len().saturating_sub(20) {
                0 => String::new(),
                more => format!(" and {more} more types"),
            };
            let message = format!("resources of types that are not read: {}{more}", all.join(", "));
            intake.notice(NoticeKind::LeftOut, message, Some(self.file.source(&FORMAT, 1, None)));
        }
        self.tally.tell(intake);
    }
}

/// The texts of a list.
fn texts<'n>(node: Option<&'n Node<'_>>) -> impl Iterator<Item = &'n str> {
    node.map(Node::items).unwrap_or_default().iter().filter_map(Node::text)
}
