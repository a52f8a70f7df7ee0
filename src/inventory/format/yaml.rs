//! The native YAML: hosts, services, secrets and scope in one file, as `inventory/allclear-inventory.schema.json`
//! describes it. The same layout in JSON is read too.

use std::collections::BTreeSet;

use super::{Format, Peek, TextFile};
use crate::{
    inventory::{
        Error,
        host::quoted,
        intake::Intake,
        native::{Layer, Records, refuse_values},
        scope,
        slip::hint,
        tree::{self, Entry, Node, Value},
    },
    model::discovery::Role,
};

#[cfg(test)]
mod tests;

pub(super) const FORMAT: Format = Format { name: "yaml", letter: b'Y', role: Role::Declares, detect, read };

/// The version of the layout.
const VERSION: &str = "1";

/// The keys of the file. One that begins with `x-` is nobody's: a place for anchors.
const TOP: &[&str] = &["$schema", "allclear", "defaults", "scope", "hosts", "services", "secrets"];

const SCOPE: &[&str] = &["allow", "exclude"];

/// The version, or a list where no other layout has one: an Ansible group of the name `hosts` is a map.
fn detect(peek: &Peek<'_>) -> bool {
    if matches!(peek.first_byte(), Some(b'{' | b'[')) {
        return peek.has_json_keys(&["allclear"]);
    }
    let content = |line: &&[u8]| {
        let line = line.trim_ascii();
        !line.is_empty() && !line.starts_with(b"#")
    };
    let mut lines = peek.text.split(|&b| b == b'\n').filter(content).peekable();
    while let Some(line) = lines.next() {
        let Some(at) = line.iter().position(|&b| b == b':') else { continue };
        let (key, rest) = line.split_at(at);
        let rest = rest.get(1..).unwrap_or_default();
        let value = if rest.trim_ascii().is_empty() || rest.trim_ascii_start().starts_with(b"#") {
            lines.peek().map_or(b"".as_slice(), |next| next.trim_ascii())
        } else {
            rest.trim_ascii()
        };
        let is = |start: &[u8]| value.starts_with(start);
        let found = match key.trim_ascii_end() {
            b"allclear" => !key.is_empty() && rest.first().is_none_or(u8::is_ascii_whitespace),
            b"hosts" | b"services" | b"secrets" => is(b"- ") || is(b"[") || value == b"-",
            b"scope" => is(b"allow:") || is(b"exclude:"),
            _ => false,
        };
        if found {
            return true;
        }
    }
    false
}

fn read(file: &TextFile<'_>, intake: &mut Intake<'_>) -> Result<(), Error> {
    let documents = tree::yaml(file.text).map_err(|fault| file.broken(fault))?;
    for document in &documents {
        refuse_values(file, document)?;
        check_top(file, document)?;
    }
    // It allows what the rows bring, so it counts before them wherever it stands.
    for node in documents.iter().filter_map(|document| document.get("scope")) {
        take_scope(file, node, intake)?;
    }
    let mut records = Records::new(file, &FORMAT, false);
    for document in &documents {
        rows(file, document, &mut records, intake)?;
    }
    records.finish(intake);
    Ok(())
}

fn refused(file: &TextFile<'_>, node: &Node<'_>, message: String) -> Error {
    file.refused(node.place.line, node.place.column, message)
}

/// The keys of a document: known ones, each once, and the version.
fn check_top(file: &TextFile<'_>, document: &Node<'_>) -> Result<(), Error> {
    if document.value == Value::Null {
        return Ok(());
    }
    if !matches!(document.value, Value::Map(_)) {
        let message = format!("{} stands here; expected a map with {}", document.kind(), TOP.join(", "));
        return Err(refused(file, document, message));
    }
    known_keys(file, document.entries(), TOP)?;
    if let Some(version) = document.get("allclear")
        && version.scalar().as_deref() != Some(VERSION)
    {
        let found = version.scalar().map_or_else(|| version.kind().to_owned(), |text| quoted(&text));
        let message = format!("version {found} of the layout; this build reads version {VERSION}");
        return Err(refused(file, version, message));
    }
    Ok(())
}

fn known_keys(file: &TextFile<'_>, entries: &[Entry<'_>], known: &[&str]) -> Result<(), Error> {
    let mut seen = BTreeSet::new();
    for entry in entries {
        let name = quoted(&entry.key);
        let message = if !seen.insert(&entry.key) {
            format!("{name} stands twice; expected each key once")
        } else if known.contains(&entry.key.as_ref()) || (known == TOP && entry.key.starts_with("x-")) {
            continue;
        } else {
            format!("{name} is no key here; expected {}{}", known.join(", "), hint(&entry.key, known))
        };
        return Err(file.refused(entry.at.line, entry.at.column, message));
    }
    Ok(())
}

/// A scope is taken whole or not at all: half of it would touch what it should not.
fn take_scope(file: &TextFile<'_>, node: &Node<'_>, intake: &mut Intake<'_>) -> Result<(), Error> {
    match &node.value {
        Value::Null => return Ok(()),
        Value::Map(entries) => known_keys(file, entries, SCOPE)?,
        _ => {
            let message = format!("scope is {}; expected a map with allow and exclude", node.kind());
            return Err(refused(file, node, message));
        }
    }
    let allow = node.get("allow").map(|node| scope_rules(file, "allow", node)).transpose()?;
    if let (Some(rules), Some(node)) = (&allow, node.get("allow"))
        && rules.is_empty()
    {
        let message = "allow is empty, and would allow nothing; leave it out, or list what may be touched";
        return Err(refused(file, node, message.to_owned()));
    }
    let exclude = node.get("exclude").map(|node| scope_rules(file, "exclude", node)).transpose()?;
    intake.take_scope(&file.name, &allow.unwrap_or_default(), &exclude.unwrap_or_default());
    Ok(())
}

fn scope_rules(file: &TextFile<'_>, name: &str, node: &Node<'_>) -> Result<Vec<String>, Error> {
    if !matches!(node.value, Value::Seq(_) | Value::Null) {
        let message =
            format!("{name} is {}; expected a list of CIDRs, addresses, names and *.suffix", node.kind());
        return Err(refused(file, node, message));
    }
    let rule = |item: &Node<'_>| {
        let text =
            item.scalar().ok_or_else(|| format!("{} stands here; expected a rule as text", item.kind()));
        text.and_then(|text| scope::checked(text.trim())).map_err(|why| refused(file, item, why))
    };
    node.items().iter().map(rule).collect()
}

/// The items of one of the lists of a document.
fn list<'n, 't>(file: &TextFile<'_>, document: &'n Node<'t>, key: &str) -> Result<&'n [Node<'t>], Error> {
    match document.get(key) {
        Some(node) if !matches!(node.value, Value::Seq(_) | Value::Null) => {
            Err(refused(file, node, format!("{key} is {}; expected a list of maps", node.kind())))
        }
        Some(node) => Ok(node.items()),
        None => Ok(&[]),
    }
}

fn rows(
    file: &TextFile<'_>,
    document: &Node<'_>,
    records: &mut Records<'_>,
    intake: &mut Intake<'_>,
) -> Result<(), Error> {
    let mut defaults = Vec::new();
    match document.get("defaults") {
        Some(node) if matches!(node.value, Value::Map(_)) => {
            records.defaults(node).map_err(|(place, why)| file.refused(place.line, place.column, why))?;
            defaults.push(Layer::whole(node));
        }
        Some(node) if node.value != Value::Null => {
            return Err(refused(file, node, format!("defaults is {}; expected a map", node.kind())));
        }
        _ => {}
    }
    for item in list(file, document, "hosts")? {
        host(item, &defaults, records, intake)?;
    }
    for item in list(file, document, "services")? {
        service(item, &defaults, records, intake)?;
    }
    for item in list(file, document, "secrets")? {
        match item.value {
            Value::Map(_) => records.secret(item, intake),
            _ => records.no_record(item, "a map with secret_id and type", intake),
        }
    }
    Ok(())
}

/// One service, over what its host and the file say of it.
fn service(
    item: &Node<'_>,
    above: &[Layer<'_, '_>],
    records: &mut Records<'_>,
    intake: &mut Intake<'_>,
) -> Result<(), Error> {
    if !matches!(item.value, Value::Map(_)) {
        records.no_record(item, "a map such as `{name: web01.example.test, port: 443}`", intake);
        return Ok(());
    }
    let mut layers = above.to_vec();
    layers.push(Layer::whole(item));
    records.service(&layers, intake)
}

/// One host: its services, or itself.
fn host(
    item: &Node<'_>,
    above: &[Layer<'_, '_>],
    records: &mut Records<'_>,
    intake: &mut Intake<'_>,
) -> Result<(), Error> {
    let Some(services) = item.get("services") else {
        return service(item, above, records, intake);
    };
    if services.items().is_empty() {
        let expected = "a list of maps; without `services` the host itself is the service";
        records.no_record(services, expected, intake);
        return Ok(());
    }
    if let Some(id) = item.get("id") {
        intake.count_row();
        let message = "an id is one service's, and this host lists its services; give it to one of them";
        records.bad((id.place, message.to_owned()), intake);
        return Ok(());
    }
    let mut layers = above.to_vec();
    layers.push(Layer { node: item, without: &["services"] });
    services.items().iter().try_for_each(|one| service(one, &layers, records, intake))
}
