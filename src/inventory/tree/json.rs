//! JSON through serde_json. Its raw values are slices of the text, and a slice knows where it stands.

use std::borrow::Cow;

use serde::de::{self, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{DEPTH, Entry, Fault, Node, Place, Value};

/// One JSON text (RFC 8259).
pub(in crate::inventory) fn json(text: &[u8]) -> Result<Node<'_>, Fault> {
    json_without(text, &[])
}

/// One JSON text in which the values of some keys, wherever they stand, are not read: they become null. For values
/// that may be secrets: nothing of them is copied.
pub(in crate::inventory) fn json_without<'t>(
    text: &'t [u8],
    unread: &'static [&'static str],
) -> Result<Node<'t>, Fault> {
    let text = utf8(text)?;
    let mut lines = Lines { unread, ..Lines::new(text) };
    let raw: &RawValue = serde_json::from_str(text).map_err(|error| fault(&error, 1))?;
    node(raw, &mut lines, DEPTH)
}

/// JSON texts one after another, on lines of their own or not, with the values of some keys unread. Nothing is read
/// behind a fault.
pub(in crate::inventory) fn json_stream<'t>(
    text: &'t [u8],
    unread: &'static [&'static str],
) -> impl Iterator<Item = Result<Node<'t>, Fault>> {
    let (text, broken) = match utf8(text) {
        Ok(text) => (text, None),
        Err(fault) => ("", Some(Err(fault))),
    };
    let mut lines = Lines { unread, ..Lines::new(text) };
    let raws = serde_json::Deserializer::from_str(text).into_iter::<&'t RawValue>();
    let nodes = raws.map(move |raw| node(raw.map_err(|error| fault(&error, 1))?, &mut lines, DEPTH));
    broken.into_iter().chain(nodes)
}

/// One JSON text on each line (JSON Lines); blank lines are passed over. Each line stands for itself.
pub(in crate::inventory) fn json_lines(text: &[u8]) -> impl Iterator<Item = Result<Node<'_>, Fault>> {
    let lines = (1_u32..).zip(text.split(|&b| b == b'\n'));
    lines.filter(|(_, line)| !line.trim_ascii().is_empty()).map(|(number, line)| {
        let moved = |mut fault: Fault| {
            fault.place.line = number;
            fault
        };
        let mut node = json(line).map_err(moved)?;
        move_to(&mut node, number);
        Ok(node)
    })
}

fn move_to(node: &mut Node<'_>, line: u32) {
    node.place.line = line;
    match &mut node.value {
        Value::Seq(items) => items.iter_mut().for_each(|item| move_to(item, line)),
        Value::Map(entries) => {
            for entry in entries {
                entry.at.line = line;
                move_to(&mut entry.node, line);
            }
        }
        _ => {}
    }
}

/// The keys of the first object of a text, or of the first object of the array that it is, as far as
/// it can be read; for telling formats apart.
pub(in crate::inventory) fn keys(text: &[u8]) -> Vec<String> {
    let text = text.trim_ascii_start();
    let text = text.strip_prefix(b"[").map_or(text, <[u8]>::trim_ascii_start);
    let mut keys = Vec::new();
    let mut reader = serde_json::Deserializer::from_slice(text);
    let _ = reader.deserialize_map(Keys(&mut keys)); // what comes after a fault is not needed
    keys
}

struct Keys<'k>(&'k mut Vec<String>);

impl<'de> Visitor<'de> for Keys<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            self.0.push(key);
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

pub(super) fn utf8(text: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(text).map_err(|error| {
        let before = text.get(..error.valid_up_to()).unwrap_or_default();
        let line = before.split(|&b| b == b'\n').count();
        let column = before.iter().rev().take_while(|&&b| b != b'\n').count() + 1;
        Fault::new(place(line, column), "this is not UTF-8; save the file as UTF-8")
    })
}

pub(super) fn place(line: usize, column: usize) -> Place {
    let narrow = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).max(1);
    Place { line: narrow(line), column: narrow(column) }
}

/// serde_json's own words, without its place and without the text that it met.
fn fault(error: &serde_json::Error, line: usize) -> Fault {
    let text = error.to_string();
    let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
    let what = what.split_once(", expected").map_or(what, |_| what);
    Fault::new(place(error.line() + line - 1, error.column()), format!("this is not JSON: {what}"))
}

/// Turns places in a text into lines. Places are asked for in rising order, so one pass is enough.
struct Lines<'t> {
    text: &'t str,
    at: usize,
    line: usize,
    start: usize,
    /// Keys whose values are not read.
    unread: &'static [&'static str],
}

impl<'t> Lines<'t> {
    const fn new(text: &'t str) -> Self {
        Self { text, at: 0, line: 1, start: 0, unread: &[] }
    }

    /// Where a part of the text begins.
    fn place(&mut self, part: &str) -> Place {
        let offset = (part.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        if offset < self.at {
            (self.at, self.line, self.start) = (0, 1, 0);
        }
        let between = self.text.as_bytes().get(self.at..offset).unwrap_or_default();
        for (n, _) in between.iter().enumerate().filter(|(_, b)| **b == b'\n') {
            self.line += 1;
            self.start = self.at + n + 1;
        }
        self.at = offset.min(self.text.len());
        place(self.line, self.at - self.start + 1)
    }
}

fn node<'t>(raw: &'t RawValue, lines: &mut Lines<'t>, depth: usize) -> Result<Node<'t>, Fault> {
    let text = raw.get();
    let place = lines.place(text);
    let wrong = |error: &serde_json::Error| Fault { place, ..fault(error, 1) };
    let value = match text.as_bytes().first() {
        Some(b'{' | b'[') if depth == 0 => {
            return Err(Fault::new(place, format!("values stand in one another more than {DEPTH} deep")));
        }
        Some(b'{') => {
            let members: Members<'t> = serde_json::from_str(text).map_err(|e| wrong(&e))?;
            let entry = |(key, raw): (&'t RawValue, &'t RawValue)| {
                let at = lines.place(key.get());
                let key = string(key.get()).map_err(|e| wrong(&e))?;
                if lines.unread.contains(&key.as_ref()) {
                    let node = Node { place: lines.place(raw.get()), value: Value::Null };
                    return Ok(Entry { at, key, node });
                }
                Ok(Entry { at, key, node: node(raw, lines, depth - 1)? })
            };
            Value::Map(members.0.into_iter().map(entry).collect::<Result<_, _>>()?)
        }
        Some(b'[') => {
            let items: Vec<&'t RawValue> = serde_json::from_str(text).map_err(|e| wrong(&e))?;
            Value::Seq(items.into_iter().map(|raw| node(raw, lines, depth - 1)).collect::<Result<_, _>>()?)
        }
        Some(b'"') => Value::Text(string(text).map_err(|e| wrong(&e))?),
        Some(b't') => Value::Bool(true),
        Some(b'f') => Value::Bool(false),
        Some(b'n') => Value::Null,
        _ => Value::Number(Cow::Borrowed(text)),
    };
    Ok(Node { place, value })
}

/// A string literal; borrowed where it holds no escape.
fn string(text: &str) -> Result<Cow<'_, str>, serde_json::Error> {
    let inner = text.strip_prefix('"').and_then(|t| t.strip_suffix('"'));
    match inner.filter(|inner| !inner.contains('\\')) {
        Some(plain) => Ok(Cow::Borrowed(plain)),
        None => serde_json::from_str::<String>(text).map(Cow::Owned),
    }
}

/// The members of an object in their order, doubles included.
struct Members<'t>(Vec<(&'t RawValue, &'t RawValue)>);

impl<'de: 't, 't> de::Deserialize<'de> for Members<'t> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = Vec<(&'de RawValue, &'de RawValue)>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(key) = map.next_key_seed(std::marker::PhantomData::<&'de RawValue>)? {
                    members.push((key, map.next_value()?));
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Visit).map(Members)
    }
}
