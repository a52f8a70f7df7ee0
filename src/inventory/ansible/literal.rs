//! How values stand in an INI inventory: words of a shell, and in them Python literals. Everything that is no
//! literal is a text, as in Ansible.
//!
//! No Python is run: names, calls and operators make a value a text.

use std::borrow::Cow;

use crate::inventory::{
    records::Place,
    tree::{Entry, Node, Value},
};

/// How deep lists and maps may stand in one another; what is deeper is a text.
const DEPTH: usize = 16;

/// The words of a line as a POSIX shell splits them. A `#` outside of quotes begins a comment, also within a word.
pub(in crate::inventory) fn words(line: &str) -> Result<Vec<String>, &'static str> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' | '\r' | '\n' => words.extend(word.take()),
            '#' => break,
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next() {
                        Some('\'') => break,
                        Some(c) => word.push(c),
                        None => return Err("a quotation mark `'` is not closed"),
                    }
                }
            }
            '"' => double_quoted(&mut chars, word.get_or_insert_default())?,
            '\\' => match chars.next() {
                Some(c) => word.get_or_insert_default().push(c),
                None => return Err("the line ends in a `\\`"),
            },
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

fn double_quoted(chars: &mut std::str::Chars<'_>, word: &mut String) -> Result<(), &'static str> {
    let open = "a quotation mark `\"` is not closed";
    loop {
        match chars.next().ok_or(open)? {
            '"' => return Ok(()),
            '\\' => match chars.next().ok_or(open)? {
                c @ ('"' | '\\') => word.push(c),
                c => word.extend(['\\', c]),
            },
            c => word.push(c),
        }
    }
}

/// The value that a text stands for: a Python literal, or the text itself.
pub(in crate::inventory) fn literal(text: &str, place: Place) -> Node<'static> {
    let mut reader = Reader { rest: text.trim_start_matches([' ', '\t']), place };
    let value = reader.whole().unwrap_or_else(|| Value::Text(Cow::Owned(text.to_owned())));
    Node { place, value }
}

struct Reader<'t> {
    rest: &'t str,
    place: Place,
}

impl Reader<'_> {
    fn space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }

    fn take(&mut self, c: char) -> bool {
        self.space();
        self.rest.strip_prefix(c).map(|rest| self.rest = rest).is_some()
    }

    fn node(&self, value: Value<'static>) -> Node<'static> {
        Node { place: self.place, value }
    }

    /// A literal to the end of the text, or several with commas between: a list. A comment may follow.
    fn whole(&mut self) -> Option<Value<'static>> {
        let first = self.value(0)?;
        self.space();
        let value = if self.rest.starts_with(',') {
            let mut all = vec![self.node(first)];
            while self.take(',') {
                self.space();
                if self.rest.is_empty() || self.rest.starts_with('#') {
                    break;
                }
                let next = self.value(0)?;
                all.push(self.node(next));
            }
            Value::Seq(all)
        } else {
            first
        };
        self.space();
        (self.rest.is_empty() || self.rest.starts_with('#')).then_some(value)
    }

    fn value(&mut self, depth: usize) -> Option<Value<'static>> {
        self.space();
        match self.rest.chars().next()? {
            '[' | '(' | '{' if depth >= DEPTH => None,
            '[' => {
                self.take('[');
                self.items(']', depth).map(|(items, _)| Value::Seq(items))
            }
            '(' => {
                self.take('(');
                let (mut items, comma) = self.items(')', depth)?;
                // One value in parentheses is the value itself.
                if items.len() == 1 && !comma {
                    return items.pop().map(|node| node.value);
                }
                Some(Value::Seq(items))
            }
            '{' => {
                self.take('{');
                self.map(depth)
            }
            '\'' | '"' => self.strings(),
            'r' | 'R' | 'b' | 'B' | 'u' | 'U' if self.prefixed() => self.strings(),
            c if c.is_ascii_digit() || matches!(c, '.' | '-' | '+') => self.number(),
            _ => self.word(),
        }
    }

    /// Values up to the closing mark, and whether a comma stands after the last one.
    fn items(&mut self, close: char, depth: usize) -> Option<(Vec<Node<'static>>, bool)> {
        let (mut items, mut comma) = (Vec::new(), true);
        loop {
            if self.take(close) {
                return Some((items, comma));
            }
            if !comma {
                return None;
            }
            let value = self.value(depth + 1)?;
            items.push(self.node(value));
            comma = self.take(',');
        }
    }

    /// A map, or a set, which is a list.
    fn map(&mut self, depth: usize) -> Option<Value<'static>> {
        if self.take('}') {
            return Some(Value::Map(Vec::new()));
        }
        let first = self.value(depth + 1)?;
        if !self.take(':') {
            let comma = self.take(',');
            let mut items = vec![self.node(first)];
            if comma {
                items.extend(self.items('}', depth)?.0);
            } else if !self.take('}') {
                return None;
            }
            return Some(Value::Seq(items));
        }
        let (mut entries, mut key) = (Vec::new(), first);
        loop {
            let node = self.value(depth + 1)?;
            let key_node = self.node(key);
            let text = key_node.scalar()?.into_owned();
            entries.push(Entry { at: self.place, key: Cow::Owned(text), node: self.node(node) });
            let comma = self.take(',');
            if self.take('}') {
                return Some(Value::Map(entries));
            }
            if !comma {
                return None;
            }
            key = self.value(depth + 1)?;
            if !self.take(':') {
                return None;
            }
        }
    }

    fn prefixed(&self) -> bool {
        let after = self.rest.trim_start_matches(['r', 'R', 'b', 'B', 'u', 'U']);
        self.rest.len() - after.len() <= 2 && after.starts_with(['\'', '"'])
    }

    /// One or more strings beside one another.
    fn strings(&mut self) -> Option<Value<'static>> {
        let mut text = String::new();
        loop {
            let after = self.rest.trim_start_matches(['r', 'R', 'b', 'B', 'u', 'U']);
            let raw = self.rest.get(..self.rest.len() - after.len())?.contains(['r', 'R']);
            self.rest = after;
            self.string(raw, &mut text)?;
            self.space();
            if !self.rest.starts_with(['\'', '"']) && !self.prefixed() {
                return Some(Value::Text(Cow::Owned(text)));
            }
        }
    }

    fn string(&mut self, raw: bool, text: &mut String) -> Option<()> {
        let quote = self.rest.chars().next()?;
        let triple = if quote == '"' { "\"\"\"" } else { "'''" };
        let close = if self.rest.starts_with(triple) { triple } else { triple.get(..1)? };
        self.rest = self.rest.get(close.len()..)?;
        loop {
            if let Some(rest) = self.rest.strip_prefix(close) {
                self.rest = rest;
                return Some(());
            }
            match self.next()? {
                '\\' if raw => text.extend(['\\', self.next()?]),
                '\\' => match self.next()? {
                    c @ ('\\' | '\'' | '"') => text.push(c),
                    'n' => text.push('\n'),
                    't' => text.push('\t'),
                    'r' => text.push('\r'),
                    'a' => text.push('\x07'),
                    'b' => text.push('\x08'),
                    'f' => text.push('\x0c'),
                    'v' => text.push('\x0b'),
                    'x' => text.push(self.hex(2)?),
                    'u' => text.push(self.hex(4)?),
                    'U' => text.push(self.hex(8)?),
                    c if c.is_ascii_digit() || c == 'N' => return None,
                    c => text.extend(['\\', c]),
                },
                c => text.push(c),
            }
        }
    }

    fn next(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let c = chars.next();
        self.rest = chars.as_str();
        c
    }

    fn hex(&mut self, digits: usize) -> Option<char> {
        let text = self.rest.get(..digits).filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()))?;
        self.rest = self.rest.get(digits..)?;
        u32::from_str_radix(text, 16).ok().and_then(char::from_u32)
    }

    fn number(&mut self) -> Option<Value<'static>> {
        let negative = self.rest.starts_with('-');
        self.rest = self.rest.strip_prefix(['-', '+']).unwrap_or(self.rest).trim_start();
        let mut before = ' ';
        let end = self.rest.find(|c: char| {
            let sign = matches!(c, '+' | '-') && matches!(before, 'e' | 'E');
            before = c;
            !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_') || sign)
        });
        let (text, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        let digits = plain_number(text)?;
        Some(Value::Number(Cow::Owned(if negative { format!("-{digits}") } else { digits })))
    }

    fn word(&mut self) -> Option<Value<'static>> {
        let end = self.rest.find(|c: char| !(c.is_alphanumeric() || c == '_'));
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        match word {
            "True" => Some(Value::Bool(true)),
            "False" => Some(Value::Bool(false)),
            "None" => Some(Value::Null),
            _ => None,
        }
    }
}

/// A number as Python writes it, in decimal. Whole numbers have no leading zero: `0443` is none.
fn plain_number(text: &str) -> Option<String> {
    let underscores = text.starts_with('_') || text.ends_with('_') || text.contains("__");
    if underscores || text.is_empty() {
        return None;
    }
    let text = text.replace('_', "");
    let based = |prefixes: [&str; 2], radix| {
        let digits = prefixes.iter().find_map(|prefix| text.strip_prefix(prefix))?;
        digits.bytes().all(|b| b.is_ascii_alphanumeric()).then_some(())?;
        u128::from_str_radix(digits, radix).ok()
    };
    if let Some(number) =
        based(["0x", "0X"], 16).or_else(|| based(["0o", "0O"], 8)).or_else(|| based(["0b", "0B"], 2))
    {
        return Some(number.to_string());
    }
    if text.bytes().all(|b| b.is_ascii_digit()) {
        let zeros = text.trim_start_matches('0');
        return if zeros.is_empty() {
            Some("0".to_owned())
        } else {
            (zeros.len() == text.len()).then(|| text.clone())
        };
    }
    let float = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'));
    (float && text.parse::<f64>().is_ok()).then_some(text)
}
