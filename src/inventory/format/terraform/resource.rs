//! Resources of a state in both of its forms, and the one way to their attributes.

use std::collections::BTreeSet;

use crate::inventory::tree::{Node, Value};

/// One instance of a resource.
pub(super) struct Resource<'n, 't> {
    /// As in `terraform state list`: `module.web.aws_instance.web[0]`.
    pub(super) address: String,
    /// Its type.
    pub(super) kind: &'n str,
    /// It only looks up what others own.
    pub(super) data: bool,
    pub(super) line: u32,
    /// The resource as a whole, for its place.
    pub(super) node: &'n Node<'t>,
    attributes: Option<&'n Node<'t>>,
    /// Attributes that the state marks as sensitive, wholly or in a part.
    sensitive: BTreeSet<&'n str>,
}

impl<'n, 't> Resource<'n, 't> {
    /// An attribute, unless it is sensitive. Every caller names the attribute: there is no other way to one.
    pub(super) fn get(&self, attribute: &str) -> Option<&'n Node<'t>> {
        self.attributes?.get(attribute).filter(|_| !self.sensitive.contains(attribute))
    }

    /// A text attribute that is not empty.
    pub(super) fn text(&self, attribute: &str) -> Option<&'n str> {
        self.get(attribute)?.text().filter(|text| !text.is_empty())
    }

    /// A number, or a text.
    pub(super) fn number(&self, attribute: &str) -> Option<String> {
        self.get(attribute)?.scalar().map(std::borrow::Cow::into_owned)
    }

    /// Tags or labels, as key and value.
    pub(super) fn labels(&self) -> Vec<(String, String)> {
        let both = ["tags", "labels"].into_iter().filter_map(|name| self.get(name));
        both.flat_map(Node::entries)
            .filter_map(|entry| Some((entry.key.to_string(), entry.node.scalar()?.into_owned())))
            .collect()
    }
}

/// Resources of `terraform show -json`, child modules included.
pub(super) fn of_module<'n, 't>(module: &'n Node<'t>, resources: &mut Vec<Resource<'n, 't>>) {
    for node in module.get("resources").map(Node::items).unwrap_or_default() {
        let text = |key: &str| node.get(key).and_then(Node::text);
        let Some(kind) = text("type") else { continue };
        let marks = node.get("sensitive_values").map(Node::entries).unwrap_or_default();
        resources.push(Resource {
            address: text("address").unwrap_or(kind).to_owned(),
            kind,
            data: text("mode") == Some("data"),
            line: node.place.line,
            node,
            attributes: node.get("values"),
            sensitive: marks.iter().filter(|e| any_true(&e.node)).map(|e| e.key.as_ref()).collect(),
        });
    }
    for child in module.get("child_modules").map(Node::items).unwrap_or_default() {
        of_module(child, resources);
    }
}

/// Whether a mark says of any part that it is sensitive.
fn any_true(mark: &Node<'_>) -> bool {
    matches!(mark.value, Value::Bool(true))
        || mark.items().iter().any(any_true)
        || mark.entries().iter().any(|entry| any_true(&entry.node))
}

/// Resources of a state file.
pub(super) fn of_state<'n, 't>(root: &'n Node<'t>, resources: &mut Vec<Resource<'n, 't>>) {
    for node in root.get("resources").map(Node::items).unwrap_or_default() {
        let text = |key: &str| node.get(key).and_then(Node::text);
        let Some(kind) = text("type") else { continue };
        let data = text("mode") == Some("data");
        let module = text("module").map(|module| format!("{module}.")).unwrap_or_default();
        let name = text("name").unwrap_or_default();
        let prefix = if data { "data." } else { "" };
        for instance in node.get("instances").map(Node::items).unwrap_or_default() {
            let index = instance.get("index_key").and_then(|key| match &key.value {
                Value::Text(text) => Some(format!("[\"{text}\"]")),
                _ => key.scalar().map(|number| format!("[{number}]")),
            });
            // Each is a path of steps; its first step names the attribute.
            let marks = instance.get("sensitive_attributes").map(Node::items).unwrap_or_default();
            let sensitive =
                marks.iter().filter_map(|path| path.items().first().unwrap_or(path).get("value")?.text());
            resources.push(Resource {
                address: format!("{module}{prefix}{kind}.{name}{}", index.unwrap_or_default()),
                kind,
                data,
                line: instance.place.line,
                node: instance,
                attributes: instance.get("attributes"),
                sensitive: sensitive.collect(),
            });
        }
    }
}
