//! Keys as a browser wants to be told of them, on an English keyboard: not every key that there is.

use serde_json::{Value, json};

/// `KeyboardEvent.key`, `.code`, the number of the key, and what it types.
const NAMED: [(&str, &str, u32, &str); 15] = [
    ("Tab", "Tab", 9, ""),
    ("Enter", "Enter", 13, "\r"),
    (" ", "Space", 32, " "),
    ("Escape", "Escape", 27, ""),
    ("Backspace", "Backspace", 8, ""),
    ("Delete", "Delete", 46, ""),
    ("PageUp", "PageUp", 33, ""),
    ("PageDown", "PageDown", 34, ""),
    ("End", "End", 35, ""),
    ("Home", "Home", 36, ""),
    ("ArrowLeft", "ArrowLeft", 37, ""),
    ("ArrowUp", "ArrowUp", 38, ""),
    ("ArrowRight", "ArrowRight", 39, ""),
    ("ArrowDown", "ArrowDown", 40, ""),
    ("/", "Slash", 191, "/"),
];

/// Names of modifiers and their bits.
const MODIFIERS: [(&str, u32); 4] = [("Alt", 1), ("Control", 2), ("Meta", 4), ("Shift", 8)];
const SHIFT: u32 = 8;

/// A key, with the modifiers that are held.
#[derive(Debug)]
pub(super) struct Key {
    name: String,
    code: String,
    number: u32,
    text: String,
    modifiers: u32,
}

impl Key {
    #[track_caller]
    pub(super) fn named(name: &str) -> Self {
        let (mut rest, mut modifiers) = (name, 0);
        while let Some((held, key)) = rest.split_once('+').filter(|(held, _)| !held.is_empty()) {
            let known = MODIFIERS.iter().find(|(modifier, _)| *modifier == held);
            modifiers |= known.unwrap_or_else(|| panic!("no such modifier: {held} in {name}")).1;
            rest = key;
        }
        let found = NAMED.iter().find(|(key, code, ..)| *key == rest || *code == rest);
        let (key, code, number, text) = found.map_or_else(
            || character(rest).unwrap_or_else(|| panic!("no such key: {rest:?} in {name}")),
            |(key, code, number, text)| ((*key).to_owned(), (*code).to_owned(), *number, (*text).to_owned()),
        );
        // With others than shift held, a key commands and types nothing.
        let text = if modifiers & !SHIFT == 0 { text } else { String::new() };
        Self { name: key, code, number, text, modifiers }
    }

    /// The parameters of `Input.dispatchKeyEvent` that press it.
    pub(super) fn down(&self) -> Value {
        let mut event = self.event(if self.text.is_empty() { "rawKeyDown" } else { "keyDown" });
        if !self.text.is_empty() {
            event["text"] = self.text.as_str().into();
        }
        event
    }

    /// The parameters of `Input.dispatchKeyEvent` that release it.
    pub(super) fn up(&self) -> Value {
        self.event("keyUp")
    }

    fn event(&self, kind: &str) -> Value {
        json!({
            "type": kind, "key": self.name, "code": self.code, "windowsVirtualKeyCode": self.number,
            "modifiers": self.modifiers,
        })
    }
}

/// The key of a single character. One that an English keyboard has elsewhere or not at all only types.
fn character(text: &str) -> Option<(String, String, u32, String)> {
    let mut characters = text.chars();
    let (Some(one), None) = (characters.next(), characters.next()) else { return None };
    let upper = one.to_ascii_uppercase();
    let (code, number) = match upper {
        'A'..='Z' => (format!("Key{upper}"), u32::from(upper)),
        '0'..='9' => (format!("Digit{upper}"), u32::from(upper)),
        _ => (String::new(), 0),
    };
    Some((text.to_owned(), code, number, text.to_owned()))
}
