//! From a model of hosts, groups and variables to rows: which variables win, and what they say about services.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    rc::Rc,
};

use super::{
    Host, Model,
    graph::{Graph, MOST_GROUPS},
    is_vault,
};
use crate::inventory::{
    Error,
    declare::Draft,
    format::{Format, TextFile},
    host::{Host as Parsed, parse_host, quoted},
    intake::Intake,
    tree::{Node, Value},
};

mod notes;
mod services;

use notes::Notes;

/// The most variables of one host, and of its groups, that become tags.
const MOST_TAGS: usize = 100;

/// The most group variables that are kept worked out at once.
const CACHED: usize = 1 << 20;

/// The most steps in which group variables are put together.
const MOST_STEPS: usize = 1 << 26;

/// Names of native columns as variables, plain and with the prefix that makes them ours beyond doubt.
const PLAIN: &[(&str, &str)] = &[
    ("owner", "allclear_owner"),
    ("team", "allclear_team"),
    ("env", "allclear_env"),
    ("site", "allclear_site"),
    ("exposure", "allclear_exposure"),
    ("service_type", "allclear_service_type"),
    ("tls_stack", "allclear_tls_stack"),
    ("issues_tokens", "allclear_issues_tokens"),
    ("zone", "allclear_zone"),
    ("fragile", "allclear_fragile"),
    ("expect", "allclear_expect"),
    ("tags", "allclear_tags"),
    ("sni", "allclear_sni"),
    ("wrap", "allclear_wrap"),
];

/// Columns whose plain names mean something else in an inventory: an application's port, an address of a network.
const PREFIXED: &[(&str, &str)] = &[
    ("id", "allclear_id"),
    ("name", "allclear_name"),
    ("address", "allclear_address"),
    ("transport", "allclear_transport"),
];

/// What the groups of a host say.
struct Shared<'m, 't> {
    vars: BTreeMap<&'m str, &'m Node<'t>>,
    groups: Vec<String>,
    /// Variables that are tags, by name.
    tags: Vec<(&'m str, String)>,
    refused: u64,
}

/// All that is said about one host.
struct Said<'m, 't> {
    host: &'m Host<'t>,
    own: BTreeMap<&'m str, &'m Node<'t>>,
    shared: Rc<Shared<'m, 't>>,
}

impl<'m, 't> Said<'m, 't> {
    fn get(&self, name: &str) -> Option<&'m Node<'t>> {
        let found = self.own.get(name).or_else(|| self.shared.vars.get(name)).copied();
        found.filter(|node| node.value != Value::Null && !is_vault(node))
    }
}

/// Hands every host of a model to the intake.
pub(in crate::inventory) fn give(
    model: &Model<'_>,
    file: &TextFile<'_>,
    format: &Format,
    intake: &mut Intake<'_>,
) -> Result<(), Error> {
    let graph = Graph::new(model);
    for (parent, child, place) in &graph.cycles {
        let name = |at: &usize| model.groups.get(*at).map_or_else(String::new, |group| quoted(&group.name));
        intake.count_row();
        let message = format!(
            "the group {} cannot be in {}, which is in it already; the line is passed over",
            name(child),
            name(parent)
        );
        intake.bad(&file.name, place.line, place.column, message);
    }
    let mut giver = Giver {
        model,
        graph,
        file,
        format,
        intake,
        notes: Notes::default(),
        cache: HashMap::new(),
        cached: 0,
        steps: 0,
    };
    for host in &model.hosts {
        giver.host(host)?;
    }
    giver.notes.tell(model.len(), file, format, giver.intake);
    Ok(())
}

struct Giver<'g, 'm, 't, 'f, 'o> {
    model: &'m Model<'t>,
    graph: Graph,
    file: &'g TextFile<'f>,
    format: &'g Format,
    intake: &'g mut Intake<'o>,
    notes: Notes,
    cache: HashMap<Vec<usize>, Rc<Shared<'m, 't>>>,
    cached: usize,
    steps: usize,
}

impl<'m, 't> Giver<'_, 'm, 't, '_, '_> {
    fn host(&mut self, host: &'m Host<'t>) -> Result<(), Error> {
        let place = host.place;
        let Some(shared) = self.shared(host)? else {
            self.intake.count_row();
            let message = format!("{} is in more than {MOST_GROUPS} groups", quoted(&host.name));
            self.intake.bad(&self.file.name, place.line, place.column, message);
            return Ok(());
        };
        let mut own = BTreeMap::new();
        for (name, node) in host.vars.iter().flat_map(|block| block.iter()).chain(&host.file_vars) {
            own.insert(name.as_ref(), node);
        }
        let said = Said { host, own, shared };
        if said.get("ansible_connection").and_then(Node::text) == Some("local") {
            self.notes.local += 1;
            return Ok(());
        }
        match self.drafts(&said) {
            Err(message) => {
                self.intake.count_row();
                self.intake.bad(&self.file.name, place.line, place.column, message);
            }
            Ok(drafts) if drafts.is_empty() => self.notes.none += 1,
            Ok(drafts) => {
                let path = format!("{}/{}", self.first_group(host), host.name);
                for draft in drafts {
                    self.intake.count_row();
                    let source = self.file.source(self.format, place.line, Some(&path));
                    if let Err(refusal) = self.intake.take(draft.row(source)) {
                        refusal.settle(self.intake, &self.file.name, |_| (place.line, place.column))?;
                    }
                }
            }
        }
        Ok(())
    }

    /// The group by which a person finds the host: the first one that is not every host's.
    fn first_group(&self, host: &Host<'_>) -> &'m str {
        let own = host.groups.iter().find(|&&at| at > super::UNGROUPED);
        own.and_then(|&at| self.model.groups.get(at)).map_or("ungrouped", |group| group.name.as_ref())
    }

    /// What its groups say, worked out once for all hosts of the same groups. `None`: it is in too many.
    fn shared(&mut self, host: &Host<'_>) -> Result<Option<Rc<Shared<'m, 't>>>, Error> {
        let mut key = host.groups.clone();
        key.sort_unstable();
        key.dedup();
        if let Some(shared) = self.cache.get(&key) {
            return Ok(Some(Rc::clone(shared)));
        }
        let Some(groups) = self.graph.groups_of(&key) else { return Ok(None) };
        let groups: Vec<_> = groups.iter().filter_map(|&at| self.model.groups.get(at)).collect();
        let (all, others) = groups.split_at(1);
        // Ansible's order: the inventory's own words for groups, then group_vars/all, then group_vars of the others.
        let own = groups.iter().flat_map(|group| &group.vars);
        let files = all.iter().chain(others).flat_map(|group| &group.file_vars);
        let mut vars = BTreeMap::new();
        for (name, node) in own.chain(files) {
            self.steps += 1;
            vars.insert(name.as_ref(), node);
        }
        if self.steps > MOST_STEPS {
            let message =
                format!("variables of groups come to more than {MOST_STEPS} over all hosts; split the file");
            return Err(self.file.refused(host.place.line, host.place.column, message));
        }
        let mut tags = Vec::new();
        let refused = tags_of(&vars, &mut tags);
        let mut names: Vec<String> = others
            .iter()
            .map(|g| g.name.as_ref())
            .filter(|n| *n != "ungrouped")
            .map(|n| format!("group={n}"))
            .collect();
        names.sort_unstable();
        let shared = Rc::new(Shared { vars, groups: names, tags, refused });
        self.cached += shared.vars.len() + 1;
        if self.cached > CACHED {
            self.cache.clear();
            self.cached = 0;
        }
        self.cache.insert(key, Rc::clone(&shared));
        Ok(Some(shared))
    }

    /// The rows of one host; none where it says that it has no TLS.
    fn drafts(&mut self, said: &Said<'_, '_>) -> Result<Vec<Draft>, String> {
        let mut draft = Draft::default();
        for tag in &said.shared.groups {
            draft.tag(tag.as_str());
        }
        self.identity(said, &mut draft)?;
        for &(column, prefixed) in PREFIXED {
            if let Some(text) = self.cell(said, prefixed) {
                draft.set(column, &text).map_err(|why| format!("{prefixed}: {why}"))?;
            }
        }
        for &(column, prefixed) in PLAIN {
            if let Some(text) = self.cell(said, prefixed) {
                draft.set(column, &text).map_err(|why| format!("{prefixed}: {why}"))?;
            } else if let Some(text) = self.cell(said, column)
                && draft.set(column, &text).is_err()
            {
                // Somebody else's variable of the same name: no reason to lose the host.
                self.notes.odd(column, &said.host.name);
                draft.tag_pair(column, &text);
            }
        }
        self.tags(said, &mut draft);
        services::of(said, &draft, &mut self.notes)
    }

    /// Name and address.
    fn identity(&mut self, said: &Said<'_, '_>, draft: &mut Draft) -> Result<(), String> {
        let name = said.host.name.as_ref();
        let target = ["ansible_host", "ansible_ssh_host"].iter().find_map(|variable| {
            let text = self.cell(said, variable)?;
            let parsed = parse_host(text.trim());
            if parsed.is_err() {
                self.notes.odd(variable, name);
            }
            parsed.ok()
        });
        let own = parse_host(name);
        let mut alias = true;
        match (own, target) {
            (Ok(Parsed::Name(own)), Some(Parsed::Name(target)))
                if !own.contains('.') && target.contains('.') =>
            {
                draft.name = Some(target);
            }
            (Ok(Parsed::Name(own)), target) => {
                alias = false;
                draft.name = Some(own);
                if let Some(Parsed::Address(address)) = target {
                    set_address(draft, address);
                }
            }
            (Ok(Parsed::Address(own)), None) => {
                alias = false;
                set_address(draft, own);
            }
            (Ok(Parsed::Address(own)), Some(Parsed::Address(target))) => {
                alias = own != target;
                set_address(draft, target);
            }
            (Err(_), Some(Parsed::Address(target))) => set_address(draft, target),
            (_, Some(Parsed::Name(target))) => draft.name = Some(target),
            (Err(why), None) => return Err(why),
        }
        if alias {
            draft.tag_pair("ansible", name);
        }
        Ok(())
    }

    /// A variable as the text of a cell. A list is joined as in a cell; a template says nothing.
    fn cell(&mut self, said: &Said<'_, '_>, variable: &str) -> Option<String> {
        let node = said.get(variable)?;
        let text = match node.scalar() {
            Some(text) => text.into_owned(),
            None => node.items().iter().map(Node::scalar).collect::<Option<Vec<_>>>()?.join(";"),
        };
        if self.notes.is_template(&text, variable, &said.host.name) {
            return None;
        }
        // A text of this length is no word about a service.
        (text.len() <= 4096).then_some(text)
    }

    fn tags(&mut self, said: &Said<'_, '_>, draft: &mut Draft) {
        let mut own = Vec::new();
        self.notes.refused += said.shared.refused + tags_of(&said.own, &mut own);
        let shared = said.shared.tags.iter().filter(|(name, _)| !said.own.contains_key(name));
        for (_, tag) in shared.chain(&own) {
            draft.tag(tag.as_str());
        }
    }
}

fn set_address(draft: &mut Draft, address: IpAddr) {
    draft.addresses = Some(crate::inventory::host::Addresses::One(address));
}

/// Variables that nothing else here reads, as tags; how many are none, since they may be credentials or are too long
/// or too many.
fn tags_of<'m>(vars: &BTreeMap<&'m str, &'m Node<'_>>, tags: &mut Vec<(&'m str, String)>) -> u64 {
    let mut refused = 0;
    for (&name, node) in vars {
        if name.starts_with("ansible_") || name.starts_with("allclear_") || is_ours(name) {
            continue;
        }
        let Some(text) = node.scalar() else { continue };
        let mut draft = Draft::default();
        let template = notes::has_template(&text);
        if tags.len() < MOST_TAGS && !template && !is_vault(node) && draft.tag_pair(name, &text) {
            tags.extend(draft.declared.tags.pop().map(|tag| (name, tag)));
        } else if !text.is_empty() {
            refused += 1;
        }
    }
    refused
}

fn is_ours(name: &str) -> bool {
    matches!(name, "tls_ports" | "tls_port" | "tls_services") || PLAIN.iter().any(|(plain, _)| *plain == name)
}
