//! YAML through saphyr-parser's events. An alias copies what its anchor names, and copies are
//! counted: a few lines of aliases on aliases stand for gigabytes (a "YAML bomb").

use std::{borrow::Cow, collections::HashMap};

use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};

use super::{DEPTH, Entry, Fault, Node, Place, Value, json::place};

/// The most values that one text may stand for, beside one for each of its bytes.
const COPIES: usize = 1 << 16;

/// Every document of a YAML text, in order.
pub(in crate::inventory) fn yaml(text: &[u8]) -> Result<Vec<Node<'_>>, Fault> {
    let text = super::json::utf8(text)?;
    let mut builder = Builder {
        open: Vec::new(),
        documents: Vec::new(),
        anchors: HashMap::new(),
        left: COPIES + text.len(),
    };
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            let mark = error.marker();
            let message = format!("this is not YAML: {}", error.info());
            Fault::new(place(mark.line(), mark.col() + 1), message)
        })?;
        builder.take(event, &span)?;
    }
    Ok(builder.documents)
}

/// A collection that is not closed yet.
struct Open<'t> {
    place: Place,
    anchor: usize,
    content: Content<'t>,
}

enum Content<'t> {
    Seq(Vec<Node<'t>>),
    /// The entries, and the key whose value comes next.
    Map(Vec<Entry<'t>>, Option<(Place, Cow<'t, str>)>),
}

struct Builder<'t> {
    open: Vec<Open<'t>>,
    documents: Vec<Node<'t>>,
    anchors: HashMap<usize, (Node<'t>, usize)>,
    left: usize,
}

impl<'t> Builder<'t> {
    fn take(&mut self, event: Event<'t>, span: &Span) -> Result<(), Fault> {
        let at = place(span.start.line(), span.start.col() + 1);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let node = Node { place: at, value: scalar(text, style, tag.as_deref()) };
                self.put(node, anchor)
            }
            Event::SequenceStart(anchor, _) => self.begin(at, anchor, Content::Seq(Vec::new())),
            Event::MappingStart(anchor, _) => self.begin(at, anchor, Content::Map(Vec::new(), None)),
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(open) = self.open.pop() else { return Ok(()) };
                let value = match open.content {
                    Content::Seq(items) => Value::Seq(items),
                    Content::Map(entries, _) => Value::Map(entries),
                };
                self.put(Node { place: open.place, value }, open.anchor)
            }
            Event::Alias(anchor) => {
                let Some((node, size)) = self.anchors.get(&anchor) else {
                    return Err(Fault::new(at, "an alias to an anchor that is not complete or not there"));
                };
                let (node, size) = (node.clone(), *size);
                self.count(size, at)?;
                if depth(&node) + self.open.len() > DEPTH {
                    return Err(too_deep(at));
                }
                self.put(node, 0)
            }
            Event::DocumentStart(_) => {
                self.anchors.clear();
                Ok(())
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
        }
    }

    fn begin(&mut self, place: Place, anchor: usize, content: Content<'t>) -> Result<(), Fault> {
        if self.open.len() >= DEPTH {
            return Err(too_deep(place));
        }
        self.open.push(Open { place, anchor, content });
        Ok(())
    }

    /// Counts the values that an alias stands for.
    fn count(&mut self, size: usize, at: Place) -> Result<(), Fault> {
        self.left = self.left.checked_sub(size).ok_or_else(|| {
            Fault::new(at, "aliases of this file stand for far more than it holds; write the values out")
        })?;
        Ok(())
    }

    /// Puts a finished value into what is open, or makes it a document.
    fn put(&mut self, node: Node<'t>, anchor: usize) -> Result<(), Fault> {
        if anchor > 0 {
            let size = size(&node);
            self.count(size, node.place)?;
            self.anchors.insert(anchor, (node.clone(), size));
        }
        match self.open.last_mut().map(|open| &mut open.content) {
            None => self.documents.push(node),
            Some(Content::Seq(items)) => items.push(node),
            Some(Content::Map(entries, key)) => match key.take() {
                Some((at, name)) if name == "<<" => merge(entries, at, node),
                Some((at, name)) => entries.push(Entry { at, key: name, node }),
                None => {
                    let name = match node.value {
                        Value::Text(text) | Value::Number(text) => text,
                        Value::Bool(value) => Cow::Borrowed(if value { "true" } else { "false" }),
                        Value::Null => Cow::Borrowed(""),
                        Value::Seq(_) | Value::Map(_) => {
                            return Err(Fault::new(node.place, "a key of a map is to be a text"));
                        }
                    };
                    *key = Some((node.place, name));
                }
            },
        }
        Ok(())
    }
}

/// `<<: *defaults`: what the map does not say itself, it has from there. Entries of the map win, wherever they
/// stand, so what is merged goes first.
fn merge<'t>(entries: &mut Vec<Entry<'t>>, at: Place, node: Node<'t>) {
    match node.value {
        Value::Map(from) => {
            entries.splice(0..0, from);
        }
        // The first of a list wins over the later ones.
        Value::Seq(all) => {
            let mut front = Vec::new();
            for one in all.into_iter().rev() {
                match one.value {
                    Value::Map(from) => front.extend(from),
                    value => merge(entries, at, Node { place: one.place, value }),
                }
            }
            entries.splice(0..0, front);
        }
        other => entries.push(Entry {
            at,
            key: Cow::Borrowed("<<"),
            node: Node { place: node.place, value: other },
        }),
    }
}

fn too_deep(place: Place) -> Fault {
    Fault::new(place, format!("values stand in one another more than {DEPTH} deep"))
}

fn size(node: &Node<'_>) -> usize {
    1 + node.items().iter().map(size).sum::<usize>()
        + node.entries().iter().map(|entry| 1 + size(&entry.node)).sum::<usize>()
}

fn depth(node: &Node<'_>) -> usize {
    let inner = node.items().iter().chain(node.entries().iter().map(|entry| &entry.node));
    inner.map(|node| 1 + depth(node)).max().unwrap_or(0)
}

/// A scalar by the core schema (YAML 1.2.2 section 10.3), without its octal and hexadecimal numbers: a port written
/// `0x1bb` is somebody's text. `yes` and `no` are texts, as there.
fn scalar<'t>(text: Cow<'t, str>, style: ScalarStyle, tag: Option<&Tag>) -> Value<'t> {
    let forced_text = tag.is_some_and(|tag| tag.suffix == "str" || !tag.is_yaml_core_schema());
    if style != ScalarStyle::Plain || forced_text {
        return Value::Text(text);
    }
    match text.as_ref() {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        plain if is_number(plain) => Value::Number(text),
        _ => Value::Text(text),
    }
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'-' | b'+'))
        && text.parse::<f64>().is_ok()
}
