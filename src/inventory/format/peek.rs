//! What the beginning of a text shows, worked out once for all formats that try to recognise it.

use std::cell::OnceCell;

use crate::inventory::tree;

/// How much of a text is looked at, in bytes.
const LOOKED_AT: usize = 1 << 20;

/// The beginning of a text without a byte order mark.
pub(in crate::inventory) struct Peek<'t> {
    /// At most the first mebibyte.
    pub(in crate::inventory) text: &'t [u8],
    keys: OnceCell<Vec<String>>,
}

impl<'t> Peek<'t> {
    pub(in crate::inventory) fn new(text: &'t [u8]) -> Self {
        Self { text: text.get(..LOOKED_AT).unwrap_or(text), keys: OnceCell::new() }
    }

    /// The first byte that is no white space.
    pub(in crate::inventory) fn first_byte(&self) -> Option<u8> {
        self.text.trim_ascii_start().first().copied()
    }

    /// The first line that is neither blank nor a `#` comment.
    pub(in crate::inventory) fn first_line(&self) -> &'t [u8] {
        self.lines().next().unwrap_or_default()
    }

    /// The lines that are neither blank nor a `#` comment, trimmed. The last one may be cut.
    pub(in crate::inventory) fn lines(&self) -> impl Iterator<Item = &'t [u8]> + use<'t> {
        let lines = self.text.split(|&b| b == b'\n').map(<[u8]>::trim_ascii);
        lines.filter(|line| !line.is_empty() && !line.starts_with(b"#"))
    }

    /// The keys of the JSON object with which the text begins, or of the first object of its array, as far as they
    /// are in sight. None for anything else; a list such as `[2001:db8::1]:443` is none.
    pub(in crate::inventory) fn json_keys(&self) -> &[String] {
        self.keys.get_or_init(|| match self.first_byte() {
            Some(b'{' | b'[') => tree::json_keys(self.text),
            _ => Vec::new(),
        })
    }

    /// Whether the JSON object in sight has all of these keys.
    pub(in crate::inventory) fn has_json_keys(&self, keys: &[&str]) -> bool {
        keys.iter().all(|key| self.json_keys().iter().any(|k| k == key))
    }
}
