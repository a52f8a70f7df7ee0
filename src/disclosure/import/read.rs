//! Reading of a JSON document that somebody else wrote: every complaint names its path into the document.
//!
//! It knows no format. `null` counts as absent: that is how makers write "nothing".

use std::{fmt, rc::Rc};

use serde_json::{Map, Value};

use crate::model::text::printable;

/// Longest piece of a document's own text in a message.
const SHOWN: usize = 60;

/// A complaint about one place of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) path: String,
    pub(super) message: String,
}

#[derive(Debug)]
enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

/// The way from the root to a place. Cheap to copy; spelled out when somebody has to read it.
#[derive(Clone, Debug, Default)]
pub(super) struct Trail<'a>(Option<Rc<(Trail<'a>, Step<'a>)>>);

impl<'a> Trail<'a> {
    fn key(&self, key: &'a str) -> Self {
        Self(Some(Rc::new((self.clone(), Step::Key(key)))))
    }

    fn index(&self, index: usize) -> Self {
        Self(Some(Rc::new((self.clone(), Step::Index(index)))))
    }
}

impl fmt::Display for Trail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut steps = Vec::new();
        let mut here = self;
        while let Some(link) = &here.0 {
            steps.push(&link.1);
            here = &link.0;
        }
        if steps.is_empty() {
            return f.write_str("document");
        }
        for (at, step) in steps.iter().rev().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) => write!(f, "{}{}", if at == 0 { "" } else { "." }, shown(key))?,
            }
        }
        Ok(())
    }
}

/// One value of a document and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Node<'a> {
    pub(super) value: &'a Value,
    pub(super) at: Trail<'a>,
}

impl<'a> Node<'a> {
    pub(super) fn root(value: &'a Value) -> Self {
        Self { value, at: Trail::default() }
    }

    /// The root of one record among several.
    pub(super) fn record(value: &'a Value, index: usize) -> Self {
        Self { value, at: Trail::default().index(index) }
    }

    pub(super) fn wrong(&self, message: impl Into<String>) -> Wrong {
        Wrong { path: self.at.to_string(), message: message.into() }
    }

    fn expected(&self, what: &str) -> Wrong {
        self.wrong(format!("expected {what}, found {}", kind(self.value)))
    }

    pub(super) fn object(&self) -> Result<&'a Map<String, Value>, Wrong> {
        self.value.as_object().ok_or_else(|| self.expected("an object"))
    }

    pub(super) fn text(&self) -> Result<&'a str, Wrong> {
        self.value.as_str().ok_or_else(|| self.expected("a text"))
    }

    pub(super) fn list(&self) -> Result<Items<'a>, Wrong> {
        let items = self.value.as_array().ok_or_else(|| self.expected("a list"))?;
        Ok(Items { items: items.iter().enumerate(), at: self.at.clone() })
    }

    /// A field; absent and `null` are the same.
    pub(super) fn get(&self, key: &'a str) -> Result<Option<Node<'a>>, Wrong> {
        let found = self.object()?.get(key).filter(|value| !value.is_null());
        Ok(found.map(|value| Self { value, at: self.at.key(key) }))
    }

    pub(super) fn need(&self, key: &'a str) -> Result<Node<'a>, Wrong> {
        let missing = || Wrong { path: self.at.key(key).to_string(), message: "missing".to_owned() };
        self.get(key)?.ok_or_else(missing)
    }

    pub(super) fn text_of(&self, key: &'a str) -> Result<Option<&'a str>, Wrong> {
        self.get(key)?.map(|node| node.text()).transpose()
    }

    pub(super) fn need_text(&self, key: &'a str) -> Result<&'a str, Wrong> {
        self.need(key)?.text()
    }

    /// The items of a list; an absent list has none.
    pub(super) fn list_of(&self, key: &'a str) -> Result<Items<'a>, Wrong> {
        match self.get(key)? {
            Some(node) => node.list(),
            None => Ok(Items { items: [].iter().enumerate(), at: self.at.clone() }),
        }
    }
}

/// The items of a list with their places.
#[derive(Debug)]
pub(super) struct Items<'a> {
    items: std::iter::Enumerate<std::slice::Iter<'a, Value>>,
    at: Trail<'a>,
}

impl<'a> Iterator for Items<'a> {
    type Item = Node<'a>;

    fn next(&mut self) -> Option<Node<'a>> {
        self.items.next().map(|(index, value)| Node { value, at: self.at.index(index) })
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// A piece of the document's own text, fit for a message.
pub(super) fn shown(text: &str) -> String {
    one_line(text, SHOWN)
}

/// A text on one line, without characters that act on a terminal, cut at so many characters.
pub(super) fn one_line(text: &str, most: usize) -> String {
    // The escape of a character is longer than the character: so much of the text is enough.
    let start: String = text.chars().take(most.saturating_mul(4)).collect();
    let line = start.split_whitespace().collect::<Vec<_>>().join(" ");
    let safe = printable(&line);
    let whole = start.len() == text.len() && safe.chars().nth(most).is_none();
    if whole {
        safe.into_owned()
    } else {
        let cut: String = safe.chars().take(most.saturating_sub(1)).collect();
        format!("{}…", cut.trim_end())
    }
}
