//! JSON and YAML as one tree in which every value knows its line and column, for messages that
//! point at it.
//!
//! Two libraries parse ([`json`], [`yaml`]); this adds places and bounds. It knows nothing of hosts.
//! Numbers keep the text that was written: ids beyond 2^53 and ports like `0443` stay what they are.

mod json;
#[cfg(test)]
mod tests;
mod yaml;

use std::borrow::Cow;

pub(super) use json::{json, json_lines, json_stream, keys as json_keys};
pub(super) use yaml::yaml;

use super::records::Place;

/// How deep values may stand in one another.
const DEPTH: usize = 64;

/// Why a text is no tree, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) place: Place,
    pub(super) message: String,
}

impl Fault {
    fn new(place: Place, message: impl Into<String>) -> Self {
        Self { place, message: message.into() }
    }
}

/// A value and where it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node<'t> {
    pub(super) place: Place,
    pub(super) value: Value<'t>,
}

/// What a node holds. Keys of maps are text; where one stands twice, both are kept and the last one counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value<'t> {
    Null,
    Bool(bool),
    /// As it was written.
    Number(Cow<'t, str>),
    Text(Cow<'t, str>),
    Seq(Vec<Node<'t>>),
    Map(Vec<Entry<'t>>),
}

/// A key, where it begins, and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry<'t> {
    pub(super) at: Place,
    pub(super) key: Cow<'t, str>,
    pub(super) node: Node<'t>,
}

impl<'t> Node<'t> {
    /// The value of a key; `None` where this is no map or has no such key.
    pub(super) fn get(&self, key: &str) -> Option<&Node<'t>> {
        self.entries().iter().rev().find(|entry| entry.key == key).map(|entry| &entry.node)
    }

    /// The value at the end of a path of keys.
    pub(super) fn at(&self, path: &[&str]) -> Option<&Node<'t>> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The entries of a map; none for anything else.
    pub(super) fn entries(&self) -> &[Entry<'t>] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a sequence; none for anything else.
    pub(super) fn items(&self) -> &[Node<'t>] {
        match &self.value {
            Value::Seq(items) => items,
            _ => &[],
        }
    }

    /// A text, as such.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A text, number or truth value as text, as people write it in a cell. `None` for null, sequences and maps.
    pub(super) fn scalar(&self) -> Option<Cow<'_, str>> {
        match &self.value {
            Value::Text(text) | Value::Number(text) => Some(Cow::Borrowed(text)),
            Value::Bool(value) => Some(Cow::Borrowed(if *value { "true" } else { "false" })),
            _ => None,
        }
    }

    /// What it is, for messages: `a text`, `a number`, ...
    pub(super) const fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "null",
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::Text(_) => "a text",
            Value::Seq(_) => "a list",
            Value::Map(_) => "a map",
        }
    }
}
