//! `tls_ports` and `tls_services`: on which ports of a host TLS is, and how.

use std::{borrow::Cow, collections::HashSet};

use super::{Said, notes::Notes};
use crate::inventory::{
    ansible::literal::literal,
    declare::Draft,
    host::{parse_port, quoted},
    tree::{Node, Value},
};

/// The most entries of `tls_services` of one host.
const MOST: usize = 1024;

/// One row for the ports, and one for each service; none where an empty list says that there is no TLS. A host of
/// which nothing is said is one row with the default ports.
pub(super) fn of(said: &Said<'_, '_>, base: &Draft, notes: &mut Notes) -> Result<Vec<Draft>, String> {
    let ports =
        found(said, &["allclear_tls_ports", "allclear_ports", "allclear_port", "tls_ports", "tls_port"]);
    let services = found(said, &["allclear_tls_services", "allclear_services", "tls_services"]);
    let (mut rows, mut told) = (Vec::new(), false);
    if let Some((variable, node)) = ports
        && let Some(ports) = ports_of(&node, variable, said, notes)?
    {
        told = true;
        if !ports.is_empty() {
            rows.push(Draft { ports, ..base.clone() });
        }
    }
    if let Some((variable, node)) = services {
        let one;
        let items = match &node.value {
            Value::Seq(items) => items.as_slice(),
            Value::Text(text) if notes.is_template(text, variable, &said.host.name) => {
                return Ok(or(rows, base));
            }
            _ => {
                one = [node.into_owned()];
                &one
            }
        };
        if items.len() > MOST {
            return Err(format!("{variable} has {} entries; at most {MOST} are read", items.len()));
        }
        told = true;
        for item in items {
            let row = service(item, base, variable, said, notes)?;
            rows.push(row);
        }
    }
    Ok(if told { rows } else { or(rows, base) })
}

fn or(rows: Vec<Draft>, base: &Draft) -> Vec<Draft> {
    if rows.is_empty() { vec![base.clone()] } else { rows }
}

/// The first of these variables that says something. A text that is written as a list is that list.
fn found<'m, 't>(said: &Said<'m, 't>, names: &[&'static str]) -> Option<(&'static str, Cow<'m, Node<'t>>)>
where
    't: 'm,
{
    let (name, node) = names.iter().find_map(|name| said.get(name).map(|node| (*name, node)))?;
    let node = match node.text() {
        Some(text) if text.trim_start().starts_with(['[', '{']) && !super::notes::has_template(text) => {
            Cow::Owned(literal(text, node.place))
        }
        _ => Cow::Borrowed(node),
    };
    Some((name, node))
}

/// Ports of a list, a number or a text; `None` where a template hides them.
fn ports_of(
    node: &Node<'_>,
    variable: &str,
    said: &Said<'_, '_>,
    notes: &mut Notes,
) -> Result<Option<Vec<u16>>, String> {
    let (mut ports, mut seen) = (Vec::new(), HashSet::new());
    let one = std::slice::from_ref(node);
    let items = if matches!(node.value, Value::Seq(_)) { node.items() } else { one };
    for item in items {
        let text =
            item.scalar().ok_or_else(|| format!("{variable} holds {}; expected ports", item.kind()))?;
        if notes.is_template(&text, variable, &said.host.name) {
            return Ok(None);
        }
        for part in text.split([';', ',', ' ']).map(str::trim).filter(|part| !part.is_empty()) {
            let port = parse_port(part).map_err(|why| format!("{variable}: {why}"))?;
            if seen.insert(port) {
                ports.push(port);
            }
        }
    }
    Ok(Some(ports))
}

/// One entry of `tls_services`: a map, or a port alone.
fn service(
    item: &Node<'_>,
    base: &Draft,
    variable: &str,
    said: &Said<'_, '_>,
    notes: &mut Notes,
) -> Result<Draft, String> {
    let mut row = base.clone();
    let Value::Map(entries) = &item.value else {
        row.ports = ports_of(item, variable, said, notes)?.unwrap_or_default();
        return Ok(row);
    };
    for entry in entries {
        let key = entry.key.as_ref();
        if matches!(key, "port" | "ports") {
            row.ports = ports_of(&entry.node, variable, said, notes)?.unwrap_or_default();
            continue;
        }
        let Some(text) = entry.node.scalar() else { continue };
        if notes.is_template(&text, variable, &said.host.name) {
            continue;
        }
        let wrong = |why: String| format!("{variable}, {key}: {why}");
        match key {
            "proto" | "protocol" => proto(&mut row, text.trim()).map_err(wrong)?,
            "app" => row.declared.service_type = Some(text.trim().to_owned()).filter(|app| !app.is_empty()),
            // A label of the service, and no name of a host.
            "name" | "address" => notes.refused += u64::from(!row.tag_pair(key, &text)),
            _ => {
                if !row.set(key, &text).map_err(wrong)? {
                    notes.refused += u64::from(!row.tag_pair(key, &text));
                }
            }
        }
    }
    Ok(row)
}

/// A wrap, or the transport alone.
fn proto(row: &mut Draft, text: &str) -> Result<(), String> {
    let word = text.to_ascii_lowercase();
    let column = match word.as_str() {
        "tcp" | "udp" => "transport",
        "ssl" => return row.set("wrap", "tls").map(|_| ()),
        _ => "wrap",
    };
    if word == "udp" && row.wrap.is_none() {
        row.set("wrap", "dtls")?;
    }
    row.set(column, &word).map(|_| ()).map_err(|_| {
        format!(
            "{} is no protocol that is known; expected tls, dtls, a wrap such as starttls-smtp, tcp or udp",
            quoted(text)
        )
    })
}
